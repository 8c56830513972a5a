/* SPDX-License-Identifier: MIT */
/*
 * x87 loads, stores, constants and register moves (Intel SDM vol. 1, 8.3.3).
 * The handlers are for the common case, all exceptions masked and no stack
 * fault; the rest goes to fpu-native.c.
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
can_push(const struct cpu *c)
{
	return !st_valid(c, 7);
}

/* ---- loads ---- */

#define FLOAD(fn, op, type, bits)                                              \
	static void fn(struct cpu *c, const struct insn *i)                    \
	{                                                                      \
		type v;                                                        \
		uint16_t sw;                                                   \
		x87_ready(c, i);                                               \
		v = (type)ld##bits(c, i, ea(c, i, bits / 8, ACC_READ));        \
		if (likely(x87_quiet(c) && can_push(c))) {                     \
			__asm__ volatile(op " %2\n\tfnstsw %%ax\n\tfstpt %1"   \
				: "=a"(sw), "=m"(*st80(x87_push(c)))           \
				: "m"(v));                                     \
			x87_status(c, sw, FSW_C1);                             \
		} else {                                                       \
			x87_slow_load(c, i, v);                                \
		}                                                              \
		x87_note_mem(c, i);                                            \
		NEXT;                                                          \
	}
FLOAD(fld32, "flds", uint32_t, 32)
FLOAD(fld64, "fldl", uint64_t, 64)
FLOAD(fild16, "filds", uint16_t, 16)
FLOAD(fild32, "fildl", uint32_t, 32)
FLOAD(fild64, "fildll", uint64_t, 64)
handler *const x_fld_m32[8] = MEM_ONLY(fld32);
handler *const x_fld_m64[8] = MEM_ONLY(fld64);
handler *const x_fild_m16[8] = MEM_ONLY(fild16);
handler *const x_fild_m32[8] = MEM_ONLY(fild32);
handler *const x_fild_m64[8] = MEM_ONLY(fild64);

/* No exception but the stack's. */
static void
fld80(struct cpu *c, const struct insn *i)
{
	uint64_t lin, m;
	uint16_t e;
	uint8_t *p;

	x87_ready(c, i);
	lin = ea(c, i, 10, ACC_READ);
	if (likely(can_push(c))) {
		m = ld64(c, i, lin);
		e = ld16(c, i, lin + 8);
		p = x87_push(c);
		memcpy(p, &m, 8);
		memcpy(p + 8, &e, 2);
		x87_status(c, 0, FSW_C1);
	} else {
		x87_slow_load80(c, i, lin);
	}
	x87_note_mem(c, i);
	NEXT;
}
handler *const x_fld_m80[8] = MEM_ONLY(fld80);

/* ---- stores: the memory first, since it may fault ---- */

/* Host flags must be the guest's, even if the store is refused. */
static INLINE void
forget_new(const struct cpu *c, uint16_t sw)
{
	if (unlikely(sw & ~c->fsw & FSW_FLAGS))
		__asm__ volatile("fnclex");
}

#define FSTORE(fn, op, type, bits, drop)                                       \
	static void fn(struct cpu *c, const struct insn *i)                    \
	{                                                                      \
		uint64_t lin;                                                  \
		type v;                                                        \
		uint16_t sw;                                                   \
		x87_ready(c, i);                                               \
		lin = ea(c, i, bits / 8, ACC_WRITE);                           \
		if (likely(x87_quiet(c) && st_valid(c, 0))) {                  \
			__asm__ volatile("fldt %2\n\t" op                      \
					 " %1\n\tfnstsw %%ax\n\t" drop         \
				: "=a"(sw), "=m"(v)                            \
				: "m"(*st80(st_at(c, 0))));                    \
			forget_new(c, sw);                                     \
			st##bits(c, i, lin, v);                                \
			x87_status(c, sw, FSW_C1);                             \
			if (!drop[0])                                          \
				x87_pop(c);                                    \
		} else {                                                       \
			x87_slow_store(c, i, lin, bits / 8);                   \
		}                                                              \
		x87_note_mem(c, i);                                            \
		NEXT;                                                          \
	}
