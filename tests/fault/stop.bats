#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Set here for functions of the other file, and read by their names:
# shellcheck disable=SC2034,SC2004,SC2154
#
# A process is stopped before each of its system calls, and another command for the same
# device comes, does what it can, and ends or holds the device; then the first one goes on.
# The tables it prints:
#
#   points   before how many of how many calls it was stopped
#   first    the one that was stopped got what it wanted, the other one was refused
#   second   the other way round
#   both     both: where they do not exclude each other
#   neither  both were refused
#   wrong    a guest lost its device, two have one device, something was left behind, a
#            refusal was not one line, a wait was longer than LONGEST, or what the row does
#            not allow
#   slowest  how long the second one took, and then the first one
#
# Bounded, it is stopped before some calls that others can feel (messages, locks, forks,
# exec, exit); LONG=1: before every call.

load ../lib/common
load ../lib/refused
load ../lib/lifetime
load ../lib/sweep

MAC=52:54:00:00:00:51
# In ms: the deadline of 5 s, and a little on a busy machine.
LONGEST=7500
# How many points a row has, bounded.
MOST=5

setup() {
	common_setup
	lower_new "$NS"
	lower_new "$NS" lower2 peer2
	settled lower peer lower2 peer2
	pen_new
	T=$BATS_TEST_TMPDIR
	HOLD=(args none -- "$VMM" hold '{fd}' "$(lost)")
	no_wait=1
}

teardown() {
	local rc=0

	pen_end || rc=1
	common_teardown && ((!rc))
}

header() {
	row_header "stopped before a call" first second both neither wrong
}

# --- the second one -------------------------------------------------------------

# then_run ARGS... - the second one is vnetctl ARGS, which ends
then_run() {
	# shellcheck disable=SC2016
	printf -v rival 'cd "%s"; "$VNETCTL" %s >rival.out 2>rival.err; echo $? >rival.status' \
		"$T" "$*"
	second() { [[ $(<"$T/rival.status") == 0 ]]; }
	refusal=2
}

# then_vm WORDS... - it is a VM on open-exec WORDS; the first one goes on when it holds its
# device, or was refused
then_vm() {
	# shellcheck disable=SC2016
	printf -v rival 'cd "%s"; rm -f gate; mkfifo gate
		"$VNETCTL" open-exec %s args none -- "$VMM" hold "{fd}" "%s" >gate 2>rival.err &
		read -r line <gate; echo "$line" >rival.out
		[ "$line" ] || { wait $!; echo $? >rival.status; }' "$T" "$*" "$(lost)"
	second() { [[ $(<"$T/rival.out") == 'holding sw'* ]]; }
	refusal=125
}

# --- the sweep --------------------------------------------------------------------

# pen_count COMM - how many of them are in the pen
pen_count() {
	cat "/proc/$PEN/root/proc/"[0-9]*/comm 2>/dev/null | grep -cx -- "$1" || :
}

pen_has_of() {
	(($(pen_count "$1") <= $2))
}

pen_kill() {
	local pid comm

	while read -r pid comm; do
		[[ $comm != "$1" ]] || pen kill -9 "$pid" 2>/dev/null || :
	done < <(pen ps -eo pid=,comm=)
}

