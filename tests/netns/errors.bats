#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the kernel, the system or the policy refuses: the one line names the
# object in the way and the way out, and nothing is left behind or changed.
#
# Not here: kernels without macvtap or tun, bonds and ipvlans where this kernel
# has none; tests/vm has a kernel for those.

# shellcheck disable=SC2154 # common.bash sets stderr and the vt_ ones

load ../lib/common
load ../lib/lifetime
load ../lib/refused

admin='this needs CAP_NET_ADMIN in the network namespace (try sudo; in a container --cap-add NET_ADMIN)'
lifeline_rights='this needs CAP_SYS_ADMIN (in a container --cap-add SYS_ADMIN) and must not be forbidden by RestrictNamespaces= or a seccomp filter'

# in_the_way LINE-AFTER-THE-NAME WORDS... - a macvtap that can neither be
# created nor be made by open-exec
in_the_way() {
	local why=$1
	shift

	untouched 2 "cannot create macvtap vm9 on $why" create vm9 "$@"
	untouched 2 "cannot create macvtap vm9 on $why" create vm9 "$@" up
	untouched 125 "cannot create macvtap vm9 on $why" open-exec vm9 "$@" -- true
	untouched 125 "cannot create macvtap vm9 on $why" \
		open-exec vm9 "$@" lifetime persistent -- true
}

# --- the lower device is taken ---------------------------------------------

@test "errors: the lower device is a port of a bridge" {
	bridge_new "$NS"
	in_the_way "port0: Device or resource busy: port0 is a port of bridge br0: use 'link br0'" \
		link port0
	in_the_way "port0: Device or resource busy: port0 is a port of bridge br0: use 'link br0'" \
		link port0 mode passthru
	# And that way out is one.
	run_vn create vm9 link br0
	assert_status 0
}

@test "errors: the lower device is a port of a bond" {
	lower_new "$NS"
	ip -n "$NS" link add bond0 type bond ||
		skip "this kernel has no bonding driver (see tests/vm)"
	ip -n "$NS" link set lower down
	ip -n "$NS" link set lower master bond0
	in_the_way "lower: Device or resource busy: lower belongs to bond bond0: use 'link bond0'" \
		link lower
}

@test "errors: the lower device carries an ipvlan" {
	lower_new "$NS"
	ip -n "$NS" link add ipv0 link lower type ipvlan ||
		skip "this kernel has no ipvlan driver (see tests/vm)"
	in_the_way "lower: Device or resource busy: lower carries ipvlan ipv0, which excludes macvtaps" \
		link lower
}

@test "errors: passthru beside others, and others beside passthru" {
	local kind

	lower_new "$NS"
	for kind in macvtap macvlan; do
		ip -n "$NS" link add first link lower type "$kind" mode bridge
		in_the_way "lower: Invalid argument: passthru: lower already carries first" \
			link lower mode passthru
		run_vn create vm1 link lower mode vepa
		assert_status 0
		vn destroy vm1
		ip -n "$NS" link del first

		ip -n "$NS" link add first link lower type "$kind" mode passthru
		for mode in private vepa bridge source; do
			untouched 2 "cannot create macvtap vm9 on lower: Invalid argument: first has lower whole (passthru)" \
				-q create vm9 link lower mode "$mode"
		done
		in_the_way "lower: Invalid argument: first has lower whole (passthru)" link lower
		in_the_way "lower: Invalid argument: passthru: lower already carries first" \
			link lower mode passthru
		ip -n "$NS" link del first
	done
	# Without the other it is fine.
	run_vn create vm9 link lower mode passthru
	assert_status 0
	assert_err ""
}

