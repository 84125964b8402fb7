#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# `fd N`: the number that the descriptor has in COMMAND.

load ../lib/common
load ../lib/device
load ../lib/refused
load vmm

setup() {
	local fd

	common_setup
	cases_net
	# All numbers are free for these tests.
	for fd in {10..63}; do
		[[ ! -e /proc/$BASHPID/fd/$fd ]] || vt_close+=" $fd>&-"
	done
}

# at N DEV - the only descriptor of DEV is N; nothing else at N was told
at() {
	found --argjson n "$1" --arg dev "$2" \
		'[.fds[] | select(.ifname == $dev) | .fd, .cloexec] == [$n, false]' ||
		fail "$(found .fds)"
}

# The numbers of vnetctl's own descriptors are 3 to 12 or so.
@test "fd: a number that is free, also one of vnetctl's own" {
	local c n numbers

	for c in "${CASES[@]}"; do
		numbers=(3 6 9 12)
		[[ $c != new-macvtap ]] || numbers=({3..13} 42 255 1023)
		for n in "${numbers[@]}"; do
			device "$c"
			probed "${WORDS[@]}" fd "$n" --
			assert_err ""
			at "$n" "$c"
			got -net "nic,model=virtio,macaddr=$MAC" -net "tap,fd=<$c>"
			found --arg n "$n" '.env.VNETCTL_FD == $n and
				(.argv[-1] | endswith("=\($n)"))'
			wait_gone "$NS" "$c"
		done
	done
}

@test "fd: with -netns, lifetime fd, run-as, vhost" {
	local n

	ns_new FAR
	for n in 3 5 8 11; do
		using in_ns "$FAR" "$VNETCTL" -n "$NS"
		probed vm0 link lower fd "$n" --
		at "$n" vm0
		using vn
		probed vm1 link lower fd "$n" lifetime fd --
		at "$n" vm1
		probed vm2 link br0 fd "$n" run-as nobody:nogroup --
		at "$n" vm2
		using vn_dev vhost
		probed vm3 link br0 fd "$n" vhost on --
		at "$n" vm3
		got -netdev "tap,id=vnet0,fd=<vm3>,vhost=on,vhostfd=<vhost-net>" -device \
			"virtio-net-pci,netdev=vnet0,mac=$(found -r .env.VNETCTL_MAC)"
	done
	all_gone vm0 vm1 vm2 vm3
}

@test "fd: with several devices, in any order" {
	probed a link lower fd 4 dev b link br0 fd 3 dev c link lower lifetime persistent --
	at 4 a
	at 3 b
	found '.env.VNETCTL_FD | startswith("4,3,")'
	vn destroy a b c
	probed a link lower dev b link lower fd 9 dev c link lower fd 10 --
	at 9 b
	at 10 c
	found '[.fds[] | select(.ifname == "a").fd] | . != [9] and . != [10] and length == 1'
	all_gone a b c
	probed a link lower queues 3 dev b type tap fd 7 dev c link lower fd 6 lifetime fd --
	at 7 b
}

@test "fd: the number has a file of the caller's" {
	local n text

	vn create old link lower
	vn create old-t link br0
	for n in 5 9; do
		for text in "a link lower" "a link br0" "a link lower lifetime fd" old old-t \
			"old dev old-t" "b type tap dev a link lower"; do
			local name=${text##*dev }

			name=${name%% *}
			# shellcheck disable=SC2086 # words
			untouched_cmd 125 "cannot hand $name over as descriptor $n: the caller has it open already" \
				with_fd "$n" "$VNETCTL" open-exec $text fd "$n" -- true
		done
	done
	wait_until 5 nobody_left
	# And it is the caller's still.
	run_cmd with_fd 5 "$VNETCTL" open-exec a type tap fd 6 args none -- readlink /proc/self/fd/5
	assert_status 0
	assert_out /dev/full
	assert_err ""
}

# with_fd N CMD... - in $NS, with /dev/full open as N
with_fd() {
	in_ns "$NS" bash -c 'eval "exec $1<>/dev/full"; shift; exec "$@"' sh "$@"
}

@test "fd: one number for two devices" {
	untouched 125 "open-exec: 'fd 7' is given to vm0 and vm1" \
		open-exec vm0 type tap fd 7 dev vm1 type tap fd 7 args none -- true
}

@test "fd: no such number" {
	local n

	for n in 0 1 2 -1 x '' 3.5 0x7 ' 7' 07x 1048577 99999999999999999999; do
		untouched 125 "fd '$n' is no descriptor number from 3 on" \
			open-exec vm0 type tap fd "$n" -- true
	done
}

@test "fd: more than the limit of descriptors" {
	untouched_cmd 125 "cannot reserve descriptor 300: Bad file descriptor" \
		in_ns "$NS" bash -c 'ulimit -n 200; exec "$@"' sh \
		"$VNETCTL" open-exec vm0 type tap fd 300 -- true
}

@test "fd: only for a device with one queue" {
	untouched 125 "open-exec: 'fd' is for a device with one queue: 'vm0' has 4" \
		open-exec vm0 type tap queues 4 fd 7 -- true
	untouched 125 "open-exec: 'fd' is for a device with one queue: 'b' has 2" \
		open-exec a type tap fd 7 dev b link lower fd 8 queues 2 -- true
	probed vm0 type tap queues 1 fd 7 --
	at 7 vm0
}

@test "fd: the number is free again when COMMAND cannot be run" {
	vn create old link lower
	untouched 127 "cannot run /no/such: No such file or directory" \
		open-exec old fd 7 dev a type tap fd 8 -- /no/such
	wait_until 5 nobody_left
}
