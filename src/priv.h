/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The door to libcap. Power is a scope: a capability is effective only around the
 * call that needs it, and permitted only if the command's row names it. */
#ifndef VNETCTL_PRIV_H
#define VNETCTL_PRIV_H

#include <stdint.h>
#include <sys/capability.h>
#include <sys/types.h>

#include "util.h"

/* A set of capabilities has this bit for each of them. */
#define POWER(cap) (UINT64_C(1) << (cap))

#define POWER_ALL UINT64_MAX

/* What it takes to look into processes of others. */
#define POWER_LOOK (POWER(CAP_SYS_PTRACE) | POWER(CAP_DAC_READ_SEARCH))

/* True when whatever power the process has is the caller's own: real root's, or
 * lent by somebody who had it (AT_SECURE is 0). False when an ordinary user runs a binary
 * that has file capabilities: then holding one proves nothing. */
bool priv_is_own(void);

/* The first thing that a command does: nothing is effective from here on, and permitted is
 * what of any[], or of own[] too if priv_is_own(), the process has. Refuses to run set-user-ID.
 * Read back. Returns 0 or a recorded failure. */
int priv_begin(uint64_t any, uint64_t own);

/* A scope, from priv_raise() to the end of the block:
 *
 *	auto_power struct power power = priv_raise(POWER(CAP_NET_ADMIN));
 */
struct power {
	cap_t caps;	 /* of the process while it lasts, NULL: nothing was raised */
	uint64_t raised; /* what was not effective before */
	int err;	 /* errno of a kernel that would not raise what is permitted, else 0 */
};

#define auto_power __attribute__((cleanup(priv_lower), unused))

/* Makes effective what of these is permitted. What is not, the call in the scope will miss,
 * and say so: this never fails. Who takes a missing right for an answer looks at err. */
struct power priv_raise(uint64_t caps);

/* True when all of these are effective in the scope. */
bool priv_has(const struct power *power, uint64_t caps);

/* Cleanup for auto_power: what was raised is effective no more. errno stays. A kernel that
 * refuses twice is a recorded failure. */
void priv_lower(struct power *power);

/* Cuts every capability set of the process, the bounding and ambient ones
 * too, to keep (that of it which the process has; none of it effective), sets
 * no_new_privs, and reads all of it back. Returns 0 or a recorded failure. */
int priv_keep_only(uint64_t keep);

/* Becomes another user for good: supplementary groups (name's own, none when it
 * is empty), group, user, in that order; then without any capability and
 * with no_new_privs. All of it is read back. The caller's PDEATHSIG stays, and is raised if the
 * parent dies meanwhile. Returns 0 or a recorded failure. */
int priv_become(const char *name, uid_t uid, gid_t gid);

/* Adds to the failure on record that cap is missing, which need names in words ("CAP_SYS_ADMIN"),
 * and way, how to get it; or, where no_new_privs or a nosuid mount bars every way, that. Returns
 * the recorded code. */
int priv_explain(uint64_t cap, const char *need, const char *way);

/* Adds to the failure on record that CAP_NET_ADMIN is missing, and how to get it. Returns the
 * recorded code. */
int priv_explain_net_admin(void);

/* True when an exec gives the process all capabilities, whatever it gave up before. */
bool priv_is_root(void);

/* Gives up all capabilities before an exec, and reads that back. With priv_is_root()
 * the permitted ones stay, for the case that the exec fails. Returns 0 or a
 * recorded failure. */
int priv_give_up(void);

#endif
