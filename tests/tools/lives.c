// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * lives - many guests, until nothing of them is left
 *
 *	lives churn N AT_ONCE CMD...	CMD runs N times, AT_ONCE at a time. Prints two
 *					numbers, nanoseconds for each life: by the clock,
 *					and of CPU
 *	lives death N SECONDS CMD...	N of CMD, of which each becomes "lives hold"; then
 *					kill -9 for all of them. Prints the nanoseconds
 *					from the first kill on
 *	lives hold			says so, and sleeps until it is killed
 *
 * The word {} of CMD is a name for the device of this life, in no other use on the
 * machine: it ends in -I, I from 0 to N-1. The word {address} is a MAC address of its own:
 * of so many random ones two may be the same.
 *
 * The end is when no process is left, watchers too (what loses its parent becomes a
 * child of lives), no macvtap of those names in any network namespace, and here not one
 * device more than before. CPU is user and system time of all these processes, as
 * wait(2) tells it; the kernel's own threads are in it for nobody.
 *
 * What is left after SECONDS (churn: 60) is told, its processes are killed, and the exit
 * status is 1; so it is when a CMD fails. Needs a /sys of its network namespace.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STARTING 16 /* at most, before a death: nobody waits long for another one */

struct lives {
	char **cmd;
	int n, started, ended;
	int out;		/* of CMD */
	bool killing;
	size_t devices;		/* that were here before */
	pid_t *pid;		/* 0 when it has ended */
	char prefix[16];	/* of the names */
};

/* Kills whoever is a child, until nobody becomes one any more. */
static void end_all(void)
{
	char path[64];
	int pid;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	do {
		FILE *f = fopen(path, "re");

		while (f && fscanf(f, "%d", &pid) == 1)
			kill(pid, SIGKILL);
		if (f)
			fclose(f);
	} while (wait(NULL) > 0);
}

