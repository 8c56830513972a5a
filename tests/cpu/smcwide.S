/* SPDX-License-Identifier: MIT */
/*
 * Code that is written by SSE, MMX and x87 instructions.
 */
#define BITS 64
#include "tests/cpu/guest.inc"

/* Each changes the operand at 1 + 1. */
.macro WRITER name, want, code
	mov $1f + 1, %edi
	\code
	jmp 1f
1:	mov $0, %eax
	EQ "\name", %rax, \want
.endm

GUEST "slow=its KVM does not emulate MOVD, FISTP"
	mov %cr4, %rax
	or $0x200, %eax
	mov %rax, %cr4
	WRITER "by movd", 0x1357, "mov $0x1357,%eax; movd %eax,%xmm0; movd %xmm0,(%rdi)"
	WRITER "by movups", 0x2468, \
		"movups (%rdi),%xmm0; mov $0x2468,%eax; movd %eax,%xmm1; movss %xmm1,%xmm0; movups %xmm0,(%rdi)"
	WRITER "by fistp", 0x333, "fninit; movl $0x333,scratch; fildl scratch; fistpl (%rdi)"
	WRITER "by movntdq, movq", 0x9753, \
		"mov $0x9753,%eax; movd %eax,%mm0; mov 4(%rdi),%ecx; movd %ecx,%mm1; punpckldq %mm1,%mm0; movq %mm0,(%rdi); emms"
	WRITER "by movnti", 0x8642, "mov $0x8642,%eax; movnti %eax,(%rdi)"
	DONE

	.section .bss
	.balign 16
area:	.skip 512
