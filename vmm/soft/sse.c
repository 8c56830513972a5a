/* SPDX-License-Identifier: MIT */
/*
 * SSE as a unit: who may use it (SDM vol. 3A, 2.5 and 13.1), MXCSR and its
 * exceptions (vol. 1, 11.5), and what every vector handler shares. The host
 * must have SSE4.2. Left out: #XM for an unmasked overflow whose result is
 * exact sets PE too, since the masked instruction that we execute does.
 */
#include "vmm/soft/x87.h"

const uint8_t slide_mask[48] = {
	/* clang-format off */
	0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
	0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
	0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
	0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
	0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
	/* clang-format on */
};

void
fpu_check(struct cpu *c, const struct insn *i, enum fpu_kind kind)
{
	switch (kind) {
	case FPU_SSE:
		if ((c->cr0 & CR0_EM) || !(c->cr4 & CR4_OSFXSR))
			raise_ud(c, i);
		if (c->cr0 & CR0_TS)
			raise_exc(c, i, EXC_NM);
		return;
	case FPU_MMX:
		if (c->cr0 & CR0_EM)
			raise_ud(c, i);
		if (c->cr0 & CR0_TS)
			raise_exc(c, i, EXC_NM);
		break;
	case FPU_WAIT:
		if ((c->cr0 & CR0_TS) && (c->cr0 & CR0_MP))
			raise_exc(c, i, EXC_NM);
		break;
	case FPU_X87:
		if (c->cr0 & (CR0_EM | CR0_TS))
			raise_exc(c, i, EXC_NM);
	}
	/* With CR0.NE clear, FERR# would tell the PIC; it is not wired, and
	 * execution goes on as if IGNNE# were asserted. */
	if ((c->fsw & FSW_ES) && (c->cr0 & CR0_NE))
		raise_exc(c, i, EXC_MF);
}

void
sse_refuse(struct cpu *c, const struct insn *i)
{
	fpu_check(c, i, FPU_SSE);
	raise_ud(c, i); /* not reached */
}

void
fpu_enter(struct cpu *c)
{
	c->host_mxcsr = host_mxcsr_get();
	c->fpu_inside = true;
	c->mxcsr_unmasked = (c->mxcsr & MXCSR_MASKS) != MXCSR_MASKS;
	host_mxcsr_set(c->mxcsr | MXCSR_MASKS);
	x87_sync(c);
}

void
fpu_leave(struct cpu *c)
{
	c->mxcsr = mxcsr_get(c);
	c->fpu_inside = false;
	host_mxcsr_set(c->host_mxcsr);
	__asm__ volatile("fninit");
}

uint32_t
mxcsr_get(const struct cpu *c)
{
	if (!c->fpu_inside)
		return c->mxcsr;
	return c->mxcsr | (host_mxcsr_get() & MXCSR_FLAGS);
}

void
mxcsr_set(struct cpu *c, uint32_t v)
{
	c->mxcsr = v;
	c->mxcsr_unmasked = (v & MXCSR_MASKS) != MXCSR_MASKS;
	if (c->fpu_inside)
		host_mxcsr_set(v | MXCSR_MASKS);
}

void
xm_begin(struct cpu *c)
{
	uint32_t v = host_mxcsr_get();

	c->mxcsr |= v & MXCSR_FLAGS;
	host_mxcsr_set(v & ~(uint32_t)MXCSR_FLAGS);
}

/* Is a lane that the instruction computed denormal? */
static bool
any_tiny(__m128i v, enum xm kind)
{
	uint64_t q[2];
	uint32_t d[4];
	unsigned n;

	memcpy(q, &v, 16);
	memcpy(d, &v, 16);
	if (kind == XM_SD || kind == XM_PD) {
		for (n = 0; n < (kind == XM_PD ? 2 : 1); n++)
			if (!(q[n] >> 52 & 0x7ff) && q[n] << 12)
				return true;
	} else if (kind != XM_NONE) {
		for (n = 0; n < (kind == XM_PS ? 4 : 1); n++)
			if (!(d[n] >> 23 & 0xff) && d[n] << 9)
				return true;
	}
	return false;
}

void
xm_end(struct cpu *c, const struct insn *i, __m128i result, enum xm kind)
{
	enum { PRE = 7, UE = 16 }; /* IE, DE, ZE: found before computing */
	uint32_t masks = c->mxcsr >> 7 & MXCSR_FLAGS;
	uint32_t new = host_mxcsr_get() & MXCSR_FLAGS;

	/* Unmasked, a tiny result underflows even if it is exact. */
	if (!(masks & UE) && any_tiny(result, kind))
		new |= UE;
	if (new &PRE & ~masks)
		new &= PRE;
	c->mxcsr |= new;
	host_mxcsr_set(c->mxcsr | MXCSR_MASKS);
	if (!(new & ~masks))
		return;
	if (c->cr4 & CR4_OSXMMEXCPT)
		raise_exc(c, i, EXC_XM);
	raise_ud(c, i);
}

__m128i NOINLINE
ld128_slow(struct cpu *c, const struct insn *i, uint64_t lin)
{
	uint8_t b[16];

	ld_bytes(c, i, lin, b, 16);
	return _mm_loadu_si128((const void *)b);
}

void NOINLINE
st128_slow(struct cpu *c, const struct insn *i, uint64_t lin, __m128i v)
{
	uint8_t b[16];

	_mm_storeu_si128((void *)b, v);
	st_bytes(c, i, lin, b, 16);
}

static NOINLINE void
ldmxcsr(struct cpu *c, const struct insn *i, uint32_t v)
{
	if (v & ~(uint32_t)MXCSR_MASK)
		raise_gp(c, i, 0);
	mxcsr_set(c, v);
}
FP_LOAD(ldmxcsr_m, sse, d, ldmxcsr(c, i, v))
FP_STORE(stmxcsr_m, sse, d, mxcsr_get(c), )
handler *const x_ldmxcsr_m[8] = MEM_ONLY(ldmxcsr_m);
handler *const x_stmxcsr_m[8] = MEM_ONLY(stmxcsr_m);
