#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A real QEMU that runs vnetctl as its helper: a lease for each guest, and the device gone with
# it. In place of qemu-bridge-helper, for a macvtap, and for an ordinary user.

load ../lib/common
load ../lib/refused
load ../lib/qemu
load ../lib/device
load ../lib/lifetime
load ../priv/priv

# helped NAME CMD... - a QEMU whose NIC n0 is by HELPER, with the address MAC
helped() {
	spawn_bg "$1" "${@:2}" "${QEMU_CMD[@]}" -netdev "tap,id=n0,helper=$HELPER" \
		-device "virtio-net-pci,netdev=n0,mac=$MAC"
}

@test "qemu: the helper: a tap on a bridge, and a macvtap" {
	bridge_new "$NS" br0 port0 peer
	guest_net "$NS" peer
	HELPER="$VNETCTL helper" MAC=52:54:00:00:00:01 helped tap in_ns "$NS"
	[[ $(wait_lease 52:54:00:00:00:01) == 10.9.0.* ]]
	json "$NS" '.[0] | .ifname == "vnet0" and .type == "tap" and .master == "br0"'
	kill -9 "$(bg_pid tap)"
	wait_gone "$NS" vnet0 1

	lower_new "$NS" lower wire
	guest_net "$NS" wire
	# QEMU says --br=br0 in any case.
	HELPER="$VNETCTL helper link lower mode bridge address 52:54:00:00:00:02" \
		MAC=52:54:00:00:00:02 helped macvtap in_ns "$NS"
	HELPER="$VNETCTL helper vm-fd link lower mode bridge address 52:54:00:00:00:03 lifetime fd" \
		MAC=52:54:00:00:00:03 helped fd in_ns "$NS"
	[[ $(wait_lease 52:54:00:00:00:02) == 10.9.0.* ]]
	[[ $(wait_lease 52:54:00:00:00:03) == 10.9.0.* ]]
	json "$NS" 'map({(.ifname): .lifetime}) | add == {"vnet0": "watched", "vm-fd": "fd"}'
	kill -9 "$(bg_pid macvtap)" "$(bg_pid fd)"
	wait_gone "$NS" vnet0 1
	wait_until 5 no_marks
	wait_until 5 no_strangers
}

@test "qemu: the helper: what it refuses, QEMU says, and does not start" {
	lower_new "$NS"
	run_cmd in_ns "$NS" "${QEMU_CMD[@]}" -netdev "tap,id=n0,helper=$VNETCTL helper link nope"
	assert_status 1
	[[ ${stderr_lines[0]} == "vnetctl: cannot find nope: No such device: 'ip link' shows which devices there are" ]]
}

@test "qemu: the helper: an ordinary user, as far as the policy goes" {
	priv_setup
	policy 'allow alice verbs helper link lower type macvtap mode bridge name vnet* max 1'
	guest_net "$NS" wire
	# A function, so QEMU's own pid is its child's.
	HELPER="$VN helper link lower mode bridge address 52:54:00:00:00:04" MAC=52:54:00:00:00:04 \
		helped alice as alice
	[[ $(wait_lease 52:54:00:00:00:04) == 10.9.0.* ]]
	made_by 4242 vnet0
	run_cmd as alice "${QEMU_CMD[@]}" -netdev "tap,id=n0,helper=$VN helper link other"
	assert_status 1
	[[ ${stderr_lines[0]} == "vnetctl: $(no_rule helper vnet%d macvtap other vepa)" ]]
	run_cmd as alice "${QEMU_CMD[@]}" -netdev "tap,id=n0,helper=$VN helper link lower mode bridge"
	assert_status 1
	[[ ${stderr_lines[0]} == "vnetctl: helper vnet%d (type macvtap, link lower, mode bridge): /etc/vnetctl.conf:1 allows 1 device, and there is 1" ]]
	kill -9 "$(qemu_in "$NS")"
	wait_gone "$NS" vnet0 1
}

# qemu_in NS - the pid of the one QEMU in it
qemu_in() {
	local pid

	for pid in $(ip netns pids "$1"); do
		[[ $(cat "/proc/$pid/comm" 2>/dev/null) != qemu-system-x86 ]] || echo "$pid"
	done
}
