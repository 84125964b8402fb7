// SPDX-License-Identifier: GPL-2.0-or-later
/* The failure record: the first one stays, it is one line, and its status. */
#include "unit.h"

#include <poll.h>
#include <time.h>

static struct capture cap;

static const char *noted(void)
{
	capture_begin(&cap, 2);
	fail_note();
	return capture_end(&cap);
}

static int print_status(void)
{
	int status;

	capture_begin(&cap, 2);
	status = fail_print();
	capture_end(&cap);
	return status;
}

/* The first: the worst of a whole run is remembered from here on. */
static void test_status(void **state)
{
	(void)state;
	assert_int_equal(print_status(), 0);
	assert_string_equal(cap.text, "");
	fail_usage("a");
	assert_int_equal(print_status(), 1);
	assert_string_equal(cap.text, "vnetctl: a\n");
	assert_int_equal(print_status(), 1);
	assert_string_equal(cap.text, "");
	fail_refuse("b");
	assert_string_equal(noted(), "vnetctl: b\n");
	assert_int_equal(print_status(), 2);
	fail_usage("c");
	assert_int_equal(print_status(), 2);
	assert_string_equal(cap.text, "vnetctl: c\n");
}

static void test_nothing(void **state)
{
	(void)state;
	assert_string_equal(noted(), "");
	assert_int_equal(fail_code(), 0);
	assert_int_equal(fail_errnum(), 0);
}

/* What is put aside comes back as it was, whatever failed in between. */
static void test_hold(void **state)
{
	(void)state;
	fail_errno(EBUSY, "words", "first");
	fail_hint("hint");
	fail_hold();
	assert_int_equal(fail_code(), 0);
	assert_int_equal(fail_errnum(), 0);
	assert_int_equal(fail_usage("second"), FAIL_USAGE);
	assert_int_equal(fail_code(), FAIL_USAGE);
	fail_release();
	assert_int_equal(fail_code(), FAIL_SYS);
	assert_int_equal(fail_errnum(), EBUSY);
	check_failure(FAIL_SYS, "first: Device or resource busy: words: hint");
	/* What is aside may be put aside once more. */
	fail_usage("outer");
	fail_hold();
	fail_errno(EBUSY, NULL, "inner");
	fail_hold();
	fail_usage("innermost");
	fail_release();
	assert_int_equal(fail_errnum(), EBUSY);
	fail_release();
	check_failure(FAIL_USAGE, "outer");
	/* Nothing comes back as nothing. */
	fail_hold();
	fail_usage("lost");
	fail_release();
	assert_int_equal(fail_code(), 0);
	assert_string_equal(noted(), "");
}

