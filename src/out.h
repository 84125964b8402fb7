/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One stream of values makes text, aligned rows and JSON. Callers say what a
 * row holds, in order; how it looks is decided here, and so is escaping: names
 * may hold control bytes or broken UTF-8. */
#ifndef VNETCTL_OUT_H
#define VNETCTL_OUT_H

#include <stdint.h>

#include "util.h"

enum out_style {
	OUT_TEXT,   /* "NAME: key value key value" */
	OUT_BRIEF,  /* values alone, in aligned columns */
	OUT_JSON,   /* an array of objects */
	OUT_PRETTY, /* the same, indented */
};

/* What a value is, for colours as ip has them. */
enum out_ink { INK_NONE, INK_NAME, INK_MAC, INK_UP, INK_DOWN };

struct out {
	enum out_style style;
	bool colour;
	bool utf8;		/* lines of a tree */
	enum out_ink ink;	/* of the next value */
	const unsigned *widths; /* of the columns of OUT_BRIEF */
	unsigned depth;
	unsigned column;
	bool first; /* nothing before the next value: no separator */
};

/* Begins the stream on standard output, coloured if colour is set. widths are
 * the columns' for OUT_BRIEF, and may be NULL otherwise. */
void out_begin(struct out *o, enum out_style style, bool colour, const unsigned *widths);

/* Whether to colour: "always", "never", or "auto": on a terminal, unless
 * NO_COLOR is set. */
bool out_wants_colour(const char *when);

/* The next value is of this kind. */
void out_next_ink(struct out *o, enum out_ink ink);

/* Begins a line of a tree, depth levels below its root; last[] says for each of these levels
 * whether what stands there is the last of its siblings. */
void out_branch(struct out *o, unsigned depth, const bool *last);

/* A value of a tree's line, without a key; NULL is left out. */
void out_word(struct out *o, const char *value);

/* Ends the line of a tree. */
void out_branch_end(struct out *o);

/* Ends the stream; in JSON it is a valid array even if not one row was made.
 * Returns 0, or a recorded failure when anything could not be written. */
int out_end(struct out *o);

/* Begins a row; key and value of its head stand first ("ifname", "vm0"). */
void out_row(struct out *o, const char *key, const char *head);

/* Ends the row. */
void out_row_end(struct out *o);

/* In text, what follows stands on a further, indented line. */
void out_break(struct out *o);

/* A string; NULL is left out (a dash in OUT_BRIEF). */
void out_str(struct out *o, const char *key, const char *value);

/* A number. */
void out_num(struct out *o, const char *key, int64_t value);

/* A truth. Text says "key on" or "key off". */
void out_bool(struct out *o, const char *key, bool value);

/* A truth that goes without saying when it is not so: text says "key" or nothing. */
void out_flag(struct out *o, const char *key, bool value);

/* Begins a list of processes; text says "key COMM(PID),COMM(PID)". */
void out_users(struct out *o, const char *key);

/* Begins one process of the list. */
void out_user(struct out *o, const char *comm, int64_t pid);

/* One descriptor of the process; text leaves it out. */
void out_user_fd(struct out *o, int64_t fd);

/* Ends the process. */
void out_user_end(struct out *o);

/* Ends the list of processes. */
void out_users_end(struct out *o);

/* Begins a list of strings; text says "key A,B". */
void out_list(struct out *o, const char *key);

/* One string of the list. */
void out_item(struct out *o, const char *value);

/* Ends the list. */
void out_list_end(struct out *o);

/* A line of plain text outside any stream, for help and the answers of
 * commands that print one value. The end is out_plain_end()'s to check. */
void out_line(const char *fmt, ...) printf_like(1, 2);

/* Checks that all plain lines were written. Returns 0 or a recorded failure. */
int out_plain_end(void);

#endif
