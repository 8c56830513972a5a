/* SPDX-License-Identifier: MIT */
/*
 * x87 loads, stores, constants and register moves (Intel SDM vol. 1, 8.3.3).
 * The handlers are for the common case, all exceptions masked and no stack
 * fault; the rest goes to fpu-native.c.
 */
#include "vmm/soft/x87.h"

static INLINE bool
can_push(const struct cpu *c)
{
	return !st_valid(c, 7);
}

/* ---- loads ---- */

#define DO(op, how)                                                            \
	uint16_t sw;                                                           \
	__asm__ volatile(op " %2\n\tfnstsw %%ax\n\tfstpt %1"                   \
			 : "=a"(sw), "=m"(*st80(x87_push(c)))                  \
			 : "m"(c->fp_tmp.how));                                \
	x87_status(c, sw, FSW_C1)
#define FLOAD(fn, op, how, array)                                              \
	X87_LOAD(fn, how, x87_quiet(c) && can_push(c), DO(op, how))            \
	handler *const array[8] = MEM_ONLY(fn);
FLOAD(fld32, "flds", d, x_fld_m32)
FLOAD(fld64, "fldl", q, x_fld_m64)
FLOAD(fild16, "filds", w, x_fild_m16)
FLOAD(fild32, "fildl", d, x_fild_m32)
FLOAD(fild64, "fildll", q, x_fild_m64)
#undef DO

/* No exception but the stack's. */
static NOINLINE void
load80(struct cpu *c, const struct insn *i)
{
	uint64_t lin = ea(c, i, 10, ACC_READ);
	uint8_t b[10];

	if (unlikely(!can_push(c))) {
		x87_slow_load80(c, i, lin);
		return;
	}
	ld_bytes(c, i, lin, b, 10);
	memcpy(x87_push(c), b, 10);
	x87_status(c, 0, FSW_C1);
}
static NOINLINE void
fld80_slow(struct cpu *c, const struct insn *i)
{
	x87_ready(c, i);
	load80(c, i);
	x87_note_mem(c, i);
	NEXT;
}
static void
fld80(struct cpu *c, const struct insn *i)
{
	FP_HOT(rd, t, x87_off(c) || !can_push(c), fld80_slow)
	memcpy(x87_push(c), p, 10);
	x87_status(c, 0, FSW_C1);
	x87_note_mem(c, i);
	NEXT;
}
handler *const x_fld_m80[8] = MEM_ONLY(fld80);

/* ---- stores ---- */

/* A host flag that the guest does not have yet is forgotten at once: the store
 * may still be refused. */
static INLINE void
forget_new(const struct cpu *c, uint16_t sw)
{
	if (unlikely(sw & ~c->fsw & FSW_FLAGS))
		__asm__ volatile("fnclex");
}

/* Convert ST into c->fp_tmp. */
#define CONVERT(op, how, drop)                                                 \
	__asm__ volatile("fldt %2\n\t" op " %1\n\tfnstsw %%ax\n\t" drop        \
			 : "=a"(sw), "=m"(c->fp_tmp.how)                       \
			 : "m"(*st80(st_at(c, 0))));                           \
	forget_new(c, sw)

