// SPDX-License-Identifier: GPL-2.0-or-later
/* One stream of values in its four looks, byte for byte. */
#include "unit.h"

#include "out.h"

static const unsigned widths[] = { 6, 4, 0, 0 };
static struct capture cap;

static void begin_coloured(struct out *o, enum out_style style, bool colour)
{
	capture_begin(&cap, 1);
	out_begin(o, style, colour, widths);
}

static void begin(struct out *o, enum out_style style)
{
	begin_coloured(o, style, false);
}

static const char *end(struct out *o)
{
	int r = out_end(o);

	capture_end(&cap);
	assert_int_equal(r, 0);
	check_no_failure();
	return cap.text;
}

static void test_empty(void **state)
{
	struct out o;

	(void)state;
	begin(&o, OUT_TEXT);
	assert_string_equal(end(&o), "");
	begin(&o, OUT_BRIEF);
	assert_string_equal(end(&o), "");
	begin(&o, OUT_JSON);
	assert_string_equal(end(&o), "[]\n");
	begin(&o, OUT_PRETTY);
	assert_string_equal(end(&o), "[]\n");
}

static void all_kinds(struct out *o)
{
	out_row(o, "ifname", "vm0");
	out_str(o, "mode", "bridge");
	out_str(o, "link", NULL);
	out_num(o, "mtu", 1500);
	out_break(o);
	out_bool(o, "isolated", true);
	out_bool(o, "made", false);
	out_list(o, "flags");
	out_item(o, "UP");
	out_item(o, "LOWER_UP");
	out_list_end(o);
	out_num(o, "group", -1);
	out_row_end(o);
	out_row(o, "ifname", "vm1");
	out_row_end(o);
}

static void test_text(void **state)
{
	struct out o;

	(void)state;
	begin(&o, OUT_TEXT);
	all_kinds(&o);
	assert_string_equal(end(&o), "vm0: mode bridge mtu 1500\n"
				     "    isolated on made off flags UP,LOWER_UP group -1\n"
				     "vm1:\n");
}

static void test_json(void **state)
{
	struct out o;

	(void)state;
	begin(&o, OUT_JSON);
	all_kinds(&o);
	assert_string_equal(end(&o),
			    "[{\"ifname\":\"vm0\",\"mode\":\"bridge\",\"mtu\":1500,"
			    "\"isolated\":true,\"made\":false,\"flags\":[\"UP\",\"LOWER_UP\"],"
			    "\"group\":-1},{\"ifname\":\"vm1\"}]\n");
}

static void test_pretty(void **state)
{
	struct out o;

	(void)state;
	begin(&o, OUT_PRETTY);
	all_kinds(&o);
	assert_string_equal(end(&o), "[\n"
				     "    {\n"
				     "        \"ifname\": \"vm0\",\n"
				     "        \"mode\": \"bridge\",\n"
				     "        \"mtu\": 1500,\n"
				     "        \"isolated\": true,\n"
				     "        \"made\": false,\n"
				     "        \"flags\": [\n"
				     "            \"UP\",\n"
				     "            \"LOWER_UP\"\n"
				     "        ],\n"
				     "        \"group\": -1\n"
				     "    },\n"
				     "    {\n"
				     "        \"ifname\": \"vm1\"\n"
				     "    }\n"
				     "]\n");
}

static void test_empty_list(void **state)
{
	struct out o;

	(void)state;
	for (int pretty = 0; pretty < 2; pretty++) {
		begin(&o, pretty ? OUT_PRETTY : OUT_JSON);
		out_row(&o, "n", "a");
		out_list(&o, "l");
		out_list_end(&o);
		out_num(&o, "x", 1);
		out_row_end(&o);
		assert_string_equal(end(&o), pretty ? "[\n"
						      "    {\n"
						      "        \"n\": \"a\",\n"
						      "        \"l\": [],\n"
						      "        \"x\": 1\n"
						      "    }\n"
						      "]\n" :
						      "[{\"n\":\"a\",\"l\":[],\"x\":1}]\n");
	}
}

/* True or nothing in text, both in JSON. */
static void test_flags(void **state)
{
	struct out o;

	(void)state;
	for (int style = OUT_TEXT; style <= OUT_JSON; style++) {
		begin(&o, (enum out_style)style);
		out_row(&o, "n", "a");
		out_flag(&o, "made", true);
		out_flag(&o, "orphaned", false);
		out_row_end(&o);
		assert_string_equal(end(&o), style == OUT_TEXT	? "a: made\n" :
					     style == OUT_BRIEF ? "a     \n" :
								  "[{\"n\":\"a\",\"made\":true,"
								  "\"orphaned\":false}]\n");
	}
}

