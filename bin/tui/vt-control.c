/* SPDX-License-Identifier: MIT */
/*
 * What sequences mean to a terminal: ECMA-48 as VT102 and xterm have it, as far
 * as shells, editors and installers use it. Left out: printing, mouse, double
 * size, left and right margins.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "bin/tui/tui.h"
#include "bin/tui/vt-int.h"

static unsigned
least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Argument i, where none or 0 mean `none`. */
static unsigned
arg(const struct vt *v, unsigned i, unsigned none)
{
	unsigned n = i < v->args ? v->arg[i] : UINT_MAX;

	return n == UINT_MAX || n == 0 ? none : n;
}

static void
answer(struct vt *v, const char *text)
{
	if (!v->quiet)
		v->say(v->to, text, strlen(text));
}

/* --- modes, saving, resetting --- */

static void
save(struct vt *v)
{
	v->saved[v->current] = (struct vt_saved){v->y, v->x, v->pen, v->origin};
}

static void
restore(struct vt *v)
{
	const struct vt_saved *s = &v->saved[v->current];

	v->pen = s->pen;
	v->origin = s->origin;
	grid_move(v, s->y, s->x);
}

void
vt_soft_reset(struct vt *v)
{
	static const struct vt_pen plain = {
		.fg = TUI_DEFAULT, .bg = TUI_DEFAULT};

	v->pen = plain;
	v->origin = v->insert = v->keys_app = v->hidden = v->full = false;
	v->wrap = true;
	v->top = 0;
	v->bottom = v->rows - 1;
	for (unsigned i = 0; i < 2; i++)
		v->saved[i] = (struct vt_saved){.pen = plain};
}

static void
reset(struct vt *v)
{
	grid_switch(v, 0);
	vt_soft_reset(v);
	for (unsigned y = 0; y < v->rows; y++)
		grid_erase(v, y, 0, v->cols);
	for (unsigned x = 0; x < VT_COLS_MAX; x++)
		v->tab[x] = x % 8 == 0;
	grid_move(v, 0, 0);
}

static void
alternate(struct vt *v, unsigned mode, bool on)
{
	if (mode == 1049 && on && !v->current)
		save(v);
	if (on != (v->current == 1)) {
		grid_switch(v, on);
		for (unsigned y = 0; on && y < v->rows; y++)
			grid_erase(v, y, 0, v->cols);
	}
	if (mode == 1049 && !on)
		restore(v);
}

static void
set_mode(struct vt *v, unsigned mode, bool on)
{
	if (v->prefix != '?') {
		if (mode == 4 && !v->prefix)
			v->insert = on;
		return;
	}
	switch (mode) {
	case 1:
		v->keys_app = on;
		break;
	case 6:
		v->origin = on;
		grid_move(v, on ? v->top : 0, 0);
		break;
	case 7:
		v->wrap = on;
		break;
	case 25:
		v->hidden = !on;
		break;
	case 47:
	case 1047:
	case 1049:
		alternate(v, mode, on);
		break;
	case 1048:
		if (on)
			save(v);
		else
			restore(v);
		break;
	}
}

/* --- moving --- */

/* Rows count from the region's top in origin mode, and stay in it. */
static void
move_to(struct vt *v, unsigned y, unsigned x)
{
	if (v->origin)
		y = least(v->top + y, v->bottom);
	grid_move(v, y, x);
}

/* Up and down end at the region's border if they begin inside it. */
static void
move_up(struct vt *v, unsigned n)
{
	unsigned end = v->y >= v->top ? v->top : 0;

	grid_move(v, v->y - least(n, v->y - end), v->x);
}

static void
move_down(struct vt *v, unsigned n)
{
	unsigned end = v->y <= v->bottom ? v->bottom : v->rows - 1;

	grid_move(v, v->y + least(n, end - v->y), v->x);
}

void
vt_move_tabs(struct vt *v, unsigned n, bool back)
{
	unsigned x = v->x;

	for (n = least(n, v->cols); n; n--) {
		if (back) {
			while (x && !v->tab[--x])
				;
		} else {
			while (x + 1 < v->cols && !v->tab[++x])
				;
		}
	}
	grid_move(v, v->y, x);
}

/* --- erasing --- */

static void
erase_line(struct vt *v, unsigned how)
{
	if (how == 0)
		grid_erase(v, v->y, v->x, v->cols);
	else if (how == 1)
		grid_erase(v, v->y, 0, v->x + 1);
	else if (how == 2)
		grid_erase(v, v->y, 0, v->cols);
}

static void
erase_screen(struct vt *v, unsigned how)
{
	unsigned from = how == 0 ? v->y + 1 : 0;
	unsigned to = how == 1 ? v->y : v->rows;

	if (how > 2)
		return; /* 3, what has left, is ours */
	if (how < 2)
		erase_line(v, how);
	for (unsigned y = from; y < to; y++)
		grid_erase(v, y, 0, v->cols);
}

/* --- control sequences --- */

static void
report(struct vt *v)
{
	char text[32];

	if (v->prefix)
		return;
	if (arg(v, 0, 0) == 5)
		answer(v, "\033[0n");
	if (arg(v, 0, 0) != 6)
		return;
	snprintf(text, sizeof(text), "\033[%u;%uR",
		v->y + 1 - (v->origin && v->y >= v->top ? v->top : 0),
		v->x + 1);
	answer(v, text);
}

