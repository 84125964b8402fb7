#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A VM that is killed and started again at once, with the same words: the
# kernel's own teardown is waited for, not run into.

load ../lib/common
load ../lib/device
load ../lib/lifetime

setup() {
	common_setup
	cases_net
}

# again N WORDS... - a VM on open-exec WORDS is killed, and started again while it is still
# dying, N times in a row; before each new start vnetctl $meanwhile, if that is set. The VM
# does $first before all else.
again() {
	local n=$1

	shift
	# The VM tells that it holds its device; the end of its output, that there is none.
	# shellcheck disable=SC2016
	run_cmd in_ns "$NS" env meanwhile="${meanwhile-}" first="${first-:}" bash -c '
		n=$1 vnetctl=$2 vmm=$3 slowest=0
		shift 3
		for ((i = 1; i <= n; i++)); do
			begin=${EPOCHREALTIME/./}
			exec 5< <(exec "$vnetctl" open-exec "$@" args none -- \
				sh -c "$first; exec \"\$@\"" sh "$vmm" hold {fd})
			pid=$!
			read -r line <&5
			took=$((${EPOCHREALTIME/./} - begin))
			((took <= slowest)) || slowest=$took
			kill -9 "$pid" 2>/dev/null
			if [[ $line != "holding $1" ]]; then
				echo "start $i of $n failed" >&2
				exit 1
			fi
			[[ ! $meanwhile ]] || "$vnetctl" $meanwhile || exit
		done
		echo "$((slowest / 1000))"' - "$n" "$VNETCTL" "$VMM" "$@"
	assert_status 0
	assert_err ""
	# shellcheck disable=SC2154
	echo "# started $n times in a row, the slowest in $output ms: $*" >&3
}

# again_and_gone N WORDS... - and nothing is left after the last one
again_and_gone() {
	again "$@"
	wait_gone "$NS" "$2" 2
	wait_until 2 no_marks
}

# lower_state - what passthru changes and has to put back
lower_state() {
	ip -n "$NS" -j -d link show lower | jq -c '.[0] | [.address, .promiscuity, .allmulti]'
}

lower_is() {
	[[ $(lower_state) == "$1" ]]
}

@test "restart: macvtap, watched" {
	again_and_gone 200 vm0 link lower address 52:54:00:00:00:01 lifetime watched
}

@test "restart: macvtap, lifetime fd" {
	again_and_gone 200 vm0 link lower address 52:54:00:00:00:01 lifetime fd
}

@test "restart: passthru, watched" {
	local before

	before=$(lower_state)
	again_and_gone 200 vm0 link lower mode passthru lifetime watched
	wait_until 2 lower_is "$before"
}

@test "restart: passthru, lifetime fd" {
	local before

	before=$(lower_state)
	again_and_gone 200 vm0 link lower mode passthru lifetime fd
	wait_until 2 lower_is "$before"
}

@test "restart: passthru with an address of its own, which the lower device has meanwhile" {
	local before i

	before=$(lower_state)
	run_vn open-exec vm0 link lower mode passthru address 52:54:00:00:00:09 \
		lifetime watched args none -- \
		cat /sys/class/net/vm0/address /sys/class/net/lower/address
	assert_status 0
	assert_out "52:54:00:00:00:09
52:54:00:00:00:09"
	wait_gone "$NS" vm0 2
	[[ $(lower_state) == "$before" ]]
	again_and_gone 50 vm0 link lower mode passthru address 52:54:00:00:00:09 lifetime watched
	[[ $(lower_state) == "$before" ]]
	# Each one gets it, though the one before has not given it back yet.
	for ((i = 0; i < 20; i++)); do
		vn open-exec vm0 link lower mode passthru address 52:54:00:00:00:09 \
			lifetime watched args none -- \
			cat /sys/class/net/vm0/address
	done >"$BATS_TEST_TMPDIR/addresses"
	[[ $(sort "$BATS_TEST_TMPDIR/addresses" | uniq -c) == *' 20 52:54:00:00:00:09' ]] ||
		fail "$(cat "$BATS_TEST_TMPDIR/addresses")"
}

@test "restart: tap on a bridge" {
	again_and_gone 200 vm0 link br0 address 52:54:00:00:00:01
}

@test "restart: a device that stays" {
	local link

	for link in lower br0; do
		vn create vm0 link "$link"
		again 100 vm0 lifetime persistent
		vn destroy vm0
	done
	wait_until 2 no_marks
}

@test "restart: a VM that is killed is not in the way of destroy" {
	local life meanwhile

	for meanwhile in 'destroy all' 'destroy vm0 if-exists'; do
		for life in watched fd persistent; do
			again_and_gone 50 vm0 link lower lifetime $life
		done
		again_and_gone 50 vm0 link br0
		again_and_gone 50 vm0 link br0 lifetime persistent
	done
}

# The kernel takes the memory of the dying from them before it closes their descriptors.
@test "restart: a VM that takes its time to die" {
	local life mac="address 52:54:00:00:00:01"

	export VMM_MB=512
	for life in watched fd; do
		# shellcheck disable=SC2086 # words
		again_and_gone 5 vm0 link lower $mac lifetime $life
	done
	# shellcheck disable=SC2086
	again_and_gone 5 vm0 link br0 $mac
	# vnetctl may be killed before its tap has the mark.
	# shellcheck disable=SC2086,SC2016 # words; for the VM
	first='ip link property del dev vm0 altname "$(ip -j link show vm0 | jq -r ".[0].altnames[0]")"' \
		again_and_gone 5 vm0 link br0 $mac
}

@test "restart: what is not ours is not waited for" {
	local begin now

	ip -n "$NS" link add vm0 link lower address 52:54:00:00:00:01 type macvtap mode bridge
	ip -n "$NS" link set vm0 up
	vt_now begin
	run_vn open-exec vm0 link lower address 52:54:00:00:00:02 -- true
	assert_status 125
	assert_err "vnetctl: cannot create macvtap vm0 on lower: File exists: choose another name, or 'vnetctl destroy vm0'"
	run_vn open-exec vm1 link lower address 52:54:00:00:00:01 -- true
	assert_status 125
	assert_err "vnetctl: cannot bring up vm1: Address already in use: 52:54:00:00:00:01 is already used by vm0 on lower"
	# A tap that goes with its holder, who lives, and that does not look like ours.
	spawn_bg holder vn open-exec t0 link br0 args none -- "$VMM" hold '{fd}'
	wait_text "$BATS_TEST_TMPDIR/holder.out" 'holding t0' 10
	ip -n "$NS" link property del dev t0 \
		altname "$(ip -n "$NS" -j link show t0 | jq -r '.[0].altnames[0]')"
	run_vn open-exec t0 link br0 -- true
	assert_status 125
	assert_err "vnetctl: cannot create tap t0: File exists: choose another name, or 'vnetctl destroy t0'"
	vt_now now
	# Hundredths: the shortest wait is two seconds.
	((now - begin < 200)) || fail "$((now - begin))"
	assert_there "$NS" t0
	assert_there "$NS" vm0
	assert_gone "$NS" vm1
}
