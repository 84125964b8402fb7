// SPDX-License-Identifier: GPL-2.0-or-later
/* What the kernel answers. The first byte is the question, the rest are datagrams, each after
 * its length in two bytes. The answers to our first request have sequence number 1. */
#include "dev.h"
#include "fail.h"
#include "fakes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_dev(const struct dev *dev)
{
	CHECK(memchr(dev->name, '\0', sizeof(dev->name)));
	CHECK(memchr(dev->kind_name, '\0', sizeof(dev->kind_name)));
	CHECK(memchr(dev->slave_kind, '\0', sizeof(dev->slave_kind)));
	CHECK(memchr(dev->altname, '\0', sizeof(dev->altname)));
	CHECK(dev->mode == MODE_NONE || dev_mode_word(dev->mode));
	CHECK(!dev->kind || dev_kind_find(dev_kind_word(dev->kind)) == dev->kind);
	/* What others wrote is no mark. */
	CHECK(!dev->altname[0] || !strncmp(dev->altname, "vnetctl-", 8));
	if (dev->altname[0])
		REACHED(mark);
	if (dev->kind)
		REACHED(kind);
}

struct seen {
	const struct nl *nl;
	unsigned devs, altnames;
	int stop; /* the callback fails after so many */
};

static void see_altname(const char *altname, void *arg)
{
	((struct seen *)arg)->altnames += strlen(altname) < SIZE_MAX;
	REACHED(altname);
}

static int see(const struct dev *dev, void *arg)
{
	struct seen *seen = arg;
	char alias[256];

	check_dev(dev);
	dev_alias(seen->nl, alias);
	CHECK(memchr(alias, '\0', sizeof(alias)));
	dev_each_altname(seen->nl, see_altname, seen);
	seen->devs++;
	REACHED(each);
	return seen->stop && --seen->stop == 0 ? fail_refuse("enough") : 0;
}

static int see_nsid(int32_t nsid, void *arg)
{
	CHECK(nsid >= 0);
	(*(unsigned *)arg)++;
	REACHED(nsid);
	return 0;
}

static void see_error(uint32_t i, int err, const char *words, void *arg)
{
	CHECK(i < 3 && err >= 0);
	*(size_t *)arg += words ? strlen(words) : 0;
	REACHED(error);
}

/* Three messages in one send, of which the second may be refused and only the last is acked. */
static int talk(struct nl *nl, bool tell)
{
	size_t words = 0;
	int r;

	if (tell) {
		nl->error = see_error;
		nl->error_arg = &words;
	}
	nl_link_msg(nl, RTM_SETLINK, 0, 5);
	nl_quiet(nl);
	nl_next(nl);
	nl_link_msg(nl, RTM_SETLINK, 0, 5);
	nl_lenient(nl);
	nl_quiet(nl);
	nl_next(nl);
	nl_link_msg(nl, RTM_SETLINK, 0, 5);
	r = nl_talk(nl, NULL, NULL, "cannot talk");
	CHECK(nl->failed <= 3);
	nl->error = NULL;
	return r;
}

static int ask(struct nl *nl, uint8_t question)
{
	struct seen seen = { .nl = nl, .stop = question >> 4 };
	bool ok = !fail_code();
	unsigned n = 0;
	int32_t nsid;
	struct dev dev;
	int r;

	memset(&dev, 0, sizeof(dev));
	switch (question & 0xf) {
	case 0:
		r = dev_get(nl, -1, "vm0", &dev);
		break;
	case 1:
		r = dev_get_index(nl, 7, 5, &dev);
		break;
	case 2:
		return dev_each(nl, "macvtap", -1, see, &seen);
	case 3:
		return dev_each(nl, NULL, 7, see, &seen);
	case 4:
		return talk(nl, false);
	case 5:
		return talk(nl, true);
	case 6:
		r = nl_nsid_alive(nl, 7);
		CHECK(r <= 1);
		return r > 0 ? 0 : r;
	case 7:
		return nl_nsid_get(nl, nl->fd, &nsid);
	case 8:
		return nl_nsid_each(nl, see_nsid, &n);
	case 9:
		r = nl_nsid_set(nl, nl->fd, 7);
		CHECK(r <= 1);
		return r > 0 ? 0 : r;
	default:
		r = nl_nsid_wait(nl->fd);
		CHECK(r <= 1);
		return r > 0 ? 0 : r;
	}
	if (ok && r == 0) {
		check_dev(&dev);
		/* The answer is in a buffer that is used again. */
		CHECK(!nl->now);
		REACHED(get);
	}
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nl nl = NL_INIT;
	int r;

	if (!size)
		return 0;
	fake_begin((struct bytes){ NULL, 0 }, (struct bytes){ NULL, 0 });
	CHECK(nl_open(&nl) == 0);
	fake_replies((struct bytes){ data + 1, size - 1 });
	r = ask(&nl, data[0]);
	CHECK(r <= 0 && r == fail_code());
	if (r < 0)
		REACHED(failed);
	/* What it says is fit to be printed. */
	fail_note();
	nl_close(&nl);
	CHECK(!fake_left_open());
	fake_end();
	return 0;
}
