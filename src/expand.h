/* SPDX-License-Identifier: GPL-2.0-or-later */
/* COMMAND's arguments and environment: placeholders are replaced, and where
 * there is none, QEMU's arguments are appended. */
#ifndef VNETCTL_EXPAND_H
#define VNETCTL_EXPAND_H

#include <net/if.h>
#include <stdint.h>

#include "util.h"

/* What COMMAND is told about one device. */
struct expand_dev {
	const char *given; /* its name on the command line, by which placeholders name it */
	char name[IFNAMSIZ];
	const int *fds;	  /* one for each queue */
	const int *vhost; /* one for each queue, NULL without vhost */
	uint32_t queues;
	struct mac mac;
	uint32_t mtu;
	bool has_node; /* a macvtap: delivers only frames for its own MAC */
};

enum expand_args { EXPAND_NET, EXPAND_NETDEV, EXPAND_NONE };

/* Judges COMMAND's argv (argc words, NULL behind them) before there is any device; of devs
 * only given is read. Refuses a placeholder that names none of the n devices, or no one of
 * several, or a descriptor of vhost unless vhost says that there may be one; and what must not
 * stand beside the arguments that style appends. Returns 0 or a recorded usage failure. */
int expand_check(int argc, char **argv, const struct expand_dev *devs, size_t n, bool vhost,
		 enum expand_args style);

/* Makes COMMAND's argument vector of argv (argc words): placeholders replaced,
 * or, if there was none, arguments appended as style says. Warns of what will not
 * work. Returns a vector ending in NULL that the caller leaves to exec, or NULL
 * with a failure on record. */
char **expand_command(int argc, char **argv, const struct expand_dev *devs, size_t n,
		      enum expand_args style);

/* Frees a vector of expand_command(); NULL is fine. */
void expand_free(char **argv);

/* Sets VNETCTL_DEV, VNETCTL_FD and VNETCTL_MAC: comma lists, the descriptors of
 * one device joined by ':'. Returns 0 or a recorded failure. */
int expand_environment(const struct expand_dev *devs, size_t n);

#endif
