#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# destroy: many at once, each told by name, nothing else swept along.

# shellcheck disable=SC2154 # common.bash sets stderr and the vt_ ones

load ../lib/common
load ../lib/refused
load inspect

: "${SWEEP:=$VT_ROOT/build/tests/sweep}"

setup() {
	common_setup
	lower_new "$NS"
	bridge_new "$NS" br0 port0 far
}

# made DEV... - by vnetctl: tN is a tap on the bridge, all others are macvtaps
made() {
	local dev

	for dev in "$@"; do
		case $dev in
		t*) echo "create $dev link br0" ;;
		*) echo "create $dev link lower" ;;
		esac
	done | in_ns "$NS" "$VNETCTL" -batch -
}

# others - devices of both kinds that vnetctl did not make, and other kinds
others() {
	ip -n "$NS" link add ipm0 link lower type macvtap mode bridge
	ip -n "$NS" link add ipm1 link br0 type macvtap mode bridge
	ip -n "$NS" tuntap add ipt0 mode tap
	ip -n "$NS" link set ipt0 master br0
	ip -n "$NS" tuntap add ipt1 mode tap
	ip -n "$NS" tuntap add tun0 mode tun
	ip -n "$NS" link add mv0 link lower type macvlan mode bridge
	ip -n "$NS" link add dev0 type veth peer name dev1
}

# dels N FILE - the trace has N requests for removal
dels() {
	local n

	n=$(grep -o 'nlmsg_type=RTM_DELLINK' "$2" | wc -l)
	((n == $1)) || fail "$n times RTM_DELLINK, expected: $1" "$(head -c 4000 "$2")"
}

held_line() {
	echo "vnetctl: cannot remove $1: Device or resource busy: it is held by $2 (pid $(bg_pid "$1")): 'force' removes it all the same, and its guest loses the network"
}

no_such() {
	printf 'vnetctl: cannot find %s: No such device\n' "$@"
}

# --- which ------------------------------------------------------------------------

@test "destroy: by name, one and many" {
	local before

	before=$(vt_links)
	others
	ip -n "$NS" link property add dev ipm0 altname other-name
	local with
	with=$(vt_links)
	made vm0 vm1 vm2 t0 t1
	run_vn destroy vm0
	assert_status 0
	assert_out ""
	assert_err ""
	shows "ipm0 ipm1 ipt0 ipt1 t0 t1 vm1 vm2"
	run_vn destroy t0 dev vm1 vm2 t0 t1 vm1
	assert_status 0
	assert_out ""
	assert_err ""
	[[ $(vt_links) == "$with" ]] || fail "$(diff <(echo "$with") <(vt_links))"
	# By name also what others made, and by another of its names.
	run_vn destroy ipm1 other-name ipt0 ipt1
	assert_status 0
	assert_err ""
	ip -n "$NS" link del dev0
	ip -n "$NS" link del mv0
	ip -n "$NS" link del tun0
	[[ $(vt_links) == "$before" ]] || fail "$(diff <(echo "$before") <(vt_links))"
}

@test "destroy: all, by type and by link, only what vnetctl made" {
	local there with

	others
	with=$(vt_links)
	ns_new THERE
	lower_new "$THERE"
	in_ns "$THERE" "$VNETCTL" create vm0 link lower
	in_ns "$THERE" "$VNETCTL" create t0 type tap
	there=$(ip -n "$THERE" -o link)

	made vm0 vm1 t0 t1
	vn create vm2 type macvtap link br0
	vn create t2 type tap
	run_vn destroy type tap
	assert_status 0
	assert_err ""
	shows "ipm0 ipm1 ipt0 ipt1 vm0 vm1 vm2"
	made t0 t1
	run_vn destroy type macvtap
	assert_status 0
	assert_err ""
	shows "ipm0 ipm1 ipt0 ipt1 t0 t1"
	made vm0 vm1
	vn create vm2 type macvtap link br0
	run_vn destroy link br0
	assert_status 0
	assert_err ""
	shows "ipm0 ipm1 ipt0 ipt1 vm0 vm1"
	vn create vm2 type macvtap link br0
	made t0
	run_vn destroy type tap link br0
	assert_status 0
	shows "ipm0 ipm1 ipt0 ipt1 vm0 vm1 vm2"
	made t0
	vn create t2 type tap
	run_vn destroy link lower
	assert_status 0
	shows "ipm0 ipm1 ipt0 ipt1 t0 t2 vm2"
	made vm0
	run_vn destroy all
	assert_status 0
	assert_out ""
	assert_err ""
	[[ $(vt_links) == "$with" ]] || fail "$(diff <(echo "$with") <(vt_links))"
	# Nothing left to do is no failure.
	for words in all orphans "type tap" "type macvtap" "link br0" "link lower"; do
		# shellcheck disable=SC2086 # words
		run_vn destroy $words
		assert_status 0
		assert_err ""
	done
	[[ $(vt_links) == "$with" ]]
	[[ $(ip -n "$THERE" -o link) == "$there" ]]
	# A renamed device, and one that is up and in a group, are vnetctl's still.
	made vm0 vm1 t0
	ip -n "$NS" link set vm0 name renamed
	ip -n "$NS" link set vm1 up group 77
	ip -n "$NS" link set ipm0 group 77
	run_vn destroy all
	assert_status 0
	shows "ipm0 ipm1 ipt0 ipt1"
}

