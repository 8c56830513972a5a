/* SPDX-License-Identifier: MIT */
/*
 * Shifts and rotates (SDM vol. 2) by the host's own instruction, so that large
 * counts of narrow operands and undefined flags come out as on hardware. The
 * count is cut to 5 bits (6 for 64-bit operands); 0 leaves the flags alone.
 */
#include "vmm/soft/handlers.h"
#include "vmm/soft/rmw.h"

#define KEEP "\n\tlahf\n\tseto %%al"
#define LOAD "addb $0x7f, %%al\n\tsahf\n\t" /* all of c->cc, to keep some */

#define SHIFT_OP(name, bits, sfx, load, init)                                  \
	static inline uint##bits##_t name##_v##bits(                           \
		struct cpu *c, uint##bits##_t a, unsigned n)                   \
	{                                                                      \
		uint16_t f = init;                                             \
		n &= bits == 64 ? 63 : 31;                                     \
		if (unlikely(!n))                                              \
			return a;                                              \
		__asm__(load #name sfx " %%cl, %[a]" KEEP                      \
			: [a] "+&r"(a), "+&a"(f)                               \
			: "c"(n)                                               \
			: "cc");                                               \
		c->cc = f;                                                     \
		return a;                                                      \
	}
#define SHIFT_FORM(name, form, count, bits)                                    \
	static void name##_##form##_r##bits(                                   \
		struct cpu *c, const struct insn *i)                           \
	{                                                                      \
		put##bits(c, i->rm,                                            \
			name##_v##bits(                                        \
				c, val##bits(c, i->rm), (unsigned)(count)));   \
		NEXT;                                                          \
	}                                                                      \
	static void name##_##form##_m##bits(                                   \
		struct cpu *c, const struct insn *i)                           \
	{                                                                      \
		uint##bits##_t *p, v;                                          \
		bool slow = rmw##bits(c, i, &p);                               \
		memcpy(&v, p, sizeof(v));                                      \
		v = name##_v##bits(c, v, (unsigned)(count));                   \
		memcpy(p, &v, sizeof(v));                                      \
		if (unlikely(slow))                                            \
			rmw_end(c, i, bits / 8);                               \
		NEXT;                                                          \
	}

#define TABLE(name, form)                                                      \
	handler *const x_##name##_##form[8] = {name##_##form##_r8,             \
		name##_##form##_r16, name##_##form##_r32, name##_##form##_r64, \
		name##_##form##_m8, name##_##form##_m16, name##_##form##_m32,  \
		name##_##form##_m64};

#define SHIFT_BITS(name, bits, sfx, load, init)                                \
	SHIFT_OP(name, bits, sfx, load, init)                                  \
	SHIFT_FORM(name, ei, i->imm, bits)                                     \
	SHIFT_FORM(name, ec, c->gpr[RCX], bits)

#define SHIFT(name, load, init)                                                \
	SHIFT_BITS(name, 8, "b", load, init)                                   \
	SHIFT_BITS(name, 16, "w", load, init)                                  \
	SHIFT_BITS(name, 32, "l", load, init)                                  \
	SHIFT_BITS(name, 64, "q", load, init)                                  \
	TABLE(name, ei)                                                        \
	TABLE(name, ec)

SHIFT(rol, LOAD, c->cc)
SHIFT(ror, LOAD, c->cc)
SHIFT(rcl, LOAD, c->cc)
SHIFT(rcr, LOAD, c->cc)
SHIFT(shl, "", 0)
SHIFT(shr, "", 0)
SHIFT(sar, "", 0)

/* ---- SHLD, SHRD ---- */

#define DOUBLE_OP(name, bits, sfx)                                             \
	static inline uint##bits##_t name##_v##bits(                           \
		struct cpu *c, uint##bits##_t a, uint##bits##_t b, unsigned n) \
	{                                                                      \
		uint16_t f;                                                    \
		n &= bits == 64 ? 63 : 31;                                     \
		if (unlikely(!n))                                              \
			return a;                                              \
		__asm__(#name sfx " %%cl, %[b], %[a]" KEEP                     \
			: [a] "+&r"(a), "=&a"(f)                               \
			: [b] "r"(b), "c"(n)                                   \
			: "cc");                                               \
		c->cc = f;                                                     \
		return a;                                                      \
	}
#define DOUBLE_FORM(name, form, count, bits)                                   \
	static void name##_##form##_r##bits(                                   \
		struct cpu *c, const struct insn *i)                           \
	{                                                                      \
		put##bits(c, i->rm,                                            \
			name##_v##bits(c, val##bits(c, i->rm),                 \
				val##bits(c, i->reg), (unsigned)(count)));     \
		NEXT;                                                          \
	}                                                                      \
	static void name##_##form##_m##bits(                                   \
		struct cpu *c, const struct insn *i)                           \
	{                                                                      \
		uint##bits##_t *p, v;                                          \
		bool slow = rmw##bits(c, i, &p);                               \
		memcpy(&v, p, sizeof(v));                                      \
		v = name##_v##bits(                                            \
			c, v, val##bits(c, i->reg), (unsigned)(count));        \
		memcpy(p, &v, sizeof(v));                                      \
		if (unlikely(slow))                                            \
			rmw_end(c, i, bits / 8);                               \
		NEXT;                                                          \
	}
#define DOUBLE_TABLE(name, form)                                               \
	handler *const x_##name##_##form[8] = {name##_##form##_r16,            \
		name##_##form##_r16, name##_##form##_r32, name##_##form##_r64, \
		name##_##form##_m16, name##_##form##_m16, name##_##form##_m32, \
		name##_##form##_m64};
#define DOUBLE_BITS(name, bits, sfx)                                           \
	DOUBLE_OP(name, bits, sfx)                                             \
	DOUBLE_FORM(name, eri, i->imm, bits)                                   \
	DOUBLE_FORM(name, erc, c->gpr[RCX], bits)
#define DOUBLE(name)                                                           \
	DOUBLE_BITS(name, 16, "w")                                             \
	DOUBLE_BITS(name, 32, "l")                                             \
	DOUBLE_BITS(name, 64, "q")                                             \
	DOUBLE_TABLE(name, eri)                                                \
	DOUBLE_TABLE(name, erc)

DOUBLE(shld)
DOUBLE(shrd)
