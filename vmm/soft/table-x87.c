/* SPDX-License-Identifier: MIT */
/*
 * The decode table's x87 rows (Intel SDM vol. 2D, appendix A, tables A-7 to
 * A-22), with the aliases that processors execute though manuals no longer
 * list them. FSTP1, FCOM2 and the like carry the digit of old lists.
 */
#include "vmm/soft/decode.h"

#include "vmm/soft/fp-names.h"

/* clang-format off */
#define M(mn, fn, size) {mn, x_##fn, "M" size, R_MEMONLY, 0}
#define ARITH(bits, size, i)                                                   \
	{                                                                      \
		M("f" i "add", fadd_m##bits, size),                            \
		M("f" i "mul", fmul_m##bits, size),                            \
		M("f" i "com", fcom_m##bits, size),                            \
		M("f" i "comp", fcomp_m##bits, size),                          \
		M("f" i "sub", fsub_m##bits, size),                            \
		M("f" i "subr", fsubr_m##bits, size),                          \
		M("f" i "div", fdiv_m##bits, size),                            \
		M("f" i "divr", fdivr_m##bits, size),                          \
	}

const struct row x87_mem[8][8] = {
	ARITH(32, "d", ""), /* D8 */
	{ /* D9 */
		[0] = M("fld", fld_m32, "d"),
		[2] = M("fst", fst_m32, "d"),
		[3] = M("fstp", fstp_m32, "d"),
		[4] = M("fldenv", fldenv_m, "env"),
		[5] = M("fldcw", fldcw_m, "w"),
		[6] = M("fnstenv", fnstenv_m, "env"),
		[7] = M("fnstcw", fnstcw_m, "w"),
	},
	ARITH(i32, "d", "i"), /* DA */
	{ /* DB */
		[0] = M("fild", fild_m32, "d"),
		[1] = M("fisttp", fisttp_m32, "d"),
		[2] = M("fist", fist_m32, "d"),
		[3] = M("fistp", fistp_m32, "d"),
		[5] = M("fld", fld_m80, "t"),
		[7] = M("fstp", fstp_m80, "t"),
	},
	ARITH(64, "q", ""), /* DC */
	{ /* DD */
		[0] = M("fld", fld_m64, "q"),
		[1] = M("fisttp", fisttp_m64, "q"),
		[2] = M("fst", fst_m64, "q"),
		[3] = M("fstp", fstp_m64, "q"),
		[4] = M("frstor", frstor_m, "env"),
		[6] = M("fnsave", fnsave_m, "env"),
		[7] = M("fnstsw", fnstsw_m, "w"),
	},
	ARITH(i16, "w", "i"), /* DE */
	{ /* DF */
		[0] = M("fild", fild_m16, "w"),
		[1] = M("fisttp", fisttp_m16, "w"),
		[2] = M("fist", fist_m16, "w"),
		[3] = M("fistp", fistp_m16, "w"),
		[4] = M("fbld", fbld_m80, "t"),
		[5] = M("fild", fild_m64, "q"),
		[6] = M("fbstp", fbstp_m80, "t"),
		[7] = M("fistp", fistp_m64, "q"),
	},
};
#undef ARITH

#define R(mn, fn) {mn, x_##fn, "", R_REGONLY, 0}
#define EIGHT(at, mn, fn) [at ... (at) + 7] = R(mn, fn)
/* All by FRSTOR and FNSAVE. */
#define SLOW(mn) {mn, x_fslow_z, "", R_REGONLY, 0}

const struct row x87_reg[8][64] = {
	{ /* D8 */
		EIGHT(0, "fadd", fadd_st), EIGHT(8, "fmul", fmul_st),
		EIGHT(16, "fcom", fcom_st), EIGHT(24, "fcomp", fcomp_st),
		EIGHT(32, "fsub", fsub_st), EIGHT(40, "fsubr", fsubr_st),
		EIGHT(48, "fdiv", fdiv_st), EIGHT(56, "fdivr", fdivr_st),
	},
	{ /* D9 */
		EIGHT(0, "fld", fld_st), EIGHT(8, "fxch", fxch_st),
		[16] = R("fnop", fnop_z),
		[24 ... 31] = SLOW("fstp1"),
		[32] = R("fchs", fchs_z), [33] = R("fabs", fabs_z),
		[36] = R("ftst", ftst_z), [37] = R("fxam", fxam_z),
		[40] = R("fld1", fld1_z), [41] = R("fldl2t", fldl2t_z),
		[42] = R("fldl2e", fldl2e_z), [43] = R("fldpi", fldpi_z),
		[44] = R("fldlg2", fldlg2_z), [45] = R("fldln2", fldln2_z),
		[46] = R("fldz", fldz_z),
		[48] = SLOW("f2xm1"), [49] = SLOW("fyl2x"),
		[50] = SLOW("fptan"), [51] = SLOW("fpatan"),
		[52] = SLOW("fxtract"), [53] = SLOW("fprem1"),
		[54] = R("fdecstp", fdecstp_z), [55] = R("fincstp", fincstp_z),
		[56] = SLOW("fprem"), [57] = SLOW("fyl2xp1"),
		[58] = R("fsqrt", fsqrt_z), [59] = SLOW("fsincos"),
		[60] = R("frndint", frndint_z), [61] = SLOW("fscale"),
		[62] = SLOW("fsin"), [63] = SLOW("fcos"),
	},
	{ /* DA */
		EIGHT(0, "fcmovb", fcmovb_st), EIGHT(8, "fcmove", fcmove_st),
		EIGHT(16, "fcmovbe", fcmovbe_st),
		EIGHT(24, "fcmovu", fcmovu_st),
		[41] = R("fucompp", fucompp_z),
	},
	{ /* DB */
		EIGHT(0, "fcmovnb", fcmovnb_st),
		EIGHT(8, "fcmovne", fcmovne_st),
		EIGHT(16, "fcmovnbe", fcmovnbe_st),
		EIGHT(24, "fcmovnu", fcmovnu_st),
		[32] = R("fneni", fneni_z), [33] = R("fndisi", fneni_z),
		[34] = R("fnclex", fnclex_z), [35] = R("fninit", fninit_z),
		[36] = R("fnsetpm", fneni_z),
		EIGHT(40, "fucomi", fucomi_st), EIGHT(48, "fcomi", fcomi_st),
	},
	{ /* DC: the destination is ST(i) */
		EIGHT(0, "fadd", fadd_to), EIGHT(8, "fmul", fmul_to),
		EIGHT(16, "fcom2", fcom_st), EIGHT(24, "fcomp3", fcomp_st),
		EIGHT(32, "fsubr", fsubr_to), EIGHT(40, "fsub", fsub_to),
		EIGHT(48, "fdivr", fdivr_to), EIGHT(56, "fdiv", fdiv_to),
	},
	{ /* DD */
		EIGHT(0, "ffree", ffree_st), EIGHT(8, "fxch4", fxch_st),
		EIGHT(16, "fst", fst_st), EIGHT(24, "fstp", fstp_st),
		EIGHT(32, "fucom", fucom_st), EIGHT(40, "fucomp", fucomp_st),
	},
	{ /* DE */
		EIGHT(0, "faddp", fadd_pop), EIGHT(8, "fmulp", fmul_pop),
		EIGHT(16, "fcomp5", fcomp_st), [25] = R("fcompp", fcompp_z),
		EIGHT(32, "fsubrp", fsubr_pop), EIGHT(40, "fsubp", fsub_pop),
		EIGHT(48, "fdivrp", fdivr_pop), EIGHT(56, "fdivp", fdiv_pop),
	},
	{ /* DF */
		EIGHT(0, "ffreep", ffreep_st), EIGHT(8, "fxch7", fxch_st),
		[16 ... 31] = SLOW("fstp8"),
		[32] = R("fnstsw", fnstsw_ax),
		EIGHT(40, "fucomip", fucomip_st),
		EIGHT(48, "fcomip", fcomip_st),
	},
};
