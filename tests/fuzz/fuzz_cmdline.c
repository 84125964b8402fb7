// SPDX-License-Identifier: GPL-2.0-or-later
/* The whole program. The input is three pieces, parted by empty lines: the words, one a line;
 * the fates of the calls; and what the batch file, or the policy, holds (fake_begin()). */
#include "fakes.h"
#include "json.h"

int vnetctl_main(int argc, char **argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define WORDS 64

struct line {
	char *words; /* "vnetctl\0a\0b\0", one behind the other as the kernel lays them */
	char *argv[WORDS + 2];
	int argc;
};

static void cut_words(struct bytes text, struct line *line)
{
	static const char name[] = "vnetctl";
	size_t at = sizeof(name);

	line->words = malloc(sizeof(name) + text.n + 1);
	CHECK(line->words);
	memcpy(line->words, name, sizeof(name));
	line->argv[0] = line->words;
	line->argc = 1;
	while (text.n && line->argc <= WORDS) {
		struct bytes word = fake_cut(&text, "\n");

		memcpy(line->words + at, word.p, word.n);
		line->words[at + word.n] = '\0';
		line->argv[line->argc++] = line->words + at;
		at += strlen(line->words + at) + 1;
	}
	line->argv[line->argc] = NULL;
}

static bool has_word(const struct line *line, const char *word)
{
	for (int i = 1; i < line->argc; i++) {
		if (!strcmp(line->argv[i], word))
			return true;
	}
	return false;
}

/* The command, behind the options. */
static const char *command(const struct line *line)
{
	int i = 1;

	while (i < line->argc && line->argv[i][0] == '-')
		i += strchr("nb", line->argv[i][1 + (line->argv[i][1] == '-')]) ? 2 : 1;
	return i < line->argc ? line->argv[i] : "";
}

/* Each line is whole, ours, and nothing that a terminal would obey. Returns how many there are
 * that tell a failure. */
static unsigned check_errors(void)
{
	size_t len;
	const char *p = fake_stderr_text(&len);
	unsigned n = 0;

	CHECK(strlen(p) == len);
	while (*p) {
		size_t line = strcspn(p, "\n");

		CHECK(!strncmp(p, "vnetctl: ", 9));
		/* In a batch the place stands before it. */
		n += !memmem(p, line, ": warning: ", 11);
		for (; *p != '\n'; p += text_printable(p))
			CHECK(text_printable(p) > 0);
		p++;
	}
	/* Root may look everywhere. */
	if (!fake_is_user() && !fake_struck())
		CHECK(!memmem(fake_stderr_text(&len), len, "namespaces of devices", 21));
	return n;
}

/* Help is text also in the midst of JSON, and a device may be called "[". */
static void check_output(const struct line *line, struct bytes file)
{
	bool json = has_word(line, "-j") || has_word(line, "-p") || has_word(line, "-json");
	size_t len;
	const char *out = fake_stdout_text(&len);

	CHECK(strlen(out) == len);
	if (!json || *out != '[' || has_word(line, "help") || memmem(file.p, file.n, "help", 4))
		return;
	CHECK(json_is_valid(out));
	REACHED(json);
}

static void check_world(const struct line *line, int status)
{
	const char *cmd = command(line);

	CHECK(!fake_left_open());
	CHECK(!fake_has_power() || fake_struck());
	if (!strcmp(cmd, "list")) {
		CHECK(!fake_world_changed());
		REACHED(list);
	}
	/* No dump that missed one counts, unless it happens again and again. */
	if (!strcmp(cmd, "destroy") && line->argc == 4 && has_word(line, "all") &&
	    has_word(line, "force") && status == 0 && !fake_struck() && !fake_is_user() &&
	    fake_interrupted() < 5) {
		CHECK(!fake_has_marked_link());
		REACHED(destroy_all);
	}
	if (!strcmp(cmd, "create") && status == 0)
		REACHED(create);
	/* A command line that is wrong is wrong before anything is done. */
	if (!strcmp(cmd, "create") && status == 1)
		CHECK(!fake_world_changed());
	if (!strcmp(cmd, "create") && status && !fake_struck())
		CHECK(!fake_has_new_link());
	/* What QEMU did not get is not there either. */
	if (!strcmp(cmd, "helper") && !fake_sent() && !fake_struck()) {
		CHECK(status && !fake_has_new_link());
		REACHED(helper);
	}
	/* COMMAND never runs here, so nothing that was made for it may be left. Who gave up power
	 * leaves that to another process (watch_standby()), which is not pretended. */
	if (!strcmp(cmd, "open-exec") && !fake_struck() && !fake_is_user() &&
	    !has_word(line, "run-as")) {
		CHECK(!fake_has_new_link());
		REACHED(open_exec);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes input = { data, size };
	struct bytes words = fake_cut(&input, "\n\n"), script = fake_cut(&input, "\n\n");
	struct line line;
	unsigned failures;
	int status;

	fake_begin(script, input);
	cut_words(words, &line);
	status = vnetctl_main(line.argc, line.argv);
	failures = check_errors();
	CHECK(status == 0 || status == 1 || status == 2 || (status >= 125 && status <= 127));
	/* What is no word of the caller's is a warning. */
	CHECK(!status == !failures || memmem(data, size, "warning", 7));
	check_output(&line, input);
	check_world(&line, status);
	/* A policy that allows nothing, or none that can be read. */
	if (fake_is_user()) {
		REACHED(user);
		if (!memmem(input.p, input.n, "allow", 5))
			CHECK(!fake_world_changed() && !fake_execs() && !fake_sent());
		else if (fake_has_new_link() || fake_execs())
			REACHED(user_allowed);
	}
	if (has_word(&line, "-b"))
		REACHED(batch);
	free(line.words);
	fake_end();
	return 0;
}
