// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The smallest VMM that uses vhost-net: it takes a tap descriptor and a vhost
 * descriptor, gives the kernel two rings and makes the tap their backend.
 *
 *	vhost TAPFD VHOSTFD [send|receive|hold]
 *
 * Without a word it ends when the backend is accepted on both rings, and prints
 * "ok". "send" sends one frame of its own through the kernel's vhost thread,
 * "receive" waits for such a frame, "hold" stays until it is killed, as a
 * virtual machine does. Each prints "ready" once its rings run, and "ok" at the end.
 * Any failure is one line on stderr and exit status 1.
 *
 * "Guest memory" is one block of this process. Its guest addresses are equal to
 * its addresses here, so nothing ever needs to be translated.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <linux/vhost.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { RX, TX, RINGS };

#define SLOTS		16
#define BUFFER		2048
#define PATIENCE_MS	10000
#define FRAME_TYPE	0x88b5	/* local experimental ethertype */
#define FRAME_TEXT	"vnetctl vhost test"

static const unsigned char broadcast[ETH_ALEN] = { 255, 255, 255, 255, 255, 255 };

struct ring {
	struct vring_desc desc[SLOTS] __attribute__((aligned(16)));
	struct {
		uint16_t flags, idx, slot[SLOTS], used_event;
	} avail __attribute__((aligned(4)));
	struct {
		uint16_t flags, idx;
		struct vring_used_elem elem[SLOTS];
		uint16_t avail_event;
	} used __attribute__((aligned(4)));
	unsigned char buffer[SLOTS][BUFFER] __attribute__((aligned(64)));
};

struct vm {
	int tap, vhost;
	int kick[RINGS], call[RINGS];
	size_t header;		/* bytes of virtio_net_hdr before each frame */
	struct ring *ring;	/* RINGS of them, all of the guest's memory */
};

