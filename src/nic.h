/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a VM gets: a device, found or made on the way, its open queues, their
 * vhost descriptors, and what ends it. Taken in steps that can be undone. */
#ifndef VNETCTL_NIC_H
#define VNETCTL_NIC_H

#include "birth.h"
#include "claim.h"
#include "dev.h"
#include "lifeline.h"
#include "plan.h"
#include "tapfd.h"
#include "util.h"

#define NIC_MAX_QUEUES 256 /* MAX_TAP_QUEUES */

enum nic_lifetime { LIFE_DEFAULT, LIFE_FD, LIFE_WATCHED, LIFE_PERSISTENT };
enum nic_vhost { VHOST_DEFAULT, VHOST_OFF, VHOST_TRY, VHOST_ON };

struct nic {
	const char *verb;	     /* the command, for messages and for the policy */
	enum nic_lifetime made_life; /* the default for a macvtap that is made */

	/* Asked for. */
	struct plan_words want;
	bool share;
	uint32_t pin; /* number that the queue shall have, 0: any */
	enum nic_lifetime asked;

	/* Planned. */
	struct dev_home *home;
	struct birth birth; /* with birth.plan.kind set, the device is to be made */
	enum nic_lifetime lifetime;

	/* Taken. */
	struct dev dev;
	struct dev link; /* lower device or bridge, if it is at home */
	int fds[NIC_MAX_QUEUES];
	int vhost[NIC_MAX_QUEUES];
	uint32_t queues, vhosts;
	bool shared; /* the queues are another process's, too */

	/* How it was taken, for nic_undo(). */
	struct claim claim;	   /* on a device that was there */
	struct lifeline holder;	   /* of a persistent macvtap */
	int id;			   /* the macvtap's node */
	struct tapfd_state before; /* of a tap that was there */
	bool made, changed, unpersisted;
	bool unproven; /* persistent, but the kernel does not say whether it is held */
};

/* Nothing asked for by this command, nothing taken. made_life is the default lifetime of a macvtap
 * that is made. */
void nic_init(struct nic *nic, const char *verb, enum nic_lifetime made_life);

/* Refuses words that cannot go together. Returns 0 or a recorded failure. */
int nic_check(const struct nic *nic);

/* Finds the device of nics[i], or plans it, and judges it beside those before it. Only reads.
 * Returns 0 or a recorded failure. */
int nic_plan(struct nic *nics, size_t i, struct dev_home *home);

/* Asks the policy for what nics[i] has planned, those before it being permitted. *lock is -1 at
 * first, and later closed by the caller, when all are taken; see policy_make(). Returns 0 or a
 * recorded failure. */
int nic_permit(struct nic *nics, size_t i, int *lock);

/* Takes the claims on those that exist, when all are permitted: none is then about to be removed
 * by its watcher. Returns 0 or a recorded failure. */
int nic_claim_all(struct nic *nics, size_t n);

/* Makes the device, or takes the one that was claimed, and opens its queues. shared is the lifeline
 * of watched devices, made when the first one needs it; it belongs to the caller. Until
 * nic_settle() nothing that was there before is changed. Returns 0 or a recorded failure;
 * nic_undo() is due either way. */
int nic_take(struct nic *nic, struct lifeline *shared);

/* Opens a vhost descriptor for each queue. Without /dev/vhost-net that is a
 * failure for VHOST_ON only. Returns 0 or a recorded failure. */
int nic_open_vhost(struct nic *nic, enum nic_vhost vhost);

/* Makes the last changes: a device that was there before comes up and has its mark (with the
 * watcher's orders, arm, or -1), a tap loses its persistence. Warns of a lifetime that does less
 * than one would think. Returns 0 or a recorded failure. */
int nic_settle(struct nic *nic, const struct lifeline *shared, int arm);

/* Lets the descriptors that the VM is promised pass an exec. Returns 0 or a
 * recorded failure. */
int nic_hand_over(struct nic *nic);

/* Puts back, of a tap that was there, what takes no power, and closes its queues, so that the
 * process which has the power can undo the rest. Never fails. */
void nic_let_go(struct nic *nic);

/* Everything goes back to how it was before nic_take(); the failure on record
 * stays. arm as for nic_settle(). Harmless after nic_init(). */
void nic_undo(struct nic *nic, int arm);

/* Closes all that was opened, for who has handed the descriptors over otherwise: what the device
 * lives by is elsewhere now. Harmless after nic_init(). */
void nic_release(struct nic *nic);

/* Warnings that save an evening: a lower device that is down, wireless or itself a
 * macvlan. Never fails. */
void nic_warn(struct nic *nic);

#endif
