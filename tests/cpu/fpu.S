/* SPDX-License-Identifier: MIT */
/*
 * x87 and MMX: #NM by TS and EM, #MF by unmasked exceptions, its place, status
 * and tag words, FXSAVE and FSAVE (SDM vol. 1, ch. 8; vol. 3A, ch. 2.5).
 */
#define BITS 64
#include "tests/cpu/guest.inc"

.macro CR0 value
	mov $(\value), %eax
	mov %rax, %cr0
.endm
	.set CR0_BASE, 0x80000011
	.set MP, 2
	.set EM, 4
	.set CR0_TS, 8
	.set NE, 0x20
.macro STATUS name, mask, want
	fnstsw %ax
	movzwl %ax, %eax
	EQM "\name", %rax, \mask, \want
.endm

GUEST "slow=its KVM does not emulate x87"
	fninit
	STATUS "fninit: status", 0xffff, 0
	movw $0, mem
	fnstcw mem
	EQW "fninit: control", mem, 0x37f
	/* CR0: who gets #NM */
	CR0 CR0_BASE+CR0_TS
	FAULT "ts: fld1", NM, 0, "fld1"
	FAULT "ts: fnstsw", NM, 0, "fnstsw %ax"
	OKAY "ts without mp: wait", "wait"
	FAULT "ts: mmx", NM, 0, "paddb %mm0,%mm0"
	FAULT "ts: fxsave", NM, 0, "fxsave area"
	OKAY "ts: clts", "clts; fld1; fninit"
	CR0 CR0_BASE+CR0_TS+MP
	FAULT "ts and mp: wait", NM, 0, "wait"
	CR0 CR0_BASE+EM
	FAULT "em: fld1", NM, 0, "fld1"
	FAULT "em: mmx", UD, 0, "paddb %mm0,%mm0"
	OKAY "em: wait", "wait"
	FAULT "em: movnti is no sse", NONE, 0, "movnti %eax,mem"
	CR0 CR0_BASE+NE+MP

	/* exceptions: masked, then unmasked: #MF at the next x87 instruction */
	fninit
	fld1
	fldz
	fdivrp
	STATUS "1/0: ze", 0x3f, 4
	fninit
	fld1
	fldz
	movw $0x37b, mem /* ZM clear */
	fldcw mem
	OKAY "1/0, unmasked: not yet", "fdivrp"
	STATUS "1/0, unmasked: es, b, ze", 0x80bf, 0x8084
	FAULT "1/0, unmasked: at the next", MF, 0, "fld1"
	FAULT "1/0, unmasked: wait", MF, 0, "wait"
	OKAY "1/0, unmasked: fnclex does not wait", "fnclex"
	OKAY "1/0, unmasked: none after fnclex", "fld1"
	/* the operands are left as they were */
	fninit
	fldcw mem
	fldz
	fld1
	fdiv %st(1), %st
	fnclex
	fistpl mem + 8
	EQL "1/0, unmasked: st(0) stays", mem+8, 1
	/* unmasking pends an old one */
	fninit
	fld1
	fldz
	fdivrp
	OKAY "unmasking", "fldcw mem"
	FAULT "unmasking: at the next", MF, 0, "fldz"
	FAULT "mmx, too", MF, 0, "paddb %mm0,%mm0"
	FAULT "fxsave, too", NONE, 0, "fxsave area"
	FAULT "emms, too", MF, 0, "emms"
	OKAY "fninit", "fninit; fld1"
	/* the stack */
	fninit
	fstp %st(0)
	STATUS "underflow: ie, sf", 0x241, 0x41
	fninit
	.rept 8
	fld1
	.endr
	STATUS "eight: none", 0x3f, 0
	fld1
	STATUS "overflow: ie, sf, c1", 0x241, 0x241
	STATUS "overflow: top", 0x3800, 0x3800
	fninit
	fldz
	fxam
	STATUS "fxam of 0", 0x4700, 0x4000
	fninit
	fxam
	STATUS "fxam of an empty one", 0x4500, 0x4100
	/* values and rounding */
	fninit
	movw $0x0f7f, mem /* towards 0 */
	fldpi
	fistl mem + 8
	EQL "fist of pi", mem+8, 3
	fldcw mem
	fchs
	fistl mem + 8
	EQL "fist of -pi, chopped", mem+8, 0xfffffffd
	movw $0x077f, mem /* down */
	fldcw mem
	fistl mem + 8
	EQL "fist of -pi, down", mem+8, 0xfffffffc
	STATUS "fist: inexact", 0x20, 0x20
	fninit
	fldpi
	fstpl mem
	EQ "pi as a double", mem, 0x400921fb54442d18
	fldpi
	fstpt mem
	EQ "pi, extended: mantissa", mem, 0xc90fdaa22168c235
	EQW "pi, extended: exponent", mem+8, 0x4000
	/* 53-bit precision */
	movw $0x27f, mem
	fldcw mem
	fld1
	fldl three
	fdivrp
	fstpt mem
	EQ "1/3 in 53 bits: mantissa", mem, 0xaaaaaaaaaaaaa800
	fninit
	fildl minus5
	fbstp mem
	EQ "fbstp", mem, 5
	EQW "fbstp: sign", mem+8, 0x8000
	fld1
	fldl three
	fcomi %st(1), %st
	IS "fcomi: 3 > 1", a
	fucomip %st, %st(0)
	IS "fucomip: equal", e
	fninit
	fldl nan
	fld1
	fucomi %st(1), %st
	IS "fucomi: unordered", p
	STATUS "fucomi of a quiet nan: no ie", 1, 0
	fcomi %st(1), %st
	STATUS "fcomi of a quiet nan: ie", 1, 1

	/* where: instruction and data pointer */
	fninit
	mov $0, %eax
