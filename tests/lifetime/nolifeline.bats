#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# No lifeline is to be had: then open-exec says why, names what to change, and leaves
# nothing; it never does with less than was asked for. What needs no lifeline goes on.
# And the systemd unit of the README, as far as it goes without systemd.

load ../lib/common
load ../lib/refused
load ../lib/device
load ../lib/lifetime

: "${FORBID:=$VT_ROOT/build/tests/forbid}"
export FORBID

rights='this needs CAP_SYS_ADMIN (in a container --cap-add SYS_ADMIN) and must not be forbidden by RestrictNamespaces= or a seccomp filter'
forbidden="cannot make a network namespace for the lifeline: Operation not permitted: $rights"

setup() {
	common_setup
	cases_net
	settled lower wire port0 peer br0
	before=$(vt_links)
}

links_as_before() {
	[[ $(vt_links) == "$before" ]]
}

# without CMD... - runs vnetctl by CMD, for all that needs a lifeline, and all that
# does not; there_line, if set, is what is said of a macvtap that exists
without() {
	local life

	for life in '' 'lifetime fd' 'lifetime watched' 'mode passthru'; do
		# shellcheck disable=SC2086
		untouched_cmd 125 "$line" "$@" open-exec vm0 link lower $life -- true
	done
	# One that exists is as before.
	vn create vm0 link lower
	untouched_cmd 125 "${there_line:-$line}" "$@" open-exec vm0 -- true
	untouched_cmd 125 "${there_line:-$line}" "$@" open-exec vm0 lifetime watched -- true
	vn destroy vm0
	# A tap's life hangs on no lifeline.
	run_cmd "$@" open-exec vm0 link br0 args none -- true
	assert_status 0
	assert_err ""
	wait_until 5 links_as_before
}

@test "no lifeline: a seccomp filter on unshare, as RestrictNamespaces= sets one" {
	line=$forbidden
	without in_ns "$NS" "$FORBID" "$VNETCTL"
	run_cmd in_ns "$NS" "$FORBID" "$VNETCTL" open-exec vm0 link lower lifetime persistent \
		args none -- true
	assert_status 0
	assert_err "vnetctl: warning: vm0: without a lifeline a vnetctl that cannot see COMMAND takes it for unused"
	run_cmd in_ns "$NS" "$FORBID" "$VNETCTL" destroy vm0
	assert_status 0
	wait_until 5 links_as_before
}

@test "no lifeline: no CAP_SYS_ADMIN" {
	line=$forbidden
	# Whether it is held is asked first.
	there_line="cannot mount a sysfs of our own: Operation not permitted: this needs CAP_SYS_ADMIN (in a container --cap-add SYS_ADMIN; in a user namespace a mount namespace too: unshare -m)"
	without in_ns "$NS" setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin "$VNETCTL"
	without in_ns "$NS" capsh --drop=cap_sys_admin --shell="$VNETCTL" --
}

@test "no lifeline: no CAP_NET_ADMIN" {
	local why="Operation not permitted: this needs CAP_NET_ADMIN in the network namespace (try sudo; in a container --cap-add NET_ADMIN)"

	untouched_cmd 125 "cannot give the lifeline namespace an id: $why" \
		in_ns "$NS" setpriv --bounding-set=-net_admin --inh-caps=-net_admin "$VNETCTL" \
		open-exec vm0 link lower -- true
}

# in_user_ns LIMIT CMD... - in a user namespace, and a network namespace of its own with
# lower (wire) and br0, in which LIMIT more network namespaces may be made
in_user_ns() {
	# shellcheck disable=SC2016
	in_ns "$NS" unshare -Urn sh -c '
		ip link add lower type veth peer name wire
		ip link add br0 type bridge
		for dev in lower wire br0; do
			ip link set "$dev" up
		done
		echo "$1" >/proc/sys/user/max_net_namespaces
		shift
		ip -o link | sed "s/ state [A-Z]*//; s/,LOWER_UP//; s/NO-CARRIER,//" >"$0.before"
		"$@"
		status=$?
		ip -o link | sed "s/ state [A-Z]*//; s/,LOWER_UP//; s/NO-CARRIER,//" >"$0.after"
		exit "$status"' "$BATS_TEST_TMPDIR/links" "$@"
}

@test "no lifeline: user.max_net_namespaces" {
	local life

	for life in '' 'lifetime fd'; do
		# shellcheck disable=SC2086
		refused_cmd 125 "cannot make a network namespace for the lifeline: No space left on device: see sysctl user.max_net_namespaces" \
			in_user_ns 0 "$VNETCTL" open-exec vm0 link lower $life -- true
		diff "$BATS_TEST_TMPDIR/links.before" "$BATS_TEST_TMPDIR/links.after"
	done
	run_cmd in_user_ns 0 "$VNETCTL" open-exec vm0 link br0 args none -- true
	assert_status 0
	assert_err ""
}

# With a lifeline, what is missing next is told.
@test "no lifeline: a user namespace cannot mount a sysfs" {
	run_cmd in_user_ns 100 "$VNETCTL" open-exec vm0 link lower -- true
	# shellcheck disable=SC2154
	[[ $status == 0 ]] && skip "here it can"
	assert_status 125
	assert_err "vnetctl: cannot mount a sysfs of our own: Operation not permitted: this needs CAP_SYS_ADMIN (in a container --cap-add SYS_ADMIN; in a user namespace a mount namespace too: unshare -m)"
	diff "$BATS_TEST_TMPDIR/links.before" "$BATS_TEST_TMPDIR/links.after"
}

