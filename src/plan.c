// SPDX-License-Identifier: GPL-2.0-or-later
/* Everything here is a judgement on words and on what the kernel says about
 * the link; nothing is changed. */
#include "plan.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>

#include "fail.h"

bool plan_wanted(const struct plan_words *w)
{
	return w->type || w->link || w->mode || w->address.set || w->mtu || w->owner;
}

static int find_link(struct nl *nl, const char *name, struct dev *link)
{
	if ((link->ifindex && streq(link->name, name)) || dev_get(nl, -1, name, link) == 0)
		return 0;
	if (fail_errnum() == ENODEV)
		fail_hint("'ip link' shows which devices there are");
	return fail_code();
}

static int choose_kind(const struct plan_words *w, struct dev_plan *plan)
{
	bool on_bridge = plan->link && streq(plan->link->kind_name, "bridge");
	const char *type = w->type;

	if (!type)
		type = plan->link && !on_bridge ? "macvtap" : "tap";
	plan->kind = dev_kind_find(type);
	if (streq(type, "macvtap") && !plan->link)
		return fail_usage("macvtap %s needs a lower device: 'link DEV'", w->name);
	if (streq(type, "tap") && plan->link && !on_bridge)
		return fail_refuse("cannot create tap %s on %s: %s is no bridge: a tap's link is "
				   "the bridge it becomes a port of",
				   w->name, plan->link->name, plan->link->name);
	return 0;
}

static int choose_mode(const struct plan_words *w, struct dev_plan *plan)
{
	bool linked = plan->link;
	const char *flaw;

	plan->mode = w->mode ? w->mode : dev_default_mode(plan->kind, linked);
	flaw = dev_mode_flaw(plan->kind, plan->mode, linked);
	if (flaw)
		return fail_usage("cannot create %s %s with mode %s: %s", dev_kind_word(plan->kind),
				  w->name, dev_mode_word(plan->mode), flaw);
	if (plan->mode == MODE_SOURCE)
		warn("%s: mode source receives nothing until source addresses are added "
		     "('ip link set %s type macvtap macaddr add MAC')",
		     w->name, w->name);
	return 0;
}

static int choose_mac(const struct plan_words *w, struct dev_plan *plan)
{
	plan->guest = w->address;
	plan->asked_mac = plan->guest.set;
	if (plan->guest.set) {
		if (streq(dev_kind_word(plan->kind), "tap") && plan->guest.b[0] == 0xfe)
			return fail_usage("address: a guest behind a tap must not have fe as first "
					  "byte: the tap itself gets that one");
		return 0;
	}
	/* In passthru the guest is the lower device, address and all. */
	if (plan->mode == MODE_PASSTHRU && plan->link) {
		memcpy(plan->guest.b, plan->link->address, 6);
		plan->guest.set = true;
		return 0;
	}
	return dev_random_mac(&plan->guest);
}

static int choose_mtu(const struct plan_words *w, struct dev_plan *plan)
{
	plan->mtu = w->mtu;
	if (plan->link && plan->mtu > plan->link->mtu &&
	    streq(dev_kind_word(plan->kind), "macvtap"))
		return fail_refuse("cannot create %s: mtu %u is more than the %u of %s", w->name,
				   plan->mtu, plan->link->mtu, plan->link->name);
	return 0;
}

int plan_queues(const char *word, const char *text, void *field)
{
	uint64_t v;

	if (args_number(text, 1, 256, &v) < 0)
		return fail_usage("%s '%s' is no number from 1 to 256", word, text);
	*(uint32_t *)field = (uint32_t)v;
	return 0;
}

/* getpwnam(3) has other words for "there is none", too: these are none of them. */
static bool could_not_ask(void)
{
	return errno == EIO || errno == EINTR || errno == EMFILE || errno == ENFILE ||
	       errno == ENOMEM;
}

static int find_user(const char *word, const char *text, struct plan_user *user)
{
	const struct passwd *pw;
	uint64_t n;

	errno = 0;
	pw = getpwnam(text);
	if (!pw && could_not_ask())
		return fail_sys("%s: cannot look up user '%s'", word, text);
	if (!pw && args_number(text, 0, UINT32_MAX - 1, &n) == 0) {
		user->uid = (uid_t)n;
		pw = getpwuid(user->uid);
	} else if (!pw) {
		return fail_usage("%s: there is no user '%s'", word, text);
	}
	if (!pw)
		return 0;
	user->uid = pw->pw_uid;
	user->gid = pw->pw_gid;
	snprintf(user->name, sizeof(user->name), "%s", pw->pw_name);
	return 0;
}

static int find_group(const char *word, const char *text, gid_t *gid)
{
	const struct group *gr;
	uint64_t n;

	errno = 0;
	gr = getgrnam(text);
	if (!gr && could_not_ask())
		return fail_sys("%s: cannot look up group '%s'", word, text);
	if (gr)
		*gid = gr->gr_gid;
	else if (args_number(text, 0, UINT32_MAX - 1, &n) == 0)
		*gid = (gid_t)n;
	else
		return fail_usage("%s: there is no group '%s'", word, text);
	return 0;
}

int plan_find_user(const char *word, const char *text, struct plan_user *user)
{
	const char *colon = strchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : strlen(text);
	char name[256];

	*user = (struct plan_user){ .gid = (gid_t)-1 };
	if (len >= sizeof(name) || !len || (colon && !colon[1]))
		return fail_usage("%s '%s' is not USER or USER:GROUP", word, text);
	memcpy(name, text, len);
	name[len] = '\0';
	if (find_user(word, name, user) < 0)
		return fail_code();
	user->group_given = colon;
	return colon ? find_group(word, colon + 1, &user->gid) : 0;
}

static int choose_owner(const struct plan_words *w, struct dev_plan *plan)
{
	struct plan_user user;

	plan->owner = (uid_t)-1;
	plan->owner_group = (gid_t)-1;
	if (!w->owner)
		return 0;
	if (plan_find_user("owner", w->owner, &user) < 0)
		return fail_code();
	plan->owner = user.uid;
	if (user.group_given)
		plan->owner_group = user.gid;
	return 0;
}

int plan_of(struct dev_home *home, const struct plan_words *w, struct dev_plan *plan,
	    struct dev *link)
{
	const char *flaw = args_name_flaw(w->name, true);

	*plan = (struct dev_plan){
		.name = w->name, .home = home->inode, .queues = w->queues, .nsfd = -1
	};
	if (flaw)
		return fail_usage("'%s' is no name for a device: %s", w->name, flaw);
	if (streq(w->name, "all") || streq(w->name, "default"))
		return fail_usage("'%s' is no name for a device: the kernel keeps it for itself in "
				  "/proc/sys/net",
				  w->name);
	if (w->link) {
		if (find_link(&home->nl, w->link, link) < 0)
			return fail_code();
		plan->link = link;
	}
	if (choose_kind(w, plan) < 0 || choose_mode(w, plan) < 0 || choose_mac(w, plan) < 0 ||
	    choose_mtu(w, plan) < 0)
		return fail_code();
	return choose_owner(w, plan);
}

int plan_number(struct dev_plan *plan, const char *pattern, unsigned n, char name[IFNAMSIZ])
{
	const char *at = strstr(pattern, "%d");
	int len = snprintf(name, IFNAMSIZ, "%.*s%u%s", (int)(at - pattern), pattern, n, at + 2);

	if (len >= IFNAMSIZ)
		return fail_errno(ENFILE, NULL, "cannot find a free name for %s", pattern);
	plan->name = name;
	return 0;
}
