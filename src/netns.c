// SPDX-License-Identifier: GPL-2.0-or-later
/* vnetctl is one thread, so "the thread's namespace" is the process's. After a
 * failed return home nothing more may be done: that is reported like any
 * failure, and every caller gives up on it. */
#include "netns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>

#include "args.h"
#include "fail.h"
#include "priv.h"

#define LOCKS "/proc/sys/net/ipv4/tcp_fastopen_key"

static int open_ns(const char *path)
{
	return open(path, O_RDONLY | O_CLOEXEC);
}

int netns_self(void)
{
	int fd = open_ns("/proc/thread-self/ns/net");

	return fd < 0 ? fail_sys("cannot open this network namespace") : fd;
}

int netns_open(const char *name)
{
	/* As far as the caller may look himself. */
	auto_power struct power power = priv_raise(POWER_LOOK);
	char path[4096];
	uint64_t pid;
	int fd;

	if (strlen(name) > sizeof(path) - 64)
		return fail_errno(ENAMETOOLONG, NULL, "cannot open network namespace");
	if (strchr(name, '/'))
		snprintf(path, sizeof(path), "%s", name);
	else
		snprintf(path, sizeof(path), "/run/netns/%s", name);
	fd = open_ns(path);
	if (fd < 0 && errno == ENOENT && args_number(name, 1, INT32_MAX, &pid) == 0) {
		snprintf(path, sizeof(path), "/proc/%s/ns/net", name);
		fd = open_ns(path);
	}
	return fd < 0 ? fail_sys("cannot open network namespace %s", name) : fd;
}

int netns_enter(int nsfd)
{
	auto_power struct power power = priv_raise(POWER(CAP_SYS_ADMIN));

	if (setns(nsfd, CLONE_NEWNET) < 0) {
		int err = errno;

		fail_errno(err, NULL, "cannot enter a network namespace");
		if (err == EPERM)
			fail_hint("this needs CAP_SYS_ADMIN (in a container --cap-add SYS_ADMIN)");
		if (err == EINVAL)
			fail_hint("that file is no network namespace");
		return fail_code();
	}
	return 0;
}

static int unshare_netns(void)
{
	auto_power struct power power = priv_raise(POWER(CAP_SYS_ADMIN));

	return unshare(CLONE_NEWNET);
}

int netns_new(int home)
{
	auto_close int fd = -1;

	if (unshare_netns() < 0) {
		int err = errno;

		fail_errno(err, NULL, "cannot make a network namespace for the lifeline");
		if (err == EPERM)
			fail_hint("this needs CAP_SYS_ADMIN (in a container --cap-add SYS_ADMIN) "
				  "and must not be forbidden by RestrictNamespaces= or a seccomp "
				  "filter");
		if (err == ENOSPC)
			fail_hint("see sysctl user.max_net_namespaces");
		return fail_code();
	}
	fd = netns_self();
	if (netns_enter(home) < 0)
		return fail_code();
	return fd < 0 ? fail_code() : steal_fd(&fd);
}

ino_t netns_inode(int nsfd)
{
	struct stat st;

	if (fstat(nsfd, &st) < 0) {
		fail_sys("cannot look at a network namespace");
		return 0;
	}
	return st.st_ino;
}

static int open_with_power(void)
{
	auto_power struct power power = priv_raise(POWER(CAP_NET_ADMIN));

	return open(LOCKS, O_RDWR | O_CLOEXEC);
}

static int open_locks(const char *what)
{
	int fd = open_with_power();

	if (fd >= 0)
		return fd;
	if (errno == EACCES || errno == EPERM) {
		/* The file is 0600: in the end it is this that is missing. */
		fail_errno(EPERM, NULL, "%s", what);
		return fail_hint("this needs CAP_NET_ADMIN in the network namespace (try sudo; in "
				 "a container --cap-add NET_ADMIN)");
	}
	fail_sys("%s: cannot lock %s", what, LOCKS);
	if (fail_errnum() == EROFS)
		fail_hint("/proc/sys is read-only here: in a container, mount it writable (podman: "
			  "--security-opt unmask=/proc/sys, docker: --security-opt "
			  "systempaths=unconfined)");
	return fail_code();
}

/* Returns 1, 0 when somebody else has it and how does not wait, or a recorded failure. */
static int take_lock(int fd, int how, uint64_t key, const char *what)
{
	struct flock lock = {
		.l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = (off_t)(key & INT64_MAX),
		.l_len = 1,
	};
	int r;

	do
		r = fcntl(fd, how, &lock);
	while (r < 0 && errno == EINTR);
	if (r == 0)
		return 1;
	return errno == EAGAIN ? 0 : fail_sys("%s: cannot lock %s", what, LOCKS);
}

int netns_lock(uint64_t key, const char *what)
{
	auto_close int fd = open_locks(what);

	if (fd < 0 || take_lock(fd, F_OFD_SETLKW, key, what) < 0)
		return fail_code();
	return steal_fd(&fd);
}

int netns_lock_more(int *fd, uint64_t key, const char *what)
{
	if (*fd < 0)
		*fd = open_locks(what);
	return *fd < 0 ? *fd : take_lock(*fd, F_OFD_SETLK, key, what);
}
