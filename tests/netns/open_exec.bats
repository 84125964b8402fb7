#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# open-exec: what COMMAND is given, and what is left when it cannot be run.
# The probe stands in for the VMM. What happens when COMMAND ends is in
# gone.bats.

load ../lib/common
load ../lib/device

setup() {
	common_setup
	cases_net
}

# probe ARGS... - open-exec ARGS with what follows "--" as the probe's
# arguments; output is what the probe has found, and FD the descriptor
probe() {
	local -a before=()

	while [[ $1 != -- ]]; do
		before+=("$1")
		shift
	done
	run_vn open-exec "${before[@]}" -- "$PROBE" "${@:2}"
	assert_status 0
	FD=$(found '.fds | map(select(.ifname).fd) |
		if length == 1 then .[0] else error("not one tap") end')
}

# found FILTER [JQ ARGS...] - of the last probe; it must be true
found() {
	jq -cre "$@" <<<"$output"
}

# got ARG... - the probe's arguments were exactly these
got() {
	local want have

	want=$(jq -cn '$ARGS.positional' --args -- "$@")
	have=$(found '.argv[1:]')
	[[ $have == "$want" ]] || fail "arguments: $have" "expected:  $want"
}

@test "open-exec: COMMAND is the same process, with the parent it had" {
	local c

	for c in "${CASES[@]}"; do
		device "$c"
		spawn_co "$c" vn open-exec "${WORDS[@]}" -- "$PROBE" hold
		output=$(ask "$c" again)
		found --argjson pid "$(bg_pid "$c")" --argjson ppid "$BASHPID" \
			'.pid == $pid and .ppid == $ppid'
		[ -z "$(cat "/proc/$(bg_pid "$c")/task/$(bg_pid "$c")/children")" ]
	done
}

@test "open-exec: the exit status is COMMAND's" {
	local c n

	for c in "${CASES[@]}"; do
		for n in 0 1 41 125 126 127 255; do
			device "$c"
			run_vn open-exec "${WORDS[@]}" args none -- "$PROBE" exit "$n"
			assert_status "$n"
			assert_out ""
			assert_err ""
			wait_gone "$NS" "$c"
		done
	done
}

@test "open-exec: the caller sees the signal that ended COMMAND" {
	local c sig

	for c in "${CASES[@]}"; do
		for sig in KILL TERM; do
			device "$c"
			# A shell cannot tell 128 + N from a signal.
			run_cmd in_ns "$NS" python3 -c '
import subprocess, sys
print(subprocess.run(sys.argv[1:]).returncode)' \
				"$VNETCTL" open-exec "${WORDS[@]}" args none -- \
				sh -c "kill -$sig \$\$"
			assert_out "-$(kill -l "$sig")"
			wait_gone "$NS" "$c"
		done
	done
}

@test "open-exec: the descriptor is the device's, ready for a VMM" {
	local c

	for c in "${CASES[@]}"; do
		device "$c"
		probe "${WORDS[@]}" --
		assert_err ""
		# IFF_TAP, IFF_NO_PI, IFF_VNET_HDR, and not IFF_MULTI_QUEUE.
		found --arg name "$c" '.fds[] | select(.ifname) |
			.ifname == $name and .cloexec == false and
			(.tun_flags / 2 | floor % 2) == 1 and
			(.tun_flags / 4096 | floor % 2) == 1 and
			(.tun_flags / 16384 | floor % 2) == 1 and
			(.tun_flags / 256 | floor % 2) == 0'
		wait_gone "$NS" "$c"
	done
}

# --- arguments --------------------------------------------------------------

@test "open-exec: -net nic and -net tap are appended" {
	local c

	for c in "${CASES[@]}"; do
		device "$c"
		probe "${WORDS[@]}" -- -m 256 'a b' ''
		got -m 256 'a b' '' -net "nic,model=virtio,macaddr=$MAC" \
			-net "tap,fd=$FD"
		wait_gone "$NS" "$c"
	done
}

@test "open-exec: args net is what is appended anyway" {
	device new-macvtap
	probe "${WORDS[@]}" args net -- -m 256
	got -m 256 -net "nic,model=virtio,macaddr=$MAC" -net "tap,fd=$FD"
}

@test "open-exec: a random MAC is told to COMMAND, and is the device's" {
	spawn_co g vn open-exec vm0 link lower lifetime watched -- "$PROBE" hold
	output=$(ask g again)
	MAC=$(in_ns "$NS" cat /sys/class/net/vm0/address)
	[[ $MAC == 52:54:00:* ]]
	found --arg mac "nic,model=virtio,macaddr=$MAC" '.argv[3] == $mac'
}

@test "open-exec: the guest's MAC is not the tap's own" {
	spawn_co g vn open-exec vm0 link br0 -- "$PROBE" hold
	output=$(ask g again)
	MAC=$(in_ns "$NS" cat /sys/class/net/vm0/address)
	[[ $MAC == fe:54:00:* ]]
	found --arg mac "nic,model=virtio,macaddr=52${MAC#fe}" '.argv[3] == $mac'
}

@test "open-exec: a -net nic of COMMAND's own stays the only one" {
	device new-macvtap
	probe "${WORDS[@]}" -- -net "nic,model=e1000,macaddr=$MAC" -m 256
	got -net "nic,model=e1000,macaddr=$MAC" -m 256 -net "tap,fd=$FD"
	wait_gone "$NS" new-macvtap
	probe "${WORDS[@]}" -- -net nic
	got -net "nic,macaddr=$MAC" -net "tap,fd=$FD"
	wait_gone "$NS" new-macvtap
	# None of these is one.
	probe "${WORDS[@]}" -- -net nicer -x nic
	got -net nicer -x nic -net "nic,model=virtio,macaddr=$MAC" \
		-net "tap,fd=$FD"
}

@test "open-exec: args netdev" {
	local c

	for c in "${CASES[@]}"; do
		device "$c"
		probe "${WORDS[@]}" args netdev -- -m 256
		got -m 256 -netdev "tap,id=vnet0,fd=$FD" \
			-device "virtio-net-pci,netdev=vnet0,mac=$MAC"
		wait_gone "$NS" "$c"
	done
}

@test "open-exec: args none" {
	local c

	for c in "${CASES[@]}"; do
		device "$c"
		probe "${WORDS[@]}" args none -- -m 256
		got -m 256
		wait_gone "$NS" "$c"
	done
}

@test "open-exec: placeholders" {
	local c

	for c in "${CASES[@]}"; do
		device "$c"
		probe "${WORDS[@]}" -- '{fd}' '{fds}' '{mac}' '{dev}' '{mtu}' '{queues}' \
			'{vectors}'
		got "$FD" "$FD" "$MAC" "$c" 1500 1 4
		wait_gone "$NS" "$c"
	done
}

@test "open-exec: {mtu} is the device's" {
	probe vm0 link lower mtu 1400 -- '{mtu}'
	got 1400
}

@test "open-exec: placeholders are replaced wherever they are, once" {
	device new-macvtap
	probe "${WORDS[@]}" -- 'a{fd}b{fd}' '{fd}{dev}{mac}' '{{fd}}' '{{dev}' \
		'{dev}}' 'x,mac={mac},y={mtu}'
	got "a${FD}b$FD" "${FD}new-macvtap$MAC" "{$FD}" '{new-macvtap' \
		'new-macvtap}' "x,mac=$MAC,y=1500"
}

@test "open-exec: braces that are not placeholders stay" {
	local json='{"driver":"virtio-net-pci","netdev":"n0","x":{"y":[1]}}'

	device new-macvtap
	probe "${WORDS[@]}" -- "$json" '{FD}' '{ fd }' '{}' '{' '}' '{fd' 'fd}' '{x}' \
		'{"fd":"{fd}"}'
	got "$json" '{FD}' '{ fd }' '{}' '{' '}' '{fd' 'fd}' '{x}' "{\"fd\":\"$FD\"}"
}

@test "open-exec: any placeholder, and nothing is appended" {
	local word

	device new-macvtap
	for word in fd fds mac dev mtu queues vectors; do
		probe "${WORDS[@]}" -- "-x{$word}"
		found '.argv | length == 2'
		wait_gone "$NS" new-macvtap
	done
	probe "${WORDS[@]}" args netdev -- '{dev}'
	got new-macvtap
	wait_gone "$NS" new-macvtap
	probe "${WORDS[@]}" args none -- '{dev}'
	got new-macvtap
}

@test "open-exec: VNETCTL_ in the environment" {
	local c

	for c in "${CASES[@]}"; do
		device "$c"
		# What an outer open-exec may have left does not survive.
		VNETCTL_FD=99 VNETCTL_DEV=x VNETCTL_MAC=y probe "${WORDS[@]}" \
			args none --
		found --arg dev "$c" --arg fd "$FD" --arg mac "$MAC" '.env ==
			{VNETCTL_DEV: $dev, VNETCTL_FD: $fd, VNETCTL_MAC: $mac}'
		wait_gone "$NS" "$c"
	done
}

@test "open-exec: whatever else the caller had, COMMAND has" {
	local c before
	local -a odd=(env --ignore-signal=USR1 --block-signal=USR2
		sh -c 'umask 027; cd /tmp; exec "$@"' sh)

	run_cmd in_ns "$NS" "${odd[@]}" "$PROBE"
	assert_status 0
	before=$(found 'del(.pid, .ppid, .mntns, .argv, .env, .fds)')
	for c in "${CASES[@]}"; do
		device "$c"
		run_cmd in_ns "$NS" "${odd[@]}" "$VNETCTL" open-exec \
			"${WORDS[@]}" -- "$PROBE"
		assert_status 0
		[ "$(found 'del(.pid, .ppid, .mntns, .argv, .env, .fds)')" = "$before" ]
		wait_gone "$NS" "$c"
	done
	run_cmd in_ns "$NS" "${odd[@]}" "$VNETCTL" open-exec vm0 type tap \
		args none -- pwd
	assert_out /tmp
}

# --- a MAC that cannot work -------------------------------------------------

# warns LINE ARG... - of open-exec with these arguments of COMMAND's
warns() {
	local line=$1
	shift

	run_vn open-exec "${WORDS[@]}" args none -- "$PROBE" "$@"
	assert_status 0
	assert_err "$line"
	got "${@/"{fd}"/$(found .env.VNETCTL_FD)}"
	wait_gone "$NS" "${WORDS[0]}"
}

@test "open-exec: a warning for a MAC that is not the macvtap's" {
	local other=52:54:00:ff:ff:ff line arg

	for c in old-macvtap new-macvtap; do
		for arg in "tap,fd={fd},model=virtio,macaddr=$other" \
			"tap,fd={fd},mac=$other" "tap,mac=$other,fd={fd}"; do
			device "$c"
			line="vnetctl: warning: COMMAND's MAC is $other, but a macvtap delivers only frames for its own, and that of $c is $MAC"
			warns "$line" -nic "$arg"
		done
	done
	device old-macvtap
	run_vn -q open-exec old-macvtap args none -- true "fd={fd},mac=$other"
	assert_status 0
	assert_err ""
}

@test "open-exec: no warning for the right MAC, or what is none" {
	local c arg

	for c in old-macvtap new-macvtap; do
		for arg in same mac= mac=x mac=on imac=52:54:00:ff:ff:ff \
			mac=52:54:00:ff:ff 52:54:00:ff:ff:ff; do
			device "$c"
			warns "" "fd={fd},${arg/same/mac=$MAC}"
		done
	done
	device new-macvtap
	WORDS=(new-macvtap link lower address 52:54:00:ab:cd:ef)
	warns "" "fd={fd},mac=52:54:00:AB:CD:EF"
	warns "" "fd={fd},macaddr=52:54:00:ab:cd:ef,mac=52:54:00:ab:cd:ef"
}

@test "open-exec: no warning for a tap, which delivers to any MAC" {
	local c

	for c in old-tap new-tap; do
		device "$c"
		warns "" -nic "tap,fd={fd},mac=52:54:00:ff:ff:ff"
	done
}

# --- descriptors ------------------------------------------------------------

# table PID - its descriptors, one a line: number, what it is, flags, and the
# position from 3 up
TABLE='
import os, sys
def table(pid):
    lines = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            what = os.readlink(f"/proc/{pid}/fd/{fd}")
        except OSError:
            continue
        info = dict(l.split(":", 1) for l in open(f"/proc/{pid}/fdinfo/{fd}"))
        pos = info["pos"].strip() if int(fd) > 2 else "-"
        flags = info["flags"].strip()
        lines.append(f"{fd} {what} {flags} {pos}\n")
    return "".join(lines)
'

table() {
	python3 -c "$TABLE
print(table(sys.argv[1]), end='')" "$1" | sort
}

# A caller with N descriptors of its own to hand on, from the number FIRST in
# steps of STEP: files, pipes and sockets of all sorts. It writes its table
# into FILE and becomes CMD: python3 -c "$CALLER" FILE FIRST STEP N CMD...
CALLER=$TABLE'
import socket
def make(i):
    some = sys.argv[1] + ".some"
    kind = i % 6
    if kind == 0:
        fd = os.open(some, os.O_RDWR | os.O_CREAT)
        os.lseek(fd, i, os.SEEK_SET)
        return fd
    if kind == 1:
        return os.open(some, os.O_WRONLY | os.O_APPEND)
    if kind < 4:
        ends = os.pipe2(os.O_NONBLOCK if i % 4 else 0)
        os.close(ends[kind - 2])
        return ends[3 - kind]
    if kind == 4:
        ends = socket.socketpair()
        ends[1].close()
        return ends[0].detach()
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM
                         | socket.SOCK_NONBLOCK).detach()
