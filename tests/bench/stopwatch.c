// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * stopwatch - how long things take, from the moment before the fork
 *
 *	stopwatch run CMD...		until CMD has ended. Prints nanoseconds, peak
 *					memory in KiB, and exit status
 *	stopwatch first CMD...		until the first instruction of what CMD
 *					becomes, tests/bench/first. Prints nanoseconds
 *	stopwatch gone DEV CMD...	CMD, which becomes "first hold", holds DEV; from
 *					the kill -9 of it until DEV is gone, at home or in
 *					one of home's other namespaces
 *	stopwatch helper PATH BRIDGE	until qemu-bridge-helper has sent its descriptor
 *
 * The output of CMD is read, as a script would, and forgotten. Exit status 1 when CMD
 * failed.
 */
#include "bench.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

extern char **environ;

/* Starts argv with out as its descriptor 1; it is on its own when this returns. */
static pid_t start(char **argv, int out, int64_t *begun)
{
	pid_t pid;

	*begun = now_ns();
	/* With vfork nothing of us is copied, and its cost is no part of what is timed. */
	pid = vfork();
	if (pid < 0)
		die("vfork");
	if (pid == 0) {
		dup2(out, STDOUT_FILENO);
		execvp(argv[0], argv);
		_exit(127);
	}
	return pid;
}

static int end(pid_t pid, struct rusage *usage)
{
	int status;

	if (wait4(pid, &status, 0, usage) < 0)
		die("wait");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int run(char **argv)
{
	static char output[64 * 1024];
	struct rusage usage;
	int ends[2], status;
	int64_t begun;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		die("pipe");
	pid = start(argv, ends[1], &begun);
	close(ends[1]);
	while (read(ends[0], output, sizeof(output)) > 0)
		;
	status = end(pid, &usage);
	printf("%lld %ld %d\n", (long long)(now_ns() - begun), usage.ru_maxrss, status);
	return status != 0;
}

/* What first writes, as nanoseconds. */
static int64_t read_moment(int fd)
{
	struct {
		long sec, nsec;
	} moment;

	errno = 0;
	if (read(fd, &moment, sizeof(moment)) != sizeof(moment))
		die("the command did not become 'first'");
	return moment.sec * INT64_C(1000000000) + moment.nsec;
}

static int first(char **argv)
{
	int64_t begun, moment;
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		die("pipe");
	pid = start(argv, ends[1], &begun);
	close(ends[1]);
	moment = read_moment(ends[0]);
	end(pid, NULL);
	printf("%lld\n", (long long)(moment - begun));
	return 0;
}

struct place {
	int ifindex;
	int32_t nsid; /* -1: home */
};

/* Sends one request and tells cb of each answer; returns the error number. */
static int ask(struct nl *nl, struct nlmsghdr *nlh, void (*cb)(const struct nlmsghdr *, void *),
	       void *arg)
{
	nl_queue(nl, nlh);
	nl_send(nl, "netlink");
	for (;;) {
		const struct nlmsghdr *in = (const struct nlmsghdr *)nl->rx;
		int len = (int)recv(nl->fd, nl->rx, RX_SIZE, 0);

		if (len < 0)
			die("netlink");
		for (; mnl_nlmsg_ok(in, len); in = mnl_nlmsg_next(in, &len)) {
			if (in->nlmsg_type == NLMSG_DONE)
				return 0;
			if (in->nlmsg_type == NLMSG_ERROR)
				return -((const struct nlmsgerr *)mnl_nlmsg_get_payload(in))->error;
			cb(in, arg);
		}
	}
}

static void take_index(const struct nlmsghdr *nlh, void *arg)
{
	const struct ifinfomsg *ifm = mnl_nlmsg_get_payload(nlh);

	((struct place *)arg)->ifindex = ifm->ifi_index;
}

static int look(struct nl *nl, const char *name, struct place *place)
{
	struct nlmsghdr *nlh = nl_link(nl, RTM_GETLINK, NLM_F_ACK, place->ifindex);

	if (name)
		mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	if (place->nsid >= 0)
		mnl_attr_put_u32(nlh, IFLA_TARGET_NETNSID, (uint32_t)place->nsid);
	return ask(nl, nlh, take_index, place);
}

struct ids {
	int32_t id[4096];
	size_t n;
};

static void take_id(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *attr;
	struct ids *ids = arg;

	mnl_attr_for_each(attr, nlh, sizeof(struct rtgenmsg)) {
		if (mnl_attr_get_type(attr) == NETNSA_NSID && ids->n < 4096)
			ids->id[ids->n++] = (int32_t)mnl_attr_get_u32(attr);
	}
}

static void find(struct nl *nl, const char *name, struct place *place)
{
	static struct ids ids;

	*place = (struct place){ .nsid = -1 };
	if (look(nl, name, place) == 0)
		return;
	ask(nl, nl_msg(nl, RTM_GETNSID, NLM_F_DUMP, sizeof(struct rtgenmsg)), take_id, &ids);
	for (size_t i = 0; i < ids.n; i++) {
		*place = (struct place){ .nsid = ids.id[i] };
		if (look(nl, name, place) == 0)
			return;
	}
	errno = ENODEV;
	die("%s", name);
}

static int gone(const char *name, char **argv)
{
	struct place place;
	int64_t begun, took;
	struct nl nl;
	int ends[2];
	pid_t pid;

	nl_open(&nl);
	if (pipe2(ends, O_CLOEXEC) < 0)
		die("pipe");
	pid = start(argv, ends[1], &begun);
	close(ends[1]);
	read_moment(ends[0]);
	find(&nl, name, &place);
	begun = now_ns();
	kill(pid, SIGKILL);
	/* Any error: the device's, or its namespace's end. */
	while (look(&nl, NULL, &place) == 0)
		pause_us(50);
	took = now_ns() - begun;
	end(pid, NULL);
	printf("%lld\n", (long long)took);
	return 0;
}

static int helper(const char *path, const char *bridge)
{
	char fd_arg[32], br_arg[64], data;
	char *argv[] = { (char *)path, (char *)"--use-vnet", fd_arg, br_arg, NULL };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { &data, 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	int64_t begun, took;
	int ends[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0 ||
	    fcntl(ends[0], F_SETFD, FD_CLOEXEC) < 0)
		die("socketpair");
	snprintf(fd_arg, sizeof(fd_arg), "--fd=%d", ends[1]);
	snprintf(br_arg, sizeof(br_arg), "--br=%s", bridge);
	pid = start(argv, STDERR_FILENO, &begun);
	close(ends[1]);
	errno = 0;
	if (recvmsg(ends[0], &msg, 0) != 1 || !CMSG_FIRSTHDR(&msg))
		die("%s sent no descriptor", path);
	took = now_ns() - begun;
	if (end(pid, NULL) != 0)
		die("%s failed", path);
	printf("%lld\n", (long long)took);
	return 0;
}

int main(int argc, char **argv)
{
	program = argv[0];
	if (argc > 2 && !strcmp(argv[1], "run"))
		return run(argv + 2);
	if (argc > 2 && !strcmp(argv[1], "first"))
		return first(argv + 2);
	if (argc > 3 && !strcmp(argv[1], "gone"))
		return gone(argv[2], argv + 3);
	if (argc == 4 && !strcmp(argv[1], "helper"))
		return helper(argv[2], argv[3]);
	fprintf(stderr, "usage: stopwatch {run|first} CMD... | gone DEV CMD... | "
			"helper PATH BRIDGE\n");
	return 2;
}