static void users(struct out *o, unsigned n)
{
	out_row(o, "n", "a");
	out_users(o, "users");
	for (unsigned i = 0; i < n; i++) {
		out_user(o, i ? "two" : "a\"\x01", 7 + i);
		out_user_fd(o, 3);
		if (i)
			out_user_fd(o, 4);
		out_user_end(o);
	}
	out_users_end(o);
	out_num(o, "x", 1);
	out_row_end(o);
}

static void test_users(void **state)
{
	struct out o;

	(void)state;
	begin(&o, OUT_TEXT);
	users(&o, 2);
	assert_string_equal(end(&o), "a: users a\"\\x01(7),two(8) x 1\n");
	begin(&o, OUT_TEXT);
	users(&o, 0);
	assert_string_equal(end(&o), "a: users - x 1\n");
	begin(&o, OUT_JSON);
	users(&o, 2);
	assert_string_equal(end(&o),
			    "[{\"n\":\"a\",\"users\":[{\"pid\":7,\"comm\":\"a\\\"\\u0001\","
			    "\"fds\":[3]},{\"pid\":8,\"comm\":\"two\",\"fds\":[3,4]}],"
			    "\"x\":1}]\n");
	begin(&o, OUT_JSON);
	users(&o, 0);
	assert_string_equal(end(&o), "[{\"n\":\"a\",\"users\":[],\"x\":1}]\n");
	begin(&o, OUT_PRETTY);
	users(&o, 1);
	assert_string_equal(end(&o), "[\n"
				     "    {\n"
				     "        \"n\": \"a\",\n"
				     "        \"users\": [\n"
				     "            {\n"
				     "                \"pid\": 7,\n"
				     "                \"comm\": \"a\\\"\\u0001\",\n"
				     "                \"fds\": [\n"
				     "                    3\n"
				     "                ]\n"
				     "            }\n"
				     "        ],\n"
				     "        \"x\": 1\n"
				     "    }\n"
				     "]\n");
}

static void inked(struct out *o)
{
	out_next_ink(o, INK_NAME);
	out_row(o, "n", "a");
	out_next_ink(o, INK_UP);
	out_str(o, "s", "UP");
	/* Used up by the value before. */
	out_str(o, "p", "-");
	out_next_ink(o, INK_MAC);
	out_num(o, "m", 1);
	out_row_end(o);
}

/* Colours are beside the text: columns stay where they are, JSON has none. */
static void test_colour(void **state)
{
	struct out o;

	(void)state;
	begin_coloured(&o, OUT_TEXT, true);
	inked(&o);
	assert_string_equal(end(&o),
			    "\033[36ma\033[0m: s \033[32mUP\033[0m p - m \033[33m1\033[0m\n");
	begin_coloured(&o, OUT_BRIEF, true);
	inked(&o);
	assert_string_equal(end(&o), "\033[36ma\033[0m     \033[32mUP\033[0m  -\033[33m1\033[0m\n");
	begin_coloured(&o, OUT_TEXT, false);
	inked(&o);
	assert_string_equal(end(&o), "a: s UP p - m 1\n");
	begin_coloured(&o, OUT_JSON, true);
	inked(&o);
	assert_string_equal(end(&o), "[{\"n\":\"a\",\"s\":\"UP\",\"p\":\"-\",\"m\":1}]\n");
	begin_coloured(&o, OUT_PRETTY, true);
	inked(&o);
	assert_null(strchr(end(&o), 033));
}

static void test_wants_colour(void **state)
{
	bool always, never, automatic, unset;

	(void)state;
	capture_begin(&cap, 1); /* no terminal */
	always = out_wants_colour("always");
	never = out_wants_colour("never");
	automatic = out_wants_colour("auto");
	unset = out_wants_colour(NULL);
	capture_end(&cap);
	assert_true(always);
	assert_false(never);
	assert_false(automatic);
	assert_false(unset);
}

