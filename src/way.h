/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finds what stands in the way of a device that is to be made or brought up, and gets it out of
 * the way. */
#ifndef VNETCTL_WAY_H
#define VNETCTL_WAY_H

#include "deadline.h"
#include "dev.h"

struct way {
	struct dev_home *home;
	const struct dev_plan *plan;
	int self;		   /* ifindex of the device, 0 while it is not made */
	int32_t self_nsid;	   /* the lifeline that it lives in, -1: at home */
	struct deadline deadline;  /* for what can be seen to go */
	struct deadline unseen;	   /* for what cannot be seen at all */
	struct deadline by_itself; /* for what should go by itself */
	struct dev hidden;	   /* what is in the way inside a lifeline, ifindex 0: nothing */
};

/* Begins to make way for the plan at home, and sets the deadlines. self is the index of the device
 * when it is made, else 0, and nsid the lifeline that it lives in, -1 for home. Borrows home and
 * plan. */
struct way way_begin(struct dev_home *home, const struct dev_plan *plan, int self, int32_t nsid);

/* The failure on record says that the device could not be made or brought up. Removes an orphan
 * that is in the way, or a device that only an unread frame or a process in its namespace keeps;
 * or waits a moment for a device, or tap of anybody's, that goes with its VM and whose VM has
 * ended. Returns true when another try is worth it, and clears the record; false when what is in
 * the way stays, or a deadline has passed: then way->hidden is for dev_explain_make() and
 * dev_explain_up(). */
bool way_clear(struct way *way);

#endif
