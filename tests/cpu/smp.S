/* SPDX-License-Identifier: MIT */
/*
 * Starting processors by INIT and SIPI: what they begin with, again and again,
 * and which of these messages count (SDM vol. 3A, ch. 8.4 and 10.4.7).
 */
#define BITS 64
#include "tests/cpu/guest.inc"
#include "tests/cpu/smp.inc"

	.set AT, 0xb000
	.set RESULT, 0xb800

GUEST "cpus=4"
	mov $seed, %esi
	mov $AT, %edi
	mov $seed_end - seed, %ecx
	rep movsb
	LAPIC_ON
	movw $0, RESULT
	/* a SIPI without INIT before: they wait for INIT since reset already */
	IPI 0xc4500
	DELAY 3000000
	EQW "after INIT alone none runs", RESULT, 0
	IPI 0x4600|AT>>12, 1
	call wait_seed
	EQW "SIPI: runs", RESULT, 1
	EQW "cs is the vector's", RESULT + 2, (AT >> 4)
	EQW "ip is 0: its own address", RESULT + 4, (seed_here - seed)
	EQL "cr0", RESULT + 8, 0x60000010
	EQL "cr3", RESULT + 12, 0
	EQL "cr4", RESULT + 16, 0
	EQL "flags", RESULT + 20, 2
	EQL "dr6", RESULT + 24, 0xffff0ff0
	EQL "dr7", RESULT + 28, 0x400
	EQW "ds", RESULT + 32, 0
	EQW "ss", RESULT + 34, 0
	EQL "idt: base", RESULT + 38, 0
	EQW "idt: limit", RESULT + 36, 0xffff
	EQL "efer", RESULT + 44, 0
	EQL "apic id", RESULT + 48, 1
	EQM "apic base: no BSP, enabled", RESULT + 52, 0xfff, 0x800
	/* a second SIPI does not count, it runs or has halted */
	movw $0, RESULT
	IPI 0x4600|AT>>12, 1
	DELAY 3000000
	EQW "a second SIPI does not count", RESULT, 0
	/* INIT stops it, another SIPI starts it somewhere else */
	mov $seed, %esi
	mov $AT + 0x1000, %edi
	mov $seed_end - seed, %ecx
	rep movsb
	IPI 0x4500, 1
	DELAY 300000
	IPI 0x4600|(AT>>12)+1, 1
	call wait_seed
	EQW "INIT, SIPI: again, elsewhere", RESULT + 2, ((AT + 0x1000) >> 4)
	/* INIT level de-assert is none */
	movw $0, RESULT
	IPI 0x8500, 1
	IPI 0x4600|AT>>12, 1
	DELAY 3000000
	EQW "INIT de-assert does not count", RESULT, 0
	/* one that is running, in 64-bit mode with paging, all by broadcast */
	call start_aps
	WAITFOR ap_here, 3
	EQL "all three run", ap_here, 3
	movw $0, RESULT
	IPI 0xc4500
	DELAY 300000
	IPI 0x4600|AT>>12, 2
	call wait_seed
	EQL "from long mode: apic id", RESULT + 48, 2
	EQL "from long mode: efer", RESULT + 44, 0
	EQL "from long mode: cr4", RESULT + 16, 0
	EQL "from long mode: cr0: CD and NW stay", RESULT + 8, 0x10
	/* SIPI waits no time: fifty times */
	xor %ebp, %ebp
	mov $50, %ebx
1:	movw $0, RESULT
	IPI 0x4500, 3
	IPI 0x4600|AT>>12, 3
	call wait_seed
	add %ax, %bp
	dec %ebx
	jnz 1b
	EQ "fifty times at once", %rbp, 50
	DONE

wait_seed:
	push %rdx
	push %rcx
	rdtsc
	mov %edx, %ecx
	add $2, %ecx
1:	cmpw $1, RESULT
	je 2f
	pause
	rdtsc
	cmp %ecx, %edx
	js 1b
2:	movzwl RESULT, %eax
	pop %rcx
	pop %rdx
	ret

	.code16
seed:	mov %cs, %ax
	mov %ds, %bx
	mov %ss, %cx
	pushfl
	mov %bx, %dx
	xor %bx, %bx
	mov %bx, %ds
	mov %bx, %ss
	mov %ax, RESULT + 2
	mov %cx, RESULT + 34
	mov %dx, RESULT + 32
	popl RESULT + 20
	call 1f
seed_here:
1:	pop %ax
	mov %ax, RESULT + 4
	mov %cr0, %eax
	mov %eax, RESULT + 8
	mov %cr3, %eax
	mov %eax, RESULT + 12
	mov %cr4, %eax
	mov %eax, RESULT + 16
	mov %dr6, %eax
	mov %eax, RESULT + 24
	mov %dr7, %eax
	mov %eax, RESULT + 28
	sidtl RESULT + 36
	mov $0xc0000080, %ecx
	rdmsr
	mov %eax, RESULT + 44
	mov $1, %eax
	cpuid
	shr $24, %ebx
	mov %ebx, RESULT + 48
	mov $0x1b, %ecx
	rdmsr
	mov %eax, RESULT + 52
	movl $0, RESULT + 56
	movw $1, RESULT
1:	cli
	hlt
	jmp 1b
seed_end:
	.code64
