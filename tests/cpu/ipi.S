/* SPDX-License-Identifier: MIT */
/*
 * Interrupts between processors and to oneself: fixed, broadcast, logical, NMI;
 * priorities, ISR and IRR, EOI, TPR and CR8; xAPIC and x2APIC (SDM vol. 3A,
 * ch. 10).
 */
#define BITS 64
#include "tests/cpu/guest.inc"
#include "tests/cpu/smp.inc"

	.set V, 0x50
/* Handlers count by vector and processor: count[vector] is a long for each. */
.macro GOT name, vec, cpu, want
	WAITFOR counts+(\vec)*8+(\cpu)*4, \want
	EQL "\name", counts+(\vec)*8+(\cpu)*4, \want
.endm
.macro CLEAR
	call clear_counts
.endm
.macro OPEN /* for interrupts, some cycles long */
	sti
	nop
	nop
	cli
.endm

GUEST "cpus=2 slow=its KVM lets interrupts in late after STI"
	INTR V, h50
	INTR (V + 1), h51
	INTR 0x61, h61
	INTR 0x71, h71
	INTR NMI, hnmi
	INTR 0xff, hff
	call start_aps
	LGET L_ID
	shr $24, %eax
	mov %eax, my_id
	EQ "the first processor's id", %rax, 0
	AP_RUN get_id
	AP_DONE
	EQL "the second processor's id", its_id, 1
	AP_RUN open_ap
	AP_DONE

	/* fixed, physical */
	IPI V, 1
	GOT "fixed, to 1", V, 1, 1
	EQL "fixed, to 1: not to 0", counts+V*8, 0
	IPI V, 0
	EQL "fixed, to 0: not before STI", counts+V*8, 0
	LGET L_IRR+(V/32)*16
	EQM "fixed, to 0: in IRR", %rax, (1 << (V & 31)), (1 << (V & 31))
	OPEN
	EQL "fixed, to 0: after STI", counts+V*8, 1
	LGET L_IRR+(V/32)*16
	EQ "fixed, to 0: not in IRR", %rax, 0
	LGET L_ICR
	EQM "icr: idle", %rax, 0x1000, 0
	CLEAR
	IPI V, 7
	DELAY 100000
	EQL "to nobody", counts+V*8+4, 0
	/* shorthands */
	IPI 0x40000|V
	OPEN
	EQL "self", counts+V*8, 1
	EQL "self: not to 1", counts+V*8+4, 0
	CLEAR
	IPI 0x80000|V
	GOT "all and self: 1", V, 1, 1
	OPEN
	EQL "all and self: 0", counts+V*8, 1
	CLEAR
	IPI 0xc0000|V
	GOT "all but self: 1", V, 1, 1
	OPEN
	EQL "all but self: 0", counts+V*8, 0
	CLEAR
	IPI V, 0xff
	GOT "broadcast id: 1", V, 1, 1
	OPEN
	EQL "broadcast id: 0", counts+V*8, 1
	CLEAR
	/* logical, flat */
	LSET L_LDR, 0x01000000
	AP_RUN set_ldr
	AP_DONE
	IPI 0x800|V, 2
	GOT "logical: 1", V, 1, 1
	OPEN
	EQL "logical: 0", counts+V*8, 0
	CLEAR
	IPI 0x800|V, 3
	GOT "logical, both: 1", V, 1, 1
	OPEN
	EQL "logical, both: 0", counts+V*8, 1
	CLEAR
	IPI 0x900|V, 2
	GOT "lowest priority, one", V, 1, 1
	CLEAR
	IPI 0x800|V, 4
	DELAY 100000
	OPEN
	EQL "logical, nobody", counts+V*8+4, 0

	/* the same vector twice is one while in IRR */
	CLEAR
	IPI 0x40000|V
	IPI 0x40000|V
	IPI 0x40000|V
	OPEN
	EQL "thrice in IRR: once", counts+V*8, 1

	/* priorities */
	CLEAR
	movl $0, order
	IPI 0x40000|V
	IPI 0x40000|0x61
	IPI 0x40000|0x71
	sti
	nop
	nop
	nop
	nop
	cli
	EQL "order: the highest first", order, 0x716150
	/* nested: a handler that opens is interrupted by higher ones only */
	INTR 0x62, nest
	movl $0, order
	IPI 0x40000|0x62
	OPEN
	EQL "nested: 71 in 62, 50 and 61 after", order, 0x71626150
	EQL "nested: ppr in the handler", nest_ppr, 0x60
	EQL "nested: isr in the handler", nest_isr, 4
	LGET L_PPR
	EQ "ppr after it", %rax, 0
	/* TPR */
	LSET L_TPR, 0x50
	LGET L_PPR
	EQ "ppr is tpr", %rax, 0x50
	mov %cr8, %rax
	EQ "cr8 is tpr", %rax, 5
	CLEAR
	IPI 0x40000|V
	IPI 0x40000|0x61
	OPEN
	EQL "tpr: same class is barred", counts+V*8, 0
	EQL "tpr: a higher one comes", counts+0x61*8, 1
	sti
	mov $4, %eax
	mov %rax, %cr8
	nop
	cli
	EQL "cr8 lowered: it comes", counts+V*8, 1
	LGET L_TPR
	EQ "tpr is cr8", %rax, 0x40
	xor %eax, %eax
	mov %rax, %cr8
	/* not without EOI */
	INTR 0x52, no_eoi
	CLEAR
	IPI 0x40000|0x52
	OPEN
	EQL "no EOI: came", counts+0x52*8, 1
	IPI 0x40000|V
	OPEN
	EQL "no EOI: a lower one waits", counts+V*8, 0
	LEOI
	OPEN
	EQL "EOI: it comes", counts+V*8, 1
	/* INT n is no interrupt of the APIC's */
	CLEAR
	int $V
	EQL "int n: handled", counts+V*8, 1
	LGET L_ISR+(V/32)*16
	EQ "int n: nothing in service", %rax, 0

	/* STI's shadow: one instruction */
	CLEAR
	IPI 0x40000|V
	sti
	incl scratch
