/* SPDX-License-Identifier: MIT */
/*
 * SSE moves: whole registers, halves, scalars, to and from general registers,
 * sign masks, non-temporal and masked stores (Intel SDM vol. 2). 16-byte
 * operands of the aligned kind raise #GP(0) when they are not.
 */
#include "vmm/soft/fp.h"

/* A handler whose guard is SSE's. */
#define SSE_FN(fn)                                                             \
	static INLINE void fn##_do(struct cpu *c, const struct insn *i);       \
	static void fn(struct cpu *c, const struct insn *i)                    \
	{                                                                      \
		sse_ready(c, i);                                               \
		fn##_do(c, i);                                                 \
		NEXT;                                                          \
	}                                                                      \
	static INLINE void fn##_do(struct cpu *c, const struct insn *i)

/* ---- whole registers ---- */

SSE_FN(mov_vv)
{
	xset(c, i->reg, xget(c, i->rm));
}
SSE_FN(mov_vv_back)
{
	xset(c, i->rm, xget(c, i->reg));
}
SSE_FN(mova_vm)
{
	xset(c, i->reg, ld128a(c, i));
}
SSE_FN(mova_mv)
{
	st128a(c, i, xget(c, i->reg));
}
SSE_FN(movu_vm)
{
	xset(c, i->reg, ld128u(c, i));
}
SSE_FN(movu_mv)
{
	st128u(c, i, xget(c, i->reg));
}
handler *const x_movaps_vw[8] = RM(mov_vv, mova_vm);
handler *const x_movaps_wv[8] = RM(mov_vv_back, mova_mv);
handler *const x_movups_vw[8] = RM(mov_vv, movu_vm);
handler *const x_movups_wv[8] = RM(mov_vv_back, movu_mv);
handler *const x_lddqu_vm[8] = MEM_ONLY(movu_vm);

/* ---- scalars: loads clear the rest, register moves keep it ---- */

SSE_FN(movss_vv)
{
	xset32(c, i->reg, 0, xget32(c, i->rm, 0));
}
SSE_FN(movss_vv_back)
{
	xset32(c, i->rm, 0, xget32(c, i->reg, 0));
}
SSE_FN(movss_vm)
{
	xset(c, i->reg, v32(ldm32(c, i)));
}
SSE_FN(movss_mv)
{
	st32(c, i, ea(c, i, 4, ACC_WRITE), xget32(c, i->reg, 0));
}
SSE_FN(movsd_vv)
{
	xset64(c, i->reg, 0, xget64(c, i->rm, 0));
}
SSE_FN(movsd_vv_back)
{
	xset64(c, i->rm, 0, xget64(c, i->reg, 0));
}
SSE_FN(movq_vm)
{
	xset(c, i->reg, v64(ldm64(c, i)));
}
SSE_FN(movq_mv)
{
	st64(c, i, ea(c, i, 8, ACC_WRITE), xget64(c, i->reg, 0));
}
SSE_FN(movq_vv)
{
	xset(c, i->reg, v64(xget64(c, i->rm, 0)));
}
SSE_FN(movq_vv_back)
{
	xset(c, i->rm, v64(xget64(c, i->reg, 0)));
}
handler *const x_movss_vw[8] = RM(movss_vv, movss_vm);
handler *const x_movss_wv[8] = RM(movss_vv_back, movss_mv);
handler *const x_movsd_vw[8] = RM(movsd_vv, movq_vm);
handler *const x_movsd_wv[8] = RM(movsd_vv_back, movq_mv);
handler *const x_movq_vw[8] = RM(movq_vv, movq_vm);
handler *const x_movq_wv[8] = RM(movq_vv_back, movq_mv);

/* ---- halves ---- */

SSE_FN(movhlps_vv)
{
	xset64(c, i->reg, 0, xget64(c, i->rm, 1));
}
SSE_FN(movlps_vm)
{
	xset64(c, i->reg, 0, ldm64(c, i));
}
SSE_FN(movlhps_vv)
{
	xset64(c, i->reg, 1, xget64(c, i->rm, 0));
}
SSE_FN(movhps_vm)
{
	xset64(c, i->reg, 1, ldm64(c, i));
}
SSE_FN(movhps_mv)
{
	st64(c, i, ea(c, i, 8, ACC_WRITE), xget64(c, i->reg, 1));
}
handler *const x_movlps_vw[8] = RM(movhlps_vv, movlps_vm);
handler *const x_movlps_wv[8] = MEM_ONLY(movq_mv);
handler *const x_movhps_vw[8] = RM(movlhps_vv, movhps_vm);
handler *const x_movhps_wv[8] = MEM_ONLY(movhps_mv);

