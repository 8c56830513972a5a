/* SPDX-License-Identifier: MIT */
/*
 * What is shown, and where: windows for the panes and the dialog, all else on
 * the standard screen; nothing is drawn outside of a terminal that is too
 * small.
 */
#include <stdio.h>
#include <string.h>

#include "bin/tui/tui-int.h"

enum {
	SMALL_W = 20,
	SMALL_H = 5,
	SIDE_W = 100, /* columns from which the screen is beside details */
	BELOW_H = 34 /* lines from which it is below them */
};

/* --- windows --- */

static void
drop(WINDOW **win)
{
	if (*win)
		delwin(*win);
	*win = NULL;
}

static int
lower_height(void)
{
	return LINES / 3 > 3 ? LINES / 3 : 3;
}

static bool
is_small(void)
{
	return COLS < SMALL_W || LINES < SMALL_H;
}

/* Where the screen is in the details; false: no room. */
static bool
side_place(int *y, int *x, int *h, int *w)
{
	if (COLS >= SIDE_W) {
		*x = COLS / 2;
		*y = 1;
		*w = COLS - *x;
		*h = LINES - 2;
		return true;
	}
	*h = LINES / 2;
	*y = LINES - 1 - *h;
	*x = 0;
	*w = COLS;
	return LINES >= BELOW_H;
}

static void
layout_dialog(struct tui *t)
{
	struct dialog *d = t->dialog;
	int h = d->height + 2, w = d->width + 4;

	if (h > LINES - 2)
		h = LINES - 2;
	if (w > COLS)
		w = COLS;
	t->dialog_win =
		newwin(h - 2, w - 4, (LINES - h) / 2 + 1, (COLS - w) / 2 + 2);
}

bool
show_side_fits(void)
{
	int y, x, h, w;

	return !is_small() && side_place(&y, &x, &h, &w);
}

void
show_close(struct tui *t)
{
	drop(&t->full_win);
	drop(&t->lower_win);
	drop(&t->side_win);
	drop(&t->dialog_win);
}

void
tui_layout(struct tui *t)
{
	int y, x, h, w;

	show_close(t);
	t->redraw = true;
	if (is_small())
		return;
	if (t->full)
		t->full_win = newwin(LINES - 2, COLS, 1, 0);
	else if (t->details && t->side && side_place(&y, &x, &h, &w))
		t->side_win = newwin(h, w, y, x);
	else if (!t->details && t->lower && LINES >= 10)
		t->lower_win = newwin(
			lower_height() - 1, COLS, LINES - lower_height(), 0);
	if (t->dialog)
		layout_dialog(t);
}

/* --- drawing --- */

static void
draw_frame(struct tui *t)
{
	int y, x, h, w;
	WINDOW *frame;

	getbegyx(t->dialog_win, y, x);
	getmaxyx(t->dialog_win, h, w);
	frame = newwin(h + 2, w + 4, y - 1, x - 2);
	if (!frame)
		return;
	if (tui_utf8(t))
		box(frame, 0, 0);
	else
		wborder(frame, '|', '|', '-', '-', '+', '+', '+', '+');
	if (t->dialog->title)
		tui_put(frame, 0, 2, w, t->dialog->title, SIZE_MAX);
	wnoutrefresh(frame);
	delwin(frame);
}

static void
draw_pane(struct pane *p, WINDOW *win)
{
	if (!p || !win)
		return;
	p->ops->draw(p, win);
	touchwin(win);
	wnoutrefresh(win);
}

static void
draw_full(struct tui *t)
{
	struct machine *v = model_find(t->model, t->full->machine);
	char left[NAME_SIZE + 64];

	snprintf(left, sizeof(left), "%s  %s",
		*t->full->machine ? t->full->machine : "all machines",
		t->full->ops->name);
	draw_title(t, 0, left, v ? machine_state(v) : "");
}

static void
draw_details(struct tui *t)
{
	struct machine *v = model_find(t->model, t->open);
	int y, x, h, w, width = COLS, height = LINES - 2;

	if (t->side_win) {
		side_place(&y, &x, &h, &w);
		if (x)
			width = x - 1;
		else
			height -= h;
	}
	draw_title(t, 0, t->open, v ? machine_state(v) : "");
	details_draw(t->details, t, 1, height, width);
	t->page = height;
}

