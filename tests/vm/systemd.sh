#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What systemd.bats runs inside a virtual machine whose process 1 is systemd: the
# unit of README, taken from there as it stands, and what README says of other units.
# eth0 is a veth, vm a user of the machine, and qemu-system-x86_64 a script that says
# what it was given and becomes tests/tools/vmm.c. Prints one line "ok NAME" or "not
# ok NAME: why" for each name in systemd.bats.
#
# A unit here is a name and what differs from README's: see units. There is no
# journal: what they say goes to /run/vm/err. PrivateDevices= and the like work on
# this root file system, which is the kernel's initramfs, as on any other.
#
# The kernel is emulated, everything takes ten to twenty times as long as on a host.
# GONE_MS is how long something may stay after its unit has ended.

# shellcheck disable=SC2317 # all functions are called through check

GONE_MS=5000
UP_MS=15000

source ./verbs.sh

# --- units --------------------------------------------------------------------

readme_unit() {
	sed -n '/^# \/etc\/systemd\/system\/vm@/,/^```$/{/^```$/d;p}' README
}

# unit NAME [EDIT]...: makes the template NAME@.service, README's with these edits, each
# of which must be one. They are started often in a short time; only one called limited
# is given up for that.
unit() {
	local text new edit limit dir=/etc/systemd/system

	text=$(readme_unit)
	for edit in "${@:2}"; do
		new=$(sed -E "$edit" <<<"$text")
		[[ $new != "$text" ]] || fail "nothing for '$edit' in README's unit" || return
		text=$new
	done
	echo "$text" >"$dir/$1@.service"
	mkdir "$dir/$1@.service.d"
	text=$'[Service]\nStandardError=append:/run/vm/err'
	limit=0
	[[ $1 == limited ]] && limit=60
	text+=$'\n[Unit]\nStartLimitIntervalSec='$limit
	echo "$text" >"$dir/$1@.service.d/test.conf"
}

# show UNIT PROPERTY: its value
show() {
	systemctl show -P "$2" "$1"
}

# control_group UNIT: its directory, which is there as long as a process of it is
control_group() {
	echo "/sys/fs/cgroup/system.slice/system-${1%@*}.slice/$1.service"
}

