#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Placeholders in COMMAND's arguments, for every VMM and for several devices,
# and the environment.

load ../lib/common
load ../lib/refused
load vmm

setup() {
	common_setup
	lower_new "$NS"
	bridge_new "$NS" br0 port0 far
}

ONE=(vm0 link lower address "${MAC[1]}")
TWO=(vm0 link lower address "${MAC[1]}" queues 2 dev vm1 link br0 address "${MAC[2]}" mtu 1400)

@test "placeholders: cloud-hypervisor" {
	probed "${ONE[@]}" -- --net 'fd={fds},mac={mac}'
	got --net "fd=<vm0>,mac=${MAC[1]}"
	all_gone vm0
	probed "${ONE[@]}" -- --net 'fd={fd},mac={mac},num_queues=2' --cpus boot=1
	got --net "fd=<vm0>,mac=${MAC[1]},num_queues=2" --cpus boot=1
}

@test "placeholders: crosvm" {
	probed "${ONE[@]}" -- run --net 'tap-fd={fd}' --cpus 1 bzImage
	got run --net 'tap-fd=<vm0>' --cpus 1 bzImage
}

@test "placeholders: kvmtool" {
	probed "${ONE[@]}" -- run -n 'mode=tap,fd={fd},guest_mac={mac}'
	got run -n "mode=tap,fd=<vm0>,guest_mac=${MAC[1]}"
}

@test "placeholders: QEMU, plain, multiqueue, vhost, JSON" {
	using vn_dev vhost
	probed "${ONE[@]}" -- -net 'nic,model=e1000,macaddr={mac}' -net 'tap,fd={fd}'
	got -net "nic,model=e1000,macaddr=${MAC[1]}" -net 'tap,fd=<vm0>'
	all_gone vm0
	probed "${ONE[@]}" queues 4 -- -netdev 'tap,id=n,fds={fds}' \
		-device 'virtio-net-pci,netdev=n,mac={mac},mq=on,vectors={vectors}' \
		-smp '{queues}'
	got -netdev 'tap,id=n,fds=<vm0>:<vm0>:<vm0>:<vm0>' \
		-device "virtio-net-pci,netdev=n,mac=${MAC[1]},mq=on,vectors=10" -smp 4
	all_gone vm0
	probed "${ONE[@]}" vhost on -- -netdev 'tap,id=n,fd={fd},vhost=on,vhostfd={vhostfd}'
	got -netdev 'tap,id=n,fd=<vm0>,vhost=on,vhostfd=<vhost-net>'
	all_gone vm0
	probed "${ONE[@]}" queues 2 vhost try -- \
		-netdev 'tap,id=n,fds={fds},vhost=on,vhostfds={vhostfds}'
	got -netdev 'tap,id=n,fds=<vm0>:<vm0>,vhost=on,vhostfds=<vhost-net>:<vhost-net>'
	all_gone vm0
	probed "${ONE[@]}" -- -netdev '{"type":"tap","id":"n","fd":"{fd}"}' \
		-device '{"driver":"virtio-net-pci","netdev":"n","mac":"{mac}"}'
	got -netdev '{"type":"tap","id":"n","fd":"<vm0>"}' \
		-device "{\"driver\":\"virtio-net-pci\",\"netdev\":\"n\",\"mac\":\"${MAC[1]}\"}"
}

# QEMU itself: what it does not start with is no form.
@test "placeholders: QEMU starts with its JSON" {
	spawn_co q vn open-exec "${ONE[@]}" -- "${QEMU_STOPPED[@]}" -monitor stdio \
		-netdev '{"type":"tap","id":"n","fd":"{fd}"}' \
		-device '{"driver":"virtio-net-pci","netdev":"n","mac":"{mac}","romfile":""}'
	started q
	say q "info network"
	say q quit
	bg_end q 20
	((status == 0))
	grep "type=nic,model=virtio-net-pci,macaddr=${MAC[1]}" "$BATS_TEST_TMPDIR/q.out"
	[[ ! -s $BATS_TEST_TMPDIR/q.err ]]
}

