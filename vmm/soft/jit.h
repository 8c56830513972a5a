/* SPDX-License-Identifier: MIT */
/*
 * The translator, x86-64 to x86-64: a block of 64-bit code that was interpreted
 * a few times becomes host code. It stands behind the interpreter: a translated
 * block's first handler enters its code, so links, the jcache and the run loop
 * know nothing of it; what it cannot do, and all that is rare (TLB misses,
 * device memory, faults), the instruction's handler does. Stepping, icount mode
 * and builds without tail calls never translate.
 *
 * Precision: an exception, or an interrupt between blocks, finds every register
 * and RIP exact. Arithmetic flags are exact too, but for those that the rest of
 * the block overwrites before anything reads them.
 */
#ifndef VMM_SOFT_JIT_H
#define VMM_SOFT_JIT_H

#include "vmm/soft/block.h"

#define JIT_AFTER 12 /* times that a block is interpreted first */

/* Make c's translator, before the process is confined. Where the machine does
 * not allow it (executable memory, c->soft->cfg.no_jit, icount), c->jit stays
 * NULL and the interpreter runs alone. Never fails. */
void jit_new(struct cpu *c);
void jit_free(struct cpu *c);
/* A new block of the cache: count its runs, translate it when due. */
void jit_watch(struct cpu *c, struct block *b);
/* All blocks are dropped: forget all code. */
void jit_drop_all(struct cpu *c);
/* The code's memory is full: drop all blocks, soon. */
bool jit_full(const struct cpu *c);
/* Is i the copy of an instruction that translated code runs by its handler?
 * Then *at is its number in c->block. */
bool jit_running(const struct cpu *c, const struct insn *i, unsigned *at);

#endif
