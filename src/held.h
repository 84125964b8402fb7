/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether a device is held open, and by which process. The kernel says it of every device that
 * vnetctl opened (lifeline, carrier); a walk over /proc names the holder, and finds those who
 * opened a macvtap themselves. */
#ifndef VNETCTL_HELD_H
#define VNETCTL_HELD_H

#include "deadline.h"
#include "dev.h"
#include "holders.h"

enum held_state {
	HELD_NO,
	HELD_GOING, /* by nobody that stays: a holder is exiting, or there is a lifeline and no
		     * holder can be seen, which is so for a moment after each VM's end */
	HELD_YES,
};

/* The answer of one look. */
struct held {
	enum held_state state;
	const struct holder *holder; /* lives as long as the walk; NULL: none can be seen */
};

/* Stores what to look for among the holders of dev. A macvtap inside a lifeline is looked at from
 * there; path (64 bytes) then gets where that can be entered, else it is empty. seen is walked if
 * need be. Returns 0 or a recorded failure. */
int held_key(struct dev_home *home, struct holders *seen, const struct dev *dev,
	     struct holders_key *key, char path[64]);

/* Asks the kernel whether the device is held by a descriptor that vnetctl opened, or, for a tap,
 * by any. Returns 1, 0, or a recorded failure. */
int held_by_kernel(struct dev_home *home, const struct dev *dev);

/* Looks once; seen is walked if need be. Returns 0 and fills *held, or a recorded failure (ENODEV:
 * the device went meanwhile). */
int held_look(struct dev_home *home, struct holders *seen, const struct dev *dev,
	      struct held *held);

/* How long to wait for holders that are going. */
struct held_wait {
	struct deadline seen;	/* for one that can be seen */
	struct deadline unseen; /* for one that cannot */
	struct deadline nobody; /* where every process can be seen, and none is a holder */
};

/* Begins to wait: 5 s, 1 s and 0.2 s. */
struct held_wait held_wait_begin(void);

/* Looks until the answer is HELD_NO or HELD_YES, waiting for holders that are going. After the
 * wait, a holder that can be seen, or could be there unseen, is HELD_YES. *dev is looked at again
 * meanwhile; the caller has its claim, and seen was walked after that or not at all. Returns as
 * held_look(). */
int held_settle(struct dev_home *home, struct holders *seen, struct dev *dev,
		struct held_wait *wait, struct held *held);

/* Adds to the failure on record by which process the device is held (NULL: one that cannot be
 * seen). Returns the recorded code. */
int held_explain(const struct holder *holder);

/* Warns of a process that is still in the namespace of a device inside a lifeline, which nobody
 * held and which was removed. seen is from before. */
void held_name_inside(struct dev_home *home, struct holders *seen, const struct dev *dev);

#endif
