// SPDX-License-Identifier: GPL-2.0-or-later
/* open-exec: take or make devices, open them, become COMMAND.
 *
 * Whatever fails before the exec, and the exec itself, is undone in reverse
 * (nic.c), and the failure told is the first. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "cmd.h"
#include "expand.h"
#include "fail.h"
#include "netns.h"
#include "nic.h"
#include "plan.h"
#include "policy.h"
#include "priv.h"
#include "watch.h"
#include "watcher.h"

struct request {
	struct nic *nics; /* room for as many as there are words */
	size_t n;
	enum nic_lifetime lifetime;
	enum nic_vhost vhost;
	enum expand_args args;
	const char *run_as;
	int argc; /* COMMAND */
	char **argv;
};

struct job {
	struct ctx *ctx;
	struct request req;
	struct lifeline ll;    /* of the watched devices */
	int arm;	       /* the watcher's orders */
	struct plan_user user; /* run-as */
};

/* The first device is there already: its words may come before its name. */
static void *take_name(void *dst, const char *name)
{
	struct request *req = dst;

	if (req->nics[req->n - 1].want.name)
		nic_init(&req->nics[req->n++], "open-exec", LIFE_FD);
	req->nics[req->n - 1].want.name = name;
	return &req->nics[req->n - 1];
}

static int take_choice(const char *word, const char *text, const char *const *names, size_t n,
		       const char *list)
{
	for (size_t i = 0; i < n; i++) {
		if (streq(names[i], text))
			return (int)i;
	}
	return fail_usage("%s '%s' is not known: one of %s", word, text, list);
}

static int take_lifetime(const char *word, const char *text, void *field)
{
	static const char *const names[] = {
		[LIFE_FD] = "fd", [LIFE_WATCHED] = "watched", [LIFE_PERSISTENT] = "persistent"
	};
	int i = take_choice(word, text, names, ARRAY_SIZE(names), "fd, watched, persistent");

	if (i >= 0)
		*(enum nic_lifetime *)field = (enum nic_lifetime)i;
	return i < 0 ? i : 0;
}

static int take_args(const char *word, const char *text, void *field)
{
	static const char *const names[] = {
		[EXPAND_NET] = "net", [EXPAND_NETDEV] = "netdev", [EXPAND_NONE] = "none"
	};
	int i = take_choice(word, text, names, ARRAY_SIZE(names), "net, netdev, none");

	if (i >= 0)
		*(enum expand_args *)field = (enum expand_args)i;
	return i < 0 ? i : 0;
}

static int take_vhost(const char *word, const char *text, void *field)
{
	static const char *const names[] = {
		[VHOST_OFF] = "off", [VHOST_TRY] = "try", [VHOST_ON] = "on"
	};
	int i = take_choice(word, text, names, ARRAY_SIZE(names), "on, off, try");

	if (i >= 0)
		*(enum nic_vhost *)field = (enum nic_vhost)i;
	return i < 0 ? i : 0;
}

static int take_pin(const char *word, const char *text, void *field)
{
	uint64_t fd;

	if (args_number(text, 3, 1 << 20, &fd) < 0)
		return fail_usage("%s '%s' is no descriptor number from 3 on", word, text);
	*(uint32_t *)field = (uint32_t)fd;
	return 0;
}

/* clang-format off */
static const struct args_word words[] = {
	PLAN_WORDS(offsetof(struct nic, want)),
	{ .name = "share", .per_dev = true, .offset = offsetof(struct nic, share),
	  .help = "take it though somebody holds it: both then get a part of the traffic" },
	{ .name = "fd", .value = "N", .parse = take_pin, .per_dev = true,
	  .offset = offsetof(struct nic, pin),
	  .help = "number that the descriptor shall have in COMMAND" },
	{ .name = "lifetime", .value = "{fd|watched|persistent}", .parse = take_lifetime,
	  .offset = offsetof(struct request, lifetime), .help = "what ends the devices" },
	{ .name = "args", .value = "{net|netdev|none}", .parse = take_args,
	  .offset = offsetof(struct request, args),
	  .help = "what is appended to COMMAND when it has no placeholder" },
	{ .name = "vhost", .value = "{on|off|try}", .parse = take_vhost,
	  .offset = offsetof(struct request, vhost),
	  .help = "a /dev/vhost-net descriptor for each queue" },
	{ .name = "run-as", .value = "USER[:GROUP]", .parse = args_str,
	  .offset = offsetof(struct request, run_as),
	  .help = "COMMAND runs as this user, without any capability" },
};
/* clang-format on */

