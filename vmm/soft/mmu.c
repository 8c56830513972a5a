/* SPDX-License-Identifier: MIT */
/*
 * Memory as the CPU sees it: paging (SDM vol. 3A chapter 4: 32-bit, PAE,
 * 4-level; not PCID, LA57, protection keys), the software TLB and the slow way
 * of every access. A write entry exists only for a dirty page of RAM without
 * decoded code and without a data breakpoint, so the fast way needs no checks.
 */
#include "vmm/soft/block.h"
#include "vmm/soft/rmw.h"

enum { PF_P = 1, PF_W = 2, PF_U = 4, PF_RSVD = 8, PF_I = 16 };
enum {
	PTE_P = 1,
	PTE_W = 2,
	PTE_U = 4,
	PTE_A = 32,
	PTE_D = 64,
	PTE_PS = 128,
	PTE_G = 256
};
#define PTE_NX (1ull << 63)
#define PTE_ADDR (((1ull << PHYS_BITS) - 1) & PAGE_MASK)
#define PTE_RSVD (((1ull << 52) - 1) & ~((1ull << PHYS_BITS) - 1))

struct page { /* what a walk found */
	uint64_t pa; /* of the byte */
	bool user, write, nx, global, dirty;
	uint64_t span; /* of the page: 4 KiB and up */
};

static uint64_t
pte_load(struct cpu *c, uint64_t pa, unsigned size)
{
	const uint8_t *p = mem_span(c->soft->cfg.mem, pa, size);

	if (!p)
		return phys_ld(c, pa, size);
	if (size == 4)
		return atomic_load_explicit(
			(const _Atomic uint32_t *)(const void *)p,
			memory_order_relaxed);
	return atomic_load_explicit((const _Atomic uint64_t *)(const void *)p,
		memory_order_relaxed);
}

/* Set bits in an entry that still reads old; false: it changed, walk again. */
static bool
pte_mark(struct cpu *c, uint64_t pa, unsigned size, uint64_t old, uint64_t bits)
{
	uint8_t *p = mem_span(c->soft->cfg.mem, pa, size);
	bool done;

	if (!p)
		return true; /* tables in ROM or a device: nothing to set */
	if (size == 4) {
		uint32_t o = (uint32_t)old;

		done = atomic_compare_exchange_strong(
			(_Atomic uint32_t *)(void *)p, &o, o | (uint32_t)bits);
	} else {
		done = atomic_compare_exchange_strong(
			(_Atomic uint64_t *)(void *)p, &old, old | bits);
	}
	code_written(c, NULL, pa, size);
	return done;
}

struct walk {
	uint64_t lin;
	enum access acc;
	bool user; /* the access counts as the user's */
	bool smap; /* a supervisor access that SMAP bars from user pages */
	uint64_t rights; /* and of all levels: W, U; NX as not */
	bool nx;
	uint32_t error;
};

static uint32_t
pf_code(const struct cpu *c, const struct walk *w, uint32_t bits)
{
	if (w->acc == ACC_WRITE)
		bits |= PF_W;
	if (w->user)
		bits |= PF_U;
	if (w->acc == ACC_EXEC &&
		((c->cr4 & CR4_SMEP) ||
			((c->efer & EFER_NXE) && (c->cr4 & CR4_PAE))))
		bits |= PF_I;
	return bits;
}

/* The rights of all levels are known: may this access be? */
static uint32_t
check_rights(const struct cpu *c, const struct walk *w)
{
	bool user_page = w->rights & PTE_U;

	if (w->user) {
		if (!user_page)
			return pf_code(c, w, PF_P);
	} else if (user_page) {
		if (w->acc == ACC_EXEC ? (c->cr4 & CR4_SMEP) != 0 : w->smap)
			return pf_code(c, w, PF_P);
	}
	if (w->acc == ACC_WRITE && !(w->rights & PTE_W) &&
		(w->user || (c->cr0 & CR0_WP)))
		return pf_code(c, w, PF_P);
	if (w->acc == ACC_EXEC && w->nx)
		return pf_code(c, w, PF_P);
	return 0;
}

