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
	.given = "vm0",
	.name = "vm0",
	.fds = fd,
	.queues = 1,
	.mac = { true, { 0x52, 0x54, 0x00, 0xab, 0xcd, 0xef } },
	.mtu = 1500,
};

/* vm0 with vhost, and vm1 with two queues */
static const struct expand_dev both[] = {
	{
		.given = "vm0",
		.name = "vm0",
		.fds = fd,
		.vhost = vhost,
		.queues = 1,
		.mac = { true, { 0x52, 0x54, 0x00, 0xab, 0xcd, 0xef } },
		.mtu = 1500,
	},
	{
		.given = "vm1",
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

/* Makes words of one string, split at '|'. */
static int split(const char *in, char *argv[64])
{
	static char copy[1000];
	char *save = NULL;
	int argc = 0;

	snprintf(copy, sizeof(copy), "%s", in);
	for (char *w = strtok_r(copy, "|", &save); w; w = strtok_r(NULL, "|", &save))
		argv[argc++] = w;
	argv[argc] = NULL;
	return argc;
}

/* Expands such words, after the check that must let them pass; what was warned of is in cap. */
static char **expand(const struct expand_dev *devs, size_t n, enum expand_args style,
		     const char *in)
{
	char *argv[64], **vec;
	int argc = split(in, argv);

	assert_int_equal(expand_check(argc, argv, devs, n, true, style), 0);
	check_no_failure();
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

/* Refused before there is any device, when no more is known than what was said. */
static void check_early(const struct expand_dev *devs, size_t n, bool with_vhost,
			enum expand_args style, const char *in, const char *message)
{
	struct expand_dev said[8] = { { .given = NULL } };
	char *argv[64];
	int argc = split(in, argv);

	for (size_t i = 0; i < n; i++)
		said[i].given = devs[i].given;
	capture_begin(&cap, 2);
	assert_int_equal(expand_check(argc, argv, said, n, with_vhost, style), FAIL_USAGE);
	capture_end(&cap);
	assert_string_equal(cap.text, "");
	check_failure(FAIL_USAGE, message);
}

static void check_refused(const struct expand_dev *devs, size_t n, const char *in,
			  const char *message)
{
	check_early(devs, n, false, EXPAND_NET, in, message);
	check_early(devs, n, false, EXPAND_NONE, in, message);
}

/* Only what was opened can tell. */
static void check_late(const char *in, const char *message)
{
	assert_null(expand(&dev, 1, EXPAND_NET, in));
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
		      "{vhostfd}: vm0 has no vhost descriptor: say 'vhost on'");
	check_refused(both, 2, "x|{fd:vm0}|{vhostfds:vm1}",
		      "{vhostfds}: vm1 has no vhost descriptor: say 'vhost on'");
	check_late("x|{vhostfd}", "{vhostfd}: vm0 has no vhost descriptor: say 'vhost on'");
	check_late("x|{fd}|{vhostfds}", "{vhostfds}: vm0 has no vhost descriptor: say 'vhost on'");
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
		.given = "fifteen-bytes-x",
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
}

static void test_of_none(void **state)
{
	(void)state;
	check_refused(&dev, 1, "{fd:vmO}", "{fd:vmO}: there is no such device: write {fd:vm0}");
	check_refused(&dev, 1, "a|{fd}|b={mac:vm00},c",
		      "{mac:vm00}: there is no such device: write {mac:vm0}");
	check_refused(&dev, 1, "{fd:}", "{fd:}: there is no such device: write {fd:vm0}");
	check_refused(&dev, 1, "{fd: vm0}", "{fd: vm0}: there is no such device: write {fd:vm0}");
	check_refused(&dev, 1, "{fd:vm0:vm0}",
		      "{fd:vm0:vm0}: there is no such device: write {fd:vm0}");
	check_refused(both, 2, "{fd:vm2}",
		      "{fd:vm2}: there is no such device: write {fd:vm0}, {fd:vm1}");
	check_refused(both, 2, "{vectors:}",
		      "{vectors:}: there is no such device: write {vectors:vm0}, {vectors:vm1}");
	/* The way out is still to be seen behind a long one. */
	check_refused(&dev, 1, "{fd:0123456789012345678901234567890123456789x}",
		      "{fd:0123456789012345678901234567890123456789}: there is no such device: "
		      "write {fd:vm0}");
}

/* By its place; but a name comes first. */
static void test_of_place(void **state)
{
	struct expand_dev odd[3] = { both[0], both[1], dev };

	(void)state;
	check_none("{fd:1}", "7");
	check_refused(&dev, 1, "{fd:2}", "{fd:2}: there is no such device: write {fd:vm0}");
	check_refused(&dev, 1, "{fd:0}", "{fd:0}: there is no such device: write {fd:vm0}");
	check_refused(&dev, 1, "{fd:01}", "{fd:01}: there is no such device: write {fd:vm0}");
	check_for(both, 2, EXPAND_NONE, "{fds:2}|{fd:1}|{mac:vm0}", "8:9|7|" MAC_A);
	odd[0].given = "2";
	check_for(odd, 2, EXPAND_NONE, "{fd:1}|{fd:2}", "7|7");
	/* Not the names that these get: the kernel chooses a number, and a brace ends. */
	odd[0].given = odd[1].given = "vm%d";
	odd[2].given = "a}b";
	check_for(odd, 3, EXPAND_NONE, "{fd:1}|{fd:2}|{dev:2}", "7|8|vm1");
	check_refused(odd, 3, "{fd:vm0}",
		      "{fd:vm0}: there is no such device: write {fd:1}, {fd:2}, {fd:3}");
	check_refused(odd, 3, "{fd:vm%d}",
		      "{fd:vm%d}: there is no such device: write {fd:1}, {fd:2}, {fd:3}");
}

/* The name that stands on the command line may be another one of the device's. */
static void test_given(void **state)
{
	struct expand_dev other = dev;

	(void)state;
	other.given = "an-alternative-name";
	check_for(&other, 1, EXPAND_NONE, "{dev}|{dev:an-alternative-name}", "vm0|vm0");
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
	const struct expand_dev odd = {
		.given = "{fd}", .name = "{fd}", .fds = fd, .queues = 1, .mtu = 1500
	};

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
		"{}",	    "{",	  "}",		"{fd",
		"fd}",	    "{FD}",	  "{ fd}",	"{fd }",
		"{f d}",    "{fdx}",	  "{xfd}",	"{f}",
		"${HOME}",  "$fd",	  "{dev",	"{dev:",
		"{fd,mac}", "{\"a\":{}}", "{%s}",	"%s{%n}",
		"{fd\\}",   "a{b{c{d",	  "{vectors_}", "{:vm0}",
		"{fd=vm0}", "{fd:",	  "{fd:vm0",	"{\"driver\":\"virtio\",\"id\":\"n0\"}",
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
	/* These are no QEMU's, or none at the hub. */
	check_for(&dev, 1, EXPAND_NET, "qemu|-net|nicer", "qemu|-net|nicer|" NIC "|" TAP);
	check_for(&dev, 1, EXPAND_NET, "qemu|nic", "qemu|nic|" NIC "|" TAP);
	check_for(&dev, 1, EXPAND_NET, "qemu|-net", "qemu|-net|" NIC "|" TAP);
	check_for(&dev, 1, EXPAND_NET, "qemu|-name|-net,nic", "qemu|-name|-net,nic|" NIC "|" TAP);
	check_for(&dev, 1, EXPAND_NET, "unshare|--net|qemu", "unshare|--net|qemu|" NIC "|" TAP);
	check_for(&dev, 1, EXPAND_NET, "qemu|-net|none", "qemu|-net|none|" NIC "|" TAP);
	check_for(&dev, 1, EXPAND_NET, "qemu|-nic|user", "qemu|-nic|user|" NIC "|" TAP);
	check_for(&dev, 1, EXPAND_NET, "qemu|-netdev|user,id=u|-net|nic,netdev=u",
		  "qemu|-netdev|user,id=u|-net|nic,netdev=u|" NIC "|" TAP);
	check_for(&dev, 1, EXPAND_NET, "qemu|-netdev|hubport,id=h,hubid=1",
		  "qemu|-netdev|hubport,id=h,hubid=1|" NIC "|" TAP);
}

/* COMMAND brings its own NIC: it gets the address, and the other end. */
static void test_complete_nic(void **state)
{
	(void)state;
	check_for(&dev, 1, EXPAND_NET, "qemu|-net|nic", "qemu|-net|nic,macaddr=" MAC_A "|" TAP);
	check_for(&dev, 1, EXPAND_NET, "qemu|-net|nic,model=e1000",
		  "qemu|-net|nic,model=e1000,macaddr=" MAC_A "|" TAP);
	check_for(&dev, 1, EXPAND_NET, "qemu|--net|nic|-m|1",
		  "qemu|--net|nic,macaddr=" MAC_A "|-m|1|" TAP);
	check_for(&dev, 1, EXPAND_NET, "qemu|-net|model=e1000,type=nic",
		  "qemu|-net|model=e1000,type=nic,macaddr=" MAC_A "|" TAP);
	check_for(&dev, 1, EXPAND_NET, "qemu|-net|none|-net|nic,name=a,,macaddr=x",
		  "qemu|-net|none|-net|nic,name=a,,macaddr=x,macaddr=" MAC_A "|" TAP);
	check_for(&dev, 1, EXPAND_NET, "qemu|-net|nic,macaddr=" MAC_B,
		  "qemu|-net|nic,macaddr=" MAC_B "|" TAP);
	/* Whoever says where the descriptor belongs says this, too. */
	check_for(&dev, 1, EXPAND_NET, "qemu|-net|nic|-net|tap,fd={fd}",
		  "qemu|-net|nic|-net|tap,fd=7");
	check_none("qemu|-net|nic", "qemu|-net|nic");
}

/* What QEMU's hub would join with the wire, but for one NIC. */
static void test_hub(void **state)
{
	static const char *const joined[] = {
		"-net user",
		"--net user,hostfwd=tcp::2222-:22",
		"-net bridge,br=br0",
		"-net tap,ifname=tap0",
		"-net socket,listen=:1234",
		"-net id=u,type=user",
		"-net nic,model=e1000",
		"-netdev hubport,id=h,hubid=0",
		"-netdev {\"type\":\"hubport\", \"id\":\"h\", \"hubid\" : 0}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(joined) / sizeof(joined[0]); i++) {
		char in[200], message[400];

		snprintf(message, sizeof(message),
			 "COMMAND has '%s', which QEMU would join in one hub with the '-net' that "
			 "is appended: say 'args netdev', or write {fd} where it belongs",
			 joined[i]);
		snprintf(in, sizeof(in), "qemu|-net|nic|%s|-m|1", joined[i]);
		*strchr(in, ' ') = '|';
		check_early(&dev, 1, false, EXPAND_NET, in, message);
		/* Nothing is appended to the hub. */
		check_for(&dev, 1, EXPAND_NONE, in, in);
		check_for(&dev, 1, EXPAND_NETDEV, in, strcat(strcpy(message, in), "|" NETDEV));
	}
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

#define OTHER "52:54:00:00:00:09"
#define OTHER_LINE(mac, name, own)                                                       \
	"COMMAND's MAC is " mac ", but a macvtap delivers only frames for its own, and " \
	"that of " name " is " own
#define NO_MAC_LINE(name, add)                                                              \
	"COMMAND gives its NIC on " name " no MAC, but a macvtap delivers only frames for " \
	"its own: add '" add "'"

/* What QEMU and others call a NIC that has our descriptor, up to its MAC. */
static const char *const nics[] = {
	"-netdev|tap,id=n0,fd=7|-device|virtio-net-pci,netdev=n0,mac=",
	"-device|virtio-net-pci,netdev=n0,mac=%s,mq=off|-netdev|tap,id=n0,fds=7",
	"-netdev|{\"type\":\"tap\",\"id\":\"n0\",\"fd\":\"7\"}|"
	"-device|{\"driver\":\"virtio-net-pci\",\"netdev\":\"n0\", \"mac\" : \"%s\"}",
	"-netdev|tap,id=n0,fd=7|-device|{\"mac\":\"%s\",\"netdev\":\"n0\"}",
	"-netdev|tap,id=n0,fd=7|-net|nic,netdev=n0,macaddr=",
	"-nic|tap,fd=7,mac=",
	"-nic|user,mac=52:54:00:00:00:03|--nic|tap,mac=%s,fd=7,model=e1000",
	"-net|nic,macaddr=%s,model=e1000|-net|tap,fd=7",
	"-net|tap,fd=7|--net|nic,macaddr=",
	"--net|fd=7,mac=",
	"run|-n|mode=tap,fd=7,guest_mac=",
	"run|--net|mac=%s,tap-fd=7",
};

static void put_mac(char *to, size_t size, const char *nic, const char *mac)
{
	const char *hole = strstr(nic, "%s");
	int len = hole ? (int)(hole - nic) : (int)strlen(nic);

	snprintf(to, size, "%.*s%s%s", len, nic, mac, hole ? hole + 2 : "");
}

static void test_other_mac(void **state)
{
	static const char *const fine[] = {
		MAC_A, "52:54:00:AB:CD:EF", "", "52:54", "nonsense-of-17-by", "52:54:00:00:00:09x",
	};
	struct expand_dev macvtap = dev;
	char in[300];

	(void)state;
	macvtap.has_node = true;
	for (size_t i = 0; i < sizeof(nics) / sizeof(nics[0]); i++) {
		put_mac(in, sizeof(in), nics[i], OTHER);
		check_warned(&macvtap, 1, EXPAND_NONE, in, in, OTHER_LINE(OTHER, "vm0", MAC_A));
		/* A tap's guest may have any. */
		check_none(in, in);
		for (size_t k = 0; k < sizeof(fine) / sizeof(fine[0]); k++) {
			put_mac(in, sizeof(in), nics[i], fine[k]);
			check_for(&macvtap, 1, EXPAND_NONE, in, in);
		}
	}
	/* What is put in for a placeholder, or appended, is right; what stood there, need not. */
	check_for(&macvtap, 1, EXPAND_NONE, "-nic|tap,fd={fd},mac={mac}",
		  "-nic|tap,fd=7,mac=" MAC_A);
	check_for(&macvtap, 1, EXPAND_NETDEV, "qemu", "qemu|" NETDEV);
	check_for(&macvtap, 1, EXPAND_NET, "qemu", "qemu|" NIC "|" TAP);
	check_for(&macvtap, 1, EXPAND_NET, "qemu|-net|nic", "qemu|-net|nic,macaddr=" MAC_A "|" TAP);
	check_warned(&macvtap, 1, EXPAND_NET, "qemu|-net|nic,macaddr=" OTHER,
		     "qemu|-net|nic,macaddr=" OTHER "|" TAP, OTHER_LINE(OTHER, "vm0", MAC_A));
}

/* Not ours, or nobody can tell whose. */
static void test_foreign_mac(void **state)
{
	static const char *const foreign[] = {
		"-nic|user,mac=" OTHER "|-nic|tap,fd=7,mac=" MAC_A,
		"-nic|tap,fd=8,mac=" OTHER,
		"-nic|tap,fd=77,mac=" OTHER,
		"-nic|tap,fd=x7,mac=" OTHER,
		"-netdev|tap,id=n0,fd=7|-netdev|user,id=n1|-device|e1000,netdev=n1,mac=" OTHER,
		"-netdev|tap,id=n0,fd=7|-device|e1000,netdev=n00,mac=" OTHER,
		"-netdev|tap,id=n0,fd=7|-device|e1000,netdev=,mac=" OTHER,
		"-netdev|tap,fd=7|-device|e1000,netdev=n0,mac=" OTHER,
		"-netdev|tap,id=n0,fd=7|-device|virtio-gpu,mac=" OTHER,
		"-netdev|tap,id=n0,fd=7|-net|user|-net|nic,macaddr=" OTHER,
		"-netdev|{\"id\":\"n1\",\"x\":\"fd\",\"fd\":\"8\"}|-device|e1000,netdev=n1,mac=" OTHER,
		"-net|tap,fd=7|-netdev|user,id=n0|-net|nic,netdev=n0,macaddr=" OTHER,
		"-net|nic,macaddr=" OTHER "|-net|user",
		"mac=" OTHER,
		"-mac|" OTHER,
		"guest_mac=" OTHER,
		/* Another key that only ends like it, or another's value */
		"-x|fd=7,hmac=" OTHER,
		"-x|fd=7,name=a,,mac=" OTHER,
		"-x|fd=7,mac=" OTHER ",mac=" MAC_A,
		"-netdev|{\"id\":\"n1\",\"vhostfd\":\"7\",\"fd\":\"8\"}|-device|e1000,netdev=n1,mac=" OTHER,
		/* More than one NIC in a word */
		"sh|-c|qemu -nic tap,fd=7,mac=" MAC_A " -nic user,mac=" OTHER,
		"-x|{\"net\":[{\"mac\":\"" OTHER "\"},{\"fd\":7,\"mac\":\"" MAC_A "\"}]}",
	};
	struct expand_dev macvtap = dev;

	(void)state;
	macvtap.has_node = true;
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
		check_for(&macvtap, 1, EXPAND_NONE, foreign[i], foreign[i]);
}

static void test_no_mac(void **state)
{
	static const struct {
		const char *in, *add;
	} cases[] = {
		{ "-nic|tap,fd=7", NO_MAC_LINE("vm0", "mac={mac}") },
		{ "-nic|tap,fd=7,model=e1000", NO_MAC_LINE("vm0", "mac={mac}") },
		{ "-netdev|tap,id=a,fd=7|-device|virtio-net-pci,netdev=a",
		  NO_MAC_LINE("vm0", "mac={mac}") },
		{ "-netdev|{\"type\":\"tap\",\"id\":\"a\",\"fd\":\"7\"}|-device|e1000,netdev=a",
		  NO_MAC_LINE("vm0", "mac={mac}") },
		{ "-netdev|tap,id=a,fds=7|-device|{\"driver\":\"virtio-net\",\"netdev\":\"a\"}",
		  NO_MAC_LINE("vm0", "\"mac\":\"{mac}\"") },
		{ "-netdev|tap,id=a,fd=7|-net|nic,netdev=a", NO_MAC_LINE("vm0", "macaddr={mac}") },
		{ "-net|nic|-net|tap,fd=7", NO_MAC_LINE("vm0", "macaddr={mac}") },
		/* The NIC may come later, or its address by another way. */
		{ "-netdev|tap,id=a,fd=7", "" },
		{ "-netdev|tap,id=a,fd=7|-device|e1000,netdev=b", "" },
		{ "-nic|user", "" },
		{ "-device|virtio-gpu|-net|tap,fd=7", "" },
		{ "--net|fd=7", "" },
		{ "-net|tap,fd=7", "" },
		{ "-net|nic|-net|user", "" },
		{ "7", "" },
	};
	struct expand_dev macvtap = dev;

	(void)state;
	macvtap.has_node = true;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		check_warned(&macvtap, 1, EXPAND_NONE, cases[i].in, cases[i].in, cases[i].add);
		check_none(cases[i].in, cases[i].in);
	}
}

/* Each NIC is judged by the device that it has. */
static void test_mac_of_several(void **state)
{
	struct expand_dev macvtaps[2] = { both[0], both[1] };

	(void)state;
	macvtaps[0].has_node = macvtaps[1].has_node = true;
	check_for(macvtaps, 2, EXPAND_NONE,
		  "-nic|tap,fds=8:9,mac=" MAC_B "|-nic|tap,fd=7,mac=" MAC_A,
		  "-nic|tap,fds=8:9,mac=" MAC_B "|-nic|tap,fd=7,mac=" MAC_A);
	check_warned(macvtaps, 2, EXPAND_NONE, "-nic|tap,fds=8:9,mac=" MAC_A,
		     "-nic|tap,fds=8:9,mac=" MAC_A, OTHER_LINE(MAC_A, "vm1", MAC_B));
	check_warned(macvtaps, 2, EXPAND_NONE, "-nic|tap,fd=9", "-nic|tap,fd=9",
		     NO_MAC_LINE("vm1", "mac={mac:vm1}"));
	macvtaps[1].given = "vm%d";
	check_warned(macvtaps, 2, EXPAND_NONE, "-nic|tap,fd=9", "-nic|tap,fd=9",
		     NO_MAC_LINE("vm1", "mac={mac:2}"));
	/* The tap beside it takes any. */
	macvtaps[1].has_node = false;
	check_for(macvtaps, 2, EXPAND_NONE, "-nic|tap,fd=9", "-nic|tap,fd=9");
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
		cmocka_unit_test_setup(test_of_none, forget_failure),
		cmocka_unit_test_setup(test_of_place, forget_failure),
		cmocka_unit_test_setup(test_given, forget_failure),
		cmocka_unit_test_setup(test_of_which, forget_failure),
		cmocka_unit_test_setup(test_no_second_round, forget_failure),
		cmocka_unit_test_setup(test_anywhere, forget_failure),
		cmocka_unit_test_setup(test_left_alone, forget_failure),
		cmocka_unit_test_setup(test_in_json, forget_failure),
		cmocka_unit_test_setup(test_empty_arguments, forget_failure),
		cmocka_unit_test_setup(test_borrows, forget_failure),
		cmocka_unit_test_setup(test_long, forget_failure),
		cmocka_unit_test_setup(test_append_net, forget_failure),
		cmocka_unit_test_setup(test_complete_nic, forget_failure),
		cmocka_unit_test_setup(test_hub, forget_failure),
		cmocka_unit_test_setup(test_append_netdev, forget_failure),
		cmocka_unit_test_setup(test_append_mtu, forget_failure),
		cmocka_unit_test_setup(test_append_nothing, forget_failure),
		cmocka_unit_test_setup(test_other_mac, forget_failure),
		cmocka_unit_test_setup(test_foreign_mac, forget_failure),
		cmocka_unit_test_setup(test_no_mac, forget_failure),
		cmocka_unit_test_setup(test_mac_of_several, forget_failure),
		cmocka_unit_test_setup(test_warn_of_mtu, forget_failure),
		cmocka_unit_test_setup(test_warn_of_queues, forget_failure),
		cmocka_unit_test_setup(test_environment, forget_failure),
	};

	return cmocka_run_group_tests_name("expand", tests, NULL, NULL);
}
