// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sweep - stop a program at its N-th system call, and kill it, fail the call, or let
 * another one run first
 *
 * Theory of operation
 *
 * strace's inject=...:when=N counts every system call number by itself, so "the
 * N-th call, whichever it is" cannot be said to it. Here one counter runs over
 * all calls of one process, and the process is hit while it is stopped at the
 * entry of call N: the kernel then either drops the call (SIGKILL pending at an
 * entry stop: the call is not run) or is told to skip it and to return -ERRNO (a
 * failed brk returns the old break instead: brk has no errno), or it stays there until
 * another command has ended ("stop").
 * Calls are numbered from 1, the first being the first call after the execve
 * that started CMD. A shell loop sweeps N = 1, 2, ... until "beyond".
 *
 * The child waits on a pipe, is taken with PTRACE_SEIZE, and then becomes CMD.
 * SEIZE rather than TRACEME: group stops can be told from signals (PTRACE_LISTEN)
 * and traced forks arrive without a SIGSTOP of their own. PTRACE_O_EXITKILL is on
 * for as long as something is traced: a sweep that is interrupted leaves no
 * half-traced process behind. Everything that is to live on is detached
 * explicitly before this program ends.
 *
 * One process is the target: it alone is resumed with PTRACE_SYSCALL, all others
 * with PTRACE_CONT, so that they run at full speed and see nothing of it. After
 * the hit the target too runs freely.
 *
 *   --who main    the process started here (default); forks are not followed.
 *   --who child   the first process that is not a child of main: the product of
 *                 a double fork. Its calls are counted from its birth.
 *   --who childK  the K-th process born, in the order of the fork events.
 *
 * The sweep covers CMD only, not what CMD turns into: at a successful execve of a
 * traced process after the first one it is detached ("reached-exec"). The execve
 * itself is a point like any other. A target that outlives main's exec (a
 * watcher) stays traced until it is hit or ends. --skip-execs K takes K more
 * execve of main as belonging to a wrapper (setpriv, ip netns exec, sh -c exec).
 *
 * --skip-startup puts a breakpoint on the entry point of the program (AT_ENTRY):
 * the dynamic loader, which has mapped and initialised all libraries by then,
 * runs freely and uncounted. What libc does after that is counted.
 *
 * Not covered: threads of the target (each would be a process of its own here),
 * programs of another ABI (32-bit: the names would be wrong), and files with
 * capabilities or set-user-id, which the kernel does not honour for a traced
 * process unless this program has CAP_SYS_PTRACE.
 *
 * Report: one line, on standard error or where --report says,
 *
 *   point N call NAME result RESULT main END
 *   calls N result END                                    (count)
 *
 *   RESULT  killed | failed ERRNO | infallible | beyond | reached-exec |
 *           exited S | timeout | stopped STATUS MS
 *           stopped: for MS milliseconds, until RIVAL had ended with STATUS.
 *           beyond: the target ended before its N-th call (NAME is "-").
 *           infallible: call N is one that no kernel ever fails (exit, getuid),
 *           or fails with this error: EINTR, where no signal ends the call. It
 *           was let through.
 *           reached-exec, exited: call N was to be killed after, but was an
 *           execve or exit and succeeded.
 *   END     reached-exec [command END] | exited STATUS | signalled NUMBER |
 *           timeout: how main ended; "command" is what main became by its
 *           exec, and is told when it was waited for.
 *
 * Exit status: 0 the point was hit (or counted), 1 beyond, 2 usage or no tracing,
 * 124 timeout.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

enum { EXIT_HIT = 0, EXIT_BEYOND = 1, EXIT_FAILED = 2, EXIT_TIMEOUT = 124 };

enum verb { COUNT, KILL, FAIL, STOP };

enum { WHO_MAIN = 0, WHO_GRANDCHILD = -1 /* > 0: the birth number */ };

enum { BIRTH_MAIN = 0, BIRTH_UNKNOWN = -1 };

struct end {
	enum { RUNNING, REACHED_EXEC, EXITED, SIGNALLED } how;
	int code;
};

struct task {
	pid_t pid;
	int birth;		/* BIRTH_MAIN, BIRTH_UNKNOWN, or 1, 2, ... */
	unsigned long calls;
	bool held;		/* in its first stop, until its parent is known */
	bool pending;		/* call N was entered, its exit stop is awaited */
	unsigned long arg;	/* of brk at call N, to be put back */
};

struct sweep {
	/* what to do */
	enum verb verb;
	unsigned long point;
	int error;
	int who;
	const char *rival;	/* for the shell */
	bool after;
	bool follow;
	bool no_wait;
	bool skip_startup;
	unsigned long skip_execs;
	double timeout;
	int report;
	FILE *log;

	/* how far it is */
	struct task tasks[256];
	size_t n_tasks;
	int births;
	pid_t main;
	struct end main_end;
	struct end command_end;
	bool main_gone;		/* reaped: the pid is not ours any more */
	unsigned long execs;
	bool started;
	uintptr_t entry;
	long entry_text;
	int target;		/* birth number, BIRTH_UNKNOWN = not born yet */
	struct end target_end;
	bool hit;
	bool infallible;
	bool timed_out;
	long hit_call;
	unsigned long calls;
	pid_t rival_pid;	/* 0: it does not run */
	int rival_status;
	struct timespec stopped_at;
	long stopped_ms;
};

static volatile sig_atomic_t alarmed;

static void on_alarm(int sig)
{
	(void)sig;
	alarmed = 1;
}

