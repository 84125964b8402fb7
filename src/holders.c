// SPDX-License-Identifier: GPL-2.0-or-later
/* One walk over /proc/PID/fd that keeps what could matter: character devices
 * other than terminals and the like, and network namespaces. Descriptors are
 * looked at, never opened: statx of the link tells the device number, fdinfo
 * the interface of a tun descriptor.
 *
 * A thread can have descriptors of its own (unshare(2), CLONE_FILES), or be all that is left of a
 * process whose first thread has ended: kcmp(2) tells, and it is then walked like a process. */
#include "holders.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "args.h"
#include "fail.h"
#include "netns.h"
#include "priv.h"
#include "tapfd.h"

#define TUN_NUMBER makedev(10, 200)

#define auto_dir __attribute__((cleanup(close_dir)))

static void close_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static int fail_walk(int err)
{
	return fail_errno(err, NULL, "cannot look for holders in /proc");
}

/* A process or a descriptor that has gone meanwhile, or a file whose file system is
 * broken or closed to us, is passed over: none of these is a device that works. But where
 * only the means to look are missing, a holder could be missed. */
static bool may_pass(int err)
{
	return err != ENOMEM && err != EMFILE && err != ENFILE && err != EPERM;
}

/* Reads a small file of /proc into text. Returns 0, or -1 with errno set. */
static int read_small(int dir, const char *path, char *text, size_t size)
{
	auto_close int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n = 1;

	if (fd < 0)
		return -1;
	while (len < size - 1 && n != 0) {
		n = read(fd, text + len, size - 1 - len);
		if (n < 0 && errno != EINTR)
			return -1;
		len += n > 0 ? (size_t)n : 0;
	}
	text[len] = '\0';
	return 0;
}

void holders_comm(pid_t pid, char comm[16])
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	if (read_small(AT_FDCWD, path, comm, 16) < 0)
		snprintf(comm, 16, "?");
	comm[strcspn(comm, "\n")] = '\0';
}

/* The hexadecimal mask behind a key of /proc/PID/status has the bit of SIGKILL. */
static bool has_sigkill(const char *status, const char *key)
{
	const char *at = strstr(status, key);

	return at && strtoull(at + strlen(key), NULL, 16) >> (SIGKILL - 1) & 1;
}

/* Once it has taken the signal, that is not pending any more: from then on until it is a zombie
 * only the flags of the task tell (PF_EXITING, PF_SIGNALED of include/linux/sched.h; the ninth
 * field of /proc/PID/stat, see proc(5)). */
static bool is_exiting(const char *stat)
{
	const char *at = strrchr(stat, ')');

	/* The second field is the name, which may hold anything. */
	for (int field = 2; at && field < 9; field++)
		at = strchr(at + 1, ' ');
	return at && strtoull(at, NULL, 10) & (0x4 | 0x400);
}

static bool is_dying(pid_t pid)
{
	char path[32], text[4096];

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	if (read_small(AT_FDCWD, path, text, sizeof(text)) < 0)
		return errno == ENOENT || errno == ESRCH;
	if (strstr(text, "State:\tZ") || strstr(text, "State:\tX") ||
	    has_sigkill(text, "\nSigPnd:\t") || has_sigkill(text, "\nShdPnd:\t"))
		return true;
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (read_small(AT_FDCWD, path, text, sizeof(text)) < 0)
		return errno == ENOENT || errno == ESRCH;
	return is_exiting(text);
}

/* Borrows the descriptor for a moment, to ask it for its device (tapfd_is_dead()). */
static bool is_vnetctl(const struct holder *holder)
{
	char comm[16];

	holders_comm(holder->pid, comm);
	return holder->pid != getpid() && streq(comm, "vnetctl");
}

static bool is_closed(const struct holder *holder)
{
	auto_power struct power power = priv_raise(POWER_LOOK);
	char path[48], text[512];

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", holder->pid, holder->fd);
	return read_small(AT_FDCWD, path, text, sizeof(text)) < 0 &&
	       (errno == ENOENT || errno == ESRCH);
}

bool holders_is_going(const struct holder *holder)
{
	return is_dying(holder->pid) || is_closed(holder) || is_vnetctl(holder);
}

static bool only_looked(const struct holder *holder, struct deadline *deadline)
{
	char comm[16];

	do {
		holders_comm(holder->pid, comm);
		/* "?": it has ended. */
		if (!is_vnetctl(holder) && !streq(comm, "?"))
			return false;
		if (holder->fd < 0 || is_closed(holder))
			return true;
	} while (deadline_nap(deadline));
	return false;
}

