/* SPDX-License-Identifier: MIT */
/*
 * SSE instructions that move lanes about: shuffles, blends, byte shifts,
 * inserts and extracts, with PTEST and MPSADBW (Intel SDM vol. 2). An
 * immediate selects at run time what the host's instructions want as a
 * constant, so most are lane copies here.
 */
#include "vmm/soft/x87.h"

/* What follows is fn_do(c, i, s), s from a register or aligned memory. */
#define BOTH(fn, array)                                                        \
	static INLINE void fn##_do(                                            \
		struct cpu *c, const struct insn *i, __m128i s);               \
	FP_REG(fn##_r, sse, fn##_do(c, i, xget(c, i->rm)))                     \
	FP_LOAD(fn##_m, sse, a, fn##_do(c, i, v))                              \
	handler *const array[8] = RM(fn##_r, fn##_m);                          \
	static INLINE void fn##_do(                                            \
		struct cpu *c, const struct insn *i, __m128i s)

static INLINE uint32_t
lane32(__m128i v, unsigned n)
{
	uint32_t d[4];

	memcpy(d, &v, 16);
	return d[n & 3];
}
static INLINE uint64_t
lane64(__m128i v, unsigned n)
{
	return n & 1 ? lo64(_mm_unpackhi_epi64(v, v)) : lo64(v);
}
/* Four words of q picked by an immediate's four 2-bit fields. */
static INLINE uint64_t
words(uint64_t q, unsigned imm)
{
	return (q >> (imm & 3) * 16 & 0xffff) |
	       (q >> (imm >> 2 & 3) * 16 & 0xffff) << 16 |
	       (q >> (imm >> 4 & 3) * 16 & 0xffff) << 32 |
	       (q >> (imm >> 6 & 3) * 16 & 0xffff) << 48;
}

/* ---- shuffles ---- */

BOTH(pshufd, x_pshufd_vwi)
{
	unsigned m = (unsigned)i->imm;

	xset(c, i->reg,
		_mm_setr_epi32((int)lane32(s, m), (int)lane32(s, m >> 2),
			(int)lane32(s, m >> 4), (int)lane32(s, m >> 6)));
}
BOTH(shufps, x_shufps_vwi)
{
	unsigned m = (unsigned)i->imm;
	__m128i d = xget(c, i->reg);

	xset(c, i->reg,
		_mm_setr_epi32((int)lane32(d, m), (int)lane32(d, m >> 2),
			(int)lane32(s, m >> 4), (int)lane32(s, m >> 6)));
}
BOTH(shufpd, x_shufpd_vwi)
{
	__m128i d = xget(c, i->reg);

	xset(c, i->reg,
		_mm_unpacklo_epi64(v64(lane64(d, i->imm & 1)),
			v64(lane64(s, i->imm >> 1 & 1))));
}
BOTH(pshuflw, x_pshuflw_vwi)
{
	xset(c, i->reg,
		_mm_unpacklo_epi64(v64(words(lo64(s), (unsigned)i->imm)),
			_mm_unpackhi_epi64(s, s)));
}
BOTH(pshufhw, x_pshufhw_vwi)
{
	xset(c, i->reg,
		_mm_unpacklo_epi64(
			s, v64(words(lane64(s, 1), (unsigned)i->imm))));
}

#define PSHUFW(s)                                                              \
	mset(c, i->reg, words(s, (unsigned)i->imm));                           \
	mmx_touch(c)
FP_REG(pshufw_r, mmx, PSHUFW(mget(c, i->rm)))
FP_LOAD(pshufw_m, mmx, q, PSHUFW(v))
handler *const x_pshufw_pqi[8] = RM(pshufw_r, pshufw_m);

/* ---- byte shifts ---- */

static INLINE unsigned
at_most(uint64_t imm, unsigned n)
{
	return (imm & 0xff) < n ? (unsigned)imm & 0xff : n;
}

#define SLIDE(way)                                                             \
	xset(c, i->rm, slide_##way(xget(c, i->rm), at_most(i->imm, 16)))
FP_REG(psrldq, sse, SLIDE(right))
FP_REG(pslldq, sse, SLIDE(left))
handler *const x_psrldq_ui[8] = REG_ONLY(psrldq);
handler *const x_pslldq_ui[8] = REG_ONLY(pslldq);

BOTH(palignr, x_palignr_vwi)
{
	unsigned n = at_most(i->imm, 32);
	__m128i d = xget(c, i->reg);

	if (n <= 16)
		d = _mm_or_si128(slide_right(s, n), slide_left(d, 16 - n));
	else
		d = slide_right(d, n - 16);
	xset(c, i->reg, d);
}

static INLINE uint64_t
palignr64(uint64_t d, uint64_t s, uint64_t imm)
{
	return lo64(slide_right(
		_mm_unpacklo_epi64(v64(s), v64(d)), at_most(imm, 16)));
}
#define PALIGNR(s)                                                             \
	mset(c, i->reg, palignr64(mget(c, i->reg), s, i->imm));                \
	mmx_touch(c)
FP_REG(palignr64_r, mmx, PALIGNR(mget(c, i->rm)))
FP_LOAD(palignr64_m, mmx, q, PALIGNR(v))
handler *const x_palignr_pqi[8] = RM(palignr64_r, palignr64_m);

/* ---- blends: where the mask's lane has bits, the source ---- */

static INLINE __m128i
pick(__m128i d, __m128i s, __m128i mask)
{
	return _mm_or_si128(_mm_and_si128(mask, s), _mm_andnot_si128(mask, d));
}

BOTH(blendps, x_blendps_vwi)
{
	const __m128i bit = _mm_setr_epi32(1, 2, 4, 8);
	__m128i m = _mm_and_si128(_mm_set1_epi32((int)i->imm), bit);

	xset(c, i->reg, pick(xget(c, i->reg), s, _mm_cmpeq_epi32(m, bit)));
}
BOTH(blendpd, x_blendpd_vwi)
{
	const __m128i bit = _mm_setr_epi32(1, 1, 2, 2);
	__m128i m = _mm_and_si128(_mm_set1_epi32((int)i->imm), bit);

	xset(c, i->reg, pick(xget(c, i->reg), s, _mm_cmpeq_epi32(m, bit)));
}
BOTH(pblendw, x_pblendw_vwi)
{
	const __m128i bit = _mm_setr_epi16(1, 2, 4, 8, 16, 32, 64, 128);
	__m128i m = _mm_and_si128(_mm_set1_epi16((short)i->imm), bit);

	xset(c, i->reg, pick(xget(c, i->reg), s, _mm_cmpeq_epi16(m, bit)));
}
BOTH(blendvps, x_blendvps_vw)
{
	__m128i m = _mm_srai_epi32(xget(c, 0), 31);

	xset(c, i->reg, pick(xget(c, i->reg), s, m));
}
BOTH(blendvpd, x_blendvpd_vw)
{
	__m128i m = _mm_srai_epi32(xget(c, 0), 31);

	m = _mm_shuffle_epi32(m, 0xf5);
	xset(c, i->reg, pick(xget(c, i->reg), s, m));
}
BOTH(pblendvb, x_pblendvb_vw)
{
	__m128i m = _mm_cmpgt_epi8(_mm_setzero_si128(), xget(c, 0));

	xset(c, i->reg, pick(xget(c, i->reg), s, m));
}

/* ---- one lane ---- */

static INLINE void
insertps(struct cpu *c, const struct insn *i, uint32_t v)
{
	unsigned m = (unsigned)i->imm, k;

	xset32(c, i->reg, m >> 4 & 3, v);
	for (k = 0; k < 4; k++)
		if (m >> k & 1)
			xset32(c, i->reg, k, 0);
}
FP_REG(insertps_r, sse, insertps(c, i, xget32(c, i->rm, i->imm >> 6 & 3)))
FP_LOAD(insertps_m, sse, d, insertps(c, i, v))
handler *const x_insertps_vwi[8] = RM(insertps_r, insertps_m);

/* Lanes of a type, counted modulo how many there are. */
#define LANES(how)                                                             \
	static INLINE void lane_set_##how(                                     \
		struct cpu *c, unsigned reg, uint64_t n, TYPE_##how v)         \
	{                                                                      \
		n &= 16 / sizeof(v) - 1;                                       \
		memcpy(c->xmm[reg] + n * sizeof(v), &v, sizeof(v));            \
	}                                                                      \
	static INLINE TYPE_##how lane_get_##how(                               \
		struct cpu *c, unsigned reg, uint64_t n)                       \
	{                                                                      \
		TYPE_##how v;                                                  \
		n &= 16 / sizeof(v) - 1;                                       \
		memcpy(&v, c->xmm[reg] + n * sizeof(v), sizeof(v));            \
		return v;                                                      \
	}
LANES(b)
LANES(w)
LANES(d)
LANES(q)

#define LANE(fn, how)                                                          \
	FP_REG(pins##fn##_r, sse,                                              \
		lane_set_##how(                                                \
			c, i->reg, i->imm, (TYPE_##how) * gpr_of(c, i->rm)))   \
	FP_LOAD(pins##fn##_m, sse, how, lane_set_##how(c, i->reg, i->imm, v))  \
	FP_REG(pext##fn##_r, sse,                                              \
		*gpr_of(c, i->rm) = lane_get_##how(c, i->reg, i->imm))         \
	FP_STORE(pext##fn##_m, sse, how, lane_get_##how(c, i->reg, i->imm), )
LANE(rb, b)
LANE(rw, w)
LANE(rd, d)
LANE(rq, q)
handler *const x_pinsrb_vei[8] = RM(pinsrb_r, pinsrb_m);
handler *const x_pinsrw_vei[8] = RM(pinsrw_r, pinsrw_m);
handler *const x_pinsrd_vei[8] = RM2(pinsrd_r, pinsrq_r, pinsrd_m, pinsrq_m);
handler *const x_pextrb_evi[8] = RM(pextrb_r, pextrb_m);
handler *const x_pextrw_evi[8] = RM(pextrw_r, pextrw_m);
handler *const x_pextrd_evi[8] = RM2(pextrd_r, pextrq_r, pextrd_m, pextrq_m);
handler *const x_extractps_evi[8] = RM(pextrd_r, pextrd_m);

/* The old PEXTRW: its general register is reg, not rm. */
FP_REG(pextrw_gu, sse, *gpr_of(c, i->reg) = lane_get_w(c, i->rm, i->imm))
handler *const x_pextrw_gui[8] = REG_ONLY(pextrw_gu);

/* ---- sums and tests ---- */

static NOINLINE __m128i
mpsadbw(__m128i d, __m128i s, unsigned imm)
{
#define CASE(n)                                                                \
	case n:                                                                \
		__asm__("mpsadbw $" #n ",%1,%0" : "+x"(d) : "x"(s));           \
		break;
	switch (imm & 7) {
		CASE(0)
		CASE(1)
		CASE(2)
		CASE(3)
		CASE(4)
		CASE(5)
		CASE(6)
		CASE(7)
	}
#undef CASE
	return d;
}
BOTH(mpsadbw, x_mpsadbw_vwi)
{
	xset(c, i->reg, mpsadbw(xget(c, i->reg), s, (unsigned)i->imm));
}

BOTH(ptest, x_ptest_vw)
{
	uint16_t cc;

	__asm__("ptest %2,%1\n\tlahf\n\tseto %%al"
		: "=a"(cc)
		: "x"(xget(c, i->reg)), "x"(s)
		: "cc");
	c->cc = cc;
}