1:	nop
	cli
	EQA "sti: one instruction before it comes", last_rip, 1b
	IPI 0x40000|V
	sti
	cli
	EQL "sti, cli: none", counts+V*8, 1
	LGET L_IRR+(V/32)*16
	EQM "sti, cli: still pending", %rax, (1 << (V & 31)), (1 << (V & 31))
	sti
	nop
	nop
	cli
	/* POPF and IRET have no shadow */
	IPI 0x40000|V
	pushq $FL_IF | 2
	popfq
1:	nop
	cli
	EQA "popf: no shadow", last_rip, 1b

	/* HLT: woken by an interrupt, RIP is behind it */
	CLEAR
	IPI 0x40000|V
	sti
	hlt
1:	cli
	EQA "sti, hlt: woken", last_rip, 1b
	AP_RUN ipi_later
	sti
	hlt
1:	cli
	AP_DONE
	EQA "hlt: woken by another processor", last_rip, 1b
	EQL "hlt: the interrupt", counts+V*8, 2

	/* NMI */
	CLEAR
	IPI 0x400, 1
	GOT "nmi to 1", NMI, 1, 1
	AP_RUN nmi_later
	hlt
1:	AP_DONE
	EQL "nmi: wakes, though IF is clear", counts+NMI*8, 1
	EQA "nmi: rip", last_rip, 1b
	/* another in the handler waits for its IRET */
	INTR NMI, hnmi2
	movl $0, order
	LSET L_ICR2, 0
	LSET L_ICR, 0x400
	WAITFOR order, 0x1212
	EQL "nmi in nmi: held back until iret", order, 0x1212
	/* any IRET ends the block, without leaving the handler */
	INTR NMI, hnmi3
	movl $0, order
	LSET L_ICR2, 0
	LSET L_ICR, 0x400
	WAITFOR order, 0x113322
	EQL "nmi in nmi: after any iret", order, 0x113322

	/* a processor that is halted with IF clear stays so */
	CLEAR
	movl $0, ap_here
	AP_RUN halt_ap
	WAITFOR halting, 1
	IPI V, 1
	DELAY 3000000
	EQL "halted, IF clear: no interrupt", counts+V*8+4, 0
	EQL "halted, IF clear: does not go on", ap_here, 0
	IPI 0x400, 1
	WAITFOR ap_here, 1
	EQL "halted: an nmi wakes", ap_here, 1
	AP_DONE
	GOT "the interrupt after STI", V, 1, 1

	/* a disabled APIC takes none, an illegal vector is an error */
	CLEAR
	LSET L_ESR, 0
	LSET L_ESR, 0
	IPI 0x40000|5
	LSET L_ESR, 0
	LGET L_ESR
	EQM "vector 5: an error at the sender's", %rax, 0x20, 0x20
	AP_RUN apic_off
	AP_DONE
	IPI V, 1
	DELAY 300000
	AP_RUN apic_on
	AP_DONE
	EQL "software-disabled: none is taken", counts+V*8+4, 0
	IPI V, 1
	GOT "enabled again", V, 1, 1
	/* the timer's LVT is masked while disabled */

	/* x2APIC */
	mov $1, %eax
	cpuid
	bt $21, %ecx
	jnc end
	FAULT "x2apic's MSRs without it", GP, 0, "mov $0x808,%ecx; 95: rdmsr"
	AP_RUN x2apic
	AP_DONE
	call x2apic
	GET_MSR 0x802
	EQ "x2apic: id", %rax, 0
	CLEAR
	SET_MSR 0x830, V, 1
	GOT "x2apic: fixed", V, 1, 1
	SET_MSR 0x83f, V
	OPEN
	EQL "x2apic: self", counts+V*8, 1
	CLEAR
	SET_MSR 0x830, V, -1
	GOT "x2apic: broadcast: 1", V, 1, 1
	OPEN
	EQL "x2apic: broadcast: 0", counts+V*8, 1
	CLEAR
	SET_MSR 0x830, (0x800|V), 2 /* cluster 0 */
	GOT "x2apic: logical", V, 1, 1
	GET_MSR 0x80d
	EQ "x2apic: ldr", %rax, 1
	SET_MSR 0x808, 0x60
	mov %cr8, %rax
	EQ "x2apic: tpr and cr8", %rax, 6
	SET_MSR 0x808, 0
	FAULT "x2apic: eoi of 1", GP, 0, \
		"mov $0x80b,%ecx; mov $1,%eax; xor %edx,%edx; 95: wrmsr"
	FAULT "x2apic: id is read-only", GP, 0, \
		"mov $0x802,%ecx; xor %eax,%eax; xor %edx,%edx; 95: wrmsr"
	FAULT "x2apic: no dfr", GP, 0, "mov $0x80e,%ecx; 95: rdmsr"
	FAULT "x2apic: no icr2", GP, 0, "mov $0x831,%ecx; 95: rdmsr"
	FAULT "x2apic: tpr, reserved", GP, 0, \
		"mov $0x808,%ecx; mov $0x100,%eax; xor %edx,%edx; 95: wrmsr"
	FAULT "x2apic: back to xapic", GP, 0, \
		"mov $0x1b,%ecx; rdmsr; and $~0x400,%eax; 95: wrmsr"
