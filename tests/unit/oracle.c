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
#include "tests/rnd.h"
#include "tests/softrig.h"
#include "tests/thunk.h"

#include "vmm/soft/x87.h"

enum { MAP_ONE, MAP_0F, MAP_0F38, MAP_0F3A };
enum { MAX_FORMS = 4096, SHOWN = 12 };
#if SOFT_THREADED
enum { CASES = 2000000 };
#else
enum { CASES = 500000 };
#endif

enum class { GENERAL, SSE, MMX, X87, CLASSES };
static const char *const class_name[CLASSES] = {
	"general instructions do what the host's CPU does",
	"SSE instructions do what the host's CPU does",
	"MMX instructions do what the host's CPU does",
	"x87 instructions do what the host's CPU does",
};

/* One way to encode one row. */
struct encoding {
	const struct row *row;
	uint16_t row_no;
	uint8_t map, op, prefix, w, mem, size;
	int16_t modrm; /* -1: none; else with ANY_REG and ANY_RM */
	enum class class;
	unsigned tried, bad;
};
enum { ANY_REG = 0x100, ANY_RM = 0x200 };

static struct encoding forms[CLASSES][MAX_FORMS];
static unsigned form_count[CLASSES];
static struct rig rig;
static uint8_t *const window = (void *)WINDOW;

/* ---- which instructions ---- */

static handler *const *const also[] = {
	x_xchg_er,
	x_cbw_z,
	x_cwd_z,
	x_sahf_z,
	x_lahf_z,
	x_xlat_z,
	x_push_e,
	x_push_i,
	x_pop_e,
	x_enter_i,
	x_leave_z,
	x_movs_z,
	x_stos_z,
	x_lods_z,
	x_scas_z,
	x_cmps_z,
	x_cmpxchg_er,
	x_cmpxchg8b_e,
	x_xadd_er,
	x_bt_er,
	x_bts_er,
	x_btr_er,
	x_btc_er,
	x_bt_ei,
	x_bts_ei,
	x_btr_ei,
	x_btc_ei,
	x_bsf_re,
	x_bsr_re,
	x_mul_e,
	x_imul_e,
	x_div_e,
	x_idiv_e,
	x_inc_e,
	x_dec_e,
	x_cld_z,
	x_std_z,
	x_mov_re,
	x_mov_er,
	x_nop_e,
	x_pause_z,
	x_pushf_z,
};

static bool
is_string(const struct encoding *f)
{
	return f->map == MAP_ONE && ((f->op >= 0xa4 && f->op <= 0xa7) ||
					    (f->op >= 0xaa && f->op <= 0xaf));
}

#define WITHIN(row, table)                                                     \
	((const char *)(row) >= (const char *)(table) &&                       \
		(const char *)(row) < (const char *)(table) + sizeof(table))

