/* SPDX-License-Identifier: MIT */
/*
 * IRET in its forms from 64-bit code: to ring 0 and 3, to 64- and 32-bit code,
 * its faults, and the flags that it and POPF let through (SDM vol. 2A, IRET).
 */
#define BITS 64
#include "tests/cpu/guest.inc"

	.set S0, FREE
/* An IRETQ to 1 in "then", with these values. */
.macro FRAME ss, rsp, flags, cs, rip
	mov %rsp, %rbp
	pushq $\ss
	pushq \rsp
	pushq $\flags
	pushq $\cs
	pushq \rip
.endm

GUEST "slow=its KVM emulates IRETQ in part"
	/* ring 0, 64 bits: SS and RSP are always popped */
	TRY
	FRAME KDATA, $0x1000, 2, K64, $1f
	iretq
1:	mov %rsp, %rbx
	mov %ss, %ecx
	int $END
91:	CHECK "ring 0", END
	EQ "ring 0: rsp", %rbx, 0x1000
	EQ "ring 0: ss", %rcx, KDATA
	TRY
	FRAME 0, $stack32_top, 2, K64, $1f
	iretq
1:	mov %ss, %ecx
	int $END
91:	CHECK "ring 0, null ss", END
	EQ "ring 0, null ss: ss", %rcx, 0
	TRY
	FRAME UDATA, $stack32_top, 2, K64, $1f
95:	iretq
1:
91:	CHECK "ring 0, ss of ring 3", GP, (UDATA & ~3), 95b
	TRY
	FRAME KDATA, $stack32_top, 2, U64, $1f
95:	iretq
1:
91:	CHECK "ring 3, ss of ring 0", GP, KDATA, 95b
	TRY
	FRAME 3, $stack32_top, 2, U64, $1f
95:	iretq
1:
91:	CHECK "ring 3, null ss", GP, 0, 95b
	TRY
	FRAME KDATA, $stack32_top, 2, 0, $1f
95:	iretq
1:
91:	CHECK "null cs", GP, 0, 95b
	TRY
	FRAME KDATA, $stack32_top, 2, KDATA, $1f
95:	iretq
1:
91:	CHECK "cs is data", GP, KDATA, 95b
	TRY
	FRAME KDATA, $stack32_top, 2, TSS, $1f
95:	iretq
1:
91:	CHECK "cs is a tss", GP, TSS, 95b
	TRY
	FRAME KDATA, $stack32_top, 2, (K64 + 3), $1f
95:	iretq
1:
91:	CHECK "cs: RPL above DPL", GP, K64, 95b
	TRY
	FRAME KDATA, $stack32_top, 2, 0x1000, $1f
95:	iretq
1:
91:	CHECK "cs beyond the gdt", GP, 0x1000, 95b
	DESC S0, 0, 0xfffff, 0x1b, 0xa
	TRY
	FRAME KDATA, $stack32_top, 2, S0, $1f
95:	iretq
1:
91:	CHECK "cs not present", NP, S0, 95b
	DESC S0, 0, 0xfffff, 0x73, 0xc
	TRY
	FRAME (S0 + 3), $stack32_top, 2, U64, $1f
95:	iretq
1:
91:	CHECK "ss not present", SS, S0, 95b
	mov $1, %eax
	shl $47, %rax
	TRY
	FRAME KDATA, $stack32_top, 2, K64, %rax
95:	iretq
1:
91:	CHECK "rip not canonical", GP, 0
	NOT_INTEL 2f /* Intel faults in IRET itself */
	cmpl $95b, r_ip
	IS "rip not canonical: at the iret", e
	TRY
	FRAME UDATA, $ustack_top, 2, U64, %rax
95:	iretq
1:
91:	CHECK "rip not canonical, to ring 3", GP, 0
	mov r_cs, %eax
	EQ "rip not canonical, to ring 3: still in ring 0", %rax, K64
2:
	/* the stack of the frame is not there */
	mov $1, %ebx
	shl $39, %rbx
	mov %rsp, %rbp
	TRY
	mov %rbx, %rsp
	movb $1, idt + PF * 16 + 4
95:	iretq
91:	CHECK "no stack", PF, 0, 95b
	movb $0, idt + PF * 16 + 4

	/* NT in 64-bit mode */
	TRY
	FRAME KDATA, $stack32_top, 2, K64, $1f
	pushq $FL_NT | 2
	popfq
95:	iretq
1:
91:	CHECK "nt in long mode", GP, 0, 95b

	/* to 32-bit code, rings 0 and 3; ESP's upper half */
	TRY
	FRAME KDATA, $stack32_top, 2, K32, $1f
	iretq
	.code32
1:	mov %cs, %ecx
	mov %esp, %ebx
	int $END
	.code64
91:	CHECK "32-bit code of ring 0", END
	EQ "32-bit code: cs", %rcx, K32
	EQA "32-bit code: esp", %rbx, stack32_top
	TRY
	FRAME UDATA, $ustack_top, 2, U32, $1f
	iretq
	.code32
1:	mov %cs, %ecx
	push %ecx
	int $END
	.code64
