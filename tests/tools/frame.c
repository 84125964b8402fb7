// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * frame - sends and receives tagged Ethernet frames, for the tests.
 *
 *	frame send   {fd N|dev IF} src MAC dst MAC [count N] [tag TEXT]
 *	frame expect {fd N|dev IF} tag TEXT [within MS]
 *	frame serve  {fd N|dev IF}
 *
 * fd N is an inherited tap or macvtap descriptor and plays the guest; dev IF
 * is a packet socket on an interface and plays a machine on the wire. The
 * frames have the ethertype for local experiments, 0x88b5, and carry the tag
 * as text; everything else that arrives is skipped.
 *
 * expect prints "src MAC dst MAC" of the first frame with the tag and exits
 * 0; with no such frame within the time (1000 ms unless told) it exits 1.
 *
 * serve prints "ready", then reads commands from stdin, one a line, and
 * answers each with one line:
 *
 *	send SRC DST TAG	ok
 *	expect TAG MS		src MAC dst MAC | none
 *	drain			drained N	(forgets what has arrived)
 *	name			the device's name, by TUNGETIFF (fd only)
 *
 * or "error: why". A frame that arrives while another is awaited is kept for
 * a later expect. Its end is the end of stdin.
 *
 * Exit status: 0, 1 as above, 2 for anything that went wrong.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define ETHERTYPE	0x88b5
#define MAGIC		"vnetctl-test:"
#define TAG_MAX		32
#define KEEP_MAX	1024

struct port {
	int	fd;
	bool	tun;
	size_t	hdr;		/* bytes before the Ethernet header */
};

struct seen {
	uint8_t	dst[ETH_ALEN];
	uint8_t	src[ETH_ALEN];
	char	tag[TAG_MAX + 1];
};

/* What arrived and nobody has asked for yet, oldest first. */
struct kept {
	struct seen	frame[KEEP_MAX];
	size_t		n;
};

static char why[256];

__attribute__((format(printf, 1, 2)))
static int fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return -1;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int parse_number(const char *s, long max, long *n)
{
	char *end;

	errno = 0;
	*n = strtol(s, &end, 10);
	if (errno || end == s || *end || *n < 0 || *n > max)
		return fail("not a number from 0 to %ld: %s", max, s);
	return 0;
}

static int parse_mac(const char *s, uint8_t mac[ETH_ALEN])
{
	unsigned int b[ETH_ALEN];
	int used = 0;

	if (sscanf(s, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3],
		   &b[4], &b[5], &used) != ETH_ALEN || s[used])
		return fail("not a MAC address: %s", s);
	for (int i = 0; i < ETH_ALEN; i++)
		mac[i] = (uint8_t)b[i];
	return 0;
}

static int parse_tag(const char *s, char tag[TAG_MAX + 1])
{
	size_t len = strlen(s);

	if (!len || len > TAG_MAX)
		return fail("a tag has 1 to %d bytes: %s", TAG_MAX, s);
	memset(tag, 0, TAG_MAX + 1);
	memcpy(tag, s, len);
	return 0;
}

/* --- the port ----------------------------------------------------------- */

static int open_fd(const char *arg, struct port *p)
{
	struct ifreq ifr = { 0 };
	int vnet = 0;
	long n;

	if (parse_number(arg, 1 << 20, &n))
		return -1;
	p->fd = (int)n;
	p->tun = true;
	if (ioctl(p->fd, TUNGETIFF, &ifr))
		return fail("TUNGETIFF on %d: %s", p->fd, strerror(errno));
	p->hdr = ifr.ifr_flags & IFF_NO_PI ? 0 : sizeof(struct tun_pi);
	if (!(ifr.ifr_flags & IFF_VNET_HDR))
		return 0;
	if (ioctl(p->fd, TUNGETVNETHDRSZ, &vnet))
		return fail("TUNGETVNETHDRSZ: %s", strerror(errno));
	p->hdr += (size_t)vnet;
	return 0;
}

static int open_dev(const char *name, struct port *p)
{
	/*
	 * ETH_P_ALL, not our type: a socket for one type stands behind the
	 * receive handlers of bridge and macvlan and would see nothing there.
	 */
	struct sockaddr_ll a = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
	};
	int one = 1;

	a.sll_ifindex = (int)if_nametoindex(name);
	if (!a.sll_ifindex)
		return fail("%s: %s", name, strerror(errno));
	/* Protocol 0: nothing arrives until bind has named the interface. */
	p->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (p->fd < 0)
		return fail("packet socket: %s", strerror(errno));
	if (setsockopt(p->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one,
		       sizeof(one)))
		return fail("PACKET_IGNORE_OUTGOING: %s", strerror(errno));
	if (bind(p->fd, (struct sockaddr *)&a, sizeof(a)))
		return fail("bind to %s: %s", name, strerror(errno));
	return 0;
}

