// SPDX-License-Identifier: GPL-2.0-or-later
/* COMMAND's arguments and environment: which braces are placeholders, what is
 * appended when there is none, and what is warned of. */
#include "unit.h"

#include "expand.h"

static const int fd[] = { 7 }, two_fds[] = { 8, 9 }, vhost[] = { 10 }, two_vhosts[] = { 11, 12 };

#define MAC_A "52:54:00:ab:cd:ef"
#define MAC_B "52:54:00:00:00:02"

/* A tap: macvtaps have warnings of their own. */
static const struct expand_dev dev = {
	.name = "vm0",
	.fds = fd,
	.queues = 1,
	.mac = { true, { 0x52, 0x54, 0x00, 0xab, 0xcd, 0xef } },
	.mtu = 1500,
};

/* vm0 with vhost, and vm1 with two queues */
static const struct expand_dev both[] = {
	{
		.name = "vm0",
		.fds = fd,
		.vhost = vhost,
		.queues = 1,
		.mac = { true, { 0x52, 0x54, 0x00, 0xab, 0xcd, 0xef } },
		.mtu = 1500,
	},
	{
		.name = "vm1",
		.fds = two_fds,
		.vhost = two_vhosts,
		.queues = 2,
		.mac = { true, { 0x52, 0x54, 0x00, 0x00, 0x00, 0x02 } },
		.mtu = 1500,
	},
};

static struct capture cap;

static void free_vector(char **vec)
{
	for (size_t i = 0; vec && vec[i]; i++)
		free(vec[i]);
	free(vec);
}

/* Expands words given as one string, split at '|'; what was warned of is in cap. */
static char **expand(const struct expand_dev *devs, size_t n, enum expand_args style,
		     const char *in)
{
	static char copy[1000];
	char *argv[64], *save = NULL, **vec;
	int argc = 0;

	snprintf(copy, sizeof(copy), "%s", in);
	for (char *w = strtok_r(copy, "|", &save); w; w = strtok_r(NULL, "|", &save))
		argv[argc++] = w;
	argv[argc] = NULL;
	capture_begin(&cap, 2);
	vec = expand_command(argc, argv, devs, n, style);
	capture_end(&cap);
	return vec;
}

/* ... and compares with another such string, and with the warnings. */
static void check_warned(const struct expand_dev *devs, size_t n, enum expand_args style,
			 const char *in, const char *want, const char *warning)
{
	char **vec = expand(devs, n, style, in), got[4000] = "", line[500] = "";

	assert_non_null(vec);
	for (size_t i = 0; vec[i]; i++) {
		if (i)
			strcat(got, "|");
		strcat(got, vec[i]);
	}
	free_vector(vec);
	assert_string_equal(got, want);
	if (*warning)
		snprintf(line, sizeof(line), "vnetctl: warning: %s\n", warning);
	assert_string_equal(cap.text, line);
	check_no_failure();
}

static void check_for(const struct expand_dev *devs, size_t n, enum expand_args style,
		      const char *in, const char *want)
{
	check_warned(devs, n, style, in, want, "");
}

static void check_none(const char *in, const char *want)
{
	check_for(&dev, 1, EXPAND_NONE, in, want);
}

static void check_refused(const struct expand_dev *devs, size_t n, const char *in,
			  const char *message)
{
	assert_null(expand(devs, n, EXPAND_NET, in));
	assert_string_equal(cap.text, "");
	check_failure(FAIL_USAGE, message);
}

/* --- placeholders --- */

static void test_each(void **state)
{
	(void)state;
	check_none("x|{fd}", "x|7");
	check_none("x|{fds}", "x|7");
	check_none("x|{mac}", "x|" MAC_A);
	check_none("x|{dev}", "x|vm0");
	check_none("x|{mtu}", "x|1500");
	check_none("x|{queues}", "x|1");
	check_none("x|{vectors}", "x|4");
}

static void test_vhost(void **state)
{
	(void)state;
	check_for(both, 1, EXPAND_NONE, "x|{vhostfd}|{vhostfds}", "x|10|10");
	check_for(both + 1, 1, EXPAND_NONE, "x|{vhostfd}|{vhostfds}", "x|11|11:12");
	check_refused(&dev, 1, "x|{vhostfd}",
		      "{vhostfd}: vm0 has no vhost descriptor: "
		      "say 'vhost on'");
	check_refused(&dev, 1, "x|{fd}|{vhostfds}",
		      "{vhostfds}: vm0 has no vhost descriptor: "
		      "say 'vhost on'");
}

