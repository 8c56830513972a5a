/* SPDX-License-Identifier: MIT */
/*
 * Model-specific registers: which exist, which bits they refuse, what they do
 * (SDM vol. 4 and vol. 3A, ch. 9 and 11).
 */
#define BITS 64
#include "tests/cpu/guest.inc"

.macro NO_READ name, msr
	FAULT "\name: read", GP, 0, "mov $\msr,%ecx; 95: rdmsr"
.endm
.macro NO_WRITE name, msr, low, high=0
	FAULT "\name: write", GP, 0, \
		"mov $\msr,%ecx; mov $\low,%eax; mov $\high,%edx; 95: wrmsr"
.endm
/* Written, read, and put back. */
.macro HOLDS name, msr, value
	GET_MSR \msr
	mov %rax, %rbx
	mov $\value, %rax
	mov %rax, %rdx
	shr $32, %rdx
	wrmsr
	rdmsr
	shl $32, %rdx
	or %rdx, %rax
	EQ "\name", %rax, \value
	mov %rbx, %rax
	mov %rbx, %rdx
	shr $32, %rdx
	wrmsr
.endm

GUEST "slow=its KVM accepts values that others refuse"
	NO_READ "number 0x123456", 0x123456
	NO_WRITE "number 0x123456", 0x123456, 0
	NO_READ "number 0xc0001234", 0xc0001234
	NO_READ "number 0xffffffff", 0xffffffff
	UFAULT "rdmsr in ring 3", GP, 0, "mov $0x10,%ecx; 95: rdmsr"
	UFAULT "wrmsr in ring 3", GP, 0, "mov $0x10,%ecx; 95: wrmsr"
	/* ECX only */
	mov $-1, %rcx
	shl $32, %rcx
	or $0x1b, %rcx
	rdmsr
	EQM "rcx's upper half does not count", %rax, 0xfffffc00, 0xfee00800
	mov $-1, %rax
	mov $-1, %rdx
	mov $0xc0000080, %ecx
	rdmsr
	EQ "rdmsr clears rax's upper half", %rax, 0xd01
	EQ "rdmsr clears rdx's upper half", %rdx, 0

	/* EFER */
	NO_WRITE "efer: bit 1", 0xc0000080, 0xd03
	NO_WRITE "efer: bit 32", 0xc0000080, 0xd01, 1
	OKAY "efer: LMA is not written", \
		"mov $0xc0000080,%ecx; mov $0x901,%eax; xor %edx,%edx; wrmsr"
	GET_MSR 0xc0000080
	EQ "efer: LMA stays", %rax, 0xd01
	/* addresses */
	HOLDS "sysenter_cs", 0x174, 0x1234
	HOLDS "sysenter_esp", 0x175, 0xffff800012345678
	HOLDS "sysenter_eip", 0x176, 0x7fff12345678
	HOLDS "lstar", 0xc0000082, 0xffff800012345678
	HOLDS "cstar", 0xc0000083, 0x7fff12345678
	HOLDS "star", 0xc0000081, 0x1122334455667788
	HOLDS "fmask", 0xc0000084, 0x12345678
	HOLDS "fs base", 0xc0000100, 0xffff800012345678
	HOLDS "kernel gs base", 0xc0000102, 0xffff800012345678
	NO_WRITE "lstar: not canonical", 0xc0000082, 0, 0x8000
	/* PAT */
	GET_MSR 0x277
	EQ "pat after reset", %rax, 0x0007040600070406
	HOLDS "pat", 0x277, 0x0007050601040600
	NO_WRITE "pat: type 2", 0x277, 0x00070402, 0x00070406
	NO_WRITE "pat: type 3", 0x277, 0x03070406, 0x00070406
	NO_WRITE "pat: type 8", 0x277, 0x08070406, 0x00070406
	/* MTRRs */
	mov $1, %eax
	cpuid
	bt $12, %edx
	jnc 1f
	GET_MSR 0xfe
	and $0xff, %eax
	cmp $8, %eax
	IS "mtrrcap: eight ranges at least", ae
	NO_WRITE "mtrrcap", 0xfe, 0
	HOLDS "mtrr def type", 0x2ff, 0xc06
	NO_WRITE "mtrr def type: type 2", 0x2ff, 0xc02
	NO_WRITE "mtrr def type: a reserved bit", 0x2ff, 0x1c06
	HOLDS "mtrr base 0", 0x200, 0x80000006
	NO_WRITE "mtrr base 0: type 2", 0x200, 0x80000002
	NO_WRITE "mtrr base 0: a reserved bit", 0x200, 0x80000106
	HOLDS "mtrr mask 0", 0x201, 0xf80000800
	NO_WRITE "mtrr mask 0: a reserved bit", 0x201, 0x80000001
	HOLDS "mtrr fixed, 64K", 0x250, 0x0606060606060606
	HOLDS "mtrr fixed, 4K", 0x268, 0x0505050505050505
	NO_WRITE "mtrr fixed: type 7", 0x250, 0x07060606, 0x06060606
