/* SPDX-License-Identifier: MIT */
/*
 * The terminal as others see it: its life, its keys (as xterm's), its picture.
 */
#include "bin/tui/vt-int.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bin/tui/color.h"
#include "bin/tui/keymap.h"
#include "bin/tui/tui.h"

/* --- life --- */

struct vt *
vt_new(unsigned rows, unsigned cols,
	void (*say)(void *to, const char *p, size_t n), void *to)
{
	struct vt *v = calloc(1, sizeof(*v));

	if (v)
		v->kept = calloc(VT_KEPT, sizeof(*v->kept));
	if (!v || !v->kept || !grid_resize(v, rows, cols)) {
		vt_free(v);
		return NULL;
	}
	v->say = say;
	v->to = to;
	vt_soft_reset(v);
	return v;
}

void
vt_free(struct vt *v)
{
	if (!v)
		return;
	grid_free(v);
	for (unsigned i = 0; v->kept && i < VT_KEPT; i++)
		free(v->kept[i].cell);
	free(v->kept);
	free(v);
}

void
vt_size(struct vt *v, unsigned rows, unsigned cols)
{
	rows = rows > VT_ROWS_MAX ? VT_ROWS_MAX : rows ? rows : 1;
	cols = cols > VT_COLS_MAX ? VT_COLS_MAX : cols ? cols : 1;
	if (v->rows != rows || v->cols != cols)
		grid_resize(v, rows, cols);
}

/* Small guests end lines with a newline alone, which a terminal on a Unix host
 * would still show as meant. Whoever draws pictures means what he says. */
void
vt_write(struct vt *v, const char *p, size_t n, bool quiet)
{
	v->quiet = quiet;
	for (; n; n--, p++) {
		if (*p == '\n' && !v->current && v->state == VT_GROUND)
			vt_parse(v, (const unsigned char *)"\r", 1);
		vt_parse(v, (const unsigned char *)p, 1);
	}
	v->quiet = false;
}

void
vt_reset(struct vt *v)
{
	grid_switch(v, 0);
	vt_soft_reset(v);
	v->state = VT_GROUND;
	v->utf8_more = 0;
	grid_move(v, v->y, v->x);
}

/* --- keys --- */

/* The final byte of CSI or SS3; or a number, which ~ ends. */
struct vt_key {
	wint_t code;
	char final;
	unsigned number;
};

