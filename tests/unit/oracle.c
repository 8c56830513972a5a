/* SPDX-License-Identifier: MIT */
/*
 * The soft engine against the host's CPU: every instruction that user code can
 * execute on both, with random operands, registers, flags and memory, in 64-bit
 * mode. What must agree: registers, defined flags, memory, and the exception
 * with its error code and address. ORACLE_CASES says how many are tried,
 * ORACLE_SEED which; ORACLE_ONLY=mnemonic picks some, and shows more.
 *
 * Left out: branches, system instructions, other modes; the x87 instruction and
 * operand pointers.
 */
#include "tests/softrig.h"
#include "tests/thunk.h"

#include "vmm/soft/handlers.h"

enum { MAP_ONE, MAP_0F, MAP_0F38, MAP_0F3A };
enum { MAX_FORMS = 8192, SHOWN = 12 };

enum class { GENERAL, SSE, MMX, X87, CLASSES };
static const char *const class_name[CLASSES] = {
	"general instructions do what the host's CPU does",
	"SSE instructions do what the host's CPU does",
	"MMX instructions do what the host's CPU does",
	"x87 instructions do what the host's CPU does",
};

/* One way to encode one row. */
struct form {
	const struct row *row;
	uint16_t row_no;
	uint8_t map, op, prefix, w, mem, size;
	int16_t modrm; /* -1: none; else with ANY_REG and ANY_RM */
	enum class class;
	unsigned tried, bad;
};
enum { ANY_REG = 0x100, ANY_RM = 0x200 };

static struct form forms[MAX_FORMS];
static unsigned form_count;
static struct rig rig;
static uint8_t *const window = (void *)WINDOW;
static uint64_t rng;

static uint64_t
rnd(void)
{
	rng ^= rng >> 12;
	rng ^= rng << 25;
	rng ^= rng >> 27;
	return rng * 0x2545f4914f6cdd1d;
}

static unsigned
below(unsigned n)
{
	return (unsigned)((rnd() >> 33) % n);
}

static bool
percent(unsigned n)
{
	return below(100) < n;
}

/* ---- which instructions ---- */

static handler *const *const also[] = {
	x_xchg_er, x_cbw_z, x_cwd_z, x_sahf_z, x_lahf_z, x_xlat_z, x_push_e,
	x_push_i, x_pop_e, x_enter_i, x_leave_z, x_movs_z, x_stos_z, x_lods_z,
	x_scas_z, x_cmps_z, x_cmpxchg_er, x_cmpxchg8b_e, x_xadd_er, x_bt_er,
	x_bts_er, x_btr_er, x_btc_er, x_bt_ei, x_bts_ei, x_btr_ei, x_btc_ei,
	x_bsf_re, x_bsr_re, x_mul_e, x_imul_e, x_div_e, x_idiv_e, x_inc_e,
	x_dec_e, x_cld_z, x_std_z, x_mov_re, x_mov_er, x_nop_e, x_pause_z,
	x_pushf_z,
};

static bool
is_string(const struct form *f)
{
	return f->map == MAP_ONE && ((f->op >= 0xa4 && f->op <= 0xa7) ||
		(f->op >= 0xaa && f->op <= 0xaf));
}

#define WITHIN(row, table)                                                     \
	((const char *)(row) >= (const char *)(table) &&                       \
		(const char *)(row) < (const char *)(table) + sizeof(table))

static bool
classify(struct form *f)
{
	const struct row *row = f->row;

	if (WITHIN(row, x87_mem) || WITHIN(row, x87_reg)) {
		f->class = X87;
		return true;
	}
	if (WITHIN(row, sse_0f) || WITHIN(row, sse_0f38) ||
		WITHIN(row, sse_0f3a) || WITHIN(row, sse_group) ||
		WITHIN(row, sse_0fae)) {
		f->class = strpbrk(row->operands, "PQN") ||
				!*row->operands ? MMX : SSE;
		return true;
	}
	f->class = GENERAL;
	if (row->flags & R_COPY)
		return !(f->prefix == 0xf3 && f->map == MAP_0F &&
			f->op >= 0xbc && f->op <= 0xbd);
	for (unsigned n = 0; n < sizeof(also) / sizeof(*also); n++)
		if (row->fns == also[n])
			/* TZCNT and LZCNT, on hosts that have them */
			return f->map != MAP_0F || f->prefix != 0xf3 ||
				(f->op != 0xbc && f->op != 0xbd);
	return false;
}

