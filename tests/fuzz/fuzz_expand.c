// SPDX-License-Identifier: GPL-2.0-or-later
/* COMMAND's arguments. The first byte says how many devices and of which sort, the rest is one
 * argument a line. */
#include "expand.h"
#include "fail.h"
#include "fakes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const int numbers[] = { 7, 8, 9, 10, 2147483647 };

static const struct expand_dev devs[] = {
	{ .given = "vm0",
	  .name = "vm0",
	  .fds = numbers,
	  .queues = 1,
	  .mtu = 1500,
	  .has_node = true,
	  .mac = { true, { 0x52, 0x54, 0, 0, 0, 1 } } },
	{ .given = "vm%d",
	  .name = "vm1",
	  .fds = numbers + 1,
	  .vhost = numbers + 2,
	  .queues = 3,
	  .mtu = 68,
	  .mac = { true, { 0x52, 0x54, 0, 0, 0, 2 } } },
	{ .given = "{fd}:a,b",
	  .name = "{fd}:a,b",
	  .fds = numbers + 4,
	  .vhost = numbers,
	  .queues = 1,
	  .mtu = 65535,
	  .mac = { true, { 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff } } },
};

static int cut_arguments(struct bytes input, char **argv, int most)
{
	int n = 0;

	while (input.n && n < most)
		argv[n++] = fake_text(fake_cut(&input, "\n"));
	argv[n] = NULL;
	return n;
}

/* Nothing that could be a placeholder: then every word stays as it is. */
static bool is_plain(char **argv)
{
	for (; *argv; argv++) {
		if (strchr(*argv, '{'))
			return false;
	}
	return true;
}

static int length(char **argv)
{
	int n = 0;

	while (argv[n])
		n++;
	return n;
}

static void check_result(int argc, char **argv, char **got, size_t n, enum expand_args style)
{
	int len = length(got), most = style == EXPAND_NONE ? 0 : 4 * (int)n;

	CHECK(len >= argc && len <= argc + most);
	if (len > argc)
		REACHED(appended);
	if (!is_plain(argv))
		return;
	for (int i = 0; i < argc; i++) {
		size_t same = strlen(argv[i]);

		CHECK(!strncmp(got[i], argv[i], same));
		if (!got[i][same])
			continue;
		/* Only a NIC at the hub grows, and by its address. */
		CHECK(style == EXPAND_NET && i && strstr(argv[i], "nic"));
		CHECK(!strncmp(got[i] + same, ",macaddr=", 9) && strlen(got[i] + same) == 26);
		REACHED(completed);
	}
	CHECK(style != EXPAND_NETDEV || len == argc + most);
	REACHED(plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t first = size ? data[0] % 3 : 0, n = size ? 1 + data[0] / 3 % (3 - first) : 1;
	enum expand_args style = (enum expand_args)(size ? data[0] / 9 % 3 : 0);
	struct bytes input = { data + !!size, size - !!size };
	char *argv[34], **got;
	int argc = cut_arguments(input, argv, 32);

	/* As args_form() in cmd_open_exec.c sees to. */
	if (style == EXPAND_NET && (n > 1 || devs[first].queues > 1 || devs[first].vhost))
		style = EXPAND_NETDEV;
	fake_begin((struct bytes){ NULL, 0 }, (struct bytes){ NULL, 0 });
	got = expand_check(argc, argv, devs + first, n, true, style) < 0 ?
		      NULL :
		      expand_command(argc, argv, devs + first, n, style);
	CHECK(!got == !!fail_code());
	if (got)
		check_result(argc, argv, got, n, style);
	else
		REACHED(refused);
	if (got && !is_plain(argv) && length(got) == argc)
		REACHED(replaced);
	CHECK(expand_environment(devs + first, n) == (got ? 0 : fail_code()) || fail_code());
	expand_free(got);
	for (int i = 0; i < argc; i++)
		free(argv[i]);
	fake_end();
	return 0;
}
