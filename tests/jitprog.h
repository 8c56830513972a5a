/* SPDX-License-Identifier: MIT */
/*
 * Random programs of 64-bit code that user code may contain: instructions with
 * operands in registers and in memory that is mostly there, jumps, loops,
 * calls, stores into the code itself. Included by one test each; prog_seed()
 * first.
 */
#ifndef TESTS_JITPROG_H
#define TESTS_JITPROG_H

#include "tests/rnd.h"
#include "tests/jitrig.h"

enum { PROG_MAX = 3 * 4096, PROG_INSNS = 400, PROG_DATA = 256 };

struct prog {
	uint8_t code[PROG_MAX];
	unsigned len, at; /* bytes so far; offset of the first from LOCK_CODE */
	struct {
		uint16_t at, len;
	} insn[PROG_INSNS]; /* those that may be left out */
	unsigned insns;
	bool sse, x87, stores; /* what may come; into code too */
};

/* ---- which instructions ---- */

#define PROG_WITHIN(row, table)                                                \
	((const char *)(row) >= (const char *)(table) &&                       \
		(const char *)(row) < (const char *)(table) + sizeof(table))

static bool
prog_is(const struct row *row, const char *list)
{
	char name[32];

	snprintf(name, sizeof(name), " %s ", row->name);
	return strstr(list, name) != NULL;
}

/* May this row be in a program? */
static bool
prog_row(const struct prog *p, const struct insn *i)
{
	static handler *const *const also[] = {x_xchg_er, x_cbw_z, x_cwd_z,
		x_sahf_z, x_lahf_z, x_xlat_z, x_push_e, x_push_i, x_pop_e,
		x_enter_i, x_leave_z, x_movs_z, x_stos_z, x_lods_z, x_scas_z,
		x_cmps_z, x_cmpxchg_er, x_cmpxchg8b_e, x_xadd_er, x_bt_er,
		x_bts_er, x_btr_er, x_btc_er, x_bt_ei, x_bts_ei, x_btr_ei,
		x_btc_ei, x_bsf_re, x_bsr_re, x_mul_e, x_imul_e, x_div_e,
		x_idiv_e, x_inc_e, x_dec_e, x_cld_z, x_std_z, x_mov_re,
		x_mov_er, x_nop_e, x_pause_z, x_pushf_z};
	const struct row *row = decode_row(i->row);

	if (PROG_WITHIN(row, x87_mem) || PROG_WITHIN(row, x87_reg))
		return p->x87;
	if (PROG_WITHIN(row, sse_0f) || PROG_WITHIN(row, sse_0f38) ||
		PROG_WITHIN(row, sse_0f3a) || PROG_WITHIN(row, sse_group) ||
		PROG_WITHIN(row, sse_0fae))
		return p->sse && !prog_is(row, " fxrstor maskmovq maskmovdqu ");
	if (row->flags & R_COPY)
		return true;
	for (unsigned n = 0; n < sizeof(also) / sizeof(*also); n++)
		if (row->fns == also[n])
			return true;
	return false;
}

/* What leaves flags of which nothing is said. */
#define PROG_VAGUE " mul imul div idiv bsf bsr "

/* ---- emitting ---- */

static void
put(struct prog *p, const void *b, unsigned n)
{
	if (p->len + n > PROG_MAX)
		return;
	memcpy(p->code + p->len, b, n);
	p->len += n;
}

#define PUT(p, ...)                                                            \
	put(p, (const uint8_t[]){__VA_ARGS__},                                 \
		sizeof((const uint8_t[]){__VA_ARGS__}))

static void
put32(struct prog *p, uint64_t v)
{
	uint32_t w = (uint32_t)v;

	put(p, &w, 4);
}

static uint64_t
here(const struct prog *p)
{
	return LOCK_CODE + p->at + p->len;
}

/* n bytes that end here can be left out. */
static void
note(struct prog *p, unsigned n)
{
	if (p->insns == PROG_INSNS)
		return;
	p->insn[p->insns].at = (uint16_t)(p->len - n);
	p->insn[p->insns++].len = (uint16_t)n;
}

static void
put_mov(struct prog *p, unsigned reg, uint64_t v)
{
	uint8_t b = reg > 7 ? 1 : 0;

	if (v >> 32 == 0 && percent(80)) {
		if (b)
			PUT(p, 0x41);
		PUT(p, (uint8_t)(0xb8 | (reg & 7)));
		put32(p, v);
		note(p, b ? 6 : 5);
		return;
	}
	PUT(p, (uint8_t)(0x48 | b), (uint8_t)(0xb8 | (reg & 7)));
	put(p, &v, 8);
	note(p, 10);
}

