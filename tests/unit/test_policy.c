// SPDX-License-Identifier: GPL-2.0-or-later
/* The policy file: what is a rule, what denies everything, and which rule decides. */
#include "unit.h"

#include "policy.h"

#define FULL "verbs * link eth0 type * mode * name * max 1"

static struct capture cap;

static int parse(const char *text, size_t len, struct policy *policy)
{
	char *copy = malloc(len + 1);

	assert_non_null(copy);
	memcpy(copy, text, len);
	return policy_parse("FILE", copy, len, policy);
}

static struct policy good(const char *text)
{
	struct policy policy;
	int r = parse(text, strlen(text), &policy);

	if (r != 0)
		fail_print();
	assert_int_equal(r, 0);
	check_no_failure();
	return policy;
}

static void bad_bytes(const char *text, size_t len, const char *message)
{
	struct policy policy;
	char line[512];

	assert_int_equal(parse(text, len, &policy), FAIL_SYS);
	assert_null(policy.text);
	assert_null(policy.rules);
	snprintf(line, sizeof(line),
		 "vnetctl: FILE:%s: until this is mended, only root is allowed anything\n",
		 message);
	capture_begin(&cap, 2);
	fail_print();
	assert_string_equal(capture_end(&cap), line);
	check_no_failure();
}

static void bad(const char *text, const char *message)
{
	bad_bytes(text, strlen(text), message);
}

static void test_good(void **state)
{
	struct policy p;

	(void)state;
	p = good("");
	assert_int_equal(p.n, 0);
	policy_free(&p);
	p = good("\n# a comment\n   \t\n  # another\n");
	assert_int_equal(p.n, 0);
	policy_free(&p);
	p = good("# first\n\nallow 1000 verbs create,open-exec link eth0,none type tap "
		 "mode private,none name vm*,x max 7 # that is all\n"
		 "\tdeny\t@50   mode  passthru\t\ndeny root\n"
		 "allow 0 max * name * mode * type * link * verbs *\n");
	assert_int_equal(p.n, 4);
	assert_int_equal(p.rules[0].line, 3);
	assert_false(p.rules[0].deny);
	assert_false(p.rules[0].is_group);
	assert_int_equal(p.rules[0].id, 1000);
	assert_string_equal(p.rules[0].lists[KEY_VERBS], "create,open-exec");
	assert_string_equal(p.rules[0].lists[KEY_NAME], "vm*,x");
	assert_int_equal(p.rules[0].max, 7);
	assert_int_equal(p.rules[1].line, 4);
	assert_true(p.rules[1].deny);
	assert_true(p.rules[1].is_group);
	assert_int_equal(p.rules[1].id, 50);
	assert_null(p.rules[1].lists[KEY_VERBS]);
	assert_string_equal(p.rules[1].lists[KEY_MODE], "passthru");
	assert_int_equal(p.rules[2].id, 0);
	assert_int_equal(p.rules[3].max, UINT32_MAX);
	policy_free(&p);
}

