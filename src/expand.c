// SPDX-License-Identifier: GPL-2.0-or-later
/* A placeholder is a word of the table in braces, "{fd}", with the device's
 * name after a colon when there are several, "{fd:vm0}". Any other brace text
 * is COMMAND's own (QEMU takes JSON as arguments) and stays as it is. */
#include "expand.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "args.h"
#include "fail.h"

/* A growing text; data is NULL once memory was out. */
struct text {
	char *data;
	size_t len, room;
};

static void put(struct text *t, const char *s, size_t len)
{
	if (t->room - t->len <= len) {
		size_t room = 2 * t->room + len + 64;
		char *more = t->room && !t->data ? NULL : realloc(t->data, room);

		if (!more) {
			free(t->data);
			*t = (struct text){ .data = NULL, .room = 1 };
			return;
		}
		t->data = more;
		t->room = room;
	}
	if (!t->data)
		return;
	memcpy(t->data + t->len, s, len);
	t->len += len;
	t->data[t->len] = '\0';
}

static void putf(struct text *t, const char *fmt, ...) printf_like(2, 3);

static void putf(struct text *t, const char *fmt, ...)
{
	char s[128];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(s, sizeof(s), fmt, ap);
	va_end(ap);
	if (n > 0)
		put(t, s, n < (int)sizeof(s) ? (size_t)n : sizeof(s) - 1);
}

static void put_fds(struct text *t, const int *fds, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		putf(t, "%s%d", i ? ":" : "", fds[i]);
}

static void put_mac(struct text *t, const struct mac *mac)
{
	const uint8_t *m = mac->b;

	putf(t, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
}

enum word { FD, FDS, VHOSTFD, VHOSTFDS, MAC, DEV, MTU, QUEUES, VECTORS, NO_WORD };

static const char *const words[] = {
	[FD] = "fd",   [FDS] = "fds", [VHOSTFD] = "vhostfd", [VHOSTFDS] = "vhostfds", [MAC] = "mac",
	[DEV] = "dev", [MTU] = "mtu", [QUEUES] = "queues",   [VECTORS] = "vectors",
};

static enum word find_word(const char *text, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strlen(words[i]) == len && !memcmp(words[i], text, len))
			return (enum word)i;
	}
	return NO_WORD;
}

static int put_word(struct text *t, enum word word, const struct expand_dev *dev)
{
	if ((word == VHOSTFD || word == VHOSTFDS) && !dev->vhost)
		return fail_usage("{%s}: %s has no vhost descriptor: say 'vhost on'", words[word],
				  dev->name);
	switch (word) {
	case FD:
		putf(t, "%d", dev->fds[0]);
		break;
	case FDS:
		put_fds(t, dev->fds, dev->queues);
		break;
	case VHOSTFD:
		putf(t, "%d", dev->vhost[0]);
		break;
	case VHOSTFDS:
		put_fds(t, dev->vhost, dev->queues);
		break;
	case MAC:
		put_mac(t, &dev->mac);
		break;
	case DEV:
		putf(t, "%s", dev->name);
		break;
	case MTU:
		putf(t, "%u", dev->mtu);
		break;
	case QUEUES:
		putf(t, "%u", dev->queues);
		break;
	case VECTORS:
		putf(t, "%u", 2 * dev->queues + 2);
		break;
	case NO_WORD:
		break;
	}
	return 0;
}

struct devs {
	const struct expand_dev *devs;
	size_t n;
};

static const struct expand_dev *find_dev(const struct devs *all, const char *name, size_t len)
{
	for (size_t i = 0; i < all->n; i++) {
		if (strlen(all->devs[i].name) == len && !memcmp(all->devs[i].name, name, len))
			return &all->devs[i];
	}
	return NULL;
}

/* Puts what stands for the len bytes between braces. Returns 1, 0 when they are no
 * placeholder, or a recorded failure. */
static int put_placeholder(struct text *t, const struct devs *all, const char *name, size_t len)
{
	const char *colon = memchr(name, ':', len);
	size_t word_len = colon ? (size_t)(colon - name) : len;
	enum word word = find_word(name, word_len);
	const struct expand_dev *dev;

	if (word == NO_WORD)
		return 0;
	if (!colon) {
		if (all->n > 1)
			return fail_usage("{%s}: which of the %zu devices? Write {%s:NAME}",
					  words[word], all->n, words[word]);
		return put_word(t, word, all->devs) < 0 ? fail_code() : 1;
	}
	dev = find_dev(all, colon + 1, len - word_len - 1);
	if (!dev)
		return 0;
	return put_word(t, word, dev) < 0 ? fail_code() : 1;
}

