// SPDX-License-Identifier: GPL-2.0-or-later
/* A mark is 0x56HHRRRR: our byte, a hash of the home namespace (a device that
 * is moved elsewhere keeps its group, where the id means nothing), and a random
 * part that RTM_NEWNSID proves to be free. The same number is the lifeline's
 * id at home and the group of the watched device. If the device lives inside
 * the lifeline (lifetime fd) the last bit is 1 and the other 15 are a hash of its name, or
 * the next ones if those are taken: so a name is found without asking every lifeline.
 *
 * The watcher's own device is told by its node, not by name or mark, which
 * admins change. Orphans are told by the mark: ours, made here, the id dead,
 * and no process that holds the device. */
#include "lifeline.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>

#include "fail.h"
#include "holders.h"
#include "netns.h"
#include "priv.h"
#include "tapfd.h"
#include "watch.h"

#define TRIES 32

/* In units of 2 ms, below a second. */
static void pause_briefly(unsigned units)
{
	const struct timespec moment = { .tv_nsec = units * 2L * 1000 * 1000 };

	nanosleep(&moment, NULL);
}

static uint32_t base_mark(ino_t home)
{
	uint32_t hash = (uint32_t)home * UINT32_C(2654435761);

	return UINT32_C(0x56) << 24 | hash >> 24 << 16;
}

bool lifeline_is_mark(const struct dev_home *home, uint32_t number)
{
	return (number & UINT32_C(0xffff0000)) == base_mark(home->inode);
}

void lifeline_close(struct lifeline *ll)
{
	util_close(&ll->nsfd);
	*ll = (struct lifeline)LIFELINE_INIT;
}

/* FNV-1a, cut to the 15 bits that a mark has room for. */
static uint32_t name_hash(const char *name)
{
	uint32_t hash = UINT32_C(2166136261);

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * UINT32_C(16777619);
	return (hash ^ hash >> 15) & 0x7fff;
}

/* The try-th tail of a mark for a device inside, or a random one for a device
 * that stays at home. */
static int next_tail(const char *inside, unsigned try, uint32_t *tail)
{
	uint16_t r;

	if (inside) {
		*tail = ((name_hash(inside) + try) & 0x7fff) << 1 | 1;
		return 0;
	}
	if (getrandom(&r, sizeof(r), 0) != sizeof(r))
		return fail_sys("cannot get random bytes");
	*tail = r & 0xfffe;
	return 0;
}

int lifeline_new(struct dev_home *home, const char *inside, struct lifeline *ll)
{
	auto_close int nsfd = netns_new(home->nsfd);

	if (nsfd < 0)
		return nsfd;
	for (unsigned try = 0; try < TRIES; try++) {
		uint32_t tail = 0;
		int r;

		if (next_tail(inside, try, &tail) < 0)
			return fail_code();
		ll->mark = base_mark(home->inode) | tail;
		r = nl_nsid_set(&home->nl, nsfd, (int32_t)ll->mark);
		if (r < 0)
			return r;
		if (r > 0) {
			ll->nsfd = steal_fd(&nsfd);
			return 0;
		}
	}
	return fail_refuse("cannot give the lifeline namespace an id: %d are taken", TRIES);
}

struct ids {
	struct dev_home *home;
	struct lifeline_marks *marks;
	size_t all; /* of others, too */
};

static int collect_id(int32_t nsid, void *arg)
{
	struct ids *ids = arg;
	struct lifeline_marks *marks = ids->marks;

	ids->all++;
	if (!lifeline_is_mark(ids->home, (uint32_t)nsid))
		return 0;
	if (!have_room(marks->ids, marks->n))
		return fail_errno(ENOMEM, NULL, "cannot list lifelines");
	marks->ids[marks->n++] = nsid;
	return 0;
}

static int compare_ids(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

	return (x > y) - (x < y);
}

/* The ids that a device inside could have: all, or those that one born with that name could
 * have. */
