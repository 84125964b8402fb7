# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What every bats file of vnetctl's tests loads: `load ../lib/common`.
#
# A test lives in network namespaces of its own, in which a veth pair stands
# for the NIC and the wire behind it. setup makes the first one, $NS; teardown
# ends what the test started, deletes the namespaces, and fails the test if
# anything else it caused is still running: "nothing is left behind" is
# checked after every single test.
#
# Every process a test starts carries VT_TEST in its environment. That is how
# teardown finds a forgotten one in any namespace, however often it forked.
#
# Descriptors: bats keeps 3 and up for itself and waits until the last holder
# of them has gone. All functions here close bats' own before they run
# anything. A test that passes descriptors to vnetctl uses 5 and up.
#
# Files of a test: $BATS_TEST_TMPDIR/NAME.out, NAME.err, NAME.pid, NAME.in.

bats_require_minimum_version 1.5.0

VT_ROOT=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
: "${VNETCTL:=$VT_ROOT/build/vnetctl}"
: "${FRAME:=$VT_ROOT/build/tests/frame}"
: "${PROBE:=$VT_ROOT/build/tests/probe}"
export VNETCTL FRAME PROBE LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin

# A file with a setup or teardown of its own calls these two in it.
setup() { common_setup; }
teardown() { common_teardown; }

# common_setup - marks the test and makes its default namespace, $NS
common_setup() {
	local fd

	[[ -x $VNETCTL ]] || fail "$VNETCTL is not there: run make" || return
	vt_mark=$$.$RANDOM$RANDOM
	export VT_TEST=$vt_mark
	vt_note mark "$vt_mark"
	vt_close='exec'
	for fd in 3 4 5 6 7 8 9; do
		[[ ! -e /proc/$BASHPID/fd/$fd ]] || vt_close+=" $fd>&-"
	done
	ns_new NS
}

# common_teardown - ends the test's processes, deletes its namespaces; fails
# when a process is left that spawn_bg or own_pid do not know
common_teardown() {
	local rc=0 pid ns

	vt_end_known
	# A watcher may need a moment after its VMM has gone.
	if ! wait_until 5 vt_nothing_left >/dev/null; then
		rc=1
		for pid in $(vt_left); do
			echo "left behind: $(vt_describe "$pid")"
			kill -9 "$pid" 2>/dev/null
		done
		wait_until 5 vt_nothing_left
	fi
	for ns in $(vt_noted ns); do
		ip netns del "$ns" || rc=1
	done
	return "$rc"
}

# fail TEXT... - says why and fails the test
fail() {
	printf '%s\n' "$@" >&2
	return 1
}

# --- namespaces and links -------------------------------------------------

# ns_new VAR - makes a named network namespace and puts its name into VAR
ns_new() {
	local vt_n

	vt_n=vt-$$-$(vt_noted ns | wc -l)
	ip netns add "$vt_n" || return
	vt_note ns "$vt_n"
	ip -n "$vt_n" link set lo up
	printf -v "$1" %s "$vt_n"
}

# in_ns NS CMD... - runs CMD in the namespace, with a /sys that shows it
in_ns() {
	(
		eval "${vt_close:-:}"
		exec ip netns exec "$@"
	)
}

# no_ipv6 NS DEV - the kernel itself sends nothing from DEV
no_ipv6() {
	in_ns "$1" sysctl -qw "net.ipv6.conf.$2.disable_ipv6=1"
}

# lower_new NS [LOWER] [PEER] - a veth pair, both ends up and silent: LOWER is
# the NIC (default lower), PEER the wire behind it (default peer)
lower_new() {
	local ns=$1 lower=${2:-lower} peer=${3:-peer} dev

	ip -n "$ns" link add "$lower" type veth peer name "$peer" || return
	for dev in "$lower" "$peer"; do
		no_ipv6 "$ns" "$dev" || return
		ip -n "$ns" link set "$dev" up || return
	done
}

