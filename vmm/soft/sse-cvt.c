/* SPDX-License-Identifier: MIT */
/*
 * SSE conversions between xmm and general or MMX registers (Intel SDM vol. 2).
 * Those with an MMX operand switch the x87 unit to MMX, except for CVTPI2PD
 * with a memory operand, and see its pending exceptions (#MF).
 */
#include "vmm/soft/fp.h"

/* ---- from general registers ---- */

#define FROM_INT(fn, name, mod, kind, src)                                     \
	static INLINE void fn##_do(                                            \
		struct cpu *c, const struct insn *i, bool strict)              \
	{                                                                      \
		uint64_t s = src;                                              \
		__m128i d = xget(c, i->reg);                                   \
		if (strict)                                                    \
			xm_begin(c);                                           \
		__asm__ volatile(#name " %" mod "1,%0" : "+x"(d) : "r"(s));    \
		if (strict)                                                    \
			xm_end(c, i, d, kind);                                 \
		xset(c, i->reg, d);                                            \
	}                                                                      \
	STRICT_PAIR(fn)
#define FROM_INT_ALL(name)                                                     \
	FROM_INT(name##_r, name##l, "k", XM_NONE, *gpr_of(c, i->rm))           \
	FROM_INT(name##_rq, name##q, "q", XM_NONE, *gpr_of(c, i->rm))          \
	FROM_INT(name##_m, name##l, "k", XM_NONE, ldm32(c, i))                 \
	FROM_INT(name##_mq, name##q, "q", XM_NONE, ldm64(c, i))                \
	handler *const x_##name##_ve[8] =                                      \
		RM2(name##_r, name##_rq, name##_m, name##_mq);
FROM_INT_ALL(cvtsi2ss)
FROM_INT_ALL(cvtsi2sd)

/* ---- to general registers ---- */

#define TO_INT(fn, name, mod, src)                                             \
	static INLINE void fn##_do(                                            \
		struct cpu *c, const struct insn *i, bool strict)              \
	{                                                                      \
		__m128i s = src;                                               \
		uint64_t d;                                                    \
		if (strict)                                                    \
			xm_begin(c);                                           \
		__asm__ volatile(#name " %1,%" mod "0" : "=r"(d) : "x"(s));    \
		if (strict)                                                    \
			xm_end(c, i, s, XM_NONE);                              \
		*gpr_of(c, i->reg) = d;                                        \
	}                                                                      \
	STRICT_PAIR(fn)
#define TO_INT_ALL(name, load)                                                 \
	TO_INT(name##_r, name, "k", xget(c, i->rm))                            \
	TO_INT(name##_rq, name, "q", xget(c, i->rm))                           \
	TO_INT(name##_m, name, "k", load)                                      \
	TO_INT(name##_mq, name, "q", load)                                     \
	handler *const x_##name##_gw[8] =                                      \
		RM2(name##_r, name##_rq, name##_m, name##_mq);
TO_INT_ALL(cvtss2si, v32(ldm32(c, i)))
TO_INT_ALL(cvttss2si, v32(ldm32(c, i)))
TO_INT_ALL(cvtsd2si, v64(ldm64(c, i)))
TO_INT_ALL(cvttsd2si, v64(ldm64(c, i)))

/* ---- MMX registers, by the forms that know xmm only ---- */

/* Guard, and strictness, of what touches both units. */
#define MIXED_PAIR(fn, guard)                                                  \
	static NOINLINE void fn##_strict(struct cpu *c, const struct insn *i)  \
	{                                                                      \
		fn##_do(c, i, true);                                           \
	}                                                                      \
	static void fn(struct cpu *c, const struct insn *i)                    \
	{                                                                      \
		sse_ready(c, i);                                               \
		guard(c, i);                                                   \
		if (unlikely(c->mxcsr_unmasked))                               \
			fn##_strict(c, i);                                     \
		else                                                           \
			fn##_do(c, i, false);                                  \
		NEXT;                                                          \
	}

static INLINE void
no_guard(struct cpu *c, const struct insn *i)
{
	(void)c;
	(void)i;
}
static INLINE void
no_touch(struct cpu *c)
{
	(void)c;
}

#define FROM_MMX(fn, op, src, whole, guard, touch)                             \
	static INLINE void fn##_do(                                            \
		struct cpu *c, const struct insn *i, bool strict)              \
	{                                                                      \
		__m128i d, s = v64(src);                                       \
		if (strict)                                                    \
			xm_begin(c);                                           \
		__asm__ volatile(op " %1,%0" : "=x"(d) : "x"(s));              \
		if (strict)                                                    \
			xm_end(c, i, d, XM_NONE);                              \
		if (whole)                                                     \
			xset(c, i->reg, d);                                    \
		else                                                           \
			xset64(c, i->reg, 0, lo64(d));                         \
		touch(c);                                                      \
	}                                                                      \
	MIXED_PAIR(fn, guard)
FROM_MMX(cvtpi2ps_r, "cvtdq2ps", mget(c, i->rm), 0, mmx_ready, mmx_touch)
FROM_MMX(cvtpi2ps_m, "cvtdq2ps", ldm64(c, i), 0, mmx_ready, mmx_touch)
FROM_MMX(cvtpi2pd_r, "cvtdq2pd", mget(c, i->rm), 1, mmx_ready, mmx_touch)
FROM_MMX(cvtpi2pd_m, "cvtdq2pd", ldm64(c, i), 1, no_guard, no_touch)
handler *const x_cvtpi2ps_vq[8] = RM(cvtpi2ps_r, cvtpi2ps_m);
handler *const x_cvtpi2pd_vq[8] = RM(cvtpi2pd_r, cvtpi2pd_m);

#define TO_MMX(fn, op, src)                                                    \
	static INLINE void fn##_do(                                            \
		struct cpu *c, const struct insn *i, bool strict)              \
	{                                                                      \
		__m128i d, s = src;                                            \
		if (strict)                                                    \
			xm_begin(c);                                           \
		__asm__ volatile(op " %1,%0" : "=x"(d) : "x"(s));              \
		if (strict)                                                    \
			xm_end(c, i, d, XM_NONE);                              \
		mset(c, i->reg, lo64(d));                                      \
		mmx_touch(c);                                                  \
	}                                                                      \
	MIXED_PAIR(fn, mmx_ready)
TO_MMX(cvtps2pi_r, "cvtps2dq", v64(xget64(c, i->rm, 0)))
TO_MMX(cvtps2pi_m, "cvtps2dq", v64(ldm64(c, i)))
TO_MMX(cvttps2pi_r, "cvttps2dq", v64(xget64(c, i->rm, 0)))
TO_MMX(cvttps2pi_m, "cvttps2dq", v64(ldm64(c, i)))
TO_MMX(cvtpd2pi_r, "cvtpd2dq", xget(c, i->rm))
TO_MMX(cvtpd2pi_m, "cvtpd2dq", ld128a(c, i))
TO_MMX(cvttpd2pi_r, "cvttpd2dq", xget(c, i->rm))
TO_MMX(cvttpd2pi_m, "cvttpd2dq", ld128a(c, i))
handler *const x_cvtps2pi_pw[8] = RM(cvtps2pi_r, cvtps2pi_m);
handler *const x_cvttps2pi_pw[8] = RM(cvttps2pi_r, cvttps2pi_m);
handler *const x_cvtpd2pi_pw[8] = RM(cvtpd2pi_r, cvtpd2pi_m);
handler *const x_cvttpd2pi_pw[8] = RM(cvttpd2pi_r, cvttpd2pi_m);
