/* SPDX-License-Identifier: MIT */
/*
 * From registers to what is to be seen (struct fb_head): text, planes, CGA's
 * interleaved lines, 256 colours chained or not, VBE's linear modes. Times of
 * the CRT controller other than the picture's size are not looked at; a
 * picture is as large as a monitor would show it.
 */
#include <string.h>

#include "dev/vga-int.h"

#define VGA_RAM_BYTES 0x40000u
#define FONT_BYTES 0x8000u /* 8 KiB of plane 2 */
#define FONT_PLANE 2u
#define CR_MODE_BANK2 1u /* of CR_MODE, active low: A13 is line bit 0 */
#define CR_MODE_BANK4 2u /* A14 is line bit 1 */
#define CR_MODE_BYTES 0x40u
#define BANK_BYTES 0x8000u /* 2000h of a plane; of two in odd/even, half */
#define NO_CURSOR 0x20u
#define MOST_DOUBLE 32u

static uint32_t
least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* ---- colours ---- */

static uint32_t
widened(uint8_t v)
{
	return (uint32_t)((v & 0x3f) << 2 | (v & 0x3f) >> 4);
}

static uint32_t
colour(const struct vga_regs *r, unsigned n)
{
	const uint8_t *p = &r->palette[3 * (n & r->dac_mask & 0xff)];

	if (vga_vbe(r) && (r->vbe[VBE_ENABLE] & VBE_DAC8))
		return (uint32_t)(p[0] << 16 | p[1] << 8 | p[2]);
	return widened(p[0]) << 16 | widened(p[1]) << 8 | widened(p[2]);
}

/* Through the attribute controller. */
static unsigned
attribute(const struct vga_regs *r, unsigned n)
{
	unsigned v = r->ar[n & r->ar[AR_PLANES] & 15];

	if (r->ar[AR_MODE] & AR_MODE_SELECT)
		v = (v & 0x0f) | (r->ar[AR_SELECT] & 3u) << 4;
	return (v & 0x3f) | (r->ar[AR_SELECT] & 0x0cu) << 4;
}

static bool
has_256(const struct vga_regs *r)
{
	if (vga_vbe(r))
		return r->vbe[VBE_BPP] != 4;
	return (r->gr[GR_MISC] & GR_MISC_GRAPHICS) && (r->gr[GR_MODE] & 0x40);
}

void
vga_palette(const struct vga_regs *r, struct fb_head *h)
{
	unsigned n = 0;

	if (has_256(r))
		for (; n < 256; n++)
			h->palette[n] = colour(r, n);
	for (; n < 16; n++)
		h->palette[n] = colour(r, attribute(r, n));
	for (; n < 256; n++)
		h->palette[n] = 0;
}

/* ---- VBE ---- */

static enum fb_kind
vbe_kind(uint32_t bpp)
{
	switch (bpp) {
	case 4:
		return FB_PLANAR;
	case 15:
		return FB_RGB15;
	case 16:
		return FB_RGB16;
	case 24:
		return FB_RGB24;
	case 32:
		return FB_RGB32;
	default:
		return FB_INDEX;
	}
}

static void
linear(const struct vga_regs *r, uint32_t ram, struct fb_head *h)
{
	struct vga_line l;

	vga_vbe_line(r, ram, &l);
	h->kind = vbe_kind(l.bpp);
	h->width = l.width;
	h->height = l.height;
	h->start = l.start;
	h->pitch = l.pitch;
	h->pan_x = l.pan;
	h->split = h->height;
	h->planes = r->ar[AR_PLANES] & 15;
}

/* ---- VGA: text ---- */

static uint32_t
font(unsigned high, unsigned low)
{
	return ((low & 3) << 1 | high) * FONT_BYTES + FONT_PLANE;
}

