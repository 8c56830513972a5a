/* SPDX-License-Identifier: MIT */
/*
 * What a framebuffer file shows, pixel by pixel: small frames as they are seen,
 * and whole pictures against a plain reading of what the head says, a pixel at
 * a time.
 */
#include "tests/unit/fb-rig.h"

enum { FONT = 0x60000, FONT2 = 0x70000 };

/*
 * Frames as they are seen: a character a pixel, what it stands for is given.
 */

static uint32_t
colour(const char *key, const uint32_t *values, char c)
{
	return values[strchr(key, c) - key];
}

/* key: characters, of which the nth stands for values[n]. */
static void
shows(struct rig *r, const struct fb_head *next, bool phase, const char *frame,
	const char *key, const uint32_t *values, const char *name)
{
	size_t n = 0, bad = 0;

	if (!ok(rig_show(r, next) == 0, "%s: a head in range", name))
		return;
	fb_draw(r->fb, &r->h, 0, r->h.height, r->out, phase);
	for (const char *p = frame; *p; p++, n++)
		bad += r->out[n] != colour(key, values, *p);
	if (ok(n == (size_t)r->h.width * r->h.height && !bad, "%s", name))
		return;
	for (size_t k = 0; k < (size_t)r->h.width * r->h.height; k++)
		printf("%s%06x%s", k % r->h.width ? " " : "# ", r->out[k],
			(k + 1) % r->h.width ? "" : "\n");
}

static void
glyph(uint8_t *ram, unsigned font, unsigned ch, const uint8_t *rows, unsigned n)
{
	for (unsigned y = 0; y < n; y++)
		ram[font + (ch * 32 + y) * 4 + 2] = rows[y];
}

static void
cell(uint8_t *ram, unsigned at, unsigned ch, unsigned attr)
{
	ram[at] = (uint8_t)ch;
	ram[at + 1] = (uint8_t)attr;
}

/* Two cells of 9x4: a letter, and a line that goes on. */
static struct fb_head
two_cells(struct rig *r)
{
	static const uint8_t letter[] = {0x81, 0x42, 0x24, 0x18};
	static const uint8_t line[] = {0x00, 0xff, 0x01, 0x00};
	struct fb_head h = rig_mode(FB_TEXT, 18, 4, 8);

	memset(r->ram, 0, RAM);
	h.cell_w = 9;
	h.cell_h = 4;
	h.line_art = 1;
	h.font[0] = h.font[1] = FONT + 2;
	glyph(r->ram, FONT, 'x', letter, 4);
	glyph(r->ram, FONT, 0xc4, line, 4);
	glyph(r->ram, FONT2, 'x', line, 4);
	cell(r->ram, 0, 'x', 0x12);
	cell(r->ram, 4, 0xc4, 0x34);
	return h;
}

static void
test_text(struct rig *r)
{
	struct fb_head h = two_cells(r);
	const uint32_t v[] = {h.palette[1], h.palette[2], h.palette[3],
		h.palette[4], h.palette[12]};

	shows(r, &h, true,
		"#......#.:::::::::"
		".#....#..LLLLLLLLL"
		"..#..#...:::::::LL"
		"...##....:::::::::",
		".#:L", v, "nine dots, the last repeated in line art");
	h.line_art = 0;
	shows(r, &h, true,
		"#......#.:::::::::"
		".#....#..LLLLLLLL:"
		"..#..#...:::::::L:"
		"...##....:::::::::",
		".#:L", v, "... and without");
	h.cell_w = 8;
	h.width = 16;
	shows(r, &h, true,
		"#......#::::::::"
		".#....#.LLLLLLLL"
		"..#..#..:::::::L"
		"...##...::::::::",
		".#:L", v, "eight dots");
	cell(r->ram, 0, 'x', 0x1c);
	h.font[1] = FONT2 + 2;
	shows(r, &h, true,
		"........::::::::"
		"$$$$$$$$LLLLLLLL"
		".......$:::::::L"
		"........::::::::",
		".#:L$", v, "attribute bit 3 is the other font");
}

static void
test_blink(struct rig *r)
{
	struct fb_head h = two_cells(r);
	const uint32_t v[] = {h.palette[1], h.palette[2], h.palette[9]};

	h.width = 8;
	h.cell_w = 8;
	cell(r->ram, 0, 'x', 0x92);
	shows(r, &h, false, "#......#.#....#...#..#.....##...", "-#.", v,
		"bit 7 is a colour");
	h.blink = 1;
	shows(r, &h, true, "#......#.#....#...#..#.....##...", ".#", v,
		"... or blinks, and is shown");
	shows(r, &h, false, "................................", ".#", v,
		"... and then is not");
	cell(r->ram, 0, 'x', 0x12);
	shows(r, &h, false, "#......#.#....#...#..#.....##...", ".#", v,
		"others do not");
}

