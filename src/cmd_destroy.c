// SPDX-License-Identifier: GPL-2.0-or-later
/* destroy: remove devices, and nothing but macvtaps and taps. The kernel would
 * cut a guest off without a word, so a device in use needs "force".
 *
 * All devices are claimed, then judged, then removed, with the claims in hand. Deleting one device
 * costs the kernel some 20 ms, deleting a group of a thousand not much more: so many devices first
 * move into the group of a fresh lifeline, where nobody else can be, and go at once. If we are
 * killed in between they are orphans. */
#include <errno.h>

#include "claim.h"
#include "cmd.h"
#include "fail.h"
#include "held.h"
#include "lifeline.h"
#include "orphan.h"
#include "policy.h"

struct destroy {
	const char **names;
	size_t n_names;
	const char *type;
	const char *link;
	bool orphans;
	bool all;
	bool force;
	bool if_exists;

	struct dev_home *home;
	struct claim claim;
	struct deadline deadline; /* for all claims */
	struct holders seen;
	struct held_wait wait; /* for all holders */
	int link_index;
	struct dev *devs; /* to be removed */
	size_t n;
};

static void *take_name(void *dst, const char *name)
{
	struct destroy *d = dst;

	d->names[d->n_names++] = name;
	return d;
}

/* clang-format off */
static const struct args_word words[] = {
	{ .name = "type", .value = "{macvtap|tap}", .parse = args_str,
	  .offset = offsetof(struct destroy, type),
	  .help = "every device of this kind that vnetctl made" },
	{ .name = "link", .alias = "master", .value = "DEV", .parse = args_ifname,
	  .offset = offsetof(struct destroy, link),
	  .help = "every device that vnetctl made on this lower device or bridge" },
	{ .name = "orphans", .offset = offsetof(struct destroy, orphans), .excl = 1,
	  .help = "every device of vnetctl's that outlived its VM and its watcher" },
	{ .name = "all", .offset = offsetof(struct destroy, all), .excl = 1,
	  .help = "every device that vnetctl made" },
	{ .name = "force", .offset = offsetof(struct destroy, force),
	  .help = "also a device that is in use: its guest loses the network" },
	{ .name = "if-exists", .offset = offsetof(struct destroy, if_exists),
	  .help = "a device that is not there is no failure" },
};
/* clang-format on */

static bool is_among(const struct dev *devs, size_t n, const struct dev *dev)
{
	for (size_t i = 0; i < n; i++) {
		if (devs[i].ifindex == dev->ifindex && devs[i].netnsid == dev->netnsid)
			return true;
	}
	return false;
}

static int add(struct destroy *d, const struct dev *dev)
{
	if (!have_room(d->devs, d->n))
		return fail_errno(ENOMEM, NULL, "cannot remove %s", dev->name);
	d->devs[d->n++] = *dev;
	return 0;
}

static int add_name(struct destroy *d, const char *name)
{
	struct dev dev;

	if (lifeline_lookup(d->home, name, &dev) < 0)
		return fail_code();
	return is_among(d->devs, d->n, &dev) ? 0 : add(d, &dev);
}

/* type, link and all are for what vnetctl made: others' idle taps are theirs. */
static int add_if_ours(const struct dev *dev, void *arg)
{
	struct destroy *d = arg;

	if (!dev->kind || !dev->altname[0] || !dev_is_mine(dev))
		return 0;
	if (d->type && !streq(d->type, dev_kind_word(dev->kind)))
		return 0;
	if (d->link_index && !dev_is_on(dev, d->link_index))
		return 0;
	return add(d, dev);
}

static int add_if_orphan(const struct dev *dev, void *arg)
{
	struct destroy *d = arg;
	int r = orphan_is(d->home, NULL, NULL, dev);

	return r > 0 ? add(d, dev) : r;
}

static int add_all(struct destroy *d)
{
	struct lifeline_marks marks = { .n = 0 };
	struct dev link;

	if (d->link) {
		if (dev_get(&d->home->nl, -1, d->link, &link) < 0)
			return fail_code();
		d->link_index = link.ifindex;
	}
	if (dev_each(&d->home->nl, NULL, -1, add_if_ours, d) == 0 &&
	    lifeline_marks_load(d->home, &marks) == 0)
		lifeline_each(d->home, &marks, add_if_ours, d);
	lifeline_marks_free(&marks);
	return fail_code();
}

/* A device that has gone since it was found counts as removed. */
static bool has_gone(void)
{
	if (fail_errnum() != ENODEV && fail_errnum() != ENOENT && !nl_nsid_gone(fail_errnum()))
		return false;
	fail_clear();
	return true;
}

/* Returns 1 when the device is claimed, 0 when it has gone, or a recorded failure. */
static int claim(struct destroy *d, struct dev *dev)
{
	if (policy_use(d->home, "destroy", dev, dev->mode) < 0)
		return fail_code();
	if (claim_take(&d->claim, d->home, dev, "remove", &d->deadline) == 0)
		return 1;
	if (has_gone())
		return 0;
	/* A stopped vnetctl keeps nobody from removing what he removes by force. */
	if (fail_errnum() != EBUSY || !d->force)
		return fail_errnum() == EBUSY ? fail_hint("'force' does not wait for it") :
						fail_code();
	fail_clear();
	return 1;
}

static int compare(const void *a, const void *b, void *devs)
{
	const struct dev *all = devs;

	return claim_compare(&all[*(const size_t *)a], &all[*(const size_t *)b]);
}

