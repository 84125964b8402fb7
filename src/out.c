// SPDX-License-Identifier: GPL-2.0-or-later
/* Each value function writes separator, key, value for its style; nothing
 * outside this file asks which style it is. vnetctl is one thread: stdout is never locked. */
#include "out.h"

#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdio_ext.h>

#include "fail.h"
#include "text.h"

static bool is_json(const struct out *o)
{
	return o->style == OUT_JSON || o->style == OUT_PRETTY;
}

/* ASCII that stands for itself in text, and in JSON. Nearly all is. */
static bool is_plain(char c)
{
	return c >= ' ' && c <= '~' && c != '"' && c != '\\';
}

/* What is a few bytes long is quicker put than handed to fwrite(). */
static void put(const char *s)
{
	while (*s)
		putchar_unlocked(*s++);
}

static void put_json(const char *s)
{
	putchar_unlocked('"');
	while (*s) {
		unsigned char c = (unsigned char)*s;
		size_t len;

		if (is_plain(*s)) {
			putchar_unlocked(*s++);
			continue;
		}
		len = text_utf8(s);
		if (!len)
			put("\\ufffd");
		else if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			printf("\\u%04x", c);
		else
			fwrite_unlocked(s, 1, len, stdout);
		s += len ? len : 1;
	}
	putchar_unlocked('"');
}

/* Writes text safe for a terminal and returns the columns it takes. */
static unsigned put_text(const char *s)
{
	unsigned columns = 0;

	while (*s) {
		size_t len;

		if (is_plain(*s)) {
			putchar_unlocked(*s++);
			columns++;
			continue;
		}
		len = text_printable(s);
		if (len) {
			fwrite_unlocked(s, 1, len, stdout);
			columns++;
			s += len;
		} else {
			printf("\\x%02x", (unsigned char)*s++);
			columns += 4;
		}
	}
	return columns;
}

static void put_spaces(unsigned n)
{
	while (n--)
		putchar_unlocked(' ');
}

static void json_separate(struct out *o)
{
	if (!o->first)
		putchar_unlocked(',');
	if (o->style == OUT_PRETTY) {
		putchar_unlocked('\n');
		put_spaces(4 * o->depth);
	}
	o->first = false;
}

static void json_open(struct out *o, char c)
{
	putchar_unlocked(c);
	o->depth++;
	o->first = true;
}

static void json_close(struct out *o, char c)
{
	o->depth--;
	if (o->style == OUT_PRETTY && !o->first) {
		putchar_unlocked('\n');
		put_spaces(4 * o->depth);
	}
	putchar_unlocked(c);
	o->first = false;
}

static void put_key(struct out *o, const char *key)
{
	if (is_json(o)) {
		json_separate(o);
		put_json(key);
		put(o->style == OUT_PRETTY ? ": " : ":");
	} else if (o->style == OUT_TEXT) {
		printf("%s%s ", o->first ? "" : " ", key);
		o->first = false;
	}
}

/* put_text() in the ink that was asked for, which is used up by it. */
static unsigned put_inked(struct out *o, const char *text)
{
	static const char *const codes[] = {
		[INK_NAME] = "36", [INK_MAC] = "33", [INK_UP] = "32", [INK_DOWN] = "31"
	};
	const char *code = o->colour ? codes[o->ink] : NULL;
	unsigned columns;

	o->ink = INK_NONE;
	if (code)
		printf("\033[%sm", code);
	columns = put_text(text);
	if (code)
		put("\033[0m");
	return columns;
}

static void put_value(struct out *o, const char *value)
{
	unsigned width, used;

	used = put_inked(o, value);
	if (o->style != OUT_BRIEF)
		return;
	width = o->widths[o->column++];
	put_spaces(used < width ? width - used : width ? 1 : 0);
}

bool out_wants_colour(const char *when)
{
	const char *no = secure_getenv("NO_COLOR");

	if (streq(when, "auto"))
		return isatty(STDOUT_FILENO) && !(no && *no);
	return streq(when, "always");
}

void out_next_ink(struct out *o, enum out_ink ink)
{
	o->ink = ink;
}

/* A pipe holds as much, and each write wakes its reader. */
static void use_large_buffer(void)
{
	static char buffer[64 * 1024];

	if (!__fbufsize(stdout) && !isatty(STDOUT_FILENO))
		setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
}

