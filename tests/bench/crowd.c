// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * crowd - what a busy host has: many devices that are held, many processes
 *
 *	crowd devices {fd|watched} N LINK BASE ALTNAME
 *		one process that holds N macvtaps v0 to vN-1, each through a lifeline of
 *		its own, inside it or at home. BASE (a number) is what vnetctl's marks
 *		here begin with, ALTNAME what its alternative names do: both are taken
 *		from a device of vnetctl's own
 *	crowd namespaces N
 *		one process that holds N namespaces, which have ids here
 *	crowd processes N FDS macvtap
 *	crowd processes N FDS tap TAPS
 *		N processes with FDS descriptors each, of which one is open on a
 *		macvtap, whose indexes are the first N words of standard input, or is
 *		a queue of one of the taps t0 to tTAPS-1
 *
 * prints "ready" when all is there; all goes when its standard input ends.
 */
#include "bench.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <signal.h>

static struct nl nl;

static void many_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		die("descriptors");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		die("descriptors");
}

static void wait_for_end(void)
{
	char line[256];

	puts("ready");
	fflush(stdout);
	while (read(0, line, sizeof(line)) > 0)
		;
}

static int index_of(const char *name)
{
	struct ifreq ifr = { .ifr_ifindex = 0 };

	snprintf(ifr.ifr_name, IFNAMSIZ, "%s", name);
	if (ioctl(nl.fd, SIOCGIFINDEX, &ifr) < 0)
		die("%s", name);
	return ifr.ifr_ifindex;
}

static void put_id(int ns, uint32_t id)
{
	struct nlmsghdr *nlh = nl_msg(&nl, RTM_NEWNSID, 0, sizeof(struct rtgenmsg));

	mnl_attr_put_u32(nlh, NETNSA_FD, (uint32_t)ns);
	mnl_attr_put_u32(nlh, NETNSA_NSID, id);
	nl_must(&nl, nlh, "id");
}

static void put_device(int i, int ifindex, int link, uint32_t group, int ns)
{
	const uint8_t mac[6] = { 0x52, 0x54, 0, 1, (uint8_t)(i >> 8), (uint8_t)i };
	struct nlmsghdr *nlh = nl_link(&nl, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, ifindex);
	struct ifinfomsg *ifm = mnl_nlmsg_get_payload(nlh);
	struct nlattr *info;
	char name[IFNAMSIZ];

	ifm->ifi_flags = ifm->ifi_change = IFF_ALLMULTI;
	snprintf(name, sizeof(name), "v%d", i);
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	mnl_attr_put_u32(nlh, IFLA_LINK, (uint32_t)link);
	mnl_attr_put(nlh, IFLA_ADDRESS, 6, mac);
	if (group)
		mnl_attr_put_u32(nlh, IFLA_GROUP, group);
	if (ns >= 0)
		mnl_attr_put_u32(nlh, IFLA_NET_NS_FD, (uint32_t)ns);
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "macvtap");
	mnl_attr_nest_end(nlh, info);
	nl_must(&nl, nlh, "create");
}

static void put_altname(struct nl *own, int i, int ifindex, const char *prefix)
{
	struct nlmsghdr *nlh =
		nl_link(own, RTM_NEWLINKPROP, NLM_F_CREATE | NLM_F_EXCL, ifindex);
	struct nlattr *nest = mnl_attr_nest_start(nlh, IFLA_PROP_LIST);
	char altname[128];

	snprintf(altname, sizeof(altname), "%s%08x", prefix, (unsigned)i);
	mnl_attr_put_strz(nlh, IFLA_ALT_IFNAME, altname);
	mnl_attr_nest_end(nlh, nest);
	nl_must(own, nlh, "name");
}

