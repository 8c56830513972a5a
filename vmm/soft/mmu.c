/* SPDX-License-Identifier: MIT */
/*
 * Memory as the CPU sees it: the software TLB over the page walker's results,
 * physical memory, and the slow way of every access. A write entry exists only
 * for a dirty page of RAM without decoded code and without a data breakpoint,
 * so the fast way needs no checks.
 */
#include "vmm/soft/mmu.h"

#include "vmm/soft/block.h"
#include "vmm/soft/rmw.h"

/* ---- the TLB ---- */

/*
 * A large page has many entries, and INVLPG on any of its bytes drops them all.
 * c->large tells cheaply whether there may be some: a bit for each 2 MiB modulo
 * 128 MiB, apart for the lower and upper half. c->large_span is the largest
 * size seen.
 */
void
tlb_note_large(struct cpu *c, uint64_t lin, uint64_t span)
{
	uint64_t bits = span >> 21 >= 64 ? ~0ull : (1ull << (span >> 21)) - 1;

	c->large[lin >> 63] |= bits << ((lin & ~(span - 1)) >> 21 & 63);
	if (c->large_span < span)
		c->large_span = span;
}

/*
 * Which entries there are: c->tlb_used has a bit for each, those of global
 * pages apart, so that a flush costs what was filled since the last one.
 */
static inline void
note_used(struct cpu *c, const struct tlbe *e, bool global)
{
	size_t n = (size_t)(e - c->tlbs);
	uint64_t bit = 1ull << (n & 63);

	c->tlb_used[global][n >> 6] |= bit;
	c->tlb_used[!global][n >> 6] &= ~bit;
}

static void
drop_used(struct cpu *c, uint64_t *used)
{
	for (unsigned w = 0; w < TLB_WORDS; w++) {
		for (uint64_t bits = used[w]; bits; bits &= bits - 1) {
			struct tlbe *e =
				&c->tlbs[w * 64 +
					 (unsigned)__builtin_ctzll(bits)];

			e->rd = e->wr = 1;
		}
		used[w] = 0;
	}
}

void
tlb_flush(struct cpu *c, bool globals_too)
{
	drop_used(c, c->tlb_used[0]);
	if (globals_too) {
		drop_used(c, c->tlb_used[1]);
		c->large[0] = c->large[1] = c->large_span = 0;
	}
	code_flush(c, globals_too);
}

/* The entries of each view's slots from lin's page on. */
static void
drop_entries(struct cpu *c, uint64_t lin, uint64_t span)
{
	uint64_t from = lin & ~(span - 1), pages = span >> 12;

	for (uint64_t p = 0; p < pages && p < TLB_SIZE; p++) {
		uint64_t at = (from >> 12) + p;

		for (unsigned v = 0; v < VIEWS - 1; v++) {
			struct tlbe *e =
				&c->tlbs[v * TLB_SIZE + (at & (TLB_SIZE - 1))];

			if (e->rd - from < span || e->wr - from < span)
				e->rd = e->wr = 1;
		}
	}
}

void
tlb_flush_page(struct cpu *c, uint64_t lin)
{
	bool large = c->large[lin >> 63] >> (lin >> 21 & 63) & 1;
	uint64_t span = large ? c->large_span : PAGE;

	drop_entries(c, lin, span);
	code_flush_page(c, lin, span);
}

/* Entries of physical pages in [pa, pa+len): reading stays where keep. */
static void
drop_physical(struct cpu *c, uint64_t pa, uint64_t len, bool keep)
{
	for (unsigned w = 0; w < TLB_WORDS; w++) {
		uint64_t bits = c->tlb_used[0][w] | c->tlb_used[1][w];

		for (; bits; bits &= bits - 1) {
			struct tlbe *e =
				&c->tlbs[w * 64 +
					 (unsigned)__builtin_ctzll(bits)];

			if ((e->pa & PAGE_MASK) - pa >= len)
				continue;
			e->wr = 1;
			if (!keep)
				e->rd = 1;
		}
	}
}

/* Writes to the page take the slow way from now on. */
void
tlb_protect(struct cpu *c, uint64_t pa)
{
	drop_physical(c, pa, PAGE, true);
}

/* These addresses show another thing now. */
void
tlb_drop(struct cpu *c, uint64_t pa, uint64_t len)
{
	drop_physical(c, pa, len, false);
}

