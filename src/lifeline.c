// SPDX-License-Identifier: GPL-2.0-or-later
/* A lifeline's id at home says whose it is:
 *
 *	0x56HHRRRR	of one VM's watched devices; the same number is their link group. HH is a
 *			hash of the home namespace, because a device that is moved keeps its
 *			group, and RRRR is random and even.
 *	0x56HHRRRR	RRRR odd: of a device that lives inside (lifetime fd). The 15 bits are a
 *			hash of its name, or the next ones if those are taken: a name is found
 *			without asking every lifeline.
 *	0x57IIIIII	of a persistent device that vnetctl opened, by its ifindex; and so on to
 *			0x5eIIIIII where an older one is still alive.
 *
 * RTM_NEWNSID gives an id once: the kernel itself judges which is free. */
#include "lifeline.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>

#include "fail.h"
#include "holders.h"
#include "lock.h"
#include "netns.h"
#include "priv.h"

#define TRIES 32

static uint32_t base_mark(ino_t home)
{
	uint32_t hash = (uint32_t)home * UINT32_C(2654435761);

	return UINT32_C(0x56) << 24 | hash >> 24 << 16;
}

uint32_t lifeline_free_mark(const struct dev_home *home)
{
	return base_mark(home->inode);
}

bool lifeline_is_mark(const struct dev_home *home, uint32_t number)
{
	return (number & UINT32_C(0xffff0000)) == base_mark(home->inode) && number & 0xffff;
}

void lifeline_close(struct lifeline *ll)
{
	util_close(&ll->nsfd);
	*ll = (struct lifeline)LIFELINE_INIT;
}

/* FNV-1a, cut to the 15 bits that a mark has room for. */
static uint32_t name_hash(const char *name)
{
	uint32_t hash = UINT32_C(2166136261);

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * UINT32_C(16777619);
	return (hash ^ hash >> 15) & 0x7fff;
}

/* The try-th id that a namespace may get. Returns 1, 0 when it is not to be tried, or a recorded
 * failure. */
typedef int next_id(struct dev_home *home, const void *arg, unsigned try, uint32_t *id);

/* Makes a lifeline and gives it the first of these ids that is free. */
static int make(struct dev_home *home, unsigned tries, next_id *next, const void *arg,
		struct lifeline *ll)
{
	auto_close int nsfd = netns_new(home->nsfd);
	int r = nsfd < 0 ? nsfd : 0;

	for (unsigned try = 0; r == 0 && try < tries; try++) {
		r = next(home, arg, try, &ll->mark);
		if (r > 0)
			r = nl_nsid_set(&home->nl, nsfd, (int32_t)ll->mark);
	}
	if (r == 0)
		return fail_refuse("cannot give the lifeline namespace an id: %u are taken", tries);
	if (r > 0)
		ll->nsfd = steal_fd(&nsfd);
	return r < 0 ? r : 0;
}

/* For the device of that name inside. */
static int id_of_name(struct dev_home *home, const void *name, unsigned try, uint32_t *id)
{
	*id = base_mark(home->inode) | ((name_hash(name) + try) & 0x7fff) << 1 | 1;
	return 1;
}

/* For watched devices: never 0 at its end, which is lifeline_free_mark()'s, nor that of a dead
 * lifeline whose watcher has not ended yet. */
static int random_id(struct dev_home *home, const void *arg, unsigned try, uint32_t *id)
{
	uint16_t r;
	int taken;

	(void)arg;
	(void)try;
	if (getrandom(&r, sizeof(r), 0) != sizeof(r))
		return fail_sys("cannot get random bytes");
	*id = base_mark(home->inode) | (r & 0xfffe);
	if (!lifeline_is_mark(home, *id))
		return 0;
	taken = lock_is_taken(LOCK_DUTY, *id);
	return taken < 0 ? taken : !taken;
}

int lifeline_new(struct dev_home *home, const char *inside, struct lifeline *ll)
{
	return make(home, TRIES, inside ? id_of_name : random_id, inside, ll);
}

/* For the holder of a persistent device. */
static uint32_t holder_id(int ifindex, unsigned try)
{
	return (0x57U + try) << 24 | ((uint32_t)ifindex & 0xffffff);
}

static int id_of_index(struct dev_home *home, const void *ifindex, unsigned try, uint32_t *id)
{
	(void)home;
	*id = holder_id(*(const int *)ifindex, try);
	return 1;
}

