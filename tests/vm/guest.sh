#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What vm.bats runs inside the virtual machine: vnetctl on lower devices and
# with kernel parts that the machine under it may not have (dummy, 802.1Q, vhost,
# connection tracking, ipvtap). Prints one line "ok NAME" or "not ok NAME: why"
# for each name in vm.bats, and "# ..." for what was measured.
#
# The kernel is emulated: everything takes ten to twenty times as long as on a
# host. GONE_MS is how long a device may outlive its killed holder here.

# shellcheck disable=SC2317 # all functions are called through check

GONE_MS=3000
# vm.every on the kernel's command line: the long form of what is done call by call.
every=4
! grep -qw vm.every /proc/cmdline || every=1
holder=''

source ./verbs.sh

# silent COMMAND...: succeeds and prints nothing
silent() {
	local text rc=0

	text=$("$@" 2>&1) || rc=$?
	[[ $rc -eq 0 && -z $text ]] || fail "$* ended with $rc: $text"
}

# refused PATTERN COMMAND...: ends with 2 and one line on stderr like PATTERN
refused() {
	local pattern=$1 text rc=0
	shift

	text=$("$@" 2>&1 >/dev/null) || rc=$?
	[[ $rc -eq 2 ]] || fail "$* ended with $rc, not 2: $text" || return
	# shellcheck disable=SC2053 # a pattern
	[[ $text == $pattern && $text != *$'\n'* ]] || fail "$*: $text"
}

# --- where a device is --------------------------------------------------------

# Commands run here, or in the namespace ct when in_ct is set.
in_ct=''

inside() {
	if [[ -n $in_ct ]]; then
		ip netns exec ct "$@"
	else
		"$@"
	fi
}

# ip sees it: true for all devices but those of "lifetime fd"
visible() {
	if [[ -n $in_ct ]]; then
		ip -n ct link show dev "$1" >/dev/null 2>&1
	else
		[[ -e /sys/class/net/$1 ]]
	fi
}

listed() {
	[[ $(inside vnetctl -j list) == *"\"$1\""* ]]
}

invisible() {
	! visible "$1"
}

unlisted() {
	! listed "$1"
}

# --- holders ------------------------------------------------------------------

# hold WORDS...: open-exec with a command that holds the device until it is
# killed. Sets $holder (its pid), $fd and $mac, as the command sees them.
hold() {
	local start=(vnetctl)

	# no function and no subshell: the pid must be the command's own
	[[ -n $in_ct ]] && start=(ip netns exec ct vnetctl)
	rm -f /tmp/held
	# shellcheck disable=SC2016 # for the inner shell
	"${start[@]}" open-exec "$@" args none -- sh -c \
		'echo "$VNETCTL_FD $VNETCTL_DEV $VNETCTL_MAC" >/tmp/held.new &&
		mv /tmp/held.new /tmp/held && exec sleep 1000' </dev/null &
	holder=$!
	until_true 10000 held_or_dead
	if [[ ! -e /tmp/held ]]; then
		release
		fail "open-exec $* did not start its command"
		return
	fi
	read -r fd dev mac </tmp/held
	[[ $dev == "$1" ]] || fail "VNETCTL_DEV is '$dev'"
}

held_or_dead() {
	local stat

	[[ -e /tmp/held ]] && return
	stat=$(cat "/proc/$holder/stat") || return 0
	[[ $stat == *') Z '* ]]
}

# release: ends the holder
release() {
	kill -9 "$holder" 2>/dev/null
	wait "$holder" 2>/dev/null
	holder=''
}

# kill_and_time DEV HIDDEN NOTE: kills the holder, measures until HIDDEN DEV
kill_and_time() {
	[[ -n $holder ]] || fail "nothing holds $1" || return
	! "$2" "$1" || fail "$1 is gone before its holder" || return
	kill -9 "$holder"
	until_true "$GONE_MS" "$2" "$1" || fail "$1 is still there after $GONE_MS ms" || return
	echo "# $3: gone after $took ms" >&"$say"
	wait "$holder" 2>/dev/null
	holder=''
	until_true "$GONE_MS" no_nodes || fail "left behind: $(echo /dev/tap*)"
}