static void
fill_page(struct cpu *c, const struct walk *w, uint64_t pte, uint64_t base,
	uint64_t span, struct page *pg)
{
	pg->pa = base + (w->lin & (span - 1));
	pg->user = w->rights & PTE_U;
	pg->write = w->rights & PTE_W;
	pg->nx = w->nx;
	pg->global = (pte & PTE_G) && (c->cr4 & CR4_PGE);
	pg->dirty = pte & PTE_D;
	pg->span = span;
}

/* 0 done, -1 walk again, else error code + 1 */
static int
finish(struct cpu *c, struct walk *w, uint64_t at, unsigned size, uint64_t pte,
	uint64_t base, uint64_t span, struct page *pg)
{
	uint64_t bits = PTE_A | (w->acc == ACC_WRITE ? PTE_D : 0);
	uint32_t e = check_rights(c, w);

	if (e)
		return (int)e + 1;
	if ((pte & bits) != bits && !pte_mark(c, at, size, pte, bits))
		return -1;
	fill_page(c, w, pte | bits, base, span, pg);
	return 0;
}

static int
walk_32(struct cpu *c, struct walk *w, struct page *pg)
{
	uint64_t at = (c->cr3 & 0xfffff000) + (w->lin >> 22 << 2), pde, pte;

	pde = pte_load(c, at, 4);
	if (!(pde & PTE_P))
		return (int)pf_code(c, w, 0) + 1;
	w->rights &= pde;
	if ((pde & PTE_PS) && (c->cr4 & CR4_PSE)) {
		/* PSE-36: bits 13..20 are address bits 32..39, bit 21 is not */
		if (pde & (1 << 21))
			return (int)pf_code(c, w, PF_P | PF_RSVD) + 1;
		return finish(c, w, at, 4, pde,
			(pde & 0xffc00000) | (pde >> 13 & 0xff) << 32, 1 << 22,
			pg);
	}
	if (!(pde & PTE_A) && !pte_mark(c, at, 4, pde, PTE_A))
		return -1;
	at = (pde & 0xfffff000) + (w->lin >> 12 & 0x3ff) * 4;
	pte = pte_load(c, at, 4);
	if (!(pte & PTE_P))
		return (int)pf_code(c, w, 0) + 1;
	w->rights &= pte;
	return finish(c, w, at, 4, pte, pte & 0xfffff000, PAGE, pg);
}

/* PAE (levels from 2) and 4-level (from 4) paging. */
static int
walk_64(struct cpu *c, struct walk *w, struct page *pg)
{
	bool pae = !long_mode(c);
	unsigned level = pae ? 2 : 4;
	uint64_t table = c->cr3 & PTE_ADDR;
	uint64_t nx_rsvd = c->efer & EFER_NXE ? 0 : PTE_NX;

	if (pae) {
		uint64_t pdpte = c->pdpte[w->lin >> 30 & 3];

		if (!(pdpte & PTE_P))
			return (int)pf_code(c, w, 0) + 1;
		table = pdpte & PTE_ADDR;
		nx_rsvd |= 0x7ff0000000000000; /* ignored only in long mode */
	}
	for (;; level--) {
		unsigned shift = 3 + 9 * level;
		uint64_t at = table + (w->lin >> shift & 511) * 8;
		uint64_t pte = pte_load(c, at, 8), rsvd = PTE_RSVD | nx_rsvd;
		bool leaf = level == 1 || (pte & PTE_PS);

		if (!(pte & PTE_P))
			return (int)pf_code(c, w, 0) + 1;
		if (level == 4)
			rsvd |= PTE_PS;
		else if (leaf && level > 1) /* below the page, above PAT */
			rsvd |= ((1ull << shift) - 1) & ~0x1fffull;
		if (pte & rsvd)
			return (int)pf_code(c, w, PF_P | PF_RSVD) + 1;
		w->rights &= pte;
		w->nx |= (pte & PTE_NX) != 0;
		if (leaf && level < 4)
			return finish(c, w, at, 8, pte,
				pte & PTE_ADDR & ~((1ull << shift) - 1),
				1ull << shift, pg);
		if (!(pte & PTE_A) && !pte_mark(c, at, 8, pte, PTE_A))
			return -1;
		table = pte & PTE_ADDR;
	}
}

