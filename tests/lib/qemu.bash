# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# A real guest without an image: `load ../lib/qemu` after common. QEMU's iPXE
# ROM asks for a DHCP lease as soon as it starts, and dnsmasq on the far end of
# the wire answers. A lease for a device's MAC proves frames both ways; under
# tcg it takes about six seconds.

# The guest; a device is appended by open-exec, or by a test's own hand.
# shellcheck disable=SC2034
QEMU_CMD=(qemu-system-x86_64 -accel tcg -m 256 -nographic -nodefaults -boot n)

# qemu_ready - fails, naming what is missing, unless a guest can be run
qemu_ready() {
	local dir tool

	for tool in qemu-system-x86_64 dnsmasq; do
		command -v "$tool" >/dev/null || fail "$tool is missing" || return
	done
	while read -r dir; do
		[[ ! -r $dir/efi-virtio.rom ]] || return 0
	done < <(qemu-system-x86_64 -L help)
	fail "QEMU finds no efi-virtio.rom: install ipxe-qemu"
}

# guest_net NS [DEV] - dnsmasq on DEV (default peer), as 10.9.0.1. Sets
# GUEST_LEASES and GUEST_LOG, which the functions below read.
guest_net() {
	local ns=$1 dev=${2:-peer}
	local name=dnsmasq-$ns-$dev

	qemu_ready || return
	GUEST_LEASES=$BATS_TEST_TMPDIR/$name.leases
	GUEST_LOG=$BATS_TEST_TMPDIR/$name.err
	ip -n "$ns" addr add 10.9.0.1/24 dev "$dev" || return
	# No ping before an offer: it would cost three seconds a guest.
	spawn_bg "$name" in_ns "$ns" dnsmasq --no-daemon \
		--conf-file=/dev/null --port=0 --interface="$dev" \
		--bind-interfaces --no-ping --dhcp-authoritative \
		--dhcp-range=10.9.0.10,10.9.0.200,1h \
		--dhcp-leasefile="$GUEST_LEASES" \
		--pid-file="$BATS_TEST_TMPDIR/$name.dnsmasq-pid"
	wait_text "$GUEST_LOG" "sockets bound exclusively to interface $dev" 10 ||
		fail "$(cat "$GUEST_LOG")"
}

# lease_of MAC - prints the address leased to it, or fails
lease_of() {
	[[ -e $GUEST_LEASES ]] &&
		awk -v mac="${1,,}" '$2 == mac { print $3; f = 1 } END { exit !f }' \
			"$GUEST_LEASES"
}

# wait_lease MAC [SECONDS] - waits for the lease and prints its address
wait_lease() {
	wait_until "${2:-60}" vt_has_lease "$1" ||
		fail "dnsmasq heard:" "$(cat "$GUEST_LOG")" || return
	lease_of "$1"
}

# wait_dhcp_ack MAC [SECONDS] - waits until dnsmasq has acknowledged a lease.
# Only the first is seen: truncate "$GUEST_LOG" to wait for one more.
wait_dhcp_ack() {
	wait_text "$GUEST_LOG" "DHCPACK\([^)]*\) [0-9.]+ ${1,,}" "${2:-60}" ||
		fail "dnsmasq heard:" "$(cat "$GUEST_LOG")"
}

vt_has_lease() {
	lease_of "$1" >/dev/null
}
