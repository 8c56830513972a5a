/* SPDX-License-Identifier: MIT */
/*
 * The instruction decoder: prefixes, opcode, ModRM, SIB, displacement and
 * immediate of one instruction (Intel SDM vol. 2A, chapter 2) into a struct
 * insn, for 16-, 32- and 64-bit code. What is undefined decodes as x_ud, so
 * that it faults when it is reached and not before.
 */
#include "vmm/soft/decode.h"
#include "vmm/soft/handlers.h"

enum { MAX_LEN = 15, NO_SEG = 0xff };
enum { REX_B = 1, REX_X = 2, REX_R = 4, REX_W = 8 };
enum { PFX_NONE, PFX_66, PFX_F3, PFX_F2 }; /* columns of the SSE tables */

struct dec {
	const uint8_t *at; /* what is read next */
	const struct row *row;
	uint16_t row_no;
	uint8_t mode64; /* 0 or 1 */
	uint8_t code16;
	uint8_t rex;
	uint8_t seg; /* NO_SEG, or the override that counts */
	uint8_t op16, adsize, lock, rep; /* rep: PFX_F3 or PFX_F2 */
	uint8_t have_modrm;
};

/* Where each array's rows begin in insn.row. */
enum {
	AT_ONE,
	AT_GROUP = AT_ONE + 256,
	AT_0F = AT_GROUP + G_0F * 8,
	AT_GROUP_0F = AT_0F + 256,
	AT_SSE_0F = AT_GROUP_0F + (G_0F_END - G_0F) * 8,
	AT_SSE_0F38 = AT_SSE_0F + 1024,
	AT_SSE_0F3A = AT_SSE_0F38 + 1024,
	AT_SSE_GROUP = AT_SSE_0F3A + 1024,
	AT_SSE_0FAE = AT_SSE_GROUP + 96,
	AT_X87_MEM = AT_SSE_0FAE + 8,
	AT_X87_REG = AT_X87_MEM + 64,
	AT_END = AT_X87_REG + 512,
};

static const uint16_t form_bits[] = {
#define X(name, operands, bits) bits,
	FORMS(X)
#undef X
};

static const char *const form_operands[] = {
#define X(name, operands, bits) operands,
	FORMS(X)
#undef X
};

const char *
decode_operands(const struct row *row)
{
	if (row->operands)
		return row->operands;
	return form_operands[row->flags >> R_FORM & 63];
}

const struct row *
decode_row(unsigned n)
{
	if (n < AT_GROUP)
		return &row_one[n];
	if (n < AT_0F)
		return &row_group[0][0] + (n - AT_GROUP);
	if (n < AT_GROUP_0F)
		return &row_0f[n - AT_0F];
	if (n < AT_SSE_0F)
		return &row_group_0f[0][0] + (n - AT_GROUP_0F);
	if (n < AT_SSE_0F38)
		return &sse_0f[0][0] + (n - AT_SSE_0F);
	if (n < AT_SSE_0F3A)
		return &sse_0f38[0][0] + (n - AT_SSE_0F38);
	if (n < AT_SSE_GROUP)
		return &sse_0f3a[0][0] + (n - AT_SSE_0F3A);
	if (n < AT_SSE_0FAE)
		return &sse_group[0][0][0] + (n - AT_SSE_GROUP);
	if (n < AT_X87_MEM)
		return &sse_0fae[n - AT_SSE_0FAE];
	if (n < AT_X87_REG)
		return &x87_mem[0][0] + (n - AT_X87_MEM);
	if (n < AT_END)
		return &x87_reg[0][0] + (n - AT_X87_REG);
	return NULL;
}

