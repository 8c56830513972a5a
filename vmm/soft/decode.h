/* SPDX-License-Identifier: MIT */
/*
 * The decode table's form. Opcode maps: one-byte, 0F, 0F 38, 0F 3A; rows that
 * a mandatory prefix (none 66 F3 F2) or ModRM.reg, ModRM.mod or ModRM.rm
 * selects. SDM vol. 2A appendix A. table-one.c and table-0f.c have the general
 * and system instructions; table-sse.c (0F, 0F 38, 0F 3A with MMX and SSE) and
 * table-x87.c (D8..DF) the rest; decode.c finds the row and reads operands.
 *
 * struct row's operands, separated by commas, in the SDM's letters:
 *   E rm (general), G reg (general), M memory only, R register only,
 *   I immediate, J relative, O moffs, A far pointer, Z register in the opcode's
 *   low 3 bits (an rm without I_MEM), S segment reg, C control reg, D debug
 * reg, V xmm reg, W xmm or memory, U xmm only, P mmx reg, Q mmx or memory, N
 * mmx only, 1 the constant 1, a lower-case fixed register's name (al, cl, dx,
 *   eax = by size: decodes as a register rm), X and Y string operands
 * followed by a size: b w d q v (16, 32, 64 by operand size) z (16, 32; imm32
 *   sign-extended in 64-bit) y (32, 64) p (far pointer) x dq (16 bytes) or any
 *   comment for the handler's own use.
 */
#ifndef VMM_SOFT_DECODE_H
#define VMM_SOFT_DECODE_H

#include "vmm/soft/handlers.h"

enum { /* row.flags */
	R_END = 1, /* ends a block */
	R_LOCK = 2, /* LOCK is legal with a memory destination */
	R_NO64 = 4, /* #UD in 64-bit code */
	R_ONLY64 = 8, /* #UD elsewhere */
	R_DEF64 = 16, /* operand size is 64 in 64-bit code (66: 16) */
	R_FORCE64 = 32, /* operand size is 64 in 64-bit code, 66 ignored */
	R_BYTE = 64, /* operand size is 1 */
	R_WORD = 128, /* operand size is 2 */
	R_MEMONLY = 256, /* #UD with a register rm */
	R_REGONLY = 512, /* #UD with a memory rm */
	R_COPY = 1024, /* a translator may copy it, operands re-encoded */
	R_SIZE66 = 2048, /* 66, F2, F3 select the row, not the operand size */
	R_DWORD = 4096, /* operand size is 4 (8 with REX.W) whatever 66 says */
	R_ENDREP = 8192, /* ends a block when F2 or F3 repeats it */
	R_NP = 16384, /* #UD with 66, F2, F3 */
	R_LOCKED = 32768, /* locked with a memory operand even without LOCK */
	R_MAX32 = 65536, /* REX.W does not make the operand size 8 */
	R_FORM = 20, /* shift of 6 bits: enum form; 0: read operands */
	R_GROUP = 26, /* shift of 6 bits: enum group; the row to go on with */
};

/*
 * The SSE, MMX and x87 rows. A null name is undefined (#UD). The second index
 * is the mandatory prefix: none, 66, F3, F2. Where memory and register forms
 * have two mnemonics the name is "register/memory" ("movhlps/movlps"); the
 * handlers tell them apart by I_MEM as always.
 */
extern const struct row sse_0f[256][4]; /* table-sse.c */
extern const struct row sse_0f38[256][4];
extern const struct row sse_0f3a[256][4];
extern const struct row sse_group[3][8][4]; /* 0F 71, 72, 73 by ModRM.reg */
extern const struct row sse_0fae[8]; /* 0F AE memory forms: FXSAVE... by reg */
extern const struct row x87_mem[8][8]; /* table-x87.c: D8+n by ModRM.reg */
extern const struct row x87_reg[8][64]; /* D8+n by ModRM & 63 */

/*
 * In these rows decode.c looks at the operands string: ModRM follows unless it
 * is null or empty; "I" anywhere is an imm8; of reg and rm, E, G, R are general
 * registers, all others plain numbers (MMX and st: mod 8). In Eb, 4..7 without
 * REX are AH..BH. M alone as the rm operand is R_MEMONLY, U, N, R are R_REGONLY
 * (not "Ux/Mq"). The size is 4, or 8 with REX.W, in rows with R_SIZE66; else by
 * 66 as for other instructions.
 */

