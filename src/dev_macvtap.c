// SPDX-License-Identifier: GPL-2.0-or-later
/* macvtap: a device of its own on a lower device, and a character device node
 * through which a VMM reads and writes (drivers/net/macvlan.c, macvtap.c, tap.c).
 *
 * A macvtap is made in one send: the creation, our mark, and what keeps it
 * quiet. For that, and for its claim, its index must be known beforehand, so we choose it: if it
 * should be taken the creation fails. */
#include <errno.h>
#include <linux/if_link.h>
#include <net/if_arp.h>
#include <stdio.h>

#include "dev_kind.h"
#include "fail.h"
#include "tapfd.h"

static const uint32_t kernel_modes[] = {
	[MODE_PRIVATE] = MACVLAN_MODE_PRIVATE, [MODE_VEPA] = MACVLAN_MODE_VEPA,
	[MODE_BRIDGE] = MACVLAN_MODE_BRIDGE,   [MODE_PASSTHRU] = MACVLAN_MODE_PASSTHRU,
	[MODE_SOURCE] = MACVLAN_MODE_SOURCE,
};

static enum dev_mode default_mode(bool on_bridge)
{
	(void)on_bridge;
	return MODE_VEPA;
}

static const char *mode_flaw(enum dev_mode mode, bool on_bridge)
{
	(void)mode;
	(void)on_bridge;
	return NULL;
}

static void parse(const struct nlattr *data, struct dev *dev)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, data) {
		if (mnl_attr_get_type(attr) != IFLA_MACVLAN_MODE ||
		    mnl_attr_validate(attr, MNL_TYPE_U32) < 0)
			continue;
		for (size_t i = MODE_PRIVATE; i < ARRAY_SIZE(kernel_modes); i++) {
			if (kernel_modes[i] == mnl_attr_get_u32(attr))
				dev->mode = (enum dev_mode)i;
		}
	}
}

static void put_mode(struct nlmsghdr *nlh, enum dev_mode mode)
{
	struct nlattr *info = mnl_attr_nest_start(nlh, IFLA_LINKINFO), *data;

	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, dev_macvtap.kind_name);
	data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	mnl_attr_put_u32(nlh, IFLA_MACVLAN_MODE, kernel_modes[mode]);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
}

/* The host resolves no addresses on it, and answers for none while no guest does; the flag stays
 * when the device is moved to another namespace, where IPv6 is whatever it is there. A guest's own
 * frames are not touched. */
static void put_noarp(struct nlmsghdr *nlh)
{
	struct ifinfomsg *ifm = mnl_nlmsg_get_payload(nlh);

	ifm->ifi_flags |= IFF_NOARP;
	ifm->ifi_change |= IFF_NOARP;
}

static void put_create(struct nl *nl, const struct dev_plan *plan)
{
	struct nlmsghdr *nlh =
		nl_link_msg(nl, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, plan->ifindex);

	dev_put_allmulti(nlh);
	put_noarp(nlh);
	mnl_attr_put_strz(nlh, IFLA_IFNAME, plan->name);
	mnl_attr_put_u32(nlh, IFLA_LINK, (uint32_t)plan->link->ifindex);
	/* A given address is final: udev leaves it alone (addr_assign_type). */
	mnl_attr_put(nlh, IFLA_ADDRESS, 6, plan->guest.b);
	if (plan->mtu)
		mnl_attr_put_u32(nlh, IFLA_MTU, plan->mtu);
	if (plan->queues > 1) {
		mnl_attr_put_u32(nlh, IFLA_NUM_TX_QUEUES, plan->queues);
		mnl_attr_put_u32(nlh, IFLA_NUM_RX_QUEUES, plan->queues);
	}
	if (plan->group)
		mnl_attr_put_u32(nlh, IFLA_GROUP, plan->group);
	if (plan->nsfd >= 0)
		mnl_attr_put_u32(nlh, IFLA_NET_NS_FD, (uint32_t)plan->nsfd);
	put_mode(nlh, plan->mode);
}

/* Whatever of a failed send did happen is undone. */
static void unmake(struct nl *nl, int ifindex)
{
	struct dev dev = { .ifindex = ifindex, .name = "half a device", .netnsid = -1 };

	dev_delete(nl, &dev);
}

/* A passthru device is born with the lower device's address, whatever was asked for; and that
 * may be another one by now than when we looked. */
static void put_passthru_mac(struct nl *nl, const struct dev_plan *plan)
{
	struct nlmsghdr *nlh;

	if (plan->mode != MODE_PASSTHRU || !plan->asked_mac)
		return;
	nlh = nl_link_msg(nl, RTM_SETLINK, 0, plan->ifindex);
	mnl_attr_put(nlh, IFLA_ADDRESS, 6, plan->guest.b);
	nl_quiet(nl);
	nl_next(nl);
}

static int make(struct nl *nl, struct nl *inner, const struct dev_plan *plan, const char *altname,
		struct dev *dev, int *fd)
{
	struct nl *own = inner ? inner : nl;
	char what[96];

