/* SPDX-License-Identifier: MIT */
/* What the reader's files of lib/fb share. */
#ifndef LIB_FB_INT_H
#define LIB_FB_INT_H

#include "lib/fb.h"

enum {
	FB_FONT_RAM = 256 * 32 * 4, /* bytes of video RAM a font spans */
	FB_UNIT = 4, /* bytes of a cell, or of 8 planar pixels */
	/* One row's bytes: pixels, or units of at least 8 pixels, and what
	 * panning brings in. */
	FB_ROW_MAX = FB_MAX_WIDTH * 4 + 64,
	FB_BAND = 16 /* lines that are drawn at a time */
};

struct fb {
	int fd;
	const uint8_t *memory; /* instead of fd, or NULL */
	size_t size; /* of that */
	uint32_t stuck; /* seq that stayed odd; even: none */
	struct fb_work *work;
};

struct fb_work { /* scratch memory, and what was loaded */
	uint8_t row[FB_ROW_MAX];
	uint8_t font[2][FB_FONT_RAM];
	uint32_t band[FB_BAND * FB_MAX_WIDTH];
	uint8_t rom_font[FB_FONT];
	bool has_font, sought_font;
};

/* n bytes of video RAM at off, wrapped as the head says; what is not there is
 * zero. */
void fb_bytes(const struct fb *, const struct fb_head *, uint64_t off, void *to,
	size_t n);

struct fb_line { /* where a picture's line comes from */
	uint64_t row; /* byte of the row's first pixel, unit or cell */
	uint32_t pan; /* pixels left out */
	uint32_t scan; /* text: line in the cells */
};
struct fb_line fb_line(const struct fb_head *, unsigned y);

/* --- fb-glyphs.c --- */

uint32_t fb_cp437(uint8_t ch); /* in Unicode */
/* The 8x16 font of this host's VGA BIOS: FB_FONT bytes, or NULL. */
const uint8_t *fb_rom_font(const struct fb *);
/* The character that is drawn like that by Linux's console or a VGA BIOS, 1 to
 * 254, or -1. */
int fb_glyph(const struct fb *, const uint8_t rows[FB_FONT_H]);

#endif