1:
	/* APIC base */
	GET_MSR 0x1b
	EQ "apic base after reset", %rax, 0xfee00900
	NO_WRITE "apic base: a reserved bit", 0x1b, 0xfee00901
	NO_WRITE "apic base: x2apic while disabled", 0x1b, 0xfee00500
	NO_WRITE "apic base: bit 52", 0x1b, 0xfee00900, 0x00100000
	/* the TSC */
	SET_MSR 0x10, 0x1000, 0x100
	rdtsc
	EQ "tsc: written, upper half", %rdx, 0x100
	cmp $0x1000, %eax
	IS "tsc: written, goes on", a
	mov $7, %eax
	xor %ecx, %ecx
	cpuid
	bt $1, %ebx
	jnc 1f
	GET_MSR 0x3b
	mov %rax, %rbx
	rdtsc
	shl $32, %rdx
	or %rdx, %rax
	mov %rax, %rsi
	mov %rbx, %rax
	mov $1, %edx
	shl $44, %rdx
	add %rdx, %rax
	mov %rax, %rdx
	shr $32, %rdx
	mov $0x3b, %ecx
	wrmsr
	rdtsc
	shl $32, %rdx
	or %rdx, %rax
	sub %rsi, %rax
	shr $44, %rax
	EQ "tsc_adjust moves the tsc", %rax, 1
	GET_MSR 0x3b
	sub %rbx, %rax
	shr $44, %rax
	EQ "tsc_adjust: as written", %rax, 1
	SET_MSR 0x10, 0, 0
	GET_MSR 0x3b
	sub %rbx, %rax
	shr $44, %rax
	cmp $1, %rax
	IS "writing the tsc moves tsc_adjust", ne
1:	mov $0x80000001, %eax
	cpuid
	bt $27, %edx
	jnc 1f
	HOLDS "tsc_aux", 0xc0000103, 0x12345678
	NO_WRITE "tsc_aux: upper half", 0xc0000103, 0, 1
1:
	/* microcode: CPUID(1) loads the revision, which is 32 bits up */
	SET_MSR 0x8b, 0, 0
	mov $1, %eax
	cpuid
	OKAY "bios_sign_id", "mov $0x8b,%ecx; rdmsr"
	/* machine checks */
	mov $1, %eax
	cpuid
	bt $14, %edx
	jnc 1f
	GET_MSR 0x179
	EQM "mcg_cap: banks", %rax, 0x80, 0
	OKAY "mc0_status: 0", \
		"mov $0x401,%ecx; xor %eax,%eax; xor %edx,%edx; wrmsr"
	NO_WRITE "mcg_cap", 0x179, 0
1:
	/* MISC_ENABLE: the limit of CPUID and NX */
	NOT_INTEL end
	GET_MSR 0x1a0
	mov %rax, %rbx
	bts $34, %rax
	mov %rax, %rdx
	shr $32, %rdx
	wrmsr
	mov $0x80000001, %eax
	cpuid
	mov %edx, %esi
	mov $0x1a0, %ecx
	rdmsr
	and $~4, %edx
	wrmsr
	mov $0x80000001, %eax
	cpuid
	bt $20, %edx
	IS "misc_enable: NX is back", c
end:	DONE
