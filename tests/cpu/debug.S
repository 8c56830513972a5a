/* SPDX-License-Identifier: MIT */
/*
 * Debugging: single steps, breakpoints of DR0-DR3 for code, data and ports,
 * RF, DR6 and DR7, general detect, MOV SS's shadow (SDM vol. 3B, ch. 17).
 */
#define BITS 64
#include "tests/cpu/guest.inc"

	.set DR6_NONE, 0xffff0ff0
	.set DR6_BS, 0xffff4ff0
	.set DR6_BD, 0xffff2ff0

/* Clear DR6 and DR7, set the address of breakpoint 0 and DR7. */
.macro WATCH addr, dr7
	push %rax
	mov $DR6_NONE, %eax
	mov %rax, %dr6
	mov $\addr, %eax
	mov %rax, %dr0
	mov $((\dr7) | 0x400), %eax
	mov %rax, %dr7
	pop %rax
.endm
.macro UNWATCH
	push %rax
	mov $0x400, %eax
	mov %rax, %dr7
	mov $DR6_NONE, %eax
	mov %rax, %dr6
	pop %rax
.endm
.macro IS_DR6 name, want
	push %rax
	mov %dr6, %rax
	mov %rax, dr6
	UNWATCH
	pop %rax
	EQ "\name: dr6", dr6, \want
.endm
/* Set TF: the trap comes after the instruction that follows. */
.macro STEP
	pushq $FL_TF | 2
	popfq
.endm

GUEST "slow=its KVM emulates single steps in part"
	mov %dr6, %rax
	EQ "dr6 after reset", %rax, DR6_NONE
	mov %dr7, %rax
	EQ "dr7 after reset", %rax, 0x400

	/* single steps */
	UNWATCH
	TRY
	STEP
	nop
95:	nop
	nop
91:	CHECK "tf: trap after one instruction", DB, 0, 95b
	EQM "tf: in the frame", r_fl, FL_TF, FL_TF
	IS_DR6 "tf", DR6_BS
	TRY
	STEP
	jmp 95f
	nop
95:	nop
91:	CHECK "tf: jump", DB, 0, 95b
	IS_DR6 "tf: jump", DR6_BS
	TRY
	STEP
	int $0x80
91:	CHECK "tf: int clears it before the handler", 0x80
	EQM "tf: int: in the frame", r_fl, FL_TF, FL_TF
	EQM "tf: int: not in the handler's", r_vec, 0xff, 0x80
	UNWATCH
	TRY
	STEP
95:	ud2
91:	CHECK "tf: a fault comes first", UD, 0, 95b
	UNWATCH
	/* the shadow of MOV SS holds the trap back by one */
	mov %ss, %ecx
	TRY
	STEP
	mov %ecx, %ss
	nop
95:	nop
91:	CHECK "tf: mov ss holds it back", DB, 0, 95b
	IS_DR6 "tf: mov ss", DR6_BS
	/* ... but for its own, TF being set by the instruction before */
	TRY
	mov %ecx, %ss
	STEP
	nop
95:	nop
91:	CHECK "mov ss: popf", DB, 0, 95b
	/* a step of REP ends after one iteration */
	mov $src, %esi
	mov $dst, %edi
	mov $5, %ecx
	TRY
	STEP
95:	rep movsb
91:	CHECK "tf: rep movs", DB, 0, 95b
	EQ "tf: rep movs: ecx", r_cx, 4
	UNWATCH
	mov $1, %ecx
	TRY
	STEP
	rep movsb
95:	nop
91:	CHECK "tf: rep movs, the last", DB, 0, 95b
	UNWATCH
	/* POPF that clears TF still traps; one that sets it does not */
	TRY
	pushq $2
	STEP
	popfq
95:	nop
	nop
91:	CHECK "tf: cleared by popf", DB, 0, 95b
	EQM "tf: cleared by popf: in the frame", r_fl, FL_TF, 0
	UNWATCH
	/* IRET that sets TF: the trap comes after the next */
	TRY
	mov %ss, %eax
	mov %rsp, %rcx
	push %rax
	push %rcx
	pushq $FL_TF | 2
	pushq $K64
	pushq $1f
	iretq
1:	nop
95:	nop
91:	CHECK "tf: set by iret", DB, 0, 95b
	UNWATCH
	pushq $FL_TF | 2
	popq u_flags
	TRY
	call to_user
	nop
95:	nop
91:	CHECK "tf: ring 3", DB, 0, 95b
	movq $2, u_flags
	UNWATCH

	/* a breakpoint for code: a fault before the instruction */
	WATCH 1f, 2
	TRY
	nop
