/* SPDX-License-Identifier: MIT */
/*
 * Pixels to cells. What is shown smaller is averaged over all pixels that fall
 * into one (a box filter): thin lines and text grow faint, but do not flicker.
 */
#include "bin/tui/picture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bin/tui/color.h"
#include "bin/tui/tui.h"

enum {
	TEXT_MAX = 1 << 16, /* cells of a text mode */
	BAND = 16, /* lines drawn at a time */
	UPPER_HALF = 0x2580
};

static unsigned
least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static int
within(int v, int least_v, int most)
{
	return v > most ? most : v < least_v ? least_v : v;
}

/* --- memory --- */

static int
grow(void *at, size_t n, size_t size)
{
	void **p = at;
	void *bigger = realloc(*p, n * size);

	if (!bigger)
		return -ENOMEM;
	memset(bigger, 0, n * size);
	*p = bigger;
	return 0;
}

static int
make_room(struct picture *p, unsigned cols, unsigned rows)
{
	size_t n = (size_t)cols * rows;

	if (p->cols == cols && p->rows == rows && p->room)
		return 0;
	p->cols = p->rows = 0;
	p->scale = (struct picture_scale){0};
	p->room = 0;
	if (grow(&p->cell, n, sizeof(*p->cell)) ||
		grow(&p->spare, n, sizeof(*p->spare)) ||
		grow(&p->pixel, 2 * n, sizeof(*p->pixel)) ||
		grow(&p->hash, 2 * (size_t)rows, sizeof(*p->hash)) ||
		grow(&p->sum, 3 * (size_t)cols, sizeof(*p->sum)))
		return -ENOMEM;
	if (!p->band)
		p->band = calloc((size_t)BAND * FB_MAX_WIDTH, 4);
	if (!p->text_cell)
		p->text_cell = calloc(TEXT_MAX, sizeof(*p->text_cell));
	if (!p->band || !p->text_cell)
		return -ENOMEM;
	p->cols = cols;
	p->rows = rows;
	p->room = n;
	return 0;
}

void
picture_free(struct picture *p)
{
	free(p->cell);
	free(p->spare);
	free(p->pixel);
	free(p->hash);
	free(p->sum);
	free(p->band);
	free(p->text_cell);
	*p = (struct picture){0};
}

/* --- the scaled picture --- */

static uint64_t
hash_of(uint64_t h, const uint32_t *v, size_t n)
{
	for (; n >= 2; n -= 2, v += 2) {
		h ^= v[0] | (uint64_t)v[1] << 32;
		h *= 0x9e3779b97f4a7c15u;
		h ^= h >> 29;
	}
	return n ? (h ^ *v) * 0x9e3779b97f4a7c15u : h;
}

/* Adds up the pixels of a line that fall into each of w. */
static void
add_line(uint32_t *sum, unsigned w, const uint32_t *line, unsigned width)
{
	for (unsigned x = 0; x < w; x++, sum += 3) {
		unsigned from = (unsigned)((uint64_t)x * width / w);
		unsigned to = (unsigned)((uint64_t)(x + 1) * width / w);
		uint32_t odd = 0, even = 0, green = 0;

		if (to == from)
			to++;
		/* Red and blue side by side: 128 of them fit in 16 bits. */
		for (unsigned i = from; i < to; i++) {
			even += line[i] & 0xff00ff;
			green += line[i] >> 8 & 0xff;
			if ((i - from) % 128 == 127) {
				odd += even >> 16;
				sum[2] += even & 0xffff;
				even = 0;
			}
		}
		sum[0] += odd + (even >> 16);
		sum[1] += green;
		sum[2] += even & 0xffff;
	}
}

static void
mean_line(uint32_t *out, const uint32_t *sum, unsigned w, unsigned width,
	unsigned lines)
{
	for (unsigned x = 0; x < w; x++, sum += 3) {
		unsigned from = (unsigned)((uint64_t)x * width / w);
		unsigned to = (unsigned)((uint64_t)(x + 1) * width / w);
		uint32_t n = (to > from ? to - from : 1) * lines;

		out[x] = (sum[0] + n / 2) / n << 16 |
			 (sum[1] + n / 2) / n << 8 | (sum[2] + n / 2) / n;
	}
}

