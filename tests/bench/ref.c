// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ref - the kernel's limit: the least calls that do the same job
 *
 *	ref create N LINK [quiet] [up]	macvtaps vm0 to vmN-1 in mode bridge, many
 *				messages a send. With quiet they are what vnetctl
 *				makes: marked by an alternative name, all multicast,
 *				no address of the host's
 *	ref group N		puts every macvtap into that group, many in a send
 *	ref del-group N		deletes the group, in one message
 *	ref del DEV		deletes one
 *	ref dump KIND		reads all devices of the kind; prints nothing
 *	ref watched LINK DEV CMD...	makes a quiet macvtap, opens it through a lifeline,
 *				starts a watcher, becomes CMD
 *	ref fd LINK DEV CMD...	the same with the device inside the lifeline
 *	ref tap BRIDGE DEV CMD...	makes a quiet tap on the bridge, becomes CMD
 *
 * Nothing is looked up that the job does not need, nothing is checked twice, and no
 * names, owners, modes or clashes are judged: that is what vnetctl does on top.
 */
#include "bench.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_addr.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

static struct nl nl;

static uint32_t random32(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint32_t)ts.tv_nsec * UINT32_C(2654435761) ^ (uint32_t)getpid();
}

static int index_of(const char *name)
{
	struct ifreq ifr = { .ifr_ifindex = 0 };

	snprintf(ifr.ifr_name, IFNAMSIZ, "%s", name);
	if (ioctl(nl.fd, SIOCGIFINDEX, &ifr) < 0)
		die("%s", name);
	return ifr.ifr_ifindex;
}

static void put_kind(struct nlmsghdr *nlh)
{
	struct nlattr *info = mnl_attr_nest_start(nlh, IFLA_LINKINFO), *data;

	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "macvtap");
	data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	mnl_attr_put_u32(nlh, IFLA_MACVLAN_MODE, MACVLAN_MODE_BRIDGE);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
}

/* allmulti goes with the creation: flags are honoured there. */
static struct nlmsghdr *put_create(int ifindex, int link, const char *name, uint32_t i,
				   bool quiet)
{
	const uint8_t mac[6] = { 0x52, 0x54, 0, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i };
	struct nlmsghdr *nlh = nl_link(&nl, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, ifindex);
	struct ifinfomsg *ifm = mnl_nlmsg_get_payload(nlh);

	if (quiet)
		ifm->ifi_flags = ifm->ifi_change = IFF_ALLMULTI;
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	mnl_attr_put_u32(nlh, IFLA_LINK, (uint32_t)link);
	mnl_attr_put(nlh, IFLA_ADDRESS, 6, mac);
	put_kind(nlh);
	return nlh;
}

static struct nlmsghdr *put_altname(struct nl *own, int ifindex, uint32_t i)
{
	struct nlmsghdr *nlh =
		nl_link(own, RTM_NEWLINKPROP, NLM_F_CREATE | NLM_F_EXCL, ifindex);
	struct nlattr *nest = mnl_attr_nest_start(nlh, IFLA_PROP_LIST);
	char altname[64];

	snprintf(altname, sizeof(altname), "ref-0-5254%08x-f0000000-%08x", i, (unsigned)ifindex);
	mnl_attr_put_strz(nlh, IFLA_ALT_IFNAME, altname);
	mnl_attr_nest_end(nlh, nest);
	return nlh;
}

/* It may answer EAFNOSUPPORT. */
static struct nlmsghdr *put_no_addr(struct nl *own, int ifindex)
{
	struct nlmsghdr *nlh = nl_link(own, RTM_SETLINK, 0, ifindex);
	struct nlattr *nest = mnl_attr_nest_start(nlh, IFLA_AF_SPEC), *inet6;

	inet6 = mnl_attr_nest_start(nlh, AF_INET6);
	mnl_attr_put_u8(nlh, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(nlh, inet6);
	mnl_attr_nest_end(nlh, nest);
	return nlh;
}

static struct nlmsghdr *put_flags(struct nl *own, int ifindex, unsigned flags)
{
	struct nlmsghdr *nlh = nl_link(own, RTM_SETLINK, 0, ifindex);
	struct ifinfomsg *ifm = mnl_nlmsg_get_payload(nlh);

	ifm->ifi_flags = ifm->ifi_change = flags;
	return nlh;
}

static void no_ipv6(const char *name)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return;
	if (fd < 0 || write(fd, "1", 1) != 1)
		die("%s", path);
	close(fd);
}

/* Devices of a send; those of a bare creation need no index of our choice. */
static void flush(struct nlmsghdr *last)
{
	nl_must(&nl, last, "create");
}

static void create_quiet(int n, int link, int base)
{
	struct nlmsghdr *nlh = NULL;
	char name[IFNAMSIZ];

	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "vm%d", i);
		nl_queue(&nl, put_create(base + i, link, name, (uint32_t)i, true));
		nl_queue(&nl, put_altname(&nl, base + i, (uint32_t)i));
		nlh = put_no_addr(&nl, base + i);
		nl_queue(&nl, nlh);
		if (nl_full(&nl) || i == n - 1) {
			nl.used -= MNL_ALIGN(nlh->nlmsg_len);
			flush(nlh);
		}
	}
	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "vm%d", i);
		no_ipv6(name);
	}
}

