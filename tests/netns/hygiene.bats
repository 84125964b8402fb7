#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The host keeps quiet on a guest's device: nothing is on the wire before the
# guest's own first frame, also where forwarding makes the kernel talkative;
# and the guest hears what its own neighbours ask.

load ../lib/common
load ../lib/device

STATION=02:00:00:00:00:99
ALL=ff:ff:ff:ff:ff:ff
# They begin and end what a capture must show.
BEGIN=02:00:00:00:00:b0
END=02:00:00:00:00:e0

# A host that routes, as Docker and libvirt make it.
setup() {
	common_setup
	in_ns "$NS" sysctl -qw net.ipv6.conf.all.forwarding=1 \
		net.ipv6.conf.default.forwarding=1
	[ "$(in_ns "$NS" cat /proc/sys/net/ipv6/conf/default/disable_ipv6)" = 0 ]
}

# capture DEV - records what arrives at DEV, the far end of a wire
capture() {
	spawn_bg "$1" in_ns "$NS" tcpdump -l -n -e -Q in --immediate-mode -i "$1"
	wait_text "$BATS_TEST_TMPDIR/$1.err" '^listening on'
}

# mark DEV MAC - a frame of its own into the near end of a wire
mark() {
	in_ns "$NS" "$FRAME" send dev "$1" src "$2" dst "$ALL"
}

# sources DEV - who has sent what arrived at DEV, in order, until END
sources() {
	wait_text "$BATS_TEST_TMPDIR/$1.out" "^[^ ]+ $END >"
	awk '$3 == ">" { print $2 }' "$BATS_TEST_TMPDIR/$1.out"
}

# fact DEV FILE - of the device's own in /sys
fact() {
	in_ns "$NS" cat "/sys/class/net/$1/$2"
}

# disable_ipv6 DEV
disable_ipv6() {
	in_ns "$NS" cat "/proc/sys/net/ipv6/conf/$1/disable_ipv6"
}

# is_hushed DEV - the host does not talk there, and hears all for the guest
is_hushed() {
	[ "$(fact "$1" addr_assign_type)" = 3 ]
	[ "$(disable_ipv6 "$1")" = 1 ]
	ip -n "$NS" -j -d link show "$1" |
		jq -e '.[0] | .inet6_addr_gen_mode == "none" and
			(.flags | index("ALLMULTI"))'
	[ "$(ip -n "$NS" -j addr show "$1" | jq -c '.[0].addr_info')" = '[]' ]
}

# is_up DEV yes|no
is_up() {
	ip -n "$NS" -j link show "$1" |
		jq -e --arg want "$2" \
			'(.[0].flags | index("UP") != null) == ($want == "yes")'
}

@test "hygiene: macvtap and tap as create leaves them" {
	lower_new "$NS" lower wire
	bridge_new "$NS" br0
	run_vn create vm0 link lower address 52:54:00:00:00:07
	assert_status 0
	run_vn create vm1 link br0 address 52:54:00:00:00:08
	assert_status 0
	is_hushed vm0
	is_hushed vm1
	[ "$(fact vm0 address)" = 52:54:00:00:00:07 ]
	[ "$(fact vm1 address)" = fe:54:00:00:00:08 ]
	is_up vm0 no
	is_up vm1 no
}

@test "hygiene: a random address is as final as a given one" {
	lower_new "$NS" lower wire
	bridge_new "$NS" br0
	vn create vm0 link lower
	vn create vm1 link br0
	is_hushed vm0
	is_hushed vm1
	[[ $(fact vm0 address) =~ ^52:54:00(:[0-9a-f]{2}){3}$ ]]
	[[ $(fact vm1 address) =~ ^fe:54:00(:[0-9a-f]{2}){3}$ ]]
}

@test "hygiene: up with open-exec, and quiet in all modes" {
	local mode

	lower_new "$NS" lower wire
	bridge_new "$NS" br0
	for mode in private vepa bridge; do
		vn create "m-$mode" link lower mode "$mode"
		spawn_co "$mode" vn open-exec "m-$mode" args none -- "$PROBE" hold
	done
	spawn_co tap vn open-exec m-tap link br0 args none -- "$PROBE" hold
	for mode in private vepa bridge tap; do
		ask "$mode" again >/dev/null
		is_hushed "m-$mode"
		is_up "m-$mode" yes
	done
}

@test "hygiene: up with create, if so told" {
	lower_new "$NS" lower wire
	bridge_new "$NS" br0
	vn create vm0 link lower up
	vn create vm1 link br0 up
	is_hushed vm0
	is_hushed vm1
	is_up vm0 yes
	is_up vm1 yes
}

