#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Bash completion, without bash-completion and with it: the words are the
# program's, the names those of the devices that are there.

load ../lib/common

setup() {
	common_setup
	lower_new "$NS"
	bridge_new "$NS" br0 port0 wire
	vn create vm0 link lower
	vn create vm1 link br0
	# The functions call the program by the name that was typed.
	bin=$BATS_TEST_TMPDIR/bin
	mkdir "$bin"
	ln -s "$VNETCTL" "$bin/vnetctl"
	lib=
}

# with_bash_completion - from now on with Debian's functions
with_bash_completion() {
	lib=/usr/share/bash-completion/bash_completion
	[[ -e $lib ]] || skip "bash-completion is not installed"
}

# words LINE - its words as readline cuts them, a line each: at blanks, ':',
# '=' and '@' (COMP_WORDBREAKS), the last one being that at the cursor
words() {
	[[ $1 != *' ' ]] || local end=1
	sed -E 's/([:=@]+)/ \1 /g' <<<"$1" | xargs -n 1 printf '%s\n'
	[[ ! ${end-} ]] || echo
}

# tab LINE - what completion offers with the cursor at the end of LINE, sorted
# and separated by blanks
tab() {
	in_ns "$NS" env PATH="$bin:$PATH" LIB="$lib" LINE="$1" \
		WORDS="$(words "$1"; echo .)" FILE="$VT_ROOT/bash-completion/vnetctl" \
		bash --norc --noprofile -c '
		[[ ! $LIB ]] || . "$LIB"
		. "$FILE"
		# Only readline has it, and says so.
		compopt() { :; }
		mapfile -t COMP_WORDS <<<"${WORDS%$'\''\n'\''.}"
		COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
		COMP_LINE=$LINE COMP_POINT=${#LINE} COMP_TYPE=9 COMP_KEY=9
		_vnetctl vnetctl "${COMP_WORDS[-1]}" "${COMP_WORDS[-2]}"
		((!${#COMPREPLY[@]})) || printf "%s\n" "${COMPREPLY[@]}"' |
		sort -u | xargs -r -d '\n'
}

# offers LINE WORDS - exactly these, sorted
offers() {
	run_cmd tab "$1"
	assert_status 0
	assert_err ""
	assert_out "$2"
}

# What holds with bash-completion and without it.
words_are_the_programs() {
	offers 'vnetctl ' "$("$VNETCTL" complete | sort -u | xargs)"
	offers 'vnetctl op' open-exec
	offers 'vnetctl -br' -br
	offers 'vnetctl -br l' list
	offers 'vnetctl -j -d m' mode
	offers 'vnetctl nothing ' ''
	offers 'vnetctl create vm7 mt' mtu
	offers 'vnetctl destroy if' if-exists
	offers 'vnetctl list o' orphaned
}

values_are_the_programs() {
	offers 'vnetctl create vm7 type ' 'macvtap tap'
	offers 'vnetctl create vm7 mode ' 'bridge passthru private source vepa'
	offers 'vnetctl create vm7 mode pri' private
	offers 'vnetctl create vm7 address ' ''
	offers 'vnetctl create vm7 address 52:54:00:12:34:56 mo' mode
	offers 'vnetctl create vm7 address 52:54:00:12:34:56 type m' macvtap
	offers 'vnetctl open-exec vm7 lifetime ' 'fd persistent watched'
	offers 'vnetctl open-exec vm7 args n' 'net netdev none'
	offers 'vnetctl mode vm0 ve' vepa
	offers 'vnetctl -c=auto create vm7 mode ve' vepa
}

names_are_there() {
	local other

	ns_new OTHER
	lower_new "$OTHER" lower2 peer2
	in_ns "$OTHER" "$VNETCTL" create vm9 link lower2
	offers 'vnetctl mode ' 'vm0 vm1'
	offers 'vnetctl mode v' 'vm0 vm1'
	offers 'vnetctl list dev vm1' vm1
	offers 'vnetctl open-exec vm' 'vm0 vm1'
	offers 'vnetctl create vm7 link ' 'br0 lo lower peer port0 vm0 vm1 wire'
	offers 'vnetctl create vm7 link lo' 'lo lower'
	for other in -n -netns --netns; do
		offers "vnetctl $other $OTHER list v" vm9
		offers "vnetctl $other $OTHER create vm7 link l" 'lo lower2'
	done
	offers 'vnetctl -n nowhere list v' ''
}

# COMMAND is completed as if it stood alone, though words of vnetctl's are in it.
command_is_completed() {
	local exec

	mkdir "$BATS_TEST_TMPDIR/mode"
	touch "$BATS_TEST_TMPDIR/mode/disk.img"
	printf '#!/bin/sh\n' >"$bin/vt-qemu-system"
	chmod 755 "$bin/vt-qemu-system"
	offers 'vnetctl open-exec vm0 -' --
	offers 'vnetctl open-exec vm0 -- vt-qemu' vt-qemu-system
	offers 'vnetctl open-exec vm7 link lower address 52:54:00:12:34:56 -- vt-qemu' \
		vt-qemu-system
	offers "vnetctl open-exec vm0 -- vt-qemu-system mode $BATS_TEST_TMPDIR/mode/di" \
		"$BATS_TEST_TMPDIR/mode/disk.img"
	offers "vnetctl -n 1 open-exec vm0 -- vt-qemu-system -- $BATS_TEST_TMPDIR/mode/di" \
		"$BATS_TEST_TMPDIR/mode/disk.img"
	offers 'vnetctl exec vm' 'vm0 vm1'
	for exec in "exec vm0" "-c=never exec dev vm0" "exec vm0 --" "exec dev vm0 --"; do
		offers "vnetctl $exec vt-qemu" vt-qemu-system
		offers "vnetctl $exec vt-qemu-system mode $BATS_TEST_TMPDIR/mode/di" \
			"$BATS_TEST_TMPDIR/mode/disk.img"
	done
}

# A name is text: nothing in it is run or expanded.
names_are_only_text() {
	# shellcheck disable=SC2016
	in_ns "$NS" "$VNETCTL" create 'v$(>x)' link lower
	# shellcheck disable=SC2016
	in_ns "$NS" "$VNETCTL" create 'v*' link lower
	cd "$BATS_TEST_TMPDIR" || return
	offers 'vnetctl mode v' 'v\$\(\>x\) v\* vm0 vm1'
	# shellcheck disable=SC2016
	offers 'vnetctl create vm7 link v' 'v\$\(\>x\) v\* vm0 vm1'
	[[ ! -e x ]]
}

@test "completion: words come from the program" {
	words_are_the_programs
}

@test "completion: values come from the program" {
	values_are_the_programs
}

@test "completion: names are those of the devices that are there" {
	names_are_there
}

@test "completion: without ip the links are those of /sys" {
	local tool

	for tool in bash sed sort xargs env sleep; do
		ln -sf "$(type -P "$tool")" "$bin/$tool"
	done
	PATH=$bin:$PATH
	tab() {
		in_ns "$NS" env PATH="$bin" bash --norc --noprofile -c '
			. "$1"
			cur=l COMPREPLY=()
			_vnetctl_add < <(_vnetctl_links)
			printf "%s\n" "${COMPREPLY[@]}"' - \
			"$VT_ROOT/bash-completion/vnetctl" | sort | xargs
	}
	offers 'vnetctl create vm7 link l' 'lo lower'
}

@test "completion: COMMAND is completed as it is without vnetctl" {
	command_is_completed
}

@test "completion: a name is text, whatever is in it" {
	names_are_only_text
}

@test "completion: with bash-completion words come from the program" {
	with_bash_completion
	words_are_the_programs
	values_are_the_programs
}

@test "completion: with bash-completion names are those that are there" {
	with_bash_completion
	names_are_there
	names_are_only_text
}

@test "completion: with bash-completion COMMAND has its own completion" {
	with_bash_completion
	command_is_completed
	# ls is asked for its options by bash-completion.
	offers 'vnetctl open-exec vm0 -- ls --almost' --almost-all
	offers 'vnetctl open-exec vm7 link lower address 52:54:00:12:34:56 -- ls --almost' \
		--almost-all
}

@test "completion: someone presses the key" {
	printf '%s\n' ". '$VT_ROOT/bash-completion/vnetctl'" \
		$'vnetctl mod\tvm0\tpri\t' exit >"$BATS_TEST_TMPDIR/typed"
	run_cmd in_ns "$NS" env PATH="$bin:$PATH" TERM=dumb HISTFILE= \
		script -qec 'bash --norc --noprofile -i' /dev/null \
		<"$BATS_TEST_TMPDIR/typed"
	run_vn mode vm0
	assert_out private
}