first, step, n = map(int, sys.argv[2:5])
for i in range(n):
    fd, to = make(i), first + i * step
    if fd != to:
        os.dup2(fd, to)
        os.close(fd)
    os.set_inheritable(to, True)
with open(sys.argv[1], "w") as f:
    f.close()
    text = table("self")
open(sys.argv[1], "w").write(text)
os.execvp(sys.argv[5], sys.argv[5:])
'

# hands_on CASE FIRST STEP N - the caller's descriptors arrive at COMMAND as
# they were, and with them the promised one, and nothing else; p goes on
hands_on() {
	local before=$BATS_TEST_TMPDIR/before after=$BATS_TEST_TMPDIR/after
	local dev=$1

	device "$dev"
	spawn_co p in_ns "$NS" python3 -c "$CALLER" "$before" "${@:2}" \
		"$VNETCTL" open-exec "${WORDS[@]}" args none -- "$PROBE" hold
	output=$(ask p again)
	sort -o "$before" "$before"
	table "$(bg_pid p)" >"$after"
	(($(wc -l <"$before") >= 3 + $4))
	[ -z "$(comm -23 "$before" "$after")" ]
	FD=$(comm -13 "$before" "$after")
	[ "$(wc -l <<<"$FD")" = 1 ]
	[ "${FD%% *}" = "$(found .env.VNETCTL_FD)" ]
	found --arg name "$dev" --arg fd "${FD%% *}" '.fds |
		map(select(.ifname)) | length == 1 and
		.[0].ifname == $name and .[0].fd == ($fd | tonumber)'
}

