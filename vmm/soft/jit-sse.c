/* SPDX-License-Identifier: MIT */
/*
 * Translated SSE, up to SSE4.1. The guest's registers stay in c->xmm; each
 * instruction is the host's own on XMM0, under the guest's rounding, DAZ, FTZ
 * and sticky flags (see fp.h). Whether SSE may be used and no exception is
 * unmasked is asked once in a block; where not, the interpreter goes on.
 *
 * Left to the handlers: what has a fixed XMM0, general registers in odd places
 * (PINSR, PEXTR), DPPS, INSERTPS, strings, MMX.
 */
#include "vmm/soft/decode.h"
#include "vmm/soft/jit-op.h"

enum kind {
	NO, /* its handler does it */
	LOAD, /* xmm = xmm/m, zeros above; STORE: the reverse */
	STORE,
	MERGE, /* the same, but registers keep what is above */
	MERGE_STORE,
	LOW, /* MOVLPS, MOVHLPS; HIGH: MOVHPS, MOVLHPS */
	LOW_STORE,
	HIGH,
	HIGH_STORE,
	OP, /* xmm = xmm op xmm/m */
	OP_IMM,
	SHIFT, /* xmm = xmm op imm: the operand is rm */
	COMPARE, /* to the flags */
	TO_GPR, /* gpr = xmm/m; FROM_GPR: xmm = gpr/m, converted */
	FROM_GPR,
	MASK, /* gpr = signs of xmm */
	MOVD, /* xmm = gpr/m */
	MOVD_STORE
};

struct vec {
	uint8_t kind;
	uint8_t size; /* of the memory operand; 0: the operand size */
	bool aligned; /* must it be? */
	uint8_t prefix; /* 0, 66, F3, F2 */
	uint32_t op; /* as emit_op() takes it */
	uint8_t ext; /* SHIFT: ModRM.reg */
};

static const uint8_t prefixes[4] = {0, 0x66, 0xf3, 0xf2};
static const uint8_t scalar[4] = {16, 16, 4, 8}; /* by prefix */

static void
set(struct vec *f, enum kind kind, unsigned size)
{
	f->kind = (uint8_t)kind;
	f->size = (uint8_t)size;
	f->aligned = size == 16;
}

static void
set_unaligned(struct vec *f, enum kind kind)
{
	set(f, kind, 16);
	f->aligned = false;
}

/* 0F 10..17, moves. */
static void
vec_moves(struct vec *f, unsigned op, unsigned p)
{
	switch (op) {
	case 0x10:
	case 0x11:
		if (p < 2)
			set_unaligned(f, op & 1 ? STORE : LOAD);
		else
			set(f, op & 1 ? MERGE_STORE : MERGE, scalar[p]);
		break;
	case 0x12:
	case 0x16:
		if (p < 2)
			set(f, op == 0x12 ? LOW : HIGH, 8);
		else
			set(f, OP, p == 2 ? 16 : 8);
		break;
	case 0x13:
		set(f, LOW_STORE, 8);
		break;
	case 0x17:
		set(f, HIGH_STORE, 8);
		break;
	default: /* UNPCK */
		set(f, OP, 16);
	}
}

