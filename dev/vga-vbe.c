/* SPDX-License-Identifier: MIT */
/*
 * Bochs' VBE registers, and the memory-mapped BAR: EDID, the VGA's ports from
 * 3C0h on, those registers, and QEMU's two. What a guest writes is kept as it
 * was written; vga_vbe_line() makes of it what the card can show.
 */
#include <string.h>

#include "dev/vga-int.h"

enum { /* the memory-mapped BAR */
	MMIO_EDID = 0x000,
	MMIO_EDID_END = 0x100,
	MMIO_PORTS = 0x400,
	MMIO_PORTS_END = 0x420,
	MMIO_VBE = 0x500,
	MMIO_VBE_END = MMIO_VBE + 2 * VBE_REGS,
	MMIO_EXT_SIZE = 0x600,
	MMIO_EXT_ORDER = 0x604
};
#define EXT_BYTES 8u
#define LITTLE 0x1e1e1e1eu
#define BIG 0xbebebebeu
#define FIRST_PORT 0x10u /* 3C0h */
#define MAX_BPP 32u

/* ---- what the registers come to ---- */

static uint32_t
at_most(uint32_t v, uint32_t max)
{
	return v < max ? v : max;
}

static uint32_t
depth(uint16_t bpp)
{
	switch (bpp) {
	case 4:
	case 15:
	case 16:
	case 24:
	case 32:
		return bpp;
	default:
		return 8; /* 0 is 8, too */
	}
}

/* Where the picture begins, if all of it is in video RAM from there. */
static void
place(const struct vga_regs *r, uint32_t ram, struct vga_line *l)
{
	uint32_t x = r->vbe[VBE_X_OFFSET], y = r->vbe[VBE_Y_OFFSET];
	uint64_t start;

	if (x > l->virt_width - l->width)
		x = l->virt_width - l->width;
	if (y > l->virt_height - l->height)
		y = l->virt_height - l->height;
	l->pan = l->bytes ? 0 : x & 7;
	start = (uint64_t)y * l->pitch +
		(l->bytes ? (uint64_t)x * l->bytes : x / 8 * 4);
	l->start = (uint32_t)at_most((uint32_t)start, ram);
}

void
vga_vbe_line(const struct vga_regs *r, uint32_t ram, struct vga_line *l)
{
	uint32_t per8, virt = r->vbe[VBE_VIRT_WIDTH] & ~7u;

	l->bpp = depth(r->vbe[VBE_BPP]);
	l->bytes = l->bpp == 4 ? 0 : (l->bpp + 7) / 8;
	per8 = l->bytes ? 8 * l->bytes : 4;
	l->width = at_most(r->vbe[VBE_XRES] & ~7u, FB_MAX_WIDTH);
	if (l->width < 8)
		l->width = 8;
	if (virt < l->width)
		virt = l->width;
	l->virt_width = virt;
	l->pitch = virt / 8 * per8;
	l->virt_height = ram / l->pitch; /* 1 MiB at least, and 256 KiB */
	l->height = at_most(r->vbe[VBE_YRES], FB_MAX_HEIGHT);
	if (!l->height)
		l->height = 1;
	l->height = at_most(l->height, l->virt_height);
	place(r, ram, l);
}

/* ---- reading ---- */

static uint16_t
caps(unsigned index)
{
	switch (index) {
	case VBE_XRES:
		return FB_MAX_WIDTH;
	case VBE_YRES:
		return FB_MAX_HEIGHT;
	default:
		return MAX_BPP;
	}
}

uint16_t
vga_vbe_read(const struct vga *v, unsigned index)
{
	const struct vga_regs *r = &v->r;
	struct vga_line l;

	if (index >= VBE_REGS)
		return 0;
	if (index == VBE_RAM)
		return (uint16_t)(v->h.ram_size >> 16);
	if (index >= VBE_XRES && index <= VBE_BPP &&
		(r->vbe[VBE_ENABLE] & VBE_GETCAPS))
		return caps(index);
	if (!vga_vbe(r))
		return r->vbe[index];
	vga_vbe_line(r, v->h.ram_size, &l);
	switch (index) {
	case VBE_XRES:
		return (uint16_t)l.width;
	case VBE_YRES:
		return (uint16_t)l.height;
	case VBE_VIRT_WIDTH:
		return (uint16_t)l.virt_width;
	case VBE_VIRT_HEIGHT:
		return (uint16_t)at_most(l.virt_height, 0xffff);
	default:
		return r->vbe[index];
	}
}

