#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Set here for functions of the other file, and read by their names:
# shellcheck disable=SC2034,SC2004
#
# Every single system call fails, one at a time. The tables it prints:
#
#   points     how many of how many calls were made to fail
#   refused    a non-zero exit (125 of open-exec), one line on stderr that begins with
#              "vnetctl: ", and everything is as it was before
#   survived   success, and all that was asked for: only the calls named in
#              survivable() may do that
#   done       mode, destroy: the kernel has done it, but its answer was lost: refused as
#              above, yet the change stands
#   orphan     the watcher could not remove its device, but `list orphaned` shows it
#   wrong      anything else
#   unhurt     how the command ends when no call fails
#
# Which errors, see errors(): without LONG=1 one for each call, another one at the
# next call of the same name; and always EINTR where a real kernel can return it.

load ../lib/common
load ../lib/refused
load ../lib/lifetime
load ../lib/sweep

MAC=52:54:00:00:00:51
NEW=(open-exec sw0 link lower address "$MAC")
WATCHED=("${NEW[@]}" lifetime watched)

setup() {
	common_setup
	lower_new "$NS"
	# For an orphan, which is in nobody's way there.
	lower_new "$NS" lower2 peer2
	bridge_new "$NS" br0 port0 peer3
	settled lower peer lower2 peer2 port0 peer3 br0
	pen_new
	# COMMAND, which tells what it was given.
	PROBED=(args none -- "$PROBE")
}

teardown() {
	local rc=0

	pen_end || rc=1
	common_teardown && ((!rc))
}

header() {
	row_header "failed at every call" refused survived "done" orphan wrong
}

# --- what fails how -----------------------------------------------------------

# errors CALL - the errors that it may meet, without EINTR
errors() {
	case $1 in
	openat) echo EMFILE ENOMEM EPERM ;;
	socket | socketpair) echo EMFILE ENOBUFS EPERM ;;
	sendto | recvmsg | recvfrom) echo ENOBUFS ENOMEM ;;
	unshare) echo EPERM ENOSPC ENOMEM ;;
	setns | ioctl | mknodat | setsockopt | statx | newfstatat) echo EPERM ENOMEM ;;
	fsopen | fsconfig | fsmount) echo EPERM EMFILE ENOMEM ;;
	clone | vfork) echo EAGAIN ENOMEM ;;
	wait4) echo ECHILD ;;
	read | pread64) echo EIO ENOMEM ;;
	write) echo EIO ENOSPC EPERM ;;
	close) echo EIO ;;
	getrandom) echo ENOSYS ;;
	execve) echo ENOMEM EPERM ;;
	capset | prctl | setsid) echo EPERM ;;
	pidfd_open | pidfd_getfd) echo EMFILE EPERM ;;
	*) echo ENOMEM ;;
	esac
}

