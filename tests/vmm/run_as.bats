#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# With what power COMMAND runs: as another user and without any, as root as
# before, or as an ordinary caller who has lent vnetctl some of his.

load ../lib/common
load ../lib/qemu
load ../lib/device
load ../lib/refused
load vmm

setup() {
	common_setup
	cases_net
}

NONE=0000000000000000

# is UID GID GROUPS - the probe was this user for good (real, effective, saved,
# file system), with these groups as a JSON array
is() {
	found --argjson u "$1" --argjson g "$2" --argjson groups "$3" \
		'.uid == [$u, $u, $u, $u] and .gid == [$g, $g, $g, $g] and
		(.groups | sort) == ($groups | sort)' ||
		fail "$(found '{uid, gid, groups}')"
}

# powerless - every set is empty, and nothing can fill them
powerless() {
	found --arg none "$NONE" '[.cap_inh, .cap_prm, .cap_eff, .cap_bnd, .cap_amb] |
		unique == [$none]' && found '.no_new_privs == "1"' ||
		fail "$(found '{cap_inh, cap_prm, cap_eff, cap_bnd, cap_amb, no_new_privs}')"
}

# as_users CMD... - the same with users and groups of our own, in $NS: vm (4242, group
# vm, also in a and b), lone (4343, group vm); group a has the number 5001
# shellcheck disable=SC2016 # for the inner shell
as_users() {
	printf '%s\n' root:x:0:0::/root:/bin/sh vm:x:4242:4243::/:/bin/sh \
		lone:x:4343:4243::/:/bin/sh 77:x:4444:4445::/:/bin/sh \
		nobody:x:65534:65534::/:/bin/sh >"$BATS_TEST_TMPDIR/passwd"
	printf '%s\n' root:x:0: vm:x:4243: a:x:5001:vm,root b:x:5002:vm nogroup:x:65534: \
		88:x:5003: >"$BATS_TEST_TMPDIR/group"
	echo 'passwd: files
group: files' >"$BATS_TEST_TMPDIR/nsswitch.conf"
	in_ns "$NS" bash -ec '
		for f in passwd group nsswitch.conf; do
			mount --bind "$0/$f" "/etc/$f"
		done
		exec "$@"' "$BATS_TEST_TMPDIR" "$@"
}

@test "run-as: nobody has no power at all, with each kind of device" {
	local c

	for c in "${CASES[@]}"; do
		device "$c"
		probed "${WORDS[@]}" run-as nobody --
		assert_err ""
		is 65534 65534 '[65534]'
		powerless
		got -net "nic,model=virtio,macaddr=$MAC" -net "tap,fd=<$c>"
		wait_gone "$NS" "$c"
	done
	probed vm0 link lower lifetime fd run-as nobody args none --
	is 65534 65534 '[65534]'
	powerless
}

@test "run-as: USER, USER:GROUP, names and numbers" {
	local row user

	using as_users "$VNETCTL"
	for row in "vm 4242 4243 [4243,5001,5002]" "vm:a 4242 5001 [5001,5002]" \
		"lone 4343 4243 [4243]" "vm:nogroup 4242 65534 [65534,5001,5002]" \
		"4242 4242 4243 [4243,5001,5002]" "4242:4243 4242 4243 [4243,5001,5002]" \
		"vm:7000 4242 7000 [7000,5001,5002]" "9000:7000 9000 7000 []" \
		"9000:a 9000 5001 []" "lone:65534 4343 65534 [65534]" \
		"77 4444 4445 [4445]" "vm:88 4242 5003 [5003,5001,5002]"; do
		read -ra user <<<"$row"
		probed vm0 type tap run-as "${user[0]}" args none --
		assert_err ""
		is "${user[@]:1}"
		powerless
		all_gone vm0
	done
}

@test "run-as: root without power is possible, too" {
	using as_users "$VNETCTL"
	probed vm0 link lower run-as root args none --
	is 0 0 '[0,5001]'
	powerless
	probed vm1 link lower run-as 0:0 args none --
	is 0 0 '[0,5001]'
	powerless
}

@test "run-as: no such user or group" {
	local dev

	vn create old link lower
	vn create old-t link br0
	for dev in "a link lower" "a link br0" old old-t; do
		# shellcheck disable=SC2086 # words
		{
			untouched 125 "run-as: there is no user 'no-such-user'" \
				open-exec $dev run-as no-such-user -- true
			untouched 125 "run-as: there is no user 'no-such-user'" \
				open-exec $dev run-as no-such-user:nogroup -- true
			untouched 125 "run-as: there is no group 'no-such-group'" \
				open-exec $dev run-as nobody:no-such-group -- true
			untouched 125 "run-as: user 54321 has no group of his own: say USER:GROUP" \
				open-exec $dev run-as 54321 -- true
		}
	done
	untouched 125 "'run-as' needs a value that is not empty" \
		open-exec a type tap run-as '' -- true
	for user in : :nogroup nobody:; do
		untouched 125 "run-as '$user' is not USER or USER:GROUP" \
			open-exec a type tap run-as "$user" -- true
	done
	for user in -1 4294967295 4294967296 0x10 1.5; do
		untouched 125 "run-as: there is no user '$user'" \
			open-exec a type tap run-as "$user" -- true
		untouched 125 "run-as: there is no group '$user'" \
			open-exec a type tap run-as "nobody:$user" -- true
	done
	untouched 125 "run-as: there is no group 'nogroup:x'" \
		open-exec a type tap run-as nobody:nogroup:x -- true
	wait_until 5 nobody_left
}