/* ---- writing ---- */

static void
enable(struct vga *v, uint16_t val)
{
	struct vga_regs *r = &v->r;
	bool before = vga_vbe(r);
	struct vga_line l;

	r->vbe[VBE_ENABLE] = val;
	if (!(val & VBE_ENABLED)) {
		r->vbe[VBE_BANK] = 0;
	} else if (!before) {
		r->vbe[VBE_VIRT_WIDTH] = 0;
		r->vbe[VBE_X_OFFSET] = r->vbe[VBE_Y_OFFSET] = 0;
		r->vbe[VBE_BANK] = 0;
		vga_window(v); /* text is no more where it was */
		vga_vbe_line(r, v->h.ram_size, &l);
		if (!(val & VBE_NOCLEAR))
			memset(v->h.ram, 0, (size_t)l.pitch * l.height);
	}
}

void
vga_vbe_write(struct vga *v, unsigned index, uint16_t val)
{
	struct vga_regs *r = &v->r;

	if (index == VBE_ENABLE) {
		enable(v, val);
		vga_window(v);
		vga_recolour(v); /* the DAC's width */
		return;
	}
	if (index >= VBE_RAM || index == VBE_VIRT_HEIGHT ||
		(index == VBE_ID && (val < VBE_ID_LEAST || val > VBE_ID_LAST)))
		return;
	r->vbe[index] = val;
	if (index == VBE_BPP)
		vga_palette(r, &v->next); /* 16 or 256 */
	vga_changed(v);
}

/* ---- the memory-mapped BAR ---- */

static uint64_t
words_read(const struct vga *v, unsigned off, unsigned size)
{
	uint64_t val = 0;

	if (size == 1)
		return vga_vbe_read(v, off / 2) >> 8 * (off & 1) & 0xff;
	for (unsigned n = 0; n < size; n += 2)
		val |= (uint64_t)vga_vbe_read(v, (off + n) / 2) << 8 * n;
	return val;
}

uint64_t
vga_mmio_read(struct vga *v, uint64_t off, unsigned size)
{
	unsigned at = (unsigned)off;
	uint64_t val = UINT64_MAX;

	if (at < MMIO_EDID_END) {
		val = 0;
		memcpy(&val, v->edid + at, size);
	} else if (at >= MMIO_PORTS && at < MMIO_PORTS_END) {
		val = vga_ports_in(v, at - MMIO_PORTS + FIRST_PORT, size);
	} else if (at >= MMIO_VBE && at < MMIO_VBE_END) {
		val = words_read(v, at - MMIO_VBE, size);
	} else if (at == MMIO_EXT_SIZE) {
		val = EXT_BYTES;
	} else if (at == MMIO_EXT_ORDER) {
		val = v->r.big_endian ? BIG : LITTLE;
	}
	return val;
}

void
vga_mmio_write(struct vga *v, uint64_t off, unsigned size, uint64_t val)
{
	unsigned at = (unsigned)off;

	if (at >= MMIO_PORTS && at < MMIO_PORTS_END) {
		vga_ports_out(v, at - MMIO_PORTS + FIRST_PORT, size, val);
	} else if (at >= MMIO_VBE && at < MMIO_VBE_END && size > 1) {
		for (unsigned n = 0; n < size; n += 2)
			vga_vbe_write(v, (at - MMIO_VBE + n) / 2,
				(uint16_t)(val >> 8 * n));
	} else if (at == MMIO_EXT_ORDER && size == 4 &&
		   (val == LITTLE || val == BIG)) {
		v->r.big_endian = val == BIG;
	}
}
