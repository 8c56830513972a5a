/* SPDX-License-Identifier: MIT */
/*
 * The soft CPU to and from the canonical struct cpu_state. What is loaded is
 * not trusted: it must be a state that instructions could have reached as far
 * as the engine relies on that. MSRs that the engine has not are ignored, those
 * that the state does not list get the value of RESET.
 */
#include <errno.h>

#include "lib/err.h"
#include "vmm/soft/msr.h"
#include "vmm/soft/prot.h"

enum { XSAVE_BV = 512, IRR = 0x200, ISR = 0x100, APIC_VERSION = 0x30 };

/* In the order they are loaded. EFER, FS and GS base are elsewhere. */
static const uint32_t listed[] = {
	MSR_TSC,
	MSR_TSC_ADJUST,
	MSR_MISC_ENABLE,
	MSR_SYSENTER_CS,
	MSR_SYSENTER_ESP,
	MSR_SYSENTER_EIP,
	MSR_STAR,
	MSR_LSTAR,
	MSR_CSTAR,
	MSR_FMASK,
	MSR_KERNEL_GS_BASE,
	MSR_TSC_AUX,
	MSR_PAT,
	MSR_SPEC_CTRL,
	MSR_MTRR_DEF,
	MSR_MTRR_FIX64K,
	MSR_MTRR_FIX16K,
	MSR_MTRR_FIX16K + 1,
	MSR_MTRR_FIX4K,
	MSR_MTRR_FIX4K + 1,
	MSR_MTRR_FIX4K + 2,
	MSR_MTRR_FIX4K + 3,
	MSR_MTRR_FIX4K + 4,
	MSR_MTRR_FIX4K + 5,
	MSR_MTRR_FIX4K + 6,
	MSR_MTRR_FIX4K + 7,
	MSR_MTRR_VAR,
	MSR_MTRR_VAR + 1,
	MSR_MTRR_VAR + 2,
	MSR_MTRR_VAR + 3,
	MSR_MTRR_VAR + 4,
	MSR_MTRR_VAR + 5,
	MSR_MTRR_VAR + 6,
	MSR_MTRR_VAR + 7,
	MSR_MTRR_VAR + 8,
	MSR_MTRR_VAR + 9,
	MSR_MTRR_VAR + 10,
	MSR_MTRR_VAR + 11,
	MSR_MTRR_VAR + 12,
	MSR_MTRR_VAR + 13,
	MSR_MTRR_VAR + 14,
	MSR_MTRR_VAR + 15,
	MSR_MCG_STATUS,
	MSR_MCG_CTL,
	MSR_DEBUGCTL,
	MSR_MC0_CTL,
	MSR_MC0_CTL + 4,
	MSR_MC0_CTL + 8,
	MSR_MC0_CTL + 12,
	MSR_TSC_DEADLINE,
};
#define LISTED (sizeof(listed) / sizeof(listed[0]))
_Static_assert(LISTED <= CPU_MSRS, "they fit");

static void
put_fpu(struct cpu *c, struct cpu_state *s)
{
	memset(s->xsave, 0, sizeof(s->xsave));
	fxsave_put(c, s->xsave, true);
	s->xsave[XSAVE_BV] = 3;
	s->xcr0 = c->xcr0;
}

void
cpu_to_state(struct cpu *c, struct cpu_state *s)
{
	memset(s, 0, sizeof(*s));
	memcpy(s->gpr, c->gpr, sizeof(s->gpr));
	s->rip = c->RIP;
	s->rflags = get_flags(c);
	memcpy(s->seg, c->seg, sizeof(s->seg));
	s->seg[SEG_SS].dpl = c->cpl; /* where the CPL is kept */
	s->gdt = c->gdt;
	s->idt = c->idt;
	s->cr0 = c->cr0;
	s->cr2 = c->cr2;
	s->cr3 = c->cr3;
	s->cr4 = c->cr4;
	s->cr8 = lapic_cr8(c->lapic);
	s->efer = c->efer;
	s->apic_base = lapic_base(c->lapic);
	memcpy(s->dr, c->dr, sizeof(s->dr));
	put_fpu(c, s);
	for (unsigned n = 0; n < LISTED; n++)
		if (!soft_rdmsr(c, listed[n], &s->msr[s->msrs].data))
			s->msr[s->msrs++].index = listed[n];
	lapic_get_page(c->lapic, s->lapic);
	s->mp = c->waiting_sipi ? CPU_UNINITIALIZED
		: c->halted     ? CPU_HALTED
				: CPU_RUNNABLE;
	if (c->exc >= 0) {
		s->exc_injected = true;
		s->exc_vector = (uint8_t)c->exc;
		s->exc_has_error = c->exc_has_error;
		s->exc_error = c->exc_error;
	}
	s->int_shadow = c->shadow;
	s->nmi_pending = lapic_wants(c->lapic) & LAPIC_NMI;
	s->nmi_masked = c->nmi_masked;
}

/* ---- and back ---- */

