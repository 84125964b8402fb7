#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# serial
#
# Many at one moment: of those that want the same thing exactly one gets it, and
# killing at any time leaves nothing.
#
# LONG=1: 1000 tries of each pair, and a minute of killing.

load ../lib/common
load ../lib/refused
load ../lib/device
load ../lib/lifetime

setup() {
	common_setup
	cases_net
	lower_new "$NS" lower2 wire2
	settled lower wire br0 lower2
	before=$(vt_links)
	OUT=$BATS_TEST_TMPDIR/race
	mkdir "$OUT"
}

links_as_before() {
	[[ $(vt_links) == "$before" ]]
}

# at_once N CMD... - see tests/tools/at-once
at_once() {
	in_ns "$NS" "$VT_ROOT/tests/tools/at-once" "$OUT" "$@"
}

# ended STATUS - how many ended with it
ended() {
	cat "$OUT"/*.status | grep -cx "$1" || :
}

# all_say PATTERN - who failed has said exactly one such line
all_say() {
	local f

	for f in "$OUT"/*.status; do
		[[ $(<"$f") == 0 ]] || [[ $(<"${f%.status}.err") =~ ^"vnetctl: "$1$ ]] ||
			fail "$f: $(<"${f%.status}.err")" "not: $1" || return
	done
}

# --- many -----------------------------------------------------------------------

@test "races: 64 creates of one name, one wins" {
	local why="File exists: choose another name, or 'vnetctl destroy vm0'"

	at_once 64 "$VNETCTL" create vm0 link lower
	[[ $(ended 0) == 1 && $(ended 2) == 63 ]]
	all_say "cannot create macvtap vm0 on lower: $why"
	vn destroy vm0
	at_once 64 "$VNETCTL" create vm0 link br0
	[[ $(ended 0) == 1 && $(ended 2) == 63 ]]
	all_say "cannot create tap vm0: $why"
	vn destroy vm0
	# The kinds against each other.
	# shellcheck disable=SC2016
	at_once 64 bash -c 'link=(lower br0); exec "$0" create vm0 link "${link[{} % 2]}"' \
		"$VNETCTL"
	[[ $(ended 0) == 1 && $(ended 2) == 63 ]]
	all_say "cannot create (macvtap vm0 on lower|tap vm0): $why"
	[[ $(vn -j list | jq length) == 1 ]]
	vn destroy vm0
	wait_until 2 links_as_before
}

@test "races: 64 creates of vm%d, 64 names" {
	local link

	for link in lower br0; do
		at_once 64 "$VNETCTL" create vm%d link "$link"
		[[ $(ended 0) == 64 ]]
		[[ $(cat "$OUT"/*.out | sort -u | wc -l) == 64 ]]
		[[ $(cat "$OUT"/*.out | sort) == "$(vn -j list | jq -r '.[].ifname' | sort)" ]]
		[[ $(vn -j list | jq '[.[].address] | unique | length') == 64 ]]
		vn destroy all
	done
	wait_until 2 links_as_before
}

@test "races: 32 open-execs of vm%d, 32 names" {
	local life

	for life in fd watched; do
		# All hold theirs until the last one has one.
		# shellcheck disable=SC2016
		at_once 32 "$VNETCTL" open-exec vm%d link lower lifetime $life args none -- sh -c '
			echo "$VNETCTL_DEV"
			while [ "$(cat "$1"/*.out | wc -l)" -lt 32 ]; do sleep 0.05; done' - "$OUT"
		[[ $(ended 0) == 32 ]] || fail "$(cat "$OUT"/*.err)"
		[[ $(cat "$OUT"/*.out | sort -u | wc -l) == 32 ]]
		wait_until 5 links_as_before
		wait_until 5 no_marks
	done
}

# --- two for one ----------------------------------------------------------------

# duel LINE PREPARE A B - see tests/tools/duel; for vm0
duel() {
	local tries=100

	[[ ! ${LONG-} ]] || tries=1000
	run_cmd in_ns "$NS" "$VT_ROOT/tests/tools/duel" "$OUT" "$tries" "$1" "$2" vm0 "$3" "$4"
	assert_err ""
	assert_status 0
	# shellcheck disable=SC2154
	echo "# $tries duels for vm0, won $output: '$3' and '$4'" >&3
}

held="cannot open vm0: Device or resource busy: it is held by HOLDER: 'share' opens it all the same"
taken='cannot create (macvtap vm0 on lower|vm0): File exists: .*'

@test "races: two open-execs of one macvtap, exactly one wins" {
	vn create vm0 link lower
	duel "$held" true 'lifetime persistent' 'lifetime persistent'
	vn destroy vm0
	# It goes with the winner each time.
	# shellcheck disable=SC2016
	duel "$held" 'while [[ -e /sys/class/net/vm0 ]]; do :; done
		"$VNETCTL" create vm0 link lower' '' 'lifetime watched'
	wait_until 5 links_as_before
	wait_until 5 no_marks
}

@test "races: two open-execs of one tap, exactly one wins" {
	vn create vm0 link br0
	duel "$held" true 'lifetime persistent' 'lifetime persistent'
}

@test "races: two open-execs of one macvtap that others made, exactly one wins" {
	ip -n "$NS" link add link lower name vm0 type macvtap mode bridge
	duel "$held" true '' 'lifetime persistent'
}

@test "races: two starts of one new name with lifetime fd, exactly one wins" {
	duel "$taken" true 'link lower lifetime fd' 'link lower lifetime fd'
	wait_until 5 links_as_before
	wait_until 5 no_marks
}

@test "races: lifetime fd and watched, one new name, exactly one wins" {
	duel "$taken" true 'link lower lifetime fd' 'link lower lifetime watched'
	wait_until 5 links_as_before
	wait_until 5 no_marks
}

@test "races: two starts of one new name, watched, exactly one wins" {
	duel "$taken" true 'link lower lifetime watched' 'link lower lifetime watched'
	wait_until 5 links_as_before
	wait_until 5 no_marks
}

# --- killing --------------------------------------------------------------------

# The nodes of macvtaps in /dev.
nodes() {
	find /dev -maxdepth 1 -name 'tap*' | sort
}

nobody_left() {
	[[ -z $(strangers) ]]
}

# An open-exec that was killed before it had a watcher leaves an orphan.
only_orphans_left() {
	[[ -z $(strangers) ]] && no_marks &&
		[[ $(vn list | wc -l) == "$(vn list orphaned | wc -l)" ]]
}

@test "races: 64 VMs started and killed at random: none loses its device, nothing is left" {
	local seconds=8 nodes

	[[ ! ${LONG-} ]] || seconds=60
	nodes=$(nodes)
	run_cmd in_ns "$NS" "$VT_ROOT/tests/tools/mayhem" "$OUT" "$seconds" 64
	[[ ! -e $OUT/lost ]] || fail "$(cat "$OUT/lost")"
	assert_err ""
	assert_status 0
	wait_until 10 only_orphans_left
	# shellcheck disable=SC2154
	echo "# $output; $(vn list orphaned | wc -l) orphans then" >&3
	vn destroy orphans
	wait_until 10 links_as_before
	wait_until 5 no_marks
	wait_until 5 nobody_left
	[[ $(nodes) == "$nodes" ]]
}