no_nodes() {
	[[ -z $(compgen -G '/dev/tap*') ]]
}

# --- the checks ---------------------------------------------------------------

# lists DEV TYPE KEY LINK: exactly this device, as ip has it; KEY is "link" or "master"
lists() {
	local json facts

	json=$(vnetctl -j list) || fail "list: $json" || return
	facts=$(ip -j link show dev "$1" | jq -c '.[0] | {ifindex, address, mtu}')
	jq -e --arg dev "$1" --arg type "$2" --arg key "$3" --arg link "$4" --argjson facts "$facts" '
		length == 1 and (.[0] | .ifname == $dev and .type == $type and .[$key] == $link and
		.mode == "bridge" and .made == true and
		({ifindex, address, mtu} == $facts))' <<<"$json" >/dev/null || fail "$json"
}

# The name is free at once, /sys forgets it a moment later.
gone() {
	silent vnetctl destroy "$1" || return
	! ip link show dev "$1" || fail "$1 is still there" || return
	until_true "$GONE_MS" invisible "$1" || fail "$1 is still in /sys" || return
	no_nodes || fail "left behind: $(echo /dev/tap*)"
}

# The descriptor is the character device of this very macvtap.
macvtap_held() {
	local have want

	hold "$@" || return
	have=$(stat -Lc '%t:%T' "/proc/$holder/fd/$fd")
	want=$(cat "/sys/class/net/$1/tap"*/dev)
	want=$(printf '%x:%x' "${want%:*}" "${want#*:}")
	[[ $have == "$want" ]] || fail "descriptor $fd is device $have, not $want" || return
	[[ $(<"/sys/class/net/$1/address") == "$mac" ]] || fail "VNETCTL_MAC is $mac" || return
	used_by_holder "$1"
}

tap_held() {
	hold "$@" || return
	grep -qx "iff:[[:space:]]*$1" "/proc/$holder/fdinfo/$fd" ||
		fail "descriptor $fd: $(cat "/proc/$holder/fdinfo/$fd")" || return
	used_by_holder "$1"
}

used_by_holder() {
	local json

	json=$(vnetctl -j -d list "$1")
	jq -e --argjson pid "$holder" '[.[0].users[].pid] | index($pid) != null' \
		<<<"$json" >/dev/null || fail "users: $json"
}

# What no macvlan sits on can carry an ipvlan, and nothing else can.
free_again() {
	ip link add link "$1" name iv9 type ipvlan && ip link del iv9
}

hold_and_time() {
	hold vm1 "${@:2}" || return
	kill_and_time vm1 invisible "$1"
}

hidden_hold_and_time() {
	hold vm1 "${@:2}" lifetime fd || return
	invisible vm1 || { release; fail "ip sees vm1"; return; }
	listed vm1 || { release; fail "vm1 is not listed"; return; }
	kill_and_time vm1 unlisted "$1"
}

# The command's child goes on after it, as with qemu -daemonize.
daemon_holds() {
	local pid

	rm -f /tmp/daemon
	vnetctl open-exec vm1 link dm0 mode bridge args none -- \
		sh -c 'sleep 1000 & echo $! >/tmp/daemon' </dev/null || fail "open-exec: $?" || return
	read -r holder </tmp/daemon
	pid=$holder
	# long enough for a wrong end to be seen
	read -rt 0.5 <>/tmp/nap
	visible vm1 || { kill -9 "$pid"; fail "vm1 is gone with its first holder"; return; }
	kill_and_time vm1 invisible "daemonized"
}

# --- killed on the way --------------------------------------------------------

clean() {
	[[ ! -e /sys/class/net/vm1 && -z $(marks) ]]
}

# Nobody works on it any more, and what is there is an orphan.
orphaned() {
	! grep -qsx 'vnetctl.*' /proc/[0-9]*/comm &&
		[[ $(vnetctl -j list orphaned) == *'"vm1"'* ]]
}

over() {
	clean || orphaned
}