static void die(const char *what)
{
	fprintf(stderr, "vhost: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void complain(const char *what)
{
	fprintf(stderr, "vhost: %s\n", what);
	exit(1);
}

static void say(const char *word)
{
	if (puts(word) == EOF || fflush(stdout) == EOF)
		die("stdout");
}

static int descriptor(const char *arg)
{
	char *end;
	long fd = strtol(arg, &end, 10);

	if (!*arg || *end || fd < 0 || fd > 65535)
		complain("a descriptor must be a number");
	if (fcntl(fd, F_GETFD) < 0)
		die(arg);
	return fd;
}

/*
 * Who makes the virtio header: with vnet_hdr on the tap passes it on, without it
 * vhost takes it off and puts it on. Its length must be the one the tap uses.
 */
static uint64_t wanted_features(struct vm *vm)
{
	struct ifreq ifr = { 0 };
	int size = sizeof(struct virtio_net_hdr);

	if (ioctl(vm->tap, TUNGETIFF, &ifr) < 0)
		die("TUNGETIFF");
	vm->header = sizeof(struct virtio_net_hdr);
	if (!(ifr.ifr_flags & IFF_VNET_HDR))
		return 1ULL << VHOST_NET_F_VIRTIO_NET_HDR;
	if (ioctl(vm->tap, TUNGETVNETHDRSZ, &size) < 0)
		die("TUNGETVNETHDRSZ");
	if (size == sizeof(struct virtio_net_hdr))
		return 0;
	if (size != sizeof(struct virtio_net_hdr_mrg_rxbuf))
		complain("unknown length of the tap's virtio header");
	vm->header = size;
	return 1ULL << VIRTIO_F_VERSION_1;
}

static void set_memory(struct vm *vm)
{
	struct {
		struct vhost_memory head;
		struct vhost_memory_region region;
	} table = {
		.head.nregions = 1,
		.region = {
			.guest_phys_addr = (uintptr_t)vm->ring,
			.memory_size = RINGS * sizeof(*vm->ring),
			.userspace_addr = (uintptr_t)vm->ring,
		},
	};

	if (ioctl(vm->vhost, VHOST_SET_MEM_TABLE, &table) < 0)
		die("VHOST_SET_MEM_TABLE");
}

static void set_ring(struct vm *vm, unsigned int n)
{
	struct ring *r = &vm->ring[n];
	struct vhost_vring_state num = { .index = n, .num = SLOTS };
	struct vhost_vring_state start = { .index = n, .num = 0 };
	struct vhost_vring_addr addr = {
		.index = n,
		.desc_user_addr = (uintptr_t)r->desc,
		.avail_user_addr = (uintptr_t)&r->avail,
		.used_user_addr = (uintptr_t)&r->used,
	};
	struct vhost_vring_file file = { .index = n };

	vm->kick[n] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	vm->call[n] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vm->kick[n] < 0 || vm->call[n] < 0)
		die("eventfd");
	if (ioctl(vm->vhost, VHOST_SET_VRING_NUM, &num) < 0)
		die("VHOST_SET_VRING_NUM");
	if (ioctl(vm->vhost, VHOST_SET_VRING_BASE, &start) < 0)
		die("VHOST_SET_VRING_BASE");
	if (ioctl(vm->vhost, VHOST_SET_VRING_ADDR, &addr) < 0)
		die("VHOST_SET_VRING_ADDR");
	file.fd = vm->kick[n];
	if (ioctl(vm->vhost, VHOST_SET_VRING_KICK, &file) < 0)
		die("VHOST_SET_VRING_KICK");
	file.fd = vm->call[n];
	if (ioctl(vm->vhost, VHOST_SET_VRING_CALL, &file) < 0)
		die("VHOST_SET_VRING_CALL");
	file.fd = vm->tap;
	if (ioctl(vm->vhost, VHOST_NET_SET_BACKEND, &file) < 0)
		die("VHOST_NET_SET_BACKEND");
}

static void start(struct vm *vm)
{
	uint64_t have, want = wanted_features(vm);

	vm->ring = aligned_alloc(4096, RINGS * ((sizeof(*vm->ring) + 4095) & ~4095UL));
	if (!vm->ring)
		die("memory");
	memset(vm->ring, 0, RINGS * sizeof(*vm->ring));
	if (ioctl(vm->vhost, VHOST_SET_OWNER) < 0)
		die("VHOST_SET_OWNER");
	if (ioctl(vm->vhost, VHOST_GET_FEATURES, &have) < 0)
		die("VHOST_GET_FEATURES");
	if (want & ~have)
		complain("the kernel's vhost lacks a feature this test needs");
	if (ioctl(vm->vhost, VHOST_SET_FEATURES, &want) < 0)
		die("VHOST_SET_FEATURES");
	set_memory(vm);
	for (unsigned int n = 0; n < RINGS; n++)
		set_ring(vm, n);
}

/* Gives the kernel the buffer of one slot, @len bytes of it. */
static void post(struct vm *vm, unsigned int n, uint16_t slot, uint32_t len)
{
	struct ring *r = &vm->ring[n];
	uint16_t idx = r->avail.idx;

	r->desc[slot] = (struct vring_desc) {
		.addr = (uintptr_t)r->buffer[slot],
		.len = len,
		.flags = n == RX ? VRING_DESC_F_WRITE : 0,
	};
	r->avail.slot[idx % SLOTS] = slot;
	__atomic_store_n(&r->avail.idx, (uint16_t)(idx + 1), __ATOMIC_SEQ_CST);
	if (eventfd_write(vm->kick[n], 1) < 0)
		die("kick");
}

/* Waits until the kernel has handed back more than @seen buffers. */
static void wait_used(struct vm *vm, unsigned int n, uint16_t seen)
{
	struct ring *r = &vm->ring[n];
	struct pollfd p = { .fd = vm->call[n], .events = POLLIN };
	eventfd_t count;

	while (__atomic_load_n(&r->used.idx, __ATOMIC_SEQ_CST) == seen) {
		int ready = poll(&p, 1, PATIENCE_MS);

		if (ready < 0)
			die("poll");
		if (!ready)
			complain(n == RX ? "nothing received" : "nothing sent");
		if (eventfd_read(vm->call[n], &count) < 0 && errno != EAGAIN)
			die("call");
	}
}

static void send_frame(struct vm *vm)
{
	unsigned char *b = vm->ring[TX].buffer[0];
	struct ethhdr *eth = (struct ethhdr *)(b + vm->header);

	memcpy(eth->h_dest, broadcast, ETH_ALEN);
	memcpy(eth->h_source, "\x02\0\0\0\0\x01", ETH_ALEN);
	eth->h_proto = __builtin_bswap16(FRAME_TYPE);
	memcpy(eth + 1, FRAME_TEXT, sizeof(FRAME_TEXT));
	post(vm, TX, 0, vm->header + ETH_ZLEN);
	wait_used(vm, TX, 0);
}

static void receive_frame(struct vm *vm)
{
	struct ring *r = &vm->ring[RX];

	for (uint16_t slot = 0; slot < SLOTS; slot++)
		post(vm, RX, slot, BUFFER);
	say("ready");
	for (uint16_t seen = 0;; seen++) {
		struct vring_used_elem *e = &r->used.elem[seen % SLOTS];
		struct ethhdr *eth;

		wait_used(vm, RX, seen);
		eth = (struct ethhdr *)(r->buffer[e->id] + vm->header);
		if (eth->h_proto == __builtin_bswap16(FRAME_TYPE) &&
		    !memcmp(eth + 1, FRAME_TEXT, sizeof(FRAME_TEXT)))
			return;
		post(vm, RX, e->id, BUFFER);
	}
}

int main(int argc, char **argv)
{
	const char *word = argc > 3 ? argv[3] : "";
	struct vm vm;

	if (argc < 3 || argc > 4)
		complain("usage: vhost TAPFD VHOSTFD [send|receive|hold]");
	vm.tap = descriptor(argv[1]);
	vm.vhost = descriptor(argv[2]);
	start(&vm);
	if (!strcmp(word, "send")) {
		send_frame(&vm);
	} else if (!strcmp(word, "receive")) {
		receive_frame(&vm);
	} else if (!strcmp(word, "hold")) {
		for (uint16_t slot = 0; slot < SLOTS; slot++)
			post(&vm, RX, slot, BUFFER);
		say("ready");
		for (;;)
			pause();
	} else if (*word) {
		complain("usage: vhost TAPFD VHOSTFD [send|receive|hold]");
	}
	say("ok");
	return 0;
}
