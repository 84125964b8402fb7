#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# list: which processes hold a device, and the filters that go by it.

# shellcheck disable=SC2154 # common.bash sets stderr and the vt_ ones

load ../lib/common
load ../lib/refused
load inspect

setup() {
	common_setup
	lower_new "$NS"
	bridge_new "$NS" br0 port0 far
}

# --- exactly who ------------------------------------------------------------------

@test "users: of a macvtap, a tap, and a device in a namespace of its own" {
	local dev pid

	hold vm0 vm0 link lower lifetime watched
	hold vm1 vm1 link lower lifetime fd
	hold t0 t0 link br0
	hold t1 t1 type tap
	vn create idle0 link lower
	vn create idle1 link br0
	for dev in vm0 vm1 t0 t1; do
		pid=$(bg_pid "$dev")
		users_are "$dev" "[$(user "$pid" probe "$(hold_fds "$dev" "$dev")")]"
		run_vn list "$dev"
		assert_status 0
		assert_err ""
		[[ ${#lines[@]} == 1 && $output == "$dev: "*" users probe($pid)" ]] ||
			fail "$output"
	done
	users_are idle0 "[]"
	users_are idle1 "[]"
	run_vn list idle0
	[[ $output == *" users -" ]]
	# JSON says it where it is asked for, and not where it would cost a walk.
	json "$NS" 'all(.[]; has("users") | not)'
	json "$NS" 'all(.[]; has("users"))' -d list
	json "$NS" 'all(.[]; has("users"))' -t list
	json "$NS" 'length == 4 and all(.[]; .users | length == 1)' list used
	json "$NS" 'length == 2 and all(.[]; .users == [])' list unused
	for dev in vm0 vm1 t0 t1; do
		let_go "$dev" "$dev"
	done
	shows "idle0 idle1"
}

@test "users: several processes, and several descriptors of one" {
	local pids fd

	# The shell keeps the descriptor, and once more as 8; so do its children.
	# shellcheck disable=SC2016
	local crowd='exec 8>&'$'{fd}''; for i in 1 2; do sleep infinity & echo $!; done
		echo $$; read -r _'
	spawn_co crowd vn open-exec vm0 link lower -- bash -c "${crowd//'${fd}'/'{fd}'}"
	wait_until 5 vt_lines crowd 3
	mapfile -t pids < <(sort -n "$BATS_TEST_TMPDIR/crowd.out")
	for pid in "${pids[@]}"; do
		own_pid "$pid"
	done
	fd=$(tr '\0' '\n' <"/proc/$BG_PID/environ" | sed -n 's/^VNETCTL_FD=//p')
	[[ $fd =~ ^[0-9]+$ ]]
	for pid in "${pids[@]}"; do
		comm="sleep"
		[[ $pid != "$BG_PID" ]] || comm=bash
		user "$pid" "$comm" "$(jq -nc "[8, $fd] | sort")"
	done | jq -sc . >"$BATS_TEST_TMPDIR/wanted"
	users_are vm0 "$(cat "$BATS_TEST_TMPDIR/wanted")"
	run_vn list vm0
	assert_status 0
	[[ $output == *" users $(for pid in "${pids[@]}"; do
		comm="sleep"
		[[ $pid != "$BG_PID" ]] || comm=bash
		echo "$comm($pid)"
	done | paste -sd,)" ]] || fail "$output"
}

@test "users: a device that is shared" {
	local one two

	hold one vm0 link lower
	spawn_co two vn open-exec vm0 share args none -- "$PROBE" hold
	wait_text "$BATS_TEST_TMPDIR/two.out" '^{'
	one=$(user "$(bg_pid one)" probe "$(hold_fds one vm0)")
	two=$(user "$(bg_pid two)" probe "$(hold_fds two vm0)")
	users_are vm0 "$(jq -nc "[$one, $two] | sort_by(.pid)")"
}

@test "users: no one but the holder, among descriptors that look alike" {
	hold t0 t0 type tap
	hold vm0 vm0 link lower lifetime watched
	# A tun without Ethernet, a tun descriptor that is attached to nothing, and
	# a path to the node.
	ip -n "$NS" tuntap add tun0 mode tun
	spawn_co other in_ns "$NS" bash -c \
		'exec 5<>/dev/net/tun 6</dev/null; echo ready; read -r _'
	wait_text "$BATS_TEST_TMPDIR/other.out" ready
	spawn_co node in_ns "$NS" perl -MFcntl -e '
		sysopen F, shift, 010000000 or die $!; # O_PATH
		$| = 1;
		print "ready\n";
		<STDIN>' "/dev/tap$(index vm0)"
	wait_text "$BATS_TEST_TMPDIR/node.out" ready
	users_are t0 "[$(user "$(bg_pid t0)" probe "$(hold_fds t0 t0)")]"
	users_are vm0 "[$(user "$(bg_pid vm0)" probe "$(hold_fds vm0 vm0)")]"
}

@test "users: one name of taps in two namespaces" {
	# shellcheck disable=SC2034 # ns_new sets it
	local here there

	ns_new THERE
	here=$NS
	hold here t0 type tap
	NS=$THERE
	hold there t0 type tap
	users_are t0 "[$(user "$(bg_pid there)" probe "$(hold_fds there t0)")]"
	NS=$here
	users_are t0 "[$(user "$(bg_pid here)" probe "$(hold_fds here t0)")]"
	# Held only there, or only here.
	let_go here t0
	vn create t0 type tap
	users_are t0 "[]"
	shows t0 unused
	NS=$THERE
	shows t0 used
	NS=$here
	hold here t0
	NS=$THERE
	let_go there t0
	shows ""
	NS=$here
	users_are t0 "[$(user "$(bg_pid here)" probe "$(hold_fds here t0)")]"
	# A holder is a holder from wherever it is asked.
	run_cmd in_ns "$THERE" "$VNETCTL" -n "$NS" -j list used
	assert_status 0
	[[ $(jq -c '.[].users[].pid' <<<"$output") == "$(bg_pid here)" ]]
}

@test "users: one name and one index of macvtaps in two namespaces" {
	local here idx

	hold here vm0 link lower lifetime watched
	idx=$(index vm0)
	here=$NS
	ns_new THERE
	lower_new "$THERE"
	ip -n "$THERE" link add vm0 index "$idx" link lower type macvtap
	users_are vm0 "[$(user "$(bg_pid here)" probe "$(hold_fds here vm0)")]"
	NS=$THERE
	users_are vm0 "[]"
	hold there vm0
	users_are vm0 "[$(user "$(bg_pid there)" probe "$(hold_fds there vm0)")]"
	NS=$here
	users_are vm0 "[$(user "$(bg_pid here)" probe "$(hold_fds here vm0)")]"
}

@test "users: a process in another pid namespace, seen and not" {
	local pid

	spawn_co vm0 vn open-exec vm0 link lower lifetime watched args none -- \
		unshare --pid --fork --kill-child "$PROBE" hold
	wait_text "$BATS_TEST_TMPDIR/vm0.out" '^{'
	pid=$(<"/proc/$BG_PID/task/$BG_PID/children")
	users_are vm0 "$(jq -nc "[$(user "$BG_PID" unshare "$(hold_fds vm0 vm0)"),
		$(user "${pid% }" probe "$(hold_fds vm0 vm0)")] | sort_by(.pid)")"
	# From another one it is not: its users are unknown, and it is no orphan.
	run_cmd in_ns "$NS" unshare --pid --fork --mount-proc "$VNETCTL" -j -d list
	assert_status 0
	assert_err ""
	jq -e 'length == 1 and (.[0] | (has("users") | not) and .lifetime == "watched" and
		(.orphaned | not))' <<<"$output" || fail "$output"
	run_cmd in_ns "$NS" unshare --pid --fork --mount-proc "$VNETCTL" destroy vm0
	assert_status 2
	assert_err "vnetctl: cannot remove vm0: Device or resource busy: it is held by a process that cannot be seen from here: 'force' removes it all the same, and its guest loses the network"
}

@test "users: names of processes that are no text" {
	local name n=0

	for name in 'a"b' 'a\b' "a'b)" $'\x1b[31m' $'\xff\xfe' 'é' 'a b,c(1)' fifteen-bytes-xy; do
		cp "$PROBE" "$BATS_TEST_TMPDIR/$name"
		PROBE=$BATS_TEST_TMPDIR/$name hold "h$n" "vm$n" link lower
		n=$((n + 1))
	done
	vn -j -d list >"$BATS_TEST_TMPDIR/json"
	jq -r 'sort_by(.ifname) | .[].users[0].comm' "$BATS_TEST_TMPDIR/json" \
		>"$BATS_TEST_TMPDIR/got"
	printf '%s\n' 'a"b' 'a\b' "a'b)" $'\x1b[31m' '��' 'é' 'a b,c(1)' fifteen-bytes-x \
		>"$BATS_TEST_TMPDIR/wanted"
	diff "$BATS_TEST_TMPDIR/wanted" "$BATS_TEST_TMPDIR/got"
	run_vn list vm3
	[[ $output == *" users \\x1b[31m($(bg_pid h3))" ]] || fail "$output"
	run_vn list vm4
	[[ $output == *" users \\xff\\xfe($(bg_pid h4))" ]] || fail "$output"
	run_vn -t list
	assert_status 0
	! grep -qP '[\x00-\x08\x0b-\x1f\x7f]' "$vt_out" || fail "control bytes"
	grep -qF -- "- \\x1b[31m (pid $(bg_pid h3))" "$vt_out" || fail "$output"
}

# --- what may not be seen -----------------------------------------------------------

@test "users: as an ordinary user" {
	local line='^vnetctl: warning: cannot look into [1-9][0-9]* processes of others: run as root to see all users$'

	hold vm0 vm0 link lower lifetime watched
	hold t0 t0 type tap
	vn create idle0 link lower
	vn create idle1 type tap
	for words in "list" "-d list" "-t list" "-p -d list" "-j list used" "-j list unused" \
		"-br list unused"; do
		# shellcheck disable=SC2086 # words
		run_cmd as_nobody $words
		assert_status 0
		[[ ${#stderr_lines[@]} == 1 && $stderr =~ $line ]] || fail "$words: $stderr"
		# Absent, not empty: nobody can tell.
		[[ $output != *users* ]] || fail "$words: $output"
	done
	# Not asked for, not told.
	for words in "-j list" "-br list" "-q list" "-q -d list"; do
		# shellcheck disable=SC2086
		run_cmd as_nobody $words
		assert_status 0
		assert_err ""
		[[ $output != *users* ]] || fail "$words: $output"
	done
	run_cmd as_nobody -j -d list
	assert_status 0
	jq -e 'length == 4 and all(.[]; has("users") | not)' <<<"$output"
}

@test "users: an ordinary user sees what its own processes hold" {
	local holder

	vn create t0 type tap owner nobody
	# Whether nobody may open /dev/net/tun is for the machine to say.
	spawn_co own in_ns "$NS" bash -c 'exec 7<>/dev/net/tun
		exec setpriv --reuid=65534 --regid=65534 --clear-groups perl -e "$1"' sh '
		open F, "+<&=", 7;
		$ifr = pack "a16 S x22", "t0", 0x5002;
		ioctl F, 0x400454ca, $ifr or die $!; # TUNSETIFF
		$| = 1;
		print "7\n";
		<STDIN>'
	wait_until 5 vt_lines own 1 || fail "$(cat "$BATS_TEST_TMPDIR/own.err")"
	holder=$(user "$(bg_pid own)" perl "[$(<"$BATS_TEST_TMPDIR/own.out")]")
	run_cmd as_nobody -j -d list
	assert_status 0
	jq -e --argjson user "$holder" '.[0].users == [$user]' <<<"$output" || fail "$output"
	users_are t0 "[$holder]"
}

@test "users: holders that go while they are looked for" {
	local i

	vn create vm0 link lower
	vn create t0 type tap
	spawn_bg churn bash -c 'while :; do /bin/true; (exec 7</dev/null; /bin/true); done'
	for ((i = 0; i < 30; i++)); do
		run_vn -j -d list
		assert_status 0
		assert_err ""
		jq -e 'length == 2 and all(.[]; .users == [])' <<<"$output"
	done
}

# --- filters -----------------------------------------------------------------------------

@test "users: used, unused, orphaned, and with the other filters" {
	orphan_new left link lower mode bridge
	hold vm0 vm0 link lower mode bridge lifetime watched
	hold vm1 vm1 link lower lifetime fd
	hold t0 t0 link br0
	vn create vm2 link lower mode bridge
	vn create t1 link br0 mode private
	ip -n "$NS" link add ipm0 link lower type macvtap mode bridge
	ip -n "$NS" tuntap add ipt0 mode tap

	shows "ipm0 ipt0 left t0 t1 vm0 vm1 vm2"
	shows "t0 vm0 vm1" used
	shows "ipm0 ipt0 left t1 vm2" unused
	shows "left" orphaned

	shows "vm0 vm1" used type macvtap
	shows "t0" used type tap
	shows "ipt0 t1" type tap unused
	shows "vm0 vm1" used link lower
	shows "t0" link br0 used
	shows "t1" link br0 unused
	shows "vm0" used link lower mode bridge
	shows "ipm0 left vm2" unused mode bridge type macvtap
	shows "t1" mode private unused
	shows "left" orphaned type macvtap
	shows "" orphaned type tap
	shows "" orphaned link br0
	shows "left" orphaned link lower mode bridge
	shows "" orphaned mode vepa
	shows "vm0" used vm0 vm2
	shows "vm2" unused vm0 vm2
	shows "left" orphaned vm0 left
	shows "" orphaned vm0

	# The same rows in every look.
	run_vn -br list used
	assert_status 0
	[[ $(awk '{ print $1 }' "$vt_out" | sort | xargs) == "t0 vm0 vm1" ]]
	run_vn list orphaned
	assert_status 0
	[[ ${#lines[@]} == 1 && $output == "left: "*" orphaned users -" ]] || fail "$output"
	run_vn -t list unused link lower
	assert_status 0
	[[ $(sed -n 's/^[^ ]* \([^ ]*\) macvtap .*/\1/p' "$vt_out" | xargs) == "ipm0 left vm2" ]] ||
		fail "$output"

	# A device that is filtered away is no failure; one that is not there is.
	run_vn -j list vm0 unused
	assert_status 0
	assert_out "[]"
	refused 2 "cannot find nope: No such device" list nope used
	local a b
	for a in used unused orphaned; do
		for b in used unused orphaned; do
			[[ $a != "$b" ]] || continue
			refused 1 "list: '$b' does not go with '$a'" list "$a" "$b"
		done
		refused 1 "list: '$a' is given twice" list "$a" "$a"
	done
	vn destroy orphans
	shows "" orphaned
	shows "ipm0 ipt0 t0 t1 vm0 vm1 vm2"
}

@test "users: what looks like an orphan and is none" {
	local group

	orphan_new left link lower
	group=$(vn -j list left | jq -r '.[0].group')
	# Its mark on others' devices: a tap, and one that somebody holds.
	ip -n "$NS" tuntap add ipt0 mode tap
	ip -n "$NS" link set ipt0 group "$group"
	hold vm0 vm0 link lower lifetime watched
	ip -n "$NS" link set vm0 group "$group"
	# Its mark in a namespace where it means nothing.
	ns_new THERE
	lower_new "$THERE"
	ip -n "$THERE" link add moved link lower type macvtap
	ip -n "$THERE" link set moved group "$group"
	shows "left" orphaned
	run_cmd in_ns "$THERE" "$VNETCTL" -j list orphaned
	assert_status 0
	assert_out "[]"
	# Open again, it is none; its mark was taken out of use by what it lives by now.
	ip -n "$NS" link set left group default
	shows "" orphaned
	ip -n "$NS" link set left group "$group"
	hold left left
	shows "" orphaned
	let_go left left
}

# --- those who only look ----------------------------------------------------------------

# A list that is delayed at its question has the descriptor for so long.
# slow_list NAME - one that has borrowed the holder's descriptor, and stops there
slow_list() {
	spawn_bg "$1" in_ns "$NS" strace -f -qq -o "$BATS_TEST_TMPDIR/$1.trace" \
		-e trace=pidfd_getfd -e inject=pidfd_getfd:delay_exit=150000 "$VNETCTL" list
	wait_until 10 has_borrowed "$BG_PID"
}

# has_borrowed STRACE - its child has a descriptor of a macvtap
has_borrowed() {
	LOOKER=$(pgrep -P "$1" -x vnetctl) || return
	find "/proc/$LOOKER/fd" -lname '*/tap[0-9]*' 2>/dev/null | grep -q .
}

@test "users: a list that looks is no user for another one" {
	local probe

	hold vm0 vm0 link lower lifetime watched
	probe=$(user "$(bg_pid vm0)" probe "$(hold_fds vm0 vm0)")
	slow_list slow
	users_are vm0 "[$probe]"
	bg_end slow
	# One that is stopped there has it for good.
	slow_list stopped
	kill -STOP "$LOOKER"
	run_vn list vm0
	assert_status 0
	[[ $output == *" users "*"vnetctl($LOOKER)"* ]] || fail "$output"
	kill -CONT "$LOOKER"
	bg_end stopped
}

@test "users: list as COMMAND is a user of what it inherited" {
	local type

	for type in "link lower lifetime fd" "link lower lifetime watched" "type tap"; do
		# shellcheck disable=SC2086 # words
		run_vn open-exec vm0 $type args none -- "$VNETCTL" -j -d list
		assert_status 0
		assert_err ""
		jq -e 'length == 1 and (.[0].users | length == 1 and .[0].comm == "vnetctl" and
			(.[0].fds | length == 1)) and (.[0] | has("inside") | not)' \
			<<<"$output" || fail "$type: $output"
		wait_until 5 shows ""
	done
	# Which one that is, the environment says.
	# shellcheck disable=SC2016 # for the inner shell
	run_vn open-exec vm0 link lower args none -- bash -c \
		'exec "$0" -j list used | jq -c "[.[0].users[].fds]"; echo "[[$VNETCTL_FD]]"' "$VNETCTL"
	assert_status 0
	[[ ${lines[0]} == *"${lines[1]#[}"* || ${lines[0]} == *"[${lines[1]//[\[\]]/}]"* ]] ||
		fail "$output"
}

# --- inside -----------------------------------------------------------------------------

@test "users: who only stands in the namespace of a device is inside" {
	local netns probe

	hold vm0 vm0 link lower lifetime fd
	hold vm1 vm1 link lower lifetime watched
	probe=$(user "$(bg_pid vm0)" probe "$(hold_fds vm0 vm0)")
	json "$NS" 'all(.[]; has("inside") | not)' -d list
	netns=$(vn -j -d list vm0 | jq -r '.[0].netns')
	spawn_co in0 nsenter --net="$netns" bash -c 'echo ready; read -r _'
	wait_text "$BATS_TEST_TMPDIR/in0.out" ready
	spawn_co in1 bash -c 'exec 7<"$0"; echo ready; read -r _' "$netns"
	wait_text "$BATS_TEST_TMPDIR/in1.out" ready
	users_are vm0 "[$probe]"
	jq -nc "[$(user "$(bg_pid in0)" bash "[]"), $(user "$(bg_pid in1)" bash "[7]")] |
		sort_by(.pid)" >"$BATS_TEST_TMPDIR/wanted"
	vn -j -d list vm0 | jq -c '.[0].inside | sort_by(.pid)' | diff "$BATS_TEST_TMPDIR/wanted" -
	run_vn -d list vm0
	assert_status 0
	[[ ${lines[1]} =~ \ inside\ bash\([0-9]+\),bash\([0-9]+\)\  ]] || fail "$output"
	run_vn list vm0
	[[ $output != *inside* ]]
	json "$NS" 'all(.[]; has("inside") | not)'
	# The guest ends: they keep the device, and use it no more than before.
	kill -9 "$(bg_pid vm0)"
	wait_pid_gone "$(bg_pid vm0)"
	users_are vm0 "[]"
	shows "vm1" used
	json "$NS" '.[] | select(.ifname == "vm0") | .inside | length == 2' -d list
	co_eof in0
	co_eof in1
	wait_until 5 shows vm1
}

# --- held by what cannot be seen ---------------------------------------------------------

# dock ARGS... - vnetctl ARGS as a root who must not look into others' processes
dock() {
	in_ns "$NS" setpriv --bounding-set -sys_ptrace --inh-caps -sys_ptrace -- \
		"$VNETCTL" "$@"
}

@test "users: what cannot be seen is unknown, and not unused" {
	local warning='vnetctl: warning: cannot look into [0-9]+ processes of others: this needs CAP_SYS_PTRACE'

	hold vm0 vm0 link lower lifetime fd
	hold vm1 vm1 link lower lifetime watched
	hold t0 t0 type tap
	vn create idle0 link lower
	vn create idle1 type tap
	# Another user's: root without that right is let in where all is alike.
	spawn_co other in_ns "$NS" setpriv --reuid=65534 --regid=65534 --clear-groups \
		bash -c 'exec 7<>"$0"; echo ready; read -r _' /dev/null
	wait_text "$BATS_TEST_TMPDIR/other.out" ready
	run_cmd dock -j -d list
	assert_status 0
	[[ ${#stderr_lines[@]} == 1 && $stderr =~ ^$warning$ ]] || fail "$stderr"
	jq -e 'length == 5 and all(.[]; has("users") | not)' <<<"$output" || fail "$output"
	# The kernel tells of what vnetctl opened, and of taps; of the rest nobody does.
	run_cmd dock -j list used
	[[ $(jq -c '[.[].ifname] | sort' <<<"$output") == '["t0","vm0","vm1"]' ]] || fail "$output"
	run_cmd dock -j list unused
	[[ $(jq -c '[.[].ifname] | sort' <<<"$output") == '["idle1"]' ]] || fail "$output"
	run_cmd dock -br list
	assert_err ""
	# Nothing was looked at that could be held.
	run_cmd dock list orphaned
	assert_err ""
	# From another pid namespace the kernel's word is all there is.
	run_cmd in_ns "$NS" unshare --pid --fork --mount-proc "$VNETCTL" -j list used
	assert_status 0
	assert_err ""
	[[ $(jq -c '[.[].ifname] | sort' <<<"$output") == '["t0","vm0","vm1"]' ]] || fail "$output"
	jq -e 'all(.[]; has("users") | not)' <<<"$output" || fail "$output"
}