# It is quiet from its making; what an admin has done since is as he wants it.
@test "hygiene: what was changed after the making stays so" {
	local words

	lower_new "$NS" lower wire
	bridge_new "$NS" br0
	for words in "link lower" "link br0"; do
		# shellcheck disable=SC2086 # words
		vn create vm0 $words
		in_ns "$NS" sysctl -qw net.ipv6.conf.vm0.disable_ipv6=0
		ip -n "$NS" link set vm0 up
		ip -n "$NS" -6 addr add fd00::1/64 dev vm0 nodad
		run_vn open-exec vm0 lifetime persistent -- /nonexistent
		assert_status 127
		spawn_co g vn open-exec vm0 lifetime persistent args none -- "$PROBE" hold
		ask g again >/dev/null
		[ "$(disable_ipv6 vm0)" = 0 ]
		ip -n "$NS" -6 -j addr show dev vm0 |
			jq -e 'any(.[].addr_info[]?; .local == "fd00::1")'
		co_eof g
		bg_end g
		vn destroy vm0
	done
}

@test "hygiene: a tap without a bridge is the host's end of a cable" {
	vn create t0
	[ "$(disable_ipv6 t0)" = 0 ]
	spawn_co g vn open-exec t0 args none -- "$PROBE" hold
	ask g again >/dev/null
	[ "$(disable_ipv6 t0)" = 0 ]
}

# Hushed at its making, or not at all: what it has later is somebody's choice.
@test "hygiene: a device too small for IPv6 that has grown has what it was given" {
	lower_new "$NS" lower wire
	run_vn create vm0 link lower mtu 1000
	assert_status 0
	assert_err ""
	ip -n "$NS" link set vm0 mtu 1500
	[ "$(disable_ipv6 vm0)" = 0 ]
	spawn_co g vn open-exec vm0 args none -- "$PROBE" hold
	ask g again >/dev/null
	[ "$(disable_ipv6 vm0)" = 0 ]
}

@test "hygiene: a device made by others keeps its settings" {
	lower_new "$NS" lower wire
	ip -n "$NS" link add link lower name vm0 type macvtap
	spawn_co g vn open-exec vm0 args none -- "$PROBE" hold
	ask g again >/dev/null
	is_up vm0 yes
	[ "$(disable_ipv6 vm0)" = 0 ]
	ip -n "$NS" -j -d link show vm0 | jq -e '
		.[0].inet6_addr_gen_mode == "eui64" and
		(.[0].flags | index("ALLMULTI") | not)'
}

