#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2034 # for functions of the other files
#
# The law: whose device it is, and whoever else may remove it. Two things happen at one
# moment here: a process is stopped (SIGSTOP, or by tests/tools/sweep.c before one of its
# calls) while another one comes. tests/fault/stop.bats does that at every call.

load ../lib/common
load ../lib/refused
load ../lib/device
load ../lib/lifetime
load ../lib/sweep

MAC=52:54:00:00:00:01
MAC2=52:54:00:00:00:02
BUSY="Device or resource busy: another vnetctl is at work on it: is it stopped?"

setup() {
	common_setup
	cases_net
	lower_new "$NS" lower2 wire2
	settled lower wire br0 lower2 wire2
	before=$(vt_links)
}

teardown() {
	local rc=0

	pen_end || rc=1
	common_teardown && ((!rc))
}

links_as_before() {
	[[ $(vt_links) == "$before" ]]
}

# all_gone - nothing is left of any device, and no VM has lost one
all_gone() {
	wait_until 5 links_as_before && wait_until 5 no_marks && wait_until 5 no_strangers &&
		none_lost
}

no_strangers() {
	if [[ ${PEN:-} ]]; then
		pen_empty
	else
		[[ -z $(strangers) ]]
	fi
}

# ended PID... - all of them
ended() {
	local pid

	for pid in "$@"; do
		pid_gone "$pid" || return
	done
}

# another_ends - a watched VM of somebody else's comes and goes, and its watcher too
another_ends() {
	local watcher

	vm another other link lower2 lifetime watched
	watcher=$(watcher_of other)
	vm_kill another
	wait_pid_gone "$watcher"
	wait_gone "$NS" other
}

# keeps VM DEV - the VM lives, and its device is there and held by it
keeps() {
	local pid

	pid=$(bg_pid "$1")
	none_lost
	assert_there "$NS" "$2"
	! pid_gone "$pid" || fail "$1 has ended: $(cat "$BATS_TEST_TMPDIR/$1.err")"
	vn -j -d list "$2" | jq -e --argjson pid "$pid" 'any(.[0].users[]; .pid == $pid)' >/dev/null ||
		fail "$(vn list)"
}

# --- an orphan that is used -----------------------------------------------------