@test "destroy: words that do not go together" {
	local words

	made vm0
	for words in "vm0 all" "vm0 type macvtap" "vm0 link lower" "vm0 orphans"; do
		# shellcheck disable=SC2086 # words
		refused 1 "destroy: names do not go with 'type', 'link', 'orphans' or 'all'" destroy $words
	done
	refused 1 "destroy: 'all' does not go with 'orphans'" destroy orphans all
	refused 1 "destroy: 'orphans' goes with nothing else" destroy orphans type tap
	refused 1 "destroy: 'orphans' goes with nothing else" destroy link lower orphans
	refused 1 "destroy: which device? 'vnetctl destroy NAME'" destroy
	refused 1 "destroy: which device? 'vnetctl destroy NAME'" destroy force if-exists
	refused 1 "destroy: 'veth' is no type: one of {macvtap|tap}" destroy type veth
	refused 2 "cannot find nope: No such device" destroy link nope
	shows vm0
}

@test "destroy: only orphans" {
	orphan_new left link lower
	orphan_new right link lower mode bridge
	hold vm0 vm0 link lower lifetime watched
	hold vm1 vm1 link lower lifetime fd
	made vm2 t0
	ip -n "$NS" link add ipm0 link lower type macvtap
	run_vn destroy orphans
	assert_status 0
	assert_out ""
	assert_err ""
	shows "ipm0 t0 vm0 vm1 vm2"
	# One by its name is as good.
	orphan_new left link lower
	run_vn destroy left
	assert_status 0
	assert_err ""
	shows "ipm0 t0 vm0 vm1 vm2"
}