1:	fldl three
	fnstenv mem
	cmpl $1b, mem + 12
	IS "fstenv: instruction pointer", e
	cmpl $three, mem + 20
	IS "fstenv: data pointer", e
	EQW "fstenv: tags", mem+8, 0x3fff
	EQW "fstenv: status", mem+4, 0x3800
	movw $0, mem
	fnstcw mem
	EQW "fstenv masks all", mem, 0x37f
	/* FXSAVE and FXRSTOR */
	mov %cr4, %rax
	or $0x200, %rax
	mov %rax, %cr4
	fninit
	fldpi
	fld1
	mov $0x1122334455667788, %rax
	movq %rax, %xmm9
	fxsave area
	EQW "fxsave: fcw", area, 0x37f
	EQW "fxsave: fsw", area+2, 0x3000
	EQW "fxsave: abridged tags", area+4, 0xc0
	EQ "fxsave: st0", area+32, 0x8000000000000000
	EQ "fxsave: st1", area+48, 0xc90fdaa22168c235
	EQ "fxsave: xmm9", area+160+9*16, 0x1122334455667788
	EQL "fxsave: mxcsr", area+24, 0x1f80
	fninit
	xorps %xmm9, %xmm9
	fxrstor area
	STATUS "fxrstor: top", 0x3800, 0x3000
	movq %xmm9, %rax
	EQ "fxrstor: xmm9", %rax, 0x1122334455667788
	fstp %st(0)
	fstpl mem
	EQ "fxrstor: st1", mem, 0x400921fb54442d18
	FAULT "fxsave, not aligned", GP, 0, "fxsave area+8"
	FAULT "fxrstor, not aligned", GP, 0, "fxrstor area+8"
	movl $0xffff0000, area + 24
	FAULT "fxrstor of a bad mxcsr", GP, 0, "fxrstor area"
	/* FSAVE initializes */
	fninit
	fld1
	fnsave area
	STATUS "fnsave: initialized", 0xffff, 0
	EQ "fnsave: st0", area+28, 0x8000000000000000
	frstor area
	STATUS "frstor: top", 0x3800, 0x3800
	/* MMX: tags and exponents */
	fninit
	mov $0x0102030405060708, %rax
	movq %rax, %mm3
	fnstenv mem
	movzwl mem + 8, %eax
	mov %eax, %ecx
	shr $1, %ecx
	and %ecx, %eax
	EQM "mmx: no tag is empty", %rax, 0x5555, 0
	emms
	fnstenv mem
	EQW "emms: all tags empty", mem+8, 0xffff
	fxsave area
	EQ "mmx: mantissa", area+32+3*16, 0x0102030405060708
	EQW "mmx: exponent", area+40+3*16, 0xffff
	DONE

	.section .data
	.balign 8
three:	.quad 0x4008000000000000
nan:	.quad 0x7ff8000000000001
minus5:	.long -5
	.section .bss
	.balign 64
area:	.skip 576
mem:	.skip 64
