#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The fuzz targets over their corpus: what was ever found, and seeds that reach every place.

setup_file() {
	cd "$BATS_TEST_DIRNAME/../.." || exit
	# Nothing to be done after "make test-build".
	run env -u MAKEFLAGS make -s fuzz-build
	[ "$status" -eq 0 ] || { echo "$output" >&2; return 1; }
}

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || exit
}

# over TARGET PLACE... - the corpus runs clean and gets to every one of these places.
over() {
	local target=$1 place
	shift

	run build/fuzz/"$target" -timeout=10 tests/fuzz/corpus/"$target"/*
	[ "$status" -eq 0 ] || { echo "$output"; return 1; }
	for place; do
		[[ $output == *"reached $place "* ]] || { echo "never reached: $place"; return 1; }
	done
	# A place that is not asked for here would be one that nobody misses.
	run grep -hoP 'REACHED\(\K\w+(?=\))' tests/fuzz/fuzz_"$target".c
	for place in $output; do
		[[ " $* " == *" $place "* ]] || { echo "not asked for: $place"; return 1; }
	done
}

@test "fuzz: command lines" {
	over cmdline list create open_exec helper exec sent json batch user user_allowed \
		make_link make_tap interrupted waited destroy_all
}

# Whichever of its dumps it is that misses a device.
@test "fuzz: destroy all, interrupted once, at each of its calls" {
	local n dots

	for n in {1..150}; do
		printf -v dots '%*s' "$n" ''
		printf 'destroy\nall\nforce\n\n%sI' "${dots// /.}" >"$BATS_TEST_TMPDIR/$n"
	done
	run build/fuzz/cmdline -timeout=10 "$BATS_TEST_TMPDIR"/*
	[ "$status" -eq 0 ] || { echo "$output"; return 1; }
	[[ $output =~ 'reached interrupted '([0-9]+) && ${BASH_REMATCH[1]} -ge 2 ]] ||
		{ echo "$output"; return 1; }
	[[ $output == *'reached destroy_all '* ]]
}

@test "fuzz: batch files" {
	over batch command several refused
}

@test "fuzz: policies" {
	over policy allow deny allowed refused
}

@test "fuzz: answers of the kernel" {
	over reply get each kind mark altname error nsid failed
}

@test "fuzz: placeholders" {
	over expand plain replaced appended completed refused
}

@test "fuzz: names, numbers, addresses" {
	over words name numbered number mac mode user choice utf8
}

@test "fuzz: there is a corpus for each target and a target for each corpus" {
	diff <(ls tests/fuzz/corpus) \
		<(printf '%s\n' tests/fuzz/fuzz_*.c | sed 's/.*fuzz_\(.*\)\.c/\1/')
}

# A call that is not faked would reach the real machine.
@test "fuzz: every call of src is faked or harmless" {
	local known own needed objs

	known=$(sed '/^#/d' tests/fuzz/harmless | tr -s ' ' '\n' | paste -sd'|')
	objs=$(cd src && printf '%s\n' ./*.c | sed 's|./fail.c|./fail_again.c|; s/c$/o/')
	cd build/fuzz/obj
	# shellcheck disable=SC2086 # names of objects, without blanks in them
	own=$(nm --defined-only -gj $objs | sort -u)
	[[ $own == *vnetctl_main* ]]
	# shellcheck disable=SC2086
	needed=$(nm -uj $objs | sort -u)
	[[ $needed == *fake_execvp* ]]
	run grep -vxE "fake_.*|.*:|$known" <(comm -23 <(echo "$needed") <(echo "$own"))
	[ -z "$output" ] || { echo "neither in tests/fuzz/doors nor in harmless: $output"; return 1; }
}
