#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# In user namespaces, as an unprivileged container has one: what works, and what cannot says
# why and what would give it. The user is an ordinary one, and vnetctl has no file capabilities.

load ../lib/common
load ../lib/refused
load ../lib/device
load ../lib/lifetime
load priv

setup() {
	priv_setup
	PLAIN=$(program plain)
	rm "$ETC/vnetctl.conf"
}

# inside FLAGS SCRIPT - alice is root in namespaces of her own (unshare FLAGS), with lower and
# br0, and runs SCRIPT, in which vn is vnetctl
# shellcheck disable=SC2016 # for the inner shell
inside() {
	as alice unshare "$1" bash -c '
		ip link add lower type veth peer name wire
		ip link add br0 type bridge
		for dev in lower wire br0; do
			ip link set "$dev" up
		done
		vn() { "$PLAIN" "$@"; }
		eval "$1"' "$PLAIN" "$2"
}

# vn_inside FLAGS ARGS... - vnetctl ARGS there
vn_inside() {
	PLAIN=$PLAIN inside "$1" "vn ${*:2}"
}

# cannot STATUS LINE FLAGS ARGS...
cannot() {
	export PLAIN
	refused_cmd "$1" "$2" vn_inside "${@:3}"
}

sysfs="cannot mount a sysfs of our own: Operation not permitted: this needs CAP_SYS_ADMIN (in a container --cap-add SYS_ADMIN; in a user namespace a mount namespace too: unshare -m)"

@test "container: taps are made, used, and gone with their user" {
	local flags

	export PLAIN
	# shellcheck disable=SC2016
	for flags in -Urn -Urnm; do
		run_cmd inside "$flags" '
			set -e
			vn create t0
			vn create t1 link br0 mode private up
			vn mode t1 bridge
			vn open-exec t2 link br0 args none -- sh -c "ip -br link show t2 >/dev/null"
			vn open-exec t3 type tap queues 3 args none -- sh -c : x {fds}
			vn open-exec t1 args none -- sh -c :
			vn -q -br list
			vn destroy t0 force
			ip -br link | wc -l'
		assert_status 0
		assert_err ""
		[[ ${lines[0]} == t0* && ${lines[1]} == 4 ]]
	done
}

@test "container: macvtaps are made, and used where their node is to be had" {
	export PLAIN
	# shellcheck disable=SC2016
	run_cmd inside -Urnm '
		vn create m0 link lower mode bridge && vn mode m0 private && vn mode m0 &&
		vn destroy m0'
	assert_status 0
	assert_err ""
	assert_out private
	# Root of a user namespace, whose /dev is the host's own root's: nothing is missing.
	run_cmd in_ns "$NS" unshare -Urnm bash -c '
		ip link add lower type veth peer name wire && ip link set lower up &&
		ip link set wire up || exit
		for life in watched fd persistent; do
			"$0" open-exec m0 link lower mode bridge lifetime $life args none -- \
				sh -c "echo \$VNETCTL_DEV" || exit
		done' "$VNETCTL"
	assert_status 0
	assert_err ""
	assert_out $'m0\nm0\nm0'
}

@test "container: no mount namespace, no sysfs" {
	cannot 125 "$sysfs" -Urn open-exec m0 link lower -- true
	cannot 125 "$sysfs" -Urn open-exec m0 link lower lifetime fd -- true
	cannot 2 "$sysfs" -Urn create m0 link lower owner 0
}

# covered WHAT ARGS... - vnetctl ARGS in a user namespace that was made where WHAT had been done to
# the mounts below /sys, with lower; rootless podman makes them read-only
# shellcheck disable=SC2016 # for the inner shell
covered() {
	in_ns "$NS" bash -c 'eval "$1" && shift && exec unshare -Urnm bash -c "
		ip link add lower type veth peer name wire && ip link set lower up &&
		ip link set wire up && exec \"\$@\"" sh "$@"' sh "$1" "$VNETCTL" "${@:2}"
}

@test "container: /sys is read-only, as in rootless podman" {
	local life

	for life in watched fd persistent; do
		run_cmd covered 'mount -o remount,bind,ro /sys' open-exec m0 link lower \
			lifetime $life args none -- sh -c 'echo $VNETCTL_DEV'
		assert_status 0
		assert_err ""
		assert_out m0
	done
}

@test "container: /sys is covered in part" {
	local what='mount -t tmpfs none /sys/kernel'
	local why="cannot mount a sysfs of our own: Operation not permitted: parts of /sys are covered in this container, and the kernel shows them by no other way: uncover them (podman: --security-opt unmask=ALL, docker: --security-opt systempaths=unconfined)"

	refused_cmd 125 "$why" covered "$what" open-exec m0 link lower -- true
	refused_cmd 2 "$why" covered "$what" create m0 link lower owner 0
}

