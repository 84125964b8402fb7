/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One command a line: words, quotes, comments, continuation lines. */
#ifndef VNETCTL_BATCH_H
#define VNETCTL_BATCH_H

#include "util.h"

struct batch {
	int fd;		  /* borrowed */
	const char *name; /* as messages show it */
	unsigned line;	  /* of the command read last: where it began */
	unsigned next;
	char *text; /* the command's words lie in it */
	size_t room;
	char **argv;
	size_t argv_room;
	char place[256]; /* "NAME:LINE" */
	size_t at, end;	 /* of what is read of the file and not yet used, in in */
	int err;	 /* errno of a read that failed */
	char in[16 * 1024];
};

/* Reads the next command that is not empty. *argv gets its words, ending in
 * NULL, which live until the next call. Returns their number, 0 at the end of the file,
 * or a recorded failure: a usage failure for a line that is no command (reading can go
 * on), otherwise the file cannot be read. */
int batch_next(struct batch *b, char ***argv);

/* The number of lines in the file, 0 if it cannot be read twice. For progress. */
unsigned batch_lines(struct batch *b);

/* Frees what batch_next() made; the file stays open. */
void batch_free(struct batch *b);

#endif