@test "open-exec: the caller's descriptors arrive unchanged, and one more" {
	local c n

	for c in "${CASES[@]}"; do
		for n in "5 1 3" "4 3 20" "3 1 200"; do
			# shellcheck disable=SC2086 # three words
			hands_on "$c" $n
			co_eof p
			wait_gone "$NS" "$c" 1
			bg_end p
			[ "$status" = 0 ]
		done
	done
}

@test "open-exec: the watcher has none of them" {
	local watcher of_caller

	hands_on new-macvtap 3 1 50
	watcher=$(strangers)
	[ "$(wc -w <<<"$watcher")" = 1 ]
	of_caller=$(cut -d ' ' -f 2 "$BATS_TEST_TMPDIR/after" | sort -u)
	(($(wc -l <<<"$of_caller") > 30))
	# Nor the guest's, or it would wait for itself.
	grep -q '^/dev/tap' <<<"$of_caller"
	table "$watcher" >"$BATS_TEST_TMPDIR/watcher"
	[ -s "$BATS_TEST_TMPDIR/watcher" ]
	[ -z "$(comm -12 <(echo "$of_caller") \
		<(cut -d ' ' -f 2 "$BATS_TEST_TMPDIR/watcher" | sort -u))" ]
}

@test "open-exec: without stdin, stdout and stderr" {
	local c

	spawn_bg without in_ns "$NS" sh -c 'exec "$@" <&- >&- 2>&-' sh \
		sleep infinity
	for c in "${CASES[@]}"; do
		device "$c"
		spawn_bg "$c" in_ns "$NS" sh -c 'exec "$@" <&- >&- 2>&-' sh \
			"$VNETCTL" open-exec "${WORDS[@]}" args none -- \
			sleep infinity
	done
	wait_until 5 is_sleep without
	table "$(bg_pid without)" >"$BATS_TEST_TMPDIR/before"
	run ! grep -q '^[012] ' "$BATS_TEST_TMPDIR/before"
	for c in "${CASES[@]}"; do
		wait_until 5 is_sleep "$c"
		table "$(bg_pid "$c")" >"$BATS_TEST_TMPDIR/after"
		[ -z "$(comm -23 "$BATS_TEST_TMPDIR"/{before,after})" ]
		FD=$(comm -13 "$BATS_TEST_TMPDIR"/{before,after})
		[[ $FD =~ ^[0-9]+\ /dev/(net/tun|tap[0-9]+)\ [0-9]+\ 0$ ]]
		((${FD%% *} > 2))
	done
}

