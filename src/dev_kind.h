/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What dev.c asks of each kind of device; private to dev.c and dev_*.c. A new
 * kind is one more of these and a row in dev.c's table. */
#ifndef VNETCTL_DEV_KIND_H
#define VNETCTL_DEV_KIND_H

#include "dev.h"

struct dev_kind {
	const char *word;      /* what users say */
	const char *kind_name; /* IFLA_INFO_KIND */
	bool has_node;

	enum dev_mode (*default_mode)(bool on_bridge);
	const char *(*mode_flaw)(enum dev_mode mode, bool on_bridge);

	/* Reads IFLA_INFO_DATA. */
	void (*parse)(const struct nlattr *data, struct dev *dev);

	/* As dev_make(), all but what /proc/sys and persistence take. */
	int (*make)(struct nl *nl, struct nl *inner, const struct dev_plan *plan,
		    const char *altname, struct dev *dev, int *fd);

	/* As dev_explain_make(), but for the name that is taken. */
	int (*explain)(struct nl *nl, const struct dev_plan *plan, const struct dev *hidden);
	int (*open)(const struct dev *dev, int id, uint32_t queues);
	int (*set_mode)(struct nl *nl, const struct dev *dev, enum dev_mode mode);
};

extern const struct dev_kind dev_macvtap;
extern const struct dev_kind dev_tap;

/* Queues the messages that mark a device with the altname and, with quiet set, give it no IPv6
 * address of its own (addrgenmode). */
void dev_put_dress(struct nl *nl, int ifindex, const char *altname, bool quiet);

/* All multicast for the guest, in the message begun last. Without an address of the
 * host's nobody subscribes to any: it would hear no neighbour solicitation. */
void dev_put_allmulti(struct nlmsghdr *nlh);

/* Sends what is queued and, behind it, the question for the device, whose answer goes to
 * *dev. Returns 0 or the first failure, recorded as WHAT. */
int dev_finish(struct nl *nl, int ifindex, struct dev *dev, const char *what);

#endif