static void test_queues(void **state)
{
	(void)state;
	check_for(both + 1, 1, EXPAND_NONE, "{fd}|{fds}|{queues}|{vectors}", "8|8:9|2|6");
}

static void test_values(void **state)
{
	static int many[256];
	const struct expand_dev big = {
		.name = "fifteen-bytes-x",
		.fds = many,
		.mac = { true, { 0, 1, 2, 3, 4, 5 } },
		.mtu = UINT32_MAX,
		.queues = 256,
	};
	char want[4000] = "", *at = want;
	char **vec;

	(void)state;
	for (int i = 0; i < 256; i++) {
		many[i] = INT32_MAX - i;
		at += sprintf(at, "%s%d", i ? ":" : "", many[i]);
	}
	vec = expand(&big, 1, EXPAND_NONE, "{fds}|{fd}|{mac}|{dev}|{mtu}|{queues}|{vectors}");
	assert_non_null(vec);
	assert_string_equal(vec[0], want);
	assert_string_equal(vec[1], "2147483647");
	assert_string_equal(vec[2], "00:01:02:03:04:05");
	assert_string_equal(vec[3], "fifteen-bytes-x");
	assert_string_equal(vec[4], "4294967295");
	assert_string_equal(vec[5], "256");
	assert_string_equal(vec[6], "514");
	assert_null(vec[7]);
	free_vector(vec);
}

/* With a name after a colon; the only way when there are several. */
static void test_of_one(void **state)
{
	(void)state;
	check_none("{fd:vm0}|{mac:vm0}", "7|" MAC_A);
	check_for(both, 2, EXPAND_NONE, "{fd:vm0}|{fds:vm1}|{mac:vm1}|{vhostfd:vm0}|{vectors:vm1}",
		  "7|8:9|" MAC_B "|10|6");
	check_for(both, 2, EXPAND_NONE, "{dev:vm1}{dev:vm0}", "vm1vm0");
	/* A name that none of them has: somebody else's braces. */
	check_none("{fd:vm1}|{fd:}|{fd:vm}|{fd:vm00}", "{fd:vm1}|{fd:}|{fd:vm}|{fd:vm00}");
	check_for(both, 2, EXPAND_NONE, "{fd:vm2}", "{fd:vm2}");
}

static void test_of_which(void **state)
{
	(void)state;
	check_refused(both, 2, "x|{fd}", "{fd}: which of the 2 devices? Write {fd:NAME}");
	check_refused(both, 2, "x|{fd:vm0}|a={mac}",
		      "{mac}: which of the 2 devices? Write {mac:NAME}");
}

/* Braces, and a colon, in a device's name are no placeholder. */
static void test_no_second_round(void **state)
{
	const struct expand_dev odd = { .name = "{fd}", .fds = fd, .queues = 1, .mtu = 1500 };

	(void)state;
	check_for(&odd, 1, EXPAND_NONE, "{dev}|{dev}{fd}", "{fd}|{fd}7");
}

static void test_anywhere(void **state)
{
	(void)state;
	check_none("{dev}", "vm0");
	check_none("{fd}{fd}{fd}", "777");
	check_none("a{fd}b", "a7b");
	check_none("tap,fd={fd},br={dev}", "tap,fd=7,br=vm0");
	check_none("-x={fd}|{mac}={dev}", "-x=7|" MAC_A "=vm0");
	check_none("{{fd}}", "{7}");
	check_none("}{fd}{", "}7{");
	check_none("{fd {fd}", "{fd 7");
}

