/* SPDX-License-Identifier: MIT */
/*
 * x87 arithmetic and comparisons (Intel SDM vol. 1, 8.3.5 to 8.3.6). The
 * operands go to the host's stack, the instruction is the guest's own, and the
 * result comes back: while all exceptions are masked and the registers valid.
 * The rest, and all transcendentals, go to fpu-native.c.
 */
#include "vmm/soft/fp.h"

struct st80 {
	uint8_t b[10];
};

static INLINE struct st80 *
st80(uint8_t *p)
{
	return (struct st80 *)(void *)p;
}
static INLINE bool
both_valid(const struct cpu *c, unsigned k)
{
	return st_valid(c, 0) && st_valid(c, k);
}

/* ---- two operands ---- */

/* a = a op b, for the register at a. */
#define ARITH_ASM(op, a, b)                                                    \
	__asm__ volatile("fldt %2\n\tfldt %1\n\t" op " %%st(1),%%st\n\t"       \
			 "fnstsw %%ax\n\tfstpt %1\n\tfstp %%st(0)"             \
		: "=a"(sw), "+m"(*st80(a))                                     \
		: "m"(*st80(b)))

#define ARITH_REG(fn, op, dst, src, pop)                                       \
	static void fn(struct cpu *c, const struct insn *i)                    \
	{                                                                      \
		unsigned k = i->modrm & 7;                                     \
		uint16_t sw;                                                   \
		x87_ready(c, i);                                               \
		if (likely(x87_quiet(c) && both_valid(c, k))) {                \
			ARITH_ASM(op, st_at(c, dst), st_at(c, src));           \
			x87_status(c, sw, FSW_C1);                             \
			if (pop)                                               \
				x87_pop(c);                                    \
		} else {                                                       \
			x87_slow(c, i);                                        \
		}                                                              \
		x87_note(c, i);                                                \
		NEXT;                                                          \
	}
#define ARITH_MEM(fn, op, type, bits)                                          \
	static void fn(struct cpu *c, const struct insn *i)                    \
	{                                                                      \
		type v;                                                        \
		uint16_t sw;                                                   \
		x87_ready(c, i);                                               \
		v = (type)ld##bits(c, i, ea(c, i, bits / 8, ACC_READ));        \
		if (likely(x87_quiet(c) && st_valid(c, 0))) {                  \
			__asm__ volatile("fldt %1\n\t" op " %2\n\t"            \
					 "fnstsw %%ax\n\tfstpt %1"             \
				: "=a"(sw), "+m"(*st80(st_at(c, 0)))           \
				: "m"(v));                                     \
			x87_status(c, sw, FSW_C1);                             \
		} else {                                                       \
			x87_slow_load(c, i, v);                                \
		}                                                              \
		x87_note_mem(c, i);                                            \
		NEXT;                                                          \
	}