int lifeline_new_holder(struct dev_home *home, int ifindex, struct lifeline *ll)
{
	return make(home, HOLDER_IDS, id_of_index, &ifindex, ll);
}

static int note_alive(int32_t nsid, void *arg)
{
	(void)nsid;
	*(bool *)arg = true;
	return 0;
}

int lifeline_holder_lives(struct dev_home *home, int ifindex)
{
	bool alive = false;
	int r = nl_nsid_ask(&home->nl, holder_id(ifindex, 0), 1U << 24, HOLDER_IDS, note_alive,
			    &alive);

	return r < 0 ? r : alive;
}

struct ids {
	struct dev_home *home;
	struct lifeline_marks *marks;
	size_t all; /* of others, too */
};

static int collect_id(int32_t nsid, void *arg)
{
	struct ids *ids = arg;
	struct lifeline_marks *marks = ids->marks;

	ids->all++;
	if (!lifeline_is_mark(ids->home, (uint32_t)nsid))
		return 0;
	if (!have_room(marks->ids, marks->n))
		return fail_errno(ENOMEM, NULL, "cannot list lifelines");
	marks->ids[marks->n++] = nsid;
	return 0;
}

static int compare_ids(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

	return (x > y) - (x < y);
}

/* The ids that a device inside could have: all, or those that one born with that name could
 * have. */
static int ask_inside(struct ids *ids, const char *name)
{
	struct nl *nl = &ids->home->nl;
	uint32_t base = base_mark(ids->home->inode) | 1, first = name ? name_hash(name) : 0;
	uint32_t n = name ? TRIES : 1 << 15, before_end = (1 << 15) - first;

	if (n > before_end) {
		if (nl_nsid_ask(nl, base, 2, n - before_end, collect_id, ids) < 0)
			return fail_code();
		n = before_end;
	}
	return nl_nsid_ask(nl, base | first << 1, 2, n, collect_id, ids);
}

/* Where the kernel may have left some out, those with a device inside are asked for: the others
 * are asked for one by one, where they matter. */
static int load(struct dev_home *home, const char *name, struct lifeline_marks *marks)
{
	struct ids ids = { .home = home, .marks = marks };
	size_t kept = 0;
	int r;

	*marks = (struct lifeline_marks){ .n = 0 };
	r = nl_nsid_each(&home->nl, collect_id, &ids);
	if (r == 0 && ids.all > NL_NSID_MOST) {
		for (size_t i = 0; i < marks->n; i++) {
			if (!(marks->ids[i] & 1))
				marks->ids[kept++] = marks->ids[i];
		}
		marks->n = kept;
		r = ask_inside(&ids, name);
	}
	if (r < 0)
		lifeline_marks_free(marks);
	else if (marks->n)
		qsort(marks->ids, marks->n, sizeof(*marks->ids), compare_ids);
	return r;
}

int lifeline_marks_load(struct dev_home *home, struct lifeline_marks *marks)
{
	return load(home, NULL, marks);
}

bool lifeline_marks_have(const struct lifeline_marks *marks, uint32_t mark)
{
	int32_t id = (int32_t)mark;

	return marks && marks->n &&
	       bsearch(&id, marks->ids, marks->n, sizeof(id), compare_ids) != NULL;
}

void lifeline_marks_free(struct lifeline_marks *marks)
{
	free(marks->ids);
	*marks = (struct lifeline_marks){ .n = 0 };
}

unsigned lifeline_place(uint32_t mark, const char *name)
{
	return ((mark >> 1) - name_hash(name)) & 0x7fff;
}

/* It may be another name, or the namespace may have died just now; who may not look there has no
 * device there either. */
static bool is_elsewhere(void)
{
	int err = fail_errnum();

	if (err != ENODEV && err != EPERM && !nl_nsid_gone(err))
		return false;
	fail_clear();
	return true;
}

/* Returns 1 and fills *dev, 0 when there is none, or a recorded failure. */
static int find_among(struct dev_home *home, const struct lifeline_marks *marks, const char *name,
		      bool quick, struct dev *dev)
{
	for (size_t i = 0; i < marks->n; i++) {
		uint32_t mark = (uint32_t)marks->ids[i];

		if (!(mark & 1) || (quick && lifeline_place(mark, name) >= TRIES))
			continue;
		if (dev_get(&home->nl, marks->ids[i], name, dev) == 0)
			return 1;
		if (!is_elsewhere())
			return fail_code();
	}
	return 0;
}