static unsigned
put_opcode(const struct form *f, uint8_t *p, uint8_t rex)
{
	unsigned n = 0;

	if (rex)
		p[n++] = rex;
	if (f->map)
		p[n++] = 0x0f;
	if (f->map == MAP_0F38)
		p[n++] = 0x38;
	if (f->map == MAP_0F3A)
		p[n++] = 0x3a;
	p[n++] = f->op;
	return n;
}

static bool
has_modrm(const struct row *row)
{
	return WITHIN(row, x87_mem) || WITHIN(row, x87_reg) ||
		strpbrk(decode_operands(row), "EGVWPQMUNRS");
}

static void
add_form(struct form *f, unsigned modrm)
{
	struct insn i;
	uint8_t b[16] = {0};
	unsigned n = 0;

	if (f->prefix)
		b[n++] = f->prefix;
	n += put_opcode(f, b + n, f->w ? 0x48 : 0);
	b[n] = (uint8_t)modrm;
	if (decode(&i, b, 15, CODE64, 0) <= 0 || i.fn == x_ud[0])
		return;
	f->row = decode_row(i.row);
	f->row_no = i.row;
	f->mem = i.flags & I_MEM;
	f->size = i.size;
	f->modrm = has_modrm(f->row) ? (int16_t)(modrm | ANY_RM) : -1;
	if (f->op >= 0xd8 && f->op <= 0xdf && modrm >= 0xc0 && !f->map)
		f->modrm = (int16_t)modrm;
	if (!classify(f))
		return;
	if ((i.flags & I_END) && !is_string(f))
		return;
	/* ModRM.reg that selects no row is an operand. */
	for (unsigned k = form_count; k-- && form_count - k < 64;) {
		struct form *g = &forms[k];

		if (g->row_no == f->row_no && g->mem == f->mem &&
			g->op == f->op && g->map == f->map && g->w == f->w &&
			g->prefix == f->prefix) {
			g->modrm |= g->modrm < 0 ? 0 : ANY_REG;
			return;
		}
	}
	if (form_count < MAX_FORMS)
		forms[form_count++] = *f;
}

static void
collect(void)
{
	static const uint8_t prefixes[4] = {0, 0x66, 0xf3, 0xf2};
	static const uint8_t skip[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66,
		0x67, 0xf0, 0xf2, 0xf3, 0x0f};

	for (unsigned n = 0; n < 4 * 256 * 4 * 2; n++) {
		struct form f = {.map = (uint8_t)(n >> 11),
			.op = (uint8_t)(n >> 3),
			.prefix = prefixes[n >> 1 & 3],
			.w = n & 1};
		bool x87 = !f.map && f.op >= 0xd8 && f.op <= 0xdf;

		if (!f.map && (memchr(skip, f.op, sizeof(skip)) ||
				      (f.op & 0xf0) == 0x40))
			continue;
		for (unsigned reg = 0; reg < 8; reg++)
			add_form(&f, reg << 3);
		for (unsigned m = 0xc0; m < 0x100; m += x87 ? 1 : 8)
			add_form(&f, m);
	}
}

/* ---- values ---- */

static uint64_t
value(void)
{
	static const uint64_t special[] = {0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff,
		0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
		0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff,
		0xffffffff80000000};

	switch (below(8)) {
	case 0:
		return special[below(sizeof(special) / sizeof(*special))];
	case 1:
		return below(256);
	case 2:
		return rnd() >> below(64);
	case 3:
		return (uint64_t)((int64_t)rnd() >> below(64));
	default:
		return rnd();
	}
}