91:	CHECK "32-bit code of ring 3", END
	EQ "32-bit code of ring 3: cs", r_cs, U32
	EQ "32-bit code of ring 3: ss", r_ss, UDATA
	EQA "32-bit code of ring 3: esp", r_sp, (ustack_top - 4)
	TRY
	mov $0x6000, %esp /* its upper bits stay, with a 16-bit SS */
	FRAME KDATA16, $0x1234, 2, K16, $0x7000
	movl $0x909040cd, 0x7000 /* INT 0x40 */
	iretq
91:	CHECK "16-bit code", END
	EQ "16-bit code: cs", r_cs, K16
	EQ "16-bit code: rip", r_ip, 0x7002

	/* IRETD and IRETW from 64-bit code */
	TRY
	sub $20, %rsp
	movl $1f, (%rsp)
	movl $K64, 4(%rsp)
	movl $2, 8(%rsp)
	movl $stack32_top, 12(%rsp)
	movl $KDATA, 16(%rsp)
	iretl
1:	mov %rsp, %rbx
	int $END
91:	CHECK "iretd", END
	EQA "iretd: rsp", %rbx, stack32_top
	TRY
	mov $0x6000, %esp
	movw $0x7000, (%rsp)
	movw $K16, 2(%rsp)
	movw $2, 4(%rsp)
	movw $0x1000, 6(%rsp)
	movw $KDATA16, 8(%rsp)
	iretw
91:	CHECK "iretw", END
	EQ "iretw: rip", r_ip, 0x7002
	EQM "iretw: sp", r_sp, 0xffff, 0x1000

	/* IRETD from 32-bit code of ring 0 to itself: no SS, ESP */
	OKAY32 "iretd in 32-bit code", \
		"mov %esp,%ebx; pushl $2; pushl $K32; pushl $1f; iretl; 1: sub %esp,%ebx"
	EQM "iretd in 32-bit code: three words", r_bx, 0xffffffff, 0

	/* in ring 3 */
	USER "mov %rsp,%rbx; pushq $UDATA; push %rbx; pushq $2; pushq $U64; lea 1f(%rip),%rax; push %rax; iretq; 1: sub %rsp,%rbx"
	CHECK "ring 3 to itself", END
	EQ "ring 3 to itself: rsp", r_bx, 0
	UFAULT "ring 3 to ring 0", GP, K64, "pushq $KDATA; push %rsp; pushq $2; pushq $K64; push %rax; 95: iretq"
	/* flags in ring 3: IF and IOPL stay, RF is loaded, VM not */
	USER "mov %rsp,%rbx; pushq $UDATA; push %rbx; pushq $0x7fd7; pushq $U64; lea 1f(%rip),%rax; push %rax; iretq; 1:"
	CHECK "ring 3: all flags", END
	EQM "ring 3: NT set, IOPL and IF not", r_fl, 0x7200, 0x4000
	USER "pushq $0x247ed7; popfq; pushfq; pop %rcx"
	CHECK "ring 3: popf", END
	EQ "ring 3: popf: AC ID NT; not IF, IOPL, RF", r_cx, 0x244cd7
	pushq $0x3002
	popq u_flags
	USER "pushq $0x247ed7; popfq; pushfq; pop %rcx"
	CHECK "ring 3, IOPL 3: popf", END
	EQ "ring 3, IOPL 3: popf: IF too, IOPL stays", r_cx, 0x247ed7
	USER "pushq $0x2; popfq; pushfq; pop %rcx"
	CHECK "ring 3, IOPL 3: popf of 2", END
	EQ "ring 3, IOPL 3: popf of 2: IOPL stays", r_cx, 0x3002
	UOKAY "ring 3, IOPL 3: cli", "cli; sti"
	pushq $2
	popq u_flags
	pushq $0x247cd7
	popfq
	pushfq
	pop %rcx
	pushq $2
	popfq
	EQ "ring 0: popf", %rcx, 0x247cd7
	pushq $2
	popfq
	pushfq
	pop %rcx
	EQ "ring 0: popf of 2", %rcx, 2
	mov $-1, %rax
	push %rax
	andl $~0x10300, (%rsp)
	popfq
	pushfq
	pop %rcx
	pushq $2
	popfq
	EQ "ring 0: popf of all but RF TF IF: VIP, VIF, VM not", %rcx, 0x247cd7
	pushq $0x3002
	popfq
	pushw $0x0002
	popfw
	pushfq
	pop %rcx
	EQ "popfw: IOPL", %rcx, 2
	/* segments on the way to ring 3 */
	DESC S0, 0, 0xfffff, 0x93, 0xc
	mov $S0, %eax
	mov %eax, %ds
	mov %eax, %fs
	mov $UDATA, %eax
	mov %eax, %gs
	USER "mov %ds,%eax; mov %fs,%ebx; mov %gs,%ecx"
	CHECK "to ring 3 with segments of ring 0", END
	EQ "ds is null", r_ax, 0
	EQ "fs is null", r_bx, 0
	EQ "gs of ring 3 stays", r_cx, UDATA
	DONE
