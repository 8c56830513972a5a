/* SPDX-License-Identifier: MIT */
/*
 * CMPXCHG16B: alignment, flags, and two processors.
 */
#define BITS 64
#include "tests/cpu/guest.inc"
#include "tests/cpu/smp.inc"

GUEST "cpus=2 slow=its KVM does not emulate CMPXCHG16B"
	call start_aps
	mov $1, %eax
	cpuid
	bt $13, %ecx
	jnc none
	xor %eax, %eax
	xor %edx, %edx
	mov $7, %ebx
	mov $9, %ecx
	lock cmpxchg16b wide
	IS "equal: zf", z
	EQ "equal: low", wide, 7
	EQ "equal: high", wide + 8, 9
	mov $1, %ebx
	cmpxchg16b wide
	IS "unequal: zf", nz
	EQ "unequal: rax", %rax, 7
	EQ "unequal: rdx", %rdx, 9
	EQ "unequal: low", wide, 7
	FAULT "not aligned", GP, 0, "cmpxchg16b wide+8"
	FAULT "of a register", UD, 0, ".byte 0x48,0x0f,0xc7,0xc8"
	movq $0, wide
	movq $0, wide + 8
	ROUNDS 100000
	BOTH "mov wide,%rax; mov wide+8,%rdx; 1: lea 1(%rax),%rbx; lea 2(%rdx),%rcx; lock cmpxchg16b wide; jne 1b"
	TIMES "two processors: low", wide
	TIMES "two processors: high", wide+8, 2
	DONE
none:	FAULT "not there", UD, 0, "cmpxchg16b wide"
	DONE

	.section .bss
	.balign 16
wide:	.skip 32
