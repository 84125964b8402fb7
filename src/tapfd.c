// SPDX-License-Identifier: GPL-2.0-or-later
/* Neither /dev/tapN nor /sys can be trusted by itself: interface indexes are
 * per network namespace, /dev is not, and a mounted sysfs shows the namespace of
 * whoever mounted it. So the device number is read from a sysfs mounted here
 * and now, and /dev/tapN is used only if it has that number. A wrong node is never opened
 * "to look": a second open of a macvtap takes part of its traffic. */
#include "tapfd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/ethtool.h>
#include <linux/if_tun.h>
#include <linux/mount.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "args.h"
#include "deadline.h"
#include "fail.h"
#include "priv.h"

static const char tun_path[] = "/dev/net/tun", vhost_path[] = "/dev/vhost-net";

/* A node that was given to somebody else is closed even to root without this. */
static int open_device(int dir, const char *path)
{
	auto_power struct power power = priv_raise(POWER(CAP_DAC_OVERRIDE));

	return openat(dir, path, O_RDWR | O_CLOEXEC);
}

static void explain_cgroup(const char *path)
{
	if (fail_errnum() == EPERM)
		fail_hint("a device cgroup forbids it: DeviceAllow=%s rw in a unit, --device %s in "
			  "a container",
			  path, path);
}

static int open_tun(void)
{
	int fd = open_device(AT_FDCWD, tun_path);

	if (fd >= 0)
		return fd;
	fail_sys("cannot open %s", tun_path);
	if (fail_errnum() == ENOENT || fail_errnum() == ENODEV || fail_errnum() == ENXIO)
		fail_hint("is the module tun loaded? In a container, add --device /dev/net/tun");
	explain_cgroup(tun_path);
	return fail_code();
}

static void set_name(struct ifreq *ifr, const char *name)
{
	size_t len = strlen(name);

	memset(ifr, 0, sizeof(*ifr));
	/* args_name_flaw() has seen every name; this only keeps the promise. */
	memcpy(ifr->ifr_name, name, len < IFNAMSIZ ? len : IFNAMSIZ - 1);
}

static short tun_flags(bool multi_queue)
{
	return (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | (multi_queue ? IFF_MULTI_QUEUE : 0));
}

/* TUNSETIFF on a fresh descriptor. */
static int attach(int fd, struct ifreq *ifr)
{
	auto_power struct power power = priv_raise(POWER(CAP_NET_ADMIN));

	return ioctl(fd, TUNSETIFF, ifr);
}

int tapfd_make_tap(const char *name, bool multi_queue)
{
	auto_close int fd = open_tun();
	struct ifreq ifr;

	if (fd < 0)
		return fd;
	set_name(&ifr, name);
	/* Without IFF_TUN_EXCL an existing device of that name would be adopted. */
	ifr.ifr_flags = (short)(tun_flags(multi_queue) | IFF_TUN_EXCL);
	if (attach(fd, &ifr) < 0) {
		int err = errno;

		/* The kernel says EBUSY where rtnetlink would say EEXIST. */
		fail_errno(err == EBUSY ? EEXIST : err, NULL, "cannot create tap %s", name);
		if (err == EPERM)
			priv_explain_net_admin();
		return fail_code();
	}
	return steal_fd(&fd);
}

int tapfd_open_tap(const char *name, bool multi_queue)
{
	auto_close int fd = open_tun();
	struct ifreq ifr;

	if (fd < 0)
		return fd;
	set_name(&ifr, name);
	ifr.ifr_flags = tun_flags(multi_queue);
	if (attach(fd, &ifr) < 0) {
		fail_sys("cannot open tap %s", name);
		if (fail_errnum() == EPERM)
			fail_hint("it is owned by another user: this needs CAP_NET_ADMIN");
		if (fail_errnum() == EBUSY)
			fail_hint("it has one queue, which somebody holds");
		return fail_code();
	}
	return steal_fd(&fd);
}

