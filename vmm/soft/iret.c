/* SPDX-License-Identifier: MIT */
/*
 * IRET (Intel SDM vol. 2): in real mode, in vm86 mode with and without VME, in
 * protected mode to the same and to outer levels, to vm86 mode and to another
 * task (NT), and in IA-32e mode. It ends the blocking of NMIs even if it
 * faults.
 */
#include "vmm/soft/handlers.h"
#include "vmm/soft/prot.h"

/* What IRET may change beyond POPF. */
static uint32_t
iret_mask(const struct cpu *c, unsigned size)
{
	uint32_t mask = flags_mask(c, size);

	if (size > 2)
		mask |= FL_RF;
	return mask;
}

static void
new_flags(struct cpu *c, uint32_t f, uint32_t mask)
{
	set_flags(c, (get_flags(c) & ~mask) | (f & mask));
}

/* Real mode, and vm86 mode with IOPL 3. */
static void
iret_real(struct cpu *c, const struct insn *i)
{
	uint64_t off;
	uint16_t sel;
	uint32_t f;
	struct stk s;

	stk_here(c, &s);
	off = stk_pop(c, i, &s, i->size);
	sel = (uint16_t)stk_pop(c, i, &s, i->size);
	f = (uint32_t)stk_pop(c, i, &s, i->size);
	if (off > c->seg[SEG_CS].limit)
		raise_gp(c, i, 0);
	c->gpr[RSP] = s.sp;
	new_flags(c, f, iret_mask(c, i->size));
	seg_real(c, SEG_CS, sel);
	c->RIP = off;
	mode_changed(c);
}

/* vm86 with IOPL below 3: VME does IRET on VIF. */
static void
iret_vme(struct cpu *c, const struct insn *i)
{
	uint32_t f, mask = flags_mask(c, 2) | FL_VIF;
	uint64_t off;
	uint16_t sel;
	struct stk s;

	if (!(c->cr4 & CR4_VME) || i->size != 2)
		raise_gp(c, i, 0);
	stk_here(c, &s);
	off = stk_pop(c, i, &s, 2);
	sel = (uint16_t)stk_pop(c, i, &s, 2);
	f = (uint32_t)stk_pop(c, i, &s, 2);
	if ((f & FL_TF) || ((f & FL_IF) && (c->sysflags & FL_VIP)))
		raise_gp(c, i, 0);
	if (off > c->seg[SEG_CS].limit)
		raise_gp(c, i, 0);
	c->gpr[RSP] = s.sp;
	new_flags(c, f | (f & FL_IF ? FL_VIF : 0), mask);
	seg_real(c, SEG_CS, sel);
	c->RIP = off;
	mode_changed(c);
}

struct frame {
	uint64_t rip;
	uint16_t cs;
	uint32_t flags;
	struct stk s; /* what is left */
};

static void
to_vm86(struct cpu *c, const struct insn *i, struct frame *f)
{
	static const uint8_t order[] = {SEG_SS, SEG_ES, SEG_DS, SEG_FS, SEG_GS};
	uint16_t sel[5];
	uint32_t sp = (uint32_t)stk_pop(c, i, &f->s, 4);
	struct cpu_seg cs = seg_vm86(f->cs);

	for (unsigned n = 0; n < 5; n++)
		sel[n] = (uint16_t)stk_pop(c, i, &f->s, 4);
	if ((uint32_t)f->rip > 0xffff)
		raise_gp(c, i, 0);
	set_flags(c, f->flags);
	c->gpr[RSP] = sp;
	for (unsigned n = 0; n < 5; n++)
		seg_real(c, order[n], sel[n]);
	c->seg[SEG_CS] = cs;
	c->cpl = 3;
	c->RIP = f->rip;
	mode_changed(c);
}

/* To protected or 64-bit code. */
static void
to_level(struct cpu *c, const struct insn *i, struct frame *f)
{
	bool pop_ss = c->code == CODE64;
	uint32_t mask = iret_mask(c, i->size);
	unsigned old = c->cpl, cpl = f->cs & 3;
	struct outer o;
	struct desc d;

	code_desc(c, i, f->cs, CODE_RET, 0, &d);
	if (cpl > old)
		pop_ss = true;
	if (pop_ss)
		outer_stack(c, i, &f->s, i->size, &d.seg, &o);
	if (!code_offset(c, &d.seg, f->rip))
		raise_gp(c, i, 0);
	if (old == 0 && i->size > 2)
		mask |= FL_VIF | FL_VIP;
	new_flags(c, f->flags, mask);
	code_commit(c, &d.seg, cpl, f->rip);
	if (pop_ss)
		outer_commit(c, &o, 0);
	else
		c->gpr[RSP] = f->s.sp;
	if (cpl > old)
		seg_drop(c);
}

static void
iret_prot(struct cpu *c, const struct insn *i)
{
	const struct cpu_seg *tr = &c->seg[SEG_TR];
	struct frame f;

	if (c->sysflags & FL_NT) {
		if (long_mode(c))
			raise_gp(c, i, 0);
		task_switch(c, i, (uint16_t)sys_ld(c, i, (uint32_t)tr->base, 2),
			TASK_IRET, rip_after(c, i), 0);
		return;
	}
	stk_here(c, &f.s);
	f.rip = stk_pop(c, i, &f.s, i->size);
	f.cs = (uint16_t)stk_pop(c, i, &f.s, i->size);
	f.flags = (uint32_t)stk_pop(c, i, &f.s, i->size);
	if ((f.flags & FL_VM) && i->size == 4 && c->cpl == 0 && !long_mode(c))
		to_vm86(c, i, &f);
	else
		to_level(c, i, &f);
}

static void
iret_z(struct cpu *c, const struct insn *i)
{
	if (c->nmi_masked) {
		c->nmi_masked = false;
		lapic_nmi_done(c->lapic);
		pend(c, PEND_LAPIC);
	}
	if (!protected_mode(c) || (vm86(c) && iopl(c) == 3))
		iret_real(c, i);
	else if (vm86(c))
		iret_vme(c, i);
	else
		iret_prot(c, i);
}

handler *const x_iret_z[8] = ALL8(iret_z);
