/* SPDX-License-Identifier: MIT */
/*
 * PCI set up as SeaBIOS leaves it on this board: PIRQs at ISA interrupts 10 and
 * 11, level-triggered; the big BARs first, so that alignment wastes nothing;
 * RAM behind all of the BIOS area; PIIX4's ports where the tables say they are.
 */
#include "vmm/pci-setup.h"

#include "dev/acpipm.h"
#include "dev/piix3.h"

#define ELCR2 0x4d1
#define IRQ_10_11 0x0c
#define PIIX3_PIRQRC 0x60
#define I440FX_PAM 0x59
#define IDE_DECODE 0x8000

static const uint8_t pirq_irq[PIIX3_PIRQS] = {10, 10, 11, 11};

unsigned
pci_setup_irq(unsigned slot, unsigned pin)
{
	return pirq_irq[piix3_pirq(slot, pin)];
}

static void
put(const struct pci_setup *s, const struct pci_fn *f, unsigned at,
	unsigned size, uint32_t val)
{
	pci_bus_write(s->pci, 0, f->slot << 3 | f->function, at, size, val);
}

static uint32_t
get(const struct pci_setup *s, const struct pci_fn *f, unsigned at,
	unsigned size)
{
	return pci_bus_read(s->pci, 0, f->slot << 3 | f->function, at, size);
}

/* ---- BARs ---- */

static uint64_t
round_up(uint64_t at, uint64_t size)
{
	return (at + size - 1) & ~(size - 1);
}

/* Where a BAR goes; 0: no room. */
static uint64_t
take(struct pci_setup *s, const struct pci_bar *bar)
{
	uint64_t at = round_up(bar->io ? s->io : s->mem, bar->size);
	uint64_t end = bar->io ? s->io_end : s->mem_end;

	if (at >= end || bar->size > end - at)
		return 0;
	if (bar->io)
		s->io = (uint32_t)(at + bar->size);
	else
		s->mem = at + bar->size;
	return at;
}

static void
place(struct pci_setup *s, const struct pci_fn *f, uint64_t size)
{
	for (unsigned n = 0; n < PCI_BARS; n++) {
		uint64_t at;

		if (f->bar[n].size != size || !(at = take(s, &f->bar[n])))
			continue;
		put(s, f, PCI_BAR0 + 4 * n, 4, (uint32_t)at);
		if (f->bar[n].wide)
			put(s, f, PCI_BAR0 + 4 * n + 4, 4,
				(uint32_t)(at >> 32));
	}
}

/* ---- functions ---- */

static void
host_bridge(const struct pci_setup *s, const struct pci_fn *f)
{
	put(s, f, I440FX_PAM, 1, 0x30);
	for (unsigned n = 1; n < 7; n++)
		put(s, f, I440FX_PAM + n, 1, 0x33);
}

static void
isa_bridge(const struct pci_setup *s, const struct pci_fn *f)
{
	for (unsigned n = 0; n < PIIX3_PIRQS; n++)
		put(s, f, PIIX3_PIRQRC + n, 1, pirq_irq[n]);
	bus_write(s->ports, ELCR2, 1, IRQ_10_11);
}

static void
ide(const struct pci_setup *s, const struct pci_fn *f)
{
	put(s, f, 0x40, 2, IDE_DECODE);
	put(s, f, 0x42, 2, IDE_DECODE);
}

static void
power(const struct pci_setup *s, const struct pci_fn *f)
{
	put(s, f, PCI_LINE, 1, 9);
	put(s, f, ACPIPM_PMBASE, 4, s->pm_base);
	put(s, f, ACPIPM_PMREGMISC, 1, 1);
	put(s, f, ACPIPM_SMBBA, 4, s->smb_base);
	put(s, f, ACPIPM_SMBHSTCFG, 1, 0x09);
}

static const struct {
	uint16_t device; /* Intel's */
	void (*set)(const struct pci_setup *, const struct pci_fn *);
} known[] = {
	{0x1237, host_bridge},
	{0x7000, isa_bridge},
	{0x7010, ide},
	{0x7113, power},
};

static void
finish(const struct pci_setup *s, const struct pci_fn *f)
{
	unsigned pin = f->id->pin;

	if (pin)
		put(s, f, PCI_LINE, 1, pci_setup_irq(f->slot, pin - 1));
	for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (f->id->vendor == 0x8086 && f->id->device == known[i].device)
			known[i].set(s, f);
	put(s, f, PCI_COMMAND, 2,
		get(s, f, PCI_COMMAND, 2) | PCI_IO | PCI_MEM | PCI_SERR);
}

static struct pci_fn *
nth(const struct pci_setup *s, unsigned i)
{
	return pci_bus_find(s->pci, i / PCI_FUNCTIONS, i % PCI_FUNCTIONS);
}

void
pci_setup(const struct pci_setup *wanted)
{
	struct pci_setup s = *wanted;
	struct pci_fn *f;

	for (uint64_t size = 1ull << 31; size >= 4; size >>= 1)
		for (unsigned i = 0; i < PCI_SLOTS * PCI_FUNCTIONS; i++)
			if ((f = nth(&s, i)))
				place(&s, f, size);
	for (unsigned i = 0; i < PCI_SLOTS * PCI_FUNCTIONS; i++)
		if ((f = nth(&s, i)))
			finish(&s, f);
}
