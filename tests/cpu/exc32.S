/* SPDX-License-Identifier: MIT */
/*
 * Exceptions in 32-bit protected mode, those that 64-bit mode has lost among
 * them (SDM vol. 3A, ch. 6).
 */
#define BITS 32
#include "tests/cpu/guest.inc"

GUEST "slow=its KVM does not emulate INT3, UD1, BOUND, AAA..."
	mov $1, %eax
	xor %edx, %edx
	xor %ecx, %ecx
	FAULT "div by 0", DE, 0, "div %ecx"
	mov $0x100, %eax
	mov $1, %ecx
	FAULT "div overflow, 8 bits", DE, 0, "div %cl"
	FAULT "idiv overflow, 8 bits", DE, 0, "idiv %cl"
	EQ "idiv overflow leaves eax", %eax, 0x100
	FAULT "aam 0", DE, 0, "aam $0"
	mov $0x4f, %eax
	OKAY "aam", "aam"
	EQ "aam's result", %eax, 0x709
	FAULT "ud2", UD, 0, "ud2"
	FAULT "ud0", UD, 0, ".byte 0x0f,0xff,0xc0"
	FAULT "ud1", UD, 0, ".byte 0x0f,0xb9,0xc0"
	FAULT "syscall without EFER.SCE", UD, 0, "syscall"
	FAULT "lds of a register", UD, 0, ".byte 0xc5,0xc0"
	FAULT "bound of a register", UD, 0, ".byte 0x62,0xc0"
	FAULT "mov to cs", UD, 0, ".byte 0x8e,0xc8"
	FAULT "16 bytes long", GP, 0, ".fill 15,1,0x66; nop"
	FAULT "rsm", UD, 0, "rsm"

	/* BOUND and INTO */
	mov $bounds, %ebx
	mov $-5, %eax
	OKAY "bound, lowest", "bound %eax,(%ebx)"
	mov $9, %eax
	OKAY "bound, highest", "bound %eax,(%ebx)"
	mov $10, %eax
	FAULT "bound, above", BR, 0, "bound %eax,(%ebx)"
	mov $-6, %eax
	FAULT "bound, below", BR, 0, "bound %eax,(%ebx)"
	mov $0x10000, %eax
	OKAY "bound, 16 bits", "bound %ax,bounds16"
	mov $0xffff, %eax
	FAULT "bound, 16 bits, below", BR, 0, "bound %ax,bounds16"
	OKAY "into without OF", "xor %eax,%eax; into"
	TRAP "into with OF", OF, 0, "mov $0x7fffffff,%eax; inc %eax; into"

	TRAP "int3", BP, 0, "int3"
	TRAP "int 0x80", 0x80, 0, "int $0x80"
	TRAP "icebp", DB, 0, ".byte 0xf1"

	/* frames: three words, five from ring 3 */
	mov %esp, %ebx
	TRAP "int 0x81", 0x81, 0, "int $0x81"
	EQ "int 0x81: cs", r_cs, K32
	mov %ebx, %ecx
	sub r_frame, %ecx
	EQ "int 0x81: length of the frame", %ecx, 12
	UTRAP "int 0x82 in ring 3", 0x82, 0, "int $0x82"
	EQ "int 0x82: cs", r_cs, U32
	EQ "int 0x82: ss", r_ss, UDATA
	EQA "int 0x82: esp", r_sp, ustack_top
	EQA "int 0x82: frame", r_frame, (ring0_top - 20)
	EQ "int 0x82: flags", r_fl, 2
	UFAULT "hlt in ring 3", GP, 0, "hlt"
	UFAULT "cli in ring 3", GP, 0, "cli"
	UFAULT "mov cr0 in ring 3", GP, 0, "mov %cr0,%eax"
	UFAULT "lgdt in ring 3", GP, 0, "lgdt 0"
	UFAULT "clts in ring 3", GP, 0, "clts"
	UFAULT "lmsw in ring 3", GP, 0, "lmsw %ax"
	UFAULT "ltr in ring 3", GP, 0, "ltr %ax"
	UFAULT "lldt in ring 3", GP, 0, "lldt %ax"
	UFAULT "rdmsr in ring 3", GP, 0, "rdmsr"
	UFAULT "wrmsr in ring 3", GP, 0, "wrmsr"
	UFAULT "invlpg in ring 3", GP, 0, "invlpg (%eax)"
	UFAULT "invd in ring 3", GP, 0, "invd"
	UFAULT "wbinvd in ring 3", GP, 0, "wbinvd"
	UFAULT "mov dr0 in ring 3", GP, 0, "mov %dr0,%eax"
	UOKAY "sgdt in ring 3", "sub $8,%esp; sgdt (%esp)"
	UOKAY "smsw in ring 3", "smsw %eax"
	UOKAY "str in ring 3", "str %eax"
	UOKAY "rdtsc in ring 3", "rdtsc"
	mov $4, %eax /* TSD */
	mov %eax, %cr4
	UFAULT "rdtsc in ring 3 with TSD", GP, 0, "rdtsc"
	OKAY "rdtsc in ring 0 with TSD", "rdtsc"
	xor %eax, %eax
	mov %eax, %cr4

	/* 16-bit gates push 16-bit frames */
	GATE idt, (0x90*8), K16, 1f, 0x86
	/* the handler has to be below 64 KiB */
	movw $0x7000, idt + 0x90 * 8
	movw $0, idt + 0x90 * 8 + 6
	mov $1f, %esi
	mov $0x7000, %edi
	mov $(2f - 1f), %ecx
	rep movsb
	mov %esp, %ebx
	push $0
	push $0
	int $0x90
	jmp 3f
	.code16
