/* SPDX-License-Identifier: MIT */
/*
 * The emitters, one for each kind of instruction; see struct rule. arg: the
 * opcode, its number in its group, or what the function says. false: not this
 * form, and nothing was emitted.
 */
#ifndef VMM_SOFT_JIT_OP_H
#define VMM_SOFT_JIT_OP_H

#include "vmm/soft/jit-code.h"

typedef bool emitter(struct tr *, const struct insn *, unsigned arg);

/* jit-alu.c */
emitter jit_alu_er, jit_alu_re, jit_alu_ei; /* add..cmp: 0..7 */
emitter jit_test_er, jit_test_ei;
emitter jit_unary; /* opcode << 8 | number */
emitter jit_xchg, jit_xadd, jit_cmpxchg;
/* jit-bits.c */
emitter jit_mul, jit_imul_re, jit_imul_rei;
emitter jit_shift_ei, jit_shift_ec, jit_double_eri, jit_double_erc;
emitter jit_bit_er, jit_bit_ei; /* bt..btc: 4..7 */
emitter jit_scan, jit_popcnt, jit_bswap;
/* jit-move.c */
emitter jit_mov_er, jit_mov_re, jit_mov_ei, jit_extend, jit_lea;
emitter jit_cmov, jit_setcc, jit_cbw, jit_cwd;
emitter jit_byte, jit_df, jit_nop, jit_fence;
/* jit-stack.c */
emitter jit_push, jit_pop, jit_leave;

#endif
