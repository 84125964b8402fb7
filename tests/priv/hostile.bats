#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What an ordinary user may put around a vnetctl that has file capabilities, and what
# power it has when.

load ../lib/common
load ../lib/refused
load ../lib/device
load ../lib/lifetime
load priv

setup() {
	priv_setup
}

NONE=0000000000000000
admin="Operation not permitted: this needs CAP_NET_ADMIN in the network namespace (try sudo; in a container --cap-add NET_ADMIN)"

# --- power ------------------------------------------------------------------------

# powers USER|root ARGS... - prints each door that vnetctl ARGS goes through, with what is
# effective then: "unshare SYS_ADMIN", a line each, sorted
powers() {
	local trace=$BATS_TEST_TMPDIR/trace user=$1
	local calls=socket,sendto,unshare,setns,fsopen,fsmount,mknodat,openat,ioctl,execve

	shift
	in_etc strace -qq -o "$trace" -u "$user" -e trace=capset,$calls "$VN" "$@" >/dev/null ||
		fail "$*: $(cat "$trace")" || return
	# The first execve is that of vnetctl itself.
	awk '
		/^capset/ {
			match($0, /effective=[^,]*/)
			eff = substr($0, RSTART + 10, RLENGTH - 10)
			gsub(/1<<CAP_/, "", eff)
			begun = 1
			next
		}
		!begun || /^---/ { next }
		{ sub(/\(.*/, "", $1); call = $1 }
		/^openat/ && /tcp_fastopen_key|disable_ipv6/ { call = "openat-sysctl" }
		/^ioctl/ && !/TUNSETIFF/ { call = "ioctl-other" }
		/^ioctl/ && /TUNSETIFF/ { call = "TUNSETIFF" }
		/^(socket|sendto)/ && !/NETLINK/ { next }
		{ print call, eff == "0" ? "-" : eff }' "$trace" | sort -u
}

# powers_are LINES USER ARGS...
powers_are() {
	local got

	got=$(powers "${@:2}") || return
	[[ $got == "$1" ]] || fail "${*:2}:" "$(diff <(echo "$1") <(echo "$got"))"
}

@test "power: each is effective around the call that needs it, and nowhere else" {
	powers_are 'TUNSETIFF NET_ADMIN
ioctl-other -
openat -
openat-sysctl NET_ADMIN
sendto NET_ADMIN
socket NET_ADMIN' alice create al0 link br0
	powers_are 'TUNSETIFF -
execve -
fsmount SYS_ADMIN
fsopen SYS_ADMIN
ioctl-other -
mknodat MKNOD
openat -
openat-sysctl NET_ADMIN
sendto NET_ADMIN
setns SYS_ADMIN
socket NET_ADMIN
unshare SYS_ADMIN' alice open-exec al1 link lower mode bridge lifetime fd args none -- /bin/true
	powers_are 'openat -
openat-sysctl NET_ADMIN
sendto NET_ADMIN
socket NET_ADMIN' alice mode al0 private
	powers_are 'ioctl-other -
openat -
sendto NET_ADMIN
socket NET_ADMIN' alice -q list
}

# permitted POWERS USER ARGS... - just these are permitted once vnetctl ARGS has begun
permitted() {
	local trace=$BATS_TEST_TMPDIR/trace got

	run_cmd in_etc strace -qq -o "$trace" -u "$2" -e trace=capset "$VN" "${@:3}"
	got=$(awk '/^capset/ { match($0, /permitted=[^,]*/)
		text = substr($0, RSTART + 10, RLENGTH - 10)
		gsub(/1<<CAP_/, "", text); print text; exit }' "$trace")
	[[ $got == "$1" ]] || fail "${*:2}: $got, expected: $1" "$stderr"
}

@test "power: permitted is the command's row, from the start" {
	permitted 'CHOWN|NET_ADMIN|SYS_ADMIN' alice create al0
	permitted 'NET_ADMIN|SYS_ADMIN' alice mode al0
	permitted 'NET_ADMIN|SYS_ADMIN' alice destroy al0
	permitted 'NET_ADMIN|SYS_ADMIN|MKNOD' alice open-exec al0 -- true
	permitted NET_ADMIN alice list
	permitted 0 alice help
	permitted 0 alice nothing
	# What the file has beyond the row helps nobody.
	VN=$(program all 'all=p')
	permitted 'CHOWN|NET_ADMIN|SYS_ADMIN' alice create al0
	permitted NET_ADMIN alice list
	permitted 'DAC_READ_SEARCH|NET_ADMIN|SYS_PTRACE|SYS_ADMIN' root list
	permitted 0 root help
}

@test "power: COMMAND is the user, without any" {
	local words

	may alice create al0 link lower mode bridge
	for words in al0 "al1 link lower mode bridge" "al1 link lower mode bridge lifetime fd" \
		"al1 link br0" "al1 type tap run-as alice"; do
		# shellcheck disable=SC2086 # words
		may alice open-exec $words args none -- "$PROBE" hold </dev/null
		jq -e --arg none "$NONE" '
			.uid == [4242, 4242, 4242, 4242] and .gid == [4242, 4242, 4242, 4242] and
			([.cap_inh, .cap_prm, .cap_eff, .cap_amb] | unique == [$none])' <<<"$output" ||
			fail "$words: $output"
		wait_gone "$NS" "${words%% *}"
	done
	may bob open-exec g0 link lower args none -- "$PROBE"
	jq -e '.uid[0] == 4343 and (.groups | sort) == [4300, 4343]' <<<"$output"
}

@test "power: the watcher has CAP_NET_ADMIN, and not even that is effective" {
	spawn_co vm alice open-exec al0 link lower mode bridge lifetime watched args none -- "$PROBE" hold
	wait_text "$BATS_TEST_TMPDIR/vm.out" '^{'
	awk '/^Uid:/ { uid = $2 } /^CapPrm:/ { prm = $2 } /^CapEff:/ { eff = $2 }
		/^CapInh:/ { inh = $2 } /^NoNewPrivs:/ { nnp = $2 }
		END { exit !(uid == 4242 && prm == "0000000000001000" && eff == inh &&
			eff == "0000000000000000" && nnp == 1) }' \
		"/proc/$(watcher_of al0)/status" || fail "$(cat "/proc/$(watcher_of al0)/status")"
	# It is nobody's to look into or to take a descriptor from.
	run_cmd as alice ls "/proc/$(watcher_of al0)/fd"
	[[ $status != 0 && $stderr == *'Permission denied'* ]]
	co_eof vm
	wait_gone "$NS" al0
}

@test "power: what COMMAND cannot be run with is undone with what vnetctl had" {
	may alice create al0 link br0
	before=$(vt_links)
	may_not 127 "cannot run /no/such: No such file or directory" \
		alice open-exec al0 dev al1 link lower mode bridge -- /no/such
	may_not 126 "cannot run $ETC: Permission denied" \
		alice open-exec al1 link lower mode bridge -- "$ETC"
	install -m 700 /bin/true "$BATS_TEST_TMPDIR/roots"
	may_not 126 "cannot run $BATS_TEST_TMPDIR/roots: Permission denied" \
		alice open-exec al1 link lower mode bridge lifetime fd -- "$BATS_TEST_TMPDIR/roots"
	[[ $(vt_links) == "$before" ]]
	# Root may run what is closed to everybody but its owner, as ever.
	chown 4242 "$BATS_TEST_TMPDIR/roots"
	may as root "$VN" open-exec x0 type tap args none -- "$BATS_TEST_TMPDIR/roots"
	chmod 400 "$BATS_TEST_TMPDIR/roots"
	echo 'create x0' >"$BATS_TEST_TMPDIR/roots"
	may as root "$VN" -b "$BATS_TEST_TMPDIR/roots"
}

# --- around it ----------------------------------------------------------------------

@test "hostile: LD_PRELOAD and its like" {
	local dir=$BATS_TEST_TMPDIR/so plain

	mkdir -m 777 "$dir"
	cat >"$dir/evil.c" <<-'END'
		#include <fcntl.h>
		#include <unistd.h>
		__attribute__((constructor)) static void evil(void)
		{
			close(open(MARK, O_CREAT | O_WRONLY, 0600));
		}
		unsigned la_version(unsigned v) { return v; }
	END
	cc -shared -fPIC -DMARK="\"$dir/mark\"" -o "$dir/evil.so" "$dir/evil.c"
	cp "$dir/evil.so" "$dir/libcap.so.2"
	plain=$(program plain)
	# The trap works: a copy without capabilities falls into it.
	run_cmd as alice env LD_PRELOAD="$dir/evil.so" "$plain" -V
	assert_status 0
	[[ -e $dir/mark ]]
	rm "$dir/mark"
	run_cmd as alice env LD_PRELOAD="$dir/evil.so" LD_AUDIT="$dir/evil.so" \
		LD_LIBRARY_PATH="$dir" GCONV_PATH="$dir" LOCPATH="$dir" NLSPATH="$dir/%N" \
		LANGUAGE=../../x LC_ALL=../../x GLIBC_TUNABLES=glibc.malloc.check=3 \
		MALLOC_CHECK_=3 RES_OPTIONS=debug HOSTALIASES="$dir/x" TMPDIR="$dir" \
		PATH="$dir" NO_COLOR=1 "$VN" create al0
	assert_status 0
	[[ ! -e $dir/mark ]] || fail "code of the user's ran in vnetctl"
	made_by 4242 al0
	# The policy is where it is.
	may_not 2 "$(no_rule create bl0 tap none none)" alice_env VNETCTL_CONF="$dir/x" HOME="$dir"
}

alice_env() {
	as alice env "$@" "$VN" create bl0
}

@test "hostile: PATH finds COMMAND, as the user" {
	mkdir "$BATS_TEST_TMPDIR/bin"
	printf '#!/bin/sh\nid -u\n' >"$BATS_TEST_TMPDIR/bin/ip"
	chmod 755 "$BATS_TEST_TMPDIR"/bin{,/ip}
	may as alice env PATH="$BATS_TEST_TMPDIR/bin:$PATH" "$VN" open-exec al0 link br0 args none -- ip
	assert_out 4242
}

@test "hostile: closed standard input, output and error" {
	local fds fd close dir=$BATS_TEST_TMPDIR/links

	mkdir -m 777 "$dir"
	for fds in 0 1 2 "0 1" "0 2" "1 2" "0 1 2"; do
		close=''
		for fd in $fds; do
			close+=" $fd>&-"
		done
		# shellcheck disable=SC2016 # for the inner shell
		run_cmd as alice sh -c "exec \"\$@\" $close" sh "$VN" \
			open-exec al0 link lower mode bridge args none -- \
			sh -c '(ls -l "/proc/$$/fd" >"$0"); exit 7' "$dir/$fds"
		assert_status 7
		# Where there is power the C library itself puts something harmless there.
		for fd in $fds; do
			[[ $(sed -n "s/.* $fd -> //p" "$dir/$fds") =~ ^(/dev/(full|null))?$ ]] ||
				fail "closed $fds:" "$(cat "$dir/$fds")"
		done
		[[ $(sed -n 's/.* \([0-9]*\) -> .*tap[0-9]*$/\1/p' "$dir/$fds") =~ ^[0-9]+$ ]] &&
			((BASH_REMATCH > 2)) || fail "$(cat "$dir/$fds")"
		wait_gone "$NS" al0
		run_cmd as alice sh -c "exec \"\$@\" $close" sh "$VN" create bl0
		assert_status 2
		[[ $fds == *2* ]] || assert_err "vnetctl: $(no_rule create bl0 tap none none)"
	done
}

@test "hostile: few descriptors, little memory" {
	local n

	for n in 3 4 5 6 7; do
		run_cmd as alice prlimit --nofile="$n:$n" "$VN" create al0 link lower mode bridge
		((status == 2 || status == 127)) || fail "$n: status $status: $stderr"
		[[ $stderr == 'vnetctl: '*': Too many open files'* ||
			$stderr == *'error while loading shared libraries'* ]] || fail "$n: $stderr"
		assert_gone "$NS" al0
	done
	run_cmd as alice prlimit --nofile=4:4 "$VN" create al0 link lower mode bridge
	assert_status 2
	assert_err "vnetctl: /etc/vnetctl.conf:2: cannot look up 'alice': Too many open files"
	for n in 3 4 5 6 7 8 9 10 11; do
		run_cmd as alice prlimit --nofile="$n:$n" "$VN" open-exec al0 link lower mode bridge \
			-- /bin/true
		((status)) || break
		assert_gone "$NS" al0
	done
	wait_until 5 no_marks
}

# Where a kernel starts a program without even a name, it puts in an empty one.
@test "hostile: no argument, not even a name" {
	run_cmd as alice perl -e 'my $p = shift; exec { $p } "" or die' "$VN"
	assert_status 1
	assert_err "vnetctl: which command? Try 'vnetctl help'"
}

@test "hostile: under a tracer there is no power" {
	run_cmd as alice strace -qq -o /dev/null "$VN" create al0
	assert_status 2
	assert_err "vnetctl: cannot create tap al0: $admin"
}

# Neither sudo nor file capabilities help then.
@test "hostile: under no_new_privs there is no power, and the line says so" {
	local why="no_new_privs keeps it from us, whether by sudo or by file capabilities: start vnetctl without it (in a unit NoNewPrivileges=no)"
	local vn

	vn create vm0 link lower
	for vn in "$VN" "$(program plain)"; do
		may_not 2 "cannot create tap al0: Operation not permitted: this needs CAP_NET_ADMIN in the network namespace: $why" \
			as alice setpriv --no-new-privs "$vn" create al0
		may_not 2 "cannot enter a network namespace: Operation not permitted: this needs CAP_SYS_ADMIN: $why" \
			as alice setpriv --no-new-privs "$vn" -n "/proc/self/ns/net" create al0
		may_not 125 "cannot make a network namespace for the lifeline: Operation not permitted: this needs CAP_SYS_ADMIN: $why" \
			as alice setpriv --no-new-privs "$vn" open-exec al0 link lower -- true
	done
	# Root, and those who have it nevertheless, do not miss it for that.
	may_not 2 "cannot create tap al0: $admin" \
		in_etc setpriv --no-new-privs --bounding-set=-net_admin "$VN" create al0
	may in_etc setpriv --reuid alice --regid alice --clear-groups --no-new-privs \
		--inh-caps=-all,+net_admin --ambient-caps=-all,+net_admin "$VN" create al0
}

# nosuid FLAG CMD... - CMD as alice, who finds the program on a mount with this flag
# shellcheck disable=SC2016 # for the inner shell
nosuid() {
	in_etc bash -ec 'mount --bind "$0" "$0" && mount -o "remount,bind,$1" "$0" && shift
		exec setpriv --reuid alice --regid alice --init-groups -- "$@"' "$BATS_TEST_TMPDIR" "$@"
}

@test "hostile: on a nosuid mount there is no power, and the line says so" {
	local why="vnetctl has file capabilities, but on a nosuid mount they do not count: install it elsewhere"

	may nosuid suid "$VN" create al0
	may_not 2 "cannot create tap al1: Operation not permitted: this needs CAP_NET_ADMIN in the network namespace: $why" \
		nosuid nosuid "$VN" create al1
	may_not 125 "cannot make a network namespace for the lifeline: Operation not permitted: this needs CAP_SYS_ADMIN: $why" \
		nosuid nosuid "$VN" open-exec al1 link lower -- true
	# One without is told the usual.
	may_not 2 "cannot create tap al1: $admin" nosuid nosuid "$(program plain)" create al1
}

@test "hostile: a user namespace gives no power here" {
	may_not 2 "cannot create tap al0: $admin" \
		as alice unshare -Ur "$VN" create al0
	vn create vm0 link lower
	run_cmd as alice unshare -Ur ip link property add dev vm0 \
		altname vnetctl-4242-525400000001-f0000000-01234567
	((status))
	[[ $(ip -n "$NS" -j link show vm0 | jq '.[0].altnames | length') == 1 ]]
}

@test "hostile: set-user-ID and set-group-ID are refused" {
	local file=$BATS_TEST_TMPDIR/setid
	local why="vnetctl must not be set-user-ID or set-group-ID: give it file capabilities ('make setcap')"

	install -m 4755 "$VNETCTL" "$file"
	may_not 2 "$why" as alice "$file" create al0
	may_not 2 "$why" as alice "$file" list
	install -m 2755 "$VNETCTL" "$file"
	may_not 2 "$why" as alice "$file" create al0
}

@test "hostile: capabilities that the caller was lent are the caller's" {
	run_cmd in_etc setpriv --reuid alice --regid alice --clear-groups \
		--inh-caps=-all,+net_admin --ambient-caps=-all,+net_admin "$(program plain)" create bl0
	assert_status 0
	made_by 4242 bl0
}

# --- the binary ---------------------------------------------------------------------

@test "binary: it is hardened" {
	local bin=$VT_ROOT/build/vnetctl

	readelf -hW "$bin" | grep -q 'Type: *DYN'
	readelf -dW "$bin" | grep -q 'FLAGS_1.*\<NOW\>.*\<PIE\>'
	readelf -lW "$bin" | grep -q GNU_RELRO
	readelf -lW "$bin" | grep -q 'GNU_STACK.* RW  *0x'
	run ! grep -q ' RWE ' <<<"$(readelf -lW "$bin")"
	run ! grep -qE 'TEXTREL|RPATH|RUNPATH' <<<"$(readelf -dW "$bin")"
	nm -D "$bin" | grep -q ' __stack_chk_fail@'
	nm -D "$bin" | grep -qE ' __(sn?|vsn?)printf_chk@'
}

@test "binary: make setcap gives what the manual names, and install nothing" {
	local dir=$BATS_TEST_TMPDIR/root

	make -sC "$VT_ROOT" install DESTDIR="$dir" >/dev/null
	[[ -z $(getcap "$dir/usr/local/sbin/vnetctl") ]]
	run_cmd make -sC "$VT_ROOT" setcap DESTDIR="$dir"
	assert_status 0
	[[ $(getcap "$dir/usr/local/sbin/vnetctl") == *"cap_chown,cap_net_admin,cap_sys_admin,cap_mknod=p" ]]
}

# --- what COMMAND is left with ------------------------------------------------------

# The number of a macvtap that is gone is the next one's, in any namespace.
@test "descriptor: cannot be opened again by way of its node" {
	local who words

	chmod 777 "$BATS_TEST_TMPDIR"
	for who in alice bob; do
		[[ $who == alice ]] && words=(al0 link lower mode bridge) || words=(g0 link lower mode vepa)
		run_cmd as $who "$VN" open-exec "${words[@]}" lifetime fd args none -- \
			sh -c 'exec 9<>"/proc/self/fd/$1"' sh '{fd}'
		assert_status 2
		assert_out ""
		[[ $stderr == *"Permission denied"* ]] || fail "$stderr"
	done
	# Root's too, once /dev has not the right node.
	run_cmd in_etc sh -c 'mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 && exec "$@"' sh \
		"$VNETCTL" open-exec vm0 link lower run-as alice args none -- \
		sh -c 'exec 9<>"/proc/self/fd/$1"' sh '{fd}'
	assert_status 2
	assert_out ""
	[[ $stderr == *"Permission denied"* ]] || fail "$stderr"
}

# attach USER TAP - takes a queue of it, as any program can
attach() {
	as "$1" /usr/bin/python3 -c '
import fcntl, os, struct, sys
f = os.open("/dev/net/tun", os.O_RDWR)
for flags in 0x5002, 0x5102:
	try:
		fcntl.ioctl(f, 0x400454ca, struct.pack("16sH22x", sys.argv[1].encode(), flags))
		sys.exit("is open to all")
	except OSError as e:
		print(e.errno)' "$2"
}

@test "tap: is open to nobody but root and its owner" {
	local tap

	in_etc "$VNETCTL" create t0 link br0
	in_etc "$VNETCTL" create t1 queues 2
	in_etc "$VNETCTL" create t2 owner bob
	may alice create al0
	spawn_co root in_etc "$VNETCTL" open-exec t3 link br0 queues 2 args none -- \
		sh -c 'echo ready; exec cat'
	spawn_co user alice open-exec al1 link br0 queues 2 args none -- \
		sh -c 'echo ready; exec cat'
	wait_text "$BATS_TEST_TMPDIR/root.out" ready 30
	wait_text "$BATS_TEST_TMPDIR/user.out" ready 30
	# EPERM, or EINVAL for the wrong flag
	for tap in t0 t1 t2 al0 t3 al1; do
		run_cmd attach carol $tap
		assert_status 0
		[[ $output =~ ^(1|22)$'\n'(1|22)$ && $output == *1* ]] || fail "$tap: $output"
	done
	run_cmd attach bob t2
	assert_status 1
	[[ $stderr == *"is open to all"* ]]
	co_eof root
	co_eof user
	bg_end root
	bg_end user
	assert_gone "$NS" t3
	assert_gone "$NS" al1
}