static const struct vt_key *
find_key(wint_t code)
{
	static const struct vt_key keys[] = {
		{KEY_UP, 'A', 0},
		{KEY_DOWN, 'B', 0},
		{KEY_RIGHT, 'C', 0},
		{KEY_LEFT, 'D', 0},
		{KEY_HOME, 'H', 0},
		{KEY_END, 'F', 0},
		{KEY_F(1), 'P', 0},
		{KEY_F(2), 'Q', 0},
		{KEY_F(3), 'R', 0},
		{KEY_F(4), 'S', 0},
		{KEY_IC, 0, 2},
		{KEY_DC, 0, 3},
		{KEY_PPAGE, 0, 5},
		{KEY_NPAGE, 0, 6},
		{KEY_F(5), 0, 15},
		{KEY_F(6), 0, 17},
		{KEY_F(7), 0, 18},
		{KEY_F(8), 0, 19},
		{KEY_F(9), 0, 20},
		{KEY_F(10), 0, 21},
		{KEY_F(11), 0, 23},
		{KEY_F(12), 0, 24},
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (keys[i].code == code)
			return &keys[i];
	return NULL;
}

static int
special(const struct vt *v, wint_t ch, char *buf, size_t size)
{
	unsigned mods, digit;
	const struct vt_key *k;

	if (ch == KEY_BACKSPACE)
		return snprintf(buf, size, "\177");
	if (ch == KEY_ENTER)
		return snprintf(buf, size, "\r");
	if (ch == KEY_BTAB)
		return snprintf(buf, size, "\033[Z");
	k = find_key(keymap_base(ch, &mods));
	digit = 1u + (mods & KEYS_SHIFT ? 1u : 0) + (mods & KEYS_ALT ? 2u : 0) +
		(mods & KEYS_CTRL ? 4u : 0);
	if (!k)
		return 0;
	if (mods && k->final)
		return snprintf(buf, size, "\033[1;%u%c", digit, k->final);
	if (mods)
		return snprintf(buf, size, "\033[%u;%u~", k->number, digit);
	if (!k->final)
		return snprintf(buf, size, "\033[%u~", k->number);
	return snprintf(buf, size, "\033%c%c",
		v->keys_app || k->final >= 'P' ? 'O' : '[', k->final);
}

static int
utf8(uint32_t ch, char *buf)
{
	if (ch < 0x80) {
		buf[0] = (char)ch;
		return 1;
	}
	if (ch < 0x800) {
		buf[0] = (char)(0xc0 | ch >> 6);
		buf[1] = (char)(0x80 | (ch & 0x3f));
		return 2;
	}
	if (ch < 0x10000) {
		buf[0] = (char)(0xe0 | ch >> 12);
		buf[1] = (char)(0x80 | (ch >> 6 & 0x3f));
		buf[2] = (char)(0x80 | (ch & 0x3f));
		return 3;
	}
	buf[0] = (char)(0xf0 | ch >> 18);
	buf[1] = (char)(0x80 | (ch >> 12 & 0x3f));
	buf[2] = (char)(0x80 | (ch >> 6 & 0x3f));
	buf[3] = (char)(0x80 | (ch & 0x3f));
	return 4;
}

void
vt_key(struct vt *v, wint_t ch, bool is_char)
{
	char buf[16];
	int n = is_char ? utf8(ch & 0x1fffff, buf)
			: special(v, ch, buf, sizeof(buf));

	if (n > 0)
		v->say(v->to, buf, (size_t)n);
}

/* --- drawing --- */

static void
put_cell(WINDOW *w, int y, int x, int width, const struct vt_cell *c, bool utf8)
{
	wchar_t ch[3] = {(wchar_t)c->ch, (wchar_t)c->mark, 0};

	if (ch[0] < ' ')
		ch[0] = ' ';
	if (!utf8) {
		ch[0] = ch[0] > 0x7e ? '?' : ch[0];
		ch[1] = 0;
	}
	if (ch[0] == ' ' && c->bg == TUI_DEFAULT && !c->attrs)
		return;
	color_put(w, y, x, ch, c->attrs, c->fg, c->bg);
	if (width == 2 && !utf8)
		color_put(w, y, x + 1, ch, c->attrs, c->fg, c->bg);
}

static void
put_row(WINDOW *w, int y, const struct vt_cell *row, unsigned n, int left,
	bool utf8)
{
	const int most = getmaxx(w);

	for (int x = 0; x < most && x + left < (int)n; x++) {
		const struct vt_cell *c = &row[x + left];
		bool wide = x + left + 1 < (int)n && c[1].ch == VT_RIGHT;

		if (c->ch != VT_RIGHT && (!wide || x + 1 < most))
			put_cell(w, y, x, wide ? 2 : 1, c, utf8);
	}
}

static void
put_kept(const struct vt *v, WINDOW *w, int y, unsigned n, int left, bool utf8)
{
	const struct vt_line *l = &v->kept[(v->first + n) % VT_KEPT];

	put_row(w, y, l->cell, l->n, left, utf8);
}

/* The first of `all` to be shown of so many that `at` is among them. */
static int
part(int at, int shown, int all)
{
	int from = at - shown + 1;

	if (from > all - shown)
		from = all - shown;
	return from > 0 ? from : 0;
}

unsigned
vt_lines(const struct vt *v)
{
	return v->used + (unsigned)part((int)v->y, v->shown, (int)v->rows);
}

void
vt_put(struct vt *v, WINDOW *w, unsigned back, bool utf8)
{
	const int rows = (int)v->rows, above = (int)v->used;
	const int top = part((int)v->y, getmaxy(w), rows);
	const int left = part((int)v->x, getmaxx(w), (int)v->cols);

	v->shown = getmaxy(w);
	werase(w);
	for (int y = 0; y < getmaxy(w); y++) {
		int row = top + y - (int)back;

		if (row >= 0 && row < rows)
			put_row(w, y, grid_row(v, (unsigned)row), v->cols, left,
				utf8);
		else if (row < 0 && row + above >= 0)
			put_kept(v, w, y, (unsigned)(row + above), left, utf8);
	}
	v->cursor_y = (int)v->y - top + (int)back;
	v->cursor_x = (int)v->x - left;
	if (v->hidden || v->cursor_y >= getmaxy(w) || v->cursor_x >= getmaxx(w))
		v->cursor_y = -1;
}

bool
vt_cursor(const struct vt *v, int *y, int *x)
{
	*y = v->cursor_y;
	*x = v->cursor_x;
	return v->cursor_y >= 0;
}
