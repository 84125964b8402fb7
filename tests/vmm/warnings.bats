#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Warnings that save an evening: exact, one line each, silenced by -quiet; and
# COMMAND runs all the same.
#
# The one of a wireless lower device is in tests/unit: a device is wireless when its
# driver gave it a phy80211, and no kernel of these tests has such a driver.

load ../lib/common
load ../lib/device
load ../lib/refused
load vmm

setup() {
	common_setup
	lower_new "$NS"
	bridge_new "$NS" br0 port0 far
}

ONE=(vm0 link lower mode bridge address "${MAC[1]}")

# warned LINE WORDS... -- ARGS... - open-exec WORDS with `true ARGS` as COMMAND
# says exactly this, "" for nothing; with -quiet nothing at all
warned() {
	local line=$1
	local -a words=()

	shift
	while [[ $1 != -- ]]; do
		words+=("$1")
		shift
	done
	run_vn open-exec "${words[@]}" -- true "${@:2}"
	assert_status 0 && assert_out "" &&
		assert_err "${line:+vnetctl: warning: $line}" || return
	[[ ! $line ]] || {
		made_gone "${words[@]}"
		run_vn -quiet open-exec "${words[@]}" -- true "${@:2}"
		assert_status 0 && assert_out "" && assert_err "" || return
	}
	made_gone "${words[@]}"
}

# made_gone WORDS... - those of vm0, vm1, t0 that are in the words are gone
made_gone() {
	local w

	for w in "$@"; do
		[[ $w != vm[0-9] && $w != t[0-9] ]] || all_gone "$w" || return
	done
}

mac_line() {
	echo "COMMAND's MAC is $1, but a macvtap delivers only frames for its own, and that of vm0 is ${MAC[1]}"
}

# --- MAC ----------------------------------------------------------------------

no_mac_line() {
	echo "COMMAND gives its NIC on $1 no MAC, but a macvtap delivers only frames for its own: add '$2'"
}

@test "warnings: a MAC that is not the macvtap's" {
	local other=52:54:00:aa:bb:cc

	warned "$(mac_line $other)" "${ONE[@]}" -- \
		-netdev 'tap,id=n,fd={fd}' -device "virtio-net-pci,netdev=n,mac=$other"
	warned "$(mac_line $other)" "${ONE[@]}" -- -nic "tap,fd={fd},mac=$other"
	warned "$(mac_line $other)" "${ONE[@]}" -- -net "nic,macaddr=$other,model=e1000"
	warned "$(mac_line $other)" "${ONE[@]}" -- -net 'tap,fd={fd}' -net "nic,macaddr=$other"
	warned "$(mac_line $other)" "${ONE[@]}" -- --net "mac=$other,fd={fd}"
	warned "$(mac_line $other)" "${ONE[@]}" lifetime fd -- --net "mac=$other,fd={fd}"
	warned "$(mac_line $other)" "${ONE[@]}" queues 2 -- --net "mac=$other,fd={fds}"
}

@test "warnings: as COMMAND wrote it" {
	warned "$(mac_line 52:54:00:AA:BB:CC)" "${ONE[@]}" -- "fd={fd},mac=52:54:00:AA:BB:CC,y"
}

@test "warnings: the macvtap's own MAC, in capitals too" {
	warned "" vm0 link lower address 52:54:00:aa:bb:cc -- \
		-device "virtio-net-pci,netdev=n,mac=52:54:00:AA:BB:CC" -netdev 'tap,id=n,fd={fd}'
	warned "" "${ONE[@]}" -- -device 'virtio-net-pci,mac={mac}' 'fd={fd}'
	warned "" "${ONE[@]}" -- -m 256
	warned "" "${ONE[@]}" -- -net nic
	warned "" "${ONE[@]}" args netdev vhost off -- -m 256
}

@test "warnings: what is no MAC of a NIC" {
	warned "" "${ONE[@]}" -- 'fd={fd},mac=none' 'fd={fd},xmac=52:54:00:00:00:09' \
		'fd={fd},52:54:00:00:00:09' 'fd={fd},host_mac=52:54:00:00:00:09' \
		'fd={fd},mac=52:54:00' --smac 'fd={fd},mac='
}

@test "warnings: the MAC of a NIC that is not ours" {
	local -a ours=(-netdev 'tap,id=n,fd={fd}' -device 'virtio-net-pci,netdev=n,mac={mac}')

	warned "" "${ONE[@]}" -- -nic "user,mac=${MAC[9]}" -nic 'tap,fd={fd},mac={mac}'
	warned "" "${ONE[@]}" -- "${ours[@]}" -netdev user,id=u \
		-device "e1000,netdev=u,mac=${MAC[9]}"
	warned "" "${ONE[@]}" -- "${ours[@]}" -net user -net "nic,macaddr=${MAC[9]}"
	warned "" "${ONE[@]}" -- "${ours[@]}" -netdev '{"type":"user","id":"u"}' \
		-device "{\"driver\":\"e1000\",\"netdev\":\"u\",\"mac\":\"${MAC[9]}\"}"
	warned "" "${ONE[@]}" args netdev vhost off -- -nic "user,mac=${MAC[9]}"
	# Nobody can tell whose these are.
	warned "" "${ONE[@]}" args none -- "mac=${MAC[9]}" "guest_mac=${MAC[9]}" \
		-device "e1000,netdev=n,mac=${MAC[9]}"
}

