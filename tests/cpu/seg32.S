/* SPDX-License-Identifier: MIT */
/*
 * Segmentation in 32-bit protected mode: limits, expand-down, types, privilege
 * levels, LDT, LAR LSL VERR VERW ARPL (SDM vol. 3A, ch. 5).
 */
#define BITS 32
#include "tests/cpu/guest.inc"

	/* fixed addresses, as descriptors scatter them */
	.set DATA, 0x10000
	.set LDT, 0x14000
	.set CODE, 0x15000
	.set STACK, 0x30000
	.set S0, FREE
	.set S1, FREE + 8
	.set S2, FREE + 16
	.set S3, FREE + 24
.macro LOAD sel, sreg=fs
	mov $(\sel), %eax
	mov %eax, %\sreg
.endm

GUEST "slow=its KVM checks limits only in part"
	/* byte granularity: offsets 0..0xfff */
	DESC S0, DATA, 0xfff, 0x93, 0x4
	LOAD S0
	OKAY "limit: last byte", "movb %fs:0xfff,%cl"
	FAULT "limit: first byte beyond", GP, 0, "movb %fs:0x1000,%cl"
	FAULT "limit: word on the edge", GP, 0, "movw %fs:0xfff,%cx"
	OKAY "limit: last word", "movw %fs:0xffe,%cx"
	FAULT "limit: long on the edge", GP, 0, "movl %fs:0xffd,%ecx"
	OKAY "limit: last long", "movl %fs:0xffc,%ecx"
	FAULT "limit: write", GP, 0, "movl %ecx,%fs:0xffd"
	FAULT "limit: offset -1", GP, 0, "movb %fs:-1,%cl"
	FAULT "limit: over the top", GP, 0, "movl %fs:-2,%ecx"
	FAULT "limit: fld", GP, 0, "fldl %fs:0xffc"
	FAULT "limit: cmpxchg8b", GP, 0, "cmpxchg8b %fs:0xffc"
	mov $0xffe, %esi
	mov $0, %edi
	mov $8, %ecx
	FAULT "limit: rep movs", GP, 0, "rep movsb %fs:(%esi),%es:(%edi)"
	EQ "limit: rep movs: ecx", %ecx, 6
	EQ "limit: rep movs: esi", %esi, 0x1000
	EQ "limit: rep movs: edi", %edi, 2
	OKAY "limit: lea does not look", ".byte 0x64; lea 0x1000,%ecx"
	OKAY "limit: rep with ecx 0 does not look", \
		"xor %ecx,%ecx; mov $0x1000,%esi; rep lodsb %fs:(%esi),%al"
	movb $0x5a, DATA + 0x10
	movzbl %fs:0x10, %ecx
	EQ "base", %ecx, 0x5a
	/* the descriptor cache: what the table says now does not matter */
	DESC S0, 0, 0, 0x93, 0x4
	movzbl %fs:0x10, %ecx
	EQ "cached until it is loaded again", %ecx, 0x5a
	LOAD S0
	FAULT "loaded again", GP, 0, "movb %fs:0x10,%cl"
	/* page granularity */
	DESC S0, DATA, 0, 0x93, 0xc
	LOAD S0
	OKAY "4K limit 0: last byte", "movb %fs:0xfff,%cl"
	FAULT "4K limit 0: beyond", GP, 0, "movb %fs:0x1000,%cl"
	/* expand-down: above the limit */
	DESC S0, DATA, 0xfff, 0x97, 0x4
	LOAD S0
	FAULT "expand-down: at the limit", GP, 0, "movb %fs:0xfff,%cl"
	OKAY "expand-down: above", "movb %fs:0x1000,%cl"
	FAULT "expand-down: partly below", GP, 0, "movl %fs:0xffe,%ecx"
	DESC S0, DATA, 0xfff, 0x97, 0
	LOAD S0
	OKAY "expand-down, 16 bits: above", "movb %fs:0x1000,%cl"
	OKAY "expand-down, 16 bits: last", "movb %fs:0xffff,%cl"
	FAULT "expand-down, 16 bits: beyond", GP, 0, "movb %fs:0x10000,%cl"
	FAULT "expand-down, 16 bits: partly beyond", GP, 0, \
		"movw %fs:0xffff,%cx"
	/* stack segment */
	DESC S0, (STACK-0x1000), 0xfff, 0x93, 0x4
	DESC S1, (STACK-0x1000), 0xfff, 0x97, 0x4
	mov %esp, %ebx
	LOAD S0, ss
	mov $0xf00, %esp
	FAULT "ss limit: ebp", SS, 0, "mov $0x1000,%ebp; 95: movb (%ebp),%cl"
	/* 16-bit stack: SP only */
	LOAD KDATA, ss
	mov %ebx, %esp
	DESC S3, (STACK-0x1000), 0xfff, 0xf3, 0x4
	UFAULT "ss limit: push", SS, 0, \
		"mov $S3+3,%eax; mov %eax,%ss; mov $0x1004,%esp; 95: push %eax"
	UOKAY "ss limit: push at the edge", \
		"mov $S3+3,%eax; mov %eax,%ss; mov $0x1000,%esp; push %eax"
	UFAULT "ss limit: push at 0", SS, 0, \
		"mov $S3+3,%eax; mov %eax,%ss; xor %esp,%esp; 95: push %eax"
	UFAULT "ss limit: pop", SS, 0, \
		"mov $S3+3,%eax; mov %eax,%ss; mov $0xffe,%esp; 95: pop %eax"
	DESC S3, (STACK-0x1000), 0xffff, 0xf3, 0
	UFAULT "16-bit stack: push across the end", SS, 0, \
		"mov $S3+3,%eax; mov %eax,%ss; mov $2,%esp; 95: push %eax"
	DESC S2, (STACK-0x10000), 0xffff, 0x93, 0
	mov %esp, %ebx
	LOAD S2, ss
	mov $0x12340000, %esp
	push %eax
	mov %esp, %edx
	LOAD KDATA, ss
	mov %ebx, %esp
	EQ "16-bit stack: push keeps the upper half of esp", %edx, 0x1234fffc

	/* types */
	DESC S0, DATA, 0xfffff, 0x91, 0xc
	LOAD S0
	OKAY "read-only: read", "movb %fs:0,%cl"
	FAULT "read-only: write", GP, 0, "movb %cl,%fs:0"
	FAULT "read-only: read and write", GP, 0, "incb %fs:0"
	FAULT "read-only as ss", GP, S0, "mov %eax,%ss"
	DESC S0, DATA, 0xfffff, 0x99, 0xc
	FAULT "execute-only as data", GP, S0, "mov $S0,%eax; 95: mov %eax,%fs"
	DESC S0, DATA, 0xfffff, 0x9b, 0xc
	OKAY "readable code as data", "mov $S0,%eax; mov %eax,%fs"
	OKAY "readable code: read", "movb %fs:0,%cl"
	FAULT "readable code: write", GP, 0, "movb %cl,%fs:0"
	FAULT "cs: write", GP, 0, "movb %cl,%cs:DATA"
	OKAY "cs: read", "movb %cs:DATA,%cl"
	DESC S0, 0, 0xfffff, 0x99, 0xc
	TRY
	ljmp $S0, $1f
