/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Locks of this network namespace, each named by a number. Only a process that has
 * CAP_NET_ADMIN in the namespace can take one. */
#ifndef VNETCTL_LOCK_H
#define VNETCTL_LOCK_H

#include <stdint.h>

#include "deadline.h"
#include "util.h"

/* The kinds of locks; the number is of the thing that is locked, and no user can choose it. */
enum lock_kind {
	LOCK_DEVICE = 1, /* a device at home, by its ifindex: see claim.h */
	LOCK_INSIDE,	 /* a device in a lifeline, by the lifeline's id: see claim.h */
	LOCK_DUTY,	 /* the lifeline that a watcher watches, by its id: see watcher.h */
	LOCK_COUNT,	 /* the devices of a user, by uid: see policy.h */
};

/* Takes a lock, and waits for it until the deadline. *fd is the descriptor that has the lock:
 * opened (CLOEXEC) when it is -1, else one that has others already; all of them are given back
 * when its last duplicate is closed. Returns 0, or a failure recorded as "WHAT: ..." (EBUSY: the
 * deadline has passed). */
int lock_take(int *fd, enum lock_kind kind, uint32_t number, struct deadline *deadline,
	      const char *what);

/* Asks whether another process has the lock. Returns 1, 0, or a recorded failure. */
int lock_is_taken(enum lock_kind kind, uint32_t number);

#endif
