/* SPDX-License-Identifier: MIT */
/*
 * The handlers that table-sse.c and table-x87.c name, by the file that has
 * them, in the manner of handlers.h. Forms: v xmm reg, w xmm or memory, u xmm
 * only, p q n the same for MMX, e g general, m memory, i immediate; of x87: st
 * with ST(i), to into ST(i), pop and pops, m and mi memory by kind and size.
 * Lists of instructions with one pattern also serve to define them.
 */
#ifndef VMM_SOFT_FP_NAMES_H
#define VMM_SOFT_FP_NAMES_H

#include "vmm/soft/handlers.h"

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
