// SPDX-License-Identifier: GPL-2.0-or-later
/* One rule a line, "allow WHO KEY LIST ..." or "deny WHO [KEY LIST ...]". Deny wins, so the
 * order of lines means nothing: no line that is added anywhere opens what another one closes.
 * An allow rule must name every key, so that nothing is allowed by having been forgotten.
 *
 * The file is believed only as a whole, and only if nobody but root can have written it;
 * it is read through one descriptor, on which that was checked. Devices are told to be the
 * user's by their mark (dev.c), which only CAP_NET_ADMIN can write. */
#include "policy.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>

#include "args.h"
#include "fail.h"
#include "lifeline.h"
#include "lock.h"
#include "orphan.h"
#include "priv.h"

#define MAX_SIZE (64 * 1024)
#define NO_LIMIT UINT32_MAX

/* Refuses one word of a list; text is its own string. Returns what is wrong, or NULL. */
typedef const char *word_flaw(const char *text);

static const char *verb_flaw(const char *text)
{
	return args_choice("{create|open-exec|helper|mode|destroy}", text) ?
		       NULL :
		       "is none of create, open-exec, helper, mode, destroy";
}

static const char *type_flaw(const char *text)
{
	return dev_kind_find(text) ? NULL : "is none of macvtap, tap";
}

/* Only the kernel's words: what a rule says is what list says. */
static const char *mode_flaw(const char *text)
{
	return args_choice("{private|vepa|bridge|passthru|source|none}", text) ?
		       NULL :
		       "is none of private, vepa, bridge, passthru, source, none";
}

static const char *link_flaw(const char *text)
{
	return args_name_flaw(text, false) ? "is no interface name" : NULL;
}

static const char *name_flaw(const char *text)
{
	size_t len = strcspn(text, "*");
	char stem[32];

	if (strchr(text, '%'))
		return "holds a '%': write 'vm*' for vm%d";
	if (text[len] && text[len + 1])
		return "has a '*' that is not at its end";
	snprintf(stem, sizeof(stem), "%.*s", (int)len, text);
	return args_name_flaw(stem, true) ? "is no name that a device can have" : NULL;
}

static const struct {
	const char *name;
	word_flaw *flaw;
} keys[] = {
	[KEY_VERBS] = { "verbs", verb_flaw }, [KEY_LINK] = { "link", link_flaw },
	[KEY_TYPE] = { "type", type_flaw },   [KEY_MODE] = { "mode", mode_flaw },
	[KEY_NAME] = { "name", name_flaw },
};

/* The place in a file that is being parsed. */
struct place {
	const char *file;
	unsigned line;
};

static int refuse(const struct place *at, const char *word, const char *flaw)
{
	fail_refuse("%s:%u: '%.64s' %s", at->file, at->line, word, flaw);
	return fail_hint("until this is mended, only root is allowed anything");
}

/* The next word of the line, or NULL; *rest goes on behind it. */
static char *next_word(char **rest)
{
	char *word = *rest + strspn(*rest, " \t");
	size_t len = strcspn(word, " \t");

	if (!len || *word == '#')
		return NULL;
	*rest = word + len + (word[len] != '\0');
	word[len] = '\0';
	return word;
}

/* Copies the item that begins at p; returns what follows it, NULL after the last one.
 * An item too long to be anything is cut to what is still too long to be anything. */
static const char *next_item(const char *p, char item[32])
{
	size_t len = strcspn(p, ",");

	snprintf(item, 32, "%.*s", (int)(len < 31 ? len : 31), p);
	return p[len] ? p + len + 1 : NULL;
}

static int check_list(const struct place *at, enum policy_key key, const char *list)
{
	for (const char *p = list; p;) {
		const char *flaw;
		char item[32];

		p = next_item(p, item);
		flaw = streq(item, "*") ? NULL : keys[key].flaw(item);
		if (flaw)
			return refuse(at, item, flaw);
	}
	return 0;
}