# shellcheck disable=SC2016,SC2317 # for the inner shell; called below
@test "container: the owner of a macvtap, and why there can be none" {
	local give='^vnetctl: cannot give /dev/tap[0-9]+ to its owner: '
	local row

	export PLAIN
	alices() {
		vn_inside -Urnm create m0 link lower owner 0
	}
	roots() {
		covered : create m0 link lower owner 5
	}
	bare() {
		in_ns "$NS" unshare -m bash -ec 'mkdir "$0"; mount -t tmpfs dev "$0"
			cp -a /dev/null "$0"; mount --move "$0" /dev; exec "$@"' \
			"$BATS_TEST_TMPDIR/dev" "$VNETCTL" create m0 link lower owner 5
	}
	for row in \
		"alices Operation not permitted: this needs CAP_CHOWN and CAP_FOWNER outside any user namespace" \
		"roots Invalid argument: this user namespace has no such user or group" \
		"bare No such file or directory: only a devtmpfs has such nodes: in a container without one, make the device on the host"; do
		before=$(vt_links)
		run_cmd "${row%% *}"
		assert_status 2
		assert_out ""
		[[ $stderr =~ $give"${row#* }"$ ]] || fail "$stderr"
		[[ $(vt_links) == "$before" ]]
	done
}

@test "container: no node, and none to be made" {
	run_cmd env PLAIN="$PLAIN" true
	export PLAIN
	run_cmd vn_inside -Urnm open-exec m0 link lower -- true
	assert_status 125
	[[ $stderr =~ ^"vnetctl: cannot make a node for device "([0-9]+):[0-9]+": Operation not permitted: this needs CAP_MKNOD outside any user namespace, and a device cgroup that allows it (DeviceAllow=char-macvtap rwm in a unit, --device-cgroup-rule 'c ${BASH_REMATCH[1]-}" ]] ||
		fail "$stderr"
	[[ $stderr == *"in a container), or the right /dev/tapN, open to us" ]]
	(($(wc -l <"$vt_err") == 1))
}

@test "container: no /dev/net/tun" {
	local why="cannot open /dev/net/tun: No such file or directory: is the module tun loaded? In a container, add --device /dev/net/tun"

	# shellcheck disable=SC2317 # called below
	no_tun() {
		in_ns "$NS" unshare -m bash -c 'mount -t tmpfs none /dev/net && exec "$@"' sh \
			"$VNETCTL" "$@"
	}
	refused_cmd 2 "$why" no_tun create t0
	refused_cmd 125 "$why" no_tun open-exec t0 link br0 -- true
}

# with_vhost SCRIPT ARGS... - vnetctl ARGS where SCRIPT has made /dev/vhost-net, the first argument
# shellcheck disable=SC2016 # for the inner shell
with_vhost() {
	in_ns "$NS" bash -ec '
		mount -t tmpfs -o mode=755 dev "$1"
		cp -a /dev/{null,net} "$1"
		set -- "$1/vhost-net" "$@"
		eval "$3"
		mount --move "$2" /dev
		shift 3
		exec "$@"' sh "$BATS_TEST_TMPDIR" "$1" "$VNETCTL" open-exec t0 link br0 "${@:2}"
}

@test "container: /dev/vhost-net is a plain file, and not handed on" {
	local line="cannot use /dev/vhost-net: it is no device: remove it and 'modprobe vhost_net', or 'vhost off'"
	local what

	for what in 'echo >"$1"' 'mkfifo "$1"' 'echo >"$2/x"; ln -s x "$1"'; do
		untouched_cmd 125 "$line" with_vhost "$what" vhost on -- true
		# Where it is only tried the guest starts without.
		run_cmd with_vhost "$what" vhost try args none -- "$PROBE"
		assert_status 0
		assert_err ""
		[[ $(jq '[.fds[].link | select(endswith("vhost-net") or endswith("/x"))]' <<<"$output") == "[]" ]] ||
			fail "$output"
	done
	# A link to a device is as good as the device.
	run_cmd with_vhost 'ln -s null "$1"' vhost on args none -- true
	assert_status 0
	assert_err ""
}

teardown() {
	local rc=0

	[[ ! -d ${DEVICES:-} ]] || wait_until 5 rmdir "$DEVICES" 2>/dev/null || rc=1
	common_teardown && ((!rc))
}

@test "container: a device cgroup forbids /dev/vhost-net" {
	local devices line="cannot open /dev/vhost-net: Operation not permitted: a device cgroup forbids it: DeviceAllow=/dev/vhost-net rw in a unit, --device /dev/vhost-net in a container"

	devices=$(awk '$3 == "cgroup" && $4 ~ /(^|,)devices(,|$)/ { print $2; exit }' /proc/mounts)
	[[ $devices ]] || skip "no cgroup (version 1) for devices here"
	DEVICES=$devices/vt-$$-$BATS_TEST_NUMBER
	mkdir "$DEVICES" || skip "no cgroup can be made here"
	echo 'c 10:238 rw' >"$DEVICES/devices.deny"
	# In this order: `ip netns exec` hides what is mounted below /sys.
	# shellcheck disable=SC2317 # called below
	denied() {
		(
			echo "$BASHPID" >"$DEVICES/cgroup.procs"
			with_vhost "$@"
		)
	}
	untouched_cmd 125 "$line" denied 'mknod -m 600 "$1" c 10 238' vhost on -- true
	run_cmd denied 'mknod -m 600 "$1" c 10 238' vhost try args none -- true
	assert_status 0
	assert_err ""
}

