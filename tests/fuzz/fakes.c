// SPDX-License-Identifier: GPL-2.0-or-later
/* The pretended kernel: a table of links in numbered namespaces (0 is home), a table of
 * descriptors, one process that holds devices, users, capabilities. A namespace lives as long
 * as something refers to it, a tap as long as its last descriptor, as in Linux; all else is as
 * simple as the program lets it be. The prototypes are the C library's. */
#include "fakes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libmnl/libmnl.h>
#include <linux/ethtool.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/magic.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <poll.h>
#include <pwd.h>
#include <sanitizer/asan_interface.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/auxv.h>
#include <sys/capability.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <time.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define LINKS 24
#define FDS 512
#define HOME_INODE UINT32_C(0xf0000000)
#define USER 1000
#define HOLDER 4242 /* the process that holds vm1, tap0 and a lifeline */

struct link {
	int ifindex; /* 0: a free place */
	int ns;
	char name[IFNAMSIZ];
	char kind[16];
	int lower, master;
	uint32_t mode, mtu, group, flags;
	uint8_t mac[6];
	char altname[128];
	bool tun, persist, multi_queue, isolated;
};

enum what {
	CLOSED,
	PLAIN,
	NUL,
	TEXT,
	NETNS,
	NETLINK,
	TUN,
	QUEUE,
	VHOST,
	MOUNT,
	NODE,
	PATH,
	PROC,
	PROC_ALL, /* /proc itself */
	QEMU
};

struct fd {
	enum what what;
	bool cloexec;
	int ns; /* the namespace itself, or the one that it was opened in */
	int ifindex;
	size_t at; /* in a text */
	struct bytes text;
	uint8_t *rx; /* replies that wait, malloced */
	size_t rx_len;
	bool is_foreign; /* the last of them ends a dump of another namespace */
	size_t end;	 /* and lies there */
};

static struct {
	struct link links[LINKS], first[LINKS];
	struct fd fds[FDS];
	int32_t nsid[FDS]; /* by namespace, 0: none */
	int ns, last_ns;
	int next_index;
	struct bytes script, file, replies;
	uint8_t last;  /* what was read of the script last */
	bool scripted; /* replies are the input's */
	bool struck, is_user;
	unsigned execs, sent, naps, interrupted;
	int64_t now; /* in ns, by what was slept */
	uint32_t random;
	uid_t ids[3];
	gid_t gids[3];
	cap_t caps;
	uint8_t *poisoned;
	size_t poisoned_len;
	char *out, *err;
	size_t out_len, err_len;
} world;

FILE *fake_stdout, *fake_stderr;

/* --- properties and places --- */

static void show_streams(void)
{
	if (fake_stdout)
		fflush(fake_stdout);
	if (fake_stderr)
		fflush(fake_stderr);
	fprintf(stderr, "--- stdout\n%s\n--- stderr\n%s\n", world.out ? world.out : "",
		world.err ? world.err : "");
}

void fake_bug(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
	show_streams();
	abort();
}

static struct reached *places;

static void tell_places(void)
{
	for (const struct reached *r = places; r; r = r->next)
		fprintf(stderr, "reached %s %lu\n", r->name, r->n);
}

void fake_reached(struct reached *here)
{
	if (!places)
		atexit(tell_places);
	if (!here->n++) {
		here->next = places;
		places = here;
	}
}

struct bytes fake_cut(struct bytes *input, const char *separator)
{
	size_t len = strlen(separator);
	const uint8_t *at = memmem(input->p, input->n, separator, len);
	struct bytes piece = { input->p, at ? (size_t)(at - input->p) : input->n };

	input->p += piece.n;
	input->n -= piece.n;
	if (at) {
		input->p += len;
		input->n -= len;
	}
	return piece;
}

char *fake_text(struct bytes b)
{
	char *text = malloc(b.n + 1);

	CHECK(text);
	if (b.n)
		memcpy(text, b.p, b.n);
	text[b.n] = '\0';
	return text;
}

/* --- fate --- */

static const int fates[26] = {
	EPERM,	EACCES,	  ENOENT,     ENOMEM,  EINVAL, EBUSY,  EEXIST, ENODEV,	     EINTR,
	EAGAIN, ENOTCONN, EADDRINUSE, EMFILE,  ENOSPC, EROFS,  ENXIO,  EBADF,	     ENOBUFS,
	ESRCH,	ENETDOWN, EOPNOTSUPP, ENOLINK, EIO,    EFAULT, ELOOP,  EAFNOSUPPORT,
};

/* Returns the error number that this call shall have, or 0. */
static int fate(void)
{
	uint8_t c;

	world.last = 0;
	if (!world.script.n)
		return 0;
	c = world.last = *world.script.p++;
	world.script.n--;
	if (c < 'a' || c > 'z')
		return 0;
	world.struck = true;
	return errno = fates[c - 'a'];
}

static int refuse(int err)
{
	errno = err;
	return -1;
}

static bool can(cap_value_t cap)
{
	cap_flag_value_t has;

	return cap_get_flag(world.caps, cap, CAP_EFFECTIVE, &has) == 0 && has == CAP_SET;
}

/* --- links --- */

static struct link *link_by_index(int ns, int ifindex)
{
	for (struct link *l = world.links; l < world.links + LINKS; l++) {
		if (l->ifindex && l->ifindex == ifindex && (ns < 0 || l->ns == ns))
			return l;
	}
	return NULL;
}

static struct link *link_by_name(int ns, const char *name)
{
	for (struct link *l = world.links; l < world.links + LINKS; l++) {
		if (l->ifindex && l->ns == ns &&
		    (!strcmp(l->name, name) || (*name && !strcmp(l->altname, name))))
			return l;
	}
	return NULL;
}

static void remove_link(struct link *l)
{
	int ifindex = l->ifindex;

	l->ifindex = 0;
	for (struct link *up = world.links; up < world.links + LINKS; up++) {
		if (up->ifindex && up->lower == ifindex)
			remove_link(up);
	}
}

/* dev_valid_name() in net/core/dev.c */
static bool is_name(const char *name)
{
	size_t len = strnlen(name, IFNAMSIZ);

	if (!len || len >= IFNAMSIZ || !strcmp(name, ".") || !strcmp(name, ".."))
		return false;
	for (; *name; name++) {
		if (strchr("/: \t\n\v\f\r", *name))
			return false;
	}
	return true;
}

/* A name with "%d" gets its number. Returns 0 or -1 with errno set. */
static int choose_name(int ns, const char *wanted, char name[IFNAMSIZ])
{
	const char *pct = strchr(wanted, '%');

	CHECK(is_name(wanted));
	CHECK(!pct || (pct[1] == 'd' && !strchr(pct + 1, '%')));
	for (int i = 0; pct && i < LINKS; i++) {
		char text[64];

		snprintf(text, sizeof(text), "%.*s%d%s", (int)(pct - wanted), wanted, i, pct + 2);
		if (strlen(text) >= IFNAMSIZ)
			return refuse(EINVAL);
		if (link_by_name(ns, text))
			continue;
		memcpy(name, text, strlen(text) + 1);
		return 0;
	}
	if (pct)
		return refuse(ENFILE);
	if (link_by_name(ns, wanted))
		return refuse(EEXIST);
	memcpy(name, wanted, strlen(wanted) + 1);
	return 0;
}

static struct link *new_link(int ns, const char *wanted, const char *kind)
{
	for (struct link *l = world.links; l < world.links + LINKS; l++) {
		if (l->ifindex)
			continue;
		memset(l, 0, sizeof(*l));
		if (choose_name(ns, wanted, l->name) < 0)
			return NULL;
		l->ifindex = world.next_index++;
		l->ns = ns;
		l->mtu = 1500;
		snprintf(l->kind, sizeof(l->kind), "%s", kind);
		l->mac[0] = 0x52;
		l->mac[5] = (uint8_t)l->ifindex;
		return l;
	}
	errno = ENOMEM;
	return NULL;
}

/* What nothing refers to any more is gone. */
static void collect(void)
{
	bool used[FDS] = { [0] = true };

	used[world.ns] = true;
	for (size_t i = 0; i < FDS; i++) {
		if (world.fds[i].what != CLOSED)
			used[world.fds[i].ns] = true;
	}
	for (int ns = 2; ns <= world.last_ns; ns++) {
		if (!used[ns])
			world.nsid[ns] = 0;
	}
	for (struct link *l = world.links; l < world.links + LINKS; l++) {
		bool held = l->persist || !l->tun;

		for (size_t i = 0; l->tun && i < FDS; i++)
			held |= world.fds[i].what == TUN && world.fds[i].ifindex == l->ifindex;
		if (l->ifindex && (!used[l->ns] || !held))
			l->ifindex = 0;
	}
}