static void
text(const struct vga_regs *r, struct fb_head *h)
{
	uint8_t f = r->seq[SEQ_FONTS], mode = r->ar[AR_MODE];
	uint32_t at =
		(uint32_t)(r->cr[CR_CURSOR_HI] << 8 | r->cr[CR_CURSOR_LO]);
	uint8_t pan = r->ar[AR_PAN];

	h->kind = FB_TEXT;
	h->cell_w = r->seq[SEQ_CLOCKING] & CLOCKING_8DOT ? 8 : 9;
	h->cell_h = (r->cr[CR_MAX_SCAN] & 0x1fu) + 1;
	h->width *= h->cell_w;
	h->double_y = r->cr[CR_MAX_SCAN] & 0x80 ? 2 : 1;
	h->line_art = mode & AR_MODE_LINE_ART ? 1 : 0;
	h->blink = mode & AR_MODE_BLINK ? 1 : 0;
	h->font[0] = font(f >> 4 & 1, f);
	h->font[1] = font(f >> 5 & 1, f >> 2);
	h->cursor = 4 * at & (VGA_RAM_BYTES - 1);
	h->cursor_from = r->cr[CR_CURSOR_FROM] & 0x3f; /* 20h: off */
	h->cursor_to = r->cr[CR_CURSOR_TO] & 0x1f;
	if (h->cursor_from >= NO_CURSOR || h->cursor_from > h->cursor_to) {
		h->cursor_from = 1;
		h->cursor_to = 0;
	}
	if (mode & AR_MODE_MONO)
		h->underline = r->cr[CR_UNDERLINE] & 0x1f;
	if (h->cell_w == 8)
		h->pan_x = pan & 7;
	else
		h->pan_x = pan < 8 ? pan + 1u : 0;
	h->pan_y = r->cr[CR_PRESET] & 0x1f;
}

/* ---- VGA: graphics ---- */

/* The lines of a row are repeated, or lie in banks, or both. */
static void
lines(const struct vga_regs *r, struct fb_head *h)
{
	uint32_t rows = (r->cr[CR_MAX_SCAN] & 0x1fu) + 1, banks = 1;

	if (!(r->cr[CR_MODE] & CR_MODE_BANK2))
		banks = r->cr[CR_MODE] & CR_MODE_BANK4 ? 2 : 4;
	if (banks <= rows && h->kind != FB_INDEX) {
		h->banks = banks;
		h->bank = r->cr[CR_MODE] & CR_MODE_BYTES ? BANK_BYTES
							 : BANK_BYTES / 2;
		rows /= banks;
	}
	if (r->cr[CR_MAX_SCAN] & 0x80)
		rows *= 2;
	h->double_y = least(rows, MOST_DOUBLE);
}

static void
graphics(const struct vga_regs *r, struct fb_head *h)
{
	uint8_t shift = r->gr[GR_MODE] & GR_MODE_SHIFT, pan = r->ar[AR_PAN];

	h->width *= 8;
	h->planes = r->ar[AR_PLANES] & 15;
	if (shift & 0x40) {
		h->kind = FB_INDEX;
		h->pan_x = pan >> 1 & 3;
		if (h->double_x == 1) { /* a pixel takes two clocks */
			h->double_x = 2;
			h->width /= 2;
		}
	} else {
		h->kind = shift & 0x20 ? FB_CGA : FB_PLANAR;
		h->pan_x = pan & 7;
	}
	lines(r, h);
}

/* ---- both ---- */

static void
standard(const struct vga_regs *r, struct fb_head *h)
{
	uint8_t over = r->cr[CR_OVERFLOW];
	uint32_t from =
		(uint32_t)(r->cr[CR_START_HI] << 8 | r->cr[CR_START_LO]);
	uint32_t split = r->cr[CR_COMPARE] | (over & 0x10u) << 4 |
			 (r->cr[CR_MAX_SCAN] & 0x40u) << 3;

	h->width = r->cr[CR_HDISP] + 1u;
	h->height =
		(r->cr[CR_VDISP] | (over & 0x02u) << 7 | (over & 0x40u) << 3) +
		1;
	h->double_x = r->seq[SEQ_CLOCKING] & CLOCKING_HALF ? 2 : 1;
	h->pitch = r->cr[CR_OFFSET] * 8u;
	h->start =
		4 * (from + (r->cr[CR_PRESET] >> 5 & 3u)) & (VGA_RAM_BYTES - 1);
	h->wrap = VGA_RAM_BYTES;
	h->split = split + 1;
	if (r->gr[GR_MISC] & GR_MISC_GRAPHICS)
		graphics(r, h);
	else
		text(r, h);
	h->width = least(h->width * h->double_x, FB_MAX_WIDTH);
	h->height = least(h->height, FB_MAX_HEIGHT);
}

void
vga_picture(const struct vga_regs *r, uint32_t ram, struct fb_head *h)
{
	bool vbe = vga_vbe(r);

	memset(h, 0, offsetof(struct fb_head, palette));
	h->double_x = h->double_y = h->banks = 1;
	h->cell_w = 8;
	h->cell_h = 16;
	h->underline = 32;
	if (vbe)
		linear(r, ram, h);
	else
		standard(r, h);
	if (!(r->ar_index & AR_INDEX_ON) ||
		(!vbe && (r->seq[SEQ_CLOCKING] & CLOCKING_OFF)))
		h->kind = FB_OFF;
}