@test "errors: the same MAC on one lower device" {
	local line="52:54:00:00:00:01 is already used by vm0 on lower"

	lower_new "$NS"
	vn create vm0 link lower address 52:54:00:00:00:01 up
	untouched 2 "cannot bring up vm1: Address already in use: $line" \
		create vm1 link lower address 52:54:00:00:00:01 up
	untouched 125 "cannot bring up vm1: Address already in use: $line" \
		open-exec vm1 link lower address 52:54:00:00:00:01 -- true
	untouched 125 "cannot bring up vm1: Address already in use: $line" \
		open-exec vm1 link lower address 52:54:00:00:00:01 lifetime persistent -- true
	# Down they go together, until one is to be opened.
	run_vn create vm1 link lower address 52:54:00:00:00:01
	assert_status 0
	untouched 125 "cannot bring up vm1: Address already in use: $line" \
		open-exec vm1 -- true
	untouched 125 "cannot bring up vm1: Address already in use: $line" \
		open-exec vm1 lifetime persistent -- true
}

# Down, a device has not taken its address: it is in nobody's way.
@test "errors: the same MAC, of one that is up and others that are not" {
	local i line="52:54:00:00:00:01 is already used by vm0 on lower"

	lower_new "$NS"
	vn create vm0 link lower address 52:54:00:00:00:01 up
	# One before it and one behind, as the kernel lists them.
	for i in 9999 99999999; do
		ip -n "$NS" link add "idle$i" index "$i" link lower address 52:54:00:00:00:01 \
			type macvtap
	done
	untouched 2 "cannot bring up vm1: Address already in use: $line" \
		create vm1 link lower address 52:54:00:00:00:01 up
	untouched 125 "cannot bring up vm1: Address already in use: $line" \
		open-exec vm1 link lower address 52:54:00:00:00:01 -- true
}

# ip does not show it, so it had better be named.
@test "errors: what lives in a lifeline is in the way" {
	local line mac=52:54:00:00:00:01

	lower_new "$NS"
	spawn_co vm0 vn open-exec vm0 link lower address $mac lifetime fd args none -- \
		"$PROBE" hold
	wait_text "$BATS_TEST_TMPDIR/vm0.out" '^{'
	line="cannot bring up vm1: Address already in use: $mac is already used by vm0 on lower"
	untouched_held 2 "$line" create vm1 link lower address $mac up
	for life in fd watched persistent; do
		untouched_held 125 "$line" \
			open-exec vm1 link lower address $mac lifetime "$life" -- true
		untouched_held 125 "cannot create macvtap vm9 on lower: Invalid argument: passthru: lower already carries vm0" \
			open-exec vm9 link lower mode passthru lifetime "$life" -- true
	done
	# Its holder cannot be seen there, and might be on its way out: after a wait.
	refused_cmd 2 "$line" in_ns "$NS" unshare -pf --mount-proc \
		"$VNETCTL" create vm1 link lower address $mac up
	co_eof vm0
	bg_end vm0
	spawn_co vm0 vn open-exec vm0 link lower mode passthru lifetime fd args none -- \
		"$PROBE" hold
	wait_text "$BATS_TEST_TMPDIR/vm0.out" '^{'
	line="cannot create macvtap vm1 on lower: Invalid argument: vm0 has lower whole (passthru)"
	untouched_held 2 "$line" create vm1 link lower
	untouched_held 125 "$line" open-exec vm1 link lower lifetime fd -- true
}

# untouched_held STATUS LINE ARGS... - as untouched, but one lifeline is there
untouched_held() {
	local before

	before=$(vt_links) || return
	refused "$@" || return
	[[ $before == "$(vt_links)" ]] || fail "$vt_ran changed:" "$(vt_links)" || return
	wait_until 5 vt_one_lifeline
}

vt_one_lifeline() {
	(($(marks | wc -l) == 1))
}

