/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The processes that hold a device open, found in /proc: the kernel does not tell it. A process in
 * another pid namespace, and a descriptor that is on its way through a socket, cannot be
 * seen. */
#ifndef VNETCTL_HOLDERS_H
#define VNETCTL_HOLDERS_H

#include <net/if.h>
#include <stdint.h>
#include <sys/types.h>

#include "deadline.h"
#include "util.h"

/* One descriptor that a process holds, or (fd -1) the namespace that it stands in. */
struct holder {
	pid_t pid; /* or the thread, if it has descriptors of its own */
	int fd;
	dev_t number;	    /* of the character device, 0 for a network namespace */
	ino_t netns;	    /* the namespace; for a tap the one it lives in, 0: unknown */
	int32_t nsid;	    /* for lifeline.c: its id at home, -1: none */
	char tap[IFNAMSIZ]; /* the interface of a tun descriptor that is attached */
};

#define HOLDER_NSID_UNKNOWN INT32_MIN

/* The result of one walk over /proc: first the network namespaces other than the caller's, sorted
 * by inode, then the devices, sorted by number; each then by pid and fd. */
struct holders {
	struct holder *list;
	size_t n;
	unsigned denied; /* processes that we may not look into */
	bool sockets;	 /* look into the queues of sockets, too: is any descriptor in flight? */
	bool in_flight;
	ino_t own_netns; /* the caller's network namespace */
	bool all_rights; /* nothing but a security module closes a process to us */
	bool walked;
};

#define HOLDERS_INIT            \
	{                       \
		.walked = false \
	}
#define auto_holders __attribute__((cleanup(holders_free)))

/* Walks over /proc, once: a second call does nothing. Descriptors are looked at, never opened; of
 * threads, too, that have their own, and of the caller those that it inherited. Returns 0 or a
 * recorded failure when /proc cannot be read at all. */
int holders_walk(struct holders *h);

/* True when we are in the host's own pid namespace, not in a container's. */
bool holders_in_first_pidns(void);

/* True when the walk was let into each process, from the host's own pid namespace. */
bool holders_let_in(const struct holders *h);

/* Tells whether the walk has seen all there is to be seen: it was let into each process, from the
 * host's own pid namespace, and now no descriptor is on its way through a socket, and no io_uring
 * has files of its own. Looks for these in one more walk: to be asked when the answer matters. */
bool holders_saw_all(const struct holders *h);

/* Writes where a network namespace was found: "/proc/PID/fd/N" or "/proc/PID/ns/net". */
void holders_path(const struct holder *holder, char path[64]);

/* Opens the network namespace that was found there. Returns a CLOEXEC descriptor, or a recorded
 * failure when it is no network namespace any more or closed to us. */
int holders_open_netns(const struct holder *holder);

/* Forgets what was found; the next holders_walk() looks again. */
void holders_free(struct holders *h);

/* What to look for: a macvtap's node by its device number, a tap by name. */
struct holders_key {
	dev_t number;	    /* 0 for a tap ... */
	char tap[IFNAMSIZ]; /* ... of this name ... */
	ino_t netns;	    /* ... in this namespace */
};

/* The first descriptor after prev (NULL: of all) that is open on the device,
 * or NULL. Of the caller's own those count that it inherited. */
const struct holder *holders_next(const struct holders *h, const struct holders_key *key,
				  const struct holder *prev);

/* True when the descriptor is closed by now or about to be: the process has been sent
 * SIGKILL, is on its way out, or is a zombie, or it is a vnetctl that looks at the device. The
 * next walk tells. */
bool holders_is_going(const struct holder *holder);

/* Takes out of the list what a vnetctl had only to look at it: what it has closed by now, or does
 * until the deadline. */
void holders_drop_lookers(struct holders *h, struct deadline *deadline);

/* Finds, among the devices that are held, the number of the macvtap with this name and index,
 * which is chosen at random: from /sys/dev/char, which is not of one namespace. That needs no
 * right. Returns 1 and stores it, 0 when no process that can be seen holds it, or -1, without a
 * failure on record, when /sys cannot tell. */
int holders_number_of(const struct holders *h, const char *name, int ifindex, dev_t *number);

/* Copies the name of a process, or "?" if it is gone. */
void holders_comm(pid_t pid, char comm[16]);

#endif
