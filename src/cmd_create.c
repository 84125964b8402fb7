// SPDX-License-Identifier: GPL-2.0-or-later
/* create: a device that stays, down and quiet unless "up" is given.
 *
 * Lines of a batch that stand together go to the kernel in one send, as long as each is
 * a macvtap that messages alone can make. All judgement is that of a single create: the first
 * line that is not plain, or that the kernel refuses, ends the send; what was made of
 * those behind it is removed, and they are done one by one. So a batch does what its lines
 * say, in their order, to the first error. If we are killed there are up to 32 devices more
 * than were told, each of them whole. */
#include <errno.h>

#include "cmd.h"
#include "fail.h"
#include "lifeline.h"
#include "plan.h"
#include "policy.h"
#include "priv.h"
#include "tapfd.h"

struct create {
	struct plan_words want;
	bool up;
};

static void *take_name(void *dst, const char *name)
{
	struct create *create = dst;

	if (create->want.name) {
		fail_usage("create: one device at a time: what is '%s'? A lower device or "
			   "bridge is 'link %s'",
			   name, name);
		return NULL;
	}
	create->want.name = name;
	return create;
}

/* clang-format off */
static const struct args_word words[] = {
	PLAN_WORDS(offsetof(struct create, want)),
	PLAN_OWNER(offsetof(struct create, want)),
	{ .name = "up", .per_dev = true, .offset = offsetof(struct create, up),
	  .help = "bring it up at once; else open-exec does" },
};
/* clang-format on */

static int own_node(struct ctx *ctx, const struct dev_plan *plan, const struct dev *dev)
{
	auto_close int id = dev_node_id(&ctx->home, dev);
	dev_t number;

	if (id < 0)
		return id;
	if (tapfd_node_number(id, &number) < 0)
		return fail_code();
	return tapfd_chown_node(number, dev->ifindex, plan->owner, plan->owner_group);
}

/* Under the lock on its name, which lifeline devices share; a device of ours that
 * is on its way out, or was left behind, does not stand in the way. */
static int make_named(struct dev_home *home, const struct dev_plan *plan, struct dev *dev, int *fd)
{
	auto_close int lock = lifeline_lock_name(plan->name);
	struct dev hidden;

	if (lock < 0 || lifeline_check_name(home, plan->name) < 0)
		return fail_code();
	for (unsigned tries = 0;; tries++) {
		if (dev_make(&home->nl, NULL, plan, dev, fd) == 0)
			return 0;
		if (!lifeline_clear_way(home, plan, 0, tries, &hidden))
			return dev_explain_make(&home->nl, plan, &hidden);
	}
}

/* The kernel chooses the number for "%d", unless there are lifelines whose
 * devices' names it does not know. */
static int make(struct dev_home *home, struct dev_plan *plan, struct dev *dev, int *fd)
{
	struct lifeline_marks marks = { .n = 0 };
	const char *pattern = plan->name;
	char name[IFNAMSIZ];
	bool count;
	int r = 0;

	if (strchr(pattern, '%') && lifeline_marks_load(home, &marks) < 0)
		return fail_code();
	count = lifeline_has_inside(&marks);
	lifeline_marks_free(&marks);
	if (!count)
		return make_named(home, plan, dev, fd);
	for (unsigned n = 0; r == 0; n++) {
		r = plan_number(plan, pattern, n, name);
		if (r == 0 && make_named(home, plan, dev, fd) == 0)
			break;
		if (r < 0 || fail_errnum() != EEXIST)
			r = fail_code();
		else
			fail_clear();
	}
	plan->name = pattern;
	return r;
}

static void warn_reach(const struct dev_plan *plan, const struct dev *dev)
{
	if (plan->link && !(plan->link->flags & IFF_UP))
		warn("%s is down, so %s reaches nobody: 'ip link set %s up'", plan->link->name,
		     dev->name, plan->link->name);
}

