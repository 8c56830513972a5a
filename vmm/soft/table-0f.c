/* SPDX-License-Identifier: MIT */
/*
 * The two-byte opcode map, 0F xx (Intel SDM vol. 2D, tables ), but
 * for MMX and SSE, as the decoder's table. What CPUID does not announce is
 * undefined: VMX, SMX, TSX, CET, RDRAND, RDSEED, RDPID, CLFLUSHOPT, CLWB, PKU,
 * XSAVE. TZCNT and LZCNT run as BSF and BSR, MPX and CET hints as NOP, as they
 * do on CPUs without them.
 */
#include "vmm/soft/decode.h"
#include "vmm/soft/handlers.h"

/* clang-format off */

#define CMOV(at, n)                                                            \
	[0x40 + (at)] = ROW("cmov" n, cmovcc_re, GvEv, R_COPY)
#define JCC(at, n)                                                             \
	[0x80 + (at)] = ROW("j" n, jcc_i, Jz, R_END | R_FORCE64)
#define SETCC(at, n)                                                           \
	[0x90 + (at)] = ROW("set" n, setcc_e, Eb, R_BYTE | R_COPY)
#define CONDITIONS(x)                                                          \
	x(0, "o"), x(1, "no"), x(2, "b"), x(3, "nb"),                          \
	x(4, "z"), x(5, "nz"), x(6, "be"), x(7, "nbe"),                        \
	x(8, "s"), x(9, "ns"), x(10, "p"), x(11, "np"),                        \
	x(12, "l"), x(13, "nl"), x(14, "le"), x(15, "nle")
/* MOV CR and DR: 64 bits in 64-bit code, else 32 */
#define MOV_SYS(h, form)                                                       \
	ROW("mov", h, form, R_FORCE64 | R_DWORD | R_END)

const struct row row_0f[256] = {
	[0x00] = GROUP(G_0F00, 0),
	[0x01] = GROUP(G_0F01, 0),
	[0x02] = ROW("lar", lar_re, GvEw, 0),
	[0x03] = ROW("lsl", lsl_re, GvEw, 0),
	[0x05] = ROW("syscall", syscall_z, NONE, R_ONLY64 | R_END),
	[0x06] = ROW("clts", clts_z, NONE, R_END),
	[0x07] = ROW("sysret", sysret_z, NONE, R_ONLY64 | R_DWORD | R_END),
	[0x08] = ROW("invd", invd_z, NONE, R_END),
	[0x09] = ROW("wbinvd", wbinvd_z, NONE, R_END),
	[0x0b] = ROW("ud2", ud, NONE, R_END),
	[0x0d] = ROW("prefetchw", nop_e, EvGv, 0),
	[0x18 ... 0x1f] = ROW("nop", nop_e, EvGv, 0),
	[0x20] = MOV_SYS(mov_ec, RyCy),
	[0x21] = MOV_SYS(mov_ed, RyDy),
	[0x22] = MOV_SYS(mov_ce, CyRy),
	[0x23] = MOV_SYS(mov_de, DyRy),
	[0x30] = ROW("wrmsr", wrmsr_z, NONE, R_END),
	[0x31] = ROW("rdtsc", rdtsc_z, NONE, 0),
	[0x32] = ROW("rdmsr", rdmsr_z, NONE, 0),
	[0x33] = ROW("rdpmc", rdpmc_z, NONE, 0),
	[0x34] = ROW("sysenter", sysenter_z, NONE, R_END),
	[0x35] = ROW("sysexit", sysexit_z, NONE, R_DWORD | R_END),
	CONDITIONS(CMOV),
	[0x71] = GROUP(G_SSE, 0),
	[0x72] = GROUP(G_SSE, 0),
	[0x73] = GROUP(G_SSE, 0),
	CONDITIONS(JCC),
	CONDITIONS(SETCC),
	[0xa0] = ROW("push", push_s, Sw, R_DEF64),
	[0xa1] = ROW("pop", pop_s, Sw, R_DEF64 | R_END),
	[0xa2] = ROW("cpuid", cpuid_z, NONE, 0),
	[0xa3] = ROW("bt", bt_er, EvGv, 0),
	[0xa4] = ROW("shld", shld_eri, EvGvIb, R_COPY),
	[0xa5] = ROW("shld", shld_erc, EvGvCL, R_COPY),
	[0xa8] = ROW("push", push_s, Sw, R_DEF64),
	[0xa9] = ROW("pop", pop_s, Sw, R_DEF64 | R_END),
	[0xaa] = ROW("rsm", rsm_z, NONE, R_END),
	[0xab] = ROW("bts", bts_er, EvGv, R_LOCK),
	[0xac] = ROW("shrd", shrd_eri, EvGvIb, R_COPY),
	[0xad] = ROW("shrd", shrd_erc, EvGvCL, R_COPY),
	[0xae] = GROUP(G_0FAE, 0),
	[0xaf] = ROW("imul", imul_re, GvEv, R_COPY),
	[0xb0] = ROW("cmpxchg", cmpxchg_er, EbGb, R_BYTE | R_LOCK),
	[0xb1] = ROW("cmpxchg", cmpxchg_er, EvGv, R_LOCK),
	[0xb2] = ROW("lss", lds_re, GvM, R_MEMONLY | R_END),
	[0xb3] = ROW("btr", btr_er, EvGv, R_LOCK),
	[0xb4] = ROW("lfs", lds_re, GvM, R_MEMONLY | R_END),
	[0xb5] = ROW("lgs", lds_re, GvM, R_MEMONLY | R_END),
	[0xb6] = ROW("movzx", movzx8_re, GvEb, R_COPY),
	[0xb7] = ROW("movzx", movzx16_re, GvEw, R_COPY),
	[0xb8] = GROUP(G_0FB8, 0),
	[0xb9] = ROW("ud1", ud, GvEv, R_END),
	[0xba] = GROUP(G_0FBA, 0),
	[0xbb] = ROW("btc", btc_er, EvGv, R_LOCK),
	[0xbc] = ROW("bsf", bsf_re, GvEv, 0),
	[0xbd] = ROW("bsr", bsr_re, GvEv, 0),
	[0xbe] = ROW("movsx", movsx8_re, GvEb, R_COPY),
	[0xbf] = ROW("movsx", movsx16_re, GvEw, R_COPY),
	[0xc0] = ROW("xadd", xadd_er, EbGb, R_BYTE | R_LOCK),
	[0xc1] = ROW("xadd", xadd_er, EvGv, R_LOCK),
	[0xc7] = GROUP(G_0FC7_MEM, 0),
	[0xc8 ... 0xcf] = ROW("bswap", bswap_e, Zv, R_COPY),
	[0xff] = ROW("ud0", ud, GvEv, R_END),
};

