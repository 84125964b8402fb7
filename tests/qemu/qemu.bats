#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Real guests through open-exec: each asks for a DHCP lease, which proves
# frames both ways, and its device is gone a second after QEMU at the latest.
# Guests of a test run side by side.

load ../lib/common
load ../lib/qemu
load ../lib/device

# -nographic does not go with -daemonize.
DAEMON_CMD=(qemu-system-x86_64 -accel tcg -m 256 -display none -nodefaults
	-boot n -daemonize)

# wire NS DEV - DHCP there, for the guests that `leased` asks about with NS
wire() {
	guest_net "$@"
	LEASES[$1]=$GUEST_LEASES
	LOGS[$1]=$GUEST_LOG
}

# leased NS MAC - waits until the guest has its address
leased() {
	GUEST_LEASES=${LEASES[$1]} GUEST_LOG=${LOGS[$1]}
	[[ $(wait_lease "$2") =~ ^10\.9\.0\.[0-9]+$ ]]
}

# ended NAME STATUS NS DEV - QEMU has ended so, and the device goes with it
ended() {
	wait_gone "$3" "$4" 1
	bg_end "$1"
	((status == $2)) || fail "$1 ended with status $status:" \
		"$(cat "$BATS_TEST_TMPDIR/$1.err")"
}

@test "qemu: a lease in every mode and on a bridge, and gone with QEMU" {
	local -A LEASES LOGS
	local mac

	# Passthru takes a lower device whole.
	ns_new WHOLE
	ns_new BRIDGED
	lower_new "$NS"
	lower_new "$WHOLE"
	bridge_new "$BRIDGED"
	wire "$NS"
	wire "$WHOLE"
	wire "$BRIDGED"

	vn create vm-bridge link lower mode bridge address 52:54:00:00:00:01
	spawn_bg bridge vn open-exec vm-bridge -- "${QEMU_CMD[@]}"
	spawn_co vepa vn open-exec vm-vepa link lower mode vepa lifetime watched \
		address 52:54:00:00:00:02 -- "${QEMU_CMD[@]}" -monitor stdio \
		-netdev 'tap,id=n0,fd={fd}' \
		-device 'virtio-net-pci,netdev=n0,mac={mac}'
	spawn_bg private vn open-exec vm-private link lower mode private lifetime watched \
		address 52:54:00:00:00:03 -- "${QEMU_CMD[@]}"
	spawn_bg passthru in_ns "$WHOLE" "$VNETCTL" open-exec vm-passthru \
		link lower mode passthru lifetime watched -- "${QEMU_CMD[@]}"
	spawn_bg tap in_ns "$BRIDGED" "$VNETCTL" open-exec vm-tap link br0 \
		address 52:54:00:00:00:05 args netdev -- "${QEMU_CMD[@]}"

	leased "$NS" 52:54:00:00:00:01
	leased "$NS" 52:54:00:00:00:02
	leased "$NS" 52:54:00:00:00:03
	mac=$(in_ns "$WHOLE" cat /sys/class/net/lower/address)
	leased "$WHOLE" "$mac"
	leased "$BRIDGED" 52:54:00:00:00:05
	json "$NS" 'map({(.ifname): .mode}) | add == {"vm-bridge": "bridge",
		"vm-vepa": "vepa", "vm-private": "private"}'
	json "$WHOLE" 'map({(.ifname): .mode}) | add == {"vm-passthru": "passthru"}'
	json "$BRIDGED" 'map({(.ifname): .mode}) | add == {"vm-tap": "bridge"}'

	kill -9 "$(bg_pid bridge)"
	ended bridge 137 "$NS" vm-bridge
	say vepa quit
	ended vepa 0 "$NS" vm-vepa
	assert_there "$NS" vm-private
	kill -TERM "$(bg_pid private)"
	ended private 0 "$NS" vm-private
	kill -9 "$(bg_pid passthru)"
	ended passthru 137 "$WHOLE" vm-passthru
	kill -9 "$(bg_pid tap)"
	ended tap 137 "$BRIDGED" vm-tap
	wait_until 5 nothing_left
}

@test "qemu: a normal quit takes passthru and tap along, too" {
	lower_new "$NS"
	bridge_new "$NS" br0 port0 wire
	spawn_co passthru vn open-exec vm-passthru link lower mode passthru lifetime watched -- \
		"${QEMU_CMD[@]}" -monitor stdio
	spawn_co tap vn open-exec vm-tap link br0 -- "${QEMU_CMD[@]}" \
		-monitor stdio
	wait_text "$BATS_TEST_TMPDIR/passthru.out" '^QEMU .* monitor' 30
	wait_text "$BATS_TEST_TMPDIR/tap.out" '^QEMU .* monitor' 30
	assert_there "$NS" vm-passthru
	assert_there "$NS" vm-tap
	say passthru quit
	ended passthru 0 "$NS" vm-passthru
	assert_there "$NS" vm-tap
	say tap quit
	ended tap 0 "$NS" vm-tap
}

# daemon NAME [OPTIONS] -- WORDS... - a QEMU that is on its own when open-exec's
# process has ended; its pid goes into NAME.daemon
daemon() {
	local file=$BATS_TEST_TMPDIR/$1.daemon
	local -a options=()

	shift
	while [[ $1 != -- ]]; do
		options+=("$1")
		shift
	done
	shift
	run_vn "${options[@]}" open-exec "$@" -- "${DAEMON_CMD[@]}" -pidfile "$file"
	assert_status 0
	assert_out ""
	own_pid "$(cat "$file")"
	! pid_gone "$(cat "$file")"
}

# ends NAME SIGNAL NS DEV - the device goes with the daemon, no sooner
ends() {
	assert_there "$3" "$4"
	kill "-$2" "$(cat "$BATS_TEST_TMPDIR/$1.daemon")"
	wait_gone "$3" "$4" 1
}

@test "qemu: -daemonize: the device lives as long as the daemon" {
	local -A LEASES LOGS

	ns_new BRIDGED
	lower_new "$NS"
	bridge_new "$BRIDGED"
	wire "$NS"
	wire "$BRIDGED"

	vn create vm-old link lower address 52:54:00:00:00:01
	daemon old -- vm-old
	daemon new -- vm-new link lower mode bridge lifetime watched address 52:54:00:00:00:02
	daemon tap -n "$BRIDGED" -- vm-tap link br0 address 52:54:00:00:00:03
	leased "$NS" 52:54:00:00:00:01
	leased "$NS" 52:54:00:00:00:02
	leased "$BRIDGED" 52:54:00:00:00:03

	ends old KILL "$NS" vm-old
	ends tap KILL "$BRIDGED" vm-tap
	ends new TERM "$NS" vm-new
	wait_until 5 nothing_left
}