/* False if they alone make the instruction too long. */
static bool
read_prefixes(struct dec *d)
{
	const uint8_t *end = d->at + MAX_LEN;

	for (; d->at < end; d->at++) {
		uint8_t b = *d->at;

		switch (b) {
		case 0x26:
		case 0x2e:
		case 0x36:
		case 0x3e: /* null prefixes in 64-bit code */
			if (!d->mode64)
				d->seg = b >> 3 & 3;
			break;
		case 0x64:
		case 0x65:
			d->seg = b & 7;
			break;
		case 0x66:
			d->op16 = 1;
			break;
		case 0x67:
			d->adsize = 1;
			break;
		case 0xf0:
			d->lock = 1;
			break;
		case 0xf2:
			d->rep = PFX_F2;
			break;
		case 0xf3:
			d->rep = PFX_F3;
			break;
		default:
			if (!d->mode64 || (b & 0xf0) != 0x40)
				return true;
			d->rex = b; /* counts only right before the opcode */
			continue;
		}
		d->rex = 0;
	}
	return false;
}

static unsigned
prefix_column(const struct dec *d)
{
	return d->rep ? d->rep : d->op16;
}

static void
read_modrm_byte(struct dec *d, struct insn *i)
{
	if (!d->have_modrm)
		i->modrm = *d->at++;
	d->have_modrm = 1;
}

static void
set_row(struct dec *d, const struct row *row, unsigned no)
{
	d->row = row;
	d->row_no = (uint16_t)no;
}

static void
set_group(struct dec *d, unsigned group, unsigned n)
{
	if (group < G_0F)
		set_row(d, &row_group[group][n], AT_GROUP + group * 8 + n);
	else
		set_row(d, &row_group_0f[group - G_0F][n],
			AT_GROUP_0F + (group - G_0F) * 8 + n);
}

static void
set_sse(struct dec *d, const struct row table[256][4], unsigned at, unsigned op)
{
	unsigned column = prefix_column(d);

	set_row(d, &table[op][column], at + op * 4 + column);
}

/* 0F AE: memory forms without prefix; fences; FSGSBASE */
static bool
find_0fae(struct dec *d, const struct insn *i)
{
	unsigned reg = i->modrm >> 3 & 7, column = prefix_column(d);

	if (i->modrm < 0xc0) {
		if (column)
			return false;
		set_row(d, &sse_0fae[reg], AT_SSE_0FAE + reg);
		if (!d->row->name)
			set_group(d, G_0FAE_MEM, reg);
		return true;
	}
	if (column == PFX_NONE)
		set_group(d, G_0FAE_REG, reg);
	else if (column == PFX_F3)
		set_group(d, G_0FAE_F3, reg);
	else
		return false;
	return true;
}

/* The row that a group's row leads to; false if there is none. */
static bool
find_in_group(struct dec *d, struct insn *i, unsigned group)
{
	unsigned reg, column;

	switch (group) {
	case G_63:
		set_group(d, G_63, !d->mode64);
		return true;
	case G_90:
		if (d->rex & REX_B)
			set_row(d, &row_one[0x91], AT_ONE + 0x91);
		else
			set_group(d, G_90, prefix_column(d));
		return true;
	case G_0FB8:
		set_group(d, G_0FB8, prefix_column(d));
		return true;
	}
	read_modrm_byte(d, i);
	reg = i->modrm >> 3 & 7;
	switch (group) {
	case G_0F01:
		if (i->modrm < 0xc0)
			set_group(d, G_0F01_MEM, reg);
		else
			set_group(d, G_0F01_REG + reg, i->modrm & 7);
		return true;
	case G_0FAE:
		return find_0fae(d, i);
	case G_SSE:
		column = prefix_column(d);
		set_row(d, &sse_group[i->op - 0x71][reg][column],
			AT_SSE_GROUP + (i->op - 0x71) * 32u + reg * 4 + column);
		return true;
	}
	set_group(d, group, reg);
	return true;
}

static void
find_x87(struct dec *d, struct insn *i)
{
	unsigned n = i->op - 0xd8u, k;

	read_modrm_byte(d, i);
	if (i->modrm < 0xc0) {
		k = i->modrm >> 3 & 7;
		set_row(d, &x87_mem[n][k], AT_X87_MEM + n * 8 + k);
	} else {
		k = i->modrm & 63;
		set_row(d, &x87_reg[n][k], AT_X87_REG + n * 64 + k);
	}
}

