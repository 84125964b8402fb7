// SPDX-License-Identifier: GPL-2.0-or-later
/* A dead mark alone makes no orphan: while its watcher is on duty the device is the watcher's,
 * and a device that is taken again loses the mark (nic.c), so that no dead mark is ever on a device
 * in use. */
#include "orphan.h"

#include <errno.h>

#include "claim.h"
#include "fail.h"
#include "held.h"
#include "lock.h"
#include "priv.h"

/* Marked here, for this user, and not moved here from a namespace whose hash happens to be ours. A
 * tap is marked only by a removal of many that was killed midway. */
static bool could_be(const struct dev_home *home, const struct dev *dev)
{
	return dev->netnsid < 0 && lifeline_is_mark(home, dev->group) &&
	       (dev_has_node(dev) || dev->altname[0]) && dev_is_mine(dev) &&
	       (!dev->altname[0] || dev->born_in == home->inode);
}

/* Without the right to ask for locks, as in list for an ordinary user, nobody is on duty. */
static int is_on_duty(uint32_t mark)
{
	int r = lock_is_taken(LOCK_DUTY, mark);

	if (r < 0 && fail_errnum() == EPERM) {
		fail_clear();
		return 0;
	}
	return r;
}

int orphan_is(struct dev_home *home, const struct lifeline_marks *marks, struct holders *seen,
	      const struct dev *dev)
{
	struct held held = { .state = HELD_NO };
	int r;

	if (!could_be(home, dev) || lifeline_marks_have(marks, dev->group))
		return 0;
	r = held_by_kernel(home, dev);
	if (r == 0)
		r = is_on_duty(dev->group);
	if (r == 0 && seen)
		r = held_look(home, seen, dev, &held);
	return r < 0 ? r : r == 0 && held.state == HELD_NO;
}

int orphan_has_watcher(const struct dev *dev)
{
	return is_on_duty(dev->group);
}

int orphan_is_going(struct dev_home *home, const struct dev *dev)
{
	int r;

	if (!could_be(home, dev))
		return 0;
	r = held_by_kernel(home, dev);
	return r < 0 ? r : r > 0 ? 0 : is_on_duty(dev->group);
}

int orphan_remove(struct dev_home *home, const struct dev *dev, struct deadline *deadline)
{
	auto_holders struct holders seen = HOLDERS_INIT;
	auto_claim struct claim claim = CLAIM_INIT;
	struct dev now = *dev;
	int r = orphan_is(home, NULL, NULL, dev);

	if (r <= 0)
		return r;
	if (claim_take(&claim, home, &now, "remove", deadline) == 0) {
		r = orphan_is(home, NULL, &seen, &now);
		if (r == 0)
			return 0;
		if (r > 0 && dev_delete(&home->nl, &now) == 0)
			return 1;
	}
	/* It went while we looked. */
	if (fail_errnum() != ENODEV && fail_errnum() != ENOENT)
		return fail_code();
	fail_clear();
	return 1;
}

struct marked {
	const struct dev_home *home;
	dev_cb *cb;
	void *arg;
};

static int call_if_marked(const struct dev *dev, void *arg)
{
	const struct marked *marked = arg;

	return lifeline_is_mark(marked->home, dev->group) ? marked->cb(dev, marked->arg) : 0;
}

int orphan_each_marked(struct dev_home *home, dev_cb *cb, void *arg)
{
	struct marked marked = { home, cb, arg };
	int r = dev_each(&home->nl, "macvtap", -1, call_if_marked, &marked);

	return r < 0 ? r : dev_each(&home->nl, "tun", -1, call_if_marked, &marked);
}
