/* SPDX-License-Identifier: MIT */
/*
 * Operands of translated instructions: where guest registers are, memory by way
 * of the TLB, and the arithmetic flags' way between RFLAGS and c->cc.
 */
#include "vmm/soft/jit-code.h"

/* The three that are nobody's, and RSP and RBP, are left out. RBX, which has a
 * high byte, is RAX; 8-15 are for what 64-bit code uses most. */
const uint8_t jit_home[16] = {
	[RAX] = H_RBX,
	[RCX] = 8,
	[RDX] = 9,
	[RBX] = 10,
	[RSP] = 11,
	[RBP] = 15,
	[RSI] = H_RSI,
	[RDI] = H_RDI,
	[R8] = H_NONE,
	[R9] = H_NONE,
	[R10] = H_NONE,
	[R11] = H_NONE,
	[R12] = 12,
	[R13] = 13,
	[R14] = 14,
	[R15] = H_NONE,
};

/* ---- flags ---- */

void
jit_save_flags(struct tr *t)
{
	if (t->saved)
		return;
	t->p = emit8(t->p, 0x9f); /* lahf */
	op(t, 1, 0x0f90, 0, in_reg(H_RAX)); /* seto al */
	op_cpu(t, 2, 0x89, H_RAX, JIT_OFF(cc));
	t->saved = true;
}

/* OF from bit 0 by an overflowing addition, the others by SAHF. */
void
jit_load_flags(struct tr *t)
{
	if (t->host)
		return;
	op_cpu(t, 4, 0x0fb7, H_RAX, JIT_OFF(cc));
	t->p = emit16(t->p, 0x7f04); /* add al, 0x7f */
	t->p = emit8(t->p, 0x9e); /* sahf */
	t->host = true;
}

void
jit_lose_flags(struct tr *t)
{
	if (t->host && t->live[t->n])
		jit_save_flags(t);
	t->host = false;
}

void
jit_flags(struct tr *t)
{
	if (t->need)
		jit_load_flags(t);
}

/* ---- registers ---- */

static bool
high(unsigned at, unsigned n)
{
	return n == 1 && (at & 7);
}

static int32_t
gpr_off(unsigned at)
{
	return JIT_OFF(gpr) + (int32_t)at;
}

/* movzx r32, AH..DH of itself: without a REX prefix */
static void
take_high(struct tr *t, unsigned at, unsigned scratch)
{
	unsigned home = jit_home[at >> 3];

	if (home == H_NONE) {
		op_cpu(t, 4, 0x0fb6, scratch, gpr_off(at));
		return;
	}
	op_rr(t, 8, 0x8b, scratch, home);
	t->p = emit16(t->p, 0xb60f);
	t->p = emit8(t->p, 0xc0 | scratch << 3 | (scratch + 4));
}

unsigned
jit_get(struct tr *t, unsigned at, unsigned n, unsigned scratch)
{
	unsigned home = jit_home[at >> 3];

	if (high(at, n))
		take_high(t, at, scratch);
	else if (home != H_NONE)
		return home;
	else
		op_cpu(t, 8, 0x8b, scratch, gpr_off(at));
	return scratch;
}

unsigned
jit_fresh(struct tr *t, unsigned at, unsigned n, unsigned scratch)
{
	unsigned home = jit_home[at >> 3];

	(void)t;
	return home == H_NONE || high(at, n) ? scratch : home;
}

void
jit_put(struct tr *t, unsigned at, unsigned n, unsigned r)
{
	unsigned home = jit_home[at >> 3];

	if (home == r)
		return;
	if (home == H_NONE) {
		op_cpu(t, n == 4 ? 8 : n, n == 1 ? 0x88 : 0x89, r, gpr_off(at));
	} else if (high(at, n)) {
		op_rr(t, 8, 0x8b, H_RAX, home);
		t->p = emit8(t->p, 0x88); /* mov ah, r */
		t->p = emit8(t->p, 0xc4 | r << 3);
		op_rr(t, 8, 0x8b, home, H_RAX);
	} else {
		op_rr(t, n, n == 1 ? 0x8a : 0x8b, home, r);
	}
}

