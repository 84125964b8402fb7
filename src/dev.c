// SPDX-License-Identifier: GPL-2.0-or-later
/* Devices of both kinds: reading what the kernel says, and the steps that are
 * the same for both.
 *
 * Our mark is one alternative name, "vnetctl-UID-GUESTMAC-HOME-RANDOM": only who has
 * CAP_NET_ADMIN can write one, it moves with the device, `ip link` shows it,
 * HOME is the inode of the namespace the device was made from, and the random part
 * makes the name the device's own. */
#include "dev.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <poll.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "dev_kind.h"
#include "fail.h"
#include "netns.h"
#include "priv.h"
#include "tapfd.h"
#include "watch.h"

#define MARK_FORMAT "vnetctl-%u-%02x%02x%02x%02x%02x%02x-%llx-%08x"

static const char digits[] = "0123456789abcdef";

static const struct dev_kind *const kinds[] = { &dev_macvtap, &dev_tap };

static const char *const mode_words[] = {
	[MODE_PRIVATE] = "private",   [MODE_VEPA] = "vepa",	[MODE_BRIDGE] = "bridge",
	[MODE_PASSTHRU] = "passthru", [MODE_SOURCE] = "source",
};

static const struct {
	const char *word;
	enum dev_mode mode;
} mode_aliases[] = {
	{ "veb", MODE_BRIDGE },
	{ "pepa", MODE_PRIVATE },
	{ "passthrough", MODE_PASSTHRU },
};

int dev_home_open(struct dev_home *home)
{
	home->nsfd = netns_self();
	if (home->nsfd < 0)
		return home->nsfd;
	home->inode = netns_inode(home->nsfd);
	if (!home->inode)
		return fail_code();
	return nl_open(&home->nl);
}

void dev_home_close(struct dev_home *home)
{
	nl_close(&home->nl);
	util_close(&home->nsfd);
	util_close(&home->sysfs);
	*home = (struct dev_home)DEV_HOME_INIT;
}

static int need_sysfs(struct dev_home *home)
{
	if (home->sysfs < 0)
		home->sysfs = tapfd_sysfs();
	return home->sysfs;
}

int dev_node_id(struct dev_home *home, const struct dev *dev)
{
	if (need_sysfs(home) < 0)
		return fail_code();
	return tapfd_node_id(home->sysfs, dev->name, dev->ifindex);
}

const struct dev_kind *dev_kind_find(const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (streq(kinds[i]->word, text))
			return kinds[i];
	}
	return NULL;
}

const char *dev_kind_word(const struct dev_kind *kind)
{
	return kind->word;
}

const char *dev_mode_word(enum dev_mode mode)
{
	return mode_words[mode];
}

