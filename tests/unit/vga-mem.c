/* SPDX-License-Identifier: MIT */
/*
 * The graphics card's window: write modes, read modes, latches, which planes
 * and which addresses; text that lies packed. What is expected was worked out
 * by hand from IBM's "VGA Technical Reference".
 */
#include "dev/vga.h"

#include "dev/dev.h"
#include "tests/vga-rig.h"

#define MISC 0x3ce
#define SEQ 0x3c4
#define A 0xa0000u
#define B 0xb8000u

static struct vga_rig r;

/* 64 KiB at A0000h, planes one by one, all of them written. */
static void
planar(void)
{
	put(&r, SEQ, 4, 0x06);
	put(&r, SEQ, 2, 0x0f);
	put(&r, MISC, 0, 0);
	put(&r, MISC, 1, 0);
	put(&r, MISC, 3, 0);
	put(&r, MISC, 4, 0);
	put(&r, MISC, 5, 0);
	put(&r, MISC, 6, 0x05);
	put(&r, MISC, 7, 0x0f);
	put(&r, MISC, 8, 0xff);
}

/* What a VGA's text modes have. */
static void
characters(void)
{
	planar();
	put(&r, SEQ, 2, 0x03);
	put(&r, SEQ, 4, 0x02);
	put(&r, MISC, 5, 0x10);
	put(&r, MISC, 6, 0x0e);
}

/* ---- writing ---- */

static const struct {
	const char *what;
	uint8_t mode, set, enable, function, bits, map, byte;
	uint32_t latch, before, after; /* plane 0 lowest */
} writes[] = {
	{"mode 0 writes the byte to all planes", 0, 0, 0, 0, 0xff, 15, 0xa5,
		0x11223344, 0x55667788, 0xa5a5a5a5},
	{"or to those of the map mask", 0, 0, 0, 0, 0xff, 5, 0xa5, 0x11223344,
		0x55667788, 0x55a577a5},
	{"or to none", 0, 0, 0, 0, 0xff, 0, 0xa5, 0x11223344, 0x55667788,
		0x55667788},
	{"turned to the right", 0, 0, 0, 3, 0xff, 15, 0x81, 0, 0, 0x30303030},
	{"bits that are masked come from the latches", 0, 0, 0, 0, 0x0f, 15,
		0xa5, 0x11223344, 0x55667788, 0x15253545},
	{"set/reset is for planes that are enabled", 0, 0x6, 0x3, 0, 0xff, 15,
		0xa5, 0, 0, 0xa5a5ff00},
	{"with the bit mask", 0, 0xf, 0xf, 0, 0x18, 15, 0, 0x00ff0f81, 0,
		0x18ff1f99},
	{"AND with the latches", 0, 0, 0, 0x08, 0xff, 15, 0x0f, 0x11223344, 0,
		0x01020304},
	{"OR with the latches", 0, 0, 0, 0x10, 0xff, 15, 0x0f, 0x11223344, 0,
		0x1f2f3f4f},
	{"XOR with the latches", 0, 0, 0, 0x18, 0xff, 15, 0x0f, 0x11223344, 0,
		0x1e2d3c4b},
	{"XOR of what is set", 0, 0x5, 0xf, 0x18, 0xf0, 15, 0x00, 0x11223344, 0,
		0x11d233b4},
	{"mode 1 writes the latches", 1, 0xf, 0xf, 0x1b, 0x0f, 15, 0xa5,
		0x11223344, 0x55667788, 0x11223344},
	{"through the map mask", 1, 0, 0, 0, 0xff, 8, 0xa5, 0x11223344,
		0x55667788, 0x11667788},
	{"mode 2 spreads four bits", 2, 0, 0, 0, 0xff, 15, 0xfa, 0, 0,
		0xff00ff00},
	{"with bit mask and function", 2, 0, 0xf, 0x10, 0x3c, 15, 0x01,
		0x81818181, 0, 0x818181bd},
	{"mode 3 masks set/reset by the byte", 3, 0x9, 0, 0, 0xff, 15, 0x0f,
		0x11223344, 0, 0x1f20304f},
	{"and by the mask, turned", 3, 0xf, 0, 0x04, 0x3c, 15, 0xff, 0x00000000,
		0, 0x3c3c3c3c},
	{"turned before it is masked", 3, 0xf, 0, 0x04, 0xf0, 15, 0x0f, 0, 0,
		0xf0f0f0f0},
};

