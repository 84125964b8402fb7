// SPDX-License-Identifier: GPL-2.0-or-later
/* One walk over /proc/PID/fd. Descriptors are looked at, never opened: stat of
 * the link tells the device number, fdinfo the interface of a tun descriptor. */
#include "holders.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "args.h"
#include "fail.h"

#define auto_dir __attribute__((cleanup(close_dir)))

static void close_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* Reads a small file of /proc into text. Returns false when it cannot. */
static bool read_small(int dir, const char *path, char *text, size_t size)
{
	auto_close int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, text, size - 1);
	if (n < 0)
		return false;
	text[n] = '\0';
	return true;
}

/* A tun descriptor's fdinfo has a line "iff:<tab>NAME". */
static bool is_tap(int proc, const char *fd, const char *name)
{
	char path[32], text[512], *line, *end;

	snprintf(path, sizeof(path), "fdinfo/%s", fd);
	if (!read_small(proc, path, text, sizeof(text)))
		return false;
	line = strstr(text, "iff:\t");
	if (!line)
		return false;
	line += 5;
	end = strchr(line, '\n');
	if (end)
		*end = '\0';
	return streq(line, name);
}

static bool matches(const struct holders_key *key, int proc, int fds, const char *fd)
{
	struct statx stx;

	/* DONT_SYNC: a descriptor on a dead network file system must not hang us. */
	if (statx(fds, fd, AT_STATX_DONT_SYNC, STATX_TYPE, &stx) < 0 || !S_ISCHR(stx.stx_mode))
		return false;
	if (key->number)
		return makedev(stx.stx_rdev_major, stx.stx_rdev_minor) == key->number;
	return stx.stx_rdev_major == 10 && stx.stx_rdev_minor == 200 && is_tap(proc, fd, key->tap);
}

/* Opens /proc/PID/fd as a directory, or returns NULL: not ours to read, or gone. */
static DIR *open_fds(int proc)
{
	int fd = openat(proc, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir && fd >= 0)
		close(fd);
	return dir;
}

/* Calls cb with /proc/PID/fd open for each process but ourselves until it
 * returns other than 0. */
static int each_process(int (*cb)(pid_t pid, int proc, DIR *fds, void *arg), void *arg)
{
	auto_dir DIR *dir = opendir("/proc");
	struct dirent *entry;
	int r = 0;

	if (!dir)
		return fail_sys("cannot look for the device's holder in /proc");
	while (r == 0 && (entry = readdir(dir)) != NULL) {
		auto_close int proc = -1;
		auto_dir DIR *fds = NULL;
		uint64_t pid;

		if (args_number(entry->d_name, 1, INT32_MAX, &pid) < 0 || (pid_t)pid == getpid())
			continue;
		proc = openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (proc >= 0)
			fds = open_fds(proc);
		if (fds)
			r = cb((pid_t)pid, proc, fds, arg);
	}
	return r;
}

struct find {
	const struct holders_key *key;
	struct holder *holder;
};

static int look_in(pid_t pid, int proc, DIR *fds, void *arg)
{
	struct find *find = arg;
	struct holder *holder = find->holder;
	struct dirent *entry;
	uint64_t fd;

	while ((entry = readdir(fds)) != NULL) {
		if (args_number(entry->d_name, 0, INT32_MAX, &fd) < 0 ||
		    !matches(find->key, proc, dirfd(fds), entry->d_name))
			continue;
		holder->pid = pid;
		holder->fd = (int)fd;
		if (!read_small(proc, "comm", holder->comm, sizeof(holder->comm)))
			holder->comm[0] = '\0';
		holder->comm[strcspn(holder->comm, "\n")] = '\0';
		return 1;
	}
	return 0;
}

int holders_find(const struct holders_key *key, struct holder *holder)
{
	struct find find = { key, holder };

	return each_process(look_in, &find);
}

struct netns_walk {
	int (*cb)(int nsfd, const char *path, void *arg);
	void *arg;
	ino_t *seen;
	size_t n;
};

/* Remembers an inode; false when it was there already. */
static bool is_new(struct netns_walk *walk, ino_t inode)
{
	ino_t *more;

	for (size_t i = 0; i < walk->n; i++) {
		if (walk->seen[i] == inode)
			return false;
	}
	more = realloc(walk->seen, (walk->n + 1) * sizeof(*more));
	if (!more)
		return true; /* at worst it is looked at twice */
	walk->seen = more;
	more[walk->n++] = inode;
	return true;
}

static int look_for_netns(pid_t pid, int proc, DIR *fds, void *arg)
{
	struct netns_walk *walk = arg;
	char target[32], path[64];
	struct dirent *entry;
	uint64_t inode;
	int r = 0;

	(void)proc;
	while (r == 0 && (entry = readdir(fds)) != NULL) {
		ssize_t n = readlinkat(dirfd(fds), entry->d_name, target, sizeof(target) - 1);
		auto_close int nsfd = -1;

		if (n < 7 || memcmp(target, "net:[", 5) != 0)
			continue;
		target[n - 1] = '\0';
		if (args_number(target + 5, 0, UINT64_MAX / 16, &inode) < 0 ||
		    !is_new(walk, (ino_t)inode))
			continue;
		nsfd = openat(dirfd(fds), entry->d_name, O_RDONLY | O_CLOEXEC);
		snprintf(path, sizeof(path), "/proc/%d/fd/%.16s", pid, entry->d_name);
		if (nsfd >= 0)
			r = walk->cb(nsfd, path, walk->arg);
	}
	return r;
}

int holders_each_netns(int (*cb)(int nsfd, const char *path, void *arg), void *arg)
{
	struct netns_walk walk = { .cb = cb, .arg = arg };
	int r = each_process(look_for_netns, &walk);

	free(walk.seen);
	return r;
}
