/* SPDX-License-Identifier: MIT */
/*
 * The graphics card's text modes, from mode 3 as machines without firmware find
 * it on: fonts, colours, cursor, scrolling, other sizes; whether cells are
 * packed or not. Pixels are compared with what the test works out by itself.
 */
#include "dev/vga.h"

#include "lib/err.h"
#include "tests/vga-rig.h"

#define B 0xb8000u

static struct vga_rig r;
static struct fb_head h;
static uint8_t font[4096];
static uint32_t *got;

/* The 16 colours of text modes. */
static const uint32_t ega[16] = {0x000000, 0x0000aa, 0x00aa00, 0x00aaaa,
	0xaa0000, 0xaa00aa, 0xaa5500, 0xaaaaaa, 0x555555, 0x5555ff, 0x55ff55,
	0x55ffff, 0xff5555, 0xff55ff, 0xffff55, 0xffffff};

/* A font of which every line of every character is another one. */
static uint8_t
line_of(unsigned ch, unsigned y)
{
	return (uint8_t)(ch * 37 + y * 11 + (ch >> 3 ^ y));
}

static void
cell(unsigned n, unsigned ch, unsigned attribute)
{
	bus_write(r.mem, B + 2 * n, 2, ch | attribute << 8);
}

static void
fill(void)
{
	for (unsigned n = 0; n < 0x4000; n++)
		cell(n, n * 5 & 255, (n * 3 + n / 80) & 0x7f);
}

static bool
take(bool cursor)
{
	if (!fb_take(r.fb, cursor, &h, &got))
		return true;
	printf("# %s\n", fail_text());
	return false;
}

/* Pixel x, y of the character and colours that cell n of fill() has. */
static uint32_t
pixel(unsigned n, unsigned x, unsigned y)
{
	unsigned ch = n * 5 & 255, a = (n * 3 + n / 80) & 0x7f;
	unsigned bits = line_of(ch, y) << 1;

	if (ch >= 0xc0 && ch <= 0xdf)
		bits |= bits >> 1 & 1;
	return bits >> (8 - x) & 1 ? ega[a & 15] : ega[a >> 4];
}

/* Does it show fill() from cell `from` on, of w by ht pixels? */
static bool
shows(unsigned cols, unsigned w, unsigned ht, unsigned from)
{
	if (!take(false) || h.width != cols * w)
		return false;
	for (unsigned y = 0; y < h.height; y++)
		for (unsigned x = 0; x < h.width; x++) {
			unsigned n = from + y / ht * cols + x / w;
			uint32_t p = got[y * h.width + x];

			if (p == pixel(n & 0x3fff, x % w, y % ht))
				continue;
			printf("# at %u,%u: %06x, want %06x\n", x, y, p,
				pixel(n, x % w, y % ht));
			return false;
		}
	return true;
}

static void
begin(bool packed)
{
	rig_up(&r, packed);
	for (unsigned n = 0; n < 4096; n++)
		font[n] = line_of(n / 16, n % 16);
	vga_text_mode(r.dev, font);
}

/* ---- mode 3 ---- */

static void
test_mode3(bool packed)
{
	const char *how = packed ? "packed" : "in planes";
	char *text;

	begin(packed);
	ok(take(false) && h.kind == FB_TEXT && h.width == 720 &&
			h.height == 400,
		"mode 3, %s: 720x400", how);
	is_u64(bus_read(r.mem, B, 2), 0x0720, "is blank");
	fill();
	ok(shows(80, 9, 16, 0), "mode 3, %s: characters and colours", how);
	put(&r, 0x3d4, 0x0c, 0x01);
	put(&r, 0x3d4, 0x0d, 0x40);
	ok(shows(80, 9, 16, 0x140), "mode 3, %s: scrolled", how);
	put(&r, 0x3d4, 0x0c, 0);
	put(&r, 0x3d4, 0x0d, 0);
	for (unsigned n = 0; n < 2000; n++)
		cell(n, (uint8_t) "vm-utils"[n % 8], 7);
	ok(fb_take_text(r.fb, &text) == 0 &&
			strncmp(text, "vm-utilsvm-utils", 16) == 0 &&
			text[80] == '\n' && strlen(text) == 25 * 81,
		"mode 3, %s: as text", how);
	free(text);
	rig_down(&r);
}