@test "destroy: orphans, by four at once" {
	local i n

	mkdir "$BATS_TEST_TMPDIR/once"
	for i in 1 2 3; do
		for n in {0..11}; do
			hold "g$n" "g$n" link lower lifetime watched
		done
		for n in {0..11}; do
			kill -9 "$(watcher_of "g$n")"
		done
		for n in {0..11}; do
			kill -9 "$(bg_pid "g$n")"
		done
		wait_until 5 orphans_are 12
		in_ns "$NS" "$VT_ROOT/tests/tools/at-once" "$BATS_TEST_TMPDIR/once" 4 "$VNETCTL" destroy orphans
		[[ $(cat "$BATS_TEST_TMPDIR"/once/*.err) == "" ]] || fail "$(cat "$BATS_TEST_TMPDIR"/once/*.err)"
		[[ $(cat "$BATS_TEST_TMPDIR"/once/*.status | sort | uniq -c | xargs) == "4 0" ]]
		shows ""
	done
}

orphans_are() {
	[[ $(vn -j list orphaned | jq length) == "$1" ]]
}

# --- what stays --------------------------------------------------------------------

@test "destroy: held ones stay and are named, while the others go" {
	made a0 a1 a2 t9
	hold vm0 vm0 link lower lifetime watched
	hold vm1 vm1 link lower lifetime fd
	hold t0 t0 link br0
	run_vn destroy a0 vm0 a1 vm1 t0 t9 a2
	assert_status 2
	assert_out ""
	assert_err "$(for dev in vm0 vm1 t0; do held_line "$dev" probe; done)"
	shows "t0 vm0 vm1"
	made a0 t9
	run_vn destroy all
	assert_status 2
	[[ $(sort "$vt_err") == "$(for dev in t0 vm0 vm1; do held_line "$dev" probe; done | sort)" ]] ||
		fail "$stderr"
	shows "t0 vm0 vm1"
	run_vn destroy type tap
	assert_status 2
	assert_err "$(held_line t0 probe)"
	run_vn destroy vm0
	assert_status 2
	assert_err "$(held_line vm0 probe)"
	# Not even one was touched: they have what they had.
	json "$NS" 'length == 3 and all(.[]; .operstate != "DOWN" and (.orphaned | not))'
	for dev in vm0 vm1 t0; do
		users_are "$dev" "[$(user "$(bg_pid "$dev")" probe "$(hold_fds "$dev" "$dev")")]"
		let_go "$dev" "$dev"
	done
	wait_until 5 quiet_end
	shows ""
}

# asks_about - the destroy that strace slows down is about to look at the descriptor found
asks_about() {
	local pid

	pid=$(cat "/proc/$(bg_pid slow)/task/$(bg_pid slow)/children") &&
		[[ $(cat "/proc/${pid% }/syscall") == "434 "* ]]
}

@test "destroy: who has let go meanwhile is no holder" {
	vn create vm0 link lower
	# shellcheck disable=SC2016 # for bash
	spawn_co other in_ns "$NS" bash -c \
		'exec 7<>"$1"; echo open; read -r; exec 7>&-; echo closed; read -r' - \
		"/dev/tap$(index vm0)"
	wait_text "$BATS_TEST_TMPDIR/other.out" open
	spawn_bg slow in_ns "$NS" strace -qq -o "$BATS_TEST_TMPDIR/trace" -e trace=pidfd_open \
		-e inject=pidfd_open:delay_enter=1000000:when=1 "$VNETCTL" destroy vm0
	wait_until 5 asks_about
	[[ $(ask other "") == closed ]]
	bg_end slow
	((status == 0)) || fail "$(cat "$BATS_TEST_TMPDIR/slow".*)"
	shows ""
	grep -q pidfd_open "$BATS_TEST_TMPDIR/trace"
	say other ""
}

@test "destroy: held ones go by force, of all lifetimes" {
	local dev

	hold vm0 vm0 link lower lifetime watched
	hold vm1 vm1 link lower lifetime fd
	hold vm2 vm2 link lower lifetime persistent
	hold t0 t0 link br0
	made a0
	run_vn destroy vm0 vm1 vm2 t0 a0 force
	assert_status 0
	assert_out ""
	assert_err ""
	shows ""
	# The holders live, with a dead descriptor; what watched ends.
	for dev in vm0 vm1 vm2 t0; do
		! pid_gone "$(bg_pid "$dev")"
	done
	say vm0 again
	wait_until 5 vt_lines vm0 2
	[[ $(tail -n 1 "$BATS_TEST_TMPDIR/vm0.out" | jq -r '[.fds[].tun_error | select(. != null)][0]') == \
		"Link has been severed" ]]
	for dev in vm0 vm1 vm2 t0; do
		co_eof "$dev"
	done
	wait_until 5 quiet_end
	hold vm0 vm0 link lower lifetime watched
	hold vm1 vm1 link lower lifetime fd
	run_vn destroy all force
	assert_status 0
	assert_err ""
	shows ""
}

@test "destroy: missing ones are told, each, and others' kinds" {
	others
	made vm0 vm1 vm2
	run_vn destroy nope0 vm0 nope1 dev0 vm1 nope0 br0
	assert_status 2
	assert_out ""
	assert_err "$(no_such nope0 nope1
		echo "vnetctl: dev0 is no macvtap and no tap, but a veth: vnetctl leaves it alone"
		no_such nope0
		echo "vnetctl: br0 is no macvtap and no tap, but a bridge: vnetctl leaves it alone")"
	shows "ipm0 ipm1 ipt0 ipt1 vm2"
	assert_there "$NS" dev0
	# None of them there: no other way to tell it.
	run_vn destroy nope0 nope1
	assert_status 2
	assert_err "$(no_such nope0 nope1)"
	run_vn destroy nope0
	assert_status 2
	assert_err "$(no_such nope0)"
	# What is not there is no failure if that is said; all else is.
	run_vn destroy nope0 nope1 if-exists
	assert_status 0
	assert_out ""
	assert_err ""
	run_vn destroy if-exists nope0 vm2 lo nope1
	assert_status 2
	assert_err "vnetctl: lo is no macvtap and no tap, but another device: vnetctl leaves it alone"
	shows "ipm0 ipm1 ipt0 ipt1"
	hold vm0 vm0 link lower lifetime watched
	run_vn destroy nope0 vm0 if-exists
	assert_status 2
	assert_err "$(held_line vm0 probe)"
}

@test "destroy: some vanish while it is at it" {
	local i

	for ((i = 0; i < 10; i++)); do
		made vm{0..19}
		in_ns "$NS" sh -c 'for i in 3 7 11 15 19; do echo "link del vm$i"; done | ip -batch -' &
		run_vn destroy vm{0..19} if-exists
		wait $! || :
		assert_status 0
		assert_err ""
		shows ""
	done
}

# --- how -----------------------------------------------------------------------------

@test "destroy: one removal for the lot" {
	made vm{0..39} t{0..9}
	ip -n "$NS" link add ipm0 link lower type macvtap
	straced "$BATS_TEST_TMPDIR/trace" sendto,sendmsg destroy all
	dels 1 "$BATS_TEST_TMPDIR/trace"
	shows "ipm0"
	made vm{0..39} t{0..9}
	straced "$BATS_TEST_TMPDIR/trace" sendto,sendmsg destroy vm{0..38} t{0..9}
	dels 1 "$BATS_TEST_TMPDIR/trace"
	shows "ipm0 vm39"
	straced "$BATS_TEST_TMPDIR/trace" sendto,sendmsg destroy vm39
	dels 1 "$BATS_TEST_TMPDIR/trace"
	# Those in a namespace of their own have a removal each; no group reaches them.
	hold vm0 vm0 link lower lifetime fd
	hold vm1 vm1 link lower lifetime fd
	made vm{2..9}
	straced "$BATS_TEST_TMPDIR/trace" sendto,sendmsg destroy vm{0..9} force
	dels 3 "$BATS_TEST_TMPDIR/trace"
	shows "ipm0"
	# Orphans, too, in one.
	orphan_new left link lower
	orphan_new right link lower
	straced "$BATS_TEST_TMPDIR/trace" sendto,sendmsg destroy orphans
	shows "ipm0"
	dels 1 "$BATS_TEST_TMPDIR/trace"
}

@test "destroy: a thousand" {
	local i

	others
	for ((i = 0; i < 1000; i++)); do
		echo "link add vm$i link lower type macvtap"
	done | ip -n "$NS" -batch -
	run_vn destroy vm{0..999}
	assert_status 0
	assert_err ""
	shows "ipm0 ipm1 ipt0 ipt1"
	assert_there "$NS" mv0
	assert_there "$NS" dev0
}

# Rights that a container may lack; the processes of others are then not looked at.
no_sys_admin() {
	in_ns "$NS" setpriv --bounding-set -sys_admin --inh-caps -sys_admin "$VNETCTL" "$@"
}

# no_more_netns ARGS... - vnetctl ARGS where no network namespace more can be made
no_more_netns() {
	in_ns "$NS" "${FORBID:-$VT_ROOT/build/tests/forbid}" "$VNETCTL" "$@"
}

@test "destroy: several where no lifeline can be made" {
	local how

	for how in no_sys_admin no_more_netns; do
		made vm0 vm1 t0
		run_cmd $how destroy vm0 vm1 t0 force
		assert_status 0
		assert_out ""
		assert_err ""
		shows ""
		# Taps are looked for without any namespace, and nothing is forced.
		made t0 t1 t2
		hold t3 t3 link br0
		run_cmd $how destroy t0 t1 t3 t2
		assert_status 2
		assert_err "$(held_line t3 probe)"
		shows "t3"
		let_go t3 t3
		made t0 t1
		run_cmd $how destroy all
		assert_status 0
		assert_err ""
		shows ""
	done
	made vm0 vm1 t0
	run_cmd no_more_netns destroy vm0 vm1 t0
	assert_status 0
	assert_out ""
	assert_err ""
	shows ""
}

@test "destroy: several at user.max_net_namespaces" {
	# A limit of the user namespace: in one of its own nobody else feels it.
	# shellcheck disable=SC2016 # for the inner shell
	run_cmd in_ns "$NS" unshare -U -r -n sh -c '
		ip link add lower type veth peer name peer
		echo 0 >/proc/sys/user/max_net_namespaces || exit 99
		for dev in vm0 vm1 vm2; do
			"$0" create $dev link lower || exit 98
		done
		"$0" destroy vm0 vm1 vm2 force
		status=$?
		ip -o link show type macvtap
		exit $status' "$VNETCTL"
	assert_status 0
	assert_out ""
	assert_err ""
}

# --- nothing but itself -------------------------------------------------------------------

# An ordinary user who was given the rights, and may have no process more.
@test "destroy: one, and several, at RLIMIT_NPROC" {
	local words

	chmod 755 "$BATS_TEST_TMPDIR"
	for words in "vm0" "vm0 vm1 t0"; do
		made vm0 vm1 t0
		# shellcheck disable=SC2086 # words
		run_cmd in_ns "$NS" prlimit --nproc=1 setpriv --reuid=65534 --regid=65534 --clear-groups \
			--inh-caps=+net_admin,+sys_admin,+sys_ptrace,+dac_read_search \
			--ambient-caps=+net_admin,+sys_admin,+sys_ptrace,+dac_read_search \
			/proc/self/fd/9 destroy $words 9<"$VNETCTL"
		assert_status 0
		assert_out ""
		assert_err ""
		vn destroy vm0 vm1 t0 if-exists
		shows ""
	done
}

# In a container the first process often is a program that never looks for children that
# it has not.
@test "destroy: leaves no process behind, under a pid 1 that does not reap" {
	local words

	for words in "vm0" "t0" "vm1 vm2 t1"; do
		# shellcheck disable=SC2086 # words
		made $words
		# shellcheck disable=SC2086
		run_cmd in_ns "$NS" unshare --pid --fork --mount-proc --kill-child python3 -c '
import os, subprocess, sys
status = subprocess.call(sys.argv[1:])
others = [p for p in os.listdir("/proc") if p.isdigit() and p != "1"]
for p in others:
    print(open(f"/proc/{p}/stat").read())
sys.exit(status)' "$VNETCTL" destroy $words
		assert_status 0
		assert_out ""
		assert_err ""
		shows ""
	done
}

# --- killed midway --------------------------------------------------------------------

# killed N - destroys vm0, vm1, vm2 and t0, killed at its N-th system call. False when
# it has no so many. By force, because a walk over /proc is as long as the machine
# is busy, and changes nothing.
killed() {
	local rc=0

	in_ns "$NS" "$SWEEP" kill "$1" --skip-startup --timeout 30 \
		--report "$BATS_TEST_TMPDIR/report" -- "$VNETCTL" destroy vm0 vm1 vm2 t0 force \
		>"$BATS_TEST_TMPDIR/killed.out" 2>&1 || rc=$?
	((rc <= 1)) || fail "$(cat "$BATS_TEST_TMPDIR/report" "$BATS_TEST_TMPDIR/killed.out")" ||
		return 2
	return "$rc"
}

# look - the file "now" gets what there is: name, group, whether it is an orphan
look() {
	vn -j list | jq -r '.[] | "\(.ifname) \(.group) \(.orphaned)"' |
		LC_ALL=C sort >"$BATS_TEST_TMPDIR/now"
}

# only_orphans WHEN ALL - of ALL, those that are left are untouched or orphans, and
# `destroy orphans` takes the orphans alone. Sets left; adds to stayed, orphaned or went.
only_orphans() {
	local now=$BATS_TEST_TMPDIR/now all rest strange orphans

	# Also when it was killed: what the kernel was told to do, it does. And a
	# namespace takes a moment to go.
	wait_until 5 no_marks && look || return
	all=" $2 "
	left='' rest='' orphans='' strange=''
	while read -r name group orphan; do
		if [[ $all != *" $name "* ]]; then
			rest+="$name $group $orphan"$'\n'
			continue
		fi
		left+="$name "
		if [[ $orphan == true ]]; then
			orphans+="$name "
			continue
		fi
		rest+="$name $group $orphan"$'\n'
		[[ $group == default ]] || strange+="$name "
	done <"$now"
	[[ ! $strange ]] || fail "killed at $1: neither untouched nor orphans: $strange" || return
	if [[ $orphans ]]; then
		orphaned=$((orphaned + 1))
		in_ns "$NS" timeout 300 "$VNETCTL" destroy orphans && look || return
		left=''
		diff "$now" <(printf %s "$rest")
	elif [[ $left ]]; then
		stayed=$((stayed + 1))
		[[ $(wc -w <<<"$left") == "$(wc -w <<<"$2")" ]] ||
			fail "killed at $1: left are only:" "$left"
	else
		went=$((went + 1))
	fi
}

@test "destroy: killed at any system call, all or nothing, or orphans" {
	local n left='' stayed=0 orphaned=0 went=0

	others
	ip -n "$NS" link set ipm0 group 7
	for ((n = 1; ; n++)); do
		[[ $left ]] || made vm0 vm1 vm2 t0
		killed "$n" || break
		only_orphans "$n" "t0 vm0 vm1 vm2"
		[[ $(grep ^ip "$BATS_TEST_TMPDIR/now" | xargs) == "ipm0 7 false ipm1 default false ipt0 default false ipt1 default false" ]]
	done
	shows "ipm0 ipm1 ipt0 ipt1"
	echo "# killed at $((n - 1)) calls: all stayed $stayed, orphans $orphaned, all went $went" >&3
	((stayed > 5 && went > 0))
}

# More than go into one send. The calls counted are sendto(2) alone: two for each
# name, and then those that matter.
@test "destroy: so many killed midway that some are marked, some not" {
	local n=1700 k last i left stayed=0 orphaned=0 went=0

	others
	for ((i = 0; i < n; i++)); do
		echo "link add v$i link lower type macvtap"
	done | ip -n "$NS" -batch -
	for ((k = 2 * n; k < 2 * n + 8; k++)); do
		run_cmd in_ns "$NS" strace -qq -o /dev/null -e trace=sendto \
			-e "inject=sendto:signal=KILL:when=$k" \
			"$VNETCTL" destroy v{0..1699} force
		last=$status
		only_orphans "send $k" "$(echo v{0..1699})"
		((!orphaned && !went)) || break
	done
	echo "# killed at $((k - 2 * n + 1)) sends: all stayed $stayed, orphans $orphaned, all went $went" >&3
	((last == 137 && stayed > 0 && orphaned == 1))
	# Those that were not yet marked are there.
	[[ $(names) == "ipm0 ipm1 ipt0 ipt1 v"* ]]
}

# --- at once again --------------------------------------------------------------------

# again N CREATE-WORDS... - N times destroyed and made again at once, each a
# command of its own
again() {
	local n=$1
	shift

	# shellcheck disable=SC2016 # for the inner shell
	in_ns "$NS" timeout 120 bash -c 'n=$1; shift
		for ((i = 0; i < n; i++)); do
			"$VNETCTL" create "$@" || exit
			"$VNETCTL" destroy "$1" || exit
		done' bash "$n" "$@"
}

@test "destroy: and made again at once, passthru with one MAC, 300 times" {
	run_cmd again 300 pt0 link lower mode passthru up
	assert_status 0
	assert_out ""
	assert_err ""
	shows ""
}

@test "destroy: and made again at once, one name and MAC, 100 times" {
	run_cmd again 100 vm0 link lower mode bridge address 52:54:00:00:00:01 up
	assert_status 0
	assert_err ""
	run_cmd again 50 t0 link br0 address 52:54:00:00:00:02 up
	assert_status 0
	assert_err ""
	shows ""
}

@test "destroy: and made again at once, in a batch" {
	local i

	for ((i = 0; i < 30; i++)); do
		echo "create pt0 link lower mode passthru up"
		echo "destroy pt0"
		echo "create t0 link br0 address 52:54:00:00:00:02 up"
		echo "destroy t0"
	done >"$BATS_TEST_TMPDIR/b"
	run_cmd in_ns "$NS" timeout 300 "$VNETCTL" -batch "$BATS_TEST_TMPDIR/b"
	assert_status 0
	assert_out ""
	assert_err ""
	shows ""
}

@test "destroy: what it leaves to the kernel is soon done, and waited for by no one" {
	local out

	made vm0
	# The caller's pipe is not kept open.
	out=$(vn destroy vm0; echo "done")
	[ "$out" = "done" ]
	wait_until 2 quiet_end
}
