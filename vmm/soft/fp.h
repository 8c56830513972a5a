/* SPDX-License-Identifier: MIT */
/*
 * What the floating point and vector files of the soft engine share: operand
 * access, the guards that every handler begins with, and the names of the
 * handlers that table-sse.c and table-x87.c list.
 *
 * SSE: while the guest runs, the host's MXCSR holds the guest's rounding, FTZ,
 * DAZ and sticky flags, with all exceptions masked; c->mxcsr keeps the guest's
 * masks. Handlers whose instruction can raise flags come in two: the plain one
 * leaves the flags where the host puts them; the strict one, taken when the
 * guest has unmasked something, clears the flags, executes, and raises #XM
 * before the result is stored.
 *
 * x87: the host's control word is the guest's with all exceptions masked, its
 * stack is empty between handlers, and its sticky flags are a subset of the
 * guest's. Where a stack fault or an unmasked exception is possible, the whole
 * guest state goes through FRSTOR, the instruction itself and FNSAVE.
 */
#ifndef VMM_SOFT_FP_H
#define VMM_SOFT_FP_H

#include <emmintrin.h>

#include "vmm/soft/handlers.h"

#define INLINE inline __attribute__((always_inline))
#define NOINLINE __attribute__((noinline))

/* An array of handlers: one for register operands, one for memory. */
/* clang-format off */
#define RM(r, m) {r, r, r, r, m, m, m, m}
/* The same where REX.W makes the general operand 64 bits. */
#define RM2(r32, r64, m32, m64) {r32, r32, r32, r64, m32, m32, m32, m64}
#define REG_ONLY(r) {r, r, r, r, 0, 0, 0, 0}
#define MEM_ONLY(m) {0, 0, 0, 0, m, m, m, m}
/* clang-format on */

/* ---- guards ---- */

enum {
	FSW_ES = 0x80,
	FSW_C1 = 0x200,
	FSW_TOP = 0x3800,
	FSW_CC = 0x4700,
	FSW_IE = 1,
	FSW_SF = 0x40,
	FSW_FLAGS = 0x3f
};

/* The unit may not be used, or has something to tell first. */
static INLINE bool
sse_off(const struct cpu *c)
{
	return ((uint32_t)c->cr0 & (CR0_EM | CR0_TS)) |
	       (~(uint32_t)c->cr4 & CR4_OSFXSR);
}
static INLINE bool
x87_off(const struct cpu *c)
{
	return ((uint32_t)c->cr0 & (CR0_EM | CR0_TS)) | (c->fsw & FSW_ES);
}
static INLINE bool
mmx_off(const struct cpu *c)
{
	return x87_off(c);
}

_Noreturn void sse_refuse(struct cpu *c, const struct insn *i);
static INLINE void
sse_ready(struct cpu *c, const struct insn *i)
{
	if (unlikely(sse_off(c)))
		sse_refuse(c, i);
}
static INLINE void
x87_ready(struct cpu *c, const struct insn *i)
{
	if (unlikely(x87_off(c)))
		fpu_check(c, i, FPU_X87);
}
static INLINE void
mmx_ready(struct cpu *c, const struct insn *i)
{
	if (unlikely(mmx_off(c)))
		fpu_check(c, i, FPU_MMX);
}

/* ---- MXCSR ---- */

enum { MXCSR_FLAGS = 0x3f, MXCSR_MASKS = 0x1f80, MXCSR_MASK = 0xffff };

static INLINE uint32_t
host_mxcsr_get(void)
{
	uint32_t v;

	__asm__ volatile("stmxcsr %0" : "=m"(v));
	return v;
}
static INLINE void
host_mxcsr_set(uint32_t v)
{
	__asm__ volatile("ldmxcsr %0" : : "m"(v) : "memory");
}

/* The guest's MXCSR, in fpu_enter()..fpu_leave() or out. */
uint32_t mxcsr_get(const struct cpu *c);
void mxcsr_set(struct cpu *c, uint32_t v); /* v has no reserved bits */