static void
draw_main(struct tui *t)
{
	int h = LINES - 2;

	if (t->lower_win)
		h -= lower_height();
	draw_summary(t, 0);
	draw_list(t, 1, h);
	if (t->lower_win) {
		attrset(t->focus == FOCUS_LOWER ? style(t, STYLE_TITLE)
						: style(t, STYLE_HEADING));
		put_padded(stdscr, 1 + h, 0, COLS,
			t->focus == FOCUS_LOWER ? "Events (Tab: the list)"
						: "Events (Tab scrolls them)",
			false);
		attrset(A_NORMAL);
	}
}

static const char *
key_line(struct tui *t, char *buf, size_t size)
{
	struct pane *p = t->full                                  ? t->full
			 : t->focus == FOCUS_LOWER && !t->details ? t->lower
								  : NULL;
	const char *own = p && p->ops->keys ? p->ops->keys(p) : NULL;

	if (p && p->ops->raw && p->ops->raw(p))
		return own ? own : "";
	binding_line(t, buf, size, own ? own : "");
	return buf;
}

static void
draw_bottom(struct tui *t)
{
	WINDOW *win = newwin(1, COLS, LINES - 2, 0);

	if (!win)
		return;
	draw_message(t, win);
	wnoutrefresh(win);
	delwin(win);
}

static bool
has_cursor(struct tui *t, WINDOW **win, int *y, int *x)
{
	struct dialog *d = t->dialog;
	struct pane *p = t->full;

	*win = d ? t->dialog_win : t->full_win;
	if (d)
		return *win && d->ops->cursor && d->ops->cursor(d, y, x);
	return p && *win && p->ops->cursor && p->ops->cursor(p, y, x);
}

/* Where the cursor is to be: the last window that is refreshed decides. */
static void
draw_cursor(struct tui *t)
{
	WINDOW *win;
	int y, x;

	if (has_cursor(t, &win, &y, &x)) {
		wmove(win, y, x);
		wnoutrefresh(win);
		curs_set(1);
	} else if (!t->dialog && t->filtering) {
		draw_bottom(t);
		curs_set(1);
	} else {
		curs_set(0);
	}
}

void
show_pane(struct tui *t, struct pane *p)
{
	WINDOW *win = p == t->full    ? t->full_win
		      : p == t->lower ? t->lower_win
				      : t->side_win;

	if (t->redraw || t->dialog || t->message_until || t->filtering) {
		t->redraw = true;
		return;
	}
	draw_pane(p, win);
	draw_cursor(t);
	doupdate();
}

static void
draw_dialog(struct tui *t)
{
	draw_frame(t);
	werase(t->dialog_win);
	t->dialog->ops->draw(t->dialog, t, t->dialog_win);
	touchwin(t->dialog_win);
	wnoutrefresh(t->dialog_win);
}

/* Their metrics are not wanted any more. */
static void
hide_rows(struct tui *t)
{
	size_t n;
	struct machine *const *v = model_machines(t->model, &n);

	for (size_t i = 0; i < n; i++)
		v[i]->visible = false;
}

static void
draw_small(void)
{
	put_padded(stdscr, 0, 0, COLS, "too small: 20x5", false);
	curs_set(0);
	refresh();
}

void
tui_draw(struct tui *t)
{
	char keys[512];

	erase();
	t->redraw = false;
	if (is_small()) {
		draw_small();
		return;
	}
	if (t->full || t->details)
		hide_rows(t);
	if (t->full)
		draw_full(t);
	else if (t->details)
		draw_details(t);
	else
		draw_main(t);
	draw_keys(t, LINES - 1, key_line(t, keys, sizeof(keys)));
	wnoutrefresh(stdscr);
	draw_pane(t->full, t->full_win);
	draw_pane(t->lower, t->lower_win);
	draw_pane(t->side, t->side_win);
	if (t->message_until && !t->filtering)
		draw_bottom(t);
	if (t->dialog && t->dialog_win)
		draw_dialog(t);
	draw_cursor(t);
	doupdate();
}
