#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# `queues N`: as many descriptors, each a queue of its own, for a macvtap and a
# tap; and a guest that uses four of them.

load ../lib/common
load ../lib/qemu
load ../lib/device
load ../lib/refused
load vmm

setup() {
	common_setup
	lower_new "$NS"
	bridge_new "$NS" br0 port0 far
}

# IFF_MULTI_QUEUE, and what is always there: IFF_TAP, IFF_NO_PI, IFF_VNET_HDR
MULTI=$((0x100)) ALWAYS=$((0x5002))

# queues_are DEV N FLAGS - the probe had N descriptors of DEV, all with exactly these
# flags (but for IFF_PERSIST), all inherited on purpose, all told of
queues_are() {
	found --arg dev "$1" --argjson n "$2" --argjson flags "$3" '
		[.fds[] | select(.ifname == $dev)] | length == $n and
		all(.cloexec == false and (.tun_flags % 2048 + (.tun_flags / 4096 | floor) * 4096)
			== $flags)' || fail "$(found '[.fds[] | select(.ifname)]')" || return
	found --arg dev "$1" '([.fds[] | select(.ifname == $dev) | "\(.fd)"] | sort) ==
		(.env.VNETCTL_FD / ":" | sort)'
}

@test "queues: the flags of each descriptor are what QEMU expects" {
	local type

	for type in "link lower" "link br0" "type tap"; do
		# shellcheck disable=SC2086 # words
		probed vm0 $type --
		queues_are vm0 1 $ALWAYS
		all_gone vm0
		# shellcheck disable=SC2086
		probed vm0 $type queues 1 --
		queues_are vm0 1 $ALWAYS
		all_gone vm0
		# shellcheck disable=SC2086
		probed vm0 $type queues 2 --
		queues_are vm0 2 $((ALWAYS + MULTI))
		all_gone vm0
		# shellcheck disable=SC2086
		probed vm0 $type queues 5 lifetime fd --
		queues_are vm0 5 $((ALWAYS + MULTI))
		all_gone vm0
		wait_until 5 nothing_listed
	done
}

nothing_listed() {
	[[ $(vn -j list) == '[]' ]]
}

@test "queues: the device is made with as many" {
	vn create m link lower queues 4
	vn create t link br0 queues 4
	vn create m1 link lower
	vn create t1 link br0
	ip -n "$NS" -j -d link show m | jq -e '.[0] | .num_tx_queues == 4 and .num_rx_queues == 4'
	ip -n "$NS" -j -d link show t | jq -e '.[0].linkinfo.info_data.multi_queue'
	ip -n "$NS" -j -d link show t1 | jq -e '.[0].linkinfo.info_data.multi_queue | not'
	json "$NS" 'map({(.ifname): [.queues, .multi_queue]}) | add |
		.m == [4, null] and .m1 == [1, null] and .t[1] == true and .t1[1] == false'
}

@test "queues: a tap that create made for several" {
	local n

	vn create t link br0 queues 4
	ip -n "$NS" tuntap add theirs mode tap multi_queue vnet_hdr
	# A tap is one or the other from birth: also one queue has the flag.
	for n in 4 1 256; do
		probed t queues "$n" lifetime persistent --
		queues_are t "$n" $((ALWAYS + MULTI))
		probed theirs queues "$n" --
		queues_are theirs "$n" $((ALWAYS + MULTI))
	done
	probed t lifetime persistent --
	queues_are t 1 $((ALWAYS + MULTI))
	# One queue is no multiqueue to QEMU, though.
	probed t lifetime persistent args netdev vhost off -- -x
	got -x -netdev "tap,id=vnet0,fd=<t>" \
		-device "virtio-net-pci,netdev=vnet0,mac=$(found -r .env.VNETCTL_MAC)"
	probed t queues 4 --
	all_gone t
}

@test "queues: a tap that was made with one is refused" {
	vn create t link br0
	vn create t1 link br0 queues 1
	ip -n "$NS" tuntap add theirs mode tap
	for dev in t t1 theirs; do
		untouched 125 "cannot open 4 queues of $dev: it was made with one: 'create $dev queues 4' makes one with more" \
			open-exec "$dev" queues 4 -- true
		untouched 125 "cannot open 256 queues of $dev: it was made with one: 'create $dev queues 256' makes one with more" \
			open-exec "$dev" queues 256 share -- true
		probed "$dev" queues 1 lifetime persistent --
		queues_are "$dev" 1 $ALWAYS
	done
}

@test "queues: a macvtap that is there, however it was made" {
	local dev

	vn create m1 link lower
	vn create m4 link lower queues 4
	ip -n "$NS" link add theirs link lower type macvtap
	for dev in m1 m4 theirs; do
		probed "$dev" queues 4 lifetime persistent --
		queues_are "$dev" 4 $((ALWAYS + MULTI))
		# The next one has none of them.
		probed "$dev" lifetime persistent --
		queues_are "$dev" 1 $ALWAYS
		probed "$dev" queues 16 lifetime persistent --
		queues_are "$dev" 16 $((ALWAYS + MULTI))
	done
}

# The kernel takes ten milliseconds to close one of a macvtap's.
@test "queues: 256, and 512 descriptors with vhost" {
	probed m link lower queues 256 vhost off --
	queues_are m 256 $((ALWAYS + MULTI))
	found '.argv | index("-device") as $i | .[$i + 1] | endswith(",mq=on,vectors=514")'
	all_gone m
	using vn_dev vhost
	probed t link br0 queues 256 --
	queues_are t 256 $((ALWAYS + MULTI))
	found '[.fds[] | select(.link == "/dev/vhost-net")] | length == 256'
	found '.argv | index("-netdev") as $i | .[$i + 1] |
		capture("^tap,id=vnet0,fds=(?<a>[0-9:]+),vhost=on,vhostfds=(?<b>[0-9:]+)$") |
		(.a / ":" | unique | length) == 256 and (.b / ":" | unique | length) == 256'
}