@test "warnings: a NIC on a macvtap without a MAC" {
	local line

	line=$(no_mac_line vm0 'mac={mac}')
	warned "$line" "${ONE[@]}" -- -nic 'tap,fd={fd}'
	warned "$line" "${ONE[@]}" -- -nic 'tap,fd={fd},model=e1000' -nic user
	warned "$line" "${ONE[@]}" -- -netdev 'tap,id=a,fd={fd}' -device virtio-net-pci,netdev=a
	warned "$line" "${ONE[@]}" -- -device virtio-net-pci,netdev=a \
		-netdev '{"type":"tap","id":"a","fd":"{fd}"}'
	line=$(no_mac_line vm0 '"mac":"{mac}"')
	warned "$line" "${ONE[@]}" -- -netdev 'tap,id=a,fd={fd}' \
		-device '{"driver":"virtio-net-pci","netdev":"a"}'
	line=$(no_mac_line vm0 'macaddr={mac}')
	warned "$line" "${ONE[@]}" -- -net nic -net 'tap,fd={fd}'
	warned "$line" "${ONE[@]}" -- -net nic,netdev=a -netdev 'tap,id=a,fd={fd}'
	line=$(no_mac_line vm0 'mac={mac:vm0}')
	warned "$line" "${ONE[@]}" dev t0 link br0 -- -nic 'tap,fd={fd:t0}' -nic 'tap,fd={fd:vm0}'
}

# A tap's guest may have any, and not every word tells of a NIC.
@test "warnings: none for a NIC without a MAC" {
	warned "" t0 link br0 -- -nic 'tap,fd={fd}'
	warned "" "${ONE[@]}" -- -nic user 'fd={fd}'
	warned "" "${ONE[@]}" -- -netdev 'tap,id=a,fd={fd}' -device virtio-net-pci,netdev=b
	warned "" "${ONE[@]}" -- --net 'fd={fd}'
	warned "" "${ONE[@]}" -- '{fd}'
}

@test "warnings: a tap takes any MAC" {
	warned "" t0 link br0 address "${MAC[1]}" -- "fd={fd},mac=${MAC[9]}"
}

@test "warnings: the MACs of several devices are each one's own" {
	local -a two=("${ONE[@]}" dev vm1 link lower address "${MAC[2]}")

	warned "" "${two[@]}" -- -nic "tap,fd={fd:vm1},mac=${MAC[2]}" \
		-nic "tap,fd={fd:vm0},mac=${MAC[1]}"
	warned "$(mac_line "${MAC[3]}")" "${two[@]}" -- -nic "tap,fd={fd:vm1},mac=${MAC[2]}" \
		-nic "tap,fd={fd:vm0},mac=${MAC[3]}"
	warned "$(mac_line "${MAC[2]}")" "${two[@]}" -- -nic "tap,fd={fd:vm0},mac=${MAC[2]}"
}

@test "warnings: the MAC in QEMU's JSON, and kvmtool's guest_mac" {
	local other=52:54:00:aa:bb:cc

	warned "$(mac_line $other)" "${ONE[@]}" -- -netdev '{"type":"tap","id":"n","fd":"{fd}"}' \
		-device "{\"driver\":\"virtio-net-pci\",\"netdev\":\"n\",\"mac\":\"$other\"}"
	warned "$(mac_line $other)" "${ONE[@]}" -- run -n "mode=tap,fd={fd},guest_mac=$other"
}

# Whatever the order of the devices is: it is the macvtap that is deaf.
@test "warnings: a tap before a macvtap" {
	warned "$(mac_line "${MAC[9]}")" t0 link br0 address "${MAC[2]}" dev "${ONE[@]}" -- \
		"fd={fd:t0},mac=${MAC[8]}" "fd={fd:vm0},mac=${MAC[9]}"
}

# --- MTU ----------------------------------------------------------------------

mtu_line() {
	echo "the mtu of $1 is $2, but COMMAND does not tell its guest: 'host_mtu=$2' on virtio-net does, and so does 'args netdev'"
}

@test "warnings: an mtu of which the guest is not told" {
	ip -n "$NS" link set lower mtu 9000
	ip -n "$NS" link set peer mtu 9000
	warned "$(mtu_line vm0 9000)" "${ONE[@]}" -- -m 256
	warned "$(mtu_line vm0 1400)" "${ONE[@]}" mtu 1400 -- -m 256
	warned "$(mtu_line vm0 1400)" "${ONE[@]}" mtu 1400 -- -device 'virtio-net-pci,mac={mac}'
	warned "$(mtu_line t0 1300)" t0 link br0 mtu 1300 -- -m 256
	warned "$(mtu_line vm0 1400)" "${ONE[@]}" mtu 1400 args none -- -m 256
}

