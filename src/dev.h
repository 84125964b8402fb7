/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A network device as the kernel describes it (struct dev), as it is wanted
 * (struct dev_plan), and what can be done with one. What differs between
 * macvtap and tap is behind struct dev_kind. */
#ifndef VNETCTL_DEV_H
#define VNETCTL_DEV_H

#include <net/if.h>
#include <stdint.h>
#include <sys/types.h>

#include "args.h"
#include "nl.h"
#include "util.h"

struct dev;
struct dev_kind;

/* The network namespace that the devices live in, and that we are in. */
struct dev_home {
	struct nl nl;
	int nsfd;
	ino_t inode; /* names it */
	int sysfs;   /* one mounted for it, -1 until somebody needs it */
};

#define DEV_HOME_INIT                                  \
	{                                              \
		.nl = NL_INIT, .nsfd = -1, .sysfs = -1 \
	}

/* Opens home for the namespace that the caller is in. Returns 0 or a recorded failure. */
int dev_home_open(struct dev_home *home);

/* Closes what dev_home_open() opened; harmless on DEV_HOME_INIT. */
void dev_home_close(struct dev_home *home);

/* Opens what tapfd_node_id() gives for a macvtap at home. Returns a CLOEXEC
 * descriptor, owned by the caller, or a recorded failure. */
int dev_node_id(struct dev_home *home, const struct dev *dev);

enum dev_mode {
	MODE_NONE,
	MODE_PRIVATE,
	MODE_VEPA,
	MODE_BRIDGE,
	MODE_PASSTHRU,
	MODE_SOURCE,
};

#define DEV_ALTNAME 128 /* ALTIFNAMSIZ */

/* What RTM_NEWLINK says. Indexes and ids are 0 or -1 when there is none. */
struct dev {
	const struct dev_kind *kind; /* NULL: neither macvtap nor tap */
	int ifindex;
	char name[IFNAMSIZ];
	char kind_name[16];    /* IFLA_INFO_KIND; empty for plain hardware */
	char slave_kind[16];   /* of its master, if any */
	unsigned flags;	       /* IFF_* */
	unsigned short arphrd; /* ARPHRD_* */
	bool carrier;
	uint8_t operstate; /* RFC 2863, IF_OPER_* */
	uint8_t address[6];
	uint32_t mtu, txqlen, group;
	uint32_t tx_queues;
	int link;	      /* the lower device's ifindex ... */
	int32_t link_netnsid; /* ... in this namespace, -1 for the device's own */
	bool link_home;	      /* that is home's id of itself */
	int master;
	enum dev_mode mode;
	bool isolated;
	bool is_tun, persist, pi, vnet_hdr, multi_queue;
	uint32_t tap_queues;
	uint32_t tap_disabled; /* queues that their holder has switched off */
	uid_t owner;	       /* (uid_t)-1: none */
	gid_t owner_group;
	int32_t netnsid;	   /* of the lifeline namespace it lives in, -1 at home */
	char altname[DEV_ALTNAME]; /* vnetctl's own mark, empty when others made it */
	uid_t maker;		   /* from the mark */
	ino_t born_in;		   /* from the mark: the namespace it was made from */
	struct mac guest;	   /* the MAC the guest must use */
};

/* What is to be made. */
struct dev_plan {
	const struct dev_kind *kind;
	ino_t home;		/* the namespace it is made from */
	const char *name;	/* may hold "%d" */
	const struct dev *link; /* lower device or bridge; NULL for a tap alone */
	enum dev_mode mode;
	struct mac guest;
	bool asked_mac;	 /* guest was asked for, and is not the lower device's (passthru) */
	uint32_t mtu;	 /* 0: the kernel's choice */
	uint32_t queues; /* 0: one */
	uint32_t group;	 /* birth mark, 0 for none */
	int ifindex;	 /* chosen by dev_random_index(), for kinds with a node */
	int nsfd;	 /* born in this namespace, -1: at home */
	uid_t owner;	 /* (uid_t)-1: none */
	gid_t owner_group;
	bool persist; /* outlives the descriptor */
};

/* Names the device kind called text ("macvtap", "tap"), or NULL. */
const struct dev_kind *dev_kind_find(const char *text);

/* The word that create takes and ip prints for the kind. */
const char *dev_kind_word(const struct dev_kind *kind);

/* The kernel's word for a mode; NULL for MODE_NONE. */
const char *dev_mode_word(enum dev_mode mode);

/* args_value that stores an enum dev_mode; understands veb, pepa, passthrough. */
args_value dev_mode_value;

/* Says why devices of this kind cannot take the mode, or NULL when they can. */
const char *dev_mode_flaw(const struct dev_kind *kind, enum dev_mode mode, bool on_bridge);

/* The mode a new device has when none is asked for. */
enum dev_mode dev_default_mode(const struct dev_kind *kind, bool on_bridge);

/* Fills *dev from the device of that name (or alternative name) in the
 * namespace with this nsid (-1: nl's own). Returns 0 or a recorded failure (errnum
 * ENODEV when there is none). */
int dev_get(struct nl *nl, int32_t netnsid, const char *name, struct dev *dev);

/* True when the caller may have a hand in the device at all: it was made for this very user,
 * or what power there is is the caller's own (priv_is_own()). */
bool dev_is_mine(const struct dev *dev);

/* Refuses, in words that name its kind, what is neither macvtap nor tap.
 * Returns 0 or a recorded failure. */
int dev_check_kind(const struct dev *dev);

