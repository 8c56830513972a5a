/* SPDX-License-Identifier: MIT */
/*
 * The one table of keys: what they do, where, what the key line and the help
 * say of them.
 */
#include <stdio.h>
#include <string.h>

#include "bin/tui/tui-int.h"

enum {
	LIST = WHERE_LIST,
	DETAILS = WHERE_DETAILS,
	PANE = WHERE_PANE,
	ALL = LIST | DETAILS | PANE
};

/* --- moving --- */

/* In the list the selection, in the details the text. */
static void
move_by(struct tui *t, long rows)
{
	long at = (long)t->view.at + rows;

	if (t->details)
		details_scroll(t->details, (int)rows);
	else
		view_select(&t->view, at > 0 ? (size_t)at : 0);
}

static void
up(struct tui *t)
{
	move_by(t, -1);
}

static void
down(struct tui *t)
{
	move_by(t, 1);
}

static void
page_up(struct tui *t)
{
	move_by(t, -t->page);
}

static void
page_down(struct tui *t)
{
	move_by(t, t->page);
}

static void
first(struct tui *t)
{
	move_by(t, -100000);
}

static void
last(struct tui *t)
{
	move_by(t, 100000);
}

/* --- the list --- */

static void
open_details(struct tui *t)
{
	struct machine *v = tui_machine(t);

	if (v)
		tui_open_details(t, v->name);
}

static void
tag(struct tui *t)
{
	struct machine *v = tui_machine(t);

	if (!v)
		return;
	v->tagged = !v->tagged;
	down(t);
	view_make(&t->view, t->model);
}

static void
untag(struct tui *t)
{
	size_t n;
	struct machine *const *v = model_machines(t->model, &n);

	for (size_t i = 0; i < n; i++)
		v[i]->tagged = false;
	view_make(&t->view, t->model);
}

static void
sort_by(struct tui *t, size_t column)
{
	t->view.sort = (int)column;
	t->view.reverse = false;
	tui_refresh(t, false);
}

static void
sort_left(struct tui *t)
{
	sort_by(t, t->view.sort ? (size_t)t->view.sort - 1 : 0);
}

static void
sort_right(struct tui *t)
{
	if (column_get((size_t)t->view.sort + 1))
		sort_by(t, (size_t)t->view.sort + 1);
}

static const char *
column_word(size_t n)
{
	return column_get(n) ? column_get(n)->name : NULL;
}

static void
sort_menu(struct tui *t)
{
	dialog_menu(t, "Sort by", column_word, (size_t)t->view.sort, sort_by);
}

static void
reverse(struct tui *t)
{
	t->view.reverse = !t->view.reverse;
	view_make(&t->view, t->model);
}

static void
filter_edit(struct tui *t)
{
	field_set(&t->filter, t->view.filter);
	t->filtering = true;
}

/* One step: out of where we are, the filter, the tags. */
static void
escape(struct tui *t)
{
	t->message_until = 0;
	if (t->details || t->full) {
		tui_back(t);
	} else if (t->focus == FOCUS_LOWER) {
		t->focus = FOCUS_MAIN;
	} else if (*t->view.filter) {
		*t->view.filter = '\0';
		view_make(&t->view, t->model);
	} else {
		untag(t);
	}
}

static void
quit(struct tui *t)
{
	if (t->details || t->full)
		tui_back(t);
	else
		t->quit = true;
}

static void
end(struct tui *t)
{
	t->quit = true;
}

static void
suspend(struct tui *t)
{
	tty_suspend();
	tui_layout(t);
}

static void
redraw(struct tui *t)
{
	clearok(curscr, TRUE);
	tui_refresh(t, true);
}

/* --- panes --- */

static void
console(struct tui *t)
{
	struct machine *v = tui_machine(t);

	if (v)
		tui_open_full(t, console_pane(t, v->name));
}

static void
screen(struct tui *t)
{
	struct machine *v = tui_machine(t);

	if (v)
		tui_open_full(t, screen_pane(t, v->name));
}

static void
events(struct tui *t)
{
	if (t->details || t->full) {
		struct machine *v = tui_machine(t);

		if (v)
			tui_open_full(t, events_pane(t, v->name));
		return;
	}
	if (t->lower) {
		t->lower->ops->free(t->lower);
		t->lower = NULL;
		t->focus = FOCUS_MAIN;
	} else {
		t->lower = events_pane(t, NULL);
	}
	tui_layout(t);
}

static void
next_focus(struct tui *t)
{
	if (t->lower)
		t->focus = t->focus == FOCUS_MAIN ? FOCUS_LOWER : FOCUS_MAIN;
}

