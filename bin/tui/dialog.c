/* SPDX-License-Identifier: MIT */
/*
 * Small dialogs over the rest: a question, a word to be typed, a menu. One at a
 * time; Esc leaves each.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bin/tui/tui-int.h"

enum { ESC = 0x1b, ABOUT = 64 };

void
dialog_close(struct tui *t)
{
	struct dialog *d = t->dialog;

	t->dialog = NULL;
	t->redraw = true;
	if (t->dialog_win)
		delwin(t->dialog_win);
	t->dialog_win = NULL;
	if (d)
		d->ops->free(d);
}

void
dialog_open(struct tui *t, struct dialog *d)
{
	dialog_close(t);
	t->dialog = d;
	tui_layout(t);
}

/* Breaks at blanks; returns the lines, drawn where win is given. */
static int
put_wrapped(WINDOW *win, int y, int x, int width, const char *text)
{
	int lines = 0;

	while (*text) {
		size_t n = strlen(text), room = width > 1 ? (size_t)width : 1;

		if (n > room) {
			n = room;
			while (n && text[n] != ' ')
				n--;
			if (!n)
				n = room;
		}
		if (win)
			tui_put(win, y + lines, x, width, text, n);
		lines++;
		text += n;
		text += strspn(text, " ");
	}
	return lines;
}

/* --- a question, perhaps with a word to be typed --- */

struct ask {
	struct dialog d;
	char question[256], answer[ABOUT], about[ABOUT];
	bool typed; /* the answer has to be, else y */
	struct field field;
	void (*yes)(struct tui *, const char *about);
	void (*take)(struct tui *, const char *about, const char *text);
	int y, x; /* of the cursor */
};

static void
ask_draw(struct dialog *d, struct tui *t, WINDOW *win)
{
	struct ask *a = (struct ask *)d;
	int h, w, lines;

	(void)t;
	getmaxyx(win, h, w);
	lines = put_wrapped(win, 0, 0, w, a->question);
	a->y = lines + 1 < h ? lines + 1 : h - 1;
	if (!a->typed) {
		tui_put(win, a->y, 0, w, "y yes  n no", SIZE_MAX);
		return;
	}
	wattrset(win, A_UNDERLINE);
	a->x = field_draw(&a->field, win, a->y, 0, w);
	wattrset(win, A_NORMAL);
}

static bool
ask_cursor(struct dialog *d, int *y, int *x)
{
	struct ask *a = (struct ask *)d;

	*y = a->y;
	*x = a->x;
	return a->typed;
}

static void
ask_yes(struct ask *a, struct tui *t)
{
	void (*yes)(struct tui *, const char *) = a->yes;
	char about[ABOUT];

	memcpy(about, a->about, sizeof(about));
	dialog_close(t);
	yes(t, about);
}

static void
ask_take(struct ask *a, struct tui *t)
{
	void (*take)(struct tui *, const char *, const char *) = a->take;
	struct field field = a->field;
	char about[ABOUT];

	memcpy(about, a->about, sizeof(about));
	dialog_close(t);
	if (field.used)
		take(t, about, field.text);
}

static void
ask_key(struct dialog *d, struct tui *t, wint_t ch, bool is_char)
{
	struct ask *a = (struct ask *)d;
	bool enter = (is_char && (ch == '\r' || ch == '\n')) ||
		     (!is_char && ch == KEY_ENTER);

	t->redraw = true;
	if (is_char && ch == ESC) {
		dialog_close(t);
	} else if (!a->typed) {
		if (is_char && (ch == 'y' || ch == 'Y'))
			ask_yes(a, t);
		else if (is_char)
			dialog_close(t);
	} else if (enter && a->take) {
		ask_take(a, t);
	} else if (enter && strcmp(a->field.text, a->answer) == 0) {
		ask_yes(a, t);
	} else if (enter) {
		dialog_close(t);
		tui_say(t, "not typed: nothing was done");
	} else {
		field_key(&a->field, ch, is_char);
	}
}

static void
ask_free(struct dialog *d)
{
	free(d);
}

static const struct dialog_ops ask_ops = {
	.draw = ask_draw,
	.key = ask_key,
	.free = ask_free,
	.cursor = ask_cursor,
};