static void
vec_0f(struct vec *f, unsigned op, unsigned p)
{
	switch (op) {
	case 0x10 ... 0x17:
		vec_moves(f, op, p);
		break;
	case 0x28:
		set(f, LOAD, 16);
		break;
	case 0x29:
	case 0x2b:
	case 0xe7:
		set(f, STORE, 16);
		break;
	case 0x2a:
		set(f, FROM_GPR, 0);
		break;
	case 0x2c:
	case 0x2d:
		set(f, TO_GPR, scalar[p]);
		break;
	case 0x2e:
	case 0x2f:
		set(f, COMPARE, p ? 8 : 4);
		break;
	case 0x50:
	case 0xd7:
		set(f, MASK, 16);
		break;
	case 0x5a:
		set(f, OP, p ? scalar[p] : 8);
		break;
	case 0x5b:
		set(f, OP, 16);
		break;
	case 0x51 ... 0x59:
	case 0x5c ... 0x5f:
		set(f, OP, scalar[p]);
		break;
	case 0x6e:
		set(f, MOVD, 0);
		break;
	case 0x6f:
	case 0x7f:
		set(f, op == 0x6f ? LOAD : STORE, 16);
		f->aligned = p == 1;
		break;
	case 0x7e:
		set(f, p == 1 ? MOVD_STORE : LOAD, p == 1 ? 0 : 8);
		break;
	case 0xc2:
		set(f, OP_IMM, scalar[p]);
		break;
	case 0x70:
	case 0xc6:
		set(f, OP_IMM, 16);
		break;
	case 0xd6:
		set(f, STORE, 8);
		break;
	case 0xe6:
		set(f, OP, p == 2 ? 8 : 16);
		break;
	case 0xf0:
		set_unaligned(f, LOAD);
		break;
	case 0xc3 ... 0xc5:
		break;
	default:
		set(f, OP, 16);
	}
}

static void
vec_0f38(struct vec *f, unsigned op)
{
	static const uint8_t extended[6] = {8, 4, 2, 8, 4, 8};

	if (op == 0x2a)
		set(f, LOAD, 16);
	else if ((op & 0xe8) == 0x20)
		set(f, OP, extended[op & 7]);
	else if (op != 0x10 && op != 0x14 && op != 0x15 && op != 0x17 &&
		 op < 0xf0)
		set(f, OP, 16);
}

static void
vec_0f3a(struct vec *f, unsigned op)
{
	if (op == 0x0a || op == 0x0b)
		set(f, OP_IMM, op == 0x0a ? 4 : 8);
	else if ((op >= 0x08 && op <= 0x0f) || op == 0x42)
		set(f, OP_IMM, 16);
}

#define WITHIN(row, table)                                                     \
	((uintptr_t)(row) >= (uintptr_t)(table) &&                             \
		(uintptr_t)(row) < (uintptr_t)(table) + sizeof(table))

static struct vec
vec_of(const struct row *row)
{
	struct vec f = {0};
	unsigned n;

	if (!(row->flags & R_COPY))
		return f;
	if (WITHIN(row, sse_0f)) {
		n = (unsigned)(row - sse_0f[0]);
		f.op = 0x0f00 | n / 4;
		vec_0f(&f, n / 4, n % 4);
	} else if (WITHIN(row, sse_0f38)) {
		n = (unsigned)(row - sse_0f38[0]);
		f.op = 0x0f3800 | n / 4;
		vec_0f38(&f, n / 4);
	} else if (WITHIN(row, sse_0f3a)) {
		n = (unsigned)(row - sse_0f3a[0]);
		f.op = 0x0f3a00 | n / 4;
		vec_0f3a(&f, n / 4);
	} else if (WITHIN(row, sse_group)) {
		n = (unsigned)(row - sse_group[0][0]);
		f.op = 0x0f71 + n / 32;
		f.ext = n / 4 % 8;
		set(&f, SHIFT, 0);
	} else {
		return f;
	}
	f.prefix = prefixes[n % 4];
	return f;
}

/* ---- emitting ---- */

static struct place
xmm(unsigned n)
{
	return at_mem(H_RBP, JIT_OFF(xmm) + (int32_t)n * 16);
}

/* An instruction with XMM0, or a general register, as reg. */
static void
sse(struct tr *t, unsigned prefix, unsigned size, uint32_t opcode, unsigned reg,
	struct place rm)
{
	if (prefix)
		t->p = emit8(t->p, prefix);
	op(t, size == 8 ? 8 : 4, opcode, reg, rm);
}

static void
get(struct tr *t, struct place from) /* movaps xmm0, from */
{
	op(t, 4, 0x0f28, 0, from);
}

static void
put(struct tr *t, struct place to)
{
	op(t, 4, 0x0f29, 0, to);
}