static bool
classify(struct encoding *f)
{
	const struct row *row = f->row;

	if (WITHIN(row, x87_mem) || WITHIN(row, x87_reg)) {
		f->class = X87;
		return true;
	}
	if (WITHIN(row, sse_0f) || WITHIN(row, sse_0f38) ||
		WITHIN(row, sse_0f3a) || WITHIN(row, sse_group) ||
		WITHIN(row, sse_0fae)) {
		f->class = strpbrk(row->operands, "PQN") || !*row->operands
				   ? MMX
				   : SSE;
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
put_opcode(const struct encoding *f, uint8_t *p, uint8_t rex)
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

/* ModRM.reg that selects no row is an operand. */
static void
keep(const struct encoding *f)
{
	struct encoding *all = forms[f->class];
	unsigned n = form_count[f->class];

	for (unsigned k = n; k-- && n - k < 64;) {
		struct encoding *g = &all[k];

		if (g->row_no == f->row_no && g->mem == f->mem &&
			g->op == f->op && g->map == f->map && g->w == f->w &&
			g->prefix == f->prefix) {
			g->modrm |= g->modrm < 0 ? 0 : ANY_REG;
			return;
		}
	}
	if (n < MAX_FORMS) {
		all[n] = *f;
		form_count[f->class]++;
	}
}

static void
add_form(struct encoding *f, unsigned modrm)
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
	if (!classify(f))
		return;
	if (f->class == X87 && modrm >= 0xc0)
		f->modrm = (int16_t)modrm;
	/* These prefixes and REX.W would change nothing. */
	if ((f->class == X87 || f->class == GENERAL) && f->prefix > 0x66 &&
		!is_string(f))
		return;
	if (f->class == X87 && (f->w || f->prefix) && !f->mem)
		return;
	if ((i.flags & I_END) && !is_string(f))
		return;
	keep(f);
}

static void
collect(void)
{
	static const uint8_t prefixes[4] = {0, 0x66, 0xf3, 0xf2};
	static const uint8_t skip_one[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65,
		0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x0f};

	for (unsigned n = 0; n < 4 * 256 * 4 * 2; n++) {
		struct encoding f = {.map = (uint8_t)(n >> 11),
			.op = (uint8_t)(n >> 3),
			.prefix = prefixes[n >> 1 & 3],
			.w = n & 1};
		bool x87 = !f.map && f.op >= 0xd8 && f.op <= 0xdf;

		if (!f.map && (memchr(skip_one, f.op, sizeof(skip_one)) ||
				      (f.op & 0xf0) == 0x40))
			continue;
		if (f.map == MAP_0F && (f.op == 0x38 || f.op == 0x3a))
			continue;
		for (unsigned reg = 0; reg < 8; reg++)
			add_form(&f, reg << 3);
		for (unsigned m = 0xc0; m < 0x100; m += x87 ? 1 : 8)
			add_form(&f, m);
	}
}

/* ---- values ---- */

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
		return (uint32_t)(rnd() & 0x807fffff) | (127 - 12 + below(24))
								<< 23;
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
	struct encoding *f;
	struct insn i;
	uint8_t code[32];
	unsigned len;
	unsigned disp_at; /* of a 32-bit displacement in code, or 0 */
	uint64_t target; /* of the memory operand, or of implicit ones */
	uint32_t undefined; /* flags that may differ */
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
put_prefixes(const struct encoding *f, uint8_t *p, bool lock)
{
	static const uint8_t null[4] = {0x26, 0x2e, 0x36, 0x3e};
	unsigned n = 0;

	if (percent(3))
		p[n++] = null[below(4)];
	if (f->class == GENERAL && !f->prefix && f->map == MAP_ONE &&
		percent(2))
		p[n++] = (uint8_t)(0xf2 | below(2));
	if (f->mem && percent(6))
		p[n++] = 0x67;
	if (lock)
		p[n++] = 0xf0;
	if (f->prefix)
		p[n++] = f->prefix;
	return n;
}

static unsigned
put_memory(struct shot *s, uint8_t *p, unsigned reg)
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
		uint32_t d = percent(50) ? (uint32_t)rnd() : below(512) - 256;
		memcpy(p + n, &d, 4);
		s->disp_at = (unsigned)(p + n - s->code);
		n += 4;
	}
	return n;
}

static bool
build(struct shot *s)
{
	struct encoding *f = s->f;
	bool lock =
		f->mem ? (f->row->flags & R_LOCK) && percent(25) : percent(1);
	uint8_t rex = f->w ? 0x48 : 0, *p = s->code;
	unsigned n = put_prefixes(f, p, lock), modrm = (unsigned)f->modrm;

	if (rex || percent(50))
		rex = (uint8_t)(rex | 0x40 | below(8));
	n += put_opcode(f, p + n, rex);
	if (f->modrm >= 0) {
		if (modrm & ANY_REG)
			modrm = (modrm & ~0x38u) | below(8) << 3;
		if (f->mem)
			n += put_memory(s, p + n, modrm >> 3 & 7);
		else
			p[n++] = (uint8_t)(modrm & ANY_RM
						   ? (modrm & 0xf8) | below(8)
						   : modrm);
	}
	for (unsigned k = 0; k < 8; k++)
		p[n + k] = (uint8_t)rnd();
	if (f->op == 0xc8 && !f->map) { /* ENTER: bytes, levels */
		p[n + 1] &= 1;
		p[n + 2] = (uint8_t)below(4);
	}
	n = (unsigned)decode(&s->i, p, 15, CODE64, 0);
	s->len = n;
	if ((int)n <= 0)
		return false;
	/* LOCK where it is illegal is a case of its own. */
	return s->i.row == f->row_no || (lock && s->i.fn == x_ud[0]);
}

