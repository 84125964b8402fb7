// SPDX-License-Identifier: GPL-2.0-or-later
/* Words and values of a command line: what is taken, and the one line that
 * says why something is not. */
#include "unit.h"

#include "args.h"

/* --- values --- */

static void test_numbers(void **state)
{
	static const struct {
		const char *text;
		uint64_t min, max;
		int r;
		uint64_t value;
	} cases[] = {
		{ "0", 0, 10, 0, 0 },
		{ "10", 0, 10, 0, 10 },
		{ "007", 0, 10, 0, 7 },
		{ "11", 0, 10, -1, 0 },
		{ "1", 2, 10, -1, 0 },
		{ "2", 2, 2, 0, 2 },
		{ "4294967295", 0, UINT32_MAX, 0, UINT32_MAX },
		{ "4294967296", 0, UINT32_MAX, -1, 0 },
		{ "18446744073709551609", 0, UINT64_MAX, 0, UINT64_C(18446744073709551609) },
		/* One more than fits, and what would come round to 1 and to 1500. */
		{ "18446744073709551616", 0, UINT64_MAX, -1, 0 },
		{ "18446744073709551617", 0, UINT64_MAX, -1, 0 },
		{ "18446744073709553116", 0, UINT64_MAX, -1, 0 },
		{ "99999999999999999999999999999999999999", 0, UINT64_MAX, -1, 0 },
		{ "", 0, 10, -1, 0 },
		{ " ", 0, 10, -1, 0 },
		{ " 1", 0, 10, -1, 0 },
		{ "1 ", 0, 10, -1, 0 },
		{ "1\n", 0, 10, -1, 0 },
		{ "+1", 0, 10, -1, 0 },
		{ "-1", 0, UINT64_MAX, -1, 0 },
		{ "-0", 0, 10, -1, 0 },
		{ "1.0", 0, 10, -1, 0 },
		{ "1e1", 0, 10, -1, 0 },
		{ "0x1", 0, 10, -1, 0 },
		{ "1k", 0, 10, -1, 0 },
		{ "a", 0, 20, -1, 0 },
		/* The bytes beside '0' and '9', and a digit that is not ours */
		{ "/", 0, UINT64_MAX, -1, 0 },
		{ ":", 0, UINT64_MAX, -1, 0 },
		{ "1/", 0, UINT64_MAX, -1, 0 },
		{ "\xd9\xa1", 0, UINT64_MAX, -1, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t out = 77;
		int r = args_number(cases[i].text, cases[i].min, cases[i].max, &out);

		if (r != cases[i].r || out != (r ? 77 : cases[i].value))
			fail_msg("'%s': %d, %ju", cases[i].text, r, (uintmax_t)out);
		check_no_failure();
	}
}

static void test_mac_bytes(void **state)
{
	static const struct {
		const char *text;
		int r;
		uint8_t b[6];
	} cases[] = {
		{ "52:54:00:12:34:56", 0, { 0x52, 0x54, 0, 0x12, 0x34, 0x56 } },
		{ "aB:cD:eF:Fe:dC:bA", 0, { 0xab, 0xcd, 0xef, 0xfe, 0xdc, 0xba } },
		{ "00:00:00:00:00:00", 0, { 0 } },
		{ "ff:ff:ff:ff:ff:ff", 0, { 255, 255, 255, 255, 255, 255 } },
		{ "", -1, { 0 } },
		{ "52:54:00:12:34:5", -1, { 0 } },
		{ "52:54:00:12:34:567", -1, { 0 } },
		{ "52:54:00:12:34:56 ", -1, { 0 } },
		{ " 2:54:00:12:34:56", -1, { 0 } },
		{ "52:54:00:12:34", -1, { 0 } },
		{ "52:54:00:12:34:56:78", -1, { 0 } },
		{ "52-54-00-12-34-56", -1, { 0 } },
		{ "5254.0012.3456", -1, { 0 } },
		{ "525400123456", -1, { 0 } },
		{ "52:54:00:12:34:5g", -1, { 0 } },
		{ "52:54:00:12:34:5G", -1, { 0 } },
		{ "52:54:00:12:34:5`", -1, { 0 } },
		{ "52:54:00:12:34:5@", -1, { 0 } },
		{ "52:54:00:12:34:5/", -1, { 0 } },
		{ "52:54:00:12:34::6", -1, { 0 } },
		{ "52:54:00:12:3:456", -1, { 0 } },
		{ "+2:54:00:12:34:56", -1, { 0 } },
		{ "0x:54:00:12:34:56", -1, { 0 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t b[6] = { 0 };
		int r = args_mac_bytes(cases[i].text, b);

		if (r != cases[i].r || (r == 0 && memcmp(b, cases[i].b, 6) != 0))
			fail_msg("'%s': %d", cases[i].text, r);
		check_no_failure();
	}
}

static void test_mac(void **state)
{
	static const uint8_t good[6] = { 0x52, 0x54, 0, 0, 0, 1 };
	struct mac mac = { .set = false };

	(void)state;
	assert_int_equal(args_mac("address", "52:54:00:00:00:01", &mac), 0);
	assert_true(mac.set);
	assert_memory_equal(mac.b, good, 6);
	check_no_failure();

	mac.set = false;
	assert_int_equal(args_mac("address", "52:54", &mac), FAIL_USAGE);
	assert_false(mac.set);
	check_failure(FAIL_USAGE, "address '52:54' is no Ethernet address: "
				  "write it like 52:54:00:12:34:56");
	assert_int_equal(args_mac("address", "01:00:5e:00:00:01", &mac), FAIL_USAGE);
	assert_false(mac.set);
	check_failure(FAIL_USAGE, "address '01:00:5e:00:00:01' is a multicast address: "
				  "the first byte must be even");
	assert_int_equal(args_mac("address", "ff:ff:ff:ff:ff:ff", &mac), FAIL_USAGE);
	check_failure(FAIL_USAGE, "address 'ff:ff:ff:ff:ff:ff' is a multicast address: "
				  "the first byte must be even");
	assert_int_equal(args_mac("address", "00:00:00:00:00:00", &mac), FAIL_USAGE);
	assert_false(mac.set);
	check_failure(FAIL_USAGE, "address '00:00:00:00:00:00' is the null address");
}

static void test_mtu(void **state)
{
	static const char
		*const bad[] = { "67", "65536", "0",	 "",
				 "-1", "1500x", "15 00", "4294968796" /* 1500 after 32 bits */ };
	uint32_t mtu = 7;

	(void)state;
	assert_int_equal(args_mtu("mtu", "68", &mtu), 0);
	assert_int_equal(mtu, 68);
	assert_int_equal(args_mtu("mtu", "65535", &mtu), 0);
	assert_int_equal(mtu, 65535);
	check_no_failure();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char line[100];

		mtu = 7;
		assert_int_equal(args_mtu("mtu", bad[i], &mtu), FAIL_USAGE);
		assert_int_equal(mtu, 7);
		snprintf(line, sizeof(line), "mtu '%s' is no number from 68 to 65535", bad[i]);
		check_failure(FAIL_USAGE, line);
	}
}

static void test_str(void **state)
{
	const char *s = "before";

	(void)state;
	assert_int_equal(args_str("owner", "", &s), FAIL_USAGE);
	assert_string_equal(s, "before");
	check_failure(FAIL_USAGE, "'owner' needs a value that is not empty");
	assert_int_equal(args_str("owner", " ", &s), 0);
	assert_string_equal(s, " ");
	check_no_failure();
}

/* --- names --- */

static const char is_empty[] = "it is empty";
static const char is_long[] = "it is longer than 15 bytes";
static const char is_dots[] = "the kernel keeps '.' and '..' for itself";
static const char has_slash[] = "it holds '/' or ':'";
static const char has_blank[] = "it holds a blank";
static const char has_control[] = "it holds a control byte";
static const char has_a0[] = "it holds byte a0, a blank to the kernel";
static const char has_percent[] = "'%' may stand in it only once and as '%d'";

static const struct name_case {
	const char *name, *flaw, *fresh_flaw;
} name_cases[] = {
	{ "vm0", NULL, NULL },
	{ "a", NULL, NULL },
	{ "-", NULL, NULL },
	{ "...", NULL, NULL },
	{ "a.b", NULL, NULL },
	{ "eth0.100", NULL, NULL },
	{ "a@b", NULL, NULL },
	{ "a\"b'c\\", NULL, NULL },
	{ "caf\xc3\xa9", NULL, NULL },
	{ "\xff\xfe", NULL, NULL },
	{ "fifteen-bytes-x", NULL, NULL },
	{ "sixteen-bytes-xx", is_long, is_long },
	/* 15 characters, 16 bytes */
	{ "fifteen-bytes-\xc3\xa9", is_long, is_long },
	{ "", is_empty, is_empty },
	{ ".", is_dots, is_dots },
	{ "..", is_dots, is_dots },
	{ "a/b", has_slash, has_slash },
	{ "/", has_slash, has_slash },
	{ "a:b", has_slash, has_slash },
	{ ":", has_slash, has_slash },
	{ "a b", has_blank, has_blank },
	{ " a", has_blank, has_blank },
	{ "a ", has_blank, has_blank },
	{ "a\tb", has_blank, has_blank },
	{ "a\nb", has_blank, has_blank },
	{ "a\vb", has_blank, has_blank },
	{ "a\fb", has_blank, has_blank },
	{ "a\rb", has_blank, has_blank },
	{ "a\xa0"
	  "b",
	  has_a0, has_a0 },
	/* U+00E0 in UTF-8 ends in a0: the kernel takes it for a blank. */
	{ "\xc3\xa0", has_a0, has_a0 },
	/* The kernel takes these, but nobody wants one. */
	{ "a\x01", NULL, has_control },
	{ "\x1b[m", NULL, has_control },
	{ "a\x08", NULL, has_control },
	{ "a\x1f", NULL, has_control },
	{ "a\x7f", NULL, has_control },
	{ "vm%d", NULL, NULL },
	{ "%d", NULL, NULL },
	{ "a%db", NULL, NULL },
	{ "%", NULL, has_percent },
	{ "%s", NULL, has_percent },
	{ "a%", NULL, has_percent },
	{ "a%%d", NULL, has_percent },
	{ "a%d%d", NULL, has_percent },
	{ "a%d%", NULL, has_percent },
	{ "a%02d", NULL, has_percent },
	{ "a%ld", NULL, has_percent },
	{ "a%D", NULL, has_percent },
};

static void test_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(name_cases) / sizeof(name_cases[0]); i++) {
		const struct name_case *c = &name_cases[i];

		for (int fresh = 0; fresh < 2; fresh++) {
			const char *want = fresh ? c->fresh_flaw : c->flaw;
			const char *got = args_name_flaw(c->name, fresh);

			if (!want != !got || (want && strcmp(want, got) != 0))
				fail_msg("'%s', %s: '%s' and not '%s'", c->name,
					 fresh ? "fresh" : "old", got, want);
		}
		check_no_failure();
	}
}