static int parse(int argc, char **argv, struct request *req)
{
	int used;

	req->nics = calloc((size_t)argc + 1, sizeof(*req->nics));
	if (!req->nics)
		return fail_errno(ENOMEM, NULL, "cannot read the command line");
	nic_init(&req->nics[0], "open-exec", LIFE_FD);
	req->n = 1;
	used = args_parse(&cmd_open_exec.spec, "open-exec", argc, argv, req, &req->nics[0]);
	if (used < 0)
		return used;
	if (!req->nics[0].want.name)
		return fail_usage(
			"open-exec: which device? 'vnetctl open-exec NAME ... -- COMMAND'");
	if (used == 0 || !streq(argv[used - 1], "--") || used == argc)
		return fail_usage("open-exec: which COMMAND? Put it after '--'");
	req->argc = argc - used;
	req->argv = argv + used;
	for (size_t i = 0; i < req->n; i++) {
		req->nics[i].asked = req->lifetime;
		if (nic_check(&req->nics[i]) < 0)
			return fail_code();
		for (size_t k = 0; k < i; k++) {
			if (streq(req->nics[i].want.name, req->nics[k].want.name) &&
			    !strchr(req->nics[i].want.name, '%'))
				return fail_usage("open-exec: %s is named twice",
						  req->nics[i].want.name);
			if (req->nics[i].pin && req->nics[i].pin == req->nics[k].pin)
				return fail_usage("open-exec: 'fd %u' is given to %s and %s",
						  req->nics[i].pin, req->nics[k].want.name,
						  req->nics[i].want.name);
		}
	}
	return 0;
}

/* Before anything is opened: a number that is taken now is the caller's, and a
 * free one is kept free of ours. */
static int reserve(int argc, char **argv)
{
	struct request req = { .n = 0 };
	int r = parse(argc, argv, &req);

	for (size_t i = 0; r == 0 && i < req.n; i++) {
		int pin = (int)req.nics[i].pin, null;

		if (!pin)
			continue;
		if (fcntl(pin, F_GETFD) >= 0) {
			r = fail_refuse(
				"cannot hand %s over as descriptor %d: the caller has it open "
				"already",
				req.nics[i].want.name, pin);
			break;
		}
		null = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (null < 0 || (null != pin && dup3(null, pin, O_CLOEXEC) < 0))
			r = fail_sys("cannot reserve descriptor %d", pin);
		if (null >= 0 && null != pin)
			close(null);
	}
	free(req.nics);
	return r;
}

/* QEMU's hub knows neither several queues nor vhost, and joins all its members. */
static enum expand_args args_form(const struct job *job)
{
	const struct request *req = &job->req;
	bool rich = req->n > 1 || req->vhost == VHOST_ON || req->vhost == VHOST_TRY;

	for (size_t i = 0; i < req->n; i++)
		rich |= req->nics[i].want.queues > 1;
	return req->args == EXPAND_NET && rich ? EXPAND_NETDEV : req->args;
}

static enum nic_vhost vhost_wanted(const struct job *job)
{
	if (job->req.vhost != VHOST_DEFAULT)
		return job->req.vhost;
	return args_form(job) == EXPAND_NETDEV ? VHOST_TRY : VHOST_OFF;
}

/* While nothing is opened or made. */
static int check_command(const struct job *job)
{
	struct expand_dev *told = calloc(job->req.n + 1, sizeof(*told));
	int r;

	if (!told)
		return fail_errno(ENOMEM, NULL, "cannot prepare COMMAND's arguments");
	for (size_t i = 0; i < job->req.n; i++)
		told[i].given = job->req.nics[i].want.name;
	r = expand_check(job->req.argc, job->req.argv, told, job->req.n,
			 vhost_wanted(job) != VHOST_OFF, args_form(job));
	free(told);
	return r;
}

/* No word is judged, and no rule asked, after the first device is made or opened. */
static int take_all(struct job *job)
{
	struct nic *nics = job->req.nics;
	auto_close int lock = -1;
	size_t n = job->req.n;

	for (size_t i = 0; i < n; i++) {
		if (nic_plan(nics, i, &job->ctx->home) < 0)
			return fail_code();
	}
	for (size_t i = 0; i < n; i++) {
		if (nic_permit(nics, i, &lock) < 0)
			return fail_code();
	}
	if (nic_claim_all(nics, n) < 0)
		return fail_code();
	for (size_t i = 0; i < n; i++) {
		if (nic_take(&nics[i], &job->ll) < 0 ||
		    nic_open_vhost(&nics[i], vhost_wanted(job)) < 0)
			return fail_code();
	}
	return 0;
}

/* The pid is COMMAND's. */
static int start_watcher(struct job *job)
{
	struct ward *wards;
	size_t n = 0;
	int r;

	if (job->ll.nsfd < 0)
		return 0;
	wards = calloc(job->req.n, sizeof(*wards));
	if (!wards)
		return fail_errno(ENOMEM, NULL, "cannot start the watcher");
	for (size_t i = 0; i < job->req.n; i++) {
		const struct nic *nic = &job->req.nics[i];

		if (nic->lifetime == LIFE_WATCHED)
			wards[n++] = (struct ward){ &nic->dev, nic->id, nic->made };
	}
	r = watcher_start(&job->ll, &job->ctx->home, wards, n, getpid(), job->ctx->argv, &job->arm);
	free(wards);
	return r;
}

