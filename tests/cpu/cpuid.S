/* SPDX-License-Identifier: MIT */
/*
 * What CPUID says and what the CPU does: each feature's instructions or
 * registers work, or fault, as its flag says (SDM vol. 2A, CPUID).
 */
#define BITS 64
#include "tests/cpu/guest.inc"

/* Leaf's register and bit; the code faults with #UD where the bit is clear. */
.macro FEATURE name, leaf, reg, bit, code
	mov $\leaf, %eax
	xor %ecx, %ecx
	cpuid
	xor %r15d, %r15d
	bt $\bit, %e\reg
	setnc %r15b
	neg %r15d
	and $UD - NONE, %r15d
	add $NONE, %r15d /* NONE or UD */
	TRY
	\code
91:	movl $0, catch_ip
	cmp r_vec, %r15d
	IS "\name", e
.endm
/* A bit of CR4 can be set just where the flag says so. */
.macro CR4BIT name, leaf, reg, bit, crbit
	mov $\leaf, %eax
	xor %ecx, %ecx
	cpuid
	xor %r15d, %r15d
	bt $\bit, %e\reg
	setnc %r15b
	neg %r15d
	and $GP - NONE, %r15d
	add $NONE, %r15d
	TRY
	mov %cr4, %rax
	btc $\crbit, %rax
	mov %rax, %cr4
	btc $\crbit, %rax
	mov %rax, %cr4
91:	movl $0, catch_ip
	cmp r_vec, %r15d
	IS "cr4: \name", e
.endm

GUEST "slow=its KVM does not emulate most of these"
	mov %cr4, %rax
	or $0x600, %rax
	mov %rax, %cr4
	mov %cr0, %rax
	and $~4, %rax
	or $2, %rax
	mov %rax, %cr0
	FEATURE "cmov", 1, dx, 15, "cmove %eax,%ecx"
	FEATURE "mmx", 1, dx, 23, "paddb %mm0,%mm1; emms"
	FEATURE "sse", 1, dx, 25, "addps %xmm0,%xmm1"
	FEATURE "sse2", 1, dx, 26, "addpd %xmm0,%xmm1"
	FEATURE "sse3", 1, cx, 0, "haddps %xmm0,%xmm1"
	FEATURE "pclmulqdq", 1, cx, 1, "pclmulqdq $0,%xmm0,%xmm1"
	FEATURE "monitor", 1, cx, 3, "xor %ecx,%ecx; xor %edx,%edx; mov $data,%eax; monitor"
	FEATURE "ssse3", 1, cx, 9, "pshufb %xmm0,%xmm1"
	FEATURE "cmpxchg16b", 1, cx, 13, "cmpxchg16b data"
	FEATURE "sse4.1", 1, cx, 19, "pminsd %xmm0,%xmm1"
	FEATURE "sse4.2", 1, cx, 20, "crc32b %al,%ecx"
	FEATURE "movbe", 1, cx, 22, "movbe data,%eax"
	FEATURE "popcnt", 1, cx, 23, "popcnt %eax,%eax"
	FEATURE "aes", 1, cx, 25, "aesenc %xmm0,%xmm1"
	FEATURE "rdrand", 1, cx, 30, "rdrand %eax"
	FEATURE "rdseed", 7, bx, 18, "rdseed %eax"
	FEATURE "adx", 7, bx, 19, "adcx %eax,%ecx"
	FEATURE "clflushopt", 7, bx, 23, "clflushopt data"
	FEATURE "clwb", 7, bx, 24, "clwb data"
	FEATURE "sha", 7, bx, 29, "sha1nexte %xmm0,%xmm1"
	FEATURE "rdpid", 7, cx, 22, ".byte 0xf3,0x0f,0xc7,0xf8"
	FEATURE "movdiri", 7, cx, 27, "movdiri %eax,data"
	FEATURE "rdtscp", 0x80000001, dx, 27, "rdtscp"
	FEATURE "clflush", 1, dx, 19, "clflush data"
	FEATURE "cmpxchg8b", 1, dx, 8, "cmpxchg8b data"
	FEATURE "tsc", 1, dx, 4, "rdtsc"
	FEATURE "prefetchw or nop", 0x80000000, ax, 31, "prefetchw data"
	FEATURE "long nop", 0x80000000, ax, 31, "nopw 8(%rax,%rax)"
	FEATURE "lahf", 0x80000001, cx, 0, "lahf; sahf"
	/* without OSXSAVE in CR4 all of these are #UD */
	FAULT "xgetbv without OSXSAVE", UD, 0, "xgetbv"
	FAULT "AVX without OSXSAVE", UD, 0, "vaddps %xmm0,%xmm1,%xmm2"
	CR4BIT "vme", 1, dx, 1, 0
	CR4BIT "de", 1, dx, 2, 3
	CR4BIT "pse", 1, dx, 3, 4
	CR4BIT "mce", 1, dx, 7, 6
	CR4BIT "pge", 1, dx, 13, 7
	CR4BIT "umip", 7, cx, 2, 11
	CR4BIT "smx", 1, cx, 6, 14
	CR4BIT "fsgsbase", 7, bx, 0, 16
	CR4BIT "pcid", 1, cx, 17, 17
	CR4BIT "xsave", 1, cx, 26, 18
	/* not SMEP: our pages are all ring 3's */
	CR4BIT "pke", 7, cx, 3, 22
	mov $0x80000001, %eax
	cpuid
	bt $11, %edx
	IS "syscall in 64-bit mode", c
	bt $29, %edx
	IS "long mode", c
	bt $20, %edx
	IS "nx", c
	/* leaves: order, what is reserved, OSXSAVE and APIC follow the state */
	xor %eax, %eax
	cpuid
	cmp $7, %eax
	IS "basic leaves: 7 at least", ae
	mov $0x80000000, %eax
	cpuid
	cmp $0x80000008, %eax
	IS "extended leaves: 8 at least", ae
	mov $0x80000008, %eax
	cpuid
	EQM "linear address bits", %rax, 0xff00, 0x3000
	mov $1, %eax
	cpuid
	bt $27, %ecx
	IS "OSXSAVE is clear", nc
	bt $9, %edx
	IS "APIC is there", c
	bt $0, %edx
	IS "FPU is there", c
	mov $0x1b, %ecx
	rdmsr
	mov %eax, %r13d
	and $~0x800, %eax
	wrmsr
	mov $1, %eax
	cpuid
	bt $9, %edx
	IS "APIC is gone where its MSR disables it", nc
	mov $0x1b, %ecx
	xor %edx, %edx
	mov %r13d, %eax
	wrmsr
	/* upper halves are cleared */
	mov $-1, %rax
	mov $-1, %rcx
	mov $-1, %rbx
	mov $-1, %rdx
	mov $1, %eax
	cpuid
	mov %rax, %rsi
	or %rbx, %rsi
	or %rcx, %rsi
	or %rdx, %rsi
	shr $32, %rsi
	EQ "upper halves are 0", %rsi, 0
	UOKAY "cpuid in ring 3", "xor %eax,%eax; cpuid"
	/* the TSC goes up, RDTSCP's ECX is TSC_AUX */
	rdtsc
	mov %eax, %esi
	mov %edx, %edi
	rdtsc
	sub %esi, %eax
	sbb %edi, %edx
	IS "tsc does not go back", nc
	mov $0x80000001, %eax
	cpuid
	bt $27, %edx
	jnc 1f
	SET_MSR 0xc0000103, 0x1234
	rdtscp
	EQ "rdtscp: ecx", %rcx, 0x1234
1:	DONE

	.section .bss
	.balign 64
data:	.skip 64
