/* SPDX-License-Identifier: MIT */
/*
 * The list: which columns there is room for, and the rows.
 */
#include <string.h>

#include "bin/tui/tui-int.h"

enum { COLUMNS_MAX = 32, FRONT = 3, NOTE_MIN = 16 };

struct layout {
	const struct column *shown[COLUMNS_MAX];
	int width[COLUMNS_MAX]; /* 0: not shown */
	size_t n;
};

static int
wanted_width(const struct column *c)
{
	if (!c->width)
		return NOTE_MIN;
	return c->width < 0 ? -c->width : c->width;
}

static int
longest_name(const struct view *w, int most)
{
	int longest = 8;

	for (size_t i = 0; i < w->n && longest < most; i++) {
		int n = (int)strlen(w->row[i]->name);

		if (n > longest)
			longest = n;
	}
	return longest < most ? longest : most;
}

/* Those of the same order come and go together. Returns what is left. */
static int
choose(struct layout *l, int width)
{
	for (unsigned order = 1; order < COLUMNS_MAX; order++) {
		int sum = 0;

		for (size_t i = 0; i < l->n; i++)
			if (l->shown[i]->order == order)
				sum += 1 + wanted_width(l->shown[i]);
		if (sum > width)
			break;
		width -= sum;
		for (size_t i = 0; i < l->n; i++)
			if (l->shown[i]->order == order)
				l->width[i] = wanted_width(l->shown[i]);
	}
	return width;
}

static void
make_layout(struct layout *l, const struct view *w, int width)
{
	const struct column *c;
	int left;

	memset(l, 0, sizeof(*l));
	while (l->n < COLUMNS_MAX && (c = column_get(l->n)))
		l->shown[l->n++] = c;
	l->width[0] = longest_name(w, width >= 60 ? 24 : 12);
	left = choose(l, width - FRONT - l->width[0]);
	if (left < 0)
		l->width[0] += left;
	else if (l->width[l->n - 1])
		l->width[l->n - 1] += left;
	else
		l->width[0] += left;
	if (l->width[0] < 1)
		l->width[0] = 1;
}

/* The column that is sorted by has an arrow in the gap beside it. */
static void
draw_heading(struct tui *t, const struct layout *l, int y)
{
	bool utf8 = tui_utf8(t);
	int x = FRONT;

	attrset(style(t, STYLE_HEADING));
	put_padded(stdscr, y, 0, COLS, "", false);
	for (size_t i = 0; i < l->n; i++) {
		const struct column *c = l->shown[i];
		bool right = c->width > 0;
		const char *mark;

		if (!l->width[i])
			continue;
		put_padded(stdscr, y, x, l->width[i], c->heading, right);
		if ((int)i == t->view.sort) {
			if (c->large != t->view.reverse)
				mark = utf8 ? "▼" : "v";
			else
				mark = utf8 ? "▲" : "^";
			tui_put(stdscr, y,
				right ? x + l->width[i] -
						(int)strlen(c->heading) - 1
				      : x + (int)strlen(c->heading),
				1, mark, SIZE_MAX);
		}
		x += l->width[i] + 1;
	}
	attrset(A_NORMAL);
}

static void
draw_row(struct tui *t, const struct layout *l, struct machine *v, int y,
	bool selected)
{
	int base = selected ? style(t, STYLE_SELECTED) : 0;
	int state = selected ? base : style(t, STYLE_STATE + v->state);
	int x = FRONT;
	char buf[32];

	if (!selected && v->tagged)
		base = style(t, STYLE_TAGGED);
	attrset(base);
	put_padded(stdscr, y, 0, COLS, v->tagged ? "*" : "", false);
	attrset(state);
	tui_put(stdscr, y, 1, 1, glyph(t, v->state), SIZE_MAX);
	for (size_t i = 0; i < l->n; i++) {
		const struct column *c = l->shown[i];

		if (!l->width[i])
			continue;
		attrset(i == COLUMN_STATE ? state : base);
		put_padded(stdscr, y, x, l->width[i], c->text(v, buf),
			c->width > 0);
		x += l->width[i] + 1;
	}
	attrset(A_NORMAL);
	v->visible = true;
}

static void
draw_empty(struct tui *t, int y)
{
	const char *trouble = model_trouble(t->model), *text;

	if (*trouble)
		text = trouble;
	else if (t->view.all)
		text = "None of them matches the filter (Esc clears it).";
	else
		text = "There are no machines. n makes one.";
	put_padded(stdscr, y, 0, COLS, text, false);
}

/* The selected row is on the screen, and no line is empty without need. */
static void
keep_in_sight(struct view *w, size_t rows)
{
	if (w->at < w->top)
		w->top = w->at;
	if (w->at >= w->top + rows)
		w->top = w->at - rows + 1;
	if (w->top && w->top + rows > w->n)
		w->top = w->n > rows ? w->n - rows : 0;
}

void
draw_list(struct tui *t, int y, int h)
{
	struct view *w = &t->view;
	struct layout l;
	size_t n;
	struct machine *const *v = model_machines(t->model, &n);

	for (size_t i = 0; i < n; i++)
		v[i]->visible = false;
	make_layout(&l, w, COLS);
	draw_heading(t, &l, y);
	t->page = h > 1 ? h - 1 : 1;
	t->list_y = y + 1;
	keep_in_sight(w, (size_t)t->page);
	if (!w->n)
		draw_empty(t, y + 1);
	for (int i = 0; i < t->page && w->top + (size_t)i < w->n; i++)
		draw_row(t, &l, w->row[w->top + (size_t)i], y + 1 + i,
			w->top + (size_t)i == w->at);
}