static void test_bad(void **state)
{
	(void)state;
	bad("permit 1 " FULL "\n", "1: 'permit' is neither allow nor deny");
	bad("\n\nallow\n", "3: 'allow' needs a user or a @group");
	bad("deny # 1\n", "1: 'deny' needs a user or a @group");
	bad("allow no-such-user " FULL "\n", "1: 'no-such-user' is no user, and no @group");
	bad("allow @no-such-group " FULL "\n", "1: '@no-such-group' is no user, and no @group");
	bad("allow @ " FULL "\n", "1: '@' is no user, and no @group");
	bad("allow 4294967295 " FULL "\n", "1: '4294967295' is no user, and no @group");
	bad("allow 4294967296 " FULL "\n", "1: '4294967296' is no user, and no @group");
	bad("allow -1 " FULL "\n", "1: '-1' is no user, and no @group");
	bad("allow * " FULL "\n", "1: '*' is no user, and no @group");
	bad("deny 1 frob x\n", "1: 'frob' is none of verbs, link, type, mode, name, max");
	bad("deny 1 link\n", "1: 'link' needs a value");
	bad("deny 1 link #eth0\n", "1: 'link' needs a value");
	bad("deny 1 link a link b\n", "1: 'link' is given twice");
	bad("deny 1 verbs list\n", "1: 'list' is none of create, open-exec, helper, mode, destroy");
	bad("deny 1 verbs create,\n", "1: '' is none of create, open-exec, helper, mode, destroy");
	bad("deny 1 verbs ,create\n", "1: '' is none of create, open-exec, helper, mode, destroy");
	bad("deny 1 type macvlan\n", "1: 'macvlan' is none of macvtap, tap");
	bad("deny 1 type tap,Tap\n", "1: 'Tap' is none of macvtap, tap");
	bad("deny 1 mode veb\n",
	    "1: 'veb' is none of private, vepa, bridge, passthru, source, none");
	bad("deny 1 link sixteen-bytes-xx\n", "1: 'sixteen-bytes-xx' is no interface name");
	bad("deny 1 link a/b\n", "1: 'a/b' is no interface name");
	bad("deny 1 link "
	    "0123456789012345678901234567890123456789\n",
	    "1: '0123456789012345678901234567890' is no interface name");
	bad("deny 1 name vm%d\n", "1: 'vm%d' holds a '%': write 'vm*' for vm%d");
	bad("deny 1 name v*m\n", "1: 'v*m' has a '*' that is not at its end");
	bad("deny 1 name **\n", "1: '**' has a '*' that is not at its end");
	bad("deny 1 name sixteen-bytes-xx\n",
	    "1: 'sixteen-bytes-xx' is no name that a device can have");
	bad("deny 1 name sixteen-bytes-xx*\n",
	    "1: 'sixteen-bytes-xx*' is no name that a device can have");
	bad("deny 1 name a/b*\n", "1: 'a/b*' is no name that a device can have");
	bad("deny 1 max 3\n", "1: 'max' is for allow rules");
	bad("allow 1 verbs * link * type * mode * name * max 65536\n",
	    "1: '65536' is no number from 0 to 65535, and not '*'");
	bad("allow 1 verbs * link * type * mode * name * max -1\n",
	    "1: '-1' is no number from 0 to 65535, and not '*'");
	bad("allow 1 verbs * link * type * mode * name *\n",
	    "1: 'max' is missing: an allow rule says it all, '*' is anything");
	bad("allow 1 verbs * type * mode * name * max 1\n",
	    "1: 'link' is missing: an allow rule says it all, '*' is anything");
	bad("allow 1\n", "1: 'verbs' is missing: an allow rule says it all, '*' is anything");
}

/* What is wrong far down takes everything above it along. */
static void test_whole(void **state)
{
	static const char null[] = "deny 1\ndeny\0 2\n";

	(void)state;
	bad("allow 1 " FULL "\nallow 1 " FULL "\nx\n", "3: 'x' is neither allow nor deny");
	bad("allow 1 " FULL "\nallow 1 verbs * link eth0 type * mode * name * max 10",
	    "2: 'allow 1 verbs * link eth0 type * mode * name * max 10' is not the end: the last "
	    "line has no end, so the file is cut off");
	bad("deny 1",
	    "1: 'deny 1' is not the end: the last line has no end, so the file is cut off");
	bad("deny 1\r\n", "1: '\\x0d' is a control byte");
	bad("# \x1b[2J\n", "1: '\\x1b' is a control byte");
	bad("\n\ndeny 1 \x7f\n", "3: '\\x7f' is a control byte");
	bad_bytes(null, sizeof(null) - 1, "2: '\\x00' is a control byte");
}

/* decides RULES UID GIDS ACT: the line of the rule, negative for a deny rule, 0 for none. */
static int decides(const char *rules, uid_t uid, gid_t gid, const char *link, const char *type,
		   const char *mode, const char *name)
{
	const gid_t gids[] = { 7, gid };
	const struct policy_who who = { uid, gids, 2 };
	const struct policy_act act = { { "create", link, type, mode, name } };
	struct policy policy = good(rules);
	const struct policy_rule *rule = policy_decide(&policy, &who, &act);
	int line = !rule ? 0 : rule->deny ? -(int)rule->line : (int)rule->line;

	policy_free(&policy);
	return line;
}

static void test_who(void **state)
{
	static const char rules[] = "allow 1000 " FULL "\nallow @100 " FULL "\n";

	(void)state;
	assert_int_equal(decides(rules, 1000, 5, "eth0", "tap", "none", "a"), 1);
	assert_int_equal(decides(rules, 100, 5, "eth0", "tap", "none", "a"), 0);
	assert_int_equal(decides(rules, 1001, 100, "eth0", "tap", "none", "a"), 2);
	assert_int_equal(decides(rules, 1001, 1000, "eth0", "tap", "none", "a"), 0);
	assert_int_equal(decides("allow root " FULL "\n", 0, 5, "eth0", "tap", "none", "a"), 1);
	assert_int_equal(decides("allow @root " FULL "\n", 9, 0, "eth0", "tap", "none", "a"), 1);
	assert_int_equal(decides("", 1000, 5, "eth0", "tap", "none", "a"), 0);
}

