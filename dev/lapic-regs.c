/* SPDX-License-Identifier: MIT */
/*
 * How the guest reaches the local APIC's registers: memory-mapped in xAPIC
 * mode, as MSRs in x2APIC mode. Intel SDM vol. 3A, "Local APIC Register Address
 * Map" and "x2APIC Register Address Space". A register is named by its offset
 * divided by 16, which is its MSR less 0x800.
 */
#include "dev/lapic-int.h"

#define MSR_X2APIC 0x800
#define MSR_TSC_DEADLINE 0x6e0

#define BIT(r) (1ull << (r))
#define SPAN(r, n) (((1ull << (n)) - 1) << (r))
#define X2_WRITE                                                               \
	(BIT(R_TPR) | BIT(R_SVR) | BIT(R_ESR) | BIT(R_ICR) |                   \
		SPAN(R_LVT, LVTS) | BIT(R_TMICT) | BIT(R_TDCR))
#define X2_READ                                                                \
	(X2_WRITE | SPAN(R_ID, 2) | BIT(R_PPR) | BIT(R_LDR) |                  \
		SPAN(R_ISR, 24) | BIT(R_TMCCT))
#define X2_WRITE_ONLY (BIT(R_EOI) | BIT(R_SELF))
#define X1_KNOWN                                                               \
	(X2_READ | BIT(R_APR) | BIT(R_EOI) | BIT(R_RRD) | BIT(R_DFR) |         \
		BIT(R_ICR2))

#define ICR_BUSY (1u << 12)

uint32_t
lapic_lvt_bits(unsigned lvt)
{
	static const uint32_t bits[LVTS] = {
		[LVT_TIMER] = 0x700ff,
		[LVT_THERMAL] = 0x107ff,
		[LVT_PERF] = 0x107ff,
		[LVT_LINT0] = 0x1a7ff,
		[LVT_LINT1] = 0x1a7ff,
		[LVT_ERROR] = 0x100ff,
	};

	return bits[lvt];
}

uint32_t
lapic_lvt_state(unsigned lvt)
{
	return lapic_lvt_bits(lvt) | (lvt == LVT_LINT0 ? LVT_RIRR : 0);
}

/* Registers of one word each. */
static uint32_t
word(struct lapic *l, unsigned reg)
{
	const struct lapic_regs *r = &l->r;

	switch (reg) {
	case R_ID:
		return lapic_x2(l) ? l->id : l->id << 24;
	case R_VERSION:
		return LAPIC_VERSION;
	case R_TPR:
		return r->tpr;
	case R_PPR:
		return lapic_ppr(l);
	case R_LDR:
		return lapic_x2(l) ? lapic_x2_ldr(l) : r->ldr;
	case R_DFR:
		return r->dfr;
	case R_SVR:
		return r->svr;
	case R_ESR:
		return r->esr;
	case R_ICR:
		return (uint32_t)r->icr;
	case R_ICR2:
		return (uint32_t)(r->icr >> 32);
	case R_TMICT:
		return r->tmict;
	case R_TMCCT:
		return lapic_timer_count(l);
	case R_TDCR:
		return r->tdcr;
	}
	return 0;
}

bool
lapic_reg_get(struct lapic *l, unsigned reg, uint32_t *v)
{
	const struct lapic_regs *r = &l->r;

	*v = 0;
	if (reg > 0x3f || !(X1_KNOWN & BIT(reg)))
		return false;
	if (reg >= R_ISR && reg < R_ISR + 8)
		*v = r->isr[reg - R_ISR];
	else if (reg >= R_TMR && reg < R_TMR + 8)
		*v = r->tmr[reg - R_TMR];
	else if (reg >= R_IRR && reg < R_IRR + 8)
		*v = r->irr[reg - R_IRR];
	else if (reg >= R_LVT && reg < R_LVT + LVTS)
		*v = r->lvt[reg - R_LVT];
	else
		*v = word(l, reg);
	return true;
}

static void
set_svr(struct lapic *l, uint32_t v)
{
	l->r.svr = v;
	if (v & SVR_ENABLE)
		return;
	for (unsigned i = 0; i < LVTS; i++)
		if (i != LVT_TIMER)
			l->r.lvt[i] |= LVT_MASKED;
	lapic_timer_mode(l, l->r.lvt[LVT_TIMER] | LVT_MASKED);
}

static void
set_lvt(struct lapic *l, unsigned i, uint32_t v)
{
	v &= lapic_lvt_bits(i);
	v |= l->r.lvt[i] & LVT_RIRR;
	if (!(l->r.svr & SVR_ENABLE))
		v |= LVT_MASKED;
	if (i == LVT_TIMER)
		lapic_timer_mode(l, v);
	else
		l->r.lvt[i] = v;
	if (i == LVT_LINT0)
		lapic_line(l, l->r.line);
}

/* What a write leaves to be done without the lock. */
struct after {
	bool send;
	struct ipi ipi;
	int eoi;
};

static void
set_icr(struct lapic *l, uint64_t v, struct after *after)
{
	uint32_t lo = (uint32_t)v & ICR_BITS;
	struct ipi *i = &after->ipi;

	l->r.icr = (v & ~0xffffffffull) | lo;
	*i = (struct ipi){
		.dest = (uint32_t)(v >> (lapic_x2(l) ? 32 : 56)),
		.vector = (uint8_t)lo,
		.mode = lo >> 8 & 7,
		.logical = lo & (1 << 11),
		.x2 = lapic_x2(l),
		.deassert = (lo & 0xc000) == 0x8000,
		.shorthand = lo >> 18 & 3,
	};
	i->lowest = i->mode == DM_LOWEST;
	if (i->vector < 16 && (i->mode == DM_FIXED || i->mode == DM_LOWEST)) {
		lapic_error(l, ERR_SEND_VECTOR);
		if (i->shorthand != 1)
			return;
	}
	after->send = true;
}

