# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# For tests that a script runs in a virtual machine: `load ../lib/vm`. The machine is booted
# once for a file; each test is one name that the script must have reported as ok.

# vm_run BOOT-ARGS... - runs a script in the machine (tests/vm/boot), with verbs.sh beside it; in
# setup_file
vm_run() {
	local vnetctl=${VNETCTL:-$BATS_TEST_DIRNAME/../../build/vnetctl}

	if [[ ! -x $vnetctl ]]; then
		echo "$vnetctl is not there: run make first" >&2
		return 1
	fi
	export REPORT=$BATS_FILE_TMPDIR/report
	"$BATS_TEST_DIRNAME/boot" "$@" "$BATS_TEST_DIRNAME/verbs.sh" >"$REPORT" 2>"$REPORT.err" || echo $? >"$REPORT.status"
}

# reported - the script said "ok" to this test's name, exactly once
reported() {
	local line found=()

	while IFS= read -r line; do
		case $line in
		"ok $BATS_TEST_DESCRIPTION" | "not ok $BATS_TEST_DESCRIPTION: "*) found+=("$line") ;;
		esac
	done <"$REPORT"
	[[ ${#found[@]} -eq 1 && ${found[0]} == ok\ * ]] && return
	if [[ ${#found[@]} -gt 0 ]]; then
		printf '%s\n' "${found[@]}"
	else
		echo "the guest did not report it, its last line was: $(tail -n 1 "$REPORT")"
		head -n 1 "$REPORT.err"
	fi
	return 1
}

# reported_all - it ran to its end and reported nothing that is no test; what it measured
# ("# TEXT") is printed
reported_all() {
	local line status

	while IFS= read -r line; do
		case $line in
		'# '*) echo "# in the machine: ${line#'# '}" >&3; continue ;;
		'ok '*) line=${line#ok } ;;
		'not ok '*) continue ;;
		esac
		grep -qFx "@test \"$line\" { reported; }" "$BATS_TEST_FILENAME" || {
			echo "not a test: $line"
			return 1
		}
	done <"$REPORT"
	status=$(cat "$REPORT.status" 2>/dev/null || echo 0)
	# 1 is a failed name, which has failed above
	if [[ $status -gt 1 || -s $REPORT.err ]]; then
		echo "status $status"
		cat "$REPORT.err"
		return 1
	fi
}