#define FSTORE(fn, op, how, drop, array)                                       \
	static NOINLINE void fn##_slow(struct cpu *c, const struct insn *i)    \
	{                                                                      \
		uint16_t sw;                                                   \
		x87_ready(c, i);                                               \
		if (likely(x87_quiet(c) && st_valid(c, 0))) {                  \
			CONVERT(op, how, drop);                                \
			put_##how(c, i, c->fp_tmp.how);                        \
			x87_status(c, sw, FSW_C1);                             \
			if (!drop[0])                                          \
				x87_pop(c);                                    \
		} else {                                                       \
			x87_slow_store(c, i,                                   \
				ea(c, i, sizeof(TYPE_##how), ACC_WRITE),       \
				sizeof(TYPE_##how));                           \
		}                                                              \
		x87_note_mem(c, i);                                            \
		NEXT;                                                          \
	}                                                                      \
	static void fn(struct cpu *c, const struct insn *i)                    \
	{                                                                      \
		FP_HOT(wr, how,                                                \
			x87_off(c) || !x87_quiet(c) || !st_valid(c, 0),        \
			fn##_slow)                                             \
		uint16_t sw;                                                   \
		CONVERT(op, how, drop);                                        \
		memcpy(p, &c->fp_tmp.how, sizeof(c->fp_tmp.how));              \
		x87_status(c, sw, FSW_C1);                                     \
		if (!drop[0])                                                  \
			x87_pop(c);                                            \
		x87_note_mem(c, i);                                            \
		NEXT;                                                          \
	}                                                                      \
	handler *const array[8] = MEM_ONLY(fn);
#define DROP "fstp %%st(0)" /* from the host's stack: the guest's keeps it */
FSTORE(fst32, "fsts", d, DROP, x_fst_m32)
FSTORE(fst64, "fstl", q, DROP, x_fst_m64)
FSTORE(fist16, "fists", w, DROP, x_fist_m16)
FSTORE(fist32, "fistl", d, DROP, x_fist_m32)
FSTORE(fstp32, "fstps", d, "", x_fstp_m32)
FSTORE(fstp64, "fstpl", q, "", x_fstp_m64)
FSTORE(fistp16, "fistps", w, "", x_fistp_m16)
FSTORE(fistp32, "fistpl", d, "", x_fistp_m32)
FSTORE(fistp64, "fistpll", q, "", x_fistp_m64)
FSTORE(fisttp16, "fisttps", w, "", x_fisttp_m16)
FSTORE(fisttp32, "fisttpl", d, "", x_fisttp_m32)
FSTORE(fisttp64, "fisttpll", q, "", x_fisttp_m64)

static NOINLINE void
store80(struct cpu *c, const struct insn *i)
{
	uint64_t lin = ea(c, i, 10, ACC_WRITE);

	if (unlikely(!st_valid(c, 0))) {
		x87_slow_store(c, i, lin, 10);
		return;
	}
	st_bytes(c, i, lin, st_at(c, 0), 10);
	x87_status(c, 0, FSW_C1);
	x87_pop(c);
}
static NOINLINE void
fstp80_slow(struct cpu *c, const struct insn *i)
{
	x87_ready(c, i);
	store80(c, i);
	x87_note_mem(c, i);
	NEXT;
}
static void
fstp80(struct cpu *c, const struct insn *i)
{
	FP_HOT(wr, t, x87_off(c) || !st_valid(c, 0), fstp80_slow)
	memcpy(p, st_at(c, 0), 10);
	x87_status(c, 0, FSW_C1);
	x87_pop(c);
	x87_note_mem(c, i);
	NEXT;
}
handler *const x_fstp_m80[8] = MEM_ONLY(fstp80);

/* ---- between registers ---- */

static INLINE bool
both_valid(const struct cpu *c, const struct insn *i)
{
	return st_valid(c, 0) && st_valid(c, i->modrm & 7);
}

X87_REG(fld_st, x87_fslow, st_valid(c, i->modrm & 7) && can_push(c),
	const uint8_t *from = st_at(c, i->modrm & 7);
	memcpy(x87_push(c), from, 16); x87_status(c, 0, FSW_C1))

#define COPY                                                                   \
	unsigned to = st_index(c, i->modrm & 7);                               \
	memmove(c->st[to], st_at(c, 0), 16);                                   \
	c->ftw = (uint8_t)(c->ftw | 1u << to);                                 \
	x87_status(c, 0, FSW_C1)
X87_REG(fst_st, x87_fslow, st_valid(c, 0), COPY)
X87_REG(fstp_st, x87_fslow, st_valid(c, 0), COPY; x87_pop(c))

X87_REG(fxch, x87_fslow, both_valid(c, i),
	__m128i *a = (__m128i *)(void *)st_at(c, 0);
	__m128i *b = (__m128i *)(void *)st_at(c, i->modrm & 7); __m128i v = *a;
	*a = *b; *b = v; x87_status(c, 0, FSW_C1))
handler *const x_fld_st[8] = REG_ONLY(fld_st);
handler *const x_fst_st[8] = REG_ONLY(fst_st);
handler *const x_fstp_st[8] = REG_ONLY(fstp_st);
handler *const x_fxch_st[8] = REG_ONLY(fxch);

X87_REG(fchs, x87_fslow, st_valid(c, 0), st_at(c, 0)[9] ^= 0x80;
	x87_status(c, 0, FSW_C1))
X87_REG(x87_fabs, x87_fslow, st_valid(c, 0), st_at(c, 0)[9] &= 0x7f;
	x87_status(c, 0, FSW_C1))
handler *const x_fchs_z[8] = REG_ONLY(fchs);
handler *const x_fabs_z[8] = REG_ONLY(x87_fabs);

/* c->cc has ZF in bit 14, PF in 10, CF in 8. */
#define FCMOV(name, condition)                                                 \
	X87_REG(name, x87_fslow, both_valid(c, i),                             \
		if (condition)                                                 \
			memmove(st_at(c, 0), st_at(c, i->modrm & 7), 16))      \
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
	X87_REG(name, x87_fslow, can_push(c),                                  \
		__asm__ volatile(#name "\n\tfstpt %0"                          \
				 : "=m"(*st80(x87_push(c))));                  \
		x87_status(c, 0, FSW_C1))                                      \
	handler *const x_##name##_z[8] = REG_ONLY(name);
FCONST(fld1)
FCONST(fldl2t)
FCONST(fldl2e)
FCONST(fldpi)
FCONST(fldlg2)
FCONST(fldln2)
FCONST(fldz)
