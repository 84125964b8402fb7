#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The command line's frame: options, help, version, and what is no command.

# shellcheck disable=SC2154 # common.bash sets stderr and the vt_ ones

load ../lib/common
load ../lib/refused

try="try 'vnetctl help'"

@test "options: no command" {
	refused 1 "which command? Try 'vnetctl help'"
	refused 1 "which command? Try 'vnetctl help'" -j
	refused 1 "which command? Try 'vnetctl help'" -q -br --details
}

@test "options: what is no command" {
	local word

	for word in frob lis lists List create-vm "" " " "list " dev "%s%n"; do
		refused 1 "'$word' is no command: $try" "$word"
		refused 1 "'$word' is no command: $try" "$word" help
		refused 1 "'$word' is no command: $try" help "$word"
	done
	refused 1 "'a\\x0ab\\x1b[m' is no command: $try" $'a\nb\e[m'
}

@test "options: what is no option" {
	local word

	for word in -x --frob - -- --- ---json -jj -jp -jso -J -lis --br= \
		-json=1 -n=x "-j " -an-option-longer-than-any; do
		refused 1 "'$word' is no option: $try" "$word" list
		refused 1 "'$word' is no option: $try" -j "$word"
	done
	# The first wrong one is told.
	refused 1 "'-x' is no option: $try" -x -y
}

@test "options: a value is missing" {
	refused 1 "'-n' needs a value: NAME" -n
	refused 1 "'-netns' needs a value: NAME" -netns
	refused 1 "'--netns' needs a value: NAME" -j --netns
	refused 1 "'-b' needs a value: FILE" -b
	refused 1 "'-batch' needs a value: FILE" -f -batch
	# A value is a value, whatever it looks like.
	refused 1 "which command? Try 'vnetctl help'" -n list
	refused 2 "cannot open network namespace -j: No such file or directory" \
		-n -j list
}

@test "options: colours" {
	local word

	for word in -c=red -c= -color=ALWAYS --color=auto,never -c=always=; do
		refused 1 "'$word' is not known: -c={always|auto|never}" "$word" list
	done
	# It has no word after it.
	refused 1 "'always' is no command: $try" -c always list
	ip -n "$NS" tuntap add dev t0 mode tap
	for word in -c -color --c --color -c=always --color=always; do
		run_vn "$word" -br list
		assert_status 0
		assert_err ""
		[[ $output == $'\e[36mt0\e[0m '* ]]
	done
	for word in -c=never -c=auto --color=auto; do
		run_vn "$word" -br list
		assert_status 0
		[[ $output == 't0 '* && $output != *$'\e'* ]]
	done
	# JSON has none, and the last one counts.
	run_vn -c -j list
	[[ $(jq -r '.[0].ifname' <<<"$output") == t0 ]]
	run_vn -c -c=never -br list
	[[ $output == 't0 '* ]]
}

@test "options: a batch is instead of a command" {
	local file=$BATS_TEST_TMPDIR/batch

	echo "create t0" >"$file"
	refused 1 "-batch: the commands are in the file: what is 'list'?" -b "$file" list
	refused 1 "-batch: the commands are in the file: what is 'frob'?" -batch - frob
	refused 2 "cannot open /no/such: No such file or directory" -b /no/such
	[[ $(ip -n "$NS" -o link | wc -l) == 1 ]]
}

@test "options: after the command there are none" {
	local cmd status word

	for cmd in create mode open-exec helper destroy list; do
		status=1
		[[ $cmd != open-exec ]] || status=125
		for word in -j --json -V -n -- -x -; do
			[[ $cmd$word != open-exec-- ]] || continue
			refused "$status" \
				"$cmd: options such as '$word' go before the command" \
				"$cmd" "$word"
			refused "$status" \
				"$cmd: options such as '$word' go before the command" \
				"$cmd" vm0 "$word"
		done
	done
}

