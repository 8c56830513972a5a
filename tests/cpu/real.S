/* SPDX-License-Identifier: MIT */
/*
 * Real mode, and "unreal" mode, where segments keep the limits of protected
 * mode (SDM vol. 3A, ch. 9.9 and 20.1).
 */
#define BITS 32
#include "tests/cpu/guest.inc"
#include "tests/cpu/real.inc"

GUEST "slow=its KVM emulates real mode in part"
	call real_init
	REAL "mov %cs,%ax; mov %ss,%bx; smsw %cx; nop"
	EQW "no exception", s_vec, 0xffff
	EQW "cs", s_ax, 0
	EQW "smsw: PE is clear", s_cx, 0x10
	/* segments */
	movw $0x5678, 0x6010
	REAL "mov $0x600,%ax; mov %ax,%ds; mov 0x10,%bx"
	EQW "base is the selector times 16", s_bx, 0x5678
	mov tramp, %edx
	movw $0xbabe, high
	REAL "mov $0xffff,%ax; mov %ax,%es; mov %es:HIGH-0xffff0,%bx"
	EQW "above 1 MiB", s_bx, 0xbabe
	REAL "movl $0x1234abcd,0x6000; les 0x6000,%bx; mov %es,%cx"
	EQW "les: offset", s_bx, 0xabcd
	EQW "les: segment", s_cx, 0x1234
	REAL "mov $0xf123,%ax; mov %ax,%es; push %es; pop %bx; mov %sp,%cx"
	EQW "push and pop of segments", s_bx, 0xf123
	EQW "push and pop: sp", s_cx, RSTACK
	REAL "movw $0xcafe,%cs:0x6000; mov 0x6000,%bx"
	EQW "cs is writable", s_bx, 0xcafe
	REAL "mov $0x12345678,%ebx; mov $0x6000,%esi; movl $0x11223344,(%esi); mov (%si),%ecx"
	EQL "32-bit operands", s_bx, 0x12345678
	EQL "32-bit addresses", s_cx, 0x11223344
	REAL "mov $0xffff,%bx; mov $0x6001,%si; movb $0x5a,0x6000; mov (%bx,%si),%al"
	EQB "16-bit addresses wrap", s_ax, 0x5a

	/* limits: 64 KiB */
	RFAULT "word at 0xffff", GP, "mov 0xffff,%ax"
	EQW "word at 0xffff: frame of three words", s_fsp, (RSTACK - 6)
	RFAULT "long at 0xfffe", GP, "mov 0xfffe,%eax"
	RFAULT "byte at 0x10000", GP, "mov $0x10000,%ebx; 95: mov (%ebx),%al"
	RFAULT "stack at 0xffff", SS, "mov $0xffff,%bp; 95: mov (%bp),%ax"
	REAL "xor %sp,%sp; push %ax; mov %sp,%bx; mov $RSTACK,%sp"
	EQW "sp wraps", s_bx, 0xfffe
	REAL "mov $0x56780000,%esp; push %ax; mov %esp,%ebx; mov $RSTACK,%esp"
	EQL "sp wraps: the upper half stays", s_bx, 0x5678fffe
	REAL "cld; mov $0xffff,%si; lodsb"
	EQW "si wraps", s_si, 0
	RFAULT "rep movs over the end", GP, \
		"mov $0xfffd,%si; mov $0x6000,%di; mov $3,%cx; 95: rep movsw"
	EQW "rep movs over the end: cx", s_cx, 2
	EQW "rep movs over the end: si", s_si, 0xffff

	/* calls */
	REAL "call 1f; 1: pop %bx; mov %sp,%cx"
	EQW "call: ip", s_bx, (FRAG + 3)
	EQW "call: two bytes", s_cx, RSTACK
	REAL "lcall $0,$FRAG+5; pop %bx; pop %cx; mov %sp,%dx"
	EQW "far call: ip", s_bx, (FRAG + 5)
	EQW "far call: cs", s_cx, 0
	EQW "far call: sp", s_dx, RSTACK
	REAL "ljmp $FRAG>>4,$5; mov %cs,%ax; mov %ax,%bx; ljmp $0,$FRAG+14; 1:"
	EQW "far jump: cs", s_bx, (FRAG >> 4)
	REAL "pushw $FRAG>>4; pushw $6; lret; nop; mov %cs,%bx"
	EQW "far return: cs", s_bx, 0x880
	REAL "mov %sp,%bp; pushl $FRAG+12; calll 1f; 1: nop; mov %sp,%cx; sub %sp,%bp; mov %bp,%bx; mov $RSTACK,%sp"
	EQW "32-bit call: four bytes", s_bx, 8

	/* interrupts */
	REAL "stc; sti; int $0x20"
	EQW "int: vector", s_vec, 0x20
	EQW "int: ip", s_ip, (FRAG + 4)
	EQW "int: cs", s_cs, 0
	EQM "int: flags in the frame", s_ifl, 0x301, 0x201
	EQM "int: flags in the handler", s_hfl, 0x301, 1
	EQW "int: sp", s_fsp, (RSTACK - 6)
	RFAULT "div by 0", DE, "xor %cl,%cl; 95: div %cl"
	RFAULT "ud2", UD, "ud2"
	RFAULT "lldt", UD, "lldt %ax"
	RFAULT "ltr", UD, "ltr %ax"
	RFAULT "lar", UD, "lar %ax,%ax"
	RFAULT "verr", UD, "verr %ax"
	RFAULT "arpl", UD, "arpl %ax,%ax"
	RFAULT "sysenter", GP, "sysenter"
	RFAULT "lock nop", UD, ".byte 0xf0,0x90"
	REAL "mov $0x7f,%al; inc %al; into"
	EQW "into: vector", s_vec, OF
	RFAULT "bound", BR, \
		"movl $0x00020001,0x6000; mov $3,%ax; 95: bound %ax,0x6000"
	REAL "int3"
	EQW "int3: vector", s_vec, BP
	REAL "pushw $0x100; popfw; nop; nop"
	EQW "tf: vector", s_vec, DB
	EQW "tf: ip", s_ip, (FRAG + 5)
	EQM "tf: flags in the handler", s_hfl, 0x100, 0
	REAL "pushw $2; pushw $0; pushw $FRAG+10; iretw; nop; nop; mov $0x77,%bx; mov %sp,%cx"
	EQW "iret", s_bx, 0x77
	EQW "iret: sp", s_cx, RSTACK
	REAL "pushw $0x7002; popfw; pushfw; pop %bx; pushw $2; popfw"
	EQW "popf: IOPL and NT", s_bx, 0x7002
	/* the table's base and limit */
	movw $0x20 * 4 - 1, real_idtr
	REAL "int $0x20"
	EQW "vector beyond the table: #GP", s_vec, GP
	EQW "vector beyond the table: ip", s_ip, FRAG
	movl $0x400, real_idtr + 2
	movw $1023, real_idtr
	mov 0x15 * 4, %eax
	mov %eax, 0x400 + 0x16 * 4
	REAL "int $0x16"
	EQW "a table elsewhere", s_vec, 0x15
	movl $0, real_idtr + 2

	/* privileged instructions: there is only ring 0 */
	REAL "cli; sti; cli; mov %cr0,%ebx; mov %cr3,%ecx; clts; mov $0x80,%dx; out %al,%dx"
	EQW "ring 0", s_vec, 0xffff
	EQM "ring 0: cr0", s_bx, 0x80000001, 0
	RFAULT "cr0: PG without PE", GP, \
		"mov $0x80000010,%eax; 95: mov %eax,%cr0"
	REAL "sgdt 0x6000; movl 0x6002,%ebx; mov 0x6000,%cx"
	EQW "sgdt: limit", s_cx, (GDT_SIZE - 1)
	cmpl $gdt, s_bx
	IS "sgdt: base", e
	REAL "mov $0,%eax; cpuid; rdtsc; mov $0x10,%ecx; rdmsr"
	EQW "cpuid, rdtsc, rdmsr", s_vec, 0xffff

	/* unreal mode */
	movb $1, unreal
	movl $0x11223344, 0x200000
	REAL "mov $0x200000,%ebx; mov (%ebx),%ecx; mov $0x600,%ax; mov %ax,%ds; mov -0x6000(%ebx),%edx"
	EQW "unreal", s_vec, 0xffff
	EQL "unreal: above 64 KiB", s_cx, 0x11223344
	EQL "unreal: a load sets the base, not the limit", s_dx, 0x11223344
	RFAULT "unreal: ss is not", SS, "mov $0x200000,%ebp; 95: mov (%ebp),%al"
	movb $0, unreal
	DONE

	.set HIGH, 0x10ffe0
	.set high, HIGH