# survivable CALL-WITH-ARGUMENTS THE-ONE-BEFORE ERRNO - why the result can be
# whole although this call has failed
survivable() {
	# Nothing was lost by a signal.
	[[ $3 != EINTR ]] || return 0
	case $1 in
	# Nothing can be done about it, and the kernel has closed it anyway.
	close\ *) ;;
	# NETLINK_CAP_ACK, EXT_ACK, GET_STRICT_CHK: they add words and strictness.
	setsockopt\ *\ 0x10e\ 0x[abc]) ;;
	# malloc has mmap as another way.
	brk\ *) ;;
	# stdio looks whether stdout is a terminal.
	newfstatat\ 0x1\ *) ;;
	# libc's own: GRND_NONBLOCK, a seed for malloc.
	getrandom\ *\ 0x1) ;;
	# What is to be given up, asked for (PR_CAP_AMBIENT, PR_CAPBSET_READ): a
	# kernel that does not know of it has none. And libcap asking for its version.
	prctl\ 0x2f\ 0x1\ * | prctl\ 0x17\ *) ;;
	# Power that was not raised is missed by the call that needs it, if it does; lowering
	# is tried twice.
	capget\ * | capset\ *) ;;
	# PR_CAPBSET_DROP without CAP_SETPCAP: no_new_privs stands for it.
	prctl\ 0x18\ *) [[ $3 == EPERM ]] ;;
	# PR_SET_NAME: for ps only.
	prctl\ 0xf\ *) ;;
	# The walk over /proc: what may not be looked at is what cannot be seen.
	openat\ *\ fd | openat\ *\ [1-9]* | statx\ *\ [0-9] | statx\ *\ [1-9]*)
		[[ $3 == EPERM ]]
		;;
	# How many threads a process has, and which descriptors are our own work: else all are
	# looked at, or none of ours. With which rights: else what is closed counts as unseen.
	newfstatat\ *\ task | fcntl\ *\ 0x1\ * | newfstatat\ *\ /proc/self/ns/user) ;;
	# For a warning only: is this a container's pid namespace?
	newfstatat\ *\ /proc/self/ns/pid) ;;
	# Without the right to ask for a watcher's lock, as in an ordinary user's list, none is on
	# duty.
	openat\ *\ 0x80002\ *tcp_fastopen_key) [[ $3 == EPERM ]] ;;
	# Names of groups, which are numbers without it.
	openat\ *\ /etc/iproute2/group | read\ *\ 0xffff) ;;
	# F_GETFL of a descriptor that is there.
	fcntl\ *\ 0x3\ *) ;;
	# Whether the host's IPv6 is off already: else it is switched off.
	openat\ *\ 0x80000\ /proc/sys/net/ipv6/conf/*) ;;
	read\ *\ 0x1) ;;
	# There is another way to the node.
	openat\ *\ /dev/tap* | openat\ *\ /proc/self/fd/*) ;;
	newfstatat\ *) [[ $2 == *\ /dev/tap* ]] ;;
	# Nothing was lost: a caller that ignores SIGCHLD has its children reaped unseen.
	wait4\ *) [[ $3 == ECHILD ]] ;;
	# For a warning only: is the lower device wireless?
	faccessat2\ *\ class/net/*/phy80211) ;;
	# What only /sys tells of others' taps is lost only if something else fails, too.
	openat\ *\ /sys/class/net/*) ;;
	read\ *) [[ $2 == openat\ *\ /sys/class/net/* ]] ;;
	# Which of the holders of a tap's namesake it is: else it is taken for one.
	pidfd_open\ * | pidfd_getfd\ * | ioctl\ *\ 0x800454d2\ *) [[ $2 != *\ /dev/* ]] ;;
	# libc's own in if_nametoindex(3), which has other families to try.
	socket\ 0x1\ 0x80002\ *) ;;
	# Is standard output a terminal? (TCGETS)
	ioctl\ 0x1\ 0x5401\ *) ;;
	# The watcher's: they fail only for signals that there are not.
	rt_sigaction\ * | rt_sigprocmask\ *) ;;
	# libc's own at a fork, and without it descriptors are closed one by one.
	set_robust_list\ * | close_range\ * | prlimit64\ *) ;;
	*) survivable_here "$@" ;;
	esac
}

# What may be survived in one test alone.
survivable_here() { false; }

# --- the sweeps -------------------------------------------------------------

# fail_each WHO ARGS... - makes each of WHO's calls of vnetctl ARGS fail, has prepare
# run before and judge after each, and prints the row
fail_each() {
	local who=$1 n=0 runs=0 over='' names=none err try call key
	local -A turn=()
	local -a all
	shift

	# Until two runs agree: now and then one has a call more or less (of malloc's, say),
	# and each call would then meet the errors of its neighbour.
	while [[ "${calls[*]%% *}" != "$names" ]]; do
		((++runs <= 10)) || fail "no two of 10 runs have the same calls" || return
		names=${calls[*]%% *}
		prepare
		sweep_calls "$who" "$@"
		learn
		hit_err='' judge_one end
	done
	while [[ ! $over ]]; do
		((++n))
		[[ ! ${left_out[n]:-} ]] || continue
		call=${calls[n]:-}
		read -ra all < <(errors "${call%% *}")
		key=x${call%% *}
		try=$((turn[$key]++ % ${#all[@]}))
		[[ ${LONG:-} ]] || all=("${all[try]}")
		[[ ! ${tilde[n]:-} ]] || all+=(EINTR)
		for err in "${all[@]}"; do
			fail_one "$n" "$err" "$who" "$@"
			[[ ! $over ]] || break
		done
		[[ $over ]] || ((++row[points]))
	done
	row_print "$hit_main" refused survived "done" orphan wrong
}

# fail_one N ERRNO WHO ARGS...
fail_one() {
	local rc=0

	hit_err=$2
	prepare
	hit fail "$@" || rc=$?
	((rc < 2)) || return
	if ((rc)); then
		over=1
		hit_err=''
	fi
	judge_one "$1"
	[[ $over || $hit_result == infallible ]] || ((++row[$verdict]))
}

# judge_one N - judge, with hit_line and hit_before, the call that failed and the
# one before it
judge_one() {
	local lines

	mapfile -t lines < <(tail -n 2 "$BATS_TEST_TMPDIR/hit.log" | cut -d ' ' -f 3-)
	hit_line=${lines[1]:-${lines[0]:-}}
	hit_before=${lines[0]:-}
	verdict=''
	judge "$1" && [[ $verdict ]] || verdict=wrong
	[[ $verdict != wrong ]] ||
		wrong "point $1, ${hit_err:-no error} at $hit_line:
(where it was ${calls[$1]:-nothing} unhurt)
main $hit_main, $why: $(<"$BATS_TEST_TMPDIR/hit.err")
$(diff <(echo "$before") <(vt_links) | cut -c 1-200)
$(marks)"
	[[ $verdict != wrong ]] || clean_slate
}

clean_slate() {
	local dev

	for dev in sw0 sw1; do
		! pen_has $dev || ip -n "$NS" link del $dev
	done
	wait_until 10 is_clean
}

prepare() { :; }
learn() { :; }

# judge N - each test defines its own; sets verdict, and why if that is wrong

succeeded() {
	[[ $hit_main == reached-exec || $hit_main == 'exited 0' ]]
}

# may_succeed - it has not been hurt, or the call may be survived
may_succeed() {
	why='was not to be survived'
	[[ ! $hit_err || $hit_result == infallible ]] ||
		survivable "$hit_line" "$hit_before" "$hit_err"
}

# refused_by STATUS... - the last hit was refused with one of these statuses, in one line;
# in none if that is what could not be written
refused_by() {
	why="not status $* and one line"
	! gave_up || return 0
	[[ " $* " == *" ${hit_main#exited } "* ]] && { one_line || [[ $hit_line == 'write 0x2 '* ]]; }
}

# gave_up - there was no way home (setns, and the power to): SIGABRT, after one line
gave_up() {
	[[ $hit_main == 'signalled 6' && $hit_line == @(setns|capget|capset)\ * ]] && one_line
}

# left CMD... - CMD comes to be true
left() {
	why="not $*"
	wait_until "$SETTLE" "$@" 2>/dev/null
}

# told - what COMMAND was told, but for numbers that may differ
told() {
	jq -cS '.fds |= (map({link: (.link | gsub("[0-9]+"; "N")), ifname, tun_flags, cloexec}) |
			sort) |
		.env.VNETCTL_FD = "" | del(.pid, .ppid, .argv)' "$BATS_TEST_TMPDIR/hit.out"
}

# same_told - as the COMMAND of the command that was not hurt
same_told() {
	local now

	why='COMMAND was told something else'
	now=$(told) || return
	# Its node may be another one.
	now=${now//\/dev\/tapN/NODE}
	now=${now//\/tap/NODE}
	[[ $hit_err ]] || unhurt=$now
	[[ $now == "$unhurt" && ! -s $BATS_TEST_TMPDIR/hit.err ]] || { why+=": $now"; false; }
}

# --- open-exec --------------------------------------------------------------

# judge_open STATE - success is a COMMAND with all it needs; after a failure STATE
judge_open() {
	if succeeded; then
		may_succeed && same_told && left is_clean && verdict=survived
	elif gave_up; then
		# As if it were killed: what it had made is an orphan, or is what was to stay.
		left pen_empty && pen_vn destroy orphans || return
		[[ $row_title != *persistent ]] || ! pen_has sw0 || pen_vn destroy sw0 || return
		left "$1" && verdict=refused
	elif [[ $hit_call == execve ]]; then
		refused_by 126 127 && left "$1" && verdict=refused
	else
		refused_by 125 && left "$1" && verdict=refused
	fi
}

@test "fault: open-exec, a tap" {
	judge() { judge_open is_clean; }
	header
	row_begin "open-exec tap"
	fail_each main open-exec sw0 link br0 mode private address $MAC "${PROBED[@]}"
	[[ $hit_main == reached-exec ]]
}

@test "fault: open-exec, lifetime fd" {
	judge() { judge_open is_clean; }
	row_begin "open-exec macvtap, fd"
	fail_each main "${NEW[@]}" lifetime fd "${PROBED[@]}"
	[[ $hit_main == reached-exec ]]
}

@test "fault: open-exec, watched" {
	judge() { judge_open is_clean; }
	row_begin "open-exec macvtap, watched"
	fail_each main "${WATCHED[@]}" "${PROBED[@]}"
	[[ $hit_main == reached-exec ]]
	row_begin "open-exec macvtap, watched, passthru"
	fail_each main "${WATCHED[@]}" mode passthru "${PROBED[@]}"
	[[ $hit_main == reached-exec ]]
}

@test "fault: open-exec, persistent" {
	judge() { judge_open is_clean; }
	# Without a lifeline it goes on, with a warning.
	survivable_here() {
		case $1 in
		unshare\ *) [[ $3 == EPERM || $3 == ENOSPC ]] ;;
		openat\ *\ /proc/thread-self/ns/net) [[ $3 == EPERM ]] ;;
		*) false ;;
		esac
	}
	# Success leaves it, as it should.
	same_told() { pen_has sw0 && pen_vn destroy sw0; }
	row_begin "open-exec macvtap, persistent"
	fail_each main "${NEW[@]}" lifetime persistent "${PROBED[@]}"
	[[ $hit_main == reached-exec ]]
	row_begin "open-exec tap, persistent"
	fail_each main open-exec sw0 link br0 address $MAC lifetime persistent "${PROBED[@]}"
	[[ $hit_main == reached-exec ]]
}

@test "fault: the process that becomes the watcher" {
	judge() { judge_open is_clean; }
	row_begin "watcher's parent"
	fail_each child1 "${WATCHED[@]}" "${PROBED[@]}"
	[[ $hit_main == reached-exec ]]
}

# over - clean, or nobody works on it any more and all there is are orphans
over() {
	local all

	is_clean && verdict=survived && return
	pen_empty && no_marks && verdict=orphan && all=$(pen_vn -j list | jq -r '.[].ifname') &&
		[[ $all && $(pen_vn -j list orphaned | jq -r '.[].ifname') == "$all" ]]
}

# before_ready - the call that fails comes before the watcher has said that it is one
before_ready() {
	((n)) && [[ " ${calls[*]:1:n-1}" != *" sendto "* ]]
}

@test "fault: the watcher" {
	judge() {
		if before_ready; then
			judge_open is_clean
			return
		fi
		why='the watcher is nobody that COMMAND waits for'
		[[ $hit_main == reached-exec ]] && same_told && left over || verdict=wrong
		[[ $verdict != orphan ]] || pen_vn destroy orphans
	}
	row_begin "watcher"
	fail_each child "${WATCHED[@]}" "${PROBED[@]}"
	[[ $hit_main == reached-exec ]]
}

# exists WORDS... - sw0 as create makes it is there; $with is then all there is
exists() {
	pen_has sw0 || pen_vn create sw0 "$@" address $MAC || return
	with=$(vt_links)
}

as_it_was() {
	pen_empty && [[ $(vt_links) == "$with" ]] && no_marks
}

@test "fault: open-exec, devices that exist" {
	judge() { judge_open as_it_was; }
	prepare() { exists link lower; }
	row_begin "open-exec an existing macvtap, watched"
	fail_each main open-exec sw0 "${PROBED[@]}"
	[[ $hit_main == reached-exec ]]
	row_begin "watcher's parent, existing macvtap"
	fail_each child1 open-exec sw0 "${PROBED[@]}"
	[[ $hit_main == reached-exec ]]
	prepare() { exists link br0; }
	row_begin "open-exec an existing tap"
	fail_each main open-exec sw0 "${PROBED[@]}"
	[[ $hit_main == reached-exec ]]
}

# whole - all that can be asked of the tap sw0
whole() {
	in_ns "$NS" "$VT_ROOT/build/tests/taptweak" dev:sw0 all &&
		in_ns "$NS" cat /sys/class/net/sw0/tun_flags && in_ns "$NS" ethtool -k sw0
}

# theirs - the tap sw0 is there, with nothing as vnetctl would have it
theirs() {
	pen_has sw0 || {
		ip -n "$NS" tuntap add sw0 mode tap pi one_queue &&
			ip -n "$NS" link set sw0 address "fe${MAC#52}" &&
			in_ns "$NS" "$VT_ROOT/build/tests/taptweak" dev:sw0 hdrsz 12 le 1 offload 0x1f
	} || return
	had=$(whole)
	with=$(vt_links)
}

whole_as_it_was() {
	as_it_was && [[ $(whole) == "$had" ]]
}

@test "fault: open-exec, a tap of others" {
	judge() { judge_open whole_as_it_was; }
	prepare() { theirs; }
	# Success leaves it to the last descriptor.
	row_begin "open-exec others' tap"
	fail_each main open-exec sw0 lifetime fd "${PROBED[@]}"
	[[ $hit_main == reached-exec ]]
}

# --- create, mode, destroy, list ----------------------------------------------

# is_whole FILTER - sw0 is all that was asked for
is_whole() {
	why="not $1"
	[[ $(<"$BATS_TEST_TMPDIR/hit.out") == sw0 && ! -s $BATS_TEST_TMPDIR/hit.err ]] &&
		ip -n "$NS" -j -d link show sw0 |
		jq -e ".[0] | $1 and .group == \"default\" and (.flags | index(\"UP\") | not) and
			(.altnames | length == 1 and (.[0] | startswith(\"vnetctl-\")))" \
			>/dev/null
}

# judge_create FILTER
judge_create() {
	if succeeded; then
		may_succeed && is_whole "$1" && pen_vn destroy sw0 && left is_clean &&
			verdict=survived
	else
		refused_by 2 && left is_clean && verdict=refused
	fi
}

@test "fault: create" {
	judge() {
		judge_create ".address == \"$MAC\" and .linkinfo.info_data.mode == \"bridge\" and
			.mtu == 1400"
	}
	row_begin "create macvtap"
	fail_each main create sw%d link lower mode bridge address $MAC mtu 1400
	[[ $hit_main == 'exited 0' ]]
	judge() {
		judge_create ".address == \"fe${MAC#52}\" and .master == \"br0\" and
			.linkinfo.info_data.persist and .linkinfo.info_slave_data.isolated"
	}
	row_begin "create tap"
	fail_each main create sw%d link br0 mode private address $MAC
	[[ $hit_main == 'exited 0' ]]
}

# last_answer N - the call awaits what the kernel says to the one change
last_answer() {
	local i

	[[ $hit_call == recvmsg || $hit_call == poll || $hit_call == recvfrom ]] || return
	for ((i = $1 + 1; i <= ${#calls[@]}; i++)); do
		[[ ${calls[i]} != sendto\ * ]] || return
	done
}

# judge_change N CMD... - CMD tells that the change was made
judge_change() {
	if succeeded; then
		may_succeed && left "${@:2}" && verdict=survived
	elif left as_it_was; then
		refused_by 2 && verdict=refused
	else
		why='changed, though refused'
		last_answer "$1" && refused_by 2 && left "${@:2}" && verdict="done"
	fi
}

# judge_list N STATE - the same text as unhurt, or refused
judge_list() {
	local now

	now=$(<"$BATS_TEST_TMPDIR/hit.out")
	[[ $hit_err ]] || unhurt=$now
	if succeeded; then
		why="it printed: $now"
		same_list "$now" && silent_or_warned && left "$2" && verdict=survived
	else
		refused_by 2 && left "$2" && verdict=refused
	fi
}

silent_or_warned() {
	local warning='vnetctl: warning: cannot look into 1 processes of others: run as root to see all users'

	[[ ! -s $BATS_TEST_TMPDIR/hit.err ]] ||
		[[ $hit_err == EPERM && $(<"$BATS_TEST_TMPDIR/hit.err") == "$warning" ]]
}

# same_list TEXT - it is the same, if it may be. What a look at the holders (through /proc
# and a sysfs of one's own) would tell is absent, and not wrong, when that look fails; a
# process that will not tell its name is "?".
same_list() {
	[[ $1 != "$unhurt" ]] || { may_succeed || is_look; return; }
	is_look || return
	[[ $unhurt == '['* ]] || { [[ $1 == "${unhurt// users [^ ]*/}" || $1 == "${unhurt/sleep(/?(}" ]]; return; }
	jq -en --argjson a "$1" --argjson b "$unhurt" '
		($a | map(del(.users, .node))) == ($b | map(del(.users, .node))) and
		all(range($a | length); . as $i |
			($a[$i] | has("users") | not) or $a[$i].users == $b[$i].users or
			$a[$i].users == ($b[$i].users | map(.comm = "?")))'
}

is_look() {
	case $hit_line in
	fsopen\ * | fsconfig\ * | fsmount\ * | openat\ *\ class/net/* | pread64\ *) ;;
	getdents64\ * | openat\ *\ fd | openat\ *\ [1-9]* | statx\ * | readlinkat\ *) ;;
	openat\ *\ /proc/[1-9]*/comm | capget\ * | capset\ *) ;;
	read\ *) [[ $hit_before == openat\ *\ /proc/[1-9]*/comm || $hit_before == read\ * ]] ;;
	*) false ;;
	esac
}

