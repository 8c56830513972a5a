/* SPDX-License-Identifier: MIT */
/*
 * RFLAGS and who may change it: PUSHF, POPF, CLI, STI with the virtual IF of
 * VME and PVI, CLAC, STAC (Intel SDM vol. 2; vol. 3B sections 21.3, 21.4).
 */
#include "vmm/soft/handlers.h"
#include "vmm/soft/prot.h"

void
set_flags(struct cpu *c, uint32_t f)
{
	const uint32_t kept = FL_TF | FL_IF | FL_IOPL | FL_NT | FL_RF | FL_VM |
			      FL_AC | FL_VIF | FL_VIP | FL_ID;
	uint32_t old = c->sysflags;

	set_arith(c, f);
	c->df = f >> 10 & 1;
	c->sysflags = (f & kept) | 2;
	if (f & (FL_TF | FL_RF))
		pend(c, PEND_STEP);
	if (f & ~old & FL_IF)
		pend(c, PEND_LAPIC);
	if ((f ^ old) & FL_AC)
		mode_changed(c);
}

uint32_t
flags_mask(const struct cpu *c, unsigned size)
{
	uint32_t mask = FL_ARITH | FL_TF | FL_DF | FL_NT;

	if (size > 2)
		mask |= FL_AC | FL_ID;
	if (c->cpl <= iopl(c))
		mask |= FL_IF;
	if (c->cpl == 0)
		mask |= FL_IOPL;
	return mask;
}

/* vm86 code with IOPL below 3: VME lets 16-bit forms work on VIF. */
static bool
virtual_if(struct cpu *c, const struct insn *i)
{
	if (!vm86(c) || iopl(c) == 3)
		return false;
	if (!(c->cr4 & CR4_VME) || i->size != 2)
		raise_gp(c, i, 0);
	return true;
}

static void
pushf_z(struct cpu *c, const struct insn *i)
{
	uint32_t f = get_flags(c) & ~(uint32_t)(FL_RF | FL_VM);

	if (virtual_if(c, i)) {
		f = (f | FL_IOPL) & ~(uint32_t)FL_IF;
		if (c->sysflags & FL_VIF)
			f |= FL_IF;
	}
	push(c, i, i->size, f);
	DONE;
}

handler *const x_pushf_z[8] = ALL8(pushf_z);

static void
popf_z(struct cpu *c, const struct insn *i)
{
	uint32_t f = (uint32_t)stack_peek(c, i, 0, i->size);
	uint32_t mask = flags_mask(c, i->size);

	if (virtual_if(c, i)) {
		if ((f & FL_TF) || ((f & FL_IF) && (c->sysflags & FL_VIP)))
			raise_gp(c, i, 0);
		f = (f & ~(uint32_t)FL_VIF) | (f & FL_IF ? FL_VIF : 0);
		mask |= FL_VIF;
	}
	stack_move(c, i->size);
	mask |= FL_RF;
	f &= ~(uint32_t)FL_RF;
	set_flags(c, (get_flags(c) & ~mask) | (f & mask));
	DONE;
}

handler *const x_popf_z[8] = ALL8(popf_z);

/* CLI and STI change IF, VIF, or raise #GP: the flag. */
static uint32_t
if_flag(struct cpu *c, const struct insn *i)
{
	if (c->cpl <= iopl(c))
		return FL_IF;
	if (vm86(c) ? (c->cr4 & CR4_VME) != 0
		    : c->cpl == 3 && (c->cr4 & CR4_PVI))
		return FL_VIF;
	raise_gp(c, i, 0);
}

static void
cli_z(struct cpu *c, const struct insn *i)
{
	c->sysflags &= ~if_flag(c, i);
	DONE;
}

handler *const x_cli_z[8] = ALL8(cli_z);

static void
sti_z(struct cpu *c, const struct insn *i)
{
	uint32_t flag = if_flag(c, i);

	if (flag == FL_VIF && (c->sysflags & FL_VIP))
		raise_gp(c, i, 0);
	if (flag == FL_IF && !(c->sysflags & FL_IF)) {
		c->shadow = true;
		pend(c, PEND_STEP | PEND_LAPIC);
	}
	c->sysflags |= flag;
	DONE;
}

handler *const x_sti_z[8] = ALL8(sti_z);

static void
set_ac(struct cpu *c, const struct insn *i, uint32_t ac)
{
	if (c->cpl)
		raise_ud(c, i);
	c->sysflags = (c->sysflags & ~(uint32_t)FL_AC) | ac;
	mode_changed(c);
}

static void
clac_z(struct cpu *c, const struct insn *i)
{
	set_ac(c, i, 0);
	DONE;
}

handler *const x_clac_z[8] = ALL8(clac_z);

static void
stac_z(struct cpu *c, const struct insn *i)
{
	set_ac(c, i, FL_AC);
	DONE;
}

handler *const x_stac_z[8] = ALL8(stac_z);
