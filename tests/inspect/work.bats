#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# list: no more work than was asked for, the same facts as ip for hundreds of
# devices, and an honest end when something fails half-way.

# shellcheck disable=SC2154 # common.bash sets stderr and the vt_ ones

load ../lib/common
load ../lib/refused
load inspect

# --- /proc ----------------------------------------------------------------------

# walks N ARGS... - vnetctl ARGS walks over /proc N times, and if not at all
# then it looks at no process at all
walks() {
	local trace=$BATS_TEST_TMPDIR/trace

	run_cmd straced "$trace" open,openat,openat2,readlink,readlinkat,stat,statx "${@:2}"
	assert_status 0 && assert_err "" || return
	# Its own namespace is no process of others.
	sed -i '\|"/proc/thread-self/ns/net"|d; \|"/proc/sys/|d' "$trace"
	count "$1" '"/proc",.*O_DIRECTORY' "$trace" || return
	(($1)) || count 0 '/proc|"[0-9]+",.*O_DIRECTORY|"fd",' "$trace"
}

@test "work: /proc is walked when users are to be shown, once" {
	local words

	lower_new "$NS"
	bridge_new "$NS" br0 port0 far
	hold vm0 vm0 link lower lifetime watched
	hold vm1 vm1 link lower lifetime fd
	hold t0 t0 link br0
	vn create vm2 link lower
	vn create t1 link br0
	for words in "-j list" "-p list" "-br list" "-br -d list" "-j list vm0 t0" \
		"-j list type tap" "-j list type macvtap" "-j list link br0" \
		"-j list mode bridge" "list orphaned -j" "-j list orphaned"; do
		[[ $words != list* ]] || continue
		# shellcheck disable=SC2086 # words
		walks 0 $words || fail "$words"
	done
	for words in "list" "-d list" "-j -d list" "-p -d list" "list vm0" "list type tap" \
		"-j list used" "-j list unused" "-br list used" "-br list unused" \
		"-t list" "-t -j list" "-t -br list"; do
		# shellcheck disable=SC2086
		walks 1 $words || fail "$words"
	done
}

@test "work: /proc is not walked for JSON, also beside an orphan" {
	lower_new "$NS"
	orphan_new left link lower
	walks 0 -j list
	walks 0 -br list
}

# opens N - how often list -d opens a namespace by way of the holders of N devices vm0, vm1, ...
opens() {
	local trace=$BATS_TEST_TMPDIR/trace pids

	pids=$(for ((i = 0; i < $1; i++)); do bg_pid "vm$i"; done | paste -sd '|')
	straced "$trace" open,openat,openat2 -j -d list | jq -e "length == $1" >/dev/null || return
	grep -cE "\"/proc/($pids)/(ns|fd)/" "$trace"
}

@test "work: list -d opens each namespace a few times, however many there are" {
	local i

	lower_new "$NS"
	for ((i = 0; i < 40; i++)); do
		hold "vm$i" "vm$i" link lower lifetime fd
		# Once for its id, once to enter it.
		((i != 9)) || [[ $(opens 10) == 20 ]]
	done
	[[ $(opens 40) == 80 ]]
}

# --- netlink ---------------------------------------------------------------------

# sends N REGEX FILE - so many requests are of this kind
sends() {
	count "$1" "sendto\\(.*nlmsg_type=$2" "$3"
}

@test "work: one dump of each kind, one of the lifelines, one in each lifeline" {
	local trace=$BATS_TEST_TMPDIR/trace i

	lower_new "$NS"
	for ((i = 0; i < 20; i++)); do
		echo "create vm$i link lower"
		echo "create t$i type tap"
	done | in_ns "$NS" "$VNETCTL" -batch -
	straced "$trace" socket,sendto -j list >/dev/null
	sends 2 'RTM_GETLINK, nlmsg_flags=NLM_F_REQUEST\|NLM_F_DUMP' "$trace"
	sends 1 'RTM_GETLINK, .*IFLA_INFO_KIND\}, "macvtap"' "$trace"
	sends 1 'RTM_GETLINK, .*IFLA_INFO_KIND\}, "tun"' "$trace"
	sends 2 'RTM_GETLINK, nlmsg_flags=NLM_F_REQUEST\|NLM_F_DUMP.*RTEXT_FILTER_SKIP_STATS' "$trace"
	sends 1 'RTM_GETNSID, nlmsg_flags=NLM_F_REQUEST\|NLM_F_DUMP' "$trace"
	# The link's name is asked for once, not for each device.
	sends 1 'RTM_GETLINK, nlmsg_flags=NLM_F_REQUEST(\|NLM_F_ACK)?,' "$trace"
	# And one question before the dump of ids, which the kernel else cuts short.
	count 5 'sendto' "$trace"

	straced "$trace" socket,sendto -j list type tap >/dev/null
	sends 0 'RTM_GETLINK, .*IFLA_INFO_KIND\}, "macvtap"' "$trace"
	straced "$trace" socket,sendto -j list type macvtap >/dev/null
	sends 0 'RTM_GETLINK, .*IFLA_INFO_KIND\}, "tun"' "$trace"

	hold vm90 vm90 link lower lifetime fd
	hold vm91 vm91 link lower lifetime fd
	straced "$trace" socket,sendto -j list >/dev/null
	sends 2 'RTM_GETLINK, .*IFLA_(TARGET|IF)_NETNSID' "$trace"
	# Nothing is changed by a look.
	count 0 'RTM_(NEW|SET|DEL)' "$trace"
}

