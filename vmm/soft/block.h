/* SPDX-License-Identifier: MIT */
/*
 * The block cache of one vCPU: decoded code by physical address (pages of 64
 * lists), in front of it a small table by linear address (jcache), and direct
 * links between blocks of one page. A written page loses all its blocks at
 * once, so links never dangle.
 *
 * A jcache entry counts while its lin is RIP and its key is c->jkey: CPL 3 or
 * not, the code size, and a generation that grows when blocks are dropped or
 * all mappings forgotten. Loading CR3 and INVLPG are too frequent for that:
 * they take out (key 0) the entries that they concern.
 */
#ifndef VMM_SOFT_BLOCK_H
#define VMM_SOFT_BLOCK_H

#include "vmm/soft/soft.h"

#define JCACHE_SIZE 16384u
#define BLOCK_INSNS 48

struct block {
	struct block *link[2]; /* where its end jumps: not taken, taken */
	struct block *next; /* in its chunk's list */
	uint64_t page; /* its physical page */
	uint64_t pa2; /* the page it crosses into */
	uint64_t lin; /* where it was entered in the jcache, if it was */
	uint16_t start; /* offset in its page */
	uint16_t bytes; /* of code */
	uint8_t n; /* instructions, x_end not counted */
	uint8_t code; /* enum code */
	uint8_t heat; /* times that it was interpreted, up to the translation */
	bool cached; /* may be linked to */
	bool crosses; /* into another page */
	/* jit.c: the first instruction's own handler, where the block is
	 * watched or translated; code to jump to (never NULL if cached), and
	 * where in it the jumps to link[] are */
	handler *first;
	const uint8_t *run;
	uint32_t site[2];
	bool entered; /* in the jcache, since it was made */
	bool aliased; /* at several places */
	struct insn insn[];
};

struct jcache {
	uint64_t lin, key;
	struct block *block;
	const uint8_t *run; /* the block's, as jit.c knows it here */
};

int cache_new(struct cpu *);
void cache_free(struct cpu *);
/* The block at c->rip; raises what fetching raises. */
struct block *block_find(struct cpu *);
/* A block of the single instruction at c->rip, not cached, not linked. */
struct block *block_one(struct cpu *);
/* A new block's last instructions get faster handlers, if there are any. */
void block_tune(struct block *);
/* Instruction n's own handler. */
static inline handler *
block_handler(const struct block *b, unsigned n)
{
	return n || !b->first ? b->insn[n].fn : b->first;
}
/* Block and instruction as a small number, and back. */
uint32_t block_name(const struct cpu *, const struct block *, unsigned n);
struct block *block_named(const struct cpu *, uint32_t name);
enum { BLOCK_NAME_INSN = 63 }; /* mask: the instruction in it */
/* Drop the blocks of one page; all. */
void block_drop_page(struct cpu *, uint64_t pa);
void block_drop_all(struct cpu *);
/* CPL or the code size changed. */
void jkey_mode(struct cpu *);
/* What is known of where code lies: forget all, or but for global pages; forget
 * the page of span bytes with lin. */
void code_flush(struct cpu *, bool globals_too);
void code_flush_page(struct cpu *, uint64_t lin, uint64_t span);
/* Writes to the page take the slow way from now on (mmu.c). */
void tlb_protect(struct cpu *, uint64_t pa);
/* [pa, pa+len) shows another thing now: no access, no block goes on with what
 * was there, but for the rest of the running block. */
void tlb_drop(struct cpu *, uint64_t pa, uint64_t len); /* mmu.c */
void block_remap(struct cpu *, uint64_t pa, uint64_t len);
/* n bytes at pa, in one page of RAM, were written: if they hold decoded code,
 * drop it everywhere; i, if in a dropped block, becomes its last. */
void code_written(struct cpu *, const struct insn *i, uint64_t pa, unsigned n);
/* Is there decoded code in the page, or in these bytes of it? */
bool code_page(const struct soft *, uint64_t pa);
void code_clear(struct soft *, uint64_t pa);

static inline struct jcache *
jcache_at(const struct cpu *c, uint64_t lin)
{
	return &c->jcache[(lin ^ lin >> 12) & (JCACHE_SIZE - 1)];
}

#endif
