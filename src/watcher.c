// SPDX-License-Identifier: GPL-2.0-or-later
/* A ward is known by its node, not by its name or group, which admins change. It is removed under
 * its claim, and only if no other open-exec has taken it meanwhile: then it has another mark.
 *
 * The watcher follows the holders by pidfd, because a lifeline can outlive them (see held.c). */
#include "watcher.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "claim.h"
#include "fail.h"
#include "held.h"
#include "lock.h"
#include "tapfd.h"
#include "watch.h"

struct duty {
	struct dev_home home;
	const struct ward *wards;
	size_t n;
	uint32_t mark;
	int lock;   /* on duty while it is open */
	int orders; /* socket from the starter: the last byte sent counts */
	bool armed;
	unsigned empty; /* looks in a row that found no holder */
};

static bool is_armed(struct duty *duty)
{
	ssize_t n;
	char order;

	while ((n = recv(duty->orders, &order, 1, MSG_DONTWAIT)) == 1 || (n < 0 && errno == EINTR))
		duty->armed = n == 1 ? order == '+' : duty->armed;
	return duty->armed;
}

/* The node is gone, or another's, when the device was moved. */
static bool is_there(const struct ward *ward)
{
	dev_t number;
	bool there = tapfd_node_number(ward->id, &number) == 0 || fail_errnum() != ENODEV;

	fail_clear();
	return there;
}

/* It has the mark, perhaps with another node since it was moved away and back; or an admin has
 * given it another group; but not another open-exec's mark, nor a holder, as one with lifetime
 * persistent has. Returns 1, 0, or a recorded failure. */
static int is_mine(struct duty *duty, const struct ward *ward, const struct dev *now)
{
	auto_holders struct holders seen = HOLDERS_INIT;
	struct held held;

	if (now->group == duty->mark)
		return 1;
	if (!is_there(ward) || lifeline_is_mark(&duty->home, now->group) ||
	    now->group == lifeline_free_mark(&duty->home) || (!is_armed(duty) && !ward->made))
		return 0;
	/* Taken since then, with a lifeline or where none could be had. */
	if (held_look(&duty->home, &seen, now, &held) < 0)
		return fail_code();
	return held.state == HELD_NO;
}

/* Finds the ward as it is now. Returns 1, 0 when it has gone, or a recorded failure. */
static int find_ward(struct duty *duty, const struct ward *ward, struct dev *now)
{
	if (dev_get_index(&duty->home.nl, -1, ward->dev->ifindex, now) == 0)
		return now->group == duty->mark || is_there(ward);
	if (fail_errnum() != ENODEV)
		return fail_code();
	fail_clear();
	return 0;
}

/* Returns 0 when there is nothing more to do, or a recorded failure. */
static int remove_ward(struct duty *duty, const struct ward *ward)
{
	struct deadline deadline = deadline_in(DEADLINE_MS);
	auto_claim struct claim claim = CLAIM_INIT;
	struct dev now;
	int r = find_ward(duty, ward, &now);

	if (r <= 0)
		return r;
	if (claim_take(&claim, &duty->home, &now, "remove", &deadline) < 0)
		return fail_code();
	r = is_mine(duty, ward, &now);
	if (r <= 0)
		return r;
	return dev_delete(&duty->home.nl, &now);
}

/* A failure can pass: memory, a stopped vnetctl that has the claim, a new name. There is nobody to
 * tell it to. */
static void remove_wards(struct duty *duty)
{
	for (size_t i = 0; i < duty->n; i++) {
		struct deadline naps = deadline_in(60 * 1000);

		while (remove_ward(duty, &duty->wards[i]) < 0) {
			bool busy = fail_errnum() == EBUSY;

			fail_clear();
			if (!deadline_nap(&naps) && !busy)
				break;
		}
	}
}

/* A process that holds a ward and stays, 0: none can be seen. Sets *sure if there is none unseen
 * either, and *ever if that can be known: what is in flight arrives. */
static pid_t find_holder(struct duty *duty, bool *sure, bool *ever)
{
	auto_holders struct holders seen = HOLDERS_INIT;
	pid_t pid = 0;

	for (size_t i = 0; i < duty->n && !pid; i++) {
		struct held held;
		struct dev now;

		if (find_ward(duty, &duty->wards[i], &now) > 0 &&
		    held_look(&duty->home, &seen, &now, &held) == 0 && held.holder)
			pid = held.holder->pid;
		if (fail_errnum() == ENODEV)
			fail_clear();
	}
	*ever = fail_code() || !seen.walked || holders_let_in(&seen);
	*sure = !fail_code() && holders_saw_all(&seen);
	fail_clear();
	return pid;
}

/* Nobody seen twice in a row: a descriptor can be on its way through a socket. */
static pid_t on_end(struct duty *duty)
{
	bool sure, ever;
	pid_t pid = find_holder(duty, &sure, &ever);

	if (pid || !sure)
		duty->empty = 0;
	if (pid)
		return pid;
	if (!sure)
		return ever ? WATCH_AGAIN : WATCH_GO_ON;
	if (++duty->empty < 2)
		return WATCH_AGAIN;
	remove_wards(duty);
	return WATCH_DONE;
}

/* When that cannot be told, it may still live. */
static bool may_live(struct duty *duty)
{
	int alive = nl_nsid_alive(&duty->home.nl, (int32_t)duty->mark);

	fail_clear();
	return alive != 0;
}

static pid_t on_event(enum watch_event event, void *arg)
{
	struct duty *duty = arg;

	if (event == WATCH_ENDED && may_live(duty))
		return on_end(duty);
	if (event == WATCH_LOST && may_live(duty)) {
		struct deadline a_moment = deadline_in(100);

		while (deadline_nap(&a_moment))
			;
		return WATCH_GO_ON;
	}
	remove_wards(duty);
	return WATCH_DONE;
}

static void make_title(const struct ward *wards, size_t n, char title[128])
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
	int *keep = calloc(duty->n + 2, sizeof(*keep));

	if (!keep)
		return NULL;
	keep[0] = duty->home.sysfs;
	keep[1] = duty->lock;
	for (size_t i = 0; i < duty->n; i++)
		keep[2 + i] = duty->wards[i].id;
	return keep;
}

int watcher_start(const struct lifeline *ll, struct dev_home *home, const struct ward *wards,
		  size_t n, pid_t pid, char **argv, int *arm)
{
	struct duty duty = { .home = *home, .wards = wards, .n = n, .mark = ll->mark };
	struct watch watch = { .nsid = (int32_t)ll->mark,
			       .pid = pid,
			       .argv = argv,
			       .n_keep = n + 2,
			       .begin = begin_duty,
			       .wake = on_event,
			       .arg = &duty };
	struct deadline deadline = deadline_in(DEADLINE_MS);
	auto_close int lock = -1, mine = -1, its = -1;
	char title[128];
	int ends[2], *keep, r;

	if (lock_take(&lock, LOCK_DUTY, ll->mark, &deadline, "cannot start the watcher") < 0)
		return fail_code();
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return fail_sys("cannot start the watcher");
	mine = ends[0];
	its = ends[1];
	duty.lock = lock;
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

int watcher_await(int arm)
{
	return arm < 0 ? 0 : watch_await(arm);
}

int watcher_arm(int arm, bool on)
{
	ssize_t n;

	do
		n = send(arm, on ? "+" : "-", 1, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n == 1 ? 0 : fail_sys("cannot speak to the watcher: was it killed?");
}
