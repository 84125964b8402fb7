#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Whom a device may talk to: raw frames between two guests of one lower device,
# with a bridge as the switch behind it that reflects (hairpin) or does not,
# and between two taps of one bridge; also after a live change of the mode.
#
#     vm1 vm2                               vm1   vm2
#       \ /                                   \   /
#      lower ---- swport br0 ctl ---- station  br0 port0 ---- station
#
# Each frame under test is followed by one of the same kind from the station:
# when that one has come, the other has come too, or never will.

load ../lib/common
load ../lib/device

MAC1=52:54:00:00:00:01
MAC2=52:54:00:00:00:02
STATION=02:00:00:00:00:99
ALL=ff:ff:ff:ff:ff:ff

# macvtap_net - lower, the switch that it is plugged into, and the station
macvtap_net() {
	bridge_new "$NS" br0 swport lower
	lower_new "$NS" ctl station
	ip -n "$NS" link set ctl master br0
	frame_on station "$NS" station
	# What comes out of lower, before the switch has judged it.
	frame_on wire "$NS" swport
}

# tap_net - the bridge of the taps, and the station on its uplink
tap_net() {
	bridge_new "$NS" br0 port0 station
	frame_on station "$NS" station
}

hairpin() {
	ip -n "$NS" link set swport type bridge_slave hairpin "$1"
}

# guest N WORDS... - open-exec's guest gN with the device vmN
guest() {
	local n=$1
	shift

	spawn_co "g$n" vn open-exec "vm$n" address "52:54:00:00:00:0$n" "$@" \
		args none -- "$FRAME" serve fd '{fd}'
	[ "$(ask "g$n" name)" = "vm$n" ]
}

# guests_of LINK MODE1 [MODE2] - both guests
guests_of() {
	guest 1 link "$1" mode "$2"
	guest 2 link "$1" mode "${3:-$2}"
}

# set_mode MODE1 [MODE2] - live
set_mode() {
	run_vn mode vm1 "$1"
	assert_status 0
	run_vn mode vm2 "${2:-$1}"
	assert_status 0
	run_vn mode vm2
	assert_out "${2:-$1}"
}

# one_copy WHO DST TAG yes|no - exactly one frame of vm1 has come, or none;
# what is to come may still be under way
one_copy() {
	local want=none within=50

	[[ $4 == no ]] || want="src $MAC1 dst $2" within=2000
	says "$1" "expect $3 $within" "$want"
	says "$1" "expect $3 20" none
}

# sends DST - a frame from vm1, then one from the station, to both guests
sends() {
	tag=t$((++sent))
	says g1 "send $MAC1 $1 $tag" ok
	says station "send $STATION $1 c$tag" ok
	says g2 "expect c$tag 2000" "src $STATION dst $1"
}

# macvtaps WIRE UNICAST BROADCAST - whether a unicast frame for vm2 takes to
# the wire, whether it arrives at vm2, whether a broadcast does
macvtaps() {
	sends "$MAC2"
	one_copy wire "$MAC2" "$tag" "$1"
	one_copy g2 "$MAC2" "$tag" "$2"
	sends "$ALL"
	one_copy wire "$ALL" "$tag" yes
	one_copy station "$ALL" "$tag" yes
	one_copy g2 "$ALL" "$tag" "$3"
}

# What each mode promises, with a switch that does not reflect and one that does.
holds_private() {
	hairpin off
	macvtaps yes no no
	hairpin on
	macvtaps yes yes no
}

holds_vepa() {
	hairpin off
	macvtaps yes no no
	hairpin on
	macvtaps yes yes yes
}

holds_bridge() {
	hairpin off
	macvtaps no yes yes
	hairpin on
	macvtaps no yes yes
}

# taps UNICAST BROADCAST - whether they arrive at the other tap; the uplink
# hears the broadcast, and vm1 hears the uplink, whatever the mode
taps() {
	# The bridge knows where vm2 is: nothing is flooded for want of it.
	says g2 "send $MAC2 $STATION here$((++sent))" ok
	says station "expect here$sent 2000" "src $MAC2 dst $STATION"
	sends "$MAC2"
	one_copy g2 "$MAC2" "$tag" "$1"
	sends "$ALL"
	says g1 "expect c$tag 2000" "src $STATION dst $ALL"
	one_copy station "$ALL" "$tag" yes
	one_copy g2 "$ALL" "$tag" "$2"
}

@test "modes: private hears a sibling's unicast by reflection only, its broadcast never" {
	macvtap_net
	guests_of lower private
	holds_private
}

@test "modes: vepa hears a sibling by reflection only" {
	macvtap_net
	guests_of lower vepa
	holds_vepa
}

@test "modes: vepa is what no mode means" {
	macvtap_net
	guest 1 link lower
	guest 2 link lower
	json "$NS" 'map(.mode) == ["vepa", "vepa"]'
	holds_vepa
}

@test "modes: bridge hears a sibling directly, once, and unicast stays off the wire" {
	macvtap_net
	guests_of lower bridge
	holds_bridge
}

@test "modes: a macvtap in use changes its mode" {
	macvtap_net
	guests_of lower private
	holds_private
	set_mode bridge
	holds_bridge
	set_mode vepa
	holds_vepa
	set_mode private
	holds_private
}

@test "modes: pepa and veb are other words for private and bridge" {
	macvtap_net
	guests_of lower veb
	run_vn mode vm1
	assert_out bridge
	hairpin on
	macvtaps no yes yes
	run_vn mode vm1 pepa
	run_vn mode vm2 pepa
	run_vn mode vm2
	assert_out private
	macvtaps yes yes no
}

@test "modes: taps on a bridge hear each other" {
	tap_net
	guests_of br0 bridge
	taps yes yes
}

@test "modes: bridge is what no mode means to a tap" {
	tap_net
	guest 1 link br0
	guest 2 link br0
	json "$NS" 'map(.mode) == ["bridge", "bridge"]'
	taps yes yes
}

@test "modes: private taps hear the uplink, not each other" {
	tap_net
	guests_of br0 private
	taps no no
}

@test "modes: a private tap and a bridge tap hear each other" {
	tap_net
	guests_of br0 private bridge
	taps yes yes
}

@test "modes: a tap in use changes its mode" {
	tap_net
	guests_of br0 bridge
	taps yes yes
	set_mode private
	taps no no
	set_mode bridge private
	taps yes yes
	set_mode bridge
	taps yes yes
}
