#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# list: the same facts as ip has, under the same keys; its four looks; what is
# shown and what is not.

# shellcheck disable=SC2154 # common.bash sets stderr and the vt_ ones

load ../lib/common
load ../lib/refused

# --- what to list ---------------------------------------------------------------

# population - devices of both kinds in most states, made by vnetctl and by ip
population() {
	lower_new "$NS"
	lower_new "$NS" solo solo-peer
	lower_new "$NS" away away-peer
	bridge_new "$NS" br0 port0 far

	vn create vm0 link lower mode bridge address 52:54:00:00:00:01 mtu 1400 up
	vn create vm1 link lower mode private address 52:54:00:00:00:02
	vn create pt0 link solo mode passthru
	vn -q create src0 link lower mode source address 52:54:00:00:00:03
	ip -n "$NS" link add ipm0 link lower address 52:54:00:00:00:04 type macvtap
	ip -n "$NS" link add onbr0 link br0 address 52:54:00:00:00:05 type macvtap mode bridge
	vn create fifteen-bytes-x link lower address 52:54:00:00:00:06

	vn create t0 link br0 mode private address 52:54:00:00:00:11 up
	vn create t1 address 52:54:00:00:00:12 mtu 9000
	vn create t2 link br0 address 52:54:00:00:00:13
	ip -n "$NS" tuntap add ipt0 mode tap user nobody group daemon
	ip -n "$NS" tuntap add ipt1 mode tap multi_queue vnet_hdr
	ip -n "$NS" tuntap add ipt2 mode tap group 4242
	ip -n "$NS" link set ipt0 address 02:00:00:00:00:21
	ip -n "$NS" link set ipt1 address 52:00:00:00:00:22
	ip -n "$NS" link set ipt2 address 02:00:00:00:00:23
	ip -n "$NS" link set ipt2 master br0

	# What is none of both is not listed.
	ip -n "$NS" link add mv0 link lower type macvlan mode bridge
	ip -n "$NS" tuntap add tun0 mode tun
}

# The far ends of the wires go down: no carrier here, no lower device there.
trouble() {
	vn create down0 link away address 52:54:00:00:00:31 up
	vn create down1 link away address 52:54:00:00:00:32
	ip -n "$NS" link set away down
	vn create nocarrier0 link away-peer address 52:54:00:00:00:33 up
	ip -n "$NS" link set t1 up
}

attributes() {
	ip -n "$NS" link set vm1 alias 'a "quoted"  alias\with {braces}, commas'
	ip -n "$NS" link set vm1 group 7
	ip -n "$NS" link set vm1 txqueuelen 77
	ip -n "$NS" link set vm1 promisc on
	ip -n "$NS" link set t2 alias 'über'
	ip -n "$NS" link set t2 group 2147483647
	ip -n "$NS" link set t1 txqueuelen 0
	ip -n "$NS" link set t1 arp off multicast off
	ip -n "$NS" link property add dev vm1 altname another-name-of-vm1 altname short
}

# The macvtap is here, its lower device is there.
across() {
	ns_new THERE
	lower_new "$THERE" there
	ip -n "$THERE" link add across0 link there netns "$NS" \
		address 52:54:00:00:00:41 type macvtap mode bridge
}

# --- against ip -------------------------------------------------------------------

# The devices that list has to show, as it has to show them, by what ip says.
ip_says() {
	# ip writes control bytes as they are, which is no JSON.
	ip -n "$NS" -j -d link show |
		perl -pe 's/([\x01-\x09\x0b-\x1f])/sprintf "\\u%04x", ord $1/ge' |
		jq -S '[.[] |
			.linkinfo as $info |
			select($info.info_kind == "macvtap" or
				($info.info_kind == "tun" and $info.info_data.type == "tap")) |
			{ ifindex, ifname, link, link_netnsid, master, mtu, operstate, flags,
			  txqlen: (.txqlen // 0), group, ifalias, altnames, address,
			  type: (if $info.info_kind == "tun" then "tap" else "macvtap" end),
			  mode: (if $info.info_kind == "macvtap" then $info.info_data.mode else null end),
			  isolated: (if .master then $info.info_slave_data.isolated else null end),
			  persist: $info.info_data.persist,
			  vnet_hdr: $info.info_data.vnet_hdr,
			  multi_queue: $info.info_data.multi_queue,
			  user: ($info.info_data.user | if . then tostring else null end), user_group: ($info.info_data.group | if . then tostring else null end) } |
			with_entries(select(.value != null))] | sort_by(.ifindex)'
}

