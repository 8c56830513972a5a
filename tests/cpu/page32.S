/* SPDX-License-Identifier: MIT */
/*
 * 32-bit paging with 4 MiB pages (PSE, PSE-36), rights, accessed and dirty
 * flags; what is reserved there, and what is not (SDM vol. 3A, ch. 4.3).
 */
#define BITS 32
#include "tests/cpu/guest.inc"

	.set T0, 0x40000000
.macro PTE n, value
	movl $(\value), pt + (\n) * 4
	call flush
.endm
.macro PDE n, value
	movl $(\value), pgd + (\n) * 4
	call flush
.endm

GUEST "slow=its KVM keeps accessed and dirty flags otherwise"
	/* without PSE: the first 4 MiB by a table, and 64 MiB */
	mov $pt0, %edi
	mov $7, %eax
	mov $16384, %ecx
1:	stosl
	add $4096, %eax
	loop 1b
	mov $pgd, %edi
	mov $pt0 + 7, %eax
	mov $16, %ecx
1:	stosl
	add $4096, %eax
	loop 1b
	PDE (T0 >> 22), (pt + 7)
	movl $page0 + 7, pt
	movl $page1 + 7, pt + 4
	movl $0x11223344, page0
	movl $0x55667788, page1
	mov $pgd, %eax
	mov %eax, %cr3
	mov %cr0, %eax
	bts $31, %eax
	mov %eax, %cr0

	mov T0, %eax
	EQ "read", %eax, 0x11223344
	mov T0 + 0xffe, %eax
	EQ "read across pages", %eax, 0x77880000
	EQM "a in pte", pt, 0x60, 0x20
	EQM "a in pde", pgd + (T0 >> 20), 0x60, 0x20
	movb $0, T0 + 0x20
	EQM "d in pte", pt, 0x60, 0x60
	EQM "no d in pde", pgd + (T0 >> 20), 0x60, 0x20
	FAULT "not present: read", PF, 0, "mov T0+0x5004,%eax"
	EQ "not present: cr2", r_cr2, (T0 + 0x5004)
	FAULT "not present: write", PF, PF_W, "mov %eax,T0+0x5004"
	UFAULT "not present: user", PF, PF_U, "mov T0+0x5004,%eax"
	FAULT "not present: pde", PF, 0, "mov T0+0x400000,%eax"
	TRY
	mov $T0 + 0x5000, %eax
	jmp *%eax
91:	CHECK "not present: fetch has no bit of its own", PF, 0
	EQ "not present: fetch: eip", r_ip, (T0 + 0x5000)
	PTE 0, (page0 + 5)
	OKAY "read-only: write without WP", "mov %eax,T0"
	UFAULT "read-only: user write", PF, (PF_P+PF_U+PF_W), "mov %eax,T0"
	mov %cr0, %eax
	bts $16, %eax
	mov %eax, %cr0
	FAULT "read-only: write with WP", PF, (PF_P+PF_W), "mov %eax,T0"
	PTE 0, (page0 + 3)
	UFAULT "supervisor: user read", PF, (PF_P+PF_U), "mov T0,%eax"
	OKAY "supervisor: read", "mov T0,%eax"
	PTE 0, (page0 + 7)
	PDE (T0 >> 22), (pt + 3)
	UFAULT "pde supervisor: user read", PF, (PF_P+PF_U), "mov T0,%eax"
	PDE (T0 >> 22), (pt + 5)
	FAULT "pde read-only: write", PF, (PF_P+PF_W), "mov %eax,T0"
	/* PS counts for nothing without CR4.PSE */
	PDE (T0 >> 22), (pt + 0x87)
	OKAY "ps without PSE", "mov T0,%ecx"
	movl $0x11223344, page0
	mov T0, %ecx
	EQ "ps without PSE: value", %ecx, 0x11223344
	/* and bit 7 in a PTE is PAT */
	PTE 0, (page0 + 0x87)
	OKAY "pat in a pte", "mov T0,%ecx"

	mov $0x10, %eax /* PSE */
	mov %eax, %cr4
	PDE (T0 >> 22), 0x87
	movl $0xabcdef, 0x7004
	mov T0 + 0x7004, %eax
	EQ "4M page: value", %eax, 0xabcdef
	EQM "4M page: a", pgd + (T0 >> 20), 0x60, 0x20
	mov %eax, T0 + 0x7004
	EQM "4M page: d", pgd + (T0 >> 20), 0x60, 0x60
	PDE (T0 >> 22), 0x85
	FAULT "4M page: read-only", PF, (PF_P+PF_W), "mov %eax,T0+0x7004"
	PDE (T0 >> 22), 0x83
	UFAULT "4M page: supervisor", PF, (PF_P+PF_U), "mov T0+0x7004,%eax"
	PDE (T0 >> 22), 0x400087
	mov T0 + 0x123, %eax
	EQ "4M page: the next", %eax, 0
	mov $1, %eax
	cpuid
	bt $17, %edx
	jnc 1f
	PDE (T0 >> 22), 0x200087
	FAULT "4M page, bit 21", PF, (PF_P+PF_RSVD), "mov T0,%eax"
	/* bits 13..20 are bits 32..39 of the address: nothing is there */
	PDE (T0 >> 22), 0x2087
	mov T0, %eax
	EQ "pse-36: above 4 GiB", %eax, -1
	PDE (T0 >> 22), 0x87
1:
	/* segments and paging: the base is added first */
	PDE (T0 >> 22), (pt + 7)
	DESC FREE, T0, 0xfffff, 0x93, 0xc
	mov $FREE, %eax
	mov %eax, %fs
	mov %fs:0, %eax
	EQ "segment base and paging", %eax, 0x11223344
	/* addresses wrap at 4 GiB */
	DESC FREE, 0xfffff000, 0xfffff, 0x93, 0xc
	mov $FREE, %eax
	mov %eax, %fs
	mov page0, %ecx
	mov %fs:page0 + 0x1000, %eax
	EQ "wrap at 4 GiB", %eax, 0x11223344

	/* global pages */
	mov $0x90, %eax
	mov %eax, %cr4
	PTE 0, (page0 + 0x107)
	invlpg T0
	mov T0, %eax
	movl $page1 + 0x107, pt
	invlpg T0
	mov T0, %eax
	EQ "invlpg drops a global page", %eax, 0x55667788
	/* paging off and on again */
	mov %cr0, %eax
	btr $31, %eax
	mov %eax, %cr0
	movl $0x12345678, page1
	mov page1, %ecx
	EQ "paging off", %ecx, 0x12345678
	movl $page0 + 7, pt
	bts $31, %eax
	mov %eax, %cr0
	mov T0, %eax
	EQ "paging on again", %eax, 0x11223344
	/* 32-bit mode knows no CR8 and no upper half */
	FAULT "cr0: PG without PE", GP, 0, \
		"mov $0x80000010,%eax; 95: mov %eax,%cr0"
	FAULT "cr0: NW without CD", GP, 0, \
		"mov $0xa0000011,%eax; 95: mov %eax,%cr0"
	DONE

flush:
	push %eax
	mov %cr3, %eax
	mov %eax, %cr3
	pop %eax
	ret

	.section .bss
	.balign 4096
pgd:	.skip 4096
pt0:	.skip 16 * 4096
pt:	.skip 4096
page0:	.skip 4096
page1:	.skip 4096