/* Works for a little more than a second. */
static void work(void)
{
	struct timespec from, now;

	clock_gettime(CLOCK_MONOTONIC, &from);
	do {
		fail_progress("removing", 7, 9);
		poll(NULL, 0, 20);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while ((now.tv_sec - from.tv_sec) * 1000 + (now.tv_nsec - from.tv_nsec) / 1000000 < 1150);
	fail_progress("removing", 9, 9);
}

/* How far long work is: on a terminal only. */
static void test_progress(void **state)
{
	int saved = fcntl(2, F_DUPFD_CLOEXEC, 10), term, side;
	char text[4096] = "";
	ssize_t n;

	(void)state;
	capture_begin(&cap, 2);
	work();
	capture_end(&cap);
	assert_string_equal(cap.text, "");

	term = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	assert_true(term >= 0 && grantpt(term) == 0 && unlockpt(term) == 0);
	side = open(ptsname(term), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(side >= 0);
	dup2(side, 2);
	fail_progress("removing", 1, 9);
	n = read(term, text, sizeof(text) - 1);
	work();
	dup2(saved, 2);
	/* Nothing at first, then the line, at last it is wiped. */
	assert_int_equal(n, -1);
	/* A terminal hands on in pieces. */
	for (n = 0; !strstr(text, "\033[K\r\033[K");) {
		struct pollfd p = { .fd = term, .events = POLLIN };
		ssize_t got =
			poll(&p, 1, 1000) > 0 ? read(term, text + n, sizeof(text) - 1 - n) : -1;

		if (got <= 0)
			break;
		n += got;
	}
	close(saved);
	close(side);
	close(term);
	assert_true(n > 0);
	assert_memory_equal(text, "\rremoving 7/9\033[K", 16);
	assert_memory_equal(text + n - 4, "\r\033[K", 4);
	assert_int_equal(fail_code(), 0);
}

static void test_usage(void **state)
{
	(void)state;
	assert_int_equal(fail_usage("what is '%s'?", "frob"), FAIL_USAGE);
	assert_int_equal(fail_errnum(), 0);
	check_failure(FAIL_USAGE, "what is 'frob'?");
}

static void test_sys(void **state)
{
	(void)state;
	errno = EACCES;
	assert_int_equal(fail_sys("cannot open %s", "/x"), FAIL_SYS);
	assert_int_equal(fail_errnum(), EACCES);
	check_failure(FAIL_SYS, "cannot open /x: Permission denied");
	assert_int_equal(fail_errnum(), 0);
}

static void test_refuse(void **state)
{
	(void)state;
	errno = EACCES;
	assert_int_equal(fail_refuse("no %d", 7), FAIL_SYS);
	assert_int_equal(fail_errnum(), 0);
	check_failure(FAIL_SYS, "no 7");
}

static void test_errno(void **state)
{
	(void)state;
	errno = EACCES;
	assert_int_equal(fail_errno(EBUSY, NULL, "a"), FAIL_SYS);
	assert_int_equal(fail_errnum(), EBUSY);
	check_failure(FAIL_SYS, "a: Device or resource busy");
	fail_errno(EBUSY, "", "a");
	check_failure(FAIL_SYS, "a: Device or resource busy");
	fail_errno(EINVAL, "Unknown %s type.", "a");
	check_failure(FAIL_SYS, "a: Invalid argument: Unknown %s type.");
}

static void test_hints(void **state)
{
	(void)state;
	fail_errno(EBUSY, "words", "a");
	assert_int_equal(fail_hint("%s is a port", "eth0"), FAIL_SYS);
	assert_int_equal(fail_hint("go"), FAIL_SYS);
	assert_int_equal(fail_errnum(), EBUSY);
	check_failure(FAIL_SYS, "a: Device or resource busy: words: eth0 is a port: go");
	fail_usage("b");
	assert_int_equal(fail_hint("c"), FAIL_USAGE);
	check_failure(FAIL_USAGE, "b: c");
}

/* A hint to nothing is no failure and clings to no later one. */
static void test_hint_alone(void **state)
{
	(void)state;
	assert_int_equal(fail_hint("lost"), 0);
	assert_int_equal(fail_code(), 0);
	assert_string_equal(noted(), "");
	fail_hint("lost");
	fail_usage("found");
	check_failure(FAIL_USAGE, "found");
}

/* What goes wrong during the undo never hides what went wrong at first. */
static void record(int kind, const char *text)
{
	switch (kind) {
	case 0:
		fail_usage("%s", text);
		break;
	case 1:
		errno = ENOENT;
		fail_sys("%s", text);
		break;
	case 2:
		fail_errno(EPERM, "words", "%s", text);
		break;
	default:
		fail_refuse("%s", text);
	}
}

static void test_first_stays(void **state)
{
	static const struct {
		int code, errnum;
		const char *message;
	} firsts[] = {
		{ FAIL_USAGE, 0, "first" },
		{ FAIL_SYS, ENOENT, "first: No such file or directory" },
		{ FAIL_SYS, EPERM, "first: Operation not permitted: words" },
		{ FAIL_SYS, 0, "first" },
	};

	(void)state;
	for (int first = 0; first < 4; first++) {
		for (int second = 0; second < 4; second++) {
			record(first, "first");
			record(second, "second");
			assert_int_equal(fail_code(), firsts[first].code);
			assert_int_equal(fail_errnum(), firsts[first].errnum);
			check_failure(firsts[first].code, firsts[first].message);
		}
	}
}

static void test_second_returns_own_code(void **state)
{
	(void)state;
	fail_usage("first");
	assert_int_equal(fail_refuse("second"), FAIL_SYS);
	assert_int_equal(fail_code(), FAIL_USAGE);
	check_failure(FAIL_USAGE, "first");
	fail_refuse("first");
	assert_int_equal(fail_usage("second"), FAIL_USAGE);
	assert_int_equal(fail_code(), FAIL_SYS);
	check_failure(FAIL_SYS, "first");
}

static void test_clear(void **state)
{
	(void)state;
	fail_errno(EBUSY, NULL, "first");
	fail_clear();
	assert_int_equal(fail_code(), 0);
	assert_int_equal(fail_errnum(), 0);
	fail_usage("second");
	assert_int_equal(fail_errnum(), 0);
	check_failure(FAIL_USAGE, "second");
}

static void test_percent_is_text(void **state)
{
	(void)state;
	fail_usage("'%s'", "%s%n%d");
	fail_hint("%s", "%n");
	check_failure(FAIL_USAGE, "'%s%n%d': %n");
}

/* A message is one line, and nothing that a terminal obeys is in it. */
static void test_control_bytes(void **state)
{
	(void)state;
	fail_usage("%s", "a\nb\tc\033[31m\x01\x7f\r");
	check_failure(FAIL_USAGE, "a\\x0ab\\x09c\\x1b[31m\\x01\\x7f\\x0d");
	fail_usage("%s", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xa7");
	check_failure(FAIL_USAGE, "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xa7");
}

/* U+009B is a terminal's ESC [; a lone 0x9b is one too outside UTF-8. */
static void test_high_control_bytes(void **state)
{
	(void)state;
	fail_usage("%s", "a\xc2\x9b"
			 "2Jb");
	check_failure(FAIL_USAGE, "a\\xc2\\x9b2Jb");
	fail_usage("%s", "a\x9b"
			 "2Jb\xff");
	check_failure(FAIL_USAGE, "a\\x9b2Jb\\xff");
}

static void test_long_messages(void **state)
{
	static char big[100000];

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	fail_errno(EBUSY, big, "%s", big);
	fail_hint("%s", big);
	fail_hint("%s", big);
	assert_int_equal(fail_code(), FAIL_SYS);
	noted();
	assert_true(cap.len > 1000);
	assert_memory_equal(cap.text, "vnetctl: xxxxx", 14);
	assert_ptr_equal(strchr(cap.text, '\n'), cap.text + cap.len - 1);

	/* Each byte is four when printed. */
	memset(big, '\x01', sizeof(big) - 1);
	fail_usage("%s", big);
	noted();
	assert_memory_equal(cap.text, "vnetctl: \\x01\\x01", 17);
	assert_ptr_equal(strchr(cap.text, '\n'), cap.text + cap.len - 1);

	fail_usage("short");
	check_failure(FAIL_USAGE, "short");
}

static void test_warn(void **state)
{
	(void)state;
	capture_begin(&cap, 2);
	warn("%s is odd\n", "x");
	capture_end(&cap);
	assert_string_equal(cap.text, "vnetctl: warning: x is odd\\x0a\n");
	assert_int_equal(fail_code(), 0);
}

static void test_place(void **state)
{
	(void)state;
	fail_place("batch.txt:7");
	fail_usage("a");
	assert_string_equal(noted(), "vnetctl: batch.txt:7: a\n");
	capture_begin(&cap, 2);
	warn("b");
	capture_end(&cap);
	assert_string_equal(cap.text, "vnetctl: batch.txt:7: warning: b\n");
	/* A file may be called anything. */
	fail_place("b\033[1m\xff:7");
	fail_usage("a");
	assert_string_equal(noted(), "vnetctl: b\\x1b[1m\\xff:7: a\n");
	fail_place(NULL);
	fail_usage("a");
	check_failure(FAIL_USAGE, "a");
}

/* Lines of parallel vnetctls must not mix: each is one write. A pipe in packet
 * mode gives back one write at a time. */
static void test_one_write(void **state)
{
	int saved = fcntl(2, F_DUPFD_CLOEXEC, 10), ends[2];
	char text[4096];
	ssize_t first, second;

	(void)state;
	assert_int_equal(pipe2(ends, O_DIRECT | O_NONBLOCK | O_CLOEXEC), 0);
	dup2(ends[1], 2);
	fail_errno(EBUSY, "words", "%0500d", 0);
	fail_hint("hint");
	fail_note();
	dup2(saved, 2);
	first = read(ends[0], text, sizeof(text));
	second = read(ends[0], text, sizeof(text));
	close(saved);
	close(ends[0]);
	close(ends[1]);
	assert_int_equal(first, strlen("vnetctl: : Device or resource busy: words: hint\n") + 500);
	assert_int_equal(second, -1);
}

/* The last: there is no way back from it. */
static void test_quiet(void **state)
{
	(void)state;
	fail_quiet();
	capture_begin(&cap, 2);
	warn("unheard");
	capture_end(&cap);
	assert_string_equal(cap.text, "");
	fail_usage("heard");
	check_failure(FAIL_USAGE, "heard");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_status, forget_failure),
		cmocka_unit_test_setup(test_nothing, forget_failure),
		cmocka_unit_test_setup(test_hold, forget_failure),
		cmocka_unit_test_setup(test_progress, forget_failure),
		cmocka_unit_test_setup(test_usage, forget_failure),
		cmocka_unit_test_setup(test_sys, forget_failure),
		cmocka_unit_test_setup(test_refuse, forget_failure),
		cmocka_unit_test_setup(test_errno, forget_failure),
		cmocka_unit_test_setup(test_hints, forget_failure),
		cmocka_unit_test_setup(test_hint_alone, forget_failure),
		cmocka_unit_test_setup(test_first_stays, forget_failure),
		cmocka_unit_test_setup(test_second_returns_own_code, forget_failure),
		cmocka_unit_test_setup(test_clear, forget_failure),
		cmocka_unit_test_setup(test_percent_is_text, forget_failure),
		cmocka_unit_test_setup(test_control_bytes, forget_failure),
		cmocka_unit_test_setup(test_high_control_bytes, forget_failure),
		cmocka_unit_test_setup(test_long_messages, forget_failure),
		cmocka_unit_test_setup(test_warn, forget_failure),
		cmocka_unit_test_setup(test_place, forget_failure),
		cmocka_unit_test_setup(test_one_write, forget_failure),
		cmocka_unit_test_setup(test_quiet, forget_failure),
	};

	return cmocka_run_group_tests_name("fail", tests, NULL, NULL);
}
