/* SPDX-License-Identifier: MIT */
/*
 * A PCI function's configuration space: PCI Local Bus 3.0, section 6. Which
 * bits the guest may change is a mask beside the bytes; all else follows from
 * what the bytes say after a write.
 */
#include "dev/pci.h"

#include <errno.h>
#include <string.h>

#include "dev/pci-int.h"
#include "lib/err.h"

#define CAPS_BEGIN 0x40u
#define ROM_ADDRESS 0xfffff800u
#define ROM_ENABLE 1u

uint16_t
pci_get16(const struct pci_fn *f, unsigned at)
{
	return (uint16_t)(f->r->config[at] | f->r->config[at + 1] << 8);
}

uint32_t
pci_get32(const struct pci_fn *f, unsigned at)
{
	return pci_get16(f, at) | (uint32_t)pci_get16(f, at + 2) << 16;
}

static void
put8(struct pci_fn *f, unsigned at, uint8_t v)
{
	uint8_t w = f->writable[at];

	f->r->config[at] = v;
	f->initial[at] = (uint8_t)((f->initial[at] & w) | (v & ~w));
}

void
pci_put16(struct pci_fn *f, unsigned at, uint16_t v)
{
	put8(f, at, (uint8_t)v);
	put8(f, at + 1, (uint8_t)(v >> 8));
}

void
pci_put32(struct pci_fn *f, unsigned at, uint32_t v)
{
	pci_put16(f, at, (uint16_t)v);
	pci_put16(f, at + 2, (uint16_t)(v >> 16));
}

void
pci_writable(struct pci_fn *f, unsigned at, uint16_t bits)
{
	f->writable[at] |= (uint8_t)bits;
	f->writable[at + 1] |= (uint8_t)(bits >> 8);
}

/* ---- making it ---- */

void
pci_init(struct pci_fn *f, struct dev *d, struct pci_regs *r,
	const struct pci_id *id)
{
	memset(f, 0, sizeof(*f));
	memset(r, 0, sizeof(*r));
	f->dev = d;
	f->r = r;
	f->id = id;
	f->caps_end = CAPS_BEGIN;
	pci_put16(f, PCI_VENDOR, id->vendor);
	pci_put16(f, PCI_DEVICE, id->device);
	pci_put32(f, PCI_REVISION, id->revision | id->class << 8);
	pci_put16(f, PCI_SUBVENDOR, id->subvendor);
	pci_put16(f, PCI_SUBDEVICE, id->subdevice);
	pci_put16(f, PCI_LINE, (uint16_t)(id->pin << 8));
	pci_writable(f, PCI_COMMAND,
		PCI_IO | PCI_MEM | PCI_MASTER | PCI_PARITY | PCI_SERR |
			PCI_INTX_OFF);
	pci_writable(f, PCI_CACHE_LINE, 0xffff); /* and the latency timer */
	pci_writable(f, PCI_LINE, 0xff);
}

void
pci_add_bar(struct pci_fn *f, unsigned n, struct pci_bar bar)
{
	unsigned at = PCI_BAR0 + 4 * n;
	uint64_t mask = ~(bar.size - 1);

	f->bar[n] = bar;
	pci_put32(f, at,
		bar.io ? 1u : (bar.wide ? 4u : 0u) | (bar.prefetch ? 8u : 0u));
	mask &= bar.io ? ~3ull : ~15ull;
	pci_writable(f, at, (uint16_t)mask);
	pci_writable(f, at + 2, (uint16_t)(mask >> 16));
	if (!bar.wide)
		return;
	pci_writable(f, at + 4, (uint16_t)(mask >> 32));
	pci_writable(f, at + 6, (uint16_t)(mask >> 48));
}

void
pci_add_rom(struct pci_fn *f, uint32_t size)
{
	uint32_t mask = (~(size - 1) & ROM_ADDRESS) | ROM_ENABLE;

	f->rom = size;
	pci_writable(f, PCI_ROM, (uint16_t)mask);
	pci_writable(f, PCI_ROM + 2, (uint16_t)(mask >> 16));
}

unsigned
pci_add_cap(struct pci_fn *f, uint8_t id, unsigned len)
{
	unsigned at = f->caps_end;

	if (at + len > 252)
		return 0; /* a device that has so many is wrong */
	put8(f, at, id);
	put8(f, f->last_cap ? f->last_cap + 1u : PCI_CAPS, (uint8_t)at);
	put8(f, PCI_STATUS, f->initial[PCI_STATUS] | PCI_STATUS_CAPS);
	f->last_cap = (uint8_t)at;
	f->caps_end = (uint8_t)((at + len + 3) & ~3u);
	return at;
}