int dev_mode_value(const char *word, const char *text, void *field)
{
	enum dev_mode *mode = field;

	for (size_t i = 0; i < ARRAY_SIZE(mode_words); i++) {
		if (streq(mode_words[i], text)) {
			*mode = (enum dev_mode)i;
			return 0;
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(mode_aliases); i++) {
		if (streq(mode_aliases[i].word, text)) {
			*mode = mode_aliases[i].mode;
			return 0;
		}
	}
	return fail_usage("%s '%s' is not known: one of private, vepa, bridge, passthru, source",
			  word, text);
}

const char *dev_mode_flaw(const struct dev_kind *kind, enum dev_mode mode, bool on_bridge)
{
	return kind->mode_flaw(mode, on_bridge);
}

enum dev_mode dev_default_mode(const struct dev_kind *kind, bool on_bridge)
{
	return kind->default_mode(on_bridge);
}

bool dev_has_node(const struct dev *dev)
{
	return dev->kind && dev->kind->has_node;
}

bool dev_kind_has_node(const struct dev_kind *kind)
{
	return kind->has_node;
}

void dev_mac_text(const uint8_t mac[6], char text[18])
{
	for (int i = 0; i < 6; i++) {
		text[3 * i] = digits[mac[i] >> 4];
		text[3 * i + 1] = digits[mac[i] & 15];
		text[3 * i + 2] = i < 5 ? ':' : '\0';
	}
}

void dev_guest_of_tap(const uint8_t tap[6], uint8_t guest[6])
{
	memcpy(guest, tap, 6);
	guest[0] = tap[0] == 0x52 ? 0x56 : 0x52;
}

int dev_random_mac(struct mac *mac)
{
	static const uint8_t prefix[3] = { 0x52, 0x54, 0x00 };

	memcpy(mac->b, prefix, 3);
	if (getrandom(mac->b + 3, 3, 0) != 3)
		return fail_sys("cannot get random bytes");
	mac->set = true;
	return 0;
}

/* Reads a number of that base as printf() writes it: of width digits at most, or of
 * exactly so many, and then what stands behind it. */
static bool take_number(const char **s, unsigned base, size_t width, bool exact, char end,
			uint64_t *value)
{
	const char *begin = *s, *digit;
	size_t n;

	*value = 0;
	for (n = 0; n < width && **s && (digit = memchr(digits, **s, base)); n++, ++*s)
		*value = *value * base + (size_t)(digit - digits);
	if (!n || (exact && n != width) || (!exact && n > 1 && *begin == '0') || **s != end)
		return false;
	*s += end != '\0';
	return true;
}

/* Takes maker, guest MAC and birthplace from one of our altnames; anything else that
 * begins with "vnetctl-" is somebody's joke and no mark: there is one way to write each. */
static bool read_mark(const char *altname, struct dev *dev)
{
	static const char prefix[] = "vnetctl-";
	const char *s = altname + sizeof(prefix) - 1;
	uint64_t maker, mac, home, tail;

	if (strncmp(altname, prefix, sizeof(prefix) - 1) != 0 ||
	    !take_number(&s, 10, 10, false, '-', &maker) || maker > UINT32_MAX ||
	    !take_number(&s, 16, 12, true, '-', &mac) ||
	    !take_number(&s, 16, 16, false, '-', &home) ||
	    !take_number(&s, 16, 8, true, '\0', &tail))
		return false;
	memcpy(dev->altname, altname, (size_t)(s - altname) + 1);
	dev->maker = (uid_t)maker;
	dev->born_in = (ino_t)home;
	dev->guest.set = true;
	for (int i = 0; i < 6; i++)
		dev->guest.b[i] = (uint8_t)(mac >> (40 - 8 * i));
	return true;
}

static int new_mark(const struct dev_plan *plan, char altname[DEV_ALTNAME])
{
	const uint8_t *m = plan->guest.b;
	unsigned tail;

	if (getrandom(&tail, sizeof(tail), 0) != sizeof(tail))
		return fail_sys("cannot get random bytes");
	snprintf(altname, DEV_ALTNAME, MARK_FORMAT, getuid(), m[0], m[1], m[2], m[3], m[4], m[5],
		 (unsigned long long)plan->home, tail);
	return 0;
}

static uint32_t u32_of(const struct nlattr *attr)
{
	return mnl_attr_validate(attr, MNL_TYPE_U32) < 0 ? 0 : mnl_attr_get_u32(attr);
}

static uint8_t u8_of(const struct nlattr *attr)
{
	return mnl_attr_validate(attr, MNL_TYPE_U8) < 0 ? 0 : mnl_attr_get_u8(attr);
}

static void copy_text(const struct nlattr *attr, char *text, size_t size)
{
	size_t len;

	if (mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) < 0)
		return;
	len = strnlen(mnl_attr_get_str(attr), size - 1);
	memcpy(text, mnl_attr_get_str(attr), len);
	text[len] = '\0';
}

static void parse_altnames(const struct nlattr *list, struct dev *dev)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, list) {
		if (mnl_attr_get_type(attr) == IFLA_ALT_IFNAME &&
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0 &&
		    read_mark(mnl_attr_get_str(attr), dev))
			return;
	}
}

static void parse_slave(const struct nlattr *data, struct dev *dev)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, data) {
		if (mnl_attr_get_type(attr) == IFLA_BRPORT_ISOLATED)
			dev->isolated = u8_of(attr);
	}
}

