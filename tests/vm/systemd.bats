#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# README's systemd unit under a real systemd, which is process 1 of a virtual machine
# with a distribution's kernel. The machine is booted once and runs systemd.sh; each
# test here is one name that systemd.sh must have reported as ok. A name it did not
# report is a failure, and so is one that is not in this file.

load ../lib/vm

setup_file() {
	has_systemd || return 0
	vm_run --systemd --smp 2 --timeout 400 "$BATS_TEST_DIRNAME/systemd.sh" \
		"$BATS_TEST_DIRNAME/../../README"
}

has_systemd() {
	[[ -x /usr/lib/systemd/systemd || -x /lib/systemd/systemd ]]
}

setup() {
	has_systemd || skip "this distribution has no systemd"
}

@test "systemd: process 1, with cgroup v2 and seccomp" { reported; }
@test "systemd: units are made from README's" { reported; }
@test "unit: README's as it stands" { reported; }
@test "unit: the device is listed, held by QEMU" { reported; }
@test "unit: QEMU is the user vm, without any capability" { reported; }
@test "unit: DeviceAllow is in force" { reported; }
@test "unit: macvtap is loaded before" { reported; }
@test "unit: stop leaves nothing" { reported; }
@test "unit: an end leaves nothing, and is one" { reported; }
@test "unit: crash, same name and address again" { reported; }
@test "unit: crash leaves nothing" { reported; }
@test "unit: restart, again and again" { reported; }
@test "unit: all killed, same name and address again" { reported; }
@test "unit: all killed leaves nothing" { reported; }
@test "unit: out of memory leaves nothing" { reported; }
@test "unit: two guests" { reported; }
@test "watched: starts" { reported; }
@test "watched: stop leaves nothing" { reported; }
@test "watched: crash, same name and address again" { reported; }
@test "watched: crash leaves nothing" { reported; }
@test "watched: restart, again and again" { reported; }
@test "watched: all killed, same name and address again" { reported; }
@test "watched: all killed, an orphan at most" { reported; }
@test "tap: starts" { reported; }
@test "tap: stop leaves nothing" { reported; }
@test "tap: crash, same name and address again" { reported; }
@test "tap: crash leaves nothing" { reported; }
@test "tap: all killed leaves nothing" { reported; }
@test "vhost: macvtap" { reported; }
@test "vhost: tap" { reported; }
@test "refused: RestrictNamespaces=yes" { reported; }
@test "refused: RestrictNamespaces=yes, watched" { reported; }
@test "refused: RestrictNamespaces=yes, again and again" { reported; }
@test "refused: no CAP_SYS_ADMIN" { reported; }
@test "refused: no DeviceAllow=char-macvtap" { reported; }
@test "refused: no DeviceAllow=/dev/net/tun" { reported; }
@test "refused: PrivateDevices=" { reported; }
@test "refused: PrivateNetwork=" { reported; }
@test "unit: ProtectKernelTunables=" { reported; }
@test "refused: SystemCallFilter= without @mount" { reported; }
@test "unit: SystemCallFilter= with @mount" { reported; }
@test "end: nothing left behind" { reported; }
@test "end: no complaints" { reported; }

@test "the guest ran to its end and reported nothing else" {
	reported_all
}
