/* SPDX-License-Identifier: MIT */
/*
 * The translated stack. What functions begin and end with, several PUSH or POP
 * in a row, looks in the TLB once for all of them; where that fails, their
 * handlers do them one by one.
 */
#include "vmm/soft/decode.h"
#include "vmm/soft/jit-op.h"

enum { MOST = 16 }; /* in a row */

struct place
jit_stack(struct tr *t, unsigned base, int32_t at, unsigned n, bool write)
{
	unsigned sp = jit_get(t, base * 8, 8, H_RCX);

	jit_lose_flags(t);
	t->p = emit_lea(t->p, 8, H_RCX, sp, -1, 0, at);
	jit_look(t, n, write, false);
	return at_mem(H_RCX, 0);
}

static void
move_sp(struct tr *t, int32_t by)
{
	unsigned sp = jit_home[RSP];

	t->p = emit_lea(t->p, 8, sp, sp, -1, 0, by);
}

/* Of 64 bits, and no memory but the stack. */
static bool
simple(const struct insn *i)
{
	return i->size == 8 && !(i->flags & I_MEM);
}

/* Instructions from i on that push, or pop, without RSP as their operand (it
 * would have to be right in between). */
static unsigned
row_of(const struct tr *t, const struct insn *i, enum how a, enum how b)
{
	unsigned n = 0;

	for (; t->n + n < t->b->n && n < MOST; n++) {
		enum how h = decode_row(i[n].row)->how;

		if ((h != a && h != b) || !simple(&i[n]))
			break;
		if (h != HOW_push_i && i[n].rm == RSP * 8)
			break;
	}
	return n;
}

static void
push_one(struct tr *t, const struct insn *i, int32_t at)
{
	struct place m = at_mem(H_RCX, at);

	if (decode_row(i->row)->how == HOW_push_i) {
		op(t, 8, 0xc7, 0, m);
		t->p = emit32(t->p, (uint32_t)i->imm);
	} else {
		op(t, 8, 0x89, jit_get(t, i->rm, 8, H_RDX), m);
	}
}

bool
jit_push(struct tr *t, const struct insn *i, unsigned arg)
{
	unsigned n = row_of(t, i, HOW_push_e, HOW_push_i);

	(void)arg;
	if (!simple(i))
		return false;
	t->count = n ? n : 1;
	jit_stack(t, RSP, -8 * (int32_t)t->count, 8 * t->count, true);
	for (unsigned k = 0; k < t->count; k++)
		push_one(t, &i[k], 8 * (int32_t)(t->count - 1 - k));
	move_sp(t, -8 * (int32_t)t->count);
	return true;
}

bool
jit_pop(struct tr *t, const struct insn *i, unsigned arg)
{
	unsigned n = row_of(t, i, HOW_pop_e, HOW_pop_e), d;

	(void)arg;
	if (!simple(i))
		return false;
	t->count = n ? n : 1;
	jit_stack(t, RSP, 0, 8 * t->count, false);
	move_sp(t, 8 * (int32_t)t->count);
	for (unsigned k = 0; k < t->count; k++) {
		d = jit_fresh(t, i[k].rm, 8, H_RDX);
		op(t, 8, 0x8b, d, at_mem(H_RCX, 8 * (int32_t)k));
		jit_put(t, i[k].rm, 8, d);
	}
	return true;
}

bool
jit_leave(struct tr *t, const struct insn *i, unsigned arg)
{
	struct place m;
	unsigned bp = jit_home[RBP];

	(void)arg;
	if (i->size != 8)
		return false;
	m = jit_stack(t, RBP, 0, 8, false);
	t->p = emit_lea(t->p, 8, jit_home[RSP], bp, -1, 0, 8);
	op(t, 8, 0x8b, bp, m);
	return true;
}
