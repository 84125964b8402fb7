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
	bool share;
	int argc; /* COMMAND */
	char **argv;
};

/* What was done so far, for the undo. */
struct job {
	struct ctx *ctx;
	struct request req;
	struct dev_plan plan; /* with plan.kind set, the device is being made */
	char name[IFNAMSIZ];  /* of it, where we choose the number for "%d" */
	struct dev link;
	struct dev dev;
	struct dev_home *at;	/* where the device is: home, or inside */
	struct dev_home inside; /* the lifeline, when the device lives in it */
	enum lifetime lifetime;
	bool made;    /* by us, just now */
	bool changed; /* up and mark have been sent */
	bool unpersisted;
	int fd;	 /* the queue for COMMAND */
	int id;	 /* the macvtap's node */
	int arm; /* the watcher's orders */
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
	static const char *const names[] = {
		[LIFE_FD] = "fd", [LIFE_WATCHED] = "watched", [LIFE_PERSISTENT] = "persistent"
	};

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
	static const char *const names[] = {
		[EXPAND_NET] = "net", [EXPAND_NETDEV] = "netdev", [EXPAND_NONE] = "none"
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (streq(names[i], text)) {
			*(enum expand_args *)field = (enum expand_args)i;
			return 0;
		}
	}
	return fail_usage("%s '%s' is not known: one of net, netdev, none", word, text);
}

/* clang-format off */
static const struct args_word words[] = {
	PLAN_WORDS(offsetof(struct request, want)),
	{ .name = "lifetime", .value = "{fd|watched|persistent}", .parse = take_lifetime,
	  .offset = offsetof(struct request, lifetime), .help = "what ends the device" },
	{ .name = "share", .per_dev = true, .offset = offsetof(struct request, share),
	  .help = "open it though somebody holds it: both then get a part of the traffic" },
	{ .name = "args", .value = "{net|netdev|none}", .parse = take_args,
	  .offset = offsetof(struct request, args),
	  .help = "what is appended to COMMAND when it has no placeholder" },
};
/* clang-format on */

static int parse(int argc, char **argv, struct request *req)
{
	int used = args_parse(&cmd_open_exec.spec, "open-exec", argc, argv, req, req);

	if (used < 0)
		return used;
	if (!req->want.name)
		return fail_usage(
			"open-exec: which device? 'vnetctl open-exec NAME ... -- COMMAND'");
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
	if (!tap && asked == LIFE_FD && !job->plan.kind)
		return fail_usage("open-exec: lifetime fd is for a macvtap that open-exec makes: "
				  "%s exists already, and can have watched",
				  job->dev.name);
	/* A guest more must not decide when the device of the first one goes. */
	if (job->req.share && asked != LIFE_DEFAULT)
		return fail_usage(
			"open-exec: 'lifetime' does not go with 'share': the device's life "
			"stays what it is");
	job->lifetime = job->req.share ? LIFE_PERSISTENT : asked;
	if (job->lifetime == LIFE_DEFAULT)
		job->lifetime = !ours ? LIFE_PERSISTENT : tap ? LIFE_FD : LIFE_WATCHED;
	return 0;
}

/* True when the device lives in the lifeline. */
static bool is_inside(const struct job *job)
{
	return job->at == &job->inside;
}

static int open_inside(struct job *job)
{
	if (lifeline_new(&job->ctx->home, job->plan.name, &job->ll) < 0 ||
	    netns_enter(job->ll.nsfd) < 0 || dev_home_open(&job->inside) < 0)
		return fail_code();
	job->plan.nsfd = job->ll.nsfd;
	job->at = &job->inside;
	return 0;
}

static int open_lifeline(struct job *job)
{
	if (lifeline_new(&job->ctx->home, NULL, &job->ll) < 0)
		return fail_code();
	job->plan.group = job->ll.mark;
	return 0;
}

/* A macvtap's queue holds a reference on the namespace it is opened in: the lifeline. */
static int open_in_lifeline(struct job *job)
{
	int fd;

	if (!dev_has_node(&job->dev))
		return dev_open(&job->dev, -1);
	job->id = dev_node_id(job->at, &job->dev);
	if (job->id < 0)
		return job->id;
	if (job->ll.nsfd >= 0 && !is_inside(job) && netns_enter(job->ll.nsfd) < 0)
		return fail_code();
	fd = dev_open(&job->dev, job->id);
	if (job->ll.nsfd >= 0 && netns_enter(job->ctx->home.nsfd) < 0) {
		util_close(&fd);
		return fail_code();
	}
	return fd;
}

static int open_queue(struct job *job)
{
	if (job->fd < 0)
		job->fd = open_in_lifeline(job);
	return job->fd < 0 ? job->fd : 0;
}

/* Up is up only as far as the lower device is. */
static void warn_if_down(struct job *job)
{
	if (job->link.ifindex && !(job->link.flags & IFF_UP))
		warn("%s is down, so %s reaches nobody: 'ip link set %s up'", job->link.name,
		     job->dev.name, job->link.name);
}

