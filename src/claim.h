/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The claim: one lock per device. A device is judged and acted upon (taken, changed, removed) only
 * with its claim in hand; a look before decides nothing. */
#ifndef VNETCTL_CLAIM_H
#define VNETCTL_CLAIM_H

#include "deadline.h"
#include "dev.h"

/* The claims on any number of devices. */
struct claim {
	int fd; /* has their locks */
};

#define CLAIM_INIT       \
	{                \
		.fd = -1 \
	}
#define auto_claim __attribute__((cleanup(claim_drop)))

/* Takes the claim on the device too, waiting until the deadline, and looks at the device again:
 * *dev is refreshed. Returns 0, or a failure recorded as "cannot VERB NAME: ..." (EBUSY: another
 * vnetctl has the claim; ENODEV: the device has gone, or is another one of that name by now). */
int claim_take(struct claim *claim, struct dev_home *home, struct dev *dev, const char *verb,
	       struct deadline *deadline);

/* Compares two devices as qsort(3) wants it: by this order the claims on more than one are taken,
 * so that two who want the same devices do not wait for each other. */
int claim_compare(const struct dev *a, const struct dev *b);

/* Takes the claim on a device that will be made at home with this index. Returns 0 or a recorded
 * failure. */
int claim_newborn(struct claim *claim, int ifindex, const char *name);

/* Takes the claim on the device that will be made in the lifeline with this id. Returns 0 or a
 * recorded failure. */
int claim_newborn_inside(struct claim *claim, uint32_t mark, const char *name);

/* Gives all of them back. Harmless on CLAIM_INIT. */
void claim_drop(struct claim *claim);

#endif