static uint32_t mark(uint32_t tail)
{
	return UINT32_C(0x56) << 24 | HOME_INODE * UINT32_C(2654435761) >> 24 << 16 | tail;
}

static struct link *furnish(const char *name, const char *kind, int lower, int master)
{
	struct link *l = new_link(0, name, kind);

	l->lower = lower;
	l->master = master;
	l->flags = IFF_UP;
	l->persist = true;
	return l;
}

/* lo 1, eth0 2, br0 3, eth1 4 (port of br0), vm0 5 (an orphan), vm1 6 (held, others made it),
 * tap0 7 (held), tun0 8, vm2 9 (of user 1000, it has eth2 whole), vm3 10 (inside a lifeline),
 * 11 with a name that only the kernel would give, eth2 12. */
static void furnish_all(void)
{
	struct link *l;

	world.next_index = 1;
	furnish("lo", "", 0, 0)->flags |= IFF_LOOPBACK;
	furnish("eth0", "", 0, 0);
	furnish("br0", "bridge", 0, 0);
	furnish("eth1", "", 0, 3);
	l = furnish("vm0", "macvtap", 2, 0);
	l->mode = MACVLAN_MODE_BRIDGE;
	l->group = mark(0x10);
	snprintf(l->altname, sizeof(l->altname), "vnetctl-0-525400000005-%x-0000abcd", HOME_INODE);
	furnish("vm1", "macvtap", 2, 0)->mode = MACVLAN_MODE_VEPA;
	l = furnish("tap0", "tun", 0, 3);
	l->tun = true;
	furnish("tun0", "tun", 0, 0)->mode = 1;
	l = furnish("vm2", "macvtap", 12, 0);
	l->mode = MACVLAN_MODE_PASSTHRU;
	snprintf(l->altname, sizeof(l->altname), "vnetctl-%d-525400000009-%x-0000abce", USER,
		 HOME_INODE);
	world.nsid[1] = (int32_t)mark(0x21);
	l = furnish("vm3", "macvtap", 2, 0);
	l->ns = 1;
	l->mode = MACVLAN_MODE_PRIVATE;
	snprintf(l->altname, sizeof(l->altname), "vnetctl-0-52540000000a-%x-0000abcf", HOME_INODE);
	furnish("a\"\\\x1b\xff", "macvlan", 2, 0)->mode = MACVLAN_MODE_SOURCE;
	furnish("eth2", "", 0, 0);
	world.last_ns = 1;
}

/* --- descriptors --- */

static struct fd *of(int fd)
{
	return fd >= 0 && fd < FDS && world.fds[fd].what != CLOSED ? &world.fds[fd] : NULL;
}

static int new_fd(enum what what, bool cloexec)
{
	for (int fd = 0; fd < FDS; fd++) {
		if (world.fds[fd].what != CLOSED)
			continue;
		/* Every one of ours must be so from its birth. */
		CHECK(cloexec);
		world.fds[fd] = (struct fd){ .what = what, .cloexec = true, .ns = world.ns };
		return fd;
	}
	return refuse(EMFILE);
}

int fake_file(struct bytes text)
{
	int fd = new_fd(TEXT, true);

	if (fd >= 0)
		world.fds[fd].text = text;
	return fd;
}

static int new_text(const char *text)
{
	return fake_file((struct bytes){ (const uint8_t *)text, strlen(text) });
}

int fake_close(int fd)
{
	struct fd *f = of(fd);

	/* Twice, or what was never ours: it could be another one by now. */
	CHECK(f);
	free(f->rx);
	*f = (struct fd){ .what = CLOSED };
	collect();
	return 0;
}

/* "/proc/self/fd/N" of a descriptor that is only a path. */
static int open_again(const char *path)
{
	const struct fd *look = of(atoi(path + strlen("/proc/self/fd/")));
	int fd;

	if (!look || (look->what != PATH && look->what != NETNS))
		return refuse(ENOENT);
	fd = new_fd(look->what == PATH ? QUEUE : NETNS, true);
	if (fd >= 0) {
		world.fds[fd].ns = look->what == PATH ? world.ns : look->ns;
		world.fds[fd].ifindex = look->ifindex;
	}
	return fd;
}

static int open_proc(const char *path)
{
	int pid, fd, n = 0;

	if (!strcmp(path, "thread-self/ns/net"))
		return new_fd(NETNS, true);
	if (!strncmp(path, "self/fd/", 8))
		return open_again(path - 6);
	if (!strncmp(path, "sys/net/", 8))
		return new_text("0\n");
	if (sscanf(path, "%d/%n", &pid, &n) != 1 || !n || pid != HOLDER || !of(FDS - 1))
		return refuse(ENOENT);
	path += n;
	if (!strcmp(path, "comm"))
		return new_text("qemu \x1b[1m\xff\n");
	if (!strcmp(path, "status"))
		return new_text("Name:\tqemu\nState:\tS (sleeping)\nSigPnd:\t0000000000000000\n"
				"ShdPnd:\t0000000000000000\n");
	if (!strcmp(path, "stat"))
		return new_text("4242 (a ) b) S 1 4242 4242 0 -1 4194560 0\n");
	if (!strcmp(path, "ns/net") || sscanf(path, "fd/%d", &fd) == 1) {
		fd = new_fd(NETNS, true);
		if (fd >= 0)
			world.fds[fd].ns = 1;
		return fd;
	}
	return refuse(ENOENT);
}

static int open_dev(const char *path, int flags)
{
	int index, fd;

	if (!strcmp(path, "null"))
		return new_fd(NUL, true);
	if (!strcmp(path, "net/tun"))
		return new_fd(TUN, true);
	if (!strcmp(path, "vhost-net"))
		return new_fd(VHOST, true);
	if (sscanf(path, "tap%d", &index) != 1 || !link_by_index(-1, index))
		return refuse(ENOENT);
	/* A second open takes part of the traffic: never "to look". */
	CHECK(flags & O_PATH);
	fd = new_fd(PATH, true);
	if (fd >= 0)
		world.fds[fd].ifindex = index;
	return fd;
}

static int open_path(const char *path, int flags)
{
	CHECK(flags & O_CLOEXEC);
	CHECK(!(flags & O_CREAT));
	if (fate())
		return -1;
	if (!strcmp(path, "/proc"))
		return new_fd(PROC_ALL, true);
	if (!strncmp(path, "/proc/", 6))
		return open_proc(path + 6);
	if (!strncmp(path, "/dev/", 5))
		return open_dev(path + 5, flags);
	if (!strncmp(path, "/run/netns/", 11))
		return new_fd(NETNS, true);
	/* The policy, or whatever file the caller has named. */
	return fake_file(world.file);
}

int fake_open(const char *path, int flags, ...)
{
	return open_path(path, flags);
}

/* In a directory of /proc, in a sysfs or in a tmpfs of our own. */
int fake_openat(int dir, const char *path, int flags, ...)
{
	const struct fd *at = of(dir);
	char name[IFNAMSIZ];
	int index, fd;

	if (dir == AT_FDCWD)
		return open_path(path, flags);
	CHECK(at && flags & O_CLOEXEC);
	if (fate())
		return -1;
	if (at->what == PROC_ALL && !strcmp(path, "4242") && of(FDS - 1))
		return new_fd(PROC, true);
	if (at->what == PROC && (!strcmp(path, "fd") || !strcmp(path, "task") || strstr(path, "/fd")))
		return strcmp(path, "../fdinfo/6") ? new_fd(PROC, true) :
						     new_text("pos:\t0\niff:\ttap0\n");
	/* A /proc that was cloned. */
	if (at->what == PROC && !strncmp(path, "sys/net/", 8))
		return new_fd(PLAIN, true);
	if (at->what != MOUNT)
		return refuse(ENOENT);
	if (!strcmp(path, "tap")) {
		index = at->ifindex;
		fd = new_fd(QUEUE, true);
		if (fd >= 0)
			world.fds[fd].ifindex = index;
		return fd;
	}
	if (sscanf(path, "class/net/%15[^/]/tap%d/dev", name, &index) != 2 ||
	    !link_by_index(at->ns, index))
		return refuse(ENOENT);
	fd = new_fd(NODE, true);
	if (fd >= 0)
		world.fds[fd].ifindex = index;
	return fd;
}

