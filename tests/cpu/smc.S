/* SPDX-License-Identifier: MIT */
/*
 * Code that writes code: ahead of itself, in loops, through other addresses, in
 * other pages, by strings, by locked instructions, across pages (SDM vol. 3A,
 * ch. 8.1.3 and 11.6).
 */
#define BITS 64
#include "tests/cpu/guest.inc"

GUEST ""
	/* The instruction right ahead: MOV EAX, imm32 with its operand written
	 * just before. */
	movl $0x1234, 1f + 1
	jmp 1f
1:	mov $0, %eax
	EQ "ahead, after a jump", %rax, 0x1234
	movl $0x1235, 1f + 1
1:	mov $0, %eax
	EQ "right ahead", %rax, 0x1235
	/* a loop that counts by an operand of its own */
	mov $100, %ecx
	xor %ebx, %ebx
1:	mov $0, %eax
	add %eax, %ebx
	incl 1b + 1
	loop 1b
	EQ "a loop with a changing operand", %rbx, 4950
	/* a loop whose instruction alternates: ADD and SUB EBX, 1 */
	mov $101, %ecx
	mov $10, %ebx
1:	add $1, %ebx
	xorb $(0xc3 ^ 0xeb), 1b + 1
	dec %ecx
	jnz 1b
	EQ "a loop with a changing opcode", %rbx, 11
	/* far enough for everything to have been compiled, and then changed */
	mov $100000, %ecx
	xor %ebx, %ebx
2:	call 1f
	dec %ecx
	jnz 2b
	jmp 3f
1:	add $1, %ebx
	ret
3:	movb $5, 1b + 2
	mov $100, %ecx
2:	call 1b
	dec %ecx
	jnz 2b
	EQ "a hot function, changed", %rbx, 100500

	/* a direct jump is given another target, forth and back */
	mov $1000, %ecx
	xor %ebx, %ebx
	xor %edx, %edx
1:	jmp 2f
2:	inc %ebx
	jmp 4f
3:	inc %edx
4:	xorb $(2b - 1b - 2) ^ (3b - 1b - 2), 1b + 1
	loop 1b
	EQ "a jump with two targets: one", %rbx, 500
	EQ "a jump with two targets: the other", %rdx, 500
	/* a jump in a block that has been chained to another page's */
	mov $1000, %ecx
	xor %ebx, %ebx
	xor %edx, %edx
1:	call far_page
	xorl $2, far_page + 1 /* 1 or 3 */
	loop 1b
	EQ "a function in another page", %rbx, 2000

	/* the same page by another address */
	mov $1, %r8d
	shl $39, %r8
	movl $t3 + 7, pml4 + 8
	movl $t2 + 7, t3
	movl $t1 + 7, t2
	movl $page0 + 7, t1
	movl $page0 + 7, t1 + 8
	movl $page1 + 7, t1 + 16
	mov %cr3, %rax
	mov %rax, %cr3
	/* MOV EAX, imm32; RET */
	movb $0xb8, page0
	movl $1, page0 + 1
	movb $0xc3, page0 + 5
	call *%r8
	EQ "code at an alias", %rax, 1
	movl $2, page0 + 1
	xor %eax, %eax
	cpuid
	call *%r8
	EQ "written at its first address", %rax, 2
	movl $3, 0x1001(%r8)
	xor %eax, %eax
	cpuid
	call *%r8
	EQ "written at another alias", %rax, 3
	mov $page0, %eax
	call *%rax
	EQ "read at its first address", %rax, 3
	/* another page at the same address */
	movb $0xb8, page1
	movl $4, page1 + 1
	movb $0xc3, page1 + 5
	movl $page1 + 7, t1
	invlpg (%r8)
	call *%r8
	EQ "another page at the address, INVLPG", %rax, 4
	movl $page0 + 7, t1
	mov %cr3, %rax
	mov %rax, %cr3
	call *%r8
	EQ "the first page again, CR3", %rax, 3

	/* code across two pages: the operand's bytes are in both */
	movb $0xb8, page0 + 0xffd
	movw $0x2211, page0 + 0xffe
	movw $0x4433, page1
	movb $0xc3, page1 + 2
	lea 0x1ffd(%r8), %r9
	call *%r9
	EQ "across pages", %rax, 0x44332211
	movb $0x55, page1 + 1
	xor %eax, %eax
	cpuid
	call *%r9
	EQ "across pages: the second is written", %rax, 0x55332211
	movb $0x66, page0 + 0xffe
	xor %eax, %eax
	cpuid
	call *%r9
	EQ "across pages: the first is written", %rax, 0x55332266
	/* the second page is exchanged */
	movw $0x8877, page0
	movb $0xc3, page0 + 2
	movl $page0 + 7, t1 + 16
	invlpg 0x2000(%r8)
	call *%r9
	EQ "across pages: the second is another", %rax, 0x88772266
	movl $page1 + 7, t1 + 16
	invlpg 0x2000(%r8)
	call *%r9
	EQ "across pages: the second is back", %rax, 0x55332266

	/* writers of all kinds; each changes the operand at 1 + 1 */
