/* SPDX-License-Identifier: MIT */
/*
 * The debug console of Bochs and QEMU, to which firmware talks. What the back
 * end does not take at once is lost: the port has no flow control.
 */
#include "dev/debugcon.h"

#include <stdlib.h>

#define MAGIC 0xe9

struct debugcon {
	struct dev dev;
	struct chr *chr;
};

static uint64_t
debugcon_read(struct dev *d, unsigned bar, uint64_t off, unsigned size)
{
	(void)d, (void)bar, (void)off, (void)size;
	return MAGIC;
}

static void
debugcon_write(
	struct dev *d, unsigned bar, uint64_t off, unsigned size, uint64_t val)
{
	struct debugcon *c = (struct debugcon *)d;
	uint8_t byte = (uint8_t)val;

	(void)bar, (void)off, (void)size;
	if (c->chr)
		chr_write(c->chr, &byte, 1);
}

static const struct dev_ops ops = {
	.name = "debugcon",
	.read = debugcon_read,
	.write = debugcon_write,
};

struct dev *
debugcon_new(struct chr *chr)
{
	struct debugcon *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	dev_init(&c->dev, &ops);
	c->chr = chr;
	return &c->dev;
}
