// SPDX-License-Identifier: GPL-2.0-or-later
/* A mark is 0x56HHRRRR: our byte, a hash of the home namespace (a device that
 * is moved elsewhere keeps its group, where the id means nothing), and a random
 * part that RTM_NEWNSID proves to be free. The same number is the lifeline's
 * id at home and the group of the watched device.
 *
 * The watcher's own device is told by its node, not by name or mark, which
 * admins change. Orphans are told by the mark: ours, made here, the id dead,
 * and no process that holds the device. */
#include "lifeline.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>

#include "fail.h"
#include "holders.h"
#include "netns.h"
#include "tapfd.h"
#include "watch.h"

static uint32_t base_mark(ino_t home)
{
	uint32_t hash = (uint32_t)home * UINT32_C(2654435761);

	return UINT32_C(0x56) << 24 | hash >> 24 << 16;
}

bool lifeline_is_mark(const struct dev_home *home, uint32_t number)
{
	return (number & UINT32_C(0xffff0000)) == base_mark(home->inode);
}

void lifeline_close(struct lifeline *ll)
{
	util_close(&ll->nsfd);
	*ll = (struct lifeline)LIFELINE_INIT;
}

int lifeline_new(struct dev_home *home, struct lifeline *ll)
{
	auto_close int nsfd = netns_new(home->nsfd);

	if (nsfd < 0)
		return nsfd;
	for (int tries = 0; tries < 64; tries++) {
		uint16_t tail;
		int r;

		if (getrandom(&tail, sizeof(tail), 0) != sizeof(tail))
			return fail_sys("cannot get random bytes");
		ll->mark = base_mark(home->inode) | tail;
		r = nl_nsid_set(&home->nl, nsfd, (int32_t)ll->mark);
		if (r < 0)
			return r;
		if (r > 0) {
			ll->nsfd = steal_fd(&nsfd);
			return 0;
		}
	}
	return fail_refuse("cannot give the lifeline namespace an id: 64 random ones are taken");
}

struct duty {
	struct dev_home home;
	int id;
	int order; /* pipe from the starter: the last byte written counts */
	struct dev dev;
};

static bool is_armed(int fd)
{
	char order = '-', c;

	while (read(fd, &c, 1) == 1)
		order = c;
	return order == '+';
}

/* Nothing that fails here is a reason not to try the rest. */
static int on_death(void *arg)
{
	struct duty *duty = arg;
	dev_t number;

	if (is_armed(duty->order) && tapfd_node_number(duty->id, &number) &&
	    dev_delete(&duty->home.nl, &duty->dev) < 0)
		fail_clear();
	if (lifeline_sweep(&duty->home) < 0)
		fail_clear();
	return 0;
}

int lifeline_watch(const struct lifeline *ll, struct dev_home *home, const struct dev *dev, int id,
		   char **argv, int *arm)
{
	/* The watcher works with a socket of its own and home's other descriptors. */
	struct duty duty = { .home = *home, .id = id, .dev = *dev };
	auto_nl struct nl nl = NL_INIT;
	auto_close int order = -1, send = -1;
	char title[64];
	int ends[2];

	if (nl_open(&nl) < 0)
		return fail_code();
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return fail_sys("cannot start the watcher");
	order = ends[0];
	send = ends[1];
	duty.home.nl = nl;
	duty.order = order;

	const int keep[] = { nl.fd, id, order, home->sysfs };
	const struct watch watch = {
		.nsid = (int32_t)ll->mark,
		.title = title,
		.argv = argv,
		.keep = keep,
		.n_keep = ARRAY_SIZE(keep),
		.wake = on_death,
		.arg = &duty,
	};

	snprintf(title, sizeof(title), "vnetctl: watching %s", dev->name);
	if (watch_start(&watch) < 0)
		return fail_code();
	*arm = steal_fd(&send);
	return 0;
}

int lifeline_arm(int arm, bool on)
{
	if (write(arm, on ? "+" : "-", 1) != 1)
		return fail_sys("cannot speak to the watcher");
	return 0;
}

/* When in doubt it is held: one orphan more is better than a VM cut off. */
static bool is_held(struct dev_home *home, const struct dev *dev)
{
	auto_close int id = dev_node_id(home, dev);
	struct holders_key key = { 0 };
	struct holder holder;

	if (id >= 0 && tapfd_node_number(id, &key.number) && holders_find(&key, &holder) == 0)
		return false;
	fail_clear();
	return true;
}

int lifeline_is_orphan(struct dev_home *home, const struct dev *dev)
{
	int alive;

	if (!dev_has_node(dev) || !lifeline_is_mark(home, dev->group))
		return 0;
	alive = nl_nsid_alive(&home->nl, (int32_t)dev->group);
	if (alive < 0)
		return alive;
	return !alive && !is_held(home, dev);
}

struct finds {
	const struct dev_home *home;
	struct dev *devs;
	size_t n;
};

static int collect(const struct dev *dev, void *arg)
{
	struct finds *finds = arg;
	struct dev *more;

	if (!lifeline_is_mark(finds->home, dev->group))
		return 0;
	more = realloc(finds->devs, (finds->n + 1) * sizeof(*more));
	if (!more)
		return fail_errno(ENOMEM, NULL, "cannot list orphans");
	finds->devs = more;
	more[finds->n++] = *dev;
	return 0;
}

static void forget(void *arg)
{
	((struct finds *)arg)->n = 0;
}

int lifeline_sweep(struct dev_home *home)
{
	struct finds finds = { .home = home };
	int removed = 0;

	if (dev_each(&home->nl, "macvtap", -1, collect, forget, &finds) == 0) {
		for (size_t i = 0; i < finds.n; i++) {
			int r = lifeline_is_orphan(home, &finds.devs[i]);

			if (r > 0 && dev_delete(&home->nl, &finds.devs[i]) == 0)
				removed++;
		}
	}
	free(finds.devs);
	return fail_code() ? fail_code() : removed;
}
