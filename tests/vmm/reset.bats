#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What a former holder has set on a device is no business of the next one's: a
# reused device is like a new one. taptweak is that holder.

load ../lib/common
load ../lib/device
load ../lib/refused
load vmm

TAPTWEAK=$VT_ROOT/build/tests/taptweak

setup() {
	common_setup
	lower_new "$NS" lower wire
	bridge_new "$NS" br0 port0 far
}

# Settings, none of them what a new device has.
TWEAKS=(offload 0x1f hdrsz 12 sndbuf 4096)

# tweak DEV WORD... - a holder does what the words say to the device; it stays
# shellcheck disable=SC2016 # for the inner shell
tweak() {
	vn open-exec "$1" lifetime persistent args none -- \
		sh -c 'exec "$0" "$VNETCTL_FD" "$@"' "$TAPTWEAK" "${@:2}"
}

# features DEV - what ethtool knows of it; not whether somebody had asked for it
features() {
	in_ns "$NS" ethtool -k "$1" | sed '1d; s/ \[requested on\]//'
}

@test "reset: the values of a tap are back" {
	local fresh

	vn create new link br0
	vn create t link br0
	fresh=$(tweak new get)
	[[ $fresh == "hdrsz 10 sndbuf 2147483647 le 0" ]]
	[[ $(tweak t "${TWEAKS[@]}" get) == "hdrsz 12 sndbuf 4096 le 0" ]]
	# The kernel keeps them with the tap.
	[[ $(features t) != "$(features new)" ]]
	[[ $(tweak t get) == "$fresh" ]]
	[[ $(features t) == "$(features new)" ]]
}

@test "reset: the byte order of a tap's header is back" {
	vn create t link br0
	[[ $(tweak t le 1 get) == *"le 1" ]]
	[[ $(tweak t get) == *"le 0" ]]
}

