/* SPDX-License-Identifier: MIT */
/*
 * Read-modify-write operands: a host pointer on which the host's own (locked)
 * instruction works. The fast way is the TLB's write entry. The slow way still
 * gives a pointer into RAM where the operand lies in one page, even one that
 * holds code; else (page-crossing, device memory) a copy, written back by
 * rmw_end(), under one lock for the whole machine if the guest says LOCK.
 */
#ifndef VMM_SOFT_RMW_H
#define VMM_SOFT_RMW_H

#include "vmm/soft/soft.h"

/* Raises; where the operand's n bytes can be changed. c->rmw remembers. */
void *rmw_begin(struct cpu *, const struct insn *, uint64_t lin, unsigned n);
void rmw_end(struct cpu *, const struct insn *, unsigned n);

/* Sets *p; true if rmw_end() must follow. */
static inline bool
rmw_any(struct cpu *c, const struct insn *i, uint64_t lin, unsigned n, void **p)
{
	const struct tlbe *e = tlb_at(c, lin);

	if (likely(e->wr == ((lin + n - 1) & PAGE_MASK))) {
		*p = (void *)(lin + e->add);
		return false;
	}
	*p = rmw_begin(c, i, lin, n);
	return true;
}

#define RMW(bits)                                                              \
	static inline bool rmw##bits(                                          \
		struct cpu *c, const struct insn *i, uint##bits##_t **p)       \
	{                                                                      \
		return rmw_any(c, i, ea(c, i, bits / 8, ACC_WRITE), bits / 8,  \
			(void **)p);                                           \
	}                                                                      \
	static inline uint##bits##_t val##bits(                                \
		const struct cpu *c, unsigned at)                              \
	{                                                                      \
		uint##bits##_t v;                                              \
		memcpy(&v, (const uint8_t *)c->gpr + at, sizeof(v));           \
		return v;                                                      \
	}
RMW(8)
RMW(16)
RMW(32)
RMW(64)
#undef RMW

static inline void
put8(struct cpu *c, unsigned at, uint8_t v)
{
	memcpy((uint8_t *)c->gpr + at, &v, 1);
}
static inline void
put16(struct cpu *c, unsigned at, uint16_t v)
{
	memcpy((uint8_t *)c->gpr + at, &v, 2);
}
static inline void
put32(struct cpu *c, unsigned at, uint32_t v)
{
	uint64_t w = v;

	memcpy((uint8_t *)c->gpr + at, &w, 8);
}
static inline void
put64(struct cpu *c, unsigned at, uint64_t v)
{
	memcpy((uint8_t *)c->gpr + at, &v, 8);
}

#endif
