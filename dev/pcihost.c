/* SPDX-License-Identifier: MIT */
/*
 * The host bridge, Intel's 82441FX (i440FX), "Register Description", and PCI
 * Local Bus 3.0, 3.2.2.3 "Software Generation of Configuration Transactions".
 * Left out: DRAM boundaries and what the PAM registers switch; they are stored.
 */
#include "dev/pcihost.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"

#define ADDR_ENABLE 0x80000000u
#define ADDR_BITS 0x80fffffcu
#define PAM_FIRST 0x59
#define PAM_LAST 0x5f

struct pcihost_regs {
	uint32_t addr;
	uint8_t command[2];
	uint8_t pam[7];
	uint8_t spare[3]; /* always 0 */
};

struct pcihost {
	struct dev dev;
	struct dev *behind; /* the ISA side's device at port 0xcf9 */
	struct pcihost_regs r;
};

static struct pcihost *
of(struct dev *d)
{
	return (struct pcihost *)d;
}

static uint8_t
config(const struct pcihost *h, unsigned reg)
{
	/* vendor, device, command, status, revision, class: host bridge */
	static const uint8_t fixed[] = {0x86, 0x80, 0x37, 0x12, 0x06, 0x00,
		0x80, 0x02, 0x02, 0x00, 0x00, 0x06};

	if (reg == 4 || reg == 5)
		return fixed[reg] | h->r.command[reg - 4];
	if (reg < sizeof(fixed))
		return fixed[reg];
	if (reg >= PAM_FIRST && reg <= PAM_LAST)
		return h->r.pam[reg - PAM_FIRST];
	return 0;
}

static void
set_config(struct pcihost *h, unsigned reg, uint8_t v)
{
	if (reg == 4)
		h->r.command[0] = v & 0x40; /* PERRE */
	else if (reg == 5)
		h->r.command[1] = v & 0x01; /* SERRE */
	else if (reg >= PAM_FIRST && reg <= PAM_LAST)
		h->r.pam[reg - PAM_FIRST] = v;
}

/* The address register selects 00:00.0. */
static bool
selected(const struct pcihost *h)
{
	return (h->r.addr & ~0xffu) == ADDR_ENABLE;
}

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

static uint64_t
pcihost_read(struct dev *d, unsigned bar, uint64_t off, unsigned size)
{
	struct pcihost *h = of(d);
	uint64_t v = 0;

	if (bar == 0 && size == 4)
		return h->r.addr;
	if (bar == 0)
		return off == 1 && size == 1 ? isa_read(h) : UINT64_MAX;
	if (!selected(h))
		return UINT64_MAX;
	for (unsigned i = 0; i < size; i++)
		v |= (uint64_t)config(h, (h->r.addr & 0xfc) + (unsigned)off + i)
		     << 8 * i;
	return v;
}

static void
pcihost_write(
	struct dev *d, unsigned bar, uint64_t off, unsigned size, uint64_t val)
{
	struct pcihost *h = of(d);

	if (bar == 0) {
		if (size == 4)
			h->r.addr = (uint32_t)val & ADDR_BITS;
		else if (off == 1 && size == 1)
			isa_write(h, (uint8_t)val);
		return;
	}
	if (selected(h))
		for (unsigned i = 0; i < size; i++)
			set_config(h, (h->r.addr & 0xfc) + (unsigned)off + i,
				(uint8_t)(val >> 8 * i));
}

static int
loaded(struct dev *d)
{
	struct pcihost_regs *r = &of(d)->r;

	if ((r->addr & ~ADDR_BITS) || (r->command[0] & ~0x40) ||
		(r->command[1] & ~0x01) || r->spare[0] || r->spare[1] ||
		r->spare[2])
		return failx(-EINVAL, "%s: no state of a host bridge", d->id);
	return 0;
}

static void
reset(struct dev *d)
{
	memset(&of(d)->r, 0, sizeof(of(d)->r));
}

static const struct field fields[] = {
	FIELD(struct pcihost, r, addr),
	FIELDS(struct pcihost, r, command),
	FIELDS(struct pcihost, r, pam),
	FIELDS(struct pcihost, r, spare),
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

struct dev *
pcihost_new(void)
{
	struct pcihost *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	dev_init(&h->dev, &ops);
	return &h->dev;
}