static void parse_linkinfo(const struct nlattr *info, struct dev *dev)
{
	const struct nlattr *attr, *data = NULL, *slave = NULL;

	mnl_attr_for_each_nested(attr, info) {
		switch (mnl_attr_get_type(attr)) {
		case IFLA_INFO_KIND:
			copy_text(attr, dev->kind_name, sizeof(dev->kind_name));
			break;
		case IFLA_INFO_DATA:
			data = attr;
			break;
		case IFLA_INFO_SLAVE_KIND:
			copy_text(attr, dev->slave_kind, sizeof(dev->slave_kind));
			break;
		case IFLA_INFO_SLAVE_DATA:
			slave = attr;
			break;
		}
	}
	if (slave && streq(dev->slave_kind, "bridge"))
		parse_slave(slave, dev);
	/* Not ours, but it can be in the way: a macvlan has a macvtap's modes. */
	if (data && streq(dev->kind_name, "macvlan"))
		dev_macvtap.parse(data, dev);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (!streq(kinds[i]->kind_name, dev->kind_name))
			continue;
		dev->kind = kinds[i];
		if (data)
			kinds[i]->parse(data, dev);
	}
}

static void parse_attr(const struct nlattr *attr, struct dev *dev)
{
	switch (mnl_attr_get_type(attr)) {
	case IFLA_IFNAME:
		copy_text(attr, dev->name, sizeof(dev->name));
		break;
	case IFLA_ADDRESS:
		if (mnl_attr_get_payload_len(attr) == 6)
			memcpy(dev->address, mnl_attr_get_payload(attr), 6);
		break;
	case IFLA_MTU:
		dev->mtu = u32_of(attr);
		break;
	case IFLA_TXQLEN:
		dev->txqlen = u32_of(attr);
		break;
	case IFLA_GROUP:
		dev->group = u32_of(attr);
		break;
	case IFLA_NUM_TX_QUEUES:
		dev->tx_queues = u32_of(attr);
		break;
	case IFLA_LINK:
		dev->link = (int)u32_of(attr);
		break;
	case IFLA_LINK_NETNSID:
		dev->link_netnsid = (int32_t)u32_of(attr);
		break;
	case IFLA_MASTER:
		dev->master = (int)u32_of(attr);
		break;
	case IFLA_CARRIER:
		dev->carrier = u8_of(attr);
		break;
	case IFLA_OPERSTATE:
		dev->operstate = u8_of(attr);
		break;
	case IFLA_LINKINFO:
		parse_linkinfo(attr, dev);
		break;
	case IFLA_PROP_LIST:
		parse_altnames(attr, dev);
		break;
	}
}

static void parse(const struct nlmsghdr *nlh, int32_t netnsid, struct dev *dev)
{
	const struct ifinfomsg *ifm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr;

	memset(dev, 0, sizeof(*dev));
	dev->link_netnsid = -1;
	dev->netnsid = netnsid;
	dev->owner = (uid_t)-1;
	dev->owner_group = (gid_t)-1;
	dev->ifindex = ifm->ifi_index;
	dev->flags = ifm->ifi_flags;
	dev->arphrd = ifm->ifi_type;
	mnl_attr_for_each(attr, nlh, sizeof(*ifm))
		parse_attr(attr, dev);
	if (dev->is_tun) {
		dev->kind = NULL;
		return;
	}
	if (dev->kind == &dev_tap) {
		if (!dev->guest.set)
			dev_guest_of_tap(dev->address, dev->guest.b);
		if (dev_is_port(dev))
			dev->mode = dev->isolated ? MODE_PRIVATE : MODE_BRIDGE;
	} else {
		memcpy(dev->guest.b, dev->address, 6);
	}
	dev->guest.set = true;
}

/* Learns the id that home has for itself, if it has one yet. From inside a lifeline the kernel
 * calls home by it, and gives it with the first answer that needs it. */
static int learn_self(struct nl *nl)
{
	auto_close int self = -1;

	if (nl->has_self)
		return 0;
	self = netns_self();
	if (self < 0 || nl_nsid_get(nl, self, &nl->self) < 0)
		return fail_code();
	nl->has_self = nl->self >= 0;
	return 0;
}

static bool is_self(const struct nl *nl, int32_t nsid)
{
	return nl->has_self && nl->self == nsid;
}

struct get {
	struct dev *dev;
	int32_t netnsid;
};

static int store(const struct nlmsghdr *nlh, void *arg)
{
	struct get *get = arg;

	if (nlh->nlmsg_type == RTM_NEWLINK &&
	    mnl_nlmsg_get_payload_len(nlh) >= sizeof(struct ifinfomsg))
		parse(nlh, get->netnsid, get->dev);
	return 0;
}

