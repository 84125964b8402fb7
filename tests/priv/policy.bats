#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# An ordinary user, a vnetctl with file capabilities, and /etc/vnetctl.conf: what is allowed
# works, and each thing that is not is refused with its line and changes nothing.

load ../lib/common
load ../lib/refused
load ../lib/device
load ../lib/lifetime
load priv

setup() {
	priv_setup
}

mended='until this is mended, only root is allowed anything'
without='without it, only root is allowed anything'

@test "policy: what the rules allow" {
	may alice create al0 link lower mode bridge
	made_by 4242 al0
	may alice mode al0
	assert_out bridge
	may alice mode al0 private
	may alice destroy al0
	may alice create al%d link br0
	assert_out al0
	made_by 4242 al0
	may alice create exact
	may alice create al-fifteen-byte link lower mode private up
	may alice destroy all
	assert_gone "$NS" exact
	assert_gone "$NS" al-fifteen-byte
	may alice open-exec al1 link lower mode bridge args none -- true
	may alice open-exec al1 link lower mode bridge lifetime fd args none -- true
	may alice open-exec al1 link br0 args none -- true
	may alice open-exec al1 link lower mode bridge queues 3 dev al2 type tap args none -- true
	may alice open-exec al3 type tap lifetime persistent args none -- true
	may alice open-exec al3 args none -- true
	may bob open-exec g0 link lower args none -- true
	may bob create g0 link lower
	made_by 4343 g0
	may bob destroy g0
	wait_until 5 no_marks
	wait_until 5 no_strangers
}

@test "policy: what no rule allows" {
	may_not 2 "$(no_rule create al0 macvtap other bridge)" alice create al0 link other mode bridge
	may_not 2 "$(no_rule create al0 tap br1 bridge)" alice create al0 link br1
	may_not 2 "$(no_rule create al0 macvtap br0 bridge)" \
		bob create al0 type macvtap link br0 mode bridge
	may_not 2 "$(no_rule create al0 macvtap lower vepa)" alice create al0 link lower
	may_not 2 "$(no_rule create al0 macvtap lower passthru)" \
		alice create al0 link lower mode passthru
	may_not 2 "$(no_rule create al0 macvtap lower source)" \
		alice -q create al0 link lower mode source
	may_not 2 "$(no_rule create bl0 tap none none)" alice create bl0
	may_not 2 "$(no_rule create a tap none none)" alice create a
	may_not 2 "$(no_rule create exact1 tap none none)" alice create exact1
	may_not 2 "$(no_rule create %d tap none none)" alice create %d
	may_not 2 "$(no_rule create a%d tap none none)" alice create a%d
	may_not 125 "$(no_rule open-exec al0 macvtap other bridge)" \
		alice open-exec al0 link other mode bridge -- true
	may_not 125 "$(no_rule open-exec bl0 tap br0 bridge)" alice open-exec bl0 link br0 -- true
	may_not 125 "$(no_rule open-exec bl0 tap none none)" \
		alice open-exec al0 type tap dev bl0 type tap -- true
	may_not 2 "create al-no1 (type tap, link none, mode none): /etc/vnetctl.conf:3 denies it" \
		alice create al-no1
	may_not 125 "open-exec al-no (type tap, link br0, mode bridge): /etc/vnetctl.conf:3 denies it" \
		alice open-exec al-no link br0 -- true
	may_not 2 "$(no_rule create g0 tap none none)" bob create g0
	may_not 2 "$(no_rule create g0 macvtap lower bridge)" bob create g0 link lower mode bridge
	may_not 2 "$(no_rule create g0 macvtap lower vepa)" carol create g0 link lower
	may_not 2 "$(no_rule create g0 macvtap lower vepa)" alice create g0 link lower
	# By its other name it is the same card.
	ip -n "$NS" link property add dev other altname lower2
	ip -n "$NS" link property add dev other altname br0-and-so-on-long
	may_not 2 "$(no_rule create al0 macvtap other bridge)" \
		alice create al0 link lower2 mode bridge
	# On a device of one's own stands what it stands on.
	may alice create al0 link lower mode bridge
	may_not 2 "$(no_rule create al1 macvtap al0 bridge)" alice create al1 link al0 mode bridge
	# A verb that the rule does not have.
	may bob create g0 link lower
	may_not 2 "$(no_rule mode g0 macvtap lower vepa)" bob mode g0
	may_not 2 "$(no_rule mode g0 macvtap lower bridge)" bob mode g0 bridge
	may_not 2 "$(no_rule mode al0 macvtap lower vepa)" alice mode al0 vepa
}