#define DROP "fstp %%st(0)" /* from the host's stack: the guest's keeps it */
FSTORE(fst32, "fsts", uint32_t, 32, DROP)
FSTORE(fst64, "fstl", uint64_t, 64, DROP)
FSTORE(fist16, "fists", uint16_t, 16, DROP)
FSTORE(fist32, "fistl", uint32_t, 32, DROP)
FSTORE(fstp32, "fstps", uint32_t, 32, "")
FSTORE(fstp64, "fstpl", uint64_t, 64, "")
FSTORE(fistp16, "fistps", uint16_t, 16, "")
FSTORE(fistp32, "fistpl", uint32_t, 32, "")
FSTORE(fistp64, "fistpll", uint64_t, 64, "")
FSTORE(fisttp16, "fisttps", uint16_t, 16, "")
FSTORE(fisttp32, "fisttpl", uint32_t, 32, "")
FSTORE(fisttp64, "fisttpll", uint64_t, 64, "")
handler *const x_fst_m32[8] = MEM_ONLY(fst32);
handler *const x_fst_m64[8] = MEM_ONLY(fst64);
handler *const x_fist_m16[8] = MEM_ONLY(fist16);
handler *const x_fist_m32[8] = MEM_ONLY(fist32);
handler *const x_fstp_m32[8] = MEM_ONLY(fstp32);
handler *const x_fstp_m64[8] = MEM_ONLY(fstp64);
handler *const x_fistp_m16[8] = MEM_ONLY(fistp16);
handler *const x_fistp_m32[8] = MEM_ONLY(fistp32);
handler *const x_fistp_m64[8] = MEM_ONLY(fistp64);
handler *const x_fisttp_m16[8] = MEM_ONLY(fisttp16);
handler *const x_fisttp_m32[8] = MEM_ONLY(fisttp32);
handler *const x_fisttp_m64[8] = MEM_ONLY(fisttp64);

static void
fstp80(struct cpu *c, const struct insn *i)
{
	uint64_t lin, m;
	uint16_t e;

	x87_ready(c, i);
	lin = ea(c, i, 10, ACC_WRITE);
	if (likely(st_valid(c, 0))) {
		memcpy(&m, st_at(c, 0), 8);
		memcpy(&e, st_at(c, 0) + 8, 2);
		if (unlikely((lin & 4095) > 4086))
			probe_write(c, i, lin, 10);
		st64(c, i, lin, m);
		st16(c, i, lin + 8, e);
		x87_status(c, 0, FSW_C1);
		x87_pop(c);
	} else {
		x87_slow_store(c, i, lin, 10);
	}
	x87_note_mem(c, i);
	NEXT;
}
handler *const x_fstp_m80[8] = MEM_ONLY(fstp80);

/* ---- between registers ---- */

static void
fld_st(struct cpu *c, const struct insn *i)
{
	const uint8_t *from = st_at(c, i->modrm & 7);

	x87_ready(c, i);
	if (likely(st_valid(c, i->modrm & 7) && can_push(c))) {
		memcpy(x87_push(c), from, 16);
		x87_status(c, 0, FSW_C1);
	} else {
		x87_slow(c, i);
	}
	x87_note(c, i);
	NEXT;
}
#define FST_ST(fn, pop)                                                        \
	static void fn(struct cpu *c, const struct insn *i)                    \
	{                                                                      \
		unsigned to = st_index(c, i->modrm & 7);                       \
		x87_ready(c, i);                                               \
		if (likely(st_valid(c, 0))) {                                  \
			memmove(c->st[to], st_at(c, 0), 16);                   \
			c->ftw = (uint8_t)(c->ftw | 1u << to);                 \
			x87_status(c, 0, FSW_C1);                              \
			if (pop)                                               \
				x87_pop(c);                                    \
		} else {                                                       \
			x87_slow(c, i);                                        \
		}                                                              \
		x87_note(c, i);                                                \
		NEXT;                                                          \
	}
