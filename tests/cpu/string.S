/* SPDX-License-Identifier: MIT */
/*
 * String instructions that fault in the middle: RCX, RSI and RDI are exact, all
 * before is done; directions, sizes, address sizes, REPE and REPNE.
 */
#define BITS 64
#include "tests/cpu/guest.inc"

/* Page 0 and 1 of the test's memory are there, page 2 is not, page 3 is
 * read-only. In RBX: the beginning of page 2. */
.macro AFTER name, rcx, rsi, rdi
	mov %rbx, %rax
	sub %rax, %rsi
	sub %rax, %rdi
	EQ "\name: rcx", %rcx, \rcx
	EQ "\name: rsi", %rsi, \rsi
	EQ "\name: rdi", %rdi, \rdi
.endm
.macro SET rsi, rdi, rcx
	lea \rsi(%rbx), %rsi
	lea \rdi(%rbx), %rdi
	mov $\rcx, %ecx
.endm
.macro CR2 name, off
	lea \off(%rbx), %rax
	cmp %rax, r_cr2
	IS "\name: cr2", e
.endm

GUEST ""
	mov $1, %ebx
	shl $39, %rbx
	movl $t3 + 7, pml4 + 8
	movl $t2 + 7, t3
	movl $t1 + 7, t2
	movl $pages + 7, t1
	movl $pages + 4096 + 7, t1 + 8
	movl $pages + 3 * 4096 + 5, t1 + 24
	mov %cr0, %rax
	bts $16, %rax
	mov %rax, %cr0
	lea 0x2000(%rbx), %rbx
	/* 0..255 in turn */
	mov $pages, %edi
	xor %eax, %eax
	mov $4 * 4096, %ecx
1:	stosb
	inc %eax
	loop 1b

	SET -100, -0x1000, 200
	FAULT "rep movsb: source", PF, 0, "rep movsb"
	AFTER "rep movsb: source", 100, 0, (-0x1000 + 100)
	CR2 "rep movsb: source", 0
	EQB "rep movsb: source: the last", pages+0x1000+99, 0xff
	SET -0x1000, -100, 200
	FAULT "rep movsb: destination", PF, PF_W, "rep movsb"
	AFTER "rep movsb: destination", 100, (-0x1000 + 100), 0
	CR2 "rep movsb: destination", 0
	SET -64, -0x1000, 100
	FAULT "rep movsq", PF, 0, "rep movsq"
	AFTER "rep movsq", 92, 0, (-0x1000 + 64)
	SET -60, -0x1000, 100
	FAULT "rep movsq, not aligned", PF, 0, "rep movsq"
	AFTER "rep movsq, not aligned", 93, -4, (-0x1000 + 56)
	CR2 "rep movsq, not aligned", 0
	/* downwards: out of page 3 into page 2 */
	std
	SET 0x1010, -0x1000, 100
	FAULT "std, rep movsl", PF, 0, "std; 95: rep movsl"
	AFTER "std, rep movsl", 95, 0xffc, (-0x1000 - 20)
	CR2 "std, rep movsl", 0xffc
	cld
	SET -0x1000, 0x1000, 4
	FAULT "rep movsb to a read-only page", PF, (PF_P+PF_W), "rep movsb"
	AFTER "rep movsb to a read-only page", 4, -0x1000, 0x1000
	/* both sides fault: the source first */
	SET 0, 0, 4
	FAULT "rep movsb: both", PF, 0, "rep movsb"
	SET -0x800, -10, 100
	mov $0x5a, %al
	FAULT "rep stosb", PF, PF_W, "rep stosb"
	AFTER "rep stosb", 90, -0x800, 0
	EQB "rep stosb: the last", pages+0x1fff, 0x5a
	SET -10, 0, 100
	FAULT "rep lodsb", PF, 0, "rep lodsb"
	AFTER "rep lodsb", 90, 0, 0
	EQM "rep lodsb: al is the last", r_ax, 0xff, 0x5a
	SET 0, -10, 100
	mov $0x5a, %al
	FAULT "repe scasb", PF, 0, "repe scasb"
	AFTER "repe scasb", 90, 0, 0
	SET -10, -20, 100
	FAULT "repe cmpsb", PF, 0, "movl $0x5a5a5a5a,-20(%rbx); movl $0x5a5a5a5a,-16(%rbx); movw $0x5a5a,-12(%rbx); 95: repe cmpsb"
	AFTER "repe cmpsb", 90, 0, -10
	SET -8, -0x1000, 1
	OKAY "movsq at the edge", "movsq"
	SET -7, -0x1000, 1
	FAULT "movsq over the edge", PF, 0, "movsq"
	AFTER "movsq over the edge", 1, -7, -0x1000
	/* none without a count */
	SET 0, 0, 0
	OKAY "rep movsb with rcx 0", "rep movsb"
	AFTER "rep movsb with rcx 0", 0, 0, 0
	xor %eax, %eax
	stc
	SET 0, 0, 0
	repe cmpsb
	IS "repe cmpsb with rcx 0: flags stay (carry)", c

	/* going on after the page has come */
	SET -16, -0x1000, 32
	TRY
