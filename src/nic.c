// SPDX-License-Identifier: GPL-2.0-or-later
/* The order is what keeps the promises: all devices are planned, then permitted, then taken.
 *
 * A device that is made is marked from birth, so that it goes when we go, and comes up at once:
 * only then is its address its own. A device that was there is opened under its claim, and nothing
 * more, until nic_settle(): then what its last holder set is reset, and the last send brings it up
 * and, if it is to go with the VM, marks it; a tap loses its persistence. The claim goes with the
 * exec. */
#include "nic.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "fail.h"
#include "held.h"
#include "netns.h"
#include "orphan.h"
#include "policy.h"
#include "tapfd.h"
#include "watcher.h"
#include "way.h"

void nic_init(struct nic *nic, const char *verb, enum nic_lifetime made_life)
{
	*nic = (struct nic){ .verb = verb,
			     .made_life = made_life,
			     .birth = BIRTH_INIT,
			     .claim = CLAIM_INIT,
			     .holder = LIFELINE_INIT,
			     .id = -1 };
}

static bool is_tap(const struct dev_kind *kind)
{
	return streq(dev_kind_word(kind), "tap");
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

static bool is_made(const struct nic *nic)
{
	return nic->birth.plan.kind;
}

/* The lifetime, now that the kind is known. */
static int settle_lifetime(struct nic *nic, const struct dev_kind *kind, bool ours)
{
	if (is_tap(kind) && nic->asked == LIFE_WATCHED)
		return fail_usage("%s: a tap needs no watcher: lifetime fd, which is its "
				  "default, removes it with the last descriptor",
				  nic->verb);
	if (!is_tap(kind) && nic->asked == LIFE_FD && !is_made(nic))
		return fail_usage("%s: lifetime fd is for a macvtap that %s makes: %s exists "
				  "already, and can have watched",
				  nic->verb, nic->verb, nic->dev.name);
	nic->lifetime = nic->asked;
	if (nic->lifetime == LIFE_DEFAULT)
		nic->lifetime = !ours	     ? LIFE_PERSISTENT :
				is_tap(kind) ? LIFE_FD :
				is_made(nic) ? nic->made_life :
					       LIFE_WATCHED;
	return 0;
}

/* The kernel puts what is made on a macvlan beside it. */
static int lower_of(const struct dev *link)
{
	return dev_is_macvlan(link) ? link->link : link->ifindex;
}

/* A macvtap as it is, or as it will be. */
struct macvtap {
	const char *name;
	const uint8_t *address;
	enum dev_mode mode;
	int lower; /* 0: not a macvtap */
};

static struct macvtap macvtap_of(const struct nic *nic)
{
	const struct dev_plan *plan = &nic->birth.plan;

	if (is_made(nic))
		return (struct macvtap){ nic->want.name, plan->guest.b, plan->mode,
					 is_tap(plan->kind) ? 0 : lower_of(&nic->link) };
	return (struct macvtap){ nic->dev.name, nic->dev.address, nic->dev.mode,
				 dev_has_node(&nic->dev) ? lower_of(&nic->link) : 0 };
}

/* Two devices of one VM exclude each other. Say so now: the kernel would only when both are
 * there, or come up. */
static int check_rivals(const struct nic *nics, size_t i)
{
	const struct macvtap own = macvtap_of(&nics[i]);
	const char *verb = nics[i].verb;
	char mac[18];

	for (size_t k = 0; own.lower && k < i; k++) {
		const struct macvtap other = macvtap_of(&nics[k]);

		if (other.lower != own.lower)
			continue;
		if (own.mode == MODE_PASSTHRU || other.mode == MODE_PASSTHRU)
			return fail_usage("%s: %s and %s exclude each other: passthru "
					  "leaves no room on %s for another",
					  verb, other.name, own.name, nics[i].link.name);
		if (memcmp(other.address, own.address, 6) != 0)
			continue;
		dev_mac_text(other.address, mac);
		return fail_usage("%s: %s and %s exclude each other: both have %s on %s", verb,
				  other.name, own.name, mac, nics[i].link.name);
	}
	return 0;
}

/* By another of its names the same device could be named twice. */
static int check_twin(const struct nic *nics, size_t i)
{
	for (size_t k = 0; k < i; k++) {
		const struct dev *a = &nics[i].dev, *b = &nics[k].dev;

		if (!is_made(&nics[i]) && !is_made(&nics[k]) && a->ifindex == b->ifindex &&
		    a->netnsid == b->netnsid)
			return fail_usage("%s: %s and %s are the same device", nics[i].verb,
					  nics[k].want.name, nics[i].want.name);
	}
	return 0;
}

static int plan_new(struct nic *nic)
{
	struct birth *birth = &nic->birth;

	birth->home = nic->home;
	if (plan_of(nic->home, &nic->want, &birth->plan, &nic->link) < 0 ||
	    settle_lifetime(nic, birth->plan.kind, true) < 0)
		return fail_code();
	birth->plan.persist = nic->lifetime == LIFE_PERSISTENT;
	birth->apart = nic->lifetime == LIFE_FD && !is_tap(birth->plan.kind);
	return 0;
}

/* The link of a device that exists. */
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

static int find(struct nic *nic)
{
	const char *name = nic->want.name;

	if (lifeline_lookup(nic->home, name, &nic->dev) < 0) {
		if (fail_errnum() == ENODEV)
			fail_hint("to make it on the way, say at least 'type tap' or 'link DEV'");
		return fail_code();
	}
	if (nic->want.queues > 1 && !dev_has_node(&nic->dev) && !nic->dev.multi_queue)
		return fail_refuse("cannot open %u queues of %s: it was made with one: 'create %s "
				   "queues %u' makes one with more",
				   nic->want.queues, name, name, nic->want.queues);
	if (find_link(nic) < 0)
		return fail_code();
	return settle_lifetime(nic, nic->dev.kind, nic->dev.altname[0]);
}

int nic_plan(struct nic *nics, size_t i, struct dev_home *home)
{
	struct nic *nic = &nics[i];

	nic->home = home;
	if ((plan_wanted(&nic->want) ? plan_new(nic) : find(nic)) < 0 || check_twin(nics, i) < 0)
		return fail_code();
	return check_rivals(nics, i);
}

int nic_permit(struct nic *nics, size_t i, int *lock)
{
	struct nic *nic = &nics[i];
	unsigned planned = 0;

	if (!is_made(nic))
		return policy_use(nic->home, nic->verb, &nic->dev, nic->dev.mode);
	for (size_t k = 0; k < i; k++)
		planned += is_made(&nics[k]);
	return policy_make(nic->home, nic->verb, &nic->birth.plan, planned, lock);
}

static bool is_inside(const struct nic *nic)
{
	return nic->birth.own.nsfd >= 0;
}

/* Where the device is. */
static struct dev_home *place_of(struct nic *nic)
{
	return is_inside(nic) ? &nic->birth.inside : nic->home;
}

/* One lifeline serves all watched devices of a VM; a persistent one has its own, so that the kernel
 * says whether it is held. Without it only those who can see the holder know. */
static int need_lifeline(struct nic *nic, struct lifeline *shared)
{
	if (nic->lifetime == LIFE_WATCHED)
		return shared->nsfd >= 0 ? 0 : lifeline_new(nic->home, NULL, shared);
	if (nic->lifetime != LIFE_PERSISTENT || !dev_has_node(&nic->dev))
		return 0;
	if (lifeline_new_holder(nic->home, nic->dev.ifindex, &nic->holder) == 0)
		return 0;
	if (fail_errnum() != EPERM && fail_errnum() != ENOSPC)
		return fail_code();
	fail_clear();
	nic->unproven = true;
	return 0;
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

/* A macvtap's queue holds a reference on the namespace it is opened in. */
static int open_in_lifeline(struct nic *nic, const struct lifeline *shared)
{
	int nsfd = is_inside(nic)		 ? nic->birth.own.nsfd :
		   nic->lifetime == LIFE_WATCHED ? shared->nsfd :
						   nic->holder.nsfd;
	int r;

	if (!dev_has_node(&nic->dev))
		return open_queues(nic);
	/* The node is looked for in a sysfs of the namespace that the device is in. */
	if (!is_inside(nic))
		nic->id = dev_node_id(nic->home, &nic->dev);
	if ((nic->id < 0 && !is_inside(nic)) || (nsfd >= 0 && netns_enter(nsfd) < 0))
		return fail_code();
	if (is_inside(nic))
		nic->id = dev_node_id(&nic->birth.inside, &nic->dev);
	r = nic->id < 0 ? nic->id : open_queues(nic);
	if (nsfd >= 0)
		netns_return(nic->home->nsfd);
	return r;
}

static int explain_up(struct nic *nic, const struct dev *hidden)
{
	struct dev dev = nic->dev;

	/* Wherever it lives itself, its lower device is at home. */
	if (is_inside(nic))
		dev.link_netnsid = -1;
	return dev_explain_up(&nic->home->nl, &dev, hidden);
}

/* The group that a device which was there before gets, so that no dead mark stays on it. A watcher
 * takes any but a mark for an admin's doing. */
static int plan_group(const struct nic *nic, const struct lifeline *shared,
		      struct dev_change *change)
{
	bool marked = lifeline_is_mark(nic->home, nic->dev.group);
	int watched = marked ? orphan_has_watcher(&nic->dev) : 0;

	change->set_group = nic->lifetime == LIFE_WATCHED || marked;
	if (nic->lifetime == LIFE_WATCHED)
		change->group = shared->mark;
	else if (watched > 0)
		change->group = lifeline_free_mark(nic->home);
	return watched < 0 ? watched : 0;
}

/* Up, and the mark with it, in one send. */
static int bring_up(struct nic *nic, const struct lifeline *shared)
{
	struct way way = way_begin(nic->home, &nic->birth.plan, nic->dev.ifindex,
				   is_inside(nic) ? (int32_t)nic->birth.own.mark : -1);
	struct dev_change change = { .set_up = true, .up = true };

	if (!nic->made && plan_group(nic, shared, &change) < 0)
		return fail_code();
	nic->changed = true;
	while (dev_change(&place_of(nic)->nl, &nic->dev, &change) < 0) {
		int r = 0;

		if (!nic->made)
			return explain_up(nic, &way.hidden);
		r = birth_draw_again(&nic->birth, &place_of(nic)->nl);
		if (r < 0)
			return r;
		nic->dev = nic->birth.dev;
		if (r == 0 && !way_clear(&way))
			return explain_up(nic, &way.hidden);
	}
	return 0;
}

static int make(struct nic *nic, struct lifeline *shared)
{
	struct birth *birth = &nic->birth;

	if (nic->lifetime == LIFE_WATCHED && need_lifeline(nic, shared) < 0)
		return fail_code();
	if (nic->lifetime == LIFE_WATCHED)
		birth->plan.group = shared->mark;
	if (birth_make(birth) < 0)
		return fail_code();
	nic->dev = birth->dev;
	nic->made = true;
	if (birth->fd >= 0)
		nic->fds[nic->queues++] = steal_fd(&birth->fd);
	if (need_lifeline(nic, shared) < 0 || open_in_lifeline(nic, shared) < 0)
		return fail_code();
	return bring_up(nic, shared);
}

/* Takes the claim, as soon as the device is not about to be removed by its watcher. */
static int claim(struct nic *nic, struct deadline *deadline)
{
	int going;

	for (;;) {
		if (claim_take(&nic->claim, nic->home, &nic->dev, "open", deadline) < 0) {
			if (fail_errnum() == ENODEV)
				fail_hint("it went away with its last holder");
			return fail_code();
		}
		going = orphan_is_going(nic->home, &nic->dev);
		if (going < 0)
			return going;
		if (!going || deadline_over(deadline))
			return 0;
		claim_drop(&nic->claim);
		deadline_nap(deadline);
	}
}

/* The same queues as the holder has, so that the device lives as long as either of them. */
static int share(struct nic *nic, struct holders *seen, const struct holder *holder)
{
	uint32_t wanted = nic->want.queues ? nic->want.queues : 1;
	struct holders_key key;
	char path[64];

	if (held_key(nic->home, seen, &nic->dev, &key, path) < 0)
		return fail_code();
	for (const struct holder *h = holder; h && h->pid == holder->pid && nic->queues < wanted;
	     h = holders_next(seen, &key, h)) {
		struct tapfd_info info;
		int fd = tapfd_borrow(h->pid, h->fd);

		if (fd < 0)
			return fail_code();
		nic->fds[nic->queues++] = fd;
		if (tapfd_ask(fd, &info) < 0)
			return fail_code();
		if (!streq(info.name, nic->dev.name))
			return fail_refuse("cannot open %s: the descriptor leads to %s",
					   nic->dev.name, info.name);
	}
	nic->shared = true;
	nic->lifetime = LIFE_PERSISTENT;
	/* Its namespace, for mode and list, when the first holder has gone. */
	if (nic->dev.netnsid >= 0) {
		nic->birth.own.nsfd = lifeline_open(nic->home, seen, nic->dev.netnsid, path);
		fail_clear();
	}
	if (nic->queues < wanted)
		return fail_refuse("cannot share %u queues of %s: its holder has %u", wanted,
				   nic->dev.name, nic->queues);
	return 0;
}

/* Tries it, and lets go again. */
static bool can_share(struct nic *nic, struct holders *seen, const struct holder *holder)
{
	const enum nic_lifetime lifetime = nic->lifetime;
	bool can;

	fail_hold();
	can = share(nic, seen, holder) == 0;
	fail_release();
	while (nic->queues)
		close(nic->fds[--nic->queues]);
	lifeline_close(&nic->birth.own);
	nic->shared = false;
	nic->lifetime = lifetime;
	return can;
}

/* A second reader silently takes part of the guest's traffic. */
static int refuse_held(struct nic *nic, struct holders *seen, const struct held *held)
{
	const bool can = held->holder && can_share(nic, seen, held->holder);

	fail_errno(EBUSY, NULL, "cannot open %s", nic->dev.name);
	held_explain(held->holder);
	return can ? fail_hint("'share' opens it all the same") : fail_code();
}

/* Nobody has renamed another device to this name before it was opened. */
static int check_identity(const struct nic *nic)
{
	struct dev now;

	if (dev_get_index(&nic->home->nl, nic->dev.netnsid, nic->dev.ifindex, &now) < 0)
		return fail_code();
	if (streq(now.name, nic->dev.name))
		return 0;
	return fail_refuse("cannot open %s: it is called %s by now", nic->dev.name, now.name);
}

static int take(struct nic *nic, struct lifeline *shared)
{
	auto_holders struct holders seen = HOLDERS_INIT;
	struct held_wait wait;
	struct held held;

	wait = held_wait_begin();
	if (held_settle(nic->home, &seen, &nic->dev, &wait, &held) < 0)
		return fail_code();
	if (held.state == HELD_YES)
		return nic->share && held.holder ? share(nic, &seen, held.holder) :
						   refuse_held(nic, &seen, &held);
	if (nic->dev.netnsid >= 0)
		return fail_refuse("cannot open %s: its guest is gone, and it goes too",
				   nic->dev.name);
	if (!dev_has_node(&nic->dev))
		tapfd_remember_flags(&nic->before, nic->dev.name, nic->dev.ifindex, nic->dev.pi,
				     nic->dev.vnet_hdr, nic->dev.multi_queue);
	if (need_lifeline(nic, shared) < 0 || open_in_lifeline(nic, shared) < 0)
		return fail_code();
	return check_identity(nic);
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

/* The next one to be claimed after last (NULL: the first one). */
static struct nic *next_claim(struct nic *nics, size_t n, const struct nic *last)
{
	struct nic *next = NULL;

	for (size_t i = 0; i < n; i++) {
		const struct dev *dev = &nics[i].dev;

		if (!is_made(&nics[i]) && (!last || claim_compare(&last->dev, dev) < 0) &&
		    (!next || claim_compare(dev, &next->dev) < 0))
			next = &nics[i];
	}
	return next;
}

int nic_claim_all(struct nic *nics, size_t n)
{
	struct deadline deadline = deadline_in(DEADLINE_MS);
	struct nic *nic = NULL;

	while ((nic = next_claim(nics, n, nic)) != NULL) {
		if (claim(nic, &deadline) < 0)
			return fail_code();
	}
	return 0;
}

int nic_take(struct nic *nic, struct lifeline *shared)
{
	int r = is_made(nic) ? make(nic, shared) : take(nic, shared);

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

/* Resets all that the last holder has set: it is no business of the next one's. */
static int reset(struct nic *nic)
{
	bool has_node = dev_has_node(&nic->dev);

	if (nic->made)
		return 0;
	if (!has_node && tapfd_remember(&nic->before, nic->fds[0], nic->dev.name) < 0)
		return fail_code();
	return tapfd_reset(nic->fds[0], has_node);
}

static void warn_of_life(const struct nic *nic)
{
	if (nic->unproven)
		warn("%s: without a lifeline a vnetctl that cannot see COMMAND takes it for unused",
		     nic->dev.name);
	if (nic->lifetime == LIFE_WATCHED && !holders_in_first_pidns())
		warn("%s: its watcher is killed with this pid namespace, and %s stays then: made "
		     "with 'lifetime fd' it would need none",
		     nic->dev.name, nic->dev.name);
}

int nic_settle(struct nic *nic, const struct lifeline *shared, int arm)
{
	if (nic->shared)
		return 0;
	if (check_mac(nic) < 0 || reset(nic) < 0 || (!nic->made && bring_up(nic, shared) < 0))
		return fail_code();
	if (nic->lifetime == LIFE_WATCHED && !nic->made && watcher_arm(arm, true) < 0)
		return fail_code();
	if (nic->lifetime == LIFE_FD && nic->dev.persist) {
		nic->unpersisted = true;
		if (tapfd_set_persist(nic->fds[0], false) < 0)
			return fail_code();
	}
	warn_of_life(nic);
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
	return is_inside(nic) ? inherit(nic->birth.own.nsfd) : 0;
}

void nic_let_go(struct nic *nic)
{
	if (!nic->queues || !nic->before.flags)
		return;
	if (nic->unpersisted)
		tapfd_set_persist(nic->fds[0], true);
	tapfd_restore(&nic->before, nic->fds[0]);
	while (nic->queues)
		close(nic->fds[--nic->queues]);
}

static void restore(struct nic *nic, int arm)
{
	const struct dev_change change = {
		.set_up = !(nic->dev.flags & IFF_UP),
		.set_group = nic->lifetime == LIFE_WATCHED ||
			     lifeline_is_mark(nic->home, nic->dev.group),
		.group = nic->dev.group,
	};

	if (arm >= 0)
		watcher_arm(arm, false);
	nic_let_go(nic);
	tapfd_restore_flags(&nic->before, nic->dev.name);
	if (nic->changed && (change.set_up || change.set_group))
		dev_change(&nic->home->nl, &nic->dev, &change);
}

void nic_undo(struct nic *nic, int arm)
{
	if (!nic->home)
		return;
	fail_hold();
	if (nic->made && (dev_has_node(&nic->dev) || nic->lifetime == LIFE_PERSISTENT))
		dev_delete(&place_of(nic)->nl, &nic->dev);
	else if (!nic->made && !is_made(nic))
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
	nic->id = -1;
	birth_close(&nic->birth);
	lifeline_close(&nic->holder);
	claim_drop(&nic->claim);
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
	if (dev_is_macvlan(link))
		warn("%s is itself a %s: the kernel puts %s beside it, on its lower device",
		     link->name, link->kind_name, nic->dev.name);
	if (dev_is_wireless(nic->home, link))
		warn("%s is wireless: most access points pass only the card's address, not that "
		     "of %s",
		     link->name, nic->dev.name);
}