static void create_bare(int n, int link, int base)
{
	struct nlmsghdr *nlh = NULL;
	char name[IFNAMSIZ];

	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "vm%d", i);
		nlh = put_create(base + i, link, name, (uint32_t)i, false);
		nl_queue(&nl, nlh);
		if (nl_full(&nl) || i == n - 1) {
			nl.used -= MNL_ALIGN(nlh->nlmsg_len);
			flush(nlh);
		}
	}
}

static void bring_up(int n, int base)
{
	struct nlmsghdr *nlh = NULL;

	for (int i = 0; i < n; i++) {
		nlh = put_flags(&nl, base + i, IFF_UP);
		nl_queue(&nl, nlh);
		if (nl_full(&nl) || i == n - 1) {
			nl.used -= MNL_ALIGN(nlh->nlmsg_len);
			nl_must(&nl, nlh, "up");
		}
	}
}

static int create(int argc, char **argv)
{
	bool quiet = false, up = false;
	int n = atoi(argv[0]), link = index_of(argv[1]), base = 1 << 20;

	for (int i = 2; i < argc; i++) {
		quiet |= !strcmp(argv[i], "quiet");
		up |= !strcmp(argv[i], "up");
	}
	if (quiet)
		create_quiet(n, link, base);
	else
		create_bare(n, link, base);
	if (up)
		bring_up(n, base);
	return 0;
}

static struct nlmsghdr *put_dump(const char *kind)
{
	struct nlmsghdr *nlh = nl_link(&nl, RTM_GETLINK, NLM_F_DUMP, 0);
	struct nlattr *info;

	mnl_attr_put_u32(nlh, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, kind);
	mnl_attr_nest_end(nlh, info);
	return nlh;
}

static void dump(const char *kind, void (*cb)(int ifindex, void *arg), void *arg)
{
	nl_queue(&nl, put_dump(kind));
	nl_send(&nl, "dump");
	for (;;) {
		const struct nlmsghdr *in = (const struct nlmsghdr *)nl.rx;
		int len = (int)recv(nl.fd, nl.rx, RX_SIZE, 0);

		if (len < 0)
			die("dump");
		for (; mnl_nlmsg_ok(in, len); in = mnl_nlmsg_next(in, &len)) {
			if (in->nlmsg_type == NLMSG_DONE)
				return;
			if (cb && in->nlmsg_type == RTM_NEWLINK)
				cb(((const struct ifinfomsg *)mnl_nlmsg_get_payload(in))->ifi_index,
				   arg);
		}
	}
}

struct found {
	int index[65536];
	int n;
};

static void take(int ifindex, void *arg)
{
	struct found *found = arg;

	if (found->n < 65536)
		found->index[found->n++] = ifindex;
}

static int group_all(uint32_t group)
{
	static struct found found;
	struct nlmsghdr *nlh;

	dump("macvtap", take, &found);
	for (int i = 0; i < found.n; i++) {
		nlh = nl_link(&nl, RTM_SETLINK, 0, found.index[i]);
		mnl_attr_put_u32(nlh, IFLA_GROUP, group);
		nl_queue(&nl, nlh);
		if (nl_full(&nl) || i == found.n - 1) {
			nl.used -= MNL_ALIGN(nlh->nlmsg_len);
			nl_must(&nl, nlh, "group");
		}
	}
	return 0;
}

static int del_group(uint32_t group)
{
	struct nlmsghdr *nlh = nl_link(&nl, RTM_DELLINK, 0, 0);

	mnl_attr_put_u32(nlh, IFLA_GROUP, group);
	nl_must(&nl, nlh, "del-group");
	return 0;
}

static int del(const char *name)
{
	struct nlmsghdr *nlh = nl_link(&nl, RTM_DELLINK, 0, 0);

	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	nl_must(&nl, nlh, "del");
	return 0;
}

/* A fresh namespace with an id at home; we are in it when this returns. */
static int lifeline(uint32_t *id, int *home)
{
	struct nlmsghdr *nlh;
	int ns;

	*home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (*home < 0 || unshare(CLONE_NEWNET) < 0)
		die("namespace");
	ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (ns < 0)
		die("namespace");
	*id = UINT32_C(0x12000000) | (random32() >> 8);
	nlh = nl_msg(&nl, RTM_NEWNSID, 0, sizeof(struct rtgenmsg));
	mnl_attr_put_u32(nlh, NETNSA_FD, (uint32_t)ns);
	mnl_attr_put_u32(nlh, NETNSA_NSID, *id);
	nl_must(&nl, nlh, "id");
	return ns;
}

static int open_node(int ifindex)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/dev/tap%d", ifindex);
	fd = open(path, O_RDWR);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr) < 0)
		die("%s", path);
	return fd;
}

