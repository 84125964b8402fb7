/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The door to rtnetlink: a socket bound to one network namespace, requests
 * that are answered, dumps that are walked, the kernel's own words (extack) in
 * every failure, and network namespace ids. */
#ifndef VNETCTL_NL_H
#define VNETCTL_NL_H

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdint.h>

#include "util.h"

#define NL_BUF (64 * 1024)
/* Messages in a send: so many answers fit into the socket's buffer, and one that does
 * not is lost. */
#define NL_MOST 128

/* Told that message number i of a send failed with err and the kernel's words,
 * which may be NULL. */
typedef void nl_error(uint32_t i, int err, const char *words, void *arg);

struct nl {
	int fd;
	uint32_t portid;
	uint32_t seq;
	size_t used;			/* bytes of queued messages in tx */
	uint32_t queued;		/* and their number */
	uint32_t failed;		/* which message of the last talk failed, from 0; their
			   * number when no answer could be read */
	uint64_t lenient[NL_MOST / 64]; /* messages that may answer EAFNOSUPPORT */
	nl_error *error; /* told each failure of the next talk instead of the record */
	void *error_arg;
	uint8_t *tx, *rx;	    /* NL_BUF bytes each */
	bool known;		    /* the kernel has seen how much rx takes */
	const struct nlmsghdr *now; /* what a callback is called for, else NULL */
	bool has_self;		    /* self is known */
	int32_t self;		    /* the id that the socket's namespace has for itself (dev.c) */
};

#define NL_INIT          \
	{                \
		.fd = -1 \
	}
#define auto_nl __attribute__((cleanup(nl_close)))

/* Opens a socket in the calling thread's network namespace, for good: it goes
 * on speaking to that namespace after a setns(2). CLOEXEC, strict checking,
 * extended acks. Returns 0 or a recorded failure. */
int nl_open(struct nl *nl);

/* Closes and frees; harmless on NL_INIT and when called twice. */
void nl_close(struct nl *nl);

/* Begins a message of this type at the end of the queue, with NLM_F_REQUEST |
 * NLM_F_ACK | flags, and returns it with its ifinfomsg zeroed in place. The
 * caller puts attributes with mnl_attr_put_* and then calls nl_talk(). */
struct nlmsghdr *nl_link_msg(struct nl *nl, uint16_t type, uint16_t flags, int ifindex);

/* Ends the message begun last, keeping it in the queue, so that the next one
 * goes out in the same send. The kernel works through one send without
 * returning to us, so no signal can come between its messages. */
void nl_next(struct nl *nl);

/* Marks the message begun last as one that may answer EAFNOSUPPORT without
 * that being a failure (IPv6 is off, or not for such a device). */
void nl_lenient(struct nl *nl);

/* The message begun last is not to be acked: an answer comes only if it fails, or if
 * it is a get, whose reply is answer enough. The last message of a send
 * must be acked or be a get. */
void nl_quiet(struct nl *nl);

/* True when one more message, of size bytes, fits into the send behind the one begun
 * last. */
bool nl_fits(const struct nl *nl, size_t size);

/* What one answer carries; return a negative recorded failure to stop. */
typedef int nl_answer(const struct nlmsghdr *nlh, void *arg);

/* Sends all queued messages in one send and reads one answer for each; other
 * messages of ours (replies to a get) go to cb when it is not NULL. Returns 0, or the
 * first failure recorded as "WHAT: errno's words: the kernel's words" (see
 * fail_errnum() and nl->failed); the rest of the answers are read all the same. */
int nl_talk(struct nl *nl, nl_answer *cb, void *arg, const char *fmt, ...) printf_like(4, 5);

/* Sends the one queued message as a dump, anew when the kernel says that it was interrupted
 * (NLM_F_DUMP_INTR: something may be missing, or be there twice), and calls cb for each answer
 * of the pass that was not; of the fifth, whatever it is. cb may talk on nl itself. Errors
 * in the terminating NLMSG_DONE count (libmnl's own handler ignores them), and then cb is not
 * called. Returns 0 or a recorded failure. */
int nl_dump(struct nl *nl, nl_answer *cb, void *arg, const char *fmt, ...) printf_like(4, 5);

/* Gives the namespace behind nsfd the id nsid in the socket's namespace.
 * Returns 1, 0 when that id is taken, or a recorded failure. */
int nl_nsid_set(struct nl *nl, int nsfd, int32_t nsid);

/* Asks whether the id nsid names a living namespace. Returns 1, 0, or a
 * recorded failure. RTM_GETNSID answers ENOENT once it is dead. */
int nl_nsid_alive(struct nl *nl, int32_t nsid);

/* True for the errors with which the kernel refuses an IFLA_TARGET_NETNSID whose
 * namespace has just died (rtnl_get_net_ns_capable(): EINVAL). */
bool nl_nsid_gone(int errnum);

/* The id that the socket's namespace has for the one behind nsfd: stores it
 * in *nsid, or -1 when it has none. Returns 0 or a recorded failure. */
int nl_nsid_get(struct nl *nl, int nsfd, int32_t *nsid);

/* Calls cb for the id of every namespace that the socket's namespace has one
 * for; of more than NL_NSID_MOST a kernel may leave out the rest. Returns 0 or a recorded
 * failure. */
int nl_nsid_each(struct nl *nl, int (*cb)(int32_t nsid, void *arg), void *arg);

/* What fits into the largest buffer of a dump, 32 KiB, is a few more. */
#define NL_NSID_MOST 1100

/* Asks for n ids, from the first on in steps, and calls cb for each that names a living
 * namespace. Returns 0 or a recorded failure. */
int nl_nsid_ask(struct nl *nl, uint32_t first, uint32_t step, uint32_t n,
		int (*cb)(int32_t nsid, void *arg), void *arg);

/* Opens a socket that hears only the death (RTM_DELNSID) of one id, by a socket
 * filter. Returns the descriptor, CLOEXEC, or a recorded failure. */
int nl_nsid_watch(int32_t nsid);

/* Blocks until nl_nsid_watch()'s socket has heard something or overran.
 * Returns 1 for the id's end, 0 when that may have been lost, or a recorded
 * failure. EINTR is survived. */
int nl_nsid_wait(int fd);

#endif
