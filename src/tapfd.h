/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The door to the descriptors a VMM reads and writes: /dev/net/tun, the node
 * of a macvtap, their ioctls (Documentation/networking/tuntap.rst, drivers/net/tap.c,
 * drivers/net/tun.c), and how a device number becomes an open node. */
#ifndef VNETCTL_TAPFD_H
#define VNETCTL_TAPFD_H

#include <net/if.h>
#include <stdint.h>
#include <sys/types.h>

#include "util.h"

struct tapfd_info {
	char name[IFNAMSIZ];
	bool tap; /* IFF_TAP: an Ethernet device */
	bool vnet_hdr;
	bool multi_queue;
	bool persist;
};

/* Makes a tap, which must not exist yet, in the network namespace the caller
 * is in; name may hold one "%d". Returns a CLOEXEC descriptor whose last close removes
 * the device, or a recorded failure. The chosen name is asked by tapfd_ask(). */
int tapfd_make_tap(const char *name, bool multi_queue);

/* Opens one queue of an existing tap in the caller's network namespace.
 * Returns a CLOEXEC descriptor or a recorded failure (EBUSY: a single-queue
 * tap that somebody holds; EINVAL: queues do not fit). */
int tapfd_open_tap(const char *name, bool multi_queue);

/* TUNGETIFF: which device is behind fd. It is also the test that the device
 * still lives (a removed macvtap answers ENOLINK). Returns 0 or a recorded failure. */
int tapfd_ask(int fd, struct tapfd_info *info);

/* True when descriptor fd of process pid is attached to a living macvtap that has this name and
 * address, and is not known to have another index: in another namespace there may be one of that
 * name, too. */
bool tapfd_leads_to(pid_t pid, int fd, const char *name, const uint8_t mac[6], int ifindex);

/* Duplicates descriptor fd of process pid, for good: both are one queue. Returns a CLOEXEC
 * descriptor or a recorded failure. */
int tapfd_borrow(pid_t pid, int fd);

/* Sets or clears IFF_PERSIST of the tap behind fd. Returns 0 or a recorded failure. */
int tapfd_set_persist(int fd, bool on);

/* Who may open the tap behind fd without CAP_NET_ADMIN; (uid_t)-1 and (gid_t)-1 mean
 * nobody by that field. Returns 0 or a recorded failure. */
int tapfd_set_owner(int fd, uid_t uid, gid_t gid);

/* Sets the device's own Ethernet address through the descriptor. Returns 0 or
 * a recorded failure. */
int tapfd_set_mac(int fd, const char *name, const uint8_t mac[6]);

/* Stores the own address of the tap behind fd. Returns 0 or a recorded failure. */
int tapfd_get_mac(int fd, uint8_t mac[6]);

/* Sets the flags a VMM expects of an open macvtap queue: IFF_TAP, IFF_NO_PI,
 * IFF_VNET_HDR and, with multi_queue, IFF_MULTI_QUEUE. Returns 0 or a recorded failure. */
int tapfd_set_flags(int fd, bool multi_queue);

/* Mounts, detached, a sysfs of the network namespace the caller is in: /sys
 * shows the namespace of whoever mounted it. Needs CAP_SYS_ADMIN. Returns a
 * CLOEXEC descriptor of its root or a recorded failure. */
int tapfd_sysfs(void);

/* Opens the "dev" attribute of a macvtap's node in a sysfs of its namespace. It
 * can be read for as long as this very node lives: the open descriptor is
 * the device's identity. Returns a CLOEXEC descriptor or a recorded failure. */
int tapfd_node_id(int sysfs, const char *name, int ifindex);

/* Reads the device number from tapfd_node_id()'s descriptor. Returns 0 or a
 * recorded failure (ENODEV when that node is gone). */
int tapfd_node_number(int id, dev_t *number);

/* Opens the node with this number for reading and writing: /dev/tap<ifindex>
 * if that is it, otherwise a node made for the purpose in a private tmpfs,
 * which needs CAP_MKNOD. Nothing is left in any file system. The queue holds a
 * reference on the network namespace the caller is in. Returns a CLOEXEC descriptor or a
 * recorded failure. */
int tapfd_open_node(dev_t number, int ifindex);

/* Gives /dev/tap<ifindex> to uid and gid (mode 0600, or 0660 with a gid), if
 * it has this device number. (uid_t)-1 leaves the owner. Returns 0 or a recorded failure. */
int tapfd_chown_node(dev_t number, int ifindex, uid_t uid, gid_t gid);

/* True when another process's descriptor is no open queue of a macvtap, though it has the
 * number of one: its device was removed and the number is another's by now (TUNGETIFF
 * answers ENOLINK), or it is only a path (O_PATH). Asked through a duplicate that is closed
 * at once. False also when that cannot be told. */
bool tapfd_is_dead(pid_t pid, int fd);

/* The inode of the network namespace that the tap behind another process's descriptor lives
 * in (TUNGETDEVNETNS, through a duplicate that is closed at once), or 0 without a
 * failure on record when that cannot be told. */
ino_t tapfd_home_of(pid_t pid, int fd);

/* Puts what a former holder may have set on the device or queue back to what
 * a new one has: offloads, length of the vnet header, send buffer, filter.
 * Returns 0 or a recorded failure. */
int tapfd_reset(int fd, bool macvtap);

/* All that opening and resetting changes on a tap that was there. */
struct tapfd_state {
	int flags; /* IFF_* as for TUNSETIFF; 0: not remembered */
	bool values;
	int header, little_endian, big_endian; /* -1: this kernel knows none */
	unsigned long offloads;		       /* TUN_F_* */
};

/* Remembers the flags of a tap, before it is opened. rtnetlink tells three of them; the others
 * are known as far as /sys shows this device. Never fails. */
void tapfd_remember_flags(struct tapfd_state *state, const char *name, int ifindex, bool pi,
			  bool vnet_hdr, bool multi_queue);

/* Remembers the rest that tapfd_reset() changes and a kernel tells, of the tap behind fd. Filters
 * and steering programs it does not tell. Returns 0 or a recorded failure. */
int tapfd_remember(struct tapfd_state *state, int fd, const char *name);

/* Puts back what tapfd_remember() has found, if it was called. Returns 0 or a recorded failure. */
int tapfd_restore(const struct tapfd_state *state, int fd);

/* Puts the flags back, of a tap that nobody holds any more: they are an open's. Returns 0 or a
 * recorded failure. */
int tapfd_restore_flags(const struct tapfd_state *state, const char *name);

/* Opens /dev/vhost-net. Returns a CLOEXEC descriptor or a recorded failure that
 * names the module, the device cgroup, or what is there instead of a device. */
int tapfd_open_vhost(void);

/* True when the link has this attribute in a sysfs of its namespace. */
bool tapfd_has_attribute(int sysfs, const char *name, const char *attribute);

#endif