static void
test_cursor(struct rig *r)
{
	struct fb_head h = two_cells(r);
	const uint32_t v[] = {
		h.palette[1], h.palette[2], h.palette[3], h.palette[4]};
	const char *without = "#......#.:::::::::"
			      ".#....#..LLLLLLLLL"
			      "..#..#...:::::::LL"
			      "...##....:::::::::";

	h.cursor = 4;
	h.cursor_from = 2;
	h.cursor_to = 3;
	shows(r, &h, true,
		"#......#.:::::::::"
		".#....#..LLLLLLLLL"
		"..#..#...LLLLLLLLL"
		"...##....LLLLLLLLL",
		".#:L", v, "the cursor, all nine dots");
	shows(r, &h, false, without, ".#:L", v, "it blinks");
	h.cursor_from = 4;
	shows(r, &h, true, without, ".#:L", v, "below the cell it is not");
	h.cursor_from = 0;
	h.cursor = 8;
	shows(r, &h, true, without, ".#:L", v, "elsewhere neither");
	h.cursor = 4;
	rig_show(r, &h);
	fb_hide_cursor(&r->h);
	fb_draw(r->fb, &r->h, 0, 4, r->out, true);
	ok(r->out[9] == h.palette[3], "and it can be hidden");
}

static void
test_underline(struct rig *r)
{
	struct fb_head h = two_cells(r);
	const uint32_t v[] = {h.palette[0], h.palette[1], h.palette[7],
		h.palette[9], h.palette[8]};

	h.underline = 3;
	cell(r->ram, 0, 'x', 0x01);
	cell(r->ram, 4, 'x', 0x71);
	shows(r, &h, true,
		"#......#.#::::::#:"
		".#....#..:#::::#::"
		"..#..#...::#::#:::"
		"#########:::##::::",
		".#:", v, "mono: 01h is underlined, 71h is not");
	cell(r->ram, 0, 'x', 0x89);
	shows(r, &h, true,
		"$@@@@@@$@#::::::#:"
		"@$@@@@$@@:#::::#::"
		"@@$@@$@@@::#::#:::"
		"$$$$$$$$$:::##::::",
		".#:$@", v, "... nor do bits 3 and 7 matter");
}

static void
test_scroll(struct rig *r)
{
	struct fb_head h = two_cells(r);
	const uint32_t v[] = {
		h.palette[1], h.palette[2], h.palette[3], h.palette[4]};

	h.pan_x = 3;
	h.pan_y = 1;
	h.width = 15;
	h.split = 3;
	cell(r->ram, 8, 'x', 0x34);
	cell(r->ram, 12, 'x', 0x12);
	shows(r, &h, true,
		"...#..LLLLLLLLL"
		"..#...:::::::LL"
		"##....:::::::::"
		"#......#.::::::", /* row 0 once more, without panning */
		".#:L", v, "text panned both ways, and split");
	h.split = 4;
	shows(r, &h, true,
		"...#..LLLLLLLLL"
		"..#...:::::::LL"
		"##....:::::::::"
		"::::L:#......#.",
		".#:L", v, "... the second row, where it is not");
	h.pan_x = h.pan_y = 0;
	h.width = 18;
	h.start = 8;
	h.wrap = 16;
	h.height = 8;
	shows(r, &h, true,
		"L::::::L:#......#."
		":L::::L::.#....#.."
		"::L::L:::..#..#..."
		":::LL::::...##...."
		"#......#.:::::::::"
		".#....#..LLLLLLLLL"
		"..#..#...:::::::LL"
		"...##....:::::::::",
		".#:L", v, "addresses wrap");
	h.wrap = 0;
	h.height = 4;
	h.start = 0;
	h.double_x = 2;
	h.double_y = 2;
	h.width = 18;
	shows(r, &h, true,
		"##............##.."
		"##............##.."
		"..##........##...."
		"..##........##....",
		".#", v, "double width and height");
}

