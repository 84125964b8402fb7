// SPDX-License-Identifier: GPL-2.0-or-later
/* Requests are queued in tx and go out in one send; the kernel handles all
 * messages of one send before send(2) returns, so a process that is killed
 * has had all of them done or none. Answers are matched by sequence number.
 *
 * libmnl builds and checks the messages. Its stock callbacks are not used:
 * they take the error in NLMSG_DONE for the end of the dump, so that a
 * forbidden dump would look like "no devices". */
#include "nl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

#include "fail.h"
#include "priv.h"

static int set_opt(int fd, int opt, int val)
{
	return setsockopt(fd, SOL_NETLINK, opt, &val, sizeof(val));
}

/* For a request both the socket's birth and the send must have had the power. */
static int new_socket(void)
{
	auto_power struct power power = priv_raise(POWER(CAP_NET_ADMIN));

	return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
}

static int open_socket(unsigned groups, uint32_t *portid)
{
	auto_close int fd = new_socket();
	struct sockaddr_nl sa = { .nl_family = AF_NETLINK, .nl_groups = groups };
	socklen_t len = sizeof(sa);

	if (fd < 0)
		return fail_sys("cannot open a netlink socket");
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 ||
	    getsockname(fd, (struct sockaddr *)&sa, &len) < 0)
		return fail_sys("cannot bind a netlink socket");
	if (portid)
		*portid = sa.nl_pid;
	return steal_fd(&fd);
}

int nl_open(struct nl *nl)
{
	int fd = open_socket(0, &nl->portid);

	if (fd < 0)
		return fd;
	nl->fd = fd;
	nl->tx = malloc(NL_BUF);
	nl->rx = malloc(NL_BUF);
	if (!nl->tx || !nl->rx) {
		nl_close(nl);
		return fail_errno(ENOMEM, NULL, "cannot open a netlink socket");
	}
	/* All three only add words or strictness; kernels before 4.20 lack the last. */
	set_opt(fd, NETLINK_CAP_ACK, 1);
	set_opt(fd, NETLINK_EXT_ACK, 1);
	set_opt(fd, NETLINK_GET_STRICT_CHK, 1);
	return 0;
}

void nl_close(struct nl *nl)
{
	util_close(&nl->fd);
	free(nl->tx);
	free(nl->rx);
	*nl = (struct nl)NL_INIT;
}

static struct nlmsghdr *new_msg(struct nl *nl, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(nl->tx + nl->used);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = ++nl->seq;
	return nlh;
}

struct nlmsghdr *nl_link_msg(struct nl *nl, uint16_t type, uint16_t flags, int ifindex)
{
	struct nlmsghdr *nlh = new_msg(nl, type, NLM_F_ACK | flags);
	struct ifinfomsg *ifm = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifm));

	ifm->ifi_index = ifindex;
	return nlh;
}

void nl_next(struct nl *nl)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)(nl->tx + nl->used);

	nl->used += MNL_ALIGN(nlh->nlmsg_len);
	nl->queued++;
}

void nl_lenient(struct nl *nl)
{
	if (nl->queued < NL_MOST)
		nl->lenient[nl->queued / 64] |= UINT64_C(1) << nl->queued % 64;
}

void nl_quiet(struct nl *nl)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)(nl->tx + nl->used);

	nlh->nlmsg_flags &= (uint16_t)~NLM_F_ACK;
}

bool nl_fits(const struct nl *nl, size_t size)
{
	return NL_BUF - nl->used > size && nl->queued + 1 < NL_MOST;
}

/* The caller has raised the power. */
static int send_queue(struct nl *nl)
{
	struct sockaddr_nl sa = { .nl_family = AF_NETLINK };
	ssize_t n;

	nl_next(nl);
	do
		n = sendto(nl->fd, nl->tx, nl->used, 0, (struct sockaddr *)&sa, sizeof(sa));
	while (n < 0 && errno == EINTR);
	nl->used = 0;
	nl->queued = 0;
	return n < 0 ? -1 : 0;
}

