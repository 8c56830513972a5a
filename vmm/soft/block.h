/* SPDX-License-Identifier: MIT */
/*
 * The block cache of one vCPU: decoded code by physical address (pages of 64
 * lists), in front of it a small table by linear address (jcache), and direct
 * links between blocks of one page. A written page loses all its blocks at
 * once, so links never dangle; whatever may make a jcache entry stale changes
 * c->jkey.
 */
#ifndef VMM_SOFT_BLOCK_H
#define VMM_SOFT_BLOCK_H

#include "vmm/soft/soft.h"

#define JCACHE_SIZE 4096u
#define BLOCK_INSNS 48

struct block {
	struct block *link[2]; /* where its end jumps: not taken, taken */
	struct block *next; /* in its chunk's list */
	uint64_t page; /* its physical page */
	uint64_t pa2; /* the page it crosses into */
	uint16_t start; /* offset in its page */
	uint16_t bytes; /* of code */
	uint8_t n; /* instructions, x_end not counted */
	uint8_t code; /* enum code */
	bool cached; /* may be linked to */
	bool crosses; /* into another page */
	struct insn insn[];
};

struct jcache {
	uint64_t lin, key;
	struct block *block;
};

int cache_new(struct cpu *);
void cache_free(struct cpu *);
/* The block at c->rip; raises what fetching raises. */
struct block *block_find(struct cpu *);
/* A block of the single instruction at c->rip, not cached, not linked. */
struct block *block_one(struct cpu *);
/* A new block's last instructions get faster handlers, if there are any. */
void block_tune(struct block *);
/* Drop the blocks of one page; all. */
void block_drop_page(struct cpu *, uint64_t pa);
void block_drop_all(struct cpu *);
/* Mappings changed; only CPL or the code size changed. */
void jkey_changed(struct cpu *);
void jkey_mode(struct cpu *);
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
