/* SPDX-License-Identifier: MIT */
/*
 * Model-specific registers (Intel SDM vol. 4), RDMSR, WRMSR, RDTSC, RDTSCP,
 * RDPMC. Those that CPUID announces, and the few that systems touch on any
 * Intel CPU; all others raise #GP, as does a write of reserved bits. Memory
 * types, machine checks, DEBUGCTL and SPEC_CTRL are kept and have no effect.
 */
#include "vmm/soft/msr.h"

#include "vmm/soft/handlers.h"
#include "vmm/soft/prot.h"

/* ---- the time-stamp counter ---- */

/* The TSC before this vCPU's offset: it follows the machine's clock, so it
 * agrees with every timer and stands while the machine is paused. */
static uint64_t
tsc_base(const struct cpu *c)
{
	const struct soft *s = c->soft;
	unsigned __int128 ns;

	if (s->cfg.icount)
		return c->icount + c->warp;
	ns = (unsigned __int128)clock_now(s->cfg.clock);
	return (uint64_t)(ns * s->tsc_hz / NS_PER_S);
}

uint64_t
soft_tsc(const struct cpu *c)
{
	return tsc_base(c) + c->tsc_offset;
}

/* The deadline timer must look at the TSC anew. */
static void
tsc_moved(struct cpu *c)
{
	uint64_t v;

	if (!lapic_msr_read(c->lapic, MSR_TSC_DEADLINE, &v) && v)
		lapic_msr_write(c->lapic, MSR_TSC_DEADLINE, v);
}

static void
tsc_move(struct cpu *c, uint64_t by)
{
	c->tsc_offset += by;
	c->tsc_adjust += by;
	tsc_moved(c);
}

/* ---- machine check banks: CTL, STATUS, ADDR, MISC of each ---- */

#define MC_BANKS 4u

static int
mc_read(const struct cpu *c, uint32_t index, uint64_t *v)
{
	uint32_t at = index - MSR_MC0_CTL;

	if (at >= MC_BANKS * 4)
		return -1;
	*v = c->mc[at];
	return 0;
}

/* CTL takes all or nothing (bits 0 and 10 may stay off, as systems want on
 * some CPUs); STATUS can only be cleared. */
static int
mc_write(struct cpu *c, uint32_t index, uint64_t v)
{
	uint32_t at = index - MSR_MC0_CTL;

	if (at >= MC_BANKS * 4)
		return -1;
	if (at % 4 == 0 && v && (v | 0x401) != ~0ull)
		return -1;
	if (at % 4 == 1 && v)
		return -1;
	c->mc[at] = v;
	return 0;
}

/* ---- all ---- */

/* Registers that are nothing but a field; NULL for others. */
static uint64_t *
plain(struct cpu *c, uint32_t index)
{
	switch (index) {
	case MSR_SYSENTER_CS:
		return &c->sysenter_cs;
	case MSR_SYSENTER_ESP:
		return &c->sysenter_esp;
	case MSR_SYSENTER_EIP:
		return &c->sysenter_eip;
	case MSR_STAR:
		return &c->star;
	case MSR_LSTAR:
		return &c->lstar;
	case MSR_CSTAR:
		return &c->cstar;
	case MSR_FMASK:
		return &c->fmask;
	case MSR_FS_BASE:
		return &c->segbase[SEG_FS];
	case MSR_GS_BASE:
		return &c->segbase[SEG_GS];
	case MSR_KERNEL_GS_BASE:
		return &c->kernel_gs_base;
	case MSR_TSC_AUX:
		return &c->tsc_aux;
	case MSR_TSC_ADJUST:
		return &c->tsc_adjust;
	case MSR_EFER:
		return &c->efer;
	case MSR_PAT:
		return &c->pat;
	case MSR_SPEC_CTRL:
		return &c->spec_ctrl;
	case MSR_MISC_ENABLE:
		return &c->misc_enable;
	case MSR_DEBUGCTL:
		return &c->debugctl;
	case MSR_MCG_STATUS:
		return &c->mcg_status;
	case MSR_MCG_CTL:
		return &c->mcg_ctl;
	default:
		return NULL;
	}
}

static bool
lapic_msr(uint32_t index)
{
	return index == MSR_TSC_DEADLINE ||
	       (index >= MSR_X2APIC && index < MSR_X2APIC + 0x100);
}

static int
read_fixed(const struct cpu *c, uint32_t index, uint64_t *v)
{
	uint64_t ratio = (c->soft->tsc_hz + 50000000) / 100000000 & 0xff;

	switch (index) {
	case MSR_TSC:
		*v = soft_tsc(c);
		return 0;
	case MSR_APIC_BASE:
		*v = lapic_base(c->lapic);
		return 0;
	case MSR_FEATURE_CONTROL:
		*v = 1; /* locked, nothing enabled */
		return 0;
	case MSR_PLATFORM_ID:
	case MSR_EBL_CR_POWERON:
		*v = 0;
		return 0;
	case MSR_CORE_THREADS:
		*v = c->soft->cpus << 16 | c->soft->cpus;
		return 0;
	case MSR_BIOS_SIGN_ID:
		*v = 1ull << 32;
		return 0;
	case MSR_PLATFORM_INFO: /* ratio to 100 MHz, highest and lowest */
		*v = ratio << 8 | ratio << 40;
		return 0;
	case MSR_MTRRCAP:
		*v = 8 | 1 << 8 | 1 << 10; /* variable, fixed, WC */
		return 0;
	case MSR_ARCH_CAP:
		*v = ARCH_CAP;
		return 0;
	case MSR_MCG_CAP:
		*v = MC_BANKS | 1 << 8; /* MCG_CTL */
		return 0;
	default:
		return -1;
	}
}