void holders_drop_lookers(struct holders *h, struct deadline *deadline)
{
	size_t kept = 0;

	for (size_t i = 0; i < h->n; i++) {
		if (!only_looked(&h->list[i], deadline))
			h->list[kept++] = h->list[i];
	}
	h->n = kept;
}

/* A tun descriptor's fdinfo has a line "iff:<tab>NAME" once it is attached. Returns 1, 0
 * when it is not, or a recorded failure. */
static int tap_of(int fds, struct holder *holder)
{
	char path[32], text[512], *line;

	snprintf(path, sizeof(path), "../fdinfo/%d", holder->fd);
	if (read_small(fds, path, text, sizeof(text)) < 0)
		return may_pass(errno) ? 0 : fail_walk(errno);
	line = strstr(text, "iff:\t");
	if (!line)
		return 0;
	line += 5;
	line[strcspn(line, "\n")] = '\0';
	snprintf(holder->tap, IFNAMSIZ, "%s", line);
	holder->netns = tapfd_home_of(holder->pid, holder->fd);
	return 1;
}

/* Memory devices and terminals: what everybody has open. */
static bool is_common(unsigned maj)
{
	return maj == 1 || maj == 4 || maj == 5 || (maj >= 136 && maj <= 143);
}

/* The inode of the network namespace that the link at path shows, 0 when it shows none; -1 with
 * errno set. */
static int64_t netns_of(int dir, const char *path)
{
	char target[32];
	uint64_t inode;
	ssize_t n = readlinkat(dir, path, target, sizeof(target) - 1);

	if (n < 7 || memcmp(target, "net:[", 5) != 0)
		return n < 0 ? -1 : 0;
	target[n - 1] = '\0';
	return args_number(target + 5, 1, INT64_MAX, &inode) < 0 ? 0 : (int64_t)inode;
}

/* A process or its descriptors could not be opened. */
static int not_opened(struct holders *h, int err)
{
	if (err == EACCES || err == EPERM)
		h->denied++;
	else if (!may_pass(err))
		return fail_walk(err);
	return 0;
}

/* Descriptors wait in the queue of a socket (unix_show_fdinfo() of net/unix/af_unix.c), and nobody
 * holds them meanwhile. */
static bool has_descriptors(int fds, int fd)
{
	char path[32], text[512], *line;

	snprintf(path, sizeof(path), "../fdinfo/%d", fd);
	if (read_small(fds, path, text, sizeof(text)) < 0)
		return false;
	line = strstr(text, "scm_fds:");
	return line && strtoul(line + strlen("scm_fds:"), NULL, 10);
}

/* An io_uring can hold files that no descriptor names (IORING_REGISTER_FILES): fdinfo has a line
 * "UserFiles:<tab>N" behind as many lines as requests wait (io_uring/fdinfo.c), and none while the
 * ring is busy, which may then hold some. */
static bool has_registered_files(int fds, const char *fd)
{
	static const char key[] = "\nUserFiles:\t";
	char path[32], target[32], text[8192], *line;
	ssize_t n = readlinkat(fds, fd, target, sizeof(target) - 1);

	if (n < 0)
		return false;
	target[n] = '\0';
	if (!streq(target, "anon_inode:[io_uring]"))
		return false;
	snprintf(path, sizeof(path), "../fdinfo/%s", fd);
	if (read_small(fds, path, text, sizeof(text)) < 0)
		return errno != ENOENT && errno != ESRCH;
	line = strstr(text, key);
	return !line || strtoul(line + sizeof(key) - 1, NULL, 10);
}

/* Returns 1 when the descriptor is worth keeping, and fills *holder; 0, or a recorded
 * failure. */
static int look(struct holders *h, int fds, struct holder *holder)
{
	struct statx stx;
	int64_t inode;
	char fd[16], c;

	snprintf(fd, sizeof(fd), "%d", holder->fd);
	/* DONT_SYNC: a descriptor on a dead network file system must not hang us. */
	if (statx(fds, fd, AT_STATX_DONT_SYNC, STATX_TYPE, &stx) < 0) {
		/* Is it the process that is closed to us, or only the file? What no right opens is
		 * as far away as another pid namespace. */
		if (errno == EACCES && readlinkat(fds, fd, &c, 1) < 0)
			return h->all_rights ? 0 : not_opened(h, errno);
		return may_pass(errno) ? 0 : fail_walk(errno);
	}
	if (S_ISCHR(stx.stx_mode) && !is_common(stx.stx_rdev_major)) {
		holder->number = makedev(stx.stx_rdev_major, stx.stx_rdev_minor);
		return holder->number != TUN_NUMBER ? 1 : tap_of(fds, holder);
	}
	if (h->sockets && S_ISSOCK(stx.stx_mode) && has_descriptors(fds, holder->fd))
		h->in_flight = true;
	/* Anonymous inodes have no type, or are regular files since Linux 6.17. */
	if (h->sockets && (S_ISREG(stx.stx_mode) || !(stx.stx_mode & S_IFMT)) &&
	    has_registered_files(fds, fd))
		h->in_flight = true;
	if (!S_ISREG(stx.stx_mode))
		return 0;
	inode = netns_of(fds, fd);
	if (inode < 0)
		return may_pass(errno) ? 0 : fail_walk(errno);
	holder->netns = (ino_t)inode;
	return inode > 0;
}