static int ask_inside(struct ids *ids, const char *name)
{
	struct nl *nl = &ids->home->nl;
	uint32_t base = base_mark(ids->home->inode) | 1, first = name ? name_hash(name) : 0;
	uint32_t n = name ? TRIES : 1 << 15, before_end = (1 << 15) - first;

	if (n > before_end) {
		if (nl_nsid_ask(nl, base, 2, n - before_end, collect_id, ids) < 0)
			return fail_code();
		n = before_end;
	}
	return nl_nsid_ask(nl, base | first << 1, 2, n, collect_id, ids);
}

/* Where the kernel may have left some out, those with a device inside are asked for: the others
 * are asked for one by one, where they matter. */
static int load(struct dev_home *home, const char *name, struct lifeline_marks *marks)
{
	struct ids ids = { .home = home, .marks = marks };
	size_t kept = 0;
	int r;

	*marks = (struct lifeline_marks){ .n = 0 };
	r = nl_nsid_each(&home->nl, collect_id, &ids);
	if (r == 0 && ids.all > NL_NSID_MOST) {
		for (size_t i = 0; i < marks->n; i++) {
			if (!(marks->ids[i] & 1))
				marks->ids[kept++] = marks->ids[i];
		}
		marks->n = kept;
		r = ask_inside(&ids, name);
	}
	if (r < 0)
		lifeline_marks_free(marks);
	else if (marks->n)
		qsort(marks->ids, marks->n, sizeof(*marks->ids), compare_ids);
	return r;
}

int lifeline_marks_load(struct dev_home *home, struct lifeline_marks *marks)
{
	return load(home, NULL, marks);
}

void lifeline_marks_free(struct lifeline_marks *marks)
{
	free(marks->ids);
	*marks = (struct lifeline_marks){ .n = 0 };
}

/* Whether a device born with that name could be in the lifeline with this mark. */
static bool could_hold(uint32_t mark, const char *name)
{
	return (((mark >> 1) - name_hash(name)) & 0x7fff) < TRIES;
}

static bool find_among(struct dev_home *home, const struct lifeline_marks *marks,
		       const char *name, bool quick, struct dev *dev)
{
	for (size_t i = 0; i < marks->n; i++) {
		uint32_t mark = (uint32_t)marks->ids[i];

		if (!(mark & 1) || (quick && !could_hold(mark, name)))
			continue;
		if (dev_get(&home->nl, marks->ids[i], name, dev) == 0)
			return true;
		/* It may be another name, or the namespace may have died just now. */
		fail_clear();
	}
	return false;
}

int lifeline_find(struct dev_home *home, const char *name, bool quick, struct dev *dev)
{
	struct lifeline_marks marks;
	int r = load(home, quick ? name : NULL, &marks);

	if (r == 0)
		r = find_among(home, &marks, name, quick, dev);
	lifeline_marks_free(&marks);
	return r;
}

bool lifeline_has_name(struct dev_home *home, const struct lifeline_marks *marks,
		       const char *name)
{
	struct dev dev;

	return find_among(home, marks, name, true, &dev);
}

bool lifeline_has_inside(const struct lifeline_marks *marks)
{
	for (size_t i = 0; i < marks->n; i++) {
		if (marks->ids[i] & 1)
			return true;
	}
	return false;
}

int lifeline_each(struct dev_home *home, const struct lifeline_marks *marks, dev_cb *cb,
		  void (*restart)(void *arg), void *arg)
{
	for (size_t i = 0; i < marks->n; i++) {
		if (!(marks->ids[i] & 1))
			continue;
		if (dev_each(&home->nl, "macvtap", marks->ids[i], cb, restart, arg) == 0)
			continue;
		if (!nl_nsid_gone(fail_errnum()))
			return fail_code();
		fail_clear();
	}
	return 0;
}

int lifeline_lookup(struct dev_home *home, const char *name, struct dev *dev)
{
	int r;

	if (dev_get(&home->nl, -1, name, dev) == 0)
		return dev_check_kind(dev);
	if (fail_errnum() != ENODEV)
		return fail_code();
	fail_hold();
	r = lifeline_find(home, name, false, dev);
	fail_release();
	if (r <= 0)
		return fail_code();
	fail_clear();
	return 0;
}