/* The picture's lines of which line y of the scaled one is made. */
static void
lines_of(const struct picture *p, unsigned y, unsigned *from, unsigned *to)
{
	const uint64_t all = p->scale.height;

	*from = (unsigned)(y * all / p->scale.h);
	*to = (unsigned)((y + 1) * all / p->scale.h);
	if (*to == *from)
		++*to;
}

/* Of those; some of them may be in p->band then. */
static uint64_t
hash_line(struct picture *p, const struct fb *fb, const struct fb_head *h,
	unsigned y)
{
	unsigned at, to, n;
	uint64_t hash;

	lines_of(p, y, &at, &to);
	for (hash = to - at; at < to; at += n) {
		n = least(to - at, BAND);
		fb_draw(fb, h, at, n, p->band, true);
		hash = hash_of(hash, p->band, (size_t)n * h->width);
	}
	return hash;
}

/* Line y of the scaled picture, if it is other than the last time. */
static void
scale_line(struct picture *p, const struct fb *fb, const struct fb_head *h,
	unsigned y)
{
	uint64_t hash = hash_line(p, fb, h, y);
	unsigned from, to, lines, in_band = 0;

	if (hash == p->hash[y])
		return;
	p->hash[y] = hash;
	lines_of(p, y, &from, &to);
	lines = to - from;
	memset(p->sum, 0, 3 * sizeof(*p->sum) * p->scale.w);
	for (unsigned at = from; at < to; at += in_band) {
		in_band = least(to - at, BAND);
		if (lines > BAND) /* else it is still there */
			fb_draw(fb, h, at, in_band, p->band, true);
		for (unsigned i = 0; i < in_band; i++)
			add_line(p->sum, p->scale.w,
				p->band + (size_t)i * h->width, h->width);
	}
	mean_line(p->pixel + (size_t)y * p->cols, p->sum, p->scale.w, h->width,
		lines);
}

/* tall: a cell shows two pixels, one above the other, else one. */
static void
make_scaled(struct picture *p, const struct fb *fb, const struct fb_head *h,
	bool tall)
{
	const uint64_t cols = p->cols, rows2 = 2 * (uint64_t)p->rows;
	struct picture_scale s = {.width = h->width, .height = h->height};

	if (cols * h->height <= rows2 * h->width) {
		s.w = p->cols;
		s.h = (unsigned)(cols * h->height / h->width);
	} else {
		s.w = (unsigned)(rows2 * h->width / h->height);
		s.h = (unsigned)rows2;
	}
	if (!tall)
		s.h = (s.h + 1) / 2;
	s.w = s.w ? s.w : 1;
	s.h = s.h ? s.h : 1;
	if (memcmp(&s, &p->scale, sizeof(s)) != 0)
		memset(p->hash, 0, 2 * p->rows * sizeof(*p->hash));
	p->scale = s;
	for (unsigned y = 0; y < s.h; y++)
		scale_line(p, fb, h, y);
}

/* Nothing else is wanted, and what was looked at is as before. */
static bool
is_same(struct picture *p, const struct fb *fb, const struct fb_head *h,
	const struct picture_want *want)
{
	struct picture_want was = p->want;

	was.glance = want->glance;
	if (p->text || want->how != PICTURE_FIT || !p->scale.h ||
		memcmp(&was, want, sizeof(was)) != 0 ||
		memcmp(h, &p->head, sizeof(*h)) != 0)
		return false;
	if (h->kind == FB_OFF)
		return true;
	p->glance = (p->glance + 1) % PICTURE_GLANCES;
	for (unsigned y = p->glance; y < p->scale.h; y += PICTURE_GLANCES)
		if (hash_line(p, fb, h, y) != p->hash[y])
			return false;
	return true;
}

/* A part of it, pixel by pixel. */
static void
make_part(struct picture *p, const struct fb *fb, const struct fb_head *h,
	struct picture_want *want, bool tall)
{
	const unsigned rows = tall ? 2 * p->rows : p->rows;
	struct picture_scale s = {h->width, h->height, least(p->cols, h->width),
		least(rows, h->height)};

