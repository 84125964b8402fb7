// SPDX-License-Identifier: GPL-2.0-or-later
/* mode: print or switch whom a live device may talk to. */
#include "cmd.h"
#include "fail.h"

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

	if (ctx->style == OUT_JSON || ctx->style == OUT_PRETTY) {
		out_begin(&o, ctx->style, NULL);
		out_row(&o, "ifname", dev->name);
		out_str(&o, "mode", dev_mode_word(dev->mode));
		out_row_end(&o);
		return out_end(&o);
	}
	if (!dev->mode)
		return fail_refuse("%s has no mode: it is no port of a bridge", dev->name);
	out_line("%s", dev_mode_word(dev->mode));
	return out_plain_end();
}

static int run(struct ctx *ctx, int argc, char **argv)
{
	struct mode mode = { 0 };
	const char *flaw;
	struct dev dev;
	int r;

	r = args_parse(&cmd_mode.spec, "mode", argc, argv, &mode, NULL);
	if (r < 0)
		return r;
	if (!mode.name)
		return fail_usage("mode: which device? 'vnetctl mode NAME [MODE]'");
	if (dev_get_ours(&ctx->home.nl, mode.name, &dev) < 0)
		return fail_code();
	if (!mode.mode)
		return tell(ctx, &dev);
	if (mode.mode == dev.mode)
		return 0;
	flaw = dev_mode_flaw(dev.kind, mode.mode, streq(dev.slave_kind, "bridge"));
	if (flaw)
		return fail_refuse("cannot set mode %s of %s: %s", dev_mode_word(mode.mode),
				   dev.name, flaw);
	return dev_set_mode(&ctx->home.nl, &dev, mode.mode);
}

const struct cmd cmd_mode = {
	.name = "mode",
	.help = "print or switch the mode of a device",
	.spec = {
		.names = "[dev] NAME",
		.name = take_name,
		.positional = "[{private|vepa|bridge|passthru|source}]",
	},
	.run = run,
};
