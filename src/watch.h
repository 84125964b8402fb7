/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The door to fork: a watcher, a process of its own that sleeps until a
 * network namespace id dies and then does one thing. */
#ifndef VNETCTL_WATCH_H
#define VNETCTL_WATCH_H

#include <stdint.h>

#include "util.h"

struct watch {
	int32_t nsid;	   /* the id, in the namespace the caller is in */
	const char *title; /* what ps shows: "vnetctl: watching vm0" */
	char **argv;	   /* main's argv: where ps looks */
	const int *keep;   /* descriptors that the watcher needs, and their number */
	size_t n_keep;
	int ready; /* a socket's end, kept too, for watch_await() at the other one */
	/* Called in the watcher when it is on its own, before it is said to be ready. Returns 0
	 * or a recorded failure, which ends it. */
	int (*begin)(void *arg);
	/* Called when the id is dead (sure), or when it may be, because a message was
	 * lost. Returns 1 to go on waiting, 0 or below at the end. */
	int (*wake)(bool sure, void *arg);
	void *arg;
};

/* Starts the watcher. When this returns it is subscribed, so that a death from
 * now on is not missed. Returns 0 or a recorded failure. */
int watch_start(const struct watch *watch);

/* Waits until a watcher says at the other end of fd that it is what it is to be: nobody's
 * child (init's, or a subreaper's), out of the session, deaf to SIGTERM, SIGINT and SIGHUP, in
 * "/", without any capability but CAP_NET_ADMIN and any descriptor but keep[] and its own.
 * Once for each watcher. Returns 0 or a recorded failure; then it has ended. */
int watch_await(int fd);

/* Runs work(arg) in a process of its own that nobody waits for and that has no
 * descriptor but keep[]; if it cannot close the others it ends at once. Returns 0 or a recorded
 * failure. */
int watch_detach(const int *keep, size_t n, void (*work)(void *arg), void *arg);

/* Starts a process that keeps what we have, power and descriptors, until we
 * exec or end, for the case that an exec fails after the power was given up. Returns a
 * CLOEXEC descriptor for watch_standby_go(), or a recorded failure. */
int watch_standby(void (*work)(void *arg), void *arg);

/* Has the process do its work and waits for its end; closes fd. */
void watch_standby_go(int fd);

#endif
