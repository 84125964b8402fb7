/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who holds a device open, found in /proc: the kernel does not tell it. A
 * process in another pid namespace, and a descriptor that is on its way
 * through a socket, cannot be seen. */
#ifndef VNETCTL_HOLDERS_H
#define VNETCTL_HOLDERS_H

#include <net/if.h>
#include <sys/types.h>

#include "util.h"

/* One descriptor that somebody holds. */
struct holder {
	pid_t pid;
	int fd;
	dev_t number;	    /* of the character device, 0 for a network namespace */
	ino_t netns;	    /* the namespace; for a tap the one it lives in, 0: unknown */
	char tap[IFNAMSIZ]; /* the interface of a tun descriptor that is attached */
};

/* What one walk over /proc found, sorted by device number, then by pid and fd. */
struct holders {
	struct holder *list;
	size_t n;
	unsigned denied; /* processes that we may not look into */
	bool walked;
};

#define HOLDERS_INIT            \
	{                       \
		.walked = false \
	}
#define auto_holders __attribute__((cleanup(holders_free)))

/* Walks over /proc, once: a second call does nothing. Descriptors are looked
 * at, never opened. Returns 0 or a recorded failure when /proc cannot be read at all. */
int holders_walk(struct holders *h);

/* Forgets what was found; the next holders_walk() looks again. */
void holders_free(struct holders *h);

/* What to look for: a macvtap's node by its device number, a tap by name. */
struct holders_key {
	dev_t number;	    /* 0 for a tap ... */
	char tap[IFNAMSIZ]; /* ... of this name ... */
	ino_t netns;	    /* ... in this namespace */
};

/* The first descriptor after prev (NULL: of all) that is open on the device,
 * or NULL. The caller's own do not count. */
const struct holder *holders_next(const struct holders *h, const struct holders_key *key,
				  const struct holder *prev);

/* True when the descriptor is closed by now or about to be: the process has been sent
 * SIGKILL, is on its way out, or is a zombie. Whoever wants to know should walk again. */
bool holders_is_going(const struct holder *holder);

/* Copies the name of a process, or "?" if it is gone. */
void holders_comm(pid_t pid, char comm[16]);

#endif
