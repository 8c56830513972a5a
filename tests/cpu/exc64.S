/* SPDX-License-Identifier: MIT */
/*
 * Exceptions in 64-bit mode: vectors, error codes, where RIP points, what the
 * frame looks like (SDM vol. 3A, ch. 6).
 */
#define BITS 64
#include "tests/cpu/guest.inc"

GUEST "slow=its KVM does not emulate INT3"
	/* faults: RIP is the instruction's own */
	mov $1, %eax
	xor %edx, %edx
	xor %ecx, %ecx
	FAULT "div by 0", DE, 0, "div %ecx"
	FAULT "idiv by 0", DE, 0, "idiv %rcx"
	mov $1, %edx
	mov $1, %ecx
	FAULT "div overflow", DE, 0, "div %ecx"
	EQ "div overflow leaves rax", %rax, 1
	EQ "div overflow leaves rdx", %rdx, 1
	mov $0x80000000, %eax
	mov $-1, %edx
	mov $-1, %ecx
	FAULT "idiv of min by -1", DE, 0, "idiv %ecx"
	FAULT "ud2", UD, 0, "ud2"
	FAULT "ud1", UD, 0, ".byte 0x0f,0xb9,0xc0"
	FAULT "aaa", UD, 0, ".byte 0x37"
	FAULT "aam", UD, 0, ".byte 0xd4,0x0a"
	FAULT "into", UD, 0, ".byte 0xce"
	FAULT "push es", UD, 0, ".byte 0x06"
	FAULT "pusha", UD, 0, ".byte 0x60"
	FAULT "lds", UD, 0, ".byte 0xc4,0x00,0x90,0x90" /* VEX */
	FAULT "far call by immediate", UD, 0, ".byte 0x9a,0,0,0,0,8,0"
	FAULT "alias of group 1", UD, 0, ".byte 0x82,0xc0,0x00"
	FAULT "salc", UD, 0, ".byte 0xd6"
	FAULT "opcode 63 is movsxd", NONE, 0, ".byte 0x63,0xc0"
	FAULT "mov to cs", UD, 0, ".byte 0x8e,0xc8"
	FAULT "mov from segment 6", UD, 0, ".byte 0x8c,0xf0"
	FAULT "LEA of a register", UD, 0, ".byte 0x8d,0xc0"
	FAULT "16 bytes long", GP, 0, ".fill 15,1,0x66; nop"
	OKAY "15 bytes long", ".fill 14,1,0x66; nop"

	/* traps: RIP is the next one's */
	TRAP "int3", BP, 0, "int3"
	TRAP "int 3", BP, 0, ".byte 0xcd,3"
	TRAP "int 0x80", 0x80, 0, "int $0x80"
	TRAP "icebp", DB, 0, ".byte 0xf1"
	/* INT n gives no error code, even where the exception has one */
	GATE idt, GP*16, KCODE, 1f, 0x8e
	mov %rsp, catch_sp
	int $GP
	/* SS RSP RFLAGS CS RIP were pushed, and nothing else */