end:	DONE

/* Handlers */
.macro COUNT vec
	push %rax
	push %rdx
	push %rcx
	mov $\vec, %eax
	mov 24(%rsp), %rcx
	call counted
	mov apic_x2, %edx
	test %edx, %edx
	jnz 1f
	LEOI
	jmp 2f
1:	mov $0x80b, %ecx
	xor %eax, %eax
	xor %edx, %edx
	wrmsr
2:	pop %rcx
	pop %rdx
	pop %rax
	iretq
.endm
h50:	COUNT 0x50
h51:	COUNT 0x51
h61:	COUNT 0x61
h71:	COUNT 0x71
hff:	iretq
no_eoi:	push %rax
	push %rcx
	push %rdx
	mov $0x52, %eax
	call counted
	pop %rdx
	pop %rcx
	pop %rax
	iretq
hnmi:	push %rax
	push %rcx
	push %rdx
	mov $NMI, %eax
	mov 24(%rsp), %rcx
	call counted
	pop %rdx
	pop %rcx
	pop %rax
	iretq

/* EAX vector, RCX the interrupted RIP: count by processor, for the first one
 * keep the order. */
counted:
	str %edx
	cmp $TSS, %edx
	setne %dl /* the others have no TSS */
	movzbl %dl, %edx
	lea (%rdx,%rax,2), %edx
	incl counts(,%rdx,4)
	test $1, %edx
	jnz 1f
	shll $8, order
	or %eax, order
	mov %rcx, last_rip
