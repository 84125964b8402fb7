#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The words of each command: one line and one status for each that is wrong.

load ../lib/common
load ../lib/refused

modes='private, vepa, bridge, passthru, source'

# creation_words STATUS COMMAND END... - the words that make a device, which
# create and open-exec have in common; END ends each line
creation_words() {
	local st=$1 cmd=$2 word
	local -a end=("${@:3}")

	for word in type link mode address mtu queues; do
		refused "$st" "$(needs_value "$cmd" "$word")" "$cmd" vm0 "$word" "${end[@]}"
	done
	refused "$st" "$(needs_value "$cmd" link)" "$cmd" vm0 master "${end[@]}"

	refused "$st" "$cmd: 'type' is given twice" \
		"$cmd" vm0 type tap type macvtap "${end[@]}"
	refused "$st" "$cmd: 'type' is given twice" \
		"$cmd" type tap vm0 type tap "${end[@]}"
	refused "$st" "$cmd: 'link' is given twice" \
		"$cmd" vm0 link lo link lo "${end[@]}"
	refused "$st" "$cmd: 'link' is given twice" \
		"$cmd" vm0 link lo master lo "${end[@]}"
	refused "$st" "$cmd: 'mode' is given twice" \
		"$cmd" vm0 mode bridge mode bridge "${end[@]}"
	refused "$st" "$cmd: 'mode' is given twice" \
		"$cmd" vm0 mode bridge mode nonsense "${end[@]}"
	refused "$st" "$cmd: 'address' is given twice" \
		"$cmd" vm0 address 52:54:00:00:00:01 address 52:54:00:00:00:01 "${end[@]}"
	refused "$st" "$cmd: 'mtu' is given twice" \
		"$cmd" vm0 mtu 1500 mtu 1500 "${end[@]}"

	for word in TAP macvtaps tun ipvtap "" "{macvtap" "macvtap|tap"; do
		refused "$st" "$cmd: '$word' is no type: one of {macvtap|tap}" \
			"$cmd" vm0 type "$word" "${end[@]}"
	done
	for word in Bridge vlan "" vep none; do
		refused "$st" "mode '$word' is not known: one of $modes" \
			"$cmd" vm0 mode "$word" "${end[@]}"
	done
	for word in 52:54:00:00:00 52-54-00-00-00-01 52:54:00:00:00:0g random ""; do
		refused "$st" "address '$word' is no Ethernet address: write it like 52:54:00:12:34:56" \
			"$cmd" vm0 address "$word" "${end[@]}"
	done
	for word in 01:00:00:00:00:00 ff:ff:ff:ff:ff:ff 53:54:00:00:00:01; do
		refused "$st" "address '$word' is a multicast address: the first byte must be even" \
			"$cmd" vm0 address "$word" "${end[@]}"
	done
	refused "$st" "address '00:00:00:00:00:00' is the null address" \
		"$cmd" vm0 address 00:00:00:00:00:00 "${end[@]}"
	refused "$st" "address: a guest behind a tap must not have fe as first byte: the tap itself gets that one" \
		"$cmd" vm0 type tap address fe:54:00:00:00:01 "${end[@]}"
	for word in 0 67 65536 -1 1500x 0x5dc 4294968796 ""; do
		refused "$st" "mtu '$word' is no number from 68 to 65535" \
			"$cmd" vm0 mtu "$word" "${end[@]}"
	done
	refused "$st" "$cmd: 'queues' is given twice" \
		"$cmd" vm0 queues 2 queues 2 "${end[@]}"
	for word in 0 257 -1 two ""; do
		refused "$st" "queues '$word' is no number from 1 to 256" \
			"$cmd" vm0 queues "$word" "${end[@]}"
	done
	refused "$st" "link 'a/b' is no interface name: it holds '/' or ':'" \
		"$cmd" vm0 link a/b "${end[@]}"
	refused "$st" "link '' is no interface name: it is empty" \
		"$cmd" vm0 link "" "${end[@]}"

	# Words that do not fit each other.
	refused "$st" "macvtap vm0 needs a lower device: 'link DEV'" \
		"$cmd" vm0 type macvtap "${end[@]}"
	for word in vepa passthru source; do
		refused "$st" "cannot create tap vm0 with mode $word: a tap has no such mode: bridge or private" \
			"$cmd" vm0 type tap mode "$word" "${end[@]}"
		refused "$st" "cannot create tap vm0 with mode $word: a tap has no such mode: bridge or private" \
			"$cmd" vm0 link br0 mode "$word" "${end[@]}"
	done
	for word in bridge private; do
		refused "$st" "cannot create tap vm0 with mode $word: a tap has a mode only as a port of a bridge: give it 'link BRIDGE'" \
			"$cmd" vm0 mode "$word" "${end[@]}"
	done
}