void
mode_changed(struct cpu *c)
{
	enum view v = VIEW_SUPER;

	if (c->cpl == 3)
		v = (c->cr0 & CR0_AM) && (c->sysflags & FL_AC) ? VIEW_CHECK
							       : VIEW_USER;
	else if ((c->cr4 & CR4_SMAP) && !(c->sysflags & FL_AC))
		v = VIEW_SMAP;
	c->tlb = c->tlbs + v * TLB_SIZE;
	if (long_mode(c) && c->seg[SEG_CS].l)
		c->code = CODE64;
	else
		c->code = c->seg[SEG_CS].db ? CODE32 : CODE16;
	jkey_mode(c);
}

static bool
has_breakpoint(const struct cpu *c, uint64_t page)
{
	for (unsigned n = 0; c->bp_data && n < 4; n++)
		if ((c->dr[7] >> n * 2 & 3) &&
			((c->dr[n] & PAGE_MASK) == page ||
				((c->dr[n] + 7) & PAGE_MASK) == page))
			return true;
	return false;
}

static void
fill(struct cpu *c, struct tlbe *tlb, uint64_t lin, const struct page *pg,
	const struct mem_slot *s)
{
	uint64_t page = lin & PAGE_MASK, pa = pg->pa & PAGE_MASK;
	struct tlbe *e = &tlb[lin >> 12 & (TLB_SIZE - 1)];
	bool super = tlb != c->tlbs + VIEW_USER * TLB_SIZE;

	if (has_breakpoint(c, page) || tlb == c->tlbs + VIEW_CHECK * TLB_SIZE)
		return;
	if (unlikely(pg->span > PAGE))
		tlb_note_large(c, page, pg->span);
	note_used(c, e, pg->global);
	e->add = (uintptr_t)(s->host + (pa - s->gpa)) - page;
	e->pa = pa | (pg->global ? TLB_GLOBAL : 0);
	e->rd = page;
	e->wr = 1;
	if (pg->dirty && !s->rom && !code_page(c->soft, pa) &&
		(pg->write || (super && !(c->cr0 & CR0_WP))))
		e->wr = page;
}

/* ---- physical memory ---- */

static bool
lapic_page(const struct cpu *c, uint64_t pa)
{
	uint64_t base = lapic_base(c->lapic);

	return (base & 0xc00) == 0x800 && (pa & PAGE_MASK) == (base & PTE_ADDR);
}

static uint64_t
lapic_ld(struct cpu *c, uint64_t pa, unsigned size)
{
	uint64_t v = lapic_mmio_read(c->lapic, pa & 0xffc);

	if (size == 8 && !(pa & 7))
		return v | (uint64_t)lapic_mmio_read(c->lapic, (pa & 0xffc) + 4)
				   << 32;
	return v >> (pa & 3) * 8;
}

uint64_t
phys_ld(struct cpu *c, uint64_t pa, unsigned size)
{
	const struct mem_slot *s = mem_find(c->soft->cfg.mem, pa);
	uint64_t v = 0;

	if (s && pa - s->gpa <= s->size - size) {
		memcpy(&v, s->host + (pa - s->gpa), size);
		return v;
	}
	if (lapic_page(c, pa))
		return lapic_ld(c, pa, size);
	return bus_read(c->soft->cfg.mmio, pa, size);
}

static void
ram_st(struct cpu *c, const struct insn *i, const struct mem_slot *s,
	uint64_t pa, unsigned size, uint64_t val)
{
	if (s->rom) { /* a flash chip's command, or nothing */
		bus_write(c->soft->cfg.mmio, pa, size, val);
		return;
	}
	memcpy(s->host + (pa - s->gpa), &val, size);
	code_written(c, i, pa, size);
}

static void
st_phys(struct cpu *c, const struct insn *i, uint64_t pa, unsigned size,
	uint64_t val)
{
	const struct mem_slot *s = mem_find(c->soft->cfg.mem, pa);

	if (s && pa - s->gpa <= s->size - size) {
		ram_st(c, i, s, pa, size, val);
		return;
	}
	if (lapic_page(c, pa)) {
		lapic_mmio_write(c->lapic, pa & 0xffc, (uint32_t)val);
		if (size == 8)
			lapic_mmio_write(c->lapic, (pa & 0xffc) + 4,
				(uint32_t)(val >> 32));
		atomic_fetch_or(&c->pending, PEND_LAPIC);
		return;
	}
	bus_write(c->soft->cfg.mmio, pa, size, val);
}

void
phys_st(struct cpu *c, uint64_t pa, unsigned size, uint64_t val)
{
	st_phys(c, NULL, pa, size, val);
}

/* ---- the slow way ---- */

static void
check_address(struct cpu *c, const struct insn *i, uint64_t lin, unsigned n)
{
	if (!long_mode(c))
		return;
	if ((uint64_t)((int64_t)(lin << 16) >> 16) == lin &&
		(uint64_t)((int64_t)((lin + n - 1) << 16) >> 16) == lin + n - 1)
		return;
	raise_err(c, i, i && i->seg == SEG_SS ? EXC_SS : EXC_GP, 0);
}

