#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The caller's own descriptors, 3 to 200 of them, arrive in COMMAND as they were, and
# beside them nothing but the tap; for a macvtap with lifetime fd the namespace, too.

load ../lib/common
load ../lib/refused
load ../lib/device
load ../lib/lifetime

setup() {
	common_setup
	cases_net
	settled lower wire port0 peer br0
	before=$(vt_links)
	cp "$PROBE" "$BATS_TEST_TMPDIR/probe"
}

links_as_before() {
	[[ $(vt_links) == "$before" ]]
}

# caller N CMD... - runs CMD with N descriptors above 2, at gaps of up to 3: files
# (for reading, for appending, non-blocking), pipes and sockets, with and without close-on-exec
# undone; prints what CMD prints. $BATS_TEST_TMPDIR/given gets a JSON list of what it was
# given: fd, link, position and flags of each.
caller() {
	in_ns "$NS" python3 -c '
import fcntl, json, os, socket, sys

count, where, command = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
given, fd, keep = [], 3, []

def give(made):
    global fd
    os.dup2(made, fd, inheritable=True)
    if made != fd:
        os.close(made)
    given.append(fd)
    fd += 1 + len(given) % 3

# Out of the way of the numbers to be given.
def high(made):
    moved = fcntl.fcntl(made, fcntl.F_DUPFD_CLOEXEC, 1000)
    os.close(made)
    return moved

kinds = [
    lambda: [os.open("/etc/passwd", os.O_RDONLY)],
    lambda: [os.open(where + ".log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)],
    lambda: [os.open("/etc/passwd", os.O_RDONLY | os.O_NONBLOCK)],
    lambda: list(os.pipe()),
    lambda: [s.detach() for s in socket.socketpair()],
    lambda: [socket.socket(socket.AF_INET, socket.SOCK_STREAM).detach()],
    lambda: [os.open("/dev/null", os.O_RDWR)],
    lambda: [os.open("/", os.O_RDONLY | os.O_DIRECTORY)],
]
ready = []
while len(ready) < count:
    ready += [high(f) for f in kinds[len(ready) % len(kinds)]()]
for made in ready[:count]:
    if os.readlink("/proc/self/fd/%d" % made) == "/etc/passwd":
        os.lseek(made, len(given), os.SEEK_SET)
    give(made)
for made in ready[count:]:
    os.close(made)

def facts(n):
    info = dict(l.split(":\t") for l in open("/proc/self/fdinfo/%d" % n).read().split("\n")
                if ":\t" in l)
    return {"fd": n, "link": os.readlink("/proc/self/fd/%d" % n),
            "pos": int(info["pos"]), "flags": info["flags"]}

json.dump([facts(n) for n in given], open(where, "w"))
os.execvp(command[0], command)' "$1" "$BATS_TEST_TMPDIR/given" "${@:2}"
}

# A COMMAND that prints the same of all that it has above 2.
received() {
	cat <<-'EOF'
	import json, os
	def facts(n):
	    info = dict(l.split(":\t") for l in open("/proc/self/fdinfo/%d" % n).read().split("\n")
	                if ":\t" in l)
	    return {"fd": n, "link": os.readlink("/proc/self/fd/%d" % n),
	            "pos": int(info["pos"]), "flags": info["flags"]}
	fds = sorted(int(n) for n in os.listdir("/proc/self/fd"))
	out = []
	for n in fds:
	    if n > 2:
	        try:
	            out.append(facts(n))
	        except FileNotFoundError:
	            pass  # of this very listing
	print(json.dumps(out))
	EOF
}