needs_value() {
	local value

	case $2 in
	type) value='{macvtap|tap}' ;;
	link) value=DEV ;;
	mode) value="{${modes//, /|}}" ;;
	address) value=MAC ;;
	mtu) value=N ;;
	owner) value='USER[:GROUP]' ;;
	lifetime) value='{fd|watched|persistent}' ;;
	args) value='{net|netdev|none}' ;;
	queues | fd) value=N ;;
	vhost) value='{on|off|try}' ;;
	run-as) value='USER[:GROUP]' ;;
	esac
	echo "$1: '$2' needs a value: $2 $value"
}

# Nothing may come of a wrong line, so there is one look at the end.
nothing_made() {
	[[ $(ip -n "$NS" -br link | awk '{ print $1 }' | xargs) == "$1" ]] ||
		fail "there is:" "$(ip -n "$NS" -br link)"
}

@test "words: create" {
	local word

	ip -n "$NS" link add br0 type bridge
	refused 1 "create: which device? 'vnetctl create NAME ...'" create
	refused 1 "create: which device? 'vnetctl create NAME ...'" create up
	refused 1 "create: which device? 'vnetctl create NAME ...'" create type tap
	refused 1 "create: 'dev' needs a name" create dev
	refused 1 "create: 'dev' needs a name" create type tap dev
	for word in frob vm1 Up; do
		refused 1 "create: one device at a time: what is '$word'? A lower device or bridge is 'link $word'" \
			create vm0 "$word"
		refused 1 "create: one device at a time: what is '$word'? A lower device or bridge is 'link $word'" \
			create vm0 dev "$word"
	done
	refused 1 "create: 'up' is given twice" create vm0 up up
	creation_words 1 create
	nothing_made "lo br0"
}

@test "words: create, the owner" {
	refused 1 "$(needs_value create owner)" create t0 owner
	refused 1 "create: 'owner' is given twice" create t0 owner root owner root
	refused 1 "'owner' needs a value that is not empty" create t0 owner ""
	refused 1 "owner: there is no user 'no-such-user'" create t0 owner no-such-user
	refused 1 "owner: there is no group 'no-such-group'" create t0 owner root:no-such-group
	refused 1 "owner: there is no user '4294967295'" create t0 owner 4294967295
	refused 1 "owner ':root' is not USER or USER:GROUP" create t0 owner :root
	refused 1 "owner 'root:' is not USER or USER:GROUP" create t0 owner root:
	nothing_made lo
}

@test "words: create under its other name" {
	run_vn add t0
	assert_status 0
	assert_out ""
	assert_err ""
	assert_there "$NS" t0
	# It calls itself by its own.
	refused 1 "create: 'up' is given twice" add t1 up up
	refused 1 "create: which device? 'vnetctl create NAME ...'" add
	nothing_made "lo t0"
}

