/* SPDX-License-Identifier: MIT */
/*
 * Handlers with a memory operand, in two halves: the fast one serves 64-bit
 * addressing and a TLB hit and calls nothing, so it needs no stack frame; all
 * else is the slow one's, which does the whole instruction.
 */
#ifndef VMM_SOFT_HOT_H
#define VMM_SOFT_HOT_H

#include "vmm/soft/rmw.h"

#define COOL __attribute__((noinline))

/* Declares lin and p, the operand's host address; leaves for slow(c, i). */
#define HOT(kind, bits, slow)                                                  \
	uint64_t lin = ea_off(c, i) + c->segbase[i->seg];                      \
	const struct tlbe *e = tlb_at(c, lin);                                 \
	uint##bits##_t *p;                                                     \
	if (unlikely(i->flags & I_SLOW) ||                                     \
		unlikely(e->kind != ((lin + bits / 8 - 1) & PAGE_MASK))) {     \
		slow(c, i);                                                    \
		return;                                                        \
	}                                                                      \
	p = (uint##bits##_t *)(lin + e->add)

/* name: v is the operand's value; use it. */
#define LOADING(name, bits, use)                                               \
	static COOL void name##_slow(struct cpu *c, const struct insn *i)      \
	{                                                                      \
		uint##bits##_t v =                                             \
			ld##bits(c, i, ea(c, i, bits / 8, ACC_READ));          \
		use;                                                           \
		NEXT;                                                          \
	}                                                                      \
	static void name(struct cpu *c, const struct insn *i)                  \
	{                                                                      \
		HOT(rd, bits, name##_slow);                                    \
		uint##bits##_t v;                                              \
		memcpy(&v, p, sizeof(v));                                      \
		use;                                                           \
		NEXT;                                                          \
	}

/* name: stores value. */
#define STORING(name, bits, value)                                             \
	static COOL void name##_slow(struct cpu *c, const struct insn *i)      \
	{                                                                      \
		st##bits(c, i, ea(c, i, bits / 8, ACC_WRITE), value);          \
		NEXT;                                                          \
	}                                                                      \
	static void name(struct cpu *c, const struct insn *i)                  \
	{                                                                      \
		HOT(wr, bits, name##_slow);                                    \
		uint##bits##_t v = value;                                      \
		memcpy(p, &v, sizeof(v));                                      \
		NEXT;                                                          \
	}

/* name: change(p) does it in place. */
#define CHANGING(name, bits, change)                                           \
	static COOL void name##_slow(struct cpu *c, const struct insn *i)      \
	{                                                                      \
		uint##bits##_t *p;                                             \
		bool slow = rmw##bits(c, i, &p);                               \
		change;                                                        \
		if (slow)                                                      \
			rmw_end(c, i, bits / 8);                               \
		NEXT;                                                          \
	}                                                                      \
	static void name(struct cpu *c, const struct insn *i)                  \
	{                                                                      \
		HOT(wr, bits, name##_slow);                                    \
		change;                                                        \
		NEXT;                                                          \
	}

#endif