has_mode() {
	[[ $(pen_vn mode sw0) == "$1" ]]
}

@test "fault: mode" {
	prepare() {
		exists "${words[@]}"
		! has_mode private || pen_vn mode sw0 bridge
		with=$(vt_links)
	}
	judge() { judge_change "$1" has_mode private; }
	words=(link lower mode bridge)
	row_begin "mode, macvtap"
	fail_each main mode sw0 private
	[[ $hit_main == 'exited 0' ]]
	pen_vn destroy sw0
	words=(link br0)
	row_begin "mode, tap"
	fail_each main mode sw0 private
	[[ $hit_main == 'exited 0' ]]
	# Only asked.
	pen_vn mode sw0 bridge
	prepare() { with=$(vt_links); }
	judge() { judge_list "$1" as_it_was; }
	row_begin "mode, asked"
	fail_each main mode sw0
	[[ $hit_main == 'exited 0' ]]
}

@test "fault: destroy" {
	prepare() { exists link lower; }
	judge() { judge_change "$1" is_clean; }
	row_begin "destroy macvtap"
	fail_each main destroy sw0
	[[ $hit_main == 'exited 0' ]]
	prepare() { exists link br0; }
	row_begin "destroy tap"
	fail_each main destroy sw0
	[[ $hit_main == 'exited 0' ]]
}

