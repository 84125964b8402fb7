#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# serial
#
# Many at one moment: of two that want the same thing exactly one gets it, and
# killing at any time leaves nothing.

load ../lib/common
load ../lib/device

setup() {
	common_setup
	cases_net
	OUT=$BATS_TEST_TMPDIR/race
	mkdir "$OUT"
}

# race N CMD... - N times CMD at once, with {} as the number; afterwards
# $OUT/I.status, $OUT/I.err
race() {
	local n=$1

	shift
	in_ns "$NS" bash -c '
		out=$1 n=$2
		shift 2
		for ((i = 0; i < n; i++)); do
			(
				"${@//\{\}/$i}" >"$out/$i.out" 2>"$out/$i.err" </dev/null
				echo $? >"$out/$i.status"
			) &
		done
		wait' race "$OUT" "$n" "$@"
}

# of STATUS - how many ended with it
of() {
	cat "$OUT"/*.status | grep -cx "$1" || :
}

@test "races: 64 creates of one name, one wins" {
	local i line="vnetctl: cannot create macvtap vm0 on lower: File exists: choose another name, or 'vnetctl destroy vm0'"

	race 64 "$VNETCTL" create vm0 link lower
	[[ $(of 0) == 1 && $(of 2) == 63 ]]
	for i in "$OUT"/*.err; do
		[[ ! -s $i || $(cat "$i") == "$line" ]] || fail "$i: $(cat "$i")"
	done
	[[ $(ip -n "$NS" -o link show type macvtap | wc -l) == 1 ]]
}

@test "races: 64 creates of vm%d, 64 names" {
	race 64 "$VNETCTL" create vm%d link lower
	[[ $(of 0) == 64 ]]
	[[ $(cat "$OUT"/*.out | sort -u | wc -l) == 64 ]]
	[[ $(ip -n "$NS" -o link show type macvtap | wc -l) == 64 ]]
}

# marks - the ids of lifelines; the kernel gives a namespace one for itself, too
marks() {
	nsids 2>/dev/null | awk '$2 >= 1442840576 && $2 <= 1459617791'
}

# winners NAME - the race's COMMAND prints "got" and holds the device a moment
winners() {
	cat "$OUT"/*.out | grep -cx got || :
}

@test "races: two open-execs of one device, exactly one wins" {
	local i n=100 held="vnetctl: cannot open vm0: Device or resource busy: it is held by "

	[[ -z ${LONG-} ]] || n=1000
	vn create vm0 link lower
	for ((i = 0; i < n; i++)); do
		race 2 "$VNETCTL" open-exec vm0 lifetime persistent args none -- \
			sh -c 'echo got; sleep 0.05'
		[[ $(winners) == 1 && $(of 0) == 1 && $(of 125) == 1 ]] ||
			fail "try $i: $(winners) winners: $(cat "$OUT"/*.err)" || return
		[[ $(cat "$OUT"/*.err) == "$held"* ]] || fail "try $i: $(cat "$OUT"/*.err)"
	done
}

@test "races: two lifetime fd starts of one new name, exactly one wins" {
	local i n=25

	[[ -z ${LONG-} ]] || n=200
	for ((i = 0; i < n; i++)); do
		race 2 "$VNETCTL" open-exec vm0 link lower lifetime fd args none -- \
			sh -c 'echo got; sleep 0.1'
		[[ $(winners) == 1 && $(of 0) == 1 && $(of 125) == 1 ]] ||
			fail "try $i: $(winners) winners: $(cat "$OUT"/*.err)" || return
	done
}

@test "races: fd and watched, one name, exactly one wins" {
	local i n=25

	[[ -z ${LONG-} ]] || n=200
	for ((i = 0; i < n; i++)); do
		# shellcheck disable=SC2016 # for the bash that is COMMAND of the race
		race 2 bash -c 'words=("" "lifetime fd")
			exec "$0" open-exec vm0 link lower ${words[{}]} args none -- \
				sh -c "echo got; sleep 0.1"' "$VNETCTL"
		[[ $(winners) == 1 && $(of 0) == 1 && $(of 125) == 1 ]] ||
			fail "try $i: $(winners) winners: $(cat "$OUT"/*.err)" || return
	done
}

@test "races: 64 VMs started and killed at random: none loses its device, nothing is left" {
	local seconds=8 lost

	[[ -z ${LONG-} ]] || seconds=60
	# Each of 16 lanes starts VM after VM under a few names that others use, too.
	# The VM asks its descriptor again and again which device it is.
	# shellcheck disable=SC2016
	in_ns "$NS" bash -c '
		vnetctl=$1 frame=$2 out=$3 end=$((SECONDS + $4))
		lane() {
			local words=("" "lifetime fd" "queues 2") pid
			while ((SECONDS < end)); do
				# shellcheck disable=SC2086
				"$vnetctl" -q open-exec "vm$((RANDOM % 24))" link lower \
					${words[RANDOM % 3]} args none -- sh -c "
					while :; do
						echo name | $frame serve fd {fd} || echo lost \$?
						sleep 0.05
					done" >>"$out/lane$1.out" 2>>"$out/lane$1.err" </dev/null &
				pid=$!
				sleep "0.$((RANDOM % 30 + 1))"
				kill -9 "$pid" 2>/dev/null
				wait "$pid" 2>/dev/null
			done
		}
		for ((i = 0; i < 16; i++)); do
			lane "$i" &
		done
		wait' race "$VNETCTL" "$FRAME" "$OUT" "$seconds"
	lost=$(cat "$OUT"/lane*.out | grep -cE '^(lost|error)' || :)
	echo "# $(cat "$OUT"/lane*.out | grep -c '^vm') looks at a living device, $lost lost" >&3
	[[ $lost == 0 ]] || fail "$(cat "$OUT"/lane*.out | grep -E -m 5 '^(lost|error)')"
	[[ $(cat "$OUT"/lane*.out | grep -c '^vm') -gt 50 ]]
	# Only clear refusals: the name or device is another VM's.
	! grep -vE '^vnetctl: cannot (create|open) .*(File exists|Device or resource busy)|^(Killed|Terminated)' \
		"$OUT"/lane*.err || fail "other failures"
	wait_until 10 eval '[[ -z $(strangers) && -z $(marks) ]]'
	run_vn list
	assert_out ""
}
