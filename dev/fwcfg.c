/* SPDX-License-Identifier: MIT */
/*
 * QEMU's firmware configuration device, "QEMU Firmware Configuration (fw_cfg)
 * Device", the traditional interface. Items are read-only. Left out: DMA, the
 * file directory (its item is absent, which reads as zeros: no files).
 */
#include "dev/fwcfg.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"

#define KEYS 0x100

struct fwcfg_regs {
	uint32_t pos;
	uint16_t key;
	uint16_t spare; /* always 0 */
};

struct item {
	uint8_t *p;
	size_t n;
};

struct fwcfg {
	struct dev dev;
	struct fwcfg_regs r;
	struct item item[KEYS];
};

static struct fwcfg *
of(struct dev *d)
{
	return (struct fwcfg *)d;
}

static uint64_t
fwcfg_read(struct dev *d, unsigned bar, uint64_t off, unsigned size)
{
	struct fwcfg *f = of(d);
	const struct item *i;

	(void)bar;
	if (off != 1 || size != 1 || f->r.key >= KEYS)
		return 0;
	i = &f->item[f->r.key];
	return f->r.pos < i->n ? i->p[f->r.pos++] : 0;
}

static void
fwcfg_write(
	struct dev *d, unsigned bar, uint64_t off, unsigned size, uint64_t val)
{
	struct fwcfg *f = of(d);

	(void)bar;
	if (off != 0 || size != 2)
		return;
	f->r.key = (uint16_t)val;
	f->r.pos = 0;
}

static void
reset(struct dev *d)
{
	memset(&of(d)->r, 0, sizeof(of(d)->r));
}

static int
loaded(struct dev *d)
{
	if (of(d)->r.spare)
		return failx(-EINVAL, "%s: no state of fw_cfg", d->id);
	return 0;
}

static void
fwcfg_free(struct dev *d)
{
	for (unsigned i = 0; i < KEYS; i++)
		free(of(d)->item[i].p);
	free(d);
}

static const struct field fields[] = {
	FIELD(struct fwcfg, r, pos),
	FIELD(struct fwcfg, r, key),
	FIELD(struct fwcfg, r, spare),
	FIELD_END,
};

static const struct dev_ops ops = {
	.name = "fwcfg",
	.fields = fields,
	DEV_REGS(struct fwcfg, r),
	.read = fwcfg_read,
	.write = fwcfg_write,
	.reset = reset,
	.loaded = loaded,
	.free = fwcfg_free,
};

struct dev *
fwcfg_new(void)
{
	static const uint8_t id[4] = {1}; /* traditional interface only */
	struct fwcfg *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	dev_init(&f->dev, &ops);
	if (fwcfg_add(&f->dev, FWCFG_SIGNATURE, "QEMU", 4) ||
		fwcfg_add(&f->dev, FWCFG_ID, id, sizeof(id))) {
		dev_free(&f->dev);
		return NULL;
	}
	return &f->dev;
}

int
fwcfg_add(struct dev *d, unsigned key, const void *p, size_t n)
{
	struct item *i = &of(d)->item[key < KEYS ? key : 0];

	if (key >= KEYS || n > UINT32_MAX)
		return fail(-ERANGE, "fw_cfg item %#x", key);
	if (i->p)
		return fail(-EEXIST, "fw_cfg item %#x", key);
	i->p = malloc(n ? n : 1);
	if (!i->p)
		return fail(-ENOMEM, "fw_cfg item %#x", key);
	memcpy(i->p, p, n);
	i->n = n;
	return 0;
}
