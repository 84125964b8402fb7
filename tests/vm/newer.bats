#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# vm.bats again, with the newer kernel that the distribution has besides its own: one
# test, which is to find every name of vm.bats reported as ok.

load ../lib/common
load ../lib/vm

KERNEL=linux-image-6.12-cloud-amd64

# offered PACKAGE
offered() {
	apt-cache policy "$1" 2>/dev/null | grep -q 'Candidate: [0-9]'
}

@test "newer kernel: all that vm.bats has" {
	local names lines

	# Without package lists it offers neither.
	! offered linux-image-cloud-amd64 || offered $KERNEL ||
		skip "this distribution has no $KERNEL"
	VM_KERNEL=$KERNEL vm_run --smp 2 --timeout 600 ${LONG:+--append vm.every} \
		"$BATS_TEST_DIRNAME/guest.sh"
	[[ ! -s $REPORT.err && ! -e $REPORT.status ]] ||
		fail "status $(cat "$REPORT.status")" "$(grep '^not ok' "$REPORT")" "$(<"$REPORT.err")"
	names=$(sed -n 's/^@test "\(.*\)" { reported; }$/ok \1/p' "$BATS_TEST_DIRNAME/vm.bats")
	[[ $names ]]
	lines=$(grep -v '^# ' "$REPORT")
	[[ $lines == "$names" ]] || fail "$(diff <(echo "$names") <(echo "$lines"))"
	echo "# in the machine: $(<"$VT_ROOT/build/vm/$KERNEL/kernel/version")" >&3
}
