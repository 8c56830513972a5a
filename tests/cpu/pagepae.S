/* SPDX-License-Identifier: MIT */
/*
 * PAE paging: four page-directory pointers that are read when CR3 is loaded,
 * 2 MiB pages, NX, reserved bits (SDM vol. 3A, ch. 4.4).
 */
#define BITS 32
#include "tests/cpu/guest.inc"

	.set T0, 0x40000000 /* the second pointer's */
.macro PTE table, n, value, high=0
	movl $(\value), \table + (\n) * 8
	movl $(\high), \table + (\n) * 8 + 4
	call flush
.endm

GUEST "slow=its KVM keeps accessed and dirty flags otherwise"
	mov $0x20, %eax
	mov %eax, %cr4
	mov $pd0, %edi
	mov $0x87, %eax
	mov $512, %ecx
1:	mov %eax, (%edi)
	add $8, %edi
	add $0x200000, %eax
	loop 1b
	movl $pd0 + 1, ptr
	movl $pd1 + 1, ptr + 8
	movl $pt + 7, pd1
	movl $page0 + 7, pt
	movl $page1 + 7, pt + 8
	movl $0x11223344, page0
	movl $0x55667788, page1
	mov $ptr, %eax
	mov %eax, %cr3
	mov %cr0, %eax
	bts $31, %eax
	bts $16, %eax
	mov %eax, %cr0

	mov T0, %eax
	EQ "read", %eax, 0x11223344
	mov T0 + 0xffe, %eax
	EQ "read across pages", %eax, 0x77880000
	movb $0, T0 + 0x20
	EQM "a, d in pte", pt, 0x60, 0x60
	EQM "a in pde", pd1, 0x60, 0x20
	EQM "nothing in the pointer", ptr + 8, 0xfff, 1
	FAULT "pte not present", PF, 0, "mov T0+0x5004,%eax"
	EQ "pte not present: cr2", r_cr2, (T0 + 0x5004)
	FAULT "pde not present", PF, 0, "mov T0+0x200000,%eax"
	FAULT "pointer not present", PF, 0, "mov T0+0x40000000,%eax"
	UFAULT "pointer not present: user write", PF, (PF_U+PF_W), \
		"mov %eax,T0+0x40000000"
	PTE pt, 0, (page0 + 5)
	FAULT "read-only", PF, (PF_P+PF_W), "mov %eax,T0"
	PTE pt, 0, (page0 + 3)
	UFAULT "supervisor", PF, (PF_P+PF_U), "mov T0,%eax"
	PTE pt, 0, (page0 + 7)
	PTE pd1, 0, (pt + 3)
	UFAULT "pde supervisor", PF, (PF_P+PF_U), "mov T0,%eax"
	PTE pd1, 0, (pt + 7)
	PTE pt, 0, (page0 + 7), 0x00080000
	FAULT "pte, bit 51", PF, (PF_P+PF_RSVD), "mov T0,%eax"
	PTE pt, 0, (page0 + 7), 0x40000000
	FAULT "pte, bit 62", PF, (PF_P+PF_RSVD), "mov T0,%eax"
	PTE pt, 0, (page0 + 7), 0x80000000
	FAULT "pte, bit 63 without NXE", PF, (PF_P+PF_RSVD), "mov T0,%eax"
	PTE pt, 0, (page0 + 7)
	PTE pd1, 1, 0x2087
	FAULT "2M page, bit 13", PF, (PF_P+PF_RSVD), "mov T0+0x200000,%eax"
	PTE pd1, 1, 0x87
	movl $0xabcdef, 0x7004
	mov T0 + 0x207004, %eax
	EQ "2M page", %eax, 0xabcdef

	/* NX */
	mov $0xc0000080, %ecx
	rdmsr
	bts $11, %eax
	wrmsr
	PTE pt, 0, (page0 + 7), 0x80000000
	OKAY "nx: read", "mov T0,%eax"
	TRY
	mov $T0, %eax
	jmp *%eax
91:	CHECK "nx: fetch", PF, (PF_P+PF_I)
	EQ "nx: eip", r_ip, T0
	TRY
	mov $T0 + 0x6000, %eax
	jmp *%eax
91:	CHECK "not present: fetch", PF, PF_I
	PTE pt, 0, (page0 + 7)
	movb $0xc3, page0 + 64
	mov $T0 + 64, %eax
	OKAY "execute", "call *%eax"
	PTE pd1, 0, (pt + 7), 0x80000000
	TRY
	call *%eax
91:	CHECK "pde nx: fetch", PF, (PF_P+PF_I)
	PTE pd1, 0, (pt + 7)

	/* the pointers are read with CR3 and not before */
	movl $page1 + 7, pt2
	movl $pt2 + 7, pd2
	movl $pd2 + 1, ptr + 8
	invlpg T0
	mov T0, %eax
	EQ "new pointer, invlpg: the old table", %eax, 0x11223344
	call flush
	mov T0, %eax
	EQ "new pointer, load of cr3: the new table", %eax, 0x55667788
	/* reserved bits in a pointer that is present */
	movl $pd2 + 3, ptr + 8
	FAULT "pointer, bit 1", GP, 0, "mov $ptr,%eax; 95: mov %eax,%cr3"
	mov T0, %eax
	EQ "pointer, bit 1: the old table", %eax, 0x55667788
	movl $pd2 + 1, ptr + 8
	movl $0x80000000, ptr + 12
	FAULT "pointer, bit 63", GP, 0, "mov $ptr,%eax; 95: mov %eax,%cr3"
	movl $0xfffffffe, ptr + 8
	OKAY "pointer not present: no bit is reserved", \
		"mov $ptr,%eax; 95: mov %eax,%cr3"
	FAULT "pointer not present: read", PF, 0, "mov T0,%eax"
	/* they need 32-byte alignment only */
	mov $ptr, %esi
	mov $ptr2, %edi
	mov $8, %ecx
	rep movsl
	movl $pd1 + 1, ptr2 + 8
	movl $0, ptr2 + 12
	mov $ptr2, %eax
	mov %eax, %cr3
	mov T0, %eax
	EQ "pointers elsewhere", %eax, 0x11223344
	/* a change of CR4.PGE or CR0.WP... reads them, too: MOV to CR0, CR4 */
	movl $pd2 + 1, ptr2 + 8
	mov $0xa0, %eax
	mov %eax, %cr4
	mov T0, %eax
	EQ "pointers are read with a change of PGE", %eax, 0x55667788
	DONE

flush:
	push %eax
	mov %cr3, %eax
	mov %eax, %cr3
	pop %eax
	ret

	.section .bss
	.balign 4096
ptr:	.skip 4096
pd0:	.skip 4096
pd1:	.skip 4096
pd2:	.skip 4096
pt:	.skip 4096
pt2:	.skip 4096
page0:	.skip 4096
page1:	.skip 4096
	.skip 32
ptr2:	.skip 32
