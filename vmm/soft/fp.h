/* SPDX-License-Identifier: MIT */
/*
 * What the floating point and vector files of the soft engine share: the guards
 * that every handler begins with, operand access, the forms of handlers.
 *
 * SSE: while the guest runs, the host's MXCSR holds the guest's rounding, FTZ,
 * DAZ and sticky flags, with all exceptions masked; c->mxcsr keeps the guest's
 * masks. Handlers whose instruction can raise flags come in two: the plain one
 * leaves the flags where the host puts them; the strict one, taken when the
 * guest has unmasked something, clears the flags, executes, and raises #XM
 * before the result is stored.
 */
#ifndef VMM_SOFT_FP_H
#define VMM_SOFT_FP_H

#include <emmintrin.h>

#include "vmm/soft/fp-names.h"

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

#endif