static int hear(uint32_t id)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_type)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __builtin_bswap16(RTM_DELNSID), 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, MNL_NLMSG_HDRLEN + 4 + MNL_ATTR_HDRLEN),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __builtin_bswap32(id), 0, 1),
		BPF_STMT(BPF_RET | BPF_K, ~0U),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog prog = { sizeof(code) / sizeof(*code), code };
	struct sockaddr_nl sa = { .nl_family = AF_NETLINK };
	int group = RTNLGRP_NSID, fd;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) < 0 ||
	    setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
		die("watch");
	return fd;
}

/* Nobody's child, without the descriptors that it would keep alive. */
static void watch(uint32_t id, int heard, int fd, int ns)
{
	char event[512];
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid > 0) {
		waitpid(pid, NULL, 0);
		return;
	}
	if (fork() != 0)
		_exit(0);
	close(fd);
	close(ns);
	close(0);
	close(1);
	if (recv(heard, event, sizeof(event), 0) < 0)
		_exit(1);
	del_group(id);
	_exit(0);
}

static int become(char **argv)
{
	execvp(argv[0], argv);
	die("%s", argv[0]);
}

static void up(struct nl *own, int ifindex)
{
	nl_queue(own, put_altname(own, ifindex, 0));
	nl_queue(own, put_no_addr(own, ifindex));
	nl_must(own, put_flags(own, ifindex, IFF_UP), "up");
}

/* At home. IPv6 goes off before the device is up, but while we are at home. */
static int open_watched(const char *lower, const char *name, char **argv)
{
	int link = index_of(lower), ifindex = (int)(1 << 20 | random32() >> 12);
	int ns, home, fd;
	struct nlmsghdr *nlh;
	uint32_t id;

	ns = lifeline(&id, &home);
	nlh = put_create(ifindex, link, name, random32() >> 8, true);
	mnl_attr_put_u32(nlh, IFLA_GROUP, id);
	nl_must(&nl, nlh, "create");
	fd = open_node(ifindex);
	if (setns(home, CLONE_NEWNET) < 0)
		die("namespace");
	no_ipv6(name);
	watch(id, hear(id), fd, ns);
	up(&nl, ifindex);
	return become(argv);
}

/* Inside: nobody need watch. */
static int open_fd(const char *lower, const char *name, char **argv)
{
	int link = index_of(lower), ifindex = (int)(1 << 20 | random32() >> 12);
	struct nlmsghdr *nlh;
	struct nl inner;
	int ns, home;
	uint32_t id;

	ns = lifeline(&id, &home);
	nl_open(&inner);
	nlh = put_create(ifindex, link, name, random32() >> 8, true);
	mnl_attr_put_u32(nlh, IFLA_NET_NS_FD, (uint32_t)ns);
	nl_must(&nl, nlh, "create");
	no_ipv6(name);
	open_node(ifindex);
	up(&inner, ifindex);
	if (setns(home, CLONE_NEWNET) < 0)
		die("namespace");
	return become(argv);
}

static int open_tap(const char *bridge, const char *name, char **argv)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_TUN_EXCL };
	const uint8_t mac[6] = { 0xfe, 0x54, 0, 1, 2, 3 };
	int link = index_of(bridge), ifindex, fd = open("/dev/net/tun", O_RDWR);
	struct nlmsghdr *nlh;

	snprintf(ifr.ifr_name, IFNAMSIZ, "%s", name);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr) < 0)
		die("/dev/net/tun");
	ifindex = index_of(name);
	no_ipv6(name);
	nlh = nl_link(&nl, RTM_SETLINK, 0, ifindex);
	mnl_attr_put(nlh, IFLA_ADDRESS, 6, mac);
	mnl_attr_put_u32(nlh, IFLA_MASTER, (uint32_t)link);
	nl_queue(&nl, nlh);
	nl_queue(&nl, put_altname(&nl, ifindex, 0));
	nl_queue(&nl, put_no_addr(&nl, ifindex));
	nl_must(&nl, put_flags(&nl, ifindex, IFF_UP | IFF_ALLMULTI), "up");
	return become(argv);
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	program = argv[0];
	nl_open(&nl);
	if (!strcmp(verb, "create") && argc >= 4)
		return create(argc - 2, argv + 2);
	if (!strcmp(verb, "group") && argc == 3)
		return group_all((uint32_t)atoi(argv[2]));
	if (!strcmp(verb, "del-group") && argc == 3)
		return del_group((uint32_t)atoi(argv[2]));
	if (!strcmp(verb, "del") && argc == 3)
		return del(argv[2]);
	if (!strcmp(verb, "dump") && argc == 3) {
		dump(argv[2], NULL, NULL);
		return 0;
	}
	if (!strcmp(verb, "watched") && argc >= 5)
		return open_watched(argv[2], argv[3], argv + 4);
	if (!strcmp(verb, "fd") && argc >= 5)
		return open_fd(argv[2], argv[3], argv + 4);
	if (!strcmp(verb, "tap") && argc >= 5)
		return open_tap(argv[2], argv[3], argv + 4);
	fprintf(stderr, "usage: see the head of ref.c\n");
	return 2;
}
