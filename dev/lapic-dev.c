/* SPDX-License-Identifier: MIT */
/*
 * The local APIC as a device: birth, reset, IA32_APIC_BASE, saved state, and
 * the register page that KVM would show. Intel SDM vol. 3A, "Enabling or
 * Disabling the Local APIC", "Local APIC State After Power-Up or Reset",
 * "x2APIC State Transitions".
 */
#include "dev/lapic-int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"

#define RESET_BASE 0xfee00000u

/* IA32_APIC_BASE */

/* What disabling the APIC and INIT have in common. */
static void
clear(struct lapic *l)
{
	struct lapic_regs *r = &l->r;

	r->icr = r->deadline = r->elapsed = 0;
	memset(r->irr, 0, sizeof(r->irr));
	memset(r->isr, 0, sizeof(r->isr));
	memset(r->tmr, 0, sizeof(r->tmr));
	for (unsigned i = 0; i < LVTS; i++)
		r->lvt[i] = LVT_MASKED;
	r->ldr = 0;
	r->dfr = UINT32_MAX;
	r->svr = 0xff;
	r->esr = r->errors = 0;
	r->tmict = r->tdcr = 0;
	r->counting = 0;
	timer_disarm(&l->timer);
}

static bool
base_valid(const struct lapic *l, uint64_t v)
{
	unsigned bits = l->out.phys_bits ? l->out.phys_bits : 52;
	uint64_t addr = ((1ull << bits) - 1) & ~0xfffull;

	if (v & ~(addr | BASE_BSP | BASE_EXTD | BASE_EN))
		return false;
	return !(v & BASE_EXTD) || (v & BASE_EN);
}

uint64_t
lapic_base(const struct lapic *l)
{
	return l->r.base;
}

static void
set_base(struct lapic *l, uint64_t v)
{
	uint64_t old = l->r.base;

	l->r.base = v;
	if (old & ~v & BASE_EN)
		clear(l); /* but TPR, which CR8 still shows */
	if (~old & v & BASE_EXTD)
		l->r.icr &= 0xffffffff;
	lapic_update(l);
}

int
lapic_set_base(struct lapic *l, uint64_t v)
{
	uint64_t old = l->r.base;
	bool bad = !base_valid(l, v);

	/* x2APIC is entered from xAPIC only, and left by disabling. */
	if ((v & BASE_EXTD) && !(old & BASE_EN))
		bad = true;
	if ((old & BASE_EXTD) && (v & BASE_EN) && !(v & BASE_EXTD))
		bad = true;
	if (bad)
		return -1;
	lapic_lock(l);
	lapic_timer_run(l);
	set_base(l, v);
	lapic_unlock(l);
	return 0;
}

int
lapic_load_base(struct lapic *l, uint64_t v)
{
	if (!base_valid(l, v))
		return -1;
	lapic_lock(l);
	set_base(l, v);
	lapic_unlock(l);
	return 0;
}

/* The device. */

void
lapic_reset(struct lapic *l, bool init)
{
	struct lapic_regs *r = &l->r;

	lapic_lock(l);
	clear(l);
	if (l->bsp)
		r->lvt[LVT_LINT0] = DM_EXTINT << 8;
	r->tpr = 0;
	r->line = r->line != 0;
	r->extint = r->nmis = r->nmi_busy = r->smi = 0;
	if (!init) {
		r->base = RESET_BASE | BASE_EN | (l->bsp ? BASE_BSP : 0);
		r->init = r->sipi = r->sipi_vector = 0;
		memset(r->spare, 0, sizeof(r->spare));
	}
	lapic_update(l);
	lapic_unlock(l);
}

static struct lapic *
of(struct dev *d)
{
	return (struct lapic *)d;
}

static uint64_t
dev_read(struct dev *d, unsigned bar, uint64_t off, unsigned size)
{
	uint32_t v = lapic_mmio_read(of(d), (uint32_t)off & ~3u);

	(void)bar;
	return size < 4 ? v >> 8 * (off & 3) & ((1u << 8 * size) - 1) : v;
}

static void
dev_write(
	struct dev *d, unsigned bar, uint64_t off, unsigned size, uint64_t val)
{
	(void)bar;
	if (size >= 4)
		lapic_mmio_write(of(d), (uint32_t)off, (uint32_t)val);
}

static void
reset(struct dev *d)
{
	lapic_reset(of(d), false);
}

