/* SPDX-License-Identifier: MIT */
/*
 * What is done to machines: to those that are tagged, or to the one that is
 * selected or open. The tools do it.
 */
#include <stdio.h>
#include <string.h>

#include "bin/tui/tui-int.h"

/* A tool with its words, and what is said when it has been done. */
struct verb {
	const char *tool, *word, *done;
};
enum { START, STOP, PAUSE, RESUME, KILL, RESET, DELETE, SET };
static const struct verb verbs[] = {
	[START] = {"vm-run", NULL, "started"},
	[STOP] = {"vm-ctl", "powerdown", "power button pressed"},
	[PAUSE] = {"vm-ctl", "pause", "paused"},
	[RESUME] = {"vm-ctl", "resume", "resumed"},
	[KILL] = {"vm-ctl", "poweroff", "killed"},
	[RESET] = {"vm-ctl", "reset", "reset"},
	[DELETE] = {"vm-rm", NULL, "deleted"},
	[SET] = {"vm-set", NULL, "changed"},
};

static void
finished(struct tui *t, const char *name, unsigned verb, int status,
	const char *said)
{
	const struct verb *v = &verbs[verb];

	t->failed += status != 0;
	if (status && *said)
		tui_say(t, "%s", said);
	else if (status)
		tui_say(t, "%s: %s failed (%d)", name, v->tool, status);
	else if (!t->failed && !t->jobs && t->acted > 1)
		tui_say(t, "%zu machines %s", t->acted, v->done);
	else if (!t->failed)
		tui_say(t, "%s: %s", name, v->done);
	if (!t->jobs)
		t->acted = t->failed = 0;
	tui_refresh(t, false);
}

static void
begin(struct tui *t, const char *const *argv, unsigned verb, const char *name)
{
	t->acted++;
	if (job_add(t, argv, finished, name, verb))
		tui_say(t, "%s: no memory", name);
}

static void
run(struct tui *t, unsigned verb, const char *name)
{
	const struct verb *v = &verbs[verb];
	const char *argv[5] = {v->tool};
	unsigned n = 1;

	if (verb == START)
		argv[n++] = "-d";
	argv[n++] = name;
	if (v->word)
		argv[n++] = v->word;
	begin(t, argv, verb, name);
}

/* --- on which --- */

/* The tagged ones, where the list is shown and has any. */
static bool
by_tags(const struct tui *t)
{
	return !t->details && !t->full && t->view.tags;
}

static void
each_tagged(struct tui *t, unsigned verb)
{
	size_t n;
	struct machine *const *all = model_machines(t->model, &n);

	if (!t->view.tags)
		tui_say(t, "the tagged machines have gone");
	for (size_t i = 0; i < n; i++)
		if (all[i]->tagged)
			run(t, verb, all[i]->name);
}

static void
each(struct tui *t, unsigned verb)
{
	struct machine *v = tui_machine(t);

	if (by_tags(t))
		each_tagged(t, verb);
	else if (v)
		run(t, verb, v->name);
	else
		tui_say(t, "there is no machine selected");
}

/* "web", "3 machines"; false: none. */
static bool
describe(struct tui *t, char *buf, size_t size)
{
	const struct machine *v = tui_machine(t);

	if (by_tags(t) && t->view.tags > 1)
		snprintf(buf, size, "%zu machines", t->view.tags);
	else if (by_tags(t))
		snprintf(buf, size, "the tagged machine");
	else if (v)
		snprintf(buf, size, "%s", v->name);
	else
		tui_say(t, "there is no machine selected");
	return by_tags(t) || v;
}

/* --- what the keys call --- */

void
action_start(struct tui *t)
{
	each(t, START);
}

void
action_stop(struct tui *t)
{
	each(t, STOP);
}

static void
toggle(struct tui *t, const struct machine *v)
{
	run(t, v->state == HOME_PAUSED ? RESUME : PAUSE, v->name);
}

void
action_pause(struct tui *t)
{
	struct machine *v = tui_machine(t);
	size_t n;
	struct machine *const *all = model_machines(t->model, &n);

	if (!by_tags(t)) {
		if (v)
			toggle(t, v);
		return;
	}
	for (size_t i = 0; i < n; i++)
		if (all[i]->tagged)
			toggle(t, all[i]);
}

/* What was asked about is what it is done to, whatever has been selected since
 * by itself: "" the tagged ones, as far as they are still there. */
static void
do_asked(struct tui *t, unsigned verb, const char *name)
{
	if (*name)
		run(t, verb, name);
	else
		each_tagged(t, verb);
}

static void
kill_them(struct tui *t, const char *name)
{
	do_asked(t, KILL, name);
}

static void
reset_them(struct tui *t, const char *name)
{
	do_asked(t, RESET, name);
}

static void
delete_them(struct tui *t, const char *name)
{
	do_asked(t, DELETE, name);
}

static const char *
about(struct tui *t)
{
	return by_tags(t) ? "" : tui_machine(t)->name;
}

void
action_kill(struct tui *t)
{
	char who[NAME_SIZE + 32], text[NAME_SIZE + 128];

	if (!describe(t, who, sizeof(who)))
		return;
	snprintf(text, sizeof(text),
		"End %s at once, without asking the guest?", who);
	dialog_ask(t, "Kill", text, kill_them, about(t));
}

void
action_reset(struct tui *t)
{
	char who[NAME_SIZE + 32], text[NAME_SIZE + 128];

	if (!describe(t, who, sizeof(who)))
		return;
	snprintf(
		text, sizeof(text), "Reset %s, without asking the guest?", who);
	dialog_ask(t, "Reset", text, reset_them, about(t));
}

void
action_delete(struct tui *t)
{
	char who[NAME_SIZE + 32], text[2 * NAME_SIZE + 128], answer[NAME_SIZE];

	if (!describe(t, who, sizeof(who)))
		return;
	snprintf(answer, sizeof(answer), "%s", about(t));
	if (!*answer)
		snprintf(answer, sizeof(answer), "%zu", t->view.tags);
	snprintf(text, sizeof(text), "Delete %s with all files? Type %s: %s",
		who, by_tags(t) ? "how many they are" : "its name", answer);
	dialog_type(t, "Delete", text, answer, delete_them, about(t));
}

static void
set_key(struct tui *t, const char *name, const char *text)
{
	const char *argv[] = {"vm-set", "--", name, text, NULL};

	begin(t, argv, SET, name);
}

void
action_set(struct tui *t)
{
	struct machine *v = tui_machine(t);
	char text[NAME_SIZE + 64];

	if (!v)
		return;
	snprintf(
		text, sizeof(text), "A key of %s's config: key=value", v->name);
	dialog_input(t, "Change", text, set_key, v->name);
}
