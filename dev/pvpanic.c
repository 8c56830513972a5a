/* SPDX-License-Identifier: MIT */
/*
 * pvpanic, QEMU's "pvpanic device" specification, ISA flavour: the guest says
 * that it panicked. Left out: the event "crash loaded".
 */
#include "dev/pvpanic.h"

#include <stdlib.h>

#define PANICKED 1

struct pvpanic {
	struct dev dev;
	struct notify panic;
};

static uint64_t
pvpanic_read(struct dev *d, unsigned bar, uint64_t off, unsigned size)
{
	(void)d, (void)bar, (void)off, (void)size;
	return PANICKED;
}

static void
pvpanic_write(
	struct dev *d, unsigned bar, uint64_t off, unsigned size, uint64_t val)
{
	(void)bar, (void)off, (void)size;
	if (val & PANICKED)
		notify(((struct pvpanic *)d)->panic, NOTICE_PANIC, 0);
	else
		dev_odd(d, "unknown panic event %#x", (unsigned)val);
}

static const struct dev_ops ops = {
	.name = "pvpanic",
	.read = pvpanic_read,
	.write = pvpanic_write,
};

struct dev *
pvpanic_new(struct notify panic)
{
	struct pvpanic *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	dev_init(&p->dev, &ops);
	p->panic = panic;
	return &p->dev;
}