ssize_t fake_read(int fd, void *buf, size_t size)
{
	struct fd *f = of(fd);
	size_t n;

	CHECK(f && f->what == TEXT);
	if (fate())
		return -1;
	n = f->text.n - f->at;
	if (n > size)
		n = size;
	if (n)
		memcpy(buf, f->text.p + f->at, n);
	f->at += n;
	return (ssize_t)n;
}

ssize_t fake_pread(int fd, void *buf, size_t size, off_t at)
{
	const struct fd *f = of(fd);
	size_t n;

	CHECK(f && at >= 0);
	if (fate())
		return -1;
	if (f->what == TEXT) {
		n = f->text.n - (size_t)at < size ? f->text.n - (size_t)at : size;
		if (n)
			memcpy(buf, f->text.p + at, n);
		return (ssize_t)n;
	}
	CHECK(f->what == NODE && at == 0);
	if (!link_by_index(-1, f->ifindex))
		return refuse(ENODEV);
	return snprintf(buf, size, "240:%d\n", f->ifindex);
}

ssize_t fake_write(int fd, const void *buf, size_t size)
{
	CHECK(of(fd) && buf);
	return fate() ? -1 : (ssize_t)size;
}

int fake_fstat(int fd, struct stat *st)
{
	const struct fd *f = of(fd);

	CHECK(f);
	if (fate())
		return -1;
	memset(st, 0, sizeof(*st));
	if (f->what == NETNS)
		st->st_ino = HOME_INODE + (unsigned)f->ns;
	st->st_mode = f->what == PATH ? S_IFCHR | 0600 : S_IFREG | 0644;
	if (f->what == PATH)
		st->st_rdev = makedev(240, (unsigned)f->ifindex);
	return 0;
}

/* The holder has one thread, and is where every process can be seen. */
static int stat_proc(struct stat *st)
{
	if (fate())
		return -1;
	memset(st, 0, sizeof(*st));
	st->st_mode = S_IFDIR | 0555;
	st->st_nlink = 3;
	st->st_ino = UINT32_C(0xEFFFFFFC);
	return 0;
}

int fake_stat(const char *path, struct stat *st)
{
	bool user = !strcmp(path, "/proc/self/ns/user");
	int r;

	CHECK(user || !strcmp(path, "/proc/self/ns/pid"));
	r = stat_proc(st);
	st->st_ino += user;
	return r;
}

int fake_fstatat(int dir, const char *path, struct stat *st, int flags)
{
	CHECK(of(dir) && !strcmp(path, "task") && !flags);
	return stat_proc(st);
}

int fake_fstatfs(int fd, struct statfs *fs)
{
	CHECK(of(fd));
	if (fate())
		return -1;
	memset(fs, 0, sizeof(*fs));
	fs->f_type = of(fd)->what == NETNS ? NSFS_MAGIC : PROC_SUPER_MAGIC;
	return 0;
}

int fake_flock(int fd, int how)
{
	CHECK(of(fd) && how);
	return fate() ? -1 : 0;
}

/* The holder's descriptors: 5 is vm1's node, 6 tap0, 7 its namespace, 8 a lifeline. */
int fake_statx(int dir, const char *path, int flags, unsigned mask, struct statx *stx)
{
	CHECK(of(dir) && flags & AT_STATX_DONT_SYNC && mask);
	if (fate())
		return -1;
	memset(stx, 0, sizeof(*stx));
	stx->stx_mode = path[0] == '5' || path[0] == '6' ? S_IFCHR : S_IFREG;
	stx->stx_rdev_major = path[0] == '6' ? 10 : 240;
	stx->stx_rdev_minor = path[0] == '6' ? 200 : 6;
	return 0;
}

ssize_t fake_readlinkat(int dir, const char *path, char *buf, size_t size)
{
	char text[32];
	size_t n;

	CHECK(of(dir) || (dir == AT_FDCWD && path[0] == '/'));
	if (fate())
		return -1;
	n = (size_t)snprintf(text, sizeof(text), "net:[%u]", HOME_INODE + (path[0] == '8'));
	n = n < size ? n : size;
	memcpy(buf, text, n);
	return (ssize_t)n;
}

/* Of a holder's descriptor. */
ssize_t fake_readlink(const char *path, char *buf, size_t size)
{
	(void)path;
	CHECK(size > 9);
	memcpy(buf, "/dev/tap7", 9);
	return fate() ? -1 : 9;
}

int fake_statvfs(const char *path, struct statvfs *fs)
{
	(void)path;
	*fs = (struct statvfs){ .f_flag = ST_NOSUID };
	return fate() ? -1 : 0;
}

ssize_t fake_getxattr(const char *path, const char *name, void *value, size_t size)
{
	(void)path;
	CHECK(!strcmp(name, "security.capability") && !value && !size);
	return fate() ? -1 : 20;
}

int fake_faccessat(int dir, const char *path, int mode, int flags)
{
	CHECK(of(dir) && path && !mode && !flags);
	return fate() ? -1 : 0;
}

int fake_fchownat(int dir, const char *path, uid_t uid, gid_t gid, int flags)
{
	(void)uid;
	(void)gid;
	CHECK(of(dir) && !*path && flags & AT_EMPTY_PATH);
	return fate() ? -1 : 0;
}

int fake_chmod(const char *path, mode_t mode)
{
	CHECK(path && !(mode & 0007));
	return fate() ? -1 : 0;
}

int fake_mknodat(int dir, const char *path, mode_t mode, dev_t dev)
{
	struct fd *f = of(dir);

	CHECK(f && f->what == MOUNT && path && S_ISCHR(mode));
	if (fate())
		return -1;
	f->ifindex = (int)minor(dev);
	return 0;
}

/* A DIR is a descriptor and how far it was read. */
struct fake_dir {
	int fd, at;
	bool top;
	struct dirent entry;
};

static struct fake_dir *new_dir(int fd, bool top)
{
	struct fake_dir *dir = calloc(1, sizeof(*dir));

	CHECK(dir);
	dir->fd = fd;
	dir->top = top;
	return dir;
}

struct fake_dir *fake_fdopendir(int fd)
{
	CHECK(of(fd) && (of(fd)->what == PROC || of(fd)->what == PROC_ALL));
	return fate() ? NULL : new_dir(fd, of(fd)->what == PROC_ALL);
}

struct dirent *fake_readdir(struct fake_dir *dir)
{
	static const char *const top[] = { ".", "self", "1", "4242" };
	static const char *const fds[] = { ".", "..", "0", "5", "6", "7", "8" };
	int n = dir->top ? (int)COUNT(top) : (int)COUNT(fds);

	if (dir->at == n || fate())
		return NULL;
	snprintf(dir->entry.d_name, sizeof(dir->entry.d_name), "%s",
		 dir->top ? top[dir->at] : fds[dir->at]);
	dir->at++;
	return &dir->entry;
}

int fake_closedir(struct fake_dir *dir)
{
	fake_close(dir->fd);
	free(dir);
	return 0;
}

off_t fake_lseek(int fd, off_t at, int whence)
{
	struct fd *f = of(fd);

	CHECK(f && at >= 0);
	if (fate())
		return -1;
	if (f->what != TEXT || (whence != SEEK_SET && whence != SEEK_CUR))
		return refuse(ESPIPE);
	f->at = (whence == SEEK_CUR ? f->at : 0) + (size_t)at;
	CHECK(f->at <= f->text.n);
	return (off_t)f->at;
}

int fake_fcntl(int fd, int cmd, ...)
{
	struct fd *f = of(fd);
	struct flock *byte;
	va_list ap;
	int arg;

	va_start(ap, cmd);
	arg = cmd == F_SETFD ? va_arg(ap, int) : 0;
	byte = cmd == F_OFD_GETLK ? va_arg(ap, struct flock *) : NULL;
	va_end(ap);
	if (!f)
		return refuse(EBADF);
	if (fate())
		return -1;
	if (cmd == F_SETFD)
		f->cloexec = arg & FD_CLOEXEC;
	if (byte)
		byte->l_type = F_UNLCK;
	return cmd == F_GETFD ? f->cloexec : cmd == F_GETFL ? O_RDWR : 0;
}

