// SPDX-License-Identifier: GPL-2.0-or-later
/* A batch file cut into commands: words, quotes, comments, continuation lines,
 * and the line that each command is told by. */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>

#include "batch.h"

static int file_of(const char *text, size_t len)
{
	int fd = memfd_create("file", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void done(struct batch *b)
{
	batch_free(b);
	assert_null(b->text);
	assert_null(b->argv);
	/* Harmless a second time. */
	batch_free(b);
	assert_int_equal(close(b->fd), 0);
}

/* The next command has these words, want has '|' between them, and begins there. */
static void check_next(struct batch *b, unsigned line, const char *want)
{
	char got[4096] = "", place[64];
	char **argv = NULL;
	size_t len = 0;
	int n = batch_next(b, &argv);

	check_no_failure();
	assert_true(n > 0);
	assert_null(argv[n]);
	for (int i = 0; i < n && len < sizeof(got); i++)
		len += (size_t)snprintf(got + len, sizeof(got) - len, "%s%s", i ? "|" : "",
					argv[i]);
	assert_string_equal(got, want);
	assert_int_equal(b->line, line);
	snprintf(place, sizeof(place), "file:%u", line);
	assert_string_equal(b->place, place);
}

static void check_end(struct batch *b)
{
	char **argv;

	/* And it stays the end. */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(batch_next(b, &argv), 0);
		check_no_failure();
	}
}

/* The next line is no command. */
static void check_bad(struct batch *b, unsigned line, const char *message)
{
	char place[64];
	char **argv;

	assert_int_equal(batch_next(b, &argv), FAIL_USAGE);
	assert_int_equal(b->line, line);
	snprintf(place, sizeof(place), "file:%u", line);
	assert_string_equal(b->place, place);
	check_failure(FAIL_USAGE, message);
}

/* What these strings hold, null bytes too, without the last one. */
#define BATCH(text_) { .fd = file_of(text_, sizeof(text_) - 1), .name = "file" }

/* The whole file is this one command. */
#define CHECK_ONE(text_, want_)                 \
	do {                                    \
		struct batch b_ = BATCH(text_); \
                                                \
		check_next(&b_, 1, want_);      \
		check_end(&b_);                 \
		done(&b_);                      \
	} while (0)

#define CHECK_NONE(text_)                       \
	do {                                    \
		struct batch b_ = BATCH(text_); \
                                                \
		check_end(&b_);                 \
		done(&b_);                      \
	} while (0)

#define NOT_CLOSED "a quote is not closed"
#define NULL_BYTE "a null byte is no part of a command"
#define LAST_BACKSLASH "the last line ends in a backslash"

static void test_nothing(void **state)
{
	(void)state;
	CHECK_NONE("");
	CHECK_NONE("\n");
	CHECK_NONE("\n\n\n");
	CHECK_NONE("  \t \r\n \t");
	CHECK_NONE("# a comment\n");
	CHECK_NONE("# a comment that nothing ends");
	CHECK_NONE("   # 'a \"comment\\\n\t#\n");
	CHECK_NONE("\\\n\\\n");
}

static void test_words(void **state)
{
	(void)state;
	CHECK_ONE("a", "a");
	CHECK_ONE("a\n", "a");
	CHECK_ONE("create vm0 link eth0\n", "create|vm0|link|eth0");
	CHECK_ONE(" \ta  \t b\t\n", "a|b");
	/* Nothing is expanded, and no byte but these few means anything. */
	CHECK_ONE("$HOME `x` $(x) * ? ~ {a,b} ! ; & | < > =\n",
		  "$HOME|`x`|$(x)|*|?|~|{a,b}|!|;|&|||<|>|=");
	CHECK_ONE("\x01\x1b[m \x7f \xff\xfe \xc3\xa9 \v\f\n", "\x01\x1b[m|\x7f|\xff\xfe|\xc3\xa9|\v\f");
}

static void test_lines(void **state)
{
	struct batch b = BATCH("\n\na\n# c\nb c\n   \nd");

	(void)state;
	check_next(&b, 3, "a");
	check_next(&b, 5, "b|c");
	check_next(&b, 7, "d");
	check_end(&b);
	done(&b);
}

static void test_comments(void **state)
{
	struct batch b = BATCH("a # b c\n"
			       "a#b #c\n"
			       "a ''#b #\n"
			       "a \\#b # it's \"no quote\n"
			       "'#a' \"#b\"# #c\n"
			       "a\t#b\\\n"
			       "c #");

	(void)state;
	check_next(&b, 1, "a");
	check_next(&b, 2, "a#b");
	check_next(&b, 3, "a|#b");
	check_next(&b, 4, "a|#b");
	check_next(&b, 5, "#a|#b#");
	check_next(&b, 6, "a");
	/* A comment has no continuation. */
	check_next(&b, 7, "c");
	check_end(&b);
	done(&b);
}

static void test_quotes(void **state)
{
	(void)state;
	CHECK_ONE("'a b' \"c d\"\n", "a b|c d");
	CHECK_ONE("a'b'c\"d\"e\n", "abcde");
	CHECK_ONE("'' \"\" a''\n", "||a");
	CHECK_ONE("''\n", "");
	CHECK_ONE("'\"' \"'\"\n", "\"|'");
	CHECK_ONE("'a\\b\\' \"a\\\\b\\\"c\\d\"\n", "a\\b\\|a\\b\"cd");
	CHECK_ONE("'a\tb\r' \"\t\r\"\n", "a\tb\r|\t\r");
	CHECK_ONE("a\\ b \\'c \\\"d \\\\ \\\te\n", "a b|'c|\"d|\\|\te");
	/* At the end of the file, too. */
	CHECK_ONE("'a'", "a");
	CHECK_ONE("a\\ ", "a ");
}

static void test_quoted_newlines(void **state)
{
	struct batch b = BATCH("a 'b\nc' d\n"
			       "\"\n\n\"e\n"
			       "f \"g\\\nh\" 'i\\\nj'\n"
			       "k\n");

	(void)state;
	check_next(&b, 1, "a|b\nc|d");
	check_next(&b, 3, "\n\ne");
	check_next(&b, 6, "f|gh|i\\\nj");
	check_next(&b, 9, "k");
	check_end(&b);
	done(&b);
}

static void test_continuation(void **state)
{
	struct batch b = BATCH("a \\\nb\\\nc \\\n\\\n d\n"
			       "e\n"
			       "\\\nf\n"
			       "g \\\n# c\n"
			       "h\\\n#i\n"
			       "j \\\n\n"
			       "k\n");

	(void)state;
	check_next(&b, 1, "a|bc|d");
	check_next(&b, 6, "e");
	check_next(&b, 7, "f");
	check_next(&b, 9, "g");
	/* Joined in the middle of a word, where no comment can begin. */
	check_next(&b, 11, "h#i");
	check_next(&b, 13, "j");
	check_next(&b, 15, "k");
	check_end(&b);
	done(&b);
}

static void test_crlf(void **state)
{
	struct batch b = BATCH("a b\r\n"
			       "\r\n"
			       "# c\r\n"
			       "'d'\r\n"
			       "e\r");

	(void)state;
	check_next(&b, 1, "a|b");
	check_next(&b, 4, "d");
	check_next(&b, 5, "e");
	check_end(&b);
	done(&b);
}

static void test_crlf_continuation(void **state)
{
	struct batch b = BATCH("a \\\r\n b\r\n"
			       "c\\\r\nd\r\n"
			       "e\r\n");

	(void)state;
	check_next(&b, 1, "a|b");
	check_next(&b, 3, "cd");
	check_next(&b, 5, "e");
	check_end(&b);
	done(&b);
}

static void test_null_byte(void **state)
{
	struct batch b = BATCH("a\n"
			       "b \0 c 'd\n"
			       "e\n"
			       "'f\0\n"
			       "\\\0 g\n"
			       "# h \0\n"
			       "i\n"
			       "\0");

	(void)state;
	check_next(&b, 1, "a");
	/* The rest of its line is passed over, whatever stands there. */
	check_bad(&b, 2, NULL_BYTE);
	check_next(&b, 3, "e");
	check_bad(&b, 4, NULL_BYTE);
	check_bad(&b, 5, NULL_BYTE);
	/* A comment may hold anything. */
	check_next(&b, 7, "i");
	check_bad(&b, 8, NULL_BYTE);
	check_end(&b);
	done(&b);
}

static void check_unclosed(const char *text, unsigned line, const char *message)
{
	struct batch b = { .fd = file_of(text, strlen(text)), .name = "file" };

	check_next(&b, 1, "a");
	check_bad(&b, line, message);
	check_end(&b);
	done(&b);
}

static void test_unclosed(void **state)
{
	(void)state;
	/* The rest of the file is in the quote; told is where the command began. */
	check_unclosed("a\nb 'c\nd\ne\n", 2, NOT_CLOSED);
	check_unclosed("a\n\nb \"c", 3, NOT_CLOSED);
	check_unclosed("a\n'", 2, NOT_CLOSED);
	check_unclosed("a\n\"\\\"", 2, NOT_CLOSED);
	check_unclosed("a\n\\\nb '", 2, NOT_CLOSED);
	check_unclosed("a\nb\\", 2, LAST_BACKSLASH);
	check_unclosed("a\n\\", 2, LAST_BACKSLASH);
	check_unclosed("a\nb \"c\\", 2, LAST_BACKSLASH);
	/* Ended by the last newline, which joins nothing: an empty command. */
	CHECK_ONE("a\n\\\n", "a");
	CHECK_ONE("a \\\n", "a");
}

static void test_long(void **state)
{
	enum { WORDS = 20000, SIZE = 1 << 20 };
	char *text = malloc(SIZE + 2 * WORDS + 16), *p = text;
	struct batch b = { .name = "file" };
	char **argv;

	(void)state;
	assert_non_null(text);
	memset(p, 'x', SIZE);
	p += SIZE;
	*p++ = '\n';
	for (int i = 0; i < WORDS; i++) {
		*p++ = (char)('a' + i % 26);
		*p++ = ' ';
	}
	*p++ = '\n';
	*p++ = 'b';
	b.fd = file_of(text, (size_t)(p - text));

	assert_int_equal(batch_next(&b, &argv), 1);
	assert_int_equal(strlen(argv[0]), SIZE);
	assert_memory_equal(argv[0], text, SIZE);
	assert_null(argv[1]);

	assert_int_equal(batch_next(&b, &argv), WORDS);
	for (int i = 0; i < WORDS; i++) {
		assert_int_equal(argv[i][0], 'a' + i % 26);
		assert_int_equal(argv[i][1], '\0');
	}
	assert_null(argv[WORDS]);
	check_next(&b, 3, "b");
	check_end(&b);
	done(&b);
	free(text);
}

/* Every length around where the buffers grow. */
static void test_growth(void **state)
{
	char text[1100];

	(void)state;
	memset(text, 'y', sizeof(text));
	for (size_t len = 1; len < sizeof(text) - 2; len++) {
		struct batch b = { .name = "file" };
		char **argv;

		text[len] = '\n';
		text[len + 1] = 'z';
		b.fd = file_of(text, len + 2);
		assert_int_equal(batch_next(&b, &argv), 1);
		assert_int_equal(strlen(argv[0]), len);
		check_next(&b, 2, "z");
		done(&b);
		text[len] = text[len + 1] = 'y';
	}
}

static void test_name(void **state)
{
	struct batch b = { .fd = file_of("a", 1) };
	char name[400], place[256];
	char **argv;

	(void)state;
	/* A path that is longer than a message has room for is cut, the line never. */
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	b.name = name;
	snprintf(place, sizeof(place), "%.240s:1", name);
	assert_int_equal(batch_next(&b, &argv), 1);
	assert_string_equal(b.place, place);
	done(&b);
}

/* A file that cannot be read is not an empty one. */
static void test_unreadable(void **state)
{
	struct batch b = { .fd = open("/", O_RDONLY | O_CLOEXEC), .name = "dir" };
	char **argv;

	(void)state;
	assert_true(b.fd >= 0);
	assert_int_equal(batch_next(&b, &argv), FAIL_SYS);
	check_failure(FAIL_SYS, "cannot read dir: Is a directory");
	done(&b);
}

/* Counting reads nothing away; a pipe is not counted. */
static void test_count(void **state)
{
	struct batch b = BATCH("a\nb\n\nc");
	int ends[2], file = b.fd;

	(void)state;
	assert_int_equal(batch_lines(&b), 3);
	check_next(&b, 1, "a");
	assert_int_equal(pipe(ends), 0);
	b.fd = ends[0];
	assert_int_equal(batch_lines(&b), 0);
	b.fd = file;
	close(ends[0]);
	close(ends[1]);
	done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_nothing, forget_failure),
		cmocka_unit_test_setup(test_words, forget_failure),
		cmocka_unit_test_setup(test_lines, forget_failure),
		cmocka_unit_test_setup(test_comments, forget_failure),
		cmocka_unit_test_setup(test_quotes, forget_failure),
		cmocka_unit_test_setup(test_quoted_newlines, forget_failure),
		cmocka_unit_test_setup(test_continuation, forget_failure),
		cmocka_unit_test_setup(test_crlf, forget_failure),
		cmocka_unit_test_setup(test_crlf_continuation, forget_failure),
		cmocka_unit_test_setup(test_null_byte, forget_failure),
		cmocka_unit_test_setup(test_unclosed, forget_failure),
		cmocka_unit_test_setup(test_long, forget_failure),
		cmocka_unit_test_setup(test_growth, forget_failure),
		cmocka_unit_test_setup(test_name, forget_failure),
		cmocka_unit_test_setup(test_unreadable, forget_failure),
		cmocka_unit_test_setup(test_count, forget_failure),
	};

	return cmocka_run_group_tests_name("batch", tests, NULL, NULL);
}
