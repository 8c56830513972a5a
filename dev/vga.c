/* SPDX-License-Identifier: MIT */
/*
 * The card as a PCI function and a device: who serves which access, power-on
 * state, loading. See vga.h.
 */
#include "dev/vga.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dev/vga-int.h"
#include "lib/err.h"

#define ROM_LEAST 2048u

static const struct pci_id id = {
	.vendor = 0x1234,
	.device = 0x1111,
	.subvendor = 0x1af4,
	.subdevice = 0x1100,
	.class = 0x030000,
	.revision = 2,
};

/* ---- what follows from registers ---- */

static void
publish(struct vga *v)
{
	vga_picture(&v->r, v->h.ram_size, &v->next);
	v->next.packed = v->packed ? v->h.ram_size : 0;
	fb_publish(v->h.head, &v->next);
}

void
vga_changed(struct vga *v)
{
	vga_window(v);
	publish(v);
}

void
vga_recolour(struct vga *v)
{
	vga_palette(&v->r, &v->next);
	publish(v);
}

/* ---- accesses ---- */

static uint64_t
ones(unsigned size)
{
	return size >= 8 ? UINT64_MAX : (1ull << size * 8) - 1;
}

/* Port 1CEh is the index, 1CFh and 1D0h are the data: words all three, so that
 * one to 1CFh comes as two bytes. */
static uint64_t
vbe_read(struct vga *v, unsigned off, unsigned size)
{
	uint16_t data;

	if (off == 0)
		return size == 1 ? (uint8_t)v->r.vbe_index : v->r.vbe_index;
	data = vga_vbe_read(v, v->r.vbe_index);
	if (off == 2)
		return size == 1 ? data >> 8 : data;
	return off == 1 ? (uint8_t)data : ones(size);
}

static void
vbe_write(struct vga *v, unsigned off, unsigned size, uint64_t val)
{
	if (off == 0)
		v->r.vbe_index = (uint16_t)val;
	else if (off == 1)
		v->r.vbe_low = (uint8_t)val;
	else if (off == 2 && size == 1)
		vga_vbe_write(
			v, v->r.vbe_index, (uint16_t)(v->r.vbe_low | val << 8));
	else if (off == 2)
		vga_vbe_write(v, v->r.vbe_index, (uint16_t)val);
}

static uint64_t
copied(const uint8_t *from, uint64_t len, uint64_t off, unsigned size)
{
	uint64_t val = ones(size);

	if (off < len)
		memcpy(&val, from + off,
			len - off < size ? (size_t)(len - off) : size);
	return val;
}

static uint64_t
vga_read(struct dev *d, unsigned bar, uint64_t off, unsigned size)
{
	struct vga *v = (struct vga *)d;

	switch (bar) {
	case VGA_WINDOW:
		return vga_mem_read(v, (uint32_t)off, size);
	case VGA_PORTS:
		return vga_ports_in(v, (unsigned)off, size);
	case VGA_VBE:
		return vbe_read(v, (unsigned)off, size);
	case VGA_MMIO:
		return vga_mmio_read(v, off, size);
	case VGA_RAM:
		return copied(v->h.ram, v->h.ram_size, off, size);
	case PCI_ROM_BAR:
		return copied(v->h.rom, v->h.rom_size, off, size);
	default:
		return ones(size);
	}
}

static void
vga_write(
	struct dev *d, unsigned bar, uint64_t off, unsigned size, uint64_t val)
{
	struct vga *v = (struct vga *)d;

	switch (bar) {
	case VGA_WINDOW:
		vga_mem_write(v, (uint32_t)off, size, val);
		break;
	case VGA_PORTS:
		vga_ports_out(v, (unsigned)off, size, val);
		break;
	case VGA_VBE:
		vbe_write(v, (unsigned)off, size, val);
		break;
	case VGA_MMIO:
		vga_mmio_write(v, off, size, val);
		break;
	case VGA_RAM:
		if (off < v->h.ram_size && size <= v->h.ram_size - off)
			memcpy(v->h.ram + off, &val, size);
		break;
	}
}

/* ---- power-on, load ---- */

static void
vga_reset(struct dev *d)
{
	struct vga *v = (struct vga *)d;
	struct vga_regs *r = &v->r;

	memset((uint8_t *)r + sizeof(r->pci), 0, sizeof(*r) - sizeof(r->pci));
	pci_reset(&v->fn);
	r->misc = MISC_COLOUR;
	r->enable = 1;
	r->dac_mask = 0xff;
	r->vbe[VBE_ID] = VBE_ID_LAST;
	vga_window(v);
	vga_recolour(v);
}

/* Video RAM is saved, and loaded before: what is packed is not. */
static void
vga_saving(struct dev *d)
{
	struct vga *v = (struct vga *)d;

	if (v->packed)
		vga_unpack(v);
}

static int
vga_loaded(struct dev *d)
{
	struct vga *v = (struct vga *)d;

	if (!vga_ports_sane(&v->r))
		return failx(-EINVAL, "%s: no state of this card", d->id);
	vga_forget(v);
	vga_window(v);
	vga_recolour(v);
	return pci_loaded(&v->fn);
}

static const struct field fields[] = {
	PCI_FIELDS(struct vga, r),
	FIELD(struct vga, r, latch),
	FIELDS(struct vga, r, vbe),
	FIELD(struct vga, r, vbe_index),
	FIELD(struct vga, r, vbe_low),
	FIELD(struct vga, r, big_endian),
	FIELD(struct vga, r, misc),
	FIELD(struct vga, r, feature),
	FIELD(struct vga, r, enable),
	FIELD(struct vga, r, reads),
	FIELD(struct vga, r, seq_index),
	FIELDS(struct vga, r, seq),
	FIELD(struct vga, r, gr_index),
	FIELDS(struct vga, r, gr),
	FIELD(struct vga, r, ar_index),
	FIELD(struct vga, r, ar_data),
	FIELDS(struct vga, r, ar),
	FIELD(struct vga, r, cr_index),
	FIELDS(struct vga, r, cr),
	FIELD(struct vga, r, dac_mask),
	FIELD(struct vga, r, dac_read),
	FIELD(struct vga, r, dac_write),
	FIELD(struct vga, r, dac_sub),
	FIELD(struct vga, r, dac_reading),
	FIELDS(struct vga, r, dac_new),
	FIELDS(struct vga, r, palette),
	FIELD(struct vga, r, spare),
	FIELD_END,
};

static const struct dev_ops ops = {
	.name = "vga",
	.fields = fields,
	DEV_REGS(struct vga, r),
	.read = vga_read,
	.write = vga_write,
	.reset = vga_reset,
	.loaded = vga_loaded,
	.saving = vga_saving,
};

struct pci_fn *
vga_pci(struct dev *d)
{
	return &((struct vga *)d)->fn;
}

struct dev *
vga_new(const struct vga_host *h)
{
	struct vga *v = calloc(1, sizeof(*v));
	uint32_t rom = ROM_LEAST;

	if (!v)
		return NULL;
	dev_init(&v->dev, &ops);
	v->h = *h;
	vga_edid(v->edid);
	pci_init(&v->fn, &v->dev, &v->r.pci, &id);
	pci_add_bar(&v->fn, VGA_RAM,
		(struct pci_bar){.size = h->ram_size, .prefetch = true});
	pci_add_bar(&v->fn, VGA_MMIO, (struct pci_bar){.size = 4096});
	while (rom < h->rom_size)
		rom *= 2;
	if (h->rom)
		pci_add_rom(&v->fn, rom);
	vga_reset(&v->dev);
	return &v->dev;
}