static int bring_up(struct ctx *ctx, const struct dev_plan *plan, const struct dev *dev)
{
	const struct dev_change up = { .set_up = true, .up = true };

	if (dev_change(&ctx->home.nl, dev, &up) < 0)
		return fail_code();
	warn_reach(plan, dev);
	return 0;
}

static int finish(struct ctx *ctx, const struct create *create, const struct dev_plan *plan,
		  const struct dev *dev)
{
	bool owned = plan->owner != (uid_t)-1 || plan->owner_group != (gid_t)-1;
	struct dev hidden;

	if (owned && dev_has_node(dev) && own_node(ctx, plan, dev) < 0)
		return fail_code();
	for (unsigned tries = 0; create->up; tries++) {
		if (bring_up(ctx, plan, dev) == 0)
			return 0;
		if (!lifeline_clear_way(&ctx->home, plan, dev->ifindex, tries, &hidden))
			return dev_explain_up(&ctx->home.nl, dev, &hidden);
	}
	return 0;
}

/* The name is news only if the kernel chose it, or to a program. */
static int tell(struct ctx *ctx, const struct create *create, const struct dev *dev)
{
	struct out o;

	if (ctx->style == OUT_JSON || ctx->style == OUT_PRETTY) {
		out_begin(&o, ctx->style, false, NULL);
		out_row(&o, "ifname", dev->name);
		out_row_end(&o);
		return out_end(&o);
	}
	if (!strchr(create->want.name, '%'))
		return 0;
	out_line("%s", dev->name);
	return out_plain_end();
}

static int parse(int argc, char **argv, struct create *create)
{
	*create = (struct create){ .up = false };
	if (args_parse(&cmd_create.spec, "create", argc, argv, create, create) < 0)
		return fail_code();
	if (!create->want.name)
		return fail_usage("create: which device? 'vnetctl create NAME ...'");
	return 0;
}

static int plan_for(struct ctx *ctx, const struct create *create, struct dev_plan *plan,
		    struct dev *link)
{
	if (plan_of(&ctx->home, &create->want, plan, link) < 0)
		return fail_code();
	plan->persist = true;
	return 0;
}

static int run(struct ctx *ctx, int argc, char **argv)
{
	struct dev link = { 0 }, dev = { 0 };
	struct create create;
	struct dev_plan plan;
	auto_close int fd = -1, lock = -1;

	if (parse(argc, argv, &create) < 0 || plan_for(ctx, &create, &plan, &link) < 0 ||
	    policy_make(&ctx->home, "create", &plan, &lock) < 0 ||
	    make(&ctx->home, &plan, &dev, &fd) < 0)
		return fail_code();
	if (finish(ctx, &create, &plan, &dev) == 0 && tell(ctx, &create, &dev) == 0)
		return 0;
	dev_delete(&ctx->home.nl, &dev);
	return fail_code();
}

/* Lines of a batch that are done in one. */
struct many {
	struct create create[DEV_AT_ONCE];
	struct dev_plan plan[DEV_AT_ONCE];
	struct dev link[DEV_AT_ONCE];
	struct dev_birth birth[DEV_AT_ONCE];
	int locks; /* on the names */
};

/* Plans line i and takes the lock on its name. Returns false when it is to be done alone:
 * whoever is wrong, or slow, or warned about is told once, and there. */
static bool prepare(struct ctx *ctx, const struct batch_line *line, struct many *m, size_t i)
{
	struct create *create = &m->create[i];
	struct dev_plan *plan = &m->plan[i];

	/* Most have the same link. */
	if (i)
		m->link[i] = m->link[i - 1];
	if (parse(line->argc - 1, line->argv + 1, create) < 0 || create->want.owner ||
	    create->want.mode == MODE_SOURCE || create->want.mode == MODE_PASSTHRU ||
	    plan_for(ctx, create, plan, &m->link[i]) < 0)
		return false;
	m->birth[i].plan = plan;
	m->birth[i].up = create->up;
	return dev_is_queued(plan) && lifeline_lock_more(&m->locks, plan->name) > 0;
}

