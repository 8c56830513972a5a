/* SPDX-License-Identifier: MIT */
/*
 * Locked instructions on operands across cache lines and pages, by two
 * processors (SDM vol. 3A, ch. 8.1.2).
 */
#define BITS 64
#include "tests/cpu/guest.inc"
#include "tests/cpu/smp.inc"

	.set N, 100000
GUEST "cpus=2 slow=its KVM emulates locks across pages without a lock"
	call start_aps
	/* hosts may punish such locks by milliseconds: then do with few */
	movl $N, rounds
	lock incq line-3
	rdtsc
	mov %eax, %ecx
	lock decq line-3
	rdtsc
	sub %ecx, %eax
	cmp $1000000, %eax
	jb 1f
	movl $10, rounds
1:
	BOTH "lock incq line-3"
	TIMES "inc across a cache line", line-3
	BOTH "mov $1,%eax; lock xadd %rax,line-4"
	TIMES "xadd across a cache line", line-4
	BOTH "mov $1,%eax; lock xadd %ax,line-1; add $1,%r9"
	mov rounds, %eax
	add %eax, %eax
	cmpw %ax, line-1
	IS "xadd of 16 bits across a cache line", e
	movq $0, line-4
	BOTH "lock addq $1,page-5"
	TIMES "add across a page", page-5
	BOTH "mov page-2,%eax; 1: lea 1(%rax),%ecx; lock cmpxchg %ecx,page-2; jne 1b"
	TIMES "cmpxchg across a page", page-2
	BOTH "mov page-4,%eax; mov page,%edx; 1: lea 1(%eax),%ebx; lea 1(%edx),%ecx; lock cmpxchg8b page-4; jne 1b"
	mov page, %eax
	cmp %eax, page - 4
	IS "cmpxchg8b across a page: halves", e
	movl $0, page
	TIMES "cmpxchg8b across a page", page-4
	/* a lost unlock ends it, as a failure */
	BOTH \
		"mov $10000000,%r9d; 1: mov $1,%eax; xchg %eax,page-1; dec %r9d; cmovz %r9d,%eax; test %eax,%eax; jnz 1b; incl line; movl $0,page-1; test %r9d,%r9d; cmovz one,%r8d"
	TIMES "a spin lock across a page", line
	/* what such a lock reads and writes is also changed by others, by locks
	 * of their own */
	AP_RUN halves
	mov rounds, %r8d
1:	lock addq $0, line - 4
	dec %r8d
	jnz 1b
	AP_DONE
	mov line, %eax
	cmp %eax, line - 4
	IS "line: halves, counted by the other", e
	movl $0, line
	mov line - 4, %eax
	sub rounds, %eax
	EQ "line: a locked add of 0 loses none of the other's", %rax, 0
	AP_RUN page_halves
	mov rounds, %r8d
1:	lock addq $0, page - 4
	dec %r8d
	jnz 1b
	AP_DONE
	mov page, %eax
	cmp %eax, page - 4
	IS "page: halves, counted by the other", e
	movl $0, page
	mov page - 4, %eax
	sub rounds, %eax
	EQ "page: a locked add of 0 loses none of the other's", %rax, 0
	DONE

halves:	mov rounds, %r8d
1:	lock incl line - 4
	lock incl line
	dec %r8d
	jnz 1b
	ret

page_halves:
	mov rounds, %r8d
1:	lock incl page - 4
	lock incl page
	dec %r8d
	jnz 1b
	ret

	.section .data
one:	.long 1
	.section .bss
	.balign 4096
	.skip 4096
page:	.skip 4096
	.skip 64
line:	.skip 64
