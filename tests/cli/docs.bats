#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What is written is true: the manual's words are the program's words, and
# every example in the manual and in README runs as it stands there.
#
# The examples run in a namespace with eth0 and br0, as root of a mount
# namespace that has the user vm, the namespace blue, and /mnt/bin first in
# PATH. There qemu-system-x86_64 is the probe, which tells what it was given.
# Real guests are tests/qemu.

load ../lib/common

PAGE=$VT_ROOT/man/vnetctl.8
README=$VT_ROOT/README

# --- reading the manual ----------------------------------------------------

# page_text - the page as a person sees it who copies from it
page_text() {
	LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=100 man --no-hyphenation -l "$PAGE"
}

# section NAME - its text, without the indent
section() {
	page_text | awk -v name="$1" '
		/^[^ ]/ { on = $0 == name; next }
		on { sub(/^       /, ""); print }'
}

# tags SECTION [SUBSECTION] - what stands in bold at the head of each .TP, a
# word a line
tags() {
	awk -v sec="$1" -v sub_="${2:-}" '
		/^\.SH / { s = substr($0, 5); ss = "" }
		/^\.SS / { ss = substr($0, 5); gsub(/["\\]/, "", ss) }
		was_tp && s == sec && ss == sub_ { print }
		{ was_tp = /^\.TP/ }' "$PAGE" | while read -r macro rest; do
		mapfile -t args < <(xargs printf '%s\n' <<<"${rest//\\/\\\\}")
		case $macro in
		.B) step=1 ;;
		.BI | .BR) step=2 ;;
		*) continue ;;
		esac
		for ((i = 0; i < ${#args[@]}; i += step)); do
			word=$(sed -E 's/\\+/\\/g; s/\\fI[^\]*\\fP//g; s/\\f.//g' <<<"${args[i]}")
			word=${word//\\/}
			word=${word//[, ]/}
			[[ -z $word ]] || printf '%s\n' "$word"
		done
	done
}

# same_lines WHAT A B - A and B have the same lines, in any order
same_lines() {
	local a b

	a=$(sort -u <<<"$2") b=$(sort -u <<<"$3")
	[[ $a == "$b" ]] || fail "$1:" "$(diff <(echo "$a") <(echo "$b"))"
}

commands() {
	"$VNETCTL" complete | grep -v '^-'
}

# help_words COMMAND - the words in its usage, a line each
help_words() {
	"$VNETCTL" help "$1" | awk 'NR > 3 && $1 != "" { print $1 }'
}

# --- a place to run examples in --------------------------------------------

# A guest that is there all the time: vm9 on br9.
examples_ready() {
	ns_new BLUE
	lower_new "$NS" eth0 peer0
	bridge_new "$NS" br0 port0 peer1
	bridge_new "$NS" br9 port9 peer9
	lower_new "$BLUE" eth0 peer0
	export BLUE
	spawn_co vm9 vn open-exec vm9 link br9 address 52:54:00:00:00:09 -- \
		"$PROBE" hold
	wait_text "$BATS_TEST_TMPDIR/vm9.out" '^{'
}

# in_place CMD... - runs it in $NS, where all that examples name is there
in_place() {
	in_ns "$NS" bash -c "$place" in_place "$@"
}

# The first lines of a shell in $NS. FAKE_THEN: what the fake does in the end.
# shellcheck disable=SC2016
place='
	set -e
	mount -t tmpfs -o mode=755 tmpfs /mnt
	mkdir /mnt/bin /mnt/etc
	cp "$VNETCTL" /mnt/bin/vnetctl
	cp "$PROBE" /mnt/bin/probe
	printf "%s\n" "#!/bin/sh" "${FAKE_THEN:+/mnt/bin/probe \"\$@\"}" \
		"${FAKE_THEN:-exec /mnt/bin/probe \"\$@\"}" >/mnt/bin/qemu-system-x86_64
	chmod 755 /mnt/bin/*
	cp /etc/passwd /etc/group /mnt/etc/
	echo vm:x:64321:64321::/:/bin/sh >>/mnt/etc/passwd
	echo vm:x:64321: >>/mnt/etc/group
	mount --bind /mnt/etc/passwd /etc/passwd
	mount --bind /mnt/etc/group /etc/group
	touch /mnt/blue
	mount --bind "/run/netns/$BLUE" /mnt/blue
	mount -t tmpfs tmpfs /run/netns
	touch /run/netns/blue
	mount --bind /mnt/blue /run/netns/blue
	PATH=/mnt/bin:$PATH
	set +e
	"$@"
'

# guests FILE - what the fakes said: DEVICE (what TUNGETIFF answered) uid UID:
# ARGUMENTS, with what is different each time made equal
guests() {
	jq -r '(.env.VNETCTL_FD + "," + .env.VNETCTL_MAC | split(",")) as $own
		| .env.VNETCTL_DEV
		+ " (" + ([.fds[].ifname // empty] | sort | join(" ")) + ")"
		+ " uid \(.uid[0]): "
		+ (reduce $own[] as $own (.argv[1:] | join(" ");
			gsub("(?<k>fds?)=" + $own + "\\b"; .k + "=FD")
			| gsub($own + "\\b(?<e>[^:]|$)"; (if $own | length > 16 then
				"MAC" else $own end) + .e)))' "$1"
}

# --- the manual ------------------------------------------------------------

@test "docs: man has nothing to say about the manual" {
	run_cmd env LC_ALL=C.UTF-8 MANROFFSEQ= MANWIDTH=80 \
		man --warnings -E UTF-8 -l -Tutf8 -Z "$PAGE"
	assert_status 0
	assert_err ""
}

@test "docs: the manual is of this version" {
	run_cmd "$VNETCTL" -V
	assert_out "$(sed -n 's/^\.TH .*"\(vnetctl [0-9.]*\)".*/\1/p' "$PAGE")"
}

@test "docs: the manual has every command, every option, and no other" {
	same_lines commands "$(commands)" "$(sed -n '/^\.SH COMMANDS/,/^\.SH TYPES/{
		s/\\//g; s/^\.SS "\(.*\)"/\1/p }' "$PAGE")"
	same_lines options \
		"$("$VNETCTL" help | grep -oE '^  -[^ ]+, -[^ ]+' | tr -d ' ' |
			tr , '\n')" \
		"$(tags OPTIONS | awk '{ print $1 }' | sed 's/^--/-/' |
			grep -vx -e -version)"
}

@test "docs: the manual has every word of every command, and no other" {
	local cmd

	for cmd in $(commands); do
		same_lines "$cmd" "$(help_words "$cmd")" \
			"$(tags COMMANDS "$cmd" | grep -v '^{')"
	done
}

@test "docs: the manual has every choice that a word has" {
	local text value

	text=$(page_text)
	for value in $("$VNETCTL" help | grep -oE '\{[a-z|]+\}' | tr '{|}' ' '); do
		grep -qw -e "$value" <<<"$text" || fail "$value is not in the manual"
	done
}

@test "docs: the other words that the manual knows are understood" {
	local pair

	lower_new "$NS"
	for pair in add:create del:destroy delete:destroy show:list ls:list; do
		grep -qw -e "${pair%:*}" "$PAGE"
		run_cmd "$VNETCTL" help "${pair%:*}"
		assert_status 0
		[[ $output == "${pair#*:}: "* ]]
	done
	for pair in veb:bridge pepa:private passthrough:passthru; do
		grep -qw -e "${pair%:*}" "$PAGE"
		run_vn create vm0 master lower mode "${pair%:*}"
		assert_status 0
		run_vn mode vm0
		assert_out "${pair#*:}"
		run_vn destroy vm0
		assert_status 0
	done
}

@test "docs: the manual's placeholders, each and all, are replaced" {
	local brace

	for brace in $(tags COMMANDS open-exec | grep '^{') '{nothing}'; do
		run_vn open-exec vm0 type tap args none vhost off -- "$PROBE" "$brace"
		case $brace in
		'{vhost'*)
			assert_err "vnetctl: $brace: vm0 has no vhost descriptor:\
 say 'vhost on'"
			;;
		'{nothing}')
			assert_status 0
			[[ $(jq -r '.argv[1]' <<<"$output") == "$brace" ]]
			;;
		*)
			assert_status 0
			[[ $(jq -r '.argv[1]' <<<"$output") != *[{}]* ]]
			;;
		esac
	done
}

