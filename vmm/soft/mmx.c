/* SPDX-License-Identifier: MIT */
/*
 * MMX (Intel SDM vol. 1, ch. 9; vol. 3A, ch. 12). An MMX register is the low 64
 * bits of a physical x87 register; writing it sets the other 16 to ones, and
 * every MMX instruction makes all of the stack valid with TOP 0. The arithmetic
 * is done by the SSE forms on 64 bits, which leaves the host's x87 alone.
 */
#include "vmm/soft/x87.h"

/* What follows is fn_do(d, s), s from a register or memory. */
#define MMX_PAIR(fn, array) MMX_PAIR_OF(fn, array, q)
#define MMX_DO(fn, s)                                                          \
	mset(c, i->reg, fn##_do(mget(c, i->reg), s));                          \
	mmx_touch(c)
#define MMX_PAIR_OF(fn, array, how)                                            \
	static INLINE uint64_t fn##_do(uint64_t d, uint64_t s);                \
	FP_REG(fn##_r, mmx, MMX_DO(fn, mget(c, i->rm)))                        \
	FP_LOAD(fn##_m, mmx, how, MMX_DO(fn, v))                               \
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
	MMX_PAIR_OF(name, x_##name##_pq, d)                                    \
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

#define DO(name)                                                               \
	__m128i d = v64(mget(c, i->rm));                                       \
	__asm__(#name " %1,%0" : "+x"(d) : "x"(v64(i->imm & 0xff)));           \
	mset(c, i->rm, lo64(d));                                               \
	mmx_touch(c)
#define OP(name)                                                               \
	FP_REG(name##_i, mmx, DO(name))                                        \
	handler *const x_##name##_ni[8] = REG_ONLY(name##_i);
SSE_SHIFT_IMM(OP)
#undef OP

/* ---- moves ---- */

#define TO(v)                                                                  \
	mset(c, i->reg, v);                                                    \
	mmx_touch(c)
FP_REG(movd_pr, mmx, TO((uint32_t)*gpr_of(c, i->rm)))
FP_REG(movd_pr64, mmx, TO(*gpr_of(c, i->rm)))
FP_LOAD(movd_pm, mmx, d, TO(v))
FP_LOAD(movq_pm, mmx, q, TO(v))
FP_REG(movq_pp, mmx, TO(mget(c, i->rm)))
FP_REG(movq_pp_back, mmx, mset(c, i->rm, mget(c, i->reg)); mmx_touch(c))

#define FROM(v)                                                                \
	*gpr_of(c, i->rm) = v;                                                 \
	mmx_touch(c)
FP_REG(movd_rp, mmx, FROM((uint32_t)mget(c, i->reg)))
FP_REG(movd_rp64, mmx, FROM(mget(c, i->reg)))
FP_STORE(movd_mp, mmx, d, mget(c, i->reg), mmx_touch(c))
FP_STORE(movq_mp, mmx, q, mget(c, i->reg), mmx_touch(c))
handler *const x_movd_pe[8] = RM2(movd_pr, movd_pr64, movd_pm, movq_pm);
handler *const x_movd_ep[8] = RM2(movd_rp, movd_rp64, movd_mp, movq_mp);
handler *const x_movq_pq[8] = RM(movq_pp, movq_pm);
handler *const x_movq_qp[8] = RM(movq_pp_back, movq_mp);

static INLINE uint64_t
insert(uint64_t d, uint64_t v, uint64_t lane)
{
	unsigned at = 16 * (lane & 3);

	return (d & ~(0xffffull << at)) | (v & 0xffff) << at;
}
FP_REG(pinsrw_r, mmx, TO(insert(mget(c, i->reg), *gpr_of(c, i->rm), i->imm)))
FP_LOAD(pinsrw_m, mmx, w, TO(insert(mget(c, i->reg), v, i->imm)))
handler *const x_pinsrw_pei[8] = RM(pinsrw_r, pinsrw_m);

#define GIVE(v)                                                                \
	*gpr_of(c, i->reg) = v;                                                \
	mmx_touch(c)
FP_REG(pextrw, mmx, GIVE((uint16_t)(mget(c, i->rm) >> 16 * (i->imm & 3))))
FP_REG(pmovmskb, mmx,
	GIVE((uint32_t)_mm_movemask_epi8(v64(mget(c, i->rm))) & 0xff))
handler *const x_pextrw_gni[8] = REG_ONLY(pextrw);
handler *const x_pmovmskb_gn[8] = REG_ONLY(pmovmskb);

/* These are of both units. */
FP_REG(movq2dq, sse, mmx_ready(c, i); xset(c, i->reg, v64(mget(c, i->rm)));
	mmx_touch(c))
FP_REG(movdq2q, sse, mmx_ready(c, i); TO(xget64(c, i->rm, 0)))
handler *const x_movq2dq_vn[8] = REG_ONLY(movq2dq);
handler *const x_movdq2q_pu[8] = REG_ONLY(movdq2q);

FP_REG(emms, mmx, mmx_touch(c); c->ftw = 0)
handler *const x_emms_z[8] = ALL8(emms);
