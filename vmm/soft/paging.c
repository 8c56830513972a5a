/* SPDX-License-Identifier: MIT */
/*
 * Paging (SDM vol. 3A chapter 4): 32-bit with PSE-36, PAE and 4-level; left out
 * are PCID, LA57 and protection keys. Walks read and mark the tables in guest
 * memory atomically, as other CPUs do at the same time.
 */
#include "vmm/soft/mmu.h"

#include "vmm/soft/block.h"

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
#define PTE_RSVD (((1ull << 52) - 1) & ~((1ull << PHYS_BITS) - 1))

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

int
page_walk(struct cpu *c, uint64_t lin, enum access acc, bool super,
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
	int e = page_walk(c, lin, acc, super, &pg);

	if (!e)
		*pa = pg.pa;
	return e;
}