int lifeline_find(struct dev_home *home, const char *name, bool quick, struct dev *dev)
{
	struct lifeline_marks marks;
	int r = load(home, quick ? name : NULL, &marks);

	if (r == 0)
		r = find_among(home, &marks, name, quick, dev);
	lifeline_marks_free(&marks);
	return r;
}

bool lifeline_has_inside(const struct lifeline_marks *marks)
{
	for (size_t i = 0; i < marks->n; i++) {
		if (marks->ids[i] & 1)
			return true;
	}
	return false;
}

int lifeline_each(struct dev_home *home, const struct lifeline_marks *marks, dev_cb *cb, void *arg)
{
	for (size_t i = 0; i < marks->n; i++) {
		if (!(marks->ids[i] & 1))
			continue;
		if (dev_each(&home->nl, "macvtap", marks->ids[i], cb, arg) == 0)
			continue;
		if (!nl_nsid_gone(fail_errnum()))
			return fail_code();
		fail_clear();
	}
	return 0;
}

int lifeline_lookup(struct dev_home *home, const char *name, struct dev *dev)
{
	int r;

	if (dev_get(&home->nl, -1, name, dev) == 0)
		return dev_check_kind(dev);
	if (fail_errnum() != ENODEV)
		return fail_code();
	fail_hold();
	r = lifeline_find(home, name, false, dev);
	fail_release();
	if (r <= 0)
		return fail_code();
	fail_clear();
	return 0;
}

int lifeline_each_namesake(struct dev_home *home, const char *name, dev_cb *cb, void *arg)
{
	struct lifeline_marks marks;
	int r = load(home, name, &marks);

	for (size_t i = 0; r == 0 && i < marks.n; i++) {
		uint32_t mark = (uint32_t)marks.ids[i];
		struct dev dev;

		if (!(mark & 1) || lifeline_place(mark, name) >= TRIES)
			continue;
		if (dev_get(&home->nl, marks.ids[i], name, &dev) == 0)
			r = cb(&dev, arg);
		else if (!is_elsewhere())
			r = fail_code();
	}
	lifeline_marks_free(&marks);
	return r;
}

/* The id of the namespace of seen->list[i], asked for once for each namespace; -1: none. */
static int32_t id_of(struct dev_home *home, struct holders *seen, size_t i)
{
	struct holder *h = &seen->list[i];
	auto_close int nsfd = -1;

	if (h->nsid != HOLDER_NSID_UNKNOWN)
		return h->nsid;
	if (i > 0 && !h[-1].number && h[-1].netns == h->netns &&
	    h[-1].nsid != HOLDER_NSID_UNKNOWN) {
		h->nsid = h[-1].nsid;
		return h->nsid;
	}
	nsfd = holders_open_netns(h);
	if (nsfd < 0 || nl_nsid_get(&home->nl, nsfd, &h->nsid) < 0) {
		fail_clear();
		h->nsid = -1;
	}
	return h->nsid;
}

const struct holder *lifeline_next_inside(struct dev_home *home, struct holders *seen, int32_t nsid,
					  const struct holder *prev)
{
	size_t i = prev ? (size_t)(prev - seen->list) + 1 : 0;

	for (; i < seen->n && !seen->list[i].number; i++) {
		if (id_of(home, seen, i) == nsid)
			return &seen->list[i];
	}
	return NULL;
}

int lifeline_open(struct dev_home *home, struct holders *seen, int32_t nsid, char path[64])
{
	const struct holder *h = NULL;
	int32_t now;

	if (holders_walk(seen) < 0)
		return fail_code();
	while ((h = lifeline_next_inside(home, seen, nsid, h)) != NULL) {
		auto_close int nsfd = holders_open_netns(h);

		/* The descriptor may be another one by now. */
		if (nsfd < 0 || nl_nsid_get(&home->nl, nsfd, &now) < 0) {
			fail_clear();
			continue;
		}
		if (now != nsid)
			continue;
		holders_path(h, path);
		return steal_fd(&nsfd);
	}
	return fail_errno(
		ESRCH, NULL,
		"cannot enter the device's namespace: no process that can be seen holds it");
}