# All of it or none; half of it is told as refused.
@test "fault: destroy orphans" {
	# Where no lifeline can be made, with an id of its own, they go one by one.
	survivable_here() {
		case $1 in
		unshare\ * | openat\ *\ /proc/thread-self/ns/net | getrandom\ *) ;;
		sendto\ *\ 0x24) ;;
		recvmsg\ *) tail -n 4 "$BATS_TEST_TMPDIR/hit.log" | grep -q ' sendto .* 0x24$' ;;
		*) false ;;
		esac
	}
	# Or two, one of each.
	one_line() {
		local err

		err=$(sort "$BATS_TEST_TMPDIR/hit.err")
		[[ $err == 'vnetctl: '* && $err != *$'\n'* ]] ||
			[[ $err == 'vnetctl: cannot remove sw0: '*$'\nvnetctl: cannot remove sw1: '* &&
				$err != *$'\n'*$'\n'* ]]
	}
	prepare() {
		pen_has sw0 || orphan_new "${NEW[@]:1}"
		pen_has sw1 || orphan_new sw1 link lower2
		with=$(vt_links)
	}
	judge() {
		if succeeded; then
			may_succeed && left is_clean && verdict=survived
		elif as_it_was; then
			refused_by 2 && verdict=refused
		else
			refused_by 2 && left over && verdict="done"
		fi
	}
	stride=2
	row_begin "destroy orphans"
	fail_each main destroy orphans
	[[ $hit_main == 'exited 0' ]]
	pen_vn destroy orphans
	wait_until "$SETTLE" is_clean
}

