// SPDX-License-Identifier: GPL-2.0-or-later
/* helper: QEMU's bridge helper. QEMU runs it with "--use-vnet --fd=N --br=BR" behind the words
 * of the user and takes one descriptor from socket N. The device lives as long as that
 * descriptor, as with open-exec; until it is sent, whatever fails is undone. */
#include <errno.h>
#include <sys/socket.h>

#include "cmd.h"
#include "fail.h"
#include "lifeline.h"
#include "nic.h"
#include "plan.h"
#include "watcher.h"

struct request {
	struct nic nic;
	enum nic_lifetime lifetime;
	int argc; /* without QEMU's words */
	char **argv;
	const char *bridge;
	bool vnet;
	int socket;
};

static void *take_name(void *dst, const char *name)
{
	struct request *req = dst;

	if (req->nic.want.name) {
		fail_usage("helper: one device at a time: what is '%s'? A lower device or "
			   "bridge is 'link %s'",
			   name, name);
		return NULL;
	}
	req->nic.want.name = name;
	return req;
}

static int take_lifetime(const char *word, const char *text, void *field)
{
	static const struct {
		const char *text;
		enum nic_lifetime life;
	} known[] = { { "fd", LIFE_FD }, { "watched", LIFE_WATCHED } };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (streq(known[i].text, text)) {
			*(enum nic_lifetime *)field = known[i].life;
			return 0;
		}
	}
	return fail_usage("%s '%s' is not known: one of fd, watched", word, text);
}

/* clang-format off */
static const struct args_word words[] = {
	PLAN_DEVICE(offsetof(struct request, nic.want)),
	{ .name = "lifetime", .value = "{fd|watched}", .parse = take_lifetime,
	  .offset = offsetof(struct request, lifetime), .help = "what ends the device" },
};
/* clang-format on */

static int take_socket(struct request *req, const char *text)
{
	uint64_t fd;

	if (args_number(text, 0, 1 << 20, &fd) < 0)
		return fail_usage("helper: '--fd=%s' is no descriptor", text);
	req->socket = (int)fd;
	return 0;
}

/* QEMU's words, which may stand anywhere; all others go to req->argv. */
static int split(struct request *req, int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		if (streq(argv[i], "--use-vnet"))
			req->vnet = true;
		else if (strncmp(argv[i], "--br=", 5) == 0)
			req->bridge = argv[i] + 5;
		else if (strncmp(argv[i], "--fd=", 5) != 0)
			req->argv[req->argc++] = argv[i];
		else if (take_socket(req, argv[i] + 5) < 0)
			return fail_code();
	}
	return 0;
}

static int judge(struct request *req)
{
	struct plan_words *want = &req->nic.want;

	if (req->socket < 0)
		return fail_usage(
			"helper: QEMU runs this: -netdev tap,id=n0,helper='vnetctl helper "
			"link DEV'");
	if (!req->vnet)
		return fail_usage(
			"helper: '--use-vnet' is missing: a device without virtio headers "
			"is not to be had");
	if (!want->link && (!req->bridge || args_ifname("--br", req->bridge, &want->link) < 0))
		return fail_code() ? fail_code() : fail_usage("helper: which link? 'link DEV'");
	if (!want->name)
		want->name = "vnet%d";
	req->nic.asked = req->lifetime;
	return 0;
}

static int parse(struct request *req, int argc, char **argv)
{
	*req = (struct request){ .socket = -1 };
	nic_init(&req->nic, "helper", LIFE_WATCHED);
	req->argv = calloc((size_t)argc + 1, sizeof(*req->argv));
	if (!req->argv)
		return fail_errno(ENOMEM, NULL, "cannot read the command line");
	if (split(req, argc, argv) < 0 ||
	    args_parse(&cmd_helper.spec, "helper", req->argc, req->argv, req, req) < 0)
		return fail_code();
	return judge(req);
}

/* Before anything of ours can have that number. */
static int check_socket(int argc, char **argv)
{
	struct sockaddr_storage sa = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof(sa);
	struct request req;

	if (parse(&req, argc, argv) == 0 &&
	    (getsockname(req.socket, (struct sockaddr *)&sa, &len) < 0 || sa.ss_family != AF_UNIX))
		fail_refuse("helper: descriptor %d is no socket to send a descriptor through",
			    req.socket);
	free(req.argv);
	return fail_code();
}

/* QEMU is our parent, and holds the device when we have ended. */
static int start_watcher(const struct nic *nic, const struct lifeline *ll, struct ctx *ctx,
			 int *arm)
{
	const struct ward ward = { &nic->dev, nic->id, true };

	if (ll->nsfd < 0)
		return 0;
	return watcher_start(ll, &ctx->home, &ward, 1, getppid(), ctx->argv, arm);
}

static int send_descriptor(int socket, int fd)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { .head = { .cmsg_len = CMSG_LEN(sizeof(int)),
				.cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS } };
	char byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control.room) };
	ssize_t n;

	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	do
		n = sendmsg(socket, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n == 1 ? 0 : fail_sys("cannot send the descriptor to QEMU");
}

static int serve(struct request *req, struct ctx *ctx)
{
	struct lifeline ll = LIFELINE_INIT;
	struct nic *nic = &req->nic;
	auto_close int arm = -1, lock = -1;

	if (nic_plan(nic, 0, &ctx->home) == 0 && nic_permit(nic, 0, &lock) == 0 &&
	    nic_take(nic, &ll) == 0 && start_watcher(nic, &ll, ctx, &arm) == 0 &&
	    nic_settle(nic, &ll, arm) == 0 && watcher_await(arm) == 0) {
		nic_warn(nic);
		if (dev_has_node(&nic->dev) && !nic->want.address.set)
			warn("%s: only frames for its own address arrive, which QEMU is not told: "
			     "say 'address MAC' here, and mac=MAC in QEMU's -device",
			     nic->dev.name);
		send_descriptor(req->socket, nic->fds[0]);
	}
	if (fail_code())
		nic_undo(nic, arm);
	else
		nic_release(nic);
	lifeline_close(&ll);
	return fail_code();
}

static int run(struct ctx *ctx, int argc, char **argv)
{
	struct request req;

	if (parse(&req, argc, argv) == 0)
		serve(&req, ctx);
	free(req.argv);
	return fail_code();
}

const struct cmd cmd_helper = {
	.name = "helper",
	.help = "make a device for QEMU, which runs this: -netdev tap,helper=...",
	.spec = {
		.words = words,
		.n = ARRAY_SIZE(words),
		.names = "[[dev] NAME]",
		.name = take_name,
		.foreign = "--use-vnet --fd=N [--br=BRIDGE]",
	},
	/* As open-exec, without what COMMAND is for. */
	.power = POWER(CAP_NET_ADMIN) | POWER(CAP_SYS_ADMIN) | POWER(CAP_MKNOD),
	.own_power = POWER_LOOK | POWER(CAP_DAC_OVERRIDE) | POWER(CAP_SETPCAP),
	.alone = "it serves a QEMU",
	.before = check_socket,
	.run = run,
};
