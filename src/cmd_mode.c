// SPDX-License-Identifier: GPL-2.0-or-later
/* mode: print or switch whom a live device may talk to. */
#include "claim.h"
#include "cmd.h"
#include "fail.h"
#include "lifeline.h"
#include "netns.h"
#include "policy.h"

struct mode {
	const char *name;
	enum dev_mode mode;
};

static void *take_name(void *dst, const char *name)
{
	struct mode *mode = dst;

	if (!mode->name)
		mode->name = name;
	else if (mode->mode || dev_mode_value("mode", name, &mode->mode) < 0) {
		fail_usage("mode: what is '%s'? 'vnetctl mode NAME [MODE]'", name);
		return NULL;
	}
	return mode;
}

static int tell(struct ctx *ctx, const struct dev *dev)
{
	struct out o;

	if (!dev->mode)
		return fail_refuse("%s has no mode: it is no port of a bridge", dev->name);
	if (ctx->style == OUT_JSON || ctx->style == OUT_PRETTY) {
		out_begin(&o, ctx->style, false, NULL);
		out_row(&o, "ifname", dev->name);
		out_str(&o, "mode", dev_mode_word(dev->mode));
		out_row_end(&o);
		return out_end(&o);
	}
	out_line("%s", dev_mode_word(dev->mode));
	return out_plain_end();
}

/* The kernel changes a link only for a socket of the link's own namespace. */
static int set(struct dev_home *home, const struct dev *dev, enum dev_mode mode)
{
	auto_holders struct holders seen = HOLDERS_INIT;
	auto_nl struct nl inside = NL_INIT;
	auto_close int nsfd = -1;
	char path[64];
	int r;

	if (dev->netnsid < 0)
		return dev_set_mode(&home->nl, dev, mode);
	nsfd = lifeline_open(home, &seen, dev->netnsid, path);
	if (nsfd < 0 || netns_enter(nsfd) < 0)
		return fail_code();
	r = nl_open(&inside);
	netns_return(home->nsfd);
	if (r < 0)
		return r;
	return dev_set_mode(&inside, dev, mode);
}

static int run(struct ctx *ctx, int argc, char **argv)
{
	struct deadline deadline = deadline_in(DEADLINE_MS);
	auto_claim struct claim claim = CLAIM_INIT;
	struct mode mode = { 0 };
	const char *flaw;
	struct dev dev;
	int r;

	r = args_parse(&cmd_mode.spec, "mode", argc, argv, &mode, NULL);
	if (r < 0)
		return r;
	if (!mode.name)
		return fail_usage("mode: which device? 'vnetctl mode NAME [MODE]'");
	if (lifeline_lookup(&ctx->home, mode.name, &dev) < 0 ||
	    policy_use(&ctx->home, "mode", &dev, mode.mode ? mode.mode : dev.mode) < 0)
		return fail_code();
	if (!mode.mode)
		return tell(ctx, &dev);
	if (mode.mode == dev.mode)
		return 0;
	flaw = dev_mode_flaw(dev.kind, mode.mode, streq(dev.slave_kind, "bridge"));
	if (flaw)
		return fail_refuse("cannot set mode %s of %s: %s", dev_mode_word(mode.mode),
				   dev.name, flaw);
	if (claim_take(&claim, &ctx->home, &dev, "set the mode of", &deadline) < 0)
		return fail_code();
	return set(&ctx->home, &dev, mode.mode);
}

const struct cmd cmd_mode = {
	.name = "mode",
	.help = "print or switch the mode of a device",
	.spec =
		{
			.names = "[dev] NAME",
			.name = take_name,
			.positional = "[{private|vepa|bridge|passthru|source}]",
		},
	/* Links; entering the namespace of a device of lifetime fd. */
	.power = POWER(CAP_NET_ADMIN) | POWER(CAP_SYS_ADMIN),
	/* Who holds that namespace. */
	.own_power = POWER_LOOK,
	.run = run,
};
