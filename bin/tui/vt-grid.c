/* SPDX-License-Identifier: MIT */
/*
 * The cells of the terminal: putting, erasing, scrolling, two screens,
 * resizing. No number is trusted: each function clamps what it gets.
 */
#include <stdlib.h>
#include <string.h>

#include "bin/tui/tui.h"
#include "bin/tui/vt-int.h"

static unsigned
least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

struct vt_cell *
grid_row(const struct vt *v, unsigned y)
{
	return v->screen[v->current][least(y, v->rows - 1)];
}

/* What is erased takes the pen's background. */
static struct vt_cell
blank(const struct vt *v)
{
	return (struct vt_cell){.fg = TUI_DEFAULT, .bg = v->pen.bg};
}

void
grid_erase(struct vt *v, unsigned y, unsigned from, unsigned to)
{
	struct vt_cell *row = grid_row(v, y), none = blank(v);

	to = least(to, v->cols);
	if (from >= to)
		return;
	/* No half of a wide character stays. */
	if (from && row[from].ch == VT_RIGHT)
		row[from - 1].ch = 0;
	if (to < v->cols && row[to].ch == VT_RIGHT)
		row[to].ch = 0;
	for (unsigned x = from; x < to; x++)
		row[x] = none;
}

/* --- lines that leave --- */

static bool
is_blank(const struct vt_cell *c)
{
	return (!c->ch || c->ch == ' ') && !c->attrs && c->bg == TUI_DEFAULT;
}

static void
keep_line(struct vt *v, const struct vt_cell *row)
{
	struct vt_line *l = &v->kept[(v->first + v->used) % VT_KEPT];
	unsigned n = v->cols;
	struct vt_cell *copy;

	while (n && is_blank(&row[n - 1]))
		n--;
	copy = malloc(((size_t)n + 1) * sizeof(*copy));
	if (!copy)
		return;
	memcpy(copy, row, n * sizeof(*copy));
	if (v->used == VT_KEPT) {
		free(l->cell);
		v->first = (v->first + 1) % VT_KEPT;
	} else {
		v->used++;
	}
	*l = (struct vt_line){copy, n};
}

void
grid_up(struct vt *v, unsigned top, unsigned n, bool keep)
{
	struct vt_cell **row = v->screen[v->current];

	if (top > v->bottom)
		return;
	for (n = least(n, v->bottom - top + 1); n; n--) {
		struct vt_cell *gone = row[top];

		if (keep && top == 0 && v->current == 0)
			keep_line(v, gone);
		memmove(row + top, row + top + 1,
			(v->bottom - top) * sizeof(*row));
		row[v->bottom] = gone;
		grid_erase(v, v->bottom, 0, v->cols);
	}
}

void
grid_down(struct vt *v, unsigned top, unsigned n)
{
	struct vt_cell **row = v->screen[v->current];

	if (top > v->bottom)
		return;
	for (n = least(n, v->bottom - top + 1); n; n--) {
		struct vt_cell *gone = row[v->bottom];

		memmove(row + top + 1, row + top,
			(v->bottom - top) * sizeof(*row));
		row[top] = gone;
		grid_erase(v, top, 0, v->cols);
	}
}

/* --- the cursor --- */

void
grid_move(struct vt *v, unsigned y, unsigned x)
{
	v->y = least(y, v->rows - 1);
	v->x = least(x, v->cols - 1);
	v->full = false;
}

void
grid_line_feed(struct vt *v)
{
	v->full = false;
	if (v->y == v->bottom)
		grid_up(v, v->top, 1, true);
	else if (v->y + 1 < v->rows)
		v->y++;
}

void
grid_line_back(struct vt *v)
{
	v->full = false;
	if (v->y == v->top)
		grid_down(v, v->top, 1);
	else if (v->y)
		v->y--;
}

/* --- cells at the cursor --- */

void
grid_insert(struct vt *v, unsigned n)
{
	struct vt_cell *row = grid_row(v, v->y);

	n = least(n, v->cols - v->x);
	grid_erase(v, v->y, v->cols - n, v->cols);
	if (row[v->x].ch == VT_RIGHT)
		grid_erase(v, v->y, v->x, v->x + 1);
	memmove(row + v->x + n, row + v->x,
		(v->cols - v->x - n) * sizeof(*row));
	grid_erase(v, v->y, v->x, v->x + n);
	v->full = false;
}

void
grid_delete(struct vt *v, unsigned n)
{
	struct vt_cell *row = grid_row(v, v->y);

	n = least(n, v->cols - v->x);
	grid_erase(v, v->y, v->x, v->x + n);
	memmove(row + v->x, row + v->x + n,
		(v->cols - v->x - n) * sizeof(*row));
	grid_erase(v, v->y, v->cols - n, v->cols);
	v->full = false;
}

