/* SPDX-License-Identifier: MIT */
/*
 * vm-wait: sleep until machines are in a state, or have printed a line.
 */
#include <errno.h>
#include <regex.h>
#include <stdlib.h>

#include "bin/tool.h"
#include "lib/err.h"
#include "lib/home.h"
#include "vmm/api-int.h"
#include "vmm/wait.h"

enum { TOOL_OVER = 3, TOOL_TIMEOUT = 124 };

struct conf {
	const char *state, *console;
	int64_t timeout;
	bool quiet;
};

static const struct opt options[] = {
	{.name = "for",
		.letter = 'f',
		.kind = OPT_STRING,
		.at = offsetof(struct conf, state),
		.arg = "STATE,...",
		.help = "wait for one of these states (default: stopped)"},
	{.name = "console",
		.letter = 'c',
		.kind = OPT_STRING,
		.at = offsetof(struct conf, console),
		.arg = "REGEX",
		.help = "wait for a line of this run's console"},
	{.name = "timeout",
		.letter = 't',
		.kind = OPT_DURATION,
		.at = offsetof(struct conf, timeout),
		.arg = "DURATION",
		.help = "give up after so long"},
	{.name = "quiet",
		.letter = 'q',
		.kind = OPT_FLAG,
		.at = offsetof(struct conf, quiet),
		.help = "say nothing: the exit status tells"},
	{0},
};

static const struct opt_tool tool = {
	.name = "vm-wait",
	.what = "wait for virtual machines",
	.usage = "[-q] [-f STATE,...] [-t DURATION] name ...\n"
		 "[-q] -c REGEX [-t DURATION] name ...",
	.opts = options,
	.min = 1,
	.max = OPT_ANY,
};

/* What is to come, the same for all. re is the caller's. */
static int
prepare(struct wait_want *v, const struct conf *c, const struct opt_rest *rest,
	regex_t *re)
{
	unsigned states = 0;
	char why[128];
	int r;

	if (c->state && c->console)
		return failx(-EINVAL, "--for and --console exclude each other");
	if (wait_states(c->state ? c->state : "stopped", &states))
		return -EINVAL;
	for (unsigned i = 0; i < rest->n; i++) {
		if (home_check_name(rest->v[i]))
			return -EINVAL;
		v[i].name = rest->v[i];
		v[i].states = states;
		v[i].console = c->console ? re : NULL;
	}
	if (!c->console)
		return 0;
	r = regcomp(re, c->console, REG_EXTENDED | REG_NOSUB);
	if (r == 0)
		return 0;
	regerror(r, re, why, sizeof(why));
	return failx(-EINVAL, "'%s': %s", c->console, why);
}

static int
code_of(int result)
{
	switch (result) {
	case 0:
		return 0;
	case -ETIMEDOUT:
		return TOOL_TIMEOUT;
	case -ECANCELED:
		return TOOL_OVER;
	default:
		return TOOL_FAILED;
	}
}

/* Of several ends that which says most: time ran out, it ended before. */
static int
wait_and_tell(struct wait_want *v, unsigned n, const struct conf *c)
{
	struct vmm_home *home = NULL;
	int code = 0, r = api_home_open(&home, NULL, false);

	if (r == -ENOENT)
		failx(r, "%s: no such machine", v[0].name);
	if (r || wait_for(home->home, v, n, c->timeout)) {
		if (!c->quiet)
			tool_fail();
		vmm_home_close(home);
		return TOOL_FAILED;
	}
	vmm_home_close(home);
	for (unsigned i = 0; i < n; i++) {
		int one = code_of(v[i].result);

		if (one && !c->quiet)
			tool_say("%s", v[i].why);
		if (one > code)
			code = one;
	}
	return code;
}

int
main(int argc, char **argv)
{
	struct conf conf = {.timeout = -1};
	struct wait_want *v;
	struct opt_rest rest;
	regex_t re;
	int code = tool_start(&tool, argc, argv, &conf, &rest);

	if (code >= 0)
		return tool_end(code);
	v = calloc(rest.n, sizeof(*v));
	if (!v) {
		fail(-ENOMEM, "waiting");
		return tool_end(tool_fail());
	}
	if (prepare(v, &conf, &rest, &re)) {
		code = tool_misused();
	} else {
		code = wait_and_tell(v, rest.n, &conf);
		if (conf.console)
			regfree(&re);
	}
	free(v);
	return tool_end(code);
}