int tapfd_ask(int fd, struct tapfd_info *info)
{
	struct ifreq ifr = { 0 };

	if (ioctl(fd, TUNGETIFF, &ifr) < 0)
		return fail_sys("cannot ask the descriptor for its device");
	memset(info, 0, sizeof(*info));
	memcpy(info->name, ifr.ifr_name, IFNAMSIZ - 1);
	info->tap = ifr.ifr_flags & IFF_TAP;
	info->vnet_hdr = ifr.ifr_flags & IFF_VNET_HDR;
	info->multi_queue = ifr.ifr_flags & IFF_MULTI_QUEUE;
	info->persist = ifr.ifr_flags & IFF_PERSIST;
	return 0;
}

int tapfd_set_persist(int fd, bool on)
{
	if (ioctl(fd, TUNSETPERSIST, (unsigned long)on) < 0)
		return fail_sys("cannot make the tap %s", on ? "persistent" : "temporary");
	return 0;
}

int tapfd_set_owner(int fd, uid_t uid, gid_t gid)
{
	if ((uid != (uid_t)-1 && ioctl(fd, TUNSETOWNER, (unsigned long)uid) < 0) ||
	    (gid != (gid_t)-1 && ioctl(fd, TUNSETGROUP, (unsigned long)gid) < 0))
		return fail_sys("cannot set the tap's owner");
	return 0;
}

int tapfd_set_mac(int fd, const char *name, const uint8_t mac[6])
{
	struct ifreq ifr;

	set_name(&ifr, name);
	ifr.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	memcpy(ifr.ifr_hwaddr.sa_data, mac, 6);
	if (ioctl(fd, SIOCSIFHWADDR, &ifr) < 0)
		return fail_sys("cannot set the address of %s", name);
	return 0;
}

int tapfd_get_mac(int fd, uint8_t mac[6])
{
	struct ifreq ifr = { 0 };

	if (ioctl(fd, SIOCGIFHWADDR, &ifr) < 0)
		return fail_sys("cannot ask the tap for its address");
	memcpy(mac, ifr.ifr_hwaddr.sa_data, 6);
	return 0;
}

int tapfd_set_flags(int fd, bool multi_queue)
{
	struct ifreq ifr = { 0 };

	ifr.ifr_flags = tun_flags(multi_queue);
	if (ioctl(fd, TUNSETIFF, &ifr) < 0)
		return fail_sys("cannot set the flags of the macvtap's queue");
	return 0;
}

/* A file system that is mounted nowhere, seen only through the descriptor. */
static int detached_mount(const char *type, unsigned attributes)
{
	auto_power struct power power = priv_raise(POWER(CAP_SYS_ADMIN));
	auto_close int fs = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);
	bool made = fs >= 0 && syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0;
	int mnt = made ? (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, attributes) : -1;

	if (mnt >= 0)
		return mnt;
	fail_sys("cannot mount a %s of our own", type);
	if (fail_errnum() == EPERM && made && streq(type, "sysfs"))
		return fail_hint("parts of /sys are covered in this container, and the kernel "
				 "shows them by no other way: uncover them (podman: --security-opt "
				 "unmask=ALL, docker: --security-opt systempaths=unconfined)");
	if (fail_errnum() == EPERM)
		priv_explain(POWER(CAP_SYS_ADMIN), "CAP_SYS_ADMIN",
			     "(in a container --cap-add SYS_ADMIN; in a user namespace a mount "
			     "namespace too: unshare -m)");
	return fail_code();
}

/* In a user namespace it may be no more open than the one that is mounted there. */
int tapfd_sysfs(void)
{
	return detached_mount("sysfs", MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
					       MOUNT_ATTR_NOEXEC);
}

int tapfd_node_id(int sysfs, const char *name, int ifindex)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "class/net/%s/tap%d/dev", name, ifindex);
	fd = openat(sysfs, path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? fail_sys("cannot find the device number of %s", name) : fd;
}

