/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The door to the clock: how long anything waits. */
#ifndef VNETCTL_DEADLINE_H
#define VNETCTL_DEADLINE_H

#include <stdint.h>

#include "util.h"

#define DEADLINE_MS 5000 /* every wait that has no reason to be shorter */

/* A moment of CLOCK_MONOTONIC, and how long the next nap before it is. */
struct deadline {
	int64_t at; /* in ms */
	unsigned nap;
};

/* Returns the deadline that is ms milliseconds from now. */
struct deadline deadline_in(unsigned ms);

/* True when the deadline has passed. */
bool deadline_over(const struct deadline *deadline);

/* Sleeps for 1 ms, and for longer at each further call, up to 64 ms, so that what is looked at
 * in between may be dear. Returns false, without sleeping, when the deadline has passed. */
bool deadline_nap(struct deadline *deadline);

#endif
