/* SPDX-License-Identifier: MIT */
/*
 * The decode table's MMX and SSE rows, up to SSE4.2 (Intel SDM vol. 2D,
 * appendix A: two- and three-byte opcode maps). Left out: AVX, AES, PCLMUL,
 * SHA, SSE4a. MMX rows are not for copying: the soft CPU keeps MMX registers
 * in memory; nor are those with fixed general registers or host addresses.
 */
#include "vmm/soft/decode.h"

#include "vmm/soft/fp-names.h"

/* clang-format off */
enum {
	MMX = R_SIZE66 | R_DWORD,
	SSE = MMX | R_COPY,
	MO = R_MEMONLY,
	RO = R_REGONLY,
};

#define NONE {0}
/* xmm, xmm/m and mmx, mmx/m whose handlers have the mnemonic's name. */
#define V(mn) {#mn, x_##mn##_vw, "Vx,Wx", SSE, 0}
#define P(mn) {#mn, x_##mn##_pq, "Pq,Qq", MMX, 0}
/* One opcode for both; one for float, double, single and double scalars. */
#define PV(mn) {P(mn), V(mn)}
#define PD(mn) {V(mn##ps), V(mn##pd)}
#define ALL4(mn) {V(mn##ps), V(mn##pd), V(mn##ss), V(mn##sd)}
/* Another handler than the mnemonic's. */
#define VW(mn, fn) {mn, x_##fn##_vw, "Vx,Wx", SSE, 0}
#define WV(mn, fn) {mn, x_##fn##_wv, "Wx,Vx", SSE, 0}
#define WI(mn) {#mn, x_##mn##_vwi, "Vx,Wx,Ib", SSE, 0}
/* Moves of half registers, memory on one side. */
#define VM(mn, fn) {mn, x_##fn##_vw, "Vx,Mq", SSE | MO, 0}
#define MV(mn, fn) {mn, x_##fn##_wv, "Mq,Vx", SSE | MO, 0}
/* Non-temporal stores are plain ones here. */
#define NT(mn) {#mn, x_movaps_wv, "Mx,Vx", SSE | MO, 0}