@test "work: a device that is named is asked for alone" {
	local trace=$BATS_TEST_TMPDIR/trace i

	lower_new "$NS"
	for ((i = 0; i < 5; i++)); do
		echo "create vm$i link lower"
		echo "create t$i type tap"
	done | in_ns "$NS" "$VNETCTL" -batch -
	straced "$trace" sendto -j list vm3 t2 vm3 >"$BATS_TEST_TMPDIR/out"
	[[ $(jq -c 'map(.ifname)' "$BATS_TEST_TMPDIR/out") == '["vm3","t2"]' ]]
	jq -e 'all(.[]; .altnames | length == 1)' "$BATS_TEST_TMPDIR/out"
	sends 0 '.*NLM_F_DUMP' "$trace"
	# Three names, two devices, the name of one link.
	count 6 sendto "$trace"
}

@test "work: large buffers, and no row before the pass is whole" {
	local trace=$BATS_TEST_TMPDIR/trace first last

	lower_new "$NS"
	for ((i = 0; i < 300; i++)); do
		echo "link add vm$i link lower type macvtap"
	done | ip -n "$NS" -batch -
	straced "$trace" recvmsg,recvfrom,write -j list | jq -e 'length == 300'
	! grep 'recvmsg(' "$trace" | grep -v 'iov_len=65536' || fail "smaller buffers"
	# The kernel fills 32 KiB at a time, and a device takes about 1 KiB.
	(($(grep -c 'recvmsg(' "$trace") < 40))
	first=$(grep -n 'write(1,' "$trace" | head -n 1 | cut -d: -f1)
	last=$(grep -n 'recvmsg(.*"macvtap"' "$trace" | tail -n 1 | cut -d: -f1)
	((first > last)) || fail "a row is written before the last was read"
}

# A kernel may end its list of namespace ids after the first buffer (Linux 6.10), and
# ours have the largest numbers.
@test "work: a host with many namespaces that have ids" {
	local i other

	lower_new "$NS"
	hold vm0 vm0 link lower lifetime fd
	for ((i = 0; i < 160; i++)); do
		ns_new other
		echo "netns set $other auto"
	done | ip -n "$NS" -batch -
	shows vm0
	shows vm0 used
	refused 125 "cannot create macvtap vm0 on lower: File exists: a device of lifetime fd has this name: see 'vnetctl list vm0'" \
		open-exec vm0 link lower lifetime fd -- true
	refused 2 "cannot create macvtap vm0 on lower: File exists: a device of lifetime fd has this name: see 'vnetctl list vm0'" \
		create vm0 link lower
	run_vn destroy vm0
	assert_status 2
	[[ $stderr == "vnetctl: cannot remove vm0: Device or resource busy: it is held by probe (pid $(bg_pid vm0)): "* ]]
	run_vn destroy all
	assert_status 2
	run_vn destroy all force
	assert_status 0
	shows ""
}

# --- like ip ---------------------------------------------------------------------

