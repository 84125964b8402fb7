# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
#
# For tests of what vnetctl does not do: `load ../lib/refused` after common.

# refused STATUS LINE ARGS... - vnetctl ARGS in $NS exits STATUS, prints
# nothing, and says exactly "vnetctl: LINE"
refused() {
	refused_cmd "$1" "$2" vn "${@:3}"
}

# refused_cmd STATUS LINE CMD... - the same for a command that runs vnetctl
refused_cmd() {
	run_cmd "${@:3}"
	assert_status "$1" && assert_out "" && assert_err "vnetctl: $2"
}

# untouched STATUS LINE ARGS... - as refused, and the namespace is as it was
untouched() {
	untouched_cmd "$1" "$2" vn "${@:3}"
}

untouched_cmd() {
	local before after

	before=$(vt_links) || return
	refused_cmd "$@" || return
	after=$(vt_links) || return
	[[ $before == "$after" ]] ||
		fail "$vt_ran" "changed this:" \
			"$(diff <(echo "$before") <(echo "$after"))" || return
	# A namespace is taken apart in the background.
	wait_until 5 vt_no_nsid
}

# settled DEV... - waits until the devices in $NS have a carrier: the kernel
# says so a moment late
settled() {
	local dev

	for dev in "$@"; do
		wait_until 5 vt_up "$dev" || return
	done
}

vt_up() {
	[[ $(in_ns "$NS" cat "/sys/class/net/$1/operstate") == up ]]
}

# Everything that ip says about the links of $NS, but for what comes later by
# itself: whether there is a carrier, the queueing of a device that is up for
# the first time, the bridges' clocks.
vt_links() {
	local text

	text=$(ip -n "$NS" -d -o link) || return
	sed -E 's/<NO-CARRIER,?/</; s/,(LOWER_UP|M-DOWN)\b//g; s/ qdisc [^ ]+//
		s/ state [A-Za-z]+//g; s/ [a-z_]+_timer +[0-9.]+//g
		s/ topology_change[a-z_]* [01]//g' <<<"$text"
}

vt_no_nsid() {
	# Those with a name are the test's own.
	! ip -n "$NS" netns list-id | grep -qv '(iproute2 netns name: '
}
