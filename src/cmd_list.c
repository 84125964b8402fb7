// SPDX-License-Identifier: GPL-2.0-or-later
/* list: what there is. Values that `ip -j -d link` has too are the same here,
 * under the same keys. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/sysmacros.h>

#include "cmd.h"
#include "fail.h"
#include "held.h"
#include "lifeline.h"
#include "orphan.h"

/* In linux/if.h, which cannot stand beside net/if.h. */
#define FLAG_LOWER_UP (1U << 16)
#define FLAG_DORMANT (1U << 17)
#define FLAG_ECHO (1U << 18)

#define MAX_NAMES 256

/* Where ip has the names of link groups, and what we read of it. */
#define GROUP_FILE "/etc/iproute2/group"
#define GROUP_SIZE (64 * 1024)

struct shown {
	int ifindex;
	int32_t netnsid;
};

struct list {
	const char *names[MAX_NAMES];
	size_t n_names;
	struct shown named[MAX_NAMES]; /* what they are names of */
	size_t n_named;
	const char *type;
	const char *link;
	enum dev_mode mode;
	bool orphaned, used, unused; /* only these */

	struct ctx *ctx;
	struct out out;
	struct dev_home home; /* with a socket of its own, for questions during a dump */
	struct holders seen;
	bool saw_all, saw_all_asked;
	struct lifeline_marks marks;
	bool users;	    /* are to be shown */
	bool unsure;	    /* those of a device that was looked at cannot be told */
	char *groups;	    /* GROUP_FILE */
	struct node *nodes; /* rows of a tree, which are shown at the end */
	size_t n_nodes;
	struct known { /* names of links, by index */
		int ifindex;
		int32_t netnsid;
		bool up;
		char name[IFNAMSIZ];
	} known[64];
	int link_index; /* of link */
};

static bool is_in(const struct shown *set, size_t n, const struct dev *dev)
{
	for (size_t i = 0; i < n; i++) {
		if (set[i].ifindex == dev->ifindex && set[i].netnsid == dev->netnsid)
			return true;
	}
	return false;
}

static void *take_name(void *dst, const char *name)
{
	struct list *list = dst;

	if (list->n_names == MAX_NAMES) {
		fail_usage("list: more than %d names", MAX_NAMES);
		return NULL;
	}
	list->names[list->n_names++] = name;
	return list;
}

/* clang-format off */
static const struct args_word words[] = {
	{ .name = "type", .value = "{macvtap|tap}", .parse = args_str,
	  .offset = offsetof(struct list, type), .help = "only this kind" },
	{ .name = "link", .alias = "master", .value = "DEV", .parse = args_ifname,
	  .offset = offsetof(struct list, link),
	  .help = "only devices on this lower device or bridge" },
	{ .name = "mode", .value = "{private|vepa|bridge|passthru|source}",
	  .parse = dev_mode_value, .offset = offsetof(struct list, mode),
	  .help = "only devices in this mode" },
	{ .name = "used", .offset = offsetof(struct list, used), .excl = 1,
	  .help = "only devices that somebody holds open" },
	{ .name = "unused", .offset = offsetof(struct list, unused), .excl = 1,
	  .help = "only devices that are known to be held by nobody" },
	{ .name = "orphaned", .offset = offsetof(struct list, orphaned), .excl = 1,
	  .help = "only devices of vnetctl's that outlived their VM and their watcher" },
};
/* clang-format on */

/* The name of a link, for as long as nobody asks for another one; NULL when
 * there is none or it cannot be told. */
static const char *name_of(struct list *list, int ifindex, int32_t netnsid)
{
	struct known *known = &list->known[(unsigned)ifindex % ARRAY_SIZE(list->known)];
	struct dev dev;

	if (!ifindex)
		return NULL;
	if (known->ifindex == ifindex && known->netnsid == netnsid)
		return known->name;
	if (dev_get_index(&list->home.nl, netnsid, ifindex, &dev) < 0) {
		/* Gone, or in a namespace that is gone or closed to us; else the list fails. */
		if (fail_errnum() == EPERM || nl_nsid_gone(fail_errnum()))
			fail_clear();
		return NULL;
	}
	known->ifindex = ifindex;
	known->netnsid = netnsid;
	known->up = dev.flags & IFF_UP;
	memcpy(known->name, dev.name, sizeof(known->name));
	return known->name;
}