int tapfd_node_number(int id, dev_t *number)
{
	uint64_t maj, min;
	char text[32], *colon;
	ssize_t n;

	do
		n = pread(id, text, sizeof(text) - 1, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return fail_sys("cannot read the device number of a macvtap");
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	colon = strchr(text, ':');
	if (colon)
		*colon = '\0';
	if (!colon || args_number(text, 0, UINT32_MAX, &maj) < 0 ||
	    args_number(colon + 1, 0, UINT32_MAX, &min) < 0)
		return fail_errno(EIO, NULL, "cannot read the device number of a macvtap");
	*number = makedev((unsigned)maj, (unsigned)min);
	return 0;
}

static void node_path(char path[32], int ifindex)
{
	snprintf(path, 32, "/dev/tap%d", ifindex);
}

static bool is_node(const struct stat *st, dev_t number)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == number;
}

static int forbidden(dev_t number)
{
	fail_sys("cannot open device %u:%u", major(number), minor(number));
	if (fail_errnum() == EPERM)
		fail_hint("a device cgroup forbids it: DeviceAllow=char-macvtap rw in a unit, "
			  "--device-cgroup-rule 'c %u:* rmw' in a container",
			  major(number));
	return fail_code();
}

/* The node as the user would name it, if it is the right one. -1 with errno, and nothing
 * on record, if it is not, or cannot be opened. */
static int open_in_dev(dev_t number, int ifindex)
{
	struct stat st;
	char path[32];

	node_path(path, ifindex);
	/* The number names the device, whatever the path is by the time of the open:
	 * so look, open by that look, never create. */
	auto_close int look = open(path, O_PATH | O_CLOEXEC | O_NOFOLLOW);

	if (look < 0 || fstat(look, &st) < 0)
		return -1;
	if (!is_node(&st, number)) {
		errno = ENODEV;
		return -1;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", look);
	return open_device(AT_FDCWD, path);
}

static int make_node(int dir, dev_t number)
{
	auto_power struct power power = priv_raise(POWER(CAP_MKNOD));

	return mknodat(dir, "tap", S_IFCHR | 0600, number);
}

/* From now on no device can be opened by way of this mount. The node belongs to the user who runs
 * us, and COMMAND has a descriptor of it: once the device is gone its number is the next one's, and
 * that would be open to the user by /proc/self/fd. */
static int forbid_devices(int mnt)
{
	auto_power struct power power = priv_raise(POWER(CAP_SYS_ADMIN));
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_NODEV };

	if (syscall(SYS_mount_setattr, mnt, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return fail_sys("cannot close a macvtap's node to others");
	return 0;
}

static int open_in_tmpfs(dev_t number)
{
	auto_close int dir = detached_mount("tmpfs", 0);

	if (dir < 0)
		return dir;
	if (make_node(dir, number) < 0) {
		fail_sys("cannot make a node for device %u:%u", major(number), minor(number));
		if (fail_errnum() == EPERM)
			fail_hint("this needs CAP_MKNOD outside any user namespace, and a device "
				  "cgroup that allows it (DeviceAllow=char-macvtap rwm in a unit, "
				  "--device-cgroup-rule 'c %u:* rwm' in a container), or the right "
				  "/dev/tapN, open to us",
				  major(number));
		return fail_code();
	}
	auto_close int fd = open_device(dir, "tap");

	if (fd < 0)
		return forbidden(number);
	return forbid_devices(dir) < 0 ? fail_code() : steal_fd(&fd);
}

int tapfd_open_node(dev_t number, int ifindex)
{
	int fd = open_in_dev(number, ifindex);

	if (fd >= 0)
		return fd;
	/* The right node, and not its permissions (EACCES): another node is no way out. */
	if (errno == EPERM)
		return forbidden(number);
	return open_in_tmpfs(number);
}

/* In this order it is the new owner's, who may be the caller, when the mode is set. */
static int give_node(int node, uid_t uid, gid_t gid, mode_t mode)
{
	auto_power struct power power = priv_raise(POWER(CAP_CHOWN) | POWER(CAP_FOWNER));
	char self[32];

	snprintf(self, sizeof(self), "/proc/self/fd/%d", node);
	return fchownat(node, "", uid, gid, AT_EMPTY_PATH) < 0 ? -1 : chmod(self, mode);
}

static int explain_owner(const char *path)
{
	fail_sys("cannot give %s to its owner", path);
	switch (fail_errnum()) {
	case ENOENT:
		return fail_hint("only a devtmpfs has such nodes: in a container without one, "
				 "make the device on the host");
	case EPERM:
		return fail_hint("this needs CAP_CHOWN and CAP_FOWNER outside any user namespace");
	case EINVAL:
		return fail_hint("this user namespace has no such user or group");
	}
	return fail_code();
}

int tapfd_chown_node(dev_t number, int ifindex, uid_t uid, gid_t gid)
{
	mode_t mode = gid == (gid_t)-1 ? 0600 : 0660;
	struct stat st;
	char path[32];

	node_path(path, ifindex);
	auto_close int look = open(path, O_PATH | O_CLOEXEC | O_NOFOLLOW);

	if (look < 0)
		return explain_owner(path);
	if (fstat(look, &st) < 0 || !is_node(&st, number))
		return fail_refuse("cannot give %s to its owner: it is another device's node, "
				   "of another network namespace",
				   path);
	return give_node(look, uid, gid, mode) < 0 ? explain_owner(path) : 0;
}

/* Returns a CLOEXEC duplicate, or -1 without a failure on record. */
static int borrow(pid_t pid, int fd)
{
	auto_power struct power power = priv_raise(POWER(CAP_SYS_PTRACE));
	auto_close int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);

	return pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
}

/* The kernel calls the node of a macvtap by its ifindex. */
static bool is_other_node(pid_t pid, int fd, int ifindex)
{
	auto_power struct power power = priv_raise(POWER_LOOK);
	char path[64], target[32];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 9 || memcmp(target, "/dev/tap", 8) != 0)
		return false;
	target[n] = '\0';
	return strtol(target + 8, NULL, 10) != ifindex;
}

