#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The forms in which COMMAND is told of its devices: appended arguments,
# placeholders, the environment, and numbers that are pinned. The texts are exact,
# and QEMU itself takes each of the appended ones.

load ../lib/common
load ../lib/qemu
load ../lib/device
load ../lib/refused
load vmm
load rows

setup() {
	common_setup
	lower_new "$NS"
	bridge_new "$NS" br0 port0 far
}

row_is_appended() {
	probed "${WORDS[@]}" -- -m 256 'x y' &&
		assert_err "" && got -m 256 'x y' "${ARGS[@]}" && no_more
}

# no_more - the probe had as many descriptors as the row tells of, of each device and
# of vhost
no_more() {
	local word

	[[ ${ARGS[*]} ]] || return 0
	for word in a b vhost-net; do
		[[ $(found --arg w "$word" '[.fds[] | select((.ifname // (.link |
			sub(".*/"; ""))) == $w)] | length') == \
			"$(grep -o "<$word>" <<<"${ARGS[*]}" | wc -l)" ]] ||
			fail "$word: $(found .fds)" || return
	done
}

@test "forms: the appended arguments of every row" {
	each_row ROWS row_is_appended
}

@test "forms: the appended arguments of every row, with vhost" {
	using vn_dev vhost
	each_row VHOST_ROWS row_is_appended
}

@test "forms: vhost try, and netdev, without /dev/vhost-net" {
	using vn_dev none
	for WORDS in "vhost try" "args netdev" "args netdev vhost try"; do
		# shellcheck disable=SC2086 # words
		probed a link lower address "${MAC[1]}" $WORDS --
		assert_err ""
		got -netdev "tap,id=vnet0,fd=<a>" -device "${NIC}0,mac=${MAC[1]}"
		all_gone a
	done
	probed a link lower queues 2 --
	got -netdev "tap,id=vnet0,fds=<a>:<a>" \
		-device "${NIC}0,mac=$(found -r '.env.VNETCTL_MAC'),mq=on,vectors=6"
}

@test "forms: vhost on without /dev/vhost-net" {
	local line="cannot open /dev/vhost-net: No such file or directory: 'modprobe vhost_net', or 'vhost off'"

	vn create old link lower mode bridge
	vn create old-t link br0
	untouched_cmd 125 "$line" vn_dev none open-exec a link lower vhost on -- true
	untouched_cmd 125 "$line" vn_dev none open-exec a link br0 vhost on -- true
	untouched_cmd 125 "$line" vn_dev none open-exec a link lower lifetime fd vhost on -- true
	untouched_cmd 125 "$line" vn_dev none open-exec old vhost on args none -- true
	untouched_cmd 125 "$line" vn_dev none open-exec old-t vhost on -- true
	untouched_cmd 125 "$line" vn_dev none \
		open-exec a link lower dev b link br0 queues 2 vhost on -- true
	wait_until 5 nobody_left
}

# --- QEMU's hub -----------------------------------------------------------------

HUB="which QEMU would join in one hub with the '-net' that is appended: say 'args netdev', or write {fd} where it belongs"

# QEMU's DHCP server would answer on the wire. Before anything is made: there is no such link.
@test "forms: the plain form joins no other back end with the wire" {
	local -a words
	local member

	for member in '-net user' '--net user,hostfwd=tcp::2222-:22' '-net bridge,br=br0' \
		'-net tap,ifname=tap0,script=no' '-net socket,listen=:1234' '-net type=vde' \
		'-net nic' '-netdev hubport,id=h,hubid=0'; do
		read -ra words <<<"$member"
		refused 125 "COMMAND has '$member', $HUB" \
			open-exec a link nothing -- true -net nic,model=e1000 "${words[@]}"
		[[ $member == '-net nic' ]] || refused 125 "COMMAND has '$member', $HUB" \
			open-exec a link nothing args net -- true "${words[@]}"
	done
	untouched 125 "COMMAND has '-net user', $HUB" open-exec a link lower -- true -net user
}

@test "forms: what is no member of the hub that is appended" {
	local -a args
	local words

	for words in '-net none' '-nic user' '-netdev user,id=u -device e1000,netdev=u' \
		'-netdev user,id=u -net nic,netdev=u' '-netdev hubport,id=h,hubid=1' '--net qemu'; do
		read -ra args <<<"$words"
		probed a link br0 address "${MAC[1]}" -- "${args[@]}"
		got "${args[@]}" -net "nic,model=virtio,macaddr=${MAC[1]}" -net 'tap,fd=<a>'
		all_gone a
	done
	# Nothing of ours is there.
	probed a link br0 args none -- -net nic -net user
	got -net nic -net user
	all_gone a
	probed a link br0 -- -net nic -net user '{dev}'
	got -net nic -net user a
	all_gone a
	probed a link br0 address "${MAC[1]}" args netdev vhost off -- -net nic -net user
	got -net nic -net user -netdev 'tap,id=vnet0,fd=<a>' \
		-device "virtio-net-pci,netdev=vnet0,mac=${MAC[1]}"
}

