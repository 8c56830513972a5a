/* SPDX-License-Identifier: MIT */
/*
 * Two processors on the same memory: locked instructions, spin locks, and the
 * order of stores and loads (SDM vol. 3A, ch. 8).
 */
#define BITS 64
#include "tests/cpu/guest.inc"
#include "tests/cpu/smp.inc"

	.set N, 100000
GUEST "cpus=2"
	call start_aps
	ROUNDS N
	EQL "the other processor is here", ap_here, 1
	BOTH "lock incq counter"
	TIMES "lock inc", counter
	movl rounds, %eax
	add %rax, %rax
	mov %rax, counter
	BOTH "lock decl counter"
	EQ "lock dec", counter, 0
	BOTH "lock addw $1,counter"
	mov rounds, %eax
	add %eax, %eax
	movzwl %ax, %eax
	cmp %rax, counter
	IS "lock add, 16 bits", e
	movq $0, counter
	BOTH "mov $1,%eax; lock xadd %eax,counter; add %rax,%r9"
	TIMES "lock xadd", counter
	movq $0, counter
	BOTH \
		"mov counter,%rax; 1: lea 1(%rax),%rcx; lock cmpxchg %rcx,counter; jne 1b"
	TIMES "lock cmpxchg", counter
	movq $0, counter
	BOTH \
		"mov counter,%eax; mov counter+4,%edx; 1: lea 1(%eax),%ebx; lea 1(%edx),%ecx; lock cmpxchg8b counter; jne 1b"
	mov counter + 4, %eax
	cmp %eax, counter
	IS "lock cmpxchg8b: halves", e
	movl $0, counter + 4
	TIMES "lock cmpxchg8b", counter
	movq $0, counter
	BOTH \
		"1: mov $1,%eax; xchg %eax,spin; test %eax,%eax; jz 2f; pause; jmp 1b; 2: incq counter; movl $0,spin"
	TIMES "a spin lock by xchg", counter
	movq $0, counter
	BOTH \
		"1: lock btsl $3,spin; jnc 2f; pause; jmp 1b; 2: incq counter; lock btrl $3,spin"
	TIMES "a spin lock by bts", counter
	/* the lock is by CMPXCHG of a byte; the counter's halves are one apart */
	movq $0, counter
	BOTH \
		"1: xor %eax,%eax; mov $1,%cl; lock cmpxchg %cl,spin+5; je 2f; pause; jmp 1b; 2: incw counter; incl counter+4; movb $0,spin+5"
	movzwl counter, %eax
	cmpw %ax, counter + 4
	IS "a spin lock by a byte: 16 bits", e
	mov counter + 4, %eax
	mov %rax, counter
	TIMES "a spin lock by a byte", counter
	/* a store and the load of the other's: with a locked instruction or
	 * MFENCE between, one of the two has to see the other */
	movl $0, stop
	AP_RUN dekker_ap
	mov rounds, %r8d
	xor %r9d, %r9d
	xor %r10d, %r10d
	CLOCK
1:	inc %r10d
	LATE 3f
	dec %r8d
	jnz 4f
3:	movl $1, stop
4:	call meet
	cmpl $0, stop
	jne 5f
	movl $0, x
	call meet2
	mov %r10d, x
	mfence
	mov y, %eax
	mov %eax, saw_y
	call meet3
	cmp %r10d, saw_y
	je 1b
	cmp %r10d, saw_x
	je 1b
	inc %r9d
	jmp 1b
5:	AP_DONE
	EQ "store, MFENCE, load: one sees the other", %r9, 0

	/* stores are seen in their order */
	movl $0, x
	movl $0, y
	AP_RUN ordered
	xor %r9d, %r9d
1:	mov y, %eax
	mov x, %ecx
	cmp %eax, %ecx
	jb 3f
2:	cmp rounds, %eax
	jb 1b
	jmp 4f
3:	inc %r9d
	jmp 2b
4:	AP_DONE
	EQ "stores in order, loads in order", %r9, 0

	/* a 64-bit store is one, even where it is not aligned in its line */
	movq $0, counter + 1
	movl $0, stop
	AP_RUN torn
	xor %r9d, %r9d
	mov rounds, %r8d
1:	mov counter + 1, %rax
	mov %eax, %ecx
	shr $32, %rax
	cmp %ecx, %eax
	je 2f
	inc %r9d
2:	dec %r8d
	jnz 1b
	movl $1, stop
	AP_DONE
	EQ "a store within a line is seen whole", %r9, 0

	DONE

/* Both come here before either goes on; three, so that none is used again
 * before the other has left it. */
meet:	mov $gate, %edi
	jmp 1f
meet2:	mov $gate + 4, %edi
	jmp 1f
meet3:	mov $gate + 8, %edi
1:	lock incl (%rdi)
	lea (%r10, %r10), %r11d
2:	pause
	cmp %r11d, (%rdi)
	jb 2b
	ret

dekker_ap:
	xor %r10d, %r10d
1:	inc %r10d
	call meet
	cmpl $0, stop
	jne 2f
	movl $0, y
	call meet2
	mov %r10d, y
	lock addl $0, (%rsp)
	mov x, %eax
	mov %eax, saw_x
	call meet3
	jmp 1b
2:	ret

ordered:
	mov $1, %eax
1:	mov %eax, x
	mov %eax, y
	inc %eax
	cmp rounds, %eax
	jbe 1b
	ret

torn:	xor %eax, %eax
	mov $0x100000001, %rcx
1:	add %rcx, %rax
	mov %rax, counter + 1
	cmpl $0, stop
	je 1b
	ret

	.section .bss
	.balign 64
counter: .skip 64
spin:	.skip 64
x:	.skip 64
y:	.skip 64
saw_x:	.skip 64
saw_y:	.skip 64
gate:	.skip 64
stop:	.skip 64