# The same of what list says: without the keys that are its own.
list_says() {
	jq -S '[.[] |
		if .link_netnsid then del(.link) else . end |
		if .type == "tap" then del(.mode) else . end |
		if .owner and (.owner | contains(":")) then
			.user_group = (.owner | sub("^.*:"; "")) else . end |
		if .owner and (.owner | startswith(":") | not) then
			.user = (.owner | sub(":.*$"; "")) else . end |
		del(.guest_address, .queues, .owner, .made, .lifetime, .orphaned,
			.netnsid, .netns, .node, .users)] | sort_by(.ifindex)' <<<"$1"
}

# agrees N - list shows N devices and for each key that ip has too the same
agrees() {
	local ours theirs=none before=

	# A carrier may come in between: not a difference of theirs.
	until [[ $before == "$theirs" ]]; do
		before=$(ip_says)
		run_vn -j list
		assert_status 0 && assert_err "" || return
		ours=$(list_says "$output")
		theirs=$(ip_says)
	done
	[[ $ours == "$theirs" ]] ||
		fail "ip (<) and list (>) differ:" \
			"$(diff <(echo "$theirs") <(echo "$ours"))" || return
	[[ $(jq length <<<"$ours") == "$1" ]] ||
		fail "$1 devices, and not $(jq length <<<"$ours")"
}

@test "list: like ip, as made" {
	population
	agrees 13
}

@test "list: like ip, with alias, group, queue length and flags" {
	population
	attributes
	agrees 13
}

@test "list: like ip, without carrier and below a device that is down" {
	population
	trouble
	agrees 16
}

@test "list: like ip, other names of devices that vnetctl made or not" {
	population
	ip -n "$NS" link property add dev vm0 altname other-of-vm0
	ip -n "$NS" link property add dev ipm0 altname other-of-ipm0 altname second
	ip -n "$NS" link property add dev ipt0 altname 'odd"name'
	agrees 13
}

@test "list: like ip, odd names and aliases" {
	local name n=0

	lower_new "$NS"
	for name in 'q"t' "q't" 'back\slash' é 中文字 'a,b' '{}' $'c\x01' \
		$'\x1b[31m' $'d\x7f' $'x\xff' $'\xc2\x9b'; do
		ip -n "$NS" link add name "$name" link lower type macvtap
		ip -n "$NS" link set dev "$name" alias "$name$name"
		n=$((n + 1))
	done
	agrees "$n"
}

@test "list: like ip, a lower device in another namespace" {
	lower_new "$NS"
	vn create vm0 link lower
	across
	agrees 2
	json "$NS" '.[] | select(.ifname == "across0") | .link == "there" and .link_netnsid >= 0'
	json "$NS" '.[] | select(.ifname == "vm0") | has("link_netnsid") | not'
}

@test "list: like ip, hundreds of devices" {
	local i

	lower_new "$NS"
	for ((i = 0; i < 150; i++)); do
		echo "link add vm$i link lower type macvtap mode bridge"
		echo "link set vm$i alias 'the alias of vm$i, made long $(printf '%0150d' "$i")'"
		echo "tuntap add t$i mode tap"
	done | ip -n "$NS" -batch -
	agrees 300
}

