// SPDX-License-Identifier: GPL-2.0-or-later
/* The subscription is made before the fork, by the caller, who still holds
 * the namespace: so nothing can die unheard and there is nothing to wait for.
 * Forked twice: a COMMAND that we exec must not find itself with a child. All that can
 * fail is done by the process in between, whose exit status is its error number. */
#include "watch.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

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

/* A broken socket is no reason to leave a device behind, nor to remove one. */
static void live(const struct watch *watch, int heard)
{
	int r;

	do {
		r = nl_nsid_wait(heard);
		if (r < 0)
			fail_clear();
		r = watch->wake(r > 0, watch->arg);
	} while (r > 0);
	_exit(r < 0);
}

/* The process in between: everything that the watcher is to be, then it. */
static int become_watcher(const struct watch *watch, int *keep)
{
	if (setsid() < 0 || chdir("/") < 0)
		return fail_sys("cannot leave the session");
	/* To remove the device. */
	if (priv_keep_only(POWER(CAP_NET_ADMIN)) < 0 ||
	    close_others(keep, watch->n_keep + 1) < 0)
		return fail_code();
	set_signals();
	set_title(watch->argv, watch->title);
	return 0;
}

static int wait_for(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) < 0) {
		if (errno == ECHILD)
			return 0; /* the caller ignores SIGCHLD: nothing to be had */
		if (errno != EINTR)
			return fail_sys("cannot wait for the watcher's parent");
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return fail_errno(WIFEXITED(status) ? WEXITSTATUS(status) : EINTR, NULL,
			  "cannot start a process");
}

/* keep is heard and what the watcher needs besides. */
static int start(const struct watch *watch, int *keep, int heard)
{
	pid_t child = fork();

	if (child < 0)
		return fail_sys("cannot start the watcher");
	if (child > 0)
		return wait_for(child);

	if (become_watcher(watch, keep) < 0)
		_exit(fail_errnum());
	child = fork();
	if (child != 0)
		_exit(child < 0 ? errno : 0);
	live(watch, heard);
	_exit(0);
}

int watch_start(const struct watch *watch)
{
	auto_close int heard = nl_nsid_watch(watch->nsid);
	int *keep, r;

	if (heard < 0)
		return heard;
	keep = calloc(watch->n_keep + 1, sizeof(*keep));
	if (!keep)
		return fail_errno(ENOMEM, NULL, "cannot start the watcher");
	memcpy(keep, watch->keep, watch->n_keep * sizeof(*keep));
	keep[watch->n_keep] = heard;
	r = start(watch, keep, heard);
	free(keep);
	return r;
}

int watch_detach(const int *keep, size_t n, void (*work)(void *arg), void *arg)
{
	int sorted[4];
	pid_t child;

	if (n > ARRAY_SIZE(sorted))
		return fail_errno(EMFILE, NULL, "cannot start a process");
	memcpy(sorted, keep, n * sizeof(*keep));
	child = fork();
	if (child < 0)
		return fail_sys("cannot start a process");
	if (child > 0)
		return wait_for(child);

	if (close_others(sorted, n) < 0)
		_exit(fail_errnum());
	child = fork();
	if (child != 0)
		_exit(child < 0 ? errno : 0);
	work(arg);
	_exit(0);
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

int watch_standby(void (*work)(void *arg), void *arg)
{
	auto_close int mine = -1, its = -1;
	pid_t child;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return fail_sys("cannot start a process");
	mine = ends[0];
	its = ends[1];
	child = fork();
	if (child < 0)
		return fail_sys("cannot start a process");
	if (child > 0)
		return wait_for(child) < 0 ? fail_code() : steal_fd(&mine);

	child = fork();
	if (child != 0)
		_exit(child < 0 ? errno : 0);
	close(steal_fd(&mine));
	if (read_byte(its) == 1)
		work(arg);
	_exit(0);
}

void watch_standby_go(int fd)
{
	if (send(fd, "x", 1, MSG_NOSIGNAL) == 1)
		read_byte(fd);
	close(fd);
}
