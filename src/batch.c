// SPDX-License-Identifier: GPL-2.0-or-later
/* The words of a line as the shell would cut them, but nothing is expanded: '…'
 * keeps everything, "…" all but backslashes, a backslash keeps what follows it,
 * or joins the next line. '#' begins a comment where a word could begin. */
#include "batch.h"

#include <errno.h>
#include <stdio.h>

#include "fail.h"

void batch_free(struct batch *b)
{
	free(b->text);
	free(b->argv);
	b->text = NULL;
	b->argv = NULL;
	b->room = b->argv_room = 0;
}

static int put(struct batch *b, size_t *len, char c)
{
	if (*len == b->room) {
		size_t room = b->room ? 2 * b->room : 256;
		char *more = realloc(b->text, room);

		if (!more)
			return fail_errno(ENOMEM, NULL, "cannot read %s", b->name);
		b->text = more;
		b->room = room;
	}
	b->text[(*len)++] = c;
	return 0;
}

/* Where we are in a line. */
struct state {
	size_t len; /* bytes in text */
	int words;
	bool inside; /* a word has begun */
	int quote;   /* '\'', '"' or 0 */
};

/* At the end, and after a read that failed, -1. */
static int get(struct batch *b)
{
	if (b->at == b->end) {
		ssize_t n;

		do
			n = read(b->fd, b->in, sizeof(b->in));
		while (n < 0 && errno == EINTR);
		b->err = n < 0 ? errno : 0;
		b->at = 0;
		b->end = n > 0 ? (size_t)n : 0;
		if (n <= 0)
			return -1;
	}
	if (b->in[b->at] == '\n')
		b->next++;
	return (unsigned char)b->in[b->at++];
}

static int end_word(struct batch *b, struct state *s)
{
	if (!s->inside)
		return 0;
	s->inside = false;
	s->words++;
	return put(b, &s->len, '\0');
}

/* A byte that stands for itself. */
static int put_byte(struct batch *b, struct state *s, int c)
{
	if (c == '\0')
		return fail_usage("a null byte is no part of a command");
	s->inside = true;
	return put(b, &s->len, (char)c);
}

static int backslash(struct batch *b, struct state *s)
{
	int c = get(b);

	if (c == '\r') {
		c = get(b);
		if (c != '\n') {
			b->at -= c >= 0;
			c = '\r';
		}
	}
	if (c == '\n')
		return 0;
	if (c < 0)
		return fail_usage("the last line ends in a backslash");
	return put_byte(b, s, c);
}

static int take(struct batch *b, struct state *s, int c)
{
	if (s->quote) {
		if (c == '\\' && s->quote == '"')
			return backslash(b, s);
		if (c != s->quote)
			return put_byte(b, s, c);
		s->quote = 0;
		return 0;
	}
	if (c == '\\')
		return backslash(b, s);
	if (c == '\'' || c == '"') {
		s->quote = c;
		s->inside = true;
		return 0;
	}
	if (c == ' ' || c == '\t' || c == '\r')
		return end_word(b, s);
	return put_byte(b, s, c);
}

static int skip_line(struct batch *b)
{
	int c;

	do
		c = get(b);
	while (c != '\n' && c >= 0);
	return c;
}

static int read_line(struct batch *b, struct state *s, bool *end)
{
	for (;;) {
		int c = get(b);

		if (c == '#' && !s->inside && !s->quote)
			c = skip_line(b);
		if (c < 0) {
			*end = true;
			if (b->err)
				return fail_errno(b->err, NULL, "cannot read %s", b->name);
		}
		if (c < 0 || (c == '\n' && !s->quote)) {
			if (s->quote)
				return fail_usage("a quote is not closed");
			return end_word(b, s);
		}
		if (take(b, s, c) < 0) {
			if (c != '\n' && fail_code() == FAIL_USAGE)
				skip_line(b);
			return fail_code();
		}
	}
}

static int make_argv(struct batch *b, const struct state *s)
{
	char *p = b->text;

	if ((size_t)s->words + 1 > b->argv_room) {
		char **more = realloc(b->argv, ((size_t)s->words + 1) * sizeof(*more));

		if (!more)
			return fail_errno(ENOMEM, NULL, "cannot read %s", b->name);
		b->argv = more;
		b->argv_room = (size_t)s->words + 1;
	}
	for (int i = 0; i < s->words; i++) {
		b->argv[i] = p;
		p += strlen(p) + 1;
	}
	b->argv[s->words] = NULL;
	return s->words;
}

int batch_next(struct batch *b, char ***argv)
{
	bool end = false;

	while (!end) {
		struct state s = { .len = 0 };
		int r;

		b->line = b->next + 1;
		snprintf(b->place, sizeof(b->place), "%.240s:%u", b->name, b->line);
		r = read_line(b, &s, &end);
		if (r == 0 && s.words)
			r = make_argv(b, &s);
		if (r != 0) {
			*argv = b->argv;
			return r;
		}
	}
	return 0;
}

unsigned batch_lines(struct batch *b)
{
	/* Not seekable: ESPIPE. Standard input may begin in the middle of a file. */
	off_t at = lseek(b->fd, 0, SEEK_CUR);
	char buf[4096];
	unsigned n = 0;
	ssize_t got;

	while (at >= 0 && (got = pread(b->fd, buf, sizeof(buf), at)) > 0) {
		for (ssize_t i = 0; i < got; i++)
			n += buf[i] == '\n';
		at += got;
	}
	return n;
}