@test "list: nothing to list" {
	run_vn list
	assert_status 0
	assert_out ""
	assert_err ""
	run_vn -br list
	assert_out ""
	run_vn -d list
	assert_out ""
	run_vn -j list
	assert_status 0
	assert_out "[]"
	assert_err ""
	run_vn -p list
	assert_status 0
	assert_out "[]"
	lower_new "$NS"
	ip -n "$NS" tuntap add tun0 mode tun
	run_vn -j list
	assert_out "[]"
}

@test "list: changes nothing" {
	local before

	population
	before=$(vt_links)
	vn -d list
	vn -j list
	[[ $(vt_links) == "$before" ]]
}

# --- facts of vnetctl's own -------------------------------------------------------

# is NAME FILTER - what -j says of the device
is() {
	json "$NS" ".[] | select(.ifname == \"$1\") | $2"
}

@test "list: who made it, and the guest's MAC" {
	population
	is vm0 '.made and (has("guest_address") | not)'
	is t0 '.made and .guest_address == "52:54:00:00:00:11" and .address == "fe:54:00:00:00:11"'
	is ipm0 '.made | not'
	# By others: the tap's own but for the first byte.
	is ipt0 '(.made | not) and .guest_address == "52:00:00:00:00:21"'
	is ipt1 '(.made | not) and .guest_address == "56:00:00:00:00:22"'
	# A name that only begins like the mark is none.
	ip -n "$NS" link property add dev ipm0 altname vnetctl-0
	ip -n "$NS" link property add dev ipt0 altname vnetctl-0-525400000099-xxxxxxxx
	ip -n "$NS" link property add dev ipt1 altname vnetctl-0-525400000099-0123456789
	is ipm0 '.made | not'
	is ipt0 '(.made | not) and .guest_address == "52:00:00:00:00:21"'
	is ipt1 '.made | not'
	# It stays vnetctl's under another name, and beside other names.
	ip -n "$NS" link set t1 down
	ip -n "$NS" link set t1 name renamed
	ip -n "$NS" link property add dev renamed altname zzz
	is renamed '.made and .guest_address == "52:54:00:00:00:12"'
}

@test "list: the mode of a tap is that of its port" {
	population
	is t0 '.mode == "private" and .isolated'
	is t2 '.mode == "bridge" and (.isolated | not)'
	is ipt2 '.mode == "bridge"'
	is t1 '(has("mode") or has("isolated") or has("master")) | not'
	ip -n "$NS" link set dev ipt2 type bridge_slave isolated on
	is ipt2 '.mode == "private" and .isolated'
}

@test "list: the owner of a tap" {
	ip -n "$NS" tuntap add dev a mode tap user nobody group daemon
	ip -n "$NS" tuntap add dev b mode tap user 4242
	ip -n "$NS" tuntap add dev c mode tap group 4243
	ip -n "$NS" tuntap add dev d mode tap user 4294967294 group 4294967294
	ip -n "$NS" tuntap add dev e mode tap
	vn create f owner root
	vn create g owner 0:daemon
	vn create h owner 4242:4243
	run_vn -j list
	assert_out "$output"
	[[ $(jq -c 'map({ (.ifname): .owner }) | add' <<<"$output") == \
		'{"a":"nobody:daemon","b":"4242","c":":4243","d":"4294967294:4294967294","e":null,"f":"root","g":"root:daemon","h":"4242:4243"}' ]]
	jq -e '.[] | select(.ifname == "e") | has("owner") | not' <<<"$output"
}

