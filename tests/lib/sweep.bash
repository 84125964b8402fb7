# SPDX-License-Identifier: GPL-2.0-or-later
# Set here for functions of the other file, and read by their names:
# shellcheck disable=SC2034,SC2004
# shellcheck shell=bash
#
# For tests that hit vnetctl at each of its system calls: `load ../lib/sweep`
# after common, refused and lifetime. The tool is tests/tools/sweep.c; a sweep is one
# command run again and again, hit at its first, second, ... call, until it is
# through unhurt.
#
# All of it happens in a pen: a pid namespace in $NS with a /proc of its own. A
# walk over /proc is a handful of calls there, whatever else the machine does,
# and whoever is in the pen was started by the swept command.

: "${SWEEP:=$VT_ROOT/build/tests/sweep}"
export SWEEP

# How long the kernel, or a watcher, may take to clear up after a death.
SETTLE=2

# COMMAND of a swept open-exec. By its path: a search would be a point a try.
TRUE=(args none -- /bin/true)

# pen_new - makes the pen; $before is then what is to be there after each point
pen_new() {
	# Whoever ends in it is gone at once: its init wants to hear of nobody.
	spawn_bg pen in_ns "$NS" unshare --pid --fork --kill-child --mount-proc \
		env --ignore-signal=CHLD sleep infinity || return
	wait_until 5 vt_pen_ready "$BG_PID" || return
	before=$(vt_links)
	vt_names before_names
}

# pen_end - for teardown: whoever is in the pen yet is left behind
pen_end() {
	local rc=0

	[[ ${PEN:-} ]] || return 0
	wait_until 5 pen_empty || rc=1
	((!rc)) || pen ps -eo pid,args
	kill -9 "$PEN" && wait_pid_gone "$PEN" || rc=1
	return "$rc"
}

# pen CMD... - runs CMD in the pen
pen() {
	(
		eval "${vt_close:-:}"
		exec nsenter -t "$PEN" -n -p -m -- "$@"
	)
}

# pen_vn ARGS... - vnetctl in the pen
pen_vn() {
	pen "$VNETCTL" "$@"
}

