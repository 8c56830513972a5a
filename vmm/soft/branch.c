/* SPDX-License-Identifier: MIT */
/*
 * Near branches: JMP, Jcc, CALL, RET, LOOP, JCXZ (SDM vol. 2). They end a block
 * and, in the threaded build, go on in the next one without the run loop: by a
 * link within a page, through the jcache elsewhere.
 */
#include "vmm/soft/block.h"
#include "vmm/soft/cond.h"
#include "vmm/soft/handlers.h"

/* Go on at c->rip, wherever that is. */
static inline void
go(struct cpu *c)
{
#if SOFT_THREADED
	uint64_t lin = c->RIP;
	struct jcache *j;

	if (unlikely(c->code != CODE64) ||
		unlikely(atomic_load_explicit(
			&c->pending, memory_order_relaxed)))
		return;
	j = jcache_at(c, lin);
	if (likely(j->lin == lin && j->key == c->jkey)) {
		struct block *b = j->block;

		c->block = b;
		c->icount += b->n;
		b->insn[0].fn(c, b->insn);
	}
#else
	(void)c;
#endif
}

/* Go on at to, the block's direct jump number slot. */
static inline void
go_direct(struct cpu *c, uint64_t to, unsigned slot)
{
#if SOFT_THREADED
	uint64_t from = c->RIP;
	struct block *b = c->block->link[slot];

	c->RIP = to;
	if (unlikely((from ^ to) & PAGE_MASK)) {
		go(c);
		return;
	}
	if (likely(b)) {
		if (unlikely(atomic_load_explicit(
			    &c->pending, memory_order_relaxed)))
			return;
		c->block = b;
		c->icount += b->n;
		b->insn[0].fn(c, b->insn);
		return;
	}
	c->link_from = (struct block *)c->block;
	c->link_slot = slot;
#else
	(void)slot;
	c->RIP = to;
#endif
}

/* Outside 64-bit code EIP is cut to the operand size and checked against the
 * code segment's limit; in it, the target must be canonical. */
static uint64_t
target(struct cpu *c, const struct insn *i, uint64_t to)
{
	if (i->flags & I_MODE64) {
		if ((uint64_t)((int64_t)(to << 16) >> 16) != to)
			raise_gp(c, i, 0);
		return to;
	}
	to = i->size == 2 ? (uint16_t)to : (uint32_t)to;
	if (to > c->seg[SEG_CS].limit)
		raise_gp(c, i, 0);
	return to;
}

/* 64-bit direct jumps: a canonical RIP plus 2 GiB may leave the canonical
 * range only next to its ends. */
static inline uint64_t
direct(struct cpu *c, const struct insn *i)
{
	uint64_t to = next_rip(c, i) + i->imm;

	if (likely(i->flags & I_MODE64) &&
		likely((uint64_t)((int64_t)(to << 16) >> 16) == to))
		return to;
	return target(c, i, to);
}

/* Where the next instruction is: IP wraps outside 64-bit code. */
static inline uint64_t
fall(const struct cpu *c, const struct insn *i)
{
	uint64_t to = next_rip(c, i);

	if (likely(i->flags & I_MODE64))
		return to;
	return c->code == CODE16 ? (uint16_t)to : (uint32_t)to;
}

static void
jmp_i(struct cpu *c, const struct insn *i)
{
	go_direct(c, direct(c, i), 1);
}

handler *const x_jmp_i[8] = ALL8(jmp_i);

static void
jmp_e(struct cpu *c, const struct insn *i)
{
	c->RIP = target(c, i, get_rm(c, i, i->size));
	go(c);
}

handler *const x_jmp_e[8] = ALL8(jmp_e);

static void
jcc_i(struct cpu *c, const struct insn *i)
{
	if (cond(c, i->op))
		go_direct(c, direct(c, i), 1);
	else
		go_direct(c, fall(c, i), 0);
}

handler *const x_jcc_i[8] = ALL8(jcc_i);

static void
call_i(struct cpu *c, const struct insn *i)
{
	uint64_t to = direct(c, i);

	push(c, i, i->size, fall(c, i));
	go_direct(c, to, 1);
}

static void
call_i64(struct cpu *c, const struct insn *i)
{
	uint64_t to = direct(c, i), sp = c->gpr[RSP] - 8;

	st64(c, i, sp, next_rip(c, i));
	c->gpr[RSP] = sp;
	go_direct(c, to, 1);
}

handler *const x_call_i[8] = {call_i, call_i, call_i, call_i64, call_i, call_i,
	call_i, call_i64};

static void
call_e(struct cpu *c, const struct insn *i)
{
	uint64_t to = target(c, i, get_rm(c, i, i->size));

	push(c, i, i->size, fall(c, i));
	c->RIP = to;
	go(c);
}

handler *const x_call_e[8] = ALL8(call_e);

static void
ret_any(struct cpu *c, const struct insn *i)
{
	c->RIP = target(c, i, stack_peek(c, i, 0, i->size));
	stack_move(c, i->size);
	go(c);
}

static void
ret64(struct cpu *c, const struct insn *i)
{
	uint64_t to = ld64(c, i, c->gpr[RSP]);

	if (unlikely((uint64_t)((int64_t)(to << 16) >> 16) != to))
		raise_gp(c, i, 0);
	c->gpr[RSP] += 8;
	c->RIP = to;
	go(c);
}

handler *const x_ret_z[8] = {ret_any, ret_any, ret_any, ret64, ret_any, ret_any,
	ret_any, ret64};

static void
ret_i(struct cpu *c, const struct insn *i)
{
	c->RIP = target(c, i, stack_peek(c, i, 0, i->size));
	stack_move(c, (int64_t)(i->size + (i->imm & 0xffff)));
	go(c);
}

handler *const x_ret_i[8] = ALL8(ret_i);

/* rCX in the address size, less by one; not stored yet. */
static uint64_t
count_down(const struct cpu *c, const struct insn *i)
{
	uint64_t n = c->gpr[RCX] - 1;

	if (i->asize == 8)
		return n;
	return i->asize == 4 ? (uint32_t)n : (uint16_t)n;
}

static inline void
loop_if(struct cpu *c, const struct insn *i, bool more)
{
	uint64_t n = count_down(c, i);
	uint64_t to = n && more ? direct(c, i) : fall(c, i);

	set_reg(c, RCX * 8, i->asize, n);
	go_direct(c, to, n && more);
}

static void
loop_i(struct cpu *c, const struct insn *i)
{
	loop_if(c, i, true);
}

static void
loope_i(struct cpu *c, const struct insn *i)
{
	loop_if(c, i, c->cc & CC_ZF);
}

static void
loopne_i(struct cpu *c, const struct insn *i)
{
	loop_if(c, i, !(c->cc & CC_ZF));
}

static void
jcxz_i(struct cpu *c, const struct insn *i)
{
	if (get_reg(c, RCX * 8, i->asize) == 0)
		go_direct(c, direct(c, i), 1);
	else
		go_direct(c, fall(c, i), 0);
}

handler *const x_loop_i[8] = ALL8(loop_i);
handler *const x_loope_i[8] = ALL8(loope_i);
handler *const x_loopne_i[8] = ALL8(loopne_i);
handler *const x_jcxz_i[8] = ALL8(jcxz_i);
