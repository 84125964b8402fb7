/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the fuzz targets share: a small kernel that is only pretended, and properties.
 *
 * Every call of src/ that leaves the process (tests/fuzz/doors) is bound to a fake of the
 * same name with "fake_" before it, so that nothing of the real machine is touched and
 * every answer is the input's to choose. */
#ifndef VNETCTL_TESTS_FAKES_H
#define VNETCTL_TESTS_FAKES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What must hold whatever the input is. */
#define CHECK(what) ((what) ? (void)0 : fake_bug(__FILE__, __LINE__, #what))

void fake_bug(const char *file, int line, const char *what) __attribute__((noreturn));

/* Counts a place that the corpus must reach; fuzz.bats reads the counts. */
#define REACHED(name)                                             \
	do {                                                      \
		static struct reached here_ = { #name, 0, NULL }; \
                                                                  \
		fake_reached(&here_);                             \
	} while (0)

struct reached {
	const char *name;
	unsigned long n;
	struct reached *next;
};

void fake_reached(struct reached *here);

/* A piece of the input. */
struct bytes {
	const uint8_t *p;
	size_t n;
};

/* Takes the bytes before the separator (or all) off the input, and the separator. */
struct bytes fake_cut(struct bytes *input, const char *separator);

/* A copy that ends in a null byte, for the caller to free: what is read behind it is seen. */
char *fake_text(struct bytes b);

/* Makes the world anew. Each byte of script is the fate of one faked call: a letter is an
 * error number (see fates in fakes.c), "I" interrupts a dump, anything else, and the end, is
 * success. "U" as the first byte: the caller is an ordinary user, and vnetctl has file
 * capabilities. file is what any file holds that is opened by a name of the caller's, and the
 * policy. */
void fake_begin(struct bytes script, struct bytes file);

/* A descriptor of a file that holds this. */
int fake_file(struct bytes text);

/* Ends what fake_begin() began, and the output streams with it. */
void fake_end(void);

/* The failure record, quiet and all, as the program finds it when it starts. */
void fake_forget_failures(void);

/* From now on this is what the kernel sends: datagrams, each after its length in two bytes,
 * little end first. */
void fake_replies(struct bytes replies);

/* What was written to standard output and error since fake_begin(). */
const char *fake_stdout_text(size_t *len);
const char *fake_stderr_text(size_t *len);

/* Did a fate strike? Is there a link that was not there at first, or one less, or changed? */
bool fake_struck(void);
bool fake_has_new_link(void);
bool fake_world_changed(void);

/* Is there a link that vnetctl made? How many dumps were interrupted, and so missed it? */
bool fake_has_marked_link(void);
unsigned fake_interrupted(void);

/* How often COMMAND was run, how many descriptors went to QEMU (through descriptor 5), and how
 * many are open that nobody needs. */
unsigned fake_execs(void);
unsigned fake_sent(void);
unsigned fake_left_open(void);

/* A capability is effective: outside of the calls that need it none is. */
bool fake_has_power(void);

/* The caller is an ordinary user. */
bool fake_is_user(void);

#endif
