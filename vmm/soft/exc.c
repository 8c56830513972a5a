/* SPDX-License-Identifier: MIT */
/*
 * Exceptions and interrupts: raising them, and their delivery through the
 * interrupt table in real, vm86, protected and IA-32e mode (Intel SDM vol. 3A
 * chapter 6, sections 6.10 to 6.15, and 21.1.4). A fault on the way is raised
 * like any other; exc_dispatch() makes a double or triple fault of it.
 */
#include "vmm/soft/handlers.h"
#include "vmm/soft/prot.h"

enum { BENIGN = 0x100 }; /* c->delivering an interrupt: starts no #DF */

/* ---- raising ---- */

static _Noreturn void
raise_now(struct cpu *c, const struct insn *i, int vector, bool rf)
{
	run_abort(c, i);
	c->exc = vector;
	c->exc_rf = rf;
	if (i)
		c->RIP += i->off;
	if (c->undo_cpl >= 0) {
		c->cpl = (uint8_t)c->undo_cpl;
		c->undo_cpl = -1;
		mode_changed(c);
	}
	siglongjmp(*c->catch, RAISED);
}

void
raise_rf(struct cpu *c, const struct insn *i, int vector, bool rf)
{
	c->exc_has_error = false;
	c->exc_error = 0;
	raise_now(c, i, vector, rf);
}

void
raise_exc(struct cpu *c, const struct insn *i, int vector)
{
	raise_rf(c, i, vector, true);
}

void
raise_ud(struct cpu *c, const struct insn *i)
{
	raise_exc(c, i, EXC_UD);
}

void
raise_err(struct cpu *c, const struct insn *i, int vector, uint32_t error)
{
	c->exc_has_error = true;
	c->exc_error = error;
	raise_now(c, i, vector, true);
}

void
raise_gp(struct cpu *c, const struct insn *i, uint32_t error)
{
	raise_err(c, i, EXC_GP, error);
}

void
raise_pf(struct cpu *c, const struct insn *i, uint64_t lin, uint32_t error)
{
	c->cr2 = lin;
	raise_err(c, i, EXC_PF, error);
}

/* A REP string that is left in its midst goes on with RF set, so that its
 * instruction breakpoint does not hit again. */
void
leave(struct cpu *c, const struct insn *i, bool done)
{
	run_abort(c, i);
	if (done) {
		end_insn(c, i);
	} else {
		c->RIP += i->off;
		c->sysflags |= FL_RF;
		pend(c, PEND_STEP);
	}
	siglongjmp(*c->catch, LEFT);
}

/* ---- what is delivered ---- */

struct event {
	const struct insn *i; /* faults are its own; NULL: between two */
	unsigned vector;
	enum int_kind kind;
	bool has_error;
	uint32_t error, ext, flags; /* flags to push */
	uint64_t ret; /* RIP to push */
};

static uint32_t
gate_error(const struct event *e)
{
	return e->vector * 8 + 2 + e->ext;
}

/* Flags once in the handler. */
static void
enter_flags(struct cpu *c, bool interrupt_gate, uint32_t clear)
{
	clear |= FL_TF | FL_RF | FL_VM | (interrupt_gate ? FL_IF : 0);
	set_flags(c, get_flags(c) & ~clear);
}

/* The limit of the interrupt table for entries of n bytes. */
static uint64_t
entry_lin(struct cpu *c, const struct event *e, unsigned n)
{
	uint64_t lin = c->idt.base + e->vector * n;

	if (e->vector * n + n - 1 > c->idt.limit)
		raise_gp(c, e->i, gate_error(e));
	return long_mode(c) ? lin : (uint32_t)lin;
}

static void
deliver_real(struct cpu *c, const struct event *e)
{
	uint32_t entry = (uint32_t)sys_ld(c, e->i, entry_lin(c, e, 4), 4);
	struct stk s;

	stk_here(c, &s);
	stk_push(c, e->i, &s, 2, e->flags);
	stk_push(c, e->i, &s, 2, c->seg[SEG_CS].sel);
	stk_push(c, e->i, &s, 2, e->ret);
	if ((entry & 0xffff) > c->seg[SEG_CS].limit)
		raise_gp(c, e->i, e->ext);
	c->gpr[RSP] = s.sp;
	seg_real(c, SEG_CS, (uint16_t)(entry >> 16));
	c->RIP = entry & 0xffff;
	enter_flags(c, true, FL_AC);
	mode_changed(c);
}