@test "errors: the same MAC as others have it" {
	lower_new "$NS"
	ip -n "$NS" link set lower address 52:54:00:00:00:0a
	ip -n "$NS" link add mv0 link lower address 52:54:00:00:00:0b type macvlan mode bridge
	ip -n "$NS" link set mv0 up
	untouched 2 "cannot bring up vm1: Address already in use: 52:54:00:00:00:0a is already used by lower on lower" \
		create vm1 link lower address 52:54:00:00:00:0a up
	untouched 125 "cannot bring up vm1: Address already in use: 52:54:00:00:00:0b is already used by mv0 on lower" \
		open-exec vm1 link lower address 52:54:00:00:00:0b -- true
	# On another lower device it is none of their business.
	run_vn create vm1 link peer address 52:54:00:00:00:0b up
	assert_status 0
	assert_err ""
}

# --- the lower device will not do -------------------------------------------

@test "errors: the lower device is not there" {
	local line="cannot find nope: No such device: 'ip link' shows which devices there are"

	untouched 2 "$line" create vm9 link nope
	untouched 2 "$line" create vm9 type tap link nope
	untouched 125 "$line" open-exec vm9 link nope mode bridge -- true
}

@test "errors: the lower device is in another namespace" {
	local there

	ns_new there
	lower_new "$there"
	untouched 2 "cannot find lower: No such device: 'ip link' shows which devices there are" \
		create vm9 link lower
}

# It may come up at any time: no refusal, but nobody shall wonder.
@test "errors: the lower device is down" {
	local line="lower is down, so vm9 reaches nobody: 'ip link set lower up'"

	lower_new "$NS"
	ip -n "$NS" link set lower down
	run_vn create vm9 link lower up
	assert_status 0
	assert_out ""
	assert_err "vnetctl: warning: $line"
	vn destroy vm9
	for words in "link lower" "link lower lifetime persistent" ""; do
		# shellcheck disable=SC2086 # words
		run_vn open-exec vm9 $words args none -- true
		assert_status 0
		assert_out ""
		assert_err "vnetctl: warning: $line"
		[[ $words == *persistent ]] || wait_gone "$NS" vm9
	done
	# A device that stays down may wait for it.
	run_vn create vm9 link lower
	assert_status 0
	assert_err ""
}

@test "errors: the lower device is no Ethernet" {
	ip -n "$NS" tuntap add tun0 mode tun
	in_the_way "lo: Invalid argument: lo is no Ethernet device" link lo
	# In passthru it is asked to have the lower device's MAC, which is none.
	in_the_way "lo: Cannot assign requested address: lo is no Ethernet device" \
		link lo mode passthru
	in_the_way "tun0: Invalid argument: tun0 is no Ethernet device" link tun0
}

@test "errors: the mtu is more than the lower device's" {
	lower_new "$NS"
	ip -n "$NS" link set lower mtu 1400
	untouched 2 "cannot create vm9: mtu 1401 is more than the 1400 of lower" \
		create vm9 link lower mtu 1401
	untouched 125 "cannot create vm9: mtu 65535 is more than the 1400 of lower" \
		open-exec vm9 link lower mtu 65535 -- true
	run_vn create vm9 link lower mtu 1400
	assert_status 0
	json "$NS" '.[0].mtu == 1400'
}

@test "errors: the mtu is more than a tap's can be" {
	bridge_new "$NS"
	untouched 2 "cannot set up tap t9: Invalid argument: mtu greater than device maximum" \
		create t9 mtu 65535
	untouched 125 "cannot set up tap t9: Invalid argument: mtu greater than device maximum" \
		open-exec t9 type tap mtu 65522 -- true
	untouched 2 "cannot set up tap t9 on br0: Invalid argument: mtu greater than device maximum" \
		create t9 link br0 mtu 65535
	run_vn create t9 mtu 65521
	assert_status 0
	json "$NS" '.[0].mtu == 65521'
}

@test "errors: a tap's link is no bridge" {
	local dev

	lower_new "$NS"
	ip -n "$NS" link add mv0 link lower type macvlan
	for dev in lower mv0 lo; do
		untouched 2 "cannot create tap t9 on $dev: $dev is no bridge: a tap's link is the bridge it becomes a port of" \
			create t9 type tap link "$dev"
		untouched 125 "cannot create tap t9 on $dev: $dev is no bridge: a tap's link is the bridge it becomes a port of" \
			open-exec t9 type tap link "$dev" -- true
	done
}