static void test_tree(void **state)
{
	static const bool last[] = { false, true };
	struct out o;

	(void)state;
	setenv("LC_ALL", "C", 1);
	begin(&o, OUT_TEXT);
	out_branch(&o, 0, NULL);
	out_word(&o, "eth0");
	out_branch_end(&o);
	out_branch(&o, 1, last);
	out_word(&o, "vm\x01");
	out_word(&o, NULL);
	out_word(&o, "bridge");
	out_branch_end(&o);
	out_branch(&o, 2, last);
	out_word(&o, "qemu");
	out_branch_end(&o);
	out_branch(&o, 1, last + 1);
	out_word(&o, "vm1");
	out_branch_end(&o);
	out_branch(&o, 2, (const bool[]){ true, false });
	out_word(&o, "qemu");
	out_branch_end(&o);
	assert_string_equal(end(&o), "eth0\n"
				     "|- vm\\x01 bridge\n"
				     "|  `- qemu\n"
				     "`- vm1\n"
				     "   |- qemu\n");
}

/* With lines where the locale has them. */
static void test_tree_lines(void **state)
{
	static const bool last[] = { false, true };
	struct out o;

	(void)state;
	setenv("LC_ALL", "C.UTF-8", 1);
	begin(&o, OUT_TEXT);
	out_branch(&o, 2, last);
	out_word(&o, "a");
	out_branch_end(&o);
	out_branch(&o, 1, last);
	out_word(&o, "b");
	out_branch_end(&o);
	setenv("LC_ALL", "C", 1);
	assert_string_equal(end(&o), "│  └─ a\n├─ b\n");
}

static void test_numbers(void **state)
{
	struct out o;

	(void)state;
	begin(&o, OUT_JSON);
	out_row(&o, "n", "a");
	out_num(&o, "min", INT64_MIN);
	out_num(&o, "max", INT64_MAX);
	out_num(&o, "zero", 0);
	out_row_end(&o);
	assert_string_equal(end(&o), "[{\"n\":\"a\",\"min\":-9223372036854775808,"
				     "\"max\":9223372036854775807,\"zero\":0}]\n");
}

/* Columns are filled up; what is too long pushes the rest, one blank apart. */
static void test_brief(void **state)
{
	static const struct {
		const char *name, *mid, *last, *line;
	} cases[] = {
		{ "vm0", "up", "x", "vm0   up  x\n" },
		{ "vm0", NULL, NULL, "vm0   -   -\n" },
		{ "fives", "abc", "x", "fives abc x\n" },
		{ "sixsix", "abcd", "x", "sixsix abcd x\n" },
		{ "seven77", "abcde", "x", "seven77 abcde x\n" },
		/* Counted in characters, not in bytes. */
		{ "\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\xa7", "a", "x",
		  "\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\xa7   a   x\n" },
		/* What is escaped takes four. */
		{ "a\x01", "a", "x", "a\\x01 a   x\n" },
		{ "\xff", "a", "x", "\\xff  a   x\n" },
	};
	struct out o;

	(void)state;
	begin(&o, OUT_BRIEF);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		out_row(&o, "ifname", cases[i].name);
		out_str(&o, "mid", cases[i].mid);
		out_break(&o);
		out_str(&o, "last", cases[i].last);
		out_row_end(&o);
	}
	end(&o);
	for (char *at = cap.text, *next; *at; at = next) {
		size_t i = 0;

		next = strchr(at, '\n') + 1;
		for (char *p = cap.text; p < at; p++)
			i += *p == '\n';
		assert_true(i < sizeof(cases) / sizeof(cases[0]));
		assert_int_equal(next - at, strlen(cases[i].line));
		assert_memory_equal(at, cases[i].line, next - at);
	}
	assert_int_equal(cap.len > 0 ? cap.text[cap.len - 1] : 0, '\n');
}

static void test_brief_others(void **state)
{
	struct out o;

	(void)state;
	begin(&o, OUT_BRIEF);
	out_row(&o, "ifname", "a");
	out_num(&o, "n", 12);
	out_bool(&o, "b", true);
	out_row_end(&o);
	assert_string_equal(end(&o), "a     12  on\n");
}