static void
find_0f(struct dec *d, struct insn *i)
{
	uint8_t op = i->op = *d->at++;

	switch (op) {
	case 0x38:
		i->op = *d->at++;
		set_sse(d, sse_0f38, AT_SSE_0F38, i->op);
		break;
	case 0x3a:
		i->op = *d->at++;
		set_sse(d, sse_0f3a, AT_SSE_0F3A, i->op);
		break;
	default:
		set_row(d, &row_0f[op], AT_0F + op);
		if (!d->row->name)
			set_sse(d, sse_0f, AT_SSE_0F, op);
	}
}

/* Read the opcode; false if there is no such instruction. */
static bool
find_row(struct dec *d, struct insn *i)
{
	uint8_t op = i->op = *d->at++;
	uint32_t group;

	if (op == 0x0f)
		find_0f(d, i);
	else if ((op & 0xf8) == 0xd8)
		find_x87(d, i);
	else
		set_row(d, &row_one[op], AT_ONE + op);
	group = d->row->flags >> R_GROUP;
	if (group) {
		if (d->row->flags & R_NO64 && d->mode64)
			return false;
		if (!find_in_group(d, i, group))
			return false;
	}
	return d->row->name != NULL;
}

enum { /* bits of a form that only operand strings give */
	F_P = 1 << 16, /* reg and */
	F_Q = 1 << 17, /* rm are one of eight: no REX */
	F_MEM = 1 << 18,
	F_REGS = 1 << 19,
};

/* The form of an MMX or SSE row, from its operands. */
static unsigned
form_of_operands(const struct row *row)
{
	const char *s = row->operands;
	unsigned form = F_MODRM;

	if (!s || !*s)
		return 0;
	for (;;) {
		switch (*s) {
		case 'I':
			form |= F_IB;
			break;
		case 'R':
		case 'E':
			form |= F_E | (*s == 'R' ? F_REGS : 0);
			if (s[1] == 'b')
				form |= F_E8;
			break;
		case 'G':
			form |= F_G;
			break;
		case 'P':
			form |= F_P;
			break;
		case 'Q':
			form |= F_Q;
			break;
		case 'N':
			form |= F_Q | F_REGS;
			break;
		case 'U':
			form |= F_REGS;
			break;
		case 'M':
			form |= F_MEM;
			break;
		}
		for (; *s != ','; s++) {
			if (!*s)
				return form;
			if (*s == '/')
				form &= ~(unsigned)F_REGS;
		}
		s++;
	}
}

static unsigned
find_form(const struct dec *d)
{
	unsigned form = d->row->flags >> R_FORM & 63;

	if (form != FORM_BYSTRING)
		return form_bits[form];
	if (d->row_no >= AT_X87_MEM)
		return F_MODRM | F_P | F_Q;
	return form_of_operands(d->row);
}

static uint8_t
operand_size(const struct dec *d)
{
	uint32_t f = d->row->flags;
	uint8_t size = d->op16 ^ d->code16 ? 2 : 4;

	if (d->rex & REX_W)
		size = 8;
	if (likely(!(f & (R_BYTE | R_WORD | R_DWORD | R_SIZE66 | R_DEF64 |
				 R_FORCE64 | R_MAX32))))
		return size;
	if (f & R_BYTE)
		return 1;
	if (f & R_WORD)
		return 2;
	if (d->mode64 && (f & R_FORCE64 || (f & R_DEF64 && !d->op16)))
		return 8;
	if (f & (R_DWORD | R_SIZE66))
		return d->rex & REX_W ? 8 : 4;
	if (f & R_MAX32 && size == 8)
		return 4;
	return size;
}

static uint64_t
take(struct dec *d, unsigned n)
{
	uint64_t v = 0;

	memcpy(&v, d->at, sizeof(v));
	d->at += n;
	return n == 8 ? v : v & ((1ull << n * 8) - 1);
}

static int64_t
take_signed(struct dec *d, unsigned n)
{
	unsigned up = 64 - n * 8;

	return (int64_t)(take(d, n) << up) >> up;
}

