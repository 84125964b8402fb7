/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The orphan: a watched device whose VM and whose watcher have both ended, or one of many whose
 * removal was killed midway. */
#ifndef VNETCTL_ORPHAN_H
#define VNETCTL_ORPHAN_H

#include "deadline.h"
#include "dev.h"
#include "holders.h"
#include "lifeline.h"

/* Tells whether the device is an orphan: marked here, its lifeline is dead, no watcher is on duty
 * and (with seen, which is walked if need be) no process can be seen to hold it. marks, which may
 * be NULL, saves asking for those it has. Returns 1, 0, or a recorded failure. */
int orphan_is(struct dev_home *home, const struct lifeline_marks *marks, struct holders *seen,
	      const struct dev *dev);

/* Tells whether the watcher whose mark the device has is on duty. Returns 1, 0, or a recorded
 * failure. */
int orphan_has_watcher(const struct dev *dev);

/* Tells whether the device is marked, its lifeline is dead, and its watcher on duty: it is about
 * to go. Returns 1, 0, or a recorded failure. */
int orphan_is_going(struct dev_home *home, const struct dev *dev);

/* Removes the device under its claim if it is an orphan then. Returns 1 when it is gone, 0 when it
 * is no orphan, or a recorded failure. */
int orphan_remove(struct dev_home *home, const struct dev *dev, struct deadline *deadline);

/* Calls cb for every device at home that is marked here. Returns 0, what cb returned below 0, or a
 * recorded failure. */
int orphan_each_marked(struct dev_home *home, dev_cb *cb, void *arg);

#endif