# reset: all units ended, nothing said
reset() {
	systemctl stop '*@*'
	vnetctl -q destroy all force
	rm -f /run/vm/*
}

# what comes next shall fail for reasons of its own
after_failure() {
	reset
}

# start UNIT: `systemctl start`, and then it is up
start() {
	rm -f /run/vm/err "/run/vm/${1#*@}"
	systemctl start "$1" || fail "start $1: $?" || return
	until_up "$1"
}

# until_up UNIT [OTHER]: QEMU has told that it runs, and its pid is not OTHER. Sets
# $pid, $mac and $fd.
until_up() {
	until_true "$UP_MS" runs "${1#*@}" "${2-0}" ||
		fail "$1 is not up: $(show "$1" SubState), $(cat /run/vm/err)" || return
	grep -qx "$pid" "$(control_group "$1")/cgroup.procs" || fail "QEMU is not in $1"
}

runs() {
	local comm key

	[[ -e /run/vm/$1 ]] || return
	read -r key pid fd mac <"/run/vm/$1"
	[[ $key == is && $pid != "$2" ]] && read -r comm 2>/dev/null <"/proc/$pid/comm" &&
		[[ $comm == vmm ]]
}

# told DEV KEY: what QEMU has told
told() {
	sed -n "s|^$2 ||p" "/run/vm/$1"
}

# lists DEV KIND PID: exactly this device, held by this process; KIND is fd, watched or tap
lists() {
	local text rc want="$1: operstate UP type"

	case $2 in
	fd) want+=" macvtap link eth0 mode bridge address A mtu 1500 lifetime fd made netnsid N" ;;
	watched) want+=" macvtap link eth0 mode bridge address A mtu 1500 lifetime watched made" ;;
	tap)
		want+=" tap master br0 mode bridge address A guest_address A isolated off mtu 1500"
		want+=" lifetime fd made"
		;;
	esac
	run vnetctl list "$1"
	text=$(sed -E 's/address [0-9a-f:]{17}/address A/g; s/netnsid [0-9]+/netnsid N/
		s/operstate UNKNOWN/operstate UP/' /tmp/out)
	[[ $rc -eq 0 && ! -s /tmp/err && $text == "$want users vmm($3)" ]] ||
		fail "list: status $rc, $text, $(cat /tmp/err), not $want users vmm($3)"
}

# said_nothing: no unit had anything to say
said_nothing() {
	[[ ! -s /run/vm/err ]] || fail "$(cat /run/vm/err)"
}

# ends UNIT RESULT: it has ended, and so
ends() {
	local have

	until_true "$GONE_MS" ended "$1" || fail "$1 is $(show "$1" SubState)" || return
	have=$(show "$1" Result)
	[[ $have == "$2" ]] || fail "$1 ended with $have"
}

ended() {
	[[ ! -e $(control_group "$1") ]]
}

given_up() {
	(($(wc -l </run/vm/err) >= 5)) && [[ $(show "$1" ActiveState) == failed ]]
}

# --- what there is ------------------------------------------------------------

# The ids of lifelines: 0x56...... to 0x5e......
marks() {
	local word id _

	ip netns list-id | while read -r word id _; do
		[[ $word != nsid ]] || ((id >> 24 < 0x56 || id >> 24 > 0x5e)) || echo "$word $id"
	done
}

# Links, lifelines, devices, processes, and units' control groups.
state() {
	local p comm

	# a bridge takes a second to see that its port is up
	ip -br link | awk '{ sub(/NO-CARRIER,/, ""); print $1, $3, $4 }'
	marks
	vnetctl list 2>&1
	for p in /proc/[0-9]*; do
		read -r comm <"$p/comm" && [[ $comm =~ ^(vnetctl|vmm|qemu) ]] && echo "$p $comm"
	done 2>/dev/null
	compgen -G '/dev/tap*'
	compgen -G '/sys/fs/cgroup/system.slice/system-*.slice/*@*.service'
}

same_state() {
	state >/tmp/after
	cmp -s /tmp/before /tmp/after
}

nothing_left() {
	until_true "$GONE_MS" same_state || diff /tmp/before /tmp/after
}

# --- README's unit --------------------------------------------------------------

is_systemd() {
	[[ $(readlink /proc/1/exe) == */systemd ]] || fail "process 1: $(readlink /proc/1/exe)" || return
	[[ $(</proc/self/mounts) == *' /sys/fs/cgroup cgroup2 '* ]] ||
		fail "$(</proc/self/mounts)" || return
	systemctl --version | grep -qw -- +SECCOMP
}

# The very lines: nothing but where it says things is ours.
as_in_readme() {
	local text

	text=$(readme_unit)
	[[ $text == *'KillMode=control-group'*'DeviceAllow=char-macvtap rw'* ]] ||
		fail "README's unit is: $text" || return
	[[ $(</etc/systemd/system/vm@.service) == "$text" ]] || fail "not README's" || return
	: >/run/vm/ask
	start vm@web || return
	[[ $(show vm@web MainPID) == "$pid" ]] ||
		fail "main process $(show vm@web MainPID), but QEMU is $pid" || return
	[[ $(show vm@web FragmentPath) == /etc/systemd/system/vm@.service &&
		$(show vm@web DropInPaths) == /etc/systemd/system/vm@.service.d/test.conf ]] ||
		fail "another unit: $(systemctl cat vm@web)"
}

loads_module() {
	rmmod macvtap || return
	! grep -w macvtap /proc/devices || fail "macvtap is still there" || return
	start vm@web && said_nothing || return
	[[ $(show vm@web NRestarts) == 0 ]] || fail "not at the first try"
}

listed_and_held() {
	local args="-machine accel=kvm:tcg -m 1G -nographic /var/lib/vm/web.img"

	said_nothing && lists web fd "$pid" || return
	[[ $mac == "$MAC" ]] || fail "its address is $mac" || return
	args+=" -net nic,model=virtio,macaddr=$mac -net tap,fd=$fd"
	[[ $(told web args) == "$args" ]] || fail "QEMU got $(told web args)" || return
	[[ $(vnetctl -j list web | jq -r '.[0] | .link, .mode, .address' | xargs) == "eth0 bridge $MAC" ]] ||
		fail "$(vnetctl list web)" || return
	! ip link show dev web 2>/dev/null || fail "ip sees it"
}