# --- the name ----------------------------------------------------------------

@test "errors: the name exists, vnetctl's own" {
	local name

	lower_new "$NS"
	vn create vm0 link lower
	vn create t0
	for name in vm0 t0; do
		untouched 2 "cannot create macvtap $name on lower: File exists: choose another name, or 'vnetctl destroy $name'" \
			create "$name" link lower
		untouched 2 "cannot create tap $name: File exists: choose another name, or 'vnetctl destroy $name'" \
			create "$name" type tap
		untouched 125 "cannot create tap $name: File exists: choose another name, or 'vnetctl destroy $name'" \
			open-exec "$name" type tap -- true
	done
	# And that way out is one.
	run_vn destroy t0
	run_vn create t0
	assert_status 0
}

# vnetctl would not destroy these: it is no way out.
@test "errors: the name exists, another device's" {
	local name

	lower_new "$NS"
	ip -n "$NS" link add br0 type bridge
	for name in lower br0 lo; do
		untouched 2 "cannot create macvtap $name on lower: File exists: choose another name" \
			create "$name" link lower
		untouched 2 "cannot create tap $name: File exists: choose another name" \
			create "$name" type tap
	done
}

@test "errors: the name is another one of some device" {
	lower_new "$NS"
	vn create vm0 link lower
	ip -n "$NS" link property add dev vm0 altname other
	untouched 2 "cannot create tap other: File exists: choose another name, or 'vnetctl destroy other'" \
		create other
	untouched 2 "cannot create macvtap other on lower: File exists: choose another name, or 'vnetctl destroy other'" \
		create other link lower
	run_vn destroy other
	assert_status 0
	assert_gone "$NS" vm0
}

@test "errors: there is no such device" {
	untouched 2 "cannot find nope: No such device" destroy nope
	untouched 2 "cannot find nope: No such device" mode nope
	untouched 2 "cannot find nope: No such device" mode nope bridge
	untouched 2 "cannot find nope: No such device" list nope
	untouched 125 "cannot find nope: No such device: to make it on the way, say at least 'type tap' or 'link DEV'" \
		open-exec nope -- true
	run_vn destroy nope if-exists
	assert_status 0
	assert_out ""
	assert_err ""
}

# --- devices that are none of ours -------------------------------------------

@test "errors: no command touches what is no macvtap and no tap" {
	local name kind line known=0

	lower_new "$NS"
	ip -n "$NS" tuntap add a-tun mode tun
	ip -n "$NS" link add a-macvlan link lower type macvlan
	for kind in bridge dummy ifb vlan bond vrf nlmon; do
		ip -n "$NS" link add "a-$kind" type "$kind" 2>/dev/null || true
	done
	for name in $(ip -n "$NS" -j link | jq -r '.[].ifname'); do
		kind=$(ip -n "$NS" -j -d link show dev "$name" |
			jq -r '.[0].linkinfo.info_kind // "-"')
		case $kind in
		-) kind="another device" ;;
		tun) kind="a tun without Ethernet" ;;
		*) kind="a $kind" ;;
		esac
		line="$name is no macvtap and no tap, but $kind: vnetctl leaves it alone"
		untouched 2 "$line" destroy "$name"
		untouched 2 "$line" destroy dev "$name" if-exists
		untouched 2 "$line" mode "$name"
		untouched 2 "$line" mode "$name" bridge
		untouched 2 "$line" list "$name"
		untouched 125 "$line" open-exec "$name" -- true
		untouched 125 "$line" open-exec "$name" lifetime persistent -- true
		known=$((known + 1))
	done
	# lo, lower, peer, a tun, a macvlan, a bridge at least
	((known >= 6))
	run_vn list
	assert_status 0
	assert_out ""
}

