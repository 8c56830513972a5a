/* SPDX-License-Identifier: MIT */
/*
 * Segmentation in 64-bit mode: what is left of it: FS and GS bases and their
 * MSRs, SWAPGS, the FSGSBASE instructions, null SS, descriptors of 16 bytes,
 * UMIP (SDM vol. 3A, ch. 3.4.4 and 5.2.1).
 */
#define BITS 64
#include "tests/cpu/guest.inc"

	.set FS_BASE, 0xc0000100
	.set GS_BASE, 0xc0000101
	.set KGS_BASE, 0xc0000102
	.set S0, FREE

GUEST "slow=its KVM does not emulate SWAPGS, RDFSBASE..."
	/* bases */
	DESC S0, 0x12345678, 0, 0x93, 0x4
	mov $S0, %eax
	mov %eax, %fs
	GET_MSR FS_BASE
	EQ "a load sets the base", %rax, 0x12345678
	SET_MSR FS_BASE, 0x89abcdef, 0x00001234
	GET_MSR FS_BASE
	EQ "fs base by msr", %rax, 0x123489abcdef
	mov %fs, %eax
	EQ "fs base by msr: the selector stays", %rax, S0
	FAULT "fs base: not canonical", GP, 0, \
		"mov $FS_BASE,%ecx; xor %eax,%eax; mov $0x8000,%edx; 95: wrmsr"
	FAULT "gs base: not canonical", GP, 0, \
		"mov $GS_BASE,%ecx; xor %eax,%eax; mov $0x8000,%edx; 95: wrmsr"
	FAULT "kernel gs base: not canonical", GP, 0, \
		"mov $KGS_BASE,%ecx; xor %eax,%eax; mov $0xffff0000,%edx; 95: wrmsr"
	SET_MSR FS_BASE, (data), 0
	SET_MSR GS_BASE, (data + 0x100), 0
	SET_MSR KGS_BASE, (data + 0x200), 0
	movl $0x1111, data
	movl $0x2222, data + 0x100
	movl $0x3333, data + 0x200
	movl $0x4444, data + 0x108
	mov %fs:0, %eax
	EQ "fs:0", %rax, 0x1111
	mov %gs:0, %eax
	EQ "gs:0", %rax, 0x2222
	mov $8, %eax
	mov %gs:(%eax), %ecx
	EQ "gs: with a 32-bit address", %rcx, 0x4444
	mov $-1, %rax
	mov %gs:9(%rax), %ecx
	EQ "gs: wraps around", %rcx, 0x4444
	mov $0xffffffff, %eax
	mov %gs:9(%eax), %ecx
	EQ "gs: a 32-bit address wraps before the base is added", %rcx, 0x4444
	.byte 0x65; lea 8, %rax
	EQ "lea knows no base", %rax, 8
	/* bases of ES, CS, SS, DS count for nothing, limits neither */
	DESC S0, 0x1000, 0, 0x93, 0
	mov $S0, %ecx
	mov %ecx, %ds
	mov %ecx, %es
	mov data, %eax
	EQ "ds: no base, no limit", %rax, 0x1111
	mov %es:data, %eax
	EQ "es: no base, no limit", %rax, 0x1111
	mov %ecx, %fs
	OKAY "fs: no limit", "mov %fs:0x6000,%eax"
	DESC S0, 0, 0xfffff, 0x91, 0xc
	mov %ecx, %ds
	OKAY "ds: not even read-only", "mov %eax,data+8"
	mov %ecx, %fs
	OKAY "fs: not even read-only", "mov %eax,%fs:data+8"
	OKAY "cs: writable", "mov %eax,%cs:data+8"
	OKAY "null ds", "xor %ecx,%ecx; mov %ecx,%ds; mov data,%eax"
	xor %ecx, %ecx
	mov %ecx, %fs
	OKAY "null fs", "mov %fs:data,%eax"
	mov $KDATA, %ecx
	mov %ecx, %ds
	mov %ecx, %es

	/* SWAPGS */
	swapgs
	mov %gs:0, %eax
	EQ "swapgs", %rax, 0x3333
	GET_MSR KGS_BASE
	EQA "swapgs: the other", %rax, (data + 0x100)
	swapgs
	mov %gs:0, %eax
	EQ "swapgs again", %rax, 0x2222
	UFAULT "swapgs in ring 3", GP, 0, "swapgs"
	FAULT32 "swapgs in 32-bit code", UD, 0, ".byte 0x0f,0x01,0xf8"
	SET_MSR KGS_BASE, 0x1234, 0
	mov $KDATA, %ecx
	mov %ecx, %gs
	GET_MSR KGS_BASE
	EQ "loading gs leaves the other base", %rax, 0x1234

	/* FSGSBASE */
	FAULT "rdfsbase without CR4.FSGSBASE", UD, 0, "rdfsbase %rax"
	FAULT "wrgsbase without CR4.FSGSBASE", UD, 0, "wrgsbase %rax"
	mov %cr4, %rax
	bts $16, %rax
	mov %rax, %cr4
	mov $data, %eax
	wrfsbase %rax
	mov %fs:0, %ecx
	EQ "wrfsbase", %rcx, 0x1111
	mov $-1, %rcx
	rdfsbase %rcx
	cmp %rax, %rcx
	IS "rdfsbase", e
	mov $-1, %rax
	shl $47, %rax
	wrgsbase %rax
	rdgsbase %rcx
	cmp %rax, %rcx
	IS "gs base: negative", e
	rdgsbase %ecx
	EQ "rdgsbase, 32 bits", %rcx, 0
	mov $-1, %rax
	wrgsbase %eax
	rdgsbase %rcx
	EQ "wrgsbase, 32 bits", %rcx, 0xffffffff
	FAULT "wrfsbase, not canonical", GP, 0, \
		"xor %eax,%eax; bts $47,%rax; 95: wrfsbase %rax"
	UOKAY "wrfsbase in ring 3", "lea data(%rip),%rax; wrfsbase %rax"
	FAULT32 "wrfsbase in 32-bit code", UD, 0, ".byte 0xf3,0x0f,0xae,0xd0"
	FAULT "wrfsbase of memory is not it", UD, 0, ".byte 0xf3,0x0f,0xae,0x10"

	/* null SS */
	xor %eax, %eax
	mov %eax, %ss
	push $0x77
	pop %rax
	EQ "null ss: push and pop", %rax, 0x77
	mov $KDATA, %eax
	mov %eax, %ss
	FAULT "null ss with another RPL", GP, 0, "mov $3,%eax; 95: mov %eax,%ss"
	/* an interrupt from ring 3 loads null with CPL as RPL */
	GATE idt, (0x90*16), K64, 1f, 0xee
	USER "int $0x90"