1:
95:	movb %cs:DATA, %cl
91:	CHECK "execute-only cs: read", GP, 0, 95b
	/* the accessed flag */
	DESC S0, DATA, 0xfffff, 0x92, 0xc
	EQB "accessed: not yet", gdt + S0 + 5, 0x92
	LOAD S0
	EQB "accessed: set by a load", gdt + S0 + 5, 0x93

	/* privilege */
	DESC S0, DATA, 0xfffff, 0x93, 0xc
	OKAY "data of ring 0 in ring 0, RPL 0", "mov $S0,%eax; mov %eax,%fs"
	FAULT "data of ring 0 in ring 0, RPL 3", GP, S0, \
		"mov $S0+3,%eax; 95: mov %eax,%fs"
	UFAULT "data of ring 0 in ring 3", GP, S0, \
		"mov $S0+3,%eax; 95: mov %eax,%fs"
	DESC S0, DATA, 0xfffff, 0xf3, 0xc
	OKAY "data of ring 3 in ring 0", "mov $S0,%eax; mov %eax,%fs"
	FAULT "ss of ring 3 in ring 0", GP, S0, "mov $S0,%eax; 95: mov %eax,%ss"
	DESC S0, DATA, 0xfffff, 0x9f, 0xc
	UOKAY "conforming code of ring 0 as data in ring 3", \
		"mov $S0+3,%eax; mov %eax,%fs"
	DESC S0, DATA, 0xfffff, 0x13, 0xc
	FAULT "not present", NP, S0, "mov $S0,%eax; 95: mov %eax,%fs"
	/* leaving for ring 3 drops what it may not use */
	DESC S0, DATA, 0xfffff, 0x93, 0xc
	DESC S1, DATA, 0xfffff, 0xf3, 0xc
	LOAD S0, fs
	LOAD S1, gs
	USER "mov %fs,%eax; mov %gs,%ecx"
	CHECK "to ring 3 with segments", END
	EQ "to ring 3: fs of ring 0 is null", r_ax, 0
	EQ "to ring 3: gs of ring 3 stays", r_cx, S1
	OKAY "null, RPL 3", "mov $3,%eax; mov %eax,%fs"
	FAULT "null: read", GP, 0, "movb %fs:0,%cl"
	/* lds and friends; pop and mov of segments: sizes */
	movl $0x12345678, DATA
	movw $S1, DATA + 4
	lfs DATA, %edx
	EQ "lfs: offset", %edx, 0x12345678
	mov $-1, %eax
	mov %fs, %eax
	EQ "mov eax, fs: zero-extended", %eax, S1
	mov %esp, %ebx
	push %fs
	sub %esp, %ebx
	EQ "push fs: four bytes", %ebx, 4
	pop %gs
	movw $0, DATA + 4
	mov DATA, %ecx
	movw $TSS, DATA + 4
	mov $1, %edx
	FAULT "lfs of a tss", GP, TSS, "lfs DATA,%edx"
	EQ "lfs of a tss: no change", %edx, 1
	LOAD KDATA, fs
	LOAD KDATA, gs

	/* far jumps */
	FAULT "jmp to null", GP, 0, "ljmp $0,$0"
	FAULT "jmp to data", GP, KDATA, "ljmp $KDATA,$0"
	FAULT "jmp to code of ring 3", GP, (U32 & ~3), "ljmp $U32,$0"
	UFAULT "jmp to code of ring 0 in ring 3", GP, K32, "ljmp $K32+3,$0"
	DESC S0, 0, 0xfffff, 0x1b, 0xc
	FAULT "jmp to code not present", NP, S0, "ljmp $S0,$0"
	DESC S0, 0, 0xfffff, 0x9b, 0x4
	FAULT "jmp beyond the limit", GP, 0, "ljmp $S0,$0x100000"
	DESC S0, 0, 0xfffff, 0x9f, 0xc
	USER "ljmp $S0,$1f; 1: mov %cs,%eax"
	CHECK "jmp to conforming code in ring 3", END
	EQ "conforming: RPL is CPL", r_ax, (S0 + 3)
	DESC S0, 0, 0xfffff, 0xff, 0xc
	FAULT "jmp to conforming code of ring 3 in ring 0", GP, S0, \
		"ljmp $S0,$0"
	FAULT "jmp beyond the gdt", GP, 0x1000, "ljmp $0x1000,$0"
	FAULT "jmp to an ldt's code without ldt", GP, 12, "ljmp $12,$0"

	/* running off the end of the code segment */
	movl $0x90909090, CODE
	DESC S0, 0, CODE+1, 0x9b, 0x4
	TRY
	ljmp $S0, $CODE