	memset(p->hash, 0, 2 * p->rows * sizeof(*p->hash));
	p->scale = s;
	p->cut = s.w < h->width || s.h < h->height;
	want->x = within(want->x, 0, (int)(h->width - s.w));
	want->y = within(want->y, 0, (int)(h->height - s.h));
	for (unsigned y = 0; y < s.h; y++) {
		fb_draw(fb, h, (unsigned)want->y + y, 1, p->band, true);
		memcpy(p->pixel + (size_t)y * p->cols, p->band + want->x,
			s.w * sizeof(*p->pixel));
	}
}

/* --- pixels to cells --- */

static void
put_shade(struct fb_cell *c, uint32_t rgb, bool utf8, bool colors)
{
	static const uint32_t blocks[] = {' ', 0x2591, 0x2592, 0x2593, 0x2588};
	static const char ascii[] = " .:-=+*#%@";
	unsigned luma = color_luma(rgb);

	c->bg = colors ? 0 : TUI_DEFAULT;
	c->fg = colors ? rgb : TUI_DEFAULT;
	c->ch = utf8 ? blocks[luma * 5 / 256]
		     : (unsigned char)ascii[luma * 10 / 256];
}

/* Two pixels; the lower one may be below the picture. */
static void
put_halves(struct fb_cell *c, uint32_t top, uint32_t bottom)
{
	c->ch = top == bottom ? ' ' : UPPER_HALF;
	c->fg = top;
	c->bg = bottom;
}

static void
fill_pixels(struct picture *p, struct fb_cell *out, bool tall,
	const struct picture_want *want)
{
	const unsigned w = p->scale.w, h = p->scale.h;
	const unsigned rows = tall ? (h + 1) / 2 : h;
	const unsigned left = (p->cols - w) / 2, above = (p->rows - rows) / 2;

	for (unsigned y = 0; y < rows; y++) {
		const uint32_t *pixel =
			p->pixel + (size_t)(tall ? 2 * y : y) * p->cols;
		struct fb_cell *c = out + (size_t)(above + y) * p->cols + left;
		bool last = tall && 2 * y + 1 == h;

		for (unsigned x = 0; x < w; x++)
			if (!tall)
				put_shade(c + x, pixel[x], want->utf8,
					want->colors);
			else
				put_halves(c + x, pixel[x],
					last ? TUI_DEFAULT
					     : pixel[x + p->cols]);
	}
}

/* --- text --- */

/* The cursor's cell, if it is to be seen. */
static bool
find_cursor(const struct fb_head *h, int *x, int *y)
{
	uint32_t off = h->cursor - h->start;

	if (h->kind != FB_TEXT || h->cursor_from > h->cursor_to || !h->pitch)
		return false;
	if (h->wrap)
		off &= h->wrap - 1;
	if (off / h->pitch > FB_MAX_HEIGHT)
		return false;
	*y = (int)(off / h->pitch);
	*x = (int)(off % h->pitch / 4);
	return true;
}

static bool
has_text(const struct fb_cell *c, unsigned n)
{
	while (n && (c->ch == ' ' || !c->ch)) {
		c++;
		n--;
	}
	return n > 0;
}

/* The last row that is not empty: in graphics, where the cursor will be. */
static int
last_row(const struct fb_cell *c, unsigned cols, unsigned rows)
{
	while (rows && !has_text(c + (size_t)(rows - 1) * cols, cols))
		rows--;
	return rows ? (int)rows - 1 : 0;
}

/* Where the part begins that shows at: as little moved as can be. */
static int
follow(int at, unsigned shown, unsigned all)
{
	if (shown >= all || at < (int)shown)
		return 0;
	return within(at - (int)shown + 1, 0, (int)(all - shown));
}

static void
fill_text(struct picture *p, struct fb_cell *out, unsigned cols, unsigned rows,
	const struct fb_head *h, struct picture_want *want)
{
	const unsigned w = least(cols, p->cols), n = least(rows, p->rows);
	const unsigned left = (p->cols - w) / 2, above = (p->rows - n) / 2;
	int cx = -1, cy = -1;
	bool seen = find_cursor(h, &cx, &cy);

	p->cut = w < cols || n < rows;
	if (h->kind != FB_TEXT)
		cy = last_row(p->text_cell, cols, rows);
	want->x = want->x < 0 ? follow(cx, w, cols) : want->x;
	want->y = want->y < 0 ? follow(cy, n, rows) : want->y;
	want->x = within(want->x, 0, (int)(cols - w));
	want->y = within(want->y, 0, (int)(rows - n));
	for (unsigned y = 0; y < n; y++)
		memcpy(out + (size_t)(above + y) * p->cols + left,
			p->text_cell + (size_t)((unsigned)want->y + y) * cols +
				(unsigned)want->x,
			w * sizeof(*out));
	cx -= want->x;
	cy -= want->y;
	if (!seen || cx < 0 || cy < 0 || cx >= (int)w || cy >= (int)n)
		return;
	p->cursor_x = cx + (int)left;
	p->cursor_y = cy + (int)above;
}

