/* SPDX-License-Identifier: MIT */
/*
 * The graphics card's registers: which bits they have, index and data, the
 * attribute controller's one port, the DAC, status, what PCI and the
 * memory-mapped BAR show. What is seen of them: vga-mode.c; memory: vga-mem.c.
 */
#include "dev/vga.h"

#include "dev/state.h"
#include "tests/vga-rig.h"

static struct vga_rig r;

/* ---- index and data ---- */

static const struct pair {
	const char *name;
	unsigned port, regs;
	uint8_t bits[25];
} pairs[] = {
	{"sequencer", 0x3c4, 5, {0x03, 0x3d, 0x0f, 0x3f, 0x0e}},
	{"graphics controller", 0x3ce, 9,
		{0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff}},
	{"CRT controller", 0x3d4, 25,
		{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0xff,
			0x3f, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0xff,
			0xff, 0x7f, 0xff, 0xff, 0xef, 0xff}},
};

static void
test_pair(const struct pair *p)
{
	unsigned bad = 0, far = 0;

	for (unsigned n = 0; n < 256; n++) {
		/* without the CRT controller's write protection */
		unsigned ones = p->port == 0x3d4 && n == 0x11 ? 0x7f : 0xff;

		put(&r, p->port, n, ones);
		if (n < p->regs)
			bad += get(&r, p->port, n) != p->bits[n];
		else
			far += get(&r, p->port, n) != 0;
		bad += in8(&r, p->port) != n;
		put(&r, p->port, n, 0);
		bad += get(&r, p->port, n) != 0;
	}
	ok(!bad, "%s: registers have the bits that they have", p->name);
	ok(!far, "%s: and there are no others", p->name);
}

static void
test_pairs(void)
{
	rig_up(&r, false);
	for (unsigned n = 0; n < sizeof(pairs) / sizeof(pairs[0]); n++)
		test_pair(&pairs[n]);
	rig_down(&r);
}

static void
test_protection(void)
{
	unsigned kept = 0;

	rig_up(&r, false);
	for (unsigned n = 0; n < 0x19; n++)
		put(&r, 0x3d4, n, n == 0x11 ? 0x0f : 0x55);
	put(&r, 0x3d4, 0x11, 0x8f);
	for (unsigned n = 0; n < 8; n++) {
		put(&r, 0x3d4, n, 0xaa);
		kept += get(&r, 0x3d4, n) == (n == 7 ? 0x45u : 0x55u);
	}
	is_u64(kept, 8, "CR11 bit 7 protects CR0 to CR7, but for bit 4 of CR7");
	put(&r, 0x3d4, 7, 0xff);
	is_u64(get(&r, 0x3d4, 7), 0x55, "which is line compare");
	put(&r, 0x3d4, 0x0c, 0xaa);
	is_u64(get(&r, 0x3d4, 0x0c), 0xaa, "and nothing behind them");
	put(&r, 0x3d4, 0x11, 0x0f);
	put(&r, 0x3d4, 1, 0xaa);
	is_u64(get(&r, 0x3d4, 1), 0xaa, "until it is cleared");
	rig_down(&r);
}

static void
test_addresses(void)
{
	rig_up(&r, false);
	put(&r, 0x3d4, 0x0f, 0x12);
	ok(in8(&r, 0x3b5) == 0xff && in8(&r, 0x3ba) == 0xff,
		"a colour card has no ports at 3Bxh");
	is_u64(in8(&r, 0x3cc), 1, "3CCh reads miscellaneous output");
	out8(&r, 0x3c2, 0x66);
	is_u64(get(&r, 0x3b4, 0x0f), 0x12, "a mono one has them there");
	ok(in8(&r, 0x3d5) == 0xff && in8(&r, 0x3da) == 0xff,
		"and none at 3Dxh");
	is_u64(in8(&r, 0x3cc), 0x66, "and its bits are kept");
	out8(&r, 0x3ba, 0xff);
	is_u64(in8(&r, 0x3ca), 0x10, "the feature register has one bit");
	is_u64(in8(&r, 0x3c2), 0x10, "input status 0: a monitor is there");
	ok(in8(&r, 0x3cb) == 0xff && in8(&r, 0x3cd) == 0xff &&
			in8(&r, 0x3b0) == 0xff && in8(&r, 0x3b9) == 0xff,
		"other ports read as ones");
	rig_down(&r);
}