@test "docs: the manual's environment is that of COMMAND" {
	run_vn open-exec vm0 type tap args none -- "$PROBE"
	same_lines environment "$(jq -r '.env | keys[]' <<<"$output")" \
		"$(tags ENVIRONMENT | grep '^VNETCTL_')"
}

@test "docs: OUTPUT has every key of list, and no other" {
	local keys

	ns_new OTHER
	lower_new "$NS"
	bridge_new "$NS" br0 port0 peer1
	run_vn create vm0 link lower
	ip -n "$NS" link set vm0 alias 'an alias'
	run_vn create vm1 link br0 owner 0:0
	run_vn create vm2 link lower
	ip -n "$NS" link set vm2 netns "$OTHER"
	spawn_co vm3 vn open-exec vm3 link lower lifetime fd args none -- "$PROBE" hold
	wait_text "$BATS_TEST_TMPDIR/vm3.out" '^{'
	spawn_co in3 nsenter --net="$(json "$NS" '.[] | select(.ifname == "vm3").netns' -d list)" \
		sh -c 'echo ready; read -r _'
	wait_text "$BATS_TEST_TMPDIR/in3.out" ready
	keys=$(
		json "$NS" '.[] | keys[], (.users[] | keys[])' -d list
		json "$OTHER" '.[] | keys[]' -d list
	)
	same_lines keys "$keys" "$(tags OUTPUT)"$'\npid\ncomm\nfds'
	section OUTPUT | grep -qw pid
	section OUTPUT | grep -qw comm
	section OUTPUT | grep -qw fds
}