static int take_who(const struct place *at, const char *text, struct policy_rule *rule)
{
	const char *name = *text == '@' ? text + 1 : text;
	const struct passwd *pw;
	const struct group *gr;
	uint64_t n;
	int err;

	rule->is_group = name != text;
	if (args_number(name, 0, UINT32_MAX - 1, &n) == 0) {
		rule->id = (uint32_t)n;
		return 0;
	}
	errno = 0;
	pw = rule->is_group ? NULL : getpwnam(name);
	gr = rule->is_group ? getgrnam(name) : NULL;
	err = errno;
	/* That nobody could be asked is not that there is none. */
	if (!pw && !gr && (err == EMFILE || err == ENFILE || err == ENOMEM || err == EIO))
		return fail_errno(err, NULL, "%s:%u: cannot look up '%.64s'", at->file, at->line,
				  text);
	if (!pw && !gr)
		return refuse(at, text, "is no user, and no @group");
	rule->id = pw ? pw->pw_uid : gr->gr_gid;
	return 0;
}

static int take_max(const struct place *at, const char *text, struct policy_rule *rule)
{
	uint64_t n = NO_LIMIT;

	if (rule->deny)
		return refuse(at, "max", "is for allow rules");
	if (!streq(text, "*") && args_number(text, 0, 65535, &n) < 0)
		return refuse(at, text, "is no number from 0 to 65535, and not '*'");
	rule->max = (uint32_t)n;
	return 0;
}

/* One key and its value; *seen has a bit for each key, max being the last. */
static int take_key(const struct place *at, const char *word, char **rest, unsigned *seen,
		    struct policy_rule *rule)
{
	const char *value;
	size_t key = 0;

	while (key < KEY_LISTS && !streq(keys[key].name, word))
		key++;
	if (key == KEY_LISTS && !streq(word, "max"))
		return refuse(at, word, "is none of verbs, link, type, mode, name, max");
	if (*seen & 1U << key)
		return refuse(at, word, "is given twice");
	*seen |= 1U << key;
	value = next_word(rest);
	if (!value)
		return refuse(at, word, "needs a value");
	if (key == KEY_LISTS)
		return take_max(at, value, rule);
	rule->lists[key] = value;
	return check_list(at, (enum policy_key)key, value);
}

static int parse_rule(const struct place *at, const char *word, char *rest,
		      struct policy_rule *rule)
{
	const char *who = next_word(&rest);
	unsigned seen = 0;

	*rule = (struct policy_rule){ .line = at->line, .deny = streq(word, "deny") };
	if (!rule->deny && !streq(word, "allow"))
		return refuse(at, word, "is neither allow nor deny");
	if (!who)
		return refuse(at, word, "needs a user or a @group");
	if (take_who(at, who, rule) < 0)
		return fail_code();
	while ((word = next_word(&rest)) != NULL) {
		if (take_key(at, word, &rest, &seen, rule) < 0)
			return fail_code();
	}
	for (size_t key = 0; !rule->deny && key <= KEY_LISTS; key++) {
		if (!(seen & 1U << key))
			return refuse(at, key < KEY_LISTS ? keys[key].name : "max",
				      "is missing: an allow rule says it all, '*' is anything");
	}
	return 0;
}

/* Only printable text, blanks and tabs, and each line is a whole one. */
static int check_bytes(const char *file, const char *text, size_t len)
{
	struct place at = { file, 1 };

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		char word[5];

		if (c == '\n')
			at.line++;
		if (c == '\n' || c == '\t' || (c >= ' ' && c != 0x7f))
			continue;
		snprintf(word, sizeof(word), "\\x%02x", c);
		return refuse(&at, word, "is a control byte");
	}
	if (len && text[len - 1] != '\n')
		return refuse(&at, strrchr(text, '\n') ? strrchr(text, '\n') + 1 : text,
			      "is not the end: the last line has no end, so the file is cut off");
	return 0;
}

static int parse_lines(const char *file, char *text, struct policy *policy)
{
	struct place at = { file, 0 };
	char *end;

	for (char *line = text; *line; line = end + 1) {
		char *word;

		at.line++;
		end = line + strcspn(line, "\n"); /* there is one, see check_bytes() */
		*end = '\0';
		word = next_word(&line);
		if (!word)
			continue;
		if (!have_room(policy->rules, policy->n))
			return fail_errno(ENOMEM, NULL, "cannot read %s", file);
		if (parse_rule(&at, word, line, &policy->rules[policy->n]) < 0)
			return fail_code();
		policy->n++;
	}
	return 0;
}