/* One page's part of an access: translated, entered in the TLB if RAM. */
static uint64_t
reach(struct cpu *c, const struct insn *i, uint64_t lin, enum access acc,
	bool super)
{
	struct page pg;
	const struct mem_slot *s;
	int e;

	lin = in_range(c, lin);
	e = page_walk(c, lin, acc, super, &pg);
	if (e)
		raise_pf(c, i, lin, (uint32_t)e - 1);
	s = mem_find(c->soft->cfg.mem, pg.pa);
	if (s)
		fill(c,
			super ? c->tlbs + (c->cr4 & CR4_SMAP ? VIEW_SMAP
							     : VIEW_SUPER) *
						  TLB_SIZE
			      : c->tlb,
			lin, &pg, s);
	return pg.pa;
}

static uint64_t
next_page(const struct cpu *c, uint64_t lin)
{
	return in_range(c, (lin & PAGE_MASK) + PAGE);
}

static uint64_t
load(struct cpu *c, const struct insn *i, uint64_t lin, unsigned size,
	bool super)
{
	unsigned first = (unsigned)(PAGE - (lin & (PAGE - 1)));
	uint64_t pa, pa2, v = 0;

	if (first >= size) {
		pa = reach(c, i, lin, ACC_READ, super);
		return phys_ld(c, pa, size);
	}
	pa = reach(c, i, lin, ACC_READ, super);
	pa2 = reach(c, i, next_page(c, lin), ACC_READ, super);
	for (unsigned n = 0; n < size; n++)
		v |= (phys_ld(c, n < first ? pa + n : pa2 + n - first, 1) &
			     0xff)
		     << n * 8;
	return v;
}

static void
store(struct cpu *c, const struct insn *i, uint64_t lin, unsigned size,
	uint64_t val, bool super)
{
	unsigned first = (unsigned)(PAGE - (lin & (PAGE - 1)));
	uint64_t pa = reach(c, i, lin, ACC_WRITE, super), pa2;

	if (first >= size) {
		st_phys(c, i, pa, size, val);
		return;
	}
	pa2 = reach(c, i, next_page(c, lin), ACC_WRITE, super);
	for (unsigned n = 0; n < size; n++)
		st_phys(c, i, n < first ? pa + n : pa2 + n - first, 1,
			val >> n * 8 & 0xff);
}

static void
check_access(struct cpu *c, const struct insn *i, uint64_t lin, unsigned size)
{
	check_address(c, i, lin, size);
	if (c->tlb == c->tlbs + VIEW_CHECK * TLB_SIZE && (lin & (size - 1)) &&
		size <= 8)
		raise_err(c, i, EXC_AC, 0);
}

uint64_t
ld_slow(struct cpu *c, const struct insn *i, uint64_t lin, unsigned size)
{
	uint64_t v;

	check_access(c, i, lin, size);
	v = load(c, i, lin, size, false);
	if (unlikely(c->bp_data))
		bp_check(c, lin, size, ACC_READ);
	return v;
}

void
st_slow(struct cpu *c, const struct insn *i, uint64_t lin, unsigned size,
	uint64_t val)
{
	check_access(c, i, lin, size);
	store(c, i, lin, size, val, false);
	if (unlikely(c->bp_data))
		bp_check(c, lin, size, ACC_WRITE);
}

uint64_t
sys_ld(struct cpu *c, const struct insn *i, uint64_t lin, unsigned size)
{
	check_address(c, i, lin, size);
	return load(c, i, lin, size, true);
}

void
sys_st(struct cpu *c, const struct insn *i, uint64_t lin, unsigned size,
	uint64_t val)
{
	check_address(c, i, lin, size);
	store(c, i, lin, size, val, true);
}

static void
probe(struct cpu *c, const struct insn *i, uint64_t lin, unsigned n,
	enum access acc)
{
	const struct tlbe *e = tlb_at(c, lin);

	if ((acc == ACC_WRITE ? e->wr : e->rd) == ((lin + n - 1) & PAGE_MASK))
		return;
	check_address(c, i, lin, n);
	reach(c, i, lin, acc, false);
	if (PAGE - (lin & (PAGE - 1)) < n)
		reach(c, i, next_page(c, lin), acc, false);
}

void
probe_write(struct cpu *c, const struct insn *i, uint64_t lin, unsigned n)
{
	probe(c, i, lin, n, ACC_WRITE);
}