static void test_ifname(void **state)
{
	const char *s = "before";

	(void)state;
	assert_int_equal(args_ifname("link", "a b", &s), FAIL_USAGE);
	assert_string_equal(s, "before");
	check_failure(FAIL_USAGE, "link 'a b' is no interface name: it holds a blank");
	assert_int_equal(args_ifname("link", "vm%d", &s), 0);
	assert_string_equal(s, "vm%d");
	check_no_failure();
}

/* --- words --- */

#define NAMES 4

struct one {
	const char *name;
	bool up;
	const char *link;
	uint32_t mtu;
	struct mac address;
};

struct all {
	struct one devs[NAMES];
	size_t n;
	bool force;
	const char *life, *type;
	bool used, unused, orphaned;
};

/* Words of the first device may stand before its name. */
static void *take_name(void *dst, const char *name)
{
	struct all *all = dst;

	if (streq(name, "bad")) {
		fail_usage("bad name");
		return NULL;
	}
	if (all->n == NAMES) {
		fail_usage("too many");
		return NULL;
	}
	all->devs[all->n].name = name;
	return &all->devs[all->n++];
}

#define DEV_WORD(word, value, parse, field, alias)                                      \
	{                                                                               \
		word, value, parse, offsetof(struct one, field), true, 0, "help", alias \
	}