int policy_parse(const char *file, char *text, size_t len, struct policy *policy)
{
	*policy = (struct policy){ .text = text };
	text[len] = '\0';
	if (check_bytes(file, text, len) == 0 && parse_lines(file, text, policy) == 0)
		return 0;
	policy_free(policy);
	return fail_code();
}

void policy_free(struct policy *policy)
{
	free(policy->text);
	free(policy->rules);
	*policy = (struct policy){ .n = 0 };
}

static bool is_who(const struct policy_rule *rule, const struct policy_who *who)
{
	if (!rule->is_group)
		return rule->id == who->uid;
	for (size_t i = 0; i < who->n; i++) {
		if (rule->id == who->gids[i])
			return true;
	}
	return false;
}

static bool fits(const char *item, const char *word)
{
	size_t stem = strcspn(item, "*");

	return item[stem] ? strncmp(item, word, stem) == 0 : streq(item, word);
}

/* In a name that the kernel is to number, "%d" fits no pattern's own bytes: whatever it
 * becomes, the name fits if the part before it does. But what is denied must not be had
 * by way of a number: there it is enough that the name could become one that fits. */
static bool could_fit(const char *item, const char *word)
{
	const char *number = strstr(word, "%d");
	size_t len = number ? (size_t)(number - word) : 0;

	if (!number || fits(item, word) || strncmp(item, word, len) != 0)
		return fits(item, word);
	for (const char *p = item + len; *p >= '0' && *p <= '9'; p++) {
		if (fits(p + 1, number + 2))
			return true;
	}
	return false;
}

static bool is_in_list(const char *list, const char *word, bool deny)
{
	for (const char *p = list; p;) {
		char item[32];

		p = next_item(p, item);
		if (deny ? could_fit(item, word) : fits(item, word))
			return true;
	}
	return !list;
}

static bool is_about(const struct policy_rule *rule, const struct policy_act *act)
{
	for (size_t key = 0; key < KEY_LISTS; key++) {
		if (!is_in_list(rule->lists[key], act->words[key], rule->deny))
			return false;
	}
	return true;
}

const struct policy_rule *policy_decide(const struct policy *policy, const struct policy_who *who,
					const struct policy_act *act)
{
	const struct policy_rule *found = NULL;

	for (size_t i = 0; i < policy->n; i++) {
		const struct policy_rule *rule = &policy->rules[i];

		if (!is_who(rule, who) || !is_about(rule, act))
			continue;
		if (rule->deny)
			return rule;
		if (!found || rule->max > found->max)
			found = rule;
	}
	return found;
}

/* Nobody but root can have written it. */
static int check_file(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return fail_sys("cannot look at %s", POLICY_FILE);
	if (!S_ISREG(st.st_mode))
		fail_refuse("%s is no regular file", POLICY_FILE);
	else if (st.st_uid != 0)
		fail_refuse("%s belongs to user %u, not to root", POLICY_FILE, st.st_uid);
	else if (st.st_mode & (S_IWGRP | S_IWOTH))
		fail_refuse("%s can be written by others than root (mode %04o)", POLICY_FILE,
			    st.st_mode & 07777);
	else
		return 0;
	return fail_hint("until this is mended, only root is allowed anything");
}

static int open_file(void)
{
	auto_close int fd =
		open(POLICY_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0) {
		int err = errno;

		if (err == ELOOP)
			fail_refuse("%s is a symbolic link", POLICY_FILE);
		else
			fail_errno(err, NULL, "cannot open %s", POLICY_FILE);
		return fail_hint("without it, only root is allowed anything");
	}
	return check_file(fd) < 0 ? fail_code() : steal_fd(&fd);
}

static int load(struct policy *policy)
{
	auto_close int fd = open_file();
	char *text;
	size_t len = 0;
	ssize_t n = 1;

	if (fd < 0)
		return fd;
	text = malloc(MAX_SIZE + 1);
	if (!text)
		return fail_errno(ENOMEM, NULL, "cannot read %s", POLICY_FILE);
	while (n != 0 && len <= MAX_SIZE) {
		n = read(fd, text + len, MAX_SIZE + 1 - len);
		if (n < 0 && errno != EINTR)
			break;
		len += n > 0 ? (size_t)n : 0;
	}
	if (n < 0)
		fail_sys("cannot read %s", POLICY_FILE);
	else if (len > MAX_SIZE)
		fail_refuse("%s is larger than %d KiB", POLICY_FILE, MAX_SIZE / 1024);
	else
		return policy_parse(POLICY_FILE, text, len, policy);
	free(text);
	return fail_code();
}

