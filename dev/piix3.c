/* SPDX-License-Identifier: MIT */
/*
 * Intel's 82371SB (PIIX3), function 0: "PCI to ISA Bridge", PIRQRC[A:D]. Left
 * out: decoders of ISA space, DMA, the timers of power management; what is
 * stored of them does nothing. The reset port 0xcf9 is resetctl's.
 */
#include "dev/piix3.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"

#define PIRQRC 0x60
#define PIRQ_OFF 0x80
#define ROUTABLE 0xdef8u /* ISA interrupts 3..7, 9..12, 14, 15 */

struct piix3_regs {
	struct pci_regs pci;
	uint32_t high[4]; /* by pin: a bit for each slot that pulls it */
};

struct piix3 {
	struct dev dev;
	struct pci_fn fn;
	struct piix3_out out;
	uint16_t isa; /* what was driven high */
	uint8_t lines;
	struct piix3_regs r;
};

static const struct pci_id id = {
	.vendor = 0x8086,
	.device = 0x7000,
	.subvendor = 0x1af4,
	.subdevice = 0x1100,
	.class = 0x060100,
};

static struct piix3 *
of(struct dev *d)
{
	return (struct piix3 *)d;
}

static uint8_t
lines(const struct piix3 *p)
{
	unsigned got = 0;

	for (unsigned n = 0; n < PIIX3_LINES; n++)
		for (unsigned pin = 0; pin < 4; pin++)
			if (p->r.high[pin] & (0x01010101u << ((n - pin) & 7)))
				got |= 1u << n;
	return (uint8_t)got;
}

/* The ISA interrupts that are high. */
static uint16_t
isa(const struct piix3 *p)
{
	unsigned got = 0;

	for (unsigned n = 0; n < PIIX3_PIRQS; n++) {
		uint8_t rc = p->r.pci.config[PIRQRC + n];

		for (unsigned pin = 0; pin < 4; pin++)
			if (!(rc & PIRQ_OFF) &&
				(p->r.high[pin] &
					(0x11111111u << ((n - pin + 1) & 3))))
				got |= 1u << (rc & 15);
	}
	return got & ROUTABLE;
}

static void
update(struct piix3 *p)
{
	uint16_t irqs = isa(p), changed = irqs ^ p->isa;
	uint8_t ls = lines(p), diff = ls ^ p->lines;

	p->isa = irqs;
	p->lines = ls;
	for (unsigned n = 0; changed >> n; n++)
		if (changed >> n & 1 && p->out.isa)
			p->out.isa(p->out.to, n, irqs >> n & 1);
	for (unsigned n = 0; diff >> n; n++)
		if (diff >> n & 1 && p->out.line)
			p->out.line(p->out.to, n, ls >> n & 1);
}

void
piix3_intx(struct dev *d, unsigned slot, unsigned pin, bool level)
{
	struct piix3 *p = of(d);
	uint32_t bit = 1u << (slot & 31), *high = &p->r.high[pin & 3];

	dev_lock(d);
	*high = level ? *high | bit : *high & ~bit;
	update(p);
	dev_unlock(d);
}

struct pci_fn *
piix3_fn(struct dev *d)
{
	return &of(d)->fn;
}

static void
written(struct dev *d, unsigned at, unsigned n)
{
	if (at + n > PIRQRC && at < PIRQRC + PIIX3_PIRQS)
		update(of(d));
}

/* What it drives is in the chips' state as well: drive all of it. */
static int
loaded(struct dev *d)
{
	struct piix3 *p = of(d);

	p->isa = 0;
	p->lines = 0;
	update(p);
	return pci_loaded(&p->fn);
}

static void
reset(struct dev *d)
{
	struct piix3 *p = of(d);

	pci_reset(&p->fn);
	memset(p->r.high, 0, sizeof(p->r.high));
	memset(p->r.pci.config + PIRQRC, PIRQ_OFF, PIIX3_PIRQS);
	update(p);
}

static const struct field fields[] = {
	PCI_FIELDS(struct piix3, r),
	FIELDS(struct piix3, r, high),
	FIELD_END,
};

static const struct dev_ops ops = {
	.name = "piix3",
	.fields = fields,
	DEV_REGS(struct piix3, r),
	.reset = reset,
	.loaded = loaded,
};

/* [from, to) of the registers that are stored, whole. */
static const uint8_t stored[][2] = {{0x4c, 0x50}, {0x60, 0x64}, {0x69, 0x6c},
	{0x70, 0x72}, {0x76, 0x78}, {0x80, 0x81}, {0x82, 0x83}, {0xa0, 0xa9},
	{0xaa, 0xab}, {0xac, 0xad}, {0xae, 0xaf}};

static void
registers(struct pci_fn *f)
{
	memset(f->writable + PCI_COMMAND, 0, 2);
	pci_put16(f, PCI_COMMAND, PCI_IO | PCI_MEM | PCI_MASTER);
	pci_writable(f, PCI_COMMAND, PCI_SERR);
	pci_put16(f, PCI_STATUS, 0x0200);
	for (unsigned i = 0; i < sizeof(stored) / sizeof(stored[0]); i++)
		for (unsigned at = stored[i][0]; at < stored[i][1]; at++)
			f->writable[at] = 0xff;
}

struct dev *
piix3_new(struct piix3_out out)
{
	struct piix3 *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	dev_init(&p->dev, &ops);
	pci_init(&p->fn, &p->dev, &p->r.pci, &id);
	registers(&p->fn);
	p->fn.written = written;
	p->out = out;
	reset(&p->dev);
	return &p->dev;
}
