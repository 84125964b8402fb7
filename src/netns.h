/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The door to network namespaces: who we are in, entering one and coming
 * back, making an anonymous one, and the lock that belongs to one. */
#ifndef VNETCTL_NETNS_H
#define VNETCTL_NETNS_H

#include <stdint.h>
#include <sys/types.h>

#include "util.h"

/* Opens the calling thread's network namespace. Returns a CLOEXEC descriptor
 * or a recorded failure. */
int netns_self(void);

/* Opens the namespace that the user named: a name as `ip netns` knows it, a
 * path (it holds a '/'), or the pid of a process in it. Returns a CLOEXEC
 * descriptor or a recorded failure. */
int netns_open(const char *name);

/* Moves the calling thread into the namespace. Needs CAP_SYS_ADMIN. Returns 0
 * or a recorded failure. */
int netns_enter(int nsfd);

/* Makes a fresh anonymous namespace and returns a descriptor for it, its only
 * reference; the caller stays in home. Needs CAP_SYS_ADMIN. A failure names
 * the limit in the way (user.max_net_namespaces). */
int netns_new(int home);

/* The inode number that names the namespace behind nsfd, 0 when it cannot be
 * had (recorded). Two descriptors are one namespace if and only if it is equal. */
ino_t netns_inode(int nsfd);

/* Takes an exclusive lock of this namespace on key and waits for it. Only who has
 * CAP_NET_ADMIN there can take such a lock at all: it is a byte range of
 * /proc/sys/net/ipv4/tcp_fastopen_key, which is 0600 and the namespace's own.
 * Returns a descriptor (CLOEXEC) whose close gives the lock back, or a
 * recorded failure that begins with what was to be done. Processes that see another mount
 * of procfs (in a pid namespace of their own) do not exclude each other. */
int netns_lock(uint64_t key, const char *what);

/* Takes one more such lock with the same descriptor, *fd, which is opened when it is -1. It
 * does not wait: who did so with locks in hand could wait for ever. Returns 1, 0 when
 * somebody else has it, or a recorded failure. */
int netns_lock_more(int *fd, uint64_t key, const char *what);

#endif