/* How many of the first have names that no device inside a lifeline has. The kernel, which
 * chooses for "%d", does not know of those. */
static size_t count_free(struct ctx *ctx, const struct many *m, size_t n)
{
	struct lifeline_marks marks;
	bool inside;
	size_t i = 0;

	if (lifeline_marks_load(&ctx->home, &marks) < 0)
		return 0;
	inside = lifeline_has_inside(&marks);
	while (i < n && !(inside && (strchr(m->plan[i].name, '%') ||
				     lifeline_has_name(&ctx->home, &marks, m->plan[i].name))))
		i++;
	lifeline_marks_free(&marks);
	return i;
}

/* How many of the first are made and hushed, and up if they are to be. */
static size_t complete(struct ctx *ctx, struct many *m, size_t n)
{
	/* One scope for all of them. */
	auto_power struct power power = priv_raise(POWER(CAP_NET_ADMIN));
	size_t hushed = 0, up = 0;

	while (hushed < n && !m->birth[hushed].err && dev_hush(&m->birth[hushed].dev) == 0)
		hushed++;
	if (dev_up_many(&ctx->home.nl, m->birth, hushed) < 0)
		return 0;
	while (up < hushed && !m->birth[up].up_err)
		up++;
	return up;
}

static void stays(const struct dev *dev, int err, void *arg)
{
	(void)dev;
	(void)err;
	(void)arg;
}

/* At once, if there can be a lifeline. */
static void unmake(struct ctx *ctx, const struct dev_birth *births, size_t n)
{
	struct dev devs[DEV_AT_ONCE];
	size_t made = 0;

	for (size_t i = 0; i < n; i++) {
		if (!births[i].err)
			devs[made++] = births[i].dev;
	}
	if (made > 1 && lifeline_delete(&ctx->home, devs, made, stays, NULL) == 0)
		return;
	for (size_t i = 0; i < made; i++)
		dev_delete(&ctx->home.nl, &devs[i]);
}

/* What line i has to say. */
static bool tell_line(struct ctx *ctx, const struct batch_line *line, const struct many *m,
		      size_t i)
{
	const struct dev *dev = &m->birth[i].dev;

	fail_place(line->place);
	if (m->create[i].up)
		warn_reach(&m->plan[i], dev);
	return tell(ctx, &m->create[i], dev) == 0;
}

static size_t run_many(struct ctx *ctx, const struct batch_line *lines, size_t n)
{
	struct many *m = calloc(1, sizeof(*m));
	size_t ready = 0, good, done = 0;

	if (!m)
		return 0;
	m->locks = -1;
	while (ready < n && prepare(ctx, &lines[ready], m, ready))
		ready++;
	ready = count_free(ctx, m, ready);
	if (ready > 1 && dev_make_many(&ctx->home.nl, m->birth, ready) == 0) {
		good = complete(ctx, m, ready);
		while (done < good && tell_line(ctx, &lines[done], m, done))
			done++;
		unmake(ctx, m->birth + done, ready - done);
	}
	/* Who fails is told when it is done alone. */
	fail_clear();
	util_close(&m->locks);
	free(m);
	return done;
}

const struct cmd cmd_create = {
	.name = "create",
	.aliases = {"add"},
	.help = "make a macvtap or a tap",
	.spec =
		{
			.words = words,
			.n = ARRAY_SIZE(words),
			.names = "[dev] NAME",
			.name = take_name,
		},
	/* Links, the tap's ioctls, sysctls and locks; a sysfs of our own to find the node, and
	 * the namespace of a device that is in the way; the node's owner. */
	.power = POWER(CAP_NET_ADMIN) | POWER(CAP_SYS_ADMIN) | POWER(CAP_CHOWN),
	/* Who holds what is in the way; the mode of a node that is another's; a closed tun. */
	.own_power = POWER_LOOK | POWER(CAP_FOWNER) | POWER(CAP_DAC_OVERRIDE),
	.run = run,
	.run_many = run_many,
};