static bool
is_moffs(const struct shot *s)
{
	return !s->f->map && s->f->op >= 0xa0 && s->f->op <= 0xa3;
}

static void
put_disp(struct shot *s, uint64_t disp)
{
	uint32_t d = (uint32_t)disp;

	memcpy(s->code + s->disp_at, &d, 4);
}

/* Make the memory operand's address the target; false: cannot. */
static bool
aim(struct shot *s)
{
	const struct insn *i = &s->i;
	uint64_t *gpr = thunk->in.gpr, t = s->target, d, base;
	bool low = (uint64_t)(int32_t)t == t;

	if (!(i->flags & I_MEM))
		return true;
	if (is_moffs(s)) {
		memcpy(s->code + s->len - i->asize, &t, i->asize);
		return i->asize == 8 || low;
	}
	if (i->base == GPR_RIP || (i->base & i->index) == GPR_ZERO) {
		put_disp(s, i->base == GPR_RIP ? t - THUNK_INSN - s->len : t);
		return low;
	}
	if (i->base == GPR_ZERO) {
		d = t & ((1u << i->scale) - 1);
		put_disp(s, d);
		gpr[i->index] = (t - d) >> i->scale;
		return true;
	}
	base = t - (uint64_t)i->disp;
	if (i->index != GPR_ZERO)
		base -= gpr[i->index] << i->scale;
	if (i->asize == 4)
		base = (uint32_t)base | rnd() << 32;
	gpr[i->base] = base;
	return i->base != i->index;
}

/* The same bytes on both sides, where they can be written. */
static void
put_both(uint64_t at, const void *p, unsigned n)
{
	if (at < WINDOW || at >= WINDOW + 8192)
		return;
	if (n > WINDOW + 8192 - at)
		n = (unsigned)(WINDOW + 8192 - at);
	memcpy(window + (at - WINDOW), p, n);
	memcpy(rig.page + (at - WINDOW), p, n);
}

/* x87 and SSE state as FXSAVE has it. */
static void
random_fx(uint8_t fx[512])
{
	uint16_t cw = percent(50) ? 0x37f : (rnd() & 0x1f3f) | 0x40;
	uint16_t sw = (uint16_t)(rnd() & 0x7f00);
	uint32_t mxcsr = percent(60) ? 0x1f80 : (uint32_t)rnd() & 0xffff;
	static const uint8_t tags[] = {0xff, 0xff, 0, 0x7f, 0xfe, 0x3c};
	unsigned top = sw >> 11 & 7, t = tags[below(6)];

	if (percent(40))
		sw |= (uint16_t)(rnd() & 0x7f);
	if ((sw & ~cw & 0x3f) && percent(90))
		sw &= 0xffc0;
	if (sw & ~cw & 0x3f)
		sw |= 0x8080;
	if (percent(10))
		t = (uint8_t)rnd();
	memset(fx, 0, 512);
	memcpy(fx, &cw, 2);
	memcpy(fx + 2, &sw, 2);
	/* Patterns are of ST(i): turn them to physical registers. */
	fx[4] = (uint8_t)(t << top | t >> (8 - top));
	memcpy(fx + 24, &mxcsr, 4);
	for (unsigned n = 0; n < 8; n++)
		float80(fx + 32 + 16 * n);
	for (unsigned n = 0; n < 16; n++)
		vector(fx + 160 + 16 * n);
}