@test "words: open-exec" {
	local life

	ip -n "$NS" link add br0 type bridge
	refused 125 "open-exec: which device? 'vnetctl open-exec NAME ... -- COMMAND'" open-exec
	refused 125 "open-exec: which device? 'vnetctl open-exec NAME ... -- COMMAND'" open-exec -- true
	refused 125 "open-exec: which device? 'vnetctl open-exec NAME ... -- COMMAND'" \
		open-exec type tap -- true
	refused 125 "open-exec: which COMMAND? Put it after '--'" open-exec vm0 type tap
	refused 125 "open-exec: which COMMAND? Put it after '--'" open-exec vm0 type tap --
	refused 125 "open-exec: what is 'true'? A lower device or bridge is 'link true', a further device 'dev true', and COMMAND comes after '--'" \
		open-exec vm0 type tap true
	refused 125 "open-exec: what is 'vm1'? A lower device or bridge is 'link vm1', a further device 'dev vm1', and COMMAND comes after '--'" \
		open-exec vm0 type tap vm1 type tap -- true
	refused 125 "open-exec: vm0 is named twice" \
		open-exec vm0 type tap dev vm0 type tap -- true
	refused 125 "open-exec: vm0 is named twice" \
		open-exec vm0 type tap dev vm1 type tap dev vm0 -- true
	refused 125 "open-exec: 'dev' needs a name" open-exec dev
	refused 125 "open-exec: which COMMAND? Put it after '--'" open-exec dev --
	creation_words 125 open-exec -- true

	refused 125 "$(needs_value open-exec lifetime)" open-exec vm0 lifetime -- true
	refused 125 "open-exec: 'lifetime' is given twice" \
		open-exec vm0 lifetime fd lifetime fd -- true
	for life in "" FD persist forever; do
		refused 125 "lifetime '$life' is not known: one of fd, watched, persistent" \
			open-exec vm0 type tap lifetime "$life" -- true
	done
	refused 125 "open-exec: a tap needs no watcher: lifetime fd, which is its default, removes it with the last descriptor" \
		open-exec vm0 type tap lifetime watched -- true
	refused 125 "$(needs_value open-exec args)" open-exec vm0 args -- true
	refused 125 "open-exec: 'args' is given twice" \
		open-exec vm0 args net args netdev -- true
	refused 125 "args 'nic' is not known: one of net, netdev, none" \
		open-exec vm0 type tap args nic -- true
	nothing_made "lo br0"
}

@test "words: open-exec, the rest" {
	local word

	lower_new "$NS"
	vn create old link lower
	refused 125 "$(needs_value open-exec vhost)" open-exec vm0 type tap vhost -- true
	refused 125 "open-exec: 'vhost' is given twice" \
		open-exec vm0 vhost off vhost off -- true
	for word in "" yes ON; do
		refused 125 "vhost '$word' is not known: one of on, off, try" \
			open-exec vm0 type tap vhost "$word" -- true
	done
	refused 125 "$(needs_value open-exec fd)" open-exec vm0 type tap fd -- true
	refused 125 "open-exec: 'fd' is given twice" open-exec vm0 fd 7 fd 8 -- true
	for word in 0 2 -1 1048577 7x ""; do
		refused 125 "fd '$word' is no descriptor number from 3 on" \
			open-exec vm0 type tap fd "$word" -- true
	done
	refused 125 "open-exec: 'fd' is for a device with one queue: 'vm0' has 2" \
		open-exec vm0 type tap queues 2 fd 50 -- true
	refused 125 "$(needs_value open-exec run-as)" open-exec vm0 type tap run-as -- true
	refused 125 "open-exec: 'run-as' is given twice" \
		open-exec vm0 run-as root run-as root -- true
	refused 125 "'run-as' needs a value that is not empty" \
		open-exec vm0 type tap run-as "" -- true
	refused 125 "run-as: there is no user 'no-such-user'" \
		open-exec vm0 type tap run-as no-such-user -- true
	refused 125 "run-as: there is no group 'no-such-group'" \
		open-exec vm0 type tap run-as root:no-such-group -- true
	refused 125 "run-as 'root:' is not USER or USER:GROUP" \
		open-exec vm0 type tap run-as root: -- true
	refused 125 "open-exec: 'share' is given twice" open-exec old share share -- true
	refused 125 "open-exec: 'share' is for a device that exists: it does not go with words that make one" \
		open-exec vm0 type tap share -- true
	refused 125 "open-exec: 'lifetime' does not go with 'share': the device's life stays what it is" \
		open-exec old share lifetime watched -- true
	refused 125 "open-exec: lifetime fd is for a macvtap that open-exec makes: old exists already, and can have watched" \
		open-exec old lifetime fd -- true
	# Placeholders that cannot be replaced
	refused 125 "{vhostfd}: vm0 has no vhost descriptor: say 'vhost on'" \
		open-exec vm0 type tap -- true '{vhostfd}'
	refused 125 "{fd}: which of the 2 devices? Write {fd:NAME}" \
		open-exec vm0 type tap dev vm1 link lower -- true '{fd}'
	nothing_made "lo peer@lower lower@peer old@lower"
}

