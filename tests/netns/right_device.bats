#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The right device, always. ifindex belongs to a network namespace, /dev does
# not, and /sys shows the namespace of whoever mounted it: so two namespaces
# get macvtaps with equal ifindex, name and MAC, and frames tell which one
# open-exec has reached. What lies at /dev/tapN is opened only if it is that
# device's node, and nothing is ever made in /dev.

load ../lib/common
load ../lib/device

MAC=52:54:00:00:00:07
STATION=02:00:00:00:00:99
ALL=ff:ff:ff:ff:ff:ff
# What is in the /dev that bare_dev makes.
BARE=$'net d\nnet/tun c\nnull c'

# twins - the namespaces $NS and $OTHER, each with a wire of its own and a
# macvtap vm0, equal in everything; /dev/tap$INDEX is the one of $NS
twins() {
	local ns

	# Clear of the indexes that vnetctl and the kernel choose.
	INDEX=$((100000 + RANDOM % 1000 * 800 + RANDOM % 800))
	ns_new OTHER
	# shellcheck disable=SC2153 # ns_new sets it
	for ns in "$NS" "$OTHER"; do
		lower_new "$ns"
		ip -n "$ns" link add link lower name vm0 index "$INDEX" \
			address "$MAC" type macvtap mode bridge
		no_ipv6 "$ns" vm0
		frame_on "station-$ns" "$ns" peer
	done
	[ "$(node_number "/dev/tap$INDEX")" = "$(own_number "$NS")" ]
	[ "$(own_number "$NS")" != "$(own_number "$OTHER")" ]
}

# node_number FILE, own_number NS - major:minor, of the file and of vm0
node_number() {
	stat -c '%t %T' "$1" | {
		read -r major minor
		echo "$((16#$major)):$((16#$minor))"
	}
}

own_number() {
	in_ns "$1" cat "/sys/class/net/vm0/tap$INDEX/dev"
}

# serve NAME CMD... - `CMD open-exec vm0` in the background, a frame tool
serve() {
	local name=$1
	shift

	spawn_co "$name" "$@" open-exec vm0 args none -- "$FRAME" serve fd '{fd}'
	[ "$(ask "$name" name)" = vm0 ]
}

# on_wire_of NAME NS - the guest NAME is on the wire of NS, not on the other
on_wire_of() {
	local guest=$1 ns=$2 other=$NS tag=t$((++sent))

	[[ $ns != "$NS" ]] || other=$OTHER
	says "$guest" "send $MAC $ALL out$tag" ok
	says "station-$ns" "expect out$tag 2000" "src $MAC dst $ALL"
	says "station-$other" "expect out$tag 20" none
	says "station-$other" "send $STATION $MAC no$tag" ok
	says "station-$ns" "send $STATION $MAC in$tag" ok
	says "$guest" "expect in$tag 2000" "src $STATION dst $MAC"
	says "$guest" "expect no$tag 20" none
}