#define CMD_WORD(word, value, parse, field, excl)                                          \
	{                                                                                  \
		word, value, parse, offsetof(struct all, field), false, excl, "help", NULL \
	}

static const struct args_word words[] = {
	DEV_WORD("link", "DEV", args_ifname, link, "master"),
	DEV_WORD("mtu", "N", args_mtu, mtu, NULL),
	DEV_WORD("address", "MAC", args_mac, address, NULL),
	DEV_WORD("up", NULL, NULL, up, NULL),
	CMD_WORD("force", NULL, NULL, force, 0),
	CMD_WORD("life", "{fd|watched}", args_str, life, 0),
	CMD_WORD("type", "{macvtap|tap}", args_str, type, 2),
	CMD_WORD("used", NULL, NULL, used, 1),
	CMD_WORD("unused", NULL, NULL, unused, 1),
	CMD_WORD("orphaned", NULL, NULL, orphaned, 1),
};

#define N_WORDS (sizeof(words) / sizeof(words[0]))

static const struct args_spec plain = { .words = words, .n = N_WORDS, .name = take_name };
static const struct args_spec tailed = {
	.words = words, .n = N_WORDS, .name = take_name, .tail = "-- COMMAND"
};
static const struct args_spec nameless = { .words = words, .n = N_WORDS };

