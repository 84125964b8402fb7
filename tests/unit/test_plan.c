// SPDX-License-Identifier: GPL-2.0-or-later
/* From words to a plan: the type that follows from the link, the defaults, and
 * what is refused before anything is asked for. The links stand in a network
 * namespace of this process's own. */
#include "unit.h"

#include <sched.h>

#include "plan.h"

static struct dev_home home = DEV_HOME_INIT;
static struct capture cap;

static const uint8_t lower_mac[6] = { 0x02, 0, 0, 0, 0, 0x0a };

static int make_links(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWNET) < 0) {
		perror("unshare");
		return -1;
	}
	if (system("PATH=$PATH:/usr/sbin:/sbin;"
		   "ip link add lower mtu 1400 address 02:00:00:00:00:0a type veth peer name peer &&"
		   "ip link add br0 type bridge && ip link set br0 mtu 1400") != 0)
		return -1;
	return dev_home_open(&home);
}

static int drop_links(void **state)
{
	(void)state;
	dev_home_close(&home);
	return 0;
}

struct made {
	struct dev_plan plan;
	struct dev link;
};

static const struct mac some_mac = { true, { 0x52, 0x54, 0, 0, 0, 0x07 } };

static struct made good(const struct plan_words *words)
{
	struct made m;
	int r = plan_of(&home, words, &m.plan, &m.link);

	if (r != 0)
		fail_print();
	assert_int_equal(r, 0);
	check_no_failure();
	assert_ptr_equal(m.plan.name, words->name);
	assert_int_equal(m.plan.nsfd, -1);
	assert_int_equal(m.plan.group, 0);
	assert_int_equal(m.plan.home, home.inode);
	return m;
}

static void bad(const struct plan_words *words, int code, const char *message)
{
	struct dev_plan plan;
	struct dev link;

	assert_int_equal(plan_of(&home, words, &plan, &link), code);
	check_failure(code, message);
}

static const char *kind_of(const struct made *m)
{
	return dev_kind_word(m->plan.kind);
}

static void test_wanted(void **state)
{
	const struct plan_words none = { .name = "vm0" };
	const struct plan_words each[] = {
		{ .type = "tap" },	 { .link = "lower" }, { .mode = MODE_VEPA },
		{ .address = some_mac }, { .mtu = 1500 },     { .owner = "root" },
	};

	(void)state;
	assert_false(plan_wanted(&none));
	/* A device that exists has queues too. */
	assert_false(plan_wanted(&(struct plan_words){ .name = "vm0", .queues = 2 }));
	for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++)
		assert_true(plan_wanted(&each[i]));
}

static void test_type_follows_link(void **state)
{
	struct made m;

	(void)state;
	m = good(&(struct plan_words){ .name = "a" });
	assert_string_equal(kind_of(&m), "tap");
	assert_null(m.plan.link);
	assert_int_equal(m.plan.mode, MODE_NONE);

	m = good(&(struct plan_words){ .name = "a", .link = "br0" });
	assert_string_equal(kind_of(&m), "tap");
	assert_string_equal(m.link.name, "br0");
	assert_int_equal(m.plan.mode, MODE_BRIDGE);

	m = good(&(struct plan_words){ .name = "a", .link = "lower" });
	assert_string_equal(kind_of(&m), "macvtap");
	assert_string_equal(m.link.name, "lower");
	assert_int_equal(m.plan.mode, MODE_VEPA);
}

static void test_type_given(void **state)
{
	struct made m;

	(void)state;
	m = good(&(struct plan_words){ .name = "a", .type = "tap" });
	assert_string_equal(kind_of(&m), "tap");
	m = good(&(struct plan_words){ .name = "a", .type = "tap", .link = "br0" });
	assert_string_equal(kind_of(&m), "tap");
	m = good(&(struct plan_words){ .name = "a", .type = "macvtap", .link = "lower" });
	assert_string_equal(kind_of(&m), "macvtap");
	/* On a bridge too, when somebody says so. */
	m = good(&(struct plan_words){ .name = "a", .type = "macvtap", .link = "br0" });
	assert_string_equal(kind_of(&m), "macvtap");
	assert_int_equal(m.plan.mode, MODE_VEPA);
}

