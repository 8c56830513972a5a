/* SPDX-License-Identifier: MIT */
/*
 * Where LOCK is legal: with memory destinations of the listed instructions, and
 * nowhere else: #UD (SDM vol. 2A, LOCK). Other prefixes in odd places.
 */
#define BITS 64
#include "tests/cpu/guest.inc"

.macro GOOD name, code
	OKAY "lock \name", ".byte 0xf0; \code"
.endm
.macro BAD name, code
	FAULT "lock \name", UD, 0, ".byte 0xf0; \code"
.endm

GUEST "slow=its KVM does not emulate some of these"
	mov $data, %ebx
	GOOD "add", "add %eax,(%rbx)"
	GOOD "add imm", "addl $1,(%rbx)"
	GOOD "or", "or %eax,(%rbx)"
	GOOD "adc", "adc %eax,(%rbx)"
	GOOD "sbb", "sbb %eax,(%rbx)"
	GOOD "and", "and %eax,(%rbx)"
	GOOD "sub", "sub %eax,(%rbx)"
	GOOD "xor", "xor %eax,(%rbx)"
	GOOD "inc", "incl (%rbx)"
	GOOD "dec", "decb (%rbx)"
	GOOD "not", "notl (%rbx)"
	GOOD "neg", "negw (%rbx)"
	GOOD "bts", "btsl $1,(%rbx)"
	GOOD "btr", "btrl $1,(%rbx)"
	GOOD "btc", "btcl $1,(%rbx)"
	GOOD "xadd", "xadd %eax,(%rbx)"
	GOOD "cmpxchg", "cmpxchg %eax,(%rbx)"
	GOOD "cmpxchg8b", "cmpxchg8b (%rbx)"
	GOOD "xchg", "xchg %eax,(%rbx)"
	mov $data, %ebx
	xor %eax, %eax
	BAD "add to a register", "add %eax,%ecx"
	BAD "add from memory", "add (%rbx),%eax"
	BAD "cmp", "cmp %eax,(%rbx)"
	BAD "cmp imm", "cmpl $1,(%rbx)"
	BAD "test", "test %eax,(%rbx)"
	BAD "mov", "mov %eax,(%rbx)"
	BAD "mov imm", "movl $1,(%rbx)"
	BAD "bt", "btl $1,(%rbx)"
	BAD "bts of a register", "bts $1,%eax"
	BAD "inc of a register", "inc %eax"
	BAD "xchg of registers", "xchg %eax,%ecx"
	BAD "xadd of registers", "xadd %eax,%ecx"
	BAD "cmpxchg of registers", "cmpxchg %eax,%ecx"
	BAD "shl", "shll $1,(%rbx)"
	BAD "imul", "imul (%rbx),%eax"
	BAD "mul", "mull (%rbx)"
	BAD "div", "divl (%rbx)"
	BAD "nop", "nop"
	BAD "pause", "pause"
	BAD "push", "push (%rbx)"
	BAD "call", "call *(%rbx)"
	BAD "jmp", "jmp 95b"
	BAD "jcc", "je 95b"
	BAD "ret", "ret"
	BAD "movs", "movsb"
	BAD "stos", "stosl"
	BAD "lea", "lea (%rbx),%eax"
	BAD "cpuid", "cpuid"
	BAD "rdtsc", "rdtsc"
	BAD "hlt", "hlt"
	BAD "in", "in $0x80,%al"
	BAD "out", "out %al,$0x80"
	BAD "int", "int $0x80"
	BAD "int3", "int3"
	BAD "iret", "iretq"
	BAD "cli", "cli"
	BAD "lgdt", "lgdt (%rbx)"
	BAD "invlpg", "invlpg (%rbx)"
	BAD "mov segment", "mov %ds,(%rbx)"
	BAD "setcc", "sete (%rbx)"
	BAD "bswap", "bswap %eax"
	BAD "cmov", "cmove (%rbx),%eax"
	BAD "movzx", "movzbl (%rbx),%eax"
	BAD "shld", "shld $1,%eax,(%rbx)"
	BAD "fld", "fldl (%rbx)"
	BAD "fst", "fstpl (%rbx)"
	BAD "movaps", "movaps %xmm0,(%rbx)"
	BAD "mfence", "mfence"
	BAD "clflush", "clflush (%rbx)"
	BAD "prefetch", "prefetcht0 (%rbx)"
	BAD "fxsave", "fxsave (%rbx)"
	BAD "syscall", "syscall"
	BAD "wrmsr", "wrmsr"
	BAD "mov cr3", "mov %cr3,%rax"
	BAD "pushf", "pushf"
	BAD "cbw", "cbw"
	BAD "xlat", "xlat"
	BAD "sahf", "sahf"
	/* the check comes before that of memory */
	mov $1, %eax
	shl $39, %rax
	FAULT "lock mov: before the page", UD, 0, ".byte 0xf0; mov %ecx,(%rax)"
	FAULT "lock add: no page", PF, PF_W, ".byte 0xf0; add %ecx,(%rax)"

	/* REX counts only right before the opcode */
	mov $-1, %rax
	.byte 0x48, 0x66, 0x31, 0xc0 /* REX.W lost: XOR AX, AX */
	EQ "rex before 66 is ignored", %rax, 0xffffffffffff0000
	mov $-1, %rax
	.byte 0x48, 0x40, 0x31, 0xc0 /* the last REX counts: XOR EAX, EAX */
	EQ "rex before rex is ignored", %rax, 0
	mov $-1, %rax
	.byte 0x66, 0x48, 0x31, 0xc0
	EQ "66 with REX.W: 64 bits", %rax, 0
	/* F3 and F2 before what does not take them */
	mov $5, %eax
	mov $-1, %rcx
	.byte 0xf3, 0xff, 0xc0
	EQ "rep inc: once", %rax, 6
	EQ "rep inc: rcx", %rcx, -1
	.byte 0xf3, 0x90
	EQ "pause: nothing", %rcx, -1
	/* 41 90 is XCHG R8D, EAX, no NOP */
	mov $7, %r8d
	.byte 0x41, 0x90
	EQ "xchg r8d, eax", %rax, 7
	/* 90 with REX.W is a NOP; with 87 C0 it clears the upper half */
	mov $-1, %rax
	.byte 0x90
	EQ "nop leaves the upper half", %rax, -1
	.byte 0x87, 0xc0
	EQ "xchg eax, eax does not", %rax, 0xffffffff
	/* segment prefixes of old count for nothing */
	mov $data, %ebx
	movq $0x55, data
	.byte 0x2e, 0x36, 0x3e, 0x26
	mov (%rbx), %rax
	EQ "cs ss ds es before fs: no base", %rax, 0x55
	DONE

	.section .bss
	.balign 64
data:	.skip 1024
