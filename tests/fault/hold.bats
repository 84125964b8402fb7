#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2086,SC2314
#
# A device lives exactly as long as somebody holds its descriptor: wherever that
# has gone, and whatever an admin does to the device meanwhile. What is held is
# refused to others.

load ../lib/common
load ../lib/refused
load ../lib/device
load ../lib/lifetime

MAC=52:54:00:00:00:01
STATION=02:00:00:00:00:99

setup() {
	common_setup
	cases_net
	settled lower wire port0 peer br0
	before=$(vt_links)
	# Three lifetimes that end with the last holder.
	declare -gA WORDS_OF=(
		[watched]="link lower address $MAC lifetime watched"
		[fd]="link lower address $MAC lifetime fd"
		[tap]="link br0 address $MAC"
	)
	HOW=(watched fd tap)
}

links_as_before() {
	[[ $(vt_links) == "$before" ]]
}

# all_gone - nothing is left of any device, and no VM has lost one
all_gone() {
	wait_until 5 links_as_before && wait_until 5 no_marks && wait_until 5 nothing_left_but_ours &&
		none_lost
}

nothing_left_but_ours() {
	[[ -z $(strangers) ]]
}

# listed DEV - `list` shows it, at home or in a namespace of its own
listed() {
	vn -j list | jq -e --arg dev "$1" 'any(.ifname == $dev)' >/dev/null
}

# for_a_while CMD... - CMD stays true
for_a_while() {
	local i

	for ((i = 0; i < 10; i++)); do
		"$@" || return
		sleep 0.02
	done
}

# frame_vm NAME DEV WORDS... - a VM with an ear for frames
frame_vm() {
	spawn_co "$1" vn open-exec "${@:2}" args none -- "$FRAME" serve fd '{fd}' &&
		says "$1" name "$2"
}

# hears VM TAG [MAC] - a frame from the wire gets to it
hears() {
	says wire "send $STATION ${3:-$MAC} $2" ok &&
		says "$1" "expect $2 2000" "src $STATION dst ${3:-$MAC}"
}

# talks VM TAG - and back
talks() {
	says "$1" "send $MAC $STATION $2" ok &&
		says wire "expect $2 2000" "src $MAC dst $STATION"
}

# --- where the descriptor goes --------------------------------------------------

@test "hold: a VM that daemonizes" {
	local how pid

	for how in "${HOW[@]}"; do
		# shellcheck disable=SC2086
		run_vn open-exec vm0 ${WORDS_OF[$how]} args none -- \
			"$VMM" daemonize '{fd}' "$(lost)" "$BATS_TEST_TMPDIR/$how.daemon"
		assert_status 0
		assert_err ""
		wait_text "$BATS_TEST_TMPDIR/$how.daemon" '^[0-9]+$'
		pid=$(<"$BATS_TEST_TMPDIR/$how.daemon")
		own_pid "$pid"
		for_a_while listed vm0
		kill -9 "$pid"
		all_gone
	done
}

@test "hold: a wrapper that closes every descriptor but the tap" {
	local how

	for how in "${HOW[@]}"; do
		# shellcheck disable=SC2086
		spawn_bg "$how" vn open-exec vm0 ${WORDS_OF[$how]} args none -- \
			"$VMM" only '{fd}' "$VMM" hold '{fd}' "$(lost)"
		wait_until 10 holds_one "$(bg_pid "$how")"
		for_a_while listed vm0
		kill -9 "$(bg_pid "$how")"
		all_gone
	done
}

