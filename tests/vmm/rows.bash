# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034,SC2154
#
# Which form gives what: `load rows` after vmm.

NIC="virtio-net-pci,netdev=vnet"
A="address ${MAC[1]}"
B="address ${MAC[2]}"

# The rows of the table "which form gives what": a title, open-exec's words, and
# the arguments that COMMAND gets, in got's notation. The same rows are started in QEMU
# (forms.bats), and with a real vhost in a virtual machine (vhost.bats).
ROWS=(
	"plain, macvtap|a link lower $A
		|-net nic,model=virtio,macaddr=${MAC[1]} -net tap,fd=<a>"
	"plain, tap|a link br0 $A
		|-net nic,model=virtio,macaddr=${MAC[1]} -net tap,fd=<a>"
	"netdev, macvtap|a link lower $A args netdev vhost off
		|-netdev tap,id=vnet0,fd=<a> -device ${NIC}0,mac=${MAC[1]}"
	"netdev, tap|a link br0 $A args netdev vhost off
		|-netdev tap,id=vnet0,fd=<a> -device ${NIC}0,mac=${MAC[1]}"
	"netdev, another mtu|a link lower $A mtu 1400 args netdev vhost off
		|-netdev tap,id=vnet0,fd=<a> -device ${NIC}0,mac=${MAC[1]},host_mtu=1400"
	"lifetime fd|a link lower $A lifetime fd args netdev vhost off
		|-netdev tap,id=vnet0,fd=<a> -device ${NIC}0,mac=${MAC[1]}"
	"several|a link lower $A dev b link lower $B vhost off
		|-netdev tap,id=vnet0,fd=<a> -device ${NIC}0,mac=${MAC[1]}
		-netdev tap,id=vnet1,fd=<b> -device ${NIC}1,mac=${MAC[2]}"
	"several, args net all the same|a link lower $A dev b link lower $B args net vhost off
		|-netdev tap,id=vnet0,fd=<a> -device ${NIC}0,mac=${MAC[1]}
		-netdev tap,id=vnet1,fd=<b> -device ${NIC}1,mac=${MAC[2]}"
	"several, mixed|a link br0 $A dev b link lower $B mtu 1400 vhost off
		|-netdev tap,id=vnet0,fd=<a> -device ${NIC}0,mac=${MAC[1]}
		-netdev tap,id=vnet1,fd=<b> -device ${NIC}1,mac=${MAC[2]},host_mtu=1400"
	"four queues, macvtap|a link lower $A queues 4 vhost off
		|-netdev tap,id=vnet0,fds=<a>:<a>:<a>:<a>
		-device ${NIC}0,mac=${MAC[1]},mq=on,vectors=10"
	"four queues, tap|a link br0 $A queues 4 vhost off
		|-netdev tap,id=vnet0,fds=<a>:<a>:<a>:<a>
		-device ${NIC}0,mac=${MAC[1]},mq=on,vectors=10"
	"one queue, said|a link br0 $A queues 1 args netdev vhost off
		|-netdev tap,id=vnet0,fd=<a> -device ${NIC}0,mac=${MAC[1]}"
	"several with queues|a link lower $A queues 2 dev b link br0 $B queues 3 vhost off
		|-netdev tap,id=vnet0,fds=<a>:<a> -device ${NIC}0,mac=${MAC[1]},mq=on,vectors=6
		-netdev tap,id=vnet1,fds=<b>:<b>:<b>
		-device ${NIC}1,mac=${MAC[2]},mq=on,vectors=8"
	"one with queues|a link lower $A queues 2 dev b link br0 $B vhost off
		|-netdev tap,id=vnet0,fds=<a>:<a> -device ${NIC}0,mac=${MAC[1]},mq=on,vectors=6
		-netdev tap,id=vnet1,fd=<b> -device ${NIC}1,mac=${MAC[2]}"
	"none|a link lower $A args none|"
	"none, several|a link lower $A queues 2 dev b link br0 args none|"
)

