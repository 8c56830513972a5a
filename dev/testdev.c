/* SPDX-License-Identifier: MIT */
/*
 * The test device, after QEMU's pc-testdev: storage to read back, a page's
 * mapping to remake, interrupt lines to pull.
 */
#include "dev/testdev.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"

enum { BAR_PORT, BAR_FLUSH, BAR_LINES, BAR_MEMORY };
#define LINES 24
#define MEMORY 0x10000

struct testdev_regs {
	uint32_t lines;
	uint8_t port[4];
	uint8_t memory[MEMORY];
};

struct testdev {
	struct dev dev;
	struct testdev_regs r;
	struct irq first;
	struct notify flush;
	uint32_t driven; /* lines as last driven: others may share them */
};

static struct testdev *
of(struct dev *d)
{
	return (struct testdev *)d;
}

static void
update(struct testdev *t)
{
	uint32_t changed = t->r.lines ^ t->driven;

	t->driven = t->r.lines;
	for (unsigned n = 0; n < LINES; n++) {
		struct irq w = t->first;

		if (!(changed >> n & 1))
			continue;
		w.pin += n;
		irq_set(w, t->r.lines >> n & 1);
	}
}

static uint8_t *
storage(struct testdev *t, unsigned bar, uint64_t off)
{
	return bar == BAR_PORT ? t->r.port + off : t->r.memory + off;
}

static uint64_t
testdev_read(struct dev *d, unsigned bar, uint64_t off, unsigned size)
{
	const uint8_t *p;
	uint64_t v = 0;

	if (bar == BAR_FLUSH || bar == BAR_LINES)
		return UINT64_MAX;
	p = storage(of(d), bar, off);
	for (unsigned i = 0; i < size; i++)
		v |= (uint64_t)p[i] << 8 * i;
	return v;
}

static void
testdev_write(
	struct dev *d, unsigned bar, uint64_t off, unsigned size, uint64_t val)
{
	struct testdev *t = of(d);
	uint8_t *p;

	if (bar == BAR_FLUSH) {
		if (size == 4)
			notify(t->flush, NOTICE_FLUSH, val & ~0xfffull);
		return;
	}
	if (bar == BAR_LINES) {
		t->r.lines &= ~(1u << off);
		if (val)
			t->r.lines |= 1u << off;
		update(t);
		return;
	}
	p = storage(t, bar, off);
	for (unsigned i = 0; i < size; i++)
		p[i] = (uint8_t)(val >> 8 * i);
}

static void
reset(struct dev *d)
{
	memset(&of(d)->r, 0, sizeof(of(d)->r));
	update(of(d));
}

static int
loaded(struct dev *d)
{
	if (of(d)->r.lines >> LINES)
		return failx(-EINVAL, "%s: no such line", d->id);
	update(of(d));
	return 0;
}

static const struct field fields[] = {
	FIELD(struct testdev, r, lines),
	FIELDS(struct testdev, r, port),
	FIELDS(struct testdev, r, memory),
	FIELD_END,
};

static const struct dev_ops ops = {
	.name = "testdev",
	.fields = fields,
	DEV_REGS(struct testdev, r),
	.read = testdev_read,
	.write = testdev_write,
	.reset = reset,
	.loaded = loaded,
};

struct dev *
testdev_new(struct irq first, struct notify flush)
{
	struct testdev *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	dev_init(&t->dev, &ops);
	t->first = first;
	t->flush = flush;
	return &t->dev;
}
