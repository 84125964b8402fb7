#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# helper: QEMU's protocol, played by tests/tools/take: what comes through the socket, how long
# the device lives, and what is refused. With a real QEMU: tests/qemu.

load ../lib/common
load ../lib/refused
load ../lib/device
load ../lib/lifetime

: "${TAKE:=$VT_ROOT/tests/tools/take}"

setup() {
	common_setup
	cases_net
	settled lower wire port0 peer br0
	before=$(vt_links)
}

# taken NAME WORDS... - starts a probe that holds what `helper WORDS` sent
taken() {
	spawn_co "$1" in_ns "$NS" "$TAKE" "$VNETCTL helper ${*:2}" "$PROBE" hold
	wait_text "$BATS_TEST_TMPDIR/$1.out" '^{' 10 || fail "$(cat "$BATS_TEST_TMPDIR/$1.err")"
	[[ ! -s $BATS_TEST_TMPDIR/$1.err ]] || fail "$(cat "$BATS_TEST_TMPDIR/$1.err")"
}

# holds NAME DEV - the probe has one descriptor of the device and no other of vnetctl's
holds() {
	jq -e --arg dev "$2" '[.fds[] | select(.link | test("^(pipe|socket|/dev/null)") | not) |
		.ifname // .link] - [$ENV.BATS_TEST_TMPDIR] |
		map(select(test("^/tmp") | not)) == [$dev]' "$BATS_TEST_TMPDIR/$1.out" ||
		fail "$(jq -c .fds "$BATS_TEST_TMPDIR/$1.out")"
}

links_as_before() {
	[[ $(vt_links) == "$before" ]]
}

@test "helper: --br alone: a tap on that bridge, as qemu-bridge-helper makes one" {
	taken vm
	holds vm vnet0
	json "$NS" '.[0] | .ifname == "vnet0" and .type == "tap" and .master == "br0" and
		.lifetime == "fd" and .made and (.flags | index("UP")) and .vnet_hdr and
		(.address | startswith("fe:54:00"))'
	# The next one is one more.
	taken vm2
	holds vm2 vnet1
	co_eof vm
	wait_gone "$NS" vnet0
	assert_there "$NS" vnet1
	kill -9 "$(bg_pid vm2)"
	wait_until 5 links_as_before
	wait_until 5 nothing_left
}

@test "helper: an explicit link wins over --br" {
	taken vm vm0 link lower mode bridge address 52:54:00:00:00:01
	holds vm vm0
	json "$NS" '.[0] | .ifname == "vm0" and .type == "macvtap" and .link == "lower" and
		.mode == "bridge" and .lifetime == "watched" and .address == "52:54:00:00:00:01"'
	watcher_of vm0
	kill -9 "$(bg_pid vm)"
	wait_until 5 links_as_before
	wait_until 5 nothing_left
}

@test "helper: a macvtap of lifetime fd needs no process" {
	taken vm dev vm0 link lower mode private address 52:54:00:00:00:01 lifetime fd
	holds vm vm0
	[[ -z $(strangers) ]]
	assert_gone "$NS" vm0
	json "$NS" '.[0] | .ifname == "vm0" and .lifetime == "fd" and .mode == "private"'
	# Nobody has the namespace open, so nobody can enter it.
	refused 2 "cannot enter the device's namespace: no process that can be seen holds it: No such process" \
		mode vm0 bridge
	refused 2 "cannot remove vm0: Device or resource busy: it is held by probe (pid $(bg_pid vm)): 'force' removes it all the same, and its guest loses the network" \
		destroy vm0
	kill -9 "$(bg_pid vm)"
	wait_until 5 no_marks
	links_as_before
}

@test "helper: it carries frames" {
	spawn_co guest in_ns "$NS" "$TAKE" "$VNETCTL helper vm0 link lower mode bridge address 52:54:00:00:00:01" \
		"$FRAME" serve fd '{fd}'
	wait_text "$BATS_TEST_TMPDIR/guest.out" '^ready$'
	frame_on far "$NS" wire
	says far "send 52:54:00:00:00:09 52:54:00:00:00:01 one" ok
	says guest "expect one 2000" "src 52:54:00:00:00:09 dst 52:54:00:00:00:01"
	says guest "send 52:54:00:00:00:01 52:54:00:00:00:09 two" ok
	says far "expect two 2000" "src 52:54:00:00:00:01 dst 52:54:00:00:00:09"
}