static void
test_planes(struct rig *r)
{
	struct fb_head h = rig_mode(FB_PLANAR, 8, 2, 8);
	const uint32_t *v = h.palette;

	memset(r->ram, 0, RAM);
	memcpy(r->ram, "\x55\x33\x0f\x00\x80\x80\x80\x80", 8);
	memcpy(r->ram + 8, "\x55\x33\x0f\xff\x80\0\0\0", 8);
	shows(r, &h, true, "0123456789abcdef", "0123456789abcdef", v,
		"four planes make 16 colours");
	h.planes = 5;
	shows(r, &h, true, "0101454501014545", "0123456789abcdef", v,
		"of planes that are shown");
	h.planes = 15;
	h.pan_x = 1;
	shows(r, &h, true, "1234567f9abcdef1", "0123456789abcdef", v,
		"panned by a pixel");
	h.split = 1;
	h.start = 8;
	shows(r, &h, true, "9abcdef101234567", "0123456789abcdef", v,
		"split: from byte 0 on, not panned");
	h.pan_x = h.start = 0;
	h.split = 9;
	h.banks = 2;
	h.bank = 8;
	h.height = 4;
	h.pitch = 16;
	memcpy(r->ram + 16, "\xff\0\0\0\0\0\0\0\0\xff\0\0\0\0\0\0", 16);
	shows(r, &h, true, "0123456789abcdef1111111122222222",
		"0123456789abcdef", v, "lines in two banks");
	h = rig_mode(FB_CGA, 8, 1, 8);
	memcpy(r->ram, "\x1b\xe4\0\0", 4);
	shows(r, &h, true, "01233210", "0123456789abcdef", v,
		"CGA: pairs of bits, four of each plane");
	memcpy(r->ram, "\x1b\xe4\x55\x50", 4);
	shows(r, &h, true, "45677610", "0123456789abcdef", v,
		"... and the upper two of planes 2 and 3");
	h.planes = 3;
	shows(r, &h, true, "01233210", "0123456789abcdef", v,
		"... unless they are not shown");
}

static void
test_linear(struct rig *r)
{
	struct fb_head h = rig_mode(FB_INDEX, 4, 2, 4);
	const uint32_t v[] = {0, 0xff0000, 0x00ff00, 0x0000ff, 0xffffff,
		0x080000, 0x000800, 0x000008, 0x000400};

	memset(r->ram, 0, RAM);
	memcpy(r->ram, "\x00\x01\xfe\xff\x10\x20\x30\x40", 8);
	rig_show(r, &h);
	fb_draw(r->fb, &r->h, 0, 2, r->out, true);
	ok(r->out[2] == h.palette[0xfe] && r->out[4] == h.palette[16],
		"256 colours");
	h = rig_mode(FB_RGB32, 4, 1, 0);
	memcpy(r->ram, "\0\0\xff\x12\0\xff\0\x34\xff\0\0\0\xff\xff\xff\xff",
		16);
	shows(r, &h, true, "rgbw", ".rgbwRGBg", v, "32 bits");
	h.kind = FB_RGB24;
	memcpy(r->ram, "\0\0\xff\0\xff\0\xff\0\0\xff\xff\xff", 12);
	shows(r, &h, true, "rgbw", ".rgbwRGBg", v, "24 bits");
	h = rig_mode(FB_RGB16, 8, 1, 0);
	memcpy(r->ram,
		"\x00\xf8\xe0\x07\x1f\x00\xff\xff\x00\x08\x20\x00\x01"
		"\0\0\0",
		16);
	shows(r, &h, true, "rgbwR?B.", ".rgbwRGB?", v, "16 bits");
	h.kind = FB_RGB15;
	memcpy(r->ram,
		"\x00\x7c\xe0\x03\x1f\x00\xff\xff\x00\x04\x20\x00\x01"
		"\0\0\x80",
		16);
	shows(r, &h, true, "rgbwRGB.", ".rgbwRGB?", v, "15 bits");
	h = rig_mode(FB_OFF, 3, 2, 0);
	shows(r, &h, true, "......", ".", v, "off");
}

/*
 * The head read plainly, for one pixel
 */

static uint8_t
byte(const struct rig *r, const struct fb_head *h, uint64_t at)
{
	if (h->wrap)
		at %= h->wrap;
	return at < RAM ? r->ram[at] : 0;
}

/* Of a cell at that address; n: which. */
static uint8_t
cell_byte(const struct rig *r, const struct fb_head *h, uint64_t at, unsigned n)
{
	if (!h->packed)
		return byte(r, h, at + n);
	if (h->wrap)
		at %= h->wrap;
	at = h->packed + at / 2 + n;
	return at < RAM ? r->ram[at] : 0;
}

