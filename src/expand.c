// SPDX-License-Identifier: GPL-2.0-or-later
/* A placeholder is a word of the table in braces; any other brace text is
 * COMMAND's own (QEMU takes JSON as arguments) and stays as it is. */
#include "expand.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "args.h"
#include "fail.h"

#define VALUE_MAX 64

/* Writes the value of the placeholder named by len bytes at name. */
static bool value_of(const struct expand_dev *dev, const char *name, size_t len,
		     char value[VALUE_MAX])
{
	const uint8_t *m = dev->mac.b;
	char fd[16], mac[24], mtu[16], queues[16], vectors[16];
	const struct {
		const char *name, *value;
	} words[] = {
		{ "fd", fd },	      { "fds", fd },	      { "mac", mac },	    { "mtu", mtu },
		{ "queues", queues }, { "vectors", vectors }, { "dev", dev->name },
	};

	snprintf(fd, sizeof(fd), "%d", dev->fd);
	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4],
		 m[5]);
	snprintf(mtu, sizeof(mtu), "%u", dev->mtu);
	snprintf(queues, sizeof(queues), "%u", dev->queues);
	snprintf(vectors, sizeof(vectors), "%u", 2 * dev->queues + 2);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strlen(words[i].name) == len && !memcmp(words[i].name, name, len)) {
			snprintf(value, VALUE_MAX, "%s", words[i].value);
			return true;
		}
	}
	return false;
}

/* The argument with its placeholders replaced, newly allocated; *found is set when
 * there was one. NULL when memory is out. */
static char *expand_one(const struct expand_dev *dev, const char *arg, bool *found)
{
	/* The shortest placeholder, "{fd}", is 4 bytes and becomes VALUE_MAX at most. */
	char *text = malloc(strlen(arg) / 4 * VALUE_MAX + strlen(arg) + 1);
	char *to = text, value[VALUE_MAX];

	if (!text)
		return NULL;
	while (*arg) {
		const char *end = *arg == '{' ? strchr(arg, '}') : NULL;

		if (end && value_of(dev, arg + 1, (size_t)(end - arg - 1), value)) {
			size_t len = strlen(value);

			memcpy(to, value, len);
			to += len;
			arg = end + 1;
			*found = true;
		} else {
			*to++ = *arg++;
		}
	}
	*to = '\0';
	return text;
}

/* COMMAND brings its own NIC: "-net nic...". */
static bool has_nic(char **argv)
{
	for (; argv[0] && argv[1]; argv++) {
		if ((streq(argv[0], "-net") || streq(argv[0], "--net")) &&
		    !strncmp(argv[1], "nic", 3) && (!argv[1][3] || argv[1][3] == ','))
			return true;
	}
	return false;
}

static const char *const net_nic[] = { "-net", "nic,model=virtio,macaddr={mac}" };
static const char *const net_tap[] = { "-net", "tap,fd={fd}" };
static const char *const netdev[] = { "-netdev", "tap,id=vnet0,fd={fd}", "-device",
				      "virtio-net-pci,netdev=vnet0,mac={mac}" };

#define MAX_APPENDED 8

static bool append(char **vec, int *n, const struct expand_dev *dev, const char *const *words,
		   size_t count)
{
	bool found;

	for (size_t i = 0; i < count; i++) {
		vec[*n] = expand_one(dev, words[i], &found);
		if (!vec[(*n)++])
			return false;
	}
	return true;
}

char **expand_command(int argc, char **argv, const struct expand_dev *dev, enum expand_args style)
{
	char **vec = calloc((size_t)argc + MAX_APPENDED + 1, sizeof(*vec));
	bool found = false, ok = true;
	int n = 0;

	if (!vec) {
		fail_errno(ENOMEM, NULL, "cannot prepare COMMAND's arguments");
		return NULL;
	}
	for (int i = 0; ok && i < argc; i++) {
		vec[n] = expand_one(dev, argv[i], &found);
		ok = vec[n++];
	}
	if (ok && !found && style == EXPAND_NET)
		ok = (has_nic(argv) || append(vec, &n, dev, net_nic, ARRAY_SIZE(net_nic))) &&
		     append(vec, &n, dev, net_tap, ARRAY_SIZE(net_tap));
	else if (ok && !found && style == EXPAND_NETDEV)
		ok = append(vec, &n, dev, netdev, ARRAY_SIZE(netdev));
	if (ok)
		return vec;
	fail_errno(ENOMEM, NULL, "cannot prepare COMMAND's arguments");
	for (int i = 0; i < n; i++)
		free(vec[i]);
	free(vec);
	return NULL;
}

bool expand_other_mac(char **argv, const struct mac *mac, char text[18])
{
	static const char *const keys[] = { "mac=", "macaddr=" };

	for (; *argv; argv++) {
		for (size_t k = 0; k < ARRAY_SIZE(keys); k++) {
			const char *at = strstr(*argv, keys[k]);
			uint8_t b[6];

			if (!at || (at != *argv && at[-1] != ','))
				continue;
			snprintf(text, 18, "%s", at + strlen(keys[k]));
			if (args_mac_bytes(text, b) == 0 && memcmp(b, mac->b, 6) != 0)
				return true;
		}
	}
	return false;
}