static uint32_t
float32(void)
{
	static const uint32_t special[] = {0, 0x80000000, 0x3f800000,
		0xbf800000, 0x7f800000, 0xff800000, 0x7fc00000, 0x7f800001,
		0xffc12345, 1, 0x807fffff, 0x00800000, 0x7f7fffff, 0x4f000000,
		0xcf000000, 0x5f000000, 0x3effffff, 0x40490fdb};

	if (percent(40))
		return special[below(sizeof(special) / sizeof(*special))];
	if (percent(50)) /* near 1: results in range */
		return (uint32_t)(rnd() & 0x807fffff) |
			(127 - 12 + below(24)) << 23;
	return (uint32_t)rnd();
}

static uint64_t
float64(void)
{
	static const uint64_t special[] = {0, 1ull << 63, 0x3ff0000000000000,
		0xbff0000000000000, 0x7ff0000000000000, 0xfff0000000000000,
		0x7ff8000000000000, 0x7ff0000000000001, 0xfff8123456789abc, 1,
		0x800fffffffffffff, 0x0010000000000000, 0x7fefffffffffffff,
		0x41e0000000000000, 0xc1e0000000000000, 0x43e0000000000000,
		0x36a0000000000000, 0x47efffffe0000000};

	if (percent(40))
		return special[below(sizeof(special) / sizeof(*special))];
	if (percent(50))
		return (rnd() & 0x800fffffffffffff) |
			(uint64_t)(1023 - 30 + below(60)) << 52;
	return rnd();
}

static void
float80(uint8_t st[10])
{
	static const struct {
		uint16_t e;
		uint64_t m;
	} special[] = {{0, 0}, {0x8000, 0}, {0x3fff, 1ull << 63},
		{0xbfff, 1ull << 63}, {0x7fff, 1ull << 63},
		{0xffff, 1ull << 63}, {0x7fff, 3ull << 62},
		{0x7fff, (1ull << 63) | 5}, {0xffff, 3ull << 62}, {0, 1},
		{0x8000, 0x7fffffffffffffff}, {0, 1ull << 63}, {1, 1ull << 63},
		{0x7ffe, ~0ull}, {0x3fff, 0x1234}, {0x7fff, 0}, {0x7fff, 77},
		{0x403e, 1ull << 63}, {0xc03e, 1ull << 63}, {0x3fff, ~0ull},
		{0x4000, 0xc90fdaa22168c235}};
	uint64_t m = rnd() | 1ull << 63;
	uint16_t e = (uint16_t)((rnd() & 0x8000) | (16383 - 40 + below(80)));
	unsigned n;

	if (percent(35)) {
		n = below(sizeof(special) / sizeof(*special));
		m = special[n].m;
		e = special[n].e;
	} else if (percent(25)) {
		e = (uint16_t)rnd();
	} else if (percent(10)) {
		m = rnd();
	}
	memcpy(st, &m, 8);
	memcpy(st + 8, &e, 2);
}

/* 16 bytes of something. */
static void
vector(uint8_t v[16])
{
	uint64_t q[2];
	uint32_t d[4];

	switch (below(4)) {
	case 0:
		q[0] = value();
		q[1] = value();
		memcpy(v, q, 16);
		break;
	case 1:
		q[0] = float64();
		q[1] = float64();
		memcpy(v, q, 16);
		break;
	case 2:
		for (unsigned n = 0; n < 4; n++)
			d[n] = float32();
		memcpy(v, d, 16);
		break;
	default:
		memset(v, 0, 16);
		float80(v);
		v[12] = (uint8_t)rnd();
	}
}

/* ---- one case ---- */

struct shot {
	struct form *f;
	struct insn i;
	uint8_t code[32];
	unsigned len;
	uint64_t target; /* of the memory operand, or of implicit ones */
};

static bool
is(const struct shot *s, const char *name)
{
	return !strcmp(s->f->row->name, name);
}

/* Bytes that one operand has, if they are many. */
static unsigned
wide(const struct shot *s)
{
	if (is(s, "fxsave") || is(s, "fxrstor"))
		return 512;
	if (is(s, "fnsave") || is(s, "frstor"))
		return 108;
	if (is(s, "fnstenv") || is(s, "fldenv"))
		return 28;
	return 0;
}

