// SPDX-License-Identifier: GPL-2.0-or-later
/* vnetctl is one thread, so "the thread's namespace" is the process's. */
#include "netns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "args.h"
#include "fail.h"
#include "priv.h"

static int open_ns(const char *path)
{
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* Looks before it opens: behind a path that another process controls there may be a FIFO, at which
 * we would hang, or a device. Returns a descriptor, or -1 with errno set. */
static int open_if_netns(const char *path)
{
	auto_close int look = open(path, O_PATH | O_CLOEXEC);
	struct statfs fs;
	char self[32];

	if (look < 0 || fstatfs(look, &fs) < 0)
		return -1;
	if (fs.f_type != NSFS_MAGIC) {
		errno = EINVAL;
		return -1;
	}
	snprintf(self, sizeof(self), "/proc/self/fd/%d", look);
	return open_ns(self);
}

static int not_opened(const char *name)
{
	fail_sys("cannot open network namespace %s", name);
	return fail_errnum() == EINVAL ? fail_hint("that file is no network namespace") :
					 fail_code();
}

int netns_open_path(const char *path)
{
	int fd = open_if_netns(path);

	return fd < 0 ? not_opened(path) : fd;
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
	fd = open_if_netns(path);
	if (fd < 0 && errno == ENOENT && args_number(name, 1, INT32_MAX, &pid) == 0) {
		snprintf(path, sizeof(path), "/proc/%s/ns/net", name);
		fd = open_if_netns(path);
	}
	return fd < 0 ? not_opened(name) : fd;
}

int netns_enter(int nsfd)
{
	auto_power struct power power = priv_raise(POWER(CAP_SYS_ADMIN));

	if (setns(nsfd, CLONE_NEWNET) < 0) {
		int err = errno;

		fail_errno(err, NULL, "cannot enter a network namespace");
		if (err == EPERM)
			priv_explain(POWER(CAP_SYS_ADMIN), "CAP_SYS_ADMIN",
				     "(in a container --cap-add SYS_ADMIN)");
		if (err == EINVAL)
			fail_hint("that file is no network namespace");
		return fail_code();
	}
	return 0;
}

void netns_return(int home)
{
	if (netns_enter(home) < 0)
		fail_abort();
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
			priv_explain(POWER(CAP_SYS_ADMIN), "CAP_SYS_ADMIN",
				     "(in a container --cap-add SYS_ADMIN) and must not be "
				     "forbidden by RestrictNamespaces= or a seccomp filter");
		if (err == ENOSPC)
			fail_hint("see sysctl user.max_net_namespaces");
		return fail_code();
	}
	fd = netns_self();
	netns_return(home);
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

static int open_below(int dir, const char *path, int mode)
{
	auto_power struct power power = priv_raise(POWER(CAP_NET_ADMIN));

	return openat(dir, path, mode | O_CLOEXEC);
}

static int clone_proc(void)
{
	auto_power struct power power = priv_raise(POWER(CAP_SYS_ADMIN));

	return (int)syscall(SYS_open_tree, AT_FDCWD, "/proc", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
}

int netns_open_sysctl(const char *name, int mode)
{
	char path[96];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/%s", name);
	fd = open_below(AT_FDCWD, path, mode);
	if (fd < 0 && errno == EROFS) {
		auto_close int proc = clone_proc();

		if (proc >= 0)
			fd = open_below(proc, path + strlen("/proc/"), mode);
		if (fd < 0)
			errno = EROFS;
	}
	return fd;
}