/* A request that is no dump is done when it is sent. */
static int send_with_power(struct nl *nl)
{
	auto_power struct power power = priv_raise(POWER(CAP_NET_ADMIN));

	return send_queue(nl);
}

/* Returns the number of bytes received, or -1 with errno set. Messages that
 * the kernel did not send are passed over. */
static ssize_t receive(struct nl *nl)
{
	struct sockaddr_nl sa;
	struct iovec iov = { nl->rx, NL_BUF };
	struct msghdr msg = {
		.msg_name = &sa,
		.msg_namelen = sizeof(sa),
		.msg_iov = &iov,
		.msg_iovlen = 1,
	};
	ssize_t n;

	for (;;) {
		n = recvmsg(nl->fd, &msg, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (msg.msg_flags & MSG_TRUNC) {
			errno = ENOSPC;
			return -1;
		}
		nl->known = true;
		if (sa.nl_pid == 0)
			return n;
	}
}

/* There is a message at nlh, all of it within len bytes. To libmnl a length of 2 GiB and more
 * is a negative number, which is less than anything. */
static bool is_whole(const struct nlmsghdr *nlh, int len)
{
	return mnl_nlmsg_ok(nlh, len) && nlh->nlmsg_len <= (uint32_t)len;
}

/* The kernel's own words in an NLMSG_ERROR or NLMSG_DONE, or NULL. */
static const char *extack(const struct nlmsghdr *nlh)
{
	const struct nlattr *attr;
	size_t skip;

	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return NULL;
	if (nlh->nlmsg_type == NLMSG_DONE) {
		skip = sizeof(int);
	} else {
		const struct nlmsgerr *err = mnl_nlmsg_get_payload(nlh);

		skip = sizeof(*err);
		if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
			skip += mnl_nlmsg_get_payload_len(nlh) > sizeof(*err) ?
					MNL_ALIGN(err->msg.nlmsg_len - MNL_NLMSG_HDRLEN) :
					0;
	}
	if (skip > mnl_nlmsg_get_payload_len(nlh))
		return NULL;
	mnl_attr_for_each(attr, nlh, skip) {
		if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG &&
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
			return mnl_attr_get_str(attr);
	}
	return NULL;
}

/* The error number (0 or positive) in an NLMSG_ERROR or NLMSG_DONE. */
static int error_of(const struct nlmsghdr *nlh)
{
	int err = 0;

	if (mnl_nlmsg_get_payload_len(nlh) >= sizeof(err))
		memcpy(&err, mnl_nlmsg_get_payload(nlh), sizeof(err));
	/* Linux has 1 to 4095. */
	if (err < -4095 || err > 4095)
		return EPROTO;
	return err < 0 ? -err : err;
}

/* fmt is known to be good: every caller is checked by printf_like. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static void words_of(char *what, size_t size, const char *fmt, va_list ap)
{
	vsnprintf(what, size, fmt, ap);
}
#pragma GCC diagnostic pop

/* A missing right is the most common refusal of all: name it here, once. */
static int refused(int err, const char *words, const char *what)
{
	int r = fail_errno(err, words, "%s", what);

	if (err == EPERM)
		priv_explain_net_admin();
	return r;
}

/* What was sent and how its answers are to be taken. */
struct exchange {
	uint32_t first, n; /* sequence number of the first of n messages */
	uint64_t lenient[NL_MOST / 64];
	bool acked; /* the last one is answered by an ack, else by its reply */
	nl_answer *cb;
	void *arg;
	const char *what;
};

static bool is_lenient(const struct exchange *x, uint32_t i)
{
	return i < NL_MOST && x->lenient[i / 64] >> i % 64 & 1;
}

static int call(struct nl *nl, nl_answer *cb, const struct nlmsghdr *nlh, void *arg)
{
	const struct nlmsghdr *outer = nl->now;
	int r;

	nl->now = nlh;
	r = cb(nlh, arg);
	nl->now = outer;
	return r;
}

/* One answer. Returns 0 or a recorded failure. */
static int take_answer(struct nl *nl, const struct exchange *x, const struct nlmsghdr *nlh)
{
	uint32_t i = nlh->nlmsg_seq - x->first;
	int err;

	if (nlh->nlmsg_type != NLMSG_ERROR)
		return x->cb ? call(nl, x->cb, nlh, x->arg) : 0;
	err = error_of(nlh);
	if (!err || (err == EAFNOSUPPORT && is_lenient(x, i)))
		return 0;
	if (nl->error) {
		nl->error(i, err, extack(nlh), nl->error_arg);
		return 0;
	}
	nl->failed = i;
	return refused(err, extack(nlh), x->what);
}

/* Answers come in order, so the answer to the last message ends them. */
static int read_answers(struct nl *nl, const struct exchange *x)
{
	bool last = false;
	int r = 0;

	while (!last) {
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)nl->rx;
		ssize_t got = receive(nl);
		int len = (int)got;

		if (got < 0) {
			nl->failed = x->n; /* the kernel may well have done them all */
			return fail_sys("%s", x->what);
		}
		for (; is_whole(nlh, len); nlh = mnl_nlmsg_next(nlh, &len)) {
			uint32_t i = nlh->nlmsg_seq - x->first;

			/* An exchange that was given up may still be answered. */
			if (nlh->nlmsg_pid != nl->portid || i >= x->n)
				continue;
			if (r == 0)
				r = take_answer(nl, x, nlh);
			last = i == x->n - 1 && (!x->acked || nlh->nlmsg_type == NLMSG_ERROR);
		}
	}
	return r;
}