int
soft_rdmsr(struct cpu *c, uint32_t index, uint64_t *v)
{
	const uint64_t *p = plain(c, index);

	if (p) {
		*v = *p;
		return 0;
	}
	if (lapic_msr(index))
		return lapic_msr_read(c->lapic, index, v);
	if (!mtrr_read(c, index, v) || !mc_read(c, index, v))
		return 0;
	return read_fixed(c, index, v);
}

/* The bits that a plain register may have. */
static bool
plain_valid(uint32_t index, uint64_t v)
{
	switch (index) {
	case MSR_SYSENTER_ESP:
	case MSR_SYSENTER_EIP:
	case MSR_LSTAR:
	case MSR_CSTAR:
	case MSR_FS_BASE:
	case MSR_GS_BASE:
	case MSR_KERNEL_GS_BASE:
		return canonical(v);
	case MSR_FMASK:
	case MSR_TSC_AUX:
		return !(v >> 32);
	case MSR_PAT:
		return pat_valid(v);
	case MSR_SPEC_CTRL: /* IBRS, STIBP */
	case MSR_DEBUGCTL: /* LBR, BTF */
		return !(v & ~3ull);
	case MSR_MCG_STATUS:
		return !(v & ~7ull);
	default:
		return true;
	}
}

static int
write_plain(struct cpu *c, uint32_t index, uint64_t v, uint64_t *p)
{
	if (!plain_valid(index, v))
		return -1;
	switch (index) {
	case MSR_EFER:
		return set_efer(c, v);
	case MSR_TSC_ADJUST:
		tsc_move(c, v - c->tsc_adjust);
		return 0;
	case MSR_MISC_ENABLE:
		if (v & ~MISC_KNOWN)
			return -1;
		*p = v | MISC_FIXED;
		return 0;
	case MSR_FS_BASE:
		c->seg[SEG_FS].base = v;
		break;
	case MSR_GS_BASE:
		c->seg[SEG_GS].base = v;
		break;
	}
	*p = v;
	return 0;
}

static int
write_other(struct cpu *c, uint32_t index, uint64_t v)
{
	switch (index) {
	case MSR_TSC:
		tsc_move(c, v - soft_tsc(c));
		return 0;
	case MSR_APIC_BASE:
		return lapic_set_base(c->lapic, v);
	case MSR_PRED_CMD: /* a command: nothing predicts here */
		return v & ~1ull ? -1 : 0;
	case MSR_BIOS_SIGN_ID: /* CPUID fills it in again */
	case MSR_EBL_CR_POWERON:
		return v ? -1 : 0;
	default:
		return -1;
	}
}

int
soft_wrmsr(struct cpu *c, uint32_t index, uint64_t v)
{
	uint64_t *p = plain(c, index);

	if (p)
		return write_plain(c, index, v, p);
	if (lapic_msr(index))
		return lapic_msr_write(c->lapic, index, v);
	if (!mtrr_write(c, index, v) || !mc_write(c, index, v))
		return 0;
	return write_other(c, index, v);
}

/* ---- instructions ---- */

static void
edx_eax(struct cpu *c, uint64_t v)
{
	c->gpr[RAX] = (uint32_t)v;
	c->gpr[RDX] = v >> 32;
}

static void NOINLINE
rdmsr(struct cpu *c, const struct insn *i)
{
	uint64_t v;

	need_cpl0(c, i);
	if (soft_rdmsr(c, (uint32_t)c->gpr[RCX], &v))
		raise_gp(c, i, 0);
	edx_eax(c, v);
}

static void
rdmsr_z(struct cpu *c, const struct insn *i)
{
	rdmsr(c, i);
	DONE;
}

handler *const x_rdmsr_z[8] = ALL8(rdmsr_z);

static void
wrmsr_z(struct cpu *c, const struct insn *i)
{
	uint64_t v = (uint32_t)c->gpr[RAX] | c->gpr[RDX] << 32;

	need_cpl0(c, i);
	if (soft_wrmsr(c, (uint32_t)c->gpr[RCX], v))
		raise_gp(c, i, 0);
	pend(c, PEND_LAPIC);
	DONE;
}

handler *const x_wrmsr_z[8] = ALL8(wrmsr_z);

static void
need_tsc(struct cpu *c, const struct insn *i)
{
	if (c->cpl && (c->cr4 & CR4_TSD))
		raise_gp(c, i, 0);
}

static void
rdtsc_z(struct cpu *c, const struct insn *i)
{
	need_tsc(c, i);
	edx_eax(c, soft_tsc(c));
	DONE;
}

handler *const x_rdtsc_z[8] = ALL8(rdtsc_z);

static void
rdtscp_z(struct cpu *c, const struct insn *i)
{
	need_tsc(c, i);
	edx_eax(c, soft_tsc(c));
	c->gpr[RCX] = (uint32_t)c->tsc_aux;
	DONE;
}

handler *const x_rdtscp_z[8] = ALL8(rdtscp_z);

/* There are no counters, so every index is wrong. */
static void
rdpmc_z(struct cpu *c, const struct insn *i)
{
	raise_gp(c, i, 0);
}

handler *const x_rdpmc_z[8] = ALL8(rdpmc_z);