@test "policy: names that are none" {
	may_not 1 "'al-sixteen-bytes' is no name for a device: it is longer than 15 bytes" \
		alice create al-sixteen-bytes
	may_not 1 "'al/../../x' is no name for a device: it holds '/' or ':'" alice create al/../../x
	may_not 1 "'al%s' is no name for a device: '%' may stand in it only once and as '%d'" \
		alice create al%s
	may_not 1 "'al%d%d' is no name for a device: '%' may stand in it only once and as '%d'" \
		alice create al%d%d
	may_not 125 "'al%n' is no name for a device: '%' may stand in it only once and as '%d'" \
		alice open-exec al%n type tap -- true
	may_not 1 "'' is no name for a device: it is empty" alice create ''
}

@test "policy: devices of others" {
	local own why

	vn create al-root link lower mode bridge address 52:54:00:00:00:01
	ip -n "$NS" link add al-ip link lower type macvtap mode bridge
	may bob create g0 link lower
	may alice create al0 link br0
	own=$(ip -n "$NS" -j link show al-root | jq -r '.[0].altnames[0]')
	# What looks like a mark is none, and none of alice's devices.
	ip -n "$NS" link property add dev al-ip altname vnetctl-4242-lookalike
	ip -n "$NS" link property add dev al-ip \
		altname vnetctl-4242-525400000001-f0000000-0123456
	ip -n "$NS" link property add dev al-ip \
		altname vnetctl-4242-525400000001-f0000000-01234567-x
	for dev in al-root al-ip g0 "$own"; do
		why="${dev/#vnetctl-*/al-root}: it was not made for you"
		may_not 2 "mode $why" alice mode "$dev"
		may_not 2 "mode $why" alice mode "$dev" private
		may_not 2 "destroy $why" alice destroy "$dev"
		may_not 2 "destroy $why" alice destroy "$dev" force
		may_not 125 "open-exec $why" alice open-exec "$dev" -- true
		may_not 125 "open-exec $why" alice open-exec "$dev" share -- true
		may_not 125 "open-exec $why" alice open-exec "$dev" lifetime watched -- true
		may_not 2 "list $why" alice -q list "$dev"
	done
	may_not 125 "open-exec al0: it was not made for you" bob open-exec al0 -- true
	# What goes by kind, link or all goes with one's own.
	may alice destroy link lower
	may alice destroy type macvtap
	may alice destroy orphans
	assert_there "$NS" al0
	may alice destroy all
	assert_gone "$NS" al0
	for dev in al-root al-ip g0; do
		assert_there "$NS" "$dev"
	done
	may bob -q list
	assert_out "$(vn list g0 | sed 's/ users -//')"
	may carol -q list
	assert_out ""
}

# guest USER NAME WORDS... - USER's guest on a device that open-exec makes of NAME WORDS
guest() {
	spawn_co "$2" "$1" open-exec "${@:2}" args none -- "$PROBE" hold
	wait_text "$BATS_TEST_TMPDIR/$2.out" '^{' 10 || fail "$(cat "$BATS_TEST_TMPDIR/$2.err")"
}

# lists WANTED USER ARGS... - `list ARGS` shows the user exactly these, and warns of nothing
lists() {
	may "$2" -j list "${@:3}"
	[[ $(jq -r '[.[].ifname] | sort | join(" ")' <<<"$output") == "$1" ]] || fail "$output"
}

