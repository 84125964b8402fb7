// SPDX-License-Identifier: GPL-2.0-or-later
/* open-exec: take or make the device, open it, become COMMAND.
 *
 * The order is what keeps the promises. Until the last send the device is
 * either not there before us and marked from birth (so it goes when we go), or was
 * there and is untouched. The last send brings it up and, if it is to go with
 * COMMAND, marks it; a tap loses its persistence. Then exec. Whatever fails
 * is undone in reverse, and the failure told is the first. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "cmd.h"
#include "expand.h"
#include "fail.h"
#include "lifeline.h"
#include "netns.h"
#include "plan.h"
#include "tapfd.h"

enum lifetime { LIFE_DEFAULT, LIFE_FD, LIFE_WATCHED, LIFE_PERSISTENT };

struct request {
	struct plan_words want;
	enum lifetime lifetime;
	enum expand_args args;
	int argc; /* COMMAND */
	char **argv;
};

/* What was done so far, for the undo. */
struct job {
	struct ctx *ctx;
	struct request req;
	struct dev dev;
	enum lifetime lifetime;
	bool made;       /* by us, just now */
	bool changed;    /* up and mark have been sent */
	bool unpersisted;
	int fd;          /* the queue for COMMAND */
	int id;          /* the macvtap's node */
	int arm;         /* the watcher's orders */
	struct lifeline ll;
};

static void *take_name(void *dst, const char *name)
{
	struct request *req = dst;

	if (req->want.name) {
		fail_usage("open-exec: what is '%s'? COMMAND comes after '--'", name);
		return NULL;
	}
	req->want.name = name;
	return req;
}

static int take_lifetime(const char *word, const char *text, void *field)
{
	static const char *const names[] = { [LIFE_FD] = "fd", [LIFE_WATCHED] = "watched",
					     [LIFE_PERSISTENT] = "persistent" };

	for (size_t i = LIFE_FD; i < ARRAY_SIZE(names); i++) {
		if (streq(names[i], text)) {
			*(enum lifetime *)field = (enum lifetime)i;
			return 0;
		}
	}
	return fail_usage("%s '%s' is not known: one of fd, watched, persistent", word, text);
}

static int take_args(const char *word, const char *text, void *field)
{
	static const char *const names[] = { [EXPAND_NET] = "net", [EXPAND_NETDEV] = "netdev",
					     [EXPAND_NONE] = "none" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (streq(names[i], text)) {
			*(enum expand_args *)field = (enum expand_args)i;
			return 0;
		}
	}
	return fail_usage("%s '%s' is not known: one of net, netdev, none", word, text);
}

static const struct args_word words[] = {
	PLAN_WORDS(offsetof(struct request, want)),
	{ "lifetime", "{fd|watched|persistent}", take_lifetime, offsetof(struct request, lifetime),
	  false, 0, "what ends the device", NULL },
	{ "args", "{net|netdev|none}", take_args, offsetof(struct request, args), false, 0,
	  "what is appended to COMMAND when it has no placeholder", NULL },
};

static int parse(int argc, char **argv, struct request *req)
{
	int used = args_parse(&cmd_open_exec.spec, "open-exec", argc, argv, req, req);

	if (used < 0)
		return used;
	if (!req->want.name)
		return fail_usage("open-exec: which device? 'vnetctl open-exec NAME ... -- COMMAND'");
	if (used == 0 || !streq(argv[used - 1], "--") || used == argc)
		return fail_usage("open-exec: which COMMAND? Put it after '--'");
	req->argc = argc - used;
	req->argv = argv + used;
	return 0;
}

/* The lifetime, now that the kind is known. */
static int settle_lifetime(struct job *job, const struct dev_kind *kind, bool ours)
{
	bool tap = streq(dev_kind_word(kind), "tap");
	enum lifetime asked = job->req.lifetime;

	if (tap && asked == LIFE_WATCHED)
		return fail_usage("open-exec: a tap needs no watcher: lifetime fd, which is its "
				  "default, removes it with the last descriptor");
	if (!tap && asked == LIFE_FD)
		return fail_usage("open-exec: lifetime fd is for taps: a macvtap has watched");
	job->lifetime = asked;
	if (asked == LIFE_DEFAULT)
		job->lifetime = !ours ? LIFE_PERSISTENT : tap ? LIFE_FD : LIFE_WATCHED;
	return 0;
}

