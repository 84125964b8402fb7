/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small things everybody needs: cleanup attributes, attributes as
 * documentation, typed minimum arithmetic. No functions of substance. */
#ifndef VNETCTL_UTIL_H
#define VNETCTL_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define must_check __attribute__((warn_unused_result))
#define printf_like(fmt, args) __attribute__((format(printf, fmt, args)))

/* A variable marked auto_free is freed, one marked auto_close closed, when it
 * goes out of scope; steal_ptr() and steal_fd() hand the thing on instead. */
#define auto_free __attribute__((cleanup(util_free)))
#define auto_close __attribute__((cleanup(util_close)))

/* Cleanup for auto_free: frees *(void **)p. */
static inline void util_free(void *p)
{
	free(*(void **)p);
}

/* Cleanup for auto_close: closes *fd unless it is negative. */
static inline void util_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* Returns *fd and leaves -1 behind, so that auto_close lets it live. */
static inline int steal_fd(int *fd)
{
	int v = *fd;

	*fd = -1;
	return v;
}

/* Returns *p and leaves NULL behind, so that auto_free lets it live. */
#define steal_ptr(p)                        \
	({                                  \
		__typeof__(*(p)) v_ = *(p); \
		*(p) = NULL;                \
		v_;                         \
	})

/* An Ethernet address that may not have been given. */
struct mac {
	bool set;
	uint8_t b[6];
};

/* True when both strings are there and equal. */
static inline bool streq(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

#endif