# status PID KEY: from /proc/PID/status, blanks made one
status() {
	awk -v key="$2:" '$1 == key { $1 = ""; print substr($0, 2) }' "/proc/$1/status"
}

# unprivileged: QEMU is user vm with its groups, and can never be more
unprivileged() {
	local key

	[[ $(status "$pid" Uid) == "1001 1001 1001 1001" ]] || fail "uid $(status "$pid" Uid)" || return
	[[ $(status "$pid" Gid) == "1001 1001 1001 1001" ]] || fail "gid $(status "$pid" Gid)" || return
	[[ $(status "$pid" Groups) =~ ^(106 1001|1001 106)$ ]] || fail "groups $(status "$pid" Groups)" || return
	for key in CapInh CapPrm CapEff CapAmb; do
		[[ $(status "$pid" "$key") == 0000000000000000 ]] || fail "$key $(status "$pid" "$key")" || return
	done
	# both are systemd's
	[[ $(status "$pid" NoNewPrivs) == 1 ]] || fail "no NoNewPrivs" || return
	[[ $(status "$pid" Seccomp) == 2 ]] || fail "no seccomp filter"
}

# What the user may open, and the unit may not.
devices_denied() {
	local node text

	for node in /dev/net/tun /dev/vhost-net; do
		text=$(setpriv --reuid vm --regid vm --init-groups may-open "$node")
		[[ $text == "$node: yes" ]] || fail "outside the unit: $text" || return
		text=$(told web "open $node:")
		[[ $text == 'Operation not permitted' ]] || fail "in the unit: $node: $text" || return
	done
	[[ $(told web 'open /dev/null:') == yes ]] || fail "/dev/null: $(told web 'open /dev/null:')" || return
	# allowed, but there is nothing behind the node
	[[ $(told web 'open /dev/kvm:') == 'No such device'* ]] || fail "/dev/kvm: $(told web 'open /dev/kvm:')"
}

# --- ends ---------------------------------------------------------------------

# stop_leaves UNIT
stop_leaves() {
	start "$1" || return
	systemctl stop "$1" || fail "stop: $?" || return
	ends "$1" success && nothing_left && said_nothing
}

# kill -9 of the main process, and no restart.
crash_leaves() {
	start "$1" || return
	kill -9 "$pid"
	ends "$1" signal && nothing_left && said_nothing
}

# again UNIT COMMAND...: after COMMAND it is up again, with the same name and address, but
# another process
again() {
	local old=$pid was=$mac

	"${@:2}" || fail "$2: $?" || return
	until_up "$1" "$old" || return
	[[ $mac == "$was" ]] || fail "its address was $was and is $mac" || return
	lists "${1#*@}" "${life:-fd}" "$pid"
}

# As if its guest had powered off: no failure, no restart.
end_leaves() {
	start "$1" || return
	kill -TERM "$pid"
	ends "$1" success && nothing_left && said_nothing
}

crash_restarts() {
	local n

	start "$1" || return
	for n in 1 2; do
		again "$1" kill -9 "$pid" || fail "crash $n" || return
	done
	[[ $(show "$1" NRestarts) == "$n" ]] || fail "restarts: $(show "$1" NRestarts)" || return
	systemctl stop "$1" && ends "$1" success && nothing_left && said_nothing
}

restarts() {
	local n

	start "$1" || return
	for n in 1 2 3; do
		again "$1" systemctl restart "$1" || fail "restart $n" || return
	done
	systemctl stop "$1" && ends "$1" success && nothing_left && said_nothing
}

# SIGKILL for every process of the unit, and no restart.
kill_all_leaves() {
	start "$1" || return
	systemctl kill -s KILL "$1" || return
	ends "$1" signal && nothing_left && said_nothing
}

kill_all_restarts() {
	start "$1" || return
	again "$1" systemctl kill -s KILL "$1" || return
	systemctl stop "$1" && ends "$1" success && nothing_left && said_nothing
}

# The kernel kills all that is in the control group.
out_of_memory_leaves() {
	start "$1" || return
	[[ $(<"$(control_group "$1")/memory.oom.group") == 1 ]] || fail "no OOMPolicy=kill" || return
	echo 4096 >"$(control_group "$1")/memory.max"
	ends "$1" oom-kill && nothing_left && said_nothing
}