# Interface indexes are per namespace: an equal one is not the same device.
@test "errors: destroy link is not what has its index in another namespace" {
	local there index

	lower_new "$NS"
	vn create mine link lower
	ns_new there
	index=$(in_ns "$NS" cat /sys/class/net/lower/ifindex)
	ip -n "$there" link add other index "$index" type veth peer name other-peer
	vn -n "$there" create guest link other
	ip -n "$there" link set guest netns "$NS"
	assert_there "$NS" guest
	run_vn destroy link lower
	assert_status 0
	assert_err ""
	assert_gone "$NS" mine
	assert_there "$NS" guest
}

# --- modes --------------------------------------------------------------------

@test "errors: modes that a live device cannot take" {
	local mode
	local cure="passthru cannot be entered or left on a live device: destroy and create it again"

	lower_new "$NS"
	vn create vm0 link lower
	untouched 2 "cannot set mode passthru of vm0: $cure" mode vm0 passthru
	untouched 2 "cannot set mode passthru of vm0: $cure" mode vm0 passthrough
	vn create pt0 link peer mode passthru
	for mode in private vepa bridge source; do
		untouched 2 "cannot set mode $mode of pt0: $cure" mode pt0 "$mode"
	done
}

@test "errors: modes of a tap" {
	local mode

	bridge_new "$NS"
	vn create t0
	vn create t1 link br0
	untouched 2 "t0 has no mode: it is no port of a bridge" mode t0
	for mode in vepa passthru source; do
		for name in t0 t1; do
			untouched 2 "cannot set mode $mode of $name: a tap has no such mode: bridge or private" \
				mode "$name" "$mode"
		done
	done
	for mode in bridge private; do
		untouched 2 "cannot set mode $mode of t0: a tap has a mode only as a port of a bridge: give it 'link BRIDGE'" \
			mode t0 "$mode"
	done
}

# --- rights ---------------------------------------------------------------------

# as_nobody ARGS... - vnetctl as a user without any right, where /dev/net/tun
# is as udev makes it; through a descriptor, for the binary may be out of reach
as_nobody() {
	in_ns "$NS" sh -c '
		mount -t tmpfs none /dev/net &&
		mknod -m 666 /dev/net/tun c 10 200 &&
		exec setpriv --reuid=65534 --regid=65534 --clear-groups -- \
			/proc/self/fd/9 "$@"' sh "$@" 9<"$VNETCTL"
}

# without CAP ARGS... - vnetctl as root but for one capability
without() {
	in_ns "$NS" setpriv "--bounding-set=-$1" "--inh-caps=-$1" -- \
		"$VNETCTL" "${@:2}"
}

rights_population() {
	bridge_new "$NS"
	vn create vm0 link peer
	vn create t0 link br0
	vn create t1
}

@test "errors: as nobody" {
	local words what

	rights_population
	for words in "link peer" "type tap" "link br0"; do
		[[ $words == "link peer" ]] && what=vm9 || what="tap vm9"
		# shellcheck disable=SC2086 # words
		untouched_cmd 2 "cannot create $what: Operation not permitted: $admin" \
			as_nobody create vm9 $words
		# shellcheck disable=SC2086
		untouched_cmd 125 "cannot create $what: Operation not permitted: $admin" \
			as_nobody open-exec vm9 $words lifetime persistent -- true
	done
	untouched_cmd 125 "cannot make a network namespace for the lifeline: Operation not permitted: $lifeline_rights" \
		as_nobody open-exec vm9 link peer -- true
	for words in vm0 t0 "vm0 lifetime persistent"; do
		# shellcheck disable=SC2086 # words
		untouched_cmd 125 "cannot open ${words%% *}: Operation not permitted: $admin" \
			as_nobody open-exec $words -- true
	done
	untouched_cmd 2 "cannot set the mode of vm0: Operation not permitted: $admin" \
		as_nobody mode vm0 bridge
	untouched_cmd 2 "cannot set the mode of t0: Operation not permitted: $admin" \
		as_nobody mode t0 private
	for words in vm0 "vm0 force"; do
		# shellcheck disable=SC2086 # words
		untouched_cmd 2 "cannot remove vm0: Operation not permitted: $admin" \
			as_nobody destroy $words
	done
	untouched_cmd 2 "cannot remove t0: Operation not permitted: $admin" \
		as_nobody destroy t0
	untouched_cmd 2 "cannot remove t0: Operation not permitted: $admin" \
		as_nobody destroy t0 if-exists
	untouched_cmd 2 "cannot enter a network namespace: Operation not permitted: this needs CAP_SYS_ADMIN (in a container --cap-add SYS_ADMIN)" \
		as_nobody -n "$NS" list
	# Looking is free.
	run_cmd as_nobody mode vm0
	assert_status 0
	assert_out vepa
	assert_err ""
}

