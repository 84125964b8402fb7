// SPDX-License-Identifier: GPL-2.0-or-later
/* destroy: remove devices, and nothing but macvtaps and taps. The kernel would
 * cut a guest off without a word, so a device in use needs "force".
 *
 * Deleting one device costs the kernel some 20 ms, deleting a group of a
 * thousand not much more: so many devices first move into the group of a fresh
 * lifeline, where nobody else can be, and go at once. If we are killed in between they
 * are orphans. Lines of a batch that stand together and only name devices do so, too; the
 * first that is to be refused ends the lot and is judged alone. */
#include <errno.h>

#include "cmd.h"
#include "fail.h"
#include "lifeline.h"
#include "policy.h"

/* Of a batch: what one line has added to devs. */
struct part {
	size_t end; /* of it in devs */
	const char *place;
	bool if_exists;
};

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
	struct holders seen;
	unsigned patience; /* for all of them */
	int link_index;
	struct dev *devs; /* to be removed */
	size_t n;
	struct part parts[DEV_AT_ONCE]; /* of devs, in a batch */
	size_t n_parts;
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

static int refuse_held(struct destroy *d, struct dev *dev)
{
	const struct holder *holder;
	int held = lifeline_held(d->home, &d->seen, dev, &d->patience, &holder);

	if (held < 0 && (fail_errnum() == ENOENT || fail_errnum() == ENODEV)) {
		/* It has gone meanwhile, which the removal will tell, if that matters. */
		fail_clear();
		return 0;
	}
	if (held < 0)
		return fail_hint("'force' removes %s without looking who holds it", dev->name);
	if (held == 0)
		return 0;
	fail_errno(EBUSY, NULL, "cannot remove %s", dev->name);
	lifeline_explain_held(holder);
	return fail_hint("'force' removes it all the same, and its guest loses the network");
}

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
	int r = lifeline_is_orphan(d->home, NULL, &d->seen, dev);

	return r > 0 ? add(d, dev) : r;
}

static void again(void *arg)
{
	((struct destroy *)arg)->n = 0;
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
	if (dev_each(&d->home->nl, NULL, -1, add_if_ours, again, d) == 0 &&
	    lifeline_marks_load(d->home, &marks) == 0)
		lifeline_each(d->home, &marks, add_if_ours, NULL, d);
	lifeline_marks_free(&marks);
	return fail_code();
}

static int check(struct destroy *d, struct dev *dev)
{
	if (policy_use(d->home, "destroy", dev, dev->mode) < 0)
		return fail_code();
	return d->force || d->orphans ? 0 : refuse_held(d, dev);
}

/* Takes out of the list what is not the caller's to remove or in use, and tells it. */
static void drop_refused(struct destroy *d)
{
	size_t kept = 0;

	for (size_t i = 0; i < d->n; i++) {
		if (check(d, &d->devs[i]) == 0)
			d->devs[kept++] = d->devs[i];
		fail_note();
	}
	d->n = kept;
}

/* Those inside lifelines go one by one: a group is of one namespace. */
static void remove_inside(struct destroy *d)
{
	size_t kept = 0;

	for (size_t i = 0; i < d->n; i++) {
		if (d->devs[i].netnsid < 0)
			d->devs[kept++] = d->devs[i];
		else
			dev_delete(&d->home->nl, &d->devs[i]);
		/* Its namespace may have died with its VM meanwhile. */
		if (d->if_exists && nl_nsid_gone(fail_errnum()))
			fail_clear();
		fail_note();
	}
	d->n = kept;
}

static void tell_failed(const struct dev *dev, int err, void *arg)
{
	struct destroy *d = arg;
	const struct part *part = d->parts;

	while (part < d->parts + d->n_parts && (size_t)(dev - d->devs) >= part->end)
		part++;
	if (err == ENODEV && (d->n_parts ? part->if_exists : d->if_exists))
		return;
	fail_note();
	if (d->n_parts)
		fail_place(part->place);
	fail_errno(err, NULL, "cannot remove %s", dev->name);
}

static void remove_listed(struct destroy *d)
{
	remove_inside(d);
	if (d->n == 1)
		dev_delete_quick(&d->home->nl, d->devs);
	else if (d->n > 1)
		lifeline_delete(d->home, d->devs, d->n, tell_failed, d);
	if (d->if_exists && fail_errnum() == ENODEV)
		fail_clear();
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
	/* One that was not named and goes by itself is not missed. */
	if (!d->n_names)
		d->if_exists = true;
	if (d->orphans)
		return lifeline_each_marked(d->home, add_if_orphan, d);
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
		.seen = HOLDERS_INIT,
		.patience = LIFELINE_PATIENCE,
	};

	if (parse(&d, argc, argv) >= 0 && collect(&d) == 0) {
		drop_refused(&d);
		remove_listed(&d);
	}
	holders_free(&d.seen);
	free(d.names);
	free(d.devs);
	return fail_code();
}

/* Adds what the line names. Returns false when that is to be refused, or is not simple. */
static bool add_names(struct destroy *d, const struct destroy *line)
{
	size_t before = d->n;
	struct dev dev;

	if (!line->n_names || line->type || line->link || line->all || line->orphans)
		return false;
	for (size_t i = 0; i < line->n_names; i++) {
		if (lifeline_lookup(d->home, line->names[i], &dev) < 0) {
			if (!line->if_exists || fail_errnum() != ENODEV)
				return false;
			fail_clear();
			continue;
		}
		/* By the time of this line it would be gone, or it is no member of groups. */
		if (is_among(d->devs, before, &dev) || dev.netnsid >= 0)
			return false;
		if (!is_among(d->devs, d->n, &dev) &&
		    ((!line->force && refuse_held(d, &dev) < 0) || add(d, &dev) < 0))
			return false;
	}
	return true;
}

static bool add_line(struct destroy *d, const struct batch_line *line)
{
	struct destroy one = { .n = 0 };
	size_t before = d->n;
	bool added = parse(&one, line->argc - 1, line->argv + 1) >= 0 && add_names(d, &one);

	if (added)
		d->parts[d->n_parts++] = (struct part){ d->n, line->place, one.if_exists };
	else
		d->n = before;
	free(one.names);
	return added;
}

static size_t run_many(struct ctx *ctx, const struct batch_line *lines, size_t n)
{
	struct destroy d = { .home = &ctx->home, .seen = HOLDERS_INIT };
	size_t done = 0;
	int r = 0;

	while (done < n && add_line(&d, &lines[done]))
		done++;
	fail_clear();
	if (d.n == 1)
		r = dev_delete_quick(&d.home->nl, d.devs);
	else if (d.n > 1)
		r = lifeline_delete(d.home, d.devs, d.n, tell_failed, &d);
	if (r < 0) {
		fail_clear();
		done = 0;
	}
	holders_free(&d.seen);
	free(d.devs);
	return done;
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
	.run_many = run_many,
};
