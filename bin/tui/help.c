/* SPDX-License-Identifier: MIT */
/* The help: the table of bindings as text, scrolled. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bin/tui/tui-int.h"

enum { ESC = 0x1b, LINES_MAX = 128, WIDTH = 60, KEYS = 16 };

struct help {
	struct dialog d;
	const char *keys[LINES_MAX]; /* NULL: a heading */
	const char *text[LINES_MAX];
	int n, lines, top, page;
};

/* So much of a text fits, up to a blank. */
static size_t
piece(const char *text, int width)
{
	size_t n = strlen(text), room = width > 1 ? (size_t)width : 1;

	if (n <= room)
		return n;
	n = room;
	while (n && text[n] != ' ')
		n--;
	return n ? n : room;
}

/* One entry from line y on, as far as it is in sight; returns its lines. */
static int
draw_entry(struct help *p, int k, WINDOW *win, int y)
{
	const char *text = p->text[k];
	int h, w, lines = 0, x = p->keys[k] ? KEYS : 0;

	getmaxyx(win, h, w);
	wattrset(win, p->keys[k] ? A_NORMAL : A_BOLD);
	do {
		size_t n = piece(text, w - x);

		if (y + lines >= 0 && y + lines < h) {
			if (!lines && p->keys[k])
				put_padded(
					win, y, 1, KEYS - 2, p->keys[k], false);
			tui_put(win, y + lines, x, w - x, text, n);
		}
		lines++;
		text += n;
		text += strspn(text, " ");
	} while (*text);
	wattrset(win, A_NORMAL);
	return lines;
}

static void
help_draw(struct dialog *d, struct tui *t, WINDOW *win)
{
	struct help *p = (struct help *)d;
	int y = 0;

	(void)t;
	p->page = getmaxy(win);
	p->lines = 0;
	for (int k = 0; k < p->n; k++)
		p->lines += draw_entry(p, k, win, -10000);
	if (p->top > p->lines - p->page)
		p->top = p->lines > p->page ? p->lines - p->page : 0;
	y = -p->top;
	for (int k = 0; k < p->n; k++)
		y += draw_entry(p, k, win, y);
}

static void
help_key(struct dialog *d, struct tui *t, wint_t ch, bool is_char)
{
	struct help *p = (struct help *)d;
	int to = p->top;

	t->redraw = true;
	if (is_char && (ch == ESC || ch == 'q' || ch == '?')) {
		dialog_close(t);
		return;
	}
	if (is_char ? ch == 'j' || ch == '\r' || ch == '\n' : ch == KEY_DOWN)
		to++;
	else if (is_char ? ch == 'k' : ch == KEY_UP)
		to--;
	else if (is_char ? ch == ' ' : ch == KEY_NPAGE)
		to += p->page;
	else if (!is_char && ch == KEY_PPAGE)
		to -= p->page;
	else if (is_char ? ch == 'g' : ch == KEY_HOME)
		to = 0;
	else if (is_char ? ch == 'G' : ch == KEY_END)
		to = p->lines;
	p->top = to > 0 ? to : 0;
}

static void
help_free(struct dialog *d)
{
	free(d);
}

static const struct dialog_ops help_ops = {
	.draw = help_draw,
	.key = help_key,
	.free = help_free,
};

static void
add(struct help *p, const char *keys, const char *text)
{
	if (p->n == LINES_MAX)
		return;
	p->keys[p->n] = keys;
	p->text[p->n++] = text;
}

static void
add_part(struct help *p, unsigned where, const char *heading)
{
	const struct binding *b;
	bool first = true;

	for (size_t i = 0; (b = binding_get(i)); i++) {
		if (!(b->where & where) || !b->help)
			continue;
		/* What was told before holds here too. */
		if (b->where & (where - 1))
			continue;
		if (first) {
			if (p->n)
				add(p, NULL, "");
			add(p, NULL, heading);
		}
		first = false;
		add(p, b->keys, b->help);
	}
}

void
dialog_help(struct tui *t)
{
	struct help *p = calloc(1, sizeof(*p));
	const struct column *c;

	if (!p)
		return;
	add_part(p, WHERE_LIST, "In the list; most of it also elsewhere");
	add_part(p, WHERE_DETAILS, "In the details of a machine");
	add_part(p, WHERE_PANE, "In the console and on the screen");
	add(p, "Ctrl-]", "leaves the console; ends typing into the screen");
	add(p, NULL, "");
	add(p, NULL, "Columns");
	for (size_t i = 0; (c = column_get(i)); i++)
		add(p, c->heading, c->help);
	p->d = (struct dialog){.ops = &help_ops,
		.title = "Help: Esc leaves",
		.height = p->n,
		.width = WIDTH};
	dialog_open(t, &p->d);
}
