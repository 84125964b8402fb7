/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lifeline: an anonymous network namespace that lives at least as long as the descriptor a
 * VMM holds, because a macvtap queue references the namespace its opener was in. Its id at home
 * is known, so that the kernel tells whether it lives. */
#ifndef VNETCTL_LIFELINE_H
#define VNETCTL_LIFELINE_H

#include <stdint.h>
#include <sys/types.h>

#include "dev.h"
#include "holders.h"
#include "util.h"

struct lifeline {
	int nsfd;      /* keeps the namespace alive */
	uint32_t mark; /* its id at home, and the group of watched devices */
};

#define LIFELINE_INIT      \
	{                  \
		.nsfd = -1 \
	}

/* The lifelines of home that lived at one moment. */
struct lifeline_marks {
	int32_t *ids; /* sorted */
	size_t n;
};

/* Asks for all of home's lifelines. The caller frees marks with lifeline_marks_free(). Returns 0
 * or a recorded failure. */
int lifeline_marks_load(struct dev_home *home, struct lifeline_marks *marks);

/* True when the mark is among them; false for marks NULL. */
bool lifeline_marks_have(const struct lifeline_marks *marks, uint32_t mark);

/* Frees what lifeline_marks_load() loaded. */
void lifeline_marks_free(struct lifeline_marks *marks);

/* Makes a lifeline and gives it a free id at home: for the device of that name that will live
 * inside (lifetime fd), or, with inside NULL, for watched devices. Needs CAP_SYS_ADMIN. Returns 0
 * or a recorded failure. */
int lifeline_new(struct dev_home *home, const char *inside, struct lifeline *ll);

/* As many lifelines may live at once for one persistent device. */
#define HOLDER_IDS 8

/* Makes a lifeline for the holder of a persistent macvtap at home, which has this index. Needs
 * CAP_SYS_ADMIN. Returns 0 or a recorded failure. */
int lifeline_new_holder(struct dev_home *home, int ifindex, struct lifeline *ll);

/* Asks whether a lifeline of lifeline_new_holder() lives. Returns 1, 0, or a recorded failure. */
int lifeline_holder_lives(struct dev_home *home, int ifindex);

/* Finds the device of that name in one of home's lifelines. Returns 1 and fills *dev, 0 when
 * there is none, or a recorded failure. With quick set, looks only where a device born with that
 * name would be; else finds a renamed one too. */
int lifeline_find(struct dev_home *home, const char *name, bool quick, struct dev *dev);

/* Calls cb for each device of that name in home's lifelines, as lifeline_find() with quick set
 * finds them. Returns 0, what cb returned below 0, or a recorded failure. */
int lifeline_each_namesake(struct dev_home *home, const char *name, dev_cb *cb, void *arg);

/* Tells how far the mark is from the first that a device born inside with this name can get: of
 * two makers of one name the nearer one wins. */
unsigned lifeline_place(uint32_t mark, const char *name);

/* Finds the device of that name at home or in a lifeline. Returns 0 and fills
 * *dev, or a recorded failure (ENODEV; also for what is neither macvtap nor tap). */
int lifeline_lookup(struct dev_home *home, const char *name, struct dev *dev);

/* True when any of them has its device inside. */
bool lifeline_has_inside(const struct lifeline_marks *marks);

/* Calls cb for every device that lives in one of these lifelines. Returns 0,
 * what cb returned below 0, or a recorded failure. */
int lifeline_each(struct dev_home *home, const struct lifeline_marks *marks, dev_cb *cb, void *arg);

/* Finds the next process after prev (NULL: of all) that holds a descriptor of the lifeline with
 * this id, or stands in it; seen is walked. Returns NULL at the end. */
const struct holder *lifeline_next_inside(struct dev_home *home, struct holders *seen, int32_t nsid,
					  const struct holder *prev);

/* Opens the lifeline with this id, by way of a process that holds it (seen is walked if need be).
 * Stores where it was found ("/proc/PID/fd/N", "/proc/PID/ns/net") in path, which holds 64 bytes.
 * Returns a CLOEXEC descriptor, or a recorded failure (ESRCH: no process that can be seen
 * holds it). */
int lifeline_open(struct dev_home *home, struct holders *seen, int32_t nsid, char path[64]);

/* Lets go of the namespace. Harmless on LIFELINE_INIT. */
void lifeline_close(struct lifeline *ll);

/* True when the number is a mark made at home, but not lifeline_free_mark(). */
bool lifeline_is_mark(const struct dev_home *home, uint32_t number);

/* Returns the mark that no lifeline ever has: a device with it has been taken from a watcher that
 * did not come to remove it, and stays. */
uint32_t lifeline_free_mark(const struct dev_home *home);

#endif