@test "policy: a user's list shows what he holds, with his own rights" {
	local name

	guest alice al0 link lower mode bridge lifetime fd
	guest alice al1 link lower mode bridge lifetime watched
	may bob create g0 link lower
	guest vn root0 link lower lifetime fd
	for name in al0 al1; do
		may alice -d list "$name"
		[[ ${lines[0]} == *" users probe("*")" ]] || fail "$output"
	done
	lists "al0 al1" alice
	lists "al0 al1" alice used
	lists "" alice unused
	lists "al0 al1" alice link lower
	lists "" alice orphaned
	[[ $(alice -j list al0 | jq -c '.[0] | [.link, .lifetime, .mode]') == '["lower","fd","bridge"]' ]]
	# Nobody can tell who holds what nobody holds.
	lists "g0" bob
	run_cmd bob -j list unused
	assert_status 0
	assert_out "[]"
	[[ $stderr =~ ^"vnetctl: warning: cannot look into "[0-9]+" processes of others: run as root to see all users"$ ]]
	# What is another's stays hidden, also without a policy.
	refused_cmd 2 "list root0: it was not made for you" alice list root0
	refused_cmd 2 "list al0: it was not made for you" bob list al0
	rm "$ETC/vnetctl.conf"
	lists "al0 al1" alice used
	lists "" carol
	# Without file capabilities there is a right that is missing, where it matters.
	run_cmd as alice "$VNETCTL" -j list type macvtap
	assert_status 0
	assert_err "vnetctl: warning: cannot look into the namespaces of devices of lifetime fd: this needs CAP_NET_ADMIN"
	may as alice "$VNETCTL" -j list type tap
	may as alice "$VNETCTL" -j list orphaned
	for name in al0 al1 root0; do
		co_eof "$name"
		wait_pid_gone "$(bg_pid "$name")"
	done
}

@test "policy: an orphan of another's stays, and does not count as mine" {
	orphan or0 link lower
	may alice destroy orphans
	assert_there "$NS" or0
	may alice -q list orphaned
	assert_out ""
	may alice open-exec al0 link lower mode bridge args none -- true
	wait_gone "$NS" al0
	# Neither alice's commands nor her watcher have taken it.
	wait_until 5 no_watcher
	assert_there "$NS" or0
	vn destroy orphans
	assert_gone "$NS" or0
}

no_watcher() {
	! watcher_of al0 2>/dev/null
}

@test "policy: what is neither macvtap nor tap" {
	local dev

	for dev in lower "br0" "lo"; do
		run_cmd alice destroy "$dev" force
		assert_status 2
		[[ $stderr == "vnetctl: $dev is no macvtap and no tap, but "*": vnetctl leaves it alone" ]]
		run_cmd alice mode "$dev" bridge
		assert_status 2
		[[ $stderr == "vnetctl: $dev is no macvtap and no tap, but "*": vnetctl leaves it alone" ]]
	done
	assert_there "$NS" lower
	assert_there "$NS" br0
}

@test "policy: a link that is itself a macvlan" {
	ip -n "$NS" link add mac0 link lower type macvlan mode bridge
	policy 'allow alice verbs * link * type * mode * name * max 4
deny alice link lower
allow bob verbs * link mac0 type * mode * name * max 4'
	# What is made on it lies on its lower device.
	may_not 2 "create al0 (type macvtap, link lower, mode bridge): /etc/vnetctl.conf:2 denies it" \
		alice create al0 link mac0 mode bridge
	may_not 125 "open-exec al0 (type macvtap, link lower, mode bridge): /etc/vnetctl.conf:2 denies it" \
		alice open-exec al0 link mac0 mode bridge -- true
	may_not 2 "$(no_rule create g0 macvtap lower bridge)" bob create g0 link mac0 mode bridge
	policy 'allow bob verbs * link lower,mac0 type * mode * name * max 4'
	may bob create g0 link mac0 mode bridge
	may bob destroy g0
}

@test "policy: no other namespace" {
	ns_new THERE
	lower_new "$THERE"
	for ns in "$THERE" "/run/netns/$THERE" /proc/self/ns/net 1; do
		may_not 2 "-netns $ns: to enter a network namespace is root's" \
			alice -n "$ns" create al0
		may_not 2 "-netns $ns: to enter a network namespace is root's" alice -n "$ns" list
		may_not 125 "-netns $ns: to enter a network namespace is root's" \
			alice -n "$ns" open-exec al0 type tap -- true
	done
	[[ $(ip -n "$THERE" -br link | wc -l) == 3 ]]
}