FST_ST(fst_st, false)
FST_ST(fstp_st, true)
static void
fxch(struct cpu *c, const struct insn *i)
{
	__m128i *a = (__m128i *)(void *)st_at(c, 0), v;
	__m128i *b = (__m128i *)(void *)st_at(c, i->modrm & 7);

	x87_ready(c, i);
	if (likely(st_valid(c, 0) && st_valid(c, i->modrm & 7))) {
		v = *a;
		*a = *b;
		*b = v;
		x87_status(c, 0, FSW_C1);
	} else {
		x87_slow(c, i);
	}
	x87_note(c, i);
	NEXT;
}
handler *const x_fld_st[8] = REG_ONLY(fld_st);
handler *const x_fst_st[8] = REG_ONLY(fst_st);
handler *const x_fstp_st[8] = REG_ONLY(fstp_st);
handler *const x_fxch_st[8] = REG_ONLY(fxch);

#define SIGN(fn, change)                                                       \
	static void fn(struct cpu *c, const struct insn *i)                    \
	{                                                                      \
		uint8_t *top = st_at(c, 0) + 9;                                \
		x87_ready(c, i);                                               \
		if (likely(st_valid(c, 0))) {                                  \
			*top = (uint8_t)(*top change);                         \
			x87_status(c, 0, FSW_C1);                              \
		} else {                                                       \
			x87_slow(c, i);                                        \
		}                                                              \
		x87_note(c, i);                                                \
		NEXT;                                                          \
	}
SIGN(fchs, ^0x80)
SIGN(x87_fabs, &0x7f)
handler *const x_fchs_z[8] = REG_ONLY(fchs);
handler *const x_fabs_z[8] = REG_ONLY(x87_fabs);

/* c->cc has ZF in bit 14, PF in 10, CF in 8. */
#define FCMOV(name, cond)                                                      \
	static void name(struct cpu *c, const struct insn *i)                  \
	{                                                                      \
		const uint8_t *from = st_at(c, i->modrm & 7);                  \
		x87_ready(c, i);                                               \
		if (likely(st_valid(c, 0) && st_valid(c, i->modrm & 7))) {     \
			if (cond)                                              \
				memmove(st_at(c, 0), from, 16);                \
		} else {                                                       \
			x87_slow(c, i);                                        \
		}                                                              \
		x87_note(c, i);                                                \
		NEXT;                                                          \
	}                                                                      \
	handler *const x_##name##_st[8] = REG_ONLY(name);
FCMOV(fcmovb, c->cc & 0x100)
FCMOV(fcmove, c->cc & 0x4000)
FCMOV(fcmovbe, c->cc & 0x4100)
FCMOV(fcmovu, c->cc & 0x400)
FCMOV(fcmovnb, !(c->cc & 0x100))
FCMOV(fcmovne, !(c->cc & 0x4000))
FCMOV(fcmovnbe, !(c->cc & 0x4100))
FCMOV(fcmovnu, !(c->cc & 0x400))

/* ---- constants, rounded as the control word says ---- */

#define FCONST(name)                                                           \
	static void name(struct cpu *c, const struct insn *i)                  \
	{                                                                      \
		x87_ready(c, i);                                               \
		if (likely(can_push(c))) {                                     \
			__asm__ volatile(#name "\n\tfstpt %0"                  \
				: "=m"(*st80(x87_push(c))));                   \
			x87_status(c, 0, FSW_C1);                              \
		} else {                                                       \
			x87_slow(c, i);                                        \
		}                                                              \
		x87_note(c, i);                                                \
		NEXT;                                                          \
	}                                                                      \
	handler *const x_##name##_z[8] = REG_ONLY(name);
FCONST(fld1)
FCONST(fldl2t)
FCONST(fldl2e)
FCONST(fldpi)
FCONST(fldlg2)
FCONST(fldln2)
FCONST(fldz)
