/* SPDX-License-Identifier: MIT */
/*
 * The host bridge, Intel's 82441FX (i440FX), "Register Description", and PCI
 * Local Bus 3.0, 3.2.2.3 "Software Generation of Configuration Transactions".
 * The subsystem's identity is QEMU's: by it SeaBIOS knows where it runs. Left
 * out: what DRAM, timer and error registers do; they are stored.
 */
#include "dev/pcihost.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"

#define ADDR_ENABLE 0x80000000u
#define ADDR_BITS 0x80fffffcu
#define PAM_FIRST 0x59
#define SMRAM 0x72

struct pcihost_regs {
	struct pci_regs pci;
	uint32_t addr;
};

struct pcihost {
	struct dev dev;
	struct pci_fn fn;
	struct pci_bus *bus;
	struct dev *behind; /* the ISA side's device at port 0xcf9 */
	struct pcihost_out out;
	uint8_t mode[PCIHOST_SEGMENTS]; /* as out.pam was told */
	struct pcihost_regs r;
};

static const struct pci_id id = {
	.vendor = 0x8086,
	.device = 0x1237,
	.subvendor = 0x1af4,
	.subdevice = 0x1100,
	.class = 0x060000,
	.revision = 2,
};

static struct pcihost *
of(struct dev *d)
{
	return (struct pcihost *)d;
}

/* ---- PAM ---- */

/* Segment 0 is in the high half of the first register; the low half of that is
 * nothing, then come two a register. */
unsigned
pcihost_pam(const struct dev *d, unsigned n)
{
	const uint8_t *pam =
		((const struct pcihost *)d)->r.pci.config + PAM_FIRST;

	return pam[(n + 1) / 2] >> (n & 1 ? 0 : 4) & 3;
}

static void
tell_pam(struct pcihost *h, bool all)
{
	for (unsigned n = 0; n < PCIHOST_SEGMENTS; n++) {
		uint8_t mode = (uint8_t)pcihost_pam(&h->dev, n);

		if (mode == h->mode[n] && !all)
			continue;
		h->mode[n] = mode;
		if (h->out.pam)
			h->out.pam(h->out.to, n, mode);
	}
}

static void
written(struct dev *d, unsigned at, unsigned n)
{
	if (at + n > PAM_FIRST && at < PAM_FIRST + 7)
		tell_pam(of(d), false);
}

/* ---- ports ---- */

/* Only 4-byte accesses are the bridge's: others pass through to ISA. */
static uint64_t
isa_read(struct pcihost *h)
{
	uint64_t v = UINT64_MAX;

	if (!h->behind)
		return v;
	dev_lock(h->behind);
	v = h->behind->ops->read(h->behind, 0, 0, 1);
	dev_unlock(h->behind);
	return v;
}

static void
isa_write(struct pcihost *h, uint8_t v)
{
	if (!h->behind)
		return;
	dev_lock(h->behind);
	h->behind->ops->write(h->behind, 0, 0, 1, v);
	dev_unlock(h->behind);
}

void
pcihost_pass(struct dev *d, struct dev *behind)
{
	of(d)->behind = behind;
}

void
pcihost_bus(struct dev *d, struct pci_bus *bus)
{
	of(d)->bus = bus;
}

struct pci_fn *
pcihost_fn(struct dev *d)
{
	return &of(d)->fn;
}

/* 00:00.0, whose lock is held. */
static bool
own(const struct pcihost *h)
{
	return (h->r.addr & 0xffff00) == 0;
}

static uint64_t
data_read(struct pcihost *h, unsigned off, unsigned size)
{
	uint32_t a = h->r.addr;
	unsigned at = (a & 0xfc) + off;

	if (!(a & ADDR_ENABLE) || (!own(h) && !h->bus))
		return UINT64_MAX;
	if (own(h))
		return pci_config_read(&h->fn, at, size);
	return pci_bus_read(h->bus, a >> 16 & 0xff, a >> 8 & 0xff, at, size);
}

static void
data_write(struct pcihost *h, unsigned off, unsigned size, uint32_t val)
{
	uint32_t a = h->r.addr;
	unsigned at = (a & 0xfc) + off;

	if (!(a & ADDR_ENABLE) || (!own(h) && !h->bus))
		return;
	if (own(h))
		pci_config_write(&h->fn, at, size, val);
	else
		pci_bus_write(
			h->bus, a >> 16 & 0xff, a >> 8 & 0xff, at, size, val);
}

static uint64_t
pcihost_read(struct dev *d, unsigned bar, uint64_t off, unsigned size)
{
	struct pcihost *h = of(d);

	if (bar)
		return data_read(h, (unsigned)off, size);
	if (size == 4)
		return h->r.addr;
	return off == 1 && size == 1 ? isa_read(h) : UINT64_MAX;
}

static void
pcihost_write(
	struct dev *d, unsigned bar, uint64_t off, unsigned size, uint64_t val)
{
	struct pcihost *h = of(d);

	if (bar)
		data_write(h, (unsigned)off, size, (uint32_t)val);
	else if (size == 4)
		h->r.addr = (uint32_t)val & ADDR_BITS;
	else if (off == 1 && size == 1)
		isa_write(h, (uint8_t)val);
}

/* ---- the device ---- */

static int
loaded(struct dev *d)
{
	struct pcihost *h = of(d);
	int r = pci_loaded(&h->fn);

	if (r)
		return r;
	if (h->r.addr & ~ADDR_BITS)
		return failx(-EINVAL, "%s: no state of a host bridge", d->id);
	tell_pam(h, true);
	return 0;
}

static void
reset(struct dev *d)
{
	struct pcihost *h = of(d);

	pci_reset(&h->fn);
	h->r.pci.config[SMRAM] = 0x02;
	h->r.addr = 0;
	tell_pam(h, true);
}

static const struct field fields[] = {
	PCI_FIELDS(struct pcihost, r),
	FIELD(struct pcihost, r, addr),
	FIELD_END,
};

static const struct dev_ops ops = {
	.name = "pcihost",
	.fields = fields,
	DEV_REGS(struct pcihost, r),
	.read = pcihost_read,
	.write = pcihost_write,
	.reset = reset,
	.loaded = loaded,
};

/* [from, to) of the registers that are stored, whole. */
static const uint8_t stored[][2] = {
	{0x50, 0x54}, {0x57, 0x59}, {0x60, 0x69}, {0x70, 0x73}, {0x90, 0x91}};

static void
registers(struct pci_fn *f)
{
	pci_put16(f, PCI_STATUS, 0x0280);
	memset(f->writable + PCI_COMMAND, 0, 2);
	pci_put16(f, PCI_COMMAND, PCI_MEM | PCI_MASTER);
	pci_writable(f, PCI_COMMAND, PCI_PARITY | PCI_SERR);
	for (unsigned i = 0; i < sizeof(stored) / sizeof(stored[0]); i++)
		for (unsigned at = stored[i][0]; at < stored[i][1]; at++)
			f->writable[at] = 0xff;
	f->writable[PAM_FIRST] = 0x30;
	memset(f->writable + PAM_FIRST + 1, 0x33, 6);
}

struct dev *
pcihost_new(struct pcihost_out out)
{
	struct pcihost *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	dev_init(&h->dev, &ops);
	pci_init(&h->fn, &h->dev, &h->r.pci, &id);
	registers(&h->fn);
	h->fn.written = written;
	h->out = out;
	reset(&h->dev);
	return &h->dev;
}