__attribute__((noreturn, format(printf, 1, 2)))
static void die(const char *fmt, ...)
{
	va_list ap;

	fputs("sweep: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(EXIT_FAILED);
}

/* ---- names ---- */

/* clang-format off */
#define S(name) { SYS_##name, #name }

/* Grouped by the header or the architecture that may lack them. */
static const struct {
	long nr;
	const char *name;
} calls[] = {
#ifdef SYS_open		/* the calls of the older architectures */
	S(open), S(creat), S(stat), S(lstat), S(poll), S(select), S(access),
	S(pipe), S(dup2), S(fork), S(vfork), S(pause), S(alarm), S(rename),
	S(mkdir), S(rmdir), S(link), S(unlink), S(symlink), S(readlink),
	S(chmod), S(chown), S(lchown), S(mknod), S(getdents), S(epoll_create),
	S(epoll_wait), S(inotify_init), S(eventfd), S(signalfd), S(time),
	S(utimes), S(getpgrp), S(futimesat),
#endif
#ifdef SYS_arch_prctl
	S(arch_prctl),
#endif
#ifdef SYS_newfstatat
	S(newfstatat),
#endif
	S(read), S(write), S(readv), S(writev), S(pread64), S(pwrite64),
	S(preadv), S(pwritev), S(sendfile), S(splice), S(tee),
	S(openat), S(close), S(fstat), S(statfs), S(fstatfs), S(lseek),
	S(ioctl), S(fcntl), S(flock), S(dup), S(dup3), S(pipe2),
	S(faccessat), S(readlinkat), S(unlinkat), S(mkdirat), S(mknodat),
	S(linkat), S(symlinkat), S(renameat), S(renameat2), S(fchmod),
	S(fchmodat), S(fchown), S(fchownat), S(utimensat), S(getdents64),
	S(getcwd), S(umask), S(chdir), S(fchdir), S(chroot), S(ftruncate), S(truncate),
	S(fallocate), S(fsync), S(fdatasync), S(getxattr), S(lgetxattr),
	S(fgetxattr), S(listxattr), S(mount), S(umount2), S(pivot_root),
	S(mmap), S(munmap), S(mprotect), S(mremap), S(madvise), S(msync),
	S(mlock), S(mlockall), S(munlock), S(munlockall), S(brk),
	S(membarrier), S(memfd_create), S(get_mempolicy),
	S(rt_sigaction), S(rt_sigprocmask), S(rt_sigreturn), S(rt_sigsuspend),
	S(rt_sigtimedwait), S(rt_sigpending), S(sigaltstack), S(signalfd4),
	S(kill), S(tkill), S(tgkill), S(restart_syscall),
	S(clone), S(execve), S(execveat), S(exit), S(exit_group), S(wait4),
	S(waitid), S(setsid), S(setpgid), S(getpgid), S(getsid), S(getpid),
	S(getppid), S(gettid), S(prctl), S(personality), S(ptrace),
	S(getrlimit), S(setrlimit), S(prlimit64), S(getrusage), S(sysinfo),
	S(uname), S(getpriority), S(setpriority), S(sched_yield),
	S(sched_getaffinity), S(sched_setaffinity), S(sched_getparam),
	S(sched_getscheduler), S(sched_setscheduler), S(getcpu),
	S(getuid), S(geteuid), S(getgid), S(getegid), S(setuid), S(setgid),
	S(setreuid), S(setregid), S(setresuid), S(setresgid), S(getresuid),
	S(getresgid), S(getgroups), S(setgroups), S(setfsuid), S(setfsgid),
	S(capget), S(capset), S(seccomp), S(unshare), S(setns), S(setdomainname),
	S(sethostname), S(bpf), S(keyctl), S(getrandom), S(kcmp),
	S(process_vm_readv), S(name_to_handle_at), S(open_by_handle_at),
	S(set_tid_address), S(set_robust_list), S(get_robust_list), S(futex),
	S(nanosleep), S(clock_nanosleep), S(clock_gettime), S(clock_getres),
	S(gettimeofday), S(times), S(setitimer), S(getitimer),
	S(timer_create), S(timer_settime), S(timer_delete), S(timerfd_create),
	S(timerfd_settime), S(timerfd_gettime), S(eventfd2), S(ppoll),
	S(pselect6), S(epoll_create1), S(epoll_ctl), S(epoll_pwait),
	S(inotify_init1), S(inotify_add_watch), S(inotify_rm_watch),
	S(socket), S(socketpair), S(bind), S(listen), S(accept), S(accept4),
	S(connect), S(getsockname), S(getpeername), S(sendto), S(recvfrom),
	S(sendmsg), S(recvmsg), S(sendmmsg), S(recvmmsg), S(setsockopt),
	S(getsockopt), S(shutdown),
#ifdef SYS_statx
	S(statx),
#endif
#ifdef SYS_rseq
	S(rseq),
#endif
#ifdef SYS_pidfd_send_signal	/* 5.1 */
	S(pidfd_send_signal), S(io_uring_setup), S(io_uring_enter),
	S(io_uring_register),
#endif
#ifdef SYS_fsopen		/* 5.2 */
	S(open_tree), S(move_mount), S(fsopen), S(fsconfig), S(fsmount),
	S(fspick),
#endif
#ifdef SYS_clone3		/* 5.3 */
	S(clone3), S(pidfd_open),
#endif
#ifdef SYS_openat2		/* 5.6 */
	S(openat2), S(pidfd_getfd),
#endif
#ifdef SYS_faccessat2		/* 5.8 */
	S(faccessat2),
#endif
#ifdef SYS_close_range		/* 5.9 */
	S(close_range),
#endif
#ifdef SYS_epoll_pwait2		/* 5.11 */
	S(epoll_pwait2),
#endif
#ifdef SYS_mount_setattr	/* 5.12 */
	S(mount_setattr),
#endif
#ifdef SYS_fchmodat2		/* 6.6 */
	S(fchmodat2),
#endif
#ifdef SYS_statmount		/* 6.8 */
	S(statmount), S(listmount),
#endif
};

#undef S
#define E(name) { name, #name }

static const struct {
	int value;
	const char *name;
} errors[] = {
	E(EPERM), E(ENOENT), E(ESRCH), E(EINTR), E(EIO), E(ENXIO), E(E2BIG),
	E(ENOEXEC), E(EBADF), E(ECHILD), E(EAGAIN), E(ENOMEM), E(EACCES),
	E(EFAULT), E(EBUSY), E(EEXIST), E(EXDEV), E(ENODEV), E(ENOTDIR),
	E(EISDIR), E(EINVAL), E(ENFILE), E(EMFILE), E(ENOTTY), E(ETXTBSY),
	E(EFBIG), E(ENOSPC), E(ESPIPE), E(EROFS), E(EMLINK), E(EPIPE),
	E(ERANGE), E(ENAMETOOLONG), E(ENOSYS), E(ENOTEMPTY), E(ELOOP),
	E(EOVERFLOW), E(EUSERS), E(ENOTSOCK), E(EMSGSIZE), E(EPROTO),
	E(ENOPROTOOPT), E(EPROTONOSUPPORT), E(EOPNOTSUPP), E(EAFNOSUPPORT),
	E(EADDRINUSE), E(EADDRNOTAVAIL), E(ENETDOWN), E(ENETUNREACH),
	E(ECONNRESET), E(ECONNREFUSED), E(ENOBUFS), E(ENOTCONN), E(ETIMEDOUT),
	E(EALREADY), E(EDQUOT), E(ECANCELED), E(EDEADLK),
};

#undef E
/* clang-format on */

static const char *call_name(long nr)
{
	static char number[24];

	if (nr < 0)
		return "-";
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		if (calls[i].nr == nr)
			return calls[i].name;
	snprintf(number, sizeof(number), "%ld", nr);
	return number;
}

static const char *error_name(int error)
{
	static char number[16];

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
		if (errors[i].value == error)
			return errors[i].name;
	snprintf(number, sizeof(number), "%d", error);
	return number;
}

/* ---- the machine: skipping a call, its result, the breakpoint ---- */

#if defined(__x86_64__)

static bool skip_call(pid_t pid)
{
	return !ptrace(PTRACE_POKEUSER, pid,
		       offsetof(struct user_regs_struct, orig_rax), -1L);
}

static bool set_result(pid_t pid, long value)
{
	return !ptrace(PTRACE_POKEUSER, pid,
		       offsetof(struct user_regs_struct, rax), value);
}

static bool set_arg(pid_t pid, unsigned long value)
{
	return !ptrace(PTRACE_POKEUSER, pid,
		       offsetof(struct user_regs_struct, rdi), value);
}

/* The caller of a system call counts on its argument registers. */
static bool restore_arg(pid_t pid, unsigned long value)
{
	return set_arg(pid, value);
}

static long breakpoint(long text)
{
	return (text & ~0xffL) | 0xcc;
}

/* True if the trap that pid is stopped at is the one planted at entry; the
 * instruction pointer is then put back onto it.
 */
static bool at_breakpoint(pid_t pid, uintptr_t entry)
{
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, pid, NULL, &regs) || regs.rip != entry + 1)
		return false;
	regs.rip = entry;
	return !ptrace(PTRACE_SETREGS, pid, NULL, &regs);
}

