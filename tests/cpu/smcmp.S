/* SPDX-License-Identifier: MIT */
/*
 * One processor writes the code of another (SDM vol. 3A, ch. 8.1.3): with a
 * handshake and CPUID, and without, where one aligned word is changed.
 */
#define BITS 64
#include "tests/cpu/guest.inc"
#include "tests/cpu/smp.inc"

	.set N, 2000

GUEST "cpus=2"
	call start_aps
	/* by handshake: we write, it runs, it answers with what it got */
	movl $0, turn
	AP_RUN runner
	xor %r9d, %r9d
	mov $1, %ebx
	CLOCK
1:	mov %ebx, operand
	mov %ebx, turn
2:	pause
	cmp %ebx, answered
	jne 2b
	cmp %ebx, answer
	je 3f
	inc %r9d
3:	inc %ebx
	LATE 4f
	cmp $N, %ebx
	jbe 1b
4:	movl $-1, turn
	AP_DONE
	EQ "a function written by another processor", %r9, 0

	/* an endless loop of the other's: patched into leaving */
	mov $N, %r8d
	xor %r9d, %r9d
	CLOCK
1:	movw $0xfeeb, endless /* JMP to itself */
	movl $0, looping
	AP_RUN enter_loop
2:	pause
	cmpl $1, looping
	jne 2b
	movw $0x9090, endless
	AP_DONE
	cmpl $0, ap_work
	je 3f
	inc %r9d
	mov $1, %r8d
3:	LATE 4f
	dec %r8d
	jnz 1b
4:	EQ "an endless loop, patched by another processor", %r9, 0

	/* two blocks that are chained: the target of a jump is changed */
	movl $0, count_a
	movl $0, count_b
	movl $0, stop
	movb $a_target - jump - 2, jump + 1
	AP_RUN jumper
	WAITFOR count_a, 100, ae
	movb $b_target - jump - 2, jump + 1
	WAITFOR count_b, 100, ae
	mov count_a, %ebx
	DELAY 100000
	movl $1, stop
	AP_DONE
	cmpl $100, count_b
	IS "a jump's target, changed by another processor", ae
	EQL "none goes to the old one afterwards", count_a, 0
	DONE

runner:	xor %ebp, %ebp
1:	mov turn, %ecx
	cmp $-1, %ecx
	je 2f
	cmp %ebp, %ecx
	je 1b
	mov %ecx, %ebp
	xor %eax, %eax
	cpuid
	call function
	mov %eax, answer
	mov %ebp, answered
	jmp 1b
2:	ret

enter_loop:
	movl $1, looping
	.balign 2
endless: jmp endless
	ret

jumper:	cmpl $0, stop
	jne 1f
	.balign 2
jump:	jmp a_target
a_target:
	incl count_a
	jmp jumper
b_target:
	incl count_b
	movl $0, count_a
	jmp jumper
1:	ret

	.balign 4096
	nop
	nop
	nop
function:
	mov $0, %eax
	.set operand, function + 1
	ret

	.section .bss
	.balign 64
turn:	.skip 64
answer:	.skip 64
answered: .skip 64
looping: .skip 64
count_a: .skip 64
count_b: .skip 64
stop:	.skip 64
