/* SPDX-License-Identifier: MIT */
/*
 * Hardware task switches, 16- and 32-bit (Intel SDM vol. 3A chapter 8). Faults
 * up to the point of no return leave the old task as it was; later ones belong
 * to the new task, whose registers are loaded by then.
 */
#include "vmm/soft/prot.h"

struct tss {
	uint32_t cr3, eip, eflags, gpr[8];
	uint16_t sel[6], ldt; /* sel by SEG_* */
	bool trap;
};

/* Offsets in the two kinds of TSS. GPRs follow EFLAGS, then ES CS SS DS... */
struct shape {
	unsigned n, limit, cr3, eip, eflags, gpr, seg, segs, ldt;
};

static const struct shape shape16 = {.n = 2,
	.limit = 0x2b,
	.eip = 0x0e,
	.eflags = 0x10,
	.gpr = 0x12,
	.seg = 0x22,
	.segs = 4,
	.ldt = 0x2a};
static const struct shape shape32 = {.n = 4,
	.limit = 0x67,
	.cr3 = 0x1c,
	.eip = 0x20,
	.eflags = 0x24,
	.gpr = 0x28,
	.seg = 0x48,
	.segs = 6,
	.ldt = 0x60};

static const struct shape *
shape_of(const struct cpu_seg *tss)
{
	return tss->type & 8 ? &shape32 : &shape16;
}

static uint32_t
tss_ld(struct cpu *c, const struct insn *i, const struct cpu_seg *tss,
	unsigned at, unsigned n)
{
	return (uint32_t)sys_ld(c, i, (uint32_t)(tss->base + at), n);
}

static void
tss_st(struct cpu *c, const struct insn *i, const struct cpu_seg *tss,
	unsigned at, unsigned n, uint32_t v)
{
	sys_st(c, i, (uint32_t)(tss->base + at), n, v);
}

static void
read_tss(struct cpu *c, const struct insn *i, const struct cpu_seg *tss,
	struct tss *t)
{
	const struct shape *sh = shape_of(tss);
	unsigned n = sh->n;

	memset(t, 0, sizeof(*t));
	if (sh->cr3) {
		t->cr3 = tss_ld(c, i, tss, sh->cr3, 4);
		t->trap = tss_ld(c, i, tss, 0x64, 2) & 1;
	}
	t->eip = tss_ld(c, i, tss, sh->eip, n);
	t->eflags = tss_ld(c, i, tss, sh->eflags, n);
	for (unsigned r = 0; r < 8; r++) {
		t->gpr[r] = tss_ld(c, i, tss, sh->gpr + r * n, n);
		if (n == 2)
			t->gpr[r] |= 0xffff0000;
	}
	for (unsigned s = 0; s < sh->segs; s++)
		t->sel[s] = (uint16_t)tss_ld(c, i, tss, sh->seg + s * n, 2);
	t->ldt = (uint16_t)tss_ld(c, i, tss, sh->ldt, 2);
}

/* The old task's registers; static fields stay. */
static void
save_tss(struct cpu *c, const struct insn *i, uint32_t eip, uint32_t eflags)
{
	const struct cpu_seg *tss = &c->seg[SEG_TR];
	const struct shape *sh = shape_of(tss);
	unsigned n = sh->n;

	tss_st(c, i, tss, sh->eip, n, eip);
	tss_st(c, i, tss, sh->eflags, n, eflags);
	for (unsigned r = 0; r < 8; r++)
		tss_st(c, i, tss, sh->gpr + r * n, n, (uint32_t)c->gpr[r]);
	for (unsigned s = 0; s < sh->segs; s++)
		tss_st(c, i, tss, sh->seg + s * n, 2, c->seg[s].sel);
}

/* The target's descriptor, checked. */
static void
target(struct cpu *c, const struct insn *i, uint16_t sel, enum task_kind kind,
	uint32_t ext, struct desc *d)
{
	int vector = kind == TASK_IRET ? EXC_TS : EXC_GP;
	uint32_t error = sel_error(sel) | ext;
	unsigned type;

	if ((sel & 4) || null_sel(sel) || !desc_load(c, i, sel, d))
		raise_err(c, i, vector, error);
	type = kind == TASK_IRET ? d->seg.type ^ TYPE_BUSY : d->seg.type;
	if (d->seg.s || (type != SYS_TSS && type != SYS_TSS16))
		raise_err(c, i, vector, error);
	if (!d->seg.present)
		raise_err(c, i, EXC_NP, error);
	if (d->seg.limit < shape_of(&d->seg)->limit)
		raise_err(c, i, EXC_TS, error);
}

/* ---- the new task ---- */

static void
load_ldt(struct cpu *c, const struct insn *i, uint16_t sel, uint32_t ext)
{
	struct desc d;

	seg_null(c, SEG_LDT, sel);
	if (null_sel(sel))
		return;
	if ((sel & 4) || !desc_load(c, i, sel, &d) || d.seg.s ||
		d.seg.type != SYS_LDT || !d.seg.present)
		raise_err(c, i, EXC_TS, sel_error(sel) | ext);
	seg_put(c, SEG_LDT, &d.seg);
}

