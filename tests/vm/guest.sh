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

# --- where a device is --------------------------------------------------------

# hold runs vnetctl, or this when it is set.
by_user=()
USER_VNETCTL=(setpriv --reuid user --regid user --clear-groups /tmp/vnetctl)
# What 'make setcap' gives.
SETCAP=cap_net_admin,cap_sys_admin,cap_mknod,cap_chown=p

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

invisible() {
	! visible "$1"
}

# listed DEV: it is there, and nothing else
listed() {
	inside_json list && jq -e --arg dev "$1" 'map(.ifname) == [$dev]' /tmp/out >/dev/null
}

# unlisted [DEV]: it is not there, nor anything else
unlisted() {
	inside_json list && holds /tmp/out '[]'
}

# inside_json ARGS...: `vnetctl -j ARGS`, which must succeed without a word on stderr
inside_json() {
	local rc

	run inside vnetctl -j "$@"
	[[ $rc -eq 0 && ! -s /tmp/err ]] || fail "vnetctl -j $*: status $rc, $(cat /tmp/err)"
}

# --- holders ------------------------------------------------------------------

# hold WORDS...: open-exec with a command that holds the device until it is
# killed. Sets $holder (its pid), $fd and $mac, as the command sees them.
hold() {
	local start=(vnetctl)

	# no function and no subshell: the pid must be the command's own
	[[ ${#by_user[@]} -eq 0 ]] || start=("${by_user[@]}")
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
	# the shell tells what it kills
	{ kill -9 "$holder" && wait "$holder"; } 2>/dev/null
	holder=''
}

# kill_and_time DEV HIDDEN NOTE: kills the holder, measures until HIDDEN DEV
kill_and_time() {
	local start end

	[[ -n $holder ]] || fail "nothing holds $1" || return
	! "$2" "$1" || fail "$1 is gone before its holder" || return
	now start
	release
	until_true "$GONE_MS" "$2" "$1" || fail "$1 is still there after $GONE_MS ms" || return
	now end
	echo "# $3: gone after $(((end - start) / 1000)) ms" >&"$say"
	until_true "$GONE_MS" no_nodes || fail "left behind: $(echo /dev/tap*)"
}

no_nodes() {
	[[ -z $(compgen -G '/dev/tap*') ]]
}

# --- the checks ---------------------------------------------------------------

# One device that create made, down, as ip has it; nothing else may be said of it.
# shellcheck disable=SC2016 # jq's
made='.[0] as $ip | ($ip.address | sub("^fe"; "52")) as $guest |
	[{ifname: $ip.ifname, operstate: "DOWN", type: $type}
	+ if $type == "tap" then {master: $link} else {link: $link} end
	+ {mode: "bridge", address: $ip.address}
	+ if $type == "tap" then {guest_address: $guest, isolated: false} else {} end
	+ {mtu: $ip.mtu, lifetime: "persistent", made: true, orphaned: false,
		ifindex: $ip.ifindex, flags: $ip.flags, txqlen: $ip.txqlen, group: $ip.group,
		queues: 1}
	+ if $type == "tap" then {persist: true, vnet_hdr: true, multi_queue: false, owner: "root"} else {} end
	+ {altnames: $ip.altnames}]'

# lists DEV TYPE LINK: exactly this device
lists() {
	local want

	want=$(ip -j link show dev "$1" |
		jq -cS --arg type "$2" --arg link "$3" "$made | .[0].flags |= sort") || return
	inside_json list || return
	[[ $(jq -cS '.[0].flags |= sort' /tmp/out) == "$want" ]] ||
		fail "listed: $(cat /tmp/out), not $want"
}

# The name is free at once, /sys forgets it a moment later.
gone() {
	silent vnetctl destroy "$1" || return
	! ip link show dev "$1" 2>/dev/null || fail "$1 is still there" || return
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
	inside_json -d list "$1" || return
	jq -e --argjson pid "$holder" --argjson fd "$fd" '
		map(.users) == [[{pid: $pid, comm: "sleep", fds: [$fd]}]]' \
		/tmp/out >/dev/null || fail "users: $(cat /tmp/out)"
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
	vnetctl open-exec vm1 link dm0 mode bridge lifetime watched args none -- \
		sh -c 'sleep 1000 & echo $! >/tmp/daemon' </dev/null || fail "open-exec: $?" || return
	read -r holder </tmp/daemon
	pid=$holder
	# long enough for a wrong end to be seen
	read -rt 0.5 <>/tmp/nap
	visible vm1 || { kill -9 "$pid"; fail "vm1 is gone with its first holder"; return; }
	kill_and_time vm1 invisible "daemonized"
}

# --- several of lifetime fd at once -------------------------------------------

# three: vm1, vm2 and vm3 live; their holders are in $holders
three() {
	local n

	holders=()
	for n in 1 2 3; do
		hold "vm$n" link dm0 mode bridge address "52:54:00:00:00:0$n" lifetime fd || return
		holders+=("$holder")
	done
}

release_three() {
	for holder in "${holders[@]}"; do
		release
	done
	until_true "$GONE_MS" unlisted || fail "still there: $(cat /tmp/out)" || return
	until_true "$GONE_MS" no_nodes || fail "left behind: $(echo /dev/tap*)"
}

# listed_three NAME MODE...: `list NAME...` prints these devices, each with its mode, in any
# order; and so does list, if it is all three
listed_three() {
	local rc names=() want='' n

	while [[ $# -gt 0 ]]; do
		names+=("$1")
		n=${1#vm}
		want+="$1: operstate UP type macvtap link dm0 mode $2 address 52:54:00:00:00:0$n"
		want+=" mtu 1500 lifetime fd made netnsid N users sleep(${holders[n - 1]})"$'\n'
		shift 2
	done
	until_true "$GONE_MS" says_lines 0 "${want%$'\n'}" '' vnetctl list "${names[@]}" ||
		fail "list ${names[*]}: $(cat /tmp/out /tmp/err)" || return
	[[ ${#names[@]} -lt 3 ]] || says_lines 0 "${want%$'\n'}" '' vnetctl list ||
		fail "list: $(cat /tmp/out /tmp/err)"
}

# says_lines STATUS OUT ERR COMMAND...: as says, but the lines may come in any order, and the
# numbers of namespaces are N
says_lines() {
	local rc

	run "${@:4}"
	sed -i 's/ netnsid [0-9]* / netnsid N /' /tmp/out
	sort -o /tmp/out /tmp/out
	sort -o /tmp/err /tmp/err
	[[ $rc == "$1" ]] && holds /tmp/out "$2" && holds /tmp/err "$3"
}

several_listed() {
	three && listed_three vm1 bridge vm2 bridge vm3 bridge && listed_three vm2 bridge &&
		listed_three vm1 bridge vm3 bridge
}

several_mode() {
	silent vnetctl mode vm2 vepa && says 0 vepa '' vnetctl mode vm2 &&
		says 0 bridge '' vnetctl mode vm3 &&
		listed_three vm1 bridge vm2 vepa vm3 bridge
}

# refuses NAME WORDS...: destroy WORDS removes none of these devices, since they are held
refuses() {
	local n want=''

	for n in $1; do
		want+="vnetctl: cannot remove vm$n: Device or resource busy: it is held by sleep"
		want+=" (pid ${holders[n - 1]}): 'force' removes it all the same, and its guest"
		want+=$' loses the network\n'
	done
	says_lines 2 '' "${want%$'\n'}" vnetctl destroy "${@:2}" ||
		fail "destroy ${*:2}: $(cat /tmp/out /tmp/err)"
}

several_destroy_one() {
	refuses 2 vm2 && silent vnetctl destroy vm2 force &&
		listed_three vm1 bridge vm3 bridge && release_three
}

# several_destroy WORDS...: they go with force only, and all
several_destroy() {
	three && refuses "1 2 3" "$@" && listed_three vm1 bridge vm2 bridge vm3 bridge &&
		silent vnetctl destroy "$@" force || return
	inside_json list && holds /tmp/out '[]' || fail "left: $(cat /tmp/out)" || return
	release_three
}

# An ordinary user's devices are counted, beside those that are not his.
user_at_his_limit() {
	local line='/etc/vnetctl.conf:1 allows 1 device, and there is 1' mine
	local create="vnetctl: create u1 (type macvtap, link dm0, mode bridge): $line"

	echo 'allow user verbs * link dm0 type macvtap mode bridge name u* max 1' \
		>/etc/vnetctl.conf
	cp "$(command -v vnetctl)" /tmp/vnetctl && chmod 755 /tmp/vnetctl || return
	setcap "$SETCAP" /tmp/vnetctl || return
	three || return
	silent "${USER_VNETCTL[@]}" create u0 link dm0 mode bridge &&
		says 2 '' "$create" "${USER_VNETCTL[@]}" create u1 link dm0 mode bridge &&
		silent "${USER_VNETCTL[@]}" destroy u0 || return
	by_user=("${USER_VNETCTL[@]}")
	hold u0 link dm0 mode bridge lifetime fd || return
	by_user=()
	mine=$holder
	says 2 '' "$create" "${USER_VNETCTL[@]}" create u1 link dm0 mode bridge || return
	holder=$mine
	release
	listed_three vm1 bridge vm2 bridge vm3 bridge && release_three
}

# --- killed on the way --------------------------------------------------------

clean() {
	[[ ! -e /sys/class/net/vm1 && -z $(marks) ]]
}

# Nobody works on it any more, and what is there is an orphan.
orphaned() {
	! grep -qsx 'vnetctl.*' /proc/[0-9]*/comm && inside_json list orphaned &&
		jq -e 'map(.ifname) == ["vm1"]' /tmp/out >/dev/null
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

# vhost_says DEV WORDS...: open-exec ends well and prints "ok"
vhost_says() {
	says 0 ok '' vnetctl open-exec "$@" || return
	until_true "$GONE_MS" invisible "$1" || fail "$1 is still there"
}

# start_vhost FILE WORDS...: the same in the background, once it says "ready"
start_vhost() {
	local out=$1
	shift

	rm -f "$out"
	vnetctl open-exec "$@" >"$out" </dev/null &
	holder=$!
	until_true 10000 holds "$out" ready && return
	release
	fail "open-exec $*: $(cat "$out")"
}

# A frame goes through the kernel's vhost thread on both sides.
vhost_frame() {
	start_vhost /tmp/receiver vm1 "$@" vhost on -- vhost '{fd}' '{vhostfd}' receive || return
	vhost_says vm2 "$@" vhost on -- vhost '{fd}' '{vhostfd}' send || { release; return 1; }
	wait "$holder" || fail "receiver: status $?" || return
	holds /tmp/receiver $'ready\nok' || fail "receiver: $(cat /tmp/receiver)" || return
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
	# shellcheck disable=SC2016 # for the inner shell
	says 0 $'ok\nok\nok' '' vnetctl open-exec vm1 "$@" queues 3 vhost on -- bash -c '
		IFS=:
		taps=($1) vhosts=($2)
		[[ ${#taps[@]} -eq 3 && ${#vhosts[@]} -eq 3 ]] || exit
		for i in 0 1 2; do
			vhost "${taps[i]}" "${vhosts[i]}" || exit
		done' bash '{fds}' '{vhostfds}' || return
	until_true "$GONE_MS" invisible vm1 || fail "vm1 is still there"
}

vhost_several() {
	# shellcheck disable=SC2016
	says 0 $'ok\nok' '' vnetctl open-exec vm1 link dm0 mode bridge dev vm2 link br0 \
		vhost on -- bash -c 'vhost "$1" "$2" && vhost "$3" "$4"' bash \
		'{fd:vm1}' '{vhostfd:vm1}' '{fd:vm2}' '{vhostfd:vm2}' || return
	until_true "$GONE_MS" unlisted || fail "still there: $(cat /tmp/out)"
}

# Opened before the power goes: the user could not.
vhost_run_as() {
	local text

	text=$(setpriv --reuid user --regid user --clear-groups sh -c ': <>/dev/vhost-net' 2>&1)
	[[ $text == *'Permission denied' ]] || fail "user can open it: $text" || return
	vhost_says vm1 link dm0 mode bridge lifetime watched run-as user vhost on -- \
		vhost '{fd}' '{vhostfd}' &&
		vhost_says vm1 link br0 run-as user vhost on -- vhost '{fd}' '{vhostfd}'
}

# told TEXT WORDS...: the arguments that are appended are TEXT, with N for each descriptor
told() {
	local rc

	run vnetctl open-exec vm1 link dm0 mode bridge address 52:54:00:00:00:01 \
		lifetime watched "${@:2}" -- echo
	[[ $rc -eq 0 && ! -s /tmp/err ]] || fail "${*:2}: status $rc, $(cat /tmp/err)" || return
	sed -i 's/fd=[0-9]*/fd=N/g' /tmp/out
	holds /tmp/out "$1" || fail "${*:2}: $(cat /tmp/out)" || return
	until_true "$GONE_MS" invisible vm1 || fail "vm1 is still there"
}

NETDEV='-netdev tap,id=vnet0,fd=N'
DEVICE='-device virtio-net-pci,netdev=vnet0,mac=52:54:00:00:00:01'

vhost_try() {
	local words

	for words in "args netdev" "vhost try" "args netdev vhost on"; do
		# shellcheck disable=SC2086 # words
		told "$NETDEV,vhost=on,vhostfd=N $DEVICE" $words || return
	done
	told "-net nic,model=virtio,macaddr=52:54:00:00:00:01 -net tap,fd=N" &&
		told "$NETDEV $DEVICE" args netdev vhost off
}

vhost_missing() {
	local words line='vnetctl: cannot open /dev/vhost-net: No such file or directory'

	rmmod vhost_net || return
	for words in "link dm0 lifetime watched" "link br0" "link dm0 lifetime fd" \
		"link br0 queues 2"; do
		# shellcheck disable=SC2086
		says 125 '' "$line: 'modprobe vhost_net', or 'vhost off'" \
			vnetctl open-exec vm1 $words vhost on -- true || return
		until_true "$GONE_MS" unlisted || fail "vm1 is still there" || return
	done
	told "$NETDEV $DEVICE" args netdev || return
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
	ping -qc 1 -W 2 10.9.0.2 >/dev/null &&
		ip netns exec ct ping -qc 1 -W 2 10.9.0.1 >/dev/null || fail "no answer" || return
	grep -q 10.9.0.2 /proc/net/nf_conntrack || fail "nothing tracked here" || return
	ip netns exec ct grep -q 10.9.0.2 /proc/net/nf_conntrack || fail "nothing tracked in ct"
}

# Frames that nobody reads lie in the device's queue, each with its connection.
tracked_frames() {
	hold vm1 link ve0 mode bridge "${@:3}" || return
	ip -n ct neigh replace 10.9.0.9 lladdr "$mac" dev ve1
	# nobody answers
	! ip netns exec ct ping -c 2 -W 1 10.9.0.9 >/dev/null ||
		{ release; fail "10.9.0.9 answers"; return; }
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
	ip netns exec busy ping -qc 1 127.0.0.1 >/dev/null || return
	ip netns exec busy grep -q 127.0.0.1 /proc/net/nf_conntrack || return
	hold vm1 link dm0 mode bridge lifetime watched || return
	ip netns del busy
	kill_and_time vm1 invisible "while a namespace is dismantled"
}

# --- ipvtap: /dev/tapN like a macvtap, but not ours ---------------------------

ipvtap_unlisted() {
	ip link add link dm1 name iv0 type ipvtap || return
	unlisted || fail "$(vnetctl list)"
}

ipvtap_kept() {
	says 2 '' 'vnetctl: iv0 is no macvtap and no tap, but a ipvtap: vnetctl leaves it alone' \
		vnetctl destroy iv0 || return
	silent vnetctl destroy all || return
	visible iv0 || fail "iv0 is gone"
}

ipvtap_in_the_way() {
	local why="Device or resource busy: dm1 carries ipvlan iv0, which excludes macvtaps"

	says 2 '' "vnetctl: cannot create macvtap vm0 on dm1: $why" \
		vnetctl create vm0 link dm1 mode bridge || return
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
	check "$kind: list" lists vm0 macvtap "$lower"
	check "$kind: destroy" gone vm0
	check "$kind: open-exec" macvtap_held vm1 link "$lower" mode bridge lifetime watched
	check "$kind: gone after SIGKILL" kill_and_time vm1 invisible "$kind"
	check "$kind: gone after SIGKILL, lifetime fd" \
		hidden_hold_and_time "$kind, lifetime fd" link "$lower" mode bridge
	check "$kind: lower device free again" free_again "$lower"
done
check "dummy: stays with a daemon" daemon_holds

check "bridge: create" silent vnetctl create vm0 link br0
check "bridge: list" lists vm0 tap br0
check "bridge: destroy" gone vm0
check "bridge: open-exec" tap_held vm1 link br0
check "bridge: gone after SIGKILL" kill_and_time vm1 invisible bridge

check "several: list, all and by name" several_listed
check "several: mode of one" several_mode
silent vnetctl mode vm2 bridge
check "several: destroy one" several_destroy_one
check "several: destroy all" several_destroy all
check "several: destroy link" several_destroy link dm0
check "several: destroy type" several_destroy type macvtap
check "several: a user's limit beside others' devices" user_at_his_limit

check "killed anywhere: macvtap" \
	killed_anywhere macvtap orphans link dm0 mode bridge lifetime watched
check "killed anywhere: macvtap, lifetime fd" \
	killed_anywhere "macvtap, lifetime fd" nothing link dm0 mode passthru lifetime fd
check "killed anywhere: tap" killed_anywhere tap nothing link br0

# a VMM that opens /dev/vhost-net by itself
# shellcheck disable=SC2016 # for the inner shell
own_vhost='exec {v}<>/dev/vhost-net && exec vhost "$VNETCTL_FD" "$v" send'
check "vhost: opened by the command, macvtap" \
	vhost_says vm1 link dm0 mode bridge lifetime watched args none -- bash -c "$own_vhost"
check "vhost: opened by the command, tap" vhost_says vm1 link br0 args none -- bash -c "$own_vhost"
check "vhost: macvtap backend" \
	vhost_says vm1 link dm0 mode bridge lifetime watched vhost on -- vhost '{fd}' '{vhostfd}'
check "vhost: tap backend" vhost_says vm1 link br0 vhost on -- vhost '{fd}' '{vhostfd}'
check "vhost: frame from macvtap to macvtap" vhost_frame link dm0 mode bridge lifetime watched
check "vhost: frame from tap to tap" vhost_frame link br0
check "vhost: macvtap gone after SIGKILL" \
	vhost_hold_and_time "vhost, macvtap" link dm0 mode bridge lifetime watched
check "vhost: macvtap gone after SIGKILL, lifetime fd" \
	vhost_hidden_hold_and_time "vhost, macvtap, lifetime fd" link dm0 mode bridge
check "vhost: tap gone after SIGKILL" vhost_hold_and_time "vhost, tap" link br0
check "vhost: each queue of a macvtap" vhost_queues link dm0 mode bridge lifetime watched
check "vhost: each queue of a tap" vhost_queues link br0
check "vhost: several devices" vhost_several
check "vhost: for a user who may not open it" vhost_run_as
check "vhost: taken where it is of use" vhost_try
check "vhost: without the module" vhost_missing

check "conntrack: active" tracking
for pair in dummy:dm0 vlan:vlan5 veth:ve0; do
	kind=${pair%:*} lower=${pair#*:}
	check "conntrack: $kind gone after SIGKILL" \
		hold_and_time "conntrack, $kind" link "$lower" mode bridge lifetime watched
	check "conntrack: $kind gone after SIGKILL, lifetime fd" \
		hidden_hold_and_time "conntrack, $kind, lifetime fd" link "$lower" mode bridge
done
check "conntrack: tap gone after SIGKILL" hold_and_time "conntrack, tap" link br0
check "conntrack: gone with tracked frames" \
	tracked_frames "tracked frames" invisible lifetime watched
check "conntrack: gone with tracked frames, lifetime fd" \
	tracked_frames "tracked frames, lifetime fd" unlisted lifetime fd
in_ct=1
check "conntrack: gone in a tracking namespace" \
	hold_and_time "in a tracking namespace" link ve1 mode bridge lifetime watched
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