static int port_open(const char *kind, const char *arg, struct port *p)
{
	*p = (struct port){ .fd = -1 };
	if (!strcmp(kind, "fd"))
		return open_fd(arg, p);
	if (!strcmp(kind, "dev"))
		return open_dev(arg, p);
	return fail("'fd N' or 'dev IF', not %s", kind);
}

static int port_send(const struct port *p, const uint8_t src[ETH_ALEN],
		     const uint8_t dst[ETH_ALEN], const char *tag)
{
	/* All zero: no offload asked for, and a tap reads its type itself. */
	uint8_t hdr[64] = { 0 }, frame[ETH_ZLEN + TAG_MAX] = { 0 };
	struct ethhdr eth = { .h_proto = htons(ETHERTYPE) };
	struct iovec iov[2] = {
		{ hdr, p->hdr },
		{ frame, sizeof(frame) },
	};
	ssize_t n;

	if (p->hdr > sizeof(hdr))
		return fail("a header of %zu bytes?", p->hdr);
	memcpy(eth.h_dest, dst, ETH_ALEN);
	memcpy(eth.h_source, src, ETH_ALEN);
	memcpy(frame, &eth, sizeof(eth));
	memcpy(frame + sizeof(eth), MAGIC, strlen(MAGIC));
	memcpy(frame + sizeof(eth) + strlen(MAGIC), tag, strlen(tag));
	n = writev(p->fd, iov, 2);
	if (n < 0)
		return fail("send: %s", strerror(errno));
	if ((size_t)n != p->hdr + sizeof(frame))
		return fail("send: %zd bytes only", n);
	return 0;
}

/* 1: a frame of ours, 0: something else, -1: failed. */
static int port_read(const struct port *p, struct seen *s)
{
	uint8_t buf[65536];
	const uint8_t *f = buf + p->hdr;
	struct ethhdr eth;
	ssize_t n;

	n = read(p->fd, buf, sizeof(buf));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n < 0)
		return fail("read: %s", strerror(errno));
	if ((size_t)n < p->hdr + sizeof(eth) + strlen(MAGIC) + TAG_MAX)
		return 0;
	memcpy(&eth, f, sizeof(eth));
	f += sizeof(eth);
	if (eth.h_proto != htons(ETHERTYPE) ||
	    memcmp(f, MAGIC, strlen(MAGIC)))
		return 0;
	memcpy(s->dst, eth.h_dest, ETH_ALEN);
	memcpy(s->src, eth.h_source, ETH_ALEN);
	memcpy(s->tag, f + strlen(MAGIC), TAG_MAX);
	s->tag[TAG_MAX] = 0;
	return 1;
}

/* Reads one frame, if one comes before the deadline. 1, 0 or -1 as above. */
static int port_wait(const struct port *p, int64_t deadline, struct seen *s)
{
	for (;;) {
		struct pollfd pfd = { .fd = p->fd, .events = POLLIN };
		int64_t left = deadline - now_ms();
		int n = poll(&pfd, 1, left > 0 ? (int)left : 0);

		if (n < 0 && errno != EINTR)
			return fail("poll: %s", strerror(errno));
		if (n > 0 && pfd.revents & POLLIN) {
			n = port_read(p, s);
			if (n)
				return n;
		} else if (n > 0) {
			/* The device has gone; nothing will ever come. */
			return fail("poll: the device is gone or down");
		} else if (left <= 0) {
			return 0;
		}
	}
}

/* --- the commands ------------------------------------------------------- */

static void print_seen(const struct seen *s)
{
	const uint8_t *a = s->src, *b = s->dst;

	printf("src %02x:%02x:%02x:%02x:%02x:%02x ", a[0], a[1], a[2], a[3],
	       a[4], a[5]);
	printf("dst %02x:%02x:%02x:%02x:%02x:%02x\n", b[0], b[1], b[2], b[3],
	       b[4], b[5]);
}

/* Takes the oldest kept frame with the tag. */
static bool kept_take(struct kept *k, const char *tag, struct seen *s)
{
	for (size_t i = 0; i < k->n; i++) {
		if (strcmp(k->frame[i].tag, tag))
			continue;
		*s = k->frame[i];
		k->n--;
		memmove(&k->frame[i], &k->frame[i + 1],
			(k->n - i) * sizeof(k->frame[0]));
		return true;
	}
	return false;
}

/* 1: *s is the frame, 0: none in time, -1: failed. */
static int expect(const struct port *p, struct kept *k, const char *tag,
		  long ms, struct seen *s)
{
	int64_t deadline = now_ms() + ms;

	if (kept_take(k, tag, s))
		return 1;
	for (;;) {
		int n = port_wait(p, deadline, s);

		if (n <= 0 || !strcmp(s->tag, tag))
			return n;
		if (k->n == KEEP_MAX)
			return fail("more than %d frames unasked", KEEP_MAX);
		k->frame[k->n++] = *s;
	}
}

static int serve_send(const struct port *p, char **w)
{
	uint8_t src[ETH_ALEN], dst[ETH_ALEN];
	char tag[TAG_MAX + 1];

	if (parse_mac(w[1], src) || parse_mac(w[2], dst) ||
	    parse_tag(w[3], tag) || port_send(p, src, dst, tag))
		return -1;
	puts("ok");
	return 0;
}

