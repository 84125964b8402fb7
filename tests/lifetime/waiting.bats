#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Every wait has an end: a deadline, and a message that names what was waited for; what
# cannot pass by itself is told at once; and what need not be written is not.

load ../lib/common
load ../lib/refused
load ../lib/device
load ../lib/lifetime
load ../lib/sweep

MAC=52:54:00:00:00:01
BUSY="Device or resource busy: another vnetctl is at work on it: is it stopped?"

setup() {
	common_setup
	cases_net
	settled lower wire br0
	before=$(vt_links)
}

teardown() {
	local rc=0

	pen_end || rc=1
	common_teardown && ((!rc))
}

links_as_before() {
	[[ $(vt_links) == "$before" ]]
}

# within MS CMD... - CMD takes no longer; on a busy machine it may have one more try
within() {
	local begin=${EPOCHREALTIME/./} took

	"${@:2}" || return
	took=$(((${EPOCHREALTIME/./} - begin) / 1000))
	echo "# $took ms: ${*:2}" | cut -c 1-100 >&3
	((took <= $1)) || fail "it took $took ms, and not $1:" "${*:2}"
}

# --- what cannot pass by itself ---------------------------------------------------

@test "waiting: not for an ipvlan on the lower device" {
	ip -n "$NS" link add ipv0 link lower type ipvlan 2>/dev/null || skip "no ipvlan in this kernel"
	before=$(vt_links)
	within 1500 untouched 125 "cannot create macvtap vm0 on lower: Device or resource busy: lower already carries ipvlan ipv0" \
		open-exec vm0 link lower -- true
}

@test "waiting: not for a bridge to let its port go" {
	within 1500 untouched 125 "cannot create macvtap vm0 on port0: Device or resource busy: port0 is a port of bridge br0: use 'link br0'" \
		open-exec vm0 link port0 -- true
}

@test "waiting: not for a name that stays" {
	vm a vm0 link lower lifetime fd
	within 1500 refused 125 "cannot create macvtap vm0 on lower: File exists: a device of lifetime fd has this name: see 'vnetctl list vm0'" \
		open-exec vm0 link lower -- true
	vm b vm2 link lower lifetime watched
	within 1500 refused 125 "cannot create macvtap vm2 on lower: File exists: choose another name, or 'vnetctl destroy vm2'" \
		open-exec vm2 link lower -- true
	ip -n "$NS" link add vm1 type bridge
	within 1500 refused 125 "cannot create macvtap vm1 on lower: File exists: choose another name" \
		open-exec vm1 link lower -- true
}

# --- deadlines ----------------------------------------------------------------------

# stopped POINT ARGS... - vnetctl ARGS is stopped before that call of its own, and is $STOPPED;
# on_go lets it end
stopped() {
	rm -f "$BATS_TEST_TMPDIR"/{here,go}
	spawn_bg stopped hit stop "$1" "cd '$BATS_TEST_TMPDIR'; touch here
		until [ -e go ]; do sleep 0.01; done" main "${@:2}"
	wait_until 5 test -e "$BATS_TEST_TMPDIR/here"
}

on_go() {
	touch "$BATS_TEST_TMPDIR/go"
	bg_end stopped 10
	((!status))
}