@test "words: mode" {
	local word

	lower_new "$NS"
	bridge_new "$NS" br0 port0 far
	ip -n "$NS" link add vm0 link lower type macvtap mode bridge
	refused 1 "mode: which device? 'vnetctl mode NAME [MODE]'" mode
	refused 1 "mode: 'dev' needs a name" mode dev
	for word in Bridge up "" vlan; do
		refused 1 "mode '$word' is not known: one of $modes" mode vm0 "$word"
	done
	refused 1 "mode: what is 'private'? 'vnetctl mode NAME [MODE]'" \
		mode vm0 vepa private
	refused 1 "mode: what is 'vm1'? 'vnetctl mode NAME [MODE]'" \
		mode vm0 vepa vm1
	[[ $(vn mode vm0) == bridge ]]
}

@test "words: mode takes one device" {
	lower_new "$NS"
	ip -n "$NS" link add vm0 link lower type macvtap mode bridge
	# What dev announces is a name, and never a mode.
	refused 1 "mode: one device at a time: what is 'dev private'?" \
		mode vm0 dev private
	refused 1 "mode: one device at a time: what is 'dev vm1'?" \
		mode dev vm0 dev vm1 vepa
	[[ $(vn mode vm0) == bridge ]]
}

@test "words: mode, every spelling" {
	local pair

	lower_new "$NS"
	ip -n "$NS" link add vm0 link lower type macvtap mode bridge
	for pair in private/private vepa/vepa bridge/bridge source/source \
		pepa/private veb/bridge; do
		run_vn mode vm0 "${pair%/*}"
		assert_status 0
		assert_out ""
		assert_err ""
		run_vn mode vm0
		assert_status 0
		assert_out "${pair#*/}"
		assert_err ""
		[[ $(ip -n "$NS" -j -d link show vm0 |
			jq -r '.[0].linkinfo.info_data.mode') == "${pair#*/}" ]]
	done
	run_vn -j mode dev vm0
	assert_out '[{"ifname":"vm0","mode":"bridge"}]'
	ip -n "$NS" link del vm0
	run_vn create vm0 link lower mode passthrough
	assert_status 0
	run_vn mode vm0
	assert_out passthru
	# The mode it has already is no change.
	run_vn mode vm0 passthru
	assert_status 0
	assert_err ""
}

@test "words: destroy" {
	local word

	ip -n "$NS" tuntap add t0 mode tap
	refused 1 "destroy: which device? 'vnetctl destroy NAME'" destroy
	refused 1 "destroy: which device? 'vnetctl destroy NAME'" destroy if-exists
	refused 1 "destroy: which device? 'vnetctl destroy NAME'" destroy force
	refused 1 "destroy: 'dev' needs a name" destroy dev
	refused 1 "destroy: 'dev' needs a name" destroy t0 dev
	refused 1 "destroy: 'if-exists' is given twice" destroy t0 if-exists if-exists
	for word in force orphans all; do
		refused 1 "destroy: '$word' is given twice" destroy "$word" "$word"
	done
	refused 1 "destroy: 'all' does not go with 'orphans'" destroy orphans all
	refused 1 "destroy: 'orphans' does not go with 'all'" destroy all orphans
	for word in type link; do
		refused 1 "$(needs_value destroy "$word")" destroy "$word"
		refused 1 "$(needs_value destroy "$word")" destroy all "$word"
	done
	refused 1 "destroy: 'type' is given twice" destroy type tap type tap
	refused 1 "destroy: 'link' is given twice" destroy link lo master lo
	refused 1 "destroy: 'tun' is no type: one of {macvtap|tap}" destroy type tun
	refused 1 "destroy: 'orphans' goes with nothing else" destroy orphans type tap
	refused 1 "destroy: 'orphans' goes with nothing else" destroy orphans link lo
	for word in orphans all "type tap" "link lo"; do
		# shellcheck disable=SC2086 # words
		refused 1 "destroy: names do not go with 'type', 'link', 'orphans' or 'all'" \
			destroy t0 $word
		# shellcheck disable=SC2086
		refused 1 "destroy: names do not go with 'type', 'link', 'orphans' or 'all'" \
			destroy $word t0
	done
	nothing_made "lo t0"
}

