// SPDX-License-Identifier: GPL-2.0-or-later
#include "text.h"

size_t text_utf8(const char *s)
{
	static const struct {
		unsigned char lo, hi, min2, max2;
		size_t len;
	} forms[] = {
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 },
		{ 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};
	const unsigned char *u = (const unsigned char *)s;

	if (*u < 0x80)
		return 1;
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		if (*u < forms[i].lo || *u > forms[i].hi)
			continue;
		if (u[1] < forms[i].min2 || u[1] > forms[i].max2)
			return 0;
		for (size_t k = 2; k < forms[i].len; k++) {
			if (u[k] < 0x80 || u[k] > 0xbf)
				return 0;
		}
		return forms[i].len;
	}
	return 0;
}

size_t text_printable(const char *s)
{
	const unsigned char *u = (const unsigned char *)s;

	if (*u < 0x20 || *u == 0x7f || (*u == 0xc2 && u[1] >= 0x80 && u[1] < 0xa0))
		return 0;
	return text_utf8(s);
}
