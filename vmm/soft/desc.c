/* SPDX-License-Identifier: MIT */
/*
 * Descriptors and stacks (Intel SDM vol. 3A sections 3.4, 3.5, 5.5 to 5.8,
 * 8.2): reading them from GDT, LDT and TSS, their checks, and putting them into
 * segment registers.
 */
#include "vmm/soft/prot.h"

struct cpu_seg
seg_unpack(uint64_t raw, uint16_t sel)
{
	struct cpu_seg s = {
		.sel = sel,
		.base = (raw >> 16 & 0xffffff) | (raw >> 32 & 0xff000000),
		.limit = (uint32_t)(raw & 0xffff) |
			 (uint32_t)(raw >> 32 & 0xf0000),
		.type = raw >> 40 & 15,
		.s = raw >> 44 & 1,
		.dpl = raw >> 45 & 3,
		.present = raw >> 47 & 1,
		.avl = raw >> 52 & 1,
		.l = raw >> 53 & 1,
		.db = raw >> 54 & 1,
		.g = raw >> 55 & 1,
	};

	if (s.g)
		s.limit = s.limit << 12 | 0xfff;
	return s;
}

/* Where n bytes of the selector's descriptor lie; false: nowhere. */
static bool
desc_at(const struct cpu *c, uint16_t sel, unsigned n, uint64_t *lin)
{
	const struct cpu_seg *ldt = &c->seg[SEG_LDT];
	uint64_t base = c->gdt.base;
	uint32_t limit = c->gdt.limit, at = sel & 0xfff8u;

	if (sel & 4) {
		if (ldt->unusable)
			return false;
		base = ldt->base;
		limit = ldt->limit;
	}
	if ((uint64_t)at + n - 1 > limit)
		return false;
	*lin = base + at;
	if (!long_mode(c))
		*lin &= 0xffffffff;
	return true;
}

bool
desc_load(struct cpu *c, const struct insn *i, uint16_t sel, struct desc *d)
{
	if (!desc_at(c, sel, 8, &d->lin))
		return false;
	d->raw = sys_ld(c, i, d->lin, 8);
	d->high = 0;
	d->seg = seg_unpack(d->raw, sel);
	return true;
}

bool
desc_load16(struct cpu *c, const struct insn *i, uint16_t sel, struct desc *d)
{
	uint64_t lin;

	if (!desc_load(c, i, sel, d))
		return false;
	if (!long_mode(c))
		return true;
	if (!desc_at(c, sel, 16, &lin))
		return false;
	d->high = sys_ld(c, i, d->lin + 8, 8);
	d->seg.base |= d->high << 32;
	return true;
}

/* The type byte in RAM, made writable; NULL if it is not in RAM. */
static uint8_t *
type_byte(struct cpu *c, const struct insn *i, uint64_t lin, uint64_t *pa)
{
	int e = translate(c, lin, ACC_WRITE, true, pa);

	if (e)
		raise_pf(c, i, lin, (uint32_t)e - 1);
	return mem_span(c->soft->cfg.mem, *pa, 1);
}

void
desc_set(
	struct cpu *c, const struct insn *i, const struct desc *d, uint8_t bits)
{
	uint64_t lin = d->lin + 5, pa;
	uint8_t *p = type_byte(c, i, lin, &pa);

	if (p) {
		__atomic_fetch_or(p, bits, __ATOMIC_SEQ_CST);
		mem_dirty(c->soft->cfg.mem, pa, 1);
	} else {
		sys_st(c, i, lin, 1, sys_ld(c, i, lin, 1) | bits);
	}
}

void
desc_clear(
	struct cpu *c, const struct insn *i, const struct desc *d, uint8_t bits)
{
	uint64_t lin = d->lin + 5, pa;
	uint8_t *p = type_byte(c, i, lin, &pa), keep = (uint8_t)~bits;

	if (p) {
		__atomic_fetch_and(p, keep, __ATOMIC_SEQ_CST);
		mem_dirty(c->soft->cfg.mem, pa, 1);
	} else {
		sys_st(c, i, lin, 1, sys_ld(c, i, lin, 1) & keep);
	}
}