static void
test_cursor(void)
{
	begin(true);
	cell(81, ' ', 0x4e);
	put(&r, 0x3d4, 0x0f, 81);
	take(true);
	ok(got[(16 + 12) * 720 + 9] == ega[4] &&
			got[(16 + 13) * 720 + 9] == ega[14] &&
			got[(16 + 14) * 720 + 17] == ega[14] &&
			got[(16 + 15) * 720 + 9] == ega[4] &&
			got[(16 + 14) * 720 + 18] == ega[0],
		"the cursor is two lines of its cell's foreground");
	put(&r, 0x3d4, 0x0a, 0x20);
	take(true);
	is_u64(got[(16 + 14) * 720 + 9], ega[4], "or off");
	put(&r, 0x3d4, 0x0a, 0x0f);
	take(true);
	is_u64(got[(16 + 14) * 720 + 9], ega[4], "or ends before it begins");
	rig_down(&r);
}

static void
test_attributes(void)
{
	begin(true);
	cell(0, 0xdb, 0x9f);
	take(false);
	ok(h.blink && got[15 * 720 + 8] != ega[9], "bit 7 blinks");
	attr(&r, 0x10, 0x04);
	out8(&r, 0x3c0, 0x20);
	take(false);
	ok(!h.blink && (got[0] == ega[9] || got[0] == ega[15]),
		"or is the background's fourth");
	attr(&r, 0x12, 0x07);
	out8(&r, 0x3c0, 0x20);
	take(false);
	ok(got[0] == ega[1] || got[0] == ega[7], "of which some may be off");
	attr(&r, 0x12, 0x0f);
	attr(&r, 15, 0x04);
	out8(&r, 0x3c0, 0x20);
	is_u64(r.head->palette[15], ega[4], "a colour is of a palette");
	attr(&r, 0x14, 0x03);
	attr(&r, 0x10, 0x84);
	attr(&r, 1, 0x0a);
	out8(&r, 0x3c0, 0x20);
	out8(&r, 0x3c8, 0x3a);
	for (unsigned n = 0; n < 3; n++)
		out8(&r, 0x3c9, 0x15);
	is_u64(r.head->palette[1], 0x555555, "with two bits for all");
	rig_down(&r);
}

/* ---- other sizes ---- */

static void
test_sizes(void)
{
	begin(true);
	fill();
	put(&r, 0x3c4, 1, 0x01);
	attr(&r, 0x13, 0);
	out8(&r, 0x3c0, 0x20);
	ok(shows(80, 8, 16, 0) && h.cell_w == 8, "8 dots: 640x400");
	put(&r, 0x3d4, 0x09, 0x47);
	ok(shows(80, 8, 8, 0) && h.height == 400, "80x50");
	put(&r, 0x3d4, 0x11, 0);
	put(&r, 0x3d4, 0x01, 131);
	put(&r, 0x3d4, 0x13, 66);
	put(&r, 0x3d4, 0x12, 0xdf);
	put(&r, 0x3d4, 0x07, 0x12);
	ok(shows(132, 8, 8, 0) && h.width == 1056 && h.height == 480, "132x60");
	put(&r, 0x3d4, 0x01, 39);
	put(&r, 0x3d4, 0x13, 20);
	put(&r, 0x3c4, 1, 0x09);
	take(false);
	ok(h.width == 640 && got[0] == pixel(0, 0, 0) && got[1] == got[0] &&
			got[16] == pixel(1, 0, 0) &&
			got[640 * 8] == pixel(40, 0, 0),
		"40 columns, each pixel twice");
	put(&r, 0x3d4, 0x09, 0xc7);
	take(false);
	ok(got[640 * 16] == pixel(40, 0, 0), "and each line");
	rig_down(&r);
}