static int keep(struct holders *h, const struct holder *holder)
{
	if (!have_room(h->list, h->n))
		return fail_walk(ENOMEM);
	h->list[h->n++] = *holder;
	return 0;
}

/* The next entry, or NULL with errno 0 at the end. */
static struct dirent *next_entry(DIR *dir)
{
	errno = 0;
	return readdir(dir);
}

/* All that we open ourselves is closed on exec: the others we have from who started us. */
static bool is_own_work(pid_t pid, int fd)
{
	return pid == getpid() && fcntl(fd, F_GETFD) & FD_CLOEXEC;
}

/* An entry of a directory in /proc whose name is a number; dir is that directory, of the process
 * pid, which is 0 for /proc itself. Returns 0, 1 to stop there, or a recorded failure. */
typedef int entry_cb(struct holders *h, pid_t pid, int dir, int number);

/* Calls cb for each of them. Returns 0 or a recorded failure. */
static int each_entry(struct holders *h, pid_t pid, int at, const char *path, entry_cb *cb)
{
	int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	auto_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		int err = errno;

		util_close(&fd);
		return pid ? not_opened(h, err) : fail_walk(err);
	}
	while (r == 0 && (entry = next_entry(dir)) != NULL) {
		uint64_t number;

		if (args_number(entry->d_name, 0, INT32_MAX, &number) == 0)
			r = cb(h, pid, fd, (int)number);
	}
	if (r != 0)
		return r < 0 ? r : 0;
	return errno && errno != ENOENT && errno != ESRCH ? fail_walk(errno) : 0;
}

static int look_at_fd(struct holders *h, pid_t pid, int fds, int fd)
{
	struct holder holder = { .pid = pid, .fd = fd, .nsid = HOLDER_NSID_UNKNOWN };
	unsigned denied = h->denied;
	int r = is_own_work(pid, fd) ? 0 : look(h, fds, &holder);

	if (r < 0 || (r > 0 && keep(h, &holder) < 0))
		return fail_code();
	return h->denied > denied;
}

static bool has_fds_of(pid_t thread, pid_t pid)
{
	return syscall(SYS_kcmp, pid, thread, KCMP_FILES, 0, 0) == 0;
}

static int look_at_thread(struct holders *h, pid_t pid, int tasks, int tid)
{
	char path[32];

	if (tid == pid || has_fds_of(tid, pid))
		return 0;
	snprintf(path, sizeof(path), "%d/fd", tid);
	return each_entry(h, tid, tasks, path, look_at_fd);
}

/* The network namespace that the process is in, if that is not ours. */
static int look_at_netns(struct holders *h, pid_t pid, int proc)
{
	struct holder holder = { .pid = pid, .fd = -1, .nsid = HOLDER_NSID_UNKNOWN };
	int64_t inode = netns_of(proc, "ns/net");

	/* Closed to us, or a zombie's: it holds no descriptor by that. */
	if (inode < 0)
		return may_pass(errno) || errno == EPERM ? 0 : fail_walk(errno);
	if (inode == 0 || (ino_t)inode == h->own_netns)
		return 0;
	holder.netns = (ino_t)inode;
	return keep(h, &holder);
}

/* A process has one link for itself, one for ".", and one for each thread (proc_task_getattr() of
 * fs/proc/base.c). */
static bool has_threads(int proc)
{
	struct stat st;

	return fstatat(proc, "task", &st, 0) < 0 || st.st_nlink != 3;
}

