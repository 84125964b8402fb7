/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the unit tests share: cmocka, and what was written to descriptor 1 or 2
 * as a string. Between capture_begin() and capture_end() nothing may be
 * asserted: a failed assertion would leave with the descriptor changed. */
#ifndef VNETCTL_TESTS_UNIT_H
#define VNETCTL_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fail.h"

struct capture {
	int fd;	   /* 1 or 2 */
	int saved; /* what it was */
	int mem;   /* what it is now */
	size_t len;
	char text[16384];
};

static inline void capture_begin(struct capture *c, int fd)
{
	fflush(NULL);
	c->fd = fd;
	c->saved = fcntl(fd, F_DUPFD_CLOEXEC, 10);
	c->mem = memfd_create("captured", MFD_CLOEXEC);
	if (c->saved < 0 || c->mem < 0 || dup2(c->mem, fd) < 0)
		abort();
}

static inline const char *capture_end(struct capture *c)
{
	ssize_t n;

	fflush(NULL);
	n = pread(c->mem, c->text, sizeof(c->text) - 1, 0);
	if (n < 0 || dup2(c->saved, c->fd) < 0)
		abort();
	close(c->saved);
	close(c->mem);
	c->len = (size_t)n;
	c->text[n] = '\0';
	return c->text;
}

/* The failure on record is of this code and prints as this line; then it is
 * forgotten. */
static inline void check_failure(int code, const char *message)
{
	static struct capture c;
	char line[4096];
	int recorded = fail_code();

	capture_begin(&c, 2);
	fail_note();
	capture_end(&c);
	snprintf(line, sizeof(line), "vnetctl: %s\n", message);
	assert_string_equal(c.text, line);
	assert_int_equal(recorded, code);
	assert_int_equal(fail_code(), 0);
	assert_int_equal(fail_errnum(), 0);
}

/* Nothing is on record. Also a setup, so that no test inherits a failure. */
static inline void check_no_failure(void)
{
	assert_int_equal(fail_code(), 0);
}

static inline int forget_failure(void **state)
{
	(void)state;
	fail_clear();
	return 0;
}

#endif
