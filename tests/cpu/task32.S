/* SPDX-License-Identifier: MIT */
/*
 * Task switches in 32-bit protected mode: by JMP, CALL, IRET and a task gate in
 * the IDT; busy flags, NT, links, CR0.TS (SDM vol. 3A, ch. 7).
 */
#define BITS 32
#include "tests/cpu/guest.inc"

	.set TSS2, FREE
	.set TGATE, FREE + 8
	.set TSS3, FREE + 16
	/* offsets in a TSS */
	.set T_LINK, 0
	.set T_CR3, 28
	.set T_EIP, 32
	.set T_EFL, 36
	.set T_EAX, 40
	.set T_ECX, 44
	.set T_EBX, 52
	.set T_ESP, 56
	.set T_ES, 72
	.set T_CS, 76
	.set T_SS, 80
	.set T_DS, 84
	.set T_FS, 88
	.set T_GS, 92
	.set T_LDT, 96
	.set T_TRAP, 100

/* The second task begins at an address with ESP ist1_top. */
.macro TASK at
	movl $\at, tss2 + T_EIP
	movl $ist1_top, tss2 + T_ESP
	movl $2, tss2 + T_EFL
	movl $0, tss2 + T_LINK
	movl $K32, tss2 + T_CS
	movb $0x89, gdt + TSS2 + 5
.endm
/* Back in the first task for good, whatever has become of it. */
.macro FIRST
	movb $0x89, gdt + TSS + 5
	mov $TSS, %eax
	ltr %ax
	pushl $2
	popfl
	clts
.endm

GUEST "slow=its KVM emulates task switches in part"
	mov $tss2, %eax
	movw $103, gdt + TSS2
	movw %ax, gdt + TSS2 + 2
	shr $16, %eax
	movb %al, gdt + TSS2 + 4
	movb %ah, gdt + TSS2 + 7
	mov $KDATA, %eax
	mov %eax, tss2 + T_SS
	mov %eax, tss2 + T_DS
	mov %eax, tss2 + T_ES
	movl $UDATA, tss2 + T_FS
	movl $0xabcd, tss2 + T_EBX
	movl $0x8500, gdt + TGATE + 4
	movl $TSS2 << 16, gdt + TGATE

	/* JMP there and back: no link, no NT */
	TASK 1f
	mov $0x1111, %ebx
	mov $0x2222, %ecx
	mov %esp, %ebp
	std
	TRY
	ljmp $TSS2, $0
	jmp 2f
1:	str %eax
	mov %cr0, %ecx
	pushfl
	pop %edx
	mov %fs, %esi
	mov %esp, %edi
	mov %ebx, new_ebx
	ljmp $TSS, $0
2:	cld
	clts
91:	CHECK "jmp to a task and back", NONE
	EQ "jmp: ebx is back", %ebx, 0x1111
	EQ "jmp: ecx is back", %ecx, 0x2222
	cmp %esp, %ebp
	IS "jmp: esp is back", e
	EQ "jmp: new ebx", new_ebx, 0xabcd
	EQ "jmp: tr", tss2 + T_EAX, TSS2
	EQM "jmp: cr0.ts", tss2 + T_ECX, 8, 8
	EQ "jmp: flags", tss2 + 48, 2
	EQ "jmp: fs", tss2 + 64, UDATA
	EQA "jmp: esp", tss2 + 68, ist1_top
	EQM "jmp: DF was saved", tss + T_EFL, 0x400, 0x400
	EQ "jmp: cs was saved", tss + T_CS, K32
	EQB "jmp: left the second not busy", gdt + TSS2 + 5, 0x89
	EQB "jmp: the first busy", gdt + TSS + 5, 0x8b
	EQ "jmp: no link", tss2 + T_LINK, 0

	/* CALL and IRET */
	TASK 1f
	TRY
	lcall $TSS2, $0
	jmp 2f
1:	pushfl
	pop %edx
	mov gdt + TSS + 4, %ecx
	mov tss2 + T_LINK, %ebx
	iret
	nop
2:	clts
91:	CHECK "call of a task and iret", NONE
	EQM "call: NT", tss2 + 48, FL_NT, FL_NT
	EQM "call: the first stays busy", tss2 + T_ECX, 0xff00, 0x8b00
	EQM "call: link", tss2 + T_EBX, 0xffff, TSS
	EQB "iret: the second is not busy", gdt + TSS2 + 5, 0x89
	EQM "iret: NT is cleared in what is saved", tss2 + T_EFL, FL_NT, 0
	pushfl
	pop %eax
	EQM "iret: NT is clear", %eax, FL_NT, 0

	/* through a task gate in the GDT, and in the IDT */
	TASK 1f
	TRY
	lcall $TGATE, $0
	jmp 2f
