/* SPDX-License-Identifier: MIT */
/*
 * SSE instructions that move lanes about: shuffles, blends, byte shifts,
 * inserts and extracts, with PTEST and MPSADBW (Intel SDM vol. 2). An
 * immediate selects at run time what the host's instructions want as a
 * constant, so most are lane copies here.
 */
#include "vmm/soft/fp.h"

/* fn_do(c, i, s) with the source from a register, or from aligned memory. */
#define BOTH(fn, array)                                                        \
	static INLINE void fn##_do(                                            \
		struct cpu *c, const struct insn *i, __m128i s);               \
	static void fn##_r(struct cpu *c, const struct insn *i)                \
	{                                                                      \
		sse_ready(c, i);                                               \
		fn##_do(c, i, xget(c, i->rm));                                 \
		NEXT;                                                          \
	}                                                                      \
	static void fn##_m(struct cpu *c, const struct insn *i)                \
	{                                                                      \
		sse_ready(c, i);                                               \
		fn##_do(c, i, ld128a(c, i));                                   \
		NEXT;                                                          \
	}                                                                      \
	handler *const array[8] = RM(fn##_r, fn##_m);                          \
	static INLINE void fn##_do(                                            \
		struct cpu *c, const struct insn *i, __m128i s)

#define SSE_FN(fn)                                                             \
	static INLINE void fn##_do(struct cpu *c, const struct insn *i);       \
	static void fn(struct cpu *c, const struct insn *i)                    \
	{                                                                      \
		sse_ready(c, i);                                               \
		fn##_do(c, i);                                                 \
		NEXT;                                                          \
	}                                                                      \
	static INLINE void fn##_do(struct cpu *c, const struct insn *i)

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

static void
pshufw_r(struct cpu *c, const struct insn *i)
{
	mmx_ready(c, i);
	mset(c, i->reg, words(mget(c, i->rm), (unsigned)i->imm));
	mmx_touch(c);
	NEXT;
}
static void
pshufw_m(struct cpu *c, const struct insn *i)
{
	mmx_ready(c, i);
	mset(c, i->reg, words(ldm64(c, i), (unsigned)i->imm));
	mmx_touch(c);
	NEXT;
}
handler *const x_pshufw_pqi[8] = RM(pshufw_r, pshufw_m);

/* ---- byte shifts ---- */

static INLINE unsigned
at_most(uint64_t imm, unsigned n)
{
	return (imm & 0xff) < n ? (unsigned)imm & 0xff : n;
}

SSE_FN(psrldq)
{
	xset(c, i->rm, slide_right(xget(c, i->rm), at_most(i->imm, 16)));
}
SSE_FN(pslldq)
{
	xset(c, i->rm, slide_left(xget(c, i->rm), at_most(i->imm, 16)));
}
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
static void
palignr64_r(struct cpu *c, const struct insn *i)
{
	mmx_ready(c, i);
	mset(c, i->reg,
		palignr64(mget(c, i->reg), mget(c, i->rm), i->imm));
	mmx_touch(c);
	NEXT;
}
static void
palignr64_m(struct cpu *c, const struct insn *i)
{
	mmx_ready(c, i);
	mset(c, i->reg, palignr64(mget(c, i->reg), ldm64(c, i), i->imm));
	mmx_touch(c);
	NEXT;
}
handler *const x_palignr_pqi[8] = RM(palignr64_r, palignr64_m);

/* ---- blends: where the mask's lane has bits, the source ---- */

static INLINE __m128i
pick(__m128i d, __m128i s, __m128i mask)
{
	return _mm_or_si128(
		_mm_and_si128(mask, s), _mm_andnot_si128(mask, d));
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
SSE_FN(insertps_r)
{
	insertps(c, i, xget32(c, i->rm, i->imm >> 6 & 3));
}
SSE_FN(insertps_m)
{
	insertps(c, i, ldm32(c, i));
}
handler *const x_insertps_vwi[8] = RM(insertps_r, insertps_m);

#define INSERT(name, type, bits, lanes)                                        \
	SSE_FN(name##_r)                                                       \
	{                                                                      \
		type v = (type)*gpr_of(c, i->rm);                              \
		memcpy(c->xmm[i->reg] + sizeof(v) * (i->imm & (lanes - 1)),    \
			&v, sizeof(v));                                        \
	}                                                                      \
	SSE_FN(name##_m)                                                       \
	{                                                                      \
		type v = ld##bits(c, i, ea(c, i, sizeof(v), ACC_READ));        \
		memcpy(c->xmm[i->reg] + sizeof(v) * (i->imm & (lanes - 1)),    \
			&v, sizeof(v));                                        \
	}
#define EXTRACT(name, type, bits, lanes)                                       \
	SSE_FN(name##_r)                                                       \
	{                                                                      \
		type v;                                                        \
		memcpy(&v, c->xmm[i->reg] + sizeof(v) * (i->imm & (lanes - 1)),\
			sizeof(v));                                            \
		*gpr_of(c, i->rm) = v;                                         \
	}                                                                      \
	SSE_FN(name##_m)                                                       \
	{                                                                      \
		type v;                                                        \
		memcpy(&v, c->xmm[i->reg] + sizeof(v) * (i->imm & (lanes - 1)),\
			sizeof(v));                                            \
		st##bits(c, i, ea(c, i, sizeof(v), ACC_WRITE), v);             \
	}
INSERT(pinsrb, uint8_t, 8, 16)
INSERT(pinsrw, uint16_t, 16, 8)
INSERT(pinsrd, uint32_t, 32, 4)
INSERT(pinsrq, uint64_t, 64, 2)
EXTRACT(pextrb, uint8_t, 8, 16)
EXTRACT(pextrw, uint16_t, 16, 8)
EXTRACT(pextrd, uint32_t, 32, 4)
EXTRACT(pextrq, uint64_t, 64, 2)
handler *const x_pinsrb_vei[8] = RM(pinsrb_r, pinsrb_m);
handler *const x_pinsrw_vei[8] = RM(pinsrw_r, pinsrw_m);
handler *const x_pinsrd_vei[8] = RM2(pinsrd_r, pinsrq_r, pinsrd_m, pinsrq_m);
handler *const x_pextrb_evi[8] = RM(pextrb_r, pextrb_m);
handler *const x_pextrw_evi[8] = RM(pextrw_r, pextrw_m);
handler *const x_pextrd_evi[8] = RM2(pextrd_r, pextrq_r, pextrd_m, pextrq_m);
handler *const x_extractps_evi[8] = RM(pextrd_r, pextrd_m);

/* The old PEXTRW: its general register is reg, not rm. */
SSE_FN(pextrw_gu)
{
	uint16_t v;

	memcpy(&v, c->xmm[i->rm] + 2 * (i->imm & 7), 2);
	*gpr_of(c, i->reg) = v;
}
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