@test "list: what ends it" {
	lower_new "$NS"
	vn create vm0 link lower
	vn create t0
	ip -n "$NS" link add ipm0 link lower type macvtap mode bridge
	is vm0 '.lifetime == "persistent"'
	is t0 '.lifetime == "persistent" and .persist'
	is ipm0 '.lifetime == "persistent"'
	for name in "vm0" "vm1 link lower" "vm2 link lower lifetime watched" "t0" "t1 type tap"; do
		# shellcheck disable=SC2086 # words
		spawn_co "${name%% *}" vn open-exec $name args none -- "$PROBE" hold
		wait_text "$BATS_TEST_TMPDIR/${name%% *}.out" '^{'
	done
	is vm0 '.lifetime == "watched"'
	is vm1 '.lifetime == "fd"'
	is vm2 '.lifetime == "watched"'
	is t0 '.lifetime == "fd" and (.persist | not)'
	is t1 '.lifetime == "fd" and (.persist | not)'
	for name in vm0 vm1 vm2 t0 t1; do
		co_eof "$name"
		wait_gone "$NS" "$name"
	done
}

@test "list: the node of a macvtap" {
	local node

	lower_new "$NS"
	vn create vm0 link lower
	vn create t0
	node=$(in_ns "$NS" sh -c 'cat /sys/class/net/vm0/tap*/dev')
	[[ $node =~ ^[0-9]+:[0-9]+$ ]]
	run_vn -j -d list
	jq -e --arg node "$node" '.[] | select(.ifname == "vm0") | .node == $node' <<<"$output"
	jq -e '.[] | select(.ifname == "t0") | has("node") | not' <<<"$output"
	is t0 '.queues == 1'
	is vm0 '.queues == 1'
}

@test "list: as nobody, all but what only root can see" {
	local root

	population
	settled vm0
	wait_until 5 is_down t0
	root=$(vn -j list)
	run_cmd as_nobody -j list
	assert_status 0
	assert_err ""
	jq -e --argjson root "$root" \
		'map(del(.node)) == ($root | map(del(.node)))' <<<"$output"
	run_cmd as_nobody -br list
	assert_status 0
	assert_err ""
	assert_out "$(vn -br list)"
}

as_nobody() {
	in_ns "$NS" setpriv --reuid=65534 --regid=65534 --clear-groups -- \
		/proc/self/fd/9 "$@" 9<"$VNETCTL"
}

# --- its looks -----------------------------------------------------------------------

is_down() {
	[[ $(in_ns "$NS" cat "/sys/class/net/$1/operstate") == down ]]
}

@test "list: brief, byte for byte" {
	population
	across
	settled vm0
	wait_until 5 is_down t0
	ip -n "$NS" link set pt0 address 52:54:00:00:00:07
	ip -n "$NS" link add é link lower address 52:54:00:00:00:08 type macvtap
	ip -n "$NS" link add $'\x01' link lower address 52:54:00:00:00:09 type macvtap
	run_vn -br list
	assert_status 0
	assert_err ""
	LC_ALL=C sort "$vt_out" >"$BATS_TEST_TMPDIR/sorted"
	LC_ALL=C sort >"$BATS_TEST_TMPDIR/wanted" <<-'EOF'
		\x01            DOWN           macvtap lower         vepa     52:54:00:00:00:09
		across0         DOWN           macvtap there         bridge   52:54:00:00:00:41
		fifteen-bytes-x DOWN           macvtap lower         vepa     52:54:00:00:00:06
		ipm0            DOWN           macvtap lower         vepa     52:54:00:00:00:04
		ipt0            DOWN           tap     -             -        02:00:00:00:00:21
		ipt1            DOWN           tap     -             -        52:00:00:00:00:22
		ipt2            DOWN           tap     br0           bridge   02:00:00:00:00:23
		onbr0           DOWN           macvtap br0           bridge   52:54:00:00:00:05
		pt0             DOWN           macvtap solo          passthru 52:54:00:00:00:07
		src0            DOWN           macvtap lower         source   52:54:00:00:00:03
		t0              DOWN           tap     br0           private  fe:54:00:00:00:11
		t1              DOWN           tap     -             -        fe:54:00:00:00:12
		t2              DOWN           tap     br0           bridge   fe:54:00:00:00:13
		vm0             UP             macvtap lower         bridge   52:54:00:00:00:01
		vm1             DOWN           macvtap lower         private  52:54:00:00:00:02
		é               DOWN           macvtap lower         vepa     52:54:00:00:00:08
	EOF
	diff "$BATS_TEST_TMPDIR/wanted" "$BATS_TEST_TMPDIR/sorted"
}