static void
random_memory(const struct shot *s)
{
	uint8_t b[512] __attribute__((aligned(16)));
	uint32_t v = (uint32_t)rnd() & 0xffff;

	vector(b);
	if (is(s, "ldmxcsr")) {
		if (percent(10))
			v |= 1u << (18 + below(14));
		memcpy(b, &v, 4);
	}
	if (is(s, "fxrstor")) {
		random_fx(b);
		memset(b + 6, 0, 18);
		if (percent(10))
			b[27] = 0x80;
		if (percent(10))
			b[0] = b[1] = 0xff;
		put_both(s->target, b, 512);
		return;
	}
	put_both(s->target, b, 16);
}

/* What instructions take from fixed registers. */
static bool
implicit(struct shot *s)
{
	const struct encoding *f = s->f;
	handler *const *fns = f->row->fns;
	uint64_t *gpr = thunk->in.gpr;

	if (is_string(f)) {
		gpr[RSI] = pick_target(s);
		gpr[RDI] = s->target;
		gpr[RCX] = percent(90) ? below(24) : 0;
	} else if (fns == x_push_e || fns == x_push_i || fns == x_pop_e ||
		   fns == x_leave_z || fns == x_enter_i || fns == x_pushf_z) {
		gpr[RSP] = f->mem ? WINDOW + 1024 + below(2048) : s->target;
		gpr[RBP] = pick_target(s);
	} else if (fns == x_xlat_z) {
		gpr[RBX] = s->target - (gpr[RAX] & 0xff);
	} else if (fns == x_maskmovdqu_vu || fns == x_maskmovq_pn) {
		gpr[RDI] = s->target;
	} else if (fns == x_div_e || fns == x_idiv_e) {
		if (percent(70))
			gpr[RDX] = percent(50) ? 0 : below(16);
		if (percent(20))
			gpr[RDX] = (uint64_t)((int64_t)gpr[RAX] >> 63);
	} else if (fns == x_pcmpestrm_vwi || fns == x_pcmpestri_vwi) {
		gpr[RAX] = percent(80) ? below(40) - 20ull : value();
		gpr[RDX] = percent(80) ? below(40) - 20ull : value();
	} else if (fns == x_cmpxchg_er && percent(50)) {
		if (f->mem)
			put_both(s->target, &gpr[RAX], 8);
		else
			gpr[RAX] = gpr[s->i.rm >> 3];
	} else if (fns == x_cmpxchg8b_e && percent(50)) {
		put_both(s->target, &gpr[RAX], f->w ? 8 : 4);
		put_both(s->target + (f->w ? 8 : 4), &gpr[RDX], f->w ? 8 : 4);
	}
	if (f->mem && (fns == x_bt_er || fns == x_bts_er || fns == x_btr_er ||
			      fns == x_btc_er)) {
		gpr[s->i.reg >> 3] = below(1024) - 512ull;
		return s->i.reg >> 3 != s->i.base &&
		       s->i.reg >> 3 != s->i.index;
	}
	return true;
}

/* ---- what the manual leaves open ---- */

static uint32_t
shift_flags(const struct shot *s)
{
	handler *const *fns = s->f->row->fns;
	bool by_cl = fns == x_rol_ec || fns == x_ror_ec || fns == x_rcl_ec ||
		     fns == x_rcr_ec || fns == x_shl_ec || fns == x_shr_ec ||
		     fns == x_sar_ec || fns == x_shld_erc || fns == x_shrd_erc;
	bool rotates = fns == x_rol_ec || fns == x_ror_ec || fns == x_rcl_ec ||
		       fns == x_rcr_ec || fns == x_rol_ei || fns == x_ror_ei ||
		       fns == x_rcl_ei || fns == x_rcr_ei;
	bool left_right = fns == x_shl_ec || fns == x_shr_ec ||
			  fns == x_shl_ei || fns == x_shr_ei;
	unsigned n = (unsigned)(by_cl ? thunk->in.gpr[RCX] : s->i.imm) &
		     (s->i.size == 8 ? 63 : 31);
	uint32_t u = n > 1 ? FL_OF : 0;

	if (n && !rotates)
		u |= FL_AF;
	if (left_right && n >= 8u * s->i.size)
		u |= FL_CF;
	return u;
}

