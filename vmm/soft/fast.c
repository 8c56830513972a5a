/* SPDX-License-Identifier: MIT */
/*
 * Fast system calls and the bases of FS and GS: SYSCALL, SYSRET, SYSENTER,
 * SYSEXIT, SWAPGS, RDFSBASE and its kin (Intel SDM vol. 2, where it differs
 * from AMD's: SYSCALL in 64-bit code only, SYSRET checks RCX).
 */
#include "vmm/soft/handlers.h"
#include "vmm/soft/prot.h"

/* Flat CS and SS at cpl, and RIP. */
static void
enter_flat(struct cpu *c, uint16_t cs, uint16_t ss, bool l, unsigned cpl,
	uint64_t rip)
{
	struct cpu_seg s =
		seg_flat((uint16_t)(sel_error(ss) | cpl), false, false, cpl);

	seg_put(c, SEG_SS, &s);
	s = seg_flat(cs, true, l, cpl);
	code_commit(c, &s, cpl, rip);
}

/* Here TF counts as it is afterwards, so that FMASK can keep a trap away and
 * SYSRET traps at once. */
static void
step_after(struct cpu *c)
{
	c->stepping = c->sysflags & FL_TF;
	if (c->stepping)
		c->owes = true;
}

static void
syscall_z(struct cpu *c, const struct insn *i)
{
	uint16_t cs = (uint16_t)(c->star >> 32);
	uint32_t f = get_flags(c) & ~(uint32_t)FL_RF;

	if (c->code != CODE64 || !(c->efer & EFER_SCE))
		raise_ud(c, i);
	c->gpr[RCX] = next_rip(c, i);
	c->gpr[R11] = f;
	set_flags(c, f & ~(uint32_t)c->fmask);
	step_after(c);
	enter_flat(c, cs, (uint16_t)(cs + 8), true, 0, c->lstar);
}

handler *const x_syscall_z[8] = ALL8(syscall_z);

static void
sysret_z(struct cpu *c, const struct insn *i)
{
	const uint32_t taken = FL_ARITH | FL_TF | FL_IF | FL_DF | FL_IOPL |
			       FL_NT | FL_AC | FL_VIF | FL_VIP | FL_ID;
	uint16_t sel = (uint16_t)(c->star >> 48);
	bool l = i->size == 8;
	uint64_t rip = l ? c->gpr[RCX] : (uint32_t)c->gpr[RCX];

	if (c->code != CODE64 || !(c->efer & EFER_SCE))
		raise_ud(c, i);
	need_cpl0(c, i);
	if (!canonical(rip))
		raise_gp(c, i, 0);
	set_flags(c, (uint32_t)c->gpr[R11] & taken);
	step_after(c);
	enter_flat(c, (uint16_t)(sel + (l ? 16 : 0)), (uint16_t)(sel + 8), l, 3,
		rip);
}

handler *const x_sysret_z[8] = ALL8(sysret_z);

static void
sysenter_z(struct cpu *c, const struct insn *i)
{
	uint16_t cs = (uint16_t)(c->sysenter_cs & 0xfffc);
	bool l = long_mode(c);

	if (!protected_mode(c) || !cs)
		raise_gp(c, i, 0);
	set_flags(c, get_flags(c) & ~(uint32_t)(FL_VM | FL_IF | FL_RF));
	c->gpr[RSP] = l ? c->sysenter_esp : (uint32_t)c->sysenter_esp;
	enter_flat(c, cs, (uint16_t)(cs + 8), l, 0,
		l ? c->sysenter_eip : (uint32_t)c->sysenter_eip);
}

handler *const x_sysenter_z[8] = ALL8(sysenter_z);

static void
sysexit_z(struct cpu *c, const struct insn *i)
{
	uint16_t cs = (uint16_t)(c->sysenter_cs & 0xfffc);
	bool l = i->size == 8;
	uint64_t rip = c->gpr[RDX], rsp = c->gpr[RCX];

	if (!protected_mode(c) || c->cpl || !cs)
		raise_gp(c, i, 0);
	if (!l) {
		rip = (uint32_t)rip;
		rsp = (uint32_t)rsp;
	} else if (!canonical(rip) || !canonical(rsp)) {
		raise_gp(c, i, 0);
	}
	cs = (uint16_t)(cs + (l ? 32 : 16));
	c->gpr[RSP] = rsp;
	enter_flat(c, cs, (uint16_t)(cs + 8), l, 3, rip);
}

handler *const x_sysexit_z[8] = ALL8(sysexit_z);

/* ---- bases ---- */

static void
set_base(struct cpu *c, unsigned seg, uint64_t base)
{
	c->seg[seg].base = base;
	c->segbase[seg] = base;
}

static void
swapgs_z(struct cpu *c, const struct insn *i)
{
	uint64_t base = c->segbase[SEG_GS];

	if (c->code != CODE64)
		raise_ud(c, i);
	need_cpl0(c, i);
	set_base(c, SEG_GS, c->kernel_gs_base);
	c->kernel_gs_base = base;
	DONE;
}

handler *const x_swapgs_z[8] = ALL8(swapgs_z);

static void
rdbase(struct cpu *c, const struct insn *i, unsigned seg)
{
	if (c->code != CODE64 || !(c->cr4 & CR4_FSGSBASE))
		raise_ud(c, i);
	set_reg(c, i->rm, i->size, c->segbase[seg]);
}

static void
wrbase(struct cpu *c, const struct insn *i, unsigned seg)
{
	uint64_t base = get_reg(c, i->rm, i->size);

	if (c->code != CODE64 || !(c->cr4 & CR4_FSGSBASE))
		raise_ud(c, i);
	if (!canonical(base))
		raise_gp(c, i, 0);
	set_base(c, seg, base);
}

static void
rdfsbase_e(struct cpu *c, const struct insn *i)
{
	rdbase(c, i, SEG_FS);
	DONE;
}

handler *const x_rdfsbase_e[8] = ALL8(rdfsbase_e);

static void
rdgsbase_e(struct cpu *c, const struct insn *i)
{
	rdbase(c, i, SEG_GS);
	DONE;
}

handler *const x_rdgsbase_e[8] = ALL8(rdgsbase_e);

static void
wrfsbase_e(struct cpu *c, const struct insn *i)
{
	wrbase(c, i, SEG_FS);
	DONE;
}

handler *const x_wrfsbase_e[8] = ALL8(wrfsbase_e);

static void
wrgsbase_e(struct cpu *c, const struct insn *i)
{
	wrbase(c, i, SEG_GS);
	DONE;
}

handler *const x_wrgsbase_e[8] = ALL8(wrgsbase_e);
