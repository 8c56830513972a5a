/* SPDX-License-Identifier: MIT */
/*
 * x87 and MMX inside the soft engine. The host's control word is the guest's
 * with all exceptions masked, its stack is empty between handlers, and its
 * sticky flags are a subset of the guest's. Where a stack fault or an unmasked
 * exception is possible, the whole guest state goes through FRSTOR, the
 * instruction itself and FNSAVE: see fpu-native.c.
 */
#ifndef VMM_SOFT_X87_H
#define VMM_SOFT_X87_H

#include "vmm/soft/fp.h"

/* ---- x87 ---- */

static INLINE unsigned
st_index(const struct cpu *c, unsigned k)
{
	return ((c->fsw >> 11) + k) & 7;
}
static INLINE uint8_t *
st_at(struct cpu *c, unsigned k)
{
	return c->st[st_index(c, k)];
}
static INLINE bool
st_valid(const struct cpu *c, unsigned k)
{
	return c->ftw >> st_index(c, k) & 1;
}
/* No exception can be raised but by the stack. */
static INLINE bool
x87_quiet(const struct cpu *c)
{
	return (c->fcw & 0x3f) == 0x3f;
}
static INLINE void
x87_pop(struct cpu *c)
{
	c->ftw = (uint8_t)(c->ftw & ~(1u << st_index(c, 0)));
	c->fsw = (uint16_t)((c->fsw & ~FSW_TOP) | ((c->fsw + 0x800) & FSW_TOP));
}
static INLINE void
x87_pops(struct cpu *c, int n)
{
	while (n-- > 0)
		x87_pop(c);
}
/* Make ST(-1) the top, valid; returns where it is. */
static INLINE uint8_t *
x87_push(struct cpu *c)
{
	c->fsw = (uint16_t)((c->fsw & ~FSW_TOP) | ((c->fsw - 0x800) & FSW_TOP));
	c->ftw = (uint8_t)(c->ftw | 1u << st_index(c, 0));
	return st_at(c, 0);
}

/* The control word changed, or the status word's flags were cleared: tell the
 * host. Both do nothing outside fpu_enter()..fpu_leave(). */
void x87_sync(struct cpu *c);
/* ES and B from the flags and the masks. */
void x87_summary(struct cpu *c);
void x87_init(struct cpu *c);
/* FIP, FCS and FOP; then FDP and FDS for a memory operand. */
static INLINE void
x87_note(struct cpu *c, const struct insn *i)
{
	c->fip = c->RIP + i->off;
	c->fcs = c->seg[SEG_CS].sel;
	c->fop = (uint16_t)((i->op & 7) << 8 | i->modrm);
}
static INLINE void
x87_note_mem(struct cpu *c, const struct insn *i)
{
	uint64_t off = ea_off(c, i);

	x87_note(c, i);
	if (i->asize < 8)
		off &= i->asize == 4 ? 0xffffffff : 0xffff;
	c->fdp = off;
	c->fds = c->seg[i->seg].sel;
}

/* What the host says of an instruction just executed, into the guest's status:
 * its sticky flags, and the condition codes in cc. */
static INLINE void
x87_status(struct cpu *c, uint16_t sw, unsigned cc)
{
	c->fsw = (uint16_t)((c->fsw & ~cc) | (sw & (cc | FSW_FLAGS)));
}

/* The guest's x87 state as FNSAVE's 32-bit protected-mode image. */
struct x87_image {
	uint32_t cw, sw, tags, ip, cs_op, dp, ds;
	uint8_t st[8][10];
};
/* Execute the instruction on the host with the guest's whole state: reading
 * or writing mem if it has a memory operand. Nothing in c changes until
 * x87_commit(). cc is what LAHF and SETO leave. */
void x87_run(const struct cpu *c, const struct insn *i, void *mem,
	struct x87_image *im, uint16_t *cc);
void x87_commit(struct cpu *c, const struct x87_image *im);
/* Whether a store was held back by an unmasked exception. */
bool x87_held(const struct x87_image *im);

/* Both at once, for memory operands: those that are loaded, and stores of n
 * bytes to lin. */
void x87_slow_load(struct cpu *c, const struct insn *i, uint64_t v);
void x87_slow_load80(struct cpu *c, const struct insn *i, uint64_t lin);
void x87_slow_store(
	struct cpu *c, const struct insn *i, uint64_t lin, unsigned n);
/* fslow does all of a register form this way; it is the slow half of those
 * with a fast one. fslow_cc sets c->cc too. */
handler x87_fslow, x87_fslow_cc;

static INLINE struct st80 *
st80(uint8_t *p)
{
	return (struct st80 *)(void *)p;
}

/* A register form, fast while the condition holds. */
#define X87_REG(fn, slow, condition, ...)                                      \
	static void fn(struct cpu *c, const struct insn *i)                    \
	{                                                                      \
		if (unlikely(x87_off(c)) || unlikely(!(condition))) {          \
			slow(c, i);                                            \
			return;                                                \
		}                                                              \
		__VA_ARGS__;                                                   \
		x87_note(c, i);                                                \
		NEXT;                                                          \
	}
/* A memory operand: w, d or q, in c->fp_tmp. */
#define X87_LOAD(fn, how, condition, ...)                                      \
	static NOINLINE void fn##_slow(struct cpu *c, const struct insn *i)    \
	{                                                                      \
		x87_ready(c, i);                                               \
		c->fp_tmp.how = slow_##how(c, i);                              \
		if (likely(condition)) {                                       \
			__VA_ARGS__;                                           \
		} else {                                                       \
			x87_slow_load(c, i, c->fp_tmp.q);                      \
		}                                                              \
		x87_note_mem(c, i);                                            \
		NEXT;                                                          \
	}                                                                      \
	static void fn(struct cpu *c, const struct insn *i)                    \
	{                                                                      \
		FP_HOT(rd, how, x87_off(c) || !(condition), fn##_slow)         \
		memcpy(&c->fp_tmp.how, p, sizeof(c->fp_tmp.how));              \
		__VA_ARGS__;                                                   \
		x87_note_mem(c, i);                                            \
		NEXT;                                                          \
	}

/* ---- MMX ---- */

static INLINE uint64_t
mget(const struct cpu *c, unsigned n)
{
	uint64_t v;

	memcpy(&v, c->st[n & 7], 8);
	return v;
}
/* Any MMX instruction: TOP is 0 and every register valid. */
static INLINE void
mmx_touch(struct cpu *c)
{
	c->fsw = (uint16_t)(c->fsw & ~FSW_TOP);
	c->ftw = 0xff;
}
static INLINE void
mset(struct cpu *c, unsigned n, uint64_t v)
{
	memcpy(c->st[n & 7], &v, 8);
	c->st[n & 7][8] = 0xff;
	c->st[n & 7][9] = 0xff;
}

#endif