struct place
jit_place(struct tr *t, unsigned at, unsigned n, unsigned scratch)
{
	if (jit_home[at >> 3] == H_NONE)
		return at_mem(H_RBP, gpr_off(at));
	return in_reg(jit_get(t, at, n, scratch));
}

/* ---- memory ---- */

static unsigned
part(struct tr *t, unsigned reg, unsigned scratch)
{
	if (reg < 16)
		return jit_get(t, reg * 8, 8, scratch);
	op_cpu(t, 8, 0x8b, scratch, JIT_OFF(gpr) + (int32_t)reg * 8);
	return scratch;
}

void
jit_offset(struct tr *t, const struct insn *i, unsigned d, unsigned size)
{
	int64_t disp = i->disp;
	int index = -1;
	unsigned base;

	if (i->index == GPR_ZERO && i->base == GPR_ZERO) {
		t->p = emit_mov_imm(
			t->p, d, size == 4 ? (uint32_t)disp : (uint64_t)disp);
		return;
	}
	if (i->index != GPR_ZERO)
		index = (int)part(t, i->index, H_RDX);
	if (i->base == GPR_ZERO) {
		t->p = emit_mov_imm(t->p, H_RCX, (uint64_t)disp);
		base = H_RCX;
		disp = 0;
	} else {
		base = part(t, i->base, H_RCX);
	}
	if (index < 0 && disp == 0) {
		if (d != base || size == 4)
			op_rr(t, size, 0x8b, d, base);
		return;
	}
	t->p = emit_lea(t->p, size, d, base, index, i->scale, (int32_t)disp);
}

void
jit_detour(struct tr *t, uint8_t *from, bool tail)
{
	struct detour *s = &t->detour[t->detours++];

	s->from = from;
	s->back = NULL;
	s->insn = (uint8_t)t->n;
	s->count = (uint8_t)t->count;
	s->tail = tail;
}

void
jit_look(struct tr *t, unsigned n, bool write, bool tail)
{
	int32_t tag = write ? (int32_t)offsetof(struct tlbe, wr)
			    : (int32_t)offsetof(struct tlbe, rd);
	uint8_t *from;

	_Static_assert(sizeof(struct tlbe) == 32, "the index below");
	op_rr(t, 4, 0x8b, H_RAX, H_RCX);
	op(t, 4, 0xc1, 5, in_reg(H_RAX)); /* shr eax, 12 - 5 */
	t->p = emit8(t->p, 7);
	t->p = emit8(t->p, 0x25); /* and eax, imm32 */
	t->p = emit32(t->p, (TLB_SIZE - 1) << 5);
	op_cpu(t, 8, 0x03, H_RAX, JIT_OFF(tlb));
	t->p = emit_lea(t->p, 8, H_RDX, H_RCX, -1, 0, (int32_t)n - 1);
	op(t, 8, 0x81, 4, in_reg(H_RDX)); /* and rdx, imm32 */
	t->p = emit32(t->p, (uint32_t)PAGE_MASK);
	op(t, 8, 0x3b, H_RDX, at_mem(H_RAX, tag));
	t->p = emit_jump(t->p, 0x0f85, &from); /* jne */
	jit_detour(t, from, tail);
	op(t, 8, 0x03, H_RCX,
		at_mem(H_RAX, (int32_t)offsetof(struct tlbe, add)));
}

struct place
jit_mem(struct tr *t, const struct insn *i, unsigned n, bool write)
{
	jit_lose_flags(t);
	jit_offset(t, i, H_RCX, 8);
	if (i->seg == SEG_FS || i->seg == SEG_GS)
		op_cpu(t, 8, 0x03, H_RCX,
			JIT_OFF(segbase) + (int32_t)i->seg * 8);
	jit_look(t, n, write, false);
	return at_mem(H_RCX, 0);
}