@test "policy: a batch is read with the user's own rights, and judged line by line" {
	local file=$BATS_TEST_TMPDIR/batch

	echo 'create al0 link lower mode bridge' >"$file"
	chmod 600 "$file"
	may_not 2 "cannot open $file: Permission denied" alice -b "$file"
	mkdir -m 700 "$file.d"
	cp "$file" "$file.d/b"
	may_not 2 "cannot open $file.d/b: Permission denied" alice -b "$file.d/b"
	may_not 2 "cannot open /etc/shadow: No such file or directory" alice -b /etc/shadow
	may_not 2 "cannot open /proc/1/environ: Permission denied" alice -b /proc/1/environ
	chmod 644 "$file"
	may alice -b "$file"
	printf 'mode al0 private\ncreate bl0\ncreate al1\n' >"$file"
	run_cmd alice -b "$file"
	assert_status 2
	assert_err "vnetctl: $file:2: $(no_rule create bl0 tap none none)"
	assert_gone "$NS" al1
	# Also of lines that could go to the kernel together.
	printf 'create al%%d\n%.0s' 1 2 3 4 5 >"$file"
	run_cmd alice -f -b "$file"
	assert_status 2
	assert_out $'al1\nal2'
	[[ ${stderr_lines[*]} == "vnetctl: $file:3: create al%d (type tap, link none, mode none): /etc/vnetctl.conf:2 allows 3 devices, and there are 3 vnetctl: $file:4: "*" vnetctl: $file:5: "* ]]
	printf 'open-exec al0 -- /bin/sh\n' >"$file"
	may_not 1 "$file:1: open-exec cannot be part of a batch: it becomes COMMAND" alice -b "$file"
}

@test "policy: nobody else" {
	local user

	for user in root 0 bob alice:root alice:bob 4242:4343 4242:0 bob:alice; do
		may_not 125 "run-as: an ordinary user can be nobody else" \
			alice open-exec al0 type tap run-as "$user" -- true
	done
	may alice open-exec al0 type tap run-as alice args none -- true
	may alice open-exec al0 type tap run-as 4242:4242 args none -- true
}

@test "policy: an owner is oneself" {
	local owner

	for owner in root bob alice:root alice:vmusers 0:0 bob:alice; do
		may_not 2 "owner: an ordinary user can give a device only to himself and to a group of his" \
			alice create al0 link lower mode bridge owner "$owner"
	done
	may alice create al0 link lower mode bridge owner alice:alice
	[[ $(stat -c '%u:%g %a' /dev/tap"$(in_ns "$NS" cat /sys/class/net/al0/ifindex)") == \
		'4242:4242 660' ]]
	may alice create al1 owner alice
	json "$NS" '.[] | select(.ifname == "al1") | .owner == "4242"'
}

# By chance two namespaces have a macvtap of one index: /dev/tapN is the first one's.
@test "policy: no node of another namespace is given away" {
	ns_new THERE
	lower_new "$THERE"
	ip -n "$THERE" link add theirs index 1048576 link lower type macvtap
	# The index is random: here both random numbers that are drawn are zero.
	# shellcheck disable=SC2317 # called by the function below
	unlucky() {
		in_etc strace -qq -o /dev/null -u alice \
			-e inject=getrandom:poke_exit=@arg1=00000000 "$VN" "$@"
	}
	may_not 2 "cannot give /dev/tap1048576 to its owner: it is another device's node, of another network namespace" \
		unlucky create al0 link lower mode bridge address 52:54:00:00:00:01 owner alice
	[[ $(stat -c '%u:%g %a' /dev/tap1048576) == '0:0 600' ]]
	# And the device that is opened is the right one.
	may unlucky open-exec al0 link lower mode bridge address 52:54:00:00:00:01 \
		lifetime persistent args none -- "$PROBE" '{fd}'
	jq -e '[.fds[].ifname // empty] == ["al0"]' <<<"$output"
}

# --- how many -----------------------------------------------------------------------

@test "policy: no more than the limit" {
	may alice create al0 link lower mode bridge
	may alice create al1 link br0
	spawn_co fd alice open-exec al2 link lower mode bridge lifetime fd args none -- "$PROBE" hold
	wait_text "$BATS_TEST_TMPDIR/fd.out" '^{'
	refused_cmd 2 "create al3 (type tap, link none, mode none): /etc/vnetctl.conf:2 allows 3 devices, and there are 3" \
		alice create al3
	refused_cmd 125 "open-exec al3 (type macvtap, link lower, mode bridge): /etc/vnetctl.conf:2 allows 3 devices, and there are 3" \
		alice open-exec al3 link lower mode bridge -- true
	# Others' do not count, and one's own go on.
	may bob create g0 link lower
	refused_cmd 2 "create g1 (type macvtap, link lower, mode vepa): /etc/vnetctl.conf:4 allows 1 device, and there is 1" \
		bob create g1 link lower
	may alice mode al0 private
	may alice destroy al0
	may alice create al3
	co_eof fd
	wait_until 5 no_marks
	may alice create al4
}

