// SPDX-License-Identifier: GPL-2.0-or-later
/* The command line's frame: options, the table of commands, help, completion.
 * Exit status and the printing of failures are decided here. */
#include <fcntl.h>
#include <stdio.h>

#include "args.h"
#include "batch.h"
#include "cmd.h"
#include "fail.h"
#include "netns.h"
#include "out.h"
#include "policy.h"
#include "priv.h"

static const struct cmd *const cmds[] = {
	&cmd_create, &cmd_mode, &cmd_open_exec, &cmd_exec, &cmd_helper, &cmd_destroy, &cmd_list,
};

struct options {
	struct ctx ctx;
	const char *netns;
	const char *colour;
	const char *batch;
	bool force;
	bool json, pretty, brief;
	bool version, help;
};

static const struct option_row {
	const char *name, *alias;
	const char *value;
	size_t offset; /* of a bool, or of a const char * when there is a value */
	const char *help;
} option_rows[] = {
	{ "V", "Version", NULL, offsetof(struct options, version), "print the version" },
	{ "version", NULL, NULL, offsetof(struct options, version), NULL },
	{ "h", "help", NULL, offsetof(struct options, help), "print this help" },
	{ "j", "json", NULL, offsetof(struct options, json), "JSON output" },
	{ "p", "pretty", NULL, offsetof(struct options, pretty), "indented JSON output" },
	{ "d", "details", NULL, offsetof(struct options, ctx.details), "more fields" },
	{ "br", "brief", NULL, offsetof(struct options, brief), "one aligned row a device" },
	{ "t", "tree", NULL, offsetof(struct options, ctx.tree),
	  "list as a tree: links, their devices, who holds them" },
	{ "c", "color", NULL, offsetof(struct options, colour),
	  "colours: always, or as in -c={always|auto|never}" },
	{ "n", "netns", "NAME", offsetof(struct options, netns),
	  "the device lives in this network namespace (name, path or pid)" },
	{ "b", "batch", "FILE", offsetof(struct options, batch),
	  "one command a line of FILE (- is standard input)" },
	{ "f", "force", NULL, offsetof(struct options, force), "go on after errors in a batch" },
	{ "q", "quiet", NULL, 0, "no warnings" },
};

static const struct cmd *find_cmd(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(cmds); i++) {
		if (streq(cmds[i]->name, name))
			return cmds[i];
		for (size_t k = 0; k < ARRAY_SIZE(cmds[i]->aliases); k++) {
			if (streq(cmds[i]->aliases[k], name))
				return cmds[i];
		}
	}
	return NULL;
}

/* The option's row; *value gets what follows a '=' in it, else NULL. */
static const struct option_row *find_option(const char *text, const char **value)
{
	char name[16];
	size_t len;

	text += text[1] == '-' ? 2 : 1;
	len = strcspn(text, "=");
	*value = text[len] ? text + len + 1 : NULL;
	if (len >= sizeof(name))
		return NULL;
	memcpy(name, text, len);
	name[len] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(option_rows); i++) {
		const struct option_row *row = &option_rows[i];

		if ((streq(row->name, name) || streq(row->alias, name)) &&
		    (!*value || streq(row->name, "c")))
			return row;
	}
	return NULL;
}

static int set_colour(const char *option, const char *when, struct options *o)
{
	o->colour = when ? when : "always";
	if (!args_choice("{always|auto|never}", o->colour))
		return fail_usage("'%s' is not known: -c={always|auto|never}", option);
	return 0;
}

/* Returns the number of words consumed, or a recorded failure. */
static int parse_options(int argc, char **argv, struct options *o)
{
	int i;

	for (i = 0; i < argc && argv[i][0] == '-'; i++) {
		const char *value;
		const struct option_row *row = find_option(argv[i], &value);
		char *field = row ? (char *)o + row->offset : NULL;

		if (!row)
			return fail_usage("'%s' is no option: try 'vnetctl help'", argv[i]);
		if (row->value) {
			if (i + 1 == argc)
				return fail_usage("'%s' needs a value: %s", argv[i], row->value);
			*(const char **)field = argv[++i];
		} else if (streq(row->name, "c")) {
			if (set_colour(argv[i], value, o) < 0)
				return fail_code();
		} else if (streq(row->name, "q")) {
			fail_quiet();
		} else {
			*(bool *)field = true;
		}
	}
	return i;
}