# --- while another holds it -----------------------------------------------------

# held - sw0 is there, and sleep holds it
held() {
	local index

	if ! still_held; then
		pen_clear
		exists link lower
		index=$(<"/proc/$PEN/root/sys/class/net/sw0/ifindex")
		spawn_bg holder pen bash -c 'exec 7<>"/dev/tap$1" && exec sleep infinity' - "$index"
		wait_until 5 pen_runs_vm
		with=$(vt_links)
	fi
}

still_held() {
	pen_runs_vm && [[ $(vt_links) == "$with" ]] && no_marks
}

pen_runs_vm() {
	(($(pen ps -eo comm= | grep -cx sleep) == 2))
}

@test "fault: list" {
	prepare() { held; }
	clean_slate() { :; }
	judge() { judge_list "$1" still_held; }
	row_begin "list"
	fail_each main list
	[[ $hit_main == 'exited 0' ]]
	row_begin "list, JSON"
	fail_each main -j list
	[[ $hit_main == 'exited 0' ]]
	row_begin "list, JSON with details"
	fail_each main -j -d list
	[[ $hit_main == 'exited 0' ]]
	pen_clear
}

# A process that may not be looked into is one that cannot be seen, as in another pid
# namespace.
not_allowed_to_look() {
	[[ $hit_err == EPERM && ($hit_line == openat\ *\ fd || $hit_line == openat\ *\ [1-9]*) ]]
}

# Whatever fails, nobody takes for idle what somebody holds.
@test "fault: a device that another holds" {
	prepare() { held; }
	judge() {
		why='it was not refused'
		if succeeded && not_allowed_to_look; then
			pen_clear
			verdict=survived
			return
		fi
		! succeeded && refused_by 2 125 && left still_held && verdict=refused
	}
	clean_slate() { :; }
	row_begin "destroy a held macvtap"
	fail_each main destroy sw0
	[[ $hit_main == 'exited 2' ]]
	row_begin "open-exec a held macvtap"
	fail_each main open-exec sw0 lifetime watched "${PROBED[@]}"
	[[ $hit_main == 'exited 125' ]]
	pen_clear
}
