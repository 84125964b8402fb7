#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# -batch: one command a line, failures that name the line, and the status of
# the whole.

# shellcheck disable=SC2154 # common.bash sets stderr and the vt_ ones

load ../lib/common
load ../lib/refused
load inspect

setup() {
	common_setup
	lower_new "$NS"
	cd "$BATS_TEST_TMPDIR" || return
}

# batch FILE-TEXT OPTIONS... - writes the file "b" and runs it
batch() {
	printf '%s' "$1" >b
	run_batch "${@:2}"
}

# run_batch OPTIONS... - runs "b"; one that hangs is a failure, not the end of all
run_batch() {
	run_cmd in_ns "$NS" timeout 300 "$VNETCTL" "$@" -batch b
}

# --- the language -----------------------------------------------------------------

@test "batch: comments, quotes, continuation lines" {
	batch '# two of them

create vm0 link lower	# with a comment
  create "vm1" \
	link '\''lower'\'' \
	mode "bri"dge
	# and this is none: create vm2 link lower
create a#b link lower
create \#c type tap # not \
create '\''"d"'\'' type tap
create ee\
ee type tap
mode vm1'
	assert_status 0
	assert_err ""
	assert_out "bridge"
	shows '"d" #c a#b eeee vm0 vm1'
}

@test "batch: other names of the option, and standard input" {
	local word

	echo "create vm0 link lower" >b
	for word in -b -batch --b --batch; do
		run_vn "$word" b
		assert_status 0
		assert_out ""
		assert_err ""
		run_vn "$word" - < <(echo "destroy vm0")
		assert_status 0
		assert_out ""
		assert_err ""
		shows ""
	done
	# A pipe is read as it comes: each line is done before the next is there.
	spawn_co in vn -batch -
	say in "create vm0 link lower"
	wait_there "$NS" vm0
	say in "mode vm0"
	wait_text in.out '^vepa$'
	say in "destroy vm0"
	wait_gone "$NS" vm0
	co_eof in
	bg_end in
	[ "$status" = 0 ]
}

@test "batch: nothing to do" {
	: >b
	run_batch
	assert_status 0
	assert_out ""
	assert_err ""
	printf '\n# nothing\n  \\\n\n' >b
	run_batch
	assert_status 0
	assert_err ""
	run_vn -batch - </dev/null
	assert_status 0
}