@test "container: no capability" {
	local net="Operation not permitted: this needs CAP_NET_ADMIN in the network namespace (try sudo; in a container --cap-add NET_ADMIN)"
	local sys="Operation not permitted: this needs CAP_SYS_ADMIN (in a container --cap-add SYS_ADMIN) and must not be forbidden by RestrictNamespaces= or a seccomp filter"

	refused_cmd 2 "cannot create tap t0: $net" without net_admin create t0
	refused_cmd 2 "cannot create macvtap m0 on lower: $net" without net_admin create m0 link lower
	refused_cmd 125 "cannot make a network namespace for the lifeline: $sys" \
		without sys_admin open-exec m0 link lower -- true
}

without() {
	in_ns "$NS" setpriv "--bounding-set=-$1" "--inh-caps=-$1" "$VNETCTL" "${@:2}"
}

# All in a pid namespace are killed when its process 1 ends: guest and watcher.
@test "container: a watcher in a pid namespace" {
	local words warning="vnetctl: warning: m0: its watcher is killed with this pid namespace, and m0 stays then: made with 'lifetime fd' it would need none"

	# shellcheck disable=SC2317 # called below
	in_pidns() {
		in_ns "$NS" unshare --pid --fork --mount-proc "$VNETCTL" "$@"
	}
	for words in "m0 link lower lifetime watched" m0; do
		[[ $words != m0 ]] || vn create m0 link lower
		# Stopped, the watcher is not quicker than its end.
		# shellcheck disable=SC2086,SC2016 # words; for COMMAND
		run_cmd in_pidns open-exec $words args none -- sh -c '
			for p in /proc/[0-9]*; do
				read -r comm <"$p/comm"
				[ "$comm" != vnetctl-watch ] || kill -STOP "${p#/proc/}"
			done'
		assert_status 0
		assert_err "$warning"
		wait_until 5 is_orphan m0
		vn destroy orphans
	done
	for words in "m0 link lower" "m0 link lower lifetime persistent" "m0 lifetime persistent" \
		"t0 link br0"; do
		# shellcheck disable=SC2086 # words
		run_cmd in_pidns open-exec $words args none -- true
		assert_status 0
		assert_err ""
	done
	# And where there is none that ends.
	run_vn open-exec m1 link lower lifetime watched args none -- true
	assert_status 0
	assert_err ""
}

@test "container: who can only read /proc/sys excludes who can write it" {
	vn create t0 link br0 queues 4
	# One stops in the middle, with its claim, where it opens the second queue.
	spawn_bg first in_ns "$NS" unshare -m sh -c 'mount -o bind,ro /proc/sys /proc/sys && exec "$@"' sh \
		setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin \
		strace -o /dev/null -P /dev/net/tun -e trace=openat -e inject=openat:delay_enter=1500000 \
		"$VNETCTL" open-exec t0 queues 2 lifetime persistent args none -- sleep 60
	sleep 0.7
	refused_cmd 125 "cannot open t0: Device or resource busy: it is held by sleep (pid $(pgrep -P "$(bg_pid first)")): 'share' opens it all the same" \
		vn open-exec t0 queues 2 lifetime persistent args none -- true
	pkill -9 -P "$(bg_pid first)"
}

@test "container: /proc/sys is read-only" {
	# shellcheck disable=SC2317 # called below
	ro() {
		in_ns "$NS" unshare -m bash -c 'mount -o bind,ro /proc/sys /proc/sys && exec "$@"' sh \
			"$VNETCTL" "$@"
	}
	run_cmd ro create t0
	assert_status 0
	assert_err ""
	# Another mount of it is looked for, which takes CAP_SYS_ADMIN.
	run_cmd ro create t1 link br0
	assert_status 0
	assert_err ""
	vn destroy t1
	run_cmd ro open-exec m0 link lower -- true
	assert_status 0
	assert_err ""
	# shellcheck disable=SC2317 # called below
	weak() {
		in_ns "$NS" unshare -m bash -c 'mount -o bind,ro /proc/sys /proc/sys && exec "$@"' sh \
			setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin "$VNETCTL" "$@"
	}
	refused_cmd 2 "cannot keep the host's IPv6 off t1 (/proc/sys/net/ipv6/conf/t1/disable_ipv6): Read-only file system: /proc/sys is read-only here: start the container with --sysctl net.ipv6.conf.default.disable_ipv6=1, or with /proc/sys writable (podman: --security-opt unmask=/proc/sys, docker: --security-opt systempaths=unconfined)" \
		weak create t1 link br0
	assert_gone "$NS" t1
	# What is so already is not written.
	in_ns "$NS" sysctl -qw net.ipv6.conf.default.disable_ipv6=1
	run_cmd weak create t1 link br0
	assert_status 0
	assert_err ""
}
