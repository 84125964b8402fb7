// SPDX-License-Identifier: GPL-2.0-or-later
/* The failure record is all that a run leaves in memory: included, so that it can be wiped. */
#include "../../src/fail.c"

#include "fakes.h"

void fake_forget_failures(void)
{
	memset(&state, 0, sizeof(state));
}