1:	iret
2:	clts
91:	CHECK "call of a task gate", NONE
	movl $TSS2 << 16, idt + 0x81 * 8
	movl $0xe500, idt + 0x81 * 8 + 4
	TASK 1f
	TRY
	int $0x81
	jmp 2f
1:	iret
2:	clts
91:	CHECK "int through a task gate", NONE
	/* a fault with an error code: pushed on the new stack */
	mov idt + GP * 8, %esi
	mov idt + GP * 8 + 4, %edi
	movl $TSS2 << 16, idt + GP * 8
	movl $0x8500, idt + GP * 8 + 4
	TASK 1f
	TRY
95:	mov %ebp, %cr4 /* anything but an address of bits that CR4 has */
	jmp 2f
1:	pop %eax
	mov tss + T_EIP, %ecx
	add $3, tss + T_EIP
	iret
2:	clts
91:	CHECK "fault through a task gate", NONE
	EQ "fault through a task gate: error", tss2 + T_EAX, 0
	EQA "fault through a task gate: eip", tss2 + T_ECX, 95b
	mov %esi, idt + GP * 8
	mov %edi, idt + GP * 8 + 4

	/* wrong tasks */
	movb $0x8b, gdt + TSS2 + 5
	FAULT "jmp to a busy task", GP, TSS2, "ljmp $TSS2,$0"
	FAULT "call of a busy task", GP, TSS2, "lcall $TSS2,$0"
	movb $0x09, gdt + TSS2 + 5
	FAULT "jmp to a task not present", NP, TSS2, "ljmp $TSS2,$0"
	movb $0x89, gdt + TSS2 + 5
	movw $102, gdt + TSS2
	FAULT "jmp to a short tss", TS, TSS2, "ljmp $TSS2,$0"
	movw $103, gdt + TSS2
	UFAULT "jmp to a task of ring 0 in ring 3", GP, TSS2, "ljmp $TSS2,$0"
	movw $TSS2, tss + T_LINK
	TRY
	pushl $FL_NT | 2
	popfl
95:	iret
91:	CHECK "iret with NT, link to a task that is not busy", TS, TSS2, 95b
	/* what the new task finds wrong, it finds in itself */
	TASK 1f
	movl $0x1000, tss2 + T_FS
	TRY
	ljmp $TSS2, $0
1:
91:	FIRST
	CHECK "new task: fs beyond the gdt", TS, 0x1000
	movl $0, tss2 + T_FS
	TASK 1f
	movw $1, tss2 + T_TRAP
	TRY
	ljmp $TSS2, $0
1:	nop
91:	FIRST
	CHECK "new task: T flag", DB, 0, 1b
	mov %dr6, %eax
	EQM "new task: T flag: dr6.bt", %eax, 0xe000, 0x8000
	movw $0, tss2 + T_TRAP

	/* CR3 is the new task's where paging is on */
	mov $pgd, %edi
	mov $0x87, %eax
	mov $64, %ecx
1:	mov %eax, (%edi)
	mov %eax, 4096(%edi)
	add $4, %edi
	add $0x400000, %eax
	loop 1b
	movl $0x87, pgd + 0x400 /* 1 GiB: to 0 or to 4 MiB */
	movl $0x400087, pgd + 4096 + 0x400
	movl $0x5555, 0x7000
	movl $0x6666, 0x407000
	mov $0x10, %eax
	mov %eax, %cr4
	mov $pgd, %eax
	mov %eax, %cr3
	mov %cr0, %eax
	bts $31, %eax
	mov %eax, %cr0
	movl $pgd, tss + T_CR3
	movl $pgd + 4096, tss2 + T_CR3
	mov 0x40007000, %esi
	TASK 1f
	TRY
	lcall $TSS2, $0
	jmp 2f
1:	mov 0x40007000, %eax
	iret
2:	clts
91:	CHECK "task with another cr3", NONE
	EQ "another cr3", tss2 + T_EAX, 0x6666
	mov 0x40007000, %eax
	EQ "the first one's cr3 again", %eax, 0x5555

	/* a double fault has a task of its own: the stack is unusable */
	TASK 1f
	movl $TSS2 << 16, idt + DF * 8
	movl $0x8500, idt + DF * 8 + 4
	mov %esp, %ebp
	xor %esp, %esp
	sub $0x10000000, %esp /* no page there */
	push %eax
	nop
1:	pop %ebx
	mov tss + 60, %ebp
	FIRST
	mov %ebp, %esp
	EQ "double fault by a task gate: error", %ebx, 0
	DONE

	.section .bss
	.balign 4096
pgd:	.skip 8192
tss2:	.skip 104
new_ebx: .skip 4