static const struct {
	const char *raw, *json, *text;
} escapes[] = {
	{ "", "", "" },
	{ "plain", "plain", "plain" },
	{ "a \"b\" c", "a \\\"b\\\" c", "a \"b\" c" },
	{ "back\\slash/", "back\\\\slash/", "back\\slash/" },
	{ "\t\n\r\b\f", "\\u0009\\u000a\\u000d\\u0008\\u000c", "\\x09\\x0a\\x0d\\x08\\x0c" },
	{ "\x01\x1f\x7f", "\\u0001\\u001f\\u007f", "\\x01\\x1f\\x7f" },
	{ "\033[31m", "\\u001b[31m", "\\x1b[31m" },
	{ "%s%n%d", "%s%n%d", "%s%n%d" },
	/* Well-formed UTF-8, its first and last in each length */
	{ "\xc3\xa9", "\xc3\xa9", "\xc3\xa9" },
	{ "\xdf\xbf", "\xdf\xbf", "\xdf\xbf" },
	{ "\xe0\xa0\x80", "\xe0\xa0\x80", "\xe0\xa0\x80" },
	{ "\xed\x9f\xbf", "\xed\x9f\xbf", "\xed\x9f\xbf" },
	{ "\xee\x80\x80", "\xee\x80\x80", "\xee\x80\x80" },
	{ "\xef\xbf\xbf", "\xef\xbf\xbf", "\xef\xbf\xbf" },
	{ "\xf0\x90\x80\x80", "\xf0\x90\x80\x80", "\xf0\x90\x80\x80" },
	{ "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf" },
	/* C1 controls: a terminal obeys them, JSON carries them. */
	{ "\xc2\x80", "\xc2\x80", "\\xc2\\x80" },
	{ "\xc2\x9b"
	  "2J",
	  "\xc2\x9b"
	  "2J",
	  "\\xc2\\x9b2J" },
	{ "\xc2\x9f", "\xc2\x9f", "\\xc2\\x9f" },
	{ "\xc2\xa0", "\xc2\xa0", "\xc2\xa0" },
	/* Broken: lone bytes, ... */
	{ "\xff", "\\ufffd", "\\xff" },
	{ "a\x80"
	  "b",
	  "a\\ufffdb", "a\\x80b" },
	{ "a\xbf", "a\\ufffd", "a\\xbf" },
	{ "\xfe\xfe", "\\ufffd\\ufffd", "\\xfe\\xfe" },
	/* ... cut off, ... */
	{ "\xc3", "\\ufffd", "\\xc3" },
	{ "\xc3(", "\\ufffd(", "\\xc3(" },
	{ "\xe2\x82", "\\ufffd\\ufffd", "\\xe2\\x82" },
	{ "\xe2\x82(", "\\ufffd\\ufffd(", "\\xe2\\x82(" },
	{ "\xf0\x9f\x90", "\\ufffd\\ufffd\\ufffd", "\\xf0\\x9f\\x90" },
	/* ... longer than need be (a '/' in two, three and four bytes), ... */
	{ "\xc0\xaf", "\\ufffd\\ufffd", "\\xc0\\xaf" },
	{ "\xc1\x81", "\\ufffd\\ufffd", "\\xc1\\x81" },
	{ "\xe0\x80\xaf", "\\ufffd\\ufffd\\ufffd", "\\xe0\\x80\\xaf" },
	{ "\xf0\x80\x80\xaf", "\\ufffd\\ufffd\\ufffd\\ufffd", "\\xf0\\x80\\x80\\xaf" },
	/* ... a surrogate, beyond U+10FFFF, ... */
	{ "\xed\xa0\x80", "\\ufffd\\ufffd\\ufffd", "\\xed\\xa0\\x80" },
	{ "\xf4\x90\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd", "\\xf4\\x90\\x80\\x80" },
	{ "\xf5\x80\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd", "\\xf5\\x80\\x80\\x80" },
	/* ... and one broken byte does not take its neighbours along. */
	{ "a\xff\"", "a\\ufffd\\\"", "a\\xff\"" },
	{ "\xe2\xc3\xa9", "\\ufffd\xc3\xa9", "\\xe2\xc3\xa9" },
};

#define N_ESCAPES (sizeof(escapes) / sizeof(escapes[0]))

static void test_escape_json(void **state)
{
	char want[600];
	struct out o;

	(void)state;
	for (size_t i = 0; i < N_ESCAPES; i++) {
		begin(&o, OUT_JSON);
		out_row(&o, "head", escapes[i].raw);
		out_str(&o, escapes[i].raw, escapes[i].raw);
		out_list(&o, "l");
		out_item(&o, escapes[i].raw);
		out_list_end(&o);
		out_row_end(&o);
		snprintf(want, sizeof(want), "[{\"head\":\"%s\",\"%s\":\"%s\",\"l\":[\"%s\"]}]\n",
			 escapes[i].json, escapes[i].json, escapes[i].json, escapes[i].json);
		assert_string_equal(end(&o), want);
	}
}