@test "words: destroy under its other names" {
	local name

	for name in destroy del delete; do
		ip -n "$NS" tuntap add t0 mode tap
		refused 1 "destroy: 'if-exists' is given twice" \
			"$name" if-exists t0 if-exists
		run_vn "$name" t0
		assert_status 0
		assert_out ""
		assert_err ""
		assert_gone "$NS" t0
		refused 2 "cannot find t0: No such device" "$name" t0
		run_vn "$name" t0 if-exists
		assert_status 0
		assert_out ""
		assert_err ""
	done
}

@test "words: list" {
	local word

	refused 1 "list: 'dev' needs a name" list dev
	for word in type link mode; do
		refused 1 "$(needs_value list "$word")" list "$word"
		refused 1 "$(needs_value list "$word")" list vm0 "$word"
	done
	refused 1 "$(needs_value list link)" list master
	refused 1 "list: 'type' is given twice" list type tap type tap
	refused 1 "list: 'link' is given twice" list link lo link lo
	refused 1 "list: 'link' is given twice" list master lo link lo
	refused 1 "list: 'mode' is given twice" list mode bridge vm0 mode vepa
	for word in used unused orphaned; do
		refused 1 "list: '$word' is given twice" list "$word" "$word"
	done
	refused 1 "list: 'unused' does not go with 'used'" list used unused
	refused 1 "list: 'used' does not go with 'unused'" list unused vm0 used
	refused 1 "list: 'orphaned' does not go with 'used'" list used type tap orphaned
	# shellcheck disable=SC2046 # words
	refused 1 "list: more than 256 names" list $(seq 257)
	refused 1 "list: 'tun' is no type: one of {macvtap|tap}" list type tun
	refused 1 "mode 'x' is not known: one of $modes" list mode x
	refused 1 "link 'a b' is no interface name: it holds a blank" list link "a b"
	# Not a byte of a stream that is then not ended.
	for word in -j -p; do
		refused 1 "mode 'x' is not known: one of $modes" "$word" list mode x
	done
}

@test "words: list under its other names" {
	local name text

	ip -n "$NS" tuntap add t0 mode tap
	run_vn list
	text=$output
	[[ $text == "t0: "* ]]
	for name in show ls; do
		run_vn "$name"
		assert_status 0
		assert_out "$text"
		assert_err ""
		refused 1 "list: 'type' is given twice" "$name" type tap type tap
	done
}

@test "words: a keyword is a name after dev" {
	local word

	lower_new "$NS"
	for word in up type link mode address mtu owner dev master lifetime args queues share fd vhost \
		run-as orphans force used unused \
		if-exists help bridge tap create list; do
		run_vn create dev "$word" type tap
		assert_status 0
		assert_out ""
		assert_err ""
		assert_there "$NS" "$word"
		run_vn list dev "$word"
		assert_status 0
		assert_err ""
		[[ $output == "$word: "* && ${#lines[@]} == 1 ]]
		refused 2 "$word has no mode: it is no port of a bridge" mode dev "$word"
		run_vn open-exec dev "$word" args none -- true
		assert_status 0
		assert_out ""
		assert_err ""
		run_vn destroy dev "$word" if-exists
		assert_status 0
		assert_err ""
		assert_gone "$NS" "$word"
	done
	# As a value it needs no dev.
	ip -n "$NS" link set lower down
	ip -n "$NS" link set lower name up
	run_vn create dev type link up
	assert_status 0
	assert_err ""
	[[ $(ip -n "$NS" -j link show dev type | jq -r '.[0].link') == up ]]
	# A keyword alone is the keyword.
	refused 1 "create: which device? 'vnetctl create NAME ...'" create up
	refused 1 "$(needs_value list type)" list type
	refused 1 "$(needs_value create type)" create dev vm0 type
}

@test "words: every order" {
	ip -n "$NS" link add br0 up type bridge
	run_vn create mode private address 52:54:00:00:00:01 up dev t0 mtu 1400 link br0
	assert_status 0
	assert_out ""
	assert_err ""
	json "$NS" '.[0] | .ifname == "t0" and .mode == "private" and
		.isolated and .guest_address == "52:54:00:00:00:01" and
		.mtu == 1400 and .master == "br0" and (.flags | contains(["UP"]))'
}
