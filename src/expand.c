// SPDX-License-Identifier: GPL-2.0-or-later
/* A placeholder is a word of the table in braces, "{fd}", with a device after a
 * colon when there are several: its name on the command line, "{fd:vm0}", or its
 * place, "{fd:1}". Any other brace text is COMMAND's own (QEMU takes JSON as
 * arguments) and stays as it is.
 *
 * Of QEMU's own arguments as much is understood as tells which NIC has our
 * descriptor: "-nic" is both ends in one word, "-device" names its "-netdev", and
 * each "-net" joins hub 0. */
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

static int no_vhost(enum word word, const char *name)
{
	return fail_usage("{%s}: %s has no vhost descriptor: say 'vhost on'", words[word], name);
}

static int put_word(struct text *t, enum word word, const struct expand_dev *dev)
{
	if ((word == VHOSTFD || word == VHOSTFDS) && !dev->vhost)
		return no_vhost(word, dev->given);
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

/* Text that does not end in a null byte; s is NULL for none. */
struct part {
	const char *s;
	size_t len;
};

static bool is_same(struct part a, struct part b)
{
	return a.s && b.s && a.len == b.len && !memcmp(a.s, b.s, a.len);
}

static bool part_is(struct part part, const char *text)
{
	return is_same(part, (struct part){ text, strlen(text) });
}

/* A name with "%d" is not the one that the device gets, and a brace would end the
 * placeholder: such a device has only its place. */
static bool is_named(const struct expand_dev *dev)
{
	return !strpbrk(dev->given, "%}");
}

static void put_hole(struct text *t, enum word word, const struct devs *all,
		     const struct expand_dev *dev)
{
	putf(t, "{%s:", words[word]);
	if (is_named(dev))
		put(t, dev->given, strlen(dev->given));
	else
		putf(t, "%zu", (size_t)(dev - all->devs) + 1);
	put(t, "}", 1);
}

static const struct expand_dev *find_dev(const struct devs *all, struct part name)
{
	char place[24];

	for (size_t i = 0; i < all->n; i++) {
		if (is_named(&all->devs[i]) && part_is(name, all->devs[i].given))
			return &all->devs[i];
	}
	for (size_t i = 0; i < all->n; i++) {
		snprintf(place, sizeof(place), "%zu", i + 1);
		if (part_is(name, place))
			return &all->devs[i];
	}
	return NULL;
}

static void no_such_dev(enum word word, const struct devs *all, struct part name)
{
	struct text known = { .data = NULL };

	for (size_t i = 0; i < all->n; i++) {
		put(&known, ", ", i ? 2 : 0);
		put_hole(&known, word, all, &all->devs[i]);
	}
	fail_usage("{%s:%.*s}: there is no such device: write %s", words[word],
		   name.len < 40 ? (int)name.len : 40, name.s, known.data ? known.data : "");
	free(known.data);
}

/* The device of a placeholder, whose name is none where none is said. NULL with a failure on
 * record. */
static const struct expand_dev *choose_dev(enum word word, const struct devs *all, struct part name)
{
	const struct expand_dev *dev = name.s ? find_dev(all, name) : NULL;

	if (!name.s && all->n == 1)
		return all->devs;
	if (!name.s)
		fail_usage("{%s}: which of the %zu devices? Write {%s:NAME}", words[word], all->n,
			   words[word]);
	else if (!dev)
		no_such_dev(word, all, name);
	return dev;
}

/* A placeholder in an argument. */
struct hole {
	const char *at, *end; /* its brace, and behind it */
	enum word word;
	const struct expand_dev *dev;
};

/* Finds the first placeholder in text. Returns 1, 0 when there is none, or a recorded
 * failure. */
static int find_hole(const struct devs *all, const char *text, struct hole *hole)
{
	for (; (text = strchr(text, '{')); text++) {
		size_t len = strcspn(text + 1, ":{}");
		const char *end = text + 1 + len;
		struct part name = { .s = NULL };

		hole->word = find_word(text + 1, len);
		if (hole->word == NO_WORD)
			continue;
		if (*end == ':') {
			name.s = end + 1;
			end = strchr(name.s, '}');
			if (!end)
				return 0;
			name.len = (size_t)(end - name.s);
		}
		if (*end != '}')
			continue;
		hole->at = text;
		hole->end = end + 1;
		hole->dev = choose_dev(hole->word, all, name);
		return hole->dev ? 1 : FAIL_USAGE;
	}
	return 0;
}

/* The argument with its placeholders replaced, newly allocated; *found is set when
 * there was one. NULL with a failure on record. */
static char *expand_one(const struct devs *all, const char *arg, bool *found)
{
	struct text t = { .data = NULL };
	struct hole hole = { .at = arg };
	int r;

	while ((r = find_hole(all, arg, &hole)) > 0) {
		*found = true;
		put(&t, arg, (size_t)(hole.at - arg));
		r = put_word(&t, hole.word, hole.dev);
		if (r < 0)
			break;
		arg = hole.end;
	}
	if (r < 0) {
		free(t.data);
		return NULL;
	}
	put(&t, arg, strlen(arg));
	if (!t.data)
		fail_errno(ENOMEM, NULL, "cannot prepare COMMAND's arguments");
	return t.data;
}

/* --- QEMU's arguments --- */

static bool is_option(const char *word, const char *name)
{
	return word[0] == '-' && streq(word + 1 + (word[1] == '-'), name);
}

/* The first value of "key":"value". */
static struct part json_value(const char *word, const char *key)
{
	size_t len = strlen(key);

	for (const char *s = word; (s = strstr(s, key)); s += len) {
		const char *at = s + len + 1;

		if (s == word || s[-1] != '"' || s[len] != '"')
			continue;
		at += strspn(at, " \t\n");
		if (*at != ':')
			continue;
		at += 1 + strspn(at + 1, " \t\n");
		if (*at == '"')
			return (struct part){ at + 1, strcspn(at + 1, "\"") };
		return (struct part){ at, strcspn(at, " \t\n,]}") };
	}
	return (struct part){ .s = NULL };
}

/* The last value of key in "a,key=value,b", where two commas are one of the value, or in
 * JSON. */
static struct part value_of(const char *word, const char *key)
{
	struct part found = { .s = NULL };
	size_t len = strlen(key);
	const char *end;

	if (*word == '{')
		return json_value(word, key);
	for (;; word = end + 1) {
		for (end = word; *end && (end[0] != ',' || end[1] == ',');)
			end += end[0] == ',' ? 2 : 1;
		if (!strncmp(word, key, len) && word[len] == '=')
			found = (struct part){ word + len + 1, (size_t)(end - word) - len - 1 };
		if (!*end)
			return found;
	}
}

/* "tap" of "tap,id=x" and "id=x,type=tap" */
static bool has_type(const char *word, const char *type)
{
	return part_is(value_of(word, "type"), type) ||
	       part_is((struct part){ word, strcspn(word, ",") }, type);
}

static bool is_net_nic(const char *option, const char *word)
{
	return is_option(option, "net") && has_type(word, "nic");
}

/* A NIC at hub 0. */
static bool is_hub_nic(const char *option, const char *word)
{
	return is_net_nic(option, word) && !value_of(word, "netdev").s;
}

/* Anything else at hub 0. An unknown type is no argument of QEMU's ("unshare --net qemu"). */
static bool is_hub_member(const char *option, const char *word)
{
	static const char *const types[] = {
		"user",		"tap",	      "bridge",	    "socket",	     "stream", "dgram",
		"vde",		"l2tpv3",     "netmap",	    "af-xdp",	     "passt",  "vmnet-host",
		"vmnet-shared", "vhost-user", "vhost-vdpa", "vmnet-bridged",
	};

	for (size_t i = 0; is_option(option, "net") && i < ARRAY_SIZE(types); i++) {
		if (has_type(word, types[i]))
			return true;
	}
	return is_option(option, "netdev") && has_type(word, "hubport") &&
	       part_is(value_of(word, "hubid"), "0");
}

/* A "-net" that is appended would join these: a frame from one reaches all of them. */
static int check_hub(char **argv)
{
	size_t nics = 0;

	for (; argv[0] && argv[1]; argv++) {
		nics += is_hub_nic(argv[0], argv[1]);
		if (is_hub_member(argv[0], argv[1]) || nics > 1)
			return fail_usage(
				"COMMAND has '%s %.60s', which QEMU would join in one hub "
				"with the '-net' that is appended: say 'args netdev', or "
				"write {fd} where it belongs",
				argv[0], argv[1]);
	}
	return 0;
}

int expand_check(int argc, char **argv, const struct expand_dev *devs, size_t n, bool vhost,
		 enum expand_args style)
{
	const struct devs all = { devs, n };
	bool found = false;

	for (int i = 0; i < argc; i++) {
		struct hole hole = { .end = argv[i] };
		int r;

		while ((r = find_hole(&all, hole.end, &hole)) > 0) {
			found = true;
			if (!vhost && (hole.word == VHOSTFD || hole.word == VHOSTFDS))
				return no_vhost(hole.word, hole.dev->given);
		}
		if (r < 0)
			return r;
	}
	return style == EXPAND_NET && !found ? check_hub(argv) : 0;
}

/* --- what is appended --- */

struct vector {
	char **argv;
	int n;
};

static bool set(char **slot, char *word)
{
	free(*slot);
	*slot = word;
	if (!word)
		fail_errno(ENOMEM, NULL, "cannot prepare COMMAND's arguments");
	return word;
}

static bool add(struct vector *v, char *word)
{
	if (!set(&v->argv[v->n], word))
		return false;
	v->n++;
	return true;
}

/* "-net": QEMU's hub. One device, one queue; a NIC that COMMAND brings is given the address. */
static bool append_net(struct vector *v, const struct expand_dev *dev)
{
	struct text nic = { .data = NULL }, tap = { .data = NULL };
	int i = 1;

	while (i < v->n && !is_hub_nic(v->argv[i - 1], v->argv[i]))
		i++;
	if (i >= v->n) {
		if (!add(v, strdup("-net")) || !add(v, strdup("nic,model=virtio")))
			return false;
		i = v->n - 1;
	}
	if (!value_of(v->argv[i], "macaddr").s) {
		put(&nic, v->argv[i], strlen(v->argv[i]));
		put(&nic, ",macaddr=", 9);
		put_mac(&nic, &dev->mac);
		if (!set(&v->argv[i], nic.data))
			return false;
	}
	if (!add(v, strdup("-net")))
		return false;
	putf(&tap, "tap,fd=%d", dev->fds[0]);
	return add(v, tap.data);
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

static bool append(struct vector *v, const struct devs *all, enum expand_args style)
{
	if (style == EXPAND_NET)
		return append_net(v, all->devs);
	for (size_t i = 0; style == EXPAND_NETDEV && i < all->n; i++) {
		if (!append_netdev(v, &all->devs[i], i))
			return false;
	}
	return true;
}

/* --- what is warned of --- */

static bool has_fd(const struct expand_dev *dev, unsigned long long fd)
{
	for (uint32_t i = 0; i < dev->queues; i++) {
		if ((unsigned long long)dev->fds[i] == fd)
			return true;
	}
	return false;
}

/* The device whose descriptor the word has, in QEMU's words or crosvm's, or NULL. */
static const struct expand_dev *carried(const char *word, const struct devs *all)
{
	static const char *const keys[] = { "fd", "fds", "tap-fd" };

	for (size_t k = 0; k < ARRAY_SIZE(keys); k++) {
		struct part fds = value_of(word, keys[k]);

		for (size_t i = 0; fds.s && i < all->n; i++) {
			if (has_fd(&all->devs[i], strtoull(fds.s, NULL, 10)))
				return &all->devs[i];
		}
	}
	return NULL;
}

/* The device behind the netdev called id, or behind hub 0 where id is none, or NULL. */
static const struct expand_dev *behind(struct part id, char **argv, const struct devs *all)
{
	for (; argv[0] && argv[1]; argv++) {
		const struct expand_dev *dev = carried(argv[1], all);

		if (dev && is_option(argv[0], id.s ? "netdev" : "net") &&
		    (!id.s || is_same(id, value_of(argv[1], "id"))))
			return dev;
	}
	return NULL;
}

static void warn_of_no_mac(const char *word, const char *key, const struct devs *all,
			   const struct expand_dev *dev)
{
	bool json = *word == '{';
	struct text hole = { .data = NULL };

	if (all->n > 1)
		put_hole(&hole, MAC, all, dev);
	else
		putf(&hole, "{mac}");
	if (hole.data)
		warn("COMMAND gives its NIC on %s no MAC, but a macvtap delivers only frames for "
		     "its own: add '%s%s%s%s%s'",
		     dev->name, json ? "\"" : "", key, json ? "\":\"" : "=", hole.data,
		     json ? "\"" : "");
	free(hole.data);
}

/* The word is a NIC on the macvtap dev. key: what its MAC is called, NULL when that cannot
 * be told. */
static void judge_nic(const char *word, const char *key, const struct devs *all,
		      const struct expand_dev *dev)
{
	static const char *const keys[] = { "mac", "macaddr", "guest_mac" };
	struct part mac = { .s = NULL };
	struct text own = { .data = NULL };
	char text[18] = "";
	uint8_t b[6];

	for (size_t k = 0; !mac.s && k < ARRAY_SIZE(keys); k++)
		mac = value_of(word, keys[k]);
	if (!mac.s && key)
		warn_of_no_mac(word, key, all, dev);
	if (mac.len != sizeof(text) - 1)
		return;
	memcpy(text, mac.s, mac.len);
	if (args_mac_bytes(text, b) < 0 || !memcmp(b, dev->mac.b, sizeof(b)))
		return;
	put_mac(&own, &dev->mac);
	if (own.data)
		warn("COMMAND's MAC is %s, but a macvtap delivers only frames for its own, and "
		     "that of %s is %s",
		     text, dev->name, own.data);
	free(own.data);
}

/* The MACs that COMMAND gives to its NICs on our macvtaps. Where no word says whose NIC it
 * is, it may be anybody's. */
static void warn_of_macs(char **argv, const struct devs *all)
{
	for (size_t i = 0; argv[i]; i++) {
		const char *option = i ? argv[i - 1] : "";
		bool net_nic = is_net_nic(option, argv[i]), nic = is_option(option, "nic");
		struct part netdev = value_of(argv[i], "netdev");
		bool front = net_nic || (netdev.s && is_option(option, "device"));
		const struct expand_dev *dev =
			front ? behind(netdev, argv, all) : carried(argv[i], all);
		const char *key = net_nic ? "macaddr" : front || nic ? "mac" : NULL;

		/* Blanks and braces: more than one NIC may be in there. */
		if (dev && dev->has_node && (key || !strpbrk(argv[i], " \t\n{")))
			judge_nic(argv[i], key, all, dev);
	}
}

static bool mentions(char **argv, const char *what)
{
	for (; *argv; argv++) {
		if (strstr(*argv, what))
			return true;
	}
	return false;
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
		ok = append(&v, &all, style);
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