#define G(group) [(group) - G_0F]

const struct row row_group_0f[G_0F_END - G_0F][8] = {
	G(G_0F00) = {
		ROW("sldt", sldt_e, EvM16, 0),
		ROW("str", str_e, EvM16, 0),
		ROW("lldt", lldt_e, Ew, R_WORD),
		ROW("ltr", ltr_e, Ew, R_WORD),
		ROW("verr", verr_e, Ew, R_WORD),
		ROW("verw", verw_e, Ew, R_WORD),
	},
	G(G_0FBA) = {
		[4] = ROW("bt", bt_ei, EvIb, 0),
		[5] = ROW("bts", bts_ei, EvIb, R_LOCK),
		[6] = ROW("btr", btr_ei, EvIb, R_LOCK),
		[7] = ROW("btc", btc_ei, EvIb, R_LOCK),
	},
	G(G_0FC7_MEM) = {
		[1] = ROW("cmpxchg8b", cmpxchg8b_e, M,
			R_DWORD | R_MEMONLY | R_LOCK),
	},
	G(G_0F01_MEM) = {
		ROW("sgdt", sgdt_e, M, R_FORCE64),
		ROW("sidt", sidt_e, M, R_FORCE64),
		ROW("lgdt", lgdt_e, M, R_FORCE64),
		ROW("lidt", lidt_e, M, R_FORCE64),
		ROW("smsw", smsw_e, EvM16, 0),
		[6] = ROW("lmsw", lmsw_e, Ew, R_WORD | R_END),
		[7] = ROW("invlpg", invlpg_e, M, R_END),
	},
	G(G_0F01_REG + 0) = {
		[1] = ROW("vmcall", vmcall_z, Ev, R_END | R_NP),
	},
	G(G_0F01_REG + 1) = {
		ROW("monitor", monitor_z, Ev, R_END | R_NP),
		ROW("mwait", mwait_z, Ev, R_END | R_NP),
		ROW("clac", clac_z, Ev, R_END | R_NP),
		ROW("stac", stac_z, Ev, R_END | R_NP),
	},
	G(G_0F01_REG + 2) = {
		ROW("xgetbv", xgetbv_z, Ev, R_NP),
		ROW("xsetbv", xsetbv_z, Ev, R_END | R_NP),
	},
	G(G_0F01_REG + 4) = {
		[0 ... 7] = ROW("smsw", smsw_e, EvM16, 0),
	},
	G(G_0F01_REG + 6) = {
		[0 ... 7] = ROW("lmsw", lmsw_e, Ew, R_WORD | R_END),
	},
	G(G_0F01_REG + 7) = {
		ROW("swapgs", swapgs_z, Ev, R_ONLY64),
		ROW("rdtscp", rdtscp_z, Ev, 0),
	},
	G(G_0FAE_REG) = {
		[5] = ROW("lfence", fence_z, Ev, R_COPY),
		[6] = ROW("mfence", fence_z, Ev, R_COPY),
		[7] = ROW("sfence", fence_z, Ev, R_COPY),
	},
	G(G_0FAE_F3) = {
		ROW("rdfsbase", rdfsbase_e, Ev, R_ONLY64 | R_DWORD),
		ROW("rdgsbase", rdgsbase_e, Ev, R_ONLY64 | R_DWORD),
		ROW("wrfsbase", wrfsbase_e, Ev, R_ONLY64 | R_DWORD),
		ROW("wrgsbase", wrgsbase_e, Ev, R_ONLY64 | R_DWORD),
	},
	G(G_0FAE_MEM) = {
		[7] = ROW("clflush", clflush_e, M, R_MEMONLY),
	},
	G(G_0FB8) = {
		[2] = ROW("popcnt", popcnt_re, GvEv, R_COPY),
	},
};