static uint64_t
pick_target(const struct prog *p)
{
	unsigned k = below(1000), at = below(8192 - 64);

	if (k < 550)
		return LOCK_WINDOW + (at & ~15u);
	if (k < 800)
		return LOCK_WINDOW + at;
	if (k < 900)
		return LOCK_WINDOW + 4096 - below(16);
	if (k < 920) /* read only, and its border */
		return LOCK_WINDOW + 8192 + (at & 0x7ff) - below(16);
	if (k < 925) /* absent */
		return LOCK_WINDOW + 12288 + (at & 0x7f0) - below(16);
	if (k < 965)
		return LOCK_WINDOW + LOCK_HOLE * 4096 + (at & 0x7ff);
	if (k < 967)
		return (rnd() | 1ull << 62) & ~(1ull << 63);
	if (!p->stores)
		return LOCK_WINDOW + 64 + at % 64;
	at = p->at + 5 + below(PROG_DATA - 32);
	if (k < 985 || at >= 4064)
		return LOCK_CODE + at;
	return LOCK_WINDOW + LOCK_ALIAS * 4096 + at;
}

/* Make the operand's address t, by moves before it and its displacement. false:
 * not this one. */
static bool
aim(struct prog *p, const struct insn *i, uint8_t *code, unsigned modrm,
	uint64_t t)
{
	uint64_t base, idx = 0;
	uint32_t d;

	t -= i->seg == SEG_FS ? 0x1230 : i->seg == SEG_GS ? 0x40 : 0;
	if (!modrm && (code[i->len - i->asize - 1] & 0xfc) != 0xa0)
		return true;
	if (!modrm) { /* an offset alone: MOV */
		if (i->asize == 4)
			t = (uint32_t)t;
		memcpy(code + i->len - i->asize, &t, i->asize);
		return true;
	}
	if (i->base == GPR_RIP || (i->base & i->index) == GPR_ZERO) {
		unsigned at = modrm + 1 + ((code[modrm] & 7) == 4);

		if (t >> 31)
			return false;
		d = (uint32_t)t;
		if (i->base == GPR_RIP)
			d -= (uint32_t)(here(p) + i->len);
		memcpy(code + at, &d, 4);
		return true;
	}
	if (i->base == i->index)
		return false;
	if (i->index != GPR_ZERO) {
		idx = i->base == GPR_ZERO ? (t - (uint64_t)i->disp) >> i->scale
					  : below(64) - 16ull;
		put_mov(p, i->index, idx);
	}
	base = t - (uint64_t)i->disp - (idx << i->scale);
	if (i->asize == 4)
		base = (uint32_t)base | rnd() << 32;
	if (i->base != GPR_ZERO)
		put_mov(p, i->base, base);
	return true;
}

/* What an instruction takes from fixed registers. */
static void
implicit(struct prog *p, const struct insn *i)
{
	handler *const *fns = decode_row(i->row)->fns;

	if (fns == x_movs_z || fns == x_stos_z || fns == x_lods_z ||
		fns == x_scas_z || fns == x_cmps_z) {
		put_mov(p, RSI, pick_target(p));
		put_mov(p, RDI, pick_target(p));
		put_mov(p, RCX, below(20));
	} else if (fns == x_push_e || fns == x_push_i || fns == x_pop_e ||
		   fns == x_enter_i || fns == x_pushf_z) {
		if (percent(40))
			put_mov(p, RSP, pick_target(p));
	} else if (fns == x_leave_z) {
		put_mov(p, RBP, pick_target(p));
	} else if (fns == x_xlat_z) {
		put_mov(p, RBX, LOCK_WINDOW + below(4096));
	} else if (fns == x_div_e || fns == x_idiv_e) {
		put_mov(p, RDX, percent(70) ? 0 : below(16));
	} else if ((i->flags & I_MEM) &&
		   (fns == x_bt_er || fns == x_bts_er || fns == x_btr_er ||
			   fns == x_btc_er)) {
		put_mov(p, i->reg >> 3, below(1024) - 512ull);
	}
}

/* Random bytes that are an instruction which may be here. Returns its length
 * and where ModRM is, 0 none. */
static unsigned
draw(const struct prog *p, struct insn *i, uint8_t b[16], unsigned *modrm)
{
	for (;;) {
		unsigned n = 0, map = below(100);
		handler *const *fns;
		bool lock = percent(4);

		for (unsigned k = 0; k < 16; k++)
			b[k] = 0;
		if (percent(3))
			b[n++] = (uint8_t)(percent(50) ? 0x64 : 0x65);
		if (percent(2))
			b[n++] = 0x67;
		if (lock)
			b[n++] = 0xf0;
		if (percent(14))
			b[n++] = 0x66;
		else if (percent(p->sse ? 20 : 3))
			b[n++] = (uint8_t)(0xf2 | below(2));
		if (percent(65))
			b[n++] = (uint8_t)(0x40 | below(16));
		if (map >= (p->sse ? 45 : 72))
			b[n++] = 0x0f;
		if (map >= 95)
			b[n++] = map >= 98 ? 0x3a : 0x38;
		b[n++] = (uint8_t)rnd();
		*modrm = n;
		for (unsigned k = n; k < 15; k++)
			b[k] = (uint8_t)rnd();
		if (percent(30))
			b[n + 2] = b[n + 3] = b[n + 4] = b[n + 5] = 0;
		if (decode(i, b, 15, CODE64, 0) <= 0 || i->fn == x_ud[0])
			continue;
		if ((i->flags & I_END) && !(i->flags & (I_REP | I_REPNE)))
			continue;
		if (!prog_row(p, i))
			continue;
		fns = decode_row(i->row)->fns;
		if ((fns == x_div_e || fns == x_idiv_e) && percent(80))
			continue;
		if (p->stores && prog_is(decode_row(i->row), PROG_VAGUE))
			continue;
		/* RSP is needed */
		if (i->reg == RSP * 8 ||
			(!(i->flags & I_MEM) && i->rm == RSP * 8))
			continue;
		if (lock && (!(i->flags & I_MEM)))
			continue;
		if (!strpbrk(decode_operands(decode_row(i->row)), "EMWQ"))
			*modrm = 0; /* MOV with an offset, strings */
		return i->len;
	}
}

