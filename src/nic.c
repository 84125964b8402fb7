// SPDX-License-Identifier: GPL-2.0-or-later
/* The order is what keeps the promises. Until nic_settle() the device is either
 * not there before us and marked from birth (so it goes when we go), or was
 * there and is untouched. The last send brings it up and, if it is to go with
 * the VM, marks it; a tap loses its persistence. */
#include "nic.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "fail.h"
#include "holders.h"
#include "netns.h"
#include "policy.h"
#include "tapfd.h"

void nic_init(struct nic *nic, const char *verb)
{
	*nic = (struct nic){
		.verb = verb, .inside = DEV_HOME_INIT, .own = LIFELINE_INIT, .id = -1
	};
}

static bool is_tap(const struct dev_kind *kind)
{
	return streq(dev_kind_word(kind), "tap");
}

static bool is_macvlan(const struct dev *dev)
{
	return streq(dev->kind_name, "macvlan") || streq(dev->kind_name, "macvtap");
}

int nic_check(const struct nic *nic)
{
	if (nic->pin && nic->want.queues > 1)
		return fail_usage("%s: 'fd' is for a device with one queue: '%s' has %u", nic->verb,
				  nic->want.name, nic->want.queues);
	if (!nic->share)
		return 0;
	if (plan_wanted(&nic->want))
		return fail_usage("%s: 'share' is for a device that exists: it does not go "
				  "with words that make one",
				  nic->verb);
	/* A guest more must not decide when the device of the first one goes. */
	if (nic->asked != LIFE_DEFAULT)
		return fail_usage("%s: 'lifetime' does not go with 'share': the device's life "
				  "stays what it is",
				  nic->verb);
	return 0;
}

/* The lifetime, now that the kind is known. */
static int settle_lifetime(struct nic *nic, const struct dev_kind *kind, bool ours)
{
	if (is_tap(kind) && nic->asked == LIFE_WATCHED)
		return fail_usage("%s: a tap needs no watcher: lifetime fd, which is its "
				  "default, removes it with the last descriptor",
				  nic->verb);
	if (!is_tap(kind) && nic->asked == LIFE_FD && !nic->plan.kind)
		return fail_usage("%s: lifetime fd is for a macvtap that %s makes: %s exists "
				  "already, and can have watched",
				  nic->verb, nic->verb, nic->dev.name);
	nic->lifetime = nic->share ? LIFE_PERSISTENT : nic->asked;
	if (nic->lifetime == LIFE_DEFAULT)
		nic->lifetime = !ours ? LIFE_PERSISTENT : is_tap(kind) ? LIFE_FD : LIFE_WATCHED;
	return 0;
}

static bool is_inside(const struct nic *nic)
{
	return nic->at == &nic->inside;
}

static bool is_inside_wanted(const struct nic *nic)
{
	return nic->lifetime == LIFE_FD && !is_tap(nic->plan.kind);
}

static int open_inside(struct nic *nic)
{
	if (lifeline_new(nic->home, nic->plan.name, &nic->own) < 0 ||
	    netns_enter(nic->own.nsfd) < 0 || dev_home_open(&nic->inside) < 0)
		return fail_code();
	nic->plan.nsfd = nic->own.nsfd;
	nic->at = &nic->inside;
	return 0;
}

/* One lifeline serves all watched devices of a VM. */
static int need_lifeline(struct nic *nic, struct lifeline *shared)
{
	if (nic->lifetime != LIFE_WATCHED || shared->nsfd >= 0)
		return 0;
	return lifeline_new(nic->home, NULL, shared);
}

static int open_queues(struct nic *nic)
{
	uint32_t wanted = nic->want.queues ? nic->want.queues : 1;

	while (nic->queues < wanted) {
		int fd = dev_open(&nic->dev, nic->id, wanted);

		if (fd < 0)
			return fd;
		nic->fds[nic->queues++] = fd;
	}
	return 0;
}

/* A macvtap's queue holds a reference on the namespace it is opened in: the
 * lifeline, which is where we are already if the device lives in it. */
static int open_in_lifeline(struct nic *nic, const struct lifeline *shared)
{
	bool watched = nic->lifetime == LIFE_WATCHED;
	int r;

	if (!dev_has_node(&nic->dev))
		return open_queues(nic);
	nic->id = dev_node_id(nic->at, &nic->dev);
	if (nic->id < 0 || (watched && netns_enter(shared->nsfd) < 0))
		return fail_code();
	r = open_queues(nic);
	if ((watched || is_inside(nic)) && netns_enter(nic->home->nsfd) < 0)
		return fail_code();
	return r;
}

