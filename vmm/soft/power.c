/* SPDX-License-Identifier: MIT */
/*
 * The CPU after RESET and INIT (Intel SDM vol. 3A section 10.1, table "IA-32
 * and Intel 64 Processor States"), and the start-up IPI. The LAPIC is not
 * touched here.
 */
#include "vmm/soft/msr.h"
#include "vmm/soft/prot.h"

static void
reset_segments(struct cpu *c)
{
	struct cpu_seg s = {
		.limit = 0xffff, .type = 3, .s = true, .present = true};

	for (unsigned n = SEG_ES; n <= SEG_GS; n++)
		seg_put(c, n, &s);
	c->seg[SEG_CS].sel = 0xf000;
	c->seg[SEG_CS].base = 0xffff0000;
	c->seg[SEG_CS].type = 11;
	s.s = false;
	s.type = SYS_LDT;
	seg_put(c, SEG_LDT, &s);
	s.type = SYS_TSS_BUSY;
	seg_put(c, SEG_TR, &s);
	c->gdt = c->idt = (struct cpu_dtr){.limit = 0xffff};
}

void
msr_reset(struct cpu *c)
{
	c->star = c->lstar = c->cstar = c->fmask = 0;
	c->kernel_gs_base = c->tsc_aux = c->spec_ctrl = 0;
	c->sysenter_cs = c->sysenter_esp = c->sysenter_eip = 0;
	c->pat = 0x0007040600070406;
	c->misc_enable = 1 | MISC_FIXED; /* fast strings */
	c->debugctl = c->mcg_status = c->mcg_ctl = 0;
	memset(c->mc, 0, sizeof(c->mc));
	c->mtrr_def = 0;
	memset(c->mtrr_fix, 0, sizeof(c->mtrr_fix));
	memset(c->mtrr_var, 0, sizeof(c->mtrr_var));
}

/* Nothing is under way: no exception, shadow, trap or wait. */
void
cpu_idle(struct cpu *c)
{
	c->shadow = c->shadow_ss = false;
	c->halted = c->waiting_sipi = c->nmi_masked = c->smi = false;
	c->stepping = c->owes = c->halt_told = c->shutdown = false;
	c->dr6_pend = 0;
	c->exc = c->delivering = c->undo_cpl = -1;
	c->exc_rf = false;
}

void
cpu_power_on(struct cpu *c, bool init)
{
	uint64_t keep = init ? c->cr0 & (CR0_CD | CR0_NW) : CR0_CD | CR0_NW;

	memset(c->gpr, 0, sizeof(c->gpr));
	c->gpr[RDX] = CPU_SIGNATURE;
	c->RIP = 0xfff0;
	c->cc = 0;
	c->df = 0;
	c->cpl = 0;
	c->sysflags = 2;
	c->cr0 = keep | CR0_ET;
	c->cr2 = c->cr3 = c->cr4 = c->efer = 0;
	c->xcr0 = 1;
	memset(c->pdpte, 0, sizeof(c->pdpte));
	memset(c->dr, 0, sizeof(c->dr));
	c->dr[6] = 0xffff0ff0;
	reset_segments(c);
	cpu_idle(c);
	if (!init) {
		msr_reset(c);
		c->tsc_offset = c->tsc_adjust = 0;
	}
	fpu_power_on(c, init);
	set_dr7(c, 0);
	tlb_flush(c, true);
	mode_changed(c);
	pend(c, PEND_LAPIC);
}

void
cpu_sipi(struct cpu *c, uint8_t vector)
{
	struct cpu_seg *cs = &c->seg[SEG_CS];

	cs->sel = (uint16_t)(vector << 8);
	cs->base = (uint32_t)vector << 12;
	c->RIP = 0;
	c->waiting_sipi = false;
	mode_changed(c);
}