static void
read_ea16(struct dec *d, struct insn *i)
{
	static const uint8_t base[8] = {RBX, RBX, RBP, RBP, RSI, RDI, RBP, RBX};
	static const uint8_t index[8] = {
		RSI, RDI, RSI, RDI, GPR_ZERO, GPR_ZERO, GPR_ZERO, GPR_ZERO};
	unsigned mod = i->modrm >> 6, rm = i->modrm & 7;

	if (mod == 0 && rm == 6) {
		i->disp = take_signed(d, 2);
		return;
	}
	i->base = base[rm];
	i->index = index[rm];
	if (i->base == RBP)
		i->seg = SEG_SS;
	if (mod)
		i->disp = take_signed(d, mod);
}

static void
read_sib(struct dec *d, struct insn *i)
{
	uint8_t sib = *d->at++;
	unsigned index = (sib >> 3 & 7u) | (d->rex & REX_X ? 8 : 0);

	if (index != RSP) {
		i->index = (uint8_t)index;
		i->scale = sib >> 6;
	}
	if ((sib & 7) == RBP && i->modrm < 0x40)
		i->disp = take_signed(d, 4);
	else
		i->base = (sib & 7) | (d->rex & REX_B ? 8 : 0);
}

static void
read_ea(struct dec *d, struct insn *i)
{
	unsigned mod = i->modrm >> 6, rm = i->modrm & 7;

	if (rm == RSP) {
		read_sib(d, i);
	} else if (mod == 0 && rm == RBP) {
		i->disp = take_signed(d, 4);
		if (d->mode64)
			i->base = GPR_RIP;
	} else {
		i->base = (uint8_t)(rm | (d->rex & REX_B ? 8 : 0));
	}
	if (i->base == RSP || i->base == RBP)
		i->seg = SEG_SS;
	if (mod)
		i->disp = take_signed(d, mod == 1 ? 1 : 4);
}

/* A general register's place in c->gpr. */
static uint8_t
gpr_at(unsigned n, bool byte, const struct dec *d)
{
	if (byte && n >= 4 && n < 8 && !d->rex)
		return (uint8_t)((n - 4) * 8 + 1);
	return (uint8_t)(n * 8);
}

static void
read_modrm(struct dec *d, struct insn *i, unsigned form)
{
	unsigned reg, rm;

	read_modrm_byte(d, i);
	reg = i->modrm >> 3 & 7;
	if (d->rex & REX_R && !(form & (F_P | F_S)))
		reg |= 8;
	i->reg = form & F_G ? gpr_at(reg, form & F_G8, d) : (uint8_t)reg;
	if (i->modrm < 0xc0 && !(form & (F_C | F_D))) {
		i->flags |= I_MEM;
		if (form & F_M16)
			i->size = 2;
		if (i->asize == 2)
			read_ea16(d, i);
		else
			read_ea(d, i);
		return;
	}
	rm = i->modrm & 7;
	if (d->rex & REX_B && !(form & F_Q))
		rm |= 8;
	i->rm = form & F_E ? gpr_at(rm, form & F_E8, d) : (uint8_t)rm;
}

static void
read_imm(struct dec *d, struct insn *i, unsigned form)
{
	switch (form & 15u << F_IMM) {
	case F_IB:
		i->imm = (uint64_t)take_signed(d, 1);
		break;
	case F_IW:
		i->imm = (uint64_t)take_signed(d, 2);
		break;
	case F_IZ:
		i->imm = (uint64_t)take_signed(d, i->size == 2 ? 2 : 4);
		break;
	case F_IV:
		i->imm = (uint64_t)take_signed(d, i->size);
		break;
	case F_AP:
		i->imm = take(d, i->size == 2 ? 2 : 4);
		i->imm |= take(d, 2) << 32;
		break;
	case F_ENTER:
		i->imm = take(d, 3);
		break;
	case F_MOFFS:
		i->disp = (int64_t)take(d, i->asize);
		i->flags |= I_MEM;
		break;
	case F_I1:
		i->imm = 1;
		break;
	}
}

