// SPDX-License-Identifier: GPL-2.0-or-later
/* create: a device that stays, down and quiet unless "up" is given. */
#include <errno.h>

#include "cmd.h"
#include "fail.h"
#include "lifeline.h"
#include "plan.h"
#include "tapfd.h"

struct create {
	struct plan_words want;
	bool up;
};

static void *take_name(void *dst, const char *name)
{
	struct create *create = dst;

	if (create->want.name) {
		fail_usage("create: one device at a time: what is '%s'?", name);
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

static int finish(struct ctx *ctx, const struct create *create, const struct dev_plan *plan,
		  const struct dev *dev)
{
	const struct dev_change up = { .set_up = true, .up = true };
	bool owned = plan->owner != (uid_t)-1 || plan->owner_group != (gid_t)-1;
	struct dev hidden;

	if (owned && dev_has_node(dev) && own_node(ctx, plan, dev) < 0)
		return fail_code();
	for (unsigned tries = 0; create->up; tries++) {
		if (dev_change(&ctx->home.nl, dev, &up) == 0) {
			if (plan->link && !(plan->link->flags & IFF_UP))
				warn("%s is down, so %s reaches nobody: 'ip link set %s up'",
				     plan->link->name, dev->name, plan->link->name);
			return 0;
		}
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

static int run(struct ctx *ctx, int argc, char **argv)
{
	struct create create = { .up = false };
	struct dev link = { 0 }, dev = { 0 };
	struct dev_plan plan;
	auto_close int fd = -1;
	int r;

	r = args_parse(&cmd_create.spec, "create", argc, argv, &create, &create);
	if (r < 0)
		return r;
	if (!create.want.name)
		return fail_usage("create: which device? 'vnetctl create NAME ...'");
	if (plan_of(&ctx->home, &create.want, &plan, &link) < 0)
		return fail_code();
	plan.persist = true;
	if (make(&ctx->home, &plan, &dev, &fd) < 0)
		return fail_code();
	if (finish(ctx, &create, &plan, &dev) == 0 && tell(ctx, &create, &dev) == 0)
		return 0;
	dev_delete(&ctx->home.nl, &dev);
	return fail_code();
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
	.run = run,
};