91:	CHECK "running off the code's limit", GP, 0, (CODE+2)
	/* an instruction that is partly beyond */
	movb $0xb8, CODE /* MOV EAX, imm32 */
	TRY
	ljmp $S0, $CODE
91:	CHECK "code's limit within an instruction", GP, 0, CODE

	/* LDT */
	DESC S0, LDT, 31, 0x82, 0
	mov $0x0000ffff, %eax
	movl %eax, LDT + 8
	movl $0x00cf9300, LDT + 12
	OKAY "lldt", "mov $S0,%eax; lldt %ax"
	sldt %eax
	EQ "sldt", %eax, S0
	OKAY "ldt: data", "mov $12,%eax; mov %eax,%fs"
	FAULT "ldt: empty", GP, 16+4, "mov $20,%eax; 95: mov %eax,%fs"
	FAULT "ldt: beyond", GP, 32+4, "mov $36,%eax; 95: mov %eax,%fs"
	OKAY "ldt: entry 0 is no null", "xor %eax,%eax"
	movl $0x0000ffff, LDT
	movl $0x00cf9300, LDT + 4
	OKAY "ldt: entry 0", "mov $4,%eax; mov %eax,%fs"
	movb %fs:DATA, %cl
	FAULT "lldt of an ldt's selector", GP, 12, "mov $12,%eax; 95: lldt %ax"
	DESC S1, LDT, 31, 0x02, 0
	FAULT "lldt, not present", NP, S1, "mov $S1,%eax; 95: lldt %ax"
	FAULT "ltr of an ldt", GP, S0, "mov $S0,%eax; 95: ltr %ax"
	xor %eax, %eax
	lldt %ax
	FAULT "ldt is null", GP, 12, "mov $12,%eax; 95: mov %eax,%fs"

	/* asking without a fault */
	DESC S0, 0x123456, 0xabcde, 0x93, 0xc
	mov $S0, %ebx
	lar %ebx, %eax
	IS "lar: zf", z
	EQM "lar: value", %eax, 0xf0ff00, 0xc09300
	lsl %ebx, %eax
	EQ "lsl: 4K granularity", %eax, 0xabcdefff
	mov $0x11, %eax
	or $3, %ebx
	lar %ebx, %eax
	IS "lar, RPL 3: not visible", nz
	EQ "lar, RPL 3: no change", %eax, 0x11
	xor %ebx, %ebx
	lar %ebx, %eax
	IS "lar of null", nz
	mov $TSS, %ebx
	lar %ebx, %eax
	IS "lar of a tss", z
	EQM "lar of a tss: value", %eax, 0xff00, 0x8b00
	lsl %ebx, %eax
	EQ "lsl of a tss", %eax, (TSS_SIZE - 1)
	DESC S0, 0, 0, 0x8e, 0
	mov $S0, %ebx
	lar %ebx, %eax
	IS "lar of an interrupt gate", nz
	DESC S0, 0, 0, 0x8c, 0
	lar %ebx, %eax
	IS "lar of a call gate", z
	lsl %ebx, %eax
	IS "lsl of a call gate", nz
	mov $KDATA, %ebx
	verr %bx
	IS "verr of data", z
	verw %bx
	IS "verw of data", z
	mov $K32, %ebx
	verr %bx
	IS "verr of code", z
	verw %bx
	IS "verw of code", nz
	mov $TSS, %ebx
	verr %bx
	IS "verr of a tss", nz
	mov $0xfff8, %ebx
	verr %bx
	IS "verr beyond the gdt", nz
	USER "mov $KDATA,%ebx; verr %bx; setz %al"
	CHECK "verr in ring 3", END
	EQB "verr in ring 3 of ring 0's data", r_ax, 0
	mov $0x10, %eax
	mov $3, %ecx
	arpl %cx, %ax
	IS "arpl: zf", z
	EQ "arpl: raised", %eax, 0x13
	arpl %cx, %ax
	IS "arpl: none to raise", nz
	DONE