static uint32_t
undefined_flags(const struct shot *s)
{
	static const struct {
		const char *names;
		uint32_t flags;
	} open[] = {
		{" and or xor test ", FL_AF},
		{" mul imul ", FL_SF | FL_ZF | FL_AF | FL_PF},
		{" div idiv ", FL_ARITH},
		{" bt bts btr btc ", FL_OF | FL_SF | FL_AF | FL_PF},
		{" bsf bsr ", FL_CF | FL_OF | FL_SF | FL_AF | FL_PF},
	};
	const char *shifts = " rol ror rcl rcr shl shr sar shld shrd ";
	char name[32];

	if (s->f->class != GENERAL)
		return 0;
	snprintf(name, sizeof(name), " %s ", s->f->row->name);
	for (unsigned n = 0; n < sizeof(open) / sizeof(*open); n++)
		if (strstr(open[n].names, name))
			return open[n].flags;
	return strstr(shifts, name) ? shift_flags(s) : 0;
}

/* Whether there is a fault at all is where AMD's processors differ. */
static bool
amd_differs(const struct shot *s)
{
	handler *const *fns = s->f->row->fns;
	uint64_t at = s->target - WINDOW;

	if (s->f->map == MAP_0F && s->f->op == 0x0d)
		return !s->f->mem; /* PREFETCHW */
	if (fns == x_maskmovdqu_vu || fns == x_maskmovq_pn)
		return at + 16 > 8192;
	if (fns == x_cvtpi2ps_vq)
		return s->f->mem && (thunk->in.fx[2] & FSW_ES);
	/* MOVSXD of 16 bits reads 32. */
	return fns == x_movsxd_re && s->i.size == 2 && (at + 4) % 4096 < 4;
}

/* The result itself is undefined. */
static bool
skipped(const struct shot *s)
{
	handler *const *fns = s->f->row->fns;
	unsigned n = (unsigned)s->i.imm & 31;

	if (amd_differs(s))
		return true;
	if (fns == x_bswap_e)
		return s->i.size == 2;
	if (s->i.size != 2)
		return false;
	if (fns == x_shld_erc || fns == x_shrd_erc)
		n = (unsigned)thunk->in.gpr[RCX] & 31;
	else if (fns != x_shld_eri && fns != x_shrd_eri)
		return false;
	return n > 16;
}

static bool
prepare(struct shot *s)
{
	unsigned n;

	s->disp_at = 0;
	if (!build(s))
		return false;
	for (n = 0; n < 16; n++)
		thunk->in.gpr[n] = value();
	thunk->in.flags = 2 | (rnd() & (FL_ARITH | FL_DF));
	random_fx(thunk->in.fx);
	s->target = pick_target(s);
	/* What 32 bits can reach may be mapped: nowhere but in the window. */
	if (s->i.asize == 4 && s->target >> 32)
		s->target = WINDOW + 3 * 4096 + 64;
	random_memory(s);
	if (!implicit(s) || !aim(s))
		return false;
	decode(&s->i, s->code, 15, CODE64, 0);
	s->undefined = undefined_flags(s);
	return !skipped(s);
}

/* ---- both runs ---- */

static int
run_engine(const struct shot *s)
{
	struct cpu *c = rig.c;

	memcpy(c->gpr, thunk->in.gpr, sizeof(thunk->in.gpr));
	set_arith(c, (uint32_t)thunk->in.flags);
	c->df = thunk->in.flags & FL_DF ? 1 : 0;
	fxsave_take(c, thunk->in.fx, true);
	c->RIP = THUNK_INSN;
	c->cr2 = 0;
	return rig_step(&rig, s->code, s->len);
}