@test "errors: as root without CAP_NET_ADMIN" {
	local words

	rights_population
	untouched_cmd 2 "cannot create macvtap vm9 on peer: Operation not permitted: $admin" \
		without net_admin create vm9 link peer
	untouched_cmd 125 "cannot create macvtap vm9 on peer: Operation not permitted: $admin" \
		without net_admin open-exec vm9 link peer lifetime persistent -- true
	for words in "type tap" "link br0"; do
		# shellcheck disable=SC2086 # words
		untouched_cmd 2 "cannot create tap t9: Operation not permitted: $admin" \
			without net_admin create t9 $words
		# shellcheck disable=SC2086
		untouched_cmd 125 "cannot create tap t9: Operation not permitted: $admin" \
			without net_admin open-exec t9 $words -- true
	done
	for words in "vm9 link peer" "vm9 link peer lifetime fd" vm0; do
		# shellcheck disable=SC2086 # words
		untouched_cmd 125 "cannot give the lifeline namespace an id: Operation not permitted: $admin" \
			without net_admin open-exec $words -- true
	done
	for words in t0 "vm0 lifetime persistent"; do
		# shellcheck disable=SC2086 # words
		untouched_cmd 125 "cannot bring up ${words%% *}: Operation not permitted: $admin" \
			without net_admin open-exec $words -- true
	done
	untouched_cmd 2 "cannot set mode bridge of vm0: Operation not permitted: $admin" \
		without net_admin mode vm0 bridge
	untouched_cmd 2 "cannot set mode private of t0: Operation not permitted: $admin" \
		without net_admin mode t0 private
	for words in vm0 "vm0 force" t0 "t0 if-exists"; do
		# shellcheck disable=SC2086 # words
		untouched_cmd 2 "cannot remove ${words%% *}: Operation not permitted: $admin" \
			without net_admin destroy $words
	done
}

@test "errors: as root without CAP_SYS_ADMIN" {
	local words

	rights_population
	for words in "vm9 link peer" "vm9 link peer lifetime fd" "vm9 link peer lifetime watched"; do
		# shellcheck disable=SC2086 # words
		untouched_cmd 125 "cannot make a network namespace for the lifeline: Operation not permitted: $lifeline_rights" \
			without sys_admin open-exec $words -- true
	done
	# What is there, or needs no lifeline, needs the device's number.
	for words in "vm9 link peer lifetime persistent" vm0 "vm0 lifetime persistent"; do
		# shellcheck disable=SC2086 # words
		untouched_cmd 125 "cannot mount a sysfs of our own: Operation not permitted: this needs CAP_SYS_ADMIN (in a container --cap-add SYS_ADMIN; in a user namespace a mount namespace too: unshare -m)" \
			without sys_admin open-exec $words -- true
	done
	untouched_cmd 2 "cannot mount a sysfs of our own: Operation not permitted: this needs CAP_SYS_ADMIN (in a container --cap-add SYS_ADMIN; in a user namespace a mount namespace too: unshare -m): 'force' removes vm0 without looking who holds it" \
		without sys_admin destroy vm0
	untouched_cmd 2 "cannot enter a network namespace: Operation not permitted: this needs CAP_SYS_ADMIN (in a container --cap-add SYS_ADMIN)" \
		without sys_admin -n "$NS" list
	# CAP_NET_ADMIN is enough for the rest.
	for words in "create vm9 link peer" "mode vm9 bridge" "destroy vm9 force" \
		"create t9 link br0" "mode t9 private" "destroy t9" "open-exec t0 -- true"; do
		# shellcheck disable=SC2086 # words
		run_cmd without sys_admin $words
		assert_status 0
		assert_out ""
		assert_err ""
	done
}