static void show_usage(const struct cmd *cmd)
{
	const struct args_spec *spec = &cmd->spec;
	char line[1024];
	int n = snprintf(line, sizeof(line), "vnetctl %s %s", cmd->name, spec->names);

	for (size_t i = 0; i < spec->n && n < (int)sizeof(line); i++)
		n += snprintf(line + n, sizeof(line) - (size_t)n, " [%s%s%s]", spec->words[i].name,
			      spec->words[i].value ? " " : "",
			      spec->words[i].value ? spec->words[i].value : "");
	out_line("%s%s%s%s%s%s%s%s%s", line, spec->more ? " " : "", spec->more ? spec->more : "",
		 spec->foreign ? " " : "", spec->foreign ? spec->foreign : "",
		 spec->positional ? " " : "", spec->positional ? spec->positional : "",
		 spec->tail ? " " : "", spec->tail ? spec->tail : "");
}

static void help_cmd(const struct cmd *cmd)
{
	out_line("%s: %s", cmd->name, cmd->help);
	out_line("%s", "");
	show_usage(cmd);
	if (cmd->spec.n)
		out_line("%s", "");
	for (size_t i = 0; i < cmd->spec.n; i++) {
		const struct args_word *w = &cmd->spec.words[i];

		out_line("  %-10s %s", w->name, w->help);
	}
}

static void help_all(void)
{
	out_line("%s", "vnetctl [OPTIONS] COMMAND [ARGS]: network devices for virtual machines");
	out_line("%s", "");
	for (size_t i = 0; i < ARRAY_SIZE(cmds); i++)
		show_usage(cmds[i]);
	out_line("%s", "vnetctl help [COMMAND]");
	out_line("%s", "");
	for (size_t i = 0; i < ARRAY_SIZE(option_rows); i++) {
		const struct option_row *row = &option_rows[i];
		char name[32];

		if (!row->help)
			continue;
		snprintf(name, sizeof(name), "-%s, -%s %s", row->name, row->alias,
			 row->value ? row->value : "");
		out_line("  %-18s %s", name, row->help);
	}
	out_line("%s", "");
	out_line("%s", "Example: vnetctl open-exec vm0 link eth0 mode bridge -- "
		       "qemu-system-x86_64 disk.img");
}

static int help(int argc, char **argv)
{
	const struct cmd *cmd = argc > 0 ? find_cmd(argv[0]) : NULL;

	if (argc > 0 && !cmd)
		return fail_usage("'%s' is no command: try 'vnetctl help'", argv[0]);
	if (cmd)
		help_cmd(cmd);
	else
		help_all();
	return out_plain_end();
}

/* Completion: the words that could stand next, one a line; "@link", "@dev" and "@command N" stand
 * for what only the caller knows how to complete: N words stand before COMMAND. */
static void complete_value(const char *value)
{
	char word[32];

	if (streq(value, "DEV")) {
		out_line("%s", "@link");
		return;
	}
	if (value[0] != '{')
		return;
	for (const char *p = value + 1; *p; p++) {
		size_t len = strcspn(p, "|}");

		snprintf(word, sizeof(word), "%.*s", (int)len, p);
		out_line("%s", word);
		p += len;
		if (*p == '}')
			break;
	}
}

/* How many words stand before COMMAND, 0 when it has not come yet. A command without words of its
 * own needs no "--" before it. */
static int before_command(const struct cmd *cmd, int argc, char **argv)
{
	int name = argc > 0 && streq(argv[0], "dev") ? 2 : 1;

	for (int i = 0; cmd->spec.tail && i < argc; i++) {
		if (streq(argv[i], "--"))
			return i + 1;
		if (!cmd->spec.n && i == name)
			return i;
	}
	return cmd->spec.tail && !cmd->spec.n && argc == name ? name : 0;
}

