/* SPDX-License-Identifier: MIT */
/*
 * From registers to pictures: each BIOS mode is set with the values of IBM's
 * "VGA Technical Reference", drawn on through the window, and what a reader of
 * the framebuffer file draws is compared, pixel by pixel, with what the test
 * works out by itself.
 */
#include "dev/vga.h"

#include "lib/err.h"
#include "tests/vga-rig.h"

struct mode {
	uint8_t misc, seq[4]; /* from 1 on */
	uint8_t cr[25], ar[5]; /* from 10h on */
	uint8_t gr5, gr6, mask;
};

/* clang-format off */
static const struct mode
mode3 = {0x67, {0x00, 0x03, 0x00, 0x02},
	{0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e,
	0, 0, 0, 0, 0x9c, 0x8e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff},
	{0x0c, 0x00, 0x0f, 0x08, 0x00}, 0x10, 0x0e, 0x0f},
mode4 = {0x63, {0x09, 0x03, 0x00, 0x02},
	{0x2d, 0x27, 0x28, 0x90, 0x2b, 0x80, 0xbf, 0x1f, 0x00, 0xc1, 0x00, 0x00,
	0, 0, 0, 0, 0x9c, 0x8e, 0x8f, 0x14, 0x00, 0x96, 0xb9, 0xa2, 0xff},
	{0x01, 0x00, 0x03, 0x00, 0x00}, 0x30, 0x0f, 0x0f},
mode6 = {0x63, {0x01, 0x01, 0x00, 0x06},
	{0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0xbf, 0x1f, 0x00, 0xc1, 0x00, 0x00,
	0, 0, 0, 0, 0x9c, 0x8e, 0x8f, 0x28, 0x00, 0x96, 0xb9, 0xc2, 0xff},
	{0x01, 0x00, 0x01, 0x00, 0x00}, 0x00, 0x0d, 0x0f},
mode0d = {0x63, {0x09, 0x0f, 0x00, 0x06},
	{0x2d, 0x27, 0x28, 0x90, 0x2b, 0x80, 0xbf, 0x1f, 0x00, 0xc0, 0x00, 0x00,
	0, 0, 0, 0, 0x9c, 0x8e, 0x8f, 0x14, 0x00, 0x96, 0xb9, 0xe3, 0xff},
	{0x01, 0x00, 0x0f, 0x00, 0x00}, 0x00, 0x05, 0x0f},
mode10 = {0xa3, {0x01, 0x0f, 0x00, 0x06},
	{0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0xbf, 0x1f, 0x00, 0x40, 0x00, 0x00,
	0, 0, 0, 0, 0x83, 0x85, 0x5d, 0x28, 0x0f, 0x63, 0xba, 0xe3, 0xff},
	{0x01, 0x00, 0x0f, 0x00, 0x00}, 0x00, 0x05, 0x0f},
mode12 = {0xe3, {0x01, 0x0f, 0x00, 0x06},
	{0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0x0b, 0x3e, 0x00, 0x40, 0x00, 0x00,
	0, 0, 0, 0, 0xea, 0x8c, 0xdf, 0x28, 0x00, 0xe7, 0x04, 0xe3, 0xff},
	{0x01, 0x00, 0x0f, 0x00, 0x00}, 0x00, 0x05, 0x0f},
mode13 = {0x63, {0x01, 0x0f, 0x00, 0x0e},
	{0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0xbf, 0x1f, 0x00, 0x41, 0x00, 0x00,
	0, 0, 0, 0, 0x9c, 0x8e, 0x8f, 0x28, 0x40, 0x96, 0xb9, 0xa3, 0xff},
	{0x41, 0x00, 0x0f, 0x00, 0x00}, 0x40, 0x05, 0x0f};
/* clang-format on */

static struct vga_rig r;
static struct fb_head h;
static uint32_t *got, want[1024 * 1024];

static uint32_t
rgb(unsigned n) /* of DAC entry n, as set_mode() fills it */
{
	unsigned c[3] = {n >> 2 & 63, n * 5 & 63, n * 11 & 63};

	for (unsigned k = 0; k < 3; k++)
		c[k] = c[k] << 2 | c[k] >> 4;
	return c[0] << 16 | c[1] << 8 | c[2];
}