# killed_anywhere NOTE WHAT WORDS...: open-exec, killed before each $every-th of its calls in
# turn, leaves nothing; or, if WHAT is orphans, nothing but what 'destroy orphans' takes away
killed_anywhere() {
	local note=$1 what=$2 n=0 orphans=0 rc=0
	shift 2

	while :; do
		((n += every))
		rm -f /tmp/point
		sweep kill "$n" --skip-startup --timeout 30 --report /tmp/point -- \
			vnetctl open-exec vm1 "$@" args none -- true || rc=$?
		((rc < 2)) || fail "point $n: $rc, $(cat /tmp/point)" || return
		until_true "$GONE_MS" over || fail "left by $(cat /tmp/point): $(state)" || return
		if ! clean; then
			[[ $what == orphans ]] || fail "an orphan of $(cat /tmp/point)" || return
			silent vnetctl destroy orphans || return
			# The name is free at once, /sys forgets it a moment later.
			until_true "$GONE_MS" clean || fail "no orphan: $(state)" || return
			((++orphans))
		fi
		((!rc)) || break
	done
	((n > 60)) || fail "no more than $n calls" || return
	echo "# $note: killed before $((n / every - 1)) of its calls, $orphans orphans" >&"$say"
}

# --- vhost --------------------------------------------------------------------

vhost_says() {
	local text

	text=$(vnetctl open-exec "$@" 2>&1)
	[[ $text == ok ]] || fail "$text" || return
	until_true "$GONE_MS" invisible "$1" || fail "$1 is still there"
}

# start_vhost FILE WORDS...: the same in the background, once it says "ready"
start_vhost() {
	local out=$1
	shift

	rm -f "$out"
	vnetctl open-exec "$@" >"$out" 2>&1 </dev/null &
	holder=$!
	until_true 10000 grep -q . "$out" && grep -qx ready "$out" && return
	release
	fail "$(cat "$out")"
}

# A frame goes through the kernel's vhost thread on both sides.
vhost_frame() {
	start_vhost /tmp/receiver vm1 "$@" vhost on -- vhost '{fd}' '{vhostfd}' receive || return
	vhost_says vm2 "$@" vhost on -- vhost '{fd}' '{vhostfd}' send || { release; return 1; }
	wait "$holder"
	[[ $(tail -n 1 /tmp/receiver) == ok ]] || fail "receiver: $(cat /tmp/receiver)" || return
	until_true "$GONE_MS" invisible vm1 || fail "vm1 is still there" || return
	until_true "$GONE_MS" invisible vm2 || fail "vm2 is still there"
}

vhost_hold_and_time() {
	start_vhost /tmp/hold vm1 "${@:2}" vhost on -- vhost '{fd}' '{vhostfd}' hold || return
	kill_and_time vm1 invisible "$1"
}

vhost_hidden_hold_and_time() {
	start_vhost /tmp/hold vm1 "${@:2}" lifetime fd vhost on -- \
		vhost '{fd}' '{vhostfd}' hold || return
	kill_and_time vm1 unlisted "$1"
}