@test "queues: numbers that are none" {
	local n

	vn create old link lower
	for n in 257 0 -1 x '' 4x 1.5 99999999999999999999; do
		untouched 125 "queues '$n' is no number from 1 to 256" \
			open-exec vm0 link lower queues "$n" -- true
		untouched 125 "queues '$n' is no number from 1 to 256" \
			open-exec old queues "$n" -- true
		untouched 1 "queues '$n' is no number from 1 to 256" \
			create vm0 link lower queues "$n"
	done
}

@test "queues: more than the limit of descriptors" {
	vn create old link lower
	vn create old-t link br0 queues 2
	for words in "a link lower" "a link br0" "a link lower lifetime fd" old old-t; do
		before=$(vt_links)
		# shellcheck disable=SC2086 # words
		run_cmd in_ns "$NS" bash -c 'ulimit -n 50; exec "$@"' sh \
			"$VNETCTL" open-exec $words queues 100 -- true
		assert_status 125
		assert_out ""
		[[ $stderr == "vnetctl: cannot "*": Too many open files"* &&
			${#stderr_lines[@]} == 1 ]] || fail "$stderr"
		[[ $before == "$(vt_links)" ]]
	done
	wait_until 5 nobody_left
}

@test "queues: each device has its own number of them" {
	probed a link lower queues 3 dev b link br0 dev c link lower queues 2 vhost off --
	[[ $(taps a) == 3 && $(taps b) == 1 && $(taps c) == 2 ]]
	# IFF_MULTI_QUEUE follows the device.
	found '[.fds[] | select(.ifname) | [.ifname, (.tun_flags / 256 | floor % 2)]] | unique ==
		[["a", 1], ["b", 0], ["c", 1]]'
}

# --- a guest -------------------------------------------------------------------

# The guest sends from each of its processors, each with a queue of its own, and
# waits until something has come in on each queue.
# shellcheck disable=SC2016 # for the guest
TRAFFIC='
count() {
	./ethtool -S eth0 | sed -n "s/^ *$1_queue_[0-9]*_packets: //p"
}
ip link set eth0 up
printf "#!/bin/sh\n[ \"\$1\" != bound ] || ip addr add \$ip/24 dev eth0\n" >/tmp/bound
chmod +x /tmp/bound
udhcpc -i eth0 -n -q -f -t 20 -T 1 -s /tmp/bound >/dev/null 2>&1 || echo no lease
echo $(ls /sys/class/net/eth0/queues)
echo $(./ethtool -l eth0 | sed -n "s/^Combined:\t*//p")
for cpu in 0 1 2 3; do
	taskset $((1 << cpu)) ping -c 1 -W 5 10.9.0.1 >/dev/null || echo cpu $cpu: no answer
done
n=0
while [ $n -lt 300 ] && count rx | grep -qx 0; do
	usleep 50000
	n=$((n + 1))
done
count tx | grep -qx 0 && echo not sent on each: $(count tx)
count rx | grep -qx 0 && echo not received on each: $(count rx)
echo end'

# flows NS - sends packets of many flows to the guest, who has the one lease
flows() {
	local address

	# $GUEST_LEASES: time, MAC, address, ...
	read -r _ _ address _ <"$GUEST_LEASES"
	in_ns "$1" bash -c 'for ((p = 2000; p < 2064; p++)); do
		echo >"/dev/udp/$0/$p"; done' "$address"
}

# fed NAME NS - one more packet of each flow, and the guest has ended
fed() {
	flows "$2"
	pid_gone "$(bg_pid "$1")"
}

# four_queues NAME NS DEV WORDS... - a guest with DEV, and DHCP and flows from its wire
four_queues() {
	local name=$1 ns=$2 wire=$3
	shift 3

	guest_net "$ns" "$wire"
	guest_new "$name" "$TRAFFIC" --smp 4 -- "$(command -v ethtool)"
	spawn_bg "$name" vn open-exec "$@" queues 4 vhost off -- "${GUEST[@]}"
	wait_until 60 vt_has_lease "${MAC[1]}" ||
		fail "$(cat "$BATS_TEST_TMPDIR/$name".{out,err})" \
			"its console: $(tail -n 20 "$BATS_TEST_TMPDIR/$name.log")" \
			"dnsmasq heard: $(<"$GUEST_LOG")" || return
	wait_until 60 fed "$name" "$ns"
	bg_end "$name"
	((status == 0)) && [[ $(<"$BATS_TEST_TMPDIR/$name.out") == \
		"rx-0 rx-1 rx-2 rx-3 tx-0 tx-1 tx-2 tx-3
4 4
end" ]] || fail "status $status" "$(cat "$BATS_TEST_TMPDIR/$name".{out,err})"
}

@test "queues: a guest has four on a macvtap, and traffic passes on each" {
	ns_new FAR
	ip -n "$NS" link set peer netns "$FAR"
	ip -n "$FAR" link set peer up
	four_queues guest "$FAR" peer vm0 link lower mode bridge address "${MAC[1]}"
	all_gone vm0
}

@test "queues: a guest has four on a tap, and traffic passes on each" {
	ns_new FAR
	ip -n "$NS" link set far netns "$FAR"
	ip -n "$FAR" link set far up
	four_queues guest "$FAR" far vm0 link br0 address "${MAC[1]}"
	all_gone vm0
}