const struct row sse_0f[256][4] = {
	[0x10] = {VW("movups", movups), VW("movupd", movups),
		V(movss), V(movsd)},
	[0x11] = {WV("movups", movups), WV("movupd", movups),
		WV("movss", movss), WV("movsd", movsd)},
	[0x12] = {VW("movhlps/movlps", movlps), VM("movlpd", movlps),
		V(movsldup), V(movddup)},
	[0x13] = {MV("movlps", movlps), MV("movlpd", movlps)},
	[0x14] = PD(unpckl),
	[0x15] = PD(unpckh),
	[0x16] = {VW("movlhps/movhps", movhps), VM("movhpd", movhps),
		V(movshdup)},
	[0x17] = {MV("movhps", movhps), MV("movhpd", movhps)},
	[0x28] = {V(movaps), VW("movapd", movaps)},
	[0x29] = {WV("movaps", movaps), WV("movapd", movaps)},
	[0x2a] = {
		{"cvtpi2ps", x_cvtpi2ps_vq, "Vx,Qq", MMX, 0},
		{"cvtpi2pd", x_cvtpi2pd_vq, "Vx,Qq", MMX, 0},
		{"cvtsi2ss", x_cvtsi2ss_ve, "Vx,Ey", SSE, 0},
		{"cvtsi2sd", x_cvtsi2sd_ve, "Vx,Ey", SSE, 0}},
	[0x2b] = {NT(movntps), NT(movntpd)},
	[0x2c] = {
		{"cvttps2pi", x_cvttps2pi_pw, "Pq,Wq", MMX, 0},
		{"cvttpd2pi", x_cvttpd2pi_pw, "Pq,Wx", MMX, 0},
		{"cvttss2si", x_cvttss2si_gw, "Gy,Wd", SSE, 0},
		{"cvttsd2si", x_cvttsd2si_gw, "Gy,Wq", SSE, 0}},
	[0x2d] = {
		{"cvtps2pi", x_cvtps2pi_pw, "Pq,Wq", MMX, 0},
		{"cvtpd2pi", x_cvtpd2pi_pw, "Pq,Wx", MMX, 0},
		{"cvtss2si", x_cvtss2si_gw, "Gy,Wd", SSE, 0},
		{"cvtsd2si", x_cvtsd2si_gw, "Gy,Wq", SSE, 0}},
	[0x2e] = {V(ucomiss), V(ucomisd)},
	[0x2f] = {V(comiss), V(comisd)},
	[0x50] = {
		{"movmskps", x_movmskps_gu, "Gd,Ux", SSE | RO, 0},
		{"movmskpd", x_movmskpd_gu, "Gd,Ux", SSE | RO, 0}},
	[0x51] = ALL4(sqrt),
	[0x52] = {V(rsqrtps), NONE, V(rsqrtss)},
	[0x53] = {V(rcpps), NONE, V(rcpss)},
	[0x54] = PD(and),
	[0x55] = PD(andn),
	[0x56] = PD(or),
	[0x57] = PD(xor),
	[0x58] = ALL4(add),
	[0x59] = ALL4(mul),
	[0x5a] = {V(cvtps2pd), V(cvtpd2ps), V(cvtss2sd), V(cvtsd2ss)},
	[0x5b] = {V(cvtdq2ps), V(cvtps2dq), V(cvttps2dq)},
	[0x5c] = ALL4(sub),
	[0x5d] = ALL4(min),
	[0x5e] = ALL4(div),
	[0x5f] = ALL4(max),
	[0x60] = PV(punpcklbw),
	[0x61] = PV(punpcklwd),
	[0x62] = PV(punpckldq),
	[0x63] = PV(packsswb),
	[0x64] = PV(pcmpgtb),
	[0x65] = PV(pcmpgtw),
	[0x66] = PV(pcmpgtd),
	[0x67] = PV(packuswb),
	[0x68] = PV(punpckhbw),
	[0x69] = PV(punpckhwd),
	[0x6a] = PV(punpckhdq),
	[0x6b] = PV(packssdw),
	[0x6c] = {NONE, V(punpcklqdq)},
	[0x6d] = {NONE, V(punpckhqdq)},
	[0x6e] = {
		{"movd", x_movd_pe, "Pd,Ey", MMX, 0},
		{"movd", x_movd_ve, "Vx,Ey", SSE, 0}},
	[0x6f] = {P(movq), VW("movdqa", movaps), VW("movdqu", movups)},
	[0x70] = {
		{"pshufw", x_pshufw_pqi, "Pq,Qq,Ib", MMX, 0},
		WI(pshufd), WI(pshufhw), WI(pshuflw)},
	[0x74] = PV(pcmpeqb),
	[0x75] = PV(pcmpeqw),
	[0x76] = PV(pcmpeqd),
	[0x77] = {{"emms", x_emms_z, "", MMX, 0}},
	[0x7c] = {NONE, V(haddpd), NONE, V(haddps)},
	[0x7d] = {NONE, V(hsubpd), NONE, V(hsubps)},
	[0x7e] = {
		{"movd", x_movd_ep, "Ey,Pd", MMX, 0},
		{"movd", x_movd_ev, "Ey,Vx", SSE, 0},
		V(movq)},
	[0x7f] = {
		{"movq", x_movq_qp, "Qq,Pq", MMX, 0},
		WV("movdqa", movaps), WV("movdqu", movups)},
	[0xc2] = {WI(cmpps), WI(cmppd), WI(cmpss), WI(cmpsd)},
	[0xc3] = {{"movnti", x_movnti_mg, "My,Gy", SSE | MO, 0}},
	[0xc4] = {
		{"pinsrw", x_pinsrw_pei, "Pq,Ed,Ib", MMX, 0},
		{"pinsrw", x_pinsrw_vei, "Vx,Ed,Ib", SSE, 0}},
	[0xc5] = {
		{"pextrw", x_pextrw_gni, "Gd,Nq,Ib", MMX | RO, 0},
		{"pextrw", x_pextrw_gui, "Gd,Ux,Ib", SSE | RO, 0}},
	[0xc6] = {WI(shufps), WI(shufpd)},
	[0xd0] = {NONE, V(addsubpd), NONE, V(addsubps)},
	[0xd1] = PV(psrlw),
	[0xd2] = PV(psrld),
	[0xd3] = PV(psrlq),
	[0xd4] = PV(paddq),
	[0xd5] = PV(pmullw),
	[0xd6] = {NONE, WV("movq", movq),
		{"movq2dq", x_movq2dq_vn, "Vx,Nq", MMX | RO, 0},
		{"movdq2q", x_movdq2q_pu, "Pq,Ux", MMX | RO, 0}},
	[0xd7] = {
		{"pmovmskb", x_pmovmskb_gn, "Gd,Nq", MMX | RO, 0},
		{"pmovmskb", x_pmovmskb_gu, "Gd,Ux", SSE | RO, 0}},
	[0xd8] = PV(psubusb),
	[0xd9] = PV(psubusw),
	[0xda] = PV(pminub),
	[0xdb] = PV(pand),
	[0xdc] = PV(paddusb),
	[0xdd] = PV(paddusw),
	[0xde] = PV(pmaxub),
	[0xdf] = PV(pandn),
	[0xe0] = PV(pavgb),
	[0xe1] = PV(psraw),
	[0xe2] = PV(psrad),
	[0xe3] = PV(pavgw),
	[0xe4] = PV(pmulhuw),
	[0xe5] = PV(pmulhw),
	[0xe6] = {NONE, V(cvttpd2dq), V(cvtdq2pd), V(cvtpd2dq)},
	[0xe7] = {{"movntq", x_movq_qp, "Mq,Pq", MMX | MO, 0}, NT(movntdq)},
	[0xe8] = PV(psubsb),
	[0xe9] = PV(psubsw),
	[0xea] = PV(pminsw),
	[0xeb] = PV(por),
	[0xec] = PV(paddsb),
	[0xed] = PV(paddsw),
	[0xee] = PV(pmaxsw),
	[0xef] = PV(pxor),
	[0xf0] = {NONE, NONE, NONE, {"lddqu", x_lddqu_vm, "Vx,Mx", SSE | MO, 0}},
	[0xf1] = PV(psllw),
	[0xf2] = PV(pslld),
	[0xf3] = PV(psllq),
	[0xf4] = PV(pmuludq),
	[0xf5] = PV(pmaddwd),
	[0xf6] = PV(psadbw),
	[0xf7] = {
		{"maskmovq", x_maskmovq_pn, "Pq,Nq", MMX | RO, 0},
		{"maskmovdqu", x_maskmovdqu_vu, "Vx,Ux", MMX | RO, 0}},
	[0xf8] = PV(psubb),
	[0xf9] = PV(psubw),
	[0xfa] = PV(psubd),
	[0xfb] = PV(psubq),
	[0xfc] = PV(paddb),
	[0xfd] = PV(paddw),
	[0xfe] = PV(paddd),
};

