#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The rows that need a real /dev/vhost-net: QEMU starts with them in a virtual
# machine whose kernel has one. It is booted once; each line of its report is a row.
# Frames through vhost are proved by tests/vm.

load ../lib/common
load vmm
load rows

MODULES=/usr/lib/x86_64-linux-gnu/qemu

# What runs in the machine: for each line "WORDS" of the file words, QEMU, which
# does not run; how it ended, how many back ends, NICs and vhost threads it
# had, and what it said besides.
# shellcheck disable=SC2016 # for the machine
SCRIPT='
export QEMU_MODULE_DIR=/test
ip link add lower type dummy && ip link set lower up
ip link add br0 type bridge && ip link set br0 up
mkfifo in
while read -r vhosts words; do
	vnetctl open-exec $words -- ./qemu-system-x86_64 -S -L /test -accel tcg -m 16 \
		-nodefaults -display none -global virtio-net-pci.romfile= -monitor stdio \
		<in >out 2>err &
	exec 3>in
	echo info network >&3
	n=0
	until grep -q "^virtio-net-pci" out || [ $n -gt 1000 ]; do
		usleep 10000
		n=$((n + 1))
	done
	# The kernel names a thread a moment after its birth.
	n=0
	until threads=$(ps -o comm | grep -c "^\[\?vhost-")
		[ "$threads" = "$vhosts" ] || [ $n -gt 500 ]; do
		usleep 10000
		n=$((n + 1))
	done
	echo quit >&3
	exec 3>&-
	wait $!
	echo "$words: $? $(grep -c "type=tap,fd=" out) $(grep -c "type=nic" out) $threads $(cat err)"
	n=0
	while [ "$(vnetctl -j list)" != "[]" ] && [ $n -lt 1000 ]; do
		usleep 10000
		n=$((n + 1))
	done
done <words
echo "left: $(vnetctl -j list)"'

setup() {
	common_setup
	for file in "$MODULES/accel-tcg-x86_64.so" /usr/share/seabios/bios-256k.bin \
		/usr/share/qemu/kvmvapic.bin; do
		[[ -r $file ]] || fail "$file is missing"
	done
}

# Each text once: what differs is what QEMU is told.
row_is_wanted() {
	local back vhosts

	[[ ${ARGS[*]} == *vhost-net* && ! ${seen["${WORDS[2]} ${ARGS[*]}"]:-} ]] || return 0
	seen["${WORDS[2]} ${ARGS[*]}"]=1
	back=$(grep -o '<[ab]>' <<<"${ARGS[*]}" | wc -l)
	vhosts=$(grep -o '<vhost-net>' <<<"${ARGS[*]}" | wc -l)
	((back == vhosts)) || fail "not a descriptor for each queue" || return
	echo "$vhosts ${WORDS[*]}" >>"$BATS_TEST_TMPDIR/words"
	# QEMU counts a NIC for each queue.
	echo "${WORDS[*]}: 0 $back $back $vhosts " >>"$BATS_TEST_TMPDIR/want"
}

manual_row_is_wanted() {
	local n=$((NICS * QUEUES))

	[[ $VHOST != no ]] || return 0
	echo "$n ${WORDS[*]}" >>"$BATS_TEST_TMPDIR/words"
	echo "${WORDS[*]}: 0 $n $n $n " >>"$BATS_TEST_TMPDIR/want"
}

@test "vhost: QEMU starts with each row, and its threads are the kernel's" {
	local -A seen=()

	each_row VHOST_ROWS row_is_wanted
	each_manual_row manual_row_is_wanted
	(($(wc -l <"$BATS_TEST_TMPDIR/words") >= 5))
	echo "left: []" >>"$BATS_TEST_TMPDIR/want"
	echo "$SCRIPT" >"$BATS_TEST_TMPDIR/vhost.sh"
	run_cmd "$VT_ROOT/tests/vm/boot" --smp 2 --mem 768 --timeout 120 \
		--log "$BATS_TEST_TMPDIR/vhost.log" "$BATS_TEST_TMPDIR/vhost.sh" \
		"$BATS_TEST_TMPDIR/words" "$(command -v qemu-system-x86_64)" \
		"$MODULES/accel-tcg-x86_64.so" /usr/share/seabios/bios-256k.bin \
		/usr/share/qemu/kvmvapic.bin
	assert_status 0
	assert_out "$(cat "$BATS_TEST_TMPDIR/want")"
	assert_err ""
}
