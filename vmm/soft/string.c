/* SPDX-License-Identifier: MIT */
/*
 * String instructions in memory (SDM vol. 2: MOVS, STOS, LODS, CMPS, SCAS and
 * REP). CMPS and SCAS change flags at their end only: a fault finds them as
 * they were.
 */
#include "vmm/soft/string.h"

/* ---- MOVS ---- */

static uint64_t
move_some(struct cpu *c, const struct insn *i, uint64_t count)
{
	uint64_t s = str_source(c, i), d, v = 0;
	uint64_t n = str_run_length(c, i, count, i->seg, RSI, s);
	void *from = str_run_at(c, i, s, n, ACC_READ), *to = NULL;

	if (!from) /* before the target's faults */
		v = ld_n(c, i, s, i->size);
	d = str_target(c, i, ACC_WRITE);
	if (from) {
		n = str_run_length(c, i, n, SEG_ES, RDI, d);
		to = str_run_at(c, i, d, n, ACC_WRITE);
		if (!to)
			v = ld_n(c, i, s, i->size);
	}
	if (to) {
		host_movs(to, from, n, i->size, c->df);
	} else {
		st_n(c, i, d, i->size, v);
		n = 1;
	}
	str_advance(c, i, RSI, n);
	str_advance(c, i, RDI, n);
	return n;
}

static __attribute__((noinline)) void
rep_movs(struct cpu *c, const struct insn *i)
{
	uint64_t count = str_get(c, i, RCX);
	int budget = STR_BUDGET;

	if (!count)
		str_cut_for_nothing(c, i, true, true);
	while (count)
		str_account(c, i, &count, move_some(c, i, count), &budget);
}

static void
movs(struct cpu *c, const struct insn *i)
{
	if (str_repeated(i)) {
		rep_movs(c, i);
		end_insn(c, i);
		return;
	}
	move_some(c, i, 1);
	NEXT;
}

/* ---- STOS ---- */

static uint64_t
store_some(struct cpu *c, const struct insn *i, uint64_t count)
{
	uint64_t d = str_target(c, i, ACC_WRITE);
	uint64_t n = str_run_length(c, i, count, SEG_ES, RDI, d);
	void *to = NULL;

	if (!c->df)
		to = str_run_at(c, i, d, n, ACC_WRITE);
	if (to) {
		host_stos(to, c->gpr[RAX], n, i->size);
	} else {
		st_n(c, i, d, i->size, c->gpr[RAX]);
		n = 1;
	}
	str_advance(c, i, RDI, n);
	return n;
}

static __attribute__((noinline)) void
rep_stos(struct cpu *c, const struct insn *i)
{
	uint64_t count = str_get(c, i, RCX);
	int budget = STR_BUDGET;

	if (!count)
		str_cut_for_nothing(c, i, false, true);
	while (count)
		str_account(c, i, &count, store_some(c, i, count), &budget);
}

static void
stos(struct cpu *c, const struct insn *i)
{
	if (str_repeated(i)) {
		rep_stos(c, i);
		end_insn(c, i);
		return;
	}
	store_some(c, i, 1);
	NEXT;
}

/* ---- LODS ---- */

static void
load_one(struct cpu *c, const struct insn *i)
{
	set_reg(c, RAX * 8, i->size, ld_n(c, i, str_source(c, i), i->size));
	str_advance(c, i, RSI, 1);
}

static __attribute__((noinline)) void
rep_lods(struct cpu *c, const struct insn *i)
{
	uint64_t count = str_get(c, i, RCX);
	int budget = STR_BUDGET;

	if (!count)
		str_cut_for_nothing(c, i, false, false);
	while (count) {
		load_one(c, i);
		str_account(c, i, &count, 1, &budget);
	}
}

static void
lods(struct cpu *c, const struct insn *i)
{
	if (str_repeated(i)) {
		rep_lods(c, i);
		end_insn(c, i);
		return;
	}
	load_one(c, i);
	NEXT;
}

/* ---- CMPS ---- */

