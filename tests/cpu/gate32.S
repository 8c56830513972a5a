/* SPDX-License-Identifier: MIT */
/*
 * Far calls and returns in 32-bit protected mode: same ring, call gates of 32
 * and 16 bits with parameters, stacks from the TSS and what is wrong with them
 * (SDM vol. 3A, ch. 5.8).
 */
#define BITS 32
#include "tests/cpu/guest.inc"

	.set G0, FREE + 3 /* a call gate for ring 3 */
	.set S1, FREE + 8 /* code of ring 1 */
	.set S2, FREE + 16 + 1 /* its stack */
	.set S3, FREE + 24
/* The gate: access byte, selector, address, parameters */
.macro CALLGATE access, sel, to, count=0
	GATE gdt, FREE, \sel, \to, \access, \count
.endm

GUEST "slow=its KVM does not emulate far calls through gates"
	/* in the same ring */
	mov %esp, %ebx
	TRY
	lcall $K32, $1f
2:	int $END
1:	mov (%esp), %eax
	mov 4(%esp), %ecx
	mov %ebx, %edx
	sub %esp, %edx
	lret
91:	CHECK "call and return", END
	EQA "call: eip on the stack", r_ax, 2b
	EQ "call: cs on the stack", r_cx, K32
	EQ "call: 8 bytes", r_dx, 8
	cmp %ebx, r_sp
	IS "return: esp", e
	TRY
	push $0x11
	push $0x22
	mov %esp, %ebx
	lcall $K32, $1f
	mov %esp, %ecx
	int $END
1:	lret $8
91:	CHECK "return and pop", END
	sub %ebx, %ecx
	EQ "return and pop: 8 bytes more", %ecx, 8
	TRY
	lcall *far
far_target:
	int $END
91:	CHECK "indirect call", END
	FAULT "lcall of a register", UD, 0, ".byte 0xff,0xd8"
	FAULT "ljmp of a register", UD, 0, ".byte 0xff,0xe8"

	/* a call gate in the same ring; RPL and offset do not count */
	CALLGATE 0x8c, K32, 1f
	TRY
	lcall $FREE, $0x12345678
	int $END
1:	mov %esp, %ecx
	int $END
91:	CHECK "gate in ring 0", END
	sub catch_sp, %ecx
	EQ "gate in ring 0: 8 bytes on the same stack", %ecx, -8
	UFAULT "gate of ring 0 in ring 3", GP, FREE, "lcall $G0,$0"
	FAULT "gate with RPL above its DPL", GP, FREE, "lcall $G0,$0"
	CALLGATE 0x8c, K32, 1f
	TRY
	ljmp $FREE, $0
1:	int $END
91:	CHECK "jump through a gate", END

	/* from ring 3: SS ESP, parameters, CS EIP */
	CALLGATE 0xec, K32, called, 2
	TRY
	call to_user
	push $0x1111
	push $0x2222
	push $0x3333
	lcall $G0, $0
2:	mov %esp, %edi
	int $END
called:	mov %esp, %ebx
	mov (%esp), %eax
	mov 4(%esp), %ecx
	mov 8(%esp), %edx
	mov 12(%esp), %esi
	mov 16(%esp), %ebp
	lret $8
91:	CHECK "gate from ring 3 and back", END
	EQ "gate from ring 3: back in ring 3", r_cs, U32
	EQA "gate: eip", r_ax, 2b
	EQ "gate: cs", r_cx, U32
	EQ "gate: first parameter", r_dx, 0x3333
	EQ "gate: second parameter", r_si, 0x2222
	EQA "gate: esp of ring 3", r_bp, (ustack_top - 12)
	EQA "gate: esp of ring 0", r_bx, (ring0_top - 24)
	EQA "gate: after lret 8", r_di, (ustack_top - 4)
	/* jumping does not change the ring */
	UFAULT "jump through a gate to ring 0 in ring 3", GP, K32, "ljmp $G0,$0"
	/* segments of ring 0 do not reach ring 3 */
	CALLGATE 0xec, K32, called2
	mov $KDATA, %eax
	mov %eax, %fs
	TRY
	call to_user
	lcall $G0, $0
	mov %ds, %eax
	mov %fs, %ecx
	int $END
called2:
	mov $KDATA, %eax
	mov %eax, %ds
	mov %eax, %fs
	lret
91:	CHECK "return to ring 3 with segments", END
	EQ "return to ring 3: ds is null", r_ax, 0
	EQ "return to ring 3: fs is null", r_cx, 0

	/* to conforming code: no change of ring, no change of stack */
	DESC S3, 0, 0xfffff, 0x9f, 0xc
	CALLGATE 0xec, S3, 1f
	TRY
	call to_user
	lcall $G0, $0
1:	mov %cs, %eax
	mov %esp, %ecx
	int $END