# vm0 is an orphan, and its user then nobody's prey; WORDS of vnetctl, else it is by hand
used_orphan() {
	orphan vm0 link lower address $MAC
	if (($#)); then
		vm user vm0 "$@"
	else
		# shellcheck disable=SC2016
		spawn_bg user in_ns "$NS" sh -c 'exec 5<>"$1"; exec "$VMM" hold 5 "$2"' - \
			"/dev/tap$(in_ns "$NS" cat /sys/class/net/vm0/ifindex)" "$(lost)"
		vm_holds user
	fi
	another_ends
	keeps user vm0
	# Nobody's else either.
	run_vn destroy orphans
	assert_status 0
	assert_err ""
	run_vn open-exec other link lower2 lifetime watched args none -- true
	assert_status 0
	assert_err ""
	keeps user vm0
	[[ $(vn list orphaned) == "" ]]
}

@test "law: an orphan opened with lifetime persistent is its user's" {
	used_orphan lifetime persistent
	# It is no orphan when that one ends.
	[[ $(ip -n "$NS" -j link show vm0 | jq -r '.[0].group') == default ]]
	vm_kill user
	wait_until 5 no_marks
	another_ends
	assert_there "$NS" vm0
	vn destroy vm0
	all_gone
}

@test "law: an orphan opened with 'share' is its user's" {
	used_orphan share
	vm_kill user
	all_gone
}

@test "law: an orphan opened with its own lifetime is its user's" {
	used_orphan
	vm_kill user
	wait_until 5 is_orphan vm0
	vm again vm0
	another_ends
	keeps again vm0
	vm_kill again
	all_gone
}

@test "law: an orphan opened by hand is its user's" {
	used_orphan
	refused 125 "cannot open vm0: Device or resource busy: it is held by vmm (pid $(bg_pid user)): 'share' opens it all the same" \
		open-exec vm0 -- true
	keeps user vm0
	vm_kill user
	wait_until 5 is_orphan vm0
	vn destroy orphans
	all_gone
}

# --- the watcher and the next one -----------------------------------------------

# old_watcher [open-exec WORDS] - vm0's VM is dead and its watcher, WATCHER, is stopped
old_watcher() {
	vm old vm0 "$@"
	WATCHER=$(watcher_of vm0)
	kill -STOP "$WATCHER"
	vm_kill old
	wait_pid_gone "$(bg_pid old)"
	wait_until 5 no_marks
}

@test "law: a device whose watcher is on duty is not given to another" {
	old_watcher link lower address $MAC lifetime watched
	# It is going, and no orphan.
	[[ $(vn list orphaned) == "" ]]
	run_vn destroy orphans
	assert_status 0
	assert_there "$NS" vm0
	vm_start next vm0
	# It waits; the watcher gets to run, and removes its own.
	wait_until 5 waits next
	kill -CONT "$WATCHER"
	bg_end next
	((status == 125))
	[[ $(<"$BATS_TEST_TMPDIR/next.err") == "vnetctl: cannot open vm0: No such device: it went away with its last holder" ]] ||
		fail "$(<"$BATS_TEST_TMPDIR/next.err")"
	all_gone
}

# waits VM - it sleeps until a deadline
waits() {
	[[ $(awk '{ print $1 }' "/proc/$(bg_pid "$1")/syscall") == 230 ]]
}

@test "law: a watcher that wakes after its deadline removes nothing of another's" {
	old_watcher link lower address $MAC lifetime watched
	# The deadline of the one that wants it passes.
	vm next vm0
	kill -CONT "$WATCHER"
	wait_pid_gone "$WATCHER"
	keeps next vm0
	vm_kill next
	all_gone
}

@test "law: nor of one that stays" {
	old_watcher link lower address $MAC lifetime watched
	vm next vm0 lifetime persistent
	kill -CONT "$WATCHER"
	wait_pid_gone "$WATCHER"
	keeps next vm0
	vm_kill next
	wait_until 5 no_marks
	assert_there "$NS" vm0
	vn destroy vm0
	all_gone
}

@test "law: nor of one that was made anew under its name" {
	old_watcher link lower address $MAC lifetime watched
	vm next vm0 link lower address $MAC lifetime watched
	kill -CONT "$WATCHER"
	wait_pid_gone "$WATCHER"
	keeps next vm0
	vm_kill next
	all_gone
}

# Its guest dies when the next one has the claim already, and looks who holds it.
@test "law: nor of one that was taken while its guest died" {
	local words

	pen_new
	for words in "lifetime persistent" "lifetime watched"; do
		vn create vm0 link lower address $MAC
		# shellcheck disable=SC2086 # words
		window main 'openat * /proc' open-exec vm0 $words "${TRUE[@]}"
		vn destroy vm0 if-exists
		spawn_bg old pen_vn open-exec vm0 link lower address $MAC lifetime watched args none -- \
			"$VMM" hold '{fd}' "$(lost)"
		vm_holds old
		# shellcheck disable=SC2086
		between "$point" "kill -9 $(pen_pid vmm)
			while [ -e /proc/$(pen_pid vmm) ]; do :; done" \
			open-exec vm0 $words args none -- "$VMM" hold '{fd}' "$(lost)"
		main_was reached-exec ""
		# The old watcher finds it taken, and ends.
		wait_until 8 watchers_are "${words/*persistent/0}"
		none_lost
		assert_there "$NS" vm0
		pen_clear
		vn destroy vm0
		all_gone
	done
}

# watchers_are N - in the pen; else 1
watchers_are() {
	[[ $(pen_pid vnetctl-watch | wc -l) == "${1/lifetime*/1}" ]]
}

@test "law: a new group does not take a device from its watcher" {
	vm a vm0 link lower address $MAC lifetime watched
	ip -n "$NS" link set vm0 group 77
	vm_kill a
	all_gone
}

# --- windows ----------------------------------------------------------------------

# window WHO PATTERN ARGS... - which is the last call of WHO of vnetctl ARGS that matches;
# ARGS have run then
window() {
	sweep_calls "$1" "${@:3}"
	for ((point = ${#calls[@]}; point > 0; point--)); do
		# shellcheck disable=SC2053
		[[ ${calls[point]} != $2 ]] || return 0
	done
	fail "no call is like $2" "${calls[@]}"
}

# between POINT RIVAL ARGS... - vnetctl ARGS is stopped before that call of its own while the
# shell text RIVAL runs
between() {
	local rc=0
	# shellcheck disable=SC2034 # for hit
	local no_wait=1

	hit stop "$1" "$2" main "${@:3}" || rc=$?
	((!rc)) || fail "the point was not hit"
}

# rival ARGS... - prints the shell text for vnetctl ARGS, whose end is in the files rival.*
rival() {
	# shellcheck disable=SC2016
	printf 'cd "%s"; "$VNETCTL" %s >rival.out 2>rival.err; echo $? >rival.status' \
		"$BATS_TEST_TMPDIR" "$*"
}

# rival_vm WORDS... - for a VM on open-exec WORDS; ends when it holds its device, or has failed
rival_vm() {
	# shellcheck disable=SC2016
	printf 'cd "%s"; rm -f gate; mkfifo gate; "$VNETCTL" open-exec %s args none -- "$VMM" hold "{fd}" lost >gate 2>rival.err &
		read -r line <gate; echo "$line" >rival.out; [ "$line" ] || { wait $!; echo $? >rival.status; }' \
		"$BATS_TEST_TMPDIR" "$*"
}

# rival_was STATUS LINE
rival_was() {
	[[ ! -s $BATS_TEST_TMPDIR/rival.out ]] || [[ $(<"$BATS_TEST_TMPDIR/rival.out") == '' ]] ||
		fail "$(<"$BATS_TEST_TMPDIR/rival.out")" || return
	[[ $(<"$BATS_TEST_TMPDIR/rival.status") == "$1" ]] ||
		fail "status $(<"$BATS_TEST_TMPDIR/rival.status")" "$(<"$BATS_TEST_TMPDIR/rival.err")" || return
	[[ $(<"$BATS_TEST_TMPDIR/rival.err") == "$2" ]] ||
		fail "expected: $2" "got:      $(<"$BATS_TEST_TMPDIR/rival.err")"
}

# main_was END LINE
main_was() {
	# shellcheck disable=SC2154
	[[ $hit_main == "$1" ]] || fail "$hit_main" "$(<"$BATS_TEST_TMPDIR/hit.err")" || return
	[[ $(<"$BATS_TEST_TMPDIR/hit.err") == "$2" ]] ||
		fail "expected: $2" "got:      $(<"$BATS_TEST_TMPDIR/hit.err")"
}

@test "law: destroy has looked, and nobody can take the device before it removes it" {
	pen_new
	vn create vm0 link lower address $MAC
	window main 'sendto *' destroy vm0
	vn create vm0 link lower address $MAC
	between "$point" "$(rival_vm vm0)" destroy vm0
	rival_was 125 "vnetctl: cannot open vm0: $BUSY"
	main_was 'exited 0' ""
	all_gone
}

@test "law: destroy finds out that the device was taken before it had the claim" {
	pen_new
	vn create vm0 link lower address $MAC
	# The claim is an open file's lock.
	window main 'openat * /proc/sys/*' destroy vm0
	vn create vm0 link lower address $MAC
	between "$point" "$(rival_vm vm0)" destroy vm0
	[[ $(<"$BATS_TEST_TMPDIR/rival.out") == 'holding vm0' ]]
	main_was 'exited 2' "vnetctl: cannot remove vm0: Device or resource busy: it is held by vmm (pid $(pen_pid vmm)): 'force' removes it all the same, and its guest loses the network"
	none_lost
	pen_clear
	wait_until 5 is_orphan vm0
	vn destroy orphans
	all_gone
}

# pen_pid COMM - prints the pid in the pen
pen_pid() {
	pen ps -eo pid=,comm= | awk -v comm="$1" '$2 == comm { print $1 }'
}

@test "law: what open-exec has claimed is nobody else's until its COMMAND has it" {
	local words

	pen_new
	vn create vm0 link lower address $MAC
	window main 'execve *' open-exec vm0 "${TRUE[@]}"
	wait_until 5 links_as_before
	for words in "destroy vm0" "open-exec vm0 args none -- true" "destroy orphans" "destroy all" \
		"open-exec vm0 link lower address $MAC2 args none -- true"; do
		vn create vm0 link lower address $MAC
		between "$point" "$(rival "$words")" open-exec vm0 "${TRUE[@]}"
		case $words in
		"destroy orphans") rival_was 0 "" ;;
		destroy*) rival_was 2 "vnetctl: cannot remove vm0: $BUSY: 'force' does not wait for it" ;;
		*link*) rival_was 125 "vnetctl: cannot create macvtap vm0 on lower: File exists: choose another name, or 'vnetctl destroy vm0'" ;;
		*) rival_was 125 "vnetctl: cannot open vm0: $BUSY" ;;
		esac
		main_was reached-exec ""
		all_gone
	done
}

@test "law: destroy force does not wait for who is stopped" {
	pen_new
	vn create vm0 link lower address $MAC
	window main 'execve *' open-exec vm0 "${TRUE[@]}"
	wait_until 5 links_as_before
	vn create vm0 link lower address $MAC
	between "$point" "$(rival destroy vm0 force)" open-exec vm0 "${TRUE[@]}"
	rival_was 0 ""
	# shellcheck disable=SC2154
	((hit_ms < 2000)) || fail "it took $hit_ms ms"
	# Its COMMAND has a dead descriptor, as it is said.
	all_gone
}

# --- a lifeline that outlives its guest ---------------------------------------------

# sibling - a guest in bridge mode that holds its device and reads nothing
sibling() {
	spawn_bg sibling vn open-exec sib link lower mode bridge address $MAC2 lifetime fd args none -- \
		"$VMM" hold '{fd}' "$(lost)"
	vm_holds sibling
}

# last_words LIFETIME - vm0's guest sends a frame to the sibling, and ends: the frame waits there,
# and with it the guest's lifeline
last_words() {
	spawn_co talker vn open-exec vm0 link lower mode bridge address $MAC lifetime "$1" \
		args none -- "$FRAME" serve fd '{fd}'
	says talker name vm0
	says talker "send $MAC $MAC2 bye" ok
	kill -9 "$(bg_pid talker)"
	wait_pid_gone "$(bg_pid talker)"
}

@test "law: a frame that nobody reads does not keep a dead guest's device, watched" {
	sibling
	last_words watched
	# Its watcher looks for holders, twice.
	wait_gone "$NS" vm0 8
	[[ $(vn -j list | jq -c 'map(.ifname)') == '["sib"]' ]]
	vm_kill sibling
	all_gone
}

@test "law: nor when a descriptor was in flight anywhere as its guest ended" {
	sibling
	spawn_co flight in_ns "$NS" "$VMM" take "$BATS_TEST_TMPDIR/sock" "$(lost)"
	wait_text "$BATS_TEST_TMPDIR/flight.out" '^listening$'
	run_vn open-exec vm1 link br0 args none -- "$VMM" give '{fd}' "$BATS_TEST_TMPDIR/sock"
	last_words watched
	# Past the first look of its watcher.
	sleep 1
	assert_there "$NS" vm0
	kill -9 "$(bg_pid flight)"
	wait_gone "$NS" vm0 8
	vm_kill sibling
	all_gone
}

@test "law: a watcher that was stopped leaves a device that was regrouped and taken, with no lifeline to be had" {
	local watcher

	vn create vm0 link lower
	vm guest vm0 lifetime watched
	in_ns "$NS" ip link set vm0 group 7
	watcher=$(watcher_of vm0)
	kill -STOP "$watcher"
	vm_kill guest
	spawn_bg next in_ns "$NS" strace -o /dev/null -e inject=unshare:error=ENOSPC "$VNETCTL" open-exec vm0 lifetime persistent \
		args none -- "$VMM" hold '{fd}' "$(lost)"
	wait_text "$BATS_TEST_TMPDIR/next.out" '^holding vm0$' 8
	kill -CONT "$watcher"
	wait_pid_gone "$watcher"
	assert_there "$NS" vm0
	none_lost
	pkill -9 -P "$(bg_pid next)"
	vn destroy vm0
}

@test "law: a frame that nobody reads does not keep a dead guest's device, lifetime fd" {
	local begin

	sibling
	last_words fd
	begin=$SECONDS
	run_vn destroy vm0
	assert_status 0
	assert_err ""
	[[ $(vn -j list | jq -c 'map(.ifname)') == '["sib"]' ]]
	last_words fd
	run_vn open-exec vm0 link lower mode bridge address $MAC args none -- true
	assert_status 0
	assert_err ""
	((SECONDS - begin <= 8))
	wait_until 5 listed_only sib
	vm_kill sibling
	all_gone
}

listed_only() {
	[[ $(vn -j list | jq -r '.[].ifname') == "$1" ]]
}

@test "law: a frame that nobody reads does not keep a persistent device from the next guest" {
	sibling
	vn create vm0 link lower mode bridge address $MAC
	spawn_co talker vn open-exec vm0 lifetime persistent args none -- "$FRAME" serve fd '{fd}'
	says talker name vm0
	says talker "send $MAC $MAC2 bye" ok
	kill -9 "$(bg_pid talker)"
	wait_pid_gone "$(bg_pid talker)"
	run_vn open-exec vm0 lifetime persistent args none -- true
	assert_status 0
	assert_err ""
	run_vn destroy vm0
	assert_status 0
	assert_err ""
	vm_kill sibling
	all_gone
}

# --- held is a fact -------------------------------------------------------------------

UNSEEN="it is held by a process that cannot be seen from here"

# blind CMD... - as a root who sees no process of others: docker's rights, NET_ADMIN, SYS_ADMIN
blind() {
	in_ns "$NS" setpriv --bounding-set=-sys_ptrace,-checkpoint_restore \
		--inh-caps=-sys_ptrace,-checkpoint_restore "$@"
}

@test "law: who sees no holder does not take a persistent device for free" {
	vn create m1 link lower
	vm a m1 lifetime persistent
	refused_cmd 125 "cannot open m1: Device or resource busy: $UNSEEN" \
		blind "$VNETCTL" open-exec m1 lifetime persistent -- true
	refused_cmd 125 "cannot open m1: Device or resource busy: $UNSEEN" \
		blind "$VNETCTL" open-exec m1 -- true
	refused_cmd 2 "cannot remove m1: Device or resource busy: $UNSEEN: 'force' removes it all the same, and its guest loses the network" \
		blind "$VNETCTL" destroy m1
	keeps a m1
	vm_kill a
	wait_until 5 no_marks
	run_cmd blind "$VNETCTL" open-exec m1 lifetime persistent args none -- true
	assert_status 0
	assert_err ""
	vn destroy m1
	all_gone
}

@test "law: nor one that is watched, or of lifetime fd, or a tap" {
	local words

	for words in "link lower lifetime watched" "link lower lifetime fd" "link br0"; do
		# shellcheck disable=SC2086 # words
		vm a m1 $words
		refused_cmd 125 "cannot open m1: Device or resource busy: $UNSEEN" \
			blind "$VNETCTL" open-exec m1 -- true
		refused_cmd 2 "cannot remove m1: Device or resource busy: $UNSEEN: 'force' removes it all the same, and its guest loses the network" \
			blind "$VNETCTL" destroy m1
		vm_kill a
		all_gone
	done
}

# --- share ------------------------------------------------------------------------------

# shared LIFETIME FIRST SECOND - the device stays until both have ended, in this order
shared() {
	vm one vm0 link lower address $MAC lifetime "$1"
	vm two vm0 share
	vm_kill "$2"
	wait_pid_gone "$(bg_pid "$2")"
	another_ends
	none_lost
	run_vn -j -d list vm0
	jq -e --argjson pid "$(bg_pid "$3")" 'map(.users[].pid) == [$pid]' <<<"$output"
	vm_kill "$3"
	all_gone
}

@test "law: a shared device goes with the last of its holders" {
	local life

	for life in watched fd; do
		shared $life one two
		shared $life two one
	done
}

@test "law: a shared device works on when the first has ended" {
	local life

	frame_on wire "$NS" wire
	for life in watched fd; do
		vm one vm0 link lower address $MAC lifetime $life
		spawn_co two vn open-exec vm0 share args none -- "$FRAME" serve fd '{fd}'
		says two name vm0
		# No queue more, which would take a part of the traffic and nobody reads.
		vm_kill one
		wait_pid_gone "$(bg_pid one)"
		for i in 1 2 3 4; do
			says wire "send 02:00:00:00:00:9$i $MAC in$i$life" ok
			says two "expect in$i$life 2000" "src 02:00:00:00:00:9$i dst $MAC"
		done
		says two "send $MAC 02:00:00:00:00:99 out$life" ok
		says wire "expect out$life 2000" "src $MAC dst 02:00:00:00:00:99"
		kill -9 "$(bg_pid two)"
		wait_until 5 links_as_before
		wait_until 5 no_marks
	done
}

# --- who only stands in the namespace ------------------------------------------------------

# closer - vm0 of lifetime fd; its COMMAND closes the device's descriptor, and lives
closer() {
	# shellcheck disable=SC2016
	spawn_bg closer vn open-exec vm0 link lower address $MAC lifetime fd args none -- \
		bash -c 'eval "exec $1>&-"; echo closed; exec -a closer sleep infinity' - '{fd}'
	wait_text "$BATS_TEST_TMPDIR/closer.out" closed
	wait_until 5 has_comm closer sleep
}

has_comm() {
	[[ $(<"/proc/$(bg_pid "$1")/comm") == "$2" ]]
}

# stander - vm0's guest has ended, and a process stands in its namespace
stander() {
	vm guest vm0 link lower address $MAC lifetime fd
	spawn_bg closer nsenter --net="$(vn -j -d list vm0 | jq -r '.[0].netns // empty')" sleep infinity
	wait_until 5 has_comm closer sleep
	vm_kill guest
	wait_pid_gone "$(bg_pid guest)"
}

still_inside() {
	echo "vnetctl: warning: vm0: the guest that had this name is gone, but sleep (pid $(bg_pid closer)) is still in its namespace"
}

@test "law: who only has the namespace is no holder: destroy" {
	closer
	run_vn destroy vm0
	assert_status 0
	assert_out ""
	assert_err "$(still_inside)"
	[[ $(vn list) == "" ]]
	kill -0 "$(bg_pid closer)"
	kill -9 "$(bg_pid closer)"
	all_gone
}

@test "law: who only has the namespace is no holder: a restart names it" {
	local begin=$SECONDS

	closer
	run_vn open-exec vm0 link lower address $MAC lifetime fd args none -- true
	assert_status 0
	assert_err "$(still_inside)"
	((SECONDS - begin <= 7))
	kill -9 "$(bg_pid closer)"
	all_gone
}

@test "law: an nsenter that was left behind is no holder either" {
	stander
	run_vn open-exec vm0 link lower address $MAC lifetime fd args none -- true
	assert_status 0
	assert_err "$(still_inside)"
	kill -9 "$(bg_pid closer)"
	all_gone
	stander
	run_vn destroy vm0
	assert_status 0
	assert_err "$(still_inside)"
	kill -9 "$(bg_pid closer)"
	all_gone
}

# --- an address that is taken ------------------------------------------------------------------

# unlucky N ARGS... - vnetctl ARGS, whose N-th draw of an address (3 bytes) is 01:02:03
unlucky() {
	local n

	n=$(in_ns "$NS" strace -qq -e trace=getrandom -o /dev/stdout "$VNETCTL" "${@:2}" |
		grep getrandom | grep -n ', 3, 0)' | sed -n "$1s/:.*//p")
	[[ $n ]] || fail "no address was drawn" || return
	vn destroy "$3" if-exists
	in_ns "$NS" strace -qq -o /dev/null -e trace=getrandom \
		-e "inject=getrandom:poke_exit=@arg1=010203:when=$n" "$VNETCTL" "${@:2}"
}

@test "law: a random address that is taken is drawn again" {
	local words mac

	vm first vm0 link lower address 52:54:00:01:02:03 lifetime watched
	for words in "lifetime fd" "lifetime watched" "lifetime persistent"; do
		# shellcheck disable=SC2016,SC2086
		run_cmd unlucky 1 open-exec vm1 link lower $words args none -- \
			sh -c 'echo "$VNETCTL_MAC"; "$VNETCTL" -j list vm1' -
		assert_status 0
		assert_err ""
		mac=${lines[-2]}
		[[ $mac =~ ^52:54:00(:[0-9a-f]{2}){3}$ && $mac != 52:54:00:01:02:03 ]] || fail "$output"
		# The device has the one that COMMAND was told.
		[[ $(jq -r '.[0].address' <<<"${lines[-1]}") == "$mac" ]] || fail "$output"
		vn destroy vm1 if-exists
	done
	# One that was asked for is not.
	refused 125 "cannot bring up vm1: Address already in use: 52:54:00:01:02:03 is already used by vm0 on lower" \
		open-exec vm1 link lower address 52:54:00:01:02:03 -- true
	keeps first vm0
	vm_kill first
	all_gone
}

# hidden DEV - a guest on DEV of lifetime fd whose holder cannot be seen: the only descriptor
# of its device is on its way, and nobody has the namespace
hidden() {
	spawn_co take "$VMM" take "$BATS_TEST_TMPDIR/socket"
	wait_text "$BATS_TEST_TMPDIR/take.out" '^listening$'
	run_vn open-exec "$1" link lower address $MAC lifetime fd args none -- \
		"$VMM" give '{fd}' "$BATS_TEST_TMPDIR/socket"
	assert_status 0
	assert_err ""
}

@test "law: who has an address is named, also if its holder cannot be seen" {
	local i begin=$SECONDS crowd=40

	[[ ! ${LONG-} ]] || crowd=200
	for ((i = 0; i < crowd; i++)); do
		spawn_bg "crowd$i" vn open-exec "c$i" link lower2 lifetime fd args none -- sleep infinity
	done
	wait_until 30 crowd_is $crowd
	hidden vm0
	begin=$SECONDS
	refused_cmd 125 "cannot bring up vm1: Address already in use: $MAC is already used by vm0 on lower" \
		blind "$VNETCTL" open-exec vm1 link lower address $MAC -- true
	((SECONDS - begin <= 7)) || fail "it took $((SECONDS - begin)) s"
	refused_cmd 2 "cannot remove vm0: Device or resource busy: $UNSEEN: 'force' removes it all the same, and its guest loses the network" \
		blind "$VNETCTL" destroy vm0
	say take ""
	wait_text "$BATS_TEST_TMPDIR/take.out" '^holding vm0$'
	kill -9 "$(bg_pid take)"
	for ((i = 0; i < crowd; i++)); do
		kill -9 "$(bg_pid "crowd$i")"
	done
	all_gone
}

crowd_is() {
	[[ $(vn -j list link lower2 | jq length) == "$1" ]]
}

# --- more than one ---------------------------------------------------------------------------

# crosswise CMD... - CMD NAMES, twice at one moment, with the names in this order and in the other
crosswise() {
	rm -rf "$BATS_TEST_TMPDIR/once"
	mkdir "$BATS_TEST_TMPDIR/once"
	# shellcheck disable=SC2016
	in_ns "$NS" "$VT_ROOT/tests/tools/at-once" "$BATS_TEST_TMPDIR/once" 2 bash -c '
		names=({1..8}); ((!$1)) || names=({8..1})
		case $2 in
		destroy) exec "$VNETCTL" destroy if-exists "${names[@]/#/vm}" ;;
		*) exec "$VNETCTL" open-exec ${names[@]/#/dev vm} lifetime persistent args none -- true ;;
		esac' - '{}' "$1"
	[[ ! -s $BATS_TEST_TMPDIR/once/0.err && ! -s $BATS_TEST_TMPDIR/once/1.err ]] ||
		fail "$(cat "$BATS_TEST_TMPDIR"/once/?.err)"
	[[ $(cat "$BATS_TEST_TMPDIR"/once/?.status | xargs) == "0 0" ]]
}

@test "law: two that want the same devices do not wait for each other" {
	local i

	for ((i = 0; i < 10; i++)); do
		for n in {1..8}; do
			echo "create vm$n link lower"
		done | in_ns "$NS" "$VNETCTL" -batch -
		crosswise open-exec
		crosswise destroy
		wait_until 5 no_marks
	done
	all_gone
}
