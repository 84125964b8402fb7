// SPDX-License-Identifier: GPL-2.0-or-later
/* The failure record: one message, one code, one error number. It is the only
 * mutable global of the program. Messages are cleaned as they are printed:
 * names on a command line may hold control bytes, and a message is one line. */
#include "fail.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "text.h"

struct failure {
	int code;
	int errnum;
	size_t len;
	char text[1024];
};

static struct {
	struct failure now, held[2];
	size_t n_held;
	bool quiet;
	int worst; /* exit status of what was printed so far */
	const char *place;
	long long began, told; /* progress, in ns of CLOCK_MONOTONIC */
	bool drawn;
} state;

#define rec (state.now)

static void append(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));

static void append(const char *fmt, va_list ap)
{
	int n = vsnprintf(rec.text + rec.len, sizeof(rec.text) - rec.len, fmt, ap);

	if (n > 0)
		rec.len += (size_t)n;
	if (rec.len >= sizeof(rec.text))
		rec.len = sizeof(rec.text) - 1;
}

static void append_str(const char *s)
{
	size_t n = strlen(s);

	if (n > sizeof(rec.text) - 1 - rec.len)
		n = sizeof(rec.text) - 1 - rec.len;
	memcpy(rec.text + rec.len, s, n);
	rec.len += n;
	rec.text[rec.len] = '\0';
}

static int record(int code, int err, const char *extack, const char *fmt, va_list ap)
	__attribute__((format(printf, 4, 0)));

static int record(int code, int err, const char *extack, const char *fmt, va_list ap)
{
	if (rec.code)
		return code;
	rec.code = code;
	rec.errnum = err;
	rec.len = 0;
	append(fmt, ap);
	if (err) {
		append_str(": ");
		append_str(strerror(err));
	}
	if (extack && *extack) {
		append_str(": ");
		append_str(extack);
	}
	return code;
}

int fail_usage(const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = record(FAIL_USAGE, 0, NULL, fmt, ap);
	va_end(ap);
	return r;
}

int fail_sys(const char *fmt, ...)
{
	int err = errno;
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = record(FAIL_SYS, err, NULL, fmt, ap);
	va_end(ap);
	return r;
}

int fail_errno(int err, const char *extack, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = record(FAIL_SYS, err, extack, fmt, ap);
	va_end(ap);
	return r;
}

int fail_refuse(const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = record(FAIL_SYS, 0, NULL, fmt, ap);
	va_end(ap);
	return r;
}

int fail_hint(const char *fmt, ...)
{
	va_list ap;

	append_str(": ");
	va_start(ap, fmt);
	append(fmt, ap);
	va_end(ap);
	return rec.code;
}

int fail_code(void)
{
	return rec.code;
}

int fail_errnum(void)
{
	return rec.errnum;
}

void fail_clear(void)
{
	rec.code = 0;
	rec.errnum = 0;
	rec.len = 0;
}

void fail_hold(void)
{
	state.held[state.n_held++ % ARRAY_SIZE(state.held)] = rec;
	fail_clear();
}

void fail_release(void)
{
	rec = state.held[--state.n_held % ARRAY_SIZE(state.held)];
}

void fail_place(const char *place)
{
	state.place = place;
}

void fail_quiet(void)
{
	state.quiet = true;
}

/* Puts text at line + n, fit for a terminal, as far as it goes in size bytes. Returns the new n. */
static size_t put_clean(char *line, size_t n, size_t size, const char *text)
{
	while (*text && n + 5 < size) {
		size_t len = text_printable(text);

		if (len) {
			memcpy(line + n, text, len);
			n += len;
			text += len;
		} else {
			n += (size_t)snprintf(line + n, size - n, "\\x%02x",
					      (unsigned char)*text++);
		}
	}
	return n;
}

/* One write per line: lines of parallel vnetctls do not mix in a CI log. */
static void print_line(const char *kind, const char *text)
{
	const char *place = state.place ? state.place : "";
	char line[2 * sizeof(rec.text)];
	size_t n;

	if (state.drawn)
		fputs("\r\033[K", stderr);
	state.drawn = false;

	n = put_clean(line, 0, sizeof(line), "vnetctl: ");
	n = put_clean(line, n, sizeof(line) / 2, place);
	n = put_clean(line, n, sizeof(line), *place ? ": " : "");
	n = put_clean(line, n, sizeof(line), kind);
	n = put_clean(line, n, sizeof(line) - 1, text);
	line[n++] = '\n';
	fwrite(line, 1, n, stderr);
	fflush(stderr);
}

void fail_note(void)
{
	if (rec.code) {
		rec.text[rec.len] = '\0';
		print_line("", rec.text);
	}
	if (-rec.code > state.worst)
		state.worst = -rec.code;
	fail_clear();
}

bool fail_was_told(void)
{
	return state.worst;
}

int fail_print(void)
{
	fail_note();
	return state.worst;
}

void fail_abort(void)
{
	fail_note();
	abort();
}

void fail_progress(const char *what, size_t done, size_t total)
{
	static const long tick = 100 * 1000 * 1000;
	struct timespec now;
	long long ns;

	if (state.quiet || !isatty(STDERR_FILENO) || clock_gettime(CLOCK_MONOTONIC, &now) < 0)
		return;
	ns = now.tv_sec * 1000000000LL + now.tv_nsec;
	if (!state.began)
		state.began = ns;
	if (done == total) {
		if (state.drawn)
			fputs("\r\033[K", stderr);
		state.drawn = false;
		state.began = 0;
	} else if (ns - state.began >= 10 * tick && ns - state.told >= tick) {
		fprintf(stderr, "\r%s %zu/%zu\033[K", what, done, total);
		state.told = ns;
		state.drawn = true;
	}
}

void warn(const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	if (state.quiet)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	print_line("warning: ", text);
}
