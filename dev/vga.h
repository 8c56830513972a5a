/* SPDX-License-Identifier: MIT */
/*
 * The graphics card: a VGA (IBM, "VGA Technical Reference", 1992) with Bochs'
 * VBE registers ("VBE DISPI", ids B0C0h to B0C5h) and the memory-mapped ones
 * that QEMU gave it (docs/specs/standard-vga.rst): PCI 1234:1111. What is to be
 * seen is published in the head of the framebuffer file (lib/fb.h).
 *
 * Video RAM is a BAR of plain memory, which the board shows to the guest; the
 * device serves accesses there that come over the bus. Planes are interleaved
 * in it, a byte each, also where a VGA would chain them: what odd/even modes
 * put at byte 2n of planes 0 and 1 is at byte n.
 *
 * Text is written a character at a time, which is slow through a device: while
 * B8000h shows nothing but text, its cells lie packed in memory of their own,
 * which the guest reaches there as it does RAM; planes 0 and 1 follow when
 * that ends.
 *
 * Left out: interrupts at retrace, light pen, byte and double-word mode of the
 * CRT controller's address, big-endian framebuffers; what is written to the
 * BAR of video RAM while text lies packed is not seen.
 */
#ifndef DEV_VGA_H
#define DEV_VGA_H

#include "dev/pci.h"
#include "lib/fb.h"

enum { /* bars: 0, 2 and PCI_ROM_BAR as PCI has them, and what is at */
	VGA_RAM = 0,
	VGA_WINDOW = 1, /* memory A0000h, VGA_WINDOW_SIZE */
	VGA_MMIO = 2, /* 4 KiB */
	VGA_PORTS = 3, /* ports 3B0h to 3DFh */
	VGA_VBE = 4 /* ports 1CEh to 1D1h */
};
#define VGA_WINDOW_AT 0xa0000u
#define VGA_WINDOW_SIZE 0x20000u
#define VGA_PORTS_AT 0x3b0u
#define VGA_PORTS_SIZE 0x30u
#define VGA_VBE_AT 0x1ceu
#define VGA_VBE_SIZE 4u
#define VGA_TEXT_AT 0xb8000u
#define VGA_TEXT_SIZE 0x8000u

struct vga_host { /* copied; what it points to is the maker's */
	struct clock *clock;
	struct fb_head *head;
	uint8_t *ram;
	uint32_t ram_size; /* a power of two, 1 MiB to FB_MAX_CARD */
	/* Where text lies packed, FB_PACKED bytes behind ram's; NULL: never.
	 * show_text: the guest sees its first VGA_TEXT_SIZE bytes at
	 * VGA_TEXT_AT, or the device. */
	uint8_t *packed;
	void (*show_text)(void *to, bool on);
	void *to;
	const uint8_t *rom; /* the VGA BIOS; NULL: none */
	size_t rom_size; /* 16 MiB at most */
};

struct dev *vga_new(const struct vga_host *);
struct pci_fn *vga_pci(struct dev *);

/*
 * Where no firmware does it, after a reset: mode 3 (80x25 characters), with
 * that font of 256 characters of 16 bytes and the standard palette; the screen
 * is blank. Or a linear mode (bpp 8 15 16 24 32; grey where there is a
 * palette): -EINVAL, told, if the card cannot.
 */
void vga_text_mode(struct dev *, const uint8_t *font);
int vga_linear_mode(struct dev *, unsigned w, unsigned h, unsigned bpp);

#endif
