// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * taptweak - a holder of a tap or macvtap that leaves its own settings behind.
 *
 *	taptweak FD|dev:NAME WORD...
 *
 * does to the inherited descriptor FD, or to the tap NAME, which nobody holds and whose flags
 * stay as they are, what the words say, in their order:
 *
 *	offload N	TUNSETOFFLOAD
 *	hdrsz N		TUNSETVNETHDRSZ
 *	le N		TUNSETVNETLE
 *	sndbuf N	TUNSETSNDBUF
 *	filter N	TUNATTACHFILTER with a filter that keeps N bytes
 *	txfilter MAC	TUNSETTXFILTER: only frames to MAC reach the guest
 *	ebpf-filter N	TUNSETFILTEREBPF with a program that keeps N bytes
 *	steer N		TUNSETSTEERINGEBPF with a program that says queue N
 *	get		prints "hdrsz N sndbuf N le N"; a macvtap tells no sndbuf: "-"
 *	all		prints what else can be asked: "flags 0xN hdrsz N sndbuf N le N be N
 *			filter N"; "-" is what this kernel does not tell
 *	csum MS		waits for an IPv4 UDP packet and prints "csum 1" if its checksum
 *			was left to the guest, "csum 0" if not, "csum -" after MS
 *
 * Exit status: 0, 2 when something went wrong.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

static void die(const char *what)
{
	fprintf(stderr, "taptweak: %s: %s\n", what, strerror(errno));
	exit(2);
}

static long number(const char *text)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 0);
	if (errno || end == text || *end) {
		errno = EINVAL;
		die(text);
	}
	return n;
}

static void set_int(int fd, unsigned long request, const char *word, const char *value)
{
	int n = (int)number(value);

	if (ioctl(fd, request, &n))
		die(word);
}

static void set_offload(int fd, const char *value)
{
	if (ioctl(fd, TUNSETOFFLOAD, (unsigned long)number(value)))
		die("offload");
}

static void set_filter(int fd, const char *value)
{
	struct sock_filter ret = BPF_STMT(BPF_RET | BPF_K, (uint32_t)number(value));
	struct sock_fprog prog = { .len = 1, .filter = &ret };

	if (ioctl(fd, TUNATTACHFILTER, &prog))
		die("filter");
}

static void set_txfilter(int fd, const char *value)
{
	uint8_t buf[sizeof(struct tun_filter) + ETH_ALEN] __attribute__((aligned(4))) = { 0 };
	struct tun_filter *f = (struct tun_filter *)buf;
	unsigned int b[ETH_ALEN];

	if (sscanf(value, "%2x:%2x:%2x:%2x:%2x:%2x", &b[0], &b[1], &b[2], &b[3], &b[4],
		   &b[5]) != ETH_ALEN) {
		errno = EINVAL;
		die(value);
	}
	f->count = 1;
	for (int i = 0; i < ETH_ALEN; i++)
		f->addr[0][i] = (uint8_t)b[i];
	if (ioctl(fd, TUNSETTXFILTER, f) < 0)
		die("txfilter");
}

/* The device keeps the program when this process has ended. */
static void set_program(int fd, unsigned long request, const char *word, const char *value)
{
	struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0,
		  .imm = (int32_t)number(value) },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
		.insns = (uintptr_t)insns,
		.insn_cnt = sizeof(insns) / sizeof(*insns),
		.license = (uintptr_t)"GPL",
	};
	int prog = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));

	if (prog < 0 || ioctl(fd, request, &prog))
		die(word);
	close(prog);
}

static void get(int fd)
{
	int hdrsz = -1, sndbuf = -1, le = -1;

	if (ioctl(fd, TUNGETVNETHDRSZ, &hdrsz) || ioctl(fd, TUNGETVNETLE, &le))
		die("get");
	if (!ioctl(fd, TUNGETSNDBUF, &sndbuf))
		printf("hdrsz %d sndbuf %d le %d\n", hdrsz, sndbuf, le);
	else if (errno == EINVAL)
		printf("hdrsz %d sndbuf - le %d\n", hdrsz, le);
	else
		die("get");
}

static void put_int(int fd, const char *word, unsigned long request)
{
	int n;

	if (!ioctl(fd, request, &n))
		printf(" %s %d", word, n);
	else if (errno == EINVAL || errno == ENOTTY)
		printf(" %s -", word);
	else
		die(word);
}