bool tapfd_leads_to(pid_t pid, int fd, const char *name, const uint8_t mac[6], int ifindex)
{
	auto_close int twin = borrow(pid, fd);
	struct ifreq ifr = { 0 };
	uint8_t now[6];
	bool same = twin >= 0 && ioctl(twin, TUNGETIFF, &ifr) == 0 && streq(ifr.ifr_name, name) &&
		    tapfd_get_mac(twin, now) == 0 && !memcmp(now, mac, 6);

	fail_clear();
	return same && !is_other_node(pid, fd, ifindex);
}

int tapfd_borrow(pid_t pid, int fd)
{
	int twin = borrow(pid, fd);

	if (twin < 0)
		return fail_sys("cannot take descriptor %d of process %d", fd, pid);
	return twin;
}

bool tapfd_is_dead(pid_t pid, int fd)
{
	auto_close int twin = borrow(pid, fd);
	struct ifreq ifr;

	/* EBADF: only a path to the node (O_PATH). */
	return twin >= 0 && ioctl(twin, TUNGETIFF, &ifr) < 0 &&
	       (errno == ENOLINK || errno == EBADF);
}

ino_t tapfd_home_of(pid_t pid, int fd)
{
	auto_power struct power power = priv_raise(POWER(CAP_NET_ADMIN));
	auto_close int twin = borrow(pid, fd), ns = -1;
	struct stat st;

	if (twin >= 0)
		ns = ioctl(twin, TUNGETDEVNETNS);
	return ns >= 0 && fstat(ns, &st) == 0 ? st.st_ino : 0;
}

/* An ioctl that this kind of queue, or this kernel, may not know. */
static int reset_if_known(int fd, unsigned long request, void *arg)
{
	if (ioctl(fd, request, arg) == 0 || errno == EINVAL || errno == ENOTTY)
		return 0;
	return fail_sys("cannot reset what the device's last holder set");
}

