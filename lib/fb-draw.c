/* SPDX-License-Identifier: MIT */
/*
 * What a framebuffer file shows, line by line, as 0x00RRGGBB. A reader's work:
 * the head has been checked, the video RAM is whatever it is.
 */
#include <string.h>

#include "lib/fb-int.h"

#define FNV_BASIS 0xcbf29ce484222325u
#define FNV_PRIME 0x100000001b3u

struct fb_line
fb_line(const struct fb_head *h, unsigned y)
{
	bool below = y >= h->split;
	uint64_t line = (below ? y - h->split : y) / h->double_y;
	struct fb_line l = {
		.row = below ? 0 : h->start,
		.pan = below ? 0 : h->pan_x,
	};

	if (h->kind == FB_TEXT) {
		line += below ? 0 : h->pan_y;
		l.scan = (uint32_t)(line % h->cell_h);
		l.row += line / h->cell_h * h->pitch;
	} else if (h->kind == FB_PLANAR || h->kind == FB_CGA) {
		l.row += line / h->banks * h->pitch + line % h->banks * h->bank;
	} else {
		l.row += line * h->pitch;
	}
	return l;
}

/*
 * A line's pixels as they lie in video RAM, n of them, not doubled.
 */

struct pen { /* a line being drawn */
	uint32_t *out;
	unsigned n, skip; /* pixels still to draw; to leave out first */
};

static inline void
put(struct pen *p, uint32_t rgb)
{
	if (p->skip) {
		p->skip--;
	} else if (p->n) {
		*p->out++ = rgb;
		p->n--;
	}
}

static void
draw_planar(const struct fb_head *h, const uint8_t *v, struct pen *p)
{
	for (; p->n; v += FB_UNIT)
		for (unsigned bit = 8; bit--;) {
			unsigned c = 0;

			for (unsigned k = 0; k < 4; k++)
				c |= (v[k] >> bit & 1u) << k;
			put(p, h->palette[c & h->planes & 15]);
		}
}

static void
draw_cga(const struct fb_head *h, const uint8_t *v, struct pen *p)
{
	for (; p->n; v += FB_UNIT)
		for (unsigned k = 0; k < 8; k++) {
			unsigned shift = 6 - k % 4 * 2;
			unsigned c = (v[k / 4] >> shift & 3u) |
				     (v[k / 4 + 2] >> shift & 3u) << 2;

			put(p, h->palette[c & h->planes & 15]);
		}
}

static uint32_t
wide(uint32_t v, unsigned bits) /* to 8 */
{
	return v << (8 - bits) | v >> (2 * bits - 8);
}

static uint32_t
pixel(const struct fb_head *h, const uint8_t *v)
{
	const uint32_t word = v[0] | (uint32_t)v[1] << 8;

	switch (h->kind) {
	case FB_RGB15:
		return wide(word >> 10 & 31, 5) << 16 |
		       wide(word >> 5 & 31, 5) << 8 | wide(word & 31, 5);
	case FB_RGB16:
		return wide(word >> 11, 5) << 16 |
		       wide(word >> 5 & 63, 6) << 8 | wide(word & 31, 5);
	default:
		return (uint32_t)v[2] << 16 | word;
	}
}

static void
draw_rgb(const struct fb_head *h, const uint8_t *v, size_t size, uint32_t *out,
	unsigned n)
{
	for (; n; n--, v += size)
		*out++ = pixel(h, v);
}

static void
draw_rgb32(const uint8_t *v, uint32_t *out, unsigned n)
{
	memcpy(out, v, (size_t)n * 4);
	for (unsigned k = 0; k < n; k++)
		out[k] &= 0xffffff;
}

static void
draw_index(const struct fb_head *h, const uint8_t *v, uint32_t *out, unsigned n)
{
	for (unsigned k = 0; k < n; k++)
		out[k] = h->palette[v[k]];
}

static size_t
bytes_per_pixel(uint32_t kind)
{
	switch (kind) {
	case FB_INDEX:
		return 1;
	case FB_RGB15:
	case FB_RGB16:
		return 2;
	case FB_RGB24:
		return 3;
	default:
		return 4;
	}
}

static void
draw_graphics(const struct fb *fb, const struct fb_head *h, struct fb_line l,
	uint32_t *out, unsigned n)
{
	uint8_t *v = fb->work->row;
	size_t size = bytes_per_pixel(h->kind);
	struct pen p = {out, n, l.pan};

	if (h->kind == FB_PLANAR || h->kind == FB_CGA) {
		fb_bytes(fb, h, l.row, v, (l.pan + n + 7) / 8 * FB_UNIT);
		if (h->kind == FB_PLANAR)
			draw_planar(h, v, &p);
		else
			draw_cga(h, v, &p);
		return;
	}
	fb_bytes(fb, h, l.row + l.pan * size, v, n * size);
	if (h->kind == FB_RGB32)
		draw_rgb32(v, out, n);
	else if (h->kind == FB_INDEX)
		draw_index(h, v, out, n);
	else
		draw_rgb(h, v, size, out, n);
}

