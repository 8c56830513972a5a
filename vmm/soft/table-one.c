/* SPDX-License-Identifier: MIT */
/*
 * The one-byte opcode map (Intel SDM vol. 2D, tables ), as the
 * decoder's table. Prefixes, 0F and D8..DF never reach these rows. VEX, EVEX
 * and XOP are undefined here: the CPU has no AVX.
 */
#include "vmm/soft/decode.h"
#include "vmm/soft/handlers.h"

/* WAIT lives here, being a check and nothing else. */
static void
fwait(struct cpu *c, const struct insn *i)
{
	fpu_check(c, i, FPU_WAIT);
	NEXT;
}
static handler *const x_fwait_z[8] = ALL8(fwait);

/* clang-format off */

/* Six rows of an ALU operation, as at 00..05. */
#define ALU(at, n, lock)                                                       \
	[(at) + 0] = ROW(#n, n##_er, EbGb, R_BYTE | R_COPY | (lock)),          \
	[(at) + 1] = ROW(#n, n##_er, EvGv, R_COPY | (lock)),                   \
	[(at) + 2] = ROW(#n, n##_re, GbEb, R_BYTE | R_COPY),                   \
	[(at) + 3] = ROW(#n, n##_re, GvEv, R_COPY),                            \
	[(at) + 4] = ROW(#n, n##_ei, ALIb, R_BYTE | R_COPY),                   \
	[(at) + 5] = ROW(#n, n##_ei, AxIz, R_COPY)

#define INC(at, n)                                                             \
	[(at) ... (at) + 7] = ROW(#n, n##_e, Zv, R_NO64)
#define JCC(at, n)                                                             \
	[at] = ROW(n, jcc_i, Jb, R_END | R_FORCE64)

const struct row row_one[256] = {
	ALU(0x00, add, R_LOCK),
	[0x06] = ROW("push", push_s, Sw, R_NO64),
	[0x07] = ROW("pop", pop_s, Sw, R_NO64 | R_END),
	ALU(0x08, or, R_LOCK),
	[0x0e] = ROW("push", push_s, Sw, R_NO64),
	ALU(0x10, adc, R_LOCK),
	[0x16] = ROW("push", push_s, Sw, R_NO64),
	[0x17] = ROW("pop", pop_s, Sw, R_NO64 | R_END),
	ALU(0x18, sbb, R_LOCK),
	[0x1e] = ROW("push", push_s, Sw, R_NO64),
	[0x1f] = ROW("pop", pop_s, Sw, R_NO64 | R_END),
	ALU(0x20, and, R_LOCK),
	[0x27] = ROW("daa", daa_z, NONE, R_NO64 | R_BYTE),
	ALU(0x28, sub, R_LOCK),
	[0x2f] = ROW("das", das_z, NONE, R_NO64 | R_BYTE),
	ALU(0x30, xor, R_LOCK),
	[0x37] = ROW("aaa", aaa_z, NONE, R_NO64 | R_BYTE),
	ALU(0x38, cmp, 0),
	[0x3f] = ROW("aas", aas_z, NONE, R_NO64 | R_BYTE),

	INC(0x40, inc),
	INC(0x48, dec),
	[0x50 ... 0x57] = ROW("push", push_e, Zv, R_DEF64),
	[0x58 ... 0x5f] = ROW("pop", pop_e, Zv, R_DEF64),

	[0x60] = ROW("pusha", pusha_z, NONE, R_NO64),
	[0x61] = ROW("popa", popa_z, NONE, R_NO64),
	[0x62] = ROW("bound", bound_re, GvM, R_NO64 | R_MEMONLY),
	[0x63] = GROUP(G_63, 0),
	[0x68] = ROW("push", push_i, Iz, R_DEF64),
	[0x69] = ROW("imul", imul_rei, GvEvIz, R_COPY),
	[0x6a] = ROW("push", push_i, Ib, R_DEF64),
	[0x6b] = ROW("imul", imul_rei, GvEvIb, R_COPY),
	[0x6c] = ROW("ins", ins_z, NONE, R_BYTE | R_END),
	[0x6d] = ROW("ins", ins_z, NONE, R_END | R_MAX32),
	[0x6e] = ROW("outs", outs_z, NONE, R_BYTE | R_END),
	[0x6f] = ROW("outs", outs_z, NONE, R_END | R_MAX32),

	JCC(0x70, "jo"), JCC(0x71, "jno"), JCC(0x72, "jb"), JCC(0x73, "jnb"),
	JCC(0x74, "jz"), JCC(0x75, "jnz"), JCC(0x76, "jbe"), JCC(0x77, "jnbe"),
	JCC(0x78, "js"), JCC(0x79, "jns"), JCC(0x7a, "jp"), JCC(0x7b, "jnp"),
	JCC(0x7c, "jl"), JCC(0x7d, "jnl"), JCC(0x7e, "jle"), JCC(0x7f, "jnle"),

	[0x80] = GROUP(G_ALU_B, 0),
	[0x81] = GROUP(G_ALU_Z, 0),
	[0x82] = GROUP(G_ALU_B, R_NO64),
	[0x83] = GROUP(G_ALU_S, 0),
	[0x84] = ROW("test", test_er, EbGb, R_BYTE | R_COPY),
	[0x85] = ROW("test", test_er, EvGv, R_COPY),
	[0x86] = ROW("xchg", xchg_er, EbGb, R_BYTE | R_LOCK | R_LOCKED),
	[0x87] = ROW("xchg", xchg_er, EvGv, R_LOCK | R_LOCKED),
	[0x88] = ROW("mov", mov_er, EbGb, R_BYTE | R_COPY),
	[0x89] = ROW("mov", mov_er, EvGv, R_COPY),
	[0x8a] = ROW("mov", mov_re, GbEb, R_BYTE | R_COPY),
	[0x8b] = ROW("mov", mov_re, GvEv, R_COPY),
	[0x8c] = ROW("mov", mov_es, EvSw, 0),
	[0x8d] = ROW("lea", lea_re, GvM, R_MEMONLY | R_COPY),
	[0x8e] = ROW("mov", mov_se, SwEw, R_WORD | R_END),
	[0x8f] = GROUP(G_POP, 0),

	[0x90] = GROUP(G_90, 0),
	[0x91 ... 0x97] = ROW("xchg", xchg_er, ZvAx, 0),
	[0x98] = ROW("cbw", cbw_z, NONE, 0),
	[0x99] = ROW("cwd", cwd_z, NONE, 0),
	[0x9a] = ROW("callf", callf_i, Ap, R_NO64 | R_END),
	[0x9b] = ROW("fwait", fwait_z, NONE, 0),
	[0x9c] = ROW("pushf", pushf_z, NONE, R_DEF64),
	[0x9d] = ROW("popf", popf_z, NONE, R_DEF64 | R_END),
	[0x9e] = ROW("sahf", sahf_z, NONE, 0),
	[0x9f] = ROW("lahf", lahf_z, NONE, 0),
	[0xa0] = ROW("mov", mov_re, ALOb, R_BYTE),
	[0xa1] = ROW("mov", mov_re, AxOv, 0),
	[0xa2] = ROW("mov", mov_er, ObAL, R_BYTE),
	[0xa3] = ROW("mov", mov_er, OvAx, 0),
	[0xa4] = ROW("movs", movs_z, NONE, R_BYTE | R_ENDREP),
	[0xa5] = ROW("movs", movs_z, NONE, R_ENDREP),
	[0xa6] = ROW("cmps", cmps_z, NONE, R_BYTE | R_ENDREP),
	[0xa7] = ROW("cmps", cmps_z, NONE, R_ENDREP),
	[0xa8] = ROW("test", test_ei, ALIb, R_BYTE | R_COPY),
	[0xa9] = ROW("test", test_ei, AxIz, R_COPY),
	[0xaa] = ROW("stos", stos_z, NONE, R_BYTE | R_ENDREP),
	[0xab] = ROW("stos", stos_z, NONE, R_ENDREP),
	[0xac] = ROW("lods", lods_z, NONE, R_BYTE | R_ENDREP),
	[0xad] = ROW("lods", lods_z, NONE, R_ENDREP),
	[0xae] = ROW("scas", scas_z, NONE, R_BYTE | R_ENDREP),
	[0xaf] = ROW("scas", scas_z, NONE, R_ENDREP),

	[0xb0 ... 0xb7] = ROW("mov", mov_ei, ZbIb, R_BYTE | R_COPY),
	[0xb8 ... 0xbf] = ROW("mov", mov_ei, ZvIv, R_COPY),

	[0xc0] = GROUP(G_SHIFT_BI, 0),
	[0xc1] = GROUP(G_SHIFT_VI, 0),
	[0xc2] = ROW("ret", ret_i, Iw, R_FORCE64 | R_END),
	[0xc3] = ROW("ret", ret_z, NONE, R_FORCE64 | R_END),
	[0xc4] = ROW("les", lds_re, GvM, R_NO64 | R_MEMONLY | R_END),
	[0xc5] = ROW("lds", lds_re, GvM, R_NO64 | R_MEMONLY | R_END),
	[0xc6] = GROUP(G_MOV_B, 0),
	[0xc7] = GROUP(G_MOV_V, 0),
	[0xc8] = ROW("enter", enter_i, IwIb, R_DEF64),
	[0xc9] = ROW("leave", leave_z, NONE, R_DEF64),
	[0xca] = ROW("retf", retf_i, Iw, R_END),
	[0xcb] = ROW("retf", retf_z, NONE, R_END),
	[0xcc] = ROW("int3", int3_z, NONE, R_END),
	[0xcd] = ROW("int", int_i, Ib, R_END),
	[0xce] = ROW("into", into_z, NONE, R_NO64 | R_END),
	[0xcf] = ROW("iret", iret_z, NONE, R_END),

	[0xd0] = GROUP(G_SHIFT_B1, 0),
	[0xd1] = GROUP(G_SHIFT_V1, 0),
	[0xd2] = GROUP(G_SHIFT_BC, 0),
	[0xd3] = GROUP(G_SHIFT_VC, 0),
	[0xd4] = ROW("aam", aam_i, Ib, R_NO64 | R_BYTE),
	[0xd5] = ROW("aad", aad_i, Ib, R_NO64 | R_BYTE),
	[0xd6] = ROW("salc", salc_z, NONE, R_NO64 | R_BYTE),
	[0xd7] = ROW("xlat", xlat_z, NONE, R_BYTE),

	[0xe0] = ROW("loopne", loopne_i, Jb, R_FORCE64 | R_END),
	[0xe1] = ROW("loope", loope_i, Jb, R_FORCE64 | R_END),
	[0xe2] = ROW("loop", loop_i, Jb, R_FORCE64 | R_END),
	[0xe3] = ROW("jcxz", jcxz_i, Jb, R_FORCE64 | R_END),
	[0xe4] = ROW("in", in_i, Ib, R_BYTE | R_END),
	[0xe5] = ROW("in", in_i, Ib, R_MAX32 | R_END),
	[0xe6] = ROW("out", out_i, Ib, R_BYTE | R_END),
	[0xe7] = ROW("out", out_i, Ib, R_MAX32 | R_END),
	[0xe8] = ROW("call", call_i, Jz, R_FORCE64 | R_END),
	[0xe9] = ROW("jmp", jmp_i, Jz, R_FORCE64 | R_END),
	[0xea] = ROW("jmpf", jmpf_i, Ap, R_NO64 | R_END),
	[0xeb] = ROW("jmp", jmp_i, Jb, R_FORCE64 | R_END),
	[0xec] = ROW("in", in_z, NONE, R_BYTE | R_END),
	[0xed] = ROW("in", in_z, NONE, R_MAX32 | R_END),
	[0xee] = ROW("out", out_z, NONE, R_BYTE | R_END),
	[0xef] = ROW("out", out_z, NONE, R_MAX32 | R_END),

	[0xf1] = ROW("int1", int1_z, NONE, R_END),
	[0xf4] = ROW("hlt", hlt_z, NONE, R_END),
	[0xf5] = ROW("cmc", cmc_z, NONE, R_COPY),
	[0xf6] = GROUP(G_UNARY_B, 0),
	[0xf7] = GROUP(G_UNARY_V, 0),
	[0xf8] = ROW("clc", clc_z, NONE, R_COPY),
	[0xf9] = ROW("stc", stc_z, NONE, R_COPY),
	[0xfa] = ROW("cli", cli_z, NONE, 0),
	[0xfb] = ROW("sti", sti_z, NONE, R_END),
	[0xfc] = ROW("cld", cld_z, NONE, 0),
	[0xfd] = ROW("std", std_z, NONE, 0),
	[0xfe] = GROUP(G_INC_B, 0),
	[0xff] = GROUP(G_INC_V, 0),
};

#define ALU_GROUP(form, fl)                                                    \
	{                                                                      \
		ROW("add", add_ei, form, R_LOCK | R_COPY | (fl)),              \
		ROW("or", or_ei, form, R_LOCK | R_COPY | (fl)),                \
		ROW("adc", adc_ei, form, R_LOCK | R_COPY | (fl)),              \
		ROW("sbb", sbb_ei, form, R_LOCK | R_COPY | (fl)),              \
		ROW("and", and_ei, form, R_LOCK | R_COPY | (fl)),              \
		ROW("sub", sub_ei, form, R_LOCK | R_COPY | (fl)),              \
		ROW("xor", xor_ei, form, R_LOCK | R_COPY | (fl)),              \
		ROW("cmp", cmp_ei, form, R_COPY | (fl)),                       \
	}
/* /6 is another SHL */
#define SHIFT_GROUP(x, form, fl)                                               \
	{                                                                      \
		ROW("rol", rol_##x, form, R_COPY | (fl)),                      \
		ROW("ror", ror_##x, form, R_COPY | (fl)),                      \
		ROW("rcl", rcl_##x, form, R_COPY | (fl)),                      \
		ROW("rcr", rcr_##x, form, R_COPY | (fl)),                      \
		ROW("shl", shl_##x, form, R_COPY | (fl)),                      \
		ROW("shr", shr_##x, form, R_COPY | (fl)),                      \
		ROW("shl", shl_##x, form, R_COPY | (fl)),                      \
		ROW("sar", sar_##x, form, R_COPY | (fl)),                      \
	}
/* /1 is another TEST */
#define UNARY_GROUP(form, test_form, fl)                                       \
	{                                                                      \
		ROW("test", test_ei, test_form, R_COPY | (fl)),                \
		ROW("test", test_ei, test_form, R_COPY | (fl)),                \
		ROW("not", not_e, form, R_LOCK | R_COPY | (fl)),               \
		ROW("neg", neg_e, form, R_LOCK | R_COPY | (fl)),               \
		ROW("mul", mul_e, form, fl),                                   \
		ROW("imul", imul_e, form, fl),                                 \
		ROW("div", div_e, form, fl),                                   \
		ROW("idiv", idiv_e, form, fl),                                 \
	}

const struct row row_group[G_0F][8] = {
	[G_ALU_B] = ALU_GROUP(EbIb, R_BYTE),
	[G_ALU_Z] = ALU_GROUP(EvIz, 0),
	[G_ALU_S] = ALU_GROUP(EvIb, 0),
	[G_POP] = {ROW("pop", pop_e, Ev, R_DEF64)},
	[G_SHIFT_BI] = SHIFT_GROUP(ei, EbIb, R_BYTE),
	[G_SHIFT_VI] = SHIFT_GROUP(ei, EvIb, 0),
	[G_SHIFT_B1] = SHIFT_GROUP(ei, Eb1, R_BYTE),
	[G_SHIFT_V1] = SHIFT_GROUP(ei, Ev1, 0),
	[G_SHIFT_BC] = SHIFT_GROUP(ec, EbCL, R_BYTE),
	[G_SHIFT_VC] = SHIFT_GROUP(ec, EvCL, 0),
	[G_MOV_B] = {ROW("mov", mov_ei, EbIb, R_BYTE | R_COPY)},
	[G_MOV_V] = {ROW("mov", mov_ei, EvIz, R_COPY)},
	[G_UNARY_B] = UNARY_GROUP(Eb, EbIb, R_BYTE),
	[G_UNARY_V] = UNARY_GROUP(Ev, EvIz, 0),
	[G_INC_B] = {
		ROW("inc", inc_e, Eb, R_LOCK | R_COPY | R_BYTE),
		ROW("dec", dec_e, Eb, R_LOCK | R_COPY | R_BYTE),
	},
	[G_INC_V] = {
		ROW("inc", inc_e, Ev, R_LOCK | R_COPY),
		ROW("dec", dec_e, Ev, R_LOCK | R_COPY),
		ROW("call", call_e, Ev, R_FORCE64 | R_END),
		ROW("callf", callf_e, M, R_MEMONLY | R_END),
		ROW("jmp", jmp_e, Ev, R_FORCE64 | R_END),
		ROW("jmpf", jmpf_e, M, R_MEMONLY | R_END),
		ROW("push", push_e, Ev, R_DEF64),
	},
	[G_63] = {
		ROW("movsxd", movsxd_re, GvEd, R_COPY),
		ROW("arpl", arpl_er, EwGw, R_WORD),
	},
	[G_90] = {
		ROW("nop", nop_z, NONE, R_COPY),
		ROW("nop", nop_z, NONE, R_COPY),
		ROW("pause", pause_z, NONE, 0),
		ROW("nop", nop_z, NONE, R_COPY),
	},
};