static uint32_t
text_pixel(const struct rig *r, const struct fb_head *h, uint64_t row,
	unsigned x, unsigned scan, bool phase)
{
	uint64_t at = row + x / h->cell_w * 4;
	unsigned ch = cell_byte(r, h, at, 0), attr = cell_byte(r, h, at, 1);
	unsigned column = x % h->cell_w, f = h->font[attr & 8 ? 1 : 0];
	bool set = false;
	uint64_t bits = f + (ch * 32 + scan) * 4;

	if (column == 8 && h->line_art && ch >= 0xc0 && ch < 0xe0)
		column = 7;
	if (column < 8 && bits < RAM)
		set = r->ram[bits] & 128 >> column;
	if (scan == h->underline && (attr & 7) == 1 && !(attr & 0x70))
		set = true;
	if (h->blink && attr & 128 && !phase)
		set = false;
	if (phase && (h->wrap ? at % h->wrap : at) == h->cursor &&
		scan >= h->cursor_from && scan <= h->cursor_to)
		set = true;
	return h->palette[set        ? attr & 15
			  : h->blink ? attr >> 4 & 7
				     : attr >> 4];
}

static uint32_t
unit_pixel(
	const struct rig *r, const struct fb_head *h, uint64_t row, unsigned x)
{
	uint64_t unit = row + x / 8 * 4;
	unsigned c = 0, k = x % 8;

	if (h->kind == FB_PLANAR) {
		for (unsigned p = 0; p < 4; p++)
			if (byte(r, h, unit + p) & 128 >> k)
				c += 1u << p;
	} else {
		c = byte(r, h, unit + k / 4) >> (3 - k % 4) * 2 & 3;
		c += (byte(r, h, unit + 2 + k / 4) >> (3 - k % 4) * 2 & 3) * 4;
	}
	return h->palette[c & h->planes];
}

static uint32_t
linear_pixel(
	const struct rig *r, const struct fb_head *h, uint64_t row, unsigned x)
{
	uint64_t at = row + x * (h->kind == FB_RGB32 ? 4 : 3);
	uint64_t half = row + x * 2;
	unsigned v = byte(r, h, half) + byte(r, h, half + 1) * 256u;

	switch (h->kind) {
	case FB_INDEX:
		return h->palette[byte(r, h, row + x)];
	case FB_RGB15:
		return (v / 1024 % 32 * 33 / 4) << 16 |
		       (v / 32 % 32 * 33 / 4) << 8 | v % 32 * 33 / 4;
	case FB_RGB16:
		return (v / 2048 * 33 / 4) << 16 |
		       (v / 32 % 64 * 65 / 16) << 8 | v % 32 * 33 / 4;
	default:
		return byte(r, h, at) + byte(r, h, at + 1) * 256u +
		       byte(r, h, at + 2) * 65536u;
	}
}

static uint32_t
pixel(const struct rig *r, const struct fb_head *h, unsigned x, unsigned y,
	bool phase)
{
	bool below = y >= h->split;
	uint64_t line = (below ? y - h->split : y) / h->double_y;
	uint64_t from = below ? 0 : h->start;

	x = x / h->double_x + (below ? 0 : h->pan_x);
	if (h->kind == FB_TEXT) {
		line += below ? 0 : h->pan_y;
		return text_pixel(r, h, from + line / h->cell_h * h->pitch, x,
			(unsigned)(line % h->cell_h), phase);
	}
	if (h->kind == FB_PLANAR || h->kind == FB_CGA)
		return unit_pixel(r, h,
			from + line / h->banks * h->pitch +
				line % h->banks * h->bank,
			x);
	return linear_pixel(r, h, from + line * h->pitch, x);
}

static bool
same(struct rig *r, const struct fb_head *h, bool phase)
{
	if (rig_show(r, h)) {
		printf("# %s\n", fail_text());
		return false;
	}
	fb_draw(r->fb, &r->h, 0, h->height, r->out, phase);
	for (unsigned y = 0; y < h->height; y++)
		for (unsigned x = 0; x < h->width; x++)
			if (r->out[y * h->width + x] !=
				pixel(r, &r->h, x, y, phase)) {
				printf("# %u,%u: %06x\n", x, y,
					r->out[y * h->width + x]);
				return false;
			}
	return true;
}

static unsigned
pick(unsigned *seed, unsigned n)
{
	*seed = *seed * 1103515245 + 12345;
	return (*seed >> 16) % n;
}