static void
colours(void)
{
	out8(&r, 0x3c8, 0);
	for (unsigned n = 0; n < 256; n++) {
		out8(&r, 0x3c9, n >> 2);
		out8(&r, 0x3c9, n * 5);
		out8(&r, 0x3c9, n * 11);
	}
}

static void
set_mode(const struct mode *m)
{
	out8(&r, 0x3c2, m->misc);
	for (unsigned n = 0; n < 4; n++)
		put(&r, 0x3c4, n + 1, m->seq[n]);
	put(&r, 0x3d4, 0x11, 0);
	for (unsigned n = 0; n < 25; n++)
		put(&r, 0x3d4, n, m->cr[n]);
	for (unsigned n = 0; n < 5; n++)
		put(&r, 0x3ce, n, 0);
	put(&r, 0x3ce, 5, m->gr5);
	put(&r, 0x3ce, 6, m->gr6);
	put(&r, 0x3ce, 7, m->mask);
	put(&r, 0x3ce, 8, 0xff);
	for (unsigned n = 0; n < 16; n++)
		attr(&r, n, n + 16); /* not the DAC's own numbers */
	for (unsigned n = 0; n < 5; n++)
		attr(&r, 16 + n, m->ar[n]);
	out8(&r, 0x3c0, 0x20);
	memset(r.ram, 0, RIG_VRAM);
	colours();
}

/* What a reader draws, and its size. */
static bool
taken(unsigned w, unsigned ht)
{
	if (fb_take(r.fb, false, &h, &got)) {
		printf("# %s\n", fail_text());
		return false;
	}
	if (h.width == w && h.height == ht)
		return true;
	printf("# %ux%u\n", h.width, h.height);
	return false;
}

static bool
as_wanted(unsigned w, unsigned ht)
{
	if (!taken(w, ht))
		return false;
	for (unsigned n = 0; n < w * ht; n++)
		if (got[n] != want[n]) {
			printf("# at %u,%u: %06x, want %06x\n", n % w, n / w,
				got[n], want[n]);
			return false;
		}
	return true;
}

/* A picture of w by h pixels, each shown dx by dy times. */
static void
expect(unsigned w, unsigned ht, unsigned dx, unsigned dy,
	unsigned (*colour)(unsigned x, unsigned y))
{
	for (unsigned y = 0; y < ht * dy; y++)
		for (unsigned x = 0; x < w * dx; x++)
			want[y * w * dx + x] = rgb(colour(x / dx, y / dy));
}

static unsigned
pattern(unsigned x, unsigned y)
{
	return (x * 7 + y * 3 + (x ^ y) / 8) & 15;
}

static unsigned
of16(unsigned x, unsigned y)
{
	return pattern(x, y) + 16;
}

static unsigned
of4(unsigned x, unsigned y)
{
	return (pattern(x, y) & 3) + 16;
}

static unsigned
of2(unsigned x, unsigned y)
{
	return (pattern(x, y) & 1) + 16;
}

static unsigned
of256(unsigned x, unsigned y)
{
	return (x * 3 + y * 5) & 255;
}

/* ---- planes ---- */

static void
draw_planar(unsigned w, unsigned ht)
{
	for (unsigned p = 0; p < 4; p++) {
		put(&r, 0x3c4, 2, 1 << p);
		for (unsigned n = 0; n < w * ht; n += 8) {
			unsigned byte = 0;

			for (unsigned k = 0; k < 8; k++)
				byte = byte << 1 |
				       (pattern((n + k) % w, n / w) >> p & 1);
			poke(&r, 0xa0000 + n / 8, byte);
		}
	}
	put(&r, 0x3c4, 2, 15);
}

static void
test_planar(void)
{
	set_mode(&mode12);
	draw_planar(640, 480);
	expect(640, 480, 1, 1, of16);
	ok(as_wanted(640, 480), "mode 12h: 640x480, 16 colours");
	ok(h.kind == FB_PLANAR, "is planes");
	set_mode(&mode10);
	draw_planar(640, 350);
	expect(640, 350, 1, 1, of16);
	ok(as_wanted(640, 350), "mode 10h: 640x350, 16 colours");
	set_mode(&mode0d);
	draw_planar(320, 200);
	expect(320, 200, 2, 2, of16);
	ok(as_wanted(640, 400), "mode 0Dh: 320x200, each pixel four times");
}

/* ---- CGA ---- */