/* Any other brace text is COMMAND's own. */
static void test_left_alone(void **state)
{
	static const char *const same[] = {
		"{}",	     "{",	   "}",		 "{fd",
		"fd}",	     "{FD}",	   "{ fd}",	 "{fd }",
		"{f d}",     "{fdx}",	   "{xfd}",	 "{f}",
		"${HOME}",   "$fd",	   "{dev",	 "{dev:",
		"{fd,mac}",  "{\"a\":{}}", "{%s}",	 "%s{%n}",
		"{fd\\}",    "a{b{c{d",	   "{vectors_}", "{:vm0}",
		"{fd::vm0}", "{fd: vm0}",  "{fd=vm0}",	 "{\"driver\":\"virtio\",\"id\":\"n0\"}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		check_none(same[i], same[i]);
}

static void test_in_json(void **state)
{
	(void)state;
	check_none("-netdev|{\"type\":\"tap\",\"id\":\"n0\",\"fd\":\"{fd}\"}",
		   "-netdev|{\"type\":\"tap\",\"id\":\"n0\",\"fd\":\"7\"}");
	check_none("{\"a\":{\"mac\":\"{mac}\",\"b\":{}},\"n\":[{}]}",
		   "{\"a\":{\"mac\":\"" MAC_A "\",\"b\":{}},\"n\":[{}]}");
}

/* Empty arguments stay arguments, and the vector ends in NULL. */
static void test_empty_arguments(void **state)
{
	char cmd[] = "x", empty[] = "";
	char *argv[] = { cmd, empty, empty, NULL };
	char **vec = expand_command(3, argv, &dev, 1, EXPAND_NONE);

	(void)state;
	assert_non_null(vec);
	assert_string_equal(vec[0], "x");
	assert_string_equal(vec[1], "");
	assert_string_equal(vec[2], "");
	assert_null(vec[3]);
	free_vector(vec);
}

/* Words are not changed where they are. */
static void test_borrows(void **state)
{
	char cmd[] = "{fd}";
	char *argv[] = { cmd, NULL };
	char **vec = expand_command(1, argv, &dev, 1, EXPAND_NET);

	(void)state;
	assert_non_null(vec);
	assert_string_equal(vec[0], "7");
	assert_null(vec[1]);
	assert_string_equal(cmd, "{fd}");
	free_vector(vec);
}

/* Thousands in one word: each grows. */
static void test_long(void **state)
{
	enum { N = 20000 };
	char *text = malloc(N * 5 + 1), *want = malloc(N * 17 + 1);
	char *argv[] = { text, NULL };
	char **vec;

	(void)state;
	for (size_t i = 0; i < N; i++) {
		memcpy(text + 5 * i, "{mac}", 6);
		memcpy(want + 17 * i, MAC_A, 18);
	}
	vec = expand_command(1, argv, &dev, 1, EXPAND_NONE);
	assert_non_null(vec);
	assert_string_equal(vec[0], want);
	free_vector(vec);

	/* Opening braces without an end */
	memset(text, '{', 1000);
	text[1000] = '\0';
	vec = expand_command(1, argv, &dev, 1, EXPAND_NONE);
	assert_non_null(vec);
	assert_string_equal(vec[0], text);
	free_vector(vec);
	free(text);
	free(want);
}

/* --- what is appended --- */

#define NIC "-net|nic,model=virtio,macaddr=" MAC_A
#define TAP "-net|tap,fd=7"
#define NETDEV "-netdev|tap,id=vnet0,fd=7|-device|virtio-net-pci,netdev=vnet0,mac=" MAC_A

static void test_append_net(void **state)
{
	(void)state;
	check_for(&dev, 1, EXPAND_NET, "qemu", "qemu|" NIC "|" TAP);
	check_for(&dev, 1, EXPAND_NET, "qemu|-m|256", "qemu|-m|256|" NIC "|" TAP);
	check_for(&dev, 1, EXPAND_NET, "qemu|{}", "qemu|{}|" NIC "|" TAP);
	/* COMMAND brings its own NIC: only the other end. */
	check_for(&dev, 1, EXPAND_NET, "qemu|-net|nic", "qemu|-net|nic|" TAP);
	check_for(&dev, 1, EXPAND_NET, "qemu|-net|nic,model=e1000",
		  "qemu|-net|nic,model=e1000|" TAP);
	check_for(&dev, 1, EXPAND_NET, "qemu|--net|nic|-m|1", "qemu|--net|nic|-m|1|" TAP);
	/* These are none. */
	check_for(&dev, 1, EXPAND_NET, "qemu|-net|user", "qemu|-net|user|" NIC "|" TAP);
	check_for(&dev, 1, EXPAND_NET, "qemu|-net|nicer", "qemu|-net|nicer|" NIC "|" TAP);
	check_for(&dev, 1, EXPAND_NET, "qemu|nic", "qemu|nic|" NIC "|" TAP);
	check_for(&dev, 1, EXPAND_NET, "qemu|-net", "qemu|-net|" NIC "|" TAP);
	check_for(&dev, 1, EXPAND_NET, "qemu|-name|-net,nic", "qemu|-name|-net,nic|" NIC "|" TAP);
}

static void test_append_netdev(void **state)
{
	(void)state;
	check_for(&dev, 1, EXPAND_NETDEV, "qemu", "qemu|" NETDEV);
	check_for(&dev, 1, EXPAND_NETDEV, "qemu|-net|nic", "qemu|-net|nic|" NETDEV);
	check_for(both, 1, EXPAND_NETDEV, "qemu",
		  "qemu|-netdev|tap,id=vnet0,fd=7,vhost=on,vhostfd=10|"
		  "-device|virtio-net-pci,netdev=vnet0,mac=" MAC_A);
	check_for(both + 1, 1, EXPAND_NETDEV, "qemu",
		  "qemu|-netdev|tap,id=vnet0,fds=8:9,vhost=on,vhostfds=11:12|"
		  "-device|virtio-net-pci,netdev=vnet0,mac=" MAC_B ",mq=on,vectors=6");
	check_for(both, 2, EXPAND_NETDEV, "qemu",
		  "qemu|-netdev|tap,id=vnet0,fd=7,vhost=on,vhostfd=10|"
		  "-device|virtio-net-pci,netdev=vnet0,mac=" MAC_A "|"
		  "-netdev|tap,id=vnet1,fds=8:9,vhost=on,vhostfds=11:12|"
		  "-device|virtio-net-pci,netdev=vnet1,mac=" MAC_B ",mq=on,vectors=6");
}

static void test_append_mtu(void **state)
{
	struct expand_dev small = dev;

	(void)state;
	small.mtu = 1400;
	check_for(&small, 1, EXPAND_NETDEV, "qemu", "qemu|" NETDEV ",host_mtu=1400");
}

static void test_append_nothing(void **state)
{
	(void)state;
	check_none("qemu", "qemu");
	/* Any placeholder says that COMMAND knows what it wants. */
	check_for(&dev, 1, EXPAND_NET, "qemu|{fd}", "qemu|7");
	check_for(&dev, 1, EXPAND_NET, "qemu|x{mtu}y", "qemu|x1500y");
	check_for(&dev, 1, EXPAND_NET, "{dev}", "vm0");
	check_for(&dev, 1, EXPAND_NETDEV, "qemu|{mac}", "qemu|" MAC_A);
	check_for(both, 2, EXPAND_NETDEV, "qemu|{fd:vm1}", "qemu|8");
}

/* --- what is warned of --- */

static void test_other_mac(void **state)
{
	static const char *const others[] = {
		"virtio-net-pci,netdev=n0,mac=52:54:00:00:00:09",
		"nic,model=virtio,macaddr=52:54:00:00:00:09",
		"mac=52:54:00:00:00:09",
		"macaddr=52:54:00:00:00:09,model=virtio",
	};
	static const char *const fine[] = {
		"nic,macaddr=" MAC_A,
		"nic,macaddr=52:54:00:AB:CD:EF",
		"nic,mac=" MAC_A ",x=y",
		"nic,mac=",
		"nic,mac=52:54",
		"nic,mac=nonsense-of-17-by",
		"-mac",
		/* Another key that only ends like it */
		"nic,hmac=52:54:00:00:00:09",
		"xmacaddr=52:54:00:00:00:09",
	};
	struct expand_dev macvtap = dev;

	(void)state;
	macvtap.has_node = true;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		check_warned(&macvtap, 1, EXPAND_NONE, others[i], others[i],
			     "COMMAND's MAC is 52:54:00:00:00:09, but a macvtap delivers only "
			     "frames for its own, and that of vm0 is " MAC_A);
		/* A tap's guest may have any. */
		check_none(others[i], others[i]);
	}
	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++)
		check_for(&macvtap, 1, EXPAND_NONE, fine[i], fine[i]);
	/* What is put in for a placeholder, or appended, is right. */
	check_for(&macvtap, 1, EXPAND_NONE, "nic,mac={mac}", "nic,mac=" MAC_A);
	check_for(&macvtap, 1, EXPAND_NETDEV, "qemu", "qemu|" NETDEV);
}