/* ---- the attribute controller ---- */

static void
test_attribute(void)
{
	static const uint8_t bits[21] = {0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f,
		0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f,
		0xef, 0xff, 0x3f, 0x0f, 0x0f};
	unsigned bad = 0;

	rig_up(&r, false);
	for (unsigned n = 0; n < 32; n++) {
		attr(&r, n, 0xff);
		in8(&r, 0x3da);
		out8(&r, 0x3c0, n);
		bad += in8(&r, 0x3c1) != (n < 21 ? bits[n] : 0u);
		bad += in8(&r, 0x3c0) != n;
	}
	ok(!bad, "attribute registers have the bits that they have");
	in8(&r, 0x3da);
	out8(&r, 0x3c0, 0x01);
	out8(&r, 0x3c0, 0x15);
	out8(&r, 0x3c0, 0x02);
	out8(&r, 0x3c0, 0x16);
	out8(&r, 0x3c0, 0x01);
	is_u64(in8(&r, 0x3c1), 0x15, "3C0h is index and data in turns");
	in8(&r, 0x3da);
	out8(&r, 0x3c0, 0x02);
	is_u64(in8(&r, 0x3c1), 0x16, "input status 1 makes it the index");
	in8(&r, 0x3da);
	out8(&r, 0x3c0, 0xe2);
	is_u64(in8(&r, 0x3c0), 0x22, "the index has 6 bits");
	rig_down(&r);
}

/* ---- the DAC ---- */

static void
test_dac(void)
{
	rig_up(&r, false);
	is_u64(in8(&r, 0x3c6), 0xff, "the DAC's mask is open");
	out8(&r, 0x3c8, 10);
	is_u64(in8(&r, 0x3c7), 0, "3C7h: it is being written");
	for (unsigned n = 0; n < 6; n++)
		out8(&r, 0x3c9, 0xc1 + n);
	is_u64(in8(&r, 0x3c8), 12, "three writes go to the next entry");
	out8(&r, 0x3c7, 10);
	is_u64(in8(&r, 0x3c7), 3, "3C7h: it is being read");
	ok(in8(&r, 0x3c9) == 1 && in8(&r, 0x3c9) == 2 && in8(&r, 0x3c9) == 3 &&
			in8(&r, 0x3c9) == 4,
		"entries have 6 bits, and are read one after the other");
	out8(&r, 0x3c8, 10);
	out8(&r, 0x3c9, 0x3f);
	out8(&r, 0x3c7, 10);
	is_u64(in8(&r, 0x3c9), 1, "a third of an entry changes nothing");
	out8(&r, 0x3c8, 255);
	for (unsigned n = 0; n < 6; n++)
		out8(&r, 0x3c9, n);
	out8(&r, 0x3c7, 255);
	in8(&r, 0x3c9);
	in8(&r, 0x3c9);
	ok(in8(&r, 0x3c9) == 2 && in8(&r, 0x3c9) == 3,
		"behind the last entry is the first");
	vbe(&r, 4, 0x21);
	out8(&r, 0x3c8, 1);
	for (unsigned n = 0; n < 3; n++)
		out8(&r, 0x3c9, 0xf1 + n);
	out8(&r, 0x3c7, 1);
	is_u64(in8(&r, 0x3c9), 0xf1, "in VBE modes they may have 8 bits");
	rig_down(&r);
}

/* ---- status ---- */

static void
test_status(void)
{
	unsigned retraces = 0, both = 0, blank = 0, before = 0, now;

	rig_up(&r, false);
	for (unsigned n = 0; n < 1000; n++) {
		clock_advance(r.clock, NS_PER_S / 1000);
		now = in8(&r, 0x3da);
		retraces += (now & ~before & 8) != 0;
		blank += now & 1;
		both += (now & 9) == 8;
		before = now;
	}
	ok(retraces > 55 && retraces < 80, "70 retraces a second (%u)",
		retraces);
	ok(!both, "and nothing is shown meanwhile");
	ok(blank > 400 && blank < 700, "lines begin and end");
	clock_advance(r.clock, NS_PER_S / 140);
	now = in8(&r, 0x3da);
	ok((now ^ in8(&r, 0x3da)) & 1, "with each read, if time stands");
	rig_down(&r);
}