@test "options: the version" {
	local word

	run_vn -V
	assert_status 0
	assert_err ""
	[[ $output =~ ^vnetctl\ [0-9]+(\.[0-9]+)+$ ]]
	[[ ${#lines[@]} == 1 ]]
	local version=$output
	for word in -Version -version --V --Version --version; do
		run_vn "$word"
		assert_status 0
		assert_err ""
		assert_out "$version"
	done
	# It is an answer by itself, whatever else is asked.
	run_vn -j -V list
	assert_status 0
	assert_out "$version"
	run_vn -V frob
	assert_status 0
	assert_out "$version"
}

@test "options: help" {
	local help cmd words

	run_vn help
	assert_status 0
	assert_err ""
	help=$output
	[[ ${lines[0]} == "vnetctl [OPTIONS] COMMAND [ARGS]: "* ]]
	for cmd in create mode open-exec helper destroy list help; do
		grep -qE "^vnetctl $cmd( |\$)" <<<"$help" || fail "no $cmd in:" "$help"
	done
	for words in -V -h -j -p -d -br -t -c -n -b -f -q; do
		grep -qE "^  $words, -[A-Za-z]+" <<<"$help" || fail "no $words in:" "$help"
	done
	for words in -h -help --h --help "-j help" "--help list" "-h frob"; do
		# shellcheck disable=SC2086 # words
		run_vn $words
		assert_status 0
		assert_err ""
		assert_out "$help"
	done
}

@test "options: help on a command" {
	local cmd name text=$BATS_TEST_TMPDIR/text

	for cmd in "create add" "mode" "open-exec" "helper" "destroy del delete" \
		"list show ls"; do
		run_vn help "${cmd%% *}"
		assert_status 0
		assert_err ""
		cp "$vt_out" "$text"
		[[ ${lines[0]} == "${cmd%% *}: "* ]]
		grep -q "^vnetctl ${cmd%% *} " "$text"
		for name in $cmd; do
			run_vn help "$name"
			assert_status 0
			cmp "$text" "$vt_out"
			assert_err ""
			run_vn "$name" help
			assert_status 0
			cmp "$text" "$vt_out"
			assert_err ""
		done
	done
	# Only as the only word.
	ip -n "$NS" tuntap add dev help mode tap
	run_vn list dev help
	assert_status 0
	assert_err ""
	[[ $output == "help: "* ]]
	run_vn destroy dev help
	assert_status 0
	assert_gone "$NS" help
}

@test "options: help needs no rights, no namespace, and asks nothing" {
	run_cmd setpriv --reuid=65534 --regid=65534 --clear-groups \
		--bounding-set=-all --inh-caps=-all -- \
		/proc/self/fd/9 -n nope help 9<"$VNETCTL"
	assert_status 0
	assert_err ""
	[[ ${lines[0]} == "vnetctl [OPTIONS] COMMAND [ARGS]: "* ]]
}

@test "options: every spelling of an option" {
	local spelling json pretty brief

	ip -n "$NS" tuntap add t0 mode tap
	run_vn -j list
	json=$output
	[[ $(jq -r '.[0].ifname' <<<"$json") == t0 ]]
	run_vn -p list
	pretty=$output
	[[ $pretty == $'[\n    {\n        "ifname": "t0",\n'* ]]
	run_vn -br list
	brief=$output
	[[ $brief == t0\ *tap* ]]
	for spelling in --j -json --json; do
		run_vn "$spelling" list
		assert_status 0
		assert_out "$json"
		assert_err ""
	done
	for spelling in --p -pretty --pretty "-j -p" "-p --json" "-br -p"; do
		# shellcheck disable=SC2086 # words
		run_vn $spelling list
		assert_status 0
		assert_out "$pretty"
		assert_err ""
	done
	for spelling in --br -brief --brief "-brief -brief" "-q -br" "--quiet -br"; do
		# shellcheck disable=SC2086
		run_vn $spelling list
		assert_status 0
		assert_out "$brief"
		assert_err ""
	done
	run_vn -d list
	local details=$output
	[[ ${#lines[@]} == 2 && ${lines[1]} == "    ifindex "* ]]
	for spelling in --d -details --details; do
		run_vn "$spelling" list
		assert_out "$details"
		assert_err ""
	done
}

@test "options: another namespace by name, path and pid" {
	local there

	ns_new there
	ip -n "$there" tuntap add t0 mode tap
	spawn_bg sleeper in_ns "$there" sleep infinity
	wait_until 5 vt_is sleeper sleep
	for name in "$there" "/run/netns/$there" "/proc/$(bg_pid sleeper)/ns/net" \
		"$(bg_pid sleeper)"; do
		for option in -n --n -netns --netns; do
			run_vn "$option" "$name" -br list
			assert_status 0
			assert_err ""
			[[ $output == t0\ * ]]
		done
	done
	# The last one counts.
	run_vn -n nope -n "$there" -br list
	assert_status 0
	[[ $output == t0\ * ]]
	run_vn -br list
	assert_out ""
}

vt_is() {
	[[ $(cat "/proc/$(bg_pid "$1")/comm") == "$2" ]]
}

@test "options: a namespace that is none" {
	refused 2 "cannot open network namespace nope: No such file or directory" \
		-n nope list
	refused 2 "cannot open network namespace /nope/x: No such file or directory" \
		-n /nope/x list
	refused 2 "cannot open network namespace 2147483647: No such file or directory" \
		-n 2147483647 list
	refused 2 "cannot open network namespace 99999999999999999999: No such file or directory" \
		-n 99999999999999999999 list
	refused 2 "cannot open network namespace /dev/null: Invalid argument: that file is no network namespace" \
		-n /dev/null list
	# Nothing waits for what could be behind a name.
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	refused 2 "cannot open network namespace $BATS_TEST_TMPDIR/fifo: Invalid argument: that file is no network namespace" \
		-n "$BATS_TEST_TMPDIR/fifo" list
	refused 2 "cannot enter a network namespace: Invalid argument: that file is no network namespace" \
		-n /proc/self/ns/mnt list
	refused 125 "cannot open network namespace nope: No such file or directory" \
		-n nope open-exec vm0 type tap -- true
}

@test "options: quiet says no warnings, but failures" {
	lower_new "$NS"
	run_vn create vm0 link lower mode source
	assert_status 0
	assert_out ""
	assert_err "vnetctl: warning: vm0: mode source receives nothing until source addresses are added ('ip link set vm0 type macvtap macaddr add MAC')"
	for option in -q -quiet --quiet; do
		run_vn destroy vm0
		run_vn "$option" create vm0 link lower mode source
		assert_status 0
		assert_out ""
		assert_err ""
	done
	refused 2 "cannot find nope: No such device" -q destroy nope
}
