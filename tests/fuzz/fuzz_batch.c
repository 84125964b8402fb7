// SPDX-License-Identifier: GPL-2.0-or-later
/* The batch file: its words. What was read, quoted and read again is the same; a line that is
 * no command does not swallow the next one. */
#include "batch.h"
#include "fail.h"
#include "fakes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct list {
	char *text; /* all words of all commands in quotes, one command a line */
	size_t len;
	unsigned commands;
};

static void quote(FILE *f, const char *word, bool twice)
{
	fputc(twice ? '"' : '\'', f);
	for (; *word; word++) {
		if (twice && strchr("\"\\", *word))
			fputc('\\', f);
		if (!twice && *word == '\'')
			fputs("'\\''", f);
		else
			fputc(*word, f);
	}
	fputc(twice ? '"' : '\'', f);
}

/* Reads all and writes it down in one form. */
static struct list read_all(struct bytes text, bool must_be_good)
{
	struct batch b = { .name = "file", .fd = fake_file(text) };
	struct list list = { .commands = 0 };
	FILE *f = open_memstream(&list.text, &list.len);
	unsigned line = 0;
	char **argv;
	int n;

	CHECK(f);
	while ((n = batch_next(&b, &argv)) != 0) {
		CHECK((n < 0) == (fail_code() < 0));
		CHECK(b.line > line);
		line = b.line;
		if (n < 0) {
			CHECK(!must_be_good && fail_code() == FAIL_USAGE);
			REACHED(refused);
			fail_clear();
			continue;
		}
		for (int i = 0; i < n; i++) {
			CHECK(argv[i]);
			if (i)
				fputc(' ', f);
			quote(f, argv[i], i % 2);
		}
		CHECK(!argv[n]);
		fputc('\n', f);
		list.commands++;
		REACHED(command);
	}
	CHECK(!fail_code());
	CHECK(batch_next(&b, &argv) == 0);
	batch_free(&b);
	fclose(f);
	return list;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct list first, again;

	fake_begin((struct bytes){ NULL, 0 }, (struct bytes){ NULL, 0 });
	first = read_all((struct bytes){ data, size }, false);
	again = read_all((struct bytes){ (const uint8_t *)first.text, first.len }, true);
	CHECK(first.commands == again.commands);
	CHECK(first.len == again.len && !memcmp(first.text, again.text, first.len));
	if (first.commands > 1)
		REACHED(several);
	free(first.text);
	free(again.text);
	fake_end();
	return 0;
}