/* Before the command's own words there are others. */
static void complete_words(const struct cmd *cmd, int others, int argc, char **argv)
{
	const struct args_word *prev = argc > 0 ? args_find(&cmd->spec, argv[argc - 1]) : NULL;
	int before = before_command(cmd, argc, argv);

	if (before) {
		out_line("@command %d", others + before);
		return;
	}
	if (prev && prev->value) {
		complete_value(prev->value);
		return;
	}
	if (cmd->spec.positional && argc > 0) {
		complete_value(cmd->spec.positional + 1);
		return;
	}
	if (cmd->spec.names)
		out_line("%s", "@dev");
	if (argc > 0 && streq(argv[argc - 1], "dev"))
		return;
	for (size_t i = 0; i < cmd->spec.n; i++)
		out_line("%s", cmd->spec.words[i].name);
	if (cmd->spec.tail && cmd->spec.n)
		out_line("%s", "--");
}

static int complete(int argc, char **argv)
{
	const struct cmd *cmd;
	struct options o = { .json = false };
	int used = parse_options(argc, argv, &o);

	if (used < 0) {
		fail_clear();
		return 0;
	}
	if (used == argc) {
		for (size_t i = 0; i < ARRAY_SIZE(cmds); i++)
			out_line("%s", cmds[i]->name);
		for (size_t i = 0; i < ARRAY_SIZE(option_rows); i++)
			out_line("-%s", option_rows[i].name);
		out_line("%s", "help");
		return out_plain_end();
	}
	if (streq(argv[used], "help")) {
		for (size_t i = 0; i < ARRAY_SIZE(cmds) && used + 1 == argc; i++)
			out_line("%s", cmds[i]->name);
		return out_plain_end();
	}
	cmd = find_cmd(argv[used]);
	if (cmd)
		complete_words(cmd, used + 1, argc - used - 1, argv + used + 1);
	return out_plain_end();
}

static int open_home(struct options *o)
{
	auto_close int ns = -1;

	if (o->netns) {
		ns = netns_open(o->netns);
		if (ns < 0)
			return ns;
		o->ctx.origin = netns_self();
		if (o->ctx.origin < 0 || netns_enter(ns) < 0)
			return fail_code();
	}
	return dev_home_open(&o->ctx.home);
}

/* Nothing that we open may land on 0, 1 or 2; COMMAND finds them closed again, and what
 * is written there fails. */
static int guard_stdio(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && fd <= 2);
	if (fd < 0)
		return fail_sys("cannot open /dev/null");
	close(fd);
	return 0;
}

static int run_cmd(const struct cmd *cmd, struct options *o, int argc, char **argv)
{
	if (argc == 1 && streq(argv[0], "help")) {
		help_cmd(cmd);
		return out_plain_end();
	}
	return cmd->run(&o->ctx, argc, argv);
}

/* One line of a batch. open-exec would end the batch with its first success. */
static int run_line(struct options *o, int argc, char **argv)
{
	const struct cmd *cmd = find_cmd(argv[0]);

	if (!cmd)
		return fail_usage("'%s' is no command: try 'vnetctl help'", argv[0]);
	if (cmd->alone)
		return fail_usage("%s cannot be part of a batch: %s", cmd->name, cmd->alone);
	return run_cmd(cmd, o, argc - 1, argv + 1);
}

/* Prints the failure on record. Returns false when the batch ends here. */
static bool go_on(const struct options *o)
{
	fail_note();
	return o->force || !fail_was_told();
}

/* With what the caller himself may read. */
static int open_batch(const char *path)
{
	auto_power struct power power = priv_raise(POWER(CAP_DAC_READ_SEARCH));

	return open(path, O_RDONLY | O_CLOEXEC);
}

static int run_batch(struct options *o)
{
	struct batch b = { .name = o->batch };
	auto_close int file = -1;
	unsigned total;
	char **argv;
	int argc;

	if (!streq(o->batch, "-")) {
		file = open_batch(o->batch);
		if (file < 0)
			return fail_sys("cannot open %s", o->batch);
		b.fd = file;
	}
	total = batch_lines(&b);
	while ((argc = batch_next(&b, &argv)) != 0) {
		/* After a line that cannot be read, only a wrong one can be passed over. */
		bool readable = argc > 0 || fail_code() == FAIL_USAGE;

		if (b.line < total)
			fail_progress("line", b.line, total);
		fail_place(b.place);
		if (argc > 0)
			run_line(o, argc, argv);
		if (!go_on(o) || !readable)
			break;
	}
	fail_note();
	fail_place(NULL);
	fail_progress("line", total, total);
	batch_free(&b);
	return 0;
}

