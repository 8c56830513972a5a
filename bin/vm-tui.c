/* SPDX-License-Identifier: MIT */
/*
 * vm-tui: a monitor of all machines on a terminal, or as text. It reads the
 * state directory and talks to control sockets; nothing depends on it.
 */
// LDLIBS: -lncursesw -ltinfo -ljansson
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bin/tool.h"
#include "bin/tui/tui-int.h"
#include "lib/err.h"
#include "vmm/wait.h"

#define WANT(member) offsetof(struct want, member)

static const struct opt options[] = {
	{.name = "batch",
		.letter = 'b',
		.kind = OPT_FLAG,
		.at = WANT(batch),
		.help = "print tables instead, to a file or a pipe as well"},
	{.name = "count",
		.letter = 'n',
		.kind = OPT_NUMBER,
		.arg = "N",
		.at = WANT(count),
		.min = 1,
		.max = UINT64_MAX,
		.help = "with -b, so many of them (default: no end)"},
	{.name = "delay",
		.letter = 'd',
		.kind = OPT_DURATION,
		.arg = "DURATION",
		.at = WANT(delay),
		.help = "look again so often (default: 1s)"},
	{.name = "state",
		.letter = 's',
		.kind = OPT_LIST,
		.at = WANT(states),
		.arg = "STATE,...",
		.help = "only machines in one of these states"},
	{.name = "sort",
		.letter = 'S',
		.kind = OPT_STRING,
		.arg = "COLUMN",
		.at = WANT(sort),
		.help = "sort by this column (default: name)"},
	{.name = "reverse",
		.letter = 'r',
		.kind = OPT_FLAG,
		.at = WANT(reverse),
		.help = "sort the other way round"},
	{.name = "ascii",
		.letter = 'A',
		.kind = OPT_FLAG,
		.at = WANT(tty.ascii),
		.help = "show ASCII characters only"},
	{.name = "color",
		.kind = OPT_CHOICE,
		.at = WANT(tty.color),
		.arg = "auto|always|never",
		.help = "colours (default: unless NO_COLOR is set)"},
	{.name = "no-mouse",
		.kind = OPT_FLAG,
		.at = WANT(no_mouse),
		.help = "leave the mouse to the terminal"},
	{.name = "list-columns",
		.kind = OPT_FLAG,
		.at = WANT(list),
		.help = "print the columns there are"},
	{0},
};

static const struct opt_tool tool = {
	.name = "vm-tui",
	.what = "monitor virtual machines",
	.usage = "[-Ar] [-d DURATION] [-s STATE,...] [-S COLUMN] "
		 "[--color auto|always|never] [--no-mouse] [filter ...]\n"
		 "-b [-r] [-d DURATION] [-n N] [-s STATE,...] [-S COLUMN] "
		 "[filter ...]\n"
		 "--list-columns",
	.opts = options,
	.max = OPT_ANY,
	.more = "Once it runs, ? shows its keys.\n",
};

static int
add_filter(struct view *v, const char *word)
{
	size_t used = strlen(v->filter), n = strlen(word);

	if (used + n + 2 > sizeof(v->filter))
		return failx(-EINVAL,
			"the filter is longer than %zu characters",
			sizeof(v->filter) - 1);
	if (used)
		v->filter[used++] = ' ';
	memcpy(v->filter + used, word, n + 1);
	return 0;
}

/* -EINVAL with a sentence. */
static int
prepare(struct view *v, struct want *w, const struct opt_rest *rest)
{
	unsigned bits;

	for (size_t i = 0; i < w->states.n; i++) {
		if (wait_states(w->states.v[i], &bits))
			return -EINVAL;
		v->states |= bits;
	}
	if (w->count && !w->batch)
		return failx(-EINVAL, "--count is for --batch");
	if (w->delay < 100000000 || w->delay > 86400000000000)
		return failx(-EINVAL, "--delay: from 100ms to 24h");
	v->sort = w->sort ? column_find(w->sort) : COLUMN_NAME;
	v->reverse = w->reverse;
	w->tty.mouse = !w->no_mouse;
	for (unsigned i = 0; i < rest->n; i++)
		if (add_filter(v, rest->v[i]))
			return -EINVAL;
	return v->sort < 0 ? -EINVAL : 0;
}

static void
list_columns(void)
{
	const struct column *c;

	for (size_t i = 0; (c = column_get(i)); i++)
		printf("%s\t%s\n", c->name, c->help);
}

static int
run(struct want *w, const struct opt_rest *rest)
{
	struct view view = {0};
	int r;

	if (prepare(&view, w, rest))
		return tool_misused();
	if (w->list) {
		list_columns();
		return 0;
	}
	r = w->batch ? batch_run(w, &view) : tui_run(w, &view);
	if (r < 0)
		return tool_fail();
	if (r > 0) {
		signal(r, SIG_DFL);
		raise(r);
	}
	return 0;
}

int
main(int argc, char **argv)
{
	struct want want = {.delay = 1000000000};
	struct opt_rest rest;
	int code = tool_start(&tool, argc, argv, &want, &rest);

	if (code < 0)
		code = run(&want, &rest);
	opt_list_free(&want.states);
	return tool_end(code);
}