/* May the block use SSE, with all its exceptions masked? */
static void
guard(struct tr *t)
{
	uint8_t *from;

	if (t->sse)
		return;
	t->sse = true;
	jit_lose_flags(t);
	op_cpu(t, 4, 0xf6, 0, JIT_OFF(cr0)); /* test byte */
	t->p = emit8(t->p, CR0_EM | CR0_TS);
	t->p = emit_jump(t->p, 0x0f85, &from);
	jit_detour(t, from, true);
	op_cpu(t, 4, 0xf6, 0, JIT_OFF(cr4) + 1);
	t->p = emit8(t->p, CR4_OSFXSR >> 8);
	t->p = emit_jump(t->p, 0x0f84, &from);
	jit_detour(t, from, true);
	op_cpu(t, 4, 0x80, 7, JIT_OFF(mxcsr_unmasked)); /* cmp byte */
	t->p = emit8(t->p, 0);
	t->p = emit_jump(t->p, 0x0f85, &from);
	jit_detour(t, from, true);
}

/* The rm operand where it is: a register's place, or memory's. */
static struct place
operand(struct tr *t, const struct insn *i, const struct vec *f, bool write)
{
	struct place m;
	uint8_t *from;

	if (!(i->flags & I_MEM))
		return xmm(i->rm);
	m = jit_mem(t, i, f->size ? f->size : i->size, write);
	if (f->aligned) {
		t->p = emit8(t->p, 0xf6); /* test cl, 15 */
		t->p = emit16(t->p, 0x0fc1);
		t->p = emit_jump(t->p, 0x0f85, &from);
		jit_detour(t, from, false);
	}
	return m;
}

/* Through RAX: size 4 or 8. */
static void
copy(struct tr *t, unsigned size, struct place to, struct place from)
{
	op(t, size, 0x8b, H_RDX, from);
	op(t, size, 0x89, H_RDX, to);
}

static struct place
upper(struct place p)
{
	p.disp += 8;
	return p;
}

static void
move(struct tr *t, const struct insn *i, const struct vec *f)
{
	bool mem = i->flags & I_MEM, load = f->kind == LOAD;
	struct place rm = operand(t, i, f, !load), reg = xmm(i->reg);

	if (f->size == 8) { /* MOVQ */
		if (!load && mem) {
			copy(t, 8, rm, reg);
			return;
		}
		sse(t, 0xf3, 4, 0x0f7e, 0, load ? rm : reg);
		put(t, load ? reg : rm);
		return;
	}
	op(t, 4, f->aligned || !mem || !load ? 0x0f28 : 0x0f10, 0,
		load ? rm : reg);
	op(t, 4, f->aligned || !mem || load ? 0x0f29 : 0x0f11, 0,
		load ? reg : rm);
}

/* MOVSS, MOVSD */
static void
merge(struct tr *t, const struct insn *i, const struct vec *f)
{
	bool load = f->kind == MERGE;
	struct place rm = operand(t, i, f, !load), reg = xmm(i->reg);

	if (load && (i->flags & I_MEM)) {
		sse(t, f->prefix, 4, 0x0f10, 0, rm);
		put(t, reg);
	} else {
		copy(t, f->size, load ? reg : rm, load ? rm : reg);
	}
}

static void
half(struct tr *t, const struct insn *i, const struct vec *f)
{
	bool store = f->kind == LOW_STORE || f->kind == HIGH_STORE;
	bool high = f->kind == HIGH || f->kind == HIGH_STORE;
	struct place rm = operand(t, i, f, store), reg = xmm(i->reg);

	if (!(i->flags & I_MEM) && !high)
		rm = upper(rm); /* MOVHLPS */
	if (high)
		reg = upper(reg);
	copy(t, 8, store ? rm : reg, store ? reg : rm);
}

