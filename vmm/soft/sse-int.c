/* SPDX-License-Identifier: MIT */
/*
 * SSE instructions that compute on integers or bits and raise no flags
 * (Intel SDM vol. 2): "op xmm, xmm/m128" and shifts by an immediate. Each is
 * the host's own instruction.
 */
#include "vmm/soft/fp.h"

#define DO(name, s)                                                            \
	__m128i d = xget(c, i->reg);                                           \
	__asm__(#name " %1,%0" : "+x"(d) : "x"(s));                            \
	xset(c, i->reg, d)
#define OP(name)                                                               \
	FP_REG(name##_r, sse, DO(name, xget(c, i->rm)))                        \
	FP_LOAD(name##_m, sse, a, DO(name, v))                                 \
	handler *const x_##name##_vw[8] = RM(name##_r, name##_m);
SSE_INT(OP)
#undef OP
#undef DO

/* The count in a register means the same as in the immediate. */
#define DO(name)                                                               \
	__m128i d = xget(c, i->rm);                                            \
	__asm__(#name " %1,%0" : "+x"(d) : "x"(v64(i->imm & 0xff)));           \
	xset(c, i->rm, d)
#define OP(name)                                                               \
	FP_REG(name##_i, sse, DO(name))                                        \
	handler *const x_##name##_ui[8] = REG_ONLY(name##_i);
SSE_SHIFT_IMM(OP)
#undef OP
#undef DO

#define DO(name, s)                                                            \
	__m128i d;                                                             \
	__asm__(#name " %1,%0" : "=x"(d) : "x"(s));                            \
	xset(c, i->reg, d)
#define OP(name, how)                                                          \
	FP_REG(name##_r, sse, DO(name, xget(c, i->rm)))                        \
	FP_LOAD(name##_m, sse, how, DO(name, v64(v)))                          \
	handler *const x_##name##_vw[8] = RM(name##_r, name##_m);
SSE_PMOVX(OP)