/* Parses words given as one string, split at blanks. */
static int parse(const struct args_spec *spec, struct all *all, const char *line)
{
	static char copy[1000];
	char *argv[64], *save = NULL;
	int argc = 0;

	snprintf(copy, sizeof(copy), "%s", line);
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	argv[argc] = NULL;
	*all = (struct all){ 0 };
	return args_parse(spec, "cmd", argc, argv, all, &all->devs[0]);
}

static void check_usage(const struct args_spec *spec, const char *line, const char *message)
{
	struct all all;

	assert_int_equal(parse(spec, &all, line), FAIL_USAGE);
	check_failure(FAIL_USAGE, message);
}

static void test_find(void **state)
{
	(void)state;
	assert_ptr_equal(args_find(&plain, "link"), &words[0]);
	assert_ptr_equal(args_find(&plain, "master"), &words[0]);
	assert_ptr_equal(args_find(&plain, "orphaned"), &words[9]);
	assert_null(args_find(&plain, "lin"));
	assert_null(args_find(&plain, "links"));
	assert_null(args_find(&plain, "LINK"));
	assert_null(args_find(&plain, ""));
	assert_null(args_find(&plain, "dev"));
	check_no_failure();
}

static void test_choice(void **state)
{
	static const char value[] = "{net|netdev|none}";

	(void)state;
	assert_true(args_choice(value, "net"));
	assert_true(args_choice(value, "netdev"));
	assert_true(args_choice(value, "none"));
	assert_false(args_choice(value, ""));
	assert_false(args_choice(value, "ne"));
	assert_false(args_choice(value, "dev"));
	assert_false(args_choice(value, "netdevs"));
	assert_false(args_choice(value, "net|netdev"));
	assert_false(args_choice(value, "|"));
	assert_false(args_choice(value, "{net"));
	assert_false(args_choice(value, "none}"));
	assert_false(args_choice(value, "Net"));
	/* Found only where it stands alone, however often its text occurs before. */
	assert_true(args_choice("{aab|ab|b}", "b"));
	assert_true(args_choice("{aab|ab|b}", "ab"));
	assert_false(args_choice("{aab|ab}", "b"));
}

