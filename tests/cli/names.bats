#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Names: what the kernel would cut, refuse or misread is refused before it is
# asked; what it takes is taken.

# shellcheck disable=SC2154 # common.bash sets stderr and the vt_ ones

load ../lib/common
load ../lib/refused

# not_new NAME FLAW [SHOWN] - no device can be made under this name
not_new() {
	local line="'${3-$1}' is no name for a device: $2"

	refused 1 "$line" create dev "$1" type tap
	refused 1 "$line" create dev "$1" link lower
	refused 125 "$line" open-exec dev "$1" type tap -- true
	refused 125 "$line" open-exec dev "$1" link lower -- true
}

@test "names: too long, empty, and the kernel's own" {
	lower_new "$NS"
	not_new abcdefghijklmnop "it is longer than 15 bytes"
	not_new fifteen-bytes-é "it is longer than 15 bytes"
	not_new "" "it is empty"
	not_new . "the kernel keeps '.' and '..' for itself"
	not_new .. "the kernel keeps '.' and '..' for itself"
	not_new all "the kernel keeps it for itself in /proc/sys/net"
	not_new default "the kernel keeps it for itself in /proc/sys/net"
	[[ $(ip -n "$NS" -o link | wc -l) == 3 ]]
}

@test "names: bytes that no name has" {
	lower_new "$NS"
	not_new a/b "it holds '/' or ':'"
	not_new a:b "it holds '/' or ':'"
	not_new "a b" "it holds a blank"
	not_new $'a\tb' "it holds a blank" 'a\x09b'
	not_new $'a\nb' "it holds a blank" 'a\x0ab'
	not_new $'a\x01b' "it holds a control byte" 'a\x01b'
	not_new $'\e[2J' "it holds a control byte" '\x1b[2J'
	not_new $'a\x7f' "it holds a control byte" 'a\x7f'
	# The last byte of U+00E0 is a0.
	not_new à "it holds byte a0, a blank to the kernel"
	[[ $(ip -n "$NS" -o link | wc -l) == 3 ]]
}

@test "names: only one %d" {
	local name

	lower_new "$NS"
	for name in % a% %s a%d%d a%dx% a%%d %02d; do
		not_new "$name" "'%' may stand in it only once and as '%d'"
	done
	[[ $(ip -n "$NS" -o link | wc -l) == 3 ]]
}

@test "names: as long as can be, and odd ones" {
	local name

	lower_new "$NS"
	for name in abcdefghijklmno x -j a@b a.b 'q"t' "q't" 'b\s' '$(x)' '*' é \
		'a,b' 'a;b' 'a{fd}b' ...; do
		for words in "type tap" "link lower"; do
			# shellcheck disable=SC2086 # words
			run_vn create dev "$name" $words
			assert_status 0
			assert_out ""
			assert_err ""
			in_ns "$NS" test -e "/sys/class/net/$name"
			run_vn -br list dev "$name"
			assert_status 0
			[[ $output == "$name "* ]]
			run_vn destroy dev "$name"
			assert_status 0
			in_ns "$NS" test ! -e "/sys/class/net/$name"
		done
	done
}

@test "names: the kernel picks the number and create prints the name" {
	local words n

	lower_new "$NS"
	for words in "type tap" "link lower"; do
		for n in 0 1 2; do
			# shellcheck disable=SC2086 # words
			run_vn create "vm%d" $words
			assert_status 0
			assert_out "vm$n"
			assert_err ""
			assert_there "$NS" "vm$n"
		done
		# The first that is free.
		run_vn destroy vm1
		# shellcheck disable=SC2086
		run_vn create "vm%d" $words
		assert_out "vm1"
		for n in 0 1 2; do
			run_vn destroy "vm$n"
			assert_status 0
		done
	done
	run_vn create "%dx" type tap
	assert_out 0x
	run_vn -j create "%dx" type tap
	assert_status 0
	assert_out '[{"ifname":"1x"}]'
	# A name that was given is no news.
	run_vn create t0
	assert_out ""
	run_vn -j create t1
	assert_out '[{"ifname":"t1"}]'
}

@test "names: open-exec with a number of the kernel's" {
	lower_new "$NS"
	for words in "type tap" "link lower"; do
		# shellcheck disable=SC2086 # words
		run_vn open-exec "vm%d" $words -- sh -c 'echo "$VNETCTL_DEV $1"' sh '{dev}'
		assert_status 0
		assert_out "vm0 vm0"
		assert_err ""
		wait_gone "$NS" vm0
	done
}

@test "names: a device that is there may be called what no new one is" {
	local name

	lower_new "$NS"
	# ip and the kernel take them.
	for name in $'c\x01' $'\x1b[2J' $'\x7f' $'\xff\xfe' $'\xc2\x9b'; do
		ip -n "$NS" link add name "$name" link lower type macvtap mode bridge
		run_vn mode dev "$name"
		assert_status 0
		assert_out bridge
		assert_err ""
		run_vn mode dev "$name" vepa
		assert_status 0
		run_vn open-exec dev "$name" args none -- "$PROBE"
		assert_status 0
		assert_err ""
		[[ $(jq -r '.env.VNETCTL_DEV' <<<"$output") ]]
		run_vn destroy dev "$name"
		assert_status 0
		assert_out ""
		assert_err ""
	done
	[[ $(ip -n "$NS" -o link | wc -l) == 3 ]]
	# And the kernel keeps these two from anybody.
	for name in all default; do
		run ip -n "$NS" link add name "$name" link lower type macvtap
		((status == 2))
	done
}

# Longer than any buffer it could be copied to; its end may be cut.
@test "names: an unknown one of any length is one line" {
	local n name cmd

	for n in 15 16 127 128 300 4096 65520 65536 70000 131000; do
		printf -v name '%*s' "$n" ''
		name=${name// /x}
		for cmd in mode destroy list "list link" "-n" open-exec \
			"open-exec type tap link"; do
			# shellcheck disable=SC2086 # words
			case $cmd in
			open-exec*) run_vn $cmd "$name" -- true ;;
			-n) run_vn -n "$name" list ;;
			*) run_vn $cmd "$name" ;;
			esac
			case $cmd:$status in
			open-exec*:125 | [!o]*:[12]) ;;
			*) fail "$cmd, $n bytes: status $status" "${stderr:0:300}" ;;
			esac
			assert_out ""
			[[ ${#stderr_lines[@]} == 1 && $stderr == "vnetctl: "* ]] ||
				fail "$cmd, $n bytes:" "${stderr:0:300}"
		done
	done
}
