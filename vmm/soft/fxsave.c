/* SPDX-License-Identifier: MIT */
/*
 * FXSAVE and FXRSTOR (Intel SDM vol. 1, 10.5): the 512-byte image, in its
 * 32-bit form and with REX.W in its 64-bit form. XMM registers are saved
 * whatever CR4.OSFXSR says. Left out: bytes 416 to 511 are neither written
 * nor read.
 */
#include "vmm/soft/x87.h"

enum { USED = 416, XMM = 160, XMM_LOW_END = XMM + 8 * 16 };

static void
put(uint8_t *p, uint64_t v, unsigned n)
{
	memcpy(p, &v, n);
}
static uint64_t
get(const uint8_t *p, unsigned n)
{
	uint64_t v = 0;

	memcpy(&v, p, n);
	return v;
}

void
fxsave_put(struct cpu *c, uint8_t image[512], bool rex_w)
{
	unsigned k;

	memset(image, 0, 512);
	put(image, c->fcw, 2);
	put(image + 2, c->fsw, 2);
	put(image + 4, c->ftw, 1);
	put(image + 6, c->fop, 2);
	put(image + 8, c->fip, rex_w ? 8 : 4);
	put(image + 16, c->fdp, rex_w ? 8 : 4);
	if (!rex_w) {
		put(image + 12, c->fcs, 2);
		put(image + 20, c->fds, 2);
	}
	put(image + 24, mxcsr_get(c), 4);
	put(image + 28, MXCSR_MASK, 4);
	for (k = 0; k < 8; k++)
		memcpy(image + 32 + 16 * k, st_at(c, k), 10);
	memcpy(image + XMM, c->xmm, sizeof(c->xmm));
}

int
fxsave_take(struct cpu *c, const uint8_t image[512], bool rex_w)
{
	uint32_t mxcsr = (uint32_t)get(image + 24, 4);
	unsigned k;

	if (mxcsr & ~(uint32_t)MXCSR_MASK)
		return -1;
	c->fcw = (uint16_t)((get(image, 2) & 0x1f3f) | 0x40);
	c->fsw = (uint16_t)get(image + 2, 2);
	c->ftw = image[4];
	c->fop = get(image + 6, 2) & 0x7ff;
	c->fip = get(image + 8, rex_w ? 8 : 4);
	c->fdp = get(image + 16, rex_w ? 8 : 4);
	c->fcs = rex_w ? 0 : (uint16_t)get(image + 12, 2);
	c->fds = rex_w ? 0 : (uint16_t)get(image + 20, 2);
	for (k = 0; k < 8; k++)
		memcpy(st_at(c, k), image + 32 + 16 * k, 10);
	memcpy(c->xmm, image + XMM, sizeof(c->xmm));
	x87_summary(c);
	x87_sync(c);
	mxcsr_set(c, mxcsr);
	return 0;
}

/* #NM, then alignment. */
static uint64_t
fx_address(struct cpu *c, const struct insn *i, enum access access)
{
	uint64_t lin;

	if (c->cr0 & (CR0_EM | CR0_TS))
		raise_exc(c, i, EXC_NM);
	lin = ea(c, i, 512, access);
	if (lin & 15)
		raise_gp(c, i, 0);
	return lin;
}

/* XMM8 and up belong to 64-bit mode. */
static unsigned
fx_size(const struct insn *i)
{
	return i->flags & I_MODE64 ? USED : XMM_LOW_END;
}

static NOINLINE void
do_fxsave(struct cpu *c, const struct insn *i)
{
	uint8_t image[512];
	uint64_t lin = fx_address(c, i, ACC_WRITE);

	fxsave_put(c, image, i->size == 8);
	st_bytes(c, i, lin, image, fx_size(i));
}

static NOINLINE void
do_fxrstor(struct cpu *c, const struct insn *i)
{
	uint8_t image[512];
	uint64_t lin = fx_address(c, i, ACC_READ);

	memcpy(image + XMM, c->xmm, sizeof(c->xmm));
	ld_bytes(c, i, lin, image, fx_size(i));
	if (fxsave_take(c, image, i->size == 8))
		raise_gp(c, i, 0);
}

static void
fxsave(struct cpu *c, const struct insn *i)
{
	do_fxsave(c, i);
	NEXT;
}
static void
fxrstor(struct cpu *c, const struct insn *i)
{
	do_fxrstor(c, i);
	NEXT;
}
handler *const x_fxsave_m[8] = MEM_ONLY(fxsave);
handler *const x_fxrstor_m[8] = MEM_ONLY(fxrstor);