static void test_escape_text(void **state)
{
	char want[600];
	struct out o;

	(void)state;
	for (size_t i = 0; i < N_ESCAPES; i++) {
		begin(&o, OUT_TEXT);
		out_row(&o, "head", escapes[i].raw);
		out_str(&o, "s", escapes[i].raw);
		out_list(&o, "l");
		out_item(&o, escapes[i].raw);
		out_item(&o, "z");
		out_list_end(&o);
		out_row_end(&o);
		snprintf(want, sizeof(want), "%s: s %s l %s,z\n", escapes[i].text, escapes[i].text,
			 escapes[i].text);
		assert_string_equal(end(&o), want);
	}
}

/* No byte whatever makes JSON that is not ASCII-clean of controls. */
static void test_every_byte(void **state)
{
	struct out o;

	(void)state;
	for (int style = OUT_TEXT; style <= OUT_PRETTY; style++) {
		for (int a = 1; a < 256; a++) {
			char s[3] = { (char)a, 'x', '\0' };

			begin(&o, (enum out_style)style);
			out_row(&o, "k", s);
			out_row_end(&o);
			end(&o);
			for (size_t i = 0; i + 1 < cap.len; i++) {
				unsigned char c = (unsigned char)cap.text[i];

				if (c >= 0x7f || (c < 0x20 && !(style == OUT_PRETTY && c == '\n')))
					fail_msg("style %d lets byte %02x through", style, a);
			}
		}
	}
}

static void test_line(void **state)
{
	int r;

	(void)state;
	capture_begin(&cap, 1);
	out_line("%s %d", "vm", 7);
	out_line("%s", "");
	r = out_plain_end();
	capture_end(&cap);
	assert_int_equal(r, 0);
	assert_string_equal(cap.text, "vm 7\n\n");
	check_no_failure();
}

/* Points stdout at /dev/full for the length of one stream. */
static int end_when_full(bool stream, size_t rows)
{
	int saved = fcntl(1, F_DUPFD_CLOEXEC, 10), full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct out o;
	int r;

	fflush(stdout);
	dup2(full, 1);
	close(full);
	if (stream)
		out_begin(&o, OUT_JSON, false, NULL);
	for (size_t i = 0; i < rows; i++) {
		if (stream) {
			out_row(&o, "ifname", "vm0");
			out_row_end(&o);
		} else {
			out_line("%s", "a line");
		}
	}
	r = stream ? out_end(&o) : out_plain_end();
	dup2(saved, 1);
	close(saved);
	clearerr(stdout);
	return r;
}

static void test_full(void **state)
{
	(void)state;
	/* Short: it fails at the last flush. Long: somewhere on the way. */
	for (size_t rows = 1; rows <= 100000; rows += 99999) {
		for (int stream = 0; stream < 2; stream++) {
			int r = end_when_full(stream, rows);

			assert_int_equal(r, FAIL_SYS);
			check_failure(FAIL_SYS, "cannot write to standard output: "
						"No space left on device");
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_empty, forget_failure),
		cmocka_unit_test_setup(test_text, forget_failure),
		cmocka_unit_test_setup(test_json, forget_failure),
		cmocka_unit_test_setup(test_pretty, forget_failure),
		cmocka_unit_test_setup(test_empty_list, forget_failure),
		cmocka_unit_test_setup(test_flags, forget_failure),
		cmocka_unit_test_setup(test_users, forget_failure),
		cmocka_unit_test_setup(test_colour, forget_failure),
		cmocka_unit_test_setup(test_wants_colour, forget_failure),
		cmocka_unit_test_setup(test_tree, forget_failure),
		cmocka_unit_test_setup(test_tree_lines, forget_failure),
		cmocka_unit_test_setup(test_numbers, forget_failure),
		cmocka_unit_test_setup(test_brief, forget_failure),
		cmocka_unit_test_setup(test_brief_others, forget_failure),
		cmocka_unit_test_setup(test_escape_json, forget_failure),
		cmocka_unit_test_setup(test_escape_text, forget_failure),
		cmocka_unit_test_setup(test_every_byte, forget_failure),
		cmocka_unit_test_setup(test_line, forget_failure),
		cmocka_unit_test_setup(test_full, forget_failure),
	};

	return cmocka_run_group_tests_name("out", tests, NULL, NULL);
}