/* The argument with its placeholders replaced, newly allocated; *found is set when
 * there was one. NULL with a failure on record. */
static char *expand_one(const struct devs *all, const char *arg, bool *found)
{
	struct text t = { .data = NULL };

	put(&t, "", 0);
	while (*arg) {
		const char *end = *arg == '{' ? strchr(arg, '}') : NULL;
		int r = end ? put_placeholder(&t, all, arg + 1, (size_t)(end - arg - 1)) : 0;

		if (r < 0) {
			free(t.data);
			return NULL;
		}
		if (r > 0) {
			*found = true;
			arg = end + 1;
		} else {
			put(&t, arg++, 1);
		}
	}
	if (!t.data)
		fail_errno(ENOMEM, NULL, "cannot prepare COMMAND's arguments");
	return t.data;
}

/* COMMAND brings its own NIC: "-net nic...". */
static bool has_nic(char **argv)
{
	for (; argv[0] && argv[1]; argv++) {
		if ((streq(argv[0], "-net") || streq(argv[0], "--net")) &&
		    !strncmp(argv[1], "nic", 3) && (!argv[1][3] || argv[1][3] == ','))
			return true;
	}
	return false;
}

struct vector {
	char **argv;
	int n;
};

static bool add(struct vector *v, char *word)
{
	v->argv[v->n] = word;
	if (word)
		v->n++;
	else
		fail_errno(ENOMEM, NULL, "cannot prepare COMMAND's arguments");
	return word;
}

/* "-net": QEMU's hub, which joins all its members. One device, one queue. */
static bool append_net(struct vector *v, const struct expand_dev *dev, bool nic_wanted)
{
	struct text nic = { .data = NULL }, tap = { .data = NULL };
	bool ok = true;

	if (nic_wanted) {
		putf(&nic, "nic,model=virtio,macaddr=");
		put_mac(&nic, &dev->mac);
		ok = add(v, strdup("-net")) && add(v, nic.data);
	}
	putf(&tap, "tap,fd=%d", dev->fds[0]);
	return ok && add(v, strdup("-net")) && add(v, tap.data);
}

/* "-netdev" and "-device": each NIC with its own back end. */
static bool append_netdev(struct vector *v, const struct expand_dev *dev, size_t i)
{
	struct text back = { .data = NULL }, front = { .data = NULL };
	bool many = dev->queues > 1;

	putf(&back, "tap,id=vnet%zu,%s=", i, many ? "fds" : "fd");
	put_fds(&back, dev->fds, dev->queues);
	if (dev->vhost) {
		putf(&back, ",vhost=on,%s=", many ? "vhostfds" : "vhostfd");
		put_fds(&back, dev->vhost, dev->queues);
	}
	putf(&front, "virtio-net-pci,netdev=vnet%zu,mac=", i);
	put_mac(&front, &dev->mac);
	if (many)
		putf(&front, ",mq=on,vectors=%u", 2 * dev->queues + 2);
	if (dev->mtu != 1500)
		putf(&front, ",host_mtu=%u", dev->mtu);
	return add(v, strdup("-netdev")) && add(v, back.data) && add(v, strdup("-device")) &&
	       add(v, front.data);
}

static bool append(struct vector *v, const struct devs *all, enum expand_args style,
		   bool nic_wanted)
{
	if (style == EXPAND_NET)
		return append_net(v, all->devs, nic_wanted);
	for (size_t i = 0; style == EXPAND_NETDEV && i < all->n; i++) {
		if (!append_netdev(v, &all->devs[i], i))
			return false;
	}
	return true;
}

static bool mentions(char **argv, const char *what)
{
	for (; *argv; argv++) {
		if (strstr(*argv, what))
			return true;
	}
	return false;
}

static bool is_mac_of(const struct devs *all, const uint8_t mac[6])
{
	for (size_t i = 0; i < all->n; i++) {
		if (!memcmp(all->devs[i].mac.b, mac, 6))
			return true;
	}
	return false;
}

