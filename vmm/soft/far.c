/* SPDX-License-Identifier: MIT */
/*
 * Far JMP, CALL and RET (Intel SDM vol. 2; vol. 3A sections 5.8, 8.3): to code
 * segments, through call gates with stack switch, to tasks.
 */
#include "vmm/soft/handlers.h"
#include "vmm/soft/prot.h"

struct far {
	uint16_t sel;
	uint64_t off;
	unsigned size; /* of the offset and of what is pushed: 2, 4, 8 */
};

static struct far
far_imm(const struct insn *i)
{
	struct far f = {.sel = (uint16_t)(i->imm >> 32),
		.off = (uint32_t)i->imm,
		.size = i->size};

	if (i->size == 2)
		f.off &= 0xffff;
	return f;
}

static struct far
far_mem(struct cpu *c, const struct insn *i)
{
	uint64_t lin = ea(c, i, i->size + 2u, ACC_READ);

	return (struct far){.off = ld_n(c, i, lin, i->size),
		.sel = ld16(c, i, lin + i->size),
		.size = i->size};
}

static void
push_return(struct cpu *c, const struct insn *i, struct stk *s, unsigned size)
{
	stk_push(c, i, s, size, c->seg[SEG_CS].sel);
	stk_push(c, i, s, size, rip_after(c, i));
}

/* Real and vm86 mode. */
static void
far_real(struct cpu *c, const struct insn *i, const struct far *f, bool call)
{
	struct stk s;

	stk_here(c, &s);
	if (call)
		push_return(c, i, &s, f->size);
	if (f->off > c->seg[SEG_CS].limit)
		raise_gp(c, i, 0);
	c->gpr[RSP] = s.sp;
	seg_real(c, SEG_CS, f->sel);
	c->RIP = f->off;
	mode_changed(c);
}

/* At the present privilege level; d is checked but for the offset. */
static void
far_same(struct cpu *c, const struct insn *i, const struct desc *d,
	uint64_t off, unsigned size, bool call)
{
	struct stk s;

	stk_here(c, &s);
	if (call)
		push_return(c, i, &s, size);
	if (!code_offset(c, &d->seg, off))
		raise_gp(c, i, 0);
	c->gpr[RSP] = s.sp;
	code_commit(c, &d->seg, c->cpl, off);
}

/* Words of the caller's stack that a 16- or 32-bit call gate copies. */
static void
copy_params(struct cpu *c, const struct insn *i, unsigned n, unsigned size,
	uint32_t v[31])
{
	for (unsigned k = 0; k < n; k++)
		v[k] = (uint32_t)stack_peek(c, i, k * size, size);
}

static void
call_inner(struct cpu *c, const struct insn *i, const struct desc *d,
	uint64_t gate, uint64_t off, unsigned size)
{
	unsigned cpl = d->seg.dpl, n = size == 8 ? 0 : gate >> 32 & 31;
	uint32_t params[31];
	struct stk s;

	stk_from_tss(c, i, cpl, 0, &s);
	copy_params(c, i, n, size, params);
	if (!code_offset(c, &d->seg, off))
		raise_gp(c, i, 0);
	cpl_try(c, cpl);
	stk_push(c, i, &s, size, c->seg[SEG_SS].sel);
	stk_push(c, i, &s, size, c->gpr[RSP]);
	while (n)
		stk_push(c, i, &s, size, params[--n]);
	push_return(c, i, &s, size);
	seg_put(c, SEG_SS, &s.ss);
	c->gpr[RSP] = s.sp;
	code_commit(c, &d->seg, cpl, off);
}

static void
far_gate(struct cpu *c, const struct insn *i, const struct desc *g, bool call)
{
	uint64_t off = gate_off(g->raw);
	unsigned size = g->seg.type & 8 ? 4 : 2;
	struct desc d;

	if (long_mode(c)) {
		off |= g->high << 32;
		size = 8;
	} else if (size == 2) {
		off &= 0xffff;
	}
	code_desc(c, i, gate_sel(g->raw), CODE_GATE, 0, &d);
	if (is_conforming(&d.seg) || d.seg.dpl == c->cpl) {
		far_same(c, i, &d, off, size, call);
		return;
	}
	if (!call)
		raise_gp(c, i, sel_error(d.seg.sel));
	call_inner(c, i, &d, g->raw, off, size);
}

static void
far_system(struct cpu *c, const struct insn *i, struct desc *d, uint16_t sel,
	bool call)
{
	enum task_kind kind = call ? TASK_CALL : TASK_JMP;
	unsigned type = d->seg.type, types = 1 << SYS_CALL;

	if (!long_mode(c))
		types |= 1 << SYS_CALL16 | 1 << SYS_TASK | 1 << SYS_TSS16 |
			 1 << SYS_TSS;
	if (!(types >> type & 1) || d->seg.dpl < c->cpl ||
		d->seg.dpl < (sel & 3))
		raise_gp(c, i, sel_error(sel));
	if (long_mode(c) &&
		(!desc_load16(c, i, sel, d) || (d->high >> 40 & 31)))
		raise_gp(c, i, sel_error(sel));
	if (!d->seg.present)
		raise_err(c, i, EXC_NP, sel_error(sel));
	if (type == SYS_CALL || type == SYS_CALL16)
		far_gate(c, i, d, call);
	else if (type == SYS_TASK)
		task_switch(c, i, gate_sel(d->raw), kind, rip_after(c, i), 0);
	else
		task_switch(c, i, sel, kind, rip_after(c, i), 0);
}