static void
test_writes(void)
{
	for (unsigned n = 0; n < sizeof(writes) / sizeof(writes[0]); n++) {
		planar();
		set_unit(&r, 0x100, writes[n].latch);
		set_unit(&r, 0x2345, writes[n].before);
		peek(&r, A + 0x100);
		put(&r, MISC, 0, writes[n].set);
		put(&r, MISC, 1, writes[n].enable);
		put(&r, MISC, 3, writes[n].function);
		put(&r, MISC, 5, writes[n].mode);
		put(&r, MISC, 8, writes[n].bits);
		put(&r, SEQ, 2, writes[n].map);
		poke(&r, A + 0x2345, writes[n].byte);
		is_u64(unit(&r, 0x2345), writes[n].after, writes[n].what);
	}
}

/* ---- reading ---- */

static void
test_reads(void)
{
	unsigned good = 0;

	planar();
	set_unit(&r, 0x40, 0x44332211);
	for (unsigned n = 0; n < 4; n++) {
		put(&r, MISC, 4, n);
		good += peek(&r, A + 0x40) == 0x11 * (n + 1);
	}
	is_u64(good, 4, "read mode 0: the plane that is selected");
	is_u64(bus_read(r.mem, A + 0x40, 4), 0x44, "a byte an address");
	/* colours of pixels, left to right: 5 5 5 5 3 0 15 7 */
	set_unit(&r, 0x41, 0x02f30bfb);
	put(&r, MISC, 5, 0x08);
	put(&r, MISC, 2, 0x5);
	put(&r, MISC, 7, 0xf);
	is_u64(peek(&r, A + 0x41), 0xf0, "read mode 1: where the colour is");
	put(&r, MISC, 7, 0x5);
	is_u64(peek(&r, A + 0x41), 0xf3, "planes that do not care");
	put(&r, MISC, 7, 0);
	is_u64(peek(&r, A + 0x41), 0xff, "or none of them does");
}

/* ---- addresses ---- */

static void
test_windows(void)
{
	static const struct {
		uint32_t from, to;
	} at[4] = {{0xa0000, 0xc0000}, {0xa0000, 0xb0000}, {0xb0000, 0xb8000},
		{0xb8000, 0xc0000}};
	unsigned bad = 0;

	planar();
	memset(r.ram, 0x33, 0x40000);
	for (unsigned n = 0; n < 4; n++) {
		put(&r, MISC, 6, n << 2 | 1);
		for (uint32_t a = 0xa0000; a < 0xc0000; a += 0x4000) {
			bool in = a >= at[n].from && a < at[n].to;

			bad += peek(&r, a) != (in ? 0x33u : 0xffu);
		}
	}
	ok(!bad, "the window lies where it is told to");
	put(&r, MISC, 6, 1);
	poke(&r, 0xb0123, 0x77);
	is_u64(unit(&r, 0x123), 0x77777777, "behind 256 KiB it begins anew");
	put(&r, MISC, 6, 5);
	poke(&r, 0xbffff, 0x11);
	is_u64(unit(&r, 0xffff), 0x33333333, "and outside is nothing");
}

static void
test_chain4(void)
{
	planar();
	put(&r, SEQ, 4, 0x0e);
	bus_write(r.mem, A + 0x1000, 8, 0x8877665544332211);
	ok(unit(&r, 0x400) == 0x44332211 && unit(&r, 0x401) == 0x88776655,
		"chain 4: bytes are pixels");
	is_u64(bus_read(r.mem, A + 0x1002, 2), 0x4433, "both ways");
	put(&r, SEQ, 2, 0x05);
	bus_write(r.mem, A + 0x1000, 4, 0xffffffff);
	is_u64(unit(&r, 0x400), 0x44ff22ff, "with the map mask");
	put(&r, SEQ, 4, 0x06);
	put(&r, SEQ, 2, 0x0f);
	peek(&r, A + 0x401);
	put(&r, MISC, 5, 1);
	poke(&r, A + 0x500, 0);
	is_u64(unit(&r, 0x500), 0x88776655, "unchained, four at a time");
}