91:	CHECK "gate to conforming code", END
	EQ "gate to conforming code: still ring 3", r_ax, (S3 + 3)
	EQA "gate to conforming code: esp", r_cx, (ustack_top - 8)

	/* gates that are wrong */
	CALLGATE 0x6c, K32, called
	UFAULT "gate not present", NP, FREE, "lcall $G0,$0"
	CALLGATE 0xec, 0, called
	UFAULT "gate to null", GP, 0, "lcall $G0,$0"
	CALLGATE 0xec, KDATA, called
	UFAULT "gate to data", GP, KDATA, "lcall $G0,$0"
	CALLGATE 0xec, 0x1000, called
	UFAULT "gate beyond the gdt", GP, 0x1000, "lcall $G0,$0"
	CALLGATE 0xec, U32, called
	FAULT "gate to code of ring 3 in ring 0", GP, (U32 & ~3), \
		"lcall $FREE,$0"
	DESC S3, 0, 0xfffff, 0x1b, 0xc
	CALLGATE 0xec, S3, called
	UFAULT "gate to code not present", NP, S3, "lcall $G0,$0"
	DESC S3, 0, 0xfff, 0x9b, 0x4
	CALLGATE 0xec, S3, called
	UFAULT "gate beyond the code's limit", GP, 0, "lcall $G0,$0"
	CALLGATE 0xee, K32, called
	UFAULT "call of an interrupt gate", GP, FREE, "lcall $G0,$0"
	/* a 16-bit gate: the frame, too, is of 16 bits */
	movl $0x909040cd, 0x7000
	CALLGATE 0xe4, K32, 0x7000, 1
	TRY
	call to_user
	push $0x22221111
	lcall $G0, $0
91:	CHECK "16-bit gate from ring 3", END
	EQ "16-bit gate: cs", r_cs, K32
	EQA "16-bit gate: ten bytes", r_frame, (ring0_top - 10 - 12)
	EQW "16-bit gate: parameter", ring0_top-6, 0x1111

	/* ring 1: a stack of the TSS that can be wrong without harm */
	DESC S1, 0, 0xfffff, 0xbb, 0xc
	DESC S2, 0, 0xfffff, 0xb3, 0xc
	movl $ist1_top, tss + 12
	movl $S2, tss + 16
	CALLGATE 0xec, S1, ring1
	TRY
	call to_user
	lcall $G0, $0
	int $END
ring1:	mov %cs, %ecx
	mov %ss, %edx
	mov %esp, %ebx
	int $END
91:	CHECK "gate from ring 3 to ring 1", END
	EQ "ring 1: cs", r_cx, (S1 + 1)
	EQ "ring 1: ss", r_dx, S2
	EQA "ring 1: esp", r_bx, (ist1_top - 16)
	movl $0, tss + 16
	UFAULT "ss1 null", TS, 0, "lcall $G0,$0"
	movl $(S2 & ~3), tss + 16
	UFAULT "ss1 with RPL 0", TS, (S2 & ~3), "lcall $G0,$0"
	movl $(KDATA + 1), tss + 16
	UFAULT "ss1 of ring 0", TS, KDATA, "lcall $G0,$0"
	movl $(S1 + 1), tss + 16
	UFAULT "ss1 is code", TS, S1, "lcall $G0,$0"
	movl $0x1001, tss + 16
	UFAULT "ss1 beyond the gdt", TS, 0x1000, "lcall $G0,$0"
	movl $S2, tss + 16
	DESC S2, 0, 0xfffff, 0x33, 0xc
	UFAULT "ss1 not present", SS, (S2 & ~3), "lcall $G0,$0"
	DESC S2, 0, 0xfff, 0xb3, 0x4
	UFAULT "ss1 too small", SS, (S2 & ~3), "lcall $G0,$0"
	DESC S2, 0, 0xfffff, 0xb3, 0xc
	/* the TSS itself too short for SS1 */
	movw $15, gdt + TSS
	movb $0x89, gdt + TSS + 5
	mov $TSS, %eax
	ltr %ax
	UFAULT "tss too short", TS, TSS, "lcall $G0,$0"
	movw $TSS_SIZE - 1, gdt + TSS
	movb $0x89, gdt + TSS + 5
	ltr %ax
	/* return to an inner ring is none */
	UFAULT "far return to ring 0 in ring 3", GP, K32, \
		"push $K32; push $0; 95: lret"
	FAULT "far return to null", GP, 0, "push $0; push $0; 95: lret"
	FAULT "far return to ring 3, ss null", GP, 0, \
		"push $0; push $0; push $U32; push $0; 95: lret"
	FAULT "far return to ring 3, ss of ring 0", GP, KDATA, \
		"push $KDATA; push $0; push $U32; push $0; 95: lret"
	FAULT "far return, code not present", NP, S3, \
		"movb $0x1b,gdt+S3+5; push $S3; push $0; 95: lret"
	DONE

	.section .data
far:	.long far_target
	.word K32
