/* SPDX-License-Identifier: MIT */
/*
 * Translated moves, extensions, addresses, conditions, and the stack.
 */
#include "vmm/soft/jit-op.h"

static unsigned
wide(const struct insn *i)
{
	return i->size != 1;
}

/* From a register. */
static void
move(struct tr *t, unsigned to, unsigned from, unsigned n)
{
	struct place s = jit_place(t, from, n, H_RCX);
	unsigned d;

	/* A register in memory, from one: no detour but for the upper half. */
	if (jit_home[to >> 3] == H_NONE && !s.mem && n != 4) {
		jit_put(t, to, n, s.reg);
		return;
	}
	d = jit_fresh(t, to, n, H_RDX);
	op(t, n, 0x8a | (n != 1), d, s);
	jit_put(t, to, n, d);
}

bool
jit_mov_er(struct tr *t, const struct insn *i, unsigned arg)
{
	(void)arg;
	if (i->flags & I_MEM) {
		struct place m = jit_mem(t, i, i->size, true);
		unsigned s = jit_get(t, i->reg, i->size, H_RDX);

		op(t, i->size, 0x88 | wide(i), s, m);
		return true;
	}
	move(t, i->rm, i->reg, i->size);
	return true;
}

bool
jit_mov_re(struct tr *t, const struct insn *i, unsigned arg)
{
	(void)arg;
	if (i->flags & I_MEM) {
		struct place m = jit_mem(t, i, i->size, false);
		unsigned d = jit_fresh(t, i->reg, i->size, H_RDX);

		op(t, i->size, 0x8a | wide(i), d, m);
		jit_put(t, i->reg, i->size, d);
		return true;
	}
	move(t, i->reg, i->rm, i->size);
	return true;
}

bool
jit_mov_ei(struct tr *t, const struct insn *i, unsigned arg)
{
	unsigned d;

	(void)arg;
	if (i->flags & I_MEM) {
		struct place m = jit_mem(t, i, i->size, true);

		op(t, i->size, 0xc6 | wide(i), 0, m);
		t->p = emit_imm(t->p, i->size, i->imm);
		return true;
	}
	d = jit_fresh(t, i->rm, i->size, H_RDX);
	if (i->size < 4) {
		op_rr(t, i->size, 0xc6 | wide(i), 0, d);
		t->p = emit_imm(t->p, i->size, i->imm);
	} else {
		t->p = emit_mov_imm(
			t->p, d, i->size == 4 ? (uint32_t)i->imm : i->imm);
	}
	jit_put(t, i->rm, i->size, d);
	return true;
}

/* MOVZX, MOVSX, MOVSXD */
bool
jit_extend(struct tr *t, const struct insn *i, unsigned opcode)
{
	bool byte = opcode == 0x0fb6 || opcode == 0x0fbe;
	unsigned n = byte ? 1 : opcode == 0x63 ? 4 : 2, d;
	struct place s;

	if (opcode == 0x63 && i->size == 2)
		return false;
	if (i->flags & I_MEM)
		s = jit_mem(t, i, n, false);
	else
		s = jit_place(t, i->rm, n, H_RCX);
	d = jit_fresh(t, i->reg, i->size, H_RDX);
	t->p = emit_op(t->p, i->size, opcode, d, s, byte ? BYTE_RM : 0);
	jit_put(t, i->reg, i->size, d);
	return true;
}

bool
jit_lea(struct tr *t, const struct insn *i, unsigned arg)
{
	unsigned d;

	(void)arg;
	if (i->size == 2)
		return false;
	d = jit_fresh(t, i->reg, i->size, H_RCX);
	jit_offset(t, i, d, i->size);
	jit_put(t, i->reg, i->size, d);
	return true;
}

/* ---- conditions ---- */

bool
jit_cmov(struct tr *t, const struct insn *i, unsigned arg)
{
	struct place s;
	unsigned d;

	(void)arg;
	if (i->flags & I_MEM)
		s = jit_mem(t, i, i->size, false);
	else
		s = jit_place(t, i->rm, i->size, H_RCX);
	jit_flags(t);
	d = jit_get(t, i->reg, i->size, H_RDX);
	op(t, i->size, 0x0f40 | (i->op & 15), d, s);
	jit_put(t, i->reg, i->size, d);
	return true;
}

bool
jit_setcc(struct tr *t, const struct insn *i, unsigned arg)
{
	unsigned opcode = 0x0f90 | (i->op & 15), d;

	(void)arg;
	if (i->flags & I_MEM) {
		struct place m = jit_mem(t, i, 1, true);

		jit_flags(t);
		op(t, 1, opcode, 0, m);
		return true;
	}
	jit_flags(t);
	d = jit_fresh(t, i->rm, 1, H_RCX);
	op(t, 1, opcode, 0, in_reg(d));
	jit_put(t, i->rm, 1, d);
	return true;
}

/* CBW, CWDE, CDQE */
bool
jit_cbw(struct tr *t, const struct insn *i, unsigned arg)
{
	unsigned a = jit_home[RAX];

	(void)arg;
	if (i->size == 8)
		op_rr(t, 8, 0x63, a, a);
	else if (i->size == 4)
		op_rr(t, 4, 0x0fbf, a, a);
	else
		t->p = emit_op(t->p, 2, 0x0fbe, a, in_reg(a), BYTE_RM);
	return true;
}

/* CDQ, CQO */
bool
jit_cwd(struct tr *t, const struct insn *i, unsigned arg)
{
	(void)arg;
	if (i->size < 4)
		return false;
	op_rr(t, 8, 0x8b, H_RAX, jit_home[RAX]);
	if (i->size == 8)
		t->p = emit8(t->p, 0x48);
	t->p = emit8(t->p, 0x99);
	op_rr(t, 8, 0x8b, jit_home[RDX], H_RDX);
	return true;
}

/* ---- small ones ---- */

bool
jit_byte(struct tr *t, const struct insn *i, unsigned opcode)
{
	(void)i;
	jit_flags(t);
	t->p = emit8(t->p, opcode);
	return true;
}

bool
jit_df(struct tr *t, const struct insn *i, unsigned v)
{
	(void)i;
	op_cpu(t, 1, 0xc6, 0, JIT_OFF(df));
	t->p = emit8(t->p, v);
	return true;
}

bool
jit_nop(struct tr *t, const struct insn *i, unsigned arg)
{
	(void)t, (void)i, (void)arg;
	return true;
}

bool
jit_fence(struct tr *t, const struct insn *i, unsigned arg)
{
	(void)arg;
	t->p = emit16(t->p, 0xae0f);
	t->p = emit8(t->p, i->modrm | 0xc0);
	return true;
}
