// SPDX-License-Identifier: GPL-2.0-or-later
/* Warnings about lower devices that no kernel of the tests has: sysfs is a directory
 * of this test's own. The others are in tests/vmm. */
#include "unit.h"

#include <sys/stat.h>

#include "nic.h"

static const char wireless[] = "vnetctl: warning: wlan0 is wireless: most access points pass only "
			       "the card's address, not that of vm0\n";

static struct dev_home home = DEV_HOME_INIT;
static char dir[] = "/tmp/vnetctl-unit-XXXXXX";

/* As sysfs has it: wlan0 has a phy80211, eth0 has none. */
static int make_sysfs(void **state)
{
	static const char *const paths[] = {
		"class",
		"class/net",
		"class/net/eth0",
		"class/net/wlan0",
		"class/net/wlan0/phy80211",
	};

	(void)state;
	if (!mkdtemp(dir))
		return -1;
	home.sysfs = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		if (mkdirat(home.sysfs, paths[i], 0700) < 0)
			return -1;
	}
	return 0;
}

static int drop_sysfs(void **state)
{
	char command[64];

	(void)state;
	dev_home_close(&home);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command) == 0 ? 0 : -1;
}

/* What is said of a device of this kind on that link. */
static const char *said(const char *kind, const char *link, unsigned flags)
{
	static struct capture cap;
	struct nic nic;

	nic_init(&nic, "open-exec", LIFE_FD);
	nic.home = &home;
	nic.dev = (struct dev){ .name = "vm0", .kind = dev_kind_find(kind) };
	nic.link = (struct dev){ .ifindex = 2, .flags = flags };
	snprintf(nic.link.name, sizeof(nic.link.name), "%s", link);
	capture_begin(&cap, 2);
	nic_warn(&nic);
	return capture_end(&cap);
}

static void test_wireless(void **state)
{
	(void)state;
	assert_string_equal(said("macvtap", "wlan0", IFF_UP), wireless);
	assert_string_equal(said("macvtap", "eth0", IFF_UP), "");
	assert_string_equal(said("macvtap", "wlan1", IFF_UP), "");
	check_no_failure();
}

/* Its link is a bridge, which is none. */
static void test_wireless_tap(void **state)
{
	(void)state;
	assert_string_equal(said("tap", "wlan0", IFF_UP), "");
}

static void test_wireless_and_down(void **state)
{
	char both[512];

	(void)state;
	snprintf(
		both, sizeof(both),
		"vnetctl: warning: wlan0 is down, so vm0 reaches nobody: 'ip link set wlan0 up'\n%s",
		wireless);
	assert_string_equal(said("macvtap", "wlan0", 0), both);
}

static void test_no_link(void **state)
{
	struct nic nic;

	(void)state;
	nic_init(&nic, "open-exec", LIFE_FD);
	nic_warn(&nic);
	nic_undo(&nic, -1);
	check_no_failure();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wireless),
		cmocka_unit_test(test_wireless_tap),
		cmocka_unit_test(test_wireless_and_down),
		cmocka_unit_test(test_no_link),
	};

	return cmocka_run_group_tests(tests, make_sysfs, drop_sysfs);
}
