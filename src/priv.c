// SPDX-License-Identifier: GPL-2.0-or-later
/* Nothing is believed before it was read back: a security module may turn a
 * capset into nothing. */
#include "priv.h"

#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "fail.h"

#define auto_cap __attribute__((cleanup(free_cap)))

static void free_cap(cap_t *cap)
{
	if (*cap)
		cap_free(*cap);
}

bool priv_is_own(void)
{
	return !getauxval(AT_SECURE) || getuid() == 0;
}

/* Those of the set that have this flag. */
static uint64_t flags_of(cap_t caps, cap_flag_t flag, uint64_t set)
{
	uint64_t found = 0;

	for (cap_value_t cap = 0; cap <= CAP_LAST_CAP; cap++) {
		cap_flag_value_t has;

		if (set & POWER(cap) && cap_get_flag(caps, cap, flag, &has) == 0 && has == CAP_SET)
			found |= POWER(cap);
	}
	return found;
}

static int set_flags(cap_t caps, cap_flag_t flag, uint64_t set, cap_flag_value_t value)
{
	for (cap_value_t cap = 0; cap <= CAP_LAST_CAP; cap++) {
		if (set & POWER(cap) && cap_set_flag(caps, flag, 1, &cap, value) < 0)
			return -1;
	}
	return 0;
}

/* Permitted becomes keep, as far as the process has it; effective and inheritable nothing. */
static int cut_sets(uint64_t keep)
{
	auto_cap cap_t had = cap_get_proc(), want = cap_init(), now = NULL;

	if (!had || !want)
		return fail_sys("cannot read capabilities");
	if (set_flags(want, CAP_PERMITTED, flags_of(had, CAP_PERMITTED, keep), CAP_SET) < 0 ||
	    cap_set_proc(want) < 0)
		return fail_sys("cannot give up capabilities");
	now = cap_get_proc();
	if (!now || cap_compare(now, want) != 0)
		return fail_errno(EPERM, NULL, "cannot give up capabilities");
	return 0;
}

static int cut_ambient(void)
{
	/* cap_reset_ambient() would first ask for each of them. */
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
		return fail_sys("cannot give up ambient capabilities");
	return 0;
}

