# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034,SC2154
#
# What the tests of this directory share: `load vmm` after common.

# MACs for the devices, as many as anyone needs: ${MAC[0]}, ${MAC[1]}, ...
MAC=(52:54:00:00:00:0{0..9})

VN=(vn)

# using CMD... - how probed runs vnetctl from now on, such as vn_dev vhost
using() {
	VN=("$@")
}

# probed WORDS... [-- ARGS...] - open-exec WORDS, with the probe and ARGS as
# COMMAND; output is what the probe has found
probed() {
	local -a words=()

	while (($#)) && [[ $1 != -- ]]; do
		words+=("$1")
		shift
	done
	run_cmd "${VN[@]}" open-exec "${words[@]}" -- "$PROBE" "${@:2}"
	assert_status 0
}

# found FILTER [JQ ARGS...] - of the last probe; it must be true
found() {
	jq -cre "$@" <<<"$output"
}

# got ARG... - the probe's arguments were exactly these. Descriptors are not
# compared as numbers, but as what they lead to: "fd=<vm0>" is a descriptor of
# vm0, "vhostfd=<vhost-net>" one of /dev/vhost-net; and no number comes twice. "fd:12" may
# be two bytes of a MAC.
# shellcheck disable=SC2016 # for jq
got() {
	local want have numbers

	want=$(jq -cn '$ARGS.positional' --args -- "$@") || return
	have=$(found '(.fds | map({key: "\(.fd)", value: (.ifname // .link | sub(".*/"; ""))}) |
			from_entries) as $name |
		.argv[1:] | map(gsub("(?<k>(?<!:)fds?\"?[=:]\"?)(?<v>[0-9]+(:[0-9]+)*)";
			.k + (.v / ":" | map("<" + ($name[.] // "closed") + ">") | join(":"))))') ||
		return
	[[ $have == "$want" ]] || fail "arguments: $have" "expected:  $want" || return
	numbers=$(found '[.argv[1:][] | scan("(?<!:)fds?\"?[=:]\"?([0-9]+(?::[0-9]+)*)")[0] / ":"] |
		add // [] | (length == (unique | length))') ||
		fail "a descriptor is there twice: $(found .argv)"
}

# taps DEV - how many descriptors the probe had of it
taps() {
	found --arg dev "$1" '[.fds[] | select(.ifname == $dev)] | length'
}

# --- another /dev ----------------------------------------------------------

# vn_dev WHAT ARGS... - vnetctl ARGS in $NS with a /dev of its own, in which there is
# /dev/vhost-net (WHAT is vhost; it is /dev/null by another name) or none (none), and
# anyone may open /dev/net/tun
vn_dev() {
	in_ns_dev "$1" "$VNETCTL" "${@:2}"
}

# in_ns_dev WHAT CMD... - the same for any command
# shellcheck disable=SC2016 # for the inner shell
in_ns_dev() {
	mkdir -p "$BATS_TEST_TMPDIR/dev"
	in_ns "$NS" bash -ec '
		dir=$1 what=$2
		shift 2
		mount -t tmpfs -o mode=755 dev "$dir"
		cp -a /dev/{null,zero,full,random,urandom,tty} "$dir"
		mkdir "$dir/net"
		cp -a /dev/net/tun "$dir/net"
		chmod 666 "$dir/net/tun"
		ln -s /proc/self/fd "$dir/fd"
		[[ $what != vhost ]] || mknod -m 600 "$dir/vhost-net" c 1 3
		mount --move "$dir" /dev
		exec "$@"' dev "$BATS_TEST_TMPDIR/dev" "$@"
}

# --- processes ---------------------------------------------------------------

# vnetctls - the pids of all of this test that is vnetctl yet; watchers - of its watchers
vnetctls() {
	local comm pid

	# Most processes of a machine are somebody else's: by their names first.
	for comm in $(grep -lsx -e 'vnetctl\(-watch\)\?' /proc/[0-9]*/comm); do
		pid=${comm//[^0-9]/}
		! VT_TEST='' grep -qzsx -e "VT_TEST=$vt_mark" "/proc/$pid/environ" || echo "$pid"
	done
}

watchers() {
	local pid

	for pid in $(vnetctls); do
		[[ $(cat "/proc/$pid/comm" 2>/dev/null) != vnetctl-watch ]] || echo "$pid"
	done
}

# marks - the ids that vnetctl gave to lifelines that live in $NS
marks() {
	local word id _

	ip -n "$NS" netns list-id 2>/dev/null | while read -r word id _; do
		[[ $word != nsid ]] || ((id >> 24 != 0x56)) || echo "$id"
	done
}

# all_gone DEV... - the devices, the lifelines and their watchers are gone
all_gone() {
	local dev

	for dev in "$@"; do
		wait_gone "$NS" "$dev" || return
	done
	wait_until 5 nobody_left
}

nobody_left() {
	[[ -z $(vnetctls) && -z $(marks) ]]
}

# count N CMD... - CMD prints N lines
count() {
	(($("${@:2}" | wc -l) == $1))
}

# --- guests ------------------------------------------------------------------

# QEMU that is only to take its arguments.
QEMU_STOPPED=(qemu-system-x86_64 -S -accel tcg -m 64 -nodefaults -display none)

# started NAME - waits for the monitor on stdio of a QEMU that spawn_co started
started() {
	wait_text "$BATS_TEST_TMPDIR/$1.out" '^QEMU .* monitor' 30 ||
		fail "$(cat "$BATS_TEST_TMPDIR/$1".{out,err})"
}

# guest_new NAME SCRIPT [BOOT WORDS...] - sets GUEST, the COMMAND of a Linux guest that
# runs SCRIPT (text, for busybox) and whose NICs are the arguments that are
# appended to it. The words are options of tests/vm/boot, and FILEs after "--".
guest_new() {
	local script=$BATS_TEST_TMPDIR/$1.sh name=$1 line
	local -a options=(--timeout 60 --log "$BATS_TEST_TMPDIR/$1.log")

	printf '%s\n' "$2" >"$script"
	shift 2
	while (($#)) && [[ $1 != -- ]]; do
		options+=("$1")
		shift
	done
	# Its ROM would take two seconds to say that one may press a key.
	printf -v line '%q ' exec "$VT_ROOT/tests/vm/boot" "${options[@]}"
	line+='--net "-global virtio-net-pci.romfile= $*" '
	printf -v line '%s%q ' "$line" "$script" "${@:2}"
	GUEST=(bash -c "$line" "$name")
}

# qemu_of NS - the pid of the one QEMU that runs in it
qemu_of() {
	local pid

	for pid in $(ip netns pids "$1"); do
		[[ $(cat "/proc/$pid/comm" 2>/dev/null) != qemu-system-x86 ]] || echo "$pid"
	done
}