static void
read_operands(struct dec *d, struct insn *i, unsigned form)
{
	i->seg = SEG_DS;
	if (form & F_MODRM)
		read_modrm(d, i, form);
	else if (form & F_Z)
		i->rm = gpr_at((i->op & 7u) | (d->rex & REX_B ? 8 : 0),
			form & F_E8, d);
	else if (form & F_SOP)
		i->reg = i->op >> 3 & 7;
	if (d->seg != NO_SEG)
		i->seg = d->seg;
	read_imm(d, i, form);
}

/* What only the operands show: is this defined? */
static bool
legal(const struct dec *d, const struct insn *i, unsigned form)
{
	uint32_t f = d->row->flags;
	bool mem = i->flags & I_MEM;

	if (f & (d->mode64 ? R_NO64 : R_ONLY64))
		return false;
	if (mem ? f & R_REGONLY || form & F_REGS
		: f & R_MEMONLY || (form & F_MEM && !(form & (F_E | F_Q))))
		return false;
	if (d->lock && !(mem && f & R_LOCK))
		return false;
	if (f & R_NP && prefix_column(d))
		return false;
	if (form & F_S &&
		(i->reg > SEG_GS || (i->op == 0x8e && i->reg == SEG_CS)))
		return false;
	if (form & F_C && !(1 << i->reg & 0x11d)) /* CR0 2 3 4 8 */
		return false;
	return !(form & F_D && i->reg > 7);
}

static void
finish(const struct dec *d, struct insn *i)
{
	const struct row *row = d->row;
	uint32_t f = row->flags;
	unsigned at =
		(i->flags & I_MEM ? 4u : 0) | (unsigned)__builtin_ctz(i->size);

	i->row = d->row_no;
	if (f & R_END || (f & R_ENDREP && d->rep))
		i->flags |= I_END;
	if (d->lock || (f & R_LOCKED && i->flags & I_MEM))
		i->flags |= I_LOCK;
	i->fn = row->fns[at];
}

static void
undefined(const struct dec *d, struct insn *i)
{
	i->row = AT_0F + 0x0b;
	i->flags = (uint16_t)(I_END | (i->flags & ~I_MEM));
	i->size = d->mode64 ? 8 : 4;
	i->fn = x_ud[0];
}

static void
decode_at(struct dec *d, struct insn *i)
{
	unsigned form;

	i->asize = d->mode64 ? 8 : d->code16 ? 2 : 4;
	if (d->adsize)
		i->asize = i->asize == 4 && !d->mode64 ? 2 : 4;
	i->flags = (uint16_t)((d->rep == PFX_F3 ? I_REP : 0) |
			      (d->rep == PFX_F2 ? I_REPNE : 0) |
			      (d->op16 ? I_OP16 : 0) | (d->rex ? I_REX : 0) |
			      (d->mode64 ? I_MODE64 : 0) |
			      (d->seg != NO_SEG ? I_SEGPFX : 0) |
			      (i->asize != 8 ? I_SLOW : 0));
	i->base = i->index = GPR_ZERO;
	if (!find_row(d, i)) {
		undefined(d, i);
		return;
	}
	i->size = operand_size(d);
	form = find_form(d);
	read_operands(d, i, form);
	if (legal(d, i, form))
		finish(d, i);
	else
		undefined(d, i);
}

int
decode(struct insn *i, const uint8_t *p, unsigned avail, enum code code,
	unsigned off)
{
	uint8_t copy[3 * MAX_LEN]; /* others may change the guest's memory */
	struct dec d = {
		.at = copy,
		.mode64 = code == CODE64,
		.code16 = code == CODE16,
		.seg = NO_SEG,
	};
	unsigned len;

	memset(copy, 0, sizeof(copy));
	if (likely(avail >= MAX_LEN))
		memcpy(copy, p, MAX_LEN);
	else
		memcpy(copy, p, avail);
	memset(i, 0, sizeof(*i));
	if (!read_prefixes(&d))
		return avail < MAX_LEN ? 0 : -1;
	decode_at(&d, i);
	len = (unsigned)(d.at - copy);
	if (len > avail && avail < MAX_LEN)
		return 0;
	if (len > MAX_LEN)
		return -1;
	i->len = (uint8_t)len;
	i->off = (uint8_t)off;
	if (i->base == GPR_RIP)
		i->disp += off + len;
	return (int)len;
}