# bridge_new NS [BRIDGE] [PORT] [PEER] - a silent bridge (default br0) with
# one port (port0), whose other end is PEER (peer)
bridge_new() {
	local ns=$1 br=${2:-br0} port=${3:-port0} peer=${4:-peer}

	ip -n "$ns" link add "$br" type bridge stp_state 0 mcast_snooping 0 ||
		return
	no_ipv6 "$ns" "$br" || return
	lower_new "$ns" "$port" "$peer" || return
	ip -n "$ns" link set "$port" master "$br" || return
	ip -n "$ns" link set "$br" up
}

# dev_there NS DEV - status 0: there, 1: not there, 2: no such namespace
dev_there() {
	local list

	list=$(ip -n "$1" -o link show) || return 2
	VT_DEV=$2 awk '{ sub(/:$/, "", $2); sub(/@.*/, "", $2)
		if ($2 == ENVIRON["VT_DEV"]) f = 1 } END { exit !f }' <<<"$list"
}

# dev_gone NS DEV - true only when the namespace is there and DEV is not
dev_gone() {
	local rc=0

	dev_there "$@" || rc=$?
	((rc == 1))
}

# assert_there NS DEV / assert_gone NS DEV - the device is, is not there
assert_there() {
	dev_there "$@" || fail "$2 is not in $1" "$(ip -n "$1" -br link)"
}

assert_gone() {
	dev_gone "$@" || fail "$2 is still in $1" "$(ip -n "$1" -br link)"
}

# marks [NS] - the ids of vnetctl's that NS ($NS) has for living namespaces, one a
# line; the kernel itself gives others, for instance when `vnetctl list` asks
marks() {
	local word id list

	# It complains of those that die meanwhile.
	list=$(ip -n "${1:-$NS}" netns list-id 2>/dev/null)
	while read -r word id _; do
		# 0x56...... of a VM, 0x57...... to 0x5e...... of a persistent device
		[[ $word != nsid ]] || ((id >> 24 < 0x56 || id >> 24 > 0x5e)) || echo "$id"
	done <<<"$list"
}

# no_marks [NS] - there is none
no_marks() {
	[[ -z $(marks "$@") ]]
}

# --- vnetctl --------------------------------------------------------------

# vn ARGS... - runs vnetctl in $NS, output as it comes
vn() {
	in_ns "$NS" "$VNETCTL" "$@"
}

# run_vn ARGS... - like `run --separate-stderr vn ARGS`: sets status, output,
# lines, stderr, stderr_lines. Files take the output, not pipes: a test then
# fails at once, and does not hang, when a descriptor leaks.
run_vn() {
	run_cmd vn "$@"
}

# run_cmd CMD... - the same for any command
run_cmd() {
	vt_ran="$*"
	vt_out=$BATS_TEST_TMPDIR/run.out
	vt_err=$BATS_TEST_TMPDIR/run.err
	status=0
	# New files each time: the last command may still hold the old ones.
	rm -f "$vt_out" "$vt_err"
	"$@" >"$vt_out" 2>"$vt_err" || status=$?
	output=$(<"$vt_out") || return
	stderr=$(<"$vt_err") || return
	# shellcheck disable=SC2034 # for the tests
	mapfile -t lines <"$vt_out"
	# shellcheck disable=SC2034
	mapfile -t stderr_lines <"$vt_err"
}

# assert_status N - of the last run_vn or run_cmd
assert_status() {
	((status == $1)) || vt_unlike "status $1" "status $status"
}

# assert_out TEXT - stdout was exactly TEXT and a newline; "" is nothing at all
assert_out() {
	vt_same "$1" "$vt_out" || vt_unlike "stdout: $1" "stdout: $output"
}

# assert_err LINE - stderr was exactly this one line; "" is nothing at all
assert_err() {
	vt_same "$1" "$vt_err" || vt_unlike "stderr: $1" "stderr: $stderr"
}

