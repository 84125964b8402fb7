// SPDX-License-Identifier: GPL-2.0-or-later
/* A device at home is known by its index, one in a lifeline by the lifeline's id. Neither is a
 * user's to choose, and vnetctl asks the policy before it takes a claim: so an ordinary user can
 * only hold up those who want a device of his own, and no longer than until their deadline. */
#include "claim.h"

#include <errno.h>
#include <stdio.h>

#include "fail.h"
#include "lock.h"

static int take(struct claim *claim, enum lock_kind kind, uint32_t number, const char *what,
		struct deadline *deadline)
{
	if (lock_take(&claim->fd, kind, number, deadline, what) == 0)
		return 0;
	if (fail_errnum() == EBUSY)
		fail_hint("another vnetctl is at work on it: is it stopped?");
	return fail_code();
}

static bool is_same(const struct dev *a, const struct dev *b)
{
	return a->kind == b->kind && streq(a->name, b->name) && streq(a->altname, b->altname);
}

int claim_take(struct claim *claim, struct dev_home *home, struct dev *dev, const char *verb,
	       struct deadline *deadline)
{
	bool inside = dev->netnsid >= 0;
	struct dev now;
	char what[64];

	snprintf(what, sizeof(what), "cannot %s %s", verb, dev->name);
	if (take(claim, inside ? LOCK_INSIDE : LOCK_DEVICE,
		 inside ? (uint32_t)dev->netnsid : (uint32_t)dev->ifindex, what, deadline) < 0)
		return fail_code();
	if (dev_get_index(&home->nl, dev->netnsid, dev->ifindex, &now) == 0 && is_same(dev, &now)) {
		*dev = now;
		return 0;
	}
	if (fail_code() && fail_errnum() != ENODEV && !nl_nsid_gone(fail_errnum()))
		return fail_code();
	fail_clear();
	return fail_errno(ENODEV, NULL, "%s", what);
}

int claim_compare(const struct dev *a, const struct dev *b)
{
	if (a->netnsid != b->netnsid)
		return a->netnsid < b->netnsid ? -1 : 1;
	return a->ifindex < b->ifindex ? -1 : a->ifindex > b->ifindex;
}

int claim_newborn(struct claim *claim, int ifindex, const char *name)
{
	struct deadline deadline = deadline_in(DEADLINE_MS);
	char what[64];

	snprintf(what, sizeof(what), "cannot create %.15s", name);
	return take(claim, LOCK_DEVICE, (uint32_t)ifindex, what, &deadline);
}

int claim_newborn_inside(struct claim *claim, uint32_t mark, const char *name)
{
	struct deadline deadline = deadline_in(DEADLINE_MS);
	char what[64];

	snprintf(what, sizeof(what), "cannot create %.15s", name);
	return take(claim, LOCK_INSIDE, mark, what, &deadline);
}

void claim_drop(struct claim *claim)
{
	util_close(&claim->fd);
	claim->fd = -1;
}