static void
arithmetic(struct tr *t, const struct insn *i, const struct vec *f)
{
	struct place rm = operand(t, i, f, false);
	unsigned imm = (unsigned)i->imm & 0xff;

	get(t, xmm(i->reg));
	sse(t, f->prefix, 4, f->op, 0, rm);
	if (f->kind == OP_IMM)
		t->p = emit8(t->p, f->op == 0x0fc2 ? imm & 7 : imm);
	if (f->kind != COMPARE)
		put(t, xmm(i->reg));
}

static void
shift(struct tr *t, const struct insn *i, const struct vec *f)
{
	get(t, xmm(i->rm));
	sse(t, f->prefix, 4, f->op, f->ext, in_reg(0));
	t->p = emit8(t->p, (unsigned)i->imm & 0xff);
	put(t, xmm(i->rm));
}

static void
to_gpr(struct tr *t, const struct insn *i, const struct vec *f)
{
	unsigned n = f->kind == MASK ? 4 : i->size, d;
	struct place rm = operand(t, i, f, false);

	if (f->kind == MASK) {
		get(t, rm);
		rm = in_reg(0);
	}
	d = jit_fresh(t, i->reg, n, H_RDX);
	sse(t, f->prefix, n, f->op, d, rm);
	jit_put(t, i->reg, n, d);
}

/* A general register or memory, 4 or 8 bytes. */
static struct place
general(struct tr *t, const struct insn *i, const struct vec *f, bool write)
{
	if (i->flags & I_MEM)
		return operand(t, i, f, write);
	return in_reg(jit_get(t, i->rm, 8, H_RDX));
}

static void
from_gpr(struct tr *t, const struct insn *i, const struct vec *f)
{
	struct place rm = general(t, i, f, false);

	if (f->kind == FROM_GPR) /* keeps what is above */
		get(t, xmm(i->reg));
	sse(t, f->prefix, i->size, f->op, 0, rm);
	put(t, xmm(i->reg));
}

static void
movd_store(struct tr *t, const struct insn *i, const struct vec *f)
{
	unsigned d;

	if (i->flags & I_MEM) {
		copy(t, i->size, operand(t, i, f, true), xmm(i->reg));
		return;
	}
	d = jit_fresh(t, i->rm, i->size, H_RDX);
	op(t, i->size, 0x8b, d, xmm(i->reg));
	jit_put(t, i->rm, i->size, d);
}

static bool
jit_sse(struct tr *t, const struct insn *i, unsigned arg)
{
	struct vec f = vec_of(decode_row(i->row));

	(void)arg;
	guard(t);
	switch ((enum kind)f.kind) {
	case NO:
		return false;
	case LOAD:
	case STORE:
		move(t, i, &f);
		break;
	case MERGE:
	case MERGE_STORE:
		merge(t, i, &f);
		break;
	case LOW:
	case LOW_STORE:
	case HIGH:
	case HIGH_STORE:
		half(t, i, &f);
		break;
	case OP:
	case OP_IMM:
	case COMPARE:
		arithmetic(t, i, &f);
		break;
	case SHIFT:
		shift(t, i, &f);
		break;
	case TO_GPR:
	case MASK:
		to_gpr(t, i, &f);
		break;
	case FROM_GPR:
	case MOVD:
		from_gpr(t, i, &f);
		break;
	case MOVD_STORE:
		movd_store(t, i, &f);
	}
	return true;
}

const struct rule *
jit_sse_rule(const struct insn *i)
{
	static const struct rule unknown = {0}, apart = {.apart = true},
				 plain = {jit_sse, 0, 0, 0, false, false},
				 compare = {jit_sse, 0, 0, JF_ALL, true, false};
	const struct row *row = decode_row(i->row);
	struct vec f = vec_of(row);

	if (f.kind == COMPARE)
		return &compare;
	if (f.kind != NO)
		return &plain;
	/* All others but PTEST look at no flags. */
	if ((row->flags & R_COPY) && !WITHIN(row, x87_mem) &&
		!WITHIN(row, x87_reg) && row != &sse_0f38[0x17][1])
		return &apart;
	return &unknown;
}
