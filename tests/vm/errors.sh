#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What errors.bats runs inside the virtual machine: refusals that take a kernel
# part the machine under it may not have (bond, ipvlan, 802.1Q), or take one
# away (macvtap, tun). Prints one line "ok NAME" or "not ok NAME: why" for each
# name in errors.bats.

# shellcheck disable=SC2317 # all functions are called through check

source ./verbs.sh

# refused STATUS LINE ARGS...: vnetctl ARGS exits STATUS, says exactly this, and
# the links are as they were
refused() {
	local before after

	before=$(ip -o link)
	says "$1" '' "vnetctl: $2" vnetctl "${@:3}" || return
	after=$(ip -o link)
	[[ $before == "$after" ]] || fail "${*:3}: $after"
}

# in_the_way LOWER WHY WORDS...: no macvtap can be made there
in_the_way() {
	local line="cannot create macvtap vm9 on $1: $2"

	refused 2 "$line" create vm9 link "$1" "${@:3}" &&
		refused 125 "$line" open-exec vm9 link "$1" "${@:3}" -- true &&
		refused 125 "$line" open-exec vm9 link "$1" "${@:3}" lifetime persistent -- true
}

bond_port() {
	local why="Device or resource busy: dm1 belongs to bond bond0: use 'link bond0'"

	in_the_way dm1 "$why" && in_the_way dm1 "$why" mode passthru || return
	# And that way out is one.
	silent vnetctl create vm9 link bond0 && silent vnetctl destroy vm9
}

ipvlan_there() {
	local kind

	for kind in ipvlan ipvtap; do
		ip link add iv0 link dm0 type "$kind" || return
		in_the_way dm0 "Device or resource busy: dm0 carries ipvlan iv0, which excludes macvtaps" ||
			return
		ip link del iv0
	done
}

untouched() {
	local dev kind

	ip link add iv0 link dm0 type ipvlan || return
	ip link add vlan5 link dm0 type vlan id 5 || return
	for dev in dm0:dummy dm1:dummy bond0:bond iv0:ipvlan vlan5:vlan; do
		kind=${dev#*:}
		dev=${dev%:*}
		refused 2 "$dev is no macvtap and no tap, but a $kind: vnetctl leaves it alone" \
			destroy "$dev" || return
		refused 125 "$dev is no macvtap and no tap, but a $kind: vnetctl leaves it alone" \
			open-exec "$dev" -- true || return
	done
	ip link del iv0 && ip link del vlan5
}

no_macvtap() {
	local why="Operation not supported: Unknown device type: this kernel has no macvtap: 'modprobe macvtap', or a kernel with CONFIG_MACVTAP"

	rmmod macvtap && echo /bin/false >/proc/sys/kernel/modprobe || return
	in_the_way dm0 "$why" && in_the_way dm0 "$why" mode bridge || return
	# Taps can be had, and there is nothing to list.
	silent vnetctl create t0 && silent vnetctl destroy t0 || return
	says 0 '[]' '' vnetctl -j list
}

no_tun() {
	local line="is the module tun loaded? In a container, add --device /dev/net/tun"

	rmmod vhost_net && rmmod tun || return
	[[ ! -e /dev/net/tun ]] || fail "/dev/net/tun is still there" || return
	refused 2 "cannot open /dev/net/tun: No such file or directory: $line" create t9 || return
	refused 125 "cannot open /dev/net/tun: No such file or directory: $line" \
		open-exec t9 type tap -- true || return
	# A node that was made beforehand, and nothing behind it
	mkdir -p /dev/net && mknod -m 666 /dev/net/tun c 10 200 || return
	refused 2 "cannot open /dev/net/tun: No such device: $line" create t9 || return
	says 0 '[]' '' vnetctl -j list
}

ip link add dm0 type dummy && ip link set dm0 up
ip link add dm1 type dummy
ip link add bond0 type bond && ip link set dm1 master bond0

check "errors: a port of a bond" bond_port
check "errors: an ipvlan" ipvlan_there
check "errors: devices that are not touched" untouched
check "errors: no macvtap in the kernel" no_macvtap
check "errors: no tun in the kernel" no_tun
exit $failed
