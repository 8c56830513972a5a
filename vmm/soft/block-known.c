/* SPDX-License-Identifier: MIT */
/*
 * What is known of where code lies: the blocks at linear addresses (the jcache)
 * and the pages that code was fetched from. A change of mappings takes out what
 * it concerns; see block.h.
 */
#include "vmm/soft/block-int.h"
#include "vmm/soft/mmu.h"

#define SEEN_WORD(page) ((page) >> 6 & (SEEN_WORDS - 1))
#define ITLB_NONE 2ull

void
jkey_mode(struct cpu *c)
{
	c->jkey = c->map_gen << 3 | (uint64_t)(c->cpl == 3) << 2 |
		  (uint64_t)c->code;
}

void
jcache_flush(struct cpu *c)
{
	struct cache *k = c->cache;

	c->map_gen++;
	jkey_mode(c);
	k->locals = 0;
	memset(k->seen, 0, sizeof(k->seen));
}

static void
jcache_flush_locals(struct cpu *c)
{
	struct cache *k = c->cache;

	if (k->locals > LOCALS) {
		jcache_flush(c);
		return;
	}
	while (k->locals)
		c->jcache[k->local[--k->locals]].key = 0;
}

/* A block that crosses into another page depends on that one, too; around the
 * end of 32-bit addresses nobody needs it fast. */
void
jcache_enter(struct cpu *c, uint64_t lin, struct block *b, bool global)
{
	struct cache *k = c->cache;
	struct jcache *j = jcache_at(c, lin);
	uint64_t page = lin >> 12;

	bool keep = b->cached && !(b->crosses && in_range(c, lin + PAGE) < lin);

	*j = (struct jcache){lin, keep ? c->jkey : 0, b, b->run};
	if (!keep)
		return;
	b->aliased |= b->entered && b->lin != lin;
	b->entered = true;
	b->lin = lin;
	k->seen[SEEN_WORD(page)] |= 1ull << (page & 63);
	page++;
	if (b->crosses)
		k->seen[SEEN_WORD(page)] |= 1ull << (page & 63);
	if (global && !b->crosses)
		return;
	if (k->locals < LOCALS)
		k->local[k->locals] = (uint16_t)(j - c->jcache);
	if (k->locals <= LOCALS)
		k->locals++;
}

static void
jcache_flush_page(struct cpu *c, uint64_t lin, uint64_t span)
{
	uint64_t page = lin >> 12, from = lin & ~(span - 1);

	if (span == PAGE &&
		!(c->cache->seen[SEEN_WORD(page)] >> (page & 63) & 1))
		return;
	for (unsigned n = 0; n < JCACHE_SIZE; n++) {
		struct jcache *j = &c->jcache[n];

		/* the page before: its last block may cross */
		if (j->lin - (from - PAGE) < span + PAGE)
			j->key = 0;
	}
}

static inline struct itlb *
itlb_at(const struct cpu *c, uint64_t lin)
{
	return &c->cache->itlb[lin >> 12 & (ITLB - 1)];
}

void
code_flush(struct cpu *c, bool globals_too)
{
	struct cache *k = c->cache;

	for (unsigned n = 0; globals_too && n < ITLB; n++)
		k->itlb[n].tag = ITLB_NONE;
	for (unsigned w = 0; w < ITLB / 64; w++) {
		for (uint64_t m = k->local_pages[w]; m; m &= m - 1)
			k->itlb[w * 64 + (unsigned)__builtin_ctzll(m)].tag =
				ITLB_NONE;
		k->local_pages[w] = 0;
	}
	if (globals_too)
		jcache_flush(c);
	else
		jcache_flush_locals(c);
}

void
code_flush_page(struct cpu *c, uint64_t lin, uint64_t span)
{
	uint64_t from = lin & ~(span - 1);

	for (uint64_t n = 0; n < span >> 12 && n < ITLB; n++) {
		struct itlb *t = itlb_at(c, from + n * PAGE);

		if ((t->tag & PAGE_MASK) - from < span)
			t->tag = ITLB_NONE;
	}
	jcache_flush_page(c, lin, span);
}

uint64_t
fetch_pa(struct cpu *c, uint64_t lin, bool *global)
{
	struct itlb *t = itlb_at(c, lin);
	uint64_t tag = (lin & PAGE_MASK) | (c->cpl == 3);
	unsigned n = (unsigned)(t - c->cache->itlb);
	struct page pg;
	int e;

	if (unlikely(t->tag != tag)) {
		if (long_mode(c) &&
			(uint64_t)((int64_t)(lin << 16) >> 16) != lin)
			raise_gp(c, NULL, 0);
		e = page_walk(c, lin, ACC_EXEC, false, &pg);
		if (e)
			raise_pf(c, NULL, lin, (uint32_t)e - 1);
		*t = (struct itlb){tag, (pg.pa & PAGE_MASK) | pg.global};
		if (pg.global)
			c->cache->local_pages[n / 64] &= ~(1ull << n % 64);
		else
			c->cache->local_pages[n / 64] |= 1ull << n % 64;
		if (pg.span > PAGE)
			tlb_note_large(c, lin, pg.span);
	}
	*global = t->pa & TLB_GLOBAL;
	return (t->pa & PAGE_MASK) | (lin & (PAGE - 1));
}
