/* SPDX-License-Identifier: MIT */
/*
 * Ports in ring 3: IOPL and the TSS's I/O bitmap (SDM vol. 1, ch. 19.5).
 */
#define BITS 64
#include "tests/cpu/guest.inc"

	.set MAP, 0x68
/* The TSS's limit, loaded again. */
.macro LIMIT n
	push %rax
	movw $(\n), gdt + TSS
	movb $0x89, gdt + TSS + 5
	mov $TSS, %eax
	ltr %ax
	pop %rax
.endm

GUEST "slow=its KVM ignores the I/O bitmap"
	UFAULT "no bitmap: out", GP, 0, "out %al,$0x80"
	UFAULT "no bitmap: in", GP, 0, "in $0x80,%al"
	OKAY "no bitmap: ring 0", "out %al,$0x80"
	pushq $0x3002
	popq u_flags
	UOKAY "IOPL 3: out", "out %al,$0x80"
	UOKAY "IOPL 3: out of a long", "out %eax,$0x80"
	pushq $0x2002
	popq u_flags
	UFAULT "IOPL 2: out", GP, 0, "out %al,$0x80"
	pushq $2
	popq u_flags

	/* a bitmap that allows all but 0x81 and all above 0x87, up to port 0x3ff */
	movw $MAP, tss + 0x66
	mov $tss + MAP, %edi
	mov $17, %ecx
	xor %eax, %eax
	rep stosb
	mov $-1, %al
	mov $128 - 17, %ecx
	rep stosb
	movb $2, tss + MAP + 16
	LIMIT (MAP + 128)
	UOKAY "bit clear: out", "out %al,$0x80"
	UFAULT "bit set: out", GP, 0, "out %al,$0x81"
	UFAULT "bit set: in", GP, 0, "in $0x81,%al"
	UOKAY "bit clear: the next", "out %al,$0x82"
	UFAULT "word: one of two", GP, 0, "out %ax,$0x80"
	UFAULT "long: one of four", GP, 0, "out %eax,$0x7e"
	UOKAY "word", "out %ax,$0x82"
	UOKAY "long", "out %eax,$0x84"
	UFAULT "word across bytes of the map", GP, 0, "out %ax,$0x87"
	movb $0xfe, tss + MAP + 17
	UOKAY "word across bytes of the map, both clear", "out %ax,$0x87"
	UFAULT "long across bytes of the map", GP, 0, "out %eax,$0x86"
	UFAULT "by dx", GP, 0, "mov $0x81,%edx; 95: out %al,%dx"
	UFAULT "outsb", GP, 0, "mov $0x81,%edx; 95: outsb"
	UOKAY "outsb, allowed", "mov $0x80,%edx; lea (%rsp),%rsi; outsb"
	/* past the limit all is barred; the check reads two bytes */
	movb $0, tss + MAP + 127
	movb $0, tss + MAP + 128
	UOKAY "the last of the map", "mov $0x3f8,%edx; in %dx,%al"
	LIMIT (MAP + 127)
	UFAULT "the byte after the map is read as well", GP, 0, \
		"mov $0x3f8,%edx; 95: in %dx,%al"
	LIMIT (MAP + 16)
	UFAULT "beyond the limit", GP, 0, "out %al,$0x80"
	UOKAY "at the limit", "mov $0x78,%edx; in %dx,%al"
	/* the map's base beyond the limit */
	movw $0x1000, tss + 0x66
	UFAULT "base beyond the limit", GP, 0, "out %al,$0x80"
	/* a fault for rights comes before one for memory */
	mov $1, %esi
	shl $39, %rsi
	UFAULT "outs: port first", GP, 0, "mov $0x81,%edx; 95: outsb"
	mov $1, %esi
	shl $39, %rsi
	FAULT "outs: page", PF, 0, "mov $0x80,%edx; 95: outsb"
	mov $0x80, %edx
	mov $1, %edi
	shl $39, %rdi
	FAULT "ins: page", PF, PF_W, "insb"
	DONE
