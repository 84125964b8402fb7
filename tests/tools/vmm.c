// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vmm - does with a tap's descriptor what VMMs and the wrappers around them do.
 *
 *	vmm hold FD [FILE]		holds it until it is killed
 *	vmm daemonize FD FILE PIDFILE	forks twice as `qemu -daemonize` does; the
 *					daemon holds
 *	vmm only FD CMD [ARG...]	closes every descriptor but this one, standard
 *					ones too, and becomes CMD
 *	vmm ring FD			gives it to an io_uring and closes it: no descriptor
 *					names it then; says "ringing", waits to be killed
 *	vmm give FD SOCKET		sends it to a unix socket (SCM_RIGHTS), exits
 *	vmm take SOCKET [FILE]		receives one there and holds it; whoever
 *					connects before it is read has it in flight
 *
 * Who holds says "holding NAME" and looks all the time whether the device still
 * lives: removed, it answers nothing but TUNGETIFF's ENOLINK. FILE then gets a
 * line "NAME: why", and the exit status is 3. FILE is opened for that only.
 *
 * take says "listening" first, and reads the descriptor when a line comes on stdin.
 *
 * VMM_MB: how much memory who holds has, in MB. The kernel takes that from the dying
 * before their descriptors.
 *
 * Exit status 2 for anything that went wrong.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <linux/if_tun.h>
#include <linux/io_uring.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

__attribute__((noreturn))
static void die(const char *what)
{
	fprintf(stderr, "vmm: %s: %s\n", what, strerror(errno));
	exit(2);
}

static int number(const char *word)
{
	char *end;
	long n = strtol(word, &end, 10);

	if (end == word || *end || n < 0 || n > 1 << 20) {
		errno = EINVAL;
		die(word);
	}
	return (int)n;
}

static void tell(const char *path, const char *name, const char *why)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);

	if (fd < 0)
		die(path);
	dprintf(fd, "%s: %s\n", name, why);
	close(fd);
}

/* In small pages, which take longest. */
static void grow(int mb)
{
	size_t size = (size_t)mb << 20;
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		die("mmap");
	madvise(memory, size, MADV_NOHUGEPAGE);
	memset(memory, 1, size);
}

static int hold(int fd, const char *path)
{
	const struct timespec moment = { .tv_nsec = 5 * 1000 * 1000 };
	const char *mb = getenv("VMM_MB");
	struct ifreq ifr = { 0 };
	char name[IFNAMSIZ];

	if (mb)
		grow(number(mb));
	if (ioctl(fd, TUNGETIFF, &ifr))
		die("TUNGETIFF");
	memcpy(name, ifr.ifr_name, sizeof(name));
	/* A wrapper may have closed it. */
	if (fcntl(STDOUT_FILENO, F_GETFD) >= 0 && STDOUT_FILENO != fd) {
		printf("holding %s\n", name);
		fflush(stdout);
	}
	while (!ioctl(fd, TUNGETIFF, &ifr))
		nanosleep(&moment, NULL);
	if (path)
		tell(path, name, strerror(errno));
	return 3;
}

static int daemonize(int fd, const char *path, const char *pid_path)
{
	int null = open("/dev/null", O_RDWR);
	pid_t child = fork();
	FILE *f;

	if (null < 0 || child < 0)
		die("daemonize");
	if (child > 0)
		return 0;
	if (setsid() < 0 || chdir("/"))
		die("daemonize");
	child = fork();
	if (child < 0)
		die("daemonize");
	if (child > 0)
		_exit(0);
	f = fopen(pid_path, "we");
	if (!f || fprintf(f, "%d\n", getpid()) < 0 || fclose(f))
		die(pid_path);
	for (int i = 0; i <= 2; i++)
		dup2(null, i);
	if (null > 2)
		close(null);
	return hold(fd, path);
}

__attribute__((noreturn))
static void only(int fd, char **cmd)
{
	if ((fd > 0 && syscall(SYS_close_range, 0, fd - 1, 0)) ||
	    syscall(SYS_close_range, fd + 1, ~0U, 0))
		die("close_range");
	execvp(cmd[0], cmd);
	_exit(127);
}

static int ring(int fd)
{
	struct io_uring_params params = { 0 };
	int ring = (int)syscall(SYS_io_uring_setup, 8, &params);

	if (ring < 0 || syscall(SYS_io_uring_register, ring, IORING_REGISTER_FILES, &fd, 1) < 0)
		die("io_uring");
	for (int i = 3; i < 64; i++) {
		if (i != ring)
			close(i);
	}
	puts("ringing");
	fflush(stdout);
	for (;;)
		pause();
}

static struct sockaddr_un address(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(sa.sun_path)) {
		errno = ENAMETOOLONG;
		die(path);
	}
	strcpy(sa.sun_path, path);
	return sa;
}

/* A message with room for one descriptor. */
struct parcel {
	struct msghdr msg;
	struct iovec iov;
	char byte;
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control;
};

static void wrap(struct parcel *p)
{
	memset(p, 0, sizeof(*p));
	p->iov.iov_base = &p->byte;
	p->iov.iov_len = 1;
	p->msg.msg_iov = &p->iov;
	p->msg.msg_iovlen = 1;
	p->msg.msg_control = p->control.buf;
	p->msg.msg_controllen = sizeof(p->control.buf);
}

static int give(int fd, const char *path)
{
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un sa = address(path);
	struct cmsghdr *c;
	struct parcel p;

	wrap(&p);
	c = CMSG_FIRSTHDR(&p.msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	if (s < 0 || connect(s, (struct sockaddr *)&sa, sizeof(sa)) ||
	    sendmsg(s, &p.msg, 0) != 1)
		die("give");
	return 0;
}

static int take(const char *path, const char *lost)
{
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), c, fd;
	struct sockaddr_un sa = address(path);
	struct cmsghdr *cmsg;
	struct parcel p;
	char line[16];

	if (s < 0 || bind(s, (struct sockaddr *)&sa, sizeof(sa)) || listen(s, 8))
		die("take");
	puts("listening");
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		return 0;
	c = accept4(s, NULL, NULL, SOCK_CLOEXEC);
	wrap(&p);
	if (c < 0 || recvmsg(c, &p.msg, MSG_CMSG_CLOEXEC) != 1)
		die("take");
	cmsg = CMSG_FIRSTHDR(&p.msg);
	if (!cmsg || cmsg->cmsg_type != SCM_RIGHTS) {
		errno = ENOMSG;
		die("take");
	}
	memcpy(&fd, CMSG_DATA(cmsg), sizeof(int));
	close(c);
	close(s);
	return hold(fd, lost);
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	if (!strcmp(verb, "hold") && (argc == 3 || argc == 4))
		return hold(number(argv[2]), argv[3]);
	if (!strcmp(verb, "daemonize") && argc == 5)
		return daemonize(number(argv[2]), argv[3], argv[4]);
	if (!strcmp(verb, "only") && argc >= 4)
		only(number(argv[2]), argv + 3);
	if (!strcmp(verb, "ring") && argc == 3)
		return ring(number(argv[2]));
	if (!strcmp(verb, "give") && argc == 4)
		return give(number(argv[2]), argv[3]);
	if (!strcmp(verb, "take") && (argc == 3 || argc == 4))
		return take(argv[2], argv[3]);
	fputs("usage: vmm {hold|daemonize|only|ring|give|take} ...\n", stderr);
	return 2;
}