/* A gate that the event may use, of these types. */
static void
check_gate(struct cpu *c, const struct event *e, uint64_t gate, unsigned types)
{
	if (!(types >> (gate >> 40 & 31) & 1))
		raise_gp(c, e->i, gate_error(e));
	if (e->kind == INT_SOFT && (gate >> 45 & 3) < c->cpl)
		raise_gp(c, e->i, gate_error(e));
	if (!(gate >> 47 & 1))
		raise_err(c, e->i, EXC_NP, gate_error(e));
}

/* ---- IA-32e mode ---- */

static void
stack_long(struct cpu *c, const struct event *e, unsigned ist, unsigned cpl,
	struct stk *s)
{
	const struct cpu_seg *tr = &c->seg[SEG_TR];
	unsigned at = 0x1c + ist * 8;

	if (cpl != c->cpl && !ist) {
		stk_from_tss(c, e->i, cpl, e->ext, s);
	} else {
		*s = (struct stk){.ss = c->seg[SEG_SS],
			.sp = c->gpr[RSP],
			.flat = true,
			.error = e->ext};
		if (cpl != c->cpl)
			s->ss = (struct cpu_seg){.sel = (uint16_t)cpl,
				.dpl = (uint8_t)cpl,
				.unusable = true,
				.db = true,
				.g = true,
				.limit = 0xffffffff};
	}
	if (ist) {
		if (at + 7 > tr->limit)
			raise_err(c, e->i, EXC_TS, sel_error(tr->sel) | e->ext);
		s->sp = sys_ld(c, e->i, tr->base + at, 8);
	}
	s->sp &= ~15ull;
}

static void
deliver_long(struct cpu *c, const struct event *e)
{
	uint64_t lin = entry_lin(c, e, 16), off, gate;
	struct desc d;
	struct stk s;
	unsigned cpl;

	gate = sys_ld(c, e->i, lin, 8);
	check_gate(c, e, gate, 1u << SYS_INT | 1u << SYS_TRAP);
	off = gate_off(gate) | sys_ld(c, e->i, lin + 8, 4) << 32;
	code_desc(c, e->i, gate_sel(gate), CODE_GATE, e->ext, &d);
	cpl = is_conforming(&d.seg) ? c->cpl : d.seg.dpl;
	if (!canonical(off))
		raise_gp(c, e->i, e->ext);
	stack_long(c, e, gate >> 32 & 7, cpl, &s);
	cpl_try(c, cpl);
	stk_push(c, e->i, &s, 8, c->seg[SEG_SS].sel);
	stk_push(c, e->i, &s, 8, c->gpr[RSP]);
	stk_push(c, e->i, &s, 8, e->flags);
	stk_push(c, e->i, &s, 8, c->seg[SEG_CS].sel);
	stk_push(c, e->i, &s, 8, e->ret);
	if (e->has_error)
		stk_push(c, e->i, &s, 8, e->error);
	seg_put(c, SEG_SS, &s.ss);
	c->gpr[RSP] = s.sp;
	enter_flags(c, (gate >> 40 & 15) == SYS_INT, FL_NT);
	code_commit(c, &d.seg, cpl, off);
}

/* ---- protected mode ---- */

/* The handler's first words: of the interrupted task's stack, if it is left;
 * of its vm86 segments. */
static void
push_outer(struct cpu *c, const struct event *e, struct stk *s, unsigned n)
{
	if (vm86(c)) {
		stk_push(c, e->i, s, n, c->seg[SEG_GS].sel);
		stk_push(c, e->i, s, n, c->seg[SEG_FS].sel);
		stk_push(c, e->i, s, n, c->seg[SEG_DS].sel);
		stk_push(c, e->i, s, n, c->seg[SEG_ES].sel);
	}
	stk_push(c, e->i, s, n, c->seg[SEG_SS].sel);
	stk_push(c, e->i, s, n, c->gpr[RSP]);
}

static void
null_data(struct cpu *c)
{
	seg_null(c, SEG_GS, 0);
	seg_null(c, SEG_FS, 0);
	seg_null(c, SEG_DS, 0);
	seg_null(c, SEG_ES, 0);
}