int tapfd_reset(int fd, bool macvtap)
{
	/* A new macvtap offers these by itself, a new tap none. */
	unsigned long offloads = macvtap ? TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 : 0;
	int header = 10; /* sizeof(struct virtio_net_hdr) */
	int buffer = INT_MAX, zero = 0, no_program = -1;
	struct tun_filter any = { .count = 0 };

	if (ioctl(fd, TUNSETOFFLOAD, offloads) < 0 || ioctl(fd, TUNSETVNETHDRSZ, &header) < 0 ||
	    ioctl(fd, TUNSETSNDBUF, &buffer) < 0)
		return fail_sys("cannot reset what the device's last holder set");
	/* The rest is a queue's with a macvtap, and its queue is new. */
	if (macvtap)
		return 0;
	if (reset_if_known(fd, TUNSETVNETLE, &zero) < 0 ||
	    reset_if_known(fd, TUNSETVNETBE, &zero) < 0 ||
	    reset_if_known(fd, TUNDETACHFILTER, NULL) < 0 ||
	    reset_if_known(fd, TUNSETTXFILTER, &any) < 0 ||
	    reset_if_known(fd, TUNSETFILTEREBPF, &no_program) < 0)
		return fail_code();
	return reset_if_known(fd, TUNSETSTEERINGEBPF, &no_program);
}

static long shown_number(const char *name, const char *attribute)
{
	char path[64], text[32];
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/class/net/%s/%s", name, attribute);
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);

	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return -1;
	text[n] = '\0';
	return strtol(text, NULL, 0);
}

void tapfd_remember_flags(struct tapfd_state *state, const char *name, int ifindex, bool pi,
			  bool vnet_hdr, bool multi_queue)
{
	const int told = IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE;
	long shown = -1;

	state->flags = IFF_TAP | (pi ? 0 : IFF_NO_PI) | (vnet_hdr ? IFF_VNET_HDR : 0) |
		       (multi_queue ? IFF_MULTI_QUEUE : 0);
	if (shown_number(name, "ifindex") == ifindex)
		shown = shown_number(name, "tun_flags");
	/* Of another namespace, /sys would show another device. */
	if (shown >= 0 && (shown & told) == (state->flags & told))
		state->flags |= (int)shown & (IFF_ONE_QUEUE | IFF_NAPI | IFF_NAPI_FRAGS);
}

/* The kernel tells offloads only as features of the device, whose numbers differ. */
static int ask_offloads(const char *name, unsigned long *offloads)
{
	static const struct {
		const char *feature;
		unsigned long offload;
	} known[] = {
		{ "tx-checksum-ip-generic", TUN_F_CSUM },
		{ "tx-tcp-segmentation", TUN_F_TSO4 },
		{ "tx-tcp6-segmentation", TUN_F_TSO6 },
		{ "tx-tcp-ecn-segmentation", TUN_F_TSO_ECN },
		{ "tx-udp-segmentation", 0x20 | 0x40 }, /* TUN_F_USO4, TUN_F_USO6 */
	};
	enum { MAX = 256 };
	auto_close int sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	union {
		struct ethtool_sset_info head;
		/* cppcheck-suppress unusedStructMember ; for what follows head */
		uint8_t room[sizeof(struct ethtool_sset_info) + sizeof(uint32_t)];
	} set = { .head = { .cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1 << ETH_SS_FEATURES } };
	union {
		struct ethtool_gstrings head;
		/* cppcheck-suppress unusedStructMember ; for what follows head */
		uint8_t room[sizeof(struct ethtool_gstrings) + MAX * ETH_GSTRING_LEN];
	} names = { .head = { .cmd = ETHTOOL_GSTRINGS, .string_set = ETH_SS_FEATURES } };
	union {
		struct ethtool_gfeatures head;
		/* cppcheck-suppress unusedStructMember ; for what follows head */
		uint8_t room[sizeof(struct ethtool_gfeatures) +
			     MAX / 32 * sizeof(struct ethtool_get_features_block)];
	} now = { .head = { .cmd = ETHTOOL_GFEATURES, .size = MAX / 32 } };
	void *const questions[] = { &set, &names, &now };
	const uint32_t *n = set.head.data;
	struct ifreq ifr;

	*offloads = 0;
	set_name(&ifr, name);
	for (size_t i = 0; i < ARRAY_SIZE(questions); i++) {
		ifr.ifr_data = questions[i];
		if (sock < 0 || ioctl(sock, SIOCETHTOOL, &ifr) < 0 || *n > MAX)
			return fail_sys("cannot ask %s for its offloads", name);
	}
	for (uint32_t i = 0; i < *n; i++) {
		const char *feature = (const char *)names.head.data + i * ETH_GSTRING_LEN;

		for (size_t k = 0; k < ARRAY_SIZE(known); k++) {
			if (now.head.features[i / 32].active & UINT32_C(1) << i % 32 &&
			    streq(feature, known[k].feature))
				*offloads |= known[k].offload;
		}
	}
	return 0;
}

