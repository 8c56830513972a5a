/* SPDX-License-Identifier: MIT */
/*
 * The terminal's colours. The first 16 are taken to be VGA's, which they are on
 * the Linux console and nearly so elsewhere; of 256, those are left alone, as
 * people choose them anew. Curses, and so all here, exists once in a process.
 */
#include "bin/tui/color.h"

#include <stdlib.h>
#include <string.h>

#include "bin/tui/tui.h"

/* Curses' own number for what the terminal has. */
#define OWN (-1)
/* What fits into an attr_t is the program's; init_pair() takes short ones. */
enum { PROGRAM = 127, PAIRS_MAX = 32767, HASH = 4096, NONE = 0 };

struct pair {
	int fg, bg;
	uint16_t chain; /* the next of the same hash; NONE: the last */
	uint16_t newer, older;
	bool used;
};

/* Pairs first to last, the least recently used at the old end. */
struct pool {
	uint16_t first, last, fresh; /* from fresh on never used */
	uint16_t newest, oldest;
	uint16_t hash[HASH];
};

static struct {
	int count; /* 0, 8, 16, 256, 1 << 24 */
	struct pair *pairs; /* indexed by curses' number; 0 is not used */
	struct pool program, cells;
} color;

static const uint32_t vga[16] = {0x000000, 0xaa0000, 0x00aa00, 0xaa5500,
	0x0000aa, 0xaa00aa, 0x00aaaa, 0xaaaaaa, 0x555555, 0xff5555, 0x55ff55,
	0xffff55, 0x5555ff, 0xff55ff, 0x55ffff, 0xffffff};

static int
part(uint32_t rgb, unsigned shift)
{
	return (int)(rgb >> shift & 0xff);
}

static int
distance(uint32_t a, uint32_t b)
{
	int r = part(a, 16) - part(b, 16);
	int g = part(a, 8) - part(b, 8);
	int blue = part(a, 0) - part(b, 0);

	return 3 * r * r + 6 * g * g + 2 * blue * blue;
}

unsigned
color_luma(uint32_t rgb)
{
	return (unsigned)(part(rgb, 16) * 299 + part(rgb, 8) * 587 +
			  part(rgb, 0) * 114) /
	       1000;
}

static int
nearest_of(uint32_t rgb, int n)
{
	int best = 0;

	for (int i = 1; i < n; i++)
		if (distance(rgb, vga[i]) < distance(rgb, vga[best]))
			best = i;
	return best;
}

/* xterm's cube of 6x6x6 and its 24 greys. */
static int
cube_step(int v)
{
	return v < 48 ? 0 : v < 115 ? 1 : (v - 35) / 40;
}

static int
nearest_256(uint32_t rgb)
{
	static const int level[6] = {0, 95, 135, 175, 215, 255};
	int r = cube_step(part(rgb, 16)), g = cube_step(part(rgb, 8));
	int b = cube_step(part(rgb, 0));
	int mean = (part(rgb, 16) + part(rgb, 8) + part(rgb, 0)) / 3;
	int grey = mean < 8 ? 0 : mean > 238 ? 23 : (mean - 3) / 10;
	uint32_t is_grey = (uint32_t)(8 + 10 * grey) * 0x010101;
	uint32_t is_cube =
		(uint32_t)(level[r] << 16 | level[g] << 8 | level[b]);

	if (distance(rgb, is_grey) < distance(rgb, is_cube))
		return 232 + grey;
	return 16 + 36 * r + 6 * g + b;
}

/* Curses' number of the nearest colour there is. */
static int
nearest(uint32_t rgb)
{
	if (rgb == TUI_DEFAULT)
		return OWN;
	rgb &= 0xffffff;
	if (color.count <= 16)
		return nearest_of(rgb, color.count);
	if (color.count == 256)
		return nearest_256(rgb);
	return rgb < 8 ? 0 : (int)rgb; /* 1 to 7 are ANSI's there */
}

/* --- pairs --- */

static unsigned
hash_of(int fg, int bg)
{
	uint32_t h = (uint32_t)fg * 2654435761u ^ (uint32_t)bg * 2246822519u;

	return (h ^ h >> 15) % HASH;
}

static void
unlink_age(struct pool *p, uint16_t n)
{
	struct pair *x = &color.pairs[n];

	*(x->newer ? &color.pairs[x->newer].older : &p->newest) = x->older;
	*(x->older ? &color.pairs[x->older].newer : &p->oldest) = x->newer;
}

static void
make_newest(struct pool *p, uint16_t n)
{
	struct pair *x = &color.pairs[n];

	x->newer = NONE;
	x->older = p->newest;
	*(p->newest ? &color.pairs[p->newest].newer : &p->oldest) = n;
	p->newest = n;
}

static void
unlink_hash(struct pool *p, uint16_t n)
{
	uint16_t *at = &p->hash[hash_of(color.pairs[n].fg, color.pairs[n].bg)];

	while (*at != n)
		at = &color.pairs[*at].chain;
	*at = color.pairs[n].chain;
}