1:	mov %ss, %ecx
	mov %cs, %edx
	mov catch_sp, %rsp
	EQ "interrupt from ring 3: ss is null", %rcx, 0
	EQ "interrupt from ring 3: cs", %rdx, K64
	mov $KDATA, %ecx
	mov %ecx, %ss

	/* sizes of stores */
	mov $-1, %rax
	str %ax
	EQ "str, 16 bits", %rax, 0xffffffffffff0048
	str %eax
	EQ "str, 32 bits", %rax, TSS
	mov $-1, %rax
	sldt %rax
	EQ "sldt, 64 bits", %rax, 0
	mov $-1, %rax
	mov %ss, %rax
	EQ "mov rax, ss", %rax, KDATA
	mov $-1, %rax
	mov %ss, %ax
	EQ "mov ax, ss", %rax, 0xffffffffffff0010
	movq $-1, data + 16
	mov %ss, data + 16
	EQ "mov m, ss: 16 bits", data + 16, 0xffffffffffff0010
	movq $-1, data + 16
	movq $-1, data + 24
	sgdt data + 16
	EQW "sgdt: limit", data + 16, (GDT_SIZE - 1)
	EQA "sgdt: base", data + 18, gdt
	EQM "sgdt: ten bytes", data + 26, 0xffff, 0xffff
	mov %rsp, %rbx
	push %fs
	sub %rsp, %rbx
	EQ "push fs: 8 bytes", %rbx, 8
	pop %fs

	/* descriptors of 16 bytes: TSS and LDT */
	DESC S0, 0x1000, 0xff, 0x82, 0
	movq $0x00008000, gdt + S0 + 8
	FAULT "lldt: base not canonical", GP, S0, "mov $S0,%eax; 95: lldt %ax"
	movq $0, gdt + S0 + 8
	OKAY "lldt", "mov $S0,%eax; lldt %ax"
	movl $0x1f00, gdt + S0 + 12
	FAULT "lldt: type in the upper half", GP, S0, \
		"mov $S0,%eax; 95: lldt %ax"
	movl $0, gdt + S0 + 12
	DESC S0, 0x1000, 0xff, 0x81, 0
	movq $0, gdt + S0 + 8
	FAULT "ltr of a 16-bit tss", GP, S0, "mov $S0,%eax; 95: ltr %ax"
	DESC S0, 0x1000, 0xff, 0x89, 0
	OKAY "ltr", "mov $S0,%eax; ltr %ax"
	EQB "ltr: busy", gdt + S0 + 5, 0x8b
	movb $0x89, gdt + TSS + 5
	mov $TSS, %eax
	ltr %ax
	mov $S0, %ebx
	DESC S0, 0, 0xfffff, 0x9b, 0xa
	lar %ebx, %eax
	EQM "lar of 64-bit code", %rax, 0xf0ff00, 0xa09b00
	DESC S0, 0, 0, 0x84, 0 /* 16-bit call gate: no such thing here */
	lar %ebx, %eax
	IS "lar of a 16-bit call gate", nz
	/* L and D together */
	DESC S0, 0, 0xfffff, 0x9b, 0xe
	TRY
	pushq $S0
	pushq $1f
