/* SPDX-License-Identifier: MIT */
/* Flat guests for the figures: -DRESET, -DEXITS, -DHALT, -DLOOP, -DCALLS. */
	.code16
	.globl _start
_start:
#ifdef EXITS			/* 3000 port writes, then as RESET */
	mov $3000, %cx
1:	out %al, $0x80
	loop 1b
#endif
#if defined(RESET) || defined(EXITS)
	mov $0xfe, %al
	out %al, $0x64
#endif
#ifdef HALT
1:	sti
	hlt
	jmp 1b
#endif
#if defined(LOOP) || defined(CALLS)	/* in 64-bit mode */
	cli
	lgdtl gdtr
	mov %cr0, %eax
	or $1, %eax
	mov %eax, %cr0
	ljmpl $8, $1f
	.code32
1:	mov $0xc0000080, %ecx	/* long mode: identity-mapped by 2 MiB pages */
	mov $0x1000, %edi
	mov %edi, %cr3
	movl $0x2003, (%edi)
	movl $0x3003, 0x1000(%edi)
	movl $0x83, 0x2000(%edi)
	mov $0x20, %eax
	mov %eax, %cr4
	rdmsr
	or $0x100, %eax
	wrmsr
	mov $0x80000001, %eax
	mov %eax, %cr0
	ljmpl $16, $1f
	.code64
1:
#ifdef LOOP			/* 1.5 G instructions */
	mov $100000000, %ecx
	xor %eax, %eax
	mov $1, %edx
2:	add %rdx, %rax		/* an integer loop: 15 instructions */
	mov %rax, %rbx
	shr $3, %rbx
	xor %rbx, %rax
	lea 7(%rax,%rdx,2), %rsi
	and $0xffff, %esi
	imul $13, %rsi, %rdi
	sub %rdi, %rax
	mov %rax, 0x8000
	mov 0x8000, %rbp
	add $3, %rbp
	inc %rdx
	or %rbp, %rax
	dec %ecx
	jnz 2b
#else				/* 1.3 G, 26 a round, as a kernel has them */
	mov $50000000, %ecx
	mov $0x7000, %esp
	xor %ebx, %ebx
2:	call 6f
	test %eax, %eax
	js 4f
4:	mov %eax, %edi
	and $0x7f8, %edi
	add %rax, 0x9000(%rdi)
	cmp $77, %bl
	je 5f
	add $2, %ebx
5:	inc %ebx
	dec %ecx
	jnz 2b
	jmp 7f
6:	push %rbx
	push %rcx
	mov %rbx, %rax
	movzbl %bl, %edx
	lea (%rax,%rdx,4), %eax
	mov 0x9000(,%rdx,8), %rsi
	add %rsi, %rax
	xor %edx, %eax
	shr $1, %eax
	cmp %edx, %eax
	setb %dl
	pop %rcx
	pop %rbx
	ret
7:
#endif
	mov $0x604, %dx
	mov $0x2000, %ax
	out %ax, %dx
	hlt
	.balign 8
gdt:	.quad 0, 0x00cf9b000000ffff, 0x00af9b000000ffff
gdtr:	.word 23
	.long gdt
#endif
	.org _start + 510
	.word 0xaa55
