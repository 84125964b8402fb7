// SPDX-License-Identifier: GPL-2.0-or-later
/* create: a device that stays, down and quiet unless "up" is given. */
#include <errno.h>

#include "birth.h"
#include "cmd.h"
#include "fail.h"
#include "plan.h"
#include "policy.h"
#include "tapfd.h"
#include "way.h"

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

static void warn_reach(const struct dev_plan *plan, const struct dev *dev)
{
	if (plan->link && !(plan->link->flags & IFF_UP))
		warn("%s is down, so %s reaches nobody: 'ip link set %s up'", plan->link->name,
		     dev->name, plan->link->name);
}

static int bring_up(struct birth *birth)
{
	const struct dev_change up = { .set_up = true, .up = true };
	struct way way = way_begin(birth->home, &birth->plan, birth->dev.ifindex, -1);

	while (dev_change(&birth->home->nl, &birth->dev, &up) < 0) {
		int r = birth_draw_again(birth, &birth->home->nl);

		if (r < 0)
			return r;
		if (r == 0 && !way_clear(&way))
			return dev_explain_up(&birth->home->nl, &birth->dev, &way.hidden);
	}
	warn_reach(&birth->plan, &birth->dev);
	return 0;
}

static int finish(struct ctx *ctx, const struct create *create, struct birth *birth)
{
	const struct dev_plan *plan = &birth->plan;
	bool owned = plan->owner != (uid_t)-1 || plan->owner_group != (gid_t)-1;

	if (owned && dev_has_node(&birth->dev) && own_node(ctx, plan, &birth->dev) < 0)
		return fail_code();
	return create->up ? bring_up(birth) : 0;
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

static int run(struct ctx *ctx, int argc, char **argv)
{
	struct birth birth = BIRTH_INIT;
	struct dev link = { 0 };
	struct create create;
	auto_close int lock = -1;

	birth.home = &ctx->home;
	if (parse(argc, argv, &create) == 0 &&
	    plan_of(&ctx->home, &create.want, &birth.plan, &link) == 0) {
		birth.plan.persist = true;
		if (policy_make(&ctx->home, "create", &birth.plan, 0, &lock) == 0 &&
		    birth_make(&birth) == 0 &&
		    (finish(ctx, &create, &birth) < 0 || tell(ctx, &create, &birth.dev) < 0))
			dev_delete(&ctx->home.nl, &birth.dev);
	}
	birth_close(&birth);
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
	/* Links, the tap's ioctls, sysctls and locks; a sysfs of our own to find the node, and
	 * the namespace of a device that is in the way; the node's owner. */
	.power = POWER(CAP_NET_ADMIN) | POWER(CAP_SYS_ADMIN) | POWER(CAP_CHOWN),
	/* Who holds what is in the way; the mode of a node that is another's; a closed tun. */
	.own_power = POWER_LOOK | POWER(CAP_FOWNER) | POWER(CAP_DAC_OVERRIDE),
	.run = run,
};
