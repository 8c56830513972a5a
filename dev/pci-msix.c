/* SPDX-License-Identifier: MIT */
/*
 * MSI-X: PCI Local Bus 3.0, section 6.8.2. The table and the pending bits are
 * read in any size; writes count in 4 and 8 bytes, as the specification wants
 * them.
 */
#include <string.h>

#include "dev/pci-int.h"

#define PBA 0x800u
#define ENTRY_MASKED 1u

/* Word i of the table, 4 an entry: address, its high half, data, control. */
static uint32_t
get(const struct pci_fn *f, uint64_t i)
{
	const uint8_t *p = f->r->table + 4 * i;

	return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

static void
put(struct pci_fn *f, uint64_t i, uint32_t v)
{
	for (unsigned n = 0; n < 4; n++)
		f->r->table[4 * i + n] = (uint8_t)(v >> 8 * n);
}

static bool
masked(const struct pci_fn *f, unsigned v)
{
	return f->r->table[16 * v + 12] & ENTRY_MASKED;
}

void
pci_add_msix(struct pci_fn *f, unsigned vectors, unsigned bar, uint32_t off)
{
	unsigned at = pci_add_cap(f, PCI_CAP_MSIX, 12);

	if (vectors > PCI_VECTORS)
		vectors = PCI_VECTORS;
	if (!at || !vectors)
		return;
	f->vectors = vectors;
	f->msix_at = (uint8_t)at;
	f->msix_bar = (uint8_t)bar;
	f->msix_off = off;
	pci_put16(f, at + 2, (uint16_t)(vectors - 1));
	pci_put32(f, at + 4, off | bar);
	pci_put32(f, at + 8, (off + PBA) | bar);
	pci_writable(f, at + 2, MSIX_ENABLE | MSIX_MASK);
	pci_msix_reset(f);
}

void
pci_msix_reset(struct pci_fn *f)
{
	memset(f->r->table, 0, sizeof(f->r->table));
	f->r->pending = 0;
	for (unsigned v = 0; v < f->vectors; v++)
		put(f, 4 * v + 3, ENTRY_MASKED);
}

bool
pci_msix_sane(const struct pci_fn *f)
{
	for (unsigned v = 0; v < f->vectors; v++)
		if ((get(f, 4 * v) & 3) || get(f, 4 * v + 3) & ~ENTRY_MASKED)
			return false;
	for (unsigned i = 4 * f->vectors; i < 4 * PCI_VECTORS; i++)
		if (get(f, i))
			return false;
	return f->vectors == PCI_VECTORS || !(f->r->pending >> f->vectors);
}

static uint16_t
control(const struct pci_fn *f)
{
	return f->vectors ? pci_get16(f, f->msix_at + 2u) : 0;
}

bool
pci_msix_on(const struct pci_fn *f)
{
	return control(f) & MSIX_ENABLE;
}

static void
send(struct pci_fn *f, unsigned v)
{
	unsigned e = 4 * v;

	pci_bus_msi(f, (struct msi){get(f, e) | (uint64_t)get(f, e + 1) << 32,
			       get(f, e + 2)});
}

void
pci_msix(struct pci_fn *f, unsigned v)
{
	uint16_t c = control(f);

	if (v >= f->vectors || !(c & MSIX_ENABLE))
		return;
	if ((c & MSIX_MASK) || masked(f, v))
		f->r->pending |= 1u << v;
	else
		send(f, v);
}

/* Something may have been unmasked. */
static void
flush(struct pci_fn *f)
{
	uint16_t c = control(f);

	if (!(c & MSIX_ENABLE) || (c & MSIX_MASK))
		return;
	for (unsigned v = 0; v < f->vectors && f->r->pending; v++) {
		if (!(f->r->pending >> v & 1) || masked(f, v))
			continue;
		f->r->pending &= ~(1u << v);
		send(f, v);
	}
}

void
pci_msix_written(struct pci_fn *f, unsigned at, unsigned n)
{
	if (f->vectors && at < f->msix_at + 4u && at + n > f->msix_at + 2u)
		flush(f);
}

/* ---- the table in its BAR ---- */

static bool
mine(const struct pci_fn *f, unsigned bar, uint64_t off)
{
	return f->vectors && bar == f->msix_bar && off >= f->msix_off &&
	       off - f->msix_off < MSIX_SIZE;
}

static uint32_t
word(const struct pci_fn *f, uint64_t off)
{
	if (off < 16 * f->vectors)
		return get(f, off / 4);
	return off == PBA ? f->r->pending : 0;
}

bool
pci_msix_read(struct pci_fn *f, unsigned bar, uint64_t off, unsigned size,
	uint64_t *val)
{
	uint64_t at = off - f->msix_off;

	if (!mine(f, bar, off))
		return false;
	*val = word(f, at & ~3ull) >> 8 * (at & 3);
	if (size == 8)
		*val |= (uint64_t)word(f, at + 4) << 32;
	else if (size < 4)
		*val &= (1u << 8 * size) - 1;
	return true;
}

static void
set_word(struct pci_fn *f, uint64_t off, uint32_t v)
{
	if (off >= 16 * f->vectors)
		return;
	if (off % 16 == 0)
		v &= ~3u;
	if (off % 16 == 12)
		v &= ENTRY_MASKED;
	put(f, off / 4, v);
}

bool
pci_msix_write(struct pci_fn *f, unsigned bar, uint64_t off, unsigned size,
	uint64_t val)
{
	uint64_t at = off - f->msix_off;

	if (!mine(f, bar, off))
		return false;
	if (size >= 4)
		set_word(f, at, (uint32_t)val);
	if (size == 8)
		set_word(f, at + 4, (uint32_t)(val >> 32));
	flush(f);
	return true;
}
