/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lifeline: an anonymous network namespace that lives exactly as long as
 * the descriptor a VMM holds, because a macvtap queue references the namespace
 * its opener was in. Its id at home is the device's mark (link group), so that
 * whoever finds a marked device can ask whether its VM still lives. */
#ifndef VNETCTL_LIFELINE_H
#define VNETCTL_LIFELINE_H

#include <stdint.h>
#include <sys/types.h>

#include "dev.h"
#include "util.h"

struct lifeline {
	int nsfd;      /* the namespace; whoever holds it keeps it alive */
	uint32_t mark; /* its id at home, and the group of watched devices */
};

#define LIFELINE_INIT { .nsfd = -1 }

/* Makes a lifeline and gives it a free id at home. Needs CAP_SYS_ADMIN.
 * Returns 0 or a recorded failure. */
int lifeline_new(struct dev_home *home, struct lifeline *ll);

/* Lets go of the namespace. Harmless on LIFELINE_INIT. */
void lifeline_close(struct lifeline *ll);

/* True when the number is a mark made at home. */
bool lifeline_is_mark(const struct dev_home *home, uint32_t number);

/* Starts the watcher that removes dev, which is at home, when the lifeline is
 * dead. id is tapfd_node_id()'s descriptor: the device's identity, whatever it
 * is renamed or regrouped to. Until lifeline_arm() only a device that carries
 * the mark is removed. argv is main's, for ps. Stores in *arm a CLOEXEC descriptor for
 * lifeline_arm(). Returns 0 or a recorded failure. */
int lifeline_watch(const struct lifeline *ll, struct dev_home *home, const struct dev *dev, int id,
		   char **argv, int *arm);

/* From now on, or (on false) no longer, the watcher removes its device even if
 * somebody changed its mark. Returns 0 or a recorded failure. */
int lifeline_arm(int arm, bool on);

/* True when the device is marked here, its lifeline is dead and nobody can be
 * seen to hold it. Returns 1, 0, or a recorded failure. */
int lifeline_is_orphan(struct dev_home *home, const struct dev *dev);

/* Removes every orphan at home. Returns how many, or a recorded failure. */
int lifeline_sweep(struct dev_home *home);

#endif
