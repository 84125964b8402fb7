// SPDX-License-Identifier: GPL-2.0-or-later
/* list: what there is. Values that `ip -j -d link` has too are the same here,
 * under the same keys. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/sysmacros.h>

#include "cmd.h"
#include "fail.h"
#include "lifeline.h"

/* In linux/if.h, which cannot stand beside net/if.h. */
#define FLAG_LOWER_UP (1U << 16)
#define FLAG_DORMANT (1U << 17)
#define FLAG_ECHO (1U << 18)

#define MAX_NAMES 256

struct list {
	const char *names[MAX_NAMES];
	size_t n_names;
	uint32_t found[MAX_NAMES / 32];
	const char *type;
	const char *link;
	enum dev_mode mode;
	bool orphaned; /* only these */

	struct ctx *ctx;
	struct out out;
	struct dev_home home; /* with a socket of its own, for questions during a dump */
	struct holders seen;
	bool users;	/* are to be shown */
	int link_index; /* of link */
	struct shown {	/* what an interrupted dump had shown already */
		int ifindex;
		int32_t netnsid;
	} * shown;
	size_t n_shown;
};

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
	{ .name = "orphaned", .offset = offsetof(struct list, orphaned),
	  .help = "only devices of vnetctl's that outlived their VM and their watcher" },
};
/* clang-format on */

static const char *name_of(struct list *list, int ifindex, int32_t netnsid, struct dev *dev)
{
	if (!ifindex)
		return NULL;
	if (dev_get_index(&list->home.nl, netnsid, ifindex, dev) == 0)
		return dev->name;
	fail_clear();
	return NULL;
}

static const char *operstate(const struct dev *dev)
{
	static const char *const states[] = { "UNKNOWN", "NOTPRESENT", "DOWN", "LOWERLAYERDOWN",
					      "TESTING", "DORMANT",    "UP" };

	return dev->operstate < ARRAY_SIZE(states) ? states[dev->operstate] : "UNKNOWN";
}

/* The order and the words of ip (print_link_flags() says NO-CARRIER first). */
static void show_flags(struct out *o, unsigned flags)
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
	out_list_end(o);
}