/* The MAC of any of the devices will do. */
static void test_other_mac_of_several(void **state)
{
	struct expand_dev macvtaps[2] = { both[0], both[1] };

	(void)state;
	macvtaps[0].has_node = macvtaps[1].has_node = true;
	check_for(macvtaps, 2, EXPAND_NONE, "nic,mac=" MAC_B "|nic,mac=" MAC_A,
		  "nic,mac=" MAC_B "|nic,mac=" MAC_A);
}

static void test_warn_of_mtu(void **state)
{
	struct expand_dev small = dev;
	const char *warning = "the mtu of vm0 is 1400, but COMMAND does not tell its guest: "
			      "'host_mtu=1400' on virtio-net does, and so does 'args netdev'";

	(void)state;
	small.mtu = 1400;
	check_warned(&small, 1, EXPAND_NONE, "qemu", "qemu", warning);
	check_warned(&small, 1, EXPAND_NET, "qemu", "qemu|" NIC "|" TAP, warning);
	check_for(&small, 1, EXPAND_NONE, "virtio-net,host_mtu={mtu}", "virtio-net,host_mtu=1400");
}

static void test_warn_of_queues(void **state)
{
	(void)state;
	check_warned(&dev, 1, EXPAND_NONE, "virtio-net,mq=on", "virtio-net,mq=on",
		     "COMMAND has mq=on, but vm0 is opened with one queue: say 'queues N'");
	check_for(both + 1, 1, EXPAND_NONE, "virtio-net,mq=on", "virtio-net,mq=on");
}