/* The list stays in its own order, without what has gone and what cannot be claimed. */
static int claim_all(struct destroy *d)
{
	size_t *order = calloc(d->n + 1, sizeof(*order)), kept = 0;

	if (!order)
		return fail_errno(ENOMEM, NULL, "cannot remove devices");
	for (size_t i = 0; i < d->n; i++)
		order[i] = i;
	qsort_r(order, d->n, sizeof(*order), compare, d->devs);
	d->deadline = deadline_in(d->force ? 200 : DEADLINE_MS);
	for (size_t i = 0; i < d->n; i++) {
		if (claim(d, &d->devs[order[i]]) <= 0)
			d->devs[order[i]].ifindex = 0;
		fail_note();
	}
	free(order);
	for (size_t i = 0; i < d->n; i++) {
		if (d->devs[i].ifindex)
			d->devs[kept++] = d->devs[i];
	}
	d->n = kept;
	return 0;
}

/* Returns 1 when the device may be removed, 0 when it has gone or is none to be removed, or a
 * recorded failure. */
static int judge(struct destroy *d, struct dev *dev)
{
	struct held held;

	if (d->orphans) {
		int r = orphan_is(d->home, NULL, &d->seen, dev);

		return r < 0 && has_gone() ? 0 : r;
	}
	if (d->force)
		return 1;
	if (held_settle(d->home, &d->seen, dev, &d->wait, &held) < 0)
		return has_gone() ? 0 :
				    fail_hint("'force' removes %s without looking who holds it",
					      dev->name);
	if (held.state == HELD_NO)
		return 1;
	fail_errno(EBUSY, NULL, "cannot remove %s", dev->name);
	held_explain(held.holder);
	return fail_hint("'force' removes it all the same, and its guest loses the network");
}

static void judge_all(struct destroy *d)
{
	size_t kept = 0;

	d->wait = held_wait_begin();
	for (size_t i = 0; i < d->n; i++) {
		if (judge(d, &d->devs[i]) > 0)
			d->devs[kept++] = d->devs[i];
		fail_note();
	}
	d->n = kept;
}

static void remove_one(struct destroy *d, const struct dev *dev)
{
	if (dev_delete(&d->home->nl, dev) < 0)
		has_gone();
	else if (dev->netnsid >= 0 && !d->force)
		held_name_inside(d->home, &d->seen, dev);
	fail_note();
}

/* Those inside lifelines go one by one: a group is of one namespace. */
static void remove_inside(struct destroy *d)
{
	size_t kept = 0;

	for (size_t i = 0; i < d->n; i++) {
		if (d->devs[i].netnsid < 0)
			d->devs[kept++] = d->devs[i];
		else
			remove_one(d, &d->devs[i]);
	}
	d->n = kept;
}

static void tell_failed(const struct dev *dev, int err, void *arg)
{
	(void)arg;
	if (err == ENODEV)
		return;
	fail_note();
	fail_errno(err, NULL, "cannot remove %s", dev->name);
}

/* Without a lifeline (CAP_SYS_ADMIN, user.max_net_namespaces) they go one by one. */
static bool remove_group(struct destroy *d)
{
	struct lifeline ll = LIFELINE_INIT;

	if (d->n < 2)
		return false;
	if (lifeline_new(d->home, NULL, &ll) < 0) {
		fail_clear();
		return false;
	}
	dev_delete_many(&d->home->nl, d->devs, d->n, ll.mark, tell_failed, d);
	lifeline_close(&ll);
	return true;
}

static void remove_listed(struct destroy *d)
{
	remove_inside(d);
	if (remove_group(d))
		return;
	for (size_t i = 0; i < d->n; i++)
		remove_one(d, &d->devs[i]);
}

static int collect(struct destroy *d)
{
	bool by_kind = d->type || d->link || d->all;

	if (d->orphans && (d->type || d->link))
		return fail_usage("destroy: 'orphans' goes with nothing else");
	if (d->n_names && (by_kind || d->orphans))
		return fail_usage(
			"destroy: names do not go with 'type', 'link', 'orphans' or 'all'");
	if (!d->n_names && !by_kind && !d->orphans)
		return fail_usage("destroy: which device? 'vnetctl destroy NAME'");
	if (d->orphans)
		return orphan_each_marked(d->home, add_if_orphan, d);
	if (by_kind)
		return add_all(d);
	for (size_t i = 0; i < d->n_names; i++) {
		if (add_name(d, d->names[i]) == 0)
			continue;
		if (d->if_exists && fail_errnum() == ENODEV)
			fail_clear();
		fail_note();
	}
	return 0;
}

static int parse(struct destroy *d, int argc, char **argv)
{
	d->names = calloc((size_t)argc + 1, sizeof(*d->names));
	if (!d->names)
		return fail_errno(ENOMEM, NULL, "cannot read the names");
	return args_parse(&cmd_destroy.spec, "destroy", argc, argv, d, NULL);
}

static int run(struct ctx *ctx, int argc, char **argv)
{
	struct destroy d = {
		.home = &ctx->home,
		.claim = CLAIM_INIT,
		.seen = HOLDERS_INIT,
	};

	if (parse(&d, argc, argv) >= 0 && collect(&d) == 0 && claim_all(&d) == 0) {
		judge_all(&d);
		remove_listed(&d);
	}
	claim_drop(&d.claim);
	holders_free(&d.seen);
	free(d.names);
	free(d.devs);
	return fail_code();
}

const struct cmd cmd_destroy = {
	.name = "destroy",
	.aliases = { "del", "delete" },
	.help = "remove devices",
	.spec = {
		.words = words,
		.n = ARRAY_SIZE(words),
		.names = "[ [dev] NAME... ]",
		.name = take_name,
	},
	/* Links; a sysfs of our own, by which holders are told, and lifelines. */
	.power = POWER(CAP_NET_ADMIN) | POWER(CAP_SYS_ADMIN),
	/* Who holds it. */
	.own_power = POWER_LOOK,
	.run = run,
};