/* The kernel sees no clash between home and lifelines: we do, under the lock. */
static int check_name(struct nic *nic)
{
	struct dev dev;

	if (lifeline_check_name(nic->home, nic->plan.name) < 0)
		return fail_code();
	if (!is_inside_wanted(nic))
		return 0;
	if (dev_get(&nic->home->nl, -1, nic->plan.name, &dev) == 0)
		return fail_errno(EEXIST, NULL, "cannot create macvtap %s on %s", nic->plan.name,
				  nic->link.name);
	if (fail_errnum() != ENODEV)
		return fail_code();
	fail_clear();
	return 0;
}

/* One try; whatever it did before it failed is undone. */
static int try_to_make(struct nic *nic, struct lifeline *shared)
{
	auto_close int lock = lifeline_lock_name(nic->plan.name);
	int fd = -1, r;

	if (lock < 0 || check_name(nic) < 0)
		return fail_code();
	r = is_inside_wanted(nic) ? open_inside(nic) : need_lifeline(nic, shared);
	if (nic->lifetime == LIFE_WATCHED)
		nic->plan.group = shared->mark;
	if (r == 0)
		r = dev_make(&nic->home->nl, is_inside(nic) ? &nic->inside.nl : NULL, &nic->plan,
			     &nic->dev, &fd);
	if (r == 0) {
		nic->made = true;
		if (fd >= 0)
			nic->fds[nic->queues++] = fd;
		return open_in_lifeline(nic, shared);
	}
	if (nic->own.nsfd >= 0)
		netns_enter(nic->home->nsfd);
	nic->at = nic->home;
	dev_home_close(&nic->inside);
	lifeline_close(&nic->own);
	return r;
}

/* The kernel puts what is made on a macvlan beside it. */
static int lower_of(const struct dev *link)
{
	return is_macvlan(link) ? link->link : link->ifindex;
}

/* What is in the way of one is another one of the same VM. It will not go by itself,
 * and the kernel says so only when both are there, or are to come up. */
static int check_rivals(const struct nic *nic, const struct nic *taken, size_t n)
{
	char mac[18];

	for (size_t i = 0; !is_tap(nic->plan.kind) && i < n; i++) {
		const struct dev *other = &taken[i].dev;

		if (!dev_has_node(other) || lower_of(&taken[i].link) != lower_of(&nic->link))
			continue;
		if (nic->plan.mode == MODE_PASSTHRU || other->mode == MODE_PASSTHRU)
			return fail_usage("%s: %s and %s exclude each other: passthru "
					  "leaves no room on %s for another",
					  nic->verb, other->name, nic->want.name, nic->link.name);
		if (memcmp(other->address, nic->plan.guest.b, 6) != 0)
			continue;
		dev_mac_text(other->address, mac);
		return fail_usage("%s: %s and %s exclude each other: both have %s on %s",
				  nic->verb, other->name, nic->want.name, mac, nic->link.name);
	}
	return 0;
}

/* With plan and permission. */
static int make_it(struct nic *nic, struct lifeline *shared)
{
	struct lifeline_marks marks = { .n = 0 };
	bool count;

	if (strchr(nic->plan.name, '%') && lifeline_marks_load(nic->home, &marks) < 0)
		return fail_code();
	/* The kernel cannot choose a number that is free among lifelines, too. */
	count = strchr(nic->plan.name, '%') &&
		(is_inside_wanted(nic) || lifeline_has_inside(&marks));
	lifeline_marks_free(&marks);
	for (unsigned n = 0; count; n++) {
		if (plan_number(&nic->plan, nic->want.name, n, nic->name) < 0)
			return fail_code();
		if (try_to_make(nic, shared) == 0)
			return 0;
		if (nic->made)
			return fail_code();
		if (fail_errnum() != EEXIST)
			return dev_explain_make(&nic->home->nl, &nic->plan, NULL);
		fail_clear();
	}
	for (unsigned tries = 0;; tries++) {
		struct dev hidden;

		if (try_to_make(nic, shared) == 0)
			return 0;
		if (nic->made)
			return fail_code();
		if (!lifeline_clear_way(nic->home, &nic->plan, 0, tries, &hidden))
			return dev_explain_make(&nic->home->nl, &nic->plan, &hidden);
	}
}

static int make(struct nic *nic, const struct nic *taken, size_t n_taken, struct lifeline *shared)
{
	auto_close int lock = -1;

	if (plan_of(nic->home, &nic->want, &nic->plan, &nic->link) < 0 ||
	    check_rivals(nic, taken, n_taken) < 0 ||
	    settle_lifetime(nic, nic->plan.kind, true) < 0 ||
	    policy_make(nic->home, nic->verb, &nic->plan, &lock) < 0)
		return fail_code();
	nic->plan.persist = nic->lifetime == LIFE_PERSISTENT;
	return make_it(nic, shared);
}

