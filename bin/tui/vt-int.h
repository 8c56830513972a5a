/* SPDX-License-Identifier: MIT */
/*
 * What the terminal's files share: vt-parse.c takes bytes apart,
 * vt-control.c does what they say, vt-grid.c moves cells, vt-sgr.c has the
 * colours, vt.c is what others see of it. Numbers
 * from the guest are brought in range where they are used to address a cell:
 * in grid_at() and the functions of vt-grid.c, which take any.
 */
#ifndef BIN_TUI_VT_INT_H
#define BIN_TUI_VT_INT_H

#include "bin/tui/vt.h"

#include <stdint.h>

enum {
	VT_KEPT = 2000, /* lines that have left the top */
	VT_COLS_MAX = 1000,
	VT_ROWS_MAX = 500,
	VT_ARGS = 32, /* of one control sequence */
	VT_NUMBER_MAX = 16383
};

#define VT_RIGHT UINT32_MAX /* ch: the right half of a wide character */

struct vt_cell {
	uint32_t ch, mark; /* 0: nothing; a mark combines with ch */
	uint32_t fg, bg; /* as color_put() has them */
	attr_t attrs;
};

struct vt_pen {
	uint32_t fg, bg;
	attr_t attrs;
	bool graphic[2]; /* G0 and G1: DEC special graphics */
	unsigned shift; /* which of them */
};

struct vt_saved { /* DECSC */
	unsigned y, x;
	struct vt_pen pen;
	bool origin;
};

struct vt_line {
	struct vt_cell *cell;
	unsigned n;
};

struct vt {
	void (*say)(void *to, const char *p, size_t n);
	void *to;
	bool quiet;
	unsigned rows, cols;
	/* Two screens: the rows of each, in order. */
	struct vt_cell **screen[2];
	unsigned current; /* 1: the alternate one */
	struct vt_saved saved[2];
	unsigned y, x;
	bool full; /* the line is: the next character goes to the next one */
	unsigned top, bottom; /* the region that scrolls */
	struct vt_pen pen;
	bool origin, wrap, insert, keys_app, hidden;
	uint8_t tab[VT_COLS_MAX];
	uint32_t last; /* character, for REP */
	/* the parser */
	enum {
		VT_GROUND,
		VT_ESCAPE,
		VT_BETWEEN, /* after an intermediate byte */
		VT_CONTROL, /* CSI */
		VT_STRING, /* OSC, DCS...: not looked at */
		VT_STRING_ESCAPE
	} state;
	char between; /* the last intermediate byte; 0: none */
	char prefix; /* ? > = of a CSI; 0 */
	unsigned arg[VT_ARGS], args; /* UINT_MAX: left out */
	uint32_t sub; /* bit n: arg n came behind a colon */
	uint32_t utf8; /* the character so far */
	unsigned utf8_more; /* bytes to come */
	uint32_t utf8_least; /* shorter forms are wrong */
	/* lines that have left: a ring */
	struct vt_line *kept;
	unsigned first, used;
	int shown; /* the window's rows, the last time */
	int cursor_y, cursor_x; /* in the window; -1 */
};

/* vt-grid.c */
struct vt_cell *grid_row(const struct vt *, unsigned y); /* of the current */
bool grid_resize(struct vt *, unsigned rows, unsigned cols);
void grid_free(struct vt *);
void grid_switch(struct vt *, unsigned screen);
void grid_erase(struct vt *, unsigned y, unsigned from, unsigned to);
/* Rows top to bottom, n up or down; those that are new are blank. */
void grid_up(struct vt *, unsigned top, unsigned n, bool keep);
void grid_down(struct vt *, unsigned top, unsigned n);
void grid_insert(struct vt *, unsigned n); /* cells at the cursor */
void grid_delete(struct vt *, unsigned n);
void grid_put(struct vt *, uint32_t ch);
void grid_move(struct vt *, unsigned y, unsigned x); /* clamped */
void grid_line_feed(struct vt *);
void grid_line_back(struct vt *); /* RI */

/* vt-sgr.c: select graphic rendition, by the arguments there are */
void vt_sgr(struct vt *);

/* vt-control.c: sequences, by their last byte and what is in struct vt */
void vt_control(struct vt *, char final);
void vt_escape(struct vt *, char final);
void vt_escape_between(struct vt *, char final); /* after an intermediate */
void vt_move_tabs(struct vt *, unsigned n, bool back);
void vt_soft_reset(struct vt *); /* DECSTR */

/* vt-parse.c */
void vt_parse(struct vt *, const unsigned char *p, size_t n);

#endif