void out_begin(struct out *o, enum out_style style, bool colour, const unsigned *widths)
{
	*o = (struct out){
		.style = style,
		.colour = colour && style != OUT_JSON && style != OUT_PRETTY,
		.utf8 = setlocale(LC_CTYPE, "") && streq(nl_langinfo(CODESET), "UTF-8"),
		.widths = widths,
		.first = true,
	};
	use_large_buffer();
	if (is_json(o))
		json_open(o, '[');
}

int out_end(struct out *o)
{
	if (is_json(o)) {
		json_close(o, ']');
		putchar_unlocked('\n');
	}
	return out_plain_end();
}

void out_row(struct out *o, const char *key, const char *head)
{
	o->column = 0;
	if (is_json(o)) {
		json_separate(o);
		json_open(o, '{');
		out_str(o, key, head);
		return;
	}
	put_value(o, head);
	if (o->style == OUT_TEXT)
		putchar_unlocked(':');
	o->first = false;
}

void out_row_end(struct out *o)
{
	if (is_json(o))
		json_close(o, '}');
	else
		putchar_unlocked('\n');
}

void out_branch(struct out *o, unsigned depth, const bool *last)
{
	static const char *const ascii[] = { "|  ", "   ", "|- ", "`- " };
	static const char *const lines[] = { "│  ", "   ", "├─ ", "└─ " };
	const char *const *parts = o->utf8 ? lines : ascii;

	for (unsigned i = 0; i < depth; i++)
		put(parts[(i + 1 == depth ? 2 : 0) + last[i]]);
	o->first = true;
}

void out_word(struct out *o, const char *value)
{
	if (!value)
		return;
	if (!o->first)
		putchar_unlocked(' ');
	put_inked(o, value);
	o->first = false;
}

void out_branch_end(struct out *o)
{
	(void)o;
	putchar_unlocked('\n');
}

void out_break(struct out *o)
{
	if (o->style != OUT_TEXT)
		return;
	put("\n    ");
	o->first = true;
}

void out_str(struct out *o, const char *key, const char *value)
{
	if (!value) {
		if (o->style == OUT_BRIEF)
			put_value(o, "-");
		return;
	}
	put_key(o, key);
	if (is_json(o))
		put_json(value);
	else
		put_value(o, value);
}

void out_num(struct out *o, const char *key, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, value);
	put_key(o, key);
	put_value(o, text);
}

void out_bool(struct out *o, const char *key, bool value)
{
	put_key(o, key);
	if (is_json(o))
		put(value ? "true" : "false");
	else
		put_value(o, value ? "on" : "off");
}

void out_flag(struct out *o, const char *key, bool value)
{
	if (is_json(o)) {
		out_bool(o, key, value);
	} else if (value && o->style == OUT_TEXT) {
		printf("%s%s", o->first ? "" : " ", key);
		o->first = false;
	}
}

void out_users(struct out *o, const char *key)
{
	out_list(o, key);
}

void out_user(struct out *o, const char *comm, int64_t pid)
{
	if (is_json(o)) {
		json_separate(o);
		json_open(o, '{');
		out_num(o, "pid", pid);
		out_str(o, "comm", comm);
		out_list(o, "fds");
		return;
	}
	if (!o->first)
		putchar_unlocked(',');
	put_text(comm);
	printf("(%" PRId64 ")", pid);
	o->first = false;
}

void out_user_fd(struct out *o, int64_t fd)
{
	if (!is_json(o))
		return;
	json_separate(o);
	printf("%" PRId64, fd);
}

void out_user_end(struct out *o)
{
	if (!is_json(o))
		return;
	json_close(o, ']');
	json_close(o, '}');
}

void out_users_end(struct out *o)
{
	if (o->style == OUT_TEXT && o->first)
		putchar_unlocked('-');
	out_list_end(o);
}

void out_list(struct out *o, const char *key)
{
	put_key(o, key);
	if (is_json(o))
		json_open(o, '[');
	else
		o->first = true;
}

void out_item(struct out *o, const char *value)
{
	if (is_json(o)) {
		json_separate(o);
		put_json(value);
		return;
	}
	if (!o->first)
		putchar_unlocked(',');
	put_text(value);
	o->first = false;
}

void out_list_end(struct out *o)
{
	if (is_json(o))
		json_close(o, ']');
	o->first = false;
}

void out_line(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar_unlocked('\n');
}

int out_plain_end(void)
{
	if (fflush(stdout) != 0)
		return fail_sys("cannot write to standard output");
	/* Why that was is not known any more. */
	if (ferror(stdout))
		return fail_refuse("cannot write to standard output: a part of it is missing");
	return 0;
}
