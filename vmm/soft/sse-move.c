/* SPDX-License-Identifier: MIT */
/*
 * SSE moves: whole registers, halves, scalars, to and from general registers,
 * sign masks, non-temporal and masked stores (Intel SDM vol. 2). 16-byte
 * operands of the aligned kind raise #GP(0) when they are not.
 */
#include "vmm/soft/x87.h"

/* ---- whole registers ---- */

FP_REG(mov_vv, sse, xset(c, i->reg, xget(c, i->rm)))
FP_REG(mov_vv_back, sse, xset(c, i->rm, xget(c, i->reg)))
FP_LOAD(mova_vm, sse, a, xset(c, i->reg, v))
FP_LOAD(movu_vm, sse, u, xset(c, i->reg, v))
FP_STORE(mova_mv, sse, a, xget(c, i->reg), )
FP_STORE(movu_mv, sse, u, xget(c, i->reg), )
handler *const x_movaps_vw[8] = RM(mov_vv, mova_vm);
handler *const x_movaps_wv[8] = RM(mov_vv_back, mova_mv);
handler *const x_movups_vw[8] = RM(mov_vv, movu_vm);
handler *const x_movups_wv[8] = RM(mov_vv_back, movu_mv);
handler *const x_lddqu_vm[8] = MEM_ONLY(movu_vm);

/* ---- scalars: loads clear the rest, register moves keep it ---- */

FP_REG(movss_vv, sse, xset32(c, i->reg, 0, xget32(c, i->rm, 0)))
FP_REG(movss_vv_back, sse, xset32(c, i->rm, 0, xget32(c, i->reg, 0)))
FP_LOAD(movss_vm, sse, d, xset(c, i->reg, v32(v)))
FP_STORE(movss_mv, sse, d, xget32(c, i->reg, 0), )
FP_REG(movsd_vv, sse, xset64(c, i->reg, 0, xget64(c, i->rm, 0)))
FP_REG(movsd_vv_back, sse, xset64(c, i->rm, 0, xget64(c, i->reg, 0)))
FP_LOAD(movq_vm, sse, q, xset(c, i->reg, v64(v)))
FP_STORE(movq_mv, sse, q, xget64(c, i->reg, 0), )
FP_REG(movq_vv, sse, xset(c, i->reg, v64(xget64(c, i->rm, 0))))
FP_REG(movq_vv_back, sse, xset(c, i->rm, v64(xget64(c, i->reg, 0))))
handler *const x_movss_vw[8] = RM(movss_vv, movss_vm);
handler *const x_movss_wv[8] = RM(movss_vv_back, movss_mv);
handler *const x_movsd_vw[8] = RM(movsd_vv, movq_vm);
handler *const x_movsd_wv[8] = RM(movsd_vv_back, movq_mv);
handler *const x_movq_vw[8] = RM(movq_vv, movq_vm);
handler *const x_movq_wv[8] = RM(movq_vv_back, movq_mv);

/* ---- halves ---- */

FP_REG(movhlps_vv, sse, xset64(c, i->reg, 0, xget64(c, i->rm, 1)))
FP_LOAD(movlps_vm, sse, q, xset64(c, i->reg, 0, v))
FP_REG(movlhps_vv, sse, xset64(c, i->reg, 1, xget64(c, i->rm, 0)))
FP_LOAD(movhps_vm, sse, q, xset64(c, i->reg, 1, v))
FP_STORE(movhps_mv, sse, q, xget64(c, i->reg, 1), )
handler *const x_movlps_vw[8] = RM(movhlps_vv, movlps_vm);
handler *const x_movlps_wv[8] = MEM_ONLY(movq_mv);
handler *const x_movhps_vw[8] = RM(movlhps_vv, movhps_vm);
handler *const x_movhps_wv[8] = MEM_ONLY(movhps_mv);

#define DUP(s, how) xset(c, i->reg, _mm_shuffle_epi32(s, how))
FP_REG(movsldup_vv, sse, DUP(xget(c, i->rm), 0xa0))
FP_LOAD(movsldup_vm, sse, a, DUP(v, 0xa0))
FP_REG(movshdup_vv, sse, DUP(xget(c, i->rm), 0xf5))
FP_LOAD(movshdup_vm, sse, a, DUP(v, 0xf5))
FP_REG(movddup_vv, sse, DUP(xget(c, i->rm), 0x44))
FP_LOAD(movddup_vm, sse, q, DUP(v64(v), 0x44))
handler *const x_movsldup_vw[8] = RM(movsldup_vv, movsldup_vm);
handler *const x_movshdup_vw[8] = RM(movshdup_vv, movshdup_vm);
handler *const x_movddup_vw[8] = RM(movddup_vv, movddup_vm);

/* ---- general registers ---- */

FP_REG(movd_vr, sse, xset(c, i->reg, v32((uint32_t)*gpr_of(c, i->rm))))
FP_REG(movd_vr64, sse, xset(c, i->reg, v64(*gpr_of(c, i->rm))))
FP_REG(movd_rv, sse, *gpr_of(c, i->rm) = xget32(c, i->reg, 0))
FP_REG(movd_rv64, sse, *gpr_of(c, i->rm) = xget64(c, i->reg, 0))
handler *const x_movd_ve[8] = RM2(movd_vr, movd_vr64, movss_vm, movq_vm);
handler *const x_movd_ev[8] = RM2(movd_rv, movd_rv64, movss_mv, movq_mv);

#define SIGNS(f, cast) *gpr_of(c, i->reg) = (uint32_t)f(cast(xget(c, i->rm)))
FP_REG(movmskps, sse, SIGNS(_mm_movemask_ps, _mm_castsi128_ps))
FP_REG(movmskpd, sse, SIGNS(_mm_movemask_pd, _mm_castsi128_pd))
FP_REG(pmovmskb, sse, SIGNS(_mm_movemask_epi8, ))
handler *const x_movmskps_gu[8] = REG_ONLY(movmskps);
handler *const x_movmskpd_gu[8] = REG_ONLY(movmskpd);
handler *const x_pmovmskb_gu[8] = REG_ONLY(pmovmskb);

/* MOVNTI needs no SSE state and knows no #NM. */
static INLINE bool
no_off(const struct cpu *c)
{
	(void)c;
	return false;
}
static INLINE void
no_ready(struct cpu *c, const struct insn *i)
{
	(void)c;
	(void)i;
}
FP_STORE(movnti32, no, d, *gpr_of(c, i->reg), )
FP_STORE(movnti64, no, q, *gpr_of(c, i->reg), )
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