static void test_type_and_link_disagree(void **state)
{
	(void)state;
	bad(&(struct plan_words){ .name = "vm0", .type = "macvtap" }, FAIL_USAGE,
	    "macvtap vm0 needs a lower device: 'link DEV'");
	bad(&(struct plan_words){ .name = "vm0", .type = "tap", .link = "lower" }, FAIL_SYS,
	    "cannot create tap vm0 on lower: lower is no bridge: "
	    "a tap's link is the bridge it becomes a port of");
	bad(&(struct plan_words){ .name = "vm0", .link = "nope" }, FAIL_SYS,
	    "cannot find nope: No such device: 'ip link' shows which devices there are");
}

static void test_modes(void **state)
{
	static const char no_such[] = "cannot create tap t with mode %s: "
				      "a tap has no such mode: bridge or private";
	static const char no_port[] = "cannot create tap t with mode %s: a tap has a mode only as "
				      "a port of a bridge: give it 'link BRIDGE'";
	static const enum dev_mode foreign[] = { MODE_VEPA, MODE_PASSTHRU, MODE_SOURCE };
	char line[200];
	struct made m;

	(void)state;
	for (enum dev_mode mode = MODE_PRIVATE; mode < MODE_SOURCE; mode++) {
		m = good(&(struct plan_words){ .name = "a", .link = "lower", .mode = mode });
		assert_int_equal(m.plan.mode, mode);
	}
	m = good(&(struct plan_words){ .name = "t", .link = "br0", .mode = MODE_PRIVATE });
	assert_int_equal(m.plan.mode, MODE_PRIVATE);
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
		snprintf(line, sizeof(line), no_such, dev_mode_word(foreign[i]));
		bad(&(struct plan_words){ .name = "t", .link = "br0", .mode = foreign[i] },
		    FAIL_USAGE, line);
		bad(&(struct plan_words){ .name = "t", .mode = foreign[i] }, FAIL_USAGE, line);
	}
	snprintf(line, sizeof(line), no_port, "bridge");
	bad(&(struct plan_words){ .name = "t", .mode = MODE_BRIDGE }, FAIL_USAGE, line);
	snprintf(line, sizeof(line), no_port, "private");
	bad(&(struct plan_words){ .name = "t", .mode = MODE_PRIVATE }, FAIL_USAGE, line);
}

static void test_source_warns(void **state)
{
	const struct plan_words w = { .name = "vm0", .link = "lower", .mode = MODE_SOURCE };
	struct dev_plan plan;
	struct dev link;
	int r;

	(void)state;
	capture_begin(&cap, 2);
	r = plan_of(&home, &w, &plan, &link);
	capture_end(&cap);
	assert_int_equal(r, 0);
	assert_string_equal(cap.text, "vnetctl: warning: vm0: mode source receives nothing until "
				      "source addresses are added "
				      "('ip link set vm0 type macvtap macaddr add MAC')\n");
	check_no_failure();
}

static void test_address(void **state)
{
	const struct mac fe = { true, { 0xfe, 0, 0, 0, 0, 1 } };
	struct mac seen[8];
	struct made m;

	(void)state;
	m = good(&(struct plan_words){ .name = "a", .address = some_mac });
	assert_true(m.plan.guest.set);
	assert_memory_equal(m.plan.guest.b, some_mac.b, 6);

	/* Random, of the locally administered kind, and another one each time. */
	for (size_t i = 0; i < 8; i++) {
		m = good(&(struct plan_words){ .name = "a", .link = i % 2 ? "lower" : "br0" });
		seen[i] = m.plan.guest;
		assert_true(seen[i].set);
		assert_memory_equal(seen[i].b, "\x52\x54\x00", 3);
		for (size_t k = 0; k < i; k++)
			assert_memory_not_equal(seen[i].b, seen[k].b, 6);
	}

	/* In passthru the guest is the lower device. */
	m = good(&(struct plan_words){ .name = "a", .link = "lower", .mode = MODE_PASSTHRU });
	assert_memory_equal(m.plan.guest.b, lower_mac, 6);
	m = good(&(struct plan_words){
		.name = "a", .link = "lower", .mode = MODE_PASSTHRU, .address = some_mac });
	assert_memory_equal(m.plan.guest.b, some_mac.b, 6);

	/* The tap itself has the guest's with fe in front. */
	bad(&(struct plan_words){ .name = "a", .address = fe }, FAIL_USAGE,
	    "address: a guest behind a tap must not have fe as first byte: "
	    "the tap itself gets that one");
	m = good(&(struct plan_words){ .name = "a", .link = "lower", .address = fe });
	assert_memory_equal(m.plan.guest.b, fe.b, 6);
}

