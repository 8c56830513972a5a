/* SPDX-License-Identifier: MIT */
/*
 * Multiplication, division and decimal adjustment (SDM vol. 2). The host's own
 * instructions multiply and divide; a division runs only once it is known not
 * to fault. Flags that the SDM leaves undefined: as the host has them after
 * MUL and IMUL, untouched after DIV and IDIV, clear after decimal adjustment.
 */
#include "vmm/soft/handlers.h"
#include "vmm/soft/rmw.h"

/* OF, which is CF, into both places; the rest from the product. */
#define KEEP(sfx, low)                                                         \
	"\n\tseto %[o]\n\ttest" sfx " " low ", " low                           \
	"\n\tlahf\n\tmovb %[o], %%al\n\torb %%al, %%ah"

/* ---- MUL, IMUL: accumulator times rm; 8 bits go to AX ---- */

#define MUL_OP(name, bits, sfx, low, out)                                      \
	static inline void name##_a##bits(struct cpu *c, uint##bits##_t b)     \
	{                                                                      \
		uint64_t a = c->gpr[RAX], lo, hi = c->gpr[RDX];                \
		uint8_t o;                                                     \
		__asm__(#name sfx " %[b]\n\tmovq %%rax, %[lo]" KEEP(sfx, low)  \
			: "+&a"(a), [lo] "=&r"(lo), "+&d"(hi), [o] "=&q"(o)    \
			: [b] "r"(b)                                           \
			: "cc");                                               \
		c->cc = (uint16_t)a;                                           \
		out;                                                           \
	}                                                                      \
	static void name##_e_r##bits(struct cpu *c, const struct insn *i)      \
	{                                                                      \
		name##_a##bits(c, val##bits(c, i->rm));                        \
		NEXT;                                                          \
	}                                                                      \
	static void name##_e_m##bits(struct cpu *c, const struct insn *i)      \
	{                                                                      \
		name##_a##bits(                                                \
			c, ld##bits(c, i, ea(c, i, bits / 8, ACC_READ)));      \
		NEXT;                                                          \
	}

#define TABLE(name)                                                            \
	handler *const x_##name##_e[8] = {name##_e_r8, name##_e_r16,           \
		name##_e_r32, name##_e_r64, name##_e_m8, name##_e_m16,         \
		name##_e_m32, name##_e_m64};

#define MUL(name)                                                              \
	MUL_OP(name, 8, "b", "%b[lo]", put16(c, RAX * 8, (uint16_t)lo))        \
	MUL_OP(name, 16, "w", "%w[lo]", put16(c, RAX * 8, (uint16_t)lo);       \
		put16(c, RDX * 8, (uint16_t)hi))                               \
	MUL_OP(name, 32, "l", "%k[lo]", put32(c, RAX * 8, (uint32_t)lo);       \
		put32(c, RDX * 8, (uint32_t)hi))                               \
	MUL_OP(name, 64, "q", "%q[lo]", put64(c, RAX * 8, lo);                 \
		put64(c, RDX * 8, hi))                                         \
	TABLE(name)

MUL(mul)
MUL(imul)

/* ---- IMUL reg, rm and reg, rm, imm ---- */