static void
deliver_gate(struct cpu *c, const struct event *e, uint64_t gate)
{
	unsigned type = gate >> 40 & 15, n = type & 8 ? 4 : 2, cpl;
	uint64_t off = n == 4 ? gate_off(gate) : gate & 0xffff;
	bool was_vm86 = vm86(c);
	struct desc d;
	struct stk s;

	code_desc(c, e->i, gate_sel(gate), CODE_GATE, e->ext, &d);
	cpl = is_conforming(&d.seg) ? c->cpl : d.seg.dpl;
	if (was_vm86 && cpl != 0)
		raise_gp(c, e->i, sel_error(d.seg.sel) | e->ext);
	if (cpl != c->cpl) {
		stk_from_tss(c, e->i, cpl, e->ext, &s);
		cpl_try(c, cpl);
		push_outer(c, e, &s, n);
	} else {
		stk_here(c, &s);
		s.error = e->ext;
	}
	stk_push(c, e->i, &s, n, e->flags);
	stk_push(c, e->i, &s, n, c->seg[SEG_CS].sel);
	stk_push(c, e->i, &s, n, e->ret);
	if (e->has_error)
		stk_push(c, e->i, &s, n, e->error);
	if (!code_offset(c, &d.seg, off))
		raise_gp(c, e->i, e->ext);
	seg_put(c, SEG_SS, &s.ss);
	c->gpr[RSP] = s.sp;
	if (was_vm86)
		null_data(c);
	enter_flags(c, !(type & 1), FL_NT);
	code_commit(c, &d.seg, cpl, off);
}

/* The error code goes to the new task's stack, in its width. */
static void
deliver_task(struct cpu *c, const struct event *e, uint64_t gate)
{
	struct stk s;

	c->sysflags |= e->flags & FL_RF; /* for the old task's TSS */
	task_switch(c, e->i, gate_sel(gate), TASK_GATE, e->ret, e->ext);
	if (!e->has_error)
		return;
	stk_here(c, &s);
	stk_push(c, NULL, &s, c->seg[SEG_TR].type & 8 ? 4 : 2, e->error);
	c->gpr[RSP] = s.sp;
}

static void
deliver_prot(struct cpu *c, const struct event *e)
{
	uint64_t gate = sys_ld(c, e->i, entry_lin(c, e, 8), 8);

	check_gate(c, e, gate,
		1u << SYS_TASK | 1u << SYS_INT16 | 1u << SYS_TRAP16 |
			1u << SYS_INT | 1u << SYS_TRAP);
	if ((gate >> 40 & 15) == SYS_TASK)
		deliver_task(c, e, gate);
	else
		deliver_gate(c, e, gate);
}

/* ---- delivery ---- */

void NOINLINE
deliver_from(struct cpu *c, const struct insn *i, unsigned vector,
	enum int_kind kind, bool has_error, uint32_t error, uint64_t ret)
{
	struct event e = {.i = i,
		.vector = vector,
		.kind = kind,
		.has_error = has_error,
		.error = error,
		.ret = ret,
		.ext = kind != INT_SOFT,
		.flags = get_flags(c)};

	c->delivering = kind == INT_EXC ? (int)vector : BENIGN;
	if (kind == INT_EXC && c->exc_rf)
		e.flags |= FL_RF;
	if (!protected_mode(c))
		deliver_real(c, &e);
	else if (long_mode(c))
		deliver_long(c, &e);
	else
		deliver_prot(c, &e);
	if (vector == EXC_DB && kind != INT_SOFT)
		debug_entered(c);
	if (vector == EXC_NMI && kind != INT_SOFT)
		c->nmi_masked = true;
	c->halted = c->shadow = c->shadow_ss = false;
	c->stepping = false; /* INT n under TF: the handler is not stepped */
	c->dr6_pend &= ~DR6_BS;
	c->delivering = c->exc = -1;
}

void
deliver(struct cpu *c, unsigned vector, enum int_kind kind, bool has_error,
	uint32_t error)
{
	deliver_from(c, NULL, vector, kind, has_error, error, c->RIP);
}

static bool
contributory(int vector)
{
	return vector == EXC_DE || (vector >= EXC_TS && vector <= EXC_GP);
}

void
exc_dispatch(struct cpu *c)
{
	int first = c->delivering, v = c->exc;
	bool bad = contributory(v) || v == EXC_PF;

	if (first == EXC_DF && bad) {
		c->shutdown = true;
		c->delivering = c->exc = -1;
		return;
	}
	if ((contributory(first) && contributory(v)) ||
		(first == EXC_PF && bad)) {
		v = EXC_DF;
		c->exc_has_error = true;
		c->exc_error = 0;
		c->exc_rf = false;
	}
	deliver(c, (unsigned)v, INT_EXC, c->exc_has_error, c->exc_error);
}