static void test_lists(void **state)
{
	static const char rules[] = "allow 1 verbs create link eth0,br0 type macvtap,tap "
				    "mode bridge name vm*,exact max 1\n";

	(void)state;
	assert_int_equal(decides(rules, 1, 5, "eth0", "tap", "bridge", "vm0"), 1);
	assert_int_equal(decides(rules, 1, 5, "br0", "macvtap", "bridge", "exact"), 1);
	assert_int_equal(decides(rules, 1, 5, "br0", "macvtap", "bridge", "vm"), 1);
	assert_int_equal(decides(rules, 1, 5, "br0", "macvtap", "bridge", "vm%d"), 1);
	assert_int_equal(decides(rules, 1, 5, "br0", "macvtap", "bridge", "v%d"), 0);
	assert_int_equal(decides(rules, 1, 5, "br0", "macvtap", "bridge", "exact1"), 0);
	assert_int_equal(decides(rules, 1, 5, "br0", "macvtap", "bridge", "exac"), 0);
	assert_int_equal(decides(rules, 1, 5, "br0", "macvtap", "bridge", "%d"), 0);
	assert_int_equal(decides(rules, 1, 5, "eth00", "tap", "bridge", "vm0"), 0);
	assert_int_equal(decides(rules, 1, 5, "eth", "tap", "bridge", "vm0"), 0);
	assert_int_equal(decides(rules, 1, 5, "eth0,br0", "tap", "bridge", "vm0"), 0);
	assert_int_equal(decides(rules, 1, 5, "none", "tap", "bridge", "vm0"), 0);
	assert_int_equal(decides(rules, 1, 5, "eth0", "tap", "private", "vm0"), 0);
	/* None is a word of its own, and '*' is anything. */
	assert_int_equal(decides("allow 1 verbs * link none type * mode none name * max 1\n", 1, 5,
				 "none", "tap", "none", "x"),
			 1);
	assert_int_equal(decides("allow 1 verbs * link * type * mode * name * max 1\n", 1, 5,
				 "none", "tap", "none", "x"),
			 1);
	assert_int_equal(decides("allow 1 verbs mode link * type * mode * name * max 1\n", 1, 5,
				 "eth0", "tap", "none", "x"),
			 0);
}

static void test_deny_wins(void **state)
{
	(void)state;
	assert_int_equal(
		decides("allow 1 " FULL "\ndeny @7 link eth0\n", 1, 5, "eth0", "tap", "none", "x"),
		-2);
	assert_int_equal(decides("deny 1\nallow 1 " FULL "\n", 1, 5, "eth0", "tap", "none", "x"),
			 -1);
	assert_int_equal(
		decides("deny 1 link eth1\nallow 1 " FULL "\n", 1, 5, "eth0", "tap", "none", "x"),
		2);
	/* What the kernel numbers could become the name that is denied. */
	assert_int_equal(decides("deny 1 name vm0\n", 1, 5, "eth0", "tap", "none", "vm%d"), -1);
	assert_int_equal(decides("deny 1 name vm1*\n", 1, 5, "eth0", "tap", "none", "vm%d"), -1);
	assert_int_equal(decides("deny 1 name vm*\n", 1, 5, "eth0", "tap", "none", "vm%d"), -1);
	assert_int_equal(decides("deny 1 name 7\n", 1, 5, "eth0", "tap", "none", "%d"), -1);
	assert_int_equal(decides("deny 1 name vm\n", 1, 5, "eth0", "tap", "none", "vm%d"), 0);
	assert_int_equal(decides("deny 1 name vmx\n", 1, 5, "eth0", "tap", "none", "vm%d"), 0);
	assert_int_equal(decides("deny 1 name vm*\n", 1, 5, "eth0", "tap", "none", "v%d"), 0);
	/* Of several that allow, the one that allows most. */
	assert_int_equal(decides("allow 1 verbs * link * type * mode * name * max 2\n"
				 "allow 1 verbs * link * type * mode * name * max 9\n"
				 "allow 1 verbs * link * type * mode * name * max 0\n",
				 1, 5, "eth0", "tap", "none", "x"),
			 2);
	assert_int_equal(decides("allow 1 verbs * link * type * mode * name * max 65535\n"
				 "allow 1 verbs * link * type * mode * name * max *\n",
				 1, 5, "eth0", "tap", "none", "x"),
			 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),  cmocka_unit_test(test_bad),
		cmocka_unit_test(test_whole), cmocka_unit_test(test_who),
		cmocka_unit_test(test_lists), cmocka_unit_test(test_deny_wins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