int fake_dup3(int from, int to, int flags)
{
	CHECK(of(from) && from != to && flags & O_CLOEXEC);
	if (to < 0 || to >= FDS)
		return refuse(EBADF);
	if (fate())
		return -1;
	if (of(to)) {
		CHECK(of(to)->what == NUL);
		fake_close(to);
	}
	world.fds[to] = world.fds[from];
	world.fds[to].cloexec = true;
	return to;
}

static int attach(struct fd *f, struct ifreq *ifr)
{
	struct link *l = link_by_name(f->ns, ifr->ifr_name);
	bool excl = ifr->ifr_flags & IFF_TUN_EXCL;

	if (f->what == QUEUE)
		return 0;
	if (!can(CAP_NET_ADMIN))
		return refuse(EPERM);
	/* An adopted device would be somebody else's. */
	CHECK(excl || l);
	if (l && (excl || !l->tun))
		return refuse(excl ? EBUSY : EINVAL);
	if (!l)
		l = new_link(f->ns, ifr->ifr_name, "tun");
	if (!l)
		return -1;
	if (excl)
		REACHED(make_tap);
	l->tun = true;
	l->multi_queue |= (ifr->ifr_flags & IFF_MULTI_QUEUE) != 0;
	f->ifindex = l->ifindex;
	return 0;
}

/* A device with one feature. */
static int tell_features(void *question)
{
	struct ethtool_sset_info *set = question;
	struct ethtool_gstrings *names = question;
	struct ethtool_gfeatures *now = question;

	if (set->cmd == ETHTOOL_GSSET_INFO)
		set->data[0] = 1;
	else if (names->cmd == ETHTOOL_GSTRINGS)
		snprintf((char *)names->data, ETH_GSTRING_LEN, "tx-checksum-ip-generic");
	else
		now->features[0].active = 1;
	return 0;
}

int fake_ioctl(int fd, unsigned long request, ...)
{
	struct fd *f = of(fd);
	struct ifreq *ifr;
	struct link *l;
	va_list ap;

	va_start(ap, request);
	ifr = va_arg(ap, struct ifreq *);
	va_end(ap);
	CHECK(f && (f->what == TUN || f->what == QUEUE || request == SIOCETHTOOL));
	if (fate())
		return -1;
	if (request == SIOCETHTOOL)
		return tell_features(ifr->ifr_data);
	if (request == TUNSETIFF)
		return attach(f, ifr);
	l = link_by_index(-1, f->ifindex);
	if (!l)
		return refuse(f->ifindex ? ENOLINK : EBADFD);
	if (request == TUNGETIFF) {
		memset(ifr, 0, sizeof(*ifr));
		memcpy(ifr->ifr_name, l->name, IFNAMSIZ);
		ifr->ifr_flags = IFF_TAP | IFF_VNET_HDR;
	} else if (request == TUNSETPERSIST) {
		l->persist = (uintptr_t)ifr;
	} else if (request == SIOCGIFHWADDR) {
		memset(ifr, 0, sizeof(*ifr));
		memcpy(ifr->ifr_hwaddr.sa_data, l->mac, 6);
	} else if (request == SIOCSIFHWADDR) {
		memcpy(l->mac, ifr->ifr_hwaddr.sa_data, 6);
	} else if (request == TUNGETDEVNETNS) {
		return new_fd(NETNS, true);
	}
	return 0;
}

unsigned fake_if_nametoindex(const char *name)
{
	const struct link *l = fate() ? NULL : link_by_name(world.ns, name);

	if (!l)
		refuse(ENODEV);
	return l ? (unsigned)l->ifindex : 0;
}

/* The calls that the C library has no name for. */
long fake_syscall(long number, ...)
{
	va_list ap;
	long a, b;
	int fd;

	va_start(ap, number);
	a = va_arg(ap, long);
	b = number == SYS_pidfd_getfd ? va_arg(ap, long) : 0;
	va_end(ap);
	if (fate())
		return -1;
	switch (number) {
	case SYS_fsopen:
		return can(CAP_SYS_ADMIN) ? new_fd(PLAIN, true) : refuse(EPERM);
	case SYS_open_tree:
		return can(CAP_SYS_ADMIN) ? new_fd(PROC, true) : refuse(EPERM);
	case SYS_fsconfig:
	case SYS_close_range:
	case SYS_kcmp:
		return 0;
	case SYS_fsmount:
		return new_fd(MOUNT, true);
	case SYS_pidfd_open:
		return !of(FDS - 1) ? refuse(ESRCH) : new_fd(PLAIN, true);
	case SYS_pidfd_getfd:
		CHECK(of((int)a));
		fd = new_fd((int)b == 6 ? TUN : QUEUE, true);
		if (fd >= 0)
			world.fds[fd].ifindex = (int)b == 6 ? 7 : 6;
		return fd;
	}
	CHECK(!"a call that nobody has thought about");
	return -1;
}

int fake_poll(struct pollfd *fds, nfds_t n, int timeout)
{
	(void)timeout;
	if (fate())
		return -1;
	for (nfds_t i = 0; i < n; i++)
		fds[i].revents = i ? fds[i].events : 0;
	return 1;
}

/* --- sockets --- */

int fake_socket(int family, int type, int protocol)
{
	(void)protocol;
	return fate() ? -1 : new_fd(family == AF_NETLINK ? NETLINK : PLAIN, type & SOCK_CLOEXEC);
}

int fake_bind(int fd, const struct sockaddr *sa, socklen_t len)
{
	CHECK(of(fd) && sa && len);
	return fate() ? -1 : 0;
}

int fake_getsockname(int fd, struct sockaddr *sa, socklen_t *len)
{
	CHECK(*len >= sizeof(struct sockaddr_nl));
	if (!of(fd))
		return refuse(EBADF);
	if (of(fd)->what != NETLINK && of(fd)->what != QEMU)
		return refuse(ENOTSOCK);
	sa->sa_family = of(fd)->what == QEMU ? AF_UNIX : AF_NETLINK;
	if (of(fd)->what == NETLINK)
		((struct sockaddr_nl *)sa)->nl_pid = 1;
	return fate() ? -1 : 0;
}

/* QEMU gets the descriptor of a device, and holds it. */
ssize_t fake_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	const struct cmsghdr *head = CMSG_FIRSTHDR(msg);
	const struct link *l;
	int sent;

	CHECK(of(fd) && of(fd)->what == QEMU && flags & MSG_NOSIGNAL);
	CHECK(head && head->cmsg_type == SCM_RIGHTS && head->cmsg_len == CMSG_LEN(sizeof(sent)));
	if (fate())
		return -1;
	memcpy(&sent, CMSG_DATA(head), sizeof(sent));
	CHECK(of(sent) && (of(sent)->what == QUEUE || of(sent)->what == TUN));
	l = link_by_index(-1, of(sent)->ifindex);
	CHECK(l && l->flags & IFF_UP);
	world.fds[FDS - 3] = *of(sent);
	world.sent++;
	REACHED(sent);
	return (ssize_t)msg->msg_iov->iov_len;
}

int fake_setsockopt(int fd, int level, int opt, const void *value, socklen_t len)
{
	(void)level;
	(void)opt;
	CHECK(of(fd) && value && len);
	return fate() ? -1 : 0;
}

int fake_socketpair(int family, int type, int protocol, int ends[2])
{
	(void)family;
	(void)protocol;
	if (fate())
		return -1;
	ends[0] = new_fd(PLAIN, type & SOCK_CLOEXEC);
	ends[1] = ends[0] < 0 ? -1 : new_fd(PLAIN, type & SOCK_CLOEXEC);
	if (ends[0] >= 0 && ends[1] < 0)
		fake_close(ends[0]);
	return ends[1] < 0 ? -1 : 0;
}

ssize_t fake_send(int fd, const void *buf, size_t n, int flags)
{
	CHECK(of(fd) && buf && flags & MSG_NOSIGNAL);
	return fate() ? -1 : (ssize_t)n;
}

ssize_t fake_recv(int fd, void *buf, size_t n, int flags)
{
	(void)flags;
	CHECK(of(fd));
	memset(buf, 0, n);
	return fate() ? -1 : (ssize_t)n;
}

/* --- rtnetlink --- */

