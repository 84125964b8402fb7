/* SPDX-License-Identifier: GPL-2.0-or-later */
/* COMMAND's arguments: placeholders are replaced, and where there is none,
 * QEMU's arguments are appended. */
#ifndef VNETCTL_EXPAND_H
#define VNETCTL_EXPAND_H

#include <net/if.h>
#include <stdint.h>

#include "util.h"

/* What COMMAND is told about its device. */
struct expand_dev {
	char name[IFNAMSIZ];
	int fd;
	struct mac mac;
	uint32_t mtu;
	uint32_t queues;
};

enum expand_args { EXPAND_NET, EXPAND_NETDEV, EXPAND_NONE };

/* Makes COMMAND's argument vector of argv (argc words): placeholders replaced,
 * or, if there was none, arguments appended as style says. Returns a vector
 * ending in NULL that the caller leaves to exec, or NULL with a failure
 * on record. */
char **expand_command(int argc, char **argv, const struct expand_dev *dev, enum expand_args style);

/* The first MAC that COMMAND's arguments give to a NIC (mac=, macaddr=) and
 * that is not this one: copies its text. Returns true when there is such. */
bool expand_other_mac(char **argv, const struct mac *mac, char text[18]);

#endif
