// SPDX-License-Identifier: GPL-2.0-or-later
/* tap: a device that lives by its descriptor (drivers/net/tun.c), alone or as a
 * port of a bridge. It is made through /dev/net/tun, dressed through rtnetlink,
 * and made persistent last, so that until then it dies with us.
 *
 * The guest must not use the tap's own MAC, or the bridge would take the guest's frames
 * for the host's: the tap has the guest's with 0xfe as first byte. */
#include <errno.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <unistd.h>

#include "dev_kind.h"
#include "fail.h"
#include "tapfd.h"

static enum dev_mode default_mode(bool on_bridge)
{
	return on_bridge ? MODE_BRIDGE : MODE_NONE;
}

static const char *mode_flaw(enum dev_mode mode, bool on_bridge)
{
	if (mode == MODE_NONE)
		return NULL;
	if (mode != MODE_BRIDGE && mode != MODE_PRIVATE)
		return "a tap has no such mode: bridge or private";
	if (!on_bridge)
		return "a tap has a mode only as a port of a bridge: give it 'link BRIDGE'";
	return NULL;
}

static void parse(const struct nlattr *data, struct dev *dev)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, data) {
		bool u8 = mnl_attr_validate(attr, MNL_TYPE_U8) >= 0;
		bool u32 = mnl_attr_validate(attr, MNL_TYPE_U32) >= 0;

		switch (mnl_attr_get_type(attr)) {
		case IFLA_TUN_TYPE:
			dev->is_tun = u8 && mnl_attr_get_u8(attr) != IFF_TAP;
			break;
		case IFLA_TUN_PERSIST:
			dev->persist = u8 && mnl_attr_get_u8(attr);
			break;
		case IFLA_TUN_PI:
			dev->pi = u8 && mnl_attr_get_u8(attr);
			break;
		case IFLA_TUN_VNET_HDR:
			dev->vnet_hdr = u8 && mnl_attr_get_u8(attr);
			break;
		case IFLA_TUN_MULTI_QUEUE:
			dev->multi_queue = u8 && mnl_attr_get_u8(attr);
			break;
		case IFLA_TUN_NUM_QUEUES:
			dev->tap_queues = u32 ? mnl_attr_get_u32(attr) : 0;
			break;
		case IFLA_TUN_NUM_DISABLED_QUEUES:
			dev->tap_disabled = u32 ? mnl_attr_get_u32(attr) : 0;
			break;
		case IFLA_TUN_OWNER:
			dev->owner = u32 ? mnl_attr_get_u32(attr) : (uid_t)-1;
			break;
		case IFLA_TUN_GROUP:
			dev->owner_group = u32 ? mnl_attr_get_u32(attr) : (gid_t)-1;
			break;
		}
	}
}

static void put_isolated(struct nl *nl, int ifindex, bool isolated)
{
	struct nlmsghdr *nlh = nl_link_msg(nl, RTM_NEWLINK, 0, ifindex);
	struct nlattr *info = mnl_attr_nest_start(nlh, IFLA_LINKINFO), *data;

	mnl_attr_put_strz(nlh, IFLA_INFO_SLAVE_KIND, "bridge");
	data = mnl_attr_nest_start(nlh, IFLA_INFO_SLAVE_DATA);
	mnl_attr_put_u8(nlh, IFLA_BRPORT_ISOLATED, isolated);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
}

static void own_mac(const struct mac *guest, uint8_t mac[6])
{
	memcpy(mac, guest->b, 6);
	mac[0] = 0xfe;
}

/* The address goes first: udev may think that it must choose one itself. */
static int dress(struct nl *nl, const struct dev_plan *plan, const char *altname, struct dev *dev)
{
	/* A port with a smaller MTU would lower the bridge's; it becomes one last of all. */
	uint32_t mtu = plan->mtu ? plan->mtu : plan->link ? plan->link->mtu : 0;
	struct nlmsghdr *nlh = nl_link_msg(nl, RTM_SETLINK, 0, dev->ifindex);
	char what[96];

	dev_put_allmulti(nlh);
	mnl_attr_put(nlh, IFLA_ADDRESS, sizeof(dev->address), dev->address);
	if (mtu)
		mnl_attr_put_u32(nlh, IFLA_MTU, mtu);
	if (plan->link)
		mnl_attr_put_u32(nlh, IFLA_MASTER, (uint32_t)plan->link->ifindex);
	nl_quiet(nl);
	nl_next(nl);
	if (plan->link && plan->mode == MODE_PRIVATE) {
		put_isolated(nl, dev->ifindex, true);
		nl_next(nl);
	}
	/* Alone, it is the host's own end of a cable, which may well have IPv6. */
	dev_put_dress(nl, dev->ifindex, altname, plan->link);
	snprintf(what, sizeof(what), "cannot set up tap %s%s%s", dev->name,
		 plan->link ? " on " : "", plan->link ? plan->link->name : "");
	return dev_finish(nl, dev->ifindex, dev, what);
}