/* Everything that works on devices, between opening home and closing it. */
static int run_home(const struct cmd *cmd, struct options *o, int argc, char **argv)
{
	int r = guard_stdio();

	/* list shows a user his own devices, whatever he may do with them. */
	if (r == 0 && (!cmd || (cmd->power && cmd != &cmd_list) || o->netns))
		r = policy_begin(o->netns);
	if (r == 0 && cmd && cmd->before && !(argc == 1 && streq(argv[0], "help")))
		r = cmd->before(argc, argv);
	if (r == 0)
		r = open_home(o);
	if (r == 0)
		r = o->batch ? run_batch(o) : run_cmd(cmd, o, argc, argv);
	dev_home_close(&o->ctx.home);
	util_close(&o->ctx.origin);
	return r;
}

/* Capabilities are cut to the command's row; a batch can be of all that it may hold. */
static int begin(const struct cmd *cmd, const struct options *o)
{
	uint64_t any = cmd ? cmd->power : 0, own = cmd ? cmd->own_power : 0;

	for (size_t i = 0; o->batch && i < ARRAY_SIZE(cmds); i++) {
		if (!cmds[i]->alone) {
			any |= cmds[i]->power;
			own |= cmds[i]->own_power;
		}
	}
	return priv_begin(any, o->netns ? own | POWER(CAP_SYS_ADMIN) | POWER_LOOK : own);
}

static enum out_style style_of(const struct options *o)
{
	if (o->pretty)
		return OUT_PRETTY;
	if (o->json)
		return OUT_JSON;
	return o->brief ? OUT_BRIEF : OUT_TEXT;
}

/* r is 0, a FAIL_* code, or minus an exit status of open-exec's own. */
static int status_of(int r, const struct cmd *cmd)
{
	int printed = fail_print();

	if (r >= 0)
		return printed;
	if (r < FAIL_SYS)
		return -r;
	return cmd && cmd->own_status ? cmd->own_status : printed;
}

int main(int argc, char **argv)
{
	struct options o = { .ctx = { .origin = -1, .home = DEV_HOME_INIT } };
	const struct cmd *cmd = NULL;
	int used, r;

	if (argc < 1)
		return status_of(fail_usage("started without a name"), NULL);
	o.ctx.argv = argv;
	used = parse_options(argc - 1, argv + 1, &o);
	if (used < 0)
		return status_of(used, NULL);
	argc -= 1 + used;
	argv += 1 + used;
	cmd = argc > 0 ? find_cmd(argv[0]) : NULL;
	r = begin(cmd, &o);
	if (r < 0)
		return status_of(r, cmd);
	o.ctx.style = style_of(&o);
	/* A program wants all there is, but not unasked what is dear. */
	o.ctx.users = o.ctx.details || !(o.json || o.pretty);
	o.ctx.details |= o.json || o.pretty;
	o.ctx.colour = out_wants_colour(o.colour);
	if (o.version) {
		out_line("vnetctl %s", VNETCTL_VERSION);
		return status_of(out_plain_end(), NULL);
	}
	if (o.help || (argc > 0 && streq(argv[0], "help")))
		return status_of(help(o.help ? 0 : argc - 1, argv + 1), NULL);
	if (argc > 0 && streq(argv[0], "complete"))
		return status_of(complete(argc - 1, argv + 1), NULL);
	if (o.batch && argc > 0)
		return status_of(
			fail_usage("-batch: the commands are in the file: what is '%s'?", argv[0]),
			NULL);
	if (o.batch)
		return status_of(run_home(NULL, &o, 0, NULL), NULL);
	if (argc == 0)
		return status_of(fail_usage("which command? Try 'vnetctl help'"), NULL);
	if (!cmd)
		return status_of(fail_usage("'%s' is no command: try 'vnetctl help'", argv[0]),
				 NULL);
	r = run_home(cmd, &o, argc - 1, argv + 1);
	return status_of(r, cmd);
}