static void test_pairs(void **state)
{
	struct all all;

	(void)state;
	assert_int_equal(parse(&plain, &all, ""), 0);
	assert_int_equal(all.n, 0);
	assert_int_equal(
		parse(&plain, &all, "vm0 link eth0 mtu 1400 up force address 52:54:00:00:00:01"),
		9);
	assert_int_equal(all.n, 1);
	assert_string_equal(all.devs[0].name, "vm0");
	assert_string_equal(all.devs[0].link, "eth0");
	assert_int_equal(all.devs[0].mtu, 1400);
	assert_true(all.devs[0].up);
	assert_true(all.devs[0].address.set);
	assert_true(all.force);
	assert_false(all.used);
	assert_null(all.life);

	/* Any order; the name last; another spelling. */
	assert_int_equal(parse(&plain, &all, "up force master br0 life watched vm0"), 7);
	assert_string_equal(all.devs[0].name, "vm0");
	assert_string_equal(all.devs[0].link, "br0");
	assert_string_equal(all.life, "watched");
	assert_true(all.devs[0].up);
	check_no_failure();
}

/* A bare word that is a keyword is the keyword; after dev it is a name. */
static void test_keywords_as_names(void **state)
{
	struct all all;

	(void)state;
	assert_int_equal(parse(&plain, &all, "dev up"), 2);
	assert_string_equal(all.devs[0].name, "up");
	assert_false(all.devs[0].up);
	assert_int_equal(parse(&plain, &all, "dev up up"), 3);
	assert_string_equal(all.devs[0].name, "up");
	assert_true(all.devs[0].up);
	assert_int_equal(parse(&plain, &all, "dev dev"), 2);
	assert_string_equal(all.devs[0].name, "dev");
	assert_int_equal(parse(&plain, &all, "dev link link up up"), 5);
	assert_string_equal(all.devs[0].name, "link");
	assert_string_equal(all.devs[0].link, "up");
	assert_true(all.devs[0].up);
	assert_int_equal(parse(&plain, &all, "dev -j"), 2);
	assert_string_equal(all.devs[0].name, "-j");
	/* A value is a value, whatever word it is. */
	assert_int_equal(parse(&plain, &all, "link dev vm0"), 3);
	assert_string_equal(all.devs[0].link, "dev");
	assert_string_equal(all.devs[0].name, "vm0");
	/* Only exact words are keywords. */
	assert_int_equal(parse(&plain, &all, "lin Up"), 2);
	assert_int_equal(all.n, 2);
	assert_string_equal(all.devs[0].name, "lin");
	assert_string_equal(all.devs[1].name, "Up");
	check_no_failure();
	check_usage(&plain, "dev", "cmd: 'dev' needs a name");
	check_usage(&plain, "vm0 up dev", "cmd: 'dev' needs a name");
}

static void test_several_devices(void **state)
{
	struct all all;

	(void)state;
	assert_int_equal(parse(&plain, &all, "mtu 1000 a link x b link y mtu 2000 dev up up"), 13);
	assert_int_equal(all.n, 3);
	assert_string_equal(all.devs[0].name, "a");
	assert_int_equal(all.devs[0].mtu, 1000);
	assert_string_equal(all.devs[0].link, "x");
	assert_false(all.devs[0].up);
	assert_string_equal(all.devs[1].name, "b");
	assert_string_equal(all.devs[1].link, "y");
	assert_int_equal(all.devs[1].mtu, 2000);
	assert_string_equal(all.devs[2].name, "up");
	assert_true(all.devs[2].up);
	check_no_failure();
}

static void test_twice(void **state)
{
	(void)state;
	check_usage(&plain, "vm0 up up", "cmd: 'up' is given twice");
	check_usage(&plain, "force vm0 force", "cmd: 'force' is given twice");
	check_usage(&plain, "vm0 link a link a", "cmd: 'link' is given twice");
	check_usage(&plain, "vm0 link a master b", "cmd: 'link' is given twice");
	check_usage(&plain, "vm0 master a master b", "cmd: 'link' is given twice");
	/* Before and after the name of one device. */
	check_usage(&plain, "link a vm0 link b", "cmd: 'link' is given twice");
	/* A word of the command counts over all devices. */
	check_usage(&plain, "a force b force", "cmd: 'force' is given twice");
	check_usage(&plain, "a link x b link y link z", "cmd: 'link' is given twice");
}