static void
set_esr(struct lapic *l)
{
	l->r.esr = l->r.errors;
	l->r.errors = 0;
}

static void
reg_set(struct lapic *l, unsigned reg, uint64_t v64, struct after *after)
{
	uint32_t v = (uint32_t)v64;

	if (reg >= R_LVT && reg < R_LVT + LVTS) {
		set_lvt(l, reg - R_LVT, v);
		return;
	}
	switch (reg) {
	case R_TPR:
		l->r.tpr = v & 0xff;
		break;
	case R_EOI:
		after->eoi = lapic_eoi(l);
		break;
	case R_LDR:
		l->r.ldr = v & 0xff000000;
		break;
	case R_DFR:
		l->r.dfr = v | 0x0fffffff;
		break;
	case R_SVR:
		set_svr(l, v & SVR_BITS);
		break;
	case R_ESR:
		set_esr(l);
		break;
	case R_ICR:
		set_icr(l, v64, after);
		break;
	case R_ICR2:
		l->r.icr = (l->r.icr & 0xffffffff) | (uint64_t)(v & 0xff000000)
							     << 32;
		break;
	case R_TMICT:
		lapic_timer_run(l);
		lapic_timer_set(l, v, v);
		break;
	case R_TDCR:
		lapic_timer_divide(l, v & 0xb);
		break;
	case R_SELF:
		lapic_accept(l, v & 0xff, false);
		break;
	}
}

/* Write and unlock, then do what needs no lock. */
static void
write_unlock(struct lapic *l, unsigned reg, uint64_t v)
{
	struct after after = {.eoi = -1};

	reg_set(l, reg, v, &after);
	lapic_update(l);
	lapic_unlock(l);
	if (after.eoi >= 0 && l->out.eoi)
		l->out.eoi(l->out.to, (uint8_t)after.eoi);
	if (after.send)
		lapic_net_ipi(l->net, l, after.ipi);
}

uint32_t
lapic_mmio_read(struct lapic *l, uint32_t off)
{
	uint32_t v = UINT32_MAX;

	lapic_lock(l);
	if (lapic_on(l) && !lapic_x2(l)) {
		v = 0;
		if (!(off & 15) && !lapic_reg_get(l, off >> 4, &v))
			lapic_error(l, ERR_ADDRESS);
		lapic_update(l);
	}
	lapic_unlock(l);
	return v;
}

void
lapic_mmio_write(struct lapic *l, uint32_t off, uint32_t v)
{
	unsigned reg = off >> 4;
	uint64_t v64 = v;

	lapic_lock(l);
	if (!lapic_on(l) || lapic_x2(l) || (off & 15)) {
		lapic_unlock(l);
		return;
	}
	if (reg > 0x3f || !(X1_KNOWN & BIT(reg))) {
		lapic_error(l, ERR_ADDRESS);
		reg = 0; /* nothing */
	}
	if (reg == R_ICR)
		v64 |= l->r.icr & ~0xffffffffull;
	write_unlock(l, reg, v64);
}

/* Bits that WRMSR may set: the others are reserved, or there is no register.
 * Read-only status bits are not reserved. */
static uint64_t
x2_bits(unsigned reg)
{
	if (reg >= R_LVT && reg < R_LVT + LVTS)
		return lapic_lvt_bits(reg - R_LVT) | 1u << 12 |
		       (lapic_lvt_bits(reg - R_LVT) & LVT_LEVEL ? LVT_RIRR : 0);
	switch (reg) {
	case R_TPR:
	case R_SELF:
		return 0xff;
	case R_SVR:
		return SVR_BITS;
	case R_ICR:
		return 0xffffffffull << 32 | ICR_BITS | ICR_BUSY;
	case R_TMICT:
		return UINT32_MAX;
	case R_TDCR:
		return 0xb;
	}
	return 0; /* EOI, ESR */
}

int
lapic_msr_read(struct lapic *l, uint32_t msr, uint64_t *v)
{
	unsigned reg = msr - MSR_X2APIC;
	uint32_t v32;
	int ret = 0;

	lapic_lock(l);
	if (msr == MSR_TSC_DEADLINE) {
		*v = lapic_timer_deadline(l);
	} else if (!lapic_x2(l) || reg > 0x3f || !(X2_READ & BIT(reg))) {
		ret = -1;
	} else if (reg == R_ICR) {
		*v = l->r.icr;
	} else {
		lapic_reg_get(l, reg, &v32);
		*v = v32;
	}
	lapic_update(l);
	lapic_unlock(l);
	return ret;
}

int
lapic_msr_write(struct lapic *l, uint32_t msr, uint64_t v)
{
	unsigned reg = msr - MSR_X2APIC;

	lapic_lock(l);
	if (msr == MSR_TSC_DEADLINE) {
		lapic_timer_set_deadline(l, v);
		lapic_update(l);
		lapic_unlock(l);
		return 0;
	}
	if (!lapic_x2(l) || reg > 0x3f ||
		!((X2_WRITE | X2_WRITE_ONLY) & BIT(reg)) ||
		(v & ~x2_bits(reg))) {
		lapic_unlock(l);
		return -1;
	}
	write_unlock(l, reg, v);
	return 0;
}
