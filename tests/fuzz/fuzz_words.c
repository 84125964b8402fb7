// SPDX-License-Identifier: GPL-2.0-or-later
/* The parsers of single words: names, numbers, addresses, modes, users, choices, UTF-8. Each
 * says yes or records a failure, and yes means what the kernel means. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>

#include "args.h"
#include "dev.h"
#include "fail.h"
#include "fakes.h"
#include "plan.h"
#include "text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* dev_valid_name() in net/core/dev.c, with the kernel's isspace(), which knows Latin-1. */
static bool kernel_takes(const char *name)
{
	size_t len = strlen(name);

	if (!len || len >= IFNAMSIZ || !strcmp(name, ".") || !strcmp(name, ".."))
		return false;
	for (const unsigned char *p = (const unsigned char *)name; *p; p++) {
		if (*p == '/' || *p == ':' || *p == 0xa0 || *p == ' ' || (*p >= 9 && *p <= 13))
			return false;
	}
	return true;
}

static void check_name(const char *text)
{
	const char *flaw = args_name_flaw(text, false), *fresh = args_name_flaw(text, true);
	char number[64];

	CHECK(!flaw == kernel_takes(text));
	CHECK(fresh || !flaw);
	if (fresh)
		return;
	REACHED(name);
	for (const unsigned char *p = (const unsigned char *)text; *p; p++)
		CHECK(*p > 0x20 && *p != 0x7f);
	/* It is the kernel's to format: one number at most. */
	if (strchr(text, '%')) {
		CHECK(strstr(text, "%d") == strchr(text, '%') &&
		      strchr(text, '%') == strrchr(text, '%'));
		REACHED(numbered);
	}
	snprintf(number, sizeof(number), "%.60s", text);
	CHECK(strlen(number) < IFNAMSIZ);
}

static void check_number(const char *text)
{
	uint64_t v = 42, w;
	int r = args_number(text, 0, UINT64_MAX, &v);
	char back[32], *end;

	if (r < 0) {
		CHECK(v == 42);
		return;
	}
	REACHED(number);
	errno = 0;
	w = strtoull(text, &end, 10);
	CHECK(!*end && end != text && !errno && v == w && isdigit((unsigned char)*text));
	snprintf(back, sizeof(back), "%llu", (unsigned long long)v);
	CHECK(!strcmp(back, text + strspn(text, "0")) || v == 0);
	CHECK(v == 0 || args_number(text, 0, v - 1, &w) < 0);
	CHECK(v == UINT64_MAX || args_number(text, v + 1, UINT64_MAX, &w) < 0);
	CHECK(args_number(text, v, v, &w) == 0);
}

static void check_mac(const char *text)
{
	struct mac mac = { .set = false };
	char back[18];
	uint8_t b[6];
	int r = args_mac("address", text, &mac);

	CHECK((r < 0) == (fail_code() < 0) && mac.set == !r);
	fail_clear();
	if (args_mac_bytes(text, b) < 0) {
		CHECK(r < 0);
		return;
	}
	dev_mac_text(b, back);
	CHECK(!strcasecmp(back, text));
	if (r < 0)
		return;
	CHECK(!(mac.b[0] & 1));
	REACHED(mac);
}

/* A value of a command: 0, or a usage failure on record (a look-up may fail otherwise). */
static bool takes(args_value *parse, const char *text, void *field)
{
	int r = parse("word", text, field);

	CHECK(r <= 0 && r == fail_code());
	fail_clear();
	return r == 0;
}

static void check_values(const char *text)
{
	enum dev_mode mode = MODE_NONE;
	const char *word = NULL;
	uint32_t v = 0;

	if (takes(dev_mode_value, text, &mode)) {
		CHECK(mode > MODE_NONE && dev_mode_word(mode));
		REACHED(mode);
	}
	if (takes(args_mtu, text, &v))
		CHECK(v >= 68 && v <= 65535);
	if (takes(plan_queues, text, &v))
		CHECK(v >= 1 && v <= 256);
	if (takes(args_ifname, text, &word))
		CHECK(word == text && kernel_takes(word));
	if (takes(args_str, text, &word))
		CHECK(word == text && *word);
}

static void check_user(const char *text)
{
	struct plan_user user;
	int r = plan_find_user("owner", text, &user);

	CHECK(r == fail_code());
	fail_clear();
	if (r < 0)
		return;
	CHECK(user.uid != (uid_t)-1);
	CHECK(!user.group_given || user.gid != (gid_t)-1);
	CHECK(memchr(user.name, '\0', sizeof(user.name)));
	REACHED(user);
}

static void check_choice(const char *text)
{
	static const char list[] = "{private|vepa|bridge|passthru|source}";

	if (!args_choice(list, text))
		return;
	CHECK(!strcmp(text, "private") || !strcmp(text, "vepa") || !strcmp(text, "bridge") ||
	      !strcmp(text, "passthru") || !strcmp(text, "source"));
	REACHED(choice);
}

/* RFC 3629, from the number that the bytes are. */
static void check_utf8(const char *text)
{
	while (*text) {
		const unsigned char *u = (const unsigned char *)text;
		size_t len = text_utf8(text), printable = text_printable(text);
		uint32_t c = *u;

		CHECK(len <= 4 && (!printable || printable == len));
		if (len > 1) {
			c = *u & (0x7fU >> len);
			for (size_t i = 1; i < len; i++) {
				CHECK((u[i] & 0xc0) == 0x80);
				c = c << 6 | (u[i] & 0x3f);
			}
			CHECK(c >= (len == 2 ? 0x80U : len == 3 ? 0x800U : 0x10000U));
			CHECK(c <= 0x10ffff && (c < 0xd800 || c > 0xdfff));
			REACHED(utf8);
		} else if (len == 1) {
			CHECK(c < 0x80);
		}
		CHECK(!printable || (c >= 0x20 && c != 0x7f && (c < 0x80 || c >= 0xa0)));
		text += len ? len : 1;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fake_text((struct bytes){ data, size });

	fake_begin((struct bytes){ NULL, 0 }, (struct bytes){ NULL, 0 });
	check_name(text);
	check_number(text);
	check_mac(text);
	check_values(text);
	check_user(text);
	check_choice(text);
	check_utf8(text);
	fake_end();
	free(text);
	return 0;
}
