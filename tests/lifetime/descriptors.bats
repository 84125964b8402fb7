#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The caller's own descriptors, 3 to 200 of them, arrive in COMMAND as they were:
# number, file, flags, position. Beside them there is the tap, and for a macvtap with lifetime
# fd its namespace; and nothing else.

load ../lib/common
load ../lib/refused
load ../lib/device
load ../lib/lifetime

DESCRIPTORS=$VT_ROOT/tests/tools/descriptors

setup() {
	common_setup
	cases_net
	settled lower wire port0 peer br0
	before=$(vt_links)
}

links_as_before() {
	[[ $(vt_links) == "$before" ]]
}

# arrive N MORE... -- WORDS... - N of the caller's arrive unchanged through open-exec
# WORDS, and as many MORE, in any order: regular expressions for their files
arrive() {
	local n=$1 given=$BATS_TEST_TMPDIR/given received=$BATS_TEST_TMPDIR/received
	local -a more=()
	local extra pattern

	shift
	while [[ $1 != -- ]]; do
		more+=("$1")
		shift
	done
	shift
	run_cmd in_ns "$NS" "$DESCRIPTORS" give "$n" "$given" \
		"$VNETCTL" open-exec "$@" args none -- "$DESCRIPTORS" show
	assert_status 0
	assert_err ""
	cp "$vt_out" "$received"
	(($(wc -l <"$given") == n)) || fail "not $n:" "$(cat "$given")"
	[[ -z $(comm -23 <(sort "$given") <(sort "$received")) ]] ||
		fail "given and received:" "$(diff "$given" "$received")"
	extra=$(comm -13 <(sort "$given") <(sort "$received"))
	(($(wc -l <<<"$extra") == ${#more[@]})) || fail "these, too:" "$extra"
	for pattern in "${more[@]}"; do
		(($(awk '{ print $2 }' <<<"$extra" | grep -cxE "$pattern") == 1)) ||
			fail "not one $pattern:" "$extra"
	done
	# Not in the way of standard input, output and error.
	(($(awk 'NR == 1 { min = $1 } $1 < min { min = $1 } END { print min }' <<<"$extra") > 2))
}

# arrive_all MORE... -- WORDS...
arrive_all() {
	local n

	for n in 3 17 64 200; do
		if [[ ${make:-} ]]; then
			eval "$make"
		fi
		arrive "$n" "$@"
		wait_until 5 links_as_before
		wait_until 5 no_marks
	done
}

node='/dev/tap[0-9]+'

@test "descriptors: a macvtap, watched" {
	arrive_all "$node" -- vm0 link lower lifetime watched
}

@test "descriptors: a macvtap, lifetime fd, which is the default" {
	arrive_all "$node" 'net:\[[0-9]+\]' -- vm0 link lower lifetime fd
	arrive_all "$node" 'net:\[[0-9]+\]' -- vm0 link lower
}

@test "descriptors: a macvtap, persistent" {
	local n

	for n in 3 17 64 200; do
		arrive "$n" "$node" -- vm0 link lower lifetime persistent
		vn destroy vm0
	done
}

@test "descriptors: a macvtap that exists" {
	make='vn create vm0 link lower'
	arrive_all "$node" -- vm0
	arrive_all "$node" -- vm0 lifetime watched
}

@test "descriptors: a tap" {
	arrive_all /dev/net/tun -- vm0 link br0
	make='vn create vm0 link br0'
	arrive_all /dev/net/tun -- vm0
}

@test "descriptors: a macvtap, passthru" {
	arrive_all "$node" -- vm0 link lower mode passthru lifetime watched
	arrive_all "$node" 'net:\[[0-9]+\]' -- vm0 link lower mode passthru lifetime fd
}

@test "descriptors: a macvtap of another namespace" {
	local there

	ns_new there
	lower_new "$there"
	run_cmd in_ns "$NS" "$DESCRIPTORS" give 17 "$BATS_TEST_TMPDIR/given" \
		"$VNETCTL" -n "$there" open-exec vm0 link lower lifetime watched args none -- "$DESCRIPTORS" show
	assert_status 0
	# Neither namespace comes along, but the tap does.
	# shellcheck disable=SC2154
	[[ $(comm -13 <(sort "$BATS_TEST_TMPDIR/given") <(sort <<<"$output") | wc -l) == 1 ]]
	[[ $output != *'net:['* ]]
	wait_gone "$there" vm0
}