static void NOINLINE
far_to(struct cpu *c, const struct insn *i, struct far f, bool call)
{
	struct desc d;

	if (!prot16_or_more(c)) {
		far_real(c, i, &f, call);
		return;
	}
	if (null_sel(f.sel))
		raise_gp(c, i, 0);
	if (!desc_load(c, i, f.sel, &d))
		raise_gp(c, i, sel_error(f.sel));
	if (!d.seg.s) {
		far_system(c, i, &d, f.sel, call);
		return;
	}
	code_desc(c, i, f.sel, CODE_JUMP, 0, &d);
	far_same(c, i, &d, f.off, f.size, call);
}

static void
jmpf_i(struct cpu *c, const struct insn *i)
{
	far_to(c, i, far_imm(i), false);
}

handler *const x_jmpf_i[8] = ALL8(jmpf_i);

static void
jmpf_e(struct cpu *c, const struct insn *i)
{
	far_to(c, i, far_mem(c, i), false);
}

handler *const x_jmpf_e[8] = ALL8(jmpf_e);

static void
callf_i(struct cpu *c, const struct insn *i)
{
	far_to(c, i, far_imm(i), true);
}

handler *const x_callf_i[8] = ALL8(callf_i);

static void
callf_e(struct cpu *c, const struct insn *i)
{
	far_to(c, i, far_mem(c, i), true);
}

handler *const x_callf_e[8] = ALL8(callf_e);

/* ---- RETF ---- */

static void
ret_real(struct cpu *c, const struct insn *i, unsigned drop)
{
	uint64_t off;
	uint16_t sel;
	struct stk s;

	stk_here(c, &s);
	off = stk_pop(c, i, &s, i->size);
	sel = (uint16_t)stk_pop(c, i, &s, i->size);
	if (off > c->seg[SEG_CS].limit)
		raise_gp(c, i, 0);
	stk_move(&s, drop);
	c->gpr[RSP] = s.sp;
	seg_real(c, SEG_CS, sel);
	c->RIP = off;
	mode_changed(c);
}

void
outer_stack(struct cpu *c, const struct insn *i, struct stk *s, unsigned size,
	const struct cpu_seg *cs, struct outer *o)
{
	unsigned cpl = cs->sel & 3;
	uint16_t sel;

	o->sp = stk_pop(c, i, s, size);
	sel = (uint16_t)stk_pop(c, i, s, size);
	if (!null_sel(sel)) {
		o->ss = stack_desc(c, i, sel, cpl, EXC_GP, 0);
		return;
	}
	if (!long_mode(c) || !cs->l || cpl == 3)
		raise_gp(c, i, 0);
	o->ss = (struct cpu_seg){.sel = sel,
		.dpl = (uint8_t)cpl,
		.unusable = true,
		.db = true,
		.g = true,
		.limit = 0xffffffff};
}

/* To a 16-bit stack only SP is loaded: the rest of ESP stays, on every CPU. */
void
outer_commit(struct cpu *c, const struct outer *o, unsigned drop)
{
	struct stk s = {.ss = o->ss, .flat = c->code == CODE64};
	uint64_t keep = s.flat || s.ss.db ? 0 : 0xffff0000;

	seg_put(c, SEG_SS, &o->ss);
	s.sp = (c->gpr[RSP] & keep) | (o->sp & ~keep);
	stk_move(&s, drop);
	c->gpr[RSP] = s.sp;
}

static void NOINLINE
ret_far(struct cpu *c, const struct insn *i, unsigned drop)
{
	unsigned old = c->cpl, cpl;
	struct outer o;
	uint64_t off;
	struct desc d;
	struct stk s;

	if (!prot16_or_more(c)) {
		ret_real(c, i, drop);
		return;
	}
	stk_here(c, &s);
	off = stk_pop(c, i, &s, i->size);
	code_desc(c, i, (uint16_t)stk_pop(c, i, &s, i->size), CODE_RET, 0, &d);
	cpl = d.seg.sel & 3;
	stk_move(&s, drop);
	if (cpl > old)
		outer_stack(c, i, &s, i->size, &d.seg, &o);
	if (!code_offset(c, &d.seg, off))
		raise_gp(c, i, 0);
	code_commit(c, &d.seg, cpl, off);
	if (cpl == old) {
		c->gpr[RSP] = s.sp;
		return;
	}
	outer_commit(c, &o, drop);
	seg_drop(c);
}

static void
retf_z(struct cpu *c, const struct insn *i)
{
	ret_far(c, i, 0);
}

handler *const x_retf_z[8] = ALL8(retf_z);

static void
retf_i(struct cpu *c, const struct insn *i)
{
	ret_far(c, i, (uint16_t)i->imm);
}

handler *const x_retf_i[8] = ALL8(retf_i);
