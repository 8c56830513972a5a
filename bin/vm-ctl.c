/* SPDX-License-Identifier: MIT */
/*
 * vm-ctl: says something to machines that run. A table of verbs drives the
 * parsing, the help and the list for completions.
 */
// LDLIBS: -ljansson
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bin/ctl/ctl.h"
#include "bin/tool.h"
#include "lib/err.h"
#include "lib/home.h"
#include "vmm/api-int.h"
#include "vmm/config.h"

enum { AT_ONCE = 32, MS_MAX = 3600000 };

struct conf {
	bool json, list, keys, force;
	uint64_t hold, delay;
	const char *layout;
	int64_t timeout;
	struct opt_list states;
};

#define SIMPLE(name, command)                                                  \
	static int name(const struct ctl *c)                                   \
	{                                                                      \
		return ctl_command(c, command);                                \
	}
SIMPLE(powerdown, "system_powerdown")
SIMPLE(pause_it, "stop")
SIMPLE(resume, "cont")
SIMPLE(reset, "system_reset")
SIMPLE(nmi, "inject-nmi")

static const struct verb verbs[] = {
	{"stop", "", "power button; off by force after its stop-timeout",
		ctl_stop, VERB_WAITS},
	{"powerdown", "", "press the power button, no more", powerdown, 0},
	{"poweroff", "", "pull the plug", ctl_poweroff, VERB_WAITS},
	{"pause", "", "stop the guest's time", pause_it, 0},
	{"resume", "", "go on after pause", resume, 0},
	{"reset", "", "press the reset button", reset, 0},
	{"nmi", "", "non-maskable interrupt to every CPU", nmi, 0},
	{"status", "", "how it is (-J: as JSON)", ctl_status, VERB_JSON},
	{"registers", "[N|DEVICE]", "of all CPUs, of one, or of a device",
		ctl_registers, VERB_ARG},
	{"dump", "[FILE|-]", "memory and CPUs as an ELF core", ctl_dump,
		VERB_ARG | VERB_ONE},
	{"block", "[list|VERB ID ...]", "its drives, see vm-ctl(1)", ctl_block,
		VERB_ARGS | VERB_JSON | VERB_ONE},
	{"balloon", "[SIZE]", "memory the guest is to have, or has",
		ctl_balloon, VERB_ARG},
	{"key", "KEY...", "press keys: ctrl-alt-del, alt-f2, ret", ctl_key,
		VERB_ARGS | VERB_TYPES},
	{"type", "TEXT|-", "type a text on its keyboard", ctl_type,
		VERB_ARG | VERB_NEEDS_ARG | VERB_ONE | VERB_TYPES},
	{"mouse", "move|rel|click ...", "move and click, see vm-ctl(1)",
		ctl_mouse, VERB_ARGS | VERB_TYPES},
	{"qmp", "COMMAND|-", "a command of the control socket; - reads them",
		ctl_qmp, VERB_ARG | VERB_NEEDS_ARG},
	{"events", "", "print events until it ends", ctl_events, 0},
};
enum { VERBS = sizeof(verbs) / sizeof(verbs[0]) };

static const struct opt options[] = {
	{.name = "state",
		.letter = 's',
		.kind = OPT_LIST,
		.at = offsetof(struct conf, states),
		.arg = "STATE,...",
		.help = "all machines in that state"},
	{.name = "timeout",
		.letter = 't',
		.kind = OPT_DURATION,
		.at = offsetof(struct conf, timeout),
		.arg = "DURATION",
		.help = "how long to wait (stop: for the guest)"},
	{.name = "json",
		.letter = 'J',
		.kind = OPT_FLAG,
		.at = offsetof(struct conf, json),
		.help = "print JSON"},
	{.name = "force",
		.letter = 'f',
		.kind = OPT_FLAG,
		.at = offsetof(struct conf, force),
		.help = "block: although the guest holds it, or would lose "
			"data"},
	{.name = "hold",
		.kind = OPT_NUMBER,
		.at = offsetof(struct conf, hold),
		.arg = "MS",
		.max = MS_MAX,
		.help = "key, mouse click: how long"},
	{.name = "delay",
		.kind = OPT_NUMBER,
		.at = offsetof(struct conf, delay),
		.arg = "MS",
		.max = MS_MAX,
		.help = "key, type: from one to the next (10)"},
	{.name = "layout",
		.kind = OPT_STRING,
		.at = offsetof(struct conf, layout),
		.arg = CONFIG_LAYOUTS,
		.help = "type: of the guest's keyboard"},
	{.name = "list-keys",
		.kind = OPT_FLAG,
		.at = offsetof(struct conf, keys),
		.help = "print the names of keys, for completions"},
	{.name = "list-verbs",
		.kind = OPT_FLAG,
		.at = offsetof(struct conf, list),
		.help = "print the verbs, for completions"},
	{0},
};