void
desc_touch(struct cpu *c, const struct insn *i, struct desc *d)
{
	if (d->seg.type & TYPE_ACCESSED)
		return;
	desc_set(c, i, d, TYPE_ACCESSED);
	d->seg.type |= TYPE_ACCESSED;
}

/* ---- segment registers ---- */

void
seg_put(struct cpu *c, unsigned seg, const struct cpu_seg *s)
{
	c->seg[seg] = *s;
	if (seg == SEG_FS || seg == SEG_GS)
		c->segbase[seg] = s->base;
}

void
seg_null(struct cpu *c, unsigned seg, uint16_t sel)
{
	struct cpu_seg s = {.sel = sel,
		.unusable = true,
		.g = true,
		.db = true,
		.limit = 0xffffffff};

	if (seg == SEG_SS)
		s.dpl = sel & 3;
	seg_put(c, seg, &s);
}

struct cpu_seg
seg_vm86(uint16_t sel)
{
	return (struct cpu_seg){.sel = sel,
		.base = (uint32_t)sel << 4,
		.limit = 0xffff,
		.type = 3,
		.s = true,
		.present = true,
		.dpl = 3};
}

void
seg_real(struct cpu *c, unsigned seg, uint16_t sel)
{
	struct cpu_seg s = c->seg[seg];

	if (vm86(c)) {
		s = seg_vm86(sel);
	} else if (s.unusable) { /* a null selector of protected mode */
		s = seg_vm86(sel);
		s.dpl = 0;
	}
	s.sel = sel;
	s.base = (uint32_t)sel << 4;
	seg_put(c, seg, &s);
}

struct cpu_seg
seg_flat(uint16_t sel, bool code, bool l, unsigned dpl)
{
	return (struct cpu_seg){.sel = sel,
		.limit = 0xffffffff,
		.type = code ? 11 : 3,
		.s = true,
		.present = true,
		.g = true,
		.l = l,
		.db = !l,
		.dpl = (uint8_t)dpl};
}

/* The selector becomes null and the register unusable; its base stays, which
 * shows in 64-bit code. */
static void
drop_one(struct cpu *c, unsigned seg)
{
	struct cpu_seg *s = &c->seg[seg];

	if (s->unusable || s->dpl >= c->cpl || (is_code(s) && is_conforming(s)))
		return;
	s->sel = 0;
	s->unusable = true;
}

void
seg_drop(struct cpu *c)
{
	drop_one(c, SEG_ES);
	drop_one(c, SEG_DS);
	drop_one(c, SEG_FS);
	drop_one(c, SEG_GS);
}

/* ---- code segments ---- */

/* Privileges of a code segment in its use; DPL against CPL and RPL. */
static bool
code_allowed(const struct cpu *c, const struct cpu_seg *s, enum code_use use)
{
	unsigned rpl = s->sel & 3;

	switch (use) {
	case CODE_JUMP:
		if (is_conforming(s))
			return s->dpl <= c->cpl;
		return rpl <= c->cpl && s->dpl == c->cpl;
	case CODE_GATE:
		return s->dpl <= c->cpl;
	case CODE_RET:
		return is_conforming(s) ? s->dpl <= rpl : s->dpl == rpl;
	}
	return false;
}

void
code_desc(struct cpu *c, const struct insn *i, uint16_t sel, enum code_use use,
	uint32_t ext, struct desc *d)
{
	uint32_t error = sel_error(sel) | ext;

	if (null_sel(sel))
		raise_gp(c, i, ext);
	if (use == CODE_RET && (sel & 3) < c->cpl)
		raise_gp(c, i, error);
	if (!desc_load(c, i, sel, d) || !is_code(&d->seg) ||
		!code_allowed(c, &d->seg, use))
		raise_gp(c, i, error);
	/* In IA-32e mode L with D is reserved, and gates lead to 64-bit code */
	if (long_mode(c) && (d->seg.l ? d->seg.db : use == CODE_GATE))
		raise_gp(c, i, error);
	if (!d->seg.present)
		raise_err(c, i, EXC_NP, error);
	desc_touch(c, i, d);
}

bool
code_offset(const struct cpu *c, const struct cpu_seg *cs, uint64_t off)
{
	if (long_mode(c) && cs->l)
		return canonical(off);
	return off <= cs->limit;
}