static void test_exclusive(void **state)
{
	struct all all;

	(void)state;
	check_usage(&plain, "used unused", "cmd: 'unused' does not go with 'used'");
	check_usage(&plain, "unused used", "cmd: 'used' does not go with 'unused'");
	check_usage(&plain, "orphaned vm0 used", "cmd: 'used' does not go with 'orphaned'");
	check_usage(&plain, "used used", "cmd: 'used' is given twice");
	/* Groups do not meet. */
	assert_int_equal(parse(&plain, &all, "used type tap"), 3);
	assert_true(all.used);
	assert_string_equal(all.type, "tap");
	check_no_failure();
}

static void test_missing_value(void **state)
{
	(void)state;
	check_usage(&plain, "vm0 link", "cmd: 'link' needs a value: link DEV");
	check_usage(&plain, "vm0 master", "cmd: 'link' needs a value: link DEV");
	check_usage(&plain, "vm0 life", "cmd: 'life' needs a value: life {fd|watched}");
	check_usage(&plain, "vm0 mtu --", "cmd: 'mtu' needs a value: mtu N");
	check_usage(&tailed, "vm0 mtu -- true", "cmd: 'mtu' needs a value: mtu N");
	check_usage(&plain, "vm0 link a address", "cmd: 'address' needs a value: address MAC");
}

static void test_bad_value(void **state)
{
	(void)state;
	check_usage(&plain, "vm0 life persistent",
		    "cmd: 'persistent' is no life: one of {fd|watched}");
	check_usage(&plain, "vm0 life f", "cmd: 'f' is no life: one of {fd|watched}");
	check_usage(&plain, "vm0 life fd|watched",
		    "cmd: 'fd|watched' is no life: one of {fd|watched}");
	check_usage(&plain, "vm0 mtu 5", "mtu '5' is no number from 68 to 65535");
	check_usage(&plain, "vm0 link a/b", "link 'a/b' is no interface name: it holds '/' or ':'");
	/* The first wrong word is the one told. */
	check_usage(&plain, "vm0 mtu 5 mtu 6 life no", "mtu '5' is no number from 68 to 65535");
}

static void test_unknown(void **state)
{
	(void)state;
	check_usage(&nameless, "frob", "cmd: 'frob' is no word of it: try 'vnetctl help cmd'");
	check_usage(&nameless, "force frob",
		    "cmd: 'frob' is no word of it: try 'vnetctl help cmd'");
	check_usage(&nameless, "dev frob", "cmd: 'dev' is no word of it: try 'vnetctl help cmd'");
	check_usage(&plain, "-j vm0", "cmd: options such as '-j' go before the command");
	check_usage(&plain, "vm0 --json", "cmd: options such as '--json' go before the command");
	check_usage(&plain, "vm0 -", "cmd: options such as '-' go before the command");
	check_usage(&plain, "vm0 -- true", "cmd: options such as '--' go before the command");
}

static void test_name_refused(void **state)
{
	(void)state;
	check_usage(&plain, "bad", "bad name");
	check_usage(&plain, "up dev bad up up", "bad name");
	check_usage(&plain, "a b c d e", "too many");
}

/* Of a command that takes a mode after the name: no second name. */
static void test_positional(void **state)
{
	static const struct args_spec spec = {
		.words = words, .n = N_WORDS, .name = take_name, .positional = "[MODE]"
	};
	struct all all;

	(void)state;
	assert_int_equal(parse(&spec, &all, "vm0 bridge"), 2);
	assert_int_equal(all.n, 2);
	assert_int_equal(parse(&spec, &all, "dev vm0 bridge"), 3);
	check_no_failure();
	check_usage(&spec, "vm0 dev bridge", "cmd: one device at a time: what is 'dev bridge'?");
	check_usage(&spec, "dev vm0 up dev vm1", "cmd: one device at a time: what is 'dev vm1'?");
}