/* The descriptor, if the namespace at path is still the one with this id. */
static int open_if(struct dev_home *home, const char *path, int32_t wanted)
{
	auto_power struct power power = priv_raise(POWER_LOOK);
	auto_close int nsfd = open(path, O_RDONLY | O_CLOEXEC);
	int32_t nsid;

	if (nsfd < 0)
		return -1;
	if (nl_nsid_get(&home->nl, nsfd, &nsid) < 0) {
		fail_clear();
		return -1;
	}
	return nsid == wanted ? steal_fd(&nsfd) : -1;
}

int lifeline_open(struct dev_home *home, struct holders *seen, int32_t nsid, char path[64])
{
	if (holders_walk(seen) < 0)
		return fail_code();
	for (size_t i = 0; i < seen->n && !seen->list[i].number; i++) {
		int nsfd;

		snprintf(path, 64, "/proc/%d/fd/%d", seen->list[i].pid, seen->list[i].fd);
		nsfd = open_if(home, path, nsid);
		if (nsfd >= 0)
			return nsfd;
	}
	return fail_errno(
		ESRCH, NULL,
		"cannot enter the device's namespace: no process that can be seen holds it");
}

/* Wide: who may use one name must not be able to stall the makers of another one. */
static uint64_t name_key(const char *name)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * UINT64_C(1099511628211);
	return UINT64_C(1) << 62 | hash >> 2;
}

int lifeline_lock_name(const char *name)
{
	char what[64];

	snprintf(what, sizeof(what), "cannot create %.15s", name);
	return netns_lock(name_key(name), what);
}

int lifeline_lock_more(int *fd, const char *name)
{
	return netns_lock_more(fd, name_key(name), "cannot create devices");
}

int lifeline_delete(struct dev_home *home, const struct dev *devs, size_t n, dev_failed *failed,
		    void *arg)
{
	struct lifeline ll = LIFELINE_INIT;
	int r = lifeline_new(home, NULL, &ll);

	if (r == 0)
		r = dev_delete_many(&home->nl, devs, n, ll.mark, failed, arg);
	lifeline_close(&ll);
	return r;
}

struct duty {
	struct dev_home home;
	const struct lifeline_ward *wards;
	size_t n;
	uint32_t mark;
	int orders; /* socket from the starter: the last byte sent counts */
	bool armed;
};

static bool is_armed(struct duty *duty)
{
	ssize_t n;
	char order;

	while ((n = recv(duty->orders, &order, 1, MSG_DONTWAIT)) == 1 || (n < 0 && errno == EINTR))
		duty->armed = n == 1 ? order == '+' : duty->armed;
	return duty->armed;
}

/* The device is told by its node, which is gone or another's if it was moved. */
static bool is_there(const struct lifeline_ward *ward)
{
	dev_t number;
	bool there = tapfd_node_number(ward->id, &number) == 0 || fail_errnum() != ENODEV;

	fail_clear();
	return there;
}

static void not_marked(const struct dev *dev, int err, void *arg)
{
	(void)dev;
	if (err != ENODEV)
		*(int *)arg = err;
}

/* Several go at once: one takes the kernel as long as all of them. */
static int remove_wards(struct duty *duty, bool armed)
{
	struct dev *devs = calloc(duty->n, sizeof(*devs));
	size_t n = 0;
	int err = 0, r = 0;

	if (!devs)
		return fail_errno(ENOMEM, NULL, "cannot remove devices");
	for (size_t i = 0; i < duty->n; i++) {
		if ((armed || duty->wards[i].made) && is_there(&duty->wards[i]))
			devs[n++] = *duty->wards[i].dev;
	}
	if (n == 1)
		r = dev_delete(&duty->home.nl, devs);
	else if (n > 1)
		r = dev_delete_many(&duty->home.nl, devs, n, duty->mark, not_marked, &err);
	free(devs);
	if (r < 0 && fail_errnum() == ENODEV) {
		fail_clear();
		r = 0;
	}
	return r < 0 || err ? FAIL_SYS : 0;
}

/* When that cannot be told, it may still live. */
static bool may_live(struct duty *duty)
{
	int alive = nl_nsid_alive(&duty->home.nl, (int32_t)duty->mark);

	fail_clear();
	return alive != 0;
}