/* The general maps: table-one.c, table-0f.c (and what decode.c needs). */

enum { /* how operands are read: bits of a form */
	F_MODRM = 1,
	F_G = 2, /* reg is general; plain (ModRM.reg, no REX.R) if not */
	F_G8 = 4, /* 8 bits: without REX 4..7 are AH..BH */
	F_E = 8, /* rm is general; plain if not */
	F_E8 = 16,
	F_Z = 32, /* rm is the register in the opcode; with F_E8 8 bits */
	F_S = 64, /* reg is a segment register in ModRM.reg */
	F_SOP = 128, /* the same, in the opcode */
	F_C = 256, /* reg is CR, rm a register whatever ModRM.mod says */
	F_D = 512, /* reg is DR, so is that */
	F_M16 = 1024, /* 16 bits if memory, else by operand size */
	F_IMM = 12, /* shift of the immediate's kind */
	F_IB = 1 << F_IMM, /* sign-extended, as all are */
	F_IW = 2 << F_IMM,
	F_IZ = 3 << F_IMM, /* 16 or 32 bits */
	F_IV = 4 << F_IMM, /* 16, 32 or 64 bits */
	F_AP = 5 << F_IMM,
	F_ENTER = 6 << F_IMM,
	F_MOFFS = 7 << F_IMM,
	F_I1 = 8 << F_IMM, /* the constant 1 */
};

/* Forms of the general rows: name, operands, bits. AL and eAX need no bits:
 * they are register 0, the value of a field that nobody sets. */
#define FORMS(X)                                                               \
	X(BYSTRING, "", 0)                                                     \
	X(NONE, "", 0)                                                         \
	X(Eb, "Eb", F_MODRM | F_E | F_E8)                                      \
	X(Ew, "Ew", F_MODRM | F_E)                                             \
	X(Ev, "Ev", F_MODRM | F_E)                                             \
	X(EvM16, "Ev/Mw", F_MODRM | F_E | F_M16)                               \
	X(EbGb, "Eb,Gb", F_MODRM | F_E | F_E8 | F_G | F_G8)                    \
	X(GbEb, "Gb,Eb", F_MODRM | F_E | F_E8 | F_G | F_G8)                    \
	X(EvGv, "Ev,Gv", F_MODRM | F_E | F_G)                                  \
	X(GvEv, "Gv,Ev", F_MODRM | F_E | F_G)                                  \
	X(EwGw, "Ew,Gw", F_MODRM | F_E | F_G)                                  \
	X(GvEb, "Gv,Eb", F_MODRM | F_E | F_E8 | F_G)                           \
	X(GvEw, "Gv,Ew", F_MODRM | F_E | F_G)                                  \
	X(GvEd, "Gv,Ed", F_MODRM | F_E | F_G)                                  \
	X(GvM, "Gv,M", F_MODRM | F_E | F_G)                                    \
	X(M, "M", F_MODRM | F_E)                                               \
	X(EbIb, "Eb,Ib", F_MODRM | F_E | F_E8 | F_IB)                          \
	X(EvIb, "Ev,Ib", F_MODRM | F_E | F_IB)                                 \
	X(EvIz, "Ev,Iz", F_MODRM | F_E | F_IZ)                                 \
	X(Eb1, "Eb,1", F_MODRM | F_E | F_E8 | F_I1)                            \
	X(Ev1, "Ev,1", F_MODRM | F_E | F_I1)                                   \
	X(EbCL, "Eb,cl", F_MODRM | F_E | F_E8)                                 \
	X(EvCL, "Ev,cl", F_MODRM | F_E)                                        \
	X(EvGvIb, "Ev,Gv,Ib", F_MODRM | F_E | F_G | F_IB)                      \
	X(EvGvCL, "Ev,Gv,cl", F_MODRM | F_E | F_G)                             \
	X(GvEvIb, "Gv,Ev,Ib", F_MODRM | F_E | F_G | F_IB)                      \
	X(GvEvIz, "Gv,Ev,Iz", F_MODRM | F_E | F_G | F_IZ)                      \
	X(ALIb, "al,Ib", F_IB)                                                 \
	X(AxIz, "eax,Iz", F_IZ)                                                \
	X(ALOb, "al,Ob", F_MOFFS)                                              \
	X(AxOv, "eax,Ov", F_MOFFS)                                             \
	X(ObAL, "Ob,al", F_MOFFS)                                              \
	X(OvAx, "Ov,eax", F_MOFFS)                                             \
	X(Zv, "Zv", F_Z)                                                       \
	X(ZvAx, "Zv,eax", F_Z)                                                 \
	X(ZbIb, "Zb,Ib", F_Z | F_E8 | F_IB)                                    \
	X(ZvIv, "Zv,Iv", F_Z | F_IV)                                           \
	X(Ib, "Ib", F_IB)                                                      \
	X(Iw, "Iw", F_IW)                                                      \
	X(Iz, "Iz", F_IZ)                                                      \
	X(IwIb, "Iw,Ib", F_ENTER)                                              \
	X(Jb, "Jb", F_IB)                                                      \
	X(Jz, "Jz", F_IZ)                                                      \
	X(Ap, "Ap", F_AP)                                                      \
	X(EvSw, "Ev,Sw", F_MODRM | F_E | F_S | F_M16)                          \
	X(SwEw, "Sw,Ew", F_MODRM | F_E | F_S)                                  \
	X(Sw, "Sw", F_SOP)                                                     \
	X(RyCy, "Ry,Cy", F_MODRM | F_E | F_C)                                  \
	X(CyRy, "Cy,Ry", F_MODRM | F_E | F_C)                                  \
	X(RyDy, "Ry,Dy", F_MODRM | F_E | F_D)                                  \
	X(DyRy, "Dy,Ry", F_MODRM | F_E | F_D)