int nl_talk(struct nl *nl, nl_answer *cb, void *arg, const char *fmt, ...)
{
	const struct nlmsghdr *last = (const struct nlmsghdr *)(nl->tx + nl->used);
	char what[256];
	struct exchange x = {
		.first = nl->seq - nl->queued,
		.n = nl->queued + 1,
		.acked = last->nlmsg_flags & NLM_F_ACK,
		.cb = cb,
		.arg = arg,
		.what = what,
	};
	va_list ap;

	va_start(ap, fmt);
	words_of(what, sizeof(what), fmt, ap);
	va_end(ap);
	memcpy(x.lenient, nl->lenient, sizeof(x.lenient));
	memset(nl->lenient, 0, sizeof(nl->lenient));
	nl->failed = 0;
	if (send_with_power(nl) < 0)
		return fail_sys("%s", what);
	return read_answers(nl, &x);
}

/* The answers of a dump, message behind message. */
struct pile {
	uint8_t *p;
	size_t used, size;
};

static void free_pile(struct pile *pile)
{
	free(pile->p);
}

#define auto_pile __attribute__((cleanup(free_pile)))

static int keep(struct pile *pile, const struct nlmsghdr *nlh, const char *what)
{
	size_t end = pile->used + MNL_ALIGN(nlh->nlmsg_len);

	if (!pile->p || end > pile->size) {
		uint8_t *more = realloc(pile->p, 2 * end);

		if (!more)
			return fail_errno(ENOMEM, NULL, "%s", what);
		pile->p = more;
		pile->size = 2 * end;
	}
	memcpy(pile->p + pile->used, nlh, nlh->nlmsg_len);
	pile->used = end;
	return 0;
}

/* One pass of a dump, to its end also when it failed. Returns 1 when it was interrupted.
 * The power is for receiving, too: most of a dump is made then, and up to Linux 6.1 at
 * least (not in 6.12) the right to another namespace is asked for each time. */
static int dump_once(struct nl *nl, struct pile *pile, const char *what)
{
	auto_power struct power power = priv_raise(POWER(CAP_NET_ADMIN));
	bool interrupted = false;
	int r = 0;

	if (send_queue(nl) < 0)
		return fail_sys("%s", what);
	for (;;) {
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)nl->rx;
		ssize_t n = receive(nl);
		int len = (int)n;

		if (n < 0)
			return fail_sys("%s", what);
		for (; is_whole(nlh, len); nlh = mnl_nlmsg_next(nlh, &len)) {
			if (nlh->nlmsg_pid != nl->portid || nlh->nlmsg_seq != nl->seq)
				continue;
			if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
				interrupted = true;
			if (nlh->nlmsg_type == NLMSG_DONE || nlh->nlmsg_type == NLMSG_ERROR) {
				int err = error_of(nlh);

				if (err && r == 0)
					r = refused(err, extack(nlh), what);
				return r ? r : interrupted;
			}
			if (r == 0)
				r = keep(pile, nlh, what);
		}
	}
}

