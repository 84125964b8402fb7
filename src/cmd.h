/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The subcommands: one struct cmd each, at the end of its own file. vnetctl.c
 * holds the table of them; help and completion read it too. */
#ifndef VNETCTL_CMD_H
#define VNETCTL_CMD_H

#include "args.h"
#include "dev.h"
#include "out.h"
#include "priv.h"
#include "util.h"

/* What the options before the command say, and what every command works with. */
struct ctx {
	enum out_style style;
	bool details; /* more fields */
	bool users;   /* who holds a device: costs a walk over /proc */
	bool tree;
	bool colour;
	char **argv;	      /* main's */
	int origin;	      /* the caller's network namespace when -n was given, else -1 */
	struct dev_home home; /* where the devices are */
};

struct cmd {
	const char *name;
	const char *aliases[3];
	const char *help;
	struct args_spec spec;
	/* The capabilities that it may use, and those that it may only use if they are the
	 * caller's own; see priv_begin(). */
	uint64_t power, own_power;
	const char *alone; /* why it cannot be part of a batch, or NULL */
	/* Called before anything is opened, with the same words; NULL: nothing to do. */
	int (*before)(int argc, char **argv);
	/* 0, or FAIL_* (recorded). argv is what follows the command's name. */
	int (*run)(struct ctx *ctx, int argc, char **argv);
	int own_status; /* exit status of every failure, when not 1 and 2 */
};

extern const struct cmd cmd_create, cmd_mode, cmd_open_exec, cmd_exec, cmd_helper, cmd_destroy,
	cmd_list;

#endif