@test "warnings: an mtu of which the guest is told, or need not be" {
	warned "" "${ONE[@]}" mtu 1500 -- -m 256
	warned "" "${ONE[@]}" mtu 1400 args netdev vhost off -- -m 256
	warned "" "${ONE[@]}" mtu 1400 -- -device 'virtio-net-pci,mac={mac},host_mtu=1400'
	warned "" "${ONE[@]}" mtu 1400 -- -device 'virtio-net-pci,host_mtu={mtu},fd={fd}'
}

@test "warnings: the mtu of each of several devices" {
	run_vn open-exec "${ONE[@]}" mtu 1400 dev t0 link br0 mtu 1300 args none -- true
	assert_status 0
	assert_err "vnetctl: warning: $(mtu_line vm0 1400)
vnetctl: warning: $(mtu_line t0 1300)"
}

# cloud-hypervisor's --net has mtu=.
@test "warnings: {mtu} tells the guest, whatever the VMM's word is" {
	warned "" "${ONE[@]}" mtu 1400 -- --net 'fd={fd},mac={mac},mtu={mtu}'
}

# --- queues -------------------------------------------------------------------

@test "warnings: mq=on with one queue" {
	local line="COMMAND has mq=on, but vm0 is opened with one queue: say 'queues N'"

	warned "$line" "${ONE[@]}" -- -netdev 'tap,id=n,fd={fd}' \
		-device 'virtio-net-pci,netdev=n,mac={mac},mq=on,vectors=10'
	warned "$line" "${ONE[@]}" queues 1 args none -- mq=on
	warned "${line/vm0/t0}" t0 link br0 args none -- mq=on
	warned "" "${ONE[@]}" queues 2 -- -netdev 'tap,id=n,fds={fds}' \
		-device 'virtio-net-pci,netdev=n,mac={mac},mq=on,vectors={vectors}'
	warned "" "${ONE[@]}" args none -- mq=off
}

# --- the lower device ---------------------------------------------------------

@test "warnings: the lower device or bridge is down" {
	ip -n "$NS" link set lower down
	ip -n "$NS" link set br0 down
	warned "lower is down, so vm0 reaches nobody: 'ip link set lower up'" "${ONE[@]}" args none --
	warned "lower is down, so vm0 reaches nobody: 'ip link set lower up'" \
		"${ONE[@]}" lifetime fd args none --
	warned "br0 is down, so t0 reaches nobody: 'ip link set br0 up'" t0 link br0 args none --
	# A device that was there.
	vn create old link lower
	vn create old-t link br0
	run_vn open-exec old dev old-t args none -- true
	assert_status 0
	assert_err "vnetctl: warning: lower is down, so old reaches nobody: 'ip link set lower up'
vnetctl: warning: br0 is down, so old-t reaches nobody: 'ip link set br0 up'"
	all_gone old old-t
	vn create old link lower
	run_vn -q open-exec old args none -- true
	assert_err ""
	all_gone old
	# A tap of its own has nothing that could be down; one that is down comes up.
	warned "" t0 type tap args none --
}

# The kernel puts a macvtap on a macvlan beside it, on the real device, where
# it hears everything that is for it.
@test "warnings: the lower device is itself a macvlan" {
	local line="mv0 is itself a macvlan: the kernel puts vm0 beside it, on its lower device"

	ip -n "$NS" link add mv0 link lower type macvlan mode bridge
	no_ipv6 "$NS" mv0
	ip -n "$NS" link set mv0 up
	warned "$line" vm0 link mv0 mode bridge args none --
	spawn_co guest vn open-exec vm0 link mv0 mode bridge address "${MAC[1]}" -- \
		"$FRAME" serve fd '{fd}'
	wait_text "$BATS_TEST_TMPDIR/guest.out" '^ready$'
	[[ $(json "$NS" '.[].link') == lower ]]
	frame_on far "$NS" peer
	says far "send ${MAC[9]} ${MAC[1]} one" ok
	says guest "expect one 2000" "src ${MAC[9]} dst ${MAC[1]}"
	says guest "send ${MAC[1]} ${MAC[9]} two" ok
	says far "expect two 2000" "src ${MAC[1]} dst ${MAC[9]}"
	[[ $(<"$BATS_TEST_TMPDIR/guest.err") == "vnetctl: warning: $line" ]]
}

@test "warnings: several at once, and none with -quiet" {
	ip -n "$NS" link set lower down
	for option in "" -q -quiet --quiet; do
		# shellcheck disable=SC2086 # one word or none
		run_vn $option open-exec "${ONE[@]}" mtu 1400 -- true "fd={fd},mac=${MAC[9]}" mq=on
		assert_status 0
		assert_out ""
		if [[ $option ]]; then
			assert_err ""
		else
			assert_err "vnetctl: warning: lower is down, so vm0 reaches nobody: 'ip link set lower up'
vnetctl: warning: $(mac_line "${MAC[9]}")
vnetctl: warning: $(mtu_line vm0 1400)
vnetctl: warning: COMMAND has mq=on, but vm0 is opened with one queue: say 'queues N'"
		fi
		all_gone vm0
	done
}
