/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the words of a command line to a dev_plan: the type that follows from
 * the link, the defaults, and all that can be refused before the kernel is
 * asked for anything. */
#ifndef VNETCTL_PLAN_H
#define VNETCTL_PLAN_H

#include <stdint.h>

#include "args.h"
#include "dev.h"
#include "util.h"

/* The words that describe a device to be made. */
struct plan_words {
	const char *name;
	const char *type;
	const char *link;
	enum dev_mode mode;
	struct mac address;
	uint32_t mtu;
	uint32_t queues; /* also for a device that exists */
	const char *owner;
};

/* The rows of these words for the args table of a command whose struct (or
 * per-device struct) has a struct plan_words at this offset. */
/* clang-format off */
#define PLAN_DEVICE(base)                                                                      \
	{ .name = "type", .value = "{macvtap|tap}", .parse = args_str, .per_dev = true,        \
	  .offset = (base) + offsetof(struct plan_words, type),                                \
	  .help = "kind of device; follows from link when not given" },                        \
	{ .name = "link", .alias = "master", .value = "DEV", .parse = args_ifname,             \
	  .per_dev = true, .offset = (base) + offsetof(struct plan_words, link),               \
	  .help = "lower device of a macvtap, or the bridge of a tap" },                       \
	{ .name = "mode", .value = "{private|vepa|bridge|passthru|source}",                    \
	  .parse = dev_mode_value, .per_dev = true,                                            \
	  .offset = (base) + offsetof(struct plan_words, mode),                                \
	  .help = "whom the device may talk to; a tap has bridge and private" },               \
	{ .name = "address", .value = "MAC", .parse = args_mac, .per_dev = true,               \
	  .offset = (base) + offsetof(struct plan_words, address),                             \
	  .help = "the guest's Ethernet address; random when not given" },                     \
	{ .name = "mtu", .value = "N", .parse = args_mtu, .per_dev = true,                     \
	  .offset = (base) + offsetof(struct plan_words, mtu),                                 \
	  .help = "largest frame; the lower device's or bridge's when not given" }

#define PLAN_WORDS(base)                                                                       \
	PLAN_DEVICE(base),                                                                     \
	{ .name = "queues", .value = "N", .parse = plan_queues, .per_dev = true,               \
	  .offset = (base) + offsetof(struct plan_words, queues),                              \
	  .help = "queues, 1 to 256; a VM opens each of them" }

#define PLAN_OWNER(base)                                                                       \
	{ .name = "owner", .value = "USER[:GROUP]", .parse = args_str, .per_dev = true,        \
	  .offset = (base) + offsetof(struct plan_words, owner),                               \
	  .help = "who may open the device without being root" }
/* clang-format on */

/* args_value that stores a uint32_t: 1 to 256, MAX_TAP_QUEUES of drivers/net/tap.c. */
args_value plan_queues;

/* A user and a group, found by name or number. */
struct plan_user {
	char name[256]; /* empty when the user has none */
	uid_t uid;
	gid_t gid; /* the user's own when none was given, (gid_t)-1 when he has none */
	bool group_given;
};

/* Reads "USER[:GROUP]", the value of that word. Returns 0 or a recorded failure. */
int plan_find_user(const char *word, const char *text, struct plan_user *user);

/* True when any word that makes a device was given: the device is to be made. */
bool plan_wanted(const struct plan_words *words);

/* Makes *plan of the words. *link gets the device named by link, unless it is that one
 * already (else it is zeroed), and must live as long as the plan. Only reads from the
 * kernel. Returns 0 or a recorded failure. */
int plan_of(struct dev_home *home, const struct plan_words *words, struct dev_plan *plan,
	    struct dev *link);

/* Names the plan after pattern with n for its "%d"; name is where the plan then has its
 * name. Returns 0 or a recorded failure when that is too long. */
int plan_number(struct dev_plan *plan, const char *pattern, unsigned n, char name[IFNAMSIZ]);

#endif
