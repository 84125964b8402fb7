/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who holds a device open, found in /proc: the kernel does not tell it. A
 * process in another pid namespace, and a descriptor that is on its way through a
 * socket, cannot be seen. */
#ifndef VNETCTL_HOLDERS_H
#define VNETCTL_HOLDERS_H

#include <net/if.h>
#include <sys/types.h>

#include "util.h"

struct holder {
	pid_t pid;
	char comm[16];
	int fd;
};

/* What to look for: a macvtap's node by its device number, a tap by name. */
struct holders_key {
	dev_t number; /* 0 for a tap */
	char tap[IFNAMSIZ];
};

/* Finds one process other than the caller that holds the device open. Returns
 * 1 and fills *holder, 0 when there is none to be seen, or a recorded failure
 * when /proc cannot be read at all. */
int holders_find(const struct holders_key *key, struct holder *holder);

/* Calls cb for each network namespace that some process holds by a descriptor
 * ("net:[inode]" in /proc/PID/fd), once each, with a CLOEXEC descriptor that
 * is closed afterwards and the path it was found at. Stops when cb returns other than 0.
 * Returns what cb returned last, or a recorded failure. */
int holders_each_netns(int (*cb)(int nsfd, const char *path, void *arg), void *arg);

#endif