two_guests() {
	local first

	start vm@web || return
	first=$pid
	start vm@db || return
	lists web fd "$first" && lists db fd "$pid" || return
	[[ $mac != "$MAC" ]] || fail "both have $mac" || return
	systemctl stop vm@web || return
	lists db fd "$pid" || return
	systemctl stop vm@db && nothing_left && said_nothing
}

# --- lifetime watched -----------------------------------------------------------

# watcher UNIT: its pid, from the unit's control group
watcher() {
	local p

	while read -r p; do
		[[ $(<"/proc/$p/comm") == vnetctl-watch ]] && echo "$p"
	done <"$(control_group "$1")/cgroup.procs"
}

# A watcher ignores SIGTERM, so that systemd must wait for it, but not long.
watched_starts() {
	start vmw@web && lists web watched "$pid" && unprivileged || return
	ip link show dev web >/dev/null || fail "ip does not see it" || return
	[[ $(watcher vmw@web) =~ ^[0-9]+$ ]] || fail "watchers in the unit: $(watcher vmw@web)"
}

# An orphan at most, and the next start takes it out of its way.
watched_kill_all() {
	local left

	start vmwo@web || return
	systemctl kill -s KILL vmwo@web && ends vmwo@web signal || return
	left=$(vnetctl -d -j list)
	echo "# all killed, watched: $(jq length <<<"$left") left" >&"$say"
	jq -e '. == [] or (length == 1 and .[0].ifname == "web" and .[0].orphaned)' <<<"$left" >/dev/null ||
		fail "left: $left" || return
	start vmwo@web && lists web watched "$pid" || return
	systemctl stop vmwo@web && ends vmwo@web success && nothing_left && said_nothing
}

# --- taps, vhost ------------------------------------------------------------------

tap_starts() {
	: >/run/vm/ask
	start tap@web && said_nothing && lists web tap "$pid" && unprivileged || return
	[[ $(vnetctl -j list web | jq -r '.[0] | .type, .master, .guest_address' | xargs) == "tap br0 $MAC" ]] ||
		fail "$(vnetctl list web)" || return
	# /dev/net/tun only: no list of the macvtap unit
	[[ $(told web 'open /dev/net/tun:') == yes ]] || fail "/dev/net/tun: $(told web 'open /dev/net/tun:')" || return
	[[ $(told web 'open /dev/vhost-net:') == 'Operation not permitted' ]] ||
		fail "/dev/vhost-net: $(told web 'open /dev/vhost-net:')"
}

# vhost UNIT: QEMU gets a descriptor of /dev/vhost-net
vhost() {
	local n

	start "$1" && said_nothing && unprivileged || return
	n=$(told web args | sed -n 's/.*,vhost=on,vhostfd=\([0-9]*\).*/\1/p')
	[[ $(readlink "/proc/$pid/fd/$n") == /dev/vhost-net ]] || fail "QEMU got $(told web args)" || return
	systemctl stop "$1" && ends "$1" success && nothing_left && said_nothing
}

# --- refused ------------------------------------------------------------------

# refused UNIT LINE: it ends with 125, says this pattern of a line, and leaves nothing
refused() {
	local text

	rm -f /run/vm/*
	systemctl start "$1" || fail "start $1: $?" || return
	ends "$1" exit-code || return
	[[ $(show "$1" ExecMainStatus) == 125 ]] || fail "status $(show "$1" ExecMainStatus)" || return
	text=$(</run/vm/err)
	# shellcheck disable=SC2053 # a pattern
	[[ $text == $2 && $text != *$'\n'* ]] || fail "$text" || return
	[[ ! -e /run/vm/web ]] || fail "QEMU was started" || return
	nothing_left
}

# With its Restart=on-failure systemd tries five times, as its limit is.
refused_again_and_again() {
	rm -f /run/vm/*
	systemctl start "$1" || fail "start $1: $?" || return
	until_true "$UP_MS" given_up "$1" && ends "$1" exit-code || return
	[[ $(show "$1" ExecMainStatus) == 125 ]] || fail "status $(show "$1" ExecMainStatus)" || return
	[[ $(sort /run/vm/err | uniq -c | sed 's/^ *//') == "5 $2" ]] || fail "$(</run/vm/err)" || return
	nothing_left
}

