/* SPDX-License-Identifier: MIT */
/*
 * A framebuffer file as characters. Text modes hold them; of graphics modes
 * each 8x16 pixels in two colours are compared with the glyphs that Linux's
 * console and the VGA BIOS draw.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/fb-int.h"

#define NO_CHARACTER 0xfffdu
#define NBSP 0xa0u

_Static_assert((int)FB_BAND == FB_FONT_H, "a band is a row of characters");

/* The lines that rows of cells begin at, one after the other: the first may be
 * panned, and one ends where the screen is split. A row of which less than half
 * is seen is none. False: there is no more. */
static bool
next_row(const struct fb_head *h, unsigned *y, unsigned *next)
{
	const unsigned whole = h->cell_h * h->double_y;

	while (*next < h->height) {
		unsigned from = *next;
		unsigned tall = whole - fb_line(h, from).scan * h->double_y;
		unsigned end = from < h->split && h->split < h->height
				       ? h->split
				       : h->height;

		if (tall > end - from)
			tall = end - from;
		*next = from + tall;
		*y = from;
		if (tall * 2 >= whole)
			return true;
	}
	return false;
}

unsigned
fb_columns(const struct fb_head *h, unsigned *rows)
{
	unsigned y, next = 0;

	*rows = 0;
	if (h->kind == FB_OFF)
		return 0;
	if (h->kind != FB_TEXT) {
		*rows = h->height / FB_FONT_H;
		return h->width / FB_FONT_W;
	}
	while (next_row(h, &y, &next))
		++*rows;
	return h->width / h->double_x / h->cell_w;
}

static void
text_cells(const struct fb *fb, const struct fb_head *h, struct fb_cell *c,
	unsigned columns)
{
	uint8_t *v = fb->work->row;
	unsigned y, next = 0;

	while (next_row(h, &y, &next)) {
		fb_bytes(
			fb, h, fb_line(h, y).row, v, (size_t)columns * FB_UNIT);
		for (unsigned x = 0; x < columns; x++, c++) {
			unsigned attr = v[x * FB_UNIT + 1];

			c->ch = fb_cp437(v[x * FB_UNIT]);
			c->fg = h->palette[attr & 15];
			c->bg = h->palette[attr >> 4 & (h->blink ? 7 : 15)];
		}
	}
}

/*
 * Graphics
 */

/* The pixels of a cell as bits: those that have not the colour of the first
 * one. False: there are more than two colours. */
static bool
two_colours(const uint32_t *p, unsigned width, uint8_t *rows, uint32_t *other)
{
	uint32_t first = *p;

	*other = first;
	for (unsigned y = 0; y < FB_FONT_H; y++, p += width) {
		unsigned bits = 0;

		for (unsigned x = 0; x < FB_FONT_W; x++) {
			bool set = p[x] != first;

			if (set && *other == first)
				*other = p[x];
			if (set && p[x] != *other)
				return false;
			bits = bits << 1 | set;
		}
		rows[y] = (uint8_t)bits;
	}
	return true;
}

static void
invert(uint8_t *rows)
{
	for (unsigned y = 0; y < FB_FONT_H; y++)
		rows[y] = (uint8_t)~rows[y];
}

static unsigned
count(const uint8_t *rows)
{
	unsigned n = 0;

	for (unsigned y = 0; y < FB_FONT_H; y++)
		n += (unsigned)__builtin_popcount(rows[y]);
	return n;
}

/* A character, or U+FFFD. *inverted: its pixels are those that are not set. */
static uint32_t
recognize(const struct fb *fb, const uint8_t *seen, bool *inverted)
{
	/* As it is, or turned over; or its last two lines, which is where the
	 * console's cursor is. */
	static const uint8_t turns[][2] = {
		{0, 0}, {0, 0xff}, {0xff, 0xff}, {0xff, 0}};

	for (unsigned k = 0; k < sizeof(turns) / sizeof(turns[0]); k++) {
		uint8_t rows[FB_FONT_H];
		int ch;

		for (unsigned y = 0; y < FB_FONT_H; y++)
			rows[y] = seen[y] ^ turns[k][y >= FB_FONT_H - 2];
		*inverted = turns[k][0];
		if (!count(rows))
			return ' ';
		ch = fb_glyph(fb, rows);
		if (ch > 0)
			return fb_cp437((uint8_t)ch);
	}
	*inverted = false;
	return NO_CHARACTER;
}