@test "batch: every command, with the options of the whole" {
	batch 'add vm0 link lower mode private
show vm0
create t%d type tap
mode vm0 bridge
list type tap
del t0
mode help
ls vm0 t0' -j -force
	assert_status 2
	assert_err "vnetctl: b:8: cannot find t0: No such device"
	# Each command's answer is what it would be by itself.
	[[ $(grep '^\[' "$vt_out" | jq -c 'map([.ifname, .mode, .made] | map(select(. != null)))') == \
		'[["vm0"]]
[["vm0","private",true]]
[["t0"]]
[["t0",true]]
[["vm0","bridge",true]]' ]] || fail "$output"
	[[ $(grep -v '^\[' "$vt_out") == "$(vn help mode)" ]] || fail "$output"
}

@test "batch: CRLF" {
	batch $'# made elsewhere\r\ncreate vm0 link lower\r\n\r\ncreate vm1 \\\r\n\tlink lower\r\n'
	assert_status 0
	assert_err ""
	shows "vm0 vm1"
}

@test "batch: the last line needs no newline, and must not end in a backslash" {
	batch 'create vm0 link lower'
	assert_status 0
	shows "vm0"
	batch $'destroy vm0\ncreate vm1 link lower \\'
	assert_status 1
	assert_err "vnetctl: b:2: the last line ends in a backslash"
	shows ""
}

# --- failures ---------------------------------------------------------------------

@test "batch: the first failure ends it, unless forced" {
	local text='create vm0 link lower

create vm1 link \
	nope
frob
create vm2 link lower
'

	batch "$text"
	assert_status 2
	assert_out ""
	assert_err "vnetctl: b:3: cannot find nope: No such device: 'ip link' shows which devices there are"
	shows "vm0"
	vn destroy vm0
	batch "$text" -force
	assert_status 2
	assert_err "vnetctl: b:3: cannot find nope: No such device: 'ip link' shows which devices there are
vnetctl: b:5: 'frob' is no command: try 'vnetctl help'"
	shows "vm0 vm2"
	vn destroy vm0 vm2
	# From standard input, by another way of saying it.
	run_vn -f -b - <<<"$text"
	assert_status 2
	assert_err "vnetctl: -:3: cannot find nope: No such device: 'ip link' shows which devices there are
vnetctl: -:5: 'frob' is no command: try 'vnetctl help'"
	shows "vm0 vm2"
}

@test "batch: lines that are no commands" {
	printf '%s\n' \
		"create" \
		"create vm0 link" \
		"create vm0 vm1 link lower" \
		"list used unused" \
		"-j list" \
		"create vm0 link lower address 1:2" \
		"" \
		"'' ''" \
		"create 'a b'" >b
	printf 'create vm0 \0 link lower\n' >>b
	echo "create vm1 'link lower" >>b
	run_batch -force
	# Only syntax was wrong.
	assert_status 1
	assert_out ""
	assert_err "\
vnetctl: b:1: create: which device? 'vnetctl create NAME ...'
vnetctl: b:2: create: 'link' needs a value: link DEV
vnetctl: b:3: create: one device at a time: what is 'vm1'? A lower device or bridge is 'link vm1'
vnetctl: b:4: list: 'unused' does not go with 'used'
vnetctl: b:5: '-j' is no command: try 'vnetctl help'
vnetctl: b:6: address '1:2' is no Ethernet address: write it like 52:54:00:12:34:56
vnetctl: b:8: '' is no command: try 'vnetctl help'
vnetctl: b:9: 'a b' is no name for a device: it holds a blank
vnetctl: b:10: a null byte is no part of a command
vnetctl: b:11: a quote is not closed"
	shows ""
}

@test "batch: the status is that of the worst line" {
	batch $'frob\nlist nope\nfrob\n' -force
	assert_status 2
	[[ ${#stderr_lines[@]} == 3 ]]
	batch $'frob\nfrob\n' -force
	assert_status 1
	batch $'frob\nlist nope\n'
	assert_status 1
	[[ ${#stderr_lines[@]} == 1 ]]
	# What is no failure after all.
	batch $'destroy nope if-exists\nlist\n'
	assert_status 0
}

@test "batch: warnings name their line, too" {
	batch $'\ncreate vm0 link lower mode source\n'
	assert_status 0
	assert_err "vnetctl: warning: b:2: vm0: mode source receives nothing until source addresses are added ('ip link set vm0 type macvtap macaddr add MAC')" ||
		assert_err "vnetctl: b:2: warning: vm0: mode source receives nothing until source addresses are added ('ip link set vm0 type macvtap macaddr add MAC')"
	batch $'\ncreate vm1 link lower mode source\n' -q
	assert_status 0
	assert_err ""
}

@test "batch: open-exec is refused, and the rest is done" {
	batch $'create vm0 link lower\nopen-exec vm0 -- touch ran\ncreate vm1 link lower\n' -force
	assert_status 1
	assert_err "vnetctl: b:2: open-exec cannot be part of a batch: it becomes COMMAND"
	[[ ! -e ran ]]
	shows "vm0 vm1"
}

@test "batch: files that cannot be read" {
	refused 2 "cannot open nope: No such file or directory" -batch nope
	refused 2 "cannot open $PWD/no/pe: No such file or directory" -batch "$PWD/no/pe"
	refused 2 ".:1: cannot read .: Is a directory" -batch . ||
		refused 2 "cannot read .: Is a directory" -batch .
	echo "create vm0 link lower" >b
	refused 1 "-batch: the commands are in the file: what is 'list'?" -batch b list
	refused 1 "'-batch' needs a value: FILE" -batch
	shows ""
	# It is the caller's file, whatever namespace the devices are in.
	ns_new THERE
	lower_new "$THERE"
	run_vn -n "$THERE" -batch b
	assert_status 0
	shows ""
	assert_there "$THERE" vm0
}

@test "batch: standard output is full" {
	printf 'create vm0 link lower\nlist\ncreate vm1 link lower\n' >b
	run_cmd in_full -batch b
	assert_status 2
	assert_err "vnetctl: b:2: cannot write to standard output: No space left on device"
	shows "vm0"
}

in_full() {
	in_ns "$NS" "$VNETCTL" "$@" >/dev/full
}

# --- many ------------------------------------------------------------------------------

# long - 1000 creates and destroys, of which these ten are bad; the lines of
# stderr that tell it go to "wanted"
long() {
	local i

	hold held held link lower
	vn create there link lower
	awk -v why=wanted '
	function bad(line, what) { print line; print "vnetctl: b:" NR0 ": " what > why }
	BEGIN {
		for (NR0 = 1; NR0 <= 1000; NR0++) {
			n = int((NR0 - 1) / 2)
			if (NR0 == 1) bad("frob vm" n, "\047frob\047 is no command: try \047vnetctl help\047")
			else if (NR0 == 102) bad("destroy nope", "cannot find nope: No such device")
			else if (NR0 == 205) bad("create vm" n " link nope", "cannot find nope: No such device: \047ip link\047 shows which devices there are")
			else if (NR0 == 333) bad("create there link lower", "cannot create macvtap there on lower: File exists: choose another name, or \047vnetctl destroy there\047")
			else if (NR0 == 334) bad("destroy lower", "lower is no macvtap and no tap, but a veth: vnetctl leaves it alone")
			else if (NR0 == 500) bad("destroy held", "cannot remove held: Device or resource busy: it is held by probe (pid PID): \047force\047 removes it all the same, and its guest loses the network")
			else if (NR0 == 601) bad("create vm" n " link lower mode sideways", "mode \047sideways\047 is not known: one of private, vepa, bridge, passthru, source")
			else if (NR0 == 777) bad("create lo type tap", "cannot create tap lo: File exists: choose another name")
			else if (NR0 == 900) bad("destroy", "destroy: which device? \047vnetctl destroy NAME\047")
			else if (NR0 == 1000) bad("create vm1 link lower x", "create: one device at a time: what is \047x\047? A lower device or bridge is \047link x\047")
			# Two are made, then the first of them goes.
			else if (NR0 % 4 == 0) print "destroy vm" n - 1 "a if-exists"
			else if (NR0 % 4 == 1) print "create vm" n "a link lower"
			else if (NR0 % 4 == 2) print "create vm" n "b link lower mode bridge"
			else print "create vm" n "c type tap"
		}
	}' >b
	sed -i "s/(pid PID)/(pid $(bg_pid held))/" wanted
	(($(wc -l <b) == 1000 && $(wc -l <wanted) == 10))
}

@test "batch: a thousand lines, ten of them bad" {

	long
	run_batch -force
	assert_status 2
	assert_out ""
	diff wanted "$vt_err"
	# What the other lines say, done by hand.
	awk '/^create (vm|there)/ && !/nope|sideways|x$/ { s[$2] = 1 }
		/^destroy vm/ { delete s[$2] } END { for (d in s) print d; print "held\nthere" }' b |
		LC_ALL=C sort -u >names
	vn -j list | jq -r '.[].ifname' | LC_ALL=C sort | diff names -
	(($(wc -l <names) > 500))
	# And the end of them: only syntax is wrong in the rest.
	{
		grep -v -e held -e there names | sed 's/^/destroy /'
		echo "destroy --all"
	} >b
	sed -i 's/^vnetctl.*//' wanted
	run_batch -force
	assert_status 1
	assert_err "vnetctl: b:$(wc -l <b): destroy: options such as '--all' go before the command"
	shows "held there"
}

# --- how ----------------------------------------------------------------------------------

@test "batch: one netlink socket for the run" {
	local i

	for ((i = 0; i < 50; i++)); do
		echo "create vm$i link lower"
	done >b
	printf '%s\n' "mode vm0 bridge" "mode vm0" "list vm1" "destroy nope" "destroy lower" >>b
	straced trace socket,setns,unshare -force -batch b >/dev/null 2>&1 || :
	# A list asks for names while it is still reading: it has one more.
	(($(grep -c 'socket(AF_NETLINK' trace) <= 2)) || fail "$(<trace)"
	sed -i '/^list/d' b
	vn destroy all
	straced trace socket -force -batch b >/dev/null 2>&1 || :
	count 1 'socket\(AF_NETLINK' trace
}

# --- one by one ---------------------------------------------------------------------------

# whole DEV... - vnetctl's mark, no host on it, all multicast: all that create gives
whole() {
	local dev

	for dev in "$@"; do
		ip -n "$NS" -j -d link show "$dev" | jq -e '.[0] |
			(.altnames | length) == 1 and (.altnames[0] | startswith("vnetctl-")) and
			.inet6_addr_gen_mode == "none" and (.flags | index("ALLMULTI"))' >/dev/null ||
			fail "$dev is not whole: $(ip -n "$NS" -d link show "$dev")" || return
	done
}

# A comment, an empty line, a line that goes on: none of them says what to do next.
@test "batch: a command is done before the next line comes" {
	local line n=1

	spawn_co in vn -f -batch -
	for line in '# x' '' '  # x'; do
		say in "destroy nosuch0"
		say in "$line"
		wait_text in.err "^vnetctl: -:$n: cannot find nosuch0: No such device\$"
		say in "create vm$n link lower"
		say in "$line"
		wait_there "$NS" "vm$n"
		n=$((n + 4))
	done
	say in "create vm$n link lower"
	say in "destroy vm1 \\"
	wait_there "$NS" "vm$n"
	assert_there "$NS" vm1
	say in "  vm5"
	wait_gone "$NS" vm5
	assert_gone "$NS" vm1
	co_eof in
	bg_end in
	[ "$status" = 2 ]
}

@test "batch: names and answers come in the order of the lines" {
	local i in_use='Address already in use: 52:54:00:00:00:09 is already used by u0 on lower'

	ip -n "$NS" tuntap add ci1 mode tap
	printf 'create ci%%d link lower\n%.0s' 1 2 3 4 >b
	run_batch
	assert_status 0
	assert_out $'ci0\nci2\nci3\nci4'
	printf '%s\n' "create a link lower" "create ci%d link lower up" "create b link lower" >b
	run_batch -j
	assert_status 0
	assert_out '[{"ifname":"a"}]
[{"ifname":"ci5"}]
[{"ifname":"b"}]'
	whole a b ci{0,2,3,4,5}
	# What lies inside a lifeline is not the kernel's to count.
	hold ci6 ci6 link lower lifetime fd
	printf 'create ci%%d link lower\n%.0s' 1 2 3 >b
	run_batch
	assert_status 0
	assert_out $'ci7\nci8\nci9'
	# Bring-up is told where it belongs.
	printf 'create u%d link lower address 52:54:00:00:00:09 up\n' 0 1 2 >b
	run_batch -force
	assert_status 2
	assert_err "$(for i in 1 2; do
		echo "vnetctl: b:$((i + 1)): cannot bring up u$i: $in_use"
	done)"
	[[ " $(names) " == *" u0 "* && " $(names) " != *" u"[12]" "* ]]
	ip -n "$NS" link set lower down
	printf '%s\n' "create w0 link lower" "create w1 link lower up" >b
	run_batch
	assert_status 0
	assert_err "vnetctl: b:2: warning: lower is down, so w1 reaches nobody: 'ip link set lower up'"
}

@test "batch: what the kernel refuses ends it, unless forced" {
	local taken why="File exists: choose another name, or 'vnetctl destroy vm2'"

	vn create vm2 link lower
	taken=$(index vm2)
	printf 'create %s link lower\n' vm0 vm1 vm2 vm3 vm4 >b
	run_batch
	assert_status 2
	assert_out ""
	assert_err "vnetctl: b:3: cannot create macvtap vm2 on lower: $why"
	shows "vm0 vm1 vm2"
	whole vm0 vm1
	vn destroy vm0 vm1
	run_batch -force
	assert_status 2
	assert_err "vnetctl: b:3: cannot create macvtap vm2 on lower: $why"
	shows "vm0 vm1 vm2 vm3 vm4"
	whole vm{0..4}
	[[ $(index vm2) == "$taken" ]]
	vn destroy vm0 vm1 vm3 vm4
	# The first one, the last one, twice the same, and where no lifeline can be had.
	printf 'create %s link lower\n' vm2 vm3 vm3 vm4 vm2 >b
	run_cmd in_ns "$NS" setpriv --bounding-set -sys_admin --inh-caps -sys_admin \
		"$VNETCTL" -force -batch b
	assert_status 2
	assert_err "vnetctl: b:1: cannot create macvtap vm2 on lower: $why
vnetctl: b:3: cannot create macvtap vm3 on lower: ${why/vm2/vm3}
vnetctl: b:5: cannot create macvtap vm2 on lower: $why"
	shows "vm2 vm3 vm4"
	vn destroy vm3 vm4
	printf 'create %s link lower\n' vm0 vm1 vm2 vm3 >b
	run_cmd in_ns "$NS" setpriv --bounding-set -sys_admin --inh-caps -sys_admin \
		"$VNETCTL" -batch b
	assert_status 2
	shows "vm0 vm1 vm2"
}

@test "batch: a name that a device inside a lifeline has" {
	hold vm1 vm1 link lower lifetime fd
	printf 'create %s link lower\n' vm0 vm1 vm2 >b
	run_batch -force
	assert_status 2
	assert_err "vnetctl: b:2: cannot create macvtap vm1 on lower: File exists: a device of lifetime fd has this name: see 'vnetctl list vm1'"
	shows "vm0 vm1 vm2"
}

@test "batch: removals are judged line by line" {
	hold vm2 vm2 link lower lifetime watched
	printf 'create vm%d link lower\n' 0 1 3 4 5 6 | in_ns "$NS" "$VNETCTL" -batch -
	printf '%s\n' "destroy vm0 vm0" "destroy vm1" "destroy vm2" "destroy vm3" "destroy nope if-exists" \
		"destroy vm3" "destroy vm4 nope vm5" "destroy vm3 if-exists vm6" >b
	run_batch
	assert_status 2
	[[ $stderr == "vnetctl: b:3: cannot remove vm2: Device or resource busy: "* &&
		${#stderr_lines[@]} == 1 ]] || fail "$stderr"
	shows "vm2 vm3 vm4 vm5 vm6"
	sed -i 1,2d b
	run_batch -force
	assert_status 2
	[[ ${stderr_lines[0]} == "vnetctl: b:1: cannot remove vm2: Device or resource busy: "* ]]
	[[ $(sed 1d "$vt_err") == "vnetctl: b:4: cannot find vm3: No such device
vnetctl: b:5: cannot find nope: No such device" ]] || fail "$stderr"
	shows "vm2"
}

# The lines before are done, and the one that it was killed at is done whole or not at all.
@test "batch: killed at any system call, whole devices" {
	local n got rc=1
	local -A seen=()

	printf 'create vm%d link lower\n' 0 1 2 >b
	for ((n = 1; rc; n++)); do
		rc=0
		in_ns "$NS" "$VT_ROOT/build/tests/sweep" kill "$n" --skip-startup --timeout 30 \
			--report report -- "$VNETCTL" -batch b >killed.out 2>&1 || rc=$?
		((rc <= 1)) || fail "$(cat report killed.out)"
		rc=$((!rc))
		got=$(names)
		[[ "vm0 vm1 vm2 " == "${got:+$got }"* ]] || fail "killed at $n: $got"
		# shellcheck disable=SC2086 # words
		whole $got
		seen[$got.]=1
		# shellcheck disable=SC2086
		[[ -z $got ]] || vn destroy $got
	done
	((${#seen[@]} == 4)) || fail "${!seen[@]}"
}

# --- progress --------------------------------------------------------------------------

# slowly N - N creates that take 50 ms each, in "b"
slowly() {
	local i

	for ((i = 0; i < $1; i++)); do
		echo "create vm$i type tap"
	done >b
}

# in_script ARGS... - vnetctl ARGS on a terminal of its own, each tap taking
# its time; what the terminal got is in the file "typescript"
in_script() {
	local cmd

	cmd=$(printf '%q ' strace -f -qq -o /dev/null -e trace=ioctl \
		-e inject=ioctl:delay_exit=10000 "$VNETCTL" "$@")
	in_ns "$NS" script -qec "$cmd" typescript </dev/null >/dev/null
}

@test "batch: progress on a terminal, when it takes longer than a second" {
	slowly 30
	in_script -batch b
	# Counted, up to the whole, and wiped at the end.
	grep -qE $'\r[^\r]* [1-9][0-9]?/30\x1b\\[K' typescript || fail "$(cat -v typescript)"
	[[ $(sed 1d typescript | sed '$d' | tr -d '\n' | tail -c 4) == $'\r\x1b[K' ]] ||
		fail "$(cat -v typescript)"
	json "$NS" 'length == 30'
	# With -q, or when it is soon done, nothing.
	vn destroy all
	in_script -q -batch b
	! grep -q '/30' typescript || fail "$(cat -v typescript)"
	vn destroy all
	in_ns "$NS" script -qec "$VNETCTL -batch b" typescript </dev/null >/dev/null
	! grep -q '/30' typescript || fail "$(cat -v typescript)"
}

@test "batch: a failure on a terminal stands on a line of its own" {
	slowly 30
	echo frob >>b
	in_script -batch b || :
	grep -qE $'(^|\r\x1b\\[K)vnetctl: b:31: '"'frob' is no command: try 'vnetctl help'"$'\r$' \
		typescript || fail "$(cat -v typescript)"
}

@test "batch: no progress where there is no terminal" {
	slowly 30
	run_cmd in_ns "$NS" strace -f -qq -o /dev/null -e trace=ioctl \
		-e inject=ioctl:delay_exit=10000 "$VNETCTL" -batch b
	assert_status 0
	assert_out ""
	assert_err ""
}