static void
test_pairs(void)
{
	characters();
	set_unit(&r, 0, 0x44332211);
	bus_write(r.mem, B, 2, 0xb1a1);
	is_u64(unit(&r, 0), 0x4433b1a1, "odd/even: planes 0 and 1 in turns");
	bus_write(r.mem, B, 8, 0x0704070307020701);
	ok((unit(&r, 1) & 0xffff) == 0x0702 && (unit(&r, 3) & 0xffff) == 0x0704,
		"as many at a time as come");
	is_u64(bus_read(r.mem, B, 8), 0x0704070307020701, "both ways");
	is_u64(peek(&r, B + 3), 0x07, "and bytes");
	poke(&r, B + 3, 0x1f);
	is_u64(bus_read(r.mem, B + 2, 2), 0x1f02, "of each kind");
	put(&r, MISC, 4, 2);
	set_unit(&r, 2, 0x44332211);
	ok(peek(&r, B + 4) == 0x33 && peek(&r, B + 5) == 0x44,
		"or planes 2 and 3 are read");
	put(&r, SEQ, 2, 0x0f);
	bus_write(r.mem, B + 4, 2, 0xbbaa);
	is_u64(unit(&r, 2), 0xbbaabbaa, "and written");
	put(&r, MISC, 8, 0x0f);
	peek(&r, B + 4);
	poke(&r, B + 4, 0x55);
	is_u64(unit(&r, 2), 0xbba5bba5, "with the bit mask");
}

static void
test_vbe_planes(void)
{
	planar();
	memset(r.ram, 0, RIG_VRAM);
	vbe(&r, 1, 800);
	vbe(&r, 2, 600);
	vbe(&r, 3, 4);
	vbe(&r, 4, 1);
	vbe(&r, 5, 1);
	put(&r, SEQ, 2, 0x0a);
	poke(&r, A + 5, 0xc3);
	is_u64(unit(&r, 0x10005), 0xc300c300,
		"VBE, 16 colours: banks of planes");
	vbe(&r, 5, 0xffff);
	poke(&r, A + 5, 0x81);
	is_u64(unit(&r, RIG_VRAM / 4 - 0x10000 + 5), 0x81008100,
		"which begin anew behind the RAM");
	vbe(&r, 4, 0);
}

/* ---- text, packed ---- */

static void
test_packed(void)
{
	uint8_t *text = r.ram + RIG_VRAM;

	characters();
	put(&r, MISC, 6, 0x04);
	set_unit(&r, 0, 0x33331f41);
	set_unit(&r, 0xffff, 0x33331f5a);
	put(&r, MISC, 6, 0x0e);
	ok(r.shown && r.head->packed == RIG_VRAM,
		"text lies packed while nothing else is written");
	ok(memcmp(text, "A\x1f", 2) == 0 &&
			memcmp(text + FB_PACKED - 2, "Z\x1f", 2) == 0,
		"what was there is there");
	memcpy(text + 2, "B\x2f", 2); /* as the guest does */
	is_u64(bus_read(r.mem, B, 4), 0x2f421f41, "who comes late sees it");
	bus_write(r.mem, B + 4, 2, 0x3f43);
	ok(memcmp(text + 4, "C\x3f", 2) == 0, "and writes it");
	put(&r, SEQ, 4, 0x06);
	ok(!r.shown && !r.head->packed, "no longer, if planes are written");
	ok(unit(&r, 0) == 0x33331f41 && (unit(&r, 1) & 0xffff) == 0x2f42 &&
			(unit(&r, 2) & 0xffff) == 0x3f43,
		"they have what was written");
	put(&r, SEQ, 2, 0x04);
	put(&r, MISC, 6, 0x04);
	poke(&r, A + 1, 0x99); /* the font */
	characters();
	ok(r.shown && unit(&r, 1) >> 16 == 0x0099, "a font is loaded between");
	memcpy(text, "D", 1);
	r.dev->ops->saving(r.dev);
	is_u64(unit(&r, 0) & 0xff, 'D', "what is saved is up to date");
	set_unit(&r, 0, 0x33331f45);
	ok(r.dev->ops->loaded(r.dev) == 0 && r.shown && text[0] == 'E',
		"what is loaded is shown, whatever lay there");
	put(&r, MISC, 6, 0x0f);
	ok(!r.shown, "graphics of pairs (CGA) is not packed");
	put(&r, MISC, 6, 0x02);
	ok(!r.shown, "nor is text that lies elsewhere");
	put(&r, MISC, 6, 0x0e);
	put(&r, MISC, 8, 0x7f);
	ok(!r.shown, "nor what is masked");
	put(&r, MISC, 8, 0xff);
	ok(r.shown, "it is packed again");
	vbe(&r, 4, 1);
	ok(!r.shown, "not in VBE's modes");
	vbe(&r, 4, 0);
	dev_reset(r.dev);
	ok(!r.shown, "nor after a reset");
}

int
main(void)
{
	deadline(30);
	rig_up(&r, false);
	test_writes();
	test_reads();
	test_windows();
	test_chain4();
	test_pairs();
	test_vbe_planes();
	rig_down(&r);
	rig_up(&r, true);
	test_packed();
	rig_down(&r);
	return done();
}
