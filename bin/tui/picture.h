/* SPDX-License-Identifier: MIT */
/*
 * A machine's screen as cells of a window: text modes as text where they fit,
 * all else two pixels a cell (U+2580), or shades where there are no colours or
 * no such character. Lines whose pixels have not changed cost their reading.
 */
#ifndef BIN_TUI_PICTURE_H
#define BIN_TUI_PICTURE_H

#include <curses.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/fb.h"

enum picture_how {
	PICTURE_FIT, /* all of it, as large as goes */
	PICTURE_TRUE, /* pixel by pixel, or cell by cell; a part */
	PICTURE_TEXT /* graphics too as what can be read of them; a part */
};

struct picture_want {
	unsigned cols, rows; /* of the window, at least 1 */
	enum picture_how how;
	int x, y; /* of the part, in pixels or cells; < 0: where the cursor
		   * is, else at the beginning. Brought into range. */
	bool utf8, colors, dim;
	bool glance; /* there is no hurry: look at one line in PICTURE_GLANCES,
		      * others each time, and at all only if one has changed */
};
enum { PICTURE_GLANCES = 4 };

struct picture {
	struct fb_cell *cell, *spare; /* the window's: cols * rows of each */
	unsigned cols, rows;
	bool text; /* they are text, not pixels */
	bool cut; /* there is more than is shown */
	int cursor_x, cursor_y; /* -1: not to be seen */
	/* what is kept between two calls */
	struct fb_cell *text_cell;
	uint32_t *pixel; /* the scaled picture */
	uint32_t *band, *sum;
	uint64_t *hash; /* of what each line of it was made from */
	size_t room; /* cells, and lines */
	struct picture_scale {
		unsigned width, height; /* of what there is */
		unsigned w, h; /* of what is shown */
	} scale;
	unsigned glance; /* which lines the next time */
	struct fb_head head; /* of the last time */
	struct picture_want want;
};

/* 1: other than before; 0: the same; -errno: no memory. want's x and y become
 * what they are. */
int picture_make(struct picture *, const struct fb *, const struct fb_head *,
	struct picture_want *want);
/* Into the window, which it fills. */
void picture_put(const struct picture *, WINDOW *, bool utf8);
void picture_free(struct picture *);

#endif