void
code_commit(struct cpu *c, const struct cpu_seg *cs, unsigned cpl, uint64_t rip)
{
	c->seg[SEG_CS] = *cs;
	c->seg[SEG_CS].sel = (uint16_t)(sel_error(cs->sel) | cpl);
	c->cpl = (uint8_t)cpl;
	c->RIP = rip;
	cpl_keep(c);
	mode_changed(c);
}

/* ---- stacks ---- */

struct cpu_seg
stack_desc(struct cpu *c, const struct insn *i, uint16_t sel, unsigned cpl,
	int vector, uint32_t ext)
{
	uint32_t error = sel_error(sel) | ext;
	struct desc d;

	if (null_sel(sel))
		raise_err(c, i, vector, ext);
	if ((sel & 3) != cpl || !desc_load(c, i, sel, &d) ||
		!is_stack(&d.seg) || d.seg.dpl != cpl)
		raise_err(c, i, vector, error);
	if (!d.seg.present)
		raise_err(c, i, EXC_SS, error);
	desc_touch(c, i, &d);
	return d.seg;
}

void
stk_here(const struct cpu *c, struct stk *s)
{
	s->ss = c->seg[SEG_SS];
	s->sp = c->gpr[RSP];
	s->error = 0;
	s->flat = c->code == CODE64;
}

void
stk_from_tss(struct cpu *c, const struct insn *i, unsigned cpl, uint32_t ext,
	struct stk *s)
{
	const struct cpu_seg *tr = &c->seg[SEG_TR];
	bool wide = tr->type & 8;
	unsigned at, need;
	uint16_t sel;

	if (long_mode(c)) {
		at = 4 + 8 * cpl;
		need = 8;
	} else {
		at = wide ? 4 + 8 * cpl : 2 + 4 * cpl;
		need = wide ? 6 : 4;
	}
	if (at + need - 1 > tr->limit)
		raise_err(c, i, EXC_TS, sel_error(tr->sel) | ext);
	s->error = ext;
	s->flat = long_mode(c);
	if (s->flat) {
		s->sp = sys_ld(c, i, tr->base + at, 8);
		s->ss = (struct cpu_seg){.sel = (uint16_t)cpl,
			.dpl = (uint8_t)cpl,
			.unusable = true,
			.db = true,
			.g = true,
			.limit = 0xffffffff};
		return;
	}
	s->sp = sys_ld(c, i, (uint32_t)(tr->base + at), wide ? 4 : 2);
	sel = (uint16_t)sys_ld(
		c, i, (uint32_t)(tr->base + at + (wide ? 4 : 2)), 2);
	s->ss = stack_desc(c, i, sel, cpl, EXC_TS, ext);
	s->error |= sel_error(sel);
}

static uint64_t
stk_mask(const struct stk *s)
{
	return s->flat ? ~0ull : s->ss.db ? 0xffffffff : 0xffff;
}

void
stk_move(struct stk *s, int64_t n)
{
	uint64_t mask = stk_mask(s);

	s->sp = (s->sp & ~mask) | ((s->sp + (uint64_t)n) & mask);
}

/* The linear address of the top, for n bytes. */
static uint64_t
stk_lin(struct cpu *c, const struct insn *i, const struct stk *s, unsigned n)
{
	uint64_t off = s->sp & stk_mask(s), last = off + n - 1;
	bool good;

	if (s->flat)
		good = canonical(off) && canonical(last);
	else if (s->ss.unusable)
		good = false;
	else if ((s->ss.type & (TYPE_CODE | TYPE_DOWN)) == TYPE_DOWN)
		good = off > s->ss.limit &&
		       last <= (s->ss.db ? 0xffffffff : 0xffff);
	else
		good = last <= s->ss.limit;
	if (!good)
		raise_err(c, i, EXC_SS, s->error);
	return s->flat ? off : (uint32_t)(s->ss.base + off);
}

void
stk_push(struct cpu *c, const struct insn *i, struct stk *s, unsigned size,
	uint64_t val)
{
	stk_move(s, -(int64_t)size);
	st_n(c, i, stk_lin(c, i, s, size), size, val);
}

uint64_t
stk_pop(struct cpu *c, const struct insn *i, struct stk *s, unsigned size)
{
	uint64_t v = ld_n(c, i, stk_lin(c, i, s, size), size);

	stk_move(s, size);
	return v;
}