#define IMUL(bits, sfx)                                                        \
	static inline void imul_to##bits(struct cpu *c, unsigned at,           \
		uint##bits##_t a, uint##bits##_t b)                            \
	{                                                                      \
		uint16_t f;                                                    \
		uint8_t o;                                                     \
		__asm__("imul" sfx " %[b], %[a]" KEEP(sfx, "%[a]")             \
			: [a] "+&r"(a), "=&a"(f), [o] "=&q"(o)                 \
			: [b] "r"(b)                                           \
			: "cc");                                               \
		c->cc = f;                                                     \
		put##bits(c, at, a);                                           \
	}                                                                      \
	static void imul_re_r##bits(struct cpu *c, const struct insn *i)       \
	{                                                                      \
		imul_to##bits(                                                 \
			c, i->reg, val##bits(c, i->reg), val##bits(c, i->rm)); \
		NEXT;                                                          \
	}                                                                      \
	static void imul_re_m##bits(struct cpu *c, const struct insn *i)       \
	{                                                                      \
		uint##bits##_t b =                                             \
			ld##bits(c, i, ea(c, i, bits / 8, ACC_READ));          \
		imul_to##bits(c, i->reg, val##bits(c, i->reg), b);             \
		NEXT;                                                          \
	}                                                                      \
	static void imul_rei_r##bits(struct cpu *c, const struct insn *i)      \
	{                                                                      \
		imul_to##bits(c, i->reg, val##bits(c, i->rm),                  \
			(uint##bits##_t)i->imm);                               \
		NEXT;                                                          \
	}                                                                      \
	static void imul_rei_m##bits(struct cpu *c, const struct insn *i)      \
	{                                                                      \
		uint##bits##_t b =                                             \
			ld##bits(c, i, ea(c, i, bits / 8, ACC_READ));          \
		imul_to##bits(c, i->reg, b, (uint##bits##_t)i->imm);           \
		NEXT;                                                          \
	}
IMUL(16, "w")
IMUL(32, "l")
IMUL(64, "q")

handler *const x_imul_re[8] = {imul_re_r16, imul_re_r16, imul_re_r32,
	imul_re_r64, imul_re_m16, imul_re_m16, imul_re_m32, imul_re_m64};
handler *const x_imul_rei[8] = {imul_rei_r16, imul_rei_r16, imul_rei_r32,
	imul_rei_r64, imul_rei_m16, imul_rei_m16, imul_rei_m32, imul_rei_m64};

/* ---- DIV, IDIV: false for #DE ---- */

static inline bool
div8(struct cpu *c, uint8_t d)
{
	uint16_t n = (uint16_t)c->gpr[RAX];

	if (n >> 8 >= d)
		return false;
	put16(c, RAX * 8, (uint16_t)(n % d << 8 | n / d));
	return true;
}

static inline bool
idiv8(struct cpu *c, uint8_t by)
{
	int n = (int16_t)c->gpr[RAX], d = (int8_t)by;

	if (d == 0 || n / d != (int8_t)(n / d))
		return false;
	put16(c, RAX * 8, (uint16_t)((n % d & 0xff) << 8 | (n / d & 0xff)));
	return true;
}

/* Above 8 bits: high half in D, low half in A; quotient in A, rest in D. */
#define DIV(bits, sfx)                                                         \
	static inline bool div##bits(struct cpu *c, uint##bits##_t d)          \
	{                                                                      \
		uint##bits##_t lo = (uint##bits##_t)c->gpr[RAX];               \
		uint##bits##_t hi = (uint##bits##_t)c->gpr[RDX];               \
		if (hi >= d)                                                   \
			return false;                                          \
		__asm__("div" sfx " %[d]"                                      \
			: "+a"(lo), "+d"(hi)                                   \
			: [d] "r"(d)                                           \
			: "cc");                                               \
		put##bits(c, RAX * 8, lo);                                     \
		put##bits(c, RDX * 8, hi);                                     \
		return true;                                                   \
	}
DIV(16, "w")
DIV(32, "l")
DIV(64, "q")
#undef DIV

/* By magnitudes, because the host's IDIV would fault. */
#define IDIV(bits, sfx)                                                        \
	static inline bool idiv##bits(struct cpu *c, uint##bits##_t d)         \
	{                                                                      \
		const uint##bits##_t top = (uint##bits##_t)1 << (bits - 1);    \
		uint##bits##_t lo = (uint##bits##_t)c->gpr[RAX];               \
		uint##bits##_t hi = (uint##bits##_t)c->gpr[RDX];               \
		bool neg_n = hi & top, neg_q = neg_n != !!(d & top);           \
		if (neg_n) {                                                   \
			hi = (uint##bits##_t)(~hi + !lo);                      \
			lo = (uint##bits##_t) - lo;                            \
		}                                                              \
		if (d & top)                                                   \
			d = (uint##bits##_t) - d;                              \
		if (hi >= d)                                                   \
			return false;                                          \
		__asm__("div" sfx " %[d]"                                      \
			: "+a"(lo), "+d"(hi)                                   \
			: [d] "r"(d)                                           \
			: "cc");                                               \
		if (lo > (neg_q ? top : top - 1))                              \
			return false;                                          \
		put##bits(c, RAX * 8, (uint##bits##_t)(neg_q ? -lo : lo));     \
		put##bits(c, RDX * 8, (uint##bits##_t)(neg_n ? -hi : hi));     \
		return true;                                                   \
	}
IDIV(16, "w")
IDIV(32, "l")
IDIV(64, "q")
#undef IDIV

#define DIV_HANDLERS(name, bits)                                               \
	static void name##_e_r##bits(struct cpu *c, const struct insn *i)      \
	{                                                                      \
		if (unlikely(!name##bits(c, val##bits(c, i->rm))))             \
			raise_exc(c, i, EXC_DE);                               \
		NEXT;                                                          \
	}                                                                      \
	static void name##_e_m##bits(struct cpu *c, const struct insn *i)      \
	{                                                                      \
		uint##bits##_t d =                                             \
			ld##bits(c, i, ea(c, i, bits / 8, ACC_READ));          \
		if (unlikely(!name##bits(c, d)))                               \
			raise_exc(c, i, EXC_DE);                               \
		NEXT;                                                          \
	}
#define DIV(name)                                                              \
	DIV_HANDLERS(name, 8)                                                  \
	DIV_HANDLERS(name, 16)                                                 \
	DIV_HANDLERS(name, 32)                                                 \
	DIV_HANDLERS(name, 64)                                                 \
	TABLE(name)

DIV(div)
DIV(idiv)

/* ---- decimal adjustment ---- */

static uint8_t
al(const struct cpu *c)
{
	return (uint8_t)c->gpr[RAX];
}

static uint8_t
ah(const struct cpu *c)
{
	return (uint8_t)(c->gpr[RAX] >> 8);
}

static void
put_ax(struct cpu *c, unsigned high, unsigned low)
{
	put16(c, RAX * 8, (uint16_t)(high << 8 | (low & 0xff)));
}

/* ZF, SF and PF of a byte, with CF and AF as given. */
static void
set_szp(struct cpu *c, unsigned v, bool carry, bool aux)
{
	uint32_t f = (carry ? FL_CF : 0) | (aux ? FL_AF : 0);

	v &= 0xff;
	if (!v)
		f |= FL_ZF;
	if (v & 0x80)
		f |= FL_SF;
	if (!__builtin_parity(v))
		f |= FL_PF;
	set_arith(c, f);
}

/* DAA, and DAS which is the same downwards. */
static void
adjust_packed(struct cpu *c, int sign)
{
	uint32_t f = get_flags(c);
	int old = al(c), v = old;
	bool carry = f & FL_CF, aux = (old & 15) > 9 || f & FL_AF;
	bool high = old > 0x99 || carry;

	carry = high;
	if (aux) {
		v += sign * 6;
		if (v < 0 || v > 0xff)
			carry = true;
	}
	if (high)
		v += sign * 0x60;
	put8(c, RAX * 8, (uint8_t)v);
	set_szp(c, (unsigned)v, carry, aux);
}

static void
adjust_unpacked(struct cpu *c, int sign)
{
	bool aux = (al(c) & 15) > 9 || get_flags(c) & FL_AF;
	unsigned ax = (uint16_t)c->gpr[RAX];

	if (aux)
		ax += (unsigned)(sign * 0x106);
	put_ax(c, ax >> 8, ax & 15);
	set_szp(c, ax & 15, aux, aux);
}

static void
daa(struct cpu *c, const struct insn *i)
{
	adjust_packed(c, 1);
	NEXT;
}

static void
das(struct cpu *c, const struct insn *i)
{
	adjust_packed(c, -1);
	NEXT;
}

static void
aaa(struct cpu *c, const struct insn *i)
{
	adjust_unpacked(c, 1);
	NEXT;
}

static void
aas(struct cpu *c, const struct insn *i)
{
	adjust_unpacked(c, -1);
	NEXT;
}

static void
aam(struct cpu *c, const struct insn *i)
{
	unsigned base = (uint8_t)i->imm, v = al(c);

	if (!base)
		raise_exc(c, i, EXC_DE);
	put_ax(c, v / base, v % base);
	set_szp(c, v % base, false, false);
	NEXT;
}

static void
aad(struct cpu *c, const struct insn *i)
{
	unsigned v = al(c) + ah(c) * (unsigned)(uint8_t)i->imm;

	put_ax(c, 0, v);
	set_szp(c, v, false, false);
	NEXT;
}

handler *const x_daa_z[8] = ALL8(daa);
handler *const x_das_z[8] = ALL8(das);
handler *const x_aaa_z[8] = ALL8(aaa);
handler *const x_aas_z[8] = ALL8(aas);
handler *const x_aam_i[8] = ALL8(aam);
handler *const x_aad_i[8] = ALL8(aad);