# --- the whole machine ----------------------------------------------------------

no_complaints() {
	! dmesg | grep -E 'BUG:|WARNING:|Oops|unregister_netdevice|refcount|leak|lockdep|stall'
}

# ------------------------------------------------------------------------------

mkfifo /tmp/nap
if ! command -v vnetctl >/dev/null; then
	echo "vnetctl is not in this machine" >&2
	exit 1
fi
MAC=$(sed -n 's/.*`MAC=\(..:..:..:..:..:..\)`.*/\1/p' README)
mkdir -p /usr/local/sbin /usr/local/bin /run/vm /etc/vm
chmod 777 /run/vm
ln -s /usr/sbin/vnetctl /usr/local/sbin/vnetctl
echo vm:x:1001:1001:vm:/:/bin/false >>/etc/passwd
echo vm:x:1001: >>/etc/group
sed -i 's/^kvm:.*/&vm/' /etc/group
echo "MAC=$MAC" >/etc/vm/web.conf
echo MAC=52:54:00:00:00:01 >/etc/vm/db.conf
# as udev has them
chmod 666 /dev/vhost-net
[[ -e /dev/kvm ]] || mknod /dev/kvm c 10 232
chgrp kvm /dev/kvm && chmod 660 /dev/kvm

cat >/usr/local/bin/may-open <<-'END'
	#!/bin/bash
	# may-open NODE...: says for each "yes", or why not
	for node; do
		why=$( { : <>"$node"; } 2>&1) && why=yes
		echo "$node: ${why##*: }"
	done
END
cat >/usr/local/bin/qemu-system-x86_64 <<-'END'
	#!/bin/bash
	[[ " $*" =~ [\ ,]fd=([0-9]+) ]] || exit 9
	{
		echo "is $$ ${BASH_REMATCH[1]} $VNETCTL_MAC"
		echo "args $*"
		[[ ! -e /run/vm/ask ]] ||
			may-open /dev/null /dev/kvm /dev/net/tun /dev/vhost-net | sed 's/^/open /'
	} >"/run/vm/$VNETCTL_DEV.new"
	mv "/run/vm/$VNETCTL_DEV.new" "/run/vm/$VNETCTL_DEV"
	exec vmm hold "${BASH_REMATCH[1]}" >/dev/null
END
chmod 755 /usr/local/bin/*

ip link add eth0 type veth peer name wire && ip link set wire up && ip link set eth0 up
# with a port of its own the bridge stays as it is when taps come and go
ip link add br0 type bridge && ip link add dm0 type dummy
ip link set dm0 master br0 up && ip link set br0 up

once='s/^Restart=.*/Restart=no/'
watched='s/ run-as/ lifetime watched&/'
tap=('s/eth0/br0/' 's/^DeviceAllow=char-macvtap.*/DeviceAllow=\/dev\/net\/tun rw/' 's/ CAP_SYS_ADMIN//')
vhost=('s/ run-as/ vhost on&/' 's/^DeviceAllow=.dev.kvm.*/&\nDeviceAllow=\/dev\/vhost-net rw/')

# with WORDS: the edit that adds this line
with() {
	printf 's/^NoNewPrivileges=.*/&\\n%s/\n' "$1"
}

# @debug is for the leak checker of a vnetctl built with sanitizers.
units() {
	unit vm && unit vmo "$once" &&
		unit vmw "$watched" && unit vmwo "$watched" "$once" &&
		unit vmm "$once" "$(with OOMPolicy=kill)" &&
		unit tap "${tap[@]}" && unit tapo "${tap[@]}" "$once" &&
		unit vmv "${vhost[@]}" && unit tapv "${tap[@]}" "${vhost[@]}" &&
		unit limited 's/^RestrictNamespaces=.*/RestrictNamespaces=yes/' &&
		unit vmnso "$once" 's/^RestrictNamespaces=.*/RestrictNamespaces=yes/' &&
		unit vmnsw "$once" "$watched" 's/^RestrictNamespaces=.*/RestrictNamespaces=yes/' &&
		unit vmdev "$once" '/^DeviceAllow=char-macvtap/d' &&
		unit vmadm "$once" 's/ CAP_SYS_ADMIN//' &&
		unit vmtun "$once" "${tap[@]}" '/^DeviceAllow=.dev.net.tun/d' &&
		unit vmpd "$once" "$(with PrivateDevices=yes)" &&
		unit vmpn "$once" "$(with PrivateNetwork=yes)" &&
		unit vmpk "$(with ProtectKernelTunables=yes)" &&
		unit vmsc "$once" "$(with 'SystemCallFilter=@system-service @debug\nSystemCallErrorNumber=EPERM')" &&
		unit vmscm "$(with 'SystemCallFilter=@system-service @mount\nSystemCallErrorNumber=EPERM')"
}

