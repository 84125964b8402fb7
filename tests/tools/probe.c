// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * probe - stands in for the VMM behind open-exec and tells what it was given.
 *
 *	probe [hold] [ARG...]	prints one line of JSON and exits 0
 *	probe exit N		exits N at once
 *
 * With hold it then waits, with all it inherited still open, until stdin ends
 * (exits 0) or a line "exit N" comes (exits N); "again" prints a fresh line.
 *
 * The keys: pid ppid pgid sid argv; env (the VNETCTL_ variables); fds, each
 * with fd, link, cloexec and nonblock and for a tap the ifname and tun_flags
 * of TUNGETIFF (or tun_error); netns and mntns (inode numbers); uid and gid
 * (real, effective, saved, fs), groups; pdeathsig, the signal that it gets when its
 * parent dies, and dumpable, 1 if it leaves core dumps; no_new_privs, umask; sig_blk, sig_ign,
 * cap_inh, cap_prm, cap_eff, cap_bnd, cap_amb as the words of
 * /proc/self/status.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>

static void die(const char *what)
{
	fprintf(stderr, "probe: %s: %s\n", what, strerror(errno));
	exit(200);
}

/* A JSON string; bytes outside ASCII become U+0080 to U+00FF. */
static void put_string(const char *s)
{
	putchar('"');
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void put_key(const char *key)
{
	putchar(',');
	put_string(key);
	putchar(':');
}

static void put_argv(char **argv)
{
	put_key("argv");
	putchar('[');
	for (int i = 0; argv[i]; i++) {
		if (i)
			putchar(',');
		put_string(argv[i]);
	}
	putchar(']');
}

static void put_env(void)
{
	bool first = true;

	put_key("env");
	putchar('{');
	for (char **e = environ; *e; e++) {
		char *eq = strchr(*e, '=');
		char name[64];

		if (strncmp(*e, "VNETCTL_", 8) || !eq ||
		    (size_t)(eq - *e) >= sizeof(name))
			continue;
		memcpy(name, *e, (size_t)(eq - *e));
		name[eq - *e] = 0;
		if (!first)
			putchar(',');
		first = false;
		put_string(name);
		putchar(':');
		put_string(eq + 1);
	}
	putchar('}');
}

/* Asks only character devices, and only what changes nothing. */
static void put_tun(int fd, const char *link)
{
	struct ifreq ifr = { 0 };
	struct stat st;

	if (fstat(fd, &st) || !S_ISCHR(st.st_mode))
		return;
	if (!ioctl(fd, TUNGETIFF, &ifr)) {
		put_key("ifname");
		put_string(ifr.ifr_name);
		put_key("tun_flags");
		printf("%d", (unsigned short)ifr.ifr_flags);
	} else if (!strncmp(link, "/dev/tap", 8) ||
		   !strncmp(link, "/dev/net/tun", 12)) {
		put_key("tun_error");
		put_string(strerror(errno));
	}
}

static void put_fd(int fd)
{
	char path[32], link[4096];
	ssize_t n;
	int flags;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, link, sizeof(link) - 1);
	if (n < 0)
		die(path);
	link[n] = 0;
	printf("{\"fd\":%d", fd);
	put_key("link");
	put_string(link);
	flags = fcntl(fd, F_GETFD);
	put_key("cloexec");
	printf("%s", flags >= 0 && flags & FD_CLOEXEC ? "true" : "false");
	flags = fcntl(fd, F_GETFL);
	put_key("nonblock");
	printf("%s", flags >= 0 && flags & O_NONBLOCK ? "true" : "false");
	put_tun(fd, link);
	putchar('}');
}

static void put_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	bool first = true;
	struct dirent *e;

	if (!d)
		die("/proc/self/fd");
	put_key("fds");
	putchar('[');
	while ((e = readdir(d))) {
		int fd = atoi(e->d_name);

		if (!isdigit((unsigned char)*e->d_name) || fd == dirfd(d))
			continue;
		if (!first)
			putchar(',');
		first = false;
		put_fd(fd);
	}
	putchar(']');
	closedir(d);
}

static void put_ns(const char *key, const char *path)
{
	struct stat st;

	if (stat(path, &st))
		die(path);
	put_key(key);
	printf("%llu", (unsigned long long)st.st_ino);
}

/* The numbers of a line of /proc/self/status as a JSON array. */
static void put_numbers(const char *key, char *value)
{
	bool first = true;

	put_key(key);
	putchar('[');
	for (char *s = strtok(value, " \t\n"); s; s = strtok(NULL, " \t\n")) {
		printf("%s%s", first ? "" : ",", s);
		first = false;
	}
	putchar(']');
}

static void put_word(const char *key, char *value)
{
	char *word = strtok(value, " \t\n");

	put_key(key);
	put_string(word ? word : "");
}

static void put_status(void)
{
	static const struct {
		const char *name, *key;
		void (*put)(const char *key, char *value);
	} wanted[] = {
		{ "Umask:", "umask", put_word },
		{ "Uid:", "uid", put_numbers },
		{ "Gid:", "gid", put_numbers },
		{ "Groups:", "groups", put_numbers },
		{ "SigBlk:", "sig_blk", put_word },
		{ "SigIgn:", "sig_ign", put_word },
		{ "CapInh:", "cap_inh", put_word },
		{ "CapPrm:", "cap_prm", put_word },
		{ "CapEff:", "cap_eff", put_word },
		{ "CapBnd:", "cap_bnd", put_word },
		{ "CapAmb:", "cap_amb", put_word },
		{ "NoNewPrivs:", "no_new_privs", put_word },
	};
	FILE *f = fopen("/proc/self/status", "re");
	char *line = NULL;
	size_t size = 0;

	if (!f)
		die("/proc/self/status");
	while (getline(&line, &size, f) > 0) {
		for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
			size_t len = strlen(wanted[i].name);

			if (!strncmp(line, wanted[i].name, len))
				wanted[i].put(wanted[i].key, line + len);
		}
	}
	free(line);
	fclose(f);
}

static void put_prctl(void)
{
	int sig;

	if (prctl(PR_GET_PDEATHSIG, &sig))
		die("PR_GET_PDEATHSIG");
	put_key("pdeathsig");
	printf("%d", sig);
	put_key("dumpable");
	printf("%d", prctl(PR_GET_DUMPABLE));
}

static void put_all(char **argv)
{
	printf("{\"pid\":%d,\"ppid\":%d,\"pgid\":%d,\"sid\":%d", getpid(),
	       getppid(), getpgid(0), getsid(0));
	put_argv(argv);
	put_env();
	put_ns("netns", "/proc/self/ns/net");
	put_ns("mntns", "/proc/self/ns/mnt");
	put_status();
	put_prctl();
	put_fds();
	puts("}");
	if (fflush(stdout))
		die("stdout");
}

static int hold(char **argv)
{
	char line[256];

	while (fgets(line, sizeof(line), stdin)) {
		if (!strncmp(line, "exit ", 5))
			return atoi(line + 5);
		if (!strcmp(line, "again\n"))
			put_all(argv);
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "exit"))
		return atoi(argv[2]);
	put_all(argv);
	if (argc > 1 && !strcmp(argv[1], "hold"))
		return hold(argv);
	return 0;
}