@test "errors: as root without CAP_MKNOD, and /dev is another's" {
	local node

	rights_population
	node=$(in_ns "$NS" sh -c 'cat /sys/class/net/vm0/tap*/dev')
	# The right node is there: it needs none.
	run_cmd without mknod open-exec vm0 lifetime persistent args none -- true
	assert_status 0
	assert_err ""
	run_cmd in_empty_dev -mknod open-exec vm0 lifetime persistent args none -- true
	assert_status 125
	assert_out ""
	assert_err "vnetctl: $(no_node "$node")"
	# With it the node is made where nobody sees it.
	run_cmd in_empty_dev +mknod open-exec vm0 lifetime persistent args none -- true
	assert_status 0
	assert_err ""
}

# no_node NUMBER - why there is no node for this device
no_node() {
	echo "cannot make a node for device $1: Operation not permitted:" \
		"this needs CAP_MKNOD outside any user namespace, and a device cgroup that" \
		"allows it (DeviceAllow=char-macvtap rwm in a unit, --device-cgroup-rule" \
		"'c ${1%:*}:* rwm' in a container), or the right /dev/tapN, open to us"
}

# in_empty_dev CAP ARGS... - vnetctl where /dev is almost empty; -mknod without
# that right
in_empty_dev() {
	in_ns "$NS" sh -c '
		mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 || exit 99
		caps="--bounding-set=-mknod --inh-caps=-mknod"
		[ "$1" = -mknod ] || caps="--bounding-set=+mknod"
		shift
		exec setpriv $caps -- "$0" "$@"' "$VNETCTL" "$@"
}

# --- the system -------------------------------------------------------------------

@test "errors: there is no /dev/net/tun" {
	local line="cannot open /dev/net/tun: No such file or directory: is the module tun loaded? In a container, add --device /dev/net/tun"

	vn create t0
	untouched_cmd 2 "$line" no_tun create t9
	untouched_cmd 125 "$line" no_tun open-exec t9 type tap -- true
	untouched_cmd 125 "$line" no_tun open-exec t0 -- true
}

no_tun() {
	in_ns "$NS" sh -c 'mount -t tmpfs none /dev/net && exec "$0" "$@"' "$VNETCTL" "$@"
}

@test "errors: IPv6 cannot be kept off, where /proc/sys is read-only" {
	local words line="cannot keep the host's IPv6 off vm9 (/proc/sys/net/ipv6/conf/vm9/disable_ipv6): Read-only file system: /proc/sys is read-only here: start the container with --sysctl net.ipv6.conf.default.disable_ipv6=1, or with /proc/sys writable (podman: --security-opt unmask=/proc/sys, docker: --security-opt systempaths=unconfined)"

	lower_new "$NS"
	bridge_new "$NS" br0 port0 peer0
	for words in "link lower" "link br0"; do
		# shellcheck disable=SC2086 # words
		untouched_cmd 2 "$line" read_only create vm9 $words
	done
	untouched_cmd 125 "$line" read_only open-exec vm9 link br0 -- true
	untouched_cmd 125 "$line" read_only open-exec vm9 link lower lifetime persistent -- true
}

# With CAP_SYS_ADMIN there is a way to the file.
read_only() {
	in_ns "$NS" sh -c 'mount --bind /proc/sys /proc/sys &&
		mount -o remount,bind,ro /proc/sys &&
		exec setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin "$0" "$@"' "$VNETCTL" "$@"
}