enum form {
#define X(name, operands, bits) FORM_##name,
	FORMS(X)
#undef X
};

enum group {
	/* In row_group: rows that ModRM.reg selects */
	G_ALU_B = 1, /* 80 82 */
	G_ALU_Z, /* 81 */
	G_ALU_S, /* 83 */
	G_POP, /* 8F */
	G_SHIFT_BI,
	G_SHIFT_VI,
	G_SHIFT_B1,
	G_SHIFT_V1,
	G_SHIFT_BC,
	G_SHIFT_VC,
	G_MOV_B, /* C6 C7 */
	G_MOV_V,
	G_UNARY_B, /* F6 F7 */
	G_UNARY_V,
	G_INC_B, /* FE FF */
	G_INC_V,
	G_63, /* a pair: in 64-bit code, in other code */
	G_90, /* by prefix: none, 66, F3, F2 */
	/* In row_group_0f: by ModRM.reg */
	G_0F = 32,
	G_0F00 = G_0F,
	G_0FBA,
	G_0FC7_MEM,
	G_0F01_MEM,
	G_0F01_REG, /* eight of them by ModRM.reg, each by ModRM.rm */
	G_0FAE_REG = G_0F01_REG + 8,
	G_0FAE_F3,
	G_0FAE_MEM, /* what sse_0fae does not have */
	G_0FB8, /* by prefix */
	G_0F_END,
	/* 0F 01 and 0F AE themselves; the MMX and SSE shifts 0F 71 72 73 */
	G_0F01,
	G_0FAE,
	G_SSE,
};

extern const struct row row_one[256]; /* table-one.c */
extern const struct row row_group[G_0F][8];
extern const struct row row_0f[256]; /* table-0f.c */
extern const struct row row_group_0f[G_0F_END - G_0F][8];

/* A general row: name, handlers, enum form, flags. And one that goes on. */
#define ROW(n, h, f, fl)                                                       \
	{                                                                      \
		.name = n, .fns = x_##h, .how = HOW_##h,                       \
		.flags = (fl) | (uint32_t)FORM_##f << R_FORM                   \
	}
#define GROUP(g, fl)                                                           \
	{                                                                      \
		.name = "", .flags = (fl) | (uint32_t)(g) << R_GROUP           \
	}

/* The operands of a row as a string, whichever form it has. */
const char *decode_operands(const struct row *);

#endif