/* There is nobody to tell a failure to; what passes, passes with time. */
static int on_death(bool sure, void *arg)
{
	struct duty *duty = arg;
	bool armed;

	if (!sure && may_live(duty)) {
		pause_briefly(50);
		return 1;
	}
	armed = is_armed(duty);
	for (unsigned tries = 0; tries < 8; tries++) {
		int r = remove_wards(duty, armed);

		fail_clear();
		if (lifeline_sweep(&duty->home) >= 0 && r == 0)
			return 0;
		fail_clear();
		pause_briefly(1U << tries);
	}
	return FAIL_SYS;
}

static void make_title(const struct lifeline_ward *wards, size_t n, char title[128])
{
	int len = snprintf(title, 128, "vnetctl: watching");

	for (size_t i = 0; i < n && len < 112; i++)
		len += snprintf(title + len, 128 - (size_t)len, " %s", wards[i].dev->name);
}

/* The watcher works with a socket of its own and home's other descriptors. */
static int begin_duty(void *arg)
{
	struct duty *duty = arg;

	duty->home.nl = (struct nl)NL_INIT;
	return nl_open(&duty->home.nl);
}

/* The descriptors that the watcher needs, besides the socket of its orders, on which it says
 * that it is ready; NULL when memory is out. */
static int *list_kept(const struct duty *duty)
{
	int *keep = calloc(duty->n + 1, sizeof(*keep));

	if (!keep)
		return NULL;
	keep[0] = duty->home.sysfs;
	for (size_t i = 0; i < duty->n; i++)
		keep[1 + i] = duty->wards[i].id;
	return keep;
}

int lifeline_watch(const struct lifeline *ll, struct dev_home *home,
		   const struct lifeline_ward *wards, size_t n, char **argv, int *arm)
{
	struct duty duty = { .home = *home, .wards = wards, .n = n, .mark = ll->mark };
	struct watch watch = { .nsid = (int32_t)ll->mark,
			       .argv = argv,
			       .n_keep = n + 1,
			       .begin = begin_duty,
			       .wake = on_death,
			       .arg = &duty };
	auto_close int mine = -1, its = -1;
	char title[128];
	int ends[2], *keep, r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return fail_sys("cannot start the watcher");
	mine = ends[0];
	its = ends[1];
	watch.ready = duty.orders = its;
	watch.keep = keep = list_kept(&duty);
	if (!keep)
		return fail_errno(ENOMEM, NULL, "cannot start the watcher");
	make_title(wards, n, title);
	watch.title = title;
	r = watch_start(&watch);
	free(keep);
	if (r == 0)
		*arm = steal_fd(&mine);
	return r;
}

int lifeline_await(int arm)
{
	return arm < 0 ? 0 : watch_await(arm);
}

