// SPDX-License-Identifier: GPL-2.0-or-later
/* One loop over the words. A bare word that is a keyword is the keyword; any
 * other bare word is a name; "dev" makes the next word a name whatever it is.
 * Which words were seen is kept in two bit sets, one for the command and one
 * for the device named last, so that "given twice" and "does not go with"
 * need no code per word. */
#include "args.h"

#include <ctype.h>

#include "fail.h"

struct seen {
	uint32_t words;
	const char *excl[8]; /* by group: the word that took it */
};

const struct args_word *args_find(const struct args_spec *spec, const char *text)
{
	for (size_t i = 0; i < spec->n; i++) {
		const struct args_word *w = &spec->words[i];

		if (streq(w->name, text) || streq(w->alias, text))
			return w;
	}
	return NULL;
}

bool args_choice(const char *value, const char *text)
{
	size_t len = strlen(text);
	const char *p = value;

	if (!len || strpbrk(text, "{|}"))
		return false;
	while ((p = strstr(p, text)) != NULL) {
		if (p > value && strchr("{|", p[-1]) && p[len] && strchr("|}", p[len]))
			return true;
		p++;
	}
	return false;
}

static int check_once(const struct args_spec *spec, const struct args_word *w, const char *cmd,
		      struct seen *seen)
{
	uint32_t bit = UINT32_C(1) << (w - spec->words);

	if (seen->words & bit)
		return fail_usage("%s: '%s' is given twice", cmd, w->name);
	seen->words |= bit;
	if (w->excl) {
		if (seen->excl[w->excl])
			return fail_usage("%s: '%s' does not go with '%s'", cmd, w->name,
					  seen->excl[w->excl]);
		seen->excl[w->excl] = w->name;
	}
	return 0;
}

static int take_value(const struct args_word *w, const char *cmd, const char *text, void *dst)
{
	char *field = (char *)dst + w->offset;

	if (!w->parse) {
		*(bool *)field = true;
		return 0;
	}
	if (!text || streq(text, "--"))
		return fail_usage("%s: '%s' needs a value: %s %s", cmd, w->name, w->name, w->value);
	if (w->value[0] == '{' && !args_choice(w->value, text) && w->parse == args_str)
		return fail_usage("%s: '%s' is no %s: one of %s", cmd, text, w->name, w->value);
	return w->parse(w->name, text, field);
}

int args_parse(const struct args_spec *spec, const char *cmd, int argc, char **argv, void *dst,
	       void *dev)
{
	struct seen of_cmd = { 0 }, of_dev = { 0 };
	bool named = false;
	int i;

	for (i = 0; i < argc; i++) {
		const struct args_word *w = args_find(spec, argv[i]);
		bool is_dev = spec->name && streq(argv[i], "dev");
		int r;

		if (spec->tail && streq(argv[i], "--"))
			return i + 1;
		if (w) {
			r = check_once(spec, w, cmd, w->per_dev ? &of_dev : &of_cmd);
			if (r < 0)
				return r;
			r = take_value(w, cmd, i + 1 < argc ? argv[i + 1] : NULL,
				       w->per_dev ? dev : dst);
			if (r < 0)
				return r;
			if (w->parse)
				i++;
			continue;
		}
		if (is_dev && ++i == argc)
			return fail_usage("%s: 'dev' needs a name", cmd);
		if (!spec->name)
			return fail_usage("%s: '%s' is no word of it: try 'vnetctl help %s'", cmd,
					  argv[i], cmd);
		if (!is_dev && argv[i][0] == '-')
			return fail_usage("%s: options such as '%s' go before the command", cmd,
					  argv[i]);
		if (named && !is_dev && spec->more)
			return fail_usage("%s: what is '%s'? A lower device or bridge is 'link "
					  "%s', a further device 'dev %s', and COMMAND comes after "
					  "'--'",
					  cmd, argv[i], argv[i], argv[i]);
		if (named && is_dev && spec->positional)
			return fail_usage("%s: one device at a time: what is 'dev %s'?", cmd,
					  argv[i]);
		dev = spec->name(dst, argv[i]);
		if (!dev)
			return fail_code();
		if (named)
			memset(&of_dev, 0, sizeof(of_dev));
		named = true;
	}
	return i;
}

int args_number(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	if (!*text)
		return -1;
	for (; *text; text++) {
		unsigned digit = (unsigned)(*text - '0');

		if (*text < '0' || *text > '9' || v > (UINT64_MAX - 9) / 10)
			return -1;
		v = v * 10 + digit;
	}
	if (v < min || v > max)
		return -1;
	*out = v;
	return 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int args_mac_bytes(const char *text, uint8_t b[6])
{
	if (strlen(text) != 17)
		return -1;
	for (int i = 0; i < 6; i++) {
		int hi = hex_digit(text[3 * i]), lo = hex_digit(text[3 * i + 1]);

		if (hi < 0 || lo < 0 || (i < 5 && text[3 * i + 2] != ':'))
			return -1;
		b[i] = (uint8_t)(hi << 4 | lo);
	}
	return 0;
}

const char *args_name_flaw(const char *name, bool fresh)
{
	size_t len = strlen(name);
	const char *pct = strchr(name, '%');

	if (!len)
		return "it is empty";
	if (len > 15)
		return "it is longer than 15 bytes";
	if (streq(name, ".") || streq(name, ".."))
		return "the kernel keeps '.' and '..' for itself";
	for (const unsigned char *p = (const unsigned char *)name; *p; p++) {
		if (*p == '/' || *p == ':')
			return "it holds '/' or ':'";
		if (isspace(*p))
			return "it holds a blank";
		if (fresh && (*p < 0x20 || *p == 0x7f))
			return "it holds a control byte";
		if (*p == 0xa0)
			return "it holds byte a0, a blank to the kernel";
	}
	if (fresh && pct && (pct[1] != 'd' || strchr(pct + 1, '%')))
		return "'%' may stand in it only once and as '%d'";
	return NULL;
}

int args_str(const char *word, const char *text, void *field)
{
	if (!*text)
		return fail_usage("'%s' needs a value that is not empty", word);
	*(const char **)field = text;
	return 0;
}

int args_ifname(const char *word, const char *text, void *field)
{
	const char *flaw = args_name_flaw(text, false);

	if (flaw)
		return fail_usage("%s '%s' is no interface name: %s", word, text, flaw);
	*(const char **)field = text;
	return 0;
}

int args_mtu(const char *word, const char *text, void *field)
{
	uint64_t v;

	if (args_number(text, 68, 65535, &v) < 0)
		return fail_usage("%s '%s' is no number from 68 to 65535", word, text);
	*(uint32_t *)field = (uint32_t)v;
	return 0;
}

int args_mac(const char *word, const char *text, void *field)
{
	static const uint8_t zero[6];
	struct mac *mac = field;

	if (args_mac_bytes(text, mac->b) < 0)
		return fail_usage("%s '%s' is no Ethernet address: write it like 52:54:00:12:34:56",
				  word, text);
	if (mac->b[0] & 1)
		return fail_usage("%s '%s' is a multicast address: the first byte must be even",
				  word, text);
	if (!memcmp(mac->b, zero, 6))
		return fail_usage("%s '%s' is the null address", word, text);
	mac->set = true;
	return 0;
}