static void
graphics_cell(const struct fb *fb, const uint32_t *p, unsigned width,
	struct fb_cell *c)
{
	uint8_t rows[FB_FONT_H];
	uint32_t first = *p, other;
	bool inverted;

	*c = (struct fb_cell){NO_CHARACTER, first, first};
	if (!two_colours(p, width, rows, &other))
		return;
	if (other == first) {
		c->ch = ' ';
		return;
	}
	/* What there is most of is the background, if that makes sense. */
	if (count(rows) > FB_FONT_W * FB_FONT_H / 2) {
		invert(rows);
		c->bg = other;
	} else {
		c->fg = other;
	}
	c->ch = recognize(fb, rows, &inverted);
	if (inverted)
		*c = (struct fb_cell){c->ch, c->bg, c->fg};
}

static void
graphics_cells(const struct fb *fb, const struct fb_head *h, struct fb_cell *c,
	unsigned columns, unsigned rows)
{
	uint32_t *band = fb->work->band;

	for (unsigned y = 0; y < rows; y++) {
		fb_draw(fb, h, y * FB_FONT_H, FB_FONT_H, band, true);
		for (unsigned x = 0; x < columns; x++)
			graphics_cell(fb, band + x * FB_FONT_W, h->width, c++);
	}
}

int
fb_cells(const struct fb *fb, const struct fb_head *h, struct fb_cell *cells,
	size_t max, unsigned *rows)
{
	unsigned columns = fb_columns(h, rows);

	if (h->kind == FB_OFF)
		return -ENODATA;
	if ((size_t)columns * *rows > max)
		return -ENOSPC;
	if (h->kind == FB_TEXT)
		text_cells(fb, h, cells, columns);
	else
		graphics_cells(fb, h, cells, columns, *rows);
	return (int)columns;
}

/*
 * UTF-8
 */

static char *
put_char(char *p, uint32_t ch)
{
	if (ch >= 0x800) {
		*p++ = (char)(0xe0 | ch >> 12);
		*p++ = (char)(0x80 | (ch >> 6 & 0x3f));
	} else if (ch >= 0x80) {
		*p++ = (char)(0xc0 | ch >> 6);
	}
	*p++ = (char)(ch < 0x80 ? ch : 0x80 | (ch & 0x3f));
	return p;
}

static char *
put_row(char *p, const struct fb_cell *c, unsigned n)
{
	while (n && (c[n - 1].ch == ' ' || c[n - 1].ch == NBSP))
		n--;
	for (; n; n--, c++)
		p = put_char(p, c->ch);
	*p++ = '\n';
	return p;
}

int
fb_text(const struct fb *fb, const struct fb_head *h, char **text)
{
	unsigned rows, columns = fb_columns(h, &rows);
	size_t n = (size_t)columns * rows;
	struct fb_cell *cells;
	char *p;
	int r;

	if (h->kind == FB_OFF)
		return failx(-ENODATA, "the screen is off");
	cells = malloc((n + 1) * sizeof(*cells));
	*text = p = malloc(n * 3 + rows + 1);
	r = cells && p ? fb_cells(fb, h, cells, n, &rows)
		       : fail(-ENOMEM, "%s", FB_NAME);
	for (unsigned y = 0; r >= 0 && y < rows; y++)
		p = put_row(p, cells + (size_t)y * columns, columns);
	free(cells);
	if (r < 0) {
		free(*text);
		*text = NULL;
		return r;
	}
	*p = '\0';
	return 0;
}