static struct nlmsghdr *begin_reply(uint8_t *buf, const struct nlmsghdr *to, uint16_t type)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);

	nlh->nlmsg_type = type;
	nlh->nlmsg_seq = to->nlmsg_seq;
	nlh->nlmsg_pid = 1;
	if (world.last == 'I' && to->nlmsg_flags & NLM_F_DUMP)
		nlh->nlmsg_flags |= NLM_F_DUMP_INTR;
	return nlh;
}

static void reply(struct fd *f, const struct nlmsghdr *nlh)
{
	size_t len = MNL_ALIGN(nlh->nlmsg_len);

	f->rx = realloc(f->rx, f->rx_len + len);
	CHECK(f->rx);
	memset(f->rx + f->rx_len, 0, len);
	memcpy(f->rx + f->rx_len, nlh, nlh->nlmsg_len);
	f->rx_len += len;
}

static void reply_link(struct fd *f, const struct nlmsghdr *to, const struct link *l)
{
	uint8_t buf[4096] = { 0 };
	struct nlmsghdr *nlh = begin_reply(buf, to, RTM_NEWLINK);
	struct ifinfomsg *ifm = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifm));
	struct nlattr *info, *data;

	ifm->ifi_index = l->ifindex;
	ifm->ifi_flags = l->flags;
	ifm->ifi_type = l->flags & IFF_LOOPBACK ? ARPHRD_LOOPBACK : ARPHRD_ETHER;
	mnl_attr_put_strz(nlh, IFLA_IFNAME, l->name);
	mnl_attr_put(nlh, IFLA_ADDRESS, 6, l->mac);
	mnl_attr_put_u32(nlh, IFLA_MTU, l->mtu);
	mnl_attr_put_u32(nlh, IFLA_TXQLEN, 500);
	mnl_attr_put_u32(nlh, IFLA_GROUP, l->group);
	mnl_attr_put_u32(nlh, IFLA_NUM_TX_QUEUES, 1);
	mnl_attr_put_u8(nlh, IFLA_OPERSTATE, l->flags & IFF_UP ? 6 : 2);
	mnl_attr_put_strz(nlh, IFLA_IFALIAS, "an \"alias\"\x1b\xc3\xa4\xff");
	if (l->lower)
		mnl_attr_put_u32(nlh, IFLA_LINK, (uint32_t)l->lower);
	if (l->lower && l->ns)
		mnl_attr_put_u32(nlh, IFLA_LINK_NETNSID, 0);
	if (l->master)
		mnl_attr_put_u32(nlh, IFLA_MASTER, (uint32_t)l->master);
	if (l->altname[0]) {
		data = mnl_attr_nest_start(nlh, IFLA_PROP_LIST);
		mnl_attr_put_strz(nlh, IFLA_ALT_IFNAME, l->altname);
		mnl_attr_nest_end(nlh, data);
	}
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	if (l->kind[0])
		mnl_attr_put_strz(nlh, IFLA_INFO_KIND, l->kind);
	data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	if (strcmp(l->kind, "tun") != 0) {
		mnl_attr_put_u32(nlh, IFLA_MACVLAN_MODE, l->mode);
	} else {
		mnl_attr_put_u8(nlh, IFLA_TUN_TYPE, l->mode ? IFF_TUN : IFF_TAP);
		mnl_attr_put_u8(nlh, IFLA_TUN_PERSIST, l->persist);
		mnl_attr_put_u8(nlh, IFLA_TUN_MULTI_QUEUE, l->multi_queue);
	}
	mnl_attr_nest_end(nlh, data);
	if (l->master) {
		mnl_attr_put_strz(nlh, IFLA_INFO_SLAVE_KIND, "bridge");
		data = mnl_attr_nest_start(nlh, IFLA_INFO_SLAVE_DATA);
		mnl_attr_put_u8(nlh, IFLA_BRPORT_ISOLATED, l->isolated);
		mnl_attr_nest_end(nlh, data);
	}
	mnl_attr_nest_end(nlh, info);
	reply(f, nlh);
}

static void reply_nsid(struct fd *f, const struct nlmsghdr *to, int32_t nsid)
{
	uint8_t buf[64] = { 0 };
	struct nlmsghdr *nlh = begin_reply(buf, to, RTM_NEWNSID);

	mnl_nlmsg_put_extra_header(nlh, sizeof(struct rtgenmsg));
	mnl_attr_put_u32(nlh, NETNSA_NSID, (uint32_t)nsid);
	reply(f, nlh);
}

static void reply_error(struct fd *f, const struct nlmsghdr *to, uint16_t type, int err)
{
	uint8_t buf[256] = { 0 };
	struct nlmsghdr *nlh = begin_reply(buf, to, type);
	struct nlmsgerr *e = mnl_nlmsg_put_extra_header(nlh, sizeof(*e));

	e->error = -err;
	e->msg = *to;
	nlh->nlmsg_flags |= NLM_F_CAPPED;
	if (err) {
		nlh->nlmsg_flags |= NLM_F_ACK_TLVS;
		mnl_attr_put_strz(nlh, NLMSGERR_ATTR_MSG, "the kernel's\nwords\x1b");
	}
	reply(f, nlh);
}

/* What a request asks for, each attribute checked as it is read. */
struct ask {
	const struct ifinfomsg *ifm;
	const char *name, *altname, *kind;
	const uint8_t *mac;
	uint32_t lower, master, mtu, group, mode;
	bool has_group, has_mode, has_isolated, isolated;
	int ns; /* the one that it is about, -1: none has that id */
	int new_ns;
};

static int ns_of(int32_t nsid)
{
	for (int ns = 1; ns <= world.last_ns; ns++) {
		if (world.nsid[ns] && world.nsid[ns] == nsid)
			return ns;
	}
	return -1;
}

static void read_info(const struct nlattr *info, struct ask *ask)
{
	const struct nlattr *a, *b;

	mnl_attr_for_each_nested(a, info) {
		if (mnl_attr_get_type(a) == IFLA_INFO_KIND)
			ask->kind = mnl_attr_get_str(a);
		if (mnl_attr_get_type(a) == IFLA_INFO_DATA) {
			mnl_attr_for_each_nested(b, a) {
				ask->mode = mnl_attr_get_u32(b);
				ask->has_mode = true;
			}
		}
		if (mnl_attr_get_type(a) == IFLA_INFO_SLAVE_DATA) {
			mnl_attr_for_each_nested(b, a) {
				ask->isolated = mnl_attr_get_u8(b);
				ask->has_isolated = true;
			}
		}
	}
}

static void read_ask(const struct fd *f, const struct nlmsghdr *nlh, struct ask *ask)
{
	const struct nlattr *a, *b;

	*ask = (struct ask){ .ifm = mnl_nlmsg_get_payload(nlh), .ns = f->ns, .new_ns = -1 };
	CHECK(mnl_nlmsg_get_payload_len(nlh) >= sizeof(*ask->ifm));
	mnl_attr_for_each(a, nlh, sizeof(*ask->ifm)) {
		switch (mnl_attr_get_type(a)) {
		case IFLA_IFNAME:
			CHECK(mnl_attr_validate(a, MNL_TYPE_NUL_STRING) >= 0);
			ask->name = mnl_attr_get_str(a);
			break;
		case IFLA_ALT_IFNAME:
			CHECK(mnl_attr_validate(a, MNL_TYPE_NUL_STRING) >= 0);
			ask->altname = mnl_attr_get_str(a);
			break;
		case IFLA_PROP_LIST:
			mnl_attr_for_each_nested(b, a)
				ask->altname = mnl_attr_get_str(b);
			break;
		case IFLA_ADDRESS:
			CHECK(mnl_attr_get_payload_len(a) == 6);
			ask->mac = mnl_attr_get_payload(a);
			break;
		case IFLA_LINK:
			ask->lower = mnl_attr_get_u32(a);
			break;
		case IFLA_MASTER:
			ask->master = mnl_attr_get_u32(a);
			break;
		case IFLA_MTU:
			ask->mtu = mnl_attr_get_u32(a);
			break;
		case IFLA_GROUP:
			ask->group = mnl_attr_get_u32(a);
			ask->has_group = true;
			break;
		case IFLA_NET_NS_FD:
			CHECK(of((int)mnl_attr_get_u32(a)));
			ask->new_ns = of((int)mnl_attr_get_u32(a))->ns;
			break;
		case IFLA_TARGET_NETNSID:
			ask->ns = ns_of((int32_t)mnl_attr_get_u32(a));
			break;
		case IFLA_LINKINFO:
			read_info(a, ask);
			break;
		}
	}
}

