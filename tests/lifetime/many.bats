#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# serial
#
# Many guests that are killed at one moment: of devices, lifelines and watchers nothing is
# left soon after, with nobody's help.
#
# The machine has other processes, too: who walks over /proc for each end is not through in
# time.
#
# LONG=1: 3000 of each kind, within a minute.

load ../lib/common
load ../lib/refused
load ../lib/device
load ../lib/lifetime

: "${LIVES:=$VT_ROOT/build/tests/lives}"
export LIVES

setup() {
	common_setup
	cases_net
	# A bridge takes 1023 ports.
	bridge_new "$NS" br1 port1 peer1
	bridge_new "$NS" br2 port2 peer2
	settled lower wire br0 br1 br2
	bystanders 20 1000
	before=$(vt_links)
}

# bystanders N FDS - N processes, each with so many descriptors
bystanders() {
	local i

	for ((i = 0; i < $1; i++)); do
		spawn_bg "bystander$i" bash -c 'for ((i = 0; i < $1; i++)); do
				exec {fd}</dev/null
			done
			echo ready
			exec sleep infinity' bash "$2"
	done
	for ((i = 0; i < $1; i++)); do
		wait_text "$BATS_TEST_TMPDIR/bystander$i.out" '^ready$'
	done
}

nobody_left() {
	[[ -z $(strangers) ]]
}

# all_die TITLE CMD... - guests of CMD, see tests/tools/lives, are killed; the tool waits
# until devices and watchers are gone
all_die() {
	local title=$1 n=300 seconds=10 took

	shift
	[[ ! ${LONG:-} ]] || n=3000 seconds=60
	run_cmd in_ns "$NS" "$LIVES" death "$n" "$seconds" "$@"
	assert_err ""
	assert_status 0
	# shellcheck disable=SC2154
	took=$output
	wait_until 5 no_marks
	nobody_left
	[[ $(vt_links) == "$before" ]]
	run_vn list
	assert_status 0
	assert_err ""
	assert_out ""
	echo "# $n killed at once, nothing left after $((took / 1000000)) ms: $title" >&3
}

@test "many: watched macvtaps" {
	all_die watched "$VNETCTL" open-exec '{}' link lower address '{address}' \
		lifetime watched args none -- "$LIVES" hold
}

@test "many: macvtaps of lifetime fd" {
	all_die fd "$VNETCTL" open-exec '{}' link lower address '{address}' \
		lifetime fd args none -- "$LIVES" hold
}

@test "many: taps on bridges" {
	all_die tap sh -c 'exec "$VNETCTL" open-exec "$1" link br$((${1#*-} % 3)) \
		address "$2" lifetime fd args none -- "$LIVES" hold' sh '{}' '{address}'
}