SSE_FN(movsldup_vv)
{
	xset(c, i->reg, _mm_shuffle_epi32(xget(c, i->rm), 0xa0));
}
SSE_FN(movsldup_vm)
{
	xset(c, i->reg, _mm_shuffle_epi32(ld128a(c, i), 0xa0));
}
SSE_FN(movshdup_vv)
{
	xset(c, i->reg, _mm_shuffle_epi32(xget(c, i->rm), 0xf5));
}
SSE_FN(movshdup_vm)
{
	xset(c, i->reg, _mm_shuffle_epi32(ld128a(c, i), 0xf5));
}
SSE_FN(movddup_vv)
{
	xset(c, i->reg, _mm_shuffle_epi32(xget(c, i->rm), 0x44));
}
SSE_FN(movddup_vm)
{
	xset(c, i->reg, _mm_shuffle_epi32(v64(ldm64(c, i)), 0x44));
}
handler *const x_movsldup_vw[8] = RM(movsldup_vv, movsldup_vm);
handler *const x_movshdup_vw[8] = RM(movshdup_vv, movshdup_vm);
handler *const x_movddup_vw[8] = RM(movddup_vv, movddup_vm);

/* ---- general registers ---- */

SSE_FN(movd_vr)
{
	xset(c, i->reg, v32((uint32_t)*gpr_of(c, i->rm)));
}
SSE_FN(movd_vr64)
{
	xset(c, i->reg, v64(*gpr_of(c, i->rm)));
}
SSE_FN(movd_rv)
{
	*gpr_of(c, i->rm) = xget32(c, i->reg, 0);
}
SSE_FN(movd_rv64)
{
	*gpr_of(c, i->rm) = xget64(c, i->reg, 0);
}
handler *const x_movd_ve[8] = RM2(movd_vr, movd_vr64, movss_vm, movq_vm);
handler *const x_movd_ev[8] = RM2(movd_rv, movd_rv64, movss_mv, movq_mv);

SSE_FN(movmskps)
{
	*gpr_of(c, i->reg) = (uint32_t)_mm_movemask_ps(
		_mm_castsi128_ps(xget(c, i->rm)));
}
SSE_FN(movmskpd)
{
	*gpr_of(c, i->reg) = (uint32_t)_mm_movemask_pd(
		_mm_castsi128_pd(xget(c, i->rm)));
}
SSE_FN(pmovmskb)
{
	*gpr_of(c, i->reg) = (uint32_t)_mm_movemask_epi8(xget(c, i->rm));
}
handler *const x_movmskps_gu[8] = REG_ONLY(movmskps);
handler *const x_movmskpd_gu[8] = REG_ONLY(movmskpd);
handler *const x_pmovmskb_gu[8] = REG_ONLY(pmovmskb);

/* MOVNTI needs no SSE state and knows no #NM. */
static void
movnti32(struct cpu *c, const struct insn *i)
{
	st32(c, i, ea(c, i, 4, ACC_WRITE), (uint32_t)*gpr_of(c, i->reg));
	NEXT;
}

static void
movnti64(struct cpu *c, const struct insn *i)
{
	st64(c, i, ea(c, i, 8, ACC_WRITE), *gpr_of(c, i->reg));
	NEXT;
}

handler *const x_movnti_mg[8] = RM2(0, 0, movnti32, movnti64);

/*
 * The destination is DS:rDI, or its override. Bytes whose mask is clear are
 * not touched; a page that holds none that is set does not fault.
 */
static NOINLINE void
masked_store(struct cpu *c, const struct insn *i, unsigned n,
	const uint8_t *val, const uint8_t *mask)
{
	uint64_t off = c->gpr[RDI], lin;
	unsigned k, first = n, last = 0;

	for (k = 0; k < n; k++) {
		if (!(mask[k] & 0x80))
			continue;
		if (first == n)
			first = k;
		last = k;
	}
	if (first == n)
		return;
	if (i->asize < 8)
		off &= i->asize == 4 ? 0xffffffff : 0xffff;
	lin = seg_lin(c, i, i->seg, off, n, ACC_WRITE);
	probe_write(c, i, lin + first, last - first + 1);
	for (k = first; k <= last; k++)
		if (mask[k] & 0x80)
			st8(c, i, lin + k, val[k]);
}

static void
maskmovdqu(struct cpu *c, const struct insn *i)
{
	sse_ready(c, i);
	masked_store(c, i, 16, c->xmm[i->reg], c->xmm[i->rm]);
	NEXT;
}

static void
maskmovq(struct cpu *c, const struct insn *i)
{
	mmx_ready(c, i);
	masked_store(c, i, 8, c->st[i->reg & 7], c->st[i->rm & 7]);
	mmx_touch(c);
	NEXT;
}

handler *const x_maskmovdqu_vu[8] = REG_ONLY(maskmovdqu);
handler *const x_maskmovq_pn[8] = REG_ONLY(maskmovq);
