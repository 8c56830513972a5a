/* SPDX-License-Identifier: MIT */
/*
 * One block's translation: which flags live where, each instruction by its rule
 * or its handler, the ways out, and behind them the detours that are rarely
 * taken.
 */
#include "vmm/soft/decode.h"
#include "vmm/soft/jit-code.h"

static enum how
how(const struct insn *i)
{
	return decode_row(i->row)->how;
}

static const struct rule *
rule_of(const struct insn *i)
{
	enum how h = how(i);

	return h ? &jit_rules[h] : jit_sse_rule(i);
}

/* What a condition code looks at. */
static unsigned
condition_reads(unsigned op)
{
	switch (op >> 1 & 7) {
	case 1:
		return JF_CARRY;
	case 3:
		return JF_ALL;
	default:
		return JF_REST;
	}
}

static unsigned
reads(const struct insn *i, enum how h)
{
	switch (h) {
	case HOW_jcc_i:
	case HOW_setcc_e:
	case HOW_cmovcc_re:
		return condition_reads(i->op);
	default:
		break;
	}
	if (!rule_of(i)->emit && !rule_of(i)->apart)
		return JF_ALL;
	return rule_of(i)->reads;
}

/* A shift by nothing leaves the flags as they are. */
static unsigned
kills(const struct insn *i, enum how h)
{
	switch (h) {
	case HOW_rol_ei:
	case HOW_ror_ei:
	case HOW_rcl_ei:
	case HOW_rcr_ei:
	case HOW_shl_ei:
	case HOW_shr_ei:
	case HOW_sar_ei:
	case HOW_shld_eri:
	case HOW_shrd_eri:
		if (!(i->imm & (i->size == 8 ? 63 : 31)))
			return 0;
		break;
	default:
		break;
	}
	return rule_of(i)->kills;
}

static void
find_living(struct tr *t)
{
	const struct block *b = t->b;
	unsigned live = JF_ALL;

	for (unsigned n = b->n; n--;) {
		const struct insn *i = &b->insn[n];
		enum how h = how(i);

		t->live[n + 1] = (uint8_t)live;
		live = (live & ~kills(i, h)) | reads(i, h);
	}
	t->live[0] = (uint8_t)live;
}

/* By its handler, here and now. */
static void
by_handler(struct tr *t)
{
	if (t->host && t->live[t->n])
		jit_save_flags(t);
	t->p = emit_mov_imm(t->p, H_RAX, block_name(t->c, t->b, t->n));
	t->p = emit_jump_to(t->p, 0xe8, t->j->handle);
	t->host = true;
	t->saved = true;
}

/* The address in an instruction of the usual kind; offsets of 64 bits only
 * where there is no register. */
static bool
plain(const struct insn *i)
{
	if (!(i->flags & I_MEM))
		return true;
	if (i->flags & I_SLOW)
		return false;
	return (i->base == GPR_ZERO && i->index == GPR_ZERO) || fits32(i->disp);
}

static void
one(struct tr *t, const struct insn *i)
{
	enum how h = how(i);
	const struct rule *r = rule_of(i);
	unsigned detours = t->detours;

	t->count = 1;
	t->need = reads(i, h) ||
		  (r->writes && (t->live[t->n + 1] & ~kills(i, h)));
	if (!r->emit || !plain(i) || !r->emit(t, i, r->arg)) {
		by_handler(t);
		t->sse &= r->apart;
		return;
	}
	if (r->writes) {
		t->host = true;
		t->saved = false;
	}
	for (; detours < t->detours; detours++)
		t->detour[detours].back = t->p;
}

static void
prologue(struct tr *t)
{
	_Static_assert(JIT_OFF(pending) < 128 && JIT_OFF(icount) < 128,
		"JIT_ENTRY counts on short displacements");

	op_cpu(t, 4, 0x83, 7, JIT_OFF(pending));
	t->p = emit8(t->p, 0);
	t->p = emit_jump_to(t->p, 0x0f85, t->j->leave);
	op_cpu(t, 8, 0x83, 0, JIT_OFF(icount));
	t->p = emit8(t->p, t->b->n);
}

static void
detours(struct tr *t)
{
	for (unsigned n = 0; n < t->detours; n++) {
		const struct detour *s = &t->detour[n];

		set_jump(s->from, t->p);
		for (unsigned k = 0; k < s->count; k++) {
			t->p = emit_mov_imm(t->p, H_RAX,
				block_name(t->c, t->b, s->insn + k));
			t->p = emit_jump_to(t->p, s->tail ? 0xe9 : 0xe8,
				s->tail ? t->j->tail : t->j->handle);
		}
		if (!s->tail)
			t->p = emit_jump_to(t->p, 0xe9, s->back);
	}
}

/* The jumps to other blocks, until they are known. */
static void
links(struct tr *t)
{
	for (unsigned slot = 0; slot < 2; slot++) {
		uint8_t *rel = t->j->mem.rw + t->b->site[slot];

		if (!t->b->site[slot])
			continue;
		set_jump(rel, t->p);
		t->p = emit_mov_imm(t->p, H_RAX, block_name(t->c, t->b, slot));
		t->p = emit_jump_to(t->p, 0xe9, t->j->link);
	}
}

bool
jit_translate(struct cpu *c, struct block *b)
{
	struct jit *j = c->jit;
	struct tr t;
	unsigned n;

	if ((size_t)(j->mem.rw + j->mem.size - j->at) < JIT_ROOM)
		return false;
	t.p = j->at;
	t.c = c;
	t.j = j;
	t.b = b;
	t.detours = 0;
	t.host = t.sse = false;
	t.saved = true;
	b->site[0] = b->site[1] = 0;
	find_living(&t);
	prologue(&t);
	for (n = 0; n < b->n && !(b->insn[n].flags & I_END); n += t.count) {
		t.n = n;
		one(&t, &b->insn[n]);
	}
	t.count = 1;
	t.n = n;
	if (n < b->n)
		jit_end(&t, &b->insn[n]);
	else
		jit_fall(&t);
	detours(&t);
	links(&t);
	b->run = j->at + (j->mem.rx - j->mem.rw);
	j->at = (uint8_t *)(((uintptr_t)t.p + 15) & ~(uintptr_t)15);
	return true;
}