void
probe_read(struct cpu *c, const struct insn *i, uint64_t lin, unsigned n)
{
	probe(c, i, lin, n, ACC_READ);
}

void *
host_ptr(struct cpu *c, uint64_t lin, unsigned n, enum access acc)
{
	const struct tlbe *e = tlb_at(c, lin);
	const struct mem_slot *s;
	struct page pg;

	if (((lin + n - 1) ^ lin) & PAGE_MASK)
		return NULL;
	if ((acc == ACC_WRITE ? e->wr : e->rd) == (lin & PAGE_MASK))
		return (void *)(lin + e->add);
	if (long_mode(c) && (uint64_t)((int64_t)(lin << 16) >> 16) != lin)
		return NULL;
	if (c->bp_data || page_walk(c, lin, acc, false, &pg))
		return NULL;
	s = mem_find(c->soft->cfg.mem, pg.pa);
	if (!s)
		return NULL;
	fill(c, c->tlb, lin, &pg, s);
	if ((acc == ACC_WRITE ? e->wr : e->rd) == (lin & PAGE_MASK))
		return (void *)(lin + e->add);
	return NULL;
}

void
ld_bytes(struct cpu *c, const struct insn *i, uint64_t lin, void *p, unsigned n)
{
	uint8_t *to = p;

	probe_read(c, i, lin, n);
	while (n) {
		unsigned k = (unsigned)(PAGE - (lin & (PAGE - 1)));
		const void *from;

		if (k > n)
			k = n;
		from = host_ptr(c, lin, k, ACC_READ);
		if (from)
			memcpy(to, from, k);
		for (unsigned b = 0; !from && b < k; b++)
			to[b] = (uint8_t)ld_slow(c, i, lin + b, 1);
		to += k;
		n -= k;
		lin = next_page(c, lin);
	}
}

void
st_bytes(struct cpu *c, const struct insn *i, uint64_t lin, const void *p,
	unsigned n)
{
	const uint8_t *from = p;

	probe_write(c, i, lin, n);
	while (n) {
		unsigned k = (unsigned)(PAGE - (lin & (PAGE - 1)));
		void *to;

		if (k > n)
			k = n;
		to = host_ptr(c, lin, k, ACC_WRITE);
		if (to)
			memcpy(to, from, k);
		for (unsigned b = 0; !to && b < k; b++)
			st_slow(c, i, lin + b, 1, from[b]);
		from += k;
		n -= k;
		lin = next_page(c, lin);
	}
}

/* ---- read-modify-write (rmw.h) ---- */

void *
rmw_begin(struct cpu *c, const struct insn *i, uint64_t lin, unsigned n)
{
	const struct mem_slot *s;
	uint64_t pa, next;

	check_access(c, i, lin, n);
	c->rmw.lin = lin;
	c->rmw.copied = c->rmw.locked = false;
	pa = reach(c, i, lin, ACC_WRITE, false);
	next = (pa & PAGE_MASK) + PAGE;
	if (PAGE - (lin & (PAGE - 1)) < n)
		next = reach(c, i, next_page(c, lin), ACC_WRITE, false);
	if (next == (pa & PAGE_MASK) + PAGE) {
		s = mem_find(c->soft->cfg.mem, pa);
		c->rmw.pa = pa;
		if (s && !s->rom && pa - s->gpa + n <= s->size)
			return s->host + (pa - s->gpa);
	}
	c->rmw.copied = true;
	c->rmw.tmp[0] = c->rmw.tmp[1] = 0;
	if (i->flags & I_LOCK) {
		pthread_mutex_lock(&c->soft->split);
		c->rmw.locked = true;
	}
	for (unsigned at = 0; at < n; at += 8)
		c->rmw.tmp[at / 8] = load(c, i, lin + at, n < 8 ? n : 8, false);
	return c->rmw.tmp;
}

void
rmw_end(struct cpu *c, const struct insn *i, unsigned n)
{
	uint64_t lin = c->rmw.lin;

	if (c->rmw.copied) {
		for (unsigned at = 0; at < n; at += 8)
			store(c, i, lin + at, n < 8 ? n : 8, c->rmw.tmp[at / 8],
				false);
		if (c->rmw.locked) {
			c->rmw.locked = false;
			pthread_mutex_unlock(&c->soft->split);
		}
	} else {
		unsigned in = (unsigned)(PAGE - (c->rmw.pa & (PAGE - 1)));

		code_written(c, i, c->rmw.pa, n < in ? n : in);
		if (n > in)
			code_written(c, i, c->rmw.pa + in, n - in);
	}
	if (unlikely(c->bp_data))
		bp_check(c, lin, n, ACC_WRITE);
}
