/* SPDX-License-Identifier: MIT */
/*
 * vm-console: a machine's serial console. What it said before comes first; many
 * may read, and write.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bin/tool-config.h"
#include "bin/tool.h"
#include "bin/console/session.h"
#include "lib/console.h"
#include "lib/err.h"
#include "vmm/api-int.h"

#define DEFAULT_ESCAPE 0x1d /* Ctrl-] */

struct conf {
	struct want want;
	uint64_t lines; /* UINT64_MAX: not given */
	bool all, quiet;
	const char *record;
};

static int
set_escape(void *conf, const char *value)
{
	struct want *w = &((struct conf *)conf)->want;
	size_t n = strlen(value);

	if (strcmp(value, "none") == 0)
		w->escape = NO_ESCAPE;
	else if (n == 1)
		w->escape = (unsigned char)value[0];
	else if (n == 2 && value[0] == '^' && value[1] >= '?' &&
		 value[1] <= '~')
		w->escape = value[1] == '?' ? 0x7f : value[1] & 0x1f;
	else
		return failx(-EINVAL,
			"'%s' is not a key: ^], ^a, a character, none", value);
	return 0;
}

#define WANT(member) offsetof(struct conf, want.member)
#define CONF(member) offsetof(struct conf, member)

static const struct opt options[] = {
	{.name = "lines",
		.letter = 'n',
		.kind = OPT_NUMBER,
		.arg = "N",
		.at = CONF(lines),
		.max = 1u << 30,
		.help = "begin with the last N lines (default: 64 KiB)"},
	{.name = "all",
		.letter = 'a',
		.kind = OPT_FLAG,
		.at = CONF(all),
		.help = "begin with all that the log holds"},
	{.name = "no-input",
		.kind = OPT_FLAG,
		.at = WANT(no_input),
		.help = "only read"},
	{.name = "once",
		.letter = '1',
		.kind = OPT_FLAG,
		.at = WANT(once),
		.help = "leave at the end of the input"},
	{.name = "wait",
		.letter = 'w',
		.kind = OPT_FLAG,
		.at = WANT(wait),
		.help = "wait until the machine runs"},
	{.name = "escape",
		.letter = 'e',
		.kind = OPT_CALL,
		.arg = "KEY",
		.set = set_escape,
		.help = "the key that leaves: ^], ^a, none (default ^])"},
	{.name = "record",
		.kind = OPT_STRING,
		.arg = "FILE",
		.at = CONF(record),
		.help = "record what is shown, as asciicast v2"},
	{.name = "quiet",
		.letter = 'q',
		.kind = OPT_FLAG,
		.at = CONF(quiet),
		.help = "do not tell what happens"},
	{0},
};

static const struct opt_tool tool = {
	.name = "vm-console",
	.what = "attach to the console of a virtual machine",
	.usage = "[-1aqw] [-n N] [-e KEY] [--no-input] [--record FILE] name",
	.opts = options,
	.min = 1,
	.max = 1,
};

static int
prepare(struct conf *c)
{
	struct want *w = &c->want;

	w->lines = CONSOLE_FROM_START;
	w->bytes = c->all ? 0 : SCROLLBACK;
	if (!c->all && c->lines != UINT64_MAX) {
		w->lines = (int64_t)c->lines;
		w->bytes = 2 * CONSOLE_CAP; /* more it does not make */
	}
	w->tell = !c->quiet && isatty(STDERR_FILENO);
	if (!c->record)
		return 0;
	w->record = fopen(c->record, "we");
	if (!w->record)
		return fail(-errno, "%s: cannot open", c->record);
	setvbuf(w->record, NULL, _IOLBF, 0);
	return 0;
}

static int
attach(struct conf *conf, const char *name)
{
	struct session s = {0};
	struct vmm_home *home = NULL;
	struct home_vm *vm = NULL;
	int code = tool_check_name(name);

	if (!code)
		code = tool_home(&home, false, name);
	if (code)
		return code;
	if (home_find(home->home, name, &vm) < 0 || prepare(conf) < 0) {
		code = tool_fail();
	} else if (session_open(&s, &conf->want, vm) < 0) {
		code = tool_fail();
		session_close(&s);
	} else {
		code = session_run(&s);
		session_close(&s);
	}
	if (conf->want.record)
		fclose(conf->want.record);
	home_vm_close(vm);
	vmm_home_close(home);
	return code;
}

int
main(int argc, char **argv)
{
	struct conf conf = {
		.lines = UINT64_MAX,
		.want.escape = DEFAULT_ESCAPE,
	};
	struct opt_rest rest;
	int code = tool_start(&tool, argc, argv, &conf, &rest);

	if (code < 0 && conf.record && strcmp(conf.record, "-") == 0) {
		failx(-EINVAL, "--record: '-' is no file");
		code = tool_misused();
	}
	if (code >= 0)
		return tool_end(code);
	return tool_end(attach(&conf, rest.v[0]));
}
