/* SPDX-License-Identifier: MIT */
/*
 * Translated multiplication, shifts, bit tests and scans.
 */
#include "vmm/soft/jit-op.h"

static unsigned
wide(const struct insn *i)
{
	return i->size != 1;
}

static void
lock(struct tr *t, const struct insn *i)
{
	if (i->flags & I_LOCK)
		t->p = emit8(t->p, 0xf0);
}

/* The rm operand, to be read. */
static struct place
source(struct tr *t, const struct insn *i)
{
	if (i->flags & I_MEM)
		return jit_mem(t, i, i->size, false);
	return jit_place(t, i->rm, i->size, H_RCX);
}

/*
 * CF and OF are the multiplication's; the others, undefined, are the result's
 * (in register d), as mul.c has them: whoever looks sees no difference.
 */
static void
product_flags(struct tr *t, unsigned size, unsigned d)
{
	if (t->live[t->n + 1]) {
		op_rr(t, 1, 0x0f90, 0, H_RCX); /* seto cl */
		op_rr(t, size, 0x85, d, d);
		t->p = emit8(t->p, 0x9f); /* lahf */
		op_rr(t, 4, 0x8a, H_RAX, H_RCX); /* mov al, cl */
		t->p = emit16(t->p, 0xcc08); /* or ah, cl */
		op_cpu(t, 2, 0x89, H_RAX, JIT_OFF(cc));
	}
	t->host = false;
	t->saved = true;
}

bool
jit_mul(struct tr *t, const struct insn *i, unsigned n)
{
	struct place s;

	if (i->size < 4)
		return false;
	s = source(t, i);
	op_rr(t, 8, 0x8b, H_RAX, jit_home[RAX]);
	op(t, i->size, 0xf7, n, s);
	op_rr(t, 8, 0x8b, jit_home[RAX], H_RAX);
	op_rr(t, 8, 0x8b, jit_home[RDX], H_RDX);
	product_flags(t, i->size, jit_home[RAX]);
	return true;
}

bool
jit_imul_re(struct tr *t, const struct insn *i, unsigned arg)
{
	struct place s = source(t, i);
	unsigned d = jit_get(t, i->reg, i->size, H_RDX);

	(void)arg;
	op(t, i->size, 0x0faf, d, s);
	jit_put(t, i->reg, i->size, d);
	product_flags(t, i->size, d);
	return true;
}

bool
jit_imul_rei(struct tr *t, const struct insn *i, unsigned arg)
{
	struct place s = source(t, i);
	unsigned d = jit_fresh(t, i->reg, i->size, H_RDX);
	bool small = fits8((int64_t)i->imm);

	(void)arg;
	op(t, i->size, small ? 0x6b : 0x69, d, s);
	t->p = emit_imm(t->p, small ? 1 : i->size, i->imm);
	jit_put(t, i->reg, i->size, d);
	product_flags(t, i->size, d);
	return true;
}

/* ---- shifts ---- */

bool
jit_shift_ei(struct tr *t, const struct insn *i, unsigned n)
{
	unsigned opcode = 0xc0 | wide(i), d;

	if (i->flags & I_MEM) {
		struct place m = jit_mem(t, i, i->size, true);

		jit_flags(t);
		op(t, i->size, opcode, n, m);
		t->p = emit8(t->p, (uint8_t)i->imm);
		return true;
	}
	jit_flags(t);
	d = jit_get(t, i->rm, i->size, H_RCX);
	op_rr(t, i->size, opcode, n, d);
	t->p = emit8(t->p, (uint8_t)i->imm);
	jit_put(t, i->rm, i->size, d);
	return true;
}

/* The rm operand anywhere but in RCX, which gets the count. */
static struct place
beside_count(struct tr *t, const struct insn *i)
{
	struct place m;

	if (i->flags & I_MEM) {
		m = jit_mem(t, i, i->size, true);
		op_rr(t, 8, 0x8b, H_RDX, H_RCX);
		m = at_mem(H_RDX, 0);
	} else {
		m = in_reg(jit_get(t, i->rm, i->size, H_RDX));
	}
	op_rr(t, 4, 0x8b, H_RCX, jit_home[RCX]);
	return m;
}

