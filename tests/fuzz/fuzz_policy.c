// SPDX-License-Identifier: GPL-2.0-or-later
/* The policy file. What is accepted, written down in one form and read again decides the same;
 * a deny rule more never allows more; whatever number a name gets, the verdict on it is at
 * least as good as the one on its "%d". */
#include "policy.h"

#include "fail.h"
#include "fakes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const keys[] = {
	[KEY_VERBS] = "verbs", [KEY_LINK] = "link", [KEY_TYPE] = "type",
	[KEY_MODE] = "mode",   [KEY_NAME] = "name",
};

static bool parse(const char *text, size_t len, struct policy *policy)
{
	int r = policy_parse("file", fake_text((struct bytes){ (const uint8_t *)text, len }), len,
			     policy);

	CHECK(r == fail_code() && r <= 0);
	return r == 0;
}

static void write_rule(FILE *f, const struct policy_rule *rule)
{
	fprintf(f, "%s %s%u", rule->deny ? "deny" : "allow", rule->is_group ? "@" : "", rule->id);
	for (size_t key = 0; key < KEY_LISTS; key++) {
		/* All that is accepted is printable and without blanks. */
		if (rule->lists[key])
			fprintf(f, "\t %s  %s", keys[key], rule->lists[key]);
	}
	if (!rule->deny && rule->max == UINT32_MAX)
		fputs(" max *", f);
	else if (!rule->deny)
		fprintf(f, " max %u", rule->max);
	fputs(" # a comment\n\n", f);
}

static char *write_policy(const struct policy *policy, size_t *len)
{
	char *text;
	FILE *f = open_memstream(&text, len);

	CHECK(f);
	for (size_t i = 0; i < policy->n; i++)
		write_rule(f, &policy->rules[i]);
	fclose(f);
	return text;
}

static void check_rule(const struct policy_rule *rule, unsigned line)
{
	CHECK(rule->line > line);
	for (size_t key = 0; key < KEY_LISTS; key++)
		CHECK(rule->deny || (rule->lists[key] && *rule->lists[key]));
	CHECK(rule->deny || rule->max == UINT32_MAX || rule->max <= 65535);
	if (rule->deny)
		REACHED(deny);
	else
		REACHED(allow);
}

static void check_same(const struct policy_rule *a, const struct policy_rule *b)
{
	CHECK(a->deny == b->deny && a->is_group == b->is_group && a->id == b->id);
	CHECK(a->deny || a->max == b->max);
	for (size_t key = 0; key < KEY_LISTS; key++) {
		CHECK(!a->lists[key] == !b->lists[key]);
		CHECK(!a->lists[key] || !strcmp(a->lists[key], b->lists[key]));
	}
}

static const struct policy_act acts[] = {
	{ { "create", "eth0", "macvtap", "bridge", "vm%d" } },
	{ { "open-exec", "none", "tap", "none", "vm1" } },
	{ { "open-exec", "br0", "tap", "private", "a*" } },
	{ { "helper", "br0", "tap", "bridge", "tap%d" } },
	{ { "mode", "?", "macvtap", "passthru", "%d" } },
	{ { "destroy", "none", "tap", "none", "v%dm" } },
};

static const gid_t gids[] = { 1000, 7, 0 };
static const struct policy_who people[] = {
	{ .uid = 1000, .gids = gids, .n = 1 },
	{ .uid = 7, .gids = gids, .n = 3 },
	{ .uid = 0, .gids = gids + 2, .n = 1 },
};

/* How much: 0 is denied. */
static uint64_t verdict(const struct policy *policy, const struct policy_who *who,
			const struct policy_act *act)
{
	const struct policy_rule *rule = policy_decide(policy, who, act);

	CHECK(!rule || (rule >= policy->rules && rule < policy->rules + policy->n));
	return !rule || rule->deny ? 0 : (uint64_t)rule->max + 1;
}

static void check_numbers(const struct policy *policy, const struct policy_who *who,
			  struct policy_act act)
{
	static const char *const numbers[] = { "0", "1", "7", "10", "123" };
	const char *pattern = act.words[KEY_NAME], *pct = strchr(pattern, '%');
	uint64_t most = verdict(policy, who, &act);
	char name[32];

	if (most)
		REACHED(allowed);
	for (size_t i = 0; pct && i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		snprintf(name, sizeof(name), "%.*s%s%s", (int)(pct - pattern), pattern, numbers[i],
			 pct + 2);
		act.words[KEY_NAME] = name;
		CHECK(verdict(policy, who, &act) >= most);
	}
}

/* Against the same with one rule of deny at its end. */
static void check_deny(const struct policy *policy, const struct policy *more)
{
	for (size_t w = 0; w < 3; w++) {
		for (size_t a = 0; a < sizeof(acts) / sizeof(acts[0]); a++) {
			uint64_t had = verdict(policy, &people[w], &acts[a]);
			uint64_t has = verdict(more, &people[w], &acts[a]);

			CHECK(has == (people[w].uid == 7 ? 0 : had));
			check_numbers(policy, &people[w], acts[a]);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy policy, again;
	size_t len;
	char *text, *more;

	fake_begin((struct bytes){ NULL, 0 }, (struct bytes){ NULL, 0 });
	if (!parse((const char *)data, size, &policy)) {
		CHECK(!policy.text && !policy.rules && !policy.n);
		fail_note();
		fake_end();
		REACHED(refused);
		return 0;
	}
	for (size_t i = 0; i < policy.n; i++)
		check_rule(&policy.rules[i], i ? policy.rules[i - 1].line : 0);
	text = write_policy(&policy, &len);
	CHECK(asprintf(&more, "%sdeny 7\n", text) >= 0);
	CHECK(parse(more, strlen(more), &again));
	CHECK(again.n == policy.n + 1);
	for (size_t i = 0; i < policy.n; i++)
		check_same(&policy.rules[i], &again.rules[i]);
	check_deny(&policy, &again);
	policy_free(&policy);
	policy_free(&again);
	free(text);
	free(more);
	fake_end();
	return 0;
}
