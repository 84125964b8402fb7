#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# exec: a command where a device lives. It is in the device's namespace, and no holder.

load ../lib/common
load ../lib/refused
load ../lib/device
load ../lib/lifetime

setup() {
	common_setup
	cases_net
	settled lower wire port0 peer br0
}

@test "inside: COMMAND sees the device, by its name, and runs at home for others" {
	local words

	vm vm0 vm0 link lower address 52:54:00:00:00:01
	vn create vm1 link lower
	vn create t0 link br0
	assert_gone "$NS" vm0
	for words in vm0 "dev vm0" "vm0 --" "dev vm0 --"; do
		# shellcheck disable=SC2086 # words
		run_vn exec $words ip -j link show dev vm0
		assert_status 0
		assert_err ""
		jq -e '.[0] | .ifname == "vm0" and .address == "52:54:00:00:00:01"' <<<"$output"
	done
	run_vn exec vm0 sh -c 'cat /proc/self/comm; ip -o link | wc -l; exit 41'
	assert_status 41
	# Beside it there is lo.
	assert_out $'cat\n2'
	for words in vm1 t0; do
		run_vn exec "$words" readlink /proc/self/ns/net
		assert_out "net:[$(stat -c %i "/run/netns/$NS")]"
	done
	run_vn -n "$NS" exec vm0 ip -br link show dev vm0
	assert_status 0
	vm_kill vm0
	wait_until 5 no_marks
	vn destroy vm1 t0
}

@test "inside: what is refused" {
	vm vm0 vm0 link lower
	untouched_held 125 "cannot find nope: No such device" exec nope true
	untouched_held 125 "exec: which device? 'vnetctl exec NAME COMMAND...'" exec
	untouched_held 125 "exec: which COMMAND? 'vnetctl exec vm0 COMMAND...'" exec vm0
	untouched_held 125 "exec: which COMMAND? 'vnetctl exec vm0 COMMAND...'" exec dev vm0 --
	untouched_held 127 "cannot run /no/such: No such file or directory" exec vm0 /no/such
	untouched_held 126 "cannot run /: Permission denied" exec vm0 /
	printf 'exec vm0 true\n' >"$BATS_TEST_TMPDIR/b"
	untouched_held 1 "$BATS_TEST_TMPDIR/b:1: exec cannot be part of a batch: it becomes COMMAND" \
		-b "$BATS_TEST_TMPDIR/b"
}

# untouched_held STATUS LINE ARGS... - as refused, and the VM still has its device
untouched_held() {
	refused "$@" && none_lost && [[ $(marks | wc -l) == 1 ]]
}

# stands - a command is in vm0's namespace, whose VM has ended
stands() {
	vm vm0 vm0 link lower address 52:54:00:00:00:01
	spawn_bg looker vn exec vm0 sleep infinity
	wait_until 5 is_in_lifeline
	vm_kill vm0
	wait_pid_gone "$(bg_pid vm0)"
}

is_in_lifeline() {
	[[ $(cat "/proc/$(bg_pid looker)/comm") == sleep &&
		$(stat -Lc %i "/proc/$(bg_pid looker)/ns/net") != "$(stat -c %i "/run/netns/$NS")" ]]
}

@test "inside: who stands there does not hold the device: destroy" {
	stands
	[[ $(vn -j list vm0 | jq -r '.[0].lifetime') == fd ]]
	run_vn destroy vm0
	assert_status 0
	assert_out ""
	[[ $(vn -j list) == '[]' ]]
	kill "$(bg_pid looker)"
	wait_until 5 no_marks
}

@test "inside: who stands there does not hold the device: the next start" {
	local begin now

	stands
	vt_now begin
	run_vn open-exec vm0 link lower address 52:54:00:00:00:01 args none -- true
	vt_now now
	assert_status 0
	assert_err "vnetctl: warning: vm0: the guest that had this name is gone, but sleep (pid $(bg_pid looker)) is still in its namespace"
	# Hundredths.
	((now - begin < 500))
	kill "$(bg_pid looker)"
	wait_until 5 no_marks
}