95:	lretq
1:
91:	CHECK "code with L and D", GP, S0, 95b

	/* UMIP */
	mov %cr4, %rax
	bts $11, %rax
	mov %rax, %cr4
	UFAULT "umip: sgdt", GP, 0, "sgdt -16(%rsp)"
	UFAULT "umip: sidt", GP, 0, "sidt -16(%rsp)"
	UFAULT "umip: sldt", GP, 0, "sldt %eax"
	UFAULT "umip: str", GP, 0, "str %eax"
	UFAULT "umip: smsw", GP, 0, "smsw %eax"
	OKAY "umip: ring 0", "smsw %eax; str %eax; sldt %eax"
	mov %cr4, %rax
	btr $11, %rax
	mov %rax, %cr4
	UOKAY "no umip: ring 3", "smsw %eax; str %eax; sldt %eax"

	/* compatibility mode: bases and limits are back */
	DESC S0, DATA32, 0xff, 0x93, 0x4
	movl $0x5555, DATA32
	mov $S0, %eax
	mov %eax, %ds
	OKAY32 "compatibility: base", "mov $S0,%eax; mov %eax,%fs; mov %fs:0,%ecx"
	EQ "compatibility: value", r_cx, 0x5555
	FAULT32 "compatibility: limit", GP, 0, \
		"mov $S0,%eax; mov %eax,%fs; 95: mov %fs:0x100,%ecx"
	FAULT32 "compatibility: null", GP, 0, \
		"xor %eax,%eax; mov %eax,%fs; 95: mov %fs:0,%ecx"
	mov $-1, %rdx
	OKAY32 "compatibility: inc is one byte", ".byte 0x42; nop"
	/* the address of a stack is 32 bits wide */
	OKAY32 "compatibility: push", "mov %esp,%ebx; push %eax; sub %esp,%ebx"
	EQM "compatibility: push is 4 bytes", r_bx, 0xffffffff, 4
	DONE

	.set DATA32, 0x10000
	.section .bss
	.balign 4096
data:	.skip 4096
