/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lifeline: an anonymous network namespace that lives exactly as long as
 * the descriptor a VMM holds, because a macvtap queue references the namespace
 * its opener was in. Its id at home is the device's mark (link group), so that
 * whoever finds a marked device can ask whether its VM still lives. */
#ifndef VNETCTL_LIFELINE_H
#define VNETCTL_LIFELINE_H

#include <stdint.h>
#include <sys/types.h>

#include "dev.h"
#include "holders.h"
#include "util.h"

struct lifeline {
	int nsfd;      /* the namespace; whoever holds it keeps it alive */
	uint32_t mark; /* its id at home, and the group of a watched device */
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

/* Asks for all of home's lifelines. marks is the caller's to free with
 * lifeline_marks_free(). Returns 0 or a recorded failure. */
int lifeline_marks_load(struct dev_home *home, struct lifeline_marks *marks);

/* Frees what lifeline_marks_load() loaded. */
void lifeline_marks_free(struct lifeline_marks *marks);

/* Makes a lifeline and gives it a free id at home. inside is the name of the
 * device that will live in it (lifetime fd), NULL for one that stays at home. Needs CAP_SYS_ADMIN.
 * Returns 0 or a recorded failure. */
int lifeline_new(struct dev_home *home, const char *inside, struct lifeline *ll);

/* Finds the device of that name in one of home's lifelines. Returns 1 and fills *dev, 0 when
 * there is none, or a recorded failure. With quick set, only where a device born with that
 * name would be; else a renamed one is found too. */
int lifeline_find(struct dev_home *home, const char *name, bool quick, struct dev *dev);

/* Finds the device of that name at home or in a lifeline. Returns 0 and fills
 * *dev, or a recorded failure (ENODEV; also for what is neither macvtap nor tap). */
int lifeline_lookup(struct dev_home *home, const char *name, struct dev *dev);

/* True when a device that was born in one of these lifelines has that name. */
bool lifeline_has_name(struct dev_home *home, const struct lifeline_marks *marks,
		       const char *name);

/* True when any of them has its device inside. */
bool lifeline_has_inside(const struct lifeline_marks *marks);

/* Calls cb for every device that lives in one of these lifelines. Returns 0,
 * what cb returned below 0, or a recorded failure. */
int lifeline_each(struct dev_home *home, const struct lifeline_marks *marks, dev_cb *cb,
		  void (*restart)(void *arg), void *arg);

/* Opens the lifeline namespace with this id, by way of a process that holds it
 * (seen is walked if need be). Stores where it was found ("/proc/PID/fd/N") in
 * path, which holds 64 bytes. Returns a CLOEXEC descriptor, or a recorded failure (ESRCH:
 * nobody that can be seen holds it). */
int lifeline_open(struct dev_home *home, struct holders *seen, int32_t nsid, char path[64]);

/* Takes the lock on a name among home's devices and its lifelines': two makers
 * of one name must not both win where the kernel sees no clash. Returns a descriptor
 * to close, or a recorded failure. */
int lifeline_lock_name(const char *name);

/* Takes the same lock on one more name with the same descriptor (-1 for the first), unless
 * somebody has it. Returns 1, 0 when somebody has, or a recorded failure. */
int lifeline_lock_more(int *fd, const char *name);

/* Deletes several devices, all at home, in one kernel operation: that of dev_delete_many(),
 * in the group of a fresh lifeline, where nobody else can be. If we are killed
 * midway they are orphans. Needs CAP_SYS_ADMIN. Returns 0 or a recorded failure. */
int lifeline_delete(struct dev_home *home, const struct dev *devs, size_t n, dev_failed *failed,
		    void *arg);

/* What to look for among the holders of dev. A macvtap inside a lifeline is
 * looked at from there; path (64 bytes) then gets where that can be entered. Returns 0 or a
 * recorded failure. */
int lifeline_key(struct dev_home *home, struct holders *seen, const struct dev *dev,
		 struct holders_key *key, char path[64]);

/* How long lifeline_held() may wait for those who are about to go, in units of 2 ms. */
#define LIFELINE_PATIENCE 500

/* True when the device's VM lives, seen or unseen: its lifeline lives or
 * somebody holds it. A holder who is dying, or whom nobody can see, is waited for while
 * *patience lasts, which is counted down; *dev is then looked at again. *holder gets who,
 * NULL when nobody can be seen; it lives as long as seen, which is walked if need be.
 * Returns 1, 0, or a recorded failure (ENODEV: it went meanwhile). */
int lifeline_held(struct dev_home *home, struct holders *seen, struct dev *dev, unsigned *patience,
		  const struct holder **holder);

/* The failure on record says that plan could not be made or brought up. Removes
 * an orphan that stands in the way, or waits a moment (2 ms) for a device of ours, or a
 * tap of anybody's, that goes with its VM and whose VM is gone. self is the ifindex of the
 * device if it is made and only could not be brought up, else 0. tries is how often that
 * was done before: there is an end to it. Returns true when another try is worth it; the
 * failure is then forgotten. If not, *hidden is the device in a lifeline that is in the
 * way, for dev_explain_make() and dev_explain_up(). */
bool lifeline_clear_way(struct dev_home *home, const struct dev_plan *plan, int self,
			unsigned tries, struct dev *hidden);

/* Refuses a name that a device inside a lifeline has. Returns 0 or a recorded
 * failure (EEXIST). The caller holds the lock on the name. */
int lifeline_check_name(struct dev_home *home, const char *name);

/* Adds who holds the device to the failure on record; NULL: nobody that can be
 * seen. Returns the recorded code. */
int lifeline_explain_held(const struct holder *holder);

/* Lets go of the namespace. Harmless on LIFELINE_INIT. */
void lifeline_close(struct lifeline *ll);

/* True when the number is a mark made at home. */
bool lifeline_is_mark(const struct dev_home *home, uint32_t number);

/* A device that a watcher removes. */
struct lifeline_ward {
	const struct dev *dev; /* at home */
	int id;	   /* tapfd_node_id(): its identity, whatever it is renamed or regrouped to */
	bool made; /* marked from birth: to be removed in any case */
};

/* Starts the watcher that removes n devices when the lifeline is dead. Until
 * lifeline_arm() those that were there before are removed only if they carry the
 * mark. argv is main's, for ps. Stores in *arm a CLOEXEC descriptor for
 * lifeline_arm() and lifeline_await(). Returns 0 or a recorded failure. */
int lifeline_watch(const struct lifeline *ll, struct dev_home *home,
		   const struct lifeline_ward *wards, size_t n, char **argv, int *arm);

/* Waits until the watcher has given up all that it must not have: to be called once, before its
 * device is handed on. arm below 0: there is none. Returns 0 or a recorded failure. */
int lifeline_await(int arm);

/* From now on, or (on false) no longer, the watcher removes its device even if
 * somebody changed its mark. Returns 0 or a recorded failure. */
int lifeline_arm(int arm, bool on);

/* True when the device is marked here, its lifeline is dead and nobody can be
 * seen to hold it (seen NULL: nobody looks). marks, which may be NULL, saves asking for
 * those it has.
 * Returns 1, 0, or a recorded failure. */
int lifeline_is_orphan(struct dev_home *home, const struct lifeline_marks *marks,
		       struct holders *seen, const struct dev *dev);

/* Calls cb for every device at home that is marked here, outside of any dump, so that cb
 * may use home's socket. Stops at a failure. Returns 0 or a recorded failure. */
int lifeline_each_marked(struct dev_home *home, dev_cb *cb, void *arg);

/* Removes every orphan at home. Returns 0 or a recorded failure. */
int lifeline_sweep(struct dev_home *home);

#endif