/* Pointers and reserved parts of saved x87 state are the processor's own. */
static void
forgive_memory(const struct shot *s)
{
	uint64_t at = s->target - WINDOW;
	unsigned from = 12, to = 28;

	if (at >= 8192 || !wide(s) || is(s, "fxrstor") || is(s, "frstor") ||
		is(s, "fldenv"))
		return;
	if (is(s, "fxsave")) {
		from = 6;
		to = 32;
	} else if (s->i.size == 2) {
		from = 6;
		to = 14;
	}
	memcpy(rig.page + at + from, window + at + from, to - from);
}

struct difference {
	char text[4096];
	unsigned n;
};

__attribute__((format(printf, 2, 3))) static void
say(struct difference *d, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (d->n < sizeof(d->text) - 200)
		d->n += (unsigned)vsnprintf(
			d->text + d->n, sizeof(d->text) - d->n, fmt, ap);
	va_end(ap);
}

/* Large operands: which of their bytes the processor found missing first is
 * its own affair. */
static bool
same_address(const struct shot *s)
{
	handler *const *fns = s->f->row->fns;
	unsigned n =
		fns == x_maskmovdqu_vu || fns == x_maskmovq_pn ? 16 : wide(s);

	return rig.c->cr2 == thunk->cr2 ||
	       (rig.c->cr2 - s->target < n && thunk->cr2 - s->target < n);
}

static void
compare_fault(struct difference *d, const struct shot *s, int vector)
{
	const struct cpu *c = rig.c;
	/* Whether the kernel has a page at its own addresses is its secret. */
	uint64_t told = thunk->cr2 >> 63 ? 6 : 7;

	if (vector != thunk->vector)
		say(d, "# vector: engine %d, host %d\n", vector, thunk->vector);
	else if (vector == EXC_PF &&
		 (!same_address(s) || ((c->exc_error ^ thunk->error) & told)))
		say(d, "# #PF: engine %#lx (%#x), host %#lx (%#lx)\n", c->cr2,
			c->exc_error, thunk->cr2, thunk->error);
}

static void
compare_registers(struct difference *d, const struct shot *s, int vector)
{
	const struct cpu *c = rig.c;
	uint64_t rip = THUNK_INSN + (vector < 0 ? s->len : 0);
	uint32_t flags = (uint32_t)thunk->out.flags;
	uint32_t mask = (FL_ARITH | FL_DF) & ~s->undefined;

	/* Intel restores the flags of CMPS and SCAS that fault in their midst.
	 */
	if (is_string(s->f) && thunk->vector >= 0)
		mask = 0;

	for (unsigned n = 0; n < 16; n++)
		if (c->gpr[n] != thunk->out.gpr[n])
			say(d, "# r%u: engine %#lx, host %#lx\n", n, c->gpr[n],
				thunk->out.gpr[n]);
	if ((get_flags(c) ^ flags) & mask)
		say(d, "# flags: engine %#x, host %#x\n",
			get_flags(c) & (FL_ARITH | FL_DF),
			flags & (FL_ARITH | FL_DF));
	if (c->RIP != rip)
		say(d, "# rip: engine %#lx, not %#lx\n", c->RIP, rip);
}

static void
say_bytes(struct difference *d, const char *name, unsigned n,
	const uint8_t *engine, const uint8_t *host, unsigned len)
{
	unsigned k;

	if (!memcmp(engine, host, len))
		return;
	say(d, "# %s%u: engine ", name, n);
	for (k = len; k--;)
		say(d, "%02x", engine[k]);
	say(d, ", host ");
	for (k = len; k--;)
		say(d, "%02x", host[k]);
	say(d, "\n");
}

/*
 * Where AMD's processors differ from Intel's, which the engine follows: they
 * keep C1 in FCOMI; they do not switch to MMX for CVTPI2PS from memory, and do
 * it before #XM or #PF in some. What the manual leaves open: C1 after FFREE and
 * FCMOV.
 */