static int serve_expect(const struct port *p, struct kept *k, char **w)
{
	char tag[TAG_MAX + 1];
	struct seen s;
	long ms;
	int n;

	if (parse_tag(w[1], tag) || parse_number(w[2], 600000, &ms))
		return -1;
	n = expect(p, k, tag, ms, &s);
	if (n < 0)
		return -1;
	if (n)
		print_seen(&s);
	else
		puts("none");
	return 0;
}

static int serve_drain(const struct port *p, struct kept *k)
{
	size_t count = k->n;
	struct seen s;
	int n;

	k->n = 0;
	while ((n = port_wait(p, 0, &s)) > 0)
		count++;
	if (n < 0)
		return -1;
	printf("drained %zu\n", count);
	return 0;
}

static int serve_name(const struct port *p)
{
	struct ifreq ifr = { 0 };

	if (!p->tun)
		return fail("name: not a tap");
	if (ioctl(p->fd, TUNGETIFF, &ifr))
		return fail("TUNGETIFF: %s", strerror(errno));
	puts(ifr.ifr_name);
	return 0;
}

static int serve_line(const struct port *p, struct kept *k, char *line)
{
	char *w[5] = { 0 };
	int n = 0;

	for (char *s = strtok(line, " \n"); s && n < 5; s = strtok(NULL, " \n"))
		w[n++] = s;
	if (n == 4 && !strcmp(w[0], "send"))
		return serve_send(p, w);
	if (n == 3 && !strcmp(w[0], "expect"))
		return serve_expect(p, k, w);
	if (n == 1 && !strcmp(w[0], "drain"))
		return serve_drain(p, k);
	if (n == 1 && !strcmp(w[0], "name"))
		return serve_name(p);
	return fail("not a command: %s", n ? w[0] : "(empty)");
}

static int cmd_serve(const struct port *p)
{
	static struct kept k;
	char line[256];

	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		if (serve_line(p, &k, line))
			printf("error: %s\n", why);
		fflush(stdout);
	}
	return 0;
}

static int cmd_send(const struct port *p, int argc, char **argv)
{
	uint8_t src[ETH_ALEN], dst[ETH_ALEN];
	bool have_src = false, have_dst = false;
	char tag[TAG_MAX + 1] = "frame";
	long count = 1;

	for (int i = 0; i < argc; i += 2) {
		const char *v = argv[i + 1];
		int bad;

		if (!v)
			return fail("%s needs a value", argv[i]);
		if (!strcmp(argv[i], "src")) {
			bad = parse_mac(v, src);
			have_src = true;
		} else if (!strcmp(argv[i], "dst")) {
			bad = parse_mac(v, dst);
			have_dst = true;
		} else if (!strcmp(argv[i], "count")) {
			bad = parse_number(v, 1000000, &count);
		} else if (!strcmp(argv[i], "tag")) {
			bad = parse_tag(v, tag);
		} else {
			return fail("what is %s?", argv[i]);
		}
		if (bad)
			return -1;
	}
	if (!have_src || !have_dst)
		return fail("send needs src and dst");
	while (count--) {
		if (port_send(p, src, dst, tag))
			return -1;
	}
	return 0;
}

static int cmd_expect(const struct port *p, int argc, char **argv)
{
	static struct kept k;
	char tag[TAG_MAX + 1] = "";
	long ms = 1000;
	struct seen s;
	int n;

	for (int i = 0; i < argc; i += 2) {
		const char *v = argv[i + 1];
		int bad;

		if (!v)
			return fail("%s needs a value", argv[i]);
		if (!strcmp(argv[i], "tag"))
			bad = parse_tag(v, tag);
		else if (!strcmp(argv[i], "within"))
			bad = parse_number(v, 600000, &ms);
		else
			return fail("what is %s?", argv[i]);
		if (bad)
			return -1;
	}
	if (!*tag)
		return fail("expect needs a tag");
	n = expect(p, &k, tag, ms, &s);
	if (n < 0)
		return -1;
	if (n)
		print_seen(&s);
	return !n;
}

int main(int argc, char **argv)
{
	struct port p;
	int rc;

	if (argc < 4)
		rc = fail("usage: frame {send|expect|serve} {fd N|dev IF} ...");
	else if (port_open(argv[2], argv[3], &p))
		rc = -1;
	else if (!strcmp(argv[1], "send"))
		rc = cmd_send(&p, argc - 4, argv + 4);
	else if (!strcmp(argv[1], "expect"))
		rc = cmd_expect(&p, argc - 4, argv + 4);
	else if (!strcmp(argv[1], "serve") && argc == 4)
		rc = cmd_serve(&p);
	else
		rc = fail("not a command: %s", argv[1]);
	if (rc < 0) {
		fprintf(stderr, "frame: %s\n", why);
		return 2;
	}
	return rc;
}
