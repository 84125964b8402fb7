# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# For tests of who holds a device, and for how long: `load ../lib/lifetime`
# after common.

: "${VMM:=$VT_ROOT/build/tests/vmm}"
export VMM

# vm NAME WORDS... - a VM (tests/tools/vmm.c) on open-exec WORDS; it holds its
# device when this returns
vm() {
	vm_start "$@" && vm_holds "$1"
}

# vm_start NAME WORDS... - the same, without waiting
vm_start() {
	spawn_bg "$1" vn open-exec "${@:2}" args none -- "$VMM" hold '{fd}' "$(lost)"
}

# vm_holds NAME - waits until it holds its device, and says why if it does not
vm_holds() {
	wait_text "$BATS_TEST_TMPDIR/$1.out" '^holding ' 10 ||
		fail "$1: $(cat "$BATS_TEST_TMPDIR/$1.err")"
}

# vm_kill NAME - kill -9; the device may still be there when this returns
vm_kill() {
	kill -9 "$(bg_pid "$1")"
}

# lost - the file with one line for each VM whose device was removed under it
lost() {
	echo "$BATS_TEST_TMPDIR/lost"
}

# none_lost - no VM has lost its device
none_lost() {
	[[ ! -e $(lost) ]] || fail "lost their device:" "$(cat "$(lost)")"
}

# watcher_of DEV - prints the pid of its watcher, one that this test has caused
watcher_of() {
	local pid comm args

	while read -r pid comm args; do
		[[ $comm != vnetctl-watch || $args != "vnetctl: watching $1" ]] ||
			! VT_TEST='' grep -qzsx "VT_TEST=$vt_mark" "/proc/$pid/environ" ||
			{ echo "$pid"; return; }
	done < <(ps -eo pid=,comm=,args=)
	fail "nobody watches $1"
}

# orphan DEV WORDS... - makes an orphan: its watcher is killed, and then its VM
orphan() {
	vm "orphan-$1" "$@" lifetime watched && kill -9 "$(watcher_of "$1")" && vm_kill "orphan-$1" &&
		wait_until 5 is_orphan "$1"
}

# is_orphan DEV - `list orphaned` shows it
is_orphan() {
	vn -j list orphaned | jq -e --arg dev "$1" 'any(.ifname == $dev)' >/dev/null
}