int policy_begin(const char *netns)
{
	struct policy policy = { .n = 0 };

	if (priv_is_own())
		return 0;
	if (netns)
		return fail_refuse("-netns %s: to enter a network namespace is root's", netns);
	if (load(&policy) < 0)
		return fail_code();
	policy_free(&policy);
	return 0;
}

/* What is asked for, in words for a message. */
static int denied(const struct policy_act *act, const struct policy_rule *rule, unsigned have)
{
	char what[256];

	snprintf(what, sizeof(what), "%s %s (type %s, link %s, mode %s)", act->words[KEY_VERBS],
		 act->words[KEY_NAME], act->words[KEY_TYPE], act->words[KEY_LINK],
		 act->words[KEY_MODE]);
	if (!rule)
		return fail_refuse("%s: no rule in %s allows it", what, POLICY_FILE);
	if (rule->deny)
		return fail_refuse("%s: %s:%u denies it", what, POLICY_FILE, rule->line);
	return fail_refuse("%s: %s:%u allows %u device%s, and there %s %u", what, POLICY_FILE,
			   rule->line, rule->max, rule->max == 1 ? "" : "s",
			   have == 1 ? "is" : "are", have);
}

static int count_one(const struct dev *dev, void *arg)
{
	*(unsigned *)arg += dev->altname[0] && dev->maker == getuid();
	return 0;
}

/* All devices that were made for the caller, here and in lifelines. */
static int count(struct dev_home *home, unsigned *n)
{
	struct lifeline_marks marks = { .n = 0 };
	int r;

	*n = 0;
	r = dev_each(&home->nl, "macvtap", -1, count_one, n);
	if (r == 0)
		r = dev_each(&home->nl, "tun", -1, count_one, n);
	if (r == 0)
		r = lifeline_marks_load(home, &marks);
	if (r == 0)
		r = lifeline_each(home, &marks, count_one, n);
	lifeline_marks_free(&marks);
	return r;
}

struct sweep {
	struct dev_home *home;
	struct deadline deadline;
};

static int sweep_one(const struct dev *dev, void *arg)
{
	struct sweep *sweep = arg;
	int r = orphan_remove(sweep->home, dev, &sweep->deadline);

	return r < 0 ? r : 0;
}

static void sweep_orphans(struct sweep *sweep)
{
	if (orphan_each_marked(sweep->home, sweep_one, sweep) < 0)
		fail_clear();
}

/* The caller's groups; free()d by the caller. */
static gid_t *all_groups(size_t *n)
{
	int more = getgroups(0, NULL);
	gid_t *gids = more < 0 ? NULL : calloc((size_t)more + 1, sizeof(*gids));

	if (gids)
		more = getgroups(more, gids + 1);
	if (!gids || more < 0) {
		fail_sys("cannot ask for the groups of the caller");
		free(gids);
		return NULL;
	}
	gids[0] = getgid();
	*n = (size_t)more + 1;
	return gids;
}

/* The rules' word on it. *max gets how many devices there may be then. */
static int ask(const struct policy_act *act, struct policy_rule *verdict)
{
	struct policy_who who = { .uid = getuid() };
	const struct policy_rule *rule;
	struct policy policy = { .n = 0 };
	gid_t *gids = all_groups(&who.n);

	if (!gids)
		return fail_code();
	who.gids = gids;
	if (load(&policy) == 0) {
		rule = policy_decide(&policy, &who, act);
		if (!rule || rule->deny)
			denied(act, rule, 0);
		else
			*verdict = *rule;
		policy_free(&policy);
	}
	free(gids);
	return fail_code();
}

static const char *mode_word(enum dev_mode mode)
{
	return mode ? dev_mode_word(mode) : "none";
}

/* A device is given to nobody but the user whom it is made for. */
static int check_owner(const struct dev_plan *plan)
{
	bool mine = plan->owner_group == (gid_t)-1;
	size_t n = 0;
	gid_t *gids = all_groups(&n);

	for (size_t i = 0; i < n && !mine; i++)
		mine = gids[i] == plan->owner_group;
	free(gids);
	if (fail_code())
		return fail_code();
	if ((plan->owner != (uid_t)-1 && plan->owner != getuid()) || !mine)
		return fail_refuse("owner: an ordinary user can give a device only to himself and "
				   "to a group of his");
	return 0;
}

