/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an ordinary user may do with a vnetctl that has file capabilities: exactly
 * what the rules in /etc/vnetctl.conf allow, and only with devices made for that
 * user. Everybody else (priv_is_own()) is left to the kernel. */
#ifndef VNETCTL_POLICY_H
#define VNETCTL_POLICY_H

#include <stdint.h>
#include <sys/types.h>

#include "dev.h"
#include "plan.h"
#include "util.h"

#define POLICY_FILE "/etc/vnetctl.conf"

/* The keys of a rule that hold a list of words. */
enum policy_key { KEY_VERBS, KEY_LINK, KEY_TYPE, KEY_MODE, KEY_NAME, KEY_LISTS };

struct policy_rule {
	unsigned line;
	bool deny;
	bool is_group;
	uint32_t id;		      /* of the user or group */
	const char *lists[KEY_LISTS]; /* "A,B", in policy.text; NULL: any */
	uint32_t max;		      /* UINT32_MAX: no limit */
};

struct policy {
	char *text;
	struct policy_rule *rules;
	size_t n;
};

/* Who asks. */
struct policy_who {
	uid_t uid;
	const gid_t *gids; /* all of them */
	size_t n;
};

/* What is asked for, each word as a rule writes it. */
struct policy_act {
	const char *words[KEY_LISTS];
};

/* Parses len bytes of text, which it takes over and changes; file is what messages call
 * it. The whole is valid or nothing is: returns 0, and policy_free() is due, or a
 * recorded failure that says line and word. */
int policy_parse(const char *file, char *text, size_t len, struct policy *policy);

/* Frees what policy_parse() made. */
void policy_free(struct policy *policy);

/* The rule that decides: a deny rule that fits if there is one, else of the allow rules
 * that fit the one with the largest max. NULL when none fits. */
const struct policy_rule *policy_decide(const struct policy *policy, const struct policy_who *who,
					const struct policy_act *act);

/* Refuses what rules cannot allow: no readable policy, a namespace of somebody's choice
 * (netns, as given to -n, or NULL). Returns 0 or a recorded failure. */
int policy_begin(const char *netns);

/* Asks whether the caller may make this device by this command, besides so many that are planned
 * and permitted already. *lock is -1, or what an earlier call has left there; it may get a
 * descriptor that the caller closes when the devices are there (or are not to be): until then no
 * other process of the same user is told that there is room for one more. Returns 0 or a recorded
 * failure. */
int policy_make(struct dev_home *home, const char *verb, const struct dev_plan *plan,
		unsigned planned, int *lock);

/* May the caller use this device by this command, in that mode? It must be the caller's.
 * Returns 0 or a recorded failure. */
int policy_use(struct dev_home *home, const char *verb, const struct dev *dev, enum dev_mode mode);

/* May the caller run COMMAND as this user? Returns 0 or a recorded failure. */
int policy_run_as(const struct plan_user *user);

#endif
