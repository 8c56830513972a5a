/* SPDX-License-Identifier: MIT */
/*
 * SMEP and SMAP: code of ring 0 against pages of ring 3, STAC and CLAC,
 * implicit accesses (SDM vol. 3A, ch. 4.6).
 */
#define BITS 64
#include "tests/cpu/guest.inc"

GUEST "slow=its KVM does not emulate STAC"
	mov $7, %eax
	xor %ecx, %ecx
	cpuid
	and $1 << 7 | 1 << 20, %ebx
	EQ "cpuid has SMEP and SMAP", %rbx, (1 << 7 | 1 << 20)
	FAULT "clac is there even without CR4.SMAP", NONE, 0, "clac"
	UFAULT "stac in ring 3", UD, 0, "stac"
	UFAULT "clac in ring 3", UD, 0, "clac"

	/* our memory becomes the supervisor's; ring 3 gets an alias at 512 GiB,
	 * where ring 3's page is, too */
	mov $1, %ebx
	shl $39, %rbx
	movl $pdpt2 + 7, pml4 + 8
	movl $pd2 + 7, pdpt2
	movl $0x87, pd2
	movl $pt2 + 7, pd2 + 8
	movl $page0 + 7, pt2
	movl $page1 + 3, pt2 + 8
	mov $pd, %edi
	mov $0x83, %eax
	mov $32, %ecx
1:	mov %eax, (%rdi)
	add $8, %edi
	add $0x200000, %eax
	loop 1b
	movl $0x11223344, page0
	movb $0xc3, page0 + 64
	mov %cr3, %rax
	mov %rax, %cr3
	lea 0x200000(%rbx), %rbp /* page0; 0x1000(%rbp): the supervisor's */

	OKAY "without SMEP: execute", "lea 64(%rbp),%rax; call *%rax"
	mov %cr4, %rax
	bts $20, %rax
	mov %rax, %cr4
	lea 64(%rbp), %rax
	TRY
	call *%rax
91:	CHECK "SMEP: execute", PF, (PF_P+PF_I)
	cmp %rax, r_cr2
	IS "SMEP: cr2", e
	OKAY "SMEP: read", "mov (%rbp),%ecx"
	EQ "SMEP: value", %rcx, 0x11223344
	/* one level that is the supervisor's is enough */
	movl $pt2 + 3, pd2 + 8
	invlpg (%rbp)
	OKAY "SMEP: pde supervisor", "call *%rax"
	movl $pt2 + 7, pd2 + 8
	invlpg (%rbp)
	/* ring 3 executes there */
	lea ring3(%rbx), %rax
	TRY
	pushq $UDATA
	pushq u_sp
	pushq $2
	pushq $U64
	push %rax
	iretq
91:	CHECK "SMEP: ring 3 executes", END

	mov %cr4, %rax
	bts $21, %rax
	mov %rax, %cr4
	FAULT "SMAP: read", PF, PF_P, "mov (%rbp),%eax"
	FAULT "SMAP: write", PF, (PF_P+PF_W), "mov %eax,8(%rbp)"
	OKAY "SMAP: the supervisor's page", "mov 0x1000(%rbp),%eax"
	OKAY "SMAP: invlpg", "invlpg (%rbp)"
	OKAY "SMAP: prefetch", "prefetcht0 (%rbp)"
	FAULT "SMAP: push", DF, 0, "mov %rbp,%rsp; add $128,%rsp; 95: push %rax"
	OKAY "SMAP: stac", "stac; mov (%rbp),%ecx; clac"
	EQ "SMAP: value", %rcx, 0x11223344
	FAULT "SMAP: clac", PF, PF_P, "stac; clac; 95: mov (%rbp),%eax"
	/* AC by POPF counts as well */
	OKAY "SMAP: AC by popf", "push $FL_AC|2; popfq; mov (%rbp),%ecx"
	push $2
	popfq
	OKAY "SMAP: across both pages with AC", \
		"stac; mov 0xffc(%rbp),%rcx; clac"
	FAULT "SMAP: across both pages", PF, PF_P, "mov 0xffc(%rbp),%rcx"
	/* interrupts leave AC alone */
	TRAP "int 0x80 with AC", 0x80, 0, "stac; int $0x80"
	EQM "int 0x80 with AC: kept in the frame", r_fl, FL_AC, FL_AC
	GATE idt, (0x81*16), K64, 1f, 0x8e
	stac
	int $0x81
	jmp 2f
1:	pushfq
	pop %rax
	iretq
2:	pushfq
	pop %rcx
	EQM "in the handler AC is as it was", %rax, FL_AC, FL_AC
	EQM "after IRET AC is set", %rcx, FL_AC, FL_AC
	clac
	/* implicit accesses are barred whatever AC says: an LDT */
	movl $0x0000ffff, FREE + gdt
	movl $0x00cf9300, FREE + gdt + 4
	mov FREE + gdt, %rcx
	stac
	mov %rcx, 256(%rbp)
	clac
	movl $256 - 1, gdt + FREE
	lea 256(%rbp), %rax
	movw %ax, gdt + FREE + 2
	shr $16, %rax
	movb %al, gdt + FREE + 4
	movw $0x8200, gdt + FREE + 5
	movb %ah, gdt + FREE + 7
	shr $16, %rax
	mov %rax, gdt + FREE + 8
	movb $0x82, gdt + FREE + 5
	movb $0, gdt + FREE + 6
	mov $FREE, %eax
	OKAY "SMAP: lldt does not look there", "lldt %ax"
	FAULT "SMAP: a descriptor", PF, PF_P, "mov $4,%eax; 95: mov %eax,%fs"
	FAULT "SMAP: a descriptor, with AC", PF, PF_P, \
		"stac; mov $4,%eax; 95: mov %eax,%fs"
	lea ring3_fs(%rbx), %rax
	TRY
	pushq $UDATA
	pushq u_sp
	pushq $FL_AC | 2
	pushq $U64
	push %rax
	iretq
91:	CHECK "SMAP: a descriptor, in ring 3", PF, PF_P
	/* ring 3 is not concerned */
	lea ring3(%rbx), %rax
	TRY
	pushq $UDATA
	pushq u_sp
	pushq $2
	pushq $U64
	push %rax
	iretq
91:	CHECK "SMAP: ring 3 reads and executes", END
	EQ "SMAP: ring 3's value", r_cx, 0x11223344
	/* WP off does not lift it, read-only does not matter */
	mov %cr4, %rax
	btr $21, %rax
	mov %rax, %cr4
	OKAY "SMAP off again", "mov (%rbp),%eax"
	DONE

ring3:	mov 0x200000(%rbx), %ecx
	int $END

ring3_fs:
	mov $7, %eax
	mov %eax, %fs
	int $END

	.section .bss
	.balign 4096
pdpt2:	.skip 4096
pd2:	.skip 4096
pt2:	.skip 4096
page0:	.skip 4096
page1:	.skip 4096