static void
identify(struct vt *v)
{
	if (!v->prefix)
		answer(v, "\033[?6c"); /* a VT102 */
	else if (v->prefix == '>')
		answer(v, "\033[>0;0;0c");
}

static void
set_region(struct vt *v)
{
	unsigned top = arg(v, 0, 1) - 1;
	unsigned bottom = least(arg(v, 1, v->rows), v->rows) - 1;

	if (v->prefix || top >= bottom)
		return;
	v->top = top;
	v->bottom = bottom;
	move_to(v, 0, 0);
}

static bool
in_region(const struct vt *v)
{
	return v->y >= v->top && v->y <= v->bottom;
}

static void
repeat(struct vt *v, unsigned n)
{
	for (n = least(n, v->cols); n && v->last; n--)
		grid_put(v, v->last);
}

static void
clear_tabs(struct vt *v)
{
	if (arg(v, 0, 0) == 0)
		v->tab[v->x] = 0;
	else if (arg(v, 0, 0) == 3)
		memset(v->tab, 0, sizeof(v->tab));
}

static void
set_modes(struct vt *v, bool on)
{
	for (unsigned i = 0; i < v->args; i++)
		set_mode(v, arg(v, i, 0), on);
}

static void
control_move(struct vt *v, char final, unsigned n)
{
	switch (final) {
	case 'A':
		move_up(v, n);
		break;
	case 'B':
	case 'e':
		move_down(v, n);
		break;
	case 'C':
	case 'a':
		grid_move(v, v->y, v->x + n);
		break;
	case 'D':
		grid_move(v, v->y, v->x - least(n, v->x));
		break;
	case 'E':
		move_down(v, n);
		v->x = 0;
		break;
	case 'F':
		move_up(v, n);
		v->x = 0;
		break;
	case 'G':
	case '`':
		grid_move(v, v->y, n - 1);
		break;
	case 'H':
	case 'f':
		move_to(v, n - 1, arg(v, 1, 1) - 1);
		break;
	case 'I':
		vt_move_tabs(v, n, false);
		break;
	case 'Z':
		vt_move_tabs(v, n, true);
		break;
	case 'd':
		move_to(v, n - 1, v->x);
		break;
	}
}

static void
control_edit(struct vt *v, char final, unsigned n)
{
	switch (final) {
	case '@':
		grid_insert(v, n);
		break;
	case 'J':
		erase_screen(v, arg(v, 0, 0));
		break;
	case 'K':
		erase_line(v, arg(v, 0, 0));
		break;
	case 'L':
		if (in_region(v))
			grid_down(v, v->y, n);
		break;
	case 'M':
		if (in_region(v))
			grid_up(v, v->y, n, false);
		break;
	case 'P':
		grid_delete(v, n);
		break;
	case 'S':
		grid_up(v, v->top, n, true);
		break;
	case 'T':
		grid_down(v, v->top, n);
		break;
	case 'X':
		grid_erase(v, v->y, v->x, v->x + n);
		break;
	case 'b':
		repeat(v, n);
		break;
	}
}

void
vt_control(struct vt *v, char final)
{
	if (v->between) {
		if (v->between == '!' && final == 'p')
			vt_soft_reset(v);
		return;
	}
	switch (final) {
	case 'c':
		identify(v);
		return;
	case 'g':
		clear_tabs(v);
		return;
	case 'h':
	case 'l':
		set_modes(v, final == 'h');
		return;
	case 'n':
		report(v);
		return;
	case 'r':
		set_region(v);
		return;
	}
	if (v->prefix && final != 'J' && final != 'K')
		return;
	if (final == 'm') {
		vt_sgr(v);
	} else if (final == 's') {
		save(v);
	} else if (final == 'u') {
		restore(v);
	} else {
		control_move(v, final, arg(v, 0, 1));
		control_edit(v, final, arg(v, 0, 1));
	}
}

/* --- escape sequences --- */

static void
align(struct vt *v) /* DECALN */
{
	for (unsigned y = 0; y < v->rows; y++) {
		grid_move(v, y, 0);
		for (unsigned x = 0; x < v->cols; x++)
			grid_put(v, 'E');
	}
	grid_move(v, 0, 0);
}

void
vt_escape(struct vt *v, char final)
{
	switch (final) {
	case '7':
		save(v);
		break;
	case '8':
		restore(v);
		break;
	case 'D':
		grid_line_feed(v);
		break;
	case 'E':
		grid_line_feed(v);
		v->x = 0;
		break;
	case 'H':
		v->tab[v->x] = 1;
		break;
	case 'M':
		grid_line_back(v);
		break;
	case 'Z':
		v->prefix = 0;
		identify(v);
		break;
	case 'c':
		reset(v);
		break;
	}
}

void
vt_escape_between(struct vt *v, char final)
{
	if (v->between == '(')
		v->pen.graphic[0] = final == '0';
	else if (v->between == ')')
		v->pen.graphic[1] = final == '0';
	else if (v->between == '#' && final == '8')
		align(v);
}
