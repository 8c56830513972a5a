/* SPDX-License-Identifier: MIT */
/*
 * INVLPG drops a large page whole, whichever of its bytes it names (SDM vol.
 * 3A, 4.10.4.1).
 */
#define BITS 64
#include "tests/cpu/guest.inc"

	.set AT, 0x40000000 /* where the large page is mapped */
	.set ONE, 0x1000000
	.set TWO, 0x1200000
	.set PTE, 0x83

	.section .bss
	.balign 4096
table:	.space 4096

	.text
/* The page directory's entry for AT is RAX from now on, told by RBX. */
remap:	mov %rax, table
	invlpg (%rbx)
	ret

GUEST "cpus=1"
	movl $1, ONE + 0x1000
	movl $2, ONE + 0x105000
	movl $11, TWO + 0x1000
	movl $12, TWO + 0x105000
	mov %cr3, %rax
	mov (%rax), %rax
	and $~0xfff, %rax
	movq $table + 7, 8(%rax) /* the second GiB */
	mov %cr3, %rax
	mov %rax, %cr3

	mov $AT, %ebx
	mov $ONE | PTE, %eax
	call remap
	EQL "first", AT + 0x1000, 1
	EQL "first, far", AT + 0x105000, 2
	mov $AT + 0x1ff000, %ebx
	mov $TWO | PTE, %eax
	call remap
	EQL "second", AT + 0x1000, 11
	EQL "second, far", AT + 0x105000, 12
	movl $77, AT + 0x105000
	EQL "written", TWO + 0x105000, 77

	/* read-only, told through another page of it */
	mov $AT + 0x1000, %ebx
	mov $TWO | 0x81, %eax
	call remap
	mov %cr0, %rax
	or $0x10000, %eax
	mov %rax, %cr0
	mov $AT + 0x105000, %ecx
	FAULT "write", PF, PF_P | PF_W, "movl $1, (%rcx)"
	EQL "not written", TWO + 0x105000, 77

	/* gone */
	xor %eax, %eax
	call remap
	FAULT "absent", PF, 0, "mov (%rcx), %eax"
	DONE