#elif defined(__aarch64__)

#ifndef NT_ARM_SYSTEM_CALL
#define NT_ARM_SYSTEM_CALL 0x404
#endif

static bool skip_call(pid_t pid)
{
	int nr = -1;
	struct iovec iov = { &nr, sizeof(nr) };

	return !ptrace(PTRACE_SETREGSET, pid, NT_ARM_SYSTEM_CALL, &iov);
}

static bool set_result(pid_t pid, long value)
{
	struct user_regs_struct regs;
	struct iovec iov = { &regs, sizeof(regs) };

	if (ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &iov))
		return false;
	regs.regs[0] = (unsigned long)value;
	return !ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &iov);
}

static bool set_arg(pid_t pid, unsigned long value)
{
	return set_result(pid, (long)value);
}

/* One register: the result is in it by now. */
static bool restore_arg(pid_t pid, unsigned long value)
{
	(void)pid;
	(void)value;
	return true;
}

static long breakpoint(long text)
{
	return (text & ~0xffffffffL) | 0xd4200000;
}

static bool at_breakpoint(pid_t pid, uintptr_t entry)
{
	struct user_regs_struct regs;
	struct iovec iov = { &regs, sizeof(regs) };

	return !ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &iov) &&
	       regs.pc == entry;
}

#else

static bool skip_call(pid_t pid)
{
	(void)pid;
	errno = ENOSYS;
	return false;
}

static bool set_result(pid_t pid, long value)
{
	(void)value;
	return skip_call(pid);
}

static bool set_arg(pid_t pid, unsigned long value)
{
	(void)value;
	return skip_call(pid);
}

static bool restore_arg(pid_t pid, unsigned long value)
{
	(void)value;
	return skip_call(pid);
}

static long breakpoint(long text)
{
	die("--skip-startup is not known on this machine");
	return text;
}

static bool at_breakpoint(pid_t pid, uintptr_t entry)
{
	(void)entry;
	return skip_call(pid);
}

#endif

/* ---- tasks ---- */

