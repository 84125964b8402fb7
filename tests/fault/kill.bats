#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Set here for functions of the other file, and read by their names:
# shellcheck disable=SC2034,SC2004
#
# kill -9 before every single system call, and what is left. The tables it prints:
#
#   points   before how many of how many calls the process was killed; the last one of
#            a command that ends is its exit, of open-exec its execve
#   clean    nothing is left; what was there before is as it was, or has had the
#            one change that was asked for, or is gone if its mark had been set
#   whole    create: the whole device is there, and can be used
#   raised   a tap that was there before is as it was, but up: its end with the VM is one
#            call, which has to be the last one, and being up another
#   orphan   shown by `list orphaned`, then removed by `destroy orphans`, another
#            open-exec of the same name, in turn
#   leaked   anything else
#   unhurt   how the command ends that nobody kills

load ../lib/common
load ../lib/refused
load ../lib/lifetime
load ../lib/sweep

MAC=52:54:00:00:00:51
TAP_MAC=fe:54:00:00:00:51
NEW=(open-exec sw0 link lower address "$MAC")
WATCHED=("${NEW[@]}" lifetime watched)

setup() {
	common_setup
	lower_new "$NS"
	# For another VM, on another NIC: passthru wants one for itself.
	lower_new "$NS" lower2 peer2
	bridge_new "$NS" br0 port0 peer3
	settled lower peer lower2 peer2 port0 peer3 br0
	pen_new
}

teardown() {
	local rc=0

	pen_end || rc=1
	common_teardown && ((!rc))
}

# --- what is left -----------------------------------------------------------

# orphans_only - whatever there is, `list orphaned` shows it
orphans_only() {
	local all

	all=$(pen_vn -j list | jq -r '.[].ifname') && [[ $all ]] &&
		[[ $(pen_vn -j list orphaned | jq -r '.[].ifname') == "$all" ]]
}

# over - nobody works on it any more, and it is clean or an orphan
over() {
	verdict=''
	pen_empty || return
	if is_clean; then
		verdict=clean
	elif orphans_only; then
		verdict=orphan
	fi
	[[ $verdict ]]
}

# collect N ARGS... - removes the orphan in one of two ways. ARGS is the
# open-exec that makes such a device.
collect() {
	case $(($1 % 2)) in
	0) pen_vn destroy orphans ;;
	1) pen_vn -q "${@:2}" ;;
	esac
	wait_until "$SETTLE" is_clean
}

# leaked N - notes the whole truth, and makes a clean slate for the next point
leaked() {
	local dev

	verdict=leaked
	wrong "point $1, $hit_call, main $hit_main, left:
$(diff <(echo "$before") <(vt_links) | cut -c 1-200)
$(marks)
$(pen ps -eo pid,args)
$(<"$BATS_TEST_TMPDIR/hit.err")"
	for dev in sw0 sw1 other; do
		! pen_has $dev || ip -n "$NS" link del $dev
	done
	wait_until 10 is_clean
}

# --- the sweeps -------------------------------------------------------------

header() {
	row_header "killed before every call" clean whole raised orphan leaked
}

# kill_each WHO ARGS... - kills WHO of vnetctl ARGS before each of its calls, has
# prepare run before and judge after each, and prints the row
kill_each() {
	local who=$1 n=0 rc
	shift

	prepare
	sweep_calls "$who" "$@"
	learn
	judge end "$@"
	while :; do
		((++n))
		[[ ! ${left_out[n]:-} ]] || continue
		prepare
		rc=0
		hit kill "$n" "$who" "$@" || rc=$?
		((rc < 2)) || return
		judge "$n" "$@"
		((!rc)) || break
		row_count "$verdict"
	done
	row_print "$hit_main" clean whole raised orphan leaked
}

prepare() { :; }
learn() { :; }

# judge N ARGS... - each test defines its own; sets verdict. N is "end" for
# the command that was not killed.

gone_or_leaked() {
	wait_until "$SETTLE" is_clean && verdict=clean || leaked "$1"
}

gone_or_orphan() {
	wait_until "$SETTLE" over || leaked "$1"
	[[ $verdict != orphan ]] || collect "$@" || leaked "$1"
}

# Who is not killed himself must tell the failure, and undo; unless COMMAND runs.
told() {
	[[ $hit_main == reached-exec && ! -s $BATS_TEST_TMPDIR/hit.err ]] ||
		{ [[ $hit_main == 'exited 125' ]] && one_line; } ||
		wrong "point $1, $hit_call: main $hit_main: $(<"$BATS_TEST_TMPDIR/hit.err")"
}

# --- open-exec: made on the way ----------------------------------------------

