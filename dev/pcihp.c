/* SPDX-License-Identifier: MIT */
/*
 * PCI hotplug by ACPI: what the guest's AML reads to learn what changed, and
 * writes to let a slot go. Left out: buses behind bridges, ACPI indices.
 */
#include "dev/pcihp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"

struct pcihp_regs {
	uint32_t up, down, bus;
};

struct pcihp {
	struct dev dev;
	uint32_t removable;
	struct pcihp_out out;
	struct pcihp_regs r;
};

static struct pcihp *
of(struct dev *d)
{
	return (struct pcihp *)d;
}

static uint32_t
word(const struct pcihp *p, uint64_t off)
{
	if (off == PCIHP_BUS)
		return p->r.bus;
	if (p->r.bus)
		return 0; /* there is no other */
	switch (off) {
	case PCIHP_UP:
		return p->r.up;
	case PCIHP_DOWN:
		return p->r.down;
	case PCIHP_REMOVABLE:
		return p->removable;
	}
	return 0;
}

static uint64_t
pcihp_read(struct dev *d, unsigned bar, uint64_t off, unsigned size)
{
	struct pcihp *p = of(d);
	unsigned sh = 8 * (off & 3);
	uint32_t mask = (size < 4 ? (1u << 8 * size) - 1 : UINT32_MAX) << sh;
	uint32_t v = word(p, off & ~3ull) & mask;

	(void)bar;
	if ((off & ~3ull) == PCIHP_UP)
		p->r.up &= ~v;
	return v >> sh;
}

static void
eject(struct pcihp *p, uint32_t slots)
{
	slots &= p->removable;
	if (p->r.bus || !slots)
		return;
	p->r.up &= ~slots;
	p->r.down &= ~slots;
	if (p->out.eject)
		p->out.eject(p->out.to, slots);
}

static void
pcihp_write(
	struct dev *d, unsigned bar, uint64_t off, unsigned size, uint64_t val)
{
	(void)bar;
	if (off == PCIHP_EJECT && size == 4)
		eject(of(d), (uint32_t)val);
	else if (off == PCIHP_BUS && size == 4)
		of(d)->r.bus = (uint32_t)val;
}

/* ---- from the host ---- */

static void
change(struct pcihp *p, uint32_t *reg, unsigned slot)
{
	uint32_t bit = slot < 32 ? 1u << slot & p->removable : 0;

	dev_lock(&p->dev);
	*reg |= bit;
	dev_unlock(&p->dev);
	if (bit && p->out.event)
		p->out.event(p->out.to);
}

void
pcihp_plug(struct dev *d, unsigned slot)
{
	change(of(d), &of(d)->r.up, slot);
}

void
pcihp_unplug(struct dev *d, unsigned slot)
{
	change(of(d), &of(d)->r.down, slot);
}

uint32_t
pcihp_going(struct dev *d)
{
	uint32_t slots;

	dev_lock(d);
	slots = of(d)->r.down;
	dev_unlock(d);
	return slots;
}

void
pcihp_forget(struct dev *d, unsigned slot)
{
	uint32_t bit = slot < 32 ? 1u << slot : 0;

	dev_lock(d);
	of(d)->r.up &= ~bit;
	of(d)->r.down &= ~bit;
	dev_unlock(d);
}

static int
loaded(struct dev *d)
{
	struct pcihp *p = of(d);

	if ((p->r.up | p->r.down) & ~p->removable)
		return failx(-EINVAL, "%s: no such slots", d->id);
	return 0;
}

static void
reset(struct dev *d)
{
	memset(&of(d)->r, 0, sizeof(of(d)->r));
}

static const struct field fields[] = {
	FIELD(struct pcihp, r, up),
	FIELD(struct pcihp, r, down),
	FIELD(struct pcihp, r, bus),
	FIELD_END,
};

static const struct dev_ops ops = {
	.name = "pcihp",
	.fields = fields,
	DEV_REGS(struct pcihp, r),
	.widest = 4,
	.read = pcihp_read,
	.write = pcihp_write,
	.reset = reset,
	.loaded = loaded,
};

struct dev *
pcihp_new(uint32_t removable, struct pcihp_out out)
{
	struct pcihp *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	dev_init(&p->dev, &ops);
	p->removable = removable;
	p->out = out;
	return &p->dev;
}