# A descriptor of each queue works, with a vhost descriptor of its own.
vhost_queues() {
	local text

	# shellcheck disable=SC2016 # for the inner shell
	text=$(vnetctl open-exec vm1 "$@" queues 3 vhost on -- bash -c '
		IFS=:
		taps=($1) vhosts=($2)
		[[ ${#taps[@]} -eq 3 && ${#vhosts[@]} -eq 3 ]] || exit
		for i in 0 1 2; do
			vhost "${taps[i]}" "${vhosts[i]}" || exit
		done' bash '{fds}' '{vhostfds}' 2>&1)
	[[ $text == $'ok\nok\nok' ]] || fail "$text" || return
	until_true "$GONE_MS" invisible vm1 || fail "vm1 is still there"
}

vhost_several() {
	local text

	# shellcheck disable=SC2016
	text=$(vnetctl open-exec vm1 link dm0 mode bridge dev vm2 link br0 vhost on -- bash -c '
		vhost "$1" "$2" && vhost "$3" "$4"' bash '{fd:vm1}' '{vhostfd:vm1}' \
		'{fd:vm2}' '{vhostfd:vm2}' 2>&1)
	[[ $text == $'ok\nok' ]] || fail "$text" || return
	until_true "$GONE_MS" invisible vm1 || fail "vm1 is still there" || return
	until_true "$GONE_MS" invisible vm2 || fail "vm2 is still there"
}

# Opened before the power goes: the user could not.
vhost_run_as() {
	local text

	text=$(setpriv --reuid user --regid user --clear-groups sh -c ': <>/dev/vhost-net' 2>&1)
	[[ $text == *'Permission denied' ]] || fail "user can open it: $text" || return
	vhost_says vm1 link dm0 mode bridge run-as user vhost on -- vhost '{fd}' '{vhostfd}' &&
		vhost_says vm1 link br0 run-as user vhost on -- vhost '{fd}' '{vhostfd}'
}

# told WORDS...: the arguments that are appended, without numbers
told() {
	vnetctl open-exec vm1 link dm0 mode bridge address 52:54:00:00:00:01 "$@" -- echo 2>&1 |
		sed 's/fd=[0-9]*/fd=N/g'
	until_true "$GONE_MS" invisible vm1 || fail "vm1 is still there"
}

NETDEV='-netdev tap,id=vnet0,fd=N'
DEVICE='-device virtio-net-pci,netdev=vnet0,mac=52:54:00:00:00:01'

vhost_try() {
	local words text

	for words in "args netdev" "vhost try" "args netdev vhost on"; do
		# shellcheck disable=SC2086 # words
		text=$(told $words)
		[[ $text == "$NETDEV,vhost=on,vhostfd=N $DEVICE" ]] || fail "$words: $text" || return
	done
	text=$(told)
	[[ $text == "-net nic,model=virtio,macaddr=52:54:00:00:00:01 -net tap,fd=N" ]] ||
		fail "$text" || return
	text=$(told args netdev vhost off)
	[[ $text == "$NETDEV $DEVICE" ]] || fail "$text"
}

vhost_missing() {
	local words text line='vnetctl: cannot open /dev/vhost-net: No such file or directory'

	rmmod vhost_net || return
	for words in "link dm0" "link br0" "link dm0 lifetime fd" "link br0 queues 2"; do
		# shellcheck disable=SC2086
		text=$(vnetctl open-exec vm1 $words vhost on -- true 2>&1)
		[[ $? -eq 125 && $text == "$line: 'modprobe vhost_net', or 'vhost off'" ]] ||
			fail "$words: $text" || return
		until_true "$GONE_MS" unlisted vm1 || fail "vm1 is still there" || return
	done
	text=$(told args netdev)
	[[ $text == "$NETDEV $DEVICE" ]] || fail "$text" || return
	modprobe vhost_net && chmod 660 /dev/vhost-net
}

# --- connection tracking ------------------------------------------------------

# track DEV: every IPv4 packet that comes in there gets a connection
track() {
	inside tc qdisc add dev "$1" clsact &&
		inside tc filter add dev "$1" ingress protocol ip matchall action ct commit
}

# Both namespaces have connections of their own, made by packets between them.
tracking() {
	modprobe nf_conntrack && ip netns add ct || return
	ip link set ve1 netns ct && ip addr add 10.9.0.1/24 dev ve0 || return
	ip -n ct link set ve1 up && ip -n ct addr add 10.9.0.2/24 dev ve1 || return
	track ve0 && in_ct=1 track ve1 || return
	# what comes in is tracked, so each side must be asked once
	ping -c 1 -W 2 10.9.0.2 && ip netns exec ct ping -c 1 -W 2 10.9.0.1 || return
	grep 10.9.0.2 /proc/net/nf_conntrack || fail "nothing tracked here" || return
	ip netns exec ct grep 10.9.0.2 /proc/net/nf_conntrack || fail "nothing tracked in ct"
}

# Frames that nobody reads lie in the device's queue, each with its connection.
tracked_frames() {
	hold vm1 link ve0 mode bridge "${@:3}" || return
	ip -n ct neigh replace 10.9.0.9 lladdr "$mac" dev ve1
	ip netns exec ct ping -c 2 -W 1 10.9.0.9
	grep -q 10.9.0.9 /proc/net/nf_conntrack || { release; fail "frame not tracked"; return; }
	kill_and_time vm1 "$2" "$1"
}

# The kernel takes namespaces down one after the other.
busy_dismantling() {
	local i

	ip netns add busy && ip -n busy link set lo up || return
	for i in 1 2 3 4 5; do
		ip -n busy link add "dm$i" type dummy || return
	done
	ip netns exec busy tc qdisc add dev lo clsact || return
	ip netns exec busy tc filter add dev lo ingress protocol ip matchall action ct commit || return
	ip netns exec busy ping -c 1 127.0.0.1 || return
	ip netns exec busy grep 127.0.0.1 /proc/net/nf_conntrack || return
	hold vm1 link dm0 mode bridge || return
	ip netns del busy
	kill_and_time vm1 invisible "while a namespace is dismantled"
}

# --- ipvtap: /dev/tapN like a macvtap, but not ours ---------------------------

ipvtap_unlisted() {
	ip link add link dm1 name iv0 type ipvtap || return
	unlisted iv0 || fail "$(vnetctl list)"
}

ipvtap_kept() {
	refused 'vnetctl: *iv0*' vnetctl destroy iv0 || return
	silent vnetctl destroy all || return
	visible iv0 || fail "iv0 is gone"
}

ipvtap_in_the_way() {
	refused 'vnetctl: *dm1*' vnetctl create vm0 link dm1 mode bridge || return
	invisible vm0 || fail "vm0 is there" || return
	ip link del iv0
}

# --- the whole machine --------------------------------------------------------

# The ids of lifelines: 0x56......
marks() {
	local word id _

	ip netns list-id | while read -r word id _; do
		[[ $word != nsid ]] || ((id >> 24 != 0x56)) || echo "$word $id"
	done
}

# Processes (not the kernel's), links and lifelines.
state() {
	local p exe

	# a bridge takes a second to see that its port is up
	ip -br link | awk '{ sub(/NO-CARRIER,/, ""); print $1, $3, $4 }'
	ip netns list
	# Only vnetctl's: the kernel gives a namespace an id for itself as soon as one asks
	# for links in another.
	marks
	for p in /proc/[0-9]*; do
		exe=$(readlink "$p/exe") && [[ ${p##*/} != "$BASHPID" ]] && echo "$p $exe"
	done
	compgen -G '/dev/tap*'
} 2>/dev/null

same_state() {
	state >/tmp/after
	cmp -s /tmp/before /tmp/after
}

nothing_left() {
	ip netns del ct
	ip link del ve0 2>/dev/null
	until_true 3000 same_state || diff /tmp/before /tmp/after
}

no_complaints() {
	# of a vnetctl built with sanitizers
	cat /tmp/san.* 2>/dev/null && return 1
	! dmesg | grep -E 'BUG:|WARNING:|Oops|unregister_netdevice|refcount|leak|lockdep|stall'
}

# ------------------------------------------------------------------------------

export ASAN_OPTIONS=log_path=/tmp/san.asan UBSAN_OPTIONS=log_path=/tmp/san.ubsan
mkfifo /tmp/nap
if ! command -v vnetctl >/dev/null; then
	echo "vnetctl is not in this machine" >&2
	exit 1
fi
# with a port of its own the bridge stays as it is when taps come and go
ip link add br0 type bridge && ip link add dm2 type dummy
ip link set dm2 master br0 up && ip link set br0 up
ip link add dm0 type dummy && ip link set dm0 up
ip link add dm1 type dummy && ip link set dm1 up
ip link add link dm1 name vlan5 type vlan id 5 && ip link set vlan5 up
state >/tmp/before
ip link add ve0 type veth peer name ve1 && ip link set ve0 up && ip link set ve1 up

for pair in dummy:dm0 vlan:vlan5 veth:ve0; do
	kind=${pair%:*} lower=${pair#*:}
	check "$kind: create" silent vnetctl create vm0 link "$lower" mode bridge
	check "$kind: list" lists vm0 macvtap link "$lower"
	check "$kind: destroy" gone vm0
	check "$kind: open-exec" macvtap_held vm1 link "$lower" mode bridge
	check "$kind: gone after SIGKILL" kill_and_time vm1 invisible "$kind"
	check "$kind: gone after SIGKILL, lifetime fd" \
		hidden_hold_and_time "$kind, lifetime fd" link "$lower" mode bridge
	check "$kind: lower device free again" free_again "$lower"
done
check "dummy: stays with a daemon" daemon_holds

check "bridge: create" silent vnetctl create vm0 link br0
check "bridge: list" lists vm0 tap master br0
check "bridge: destroy" gone vm0
check "bridge: open-exec" tap_held vm1 link br0
check "bridge: gone after SIGKILL" kill_and_time vm1 invisible bridge

check "killed anywhere: macvtap" killed_anywhere macvtap orphans link dm0 mode bridge
check "killed anywhere: macvtap, lifetime fd" \
	killed_anywhere "macvtap, lifetime fd" nothing link dm0 mode passthru lifetime fd
check "killed anywhere: tap" killed_anywhere tap nothing link br0

# a VMM that opens /dev/vhost-net by itself
# shellcheck disable=SC2016 # for the inner shell
own_vhost='exec {v}<>/dev/vhost-net && exec vhost "$VNETCTL_FD" "$v" send'
check "vhost: opened by the command, macvtap" \
	vhost_says vm1 link dm0 mode bridge args none -- bash -c "$own_vhost"
check "vhost: opened by the command, tap" vhost_says vm1 link br0 args none -- bash -c "$own_vhost"
check "vhost: macvtap backend" \
	vhost_says vm1 link dm0 mode bridge vhost on -- vhost '{fd}' '{vhostfd}'
check "vhost: tap backend" vhost_says vm1 link br0 vhost on -- vhost '{fd}' '{vhostfd}'
check "vhost: frame from macvtap to macvtap" vhost_frame link dm0 mode bridge
check "vhost: frame from tap to tap" vhost_frame link br0
check "vhost: macvtap gone after SIGKILL" \
	vhost_hold_and_time "vhost, macvtap" link dm0 mode bridge
check "vhost: macvtap gone after SIGKILL, lifetime fd" \
	vhost_hidden_hold_and_time "vhost, macvtap, lifetime fd" link dm0 mode bridge
check "vhost: tap gone after SIGKILL" vhost_hold_and_time "vhost, tap" link br0
check "vhost: each queue of a macvtap" vhost_queues link dm0 mode bridge
check "vhost: each queue of a tap" vhost_queues link br0
check "vhost: several devices" vhost_several
check "vhost: for a user who may not open it" vhost_run_as
check "vhost: taken where it is of use" vhost_try
check "vhost: without the module" vhost_missing

check "conntrack: active" tracking
for pair in dummy:dm0 vlan:vlan5 veth:ve0; do
	kind=${pair%:*} lower=${pair#*:}
	check "conntrack: $kind gone after SIGKILL" \
		hold_and_time "conntrack, $kind" link "$lower" mode bridge
	check "conntrack: $kind gone after SIGKILL, lifetime fd" \
		hidden_hold_and_time "conntrack, $kind, lifetime fd" link "$lower" mode bridge
done
check "conntrack: tap gone after SIGKILL" hold_and_time "conntrack, tap" link br0
check "conntrack: gone with tracked frames" \
	tracked_frames "tracked frames" invisible
check "conntrack: gone with tracked frames, lifetime fd" \
	tracked_frames "tracked frames, lifetime fd" unlisted lifetime fd
in_ct=1
check "conntrack: gone in a tracking namespace" \
	hold_and_time "in a tracking namespace" link ve1 mode bridge
check "conntrack: gone in a tracking namespace, lifetime fd" \
	hidden_hold_and_time "in a tracking namespace, lifetime fd" link ve1 mode bridge
in_ct=''
check "conntrack: gone while a namespace is dismantled" busy_dismantling

check "ipvtap: not listed" ipvtap_unlisted
check "ipvtap: not destroyed" ipvtap_kept
check "ipvtap: in the way" ipvtap_in_the_way

check "end: nothing left behind" nothing_left
check "end: no complaints" no_complaints
exit $failed