int nl_dump(struct nl *nl, nl_answer *cb, void *arg, const char *fmt, ...)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)nl->tx;
	auto_pile struct pile pile = { NULL, 0, 0 };
	size_t len = nlh->nlmsg_len;
	char what[256];
	va_list ap;
	int r = 1;

	va_start(ap, fmt);
	words_of(what, sizeof(what), fmt, ap);
	va_end(ap);
	/* A busy host changes links all the time: the last try is taken as it is, for an error
	 * would let anybody who makes and removes devices stop everybody else. */
	for (int tries = 0; r > 0 && tries < 5; tries++) {
		pile.used = 0;
		nlh->nlmsg_len = (uint32_t)len;
		nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
		nlh->nlmsg_seq = ++nl->seq;
		r = dump_once(nl, &pile, what);
	}
	for (size_t at = 0; r >= 0 && at < pile.used; at += MNL_ALIGN(nlh->nlmsg_len)) {
		nlh = (struct nlmsghdr *)(pile.p + at);
		r = call(nl, cb, nlh, arg);
	}
	return r < 0 ? r : 0;
}

static struct nlmsghdr *nsid_msg(struct nl *nl, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *nlh = new_msg(nl, type, flags);

	mnl_nlmsg_put_extra_header(nlh, sizeof(struct rtgenmsg));
	return nlh;
}

int nl_nsid_set(struct nl *nl, int nsfd, int32_t nsid)
{
	struct nlmsghdr *nlh = nsid_msg(nl, RTM_NEWNSID, NLM_F_ACK);

	mnl_attr_put_u32(nlh, NETNSA_FD, (uint32_t)nsfd);
	mnl_attr_put_u32(nlh, NETNSA_NSID, (uint32_t)nsid);
	if (nl_talk(nl, NULL, NULL, "cannot give the lifeline namespace an id") == 0)
		return 1;
	/* The kernel says EEXIST for "has an id already", ENOSPC for "id taken". */
	if (fail_errnum() == EEXIST || fail_errnum() == ENOSPC) {
		fail_clear();
		return 0;
	}
	return fail_code();
}

static int store_nsid(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *attr;

	if (nlh->nlmsg_type != RTM_NEWNSID)
		return 0;
	mnl_attr_for_each(attr, nlh, sizeof(struct rtgenmsg)) {
		if (mnl_attr_get_type(attr) == NETNSA_NSID &&
		    mnl_attr_validate(attr, MNL_TYPE_U32) >= 0)
			*(int32_t *)arg = (int32_t)mnl_attr_get_u32(attr);
	}
	return 0;
}

int nl_nsid_alive(struct nl *nl, int32_t nsid)
{
	struct nlmsghdr *nlh = nsid_msg(nl, RTM_GETNSID, NLM_F_ACK);
	int32_t found = -1;

	mnl_attr_put_u32(nlh, NETNSA_NSID, (uint32_t)nsid);
	if (nl_talk(nl, store_nsid, &found, "cannot ask for namespace id %d", nsid) == 0)
		return found >= 0;
	if (fail_errnum() == ENOENT) {
		fail_clear();
		return 0;
	}
	return fail_code();
}

bool nl_nsid_gone(int errnum)
{
	return errnum == EINVAL || errnum == ENOENT || errnum == ENODEV;
}