/* Outside IA-32e mode linear addresses wrap at 4 GiB: an operand's second half
 * may lie beyond. */
static inline uint64_t
in_range(const struct cpu *c, uint64_t lin)
{
	return long_mode(c) ? lin : (uint32_t)lin;
}

static int
walk(struct cpu *c, uint64_t lin, enum access acc, bool user, bool smap,
	struct page *pg)
{
	int e;

	lin = in_range(c, lin);
	if (!(c->cr0 & CR0_PG)) {
		*pg = (struct page){
			.pa = lin, .user = true, .write = true, .dirty = true};
		return 0;
	}
	do {
		struct walk w = {.lin = lin,
			.acc = acc,
			.user = user,
			.smap = smap,
			.rights = PTE_W | PTE_U};

		e = c->cr4 & CR4_PAE ? walk_64(c, &w, pg) : walk_32(c, &w, pg);
	} while (e == -1);
	return e;
}

/* Whose rights count, for the present view or a supervisor's implicit access */
static int
walk_for(struct cpu *c, uint64_t lin, enum access acc, bool super,
	struct page *pg)
{
	bool user = c->cpl == 3 && !super;
	bool smap = (c->cr4 & CR4_SMAP) && !user &&
		    (super || !(c->sysflags & FL_AC));

	return walk(c, lin, acc, user, smap, pg);
}

int
translate(
	struct cpu *c, uint64_t lin, enum access acc, bool super, uint64_t *pa)
{
	struct page pg;
	int e = walk_for(c, lin, acc, super, &pg);

	if (!e)
		*pa = pg.pa;
	return e;
}

/* ---- the TLB ---- */

/*
 * A large page has many entries, and INVLPG on any of its bytes drops them all.
 * c->large tells cheaply whether there may be some: a bit for each 2 MiB modulo
 * 128 MiB, apart for the lower and upper half. c->large_span is the largest
 * size seen.
 */
static void
note_large(struct cpu *c, uint64_t lin, uint64_t span)
{
	uint64_t bits = span >> 21 >= 64 ? ~0ull : (1ull << (span >> 21)) - 1;

	c->large[lin >> 63] |= bits << ((lin & ~(span - 1)) >> 21 & 63);
	if (c->large_span < span)
		c->large_span = span;
}

void
tlb_flush(struct cpu *c, bool globals_too)
{
	for (unsigned n = 0; n < (VIEWS - 1) * TLB_SIZE; n++) {
		struct tlbe *e = &c->tlbs[n];

		if (globals_too || !(e->pa & TLB_GLOBAL))
			e->rd = e->wr = 1;
	}
	if (globals_too)
		c->large[0] = c->large[1] = c->large_span = 0;
	jkey_changed(c);
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

	drop_entries(c, lin, large ? c->large_span : PAGE);
	jkey_changed(c);
}

/* Writes to the page take the slow way from now on. */
void
tlb_protect(struct cpu *c, uint64_t pa)
{
	for (unsigned n = 0; n < (VIEWS - 1) * TLB_SIZE; n++)
		if ((c->tlbs[n].pa & PAGE_MASK) == pa)
			c->tlbs[n].wr = 1;
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
		note_large(c, page, pg->span);
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
	if (s->rom)
		return;
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
	e = walk_for(c, lin, acc, super, &pg);
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
	if (c->bp_data || walk_for(c, lin, acc, false, &pg))
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
