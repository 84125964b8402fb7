/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The watcher's work: it removes the watched devices of one VM, its wards, when the VM is gone,
 * and looks at nothing else. */
#ifndef VNETCTL_WATCHER_H
#define VNETCTL_WATCHER_H

#include <sys/types.h>

#include "dev.h"
#include "lifeline.h"

/* A device that a watcher removes. */
struct ward {
	const struct dev *dev; /* at home */
	int id;	   /* tapfd_node_id(): its identity, whatever it is renamed or regrouped to */
	bool made; /* marked from birth */
};

/* Starts the watcher that removes n devices when the lifeline is dead, or when process pid has
 * ended and so has every other that can be seen to hold one. From now on it is on duty
 * (LOCK_DUTY). argv is main's, for ps. Stores in *arm a CLOEXEC descriptor for watcher_arm() and
 * watcher_await(). Returns 0 or a recorded failure. */
int watcher_start(const struct lifeline *ll, struct dev_home *home, const struct ward *wards,
		  size_t n, pid_t pid, char **argv, int *arm);

/* Waits until the watcher has given up all that it must not have: to be called once, before its
 * device is handed on. arm below 0: there is none. Returns 0 or a recorded failure. */
int watcher_await(int arm);

/* From now on, or (on false) no longer, the watcher removes a device that was there before even if
 * an admin has changed its group. Returns 0 or a recorded failure. */
int watcher_arm(int arm, bool on);

#endif
