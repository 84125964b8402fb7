/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text that comes from elsewhere: names may hold control bytes or broken UTF-8. */
#ifndef VNETCTL_TEXT_H
#define VNETCTL_TEXT_H

#include "util.h"

/* Length of the well-formed UTF-8 sequence (RFC 3629) that begins at s, which
 * is not empty; 0 when there is none. */
size_t text_utf8(const char *s);

/* The same, but 0 also for what a terminal would obey: control bytes, and the C1
 * controls, which are two bytes in UTF-8. What gives 0 is to be escaped byte by byte. */
size_t text_printable(const char *s);

#endif