static void
test_cga(void)
{
	set_mode(&mode4);
	for (unsigned y = 0; y < 200; y++)
		for (unsigned x = 0; x < 320; x += 4) {
			unsigned byte = 0;

			for (unsigned k = 0; k < 4; k++)
				byte = byte << 2 | (pattern(x + k, y) & 3);
			poke(&r, 0xb8000 + y % 2 * 0x2000 + y / 2 * 80 + x / 4,
				byte);
		}
	expect(320, 200, 2, 2, of4);
	ok(as_wanted(640, 400), "mode 4: 320x200, 4 colours, lines in turns");
	set_mode(&mode6);
	for (unsigned y = 0; y < 200; y++)
		for (unsigned x = 0; x < 640; x += 8) {
			unsigned byte = 0;

			for (unsigned k = 0; k < 8; k++)
				byte = byte << 1 | (pattern(x + k, y) & 1);
			poke(&r, 0xb8000 + y % 2 * 0x2000 + y / 2 * 80 + x / 8,
				byte);
		}
	expect(640, 200, 1, 2, of2);
	ok(as_wanted(640, 400), "mode 6: 640x200, 2 colours");
}

/* ---- 256 colours ---- */

static void
test_256(void)
{
	set_mode(&mode13);
	for (unsigned n = 0; n < 320 * 200; n++)
		poke(&r, 0xa0000 + n, of256(n % 320, n / 320));
	expect(320, 200, 2, 2, of256);
	ok(as_wanted(640, 400), "mode 13h: 320x200, 256 colours");
	put(&r, 0x3c4, 4, 0x06);
	put(&r, 0x3d4, 0x14, 0);
	put(&r, 0x3d4, 0x17, 0xe3);
	put(&r, 0x3d4, 9, 0x40);
	memset(r.ram, 0, RIG_VRAM);
	for (unsigned n = 0; n < 320 * 400; n++) {
		put(&r, 0x3c4, 2, 1 << (n & 3));
		poke(&r, 0xa0000 + n / 4, of256(n % 320, n / 320));
	}
	expect(320, 400, 2, 1, of256);
	ok(as_wanted(640, 400), "mode X: 320x400, four planes");
	put(&r, 0x3d4, 0x0d, 80);
	for (unsigned y = 0; y < 399; y++)
		memcpy(want + 640 * y, want + 640 * (y + 1), 640 * 4);
	taken(640, 400);
	ok(memcmp(got, want, 640 * 399 * 4) == 0, "start address");
	put(&r, 0x3d4, 0x0d, 0);
	attr(&r, 0x13, 4);
	out8(&r, 0x3c0, 0x20);
	taken(640, 400);
	is_u64(got[0], rgb(of256(2, 0)), "panning");
	attr(&r, 0x13, 0);
	out8(&r, 0x3c0, 0x20);
	put(&r, 0x3d4, 0x18, 99);
	put(&r, 0x3d4, 7, 0x0f);
	put(&r, 0x3d4, 9, 0x00);
	taken(640, 400);
	ok(got[640 * 99] == rgb(of256(0, 99)) &&
			got[640 * 100] == rgb(of256(0, 0)) &&
			got[640 * 399 + 2] == rgb(of256(1, 299)),
		"line compare");
	out8(&r, 0x3c6, 0x0f);
	taken(640, 400);
	is_u64(got[640 * 50], rgb(of256(0, 50) & 15), "the DAC's mask");
	out8(&r, 0x3c6, 0xff);
}

/* ---- VBE ---- */

static uint32_t
rgb_of(unsigned bpp, unsigned x, unsigned y)
{
	unsigned red = x & 31, green = y & 31, blue = (x + y) & 31;

	if (bpp > 16)
		return red << 19 | green << 18 | blue << 17;
	if (bpp == 16)
		green = (y & 63) << 2 | (y & 63) >> 4;
	else
		green = green << 3 | green >> 2;
	return (red << 3 | red >> 2) << 16 | green << 8 |
	       (blue << 3 | blue >> 2);
}

static uint32_t
raw(unsigned bpp, unsigned x, unsigned y)
{
	unsigned red = x & 31, green = y & 31, blue = (x + y) & 31;

	if (bpp == 15)
		return red << 10 | green << 5 | blue;
	if (bpp == 16)
		return red << 11 | (y & 63) << 5 | blue;
	return rgb_of(bpp, x, y);
}