95:	rep movsb
91:	movl $0, catch_ip
	movl $pages + 2 * 4096 + 7, t1 + 16
	invlpg (%rbx)
	rep movsb
	AFTER "going on", 0, 16, (-0x1000 + 32)
	EQB "going on: across", pages+0x1000+16, 0
	movl $0, t1 + 16
	invlpg (%rbx)

	/* REPE and REPNE end where they should */
	mov $text, %edi
	mov $'c', %al
	mov $10, %ecx
	repne scasb
	EQ "repne scasb: rcx", %rcx, 7
	IS "repne scasb: zf", z
	mov $text, %edi
	mov $'z', %al
	mov $4, %ecx
	repne scasb
	EQ "repne scasb, none: rcx", %rcx, 0
	IS "repne scasb, none: zf", nz
	mov $text, %esi
	mov $text2, %edi
	mov $8, %ecx
	repe cmpsb
	EQ "repe cmpsb: rcx", %rcx, 4
	IS "repe cmpsb: below", b
	/* overlapping, forwards: a pattern is spread */
	mov $buf, %edi
	movb $'x', (%rdi)
	lea 1(%rdi), %rdi
	mov $buf, %esi
	mov $15, %ecx
	rep movsb
	EQ "overlap by 1: spread", buf, 0x7878787878787878
	EQ "overlap by 1: spread, second", buf + 8, 0x7878787878787878
	movl $0x04030201, buf
	mov $buf, %esi
	mov $buf + 2, %edi
	mov $6, %ecx
	rep movsb
	EQ "overlap by 2: spread", buf, 0x0201020102010201
	mov $0x0807060504030201, %rax
	mov %rax, buf
	mov $buf + 3, %esi
	mov $buf + 7, %edi
	mov $4, %ecx
	std
	rep movsb
	cld
	EQ "backwards, overlapping", buf, 0x0403020104030201
	/* 32-bit addresses: ECX, ESI, EDI, upper halves become 0 */
	mov $-1, %rcx
	shl $32, %rcx
	add $4, %rcx
	mov $text, %esi
	mov $buf, %edi
	addr32 rep movsb
	EQ "addr32 rep movsb: ecx only", %rcx, 0
	EQL "addr32 rep movsb", buf, 0x64636261
	/* long ones, over many pages */
	mov $0x400000, %edi
	mov $0x20000, %ecx
	mov $0x77, %al
	rep stosb
	EQ "long stosb: rcx", %rcx, 0
	EQA "long stosb: rdi", %rdi, 0x420000
	mov $0x400000, %esi
	mov $0x800000, %edi
	mov $0x4000, %ecx
	rep movsq
	EQA "long movsq: rsi", %rsi, 0x420000
	EQB "long movsq: the last", 0x81ffff, 0x77
	mov $0x400000, %esi
	mov $0x800000, %edi
	mov $0x20000, %ecx
	movb $0x78, 0x81fff0
	repe cmpsb
	EQ "long cmpsb: rcx", %rcx, 15
	/* a segment of the source can be overridden, the destination's not */
	SET_MSR 0xc0000100, 0x10, 0
	mov $text - 0x10, %esi
	mov $buf, %edi
	mov $4, %ecx
	movl $0, buf
	rep movsb %fs:(%rsi), %es:(%rdi)
	EQL "fs: for the source", buf, 0x64636261
	/* INS and OUTS */
	mov $buf, %esi
	mov $0x80, %edx
	mov $3, %ecx
	rep outsb
	EQ "rep outsb: rcx", %rcx, 0
	EQA "rep outsb: rsi", %rsi, (buf + 3)
	mov $buf, %edi
	mov $0x61, %edx
	mov $2, %ecx
	rep insb
	EQA "rep insb: rdi", %rdi, (buf + 2)
	SET 0, -2, 5
	mov $0x61, %edx
	FAULT "rep insb: page", PF, PF_W, "rep insb"
	AFTER "rep insb: page", 3, 0, 0
	DONE

	.section .data
text:	.ascii "abcdefghij"
text2:	.ascii "abcxefghij"
	.section .bss
	.balign 4096
t3:	.skip 4096
t2:	.skip 4096
t1:	.skip 4096
pages:	.skip 4 * 4096
buf:	.skip 32