is_sleep() {
	[[ $(cat "/proc/$(bg_pid "$1")/comm") == sleep ]]
}

# --- failures ---------------------------------------------------------------

# fails STATUS LINE WORDS... - open-exec WORDS fails so, and of the device of
# case C all is as it was
fails() {
	local status_wanted=$1 line=$2 before
	shift 2

	before=$(case_state "$C")
	run_vn open-exec "$@"
	assert_status "$status_wanted"
	assert_out ""
	assert_err "$line"
	[ "$(case_state "$C")" = "$before" ]
	wait_until 5 nothing_left
}

@test "open-exec: 127, and nothing has changed, when COMMAND is not found" {
	for C in "${CASES[@]}"; do
		device "$C"
		fails 127 "vnetctl: cannot run /nonexistent: No such file or directory" \
			"${WORDS[@]}" -- /nonexistent
		fails 127 "vnetctl: cannot run no-such-command: No such file or directory" \
			"${WORDS[@]}" -- no-such-command
		fails 127 "vnetctl: cannot run no-such-command: No such file or directory" \
			"${WORDS[@]:0:5}" lifetime persistent -- no-such-command
		# And it is as good as before.
		probe "${WORDS[@]}" --
		wait_gone "$NS" "$C" 1
	done
}

@test "open-exec: 126, and nothing has changed, when COMMAND cannot be run" {
	local file=$BATS_TEST_TMPDIR/file

	echo >"$file"
	for C in "${CASES[@]}"; do
		device "$C"
		fails 126 "vnetctl: cannot run $file: Permission denied" \
			"${WORDS[@]}" -- "$file"
		fails 126 "vnetctl: cannot run /: Permission denied" \
			"${WORDS[@]}" -- /
		probe "${WORDS[@]}" --
		wait_gone "$NS" "$C" 1
	done
}

