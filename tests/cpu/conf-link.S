/* SPDX-License-Identifier: MIT */
/*
 * An interrupt right after a jump that runs for the first time, to a handler in
 * the jump's own page: the jump's later runs must not lead to the handler.
 */
#define BITS 64
#include "tests/cpu/guest.inc"
#include "tests/cpu/smp.inc"

	.set VECTOR, 0x41
	.set SELF, 0x44000 /* fixed, to itself */

	.section .data
came:	.long 0

	.section .text.page, "ax"
	.balign 4096
handler:
	incl came
	LEOI
	iretq

/* RCX is where to write: ICR, or plain memory. */
jump:	movl $SELF | VECTOR, (%rcx)
	jmp 1f
	ud2
1:	nop
	ret
call_it:
	movl $SELF | VECTOR, (%rcx)
	call 1f
	ret
1:	ret
branch:	xor %edx, %edx
	movl $SELF | VECTOR, (%rcx)
	jz 1f
	ud2
1:	ret

/* Waiting as systems do: the jump back is the one. */
sleep:	sti
1:	hlt
	cmpl $2, came
	jb 1b
	cli
	ret
	.balign 4096
	.text

.macro TWICE name, function
	TRY
	movl $0, came
	sti
	mov $LAPIC + L_ICR, %ecx
	call \function
	nop
	EQL "\name: interrupt", came, 1
	mov $scratch, %ecx
	call \function
	call \function
91:	CHECK "\name: again", NONE
	EQL "\name: no other", came, 1
	cli
.endm

GUEST "slow=its KVM lets interrupts in late"
	LAPIC_ON
	INTR VECTOR, handler
	TWICE "jump", jump
	TWICE "call", call_it
	TWICE "branch", branch

	movl $0, came
	LSET L_DIV, 0xb
	LSET L_TIMER, 0x20000 | VECTOR /* periodic */
	LSET L_INIT, 1000000
	TRY
	call sleep
91:	CHECK "sleep", NONE
	LSET L_INIT, 0
	DONE
