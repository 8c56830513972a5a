/* SPDX-License-Identifier: MIT */
/*
 * The stack: PUSH, POP, PUSHA, POPA, ENTER, LEAVE (SDM vol. 2), and push(),
 * pop() for the rest of the engine. The stack pointer is RSP, ESP or SP as the
 * code is 64-bit or SS.B says.
 */
#include "vmm/soft/handlers.h"
#include "vmm/soft/hot.h"

static inline bool
stack64(const struct cpu *c)
{
	return c->code == CODE64;
}

static uint64_t
sp_mask(const struct cpu *c)
{
	if (stack64(c))
		return ~0ull;
	return c->seg[SEG_SS].db ? 0xffffffff : 0xffff;
}

/* RSP plus n, in the stack's width; the rest of RSP stays. */
static uint64_t
sp_plus(const struct cpu *c, int64_t n)
{
	uint64_t mask = sp_mask(c), sp = c->gpr[RSP];

	return (sp & ~mask) | ((sp + (uint64_t)n) & mask);
}

static uint64_t
stack_lin(struct cpu *c, const struct insn *i, uint64_t sp, unsigned n,
	enum access a)
{
	return seg_lin(c, i, SEG_SS, sp & sp_mask(c), n, a);
}

/* Stack accesses that are not canonical raise #SS, others #GP: the memory
 * operand that the instruction may have says nothing here. */
static inline void
check_canonical(struct cpu *c, const struct insn *i, uint64_t lin, unsigned n)
{
	uint64_t last = lin + n - 1;

	if (unlikely((uint64_t)((int64_t)(lin << 16) >> 16) != lin ||
		     (uint64_t)((int64_t)(last << 16) >> 16) != last))
		raise_err(c, i, EXC_SS, 0);
}

void
push(struct cpu *c, const struct insn *i, unsigned size, uint64_t val)
{
	uint64_t sp;

	if (likely(stack64(c))) {
		sp = c->gpr[RSP] - size;
		check_canonical(c, i, sp, size);
		st_n(c, i, sp, size, val);
	} else {
		sp = sp_plus(c, -(int64_t)size);
		st_n(c, i, stack_lin(c, i, sp, size, ACC_WRITE), size, val);
	}
	c->gpr[RSP] = sp;
}

uint64_t
stack_peek(struct cpu *c, const struct insn *i, unsigned at, unsigned size)
{
	uint64_t sp;

	if (likely(stack64(c))) {
		check_canonical(c, i, c->gpr[RSP] + at, size);
		return ld_n(c, i, c->gpr[RSP] + at, size);
	}
	sp = sp_plus(c, at);
	return ld_n(c, i, stack_lin(c, i, sp, size, ACC_READ), size);
}

void
stack_move(struct cpu *c, int64_t n)
{
	c->gpr[RSP] = sp_plus(c, n);
}

uint64_t
pop(struct cpu *c, const struct insn *i, unsigned size)
{
	uint64_t v = stack_peek(c, i, 0, size);

	stack_move(c, size);
	return v;
}

static void
push_any(struct cpu *c, const struct insn *i)
{
	push(c, i, i->size, get_rm(c, i, i->size));
	NEXT;
}

static void
push_r64(struct cpu *c, const struct insn *i)
{
	uint64_t v = val64(c, i->rm), sp = c->gpr[RSP] - 8;
	const struct tlbe *e = tlb_at(c, sp);

	if (unlikely(e->wr != ((sp + 7) & PAGE_MASK))) {
		push_any(c, i);
		return;
	}
	memcpy((void *)(sp + e->add), &v, 8);
	c->gpr[RSP] = sp;
	NEXT;
}

handler *const x_push_e[8] = {push_any, push_any, push_any, push_r64, push_any,
	push_any, push_any, push_any};

static void
push_i(struct cpu *c, const struct insn *i)
{
	push(c, i, i->size, i->imm);
	NEXT;
}

handler *const x_push_i[8] = ALL8(push_i);