static struct fb_head
any(enum fb_kind kind, unsigned *seed)
{
	struct fb_head h = rig_mode(kind, 1 + pick(seed, 200),
		1 + pick(seed, 100), pick(seed, 2000));

	h.start = pick(seed, 3) ? pick(seed, 5000) : RAM - pick(seed, 5000);
	h.wrap = pick(seed, 2) ? 0 : 1u << (6 + pick(seed, 15));
	h.double_x = 1 + pick(seed, 2);
	h.double_y = 1 + pick(seed, 3);
	h.pan_x = pick(seed, 9);
	h.pan_y = pick(seed, 32);
	h.split = pick(seed, 2) ? h.height : pick(seed, 100);
	h.cell_w = 8 + pick(seed, 2);
	h.cell_h = 1 + pick(seed, 32);
	h.line_art = pick(seed, 2);
	h.font[0] = pick(seed, 8) * 0x8000 + 2;
	h.font[1] = RAM - pick(seed, 50000);
	h.cursor = pick(seed, 3000);
	h.cursor_from = pick(seed, 3);
	h.cursor_to = pick(seed, 32);
	h.blink = pick(seed, 2);
	h.underline = pick(seed, 33);
	h.planes = pick(seed, 16);
	h.banks = 1u << pick(seed, 3);
	h.bank = pick(seed, 0x9000);
	if (kind == FB_TEXT && pick(seed, 2)) {
		h.packed = pick(seed, 2) ? RAM / 2 : RAM - 1000;
		h.start &= ~3u;
		h.pitch &= ~3u;
		h.cursor &= ~3u;
	}
	return h;
}

static void
test_pictures(struct rig *r)
{
	static const char *const names[] = {"off", "text", "planar", "CGA",
		"256 colours", "15 bits", "16 bits", "24 bits", "32 bits"};
	unsigned seed = 1;

	rig_fill(r->ram, RAM);
	for (unsigned kind = FB_TEXT; kind < FB_KINDS; kind++) {
		unsigned n = 0;

		for (; n < 60; n++) {
			struct fb_head h = any(kind, &seed);

			if (!same(r, &h, n % 2))
				break;
		}
		ok(n == 60, "%s: 60 pictures are what their heads say",
			names[kind]);
	}
}

static void
test_parts(struct rig *r)
{
	struct fb_head h = rig_mode(FB_RGB32, 64, 48, 256);
	uint32_t *part = r->out + 64 * 48;
	bool equal;

	rig_show(r, &h);
	fb_draw(r->fb, &r->h, 0, 48, r->out, true);
	fb_draw(r->fb, &r->h, 10, 5, part, true);
	equal = memcmp(part, r->out + 640, 5 * 256) == 0;
	ok(equal, "lines in the middle");
	part[64] = 0x12345678;
	fb_draw(r->fb, &r->h, 47, 9, part, true);
	ok(part[63] == r->out[64 * 48 - 1] && part[64] == 0x12345678,
		"no more than there are");
	fb_draw(r->fb, &r->h, 48, 1, part + 64, true);
	fb_draw(r->fb, &r->h, 4000000000, 4000000000, part + 64, true);
	ok(part[64] == 0x12345678, "none below the last");
}

/* The same by the definition. */
static uint64_t
fnv(uint64_t h, unsigned byte)
{
	return (h ^ byte) * 1099511628211u;
}

static void
test_hash(struct rig *r)
{
	struct fb_head h = two_cells(r);
	uint64_t want = 14695981039346656037u, first;
	static const uint8_t size[] = {18, 0, 0, 0, 4, 0, 0, 0};

	rig_show(r, &h);
	fb_draw(r->fb, &r->h, 0, 4, r->out, true);
	for (unsigned n = 0; n < 8; n++)
		want = fnv(want, size[n]);
	for (unsigned n = 0; n < 72; n++)
		for (int shift = 16; shift >= 0; shift -= 8)
			want = fnv(want, r->out[n] >> shift & 0xff);
	first = fb_hash(r->fb, &r->h);
	is_u64(first, want, "the hash of a picture");
	h.cursor_from = 0;
	h.cursor_to = 3;
	rig_show(r, &h);
	is_u64(fb_hash(r->fb, &r->h), want, "is without its cursor");
	h.palette[2] ^= 1;
	rig_show(r, &h);
	ok(fb_hash(r->fb, &r->h) != want, "and another for another");
}

int
main(void)
{
	struct rig r;

	deadline(60);
	rig_open(&r);
	test_text(&r);
	test_blink(&r);
	test_cursor(&r);
	test_underline(&r);
	test_scroll(&r);
	test_planes(&r);
	test_linear(&r);
	test_pictures(&r);
	test_parts(&r);
	test_hash(&r);
	rig_close(&r);
	return done();
}