@test "placeholders: unknown braces are COMMAND's own" {
	local json='{"driver":"virtio-blk","drive":{"file":{"filename":"x"}},"a":[{}]}'

	# Without any placeholder the plain form is appended.
	probed "${ONE[@]}" args none -- "$json" '{FD}' '{ fd}' '{fd }' '{}' '{{}}' '{' '}' '}{' \
		'{fd' 'fd}' '{mac' '{fdx}' '{xfd}' '{queue}' '{:vm0}' '{fd:vm0' \
		'{nope:vm0}' '${fd' '%{x}' '{vhost}' ''
	assert_err ""
	found --arg json "$json" '.argv[1:] == [$json, "{FD}", "{ fd}", "{fd }", "{}", "{{}}",
		"{", "}", "}{", "{fd", "fd}", "{mac", "{fdx}", "{xfd}", "{queue}", "{:vm0}", "{fd:vm0",
		"{nope:vm0}", "${fd", "%{x}", "{vhost}", ""]'
	all_gone vm0
	probed "${ONE[@]}" -- "$json" '{nope:vm1}'
	got "$json" '{nope:vm1}' -net "nic,model=virtio,macaddr=${MAC[1]}" -net 'tap,fd=<vm0>'
}

@test "placeholders: the name may stand there for one device too" {
	probed "${ONE[@]}" -- 'fd={fd:vm0}' '{mac:vm0}' '{dev:vm0}'
	got 'fd=<vm0>' "${MAC[1]}" vm0
}

@test "placeholders: several devices, each by its name" {
	using vn_dev vhost
	probed "${TWO[@]}" vhost on -- 'fd={fd:vm0}' 'fd={fd:vm1}' '{mac:vm0}/{mac:vm1}' \
		'{dev:vm1}{dev:vm0}' '{mtu:vm0}' '{mtu:vm1}' '{queues:vm0}' '{queues:vm1}' \
		'{vectors:vm0}' '{vectors:vm1}'
	got 'fd=<vm0>' 'fd=<vm1>' "${MAC[1]}/${MAC[2]}" vm1vm0 1500 1400 2 1 6 4
	all_gone vm0 vm1
	probed "${TWO[@]}" vhost on -- 'fds={fds:vm0}' 'fds={fds:vm1}' \
		'vhostfds={vhostfds:vm0}' 'vhostfd={vhostfd:vm1}'
	got 'fds=<vm0>:<vm0>' 'fds=<vm1>' 'vhostfds=<vhost-net>:<vhost-net>' \
		'vhostfd=<vhost-net>'
}

@test "placeholders: {fd} is the first of {fds}" {
	probed vm0 link lower queues 3 -- '{fd}' '{fds}'
	found '.argv[1] == (.argv[2] / ":")[0] and (.argv[2] / ":" | length) == 3'
}

# A name may look like a number or like a placeholder.
@test "placeholders: odd names" {
	probed dev fd link lower address "${MAC[1]}" dev 7 link br0 dev 'a}b' type tap -- \
		'{mac:fd}' 'fd={fd:7}' '{dev:fd}' 'fd={fd:3}'
	got "${MAC[1]}" 'fd=<7>' fd 'fd=<a}b>'
	all_gone fd 7 'a}b'
	# A name comes before a place.
	probed dev a type tap dev 1 type tap -- 'fd={fd:1}'
	got 'fd=<1>'
}

@test "placeholders: by place, as a device made with %d can be named" {
	probed n%d link lower address "${MAC[1]}" dev n%d link br0 address "${MAC[2]}" -- \
		'fd={fd:1}' 'fd={fd:2}' '{mac:1}/{mac:2}' '{dev:2}{dev:1}'
	got 'fd=<n0>' 'fd=<n1>' "${MAC[1]}/${MAC[2]}" n1n0
	all_gone n0 n1
	probed n%d link lower -- 'fd={fd:1}' 'fd={fd}'
	found '.argv[1] == .argv[2] and .env.VNETCTL_DEV == "n0"'
}

# The number is known when it is too late to refuse.
@test "placeholders: a device made with %d has no name yet" {
	untouched 125 "{fd:n0}: there is no such device: write {fd:1}" \
		open-exec n%d link lower -- true '{fd:n0}'
	untouched 125 "{mac:n%d}: there is no such device: write {mac:1}, {mac:vm1}" \
		open-exec n%d link lower dev vm1 link br0 -- true '{mac:n%d}'
}

# ... and not another one that it has: the words of the command line are what is judged.
@test "placeholders: a device's name is the one on the command line" {
	vn create old link lower
	ip -n "$NS" link property add dev old altname the-other-name-of-old
	probed the-other-name-of-old -- 'fd={fd:the-other-name-of-old}' '{dev}'
	got 'fd=<old>' old
	all_gone old
}