# crowd N - so many devices of mixed kinds, odd names and states among them
crowd() {
	local i modes=(private vepa bridge source) odd name

	lower_new "$NS"
	lower_new "$NS" other other-peer
	lower_new "$NS" solo solo-peer
	bridge_new "$NS" br0 port0 far
	odd=('q"t' "q't" 'back\slash' é 中文字 'a,b' '{}' $'c\x01' $'\x1b[31m' $'d\x7f' \
		$'x\xff' $'\xc2\x9b' '-j' 'list' '$HOME' ';' '|' '<>' '&amp')
	{
		for ((i = 0; i < $1 - ${#odd[@]} - 1; i++)); do
			case $((i % 5)) in
			0 | 1)
				echo "link add vm$i link lower type macvtap mode ${modes[i / 5 % 4]}"
				;;
			2)
				echo "link add vm$i link other mtu $((1000 + i)) address" \
					"52:54:00:00:$(printf '%02x:%02x' $((i / 256)) $((i % 256)))" \
					"type macvtap mode bridge"
				;;
			3) echo "tuntap add vm$i mode tap user $i" ;;
			4) echo "tuntap add vm$i mode tap multi_queue vnet_hdr group $i" ;;
			esac
			case $((i % 7)) in
			1) echo "link set vm$i alias 'the alias of \"vm$i\"'" ;;
			2) echo "link set vm$i group $((i + 1))" ;;
			3) echo "link property add dev vm$i altname another-name-of-vm$i" ;;
			4) echo "link set vm$i txqueuelen $i" ;;
			esac
			[[ $((i % 10)) != 8 ]] || echo "link set vm$i master br0"
			[[ $((i % 10)) != 7 ]] || echo "link set vm$i up"
		done
	} >"$BATS_TEST_TMPDIR/crowd"
	ip -n "$NS" -batch "$BATS_TEST_TMPDIR/crowd"
	for ((i = 8; i < $1 / 2; i += 20)); do
		ip -n "$NS" link set dev "vm$i" type bridge_slave isolated on
	done
	for name in "${odd[@]}"; do
		ip -n "$NS" link add name "$name" link lower type macvtap
		ip -n "$NS" link set dev "$name" alias "$name$name"
		ip -n "$NS" link property add dev "$name" altname "other-$name"
	done
	vn create pt0 link solo mode passthru
}

# What list has to show, by what ip says: sorted by index, with the keys of ours.
ip_says() {
	# ip writes control bytes as they are, which is no JSON.
	ip -n "$NS" -j -d link show |
		perl -pe 's/([\x01-\x09\x0b-\x1f])/sprintf "\\u%04x", ord $1/ge' |
		jq -S 'map(.linkinfo as $info |
			select($info.info_kind == "macvtap" or
				($info.info_kind == "tun" and $info.info_data.type == "tap")) |
			{ ifindex, ifname, link, master, mtu, operstate, flags, group, ifalias,
			  altnames, address, txqlen: (.txqlen // 0),
			  type: { macvtap: "macvtap", tun: "tap" }[$info.info_kind],
			  mode: (if $info.info_kind == "macvtap" then $info.info_data.mode else null end),
			  isolated: (if .master then $info.info_slave_data.isolated else null end),
			  persist: $info.info_data.persist, vnet_hdr: $info.info_data.vnet_hdr,
			  multi_queue: $info.info_data.multi_queue,
			  owner: (($info.info_data.user // "" | tostring) +
				(if $info.info_data.group then ":\($info.info_data.group)" else "" end) |
				if . == "" then null else . end) } |
			with_entries(select(.value != null))) | sort_by(.ifindex)'
}

list_says() {
	jq -S 'map(if .type == "tap" then del(.mode) else . end |
		del(.guest_address, .queues, .made, .lifetime, .orphaned, .node, .users)) |
		sort_by(.ifindex)' <<<"$1"
}

