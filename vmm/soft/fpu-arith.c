/* SPDX-License-Identifier: MIT */
/*
 * x87 arithmetic and comparisons (Intel SDM vol. 1, 8.3.5 to 8.3.6). The
 * operands go to the host's stack, the instruction is the guest's own, and the
 * result comes back: while all exceptions are masked and the registers valid.
 * The rest, and all transcendentals, go to fpu-native.c.
 */
#include "vmm/soft/x87.h"

static INLINE bool
quiet_one(const struct cpu *c)
{
	return x87_quiet(c) && st_valid(c, 0);
}
static INLINE bool
quiet_two(const struct cpu *c, const struct insn *i)
{
	return quiet_one(c) && st_valid(c, i->modrm & 7);
}

/* ---- two operands ---- */

/* a = a op b, for registers k and 0 or the other way round. */
#define REGS(op, a, b)                                                         \
	unsigned k = i->modrm & 7;                                             \
	uint16_t sw;                                                           \
	__asm__ volatile("fldt %2\n\tfldt %1\n\t" op " %%st(1),%%st\n\t"       \
			 "fnstsw %%ax\n\tfstpt %1\n\tfstp %%st(0)"             \
			 : "=a"(sw), "+m"(*st80(st_at(c, a)))                  \
			 : "m"(*st80(st_at(c, b))));                           \
	x87_status(c, sw, FSW_C1)
#define MEMORY(op, how)                                                        \
	uint16_t sw;                                                           \
	__asm__ volatile("fldt %1\n\t" op " %2\n\tfnstsw %%ax\n\tfstpt %1"     \
			 : "=a"(sw), "+m"(*st80(st_at(c, 0)))                  \
			 : "m"(c->fp_tmp.how));                                \
	x87_status(c, sw, FSW_C1)
#define ARITH(name, verb)                                                      \
	X87_REG(name##_0, x87_fslow, quiet_two(c, i), REGS("f" verb, 0, k))    \
	X87_REG(name##_k, x87_fslow, quiet_two(c, i), REGS("f" verb, k, 0))    \
	X87_REG(name##_kp, x87_fslow, quiet_two(c, i), REGS("f" verb, k, 0);   \
		x87_pop(c))                                                    \
	X87_LOAD(name##_f32, d, quiet_one(c), MEMORY("f" verb "s", d))         \
	X87_LOAD(name##_f64, q, quiet_one(c), MEMORY("f" verb "l", q))         \
	X87_LOAD(name##_i16, w, quiet_one(c), MEMORY("fi" verb "s", w))        \
	X87_LOAD(name##_i32, d, quiet_one(c), MEMORY("fi" verb "l", d))        \
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

#define COM_REGS(op, pops)                                                     \
	uint16_t sw;                                                           \
	__asm__ volatile("fldt %2\n\tfldt %1\n\t" op " %%st(1)\n\t"            \
			 "fnstsw %%ax\n\tfstp %%st(0)\n\tfstp %%st(0)"         \
			 : "=a"(sw)                                            \
			 : "m"(*st80(st_at(c, 0))),                            \
			 "m"(*st80(st_at(c, i->modrm & 7))));                  \
	x87_status(c, sw, FSW_CC);                                             \
	x87_pops(c, pops)
#define COM_REG(fn, op, pops, array)                                           \
	X87_REG(fn, x87_fslow, quiet_two(c, i), COM_REGS(op, pops))            \
	handler *const array[8] = REG_ONLY(fn);
COM_REG(fcom_0, "fcom", 0, x_fcom_st)
COM_REG(fcomp_0, "fcom", 1, x_fcomp_st)
COM_REG(fcompp, "fcom", 2, x_fcompp_z)
COM_REG(fucom_0, "fucom", 0, x_fucom_st)
COM_REG(fucomp_0, "fucom", 1, x_fucomp_st)
COM_REG(fucompp, "fucom", 2, x_fucompp_z)

#define COM_MEMORY(op, how, pops)                                              \
	uint16_t sw;                                                           \
	__asm__ volatile("fldt %1\n\t" op " %2\n\tfnstsw %%ax\n\tfstp %%st(0)" \
			 : "=a"(sw)                                            \
			 : "m"(*st80(st_at(c, 0))), "m"(c->fp_tmp.how));       \
	x87_status(c, sw, FSW_CC);                                             \
	x87_pops(c, pops)
#define COM_MEM(fn, op, how, pops, array)                                      \
	X87_LOAD(fn, how, quiet_one(c), COM_MEMORY(op, how, pops))             \
	handler *const array[8] = MEM_ONLY(fn);
#define COM(name, pops)                                                        \
	COM_MEM(name##_f32, "fcoms", d, pops, x_##name##_m32)                  \
	COM_MEM(name##_f64, "fcoml", q, pops, x_##name##_m64)                  \
	COM_MEM(name##_i16, "ficoms", w, pops, x_##name##_mi16)                \
	COM_MEM(name##_i32, "ficoml", d, pops, x_##name##_mi32)
COM(fcom, 0)
COM(fcomp, 1)

/* ---- comparisons into EFLAGS ---- */

#define COMI_REGS(op, pops)                                                    \
	uint16_t sw, cc;                                                       \
	__asm__ volatile(                                                      \
		"fldt %3\n\tfldt %2\n\t" op                                    \
		" %%st(1),%%st\n\tlahf\n\tseto %%al\n\t"                       \
		"movw %%ax,%1\n\tfnstsw %%ax\n\t"                              \
		"fstp %%st(0)\n\tfstp %%st(0)"                                 \
		: "=&a"(sw), "=&r"(cc)                                         \
		: "m"(*st80(st_at(c, 0))), "m"(*st80(st_at(c, i->modrm & 7)))  \
		: "cc");                                                       \
	c->cc = cc;                                                            \
	sw &= FSW_FLAGS;                                                       \
	x87_status(c, sw, FSW_C1);                                             \
	x87_pops(c, pops)
#define COMI(fn, op, pops)                                                     \
	X87_REG(fn, x87_fslow_cc, quiet_two(c, i), COMI_REGS(op, pops))        \
	handler *const x_##fn##_st[8] = REG_ONLY(fn);
COMI(fcomi, "fcomi", 0)
COMI(fcomip, "fcomi", 1)
COMI(fucomi, "fucomi", 0)
COMI(fucomip, "fucomi", 1)

/* ---- one operand ---- */

#define UNARY(name, codes)                                                     \
	X87_REG(x87_##name, x87_fslow, quiet_one(c), uint16_t sw;              \
		__asm__ volatile("fldt %1\n\t" #name                           \
				 "\n\tfnstsw %%ax\n\tfstpt %1"                 \
				 : "=a"(sw), "+m"(*st80(st_at(c, 0))));        \
		x87_status(c, sw, codes))                                      \
	handler *const x_##name##_z[8] = REG_ONLY(x87_##name);
UNARY(fsqrt, FSW_C1)
UNARY(frndint, FSW_C1)
UNARY(ftst, FSW_CC)
UNARY(fxam, FSW_CC)
