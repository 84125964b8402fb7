// SPDX-License-Identifier: GPL-2.0-or-later
#include "deadline.h"

#include <time.h>

#define LONGEST_NAP 64

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct deadline deadline_in(unsigned ms)
{
	return (struct deadline){ .at = now_ms() + ms, .nap = 1 };
}

bool deadline_over(const struct deadline *deadline)
{
	return now_ms() >= deadline->at;
}

bool deadline_nap(struct deadline *deadline)
{
	const struct timespec nap = { .tv_nsec = deadline->nap * 1000000L };

	if (deadline_over(deadline))
		return false;
	nanosleep(&nap, NULL);
	if (deadline->nap < LONGEST_NAP)
		deadline->nap *= 2;
	return true;
}