static void one_device(bool inside, int i, int link, uint32_t base, const char *altname, int home)
{
	uint32_t id = base | (uint32_t)i << 1 | inside;
	int ifindex = (1 << 21) + i, ns;
	struct nl inner;
	char path[32];

	if (unshare(CLONE_NEWNET) < 0)
		die("namespace");
	ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (ns < 0)
		die("namespace");
	put_id(ns, id);
	put_device(i, ifindex, link, inside ? 0 : id, inside ? ns : -1);
	if (inside) {
		nl_open(&inner);
		put_altname(&inner, i, ifindex, altname);
		close(inner.fd);
		free(inner.tx);
		free(inner.rx);
	} else {
		put_altname(&nl, i, ifindex, altname);
	}
	snprintf(path, sizeof(path), "/dev/tap%d", ifindex);
	/* Held until the end; the namespace lives by it alone. */
	if (open(path, O_RDWR | O_CLOEXEC) < 0)
		die("%s", path);
	close(ns);
	if (setns(home, CLONE_NEWNET) < 0)
		die("namespace");
}

static int namespaces(int n)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), ns;

	many_descriptors();
	nl_open(&nl);
	for (int i = 0; i < n; i++) {
		if (unshare(CLONE_NEWNET) < 0)
			die("namespace");
		ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
		if (ns < 0 || setns(home, CLONE_NEWNET) < 0)
			die("namespace");
		put_id(ns, 1000 + (uint32_t)i);
	}
	wait_for_end();
	return 0;
}

static int devices(char **argv)
{
	bool inside = !strcmp(argv[0], "fd");
	int n = atoi(argv[1]), link, home;
	uint32_t base = (uint32_t)strtoul(argv[3], NULL, 0);

	many_descriptors();
	nl_open(&nl);
	link = index_of(argv[2]);
	home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	for (int i = 0; i < n; i++)
		one_device(inside, i, link, base, argv[4], home);
	wait_for_end();
	return 0;
}

static void open_macvtap(const char *ifindex)
{
	char path[64];

	snprintf(path, sizeof(path), "/dev/tap%s", ifindex);
	if (open(path, O_RDWR) < 0)
		die("%s", path);
}

static void open_tap(unsigned short i)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE };
	int fd = open("/dev/net/tun", O_RDWR);

	snprintf(ifr.ifr_name, IFNAMSIZ, "t%u", i);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr) < 0)
		die("%s", ifr.ifr_name);
}

/* Of what a VMM has open: files, sockets, pipes, events. Returns how many. */
static int open_some(int i)
{
	int ends[2];

	switch (i % 4) {
	case 0:
		return open("/dev/null", O_RDWR) < 0 ? -1 : 1;
	case 1:
		return eventfd(0, 0) < 0 ? -1 : 1;
	case 2:
		return socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0 ? -1 : 2;
	default:
		return pipe(ends) < 0 ? -1 : 2;
	}
}

static void member(int n_fds, int said)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int n = 4, got; n < n_fds; n += got) {
		got = open_some(n);
		if (got < 0)
			die("descriptors");
	}
	if (write(said, "", 1) != 1)
		_exit(1);
	close(said);
	for (;;)
		pause();
}

static int processes(int n, int fds, int taps)
{
	char word[32] = "", byte;
	int ends[2];

	if (pipe(ends) < 0)
		die("pipe");
	for (int i = 0; i < n; i++) {
		if (!taps && scanf("%31s", word) != 1)
			die("indexes");
		switch (fork()) {
		case -1:
			die("fork");
		case 0:
			close(ends[0]);
			if (taps)
				open_tap((unsigned short)(i % taps));
			else
				open_macvtap(word);
			member(fds, ends[1]);
		}
	}
	close(ends[1]);
	for (int i = 0; i < n; i++) {
		errno = 0;
		if (read(ends[0], &byte, 1) != 1)
			die("a process has ended");
	}
	wait_for_end();
	/* They go when we do. */
	return 0;
}

int main(int argc, char **argv)
{
	program = argv[0];
	if (argc == 7 && !strcmp(argv[1], "devices"))
		return devices(argv + 2);
	if (argc == 3 && !strcmp(argv[1], "namespaces"))
		return namespaces(atoi(argv[2]));
	if (argc == 5 && !strcmp(argv[1], "processes") && !strcmp(argv[4], "macvtap"))
		return processes(atoi(argv[2]), atoi(argv[3]), 0);
	if (argc == 6 && !strcmp(argv[1], "processes") && !strcmp(argv[4], "tap") &&
	    atoi(argv[5]) > 0)
		return processes(atoi(argv[2]), atoi(argv[3]), atoi(argv[5]));
	fprintf(stderr, "usage: see the head of crowd.c\n");
	return 2;
}