/* What combines goes with the character before. */
static void
put_mark(struct vt *v, uint32_t ch)
{
	struct vt_cell *row = grid_row(v, v->y);
	unsigned x = v->full ? v->x : v->x ? v->x - 1 : 0;

	if (x && row[x].ch == VT_RIGHT)
		x--;
	if (row[x].ch && !row[x].mark)
		row[x].mark = ch;
}

void
grid_put(struct vt *v, uint32_t ch)
{
	int width = wcwidth((wchar_t)ch);
	unsigned n = width == 2 && v->cols > 1 ? 2 : 1;
	struct vt_cell *row;

	if (width == 0 && ch >= 0x300) {
		put_mark(v, ch);
		return;
	}
	if (v->full || v->x + n > v->cols) {
		if (v->wrap) {
			v->x = 0;
			grid_line_feed(v);
		} else {
			v->x = v->cols - n;
		}
	}
	if (v->insert)
		grid_insert(v, n);
	grid_erase(v, v->y, v->x, v->x + n);
	row = grid_row(v, v->y);
	row[v->x] = (struct vt_cell){
		width < 0 ? 0xfffd : ch, 0, v->pen.fg, v->pen.bg, v->pen.attrs};
	if (n == 2) {
		row[v->x + 1] = row[v->x];
		row[v->x + 1].ch = VT_RIGHT;
	}
	v->full = v->x + n >= v->cols;
	v->x = v->full ? v->cols - 1 : v->x + n;
}

/* --- the two screens --- */

void
grid_switch(struct vt *v, unsigned screen)
{
	v->current = screen ? 1 : 0;
	v->full = false;
}

static void
free_screen(struct vt_cell **row, unsigned rows)
{
	for (unsigned y = 0; row && y < rows; y++)
		free(row[y]);
	free(row);
}

void
grid_free(struct vt *v)
{
	for (unsigned i = 0; i < 2; i++)
		free_screen(v->screen[i], v->rows);
}

static struct vt_cell **
new_screen(unsigned rows, unsigned cols)
{
	struct vt_cell **row = calloc(rows, sizeof(*row));

	for (unsigned y = 0; row && y < rows; y++) {
		row[y] = calloc(cols, sizeof(**row));
		if (!row[y]) {
			free_screen(row, rows);
			return NULL;
		}
		for (unsigned x = 0; x < cols; x++)
			row[y][x] = (struct vt_cell){
				.fg = TUI_DEFAULT, .bg = TUI_DEFAULT};
	}
	return row;
}

/* The rows from `from` on, as far as they go. */
static void
copy_screen(const struct vt *v, unsigned screen, struct vt_cell **to,
	unsigned rows, unsigned cols, unsigned from)
{
	const unsigned n = least(cols, v->cols);

	for (unsigned y = 0; y < rows && from + y < v->rows; y++) {
		memcpy(to[y], v->screen[screen][from + y], n * sizeof(**to));
		if (n < v->cols &&
			v->screen[screen][from + y][n].ch == VT_RIGHT)
			to[y][n - 1].ch = 0; /* its left half */
	}
}

static void
clamp_saved(struct vt *v)
{
	for (unsigned i = 0; i < 2; i++) {
		v->saved[i].y = least(v->saved[i].y, v->rows - 1);
		v->saved[i].x = least(v->saved[i].x, v->cols - 1);
	}
}

static void
set_tabs(struct vt *v)
{
	for (unsigned x = 0; x < VT_COLS_MAX; x++)
		v->tab[x] = x % 8 == 0;
}

bool
grid_resize(struct vt *v, unsigned rows, unsigned cols)
{
	struct vt_cell **now[2] = {
		new_screen(rows, cols), new_screen(rows, cols)};
	/* What does not fit leaves at the top. */
	unsigned gone = v->y >= rows ? v->y - rows + 1 : 0;

	if (!now[0] || !now[1]) {
		free_screen(now[0], rows);
		free_screen(now[1], rows);
		return false;
	}
	for (unsigned y = 0; y < gone && v->current == 0; y++)
		keep_line(v, v->screen[0][y]);
	for (unsigned i = 0; i < 2 && v->screen[i]; i++)
		copy_screen(
			v, i, now[i], rows, cols, i == v->current ? gone : 0);
	grid_free(v);
	if (!v->rows)
		set_tabs(v);
	v->screen[0] = now[0];
	v->screen[1] = now[1];
	v->rows = rows;
	v->cols = cols;
	v->top = 0;
	v->bottom = rows - 1;
	clamp_saved(v);
	grid_move(v, v->y - gone, v->x);
	return true;
}