@test "run-as: the descriptors work for that user" {
	local c words

	for c in "new-macvtap link lower mode bridge" "new-tap link br0"; do
		read -ra words <<<"$c"
		spawn_co guest vn open-exec "${words[@]}" address "${MAC[1]}" run-as nobody -- \
			"$FRAME" serve fd '{fd}'
		frame_on far "$NS" "$([[ $c == *lower* ]] && echo wire || echo peer)"
		wait_text "$BATS_TEST_TMPDIR/guest.out" '^ready$'
		[[ $(awk '$1 == "Uid:" { print $2 }' "/proc/$(bg_pid guest)/status") == 65534 ]]
		says far "send ${MAC[9]} ${MAC[1]} one" ok
		says guest "expect one 2000" "src ${MAC[9]} dst ${MAC[1]}"
		says guest "send ${MAC[1]} ${MAC[9]} two" ok
		says far "expect two 2000" "src ${MAC[1]} dst ${MAC[9]}"
		co_eof guest
		co_eof far
		bg_end guest
		all_gone "${words[0]}"
	done
}

@test "run-as: nothing but what is promised passes the exec, as without it" {
	local c plain

	for c in new-macvtap new-tap; do
		device "$c"
		probed "${WORDS[@]}" args none --
		plain=$(found '[.fds[] | [.link, .ifname, .cloexec]] | map(.[0] |= sub("[0-9]+"; "")) | sort')
		wait_gone "$NS" "$c"
		probed "${WORDS[@]}" run-as nobody args none --
		[[ $(found '[.fds[] | [.link, .ifname, .cloexec]] | map(.[0] |= sub("[0-9]+"; "")) |
			sort') == "$plain" ]] || fail "$(found .fds)" "not as: $plain"
		wait_gone "$NS" "$c"
	done
}

# The process that stood by, in case that the exec fails, has done its duty.
@test "run-as: of vnetctl the watcher is left, and nothing of a tap" {
	local c

	for c in "${CASES[@]}"; do
		device "$c"
		spawn_co "$c" vn open-exec "${WORDS[@]}" run-as nobody args none -- "$PROBE" hold
		wait_text "$BATS_TEST_TMPDIR/$c.out" '^{'
		[[ $c == *-tap ]] && n=0 || n=1
		wait_until 5 count "$n" vnetctls
		count "$n" watchers
		[[ -z $(cat "/proc/$(bg_pid "$c")/task/$(bg_pid "$c")/children") ]]
		co_eof "$c"
		bg_end "$c"
		all_gone "$c"
	done
	spawn_co fd vn open-exec a link lower dev b link lower lifetime fd run-as nobody args none \
		-- "$PROBE" hold
	wait_text "$BATS_TEST_TMPDIR/fd.out" '^{'
	wait_until 5 count 0 vnetctls
}

# --- COMMAND that the user may not execute ------------------------------------

# closed STATUS LINE COMMAND... - in all lifetimes: refused so, and as before
closed() {
	local words line=$2

	for words in "a link lower" "a link br0" "a link lower lifetime fd" \
		"a link lower lifetime persistent" "a link br0 lifetime persistent" \
		old "old lifetime watched" "old lifetime persistent" old-t "old-t lifetime fd" \
		"old-t lifetime persistent" theirs "theirs lifetime watched" \
		"old dev a link lower dev old-t dev b type tap queues 2"; do
		# shellcheck disable=SC2086 # words
		untouched "$1" "$line" open-exec $words run-as nobody args none -- "${@:3}" || return
		wait_until 5 nobody_left || return
	done
}

there() {
	vn create old link lower mode bridge
	vn create old-t link br0
	ip -n "$NS" link add theirs link lower type macvtap mode bridge
}

@test "run-as: COMMAND that the user may not execute: 126, and all as before" {
	local file=$BATS_TEST_TMPDIR/mine

	there
	cp /bin/true "$file"
	chmod 700 "$file"
	closed 126 "cannot run $file: Permission denied" "$file"
	# Root may, and does.
	run_vn open-exec vm0 type tap args none -- "$file"
	assert_status 0
}

@test "run-as: COMMAND in a directory that is closed to the user: 126" {
	local dir=$BATS_TEST_TMPDIR/closed

	mkdir -m 700 "$dir"
	cp /bin/true "$dir"
	there
	untouched 126 "cannot run $dir/true: Permission denied" \
		open-exec a link lower run-as nobody args none -- "$dir/true"
	untouched 126 "cannot run $dir/true: Permission denied" \
		open-exec old dev old-t run-as nobody args none -- "$dir/true"
	wait_until 5 nobody_left
}

@test "run-as: COMMAND that is not there: 127, and all as before" {
	there
	closed 127 "cannot run /no/such: No such file or directory" /no/such
}

@test "run-as: what was up, held in a group or persistent is so again" {
	there
	ip -n "$NS" link set old up group 7
	ip -n "$NS" link set theirs up group 8
	ip -n "$NS" link set old-t up
	closed 127 "cannot run /no/such: No such file or directory" /no/such
	state old | jq -e '.[0] | .group == "7" and (.flags | index("UP"))'
	state old-t | jq -e '.[0].linkinfo.info_data.persist'
}

# --- without run-as -------------------------------------------------------------

@test "run-as: without it root stays root" {
	local had

	had=$(in_ns "$NS" "$PROBE" |
		jq -c '[.uid, .gid, .groups, .cap_prm, .cap_eff, .cap_bnd, .no_new_privs]')
	for c in "${CASES[@]}"; do
		device "$c"
		probed "${WORDS[@]}" args none --
		[[ $(found '[.uid, .gid, .groups, .cap_prm, .cap_eff, .cap_bnd, .no_new_privs]') == \
			"$had" ]]
		found --arg none "$NONE" '.cap_inh == $none and .cap_amb == $none'
		wait_gone "$NS" "$c"
	done
}

@test "run-as: root's inheritable and ambient capabilities do not pass" {
	local caps=+net_admin,+sys_admin,+net_raw,+setuid,+chown

	using in_ns "$NS" setpriv --inh-caps "$caps" --ambient-caps "$caps" "$VNETCTL"
	probed vm0 type tap args none --
	found --arg none "$NONE" '.cap_inh == $none and .cap_amb == $none and .cap_eff != $none'
}

# lent CAPS CMD... - CMD is an ordinary user's who was lent these capabilities
lent() {
	in_ns_dev none setpriv --reuid nobody --regid nogroup --clear-groups --inh-caps "-all,$1" \
		--ambient-caps "-all,$1" "${@:2}"
}

ENOUGH=+net_admin,+sys_admin,+mknod

@test "run-as: an ordinary caller's COMMAND has no capability at all" {
	local words

	using lent "$ENOUGH" "$VNETCTL"
	vn create old link lower
	vn create old-t link br0
	for words in "a link lower" "a link br0" "a type tap" "a link lower lifetime fd" \
		"a link lower queues 3 dev b link br0" old old-t; do
		# shellcheck disable=SC2086
		probed $words args none --
		assert_err ""
		is 65534 65534 '[]'
		found --arg none "$NONE" '[.cap_inh, .cap_prm, .cap_eff, .cap_amb] | unique == [$none]'
		all_gone a b
		[[ $words == a* ]] || all_gone "$words"
	done
}

@test "run-as: an ordinary caller's guest hears and is heard" {
	spawn_co guest lent "$ENOUGH" "$VNETCTL" open-exec vm0 link lower mode bridge \
		address "${MAC[1]}" -- "$FRAME" serve fd '{fd}'
	wait_text "$BATS_TEST_TMPDIR/guest.out" '^ready$'
	frame_on far "$NS" wire
	says far "send ${MAC[9]} ${MAC[1]} one" ok
	says guest "expect one 2000" "src ${MAC[9]} dst ${MAC[1]}"
	says guest "send ${MAC[1]} ${MAC[9]} two" ok
	says far "expect two 2000" "src ${MAC[1]} dst ${MAC[9]}"
}

@test "run-as: an ordinary caller cannot become another" {
	untouched_cmd 125 "run-as: cannot set the groups (this needs CAP_SETGID): Operation not permitted" \
		lent "$ENOUGH" "$VNETCTL" open-exec a link lower run-as daemon args none -- true
	untouched_cmd 125 "run-as: cannot set the groups (this needs CAP_SETGID): Operation not permitted" \
		lent "$ENOUGH" "$VNETCTL" open-exec a type tap run-as nobody args none -- true
	vn create old link lower
	untouched_cmd 125 "run-as: cannot set the groups (this needs CAP_SETGID): Operation not permitted" \
		lent "$ENOUGH" "$VNETCTL" open-exec old run-as nobody args none -- true
	wait_until 5 nobody_left
	# With these two he can.
	using lent "$ENOUGH,+setuid,+setgid" "$VNETCTL"
	probed vm0 link lower run-as 4242:4243 args none --
	is 4242 4243 '[]'
	found --arg none "$NONE" '[.cap_inh, .cap_prm, .cap_eff, .cap_amb] | unique == [$none]'
	found '.no_new_privs == "1"'
}

# --- a COMMAND that dies with its parent, and dumps core --------------------------

# mortal TEXT SIGNAL - the probe was to get it when its parent dies, and to dump core
mortal() {
	found --argjson sig "$2" '.pdeathsig == $sig and .dumpable == 1' ||
		fail "$1: $(found '{pdeathsig, dumpable}')"
}

@test "run-as: PDEATHSIG and core dumps pass, with run-as and without it" {
	local c who

	using in_ns "$NS" setpriv --pdeathsig USR1 "$VNETCTL"
	for c in "${CASES[@]}"; do
		for who in '' 'run-as nobody' 'run-as root'; do
			device "$c"
			# shellcheck disable=SC2086 # words
			probed "${WORDS[@]}" $who args none --
			assert_err ""
			mortal "$c $who" 10
			all_gone "$c"
			# One that was there has the last guest's lifetime.
			dev_gone "$NS" "$c" || vn destroy "$c"
		done
	done
	# None is made up.
	using vn
	probed vm0 type tap run-as nobody args none --
	mortal "no signal" 0
	# An ordinary user's, who was lent what it takes.
	using lent "$ENOUGH" setpriv --pdeathsig USR1 "$VNETCTL"
	probed vm0 link br0 args none --
	mortal lent 10
}

# A test harness starts guests so, to have none left when it is killed.
# harness CMD... - sets PID, of CMD, which asks to be killed when its parent dies, HARNESS
# shellcheck disable=SC2016 # for the inner shell
harness() {
	rm -f "$BATS_TEST_TMPDIR/child"
	spawn_bg harness in_ns "$NS" bash -c '
		setpriv --pdeathsig KILL sh -c '\''echo $$ >"$0"; exec "$@"'\'' "$0" "$@" &
		wait' "$BATS_TEST_TMPDIR/child" "$@"
	HARNESS=$BG_PID
	wait_until 5 test -s "$BATS_TEST_TMPDIR/child"
	PID=$(<"$BATS_TEST_TMPDIR/child")
	own_pid "$PID"
}

# harness_dies - and is heard of by nobody else
harness_dies() {
	kill -9 "$HARNESS" && wait_pid_gone "$HARNESS"
}

@test "run-as: COMMAND dies with its parent, and its device with it" {
	local who

	for who in '' 'run-as nobody'; do
		# shellcheck disable=SC2086 # words
		harness "$VNETCTL" open-exec vm0 link lower $who args none -- \
			sh -c 'echo there; exec sleep infinity'
		wait_text "$BATS_TEST_TMPDIR/harness.out" '^there$'
		harness_dies
		wait_pid_gone "$PID"
		all_gone vm0
	done
}

@test "run-as: a parent that dies while the user is changed is heard of, too" {
	local trace=$BATS_TEST_TMPDIR/trace

	harness strace -Dqo "$trace" -e trace=setresuid -e inject=setresuid:signal=STOP \
		"$VNETCTL" open-exec vm0 link lower run-as nobody args none -- echo there
	wait_text "$trace" 'stopped by SIGSTOP'
	grep -q '^setresuid(65534' "$trace"
	harness_dies
	kill -CONT "$PID"
	wait_pid_gone "$PID"
	[[ ! -s $BATS_TEST_TMPDIR/harness.out ]]
	all_gone vm0
}

# --- a guest ---------------------------------------------------------------------

@test "run-as: QEMU as nobody: the guest gets its lease, and all goes with it" {
	local pid

	guest_net "$NS" wire
	spawn_bg qemu vn open-exec vm0 link lower mode bridge lifetime watched address "${MAC[1]}" run-as nobody -- \
		"${QEMU_CMD[@]}"
	[[ $(wait_lease "${MAC[1]}") == 10.9.0.* ]]
	pid=$(bg_pid qemu)
	awk -v none="$NONE" '
		$1 == "Uid:" || $1 == "Gid:" { n += $2 == 65534 && $3 == 65534 && $4 == 65534 && $5 == 65534 }
		$1 == "Groups:" { n += $2 == 65534 && NF == 2 }
		$1 ~ /^Cap[A-Z][a-z]+:$/ { n += $2 == none }
		$1 == "NoNewPrivs:" { n += $2 == 1 }
		END { exit n != 9 }' "/proc/$pid/status" || fail "$(cat "/proc/$pid/status")"
	count 1 vnetctls
	count 1 watchers
	kill -9 "$pid"
	wait_gone "$NS" vm0 1
	wait_until 1 nobody_left
}
