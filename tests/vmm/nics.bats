#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Several devices in one open-exec: guests with two NICs, one lifeline and one
# watcher for all, and all or nothing when something fails.

load ../lib/common
load ../lib/qemu
load ../lib/device
load ../lib/refused
load vmm

setup() {
	common_setup
	lower_new "$NS"
}

# Asks for an address on each of its NICs, and stays until it is told.
# shellcheck disable=SC2016 # for the guest
LEASES='
for d in /sys/class/net/eth*; do
	d=${d##*/}
	ip link set "$d" up
	udhcpc -i "$d" -n -q -f -t 20 -T 1 -s /bin/true >/dev/null 2>&1 && echo "$d $(cat "/sys/class/net/$d/address")"
done'

# ended_with NAME TEXT - once it has ended by itself, its output was TEXT
ended_with() {
	bg_end "$1" 60 || return
	((status == 0)) && [[ $(<"$BATS_TEST_TMPDIR/$1.out") == "$2" ]] ||
		fail "status $status" "$(cat "$BATS_TEST_TMPDIR/$1".{out,err})"
}

# fd_is PID FD DEV - that descriptor of the process leads to the device in $NS
fd_is() {
	local link index

	link=$(readlink "/proc/$1/fd/$2") || return
	if [[ $link == /dev/net/tun ]]; then
		grep -qx "iff:"$'\t'"$3" "/proc/$1/fdinfo/$2"
	else
		index=$(in_ns "$NS" cat "/sys/class/net/$3/ifindex")
		[[ $link == "/dev/tap$index" ]]
	fi || fail "descriptor $2 of $1 is $link, not $3"
}

qemu_runs() {
	[[ $(qemu_of "$NS") ]]
}

# up NAME WORDS... - open-exec WORDS with a QEMU that does not run, as process NAME
up() {
	spawn_co "$1" vn open-exec "${@:2}" -- "${QEMU_STOPPED[@]}" -monitor stdio &&
		started "$1"
}

@test "nics: a guest with two macvtaps of one lower device gets both leases" {
	local pid line form

	guest_net "$NS"
	guest_new guest "$LEASES"
	spawn_bg guest vn open-exec a link lower mode bridge address "${MAC[1]}" \
		dev b link lower mode bridge address "${MAC[2]}" vhost off lifetime watched -- \
		"${GUEST[@]}"
	wait_until 20 qemu_runs
	pid=$(qemu_of "$NS")
	line=$(tr '\0' ' ' <"/proc/$pid/cmdline")
	form=" -netdev tap,id=vnet0,fd=([0-9]+) -device virtio-net-pci,netdev=vnet0,mac=${MAC[1]}"
	form+=" -netdev tap,id=vnet1,fd=([0-9]+) -device virtio-net-pci,netdev=vnet1,mac=${MAC[2]} \$"
	[[ $line =~ romfile=$form ]] || fail "$line"
	fd_is "$pid" "${BASH_REMATCH[1]}" a
	fd_is "$pid" "${BASH_REMATCH[2]}" b
	count 1 watchers
	count 1 marks

	[[ $(wait_lease "${MAC[1]}") == 10.9.0.* ]]
	[[ $(wait_lease "${MAC[2]}") == 10.9.0.* ]]
	ended_with guest "eth0 ${MAC[1]}
eth1 ${MAC[2]}"
	all_gone a b
}

@test "nics: a macvtap and a tap in one guest, each on its wire" {
	bridge_new "$NS" br0 port0 far
	ns_new OTHER
	ip -n "$NS" link set far netns "$OTHER"
	ip -n "$OTHER" link set far up
	guest_net "$OTHER" far
	far_leases=$GUEST_LEASES far_log=$GUEST_LOG
	guest_net "$NS"
	guest_new guest "$LEASES"
	spawn_bg guest vn open-exec a link lower mode bridge address "${MAC[1]}" \
		dev t link br0 address "${MAC[2]}" vhost off -- "${GUEST[@]}"
	[[ $(wait_lease "${MAC[1]}") == 10.9.0.* ]]
	GUEST_LEASES=$far_leases GUEST_LOG=$far_log
	[[ $(wait_lease "${MAC[2]}") == 10.9.0.* ]]
	# Each has heard of its own guest only.
	[[ ! $(lease_of "${MAC[1]}") ]]
	ended_with guest "eth0 ${MAC[1]}
eth1 ${MAC[2]}"
	all_gone a t
}

@test "nics: gone a second after kill -9, with one watcher for all" {
	local i words=()

	bridge_new "$NS" br0 port0 far
	for i in {0..7}; do
		vn create "m$i" link lower
		words+=(dev "m$i")
	done
	up vm "${words[@]}" dev t0 link br0 dev t1 type tap
	count 1 watchers
	count 1 marks
	# One mark for all macvtaps.
	json "$NS" 'length == 10 and ([.[] | select(.type == "tap").lifetime] == ["fd", "fd"]) and
		([.[] | select(.type == "macvtap") | [.lifetime, .group]] | length == 8 and
		(unique | length == 1 and .[0][0] == "watched"))'
	kill -9 "$(bg_pid vm)"
	# One after the other, by the watcher.
	wait_until 1 no_device
	wait_until 1 nobody_left
}

# no_device - none of vnetctl's is in $NS
no_device() {
	[[ -z $(ip -n "$NS" -o link show type macvtap; ip -n "$NS" -o link show type tun) ]]
}

@test "nics: quit, and -daemonize" {
	local file=$BATS_TEST_TMPDIR/pid

	bridge_new "$NS" br0 port0 far
	vn create a link lower
	up vm a dev t link br0
	say vm quit
	bg_end vm 10
	((status == 0))
	all_gone a t

	vn create a link lower
	vn create b link lower
	run_vn open-exec a dev b dev t link br0 -- "${QEMU_STOPPED[@]}" \
		-daemonize -pidfile "$file"
	assert_status 0
	assert_err ""
	own_pid "$(cat "$file")"
	count 1 watchers
	assert_there "$NS" a
	assert_there "$NS" b
	assert_there "$NS" t
	kill -9 "$(cat "$file")"
	all_gone a b t
}

@test "nics: lifetime fd for several" {
	bridge_new "$NS" br0 port0 far
	up vm a link lower address "${MAC[1]}" dev b link lower address "${MAC[2]}" \
		dev t link br0 address "${MAC[3]}" lifetime fd
	# No watcher; ip sees the tap only, list sees all.
	count 0 vnetctls
	assert_gone "$NS" a
	assert_gone "$NS" b
	assert_there "$NS" t
	json "$NS" 'map({(.ifname): .lifetime}) | add == {"a": "fd", "b": "fd", "t": "fd"}'
	# A namespace each: one may be moved or looked into without the other.
	json "$NS" '[.[] | select(.type == "macvtap").netnsid] | length == 2 and .[0] != .[1]'
	kill -9 "$(bg_pid vm)"
	wait_until 1 nothing_listed
	all_gone a b t
}

nothing_listed() {
	[[ $(vn -j list) == '[]' ]]
}

@test "nics: lifetime persistent for several" {
	bridge_new "$NS" br0 port0 far
	probed a link lower dev t link br0 lifetime persistent --
	count 0 vnetctls
	json "$NS" 'map({(.ifname): .lifetime}) | add == {"a": "persistent", "t": "persistent"}'
}

@test "nics: some are there, some are made" {
	bridge_new "$NS" br0 port0 far
	vn create old link lower address "${MAC[1]}"
	vn create old-t link br0 address "${MAC[2]}"
	ip -n "$NS" link add theirs link lower type macvtap
	probed old dev new link lower address "${MAC[3]}" dev old-t dev theirs vhost off --
	found '.env.VNETCTL_DEV == "old,new,old-t,theirs"'
	got -netdev "tap,id=vnet0,fd=<old>" -device "virtio-net-pci,netdev=vnet0,mac=${MAC[1]}" \
		-netdev "tap,id=vnet1,fd=<new>" \
		-device "virtio-net-pci,netdev=vnet1,mac=${MAC[3]}" \
		-netdev "tap,id=vnet2,fd=<old-t>" \
		-device "virtio-net-pci,netdev=vnet2,mac=${MAC[2]}" \
		-netdev "tap,id=vnet3,fd=<theirs>" \
		-device "virtio-net-pci,netdev=vnet3,mac=$(in_ns "$NS" cat /sys/class/net/theirs/address)"
	all_gone old new old-t
	assert_there "$NS" theirs
	ip -n "$NS" -j link show theirs | jq -e '.[0] | .group == "default"'
}

@test "nics: %d" {
	bridge_new "$NS" br0 port0 far
	probed m%d link lower dev m%d link lower dev t%d link br0 dev t%d type tap --
	found '.env.VNETCTL_DEV == "m0,m1,t0,t1"'
	all_gone m0 m1 t0 t1
	probed m%d link lower dev m%d link lower lifetime fd --
	found '.env.VNETCTL_DEV == "m0,m1"'
	wait_until 5 nothing_listed
}

# The kernel, which chooses the number, does not see what lives in a lifeline.
@test "nics: %d is no name that a device in a lifeline has" {
	bridge_new "$NS" br0 port0 far
	probed n%d link lower dev n%d link lower dev n%d link br0 lifetime fd --
	found '.env.VNETCTL_DEV == "n0,n1,n2"' || fail "$(found .env)"
}

@test "nics: the same name twice" {
	vn create old link lower
	vn create old-t type tap
	untouched 125 "open-exec: a is named twice" open-exec a type tap dev a type tap -- true
	untouched 125 "open-exec: a is named twice" open-exec a link lower dev b type tap dev a -- true
	untouched 125 "open-exec: old is named twice" open-exec old dev old -- true
	untouched 125 "open-exec: old is named twice" open-exec old share dev old share -- true
	untouched 125 "open-exec: old-t is named twice" \
		open-exec old-t dev old-t link lower -- true
}

# Two queues of one macvtap in two NICs: each would get a part of the frames.
@test "nics: the same device twice, by another of its names" {
	vn create old link lower
	ip -n "$NS" link property add dev old altname web
	untouched 125 "open-exec: old and web are the same device" open-exec old dev web args none -- true
}

# --- all or nothing -----------------------------------------------------------

# The first device may be any; that of the second fails in each way it can. What
# was there stays as it was, and nothing new is left.
@test "nics: what fails at the second device undoes the first" {
	local first mac

	bridge_new "$NS" br0 port0 far
	mac=$(in_ns "$NS" cat /sys/class/net/lower/address)
	vn create old link lower mode bridge
	vn create old-t link br0
	vn create held link lower mode bridge
	spawn_co holder vn open-exec held lifetime persistent args none -- "$PROBE" hold
	wait_text "$BATS_TEST_TMPDIR/holder.out" '^{'
	before=$(vt_links)
	for first in "a link lower mode bridge" "a link br0" old old-t \
		"a link lower dev x type tap queues 2 dev old dev y link br0 dev old-t"; do
		nothing_of "$first" "cannot find nope: No such device: to make it on the way, say at least 'type tap' or 'link DEV'" \
			nope
		nothing_of "$first" "cannot open held: Device or resource busy: it is held by probe (pid $(bg_pid holder)): 'share' opens it all the same" \
			held
		# Only when it is to come up, when the first one is up already.
		nothing_of "$first" "cannot bring up b: Address already in use: $mac is already used by lower on lower" \
			b link lower address "$mac"
	done
	first="a link lower address ${MAC[1]} dev old dev old-t dev c link br0"
	nothing_of "$first" "cannot find nope: No such device: 'ip link' shows which devices there are" \
		b link nope
	nothing_of "$first" "cannot create tap held: File exists: choose another name, or 'vnetctl destroy held'" \
		held type tap
	nothing_of "$first" "cannot create macvtap held on lower: File exists: choose another name, or 'vnetctl destroy held'" \
		held link lower
	nothing_of "$first" "cannot create b: mtu 9000 is more than the 1500 of lower" \
		b link lower mtu 9000
	co_eof holder
	bg_end holder
	vn create single link br0
	vn destroy held
	before=$(vt_links)
	nothing_of "$first" "cannot open 2 queues of single: it was made with one: 'create single queues 2' makes one with more" \
		single queues 2
}

# nothing_of FIRST LINE SECOND... - "FIRST dev SECOND" is refused, and all is as $before
nothing_of() {
	local after

	# shellcheck disable=SC2086 # words
	refused 125 "$2" open-exec $1 dev "${@:3}" args none -- true || return
	after=$(vt_links)
	[[ $before == "$after" ]] ||
		fail "$vt_ran changed:" "$(diff <(echo "$before") <(echo "$after"))" || return
	wait_until 5 nobody_left
}

@test "nics: what fails at the second device undoes the first, lifetime fd and watched" {
	local life

	bridge_new "$NS" br0 port0 far
	vn create old link lower mode bridge
	vn create old-t link br0
	untouched 125 "cannot find nope: No such device: 'ip link' shows which devices there are" \
		open-exec a link lower dev b link nope lifetime fd -- true
	untouched 125 "open-exec: lifetime fd is for a macvtap that open-exec makes: old exists already, and can have watched" \
		open-exec a link lower dev old lifetime fd -- true
	untouched 125 "open-exec: a tap needs no watcher: lifetime fd, which is its default, removes it with the last descriptor" \
		open-exec a link lower dev old dev old-t lifetime watched -- true
	for life in fd persistent; do
		untouched 125 "cannot create tap old-t: File exists: choose another name, or 'vnetctl destroy old-t'" \
			open-exec a link lower dev old-t type tap lifetime "$life" -- true
		untouched 127 "cannot run /no/such: No such file or directory" \
			open-exec a link lower dev b link br0 dev c type tap lifetime "$life" -- /no/such
	done
	untouched 127 "cannot run /no/such: No such file or directory" \
		open-exec a link lower dev old dev old-t dev b type tap -- /no/such
	wait_until 5 nobody_left
}

# What is in the way is our own: it will not go by itself, so it is not waited for.
# The kernel would say it only when the second one is there or is to come up.
@test "nics: two that exclude each other are refused, and soon" {
	local life pair on line="open-exec: a and b exclude each other:"
	local one="a link lower address ${MAC[1]}" other="b link lower address ${MAC[1]}"

	ip -n "$NS" link add mv0 link lower type macvlan mode bridge
	ip -n "$NS" link set mv0 up
	for life in fd watched persistent; do
		for pair in "$one dev $other" "$one dev c link peer dev $other mode bridge" \
			"$one dev ${other/lower/mv0}" "${one/lower/mv0} dev $other"; do
			on=${pair##*link }
			# shellcheck disable=SC2086 # words
			soon "$line both have ${MAC[1]} on ${on%% *}" -q $pair lifetime "$life"
		done
	done
	ip -n "$NS" link del mv0
	for life in fd watched persistent; do
		for pair in "a link lower mode passthru dev b link lower mode passthru" \
			"a link lower mode passthru dev b link lower" \
			"a link lower dev b link lower mode passthru"; do
			# shellcheck disable=SC2086
			soon "$line passthru leaves no room on lower for another" -q $pair \
				lifetime "$life"
		done
	done
	# The same of one that was there.
	vn create a link lower address "${MAC[1]}"
	soon "open-exec: b and a exclude each other: both have ${MAC[1]} on lower" \
		-q b link lower address "${MAC[1]}" dev a
}

@test "nics: two that do not exclude each other" {
	bridge_new "$NS" br0 port0 far
	probed a link lower address "${MAC[1]}" dev b link peer address "${MAC[1]}" \
		dev c link br0 address "${MAC[1]}" dev d link far mode passthru lifetime fd --
	found '.env.VNETCTL_DEV == "a,b,c,d"'
}

# soon LINE WORDS... - refused so, within five seconds, and nothing is left
soon() {
	untouched_cmd 125 "$1" in_ns "$NS" timeout 5 "$VNETCTL" "$2" open-exec "${@:3}" args none -- true &&
		wait_until 5 nobody_left
}

@test "nics: as many as there is room for" {
	local i words=() names=''

	bridge_new "$NS" br0 port0 far
	for i in {1..40}; do
		words+=(dev "v$i" link "$( ((i % 2)) && echo br0 || echo lower)")
		names+=,v$i
	done
	probed "${words[@]}" vhost off --
	found --arg names "${names#,}" '.env.VNETCTL_DEV == $names'
	found '[.argv[] | select(. == "-netdev")] | length == 40'
	found '[.fds[].ifname | select(.)] | sort == ([range(1; 41) | "v\(.)"] | sort)'
	wait_until 10 nobody_left
	for i in {1..40}; do
		assert_gone "$NS" "v$i"
	done
	# And when there is none all of it is undone.
	before=$(vt_links)
	run_cmd in_ns "$NS" bash -c 'ulimit -n 40; exec "$@"' sh \
		"$VNETCTL" open-exec "${words[@]}" -- true
	assert_status 125
	assert_out ""
	[[ $stderr == "vnetctl: cannot "*": Too many open files"* && ${#stderr_lines[@]} == 1 ]] ||
		fail "$stderr"
	[[ $before == "$(vt_links)" ]]
	wait_until 5 nobody_left
}