static int make(struct job *job)
{
	struct dev_home *home = &job->ctx->home;
	struct dev_plan plan;
	struct dev link;

	if (plan_of(&home->nl, &job->req.want, &plan, &link) < 0 ||
	    settle_lifetime(job, plan.kind, true) < 0)
		return fail_code();
	if (job->lifetime == LIFE_WATCHED) {
		if (lifeline_new(home, &job->ll) < 0)
			return fail_code();
		plan.group = job->ll.mark;
	}
	plan.persist = job->lifetime == LIFE_PERSISTENT;
	if (dev_make(&home->nl, NULL, &plan, &job->dev, &job->fd) < 0)
		return dev_explain_make(&home->nl, &plan);
	job->made = true;
	return 0;
}

static int find(struct job *job)
{
	struct dev_home *home = &job->ctx->home;
	const char *name = job->req.want.name;

	if (dev_get_ours(&home->nl, name, &job->dev) < 0) {
		if (fail_errnum() == ENODEV)
			fail_hint("to make it on the way, say at least 'type tap' or 'link DEV'");
		return fail_code();
	}
	if (settle_lifetime(job, job->dev.kind, job->dev.altname[0]) < 0)
		return fail_code();
	if (job->lifetime == LIFE_WATCHED && lifeline_new(home, &job->ll) < 0)
		return fail_code();
	/* Only what we made is ours to quieten. */
	return job->dev.altname[0] ? dev_hush(&job->dev) : 0;
}

/* The queue holds a reference on the namespace it is opened in: the lifeline. */
static int open_in_lifeline(struct job *job)
{
	int home = job->ctx->home.nsfd, fd;

	if (job->ll.nsfd >= 0 && netns_enter(job->ll.nsfd) < 0)
		return fail_code();
	fd = dev_open(&job->dev, job->id);
	if (job->ll.nsfd >= 0 && netns_enter(home) < 0) {
		util_close(&fd);
		return fail_code();
	}
	return fd;
}

static int open_queue(struct job *job)
{
	if (dev_has_node(&job->dev)) {
		job->id = dev_node_id(&job->ctx->home, &job->dev);
		if (job->id < 0)
			return job->id;
	}
	if (job->fd < 0)
		job->fd = open_in_lifeline(job);
	return job->fd < 0 ? job->fd : 0;
}

static int start_watcher(struct job *job)
{
	int r;

	if (job->lifetime != LIFE_WATCHED)
		return 0;
	r = lifeline_watch(&job->ll, &job->ctx->home, &job->dev, job->id, job->ctx->argv,
			   &job->arm);
	if (r < 0)
		return r;
	return job->made ? lifeline_arm(job->arm, true) : 0;
}

/* udev may have thought that a new tap's address is its to choose. */
static int check_mac(struct job *job)
{
	struct dev now;

	if (!job->made || dev_has_node(&job->dev))
		return 0;
	if (dev_get_index(&job->ctx->home.nl, -1, job->dev.ifindex, &now) < 0)
		return fail_code();
	if (!memcmp(now.address, job->dev.address, 6))
		return 0;
	return tapfd_set_mac(job->fd, job->dev.name, job->dev.address);
}

static int settle(struct job *job)
{
	const struct dev_change change = {
		.set_up = true,
		.up = true,
		.set_group = job->lifetime == LIFE_WATCHED && !job->made,
		.group = job->ll.mark,
	};

	if (check_mac(job) < 0)
		return fail_code();
	job->changed = true;
	if (dev_change(&job->ctx->home.nl, &job->dev, &change) < 0)
		return dev_explain_up(&job->ctx->home.nl, &job->dev);
	if (change.set_group && lifeline_arm(job->arm, true) < 0)
		return fail_code();
	if (job->lifetime == LIFE_FD && job->dev.persist) {
		job->unpersisted = true;
		return tapfd_set_persist(job->fd, false);
	}
	return 0;
}