static void
test_panning(void)
{
	begin(true);
	fill();
	put(&r, 0x3d4, 0x08, 0x05);
	take(false);
	ok(got[0] == pixel(0, 0, 5) && got[720 * 11] == pixel(80, 0, 0),
		"the first row's lines may be left out");
	put(&r, 0x3d4, 0x08, 0x20);
	take(false);
	is_u64(got[0], pixel(1, 0, 0), "or its first cell");
	put(&r, 0x3d4, 0x08, 0);
	attr(&r, 0x13, 2);
	out8(&r, 0x3c0, 0x20);
	take(false);
	is_u64(got[0], pixel(0, 3, 0), "or some pixels");
	attr(&r, 0x13, 8);
	out8(&r, 0x3c0, 0x20);
	put(&r, 0x3d4, 0x0d, 160);
	put(&r, 0x3d4, 0x11, 0);
	put(&r, 0x3d4, 0x18, 31);
	put(&r, 0x3d4, 0x07, 0x0f);
	put(&r, 0x3d4, 0x09, 0x0f);
	take(false);
	ok(got[0] == pixel(160, 0, 0) && got[720 * 31] == pixel(240, 0, 15) &&
			got[720 * 32] == pixel(0, 0, 0),
		"the screen may be split");
	rig_down(&r);
}

/* ---- fonts ---- */

/* As programs load one: planes one by one, plane 2 alone. */
static void
load_font(unsigned bank, uint8_t (*line)(unsigned, unsigned))
{
	put(&r, 0x3c4, 2, 4);
	put(&r, 0x3c4, 4, 6);
	put(&r, 0x3ce, 5, 0);
	put(&r, 0x3ce, 6, 4);
	for (unsigned n = 0; n < 8192; n++)
		poke(&r, 0xa0000 + bank * 8192 + n,
			n % 32 < 16 ? line(n / 32, n % 32) : 0);
	put(&r, 0x3c4, 2, 3);
	put(&r, 0x3c4, 4, 2);
	put(&r, 0x3ce, 5, 0x10);
	put(&r, 0x3ce, 6, 0x0e);
}

static uint8_t
solid(unsigned ch, unsigned y)
{
	return ch == 'x' && y == 7 ? 0xff : 0;
}

static void
test_fonts(void)
{
	static const uint8_t place[8] = {0, 2, 4, 6, 1, 3, 5, 7};
	unsigned good = 0;

	begin(true);
	cell(0, 'x', 0x02);
	cell(1, 'x', 0x0a);
	for (unsigned n = 1; n < 8; n++) {
		unsigned low = n & 3, high = n >> 2;

		load_font(place[n], solid);
		put(&r, 0x3c4, 3, low | high << 4);
		take(false);
		good += got[7 * 720] == ega[2] && got[6 * 720] == ega[0];
		put(&r, 0x3c4, 3, low << 2 | high << 5);
		take(false);
		good += got[7 * 720 + 9] == ega[10] &&
			got[6 * 720 + 9] == ega[0];
		put(&r, 0x3c4, 3, 0);
	}
	is_u64(good, 14, "fonts of eight places, by attribute bit 3");
	rig_down(&r);
}

/* ---- linear ---- */

static void
test_linear(void)
{
	begin(true);
	ok(vga_linear_mode(r.dev, 800, 600, 16) == 0 && take(false) &&
			h.kind == FB_RGB16 && h.width == 800 &&
			h.height == 600 && h.pitch == 1600 && !got[0],
		"or a linear mode is preset");
	ok(vga_linear_mode(r.dev, 1600, 1200, 32) < 0 &&
			strstr(fail_text(), "4096 KiB"),
		"that fits");
	ok(vga_linear_mode(r.dev, 801, 600, 32) < 0 &&
			vga_linear_mode(r.dev, 800, 600, 12) < 0 &&
			vga_linear_mode(r.dev, 70000, 600, 8) < 0,
		"and is one");
	rig_down(&r);
}

int
main(void)
{
	deadline(60);
	test_mode3(false);
	test_mode3(true);
	test_cursor();
	test_attributes();
	test_sizes();
	test_panning();
	test_fonts();
	test_linear();
	free(got);
	return done();
}
