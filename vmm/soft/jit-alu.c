/* SPDX-License-Identifier: MIT */
/*
 * Translated arithmetic and logic: the guest's opcode with other operands. Of
 * the scratch registers RCX is the rm operand (or its address), RDX the other.
 */
#include "vmm/soft/decode.h"
#include "vmm/soft/jit-op.h"

enum { ALU_CMP = 7 };

static void
lock(struct tr *t, const struct insn *i)
{
	if (i->flags & I_LOCK)
		t->p = emit8(t->p, 0xf0);
}

static unsigned
wide(const struct insn *i)
{
	return i->size != 1;
}

bool
jit_alu_er(struct tr *t, const struct insn *i, unsigned n)
{
	unsigned opcode = n * 8 | wide(i), s, d;
	struct place m;

	if (i->flags & I_MEM) {
		m = jit_mem(t, i, i->size, n != ALU_CMP);
		jit_flags(t);
		s = jit_get(t, i->reg, i->size, H_RDX);
		lock(t, i);
		op(t, i->size, opcode, s, m);
		return true;
	}
	jit_flags(t);
	s = jit_get(t, i->reg, i->size, H_RDX);
	d = jit_get(t, i->rm, i->size, H_RCX);
	op_rr(t, i->size, opcode, s, d);
	if (n != ALU_CMP)
		jit_put(t, i->rm, i->size, d);
	return true;
}

/* A comparison that a Jcc follows has its operands swapped: block_tune(). */
static bool
swapped(const struct tr *t, const struct insn *i)
{
	return !(i->flags & I_MEM) &&
	       block_handler(t->b, t->n) !=
		       decode_row(i->row)->fns[__builtin_ctz(i->size)];
}

bool
jit_alu_re(struct tr *t, const struct insn *i, unsigned n)
{
	unsigned opcode = n * 8 | 2 | wide(i), d, reg = i->reg, rm = i->rm;
	struct place s;

	if (n == ALU_CMP && swapped(t, i)) {
		reg = i->rm;
		rm = i->reg;
	}
	if (i->flags & I_MEM) {
		s = jit_mem(t, i, i->size, false);
		jit_flags(t);
	} else {
		jit_flags(t);
		s = jit_place(t, rm, i->size, H_RCX);
	}
	d = jit_get(t, reg, i->size, H_RDX);
	op(t, i->size, opcode, d, s);
	if (n != ALU_CMP)
		jit_put(t, reg, i->size, d);
	return true;
}

static void
op_imm(struct tr *t, const struct insn *i, unsigned n, struct place d)
{
	bool short_imm = i->size != 1 && fits8((int64_t)i->imm);

	op(t, i->size, i->size == 1 ? 0x80 : short_imm ? 0x83 : 0x81, n, d);
	t->p = emit_imm(t->p, short_imm ? 1 : i->size, i->imm);
}

bool
jit_alu_ei(struct tr *t, const struct insn *i, unsigned n)
{
	unsigned d;

	if (i->flags & I_MEM) {
		struct place m = jit_mem(t, i, i->size, n != ALU_CMP);

		jit_flags(t);
		lock(t, i);
		op_imm(t, i, n, m);
		return true;
	}
	jit_flags(t);
	if (n == ALU_CMP) {
		op_imm(t, i, n, jit_place(t, i->rm, i->size, H_RCX));
		return true;
	}
	d = jit_get(t, i->rm, i->size, H_RCX);
	op_imm(t, i, n, in_reg(d));
	jit_put(t, i->rm, i->size, d);
	return true;
}

bool
jit_test_er(struct tr *t, const struct insn *i, unsigned arg)
{
	struct place m;
	unsigned s;

	(void)arg;
	if (i->flags & I_MEM)
		m = jit_mem(t, i, i->size, false);
	else
		m = jit_place(t, i->rm, i->size, H_RCX);
	s = jit_get(t, i->reg, i->size, H_RDX);
	op(t, i->size, 0x84 | wide(i), s, m);
	return true;
}

bool
jit_test_ei(struct tr *t, const struct insn *i, unsigned arg)
{
	struct place m;

	(void)arg;
	if (i->flags & I_MEM)
		m = jit_mem(t, i, i->size, false);
	else
		m = jit_place(t, i->rm, i->size, H_RCX);
	op(t, i->size, 0xf6 | wide(i), 0, m);
	t->p = emit_imm(t->p, i->size, i->imm);
	return true;
}

bool
jit_unary(struct tr *t, const struct insn *i, unsigned arg)
{
	unsigned opcode = arg >> 8 | wide(i), n = arg & 7, d;

	if (i->flags & I_MEM) {
		struct place m = jit_mem(t, i, i->size, true);

		jit_flags(t);
		/* NOT leaves flags alone, the look at the TLB does not. */
		lock(t, i);
		op(t, i->size, opcode, n, m);
		return true;
	}
	jit_flags(t);
	d = jit_get(t, i->rm, i->size, H_RCX);
	op_rr(t, i->size, opcode, n, d);
	jit_put(t, i->rm, i->size, d);
	return true;
}

bool
jit_xchg(struct tr *t, const struct insn *i, unsigned arg)
{
	unsigned a, b;

	(void)arg;
	if (i->flags & I_MEM) {
		struct place m = jit_mem(t, i, i->size, true);

		a = jit_get(t, i->reg, i->size, H_RDX);
		op(t, i->size, 0x86 | wide(i), a, m);
		jit_put(t, i->reg, i->size, a);
		return true;
	}
	if (i->size == 1)
		return false;
	a = jit_get(t, i->rm, i->size, H_RCX);
	b = jit_get(t, i->reg, i->size, H_RDX);
	op_rr(t, i->size, 0x87, b, a);
	jit_put(t, i->rm, i->size, a);
	jit_put(t, i->reg, i->size, b);
	return true;
}

bool
jit_xadd(struct tr *t, const struct insn *i, unsigned arg)
{
	struct place m;
	unsigned s;

	(void)arg;
	if (!(i->flags & I_MEM))
		return false;
	m = jit_mem(t, i, i->size, true);
	s = jit_get(t, i->reg, i->size, H_RDX);
	lock(t, i);
	op(t, i->size, 0x0fc0 | wide(i), s, m);
	jit_put(t, i->reg, i->size, s);
	return true;
}

/* The accumulator is written only if it differed. */
bool
jit_cmpxchg(struct tr *t, const struct insn *i, unsigned arg)
{
	unsigned s, home = jit_home[RAX];
	struct place m;
	uint8_t *same;

	(void)arg;
	if (!(i->flags & I_MEM))
		return false;
	m = jit_mem(t, i, i->size, true);
	s = jit_get(t, i->reg, i->size, H_RDX);
	op_rr(t, 8, 0x8b, H_RAX, home);
	lock(t, i);
	op(t, i->size, 0x0fb0 | wide(i), s, m);
	t->p = emit8(t->p, 0x74); /* jz */
	same = t->p;
	t->p = emit8(t->p, 0);
	op_rr(t, 8, 0x8b, home, H_RAX);
	*same = (uint8_t)(t->p - (same + 1));
	return true;
}