static void
test_linear(unsigned bpp)
{
	const unsigned w = 360, ht = 200, bytes = (bpp + 7) / 8;

	vbe(&r, 4, 0);
	vbe(&r, 1, w);
	vbe(&r, 2, ht);
	vbe(&r, 3, bpp);
	vbe(&r, 4, 0x41);
	vbe(&r, 6, w + 40);
	vbe(&r, 8, 16);
	vbe(&r, 9, 3);
	for (unsigned y = 0; y < ht; y++)
		for (unsigned x = 0; x < w; x++) {
			uint32_t v = bpp == 8 ? of256(x, y) : raw(bpp, x, y);

			want[y * w + x] =
				bpp == 8 ? rgb(of256(x, y)) : rgb_of(bpp, x, y);
			memcpy(r.ram + ((y + 3) * (w + 40) + x + 16) * bytes,
				&v, bytes);
		}
	ok(as_wanted(w, ht), "VBE, %u bits: a part of a larger screen", bpp);
}

static void
test_vbe(void)
{
	static const uint8_t bpps[] = {8, 15, 16, 24, 32};

	set_mode(&mode3);
	for (unsigned n = 0; n < sizeof(bpps); n++)
		test_linear(bpps[n]);
	vbe(&r, 4, 0);
	set_mode(&mode12);
	vbe(&r, 1, 640);
	vbe(&r, 2, 480);
	vbe(&r, 3, 4);
	vbe(&r, 4, 1);
	draw_planar(640, 480);
	expect(640, 480, 1, 1, of16);
	ok(as_wanted(640, 480), "VBE, 4 bits: planes");
	vbe(&r, 8, 3);
	taken(640, 480);
	is_u64(h.pan_x, 0, "a screen that is no larger is not panned");
	vbe(&r, 6, 800);
	vbe(&r, 8, 11);
	taken(640, 480);
	ok(h.start == 4 && h.pan_x == 3, "a larger one is, by pixels");
	vbe(&r, 4, 0);
}

/* ---- off ---- */

static void
test_off(void)
{
	set_mode(&mode12);
	memset(r.ram, 0xff, 640 * 480 / 2);
	put(&r, 0x3c4, 1, 0x21);
	taken(640, 480);
	ok(h.kind == FB_OFF && !got[0], "the screen is off: black, as large");
	put(&r, 0x3c4, 1, 0x01);
	in8(&r, 0x3da);
	out8(&r, 0x3c0, 0);
	taken(640, 480);
	ok(h.kind == FB_OFF, "or its palette is being loaded");
	dev_reset(r.dev);
	ok(fb_look(r.fb, &h) == 0 && h.kind == FB_OFF, "or it was reset");
}

/* ---- whatever registers say ---- */

static uint64_t
rnd(uint64_t *s)
{
	*s ^= *s >> 12;
	*s ^= *s << 25;
	*s ^= *s >> 27;
	return *s * 2685821657736338717u;
}

static void
test_any(void)
{
	uint64_t seed = 12345;
	unsigned bad = 0, n;

	for (n = 0; n < 20000 && !bad; n++) {
		uint64_t v = rnd(&seed);
		unsigned at = (unsigned)(v >> 8 & 31), val = v >> 16 & 0xffff;

		switch (v & 7) {
		case 0:
			attr(&r, at, val & 255);
			out8(&r, 0x3c0, 0x20);
			break;
		case 1:
			put(&r, 0x3c4, at & 7, val & 0xff);
			break;
		case 2:
			put(&r, 0x3ce, at & 15, val & 0xff);
			break;
		case 3:
			vbe(&r, 1 + at % 9, val >> (v >> 40 & 7));
			break;
		default:
			put(&r, 0x3d4, at, val & 0xff);
		}
		if (fb_look(r.fb, &h))
			bad++;
		else if (n % 256 == 0) /* one line is as good as another */
			fb_draw(r.fb, &h, h.height - 1, 1, want, true);
	}
	ok(!bad, "no registers make a head that is refused");
	if (bad)
		printf("# %u: %s\n", n, fail_text());
}

int
main(void)
{
	deadline(60);
	rig_up(&r, true);
	test_planar();
	test_cga();
	test_256();
	test_vbe();
	test_off();
	test_any();
	free(got);
	rig_down(&r);
	return done();
}
