#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# list -t: a host's devices below their links, and who holds them; colours; and
# how all of it looks on a terminal.

# shellcheck disable=SC2154 # common.bash sets stderr and the vt_ ones

load ../lib/common
load ../lib/refused
load inspect

# shellcheck disable=SC2054 # the comma is of the text
VMM=(qemu-system-x86_64 -machine q35,accel=tcg -m 64 -nodefaults -display none -S)

setup_file() {
	command -v qemu-system-x86_64 >/dev/null || {
		echo "qemu-system-x86_64 is missing" >&2
		return 1
	}
}

# vmm NAME WORDS... - a QEMU that holds the device which open-exec makes of
# WORDS, as process NAME
vmm() {
	local name=$1
	shift

	spawn_bg "$name" vn open-exec "$@" -- "${VMM[@]}" || return
	wait_until 10 holds "$BG_PID" "$1"
}

# vmm_daemon NAME WORDS... - the same for one that goes into the background;
# its pid is in the file NAME.pid
vmm_daemon() {
	local name=$1 pid
	shift

	vn open-exec "$@" -- "${VMM[@]}" -daemonize \
		-pidfile "$BATS_TEST_TMPDIR/$name.pid" || return
	pid=$(bg_pid "$name")
	own_pid "$pid"
	wait_until 10 holds "$pid" "$1"
}

holds() {
	[[ $(users "$2") == "[{\"pid\":$1,\"comm\":\"qemu-system-x86\",\"fds\":["*"]}]" ]]
}

# host - two lower devices, a bridge, six devices, three QEMUs of which one is a
# daemon, a device in a namespace of its own, an orphan
host() {
	lower_new "$NS" eth0 wire0
	lower_new "$NS" eth1 wire1
	bridge_new "$NS" br0 port0 far
	# In passthru the guest has the lower device's address.
	ip -n "$NS" link set eth1 address 52:54:00:00:00:03
	settled eth0 eth1 br0
	orphan_new old link eth0 address 52:54:00:00:00:09
	vmm web web link eth0 mode bridge lifetime watched address 52:54:00:00:00:01
	vmm_daemon db db link eth0 lifetime fd address 52:54:00:00:00:02
	vn create spare link eth1 mode passthru
	vmm mail mail link br0 address 52:54:00:00:00:11
	vn create guest link br0 mode private address 52:54:00:00:00:12
	settled old web
	wait_until 5 in_state guest down
	wait_until 5 mail_is_up
}

# A tap's state comes with its first descriptor, and once more a moment later.
mail_is_up() {
	[[ $(vn -j list mail | jq -r '.[0].operstate') == UNKNOWN ]]
}

# The tree that the manual shows, with these pids for 1001, 1002 and 1003.
the_tree() {
	sed "s/(pid 1001)/(pid $1)/; s/(pid 1002)/(pid $2)/; s/(pid 1003)/(pid $3)/" <<-'EOF'
		br0
		├─ guest tap private 52:54:00:00:00:12 DOWN persistent
		└─ mail tap bridge 52:54:00:00:00:11 UNKNOWN fd
		   └─ qemu-system-x86 (pid 1003)
		eth0
		├─ db macvtap vepa 52:54:00:00:00:02 UP fd
		│  └─ qemu-system-x86 (pid 1002)
		├─ old macvtap vepa 52:54:00:00:00:09 UP watched orphaned
		└─ web macvtap bridge 52:54:00:00:00:01 UP watched
		   └─ qemu-system-x86 (pid 1001)
		eth1
		└─ spare macvtap passthru 52:54:00:00:00:03 DOWN persistent
	EOF
}

# in_ascii - the same lines as they are where UTF-8 is not known
in_ascii() {
	sed 's/│/|/g; s/├─/|-/g; s/└─/`-/g'
}

# as_locale LOCALE ARGS... - vnetctl ARGS in that locale
as_locale() {
	in_ns "$NS" env LC_ALL="$1" "$VNETCTL" "${@:2}"
}