int nl_nsid_get(struct nl *nl, int nsfd, int32_t *nsid)
{
	struct nlmsghdr *nlh = nsid_msg(nl, RTM_GETNSID, NLM_F_ACK);

	*nsid = -1;
	mnl_attr_put_u32(nlh, NETNSA_FD, (uint32_t)nsfd);
	return nl_talk(nl, store_nsid, nsid, "cannot ask for a namespace's id");
}

struct nsid_walk {
	int (*cb)(int32_t nsid, void *arg);
	void *arg;
	int err;
};

static int walk_nsid(const struct nlmsghdr *nlh, void *arg)
{
	struct nsid_walk *walk = arg;
	int32_t nsid = -1;

	store_nsid(nlh, &nsid);
	return nsid >= 0 ? walk->cb(nsid, walk->arg) : 0;
}

int nl_nsid_each(struct nl *nl, int (*cb)(int32_t nsid, void *arg), void *arg)
{
	struct nsid_walk walk = { cb, arg, 0 };

	/* The kernel (6.18) ends this dump with the first buffer, which is 3.7 KiB, or 134
	 * ids, until it has seen how large ours is: so let it see that first. */
	if (!nl->known && nl_nsid_alive(nl, 0) < 0)
		return fail_code();
	nsid_msg(nl, RTM_GETNSID, 0);
	return nl_dump(nl, walk_nsid, &walk, "cannot list namespace ids");
}

/* Most are not there: ENOENT. */
static void not_alive(uint32_t i, int err, const char *words, void *arg)
{
	(void)i;
	(void)words;
	if (err != ENOENT)
		((struct nsid_walk *)arg)->err = err;
}

int nl_nsid_ask(struct nl *nl, uint32_t first, uint32_t step, uint32_t n,
		int (*cb)(int32_t nsid, void *arg), void *arg)
{
	static const char what[] = "cannot ask for namespace ids";
	struct nsid_walk walk = { cb, arg, 0 };
	int r = 0;

	nl->error = not_alive;
	nl->error_arg = &walk; /* cppcheck-suppress autoVariables ; unset below */
	for (uint32_t i = 0; r == 0 && i < n; i++) {
		struct nlmsghdr *nlh = nsid_msg(nl, RTM_GETNSID, 0);

		mnl_attr_put_u32(nlh, NETNSA_NSID, first + i * step);
		if (i + 1 < n && nl_fits(nl, 256))
			nl_next(nl);
		else
			r = nl_talk(nl, walk_nsid, &walk, "%s", what);
	}
	nl->error = NULL;
	nl->error_arg = NULL;
	return r == 0 && walk.err ? fail_errno(walk.err, NULL, "%s", what) : r;
}

/* A socket that hears one type of message of one group, and only those with
 * this value at this offset. Loads are in network order, hence htons and htonl of
 * what the kernel wrote in host order. */
static int open_watch(int group, uint16_t type, unsigned offset, uint32_t value)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_type)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(type), 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(value), 0, 1),
		BPF_STMT(BPF_RET | BPF_K, ~0U),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog prog = { ARRAY_SIZE(code), code };
	auto_close int fd = open_socket(0, NULL);

	if (fd < 0)
		return fd;
	/* The filter first: nothing else is ever queued, and nothing wakes us. */
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) < 0)
		return fail_sys("cannot attach a socket filter");
	if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
		return fail_sys("cannot subscribe to the kernel's events");
	return steal_fd(&fd);
}

int nl_nsid_watch(int32_t nsid)
{
	/* nlmsghdr, rtgenmsg with padding, attribute header, and NETNSA_NSID's value. */
	return open_watch(RTNLGRP_NSID, RTM_DELNSID, MNL_NLMSG_HDRLEN + 4 + MNL_ATTR_HDRLEN,
			  (uint32_t)nsid);
}

int nl_nsid_wait(int fd)
{
	struct sockaddr_nl sa = { .nl_family = AF_NETLINK };
	socklen_t len = sizeof(sa);
	char buf[512];
	ssize_t n;

	do
		n = recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&sa, &len);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno != ENOBUFS)
		return fail_sys("cannot wait for a namespace's end");
	return n > 0 && sa.nl_pid == 0;
}
