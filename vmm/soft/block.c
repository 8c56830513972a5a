/* SPDX-License-Identifier: MIT */
/*
 * The block cache: finds, decodes, links and drops blocks. Blocks come from an
 * arena that is emptied whole when it is full.
 */
#include "vmm/soft/block.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "lib/err.h"
#include "vmm/soft/block-int.h"
#include "vmm/soft/handlers.h"
#include "vmm/soft/jit.h"
#include "vmm/soft/mmu.h"
#include "vmm/soft/sync.h"

#define ARENA (12u << 20)
#define CHUNKS 64 /* per page, of 64 bytes */

struct codepage {
	uint64_t pa; /* ~0: free */
	struct codepage *next;
	struct codepage *crosser; /* a page with a block that runs into this */
	bool crossers; /* more than one */
	struct block *chunk[CHUNKS];
};

static size_t
block_size(unsigned insns)
{
	return sizeof(struct block) + (insns + 1) * sizeof(struct insn);
}

/* Zeros, in whole pages that exist once they are touched. */
static void *
lazily(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

int
cache_new(struct cpu *c)
{
	struct cache *k = calloc(1, sizeof(*k));

	if (!k)
		return fail(-ENOMEM, "soft: block cache");
	c->cache = k;
	k->arena = lazily(ARENA);
	k->one = calloc(1, block_size(1));
	c->jcache = lazily(JCACHE_SIZE * sizeof(*c->jcache));
	if (!k->arena || !k->one || !c->jcache) {
		cache_free(c);
		return fail(-ENOMEM, "soft: block cache");
	}
	code_flush(c, true);
	return 0;
}

void
cache_free(struct cpu *c)
{
	struct cache *k = c->cache;

	if (!k)
		return;
	if (k->arena)
		munmap(k->arena, ARENA);
	free(k->one);
	free(k);
	if (c->jcache)
		munmap(c->jcache, JCACHE_SIZE * sizeof(*c->jcache));
	c->cache = NULL;
	c->jcache = NULL;
}

/* ---- who has decoded what ---- */

/* RAM alone is written; what a window shows instead is dropped when it shows
 * another thing. */
static _Atomic uint64_t *
code_bits(const struct soft *s, uint64_t pa)
{
	if (pa < s->ram_low)
		return &s->code[0][pa >> 12];
	if (pa - HIGH_RAM < s->ram_high)
		return &s->code[1][(pa - HIGH_RAM) >> 12];
	return NULL;
}

bool
code_page(const struct soft *s, uint64_t pa)
{
	_Atomic uint64_t *bits = code_bits(s, pa);

	return bits && atomic_load(bits);
}

void
code_clear(struct soft *s, uint64_t pa)
{
	_Atomic uint64_t *bits = code_bits(s, pa);

	if (bits)
		atomic_store(bits, 0);
}

static uint64_t
chunk_mask(uint64_t pa, unsigned n)
{
	unsigned from = pa >> 6 & 63, to = (pa + n - 1) >> 6 & 63;

	return (~0ull << from) & (~0ull >> (63 - to));
}

/* Before the bytes are read: from here on, writes to them are noticed. */
static void
mark_code(struct cpu *c, uint64_t pa, unsigned n)
{
	_Atomic uint64_t *bits = code_bits(c->soft, pa);
	uint64_t mask = chunk_mask(pa, n), old;

	if (!bits || (atomic_load(bits) & mask) == mask)
		return;
	old = atomic_fetch_or(bits, mask);
	if (!old) {
		tlb_protect(c, pa & PAGE_MASK);
		if (c->soft->cpus > 1)
			sync_protect(c, pa & PAGE_MASK);
	}
}

/* What follows i in the running block may be stale: the block, which nobody
 * will find again, ends there. */
static void
cut_short(struct cpu *c, const struct insn *i, uint64_t page)
{
	struct block *b = (struct block *)c->block;
	unsigned n = (unsigned)(i - b->insn) + 1;
	struct insn *next = &b->insn[n];

	if (b->page != page && (!b->crosses || (b->pa2 & PAGE_MASK) != page))
		return;
	count_insns(c, -(uint64_t)(b->n - n));
	b->n = (uint8_t)n;
	b->bytes = (uint16_t)(i->off + i->len);
	next->fn = x_end;
	next->off = (uint8_t)b->bytes;
	next->len = 0;
	next->flags = (uint16_t)(I_END | (i->flags & I_MODE64));
}

void
code_written(struct cpu *c, const struct insn *i, uint64_t pa, unsigned n)
{
	_Atomic uint64_t *bits = code_bits(c->soft, pa);

	/* The bytes first, then the look: mark_code() is the other way round.
	 */
	if (c->soft->cpus > 1)
		atomic_thread_fence(memory_order_seq_cst);
	if (!bits || !(atomic_load(bits) & chunk_mask(pa, n)))
		return;
	atomic_store(bits, 0);
	sync_invalidate(c->soft, c, pa & PAGE_MASK);
	block_drop_page(c, pa & PAGE_MASK);
	/* The running block may end in a link to one that is dropped. */
	atomic_fetch_or(&c->pending, PEND_STEP);
	if (i && c->block && i >= c->block->insn &&
		i < c->block->insn + c->block->n)
		cut_short(c, i, pa & PAGE_MASK);
}

/* ---- pages and blocks ---- */

static struct codepage *
page_find(const struct cache *k, uint64_t pa)
{
	struct codepage *p = k->bucket[pa >> 12 & (PAGES - 1)];

	while (p && p->pa != pa)
		p = p->next;
	return p;
}

static void *
arena_take(struct cache *k, size_t n)
{
	void *p = k->arena + k->used;

	n = (n + 15) & ~(size_t)15;
	if (k->used + n > ARENA)
		return NULL;
	k->used += n;
	return p;
}

static struct codepage *
page_get(struct cache *k, uint64_t pa)
{
	struct codepage *p = page_find(k, pa), **at;

	if (p)
		return p;
	p = arena_take(k, sizeof(*p));
	if (!p)
		return NULL;
	memset(p, 0, sizeof(*p));
	at = &k->bucket[pa >> 12 & (PAGES - 1)];
	p->pa = pa;
	p->next = *at;
	*at = p;
	return p;
}

void
block_drop_all(struct cpu *c)
{
	struct cache *k = c->cache;

	memset(k->bucket, 0, sizeof(k->bucket));
	k->used = 0;
	jit_drop_all(c);
	k->drops++;
	c->link_from = NULL;
	c->block = NULL;
	jcache_flush(c);
}

/* All that begin in the page, and what the jcache has of them. */
static void
drop_chunks(struct cpu *c, struct codepage *p)
{
	bool aliased = false;

	for (unsigned n = 0; n < CHUNKS; n++) {
		for (const struct block *b = p->chunk[n]; b; b = b->next) {
			struct jcache *j = jcache_at(c, b->lin);

			if (b->entered && j->block == b)
				j->key = 0;
			aliased |= b->aliased;
		}
		p->chunk[n] = NULL;
	}
	if (aliased)
		jcache_flush(c);
}

/* Blocks of a page link only to blocks of that page, so the lists may simply
 * be forgotten; their memory comes back when the arena is emptied. */
void
block_drop_page(struct cpu *c, uint64_t pa)
{
	struct cache *k = c->cache;
	struct codepage *p = page_find(k, pa);

	k->drops++;
	if (!p)
		return;
	drop_chunks(c, p);
	if (p->crosser)
		drop_chunks(c, p->crosser);
	for (unsigned n = 0; p->crossers && n < PAGES; n++)
		for (struct codepage *q = k->bucket[n]; q; q = q->next)
			drop_chunks(c, q);
	p->crosser = NULL;
	p->crossers = false;
	c->link_from = NULL;
}

void
block_remap(struct cpu *c, uint64_t pa, uint64_t len)
{
	tlb_drop(c, pa, len);
	for (uint64_t at = 0; at < len; at += PAGE)
		block_drop_page(c, pa + at);
	/* The running block may end in a link to one that is dropped. */
	atomic_fetch_or(&c->pending, PEND_STEP);
}

uint32_t
block_name(const struct cpu *c, const struct block *b, unsigned n)
{
	size_t at = (size_t)((const uint8_t *)b - c->cache->arena);

	return (uint32_t)(at / 16 * (BLOCK_NAME_INSN + 1) + n);
}

struct block *
block_named(const struct cpu *c, uint32_t name)
{
	size_t at = name / (BLOCK_NAME_INSN + 1) * 16u;

	return (struct block *)(void *)(c->cache->arena + at);
}

/* ---- fetching ---- */

/* Host memory from pa to the end of its page; NULL if it is neither RAM nor
 * ROM: what is written to a device's memory, nobody notices. */
static const uint8_t *
fetch_ptr(struct cpu *c, uint64_t pa)
{
	const struct mem_slot *s = mem_find(c->soft->cfg.mem, pa);

	return s && !s->device ? s->host + (pa - s->gpa) : NULL;
}

static void
finish_block(struct block *b, unsigned bytes, enum code code)
{
	struct insn *end = &b->insn[b->n];

	b->bytes = (uint16_t)bytes;
	b->code = (uint8_t)code;
	memset(end, 0, sizeof(*end));
	end->fn = x_end;
	end->off = (uint8_t)bytes;
	end->flags = (uint16_t)(I_END | (code == CODE64 ? I_MODE64 : 0));
}

static void
start_block(struct block *b, uint64_t pa)
{
	b->link[0] = b->link[1] = NULL;
	b->next = NULL;
	b->pa2 = 0;
	b->crosses = false;
	b->page = pa & PAGE_MASK;
	b->lin = 0;
	b->start = pa & (PAGE - 1);
	b->n = 0;
	b->cached = false;
	b->heat = 0;
	b->first = NULL;
	b->run = NULL;
	b->entered = b->aliased = false;
}

/* One instruction byte by byte: across a page border, or outside RAM. */
static struct block *
decode_bytewise(struct cpu *c, struct block *b, uint64_t lin)
{
	uint8_t *buf = c->cache->bytes;
	unsigned n = 0;
	bool global;
	int len = 0;

	start_block(b, fetch_pa(c, lin, &global));
	while (len == 0) {
		uint64_t at = lin + n, pa;

		if (!long_mode(c))
			at = (uint32_t)at;
		pa = fetch_pa(c, at, &global);
		if (n && (at & (PAGE - 1)) == 0) {
			b->crosses = true;
			b->pa2 = pa;
		}
		if (c->code != CODE64 && c->RIP + n > c->seg[SEG_CS].limit &&
			!(c->code == CODE16 && n))
			raise_gp(c, NULL, 0);
		mark_code(c, pa, 1);
		buf[n++] = (uint8_t)phys_ld(c, pa, 1);
		len = decode(b->insn, buf, n, c->code, 0);
	}
	if (len < 0)
		raise_gp(c, NULL, 0);
	b->n = 1;
	finish_block(b, (unsigned)len, c->code);
	return b;
}

struct block *
block_one(struct cpu *c)
{
	uint64_t lin = c->RIP;

	if (c->code != CODE64)
		lin = (uint32_t)(lin + c->seg[SEG_CS].base);
	return decode_bytewise(c, c->cache->one, lin);
}

/* Decode from pa, at most to the end of the page. 0 instructions: the first one
 * crosses. Each byte is marked before it is read. */
static unsigned
decode_run(struct cpu *c, struct block *b, uint64_t pa, const uint8_t *p)
{
	unsigned avail = (unsigned)(PAGE - (pa & (PAGE - 1))), off = 0;

	while (b->n < BLOCK_INSNS && off < 240 && off < avail) {
		struct insn *i = &b->insn[b->n];
		unsigned left = avail - off < 15 ? avail - off : 15;
		int len;

		mark_code(c, pa + off, left);
		len = decode(i, p + off, left, c->code, off);
		if (len <= 0)
			break;
		b->n++;
		off += (unsigned)len;
		if (i->flags & I_END)
			break;
	}
	return off;
}

static void
note_crossing(struct codepage *from, struct codepage *to)
{
	if (to->crosser && to->crosser != from)
		to->crossers = true;
	to->crosser = from;
}

/* Take b's place in the arena and enter it in its page's list. */
static void
insert(struct cache *k, struct block *b, uint64_t pa)
{
	struct codepage *page;
	struct block **at;

	arena_take(k, block_size(b->n));
	page = page_get(k, pa & PAGE_MASK);
	if (b->crosses)
		note_crossing(page, page_get(k, b->pa2 & PAGE_MASK));
	at = &page->chunk[pa >> 6 & 63];
	b->next = *at;
	*at = b;
	b->cached = true;
}

/* Decode at the arena's free end. What is not RAM is not kept, nor what was
 * decoded while blocks were dropped: it may be stale, or its bytes no longer
 * marked. */
static struct block *
build(struct cpu *c, uint64_t lin, uint64_t pa)
{
	struct cache *k = c->cache;
	const uint8_t *p = fetch_ptr(c, pa);
	unsigned bytes, drops;
	struct block *b;

	if (!p)
		return block_one(c);
	if (k->used + block_size(BLOCK_INSNS) + 3 * sizeof(struct codepage) >
		ARENA)
		block_drop_all(c);
	drops = k->drops;
	b = (struct block *)(void *)(k->arena + k->used);
	start_block(b, pa);
	bytes = decode_run(c, b, pa, p);
	if (b->n) {
		finish_block(b, bytes, c->code);
		block_tune(b);
	} else {
		decode_bytewise(c, b, lin);
	}
	if (k->drops != drops || (b->crosses && !fetch_ptr(c, b->pa2)))
		return block_one(c);
	insert(k, b, pa);
	jit_watch(c, b);
	return b;
}

static bool
is_at(struct cpu *c, const struct block *b, uint64_t lin, uint64_t pa)
{
	uint64_t next = (lin & PAGE_MASK) + PAGE;
	bool global;

	if (b->start != (pa & (PAGE - 1)) || b->code != c->code)
		return false;
	if (!b->crosses)
		return true;
	return b->pa2 == fetch_pa(c, in_range(c, next), &global);
}

/* What was asked for last comes first in its list. */
static struct block *
block_known(struct cpu *c, uint64_t lin, uint64_t pa)
{
	struct codepage *p = page_find(c->cache, pa & PAGE_MASK);
	struct block **list, **at, *b;

	if (!p)
		return NULL;
	list = &p->chunk[pa >> 6 & 63];
	for (at = list; (b = *at) != NULL; at = &b->next) {
		if (!is_at(c, b, lin, pa))
			continue;
		*at = b->next;
		b->next = *list;
		*list = b;
		return b;
	}
	return NULL;
}

struct block *
block_find(struct cpu *c)
{
	uint64_t lin = c->RIP, pa;
	struct block *b, *from = c->link_from;
	struct jcache *j;
	bool global;

	c->link_from = NULL;
	if (c->code != CODE64) {
		lin = (uint32_t)(lin + c->seg[SEG_CS].base);
		if (c->RIP > c->seg[SEG_CS].limit)
			raise_gp(c, NULL, 0);
	}
	j = jcache_at(c, lin);
	if (j->lin == lin && j->key == c->jkey) {
		b = j->block;
	} else {
		pa = fetch_pa(c, lin, &global);
		b = block_known(c, lin, pa);
		if (!b) {
			c->link_from = from; /* dropped blocks clear it */
			b = build(c, lin, pa);
			from = c->link_from;
			c->link_from = NULL;
		}
		jcache_enter(c, lin, b, global);
	}
	if (c->code != CODE64 && c->RIP + b->bytes - 1 > c->seg[SEG_CS].limit)
		return block_one(c);
	if (from && b->cached && !b->crosses && b->page == from->page &&
		b->code == from->code)
		from->link[c->link_slot] = b;
	return b;
}

/* The pseudo-instruction behind a block that no instruction ended. */
void
x_end(struct cpu *c, const struct insn *i)
{
	c->RIP += i->off;
	if (i->flags & I_MODE64)
		return;
	c->RIP = c->code == CODE32 ? (uint32_t)c->RIP : (uint16_t)c->RIP;
}