int lifeline_arm(int arm, bool on)
{
	ssize_t n;

	do
		n = send(arm, on ? "+" : "-", 1, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n == 1 ? 0 : fail_sys("cannot speak to the watcher: was it killed?");
}

static int node_number(struct dev_home *home, struct holders *seen, const struct dev *dev,
		       dev_t *number, char path[64])
{
	auto_close int id = -1, nsfd = -1, sysfs = -1;

	if (dev->netnsid < 0) {
		id = dev_node_id(home, dev);
	} else {
		nsfd = lifeline_open(home, seen, dev->netnsid, path);
		if (nsfd < 0 || netns_enter(nsfd) < 0)
			return fail_code();
		sysfs = tapfd_sysfs();
		if (netns_enter(home->nsfd) < 0 || sysfs < 0)
			return fail_code();
		id = tapfd_node_id(sysfs, dev->name, dev->ifindex);
	}
	if (id < 0)
		return id;
	return tapfd_node_number(id, number);
}

int lifeline_key(struct dev_home *home, struct holders *seen, const struct dev *dev,
		 struct holders_key *key, char path[64])
{
	*key = (struct holders_key){ .number = 0 };
	if (dev_has_node(dev))
		return node_number(home, seen, dev, &key->number, path);
	memcpy(key->tap, dev->name, sizeof(key->tap));
	key->netns = home->inode;
	return 0;
}

/* Returns 1, 0 when nobody can be seen, or a recorded failure. */
static int find_holder(struct dev_home *home, struct holders *seen, const struct dev *dev,
		       const struct holder **holder)
{
	struct holders_key key, now;
	char path[64];

	*holder = NULL;
	if (lifeline_key(home, seen, dev, &key, path) < 0 || holders_walk(seen) < 0)
		return fail_code();
	*holder = holders_next(seen, &key, NULL);
	if (!*holder)
		return 0;
	/* If it went meanwhile its number may be another device's, in any namespace. */
	if (lifeline_key(home, seen, dev, &now, path) == 0 && now.number == key.number)
		return 1;
	*holder = NULL;
	if (!fail_code())
		fail_errno(ENODEV, NULL, "%s went away", dev->name);
	return fail_code();
}

int lifeline_explain_held(const struct holder *holder)
{
	char comm[16];

	if (!holder)
		return fail_hint("it is held by a process that cannot be seen from here");
	holders_comm(holder->pid, comm);
	return fail_hint("it is held by %s (pid %d)", comm, holder->pid);
}

/* Whether the kernel itself says that somebody has it open: a tap has a carrier
 * while a queue is attached, a macvtap a living lifeline. */
static int is_alive(struct dev_home *home, const struct dev *dev)
{
	if (dev->netnsid >= 0)
		return nl_nsid_alive(&home->nl, dev->netnsid);
	if (!dev_has_node(dev))
		return dev->carrier;
	if (!lifeline_is_mark(home, dev->group))
		return 0;
	return nl_nsid_alive(&home->nl, (int32_t)dev->group);
}

static int went_away(const struct dev *dev)
{
	fail_clear();
	return fail_errno(ENODEV, NULL, "%s went away with its last holder", dev->name);
}

/* One look. */
static int is_held(struct dev_home *home, struct holders *seen, const struct dev *dev,
		   const struct holder **holder)
{
	int alive = is_alive(home, dev), found;

	*holder = NULL;
	if (alive < 0)
		return alive;
	if (dev->netnsid >= 0 && !alive)
		return went_away(dev);
	found = find_holder(home, seen, dev, holder);
	if (found < 0 && alive) {
		/* Whoever it is, it lives. */
		fail_clear();
		found = 0;
	}
	return found < 0 ? found : alive || found;
}

static int look_again(struct dev_home *home, struct dev *dev)
{
	struct dev now;

	if (dev->netnsid >= 0)
		return 0;
	if (dev_get_index(&home->nl, -1, dev->ifindex, &now) < 0)
		return fail_errnum() == ENODEV ? went_away(dev) : fail_code();
	*dev = now;
	return 0;
}

int lifeline_held(struct dev_home *home, struct holders *seen, struct dev *dev, unsigned *patience,
		  const struct holder **holder)
{
	int held = is_held(home, seen, dev, holder);

	/* Nobody to be seen, or somebody who goes: most likely it has just ended. */
	while (held > 0 && *patience > 0 && !(*holder && !holders_is_going(*holder))) {
		if (*holder)
			holders_free(seen);
		--*patience;
		pause_briefly(1);
		if (look_again(home, dev) < 0)
			return fail_code();
		held = is_held(home, seen, dev, holder);
	}
	return held;
}

static bool has_mark(const struct lifeline_marks *marks, uint32_t mark)
{
	int32_t id = (int32_t)mark;

	return marks && marks->n &&
	       bsearch(&id, marks->ids, marks->n, sizeof(id), compare_ids) != NULL;
}

int lifeline_is_orphan(struct dev_home *home, const struct lifeline_marks *marks,
		       struct holders *seen, const struct dev *dev)
{
	const struct holder *holder;
	int held;

	/* A tap is marked only by a removal of many that was killed midway. */
	if (dev->netnsid >= 0 || !lifeline_is_mark(home, dev->group) ||
	    (!dev_has_node(dev) && !dev->altname[0]))
		return 0;
	/* Who holds what others made cannot be seen. */
	if (!dev_is_mine(dev))
		return 0;
	/* Moved here from a namespace whose hash happens to be ours. */
	if (dev->altname[0] && dev->born_in != home->inode)
		return 0;
	held = has_mark(marks, dev->group) ? 1 : is_alive(home, dev);
	if (held == 0 && seen)
		held = find_holder(home, seen, dev, &holder);
	return held < 0 ? held : !held;
}

struct finds {
	const struct dev_home *home;
	struct dev *devs;
	size_t n;
};

static int collect(const struct dev *dev, void *arg)
{
	struct finds *finds = arg;

	if (!lifeline_is_mark(finds->home, dev->group))
		return 0;
	if (!have_room(finds->devs, finds->n))
		return fail_errno(ENOMEM, NULL, "cannot list orphans");
	finds->devs[finds->n++] = *dev;
	return 0;
}

static void forget(void *arg)
{
	((struct finds *)arg)->n = 0;
}

/* Returns 1 when it was an orphan and is gone, 0 when not, or a recorded failure. */
static int remove_orphan(struct dev_home *home, struct holders *seen, const struct dev *dev)
{
	int r = lifeline_is_orphan(home, NULL, seen, dev);

	if (r <= 0)
		return r;
	if (dev_delete(&home->nl, dev) == 0)
		return 1;
	/* Somebody else was faster. */
	if (fail_errnum() != ENODEV)
		return fail_code();
	fail_clear();
	return 1;
}

int lifeline_each_marked(struct dev_home *home, dev_cb *cb, void *arg)
{
	struct finds finds = { .home = home };

	if (dev_each(&home->nl, "macvtap", -1, collect, forget, &finds) == 0 &&
	    dev_each(&home->nl, "tun", -1, collect, NULL, &finds) == 0) {
		for (size_t i = 0; i < finds.n && !fail_code(); i++)
			cb(&finds.devs[i], arg);
	}
	free(finds.devs);
	return fail_code();
}

struct sweep {
	struct dev_home *home;
	struct holders seen;
};

static int sweep_one(const struct dev *dev, void *arg)
{
	struct sweep *sweep = arg;

	return remove_orphan(sweep->home, &sweep->seen, dev);
}

int lifeline_sweep(struct dev_home *home)
{
	struct sweep sweep = { home, HOLDERS_INIT };

	lifeline_each_marked(home, sweep_one, &sweep);
	holders_free(&sweep.seen);
	return fail_code();
}

/* What is in the way of a plan. */
struct obstacle {
	const struct dev_home *home;
	const struct dev_plan *plan;
	int self; /* ifindex of the device made of it, 0 if it is not made yet */
	struct dev dev;
	bool found;
	bool stays; /* one that is not ours to move is in the way, too */
};

/* On one lower device two devices up cannot share a MAC, and passthru stands alone. */
static bool is_in_the_way(const struct obstacle *obstacle, const struct dev *dev)
{
	const struct dev_plan *plan = obstacle->plan;
	bool same_mac = !memcmp(dev->address, plan->guest.b, 6);

	if (!plan->link || dev->ifindex == obstacle->self)
		return false;
	if (dev->ifindex == plan->link->ifindex && dev->netnsid < 0)
		return same_mac && plan->mode != MODE_PASSTHRU;
	/* A veth's link is its peer, a VLAN's its lower device: neither is in the way. */
	if (!streq(dev->kind_name, "macvtap") && !streq(dev->kind_name, "macvlan"))
		return false;
	return dev_is_on(dev, plan->link->ifindex) &&
	       (same_mac || dev->mode == MODE_PASSTHRU || plan->mode == MODE_PASSTHRU);
}

static int look_at(const struct dev *dev, void *arg)
{
	struct obstacle *obstacle = arg;

	if (!is_in_the_way(obstacle, dev))
		return 0;
	/* Somebody else's, or another one of this very VM. */
	if (dev->netnsid < 0 && (!lifeline_is_mark(obstacle->home, dev->group) ||
				 dev->group == obstacle->plan->group)) {
		obstacle->stays = true;
		return 0;
	}
	obstacle->dev = *dev;
	obstacle->found = true;
	return 0;
}

/* The namesake is asked for by name, since it may be of any kind. */
static int find_obstacle(struct dev_home *home, struct obstacle *obstacle)
{
	struct lifeline_marks marks = { .n = 0 };
	int r = 0;

	if (!obstacle->self) {
		if (dev_get(&home->nl, -1, obstacle->plan->name, &obstacle->dev) == 0) {
			obstacle->found = true;
			return 0;
		}
		if (fail_errnum() != ENODEV)
			return fail_code();
		fail_clear();
		r = lifeline_find(home, obstacle->plan->name, true, &obstacle->dev);
		if (r > 0)
			obstacle->found = true;
	}
	if (r == 0)
		r = dev_each(&home->nl, NULL, -1, look_at, NULL, obstacle);
	if (r == 0 && !obstacle->found)
		r = lifeline_marks_load(home, &marks);
	if (r == 0 && !obstacle->found)
		r = lifeline_each(home, &marks, look_at, NULL, obstacle);
	lifeline_marks_free(&marks);
	return r < 0 ? r : 0;
}

/* A tap that is to go with its holder does so whoever made it; and ours looks like anybody's
 * until it is marked. */
static bool goes_with_vm(const struct dev_home *home, const struct dev *dev)
{
	if (dev->kind && !dev_has_node(dev))
		return !dev->persist;
	return dev->netnsid >= 0 || lifeline_is_mark(home, dev->group);
}

/* 1: gone or about to go; 0: it stays. */
static int move_aside(struct dev_home *home, const struct dev *dev)
{
	auto_holders struct holders seen = HOLDERS_INIT;
	const struct holder *holder;
	int r;

	if (!dev->altname[0] && !lifeline_is_mark(home, dev->group) && !goes_with_vm(home, dev))
		return 0;
	r = remove_orphan(home, &seen, dev);
	if (r < 0 && (fail_errnum() == ENOENT || fail_errnum() == ENODEV)) {
		/* It went while we looked. */
		fail_clear();
		return 1;
	}
	if (r != 0)
		return r;
	if (!goes_with_vm(home, dev))
		return 0;
	/* No VM to be seen: the kernel or a watcher is at it. */
	find_holder(home, &seen, dev, &holder);
	if (holder && !holders_is_going(holder))
		return 0;
	/* Also when the look failed: what it looked at may have gone meanwhile. */
	fail_clear();
	pause_briefly(1);
	return 1;
}

/* A lower device that is a bridge port, or no Ethernet device, stays one. */
static bool may_be_unseen(const struct dev_plan *plan, int err)
{
	if (!plan->link || plan->link->master || plan->link->arphrd != ARPHRD_ETHER)
		return false;
	return err == EADDRINUSE || err == EBUSY || plan->mode == MODE_PASSTHRU || err == EINVAL;
}

/* In tries of 2 ms: how long for a teardown that can be seen, and how long for
 * one that cannot. */
enum { TRIES_SEEN = 2500, TRIES_UNSEEN = 1000 };

bool lifeline_clear_way(struct dev_home *home, const struct dev_plan *plan, int self,
			unsigned tries, struct dev *hidden)
{
	struct obstacle obstacle = { .home = home, .plan = plan, .self = self };
	int err = fail_errnum(), r;

	hidden->ifindex = 0;
	if (err != EEXIST && err != EBUSY && err != EINVAL && err != EADDRINUSE)
		return false;
	fail_hold();
	r = find_obstacle(home, &obstacle);
	if (r == 0 && (obstacle.stays || tries >= TRIES_SEEN)) {
		r = 0;
	} else if (r == 0 && obstacle.found) {
		r = move_aside(home, &obstacle.dev);
	} else if (r == 0) {
		/* Nothing to be seen: gone in the meantime, or a device inside a lifeline
		 * that is just being torn down. */
		r = err == EEXIST || (tries < TRIES_UNSEEN && may_be_unseen(plan, err));
		if (r)
			pause_briefly(1);
	}
	fail_release();
	if (obstacle.found && obstacle.dev.netnsid >= 0)
		*hidden = obstacle.dev;
	if (r > 0)
		fail_clear();
	return r > 0;
}

int lifeline_check_name(struct dev_home *home, const char *name)
{
	struct dev dev;
	int r = strchr(name, '%') ? 0 : lifeline_find(home, name, true, &dev);

	if (r <= 0)
		return r;
	fail_errno(EEXIST, NULL, "cannot create %s", name);
	return fail_hint("a device of lifetime fd has this name: see 'vnetctl list %s'", name);
}