# bare_dev NS PREPARE - sets IN_BARE, the words that run a command in NS and
# in a mount namespace of its own, whose /dev has null, net/tun, and what the
# shell text PREPARE puts there
bare_dev() {
	IN_BARE=(in_ns "$1" unshare -m bash -ec '
		mount -t tmpfs none /dev
		mkdir /dev/net
		mknod -m 666 /dev/null c 1 3
		mknod -m 666 /dev/net/tun c 10 200
		eval "$1"
		shift
		exec "$@"' bare_dev "$2")
}

# dev_of NAME - what is in the /dev of the process, one entry a line
dev_of() {
	find "/proc/$(bg_pid "$1")/root/dev" -mindepth 1 -printf '%P %y\n' | sort
}

# traced NAME - sets TRACE, a prefix that records what a command opens
traced() {
	TRACE=(strace -qq -y -e 'trace=open,openat,openat2'
		-o "$BATS_TEST_TMPDIR/$1.trace")
}

# opened NAME - the lines of the record that open /dev/tap$INDEX, and not only
# to look at what it is; fails when there is none
opened() {
	grep -E "tap${INDEX}[\">]" "$BATS_TEST_TMPDIR/$1.trace" | grep -v O_PATH
}

@test "right device: equal ifindex, name and MAC in two namespaces" {
	twins
	serve a in_ns "$NS" "$VNETCTL"
	serve b in_ns "$OTHER" "$VNETCTL"
	on_wire_of a "$NS"
	on_wire_of b "$OTHER"
	on_wire_of a "$NS"
}

@test "right device: the watcher removes its own twin" {
	twins
	for ns in "$NS" "$OTHER"; do
		spawn_co "$ns" in_ns "$ns" "$VNETCTL" open-exec vm0 args none \
			lifetime watched -- "$FRAME" serve fd '{fd}'
		[ "$(ask "$ns" name)" = vm0 ]
	done
	kill -9 "$(bg_pid "$OTHER")"
	wait_gone "$OTHER" vm0 1
	assert_there "$NS" vm0
	on_wire_of "$NS" "$NS"
	kill -9 "$(bg_pid "$NS")"
	wait_gone "$NS" vm0 1
}

@test "right device: twins made by vnetctl on equal terms" {
	ns_new OTHER
	for ns in "$NS" "$OTHER"; do
		lower_new "$ns"
		frame_on "station-$ns" "$ns" peer
		spawn_co "$ns" in_ns "$ns" "$VNETCTL" open-exec vm0 link lower \
			mode bridge address "$MAC" args none -- \
			"$FRAME" serve fd '{fd}'
		[ "$(ask "$ns" name)" = vm0 ]
	done
	on_wire_of "$NS" "$NS"
	on_wire_of "$OTHER" "$OTHER"
	kill -9 "$(bg_pid "$NS")"
	wait_gone "$NS" vm0 1
	on_wire_of_alone "$OTHER"
}

# on_wire_of_alone NS - the guest of this name still talks
on_wire_of_alone() {
	says "$1" "send $MAC $ALL alone" ok
	says "station-$1" "expect alone 2000" "src $MAC dst $ALL"
}

@test "right device: /sys of the other namespace" {
	twins
	# In the mounts of $NS: there /sys and /dev/tapN both tell of its vm0.
	serve b in_ns "$NS" nsenter --net="/run/netns/$OTHER" "$VNETCTL"
	on_wire_of b "$OTHER"
	serve a in_ns "$OTHER" nsenter --net="/run/netns/$NS" "$VNETCTL"
	on_wire_of a "$NS"
}

@test "right device: a /sys that knows neither, and none at all" {
	twins
	serve b nsenter --net="/run/netns/$OTHER" "$VNETCTL"
	on_wire_of b "$OTHER"
	serve a in_ns "$NS" unshare -m sh -c \
		'mount -t tmpfs none /sys && exec "$@"' sh "$VNETCTL"
	on_wire_of a "$NS"
}

@test "right device: /dev/tapN of the other namespace is not opened" {
	twins
	traced own
	run_cmd in_ns "$NS" "${TRACE[@]}" "$VNETCTL" open-exec vm0 -- true
	assert_status 0
	# So the record shows an open that there is.
	[ "$(opened own | wc -l)" = 1 ]
	traced other
	run_cmd in_ns "$OTHER" "${TRACE[@]}" "$VNETCTL" open-exec vm0 -- true
	assert_status 0
	run ! opened other
}

@test "right device: a /dev without the node, and nothing is made there" {
	twins
	bare_dev "$OTHER" :
	serve b "${IN_BARE[@]}" "$VNETCTL"
	[ "$(dev_of b)" = "$BARE" ]
	on_wire_of b "$OTHER"
	bare_dev "$NS" :
	serve a "${IN_BARE[@]}" "$VNETCTL"
	[ "$(dev_of a)" = "$BARE" ]
	on_wire_of a "$NS"
}

@test "right device: made on the way in a /dev without nodes" {
	lower_new "$NS"
	frame_on station "$NS" peer
	bare_dev "$NS" :
	spawn_co g "${IN_BARE[@]}" "$VNETCTL" open-exec vm0 link lower \
		address "$MAC" args none -- "$FRAME" serve fd '{fd}'
	[ "$(ask g name)" = vm0 ]
	[ "$(dev_of g)" = "$BARE" ]
	says g "send $MAC $ALL out" ok
	says station "expect out 2000" "src $MAC dst $ALL"
	kill -9 "$(bg_pid g)"
	wait_gone "$NS" vm0 1
}

@test "right device: an owner where there is no node to give" {
	lower_new "$NS"
	bare_dev "$NS" :
	spawn_bg holder "${IN_BARE[@]}" bash -c '
		rc=0
		"$1" create vm0 link lower owner 65534 || rc=$?
		echo "status $rc"
		exec sleep infinity' sh "$VNETCTL"
	wait_text "$BATS_TEST_TMPDIR/holder.out" '^status 2$'
	grep -qE '^vnetctl: cannot give /dev/tap[0-9]+ to its owner: No such file or directory: only a devtmpfs has such nodes: in a container without one, make the device on the host$' \
		"$BATS_TEST_TMPDIR/holder.err"
	[ "$(dev_of holder)" = "$BARE" ]
	assert_gone "$NS" vm0
}

# stands_in PREPARE LIST - something that is not the node lies in its place,
# is never opened and still there afterwards (the lines of LIST)
stands_in() {
	bare_dev "$OTHER" "$1"
	serve b "${IN_BARE[@]}" "$VNETCTL"
	on_wire_of b "$OTHER"
	[ "$(dev_of b)" = "$BARE"$'\n'"$2" ]
	co_eof b
	bg_end b
	[ "$status" = 0 ]
	traced b
	run_cmd "${IN_BARE[@]}" "${TRACE[@]}" "$VNETCTL" open-exec vm0 -- true
	assert_status 0
	assert_err ""
	run ! opened b
}

@test "right device: a regular file at /dev/tapN stays what it is" {
	twins
	stands_in "echo precious >/dev/tap$INDEX" "tap$INDEX f"
	serve c "${IN_BARE[@]}" "$VNETCTL"
	[ "$(cat "/proc/$(bg_pid c)/root/dev/tap$INDEX")" = precious ]
	on_wire_of c "$OTHER"
}

@test "right device: a fifo at /dev/tapN" {
	twins
	stands_in "mkfifo /dev/tap$INDEX" "tap$INDEX p"
}

@test "right device: another device's node at /dev/tapN" {
	twins
	stands_in "mknod /dev/tap$INDEX c 1 5" "tap$INDEX c"
}

@test "right device: the other one's node at /dev/tapN, and a link to it" {
	local number

	twins
	number=$(own_number "$NS")
	stands_in "mknod /dev/tap$INDEX c ${number/:/ }" "tap$INDEX c"
	stands_in "mknod /dev/zero c ${number/:/ }; ln -s zero /dev/tap$INDEX" \
		"tap$INDEX l"$'\n'"zero c"
}

# device_in SPEC - with -n SPEC the device is the one of $OTHER, COMMAND runs
# in the caller's namespace, $NS, where there is a twin
device_in() {
	local netns

	serve g in_ns "$NS" "$VNETCTL" -n "$1"
	on_wire_of g "$OTHER"
	netns=$(stat -Lc %i "/proc/$(bg_pid g)/ns/net")
	[ "$netns" = "$(stat -c %i "/run/netns/$NS")" ]
}

@test "right device: -n NAME" {
	twins
	device_in "$OTHER"
}

@test "right device: -n PATH" {
	twins
	device_in "/run/netns/$OTHER"
}

@test "right device: -n PID" {
	twins
	spawn_bg there in_ns "$OTHER" sleep infinity
	device_in "$(bg_pid there)"
}

@test "right device: -n NAME, made on the way, macvtap and tap" {
	local netns link words

	ns_new OTHER
	lower_new "$OTHER" lower wire
	bridge_new "$OTHER" br0
	frame_on wire "$OTHER" wire
	frame_on peer "$OTHER" peer
	netns=$(stat -c %i "/run/netns/$NS")
	for words in "lower lifetime watched" "br0"; do
		link=${words%% *}
		# shellcheck disable=SC2086 # words
		spawn_co "$link" vn -n "$OTHER" open-exec vm0 link $words \
			address "$MAC" args none -- "$FRAME" serve fd '{fd}'
		says "$link" name vm0
		[ "$(stat -Lc %i "/proc/$(bg_pid "$link")/ns/net")" = "$netns" ]
		assert_there "$OTHER" vm0
		assert_gone "$NS" vm0
		says "$link" "send $MAC $ALL out" ok
		says "$([[ $link == lower ]] && echo wire || echo peer)" \
			"expect out 2000" "src $MAC dst $ALL"
		kill -9 "$(bg_pid "$link")"
		wait_gone "$OTHER" vm0 1
	done
}

# state_of NS - all that `ip` knows of vm0; but having been up leaves a qdisc
state_of() {
	ip -n "$1" -j -d link show vm0 | jq -c 'map(del(.qdisc))'
}

@test "right device: -n NAME, and COMMAND cannot be run" {
	local before

	twins
	before=$(state_of "$OTHER")
	run_vn -n "$OTHER" open-exec vm0 lifetime watched -- /nonexistent
	assert_status 127
	assert_err "vnetctl: cannot run /nonexistent: No such file or directory"
	[ "$(state_of "$OTHER")" = "$before" ]
}