/* Around an instruction that may raise what the guest has unmasked. kind says
 * what the result can be told by: see xm_end(). */
enum xm { XM_NONE, XM_SS, XM_SD, XM_PS, XM_PD };
void xm_begin(struct cpu *c);
void xm_end(struct cpu *c, const struct insn *i, __m128i result, enum xm);

/* ---- registers ---- */

static INLINE __m128i
xget(const struct cpu *c, unsigned n)
{
	return _mm_load_si128((const __m128i *)(const void *)c->xmm[n]);
}
static INLINE void
xset(struct cpu *c, unsigned n, __m128i v)
{
	_mm_store_si128((__m128i *)(void *)c->xmm[n], v);
}
/* A 64- or 32-bit lane. */
static INLINE uint64_t
xget64(const struct cpu *c, unsigned n, unsigned lane)
{
	uint64_t v;

	memcpy(&v, c->xmm[n] + 8 * lane, 8);
	return v;
}
static INLINE void
xset64(struct cpu *c, unsigned n, unsigned lane, uint64_t v)
{
	memcpy(c->xmm[n] + 8 * lane, &v, 8);
}
static INLINE uint32_t
xget32(const struct cpu *c, unsigned n, unsigned lane)
{
	uint32_t v;

	memcpy(&v, c->xmm[n] + 4 * lane, 4);
	return v;
}
static INLINE void
xset32(struct cpu *c, unsigned n, unsigned lane, uint32_t v)
{
	memcpy(c->xmm[n] + 4 * lane, &v, 4);
}
static INLINE __m128i
v64(uint64_t v)
{
	return _mm_cvtsi64_si128((long long)v);
}
static INLINE __m128i
v32(uint32_t v)
{
	return _mm_cvtsi32_si128((int)v);
}
static INLINE uint64_t
lo64(__m128i v)
{
	return (uint64_t)_mm_cvtsi128_si64(v);
}

/* ---- memory ---- */

__m128i ld128_slow(struct cpu *c, const struct insn *i, uint64_t lin);
void st128_slow(struct cpu *c, const struct insn *i, uint64_t lin, __m128i v);

static INLINE __m128i
ld128_at(struct cpu *c, const struct insn *i, uint64_t lin)
{
	const struct tlbe *e = tlb_at(c, lin);

	if (likely(e->rd == ((lin + 15) & PAGE_MASK)))
		return _mm_loadu_si128((const void *)(lin + e->add));
	return ld128_slow(c, i, lin);
}
static INLINE void
st128_at(struct cpu *c, const struct insn *i, uint64_t lin, __m128i v)
{
	const struct tlbe *e = tlb_at(c, lin);

	if (likely(e->wr == ((lin + 15) & PAGE_MASK)))
		_mm_storeu_si128((void *)(lin + e->add), v);
	else
		st128_slow(c, i, lin, v);
}

/* The memory operand: u may lie anywhere, a must be aligned (#GP). */
static INLINE __m128i
ld128u(struct cpu *c, const struct insn *i)
{
	return ld128_at(c, i, ea(c, i, 16, ACC_READ));
}
static INLINE __m128i
ld128a(struct cpu *c, const struct insn *i)
{
	uint64_t lin = ea(c, i, 16, ACC_READ);

	if (unlikely(lin & 15))
		raise_gp(c, i, 0);
	return ld128_at(c, i, lin);
}
static INLINE void
st128u(struct cpu *c, const struct insn *i, __m128i v)
{
	st128_at(c, i, ea(c, i, 16, ACC_WRITE), v);
}
static INLINE void
st128a(struct cpu *c, const struct insn *i, __m128i v)
{
	uint64_t lin = ea(c, i, 16, ACC_WRITE);

	if (unlikely(lin & 15))
		raise_gp(c, i, 0);
	st128_at(c, i, lin, v);
}

/* Handlers move a general register by its number, not its byte offset. */
static INLINE uint64_t *
gpr_of(struct cpu *c, unsigned at)
{
	return &c->gpr[at >> 3];
}