static uint64_t
pick_target(const struct shot *s)
{
	unsigned at = below(8192 - 1024) + 256, k = below(100), n = wide(s);

	if (n)
		return k < 90 ? WINDOW + (at & ~15u) + (k < 10 ? 8 : 0)
			      : WINDOW + 3 * 4096 + 1024;
	if (k < 60)
		return WINDOW + (at & ~15u);
	if (k < 76)
		return WINDOW + at;
	if (k < 84)
		return WINDOW + 4096 - below(16);
	if (k < 88)
		return WINDOW + 8192 + (at & 0x7f0) + below(2);
	if (k < 91)
		return WINDOW + 8192 - below(16);
	if (k < 94)
		return WINDOW + 12288 - below(16);
	if (k < 98)
		return WINDOW + 12288 + (at & 0x7f0) + below(2);
	return (rnd() | 1ull << 62) & ~(1ull << 63);
}

static unsigned
put_prefixes(const struct form *f, uint8_t *p, bool lock)
{
	static const uint8_t null[4] = {0x26, 0x2e, 0x36, 0x3e};
	unsigned n = 0;

	if (percent(3))
		p[n++] = null[below(4)];
	if (f->mem && percent(6))
		p[n++] = 0x67;
	if (lock)
		p[n++] = 0xf0;
	if (f->prefix)
		p[n++] = f->prefix;
	return n;
}

static unsigned
put_memory(uint8_t *p, unsigned reg)
{
	unsigned mod = below(3), rm = below(8), n = 0;

	p[n++] = (uint8_t)(mod << 6 | reg << 3 | rm);
	if (rm == 4) {
		p[n++] = (uint8_t)rnd();
		if ((p[1] & 7) == 5 && mod == 0)
			mod = 2;
	}
	if (mod == 1)
		p[n++] = (uint8_t)rnd();
	if (mod == 2 || (mod == 0 && rm == 5)) {
		uint32_t d = percent(50) ? (uint32_t)rnd()
					 : below(512) - 256;
		memcpy(p + n, &d, 4);
		n += 4;
	}
	return n;
}

static bool
build(struct shot *s)
{
	struct form *f = s->f;
	bool lock = f->mem ? (f->row->flags & R_LOCK) && percent(25)
			   : percent(1);
	uint8_t rex = f->w ? 0x48 : 0, *p = s->code;
	unsigned n = put_prefixes(f, p, lock), modrm = (unsigned)f->modrm;

	if (rex || percent(50))
		rex = (uint8_t)(rex | 0x40 | below(8));
	n += put_opcode(f, p + n, rex);
	if (f->modrm >= 0) {
		if (modrm & ANY_REG)
			modrm = (modrm & ~0x38u) | below(8) << 3;
		if (f->mem)
			n += put_memory(p + n, modrm >> 3 & 7);
		else
			p[n++] = (uint8_t)(modrm & ANY_RM
					? (modrm & 0xf8) | below(8)
					: modrm);
	}
	for (unsigned k = 0; k < 8; k++)
		p[n + k] = (uint8_t)rnd();
	if (f->op == 0xc8 && !f->map)
		p[n + 2] = (uint8_t)below(4); /* ENTER's levels */
	n = (unsigned)decode(&s->i, p, 15, CODE64, 0);
	s->len = n;
	if ((int)n <= 0)
		return false;
	/* LOCK where it is illegal is a case of its own. */
	return s->i.row == f->row_no || (lock && s->i.fn == x_ud[0]);
}

static uint64_t *
in_gpr(unsigned n)
{
	return &thunk->in.gpr[n];
}

/* Make the memory operand's address the target; false: cannot. */
static bool
aim(struct shot *s)
{
	const struct insn *i = &s->i;
	uint64_t t = s->target, rest;
	int32_t d;

	if (!(i->flags & I_MEM))
		return true;
	if (f_moffs(s)) {
		memcpy(s->code + s->len - i->asize, &t, i->asize);
		return i->asize == 8 || t >> 32 == 0;
	}
	if (i->base == GPR_RIP || (i->base == GPR_ZERO &&
					  i->index == GPR_ZERO)) {
		return false;
	}
	(void)rest;
	(void)d;
	return true;
}
