/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Command lines in iproute2's manner: keyword value pairs in any order, "dev"
 * optional before a name, exact words. One table per command says which words
 * there are; unknown, repeated, missing and conflicting words are judged here
 * and nowhere else. Usage text and completion read the same table. */
#ifndef VNETCTL_ARGS_H
#define VNETCTL_ARGS_H

#include <stdint.h>

#include "util.h"

/* Parses one value into *field. Returns 0 or a recorded usage failure that
 * names the word. What it stores may point into text. */
typedef int args_value(const char *word, const char *text, void *field);

struct args_word {
	const char *name;
	const char *value;  /* as usage shows it: "DEV", "{a|b}"; NULL for a flag (a bool) */
	args_value *parse;  /* NULL for a flag */
	size_t offset;	    /* of the field in the struct that is filled */
	bool per_dev;	    /* belongs to the device named last, not to the command */
	unsigned char excl; /* words of one group exclude each other; 0: none */
	const char *help;
	const char *alias; /* another spelling, or NULL */
};

#define ARGS_MAX_WORDS 32

struct args_spec {
	const struct args_word *words;
	size_t n;
	const char *names; /* how usage shows the names: "[dev] NAME" */
	/* Takes one device name into dst; returns where its per_dev words go, or
	 * NULL with a failure on record. NULL when the command takes no names. */
	void *(*name)(void *dst, const char *name);
	const char *positional; /* usage of further bare words, which name() takes, or NULL */
	const char *more;	/* usage of further names with words of their own, or NULL */
	const char *foreign;	/* usage of words in another manner, taken out before, or NULL */
	const char *tail;	/* usage after the words: "-- COMMAND [ARG...]", or NULL */
};

/* Fills dst (and dev, for per_dev words before the first name) from argv,
 * which borrows. Stops at "--" when the spec has a tail, and at the end.
 * Returns the number of words consumed ("--" included) or a recorded usage
 * failure. */
int args_parse(const struct args_spec *spec, const char *cmd, int argc, char **argv, void *dst,
	       void *dev);

/* The word named text (or so aliased), or NULL. */
const struct args_word *args_find(const struct args_spec *spec, const char *text);

/* True when text is one of the choices in a value like "{a|b|c}". */
bool args_choice(const char *value, const char *text);

/* Values. Each stores the type that its comment names. */
args_value args_str;	/* const char *: any text that is not empty */
args_value args_mac;	/* struct mac: a unicast Ethernet address */
args_value args_mtu;	/* uint32_t: 68 to 65535 */
args_value args_ifname; /* const char *: a name that the kernel could have */

/* Parses a decimal number between min and max, digits only. Returns 0 or
 * -1 without a failure on record. */
int args_number(const char *text, uint64_t min, uint64_t max, uint64_t *out);

/* Parses "xx:xx:xx:xx:xx:xx". Returns 0 or -1 without a failure on record. */
int args_mac_bytes(const char *text, uint8_t b[6]);

/* Says what is wrong with an interface name, or NULL when the kernel takes it
 * (dev_valid_name() in net/core/dev.c: 1 to 15 bytes, no '/', ':' or blank,
 * not "." or ".."). A fresh name, one to be given to a new device, may hold no
 * control byte either, and '%' only in one "%d". The answer is a constant. */
const char *args_name_flaw(const char *name, bool fresh);

#endif
