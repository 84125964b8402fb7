#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# vnetctl in a virtual machine with a distribution's kernel. The machine is
# booted once and runs guest.sh; each test here is one name that guest.sh must
# have reported as ok. A name it did not report is a failure, and so is one
# that is not in this file. What it measured is printed among the results.

setup_file() {
	local vnetctl=${VNETCTL:-$BATS_TEST_DIRNAME/../../build/vnetctl}

	if [[ ! -x $vnetctl ]]; then
		echo "$vnetctl is not there: run make first" >&2
		return 1
	fi
	export REPORT=$BATS_FILE_TMPDIR/report
	"$BATS_TEST_DIRNAME/boot" --smp 2 --timeout 300 "$BATS_TEST_DIRNAME/guest.sh" \
		>"$REPORT" 2>"$REPORT.err" || echo $? >"$REPORT.status"
}

# reported: guest.sh said "ok" to this test's name, exactly once
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

@test "dummy: create" { reported; }
@test "dummy: list" { reported; }
@test "dummy: destroy" { reported; }
@test "dummy: open-exec" { reported; }
@test "dummy: gone after SIGKILL" { reported; }
@test "dummy: gone after SIGKILL, lifetime fd" { reported; }
@test "dummy: lower device free again" { reported; }
@test "vlan: create" { reported; }
@test "vlan: list" { reported; }
@test "vlan: destroy" { reported; }
@test "vlan: open-exec" { reported; }
@test "vlan: gone after SIGKILL" { reported; }
@test "vlan: gone after SIGKILL, lifetime fd" { reported; }
@test "vlan: lower device free again" { reported; }
@test "veth: create" { reported; }
@test "veth: list" { reported; }
@test "veth: destroy" { reported; }
@test "veth: open-exec" { reported; }
@test "veth: gone after SIGKILL" { reported; }
@test "veth: gone after SIGKILL, lifetime fd" { reported; }
@test "veth: lower device free again" { reported; }
@test "dummy: stays with a daemon" { reported; }
@test "bridge: create" { reported; }
@test "bridge: list" { reported; }
@test "bridge: destroy" { reported; }
@test "bridge: open-exec" { reported; }
@test "bridge: gone after SIGKILL" { reported; }
@test "vhost: opened by the command, macvtap" { reported; }
@test "vhost: opened by the command, tap" { reported; }
@test "vhost: macvtap backend" { reported; }
@test "vhost: tap backend" { reported; }
@test "vhost: frame from macvtap to macvtap" { reported; }
@test "vhost: frame from tap to tap" { reported; }
@test "vhost: macvtap gone after SIGKILL" { reported; }
@test "vhost: macvtap gone after SIGKILL, lifetime fd" { reported; }
@test "vhost: tap gone after SIGKILL" { reported; }
@test "vhost: each queue of a macvtap" { reported; }
@test "vhost: each queue of a tap" { reported; }
@test "vhost: several devices" { reported; }
@test "vhost: for a user who may not open it" { reported; }
@test "vhost: taken where it is of use" { reported; }
@test "vhost: without the module" { reported; }
@test "conntrack: active" { reported; }
@test "conntrack: dummy gone after SIGKILL" { reported; }
@test "conntrack: dummy gone after SIGKILL, lifetime fd" { reported; }
@test "conntrack: vlan gone after SIGKILL" { reported; }
@test "conntrack: vlan gone after SIGKILL, lifetime fd" { reported; }
@test "conntrack: veth gone after SIGKILL" { reported; }
@test "conntrack: veth gone after SIGKILL, lifetime fd" { reported; }
@test "conntrack: tap gone after SIGKILL" { reported; }
@test "conntrack: gone with tracked frames" { reported; }
@test "conntrack: gone with tracked frames, lifetime fd" { reported; }
@test "conntrack: gone in a tracking namespace" { reported; }
@test "conntrack: gone in a tracking namespace, lifetime fd" { reported; }
@test "conntrack: gone while a namespace is dismantled" { reported; }
@test "ipvtap: not listed" { reported; }
@test "ipvtap: not destroyed" { reported; }
@test "ipvtap: in the way" { reported; }
@test "end: nothing left behind" { reported; }
@test "end: no complaints" { reported; }

@test "the guest ran to its end and reported nothing else" {
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