.macro WRITER name, want, code
	mov $1f + 1, %edi
	\code
	jmp 1f
1:	mov $0, %eax
	EQ "\name", %rax, \want
.endm
	WRITER "by 8 bits", 0x11, "movb $0x11,(%rdi)"
	WRITER "by 16 bits", 0x1122, "movw $0x1122,(%rdi)"
	WRITER "by 64 bits, partly", 0x99, \
		"mov -4(%rdi),%rax; mov $0x99,%ecx; shl $32,%rcx; or %rcx,%rax; mov %rax,-4(%rdi)"
	WRITER "by stos", 0x55555555, "mov $0x55555555,%eax; stosl"
	WRITER "by rep movs", 0x44332211, \
		"mov $bytes,%esi; mov $4,%ecx; rep movsb"
	WRITER "by rep movs, backwards", 0x44332211, \
		"std; mov $bytes+3,%esi; add $3,%edi; mov $4,%ecx; rep movsb; cld"
	WRITER "by xchg", 0x77, "mov $0x77,%eax; xchg %eax,(%rdi)"
	WRITER "by lock add", 0x88, "lock addl $0x88,(%rdi)"
	WRITER "by lock cmpxchg", 0x99, \
		"xor %eax,%eax; mov $0x99,%ecx; lock cmpxchg %ecx,(%rdi)"
	WRITER "by inc", 1, "incl (%rdi)"
	WRITER "by bts", 0x20, "btsl $5,(%rdi)"
	WRITER "by shift", 2, "incl (%rdi); shll $1,(%rdi)"
	WRITER "by push", 0x12345678, \
		"mov %rsp,%rdx; mov (%rdi),%rax; movl $0x12345678,%eax; mov 4(%rdi),%ecx; shl $32,%rcx; or %rcx,%rax; lea 8(%rdi),%rsp; push %rax; mov %rdx,%rsp"
	WRITER "by setcc", 1, "cmp %eax,%eax; sete (%rdi)"
	WRITER "by mov from a segment", KDATA, "mov %ss,(%rdi)"
	WRITER "by sgdt", (GDT_SIZE - 1), "mov 2(%rdi),%rcx; sgdt (%rdi); mov %rcx,2(%rdi)"
	WRITER "by cmpxchg8b", 0x42, \
		"mov (%rdi),%eax; mov 4(%rdi),%edx; mov $0x42,%ebx; mov %edx,%ecx; cmpxchg8b (%rdi)"
	DONE

	.balign 4096
far_page:
	mov $1, %eax
	add %eax, %ebx
	ret
	.balign 4096

	.section .data
bytes:	.byte 0x11, 0x22, 0x33, 0x44
	.section .bss
	.balign 4096
t3:	.skip 4096
t2:	.skip 4096
t1:	.skip 4096
page0:	.skip 4096
page1:	.skip 4096
