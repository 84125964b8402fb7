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
	const char *owner;
};

/* The rows of these words for the args table of a command whose struct (or
 * per-device struct) has a struct plan_words at this offset. */
#define PLAN_WORDS(base)                                                                          \
	{ "type", "{macvtap|tap}", args_str, (base) + offsetof(struct plan_words, type), true, 0, \
	  "kind of device; follows from link when not given", NULL },                             \
	{ "link", "DEV", args_ifname, (base) + offsetof(struct plan_words, link), true, 0,        \
	  "lower device of a macvtap, or the bridge of a tap", "master" },                        \
	{ "mode", "{private|vepa|bridge|passthru|source}", dev_mode_value,                        \
	  (base) + offsetof(struct plan_words, mode), true, 0,                                    \
	  "whom the device may talk to; a tap has bridge and private", NULL },                    \
	{ "address", "MAC", args_mac, (base) + offsetof(struct plan_words, address), true, 0,     \
	  "the guest's Ethernet address; random when not given", NULL },                          \
	{ "mtu", "N", args_mtu, (base) + offsetof(struct plan_words, mtu), true, 0,               \
	  "largest frame; the lower device's or bridge's when not given", NULL }

#define PLAN_OWNER(base)                                                                          \
	{ "owner", "USER[:GROUP]", args_str, (base) + offsetof(struct plan_words, owner), true,   \
	  0, "who may open the device without being root", NULL }

/* True when any word but the name was given: the device is to be made. */
bool plan_wanted(const struct plan_words *words);

/* Makes *plan of the words. *link gets the device named by link and must live
 * as long as the plan. Only reads from the kernel. Returns 0 or a recorded failure. */
int plan_of(struct nl *nl, const struct plan_words *words, struct dev_plan *plan, struct dev *link);

#endif