/* As dev_get() by index, in the namespace with this nsid (-1: nl's own). */
int dev_get_index(struct nl *nl, int32_t netnsid, int ifindex, struct dev *dev);

typedef int dev_cb(const struct dev *dev, void *arg);

/* Calls cb for each device of the kernel's kind ("macvtap", "tun"; NULL: all)
 * in the namespace with this nsid (-1: nl's own). As in nl_dump() nothing is called
 * back twice. Returns 0, what cb returned below 0, or a recorded failure. */
int dev_each(struct nl *nl, const char *kind_name, int32_t netnsid, dev_cb *cb, void *arg);

/* Calls cb once, as dev_each() does, for the device with this index. Returns 0, what cb
 * returned below 0, or a recorded failure (ENODEV when there is none). */
int dev_look(struct nl *nl, int32_t netnsid, int ifindex, dev_cb *cb, void *arg);

/* True when the device's link is an index at home. Else it is one in another namespace, where the
 * same index is another device's, or that cannot be told. */
bool dev_link_is_home(const struct dev *dev);

/* True for a macvlan or a macvtap: what is made on it the kernel puts beside it. */
bool dev_is_macvlan(const struct dev *dev);

/* True when the device is a port of a bridge, which its master is then; also of a bond, a team or
 * a VRF a device can be a part. */
bool dev_is_port(const struct dev *dev);

/* True when the device at home (or in a lifeline of home) is on the lower device, or a
 * port of the bridge, that has this index at home. */
bool dev_is_on(const struct dev *dev, int link);

/* Calls cb for each alternative name of the device that nl's dev_each() or dev_look() is calling
 * back for; for none outside of a callback. */
void dev_each_altname(const struct nl *nl, void (*cb)(const char *altname, void *arg), void *arg);

/* Copies the user's alias (ifalias) of that device into text; empty when there is none. */
void dev_alias(const struct nl *nl, char text[256]);

/* Chooses the index of a device that is to be made, at random: no index is then met twice by
 * chance among the nodes in /dev, which all network namespaces share. Returns 0 or a recorded
 * failure. */
int dev_random_index(int *ifindex);

/* Makes the device that plan describes, down, quiet (a macvtap or a port of a bridge: no IPv6 of
 * the host's on it) and marked as ours, exclusively, and describes it in *dev. nl is a socket at
 * home, inner one in plan->nsfd's namespace (NULL when that is -1); the caller is in the
 * namespace that the device is born in. *fd gets a descriptor when the kind makes
 * one in passing (tap), else -1. On failure nothing is left. */
int dev_make(struct nl *nl, struct nl *inner, const struct dev_plan *plan, struct dev *dev,
	     int *fd);

/* Adds what can be told about a failed dev_make() to the failure on record:
 * the object in the way, the way out. hidden is one that may be in the way in a
 * lifeline of home, NULL or without an ifindex when there is none. Returns the
 * recorded code. */
int dev_explain_make(struct nl *nl, const struct dev_plan *plan, const struct dev *hidden);

/* Adds who is in the way of bringing dev up, among nl's devices and hidden, as above.
 * Returns the recorded code. */
int dev_explain_up(struct nl *nl, const struct dev *dev, const struct dev *hidden);

/* Opens one of so many queues of a device, while being in the namespace whose life the
 * descriptor shall hold (macvtap; a tap is opened in its own). id is the
 * descriptor of tapfd_node_id() for a macvtap. Returns a CLOEXEC descriptor
 * or a recorded failure. */
int dev_open(const struct dev *dev, int id, uint32_t queues);

/* True when the link, at home, is a wireless card, as far as that can be told. */
bool dev_is_wireless(struct dev_home *home, const struct dev *link);

/* True for kinds that are opened through a node and die by a lifeline. */
bool dev_has_node(const struct dev *dev);

/* The same for a kind. */
bool dev_kind_has_node(const struct dev_kind *kind);

/* Gives a macvtap another address, and notes it in *dev. Returns 0 or a recorded failure. */
int dev_set_address(struct nl *nl, struct dev *dev, const uint8_t mac[6]);

/* Sets the mode of a live device. Returns 0 or a recorded failure. */
int dev_set_mode(struct nl *nl, const struct dev *dev, enum dev_mode mode);

struct dev_change {
	bool set_up, up;
	bool set_group;
	uint32_t group;
};

/* Applies the changes in one send, so that all are done or none of them when
 * we are killed. Returns 0 or a recorded failure. */
int dev_change(struct nl *nl, const struct dev *dev, const struct dev_change *change);

/* Deletes the device by its index and waits until it is gone. Returns 0 or a
 * recorded failure. */
int dev_delete(struct nl *nl, const struct dev *dev);

/* Told for each device that could not be marked for a common removal. */
typedef void dev_failed(const struct dev *dev, int err, void *arg);

/* Deletes n devices, all at home, in one kernel operation: they are put into group,
 * where nothing else is, and the group is deleted. failed is told what could not be
 * put there, and that stays. Returns 0 or a recorded failure. */
int dev_delete_many(struct nl *nl, const struct dev *devs, size_t n, uint32_t group,
		    dev_failed *failed, void *arg);

/* The guest's MAC for a tap that others made: the tap's own with another first
 * byte, always the same one. */
void dev_guest_of_tap(const uint8_t tap[6], uint8_t guest[6]);

/* A random locally administered MAC, 52:54:00 and three random bytes. Returns
 * 0 or a recorded failure. */
int dev_random_mac(struct mac *mac);

/* Writes "xx:xx:xx:xx:xx:xx". */
void dev_mac_text(const uint8_t mac[6], char text[18]);

#endif
