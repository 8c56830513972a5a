/* SPDX-License-Identifier: MIT */
/*
 * The pc board's graphics card: its video RAM, which is the machine's file "fb"
 * (lib/fb.h) and memory of the guest's, its BIOS, and the mode that a kernel
 * finds which no firmware starts.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dev/vga.h"
#include "lib/err.h"
#include "vmm/board-int.h"

#define SLOT 2
#define ROM_MAX (1u << 20)

static const char *const bios[] = {"/usr/share/seabios/vgabios-stdvga.bin",
	"/usr/share/qemu/vgabios-stdvga.bin",
	"/usr/share/qemu-kvm/vgabios-stdvga.bin"};

static bool
wanted(const struct board_host *h)
{
	if (h->config->vga == VGA_AUTO)
		return h->firmware || h->config->vga_mode;
	return h->config->vga == VGA_STD;
}

/* ---- its BIOS ---- */

/* UEFI firmware brings a driver of its own. */
static int
no_bios(const struct board_host *h)
{
	if (h->firmware && h->firmware->vars)
		return 0;
	return failx(-ENOENT, "vga: no %s (Debian: package seabios)", bios[0]);
}

static int
open_bios(struct board *b, const struct board_host *h)
{
	const char *path = h->config->vga_rom;
	struct blob *rom;
	int r;

	for (unsigned n = 0; n < sizeof(bios) / sizeof(bios[0]) && !path; n++)
		if (access(bios[n], R_OK) == 0)
			path = bios[n];
	if (!path)
		return no_bios(h);
	rom = malloc(sizeof(*rom));
	if (!rom)
		return fail(-ENOMEM, "vga");
	r = blob_open(rom, path, ROM_MAX);
	if (r)
		free(rom);
	else
		b->vga.rom = rom;
	return r;
}

/* ---- its memory ---- */

/* A machine without a directory has nobody to look. */
static int
make_ram(struct board *b, const struct board_host *h, uint8_t **ram)
{
	size_t size = (size_t)h->config->vga_memory + FB_PACKED;
	void *p = NULL;
	int r;

	if (h->dir >= 0) {
		r = fb_make(h->dir, size, &b->vga.fb, &p);
		if (r)
			return r;
		b->vga.dir = h->dir;
	} else {
		p = mmap(NULL, FB_HEAD + size, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED)
			return fail(-errno, "vga: video RAM");
		b->vga.fb = p;
		p = (uint8_t *)p + FB_HEAD;
	}
	b->vga.ram = size;
	*ram = p;
	return mem_add_area(b->mem, *ram, size - FB_PACKED, &b->vga.area);
}

static void
show_text(void *to, bool on)
{
	struct board *b = to;

	mem_show(b->mem, b->vga.text, on ? MEM_DEVICE : MEM_NONE);
}

/* The card's window comes before RAM that may be there. */
static int
open_window(struct board *b)
{
	uint64_t low = mem_low(b->mem);
	unsigned window;
	int r;

	if (low > VGA_WINDOW_AT && low <= VGA_WINDOW_AT + VGA_WINDOW_SIZE)
		return failx(-EINVAL,
			"memory: with a graphics card, at most 640K or more "
			"than 768K");
	r = mem_add_window(b->mem, VGA_WINDOW_AT, VGA_TEXT_AT - VGA_WINDOW_AT,
		NULL, MEM_NONE, &window);
	return r ? r
		 : mem_add_window(b->mem, VGA_TEXT_AT, VGA_TEXT_SIZE, NULL,
			   MEM_NONE, &b->vga.text);
}

void
board_vga_moved(struct board *b, unsigned n, uint64_t at, bool on)
{
	/* Where it cannot be memory, the device serves it. */
	if (n == VGA_RAM)
		mem_place(b->mem, b->vga.area, on ? at : 0);
}

/* ---- the card ---- */

static int
place(struct dev *d, const struct board_host *h)
{
	int r = bus_add(h->mmio, VGA_WINDOW_AT, VGA_WINDOW_SIZE, d, VGA_WINDOW);

	if (!r)
		r = bus_add(
			h->ports, VGA_PORTS_AT, VGA_PORTS_SIZE, d, VGA_PORTS);
	return r ? r : bus_add(h->ports, VGA_VBE_AT, VGA_VBE_SIZE, d, VGA_VBE);
}

int
board_add_vga(struct board *b, const struct board_host *h)
{
	struct vga_host v = {.clock = h->clock};
	int r;

	if (!wanted(h))
		return 0;
	if ((r = open_bios(b, h)) || (r = open_window(b)) ||
		(r = make_ram(b, h, &v.ram)))
		return r;
	v.head = b->vga.fb;
	v.ram_size = (uint32_t)(b->vga.ram - FB_PACKED);
	v.packed = v.ram + v.ram_size;
	v.show_text = show_text;
	v.to = b;
	mem_window_device(b->mem, b->vga.text, v.packed);
	if (b->vga.rom) {
		v.rom = b->vga.rom->p;
		v.rom_size = b->vga.rom->size;
	}
	b->vga.dev = vga_new(&v);
	r = board_own(b, b->vga.dev, "vga0", h->log);
	if (!r)
		r = place(b->vga.dev, h);
	return r ? r : pci_bus_add(b->pci, vga_pci(b->vga.dev), SLOT, 0);
}

int
board_show(struct board *b)
{
	int r = b->vga.dir < 0 ? 0 : fb_place(b->vga.dir);

	if (!r)
		b->vga.dir = -1;
	return r;
}

void
board_free_vga(struct board *b)
{
	if (b->vga.dir >= 0)
		fb_drop(b->vga.dir);
	if (b->vga.rom)
		blob_close(b->vga.rom);
	free(b->vga.rom);
	fb_unmap(b->vga.fb, b->vga.ram);
}

/* ---- without firmware ---- */

static int
text(struct board *b, struct boot_screen *s)
{
	const struct blob *rom = b->vga.rom;
	const uint8_t *font = fb_find_font(rom->p, rom->size);

	if (!font)
		return failx(-EINVAL, "%s: no VGA BIOS: it has no 8x16 font",
			rom->name);
	vga_text_mode(b->vga.dev, font);
	s->kind = BOOT_SCREEN_TEXT;
	return 0;
}

static int
linear(struct board *b, const struct config_mode *m, struct boot_screen *s)
{
	const struct pci_fn *f = vga_pci(b->vga.dev);
	int r = vga_linear_mode(b->vga.dev, m->width, m->height, m->bits);

	if (r)
		return r;
	*s = (struct boot_screen){
		.kind = BOOT_SCREEN_LINEAR,
		.width = m->width,
		.height = m->height,
		.bits = m->bits,
		.pitch = m->width * ((m->bits + 7) / 8),
		.at = pci_get32(f, PCI_BAR0) & ~15u,
		.ram = (uint32_t)(b->vga.ram - FB_PACKED),
	};
	return 0;
}

int
board_screen(struct board *b, const struct board_host *h,
	const struct config_mode *wish, struct boot_screen *s)
{
	struct config_mode m;
	int r = config_mode_parse(h->config->vga_mode, &m);

	*s = (struct boot_screen){0};
	if (r || !b->vga.dev || b->firmware)
		return r;
	if (wish && !h->config->vga_mode && linear(b, wish, s) == 0)
		return 0; /* else it gets what it can get */
	return m.width ? linear(b, &m, s) : text(b, s);
}
