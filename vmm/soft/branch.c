/* SPDX-License-Identifier: MIT */
/*
 * Near branches: JMP, Jcc, CALL, RET, LOOP, JCXZ (SDM vol. 2). They end a block
 * and, in the threaded build, go on in the next one without the run loop: by a
 * link within a page, through the jcache elsewhere.
 */
#include "vmm/soft/block.h"
#include "vmm/soft/cond.h"
#include "vmm/soft/handlers.h"
#include "vmm/soft/hot.h"

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
		count_insns(c, b->n);
		b->insn[0].fn(c, b->insn);
	}
#else
	(void)c;
#endif
}

/* Go on at to by the block's link number slot, made here if there is none. Only
 * for a target in the same page. */
static inline void
go_link(struct cpu *c, uint64_t to, unsigned slot)
{
	struct block *b = c->block->link[slot];

	c->RIP = to;
	if (unlikely(!b)) {
		c->link_from = (struct block *)c->block;
		c->link_slot = slot;
		return;
	}
	if (unlikely(atomic_load_explicit(&c->pending, memory_order_relaxed)))
		return;
	c->block = b;
	count_insns(c, b->n);
	b->insn[0].fn(c, b->insn);
}

/* Go on at to, the block's direct jump number slot. */
static inline void
go_direct(struct cpu *c, uint64_t to, unsigned slot)
{
#if SOFT_THREADED
	if (likely(((c->RIP ^ to) & PAGE_MASK) == 0)) {
		go_link(c, to, slot);
		return;
	}
	c->RIP = to;
	go(c);
#else
	(void)slot;
	c->RIP = to;
#endif
}

/*
 * The same in any code. Outside 64-bit code a page is one of linear addresses,
 * and the segment must reach to its end: a link asks for no limit.
 */
static inline void
go_near(struct cpu *c, uint64_t to, unsigned slot)
{
#if SOFT_THREADED
	const struct cpu_seg *cs = &c->seg[SEG_CS];
	uint32_t from = (uint32_t)(cs->base + c->RIP);
	uint32_t lin = (uint32_t)(cs->base + to);

	if (likely(c->code == CODE64)) {
		go_direct(c, to, slot);
		return;
	}
	if (((from ^ lin) & PAGE_MASK) == 0 &&
		to + (~lin & (PAGE - 1)) <= cs->limit) {
		go_link(c, to, slot);
		return;
	}
#endif
	(void)slot;
	c->RIP = to;
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
	go_near(c, direct(c, i), 1);
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
		go_near(c, direct(c, i), 1);
	else
		go_near(c, fall(c, i), 0);
}

handler *const x_jcc_i[8] = ALL8(jcc_i);

static void
call_i(struct cpu *c, const struct insn *i)
{
	uint64_t to = direct(c, i);

	push(c, i, i->size, fall(c, i));
	go_near(c, to, 1);
}

static COOL void
call_i64_slow(struct cpu *c, const struct insn *i)
{
	uint64_t to = direct(c, i);

	push(c, i, 8, next_rip(c, i));
	go_direct(c, to, 1);
}

static void
call_i64(struct cpu *c, const struct insn *i)
{
	uint64_t sp = c->gpr[RSP] - 8, next = next_rip(c, i);
	uint64_t to = next + i->imm;
	const struct tlbe *e = tlb_at(c, sp);

	if (unlikely(e->wr != ((sp + 7) & PAGE_MASK)) ||
		unlikely((uint64_t)((int64_t)(to << 16) >> 16) != to)) {
		call_i64_slow(c, i);
		return;
	}
	memcpy((void *)(sp + e->add), &next, 8);
	c->gpr[RSP] = sp;
	go_direct(c, to, 1);
}

handler *const x_call_i[8] = {
	call_i, call_i, call_i, call_i64, call_i, call_i, call_i, call_i64};

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
	uint64_t sp = c->gpr[RSP], to;
	const struct tlbe *e = tlb_at(c, sp);

	if (unlikely(e->rd != ((sp + 7) & PAGE_MASK))) {
		ret_any(c, i);
		return;
	}
	memcpy(&to, (const void *)(sp + e->add), 8);
	if (unlikely((uint64_t)((int64_t)(to << 16) >> 16) != to)) {
		ret_any(c, i);
		return;
	}
	c->gpr[RSP] = sp + 8;
	c->RIP = to;
	go(c);
}

handler *const x_ret_z[8] = {
	ret_any, ret_any, ret_any, ret64, ret_any, ret_any, ret_any, ret64};

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
	go_near(c, to, n && more);
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
		go_near(c, direct(c, i), 1);
	else
		go_near(c, fall(c, i), 0);
}

handler *const x_loop_i[8] = ALL8(loop_i);
handler *const x_loope_i[8] = ALL8(loope_i);
handler *const x_loopne_i[8] = ALL8(loopne_i);
handler *const x_jcxz_i[8] = ALL8(jcxz_i);

/*
 * Tuned branches, 64-bit code only: a jump's target relative to its block (in
 * disp), and whether that lies in the block's page (index; base for falling
 * through), are known when the block is made; Jcc has a handler per condition,
 * and one more per condition for a comparison right before it.
 */
#if SOFT_THREADED

static inline void
branch(struct cpu *c, const struct insn *i, bool yes)
{
	if (yes) {
		if (likely(i->index))
			go_link(c, c->RIP + (uint64_t)i->disp, 1);
		else
			go_direct(c, direct(c, i), 1);
	} else {
		if (likely(i->base))
			go_link(c, next_rip(c, i), 0);
		else
			go_direct(c, next_rip(c, i), 0);
	}
}

static void
jmp_tuned(struct cpu *c, const struct insn *i)
{
	branch(c, i, true);
}