static void describe(const struct nic *nic, struct expand_dev *told)
{
	*told = (struct expand_dev){
		.given = nic->want.name,
		.fds = nic->fds,
		.vhost = nic->vhosts ? nic->vhost : NULL,
		.queues = nic->queues,
		.mac = nic->dev.guest,
		.mtu = nic->dev.mtu,
		.has_node = dev_has_node(&nic->dev),
	};
	memcpy(told->name, nic->dev.name, sizeof(told->name));
}

static char **prepare_command(struct job *job)
{
	struct expand_dev *told = calloc(job->req.n, sizeof(*told));
	char **argv = NULL;

	if (!told) {
		fail_errno(ENOMEM, NULL, "cannot prepare COMMAND's arguments");
		return NULL;
	}
	for (size_t i = 0; i < job->req.n; i++) {
		struct nic *nic = &job->req.nics[i];

		describe(nic, &told[i]);
		nic_warn(nic);
	}
	if (expand_environment(told, job->req.n) == 0)
		argv = expand_command(job->req.argc, job->req.argv, told, job->req.n,
				      args_form(job));
	free(told);
	return argv;
}

static int settle_all(struct job *job)
{
	for (size_t i = 0; i < job->req.n; i++) {
		if (nic_settle(&job->req.nics[i], &job->ll, job->arm) < 0)
			return fail_code();
	}
	return 0;
}

static void undo_all(struct job *job)
{
	for (size_t i = job->req.n; i > 0; i--)
		nic_undo(&job->req.nics[i - 1], job->arm);
	util_close(&job->arm);
	lifeline_close(&job->ll);
}

static int give_up_power(struct job *job)
{
	if (!job->req.run_as)
		return priv_give_up();
	return priv_become(job->user.name, job->user.uid, job->user.gid);
}

/* What root may execute he may execute without saying so. Returns the error number. */
static int exec_command(char **argv)
{
	auto_power struct power power = priv_raise(POWER(CAP_DAC_OVERRIDE));

	execvp(argv[0], argv);
	return errno;
}

/* In the process that kept its power while we gave up ours. */
static void undo_standby(void *arg)
{
	undo_all(arg);
}

static int become(struct job *job, char **argv)
{
	int standby = -1, err;

	for (size_t i = 0; i < job->req.n; i++) {
		if (nic_hand_over(&job->req.nics[i]) < 0)
			return fail_code();
	}
	if (job->req.run_as || !priv_is_root()) {
		standby = watch_standby(undo_standby, job);
		if (standby < 0)
			return standby;
	}
	if (job->ctx->origin >= 0 && netns_enter(job->ctx->origin) < 0)
		return fail_code();
	if (give_up_power(job) == 0) {
		err = exec_command(argv);
		fail_errno(err, NULL, "cannot run %s", argv[0]);
		err = err == ENOENT ? -127 : -126;
	} else {
		err = fail_code();
	}
	for (size_t i = 0; i < job->req.n; i++)
		nic_let_go(&job->req.nics[i]);
	if (standby >= 0)
		watch_standby_go(standby);
	return err;
}

static int run(struct ctx *ctx, int argc, char **argv)
{
	struct job job = { .ctx = ctx, .arm = -1, .ll = LIFELINE_INIT };
	char **command;
	int r;

	r = parse(argc, argv, &job.req);
	if (r == 0)
		r = check_command(&job);
	if (r == 0 && job.req.run_as)
		r = plan_find_user("run-as", job.req.run_as, &job.user) < 0 ?
			    fail_code() :
			    policy_run_as(&job.user);
	if (r == 0) {
		r = take_all(&job);
		if (r == 0)
			r = start_watcher(&job);
		if (r == 0) {
			command = prepare_command(&job);
			r = command ? settle_all(&job) : FAIL_SYS;
			if (r == 0)
				r = watcher_await(job.arm);
			if (r == 0)
				r = become(&job, command);
			expand_free(command);
		}
		undo_all(&job);
	}
	free(job.req.nics);
	return r == FAIL_SYS && fail_code() ? fail_code() : r;
}

const struct cmd cmd_open_exec = {
	.name = "open-exec",
	.help = "open devices, made on the way if need be, and exec COMMAND with them",
	.spec = {
		.words = words,
		.n = ARRAY_SIZE(words),
		.names = "[dev] NAME",
		.name = take_name,
		.more = "[ dev NAME2 ... ]",
		.tail = "-- COMMAND [ARG...]",
	},
	/* Links, the tap's ioctls, sysctls and locks; lifelines and a sysfs of our own; the node
	 * where /dev has not the right one. */
	.power = POWER(CAP_NET_ADMIN) | POWER(CAP_SYS_ADMIN) | POWER(CAP_MKNOD),
	/* All that the exec gives back to root anyway: from a process that has less, the kernel
	 * takes PDEATHSIG and core dumps (begin_new_exec() of fs/exec.c). */
	.own_power = POWER_ALL,
	.alone = "it becomes COMMAND",
	.before = reserve,
	.run = run,
	.own_status = 125,
};
