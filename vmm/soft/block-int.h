/* SPDX-License-Identifier: MIT */
/* The block cache, inside: block.c has the blocks, block-known.c what is known
 * of where code lies. */
#ifndef VMM_SOFT_BLOCK_INT_H
#define VMM_SOFT_BLOCK_INT_H

#include "vmm/soft/block.h"

#define PAGES_BITS 12 /* code pages known at once, at most */
#define PAGES (1u << PAGES_BITS)
#define ITLB 512u /* pages with code whose place is known */
#define LOCALS 2048u
#define SEEN_WORDS 512u

struct codepage;

struct itlb {
	uint64_t tag; /* linear page | CPL is 3; or 2: none */
	uint64_t pa; /* physical page | TLB_GLOBAL */
};

struct cache {
	uint8_t *arena;
	size_t used;
	struct codepage *bucket[PAGES];
	struct itlb itlb[ITLB];
	uint64_t local_pages[ITLB / 64]; /* itlb's not of global pages */
	uint16_t local[LOCALS]; /* jcache slots not of global pages, */
	unsigned locals; /* entered so often since CR3 was loaded */
	/* Linear pages, modulo these, that may be in the jcache. */
	uint64_t seen[SEEN_WORDS];
	struct block *one; /* for block_one() */
	unsigned drops; /* times that a page or all were dropped */
	uint8_t bytes[16]; /* of an instruction across pages or in no RAM */
};

/* ---- block-known.c ---- */

/* Where the byte at lin is fetched from, and whether every address space has
 * it there. Raises what fetching raises. */
uint64_t fetch_pa(struct cpu *c, uint64_t lin, bool *global);
/* b was found at lin. */
void jcache_enter(struct cpu *c, uint64_t lin, struct block *b, bool global);
/* Forget the whole jcache. */
void jcache_flush(struct cpu *c);

#endif
