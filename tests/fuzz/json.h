/* SPDX-License-Identifier: GPL-2.0-or-later */
/* RFC 8259, yes or no; text ends in a null byte. */
#ifndef VNETCTL_TESTS_JSON_H
#define VNETCTL_TESTS_JSON_H

#include <stdbool.h>
#include <string.h>

#include "text.h"

static inline const char *json_blank(const char *p)
{
	return p + strspn(p, " \t\n\r");
}

/* Each returns what follows, or NULL when there is no such thing at p. */
static inline const char *json_string(const char *p)
{
	if (*p++ != '"')
		return NULL;
	while (*p != '"') {
		size_t len = text_utf8(p);

		if (!len || (unsigned char)*p < 0x20)
			return NULL;
		if (*p == '\\' && p[1] == 'u')
			len = strspn(p + 2, "0123456789abcdefABCDEF") >= 4 ? 6 : 0;
		else if (*p == '\\')
			len = p[1] && strchr("\"\\/bfnrt", p[1]) ? 2 : 0;
		if (!len)
			return NULL;
		p += len;
	}
	return p + 1;
}

static inline const char *json_scalar(const char *p)
{
	static const char *const words[] = { "true", "false", "null" };
	size_t len;

	for (size_t i = 0; i < 3; i++) {
		if (!strncmp(p, words[i], strlen(words[i])))
			return p + strlen(words[i]);
	}
	p += *p == '-';
	len = strspn(p, "0123456789");
	return len && (len == 1 || *p != '0') ? p + len : NULL;
}

static inline const char *json_value(const char *p);

static inline const char *json_members(const char *p, char end)
{
	p = json_blank(p);
	if (*p == end)
		return p + 1;
	for (;;) {
		p = json_blank(p);
		if (end == '}') {
			p = json_string(p);
			p = p ? json_blank(p) : NULL;
			if (!p || *p++ != ':')
				return NULL;
		}
		p = json_value(p);
		if (!p)
			return NULL;
		p = json_blank(p);
		if (*p == end)
			return p + 1;
		if (*p++ != ',')
			return NULL;
	}
}

static inline const char *json_value(const char *p)
{
	p = json_blank(p);
	if (*p == '[')
		return json_members(p + 1, ']');
	if (*p == '{')
		return json_members(p + 1, '}');
	return *p == '"' ? json_string(p) : json_scalar(p);
}

/* One array after the other: a batch prints one for each list. */
static inline bool json_is_valid(const char *p)
{
	while (p && *json_blank(p))
		p = json_value(p);
	return p;
}

#endif