#define ARITH(name, verb)                                                      \
	ARITH_REG(name##_0, "f" verb, 0, k, false)                             \
	ARITH_REG(name##_k, "f" verb, k, 0, false)                             \
	ARITH_REG(name##_kp, "f" verb, k, 0, true)                             \
	ARITH_MEM(name##_f32, "f" verb "s", uint32_t, 32)                      \
	ARITH_MEM(name##_f64, "f" verb "l", uint64_t, 64)                      \
	ARITH_MEM(name##_i16, "fi" verb "s", uint16_t, 16)                     \
	ARITH_MEM(name##_i32, "fi" verb "l", uint32_t, 32)                     \
	handler *const x_##name##_st[8] = REG_ONLY(name##_0);                  \
	handler *const x_##name##_to[8] = REG_ONLY(name##_k);                  \
	handler *const x_##name##_pop[8] = REG_ONLY(name##_kp);                \
	handler *const x_##name##_m32[8] = MEM_ONLY(name##_f32);               \
	handler *const x_##name##_m64[8] = MEM_ONLY(name##_f64);               \
	handler *const x_##name##_mi16[8] = MEM_ONLY(name##_i16);              \
	handler *const x_##name##_mi32[8] = MEM_ONLY(name##_i32);
ARITH(fadd, "add")
ARITH(fmul, "mul")
ARITH(fsub, "sub")
ARITH(fsubr, "subr")
ARITH(fdiv, "div")
ARITH(fdivr, "divr")

/* ---- comparisons into the status word ---- */

#define COM_REG(fn, op, pops)                                                  \
	static void fn(struct cpu *c, const struct insn *i)                    \
	{                                                                      \
		unsigned k = i->modrm & 7;                                     \
		uint16_t sw;                                                   \
		x87_ready(c, i);                                               \
		if (likely(x87_quiet(c) && both_valid(c, k))) {                \
			__asm__ volatile("fldt %2\n\tfldt %1\n\t" op           \
					 " %%st(1)\n\tfnstsw %%ax\n\t"         \
					 "fstp %%st(0)\n\tfstp %%st(0)"        \
				: "=a"(sw)                                     \
				: "m"(*st80(st_at(c, 0))),                     \
				"m"(*st80(st_at(c, k))));                      \
			x87_status(c, sw, FSW_CC);                             \
			if (pops > 0)                                          \
				x87_pop(c);                                    \
			if (pops > 1)                                          \
				x87_pop(c);                                    \
		} else {                                                       \
			x87_slow(c, i);                                        \
		}                                                              \
		x87_note(c, i);                                                \
		NEXT;                                                          \
	}
COM_REG(fcom_0, "fcom", 0)
COM_REG(fcomp_0, "fcom", 1)
COM_REG(fcompp, "fcom", 2)
COM_REG(fucom_0, "fucom", 0)
COM_REG(fucomp_0, "fucom", 1)
COM_REG(fucompp, "fucom", 2)
handler *const x_fcom_st[8] = REG_ONLY(fcom_0);
handler *const x_fcomp_st[8] = REG_ONLY(fcomp_0);
handler *const x_fcompp_z[8] = REG_ONLY(fcompp);
handler *const x_fucom_st[8] = REG_ONLY(fucom_0);
handler *const x_fucomp_st[8] = REG_ONLY(fucomp_0);
handler *const x_fucompp_z[8] = REG_ONLY(fucompp);

#define COM_MEM(fn, op, type, bits, pop)                                       \
	static void fn(struct cpu *c, const struct insn *i)                    \
	{                                                                      \
		type v;                                                        \
		uint16_t sw;                                                   \
		x87_ready(c, i);                                               \
		v = (type)ld##bits(c, i, ea(c, i, bits / 8, ACC_READ));        \
		if (likely(x87_quiet(c) && st_valid(c, 0))) {                  \
			__asm__ volatile("fldt %1\n\t" op " %2\n\t"            \
					 "fnstsw %%ax\n\tfstp %%st(0)"         \
				: "=a"(sw)                                     \
				: "m"(*st80(st_at(c, 0))), "m"(v));            \
			x87_status(c, sw, FSW_CC);                             \
			if (pop)                                               \
				x87_pop(c);                                    \
		} else {                                                       \
			x87_slow_load(c, i, v);                                \
		}                                                              \
		x87_note_mem(c, i);                                            \
		NEXT;                                                          \
	}
#define COM(name, pop)                                                         \
	COM_MEM(name##_f32, "fcoms", uint32_t, 32, pop)                        \
	COM_MEM(name##_f64, "fcoml", uint64_t, 64, pop)                        \
	COM_MEM(name##_i16, "ficoms", uint16_t, 16, pop)                       \
	COM_MEM(name##_i32, "ficoml", uint32_t, 32, pop)                       \
	handler *const x_##name##_m32[8] = MEM_ONLY(name##_f32);               \
	handler *const x_##name##_m64[8] = MEM_ONLY(name##_f64);               \
	handler *const x_##name##_mi16[8] = MEM_ONLY(name##_i16);              \
	handler *const x_##name##_mi32[8] = MEM_ONLY(name##_i32);
COM(fcom, false)
COM(fcomp, true)

/* ---- comparisons into EFLAGS ---- */

#define COMI(fn, op, pop)                                                      \
	static void fn(struct cpu *c, const struct insn *i)                    \
	{                                                                      \
		unsigned k = i->modrm & 7;                                     \
		uint16_t sw, cc;                                               \
		x87_ready(c, i);                                               \
		if (likely(x87_quiet(c) && both_valid(c, k))) {                \
			__asm__ volatile(                                      \
				"fldt %3\n\tfldt %2\n\t" op                    \
				" %%st(1),%%st\n\tlahf\n\tseto %%al\n\t"       \
				"movw %%ax,%1\n\tfnstsw %%ax\n\t"              \
				"fstp %%st(0)\n\tfstp %%st(0)"                 \
				: "=&a"(sw), "=&r"(cc)                         \
				: "m"(*st80(st_at(c, 0))),                     \
				"m"(*st80(st_at(c, k)))                        \
				: "cc");                                       \
			c->cc = cc;                                            \
			x87_status(c, sw & FSW_FLAGS, FSW_C1);                 \
			if (pop)                                               \
				x87_pop(c);                                    \
		} else {                                                       \
			x87_slow_cc(c, i);                                     \
		}                                                              \
		x87_note(c, i);                                                \
		NEXT;                                                          \
	}
COMI(fcomi, "fcomi", false)
COMI(fcomip, "fcomi", true)
COMI(fucomi, "fucomi", false)
COMI(fucomip, "fucomi", true)
handler *const x_fcomi_st[8] = REG_ONLY(fcomi);
handler *const x_fcomip_st[8] = REG_ONLY(fcomip);
handler *const x_fucomi_st[8] = REG_ONLY(fucomi);
handler *const x_fucomip_st[8] = REG_ONLY(fucomip);

/* ---- one operand ---- */

#define UNARY(name, cc)                                                        \
	static void x87_##name(struct cpu *c, const struct insn *i)            \
	{                                                                      \
		uint16_t sw;                                                   \
		x87_ready(c, i);                                               \
		if (likely(x87_quiet(c) && st_valid(c, 0))) {                  \
			__asm__ volatile("fldt %1\n\t" #name "\n\t"            \
					 "fnstsw %%ax\n\tfstpt %1"             \
				: "=a"(sw), "+m"(*st80(st_at(c, 0))));         \
			x87_status(c, sw, cc);                                 \
		} else {                                                       \
			x87_slow(c, i);                                        \
		}                                                              \
		x87_note(c, i);                                                \
		NEXT;                                                          \
	}                                                                      \
	handler *const x_##name##_z[8] = REG_ONLY(x87_##name);
UNARY(fsqrt, FSW_C1)
UNARY(frndint, FSW_C1)
UNARY(ftst, FSW_CC)
UNARY(fxam, FSW_CC)