/* A number to be made over, in no list. */
static uint16_t
take(struct pool *p)
{
	uint16_t n;

	if (p->fresh <= p->last)
		return p->fresh++;
	n = p->oldest;
	unlink_age(p, n);
	unlink_hash(p, n);
	return n;
}

static int
pair_of(struct pool *p, int fg, int bg)
{
	unsigned h = hash_of(fg, bg);
	uint16_t n;

	for (n = p->hash[h]; n; n = color.pairs[n].chain)
		if (color.pairs[n].fg == fg && color.pairs[n].bg == bg)
			break;
	if (n == p->newest && n)
		return n;
	if (n) {
		unlink_age(p, n);
	} else {
		n = take(p);
		color.pairs[n].fg = fg;
		color.pairs[n].bg = bg;
		color.pairs[n].chain = p->hash[h];
		p->hash[h] = n;
#if NCURSES_EXT_COLORS
		init_extended_pair(n, fg, bg);
#else
		init_pair((short)n, (short)fg, (short)bg);
#endif
	}
	make_newest(p, n);
	return n;
}

static int
how_many(void)
{
	if (COLORS >= 1 << 24)
		return 1 << 24;
	return COLORS >= 256 ? 256 : COLORS >= 16 ? 16 : COLORS >= 8 ? 8 : 0;
}

void
color_open(unsigned want)
{
	const char *no = getenv("NO_COLOR");
	int pairs, program;

	color.count = 0;
	if (want == TTY_COLOR_NEVER || (want == TTY_COLOR_AUTO && no && *no) ||
		!has_colors() || start_color() == ERR)
		return;
	pairs = COLOR_PAIRS < PAIRS_MAX ? COLOR_PAIRS : PAIRS_MAX;
	program = pairs / 4 < PROGRAM ? pairs / 4 : PROGRAM;
	color.pairs =
		calloc((size_t)(pairs > 0 ? pairs : 1), sizeof(*color.pairs));
	if (pairs < 32 || !color.pairs)
		return;
	use_default_colors();
	color.count = how_many();
	color.program = (struct pool){
		.first = 1, .fresh = 1, .last = (uint16_t)program};
	color.cells = (struct pool){.first = (uint16_t)(program + 1),
		.fresh = (uint16_t)(program + 1),
		.last = (uint16_t)(pairs - 1)};
}

void
color_close(void)
{
	free(color.pairs);
	color.pairs = NULL;
	color.count = 0;
}

int
tui_colors(const struct tui *t)
{
	(void)t;
	return color.count;
}

attr_t
tui_pair(struct tui *t, uint32_t fg, uint32_t bg)
{
	int f, b;

	(void)t;
	if (!color.count)
		return 0;
	f = nearest(fg);
	b = nearest(bg);
	if (f == OWN && b == OWN)
		return 0;
	return (attr_t)COLOR_PAIR(pair_of(&color.program, f, b));
}

/* Of eight colours, the bright ones are the others, bold. */
static int
nearest_bold(uint32_t rgb, attr_t *attrs)
{
	int n;

	if (color.count != 8 || rgb == TUI_DEFAULT)
		return nearest(rgb);
	n = nearest_of(rgb, 16);
	*attrs |= n > 7 ? A_BOLD : 0;
	return n & 7;
}

/* With few colours there are few pairs, and reversed each serves for two. */
static int
cell_pair(bool text, uint32_t fg, uint32_t bg, attr_t *attrs)
{
	int f = text ? nearest_bold(fg, attrs) : nearest(fg), b = nearest(bg);

	if (f == OWN && b == OWN)
		return 0;
	if (color.count <= 16 && !(*attrs & A_BOLD) && f != OWN && b != OWN &&
		f < b) {
		int swap = f;

		*attrs ^= A_REVERSE;
		f = b;
		b = swap;
	}
	return pair_of(&color.cells, f, b);
}

static attr_t
without_colors(uint32_t fg, uint32_t bg)
{
	if (bg != TUI_DEFAULT && color_luma(bg) > 127)
		return A_REVERSE;
	return fg != TUI_DEFAULT && color_luma(fg) > 216 ? A_BOLD : 0;
}

void
color_put(WINDOW *w, int y, int x, const wchar_t *ch, attr_t attrs, uint32_t fg,
	uint32_t bg)
{
	cchar_t c;
	int pair = 0;

	if (color.count)
		pair = cell_pair(*ch < 0x2580 || *ch > 0x259f, fg, bg, &attrs);
	else
		attrs ^= without_colors(fg, bg);
#if NCURSES_EXT_COLORS
	if (setcchar(&c, ch, attrs, (short)pair, &pair) == OK)
		mvwadd_wch(w, y, x, &c);
#else
	if (setcchar(&c, ch, attrs, (short)pair, NULL) == OK)
		mvwadd_wch(w, y, x, &c);
#endif
}