@test "tree: a host, in UTF-8 and in ASCII" {
	# shellcheck disable=SC2034 # read by name
	local tree locale

	host
	tree=$(the_tree "$(bg_pid web)" "$(bg_pid db)" "$(bg_pid mail)")
	for words in "-t list" "-tree list" "--tree ls" "-d -t show"; do
		# shellcheck disable=SC2086 # words
		run_cmd as_locale C.UTF-8 $words
		assert_status 0
		assert_err ""
		assert_out "$tree"
	done
	run_cmd as_locale C -t list
	assert_status 0
	assert_err ""
	assert_out "$(in_ascii <<<"$tree")"
	# What no locale is called, and what has the last word.
	run_cmd as_locale xx_YY.UTF-8 -t list
	assert_out "$(in_ascii <<<"$tree")"
	run_cmd in_ns "$NS" env -u LC_ALL LC_CTYPE=C.UTF-8 LANG=C "$VNETCTL" -t list
	assert_out "$tree"
	run_cmd in_ns "$NS" env -u LC_ALL -u LC_CTYPE LANG=C.UTF-8 "$VNETCTL" -t list
	assert_out "$tree"
	run_cmd in_ns "$NS" env LC_ALL=C LC_CTYPE=C.UTF-8 LANG=C.UTF-8 "$VNETCTL" -t list
	assert_out "$(in_ascii <<<"$tree")"

	# A part of it.
	run_cmd as_locale C.UTF-8 -t list link eth0
	assert_out "$(sed -n '/^eth0/,/^eth1/p' <<<"$tree" | sed '$d')"
	run_cmd as_locale C.UTF-8 -t list type tap
	assert_out "$(sed '/^eth0/,$d' <<<"$tree")"
	run_cmd as_locale C.UTF-8 -t list orphaned
	assert_out "eth0
└─ old macvtap vepa 52:54:00:00:00:09 UP watched orphaned"
	run_cmd as_locale C.UTF-8 -t list spare guest
	assert_out "br0
└─ guest tap private 52:54:00:00:00:12 DOWN persistent
eth1
└─ spare macvtap passthru 52:54:00:00:00:03 DOWN persistent"
	run_cmd as_locale C.UTF-8 -t list type tap link eth0
	assert_status 0
	assert_out ""

	# It is the same host in JSON.
	run_vn -t -j list
	assert_status 0
	[[ $(jq -c 'map({ (.ifname): [.link // .master, .lifetime, .orphaned,
		([.users[].pid] | add // 0)] }) | add | to_entries | sort_by(.key) |
		map([.key] + .value)' <<<"$output") == \
		"[[\"db\",\"eth0\",\"fd\",false,$(bg_pid db)],[\"guest\",\"br0\",\"persistent\",false,0],[\"mail\",\"br0\",\"fd\",false,$(bg_pid mail)],[\"old\",\"eth0\",\"watched\",true,0],[\"spare\",\"eth1\",\"persistent\",false,0],[\"web\",\"eth0\",\"watched\",false,$(bg_pid web)]]" ]] ||
		fail "$output"
}

@test "tree: the manual shows this host" {
	LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=100 man --no-hyphenation -l "$VT_ROOT/man/vnetctl.8" |
		awk '/^ +br0$/ { match($0, /^ +/); n = RLENGTH } /^$/ { n = 0 }
			n { print substr($0, n + 1) }' >"$BATS_TEST_TMPDIR/shown"
	the_tree 1001 1002 1003 | in_ascii | diff - "$BATS_TEST_TMPDIR/shown"
}

@test "tree: without a link, and with one elsewhere" {
	lower_new "$NS"
	settled lower
	vn create t0 type tap address 52:54:00:00:00:01
	vn create t1 type tap address 52:54:00:00:00:02
	vn create vm0 link lower address 52:54:00:00:00:03
	ns_new THERE
	lower_new "$THERE" there
	ip -n "$THERE" link add across link there netns "$NS" address 52:54:00:00:00:04 \
		type macvtap mode private
	run_cmd as_locale C.UTF-8 -t list
	assert_status 0
	assert_err ""
	assert_out "(no link)
├─ t0 tap 52:54:00:00:00:01 DOWN persistent
└─ t1 tap 52:54:00:00:00:02 DOWN persistent
lower
└─ vm0 macvtap vepa 52:54:00:00:00:03 DOWN persistent
there link_netnsid 0
└─ across macvtap private 52:54:00:00:00:04 DOWN persistent"
}

@test "tree: two lower devices of one name, in two namespaces" {
	local id

	lower_new "$NS"
	settled lower
	vn create vm0 link lower address 52:54:00:00:00:03
	ns_new THERE
	lower_new "$THERE"
	ip -n "$THERE" link add across link lower netns "$NS" address 52:54:00:00:00:04 \
		type macvtap mode private
	id=$(vn -j list across | jq '.[0].link_netnsid')
	run_cmd as_locale C.UTF-8 -t list
	assert_status 0
	assert_err ""
	assert_out "lower
└─ vm0 macvtap vepa 52:54:00:00:00:03 DOWN persistent
lower link_netnsid $id
└─ across macvtap private 52:54:00:00:00:04 DOWN persistent"
}

@test "tree: nothing to draw" {
	run_vn -t list
	assert_status 0
	assert_out ""
	assert_err ""
	run_vn -t -j list
	assert_out "[]"
	refused 2 "cannot find nope: No such device" -t list nope
}

@test "tree: hundreds of devices, in order" {
	local i

	lower_new "$NS"
	for ((i = 999; i >= 700; i--)); do
		echo "link add vm$i link lower type macvtap"
	done | ip -n "$NS" -batch -
	run_vn -t list
	assert_status 0
	[[ ${#lines[@]} == 301 && ${lines[0]} == lower ]]
	for ((i = 700; i < 999; i++)); do
		[[ ${lines[i - 699]} == "|- vm$i "* ]] || fail "${lines[i - 699]}"
	done
	[[ ${lines[300]} == '`- vm999 '* ]]
}

# --- colours -------------------------------------------------------------------------

# two - an up and a down device
two() {
	lower_new "$NS"
	settled lower
	vn create vm0 link lower mode bridge address 52:54:00:00:00:01 up
	vn create vm1 link lower address 52:54:00:00:00:02
	settled vm0
}

# coloured - what the last run printed, with names for ip's own colours (ip -c
# link); the rows of a list come in the kernel's order, which may be any
coloured() {
	sed -E 's/\x1b\[36m/<name>/g; s/\x1b\[33m/<mac>/g; s/\x1b\[32m/<up>/g
		s/\x1b\[31m/<down>/g; s/\x1b\[0m/<\/>/g' "$vt_out" | LC_ALL=C sort
}

# is_coloured TEXT
is_coloured() {
	diff <(echo "$1") <(coloured)
}

# on_a_terminal CMD... - its output as a terminal gets it, without the \r
on_a_terminal() {
	in_ns "$NS" script -qec "$(printf '%q ' "$@")" /dev/null </dev/null | tr -d '\r'
}

@test "colours: always" {
	local words

	two
	for words in -c -color --color -c=always -color=always --color=always; do
		run_vn "$words" -br list
		assert_status 0
		assert_err ""
		is_coloured "\
<name>vm0</>             <up>UP</>             macvtap lower         bridge   <mac>52:54:00:00:00:01</>
<name>vm1</>             <down>DOWN</>           macvtap lower         vepa     <mac>52:54:00:00:00:02</>"
	done
	run_vn -c list
	is_coloured "\
<name>vm0</>: operstate <up>UP</> type macvtap link lower mode bridge address <mac>52:54:00:00:00:01</> mtu 1500 lifetime persistent made users -
<name>vm1</>: operstate <down>DOWN</> type macvtap link lower mode vepa address <mac>52:54:00:00:00:02</> mtu 1500 lifetime persistent made users -"
	run_vn -c -t list
	is_coloured "\
\`- <name>vm1</> macvtap vepa <mac>52:54:00:00:00:02</> <down>DOWN</> persistent
lower
|- <name>vm0</> macvtap bridge <mac>52:54:00:00:00:01</> <up>UP</> persistent"
	# JSON has none, whatever is asked for.
	run_vn -c -j list
	jq -e 'length == 2' <<<"$output"
	run ! grep -q $'\x1b' "$vt_out"
}

@test "colours: the text is the same without them" {
	local words

	two
	for words in "list" "-d list" "-br list" "-t list"; do
		# shellcheck disable=SC2086 # words
		run_vn $words
		cp "$vt_out" "$BATS_TEST_TMPDIR/plain"
		# shellcheck disable=SC2086
		run_vn -c $words
		! cmp -s "$vt_out" "$BATS_TEST_TMPDIR/plain"
		sed -E 's/\x1b\[[0-9]+m//g' "$vt_out" | diff "$BATS_TEST_TMPDIR/plain" -
		# shellcheck disable=SC2086
		run_vn -c=never $words
		diff "$BATS_TEST_TMPDIR/plain" "$vt_out"
		# shellcheck disable=SC2086
		run_vn -color=auto $words
		diff "$BATS_TEST_TMPDIR/plain" "$vt_out"
	done
}

@test "colours: auto, on a terminal and not" {
	local plain colour

	two
	plain=$(vn -br list)
	colour=$(vn -c -br list)
	[[ $plain != "$colour" ]]
	[[ $(on_a_terminal "$VNETCTL" -br list) == "$plain" ]]
	[[ $(on_a_terminal "$VNETCTL" -c=auto -br list) == "$colour" ]]
	[[ $(on_a_terminal "$VNETCTL" -c -br list) == "$colour" ]]
	[[ $(on_a_terminal "$VNETCTL" -c=never -br list) == "$plain" ]]
	# NO_COLOR speaks to who is to choose; it is set only when it is not empty.
	[[ $(on_a_terminal env NO_COLOR=1 "$VNETCTL" -c=auto -br list) == "$plain" ]]
	[[ $(on_a_terminal env NO_COLOR= "$VNETCTL" -c=auto -br list) == "$colour" ]]
	[[ $(on_a_terminal env NO_COLOR=1 "$VNETCTL" -c=always -br list) == "$colour" ]]
	run_vn -c=auto -br list
	assert_out "$plain"
	# The last one counts.
	run_vn -c -c=never -br list
	assert_out "$plain"
	refused 1 "'-c=blue' is not known: -c={always|auto|never}" -c=blue list
	refused 1 "'--color=' is not known: -c={always|auto|never}" --color= list
}

# --- names that are no text -------------------------------------------------------------

# odd - devices with names that a terminal would obey, or that are no UTF-8
odd() {
	local i=0 name

	lower_new "$NS"
	ODD=($'\x1b[2J\x1b[31mX' $'a\x07b\x7f' $'\xff\xc0\xaf' $'\xc2\x9b2J' 'q"u\o`$t'\''e' \
		'é中' $'\xed\xb0\x80')
	for name in "${ODD[@]}"; do
		ip -n "$NS" link add name "$name" link lower \
			address "52:54:00:00:01:0$i" type macvtap
		ip -n "$NS" link property add dev "$name" altname "other-$name"
		ip -n "$NS" link set dev "$name" alias "alias"$'\n\t\x1b]0;'"$name"
		i=$((i + 1))
	done
}

@test "odd names: nothing that a terminal obeys, in all looks" {
	local words

	odd
	for words in "list" "-d list" "-br list" "-t list" "-c list" "-c -t list"; do
		# shellcheck disable=SC2086 # words
		run_cmd as_locale C.UTF-8 $words
		assert_status 0
		assert_err ""
		# Colours are the only sequences, a newline the only control byte.
		sed -E 's/\x1b\[(3[0-9]|0)m//g' "$vt_out" >"$BATS_TEST_TMPDIR/plain"
		! LC_ALL=C grep -qP '[\x00-\x09\x0b-\x1f\x7f]' "$BATS_TEST_TMPDIR/plain" ||
			fail "control bytes in $words" "$(cat -v "$vt_out")"
		iconv -f UTF-8 -t UTF-32 <"$vt_out" >/dev/null || fail "$words: no UTF-8"
		! LC_ALL=C grep -q $'\xc2[\x80-\x9f]' "$vt_out" || fail "C1 controls in $words"
	done
	run_cmd as_locale C.UTF-8 -t list
	assert_out 'lower
├─ \x1b[2J\x1b[31mX macvtap vepa 52:54:00:00:01:00 DOWN persistent
├─ a\x07b\x7f macvtap vepa 52:54:00:00:01:01 DOWN persistent
├─ q"u\o`$t'\''e macvtap vepa 52:54:00:00:01:04 DOWN persistent
├─ \xc2\x9b2J macvtap vepa 52:54:00:00:01:03 DOWN persistent
├─ é中 macvtap vepa 52:54:00:00:01:05 DOWN persistent
├─ \xed\xb0\x80 macvtap vepa 52:54:00:00:01:06 DOWN persistent
└─ \xff\xc0\xaf macvtap vepa 52:54:00:00:01:02 DOWN persistent'
	# An operator finds them by what they are called, too.
	for name in "${ODD[@]}"; do
		run_vn -j list "$name"
		assert_status 0
		jq -e 'length == 1' <<<"$output"
	done
}

@test "odd names: JSON is valid, and says all that can be said" {
	odd
	for words in "-j list" "-p list" "-j -d list" "-j -t list"; do
		# shellcheck disable=SC2086 # words
		run_vn $words
		assert_status 0
		iconv -f UTF-8 -t UTF-32 <"$vt_out" >/dev/null
		jq -e 'length == 7' <<<"$output"
		! LC_ALL=C grep -qP '[\x00-\x09\x0b-\x1f\x7f]' "$vt_out"
	done
	run_vn -j list
	jq -r 'sort_by(.address) | .[] | .ifname, .altnames[0], (.ifalias | @json)' \
		<<<"$output" >"$BATS_TEST_TMPDIR/got"
	# What is no UTF-8 is U+FFFD, byte for byte.
	printf '%s\nother-%s\n%s\n' \
		$'\x1b[2J\x1b[31mX' $'\x1b[2J\x1b[31mX' '"alias\n\t\u001b]0;\u001b[2J\u001b[31mX"' \
		$'a\x07b\x7f' $'a\x07b\x7f' '"alias\n\t\u001b]0;a\u0007b\u007f"' \
		'���' '���' '"alias\n\t\u001b]0;���"' \
		$'\xc2\x9b2J' $'\xc2\x9b2J' $'"alias\\n\\t\\u001b]0;\xc2\x9b2J"' \
		'q"u\o`$t'\''e' 'q"u\o`$t'\''e' '"alias\n\t\u001b]0;q\"u\\o`$t'\''e"' \
		'é中' 'é中' '"alias\n\t\u001b]0;é中"' \
		'���' '���' '"alias\n\t\u001b]0;���"' >"$BATS_TEST_TMPDIR/wanted"
	diff "$BATS_TEST_TMPDIR/wanted" "$BATS_TEST_TMPDIR/got"
}

# --- a terminal -----------------------------------------------------------------------------

# screen CMD... - what tmux shows of it at 80 columns, as lines of text
screen() {
	local sock=$BATS_TEST_TMPDIR/tmux pid rc=0

	# Its own shell ends with a mark, so that we know when all is drawn.
	in_ns "$NS" env -u TMUX TERM=screen-256color LC_ALL=C.UTF-8 \
		tmux -u -S "$sock" -f /dev/null new-session -d -x 80 -y 60 \
		"$(printf '%q ' "$@"); echo; echo END; exec sleep infinity" || return
	pid=$(tmux -S "$sock" display-message -p '#{pid}') || return
	own_pid "$pid"
	wait_until 10 ended "$sock" &&
		tmux -S "$sock" capture-pane -p | sed '/^$/,$d' || rc=1
	tmux -S "$sock" kill-server
	wait_pid_gone "$pid" || rc=1
	return "$rc"
}

ended() {
	tmux -S "$1" capture-pane -p | grep -qx END
}

@test "terminal: a tree with colours, at 80 columns" {
	local plain

	odd
	bridge_new "$NS" br0 port0 far
	hold t0 t0 link br0 mode private address 52:54:00:00:00:01
	hold vm0 vm0 link lower lifetime fd address 52:54:00:00:00:02
	vn create fifteen-bytes-x link lower mode private address 52:54:00:00:00:03
	plain=$(as_locale C.UTF-8 -t list)
	[[ $plain == *'├─ é中 macvtap'* ]]
	run ! grep -qE '.{81}' <<<"$plain"
	# Line by line what is meant, nothing wrapped, overwritten or cleared.
	diff <(echo "$plain") <(screen "$VNETCTL" -c -t list)
	diff <(echo "$plain") <(screen "$VNETCTL" -t list)
	diff <(as_locale C.UTF-8 -br list) <(screen "$VNETCTL" -c -br list)
	diff <(as_locale C -t list) <(screen env LC_ALL=C "$VNETCTL" -c -t list)
}
