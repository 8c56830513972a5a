/* SPDX-License-Identifier: MIT */
/*
 * SSE: CR0 and CR4's say, MXCSR, #XM, alignment, operands at the edge of pages
 * (SDM vol. 1, ch. 11; vol. 3A, ch. 13).
 */
#define BITS 64
#include "tests/cpu/guest.inc"

.macro CR0 value
	mov $(\value), %eax
	mov %rax, %cr0
.endm
.macro CR4 value
	mov $(\value), %eax
	mov %rax, %cr4
.endm
	.set CR0_BASE, 0x80000011
	.set MP, 2
	.set EM, 4
	.set CR0_TS, 8
	.set OSFXSR, 0x220
	.set BOTH, 0x620 /* OSXMMEXCPT, too */
.macro MXCSR value
	movl $(\value), csr
	ldmxcsr csr
.endm
.macro FLAGS name, want
	stmxcsr csr
	EQM "\name", csr, 0x3f, \want
.endm

GUEST "slow=its KVM does not emulate SSE"
	FAULT "without OSFXSR: addps", UD, 0, "addps %xmm0,%xmm1"
	FAULT "without OSFXSR: movaps", UD, 0, "movaps mem,%xmm1"
	FAULT "without OSFXSR: ldmxcsr", UD, 0, "ldmxcsr csr"
	OKAY "without OSFXSR: prefetch, sfence, movnti, mfence", \
		"prefetcht0 mem; sfence; movnti %eax,mem; mfence; lfence; pause"
	CR4 OSFXSR
	OKAY "with OSFXSR", "addps %xmm0,%xmm1"
	CR0 CR0_BASE+CR0_TS
	FAULT "ts", NM, 0, "addps %xmm0,%xmm1"
	FAULT "ts: ldmxcsr", NM, 0, "ldmxcsr csr"
	FAULT "ts: comes before a page fault", NM, 0, "movaps 0x7fff0000,%xmm0"
	CR0 CR0_BASE+EM
	FAULT "em", UD, 0, "addps %xmm0,%xmm1"
	CR0 CR0_BASE+EM+CR0_TS
	FAULT "em and ts", UD, 0, "addps %xmm0,%xmm1"
	CR0 CR0_BASE+MP

	/* MXCSR */
	stmxcsr csr
	EQL "mxcsr after reset", csr, 0x1f80
	movl $0x10000, csr
	FAULT "mxcsr: bit 16", GP, 0, "ldmxcsr csr"
	MXCSR 0xffbf
	stmxcsr csr
	EQL "mxcsr: all but DAZ", csr, 0xffbf
	/* masked exceptions leave flags */
	MXCSR 0x1f80
	movups one, %xmm0
	xorps %xmm1, %xmm1
	divss %xmm1, %xmm0
	FLAGS "1/0: ze", 4
	movd %xmm0, %eax
	EQ "1/0: infinity", %rax, 0x7f800000
	MXCSR 0x1f80
	xorps %xmm0, %xmm0
	divss %xmm1, %xmm0
	FLAGS "0/0: ie", 1
	movd %xmm0, %eax
	EQ "0/0: the default nan", %rax, 0xffc00000
	MXCSR 0x1f80
	movups one, %xmm0
	divss three, %xmm0
	FLAGS "1/3: pe", 0x20
	/* flags stay until they are cleared */
	addss %xmm0, %xmm0
	FLAGS "sticky", 0x20
	/* unmasked: #XM, or #UD without OSXMMEXCPT */
	MXCSR 0x1d80 /* ZM clear */
	movups one, %xmm0
	FAULT "unmasked, without OSXMMEXCPT", UD, 0, "divss %xmm1,%xmm0"
	CR4 BOTH
	MXCSR 0x1d80
	movups one, %xmm0
	FAULT "unmasked", XM, 0, "divss %xmm1,%xmm0"
	FLAGS "unmasked: ze", 4
	movd %xmm0, %eax
	EQ "unmasked: the destination stays", %rax, 0x3f800000
	/* an old flag does not fault again */
	OKAY "unmasked: an old flag", "addss %xmm0,%xmm0"
	MXCSR 0x1d80
	OKAY "unmasked: another exception", "movups one,%xmm0; divss three,%xmm0"
	MXCSR 0x0f80 /* PM clear */
	movups one, %xmm0
	FAULT "unmasked: pe", XM, 0, "divss three,%xmm0"
	MXCSR 0x1f00 /* IM clear */
	FAULT "unmasked: ie by a signalling nan", XM, 0, "addss snan,%xmm0"
	OKAY "unmasked: ie not by a quiet nan", "addss qnan,%xmm0"
	FAULT "unmasked: ie by comiss of a quiet nan", XM, 0, "comiss qnan,%xmm1"
	OKAY "unmasked: ie not by ucomiss of one", "ucomiss qnan,%xmm1"
	FAULT "unmasked: cvttss2si out of range", XM, 0, "cvttss2si big,%eax"
	/* packed: one of four is enough, none is written */
	MXCSR 0x1d80
	movups one, %xmm0
	FAULT "packed: one of four", XM, 0, "divps zero1,%xmm0"
	movd %xmm0, %eax
	EQ "packed: nothing written", %rax, 0x3f800000
	MXCSR 0x1f80
	/* rounding, flush to zero, denormals are zeros */
	MXCSR 0x3f80 /* down */
	cvtss2si mhalf, %eax
	EQ "down: -0.5 is -1", %rax, 0xffffffff
	MXCSR 0x5f80 /* up */
	cvtss2si half, %eax
	EQ "up: 0.5 is 1", %rax, 1
	MXCSR 0x1f80
	cvtss2si half, %eax
	EQ "nearest: 0.5 is 0", %rax, 0
	movss tiny, %xmm0
	mulss half, %xmm0
	movd %xmm0, %eax
	EQ "denormal result", %rax, 0x00400000
	MXCSR 0x9f80 /* FZ */
	movss tiny, %xmm0
	mulss half, %xmm0
	movd %xmm0, %eax
	EQ "flushed to zero", %rax, 0
	MXCSR 0x1f80
	ucomiss qnan, %xmm0
	IS "unordered", p

	/* alignment */
	FAULT "movaps, not aligned", GP, 0, "movaps mem+8,%xmm0"
	FAULT "movaps to memory, not aligned", GP, 0, "movaps %xmm0,mem+8"
	FAULT "addps, not aligned", GP, 0, "addps mem+8,%xmm0"
	FAULT "movntps, not aligned", GP, 0, "movntps %xmm0,mem+8"
	OKAY "movups, not aligned", "movups mem+8,%xmm0"
	OKAY "addss, not aligned", "addss mem+1,%xmm0"
	OKAY "movlps, not aligned", "movlps mem+4,%xmm0"
	OKAY "lddqu, not aligned", "lddqu mem+4,%xmm0"
	FAULT "pshufb, not aligned", GP, 0, "pshufb mem+8,%xmm0"
	OKAY "pcmpistri needs none", "pcmpistri $0,mem+8,%xmm0"
	/* pages: scalars read only what they are */
	mov $1, %ebx
	shl $39, %rbx
	movl $t3 + 7, pml4 + 8
	movl $t2 + 7, t3
	movl $t1 + 7, t2
	movl $page + 7, t1
	mov %cr3, %rax
	mov %rax, %cr3
	OKAY "movss at the edge", "movss 0xffc(%rbx),%xmm0"
	OKAY "movlps at the edge", "movlps 0xff8(%rbx),%xmm0"
	OKAY "movsd at the edge", "movsd 0xff8(%rbx),%xmm0"
	OKAY "pmovzxbw at the edge", "pmovzxbw 0xff8(%rbx),%xmm0"
	OKAY "movd at the edge", "movd %xmm0,0xffc(%rbx)"
	FAULT "movups over the edge", PF, 0, "movups 0xff8(%rbx),%xmm0"
	FAULT "movups to memory, over the edge", PF, PF_W, \
		"movups %xmm0,0xff8(%rbx)"
	lea 0x1000(%rbx), %rax
	cmp %rax, r_cr2
	IS "over the edge: cr2", e
	/* MASKMOVDQU without a bit */
	xorps %xmm1, %xmm1
	lea 0xff8(%rbx), %rdi
	movups one, %xmm0
	/* state: ring 3 and the handler do not mix it up */
	movups one, %xmm15
	UOKAY "in ring 3", "addps %xmm15,%xmm15"
	movd %xmm15, %eax
	EQ "in ring 3: result", %rax, 0x40000000
	/* 32-bit code sees eight registers */
	movups one, %xmm7
	OKAY32 "in 32-bit code", "addps %xmm7,%xmm7"
	movd %xmm7, %eax
	EQ "in 32-bit code: result", %rax, 0x40000000
	DONE

	.section .data
	.balign 16
one:	.long 0x3f800000, 0x3f800000, 0x3f800000, 0x3f800000
zero1:	.long 0x3f800000, 0x3f800000, 0x3f800000, 0
three:	.long 0x40400000
half:	.long 0x3f000000
mhalf:	.long 0xbf000000
tiny:	.long 0x00800000
big:	.long 0x60000000
snan:	.long 0x7fa00000
qnan:	.long 0x7fc00000
	.section .bss
	.balign 4096
t3:	.skip 4096
t2:	.skip 4096
t1:	.skip 4096
page:	.skip 4096
mem:	.skip 64
csr:	.skip 8