static void get_all(int fd)
{
	struct sock_fprog filter = { .len = 0 };
	struct ifreq ifr = { .ifr_flags = 0 };

	if (ioctl(fd, TUNGETIFF, &ifr) || ioctl(fd, TUNGETFILTER, &filter))
		die("all");
	printf("flags %#x", (unsigned short)ifr.ifr_flags);
	put_int(fd, "hdrsz", TUNGETVNETHDRSZ);
	put_int(fd, "sndbuf", TUNGETSNDBUF);
	put_int(fd, "le", TUNGETVNETLE);
	put_int(fd, "be", TUNGETVNETBE);
	printf(" filter %d\n", filter.len);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* A queue of the tap, by its own flags: those of the descriptor become the device's. */
static int attach(const char *name)
{
	int fd = open("/dev/net/tun", O_RDWR);
	struct ifreq ifr = { .ifr_flags = 0 };
	unsigned flags;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/sys/class/net/%s/tun_flags", name);
	f = fopen(path, "re");
	if (fd < 0 || !f || fscanf(f, "%x", &flags) != 1)
		die(name);
	fclose(f);
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	ifr.ifr_flags = (short)(flags & ~(unsigned)IFF_PERSIST);
	/* A vnetctl that looks around has a duplicate of the last holder's for a moment. */
	for (int64_t end = now_ms() + 5000; ioctl(fd, TUNSETIFF, &ifr); usleep(1000)) {
		if (errno != EBUSY || now_ms() > end)
			die(name);
	}
	return fd;
}

/* The byte behind the headers that says UDP, if it is IPv4 at all. */
static bool is_udp(const uint8_t *frame, size_t len)
{
	return len > ETH_HLEN + 9 && frame[12] == 0x08 && frame[13] == 0x00 &&
	       frame[ETH_HLEN + 9] == IPPROTO_UDP;
}

static void wait_csum(int fd, const char *value)
{
	int64_t end = now_ms() + number(value), left;
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	uint8_t buf[65536];
	int hdrsz;

	if (ioctl(fd, TUNGETVNETHDRSZ, &hdrsz))
		die("csum");
	while ((left = end - now_ms()) > 0 && poll(&pfd, 1, (int)left) > 0) {
		ssize_t n = read(fd, buf, sizeof(buf));

		if (n < 0 && errno != EAGAIN)
			die("csum");
		/* The first byte of the header: its flags. */
		if (n > hdrsz && is_udp(buf + hdrsz, (size_t)(n - hdrsz))) {
			printf("csum %d\n", buf[0] & VIRTIO_NET_HDR_F_NEEDS_CSUM);
			return;
		}
	}
	puts("csum -");
}

static void tweak(int fd, const char *word, const char *value)
{
	if (!strcmp(word, "offload")) {
		set_offload(fd, value);
	} else if (!strcmp(word, "hdrsz")) {
		set_int(fd, TUNSETVNETHDRSZ, word, value);
	} else if (!strcmp(word, "le")) {
		set_int(fd, TUNSETVNETLE, word, value);
	} else if (!strcmp(word, "sndbuf")) {
		set_int(fd, TUNSETSNDBUF, word, value);
	} else if (!strcmp(word, "filter")) {
		set_filter(fd, value);
	} else if (!strcmp(word, "txfilter")) {
		set_txfilter(fd, value);
	} else if (!strcmp(word, "ebpf-filter")) {
		set_program(fd, TUNSETFILTEREBPF, word, value);
	} else if (!strcmp(word, "steer")) {
		set_program(fd, TUNSETSTEERINGEBPF, word, value);
	} else if (!strcmp(word, "csum")) {
		wait_csum(fd, value);
	} else {
		errno = EINVAL;
		die(word);
	}
}

int main(int argc, char **argv)
{
	bool by_name = argc > 1 && !strncmp(argv[1], "dev:", 4);
	int fd = by_name ? attach(argv[1] + 4) : argc > 1 ? (int)number(argv[1]) : -1;

	for (int i = 2; i < argc; i++) {
		if (!strcmp(argv[i], "get")) {
			get(fd);
			continue;
		}
		if (!strcmp(argv[i], "all")) {
			get_all(fd);
			continue;
		}
		if (i + 1 == argc) {
			errno = EINVAL;
			die(argv[i]);
		}
		tweak(fd, argv[i], argv[i + 1]);
		i++;
	}
	return fflush(stdout) ? 2 : 0;
}