/* The id of the namespace that the lower device is in, -1: home. */
static int32_t link_nsid(const struct dev *dev)
{
	return dev_link_is_home(dev)  ? -1 :
	       dev->link_netnsid >= 0 ? dev->link_netnsid :
					dev->netnsid;
}

static const char *link_name(struct list *list, const struct dev *dev)
{
	return name_of(list, dev->link, link_nsid(dev));
}

/* Returns the branch of a tree that the device is on: its lower device or bridge, NULL for none. */
static const char *root_name(struct list *list, const struct dev *dev)
{
	const char *name = dev->link	    ? link_name(list, dev) :
			   dev_is_port(dev) ? name_of(list, dev->master, dev->netnsid) :
					      NULL;

	return name || !(dev->link || dev_is_port(dev)) ? name : "?";
}

/* As ip has it: of a lower device that is not in another namespace. */
static bool is_lower_down(struct list *list, const struct dev *dev)
{
	if (!dev->link || !dev_link_is_home(dev) || !link_name(list, dev))
		return false;
	return !list->known[(unsigned)dev->link % ARRAY_SIZE(list->known)].up;
}

static const char *operstate(const struct dev *dev)
{
	static const char *const states[] = { "UNKNOWN", "NOTPRESENT", "DOWN", "LOWERLAYERDOWN",
					      "TESTING", "DORMANT",    "UP" };

	return dev->operstate < ARRAY_SIZE(states) ? states[dev->operstate] : "UNKNOWN";
}

/* The order and the words of ip (print_link_flags() says NO-CARRIER first). */
static void show_flags(struct out *o, unsigned flags, bool lower_down)
{
	static const struct {
		unsigned bit;
		const char *word;
	} words_of[] = {
		{ IFF_LOOPBACK, "LOOPBACK" },
		{ IFF_BROADCAST, "BROADCAST" },
		{ IFF_POINTOPOINT, "POINTOPOINT" },
		{ IFF_MULTICAST, "MULTICAST" },
		{ IFF_NOARP, "NOARP" },
		{ IFF_ALLMULTI, "ALLMULTI" },
		{ IFF_PROMISC, "PROMISC" },
		{ IFF_MASTER, "MASTER" },
		{ IFF_SLAVE, "SLAVE" },
		{ IFF_DEBUG, "DEBUG" },
		{ IFF_DYNAMIC, "DYNAMIC" },
		{ IFF_AUTOMEDIA, "AUTOMEDIA" },
		{ IFF_PORTSEL, "PORTSEL" },
		{ IFF_NOTRAILERS, "NOTRAILERS" },
		{ IFF_UP, "UP" },
		{ FLAG_LOWER_UP, "LOWER_UP" },
		{ FLAG_DORMANT, "DORMANT" },
		{ FLAG_ECHO, "ECHO" },
	};

	out_list(o, "flags");
	if (flags & IFF_UP && !(flags & IFF_RUNNING))
		out_item(o, "NO-CARRIER");
	for (size_t i = 0; i < ARRAY_SIZE(words_of); i++) {
		if (flags & words_of[i].bit)
			out_item(o, words_of[i].word);
	}
	if (lower_down)
		out_item(o, "M-DOWN");
	out_list_end(o);
}

