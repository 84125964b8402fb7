/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The door to libcap: giving up what is not needed. */
#ifndef VNETCTL_PRIV_H
#define VNETCTL_PRIV_H

#include <sys/capability.h>
#include <sys/types.h>

#include "util.h"

/* Cuts every capability set of the process, the bounding and ambient ones
 * too, to keep[] (n of them, those of it that the process has), sets no_new_privs,
 * and reads all of it back. Returns 0 or a recorded failure. */
int priv_keep_only(const cap_value_t *keep, int n);

/* Becomes another user for good: supplementary groups (name's own, none when it
 * is empty), group, user, in that order; then without any capability and
 * with no_new_privs. All of it is read back. Returns 0 or a recorded failure. */
int priv_become(const char *name, uid_t uid, gid_t gid);

/* Sees to it that an exec passes no capability on that root would not have
 * anyway: the inheritable and ambient sets are emptied. Returns 0 or a recorded failure. */
int priv_clear_inheritable(void);

#endif
