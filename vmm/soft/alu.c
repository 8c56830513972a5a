/* SPDX-License-Identifier: MIT */
/*
 * Arithmetic and logic on general registers and memory (SDM vol. 2): the host's
 * own instruction computes result and flags; LAHF and SETO keep the flags.
 * Memory destinations are changed in place, with LOCK where the guest has it.
 */
#include "vmm/soft/handlers.h"
#include "vmm/soft/hot.h"

#define KEEP "\n\tlahf\n\tseto %%al"
#define CARRY "btw $8, %%ax\n\t" /* guest CF into the host's */

/* a op= b in registers, and in memory, plain and locked */
#define OPS(name, bits, sfx, cls, pre, init)                                   \
	static inline uint##bits##_t name##_r##bits(                           \
		struct cpu *c, uint##bits##_t a, uint##bits##_t b)             \
	{                                                                      \
		uint16_t f = init;                                             \
		__asm__(pre #name sfx " %[b], %[a]" KEEP                       \
			: [a] "+" cls(a), "+&a"(f)                             \
			: [b] cls(b)                                           \
			: "cc");                                               \
		c->cc = f;                                                     \
		return a;                                                      \
	}                                                                      \
	static inline void name##_m##bits(struct cpu *c, const struct insn *i, \
		uint##bits##_t *p, uint##bits##_t b)                           \
	{                                                                      \
		uint16_t f = init;                                             \
		if (unlikely(i->flags & I_LOCK))                               \
			__asm__ volatile(pre "lock " #name sfx                 \
					     " %[b], %[m]" KEEP                \
					 : [m] "+m"(*p), "+&a"(f)              \
					 : [b] cls(b)                          \
					 : "cc", "memory");                    \
		else                                                           \
			__asm__ volatile(pre #name sfx " %[b], %[m]" KEEP      \
					 : [m] "+m"(*p), "+&a"(f)              \
					 : [b] cls(b)                          \
					 : "cc", "memory");                    \
		c->cc = f;                                                     \
	}

