/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The door to network namespaces: who we are in, entering one and coming
 * back, and making an anonymous one. */
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

/* Opens the namespace at a path that another process may control: nothing else is ever opened
 * there. Returns a CLOEXEC descriptor or a recorded failure (EINVAL: it is no namespace). */
int netns_open_path(const char *path);

/* Moves the calling thread into the namespace. Needs CAP_SYS_ADMIN. Returns 0
 * or a recorded failure. */
int netns_enter(int nsfd);

/* Moves the calling thread back into home, where it came from. Ends the program when that fails:
 * nothing may be done in a namespace that is not the one meant. */
void netns_return(int home);

/* Makes a fresh anonymous namespace and returns a descriptor for it, its only
 * reference; the caller stays in home. Needs CAP_SYS_ADMIN. A failure names
 * the limit in the way (user.max_net_namespaces). */
int netns_new(int home);

/* The inode number that names the namespace behind nsfd, 0 when it cannot be
 * had (recorded). Two descriptors are one namespace if and only if it is equal. */
ino_t netns_inode(int nsfd);

/* Opens /proc/sys/NAME of the namespace that we are in, where need be with CAP_NET_ADMIN. Where it
 * is mounted read-only, as in containers and units, /proc is cloned without what is mounted on it,
 * which takes CAP_SYS_ADMIN. Returns a CLOEXEC descriptor, or -1 with errno set. */
int netns_open_sysctl(const char *name, int mode);

#endif