/* Statistics are two thirds of an answer, and we never look at them. */
static struct nlmsghdr *get_msg(struct nl *nl, int ifindex, int32_t netnsid)
{
	struct nlmsghdr *nlh = nl_link_msg(nl, RTM_GETLINK, 0, ifindex);

	nl_quiet(nl);
	mnl_attr_put_u32(nlh, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	if (netnsid >= 0)
		mnl_attr_put_u32(nlh, IFLA_TARGET_NETNSID, (uint32_t)netnsid);
	return nlh;
}

static int place_link(struct nl *nl, struct dev *dev)
{
	if (dev->netnsid < 0 || dev->link_netnsid < 0)
		return 0;
	if (learn_self(nl) < 0)
		return fail_code();
	dev->link_home = is_self(nl, dev->link_netnsid);
	return 0;
}

int dev_get(struct nl *nl, int32_t netnsid, const char *name, struct dev *dev)
{
	struct get get = { dev, netnsid };
	size_t len = strlen(name);
	struct nlmsghdr *nlh;

	/* No device has such a name, and no message has room for any. */
	if (!len || len >= DEV_ALTNAME || strchr(name, '/'))
		return fail_errno(ENODEV, NULL, "cannot find '%.200s'", name);
	nlh = get_msg(nl, 0, netnsid);
	mnl_attr_put_strz(nlh, len < IFNAMSIZ ? IFLA_IFNAME : IFLA_ALT_IFNAME, name);
	if (nl_talk(nl, store, &get, "cannot find %s", name) < 0)
		return fail_code();
	return place_link(nl, dev);
}

bool dev_is_mine(const struct dev *dev)
{
	return priv_is_own() || (dev->altname[0] && dev->maker == getuid());
}

int dev_check_kind(const struct dev *dev)
{
	if (dev->kind)
		return 0;
	return fail_refuse("%s is no macvtap and no tap, but %s%s: vnetctl leaves it alone",
			   dev->name, dev->kind_name[0] ? "a " : "another device",
			   dev->is_tun ? "tun without Ethernet" : dev->kind_name);
}

int dev_get_index(struct nl *nl, int32_t netnsid, int ifindex, struct dev *dev)
{
	struct get get = { dev, netnsid };

	get_msg(nl, ifindex, netnsid);
	if (nl_talk(nl, store, &get, "cannot find the device with index %d", ifindex) < 0)
		return fail_code();
	return place_link(nl, dev);
}

struct each {
	struct nl *nl;
	bool may_ask; /* on nl */
	dev_cb *cb;
	void *arg;
	int32_t netnsid;
};

static int each_one(const struct nlmsghdr *nlh, void *arg)
{
	struct each *each = arg;
	struct dev dev;

	if (nlh->nlmsg_type != RTM_NEWLINK ||
	    mnl_nlmsg_get_payload_len(nlh) < sizeof(struct ifinfomsg))
		return 0;
	parse(nlh, each->netnsid, &dev);
	if (each->may_ask && place_link(each->nl, &dev) < 0)
		return fail_code();
	dev.link_home = is_self(each->nl, dev.link_netnsid);
	return each->cb(&dev, each->arg);
}

int dev_each(struct nl *nl, const char *kind_name, int32_t netnsid, dev_cb *cb, void *arg)
{
	struct each each = { nl, true, cb, arg, netnsid };
	struct nlmsghdr *nlh = get_msg(nl, 0, netnsid);

	if (kind_name) {
		struct nlattr *info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);

		mnl_attr_put_strz(nlh, IFLA_INFO_KIND, kind_name);
		mnl_attr_nest_end(nlh, info);
	}
	return nl_dump(nl, each_one, &each, "cannot list devices");
}

int dev_look(struct nl *nl, int32_t netnsid, int ifindex, dev_cb *cb, void *arg)
{
	struct each each = { nl, false, cb, arg, netnsid };

	if (netnsid >= 0 && learn_self(nl) < 0)
		return fail_code();
	get_msg(nl, ifindex, netnsid);
	return nl_talk(nl, each_one, &each, "cannot find the device with index %d", ifindex);
}