/* --- the environment --- */

static void check_environment(const struct expand_dev *devs, size_t n, const char *name,
			      const char *number, const char *mac)
{
	assert_int_equal(expand_environment(devs, n), 0);
	check_no_failure();
	assert_string_equal(getenv("VNETCTL_DEV"), name);
	assert_string_equal(getenv("VNETCTL_FD"), number);
	assert_string_equal(getenv("VNETCTL_MAC"), mac);
}

static void test_environment(void **state)
{
	(void)state;
	setenv("VNETCTL_DEV", "old", 1);
	check_environment(&dev, 1, "vm0", "7", MAC_A);
	check_environment(both, 2, "vm0,vm1", "7,8:9", MAC_A "," MAC_B);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_each, forget_failure),
		cmocka_unit_test_setup(test_vhost, forget_failure),
		cmocka_unit_test_setup(test_queues, forget_failure),
		cmocka_unit_test_setup(test_values, forget_failure),
		cmocka_unit_test_setup(test_of_one, forget_failure),
		cmocka_unit_test_setup(test_of_which, forget_failure),
		cmocka_unit_test_setup(test_no_second_round, forget_failure),
		cmocka_unit_test_setup(test_anywhere, forget_failure),
		cmocka_unit_test_setup(test_left_alone, forget_failure),
		cmocka_unit_test_setup(test_in_json, forget_failure),
		cmocka_unit_test_setup(test_empty_arguments, forget_failure),
		cmocka_unit_test_setup(test_borrows, forget_failure),
		cmocka_unit_test_setup(test_long, forget_failure),
		cmocka_unit_test_setup(test_append_net, forget_failure),
		cmocka_unit_test_setup(test_append_netdev, forget_failure),
		cmocka_unit_test_setup(test_append_mtu, forget_failure),
		cmocka_unit_test_setup(test_append_nothing, forget_failure),
		cmocka_unit_test_setup(test_other_mac, forget_failure),
		cmocka_unit_test_setup(test_other_mac_of_several, forget_failure),
		cmocka_unit_test_setup(test_warn_of_mtu, forget_failure),
		cmocka_unit_test_setup(test_warn_of_queues, forget_failure),
		cmocka_unit_test_setup(test_environment, forget_failure),
	};

	return cmocka_run_group_tests_name("expand", tests, NULL, NULL);
}