/* Byte shift masks for PSHUFB: slide_mask + 16 + n moves right by n <= 16,
 * slide_mask + 16 - n left; what comes in is zero. */
extern const uint8_t slide_mask[48];

static INLINE __m128i
pshufb(__m128i v, __m128i mask)
{
	__asm__("pshufb %1,%0" : "+x"(v) : "x"(mask));
	return v;
}
static INLINE __m128i
slide_right(__m128i v, unsigned n)
{
	return pshufb(v, _mm_loadu_si128((const void *)(slide_mask + 16 + n)));
}
static INLINE __m128i
slide_left(__m128i v, unsigned n)
{
	return pshufb(v, _mm_loadu_si128((const void *)(slide_mask + 16 - n)));
}

/* ---- the forms of handlers ---- */

/*
 * A handler comes in two halves, as in hot.h: the fast one calls nothing and so
 * needs no frame; what is not in order (the unit, the address, the TLB, for
 * strict ones an unmasked exception) it leaves to the slow one, which does the
 * whole instruction. unit is sse or mmx; how says what the operand is: 16 bytes
 * aligned or unaligned, t (10 bytes), q, d, w or b. The code given sees c, i,
 * for loads v, and in strict forms the constant strict.
 */
#define TYPE_a __m128i
#define TYPE_u __m128i
#define TYPE_q uint64_t
#define TYPE_d uint32_t
#define TYPE_w uint16_t
#define TYPE_b uint8_t
#define TYPE_t struct st80
struct st80 { /* also a register for the host's FLD and FSTP */
	uint8_t b[10];
};
enum {
	ALIGN_a = 16,
	ALIGN_u = 1,
	ALIGN_q = 1,
	ALIGN_d = 1,
	ALIGN_w = 1,
	ALIGN_b = 1,
	ALIGN_t = 1
};

static INLINE __m128i
slow_a(struct cpu *c, const struct insn *i)
{
	return ld128a(c, i);
}
static INLINE __m128i
slow_u(struct cpu *c, const struct insn *i)
{
	return ld128u(c, i);
}
static INLINE void
put_a(struct cpu *c, const struct insn *i, __m128i v)
{
	st128a(c, i, v);
}
static INLINE void
put_u(struct cpu *c, const struct insn *i, __m128i v)
{
	st128u(c, i, v);
}
#define ACCESS(how, bits)                                                      \
	static INLINE TYPE_##how slow_##how(                                   \
		struct cpu *c, const struct insn *i)                           \
	{                                                                      \
		return ld##bits(c, i, ea(c, i, bits / 8, ACC_READ));           \
	}                                                                      \
	static INLINE void put_##how(                                          \
		struct cpu *c, const struct insn *i, TYPE_##how v)             \
	{                                                                      \
		st##bits(c, i, ea(c, i, bits / 8, ACC_WRITE), v);              \
	}
ACCESS(q, 64)
ACCESS(d, 32)
ACCESS(w, 16)
ACCESS(b, 8)
#undef ACCESS