/* Too long to be kept in a struct dev, and copies of that outlive the message. */
static const struct nlattr *said_now(const struct nl *nl, uint16_t type)
{
	const struct nlattr *attr, *found = NULL;

	if (!nl->now)
		return NULL;
	mnl_attr_for_each(attr, nl->now, sizeof(struct ifinfomsg)) {
		if (mnl_attr_get_type(attr) == type)
			found = attr;
	}
	return found;
}

void dev_each_altname(const struct nl *nl, void (*cb)(const char *altname, void *arg), void *arg)
{
	const struct nlattr *attr, *list = said_now(nl, IFLA_PROP_LIST);

	if (!list)
		return;
	mnl_attr_for_each_nested(attr, list) {
		if (mnl_attr_get_type(attr) == IFLA_ALT_IFNAME &&
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
			cb(mnl_attr_get_str(attr), arg);
	}
}

void dev_alias(const struct nl *nl, char text[256])
{
	const struct nlattr *attr = said_now(nl, IFLA_IFALIAS);

	text[0] = '\0';
	if (attr)
		copy_text(attr, text, 256);
}

/* From 2^20 to 2^24: clear of the kernel's own small numbers, and of 24 bits, which is what a
 * lifeline's id has room for. */
int dev_random_index(int *ifindex)
{
	uint32_t r;

	if (getrandom(&r, sizeof(r), 0) != sizeof(r))
		return fail_sys("cannot get random bytes");
	*ifindex = (int)((1U << 20) + r % ((1U << 24) - (1U << 20)));
	return 0;
}

void dev_put_dress(struct nl *nl, int ifindex, const char *altname, bool quiet)
{
	struct nlmsghdr *nlh = nl_link_msg(nl, RTM_NEWLINKPROP, NLM_F_CREATE | NLM_F_EXCL, ifindex);
	struct nlattr *nest = mnl_attr_nest_start(nlh, IFLA_PROP_LIST), *inet6;

	mnl_attr_put_strz(nlh, IFLA_ALT_IFNAME, altname);
	mnl_attr_nest_end(nlh, nest);
	nl_quiet(nl);
	nl_next(nl);
	if (!quiet)
		return;

	/* In a message of its own: refused where the device can have no IPv6. */
	nlh = nl_link_msg(nl, RTM_SETLINK, 0, ifindex);
	nl_lenient(nl);
	nest = mnl_attr_nest_start(nlh, IFLA_AF_SPEC);
	inet6 = mnl_attr_nest_start(nlh, AF_INET6);
	mnl_attr_put_u8(nlh, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(nlh, inet6);
	mnl_attr_nest_end(nlh, nest);
	nl_quiet(nl);
	nl_next(nl);
}

void dev_put_allmulti(struct nlmsghdr *nlh)
{
	struct ifinfomsg *ifm = mnl_nlmsg_get_payload(nlh);

	ifm->ifi_flags = ifm->ifi_change = IFF_ALLMULTI;
}

int dev_finish(struct nl *nl, int ifindex, struct dev *dev, const char *what)
{
	struct get get = { dev, -1 };

	get_msg(nl, ifindex, -1);
	return nl_talk(nl, store, &get, "%s", what);
}

/* In the namespace that we are in. Looks before it writes: in a container /proc/sys can
 * be read-only, and the default be 1. No IPv6 in this kernel is no failure. */
static int disable_ipv6(const char *name)
{
	char path[64], now = '0';

	/* These are the switches of all devices. A device can be called so, by renaming. */
	if (streq(name, "all") || streq(name, "default"))
		return fail_refuse("cannot keep the host's IPv6 off a device called %s", name);
	snprintf(path, sizeof(path), "net/ipv6/conf/%s/disable_ipv6", name);
	auto_close int look = netns_open_sysctl(path, O_RDONLY);

	if (look < 0 && errno == ENOENT)
		return 0;
	if (look >= 0 && read(look, &now, 1) == 1 && now == '1')
		return 0;
	auto_close int fd = netns_open_sysctl(path, O_WRONLY);
	/* The kernel judges the writer once more. */
	auto_power struct power power = priv_raise(POWER(CAP_NET_ADMIN));

	if (fd >= 0 && write(fd, "1", 1) == 1)
		return 0;
	fail_sys("cannot keep the host's IPv6 off %s (/proc/sys/%s)", name, path);
	if (fail_errnum() == EROFS)
		fail_hint("/proc/sys is read-only here: start the container with --sysctl "
			  "net.ipv6.conf.default.disable_ipv6=1, or with /proc/sys writable "
			  "(podman: --security-opt unmask=/proc/sys, docker: --security-opt "
			  "systempaths=unconfined)");
	return fail_code();
}

/* Persistence is what a tap gets last: until then it dies with us. */
int dev_make(struct nl *nl, struct nl *inner, const struct dev_plan *plan, struct dev *dev, int *fd)
{
	char altname[DEV_ALTNAME];

	*fd = -1;
	if (new_mark(plan, altname) < 0 || plan->kind->make(nl, inner, plan, altname, dev, fd) < 0)
		return fail_code();
	/* A tap alone is the host's own end of a cable. */
	if ((!plan->link || disable_ipv6(dev->name) == 0) &&
	    (*fd < 0 || !plan->persist || tapfd_set_persist(*fd, true) == 0))
		return 0;
	if (*fd >= 0)
		close(steal_fd(fd));
	else
		dev_delete(inner ? inner : nl, dev);
	return fail_code();
}

static void put_up(struct nl *nl, int ifindex, bool up)
{
	struct ifinfomsg *ifm = mnl_nlmsg_get_payload(nl_link_msg(nl, RTM_SETLINK, 0, ifindex));

	ifm->ifi_flags = up ? IFF_UP : 0;
	ifm->ifi_change = IFF_UP;
}

int dev_explain_make(struct nl *nl, const struct dev_plan *plan, const struct dev *hidden)
{
	if (fail_errnum() == EEXIST) {
		struct dev dev = { .kind = NULL };
		int code = fail_code();

		/* The record stays: a failed look only leaves the hint out. */
		if (dev_get(nl, -1, plan->name, &dev) == 0)
			dev.kind ? fail_hint("choose another name, or 'vnetctl destroy %s'",
					     plan->name) :
				   fail_hint("choose another name");
		return code;
	}
	return plan->kind->explain(nl, plan, hidden);
}

struct rival {
	const struct dev *dev;
	char name[IFNAMSIZ];
};

static int same_mac(const struct dev *other, void *arg)
{
	struct rival *rival = arg;

	/* Down, it has not taken its address yet; nor has another kind, say a VLAN. */
	if (other->ifindex == rival->dev->ifindex || !(other->flags & IFF_UP) ||
	    memcmp(other->address, rival->dev->address, 6) != 0)
		return 0;
	if ((other->netnsid < 0 && other->ifindex == rival->dev->link) ||
	    ((other->kind == &dev_macvtap || streq(other->kind_name, "macvlan")) &&
	     dev_is_on(other, rival->dev->link)))
		memcpy(rival->name, other->name, IFNAMSIZ);
	return 0;
}

int dev_explain_up(struct nl *nl, const struct dev *dev, const struct dev *hidden)
{
	int err = fail_errnum(), code = fail_code();
	struct rival rival = { .dev = dev };
	struct dev lower;

	if (!dev->link || dev->link_netnsid >= 0)
		return code;
	if (err == ENETDOWN && dev_get_index(nl, -1, dev->link, &lower) == 0)
		return fail_hint("%s is down: 'ip link set %s up' first", lower.name, lower.name);
	if (err != EADDRINUSE && err != EBUSY)
		return code;
	if (hidden && hidden->ifindex)
		same_mac(hidden, &rival);
	if (dev_each(nl, NULL, -1, same_mac, &rival) == 0 && rival.name[0] &&
	    dev_get_index(nl, -1, dev->link, &lower) == 0) {
		char mac[18];

		dev_mac_text(dev->address, mac);
		return fail_hint("%s is already used by %s on %s", mac, rival.name, lower.name);
	}
	return code;
}

bool dev_link_is_home(const struct dev *dev)
{
	return dev->netnsid < 0 ? dev->link_netnsid < 0 : dev->link_home;
}

bool dev_is_macvlan(const struct dev *dev)
{
	return streq(dev->kind_name, "macvlan") || streq(dev->kind_name, "macvtap");
}

bool dev_is_port(const struct dev *dev)
{
	return dev->master && streq(dev->slave_kind, "bridge");
}

bool dev_is_on(const struct dev *dev, int link)
{
	return (dev_link_is_home(dev) && dev->link == link) ||
	       (dev->netnsid < 0 && dev_is_port(dev) && dev->master == link);
}

int dev_open(const struct dev *dev, int id, uint32_t queues)
{
	return dev->kind->open(dev, id, queues);
}

bool dev_is_wireless(struct dev_home *home, const struct dev *link)
{
	if (link->kind_name[0])
		return false;
	if (need_sysfs(home) < 0) {
		fail_clear();
		return false;
	}
	return tapfd_has_attribute(home->sysfs, link->name, "phy80211");
}

int dev_set_address(struct nl *nl, struct dev *dev, const uint8_t mac[6])
{
	mnl_attr_put(nl_link_msg(nl, RTM_SETLINK, 0, dev->ifindex), IFLA_ADDRESS, 6, mac);
	if (nl_talk(nl, NULL, NULL, "cannot set the address of %s", dev->name) < 0)
		return fail_code();
	memcpy(dev->address, mac, 6);
	memcpy(dev->guest.b, mac, 6);
	return 0;
}

int dev_set_mode(struct nl *nl, const struct dev *dev, enum dev_mode mode)
{
	return dev->kind->set_mode(nl, dev, mode);
}

int dev_change(struct nl *nl, const struct dev *dev, const struct dev_change *change)
{
	if (change->set_up) {
		put_up(nl, dev->ifindex, change->up);
		if (change->set_group)
			nl_next(nl);
	}
	if (change->set_group) {
		struct nlmsghdr *nlh = nl_link_msg(nl, RTM_SETLINK, 0, dev->ifindex);

		mnl_attr_put_u32(nlh, IFLA_GROUP, change->group);
	}
	return nl_talk(nl, NULL, NULL, "cannot %s %s",
		       !change->set_up ? "mark" :
		       change->up      ? "bring up" :
					 "bring down",
		       dev->name);
}

int dev_delete(struct nl *nl, const struct dev *dev)
{
	struct nlmsghdr *nlh = nl_link_msg(nl, RTM_DELLINK, 0, dev->ifindex);

	if (dev->netnsid >= 0)
		mnl_attr_put_u32(nlh, IFLA_TARGET_NETNSID, (uint32_t)dev->netnsid);
	return nl_talk(nl, NULL, NULL, "cannot remove %s", dev->name);
}

struct marking {
	const struct dev *devs;
	size_t base; /* of the first message in the send */
	dev_failed *failed;
	void *arg;
	int err; /* of the removal itself */
	size_t n;
};

static void marking_failed(uint32_t i, int err, const char *words, void *arg)
{
	struct marking *m = arg;

	(void)words;
	if (m->base + i < m->n)
		m->failed(&m->devs[m->base + i], err, m->arg);
	else
		m->err = err;
}

int dev_delete_many(struct nl *nl, const struct dev *devs, size_t n, uint32_t group,
		    dev_failed *failed, void *arg)
{
	struct marking m = { .devs = devs, .failed = failed, .arg = arg, .n = n };
	struct nlmsghdr *nlh;
	int r = 0;

	nl->error = marking_failed;
	nl->error_arg = &m; /* cppcheck-suppress autoVariables ; unset below */
	for (size_t i = 0; r == 0 && i < n; i++) {
		nlh = nl_link_msg(nl, RTM_SETLINK, 0, devs[i].ifindex);
		mnl_attr_put_u32(nlh, IFLA_GROUP, group);
		if (nl_fits(nl, 256)) {
			nl_quiet(nl);
			nl_next(nl);
			continue;
		}
		r = nl_talk(nl, NULL, NULL, "cannot mark devices for removal");
		m.base = i + 1;
	}
	if (r == 0) {
		nlh = nl_link_msg(nl, RTM_DELLINK, 0, 0);
		mnl_attr_put_u32(nlh, IFLA_GROUP, group);
		r = nl_talk(nl, NULL, NULL, "cannot remove devices");
	}
	nl->error = NULL;
	nl->error_arg = NULL;
	/* An empty group: none could be marked, which was told. */
	if (r == 0 && m.err && m.err != ENODEV)
		r = fail_errno(m.err, NULL, "cannot remove devices");
	return r;
}