@test "open-exec: what was up and in a group is so again after 127" {
	for C in old-macvtap old-tap; do
		device "$C"
		ip -n "$NS" link set "$C" up group 7
		fails 127 "vnetctl: cannot run /nonexistent: No such file or directory" \
			"$C" -- /nonexistent
		state "$C" | jq -e '.[0] | .group == "7" and (.flags | index("UP"))'
	done
	state old-tap | jq -e '.[0].linkinfo.info_data.persist'
}

@test "open-exec: a device made by others, and 127, for all lifetimes" {
	local life

	ip -n "$NS" link add link lower name old-macvtap type macvtap
	in_ns "$NS" ip tuntap add old-tap mode tap vnet_hdr
	for life in "" "lifetime persistent" "lifetime watched"; do
		C=old-macvtap
		# shellcheck disable=SC2086 # two words or none
		fails 127 "vnetctl: cannot run /nonexistent: No such file or directory" \
			"$C" $life -- /nonexistent
	done
	for life in "" "lifetime persistent" "lifetime fd"; do
		C=old-tap
		# shellcheck disable=SC2086
		fails 127 "vnetctl: cannot run /nonexistent: No such file or directory" \
			"$C" $life -- /nonexistent
	done
}

@test "open-exec: 125, soon, and nothing has changed, when the MAC is taken" {
	local begin now

	for C in old-macvtap new-macvtap; do
		device "$C"
		vn create other link lower address "$MAC" up
		vt_now begin
		fails 125 "vnetctl: cannot bring up $C: Address already in use: $MAC is already used by other on lower" \
			"${WORDS[@]}" -- true
		vt_now now
		((now - begin < 300))
		vn destroy other
		probe "${WORDS[@]}" --
		wait_gone "$NS" "$C" 1
	done
}

