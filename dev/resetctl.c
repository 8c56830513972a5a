/* SPDX-License-Identifier: MIT */
/*
 * The reset ports of a PC: RST_CNT of Intel's 82371SB (PIIX3), where a rising
 * edge of bit 2 resets, hard if bit 1 is set, and system control port A. The
 * A20 gate comes up open, as firmware leaves it.
 */
#include "dev/resetctl.h"

#include <stdlib.h>
#include <string.h>

#define RCR_HARD 2
#define RCR_CPU 4
#define PORT92_FAST 1
#define PORT92_A20 2

struct resetctl_regs {
	uint8_t rcr, port92;
};

struct resetctl {
	struct dev dev;
	struct resetctl_regs r;
	struct notify reset;
	struct irq a20;
};

static struct resetctl *
of(struct dev *d)
{
	return (struct resetctl *)d;
}

static uint64_t
resetctl_read(struct dev *d, unsigned bar, uint64_t off, unsigned size)
{
	(void)off, (void)size;
	return bar ? of(d)->r.port92 : of(d)->r.rcr;
}

/* The notice's argument: 1 for a hard reset, 0 for the CPU's alone. */
static void
resetctl_write(
	struct dev *d, unsigned bar, uint64_t off, unsigned size, uint64_t val)
{
	struct resetctl *c = of(d);
	uint8_t v = (uint8_t)val, *reg = bar ? &c->r.port92 : &c->r.rcr;
	uint8_t rises = v & (uint8_t) ~*reg;

	(void)off, (void)size;
	*reg = v & (bar ? PORT92_FAST | PORT92_A20 : RCR_HARD | RCR_CPU);
	if (bar)
		irq_set(c->a20, v & PORT92_A20);
	if (rises & (bar ? PORT92_FAST : RCR_CPU))
		notify(c->reset, NOTICE_RESET, !bar && (v & RCR_HARD));
}

static int
loaded(struct dev *d)
{
	struct resetctl *c = of(d);

	c->r.rcr &= RCR_HARD | RCR_CPU;
	c->r.port92 &= PORT92_FAST | PORT92_A20;
	irq_set(c->a20, c->r.port92 & PORT92_A20);
	return 0;
}

static void
reset(struct dev *d)
{
	of(d)->r = (struct resetctl_regs){0, PORT92_A20};
	irq_set(of(d)->a20, true);
}

static const struct field fields[] = {
	FIELD(struct resetctl, r, rcr),
	FIELD(struct resetctl, r, port92),
	FIELD_END,
};

static const struct dev_ops ops = {
	.name = "resetctl",
	.fields = fields,
	DEV_REGS(struct resetctl, r),
	.read = resetctl_read,
	.write = resetctl_write,
	.reset = reset,
	.loaded = loaded,
};

struct dev *
resetctl_new(struct notify to, struct irq a20)
{
	struct resetctl *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	dev_init(&c->dev, &ops);
	c->reset = to;
	c->a20 = a20;
	reset(&c->dev);
	return &c->dev;
}