/* ---- PCI ---- */

static uint32_t
config(unsigned at)
{
	return pci_config_read(vga_pci(r.dev), at, 4);
}

static uint32_t
sized(unsigned at)
{
	pci_config_write(vga_pci(r.dev), at, 4, 0xffffffff);
	return config(at);
}

static void
test_pci(void)
{
	rig_up(&r, false);
	is_u64(config(0x00), 0x11111234, "PCI 1234:1111");
	is_u64(config(0x08), 0x03000002, "a VGA, revision 2");
	is_u64(config(0x2c), 0x11001af4, "subsystem 1af4:1100");
	is_u64(sized(0x10), -RIG_VRAM | 8u, "BAR 0 is the video RAM");
	is_u64(sized(0x18), 0xfffff000, "BAR 2 has 4 KiB");
	is_u64(sized(0x14), 0, "there is no BAR 1");
	is_u64(sized(0x30), 0xfffff001, "the ROM is made a power of two");
	is_u64(bus_read(r.mem, 0xf1000000, 4), 0x0706aa55, "and shows");
	is_u64(bus_read(r.mem, 0xf1000000 + 3000, 4), 0xffffffff,
		"and behind its end, ones");
	bus_write(r.mem, 0xf1000000, 4, 0);
	is_u64(peek(&r, 0xf1000000), 0x55, "it cannot be written");
	bus_write(r.mem, 0xe0000000 + RIG_VRAM - 8, 8, 0x1122334455667788);
	is_u64(unit(&r, RIG_VRAM / 4 - 1), 0x11223344,
		"the device serves its RAM where it is no memory");
	is_u64(bus_read(r.mem, 0xe0000000 + RIG_VRAM - 2, 2), 0x1122,
		"both ways");
	rig_down(&r);
}

/* ---- the memory-mapped BAR ---- */

static void
test_edid(void)
{
	uint8_t e[256];
	unsigned sum = 0;

	for (unsigned n = 0; n < 256; n += 4) {
		uint32_t v = (uint32_t)bus_read(r.mem, 0xf0000000 + n, 4);

		memcpy(e + n, &v, 4);
	}
	for (unsigned n = 0; n < 128; n++)
		sum += e[n];
	is_u64(sum & 255, 0, "EDID: sums up to 0");
	ok(memcmp(e, "\0\xff\xff\xff\xff\xff\xff\0", 8) == 0 && e[18] == 1 &&
			e[19] == 4 && e[126] == 0,
		"EDID: version 1.4, without extensions");
	ok((e[56] | e[58] >> 4 << 8) == 1280 &&
			(e[59] | e[61] >> 4 << 8) == 800,
		"EDID: prefers 1280x800");
}

static void
test_mmio(void)
{
	const unsigned at = 0xf0000000;

	rig_up(&r, false);
	test_edid();
	bus_write(r.mem, at + 0x404, 2, 0x0a02);
	is_u64(get(&r, 0x3c4, 2), 0x0a, "400h: ports from 3C0h on, as words");
	is_u64(bus_read(r.mem, at + 0x40c, 1), 1, "and as bytes");
	bus_write(r.mem, at + 0x502, 2, 640);
	is_u64(vbe_get(&r, 1), 640, "500h: VBE's registers");
	is_u64(bus_read(r.mem, at + 0x500, 4), 640 << 16 | 0xb0c5,
		"two at a time, too");
	is_u64(bus_read(r.mem, at + 0x503, 1), 640 >> 8, "and bytes of them");
	is_u64(bus_read(r.mem, at + 0x600, 4), 8, "600h: how many there are");
	is_u64(bus_read(r.mem, at + 0x604, 4), 0x1e1e1e1e, "little-endian");
	bus_write(r.mem, at + 0x604, 4, 0xbebebebe);
	is_u64(bus_read(r.mem, at + 0x604, 4), 0xbebebebe, "or big");
	bus_write(r.mem, at + 0x604, 4, 5);
	is_u64(bus_read(r.mem, at + 0x604, 4), 0xbebebebe, "or nothing else");
	is_u64(bus_read(r.mem, at + 0x800, 4), 0xffffffff, "holes are ones");
	rig_down(&r);
}

/* ---- VBE ---- */

