/* SPDX-License-Identifier: MIT */
/*
 * What the string instructions share (SDM vol. 2: MOVS CMPS STOS LODS SCAS INS
 * OUTS, REP). Runs of items in one page of RAM go to the host's own REP
 * instruction, whose results for overlaps and flags are right by nature; all
 * others go item by item. RSI, RDI and RCX always tell what was done, so that a
 * fault, or leave() after some work to let interrupts in, can begin anew.
 */
#ifndef VMM_SOFT_STRING_H
#define VMM_SOFT_STRING_H

#include "vmm/soft/handlers.h"

enum { /* work before leave(): items, a run in one page counting as RUN */
	STR_BUDGET = 4096,
	STR_RUN = 256,
	STR_IO_BUDGET = STR_RUN,
};

static inline uint64_t
str_mask(const struct insn *i)
{
	return i->asize == 8 ? ~0ull : (1ull << i->asize * 8) - 1;
}

static inline uint64_t
str_get(const struct cpu *c, const struct insn *i, unsigned r)
{
	return c->gpr[r] & str_mask(i);
}

static inline void
str_set(struct cpu *c, const struct insn *i, unsigned r, uint64_t v)
{
	set_reg(c, r * 8, i->asize, v);
}

static inline void
str_advance(struct cpu *c, const struct insn *i, unsigned r, uint64_t items)
{
	uint64_t bytes = items * i->size;

	str_set(c, i, r, c->gpr[r] + (c->df ? -bytes : bytes));
}

static inline bool
str_repeated(const struct insn *i)
{
	return i->flags & (I_REP | I_REPNE);
}

/* Linear address of the next item at DS:rSI (or override), or ES:rDI. */
static inline uint64_t
str_source(struct cpu *c, const struct insn *i)
{
	return seg_lin(c, i, i->seg, str_get(c, i, RSI), i->size, ACC_READ);
}

static inline uint64_t
str_target(struct cpu *c, const struct insn *i, enum access a)
{
	return seg_lin(c, i, SEG_ES, str_get(c, i, RDI), i->size, a);
}

static inline uint64_t
str_min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/*
 * How many items from offset off (at lin, itself allowed) lie in this page and
 * segment before the offset wraps; 0 if even the first crosses the page.
 */
static inline uint64_t
str_items_ahead(const struct cpu *c, const struct insn *i, unsigned seg,
	uint64_t off, uint64_t lin)
{
	const struct cpu_seg *s = &c->seg[seg];
	uint64_t at = lin & ~PAGE_MASK, last = str_mask(i), room;
	unsigned size = i->size;

	if (at + size > PAGE)
		return 0;
	if (!(i->flags & I_MODE64)) {
		if ((s->type & 12) == 4) /* expands down */
			return 1;
		last = str_min(last, s->limit);
	}
	if (c->df)
		return str_min(at, off) / size + 1;
	room = last - off;
	if (off > last || room < size - 1u)
		return 1;
	return str_min((PAGE - at) / size, (room - (size - 1)) / size + 1);
}

/* Host address of a run of items, the first at lin; NULL: item by item. */
static inline void *
str_run_at(struct cpu *c, const struct insn *i, uint64_t lin, uint64_t items,
	enum access a)
{
	uint64_t bytes = items * i->size;
	uint8_t *p;

	if (items < 2)
		return NULL;
	p = host_ptr(
		c, c->df ? lin - (bytes - i->size) : lin, (unsigned)bytes, a);
	return p && c->df ? p + (bytes - i->size) : p;
}

/* How many of count items, the first at lin, may be done at once. With TF set
 * there is a trap after each. */
static inline uint64_t
str_run_length(const struct cpu *c, const struct insn *i, uint64_t count,
	unsigned seg, unsigned r, uint64_t lin)
{
	if (count < 2 || c->sysflags & FL_TF)
		return 1;
	return str_min(
		count, str_items_ahead(c, i, seg, str_get(c, i, r), lin));
}

/*
 * After some items: count what is left, and let others have their turn when the
 * budget is spent or something is to be reported.
 */
static inline void
str_account(struct cpu *c, const struct insn *i, uint64_t *count, uint64_t did,
	int *budget)
{
	*count -= did;
	str_set(c, i, RCX, *count);
	*budget -= did > 1 ? STR_RUN : 1;
	if (*count && (*budget <= 0 || c->dr6_pend || c->sysflags & FL_TF))
		leave(c, i, false);
}

/*
 * Intel CPUs cut registers to 32 bits with a 32-bit address size even when REP
 * finds nothing to do: RCX, and for MOVS and STOS the pointers.
 */
static inline void
str_cut_for_nothing(struct cpu *c, const struct insn *i, bool si, bool di)
{
	if (i->asize != 4)
		return;
	str_set(c, i, RCX, 0);
	if (si)
		str_set(c, i, RSI, c->gpr[RSI]);
	if (di)
		str_set(c, i, RDI, c->gpr[RDI]);
}

/*
 * The host's instructions on n items of a size; upwards, but for host_movs()
 * with df. cmps and scas return the items not looked at; flags are as c->cc.
 */
void host_movs(void *d, const void *s, uint64_t n, unsigned size, bool df);
void host_stos(void *d, uint64_t v, uint64_t n, unsigned size);
uint64_t host_cmps(const void *s, const void *d, uint64_t n, unsigned size,
	bool ne, uint16_t *flags);
uint64_t host_scas(const void *d, uint64_t v, uint64_t n, unsigned size,
	bool ne, uint16_t *flags);
uint16_t host_cmp(uint64_t a, uint64_t b, unsigned size); /* of a - b */

#endif
