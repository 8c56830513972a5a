/* SPDX-License-Identifier: MIT */
/*
 * Instructions that interrupt: INT n, INT3, INTO, INT1, BOUND, UD (Intel SDM
 * vol. 2; vol. 3B section 21.3 for INT n in vm86 mode with VME).
 */
#include "vmm/soft/handlers.h"
#include "vmm/soft/prot.h"

/* The TSS's redirection bitmap: a clear bit sends INT n of vm86 code to its
 * own 8086 handler. It lies in the 32 bytes below the I/O bitmap. */
static bool
redirected(struct cpu *c, const struct insn *i, unsigned vector)
{
	const struct cpu_seg *tr = &c->seg[SEG_TR];
	uint32_t at;

	if (!(tr->type & 8) || tr->limit < 0x67)
		raise_gp(c, i, 0);
	at = (uint32_t)sys_ld(c, i, (uint32_t)(tr->base + 0x66), 2);
	at = at - 32 + vector / 8;
	if (at > tr->limit)
		raise_gp(c, i, 0);
	return !(sys_ld(c, i, (uint32_t)(tr->base + at), 1) >> vector % 8 & 1);
}

static void
deliver_vme(struct cpu *c, const struct insn *i, unsigned vector)
{
	uint32_t flags = get_flags(c), entry = ld32(c, i, vector * 4);
	struct stk s;

	if (iopl(c) < 3) {
		flags |= FL_IOPL | FL_IF;
		if (!(c->sysflags & FL_VIF))
			flags &= ~(uint32_t)FL_IF;
	}
	stk_here(c, &s);
	stk_push(c, i, &s, 2, flags);
	stk_push(c, i, &s, 2, c->seg[SEG_CS].sel);
	stk_push(c, i, &s, 2, rip_after(c, i));
	c->gpr[RSP] = s.sp;
	seg_real(c, SEG_CS, (uint16_t)(entry >> 16));
	c->RIP = entry & 0xffff;
	set_flags(c, get_flags(c) & ~(uint32_t)(FL_TF | (iopl(c) < 3 ? FL_VIF
								     : FL_IF)));
	mode_changed(c);
}

static void
int_i(struct cpu *c, const struct insn *i)
{
	unsigned vector = (uint8_t)i->imm;

	if (unlikely(vm86(c))) {
		if ((c->cr4 & CR4_VME) && redirected(c, i, vector)) {
			deliver_vme(c, i, vector);
			return;
		}
		if (iopl(c) < 3)
			raise_gp(c, i, 0);
	}
	deliver_from(c, i, vector, INT_SOFT, false, 0, rip_after(c, i));
}

handler *const x_int_i[8] = ALL8(int_i);

static void
int3_z(struct cpu *c, const struct insn *i)
{
	deliver_from(c, i, EXC_BP, INT_SOFT, false, 0, rip_after(c, i));
}

handler *const x_int3_z[8] = ALL8(int3_z);

static void
int1_z(struct cpu *c, const struct insn *i)
{
	deliver_from(c, i, EXC_DB, INT_ICEBP, false, 0, rip_after(c, i));
}

handler *const x_int1_z[8] = ALL8(int1_z);

static void
into_z(struct cpu *c, const struct insn *i)
{
	if (!(get_flags(c) & FL_OF)) {
		end_insn(c, i);
		return;
	}
	deliver_from(c, i, EXC_OF, INT_SOFT, false, 0, rip_after(c, i));
}

handler *const x_into_z[8] = ALL8(into_z);

static void
bound_re(struct cpu *c, const struct insn *i)
{
	uint64_t lin = ea(c, i, i->size * 2u, ACC_READ);
	int64_t low, high, v;

	if (i->size == 2) {
		low = (int16_t)ld16(c, i, lin);
		high = (int16_t)ld16(c, i, lin + 2);
		v = (int16_t)get_reg(c, i->reg, 2);
	} else {
		low = (int32_t)ld32(c, i, lin);
		high = (int32_t)ld32(c, i, lin + 4);
		v = (int32_t)get_reg(c, i->reg, 4);
	}
	if (v < low || v > high)
		raise_exc(c, i, EXC_BR);
	DONE;
}

handler *const x_bound_re[8] = ALL8(bound_re);

static void
ud(struct cpu *c, const struct insn *i)
{
	raise_ud(c, i);
}

handler *const x_ud[8] = ALL8(ud);