1:	mov %rsp, %rax
	mov catch_sp, %rsp
	mov (%rax), %rbx
	cmp $1b, %rbx
	IS "int 13 pushes no error code", e
	call fill_idt
	movb $0x8f, idt + 0x80 * 16 + 5
	TRAP "int through a trap gate", 0x80, 0, "int $0x80"

	/* the frame */
	mov $KDATA, %eax
	mov %eax, %ss
	mov %rsp, %rbx
	std
	stc
	TRAP "int 0x81", 0x81, 0, "int $0x81"
	EQ "int 0x81: cs", r_cs, K64
	EQ "int 0x81: ss", r_ss, KDATA
	EQM "int 0x81: flags", r_fl, 0x7ffed7, 0x403
	cmp %rbx, r_sp
	IS "int 0x81: rsp", e
	cld
	mov r_frame, %rax
	add $40, %rax
	mov %rbx, %rcx
	and $-16, %rcx
	cmp %rax, %rcx
	IS "int 0x81: stack aligned to 16", e
	push $0
	mov %rsp, %rbx
	TRAP "int 0x82, stack off by 8", 0x82, 0, "int $0x82"
	mov r_frame, %rax
	add $40, %rax
	mov %rbx, %rcx
	and $-16, %rcx
	cmp %rax, %rcx
	IS "int 0x82: stack aligned to 16", e
	cmp %rbx, r_sp
	IS "int 0x82: rsp as it was", e
	add $8, %rsp
	UTRAP "int 0x83 in ring 3", 0x83, 0, "int $0x83"
	EQ "int 0x83: cs", r_cs, U64
	EQ "int 0x83: ss", r_ss, UDATA
	EQA "int 0x83: rsp", r_sp, ustack_top
	EQA "int 0x83: on the stack of ring 0", r_frame, (ring0_top - 40)

	/* #GP with selectors and with none */
	mov $0xfff8, %eax
	FAULT "mov ss, beyond the gdt", GP, 0xfff8, "mov %eax,%ss"
	mov $K64, %eax
	FAULT "mov ss, code", GP, K64, "mov %eax,%ss"
	mov $UDATA, %eax
	FAULT "mov ss, wrong dpl", GP, (UDATA & ~3), "mov %eax,%ss"
	DESC FREE, 0, 0xfffff, 0x13, 0xc
	mov $FREE, %eax
	FAULT "mov ss, not present", SS, FREE, "mov %eax,%ss"
	FAULT "mov ds, not present", NP, FREE, "mov %eax,%ds"
	FAULT "mov fs, not present", NP, FREE, "mov %eax,%fs"
	mov $TSS, %eax
	FAULT "mov ds, a tss", GP, TSS, "mov %eax,%ds"
	mov $0x44, %eax
	FAULT "mov ds, ldt without one", GP, 0x44, "mov %eax,%ds"
	OKAY "mov ds, null", "xor %eax,%eax; mov %eax,%ds"
	OKAY "mov ss, null in ring 0", "xor %eax,%eax; mov %eax,%ss"
	mov $KDATA, %eax
	mov %eax, %ds
	mov %eax, %ss
	UFAULT "mov ss, null in ring 3", GP, 0, "xor %eax,%eax; 95: mov %eax,%ss"
	FAULT "ltr of a busy tss", GP, TSS, "mov $TSS,%eax; 95: ltr %ax"
	FAULT "lldt of data", GP, KDATA, "mov $KDATA,%eax; 95: lldt %ax"
	OKAY "lldt of null", "xor %eax,%eax; lldt %ax"

	/* addresses that are not canonical */
	mov $1, %eax
	shl $47, %rax
	FAULT "not canonical", GP, 0, "mov (%rax),%ecx"
	FAULT "not canonical, write", GP, 0, "movb $0,(%rax)"
	mov %rax, %rbx
	mov %rsp, %rdx
	movb $3, idt + SS * 16 + 4
	movb $3, idt + GP * 16 + 4 /* in case it is that */
	FAULT "not canonical, push", SS, 0, "lea 64(%rbx),%rsp; 95: push %rax"
	FAULT "not canonical, pop", SS, 0, "lea 64(%rbx),%rsp; 95: pop %rax"
	FAULT "not canonical, stack of call", SS, 0, \
		"lea 64(%rbx),%rsp; 95: call main"
	FAULT "not canonical, stack of ret", SS, 0, "lea 64(%rbx),%rsp; 95: ret"
	movb $0, idt + SS * 16 + 4
	movb $0, idt + GP * 16 + 4
	mov %rbx, %rbp
	FAULT "not canonical, rbp", SS, 0, "mov (%rbp),%ecx"
	FAULT "not canonical, jump", GP, 0, "jmp *%rbx"
	FAULT "not canonical, call", GP, 0, "call *%rbx"
	FAULT "not canonical, ret", GP, 0, "push %rbx; 95: ret"
	mov %rbx, %rcx
	FAULT "not canonical, over the edge", GP, 0, "mov -4(%rbx),%rax"

	/* the idt */
	movb $0x0e, idt + 0x84 * 16 + 5
	FAULT "gate not present", NP, (0x84 << 3 | 2), "int $0x84"
	movb $0x85, idt + 0x85 * 16 + 5
	FAULT "gate of a wrong type", GP, (0x85 << 3 | 2), "int $0x85"
	movb $0x8e, idt + 0x86 * 16 + 5
	UFAULT "gate of ring 0 in ring 3", GP, (0x86 << 3 | 2), "int $0x86"
	movb $0x8e, idt + UD * 16 + 5
	UFAULT "gate's dpl does not matter to faults", UD, 0, "ud2"
	movw $0, idt + 0x87 * 16 + 2
	FAULT "gate to null", GP, 0, "int $0x87"
	movw $KDATA, idt + 0x88 * 16 + 2
	FAULT "gate to data", GP, KDATA, "int $0x88"
	movw $K32, idt + 0x89 * 16 + 2
	FAULT "gate to 32-bit code", GP, K32, "int $0x89"
	movw $U64, idt + 0x8a * 16 + 2
	FAULT "gate to ring 3", GP, (U64 & ~3), "int $0x8a"
	movl $0x8000, idt + 0x8b * 16 + 8
	FAULT "gate to what is not canonical", GP, 0, "int $0x8b"
	movw $0x8f * 16 + 14, idtr
	lidt idtr
	FAULT "gate beyond the limit", GP, (0x8f << 3 | 2), "int $0x8f"
	movw $0x8f * 16 + 15, idtr
	lidt idtr
	TRAP "gate at the limit", 0x8f, 0, "int $0x8f"
	movw $4095, idtr
	lidt idtr

	/* a fault while delivering: EXT is set where the first came from outside
	 * of an INT instruction */
	movw $KDATA, idt + UD * 16 + 2
	FAULT "fault in a fault's delivery", GP, (KDATA | 1), "ud2"
	movw $K64, idt + UD * 16 + 2

	/* interrupt stack table */
	movb $2, idt + 0x90 * 16 + 4
	TRAP "int on ist 2", 0x90, 0, "int $0x90"
	EQA "ist 2: frame", r_frame, (ist2_top - 40)
	UTRAP "int on ist 2 from ring 3", 0x90, 0, "int $0x90"
	EQA "ist 2 from ring 3: frame", r_frame, (ist2_top - 40)
	movb $3, idt + GP * 16 + 4
	UFAULT "fault on ist 3", GP, 0, "hlt"
	EQA "ist 3: frame", r_frame, (ist3_top - 40)
	movb $0, idt + GP * 16 + 4

	/* double fault */
	movb $0x0e, idt + GP * 16 + 5
	FAULT "double fault: #NP in #GP", DF, 0, "mov (%rbx),%eax"
	EQA "double fault on ist 1", r_frame, (ist1_top - 40)
	movb $0x8e, idt + GP * 16 + 5
	mov %rsp, %rdx
	FAULT "double fault: #SS in #SS, pushing", DF, 0, \
		"lea 64(%rbx),%rsp; 95: push %rax"

	FAULT "ltr of null", GP, 0, "xor %eax,%eax; 95: ltr %ax"
	DONE
