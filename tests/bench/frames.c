// SPDX-License-Identifier: GPL-2.0-or-later
/* How fast a device moves frames, and a guest a stream.
 *
 *	frames out FD MAC N SIZE	writes N frames for MAC into the tap or macvtap
 *	frames in FD IF N SIZE		packets sent from IF to the macvtap FD, and read there
 *	frames sink PORT		takes whatever comes by TCP, and says when it has it
 *	frames pour ADDRESS PORT MB	so much to a sink
 *
 * All but sink print the nanoseconds: for each frame, or for all of the stream.
 * The header before each frame is virtio's, as a new descriptor has it. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { LARGEST = 1514, BURST = 64, PIECE = 1 << 16 };

static unsigned char frame[LARGEST], piece[PIECE];

__attribute__((noreturn)) static void die(const char *what)
{
	fprintf(stderr, "frames: %s: %s\n", what, strerror(errno));
	exit(1);
}

static long number(const char *text, long least, long most)
{
	char *end;
	long n = strtol(text, &end, 10);

	errno = EINVAL;
	if (*end || n < least || n > most)
		die(text);
	return n;
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* The type is one that nobody listens to. */
static void address(const unsigned char *to)
{
	static const unsigned char from[6] = { 0x52, 0x54, 0, 0xbe, 0xbe, 0xbe };

	memcpy(frame, to, 6);
	memcpy(frame + 6, from, 6);
	frame[12] = 0x88;
	frame[13] = 0xb5;
}

static void out(int fd, const char *mac, long n, size_t size)
{
	struct virtio_net_hdr hdr = { 0 };
	struct iovec iov[] = { { &hdr, sizeof(hdr) }, { frame, size } };
	unsigned char to[6];
	uint64_t begin;

	errno = EINVAL;
	if (sscanf(mac, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", to, to + 1, to + 2, to + 3, to + 4,
		   to + 5) != 6)
		die(mac);
	address(to);
	begin = now();
	for (long i = 0; i < n; i++) {
		if (writev(fd, iov, 2) != (ssize_t)(sizeof(hdr) + size))
			die("write");
	}
	printf("%.1f\n", (double)(now() - begin) / (double)n);
}

/* Others' frames are on the wire, too. */
static void read_one(int fd, size_t size)
{
	unsigned char got[sizeof(struct virtio_net_hdr) + 2 * LARGEST];
	ssize_t n;

	do {
		n = read(fd, got, sizeof(got));
		if (n < 0)
			die("read");
	} while (n != (ssize_t)(sizeof(struct virtio_net_hdr) + size) ||
		 memcmp(got + sizeof(struct virtio_net_hdr), frame, size) != 0);
}

static void in(int fd, const char *dev, long n, size_t size)
{
	struct sockaddr_ll wire = { .sll_family = AF_PACKET };
	struct ifreq ifr = { 0 };
	uint64_t begin;
	int sock = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	wire.sll_ifindex = (int)if_nametoindex(dev);
	if (sock < 0 || !wire.sll_ifindex || bind(sock, (struct sockaddr *)&wire, sizeof(wire)) < 0)
		die(dev);
	if (ioctl(fd, SIOCGIFHWADDR, &ifr) < 0)
		die("address");
	address((unsigned char *)ifr.ifr_hwaddr.sa_data);
	begin = now();
	for (long i = 0; i < n; i += BURST) {
		for (int k = 0; k < BURST; k++) {
			if (send(sock, frame, size, 0) != (ssize_t)size)
				die("send");
		}
		for (int k = 0; k < BURST; k++)
			read_one(fd, size);
	}
	printf("%.1f\n", (double)(now() - begin) / (double)(n / BURST * BURST));
}

__attribute__((noreturn)) static void sink(in_port_t port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) };
	int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (sock < 0 || bind(sock, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(sock, 8) < 0)
		die("listen");
	for (;;) {
		int peer = accept4(sock, NULL, NULL, SOCK_CLOEXEC);

		if (peer < 0)
			die("accept");
		while (read(peer, piece, sizeof(piece)) > 0)
			;
		if (write(peer, "!", 1) != 1)
			perror("frames: answer");
		close(peer);
	}
}

static void pour(const char *to, in_port_t port, long mb)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) };
	int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t left = (size_t)mb << 20;
	uint64_t begin;
	char done;

	if (inet_pton(AF_INET, to, &at.sin_addr) != 1)
		die(to);
	if (sock < 0 || connect(sock, (struct sockaddr *)&at, sizeof(at)) < 0)
		die("connect");
	begin = now();
	while (left) {
		ssize_t n = write(sock, piece, left < sizeof(piece) ? left : sizeof(piece));

		if (n <= 0)
			die("write");
		left -= (size_t)n;
	}
	if (shutdown(sock, SHUT_WR) < 0 || read(sock, &done, 1) != 1)
		die("no answer");
	printf("%.0f\n", (double)(now() - begin));
}

int main(int argc, char **argv)
{
	if (argc == 6 && !strcmp(argv[1], "out"))
		out((int)number(argv[2], 0, 1 << 20), argv[3], number(argv[4], 1, 1L << 30),
		    (size_t)number(argv[5], 60, LARGEST));
	else if (argc == 6 && !strcmp(argv[1], "in"))
		in((int)number(argv[2], 0, 1 << 20), argv[3], number(argv[4], BURST, 1L << 30),
		   (size_t)number(argv[5], 60, LARGEST));
	else if (argc == 3 && !strcmp(argv[1], "sink"))
		sink((in_port_t)number(argv[2], 1, 65535));
	else if (argc == 5 && !strcmp(argv[1], "pour"))
		pour(argv[2], (in_port_t)number(argv[3], 1, 65535), number(argv[4], 1, 1 << 20));
	else
		return fprintf(stderr, "usage: see the source\n"), 2;
	return fflush(stdout) == 0 ? 0 : 1;
}
