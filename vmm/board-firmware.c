/* SPDX-License-Identifier: MIT */
/*
 * The pc board's firmware: its ROM below 4 GiB and, the last of it, below
 * 1 MiB; the windows there that the host bridge's PAM registers switch between
 * ROM and RAM; UEFI's variables in a flash chip.
 *
 *	4 GiB - code		code, a ROM
 *	below it		variables, flash
 *	0xe0000..0xfffff	the last 128 KiB of code, or RAM
 *	0xc0000..0xdffff	nothing, or RAM
 */
#include <errno.h>

#include "dev/acpipm.h"
#include "dev/flash.h"
#include "dev/pcihost.h"
#include "lib/err.h"
#include "vmm/board-int.h"

#define TOP 0x100000000ull
#define MIB 0x100000ull
#define ALIAS 0x20000ull /* at most so much of it lies below 1 MiB */

/* ---- PAM ---- */

void
board_pam(void *to, unsigned n, unsigned mode)
{
	struct board *b = to;
	enum mem_view v = MEM_ROM;

	if (!b->firmware)
		return; /* RAM, whatever a kernel may write there */
	if (mode == (PCIHOST_READ | PCIHOST_WRITE))
		v = MEM_RAM;
	else if (mode == PCIHOST_READ)
		v = MEM_RAM_RO;
	mem_show(b->mem, b->pam[n], v);
}

/* The ROM's part for [at, at+size) below 1 MiB; NULL: there is none. */
static uint8_t *
alias(const struct mem_slot *rom, uint64_t at, uint64_t size)
{
	uint64_t n = rom->size < ALIAS ? rom->size : ALIAS;

	if (at < MIB - n || at + size > MIB)
		return NULL;
	return rom->host + rom->size - (MIB - at);
}

static int
add_windows(struct board *b, const struct mem_slot *rom)
{
	for (unsigned i = 1; i <= PCIHOST_SEGMENTS; i++) {
		unsigned n = i % PCIHOST_SEGMENTS; /* by address */
		uint64_t size, at = pcihost_segment(n, &size);
		int r = mem_add_window(b->mem, at, size, alias(rom, at, size),
			MEM_ROM, &b->pam[n]);

		if (r)
			return r;
	}
	return 0;
}

/* ---- flash ---- */

static void
commands(void *to, bool on)
{
	struct board *b = to;

	mem_show(b->mem, b->vars, on ? MEM_NONE : MEM_ROM);
}

static int
add_vars(struct board *b, const struct board_host *h, uint64_t end)
{
	const struct firmware *f = h->firmware;
	struct flash_out out = {commands, b};
	uint64_t at = end - f->vars_size;
	struct dev *d;
	int r = mem_add_window(
		b->mem, at, f->vars_size, f->vars, MEM_ROM, &b->vars);

	if (r)
		return r;
	d = flash_new(f->vars, f->vars_size, f->vars_fd, out);
	r = board_own(b, d, "flash0", h->log);
	return r ? r : bus_add(h->mmio, at, f->vars_size, d, 0);
}

int
board_add_firmware(struct board *b, const struct board_host *h)
{
	const struct firmware *f = h->firmware;
	uint64_t at;
	int r;

	if (!f)
		return 0;
	at = TOP - f->code.size;
	r = mem_add_rom(b->mem, at, f->code.p, f->code.size);
	if (!r)
		r = add_windows(b, mem_find(b->mem, at));
	if (!r && f->vars)
		r = add_vars(b, h, at);
	if (!r)
		b->firmware = true;
	return r;
}