static bool
x87_differs(const struct shot *s, uint8_t *fx, uint8_t *host)
{
	handler *const *fns = s->f->row->fns;
	static const char *const c1[] = {"fcomi", "fcomip", "fucomi", "fucomip",
		"ffree", "ffreep", "fcmovb", "fcmovnb", "fcmove", "fcmovne",
		"fcmovbe", "fcmovnbe", "fcmovu", "fcmovnu"};

	for (unsigned n = 0; n < sizeof(c1) / sizeof(*c1); n++)
		if (is(s, c1[n]))
			fx[3] = (uint8_t)((fx[3] & ~2) | (host[3] & 2));
	if (fns == x_maskmovq_pn || fns == x_cvtps2pi_pw ||
		fns == x_cvttps2pi_pw || fns == x_cvtpd2pi_pw ||
		fns == x_cvttpd2pi_pw)
		return thunk->vector >= 0;
	return fns == x_cvtpi2ps_vq && (s->f->mem || thunk->vector >= 0);
}

static void
compare_fx(struct difference *d, const struct shot *s)
{
	static uint8_t fx[512] __attribute__((aligned(16)));
	uint8_t *h = thunk->out.fx;
	uint32_t em, hm;

	fxsave_put(rig.c, fx, true);
	if (x87_differs(s, fx, h))
		memcpy(fx, h, 24), memcpy(fx + 32, h + 32, 128);
	say_bytes(d, "fcw", 0, fx, h, 2);
	say_bytes(d, "fsw", 0, fx + 2, h + 2, 2);
	say_bytes(d, "ftw", 0, fx + 4, h + 4, 1);
	memcpy(&em, fx + 24, 4);
	memcpy(&hm, h + 24, 4);
	/* Unmasked overflow, underflow: exactness is not known, see sse.c. */
	if (thunk->vector == EXC_XM && (hm & ~(hm >> 7) & 0x18)) {
		em &= ~32u;
		hm &= ~32u;
	}
	if (em != hm)
		say(d, "# mxcsr: engine %#x, host %#x\n", em, hm);
	for (unsigned n = 0; n < 8; n++)
		say_bytes(d, "st", n, fx + 32 + 16 * n, h + 32 + 16 * n, 10);
	for (unsigned n = 0; n < 16; n++)
		say_bytes(d, "xmm", n, fx + 160 + 16 * n, h + 160 + 16 * n, 16);
}

static void
compare_memory(struct difference *d, const struct shot *s)
{
	unsigned n, shown = 0;

	if (!memcmp(window, rig.page, 8192))
		return;
	forgive_memory(s);
	if (is(s, "enter") &&
		thunk->vector >= 0) /* what it pushed until then */
		memcpy(rig.page, window, 8192);
	for (n = 0; n < 8192; n++)
		if (window[n] != rig.page[n] && shown++ < 20)
			say(d, "# [%#llx]: engine %02x, host %02x\n",
				WINDOW + n, rig.page[n], window[n]);
	memcpy(rig.page, window, 8192);
}

static void
show_fx(const uint8_t *fx)
{
	const uint8_t *p;
	int k;

	printf("#   fcw %02x%02x fsw %02x%02x ftw %02x mxcsr %02x%02x\n", fx[1],
		fx[0], fx[3], fx[2], fx[4], fx[25], fx[24]);
	for (unsigned n = 0; n < 24; n++) {
		p = fx + 32 + 16 * n;
		printf("%s%s%u ", n % 4 ? " " : "#   ", n < 8 ? "st" : "xmm",
			n < 8 ? n : n - 8);
		for (k = n < 8 ? 9 : 15; k >= 0; k--)
			printf("%02x", p[k]);
		printf("%s", n % 4 == 3 ? "\n" : "");
	}
}