static struct task *find_task(struct sweep *s, pid_t pid)
{
	for (size_t i = 0; i < s->n_tasks; i++)
		if (s->tasks[i].pid == pid)
			return &s->tasks[i];
	return NULL;
}

static struct task *add_task(struct sweep *s, pid_t pid, int birth)
{
	struct task *t;

	if (s->n_tasks == ARRAY_SIZE(s->tasks))
		die("more than %zu processes at a time", ARRAY_SIZE(s->tasks));
	t = &s->tasks[s->n_tasks++];
	*t = (struct task){ .pid = pid, .birth = birth };
	return t;
}

static void drop_task(struct sweep *s, struct task *t)
{
	*t = s->tasks[--s->n_tasks];
}

static bool is_target(const struct sweep *s, const struct task *t)
{
	return t->birth != BIRTH_UNKNOWN && t->birth == s->target;
}

static bool is_counted(const struct sweep *s, const struct task *t)
{
	if (!s->started || s->hit)
		return false;
	return s->follow || is_target(s, t);
}

/* A task that was killed meanwhile cannot be resumed (ESRCH): its end is what
 * wait tells next.
 */
static void resume(const struct sweep *s, const struct task *t, int sig)
{
	long failed;

	if (is_counted(s, t))
		failed = ptrace(PTRACE_SYSCALL, t->pid, NULL, (long)sig);
	else
		failed = ptrace(PTRACE_CONT, t->pid, NULL, (long)sig);
	if (failed && errno != ESRCH)
		die("cannot resume %d: %s", (int)t->pid, strerror(errno));
}

static void set_end(struct end *end, int status)
{
	if (end->how != RUNNING)
		return;
	end->how = WIFEXITED(status) ? EXITED : SIGNALLED;
	end->code = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
}

static void note_gone(struct sweep *s, pid_t pid, int status)
{
	struct task *t = find_task(s, pid);

	if (pid == s->main) {
		if (s->main_end.how == REACHED_EXEC)
			set_end(&s->command_end, status);
		else
			set_end(&s->main_end, status);
		s->main_gone = true;
	}
	if (!t)
		return;
	if (is_target(s, t))
		set_end(&s->target_end, status);
	drop_task(s, t);
}

static void detach(struct sweep *s, struct task *t, int sig)
{
	if (ptrace(PTRACE_DETACH, t->pid, NULL, (long)sig) && errno != ESRCH)
		die("cannot detach %d: %s", (int)t->pid, strerror(errno));
	drop_task(s, t);
}

static bool is_birth(int event)
{
	return event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK ||
	       event == PTRACE_EVENT_CLONE;
}

static pid_t born(pid_t parent)
{
	unsigned long pid = 0;

	if (ptrace(PTRACE_GETEVENTMSG, parent, NULL, &pid))
		return 0;
	return (pid_t)pid;
}

/* False if t is gone, which is then on record. *sig is the signal it was about
 * to receive.
 */
static bool interrupt(struct sweep *s, struct task *t, int *sig)
{
	pid_t got, pid = t->pid;
	int status;

	*sig = 0;
	if (t->held)
		return true;
	ptrace(PTRACE_INTERRUPT, pid, NULL, NULL);
	do
		got = waitpid(pid, &status, __WALL);
	while (got < 0 && errno == EINTR);
	if (got < 0) {
		/* Killed and reaped before its parent's event named it. */
		drop_task(s, t);
		return false;
	}
	if (!WIFSTOPPED(status)) {
		note_gone(s, pid, status);
		return false;
	}
	/* A fork in this very moment has made one more to be detached. */
	if (is_birth(status >> 16)) {
		pid_t child = born(pid);

		if (child && !find_task(s, child))
			add_task(s, child, BIRTH_UNKNOWN);
	}
	if (!(status >> 16) && WSTOPSIG(status) != (SIGTRAP | 0x80))
		*sig = WSTOPSIG(status);
	return true;
}

/* Only a stopped task can be detached, and merely ending this program would
 * kill it (EXITKILL).
 */
static void detach_all(struct sweep *s)
{
	while (s->n_tasks) {
		int sig;

		if (interrupt(s, &s->tasks[0], &sig))
			detach(s, &s->tasks[0], sig);
	}
}

/* ---- events ---- */

static uintptr_t entry_point(pid_t pid)
{
	char path[40];
	unsigned long aux[2];
	uintptr_t entry = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/auxv", (int)pid);
	f = fopen(path, "re");
	if (!f)
		die("cannot open %s: %s", path, strerror(errno));
	while (!entry && fread(aux, sizeof(aux), 1, f) == 1 && aux[0] != AT_NULL)
		if (aux[0] == AT_ENTRY)
			entry = aux[1];
	fclose(f);
	if (!entry)
		die("%s names no entry point", path);
	return entry;
}

static void poke_text(pid_t pid, uintptr_t where, long text)
{
	if (ptrace(PTRACE_POKETEXT, pid, where, text))
		die("cannot write at the entry point: %s", strerror(errno));
}

static void begin(struct sweep *s, pid_t pid)
{
	if (!s->skip_startup) {
		s->started = true;
		return;
	}
	s->entry = entry_point(pid);
	errno = 0;
	s->entry_text = ptrace(PTRACE_PEEKTEXT, pid, s->entry, NULL);
	if (errno)
		die("cannot read the entry point: %s", strerror(errno));
	poke_text(pid, s->entry, breakpoint(s->entry_text));
}