check "systemd: process 1, with cgroup v2 and seccomp" is_systemd
check "systemd: units are made from README's" units
state >/tmp/before

check "unit: README's as it stands" as_in_readme
check "unit: the device is listed, held by QEMU" listed_and_held
check "unit: QEMU is the user vm, without any capability" unprivileged
check "unit: DeviceAllow is in force" devices_denied
reset
check "unit: macvtap is loaded before" loads_module
reset
check "unit: stop leaves nothing" stop_leaves vm@web
check "unit: an end leaves nothing, and is one" end_leaves vm@web
check "unit: crash, same name and address again" crash_restarts vm@web
check "unit: crash leaves nothing" crash_leaves vmo@web
check "unit: restart, again and again" restarts vm@web
check "unit: all killed, same name and address again" kill_all_restarts vm@web
check "unit: all killed leaves nothing" kill_all_leaves vmo@web
check "unit: out of memory leaves nothing" out_of_memory_leaves vmm@web
check "unit: two guests" two_guests

life=watched
check "watched: starts" watched_starts
reset
check "watched: stop leaves nothing" stop_leaves vmw@web
check "watched: crash, same name and address again" crash_restarts vmw@web
check "watched: crash leaves nothing" crash_leaves vmwo@web
check "watched: restart, again and again" restarts vmw@web
check "watched: all killed, same name and address again" kill_all_restarts vmw@web
check "watched: all killed, an orphan at most" watched_kill_all
life=tap

check "tap: starts" tap_starts
reset
check "tap: stop leaves nothing" stop_leaves tap@web
check "tap: crash, same name and address again" crash_restarts tap@web
check "tap: crash leaves nothing" crash_leaves tapo@web
check "tap: all killed leaves nothing" kill_all_leaves tapo@web
life=

check "vhost: macvtap" vhost vmv@web
check "vhost: tap" vhost tapv@web

lifeline='vnetctl: cannot make a network namespace for the lifeline: Operation not permitted: this needs CAP_SYS_ADMIN (in a container --cap-add SYS_ADMIN) and must not be forbidden by RestrictNamespaces= or a seccomp filter'
check "refused: RestrictNamespaces=yes" refused vmnso@web "$lifeline"
check "refused: RestrictNamespaces=yes, watched" refused vmnsw@web "$lifeline"
check "refused: RestrictNamespaces=yes, again and again" refused_again_and_again limited@web "$lifeline"
check "refused: no CAP_SYS_ADMIN" refused vmadm@web "$lifeline"
check "refused: no DeviceAllow=char-macvtap" refused vmdev@web \
	'vnetctl: cannot open device [0-9]*:[0-9]*: Operation not permitted: a device cgroup forbids it: DeviceAllow=char-macvtap rw in a unit, *'
check "refused: no DeviceAllow=/dev/net/tun" refused vmtun@web \
	'vnetctl: cannot open /dev/net/tun: Operation not permitted: a device cgroup forbids it: DeviceAllow=/dev/net/tun rw in a unit, *'
check "refused: PrivateDevices=" refused vmpd@web \
	'vnetctl: cannot make a node for device [0-9]*:[0-9]*: Operation not permitted: *, or the right /dev/tapN, open to us'
check "refused: PrivateNetwork=" refused vmpn@web \
	"vnetctl: cannot find eth0: No such device: 'ip link' shows which devices there are"
check "unit: ProtectKernelTunables=" stop_leaves vmpk@web
check "refused: SystemCallFilter= without @mount" refused vmsc@web \
	'vnetctl: cannot mount a sysfs of our own: Operation not permitted: *'
check "unit: SystemCallFilter= with @mount" stop_leaves vmscm@web

check "end: nothing left behind" nothing_left
check "end: no complaints" no_complaints
exit $failed