static struct ask *
new_ask(const char *title, const char *question,
	void (*yes)(struct tui *, const char *about), const char *about)
{
	struct ask *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->d = (struct dialog){.ops = &ask_ops, .title = title, .width = 44};
	a->yes = yes;
	snprintf(a->question, sizeof(a->question), "%s", question);
	snprintf(a->about, sizeof(a->about), "%s", about);
	/* As narrow as a small terminal makes it. */
	a->d.height = put_wrapped(NULL, 0, 0, 34, question) + 2;
	return a;
}

void
dialog_ask(struct tui *t, const char *title, const char *question,
	void (*yes)(struct tui *, const char *about), const char *about)
{
	struct ask *a = new_ask(title, question, yes, about);

	if (a)
		dialog_open(t, &a->d);
}

void
dialog_type(struct tui *t, const char *title, const char *question,
	const char *answer, void (*yes)(struct tui *, const char *about),
	const char *about)
{
	struct ask *a = new_ask(title, question, yes, about);

	if (!a)
		return;
	a->typed = true;
	snprintf(a->answer, sizeof(a->answer), "%s", answer);
	dialog_open(t, &a->d);
}

void
dialog_input(struct tui *t, const char *title, const char *question,
	void (*take)(struct tui *, const char *about, const char *text),
	const char *about)
{
	struct ask *a = new_ask(title, question, NULL, about);

	if (!a)
		return;
	a->typed = true;
	a->take = take;
	dialog_open(t, &a->d);
}

/* --- a menu --- */

struct menu {
	struct dialog d;
	const char *(*word)(size_t n);
	void (*pick)(struct tui *, size_t n);
	size_t n, at, top;
};

static void
menu_draw(struct dialog *d, struct tui *t, WINDOW *win)
{
	struct menu *m = (struct menu *)d;
	int h, w;

	getmaxyx(win, h, w);
	if (m->at < m->top)
		m->top = m->at;
	if (m->at >= m->top + (size_t)h)
		m->top = m->at - (size_t)h + 1;
	for (int i = 0; i < h && m->top + (size_t)i < m->n; i++) {
		size_t k = m->top + (size_t)i;

		wattrset(win, k == m->at ? style(t, STYLE_SELECTED) : 0);
		put_padded(win, i, 0, w, m->word(k), false);
	}
	wattrset(win, A_NORMAL);
}

static void
menu_key(struct dialog *d, struct tui *t, wint_t ch, bool is_char)
{
	struct menu *m = (struct menu *)d;

	t->redraw = true;
	if ((is_char && (ch == '\r' || ch == '\n')) ||
		(!is_char && ch == KEY_ENTER)) {
		void (*pick)(struct tui *, size_t) = m->pick;
		size_t at = m->at;

		dialog_close(t);
		pick(t, at);
	} else if (is_char && (ch == ESC || ch == 'q')) {
		dialog_close(t);
	} else if (is_char ? ch == 'j' : ch == KEY_DOWN) {
		m->at += m->at + 1 < m->n;
	} else if (is_char ? ch == 'k' : ch == KEY_UP) {
		m->at -= m->at > 0;
	} else if (!is_char && ch == KEY_HOME) {
		m->at = 0;
	} else if (!is_char && ch == KEY_END) {
		m->at = m->n - 1;
	}
}

static const struct dialog_ops menu_ops = {
	.draw = menu_draw,
	.key = menu_key,
	.free = ask_free,
};

void
dialog_menu(struct tui *t, const char *title, const char *(*word)(size_t n),
	size_t chosen, void (*pick)(struct tui *, size_t n))
{
	struct menu *m = calloc(1, sizeof(*m));
	int width = 20;

	if (!m)
		return;
	m->word = word;
	m->pick = pick;
	m->at = chosen;
	for (; word(m->n); m->n++)
		if ((int)strlen(word(m->n)) > width)
			width = (int)strlen(word(m->n));
	m->d = (struct dialog){.ops = &menu_ops,
		.title = title,
		.height = (int)m->n,
		.width = width};
	dialog_open(t, &m->d);
}
