/* SPDX-License-Identifier: MIT */
/*
 * Every handler that the decode table may name, by the file that has it. Each
 * is an array of 8, chosen at decode time: [I_MEM ? 4 : 0 | log2(size)].
 *
 * Names: x_MNEMONIC_FORM. Forms: er rm,reg - re reg,rm - ei rm,imm - e rm -
 * i imm - z implicit - rei reg,rm,imm - eri rm,reg,imm - ec rm,CL - erc
 * rm,reg,CL. "add eax,imm", "mov r,imm" and "push r" decode as rm forms with
 * a register rm. Opcodes that differ by condition share one, with i->op.
 */
#ifndef VMM_SOFT_HANDLERS_H
#define VMM_SOFT_HANDLERS_H

#include "vmm/soft/soft.h"

/* One handler for all eight. */
#define ALL8(fn)                                                               \
	{                                                                      \
		fn, fn, fn, fn, fn, fn, fn, fn                                 \
	}
#define X(name) extern handler *const x_##name[8];

/* clang-format off */
/* alu.c: arithmetic and logic */
#define HANDLERS_ALU                                                           \
	X(add_er) X(add_re) X(add_ei) X(or_er) X(or_re) X(or_ei)               \
	X(adc_er) X(adc_re) X(adc_ei) X(sbb_er) X(sbb_re) X(sbb_ei)            \
	X(and_er) X(and_re) X(and_ei) X(sub_er) X(sub_re) X(sub_ei)            \
	X(xor_er) X(xor_re) X(xor_ei) X(cmp_er) X(cmp_re) X(cmp_ei)            \
	X(test_er) X(test_ei) X(inc_e) X(dec_e) X(neg_e) X(not_e)              \
	X(xadd_er) X(cmpxchg_er) X(cmpxchg8b_e) X(xchg_er)
/* mul.c, shift.c, bits.c */
#define HANDLERS_ARITH                                                         \
	X(mul_e) X(imul_e) X(div_e) X(idiv_e) X(imul_re) X(imul_rei)           \
	X(rol_ei) X(ror_ei) X(rcl_ei) X(rcr_ei) X(shl_ei) X(shr_ei) X(sar_ei)  \
	X(rol_ec) X(ror_ec) X(rcl_ec) X(rcr_ec) X(shl_ec) X(shr_ec) X(sar_ec)  \
	X(shld_eri) X(shrd_eri) X(shld_erc) X(shrd_erc)                        \
	X(bt_er) X(bts_er) X(btr_er) X(btc_er)                                 \
	X(bt_ei) X(bts_ei) X(btr_ei) X(btc_ei)                                 \
	X(bsf_re) X(bsr_re) X(popcnt_re) X(bswap_e)                            \
	X(daa_z) X(das_z) X(aaa_z) X(aas_z) X(aam_i) X(aad_i)
/* move.c: moves that know no privilege (sizes: of the destination) */
#define HANDLERS_MOVE                                                          \
	X(mov_er) X(mov_re) X(mov_ei) X(movzx8_re) X(movzx16_re)               \
	X(movsx8_re) X(movsx16_re) X(movsxd_re) X(lea_re) X(cmovcc_re)         \
	X(setcc_e) X(cbw_z) X(cwd_z) X(sahf_z) X(lahf_z) X(clc_z) X(stc_z)     \
	X(cmc_z) X(cld_z) X(std_z) X(xlat_z) X(nop_z) X(nop_e) X(pause_z)      \
	X(salc_z)
/* stack.c, branch.c. size: of the operand pushed, popped, jumped by */
#define HANDLERS_FLOW                                                          \
	X(push_e) X(push_i) X(pop_e) X(pusha_z) X(popa_z) X(enter_i)           \
	X(leave_z) X(jmp_i) X(jmp_e) X(jcc_i) X(call_i) X(call_e) X(ret_z)     \
	X(ret_i) X(loop_i) X(loope_i) X(loopne_i) X(jcxz_i)
/* string.c: size is the item's, I_REP and I_REPNE as decoded */
#define HANDLERS_STRING                                                        \
	X(movs_z) X(cmps_z) X(stos_z) X(lods_z) X(scas_z) X(ins_z) X(outs_z)
/* io.c: accumulator, with port imm8 or DX */
#define HANDLERS_IO X(in_i) X(in_z) X(out_i) X(out_z)
/* seg.c, far.c: reg is the segment register in mov/push/pop_sreg, l?s_re */
#define HANDLERS_SEG                                                           \
	X(mov_es) /* rm <- sreg */ X(mov_se) /* sreg <- rm */                  \
	X(push_s) X(pop_s) X(lds_re) /* also LES LSS LFS LGS: see op */        \
	X(jmpf_i) X(jmpf_e) X(callf_i) X(callf_e) X(retf_z) X(retf_i)          \
	X(lldt_e) X(sldt_e) X(ltr_e) X(str_e) X(lar_re) X(lsl_re)              \
	X(verr_e) X(verw_e) X(arpl_er)
/* exc.c, fast.c */
#define HANDLERS_EXC                                                           \
	X(int_i) X(int3_z) X(int1_z) X(into_z) X(bound_re) X(iret_z)           \
	X(syscall_z) X(sysret_z) X(sysenter_z) X(sysexit_z) X(ud)              \
	X(pushf_z) X(popf_z) X(cli_z) X(sti_z)
/* sys.c, msr.c, cpuid.c */
#define HANDLERS_SYS                                                           \
	X(lgdt_e) X(sgdt_e) X(lidt_e) X(sidt_e) X(lmsw_e) X(smsw_e)            \
	X(mov_ec) /* rm <- CRreg */ X(mov_ce) /* CRreg <- rm */                \
	X(mov_ed) X(mov_de) X(clts_z) X(invlpg_e) X(invd_z) X(wbinvd_z)        \
	X(rdmsr_z) X(wrmsr_z) X(rdtsc_z) X(rdtscp_z) X(rdpmc_z) X(cpuid_z)     \
	X(hlt_z) X(monitor_z) X(mwait_z) X(swapgs_z) X(clac_z) X(stac_z)       \
	X(xgetbv_z) X(xsetbv_z) X(rdfsbase_e) X(rdgsbase_e) X(wrfsbase_e)      \
	X(wrgsbase_e) X(clflush_e) X(fence_z) X(rsm_z)           \
	X(vmcall_z)

HANDLERS_ALU
HANDLERS_ARITH
HANDLERS_MOVE
HANDLERS_FLOW
HANDLERS_STRING
HANDLERS_IO
HANDLERS_SEG
HANDLERS_EXC
HANDLERS_SYS
#undef X

/* The same by number, for tables. */
enum how {
	HOW_none,
#define X(name) HOW_##name,
	HANDLERS_ALU
	HANDLERS_ARITH
	HANDLERS_MOVE
	HANDLERS_FLOW
	HANDLERS_STRING
	HANDLERS_IO
	HANDLERS_SEG
	HANDLERS_EXC
	HANDLERS_SYS
#undef X
	HOW_fwait_z,
	HOW_END
};
/* clang-format on */

/* What ends a block that no instruction ended (block.c): off is the length. */
extern handler x_end;

/* One SSE, MMX or x87 row's handlers are in table-sse.c and table-x87.c, with
 * the rows themselves. */

#endif