/* The address of a memory operand is computed with RSP already moved. */
static void
pop_any(struct cpu *c, const struct insn *i)
{
	uint64_t v = stack_peek(c, i, 0, i->size), old = c->gpr[RSP], lin;

	if (!(i->flags & I_MEM)) {
		stack_move(c, i->size);
		set_reg(c, i->rm, i->size, v);
		NEXT;
	}
	stack_move(c, i->size);
	lin = ea_off(c, i);
	c->gpr[RSP] = old; /* a fault finds it unmoved */
	if (i->flags & I_SLOW)
		lin = ea_slow(c, i, lin, i->size, ACC_WRITE);
	else
		lin += c->segbase[i->seg];
	st_n(c, i, lin, i->size, v);
	stack_move(c, i->size);
	NEXT;
}

static void
pop_r64(struct cpu *c, const struct insn *i)
{
	uint64_t v, sp = c->gpr[RSP];
	const struct tlbe *e = tlb_at(c, sp);

	if (unlikely(e->rd != ((sp + 7) & PAGE_MASK))) {
		pop_any(c, i);
		return;
	}
	memcpy(&v, (const void *)(sp + e->add), 8);
	c->gpr[RSP] = sp + 8; /* before: POP RSP takes the value */
	put64(c, i->rm, v);
	NEXT;
}

handler *const x_pop_e[8] = {
	pop_any, pop_any, pop_any, pop_r64, pop_any, pop_any, pop_any, pop_any};

/* All eight are checked before the first is written. */
static void
pusha_z(struct cpu *c, const struct insn *i)
{
	uint64_t sp = c->gpr[RSP], lin[8];

	for (int n = 0; n < 8; n++) {
		uint64_t at = sp_plus(c, -(int64_t)i->size * (n + 1));

		lin[n] = stack_lin(c, i, at, i->size, ACC_WRITE);
		probe_write(c, i, lin[n], i->size);
	}
	for (int n = 0; n < 8; n++)
		st_n(c, i, lin[n], i->size, n == RSP ? sp : c->gpr[n]);
	stack_move(c, -(int64_t)i->size * 8);
	NEXT;
}

handler *const x_pusha_z[8] = ALL8(pusha_z);

static void
popa_z(struct cpu *c, const struct insn *i)
{
	uint64_t v[8];

	for (unsigned n = 0; n < 8; n++)
		v[n] = stack_peek(c, i, n * i->size, i->size);
	stack_move(c, i->size * 8);
	for (unsigned n = 0; n < 8; n++)
		if (7 - n != RSP)
			set_reg(c, (7 - n) * 8, i->size, v[n]);
	NEXT;
}

handler *const x_popa_z[8] = ALL8(popa_z);

/* Push at *sp, which is not RSP yet. */
static void
enter_push(struct cpu *c, const struct insn *i, uint64_t *sp, uint64_t v)
{
	*sp = (*sp & ~sp_mask(c)) | ((*sp - i->size) & sp_mask(c));
	st_n(c, i, stack_lin(c, i, *sp, i->size, ACC_WRITE), i->size, v);
}

/* imm: size | level << 16. Registers change last: a fault starts it again. The
 * place where RSP ends must be writable. */
static void
enter_i(struct cpu *c, const struct insn *i)
{
	unsigned level = i->imm >> 16 & 31, n = i->size;
	uint64_t mask = sp_mask(c), bp = c->gpr[RBP], sp = c->gpr[RSP], frame;

	enter_push(c, i, &sp, bp);
	frame = sp;
	for (unsigned k = 1; k < level; k++) {
		uint64_t at = (bp - k * n) & mask, v;

		v = ld_n(c, i, seg_lin(c, i, SEG_SS, at, n, ACC_READ), n);
		enter_push(c, i, &sp, v);
	}
	if (level)
		enter_push(c, i, &sp, frame);
	sp = (sp & ~mask) | ((sp - (i->imm & 0xffff)) & mask);
	probe_write(c, i, stack_lin(c, i, sp, n, ACC_WRITE), n);
	c->gpr[RSP] = sp;
	set_reg(c, RBP * 8, n, frame);
	NEXT;
}

handler *const x_enter_i[8] = ALL8(enter_i);

static void
leave_z(struct cpu *c, const struct insn *i)
{
	uint64_t mask = sp_mask(c), bp = c->gpr[RBP], v;

	v = ld_n(c, i, stack_lin(c, i, bp, i->size, ACC_READ), i->size);
	c->gpr[RSP] = (c->gpr[RSP] & ~mask) | ((bp + i->size) & mask);
	set_reg(c, RBP * 8, i->size, v);
	NEXT;
}

handler *const x_leave_z[8] = ALL8(leave_z);
