/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the bench programs share: to fail, and a netlink socket used in the
 * plainest way. */
#ifndef VNETCTL_TESTS_BENCH_H
#define VNETCTL_TESTS_BENCH_H

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TX_SIZE (64 * 1024)
#define RX_SIZE (64 * 1024)

static const char *program;

__attribute__((noreturn, format(printf, 1, 2))) static inline void die(const char *fmt, ...)
{
	int err = errno;
	va_list ap;

	fprintf(stderr, "%s: ", program);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, ": %s\n", strerror(err));
	exit(1);
}

/* Messages are queued in tx, one behind the other, and go out in one send. Only
 * the last is acked; the kernel answers to others only when they fail. */
struct nl {
	int fd;
	size_t used;
	uint32_t seq;
	char *tx, *rx;
};

static inline void nl_open(struct nl *nl)
{
	struct sockaddr_nl sa = { .nl_family = AF_NETLINK };

	memset(nl, 0, sizeof(*nl));
	nl->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (nl->fd < 0 || bind(nl->fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		die("netlink");
	nl->tx = malloc(TX_SIZE);
	nl->rx = malloc(RX_SIZE);
	if (!nl->tx || !nl->rx)
		die("memory");
}

static inline struct nlmsghdr *nl_msg(struct nl *nl, uint16_t type, uint16_t flags,
				      size_t extra)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(nl->tx + nl->used);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = ++nl->seq;
	mnl_nlmsg_put_extra_header(nlh, extra);
	return nlh;
}

static inline struct nlmsghdr *nl_link(struct nl *nl, uint16_t type, uint16_t flags,
				       int ifindex)
{
	struct nlmsghdr *nlh = nl_msg(nl, type, flags, sizeof(struct ifinfomsg));
	struct ifinfomsg *ifm = mnl_nlmsg_get_payload(nlh);

	ifm->ifi_index = ifindex;
	return nlh;
}

static inline void nl_queue(struct nl *nl, const struct nlmsghdr *nlh)
{
	nl->used += MNL_ALIGN(nlh->nlmsg_len);
}

static inline bool nl_full(const struct nl *nl)
{
	return nl->used > TX_SIZE - 512;
}

static inline void nl_send(struct nl *nl, const char *what)
{
	if (send(nl->fd, nl->tx, nl->used, 0) < 0)
		die("%s", what);
	nl->used = 0;
}

/* Sends nlh, the last of the queue, and reads until it is answered. Returns its
 * error number; any other message's failure ends the program, but for lenient. */
static inline int nl_talk(struct nl *nl, struct nlmsghdr *nlh, int lenient, const char *what)
{
	uint32_t last = nlh->nlmsg_seq;

	nlh->nlmsg_flags |= NLM_F_ACK;
	nl_queue(nl, nlh);
	nl_send(nl, what);
	for (;;) {
		const struct nlmsghdr *in = (const struct nlmsghdr *)nl->rx;
		int len = (int)recv(nl->fd, nl->rx, RX_SIZE, 0);

		if (len < 0)
			die("%s", what);
		for (; mnl_nlmsg_ok(in, len); in = mnl_nlmsg_next(in, &len)) {
			const struct nlmsgerr *err = mnl_nlmsg_get_payload(in);

			if (in->nlmsg_type != NLMSG_ERROR)
				continue;
			if (in->nlmsg_seq == last)
				return -err->error;
			if (err->error && -err->error != lenient) {
				errno = -err->error;
				die("%s", what);
			}
		}
	}
}

/* As nl_talk(), but the last one's failure ends the program, too. */
static inline void nl_must(struct nl *nl, struct nlmsghdr *nlh, const char *what)
{
	errno = nl_talk(nl, nlh, EAFNOSUPPORT, what);
	if (errno && errno != EAFNOSUPPORT)
		die("%s", what);
}

static inline int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static inline void pause_us(long us)
{
	const struct timespec moment = { .tv_nsec = us * 1000 };

	nanosleep(&moment, NULL);
}

#endif