/* -1: this kernel does not know it. */
static int ask_if_known(int fd, unsigned long request, int *value)
{
	*value = -1;
	if (ioctl(fd, request, value) == 0 || errno == EINVAL || errno == ENOTTY)
		return 0;
	return fail_sys("cannot ask the tap for what its last holder set");
}

int tapfd_remember(struct tapfd_state *state, int fd, const char *name)
{
	if (ask_if_known(fd, TUNGETVNETHDRSZ, &state->header) < 0 ||
	    ask_if_known(fd, TUNGETVNETLE, &state->little_endian) < 0 ||
	    ask_if_known(fd, TUNGETVNETBE, &state->big_endian) < 0 ||
	    ask_offloads(name, &state->offloads) < 0)
		return fail_code();
	state->values = true;
	return 0;
}

int tapfd_restore(const struct tapfd_state *state, int fd)
{
	int header = state->header, le = state->little_endian, be = state->big_endian;

	if (!state->values)
		return 0;
	if (ioctl(fd, TUNSETOFFLOAD, state->offloads) < 0 ||
	    (header >= 0 && ioctl(fd, TUNSETVNETHDRSZ, &header) < 0) ||
	    (le >= 0 && ioctl(fd, TUNSETVNETLE, &le) < 0) ||
	    (be >= 0 && ioctl(fd, TUNSETVNETBE, &be) < 0))
		return fail_sys("cannot put back what the tap's last holder set");
	return 0;
}

int tapfd_restore_flags(const struct tapfd_state *state, const char *name)
{
	struct deadline deadline = deadline_in(DEADLINE_MS);
	auto_close int fd = -1;
	struct ifreq ifr;

	if (!state->flags || state->flags == tun_flags(state->flags & IFF_MULTI_QUEUE))
		return 0;
	fd = open_tun();
	if (fd < 0)
		return fd;
	set_name(&ifr, name);
	ifr.ifr_flags = (short)state->flags;
	/* Another vnetctl, looking around, has a duplicate of what was closed for a moment. */
	while (attach(fd, &ifr) < 0) {
		if (errno != EBUSY || !deadline_nap(&deadline))
			return fail_sys("cannot put the flags of %s back", name);
	}
	return 0;
}

int tapfd_open_vhost(void)
{
	auto_close int fd = open(vhost_path, O_RDWR | O_CLOEXEC);
	struct stat st;

	/* A shell's redirection makes a plain file where there was none. */
	if (fd >= 0 && fstat(fd, &st) == 0 && !S_ISCHR(st.st_mode))
		return fail_refuse("cannot use %s: it is no device: remove it and 'modprobe "
				   "vhost_net', or 'vhost off'",
				   vhost_path);
	if (fd >= 0)
		return steal_fd(&fd);
	fail_sys("cannot open /dev/vhost-net");
	if (fail_errnum() == ENOENT || fail_errnum() == ENODEV || fail_errnum() == ENXIO)
		fail_hint("'modprobe vhost_net', or 'vhost off'");
	explain_cgroup(vhost_path);
	return fail_code();
}

bool tapfd_has_attribute(int sysfs, const char *name, const char *attribute)
{
	char path[64];

	snprintf(path, sizeof(path), "class/net/%s/%.16s", name, attribute);
	return faccessat(sysfs, path, F_OK, 0) == 0;
}
