/* SPDX-License-Identifier: MIT */
/*
 * The window at A0000h: read modes 0 and 1, write modes 0 to 3 with rotation,
 * set/reset, logical functions, bit mask and latches; odd/even, chain 4, and
 * VBE's banks. A unit is the four planes' bytes at one address. Frequent cases
 * go past all that: text, and what is linear.
 */
#include <string.h>

#include "dev/vga-int.h"

#define UNITS 0x10000u /* of a VGA's 256 KiB */

/* A byte each plane, ones where the bit is set. */
static const uint32_t planes_of[16] = {0x00000000, 0x000000ff, 0x0000ff00,
	0x0000ffff, 0x00ff0000, 0x00ff00ff, 0x00ffff00, 0x00ffffff, 0xff000000,
	0xff0000ff, 0xff00ff00, 0xff00ffff, 0xffff0000, 0xffff00ff, 0xffffff00,
	0xffffffff};

/* ---- what follows from registers ---- */

/* Do bytes go to memory as they come? */
static bool
plain(const struct vga_regs *r)
{
	return !(r->gr[GR_MODE] & 3) && !r->gr[GR_FUNCTION] &&
	       !r->gr[GR_ENABLE_SET] && r->gr[GR_BIT_MASK] == 0xff;
}

static void
paths(struct vga *v)
{
	const struct vga_regs *r = &v->r;
	bool chain4 = r->seq[SEQ_MEMORY] & MEMORY_CHAIN4;
	bool pairs = !(r->seq[SEQ_MEMORY] & MEMORY_SEQUENTIAL);
	unsigned mask = r->seq[SEQ_MAP_MASK];

	v->rd = v->wr = VGA_PLANES;
	if (r->gr[GR_MODE] & GR_MODE_COMPARE)
		;
	else if (chain4)
		v->rd = VGA_LINEAR;
	else if ((r->gr[GR_MODE] & GR_MODE_ODDEVEN) &&
		 !(r->gr[GR_READ_MAP] & 2))
		v->rd = VGA_TEXT;
	if (!plain(r))
		;
	else if (chain4 && mask == 15)
		v->wr = VGA_LINEAR;
	else if (!chain4 && pairs && mask == 3)
		v->wr = VGA_TEXT;
}

void
vga_window(struct vga *v)
{
	static const uint32_t at[4] = {0, 0, 0x10000, 0x18000};
	static const uint32_t size[4] = {0x20000, 0x10000, 0x8000, 0x8000};
	const struct vga_regs *r = &v->r;
	unsigned n = r->gr[GR_MISC] >> 2 & 3;
	bool vbe = vga_vbe(r);

	if (vbe)
		n = 1;
	v->at = at[n];
	v->size = size[n];
	v->bank = vbe ? (uint32_t)r->vbe[VBE_BANK] << 16 : 0;
	v->units = vbe ? v->h.ram_size / 4 : UNITS;
	paths(v);
	if (vbe)
		v->rd = v->wr = r->vbe[VBE_BPP] == 4 ? VGA_PLANES : VGA_LINEAR;
	vga_pack(v);
}

/* ---- units ---- */

static uint32_t
unit_get(const struct vga *v, uint32_t n)
{
	uint32_t u;

	memcpy(&u, v->h.ram + 4 * (n & (v->units - 1)), sizeof(u));
	return u;
}

static void
unit_put(struct vga *v, uint32_t n, uint32_t u)
{
	memcpy(v->h.ram + 4 * (n & (v->units - 1)), &u, sizeof(u));
}

/* Which unit an address is in, and which of its planes it reaches. */
static uint32_t
unit_at(const struct vga *v, uint32_t addr, bool pairs, unsigned *planes)
{
	bool vbe = vga_vbe(&v->r);

	if (!vbe && (v->r.seq[SEQ_MEMORY] & MEMORY_CHAIN4)) {
		*planes = 1u << (addr & 3);
		return addr / 4;
	}
	if (!vbe && pairs) {
		*planes = addr & 1 ? 0xa : 0x5;
		return addr / 2;
	}
	*planes = 0xf;
	return addr + v->bank;
}

static uint8_t
read_byte(struct vga *v, uint32_t addr)
{
	struct vga_regs *r = &v->r;
	unsigned planes, map = r->gr[GR_READ_MAP];
	bool pairs = r->gr[GR_MODE] & GR_MODE_ODDEVEN;
	uint32_t u = unit_get(v, unit_at(v, addr, pairs, &planes));

	r->latch = u;
	if (r->gr[GR_MODE] & GR_MODE_COMPARE) {
		u = (u ^ planes_of[r->gr[GR_COMPARE] & 15]) &
		    planes_of[r->gr[GR_DONT_CARE] & 15];
		u |= u >> 16;
		return (uint8_t) ~(u | u >> 8);
	}
	if (planes == 0x5 || planes == 0xa)
		map = (map & 2) | (addr & 1);
	else if (planes != 0xf)
		map = addr & 3;
	return (uint8_t)(u >> 8 * map);
}

