/* SPDX-License-Identifier: MIT */
/*
 * MMX (Intel SDM vol. 1, ch. 9; vol. 3A, ch. 12). An MMX register is the low 64
 * bits of a physical x87 register; writing it sets the other 16 to ones, and
 * every MMX instruction makes all of the stack valid with TOP 0. The arithmetic
 * is done by the SSE forms on 64 bits, which leaves the host's x87 alone.
 */
#include "vmm/soft/fp.h"

/* fn_do(d, s) with s from a register, or from bits of memory. */
#define MMX_PAIR(fn, array) MMX_PAIR_OF(fn, array, 64)
#define MMX_PAIR_OF(fn, array, bits)                                                  \
	static INLINE uint64_t fn##_do(uint64_t d, uint64_t s);                \
	static void fn##_r(struct cpu *c, const struct insn *i)                \
	{                                                                      \
		mmx_ready(c, i);                                               \
		mset(c, i->reg, fn##_do(mget(c, i->reg), mget(c, i->rm)));     \
		mmx_touch(c);                                                  \
		NEXT;                                                          \
	}                                                                      \
	static void fn##_m(struct cpu *c, const struct insn *i)                \
	{                                                                      \
		uint64_t s;                                                    \
		mmx_ready(c, i);                                               \
		s = ldm##bits(c, i);                                           \
		mset(c, i->reg, fn##_do(mget(c, i->reg), s));                  \
		mmx_touch(c);                                                  \
		NEXT;                                                          \
	}                                                                      \
	handler *const array[8] = RM(fn##_r, fn##_m);                          \
	static INLINE uint64_t fn##_do(uint64_t d, uint64_t s)

/* Lanes below 64 bits do not see those above. */
#define OP(name)                                                               \
	MMX_PAIR(name, x_##name##_pq)                                          \
	{                                                                      \
		__m128i v = v64(d);                                            \
		__asm__(#name " %1,%0" : "+x"(v) : "x"(v64(s)));               \
		return lo64(v);                                                \
	}
SSE_INT_MMX(OP)
#undef OP

#define OP(name)                                                               \
	MMX_PAIR_OF(name, x_##name##_pq, 32)                                   \
	{                                                                      \
		__m128i v = v64(d);                                            \
		__asm__(#name " %1,%0" : "+x"(v) : "x"(v64(s)));               \
		return lo64(v);                                                \
	}
SSE_INT_MMX_LOW(OP)
#undef OP

/* PUNPCKH of 64 bits is the upper half of PUNPCKL of 128. */
static INLINE uint64_t
hi64(__m128i v)
{
	return lo64(_mm_unpackhi_epi64(v, v));
}
MMX_PAIR(punpckhbw, x_punpckhbw_pq)
{
	return hi64(_mm_unpacklo_epi8(v64(d), v64(s)));
}
MMX_PAIR(punpckhwd, x_punpckhwd_pq)
{
	return hi64(_mm_unpacklo_epi16(v64(d), v64(s)));
}
MMX_PAIR(punpckhdq, x_punpckhdq_pq)
{
	return hi64(_mm_unpacklo_epi32(v64(d), v64(s)));
}

/* Those that put results from one operand below those from the other. */
#define OP(name)                                                               \
	MMX_PAIR(name, x_##name##_pq)                                          \
	{                                                                      \
		__m128i v = _mm_unpacklo_epi64(v64(d), v64(s));                \
		__asm__(#name " %0,%0" : "+x"(v));                             \
		return lo64(v);                                                \
	}
SSE_INT_MMX_PACK(OP)
#undef OP

MMX_PAIR(pshufb, x_pshufb_pq)
{
	return lo64(pshufb(v64(d), v64(s & 0x8787878787878787)));
}

#define OP(name)                                                               \
	static void name##_i(struct cpu *c, const struct insn *i)              \
	{                                                                      \
		__m128i d;                                                     \
		mmx_ready(c, i);                                               \
		d = v64(mget(c, i->rm));                                       \
		__asm__(#name " %1,%0" : "+x"(d) : "x"(v64(i->imm & 0xff)));   \
		mset(c, i->rm, lo64(d));                                       \
		mmx_touch(c);                                                  \
		NEXT;                                                          \
	}                                                                      \
	handler *const x_##name##_ni[8] = REG_ONLY(name##_i);
SSE_SHIFT_IMM(OP)
#undef OP

/* ---- moves ---- */

#define MMX_FN(fn)                                                             \
	static INLINE void fn##_do(struct cpu *c, const struct insn *i);       \
	static void fn(struct cpu *c, const struct insn *i)                    \
	{                                                                      \
		mmx_ready(c, i);                                               \
		fn##_do(c, i);                                                 \
		mmx_touch(c);                                                  \
		NEXT;                                                          \
	}                                                                      \
	static INLINE void fn##_do(struct cpu *c, const struct insn *i)
/* The same, of xmm registers too. */
#define MIXED_FN(fn)                                                           \
	static INLINE void fn##_do(struct cpu *c, const struct insn *i);       \
	static void fn(struct cpu *c, const struct insn *i)                    \
	{                                                                      \
		sse_ready(c, i);                                               \
		mmx_ready(c, i);                                               \
		fn##_do(c, i);                                                 \
		mmx_touch(c);                                                  \
		NEXT;                                                          \
	}                                                                      \
	static INLINE void fn##_do(struct cpu *c, const struct insn *i)

MMX_FN(movd_pr)
{
	mset(c, i->reg, (uint32_t)*gpr_of(c, i->rm));
}
MMX_FN(movd_pr64)
{
	mset(c, i->reg, *gpr_of(c, i->rm));
}
MMX_FN(movd_pm)
{
	mset(c, i->reg, ldm32(c, i));
}
MMX_FN(movq_pm)
{
	mset(c, i->reg, ldm64(c, i));
}
MMX_FN(movd_rp)
{
	*gpr_of(c, i->rm) = (uint32_t)mget(c, i->reg);
}
MMX_FN(movd_rp64)
{
	*gpr_of(c, i->rm) = mget(c, i->reg);
}
MMX_FN(movd_mp)
{
	st32(c, i, ea(c, i, 4, ACC_WRITE), (uint32_t)mget(c, i->reg));
}
MMX_FN(movq_mp)
{
	st64(c, i, ea(c, i, 8, ACC_WRITE), mget(c, i->reg));
}
MMX_FN(movq_pp)
{
	mset(c, i->reg, mget(c, i->rm));
}
MMX_FN(movq_pp_back)
{
	mset(c, i->rm, mget(c, i->reg));
}
handler *const x_movd_pe[8] = RM2(movd_pr, movd_pr64, movd_pm, movq_pm);
handler *const x_movd_ep[8] = RM2(movd_rp, movd_rp64, movd_mp, movq_mp);
handler *const x_movq_pq[8] = RM(movq_pp, movq_pm);
handler *const x_movq_qp[8] = RM(movq_pp_back, movq_mp);

MMX_FN(pinsrw_r)
{
	uint16_t v = (uint16_t)*gpr_of(c, i->rm);
	uint64_t d = mget(c, i->reg);

	memcpy((uint8_t *)&d + 2 * (i->imm & 3), &v, 2);
	mset(c, i->reg, d);
}
MMX_FN(pinsrw_m)
{
	uint16_t v = ld16(c, i, ea(c, i, 2, ACC_READ));
	uint64_t d = mget(c, i->reg);

	memcpy((uint8_t *)&d + 2 * (i->imm & 3), &v, 2);
	mset(c, i->reg, d);
}
MMX_FN(pextrw_gn)
{
	*gpr_of(c, i->reg) = (uint16_t)(mget(c, i->rm) >> 16 * (i->imm & 3));
}
MMX_FN(pmovmskb_gn)
{
	*gpr_of(c, i->reg) =
		(uint32_t)_mm_movemask_epi8(v64(mget(c, i->rm))) & 0xff;
}
handler *const x_pinsrw_pei[8] = RM(pinsrw_r, pinsrw_m);
handler *const x_pextrw_gni[8] = REG_ONLY(pextrw_gn);
handler *const x_pmovmskb_gn[8] = REG_ONLY(pmovmskb_gn);

MIXED_FN(movq2dq)
{
	xset(c, i->reg, v64(mget(c, i->rm)));
}
MIXED_FN(movdq2q)
{
	mset(c, i->reg, xget64(c, i->rm, 0));
}
handler *const x_movq2dq_vn[8] = REG_ONLY(movq2dq);
handler *const x_movdq2q_pu[8] = REG_ONLY(movdq2q);

static void
emms(struct cpu *c, const struct insn *i)
{
	mmx_ready(c, i);
	mmx_touch(c);
	c->ftw = 0;
	NEXT;
}
handler *const x_emms_z[8] = ALL8(emms);
