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

static bool look_in(const struct holders_key *key, int proc, struct holder *holder)
{
	auto_dir DIR *dir = NULL;
	struct dirent *entry;
	int fds = openat(proc, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fds < 0)
		return false;
	dir = fdopendir(fds);
	if (!dir) {
		close(fds);
		return false;
	}
	while ((entry = readdir(dir)) != NULL) {
		uint64_t fd;

		if (args_number(entry->d_name, 0, INT32_MAX, &fd) == 0 &&
		    matches(key, proc, fds, entry->d_name)) {
			holder->fd = (int)fd;
			return true;
		}
	}
	return false;
}

int holders_find(const struct holders_key *key, struct holder *holder)
{
	auto_dir DIR *dir = opendir("/proc");
	struct dirent *entry;

	if (!dir)
		return fail_sys("cannot look for the device's holder in /proc");
	while ((entry = readdir(dir)) != NULL) {
		auto_close int proc = -1;
		uint64_t pid;

		if (args_number(entry->d_name, 1, INT32_MAX, &pid) < 0 || (pid_t)pid == getpid())
			continue;
		proc = openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (proc < 0 || !look_in(key, proc, holder))
			continue;
		holder->pid = (pid_t)pid;
		if (!read_small(proc, "comm", holder->comm, sizeof(holder->comm)))
			holder->comm[0] = '\0';
		holder->comm[strcspn(holder->comm, "\n")] = '\0';
		return 1;
	}
	return 0;
}