# holds_one PID - it is vmm, and has but one descriptor
holds_one() {
	local -a fds=("/proc/$1/fd/"*)

	[[ $(<"/proc/$1/comm") == vmm && $(tr '\0' ' ' <"/proc/$1/cmdline") == *' hold '* ]] &&
		((${#fds[@]} == 1))
}

@test "hold: a descriptor that is passed on, and in flight between two" {
	local how socket held who i

	for how in "${HOW[@]}"; do
		socket=$BATS_TEST_TMPDIR/$how.sock
		spawn_co "$how" in_ns "$NS" "$VMM" take "$socket" "$(lost)"
		wait_text "$BATS_TEST_TMPDIR/$how.out" '^listening$'
		# shellcheck disable=SC2086
		run_vn open-exec vm0 ${WORDS_OF[$how]} args none -- "$VMM" give '{fd}' "$socket"
		assert_status 0
		assert_err ""
		# Nobody has it now; it waits in the socket.
		for_a_while listed vm0
		held="Device or resource busy: it is held by a process that cannot be seen from here"
		for who in refused_vn refused_in_pidns; do
			$who 2 "cannot remove vm0: $held: 'force' removes it all the same, and its guest loses the network" \
				destroy vm0
			$who 125 "cannot open vm0: $held" open-exec vm0 -- true
		done
		# Longer than the watcher takes to find out that nobody is to be seen.
		[[ $how != watched ]] || for i in {1..30}; do for_a_while listed vm0; done
		listed vm0
		say "$how" go
		wait_text "$BATS_TEST_TMPDIR/$how.out" '^holding vm0$'
		for_a_while listed vm0
		kill -9 "$(bg_pid "$how")"
		all_gone
	done
}

# refused_vn STATUS LINE ARGS... - where every process can be seen
refused_vn() {
	refused "$@"
}

# refused_in_pidns STATUS LINE ARGS... - and where not
refused_in_pidns() {
	refused_cmd "$1" "$2" in_ns "$NS" unshare --pid --fork --mount-proc -- "$VNETCTL" "${@:3}"
}

@test "hold: an io_uring that has the only file" {
	local how held

	(($(sysctl -n kernel.io_uring_disabled 2>/dev/null || echo 2) == 0)) || skip "no io_uring"
	for how in "${HOW[@]}"; do
		spawn_bg "$how" vn open-exec vm0 ${WORDS_OF[$how]} args none -- "$VMM" ring '{fd}'
		wait_text "$BATS_TEST_TMPDIR/$how.out" '^ringing$'
		held="Device or resource busy: it is held by a process that cannot be seen from here"
		refused_cmd 2 "cannot remove vm0: $held: 'force' removes it all the same, and its guest loses the network" \
			vn destroy vm0
		refused 125 "cannot open vm0: $held" open-exec vm0 -- true
		kill -9 "$(bg_pid "$how")"
		wait_until 5 links_as_before
	done
	all_gone
}

@test "hold: a tap whose carrier an admin has taken" {
	spawn_bg carrier vn open-exec vm0 link br0 args none -- "$VMM" hold '{fd}' "$(lost)"
	vm_holds carrier
	in_ns "$NS" ip link set vm0 carrier off
	refused_in_pidns 2 "cannot remove vm0: Device or resource busy: it is held by a process that cannot be seen from here: 'force' removes it all the same, and its guest loses the network" \
		destroy vm0
	kill -9 "$(bg_pid carrier)"
	all_gone
}

# --- who holds it is told, and left in peace -------------------------------------

# refused_while VM COMM LINE-FROM-COLON STATUS ARGS... - again and again; the VM
# hears every frame all the same
refused_while() {
	local i

	for ((i = 0; i < 10; i++)); do
		says wire "send $STATION $MAC a$i" ok
		refused "$2" "$3" "${@:4}"
		hears "$1" "b$i"
		says "$1" "expect a$i 2000" "src $STATION dst $MAC"
	done
}

@test "hold: what one VM holds is refused to another, and its traffic goes on" {
	local how pid

	for how in "${HOW[@]}"; do
		[[ $how == tap ]] && frame_on wire "$NS" peer || frame_on wire "$NS" wire
		# shellcheck disable=SC2086
		frame_vm "$how" vm0 ${WORDS_OF[$how]}
		pid=$(bg_pid "$how")
		refused_while "$how" 125 "cannot open vm0: Device or resource busy: it is held by frame (pid $pid): 'share' opens it all the same" \
			open-exec vm0 -- true
		refused_while "$how" 2 "cannot remove vm0: Device or resource busy: it is held by frame (pid $pid): 'force' removes it all the same, and its guest loses the network" \
			destroy vm0
		talks "$how" mine
		kill -9 "$pid"
		all_gone
		kill "$(bg_pid wire)"
	done
}

# strange DEV NAME - opens an idle macvtap as anybody could, without vnetctl
strange() {
	local index

	index=$(in_ns "$NS" cat "/sys/class/net/$1/ifindex")
	# shellcheck disable=SC2016
	spawn_co "$2" in_ns "$NS" bash -c 'exec 7<>"/dev/tap$1"; exec "$2" serve fd 7' \
		- "$index" "$FRAME"
	says "$2" name "$1"
}

@test "hold: what somebody else holds is refused, and its traffic goes on" {
	local dev line

	frame_on wire "$NS" wire
	vn create vm0 link lower address $MAC up
	for dev in vm0 strange0; do
		# An index like ours: small ones may be other namespaces' nodes.
		dev_there "$NS" $dev ||
			ip -n "$NS" link add link lower name $dev address $MAC \
				index $((1048576 + RANDOM)) up type macvtap mode bridge
		strange $dev "$dev-vm"
		line="Device or resource busy: it is held by frame (pid $(bg_pid "$dev-vm"))"
		refused_while "$dev-vm" 125 "cannot open $dev: $line: 'share' opens it all the same" \
			open-exec $dev -- true
		refused_while "$dev-vm" 125 "cannot open $dev: $line: 'share' opens it all the same" \
			open-exec $dev lifetime watched -- true
		refused_while "$dev-vm" 2 "cannot remove $dev: $line: 'force' removes it all the same, and its guest loses the network" \
			destroy $dev
		kill -9 "$(bg_pid "$dev-vm")"
		wait_pid_gone "$(bg_pid "$dev-vm")"
		# Let go, it can be removed.
		run_vn destroy $dev
		assert_status 0
		assert_err ""
	done
	all_gone
}

# As when a VM moves to another process of this host.
@test "hold: share lets another one in, and the device goes with the last one" {
	local how first last

	for how in "${HOW[@]}"; do
		[[ $how == tap ]] && frame_on wire "$NS" peer || frame_on wire "$NS" wire
		for first in one two; do
			frame_vm one vm0 ${WORDS_OF[$how]}
			run_vn open-exec vm0 share args none -- true
			assert_status 0
			assert_err ""
			for_a_while listed vm0
			hears one first
			frame_vm two vm0 share
			[[ $first == one ]] && last=two || last=one
			kill -9 "$(bg_pid $first)"
			wait_pid_gone "$(bg_pid $first)"
			for_a_while listed vm0
			hears $last second
			talks $last third
			kill -9 "$(bg_pid $last)"
			all_gone
		done
		kill "$(bg_pid wire)"
	done
}

@test "hold: force removes it, and only the descriptor can tell" {
	local how

	for how in "${HOW[@]}"; do
		rm -f "$(lost)"
		# shellcheck disable=SC2086
		vm "$how" vm0 ${WORDS_OF[$how]}
		run_vn destroy vm0 force
		assert_status 0
		assert_out ""
		assert_err ""
		bg_end "$how"
		# shellcheck disable=SC2154
		[[ $status == 3 && -s $(lost) ]]
		rm -f "$(lost)"
		all_gone
	done
}

# --- what an admin does meanwhile -------------------------------------------------

# admin DOES... - `ip link set vm0 DOES` for each, while a watched VM runs. It keeps
# its network, and afterwards its device goes, by whatever name.
admin() {
	local does

	frame_on wire "$NS" wire
	frame_vm vm vm0 ${WORDS_OF[watched]}
	for does in "$@"; do
		# shellcheck disable=SC2086
		ip -n "$NS" link set $does
		hears vm "${does// /-}"
	done
	for_a_while has_carrier vm
	talks vm last
	kill -9 "$(bg_pid vm)"
	all_gone
}

# The descriptor still leads to a device.
has_carrier() {
	[[ $(ask "$1" name) != error* ]]
}

@test "hold: renamed" {
	# shellcheck disable=SC2034
	admin "vm0 name adm0"
}

@test "hold: regrouped" {
	admin "vm0 group 7"
}

@test "hold: renamed, regrouped, and with an alias" {
	admin "vm0 group 7" "vm0 name adm0" "adm0 alias mine"
}

@test "hold: set down, and up again" {
	frame_on wire "$NS" wire
	frame_vm vm vm0 ${WORDS_OF[watched]}
	ip -n "$NS" link set vm0 down
	for_a_while dev_there "$NS" vm0
	ip -n "$NS" link set vm0 up
	hears vm again
	ip -n "$NS" link set vm0 down
	kill -9 "$(bg_pid vm)"
	all_gone
}

@test "hold: moved to another namespace" {
	local there mark

	ns_new there
	frame_on wire "$NS" wire
	frame_vm vm vm0 ${WORDS_OF[watched]}
	mark=$(marks)
	ip -n "$NS" link set vm0 netns "$there"
	ip -n "$there" link set vm0 up
	hears vm there
	talks vm back
	# Nobody's orphan, not there either.
	in_ns "$there" "$VNETCTL" destroy orphans
	vn destroy orphans
	[[ $(in_ns "$there" "$VNETCTL" -j list orphaned) == '[]' ]]
	hears vm still
	kill -9 "$(bg_pid vm)"
	wait_until 5 no_marks
	wait_until 5 nothing_left_but_ours
	# It stays, is shown, and is not collected there.
	for_a_while dev_there "$there" vm0
	json "$there" '.[] | select(.ifname == "vm0") | .made and (.orphaned | not)'
	in_ns "$there" "$VNETCTL" destroy orphans
	lower_new "$there" low2 far2
	in_ns "$there" "$VNETCTL" open-exec other link low2 args none -- true
	wait_gone "$there" other
	for_a_while dev_there "$there" vm0
	# Back at home it is an orphan like any other.
	ip -n "$there" link set vm0 netns "$NS"
	is_orphan vm0
	vn destroy orphans
	all_gone
	[[ $mark ]]
}

@test "hold: moved away and back" {
	local there

	ns_new there
	frame_on wire "$NS" wire
	frame_vm vm vm0 ${WORDS_OF[watched]}
	ip -n "$NS" link set vm0 netns "$there"
	ip -n "$there" link set vm0 up
	hears vm away
	ip -n "$there" link set vm0 netns "$NS"
	ip -n "$NS" link set vm0 up
	hears vm home
	vn destroy orphans
	hears vm still
	kill -9 "$(bg_pid vm)"
	all_gone
}

# --- orphans ----------------------------------------------------------------------

none_orphaned() {
	[[ $(vn -j list orphaned) == '[]' ]]
}

# with_orphan WORDS -- ARGS... - an orphan vm0 on lower, made with WORDS, is in the way of
# vnetctl ARGS, which removes it and goes on
with_orphan() {
	local -a words=()

	while [[ $1 != -- ]]; do
		words+=("$1")
		shift
	done
	shift
	rm -f "$BATS_TEST_TMPDIR"/orphan-vm0.*
	orphan vm0 link lower "${words[@]}"
	run_vn "$@"
	assert_status 0
	assert_out ""
	assert_err ""
	wait_until 5 none_orphaned
	vn destroy all
	wait_until 5 links_as_before
}

@test "hold: an orphan does not stand in the way of create" {
	# Its name.
	with_orphan -- create vm0 link lower
	with_orphan -- create vm0 link br0
	# Its MAC on the same lower device.
	with_orphan address $MAC -- create vm1 link lower address $MAC up
	# Its passthru, or that of the new one.
	with_orphan mode passthru -- create vm1 link lower
	with_orphan -- create vm1 link lower mode passthru
	with_orphan mode passthru -- create vm0 link lower mode passthru
}

@test "hold: an orphan does not stand in the way of open-exec" {
	local life

	for life in watched fd persistent; do
		with_orphan -- open-exec vm0 link lower lifetime $life args none -- true
		with_orphan address $MAC -- open-exec vm1 link lower address $MAC \
			lifetime $life args none -- true
		with_orphan mode passthru -- open-exec vm1 link lower lifetime $life args none -- true
		with_orphan -- open-exec vm1 link lower mode passthru lifetime $life args none -- true
	done
	with_orphan -- open-exec vm0 link br0 args none -- true
	# Without words it is taken over as it is.
	with_orphan -- open-exec vm0 args none -- true
}

@test "hold: an orphan is nothing to the watchers of others" {
	lower_new "$NS" lower2 wire2
	settled lower2 wire2
	before=$(vt_links)
	orphan vm0 link lower
	vn open-exec other link lower2 lifetime watched args none -- true
	wait_gone "$NS" other
	wait_until 5 nothing_left_but_ours
	for_a_while is_orphan vm0
	vn destroy orphans
	all_gone
}

@test "hold: what is not ours is never removed" {
	local mark dead strangers

	# Marks as they are made here, and one that nobody has.
	vm vm vm0 link lower lifetime watched
	mark=$(marks)
	vm_kill vm
	all_gone
	dead=$(((mark & 0xffff0000) | ((mark + 0x100) & 0xfffe)))
	# Of another namespace's making; not a macvtap; unmarked.
	ip -n "$NS" link add link lower name s0 group $(((dead & 0xff00ffff) | (((dead >> 16) + 1) & 0xff) << 16)) \
		type macvtap mode bridge
	ip -n "$NS" link add link lower name s1 group $dead type macvlan mode bridge
	ip -n "$NS" link add name s2 group $dead type bridge
	ip -n "$NS" tuntap add s3 mode tap
	ip -n "$NS" link set s3 group $dead
	ip -n "$NS" link add link lower name s4 address $MAC up type macvtap mode bridge
	strangers=$(vt_links)
	vn destroy orphans
	vn destroy all
	vn open-exec vm0 link lower lifetime watched args none -- true
	wait_gone "$NS" vm0
	wait_until 5 nothing_left_but_ours
	for dev in s0 s1 s2 s3 s4; do
		refused_cmd 125 "$(exists_line $dev)" vn open-exec $dev link lower -- true
		refused_cmd 2 "$(exists_line $dev)" vn create $dev link lower
	done
	refused 125 "cannot bring up vm0: Address already in use: $MAC is already used by s4 on lower" \
		open-exec vm0 link lower address $MAC -- true
	refused 2 "cannot create macvtap vm0 on lower: Invalid argument: passthru: lower already carries s4" \
		create vm0 link lower mode passthru
	[[ $(vt_links) == "$strangers" ]] || fail "$(diff <(echo "$strangers") <(vt_links))"
}

# What stands in the way is told, and how it can be removed if vnetctl would.
exists_line() {
	local hint="choose another name, or 'vnetctl destroy $1'"

	case $1 in
	s1 | s2) hint="choose another name" ;;
	esac
	echo "cannot create macvtap $1 on lower: File exists: $hint"
}

@test "hold: a user's alias survives" {
	vn create vm0 link lower address $MAC
	ip -n "$NS" link set vm0 alias "my own words"
	ip -n "$NS" link set vm0 group 7
	before=$(vt_links)
	untouched 127 "cannot run /nonexistent: No such file or directory" \
		open-exec vm0 -- /nonexistent
	vm vm vm0
	[[ $(ip -n "$NS" -j link show vm0 | jq -r '.[0].ifalias') == "my own words" ]]
	json "$NS" '.[0].ifalias == "my own words"' -d list
	vn destroy orphans
	vm_kill vm
	wait_gone "$NS" vm0
	# One that an admin sets meanwhile is not read either.
	vm vm1 vm1 link lower lifetime watched
	ip -n "$NS" link set vm1 alias "vnetctl"
	for_a_while dev_there "$NS" vm1
	vm_kill vm1
	wait_gone "$NS" vm1
}

# --- in a namespace of its own ------------------------------------------------------

@test "hold: lifetime fd, from the namespace that made it" {
	local there path

	ns_new there
	vm vm vm0 ${WORDS_OF[fd]} mode bridge
	assert_gone "$NS" vm0
	json "$NS" '.[] | select(.ifname == "vm0") | .lifetime == "fd" and .made and
		.link == "lower" and .address == "'$MAC'" and (.flags | index("UP"))'
	# Elsewhere there is no such device.
	[[ $(in_ns "$there" "$VNETCTL" -j list) == '[]' ]]
	run_vn mode vm0
	assert_out bridge
	vn mode vm0 private
	run_vn mode vm0
	assert_out private
	# Where to enter.
	path=$(vn -j -d list vm0 | jq -r '.[0].netns')
	[[ $path == "/proc/$(bg_pid vm)/fd/"* ]]
	nsenter --net="$path" ip -j link show vm0 | jq -e --arg mac $MAC '.[0].address == $mac'
	run_vn -d list vm0
	[[ $output == *" netns $path "* ]]
	refused 2 "cannot remove vm0: Device or resource busy: it is held by vmm (pid $(bg_pid vm)): 'force' removes it all the same, and its guest loses the network" \
		destroy vm0
	run_vn destroy vm0 force
	assert_status 0
	bg_end vm
	rm -f "$(lost)"
	all_gone
}

# --- a whole cgroup -------------------------------------------------------------------

# cgroup_new - makes a cgroup (version 2) of the test's own, $CGROUP, or skips
cgroup_new() {
	local root

	root=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
	[[ $root ]] || skip "no cgroup2 is mounted here"
	CGROUP=$root/vt-$$-$BATS_TEST_NUMBER
	mkdir "$CGROUP" || skip "no cgroup can be made here"
	[[ -e $CGROUP/cgroup.kill ]] || { rmdir "$CGROUP"; skip "this kernel has no cgroup.kill (5.14)"; }
}

teardown() {
	local rc=0

	if [[ ${CGROUP:-} && -d $CGROUP ]]; then
		echo 1 >"$CGROUP/cgroup.kill"
		wait_until 5 rmdir "$CGROUP" 2>/dev/null || rc=1
	fi
	common_teardown && ((!rc))
}

# cgroup_vm NAME WORDS... - a VM, and whatever it starts, in it
cgroup_vm() {
	# In this order: `ip netns exec` hides what is mounted below /sys.
	# shellcheck disable=SC2016
	spawn_bg "$1" sh -c 'echo $$ >"$1/cgroup.procs"; shift; exec "$@"' - "$CGROUP" \
		ip netns exec "$NS" "$VNETCTL" open-exec "${@:2}" args none -- "$VMM" hold '{fd}' "$(lost)"
	vm_holds "$1"
}

# Without a restart nothing is left, or an orphan that the next start takes over: this is
# what KillMode=control-group of a systemd unit comes to.
@test "hold: SIGKILL to the cgroup of VM and watcher" {
	local how

	cgroup_new
	for how in fd tap; do
		# shellcheck disable=SC2086
		cgroup_vm "$how" vm0 ${WORDS_OF[$how]}
		echo 1 >"$CGROUP/cgroup.kill"
		all_gone
	done
	# shellcheck disable=SC2086
	cgroup_vm watched vm0 ${WORDS_OF[watched]}
	(($(wc -l <"$CGROUP/cgroup.procs") == 2))
	echo 1 >"$CGROUP/cgroup.kill"
	wait_until 5 is_orphan vm0
	# shellcheck disable=SC2086
	cgroup_vm again vm0 ${WORDS_OF[watched]}
	none_orphaned
	echo 1 >"$CGROUP/cgroup.kill"
	wait_until 5 is_orphan vm0
	vn destroy orphans
	all_gone
}

@test "hold: SIGKILL to the cgroup, and started again at once" {
	local how i n=10

	[[ ! ${LONG-} ]] || n=100
	cgroup_new
	for how in "${HOW[@]}"; do
		for ((i = 0; i < n; i++)); do
			# shellcheck disable=SC2086
			cgroup_vm "$how$i" vm0 ${WORDS_OF[$how]}
			echo 1 >"$CGROUP/cgroup.kill"
		done
		vn destroy orphans
		wait_until 5 no_marks
		vn destroy orphans
		all_gone
	done
}

# --- the watcher ------------------------------------------------------------------------

@test "hold: the watcher is small, weak, and says what it is" {
	local pid fds

	# With a descriptor of the caller's, which COMMAND gets.
	# shellcheck disable=SC2016
	spawn_bg vm in_ns "$NS" sh -c 'exec "$0" "$@" 5</etc/passwd' \
		"$VNETCTL" open-exec vm0 link lower lifetime watched args none -- "$VMM" hold '{fd}'
	vm_holds vm
	[[ $(readlink "/proc/$(bg_pid vm)/fd/5") == /etc/passwd ]]
	pid=$(watcher_of vm0)
	(($(awk '/^Private_Dirty:/ { print $2 }' "/proc/$pid/smaps_rollup") < 250)) ||
		fail "$(cat "/proc/$pid/smaps_rollup")"
	[[ $(ps -o args= -p "$pid") == "vnetctl: watching vm0" ]]
	# CAP_NET_ADMIN, and to see holders CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH: 12, 19, 2.
	for set in Prm Bnd; do
		[[ $(awk "/^Cap$set:/ { print \$2 }" "/proc/$pid/status") == 0000000000081004 ]]
	done
	# Not effective while it sleeps.
	for set in Eff Inh Amb; do
		[[ $(awk "/^Cap$set:/ { print \$2 }" "/proc/$pid/status") == 0000000000000000 ]]
	done
	[[ $(awk '/^NoNewPrivs:/ { print $2 }' "/proc/$pid/status") == 1 ]]
	# Its own, and not one of the caller's, nor the tap or the lifeline.
	fds=$(find "/proc/$pid/fd" -type l -printf '%l\n' | sort)
	echo "# the watcher holds: $(paste -sd ' ' <<<"$fds")" >&3
	run ! grep -vE '^(socket:\[[0-9]+\]|/|/dev|.*/tap[0-9]+/dev|anon_inode:\[pidfd\]|.*/tcp_fastopen_key)$' <<<"$fds"
	# Neither a terminal nor a directory that somebody wants to unmount.
	[[ $(readlink "/proc/$pid/cwd") == / ]]
	[[ $(ps -o sid=,pgid=,tty= -p "$pid") != *pts* ]]
	[[ $(ps -o ppid= -p "$pid") -ne $(bg_pid vm) ]]
	# Signals that end a session do not end it.
	kill -TERM "$pid"
	kill -HUP "$pid"
	kill -INT "$pid"
	for_a_while kill -0 "$pid"
	vm_kill vm
	all_gone
}

# switches PID - how often it has slept
switches() {
	awk '/^voluntary_ctxt_switches:/ { print $2 }' "/proc/$1/status"
}

@test "hold: the watcher does not wake for others" {
	local pid i before_switches

	vm vm vm0 link lower lifetime watched
	pid=$(watcher_of vm0)
	before_switches=$(switches "$pid")
	# With ids here, too, so that their ends are told here.
	for ((i = 0; i < 20; i++)); do
		ip netns add "vt-$$-more$i"
		ip -n "$NS" netns set "vt-$$-more$i" $((1000 + i))
		ip netns del "vt-$$-more$i"
	done
	vm other vm1 link lower lifetime watched
	vm_kill other
	wait_gone "$NS" vm1
	wait_until 5 one_mark
	wait_until 5 none_numbered
	[[ $(switches "$pid") == "$before_switches" ]]
	vm_kill vm
	all_gone
}

one_mark() {
	(($(marks | wc -l) == 1))
}

none_numbered() {
	! ip -n "$NS" netns list-id 2>/dev/null | grep -q '^nsid 10'
}