@test "policy: 64 starts at once against a limit of 3" {
	local i n=0 round

	for round in "create al%d link lower mode bridge" "create al%d"; do
		for ((i = 0; i < 64; i++)); do
			# shellcheck disable=SC2086 # words
			spawn_bg "start$i" alice $round
		done
		n=0
		for ((i = 0; i < 64; i++)); do
			bg_end "start$i" 60
			if ((!status)); then
				((++n))
			else
				((status == 2))
				grep -qx 'vnetctl: create .*: /etc/vnetctl.conf:2 allows 3 devices, and there are 3' \
					"$BATS_TEST_TMPDIR/start$i.err" ||
					fail "$(cat "$BATS_TEST_TMPDIR/start$i.err")"
			fi
		done
		((n == 3)) || fail "$n started"
		[[ $(vn -j list | jq length) == 3 ]]
		vn destroy all
	done
}

@test "policy: nobody takes or stalls another's lock" {
	# It is a file that only power can open ...
	run_cmd as alice sh -c ': <>/proc/sys/net/ipv4/tcp_fastopen_key'
	[[ $status != 0 && $stderr == *'Permission denied'* ]]
	# ... and bob's key is not alice's: he who stops for ever stops himself.
	spawn_co locked in_ns "$NS" /usr/bin/python3 -c '
import fcntl, struct, sys
f = open("/proc/sys/net/ipv4/tcp_fastopen_key", "r+b", buffering=0)
fcntl.fcntl(f, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 4 << 32 | 4343, 1, 0))
print("ready", flush=True)
sys.stdin.read()'
	wait_text "$BATS_TEST_TMPDIR/locked.out" '^ready$' 30
	may_not 2 "cannot count devices: Device or resource busy: another vnetctl of yours is making one: is it stopped?" \
		bob create g0 link lower
	spawn_bg waits bob create g0 link lower
	may alice create al0 link lower mode bridge
	may alice create al1
	[[ -d /proc/$(bg_pid waits) ]]
	assert_gone "$NS" g0
	co_eof locked
	bg_end waits
	((status == 0))
	assert_there "$NS" g0
}

# --- the file ---------------------------------------------------------------------

# all_denied LINE - root's exemption is not touched by it
all_denied() {
	may_not 2 "$1" alice create al0 || return
	may_not 125 "$1" alice open-exec al0 type tap -- true || return
	may_not 2 "$1" alice destroy al9 || return
	may_not 2 "$1" alice mode al9 || return
	may alice -q list && may as root "$VN" create al9 && may as root "$VN" destroy al9
}

@test "policy: a file that is not to be believed denies everything" {
	local conf=$ETC/vnetctl.conf

	rm "$conf"
	all_denied "cannot open /etc/vnetctl.conf: No such file or directory: $without"
	printf '%s\n' "$POLICY" >"$ETC/real"
	ln -s real "$conf"
	all_denied "/etc/vnetctl.conf is a symbolic link: $without"
	rm "$conf"
	mkdir "$conf"
	all_denied "/etc/vnetctl.conf is no regular file: $mended"
	rmdir "$conf"
	mkfifo -m 644 "$conf"
	all_denied "/etc/vnetctl.conf is no regular file: $mended"
	rm "$conf"
	policy "$POLICY"
	chmod 664 "$conf"
	all_denied "/etc/vnetctl.conf can be written by others than root (mode 0664): $mended"
	chmod 646 "$conf"
	all_denied "/etc/vnetctl.conf can be written by others than root (mode 0646): $mended"
	chmod 600 "$conf"
	all_denied "cannot open /etc/vnetctl.conf: Permission denied: $without"
	chmod 644 "$conf"
	chown 4242 "$conf"
	all_denied "/etc/vnetctl.conf belongs to user 4242, not to root: $mended"
	chown 0:4242 "$conf"
	may alice create al0
}