static void
show(const struct shot *s, const struct difference *d)
{
	const struct regs *in = &thunk->in;

	printf("# %s %s:", s->f->row->name, decode_operands(s->f->row));
	for (unsigned n = 0; n < s->len; n++)
		printf(" %02x", s->code[n]);
	printf(" at %#lx\n# from:\n", s->target);
	for (unsigned n = 0; n < 16; n++)
		printf("%sr%u %#lx%s", n % 4 ? " " : "#   ", n, in->gpr[n],
			n % 4 == 3 ? "\n" : "");
	printf("#   flags %#lx\n", in->flags);
	if (s->f->class != GENERAL)
		show_fx(in->fx);
	printf("# host after:\n");
	if (s->f->class != GENERAL)
		show_fx(thunk->out.fx);
	printf("%s", d->text);
}

static unsigned bad[CLASSES], tried[CLASSES], shown_forms;

static void
one(struct encoding *f, bool verbose)
{
	static struct shot s;
	static struct difference d;
	int vector;

	s.f = f;
	if (!prepare(&s))
		return;
	/* The engine first: thunk->in is left as it is by both. */
	vector = run_engine(&s);
	thunk_run(s.code, s.len);
	d.n = 0;
	d.text[0] = 0;
	compare_fault(&d, &s, vector);
	compare_registers(&d, &s, vector);
	compare_fx(&d, &s);
	compare_memory(&d, &s);
	f->tried++;
	tried[f->class]++;
	if (!d.n)
		return;
	bad[f->class]++;
	if (!f->bad++ && (verbose || shown_forms++ < SHOWN))
		show(&s, &d);
}

/* ---- the test ---- */

static bool
open_window(void)
{
	uint8_t b[16];

	if (mmap(window, WINDOW_PAGES * 4096, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
		    0) != (void *)window)
		return false;
	for (unsigned n = 0; n < 3 * 4096; n += 16) {
		vector(b);
		memcpy(window + n, b, 16);
	}
	memcpy(rig.page, window, 3 * 4096);
	return !mprotect(window + 8192, 4096, PROT_READ) &&
	       !mprotect(window + 12288, 4096, PROT_NONE);
}

static uint64_t
setting(const char *name, uint64_t normal)
{
	const char *v = getenv(name);

	return v ? strtoull(v, NULL, 0) : normal;
}

static void summary(enum class class)
{
	unsigned n, least = ~0u;

	for (n = 0; n < form_count[class]; n++) {
		const struct encoding *f = &forms[class][n];

		if (f->bad)
			printf("# %s (%02x, map %u, prefix %02x, w %u, %s): "
			       "%u of %u\n",
				f->row->name, f->op, f->map, f->prefix, f->w,
				f->mem ? "memory" : "register", f->bad,
				f->tried);
		if (f->tried < least)
			least = f->tried;
	}
	printf("# %u cases, %u differ; %u forms, each at least %u times\n",
		tried[class], bad[class], form_count[class], least);
}

int
main(void)
{
	static const enum class weight[] = {GENERAL, GENERAL, GENERAL, GENERAL,
		SSE, SSE, SSE, MMX, X87, X87};
	uint64_t cases = setting("ORACLE_CASES", CASES), n;
	const char *only = getenv("ORACLE_ONLY");

	deadline(300);
	rnd_state = setting("ORACLE_SEED", 20240229) | 1;
	printf("# seed %lu, %lu cases\n", rnd_state, cases);
	rig_new(&rig);
	if (!thunk_open() || !open_window())
		skip_all("no executable memory at a fixed address");
	collect();
	for (n = 0; n < cases; n++) {
		enum class k = weight[below(10)];
		struct encoding *f = &forms[k][below(form_count[k])];

		if (!only || !strcmp(f->row->name, only))
			one(f, only);
	}
	for (n = 0; n < CLASSES; n++) {
		ok(tried[n] && !bad[n], "%s", class_name[n]);
		summary((enum class)n);
	}
	rig_free(&rig);
	return done();
}
