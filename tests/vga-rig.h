/* SPDX-License-Identifier: MIT */
/* A graphics card on its buses, with video RAM that a reader can be attached
 * to, for unit tests. */
#ifndef TESTS_VGA_RIG_H
#define TESTS_VGA_RIG_H

#include "dev/bus.h"
#include "dev/vga.h"
#include "lib/fb.h"
#include "tests/tap.h"

#define RIG_VRAM (4u << 20)
#define RIG_ALL (RIG_VRAM + FB_PACKED)

struct vga_rig {
	struct clock *clock;
	struct bus *ports, *mem;
	struct dev *dev;
	struct fb_head *head;
	uint8_t *ram;
	struct fb *fb;
	bool shown; /* text, to the guest */
	unsigned shows;
};

static void
rig_show(void *to, bool on)
{
	struct vga_rig *r = to;

	r->shown = on;
	r->shows++;
}

__attribute__((unused)) static void
rig_up(struct vga_rig *r, bool packed)
{
	static const uint8_t rom[3000] = {0x55, 0xaa, 6, 7};
	struct vga_host h = {
		.ram_size = RIG_VRAM,
		.rom = rom,
		.rom_size = sizeof(rom),
		.show_text = rig_show,
		.to = r,
	};

	memset(r, 0, sizeof(*r));
	h.clock = r->clock = clock_new_manual(0);
	h.head = r->head = calloc(1, FB_HEAD + RIG_ALL);
	memcpy(r->head->magic, FB_MAGIC, sizeof(r->head->magic));
	r->head->ram = RIG_ALL;
	h.ram = r->ram = (uint8_t *)r->head + FB_HEAD;
	h.packed = packed ? h.ram + RIG_VRAM : NULL;
	if (bus_new(&r->ports, "ports", 0x10000) ||
		bus_new(&r->mem, "memory", 1ull << 32) ||
		!(r->dev = vga_new(&h)) ||
		bus_add(r->mem, VGA_WINDOW_AT, VGA_WINDOW_SIZE, r->dev,
			VGA_WINDOW) ||
		bus_add(r->mem, 0xe0000000, RIG_VRAM, r->dev, VGA_RAM) ||
		bus_add(r->mem, 0xf0000000, 4096, r->dev, VGA_MMIO) ||
		bus_add(r->mem, 0xf1000000, 4096, r->dev, PCI_ROM_BAR) ||
		bus_add(r->ports, VGA_PORTS_AT, VGA_PORTS_SIZE, r->dev,
			VGA_PORTS) ||
		bus_add(r->ports, VGA_VBE_AT, VGA_VBE_SIZE, r->dev, VGA_VBE) ||
		fb_attach(r->head, RIG_ALL, &r->fb))
		exit(1);
}

__attribute__((unused)) static void
rig_down(struct vga_rig *r)
{
	fb_close(r->fb);
	dev_free(r->dev);
	bus_free(r->ports);
	bus_free(r->mem);
	free(r->head);
	clock_free(r->clock);
}

__attribute__((unused)) static void
out8(struct vga_rig *r, unsigned port, unsigned v)
{
	bus_write(r->ports, port, 1, v);
}

__attribute__((unused)) static unsigned
in8(struct vga_rig *r, unsigned port)
{
	return (unsigned)bus_read(r->ports, port, 1);
}

/* Register n of an index and data pair, in one access as programs do. */
__attribute__((unused)) static void
put(struct vga_rig *r, unsigned port, unsigned n, unsigned v)
{
	bus_write(r->ports, port, 2, n | v << 8);
}

__attribute__((unused)) static unsigned
get(struct vga_rig *r, unsigned port, unsigned n)
{
	out8(r, port, n);
	return in8(r, port + 1);
}

__attribute__((unused)) static void
attr(struct vga_rig *r, unsigned n, unsigned v)
{
	in8(r, 0x3da);
	in8(r, 0x3ba);
	out8(r, 0x3c0, n);
	out8(r, 0x3c0, v);
}

__attribute__((unused)) static void
vbe(struct vga_rig *r, unsigned n, unsigned v)
{
	bus_write(r->ports, 0x1ce, 2, n);
	bus_write(r->ports, 0x1cf, 2, v);
}

__attribute__((unused)) static unsigned
vbe_get(struct vga_rig *r, unsigned n)
{
	bus_write(r->ports, 0x1ce, 2, n);
	return (unsigned)bus_read(r->ports, 0x1cf, 2);
}

__attribute__((unused)) static void
poke(struct vga_rig *r, unsigned at, unsigned v)
{
	bus_write(r->mem, at, 1, v);
}

__attribute__((unused)) static unsigned
peek(struct vga_rig *r, unsigned at)
{
	return (unsigned)bus_read(r->mem, at, 1);
}

/* The four planes' bytes at one address, plane 0 lowest. */
__attribute__((unused)) static uint32_t
unit(const struct vga_rig *r, unsigned n)
{
	uint32_t u;

	memcpy(&u, r->ram + 4 * n, sizeof(u));
	return u;
}

__attribute__((unused)) static void
set_unit(struct vga_rig *r, unsigned n, uint32_t u)
{
	memcpy(r->ram + 4 * n, &u, sizeof(u));
}

#endif
