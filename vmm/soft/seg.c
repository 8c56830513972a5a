/* SPDX-License-Identifier: MIT */
/*
 * Segments: addresses through them, and the instructions that load and store
 * their registers (Intel SDM vol. 3A chapter 5; vol. 2 MOV, POP, LDS, LLDT,
 * LTR). In real mode a load keeps limit and attributes, so big real mode works
 * as on hardware.
 */
#include "vmm/soft/handlers.h"
#include "vmm/soft/prot.h"

/* ---- addresses ---- */

static bool
seg_allows(const struct cpu *c, const struct cpu_seg *s, uint64_t off,
	unsigned n, enum access acc)
{
	uint64_t last = off + n - 1;

	if (unlikely(s->unusable))
		return false;
	if (likely(prot16_or_more(c))) {
		unsigned rights = s->type & (TYPE_CODE | TYPE_WRITE);

		if (acc == ACC_WRITE && rights != TYPE_WRITE)
			return false;
		if (acc == ACC_READ && rights == TYPE_CODE)
			return false;
	}
	if (unlikely((s->type & (TYPE_CODE | TYPE_DOWN)) == TYPE_DOWN))
		return off > s->limit && last <= (s->db ? 0xffffffff : 0xffff);
	return last <= s->limit;
}

static inline uint64_t
seg_checked(struct cpu *c, const struct insn *i, unsigned seg, uint64_t off,
	unsigned n, enum access acc)
{
	const struct cpu_seg *s = &c->seg[seg];

	if (unlikely(!seg_allows(c, s, off, n, acc)))
		raise_err(c, i, seg == SEG_SS ? EXC_SS : EXC_GP, 0);
	return (uint32_t)(s->base + off);
}

uint64_t
ea_slow(struct cpu *c, const struct insn *i, uint64_t off, unsigned n,
	enum access acc)
{
	off = i->asize == 2 ? (uint16_t)off : (uint32_t)off;
	if (i->flags & I_MODE64)
		return off + c->segbase[i->seg];
	return seg_checked(c, i, i->seg, off, n, acc);
}

uint64_t
seg_lin(struct cpu *c, const struct insn *i, unsigned seg, uint64_t off,
	unsigned n, enum access acc)
{
	if (likely(c->code == CODE64)) {
		uint64_t lin = off + c->segbase[seg];

		/* Where i->seg would not tell #SS from #GP */
		if (seg == SEG_SS &&
			!(canonical(lin) && canonical(lin + n - 1)))
			raise_err(c, i, EXC_SS, 0);
		return lin;
	}
	return seg_checked(c, i, seg, off, n, acc);
}

/* ---- loading ---- */

static void
load_ss(struct cpu *c, const struct insn *i, uint16_t sel)
{
	struct cpu_seg s;

	if (null_sel(sel)) {
		if (c->code != CODE64 || c->cpl == 3 || (sel & 3) != c->cpl)
			raise_gp(c, i, 0);
		seg_null(c, SEG_SS, sel);
		return;
	}
	s = stack_desc(c, i, sel, c->cpl, EXC_GP, 0);
	seg_put(c, SEG_SS, &s);
}

static void
load_data(struct cpu *c, const struct insn *i, unsigned seg, uint16_t sel)
{
	struct desc d;
	const struct cpu_seg *s = &d.seg;
	unsigned rpl = sel & 3;

	if (null_sel(sel)) {
		seg_null(c, seg, sel);
		return;
	}
	if (!desc_load(c, i, sel, &d) || !s->s ||
		(s->type & (TYPE_CODE | TYPE_READ)) == TYPE_CODE)
		raise_gp(c, i, sel_error(sel));
	if (!(is_code(s) && is_conforming(s)) &&
		(rpl > s->dpl || c->cpl > s->dpl))
		raise_gp(c, i, sel_error(sel));
	if (!s->present)
		raise_err(c, i, EXC_NP, sel_error(sel));
	desc_touch(c, i, &d);
	seg_put(c, seg, s);
}

void NOINLINE
load_seg(struct cpu *c, const struct insn *i, unsigned seg, uint16_t sel)
{
	if (!prot16_or_more(c))
		seg_real(c, seg, sel);
	else if (seg == SEG_SS)
		load_ss(c, i, sel);
	else
		load_data(c, i, seg, sel);
}

/* SS was loaded: no interrupt or debug trap before the next instruction. */
static void
ss_shadow(struct cpu *c)
{
	c->shadow = c->shadow_ss = true;
	pend(c, PEND_STEP);
}

static void
mov_es(struct cpu *c, const struct insn *i)
{
	uint16_t sel = c->seg[i->reg].sel;

	if (i->flags & I_MEM)
		st16(c, i, ea(c, i, 2, ACC_WRITE), sel);
	else
		set_reg(c, i->rm, i->size, sel);
	DONE;
}

handler *const x_mov_es[8] = ALL8(mov_es);

static void
mov_se(struct cpu *c, const struct insn *i)
{
	load_seg(c, i, i->reg, (uint16_t)get_rm(c, i, 2));
	if (i->reg == SEG_SS)
		ss_shadow(c);
	DONE;
}

handler *const x_mov_se[8] = ALL8(mov_se);