@test "helper: QEMU that has gone, or takes nothing, leaves nothing" {
	# The other end is closed before anything is sent.
	untouched_cmd 2 "cannot send the descriptor to QEMU: Broken pipe" in_ns "$NS" perl -e '
		use Socket;
		use Fcntl;
		socketpair(my $a, my $b, AF_UNIX, SOCK_STREAM, 0);
		fcntl($a, F_SETFD, 0);
		close $b;
		exec @ARGV, "--fd=" . fileno($a)' "$VNETCTL" helper vm0 link lower \
		address 52:54:00:00:00:01 --use-vnet
	# It is sent, and nobody ever takes it out of the socket.
	run_cmd in_ns "$NS" perl -e '
		use Socket;
		use Fcntl;
		socketpair(my $a, my $b, AF_UNIX, SOCK_STREAM, 0);
		fcntl($a, F_SETFD, 0);
		system @ARGV, "--fd=" . fileno($a);
		exit $?' "$VNETCTL" helper vm0 link lower address 52:54:00:00:00:01 --use-vnet
	assert_status 0
	wait_until 5 links_as_before
	wait_until 5 nothing_left
}

@test "helper: a macvtap whose address QEMU cannot know" {
	run_cmd in_ns "$NS" "$TAKE" "$VNETCTL helper vm0 link lower" true
	assert_status 0
	assert_err "vnetctl: warning: vm0: only frames for its own address arrive, which QEMU is not told: say 'address MAC' here, and mac=MAC in QEMU's -device"
	wait_until 5 links_as_before
}

@test "helper: what is refused" {
	local line

	line="helper: QEMU runs this: -netdev tap,id=n0,helper='vnetctl helper link DEV'"
	untouched 1 "$line" helper
	untouched 1 "$line" helper link lower --use-vnet
	untouched 1 "helper: '--fd=x' is no descriptor" helper --use-vnet --fd=x
	untouched 1 "helper: '--fd=-1' is no descriptor" helper --use-vnet --fd=-1
	untouched 1 "helper: '--use-vnet' is missing: a device without virtio headers is not to be had" \
		helper link lower --fd=7
	untouched 1 "helper: which link? 'link DEV'" helper --use-vnet --fd=7
	untouched 1 "--br 'a/b' is no interface name: it holds '/' or ':'" helper --use-vnet --fd=7 --br=a/b
	untouched 2 "helper: descriptor 7 is no socket to send a descriptor through" \
		helper --use-vnet --fd=7 --br=br0
	untouched 2 "helper: descriptor 0 is no socket to send a descriptor through" \
		helper --use-vnet --fd=0 --br=br0
	untouched 1 "helper: one device at a time: what is 'b'? A lower device or bridge is 'link b'" helper a b --use-vnet --fd=7 --br=br0
	untouched 1 "lifetime 'persistent' is not known: one of fd, watched" \
		helper lifetime persistent --use-vnet --fd=7 --br=br0
	untouched_cmd 2 "cannot find nope: No such device: 'ip link' shows which devices there are" \
		in_ns "$NS" "$TAKE" "$VNETCTL helper link nope" true
	untouched_cmd 1 "helper: a tap needs no watcher: lifetime fd, which is its default, removes it with the last descriptor" \
		in_ns "$NS" "$TAKE" "$VNETCTL helper lifetime watched" true
	vn create vm0 link lower
	untouched_cmd 2 "cannot create macvtap vm0 on lower: File exists: choose another name, or 'vnetctl destroy vm0'" \
		in_ns "$NS" "$TAKE" "$VNETCTL helper vm0 link lower" true
	printf 'helper link lower\n' >"$BATS_TEST_TMPDIR/batch"
	untouched 1 "$BATS_TEST_TMPDIR/batch:1: helper cannot be part of a batch: it serves a QEMU" \
		-b "$BATS_TEST_TMPDIR/batch"
}