static int look_into(struct holders *h, pid_t self, int all, int pid)
{
	unsigned denied = h->denied;
	char path[16];

	(void)self;
	snprintf(path, sizeof(path), "%d", pid);
	auto_close int proc = openat(all, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (proc < 0)
		return not_opened(h, errno);
	if (each_entry(h, pid, proc, "fd", look_at_fd) < 0 || look_at_netns(h, pid, proc) < 0)
		return fail_code();
	if (h->denied == denied && has_threads(proc) &&
	    each_entry(h, pid, proc, "task", look_at_thread) < 0)
		return fail_code();
	/* A process counts once. The first one does not: it is no VM's, and a sandbox (Landlock)
	 * closes it even to root. */
	if (h->denied > denied)
		h->denied = denied + (pid != 1);
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct holder *x = a, *y = b;

	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	if (!x->number && x->netns != y->netns)
		return x->netns < y->netns ? -1 : 1;
	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return x->fd - y->fd;
}

/* The host's own namespaces have the same inodes on every kernel (include/linux/proc_ns.h). */
static bool is_in(const char *path, ino_t inode)
{
	struct stat st;

	return stat(path, &st) == 0 && st.st_ino == inode;
}

bool holders_in_first_pidns(void)
{
	return is_in("/proc/self/ns/pid", 0xEFFFFFFC);
}

void holders_path(const struct holder *holder, char path[64])
{
	if (holder->fd < 0)
		snprintf(path, 64, "/proc/%d/ns/net", holder->pid);
	else
		snprintf(path, 64, "/proc/%d/fd/%d", holder->pid, holder->fd);
}

int holders_open_netns(const struct holder *holder)
{
	auto_power struct power power = priv_raise(POWER_LOOK);
	char path[64];

	holders_path(holder, path);
	return netns_open_path(path);
}

static int walk(struct holders *h)
{
	/* All of it looks at processes of others. */
	auto_power struct power power = priv_raise(POWER_LOOK);
	int64_t own;

	if (power.err)
		return fail_walk(power.err);
	h->all_rights = priv_has(&power, POWER_LOOK) && is_in("/proc/self/ns/user", 0xEFFFFFFD);
	own = netns_of(AT_FDCWD, "/proc/thread-self/ns/net");
	if (own < 0)
		return fail_walk(errno);
	h->own_netns = (ino_t)own;
	return each_entry(h, 0, AT_FDCWD, "/proc", look_into);
}

int holders_walk(struct holders *h)
{
	if (h->walked)
		return 0;
	if (walk(h) < 0) {
		holders_free(h);
		return fail_code();
	}
	if (h->n)
		qsort(h->list, h->n, sizeof(*h->list), compare);
	h->walked = true;
	return 0;
}

void holders_free(struct holders *h)
{
	free(h->list);
	*h = (struct holders)HOLDERS_INIT;
}

bool holders_let_in(const struct holders *h)
{
	return h->walked && !h->denied && holders_in_first_pidns();
}

bool holders_saw_all(const struct holders *h)
{
	struct holders again = { .sockets = true };
	bool none_in_flight;

	if (!holders_let_in(h))
		return false;
	fail_hold();
	none_in_flight = holders_walk(&again) == 0 && !again.in_flight;
	fail_release();
	holders_free(&again);
	return none_in_flight;
}

/* The first entry with this number, or the end. */
static size_t lower_bound(const struct holders *h, dev_t number)
{
	size_t lo = 0, hi = h->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (h->list[mid].number < number)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The link leads to ".../NAME/macvtap/tapINDEX". */
static bool is_number_of(int dir, dev_t number, const char *name, int ifindex)
{
	char path[32], target[256], tail[64];
	ssize_t len;
	int want;

	snprintf(path, sizeof(path), "%u:%u", major(number), minor(number));
	len = readlinkat(dir, path, target, sizeof(target));
	want = snprintf(tail, sizeof(tail), "/%s/macvtap/tap%d", name, ifindex);
	return len >= want && len < (ssize_t)sizeof(target) &&
	       !memcmp(target + len - want, tail, (size_t)want);
}

int holders_number_of(const struct holders *h, const char *name, int ifindex, dev_t *number)
{
	auto_close int dir = open("/sys/dev/char", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return -1;
	*number = 0;
	for (size_t i = 0; i < h->n; i++) {
		dev_t other = h->list[i].number;

		if (other == *number || other == TUN_NUMBER)
			continue;
		*number = other;
		if (is_number_of(dir, other, name, ifindex))
			return 1;
	}
	return 0;
}

const struct holder *holders_next(const struct holders *h, const struct holders_key *key,
				  const struct holder *prev)
{
	dev_t number = key->number ? key->number : TUN_NUMBER;
	size_t i = prev ? (size_t)(prev - h->list) + 1 : lower_bound(h, number);

	for (; i < h->n && h->list[i].number == number; i++) {
		const struct holder *holder = &h->list[i];

		/* The same number may be on a dead descriptor, the same name a tap's in
		 * another namespace. */
		if (key->number ? !tapfd_is_dead(holder->pid, holder->fd) :
				  streq(holder->tap, key->tap) &&
					  (!holder->netns || holder->netns == key->netns))
			return holder;
	}
	return NULL;
}
