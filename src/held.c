// SPDX-License-Identifier: GPL-2.0-or-later
/* A dead lifeline proves that the VM is gone. A living one does not prove that it lives: a frame
 * that waits unread at a sibling keeps it alive (tap_get_user() of drivers/net/tap.c does not
 * orphan the frame), and so does a process that only stands in the namespace. Where all processes
 * can be seen, and none of them holds the device, nobody does. */
#include "held.h"

#include <errno.h>

#include "fail.h"
#include "lifeline.h"
#include "netns.h"
#include "tapfd.h"

/* Where nobody keeps the namespace but the holder's queue, which nobody can enter by. */
static int number_by_holder(const struct holders *seen, const struct dev *dev, dev_t *number)
{
	if (fail_errnum() != ESRCH || holders_number_of(seen, dev->name, dev->ifindex, number) <= 0)
		return fail_code();
	fail_clear();
	return 0;
}

static int node_number(struct dev_home *home, struct holders *seen, const struct dev *dev,
		       dev_t *number, char path[64])
{
	auto_close int id = -1, nsfd = -1, sysfs = -1;

	if (dev->netnsid < 0) {
		id = dev_node_id(home, dev);
	} else {
		nsfd = lifeline_open(home, seen, dev->netnsid, path);
		if (nsfd < 0)
			return number_by_holder(seen, dev, number);
		if (netns_enter(nsfd) < 0)
			return fail_code();
		sysfs = tapfd_sysfs();
		netns_return(home->nsfd);
		if (sysfs < 0)
			return fail_code();
		id = tapfd_node_id(sysfs, dev->name, dev->ifindex);
	}
	if (id < 0)
		return id;
	return tapfd_node_number(id, number);
}

int held_key(struct dev_home *home, struct holders *seen, const struct dev *dev,
	     struct holders_key *key, char path[64])
{
	*key = (struct holders_key){ .number = 0 };
	path[0] = '\0';
	if (dev_has_node(dev))
		return node_number(home, seen, dev, &key->number, path);
	memcpy(key->tap, dev->name, sizeof(key->tap));
	key->netns = home->inode;
	return 0;
}

int held_by_kernel(struct dev_home *home, const struct dev *dev)
{
	int r;

	if (dev->netnsid >= 0)
		return nl_nsid_alive(&home->nl, dev->netnsid);
	/* An admin can take a tap's carrier; what is not persistent has a queue all the same. */
	if (!dev_has_node(dev))
		return dev->carrier || !dev->persist || dev->tap_queues;
	if (lifeline_is_mark(home, dev->group)) {
		r = nl_nsid_alive(&home->nl, (int32_t)dev->group);
		if (r != 0)
			return r;
	}
	return lifeline_holder_lives(home, dev->ifindex);
}

static int went_away(const struct dev *dev)
{
	fail_clear();
	return fail_errno(ENODEV, NULL, "%s went away with its last holder", dev->name);
}

static void note(struct held *held, const struct holder *h)
{
	if (held->state == HELD_YES)
		return;
	held->holder = h;
	held->state = holders_is_going(h) ? HELD_GOING : HELD_YES;
}

/* For a device whose namespace cannot be entered, so that its number is not known: asks every
 * descriptor of a device for its name and address. */
static void find_by_name(const struct holders *seen, const struct dev *dev, struct held *held)
{
	for (size_t i = 0; i < seen->n; i++) {
		const struct holder *h = &seen->list[i];

		if (h->number && !h->tap[0] &&
		    tapfd_leads_to(h->pid, h->fd, dev->name, dev->address, dev->ifindex))
			note(held, h);
	}
}

/* Stores the first holder that stays, or else one that is going, or NULL. Returns 0 or a recorded
 * failure. */
static int find_holder(struct dev_home *home, struct holders *seen, const struct dev *dev,
		       struct held *held)
{
	struct holders_key key, now;
	char path[64];

	if (holders_walk(seen) < 0)
		return fail_code();
	if (held_key(home, seen, dev, &key, path) < 0) {
		if (dev->netnsid < 0 || fail_errnum() != ESRCH)
			return fail_code();
		fail_clear();
		find_by_name(seen, dev, held);
		return 0;
	}
	for (const struct holder *h = NULL; (h = holders_next(seen, &key, h)) != NULL;)
		note(held, h);
	if (!held->holder)
		return 0;
	/* If it went meanwhile its number may be another device's, in any namespace. */
	if (held_key(home, seen, dev, &now, path) == 0 && now.number == key.number)
		return 0;
	if (!fail_code())
		went_away(dev);
	return fail_code();
}

int held_look(struct dev_home *home, struct holders *seen, const struct dev *dev, struct held *held)
{
	int alive = held_by_kernel(home, dev);

	*held = (struct held){ .state = HELD_NO };
	if (alive < 0)
		return alive;
	if (dev->netnsid >= 0 && !alive)
		return went_away(dev);
	if (find_holder(home, seen, dev, held) < 0) {
		/* The lifeline lives; it is only not known by whom. */
		if (!alive || fail_errnum() == ENODEV || fail_errnum() == ENOMEM)
			return fail_code();
		fail_clear();
		held->holder = NULL;
	}
	if (!held->holder && alive)
		held->state = HELD_GOING;
	return 0;
}

/* Looks at the device again. Returns 0 or a recorded failure (ENODEV). */
static int refresh(struct dev_home *home, struct dev *dev)
{
	struct dev now;

	if (dev_get_index(&home->nl, dev->netnsid, dev->ifindex, &now) < 0)
		return fail_errnum() == ENODEV || nl_nsid_gone(fail_errnum()) ? went_away(dev) :
										fail_code();
	*dev = now;
	return 0;
}

struct held_wait held_wait_begin(void)
{
	return (struct held_wait){ deadline_in(DEADLINE_MS), deadline_in(1000), deadline_in(200) };
}

int held_settle(struct dev_home *home, struct holders *seen, struct dev *dev,
		struct held_wait *wait, struct held *held)
{
	for (bool first = true;; first = false) {
		bool unseen, nobody;

		if ((!first && refresh(home, dev) < 0) || held_look(home, seen, dev, held) < 0)
			return fail_code();
		if (held->state != HELD_GOING)
			return 0;
		unseen = !held->holder && deadline_over(&wait->unseen);
		/* A queue that is attached to a tap is a fact, seen or not. */
		nobody = !held->holder && deadline_over(&wait->nobody) && dev_has_node(dev) &&
			 holders_saw_all(seen);
		if (unseen || nobody) {
			held->state = nobody ? HELD_NO : HELD_YES;
			return 0;
		}
		if (!deadline_nap(&wait->seen)) {
			held->state = HELD_YES;
			return 0;
		}
		holders_free(seen);
	}
}

int held_explain(const struct holder *holder)
{
	char comm[16];

	if (!holder)
		return fail_hint("it is held by a process that cannot be seen from here");
	holders_comm(holder->pid, comm);
	return fail_hint("it is held by %s (pid %d)", comm, holder->pid);
}

void held_name_inside(struct dev_home *home, struct holders *seen, const struct dev *dev)
{
	const struct holder *h = lifeline_next_inside(home, seen, dev->netnsid, NULL);
	char comm[16];

	if (!h)
		return;
	holders_comm(h->pid, comm);
	warn("%s: the guest that had this name is gone, but %s (pid %d) is still in its namespace",
	     dev->name, comm, h->pid);
}
