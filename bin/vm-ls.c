/* SPDX-License-Identifier: MIT */
/*
 * vm-ls: the machines there are and how they do, as a table, as names or as
 * JSON, once or as it happens. No machine is contacted.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bin/ls/ls.h"
#include "bin/tool.h"
#include "lib/err.h"
#include "lib/home.h"
#include "vmm/api-int.h"
#include "vmm/wait.h"

#define STANDARD "name,state,cpus,memory,uptime"
#define LONG STANDARD ",pid,engine,cpu,rss,started,exit,cause"
#define ALL                                                                    \
	STANDARD ",pid,engine,cpu,rss,exit,cause,created,started,ended,"       \
		 "description"

static const struct opt options[] = {
	{.name = "columns",
		.letter = 'o',
		.kind = OPT_LIST,
		.at = offsetof(struct conf, columns),
		.arg = "COLUMN,...",
		.help = "print these columns"},
	{.name = "long",
		.letter = 'l',
		.kind = OPT_FLAG,
		.at = offsetof(struct conf, longer),
		.help = "print more columns"},
	{.name = "state",
		.letter = 's',
		.kind = OPT_LIST,
		.at = offsetof(struct conf, states),
		.arg = "STATE,...",
		.help = "only machines in one of these states"},
	{.name = "sort",
		.kind = OPT_STRING,
		.at = offsetof(struct conf, sort),
		.arg = "COLUMN",
		.help = "sort by this column (default: name)"},
	{.name = "reverse",
		.letter = 'r',
		.kind = OPT_FLAG,
		.at = offsetof(struct conf, reverse),
		.help = "sort the other way round"},
	{.name = "quiet",
		.letter = 'q',
		.kind = OPT_FLAG,
		.at = offsetof(struct conf, quiet),
		.help = "print names only"},
	{.name = "null",
		.letter = '0',
		.kind = OPT_FLAG,
		.at = offsetof(struct conf, zero),
		.help = "print names only, each ended by a NUL"},
	{.name = "json",
		.letter = 'J',
		.kind = OPT_FLAG,
		.at = offsetof(struct conf, json),
		.help = "print JSON"},
	{.name = "watch",
		.kind = OPT_FLAG,
		.at = offsetof(struct conf, watch),
		.help = "print a line for every change, as it happens"},
	{.name = "no-heading",
		.letter = 'n',
		.kind = OPT_FLAG,
		.at = offsetof(struct conf, headless),
		.help = "print no heading"},
	{.name = "wide",
		.letter = 'w',
		.kind = OPT_FLAG,
		.at = offsetof(struct conf, wide),
		.help = "do not cut lines at the terminal's width"},
	{.name = "color",
		.kind = OPT_CHOICE,
		.at = offsetof(struct conf, colour),
		.arg = "auto|always|never",
		.help = "colour states (default: on a terminal)"},
	{.name = "list-columns",
		.kind = OPT_FLAG,
		.at = offsetof(struct conf, list),
		.help = "print the columns there are"},
	{0},
};

static const struct opt_tool tool = {
	.name = "vm-ls",
	.what = "list virtual machines",
	.usage = "[-lnrw] [-o COLUMN,...] [-s STATE,...] [--sort COLUMN] "
		 "[--color auto|always|never] [name ...]\n"
		 "-q|-0|-J [-lr] [-o COLUMN,...] [-s STATE,...] "
		 "[--sort COLUMN] [name ...]\n"
		 "--watch [-J] [-s STATE,...] [name ...]\n"
		 "--list-columns",
	.opts = options,
	.max = OPT_ANY,
};

/* There being no state directory is no failure: there are no machines. */
static int
look(struct list *l, char **names)
{
	struct vmm_home *home = NULL;
	int code = 0, r = api_home_open(&home, NULL, false);
	unsigned what = l->what & ~(unsigned)(LS_COUNTERS | LS_RATES);

	if (r && r != -ENOENT)
		return tool_fail();
	for (char **p = names; *p; p++) {
		if (home)
			r = vmm_look(home, *p, what, take_row, l);
		else
			r = failx(-ENOENT, "%s: no such machine", *p);
		if (r)
			code = tool_fail();
	}
	if (home && !names[0] && vmm_list(home, what, take_row, l))
		code = tool_fail();
	if (home && l->what & (LS_COUNTERS | LS_RATES))
		read_meters(l, home_path(home->home));
	vmm_home_close(home);
	return code;
}

static void
print(const struct list *l)
{
	if (l->conf->json)
		print_json(l);
	else if (l->conf->quiet || l->conf->zero)
		print_names(l);
	else
		print_table(l);
}

static bool
in_colour(const struct conf *c)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	if (c->colour != AUTO)
		return c->colour == ALWAYS;
	return isatty(STDOUT_FILENO) && !(no && *no) && term && *term &&
	       strcmp(term, "dumb") != 0;
}

/* -EINVAL with a sentence: options that do not go together, bad words. */
static int
prepare(struct list *l, const struct conf *c, const struct opt_rest *rest)
{
	bool bare = c->quiet || c->zero;
	unsigned bits;
	int r = 0;

	if (c->json && bare)
		return failx(-EINVAL, "--json prints more than names");
	if (c->watch &&
		(bare || c->longer || c->columns.n || c->sort || c->reverse))
		return failx(-EINVAL, "--watch prints its own columns, in the "
				      "order of time");
	for (size_t i = 0; i < c->states.n; i++) {
		if (wait_states(c->states.v[i], &bits))
			return -EINVAL;
		l->states |= bits;
	}
	for (unsigned i = 0; i < rest->n; i++)
		if (home_check_name(rest->v[i]))
			return -EINVAL;
	for (size_t i = 0; i < c->columns.n && !r; i++)
		r = show_columns(l, c->columns.v[i]);
	if (!r && !l->n)
		r = show_columns(l, c->json     ? ALL
				    : c->longer ? LONG
						: STANDARD);
	if (r)
		return r;
	if (bare) /* names need no columns, but what is sorted by */
		l->what = 0;
	l->sort = find_column(
		c->sort ? c->sort : "name", strlen(c->sort ? c->sort : "name"));
	if (!l->sort)
		return -EINVAL;
	l->what |= l->sort->what;
	l->colour = in_colour(c);
	l->clean = !c->json;
	l->names = rest->v;
	return 0;
}

static int
run(struct list *l, const struct conf *c, const struct opt_rest *rest)
{
	int code;

	if (prepare(l, c, rest))
		return tool_misused();
	if (c->list) {
		list_columns();
		return 0;
	}
	if (c->watch)
		return watch_changes(l);
	code = look(l, rest->v);
	sort_rows(l);
	print(l);
	free_rows(l);
	return code;
}

int
main(int argc, char **argv)
{
	struct conf conf = {0};
	struct list l = {.conf = &conf};
	struct opt_rest rest;
	int code = tool_start(&tool, argc, argv, &conf, &rest);

	if (code < 0)
		code = run(&l, &conf, &rest);
	opt_list_free(&conf.columns);
	opt_list_free(&conf.states);
	return tool_end(code);
}