1:	ret

nest:	push %rax
	shll $8, order
	orb $0x62, order
	LGET L_PPR
	mov %eax, nest_ppr
	LGET L_ISR+3*16
	mov %eax, nest_isr
	/* as ORDER is by the time of the handler's beginning, begin anew */
	movl $0, order
	IPI 0x40000|V
	IPI 0x40000|0x61
	IPI 0x40000|0x71
	sti
	nop
	nop
	cli
	shll $8, order
	orb $0x62, order
	LEOI
	pop %rax
	iretq

hnmi2:	cmpl $0, order
	jne 1f
	movl $0x12, order
	LSET L_ICR2, 0
	LSET L_ICR, 0x400
	DELAY 300000
	cmpl $0x12, order
	jne 2f
	iretq
1:	shll $8, order
	orb $0x12, order
2:	iretq

hnmi3:	cmpl $0, order
	jne 1f
	movl $0x11, order
	LSET L_ICR2, 0
	LSET L_ICR, 0x400
	DELAY 300000
	/* an IRET to here ends the block */
	push %rax
	push %rcx
	mov %rsp, %rcx
	mov %ss, %eax
	push %rax
	push %rcx
	pushq $2
	pushq $K64
	pushq $2f
	shll $8, order
	orb $0x33, order
	iretq
2:	nop
	pop %rcx
	pop %rax
	iretq
1:	shll $8, order
	orb $0x22, order
	iretq

clear_counts:
	push %rdi
	push %rcx
	push %rax
	mov $counts, %edi
	mov $256, %ecx
	xor %eax, %eax
	rep stosq
	pop %rax
	pop %rcx
	pop %rdi
	ret

/* What the second processor does */
get_id:	LGET L_ID
	shr $24, %eax
	mov %eax, its_id
	ret
open_ap:
	sti
	ret
set_ldr:
	LSET L_LDR, 0x02000000
	ret
ipi_later:
	DELAY 3000000
	IPI V, 0
	ret
nmi_later:
	DELAY 3000000
	IPI 0x400, 0
	ret
halt_ap:
	cli
	movl $1, halting
	hlt
	movl $1, ap_here
	sti
	nop
	ret
apic_off:
	LSET L_SVR, 0xff
	ret
apic_on:
	LSET L_SVR, 0x1ff
	ret
x2apic:
	mov $0x1b, %ecx
	rdmsr
	or $0xc00, %eax
	wrmsr
	movl $1, apic_x2
	ret

	.section .bss
	.balign 8
counts:	.skip 256 * 8
last_rip: .quad 0
my_id:	.long 0
its_id:	.long 0
order:	.long 0
nest_ppr: .long 0
nest_isr: .long 0
apic_x2: .long 0
halting: .long 0
