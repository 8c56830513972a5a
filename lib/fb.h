/* SPDX-License-Identifier: MIT */
/*
 * The framebuffer file: fb in a machine's directory (vm-state(5)). One page,
 * struct fb_head, and behind it the video RAM itself, which is the card's BAR.
 * The VM process maps it shared and writes the head only when the card's
 * registers change; the guest writes the video RAM. Any process of the owner
 * renders it, without asking the VM process, also after that has died.
 *
 * The head says what is to be seen, not which registers said so: a reader
 * needs no VGA. Readers trust nothing in it: fb_look() takes one consistent
 * copy and checks it whole; what its fields lead to outside the video RAM, or
 * behind the end of a file that was cut short, is black. Nothing is mapped: a
 * file that shrinks under a reader does not kill it.
 *
 * Video RAM is laid out as the card's linear BAR shows it. In text and planar
 * modes a plane's byte n is at 4 * n + plane (as bochs and QEMU have it). Text
 * may lie packed behind it, where the guest reaches it as plain memory.
 */
#ifndef LIB_FB_H
#define LIB_FB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FB_NAME "fb"
#define FB_MAGIC "vm-fb 1" /* and its zero byte: 8 bytes */
#define FB_HEAD 4096u
#define FB_MAX_WIDTH 2560u
#define FB_MAX_HEIGHT 1600u
#define FB_MAX_CARD (64u << 20) /* of the card, which its BAR shows */
#define FB_PACKED (128u << 10) /* text, packed, may lie behind that */
#define FB_MAX_RAM (FB_MAX_CARD + FB_PACKED)

enum fb_kind {
	FB_OFF, /* blanked, or no mode set: black, of the size given */
	FB_TEXT, /* cells of 4 bytes: character, attribute, two unused */
	FB_PLANAR, /* 16 colours: 4 planes, 8 pixels in each 4 bytes */
	FB_CGA, /* 8 pixels in each 4 bytes: 4 of plane 0, bits 7-6 first, then
		 * 4 of plane 1; bits 2 and 3 of a colour from planes 2, 3 */
	FB_INDEX, /* 256 colours: a byte a pixel, one after the other */
	FB_RGB15,
	FB_RGB16,
	FB_RGB24, /* blue first */
	FB_RGB32, /* blue, green, red, unused */
	FB_KINDS
};

/* Little-endian 32-bit words; seq first of all that changes. Writer: seq odd,
 * fence, change, fence, seq even. */
struct fb_head {
	char magic[8];
	_Atomic uint32_t seq;
	uint32_t ram; /* bytes of video RAM behind this page */
	uint32_t kind; /* enum fb_kind */
	uint32_t width, height; /* of the picture, in pixels, after doubling */
	uint32_t start; /* byte of the first pixel, unit or cell */
	uint32_t pitch; /* bytes from one row (of cells or lines) to the next */
	uint32_t wrap; /* addresses are taken modulo this: a power of two, at
			* most ram; 0: they do not wrap */
	uint32_t double_x; /* each pixel is shown this often: 1 or 2 */
	uint32_t double_y; /* each line of video RAM: 1..32 */
	uint32_t pan_x; /* pixels of the first unit left out: 0..8 */
	uint32_t pan_y; /* text: scan lines of the first row left out */
	uint32_t split; /* picture line from which rows start at byte 0 of
			 * video RAM, without panning; >= height: none */
	/* text */
	uint32_t cell_w,
		cell_h; /* 8 or 9 (column 9 repeats column 8 for C0h
			 * to DFh if line_art, else background); 1..32 */
	uint32_t line_art;
	uint32_t font[2]; /* video RAM byte of row 0 of character 0; a
			   * character has 32 rows, a row's byte is 4 after the
			   * one before. [1]: attribute bit 3 set */
	uint32_t cursor; /* video RAM byte of the cell it is in */
	uint32_t cursor_from, cursor_to; /* scan lines, first and last; shown if
					  * from <= to */
	uint32_t blink; /* attribute bit 7 means blinking, not colour */
	uint32_t underline; /* scan line for attributes x1h of mono; 32 none */
	/* Text: 0; or the cells (not the fonts) lie packed: the 2 bytes of the
	 * one at 4 * n are at packed + 2 * n of video RAM. */
	uint32_t packed;
	uint32_t planes; /* planar, CGA: a bit for each plane that is shown */
	/* Planar and CGA, interleaved: line n of video RAM is in row n / banks,
	 * n % banks * bank bytes further. 0 or 1: not; else 2 or 4. */
	uint32_t banks, bank;
	/* The colours themselves, 0x00RRGGBB: 16 for text, planar and CGA
	 * (after the attribute controller), 256 for FB_INDEX. */
	uint32_t palette[256];
};