@test "list: text, byte for byte" {
	lower_new "$NS"
	bridge_new "$NS" br0 port0 far
	settled lower
	vn create vm0 link lower mode bridge address 52:54:00:00:00:01 mtu 1400 up
	settled vm0
	vn create t0 link br0 mode private address 52:54:00:00:00:11
	vn create t1 address 52:54:00:00:00:12
	ip -n "$NS" tuntap add ipt0 mode tap
	ip -n "$NS" link set ipt0 address 02:00:00:00:00:21
	run_vn list
	assert_status 0
	assert_err ""
	assert_out "\
vm0: operstate UP type macvtap link lower mode bridge address 52:54:00:00:00:01 mtu 1400 lifetime persistent made users -
t0: operstate DOWN type tap master br0 mode private address fe:54:00:00:00:11 guest_address 52:54:00:00:00:11 isolated on mtu 1500 lifetime persistent made users -
t1: operstate DOWN type tap address fe:54:00:00:00:12 guest_address 52:54:00:00:00:12 mtu 1500 lifetime persistent made users -
ipt0: operstate DOWN type tap address 02:00:00:00:00:21 guest_address 52:00:00:00:00:21 mtu 1500 lifetime persistent users -"
}

# as_text JSON - list -d as it follows from list -j -d: same keys, same order;
# but "made" and "orphaned" are said only of those that are
as_text() {
	jq -r '
		def words: map(.key as $key |
			if $key == "made" or $key == "orphaned" then
				(if .value then $key else empty end)
			else "\($key) " + (.value |
				if type == "boolean" then (if . then "on" else "off" end)
				elif $key == "users" then
					(if . == [] then "-" else
						map("\(.comm)(\(.pid))") | join(",") end)
				elif type == "array" then join(",")
				else tostring end)
			end) | join(" ");
		.[] | . as $dev |
		(to_entries | map(.key) | index("ifindex")) as $at |
		to_entries |
		"\($dev.ifname): \(.[1:$at] | words)\n    \(.[$at:] | words)"' <<<"$1"
}

@test "list: details in text say what JSON says" {
	local details

	population
	attributes
	across
	spawn_co held vn open-exec vm0 args none -- "$PROBE" hold
	spawn_co held-too vn open-exec t1 args none -- "$PROBE" hold
	wait_text "$BATS_TEST_TMPDIR/held.out" '^{'
	wait_text "$BATS_TEST_TMPDIR/held-too.out" '^{'
	settled vm0 t1
	wait_until 5 is_down t0
	details=$(vn -j -d list)
	run_vn -d list
	assert_status 0
	assert_err ""
	assert_out "$(as_text "$details")"
	# Without details: the first line of each.
	run_vn list
	assert_status 0
	assert_out "$(as_text "$details" | grep -v '^    ')"
	[[ $output == *"vm0: "*" users probe($(bg_pid held))"* ]]
	co_eof held
	co_eof held-too
	wait_gone "$NS" vm0
	wait_gone "$NS" t1
}

