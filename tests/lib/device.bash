# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# For tests of the devices themselves: `load ../lib/device` after common.

# says WHO COMMAND ANSWER - asks, and compares
says() {
	local answer

	answer=$(ask "$1" "$2") || return
	[[ $answer == "$3" ]] || fail "$1: $2: $answer, expected: $3"
}

# The four ways to a descriptor, and the names of the devices: old ones were
# made by `create` before, new ones are made on the way.
# shellcheck disable=SC2034
CASES=(old-macvtap new-macvtap old-tap new-tap)

# cases_net - what they need: lower (its far end is wire) and the bridge br0
# with port0 (peer)
cases_net() {
	lower_new "$NS" lower wire && bridge_new "$NS" br0
}

# device CASE [WORDS...] - sets WORDS, the words that open-exec needs for it (with
# these; else a new macvtap is watched, so that `ip` sees it), and MAC, the guest's;
# makes the device if it is to be there before
device() {
	local link=lower

	case $1 in
	old-macvtap) MAC=52:54:00:00:00:01 ;;
	new-macvtap) MAC=52:54:00:00:00:02 ;;
	old-tap) MAC=52:54:00:00:00:03 ;;
	new-tap) MAC=52:54:00:00:00:04 ;;
	esac
	[[ $1 != *-tap ]] || link=br0
	WORDS=("$1" link "$link" address "$MAC")
	[[ $1 != old-* ]] || vn create "${WORDS[@]}" || return
	[[ $1 != old-* ]] || WORDS=("$1")
	WORDS+=("${@:2}")
	[[ $1 != new-macvtap || $# != 1 ]] || WORDS+=(lifetime watched)
}

# state DEV - all that `ip` knows of it; but having been up leaves a qdisc
state() {
	ip -n "$NS" -j -d link show "$1" | jq -c 'map(del(.qdisc))'
}

# case_state CASE - the same; "none" for one that is to be made, and is not there
case_state() {
	if [[ $1 == old-* ]]; then
		state "$1"
	else
		dev_gone "$NS" "$1" && echo none
	fi
}

# strangers - the processes of this test that spawn_bg did not start
strangers() {
	local left known

	left=$(vt_left)
	known=$(vt_noted pid)
	comm -23 <(sort <<<"$left") <(cut -d : -f 1 <<<"$known" | sort)
}

# nothing_left - no watcher, no lifeline
nothing_left() {
	[[ -z $(strangers) ]] && no_marks
}