static void
saving(struct dev *d)
{
	struct lapic *l = of(d);

	lapic_lock(l);
	lapic_timer_run(l);
	lapic_timer_plan(l);
	l->r.elapsed =
		l->r.counting ? (uint64_t)(clock_now(l->clock) - l->began) : 0;
	lapic_unlock(l);
}

static bool
sound(const struct lapic *l)
{
	const struct lapic_regs *r = &l->r;
	uint8_t spare = 0;

	for (unsigned i = 0; i < LVTS; i++)
		if (r->lvt[i] & ~lapic_lvt_state(i))
			return false;
	for (unsigned i = 0; i < sizeof(r->spare); i++)
		spare |= r->spare[i];
	return base_valid(l, r->base) && r->elapsed < INT64_MAX / 2 &&
	       !((r->irr[0] | r->isr[0] | r->tmr[0]) & 0xffff) &&
	       !(r->tpr & ~0xffu) && !(r->ldr & 0xffffff) &&
	       (r->dfr & 0xfffffff) == 0xfffffff && !(r->svr & ~SVR_BITS) &&
	       !((r->esr | r->errors) & ~0xffu) && !(r->tdcr & ~0xbu) &&
	       r->nmis <= 2 && !spare &&
	       (r->counting | r->line | r->extint | r->nmi_busy | r->init |
		       r->smi | r->sipi) <= 1 &&
	       !(r->icr & 0xfff33000) && !(r->counting && !r->tmict) &&
	       !(r->deadline && !l->out.tsc);
}

static int
loaded(struct dev *d)
{
	struct lapic *l = of(d);

	if (!sound(l))
		return failx(-EINVAL, "%s: no state of a local APIC",
			d->id ? d->id : "lapic");
	lapic_lock(l);
	l->began = clock_now(l->clock) - (int64_t)l->r.elapsed;
	lapic_timer_run(l);
	lapic_timer_plan(l);
	lapic_update(l);
	lapic_unlock(l);
	return 0;
}

static void
free_dev(struct dev *d)
{
	struct lapic *l = of(d);

	timer_disarm(&l->timer);
	lapic_net_leave(l->net, l);
	pthread_mutex_destroy(&l->m);
	free(l);
}

#define F(m) FIELD(struct lapic, r, m)
static const struct field fields[] = {
	F(base),
	F(icr),
	F(deadline),
	F(elapsed),
	FIELDS(struct lapic, r, irr),
	FIELDS(struct lapic, r, isr),
	FIELDS(struct lapic, r, tmr),
	FIELDS(struct lapic, r, lvt),
	F(tpr),
	F(ldr),
	F(dfr),
	F(svr),
	F(esr),
	F(errors),
	F(tmict),
	F(tdcr),
	F(counting),
	F(line),
	F(extint),
	F(nmis),
	F(nmi_busy),
	F(init),
	F(smi),
	F(sipi),
	F(sipi_vector),
	FIELDS(struct lapic, r, spare),
	FIELD_END,
};

static const struct dev_ops ops = {
	.name = "lapic",
	.fields = fields,
	DEV_REGS(struct lapic, r),
	.widest = 4,
	.read = dev_read,
	.write = dev_write,
	.reset = reset,
	.loaded = loaded,
	.saving = saving,
	.free = free_dev,
};

int
lapic_new(struct lapic **lp, struct lapic_net *net, struct clock *clock,
	unsigned id, bool bsp, struct lapic_out out)
{
	struct lapic *l = calloc(1, sizeof(*l));
	int err;

	if (!l)
		return fail(-ENOMEM, "local APIC");
	dev_init(&l->dev, &ops);
	pthread_mutex_init(&l->m, NULL);
	l->net = net;
	l->clock = clock;
	l->out = out;
	if (!out.tsc_hz)
		l->out.tsc = NULL;
	l->id = id;
	l->bsp = bsp;
	lapic_timer_init(l);
	lapic_reset(l, false);
	err = lapic_net_join(net, l);
	if (err) {
		dev_free(&l->dev);
		return err;
	}
	lapic_line(l, l->r.line);
	*lp = l;
	return 0;
}

void
lapic_free(struct lapic *l)
{
	dev_free(l ? &l->dev : NULL);
}

struct dev *
lapic_dev(struct lapic *l)
{
	return &l->dev;
}
