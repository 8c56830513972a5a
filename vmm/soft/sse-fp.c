/* SPDX-License-Identifier: MIT */
/*
 * SSE floating-point arithmetic and conversions between vectors (Intel SDM
 * vol. 2): "op xmm, xmm/m". Each is the host's own instruction, run under the
 * guest's rounding, DAZ and FTZ; see fp.h on exceptions.
 */
#include "vmm/soft/fp.h"

#define DO(name, kind, src)                                                    \
	__m128i s = src, d = xget(c, i->reg);                                  \
	if (strict)                                                            \
		xm_begin(c);                                                   \
	__asm__ volatile(#name " %1,%0" : "+x"(d) : "x"(s));                   \
	if (strict)                                                            \
		xm_end(c, i, d, kind);                                         \
	xset(c, i->reg, d)

#define OP_OF(name, kind, how, load)                                           \
	STRICT_REG(name##_r, DO(name, kind, xget(c, i->rm)))                   \
	STRICT_LOAD(name##_m, how, DO(name, kind, load))                       \
	handler *const x_##name##_vw[8] = RM(name##_r, name##_m);
#define OP(name, kind) OP_OF(name, kind, a, v)
SSE_FP_PACKED(OP)
#undef OP
#define OP(name, kind) OP_OF(name, kind, d, v32(v))
SSE_FP_SS(OP)
#undef OP
/* CVTPS2PD and CVTDQ2PD read 64 bits too; their other half plays no part. */
#define OP(name, kind) OP_OF(name, kind, q, v64(v))
SSE_FP_SD(OP)
#undef OP

/* ---- with an immediate ---- */

#define DO_IMM(name, kind, src)                                                \
	__m128i s = src, d = xget(c, i->reg);                                  \
	if (strict)                                                            \
		xm_begin(c);                                                   \
	d = do_##name(d, s, (unsigned)i->imm);                                 \
	if (strict)                                                            \
		xm_end(c, i, d, kind);                                         \
	xset(c, i->reg, d)
#define FP_IMM(name, kind, how, load)                                          \
	STRICT_REG(name##_r, DO_IMM(name, kind, xget(c, i->rm)))               \
	STRICT_LOAD(name##_m, how, DO_IMM(name, kind, load))                   \
	handler *const x_##name##_vwi[8] = RM(name##_r, name##_m);

/* clang-format off */
#define CASE(name, n)                                                          \
	case n:                                                                \
		__asm__ volatile(#name " $" #n ",%1,%0" : "+x"(d) : "x"(s));   \
		break;
#define EIGHT(name)                                                            \
	CASE(name, 0) CASE(name, 1) CASE(name, 2) CASE(name, 3)                \
	CASE(name, 4) CASE(name, 5) CASE(name, 6) CASE(name, 7)
#define SIXTEEN(name)                                                          \
	EIGHT(name) CASE(name, 8) CASE(name, 9) CASE(name, 10) CASE(name, 11)  \
	CASE(name, 12) CASE(name, 13) CASE(name, 14) CASE(name, 15)
/* clang-format on */

/* Predicates beyond 7 are AVX's: the legacy form ignores those bits. */
#define CMP(name, how, load)                                                   \
	static NOINLINE __m128i do_##name(__m128i d, __m128i s, unsigned imm)  \
	{                                                                      \
		switch (imm & 7) {                                             \
			EIGHT(name)                                            \
		}                                                              \
		return d;                                                      \
	}                                                                      \
	FP_IMM(name, XM_NONE, how, load)
CMP(cmpps, a, v)
CMP(cmppd, a, v)
CMP(cmpss, d, v32(v))
CMP(cmpsd, q, v64(v))

#define ROUND(name, how, load)                                                 \
	static NOINLINE __m128i do_##name(__m128i d, __m128i s, unsigned imm)  \
	{                                                                      \
		switch (imm & 15) {                                            \
			SIXTEEN(name)                                          \
		}                                                              \
		return d;                                                      \
	}                                                                      \
	FP_IMM(name, XM_NONE, how, load)
ROUND(roundps, a, v)
ROUND(roundpd, a, v)
ROUND(roundss, d, v32(v))
ROUND(roundsd, q, v64(v))

/* A product that the high mask bits leave out is +0, and so is 0 * 0; the low
 * bits pick the lanes that get the sum. */
static INLINE __m128i
lanes(__m128i bit, unsigned imm)
{
	__m128i m = _mm_set1_epi32((int)imm);

	return _mm_cmpeq_epi32(_mm_and_si128(m, bit), bit);
}
static NOINLINE __m128i
do_dpps(__m128i d, __m128i s, unsigned imm)
{
	const __m128i bit = _mm_setr_epi32(1, 2, 4, 8);
	__m128i in = lanes(bit, imm >> 4);

	d = _mm_and_si128(d, in);
	s = _mm_and_si128(s, in);
	__asm__ volatile("dpps $0xff,%1,%0" : "+x"(d) : "x"(s));
	return _mm_and_si128(d, lanes(bit, imm));
}
static NOINLINE __m128i
do_dppd(__m128i d, __m128i s, unsigned imm)
{
	const __m128i bit = _mm_setr_epi32(1, 1, 2, 2);
	__m128i in = lanes(bit, imm >> 4);

	d = _mm_and_si128(d, in);
	s = _mm_and_si128(s, in);
	__asm__ volatile("dppd $0x33,%1,%0" : "+x"(d) : "x"(s));
	return _mm_and_si128(d, lanes(bit, imm));
}

/* What is unmasked is raised by the first step that meets it: the products,
 * their sums by two, the sum of these. */
static INLINE __m128i
step(struct cpu *c, const struct insn *i, __m128i p, enum xm kind, int how)
{
	__m128i q = _mm_shuffle_epi32(p, 0xb1);

	if (how)
		q = _mm_shuffle_epi32(p, 0x4e);
	xm_begin(c);
	if (kind == XM_PS)
		__asm__ volatile("addps %1,%0" : "+x"(p) : "x"(q));
	else
		__asm__ volatile("addpd %1,%0" : "+x"(p) : "x"(q));
	xm_end(c, i, p, kind);
	return p;
}
static NOINLINE void
steps_dpps(struct cpu *c, const struct insn *i, __m128i d, __m128i s)
{
	__m128i in = lanes(_mm_setr_epi32(16, 32, 64, 128), (unsigned)i->imm);

	d = _mm_and_si128(d, in);
	s = _mm_and_si128(s, in);
	xm_begin(c);
	__asm__ volatile("mulps %1,%0" : "+x"(d) : "x"(s));
	xm_end(c, i, d, XM_PS);
	step(c, i, step(c, i, d, XM_PS, 0), XM_PS, 1);
}
static NOINLINE void
steps_dppd(struct cpu *c, const struct insn *i, __m128i d, __m128i s)
{
	__m128i in = lanes(_mm_setr_epi32(16, 16, 32, 32), (unsigned)i->imm);

	d = _mm_and_si128(d, in);
	s = _mm_and_si128(s, in);
	xm_begin(c);
	__asm__ volatile("mulpd %1,%0" : "+x"(d) : "x"(s));
	xm_end(c, i, d, XM_PD);
	step(c, i, d, XM_PD, 1);
}
#define DO_DP(name, src)                                                       \
	__m128i s = src, d = xget(c, i->reg);                                  \
	if (strict)                                                            \
		steps_##name(c, i, d, s);                                      \
	xset(c, i->reg, do_##name(d, s, (unsigned)i->imm))
#define DP(name)                                                               \
	STRICT_REG(name##_r, DO_DP(name, xget(c, i->rm)))                      \
	STRICT_LOAD(name##_m, a, DO_DP(name, v))                               \
	handler *const x_##name##_vwi[8] = RM(name##_r, name##_m);
DP(dpps)
DP(dppd)

/* ---- comparisons into EFLAGS ---- */

#define DO_COMI(name, src)                                                     \
	__m128i s = src;                                                       \
	uint16_t cc;                                                           \
	if (strict)                                                            \
		xm_begin(c);                                                   \
	__asm__ volatile(#name " %2,%1\n\tlahf\n\tseto %%al"                   \
			 : "=a"(cc)                                            \
			 : "x"(xget(c, i->reg)), "x"(s)                        \
			 : "cc");                                              \
	if (strict)                                                            \
		xm_end(c, i, s, XM_NONE);                                      \
	c->cc = cc
#define COMI(name, how, load)                                                  \
	STRICT_REG(name##_r, DO_COMI(name, xget(c, i->rm)))                    \
	STRICT_LOAD(name##_m, how, DO_COMI(name, load))                        \
	handler *const x_##name##_vw[8] = RM(name##_r, name##_m);
COMI(ucomiss, d, v32(v))
COMI(comiss, d, v32(v))
COMI(ucomisd, q, v64(v))
COMI(comisd, q, v64(v))
