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

	/* As dev_make(); the ifindex of the new device goes to *ifindex. */
	int (*make)(struct nl *nl, struct nl *inner, const struct dev_plan *plan,
		    const char *altname, int *ifindex, int *fd);

	/* As dev_explain_make(), but for the name that is taken. */
	int (*explain)(struct nl *nl, const struct dev_plan *plan, const struct dev *hidden);
	int (*open)(const struct dev *dev, int id, uint32_t queues);
	int (*set_mode)(struct nl *nl, const struct dev *dev, enum dev_mode mode);
};

extern const struct dev_kind dev_macvtap;
extern const struct dev_kind dev_tap;

/* Queues the messages that mark and quieten a device: the altname, no address
 * of its own (addrgenmode), all multicast for the guest. */
void dev_put_dress(struct nl *nl, int ifindex, const char *altname);

#endif