static void
test_vbe_ids(void)
{
	rig_up(&r, false);
	is_u64(vbe_get(&r, 0), 0xb0c5, "VBE: it is B0C5h");
	vbe(&r, 0, 0xb0c1);
	is_u64(vbe_get(&r, 0), 0xb0c1, "or what was asked for");
	vbe(&r, 0, 0xb0c6);
	is_u64(vbe_get(&r, 0), 0xb0c1, "if there is that");
	is_u64(vbe_get(&r, 10), RIG_VRAM >> 16, "VBE: the RAM in 64 KiB");
	vbe(&r, 4, 2);
	ok(vbe_get(&r, 1) == 2560 && vbe_get(&r, 2) == 1600 &&
			vbe_get(&r, 3) == 32,
		"VBE: capabilities");
	vbe(&r, 10, 1);
	is_u64(vbe_get(&r, 10), RIG_VRAM >> 16, "which cannot be written");
	ok(vbe_get(&r, 11) == 0 && vbe_get(&r, 0xffff) == 0,
		"there are no others");
	bus_write(r.ports, 0x1ce, 2, 1);
	bus_write(r.ports, 0x1d0, 2, 800);
	is_u64(bus_read(r.ports, 0x1d0, 2), 2560, "port 1D0h is data, too");
	rig_down(&r);
}

static void
mode(unsigned w, unsigned h, unsigned bpp, unsigned how)
{
	vbe(&r, 4, 0);
	vbe(&r, 1, w);
	vbe(&r, 2, h);
	vbe(&r, 3, bpp);
	vbe(&r, 4, how);
}

static void
test_vbe_limits(void)
{
	rig_up(&r, false);
	mode(5000, 5000, 8, 1);
	ok(vbe_get(&r, 1) == 2560 && vbe_get(&r, 2) == 1600,
		"VBE: no mode is larger than 2560x1600");
	mode(2560, 1600, 32, 1);
	is_u64(vbe_get(&r, 2), RIG_VRAM / 2560 / 4, "nor than the RAM");
	mode(0, 0, 32, 1);
	ok(vbe_get(&r, 1) == 8 && vbe_get(&r, 2) == 1, "nor is it none");
	mode(640, 480, 16, 1);
	ok(vbe_get(&r, 6) == 640 && vbe_get(&r, 7) == RIG_VRAM / 1280,
		"the virtual screen is as wide, and takes all RAM");
	vbe(&r, 6, 1024);
	ok(vbe_get(&r, 6) == 1024 && vbe_get(&r, 7) == RIG_VRAM / 2048,
		"or wider, and so is lower");
	vbe(&r, 6, 100);
	is_u64(vbe_get(&r, 6), 640, "but not less than the mode");
	vbe(&r, 6, 1024);
	mode(640, 480, 16, 1);
	is_u64(vbe_get(&r, 6), 640, "a new mode begins without");
	rig_down(&r);
}

static void
test_vbe_memory(void)
{
	rig_up(&r, false);
	memset(r.ram, 0x5a, RIG_VRAM);
	mode(64, 64, 32, 0x81);
	is_u64(r.ram[0], 0x5a, "VBE: bit 7: memory is kept");
	mode(64, 64, 32, 1);
	ok(!r.ram[0] && !r.ram[64 * 64 * 4 - 1] && r.ram[64 * 64 * 4] == 0x5a,
		"else what is shown is cleared");
	vbe(&r, 5, 3);
	poke(&r, 0xa1234, 0x77);
	is_u64(r.ram[0x31234], 0x77, "the window shows 64 KiB of it");
	is_u64(bus_read(r.mem, 0xa1232, 4), 0x5a775a5a, "both ways");
	is_u64(peek(&r, 0xb1234), 0xff, "and is no larger");
	vbe(&r, 5, 0xffff);
	poke(&r, 0xa0000, 1);
	is_u64(peek(&r, 0xa0000), 0xff, "behind the RAM there is nothing");
	vbe(&r, 4, 0);
	is_u64(vbe_get(&r, 5), 0, "the bank ends with the mode");
	rig_down(&r);
}

int
main(void)
{
	deadline(30);
	test_pairs();
	test_protection();
	test_addresses();
	test_attribute();
	test_dac();
	test_status();
	test_pci();
	test_mmio();
	test_vbe_ids();
	test_vbe_limits();
	test_vbe_memory();
	return done();
}