static int lock_count(int *lock)
{
	struct deadline deadline = deadline_in(DEADLINE_MS);

	if (lock_take(lock, LOCK_COUNT, getuid(), &deadline, "cannot count devices") == 0)
		return 0;
	return fail_errnum() == EBUSY ?
		       fail_hint("another vnetctl of yours is making one: is it stopped?") :
		       fail_code();
}

static const char *link_of(struct dev_home *home, const struct dev *dev, struct dev *link)
{
	int index = dev->link ? dev->link : dev_is_port(dev) ? dev->master : 0;

	if (!index)
		return "none";
	/* In another namespace: a name there means nothing here. */
	if (dev->link ? !dev_link_is_home(dev) : dev->netnsid >= 0)
		return "?";
	return dev_get_index(&home->nl, -1, index, link) == 0 ? link->name : NULL;
}

/* The kernel puts a macvtap on a macvlan beside it: the lower device must be allowed, too, and
 * *lower is where act then has its name. */
static int ask_link(struct dev_home *home, const struct dev *link, struct policy_act *act,
		    struct dev *lower, struct policy_rule *rule)
{
	struct policy_rule second = { .max = 0 };

	act->words[KEY_LINK] = link ? link->name : "none";
	if (ask(act, rule) < 0 || !link || !dev_is_macvlan(link))
		return fail_code();
	act->words[KEY_LINK] = link_of(home, link, lower);
	if (!act->words[KEY_LINK] || ask(act, &second) < 0)
		return fail_code();
	if (second.max < rule->max)
		*rule = second;
	return 0;
}

int policy_make(struct dev_home *home, const char *verb, const struct dev_plan *plan,
		unsigned planned, int *lock)
{
	struct policy_act act = { {
		[KEY_VERBS] = verb,
		[KEY_TYPE] = dev_kind_word(plan->kind),
		[KEY_MODE] = mode_word(plan->mode),
		[KEY_NAME] = plan->name,
	} };
	struct sweep sweep = { home, deadline_in(200) };
	struct policy_rule rule = { .max = 0 };
	struct dev lower = { .ifindex = 0 };
	unsigned have = 0;

	if (priv_is_own())
		return 0;
	if (ask_link(home, plan->link, &act, &lower, &rule) < 0 || check_owner(plan) < 0)
		return fail_code();
	if (rule.max == NO_LIMIT)
		return 0;
	if (planned >= rule.max)
		return denied(&act, &rule, planned);
	for (bool first = true;; first = false) {
		/* A key of the user's own: nobody else takes this lock, or can stall it. */
		if (*lock < 0 && lock_count(lock) < 0)
			return fail_code();
		if (count(home, &have) < 0)
			return fail_code();
		if (have + planned < rule.max)
			return 0;
		/* A VM that has just ended may have left a device for a moment: it is waited for,
		 * and an orphan goes at once, before anybody is refused. Others count meanwhile. */
		util_close(lock);
		*lock = -1;
		if (first)
			sweep_orphans(&sweep);
		else if (!deadline_nap(&sweep.deadline))
			return denied(&act, &rule, have + planned);
	}
}

int policy_use(struct dev_home *home, const char *verb, const struct dev *dev, enum dev_mode mode)
{
	struct policy_act act = { {
		[KEY_VERBS] = verb,
		[KEY_TYPE] = dev_kind_word(dev->kind),
		[KEY_MODE] = mode_word(mode),
		[KEY_NAME] = dev->name,
	} };
	struct policy_rule rule = { .max = 0 };
	struct dev link;

	if (priv_is_own())
		return 0;
	if (!dev_is_mine(dev))
		return fail_refuse("%s %s: it was not made for you", verb, dev->name);
	act.words[KEY_LINK] = link_of(home, dev, &link);
	return act.words[KEY_LINK] ? ask(&act, &rule) : fail_code();
}

int policy_run_as(const struct plan_user *user)
{
	if (priv_is_own() || (user->uid == getuid() && user->gid == getgid()))
		return 0;
	return fail_refuse("run-as: an ordinary user can be nobody else");
}