/* Can it be read in a window of this size? */
static bool
fits(const struct picture *p, unsigned cols, unsigned rows)
{
	return p->cols * 5 >= cols * 3 && p->rows * 5 >= rows * 3;
}

/* True: it has been shown as text. */
static bool
make_text(struct picture *p, const struct fb *fb, const struct fb_head *h,
	struct fb_cell *out, struct picture_want *want)
{
	unsigned rows;
	int cols;

	if (h->kind == FB_OFF ||
		(h->kind != FB_TEXT && want->how != PICTURE_TEXT))
		return false;
	cols = fb_cells(fb, h, p->text_cell, TEXT_MAX, &rows);
	if (cols <= 0 || !rows ||
		(want->how == PICTURE_FIT && !fits(p, (unsigned)cols, rows)))
		return false;
	fill_text(p, out, (unsigned)cols, rows, h, want);
	return true;
}

/* --- all together --- */

static uint32_t
dimmed(uint32_t rgb)
{
	return rgb == TUI_DEFAULT
		       ? rgb
		       : (rgb >> 1 & 0x7f7f7f) + (rgb >> 3 & 0x1f1f1f);
}

int
picture_make(struct picture *p, const struct fb *fb, const struct fb_head *h,
	struct picture_want *want)
{
	const bool tall = want->utf8 && want->colors;
	struct fb_cell *out;
	bool same;

	if (make_room(p, want->cols, want->rows))
		return -ENOMEM;
	if (want->glance && is_same(p, fb, h, want))
		return 0;
	p->head = *h;
	out = p->spare;
	for (size_t i = 0; i < p->room; i++)
		out[i] = (struct fb_cell){' ', TUI_DEFAULT, TUI_DEFAULT};
	p->cursor_x = p->cursor_y = -1;
	p->cut = false;
	p->text = make_text(p, fb, h, out, want);
	if (!p->text && h->kind != FB_OFF) {
		if (want->how == PICTURE_TRUE)
			make_part(p, fb, h, want, tall);
		else
			make_scaled(p, fb, h, tall);
		fill_pixels(p, out, tall, want);
	}
	for (size_t i = 0; want->dim && i < p->room; i++) {
		out[i].fg = dimmed(out[i].fg);
		out[i].bg = dimmed(out[i].bg);
	}
	p->want = *want;
	same = memcmp(out, p->cell, p->room * sizeof(*out)) == 0;
	p->spare = p->cell;
	p->cell = out;
	return !same;
}

/* What an ASCII terminal has instead. */
static wchar_t
plain(uint32_t ch)
{
	if (ch >= ' ' && ch < 0x7f)
		return (wchar_t)ch;
	if (ch == 0x2500 || ch == 0x2550)
		return '-';
	if (ch == 0x2502 || ch == 0x2551)
		return '|';
	if (ch > 0x2500 && ch < 0x2580)
		return '+';
	if (ch >= 0x2580 && ch < 0x25a0)
		return '#';
	return ch == 0xa0 || !ch ? ' ' : '?';
}

void
picture_put(const struct picture *p, WINDOW *w, bool utf8)
{
	const struct fb_cell *c = p->cell;

	werase(w);
	for (unsigned y = 0; y < p->rows; y++)
		for (unsigned x = 0; x < p->cols; x++, c++) {
			wchar_t ch[2] = {(wchar_t)c->ch, 0};

			if (!utf8 || c->ch < ' ' ||
				(c->ch >= 0x7f && c->ch < 0xa0) ||
				c->ch > 0x10ffff || wcwidth(ch[0]) != 1)
				ch[0] = plain(c->ch);
			if (ch[0] == ' ' && c->bg == TUI_DEFAULT)
				continue;
			color_put(w, (int)y, (int)x, ch, 0, c->fg, c->bg);
		}
}
