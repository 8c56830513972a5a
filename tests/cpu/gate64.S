/* SPDX-License-Identifier: MIT */
/*
 * Far calls and returns in 64-bit mode, call gates of 16 bytes, the stack from
 * the TSS (SDM vol. 3A, ch. 5.8).
 */
#define BITS 64
#include "tests/cpu/guest.inc"

	.set G0, FREE
	.set S0, FREE + 16

GUEST "slow=its KVM does not emulate far calls through gates"
	movl $0x909040cd, 0x7000
	/* sizes of indirect far calls: m16:32, with REX.W m16:64 */
	TRY
	lcalll *far
1:	int $END
91:	CHECK "m16:32", END
	mov catch_sp, %rax
	sub r_sp, %rax
	EQ "m16:32: 8 bytes", %rax, 8
	TRY
	.byte 0x48
	lcalll *far64
91:	CHECK "m16:64", END
	mov catch_sp, %rax
	sub r_sp, %rax
	EQ "m16:64: 16 bytes", %rax, 16
	TRY
	push $K64
	push $1f
	lretq
1:	mov %rsp, %rbx
	int $END
91:	CHECK "lretq", END
	cmp %rbx, catch_sp
	IS "lretq: rsp", e
	TRY
	push $K64
	push $1f
	lretq $64
1:	mov %rsp, %rbx
	int $END
91:	CHECK "lretq and pop", END
	sub catch_sp, %rbx
	EQ "lretq and pop: rsp", %rbx, 64
	/* to compatibility mode and ring 3 */
	TRY
	push $K32
	push $1f
	lretq
	.code32
1:	mov %cs, %eax
	int $END
	.code64
91:	CHECK "lretq to 32-bit code", END
	EQ "lretq to 32-bit code: cs", %rax, K32
	TRY
	push $UDATA
	push $ustack_top
	push $U64
	push $1f
	lretq
1:	int $END
91:	CHECK "lretq to ring 3", END
	EQA "lretq to ring 3: rsp", r_sp, ustack_top
	FAULT "lretq to ring 3, ss null", GP, 0, \
		"push $3; push $0; push $U64; push $0; 95: lretq"
	FAULT "lretq to null", GP, 0, "push $0; push $0; 95: lretq"
	mov $1, %ecx
	shl $47, %rcx
	FAULT "lretq, rip not canonical", GP, 0, "push $K64; push %rcx; 95: lretq"

	/* a gate: SS (null), RSP from the TSS */
	GATE gdt, G0, K64, called, 0xec
	TRY
	call to_user
	lcalll *gate(%rip)
1:	int $END
called:	mov (%rsp), %rax
	mov 8(%rsp), %rcx
	mov 16(%rsp), %rdx
	mov 24(%rsp), %rsi
	mov %ss, %edi
	mov %rsp, %rbx
	lretq
91:	CHECK "gate from ring 3 and back", END
	EQ "gate: back in ring 3", r_cs, U64
	EQA "gate: rip", r_ax, 1b
	EQ "gate: cs", r_cx, U64
	EQA "gate: rsp", r_dx, ustack_top
	EQ "gate: ss", r_si, UDATA
	EQ "gate: ss of ring 0 is null", r_di, 0
	EQA "gate: rsp of ring 0", r_bx, (ring0_top - 32)
	/* from compatibility mode, by an immediate */
	TRY
	call to_user32
	.code32
	lcall $G0, $0
1:	int $END
	.code64
91:	CHECK "gate from 32-bit code and back", END
	EQ "gate from 32-bit code: back there", r_cs, U32
	/* in the same ring no stack is changed */
	GATE gdt, G0, K64, 1f, 0xec
	TRY
	lcalll *gate
1:	int $END
91:	CHECK "gate in ring 0", END
	mov catch_sp, %rax
	sub r_sp, %rax
	EQ "gate in ring 0: 16 bytes", %rax, 16
	/* wrong ones */
	GATE gdt, G0, K32, called, 0xec
	UFAULT "gate to 32-bit code", GP, K32, "lcalll *gate(%rip)"
	GATE gdt, G0, K64, called, 0xe4
	UFAULT "16-bit gate", GP, G0, "lcalll *gate(%rip)"
	GATE gdt, G0, K64, called, 0x8c
	UFAULT "gate of ring 0 in ring 3", GP, G0, "lcalll *gate(%rip)"
	GATE gdt, G0, K64, called, 0xec
	movl $0x0c00, gdt + G0 + 12
	UFAULT "gate with a type in its upper half", GP, G0, "lcalll *gate(%rip)"
	movl $0, gdt + G0 + 12
	movl $0x00008000, gdt + G0 + 8
	UFAULT "gate to what is not canonical", GP, 0, "lcalll *gate(%rip)"
	movl $0, gdt + G0 + 8
	movb $0x6c, gdt + G0 + 5
	UFAULT "gate not present", NP, G0, "lcalll *gate(%rip)"
	/* a TSS cannot be called or jumped to */
	movl $TSS, gate + 4
	FAULT "call of a tss", GP, TSS, "lcalll *gate"
	FAULT "jump to a tss", GP, TSS, "ljmpl *gate"

	/* RSP0 from a TSS: not canonical, or not there */
	movb $2, idt + SS * 16 + 4
	mov $1, %rax
	shl $47, %rax
	add $256, %rax
	mov %rax, tss + 4
	UFAULT "rsp0 not canonical", SS, 0, "int $0x80"
	movb $2, idt + PF * 16 + 4
	mov $1, %rax
	shl $39, %rax
	mov %rax, tss + 4
	UFAULT "rsp0: no page there", PF, PF_W, "int $0x80"
	sub $8, %rax
	cmp %rax, r_cr2
	IS "rsp0: no page there: cr2", e
	movq $ring0_top, tss + 4
	/* unaligned: aligned downwards */
	movq $ring0_top - 5, tss + 4
	UTRAP "rsp0 unaligned", 0x80, 0, "int $0x80"
	EQA "rsp0 unaligned: frame", r_frame, (ring0_top - 16 - 40)
	movq $ring0_top, tss + 4
	/* a TSS too short for the IST */
	movb $2, idt + 0x81 * 16 + 4
	movb $0, idt + TS * 16 + 4
	movw $0x2b, gdt + TSS
	movb $0x89, gdt + TSS + 5
	mov $TSS, %eax
	ltr %ax
	FAULT "tss too short for an ist", TS, TSS, "int $0x81"
	DONE

	.section .data
far:	.long 0x7000
	.word K64
far64:	.quad 0x7000
	.word K64
	.balign 8
gate:	.long 0
	.word G0
	.long 0
