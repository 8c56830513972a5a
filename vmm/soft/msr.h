/* SPDX-License-Identifier: MIT */
/*
 * Numbers of the MSRs that the soft CPU has (Intel SDM vol. 4).
 */
#ifndef VMM_SOFT_MSR_H
#define VMM_SOFT_MSR_H

enum {
	MSR_TSC = 0x10,
	MSR_PLATFORM_ID = 0x17,
	MSR_APIC_BASE = 0x1b,
	MSR_EBL_CR_POWERON = 0x2a,
	MSR_CORE_THREADS = 0x35,
	MSR_FEATURE_CONTROL = 0x3a,
	MSR_TSC_ADJUST = 0x3b,
	MSR_SPEC_CTRL = 0x48,
	MSR_PRED_CMD = 0x49,
	MSR_BIOS_SIGN_ID = 0x8b,
	MSR_PLATFORM_INFO = 0xce,
	MSR_MTRRCAP = 0xfe,
	MSR_ARCH_CAP = 0x10a,
	MSR_SYSENTER_CS = 0x174,
	MSR_SYSENTER_ESP = 0x175,
	MSR_SYSENTER_EIP = 0x176,
	MSR_MCG_CAP = 0x179,
	MSR_MCG_STATUS = 0x17a,
	MSR_MCG_CTL = 0x17b,
	MSR_MISC_ENABLE = 0x1a0,
	MSR_DEBUGCTL = 0x1d9,
	MSR_MTRR_VAR = 0x200, /* base and mask of 8 ranges */
	MSR_MTRR_FIX64K = 0x250,
	MSR_MTRR_FIX16K = 0x258,
	MSR_MTRR_FIX4K = 0x268,
	MSR_PAT = 0x277,
	MSR_MTRR_DEF = 0x2ff,
	MSR_MC0_CTL = 0x400,
	MSR_TSC_DEADLINE = 0x6e0,
	MSR_X2APIC = 0x800,
};
#define MSR_EFER 0xc0000080u
#define MSR_STAR 0xc0000081u
#define MSR_LSTAR 0xc0000082u
#define MSR_CSTAR 0xc0000083u
#define MSR_FMASK 0xc0000084u
#define MSR_FS_BASE 0xc0000100u
#define MSR_GS_BASE 0xc0000101u
#define MSR_KERNEL_GS_BASE 0xc0000102u
#define MSR_TSC_AUX 0xc0000103u

/* MISC_ENABLE: the defined bits are kept; those with an effect limit CPUID to
 * leaf 2 and hide NX. No BTS, no PEBS. */
#define MISC_KNOWN 0x400c51889ull
#define MISC_FIXED (1ull << 11 | 1ull << 12)
#define MISC_CPUID_LIMIT (1ull << 22)
#define MISC_XD_DISABLE (1ull << 34)

/*
 * Which speculation faults this CPU has not, so that systems work around none:
 * RDCL_NO, IBRS_ALL, SKIP_L1DFL_VMENTRY, SSB_NO, MDS_NO, PSCHANGE_MC_NO,
 * TAA_NO, SBDR_SSDP_NO, FBSDP_NO, PSDP_NO, BHI_NO, PBRSB_NO, GDS_NO, RFDS_NO,
 * ITS_NO. It executes nothing speculatively itself.
 */
#define ARCH_CAP                                                               \
	(1ull << 0 | 1ull << 1 | 1ull << 3 | 1ull << 4 | 1ull << 5 |           \
		1ull << 6 | 1ull << 8 | 1ull << 13 | 1ull << 14 | 1ull << 15 | \
		1ull << 20 | 1ull << 24 | 1ull << 26 | 1ull << 27 |            \
		1ull << 62)

#endif