@test "placeholders: a device that is not there" {
	local w

	for w in fd fds mac dev mtu queues vectors vhostfd vhostfds; do
		untouched 125 "{$w:vmO}: there is no such device: write {$w:vm0}" \
			open-exec "${ONE[@]}" -- true "x={$w:vmO},y"
	done
	for w in vm2 VM0 '' ' vm0' :vm0 0 3 vm0:vm0 vm0,vm1; do
		untouched 125 "{fd:$w}: there is no such device: write {fd:vm0}, {fd:vm1}" \
			open-exec "${TWO[@]}" -- true '{fd:vm0}' "{fd:$w}"
	done
	untouched 125 "{fd:2}: there is no such device: write {fd:vm0}" \
		open-exec "${ONE[@]}" args none -- true '{fd:2}'
}

# The device could not be made at all, but that is found out later.
@test "placeholders: are judged before anything is made" {
	local -a bad=(vm0 link nothing dev vm1 link lower)

	refused 125 "{fd:vmO}: there is no such device: write {fd:vm0}, {fd:vm1}" \
		open-exec "${bad[@]}" -- true '{fd:vmO}'
	refused 125 "{mac}: which of the 2 devices? Write {mac:NAME}" \
		open-exec "${bad[@]}" -- true '{mac}'
	refused 125 "{vhostfd}: vm1 has no vhost descriptor: say 'vhost on'" \
		open-exec "${bad[@]}" vhost off -- true '{vhostfd:vm1}'
	untouched 125 "cannot find nothing: No such device: 'ip link' shows which devices there are" \
		open-exec "${bad[@]}" -- true '{fd:vm0}'
}

@test "placeholders: ambiguous without a name" {
	local w

	for w in fd fds mac dev mtu queues vectors vhostfd vhostfds; do
		untouched 125 "{$w}: which of the 2 devices? Write {$w:NAME}" \
			open-exec "${TWO[@]}" -- true "x={$w}"
	done
	untouched 125 "{fd}: which of the 3 devices? Write {fd:NAME}" \
		open-exec a type tap dev b type tap dev c type tap -- true '{fd:a}' '{fd}'
	vn create old link lower
	untouched 125 "{fd}: which of the 2 devices? Write {fd:NAME}" \
		open-exec old dev new link lower args none -- true '{fd}'
	wait_until 5 nobody_left
}

@test "placeholders: {vhostfd} without vhost" {
	local w

	for w in vhostfd vhostfds; do
		untouched 125 "{$w}: vm0 has no vhost descriptor: say 'vhost on'" \
			open-exec "${ONE[@]}" -- true "{$w}"
		untouched 125 "{$w}: vm0 has no vhost descriptor: say 'vhost on'" \
			open-exec "${ONE[@]}" vhost off args netdev -- true "{$w}"
		untouched 125 "{$w}: vm1 has no vhost descriptor: say 'vhost on'" \
			open-exec "${TWO[@]}" vhost off -- true "{$w:vm1}"
		untouched_cmd 125 "{$w}: vm0 has no vhost descriptor: say 'vhost on'" \
			vn_dev none open-exec "${ONE[@]}" vhost try -- true "{$w}"
	done
	wait_until 5 nobody_left
}

@test "placeholders: any of them, and nothing is appended, whatever args says" {
	local style

	for style in net netdev none; do
		probed "${TWO[@]}" vhost off args "$style" -- '{dev:vm1}'
		got vm1
		all_gone vm0 vm1
	done
}

@test "environment: comma lists, and colons within a device" {
	using vn_dev vhost
	probed "${TWO[@]}" vhost on args none --
	found --arg mac "${MAC[1]},${MAC[2]}" '.env.VNETCTL_DEV == "vm0,vm1" and
		.env.VNETCTL_MAC == $mac and
		(.env | del(.VNETCTL) | keys == ["VNETCTL_DEV", "VNETCTL_FD", "VNETCTL_MAC"])'
	# In the order of the words, and the numbers are theirs.
	found '(.fds | map(select(.ifname) | {key: "\(.fd)", value: .ifname}) | from_entries) as $n |
		[.env.VNETCTL_FD / "," | .[] | . / ":" | map($n[.])] ==
		[["vm0", "vm0"], ["vm1"]]'
}

@test "environment: what was there before is replaced, and only that" {
	VNETCTL_DEV=x VNETCTL_FD=x VNETCTL_MAC=x VNETCTL_OTHER=y probed "${ONE[@]}" --
	found --arg mac "${MAC[1]}" '.env | .VNETCTL_DEV == "vm0" and .VNETCTL_MAC == $mac and
		(.VNETCTL_FD | test("^[0-9]+$")) and .VNETCTL_OTHER == "y"'
}