/* X(condition number, its name for an asm output) */
#define CONDITIONS(X)                                                          \
	X(0, "o")                                                              \
	X(1, "no")                                                             \
	X(2, "c")                                                              \
	X(3, "nc")                                                             \
	X(4, "z")                                                              \
	X(5, "nz")                                                             \
	X(6, "be")                                                             \
	X(7, "a")                                                              \
	X(8, "s")                                                              \
	X(9, "ns")                                                             \
	X(10, "p")                                                             \
	X(11, "np")                                                            \
	X(12, "l")                                                             \
	X(13, "ge")                                                            \
	X(14, "le")                                                            \
	X(15, "g")

#define JCC(n, name)                                                           \
	static void jcc_##n(struct cpu *c, const struct insn *i)               \
	{                                                                      \
		branch(c, i, cond(c, n));                                      \
	}
CONDITIONS(JCC)
#undef JCC

/* op: a comparison of registers, or a register with an immediate. */
#define FUSED(op, n, name, bits, sfx, cls, form, operand)                      \
	static void op##_##form##bits##_##n(                                   \
		struct cpu *c, const struct insn *i)                           \
	{                                                                      \
		uint16_t f;                                                    \
		bool yes;                                                      \
		__asm__(#op sfx " %[b], %[a]\n\tlahf\n\tseto %%al"             \
			: "=&a"(f), "=@cc" name(yes)                           \
			: [a] cls(val##bits(c, i->rm)), [b] cls(operand));     \
		c->cc = f;                                                     \
		branch(c, i + 1, yes);                                         \
	}
#define CMP_R32(n, name) FUSED(cmp, n, name, 32, "l", "r", r, val32(c, i->reg))
#define CMP_R64(n, name) FUSED(cmp, n, name, 64, "q", "r", r, val64(c, i->reg))
#define CMP_I8(n, name) FUSED(cmp, n, name, 8, "b", "q", i, (uint8_t)i->imm)
#define CMP_I32(n, name) FUSED(cmp, n, name, 32, "l", "r", i, (uint32_t)i->imm)
#define CMP_I64(n, name) FUSED(cmp, n, name, 64, "q", "r", i, i->imm)
#define TEST_R8(n, name) FUSED(test, n, name, 8, "b", "q", r, val8(c, i->reg))
#define TEST_R32(n, name)                                                      \
	FUSED(test, n, name, 32, "l", "r", r, val32(c, i->reg))
#define TEST_R64(n, name)                                                      \
	FUSED(test, n, name, 64, "q", "r", r, val64(c, i->reg))
#define TEST_I8(n, name) FUSED(test, n, name, 8, "b", "q", i, (uint8_t)i->imm)
CONDITIONS(CMP_R32)
CONDITIONS(CMP_R64)
CONDITIONS(CMP_I8)
CONDITIONS(CMP_I32)
CONDITIONS(CMP_I64)
CONDITIONS(TEST_R8)
CONDITIONS(TEST_R32)
CONDITIONS(TEST_R64)
CONDITIONS(TEST_I8)

#define ROW(prefix)                                                            \
	{                                                                      \
		prefix##_0, prefix##_1, prefix##_2, prefix##_3, prefix##_4,    \
			prefix##_5, prefix##_6, prefix##_7, prefix##_8,        \
			prefix##_9, prefix##_10, prefix##_11, prefix##_12,     \
			prefix##_13, prefix##_14, prefix##_15                  \
	}

static handler *const jcc_tuned[16] = ROW(jcc);

/* What a comparison before a Jcc becomes. */
static const struct {
	handler *const *alone; /* the form's table... */
	unsigned size; /* ...and the entry in it */
	handler *fused[16];
} fusions[] = {
	{x_cmp_er, 2, ROW(cmp_r32)},
	{x_cmp_re, 2, ROW(cmp_r32)}, /* operands swapped when tuned */
	{x_cmp_er, 3, ROW(cmp_r64)},
	{x_cmp_re, 3, ROW(cmp_r64)},
	{x_cmp_ei, 0, ROW(cmp_i8)},
	{x_cmp_ei, 2, ROW(cmp_i32)},
	{x_cmp_ei, 3, ROW(cmp_i64)},
	{x_test_er, 0, ROW(test_r8)},
	{x_test_er, 2, ROW(test_r32)},
	{x_test_er, 3, ROW(test_r64)},
	{x_test_ei, 0, ROW(test_i8)},
};

static void
fuse(struct insn *i, unsigned condition)
{
	for (unsigned n = 0; n < sizeof(fusions) / sizeof(*fusions); n++) {
		if (i->fn != fusions[n].alone[fusions[n].size])
			continue;
		if (fusions[n].alone == x_cmp_re) {
			uint8_t reg = i->reg;

			i->reg = i->rm;
			i->rm = reg;
		}
		i->fn = fusions[n].fused[condition];
		return;
	}
}

void
block_tune(struct block *b)
{
	struct insn *i = &b->insn[b->n - 1];
	uint64_t from = b->start;
	bool jcc = i->fn == x_jcc_i[0];

	if (b->code != CODE64 || (!jcc && i->fn != x_jmp_i[0]))
		return;
	i->disp = (int64_t)((uint64_t)i->off + i->len + i->imm);
	i->index = from + (uint64_t)i->disp < PAGE;
	i->base = from + i->off + i->len < PAGE;
	if (!jcc) {
		i->fn = jmp_tuned;
		return;
	}
	i->fn = jcc_tuned[i->op & 15];
	if (b->n > 1)
		fuse(i - 1, i->op & 15);
}

#else

void
block_tune(struct block *b)
{
	(void)b;
}

#endif