static struct link *asked(const struct ask *ask)
{
	const char *name = ask->name ? ask->name : ask->altname;

	if (ask->ifm->ifi_index)
		return link_by_index(ask->ns, ask->ifm->ifi_index);
	return name ? link_by_name(ask->ns, name) : NULL;
}

static void alter(struct link *l, const struct ask *ask)
{
	l->flags =
		(l->flags & ~ask->ifm->ifi_change) | (ask->ifm->ifi_flags & ask->ifm->ifi_change);
	if (ask->mac)
		memcpy(l->mac, ask->mac, 6);
	l->lower = ask->lower ? (int)ask->lower : l->lower;
	l->master = ask->master ? (int)ask->master : l->master;
	l->mtu = ask->mtu ? ask->mtu : l->mtu;
	l->group = ask->has_group ? ask->group : l->group;
	l->mode = ask->has_mode ? ask->mode : l->mode;
	l->isolated = ask->has_isolated ? ask->isolated : l->isolated;
}

/* Two that are up on one lower device cannot have one address (macvlan_addr_busy()). */
static bool is_taken(const struct link *l)
{
	for (const struct link *o = world.links; o < world.links + LINKS; o++) {
		if (o->ifindex && o != l && o->lower == l->lower && o->flags & IFF_UP &&
		    !memcmp(o->mac, l->mac, 6))
			return true;
	}
	return false;
}

static int make_link(const struct ask *ask)
{
	struct link *l;

	CHECK(ask->name && ask->kind && ask->mac && ask->ifm->ifi_index);
	if (!link_by_index(ask->ns, (int)ask->lower))
		return ENODEV;
	if (link_by_index(-1, ask->ifm->ifi_index))
		return EBUSY;
	if (link_by_index(ask->ns, (int)ask->lower)->master)
		return EBUSY;
	l = new_link(ask->new_ns >= 0 ? ask->new_ns : ask->ns, ask->name, ask->kind);
	if (!l)
		return errno;
	l->ifindex = ask->ifm->ifi_index;
	alter(l, ask);
	REACHED(make_link);
	return 0;
}

static int remove_links(const struct ask *ask)
{
	struct link *l = asked(ask);
	int n = 0;

	if (ask->ifm->ifi_index && l)
		remove_link(l);
	if (ask->ifm->ifi_index)
		return l ? 0 : ENODEV;
	CHECK(ask->has_group && ask->group);
	for (l = world.links; l < world.links + LINKS; l++) {
		if (l->ifindex && l->ns == ask->ns && l->group == ask->group) {
			remove_link(l);
			n++;
		}
	}
	return n ? 0 : ENODEV;
}

static int change_link(const struct nlmsghdr *nlh, const struct ask *ask)
{
	struct link *l = asked(ask);

	if (!can(CAP_NET_ADMIN))
		return EPERM;
	if (ask->ns < 0)
		return EINVAL;
	if (nlh->nlmsg_type == RTM_DELLINK)
		return remove_links(ask);
	if (nlh->nlmsg_flags & NLM_F_CREATE && nlh->nlmsg_type == RTM_NEWLINK) {
		CHECK(nlh->nlmsg_flags & NLM_F_EXCL);
		return make_link(ask);
	}
	if (!l)
		return ENODEV;
	if (ask->ifm->ifi_change & ask->ifm->ifi_flags & IFF_UP && l->lower && is_taken(l))
		return EADDRINUSE;
	if (nlh->nlmsg_type == RTM_NEWLINKPROP)
		snprintf(l->altname, sizeof(l->altname), "%s", ask->altname);
	else
		alter(l, ask);
	return 0;
}

static int get_links(struct fd *f, const struct nlmsghdr *nlh, const struct ask *ask)
{
	const struct link *l = asked(ask);

	if (ask->ns < 0)
		return EINVAL;
	if (ask->ns != f->ns && !can(CAP_NET_ADMIN))
		return EACCES;
	if (!(nlh->nlmsg_flags & NLM_F_DUMP)) {
		if (!l)
			return ENODEV;
		reply_link(f, nlh, l);
		return 0;
	}
	for (l = world.links; l < world.links + LINKS; l++) {
		if (!l->ifindex || l->ns != ask->ns || (ask->kind && strcmp(ask->kind, l->kind)))
			continue;
		/* What was missed is what such a dump is interrupted by. */
		if (world.last == 'I' && l->altname[0])
			continue;
		reply_link(f, nlh, l);
	}
	return 0;
}

static int talk_of_nsids(struct fd *f, const struct nlmsghdr *nlh)
{
	const struct nlattr *a;
	int32_t nsid = 0;
	int ns = -1;

	mnl_attr_for_each(a, nlh, sizeof(struct rtgenmsg)) {
		if (mnl_attr_get_type(a) == NETNSA_NSID)
			nsid = (int32_t)mnl_attr_get_u32(a);
		if (mnl_attr_get_type(a) != NETNSA_FD)
			continue;
		CHECK(of((int)mnl_attr_get_u32(a)));
		ns = of((int)mnl_attr_get_u32(a))->ns;
	}
	if (nlh->nlmsg_flags & NLM_F_DUMP) {
		for (int i = 1; i <= world.last_ns; i++) {
			if (world.nsid[i])
				reply_nsid(f, nlh, world.nsid[i]);
		}
		return 0;
	}
	if (nlh->nlmsg_type == RTM_NEWNSID) {
		CHECK(ns > 0 && nsid);
		if (ns_of(nsid) >= 0)
			return ENOSPC;
		world.nsid[ns] = nsid;
		return 0;
	}
	if (ns < 0)
		ns = ns_of(nsid);
	if (ns < 0)
		return ENOENT;
	/* Home calls itself 0: see LINK_NETNSID above. */
	reply_nsid(f, nlh, world.nsid[ns] ? world.nsid[ns] : ns ? -1 : 0);
	return 0;
}

