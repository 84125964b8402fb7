# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034,SC2154
#
# What the tests of this directory share: `load inspect` after common.

# hold NAME WORDS... - the probe holds the device that open-exec makes of
# WORDS, as process NAME; it holds it when this returns. PROBE may be a copy.
hold() {
	local name=$1
	shift

	spawn_co "$name" vn open-exec "$@" args none -- "$PROBE" hold || return
	wait_text "$BATS_TEST_TMPDIR/$name.out" '^{' 10 ||
		fail "$(cat "$BATS_TEST_TMPDIR/$name".{out,err})"
}

# hold_fds NAME DEV - the descriptors that lead to DEV, as the probe saw them
# itself: "[6]"
hold_fds() {
	head -n 1 "$BATS_TEST_TMPDIR/$1.out" |
		jq -c --arg dev "$2" '[.fds[] | select(.ifname == $dev).fd]'
}

# let_go NAME DEV - the probe ends, and the device is gone
let_go() {
	local pid

	pid=$(bg_pid "$1") || return
	co_eof "$1"
	wait_pid_gone "$pid"
	wait_until 5 listed_not "$2"
}

# listed_not DEV - list does not show it, neither here nor in a lifeline
listed_not() {
	[[ " $(names) " != *" $1 "* ]]
}

# names ARGS... - the names that `list ARGS` shows, sorted
names() {
	local text

	text=$(vn -j list "$@") || return
	jq -r '[.[].ifname] | sort | join(" ")' <<<"$text"
}

# shows WANTED ARGS... - `list ARGS` shows exactly these
shows() {
	local got

	got=$(names "${@:2}") || return
	[[ $got == "$1" ]] || fail "list ${*:2}: $got" "wanted: $1"
}

# users DEV - what -j -d says of its users: JSON, "absent" when it says nothing
users() {
	local text

	text=$(vn -j -d list) || return
	jq -c --arg dev "$1" '.[] | select(.ifname == $dev) |
		if has("users") then .users else "absent" end' <<<"$text"
}

# users_are DEV JSON
users_are() {
	local got

	got=$(users "$1") || return
	[[ $got == "$2" ]] || fail "users of $1: $got" "expected:    $2"
}

# user PID COMM FDS - one of them
user() {
	jq -nc --argjson pid "$1" --arg comm "$2" --argjson fds "$3" \
		'{ pid: $pid, comm: $comm, fds: $fds }'
}

# strangers - the processes of this test that spawn_bg did not start
strangers() {
	local left known

	left=$(vt_left)
	known=$(vt_noted pid)
	comm -23 <(sort <<<"$left") <(cut -d : -f 1 <<<"$known" | sort)
}

# quiet_end - no watcher, no lifeline, nobody who removes a device yet
quiet_end() {
	no_marks && [[ -z $(strangers) ]]
}

# watcher_of DEV - prints the pid of the watcher of a device of this test
watcher_of() {
	local pid

	for pid in $(strangers); do
		[[ $(tr -d '\0' <"/proc/$pid/cmdline") != "vnetctl: watching $1" ]] ||
			echo "$pid"
	done
}

# orphan_new NAME WORDS... - a device that outlived its VM and its watcher
orphan_new() {
	local watcher

	hold "$1.vm" "$@" lifetime watched || return
	watcher=$(watcher_of "$1")
	[[ $watcher =~ ^[0-9]+$ ]] || fail "not one watcher: $watcher" || return
	kill -9 "$watcher" && wait_pid_gone "$watcher" || return
	kill -9 "$(bg_pid "$1.vm")"
	wait_until 5 is_orphan "$1"
}

is_orphan() {
	[[ " $(names orphaned) " == *" $1 "* ]]
}

# settled DEV... - waits until the devices in $NS have a carrier: the kernel
# says so a moment late
settled() {
	local dev

	for dev in "$@"; do
		wait_until 5 in_state "$dev" up || return
	done
}

in_state() {
	[[ $(in_ns "$NS" cat "/sys/class/net/$1/operstate") == "$2" ]]
}

# index DEV [NS]
index() {
	in_ns "${2:-$NS}" cat "/sys/class/net/$1/ifindex"
}

# as_nobody ARGS... - vnetctl ARGS as a user without any rights
as_nobody() {
	in_ns "$NS" setpriv --reuid=65534 --regid=65534 --clear-groups -- \
		/proc/self/fd/9 "$@" 9<"$VNETCTL"
}

# straced FILE CALLS ARGS... - vnetctl ARGS, its CALLS of all processes traced
# to FILE, with the strings in full
straced() {
	in_ns "$NS" strace -f -qq -s 65536 -e "trace=$2" -e signal=none -o "$1" \
		"$VNETCTL" "${@:3}"
}

# count N REGEX FILE - so many lines match
count() {
	local n

	n=$(grep -cE -- "$2" "$3") || :
	((n == $1)) || fail "$n lines match '$2', expected: $1" "$(head -c 4000 "$3")"
}