static void on_exec(struct sweep *s, struct task *t)
{
	if (t->birth == BIRTH_MAIN && s->execs++ < s->skip_execs + 1) {
		if (s->execs == s->skip_execs + 1)
			begin(s, t->pid);
		resume(s, t, 0);
		return;
	}
	if (t->birth == BIRTH_MAIN)
		s->main_end.how = REACHED_EXEC;
	if (is_target(s, t))
		s->target_end.how = REACHED_EXEC;
	detach(s, t, 0);
}

static void on_birth(struct sweep *s, struct task *parent)
{
	bool grandchild = parent->birth != BIRTH_MAIN;
	pid_t pid = born(parent->pid);
	struct task *t;

	if (!pid)
		return;
	t = find_task(s, pid);
	if (!t)
		t = add_task(s, pid, BIRTH_UNKNOWN);
	/* A wrapper's children are of no interest, and are not numbered. */
	if (s->started)
		t->birth = ++s->births;
	if (s->started && s->target == BIRTH_UNKNOWN &&
	    (s->who == WHO_GRANDCHILD ? grandchild : t->birth == s->who))
		s->target = t->birth;
	if (t->held) {
		t->held = false;
		resume(s, t, 0);
	}
}

/* Which argument of a call is a path; -1: none. */
static int path_argument(long nr)
{
	static const struct {
		long nr;
		int arg;
	} paths[] = {
#ifdef SYS_open
		{ SYS_open, 0 }, { SYS_stat, 0 }, { SYS_readlink, 0 },
#endif
		{ SYS_execve, 0 }, { SYS_chdir, 0 }, { SYS_openat, 1 },
		{ SYS_mknodat, 1 }, { SYS_readlinkat, 1 }, { SYS_fchownat, 1 },
		{ SYS_fchmodat, 1 },
#ifdef SYS_newfstatat
		{ SYS_newfstatat, 1 },
#endif
#ifdef SYS_statx
		{ SYS_statx, 1 },
#endif
#ifdef SYS_fsopen
		{ SYS_fsopen, 0 },
#endif
#ifdef SYS_faccessat2
		{ SYS_faccessat2, 1 },
#endif
	};

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		if (paths[i].nr == nr)
			return paths[i].arg;
	return -1;
}

/* Up to the end of its page a string can be read for sure; longer ones are of
 * no interest.
 */
static void log_path(const struct sweep *s, pid_t pid, uintptr_t where)
{
	char text[128];
	size_t room = 4096 - where % 4096;
	struct iovec to = { text, room < sizeof(text) ? room : sizeof(text) };
	struct iovec from = { (void *)where, to.iov_len };
	ssize_t n = process_vm_readv(pid, &to, 1, &from, 1, 0);

	if (n <= 0)
		return;
	fprintf(s->log, " %.*s", (int)strnlen(text, (size_t)n), text);
}

/* A signal can end it with EINTR, of what a program like vnetctl calls. */
static bool is_interruptible(const struct __ptrace_syscall_info *info)
{
	switch ((long)info->entry.nr) {
	case SYS_recvmsg:
	case SYS_recvfrom:
	case SYS_sendto:
	case SYS_read:
	case SYS_pread64:
	case SYS_wait4:
	case SYS_nanosleep:
	case SYS_clock_nanosleep:
	case SYS_ppoll:
#ifdef SYS_poll
	case SYS_poll:
#endif
		return true;
	case SYS_fcntl:
		return info->entry.args[1] == F_OFD_SETLKW;
	default:
		return false;
	}
}

static void log_call(const struct sweep *s, const struct task *t,
		     const struct __ptrace_syscall_info *info)
{
	int path = path_argument((long)info->entry.nr);
	char who[24] = "main";

	if (!s->log)
		return;
	if (t->birth != BIRTH_MAIN)
		snprintf(who, sizeof(who), "child%d", t->birth);
	fprintf(s->log, "%lu %s%s %s 0x%llx 0x%llx 0x%llx", t->calls, who,
		is_interruptible(info) ? "~" : "", call_name((long)info->entry.nr),
		(unsigned long long)info->entry.args[0],
		(unsigned long long)info->entry.args[1],
		(unsigned long long)info->entry.args[2]);
	if (path >= 0)
		log_path(s, t->pid, info->entry.args[path]);
	fputc('\n', s->log);
}

/* The ones that do not return, and those whose every result is a valid one: a
 * program is right not to check them.
 */
static bool is_infallible(const struct __ptrace_syscall_info *info, int error)
{
	static const long infallible[] = {
		SYS_exit, SYS_exit_group, SYS_rt_sigreturn,
		SYS_set_tid_address, SYS_sched_yield, SYS_umask,
		SYS_getpid, SYS_getppid, SYS_gettid,
		SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid,
		SYS_setfsuid, SYS_setfsgid,
#ifdef SYS_getpgrp
		SYS_getpgrp,
#endif
#ifdef SYS_alarm
		SYS_alarm,
#endif
	};
	long nr = (long)info->entry.nr;

	if (error == EINTR && !is_interruptible(info))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(infallible); i++)
		if (infallible[i] == nr)
			return true;
	return nr == SYS_brk && !info->entry.args[0];
}

static void start_rival(struct sweep *s)
{
	clock_gettime(CLOCK_MONOTONIC, &s->stopped_at);
	s->rival_pid = fork();
	if (s->rival_pid < 0)
		die("cannot fork: %s", strerror(errno));
	if (!s->rival_pid) {
		execl("/bin/sh", "sh", "-c", s->rival, (char *)NULL);
		_exit(127);
	}
}

/* After the hit. Main is followed to its exec or exit, which is part of the
 * report.
 */
static void let_go(struct sweep *s, struct task *t)
{
	if (t->birth == BIRTH_MAIN)
		resume(s, t, 0);
	else
		detach(s, t, 0);
}