/* It does not store. */
static bool
prog_registers(const struct insn *i)
{
	handler *const *fns = decode_row(i->row)->fns;

	return !(i->flags & I_MEM) && fns != x_push_e && fns != x_push_i &&
	       fns != x_enter_i && fns != x_pushf_z && fns != x_movs_z &&
	       fns != x_stos_z;
}

static void
put_one(struct prog *p)
{
	struct insn i;
	uint8_t b[16];
	unsigned modrm, n;

	for (;;) {
		unsigned back = p->len, insns = p->insns;

		n = draw(p, &i, b, &modrm);
		implicit(p, &i);
		if (!(i.flags & I_MEM) || aim(p, &i, b, modrm, pick_target(p)))
			break;
		p->len = back;
		p->insns = insns;
	}
	put(p, b, n);
	note(p, n);
	/* What it leaves of the flags is not defined: define them. */
	if (prog_is(decode_row(i.row), PROG_VAGUE)) {
		PUT(p, 0x48, 0x39, (uint8_t)(0xc0 | below(64)));
	}
	if (p->stores && !prog_registers(&i))
		PUT(p, 0x9f);
}

static void
put_some(struct prog *p, unsigned n)
{
	while (n--)
		put_one(p);
}

/* ---- flow ---- */

/* A jump over some instructions, by one of several ways. */
static void
put_jump(struct prog *p)
{
	unsigned way = below(7), at, reg = below(16);
	uint32_t d;

	if (way == 6) { /* RET to behind */
		PUT(p, 0x68);
		at = p->len;
		put32(p, 0);
		PUT(p, 0xc3);
	} else if (way >= 4) { /* JMP, CALL through a register */
		reg = reg == RSP ? RAX : reg;
		PUT(p, (uint8_t)(reg > 7 ? 0x41 : 0x40),
			(uint8_t)(0xb8 | (reg & 7)));
		at = p->len;
		put32(p, 0);
		PUT(p, (uint8_t)(reg > 7 ? 0x41 : 0x40), 0xff,
			(uint8_t)((way == 4 ? 0xe0 : 0xd0) | (reg & 7)));
	} else if (way == 3) {
		PUT(p, (uint8_t)(percent(50) ? 0xe9 : 0xe8));
		at = p->len;
		put32(p, 0);
	} else {
		PUT(p, 0x0f, (uint8_t)(0x80 | below(16)));
		at = p->len;
		put32(p, 0);
	}
	put_some(p, below(6));
	if (percent(10))
		while ((p->at + p->len) % 4096 > 64 && p->len < 6000 &&
			(p->at + p->len) % 4096 < 4090)
			PUT(p, 0x90);
	d = (uint32_t)(way >= 4 ? here(p) : p->len - at - 4);
	if (at + 4 <= PROG_MAX)
		memcpy(p->code + at, &d, 4);
}

/* A store into an instruction that comes soon, of something as long. */
static void
put_patch(struct prog *p)
{
	unsigned at;
	uint32_t rel;

	PUT(p, 0xc6, 0x05); /* mov byte [rip + d], imm8 */
	at = p->len;
	put32(p, 0);
	PUT(p, (uint8_t)(0xc0 | below(64)), 0x9f);
	put_some(p, below(3));
	/* add eax, ecx or another of its like */
	PUT(p, 0x01, 0xc8);
	rel = p->len - 1 - (at + 5); /* behind imm8 */
	memcpy(p->code + at, &rel, 4);
}

/* n pieces that are run up to five times, then HLT. */
static void
prog_make(struct prog *p, unsigned n)
{
	unsigned top;
	uint32_t rel;

	p->len = p->insns = 0;
	p->at = percent(30) ? 4096 - below(200) : below(64);
	if (p->stores) { /* data among the code */
		PUT(p, 0xe9);
		put32(p, PROG_DATA);
		p->len += PROG_DATA;
	}
	top = p->len;
	while (n--) {
		unsigned k = below(100);

		if (k < 80)
			put_one(p);
		else if (k < 97)
			put_jump(p);
		else if (p->stores)
			put_patch(p);
	}
	PUT(p, 0xff, 0x0c, 0x25); /* dec dword [counter] */
	put32(p, LOCK_COUNTER);
	PUT(p, 0x0f, 0x89); /* jns */
	rel = top - (p->len + 4);
	put32(p, rel);
	PUT(p, 0xf4);
}

#endif