static uint32_t
combine(const struct vga_regs *r, uint32_t data)
{
	switch (r->gr[GR_FUNCTION] >> 3 & 3) {
	case 1:
		return data & r->latch;
	case 2:
		return data | r->latch;
	case 3:
		return data ^ r->latch;
	default:
		return data;
	}
}

static uint8_t
rotated(const struct vga_regs *r, uint8_t b)
{
	unsigned n = r->gr[GR_FUNCTION] & 7;

	return (uint8_t)(b >> n | b << (8 - n));
}

/* What the planes are to hold after a byte was written. */
static uint32_t
written(const struct vga_regs *r, uint8_t b)
{
	uint32_t data, bits = r->gr[GR_BIT_MASK];
	uint32_t set = planes_of[r->gr[GR_SET_RESET] & 15];
	uint32_t enabled = planes_of[r->gr[GR_ENABLE_SET] & 15];

	switch (r->gr[GR_MODE] & 3) {
	case 0:
		data = rotated(r, b) * 0x01010101u;
		data = combine(r, (data & ~enabled) | (set & enabled));
		break;
	case 1:
		return r->latch;
	case 2:
		data = combine(r, planes_of[b & 15]);
		break;
	default:
		bits &= rotated(r, b);
		data = combine(r, set);
	}
	bits *= 0x01010101u;
	return (data & bits) | (r->latch & ~bits);
}

static void
write_byte(struct vga *v, uint32_t addr, uint8_t b)
{
	const struct vga_regs *r = &v->r;
	bool pairs = !(r->seq[SEQ_MEMORY] & MEMORY_SEQUENTIAL);
	unsigned planes;
	uint32_t n = unit_at(v, addr, pairs, &planes);
	uint32_t mask = planes_of[planes & r->seq[SEQ_MAP_MASK] & 15];

	unit_put(v, n, (unit_get(v, n) & ~mask) | (written(r, b) & mask));
}

/* ---- text: the bytes of pairs, each pair in a unit ---- */

static uint64_t
text_read(struct vga *v, uint32_t addr, unsigned size)
{
	const uint8_t *p = v->h.ram + 4 * (addr / 2 & (UNITS - 1));
	uint64_t val = 0;

	if (v->packed) {
		memcpy(&val, v->h.packed + addr, size);
		return val;
	}
	if (size == 1)
		val = p[addr & 1];
	for (unsigned n = 0; n + 1 < size; n += 2, p += 4)
		val |= (uint64_t)(p[0] | p[1] << 8) << 8 * n;
	v->r.latch = unit_get(v, (addr + size - 1) / 2);
	return val;
}

static void
text_write(struct vga *v, uint32_t addr, unsigned size, uint64_t val)
{
	uint8_t *p = v->h.ram + 4 * (addr / 2 & (UNITS - 1));

	if (v->packed) {
		memcpy(v->h.packed + addr, &val, size);
		return;
	}
	if (size == 1)
		p[addr & 1] = (uint8_t)val;
	for (unsigned n = 0; n + 1 < size; n += 2, p += 4, val >>= 16)
		memcpy(p, &val, 2);
}

/* ---- the window ---- */

static uint64_t
linear_read(struct vga *v, uint32_t addr, unsigned size)
{
	uint64_t val = 0;

	addr += v->bank;
	if (addr > v->h.ram_size - size)
		return UINT64_MAX;
	memcpy(&val, v->h.ram + addr, size);
	v->r.latch = unit_get(v, (addr + size - 1) / 4);
	return val;
}

static void
linear_write(struct vga *v, uint32_t addr, unsigned size, uint64_t val)
{
	addr += v->bank;
	if (addr <= v->h.ram_size - size)
		memcpy(v->h.ram + addr, &val, size);
}

uint64_t
vga_mem_read(struct vga *v, uint32_t off, unsigned size)
{
	uint32_t addr = off - v->at;
	uint64_t val = 0;

	if (addr >= v->size)
		return UINT64_MAX;
	if (v->rd == VGA_TEXT)
		return text_read(v, addr, size);
	if (v->rd == VGA_LINEAR)
		return linear_read(v, addr, size);
	for (unsigned n = 0; n < size; n++)
		val |= (uint64_t)read_byte(v, addr + n) << 8 * n;
	return val;
}

void
vga_mem_write(struct vga *v, uint32_t off, unsigned size, uint64_t val)
{
	uint32_t addr = off - v->at;

	if (addr >= v->size)
		return;
	if (v->wr == VGA_TEXT)
		text_write(v, addr, size, val);
	else if (v->wr == VGA_LINEAR)
		linear_write(v, addr, size, val);
	else
		for (unsigned n = 0; n < size; n++)
			write_byte(v, addr + n, (uint8_t)(val >> 8 * n));
}