/* Another number for each try: the kernel cannot choose one among lifelines. */
static int next_name(struct job *job, unsigned n)
{
	const char *pattern = job->req.want.name, *at = strstr(pattern, "%d");
	int len =
		snprintf(job->name, IFNAMSIZ, "%.*s%u%s", (int)(at - pattern), pattern, n, at + 2);

	if (len >= IFNAMSIZ)
		return fail_errno(ENFILE, NULL, "cannot find a free name for %s", pattern);
	job->plan.name = job->name;
	return 0;
}

static bool is_inside_wanted(const struct job *job)
{
	return job->lifetime == LIFE_FD && streq(dev_kind_word(job->plan.kind), "macvtap");
}

/* The kernel sees no clash between home and lifelines: we do, under the lock. */
static int check_name(struct job *job)
{
	struct dev dev;

	if (lifeline_check_name(&job->ctx->home, job->plan.name) < 0)
		return fail_code();
	if (!is_inside_wanted(job))
		return 0;
	if (dev_get(&job->ctx->home.nl, -1, job->plan.name, &dev) == 0)
		return fail_errno(EEXIST, NULL, "cannot create macvtap %s on %s", job->plan.name,
				  job->link.name);
	if (fail_errnum() != ENODEV)
		return fail_code();
	fail_clear();
	return 0;
}

/* One try; whatever it did before it failed is undone. */
static int try_to_make(struct job *job)
{
	struct dev_home *home = &job->ctx->home;
	auto_close int lock = lifeline_lock_name(job->plan.name);
	struct nl *inner;
	int r;

	if (lock < 0 || check_name(job) < 0)
		return fail_code();
	if (is_inside_wanted(job))
		r = open_inside(job);
	else
		r = job->lifetime == LIFE_WATCHED ? open_lifeline(job) : 0;
	inner = is_inside(job) ? &job->inside.nl : NULL;
	if (r == 0)
		r = dev_make(&home->nl, inner, &job->plan, &job->dev, &job->fd);
	if (r == 0) {
		job->made = true;
		return open_queue(job);
	}
	if (is_inside(job) || job->ll.nsfd >= 0)
		netns_enter(home->nsfd);
	job->at = home;
	dev_home_close(&job->inside);
	lifeline_close(&job->ll);
	return r;
}

static int make(struct job *job)
{
	struct dev_home *home = &job->ctx->home;
	bool count;

	if (plan_of(&home->nl, &job->req.want, &job->plan, &job->link) < 0 ||
	    settle_lifetime(job, job->plan.kind, true) < 0)
		return fail_code();
	job->plan.persist = job->lifetime == LIFE_PERSISTENT;
	count = is_inside_wanted(job) && strchr(job->plan.name, '%');
	for (unsigned n = 0; count; n++) {
		if (next_name(job, n) < 0)
			return fail_code();
		if (try_to_make(job) == 0)
			return 0;
		if (fail_errnum() != EEXIST)
			return dev_explain_make(&home->nl, &job->plan);
		fail_clear();
	}
	for (unsigned tries = 0;; tries++) {
		if (try_to_make(job) == 0)
			return 0;
		if (job->made || !lifeline_clear_way(home, &job->plan, tries))
			return job->made ? fail_code() : dev_explain_make(&home->nl, &job->plan);
	}
}

/* A second reader silently takes part of the guest's traffic. */
static int refuse_held(struct job *job)
{
	auto_holders struct holders seen = HOLDERS_INIT;
	const struct holder *holder;
	int held;

	if (job->req.share)
		return 0;
	held = lifeline_held(&job->ctx->home, &seen, &job->dev, &holder);
	if (held <= 0)
		return held;
	fail_errno(EBUSY, NULL, "cannot open %s", job->dev.name);
	lifeline_explain_held(holder);
	return fail_hint("'share' opens it all the same");
}

static int find(struct job *job)
{
	struct dev_home *home = &job->ctx->home;
	const char *name = job->req.want.name;

	if (lifeline_lookup(home, name, &job->dev) < 0) {
		if (fail_errnum() == ENODEV)
			fail_hint("to make it on the way, say at least 'type tap' or 'link DEV'");
		return fail_code();
	}
	if (job->dev.netnsid >= 0 && job->req.share)
		return fail_refuse("cannot open %s: it lives in a namespace of its own and cannot "
				   "be shared",
				   job->dev.name);
	return settle_lifetime(job, job->dev.kind, job->dev.altname[0]);
}

/* For the warning only. */
static void find_link(struct job *job)
{
	int link = job->dev.link ? job->dev.link : job->dev.master;

	if (link && job->dev.link_netnsid < 0 &&
	    dev_get_index(&job->ctx->home.nl, -1, link, &job->link) < 0)
		fail_clear();
}

