/* SPDX-License-Identifier: MIT */
/*
 * The translator as the rest of the engine sees it: when a block is translated,
 * how its code is entered, and what its code calls back for.
 */
#include "vmm/soft/jit.h"

#include <stdlib.h>

#include "lib/err.h"
#include "vmm/soft/handlers.h"
#include "vmm/soft/jit-code.h"

/* Behind a copied instruction: back to jit_handle(). */
static void
stop(struct cpu *c, const struct insn *i)
{
	(void)c, (void)i;
}

void
jit_new(struct cpu *c)
{
	const struct engine_config *cfg = &c->soft->cfg;
	struct jit *j;

	if (!SOFT_THREADED || cfg->no_jit || cfg->icount)
		return;
	j = calloc(1, sizeof(*j));
	if (!j || jit_mem_new(&j->mem, JIT_BYTES) < 0) {
		free(j);
		return;
	}
	j->after = cfg->jit_after ? cfg->jit_after : JIT_AFTER;
	j->insn[1].fn = stop;
	jit_common(j);
	c->jit = j;
}

void
jit_free(struct cpu *c)
{
	if (c->jit)
		jit_mem_free(&c->jit->mem);
	free(c->jit);
	c->jit = NULL;
}

void
jit_drop_all(struct cpu *c)
{
	if (!c->jit)
		return;
	c->jit->at = c->jit->first;
	c->jit->full = false;
}

bool
jit_full(const struct cpu *c)
{
	return c->jit && c->jit->full;
}

bool
jit_running(const struct cpu *c, const struct insn *i, unsigned *at)
{
	if (!c->jit || i != c->jit->insn)
		return false;
	*at = c->jit->running;
	return true;
}

static struct block *
block_of(const struct insn *first)
{
	return (struct block *)((uintptr_t)first -
				offsetof(struct block, insn));
}

/* The first handler of a block that is not translated yet. */
static void
watch(struct cpu *c, const struct insn *i)
{
	struct block *b = block_of(i);
	struct jit *j = c->jit;

	if (++b->heat >= j->after && !j->full) {
		if (jit_translate(c, b)) {
			struct jcache *k = jcache_at(c, c->RIP);

			if (k->block == b)
				k->run = b->run;
			b->insn[0].fn = j->enter;
			j->enter(c, i);
			return;
		}
		j->full = true;
		atomic_fetch_or(&c->pending, PEND_STEP);
	}
	b->first(c, i);
}

void
jit_watch(struct cpu *c, struct block *b)
{
	if (!c->jit)
		return;
	b->run = c->jit->interpret;
	if (b->code != CODE64)
		return;
	b->first = b->insn[0].fn;
	b->insn[0].fn = watch;
}

/* ---- what translated code calls ---- */

/* Run an instruction by its handler. True: go on in the run loop, at c->rip. */
bool
jit_handle(struct cpu *c, uint32_t name)
{
	struct block *b = block_named(c, name);
	unsigned n = name & BLOCK_NAME_INSN;
	struct jit *j = c->jit;
	struct insn *i = j->insn;
	unsigned count = b->n, end;

	c->block = b;
	j->running = n;
	*i = b->insn[n];
	i->fn = block_handler(b, n);
	end = i->off + i->len;
	i->fn(c, i);
	if (likely(!(atomic_load_explicit(&c->pending, memory_order_relaxed) &
		     PEND_STEP)))
		return false;
	c->RIP += end;
	count_insns(c, -(uint64_t)(count - n - 1));
	return true;
}

struct jit_next
jit_tail(struct cpu *c, uint32_t name)
{
	struct block *b = block_named(c, name);
	unsigned n = name & BLOCK_NAME_INSN;

	c->block = b;
	return (struct jit_next){
		(const void *)(uintptr_t)block_handler(b, n), &b->insn[n]};
}

/* A block that crosses into the next page is none of this page alone: no link
 * leads there. */
static struct block *
unlinkable(const struct cpu *c)
{
	const struct jcache *k = jcache_at(c, c->RIP);

	if (k->lin == c->RIP && k->key == c->jkey && k->block->crosses)
		return k->block;
	return NULL;
}

/* Block to block in one page: as go_link() does, and once the next one is
 * translated, the jump leads there from now on. */
struct jit_next
jit_link(struct cpu *c, uint32_t name)
{
	struct block *b = block_named(c, name), *to;
	unsigned slot = name & BLOCK_NAME_INSN;
	struct jit *j = c->jit;
	ptrdiff_t to_rw = j->mem.rw - j->mem.rx;

	to = b->link[slot];
	if (!to)
		to = unlinkable(c);
	if (!to) {
		c->link_from = b;
		c->link_slot = slot;
		return (struct jit_next){NULL, NULL};
	}
	if (to->run != j->interpret) {
		if (to == b->link[slot])
			set_jump(j->mem.rw + b->site[slot], to->run + to_rw);
		return (struct jit_next){to->run, NULL};
	}
	if (atomic_load_explicit(&c->pending, memory_order_relaxed))
		return (struct jit_next){NULL, NULL};
	c->block = to;
	count_insns(c, to->n);
	return (struct jit_next){
		(const void *)(uintptr_t)to->insn[0].fn, to->insn};
}
