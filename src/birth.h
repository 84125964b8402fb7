/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Making a device: the only place. Name, number, place, way, creation. */
#ifndef VNETCTL_BIRTH_H
#define VNETCTL_BIRTH_H

#include "claim.h"
#include "dev.h"
#include "lifeline.h"

struct birth {
	/* Given. */
	struct dev_home *home;
	struct dev_plan plan;
	bool apart; /* the device is to live in a lifeline of its own (lifetime fd of a macvtap) */

	/* Made. */
	struct dev dev;
	int fd;			/* of a tap, else -1 */
	struct claim claim;	/* on a macvtap, until it is dropped */
	struct lifeline own;	/* of a device that lives apart */
	struct dev_home inside; /* in it */
	char name[IFNAMSIZ];	/* where a number was chosen here for "%d" */
};

#define BIRTH_INIT                                                                           \
	{                                                                                    \
		.fd = -1, .claim = CLAIM_INIT, .own = LIFELINE_INIT, .inside = DEV_HOME_INIT \
	}

/* Makes the device that birth->plan describes, as dev_make() does, under a name that neither a
 * device at home nor one in a lifeline of home has; of two makers of one name at one moment one
 * yields. Makes way first, if what is in the way may go. Returns 0, or a recorded failure that
 * names what is in the way; then nothing is left but what birth_close() closes. */
int birth_make(struct birth *birth);

/* Draws another random address for a device of birth_make() that cannot come up because its own
 * is taken on the lower device. Returns 1, 0 when the address was asked for or is not what the
 * failure on record is about, or a recorded failure. After 1 the record is clear. */
int birth_draw_again(struct birth *birth, struct nl *nl);

/* Closes what is open, and gives the claim back; the device stays as long as its kind says.
 * Harmless on BIRTH_INIT. */
void birth_close(struct birth *birth);

#endif
