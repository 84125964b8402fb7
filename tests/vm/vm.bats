#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# vnetctl in a virtual machine with a distribution's kernel. The machine is
# booted once and runs guest.sh; each test here is one name that guest.sh must
# have reported as ok. A name it did not report is a failure, and so is one
# that is not in this file. What it measured is printed among the results.

load ../lib/vm

setup_file() {
	vm_run --smp 2 --timeout 600 ${LONG:+--append vm.every} "$BATS_TEST_DIRNAME/guest.sh"
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
@test "several: list, all and by name" { reported; }
@test "several: mode of one" { reported; }
@test "several: destroy one" { reported; }
@test "several: destroy all" { reported; }
@test "several: destroy link" { reported; }
@test "several: destroy type" { reported; }
@test "several: a user's limit beside others' devices" { reported; }
@test "killed anywhere: macvtap" { reported; }
@test "killed anywhere: macvtap, lifetime fd" { reported; }
@test "killed anywhere: tap" { reported; }
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
	reported_all
}