/* Declares lin and p, the operand's host address; leaves for slow(c, i). */
#define FP_HOT(kind, how, off, slow)                                           \
	uint64_t lin = ea_off(c, i) + c->segbase[i->seg];                      \
	const struct tlbe *e = tlb_at(c, lin);                                 \
	uint8_t *p = (uint8_t *)(lin + e->add);                                \
	if (unlikely(off) || unlikely(i->flags & I_SLOW) ||                    \
		unlikely(lin & (ALIGN_##how - 1)) ||                           \
		unlikely(e->kind !=                                            \
			 ((lin + sizeof(TYPE_##how) - 1) & PAGE_MASK))) {      \
		slow(c, i);                                                    \
		return;                                                        \
	}

#define FP_REG(fn, unit, ...) FP_REG_##unit(fn, __VA_ARGS__)
#define FP_REG_sse(fn, ...)                                                    \
	static void fn(struct cpu *c, const struct insn *i)                    \
	{                                                                      \
		sse_ready(c, i);                                               \
		__VA_ARGS__;                                                   \
		NEXT;                                                          \
	}
#define FP_REG_mmx(fn, ...)                                                    \
	static NOINLINE void fn##_slow(struct cpu *c, const struct insn *i)    \
	{                                                                      \
		mmx_ready(c, i);                                               \
		__VA_ARGS__;                                                   \
		NEXT;                                                          \
	}                                                                      \
	static void fn(struct cpu *c, const struct insn *i)                    \
	{                                                                      \
		if (unlikely(mmx_off(c))) {                                    \
			fn##_slow(c, i);                                       \
			return;                                                \
		}                                                              \
		__VA_ARGS__;                                                   \
		NEXT;                                                          \
	}
#define FP_LOAD(fn, unit, how, ...)                                            \
	static NOINLINE void fn##_slow(struct cpu *c, const struct insn *i)    \
	{                                                                      \
		TYPE_##how v;                                                  \
		unit##_ready(c, i);                                            \
		v = slow_##how(c, i);                                          \
		__VA_ARGS__;                                                   \
		NEXT;                                                          \
	}                                                                      \
	static void fn(struct cpu *c, const struct insn *i)                    \
	{                                                                      \
		FP_HOT(rd, how, unit##_off(c), fn##_slow)                      \
		TYPE_##how v;                                                  \
		memcpy(&v, p, sizeof(v));                                      \
		__VA_ARGS__;                                                   \
		NEXT;                                                          \
	}
/* Stores value; then does the rest. */
#define FP_STORE(fn, unit, how, value, ...)                                    \
	static NOINLINE void fn##_slow(struct cpu *c, const struct insn *i)    \
	{                                                                      \
		unit##_ready(c, i);                                            \
		put_##how(c, i, (TYPE_##how)(value));                          \
		__VA_ARGS__;                                                   \
		NEXT;                                                          \
	}                                                                      \
	static void fn(struct cpu *c, const struct insn *i)                    \
	{                                                                      \
		FP_HOT(wr, how, unit##_off(c), fn##_slow)                      \
		TYPE_##how v = (TYPE_##how)(value);                            \
		memcpy(p, &v, sizeof(v));                                      \
		__VA_ARGS__;                                                   \
		NEXT;                                                          \
	}

/* SSE only: the code calls xm_begin() and xm_end() if strict. */
#define STRICT_REG(fn, ...)                                                    \
	static NOINLINE void fn##_slow(struct cpu *c, const struct insn *i)    \
	{                                                                      \
		enum { strict = 1 };                                           \
		sse_ready(c, i);                                               \
		__VA_ARGS__;                                                   \
		NEXT;                                                          \
	}                                                                      \
	static void fn(struct cpu *c, const struct insn *i)                    \
	{                                                                      \
		enum { strict = 0 };                                           \
		if (unlikely(sse_off(c) | c->mxcsr_unmasked)) {                \
			fn##_slow(c, i);                                       \
			return;                                                \
		}                                                              \
		__VA_ARGS__;                                                   \
		NEXT;                                                          \
	}
#define STRICT_LOAD(fn, how, ...)                                              \
	static NOINLINE void fn##_slow(struct cpu *c, const struct insn *i)    \
	{                                                                      \
		enum { strict = 1 };                                           \
		TYPE_##how v;                                                  \
		sse_ready(c, i);                                               \
		v = slow_##how(c, i);                                          \
		__VA_ARGS__;                                                   \
		NEXT;                                                          \
	}                                                                      \
	static void fn(struct cpu *c, const struct insn *i)                    \
	{                                                                      \
		enum { strict = 0 };                                           \
		FP_HOT(rd, how, sse_off(c) | c->mxcsr_unmasked, fn##_slow)     \
		TYPE_##how v;                                                  \
		memcpy(&v, p, sizeof(v));                                      \
		__VA_ARGS__;                                                   \
		NEXT;                                                          \
	}

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

/* ---- handler names, by file ---- */

/* clang-format off */
/* sse-int.c: xmm,xmm/m128, aligned; those in SSE_INT_MMX have a twin in mmx.c
 * that does the same to 64 bits. */
#define SSE_INT_MMX(OP)                                                        \
	OP(pcmpgtb) OP(pcmpgtw) OP(pcmpgtd) OP(pcmpeqb) OP(pcmpeqw)            \
	OP(pcmpeqd) OP(paddb) OP(paddw) OP(paddd) OP(paddq) OP(psubb)          \
	OP(psubw) OP(psubd) OP(psubq) OP(paddsb) OP(paddsw) OP(paddusb)        \
	OP(paddusw) OP(psubsb) OP(psubsw) OP(psubusb) OP(psubusw) OP(pmullw)   \
	OP(pmulhw) OP(pmulhuw) OP(pmuludq) OP(pmaddwd) OP(psadbw) OP(pminub)   \
	OP(pmaxub) OP(pminsw) OP(pmaxsw) OP(pavgb) OP(pavgw) OP(pand)          \
	OP(pandn) OP(por) OP(pxor) OP(psrlw) OP(psrld) OP(psrlq) OP(psraw)     \
	OP(psrad) OP(psllw) OP(pslld) OP(psllq) OP(psignb) OP(psignw)          \
	OP(psignd) OP(pmulhrsw) OP(pmaddubsw) OP(pabsb) OP(pabsw) OP(pabsd)
/* MMX twins that differ: 32 bits of memory, upper halves, two operands'
 * results side by side. */
#define SSE_INT_MMX_LOW(OP) OP(punpcklbw) OP(punpcklwd) OP(punpckldq)
#define SSE_INT_MMX_HIGH(OP) OP(punpckhbw) OP(punpckhwd) OP(punpckhdq)
#define SSE_INT_MMX_PACK(OP)                                                   \
	OP(packsswb) OP(packuswb) OP(packssdw) OP(phaddw) OP(phaddd)           \
	OP(phaddsw) OP(phsubw) OP(phsubd) OP(phsubsw)
#define SSE_INT_ONLY(OP)                                                       \
	OP(pshufb) OP(punpcklqdq) OP(punpckhqdq) OP(pmuldq) OP(pcmpeqq)        \
	OP(packusdw) OP(pcmpgtq) OP(pminsb) OP(pminsd) OP(pminuw) OP(pminud)   \
	OP(pmaxsb) OP(pmaxsd) OP(pmaxuw) OP(pmaxud) OP(pmulld)                 \
	OP(phminposuw) OP(unpcklps) OP(unpcklpd) OP(unpckhps) OP(unpckhpd)     \
	OP(andps) OP(andpd) OP(andnps) OP(andnpd) OP(orps) OP(orpd) OP(xorps)  \
	OP(xorpd)
#define SSE_INT(OP)                                                            \
	SSE_INT_MMX(OP) SSE_INT_MMX_LOW(OP) SSE_INT_MMX_HIGH(OP)               \
	SSE_INT_MMX_PACK(OP) SSE_INT_ONLY(OP)
/* Shifts of a register by an immediate, with MMX twins. */
#define SSE_SHIFT_IMM(OP)                                                      \
	OP(psrlw) OP(psrld) OP(psrlq) OP(psraw) OP(psrad) OP(psllw) OP(pslld)  \
	OP(psllq)
/* sse-fp.c: arithmetic that can raise flags; name, and how xm_end() sees the
 * result. Packed ones take m128, the others m32 or m64. */
#define SSE_FP_PACKED(OP)                                                      \
	OP(addps, XM_PS) OP(addpd, XM_PD) OP(mulps, XM_PS) OP(mulpd, XM_PD)    \
	OP(subps, XM_PS) OP(subpd, XM_PD) OP(divps, XM_PS) OP(divpd, XM_PD)    \
	OP(minps, XM_NONE) OP(minpd, XM_NONE) OP(maxps, XM_NONE)               \
	OP(maxpd, XM_NONE) OP(sqrtps, XM_NONE) OP(sqrtpd, XM_NONE)             \
	OP(addsubps, XM_PS) OP(addsubpd, XM_PD) OP(haddps, XM_PS)              \
	OP(haddpd, XM_PD) OP(hsubps, XM_PS) OP(hsubpd, XM_PD)                  \
	OP(rsqrtps, XM_NONE) OP(rcpps, XM_NONE) OP(cvtdq2ps, XM_NONE)          \
	OP(cvtps2dq, XM_NONE) OP(cvttps2dq, XM_NONE) OP(cvtpd2dq, XM_NONE)     \
	OP(cvttpd2dq, XM_NONE) OP(cvtpd2ps, XM_PS)
#define SSE_FP_SS(OP)                                                          \
	OP(addss, XM_SS) OP(mulss, XM_SS) OP(subss, XM_SS) OP(divss, XM_SS)    \
	OP(minss, XM_NONE) OP(maxss, XM_NONE) OP(sqrtss, XM_NONE)              \
	OP(rsqrtss, XM_NONE) OP(rcpss, XM_NONE) OP(cvtss2sd, XM_NONE)
#define SSE_FP_SD(OP)                                                          \
	OP(addsd, XM_SD) OP(mulsd, XM_SD) OP(subsd, XM_SD) OP(divsd, XM_SD)    \
	OP(minsd, XM_NONE) OP(maxsd, XM_NONE) OP(sqrtsd, XM_NONE)              \
	OP(cvtsd2ss, XM_SS) OP(cvtps2pd, XM_NONE) OP(cvtdq2pd, XM_NONE)
/* PMOVSX and PMOVZX by what they read. */
#define SSE_PMOVX(OP)                                                          \
	OP(pmovsxbw, q) OP(pmovsxbd, d) OP(pmovsxbq, w) OP(pmovsxwd, q)        \
	OP(pmovsxwq, d) OP(pmovsxdq, q) OP(pmovzxbw, q) OP(pmovzxbd, d)        \
	OP(pmovzxbq, w) OP(pmovzxwd, q) OP(pmovzxwq, d) OP(pmovzxdq, q)

#define X(name) extern handler *const x_##name[8];
#define OP(name) X(name##_vw)
#define OP2(name, kind) X(name##_vw)
SSE_INT(OP)
SSE_FP_PACKED(OP2)
SSE_FP_SS(OP2)
SSE_FP_SD(OP2)
SSE_PMOVX(OP2)
#undef OP
#undef OP2
#define OP(name) X(name##_ui) X(name##_ni)
SSE_SHIFT_IMM(OP)
#undef OP
#define OP(name) X(name##_pq)
SSE_INT_MMX(OP)
SSE_INT_MMX_LOW(OP)
SSE_INT_MMX_HIGH(OP)
SSE_INT_MMX_PACK(OP)
#undef OP

/* sse-move.c */
X(movaps_vw) X(movaps_wv) X(movups_vw) X(movups_wv) X(movss_vw) X(movss_wv)
X(movsd_vw) X(movsd_wv) X(movlps_vw) X(movlps_wv) X(movhps_vw) X(movhps_wv)
X(movsldup_vw) X(movshdup_vw) X(movddup_vw) X(movd_ve) X(movd_ev) X(movq_vw)
X(movq_wv) X(movmskps_gu) X(movmskpd_gu) X(pmovmskb_gu) X(movnti_mg)
X(maskmovdqu_vu) X(lddqu_vm)
/* sse-shuf.c */
X(pslldq_ui) X(psrldq_ui) X(palignr_vwi) X(pshufd_vwi) X(pshufhw_vwi)
X(pshuflw_vwi) X(shufps_vwi) X(shufpd_vwi) X(blendps_vwi) X(blendpd_vwi)
X(pblendw_vwi) X(pblendvb_vw) X(blendvps_vw) X(blendvpd_vw) X(insertps_vwi)
X(pinsrb_vei) X(pinsrw_vei) X(pinsrd_vei) X(pextrb_evi) X(pextrw_evi)
X(pextrd_evi) X(extractps_evi) X(pextrw_gui) X(mpsadbw_vwi) X(ptest_vw)
/* sse-cvt.c, sse-cmp.c */
X(cvtsi2ss_ve) X(cvtsi2sd_ve) X(cvtss2si_gw) X(cvttss2si_gw) X(cvtsd2si_gw)
X(cvttsd2si_gw) X(cvtpi2ps_vq) X(cvtpi2pd_vq) X(cvtps2pi_pw) X(cvttps2pi_pw)
X(cvtpd2pi_pw) X(cvttpd2pi_pw)
X(ucomiss_vw) X(ucomisd_vw) X(comiss_vw) X(comisd_vw) X(cmpps_vwi)
X(cmppd_vwi) X(cmpss_vwi) X(cmpsd_vwi) X(roundps_vwi) X(roundpd_vwi)
X(roundss_vwi) X(roundsd_vwi) X(dpps_vwi) X(dppd_vwi)
/* sse-str.c */
X(pcmpestrm_vwi) X(pcmpestri_vwi) X(pcmpistrm_vwi) X(pcmpistri_vwi)
X(crc32b_ge) X(crc32_ge)
/* mmx.c */
X(movd_pe) X(movd_ep) X(movq_pq) X(movq_qp) X(pshufb_pq) X(pshufw_pqi)
X(palignr_pqi) X(pinsrw_pei) X(pextrw_gni) X(pmovmskb_gn) X(maskmovq_pn)
X(emms_z) X(movq2dq_vn) X(movdq2q_pu)
/* fxsave.c, sse.c */
X(fxsave_m) X(fxrstor_m) X(ldmxcsr_m) X(stmxcsr_m)
/* fpu.c: control and state */
X(fninit_z) X(fnclex_z) X(fnstsw_ax) X(fnstsw_m) X(fnstcw_m)
X(fldcw_m) X(fnstenv_m) X(fldenv_m) X(fnsave_m) X(frstor_m) X(ffree_st)
X(ffreep_st) X(fincstp_z) X(fdecstp_z) X(fnop_z) X(fneni_z) X(fslow_z)
/* fpu-move.c */
X(fld_m32) X(fld_m64) X(fld_m80) X(fst_m32) X(fst_m64) X(fstp_m32)
X(fstp_m64) X(fstp_m80) X(fild_m16) X(fild_m32) X(fild_m64) X(fist_m16)
X(fist_m32) X(fistp_m16) X(fistp_m32) X(fistp_m64) X(fisttp_m16)
X(fisttp_m32) X(fisttp_m64) X(fbld_m80) X(fbstp_m80) X(fld_st) X(fst_st)
X(fstp_st) X(fxch_st) X(fchs_z) X(fabs_z) X(fcmovb_st) X(fcmove_st)
X(fcmovbe_st) X(fcmovu_st) X(fcmovnb_st) X(fcmovne_st) X(fcmovnbe_st)
X(fcmovnu_st) X(fld1_z) X(fldl2t_z) X(fldl2e_z) X(fldpi_z) X(fldlg2_z)
X(fldln2_z) X(fldz_z)
/* fpu-arith.c: to ST from register or memory, to ST(i), and popping */
#define X87_ARITH(OP) OP(fadd) OP(fmul) OP(fsub) OP(fsubr) OP(fdiv) OP(fdivr)
#define OP(name)                                                               \
	X(name##_m32) X(name##_m64) X(name##_mi16) X(name##_mi32)              \
	X(name##_st) X(name##_to) X(name##_pop)
X87_ARITH(OP)
#undef OP
X(fcom_m32) X(fcom_m64) X(fcom_mi16) X(fcom_mi32) X(fcom_st) X(fcomp_m32)
X(fcomp_m64) X(fcomp_mi16) X(fcomp_mi32) X(fcomp_st) X(fcompp_z)
X(fucom_st) X(fucomp_st) X(fucompp_z) X(fcomi_st) X(fcomip_st) X(fucomi_st)
X(fucomip_st) X(fsqrt_z) X(frndint_z) X(ftst_z) X(fxam_z)
#undef X
/* clang-format on */

#endif
