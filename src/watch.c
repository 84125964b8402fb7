// SPDX-License-Identifier: GPL-2.0-or-later
/* The subscription is made before the fork, by the caller, who still holds
 * the namespace: so nothing can die unheard.
 *
 * Forked twice: a COMMAND that we exec must not find itself with a child. The process in
 * between does nothing but fork, on memory that is still ours (vfork(2)): to copy ours twice
 * would cost more than all the rest. What the last one becomes it does by itself, while we go
 * on, and says when it is done. */
#include "watch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "deadline.h"
#include "fail.h"
#include "nl.h"
#include "priv.h"

/* Without close_range(2) (Linux 5.9; a seccomp filter may refuse it): one by one. */
static int close_from_to(unsigned from, unsigned to)
{
	long max = sysconf(_SC_OPEN_MAX);

	if (syscall(SYS_close_range, from, to, 0) == 0)
		return 0;
	if (max <= 0 || max > 1 << 20)
		return -1;
	for (unsigned fd = from; fd <= to && fd < (unsigned)max; fd++) {
		if (close(fd) < 0 && errno != EBADF)
			return -1;
	}
	return 0;
}

/* Closes all descriptors but those in keep[], which it sorts. */
static int close_others(int *keep, size_t n)
{
	unsigned from = 0;

	for (size_t i = 1; i < n; i++) {
		for (size_t k = i; k > 0 && keep[k - 1] > keep[k]; k--) {
			int v = keep[k];

			keep[k] = keep[k - 1];
			keep[k - 1] = v;
		}
	}
	for (size_t i = 0; i < n; i++) {
		unsigned fd = (unsigned)keep[i];

		if (keep[i] < 0)
			continue;
		if (fd > from && close_from_to(from, fd - 1) < 0)
			return fail_sys("cannot close descriptors");
		from = fd + 1;
	}
	return close_from_to(from, ~0U) < 0 ? fail_sys("cannot close descriptors") : 0;
}

/* ps reads the command line from the memory that argv's strings lie in, which
 * the kernel laid out one behind the other. */
static void set_title(char **argv, const char *title)
{
	size_t size = 0, len = strlen(title);

	for (int i = 0; argv[i] && argv[i] == argv[0] + size; i++)
		size += strlen(argv[i]) + 1;
	if (!size)
		return;
	if (len > size - 1)
		len = size - 1;
	memset(argv[0], 0, size);
	memcpy(argv[0], title, len);
	prctl(PR_SET_NAME, "vnetctl-watch");
}