static void test_mtu(void **state)
{
	struct made m;

	(void)state;
	m = good(&(struct plan_words){ .name = "a", .link = "lower" });
	assert_int_equal(m.plan.mtu, 0);
	m = good(&(struct plan_words){ .name = "a", .link = "lower", .mtu = 1400 });
	assert_int_equal(m.plan.mtu, 1400);
	bad(&(struct plan_words){ .name = "a", .link = "lower", .mtu = 1401 }, FAIL_SYS,
	    "cannot create a: mtu 1401 is more than the 1400 of lower");
	/* A bridge follows its ports. */
	m = good(&(struct plan_words){ .name = "a", .link = "br0", .mtu = 9000 });
	assert_int_equal(m.plan.mtu, 9000);
	m = good(&(struct plan_words){ .name = "a", .mtu = 9000 });
	assert_int_equal(m.plan.mtu, 9000);
}

static void test_owner(void **state)
{
	static const struct {
		const char *owner;
		uid_t uid;
		gid_t gid;
	} cases[] = {
		{ NULL, (uid_t)-1, (gid_t)-1 },
		{ "root", 0, (gid_t)-1 },
		{ "root:root", 0, 0 },
		{ "0", 0, (gid_t)-1 },
		{ "7:8", 7, 8 },
		{ "root:8", 0, 8 },
		{ "7:root", 7, 0 },
		{ "4294967294:4294967294", 4294967294U, 4294967294U },
	};
	struct made m;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		m = good(&(struct plan_words){ .name = "a", .owner = cases[i].owner });
		assert_int_equal(m.plan.owner, cases[i].uid);
		assert_int_equal(m.plan.owner_group, cases[i].gid);
	}
}

static void test_queues(void **state)
{
	static const char *const wrong[] = { "0", "257", "-1", "", "two", "1 ", "4294967297" };
	uint32_t queues = 7;
	char line[100];
	struct made m;

	(void)state;
	assert_int_equal(plan_queues("queues", "1", &queues), 0);
	assert_int_equal(queues, 1);
	assert_int_equal(plan_queues("queues", "256", &queues), 0);
	assert_int_equal(queues, 256);
	check_no_failure();
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(plan_queues("queues", wrong[i], &queues), FAIL_USAGE);
		assert_int_equal(queues, 256);
		snprintf(line, sizeof(line), "queues '%s' is no number from 1 to 256", wrong[i]);
		check_failure(FAIL_USAGE, line);
	}
	m = good(&(struct plan_words){ .name = "a", .queues = 4 });
	assert_int_equal(m.plan.queues, 4);
	m = good(&(struct plan_words){ .name = "a", .link = "lower", .queues = 4 });
	assert_int_equal(m.plan.queues, 4);
	m = good(&(struct plan_words){ .name = "a" });
	assert_int_equal(m.plan.queues, 0);
}

static void test_user(void **state)
{
	struct plan_user user;

	(void)state;
	assert_int_equal(plan_find_user("run-as", "root", &user), 0);
	assert_string_equal(user.name, "root");
	assert_int_equal(user.uid, 0);
	assert_int_equal(user.gid, 0);
	assert_false(user.group_given);
	assert_int_equal(plan_find_user("run-as", "0", &user), 0);
	assert_string_equal(user.name, "root");
	assert_int_equal(user.gid, 0);
	assert_int_equal(plan_find_user("run-as", "4000000000", &user), 0);
	assert_string_equal(user.name, "");
	assert_int_equal(user.uid, 4000000000U);
	assert_int_equal(user.gid, (gid_t)-1);
	assert_int_equal(plan_find_user("run-as", "4000000000:7", &user), 0);
	assert_int_equal(user.gid, 7);
	assert_true(user.group_given);
	check_no_failure();
	assert_int_equal(plan_find_user("run-as", "no such", &user), FAIL_USAGE);
	check_failure(FAIL_USAGE, "run-as: there is no user 'no such'");
	assert_int_equal(plan_find_user("run-as", "root:no such", &user), FAIL_USAGE);
	check_failure(FAIL_USAGE, "run-as: there is no group 'no such'");
	assert_int_equal(plan_find_user("run-as", "", &user), FAIL_USAGE);
	check_failure(FAIL_USAGE, "run-as '' is not USER or USER:GROUP");
}

