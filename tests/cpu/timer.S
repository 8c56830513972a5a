/* SPDX-License-Identifier: MIT */
/*
 * The local APIC's timer: one-shot, periodic, TSC deadline; masks, counts,
 * HLT (SDM vol. 3A, ch. 10.5.4).
 */
#define BITS 64
#include "tests/cpu/guest.inc"
#include "tests/cpu/smp.inc"

	.set V, 0x50
	.set PERIODIC, 0x20000
	.set DEADLINE, 0x40000
	.set MASKED, 0x10000
	.set COUNT, 1000000 /* a millisecond, or a few */
	/* What must not end while we look, however long a busy host holds us up
	 * in the middle. */
	.set LONG, 0x7fffffff
	.set FAR, 300000000

GUEST ""
	INTR V, tick
	INTR 0xff, spurious
	LAPIC_ON
	LSET L_DIV, 0xb /* by 1 */
	/* one-shot */
	LSET L_TIMER, V
	EQL "no count, no interrupt", ticks, 0
	LSET L_INIT, LONG
	LGET L_NOW
	mov %eax, %ebx
	test %eax, %eax
	IS "the count begins above 0", nz
	cmp $LONG, %eax
	IS "the count begins at most at the start", be
	DELAY 10000
	LGET L_NOW
	cmp %ebx, %eax
	IS "the count goes down", b
	LSET L_INIT, COUNT
	sti
	WAITFOR ticks, 1
	cli
	EQL "one-shot: an interrupt", ticks, 1
	LGET L_NOW
	EQ "one-shot: the count stays at 0", %rax, 0
	sti
	DELAY 10000000
	cli
	EQL "one-shot: no other", ticks, 1
	/* not before its time: how many cycles a count takes is seen from both
	 * clocks, read at the ends of a delay; the least of some, as we may be
	 * held up between the two */
	mov $-1, %r9
	mov $8, %r10d
1:	LSET L_INIT, 0xffffffff
	LGET L_NOW
	mov %eax, %ebx
	rdtsc
	mov %eax, %r8d
	DELAY 2000000
	LGET L_NOW
	sub %eax, %ebx
	rdtsc
	sub %r8d, %eax
	shl $16, %rax
	xor %edx, %edx
	div %rbx
	cmp %r9, %rax
	cmovb %rax, %r9
	dec %r10d
	jnz 1b
	LSET L_INIT, 0
	/* nine tenths of that many at least, for four times the count */
	imul $4 * COUNT / 10 * 9, %r9, %rbx
	shr $16, %rbx
	mov $4 * COUNT, %edi
	call measure
	cmp %rbx, %rax
	IS "one-shot: not before its time", ae
	/* by HLT */
	movl $0, ticks
	LSET L_INIT, COUNT
	sti
	hlt
	cli
	EQL "one-shot: wakes from hlt", ticks, 1
	/* masked */
	LSET L_TIMER, (V|MASKED)
	LSET L_INIT, 1000
	DELAY 30000000
	sti
	nop
	cli
	EQL "masked: none", ticks, 1
	LGET L_NOW
	EQ "masked: counts all the same", %rax, 0
	LSET L_TIMER, V
	sti
	DELAY 1000000
	cli
	EQL "unmasked afterwards: none, either", ticks, 1
	/* stopped by a count of 0 */
	LSET L_INIT, LONG
	LSET L_INIT, 0
	LGET L_NOW
	EQ "stopped", %rax, 0
	/* written again before it ends */
	LSET L_INIT, 2000000000
	LSET L_INIT, 1000
	sti
	WAITFOR ticks, 2
	cli
	EQL "begun anew", ticks, 2
	/* the divider */
	LSET L_DIV, 0xa /* by 128 */
	LSET L_INIT, LONG
	rdtsc
	mov %eax, %r8d
	LGET L_NOW
	mov %eax, %ebx
	DELAY 100000
	LGET L_NOW
	sub %eax, %ebx
	rdtsc
	sub %r8d, %eax
	shl $16, %rax
	xor %edx, %edx
	div %r9 /* as many counts, undivided */
	shl $6, %rbx
	cmp %rax, %rbx
	IS "divided by 128: slowly", b
	LSET L_INIT, 0
	LSET L_DIV, 0xb

	/* periodic */
	movl $0, ticks
	LSET L_TIMER, (V|PERIODIC)
	LSET L_INIT, COUNT
	sti