static void
load_cs(struct cpu *c, const struct insn *i, uint16_t sel, uint32_t ext)
{
	uint32_t error = sel_error(sel) | ext;
	unsigned rpl = sel & 3;
	struct desc d;

	if (null_sel(sel) || !desc_load(c, i, sel, &d) || !is_code(&d.seg))
		raise_err(c, i, EXC_TS, error);
	if (is_conforming(&d.seg) ? d.seg.dpl > rpl : d.seg.dpl != rpl)
		raise_err(c, i, EXC_TS, error);
	if (!d.seg.present)
		raise_err(c, i, EXC_NP, error);
	desc_touch(c, i, &d);
	c->seg[SEG_CS] = d.seg;
	c->cpl = (uint8_t)rpl;
	mode_changed(c);
}

static void
load_one(struct cpu *c, const struct insn *i, unsigned seg, uint16_t sel,
	uint32_t ext)
{
	uint32_t error = sel_error(sel) | ext;
	struct desc d;

	if (null_sel(sel))
		return;
	if (!desc_load(c, i, sel, &d) || !d.seg.s ||
		(d.seg.type & (TYPE_CODE | TYPE_READ)) == TYPE_CODE)
		raise_err(c, i, EXC_TS, error);
	if (!(is_code(&d.seg) && is_conforming(&d.seg)) &&
		((sel & 3) > d.seg.dpl || c->cpl > d.seg.dpl))
		raise_err(c, i, EXC_TS, error);
	if (!d.seg.present)
		raise_err(c, i, EXC_NP, error);
	desc_touch(c, i, &d);
	seg_put(c, seg, &d.seg);
}

static void
load_segs(
	struct cpu *c, const struct insn *i, const struct tss *t, uint32_t ext)
{
	static const uint8_t data[] = {SEG_DS, SEG_ES, SEG_FS, SEG_GS};
	struct cpu_seg ss;

	for (unsigned s = 0; s < 6; s++)
		seg_null(c, s, t->sel[s]);
	load_ldt(c, i, t->ldt, ext);
	if (vm86(c)) {
		for (unsigned s = 0; s < 6; s++)
			seg_real(c, s, t->sel[s]);
		c->cpl = 3;
		mode_changed(c);
		return;
	}
	load_cs(c, i, t->sel[SEG_CS], ext);
	ss = stack_desc(c, i, t->sel[SEG_SS], c->cpl, EXC_TS, ext);
	seg_put(c, SEG_SS, &ss);
	for (unsigned n = 0; n < 4; n++)
		load_one(c, i, data[n], t->sel[data[n]], ext);
	if (!code_offset(c, &c->seg[SEG_CS], t->eip))
		raise_gp(c, i, ext);
}

/* Registers of the new task. From here faults are its own: raising adds the
 * insn's offset to RIP, so that is taken off before. */
static void
become(struct cpu *c, const struct insn *i, const struct desc *d,
	const struct tss *t, uint32_t ext)
{
	uint64_t off = i ? i->off : 0;

	seg_put(c, SEG_TR, &d->seg);
	c->seg[SEG_TR].type |= TYPE_BUSY;
	c->cr0 |= CR0_TS;
	c->dr[7] &= ~0x55ull;
	set_dr7(c, c->dr[7]);
	c->RIP = t->eip - off;
	for (unsigned r = 0; r < 8; r++)
		c->gpr[r] = t->gpr[r];
	set_flags(c, t->eflags);
	if (d->seg.type & 8 && (c->cr0 & CR0_PG) && t->cr3 != c->cr3 &&
		set_cr3(c, t->cr3))
		raise_err(c, i, EXC_TS, sel_error(d->seg.sel) | ext);
	load_segs(c, i, t, ext);
	c->RIP = t->eip;
	if (t->trap) {
		c->dr6_pend |= DR6_BT;
		c->owes = true;
		pend(c, PEND_STEP);
	}
}

void NOINLINE
task_switch(struct cpu *c, const struct insn *i, uint16_t sel,
	enum task_kind kind, uint64_t next, uint32_t ext)
{
	bool nests = kind == TASK_CALL || kind == TASK_GATE;
	uint32_t flags = get_flags(c);
	struct cpu_seg old = c->seg[SEG_TR];
	struct desc d, from;
	struct tss t;

	target(c, i, sel, kind, ext, &d);
	read_tss(c, i, &d.seg, &t);
	if (kind == TASK_IRET)
		flags &= ~(uint32_t)FL_NT;
	if (old.limit < shape_of(&old)->eflags + 4)
		raise_err(c, i, EXC_TS, sel_error(old.sel) | ext);
	save_tss(c, i, (uint32_t)next, flags);
	if (nests) {
		tss_st(c, i, &d.seg, 0, 2, old.sel);
		t.eflags |= FL_NT;
	} else if (!null_sel(old.sel) && desc_load(c, i, old.sel, &from)) {
		desc_clear(c, i, &from, TYPE_BUSY);
	}
	if (kind != TASK_IRET)
		desc_set(c, i, &d, TYPE_BUSY);
	become(c, i, &d, &t, ext);
}
