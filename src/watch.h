/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The door to fork: a watcher, a process of its own that sleeps until a
 * network namespace id dies, and follows a process besides. */
#ifndef VNETCTL_WATCH_H
#define VNETCTL_WATCH_H

#include <stdint.h>
#include <sys/types.h>

#include "util.h"

enum watch_event {
	WATCH_DEAD,  /* the id is dead */
	WATCH_LOST,  /* it may be: a message was lost */
	WATCH_ENDED, /* the process that was followed ended 2 s ago, and the id has not died */
};

/* Returned by watch.wake() instead of a process to follow. */
enum {
	WATCH_GO_ON = 0,  /* wait for the id's end, and follow nobody */
	WATCH_AGAIN = -1, /* the same, and WATCH_ENDED once more in 2 s */
	WATCH_DONE = -2,  /* end the watcher */
};

struct watch {
	int32_t nsid;	   /* the id, in the namespace the caller is in */
	pid_t pid;	   /* the process to follow */
	const char *title; /* what ps shows: "vnetctl: watching vm0" */
	char **argv;	   /* main's argv: where ps looks */
	const int *keep;   /* descriptors that the watcher needs, and their number */
	size_t n_keep;
	int ready; /* a socket's end, kept too, for watch_await() at the other one */
	/* Called in the watcher when it is on its own, before it is said to be ready. Returns 0
	 * or a recorded failure, which ends it. */
	int (*begin)(void *arg);
	/* Called in the watcher at each event. Returns a process to follow from now on, or one of
	 * WATCH_GO_ON, WATCH_AGAIN, WATCH_DONE. */
	pid_t (*wake)(enum watch_event event, void *arg);
	void *arg;
};

/* Starts the watcher. When this returns it is subscribed, so that a death from
 * now on is not missed. Returns 0 or a recorded failure. */
int watch_start(const struct watch *watch);

/* Waits until a watcher says at the other end of fd that it is what it is to be: nobody's
 * child (init's, or a subreaper's), out of the session, deaf to SIGTERM, SIGINT and SIGHUP, in
 * "/", without any capability but CAP_NET_ADMIN and those to look into processes (POWER_LOOK),
 * and any descriptor but keep[] and its own. Once for each watcher. Returns 0 or a recorded
 * failure: the watcher has ended, or did not answer in time. */
int watch_await(int fd);

/* Starts a process that keeps what we have, power and descriptors, until we
 * exec or end, for the case that an exec fails after the power was given up. Returns a
 * CLOEXEC descriptor for watch_standby_go(), or a recorded failure. */
int watch_standby(void (*work)(void *arg), void *arg);

/* Has the process do its work and waits for its end; closes fd. */
void watch_standby_go(int fd);

#endif