1:	hlt
	cmpl $10, ticks
	jb 1b
	cli
	cmpl $10, ticks
	IS "periodic: ten", ae
	LGET L_NOW
	cmp $COUNT, %eax
	IS "periodic: the count is at most the start", be
	LSET L_INIT, 0
	mov ticks, %ebx
	sti
	DELAY 10000000
	cli
	mov ticks, %eax
	sub %ebx, %eax
	cmp $1, %eax
	IS "periodic: stopped (one may be under way)", be

	/* TSC deadline */
	mov $1, %eax
	cpuid
	bt $24, %ecx
	jnc end
	movl $0, ticks
	LSET L_TIMER, (V|DEADLINE)
	LSET L_INIT, 1000
	sti
	DELAY 3000000
	cli
	EQL "deadline: the count is not looked at", ticks, 0
	mov $FAR, %ebx
	call deadline
	GET_MSR 0x6e0
	cmp %rbx, %rax
	IS "deadline: reads as written", e
	sti
	hlt
	cli
	EQL "deadline: an interrupt", ticks, 1
	rdtsc
	shl $32, %rdx
	or %rdx, %rax
	cmp %rbx, %rax
	IS "deadline: not before its time", ae
	GET_MSR 0x6e0
	EQ "deadline: 0 afterwards", %rax, 0
	/* in the past: at once */
	SET_MSR 0x6e0, 1
	sti
	WAITFOR ticks, 2
	cli
	EQL "deadline: in the past", ticks, 2
	/* disarmed */
	mov $FAR, %ebx
	call deadline
	SET_MSR 0x6e0, 0
	sti
	DELAY 2*FAR
	cli
	EQL "deadline: disarmed", ticks, 2
	/* a change of mode disarms */
	mov $FAR, %ebx
	call deadline
	LSET L_TIMER, V
	GET_MSR 0x6e0
	EQ "deadline: reads 0 in another mode", %rax, 0
	sti
	DELAY 2*FAR
	cli
	EQL "deadline: disarmed by a change of mode", ticks, 2
	SET_MSR 0x6e0, 1
	sti
	DELAY 1000000
	cli
	EQL "deadline: not armed in another mode", ticks, 2
	/* again and again. Not by HLT: an emulated SVM may forget STI's shadow as it
	 * leaves the guest there, and HLT then waits for what has come already. */
	LSET L_TIMER, (V|DEADLINE)
	xor %r12d, %r12d
	mov $100, %ebp
1:	movl $0, ticks
	mov $100000, %ebx
	call deadline
	sti
	WAITFOR ticks, 1
	cli
	add ticks, %r12d
	dec %ebp
	jnz 1b
	EQ "deadline: a hundred", %r12, 100
end:	DONE

/* TSC + RBX into the deadline; RBX is it */
deadline:
	rdtsc
	shl $32, %rdx
	or %rdx, %rax
	add %rax, %rbx
	mov %rbx, %rax
	mov %rbx, %rdx
	shr $32, %rdx
	mov $0x6e0, %ecx
	wrmsr
	ret

/* How many cycles a count of EDI takes: RAX */
measure:
	movl $0, ticks
	rdtsc
	shl $32, %rdx
	or %rdx, %rax
	mov %rax, %r8
	mov $LAPIC + L_INIT, %eax
	mov %edi, (%rax)
	sti
	WAITFOR ticks, 1
	cli
	rdtsc
	shl $32, %rdx
	or %rdx, %rax
	sub %r8, %rax
	ret

tick:	incl ticks
	push %rax
	LEOI
	pop %rax
	iretq
spurious:
	iretq

	.section .bss
ticks:	.long 0
