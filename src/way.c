// SPDX-License-Identifier: GPL-2.0-or-later
/* An obstacle that cannot go by itself is told at once. One that can is waited for, until it goes
 * by itself, through the kernel or its watcher; after that it is removed under its claim (claim.h)
 * if nobody holds it. */
#include "way.h"

#include <errno.h>
#include <net/if_arp.h>

#include "claim.h"
#include "fail.h"
#include "held.h"
#include "lifeline.h"
#include "orphan.h"

struct way way_begin(struct dev_home *home, const struct dev_plan *plan, int self, int32_t nsid)
{
	return (struct way){
		.home = home,
		.plan = plan,
		.self = self,
		.self_nsid = nsid,
		.deadline = deadline_in(DEADLINE_MS),
		.unseen = deadline_in(2000),
		.by_itself = deadline_in(200),
	};
}

/* The finds of look_at(). */
struct obstacle {
	const struct way *way;
	struct dev dev;
	bool found;
	bool stays; /* one that is not ours to move is in the way, too */
};

/* On one lower device two devices up cannot share a MAC, and passthru stands alone. */
static bool is_in_the_way(const struct obstacle *obstacle, const struct dev *dev)
{
	const struct dev_plan *plan = obstacle->way->plan;
	/* Down, it has not taken its address yet. */
	bool same_mac = !memcmp(dev->address, plan->guest.b, 6) && dev->flags & IFF_UP;

	if (!plan->link ||
	    (dev->ifindex == obstacle->way->self && dev->netnsid == obstacle->way->self_nsid))
		return false;
	if (dev->ifindex == plan->link->ifindex && dev->netnsid < 0)
		return same_mac && plan->mode != MODE_PASSTHRU;
	/* A veth's link is its peer, a VLAN's its lower device: neither is in the way. */
	if (!streq(dev->kind_name, "macvtap") && !streq(dev->kind_name, "macvlan"))
		return false;
	return dev_is_on(dev, plan->link->ifindex) &&
	       (same_mac || dev->mode == MODE_PASSTHRU || plan->mode == MODE_PASSTHRU);
}

static int look_at(const struct dev *dev, void *arg)
{
	struct obstacle *obstacle = arg;

	if (!is_in_the_way(obstacle, dev))
		return 0;
	/* Somebody else's, or another one of this very VM. */
	if (dev->netnsid < 0 && (!lifeline_is_mark(obstacle->way->home, dev->group) ||
				 dev->group == obstacle->way->plan->group)) {
		obstacle->stays = true;
		return 0;
	}
	obstacle->dev = *dev;
	obstacle->found = true;
	return 0;
}

/* The namesake is asked for by name, since it may be of any kind. */
static int find_obstacle(struct obstacle *obstacle)
{
	struct dev_home *home = obstacle->way->home;
	struct lifeline_marks marks = { .n = 0 };
	int r = 0;

	if (!obstacle->way->self) {
		if (dev_get(&home->nl, -1, obstacle->way->plan->name, &obstacle->dev) == 0) {
			obstacle->found = true;
			return 0;
		}
		if (fail_errnum() != ENODEV)
			return fail_code();
		fail_clear();
		r = lifeline_find(home, obstacle->way->plan->name, true, &obstacle->dev);
		if (r > 0)
			obstacle->found = true;
	}
	if (r == 0)
		r = dev_each(&home->nl, NULL, -1, look_at, obstacle);
	if (r == 0 && !obstacle->found)
		r = lifeline_marks_load(home, &marks);
	if (r == 0 && !obstacle->found)
		r = lifeline_each(home, &marks, look_at, obstacle);
	lifeline_marks_free(&marks);
	return r < 0 ? r : 0;
}

/* A tap that is to go with its holder does so whoever made it; and ours looks like anybody's
 * until it is marked. */
static bool goes_with_vm(const struct dev_home *home, const struct dev *dev)
{
	if (dev->kind && !dev_has_node(dev))
		return !dev->persist;
	return dev->netnsid >= 0 || lifeline_is_mark(home, dev->group);
}