1:	mov %esp, %eax
	ljmpl $K32, $4f
2:	.code32
4:	movzwl (%esp), %ecx
	movzwl 2(%esp), %edx
	mov %ebx, %esp
	sub %eax, %ebx
	EQ "16-bit gate: length of the frame", %ebx, 14
	EQ "16-bit gate: cs", %edx, K32
	jmp 5f
3:	EQ "16-bit gate does not return", %esp, 0
5:
	/* the idt */
	movb $0x0e, idt + 0x84 * 8 + 5
	FAULT "gate not present", NP, (0x84 << 3 | 2), "int $0x84"
	movb $0x84, idt + 0x85 * 8 + 5 /* a call gate */
	FAULT "gate of a wrong type", GP, (0x85 << 3 | 2), "int $0x85"
	movb $0x8e, idt + 0x86 * 8 + 5
	UFAULT "gate of ring 0 in ring 3", GP, (0x86 << 3 | 2), "int $0x86"
	movb $0x8e, idt + UD * 8 + 5
	UFAULT "gate's dpl does not matter to faults", UD, 0, "ud2"
	movw $0, idt + 0x87 * 8 + 2
	FAULT "gate to null", GP, 0, "int $0x87"
	movw $KDATA, idt + 0x88 * 8 + 2
	FAULT "gate to data", GP, KDATA, "int $0x88"
	movw $U32, idt + 0x8a * 8 + 2
	FAULT "gate to ring 3", GP, (U32 & ~3), "int $0x8a"
	DESC FREE, 0, 0xfffff, 0x1b, 0xc
	movw $FREE, idt + 0x8b * 8 + 2
	FAULT "gate to code not present", NP, FREE, "int $0x8b"
	DESC FREE, 0, 0xfff, 0x9b, 0x4
	FAULT "gate beyond the code's limit", GP, 0, "int $0x8b"
	movw $0xff * 8 + 6, idtr
	lidt idtr
	FAULT "gate beyond the limit", GP, (0xff << 3 | 2), "int $0xff"
	movw $0xff * 8 + 7, idtr
	lidt idtr
	TRAP "gate at the limit", 0xff, 0, "int $0xff"

	/* segments */
	FAULT "mov ss, null", GP, 0, "xor %eax,%eax; 95: mov %eax,%ss"
	OKAY "mov ds, null", "xor %eax,%eax; mov %eax,%ds"
	FAULT "null ds", GP, 0, "xor %eax,%eax; mov %eax,%ds; 95: mov (%eax),%ecx"
	FAULT "null es", GP, 0, "xor %eax,%eax; mov %eax,%es; 95: stosb"
	mov $FREE, %eax
	DESC FREE, 0, 0xfffff, 0x13, 0xc
	FAULT "mov ss, not present", SS, FREE, "mov %eax,%ss"
	FAULT "mov ds, not present", NP, FREE, "mov %eax,%ds"
	DONE

	.section .data
bounds:	.long -5, 9
bounds16: .word 0, 9