@test "hygiene: the wire is silent from create to the guest's first frame" {
	local dev bridge_mac

	# vm0 and vm1 are macvtaps, vm2 and vm3 taps; the first of a pair is
	# there before open-exec.
	lower_new "$NS" lower wire
	bridge_new "$NS" br0
	# A veth's own may begin with 0xfe, as a tap's.
	ip -n "$NS" link set port0 address 02:00:00:00:00:99
	capture wire
	capture peer
	mark lower "$BEGIN"
	mark port0 "$BEGIN"
	bridge_mac=$(fact br0 address)
	vn create vm0 link lower address 52:54:00:00:00:10
	vn create vm2 link br0 address 52:54:00:00:00:12
	for dev in vm0 vm2; do
		spawn_co "$dev" vn open-exec "$dev" args none -- \
			"$FRAME" serve fd '{fd}'
	done
	spawn_co vm1 vn open-exec vm1 link lower address 52:54:00:00:00:11 \
		args none -- "$FRAME" serve fd '{fd}'
	spawn_co vm3 vn open-exec vm3 link br0 address 52:54:00:00:00:13 \
		args none -- "$FRAME" serve fd '{fd}'
	for dev in vm0 vm1 vm2 vm3; do
		says "$dev" name "$dev"
		is_up "$dev" yes
	done
	# An unquiet host sends its first frames within a second of "up".
	sleep 2
	for dev in vm0 vm1 vm2 vm3; do
		says "$dev" "send 52:54:00:00:00:1${dev#vm} $ALL first" ok
	done
	# Nor is there a word when they go.
	for dev in vm0 vm1 vm2 vm3; do
		kill -9 "$(bg_pid "$dev")"
	done
	for dev in vm0 vm1 vm2 vm3; do
		wait_gone "$NS" "$dev"
	done
	[ "$(fact br0 address)" = "$bridge_mac" ]
	mark lower "$END"
	mark port0 "$END"
	[ "$(sources wire)" = "$BEGIN
52:54:00:00:00:10
52:54:00:00:00:11
$END" ]
	[ "$(sources peer)" = "$BEGIN
52:54:00:00:00:12
52:54:00:00:00:13
$END" ]
}

@test "hygiene: a tap's address does not become the bridge's" {
	local mac=fc:ff:ff:ff:ff:fe

	bridge_new "$NS" br0
	# As high as a card's is: a veth's own may begin with 0xfe, too.
	ip -n "$NS" link set port0 address $mac
	[ "$(fact br0 address)" = $mac ]
	# As low as a guest's can be.
	spawn_co g vn open-exec vm0 link br0 address 00:00:00:00:00:01 args none -- \
		"$PROBE" hold
	ask g again >/dev/null
	[ "$(fact br0 address)" = $mac ]
	[ "$(fact vm0 address)" = fe:00:00:00:00:01 ]
}

@test "hygiene: the guest hears its neighbours' multicast" {
	local mode to

	# A lower device for each: passthru takes it whole.
	for mode in private vepa bridge passthru; do
		lower_new "$NS" "l-$mode" "w-$mode"
		frame_on "w-$mode" "$NS" "w-$mode"
		spawn_co "$mode" vn open-exec "m-$mode" link "l-$mode" \
			mode "$mode" args none -- "$FRAME" serve fd '{fd}'
		says "$mode" name "m-$mode"
	done
	bridge_new "$NS" br0 port0 w-tap
	frame_on w-tap "$NS" w-tap
	spawn_co tap vn open-exec m-tap link br0 args none -- \
		"$FRAME" serve fd '{fd}'
	says tap name m-tap
	for mode in private vepa bridge passthru tap; do
		# A solicitation for an address of the guest's own choice, all
		# nodes, mDNS.
		for to in 33:33:ff:12:34:56 33:33:00:00:00:01 01:00:5e:00:00:fb; do
			says "w-$mode" "send $STATION $to $to" ok
			says "$mode" "expect $to 2000" "src $STATION dst $to"
		done
	done
}

# --- a tap alone ---------------------------------------------------------------------

@test "hygiene: a tap without a bridge is the host's own end of a cable, with IPv6" {
	run_vn create t0 type tap address 52:54:00:00:00:08 up
	assert_status 0
	assert_err ""
	[ "$(disable_ipv6 t0)" = 0 ]
	ip -n "$NS" -6 addr add fd00::1/64 dev t0 nodad
	# Nor does a start change what somebody has set there, also one that fails.
	run_vn open-exec t0 lifetime persistent args none -- /nonexistent
	assert_status 127
	has_address t0
	run_vn open-exec t0 lifetime persistent args none -- true
	assert_status 0
	assert_err ""
	has_address t0
	vn destroy t0
	spawn_co g vn open-exec t1 type tap args none -- "$PROBE" hold
	ask g again >/dev/null
	[ "$(disable_ipv6 t1)" = 0 ]
	ip -n "$NS" -6 addr add fd00::1/64 dev t1 nodad
	has_address t1
}

has_address() {
	[ "$(disable_ipv6 "$1")" = 0 ] &&
		ip -n "$NS" -j -6 addr show dev "$1" | jq -e 'any(.[0].addr_info[]; .local == "fd00::1")'
}

@test "hygiene: what somebody switched on for a device that exists stays on" {
	local dev

	lower_new "$NS" lower wire
	bridge_new "$NS" br0
	vn create vm0 link lower up
	vn create vm1 link br0 up
	for dev in vm0 vm1; do
		in_ns "$NS" sysctl -qw "net.ipv6.conf.$dev.disable_ipv6=0"
		ip -n "$NS" -6 addr add fd00::1/64 dev "$dev" nodad
		run_vn open-exec "$dev" lifetime persistent args none -- /nonexistent
		assert_status 127
		has_address "$dev"
		run_vn open-exec "$dev" lifetime persistent args none -- true
		assert_status 0
		has_address "$dev"
	done
}

# --- names that are not only names -------------------------------------------------------

@test "hygiene: a device called all or default changes nothing of the host's" {
	local name

	lower_new "$NS" lower wire
	for name in all default; do
		# With IPv6 on it the kernel itself refuses the name.
		vn create vm0 link lower mtu 1000
		ip -n "$NS" link set vm0 name "$name"
		run_vn -q open-exec dev "$name" lifetime persistent args none -- true
		assert_status 0
		assert_err ""
		run_vn destroy dev "$name"
		assert_status 0
		# It is not one that vnetctl makes.
		run_vn create dev "$name" link lower
		assert_status 1
		assert_gone "$NS" "$name"
		[ "$(disable_ipv6 all) $(disable_ipv6 default)" = "0 0" ]
	done
}

# arp_answer ADDRESS - somebody answers for it on the wire
arp_answer() {
	in_ns "$FAR" busybox arping -q -f -c 3 -w 3 -I wire "$1"
}

# With an address of the host's on it, which an admin may have given it.
@test "hygiene: the host answers no ARP on a macvtap, wherever it is moved" {
	local OTHER

	ns_new FAR
	ns_new OTHER
	lower_new "$NS" lower wire
	ip -n "$NS" link set wire netns "$FAR"
	ip -n "$FAR" link set wire up
	ip -n "$FAR" addr add 10.9.9.9/24 dev wire
	ip -n "$NS" addr add 10.9.9.1/24 dev lower
	arp_answer 10.9.9.1
	vn create vm0 link lower mode bridge up
	ip -n "$NS" addr add 10.9.9.2/32 dev vm0
	in_ns "$NS" sysctl -qw net.ipv4.conf.lower.arp_ignore=1
	run arp_answer 10.9.9.2
	[ "$status" = 1 ]
	ip -n "$NS" link set vm0 netns "$OTHER"
	ip -n "$OTHER" link set vm0 up
	ip -n "$OTHER" addr add 10.9.9.2/24 dev vm0
	run arp_answer 10.9.9.2
	[ "$status" = 1 ]
	# Without the flag it would.
	ip -n "$OTHER" link set vm0 arp on
	arp_answer 10.9.9.2
}