1:	inc %eax
91:	CHECK "code breakpoint", DB, 0, 1b
	EQM "code breakpoint: no RF in the frame", r_fl, FL_RF, 0
	IS_DR6 "code breakpoint", (DR6_NONE | 1)
	/* with RF it does not come, and RF is gone after the instruction */
	WATCH 1f, 2
	TRY
	mov %ss, %eax
	mov %rsp, %rcx
	push %rax
	push %rcx
	pushq $FL_RF | 2
	pushq $K64
	pushq $1f
	iretq
1:	nop
	pushfq
	pop %rbx
91:	CHECK "code breakpoint, RF", NONE
	UNWATCH
	EQM "RF is cleared by an instruction", %rbx, FL_RF, 0
	WATCH 1f, 2
	TRY
	mov %ss, %eax
	mov %rsp, %rcx
	push %rax
	push %rcx
	pushq $FL_RF | 2
	pushq $K64
	pushq $2f
	iretq
2:	nop
1:	nop
91:	CHECK "code breakpoint, RF one too early", DB, 0, 1b
	UNWATCH
	/* popf does not set RF */
	WATCH 1f, 2
	TRY
	pushq $FL_RF | 2
	popfq
1:	nop
91:	CHECK "code breakpoint, RF by popf", DB, 0, 1b
	UNWATCH
	/* faults push RF, traps do not */
	FAULT "ud2", UD, 0, "ud2"
	EQM "fault: RF in the frame", r_fl, FL_RF, FL_RF
	TRAP "int 0x80", 0x80, 0, "int $0x80"
	EQM "trap: no RF in the frame", r_fl, FL_RF, 0
	/* REP with a code breakpoint: RF stays until it is done */
	WATCH 1f, 2
	mov $src, %esi
	mov $dst, %edi
	mov $3, %ecx
	TRY
	mov %ss, %eax
	mov %rsp, %rbx
	push %rax
	push %rbx
	pushq $FL_RF | 2
	pushq $K64
	pushq $1f
	iretq
1:	rep movsb
91:	CHECK "code breakpoint at REP, RF", NONE
	EQ "code breakpoint at REP: ecx", %rcx, 0
	UNWATCH
	/* enabled or not; the other registers */
	WATCH 1f, 0
	TRY
1:	nop
91:	CHECK "code breakpoint, not enabled", NONE
	mov $1f, %eax
	mov %rax, %dr3
	mov $0x440, %eax /* L3 */
	mov %rax, %dr7
	TRY
1:	nop
91:	CHECK "code breakpoint 3, local", DB, 0, 1b
	IS_DR6 "code breakpoint 3, local", (DR6_NONE | 8)
	/* of length other than 1, code breakpoints are undefined: not here */

	/* data: a trap after the instruction */
	WATCH data, 0x00010002 /* write, 1 byte */
	TRAP "data: write", DB, 0, "movb $1,data"
	IS_DR6 "data: write", (DR6_NONE | 1)
	WATCH data, 0x00010002
	OKAY "data: read is no write", "movb data,%al"
	OKAY "data: the next byte", "movb $1,data+1"
	OKAY "data: the byte before", "movb $1,data-1"
	TRAP "data: a long over it", DB, 0, "movl $1,data-3"
	WATCH data, 0x00010002
	TRAP "data: read and write", DB, 0, "incb data"
	EQB "data: read and write: done", data, 1
	WATCH data, 0x000d0002 /* write, 4 bytes */
	TRAP "data, 4 bytes: the last", DB, 0, "movb $1,data+3"
	WATCH data, 0x000d0002
	OKAY "data, 4 bytes: beyond", "movb $1,data+4"
	WATCH data, 0x00090002 /* write, 8 bytes */
	TRAP "data, 8 bytes: the last", DB, 0, "movb $1,data+7"
	WATCH data, 0x00030002 /* read or write, 1 byte */
	TRAP "data, rw: read", DB, 0, "movb data,%al"
	IS_DR6 "data, rw: read", (DR6_NONE | 1)
	WATCH data, 0x00030002
	TRAP "data, rw: write", DB, 0, "movb %al,data"
	WATCH data, 0x00030002
	OKAY "data, rw: code is not data", "nop"
	mov $data, %ebx
	mov %rsp, %rcx
	WATCH data, 0x00010002
	TRAP "data: push", DB, 0, "lea 8(%rbx),%rsp; push %rax"
	WATCH data, 0x00010002
	TRAP "data: movs", DB, 0, "mov $src,%esi; mov %ebx,%edi; movsb"
	WATCH data, 0x00010002
	TRAP "data: movups", DB, 0, \
		"mov %cr4,%rax; or $0x200,%rax; mov %rax,%cr4; movups %xmm0,-8(%rbx)"
	WATCH data, 0x00010002
	TRAP "data: fst", DB, 0, "fninit; fstps -2(%rbx)"
	UNWATCH
	/* REP stops after the iteration, or, being fast, after some more */
	WATCH data + 2, 0x00010002
	mov $src, %esi
	mov $data, %edi
	mov $5, %ecx
	TRY
	rep movsb