# json NS FILTER [ARGS...] - the jq filter over `vnetctl -j ARGS` (default
# list) in NS, printed raw; fails when it yields false, null or nothing
json() {
	local ns=$1 filter=$2 text
	shift 2
	(($#)) || set -- list
	text=$(in_ns "$ns" "$VNETCTL" -j "$@") || return
	jq -er "$filter" <<<"$text" ||
		fail "jq '$filter' is not true of vnetctl -j $*:" "$text"
}

# --- waiting: for the event, never for a time -----------------------------

# wait_until SECONDS CMD... - runs CMD every 10 ms until it is true
wait_until() {
	local seconds=$1 end now
	shift
	vt_now now
	((end = now + seconds * 100))
	until "$@"; do
		vt_now now
		((now < end)) || fail "not within $seconds s: $*" || return
		sleep 0.01
	done
}

# wait_gone NS DEV [SECONDS] / wait_there NS DEV [SECONDS] - default 5 s
wait_gone() { wait_until "${3:-5}" dev_gone "$1" "$2"; }
wait_there() { wait_until "${3:-5}" dev_there "$1" "$2"; }

# wait_pid_gone PID [SECONDS] - the process has ended (a zombie has)
wait_pid_gone() { wait_until "${2:-5}" pid_gone "$1"; }

# wait_text FILE REGEX [SECONDS] - a line of FILE matches (grep -E)
wait_text() { wait_until "${3:-5}" grep -qsE -- "$2" "$1"; }

# pid_gone PID - true when it has ended
pid_gone() {
	local stat

	stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
	[[ ${stat##*) } == Z* ]]
}

# --- processes ------------------------------------------------------------

# spawn_bg NAME CMD... - starts CMD in the background without bats'
# descriptors, stdin /dev/null; its pid is $BG_PID and `bg_pid NAME`. CMD may
# begin with in_ns or vn: the pid is then that of the command itself.
spawn_bg() {
	vt_spawn /dev/null "$@"
}

# spawn_co NAME CMD... - the same for a command that is talked to, line by
# line: see say, ask and co_eof
spawn_co() {
	local name=$1 fifo=$BATS_TEST_TMPDIR/$1.in

	rm -f "$fifo"
	mkfifo "$fifo" || return
	# Holds the writing end, so that stdin does not end between two lines.
	spawn_bg "$name.keeper" vt_keep "$fifo" || return
	vt_spawn "$fifo" "$@"
}

# say NAME LINE - writes one line to the command's stdin
say() {
	# Opened for both ways: never blocks, also if the reader is dead.
	printf '%s\n' "$2" 1<>"$BATS_TEST_TMPDIR/$1.in"
}

# ask NAME LINE [SECONDS] - says LINE and prints the one line it answers. The
# command must have printed one line of its own first: "ready", or the probe's.
ask() {
	local out=$BATS_TEST_TMPDIR/$1.out n

	vt_wait_line "$1" "${3:-30}" 1 || return
	n=$(wc -l <"$out")
	say "$1" "$2"
	vt_wait_line "$1" "${3:-30}" $((n + 1)) || return
	sed -n "$((n + 1))p" "$out"
}

# co_eof NAME - the command's stdin ends
co_eof() {
	local pid

	pid=$(bg_pid "$1.keeper") || return
	kill "$pid" && wait_pid_gone "$pid"
}

# bg_pid NAME - prints the pid
bg_pid() {
	cat "$BATS_TEST_TMPDIR/$1.pid"
}

# bg_end NAME [SECONDS] - waits until it has ended by itself and sets status
# (128 + N after signal N). Not in a subshell.
bg_end() {
	local pid

	pid=$(bg_pid "$1") || return
	wait_pid_gone "$pid" "${2:-5}" || vt_show "$1" || return
	status=0
	wait "$pid" 2>/dev/null || status=$?
}

# own_pid PID - a process the test caused and answers for, such as a
# daemonized QEMU: teardown ends it without complaint
own_pid() {
	local stat

	stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
	stat=${stat##*) }
	# shellcheck disable=SC2086 # fields: the 20th is the start time
	set -- "$1" $stat
	vt_note pid "$1:${21}"
}

# frame_on NAME NS DEV - a frame tool on a device, to be driven with ask:
# "send SRC DST TAG", "expect TAG MS", "drain"
frame_on() {
	spawn_co "$1" in_ns "$2" "$FRAME" serve dev "$3" &&
		wait_text "$BATS_TEST_TMPDIR/$1.out" '^ready$'
}

# --- inside ---------------------------------------------------------------

# vt_now VAR - hundredths of a second on a clock that nobody sets
vt_now() {
	local up _

	read -r up _ </proc/uptime
	printf -v "$1" %d "$((10#${up/./}))"
}

# vt_note KIND VALUE / vt_noted KIND - files, because a subshell may note too;
# the runner reads its copy when a whole file was killed
vt_note() {
	printf '%s\n' "$2" >>"$BATS_TEST_TMPDIR/.$1"
	[[ -z ${VT_NOTES:-} ]] || printf '%s %s\n' "$1" "$2" >>"$VT_NOTES"
}

vt_noted() {
	cat "$BATS_TEST_TMPDIR/.$1" 2>/dev/null || true
}

vt_spawn() {
	local in=$1 name=$2
	local base=$BATS_TEST_TMPDIR/$name
	shift 2

	case $1 in
	vn) shift; set -- ip netns exec "$NS" "$VNETCTL" "$@" ;;
	in_ns) shift; set -- ip netns exec "$@" ;;
	esac
	rm -f "$base.out" "$base.err"
	: >"$base.out"
	(
		eval "${vt_close:-:}"
		[[ $(type -t "$1") == file ]] || { "$@"; exit; }
		# The shell makes background jobs ignore these two.
		exec env --default-signal=INT,QUIT "$@"
	) <"$in" >>"$base.out" 2>>"$base.err" &
	BG_PID=$!
	echo "$BG_PID" >"$base.pid"
	own_pid "$BG_PID"
}

vt_keep() {
	exec sleep infinity >"$1"
}

# vt_wait_line NAME SECONDS N - waits for the N-th line of its output, or its end
vt_wait_line() {
	wait_until "$2" vt_line_or_end "$1" "$3" &&
		vt_lines "$1" "$3" || vt_show "$1"
}

vt_lines() {
	(($(wc -l <"$BATS_TEST_TMPDIR/$1.out") >= $2))
}

vt_line_or_end() {
	vt_lines "$@" || pid_gone "$(bg_pid "$1")"
}

vt_show() {
	fail "$1 printed:" "$(cat "$BATS_TEST_TMPDIR/$1".{out,err})"
}

vt_same() {
	if [[ -n $1 ]]; then
		printf '%s\n' "$1" | cmp -s - "$2"
	else
		[[ ! -s $2 ]]
	fi
}

vt_unlike() {
	fail "command:  $vt_ran" "expected: $1" "got:      $2" \
		"all of it: status $status" "--- stdout" "$output" \
		"--- stderr" "$stderr"
}

# Alive and the same process: a pid alone may have been given out again.
vt_alive() {
	local stat

	stat=$(cat "/proc/${1%:*}/stat" 2>/dev/null) || return
	stat=${stat##*) }
	[[ $stat != Z* ]] || return
	# shellcheck disable=SC2086
	set -- "$1" $stat
	[[ ${21} == "${1#*:}" ]]
}

vt_none_alive() {
	local p

	for p in "$@"; do
		! vt_alive "$p" || return
	done
}

vt_end_known() {
	local -a known
	local p sig

	mapfile -t known < <(vt_noted pid)
	for sig in TERM KILL; do
		for p in "${known[@]}"; do
			! vt_alive "$p" || kill -"$sig" "${p%:*}" 2>/dev/null
		done
		! wait_until 2 vt_none_alive "${known[@]}" 2>/dev/null || break
	done
	return 0
}

# The pids of all that this test started and that still run.
vt_left() {
	local ns f

	{
		# Without the mark themselves, or grep would find them.
		VT_TEST='' grep -lzsx -e "VT_TEST=$vt_mark" \
			/proc/[0-9]*/environ | while read -r f; do
			f=${f#/proc/}
			echo "${f%/*}"
		done
		for ns in $(vt_noted ns); do
			ip netns pids "$ns"
		done
	} | VT_TEST='' sort -nu
}

vt_nothing_left() {
	[[ -z $(vt_left) ]]
}

vt_describe() {
	local taps

	taps=$(find "/proc/$1/fd" -lname '/dev/*tap*' -printf ' fd %f %l' \
		-o -lname '/dev/net/tun*' -printf ' fd %f %l' 2>/dev/null)
	echo "$1 $(tr '\0' ' ' <"/proc/$1/cmdline")" \
		"[$(cat "/proc/$1/comm")]$taps"
} 2>/dev/null