static void take_message(struct fd *f, const struct nlmsghdr *nlh)
{
	bool dump = (nlh->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP &&
		    (nlh->nlmsg_type == RTM_GETLINK || nlh->nlmsg_type == RTM_GETNSID);
	bool of_nsid = nlh->nlmsg_type == RTM_NEWNSID || nlh->nlmsg_type == RTM_GETNSID;
	int err = fate();
	struct ask ask;

	CHECK(nlh->nlmsg_flags & NLM_F_REQUEST);
	if (dump && world.last == 'I') {
		world.interrupted++;
		REACHED(interrupted);
	}
	if (!err && of_nsid) {
		err = talk_of_nsids(f, nlh);
	} else if (!err) {
		read_ask(f, nlh, &ask);
		err = nlh->nlmsg_type == RTM_GETLINK ? get_links(f, nlh, &ask) :
						       change_link(nlh, &ask);
	}
	f->is_foreign = dump && !err && !of_nsid && ask.ns != f->ns;
	f->end = f->rx_len;
	if (dump && !err)
		reply_error(f, nlh, NLMSG_DONE, 0);
	else if (err || nlh->nlmsg_flags & NLM_F_ACK)
		reply_error(f, nlh, NLMSG_ERROR, err);
}

ssize_t fake_sendto(int fd, const void *buf, size_t size, int flags, const struct sockaddr *sa,
		    socklen_t sa_len)
{
	const struct nlmsghdr *nlh = buf;
	struct fd *f = of(fd);
	int len = (int)size;

	CHECK(f && f->what == NETLINK && !flags && sa && sa_len);
	if (fate())
		return -1;
	for (; mnl_nlmsg_ok(nlh, len); nlh = mnl_nlmsg_next(nlh, &len)) {
		if (!world.scripted)
			take_message(f, nlh);
	}
	/* All that was sent is whole messages. */
	CHECK(len == 0);
	return (ssize_t)size;
}

/* What lies behind a datagram in the receive buffer must not be looked at. */
static void poison(uint8_t *p, size_t len)
{
	if (world.poisoned)
		ASAN_UNPOISON_MEMORY_REGION(world.poisoned, world.poisoned_len);
	world.poisoned = p;
	world.poisoned_len = len;
	if (p)
		ASAN_POISON_MEMORY_REGION(p, len);
}

static size_t next_datagram(struct fd *f, const uint8_t **data)
{
	size_t n;

	if (!world.scripted) {
		*data = f->rx;
		return f->rx_len;
	}
	if (world.replies.n < 2)
		return 0;
	n = world.replies.p[0] | (size_t)world.replies.p[1] << 8;
	world.replies.p += 2;
	world.replies.n -= 2;
	if (n > world.replies.n)
		n = world.replies.n;
	*data = world.replies.p;
	world.replies.p += n;
	world.replies.n -= n;
	return n;
}

/* The end of a dump is made when it is received, and the right to it asked for once more
 * (Linux 6.1; later ones do not). */
static void end_dump(struct fd *f)
{
	struct nlmsgerr *end;

	if (!f->is_foreign || can(CAP_NET_ADMIN))
		return;
	end = mnl_nlmsg_get_payload((struct nlmsghdr *)(f->rx + f->end));
	end->error = -EACCES;
}

static ssize_t receive(int fd, void *buf, size_t size, struct sockaddr_nl *from, int *flags)
{
	struct fd *f = of(fd);
	const uint8_t *data;
	size_t n;

	CHECK(f);
	poison(NULL, 0);
	if (fate())
		return -1;
	*from = (struct sockaddr_nl){ .nl_family = AF_NETLINK };
	end_dump(f);
	n = next_datagram(f, &data);
	/* Nothing is to come: the program would wait for ever. */
	CHECK(n || world.scripted);
	if (!n)
		return refuse(ENOBUFS);
	if (n > size)
		*flags |= MSG_TRUNC;
	n = n < size ? n : size;
	memcpy(buf, data, n);
	poison((uint8_t *)buf + n, size - n);
	f->rx_len = 0;
	f->is_foreign = false;
	return (ssize_t)n;
}

ssize_t fake_recvmsg(int fd, struct msghdr *msg, int flags)
{
	CHECK(!flags && msg->msg_iovlen == 1);
	msg->msg_flags = 0;
	return receive(fd, msg->msg_iov->iov_base, msg->msg_iov->iov_len, msg->msg_name,
		       &msg->msg_flags);
}

ssize_t fake_recvfrom(int fd, void *buf, size_t size, int flags, struct sockaddr *sa,
		      socklen_t *len)
{
	CHECK(!flags && *len == sizeof(struct sockaddr_nl));
	return receive(fd, buf, size, (struct sockaddr_nl *)sa, &flags);
}

/* --- processes, users, power --- */

/* We are always the parent. */
pid_t fake_vfork(void)
{
	return fate() ? -1 : 77;
}

/* In a process that there never is. */
pid_t fake_fork(void)
{
	CHECK(false);
	return -1;
}

pid_t fake_waitpid(pid_t pid, int *status, int options)
{
	(void)options;
	*status = 0;
	return fate() ? -1 : pid;
}

void fake__exit(int status)
{
	(void)status;
	CHECK(!"a child's path");
	abort();
}

int fake_chdir(const char *path)
{
	CHECK(path);
	return 0;
}

pid_t fake_setsid(void)
{
	return 1;
}

int fake_prctl(int option, ...)
{
	va_list ap;

	if (fate())
		return -1;
	va_start(ap, option);
	if (option == PR_GET_PDEATHSIG)
		*va_arg(ap, int *) = SIGKILL;
	va_end(ap);
	return 0;
}

int fake_raise(int sig)
{
	CHECK(sig == SIGKILL);
	return 0;
}

void (*fake_signal(int sig, void (*handler)(int)))(int)
{
	(void)sig;
	return handler;
}

int fake_sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
	(void)how;
	(void)old;
	CHECK(set);
	return 0;
}

int fake_setns(int fd, int type)
{
	CHECK(of(fd) && type);
	if (!can(CAP_SYS_ADMIN))
		return refuse(EPERM);
	if (of(fd)->what != NETNS)
		return refuse(EINVAL);
	/* Not to get home again ends the program: see fake_abort(). */
	if (of(fd)->ns && fate())
		return -1;
	world.ns = of(fd)->ns;
	collect();
	return 0;
}

int fake_unshare(int flags)
{
	CHECK(flags);
	if (!can(CAP_SYS_ADMIN))
		return refuse(EPERM);
	if (fate())
		return -1;
	if (world.last_ns + 1 == FDS)
		return refuse(ENOSPC);
	world.ns = ++world.last_ns;
	return 0;
}

int fake_nanosleep(const struct timespec *wanted, struct timespec *left)
{
	(void)left;
	CHECK(wanted->tv_sec == 0);
	world.now += wanted->tv_nsec;
	/* Who is waited for ends at last. */
	if (++world.naps == 20) {
		fake_close(FDS - 1);
		fake_close(FDS - 2);
		REACHED(waited);
	}
	return 0;
}

int fake_clock_gettime(clockid_t id, struct timespec *now)
{
	CHECK(id == CLOCK_MONOTONIC);
	*now = (struct timespec){ world.now / 1000000000, world.now % 1000000000 };
	return 0;
}

void fake_abort(void)
{
	fake_bug(__FILE__, __LINE__, "the program does not give up");
}

pid_t fake_getppid(void)
{
	return 1;
}

unsigned long fake_getauxval(unsigned long type)
{
	return type == AT_SECURE && world.is_user;
}

pid_t fake_getpid(void)
{
	return 4711;
}

ssize_t fake_getrandom(void *buf, size_t n, unsigned flags)
{
	(void)flags;
	if (fate())
		return -1;
	for (size_t i = 0; i < n; i++) {
		world.random = world.random * 1664525 + 1013904223;
		((uint8_t *)buf)[i] = (uint8_t)(world.random >> 24);
	}
	return (ssize_t)n;
}

int fake_isatty(int fd)
{
	(void)fd;
	return 0;
}

uid_t fake_getuid(void)
{
	return world.ids[0];
}

uid_t fake_geteuid(void)
{
	return world.ids[1];
}

gid_t fake_getgid(void)
{
	return world.gids[0];
}

gid_t fake_getegid(void)
{
	return world.gids[1];
}

int fake_getgroups(int n, gid_t *gids)
{
	if (fate())
		return -1;
	if (n > 0)
		gids[0] = USER + 1;
	return 1;
}

int fake_getresuid(uid_t *r, uid_t *e, uid_t *s)
{
	*r = world.ids[0];
	*e = world.ids[1];
	*s = world.ids[2];
	return fate() ? -1 : 0;
}

int fake_getresgid(gid_t *r, gid_t *e, gid_t *s)
{
	*r = world.gids[0];
	*e = world.gids[1];
	*s = world.gids[2];
	return fate() ? -1 : 0;
}

int fake_setresuid(uid_t r, uid_t e, uid_t s)
{
	if (!can(CAP_SETUID) || fate())
		return refuse(EPERM);
	world.ids[0] = r;
	world.ids[1] = e;
	world.ids[2] = s;
	if (r)
		cap_clear(world.caps);
	return 0;
}

int fake_setresgid(gid_t r, gid_t e, gid_t s)
{
	if (!can(CAP_SETGID) || fate())
		return refuse(EPERM);
	world.gids[0] = r;
	world.gids[1] = e;
	world.gids[2] = s;
	return 0;
}

int fake_setgroups(size_t n, const gid_t *gids)
{
	(void)gids;
	CHECK(!n);
	return can(CAP_SETGID) && !fate() ? 0 : refuse(EPERM);
}

int fake_initgroups(const char *name, gid_t gid)
{
	(void)gid;
	CHECK(*name);
	return can(CAP_SETGID) && !fate() ? 0 : refuse(EPERM);
}

static char root_name[] = "root", user_name[] = "vm";
static struct passwd people[] = {
	{ .pw_name = root_name, .pw_uid = 0, .pw_gid = 0 },
	{ .pw_name = user_name, .pw_uid = USER, .pw_gid = USER },
};
static struct group groups[] = {
	{ .gr_name = root_name, .gr_gid = 0 },
	{ .gr_name = user_name, .gr_gid = USER },
};

struct passwd *fake_getpwnam(const char *name)
{
	return !strcmp(name, "root") ? &people[0] : !strcmp(name, "vm") ? &people[1] : NULL;
}

struct passwd *fake_getpwuid(uid_t uid)
{
	return uid == 0 ? &people[0] : uid == USER ? &people[1] : NULL;
}

struct group *fake_getgrnam(const char *name)
{
	return !strcmp(name, "root") ? &groups[0] : !strcmp(name, "vm") ? &groups[1] : NULL;
}