@test "policy: one bad line denies everything" {
	policy "$POLICY"$'\nallow alice verbs create'
	all_denied "/etc/vnetctl.conf:5: 'link' is missing: an allow rule says it all, '*' is anything: $mended"
	policy "$POLICY"$'\n\n\nfrobnicate'
	all_denied "/etc/vnetctl.conf:7: 'frobnicate' is neither allow nor deny: $mended"
	policy $'deny nobody-of-that-name\n'"$POLICY"
	all_denied "/etc/vnetctl.conf:1: 'nobody-of-that-name' is no user, and no @group: $mended"
	policy $'deny bob name x\033[2J\n'"$POLICY"
	all_denied "/etc/vnetctl.conf:1: '\\x1b' is a control byte: $mended"
	policy "$POLICY"
	truncate -s -1 "$ETC/vnetctl.conf"
	run_cmd alice create al0
	assert_status 2
	[[ $stderr == "vnetctl: /etc/vnetctl.conf:4: 'allow @vmusers "*"' is not the end: the last line has no end, so the file is cut off: $mended" ]]
	# Larger than anybody writes it.
	{
		printf '%s\n' "$POLICY"
		yes '#' | head -n 40000
	} >"$ETC/vnetctl.conf"
	all_denied "/etc/vnetctl.conf is larger than 64 KiB"
}

@test "policy: no rule, nothing" {
	policy '# nobody'
	may_not 2 "$(no_rule create al0 tap none none)" alice create al0
}

# --- what is written about it ---------------------------------------------------------

PAGE=$VT_ROOT/man/vnetctl.conf.5

# valid RULES - of users that the examples have
valid() {
	printf '%s\n' kvm:x:4500: >>"$ETC/group"
	policy "$1"
	# It is read, and decides.
	may_not 2 "$(no_rule create al-0 tap none none)" alice create al-0
}

@test "policy: the manual's example is a policy" {
	local rules

	rules=$(sed -n '/^\.SH EXAMPLES/,/^\.SH SEE/p' "$PAGE" | sed -n '/^\.nf/,/^\.fi/{/^\./!p}')
	grep -q '^allow' <<<"$rules"
	valid "$rules"
	ip -n "$NS" link add eth0 type veth peer name eth0-peer
	may alice create al-%d link eth0
	assert_out al-0
	may_not 2 "create prod0 (type tap, link none, mode none): /etc/vnetctl.conf:6 denies it" \
		bob create prod0
}

@test "policy: README's example is a policy" {
	local rules

	rules=$(grep -E '^    (allow|deny) ' "$VT_ROOT/README")
	grep -q allow <<<"$rules"
	valid "$rules"
}

@test "policy: the manual has every key, verb and mode, and the version" {
	local key keys

	policy 'deny alice frob x'
	run_cmd alice create al0
	keys=${stderr#*is none of }
	keys=${keys%: until*}
	[[ $(tr -d ' ' <<<"$keys" | tr , '\n' | sort) == \
		"$(awk 'was_tp && on { gsub(/"/, ""); print $2 } { was_tp = /^\.TP/ }
			/^\.SH/ { on = /RULES/ }' "$PAGE" | sort)" ]]
	for key in verbs mode; do
		policy "deny alice $key x"
		run_cmd alice create al0
		keys=${stderr#*is none of }
		for word in ${keys%: until*}; do
			sed 's/\\//g' "$PAGE" | grep -qw -e "${word%,}" || fail "$word is not in the manual"
		done
	done
	[[ $("$VNETCTL" -V) == "$(sed -n 's/^\.TH .*"\(vnetctl [0-9.]*\)".*/\1/p' "$PAGE")" ]]
}

@test "policy: make setcap and the manual name the same capabilities" {
	[[ $SETCAP ]]
	grep -qF "setcap $SETCAP" "$VT_ROOT/man/vnetctl.8"
	[[ $(sed 's/.*=//; s/,.*//' <<<"$SETCAP") == p ]]
	for cap in $(tr a-z, 'A-Z ' <<<"${SETCAP%%=*}"); do
		grep -A1 '^\.TP' "$VT_ROOT/man/vnetctl.8" | grep -qx "$cap" || fail "no reason for $cap"
	done
}