@test "forms: COMMAND's own -net nic gets the address" {
	local nic

	for nic in nic nic,model=e1000 model=e1000,type=nic nic,name=a,,macaddr=b; do
		probed a link lower address "${MAC[1]}" -- -net "$nic" -m 256
		assert_err ""
		got -net "$nic,macaddr=${MAC[1]}" -m 256 -net 'tap,fd=<a>'
		all_gone a
	done
	probed a link br0 address "${MAC[1]}" -- --net nic -net none
	got --net "nic,macaddr=${MAC[1]}" -net none -net 'tap,fd=<a>'
	all_gone a
	probed a link br0 address "${MAC[1]}" -- -net "nic,macaddr=${MAC[2]}"
	got -net "nic,macaddr=${MAC[2]}" -net 'tap,fd=<a>'
}

# On a macvtap a guest with any other address hears nothing.
@test "forms: a guest whose -net nic says no address has a lease" {
	guest_net "$NS"
	spawn_bg guest vn open-exec a link lower mode bridge address "${MAC[1]}" -- \
		"${QEMU_CMD[@]}" -net nic
	[[ $(wait_lease "${MAC[1]}") =~ ^10\.9\.0\.[0-9]+$ ]]
	[[ ! -s $BATS_TEST_TMPDIR/guest.err ]]
	kill -9 "$(bg_pid guest)"
	bg_end guest
	((status == 137))
	all_gone a
}

# --- QEMU takes them ----------------------------------------------------------

# QEMU has a back end for each descriptor, in its order, and NICs with these
# MACs; a hub in the plain form only; and no complaint.
row_starts() {
	local name=qemu$((++starts)) line out want have

	[[ ${ARGS[*]} ]] || return 0
	out=$BATS_TEST_TMPDIR/$name.out
	spawn_co "$name" vn open-exec "${WORDS[@]}" -- "${QEMU_STOPPED[@]}" -monitor stdio &&
		started "$name" || return
	line=$(tr '\0' ' ' <"/proc/$(bg_pid "$name")/cmdline")
	say "$name" "info network"
	say "$name" quit
	bg_end "$name" 20 || return
	want=$(told ' tap(,id=vnet[0-9])?,fds?=[0-9:]+' <<<"$line" | tr : '\n'
		told 'mac(addr)?=[0-9a-f:]+' <<<"$line")
	have=$(told 'type=tap,fd=[0-9]+' <"$out"; told 'macaddr=[0-9a-f:]+' <"$out")
	((status == 0)) && [[ ! -s $BATS_TEST_TMPDIR/$name.err && $have && $have == "$want" ]] &&
		[[ $(grep -c '^hub 0' "$out") == $([[ ${ARGS[0]} != -net ]]; echo $?) ]] ||
		fail "status $status, not as in:" "$line" \
			"$(cat "$out" "$BATS_TEST_TMPDIR/$name.err")"
}

@test "forms: QEMU starts with the arguments of every row" {
	local starts=0

	each_row ROWS row_starts
}

# manual_row_starts - QEMU has what the row says. Its rows with vhost are for a machine that
# has it (vhost.bats); here is none.
manual_row_starts() {
	local name out multi

	[[ $VHOST != yes ]] || return 0
	name=qemu$((++starts))
	out=$BATS_TEST_TMPDIR/$name.out
	spawn_co "$name" vn_dev none open-exec "${WORDS[@]}" -- "${QEMU_STOPPED[@]}" \
		-monitor stdio && started "$name" || return
	say "$name" "info virtio"
	say "$name" "info network"
	wait_text "$out" '^/machine/.* \[virtio-net\]' &&
		say "$name" "info virtio-status $(sed -n 's/ \[virtio-net\].*//p' "$out" | head -n 1)"
	say "$name" quit
	bg_end "$name" 20 || return
	multi=$((QUEUES > 1))
	((status == 0)) && [[ ! -s $BATS_TEST_TMPDIR/$name.err ]] &&
		has "$((NICS * QUEUES))" 'type=tap,fd=' && has "$NICS" 'type=nic,model=virtio-net-pci' &&
		has "$([[ $FORM == hub ]]; echo $((!$?)))" '^hub 0' &&
		has "$multi" VIRTIO_NET_F_MQ: &&
		has "$([[ $OFFLOADS == yes ]]; echo $((!$?)))" VIRTIO_NET_F_CSUM: ||
		fail "status $status" "$(grep -v '^(qemu)' "$out")" \
			"$(cat "$BATS_TEST_TMPDIR/$name.err")"
}

# has N REGEX - QEMU has said N such lines
has() {
	local n

	n=$(grep -cE "$2" "$out")
	((n == $1)) || fail "$n lines of $2, not $1"
}

@test "forms: QEMU starts with every row of the manual's table, and has what it says" {
	local starts=0

	each_manual_row manual_row_starts
	((starts == 12))
}