/*
 * Text
 */

/* Nine bits of a cell's line, bit 8 leftmost. */
static unsigned
glyph(const struct fb_work *w, const struct fb_head *h, const uint8_t *cell,
	unsigned scan)
{
	unsigned ch = cell[0], attr = cell[1];
	unsigned bits = w->font[attr >> 3 & 1][(ch * 32 + scan) * FB_UNIT] * 2u;

	if (h->line_art && ch >= 0xc0 && ch <= 0xdf)
		bits |= bits >> 1 & 1;
	if ((attr & 0x77) == 1 && scan == h->underline)
		bits = 0x1ff;
	return bits;
}

static uint64_t
wrapped(const struct fb_head *h, uint64_t off)
{
	return h->wrap ? off & (h->wrap - 1) : off;
}

static void
draw_text(const struct fb *fb, const struct fb_head *h, struct fb_line l,
	uint32_t *out, unsigned n, bool phase)
{
	const unsigned cells = (l.pan + n + h->cell_w - 1) / h->cell_w;
	const bool cursor =
		phase && l.scan >= h->cursor_from && l.scan <= h->cursor_to;
	const uint64_t at = wrapped(h, h->cursor);
	const uint8_t *v = fb->work->row;
	struct pen p = {out, n, l.pan};

	fb_bytes(fb, h, l.row, fb->work->row, (size_t)cells * FB_UNIT);
	for (unsigned k = 0; k < cells; k++, v += FB_UNIT) {
		bool blinks = h->blink && v[1] & 0x80;
		uint32_t fg = h->palette[v[1] & 15];
		uint32_t bg = h->palette[v[1] >> 4 & (h->blink ? 7 : 15)];
		unsigned bits = glyph(fb->work, h, v, l.scan);

		if (blinks && !phase)
			bits = 0;
		if (cursor && wrapped(h, l.row + (uint64_t)k * FB_UNIT) == at)
			bits = 0x1ff;
		for (unsigned x = 0; x < h->cell_w; x++)
			put(&p, bits >> (8 - x) & 1 ? fg : bg);
	}
}

static void
load_fonts(const struct fb *fb, const struct fb_head *h)
{
	struct fb_head flat = *h;

	flat.wrap = 0;
	flat.packed = 0;
	for (unsigned n = 0; n < 2; n++)
		fb_bytes(fb, &flat, h->font[n], fb->work->font[n], FB_FONT_RAM);
}

/* From the right, as it grows over itself. */
static void
double_pixels(uint32_t *out, unsigned width)
{
	for (unsigned x = width; x--;)
		out[x] = out[x / 2];
}

void
fb_draw(const struct fb *fb, const struct fb_head *h, unsigned y, unsigned n,
	uint32_t *out, bool phase)
{
	unsigned end = y < h->height && n < h->height - y ? y + n : h->height;
	unsigned dots = (h->width + h->double_x - 1) / (h->double_x ?: 1);

	if (h->kind == FB_TEXT)
		load_fonts(fb, h);
	for (; y < end; y++, out += h->width) {
		if (h->kind == FB_OFF) {
			memset(out, 0, h->width * sizeof(*out));
			continue;
		}
		if (h->kind == FB_TEXT)
			draw_text(fb, h, fb_line(h, y), out, dots, phase);
		else
			draw_graphics(fb, h, fb_line(h, y), out, dots);
		if (h->double_x == 2)
			double_pixels(out, h->width);
	}
}

void
fb_hide_cursor(struct fb_head *h)
{
	h->cursor_from = 1;
	h->cursor_to = 0;
}

static uint64_t
add_byte(uint64_t hash, uint32_t byte)
{
	return (hash ^ (byte & 0xff)) * FNV_PRIME;
}

uint64_t
fb_hash_begin(unsigned width, unsigned height)
{
	uint64_t hash = FNV_BASIS;

	for (unsigned n = 0; n < 32; n += 8)
		hash = add_byte(hash, width >> n);
	for (unsigned n = 0; n < 32; n += 8)
		hash = add_byte(hash, height >> n);
	return hash;
}

uint64_t
fb_hash_more(uint64_t hash, const uint32_t *pixels, size_t n)
{
	for (; n; n--, pixels++) {
		hash = add_byte(hash, *pixels >> 16);
		hash = add_byte(hash, *pixels >> 8);
		hash = add_byte(hash, *pixels);
	}
	return hash;
}

uint64_t
fb_hash(const struct fb *fb, const struct fb_head *h)
{
	uint64_t hash = fb_hash_begin(h->width, h->height);
	uint32_t *band = fb->work->band;
	struct fb_head still = *h;

	fb_hide_cursor(&still);
	for (unsigned y = 0; y < h->height; y += FB_BAND) {
		unsigned n = h->height - y < FB_BAND ? h->height - y : FB_BAND;

		fb_draw(fb, &still, y, n, band, true);
		hash = fb_hash_more(hash, band, (size_t)n * h->width);
	}
	return hash;
}
