/* SPDX-License-Identifier: MIT */
/*
 * Which keys go where: to the dialog, to the filter's line, to the pane that
 * has the focus, and what is left to the table of bindings.
 */
#include <string.h>

#include "bin/tui/tui-int.h"
#include "lib/deadline.h"

enum {
	KEYS_MAX = 64, /* handled before drawing again */
	DOUBLE_MS = 500
};

static void
filter_key(struct tui *t, wint_t ch, bool is_char)
{
	bool enter = (is_char && (ch == '\r' || ch == '\n')) ||
		     (!is_char && ch == KEY_ENTER);
	size_t n;

	t->redraw = true;
	if (enter || (is_char && ch == 0x1b)) {
		t->filtering = false;
		if (!enter)
			field_set(&t->filter, "");
	} else if (!is_char && (ch == KEY_UP || ch == KEY_DOWN)) {
		view_select(&t->view, ch == KEY_DOWN ? t->view.at + 1
				      : t->view.at   ? t->view.at - 1
						     : 0);
		return;
	} else {
		field_key(&t->filter, ch, is_char);
	}
	n = t->filter.used;
	if (n >= sizeof(t->view.filter))
		n = sizeof(t->view.filter) - 1;
	memcpy(t->view.filter, t->filter.text, n);
	t->view.filter[n] = '\0';
	view_make(&t->view, t->model);
}

/* The second click on the same row, soon, opens it. */
static void
click(struct tui *t, size_t row)
{
	int64_t now = now_ms();
	bool again =
		t->clicked && row == t->view.at && now - t->clicked < DOUBLE_MS;

	if (row >= t->view.n)
		return;
	view_select(&t->view, row);
	t->clicked = again ? 0 : now;
	if (again)
		tui_open_details(t, t->view.selected);
}

static void
mouse_key(struct tui *t)
{
	MEVENT e;

	if (getmouse(&e) != OK || t->dialog || t->full || t->details)
		return;
	t->redraw = true;
	if (e.bstate & BUTTON4_PRESSED)
		binding_key(t, KEY_UP, false);
	else if (e.bstate & BUTTON5_PRESSED)
		binding_key(t, KEY_DOWN, false);
	else if (e.y >= t->list_y && e.y < t->list_y + t->page)
		click(t, (size_t)(e.y - t->list_y) + t->view.top);
}

static struct pane *
focused(struct tui *t)
{
	if (t->full)
		return t->full;
	return !t->details && t->focus == FOCUS_LOWER ? t->lower : NULL;
}

static void
key(struct tui *t, wint_t ch, bool is_char)
{
	struct pane *p = focused(t);

	if (!is_char && ch == KEY_RESIZE) {
		tui_place_side(t);
		tui_layout(t);
	} else if (!is_char && ch == KEY_MOUSE) {
		mouse_key(t);
	} else if (t->dialog) {
		t->redraw = true;
		if (is_char && ch == 3) /* ^C */
			dialog_close(t);
		else
			t->dialog->ops->key(t->dialog, t, ch, is_char);
	} else if (t->filtering) {
		filter_key(t, ch, is_char);
	} else if (p && p->ops->key && p->ops->key(p, ch, is_char)) {
		t->redraw = true;
	} else if (!(p && p->ops->raw && p->ops->raw(p))) {
		binding_key(t, ch, is_char);
	}
	if (t->full && t->full->ops->done && t->full->ops->done(t->full))
		tui_back(t);
}

void
input_read(struct tui *t)
{
	wint_t ch;

	for (int i = 0; i < KEYS_MAX && !t->quit; i++) {
		int r = tty_key(&ch);

		if (r == ERR)
			return;
		key(t, ch, r == OK);
	}
}
