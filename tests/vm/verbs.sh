# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What the scripts that run inside a virtual machine have in common: they lie beside it, source it,
# and report one line "ok NAME" or "not ok NAME: why" for each check.

# shellcheck disable=SC2034 # variables are for who sources it

exec {say}>&1
failed=0
took=0 # ms, of until_true

# check NAME COMMAND...: COMMAND is true, or its output says why not. Then after_failure is
# called, if there is one.
check() {
	local name=$1
	shift

	rm -f /tmp/why
	if "$@" >/tmp/why 2>&1; then
		echo "ok $name" >&"$say"
		return
	fi
	echo "not ok $name: $(tr -s '\n' ';' </tmp/why)" >&"$say"
	failed=1
	if [[ $(type -t after_failure) == function ]]; then
		after_failure
	fi
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
