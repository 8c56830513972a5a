/* SPDX-License-Identifier: MIT */
/*
 * SSE instructions that compute on integers or bits and raise no flags
 * (Intel SDM vol. 2): "op xmm, xmm/m128" and shifts by an immediate. Each is
 * the host's own instruction.
 */
#include "vmm/soft/fp.h"

#define OP(name)                                                               \
	static void name##_r(struct cpu *c, const struct insn *i)              \
	{                                                                      \
		__m128i d;                                                     \
		sse_ready(c, i);                                               \
		d = xget(c, i->reg);                                           \
		__asm__(#name " %1,%0" : "+x"(d) : "x"(xget(c, i->rm)));       \
		xset(c, i->reg, d);                                            \
		NEXT;                                                          \
	}                                                                      \
	static void name##_m(struct cpu *c, const struct insn *i)              \
	{                                                                      \
		__m128i d, s;                                                  \
		sse_ready(c, i);                                               \
		s = ld128a(c, i);                                              \
		d = xget(c, i->reg);                                           \
		__asm__(#name " %1,%0" : "+x"(d) : "x"(s));                    \
		xset(c, i->reg, d);                                            \
		NEXT;                                                          \
	}                                                                      \
	handler *const x_##name##_vw[8] = RM(name##_r, name##_m);
SSE_INT(OP)
#undef OP

/* The count in a register means the same as in the immediate. */
#define OP(name)                                                               \
	static void name##_i(struct cpu *c, const struct insn *i)              \
	{                                                                      \
		__m128i d;                                                     \
		sse_ready(c, i);                                               \
		d = xget(c, i->rm);                                            \
		__asm__(#name " %1,%0" : "+x"(d) : "x"(v64(i->imm & 0xff)));   \
		xset(c, i->rm, d);                                             \
		NEXT;                                                          \
	}                                                                      \
	handler *const x_##name##_ui[8] = REG_ONLY(name##_i);
SSE_SHIFT_IMM(OP)
#undef OP

#define OP(name, n)                                                            \
	static void name##_r(struct cpu *c, const struct insn *i)              \
	{                                                                      \
		__m128i d;                                                     \
		sse_ready(c, i);                                               \
		__asm__(#name " %1,%0" : "=x"(d) : "x"(xget(c, i->rm)));       \
		xset(c, i->reg, d);                                            \
		NEXT;                                                          \
	}                                                                      \
	static void name##_m(struct cpu *c, const struct insn *i)              \
	{                                                                      \
		__m128i d;                                                     \
		sse_ready(c, i);                                               \
		__asm__(#name " %1,%0"                                         \
			: "=x"(d)                                              \
			: "x"(v64(ld_n(c, i, ea(c, i, n, ACC_READ), n))));     \
		xset(c, i->reg, d);                                            \
		NEXT;                                                          \
	}                                                                      \
	handler *const x_##name##_vw[8] = RM(name##_r, name##_m);
SSE_PMOVX(OP)
#undef OP