/* For a device that should have gone by itself. Returns 1 when it is gone, 0 when it stays, or a
 * recorded failure. */
static int remove_leftover(struct way *way, const struct dev *dev)
{
	auto_holders struct holders seen = HOLDERS_INIT;
	auto_claim struct claim claim = CLAIM_INIT;
	struct held_wait wait = held_wait_begin();
	struct dev now = *dev;
	struct held held;

	if (claim_take(&claim, way->home, &now, "remove", &way->deadline) < 0 ||
	    held_settle(way->home, &seen, &now, &wait, &held) < 0)
		return fail_code();
	if (held.state == HELD_YES)
		return 0;
	if (dev_delete(&way->home->nl, &now) < 0)
		return fail_code();
	if (dev->netnsid >= 0)
		held_name_inside(way->home, &seen, dev);
	return 1;
}

/* The same, for a device that may still go by itself; 2 asks for a nap. */
static int move_aside(struct way *way, const struct dev *dev)
{
	auto_holders struct holders seen = HOLDERS_INIT;
	struct dev_home *home = way->home;
	struct held held;
	int r;

	if (!dev->altname[0] && !lifeline_is_mark(home, dev->group) && !goes_with_vm(home, dev))
		return 0;
	r = orphan_remove(home, dev, &way->deadline);
	if (r != 0)
		return r;
	if (!goes_with_vm(home, dev))
		return 0;
	if (held_look(home, &seen, dev, &held) < 0)
		return fail_code();
	if (held.state == HELD_YES)
		return 0;
	if (held.holder || !dev_has_node(dev) || !deadline_over(&way->by_itself))
		return 2;
	/* A watcher on duty gets the whole time, and what it leaves is then removed. */
	if (held.state == HELD_NO && !deadline_over(&way->deadline))
		return 2;
	return remove_leftover(way, dev);
}

/* A lower device that is a bridge port, or no Ethernet device, stays one; and so does another
 * one's hold on it (EBUSY before there is a device). */
static bool may_be_unseen(const struct way *way, int err)
{
	const struct dev_plan *plan = way->plan;

	if (err == EEXIST)
		return true;
	if (!plan->link || plan->link->master || plan->link->arphrd != ARPHRD_ETHER)
		return false;
	return way->self ? err == EADDRINUSE || err == EBUSY : err == EINVAL;
}

/* Returns 1 when it is gone, 0 when it stays, 2 when it may go, or a recorded failure. */
static int try_to_clear(struct way *way, int err)
{
	struct obstacle obstacle = { .way = way };
	int r = find_obstacle(&obstacle);

	way->hidden.ifindex = 0;
	if (r < 0)
		return r;
	if (obstacle.found && obstacle.dev.netnsid >= 0)
		way->hidden = obstacle.dev;
	if (obstacle.stays)
		return 0;
	if (!obstacle.found)
		/* Gone in the meantime, or inside a lifeline that is just being torn down. */
		return may_be_unseen(way, err) && !deadline_over(&way->unseen) ? 2 : 0;
	r = move_aside(way, &obstacle.dev);
	if (r >= 0 || (fail_errnum() != ENODEV && fail_errnum() != ENOENT))
		return r;
	/* It went while we looked. */
	fail_clear();
	return 1;
}

bool way_clear(struct way *way)
{
	int err = fail_errnum(), r;
	bool claimed;

	if (err != EEXIST && err != EBUSY && err != EINVAL && err != EADDRINUSE)
		return false;
	fail_hold();
	r = try_to_clear(way, err);
	if (r == 2)
		r = deadline_nap(&way->deadline);
	claimed = r < 0 && fail_errnum() == EBUSY;
	fail_release();
	if (r > 0)
		fail_clear();
	else if (claimed)
		fail_hint("another vnetctl is at work on what is in the way: is it stopped?");
	return r > 0;
}
