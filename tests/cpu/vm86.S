/* SPDX-License-Identifier: MIT */
/*
 * Virtual-8086 mode: entering by IRET, IOPL-sensitive instructions, interrupts
 * and faults from there (SDM vol. 3A, ch. 20.2).
 */
#define BITS 32
#include "tests/cpu/guest.inc"

	.set FRAG, 0x8800
/* Run the fragment in vm86 mode; it ends by an exception: INT END, if no
 * other. Segments are FRAG >> 4 for CS, 0x100 for the others. */
.macro VM86 code
	TRY
	call to_vm86
	.word 92f - 93f
	.code16
93:	\code
	int $END
92:
	.code32
91:	movl $0, catch_ip
.endm
.macro VFAULT name, vec, err, code
	VM86 "95: \code"
	EQ "\name: vector", r_vec, \vec
	EQ "\name: error", r_err, \err
	EQ "\name: ip", r_ip, (95b - 93b)
.endm
.macro VOKAY name, code
	VM86 "\code"
	EQ "\name: vector", r_vec, END
.endm

GUEST "slow=its KVM does not emulate virtual-8086 mode"
	movl $FL_VM | FL_IOPL | 2, flags
	VM86 "mov %cs,%ax; mov %ds,%bx; mov %ss,%cx; mov %sp,%dx"
	EQ "ends", r_vec, END
	EQW "cs", r_ax, (FRAG >> 4)
	EQW "ds", r_bx, 0x100
	EQW "ss", r_cx, 0x100
	EQW "sp", r_dx, 0x1000
	EQM "VM in the frame", r_fl, FL_VM, FL_VM
	EQ "cs in the frame", r_cs, (FRAG >> 4)
	EQ "ss in the frame", r_ss, 0x100
	EQA "nine words in the frame", r_frame, (ring0_top - 36)
	mov r_frame, %ebx
	EQ "es in the frame", 20(%ebx), 0x100
	EQ "ds in the frame", 24(%ebx), 0x100
	EQ "fs in the frame", 28(%ebx), 0x100
	EQ "gs in the frame", 32(%ebx), 0x100
	EQ "ds of ring 0 was null", r_ds, 0

	movw $0x1234, 0x1010
	VOKAY "memory", "mov 0x10,%bx; movw $0x4321,%es:0x12"
	EQW "memory: read", r_bx, 0x1234
	EQW "memory: written", 0x1012, 0x4321
	VOKAY "segments", "mov $0x101,%ax; mov %ax,%fs; mov %fs:0,%bx"
	EQW "segments: base", r_bx, 0x1234
	VFAULT "limit", GP, 0, "mov 0xffff,%ax"
	VFAULT "hlt", GP, 0, "hlt"
	VFAULT "mov cr0", GP, 0, "mov %cr0,%eax"
	VFAULT "clts", GP, 0, "clts"
	VFAULT "lldt", UD, 0, "lldt %ax"
	VFAULT "arpl", UD, 0, "arpl %ax,%ax"
	VFAULT "lar", UD, 0, "lar %ax,%ax"
	VFAULT "div", DE, 0, "div %ah"
	VOKAY "far jump", "ljmp $(FRAG>>4)-1,$(1f-93b+16); 1: mov %cs,%bx"
	EQW "far jump: cs", r_bx, ((FRAG >> 4) - 1)
	VOKAY "smsw", "smsw %bx"
	EQM "smsw: PE", r_bx, 1, 1

	/* IOPL 3: like real mode */
	VOKAY "IOPL 3: cli, sti, pushf, popf", "cli; sti; pushf; popf; cli"
	VOKAY "IOPL 3: popf", "pushw $0x4202; popf; pushf; pop %bx; cli"
	EQW "IOPL 3: popf: IF, NT; IOPL stays", r_bx, 0x7202
	VOKAY "IOPL 3: iret", \
		"pushw $2; push %cs; call 1f; 1: pop %ax; add $9,%ax; push %ax; iretw; nop; nop; mov $0x77,%bx"
	VM86 "int $0x80"
	EQ "int 0x80: to the IDT", r_vec, 0x80
	VM86 "int3"
	EQ "int3: vector", r_vec, BP
	VOKAY "IOPL 3: cli", "cli"
	/* the bitmap counts for ports, IOPL does not */
	VFAULT "in", GP, 0, "in $0x80,%al"
	/* IOPL 0 */
	movl $FL_VM | 2, flags
	VFAULT "IOPL 0: cli", GP, 0, "cli"
	VFAULT "IOPL 0: sti", GP, 0, "sti"
	VFAULT "IOPL 0: pushf", GP, 0, "pushf"
	VFAULT "IOPL 0: popf", GP, 0, "popf"
	VFAULT "IOPL 0: int n", GP, 0, "int $0x80"
	VFAULT "IOPL 0: iret", GP, 0, "iretw"
	VM86 "int3"
	EQ "IOPL 0: int3 needs none", r_vec, BP
	VM86 "mov $0x7f,%al; inc %al; into"
	EQ "IOPL 0: into needs none", r_vec, OF
	/* a step */
	movl $FL_VM | FL_IOPL | FL_TF | 2, flags
	VM86 "nop; nop"
	EQ "tf: vector", r_vec, DB
	EQ "tf: ip", r_ip, 1
	/* gates must lead to ring 0 */
	movl $FL_VM | FL_IOPL | 2, flags
	DESC FREE, 0, 0xfffff, 0xbb, 0xc
	movw $FREE, idt + 0x81 * 8 + 2
	VFAULT "gate to ring 1", GP, FREE, "int $0x81"
	DESC FREE, 0, 0xfffff, 0x9f, 0xc
	VFAULT "gate to conforming code", GP, FREE, "int $0x81"
	DONE

to_vm86:
	mov (%esp), %esi
	movzwl (%esi), %ecx
	add $2, %esi
	mov $FRAG, %edi
	rep movsb
	xor %eax, %eax
	push $0x100 /* gs fs ds es */
	push $0x100
	push $0x100
	push $0x100
	push $0x100 /* ss, esp */
	push $0x1000
	pushl flags
	push $FRAG >> 4
	push $0
	mov $0x1234, %ecx
	iretl

	.section .data
	.balign 4
flags:	.long 0
