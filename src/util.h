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

/* A descriptor in a variable marked auto_close is closed when it goes out of
 * scope; steal_fd() hands it on instead. */
#define auto_close __attribute__((cleanup(util_close)))

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

/* Makes room for element n in a malloc'ed array of n elements, whose pointer lies at p:
 * the array is doubled each time it is full, which is when n is a power of two.
 * Returns false, and leaves it as it is, when memory is out. */
static inline bool util_room(void *p, size_t n, size_t size)
{
	void *old, *more;

	if (n & (n - 1))
		return true;
	memcpy(&old, p, sizeof(old));
	more = realloc(old, (n ? 2 * n : 1) * size);
	if (!more)
		return false;
	memcpy(p, &more, sizeof(more));
	return true; /* cppcheck-suppress memleak ; *p has it now */
}

#define have_room(array, n) util_room(&(array), (n), sizeof(*(array)))

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