__attribute__((noreturn, format(printf, 1, 2)))
static void die(const char *fmt, ...)
{
	va_list ap;

	fputs("lives: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	end_all();
	exit(1);
}

static int number(const char *word)
{
	char *end;
	long n = strtol(word, &end, 10);

	if (end == word || *end || n < 1 || n > 9999)
		die("%s: not a number from 1 to 9999", word);
	return (int)n;
}

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

/* How many entries dir has; with part, how many links to something with that in it. */
static size_t entries(const char *dir, const char *part)
{
	DIR *d = opendir(dir);
	struct dirent *entry;
	char target[512];
	size_t n = 0;

	if (!d)
		die("%s: %s", dir, strerror(errno));
	while ((entry = readdir(d))) {
		ssize_t len;

		if (part) {
			len = readlinkat(dirfd(d), entry->d_name, target, sizeof(target) - 1);
			target[len < 0 ? 0 : len] = '\0';
		}
		n += !part || strstr(target, part);
	}
	closedir(d);
	return n;
}

/* Device numbers are in one directory for all network namespaces; taps have none. */
static size_t devices_left(const struct lives *lives)
{
	size_t here = entries("/sys/class/net", NULL);
	char part[32];

	snprintf(part, sizeof(part), "/net/%s", lives->prefix);
	here = here > lives->devices ? here - lives->devices : 0;
	return here ? here : entries("/sys/dev/char", part);
}

static void start(struct lives *lives)
{
	char name[32], address[32], *argv[128];
	size_t i = 0;

	snprintf(name, sizeof(name), "%s%d", lives->prefix, lives->started);
	snprintf(address, sizeof(address), "52:54:00:00:%02x:%02x",
		 (unsigned)lives->started >> 8, (unsigned)lives->started & 0xff);
	for (; lives->cmd[i] && i < 127; i++) {
		argv[i] = lives->cmd[i];
		if (!strcmp(argv[i], "{}"))
			argv[i] = name;
		else if (!strcmp(argv[i], "{address}"))
			argv[i] = address;
	}
	argv[i] = NULL;
	/* With vfork nothing of us is copied. */
	lives->pid[lives->started] = vfork();
	if (lives->pid[lives->started] < 0)
		die("vfork: %s", strerror(errno));
	if (!lives->pid[lives->started]) {
		dup2(lives->out, STDOUT_FILENO);
		execvp(argv[0], argv);
		_exit(127);
	}
	lives->started++;
}

/* One process that has ended. Returns its pid, 0 when none has, -1 when none is left. */
static pid_t reap(struct lives *lives, int flags)
{
	int status;
	pid_t pid = waitpid(-1, &status, flags);

	if (pid <= 0)
		return pid;
	for (int i = 0; i < lives->started; i++) {
		if (lives->pid[i] != pid)
			continue;
		lives->pid[i] = 0;
		lives->ended++;
		if (status && !lives->killing)
			die("%s%d ended: status %#x", lives->prefix, i, status);
	}
	return pid;
}

static size_t processes_left(void)
{
	char path[64];
	size_t n = 0;
	FILE *f;
	int pid;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	f = fopen(path, "re");
	while (f && fscanf(f, "%d", &pid) == 1)
		n++;
	if (f)
		fclose(f);
	return n;
}

/* Returns when nothing is left. */
static void wait_for_nothing(struct lives *lives, int seconds)
{
	int64_t deadline = now_ns() + seconds * INT64_C(1000000000);

	for (;;) {
		struct timespec moment = { .tv_nsec = 200 * 1000 };
		size_t left = 0;
		pid_t last;

		do
			last = reap(lives, WNOHANG);
		while (last > 0);
		if (last < 0 && !(left = devices_left(lives)))
			return;
		if (now_ns() > deadline)
			die("after %d s %zu devices and %zu processes are left", seconds,
			    devices_left(lives), processes_left());
		/* To look costs some microseconds for each, which those who remove them need. */
		moment.tv_nsec += (long)left * 10 * 1000;
		nanosleep(&moment, NULL);
	}
}

static void churn(struct lives *lives, int at_once)
{
	int64_t begun = now_ns(), took;
	struct rusage usage;

	while (lives->ended < lives->n) {
		while (lives->started < lives->n && lives->started - lives->ended < at_once)
			start(lives);
		reap(lives, 0);
	}
	wait_for_nothing(lives, 60);
	took = now_ns() - begun;
	getrusage(RUSAGE_CHILDREN, &usage);
	printf("%lld %lld\n", (long long)(took / lives->n),
	       ((usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000LL +
		usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000 / lives->n);
}

static void death(struct lives *lives, int seconds)
{
	struct pollfd said = { .events = POLLIN };
	int ends[2], holding = 0;
	int64_t begun;
	char byte;

	if (pipe2(ends, O_CLOEXEC) < 0)
		die("pipe: %s", strerror(errno));
	lives->out = ends[1];
	said.fd = ends[0];
	while (holding < lives->n) {
		while (lives->started < lives->n && lives->started - holding < STARTING)
			start(lives);
		if (poll(&said, 1, 100) == 1 && read(said.fd, &byte, 1) == 1)
			holding++;
		/* One that fails ends before it says anything. */
		while (reap(lives, WNOHANG) > 0)
			;
		if (lives->ended)
			die("one of them does not hold its device, but has ended");
	}
	lives->killing = true;
	begun = now_ns();
	for (int i = 0; i < lives->n; i++)
		kill(lives->pid[i], SIGKILL);
	wait_for_nothing(lives, seconds);
	printf("%lld\n", (long long)(now_ns() - begun));
}

static int hold(void)
{
	if (write(STDOUT_FILENO, "\n", 1) != 1)
		return 1;
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	struct lives lives = { .cmd = argv + 4 };
	const char *verb = argc > 1 ? argv[1] : "";

	if (argc == 2 && !strcmp(verb, "hold"))
		return hold();
	if (argc < 5 || (strcmp(verb, "churn") && strcmp(verb, "death"))) {
		fputs("usage: lives {churn N AT_ONCE | death N SECONDS} CMD... | hold\n", stderr);
		return 2;
	}
	lives.n = number(argv[2]);
	lives.pid = calloc((size_t)lives.n, sizeof(*lives.pid));
	lives.out = open("/dev/null", O_WRONLY | O_CLOEXEC);
	lives.devices = entries("/sys/class/net", NULL);
	snprintf(lives.prefix, sizeof(lives.prefix), "l%d-", getpid());
	if (!lives.pid || lives.out < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		die("%s", strerror(errno));
	if (!strcmp(verb, "churn"))
		churn(&lives, number(argv[3]));
	else
		death(&lives, number(argv[3]));
	free(lives.pid);
	return 0;
}
