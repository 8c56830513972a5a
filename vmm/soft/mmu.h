/* SPDX-License-Identifier: MIT */
/*
 * Between the page walker (paging.c) and the TLB (mmu.c).
 */
#ifndef VMM_SOFT_MMU_H
#define VMM_SOFT_MMU_H

#include "vmm/soft/soft.h"

#define PTE_ADDR (((1ull << PHYS_BITS) - 1) & PAGE_MASK)

struct page { /* what a walk found */
	uint64_t pa; /* of the byte */
	bool user, write, nx, global, dirty;
	uint64_t span; /* of the page: 4 KiB and up */
};

/* Walk for an access with the present rights, or (super) a supervisor's
 * implicit one; marks A and D. 0, or the #PF error code + 1. */
int page_walk(struct cpu *c, uint64_t lin, enum access acc, bool super,
	struct page *pg);

/* lin lies in a page of span bytes, and something is known of a part of it. */
void tlb_note_large(struct cpu *c, uint64_t lin, uint64_t span);

/* Outside IA-32e mode linear addresses wrap at 4 GiB: an operand's second half
 * may lie beyond. */
static inline uint64_t
in_range(const struct cpu *c, uint64_t lin)
{
	return long_mode(c) ? lin : (uint32_t)lin;
}

#endif
