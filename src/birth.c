// SPDX-License-Identifier: GPL-2.0-or-later
/* The kernel judges names among the devices of one namespace, but home and its lifelines are
 * several, in which vnetctl promises each name once. No lock is needed for that, which a stopped
 * process could hold: the device is made first, and then its maker looks for another one of that
 * name. Of two makers at least the later one sees the other. The rules:
 *
 *	- A device inside a lifeline that is up has its name: all others yield.
 *	- A device at home has its name before one inside that is not up yet.
 *	- Of two inside, not up yet, the one whose lifeline's id is nearer to the name's hash has it
 *	  (lifeline_place()): the kernel gives each id once.
 *
 * The one that does not yield waits until the other one has gone or come up. */
#include "birth.h"

#include <errno.h>
#include <stdio.h>

#include "fail.h"
#include "netns.h"
#include "plan.h"
#include "way.h"

/* Other devices with the name. */
struct namesakes {
	const struct birth *birth;
	bool made;   /* ours is there */
	bool has_it; /* one of them has the name */
	bool yields; /* one of them is going to yield */
};

static int judge(const struct dev *other, void *arg)
{
	struct namesakes *all = arg;
	const struct birth *birth = all->birth;
	const char *name = other->name;

	if (birth->apart && all->made && (uint32_t)other->netnsid == birth->own.mark)
		return 0;
	if (!all->made || other->flags & IFF_UP ||
	    (birth->apart && lifeline_place((uint32_t)other->netnsid, name) <
				     lifeline_place(birth->own.mark, name)))
		all->has_it = true;
	else
		all->yields = true;
	return 0;
}

static int refuse_name(const struct birth *birth)
{
	return fail_errno(EEXIST, NULL, "cannot create %s %s%s%s", dev_kind_word(birth->plan.kind),
			  birth->plan.name, birth->plan.link ? " on " : "",
			  birth->plan.link ? birth->plan.link->name : "");
}

/* Returns 1, 0 when no device at home has the name, or a recorded failure. */
static int is_at_home(struct birth *birth, const char *name)
{
	struct dev dev;

	if (dev_get(&birth->home->nl, -1, name, &dev) == 0)
		return 1;
	if (fail_errnum() != ENODEV)
		return fail_code();
	fail_clear();
	return 0;
}

/* Refuses a name that another device has. Returns 0 or a recorded failure (EEXIST). */
static int check_name(struct birth *birth, const char *name, bool made)
{
	struct deadline deadline = deadline_in(DEADLINE_MS);
	struct namesakes all;

	do {
		int r = birth->apart ? is_at_home(birth, name) : 0;

		if (r != 0)
			return r < 0 ? r : refuse_name(birth);
		all = (struct namesakes){ .birth = birth, .made = made };
		if (lifeline_each_namesake(birth->home, name, judge, &all) < 0)
			return fail_code();
		if (!all.has_it && !all.yields)
			return 0;
	} while (!all.has_it && deadline_nap(&deadline));
	refuse_name(birth);
	return fail_hint("a device of lifetime fd has this name: see 'vnetctl list %s'", name);
}

static int make_apart(struct birth *birth)
{
	struct dev_plan *plan = &birth->plan;
	int r;

	if (lifeline_new(birth->home, plan->name, &birth->own) < 0 ||
	    claim_newborn_inside(&birth->claim, birth->own.mark, plan->name) < 0 ||
	    netns_enter(birth->own.nsfd) < 0)
		return fail_code();
	plan->nsfd = birth->own.nsfd;
	r = dev_home_open(&birth->inside);
	if (r == 0)
		r = dev_make(&birth->home->nl, &birth->inside.nl, plan, &birth->dev, &birth->fd);
	netns_return(birth->home->nsfd);
	return r;
}

static int make_at_home(struct birth *birth)
{
	if (dev_kind_has_node(birth->plan.kind) &&
	    claim_newborn(&birth->claim, birth->plan.ifindex, birth->plan.name) < 0)
		return fail_code();
	return dev_make(&birth->home->nl, NULL, &birth->plan, &birth->dev, &birth->fd);
}

static void unmake(struct birth *birth)
{
	fail_hold();
	if (birth->fd >= 0)
		close(steal_fd(&birth->fd));
	if (birth->dev.ifindex && (dev_has_node(&birth->dev) || birth->plan.persist))
		dev_delete(birth->apart ? &birth->inside.nl : &birth->home->nl, &birth->dev);
	fail_release();
}

/* One try; whatever it did before it failed is undone. */
static int try_to_make(struct birth *birth)
{
	const char *name = birth->plan.name;
	int r = 0;

	birth->dev.ifindex = 0;
	if (!strchr(name, '%'))
		r = check_name(birth, name, false);
	if (r == 0)
		r = dev_random_index(&birth->plan.ifindex);
	if (r == 0)
		r = birth->apart ? make_apart(birth) : make_at_home(birth);
	if (r == 0) {
		r = check_name(birth, birth->dev.name, true);
		if (r == 0)
			return 0;
		unmake(birth);
	}
	birth_close(birth);
	return r;
}

/* The kernel can choose a number only when there are no names that it does not know of. Returns 1
 * when it is to be chosen here, 0, or a recorded failure. */
static int must_count(struct birth *birth)
{
	struct lifeline_marks marks;
	int r = 0;

	if (!strchr(birth->plan.name, '%'))
		return 0;
	if (birth->apart)
		return 1;
	if (lifeline_marks_load(birth->home, &marks) < 0)
		return fail_code();
	r = lifeline_has_inside(&marks);
	lifeline_marks_free(&marks);
	return r;
}

/* Tries one number after the other. Of what is in the way only the name is passed over. */
static int make_numbered(struct birth *birth)
{
	const char *pattern = birth->plan.name;

	for (unsigned n = 0;; n++) {
		int r = plan_number(&birth->plan, pattern, n, birth->name);

		if (r == 0)
			r = is_at_home(birth, birth->name);
		if (r == 0 && try_to_make(birth) == 0)
			return 0;
		if (r > 0)
			continue;
		if (fail_errnum() != EEXIST)
			return dev_explain_make(&birth->home->nl, &birth->plan, NULL);
		fail_clear();
	}
}

int birth_make(struct birth *birth)
{
	struct way way;
	int count = must_count(birth);

	if (count != 0)
		return count < 0 ? count : make_numbered(birth);
	way = way_begin(birth->home, &birth->plan, 0, -1);
	while (try_to_make(birth) < 0) {
		/* The number that the kernel chose is a lifeline's. */
		if (fail_errnum() == EEXIST && strchr(birth->plan.name, '%')) {
			fail_clear();
			return make_numbered(birth);
		}
		if (!way_clear(&way))
			return dev_explain_make(&birth->home->nl, &birth->plan, &way.hidden);
	}
	return 0;
}

int birth_draw_again(struct birth *birth, struct nl *nl)
{
	int err = fail_errnum();

	if (birth->plan.asked_mac || birth->plan.mode == MODE_PASSTHRU ||
	    (err != EADDRINUSE && err != EBUSY))
		return 0;
	fail_clear();
	if (dev_random_mac(&birth->plan.guest) < 0 ||
	    dev_set_address(nl, &birth->dev, birth->plan.guest.b) < 0)
		return fail_code();
	return 1;
}

void birth_close(struct birth *birth)
{
	util_close(&birth->fd);
	birth->fd = -1;
	dev_home_close(&birth->inside);
	lifeline_close(&birth->own);
	claim_drop(&birth->claim);
}