/* A second reader silently takes part of the guest's traffic. */
static int refuse_held(struct nic *nic)
{
	auto_holders struct holders seen = HOLDERS_INIT;
	const struct holder *holder;
	unsigned patience = LIFELINE_PATIENCE;
	int held;

	if (nic->share)
		return 0;
	held = lifeline_held(nic->home, &seen, &nic->dev, &patience, &holder);
	if (held <= 0)
		return held;
	fail_errno(EBUSY, NULL, "cannot open %s", nic->dev.name);
	lifeline_explain_held(holder);
	return fail_hint("'share' opens it all the same");
}

static int find(struct nic *nic)
{
	const char *name = nic->want.name;

	if (lifeline_lookup(nic->home, name, &nic->dev) < 0) {
		if (fail_errnum() == ENODEV)
			fail_hint("to make it on the way, say at least 'type tap' or 'link DEV'");
		return fail_code();
	}
	if (policy_use(nic->home, nic->verb, &nic->dev, nic->dev.mode) < 0)
		return fail_code();
	if (nic->dev.netnsid >= 0 && nic->share)
		return fail_refuse("cannot open %s: it lives in a namespace of its own and cannot "
				   "be shared",
				   name);
	if (nic->want.queues > 1 && !dev_has_node(&nic->dev) && !nic->dev.multi_queue)
		return fail_refuse("cannot open %u queues of %s: it was made with one: 'create %s "
				   "queues %u' makes one with more",
				   nic->want.queues, name, name, nic->want.queues);
	return settle_lifetime(nic, nic->dev.kind, nic->dev.altname[0]);
}

/* For the warnings only. */
static int find_link(struct nic *nic)
{
	int link = nic->dev.link ? nic->dev.link : nic->dev.master;

	if (!link || nic->dev.link_netnsid >= 0 ||
	    dev_get_index(&nic->home->nl, -1, link, &nic->link) == 0)
		return 0;
	if (fail_errnum() != ENODEV)
		return fail_code();
	fail_clear();
	return 0;
}

/* What the last holder set is no business of the next one's. */
static int reset_queues(struct nic *nic)
{
	return nic->share ? 0 : tapfd_reset(nic->fds[0], dev_has_node(&nic->dev));
}

/* From the look at the holders until we are one of them nobody else may look. */
static int take(struct nic *nic, struct lifeline *shared)
{
	auto_close int lock = -1;
	char what[64];

	if (find(nic) < 0)
		return fail_code();
	snprintf(what, sizeof(what), "cannot open %s", nic->dev.name);
	lock = netns_lock(UINT64_C(2) << 32 | (uint32_t)nic->dev.ifindex, what);
	if (lock < 0 || need_lifeline(nic, shared) < 0 || refuse_held(nic) < 0)
		return fail_code();
	/* Only what we made is ours to quieten. */
	if (nic->dev.altname[0] && nic->dev.netnsid < 0 && dev_hush(&nic->dev) < 0)
		return fail_code();
	if (find_link(nic) < 0 || open_in_lifeline(nic, shared) < 0)
		return fail_code();
	return reset_queues(nic);
}

/* The number was kept free for us. */
static int pin_queue(struct nic *nic)
{
	if (!nic->pin)
		return 0;
	if (dup3(nic->fds[0], (int)nic->pin, O_CLOEXEC) < 0)
		return fail_sys("cannot hand %s over as descriptor %u", nic->dev.name, nic->pin);
	close(nic->fds[0]);
	nic->fds[0] = (int)nic->pin;
	return 0;
}

int nic_take(struct nic *nics, size_t i, struct dev_home *home, struct lifeline *shared)
{
	struct nic *nic = &nics[i];
	int r;

	nic->home = nic->at = home;
	r = plan_wanted(&nic->want) ? make(nic, nics, i, shared) : take(nic, shared);
	return r < 0 ? r : pin_queue(nic);
}

int nic_open_vhost(struct nic *nic, enum nic_vhost vhost)
{
	while (vhost >= VHOST_TRY && nic->vhosts < nic->queues) {
		int fd = tapfd_open_vhost();

		if (fd < 0 && vhost == VHOST_TRY && nic->vhosts == 0) {
			fail_clear();
			return 0;
		}
		if (fd < 0)
			return fd;
		nic->vhost[nic->vhosts++] = fd;
	}
	return 0;
}