# --- the systemd unit ---------------------------------------------------------------

# unit KEY - prints its values in the README's unit
unit() {
	sed -n '/^# \/etc\/systemd\/system\/vm@/,/^```$/s/^'"$1"'=//p' "$VT_ROOT/README"
}

# cgroups_new - makes $CGROUP (version 2) and, where there is such a hierarchy,
# $DEVICES with what the unit's DeviceAllow= comes to
cgroups_new() {
	local root devices major node

	root=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
	[[ $root ]] || skip "no cgroup2 is mounted here"
	CGROUP=$root/vt-$$-$BATS_TEST_NUMBER
	mkdir "$CGROUP" || skip "no cgroup can be made here"
	devices=$(awk '$3 == "cgroup" && $4 ~ /(^|,)devices(,|$)/ { print $2; exit }' /proc/mounts)
	DEVICES=
	[[ $devices ]] || return 0
	DEVICES=$devices/vt-$$-$BATS_TEST_NUMBER
	mkdir "$DEVICES" || skip "no cgroup can be made here"
	echo a >"$DEVICES/devices.deny"
	# systemd's own list: null, zero, full, random, urandom, tty, ptmx, pts.
	for node in 1:3 1:5 1:7 1:8 1:9 5:0 5:2 '136:*'; do
		echo "c $node rwm" >"$DEVICES/devices.allow"
	done
	[[ $(unit DeviceAllow) == *'char-macvtap rw'* ]]
	major=$(awk '$2 == "macvtap" { print $1 }' /proc/devices)
	[[ ! ${1-} ]] || echo "c $major:* rw" >"$DEVICES/devices.allow"
}

teardown() {
	local rc=0 dir

	for dir in "${CGROUP:-}" "${DEVICES:-}"; do
		[[ -d $dir ]] || continue
		while read -r pid; do
			kill -9 "$pid"
		done <"$dir/cgroup.procs"
		wait_until 5 rmdir "$dir" 2>/dev/null || rc=1
	done
	common_teardown && ((!rc))
}

# unit_start NAME WORDS... - what ExecStart= comes to
unit_start() {
	local caps

	caps=$(unit CapabilityBoundingSet | tr 'A-Z ' 'a-z,' | sed 's/cap_/+/g')
	[[ $(unit NoNewPrivileges) == yes && $(unit RestrictNamespaces) == net && $caps ]]
	# shellcheck disable=SC2016
	spawn_bg "$1" sh -c '
		echo $$ >"$1/cgroup.procs"
		[ ! "$2" ] || echo $$ >"$2/cgroup.procs"
		shift 2
		exec "$@"' - "$CGROUP" "$DEVICES" \
		ip netns exec "$NS" setpriv --no-new-privs --bounding-set="-all,$caps" \
		"$VNETCTL" open-exec vm0 link lower mode bridge "${@:2}" run-as nobody args none -- \
		sleep infinity
}

unit_runs() {
	[[ $(cat "/proc/$(bg_pid "$1")/comm") == sleep ]] || ! kill -0 "$(bg_pid "$1")"
}

# KillMode=control-group: SIGTERM to all, then SIGKILL to who is still there.
unit_stop() {
	local pid

	while read -r pid; do
		kill "$pid"
	done <"$CGROUP/cgroup.procs"
	wait_until 5 unit_ended
}

unit_ended() {
	[[ ! -s $CGROUP/cgroup.procs ]]
}

nothing_left_of_unit() {
	links_as_before && no_marks && unit_ended
}

@test "no lifeline: the README's unit has one: stop, crash and restart leave nothing" {
	local life i

	[[ $(unit KillMode) == control-group ]]
	cgroups_new macvtap
	echo "# without systemd: capabilities, no_new_privs, KillMode, ${DEVICES:+DeviceAllow} as the unit has them;" \
		"not its seccomp filters and restarts" >&3
	for life in fd watched; do
		for i in stop crash restart; do
			unit_start "$life-$i" lifetime $life
			wait_until 5 unit_runs "$life-$i"
			[[ $(awk '/^CapEff:/ { print $2 }' "/proc/$(bg_pid "$life-$i")/status") == 0000000000000000 ]] ||
				fail "$(cat "$BATS_TEST_TMPDIR/$life-$i.err")"
			vn -j list | jq -e 'any(.ifname == "vm0")' >/dev/null
			case $i in
			stop) unit_stop ;;
			crash) kill -9 "$(bg_pid "$life-$i")" ;;
			restart)
				kill -9 "$(bg_pid "$life-$i")"
				unit_start again lifetime $life
				wait_until 5 unit_runs again
				kill -0 "$(bg_pid again)" || fail "$(cat "$BATS_TEST_TMPDIR/again.err")"
				unit_stop
				;;
			esac
			wait_until 5 nothing_left_of_unit
		done
	done
}

@test "no lifeline: a unit without DeviceAllow=char-macvtap is told so" {
	cgroups_new
	[[ $DEVICES ]] || skip "no cgroup (version 1) for devices here, to play systemd's"
	unit_start vm lifetime fd
	bg_end vm
	assert_status 125
	(($(wc -l <"$BATS_TEST_TMPDIR/vm.err") == 1)) &&
		[[ $(<"$BATS_TEST_TMPDIR/vm.err") == "vnetctl: cannot "*" device "*": Operation not permitted: "*"DeviceAllow=char-macvtap rw"* ]] ||
		fail "$(<"$BATS_TEST_TMPDIR/vm.err")"
	wait_until 5 nothing_left_of_unit
}