static void on_point(struct sweep *s, struct task *t,
		     const struct __ptrace_syscall_info *info)
{
	bool done = true;

	s->hit_call = (long)info->entry.nr;
	if (s->verb == STOP) {
		s->hit = true;
		start_rival(s);
		return;
	}
	if (s->verb == KILL && !s->after) {
		s->hit = true;
		kill(t->pid, SIGKILL);
		return;
	}
	if (s->verb == FAIL && is_infallible(info, s->error)) {
		s->hit = s->infallible = true;
		let_go(s, t);
		return;
	}
	/* brk knows no errno: a failed one returns the break as it is, which
	 * brk(0) does too.
	 */
	if (s->verb == FAIL && s->hit_call == SYS_brk) {
		t->arg = (unsigned long)info->entry.args[0];
		done = set_arg(t->pid, 0);
	} else if (s->verb == FAIL) {
		done = skip_call(t->pid);
	}
	if (!done && errno != ESRCH)
		die("cannot skip a call: %s", strerror(errno));
	t->pending = true;
	resume(s, t, 0);
}

static void on_point_exit(struct sweep *s, struct task *t)
{
	bool done;

	t->pending = false;
	if (s->verb == KILL) {
		s->hit = true;
		kill(t->pid, SIGKILL);
		return;
	}
	if (s->hit_call == SYS_brk)
		done = restore_arg(t->pid, t->arg);
	else
		done = set_result(t->pid, -(long)s->error);
	if (!done) {
		if (errno == ESRCH)
			return;
		die("cannot set the result of a call: %s", strerror(errno));
	}
	s->hit = true;
	let_go(s, t);
}

static void on_call(struct sweep *s, struct task *t)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, t->pid, sizeof(info), &info) < 0) {
		if (errno == ESRCH)
			return;
		die("cannot ask for the system call: %s", strerror(errno));
	}
	if (info.op == PTRACE_SYSCALL_INFO_EXIT && t->pending) {
		on_point_exit(s, t);
		return;
	}
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY && is_counted(s, t)) {
		t->calls++;
		s->calls++;
		log_call(s, t, &info);
		if (s->verb != COUNT && t->calls == s->point) {
			on_point(s, t, &info);
			return;
		}
	}
	resume(s, t, 0);
}

static void on_signal(struct sweep *s, struct task *t, int sig)
{
	if (sig == SIGTRAP && s->entry && !s->started &&
	    t->birth == BIRTH_MAIN && at_breakpoint(t->pid, s->entry)) {
		poke_text(t->pid, s->entry, s->entry_text);
		s->started = true;
		sig = 0;
	}
	resume(s, t, sig);
}

static void on_stop(struct sweep *s, pid_t pid, int status)
{
	struct task *t = find_task(s, pid);
	int sig = WSTOPSIG(status);

	if (!t) {
		/* The first stop of a fork may come before the parent's event. */
		add_task(s, pid, BIRTH_UNKNOWN)->held = true;
		return;
	}
	switch (status >> 16) {
	case PTRACE_EVENT_EXEC:
		on_exec(s, t);
		break;
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
	case PTRACE_EVENT_CLONE:
		on_birth(s, t);
		resume(s, t, 0);
		break;
	case PTRACE_EVENT_STOP:
		if (sig == SIGTRAP)
			resume(s, t, 0);
		else
			ptrace(PTRACE_LISTEN, pid, NULL, NULL);
		break;
	case 0:
		if (sig == (SIGTRAP | 0x80))
			on_call(s, t);
		else
			on_signal(s, t, sig);
		break;
	default:
		resume(s, t, 0);
	}
}

/* ---- the run ---- */

static bool is_finished(const struct sweep *s)
{
	bool alone = true;

	for (size_t i = 0; i < s->n_tasks; i++)
		alone = alone && s->tasks[i].held;
	if (s->rival_pid)
		return false;
	if (alone)
		return true;
	if (s->follow || s->main_end.how == RUNNING)
		return false;
	/* A killed target is waited for: its end is part of the point. */
	return s->target_end.how != RUNNING || (s->verb != KILL && s->hit);
}

static void give_up(struct sweep *s)
{
	int status;

	s->timed_out = true;
	for (size_t i = 0; i < s->n_tasks; i++)
		kill(s->tasks[i].pid, SIGKILL);
	if (!s->main_gone)
		kill(s->main, SIGKILL);
	if (s->rival_pid)
		kill(s->rival_pid, SIGKILL);
	while (s->n_tasks || !s->main_gone) {
		pid_t pid = waitpid(-1, &status, __WALL);

		if (pid < 0 && errno != EINTR)
			return;
		if (pid > 0 && !WIFSTOPPED(status)) {
			struct task *t = find_task(s, pid);

			s->main_gone = s->main_gone || pid == s->main;
			if (t)
				drop_task(s, t);
		} else if (pid > 0) {
			/* Born while everything was being killed. */
			kill(pid, SIGKILL);
		}
	}
}

static void on_rival_end(struct sweep *s, int status)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	s->stopped_ms = (now.tv_sec - s->stopped_at.tv_sec) * 1000 +
			(now.tv_nsec - s->stopped_at.tv_nsec) / 1000000;
	s->rival_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	s->rival_pid = 0;
	for (size_t i = 0; i < s->n_tasks; i++) {
		if (is_target(s, &s->tasks[i])) {
			let_go(s, &s->tasks[i]);
			return;
		}
	}
}

