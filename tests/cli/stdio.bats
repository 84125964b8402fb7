#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Standard input, output and error: full, closed from the start, and what
# COMMAND finds there.

load ../lib/common
load ../lib/refused

@test "stdio: standard output is full" {
	local words

	lower_new "$NS"
	run_vn create vm0 link lower
	for words in list "-j list" "-p list" "-br list" "-d list" "mode vm0" \
		"-j mode vm0" help "list help" "help list" -V; do
		# shellcheck disable=SC2086 # words
		run_cmd to_full $words
		assert_status 2
		assert_err "vnetctl: cannot write to standard output: No space left on device"
	done
	# What was made and cannot be told is not left behind.
	for words in 'create t%d' '-j create t0' 'create m%d link lower'; do
		# shellcheck disable=SC2086
		run_cmd to_full $words
		assert_status 2
		assert_err "vnetctl: cannot write to standard output: No space left on device"
	done
	[[ $(ip -n "$NS" -br link | awk '{ print $1 }' | xargs) == \
		"lo peer@lower lower@peer vm0@lower" ]]
	# Nothing to say is no failure.
	run_vn destroy vm0
	run_cmd to_full -br list
	assert_status 0
	assert_err ""
}

to_full() {
	vn "$@" >/dev/full
}

@test "stdio: the reader of standard output has gone" {
	ip -n "$NS" tuntap add t0 mode tap
	exec 9> >(:)
	wait "$!"
	run_cmd to_closed_pipe list
	exec 9>&-
	# Killed by SIGPIPE, as ip and ls are.
	assert_status 141
	assert_err ""
}

to_closed_pipe() {
	in_ns "$NS" env --default-signal=PIPE "$VNETCTL" "$@" >&9
}

@test "stdio: closed, and nothing lands on 0, 1 or 2 in COMMAND" {
	local fds made fd found close link

	lower_new "$NS"
	for fds in 0 1 2 "0 1" "0 2" "1 2" "0 1 2"; do
		close=''
		for fd in $fds; do
			close+=" $fd>&-"
		done
		vn create there link lower
		for made in "vm0 link lower" "vm0 type tap" there; do
			# In a shell of its own, after all that opens something on the way.
			# shellcheck disable=SC2086 # words
			spawn_bg sleeper in_ns "$NS" sh -c "exec \"\$@\" $close" sh \
				"$VNETCTL" open-exec $made args none -- sleep infinity
			wait_until 5 runs sleeper sleep
			found=
			for fd in "/proc/$(bg_pid sleeper)/fd/"*; do
				link=$(readlink "$fd")
				[[ $link == /dev/net/tun || $link == /dev/tap* ||
					$link == /tap ]] && found+=" ${fd##*/}"
				# What was closed is closed.
				[[ " $fds " != *" ${fd##*/} "* ]] ||
					fail "$made, closed $fds: ${fd##*/} is $link"
			done
			[[ $found =~ ^\ [0-9]+$ ]] && ((found > 2)) ||
				fail "$made, closed $fds: the device is on '$found'"
			kill "$(bg_pid sleeper)"
			bg_end sleeper
			wait_gone "$NS" "${made%% *}"
		done
	done
}

runs() {
	[[ $(cat "/proc/$(bg_pid "$1")/comm" 2>/dev/null) == "$2" ]]
}

@test "stdio: closed for a watcher too" {
	lower_new "$NS"
	run_cmd in_ns "$NS" sh -c 'exec "$@" <&- >&- 2>&-' sh \
		"$VNETCTL" open-exec vm0 link lower args none -- "$PROBE" exit 3
	assert_status 3
	wait_gone "$NS" vm0
}

@test "stdio: closed standard error" {
	run_cmd in_ns "$NS" sh -c 'exec "$@" 2>&-' sh "$VNETCTL" destroy nope
	assert_status 2
	assert_out ""
	assert_err ""
	run_cmd in_ns "$NS" sh -c 'exec "$@" 2>&-' sh "$VNETCTL" frob
	assert_status 1
	run_cmd in_ns "$NS" sh -c 'exec "$@" 2>&-' sh \
		"$VNETCTL" open-exec t0 type tap -- /no/such
	assert_status 127
	assert_gone "$NS" t0
}

# Output that nobody can have got is a failure.
@test "stdio: closed standard output" {
	ip -n "$NS" tuntap add t0 mode tap
	run_cmd in_ns "$NS" sh -c 'exec "$@" >&-' sh "$VNETCTL" list
	assert_status 2
	assert_err "vnetctl: cannot write to standard output: Bad file descriptor"
}

@test "stdio: standard input is COMMAND's alone" {
	run_cmd in_ns "$NS" sh -c 'echo line | { "$0" list && cat; }' "$VNETCTL"
	assert_status 0
	assert_out "line"
	assert_err ""
}

@test "stdio: COMMAND gets the caller's descriptors as they were" {
	local file=$BATS_TEST_TMPDIR/file made before more

	lower_new "$NS"
	echo text >"$file"
	run_cmd with_fds in_ns "$NS" "$PROBE"
	assert_status 0
	before=$output
	jq -e --arg file "$file" '.fds[] | select(.fd == 7) | .link == $file' <<<"$before"
	for made in "vm0 link lower" "vm0 link lower lifetime watched" "vm0 type tap"; do
		[[ $made == "vm0 link lower" ]] && more=1 || more=0
		# shellcheck disable=SC2086 # words
		run_cmd with_fds vn open-exec $made args none -- "$PROBE" '{fd}'
		assert_status 0
		assert_err ""
		# Just one more than before, or two: the namespace of lifetime fd.
		jq -e --argjson before "$before" --argjson more "$more" '
			(.argv[1] | tonumber) as $fd | ($before.fds | map(.fd)) as $known |
			([.fds[] | select(.fd | IN($known[]))] == $before.fds) and
			([.fds[] | select(.fd | IN($known[], $fd) | not).link[:5]] ==
				["net:["][:$more]) and
			(.fds[] | select(.fd == $fd) |
				.ifname == "vm0" and .cloexec == false) and
			.env.VNETCTL_FD == .argv[1] and $fd > 2' <<<"$output" ||
			fail "$before" "$output"
		wait_gone "$NS" vm0
	done
}

with_fds() {
	"$@" 7<"$file" 8>/dev/null </dev/null
}

@test "stdio: COMMAND reads and writes where the caller does" {
	run_cmd fed open-exec t0 type tap args none -- \
		sh -c 'read -r x; echo "got $x"; echo err >&2'
	assert_status 0
	assert_out "got line"
	assert_err err
}

fed() {
	echo line | vn "$@"
}
