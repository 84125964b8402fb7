// SPDX-License-Identifier: GPL-2.0-or-later
/* exec: run a command where a device lives. A device of lifetime fd lives in a namespace of its
 * own, where tcpdump, tc and ip see it by its name. */
#include <errno.h>

#include "cmd.h"
#include "fail.h"
#include "lifeline.h"
#include "netns.h"

struct request {
	const char *name;
};

static void *take_name(void *dst, const char *name)
{
	struct request *req = dst;

	if (req->name) {
		fail_usage("exec: one device at a time: what is '%s'? Put COMMAND after '--'",
			   name);
		return NULL;
	}
	req->name = name;
	return req;
}

/* Reads "exec NAME COMMAND...", as ip netns has it, or with "--" before COMMAND. Returns COMMAND's
 * place in argv, or a recorded failure. */
static int parse(int argc, char **argv, struct request *req)
{
	int used = argc > 0 && streq(argv[0], "dev") ? 2 : 1;
	int r = args_parse(&cmd_exec.spec, "exec", used < argc ? used : argc, argv, req, NULL);

	if (r < 0)
		return r;
	if (used < argc && streq(argv[used], "--"))
		used++;
	if (!req->name)
		return fail_usage("exec: which device? 'vnetctl exec NAME COMMAND...'");
	if (used >= argc)
		return fail_usage("exec: which COMMAND? 'vnetctl exec %s COMMAND...'", req->name);
	return used;
}

static int enter(struct dev_home *home, const struct dev *dev)
{
	auto_holders struct holders seen = HOLDERS_INIT;
	auto_close int nsfd = -1;
	char path[64];

	if (dev->netnsid < 0)
		return 0;
	nsfd = lifeline_open(home, &seen, dev->netnsid, path);
	return nsfd < 0 ? nsfd : netns_enter(nsfd);
}

static int run(struct ctx *ctx, int argc, char **argv)
{
	struct request req = { .name = NULL };
	int at = parse(argc, argv, &req), err;
	struct dev dev;

	if (at < 0)
		return at;
	if (!priv_is_own())
		return fail_refuse("exec: only root may run a command where a device lives");
	if (lifeline_lookup(&ctx->home, req.name, &dev) < 0 || enter(&ctx->home, &dev) < 0 ||
	    priv_give_up() < 0)
		return fail_code();
	execvp(argv[at], argv + at);
	err = errno;
	fail_errno(err, NULL, "cannot run %s", argv[at]);
	return err == ENOENT ? -127 : -126;
}

const struct cmd cmd_exec = {
	.name = "exec",
	.help = "run a command where a device lives, to look at it with other tools",
	.spec =
		{
			.names = "[dev] NAME",
			.name = take_name,
			.tail = "COMMAND [ARG...]",
		},
	/* Root's alone: the lifeline's namespace, and who holds it; COMMAND has all of root's. */
	.own_power = POWER_ALL,
	.alone = "it becomes COMMAND",
	.run = run,
	.own_status = 125,
};