/* Warns if the text at mac is a MAC that no device has; own is the macvtap to name. */
static void judge_mac(const char *mac, const struct devs *all, const struct expand_dev *own)
{
	struct text is = { .data = NULL };
	char text[18];
	uint8_t b[6];

	snprintf(text, sizeof(text), "%s", mac);
	if (args_mac_bytes(text, b) < 0 || is_mac_of(all, b))
		return;
	put_mac(&is, &own->mac);
	if (is.data)
		warn("COMMAND's MAC is %s, but a macvtap delivers only frames for its own, and "
		     "that of %s is %s",
		     text, own->name, is.data);
	free(is.data);
}

/* The MACs that COMMAND gives to its NICs, in the words of QEMU, its JSON, and kvmtool. */
static void warn_of_macs(char **argv, const struct devs *all)
{
	static const char *const keys[] = { "mac=", "macaddr=", "guest_mac=", "\"mac\":\"" };
	const struct expand_dev *own = NULL;

	for (size_t i = all->n; i > 0; i--) {
		if (all->devs[i - 1].has_node)
			own = &all->devs[i - 1];
	}
	for (; own && *argv; argv++) {
		for (size_t k = 0; k < ARRAY_SIZE(keys); k++) {
			const char *at = strstr(*argv, keys[k]);

			if (at && (at == *argv || strchr(",{ ", at[-1])))
				judge_mac(at + strlen(keys[k]), all, own);
		}
	}
}

/* Whatever the VMM's word is, "mtu=N" and "\"mtu\":N" end alike. */
static bool tells_mtu(char **argv, uint32_t mtu)
{
	char option[24], json[24];

	snprintf(option, sizeof(option), "mtu=%u", mtu);
	snprintf(json, sizeof(json), "mtu\":%u", mtu);
	return mentions(argv, option) || mentions(argv, json) || mentions(argv, "host_mtu=");
}

static void warn_of_rest(char **argv, const struct devs *all)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct expand_dev *dev = &all->devs[i];

		if (dev->mtu != 1500 && !tells_mtu(argv, dev->mtu))
			warn("the mtu of %s is %u, but COMMAND does not tell its guest: "
			     "'host_mtu=%u' on virtio-net does, and so does 'args netdev'",
			     dev->name, dev->mtu, dev->mtu);
		if (dev->queues == 1 && all->n == 1 && mentions(argv, "mq=on"))
			warn("COMMAND has mq=on, but %s is opened with one queue: say 'queues N'",
			     dev->name);
	}
}

char **expand_command(int argc, char **argv, const struct expand_dev *devs, size_t n,
		      enum expand_args style)
{
	const struct devs all = { devs, n };
	struct vector v = { .n = 0 };
	bool found = false, ok = true;

	v.argv = calloc((size_t)argc + 4 * n + 1, sizeof(*v.argv));
	if (!v.argv) {
		fail_errno(ENOMEM, NULL, "cannot prepare COMMAND's arguments");
		return NULL;
	}
	for (int i = 0; ok && i < argc; i++)
		ok = add(&v, expand_one(&all, argv[i], &found));
	if (ok && !found)
		ok = append(&v, &all, style, !has_nic(argv));
	if (ok) {
		warn_of_macs(v.argv, &all);
		warn_of_rest(v.argv, &all);
		return v.argv;
	}
	expand_free(v.argv);
	return NULL;
}

void expand_free(char **argv)
{
	for (char **arg = argv; arg && *arg; arg++)
		free(*arg);
	free(argv);
}

int expand_environment(const struct expand_dev *devs, size_t n)
{
	struct text name = { .data = NULL }, fd = { .data = NULL }, mac = { .data = NULL };
	bool ok;

	for (size_t i = 0; i < n; i++) {
		putf(&name, "%s%s", i ? "," : "", devs[i].name);
		putf(&fd, "%s", i ? "," : "");
		put_fds(&fd, devs[i].fds, devs[i].queues);
		putf(&mac, "%s", i ? "," : "");
		put_mac(&mac, &devs[i].mac);
	}
	ok = name.data && fd.data && mac.data && setenv("VNETCTL_DEV", name.data, 1) == 0 &&
	     setenv("VNETCTL_FD", fd.data, 1) == 0 && setenv("VNETCTL_MAC", mac.data, 1) == 0;
	free(name.data);
	free(fd.data);
	free(mac.data);
	return ok ? 0 : fail_errno(ENOMEM, NULL, "cannot set COMMAND's environment");
}