/* Without the file, or what follows in it, groups are shown by number, as ip does. */
static void read_groups(struct list *list)
{
	auto_close int fd = open(GROUP_FILE, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n = 1;

	list->groups = calloc(1, GROUP_SIZE);
	while (list->groups && fd >= 0 && n > 0) {
		n = read(fd, list->groups + len, GROUP_SIZE - 1 - len);
		len += n > 0 ? (size_t)n : 0;
	}
}

/* A line is "NUMBER NAME", the last one of a number counts (rtnl_hash_initialize() of iproute2's
 * lib/rt_names.c, which ends at the first that is none). */
static bool find_group(const char *line, uint32_t group, char name[256])
{
	bool found = false;

	for (; line && *line; line = strchr(line, '\n'), line += line != NULL) {
		unsigned long long number;
		size_t len;
		char *end;

		line += strspn(line, " \t");
		if (*line == '#' || *line == '\n' || !*line)
			continue;
		number = strtoull(line, &end, strncmp(line, "0x", 2) == 0 ? 16 : 10);
		len = strspn(end, " \t");
		if (end == line || !len)
			break;
		end += len;
		len = strcspn(end, " \t\n");
		if (!len)
			break;
		if (number != group || len > 255)
			continue;
		snprintf(name, 256, "%.*s", (int)len, end);
		found = true;
	}
	return found;
}

static const char *group_text(struct list *list, const struct dev *dev, char text[256])
{
	if (!list->groups)
		read_groups(list);
	if (find_group(list->groups, dev->group, text))
		return text;
	snprintf(text, 256, "%u", dev->group);
	return dev->group ? text : "default";
}

static const char *owner_text(const struct dev *dev, char text[96])
{
	const struct passwd *pw = dev->owner != (uid_t)-1 ? getpwuid(dev->owner) : NULL;
	const struct group *gr = dev->owner_group != (gid_t)-1 ? getgrgid(dev->owner_group) : NULL;
	int n = 0;

	if (dev->owner == (uid_t)-1 && dev->owner_group == (gid_t)-1)
		return NULL;
	if (pw)
		n = snprintf(text, 48, "%s", pw->pw_name);
	else if (dev->owner != (uid_t)-1)
		n = snprintf(text, 48, "%u", dev->owner);
	if (n > 47)
		n = 47;
	if (gr)
		snprintf(text + n, 48, ":%s", gr->gr_name);
	else if (dev->owner_group != (gid_t)-1)
		snprintf(text + n, 48, ":%u", dev->owner_group);
	return text;
}

static const char *lifetime(struct list *list, const struct dev *dev)
{
	if (dev->netnsid >= 0)
		return "fd";
	if (!dev_has_node(dev))
		return dev->persist ? "persistent" : "fd";
	return lifeline_is_mark(&list->home, dev->group) ? "watched" : "persistent";
}

struct altnames {
	struct out *out;
	bool any;
};

static void show_altname(const char *altname, void *arg)
{
	struct altnames *names = arg;

	if (!names->any)
		out_list(names->out, "altnames");
	names->any = true;
	out_item(names->out, altname);
}

static void show_altnames(struct list *list)
{
	struct altnames names = { &list->out, false };

	dev_each_altname(&list->ctx->home.nl, show_altname, &names);
	if (names.any)
		out_list_end(&list->out);
}

/* The number of no device. */
#define NOBODY ((dev_t)-1)

/* What is known about the node of a macvtap, or the name of a tap, to find its users. */
struct way {
	bool known;
	struct holders_key key;
	char netns[64]; /* where a device inside a lifeline can be entered */
	enum { USE_UNKNOWN, USE_NO, USE_YES } use;
};

static void find_way(struct list *list, const struct dev *dev, struct way *way)
{
	int r;

	fail_hold();
	way->known = held_key(&list->home, &list->seen, dev, &way->key, way->netns) == 0;
	fail_release();
	if (way->known)
		return;
	r = holders_number_of(&list->seen, dev->name, dev->ifindex, &way->key.number);
	way->known = r >= 0;
	if (r == 0)
		way->key.number = NOBODY;
}

static const struct holder *first_user(struct list *list, const struct way *way)
{
	return way->known ? holders_next(&list->seen, &way->key, NULL) : NULL;
}

/* Asked at most once. */
static bool saw_all(struct list *list)
{
	if (!list->saw_all_asked)
		list->saw_all = holders_saw_all(&list->seen);
	list->saw_all_asked = true;
	return list->saw_all;
}

/* The kernel's word counts, but a lifeline can outlive the guest: where all processes can be seen
 * and none of them holds a macvtap, nobody does (held.c). */
static int find_use(struct list *list, const struct dev *dev, struct way *way)
{
	int held;

	way->use = USE_YES;
	if (first_user(list, way))
		return 0;
	list->unsure = true;
	held = held_by_kernel(&list->home, dev);
	if (held < 0)
		return held;
	if (held && dev_has_node(dev) && saw_all(list))
		way->use = USE_NO;
	else if (!held)
		way->use = dev_has_node(dev) && (!way->known || list->seen.denied) ? USE_UNKNOWN :
										     USE_NO;
	return 0;
}

static void show_node(struct list *list, const struct dev *dev, const struct way *way)
{
	char text[32];

	if (!dev_has_node(dev) || !way->known)
		return;
	if (way->netns[0])
		out_str(&list->out, "netns", way->netns);
	if (way->key.number == NOBODY)
		return;
	snprintf(text, sizeof(text), "%u:%u", major(way->key.number), minor(way->key.number));
	out_str(&list->out, "node", text);
}

/* The processes that hold the device, or the descriptors of its lifeline. */
static const struct holder *next_one(struct list *list, const struct dev *dev,
				     const struct way *way, bool inside, const struct holder *h)
{
	return inside ? lifeline_next_inside(&list->home, &list->seen, dev->netnsid, h) :
			holders_next(&list->seen, &way->key, h);
}

/* All descriptors of one process, from *h on, which it leaves at the next one's. */
static void show_user(struct list *list, const struct dev *dev, const struct way *way, bool inside,
		      const struct holder **h)
{
	const struct holder *first = *h;
	struct out *o = &list->out;
	char comm[16];

	holders_comm(first->pid, comm);
	out_user(o, comm, first->pid);
	for (; *h && (*h)->pid == first->pid; *h = next_one(list, dev, way, inside, *h)) {
		if ((*h)->fd >= 0)
			out_user_fd(o, (*h)->fd);
	}
	out_user_end(o);
}

/* Absent, not empty, when what we may not read could hold it. */
static void show_users(struct list *list, const struct dev *dev, const struct way *way)
{
	const struct holder *h = first_user(list, way);

	if (!h && (way->use != USE_NO || !way->known || list->seen.denied))
		return;
	out_users(&list->out, "users");
	while (h)
		show_user(list, dev, way, false, &h);
	out_users_end(&list->out);
}

static bool is_user(struct list *list, const struct way *way, pid_t pid)
{
	const struct holder *h = first_user(list, way);

	while (h && h->pid != pid)
		h = holders_next(&list->seen, &way->key, h);
	return h;
}

/* A process that only stands in the device's namespace, or keeps it, holds no device. */
static void show_inside_of(struct list *list, const struct dev *dev, const struct way *way)
{
	const struct holder *h = NULL;
	bool any = false;

	if (dev->netnsid < 0)
		return;
	h = next_one(list, dev, way, true, NULL);
	while (h) {
		if (is_user(list, way, h->pid)) {
			h = next_one(list, dev, way, true, h);
			continue;
		}
		if (!any)
			out_users(&list->out, "inside");
		any = true;
		show_user(list, dev, way, true, &h);
	}
	if (any)
		out_users_end(&list->out);
}

static void show_details(struct list *list, const struct dev *dev, const struct way *way)
{
	struct out *o = &list->out;
	char text[256];

	out_break(o);
	out_num(o, "ifindex", dev->ifindex);
	show_flags(o, dev->flags, is_lower_down(list, dev));
	out_num(o, "txqlen", dev->txqlen);
	out_str(o, "group", group_text(list, dev, text));
	out_num(o, "queues",
		dev_has_node(dev) ? dev->tx_queues :
		dev->multi_queue  ? dev->tap_queues :
				    1);
	if (!dev_has_node(dev)) {
		out_bool(o, "persist", dev->persist);
		out_bool(o, "vnet_hdr", dev->vnet_hdr);
		out_bool(o, "multi_queue", dev->multi_queue);
		out_str(o, "owner", owner_text(dev, text));
	}
	if (list->users)
		show_inside_of(list, dev, way);
	show_node(list, dev, way);
	dev_alias(&list->ctx->home.nl, text);
	if (text[0])
		out_str(o, "ifalias", text);
	show_altnames(list);
}

static enum out_ink state_ink(const char *state)
{
	return streq(state, "UP") ? INK_UP : streq(state, "DOWN") ? INK_DOWN : INK_NONE;
}

static void show_state(struct out *o, const struct dev *dev)
{
	out_next_ink(o, state_ink(operstate(dev)));
	out_str(o, "operstate", operstate(dev));
}

static void show_mac(struct out *o, const char *key, const uint8_t mac[6])
{
	char text[18];

	dev_mac_text(mac, text);
	out_next_ink(o, INK_MAC);
	out_str(o, key, text);
}

static void show_brief(struct list *list, const struct dev *dev)
{
	struct out *o = &list->out;

	out_next_ink(o, INK_NAME);
	out_row(o, "ifname", dev->name);
	show_state(o, dev);
	out_str(o, "type", dev_kind_word(dev->kind));
	out_str(o, "link", root_name(list, dev));
	out_str(o, "mode", dev->mode ? dev_mode_word(dev->mode) : NULL);
	show_mac(o, "address", dev->address);
	out_row_end(o);
}

static void show(struct list *list, const struct dev *dev, const struct way *way, bool orphaned)
{
	struct out *o = &list->out;

	out_next_ink(o, INK_NAME);
	out_row(o, "ifname", dev->name);
	show_state(o, dev);
	out_str(o, "type", dev_kind_word(dev->kind));
	out_str(o, "link", link_name(list, dev));
	if (dev->link && link_nsid(dev) >= 0)
		out_num(o, "link_netnsid", link_nsid(dev));
	out_str(o, "master", name_of(list, dev->master, dev->netnsid));
	out_str(o, "mode", dev->mode ? dev_mode_word(dev->mode) : NULL);
	show_mac(o, "address", dev->address);
	if (!dev_has_node(dev)) {
		show_mac(o, "guest_address", dev->guest.b);
		if (dev_is_port(dev))
			out_bool(o, "isolated", dev->isolated);
	}
	out_num(o, "mtu", dev->mtu);
	out_str(o, "lifetime", lifetime(list, dev));
	out_flag(o, "made", dev->altname[0]);
	out_flag(o, "orphaned", orphaned);
	if (dev->netnsid >= 0)
		out_num(o, "netnsid", dev->netnsid);
	if (list->users)
		show_users(list, dev, way);
	if (list->ctx->details)
		show_details(list, dev, way);
	out_row_end(o);
}

/* A tree needs all of them before the first line. */
struct node {
	struct dev dev;
	struct way way;
	bool orphaned;
	char root[IFNAMSIZ]; /* lower device or bridge ... */
	int32_t root_nsid;   /* ... in this namespace */
};

static int keep_node(struct list *list, const struct dev *dev, const struct way *way, bool orphaned)
{
	const char *root = root_name(list, dev);
	struct node *more;

	if (!have_room(list->nodes, list->n_nodes))
		return fail_errno(ENOMEM, NULL, "cannot list devices");
	more = &list->nodes[list->n_nodes++];
	*more = (struct node){ .dev = *dev, .way = *way, .orphaned = orphaned };
	more->root_nsid = dev->link ? link_nsid(dev) : dev->netnsid;
	snprintf(more->root, sizeof(more->root), "%s", root ? root : "");
	return 0;
}

static int compare_roots(const struct node *x, const struct node *y)
{
	int r = strcmp(x->root, y->root);

	return r ? r : (x->root_nsid > y->root_nsid) - (x->root_nsid < y->root_nsid);
}

static int compare_nodes(const void *a, const void *b)
{
	const struct node *x = a, *y = b;
	int r = compare_roots(x, y);

	return r ? r : strcmp(x->dev.name, y->dev.name);
}

static void draw_users(struct list *list, const struct node *node, bool last_dev)
{
	const struct holder *h, *next;
	char comm[16], text[48];

	for (h = first_user(list, &node->way); h; h = next) {
		next = h;
		while (next && next->pid == h->pid)
			next = holders_next(&list->seen, &node->way.key, next);
		const bool last[] = { last_dev, !next };

		out_branch(&list->out, 2, last);
		holders_comm(h->pid, comm);
		snprintf(text, sizeof(text), "(pid %d)", h->pid);
		out_word(&list->out, comm);
		out_word(&list->out, text);
		out_branch_end(&list->out);
	}
}

static void draw_node(struct list *list, const struct node *node, bool last)
{
	const struct dev *dev = &node->dev;
	struct out *o = &list->out;
	char mac[18];

	out_branch(o, 1, &last);
	out_next_ink(o, INK_NAME);
	out_word(o, dev->name);
	out_word(o, dev_kind_word(dev->kind));
	out_word(o, dev->mode ? dev_mode_word(dev->mode) : NULL);
	dev_mac_text(dev->guest.b, mac);
	out_next_ink(o, INK_MAC);
	out_word(o, mac);
	out_next_ink(o, state_ink(operstate(dev)));
	out_word(o, operstate(dev));
	out_word(o, lifetime(list, dev));
	out_word(o, node->orphaned ? "orphaned" : NULL);
	out_branch_end(o);
	draw_users(list, node, last);
}

static void draw_root(struct list *list, const struct node *node)
{
	char text[32];

	out_branch(&list->out, 0, NULL);
	out_word(&list->out, node->root[0] ? node->root : "(no link)");
	if (node->root[0] && node->root_nsid >= 0) {
		snprintf(text, sizeof(text), "link_netnsid %d", node->root_nsid);
		out_word(&list->out, text);
	}
	out_branch_end(&list->out);
}

static void draw_tree(struct list *list)
{
	const struct node *nodes = list->nodes;

	if (list->n_nodes)
		qsort(list->nodes, list->n_nodes, sizeof(*nodes), compare_nodes);
	for (size_t i = 0; i < list->n_nodes; i++) {
		bool first = i == 0 || compare_roots(&nodes[i], &nodes[i - 1]) != 0;
		bool last = i + 1 == list->n_nodes || compare_roots(&nodes[i], &nodes[i + 1]) != 0;

		if (first)
			draw_root(list, &nodes[i]);
		draw_node(list, &nodes[i], last);
	}
}

static bool wanted(const struct list *list, const struct dev *dev)
{
	if (!dev->kind || !dev_is_mine(dev))
		return false;
	if (list->type && !streq(list->type, dev_kind_word(dev->kind)))
		return false;
	if (list->link_index && !dev_is_on(dev, list->link_index))
		return false;
	return !list->mode || list->mode == dev->mode;
}

static int show_if_wanted(const struct dev *dev, void *arg)
{
	struct list *list = arg;
	struct way way = { .known = false };
	int orphaned;

	if (!wanted(list, dev))
		return 0;
	orphaned = orphan_is(&list->home, &list->marks,
			     list->users || list->orphaned ? &list->seen : NULL, dev);
	if (orphaned < 0) {
		/* Its lifeline is dead; who else might hold it we may not see. */
		if (fail_errnum() != EPERM && fail_errnum() != ENOENT && fail_errnum() != ENODEV)
			return orphaned;
		orphaned = fail_errnum() == EPERM;
		fail_clear();
	}
	if (list->orphaned && !orphaned)
		return 0;
	if (list->users) {
		find_way(list, dev, &way);
		if (find_use(list, dev, &way) < 0)
			return fail_code();
	}
	if ((list->used && way.use != USE_YES) || (list->unused && way.use != USE_NO))
		return 0;
	if (list->ctx->tree && list->ctx->style == OUT_TEXT)
		return keep_node(list, dev, &way, orphaned);
	if (list->ctx->style == OUT_BRIEF)
		show_brief(list, dev);
	else
		show(list, dev, &way, orphaned);
	return fail_code();
}

static int find_link(struct list *list)
{
	struct dev link;

	if (!list->link)
		return 0;
	if (dev_get(&list->ctx->home.nl, -1, list->link, &link) < 0)
		return fail_code();
	list->link_index = link.ifindex;
	return 0;
}

static int check_mine(const struct dev *dev)
{
	return dev_is_mine(dev) ? 0 : fail_refuse("list %s: it was not made for you", dev->name);
}

/* Also by another name of the device. What is not there is told at the end. */
static void find_names(struct list *list)
{
	struct dev dev;

	for (size_t i = 0; i < list->n_names; i++) {
		if (lifeline_lookup(&list->ctx->home, list->names[i], &dev) == 0 &&
		    check_mine(&dev) == 0 && !is_in(list->named, list->n_named, &dev))
			list->named[list->n_named++] = (struct shown){ dev.ifindex, dev.netnsid };
		fail_note();
	}
}

/* What an ordinary user may not look into is said once. */
static int show_inside(struct list *list)
{
	if (lifeline_each(&list->ctx->home, &list->marks, show_if_wanted, list) == 0)
		return 0;
	if (fail_errnum() != EPERM && fail_errnum() != EACCES)
		return fail_code();
	fail_clear();
	warn("cannot look into the namespaces of devices of lifetime fd: this needs CAP_NET_ADMIN");
	return 0;
}

/* Only these are asked for, however many others there are. */
static int show_named(struct list *list)
{
	for (size_t i = 0; i < list->n_named; i++) {
		const struct shown *named = &list->named[i];

		if (dev_look(&list->ctx->home.nl, named->netnsid, named->ifindex, show_if_wanted,
			     list) == 0)
			continue;
		if (!nl_nsid_gone(fail_errnum()))
			return fail_code();
		fail_clear(); /* it has gone meanwhile */
	}
	return 0;
}

static int show_every(struct list *list)
{
	struct nl *nl = &list->ctx->home.nl;

	if (lifeline_marks_load(&list->home, &list->marks) < 0 ||
	    (!streq(list->type, "tap") && dev_each(nl, "macvtap", -1, show_if_wanted, list) < 0) ||
	    (!streq(list->type, "macvtap") && dev_each(nl, "tun", -1, show_if_wanted, list) < 0) ||
	    /* None of them is ever an orphan. */
	    (!streq(list->type, "tap") && !list->orphaned && show_inside(list) < 0))
		return fail_code();
	return 0;
}

static int show_all(struct list *list)
{
	int r = list->n_names ? show_named(list) : show_every(list);

	if (r == 0 && list->nodes)
		draw_tree(list);
	return r;
}

static int look_for_users(struct list *list)
{
	struct deadline patience = deadline_in(1000);
	const struct ctx *ctx = list->ctx;

	list->users =
		(ctx->users && ctx->style != OUT_BRIEF) || ctx->tree || list->used || list->unused;
	if (!list->users)
		return 0;
	if (holders_walk(&list->seen) < 0)
		return fail_code();
	holders_drop_lookers(&list->seen, &patience);
	return 0;
}

/* Only where it matters for what was asked. */
static void warn_of_unseen(const struct list *list)
{
	unsigned n = list->seen.denied;

	if (list->unsure && n)
		warn("cannot look into %u process%s of others: %s", n, n == 1 ? "" : "es",
		     getuid() ? "run as root to see all users" : "this needs CAP_SYS_PTRACE");
}

static int run(struct ctx *ctx, int argc, char **argv)
{
	static const unsigned widths[] = { 16, 15, 8, 14, 9, 0 };
	struct list list = { .ctx = ctx, .home = DEV_HOME_INIT, .seen = HOLDERS_INIT };
	int r;

	r = args_parse(&cmd_list.spec, "list", argc, argv, &list, NULL);
	if (r < 0)
		return r;
	out_begin(&list.out, ctx->style, ctx->colour, widths);
	find_names(&list);
	if (find_link(&list) == 0 && look_for_users(&list) == 0 && dev_home_open(&list.home) == 0)
		show_all(&list);
	warn_of_unseen(&list);
	out_end(&list.out);
	dev_home_close(&list.home);
	holders_free(&list.seen);
	lifeline_marks_free(&list.marks);
	free(list.nodes);
	free(list.groups);
	return fail_code();
}

const struct cmd cmd_list = {
	.name = "list",
	.aliases = {"show", "ls"},
	.help = "show devices",
	.spec =
		{
			.words = words,
			.n = ARRAY_SIZE(words),
			.names = "[ [dev] NAME... ]",
			.name = take_name,
		},
	/* The links in lifelines, of which an ordinary user is shown his own. */
	.power = POWER(CAP_NET_ADMIN),
	/* Nodes in lifelines, and processes of others. */
	.own_power = POWER(CAP_SYS_ADMIN) | POWER_LOOK,
	.run = run,
};