/* udev may have thought that a new tap's address is its to choose. */
static int check_mac(struct nic *nic)
{
	uint8_t now[6];

	if (!nic->made || dev_has_node(&nic->dev))
		return 0;
	if (tapfd_get_mac(nic->fds[0], now) < 0)
		return fail_code();
	if (!memcmp(now, nic->dev.address, 6))
		return 0;
	return tapfd_set_mac(nic->fds[0], nic->dev.name, nic->dev.address);
}

static int explain_up(struct nic *nic, const struct dev *hidden)
{
	struct dev dev = nic->dev;

	/* Wherever it lives itself, its lower device is at home. */
	if (is_inside(nic))
		dev.link_netnsid = -1;
	return dev_explain_up(&nic->home->nl, &dev, hidden);
}

/* Up, and the mark with it, in one send. */
static int bring_up(struct nic *nic, const struct lifeline *shared, int arm)
{
	const struct dev_change change = {
		.set_up = true,
		.up = true,
		.set_group = nic->lifetime == LIFE_WATCHED && !nic->made,
		.group = shared->mark,
	};

	nic->changed = true;
	for (unsigned tries = 0;; tries++) {
		struct dev hidden = { .ifindex = 0 };

		if (dev_change(&nic->at->nl, &nic->dev, &change) == 0)
			break;
		if (!nic->made ||
		    !lifeline_clear_way(nic->home, &nic->plan, nic->dev.ifindex, tries, &hidden))
			return explain_up(nic, &hidden);
	}
	return change.set_group ? lifeline_arm(arm, true) : 0;
}

int nic_settle(struct nic *nic, const struct lifeline *shared, int arm)
{
	if (check_mac(nic) < 0 || bring_up(nic, shared, arm) < 0)
		return fail_code();
	if (nic->lifetime == LIFE_FD && nic->dev.persist) {
		nic->unpersisted = true;
		return tapfd_set_persist(nic->fds[0], false);
	}
	return 0;
}

static int inherit(int fd)
{
	return fcntl(fd, F_SETFD, 0) < 0 ? fail_sys("cannot hand a descriptor over") : 0;
}

int nic_hand_over(struct nic *nic)
{
	for (uint32_t i = 0; i < nic->queues; i++) {
		if (inherit(nic->fds[i]) < 0)
			return fail_code();
	}
	for (uint32_t i = 0; i < nic->vhosts; i++) {
		if (inherit(nic->vhost[i]) < 0)
			return fail_code();
	}
	return is_inside(nic) ? inherit(nic->own.nsfd) : 0;
}

static void restore(struct nic *nic, int arm)
{
	const struct dev_change change = {
		.set_up = !(nic->dev.flags & IFF_UP),
		.set_group = nic->lifetime == LIFE_WATCHED,
		.group = nic->dev.group,
	};

	if (arm >= 0)
		lifeline_arm(arm, false);
	if (nic->unpersisted)
		tapfd_set_persist(nic->fds[0], true);
	if (nic->changed && (change.set_up || change.set_group))
		dev_change(&nic->at->nl, &nic->dev, &change);
}

void nic_undo(struct nic *nic, int arm)
{
	fail_hold();
	if (nic->made && (dev_has_node(&nic->dev) || nic->lifetime == LIFE_PERSISTENT))
		dev_delete(&nic->at->nl, &nic->dev);
	else if (!nic->made)
		restore(nic, arm);
	fail_release();
	nic_release(nic);
}

void nic_release(struct nic *nic)
{
	while (nic->queues)
		close(nic->fds[--nic->queues]);
	while (nic->vhosts)
		close(nic->vhost[--nic->vhosts]);
	util_close(&nic->id);
	dev_home_close(&nic->inside);
	lifeline_close(&nic->own);
	nic->made = nic->changed = nic->unpersisted = false;
}

void nic_warn(struct nic *nic)
{
	const struct dev *link = &nic->link;

	if (!link->ifindex)
		return;
	/* Up is up only as far as the lower device is. */
	if (!(link->flags & IFF_UP))
		warn("%s is down, so %s reaches nobody: 'ip link set %s up'", link->name,
		     nic->dev.name, link->name);
	if (!dev_has_node(&nic->dev))
		return;
	if (is_macvlan(link))
		warn("%s is itself a %s: the kernel puts %s beside it, on its lower device",
		     link->name, link->kind_name, nic->dev.name);
	if (dev_is_wireless(nic->home, link))
		warn("%s is wireless: most access points pass only the card's address, not that "
		     "of %s",
		     link->name, nic->dev.name);
}