static const char *group_text(const struct dev *dev, char text[16])
{
	if (!dev->group)
		return "default";
	snprintf(text, 16, "%u", dev->group);
	return text;
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

static void show_altname(const char *altname, void *arg)
{
	struct list *list = arg;

	out_item(&list->out, altname);
}

/* What is known about the node of a macvtap, or the name of a tap, to find its users. */
struct way {
	bool known;
	struct holders_key key;
	char netns[64]; /* where a device inside a lifeline can be entered */
};

static void find_way(struct list *list, const struct dev *dev, struct way *way)
{
	*way = (struct way){ .known = false };
	fail_hold();
	way->known = lifeline_key(&list->home, &list->seen, dev, &way->key, way->netns) == 0;
	fail_release();
}

static void show_node(struct list *list, const struct dev *dev, const struct way *way)
{
	char text[32];

	if (!dev_has_node(dev) || !way->known)
		return;
	if (way->netns[0])
		out_str(&list->out, "netns", way->netns);
	snprintf(text, sizeof(text), "%u:%u", major(way->key.number), minor(way->key.number));
	out_str(&list->out, "node", text);
}

/* All descriptors of one process, from *h on, which it leaves at the next one's. */
static void show_user(struct list *list, const struct way *way, const struct holder **h)
{
	const struct holder *first = *h;
	struct out *o = &list->out;
	char comm[16];

	holders_comm(first->pid, comm);
	out_user(o, comm, first->pid);
	for (; *h && (*h)->pid == first->pid; *h = holders_next(&list->seen, &way->key, *h))
		out_user_fd(o, (*h)->fd);
	out_user_end(o);
}

/* Absent, not empty, when what we may not read could hold it. */
static void show_users(struct list *list, const struct way *way)
{
	const struct holder *h = way->known ? holders_next(&list->seen, &way->key, NULL) : NULL;

	if (!h && (!way->known || list->seen.denied))
		return;
	out_users(&list->out, "users");
	while (h)
		show_user(list, way, &h);
	out_users_end(&list->out);
}

static void show_details(struct list *list, const struct dev *dev, const struct way *way)
{
	struct out *o = &list->out;
	char text[256];

	out_break(o);
	out_num(o, "ifindex", dev->ifindex);
	show_flags(o, dev->flags);
	out_num(o, "txqlen", dev->txqlen);
	out_str(o, "group", group_text(dev, text));
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
	show_node(list, dev, way);
	dev_alias(dev, text);
	if (text[0])
		out_str(o, "ifalias", text);
	if (dev->altname[0]) {
		out_list(o, "altnames");
		dev_each_altname(dev, show_altname, list);
		out_list_end(o);
	}
}

static void show(struct list *list, const struct dev *dev, bool orphaned)
{
	const char *link, *master;
	struct out *o = &list->out;
	struct dev lower, bridge;
	struct way way;
	char mac[18];

	/* From inside a lifeline the lower device is "elsewhere", which is home. */
	link = name_of(list, dev->link, dev->netnsid >= 0 ? -1 : dev->link_netnsid, &lower);
	master = name_of(list, dev->master, -1, &bridge);
	out_row(o, "ifname", dev->name);
	out_str(o, "operstate", operstate(dev));
	out_str(o, "type", dev_kind_word(dev->kind));
	if (o->style == OUT_BRIEF) {
		out_str(o, "link", link ? link : master);
	} else {
		out_str(o, "link", link);
		if (dev->link_netnsid >= 0 && dev->netnsid < 0)
			out_num(o, "link_netnsid", dev->link_netnsid);
		out_str(o, "master", master);
	}
	out_str(o, "mode", dev->mode ? dev_mode_word(dev->mode) : NULL);
	dev_mac_text(dev->address, mac);
	out_str(o, "address", mac);
	if (o->style == OUT_BRIEF) {
		out_row_end(o);
		return;
	}
	if (!dev_has_node(dev)) {
		dev_mac_text(dev->guest.b, mac);
		out_str(o, "guest_address", mac);
		if (dev->master)
			out_bool(o, "isolated", dev->isolated);
	}
	out_num(o, "mtu", dev->mtu);
	out_str(o, "lifetime", lifetime(list, dev));
	out_flag(o, "made", dev->altname[0]);
	out_flag(o, "orphaned", orphaned);
	if (dev->netnsid >= 0)
		out_num(o, "netnsid", dev->netnsid);
	if (list->users || list->ctx->details)
		find_way(list, dev, &way);
	if (list->users)
		show_users(list, &way);
	if (list->ctx->details)
		show_details(list, dev, &way);
	out_row_end(o);
}

static bool wanted(struct list *list, const struct dev *dev)
{
	bool named = !list->n_names;

	for (size_t i = 0; i < list->n_names; i++) {
		if (streq(list->names[i], dev->name)) {
			list->found[i / 32] |= UINT32_C(1) << i % 32;
			named = true;
		}
	}
	if (!named || !dev->kind)
		return false;
	if (list->type && !streq(list->type, dev_kind_word(dev->kind)))
		return false;
	if (list->link_index && dev->link != list->link_index && dev->master != list->link_index)
		return false;
	return !list->mode || list->mode == dev->mode;
}

static bool shown_before(struct list *list, const struct dev *dev)
{
	for (size_t i = 0; i < list->n_shown; i++) {
		if (list->shown[i].ifindex == dev->ifindex &&
		    list->shown[i].netnsid == dev->netnsid)
			return true;
	}
	return false;
}

static int show_if_wanted(const struct dev *dev, void *arg)
{
	struct list *list = arg;
	struct shown *more;
	int orphaned;

	if (!wanted(list, dev) || shown_before(list, dev))
		return 0;
	orphaned = lifeline_is_orphan(&list->home, &list->seen, dev);
	if (orphaned < 0)
		return orphaned;
	if (list->orphaned && !orphaned)
		return 0;
	show(list, dev, orphaned);
	more = realloc(list->shown, (list->n_shown + 1) * sizeof(*more));
	if (!more)
		return fail_errno(ENOMEM, NULL, "cannot list devices");
	list->shown = more;
	more[list->n_shown++] = (struct shown){ dev->ifindex, dev->netnsid };
	return 0;
}

static void again(void *arg)
{
	(void)arg;
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

/* A name that was asked for and is not there is a failure; so is one of another kind. */
static int check_names(struct list *list)
{
	struct dev dev;

	for (size_t i = 0; i < list->n_names; i++) {
		if (list->found[i / 32] >> i % 32 & 1)
			continue;
		if (lifeline_lookup(&list->ctx->home, list->names[i], &dev) < 0)
			return fail_code();
	}
	return 0;
}

static int run(struct ctx *ctx, int argc, char **argv)
{
	static const unsigned widths[] = { 16, 15, 8, 16, 9, 0 };
	struct list list = { .ctx = ctx, .home = DEV_HOME_INIT, .seen = HOLDERS_INIT };
	int r;

	r = args_parse(&cmd_list.spec, "list", argc, argv, &list, NULL);
	if (r < 0)
		return r;
	if (find_link(&list) < 0)
		return fail_code();
	out_begin(&list.out, ctx->style, widths);
	list.users = ctx->users && ctx->style != OUT_BRIEF;
	r = list.users ? holders_walk(&list.seen) : 0;
	if (list.seen.denied)
		warn("cannot look into %u processes of others: run as root to see all users",
		     list.seen.denied);
	if (r == 0)
		r = dev_home_open(&list.home);
	if (r == 0)
		r = dev_each(&ctx->home.nl, "macvtap", -1, show_if_wanted, again, &list);
	if (r == 0)
		r = dev_each(&ctx->home.nl, "tun", -1, show_if_wanted, again, &list);
	if (r == 0)
		r = lifeline_each(&ctx->home, show_if_wanted, again, &list);
	if (r == 0)
		check_names(&list);
	out_end(&list.out);
	dev_home_close(&list.home);
	holders_free(&list.seen);
	free(list.shown);
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
	.run = run,
};