struct group *fake_getgrgid(gid_t gid)
{
	return gid == 0 ? &groups[0] : gid == USER ? &groups[1] : NULL;
}

/* Without power there is no way home: see fake_setns(). */
static int fate_at_home(void)
{
	return world.ns ? 0 : fate();
}

cap_t fake_cap_get_proc(void)
{
	return fate_at_home() ? NULL : cap_dup(world.caps);
}

int fake_cap_set_proc(cap_t caps)
{
	cap_flag_value_t had, want;

	if (fate_at_home())
		return -1;
	for (cap_value_t cap = 0; cap <= CAP_LAST_CAP; cap++) {
		cap_get_flag(world.caps, cap, CAP_PERMITTED, &had);
		cap_get_flag(caps, cap, CAP_PERMITTED, &want);
		if (want == CAP_SET && had != CAP_SET)
			return refuse(EPERM);
		cap_get_flag(caps, cap, CAP_EFFECTIVE, &had);
		if (had == CAP_SET && want != CAP_SET)
			return refuse(EPERM);
	}
	cap_free(world.caps);
	world.caps = cap_dup(caps);
	return 0;
}

int fake_cap_drop_bound(cap_value_t cap)
{
	(void)cap;
	return fate() ? -1 : 0;
}

cap_value_t fake_cap_max_bits(void)
{
	return CAP_LAST_CAP + 1;
}

static void furnish_power(void)
{
	static const cap_value_t of_file[] = { CAP_NET_ADMIN, CAP_SYS_ADMIN, CAP_MKNOD };

	for (size_t i = 0; i < 3; i++) {
		world.ids[i] = world.is_user ? USER : 0;
		world.gids[i] = world.ids[i];
	}
	world.caps = cap_init();
	CHECK(world.caps);
	for (cap_value_t cap = 0; cap <= CAP_LAST_CAP && !world.is_user; cap++)
		cap_set_flag(world.caps, CAP_PERMITTED, 1, &cap, CAP_SET);
	if (world.is_user)
		cap_set_flag(world.caps, CAP_PERMITTED, COUNT(of_file), of_file, CAP_SET);
}

/* --- the exec --- */

/* The descriptors of one device, "7:8", lead to the device of that name and to no other. */
static void check_told(const char *fds, const char *name)
{
	while (*fds && *fds != ',') {
		char *end;
		struct fd *f = of((int)strtol(fds, &end, 10));
		const struct link *l;
		size_t len = strcspn(name, ",");

		CHECK(f && (f->what == QUEUE || f->what == TUN) && !f->cloexec);
		l = link_by_index(-1, f->ifindex);
		CHECK(l && strlen(l->name) == len && !memcmp(l->name, name, len));
		f->at = 1;
		fds = end + (*end == ':');
	}
}

/* Nothing but what was promised is inherited, and all power is given up. */
static void check_handed_over(void)
{
	const char *names = getenv("VNETCTL_DEV"), *fds = getenv("VNETCTL_FD");

	CHECK(names && fds);
	for (;;) {
		check_told(fds, names);
		if (!strchr(fds, ','))
			break;
		fds = strchr(fds, ',') + 1;
		/* A name may hold a comma: what is told then is nobody's to take apart. */
		CHECK(strchr(names, ','));
		names = strchr(names, ',') + 1;
	}
	for (size_t i = 3; i < FDS; i++) {
		const struct fd *f = &world.fds[i];

		if (f->what == CLOSED || f->cloexec)
			continue;
		CHECK(f->what == QEMU || f->what == VHOST || (f->what == NETNS && f->ns > 0) ||
		      f->at == 1);
	}
	for (cap_value_t cap = 0; cap <= CAP_LAST_CAP; cap++)
		CHECK(!can(cap) || cap == CAP_DAC_OVERRIDE);
}

int fake_execvp(const char *file, char *const *argv)
{
	const char *names = getenv("VNETCTL_DEV");
	size_t commas = 0;

	CHECK(file && argv[0] && !strcmp(file, argv[0]));
	for (const char *p = names; p && *p; p++)
		commas += *p == ',';
	for (const char *p = getenv("VNETCTL_FD"); p && *p; p++)
		commas -= *p == ',';
	/* Only if no name holds one itself. */
	if (!commas)
		check_handed_over();
	world.execs++;
	REACHED(exec);
	return refuse(strchr(file, '/') ? EACCES : ENOENT);
}

/* --- streams --- */

int fake_vprintf(const char *fmt, va_list ap)
{
	return vfprintf(fake_stdout, fmt, ap);
}

int fake_printf(const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vfprintf(fake_stdout, fmt, ap);
	va_end(ap);
	return n;
}

int fake_puts(const char *s)
{
	return fprintf(fake_stdout, "%s\n", s);
}

int fake_putchar(int c)
{
	return putc(c, fake_stdout);
}

int fake_putchar_unlocked(int c)
{
	return putc(c, fake_stdout);
}

/* fake_stdout keeps its own. */
int fake_setvbuf(FILE *stream, char *buf, int mode, size_t size)
{
	CHECK(stream == fake_stdout && buf && mode == _IOFBF && size);
	return 0;
}

const char *fake_stdout_text(size_t *len)
{
	fflush(fake_stdout);
	*len = world.out_len;
	return world.out;
}

const char *fake_stderr_text(size_t *len)
{
	fflush(fake_stderr);
	*len = world.err_len;
	return world.err;
}

/* --- begin and end --- */

void fake_begin(struct bytes script, struct bytes file)
{
	memset(&world, 0, sizeof(world));
	world.is_user = script.n && script.p[0] == 'U';
	world.script = script;
	world.file = file;
	for (size_t i = 0; i < 3; i++)
		world.fds[i].what = i ? PLAIN : TEXT;
	world.fds[0].text = file;
	furnish_power();
	furnish_all();
	/* What QEMU gives to its helper. */
	world.fds[5].what = QEMU;
	/* The holder is no process of ours: what it holds is held by descriptors at the end. */
	world.fds[FDS - 1] = (struct fd){ .what = TUN, .ifindex = 7, .cloexec = true };
	world.fds[FDS - 2] = (struct fd){ .what = NETNS, .ns = 1, .cloexec = true };
	memcpy(world.first, world.links, sizeof(world.first));
	fake_stdout = open_memstream(&world.out, &world.out_len);
	fake_stderr = open_memstream(&world.err, &world.err_len);
	CHECK(fake_stdout && fake_stderr);
	fake_forget_failures();
}

void fake_end(void)
{
	if (getenv("FUZZ_SHOW"))
		show_streams();
	poison(NULL, 0);
	fclose(fake_stdout);
	fclose(fake_stderr);
	fake_stdout = fake_stderr = NULL;
	for (size_t i = 0; i < FDS; i++)
		free(world.fds[i].rx);
	free(world.out);
	free(world.err);
	cap_free(world.caps);
	world.out = world.err = NULL;
}

void fake_replies(struct bytes replies)
{
	world.replies = replies;
	world.scripted = true;
}

bool fake_struck(void)
{
	return world.struck;
}

bool fake_has_new_link(void)
{
	for (size_t i = 0; i < LINKS; i++) {
		bool was = false;

		for (size_t k = 0; k < LINKS; k++)
			was |= world.first[k].ifindex == world.links[i].ifindex;
		if (world.links[i].ifindex && !was)
			return true;
	}
	return false;
}

bool fake_has_marked_link(void)
{
	for (size_t i = 0; i < LINKS; i++) {
		if (world.links[i].ifindex && world.links[i].altname[0])
			return true;
	}
	return false;
}

unsigned fake_interrupted(void)
{
	return world.interrupted;
}

bool fake_world_changed(void)
{
	return memcmp(world.first, world.links, sizeof(world.first)) != 0;
}

unsigned fake_execs(void)
{
	return world.execs;
}

unsigned fake_sent(void)
{
	return world.sent;
}

unsigned fake_left_open(void)
{
	unsigned n = 0;

	for (size_t i = 3; i < FDS - 3; i++) {
		enum what what = world.fds[i].what;

		n += what != CLOSED && what != NUL && what != QEMU;
	}
	return n;
}

bool fake_has_power(void)
{
	for (cap_value_t cap = 0; cap <= CAP_LAST_CAP; cap++) {
		if (can(cap))
			return true;
	}
	return false;
}

bool fake_is_user(void)
{
	return world.is_user;
}