@test "work: like ip on all that both show, for 500 devices of mixed kinds" {
	local ours theirs=none before=

	crowd 500
	# A carrier may come in between: not a difference of theirs.
	until [[ $before == "$theirs" ]]; do
		before=$(ip_says)
		run_vn -j list
		assert_status 0
		assert_err ""
		ours=$(list_says "$output")
		theirs=$(ip_says)
	done
	[[ $(jq length <<<"$ours") == 500 ]]
	diff <(echo "$theirs") <(echo "$ours") | head -n 40
	[[ $ours == "$theirs" ]]
	# All looks have all of them, each once.
	run_vn -br list
	[[ ${#lines[@]} == 500 ]]
	run_vn list
	[[ ${#lines[@]} == 500 ]]
	run_vn -t list
	[[ $(grep -cE '^(\||`)- ' "$vt_out") == 500 ]]
}

@test "work: devices that come and go meanwhile: valid, each once, all that stay" {
	local i

	lower_new "$NS"
	for ((i = 0; i < 100; i++)); do
		echo "link add stay$i link lower type macvtap"
	done | ip -n "$NS" -batch -
	# Two at a time, so that a dump of 100 is interrupted now and then.
	spawn_bg churn in_ns "$NS" bash -c 'while :; do
		for i in 1 2 3 4 5 6 7 8 9; do
			echo "link add go$i link lower type macvtap"
			echo "link set go$i group 5"
		done | ip -batch - && ip link del group 5; done'
	for ((i = 0; i < 40; i++)); do
		run_vn -j list
		assert_status 0
		assert_err ""
		jq -e '[.[].ifname] as $names | ($names | unique | length) == ($names | length) and
			([$names[] | select(startswith("stay"))] | length) == 100' \
			<<<"$output" >/dev/null || fail "$output"
	done
	[[ $(cat "$BATS_TEST_TMPDIR/churn.err") == '' ]]
}

# --- the end of all ---------------------------------------------------------------------

@test "work: standard output is full, for few devices and many" {
	local full='cannot write to standard output: No space left on device' words

	lower_new "$NS"
	vn create vm0 link lower
	for words in "list" "-j list" "-p list" "-br list" "-t list" "-j list nope"; do
		[[ $words != *nope ]] || continue
		# shellcheck disable=SC2086 # words
		run_cmd full $words
		assert_status 2
		assert_err "vnetctl: $full"
	done
	for ((i = 0; i < 200; i++)); do
		echo "link add v$i link lower type macvtap"
	done | ip -n "$NS" -batch -
	for words in "list" "-j list" "-p list" "-br list" "-t list" "-j list used"; do
		# shellcheck disable=SC2086
		run_cmd full $words
		assert_status 2
		# Nothing to write is nothing that can fail.
		[[ $words == *used ]] || assert_err "vnetctl: $full"
	done
}

full() {
	in_ns "$NS" "$VNETCTL" "$@" >/dev/full
}

# failing CALL:N ARGS... - vnetctl ARGS, of which the N-th CALL fails with EIO
failing() {
	in_ns "$NS" strace -qq -e "trace=${1%%:*}" -o /dev/null \
		-e "inject=${1%%:*}:error=EIO:when=${1#*:}" "$VNETCTL" "${@:2}"
}

@test "work: whatever fails, JSON is valid and the status says so" {
	local call n seen=0

	lower_new "$NS"
	bridge_new "$NS" br0 port0 far
	for ((n = 0; n < 60; n++)); do
		echo "link add v$n link lower type macvtap"
		echo "tuntap add t$n mode tap"
	done | ip -n "$NS" -batch -
	hold vm0 vm0 link lower lifetime fd
	for call in recvmsg sendto; do
		for ((n = 1; n < 15; n++)); do
			run_cmd failing "$call:$n" -j list
			jq -e 'type == "array"' "$vt_out" || fail "$call $n: $output"
			if ((status)); then
				seen=$((seen + 1))
				assert_status 2
				[[ ${#stderr_lines[@]} == 1 &&
					$stderr == "vnetctl: "*": Input/output error" ]] ||
					fail "$call $n: $stderr"
			else
				# It was not needed, or not made so often.
				assert_err ""
				jq -e 'length == 121' "$vt_out"
			fi
		done
	done
	((seen > 5))
	# In text too: what was shown is whole lines.
	seen=0
	for ((n = 1; n < 8; n++)); do
		run_cmd failing "recvmsg:$n" -br list
		seen=$((seen + (status == 2)))
		[[ $output =~ ^$|[0-9a-f]$ ]] || fail "$output"
	done
	((seen > 2))
}

@test "work: /proc cannot be read" {
	lower_new "$NS"
	vn create vm0 link lower
	run_cmd in_ns "$NS" strace -qq -o /dev/null -P /proc -e trace=openat \
		-e inject=openat:error=EACCES "$VNETCTL" -j -d list
	assert_status 2
	assert_out "[]"
	assert_err "vnetctl: cannot look for holders in /proc: Permission denied"
	# And it is not missed where it is not needed.
	run_cmd in_ns "$NS" strace -qq -o /dev/null -P /proc -e trace=openat \
		-e inject=openat:error=EACCES "$VNETCTL" -j list
	assert_status 0
	assert_err ""
	jq -e 'length == 1' <<<"$output"
}

# --- more than a kernel tells -------------------------------------------------------------

# The kernel's list of namespace ids ends after some 1,100 of them.
@test "work: more namespaces than the kernel lists" {
	local i

	lower_new "$NS"
	# shellcheck disable=SC2046 # flags
	cc -O1 -D_GNU_SOURCE -o "$BATS_TEST_TMPDIR/crowd" "$VT_ROOT/tests/bench/crowd.c" \
		$(pkg-config --cflags --libs libmnl)
	spawn_co crowd in_ns "$NS" "$BATS_TEST_TMPDIR/crowd" namespaces 1200
	wait_text "$BATS_TEST_TMPDIR/crowd.out" ready 60
	for i in 0 1 2; do
		hold "vm$i" "vm$i" link lower lifetime fd
	done
	# They have the largest numbers: not one of them is in the kernel's list.
	shows "vm0 vm1 vm2"
	refused 2 "cannot create macvtap vm1 on lower: File exists: a device of lifetime fd has this name: see 'vnetctl list vm1'" \
		create vm1 link lower
	shows vm2 vm2
	vn mode vm2 private
	shows vm2 mode private
	run_vn destroy all force
	assert_status 0
	shows ""
	co_eof crowd
	wait_pid_gone "$(bg_pid crowd)"
}