static void run(struct sweep *s)
{
	while (!is_finished(s) && !s->timed_out) {
		int status;
		pid_t pid = waitpid(-1, &status, __WALL);

		if (pid < 0 && errno == ECHILD)
			break;
		else if (pid < 0 && errno != EINTR)
			die("cannot wait: %s", strerror(errno));
		else if (pid > 0 && WIFSTOPPED(status))
			on_stop(s, pid, status);
		else if (pid > 0 && pid == s->rival_pid)
			on_rival_end(s, status);
		else if (pid > 0)
			note_gone(s, pid, status);
		if (alarmed && !is_finished(s))
			give_up(s);
	}
	detach_all(s);
}

static void wait_for_command(struct sweep *s)
{
	while (!s->main_gone && !s->timed_out) {
		int status;

		if (waitpid(s->main, &status, 0) == s->main)
			note_gone(s, s->main, status);
		else if (alarmed)
			give_up(s);
		else if (errno != EINTR)
			return;
	}
}

static void start(struct sweep *s, char **cmd)
{
	long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC |
		       PTRACE_O_EXITKILL;
	int gate[2];

	if (s->follow || s->who != WHO_MAIN)
		options |= PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
			   PTRACE_O_TRACECLONE;
	if (pipe2(gate, O_CLOEXEC))
		die("cannot make a pipe: %s", strerror(errno));
	s->main = fork();
	if (s->main < 0)
		die("cannot fork: %s", strerror(errno));
	if (!s->main) {
		char c;

		/* End of file: the parent has failed, or is gone. */
		if (read(gate[0], &c, 1) != 1)
			_exit(EXIT_FAILED);
		execvp(cmd[0], cmd);
		dprintf(STDERR_FILENO, "sweep: cannot run %s: %s\n", cmd[0],
			strerror(errno));
		_exit(127);
	}
	close(gate[0]);
	if (ptrace(PTRACE_SEIZE, s->main, NULL, options))
		die("cannot trace: %s", strerror(errno));
	add_task(s, s->main, BIRTH_MAIN);
	if (write(gate[1], "", 1) != 1)
		die("cannot start %s: %s", cmd[0], strerror(errno));
	close(gate[1]);
}

/* The timer repeats: one that came just before waitpid would else be lost. */
static void start_timer(double seconds)
{
	struct sigaction sa = { .sa_handler = on_alarm };
	struct itimerval timer = {
		.it_value.tv_sec = (time_t)seconds,
		.it_value.tv_usec =
			(suseconds_t)((seconds - (double)(time_t)seconds) * 1e6),
		.it_interval.tv_usec = 50000,
	};

	if (sigaction(SIGALRM, &sa, NULL) ||
	    setitimer(ITIMER_REAL, &timer, NULL))
		die("cannot set a timer: %s", strerror(errno));
}

/* ---- the report ---- */

static void put_end(FILE *f, const struct end *end)
{
	switch (end->how) {
	case RUNNING:
		fputs("timeout", f);
		break;
	case REACHED_EXEC:
		fputs("reached-exec", f);
		break;
	case EXITED:
		fprintf(f, "exited %d", end->code);
		break;
	case SIGNALLED:
		fprintf(f, "signalled %d", end->code);
		break;
	}
}

static bool is_beyond(const struct sweep *s)
{
	return s->verb != COUNT && s->hit_call < 0 && !s->timed_out;
}

static void put_result(FILE *f, const struct sweep *s)
{
	if (s->hit && s->verb == KILL)
		fputs("killed", f);
	else if (s->infallible)
		fputs("infallible", f);
	else if (s->hit && s->verb == STOP && !s->timed_out)
		fprintf(f, "stopped %d %ld", s->rival_status, s->stopped_ms);
	else if (s->hit)
		fprintf(f, "failed %s", error_name(s->error));
	else if (s->timed_out)
		fputs("timeout", f);
	else if (is_beyond(s))
		fputs("beyond", f);
	else
		put_end(f, &s->target_end);
}

/* One write, so that several sweeps can share a report. */
static void report(const struct sweep *s)
{
	char *line = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&line, &size);

	if (!f)
		die("cannot make the report: %s", strerror(errno));
	if (s->verb == COUNT) {
		fprintf(f, "calls %lu result ", s->calls);
	} else {
		fprintf(f, "point %lu call %s result ", s->point, call_name(s->hit_call));
		put_result(f, s);
		fputs(" main ", f);
	}
	put_end(f, &s->main_end);
	if (s->main_end.how == REACHED_EXEC && !s->no_wait) {
		fputs(" command ", f);
		put_end(f, &s->command_end);
	}
	fputc('\n', f);
	if (fclose(f))
		die("cannot make the report: %s", strerror(errno));
	if (write(s->report, line, size) != (ssize_t)size)
		die("cannot write the report: %s", strerror(errno));
	free(line);
}

/* ---- the command line ---- */

__attribute__((noreturn))
static void usage(int status)
{
	fputs("usage: sweep count [-f] [OPTIONS] -- CMD [ARG...]\n"
	      "       sweep kill N [--after] [OPTIONS] -- CMD [ARG...]\n"
	      "       sweep fail N ERRNO [OPTIONS] -- CMD [ARG...]\n"
	      "       sweep stop N RIVAL [OPTIONS] -- CMD [ARG...]\n"
	      "options:\n"
	      "  --who main|child|childK  whose calls (default: main)\n"
	      "  -f, --follow             count: main and all that it forks\n"
	      "  --after                  kill: when call N has returned\n"
	      "  --skip-startup           do not count the dynamic loader's calls\n"
	      "  --skip-execs K           CMD is a wrapper that execs K times\n"
	      "  --no-wait                do not wait for what main execs\n"
	      "  --timeout SECONDS        kill all, exit 124\n"
	      "  --report FD|FILE         the report (a file is appended to)\n"
	      "  --log FILE               one line a call: INDEX WHO NAME ARG1 ARG2 ARG3 [PATH],\n"
	      "                           with WHO~ where a signal can end the call\n",
	      status ? stderr : stdout);
	exit(status);
}

