// SPDX-License-Identifier: GPL-2.0-or-later
/* destroy: remove devices, and nothing but macvtaps and taps. */
#include <errno.h>

#include "cmd.h"
#include "fail.h"

struct destroy {
	const char *name;
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

static const struct args_word words[] = {
	{ "if-exists", NULL, NULL, offsetof(struct destroy, if_exists), false, 0,
	  "a device that is not there is no failure", NULL },
};

static int run(struct ctx *ctx, int argc, char **argv)
{
	struct destroy destroy = { 0 };
	struct dev dev;
	int r;

	r = args_parse(&cmd_destroy.spec, "destroy", argc, argv, &destroy, NULL);
	if (r < 0)
		return r;
	if (!destroy.name)
		return fail_usage("destroy: which device? 'vnetctl destroy NAME'");
	if (dev_get_ours(&ctx->home.nl, destroy.name, &dev) < 0 ||
	    dev_delete(&ctx->home.nl, &dev) < 0) {
		if (destroy.if_exists && fail_errnum() == ENODEV)
			fail_clear();
		return fail_code();
	}
	return 0;
}

const struct cmd cmd_destroy = {
	.name = "destroy",
	.aliases = { "del", "delete" },
	.help = "remove a device",
	.spec = {
		.words = words,
		.n = ARRAY_SIZE(words),
		.names = "[dev] NAME",
		.name = take_name,
	},
	.run = run,
};