/* What is in the key line comes in its order. */
static const struct binding bindings[] = {
	{ALL, "? F1", "help", "this help", {KEY_F(1)}, "?", dialog_help},
	{LIST, "q F10", "quit", "quit; elsewhere one step back", {KEY_F(10)},
		"q", quit},
	{DETAILS | PANE, "q", "back", NULL, {0}, "q", quit},
	{LIST, "Enter", "open", "its details: config, metrics, console, screen",
		{KEY_ENTER}, "\r\n", open_details},
	{ALL, "s", "start", "start it, in the background", {0}, "s",
		action_start},
	{ALL, "S", "stop", "stop it: press its power button", {0}, "S",
		action_stop},
	{ALL, "p", "pause", "pause it, or have it go on", {0}, "p",
		action_pause},
	{ALL, "c", "console", "its serial console (Ctrl-] leaves it)", {0}, "c",
		console},
	{ALL, "f", "screen", "its screen (i types into it)", {0}, "f", screen},
	{LIST, "n", "new", "make a machine", {0}, "n", dialog_new},
	{LIST, "/", "filter",
		"show some: parts of names and states, * the tagged; Esc all",
		{0}, "/", filter_edit},
	{LIST | DETAILS, "K", "kill", "end it at once; asks", {0}, "K",
		action_kill},
	{LIST | DETAILS, "d Del", "delete",
		"delete it and its files; asks for the name", {KEY_DC}, "d",
		action_delete},
	{LIST | DETAILS, "E", NULL, "change a key of its config, with vm-set",
		{0}, "E", action_set},
	{LIST, "F6", "sort", "choose what to sort by", {KEY_F(6)}, NULL,
		sort_menu},
	{LIST, "< >", NULL, "sort by the column to the left, to the right", {0},
		"<,", sort_left},
	{LIST, "", NULL, NULL, {0}, ">.", sort_right},
	{LIST, "r", NULL, "sort the other way round", {0}, "r", reverse},
	{LIST, "Space", "tag", "tag it: what is done is done to the tagged",
		{KEY_IC}, " ", tag},
	{LIST, "U", NULL, "tag none", {0}, "U", untag},
	{ALL, "R", "reset", "reset it; asks", {0}, "R", action_reset},
	{ALL, "e", "events", "what happened: below the list, or of one machine",
		{0}, "e", events},
	{LIST, "Tab", NULL, "keys go to the events, or to the list again", {0},
		"\t", next_focus},
	{LIST | DETAILS, "Up k", NULL, "up", {KEY_UP}, "k", up},
	{LIST | DETAILS, "Down j", NULL, "down", {KEY_DOWN}, "j", down},
	{LIST | DETAILS, "PgUp ^B", NULL, "a page up", {KEY_PPAGE}, "\2",
		page_up},
	{LIST | DETAILS, "PgDn ^F", NULL, "a page down", {KEY_NPAGE}, "\6",
		page_down},
	{LIST | DETAILS, "Home g", NULL, "to the first", {KEY_HOME}, "g",
		first},
	{LIST | DETAILS, "End G", NULL, "to the last", {KEY_END}, "G", last},
	{LIST, "Right l", NULL, "as Enter", {KEY_RIGHT}, "l", open_details},
	{DETAILS, "Left h", NULL, "back to the list", {KEY_LEFT}, "h",
		tui_back},
	{ALL, "Esc", NULL, "one step back; clears the filter, the tags", {0},
		"\033", escape},
	{ALL, "^L", NULL, "draw everything anew", {0}, "\014", redraw},
	{ALL, "^Z", NULL, "to the shell for a while", {0}, "\032", suspend},
	{ALL, "^C", NULL, "quit from anywhere", {0}, "\003", end},
};
enum { BINDINGS = sizeof(bindings) / sizeof(bindings[0]) };

const struct binding *
binding_get(size_t n)
{
	return n < BINDINGS ? &bindings[n] : NULL;
}

static unsigned
where(const struct tui *t)
{
	if (t->full)
		return WHERE_PANE;
	return t->details ? WHERE_DETAILS : WHERE_LIST;
}

static bool
has(const struct binding *b, wint_t ch, bool is_char)
{
	if (is_char)
		return b->chars && ch && ch < 0x80 && strchr(b->chars, (int)ch);
	for (unsigned i = 0; i < 4; i++)
		if (b->code[i] && b->code[i] == ch)
			return true;
	return false;
}

bool
binding_key(struct tui *t, wint_t ch, bool is_char)
{
	for (size_t i = 0; i < BINDINGS; i++)
		if (bindings[i].where & where(t) &&
			has(&bindings[i], ch, is_char)) {
			t->redraw = true;
			bindings[i].act(t);
			return true;
		}
	return false;
}

/* Is the key among those of a key line? */
static bool
is_taken(const char *line, const char *keys, int n)
{
	for (; *line; line += strspn(line, " ")) {
		if (strncmp(line, keys, (size_t)n) == 0 && line[n] == ' ')
			return true;
		line += strcspn(line, " "); /* the key */
		while (*line && strncmp(line, "  ", 2) != 0)
			line++;
	}
	return false;
}

void
binding_line(const struct tui *t, char *buf, size_t size, const char *own)
{
	size_t used = (size_t)snprintf(buf, size, "%s", own);

	for (size_t i = 0; i < BINDINGS && used < size; i++) {
		const struct binding *b = &bindings[i];
		int n = (int)strcspn(b->keys, " ");

		if (b->where & where(t) && b->word &&
			!is_taken(own, b->keys, n))
			used += (size_t)snprintf(buf + used, size - used,
				"%s%.*s %s", used ? "  " : "", n, b->keys,
				b->word);
	}
}
