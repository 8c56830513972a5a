/* SPDX-License-Identifier: MIT */
/*
 * Alignment checks: CR0.AM, RFLAGS.AC and ring 3 together; which accesses are
 * checked and which are not (SDM vol. 3A, ch. 6.15, interrupt 17).
 */
#define BITS 64
#include "tests/cpu/guest.inc"

GUEST "slow=its KVM checks no alignment"
	pushq $FL_AC | 2
	popq u_flags
	UOKAY "without AM", "mov -15(%rsp),%eax"
	mov %cr0, %rax
	bts $18, %rax
	mov %rax, %cr0
	mov %cr4, %rax
	or $0x200, %rax
	mov %rax, %cr4
	UFAULT "long at 1", AC, 0, "mov -15(%rsp),%eax"
	UFAULT "long at 2", AC, 0, "mov -14(%rsp),%eax"
	UOKAY "long at 0", "mov -16(%rsp),%eax"
	UFAULT "word at 1", AC, 0, "movw -15(%rsp),%ax"
	UOKAY "word at 2", "movw -14(%rsp),%ax"
	UOKAY "byte at 1", "movb -15(%rsp),%al"
	UFAULT "quad at 4", AC, 0, "mov -12(%rsp),%rax"
	UFAULT "write", AC, 0, "mov %eax,-15(%rsp)"
	UFAULT "read and write", AC, 0, "addl $1,-15(%rsp)"
	UFAULT "locked", AC, 0, "lock addl $1,-15(%rsp)"
	UFAULT "push", AC, 0, "dec %rsp; 95: push %rax"
	UFAULT "pop", AC, 0, "sub $15,%rsp; 95: pop %rax"
	UFAULT "call", AC, 0, "dec %rsp; 95: call 92f"
	UFAULT "movsl: source", AC, 0, \
		"lea -15(%rsp),%rsi; lea -32(%rsp),%rdi; 95: movsl"
	UFAULT "movsl: destination", AC, 0, \
		"lea -16(%rsp),%rsi; lea -31(%rsp),%rdi; 95: movsl"
	UFAULT "fld of a double at 4: of 8", AC, 0, "fldl -12(%rsp)"
	UFAULT "fld of a single at 2", AC, 0, "flds -14(%rsp)"
	UFAULT "movaps: #GP, not #AC", GP, 0, "movaps -8(%rsp),%xmm0"
	UOKAY "lea", "lea -15(%rsp),%eax"
	pushq $2
	popq u_flags
	UOKAY "without AC", "mov -15(%rsp),%eax"
	UFAULT "AC by popf", AC, 0, \
		"pushq $0x40002; popfq; 95: mov -15(%rsp),%eax"
	EQM "AC in the frame", r_fl, FL_AC, FL_AC
	/* ring 0 has none, whatever AC says */
	pushq $FL_AC | 2
	popfq
	OKAY "ring 0", "mov -15(%rsp),%eax"
	pushq $2
	popfq
	/* neither have implicit accesses of ring 3's: descriptors, and the
	 * frames of interrupts */
	sgdt table
	mov table + 2, %rsi
	mov $table + 17, %edi
	mov $GDT_SIZE, %ecx
	rep movsb
	movq $table + 17, table + 2
	lgdt table
	pushq $FL_AC | 2
	popq u_flags
	UOKAY "a descriptor", "mov $UDATA,%eax; mov %eax,%fs"
	movq $ring0_top - 3, tss + 4
	UOKAY "an interrupt's frame and table", "nop"
	/* 32-bit code */
	UFAULT32 "32-bit code", AC, 0, "mov -15(%esp),%eax"
	DONE

	.section .bss
	.balign 16
table:	.skip 512