	(void)fd;
	snprintf(what, sizeof(what), "cannot create macvtap %s on %s", plan->name,
		 plan->link->name);
	put_create(nl, plan);
	if (inner) {
		/* The creation is asked at home, where the lower device is. */
		if (nl_talk(nl, NULL, NULL, "%s", what) < 0)
			return fail_code();
	} else {
		nl_quiet(nl);
		nl_next(nl);
	}
	put_passthru_mac(own, plan);
	dev_put_dress(own, plan->ifindex, altname, true);
	if (dev_finish(own, plan->ifindex, dev, what) == 0)
		return 0;
	if (inner || own->failed > 0)
		unmake(own, plan->ifindex);
	return fail_code();
}

struct crowd {
	int link;
	char any[IFNAMSIZ];   /* a macvlan or macvtap on the lower device */
	char taker[IFNAMSIZ]; /* one that has it whole (passthru) */
	char ipvlan[IFNAMSIZ];
};

static int look_at(const struct dev *dev, void *arg)
{
	struct crowd *crowd = arg;
	bool macvlan = streq(dev->kind_name, "macvtap") || streq(dev->kind_name, "macvlan");

	if (dev->link != crowd->link || !dev_link_is_home(dev))
		return 0;
	if (macvlan)
		memcpy(crowd->any, dev->name, IFNAMSIZ);
	if (macvlan && dev->mode == MODE_PASSTHRU)
		memcpy(crowd->taker, dev->name, IFNAMSIZ);
	if (streq(dev->kind_name, "ipvlan") || streq(dev->kind_name, "ipvtap"))
		memcpy(crowd->ipvlan, dev->name, IFNAMSIZ);
	return 0;
}

static int explain_busy(struct nl *nl, const struct dev *lower, const struct crowd *crowd)
{
	struct dev master;

	if (lower->master && dev_get_index(nl, -1, lower->master, &master) == 0) {
		if (streq(master.kind_name, "bridge"))
			return fail_hint("%s is a port of bridge %s: use 'link %s'", lower->name,
					 master.name, master.name);
		return fail_hint("%s belongs to %s %s: use 'link %s'", lower->name,
				 master.kind_name, master.name, master.name);
	}
	if (crowd->ipvlan[0])
		return fail_hint("%s carries ipvlan %s, which excludes macvtaps", lower->name,
				 crowd->ipvlan);
	return fail_hint("%s is in use by a bridge, a bond or a switch", lower->name);
}

static int explain(struct nl *nl, const struct dev_plan *plan, const struct dev *hidden)
{
	struct crowd crowd = { .link = plan->link->ifindex };
	const struct dev *lower = plan->link;
	int err = fail_errnum(), code = fail_code();

	if (err == EOPNOTSUPP)
		return fail_hint("this kernel has no macvtap: 'modprobe macvtap', or a kernel with "
				 "CONFIG_MACVTAP");
	if (err != EEXIST && err != EPERM &&
	    (lower->flags & IFF_LOOPBACK || lower->arphrd != ARPHRD_ETHER))
		return fail_hint("%s is no Ethernet device", lower->name);
	if (err != EBUSY && err != EINVAL && err != EADDRINUSE)
		return code;
	if (hidden && hidden->ifindex)
		look_at(hidden, &crowd);
	if (dev_each(nl, NULL, -1, look_at, &crowd) < 0)
		return code;
	if (err == EBUSY)
		return explain_busy(nl, lower, &crowd);
	if (plan->mode == MODE_PASSTHRU && crowd.any[0])
		return fail_hint("passthru: %s already carries %s", lower->name, crowd.any);
	if (crowd.taker[0])
		return fail_hint("%s has %s whole (passthru)", crowd.taker, lower->name);
	if (plan->mtu > lower->mtu)
		return fail_hint("mtu %u is more than the %u of %s", plan->mtu, lower->mtu,
				 lower->name);
	return code;
}

static int open_queue(const struct dev *dev, int id, uint32_t queues)
{
	auto_close int fd = -1;
	struct tapfd_info info;
	dev_t number;

	if (tapfd_node_number(id, &number) < 0)
		return fail_code();
	fd = tapfd_open_node(number, dev->ifindex);
	if (fd < 0)
		return fd;
	if (tapfd_set_flags(fd, queues > 1) < 0 || tapfd_ask(fd, &info) < 0)
		return fail_code();
	if (!streq(info.name, dev->name))
		return fail_refuse("cannot open %s: its node leads to %s", dev->name, info.name);
	return steal_fd(&fd);
}

static int set_mode(struct nl *nl, const struct dev *dev, enum dev_mode mode)
{
	struct nlmsghdr *nlh;

	if ((dev->mode == MODE_PASSTHRU) != (mode == MODE_PASSTHRU))
		return fail_refuse(
			"cannot set mode %s of %s: passthru cannot be entered or left on "
			"a live device: destroy and create it again",
			dev_mode_word(mode), dev->name);
	nlh = nl_link_msg(nl, RTM_NEWLINK, 0, dev->ifindex);
	put_mode(nlh, mode);
	return nl_talk(nl, NULL, NULL, "cannot set mode %s of %s", dev_mode_word(mode), dev->name);
}

const struct dev_kind dev_macvtap = {
	.word = "macvtap",
	.kind_name = "macvtap",
	.has_node = true,
	.default_mode = default_mode,
	.mode_flaw = mode_flaw,
	.parse = parse,
	.make = make,
	.explain = explain,
	.open = open_queue,
	.set_mode = set_mode,
};
