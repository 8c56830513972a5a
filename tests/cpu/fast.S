/* SPDX-License-Identifier: MIT */
/*
 * SYSCALL and SYSRET, SYSENTER and SYSEXIT (SDM vol. 2B; vol. 3A, ch. 5.8.7).
 */
#define BITS 64
#include "tests/cpu/guest.inc"

	.set EFER, 0xc0000080
	.set STAR, 0xc0000081
	.set LSTAR, 0xc0000082
	.set CSTAR, 0xc0000083
	.set FMASK, 0xc0000084
	.set SYSENTER_CS, 0x174
	.set SYSENTER_ESP, 0x175
	.set SYSENTER_EIP, 0x176

GUEST "slow=its KVM does not emulate SYSRET"
	SET_MSR STAR, 0, ((U32 << 16) | K64)
	SET_MSR LSTAR, called, 0
	SET_MSR FMASK, (0x700 | FL_NT), 0
	GET_MSR STAR
	EQ "star", %rax, (0x33000800000000)
	FAULT "lstar, not canonical", GP, 0, \
		"mov $LSTAR,%ecx; xor %eax,%eax; mov $0x8000,%edx; 95: wrmsr"
	FAULT "efer, a reserved bit", GP, 0, \
		"mov $EFER,%ecx; mov $0xd03,%eax; xor %edx,%edx; 95: wrmsr"

	/* from ring 3: RCX is RIP, R11 is RFLAGS; RSP is left */
	pushq $0x247 | FL_IF
	popq u_flags
	TRY
	call to_user
	syscall
1:
91:	CHECK "syscall", END
	EQA "syscall: rcx", r_cx, 1b
	EQ "syscall: r11", r_r11, 0x247
	EQ "syscall: cs", r_cs, K64
	EQ "syscall: ss", r_ss, (K64 + 8)
	EQA "syscall: rsp", r_sp, ustack_top
	EQ "syscall: flags are masked", r_fl, 0x47
	movq $2, u_flags
	/* also from ring 0 */
	TRY
	syscall
91:	CHECK "syscall in ring 0", END
	/* no table is looked at */
	movq gdt + K64, %rbx
	movb $0x1b, gdt + K64 + 5
	SET_MSR LSTAR, called_in, 0
	mov %rsp, catch_sp
	TRY
	syscall
called_in:
	nop
91:	mov %rbx, gdt + K64
	CHECK "syscall: descriptors are not read", NONE
	SET_MSR LSTAR, called, 0

	/* SYSRET to 64-bit code */
	TRY
	lea 1f(%rip), %rcx
	mov $0xffffffff, %r11d
	and $~(FL_TF | FL_IF), %r11d
	sysretq
1:	mov %cs, %eax
	mov %ss, %ebx
	pushfq
	pop %rdx
	int $END
91:	CHECK "sysretq", END
	EQ "sysretq: cs", r_cs, (U32 + 16)
	EQ "sysretq: ss", r_ss, (U32 + 8)
	EQM "sysretq: flags, RF and VM not", r_dx, 0x3f7fd7, 0x3c7cd7
	TRY
	lea 1f(%rip), %rcx
	mov $2, %r11d
	sysretl
	.code32
1:	mov %cs, %eax
	int $END
	.code64
91:	CHECK "sysretl", END
	EQ "sysretl: cs", r_cs, U32
	EQ "sysretl: ss", r_ss, (U32 + 8)
	/* STAR's RPL is forced to 3 */
	SET_MSR STAR, 0, (((U32 & ~3) << 16) | K64 | 3)
	TRY
	lea 1f(%rip), %rcx
	mov $2, %r11d
	sysretq
1:	syscall
91:	CHECK "star without RPLs", END
	EQ "star without RPLs: cs of ring 0", r_cs, K64
	SET_MSR STAR, 0, ((U32 << 16) | K64)
	UFAULT "sysret in ring 3", GP, 0, "sysretq"
	NOT_INTEL 1f
	TRY
	mov $1, %ecx
	shl $47, %rcx
	mov $2, %r11d
95:	sysretq
91:	CHECK "sysretq, rcx not canonical: in ring 0", GP, 0, 95b
1:
	FAULT32 "sysret in 32-bit code", UD, 0, "sysretl"
	/* without SCE */
	mov $EFER, %ecx
	rdmsr
	and $~1, %eax
	wrmsr
	FAULT "syscall without SCE", UD, 0, "syscall"
	FAULT "sysret without SCE", UD, 0, "sysretq"
	rdmsr
	or $1, %eax
	wrmsr

	NOT_INTEL end /* others have no SYSENTER in long mode */
	/* SYSENTER: CS, SS, RSP, RIP by MSRs; flags but IF stay */
	SET_MSR SYSENTER_CS, 0, 0
	UFAULT "sysenter, null cs", GP, 0, "sysenter"
	TRY
	mov $0, %edx
95:	sysexitq
91:	CHECK "sysexit, null cs", GP, 0, 95b
	SET_MSR SYSENTER_CS, (K64 + 3), 0
	SET_MSR SYSENTER_ESP, stack32_top, 0
	SET_MSR SYSENTER_EIP, called, 0
	FAULT "sysenter_eip, not canonical", GP, 0, \
		"mov $SYSENTER_EIP,%ecx; xor %eax,%eax; mov $0x8000,%edx; 95: wrmsr"
	pushq $0x47 | FL_IF | FL_AC
	popq u_flags
	mov $0x1234, %ecx
	USER "sysenter"
	CHECK "sysenter", END
	EQ "sysenter: cs", r_cs, K64
	EQ "sysenter: ss", r_ss, (K64 + 8)
	EQA "sysenter: rsp", r_sp, stack32_top
	EQ "sysenter: rcx is left", r_cx, 0x1234
	EQ "sysenter: flags", r_fl, (0x47 | FL_AC)
	pushq $2
	popq u_flags
	IN32 to_user32, "sysenter"
	CHECK "sysenter from 32-bit code", END
	EQ "sysenter from 32-bit code: 64-bit code", r_cs, K64

	/* SYSEXIT: CS is 16 or 32 further */
	SET_MSR SYSENTER_CS, ((U32 & ~3) - 16), 0
	TRY
	mov $1f, %edx
	mov $ustack_top, %ecx
	sysexitl
	.code32
1:	int $END
	.code64
91:	CHECK "sysexitl", END
	EQ "sysexitl: cs", r_cs, U32
	EQ "sysexitl: ss", r_ss, (U32 + 8)
	EQA "sysexitl: rsp", r_sp, ustack_top
	TRY
	mov $1f, %edx
	mov $ustack_top, %ecx
	sysexitq
1:	mov %cs, %eax
	syscall
91:	CHECK "sysexitq", END
	EQ "sysexitq: cs", %rax, (U32 + 16)
	UFAULT "sysexit in ring 3", GP, 0, "sysexitl"
	TRY
	mov $1, %edx
	shl $47, %rdx
	mov $ustack_top, %ecx
95:	sysexitq
91:	CHECK "sysexitq, rdx not canonical", GP, 0, 95b
end:	DONE

called:	int $END