/* ---- which verb, which machines ---- */

static const struct verb *
find_verb(const char *name)
{
	for (size_t n = 0; n < VERBS; n++)
		if (strcmp(verbs[n].name, name) == 0)
			return &verbs[n];
	failx(-EINVAL, "unknown verb '%s'; vm-ctl -h lists them", name);
	return NULL;
}

/* v: the verb and what follows. */
static const struct verb *
parse(char **v, unsigned n, const struct conf *conf)
{
	const struct verb *verb;

	if (!n) {
		failx(-EINVAL, "no verb given; vm-ctl -h lists them");
		return NULL;
	}
	verb = find_verb(v[0]);
	if (!verb)
		return NULL;
	if (!(verb->flags & VERB_ARGS) &&
		n > (verb->flags & VERB_ARG ? 2u : 1u))
		failx(-EINVAL, "%s: too many arguments", verb->name);
	else if (n < 2 && (verb->flags & VERB_NEEDS_ARG))
		failx(-EINVAL, "%s: %s is missing", verb->name, verb->args);
	else if (conf->states.n && verb->flags & VERB_ONE)
		failx(-EINVAL, "%s: one machine at a time", verb->name);
	else if (conf->json && !(verb->flags & VERB_JSON))
		failx(-EINVAL, "%s: prints no JSON", verb->name);
	else if ((conf->layout || ~conf->hold || ~conf->delay) &&
		 !(verb->flags & VERB_TYPES))
		failx(-EINVAL, "%s: types nothing", verb->name);
	else
		return verb;
	return NULL;
}

/* "running" or "running,paused". */
static bool
word_in(const char *words, const char *word, size_t n)
{
	for (const char *p = words; *p; p += strcspn(p, ","), p += *p == ',')
		if (strcspn(p, ",") == n && memcmp(p, word, n) == 0)
			return true;
	return false;
}

static int
check_states(const struct opt_list *l)
{
	char word[32];

	for (size_t k = 0; k < l->n; k++)
		for (const char *p = l->v[k]; *p;) {
			size_t n = strcspn(p, ",");

			snprintf(word, sizeof(word), "%.*s", (int)n, p);
			if (home_state_find(word) < 0)
				return failx(
					-EINVAL, "no such state: '%s'", word);
			p += n + (p[n] == ',');
		}
	return 0;
}

struct choice {
	const struct opt_list *states;
	char **name;
	size_t n;
};

static int
choose(void *to, const struct vmm_info *info)
{
	struct choice *c = to;
	char **name;

	for (size_t k = 0; k < c->states->n; k++) {
		if (!word_in(c->states->v[k], info->state, strlen(info->state)))
			continue;
		name = realloc(c->name, (c->n + 1) * sizeof(*name));
		if (!name)
			return fail(-ENOMEM, "machines");
		c->name = name;
		c->name[c->n] = strdup(info->name);
		if (!c->name[c->n])
			return fail(-ENOMEM, "machines");
		c->n++;
		break;
	}
	return 0;
}

/* ---- doing it ---- */

static int
reap(void)
{
	int status;

	if (wait(&status) < 0)
		return 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : TOOL_FAILED;
}

/* Guests take their time: each machine has a process of ours that waits. */
static int
do_at_once(const struct verb *verb, struct ctl *c, const struct choice *all)
{
	int code = 0;
	size_t running = 0;

	signal(SIGCHLD, SIG_DFL); /* ignored, it would take their exit codes */
	for (size_t k = 0; k < all->n; k++) {
		pid_t pid;

		if (running == AT_ONCE) {
			code |= reap();
			running--;
		}
		c->name = all->name[k];
		pid = fork();
		if (pid == 0)
			_exit(verb->run(c));
		if (pid > 0)
			running++;
		else
			code |= verb->run(c);
	}
	while (running--)
		code |= reap();
	return code ? TOOL_FAILED : 0;
}