#define FORMS(name, bits)                                                      \
	static void name##_er_r##bits(struct cpu *c, const struct insn *i)     \
	{                                                                      \
		put##bits(c, i->rm,                                            \
			name##_r##bits(c, val##bits(c, i->rm),                 \
				val##bits(c, i->reg)));                        \
		NEXT;                                                          \
	}                                                                      \
	static void name##_re_r##bits(struct cpu *c, const struct insn *i)     \
	{                                                                      \
		put##bits(c, i->reg,                                           \
			name##_r##bits(c, val##bits(c, i->reg),                \
				val##bits(c, i->rm)));                         \
		NEXT;                                                          \
	}                                                                      \
	static void name##_ei_r##bits(struct cpu *c, const struct insn *i)     \
	{                                                                      \
		put##bits(c, i->rm,                                            \
			name##_r##bits(c, val##bits(c, i->rm),                 \
				(uint##bits##_t)i->imm));                      \
		NEXT;                                                          \
	}                                                                      \
	LOADING(name##_re_m##bits, bits,                                       \
		put##bits(c, i->reg,                                           \
			name##_r##bits(c, val##bits(c, i->reg), v)))           \
	CHANGING(name##_er_m##bits, bits,                                      \
		name##_m##bits(c, i, p, val##bits(c, i->reg)))                 \
	CHANGING(name##_ei_m##bits, bits,                                      \
		name##_m##bits(c, i, p, (uint##bits##_t)i->imm))

#define TABLE(name, form)                                                      \
	handler *const x_##name##_##form[8] = {name##_##form##_r8,             \
		name##_##form##_r16, name##_##form##_r32, name##_##form##_r64, \
		name##_##form##_m8, name##_##form##_m16, name##_##form##_m32,  \
		name##_##form##_m64};

#define ALU(name, pre, init)                                                   \
	OPS(name, 8, "b", "q", pre, init)                                      \
	OPS(name, 16, "w", "r", pre, init)                                     \
	OPS(name, 32, "l", "r", pre, init)                                     \
	OPS(name, 64, "q", "r", pre, init)                                     \
	FORMS(name, 8)                                                         \
	FORMS(name, 16)                                                        \
	FORMS(name, 32)                                                        \
	FORMS(name, 64)                                                        \
	TABLE(name, er)                                                        \
	TABLE(name, re)                                                        \
	TABLE(name, ei)

ALU(add, "", 0)
ALU(or, "", 0)
ALU(and, "", 0)
ALU(sub, "", 0)
ALU(xor, "", 0)
ALU(adc, CARRY, c->cc)
ALU(sbb, CARRY, c->cc)

/* CMP and TEST: flags alone */
#define SEE(name, bits, sfx, cls)                                              \
	static inline void name##_f##bits(                                     \
		struct cpu *c, uint##bits##_t a, uint##bits##_t b)             \
	{                                                                      \
		uint16_t f;                                                    \
		__asm__(#name sfx " %[b], %[a]" KEEP                           \
			: "=&a"(f)                                             \
			: [a] cls(a), [b] cls(b)                               \
			: "cc");                                               \
		c->cc = f;                                                     \
	}                                                                      \
	static void name##_er_r##bits(struct cpu *c, const struct insn *i)     \
	{                                                                      \
		name##_f##bits(c, val##bits(c, i->rm), val##bits(c, i->reg));  \
		NEXT;                                                          \
	}                                                                      \
	LOADING(name##_er_m##bits, bits,                                       \
		name##_f##bits(c, v, val##bits(c, i->reg)))                    \
	static void name##_ei_r##bits(struct cpu *c, const struct insn *i)     \
	{                                                                      \
		name##_f##bits(                                                \
			c, val##bits(c, i->rm), (uint##bits##_t)i->imm);       \
		NEXT;                                                          \
	}                                                                      \
	LOADING(name##_ei_m##bits, bits,                                       \
		name##_f##bits(c, v, (uint##bits##_t)i->imm))
#define SEE_ALL(name)                                                          \
	SEE(name, 8, "b", "q")                                                 \
	SEE(name, 16, "w", "r")                                                \
	SEE(name, 32, "l", "r")                                                \
	SEE(name, 64, "q", "r")                                                \
	TABLE(name, er)                                                        \
	TABLE(name, ei)

SEE_ALL(cmp)
SEE_ALL(test)

#define CMP_RE(bits)                                                           \
	static void cmp_re_r##bits(struct cpu *c, const struct insn *i)        \
	{                                                                      \
		cmp_f##bits(c, val##bits(c, i->reg), val##bits(c, i->rm));     \
		NEXT;                                                          \
	}                                                                      \
	LOADING(cmp_re_m##bits, bits, cmp_f##bits(c, val##bits(c, i->reg), v))
CMP_RE(8)
CMP_RE(16)
CMP_RE(32)
CMP_RE(64)
TABLE(cmp, re)

/* INC DEC NEG NOT: one operand. INC and DEC keep CF; NOT keeps all. */
#define ONE(name, bits, sfx, cls, pre, init, keep, out)                        \
	static void name##_e_r##bits(struct cpu *c, const struct insn *i)      \
	{                                                                      \
		uint##bits##_t a = val##bits(c, i->rm);                        \
		uint16_t f = init;                                             \
		__asm__(pre #name sfx " %[a]" keep                             \
			: [a] "+" cls(a), "+&a"(f)                             \
			:                                                      \
			: "cc");                                               \
		out;                                                           \
		put##bits(c, i->rm, a);                                        \
		NEXT;                                                          \
	}                                                                      \
	static inline void name##_m##bits(                                     \
		struct cpu *c, const struct insn *i, uint##bits##_t *p)        \
	{                                                                      \
		uint16_t f = init;                                             \
		(void)c;                                                       \
		if (unlikely(i->flags & I_LOCK))                               \
			__asm__ volatile(pre "lock " #name sfx " %[m]" keep    \
					 : [m] "+m"(*p), "+&a"(f)              \
					 :                                     \
					 : "cc", "memory");                    \
		else                                                           \
			__asm__ volatile(pre #name sfx " %[m]" keep            \
					 : [m] "+m"(*p), "+&a"(f)              \
					 :                                     \
					 : "cc", "memory");                    \
		out;                                                           \
	}                                                                      \
	CHANGING(name##_e_m##bits, bits, name##_m##bits(c, i, p))
#define ONE_ALL(name, pre, init, keep, out)                                    \
	ONE(name, 8, "b", "q", pre, init, keep, out)                           \
	ONE(name, 16, "w", "r", pre, init, keep, out)                          \
	ONE(name, 32, "l", "r", pre, init, keep, out)                          \
	ONE(name, 64, "q", "r", pre, init, keep, out)                          \
	TABLE(name, e)

ONE_ALL(inc, CARRY, c->cc, KEEP, c->cc = f)
ONE_ALL(dec, CARRY, c->cc, KEEP, c->cc = f)
ONE_ALL(neg, "", 0, KEEP, c->cc = f)
ONE_ALL(not, "", 0, "", (void)f)

/* XCHG with memory is locked, prefix or not. */
#define XCHG(bits)                                                             \
	static void xchg_er_r##bits(struct cpu *c, const struct insn *i)       \
	{                                                                      \
		uint##bits##_t a = val##bits(c, i->rm);                        \
		put##bits(c, i->rm, val##bits(c, i->reg));                     \
		put##bits(c, i->reg, a);                                       \
		NEXT;                                                          \
	}                                                                      \
	static void xchg_er_m##bits(struct cpu *c, const struct insn *i)       \
	{                                                                      \
		uint##bits##_t *p;                                             \
		bool slow = rmw##bits(c, i, &p);                               \
		uint##bits##_t v = val##bits(c, i->reg);                       \
		__asm__ volatile("xchg %[v], %[m]"                             \
				 : [m] "+m"(*p), [v] "+q"(v)                   \
				 :                                             \
				 : "memory");                                  \
		if (unlikely(slow))                                            \
			rmw_end(c, i, bits / 8);                               \
		put##bits(c, i->reg, v);                                       \
		NEXT;                                                          \
	}
XCHG(8)
XCHG(16)
XCHG(32)
XCHG(64)
TABLE(xchg, er)

#define XADD(bits, sfx)                                                        \
	static void xadd_er_r##bits(struct cpu *c, const struct insn *i)       \
	{                                                                      \
		uint##bits##_t a = val##bits(c, i->rm);                        \
		uint##bits##_t b = val##bits(c, i->reg);                       \
		uint##bits##_t sum = add_r##bits(c, a, b);                     \
		put##bits(c, i->reg, a);                                       \
		put##bits(c, i->rm, sum);                                      \
		NEXT;                                                          \
	}                                                                      \
	static void xadd_er_m##bits(struct cpu *c, const struct insn *i)       \
	{                                                                      \
		uint##bits##_t *p;                                             \
		bool slow = rmw##bits(c, i, &p);                               \
		uint##bits##_t v = val##bits(c, i->reg);                       \
		uint16_t f;                                                    \
		__asm__ volatile("lock xadd" sfx " %[v], %[m]" KEEP            \
				 : [m] "+m"(*p), [v] "+q"(v), "=&a"(f)         \
				 :                                             \
				 : "cc", "memory");                            \
		c->cc = f;                                                     \
		if (unlikely(slow))                                            \
			rmw_end(c, i, bits / 8);                               \
		put##bits(c, i->reg, v);                                       \
		NEXT;                                                          \
	}
XADD(8, "b")
XADD(16, "w")
XADD(32, "l")
XADD(64, "q")
TABLE(xadd, er)

/* CMPXCHG: the accumulator takes the old value only where it differs; what is
 * not written keeps its upper half, in the 32-bit form too. */
#define CMPXCHG(bits, sfx)                                                     \
	static void cmpxchg_er_r##bits(struct cpu *c, const struct insn *i)    \
	{                                                                      \
		uint##bits##_t d = val##bits(c, i->rm);                        \
		uint##bits##_t a = val##bits(c, 0);                            \
		cmp_f##bits(c, a, d);                                          \
		if (a == d)                                                    \
			put##bits(c, i->rm, val##bits(c, i->reg));             \
		else                                                           \
			put##bits(c, 0, d);                                    \
		NEXT;                                                          \
	}                                                                      \
	static void cmpxchg_er_m##bits(struct cpu *c, const struct insn *i)    \
	{                                                                      \
		uint##bits##_t *p;                                             \
		bool slow = rmw##bits(c, i, &p);                               \
		uint##bits##_t a = val##bits(c, 0), old = a;                   \
		__asm__ volatile("lock cmpxchg" sfx " %[v], %[m]"              \
				 : [m] "+m"(*p), "+a"(old)                     \
				 : [v] "q"(val##bits(c, i->reg))               \
				 : "cc", "memory");                            \
		if (unlikely(slow))                                            \
			rmw_end(c, i, bits / 8);                               \
		cmp_f##bits(c, a, old);                                        \
		if (a != old)                                                  \
			put##bits(c, 0, old);                                  \
		NEXT;                                                          \
	}
CMPXCHG(8, "b")
CMPXCHG(16, "w")
CMPXCHG(32, "l")
CMPXCHG(64, "q")
TABLE(cmpxchg, er)

static void
cmpxchg8(struct cpu *c, const struct insn *i)
{
	uint64_t *p;
	bool slow = rmw64(c, i, &p);
	uint64_t want = (uint32_t)c->gpr[RAX] | c->gpr[RDX] << 32, old = want;
	uint64_t with = (uint32_t)c->gpr[RBX] | c->gpr[RCX] << 32;

	__asm__ volatile("lock cmpxchgq %[v], %[m]"
			 : [m] "+m"(*p), "+a"(old)
			 : [v] "r"(with)
			 : "cc", "memory");
	if (unlikely(slow))
		rmw_end(c, i, 8);
	if (old == want) {
		c->cc |= FL_ZF << 8;
	} else {
		c->cc &= (uint16_t) ~(FL_ZF << 8);
		c->gpr[RAX] = (uint32_t)old;
		c->gpr[RDX] = old >> 32;
	}
	NEXT;
}

static void
cmpxchg16(struct cpu *c, const struct insn *i)
{
	uint64_t lin = ea(c, i, 16, ACC_WRITE), lo, hi;
	unsigned __int128 *p;
	bool same, slow;

	if (lin & 15)
		raise_gp(c, i, 0);
	slow = rmw_any(c, i, lin, 16, (void **)&p);
	lo = c->gpr[RAX];
	hi = c->gpr[RDX];
	__asm__ volatile("lock cmpxchg16b %[m]"
			 : [m] "+m"(*p), "+a"(lo), "+d"(hi), "=@ccz"(same)
			 : "b"(c->gpr[RBX]), "c"(c->gpr[RCX])
			 : "memory");
	if (unlikely(slow))
		rmw_end(c, i, 16);
	if (same) {
		c->cc |= FL_ZF << 8;
	} else {
		c->cc &= (uint16_t) ~(FL_ZF << 8);
		c->gpr[RAX] = lo;
		c->gpr[RDX] = hi;
	}
	NEXT;
}

static void
undefined(struct cpu *c, const struct insn *i)
{
	raise_ud(c, i);
}

handler *const x_cmpxchg8b_e[8] = {undefined, undefined, undefined, undefined,
	cmpxchg8, cmpxchg8, cmpxchg8, cmpxchg16};