@test "open-exec: 125 for what is wrong with its own words" {
	for C in "${CASES[@]}"; do
		device "$C"
		fails 125 "vnetctl: open-exec: which COMMAND? Put it after '--'" \
			"${WORDS[@]}"
		fails 125 "vnetctl: open-exec: which COMMAND? Put it after '--'" \
			"${WORDS[@]}" --
		fails 125 "vnetctl: args 'x' is not known: one of net, netdev, none" \
			"${WORDS[@]}" args x -- true
		fails 125 "vnetctl: lifetime 'x' is not known: one of fd, watched, persistent" \
			"${WORDS[@]:0:5}" lifetime x -- true
	done
	for C in old-tap new-tap; do
		[[ $C == new-* ]] && device "$C" || WORDS=("$C")
		fails 125 "vnetctl: open-exec: a tap needs no watcher: lifetime fd, which is its default, removes it with the last descriptor" \
			"${WORDS[@]:0:5}" lifetime watched -- true
	done
}

@test "open-exec: 125 for a device that is there and one that is not" {
	local c
	local -a make

	for c in macvtap tap; do
		C=old-$c
		device "new-$c"
		make=("${WORDS[@]:0:5}")
		vn create "${make[@]/new-/old-}"
		fails 125 "vnetctl: cannot create $c $C$([[ $c == tap ]] || echo " on lower"): File exists: choose another name, or 'vnetctl destroy $C'" \
			"${WORDS[@]/new-/old-}" -- true
	done
	C=new-macvtap
	fails 125 "vnetctl: cannot find new-macvtap: No such device: to make it on the way, say at least 'type tap' or 'link DEV'" \
		new-macvtap -- true
}

# judged STATUS LINE ARGS... - it is refused before anything is made, opened or started
judged() {
	local trace=$BATS_TEST_TMPDIR/trace

	# The leak checker cannot work under a tracer.
	run_cmd in_ns "$NS" env ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0" \
		strace -f -qq -s 4096 -o "$trace" -e signal=none \
		-e trace=sendto,unshare,vfork,fork,clone,openat "$VNETCTL" "${@:3}"
	assert_status "$1"
	assert_out ""
	assert_err "vnetctl: $2"
	[[ -s $trace ]]
	! grep -E 'RTM_NEWLINK|RTM_SETLINK|RTM_NEWNSID|unshare\(|fork\(|clone\(|"/dev/(tap|net)' "$trace"
}

@test "open-exec: no word is judged after the first change" {
	local life

	vn create there link lower
	for life in fd watched; do
		judged 125 "cannot create tap vm1 with mode vepa: a tap has no such mode: bridge or private" \
			open-exec vm0 link lower dev vm1 link br0 mode vepa lifetime $life -- true
		judged 125 "cannot find vm1: No such device: to make it on the way, say at least 'type tap' or 'link DEV'" \
			open-exec vm0 link lower dev vm1 lifetime $life -- true
		judged 125 "{fd:vmO}: there is no such device: write {fd:vm0}" \
			open-exec vm0 link lower lifetime $life -- true '{fd:vmO}'
	done
	judged 125 "open-exec: vm0 and vm1 exclude each other: both have 52:54:00:00:00:01 on lower" \
		open-exec vm0 link lower address 52:54:00:00:00:01 \
		dev vm1 link lower address 52:54:00:00:00:01 -- true
	judged 125 "{fd:vmO}: there is no such device: write {fd:there}" \
		open-exec there -- true '{fd:vmO}'
}