static unsigned long number(const char *word, unsigned long max)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(word, &end, 10);
	if (*word < '0' || *word > '9' || *end || errno || value > max)
		die("'%s' is not a number up to %lu", word, max);
	return value;
}

static int parse_error(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
		if (!strcmp(errors[i].name, word))
			return errors[i].value;
	if (*word < '1' || *word > '9')
		die("errno '%s' is not known", word);
	return (int)number(word, 4095);
}

static int parse_who(const char *word)
{
	int k;

	if (!strcmp(word, "main"))
		return WHO_MAIN;
	if (!strcmp(word, "child"))
		return WHO_GRANDCHILD;
	if (strncmp(word, "child", 5) != 0)
		die("'%s' is not main, child or childK", word);
	k = (int)number(word + 5, INT_MAX);
	if (!k)
		die("children are numbered from 1");
	return k;
}

static double parse_seconds(const char *word)
{
	char *end;
	double value = strtod(word, &end);

	if (*end || end == word || !(value >= 0.001 && value < 1e6))
		die("'%s' is not a time in seconds", word);
	return value;
}

/* The traced program must not inherit it; 0, 1 and 2 are the program's own. */
static int open_report(const char *word)
{
	int fd;

	if (word[strspn(word, "0123456789")]) {
		fd = open(word, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
		if (fd < 0)
			die("cannot open %s: %s", word, strerror(errno));
		return fd;
	}
	fd = (int)number(word, INT_MAX);
	if (fd > STDERR_FILENO && fcntl(fd, F_SETFD, FD_CLOEXEC))
		die("descriptor %d: %s", fd, strerror(errno));
	return fd;
}

static void parse_options(struct sweep *s, int argc, char **argv)
{
	enum { WHO = 256, AFTER, STARTUP, EXECS, NO_WAIT, TIMEOUT, REPORT, LOG };
	static const struct option options[] = {
		{ "who", required_argument, NULL, WHO },
		{ "follow", no_argument, NULL, 'f' },
		{ "after", no_argument, NULL, AFTER },
		{ "skip-startup", no_argument, NULL, STARTUP },
		{ "skip-execs", required_argument, NULL, EXECS },
		{ "no-wait", no_argument, NULL, NO_WAIT },
		{ "timeout", required_argument, NULL, TIMEOUT },
		{ "report", required_argument, NULL, REPORT },
		{ "log", required_argument, NULL, LOG },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "fh", options, NULL)) != -1) {
		switch (c) {
		case WHO:
			s->who = parse_who(optarg);
			break;
		case 'f':
			s->follow = true;
			break;
		case AFTER:
			s->after = true;
			break;
		case STARTUP:
			s->skip_startup = true;
			break;
		case EXECS:
			s->skip_execs = number(optarg, 1000);
			break;
		case NO_WAIT:
			s->no_wait = true;
			break;
		case TIMEOUT:
			s->timeout = parse_seconds(optarg);
			break;
		case REPORT:
			s->report = open_report(optarg);
			break;
		case LOG:
			s->log = fopen(optarg, "we");
			if (!s->log)
				die("cannot open %s: %s", optarg, strerror(errno));
			break;
		case 'h':
			usage(0);
		default:
			usage(EXIT_FAILED);
		}
	}
}

static void parse_verb(struct sweep *s, int argc, char **argv)
{
	if (argc == 1 && !strcmp(argv[0], "count")) {
		s->verb = COUNT;
	} else if (argc == 2 && !strcmp(argv[0], "kill")) {
		s->verb = KILL;
	} else if (argc == 3 && !strcmp(argv[0], "fail")) {
		s->verb = FAIL;
		s->error = parse_error(argv[2]);
	} else if (argc == 3 && !strcmp(argv[0], "stop")) {
		s->verb = STOP;
		s->rival = argv[2];
	} else {
		usage(EXIT_FAILED);
	}
	if (s->verb != COUNT) {
		s->point = number(argv[1], ULONG_MAX);
		if (!s->point)
			die("calls are numbered from 1");
	}
	if (s->follow && (s->verb != COUNT || s->who != WHO_MAIN))
		die("-f is for count, and excludes --who");
	if (s->after && s->verb != KILL)
		die("--after is for kill");
}

int main(int argc, char **argv)
{
	struct sweep s = { .report = STDERR_FILENO, .hit_call = -1 };
	int own = 1;

	while (own < argc && strcmp(argv[own], "--") != 0)
		own++;
	parse_options(&s, own, argv);
	if (own + 1 >= argc)
		usage(EXIT_FAILED);
	parse_verb(&s, own - optind, argv + optind);
	s.target = s.who == WHO_MAIN ? BIRTH_MAIN : BIRTH_UNKNOWN;

	start(&s, argv + own + 1);
	if (s.timeout > 0)
		start_timer(s.timeout);
	run(&s);
	if (!s.no_wait && s.main_end.how == REACHED_EXEC)
		wait_for_command(&s);
	if (!s.execs && !s.timed_out)
		return EXIT_FAILED;
	report(&s);
	if (s.log && fclose(s.log))
		die("cannot write the log: %s", strerror(errno));
	if (s.timed_out)
		return EXIT_TIMEOUT;
	return is_beyond(&s) ? EXIT_BEYOND : EXIT_HIT;
}