static uint64_t
sp_mask(const struct cpu *c)
{
	if (c->code == CODE64)
		return ~0ull;
	return c->seg[SEG_SS].db ? 0xffffffff : 0xffff;
}

/* With a 32-bit operand only the low half of the slot is written, as Intel's
 * CPUs do. */
static void
push_s(struct cpu *c, const struct insn *i)
{
	uint64_t mask = sp_mask(c), sp = c->gpr[RSP];
	uint16_t sel = c->seg[i->reg].sel;
	unsigned n = i->size == 4 ? 2 : i->size;

	sp = (sp & ~mask) | ((sp - i->size) & mask);
	st_n(c, i, seg_lin(c, i, SEG_SS, sp & mask, n, ACC_WRITE), n, sel);
	c->gpr[RSP] = sp;
	DONE;
}

handler *const x_push_s[8] = ALL8(push_s);

/* RSP moves in the width that SS had before. */
static void
pop_s(struct cpu *c, const struct insn *i)
{
	uint64_t mask = sp_mask(c), sp = c->gpr[RSP];

	load_seg(c, i, i->reg, (uint16_t)stack_peek(c, i, 0, 2));
	c->gpr[RSP] = (sp & ~mask) | ((sp + i->size) & mask);
	if (i->reg == SEG_SS)
		ss_shadow(c);
	DONE;
}

handler *const x_pop_s[8] = ALL8(pop_s);

static unsigned
lds_target(const struct insn *i)
{
	switch (i->op) {
	case 0xc4:
		return SEG_ES;
	case 0xb2:
		return SEG_SS;
	case 0xb4:
		return SEG_FS;
	case 0xb5:
		return SEG_GS;
	default:
		return SEG_DS;
	}
}

static void
lds_re(struct cpu *c, const struct insn *i)
{
	uint64_t lin = ea(c, i, i->size + 2u, ACC_READ);
	uint64_t off = ld_n(c, i, lin, i->size);

	load_seg(c, i, lds_target(i), ld16(c, i, lin + i->size));
	set_reg(c, i->reg, i->size, off);
	DONE;
}

handler *const x_lds_re[8] = ALL8(lds_re);

/* ---- LDTR and TR ---- */

static void
store_sel(struct cpu *c, const struct insn *i, uint16_t sel)
{
	need_prot(c, i);
	check_umip(c, i);
	if (i->flags & I_MEM)
		st16(c, i, ea(c, i, 2, ACC_WRITE), sel);
	else
		set_reg(c, i->rm, i->size, sel);
}

static void
sldt_e(struct cpu *c, const struct insn *i)
{
	store_sel(c, i, c->seg[SEG_LDT].sel);
	DONE;
}

handler *const x_sldt_e[8] = ALL8(sldt_e);

static void
str_e(struct cpu *c, const struct insn *i)
{
	store_sel(c, i, c->seg[SEG_TR].sel);
	DONE;
}

handler *const x_str_e[8] = ALL8(str_e);

/* The descriptor of an LDT or TSS for LLDT and LTR. */
static void
system_desc(struct cpu *c, const struct insn *i, uint16_t sel, unsigned types,
	struct desc *d)
{
	if ((sel & 4) || !desc_load16(c, i, sel, d) || d->seg.s ||
		!(types >> d->seg.type & 1))
		raise_gp(c, i, sel_error(sel));
	/* the upper half has a type field of its own, which must be 0 */
	if (long_mode(c) && ((d->high >> 40 & 31) || !canonical(d->seg.base)))
		raise_gp(c, i, sel_error(sel));
	if (!d->seg.present)
		raise_err(c, i, EXC_NP, sel_error(sel));
}

static void NOINLINE
lldt_e(struct cpu *c, const struct insn *i)
{
	struct desc d;
	uint16_t sel;

	need_prot(c, i);
	need_cpl0(c, i);
	sel = (uint16_t)get_rm(c, i, 2);
	if (null_sel(sel)) {
		seg_null(c, SEG_LDT, sel);
	} else {
		system_desc(c, i, sel, 1 << SYS_LDT, &d);
		seg_put(c, SEG_LDT, &d.seg);
	}
}

static void
lldt(struct cpu *c, const struct insn *i)
{
	lldt_e(c, i);
	DONE;
}

handler *const x_lldt_e[8] = ALL8(lldt);

static void NOINLINE
ltr_e(struct cpu *c, const struct insn *i)
{
	unsigned types = 1 << SYS_TSS;
	struct desc d;
	uint16_t sel;

	need_prot(c, i);
	need_cpl0(c, i);
	sel = (uint16_t)get_rm(c, i, 2);
	if (null_sel(sel))
		raise_gp(c, i, 0);
	if (!long_mode(c))
		types |= 1 << SYS_TSS16;
	system_desc(c, i, sel, types, &d);
	desc_set(c, i, &d, TYPE_BUSY);
	d.seg.type |= TYPE_BUSY;
	seg_put(c, SEG_TR, &d.seg);
}

static void
ltr(struct cpu *c, const struct insn *i)
{
	ltr_e(c, i);
	DONE;
}

handler *const x_ltr_e[8] = ALL8(ltr);