# calls_like PATTERN ARGS... - sets points, the calls of vnetctl ARGS that match
calls_like() {
	local i

	sweep_calls main "${@:2}"
	points=()
	for i in "${!calls[@]}"; do
		# shellcheck disable=SC2053
		[[ ${calls[i]} != $1 ]] || points+=("$i")
	done
	((${#points[@]})) || fail "no call is like $1"
}

@test "waiting: a stopped create vnet%d keeps no number from others" {
	local n

	pen_new
	calls_like 'sendto *' create vnet%d link lower
	vn destroy vnet0
	for n in "${points[@]}" $((${#calls[@]})); do
		stopped "$n" create vnet%d link lower
		within 2000 run_cmd pen_vn create vnet%d link lower
		assert_status 0
		assert_err ""
		[[ $output =~ ^vnet[01]$ ]]
		within 2000 run_cmd pen_vn open-exec vnet%d link lower args none -- true
		assert_status 0
		assert_err ""
		on_go
		[[ $(vn -j list | jq -c '[.[].ifname] | sort') == '["vnet0","vnet1"]' ]]
		vn destroy vnet0 vnet1
		wait_until 5 no_marks
	done
	links_as_before
}

@test "waiting: a stopped open-exec keeps no other name from anybody" {
	local n life

	pen_new
	for life in fd watched; do
		calls_like 'sendto *' open-exec vm0 link lower lifetime $life "${TRUE[@]}"
		wait_until 5 links_as_before
		for n in "${points[@]}"; do
			stopped "$n" open-exec vm0 link lower lifetime $life "${TRUE[@]}"
			within 2000 run_cmd pen_vn open-exec vm1 link lower args none -- true
			assert_status 0
			assert_err ""
			within 2000 run_cmd pen_vn create vm1 link lower
			assert_status 0
			assert_err ""
			within 2000 run_cmd pen_vn destroy vm1
			assert_status 0
			assert_err ""
			on_go
			wait_until 5 links_as_before
			wait_until 5 no_marks
		done
	done
}

@test "waiting: for a claim, 5 s, and then its message" {
	pen_new
	vn create vm0 link lower
	calls_like 'sendto *' destroy vm0
	vn create vm0 link lower
	stopped "${points[-1]}" destroy vm0
	within 7000 refused_cmd 125 "cannot open vm0: $BUSY" pen_vn open-exec vm0 -- true
	within 7000 refused_cmd 2 "cannot remove vm0: $BUSY: 'force' does not wait for it" pen_vn destroy vm0
	on_go
	links_as_before
}

# The only descriptor of vm0 is on its way, and who wants its name cannot see that.
@test "waiting: for the watchers of several devices no longer than for one" {
	local begin dev watchers=()

	for dev in vm0 vm1 vm2; do
		vn create $dev link lower
		vm "$dev" $dev lifetime watched
		watchers+=("$(watcher_of $dev)")
	done
	kill -STOP "${watchers[@]}"
	for dev in vm0 vm1 vm2; do
		vm_kill $dev
		wait_pid_gone "$(bg_pid $dev)"
	done
	begin=$SECONDS
	run_vn open-exec vm0 dev vm1 dev vm2 args none -- true
	assert_status 0
	assert_err ""
	((SECONDS - begin <= 9))
	kill -CONT "${watchers[@]}"
	wait_until 5 links_as_before
}

@test "waiting: the time does not grow with the processes of others" {
	# shellcheck disable=SC2016
	spawn_bg crowd in_ns "$NS" unshare --pid --fork --kill-child \
		sh -c 'for i in $(seq 200); do sleep infinity & done; echo there; wait'
	wait_text "$BATS_TEST_TMPDIR/crowd.out" there
	spawn_co take "$VMM" take "$BATS_TEST_TMPDIR/socket"
	wait_text "$BATS_TEST_TMPDIR/take.out" '^listening$'
	run_vn open-exec vm0 link lower address $MAC lifetime fd args none -- \
		"$VMM" give '{fd}' "$BATS_TEST_TMPDIR/socket"
	assert_status 0
	assert_err ""
	within 7500 refused_cmd 125 "cannot create macvtap vm0 on lower: File exists: a device of lifetime fd has this name: see 'vnetctl list vm0'" \
		in_ns "$NS" setpriv --bounding-set=-sys_ptrace --inh-caps=-sys_ptrace \
		"$VNETCTL" open-exec vm0 link lower -- true
	say take ""
	wait_text "$BATS_TEST_TMPDIR/take.out" '^holding vm0$'
	kill -9 "$(bg_pid take)"
	wait_until 5 no_marks
	links_as_before
}

# --- what is so already ---------------------------------------------------------------

# A container: /proc/sys is read-only, and IPv6 off by default.
read_only() {
	in_ns "$NS" sh -c 'mount --bind /proc/sys /proc/sys &&
		mount -o remount,bind,ro /proc/sys && exec "$0" "$@"' "$@"
}

@test "waiting: no writable /proc/sys where nothing would have to be written" {
	local words

	in_ns "$NS" sysctl -qw net.ipv6.conf.default.disable_ipv6=1
	for words in "link lower" "link br0"; do
		# shellcheck disable=SC2086 # words
		run_cmd read_only "$VNETCTL" create vm0 $words
		assert_status 0
		assert_err ""
		run_cmd read_only "$VNETCTL" open-exec vm0 lifetime persistent args none -- true
		assert_status 0
		assert_err ""
		run_cmd read_only "$VNETCTL" destroy vm0
		assert_status 0
		assert_err ""
		# shellcheck disable=SC2086
		run_cmd read_only "$VNETCTL" open-exec vm0 $words args none -- true
		assert_status 0
		assert_err ""
		wait_until 5 links_as_before
	done
	# Nor CAP_SYS_ADMIN, by which another /proc could be had.
	run_cmd read_only setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin \
		"$VNETCTL" open-exec vm0 link br0 args none -- true
	assert_status 0
	assert_err ""
	run_cmd read_only setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin \
		"$VNETCTL" create vm0 link lower
	assert_status 0
	assert_err ""
	run_cmd read_only setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin \
		"$VNETCTL" destroy vm0 force
	assert_status 0
	assert_err ""
	links_as_before
}

@test "waiting: the hint at a /proc/sys that is read-only names the default first" {
	untouched_cmd 2 "cannot keep the host's IPv6 off vm0 (/proc/sys/net/ipv6/conf/vm0/disable_ipv6): Read-only file system: /proc/sys is read-only here: start the container with --sysctl net.ipv6.conf.default.disable_ipv6=1, or with /proc/sys writable (podman: --security-opt unmask=/proc/sys, docker: --security-opt systempaths=unconfined)" \
		read_only setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin \
		"$VNETCTL" create vm0 link lower
	# With it /proc is found where nothing is mounted on it.
	run_cmd read_only "$VNETCTL" create vm0 link lower
	assert_status 0
	assert_err ""
	[[ $(in_ns "$NS" cat /proc/sys/net/ipv6/conf/vm0/disable_ipv6) == 1 ]]
	vn destroy vm0
}
