// SPDX-License-Identifier: GPL-2.0-or-later
/* Nothing is believed before it was read back: a security module may turn a
 * capset into nothing. */
#include "priv.h"

#include <errno.h>
#include <grp.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "fail.h"

#define auto_cap __attribute__((cleanup(free_cap)))

static void free_cap(cap_t *cap)
{
	if (*cap)
		cap_free(*cap);
}

static bool is_kept(cap_value_t cap, const cap_value_t *keep, int n)
{
	for (int i = 0; i < n; i++) {
		if (keep[i] == cap)
			return true;
	}
	return false;
}

/* The bounding set only matters to who could exec something privileged; without
 * CAP_SETPCAP there is nothing to be done, and no_new_privs stands for it. */
static int cut_bounding(const cap_value_t *keep, int n)
{
	for (cap_value_t cap = 0; cap < cap_max_bits(); cap++) {
		if (!is_kept(cap, keep, n) && cap_drop_bound(cap) < 0 && errno != EPERM)
			return fail_sys("cannot give up capabilities");
	}
	return 0;
}

/* keep[], as far as the process has it. */
static int cut_sets(const cap_value_t *keep, int n)
{
	auto_cap cap_t had = cap_get_proc(), want = cap_init(), now = NULL;

	if (!had || !want)
		return fail_sys("cannot read capabilities");
	for (int i = 0; i < n; i++) {
		cap_flag_value_t has;

		if (cap_get_flag(had, keep[i], CAP_PERMITTED, &has) == 0 && has == CAP_SET &&
		    (cap_set_flag(want, CAP_PERMITTED, 1, &keep[i], CAP_SET) < 0 ||
		     cap_set_flag(want, CAP_EFFECTIVE, 1, &keep[i], CAP_SET) < 0))
			return fail_sys("cannot give up capabilities");
	}
	if (cap_set_proc(want) < 0)
		return fail_sys("cannot give up capabilities");
	now = cap_get_proc();
	if (!now || cap_compare(now, want) != 0)
		return fail_errno(EPERM, NULL, "cannot give up capabilities");
	return 0;
}

int priv_keep_only(const cap_value_t *keep, int n)
{
	if (cap_reset_ambient() < 0 && errno != EINVAL)
		return fail_sys("cannot give up ambient capabilities");
	if (cut_bounding(keep, n) < 0 || cut_sets(keep, n) < 0)
		return fail_code();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail_sys("cannot set no_new_privs");
	return 0;
}

static int set_ids(const char *name, uid_t uid, gid_t gid)
{
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid;

	if ((*name ? initgroups(name, gid) : setgroups(0, NULL)) < 0)
		return fail_sys("run-as: cannot set the groups (this needs CAP_SETGID)");
	if (setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return fail_sys("run-as: cannot become user %u, group %u (this needs CAP_SETUID "
				"and CAP_SETGID)",
				uid, gid);
	if (getresuid(&ruid, &euid, &suid) < 0 || getresgid(&rgid, &egid, &sgid) < 0 ||
	    ruid != uid || euid != uid || suid != uid || rgid != gid || egid != gid || sgid != gid)
		return fail_errno(EPERM, NULL, "run-as: did not become user %u, group %u", uid,
				  gid);
	return 0;
}

int priv_become(const char *name, uid_t uid, gid_t gid)
{
	if (gid == (gid_t)-1)
		return fail_usage("run-as: user %u has no group of his own: say USER:GROUP", uid);
	/* The bounding set first: it takes a capability that goes with the user. */
	if (cut_bounding(NULL, 0) < 0 || set_ids(name, uid, gid) < 0)
		return fail_code();
	return priv_keep_only(NULL, 0);
}

int priv_clear_inheritable(void)
{
	auto_cap cap_t caps = cap_get_proc();

	if (cap_reset_ambient() < 0 && errno != EINVAL)
		return fail_sys("cannot give up ambient capabilities");
	if (!caps || cap_clear_flag(caps, CAP_INHERITABLE) < 0 || cap_set_proc(caps) < 0)
		return fail_sys("cannot give up inheritable capabilities");
	return 0;
}