bool
jit_shift_ec(struct tr *t, const struct insn *i, unsigned n)
{
	struct place m = beside_count(t, i);

	jit_flags(t);
	op(t, i->size, 0xd2 | wide(i), n, m);
	if (!m.mem)
		jit_put(t, i->rm, i->size, m.reg);
	return true;
}

bool
jit_double_eri(struct tr *t, const struct insn *i, unsigned opcode)
{
	struct place m;
	unsigned s;

	if (i->flags & I_MEM)
		m = jit_mem(t, i, i->size, true);
	else
		m = in_reg(jit_get(t, i->rm, i->size, H_RCX));
	jit_flags(t);
	s = jit_get(t, i->reg, i->size, H_RDX);
	op(t, i->size, opcode, s, m);
	t->p = emit8(t->p, (uint8_t)i->imm);
	if (!m.mem)
		jit_put(t, i->rm, i->size, m.reg);
	return true;
}

bool
jit_double_erc(struct tr *t, const struct insn *i, unsigned opcode)
{
	struct place m = beside_count(t, i);
	unsigned s;

	jit_flags(t);
	s = jit_get(t, i->reg, i->size, H_RAX);
	op(t, i->size, opcode, s, m);
	if (!m.mem)
		jit_put(t, i->rm, i->size, m.reg);
	return true;
}

/* ---- bits ---- */

/* With a register's bit number memory is a string of bits: the handler's. */
bool
jit_bit_er(struct tr *t, const struct insn *i, unsigned n)
{
	unsigned d, s;

	if (i->flags & I_MEM)
		return false;
	jit_flags(t);
	d = jit_get(t, i->rm, i->size, H_RCX);
	s = jit_get(t, i->reg, i->size, H_RDX);
	op_rr(t, i->size, 0x0f83 | n << 3, s, d);
	if (n != 4)
		jit_put(t, i->rm, i->size, d);
	return true;
}

bool
jit_bit_ei(struct tr *t, const struct insn *i, unsigned n)
{
	struct place m;

	if (i->flags & I_MEM)
		m = jit_mem(t, i, i->size, n != 4);
	else
		m = in_reg(jit_get(t, i->rm, i->size, H_RCX));
	jit_flags(t);
	lock(t, i);
	op(t, i->size, 0x0fba, n, m);
	t->p = emit8(t->p, (uint8_t)i->imm);
	if (!m.mem && n != 4)
		jit_put(t, i->rm, i->size, m.reg);
	return true;
}

/* Of 0 nothing is written. */
bool
jit_scan(struct tr *t, const struct insn *i, unsigned opcode)
{
	struct place s = source(t, i);
	uint8_t *zero;

	op(t, i->size, opcode, H_RDX, s);
	t->p = emit8(t->p, 0x74); /* jz */
	zero = t->p;
	t->p = emit8(t->p, 0);
	jit_put(t, i->reg, i->size, H_RDX);
	*zero = (uint8_t)(t->p - (zero + 1));
	return true;
}

bool
jit_popcnt(struct tr *t, const struct insn *i, unsigned arg)
{
	struct place s = source(t, i);
	unsigned d = jit_fresh(t, i->reg, i->size, H_RDX);

	(void)arg;
	t->p = emit8(t->p, 0xf3);
	op(t, i->size, 0x0fb8, d, s);
	jit_put(t, i->reg, i->size, d);
	return true;
}

bool
jit_bswap(struct tr *t, const struct insn *i, unsigned arg)
{
	unsigned d;

	(void)arg;
	if (i->size < 4)
		return false;
	d = jit_get(t, i->rm, i->size, H_RCX);
	if (i->size == 8 || d > 7)
		t->p = emit8(t->p,
			0x40 | (i->size == 8 ? 8u : 0) | (d > 7 ? 1u : 0));
	t->p = emit16(t->p, 0xc80f | (d & 7) << 8);
	jit_put(t, i->rm, i->size, d);
	return true;
}