/* Of a command that ends in COMMAND: a further name needs its dev. */
static void test_more(void **state)
{
	static const struct args_spec spec = { .words = words,
					       .n = N_WORDS,
					       .name = take_name,
					       .more = "[ dev NAME2 ]",
					       .tail = "--" };
	struct all all;

	(void)state;
	assert_int_equal(parse(&spec, &all, "a up dev b dev c up -- d e"), 8);
	assert_int_equal(all.n, 3);
	assert_true(all.devs[0].up);
	assert_false(all.devs[1].up);
	assert_true(all.devs[2].up);
	check_no_failure();
	check_usage(&spec, "a b -- true",
		    "cmd: what is 'b'? A lower device or bridge is 'link b', a further "
		    "device 'dev b', and COMMAND comes after '--'");
	check_usage(&spec, "dev a up true",
		    "cmd: what is 'true'? A lower device or bridge is 'link true', a "
		    "further device 'dev true', and COMMAND comes after '--'");
}

static void test_empty_word(void **state)
{
	char name[] = "", up[] = "up";
	char *argv[] = { name, up, NULL };
	struct all all = { 0 };

	(void)state;
	assert_int_equal(args_parse(&plain, "cmd", 2, argv, &all, &all.devs[0]), 2);
	assert_int_equal(all.n, 1);
	assert_ptr_equal(all.devs[0].name, name);
	assert_true(all.devs[0].up);
	check_no_failure();
}

static void test_tail(void **state)
{
	struct all all;

	(void)state;
	assert_int_equal(parse(&tailed, &all, "vm0 up -- up up --"), 3);
	assert_int_equal(all.n, 1);
	assert_true(all.devs[0].up);
	assert_int_equal(parse(&tailed, &all, "vm0 --"), 2);
	assert_int_equal(parse(&tailed, &all, "--"), 1);
	assert_int_equal(all.n, 0);
	/* The caller sees that there was none. */
	assert_int_equal(parse(&tailed, &all, "vm0 up"), 2);
	assert_int_equal(parse(&tailed, &all, "dev -- up"), 3);
	assert_string_equal(all.devs[0].name, "--");
	check_no_failure();
	check_usage(&tailed, "vm0 -x -- true", "cmd: options such as '-x' go before the command");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_numbers, forget_failure),
		cmocka_unit_test_setup(test_mac_bytes, forget_failure),
		cmocka_unit_test_setup(test_mac, forget_failure),
		cmocka_unit_test_setup(test_mtu, forget_failure),
		cmocka_unit_test_setup(test_str, forget_failure),
		cmocka_unit_test_setup(test_names, forget_failure),
		cmocka_unit_test_setup(test_ifname, forget_failure),
		cmocka_unit_test_setup(test_find, forget_failure),
		cmocka_unit_test_setup(test_choice, forget_failure),
		cmocka_unit_test_setup(test_pairs, forget_failure),
		cmocka_unit_test_setup(test_keywords_as_names, forget_failure),
		cmocka_unit_test_setup(test_several_devices, forget_failure),
		cmocka_unit_test_setup(test_twice, forget_failure),
		cmocka_unit_test_setup(test_exclusive, forget_failure),
		cmocka_unit_test_setup(test_missing_value, forget_failure),
		cmocka_unit_test_setup(test_bad_value, forget_failure),
		cmocka_unit_test_setup(test_unknown, forget_failure),
		cmocka_unit_test_setup(test_name_refused, forget_failure),
		cmocka_unit_test_setup(test_positional, forget_failure),
		cmocka_unit_test_setup(test_more, forget_failure),
		cmocka_unit_test_setup(test_empty_word, forget_failure),
		cmocka_unit_test_setup(test_tail, forget_failure),
	};

	return cmocka_run_group_tests_name("args", tests, NULL, NULL);
}
