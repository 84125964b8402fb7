// SPDX-License-Identifier: GPL-2.0-or-later
/* A lock is one byte of a file that belongs to the network namespace and that nobody can open
 * without CAP_NET_ADMIN there (mode 0600; net_ctl_permissions() in net/sysctl_net.c). The byte
 * is locked by fcntl_locking(2), as an open file description lock: it goes with the last
 * descriptor, however its holder ends. Nothing is written.
 *
 * A write lock needs a descriptor that could write. Containers and units mount /proc/sys
 * read-only: netns_open_sysctl() finds the same file elsewhere. That takes CAP_SYS_ADMIN; without
 * it flock(2), which needs only to read, locks the file as
 * a whole against others who can only read it, and a read lock of the byte those who can write. No
 * watcher can be theirs, because that takes CAP_SYS_ADMIN too.
 *
 * Processes that see another mount of procfs, in a pid namespace of their own, do not exclude
 * each other. */
#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "fail.h"
#include "netns.h"
#include "priv.h"

#define FILE_BELOW_SYS "net/ipv4/tcp_fastopen_key"

/* Returns a descriptor, which is read-only if only flock(2) will do, or -1 with errno set. */
static int open_file(void)
{
	int fd = netns_open_sysctl(FILE_BELOW_SYS, O_RDWR);

	return fd < 0 && errno == EROFS ? netns_open_sysctl(FILE_BELOW_SYS, O_RDONLY) : fd;
}

static int refuse(const char *what)
{
	/* The file is 0600: in the end it is this that is missing. */
	if (errno == EACCES || errno == EPERM) {
		fail_errno(EPERM, NULL, "%s", what);
		return priv_explain_net_admin();
	}
	return fail_sys("%s: cannot lock /proc/sys/" FILE_BELOW_SYS, what);
}

static struct flock byte_of(enum lock_kind kind, uint32_t number)
{
	return (struct flock){
		.l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = (off_t)((uint64_t)kind << 32 | number),
		.l_len = 1,
	};
}

static bool is_read_only(int fd)
{
	return (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY;
}

/* Returns 0, or -1 with errno set (EAGAIN: another process has it). */
static int try_lock(int fd, enum lock_kind kind, uint32_t number)
{
	struct flock byte = byte_of(kind, number);

	if (is_read_only(fd)) {
		if (flock(fd, LOCK_EX | LOCK_NB) < 0)
			return -1;
		byte.l_type = F_RDLCK;
	}
	return fcntl(fd, F_OFD_SETLK, &byte);
}

int lock_take(int *fd, enum lock_kind kind, uint32_t number, struct deadline *deadline,
	      const char *what)
{
	if (*fd < 0)
		*fd = open_file();
	if (*fd < 0)
		return refuse(what);
	/* Held for as long as a VM lives, it must not lock the file as a whole. */
	if (kind == LOCK_DUTY && is_read_only(*fd))
		return 0;
	while (try_lock(*fd, kind, number) < 0) {
		if (errno != EAGAIN && errno != EINTR)
			return refuse(what);
		/* A process that has waited long tries as often as one that has just come. */
		if (deadline->nap > 8)
			deadline->nap = 8;
		if (!deadline_nap(deadline))
			return fail_errno(EBUSY, NULL, "%s", what);
	}
	return 0;
}

int lock_is_taken(enum lock_kind kind, uint32_t number)
{
	struct flock byte = byte_of(kind, number);
	auto_close int fd = open_file();

	if (fd < 0)
		return refuse("cannot ask for a lock");
	if (fcntl(fd, F_OFD_GETLK, &byte) < 0)
		return refuse("cannot ask for a lock");
	return byte.l_type != F_UNLCK;
}