/* Bits and combinations that set_cr0() and its kin would not take. */
static const char *
check(const struct cpu_state *s)
{
	bool pe = s->cr0 & CR0_PE, pg = s->cr0 & CR0_PG;
	bool lma = s->efer & EFER_LMA, lme = s->efer & EFER_LME;

	if ((s->cr0 >> 32) || (pg && !pe) ||
		((s->cr0 & CR0_NW) && !(s->cr0 & CR0_CD)))
		return "CR0";
	if (s->cr4 & ~CR4_KNOWN)
		return "CR4";
	if ((s->efer & ~EFER_KNOWN) || lma != (lme && pg))
		return "EFER";
	if (lma && !(s->cr4 & CR4_PAE))
		return "CR4";
	if (lma ? s->cr3 >> PHYS_BITS : s->cr3 >> 32)
		return "CR3";
	if ((s->rflags & FL_VM) && (!pe || lma))
		return "RFLAGS";
	for (unsigned n = 0; n < SEG_COUNT; n++)
		if (s->seg[n].type > 15 || s->seg[n].dpl > 3)
			return "a segment";
	return NULL;
}

static int
get_lapic(struct cpu *c, const struct cpu_state *s)
{
	uint8_t page[1024];
	unsigned v = s->int_vector;

	if (!s->lapic[APIC_VERSION]) {
		lapic_reset(c->lapic, false);
		lapic_set_cr8(c->lapic, s->cr8 & 15);
		return lapic_load_base(c->lapic, s->apic_base);
	}
	memcpy(page, s->lapic, sizeof(page));
	if (s->int_injected && !s->int_soft && v >= 16) {
		/* acknowledged, not delivered: the LAPIC has it once more */
		page[ISR + v / 32 * 16 + v % 32 / 8] &= (uint8_t) ~(1 << v % 8);
		page[IRR + v / 32 * 16 + v % 32 / 8] |= (uint8_t)(1 << v % 8);
	}
	if (lapic_load_base(c->lapic, s->apic_base))
		return -1;
	return lapic_set_page(c->lapic, page);
}

/* Parts that XSTATE_BV says are in their initial state may hold anything. */
static int
get_fpu(struct cpu *c, const struct cpu_state *s)
{
	uint8_t image[512];

	memcpy(image, s->xsave, sizeof(image));
	if (!(s->xsave[XSAVE_BV] & 1)) {
		memset(image, 0, 24);
		memset(image + 32, 0, 128);
		image[0] = 0x7f;
		image[1] = 3;
	}
	if (!(s->xsave[XSAVE_BV] & 2))
		memset(image + 160, 0, 256);
	return fxsave_take(c, image, true);
}

static void
get_msrs(struct cpu *c, const struct cpu_state *s)
{
	uint64_t v;

	msr_reset(c);
	for (unsigned n = 0; n < LISTED; n++) {
		if (!cpu_get_msr(s, listed[n], &v))
			continue;
		if (listed[n] == MSR_TSC)
			c->tsc_offset += v - soft_tsc(c);
		else if (listed[n] == MSR_TSC_ADJUST)
			c->tsc_adjust = v;
		else
			soft_wrmsr(c, listed[n], v);
	}
}

static void
get_events(struct cpu *c, const struct cpu_state *s)
{
	cpu_idle(c);
	c->halted = s->mp == CPU_HALTED;
	c->waiting_sipi =
		s->mp == CPU_UNINITIALIZED || s->mp == CPU_INIT_RECEIVED;
	if (s->mp == CPU_SIPI_RECEIVED)
		cpu_sipi(c, (uint8_t)s->sipi_vector);
	if (s->exc_injected || s->exc_pending) {
		c->exc = s->exc_vector & 31;
		c->exc_has_error = s->exc_has_error;
		c->exc_error = s->exc_error;
		c->exc_rf = c->exc != EXC_DB && c->exc != EXC_BP &&
			    c->exc != EXC_OF && c->exc != EXC_DF;
	}
	c->shadow = s->int_shadow;
	c->nmi_masked = s->nmi_masked && !s->nmi_injected;
	if (s->nmi_pending || s->nmi_injected)
		lapic_nmi(c->lapic);
	pend(c, PEND_LAPIC | (c->shadow ? PEND_STEP : 0));
}

static void
get_system(struct cpu *c, const struct cpu_state *s)
{
	c->cr0 = (s->cr0 & CR0_KNOWN) | CR0_ET;
	c->cr2 = s->cr2;
	c->cr3 = s->cr3;
	c->cr4 = s->cr4;
	c->efer = s->efer;
	for (unsigned n = 0; n < SEG_COUNT; n++)
		seg_put(c, n, &s->seg[n]);
	c->gdt = s->gdt;
	c->idt = s->idt;
	c->cpl = 0;
	if (s->rflags & FL_VM)
		c->cpl = 3;
	else if (protected_mode(c))
		c->cpl = s->seg[SEG_SS].dpl;
	memcpy(c->dr, s->dr, sizeof(c->dr));
	c->dr[6] = (c->dr[6] & 0xe00f) | 0xffff0ff0;
	set_dr7(c, s->dr[7]);
	if (pdptes_load(c))
		memset(c->pdpte, 0, sizeof(c->pdpte));
}

int
cpu_from_state(struct cpu *c, const struct cpu_state *s)
{
	const char *bad = check(s);

	if (bad)
		return failx(-EINVAL, "soft: CPU %u: %s cannot be loaded",
			c->index, bad);
	if (get_fpu(c, s))
		return failx(-EINVAL, "soft: CPU %u: MXCSR cannot be loaded",
			c->index);
	if (get_lapic(c, s))
		return failx(-EINVAL, "soft: CPU %u: LAPIC cannot be loaded",
			c->index);
	memcpy(c->gpr, s->gpr, sizeof(s->gpr));
	c->RIP = s->rip;
	get_system(c, s);
	get_msrs(c, s);
	set_flags(c, (uint32_t)s->rflags);
	get_events(c, s);
	tlb_flush(c, true);
	mode_changed(c);
	return 0;
}