static int
do_each(const struct verb *verb, struct ctl *c, const struct choice *all)
{
	int code = 0;

	if (verb->flags & VERB_WAITS)
		return do_at_once(verb, c, all);
	for (size_t k = 0; k < all->n; k++) {
		c->name = all->name[k];
		if (verb->run(c))
			code = TOOL_FAILED;
	}
	return code;
}

static int
do_states(const struct verb *verb, struct ctl *c, const struct opt_list *states)
{
	struct choice all = {.states = states};
	int code;

	if (vmm_list(c->home, 0, choose, &all))
		code = tool_fail();
	else
		code = do_each(verb, c, &all);
	while (all.n)
		free(all.name[--all.n]);
	free(all.name);
	return code;
}

static int
list_verbs(void)
{
	for (size_t n = 0; n < VERBS; n++)
		printf("%s\t%s\t%s\n", verbs[n].name,
			verbs[n].run == ctl_block   ? "[" CTL_BLOCK "]"
			: verbs[n].run == ctl_mouse ? CTL_MOUSE
						    : verbs[n].args,
			verbs[n].help);
	return 0;
}

/* What the help says of the verbs. */
static const char *
verbs_text(char *buf, size_t size)
{
	size_t at = (size_t)snprintf(buf, size, "verbs:\n");

	for (size_t n = 0; n < VERBS && at < size; n++)
		at += (size_t)snprintf(buf + at, size - at, "  %-10s%-18s %s\n",
			verbs[n].name, verbs[n].args, verbs[n].help);
	return buf;
}

static int
run(const struct conf *conf, struct opt_rest *rest)
{
	struct ctl c = {.json = conf->json,
		.force = conf->force,
		.timeout_ms = -1,
		.hold_ms = (int64_t)conf->hold,
		.delay_ms = (int64_t)conf->delay,
		.layout = conf->layout};
	bool many = conf->states.n;
	const struct verb *verb;
	int code;

	if (many ? check_states(&conf->states)
		 : rest->n && home_check_name(rest->v[0]))
		return tool_misused();
	if (!many && !rest->n) {
		failx(-EINVAL, "no machine given");
		return tool_misused();
	}
	verb = parse(rest->v + !many, rest->n - !many, conf);
	if (!verb)
		return tool_misused();
	c.args = rest->v + 1 + !many;
	c.n_args = rest->n - 1 - !many;
	c.arg = c.n_args ? c.args[0] : NULL;
	if (conf->timeout >= 0)
		c.timeout_ms = conf->timeout / 1000000 > INT32_MAX
				       ? INT32_MAX
				       : (int)(conf->timeout / 1000000);
	code = api_home_open(&c.home, NULL, false);
	if (code == -ENOENT && many)
		return 0; /* no directory, no machines */
	if (code == -ENOENT)
		failx(code, "%s: no such machine", rest->v[0]);
	if (code)
		return tool_fail();
	if (many) {
		code = do_states(verb, &c, &conf->states);
	} else {
		c.name = rest->v[0];
		code = verb->run(&c);
	}
	vmm_home_close(c.home);
	return code;
}

int
main(int argc, char **argv)
{
	struct conf conf = {
		.timeout = -1, .hold = UINT64_MAX, .delay = UINT64_MAX};
	struct opt_rest rest;
	char text[2048];
	const struct opt_tool tool = {
		.name = "vm-ctl",
		.what = "control running virtual machines",
		.usage = "[-fJ] [-t DURATION] NAME VERB [ARGUMENT ...]\n"
			 "[-fJ] [-t DURATION] -s STATE,... VERB "
			 "[ARGUMENT ...]\n"
			 "--list-keys\n"
			 "--list-verbs",
		.opts = options,
		.max = OPT_ANY,
		.more = verbs_text(text, sizeof(text)),
	};
	int code = tool_start(&tool, argc, argv, &conf, &rest);

	if (code >= 0)
		return tool_end(code);
	code = conf.list   ? list_verbs()
	       : conf.keys ? ctl_list_keys()
			   : run(&conf, &rest);
	opt_list_free(&conf.states);
	return tool_end(code);
}
