/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one way to fail. A function that cannot do its work records why and
 * returns a negative code:
 *
 *	return fail_sys("cannot open %s", path);
 *
 * The first failure recorded stays until fail_clear(): what goes wrong during
 * the undo never hides what went wrong at first. main, the batch loop and the
 * watcher print the record; nobody else writes to standard error. */
#ifndef VNETCTL_FAIL_H
#define VNETCTL_FAIL_H

#include "util.h"

enum {
	FAIL_USAGE = -1, /* the command line is wrong: exit status 1 */
	FAIL_SYS = -2,	 /* the kernel, the system or the policy refused: 2 */
};

/* Records "MESSAGE" as a failure of the command line. Returns FAIL_USAGE. */
int fail_usage(const char *fmt, ...) printf_like(1, 2);

/* Records "MESSAGE: strerror(errno)". Returns FAIL_SYS. */
int fail_sys(const char *fmt, ...) printf_like(1, 2);

/* Records "MESSAGE: strerror(err)[: extack]" for an error number that did not
 * come through errno; extack may be NULL or empty. Returns FAIL_SYS. */
int fail_errno(int err, const char *extack, const char *fmt, ...) printf_like(3, 4);

/* Records "MESSAGE" alone, for refusals that have no error number of their
 * own. Returns FAIL_SYS. */
int fail_refuse(const char *fmt, ...) printf_like(1, 2);

/* Appends ": MESSAGE" to the failure on record: the object in the way, the way
 * out. Returns the recorded code, so that it can be the tail of a return. */
int fail_hint(const char *fmt, ...) printf_like(1, 2);

/* The recorded code (FAIL_USAGE, FAIL_SYS), or 0 when nothing is on record. */
int fail_code(void);

/* The error number of the failure on record, 0 when it has none. */
int fail_errnum(void);

/* Forgets the failure on record, for callers that go on by another way. */
void fail_clear(void);

/* Puts the failure on record aside, so that what follows may fail and be
 * forgotten. That may do the same, once. */
void fail_hold(void);

/* Brings back what the last fail_hold() put aside, in place of any later failure. */
void fail_release(void);

/* Sets the place ("FILE:LINE") that failures and warnings name from now on;
 * NULL for none. The string is borrowed. */
void fail_place(const char *place);

/* Prints the failure on record and ends the program by abort(3): for a state in which nothing more
 * may be done. */
_Noreturn void fail_abort(void);

/* From now on warn() says nothing. */
void fail_quiet(void);

/* Prints the failure on record as one line on standard error and forgets it,
 * for who goes on with the next thing (the batch loop, a name of many). The
 * status that the whole will end with is remembered. */
void fail_note(void);

/* True when any failure was told so far. */
bool fail_was_told(void);

/* As fail_note(), at the end of all: returns the exit status, 0, 1 or 2, of the
 * worst failure that was printed. */
int fail_print(void);

/* Tells how far long work is, on a terminal, once a second has passed since
 * the first call, unless quiet. done == total wipes the line. */
void fail_progress(const char *what, size_t done, size_t total);

/* Prints "vnetctl: warning: MESSAGE" at once, unless quiet. */
void warn(const char *fmt, ...) printf_like(1, 2);

#endif
