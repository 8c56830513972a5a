/* SPDX-License-Identifier: MIT */
/*
 * How each instruction is translated, by its handlers: the emitter, the opcode
 * (or its ModRM.reg) that it is given, and what it does to the arithmetic
 * flags. What has no row is run by its handler, for which flags must be in
 * c->cc: hence it reads them all, unless a row says otherwise.
 */
#include "vmm/soft/handlers.h"
#include "vmm/soft/jit-code.h"
#include "vmm/soft/jit-op.h"

#define C JF_CARRY
#define A JF_ALL
#define R JF_REST

/* clang-format off */

#define ALU(name, n, rd)                                                       \
	[HOW_##name##_er] = {jit_alu_er, (n), (rd), A, true},                  \
	[HOW_##name##_re] = {jit_alu_re, (n), (rd), A, true},                  \
	[HOW_##name##_ei] = {jit_alu_ei, (n), (rd), A, true}
#define SHIFT(name, n, rd, k)                                                  \
	[HOW_##name##_ei] = {jit_shift_ei, (n), (rd), (k), true},              \
	[HOW_##name##_ec] = {jit_shift_ec, (n), (rd), 0, true}
#define BITS(name, n)                                                          \
	[HOW_##name##_er] = {jit_bit_er, (n), 0, C, true},                     \
	[HOW_##name##_ei] = {jit_bit_ei, (n), 0, C, true}
/* By their handlers, which neither read nor write flags. */
#define APART(name) [HOW_##name] = {.apart = true}

const struct rule jit_rules[HOW_END] = {
	ALU(add, 0, 0), ALU(or, 1, 0), ALU(adc, 2, C), ALU(sbb, 3, C),
	ALU(and, 4, 0), ALU(sub, 5, 0), ALU(xor, 6, 0), ALU(cmp, 7, 0),
	[HOW_test_er] = {jit_test_er, 0, 0, A, true},
	[HOW_test_ei] = {jit_test_ei, 0, 0, A, true},
	[HOW_inc_e] = {jit_unary, 0xfe00, 0, R, true},
	[HOW_dec_e] = {jit_unary, 0xfe01, 0, R, true},
	[HOW_not_e] = {jit_unary, 0xf602, 0, 0, false},
	[HOW_neg_e] = {jit_unary, 0xf603, 0, A, true},
	[HOW_xchg_er] = {jit_xchg, 0, 0, 0, false},
	[HOW_xadd_er] = {jit_xadd, 0, 0, A, true},
	[HOW_cmpxchg_er] = {jit_cmpxchg, 0, 0, A, true},

	[HOW_mul_e] = {jit_mul, 4, 0, A, false},
	[HOW_imul_e] = {jit_mul, 5, 0, A, false},
	[HOW_imul_re] = {jit_imul_re, 0, 0, A, false},
	[HOW_imul_rei] = {jit_imul_rei, 0, 0, A, false},
	APART(div_e), APART(idiv_e),
	SHIFT(rol, 0, 0, C), SHIFT(ror, 1, 0, C),
	SHIFT(rcl, 2, C, C), SHIFT(rcr, 3, C, C),
	SHIFT(shl, 4, 0, A), SHIFT(shr, 5, 0, A), SHIFT(sar, 7, 0, A),
	[HOW_shld_eri] = {jit_double_eri, 0x0fa4, 0, A, true},
	[HOW_shrd_eri] = {jit_double_eri, 0x0fac, 0, A, true},
	[HOW_shld_erc] = {jit_double_erc, 0x0fa5, 0, 0, true},
	[HOW_shrd_erc] = {jit_double_erc, 0x0fad, 0, 0, true},
	BITS(bt, 4), BITS(bts, 5), BITS(btr, 6), BITS(btc, 7),
	[HOW_bsf_re] = {jit_scan, 0x0fbc, 0, A, true},
	[HOW_bsr_re] = {jit_scan, 0x0fbd, 0, A, true},
	[HOW_popcnt_re] = {jit_popcnt, 0, 0, A, true},
	[HOW_bswap_e] = {jit_bswap, 0, 0, 0, false},

	[HOW_mov_er] = {jit_mov_er, 0, 0, 0, false},
	[HOW_mov_re] = {jit_mov_re, 0, 0, 0, false},
	[HOW_mov_ei] = {jit_mov_ei, 0, 0, 0, false},
	[HOW_movzx8_re] = {jit_extend, 0x0fb6, 0, 0, false},
	[HOW_movzx16_re] = {jit_extend, 0x0fb7, 0, 0, false},
	[HOW_movsx8_re] = {jit_extend, 0x0fbe, 0, 0, false},
	[HOW_movsx16_re] = {jit_extend, 0x0fbf, 0, 0, false},
	[HOW_movsxd_re] = {jit_extend, 0x63, 0, 0, false},
	[HOW_lea_re] = {jit_lea, 0, 0, 0, false},
	[HOW_cmovcc_re] = {jit_cmov, 0, 0, 0, false},
	[HOW_setcc_e] = {jit_setcc, 0, 0, 0, false},
	[HOW_cbw_z] = {jit_cbw, 0, 0, 0, false},
	[HOW_cwd_z] = {jit_cwd, 0, 0, 0, false},
	[HOW_clc_z] = {jit_byte, 0xf8, 0, C, true},
	[HOW_stc_z] = {jit_byte, 0xf9, 0, C, true},
	[HOW_cmc_z] = {jit_byte, 0xf5, C, C, true},
	[HOW_cld_z] = {jit_df, 0, 0, 0, false},
	[HOW_std_z] = {jit_df, 1, 0, 0, false},
	[HOW_nop_z] = {jit_nop, 0, 0, 0, false},
	[HOW_nop_e] = {jit_nop, 0, 0, 0, false},
	[HOW_fence_z] = {jit_fence, 0, 0, 0, false},

	[HOW_push_e] = {jit_push, 0, 0, 0, false},
	[HOW_push_i] = {jit_push, 0, 0, 0, false},
	[HOW_pop_e] = {jit_pop, 0, 0, 0, false},
	[HOW_leave_z] = {jit_leave, 0, 0, 0, false},

	APART(cli_z), APART(pause_z), APART(movs_z), APART(stos_z),
	APART(lods_z), APART(rdmsr_z), APART(rdtsc_z), APART(rdtscp_z),
	APART(cpuid_z), APART(swapgs_z), APART(clflush_e), APART(mov_es),
	APART(push_s), APART(xlat_z), APART(enter_i), APART(rdfsbase_e),
	APART(rdgsbase_e), APART(wrfsbase_e), APART(wrgsbase_e),
	APART(popa_z), APART(pusha_z), APART(sgdt_e), APART(sidt_e),
	APART(sldt_e), APART(str_e), APART(smsw_e), APART(xgetbv_z),
};
