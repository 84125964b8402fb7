#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# open-exec's exit status: COMMAND's own, or 125, 126, 127; and then nothing
# is left behind.

load ../lib/common
load ../lib/refused

# cannot_run STATUS LINE COMMAND... - for devices made on the way and for those
# that are there
cannot_run() {
	local st=$1 line=$2 life
	shift 2

	untouched "$st" "$line" open-exec new type tap -- "$@"
	untouched "$st" "$line" open-exec new link br0 mode private -- "$@"
	untouched "$st" "$line" open-exec new type tap lifetime persistent -- "$@"
	untouched "$st" "$line" open-exec new link lower -- "$@"
	untouched "$st" "$line" open-exec new link lower lifetime persistent -- "$@"
	for life in watched persistent; do
		untouched "$st" "$line" open-exec vm0 lifetime "$life" -- "$@"
	done
	untouched "$st" "$line" open-exec vm0 -- "$@"
	untouched "$st" "$line" open-exec t0 -- "$@"
	untouched "$st" "$line" open-exec t0 lifetime fd -- "$@"
	untouched "$st" "$line" open-exec ipvm lifetime watched -- "$@"
}

population() {
	lower_new "$NS"
	bridge_new "$NS" br0 port0 far
	vn create vm0 link lower mode bridge
	vn create t0 link br0
	ip -n "$NS" link add ipvm link lower type macvtap mode bridge
}

@test "exec: COMMAND is not found" {
	population
	cannot_run 127 "cannot run /no/such: No such file or directory" /no/such
	untouched 127 "cannot run no-such-command: No such file or directory" \
		open-exec new type tap -- no-such-command x y
	untouched 127 "cannot run : No such file or directory" \
		open-exec new type tap -- ""
	untouched 127 "cannot run a\\x0ab: No such file or directory" \
		open-exec new type tap -- $'a\nb'
	# A placeholder is replaced in COMMAND's own name too.
	untouched 127 "cannot run /no/new: No such file or directory" \
		open-exec new type tap -- "/no/{dev}"
}

@test "exec: COMMAND cannot be run" {
	local file=$BATS_TEST_TMPDIR/file

	population
	cannot_run 126 "cannot run /: Permission denied" /
	touch "$file"
	untouched 126 "cannot run $file: Permission denied" \
		open-exec new type tap -- "$file"
	untouched 126 "cannot run $file/x: Not a directory" \
		open-exec new link lower -- "$file/x"
	printf '#!/no/such/interpreter\n' >"$file"
	chmod 755 "$file"
	untouched 127 "cannot run $file: No such file or directory" \
		open-exec new link lower -- "$file"
}

@test "exec: the status is COMMAND's" {
	local n

	lower_new "$NS"
	for n in 0 1 2 42 125 126 127 255; do
		run_vn open-exec t0 type tap -- "$PROBE" exit "$n"
		assert_status 0
		run_vn open-exec t0 type tap args none -- "$PROBE" exit "$n"
		assert_status "$n"
		assert_out ""
		assert_err ""
		assert_gone "$NS" t0
		run_vn open-exec vm0 link lower args none -- "$PROBE" exit "$n"
		assert_status "$n"
		assert_out ""
		assert_err ""
		wait_gone "$NS" vm0
	done
}

@test "exec: the death is COMMAND's" {
	local sig

	lower_new "$NS"
	for sig in TERM KILL HUP; do
		run_vn open-exec vm0 link lower args none -- sh -c "kill -$sig \$\$"
		assert_status $((128 + $(kill -l "$sig")))
		wait_gone "$NS" vm0
	done
}

@test "exec: COMMAND is the same process" {
	lower_new "$NS"
	spawn_co p vn open-exec vm0 link lower args none -- "$PROBE" hold
	wait_text "$BATS_TEST_TMPDIR/p.out" '^{'
	[[ $(jq .pid "$BATS_TEST_TMPDIR/p.out") == "$(bg_pid p)" ]]
	[[ $(jq .ppid "$BATS_TEST_TMPDIR/p.out") == "$$" ||
		$(jq .ppid "$BATS_TEST_TMPDIR/p.out") == "$BASHPID" ]]
	co_eof p
	bg_end p
	assert_status 0
	wait_gone "$NS" vm0
}

@test "exec: a device that is to be made must not be there" {
	local hint="choose another name, or 'vnetctl destroy"

	population
	untouched 125 "cannot create tap t0: File exists: $hint t0'" \
		open-exec t0 type tap -- true
	untouched 125 "cannot create tap vm0: File exists: $hint vm0'" \
		open-exec vm0 type tap -- true
	untouched 125 "cannot create macvtap vm0 on lower: File exists: $hint vm0'" \
		open-exec vm0 link lower -- true
	untouched 125 "cannot create macvtap t0 on lower: File exists: $hint t0'" \
		open-exec t0 link lower mode bridge -- true
}

@test "exec: a device that is to be there must be" {
	population
	untouched 125 "cannot find nope: No such device: to make it on the way, say at least 'type tap' or 'link DEV'" \
		open-exec nope -- true
	untouched 125 "cannot find nope: No such device: to make it on the way, say at least 'type tap' or 'link DEV'" \
		open-exec nope lifetime persistent args none -- true
}
