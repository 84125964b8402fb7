#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Refusals that need another kernel: see errors.sh, which runs in a virtual
# machine once; each test here is one name that it must have reported as ok.

load ../lib/vm

setup_file() {
	vm_run --timeout 200 "$BATS_TEST_DIRNAME/errors.sh"
}

@test "errors: a port of a bond" { reported; }
@test "errors: an ipvlan" { reported; }
@test "errors: devices that are not touched" { reported; }
@test "errors: no macvtap in the kernel" { reported; }
@test "errors: no tun in the kernel" { reported; }

@test "errors: the guest ran to its end" {
	reported_all
}