# pen_empty - nobody is in the pen
pen_empty() {
	local -a all=("/proc/$PEN/root/proc/"[0-9]*)

	((${#all[@]} == 1))
}

# pen_clear - ends whoever is in the pen
pen_clear() {
	pen sh -c 'kill -9 -1' || true
	wait_until 5 pen_empty
}

# pen_has DEV - the device is there; asks nobody
pen_has() {
	[[ -e /proc/$PEN/root/sys/class/net/$1 ]]
}

# is_clean - the links are as in $before, no lifeline lives, the pen is empty
is_clean() {
	local names

	pen_empty || return
	vt_names names
	[[ $names == "$before_names" && $(vt_links) == "$before" ]] && no_marks
}

# hit VERB POINT [ERRNO|RIVAL] WHO ARGS... - runs vnetctl -q ARGS (that a watcher dies with the
# pen is no news here) under the sweep tool, with WHO's calls as the points. Sets hit_call,
# hit_result (its first word), hit_ms (how long it was stopped), and hit_main, how main
# ended: "exited 2", "reached-exec", "signalled 9". Files: hit.out, hit.err,
# and hit.log, the calls up to the point ("INDEX WHO[~] NAME ARG ARG ARG [PATH]", with a
# tilde where a signal can end the call). False when the point is beyond the end.
# With $no_wait it does not wait for COMMAND.
hit() {
	local base=$BATS_TEST_TMPDIR/hit rc=0
	local -a verb=("$1" "$2")

	shift 2
	[[ ${verb[0]} == kill ]] || { verb+=("$1"); shift; }
	# New files: somebody of the last point may still write to the old ones.
	rm -f "$base".{report,out,err,log}
	pen "$SWEEP" "${verb[@]}" --who "$1" --skip-startup --timeout 30 \
		${no_wait:+--no-wait} \
		--report "$base.report" --log "$base.log" -- "$VNETCTL" -q "${@:2}" \
		>"$base.out" 2>"$base.err" || rc=$?
	((rc <= 1)) || fail "sweep ${verb[*]} of $*: status $rc" \
		"$(cat "$base.report" "$base.err")" || return 2
	# "point N call NAME result WORD... main WORD... [command WORD...]"
	read -r _ _ _ hit_call _ hit_result hit_main <"$base.report"
	hit_ms=${hit_main%% main *}
	hit_ms=${hit_ms##* }
	hit_main=${hit_main##*main }
	hit_main=${hit_main% command *}
	return "$rc"
}

# one_line - stderr of the last hit was one line of vnetctl's
one_line() {
	local err

	err=$(<"$BATS_TEST_TMPDIR/hit.err")
	[[ $err == 'vnetctl: '* && $err != *$'\n'* ]]
}

# orphan_new ARGS... - makes an orphan: open-exec ARGS, whose COMMAND kills its watcher
orphan_new() {
	pen_vn -q open-exec "$@" lifetime watched args none -- sh -c '
		for p in /proc/[0-9]*; do
			read -r comm <"$p/comm"
			[ "$comm" != vnetctl-watch ] || kill -9 "${p#/proc/}"
		done' && wait_until "$SETTLE" pen_empty && wait_until "$SETTLE" no_marks
}

# --- a sweep is one row of a table ---------------------------------------------

# sweep_calls WHO ARGS... - runs it unhurt to learn what its calls are. Sets calls, from 1
# ("NAME ARG ARG ARG [PATH]"), tilde, those that a signal can end, and left_out, those
# that the bounded form leaves out: three in four of a long run of calls that only look
# (a walk over /proc, one prctl for each capability), three in four of those that raise
# and lower power, and all but each $stride-th, if that is set. LONG=1 leaves out none.
sweep_calls() {
	local power=0 looks=' openat read getdents64 close fstat newfstatat statx readlinkat lseek brk prctl '
	local i k call rest rc=0
	local -a run=()

	hit kill 1000000 "$@" || rc=$?
	((rc == 1)) || fail "that was not beyond the end" || return
	calls=()
	tilde=()
	while read -r i call rest; do
		calls[i]=$rest
		[[ $call != *~ ]] || tilde[i]=1
	done <"$BATS_TEST_TMPDIR/hit.log"
	left_out=()
	for ((i = 1; i <= ${#calls[@]} + 1; i++)); do
		((i % ${stride:-1} == 0)) || left_out[i]=1
		call=${calls[i]:-end}
		if [[ $call == capget\ * || $call == capset\ * ]]; then
			((power++ % 4 == 0)) || left_out[i]=1
			continue
		fi
		if [[ $looks == *" ${call%% *} "* ]]; then
			run+=("$i")
			continue
		fi
		for k in "${!run[@]}"; do
			((${#run[@]} < 16 || k % 4 == 0)) || left_out[run[k]]=1
		done
		run=()
	done
	[[ ! ${LONG:-} ]] || left_out=()
}

# row_begin TITLE - begins a line of the table
row_begin() {
	row_title=$1
	declare -gA row=([points]=0)
	row_wrong=()
}

# row_count VERDICT - one point more
row_count() {
	((++row[points], ++row[$1]))
}

# row_print END VERDICT... - the line, on the test's own output; fails when
# anything was wrong
row_print() {
	local v text

	printf -v text '%5d of %-5d' "${row[points]}" "${#calls[@]}"
	for v in "${@:2}"; do
		printf -v text '%s%9d' "$text" "${row[$v]:-0}"
	done
	printf '# %-38s %s  %s\n' "$row_title" "$text" "$1" >&3
	((!${#row_wrong[@]})) || fail "${row_wrong[@]}"
}

# row_header TITLE VERDICT... - the line above the first one
row_header() {
	local text

	printf -v text '%9s' "${@:2}"
	printf '# %-38s %14s%s  %s\n' "$1" points "$text" "unhurt it" >&3
}

# wrong TEXT - what is not as it must be, for the end of the row
wrong() {
	row_wrong+=("$row_title: $1")
}

# --- inside -----------------------------------------------------------------

vt_pen_ready() {
	PEN=$(<"/proc/$1/task/$1/children")
	PEN=${PEN% }
	[[ $PEN && $(cat "/proc/$PEN/comm" 2>/dev/null) == sleep ]]
}

# The names of all links, without asking anybody.
vt_names() {
	local -a vt_all=("/proc/$PEN/root/sys/class/net/"*)

	printf -v "$1" %s "${vt_all[*]##*/}"
}