/* Compares one item or more, up to the one that ends the repetition. */
static uint64_t
compare_some(
	struct cpu *c, const struct insn *i, uint64_t count, uint16_t *flags)
{
	uint64_t s = str_source(c, i), d, v = 0;
	uint64_t n = str_run_length(c, i, count, i->seg, RSI, s);
	const void *sp = c->df ? NULL : str_run_at(c, i, s, n, ACC_READ);
	const void *dp = NULL;

	if (!sp) /* before the other's faults */
		v = ld_n(c, i, s, i->size);
	d = str_target(c, i, ACC_READ);
	if (sp) {
		n = str_run_length(c, i, n, SEG_ES, RDI, d);
		dp = str_run_at(c, i, d, n, ACC_READ);
		if (!dp)
			v = ld_n(c, i, s, i->size);
	}
	if (dp) {
		n -= host_cmps(sp, dp, n, i->size, i->flags & I_REPNE, flags);
	} else {
		*flags = host_cmp(v, ld_n(c, i, d, i->size), i->size);
		n = 1;
	}
	str_advance(c, i, RSI, n);
	str_advance(c, i, RDI, n);
	return n;
}

/* Do these flags end the repetition? */
static bool
found(const struct insn *i, uint16_t flags)
{
	return !(flags & FL_ZF << 8) == !(i->flags & I_REPNE);
}

static __attribute__((noinline)) void
rep_cmps(struct cpu *c, const struct insn *i)
{
	uint64_t count = str_get(c, i, RCX), n;
	int budget = STR_BUDGET;
	uint16_t f = c->cc;

	if (!count)
		str_cut_for_nothing(c, i, false, false);
	while (count) {
		n = compare_some(c, i, count, &f);
		if (found(i, f)) {
			str_set(c, i, RCX, count - n);
			break;
		}
		str_account(c, i, &count, n, &budget);
	}
	c->cc = f;
}

static __attribute__((noinline)) void
one_cmps(struct cpu *c, const struct insn *i)
{
	uint16_t f;

	compare_some(c, i, 1, &f);
	c->cc = f;
}

static void
cmps(struct cpu *c, const struct insn *i)
{
	if (str_repeated(i)) {
		rep_cmps(c, i);
		end_insn(c, i);
		return;
	}
	one_cmps(c, i);
	NEXT;
}

/* ---- SCAS ---- */

static uint64_t
scan_some(struct cpu *c, const struct insn *i, uint64_t count, uint16_t *flags)
{
	uint64_t d = str_target(c, i, ACC_READ), a = c->gpr[RAX];
	uint64_t n = str_run_length(c, i, count, SEG_ES, RDI, d);
	const void *p = NULL;

	if (!c->df)
		p = str_run_at(c, i, d, n, ACC_READ);
	if (p) {
		n -= host_scas(p, a, n, i->size, i->flags & I_REPNE, flags);
	} else {
		*flags = host_cmp(a, ld_n(c, i, d, i->size), i->size);
		n = 1;
	}
	str_advance(c, i, RDI, n);
	return n;
}

static __attribute__((noinline)) void
rep_scas(struct cpu *c, const struct insn *i)
{
	uint64_t count = str_get(c, i, RCX), n;
	int budget = STR_BUDGET;
	uint16_t f = c->cc;

	if (!count)
		str_cut_for_nothing(c, i, false, false);
	while (count) {
		n = scan_some(c, i, count, &f);
		if (found(i, f)) {
			str_set(c, i, RCX, count - n);
			break;
		}
		str_account(c, i, &count, n, &budget);
	}
	c->cc = f;
}

static __attribute__((noinline)) void
one_scas(struct cpu *c, const struct insn *i)
{
	uint16_t f;

	scan_some(c, i, 1, &f);
	c->cc = f;
}

static void
scas(struct cpu *c, const struct insn *i)
{
	if (str_repeated(i)) {
		rep_scas(c, i);
		end_insn(c, i);
		return;
	}
	one_scas(c, i);
	NEXT;
}

handler *const x_movs_z[8] = ALL8(movs);
handler *const x_cmps_z[8] = ALL8(cmps);
handler *const x_stos_z[8] = ALL8(stos);
handler *const x_lods_z[8] = ALL8(lods);
handler *const x_scas_z[8] = ALL8(scas);