# The program's messages, with what it puts into them left open.
@test "docs: the errors that the manual explains are the program's" {
	local all text

	all=$(cat "$VT_ROOT"/src/*.c | tr '\n' ' ' | sed -E 's/" *\t*[ \t]*"//g')
	while IFS= read -r text; do
		text=$(sed -E "s/qemu-system-x86/%s/; s/\b4242\b/%d/
			s/52:54(:[0-9a-f]{2}){4}/%s/; s/\b(eth0|br0|vm[0-9])\b/%s/g" <<<"$text")
		[[ $all == *"$text"* ]] || fail "no message of vnetctl's: $text"
	done < <(awk '/^\.SH / { on = /ERRORS/ } on && was_tp { print }
		{ was_tp = /^\.TP/ }' "$PAGE" | sed -E 's/^\.I //; s/\\\(aq/'\''/g; s/\\//g')
}

@test "docs: what is copied from the manual's EXAMPLES is plain ASCII" {
	section EXAMPLES | grep -q '^# '
	run_cmd grep -P '[^\x00-\x7f]' <(section EXAMPLES)
	assert_out ""
}

# Each example, with one blank for any and MAC for any address, and what is to
# come of it: a pattern for what it prints; for guests see guests().
declare -gA comes=(
	['vnetctl open-exec vm0 link eth0 mode bridge -- qemu-system-x86_64 -m 1G disk.img']='
vm0 (vm0) uid 0: -m 1G disk.img -net nic,model=virtio,macaddr=MAC -net tap,fd=FD'

	['vnetctl open-exec vm0 link eth0 mode bridge -- qemu-system-x86_64 -m 1G -display none -daemonize disk.img']='
vm0 (vm0) uid 0: -m 1G -display none -daemonize disk.img -net nic,model=virtio,macaddr=MAC -net tap,fd=FD'

	['vnetctl open-exec vm1 link br0 address 52:54:00:12:34:56 -- qemu-system-x86_64 disk.img']='
vm1 (vm1) uid 0: disk.img -net nic,model=virtio,macaddr=MAC -net tap,fd=FD'

	['vnetctl open-exec vm0 link eth0 args netdev -- qemu-system-x86_64 disk.img']='
vm0 (vm0) uid 0: disk.img -netdev tap,id=vnet0,fd=FD -device virtio-net-pci,netdev=vnet0,mac=MAC'

	['vnetctl open-exec vm0 link eth0 -- qemu-system-x86_64 disk.img -nic tap,fd={fd},model=e1000,mac={mac}']='
vm0 (vm0) uid 0: disk.img -nic tap,fd=FD,model=e1000,mac=MAC'

	['vnetctl open-exec vm0 link eth0 mode bridge lifetime watched -- qemu-system-x86_64 disk.img']='
vm0 (vm0) uid 0: disk.img -net nic,model=virtio,macaddr=MAC -net tap,fd=FD'

	['vnetctl open-exec vm0 link eth0 mode bridge run-as vm -- qemu-system-x86_64 disk.img']='
vm0 (vm0) uid 64321: disk.img -net nic,model=virtio,macaddr=MAC -net tap,fd=FD'

	['vnetctl open-exec vm0 link eth0 queues 4 dev vm1 link br0 -- qemu-system-x86_64 -smp 4 disk.img']='
vm0,vm1 (vm0 vm0 vm0 vm0 vm1) uid 0: -smp 4 disk.img -netdev tap,id=vnet0,fds=FD -device virtio-net-pci,netdev=vnet0,mac=MAC,mq=on,vectors=10 -netdev tap,id=vnet1,fd=FD -device virtio-net-pci,netdev=vnet1,mac=MAC'

	['vnetctl -n blue open-exec vm0 link eth0 -- qemu-system-x86_64 disk.img']='
vm0 (vm0) uid 0: disk.img -net nic,model=virtio,macaddr=MAC -net tap,fd=FD'

	['vnetctl create vm2 link eth0']=''
	['vnetctl mode vm2']='vepa'
	['vnetctl mode vm2 bridge']=''
	['vnetctl -d list vm2']='vm2: operstate DOWN type macvtap link eth0 mode bridge address MAC *
    ifindex * altnames vnetctl-0-*'

	['vnetctl open-exec vm2 -- qemu-system-x86_64 disk.img']='
vm2 (vm2) uid 0: disk.img -net nic,model=virtio,macaddr=MAC -net tap,fd=FD'

	['vnetctl create guest%d link br0 mode private owner vm']='guest0'
	['vnetctl -br list']='vm9 * U* * tap * br9 * bridge * MAC
guest0 * DOWN * tap * br0 * private * MAC'

	['vnetctl -tree list']='br0
`- guest0 tap private MAC DOWN persistent
br9
`- vm9 tap bridge MAC U* fd
   `- probe (pid PID)'

	["vnetctl -j list link br0 | jq -r '.[] | .ifname, .guest_address'"]='guest0
MAC'

	["vnetctl -j list used | jq -r '.[] | .ifname, .users[].pid'"]='vm9
PID'

	['vnetctl exec vm9 ip -br link show dev vm9']='vm9 * U* * MAC <*> '

	["yes 'create ci%d link eth0' | head -n 3 | vnetctl -batch -"]='ci0
ci1
ci2'
	['vnetctl destroy link eth0']=''
	['vnetctl destroy guest0 vm2 if-exists']=''
	['vnetctl list orphaned']=''
	['vnetctl destroy orphans']=''
)

# The shell that runs them all, one after the other, each when the devices of
# the one before have gone; leaves N.out, N.err and N.status.
# shellcheck disable=SC2016
run_examples='
	for f in "$BATS_TEST_TMPDIR"/example.*.cmd; do
		base=${f%.cmd}
		eval "$(cat "$f")" </dev/null >"$base.out" 2>"$base.err"
		echo $? >"$base.status"
		for ((i = 0; i < 500; i++)); do
			[[ $(vnetctl list orphaned; vnetctl -n blue list orphaned) ]] || break
			sleep 0.01
		done
	done
'

@test "docs: every line of the manual's EXAMPLES runs" {
	local base line key got n=0 pid

	examples_ready
	pid=$(bg_pid vm9)
	while IFS= read -r line; do
		if [[ $line == '# '* ]]; then
			printf -v base '%s/example.%02d' "$BATS_TEST_TMPDIR" $((n++))
			echo "${line#'# '}" >"$base.cmd"
		elif [[ $key == *\\ ]]; then
			echo "$line" >>"$base.cmd"
		fi
		key=$line
	done < <(section EXAMPLES)
	((n == ${#comes[@]})) || fail "$n examples, ${#comes[@]} expected"

	in_place bash -c "$run_examples"
	for base in "$BATS_TEST_TMPDIR"/example.*.cmd; do
		base=${base%.cmd}
		key=$(sed 's/\\$//' "$base.cmd" | xargs -d '\n' | tr -s ' ')
		[[ ${comes[$key]+there} ]] || fail "what is to come of this? $key"
		[[ $(<"$base.status") == 0 && ! -s $base.err ]] ||
			fail "$key:" "$(cat "$base".{status,err,out})"
		got=$(<"$base.out")
		[[ $got != '{'* ]] || got=$'\n'$(guests "$base.out")
		got=$(sed -E "s/([0-9a-f]{2}:){5}[0-9a-f]{2}/MAC/; s/\b$pid\b/PID/" <<<"$got")
		# shellcheck disable=SC2053 # a pattern
		[[ $got == ${comes[$key]} ]] ||
			fail "$key" "expected: ${comes[$key]}" "got: $got"
	done
	# Nothing stays but what was there before.
	wait_until 5 only_vm9
}

only_vm9() {
	[[ $(vn -br list | awk '{ print $1 }') == vm9 ]] &&
		[[ -z $(in_ns "$BLUE" "$VNETCTL" list) ]]
}

# --- README ----------------------------------------------------------------

# block WORD - the code block of README that has WORD in one of its first
# three lines
block() {
	awk -v word="$1" '
		/^```./ { n = 0; text = ""; on = 1; next }
		/^```/ { if (on && hit) printf "%s", text; on = hit = 0; next }
		on { text = text $0 "\n"; if (++n <= 3 && index($0, word)) hit = 1 }
	' "$README"
}

# script WORD - makes a script of the block, in the test's directory
script() {
	block "$1" >"$BATS_TEST_TMPDIR/$1"
	chmod 755 "$BATS_TEST_TMPDIR/$1"
	[[ -s $BATS_TEST_TMPDIR/$1 ]] || fail "README has no $1"
}

@test "docs: README's scripts are clean to shellcheck" {
	script run-vm
	script ci-rig
	run_cmd shellcheck "$BATS_TEST_TMPDIR/run-vm" "$BATS_TEST_TMPDIR/ci-rig"
	assert_status 0
}

@test "docs: README's shell script becomes QEMU, with an address of its own" {
	local mac sum pid

	script run-vm
	examples_ready
	sum=$(md5sum <<<web)
	mac=52:54:00:${sum:0:2}:${sum:2:2}:${sum:4:2}
	run_cmd in_place bash -c 'echo $$; exec "$@"' - \
		"$BATS_TEST_TMPDIR/run-vm" web disk.img
	assert_status 0
	assert_err ""
	pid=${lines[0]}
	echo "${lines[1]}" >"$BATS_TEST_TMPDIR/web.json"
	[ "$(guests "$BATS_TEST_TMPDIR/web.json")" = "web (web) uid 0:\
 -machine accel=kvm:tcg -m 1G -nographic disk.img\
 -net nic,model=virtio,macaddr=MAC -net tap,fd=FD" ]
	[ "$(jq -r .env.VNETCTL_MAC <<<"${lines[1]}")" = "$mac" ]
	[ "$(jq -r .pid <<<"${lines[1]}")" = "$pid" ]
}

@test "docs: README's CI rig starts its guests, and leaves nothing" {
	script ci-rig
	examples_ready
	FAKE_THEN='exec sleep infinity' run_cmd in_place "$BATS_TEST_TMPDIR/ci-rig" \
		3 disk.img bash -c '
		until [ "$(vnetctl -j list used link eth0 | jq length)" = 3 ]; do
			sleep 0.01
		done
		vnetctl -br list link eth0 >"$BATS_TEST_TMPDIR/seen"'
	assert_status 0
	assert_err ""
	[ "$(awk '{ print $1 }' "$BATS_TEST_TMPDIR/seen" | sort | xargs)" = "ci0 ci1 ci2" ]
	same_lines guests "$(guests <(echo "$output"))" "$(
		for i in 0 1 2; do
			echo "ci$i (ci$i) uid 0: -machine accel=kvm:tcg -m 256" \
				"-display none -net nic,model=virtio,macaddr=MAC" \
				"-net tap,fd=FD -name guest=ci$i -snapshot disk.img"
		done
	)"
	wait_until 5 only_vm9
}

@test "docs: README's unit is one that systemd understands" {
	local unit=$BATS_TEST_TMPDIR/vm@web.service key

	block vm@.service | sed "s#/usr/local/sbin/vnetctl#$VNETCTL#" >"$unit"
	for key in KillMode=control-group 'DeviceAllow=char-macvtap rw' \
		RestrictNamespaces=net NoNewPrivileges=yes; do
		grep -qx "$key" "$unit"
	done
	[[ $(grep -vE '^(#|$|    |\[(Unit|Service|Install)\]$|[A-Z][A-Za-z]+=)' "$unit") == '' ]]
	if command -v systemd-analyze >/dev/null; then
		run_cmd systemd-analyze verify --man=no --recursive-errors=no "$unit"
		assert_status 0
		assert_err ""
	fi
}

# What a unit's ExecStart runs, with the capabilities that the unit leaves.
@test "docs: README's unit starts QEMU as the user vm, without capabilities" {
	local unit start caps mac

	examples_ready
	unit=$(block vm@.service | sed -e ':a' -e '/\\$/{N;s/\\\n *//;ba' -e '}')
	start=$(sed -n 's/^ExecStart=//p' <<<"$unit")
	start=${start//%i/web}
	mac=$(sed -n 's/.*`MAC=\(..:..:..:..:..:..\)`.*/\1/p' "$README")
	[[ $mac && $unit == *EnvironmentFile=/etc/vm/%i.conf* ]]
	start=${start//'${MAC}'/$mac}
	caps=$(sed -n 's/^CapabilityBoundingSet=CAP_//p' <<<"$unit")
	caps=-all,+${caps// CAP_/,+}
	# shellcheck disable=SC2086 # words, as systemd takes them
	run_cmd in_place setpriv --bounding-set="${caps,,}" --no-new-privs \
		${start/#'/usr/local/sbin/vnetctl'//mnt/bin/vnetctl}
	assert_status 0
	assert_err ""
	[ "$(guests <(echo "$output"))" = "web (web) uid 64321:\
 -machine accel=kvm:tcg -m 1G -nographic /var/lib/vm/web.img\
 -net nic,model=virtio,macaddr=MAC -net tap,fd=FD" ]
	[ "$(jq -r '.cap_prm + .cap_eff + .cap_amb' <<<"$output")" = \
		"$(printf '%048d' 0)" ]
	[ "$(jq -r .env.VNETCTL_MAC <<<"$output")" = "$mac" ]
	[ "$(jq -r .no_new_privs <<<"$output")" = 1 ]
	wait_until 5 only_vm9
}

@test "docs: README's Inside has every file of src, and no other" {
	same_lines src "$(find "$VT_ROOT/src" -name '*.[ch]' -printf '%f\n' |
		sed -E '/^(cmd|dev_kind|util)\.h$/!s/\.h$/.c/')" \
		"$(sed -n '/^## Inside/,/^Seven rules/p' "$README" |
			grep -oE '^      [a-z_]+\.[ch] ' | tr -d ' ')"
}

@test "docs: README has every kind of test" {
	same_lines kinds \
		"$(find "$VT_ROOT/tests" -mindepth 2 -type f -printf '%P\n' | cut -d/ -f1 |
			grep -vx -e lib -e tools)" \
		"$(sed -n '/^Tests are in/,/^`tests\/lib/p' "$README" |
			awk '/^    [a-z]/ { print $1 }')"
}

@test "docs: make knows what README tells to make" {
	local target

	for target in $(grep -oE '(`|    |sudo )make [a-z-]+' "$README" |
		sed 's/.* //' | sort -u); do
		grep -qE "^${target}:" "$VT_ROOT/Makefile" ||
			fail "the Makefile has no $target"
	done
	for target in DESTDIR PREFIX SBINDIR MANDIR BASHCOMPDIR; do
		grep -qE "^$target \?=" "$VT_ROOT/Makefile"
		grep -qE "^    $target " "$README"
	done
}