@test "kill: open-exec, a tap" {
	judge() { gone_or_leaked "$@"; }
	header
	row_begin "open-exec tap"
	kill_each main open-exec sw0 type tap address $MAC "${TRUE[@]}"
	[[ $hit_main == reached-exec ]]
	row_begin "open-exec tap on a bridge"
	kill_each main open-exec sw0 link br0 mode private address $MAC "${TRUE[@]}"
	[[ $hit_main == reached-exec ]]
}

@test "kill: open-exec, lifetime fd" {
	judge() { gone_or_leaked "$@"; }
	row_begin "open-exec macvtap, fd"
	kill_each main "${NEW[@]}" lifetime fd "${TRUE[@]}"
	[[ $hit_main == reached-exec ]]
	row_begin "open-exec macvtap, fd, passthru"
	kill_each main "${NEW[@]}" mode passthru lifetime fd "${TRUE[@]}"
	[[ $hit_main == reached-exec ]]
}

@test "kill: open-exec, watched" {
	judge() { gone_or_orphan "$@"; }
	row_begin "open-exec macvtap, watched"
	kill_each main "${WATCHED[@]}" "${TRUE[@]}"
	[[ $hit_main == reached-exec ]]
	row_begin "open-exec macvtap, watched, passthru"
	kill_each main "${WATCHED[@]}" mode passthru "${TRUE[@]}"
	[[ $hit_main == reached-exec ]]
}

@test "kill: the process that becomes the watcher" {
	judge() {
		told "$1"
		gone_or_orphan "$@"
	}
	row_begin "watcher's parent"
	kill_each child1 "${WATCHED[@]}" "${TRUE[@]}"
	[[ $hit_main == reached-exec ]]
}

@test "kill: the watcher" {
	judge() {
		told "$1"
		gone_or_orphan "$@"
	}
	row_begin "watcher"
	kill_each child "${WATCHED[@]}" "${TRUE[@]}"
	[[ $hit_main == reached-exec ]]
}

# --- open-exec: a device that exists -------------------------------------------

# exists WORDS... - sw0 as create makes it is there; $with is then all there is
exists() {
	pen_has sw0 || pen_vn create sw0 "$@" address $MAC || return
	with=$(vt_links)
}

as_it_was() {
	pen_empty && [[ $(vt_links) == "$with" ]] && no_marks
}

as_it_was_or_over() {
	verdict=clean
	as_it_was || over
}

# changes - the number of calls before the point that could change a link: messages
# (what goes to the watcher is one byte), and TUNSETPERSIST
changes() {
	sed '$d' "$BATS_TEST_TMPDIR/hit.log" |
		awk '$3 == "sendto" && $6 != "0x1" || $3 == "ioctl" && $5 == "0x400454cb" { n++ }
			END { print n + 0 }'
}

# raised - sw0 is as it was, but for being up; which is undone
raised() {
	[[ $(ip -n "$NS" -br link show sw0) == *[\<,]UP[,\>]* ]] && ip -n "$NS" link set sw0 down &&
		wait_until "$SETTLE" as_it_was && verdict=raised
}

# Until the last of them the device is as it was.
judge_existing() {
	local n

	n=$(changes)
	if [[ $1 != end && $kind == tap ]] && ((n == all_changes - 1)) && raised; then
		return
	fi
	if [[ $1 != end ]] && ((n < all_changes)); then
		wait_until "$SETTLE" as_it_was && verdict=clean || leaked "$1"
		return
	fi
	wait_until "$SETTLE" as_it_was_or_over || leaked "$1"
	[[ $verdict != orphan ]] || collect "$@" || leaked "$1"
}

@test "kill: open-exec, watched, a macvtap that exists" {
	local kind=macvtap

	prepare() { exists link lower; }
	learn() { all_changes=$(changes); }
	judge() { judge_existing "$@"; }
	row_begin "open-exec an existing macvtap, watched"
	kill_each main open-exec sw0 "${TRUE[@]}"
	[[ $hit_main == reached-exec ]]
}

@test "kill: the watcher of a macvtap that exists" {
	prepare() { exists link lower; }
	judge() {
		told "$1"
		if [[ $hit_main == 'exited 125' ]]; then
			wait_until "$SETTLE" as_it_was && verdict=clean || leaked "$1"
		else
			gone_or_orphan "$@"
		fi
	}
	row_begin "watcher's parent, existing macvtap"
	kill_each child1 open-exec sw0 "${TRUE[@]}"
	[[ $hit_main == reached-exec ]]
	row_begin "watcher, existing macvtap"
	kill_each child open-exec sw0 "${TRUE[@]}"
	[[ $hit_main == reached-exec ]]
}

@test "kill: open-exec, a tap that exists" {
	local kind=tap

	prepare() { exists link br0; }
	learn() { all_changes=$(changes); }
	judge() { judge_existing "$@"; }
	row_begin "open-exec an existing tap"
	kill_each main open-exec sw0 "${TRUE[@]}"
	[[ $hit_main == reached-exec ]]
}