/* Everything goes back to how it was; the failure on record stays. */
static void undo(struct job *job)
{
	const struct dev_change change = {
		.set_up = !(job->dev.flags & IFF_UP),
		.set_group = job->lifetime == LIFE_WATCHED,
		.group = job->dev.group,
	};

	if (job->arm >= 0 && !job->made)
		lifeline_arm(job->arm, false);
	if (job->made && (job->lifetime != LIFE_FD)) {
		dev_delete(&job->ctx->home.nl, &job->dev);
	} else if (!job->made) {
		if (job->unpersisted)
			tapfd_set_persist(job->fd, true);
		if (job->changed && (change.set_up || change.set_group))
			dev_change(&job->ctx->home.nl, &job->dev, &change);
	}
	util_close(&job->fd);
	util_close(&job->id);
	util_close(&job->arm);
	lifeline_close(&job->ll);
}

static int set_env(const struct expand_dev *told)
{
	char fd[16], mac[18];

	snprintf(fd, sizeof(fd), "%d", told->fd);
	dev_mac_text(told->mac.b, mac);
	if (setenv("VNETCTL_DEV", told->name, 1) < 0 || setenv("VNETCTL_FD", fd, 1) < 0 ||
	    setenv("VNETCTL_MAC", mac, 1) < 0)
		return fail_sys("cannot set COMMAND's environment");
	return 0;
}

static char **prepare_command(struct job *job)
{
	struct expand_dev told = {
		.fd = job->fd,
		.mac = job->dev.guest,
		.mtu = job->dev.mtu,
		.queues = 1,
	};
	char other[18], mac[18];
	char **argv;

	memcpy(told.name, job->dev.name, sizeof(told.name));
	argv = expand_command(job->req.argc, job->req.argv, &told, job->req.args);
	if (!argv || set_env(&told) < 0)
		return NULL;
	if (dev_has_node(&job->dev) && expand_other_mac(argv, &told.mac, other)) {
		dev_mac_text(told.mac.b, mac);
		warn("COMMAND's MAC is %s, but a macvtap delivers only frames for its own, and "
		     "that of %s is %s",
		     other, job->dev.name, mac);
	}
	return argv;
}

static int become(struct job *job, char **argv)
{
	int err;

	if (job->ctx->origin >= 0 && netns_enter(job->ctx->origin) < 0)
		return fail_code();
	if (fcntl(job->fd, F_SETFD, 0) < 0)
		return fail_sys("cannot hand the descriptor over");
	execvp(argv[0], argv);
	err = errno;
	fail_errno(err, NULL, "cannot run %s", argv[0]);
	if (job->ctx->origin >= 0)
		netns_enter(job->ctx->home.nsfd);
	return err == ENOENT ? -127 : -126;
}

static int run(struct ctx *ctx, int argc, char **argv)
{
	struct job job = { .ctx = ctx, .fd = -1, .id = -1, .arm = -1, .ll = LIFELINE_INIT };
	char **command;
	int r;

	r = parse(argc, argv, &job.req);
	if (r < 0)
		return r;
	r = plan_wanted(&job.req.want) ? make(&job) : find(&job);
	if (r == 0)
		r = open_queue(&job);
	if (r == 0)
		r = start_watcher(&job);
	if (r == 0) {
		command = prepare_command(&job);
		r = command ? settle(&job) : fail_code();
		if (r == 0)
			r = become(&job, command);
	}
	undo(&job);
	return r;
}

const struct cmd cmd_open_exec = {
	.name = "open-exec",
	.help = "open a device, made on the way if need be, and exec COMMAND with it",
	.spec = {
		.words = words,
		.n = ARRAY_SIZE(words),
		.names = "[dev] NAME",
		.name = take_name,
		.tail = "-- COMMAND [ARG...]",
	},
	.run = run,
	.own_status = 125,
};