/* From the look at the holders until we are one of them nobody else may look. */
static int take(struct job *job)
{
	struct dev_home *home = &job->ctx->home;
	auto_close int lock = -1;

	if (find(job) < 0)
		return fail_code();
	lock = netns_lock(UINT64_C(2) << 32 | (uint32_t)job->dev.ifindex);
	if (lock < 0 || refuse_held(job) < 0)
		return fail_code();
	if (job->lifetime == LIFE_WATCHED && lifeline_new(home, NULL, &job->ll) < 0)
		return fail_code();
	/* Only what we made is ours to quieten. */
	if (job->dev.altname[0] && dev_hush(&job->dev) < 0)
		return fail_code();
	find_link(job);
	if (open_queue(job) == 0)
		return 0;
	return fail_code();
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
	if (dev_get_index(&job->at->nl, -1, job->dev.ifindex, &now) < 0)
		return fail_code();
	if (!memcmp(now.address, job->dev.address, 6))
		return 0;
	return tapfd_set_mac(job->fd, job->dev.name, job->dev.address);
}

/* The last change: up, and the mark with it, in one send. */
static int bring_up(struct job *job)
{
	const struct dev_change change = {
		.set_up = true,
		.up = true,
		.set_group = job->lifetime == LIFE_WATCHED && !job->made,
		.group = job->ll.mark,
	};

	job->changed = true;
	for (unsigned tries = 0;; tries++) {
		if (dev_change(&job->at->nl, &job->dev, &change) == 0)
			break;
		if (!job->made || !lifeline_clear_way(&job->ctx->home, &job->plan, tries))
			return dev_explain_up(&job->ctx->home.nl, &job->dev);
	}
	return change.set_group ? lifeline_arm(job->arm, true) : 0;
}

static int settle(struct job *job)
{
	if (check_mac(job) < 0 || bring_up(job) < 0)
		return fail_code();
	warn_if_down(job);
	if (job->lifetime == LIFE_FD && job->dev.persist) {
		job->unpersisted = true;
		return tapfd_set_persist(job->fd, false);
	}
	return 0;
}

static void restore(struct job *job)
{
	const struct dev_change change = {
		.set_up = !(job->dev.flags & IFF_UP),
		.set_group = job->lifetime == LIFE_WATCHED,
		.group = job->dev.group,
	};

	if (job->arm >= 0)
		lifeline_arm(job->arm, false);
	if (job->unpersisted)
		tapfd_set_persist(job->fd, true);
	if (job->changed && (change.set_up || change.set_group))
		dev_change(&job->at->nl, &job->dev, &change);
}

/* Everything goes back to how it was; the failure on record stays. */
static void undo(struct job *job)
{
	fail_hold();
	if (job->made && (dev_has_node(&job->dev) || job->lifetime == LIFE_PERSISTENT))
		dev_delete(&job->at->nl, &job->dev);
	else if (!job->made)
		restore(job);
	fail_release();
	util_close(&job->fd);
	util_close(&job->id);
	util_close(&job->arm);
	dev_home_close(&job->inside);
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

static int hand_over(int fd)
{
	return fcntl(fd, F_SETFD, 0) < 0 ? fail_sys("cannot hand the descriptor over") : 0;
}

static int become(struct job *job, char **argv)
{
	int err;

	if (job->ctx->origin >= 0 && netns_enter(job->ctx->origin) < 0)
		return fail_code();
	if (hand_over(job->fd) < 0 || (is_inside(job) && hand_over(job->ll.nsfd) < 0))
		return fail_code();
	execvp(argv[0], argv);
	err = errno;
	fail_errno(err, NULL, "cannot run %s", argv[0]);
	return err == ENOENT ? -127 : -126;
}

static int run(struct ctx *ctx, int argc, char **argv)
{
	struct job job = {
		.ctx = ctx,
		.at = &ctx->home,
		.inside = DEV_HOME_INIT,
		.fd = -1,
		.id = -1,
		.arm = -1,
		.ll = LIFELINE_INIT,
	};
	char **command;
	int r;

	r = parse(argc, argv, &job.req);
	if (r < 0)
		return r;
	if (job.req.share && plan_wanted(&job.req.want))
		return fail_usage("open-exec: 'share' is for a device that exists: it does not go "
				  "with words that make one");
	r = plan_wanted(&job.req.want) ? make(&job) : take(&job);
	if (r == 0)
		r = start_watcher(&job);
	if (r == 0) {
		command = prepare_command(&job);
		r = command ? settle(&job) : FAIL_SYS;
		if (r == 0)
			r = become(&job, command);
	}
	undo(&job);
	return r;
}

const struct cmd cmd_open_exec = {
	.name = "open-exec",
	.help = "open a device, made on the way if need be, and exec COMMAND with it",
	.spec =
		{
			.words = words,
			.n = ARRAY_SIZE(words),
			.names = "[dev] NAME",
			.name = take_name,
			.tail = "-- COMMAND [ARG...]",
		},
	.run = run,
	.own_status = 125,
};
