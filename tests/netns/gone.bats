#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Nothing is left behind: the device goes with the last descriptor, whoever
# holds it and however it ends; and what is to stay, stays.

load ../lib/common
load ../lib/device

setup() {
	common_setup
	cases_net
}

# start CASE [WORDS...] - the device, and the probe holding it as process CASE
start() {
	device "$@"
	run_start "$1" vn open-exec "${WORDS[@]}" args none -- \
		"$PROBE" hold
}

# run_start NAME CMD... - CMD becomes the probe: then it is told that it has
run_start() {
	spawn_co "$@"
	ask "$1" again >/dev/null
}

# gone CASE... - within a second; then the watcher and the lifeline too
gone() {
	local c

	for c in "$@"; do
		wait_gone "$NS" "$c" 1
	done
	wait_until 5 nothing_left
}

# watcher_of_all - the one process that nobody here has started
watcher_of_all() {
	WATCHER=$(strangers)
	[[ $WATCHER =~ ^[0-9]+$ ]] || fail "not one watcher: $WATCHER"
}

# field PID N - the N-th of /proc/PID/stat: 4 parent, 6 session, 7 terminal
field() {
	local stat

	stat=$(cat "/proc/$1/stat")
	stat=${stat##*) }
	# shellcheck disable=SC2086
	set -- "$2" $stat
	shift $(($1 - 2))
	echo "$1"
}

# A daemon as QEMU's -daemonize makes one: what open-exec started is gone when
# the grandchild lives on, in a session of its own and without stdout. Its pid
# goes into the file $1.
DAEMONIZE='
	setsid sh -c "sleep infinity & echo \$! >\"\$0\"" "$0" \
		</dev/null >/dev/null 2>&1
	exit 0'

# daemon CASE - sets DAEMON; the device is its own when this returns
daemon() {
	local file=$BATS_TEST_TMPDIR/$1.daemon

	device "$1"
	run_vn open-exec "${WORDS[@]}" args none -- sh -c "$DAEMONIZE" "$file"
	assert_status 0
	DAEMON=$(cat "$file")
	own_pid "$DAEMON"
}

@test "gone: after COMMAND's exit" {
	local c

	for c in "${CASES[@]}"; do
		start "$c"
		assert_there "$NS" "$c"
		say "$c" "exit 3"
		gone "$c"
		bg_end "$c"
		[ "$status" = 3 ]
	done
}

@test "gone: after kill -9" {
	local c

	for c in "${CASES[@]}"; do
		start "$c"
		kill -9 "$(bg_pid "$c")"
		gone "$c"
	done
}

@test "gone: all at once" {
	local c

	for c in "${CASES[@]}"; do
		start "$c"
	done
	for c in "${CASES[@]}"; do
		kill -9 "$(bg_pid "$c")"
	done
	gone "${CASES[@]}"
}

# outlives DEV - it is there, and would not be if it were on its way: a device
# whose guest ended later is gone
outlives() {
	run_vn open-exec later link lower lifetime watched -- true
	assert_status 0
	wait_gone "$NS" later 1
	assert_there "$NS" "$1"
}

@test "gone: a daemon's only when the daemon dies" {
	local c

	for c in "${CASES[@]}"; do
		daemon "$c"
		outlives "$c"
		kill -9 "$DAEMON"
		gone "$c"
	done
}

@test "gone: only when the last of several holders has gone" {
	local c

	for c in "${CASES[@]}"; do
		device "$c"
		spawn_bg "$c" vn open-exec "${WORDS[@]}" args none -- sh -c '
			sleep infinity & first=$!
			sleep infinity & echo "$first $!"
			exec sleep infinity'
		wait_text "$BATS_TEST_TMPDIR/$c.out" '^[0-9]+ [0-9]+$'
		read -r first second <"$BATS_TEST_TMPDIR/$c.out"
		own_pid "$first"
		own_pid "$second"
		for pid in "$(bg_pid "$c")" "$first"; do
			kill -9 "$pid"
			wait_pid_gone "$pid"
			outlives "$c"
		done
		kill -9 "$second"
		gone "$c"
	done
}

# --- the watcher is in nobody's way -----------------------------------------

@test "gone: \$(open-exec) returns though device and watcher live on" {
	local c

	for c in "${CASES[@]}"; do
		device "$c"
		# It returns when nobody has stdout or stderr any more.
		spawn_bg caller in_ns "$NS" bash -c '
			text=$("$@" 2>&1)
			echo "$text, $?"' bash "$VNETCTL" open-exec "${WORDS[@]}" \
			args none -- sh -c '
			sleep infinity </dev/null >/dev/null 2>&1 &
			echo "$!"
			exit 3'
		wait_text "$BATS_TEST_TMPDIR/caller.out" '^[0-9]+, 3$' 2
		DAEMON=$(sed 's/,.*//' "$BATS_TEST_TMPDIR/caller.out")
		own_pid "$DAEMON"
		assert_there "$NS" "$c"
		kill -9 "$DAEMON"
		gone "$c"
	done
}

@test "gone: the watcher stands apart" {
	local orphan

	for c in old-macvtap new-macvtap; do
		start "$c"
		watcher_of_all
		# Its parent is whoever takes orphans here.
		orphan=$(in_ns "$NS" sh -c \
			'sleep infinity >/dev/null 2>&1 & echo "$!"')
		own_pid "$orphan"
		[ "$(field "$WATCHER" 4)" = "$(field "$orphan" 4)" ]
		[ "$(field "$WATCHER" 6)" != "$(field "$(bg_pid "$c")" 6)" ]
		[ "$(field "$WATCHER" 7)" = 0 ]
		[ "$(readlink "/proc/$WATCHER/cwd")" = / ]
		[[ $(tr '\0' '\n' <"/proc/$WATCHER/cmdline") == "vnetctl: watching $c"* ]]
		kill "$orphan"
		kill -9 "$(bg_pid "$c")"
		gone "$c"
	done
}

@test "gone: the watcher does not mind TERM, INT and HUP" {
	local sig ignored

	for c in old-macvtap new-macvtap; do
		start "$c"
		watcher_of_all
		ignored=$(sed -n 's/^SigIgn:\t//p' "/proc/$WATCHER/status")
		for sig in HUP INT TERM; do
			((16#$ignored >> ($(kill -l "$sig") - 1) & 1))
			kill "-$sig" "$WATCHER"
		done
		[ "$(strangers)" = "$WATCHER" ]
		assert_there "$NS" "$c"
		kill -9 "$(bg_pid "$c")"
		gone "$c"
	done
}

@test "gone: the caller's process group and session die as a whole" {
	local c

	for c in "${CASES[@]}"; do
		device "$c"
		run_start "$c" in_ns "$NS" setsid "$VNETCTL" open-exec \
			"${WORDS[@]}" args none -- "$PROBE" hold
		[ "$(field "$(bg_pid "$c")" 6)" = "$(bg_pid "$c")" ]
		[ "$(field "$(bg_pid "$c")" 7)" = 0 ]
		kill -9 -- "-$(bg_pid "$c")"
		gone "$c"
	done
}

@test "gone: the caller's terminal goes away" {
	local c

	for c in "${CASES[@]}"; do
		device "$c"
		spawn_bg "$c" in_ns "$NS" script -qec \
			"'$VNETCTL' open-exec ${WORDS[*]} args none -- sh -c \
			'tty; echo pid \$\$; exec sleep infinity'" /dev/null
		wait_text "$BATS_TEST_TMPDIR/$c.out" '^pid '
		grep -q '^/dev/pts/' "$BATS_TEST_TMPDIR/$c.out"
		DAEMON=$(sed -n 's/^pid \([0-9]*\).*/\1/p' "$BATS_TEST_TMPDIR/$c.out")
		own_pid "$DAEMON"
		assert_there "$NS" "$c"
		# script's end closes the terminal: COMMAND gets SIGHUP.
		kill -9 "$(bg_pid "$c")"
		gone "$c"
		wait_pid_gone "$DAEMON"
	done
}

@test "gone: callers that ignore or block SIGCHLD" {
	local c how

	for c in "${CASES[@]}"; do
		for how in --ignore-signal --block-signal; do
			device "$c"
			run_start "$c" in_ns "$NS" env "$how=CHLD" "$VNETCTL" \
				open-exec "${WORDS[@]}" args none -- "$PROBE" hold
			kill -9 "$(bg_pid "$c")"
			gone "$c"
		done
	done
}

# --- admins change things meanwhile -----------------------------------------

# changed CASE - the probe ends, and the device with it, whatever it is called
changed() {
	local c=$1 index

	index=$(ip -n "$NS" -j link show "$2" | jq '.[0].ifindex')
	kill -9 "$(bg_pid "$c")"
	wait_gone "$NS" "$2" 1
	run ! ip -n "$NS" link show "$c"
	[ "$(ip -n "$NS" -j link | jq "map(select(.ifindex == $index))")" = '[]' ]
	wait_until 5 nothing_left
}

@test "gone: renamed" {
	local c

	for c in "${CASES[@]}"; do
		start "$c"
		ip -n "$NS" link set "$c" down
		ip -n "$NS" link set "$c" name other
		ip -n "$NS" link set other up
		changed "$c" other
	done
}

@test "gone: in another group" {
	local c

	for c in "${CASES[@]}"; do
		start "$c"
		ip -n "$NS" link set "$c" group 7
		changed "$c" "$c"
	done
}

@test "gone: down" {
	local c

	for c in "${CASES[@]}"; do
		start "$c"
		ip -n "$NS" link set "$c" down
		changed "$c" "$c"
	done
}

@test "gone: with another MAC, without our alternative name" {
	local c

	for c in "${CASES[@]}"; do
		start "$c"
		ip -n "$NS" link set "$c" address 52:54:00:11:22:33
		ip -n "$NS" link property del dev "$c" altname \
			"$(ip -n "$NS" -j link show "$c" | jq -r '.[0].altnames[0]')"
		changed "$c" "$c"
	done
}

@test "gone: renamed, in another group and down" {
	local c

	for c in "${CASES[@]}"; do
		start "$c"
		ip -n "$NS" link set "$c" down
		ip -n "$NS" link set "$c" name other group 7
		changed "$c" other
	done
}

@test "gone: only the guest's own, not one that took its name" {
	start new-macvtap
	ip -n "$NS" link set new-macvtap down
	ip -n "$NS" link set new-macvtap name other
	ip -n "$NS" link add link lower name new-macvtap type macvtap
	kill -9 "$(bg_pid new-macvtap)"
	wait_gone "$NS" other 1
	wait_until 5 nothing_left
	assert_there "$NS" new-macvtap
}

@test "gone: deleted by somebody while COMMAND runs" {
	local c

	for c in "${CASES[@]}"; do
		start "$c"
		ip -n "$NS" link del "$c"
		ask "$c" again >/dev/null
		co_eof "$c"
		bg_end "$c"
		[ "$status" = 0 ]
		wait_until 5 nothing_left
	done
}

# --- what stays -------------------------------------------------------------

# stays CASE - it is still there when COMMAND has ended, and all who could
# remove it
stays() {
	kill -9 "$(bg_pid "$1")"
	wait_pid_gone "$(bg_pid "$1")"
	outlives "$1"
	wait_until 5 nothing_left
	assert_there "$NS" "$1"
}

# foreign CASE - a device that others have made
foreign() {
	case $1 in
	old-macvtap) ip -n "$NS" link add link lower name "$1" type macvtap ;;
	old-tap) in_ns "$NS" ip tuntap add "$1" mode tap ;;
	esac
	no_ipv6 "$NS" "$1"
}

# start_foreign CASE [WORDS...]
start_foreign() {
	foreign "$1"
	run_start "$1" vn open-exec "$@" args none -- "$PROBE" hold
}

@test "stays: what vnetctl did not make" {
	local c

	for c in old-macvtap old-tap; do
		start_foreign "$c"
		# Nobody is there to remove it.
		[ -z "$(strangers)" ]
		stays "$c"
	done
	ip -n "$NS" -j -d link show old-tap |
		jq -e '.[0].linkinfo.info_data.persist'
}

@test "stays: lifetime persistent" {
	local c

	for c in "${CASES[@]}"; do
		start "$c" lifetime persistent
		[ -z "$(strangers)" ]
		stays "$c"
		# And goes with the next COMMAND, if not told so again.
		run_vn open-exec "$c" -- true
		assert_status 0
		gone "$c"
	done
}

@test "stays: lifetime persistent of what vnetctl did not make" {
	local c

	for c in old-macvtap old-tap; do
		start_foreign "$c" lifetime persistent
		stays "$c"
	done
}

@test "gone: lifetime watched, though vnetctl did not make it" {
	start_foreign old-macvtap lifetime watched
	kill -9 "$(bg_pid old-macvtap)"
	gone old-macvtap
}

@test "gone: lifetime fd of a tap, though vnetctl did not make it" {
	start_foreign old-tap lifetime fd
	kill -9 "$(bg_pid old-tap)"
	gone old-tap
}

@test "gone: lifetimes that are the default, said aloud" {
	start old-macvtap lifetime watched
	start new-macvtap lifetime fd
	start old-tap lifetime fd
	start new-tap lifetime fd
	kill -9 "$(bg_pid old-macvtap)" "$(bg_pid new-macvtap)" \
		"$(bg_pid old-tap)" "$(bg_pid new-tap)"
	gone "${CASES[@]}"
}