#define V66(mn) {NONE, V(mn)}

const struct row sse_0f38[256][4] = {
	[0x00] = PV(pshufb),
	[0x01] = PV(phaddw),
	[0x02] = PV(phaddd),
	[0x03] = PV(phaddsw),
	[0x04] = PV(pmaddubsw),
	[0x05] = PV(phsubw),
	[0x06] = PV(phsubd),
	[0x07] = PV(phsubsw),
	[0x08] = PV(psignb),
	[0x09] = PV(psignw),
	[0x0a] = PV(psignd),
	[0x0b] = PV(pmulhrsw),
	/* XMM0 is the mask: fixed, but an xmm register. */
	[0x10] = V66(pblendvb),
	[0x14] = V66(blendvps),
	[0x15] = V66(blendvpd),
	[0x17] = V66(ptest),
	[0x1c] = PV(pabsb),
	[0x1d] = PV(pabsw),
	[0x1e] = PV(pabsd),
	[0x20] = V66(pmovsxbw),
	[0x21] = V66(pmovsxbd),
	[0x22] = V66(pmovsxbq),
	[0x23] = V66(pmovsxwd),
	[0x24] = V66(pmovsxwq),
	[0x25] = V66(pmovsxdq),
	[0x28] = V66(pmuldq),
	[0x29] = V66(pcmpeqq),
	[0x2a] = {NONE, {"movntdqa", x_movaps_vw, "Vx,Mx", SSE | MO, 0}},
	[0x2b] = V66(packusdw),
	[0x30] = V66(pmovzxbw),
	[0x31] = V66(pmovzxbd),
	[0x32] = V66(pmovzxbq),
	[0x33] = V66(pmovzxwd),
	[0x34] = V66(pmovzxwq),
	[0x35] = V66(pmovzxdq),
	[0x37] = V66(pcmpgtq),
	[0x38] = V66(pminsb),
	[0x39] = V66(pminsd),
	[0x3a] = V66(pminuw),
	[0x3b] = V66(pminud),
	[0x3c] = V66(pmaxsb),
	[0x3d] = V66(pmaxsd),
	[0x3e] = V66(pmaxuw),
	[0x3f] = V66(pmaxud),
	[0x40] = V66(pmulld),
	[0x41] = V66(phminposuw),
	/* With 66 as well the source is 16 bits. */
	[0xf0] = {NONE, NONE, NONE, {"crc32", x_crc32b_ge, "Gy,Eb", R_COPY, 0}},
	[0xf1] = {NONE, NONE, NONE, {"crc32", x_crc32_ge, "Gy,Ev", R_COPY, 0}},
};