# --- create -----------------------------------------------------------------

# is_whole FILTER - the device is all that was asked for, down and unmarked
is_whole() {
	ip -n "$NS" -j -d link show sw0 | jq -e ".[0] | $1 and
		.group == \"default\" and (.flags | index(\"UP\") | not) and
		(.altnames | length == 1 and (.[0] | startswith(\"vnetctl-\")))" \
		>/dev/null &&
		pen_vn -j list sw0 | jq -e '.[0].made' >/dev/null
}

lives() {
	pen_empty && no_marks
}

# whole_or_nothing N FILTER - and what is whole can be used
whole_or_nothing() {
	wait_until "$SETTLE" lives || { leaked "$1"; return; }
	# A tap goes with its last descriptor, a moment late.
	if ! pen_has sw0 || ! is_whole "$2"; then
		gone_or_leaked "$1"
		return
	fi
	pen_vn -q open-exec sw0 "${TRUE[@]}" && gone_or_leaked "$1" || leaked "$1"
	[[ $verdict != clean ]] || verdict=whole
}

@test "kill: create" {
	judge() {
		whole_or_nothing "$1" ".address == \"$MAC\" and
			.linkinfo.info_kind == \"macvtap\" and
			.linkinfo.info_data.mode == \"bridge\" and .mtu == 1400"
	}
	row_begin "create macvtap"
	kill_each main create sw0 link lower mode bridge address $MAC mtu 1400
	[[ $hit_main == 'exited 0' ]]
	judge() {
		whole_or_nothing "$1" ".address == \"$TAP_MAC\" and .master == \"br0\" and
			.linkinfo.info_data.type == \"tap\" and
			.linkinfo.info_data.persist and
			.linkinfo.info_slave_data.isolated"
	}
	row_begin "create tap"
	kill_each main create sw0 link br0 mode private address $MAC
	[[ $hit_main == 'exited 0' ]]
}

# --- mode -------------------------------------------------------------------

# facts - all there is, with all details
facts() {
	pen_vn -j -d list | jq -S 'map(del(.users))'
}

# old_or_new N OLD NEW - nothing but the mode has changed, if that; puts it back
old_or_new() {
	local now

	verdict=clean
	now=$(facts)
	if [[ $now == "$new" ]]; then
		pen_vn mode sw0 "$2"
		now=$(facts)
	fi
	[[ $now == "$old" ]] || { verdict=leaked; wrong "point $1, $hit_call: $now"; }
}

# kill_mode OLD NEW - the sweep of `mode sw0 NEW`
kill_mode() {
	local old new words=("$@")

	new=$(pen_vn mode sw0 "$2" && facts)
	old=$(pen_vn mode sw0 "$1" && facts)
	[[ $old != "$new" ]]
	judge() { old_or_new "$1" "${words[@]}"; }
	kill_each main mode sw0 "$2"
	[[ $hit_main == 'exited 0' ]]
}

@test "kill: mode" {
	exists link lower
	row_begin "mode, macvtap"
	kill_mode vepa private
	pen_vn destroy sw0
	exists link br0
	row_begin "mode, tap"
	kill_mode bridge private
	pen_vn destroy sw0
	spawn_bg vm pen_vn "${NEW[@]}" lifetime fd args none -- sleep infinity
	wait_until 5 pen_runs_vm
	row_begin "mode, macvtap in its own namespace"
	kill_mode vepa private
	pen_clear
	wait_until "$SETTLE" is_clean
}

# Besides the pen's init.
pen_runs_vm() {
	(($(pen ps -eo comm= | grep -cx sleep) == 2))
}

# --- destroy ----------------------------------------------------------------

@test "kill: destroy" {
	judge() {
		wait_until "$SETTLE" as_it_was_or_over && [[ $verdict == clean ]] ||
			leaked "$1"
	}
	prepare() { exists link lower; }
	row_begin "destroy macvtap"
	kill_each main destroy sw0
	[[ $hit_main == 'exited 0' ]]
	prepare() { exists link br0; }
	row_begin "destroy tap"
	kill_each main destroy sw0
	[[ $hit_main == 'exited 0' ]]
}

# Both are there, one, or none; and whatever is there is an orphan.
@test "kill: destroy orphans" {
	prepare() {
		pen_has sw0 || orphan_new "${NEW[@]:1}"
		pen_has sw1 || orphan_new sw1 link lower2
	}
	judge() {
		wait_until "$SETTLE" over || leaked "$1"
	}
	# shellcheck disable=SC2034 # kill_each's
	stride=3
	row_begin "destroy orphans"
	kill_each main destroy orphans
	[[ $hit_main == 'exited 0' ]]
	pen_vn destroy orphans
	wait_until "$SETTLE" is_clean
}