int priv_begin(uint64_t any, uint64_t own)
{
	bool is_own = priv_is_own();

	if (!is_own && (geteuid() != getuid() || getegid() != getgid()))
		return fail_refuse("vnetctl must not be set-user-ID or set-group-ID: give it file "
				   "capabilities ('make setcap')");
	/* Nobody looks into a process that holds what its user has not, and COMMAND's exec
	 * undoes it. */
	if (!is_own && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return fail_sys("cannot close the process to its user");
	if (cut_ambient() < 0)
		return fail_code();
	return cut_sets(is_own ? any | own : any);
}

struct power priv_raise(uint64_t caps)
{
	struct power power = { .caps = cap_get_proc() };
	uint64_t set;

	if (!power.caps) {
		power.err = errno;
		return power;
	}
	set = flags_of(power.caps, CAP_PERMITTED, caps);
	set &= ~flags_of(power.caps, CAP_EFFECTIVE, set);
	if (!set)
		return power;
	if (set_flags(power.caps, CAP_EFFECTIVE, set, CAP_SET) == 0 &&
	    cap_set_proc(power.caps) == 0)
		power.raised = set;
	else
		power.err = errno;
	return power;
}

bool priv_has(const struct power *power, uint64_t caps)
{
	return power->caps && !power->err && flags_of(power->caps, CAP_EFFECTIVE, caps) == caps;
}

void priv_lower(struct power *power)
{
	int err = errno, r = 0;

	if (power->raised)
		r = set_flags(power->caps, CAP_EFFECTIVE, power->raised, CAP_CLEAR);
	if (power->raised && r == 0)
		r = cap_set_proc(power->caps);
	if (r < 0 && cap_set_proc(power->caps) < 0)
		fail_sys("cannot give up capabilities");
	free_cap(&power->caps);
	errno = err;
}

/* The bounding set only matters to who could exec something privileged; without
 * CAP_SETPCAP there is nothing to be done, and no_new_privs stands for it. */
static int cut_bounding(uint64_t keep)
{
	auto_power struct power power = priv_raise(POWER(CAP_SETPCAP));

	for (cap_value_t cap = 0; cap < cap_max_bits(); cap++) {
		if (!(keep & POWER(cap)) && cap_drop_bound(cap) < 0 && errno != EPERM)
			return fail_sys("cannot give up capabilities");
	}
	return 0;
}

int priv_keep_only(uint64_t keep)
{
	if (cut_ambient() < 0 || cut_bounding(keep) < 0 || cut_sets(keep) < 0)
		return fail_code();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail_sys("cannot set no_new_privs");
	return 0;
}

static int check_ids(uid_t uid, gid_t gid)
{
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid;

	if (getresuid(&ruid, &euid, &suid) < 0 || getresgid(&rgid, &egid, &sgid) < 0 ||
	    ruid != uid || euid != uid || suid != uid || rgid != gid || egid != gid || sgid != gid)
		return fail_errno(EPERM, NULL, "run-as: did not become user %u, group %u", uid,
				  gid);
	return 0;
}

static int set_ids(const char *name, uid_t uid, gid_t gid)
{
	auto_power struct power power = priv_raise(POWER(CAP_SETGID) | POWER(CAP_SETUID));

	if ((*name ? initgroups(name, gid) : setgroups(0, NULL)) < 0)
		return fail_sys("run-as: cannot set the groups (this needs CAP_SETGID)");
	if (setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return fail_sys("run-as: cannot become user %u, group %u (this needs CAP_SETUID "
				"and CAP_SETGID)",
				uid, gid);
	/* Who was root has lost everything with it, and lowering it would be asking for it. */
	if (uid != 0)
		power.raised = 0;
	return 0;
}

/* The kernel takes PDEATHSIG from those who change their user. A parent that dies before it is
 * given back is not missed. */
static int set_ids_keep_pdeathsig(const char *name, uid_t uid, gid_t gid)
{
	pid_t parent = getppid();
	int sig;

	if (prctl(PR_GET_PDEATHSIG, &sig) < 0)
		return fail_sys("run-as: cannot read PDEATHSIG");
	if (set_ids(name, uid, gid) < 0)
		return fail_code();
	if (sig && prctl(PR_SET_PDEATHSIG, sig) < 0)
		return fail_sys("run-as: cannot keep PDEATHSIG");
	if (sig && getppid() != parent)
		raise(sig);
	return 0;
}

int priv_become(const char *name, uid_t uid, gid_t gid)
{
	if (gid == (gid_t)-1)
		return fail_usage("run-as: user %u has no group of his own: say USER:GROUP", uid);
	/* The bounding set first: it takes a capability that goes with the user. To whom the
	 * power is not their own, only they themselves are left, and stay as they are. */
	if (cut_bounding(0) < 0 || (priv_is_own() && set_ids_keep_pdeathsig(name, uid, gid) < 0) ||
	    check_ids(uid, gid) < 0)
		return fail_code();
	return priv_keep_only(0);
}

static bool has_file_capabilities(void)
{
	return getxattr("/proc/self/exe", "security.capability", NULL, 0) > 0;
}

/* Why an ordinary user's vnetctl has not this capability, where the usual advice cannot help; NULL
 * where it can. */
static const char *barred(uint64_t cap)
{
	auto_cap cap_t caps = cap_get_proc();
	struct statvfs fs;

	if (getuid() == 0 || !caps || flags_of(caps, CAP_PERMITTED, cap))
		return NULL;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		return "no_new_privs keeps it from us, whether by sudo or by file capabilities: "
		       "start vnetctl without it (in a unit NoNewPrivileges=no)";
	if (has_file_capabilities() && statvfs("/proc/self/exe", &fs) == 0 && fs.f_flag & ST_NOSUID)
		return "vnetctl has file capabilities, but on a nosuid mount they do not count: "
		       "install it elsewhere";
	return NULL;
}

int priv_explain(uint64_t cap, const char *need, const char *way)
{
	const char *why = barred(cap);

	return why ? fail_hint("this needs %s: %s", need, why) :
		     fail_hint("this needs %s %s", need, way);
}

int priv_explain_net_admin(void)
{
	return priv_explain(POWER(CAP_NET_ADMIN), "CAP_NET_ADMIN in the network namespace",
			    "(try sudo; in a container --cap-add NET_ADMIN)");
}

bool priv_is_root(void)
{
	return getuid() == 0 && geteuid() == 0;
}

int priv_give_up(void)
{
	if (cut_ambient() < 0)
		return fail_code();
	return cut_sets(priv_is_root() ? ~UINT64_C(0) : 0);
}