/* ---- what follows from the bytes ---- */

bool
pci_master(const struct pci_fn *f)
{
	return pci_get16(f, PCI_COMMAND) & PCI_MASTER;
}

void
pci_drive(struct pci_fn *f)
{
	f->driven = f->r->intx && !pci_msix_on(f) &&
		    !(pci_get16(f, PCI_COMMAND) & PCI_INTX_OFF);
	if (f->id->pin)
		irq_set(f->wire, f->driven);
}

static void
drive_if_changed(struct pci_fn *f)
{
	bool level = f->r->intx && !pci_msix_on(f) &&
		     !(pci_get16(f, PCI_COMMAND) & PCI_INTX_OFF);

	if (level != f->driven)
		pci_drive(f);
}

void
pci_intx(struct pci_fn *f, bool level)
{
	f->r->intx = level;
	drive_if_changed(f);
}

static void
map_bar(struct pci_fn *f, unsigned n)
{
	const struct pci_bar *bar = &f->bar[n];
	unsigned at = PCI_BAR0 + 4 * n;
	struct mapped m = {.size = bar->size, .io = bar->io};

	m.at = pci_get32(f, at) & (bar->io ? ~3u : ~15u);
	if (bar->wide)
		m.at |= (uint64_t)pci_get32(f, at + 4) << 32;
	m.on = m.at &&
	       (pci_get16(f, PCI_COMMAND) & (bar->io ? PCI_IO : PCI_MEM));
	pci_bus_map(f, n, &m);
}

static void
map_rom(struct pci_fn *f)
{
	uint32_t v = pci_get32(f, PCI_ROM);
	struct mapped m = {.size = f->rom, .at = v & ROM_ADDRESS};

	m.on = m.at && (v & ROM_ENABLE) &&
	       (pci_get16(f, PCI_COMMAND) & PCI_MEM);
	pci_bus_map(f, PCI_ROM_BAR, &m);
}

static void
map_bars(struct pci_fn *f)
{
	for (unsigned n = 0; n < PCI_BARS; n++)
		if (f->bar[n].size)
			map_bar(f, n);
	if (f->rom)
		map_rom(f);
}

void
pci_window(struct pci_fn *f, unsigned n, bool io, uint64_t at, uint64_t size,
	bool on)
{
	struct mapped m = {.at = at, .size = size, .io = io, .on = on};

	pci_bus_map(f, n, &m);
}

/* ---- configuration cycles ---- */

uint32_t
pci_config_read(struct pci_fn *f, unsigned at, unsigned size)
{
	uint32_t v = 0;
	uint8_t b;

	if (f->reading)
		f->reading(f->dev, at, size);
	for (unsigned i = 0; i < size; i++) {
		b = f->r->config[at + i];
		if (at + i == PCI_STATUS && f->r->intx)
			b |= PCI_STATUS_INTX;
		v |= (uint32_t)b << 8 * i;
	}
	return v;
}

static bool
touches(unsigned at, unsigned n, unsigned from, unsigned to)
{
	return at < to && at + n > from;
}

void
pci_config_write(struct pci_fn *f, unsigned at, unsigned size, uint32_t val)
{
	uint8_t *c = f->r->config + at, w;

	for (unsigned i = 0; i < size; i++) {
		w = f->writable[at + i];
		c[i] = (uint8_t)((c[i] & ~w) | (val >> 8 * i & w));
	}
	if (touches(at, size, PCI_COMMAND, PCI_STATUS) ||
		touches(at, size, PCI_BAR0, PCI_BAR0 + 4 * PCI_BARS) ||
		touches(at, size, PCI_ROM, PCI_ROM + 4))
		map_bars(f);
	pci_msix_written(f, at, size);
	drive_if_changed(f);
	if (f->written)
		f->written(f->dev, at, size);
}

/* ---- power-on and load ---- */

void
pci_reset(struct pci_fn *f)
{
	memset(f->r, 0, sizeof(*f->r));
	memcpy(f->r->config, f->initial, sizeof(f->r->config));
	pci_msix_reset(f);
	map_bars(f);
	pci_drive(f);
}

int
pci_loaded(struct pci_fn *f)
{
	const struct pci_regs *r = f->r;
	unsigned bad = r->intx > 1 || r->spare[0] || r->spare[1] || r->spare[2];

	for (unsigned i = 0; i < sizeof(r->config); i++)
		bad |= (r->config[i] ^ f->initial[i]) &
		       (uint8_t)~f->writable[i];
	if (bad || !pci_msix_sane(f))
		return failx(-EINVAL, "%s: no state of this PCI function",
			f->dev->id);
	map_bars(f);
	pci_drive(f);
	return 0;
}
