/* SPDX-License-Identifier: MIT */
/*
 * The local APIC's core: what arrives, what is in service, what the vCPU is
 * asked for. Intel SDM vol. 3A, chapter "Advanced Programmable Interrupt
 * Controller". Left out: CMCI, the sources of the performance and thermal
 * entries, LINT polarity, accept errors and the APR of old buses; the id cannot
 * be written (model specific).
 */
#include "dev/lapic.h"
#include "dev/lapic-int.h"

static int
highest(const uint32_t v[8])
{
	for (int i = 7; i >= 0; i--)
		if (v[i])
			return i * 32 + 31 - __builtin_clz(v[i]);
	return -1;
}

static void
set_bit(uint32_t v[8], unsigned n, bool on)
{
	uint32_t bit = 1u << (n & 31);

	v[n >> 5] = on ? v[n >> 5] | bit : v[n >> 5] & ~bit;
}

static bool
get_bit(const uint32_t v[8], unsigned n)
{
	return v[n >> 5] >> (n & 31) & 1;
}

static unsigned
lvt_mode(uint32_t lvt)
{
	return lvt >> 8 & 7;
}

uint32_t
lapic_x2_ldr(const struct lapic *l)
{
	return (l->id >> 4) << 16 | 1u << (l->id & 15);
}

unsigned
lapic_ppr(const struct lapic *l)
{
	int v = highest(l->r.isr);
	unsigned isr = v < 0 ? 0 : (unsigned)v & 0xf0;

	return (l->r.tpr & 0xf0) >= isr ? l->r.tpr : isr;
}

/* The vector that may interrupt now, or -1. */
static int
deliverable(const struct lapic *l)
{
	int v = highest(l->r.irr);

	if (!lapic_on(l) || v < 0 || (unsigned)v >> 4 <= lapic_ppr(l) >> 4)
		return -1;
	return v;
}

/* A disabled APIC leaves LINT0 the CPU's INTR pin. */
static bool
extint(const struct lapic *l)
{
	uint32_t lvt = l->r.lvt[LVT_LINT0];

	if (!l->r.line)
		return false;
	return !lapic_on(l) || l->r.extint ||
	       (!(lvt & LVT_MASKED) && lvt_mode(lvt) == DM_EXTINT);
}

void
lapic_update(struct lapic *l)
{
	unsigned old = atomic_load_explicit(&l->wants, memory_order_relaxed);
	unsigned w = 0;

	if (deliverable(l) >= 0)
		w |= LAPIC_INTR;
	if (extint(l))
		w |= LAPIC_EXTINT;
	if (l->r.nmis)
		w |= LAPIC_NMI;
	if (l->r.init)
		w |= LAPIC_INIT;
	if (l->r.sipi)
		w |= LAPIC_SIPI;
	if (l->r.smi)
		w |= LAPIC_SMI;
	if (w == old)
		return;
	atomic_store_explicit(&l->wants, w, memory_order_release);
	if ((w & ~old) && l->out.wake)
		l->out.wake(l->out.to);
}

void
lapic_error(struct lapic *l, uint32_t bit)
{
	uint32_t lvt = l->r.lvt[LVT_ERROR];

	if (l->r.errors & bit)
		return;
	l->r.errors |= bit;
	if (lvt & LVT_MASKED)
		return;
	if ((lvt & 0xff) < 16)
		l->r.errors |= ERR_RECV_VECTOR;
	else
		lapic_accept(l, lvt & 0xff, false);
}

void
lapic_accept(struct lapic *l, unsigned vector, bool level)
{
	if (vector < 16) {
		lapic_error(l, ERR_RECV_VECTOR);
		return;
	}
	set_bit(l->r.irr, vector, true);
	set_bit(l->r.tmr, vector, level);
}

static void
nmi(struct lapic *l)
{
	if (l->r.nmis < (l->r.nmi_busy ? 1 : 2))
		l->r.nmis++;
}

static void
deliver(struct lapic *l, unsigned mode, uint8_t vector, bool level)
{
	switch (mode) {
	case DM_FIXED:
	case DM_LOWEST:
		if (l->r.svr & SVR_ENABLE)
			lapic_accept(l, vector, level);
		break;
	case DM_SMI:
		l->r.smi = 1;
		break;
	case DM_NMI:
		nmi(l);
		break;
	case DM_INIT:
		l->r.init = 1;
		l->r.sipi = 0;
		break;
	case DM_SIPI: /* the first one starts the CPU, others are ignored */
		if (!l->r.sipi)
			l->r.sipi_vector = vector;
		l->r.sipi = 1;
		break;
	case DM_EXTINT:
		l->r.extint = l->r.line;
		break;
	}
}