# choose - sets points, those before which it is to be stopped
choose() {
	local i
	local -a all=()

	for ((i = 1; i <= ${#calls[@]}; i++)); do
		# F_OFD_SETLK
		[[ ! ${LONG:-} && ! ${calls[i]} =~ ^(sendto|vfork|clone|execve|exit_group|fcntl\ 0x.\ 0x25)\  ]] ||
			all+=("$i")
	done
	points=("${all[@]}")
	[[ ! ${LONG:-} ]] && ((${#all[@]} > MOST)) || return 0
	points=()
	for ((i = 0; i < MOST; i++)); do
		points+=("${all[i * (${#all[@]} - 1) / (MOST - 1)]}")
	done
}

# stop_at POINT WHO ARGS... - false when it had fewer calls this time, or does not end
stop_at() {
	local rc=0

	hit stop "$1" "$rival" "${@:2}" || rc=$?
	((rc < 2)) || wrong "point $1: it does not end"
	((rc)) || return 0
	pen_kill vmm
	((rc < 2)) || pen_clear
	clean_slate
	return 1
}

# stop_each ALLOWED WHO ARGS... - WHO of vnetctl ARGS is stopped
stop_each() {
	local allowed=" $1 " n begin slowest=0 slowest_rest=0
	shift

	row[points]=0
	prepare
	sweep_calls "$@"
	pen_kill vmm
	clean_slate
	choose
	for n in "${points[@]}"; do
		prepare
		rm -f "$T"/rival.* "$(lost)"
		begin=${EPOCHREALTIME/./}
		stop_at "$n" "$@" || continue
		rest=$(((${EPOCHREALTIME/./} - begin) / 1000 - hit_ms))
		((hit_ms <= slowest)) || slowest=$hit_ms
		((rest <= slowest_rest)) || slowest_rest=$rest
		judge
		[[ $allowed == *" $verdict "* ]] || bad "$n"
		row_count "$verdict"
	done
	row_print "slowest $slowest ms, $slowest_rest ms" first second both neither wrong
}

# judge - sets verdict, and why
judge() {
	local a='' b='' holders=0 watchers

	why=''
	case $hit_main in
	reached-exec | 'exited 0') a=1 ;;
	'exited 125' | 'exited 2') one_line || why='the first one does not say why' ;;
	*) why="the first one $hit_main" ;;
	esac
	if second; then
		b=1
	else
		[[ $(<"$T/rival.status") == "$refusal" && $(<"$T/rival.err") == 'vnetctl: '* &&
			$(wc -l <"$T/rival.err") == 1 ]] || why='the second one was not refused in one line'
	fi
	verdict=neither
	[[ ! $a ]] || verdict=first
	[[ ! $b ]] || verdict=second
	[[ ! $a || ! $b ]] || verdict=both
	((hit_ms <= LONGEST && rest <= LONGEST)) || why="it took $hit_ms ms and $rest ms"
	# Whoever holds a device keeps it, when all others have ended.
	[[ ! $b || $refusal != 125 ]] || ((++holders))
	[[ $hit_main != reached-exec || $first_ends ]] || ((++holders))
	wait_until 8 pen_has_of vnetctl-watch "$holders" 2>/dev/null || why='a watcher is left'
	wait_until 5 pen_has_of vnetctl 0 2>/dev/null || why='a vnetctl is left'
	[[ $(pen_count vmm) == "$holders" ]] || why="$(pen_count vmm) guests instead of $holders"
	none_lost 2>/dev/null || why="$(<"$(lost)")"
	pen_kill vmm
	wait_until 5 pen_empty 2>/dev/null || why='somebody is left'
	gone_too
	wait_until 8 is_clean 2>/dev/null || why='something is left'
	[[ ! $why ]] || verdict=wrong
}

bad() {
	wrong "point $1, before ${calls[$1]}: $verdict: $why
first: $hit_main: $(<"$T/hit.err")
second: $(cat "$T"/rival.{status,out,err} 2>/dev/null)
$(diff <(echo "$before") <(vt_links) | cut -c 1-200)
$(marks)
$(pen ps -eo pid,args)"
	verdict=wrong
	pen_clear
	clean_slate
}

clean_slate() {
	local dev

	for dev in sw0 sw1 sw2; do
		! pen_has $dev || ip -n "$NS" link del $dev 2>/dev/null || :
	done
	wait_until 10 is_clean
}

prepare() { :; }
# What a command leaves that is to leave it.
gone_too() { :; }
first_ends=''

exists() {
	pen_has sw0 || pen_vn create sw0 link lower address $MAC
}

# --- the rows -----------------------------------------------------------------------

# Its guest is dead, or its watcher not yet ready.
@test "stop: the watcher, when its device is wanted again" {
	local first_ends=1

	header
	then_vm sw0
	row_begin "watcher x open-exec"
	stop_each "first both neither" child open-exec sw0 link lower address $MAC \
		lifetime watched "${TRUE[@]}"
	then_vm sw0 link lower address $MAC lifetime watched
	row_begin "watcher x open-exec that makes it"
	# A watcher that is not ready for 5 s fails its open-exec, and the second one gets it.
	stop_each "first second both" child open-exec sw0 link lower address $MAC \
		lifetime watched "${TRUE[@]}"
	then_run destroy sw0
	row_begin "watcher x destroy"
	stop_each "first both neither" child open-exec sw0 link lower lifetime watched "${TRUE[@]}"
}

@test "stop: destroy, when its device is wanted" {
	prepare() { exists; }
	then_vm sw0
	row_begin "destroy x open-exec"
	stop_each "first second" main destroy sw0
	then_run destroy sw0
	row_begin "destroy x destroy"
	stop_each "first second both" main destroy sw0
	then_vm sw0 link lower address $MAC
	row_begin "destroy x open-exec that makes it"
	# That one finds the name taken, or free at the end.
	stop_each "first both" main destroy sw0
}

@test "stop: open-exec of a device that exists" {
	prepare() { exists; }
	then_run destroy sw0
	row_begin "open-exec x destroy"
	stop_each "first second" main open-exec sw0 "${HOLD[@]}"
	then_vm sw0
	row_begin "open-exec x open-exec"
	stop_each "first second" main open-exec sw0 "${HOLD[@]}"
	# That one leaves it.
	gone_too() { pen_vn -q destroy sw0 if-exists; }
	then_vm sw0 lifetime persistent
	row_begin "open-exec x open-exec, persistent"
	stop_each "first second" main open-exec sw0 "${HOLD[@]}"
}

@test "stop: open-exec that makes its device" {
	local a b

	for a in fd watched; do
		for b in fd watched; do
			then_vm sw0 link lower lifetime $b
			row_begin "open-exec new, $a x $b"
			stop_each "first second" main open-exec sw0 link lower lifetime $a "${HOLD[@]}"
		done
	done
	then_run destroy sw0
	row_begin "open-exec new, fd x destroy"
	stop_each "first second" main open-exec sw0 link lower lifetime fd "${HOLD[@]}"
	row_begin "open-exec new, watched x destroy"
	stop_each "first second" main open-exec sw0 link lower lifetime watched "${HOLD[@]}"
}

@test "stop: open-exec that takes a number" {
	local a b

	for a in fd watched; do
		for b in fd watched; do
			then_vm sw%d link lower lifetime $b
			row_begin "open-exec %d, $a x $b"
			stop_each both main open-exec sw%d link lower lifetime $a "${HOLD[@]}"
		done
	done
}

@test "stop: taps" {
	prepare() { pen_has sw0 || pen_vn create sw0 type tap address $MAC; }
	then_vm sw0
	row_begin "tap: destroy x open-exec"
	stop_each "first second" main destroy sw0
	row_begin "tap: open-exec x open-exec"
	stop_each "first second" main open-exec sw0 "${HOLD[@]}"
	then_run destroy sw0
	row_begin "tap: open-exec x destroy"
	stop_each "first second" main open-exec sw0 "${HOLD[@]}"
	prepare() { :; }
	then_vm sw0 type tap
	row_begin "tap: open-exec new x open-exec new"
	stop_each "first second" main open-exec sw0 type tap "${HOLD[@]}"
	then_vm sw0 link lower
	row_begin "tap: open-exec new x macvtap, fd"
	stop_each "first second" main open-exec sw0 type tap "${HOLD[@]}"
	then_vm sw0 type tap
	row_begin "macvtap, fd x tap: open-exec new"
	stop_each "first second" main open-exec sw0 link lower "${HOLD[@]}"
}

@test "stop: create and mode" {
	local first_ends=1

	# What create leaves is taken by the one that comes later, or is destroyed.
	then_vm sw0
	row_begin "create x open-exec"
	clean_slate() { ! pen_has sw0 || pen_vn destroy sw0 if-exists; wait_until 10 is_clean; }
	gone_too() { pen_vn -q destroy sw0 if-exists; }
	stop_each "first both" main create sw0 link lower
	then_run create sw0 link lower
	row_begin "create x create"
	stop_each "first second" main create sw0 link lower
	then_vm sw0 link lower
	row_begin "create x open-exec new, fd"
	stop_each "first second" main create sw0 link lower
	row_begin "open-exec new, fd x create"
	then_run create sw0 link lower
	first_ends=''
	stop_each "first second" main open-exec sw0 link lower "${HOLD[@]}"
	first_ends=1
	prepare() { exists; }
	then_run destroy sw0
	row_begin "mode x destroy"
	stop_each "first second both" main mode sw0 bridge
	then_vm sw0
	row_begin "mode x open-exec"
	stop_each "first both" main mode sw0 bridge
}

# --- two stopped at once --------------------------------------------------------------

# sends ARRAY WORDS... - before which calls open-exec WORDS sends a message
sends() {
	local -n to=$1
	local i

	sweep_calls main open-exec "${@:2}" "${HOLD[@]}"
	pen_kill vmm
	clean_slate
	to=()
	for i in "${!calls[@]}"; do
		[[ ${calls[i]} != sendto\ * ]] || to+=("$i")
	done
}

# then_stopped POINT WORDS... - the second one is a VM on open-exec WORDS, too, and is stopped
# before that call of its own; then both go on
then_stopped() {
	# shellcheck disable=SC2016
	printf -v rival 'cd "%s"; rm -f here go
		"$SWEEP" stop %s "touch here; until [ -e go ]; do sleep 0.01; done" \
			--skip-startup --no-wait --timeout 30 --report rival.report -- \
			"$VNETCTL" open-exec %s args none -- "$VMM" hold "{fd}" "%s" \
			>rival.out 2>rival.err &
		until [ -e here ] || [ -s rival.report ]; do sleep 0.01; done
		touch go' "$T" "$1" "${*:2}" "$(lost)"
	second() {
		local end

		wait_until 15 test -s "$T/rival.report" && read -r end <"$T/rival.report"
		end=${end##* main }
		echo "${end#exited }" >"$T/rival.status"
		[[ $end == reached-exec ]]
	}
	refusal=125
}

# both_stopped ALLOWED A B - open-exec A and open-exec B, each stopped before a message
both_stopped() {
	local allowed=" $1 " a b k i j begin slowest=0 slowest_rest=0
	local -a pairs=() at_a at_b

	read -ra a <<<"$2"
	read -ra b <<<"$3"
	row_begin "both stopped: ${a[*]: -1} x ${b[*]: -1}, ${a[0]}"
	sends at_a "${a[@]}"
	sends at_b "${b[@]}"
	for i in "${!at_a[@]}"; do
		for j in "${!at_b[@]}"; do
			[[ ! ${LONG:-} ]] && ((i != j && i + 1 != j)) || pairs+=("${at_a[i]} ${at_b[j]}")
		done
	done
	calls=("${pairs[@]}")
	for k in "${!pairs[@]}"; do
		then_stopped "${pairs[k]#* }" "${b[@]}"
		rm -f "$T"/rival.* "$(lost)"
		begin=${EPOCHREALTIME/./}
		stop_at "${pairs[k]% *}" main open-exec "${a[@]}" "${HOLD[@]}" || continue
		rest=$(((${EPOCHREALTIME/./} - begin) / 1000 - hit_ms))
		((rest <= slowest_rest)) || slowest_rest=$rest
		judge
		[[ $allowed == *" $verdict "* ]] || bad "$k"
		row_count "$verdict"
	done
	row_print "slowest $slowest_rest ms" first second both neither wrong
}

@test "stop: two makers of one name, both stopped" {
	local a b

	for a in fd watched; do
		for b in fd watched; do
			both_stopped "first second" "sw0 link lower lifetime $a" "sw0 link lower lifetime $b"
		done
	done
	for a in fd watched; do
		for b in fd watched; do
			both_stopped both "sw%d link lower lifetime $a" "sw%d link lower lifetime $b"
		done
	done
}

@test "stop: destroy orphans, when an orphan is wanted" {
	prepare() { pen_has sw0 || orphan_new sw0 link lower address $MAC; }
	then_vm sw0
	row_begin "destroy orphans x open-exec"
	stop_each "first both" main destroy orphans
	then_vm sw0 link lower address $MAC
	row_begin "destroy orphans x open-exec that makes it"
	stop_each "first both" main destroy orphans
}

# --- at random ------------------------------------------------------------------------------

no_watchers() {
	local pid

	for pid in $(ip netns pids "$NS"); do
		[[ $(cat "/proc/$pid/comm" 2>/dev/null) != vnetctl-watch ]] || return
	done
}

@test "stop: whatever is stopped at random, no guest loses its device, nothing is left" {
	local seconds=10

	[[ ! ${LONG:-} ]] || seconds=120
	mkdir "$T/storm"
	run_cmd in_ns "$NS" "$VT_ROOT/tests/tools/storm" "$T/storm" "$seconds" 6
	assert_status 0
	assert_err ""
	# shellcheck disable=SC2154
	echo "# $output" >&3
	[[ ! -e $T/storm/lost ]] || fail "$(cat "$T/storm/lost")"
	# What is refused says why, in one line.
	[[ $(grep -cvE '^vnetctl: (cannot|sw[0-2]) ' "$T"/storm/*.err | grep -v ':0$') == "" ]] ||
		fail "$(cat "$T"/storm/*.err)"
	wait_until 10 no_watchers
	vn destroy all
	vn destroy orphans
	wait_until 8 is_clean
}