/* A tap without an owner is open to whoever may open /dev/net/tun (tun_not_capable() of
 * drivers/net/tun.c), one with several queues even while a guest has it. */
static int close_to_others(int tap, const struct dev_plan *plan)
{
	if (plan->owner != (uid_t)-1 || plan->owner_group != (gid_t)-1)
		return tapfd_set_owner(tap, plan->owner, plan->owner_group);
	if (tapfd_set_owner(tap, 0, (gid_t)-1) == 0)
		return 0;
	if (fail_errnum() != EINVAL)
		return fail_code();
	/* A user namespace that has no root. */
	fail_clear();
	return tapfd_set_owner(tap, getuid(), (gid_t)-1);
}

/* Until it had an owner, a tap with several queues was open to others. */
static int check_alone(struct nl *nl, const struct dev *dev)
{
	struct dev now;

	if (dev_get_index(nl, -1, dev->ifindex, &now) < 0)
		return fail_code();
	if (now.tap_queues + now.tap_disabled == 1)
		return 0;
	fail_errno(EBUSY, NULL, "cannot create tap %s", dev->name);
	fail_hint("another process opened it as it was made");
	/* It would stay for as long as that has it. */
	fail_hold();
	dev_delete(nl, &now);
	fail_release();
	return fail_code();
}

static int make(struct nl *nl, struct nl *inner, const struct dev_plan *plan, const char *altname,
		struct dev *dev, int *fd)
{
	auto_close int tap = tapfd_make_tap(plan->name, plan->queues > 1);
	struct tapfd_info info;
	uint8_t mac[6];

	(void)inner;
	if (tap < 0)
		return tap;
	if (close_to_others(tap, plan) < 0 || tapfd_ask(tap, &info) < 0)
		return fail_code();
	*dev = (struct dev){ .ifindex = (int)if_nametoindex(info.name) };
	if (!dev->ifindex)
		return fail_sys("cannot find %s", info.name);
	memcpy(dev->name, info.name, sizeof(dev->name));
	own_mac(&plan->guest, mac);
	memcpy(dev->address, mac, 6);
	if ((plan->queues > 1 && check_alone(nl, dev) < 0) || dress(nl, plan, altname, dev) < 0)
		return fail_code();
	if (memcmp(dev->address, mac, 6) != 0 && tapfd_set_mac(tap, info.name, mac) < 0)
		return fail_code();
	memcpy(dev->address, mac, 6);
	*fd = steal_fd(&tap);
	return 0;
}

static int explain(struct nl *nl, const struct dev_plan *plan, const struct dev *hidden)
{
	(void)hidden;
	(void)nl;
	/* BR_MAX_PORTS of the kernel, less the bridge itself. */
	if (fail_errnum() == EXFULL)
		return fail_hint("bridge %s has 1023 ports, and no bridge can have more",
				 plan->link->name);
	return fail_code();
}

static int open_queue(const struct dev *dev, int id, uint32_t queues)
{
	/* A tap is one or the other from birth: the kernel refuses the wrong flag. */
	auto_close int fd = tapfd_open_tap(dev->name, dev->multi_queue);
	struct tapfd_info info;

	(void)id;
	(void)queues;
	if (fd < 0 || tapfd_ask(fd, &info) < 0)
		return fail_code();
	if (!streq(info.name, dev->name))
		return fail_refuse("cannot open %s: the descriptor leads to %s", dev->name,
				   info.name);
	return steal_fd(&fd);
}

static int set_mode(struct nl *nl, const struct dev *dev, enum dev_mode mode)
{
	put_isolated(nl, dev->ifindex, mode == MODE_PRIVATE);
	return nl_talk(nl, NULL, NULL, "cannot set mode %s of %s", dev_mode_word(mode), dev->name);
}

const struct dev_kind dev_tap = {
	.word = "tap",
	.kind_name = "tun",
	.has_node = false,
	.default_mode = default_mode,
	.mode_flaw = mode_flaw,
	.parse = parse,
	.make = make,
	.explain = explain,
	.open = open_queue,
	.set_mode = set_mode,
};