void
lapic_message(struct lapic *l, const struct ipi *i)
{
	if (!(i->mode == DM_INIT && i->deassert))
		deliver(l, i->mode, i->vector, i->level);
	lapic_update(l);
}

void
lapic_local(struct lapic *l, unsigned i)
{
	uint32_t lvt = l->r.lvt[i];

	if (!(lvt & LVT_MASKED))
		deliver(l, lvt_mode(lvt), lvt & 0xff, false);
	lapic_update(l);
}

/* LINT0 as a level-triggered fixed interrupt: held up by remote IRR. */
static void
line_level(struct lapic *l)
{
	uint32_t *lvt = &l->r.lvt[LVT_LINT0];

	if (!l->r.line || (*lvt & (LVT_MASKED | LVT_RIRR)) ||
		!(*lvt & LVT_LEVEL) || lvt_mode(*lvt) != DM_FIXED)
		return;
	if ((*lvt & 0xff) >= 16)
		*lvt |= LVT_RIRR;
	deliver(l, DM_FIXED, *lvt & 0xff, true);
}

void
lapic_line(struct lapic *l, bool level)
{
	uint32_t lvt = l->r.lvt[LVT_LINT0];
	bool rise = level && !l->r.line;

	l->r.line = level;
	if (!level)
		l->r.extint = 0;
	if (lapic_on(l)) {
		line_level(l);
		if (rise && lvt_mode(lvt) != DM_EXTINT &&
			!(lvt_mode(lvt) == DM_FIXED && (lvt & LVT_LEVEL)))
			lapic_local(l, LVT_LINT0);
	}
	lapic_update(l);
}

int
lapic_eoi(struct lapic *l)
{
	uint32_t *lint0 = &l->r.lvt[LVT_LINT0];
	int v = highest(l->r.isr);

	if (v < 0)
		return -1;
	set_bit(l->r.isr, (unsigned)v, false);
	if (!get_bit(l->r.tmr, (unsigned)v))
		return -1;
	if ((*lint0 & LVT_RIRR) && (int)(*lint0 & 0xff) == v) {
		*lint0 &= ~LVT_RIRR;
		line_level(l);
	}
	return l->r.svr & SVR_NO_EOI ? -1 : v;
}

/* The vCPU's side. */

unsigned
lapic_wants(const struct lapic *l)
{
	return atomic_load_explicit(&l->wants, memory_order_acquire);
}

int
lapic_ack(struct lapic *l)
{
	int v;

	lapic_lock(l);
	v = deliverable(l);
	if (v >= 0) {
		set_bit(l->r.irr, (unsigned)v, false);
		set_bit(l->r.isr, (unsigned)v, true);
		lapic_update(l);
	}
	lapic_unlock(l);
	return v;
}

uint8_t
lapic_sipi(struct lapic *l)
{
	uint8_t v;

	lapic_lock(l);
	v = l->r.sipi_vector;
	l->r.sipi = 0;
	lapic_update(l);
	lapic_unlock(l);
	return v;
}

void
lapic_take(struct lapic *l, enum lapic_want what)
{
	lapic_lock(l);
	if (what & LAPIC_NMI) {
		l->r.nmi_busy = 1;
		if (l->r.nmis)
			l->r.nmis--;
	}
	if (what & LAPIC_INIT)
		l->r.init = 0;
	if (what & LAPIC_SMI)
		l->r.smi = 0;
	if (what & LAPIC_EXTINT)
		l->r.extint = 0;
	lapic_update(l);
	lapic_unlock(l);
}

void
lapic_nmi_done(struct lapic *l)
{
	lapic_lock(l);
	l->r.nmi_busy = 0;
	lapic_unlock(l);
}

void
lapic_nmi(struct lapic *l)
{
	lapic_lock(l);
	nmi(l);
	lapic_update(l);
	lapic_unlock(l);
}

uint8_t
lapic_cr8(const struct lapic *l)
{
	return (uint8_t)(l->r.tpr >> 4);
}

void
lapic_set_cr8(struct lapic *l, uint8_t v)
{
	lapic_lock(l);
	l->r.tpr = (v & 15u) << 4;
	lapic_update(l);
	lapic_unlock(l);
}

void
lapic_tsc_changed(struct lapic *l)
{
	lapic_lock(l);
	lapic_timer_run(l);
	lapic_timer_plan(l);
	lapic_update(l);
	lapic_unlock(l);
}