# A limit of the user namespace: in one of its own nobody else feels it.
@test "errors: no more network namespaces" {
	run_cmd in_ns "$NS" unshare -U -r -n sh -c '
		ip link add lower type veth peer name peer
		echo 1 >/proc/sys/user/max_net_namespaces || exit 99
		before=$(ip -o link)
		"$0" open-exec vm9 link lower -- true
		rc=$?
		[ "$before" = "$(ip -o link)" ] || exit 98
		exit $rc' "$VNETCTL"
	assert_status 125
	assert_out ""
	assert_err "vnetctl: cannot make a network namespace for the lifeline: No space left on device: see sysctl user.max_net_namespaces"
}

# No node of the host's can be opened there by another user, and none made.
@test "errors: in a user namespace of nobody's" {
	run_cmd in_user_ns open-exec vm9 link lower -- true
	assert_status 125
	assert_out ""
	[[ $stderr =~ device\ ([0-9]+:[0-9]+) ]] || fail "$stderr"
	assert_err "vnetctl: $(no_node "${BASH_REMATCH[1]}")"
	# What needs no node is all there.
	run_cmd in_user_ns create vm9 link lower
	assert_status 98
	assert_err ""
}

# vnetctl ARGS where a user has only namespaces of his own; 98 when that
# changed the links there
in_user_ns() {
	in_ns "$NS" setpriv --reuid=65534 --regid=65534 --clear-groups -- \
		unshare -U -r -n -m sh -c '
		ip link add lower type veth peer name peer
		before=$(ip -o link)
		/proc/self/fd/9 "$@"
		rc=$?
		[ "$before" = "$(ip -o link)" ] || exit 98
		exit $rc' sh "$@" 9<"$VNETCTL"
}

@test "errors: a bridge that has all the ports that it can have" {
	local i line="cannot set up tap t0 on br0: Exchange full: bridge br0 has 1023 ports, and no bridge can have more"

	bridge_new "$NS"
	# It has one already, and these are two each.
	for ((i = 0; i < 511; i++)); do
		echo "link add a$i master br0 type veth peer name b$i"
		echo "link set b$i master br0"
	done >"$BATS_TEST_TMPDIR/ports"
	ip -n "$NS" -b "$BATS_TEST_TMPDIR/ports"
	(($(ip -n "$NS" -o link show master br0 | wc -l) == 1023))
	refused 2 "$line" create t0 link br0
	refused 125 "$line" open-exec t0 link br0 -- true
	assert_gone "$NS" t0
}

# Runs a command without the descriptor of its device's namespace.
# shellcheck disable=SC2016 # for the inner shell
CLOSED_NETNS=(bash -c 'for f in /proc/$$/fd/*; do
		[[ $(readlink "$f") != net:* ]] || eval "exec ${f##*/}>&-"
	done
	exec "$@"' sh)

@test "errors: share is named where it opens the device, and nowhere else" {
	local held

	lower_new "$NS"
	spawn_co vm0 vn open-exec vm0 link lower lifetime fd args none -- \
		"${CLOSED_NETNS[@]}" "$PROBE" hold
	wait_text "$BATS_TEST_TMPDIR/vm0.out" '^{'
	held="cannot open vm0: Device or resource busy: it is held by probe (pid $(bg_pid vm0))"
	refused 125 "$held: 'share' opens it all the same" open-exec vm0 -- true
	run_vn open-exec vm0 share args none -- "$PROBE"
	assert_status 0
	assert_err ""
	jq -e '[.fds[] | select(.ifname == "vm0")] | length == 1' <<<"$output"
	# More queues than there are cannot be shared.
	refused 125 "$held" open-exec vm0 queues 2 -- true
	refused 125 "cannot share 2 queues of vm0: its holder has 1" \
		open-exec vm0 queues 2 share -- true
	co_eof vm0
	wait_until 5 no_marks
}