/* ---- writing: the VM process ---- */

/*
 * Make the file new in the directory (mode 0600, all of it allocated; -ENOSPC
 * else) and map it. *head and *ram stay valid until fb_unmap(). Nobody sees it
 * until fb_place() puts it where the last run's is: a start that fails leaves
 * that alone, and calls fb_drop().
 */
int fb_make(int dir, size_t ram_bytes, struct fb_head **head, void **ram);
int fb_place(int dir);
void fb_drop(int dir);
void fb_unmap(struct fb_head *head, size_t ram_bytes);
/* next holds what the head shall say; magic, seq and ram in it are not looked
 * at. Writes nothing if nothing changed. */
void fb_publish(struct fb_head *head, const struct fb_head *next);

/* ---- reading: anybody ---- */

struct fb; /* an open file; used by one thread at a time */

/* 0; -ENOENT without a sentence where there is no such file; else -errno, told
 * (-EINVAL: it is no framebuffer file). Read-only. */
int fb_open(int dir, struct fb **);
/* The same from the writer's own memory: the head, and what is behind it. */
int fb_attach(const struct fb_head *, size_t ram_bytes, struct fb **);
void fb_close(struct fb *); /* NULL is fine */
/* A checked copy of the head; seq even. -EAGAIN if a writer holds it for more
 * than 100 ms (or died in between: *h is then the last that could be read, and
 * checked; this is told at once the next time); -EINVAL, told, if it is out of
 * range. FB_OFF of no size is made 720x400. */
int fb_look(struct fb *, struct fb_head *h);

/* The picture's lines from y on, n of them, as 0x00RRGGBB into out[n * width].
 * Those below the picture are left as they are. phase: is what blinks shown? */
void fb_draw(const struct fb *, const struct fb_head *h, unsigned y, unsigned n,
	uint32_t *out, bool phase);
/* No text cursor in what is drawn from this copy. */
void fb_hide_cursor(struct fb_head *h);
/* FNV-1a, 64 bits, over width and height (4 bytes each, the lowest first) and
 * red, green and blue of each pixel; what blinks is shown, the text cursor is
 * not. fb_hash_begin() and _more() do it over pixels that were drawn. */
uint64_t fb_hash(const struct fb *, const struct fb_head *h);
uint64_t fb_hash_begin(unsigned width, unsigned height);
uint64_t fb_hash_more(uint64_t hash, const uint32_t *pixels, size_t n);

struct fb_cell {
	uint32_t ch; /* Unicode; from code page 437 in text modes */
	uint32_t fg, bg; /* 0x00RRGGBB */
};
/* How many there are: columns, *rows; both 0 for FB_OFF. */
unsigned fb_columns(const struct fb_head *h, unsigned *rows);
/* FB_TEXT: the cells themselves. Graphics: 8x16 cells whose pixels have two
 * colours and are what Linux's console draws with its font of that size, or a
 * VGA BIOS; others U+FFFD. Returns the number of columns; *rows. cells has room
 * for max; -ENOSPC if they are more, -ENODATA for FB_OFF. */
int fb_cells(const struct fb *, const struct fb_head *h, struct fb_cell *cells,
	size_t max, unsigned *rows);
/* UTF-8 of that, trailing blanks cut, a newline after each row; the caller
 * frees. -ENODATA, -ENOMEM. */
int fb_text(const struct fb *, const struct fb_head *h, char **text);

/* A picture of one moment, *h being what it is of; *pixels is NULL, or one that
 * was taken before: realloc(), the caller's also after a failure. */
int fb_take(struct fb *, bool cursor, struct fb_head *h, uint32_t **pixels);
/* Its text; "" for FB_OFF. */
int fb_take_text(struct fb *, char **text);

enum {
	FB_FONT_W = 8,
	FB_FONT_H = 16,
	FB_FONT = 256 * FB_FONT_H /* bytes */
};
/* The 8x16 font in a VGA BIOS, or whatever holds one: found by its block
 * graphics. FB_FONT bytes, 16 a character; NULL: there is none. */
const uint8_t *fb_find_font(const void *rom, size_t size);

#endif
