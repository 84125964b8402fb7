# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034,SC2154
#
# For tests of what an ordinary user may do with a vnetctl that has file
# capabilities: `load priv` after common, refused and device.
#
# The users are in an /etc of the test's own, which stands in a mount namespace; the
# machine's own is never touched. alice (4242) has a group of the same number, and is in
# nobody else's; bob (4343) and carol (4444) too, and bob is in vmusers (4300).

# What `make setcap` gives.
SETCAP=$(sed -n 's/^SETCAP = //p' "$VT_ROOT/Makefile")

# What most tests have for /etc/vnetctl.conf.
POLICY='# who may do what
allow alice verbs * link lower,br0,none type * mode bridge,private,none name al*,exact max 3
deny alice name al-no*
allow @vmusers verbs create,open-exec,destroy link lower type macvtap mode vepa name g* max 1'

# priv_setup - lower, other, br0, br1, the users, the policy, and VN, the program
priv_setup() {
	common_setup
	lower_new "$NS" lower wire
	lower_new "$NS" other other-wire
	bridge_new "$NS" br0 port0 far0
	bridge_new "$NS" br1 port1 far1
	ETC=$BATS_TEST_TMPDIR/etc
	mkdir -m 755 "$ETC"
	cp /etc/ld.so.cache "$ETC"
	printf '%s\n' root:x:0:0::/:/bin/sh alice:x:4242:4242::/:/bin/sh \
		bob:x:4343:4343::/:/bin/sh carol:x:4444:4444::/:/bin/sh >"$ETC/passwd"
	printf '%s\n' root:x:0: alice:x:4242: bob:x:4343: carol:x:4444: \
		vmusers:x:4300:bob >"$ETC/group"
	printf '%s\n' 'passwd: files' 'group: files' >"$ETC/nsswitch.conf"
	policy "$POLICY"
	chmod 755 "$BATS_TEST_TMPDIR"
	VN=$(program vnetctl "$SETCAP") || return
}

# program NAME [CAPS] - prints the path of a copy of vnetctl with these capabilities
program() {
	local file=$BATS_TEST_TMPDIR/$1

	install -m 755 "$VNETCTL" "$file" || return
	[[ ! ${2:-} ]] || setcap "$2" "$file" ||
		fail "no file capabilities on $BATS_TEST_TMPDIR" || return
	printf '%s\n' "$file"
}

# policy TEXT - is what /etc/vnetctl.conf says from now on
policy() {
	printf '%s\n' "$1" >"$ETC/vnetctl.conf"
	chmod 644 "$ETC/vnetctl.conf"
}

# in_etc CMD... - root runs CMD in $NS with that /etc, and a /dev/net/tun as udev makes it
# shellcheck disable=SC2016 # for the inner shell
in_etc() {
	in_ns "$NS" bash -ec '
		mount --bind "$0" /etc
		mount -t tmpfs -o mode=755 none /dev/net
		mknod -m 666 /dev/net/tun c 10 200
		exec "$@"' "$ETC" "$@"
}

# as USER CMD... - an ordinary user runs CMD so
as() {
	in_etc setpriv --reuid "$1" --regid "$1" --init-groups -- "${@:2}"
}

# alice ARGS..., bob ARGS..., carol ARGS... - run vnetctl
alice() { as alice "$VN" "$@"; }
bob() { as bob "$VN" "$@"; }
carol() { as carol "$VN" "$@"; }

# may USER ARGS... - works, without a word on standard error
may() {
	run_cmd "$@"
	assert_status 0 && assert_err ""
}

# may_not STATUS LINE USER ARGS... - refused so, and nothing is changed
may_not() {
	untouched_cmd "$@"
}

# no_rule VERB NAME TYPE LINK MODE - the line when nothing allows it
no_rule() {
	echo "$1 $2 (type $3, link $4, mode $5): no rule in /etc/vnetctl.conf allows it"
}

# no_strangers - of what the test started nothing runs but what spawn_bg knows
no_strangers() {
	[[ -z $(strangers) ]]
}

# made_by UID DEV - the device's mark says so
made_by() {
	ip -n "$NS" -j link show "$2" |
		jq -e --arg uid "$1" '.[0].altnames | any(startswith("vnetctl-" + $uid + "-"))' \
			>/dev/null || fail "$2 is not marked as $1's"
}
