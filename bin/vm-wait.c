/* SPDX-License-Identifier: MIT */
/*
 * vm-wait: sleep until machines are in a state, have printed a line, or show
 * something.
 */
#include <errno.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "bin/tool.h"
#include "lib/err.h"
#include "lib/home.h"
#include "vmm/api-int.h"
#include "vmm/wait.h"

enum { TOOL_OVER = 3, TOOL_TIMEOUT = 124 };

struct conf {
	const char *state, *console, *screen, *hash;
	int64_t timeout, still; /* -1: not given */
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
	{.name = "screen",
		.letter = 's',
		.kind = OPT_STRING,
		.at = offsetof(struct conf, screen),
		.arg = "REGEX",
		.help = "wait for a line on its screen"},
	{.name = "screen-still",
		.kind = OPT_DURATION,
		.at = offsetof(struct conf, still),
		.arg = "DURATION",
		.help = "wait until the screen has not changed for so long"},
	{.name = "screen-hash",
		.kind = OPT_STRING,
		.at = offsetof(struct conf, hash),
		.arg = "HASH",
		.help = "wait for the picture that vm-shot --hash prints so"},
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
		 "[-q] -c REGEX [-t DURATION] name ...\n"
		 "[-q] -s REGEX [-t DURATION] name ...\n"
		 "[-q] --screen-still DURATION [-t DURATION] name ...\n"
		 "[-q] --screen-hash HASH [-t DURATION] name ...",
	.opts = options,
	.min = 1,
	.max = OPT_ANY,
};

static int
check(const struct conf *c)
{
	const struct {
		const char *name;
		bool given;
	} ways[] = {
		{"for", c->state},
		{"console", c->console},
		{"screen", c->screen},
		{"screen-still", c->still >= 0},
		{"screen-hash", c->hash},
	};
	const char *first = NULL;

	for (size_t n = 0; n < sizeof(ways) / sizeof(ways[0]); n++) {
		if (ways[n].given && first)
			return failx(-EINVAL,
				"--%s and --%s exclude each other", first,
				ways[n].name);
		if (ways[n].given)
			first = ways[n].name;
	}
	return 0;
}

static int
compile(regex_t *re, const char *text)
{
	char why[128];
	int r = regcomp(re, text, REG_EXTENDED | REG_NOSUB);

	if (r == 0)
		return 0;
	regerror(r, re, why, sizeof(why));
	return failx(-EINVAL, "'%s': %s", text, why);
}

static int
parse_hash(uint64_t *hash, const char *text)
{
	if (strlen(text) != 16 || strspn(text, "0123456789abcdefABCDEF") != 16)
		return failx(
			-EINVAL, "'%s' is not a hash: 16 hex digits", text);
	*hash = strtoull(text, NULL, 16);
	return 0;
}

/* What is to come, the same for all. */
struct coming {
	unsigned states;
	regex_t re; /* of console or screen */
	struct wait_picture picture;
};

static int
prepare(struct wait_want *v, const struct conf *c, const struct opt_rest *rest,
	struct coming *to)
{
	const bool screen = c->screen || c->hash || c->still >= 0;

	if (check(c) ||
		wait_states(c->state ? c->state : "stopped", &to->states))
		return -EINVAL;
	to->picture = (struct wait_picture){
		.text = c->screen ? &to->re : NULL,
		.by_hash = c->hash,
		.still = c->still,
	};
	if (c->hash && parse_hash(&to->picture.hash, c->hash))
		return -EINVAL;
	for (unsigned i = 0; i < rest->n; i++) {
		if (home_check_name(rest->v[i]))
			return -EINVAL;
		v[i].name = rest->v[i];
		v[i].states = to->states;
		v[i].console = c->console ? &to->re : NULL;
		v[i].screen = screen ? &to->picture : NULL;
	}
	if (c->console || c->screen)
		return compile(&to->re, c->console ? c->console : c->screen);
	return 0;
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
	struct conf conf = {.timeout = -1, .still = -1};
	struct wait_want *v;
	struct opt_rest rest;
	struct coming coming;
	int code = tool_start(&tool, argc, argv, &conf, &rest);

	if (code >= 0)
		return tool_end(code);
	v = calloc(rest.n, sizeof(*v));
	if (!v) {
		fail(-ENOMEM, "waiting");
		return tool_end(tool_fail());
	}
	if (prepare(v, &conf, &rest, &coming)) {
		code = tool_misused();
	} else {
		code = wait_and_tell(v, rest.n, &conf);
		if (conf.console || conf.screen)
			regfree(&coming.re);
	}
	free(v);
	return tool_end(code);
}
