/* SPDX-License-Identifier: MIT */
/*
 * The local APIC's registers as KVM shows them (struct kvm_lapic_state): one
 * page of little-endian words, 16 bytes apart. So a machine that was saved
 * under one engine restores under the other.
 */
#include "dev/lapic-int.h"

#include <errno.h>
#include <string.h>

#include "lib/err.h"

static void
put(uint8_t *page, unsigned reg, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		page[reg * 16 + i] = (uint8_t)(v >> 8 * i);
}

static uint32_t
get(const uint8_t *page, unsigned reg)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < 4; i++)
		v |= (uint32_t)page[reg * 16 + i] << 8 * i;
	return v;
}

void
lapic_get_page(struct lapic *l, uint8_t page[1024])
{
	uint32_t v;

	memset(page, 0, 1024);
	lapic_lock(l);
	/* the count first: what it runs into shows in IRR */
	put(page, R_TMCCT, lapic_timer_count(l));
	for (unsigned reg = 0; reg < 64; reg++)
		if (reg != R_TMCCT && lapic_reg_get(l, reg, &v))
			put(page, reg, v);
	put(page, R_ID, l->id << 24);
	lapic_update(l);
	lapic_unlock(l);
}

static void
set_vectors(struct lapic *l, const uint8_t *page)
{
	struct lapic_regs *r = &l->r;

	for (unsigned i = 0; i < 8; i++) {
		uint32_t legal = i ? UINT32_MAX : 0xffff0000;

		r->isr[i] = get(page, R_ISR + i) & legal;
		r->tmr[i] = get(page, R_TMR + i) & legal;
		r->irr[i] = get(page, R_IRR + i) & legal;
	}
}

int
lapic_set_page(struct lapic *l, const uint8_t page[1024])
{
	struct lapic_regs *r = &l->r;
	uint32_t id = get(page, R_ID), initial, count;

	if (id != l->id << 24 && id != l->id)
		return failx(
			-EINVAL, "APIC %u: its page has id %#x", l->id, id);
	lapic_lock(l);
	set_vectors(l, page);
	r->tpr = get(page, R_TPR) & 0xff;
	r->ldr = get(page, R_LDR) & (lapic_x2(l) ? 0 : 0xff000000);
	r->dfr = get(page, R_DFR) | 0x0fffffff;
	r->svr = get(page, R_SVR) & SVR_BITS;
	r->esr = get(page, R_ESR) & 0xff;
	r->icr = (uint64_t)get(page, R_ICR2) << 32 |
		 (get(page, R_ICR) & ICR_BITS);
	for (unsigned i = 0; i < LVTS; i++)
		r->lvt[i] = get(page, R_LVT + i) & lapic_lvt_state(i);
	r->tdcr = get(page, R_TDCR) & 0xb;
	initial = get(page, R_TMICT);
	count = get(page, R_TMCCT);
	r->deadline = 0;
	r->counting = 0;
	r->tmict = 0;
	lapic_timer_set(l, initial, count);
	lapic_timer_plan(l);
	lapic_update(l);
	lapic_unlock(l);
	return 0;
}
