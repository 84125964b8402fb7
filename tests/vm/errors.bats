#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Refusals that need another kernel: see errors.sh, which runs in a virtual
# machine once; each test here is one name that it must have reported as ok.

setup_file() {
	export REPORT=$BATS_FILE_TMPDIR/report
	"$BATS_TEST_DIRNAME/boot" --timeout 200 "$BATS_TEST_DIRNAME/errors.sh" \
		>"$REPORT" 2>"$REPORT.err" || echo $? >"$REPORT.status"
}

# reported: errors.sh said "ok" to this test's name, and nothing else to it
reported() {
	grep -F " $BATS_TEST_DESCRIPTION" "$REPORT" >"$REPORT.line" || {
		echo "not reported; the last line was: $(tail -n 1 "$REPORT")"
		cat "$REPORT.err"
		return 1
	}
	echo "ok $BATS_TEST_DESCRIPTION" | cmp - "$REPORT.line" || {
		cat "$REPORT.line"
		return 1
	}
}

@test "errors: a port of a bond" { reported; }
@test "errors: an ipvlan" { reported; }
@test "errors: devices that are not touched" { reported; }
@test "errors: no macvtap in the kernel" { reported; }
@test "errors: no tun in the kernel" { reported; }

@test "errors: the guest ran to its end" {
	# 1 is a failed name, which has failed above.
	case $(cat "$REPORT.status" 2>/dev/null) in
	'' | 1) ;;
	*) cat "$REPORT.err"; return 1 ;;
	esac
	[[ ! -s $REPORT.err ]] || { cat "$REPORT.err"; return 1; }
	[[ $(wc -l <"$REPORT") == 5 ]]
}