@test "reset: a tap with several queues" {
	vn create t link br0 queues 2
	vn create new link br0 queues 2
	vn open-exec t queues 2 lifetime persistent args none -- sh -c '
		for fd in ${VNETCTL_FD%:*} ${VNETCTL_FD#*:}; do "$0" $fd "$@" || exit; done' \
		"$TAPTWEAK" "${TWEAKS[@]}"
	run_vn open-exec t queues 2 lifetime persistent args none -- sh -c '
		for fd in ${VNETCTL_FD%:*} ${VNETCTL_FD#*:}; do "$0" $fd get || exit; done' "$TAPTWEAK"
	assert_out "hdrsz 10 sndbuf 2147483647 le 0
hdrsz 10 sndbuf 2147483647 le 0"
	assert_err ""
	[[ $(features t) == "$(features new)" ]]
}

# A new queue knows nothing of the one before; what it has of the device is below.
@test "reset: the values of a macvtap are back" {
	vn create m link lower
	[[ $(tweak m get) == "hdrsz 10 sndbuf - le 0" ]]
	[[ $(tweak m offload 0 hdrsz 12 sndbuf 4096 le 1 get) == "hdrsz 12 sndbuf - le 1" ]]
	[[ $(tweak m get) == "hdrsz 10 sndbuf - le 0" ]]
}

@test "reset: by others' devices, too" {
	ip -n "$NS" tuntap add t mode tap vnet_hdr
	ip -n "$NS" link set dev t master br0
	tweak t "${TWEAKS[@]}"
	[[ $(tweak t get) == "hdrsz 10 sndbuf 2147483647 le 0" ]]
	# A tap that was made without a vnet header has one for QEMU, as the flags say.
	ip -n "$NS" tuntap add plain mode tap
	probed plain args none --
	found '[.fds[] | select(.ifname) | .tun_flags / 16384 | floor % 2] == [1]'
}

# Not with share: the other one is using it.
@test "reset: a shared device keeps its holder's values" {
	vn create t link br0 queues 2
	spawn_co holder vn open-exec t lifetime persistent args none -- "$PROBE" hold
	wait_text "$BATS_TEST_TMPDIR/holder.out" '^{'
	run_vn open-exec t share args none -- sh -c 'exec "$0" "$VNETCTL_FD" "$@"' "$TAPTWEAK" \
		hdrsz 12 offload 0x1f
	assert_status 0
	assert_err ""
	had=$(features t)
	# The send buffer is each queue's own.
	run_vn open-exec t share args none -- sh -c 'exec "$0" "$VNETCTL_FD" get' "$TAPTWEAK"
	assert_out "hdrsz 12 sndbuf 2147483647 le 0"
	[[ $(features t) == "$had" ]]
	co_eof holder
	bg_end holder
	[[ $(tweak t get) == "hdrsz 10 sndbuf 2147483647 le 0" ]]
}

# --- a failure -------------------------------------------------------------------

# whole DEV - all that can be asked of a tap
whole() {
	in_ns "$NS" "$TAPTWEAK" "dev:$1" all && in_ns "$NS" cat "/sys/class/net/$1/tun_flags" &&
		features "$1" && state "$1"
}

@test "reset: a failure leaves another's tap as it was" {
	local flags words had line

	vn create rival link lower address "${MAC[1]}" up
	for flags in "pi one_queue" "vnet_hdr" "pi multi_queue" "pi vnet_hdr multi_queue one_queue" ""; do
		for words in "" "hdrsz 12 le 1 offload 0x1f" "hdrsz 20 offload 1" "offload 3" \
			"offload 5" "offload 0xd"; do
			# shellcheck disable=SC2086 # words
			ip -n "$NS" tuntap add theirs mode tap $flags
			# shellcheck disable=SC2086
			in_ns "$NS" "$TAPTWEAK" dev:theirs $words
			had=$(whole theirs)
			for line in "" "queues 2"; do
				[[ $flags == *multi_queue* || ! $line ]] || continue
				# shellcheck disable=SC2086
				refused 127 "cannot run /no/such: No such file or directory" \
					open-exec theirs $line lifetime fd args none -- /no/such
				[[ $(whole theirs) == "$had" ]] ||
					fail "$flags, $words:" "$(diff <(echo "$had") <(whole theirs))"
			done
			# As another user; before the exec; and beside a device that cannot be.
			refused 126 "cannot run /etc: Permission denied" \
				open-exec theirs run-as nobody args none -- /etc
			refused 125 "{vhostfd}: theirs has no vhost descriptor: say 'vhost on'" \
				open-exec theirs -- true '{vhostfd}'
			refused 125 "cannot bring up x: Address already in use: ${MAC[1]} is already used by rival on lower" \
				open-exec theirs dev x link lower address "${MAC[1]}" args none -- true
			[[ $(whole theirs) == "$had" ]] ||
				fail "$flags, $words:" "$(diff <(echo "$had") <(whole theirs))"
			ip -n "$NS" link del theirs
		done
	done
}

# --- filters: does a frame arrive? ----------------------------------------------

# forwarding DEV - waits until the bridge has noticed that it is up
forwarding() {
	wait_until 5 vt_forwards "$1"
}

vt_forwards() {
	ip -n "$NS" -d -j link show dev "$1" |
		jq -e '.[0].linkinfo.info_slave_data.state == "forwarding"' >/dev/null
}

# hears DEV - the one who holds it next hears a frame from the wire
hears() {
	spawn_co guest vn open-exec "$1" lifetime persistent -- "$FRAME" serve fd '{fd}'
	wait_text "$BATS_TEST_TMPDIR/guest.out" '^ready$'
	forwarding "$1"
	says far "send ${MAC[9]} ${MAC[1]} hello" ok
	says guest "expect hello 2000" "src ${MAC[9]} dst ${MAC[1]}"
	co_eof guest
	bg_end guest
}

# deaf DEV WORD... - while somebody holds it who has set this, no frame arrives
deaf() {
	spawn_co deaf vn open-exec "$1" lifetime persistent -- sh -c '
		fd=$1; shift; "$TAPTWEAK" "$fd" "$@" && exec "$FRAME" serve fd "$fd"' sh '{fd}' "${@:2}"
	wait_text "$BATS_TEST_TMPDIR/deaf.out" '^ready$'
	forwarding "$1"
	says far "send ${MAC[9]} ${MAC[1]} hello" ok
	says deaf "expect hello 200" none
	co_eof deaf
	bg_end deaf
}

# filtered WORD... - what it keeps out comes in again for the next one
filtered() {
	export TAPTWEAK
	vn create t link br0 address "${MAC[1]}"
	frame_on far "$NS" far
	hears t
	deaf t "$@"
	hears t
}

@test "reset: a tap's socket filter" {
	filtered filter 0
}

@test "reset: a tap's filter of addresses" {
	filtered txfilter "${MAC[8]}"
}

@test "reset: a tap's BPF filter program" {
	filtered ebpf-filter 0
}

@test "reset: a tap's BPF steering program" {
	local usual other

	export TAPTWEAK
	vn create t link br0 address "${MAC[1]}" queues 2
	frame_on far "$NS" far
	usual=$(queue_of t)
	other=$((1 - usual))
	[[ $(queue_of t steer "$other") == "$other" ]]
	[[ $(queue_of t) == "$usual" ]]
}

# queue_of DEV [WORD...] - the number, 0 or 1, of the queue to which a frame from
# the wire goes, after a holder of both has done what the words say
queue_of() {
	local answer

	spawn_co first vn open-exec "$1" queues 2 lifetime persistent args none -- sh -c '
		"$TAPTWEAK" "${VNETCTL_FD%:*}" "$@" && exec "$FRAME" serve fd "${VNETCTL_FD%:*}"' \
		sh "${@:2}" || return
	wait_text "$BATS_TEST_TMPDIR/first.out" '^ready$' || return
	forwarding "$1" || return
	says far "send ${MAC[9]} ${MAC[1]} hello" ok || return
	answer=$(ask first "expect hello 500") || return
	co_eof first
	wait_pid_gone "$(bg_pid first)"
	[[ $answer == src* ]]
	echo $?
}

# --- offloads of a new one -----------------------------------------------------

# With an offload on that it does not know of, a VMM gives its guest packets without
# a checksum.
@test "reset: the offloads of a reused device are those of a new one" {
	local dev usual

	ns_new FAR
	ip -n "$NS" link set wire netns "$FAR"
	ip -n "$NS" link set far netns "$FAR"
	for dev in wire far; do
		no_ipv6 "$FAR" "$dev"
		ip -n "$FAR" link set "$dev" up
	done
	ip -n "$FAR" addr add 10.9.0.1/24 dev wire
	ip -n "$FAR" addr add 10.8.0.1/24 dev far
	ip -n "$FAR" neigh add 10.9.0.2 lladdr "${MAC[1]}" dev wire
	ip -n "$FAR" neigh add 10.8.0.2 lladdr "${MAC[1]}" dev far
	for dev in "t 10.8.0.2 link br0" "m 10.9.0.2 link lower"; do
		# shellcheck disable=SC2086 # words
		set -- $dev
		usual=$(checksum "$2" "$1" "${@:3}" address "${MAC[1]}")
		[[ $usual == "csum "[01] ]]
		all_gone "$1"
		vn create "$1" "${@:3}" address "${MAC[1]}"
		[[ $(checksum "$2" "$1" lifetime persistent) == "$usual" ]] ||
			fail "$1: a new one has $usual, one of create has not"
		tweak "$1" offload 0x1f
		[[ $(checksum "$2" "$1" lifetime persistent) == "$usual" ]]
		tweak "$1" offload 0
		[[ $(checksum "$2" "$1") == "$usual" ]]
	done
}

# checksum IP DEV WORDS... - "csum 1" if a UDP packet for the guest, which has IP,
# comes without its checksum, else "csum 0"
checksum() {
	spawn_bg csum vn open-exec "${@:2}" args none -- sh -c '
		echo ready; exec "$0" "$VNETCTL_FD" csum 3000' "$TAPTWEAK" || return
	wait_text "$BATS_TEST_TMPDIR/csum.out" '^ready$' || return
	[[ $2 != t ]] || forwarding "$2" || return
	in_ns "$FAR" bash -c 'echo >"/dev/udp/$0/99"' "$1"
	wait_pid_gone "$(bg_pid csum)"
	sed -n 2p "$BATS_TEST_TMPDIR/csum.out"
}