# Those that need /dev/vhost-net.
VHOST_ROWS=(
	"vhost on, macvtap|a link lower $A vhost on
		|-netdev tap,id=vnet0,fd=<a>,vhost=on,vhostfd=<vhost-net>
		-device ${NIC}0,mac=${MAC[1]}"
	"vhost on, tap|a link br0 $A vhost on
		|-netdev tap,id=vnet0,fd=<a>,vhost=on,vhostfd=<vhost-net>
		-device ${NIC}0,mac=${MAC[1]}"
	"vhost on, args net all the same|a link lower $A vhost on args net
		|-netdev tap,id=vnet0,fd=<a>,vhost=on,vhostfd=<vhost-net>
		-device ${NIC}0,mac=${MAC[1]}"
	"vhost try|a link lower $A vhost try
		|-netdev tap,id=vnet0,fd=<a>,vhost=on,vhostfd=<vhost-net>
		-device ${NIC}0,mac=${MAC[1]}"
	"netdev takes it by itself|a link lower $A args netdev
		|-netdev tap,id=vnet0,fd=<a>,vhost=on,vhostfd=<vhost-net>
		-device ${NIC}0,mac=${MAC[1]}"
	"plain does not|a link lower $A
		|-net nic,model=virtio,macaddr=${MAC[1]} -net tap,fd=<a>"
	"nor does none|a link lower $A args none|"
	"vhost off|a link lower $A args netdev vhost off
		|-netdev tap,id=vnet0,fd=<a> -device ${NIC}0,mac=${MAC[1]}"
	"vhost and queues, macvtap|a link lower $A queues 2 vhost on
		|-netdev tap,id=vnet0,fds=<a>:<a>,vhost=on,vhostfds=<vhost-net>:<vhost-net>
		-device ${NIC}0,mac=${MAC[1]},mq=on,vectors=6"
	"vhost and queues, tap|a link br0 $A queues 2
		|-netdev tap,id=vnet0,fds=<a>:<a>,vhost=on,vhostfds=<vhost-net>:<vhost-net>
		-device ${NIC}0,mac=${MAC[1]},mq=on,vectors=6"
	"vhost and several|a link lower $A dev b link br0 $B queues 2
		|-netdev tap,id=vnet0,fd=<a>,vhost=on,vhostfd=<vhost-net>
		-device ${NIC}0,mac=${MAC[1]}
		-netdev tap,id=vnet1,fds=<b>:<b>,vhost=on,vhostfds=<vhost-net>:<vhost-net>
		-device ${NIC}1,mac=${MAC[2]},mq=on,vectors=6"
)

# each_row ROWS FUNCTION - calls it with TITLE WORDS ARGS set, both arrays
each_row() {
	local -n each=$1
	local row words args

	for row in "${each[@]}"; do
		IFS='|' read -r -d '' TITLE words args <<<"$row" || true
		read -ra WORDS -d '' <<<"$words" || true
		read -ra ARGS -d '' <<<"$args" || true
		"$2" || fail "in the row \"$TITLE\"" || return
		all_gone a b || return
	done
}

# told REGEX - what stands behind the last "=" of each match
told() {
	grep -oE -- "$1" | sed 's/.*=//'
}

# each_manual_row FUNCTION - calls it for each row of the manual's table of the forms,
# on a macvtap and on a tap. ROW is the row, and behind open-exec go WORDS.
each_manual_row() {
	local row n=0 link words

	while IFS= read -r row; do
		((++n))
		for link in lower br0; do
			IFS='|' read -r words FORM NICS QUEUES VHOST OFFLOADS <<<"$row"
			[[ $words != '(no more)' ]] || words=''
			read -ra WORDS <<<"vm0 link $link $words"
			"$1" </dev/null || fail "on $link, in the manual's row \"$row\"" || return
			all_gone vm0 vm1 || return
		done
	done < <(awk '/^\.TE/ { on = 0 } on && gsub(/\|/, "|") == 5
		/^words\|.*\|offloads$/ { on = 1 }' "$VT_ROOT/man/vnetctl.8")
	((n >= 9)) || fail "the manual's table has $n rows"
}