static void set_signals(void)
{
	static const int ignored[] = { SIGTERM, SIGINT,	 SIGHUP,  SIGQUIT, SIGPIPE,
				       SIGTSTP, SIGUSR1, SIGUSR2, SIGALRM };
	sigset_t none;

	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		signal(ignored[i], SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int wait_for(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) < 0) {
		if (errno == ECHILD)
			return 0; /* the caller ignores SIGCHLD: nothing to be had */
		if (errno != EINTR)
			return fail_sys("cannot wait for a process");
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return fail_errno(WIFEXITED(status) ? WEXITSTATUS(status) : EINTR, NULL,
			  "cannot start a process");
}

/* Runs work(arg) in a process that is nobody's child. Returns 0 or a recorded failure. */
static int start(void (*work)(void *arg), void *arg)
{
	pid_t between = vfork(), last;

	if (between < 0)
		return fail_sys("cannot start a process");
	if (between > 0)
		return wait_for(between);

	last = fork();
	if (last != 0)
		_exit(last < 0 ? errno : 0);
	work(arg);
	_exit(0);
}

static int become_watcher(const struct watch *watch, int *keep)
{
	if (setsid() < 0 || chdir("/") < 0)
		return fail_sys("cannot leave the session");
	/* To remove the device, and to see who holds it. */
	if (priv_keep_only(POWER(CAP_NET_ADMIN) | POWER_LOOK) < 0 ||
	    close_others(keep, watch->n_keep + 3) < 0)
		return fail_code();
	set_signals();
	set_title(watch->argv, watch->title);
	return 0;
}

struct watcher {
	const struct watch *watch;
	int *keep; /* heard, ready, followed, and what it needs besides */
	int heard;
	int followed; /* pidfd, or -1 */
	bool ended;   /* the process that was followed has, and there is more to be said of it */
};

static void tell_ready(int fd, int err)
{
	ssize_t n;

	/* When the starter was killed nobody listens: it is on duty all the same. */
	do
		n = send(fd, &err, sizeof(err), MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
}

static int open_pid(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

/* Waits for the next event. A broken socket is no reason to leave a device behind, nor to remove
 * one: it is the same as a lost message. */
static enum watch_event next_event(struct watcher *watcher)
{
	for (;;) {
		struct pollfd fds[] = { { .fd = watcher->heard, .events = POLLIN },
					{ .fd = watcher->followed, .events = POLLIN } };
		int n = poll(fds, ARRAY_SIZE(fds), watcher->ended ? 2000 : -1), r;

		if (n < 0)
			continue;
		if (n == 0) {
			watcher->ended = false;
			return WATCH_ENDED;
		}
		if (fds[0].revents) {
			r = nl_nsid_wait(watcher->heard);
			fail_clear();
			return r > 0 ? WATCH_DEAD : WATCH_LOST;
		}
		util_close(&watcher->followed);
		watcher->followed = -1;
		watcher->ended = true;
	}
}

static void follow(struct watcher *watcher, pid_t next)
{
	if (next == WATCH_GO_ON)
		return;
	util_close(&watcher->followed);
	watcher->followed = next > 0 ? open_pid(next) : -1;
	/* It has ended already, or cannot be followed. */
	watcher->ended = watcher->followed < 0;
}

static void live(void *arg)
{
	struct watcher *watcher = arg;
	const struct watch *watch = watcher->watch;
	pid_t next;
	int err = 0;

	if (become_watcher(watch, watcher->keep) < 0 || watch->begin(watch->arg) < 0)
		err = fail_errnum() ? fail_errnum() : EPROTO;
	tell_ready(watch->ready, err);
	if (err)
		_exit(1);
	while ((next = watch->wake(next_event(watcher), watch->arg)) != WATCH_DONE)
		follow(watcher, next);
	_exit(0);
}

int watch_start(const struct watch *watch)
{
	auto_close int heard = nl_nsid_watch(watch->nsid), followed = open_pid(watch->pid);
	struct watcher watcher = { .watch = watch, .heard = heard, .followed = followed };
	size_t n = watch->n_keep;
	int r;

	if (heard < 0)
		return heard;
	if (followed < 0)
		return fail_sys("cannot follow process %d", watch->pid);
	watcher.keep = calloc(n + 3, sizeof(*watcher.keep));
	if (!watcher.keep)
		return fail_errno(ENOMEM, NULL, "cannot start the watcher");
	memcpy(watcher.keep, watch->keep, n * sizeof(*watcher.keep));
	watcher.keep[n] = heard;
	watcher.keep[n + 1] = watch->ready;
	watcher.keep[n + 2] = followed;
	r = start(live, &watcher);
	free(watcher.keep);
	return r;
}

int watch_await(int fd)
{
	const struct timeval most = { .tv_sec = DEADLINE_MS / 1000 };
	ssize_t n = -1;
	int err;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most)) == 0) {
		do
			n = recv(fd, &err, sizeof(err), 0);
		while (n < 0 && errno == EINTR);
	}
	if (n < 0 && errno == EAGAIN)
		return fail_errno(ETIMEDOUT, NULL, "cannot start the watcher");
	if (n < 0)
		return fail_sys("cannot start the watcher");
	if (n != sizeof(err))
		return fail_refuse("cannot start the watcher: it ended at once: was it killed?");
	return err ? fail_errno(err, NULL, "cannot start the watcher") : 0;
}

static ssize_t read_byte(int fd)
{
	ssize_t n;
	char c;

	do
		n = recv(fd, &c, 1, 0);
	while (n < 0 && errno == EINTR);
	return n;
}

struct standby {
	int mine, its; /* ends of a socket */
	void (*work)(void *arg);
	void *arg;
};

static void stand_by(void *arg)
{
	struct standby *standby = arg;

	close(standby->mine);
	if (read_byte(standby->its) == 1)
		standby->work(standby->arg);
}

int watch_standby(void (*work)(void *arg), void *arg)
{
	struct standby standby = { .work = work, .arg = arg };
	auto_close int mine = -1, its = -1;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return fail_sys("cannot start a process");
	mine = ends[0];
	its = ends[1];
	standby.mine = mine;
	standby.its = its;
	return start(stand_by, &standby) < 0 ? fail_code() : steal_fd(&mine);
}

void watch_standby_go(int fd)
{
	const struct timeval most = { .tv_sec = DEADLINE_MS / 1000 };

	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most)) == 0 &&
	    send(fd, "x", 1, MSG_NOSIGNAL) == 1)
		read_byte(fd);
	close(fd);
}
