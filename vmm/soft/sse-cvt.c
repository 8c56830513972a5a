/* SPDX-License-Identifier: MIT */
/*
 * SSE conversions between xmm and general or MMX registers (Intel SDM vol. 2).
 * Those with an MMX operand switch the x87 unit to MMX, except for CVTPI2PD
 * with a memory operand, and see its pending exceptions (#MF).
 */
#include "vmm/soft/x87.h"

/* ---- from general registers ---- */

#define FROM_INT(name, mod, src)                                               \
	uint64_t s = src;                                                      \
	__m128i d = xget(c, i->reg);                                           \
	if (strict)                                                            \
		xm_begin(c);                                                   \
	__asm__ volatile(#name " %" mod "1,%0" : "+x"(d) : "r"(s));            \
	if (strict)                                                            \
		xm_end(c, i, d, XM_NONE);                                      \
	xset(c, i->reg, d)
#define FROM_INT_ALL(name)                                                     \
	STRICT_REG(name##_r, FROM_INT(name##l, "k", *gpr_of(c, i->rm)))        \
	STRICT_REG(name##_rq, FROM_INT(name##q, "q", *gpr_of(c, i->rm)))       \
	STRICT_LOAD(name##_m, d, FROM_INT(name##l, "k", v))                    \
	STRICT_LOAD(name##_mq, q, FROM_INT(name##q, "q", v))                   \
	handler *const x_##name##_ve[8] =                                      \
		RM2(name##_r, name##_rq, name##_m, name##_mq);
FROM_INT_ALL(cvtsi2ss)
FROM_INT_ALL(cvtsi2sd)

/* ---- to general registers ---- */

#define TO_INT(name, mod, src)                                                 \
	__m128i s = src;                                                       \
	uint64_t d;                                                            \
	if (strict)                                                            \
		xm_begin(c);                                                   \
	__asm__ volatile(#name " %1,%" mod "0" : "=r"(d) : "x"(s));            \
	if (strict)                                                            \
		xm_end(c, i, s, XM_NONE);                                      \
	*gpr_of(c, i->reg) = d
#define TO_INT_ALL(name, how, load)                                            \
	STRICT_REG(name##_r, TO_INT(name, "k", xget(c, i->rm)))                \
	STRICT_REG(name##_rq, TO_INT(name, "q", xget(c, i->rm)))               \
	STRICT_LOAD(name##_m, how, TO_INT(name, "k", load))                    \
	STRICT_LOAD(name##_mq, how, TO_INT(name, "q", load))                   \
	handler *const x_##name##_gw[8] =                                      \
		RM2(name##_r, name##_rq, name##_m, name##_mq);
TO_INT_ALL(cvtss2si, d, v32(v))
TO_INT_ALL(cvttss2si, d, v32(v))
TO_INT_ALL(cvtsd2si, q, v64(v))
TO_INT_ALL(cvttsd2si, q, v64(v))

/* ---- MMX registers, by the forms that know xmm only ---- */

/* Rare by now: always strict, with the guards of both units. */
#define MIXED(fn, guard)                                                       \
	static NOINLINE void fn##_both(struct cpu *c, const struct insn *i)    \
	{                                                                      \
		sse_ready(c, i);                                               \
		guard(c, i);                                                   \
		fn##_do(c, i);                                                 \
	}                                                                      \
	static void fn(struct cpu *c, const struct insn *i)                    \
	{                                                                      \
		fn##_both(c, i);                                               \
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
	static INLINE void fn##_do(struct cpu *c, const struct insn *i)        \
	{                                                                      \
		__m128i d, s = v64(src);                                       \
		xm_begin(c);                                                   \
		__asm__ volatile(op " %1,%0" : "=x"(d) : "x"(s));              \
		xm_end(c, i, d, XM_NONE);                                      \
		if (whole)                                                     \
			xset(c, i->reg, d);                                    \
		else                                                           \
			xset64(c, i->reg, 0, lo64(d));                         \
		touch(c);                                                      \
	}                                                                      \
	MIXED(fn, guard)
FROM_MMX(cvtpi2ps_r, "cvtdq2ps", mget(c, i->rm), 0, mmx_ready, mmx_touch)
FROM_MMX(cvtpi2ps_m, "cvtdq2ps", slow_q(c, i), 0, mmx_ready, mmx_touch)
FROM_MMX(cvtpi2pd_r, "cvtdq2pd", mget(c, i->rm), 1, mmx_ready, mmx_touch)
FROM_MMX(cvtpi2pd_m, "cvtdq2pd", slow_q(c, i), 1, no_guard, no_touch)
handler *const x_cvtpi2ps_vq[8] = RM(cvtpi2ps_r, cvtpi2ps_m);
handler *const x_cvtpi2pd_vq[8] = RM(cvtpi2pd_r, cvtpi2pd_m);

#define TO_MMX(fn, op, src)                                                    \
	static INLINE void fn##_do(struct cpu *c, const struct insn *i)        \
	{                                                                      \
		__m128i d, s = src;                                            \
		xm_begin(c);                                                   \
		__asm__ volatile(op " %1,%0" : "=x"(d) : "x"(s));              \
		xm_end(c, i, d, XM_NONE);                                      \
		mset(c, i->reg, lo64(d));                                      \
		mmx_touch(c);                                                  \
	}                                                                      \
	MIXED(fn, mmx_ready)
TO_MMX(cvtps2pi_r, "cvtps2dq", v64(xget64(c, i->rm, 0)))
TO_MMX(cvtps2pi_m, "cvtps2dq", v64(slow_q(c, i)))
TO_MMX(cvttps2pi_r, "cvttps2dq", v64(xget64(c, i->rm, 0)))
TO_MMX(cvttps2pi_m, "cvttps2dq", v64(slow_q(c, i)))
TO_MMX(cvtpd2pi_r, "cvtpd2dq", xget(c, i->rm))
TO_MMX(cvtpd2pi_m, "cvtpd2dq", ld128a(c, i))
TO_MMX(cvttpd2pi_r, "cvttpd2dq", xget(c, i->rm))
TO_MMX(cvttpd2pi_m, "cvttpd2dq", ld128a(c, i))
handler *const x_cvtps2pi_pw[8] = RM(cvtps2pi_r, cvtps2pi_m);
handler *const x_cvttps2pi_pw[8] = RM(cvttps2pi_r, cvttps2pi_m);
handler *const x_cvtpd2pi_pw[8] = RM(cvtpd2pi_r, cvtpd2pi_m);
handler *const x_cvttpd2pi_pw[8] = RM(cvttpd2pi_r, cvttpd2pi_m);