91:	CHECK "data: rep movs", DB
	cmpq $2, r_cx
	IS "data: rep movs: not before", be
	IS_DR6 "data: rep movs", (DR6_NONE | 1)
	/* the shadow of MOV SS delays a data breakpoint, too */
	mov $KDATA, %eax
	mov %eax, data
	WATCH data, 0x00030002
	TRY
	mov data, %ss
	nop
95:	nop
91:	CHECK "data: mov ss from there", DB, 0, 95b
	IS_DR6 "data: mov ss from there", (DR6_NONE | 1)
	/* two at once, and with a step */
	mov $data, %eax
	mov %rax, %dr1
	WATCH data, 0x0011000a
	TRAP "data: two of them", DB, 0, "movb $1,data"
	IS_DR6 "data: two of them", (DR6_NONE | 3)
	WATCH data, 0x00010002
	TRY
	STEP
	movb $1, data
95:	nop
91:	CHECK "data: and step", DB, 0, 95b
	IS_DR6 "data: and step", (DR6_BS | 1)

	/* ports need CR4.DE */
	mov %cr4, %rax
	or $8, %rax
	mov %rax, %cr4
	WATCH 0x80, 0x00020002
	TRAP "port: out", DB, 0, "out %al,$0x80"
	IS_DR6 "port: out", (DR6_NONE | 1)
	WATCH 0x80, 0x00020002
	TRAP "port: in", DB, 0, "in $0x80,%al"
	WATCH 0x80, 0x00020002
	OKAY "port: another", "out %al,$0x81"
	OKAY "port: memory is none", "movb 0x80,%al"
	UNWATCH
	FAULT "dr4 with CR4.DE", UD, 0, ".byte 0x0f,0x21,0xe0"
	FAULT "dr5 with CR4.DE", UD, 0, ".byte 0x0f,0x23,0xe8"
	mov %cr4, %rax
	and $~8, %rax
	mov %rax, %cr4
	mov $0x55, %eax
	.byte 0x0f,0x21,0xe0 /* mov dr4, rax */
	EQ "dr4 is dr6 without CR4.DE", %rax, DR6_NONE
	.byte 0x0f,0x21,0xe8
	EQ "dr5 is dr7 without CR4.DE", %rax, 0x400

	/* general detect */
	mov $0x2400, %eax
	mov %rax, %dr7
	FAULT "general detect", DB, 0, "mov %dr0,%rax"
	mov %dr7, %rax
	EQ "general detect: GD is clear in the handler", %rax, 0x400
	IS_DR6 "general detect", DR6_BD
	UFAULT "dr0 in ring 3", GP, 0, "mov %dr0,%rax"

	/* values */
	mov $0x12345678, %eax
	mov %rax, %dr2
	mov %dr2, %rcx
	EQ "dr2", %rcx, 0x12345678
	FAULT "dr6: upper half", GP, 0, \
		"mov $1,%eax; shl $32,%rax; 95: mov %rax,%dr6"
	FAULT "dr7: upper half", GP, 0, \
		"mov $1,%eax; shl $32,%rax; 95: mov %rax,%dr7"
	xor %eax, %eax
	mov %rax, %dr7
	mov %dr7, %rax
	EQ "dr7: bit 10 is fixed", %rax, 0x400
	xor %eax, %eax
	mov %rax, %dr6
	mov %dr6, %rax
	EQ "dr6: fixed bits", %rax, DR6_NONE
	/* DR6 gathers: nothing but the handler clears it */
	UNWATCH
	mov $DR6_NONE | 8, %eax
	mov %rax, %dr6
	TRY
	STEP
	nop
	nop
91:	CHECK "step with DR6 not clear", DB
	/* Intel leaves B3 or clears it; BS is there */
	mov %dr6, %rax
	EQM "step with DR6 not clear: dr6", %rax, 0x4000, 0x4000

	/* INT1's DR6 says nothing */
	UNWATCH
	TRAP "icebp", DB, 0, ".byte 0xf1"
	IS_DR6 "icebp", DR6_NONE
	DONE

	.section .data
src:	.ascii "abcdefgh"
	.section .bss
	.skip 256 /* a stack, where the test pushes */
	.balign 16
	.skip 16
data:	.skip 16
dst:	.skip 16
dr6:	.skip 8
