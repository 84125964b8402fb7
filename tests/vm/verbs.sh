# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What the scripts that run inside a virtual machine have in common: they lie beside it, source it,
# and report one line "ok NAME" or "not ok NAME: why" for each check.

# shellcheck disable=SC2034 # variables are for who sources it

exec {say}>&1
failed=0
took=0 # ms, of until_true

# check NAME COMMAND...: COMMAND is true and prints nothing at all: a warning that nobody looks
# for is a failure, too. Its output says why it was not true. Then after_failure is called, if
# there is one.
check() {
	local name=$1 rc=0
	shift

	rm -f /tmp/why
	"$@" >/tmp/why 2>&1 || rc=$?
	if [[ $rc -eq 0 && ! -s /tmp/why ]]; then
		echo "ok $name" >&"$say"
		return
	fi
	echo "not ok $name: $(tr -s '\n' ';' </tmp/why)" >&"$say"
	failed=1
	if [[ $(type -t after_failure) == function ]]; then
		after_failure
	fi
}

# run COMMAND...: sets $rc; what it printed is in /tmp/out and /tmp/err
run() {
	rc=0
	# new files: a process that it left may write into the old ones
	rm -f /tmp/out /tmp/err
	"$@" >/tmp/out 2>/tmp/err || rc=$?
}

# says STATUS OUT ERR COMMAND...: it ends with STATUS and prints exactly these, each with a
# newline; '' is nothing at all
says() {
	local want=$1 out=$2 err=$3 rc
	shift 3

	run "$@"
	[[ $rc == "$want" ]] && holds /tmp/out "$out" && holds /tmp/err "$err" && return
	fail "$*: status $rc, stdout '$(cat /tmp/out)', stderr '$(cat /tmp/err)'," \
		"not $want, '$out', '$err'"
}

# holds FILE TEXT: exactly TEXT and a newline, or nothing
holds() {
	printf '%s' "${2:+$2$'\n'}" | cmp -s - "$1"
}

# silent COMMAND...: succeeds and prints nothing
silent() {
	says 0 '' '' "$@"
}

fail() {
	echo "$*"
	return 1
}

# now VAR: microseconds
now() {
	printf -v "$1" %s "${EPOCHREALTIME/[.,]/}"
}

# until_true MS COMMAND...: polls every few ms; $took is how long it was, in ms
until_true() {
	local limit=$1 start end
	shift

	now start
	while :; do
		"$@" && break
		now end
		((end - start < limit * 1000)) || return 1
		read -rt 0.002 <>/tmp/nap
	done
	now end
	took=$(((end - start) / 1000))
}