#define WI66(mn) {NONE, WI(mn)}
#define STR66(mn) {NONE, {#mn, x_##mn##_vwi, "Vx,Wx,Ib", MMX, 0}}

const struct row sse_0f3a[256][4] = {
	[0x08] = WI66(roundps),
	[0x09] = WI66(roundpd),
	[0x0a] = WI66(roundss),
	[0x0b] = WI66(roundsd),
	[0x0c] = WI66(blendps),
	[0x0d] = WI66(blendpd),
	[0x0e] = WI66(pblendw),
	[0x0f] = {{"palignr", x_palignr_pqi, "Pq,Qq,Ib", MMX, 0}, WI(palignr)},
	[0x14] = {NONE, {"pextrb", x_pextrb_evi, "Ed,Vx,Ib", SSE, 0}},
	[0x15] = {NONE, {"pextrw", x_pextrw_evi, "Ed,Vx,Ib", SSE, 0}},
	[0x16] = {NONE, {"pextrd", x_pextrd_evi, "Ey,Vx,Ib", SSE, 0}},
	[0x17] = {NONE, {"extractps", x_extractps_evi, "Ed,Vx,Ib", SSE, 0}},
	[0x20] = {NONE, {"pinsrb", x_pinsrb_vei, "Vx,Ed,Ib", SSE, 0}},
	[0x21] = WI66(insertps),
	[0x22] = {NONE, {"pinsrd", x_pinsrd_vei, "Vx,Ey,Ib", SSE, 0}},
	[0x40] = WI66(dpps),
	[0x41] = WI66(dppd),
	[0x42] = WI66(mpsadbw),
	[0x60] = STR66(pcmpestrm),
	[0x61] = STR66(pcmpestri),
	[0x62] = STR66(pcmpistrm),
	[0x63] = STR66(pcmpistri),
};

/* Shifts by an immediate: mmx and xmm. */
#define SH(mn)                                                                 \
	{                                                                      \
		{#mn, x_##mn##_ni, "Nq,Ib", MMX | RO, 0},                         \
		{#mn, x_##mn##_ui, "Ux,Ib", SSE | RO, 0},                         \
	}

const struct row sse_group[3][8][4] = {
	{[2] = SH(psrlw), [4] = SH(psraw), [6] = SH(psllw)},
	{[2] = SH(psrld), [4] = SH(psrad), [6] = SH(pslld)},
	{[2] = SH(psrlq),
		[3] = {NONE, {"psrldq", x_psrldq_ui, "Ux,Ib", SSE | RO, 0}},
		[6] = SH(psllq),
		[7] = {NONE, {"pslldq", x_pslldq_ui, "Ux,Ib", SSE | RO, 0}}},
};

const struct row sse_0fae[8] = {
	[0] = {"fxsave", x_fxsave_m, "Mx", R_DWORD | R_SIZE66 | MO, 0},
	[1] = {"fxrstor", x_fxrstor_m, "Mx", R_DWORD | R_SIZE66 | MO, 0},
	[2] = {"ldmxcsr", x_ldmxcsr_m, "Md", R_DWORD | R_SIZE66 | MO, 0},
	[3] = {"stmxcsr", x_stmxcsr_m, "Md", R_DWORD | R_SIZE66 | MO, 0},
};