@test "list: what a terminal would obey is shown, not sent" {
	lower_new "$NS"
	ip -n "$NS" link add name $'\x1b[2J' link lower address 52:54:00:00:00:01 type macvtap
	ip -n "$NS" link add name $'\xc2\x9b2J' link lower address 52:54:00:00:00:02 type macvtap
	ip -n "$NS" link set dev $'\x1b[2J' alias $'two\nlines\x7f\xff'
	run_vn -d list
	assert_status 0
	[[ ${#lines[@]} == 4 ]]
	[[ ${lines[0]} == '\x1b[2J: operstate '* ]]
	[[ ${lines[1]} == *' ifalias two\x0alines\x7f\xff' ]]
	[[ ${lines[2]} == '\xc2\x9b2J: operstate '* ]]
	run_vn -br list
	[[ ${#lines[@]} == 2 ]]
	[[ ${lines[0]} == '\x1b[2J         DOWN '* ]]
	[[ ${lines[1]} == '\xc2\x9b2J      DOWN '* ]]
}

@test "list: pretty JSON is the same JSON" {
	population
	attributes
	settled vm0
	wait_until 5 is_down t0
	run_vn -p list
	assert_status 0
	assert_err ""
	# jq's own indentation is ours.
	assert_out "$(jq --indent 4 . "$vt_out")"
	[[ $(jq -c . <<<"$output") == "$(vn -j list)" ]]
	[[ ${#lines[@]} -gt 100 ]]
	# Compact JSON is one line.
	run_vn -j list
	[[ ${#lines[@]} == 1 ]]
}

@test "list: JSON has all details, and its keys are known" {
	local known='[ "ifindex", "ifname", "type", "link", "link_netnsid", "master",
		"isolated", "mode", "address", "guest_address", "mtu", "operstate", "flags",
		"queues", "txqlen", "group", "ifalias", "altnames", "persist", "vnet_hdr",
		"multi_queue", "owner", "made", "lifetime", "orphaned", "netnsid", "node",
		"users", "netns", "inside" ]'

	population
	attributes
	across
	run_vn -j list
	jq -e --argjson known "$known" \
		'(map(keys) | add | unique) - $known == []' <<<"$output" || fail "$output"
	jq -e 'all(.[]; has("ifindex") and has("ifname") and has("type") and
		has("address") and has("mtu") and has("operstate") and has("flags") and
		has("txqlen") and has("group") and has("made") and has("lifetime"))' \
		<<<"$output"
	# No key comes twice.
	[[ $(jq -c . <<<"$output") == "$output" ]]
}

# --- what is asked for ----------------------------------------------------------------

# names ARGS... - the names that `list ARGS` shows, sorted
names() {
	local text

	text=$(vn -j list "$@") || return
	jq -r '[.[].ifname] | sort | join(" ")' <<<"$text"
}

# shows WANTED ARGS...
shows() {
	local got

	got=$(names "${@:2}") || return
	[[ $got == "$1" ]] || fail "list ${*:2}: $got" "wanted: $1"
}

@test "list: by type, link and mode" {
	population
	shows "fifteen-bytes-x ipm0 onbr0 pt0 src0 vm0 vm1" type macvtap
	shows "ipt0 ipt1 ipt2 t0 t1 t2" type tap
	shows "fifteen-bytes-x ipm0 src0 vm0 vm1" link lower
	shows "pt0" link solo
	shows "ipt2 onbr0 t0 t2" link br0
	shows "ipt2 onbr0 t0 t2" master br0
	shows "" link peer
	shows "" link lo
	shows "ipt2 onbr0 t2 vm0" mode bridge
	shows "ipt2 onbr0 t2 vm0" mode veb
	shows "t0 vm1" mode private
	shows "t0 vm1" mode pepa
	shows "fifteen-bytes-x ipm0" mode vepa
	shows "pt0" mode passthru
	shows "pt0" mode passthrough
	shows "src0" mode source
	# All that is asked must be true.
	shows "onbr0" type macvtap link br0
	shows "ipt2 t2" type tap link br0 mode bridge
	shows "vm0" mode bridge link lower
	shows "" type tap link lower
	shows "" type tap mode vepa
}

@test "list: a link by another of its names" {
	population
	ip -n "$NS" link property add dev lower altname other
	shows "fifteen-bytes-x ipm0 src0 vm0 vm1" link other
}

# Interface indexes are per namespace: an equal one is not the same device.
@test "list: a link is not what has its index in another namespace" {
	local index

	lower_new "$NS"
	vn create vm0 link lower
	ns_new THERE
	index=$(in_ns "$NS" cat /sys/class/net/lower/ifindex)
	ip -n "$THERE" link add there index "$index" type veth peer name there-peer
	ip -n "$THERE" link add across0 link there netns "$NS" type macvtap
	shows "across0 vm0"
	shows "vm0" link lower
}

@test "list: by name" {
	population
	shows "vm0" vm0
	shows "t0 vm0" vm0 t0
	shows "t0 vm0" t0 dev vm0 vm0
	shows "ipt0" dev ipt0
	# Names and filters
	shows "vm0" vm0 t0 type macvtap
	shows "" vm0 mode vepa
	shows "vm1" mode private vm0 vm1
}

@test "list: by another name" {
	population
	ip -n "$NS" link property add dev vm0 altname another-name-of-vm0 altname short
	shows "vm0" short
	shows "vm0" another-name-of-vm0
	shows "t0 vm0" t0 short
	shows "vm0" vm0 short
}

@test "list: a name that is not there does not hide the others" {
	population
	refused 2 "cannot find nope: No such device" list nope
	for words in "nope vm0 t0" "vm0 nope t0" "t0 vm0 nope" "dev nope vm0 dev t0"; do
		# shellcheck disable=SC2086 # words
		run_vn -br list $words
		assert_status 2
		assert_err "vnetctl: cannot find nope: No such device"
		[[ $(awk '{ print $1 }' "$vt_out" | sort | xargs) == "t0 vm0" ]]
		# shellcheck disable=SC2086
		run_vn -j list $words
		assert_status 2
		assert_err "vnetctl: cannot find nope: No such device"
		[[ $(jq -r 'map(.ifname) | sort | join(" ")' <<<"$output") == "t0 vm0" ]]
	done
	run_vn -j list nope
	assert_status 2
	assert_out "[]"
	run_vn -p list nope
	assert_status 2
	assert_out "[]"
	refused 2 "cannot find nope: No such device" list link nope
}

@test "list: a name of another kind does not hide the others" {
	local line

	population
	for pair in "lower:a veth" "br0:a bridge" "lo:another device" \
		"mv0:a macvlan" "tun0:a tun without Ethernet"; do
		line="${pair%%:*} is no macvtap and no tap, but ${pair#*:}: vnetctl leaves it alone"
		refused 2 "$line" list "${pair%%:*}"
		run_vn -br list vm0 "${pair%%:*}"
		assert_status 2
		assert_err "vnetctl: $line"
		[[ ${#lines[@]} == 1 && $output == "vm0 "* ]]
	done
}

@test "list: in another namespace" {
	ns_new THERE
	ip -n "$THERE" tuntap add there mode tap
	ip -n "$NS" tuntap add here mode tap
	[[ $(vn -n "$THERE" -j list | jq -r '.[].ifname') == there ]]
	[[ $(vn -j list | jq -r '.[].ifname') == here ]]
}

# Its lower device goes elsewhere, and another card here has the same index.
@test "list: lifetime fd, whose lower device moved to another namespace" {
	local index id

	lower_new "$NS"
	index=$(in_ns "$NS" cat /sys/class/net/lower/ifindex)
	for name in vm0 vm1; do
		spawn_co "$name" vn open-exec "$name" link lower mode bridge lifetime fd args none \
			-- "$PROBE" hold
		wait_text "$BATS_TEST_TMPDIR/$name.out" '^{'
	done
	shows "vm0 vm1" link lower
	ns_new THERE
	ip -n "$NS" link set lower netns "$THERE"
	ip -n "$NS" link add ebr index "$index" type bridge
	shows "" link ebr
	shows "vm0 vm1"
	json "$NS" 'all(.[]; .link == "lower" and .link_netnsid >= 0)'
	id=$(vn -j list vm0 | jq '.[0].link_netnsid')
	run_vn -br list vm0
	assert_status 0
	[[ $output == "vm0 "*" macvtap lower  "* ]] || fail "$output"
	run_vn -t list
	assert_status 0
	assert_err ""
	[[ ${lines[0]} == "lower link_netnsid $id" && ${lines[3]} == "\`- vm1 "* ]] || fail "$output"
	run_vn destroy link ebr force
	assert_status 0
	assert_out ""
	assert_err ""
	shows "vm0 vm1"
	# Neither is it in the way of what is made on that card.
	run_vn create vm2 link ebr type macvtap mode passthru
	assert_status 0
	assert_err ""
	shows "vm2" link ebr
	for name in vm0 vm1; do
		co_eof "$name"
	done
	wait_until 5 shows vm2
}

# A master of another kind is no bridge, and its part no port.
@test "list: a tap in a bond, a team or a VRF is no port of a bridge" {
	local kind args found=

	for kind in vrf bond team; do
		args=
		[[ $kind != vrf ]] || args='table 10'
		# shellcheck disable=SC2086 # words
		ip -n "$NS" link add "m-$kind" type "$kind" $args 2>/dev/null || continue
		found+=" $kind"
		vn create "t-$kind" type tap
		ip -n "$NS" link set "t-$kind" master "m-$kind"
		is "t-$kind" "(has(\"mode\") or has(\"isolated\") | not) and .master == \"m-$kind\""
		shows "" link "m-$kind"
		shows "" mode bridge
		refused 2 "t-$kind has no mode: it is no port of a bridge" mode "t-$kind"
		run_vn -br list "t-$kind"
		[[ $output == "t-$kind "*" tap     -             -        "* ]] || fail "$output"
	done
	[[ $found ]] || skip "this kernel has neither VRF nor bond nor team"
}

@test "list: groups have the names that ip gives them" {
	local n

	lower_new "$NS"
	for n in 0 1 5 6 7 8 9 4660 2147483647; do
		vn create "g$n" type tap
		ip -n "$NS" link set "g$n" group "$n"
	done
	# The last one of a number counts; what follows a line that is none does not.
	printf '%s\n' '# names' '' '0 default' '5 guests # mine' $'\t6 \tsix' '0x1234 hex' \
		'7 seven' '7 sieben' 'x odd' '8 eight' >"$BATS_TEST_TMPDIR/group"
	for n in "$BATS_TEST_TMPDIR/group" /dev/null; do
		run_cmd with_groups "$n" ip -j -d link
		jq -c '[.[] | select(.ifname | test("^g[0-9]")) | { ifname, group }] | sort' \
			<<<"$output" >"$BATS_TEST_TMPDIR/theirs"
		run_cmd with_groups "$n" "$VNETCTL" -j list
		assert_status 0
		assert_err ""
		jq -c '[.[] | { ifname, group }] | sort' <<<"$output" |
			diff "$BATS_TEST_TMPDIR/theirs" -
		# A last line without an end.
		printf '9 nine' >>"$BATS_TEST_TMPDIR/group"
	done
	grep -q '"group":"default"' "$BATS_TEST_TMPDIR/theirs"
	printf '9 nine' >"$BATS_TEST_TMPDIR/group"
	run_cmd with_groups "$BATS_TEST_TMPDIR/group" "$VNETCTL" -d list g9
	assert_status 0
	[[ ${lines[1]} == *" group nine "* ]] || fail "$output"
}

# with_groups FILE CMD... - runs CMD in $NS, where ip finds the names of groups in FILE
with_groups() {
	# shellcheck disable=SC2016 # for the inner shell
	in_ns "$NS" bash -ec 'mount --bind "$0" /etc/iproute2/group; exec "$@"' "$@"
}

@test "list: mode in JSON of a device that has none" {
	vn create t0 type tap
	refused 2 "t0 has no mode: it is no port of a bridge" mode t0
	refused 2 "t0 has no mode: it is no port of a bridge" -j mode t0
	refused 2 "t0 has no mode: it is no port of a bridge" -p mode t0
}