static void test_bad_owner(void **state)
{
	static const struct {
		const char *owner, *line;
	} cases[] = {
		{ "no such", "owner: there is no user 'no such'" },
		{ "root:no such", "owner: there is no group 'no such'" },
		{ "no such:root", "owner: there is no user 'no such'" },
		/* (uid_t)-1 means nobody: it cannot be asked for. */
		{ "4294967295", "owner: there is no user '4294967295'" },
		{ "0:4294967295", "owner: there is no group '4294967295'" },
		{ "4294967296", "owner: there is no user '4294967296'" },
		{ "-1", "owner: there is no user '-1'" },
		{ ":", "owner ':' is not USER or USER:GROUP" },
		{ ":root", "owner ':root' is not USER or USER:GROUP" },
		{ "root:", "owner 'root:' is not USER or USER:GROUP" },
		{ "root:root:root", "owner: there is no group 'root:root'" },
	};
	char user[600], line[700];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		bad(&(struct plan_words){ .name = "a", .owner = cases[i].owner }, FAIL_USAGE,
		    cases[i].line);
	memset(user, 'u', 500);
	strcpy(user + 500, ":root");
	snprintf(line, sizeof(line), "owner '%s' is not USER or USER:GROUP", user);
	bad(&(struct plan_words){ .name = "a", .owner = user }, FAIL_USAGE, line);
}

/* Before anything else, and before the kernel is asked. */
static void test_names(void **state)
{
	static const struct {
		const char *name, *line;
	} cases[] = {
		{ "", "'' is no name for a device: it is empty" },
		{ "sixteen-bytes-xx",
		  "'sixteen-bytes-xx' is no name for a device: it is longer than 15 bytes" },
		{ "a/b", "'a/b' is no name for a device: it holds '/' or ':'" },
		{ "a b", "'a b' is no name for a device: it holds a blank" },
		{ "a\x01", "'a\\x01' is no name for a device: it holds a control byte" },
		{ "a%d%d", "'a%d%d' is no name for a device: "
			   "'%' may stand in it only once and as '%d'" },
		{ "all", "'all' is no name for a device: "
			 "the kernel keeps it for itself in /proc/sys/net" },
		{ "default", "'default' is no name for a device: "
			     "the kernel keeps it for itself in /proc/sys/net" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		bad(&(struct plan_words){ .name = cases[i].name, .link = "nope", .owner = ":" },
		    FAIL_USAGE, cases[i].line);
	good(&(struct plan_words){ .name = "vm%d" });
	good(&(struct plan_words){ .name = "fifteen-bytes-x" });
	good(&(struct plan_words){ .name = "All" });
	good(&(struct plan_words){ .name = "all%d" });
}

/* --- what a failed creation is told with: kernels that this is not --- */

static void explained(int err, const char *extack, const char *what, const struct plan_words *w,
		      const char *line)
{
	struct made m = good(w);

	m.plan.link = w->link ? &m.link : NULL;
	fail_errno(err, extack, "%s", what);
	assert_int_equal(dev_explain_make(&home.nl, &m.plan, NULL), FAIL_SYS);
	assert_int_equal(fail_errnum(), err);
	check_failure(FAIL_SYS, line);
}

static void test_no_macvtap(void **state)
{
	(void)state;
	explained(EOPNOTSUPP, "Unknown device type", "cannot create macvtap vm0 on lower",
		  &(struct plan_words){ .name = "vm0", .link = "lower" },
		  "cannot create macvtap vm0 on lower: Operation not supported: "
		  "Unknown device type: this kernel has no macvtap: 'modprobe macvtap', or a "
		  "kernel with CONFIG_MACVTAP");
}

/* An rx handler of something that cannot be found: say what it can be. */
static void test_busy_by_unknown(void **state)
{
	(void)state;
	explained(EBUSY, NULL, "cannot create macvtap vm0 on lower",
		  &(struct plan_words){ .name = "vm0", .link = "lower" },
		  "cannot create macvtap vm0 on lower: Device or resource busy: "
		  "lower is in use by a bridge, a bond or a switch");
}

static void test_nothing_to_explain(void **state)
{
	(void)state;
	explained(ENOMEM, NULL, "cannot create macvtap vm0 on lower",
		  &(struct plan_words){ .name = "vm0", .link = "lower" },
		  "cannot create macvtap vm0 on lower: Cannot allocate memory");
	explained(EINVAL, "odd", "cannot create macvtap vm0 on lower",
		  &(struct plan_words){ .name = "vm0", .link = "lower" },
		  "cannot create macvtap vm0 on lower: Invalid argument: odd");
	explained(EINVAL, NULL, "cannot create tap t0", &(struct plan_words){ .name = "t0" },
		  "cannot create tap t0: Invalid argument");
}

/* --- modes --- */

static void test_mode_words(void **state)
{
	static const struct {
		const char *text;
		enum dev_mode mode;
	} cases[] = {
		{ "private", MODE_PRIVATE }, { "vepa", MODE_VEPA },
		{ "bridge", MODE_BRIDGE },   { "passthru", MODE_PASSTHRU },
		{ "source", MODE_SOURCE },   { "veb", MODE_BRIDGE },
		{ "pepa", MODE_PRIVATE },    { "passthrough", MODE_PASSTHRU },
	};
	static const char *const wrong[] = { "", "Bridge", "bri", "bridges", "none", "vep a" };
	char line[100];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum dev_mode mode = MODE_NONE;

		assert_int_equal(dev_mode_value("mode", cases[i].text, &mode), 0);
		assert_int_equal(mode, cases[i].mode);
		/* What is shown is always the kernel's word. */
		assert_string_equal(dev_mode_word(mode), cases[i < 5 ? i : mode - 1].text);
	}
	check_no_failure();
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		enum dev_mode mode = MODE_NONE;

		assert_int_equal(dev_mode_value("mode", wrong[i], &mode), FAIL_USAGE);
		assert_int_equal(mode, MODE_NONE);
		snprintf(line, sizeof(line),
			 "mode '%s' is not known: "
			 "one of private, vepa, bridge, passthru, source",
			 wrong[i]);
		check_failure(FAIL_USAGE, line);
	}
	assert_null(dev_mode_word(MODE_NONE));
}

