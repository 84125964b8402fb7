// SPDX-License-Identifier: GPL-2.0-or-later
/* destroy: remove devices, and nothing but macvtaps and taps. The kernel would
 * cut a guest off without a word, so a device in use needs "force". */
#include <errno.h>

#include "cmd.h"
#include "fail.h"
#include "lifeline.h"

struct destroy {
	const char *name;
	bool orphans;
	bool force;
	bool if_exists;
};

static void *take_name(void *dst, const char *name)
{
	struct destroy *destroy = dst;

	if (destroy->name) {
		fail_usage("destroy: one device at a time: what is '%s'?", name);
		return NULL;
	}
	destroy->name = name;
	return destroy;
}

/* clang-format off */
static const struct args_word words[] = {
	{ .name = "orphans", .offset = offsetof(struct destroy, orphans),
	  .help = "every device of vnetctl's that outlived its VM and its watcher" },
	{ .name = "force", .offset = offsetof(struct destroy, force),
	  .help = "also a device that is in use: its guest loses the network" },
	{ .name = "if-exists", .offset = offsetof(struct destroy, if_exists),
	  .help = "a device that is not there is no failure" },
};
/* clang-format on */

static int refuse_held(struct dev_home *home, const struct dev *dev)
{
	auto_holders struct holders seen = HOLDERS_INIT;
	const struct holder *holder;
	int held = lifeline_held(home, &seen, dev, &holder);

	if (held <= 0)
		return held;
	fail_errno(EBUSY, NULL, "cannot remove %s", dev->name);
	lifeline_explain_held(holder);
	return fail_hint("'force' removes it all the same, and its guest loses the network");
}

static int remove_one(struct dev_home *home, const struct destroy *destroy)
{
	struct dev dev;

	if (lifeline_lookup(home, destroy->name, &dev) < 0)
		return fail_code();
	if (!destroy->force && refuse_held(home, &dev) < 0)
		return fail_code();
	return dev_delete(&home->nl, &dev);
}

static int run(struct ctx *ctx, int argc, char **argv)
{
	struct destroy destroy = { 0 };
	int r;

	r = args_parse(&cmd_destroy.spec, "destroy", argc, argv, &destroy, NULL);
	if (r < 0)
		return r;
	if (destroy.orphans && destroy.name)
		return fail_usage("destroy: 'orphans' does not go with a name");
	if (destroy.orphans)
		return lifeline_sweep(&ctx->home) < 0 ? fail_code() : 0;
	if (!destroy.name)
		return fail_usage("destroy: which device? 'vnetctl destroy NAME'");
	if (remove_one(&ctx->home, &destroy) < 0) {
		if (destroy.if_exists && fail_errnum() == ENODEV)
			fail_clear();
		return fail_code();
	}
	return 0;
}

const struct cmd cmd_destroy = {
	.name = "destroy",
	.aliases = {"del", "delete"},
	.help = "remove a device",
	.spec =
		{
			.words = words,
			.n = ARRAY_SIZE(words),
			.names = "[ [dev] NAME ]",
			.name = take_name,
		},
	.run = run,
};