/* The guest's MAC for a tap made by others: always the same, never the tap's
 * own, unicast. */
static void test_guest_of_tap(void **state)
{
	(void)state;
	for (int first = 0; first < 256; first += 2) {
		uint8_t tap[6] = { (uint8_t)first, 1, 2, 3, 4, 5 }, guest[6], again[6];

		dev_guest_of_tap(tap, guest);
		dev_guest_of_tap(tap, again);
		assert_memory_equal(guest, again, 6);
		assert_memory_equal(guest + 1, tap + 1, 5);
		assert_int_not_equal(guest[0], tap[0]);
		assert_int_equal(guest[0] & 3, 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_wanted, forget_failure),
		cmocka_unit_test_setup(test_type_follows_link, forget_failure),
		cmocka_unit_test_setup(test_type_given, forget_failure),
		cmocka_unit_test_setup(test_type_and_link_disagree, forget_failure),
		cmocka_unit_test_setup(test_modes, forget_failure),
		cmocka_unit_test_setup(test_source_warns, forget_failure),
		cmocka_unit_test_setup(test_address, forget_failure),
		cmocka_unit_test_setup(test_mtu, forget_failure),
		cmocka_unit_test_setup(test_owner, forget_failure),
		cmocka_unit_test_setup(test_bad_owner, forget_failure),
		cmocka_unit_test_setup(test_queues, forget_failure),
		cmocka_unit_test_setup(test_user, forget_failure),
		cmocka_unit_test_setup(test_names, forget_failure),
		cmocka_unit_test_setup(test_no_macvtap, forget_failure),
		cmocka_unit_test_setup(test_busy_by_unknown, forget_failure),
		cmocka_unit_test_setup(test_nothing_to_explain, forget_failure),
		cmocka_unit_test_setup(test_mode_words, forget_failure),
		cmocka_unit_test_setup(test_guest_of_tap, forget_failure),
	};

	return cmocka_run_group_tests_name("plan", tests, make_links, drop_links);
}
