/* SPDX-License-Identifier: MIT */
/*
 * 4-level paging: rights of entries at all levels, NX, WP, accessed and dirty
 * flags, reserved bits, large pages, global pages, INVLPG (SDM vol. 3A, ch. 4).
 */
#define BITS 64
#include "tests/cpu/guest.inc"

	/* Tables of our own below PML4[1]: addresses of 512 GiB and up. Pages
	 * are at T0 + n * 4096. */
	.set PTE_P, 1
	.set PTE_W, 2
	.set PTE_U, 4
	.set PTE_A, 0x20
	.set PTE_D, 0x40
	.set PTE_PS, 0x80
	.set PTE_G, 0x100

/* The n-th entry of a table; after that, the TLB knows nothing of it. */
.macro ENTRY table, n, value, high=0
	movl $(\value), \table + (\n) * 8
	movl $(\high), \table + (\n) * 8 + 4
	call flush
.endm
/* the page, first of the two */
.macro PAGE0 bits, high=0
	movl $page0 + (\bits), t1
	movl $(\high), t1 + 4
	call flush
.endm

GUEST "slow=its KVM keeps accessed and dirty flags otherwise"
	mov $1, %ebx
	shl $39, %rbx /* T0 */
	mov $t4 + 7, %eax
	movl $t3 + 7, pml4 + 8
	movl $t2 + 7, t3
	movl $t1 + 7, t2
	movl $0x11223344, page0
	movl $0x55667788, page1
	PAGE0 7

	/* not present, at each level */
	FAULT "pt: not present", PF, 0, "mov 0x5678(%rbx),%eax"
	lea 0x5678(%rbx), %rax
	cmp %rax, r_cr2
	IS "pt: cr2", e
	FAULT "pt: not present, write", PF, PF_W, "movb $1,0x5678(%rbx)"
	UFAULT "pt: not present, user", PF, PF_U, "mov 0x5678(%rbx),%eax"
	UFAULT "pt: not present, user write", PF, (PF_U+PF_W), \
		"mov %al,0x5678(%rbx)"
	FAULT "pd: not present", PF, 0, "mov 0x200000(%rbx),%eax"
	FAULT "pdpt: not present", PF, 0, "mov 0x40000000(%rbx),%eax"
	FAULT "pml4: not present", PF, 0, "lea (%rbx,%rbx),%rax; 95: mov (%rax),%eax"
	lea 0x6000(%rbx), %rax
	TRY
	jmp *%rax
91:	CHECK "fetch: not present, with NXE", PF, PF_I
	cmp %rax, r_ip
	IS "fetch: rip", e
	cmp %rax, r_cr2
	IS "fetch: cr2", e
	OKAY "read", "mov (%rbx),%eax"
	EQ "read: value", %rax, 0x11223344
	OKAY "write", "mov %rax,8(%rbx)"
	EQ "write: value", page0 + 8, 0x11223344

	/* W: CR0.WP is 0 */
	PAGE0 5
	OKAY "read-only: write in ring 0 without WP", "movb $1,16(%rbx)"
	UFAULT "read-only: write in ring 3 without WP", PF, (PF_P+PF_W+PF_U), \
		"movb $1,16(%rbx)"
	call wp_on
	FAULT "read-only: write in ring 0 with WP", PF, (PF_P+PF_W), \
		"movb $1,16(%rbx)"
	UFAULT "read-only: write in ring 3 with WP", PF, (PF_P+PF_W+PF_U), \
		"movb $1,16(%rbx)"
	OKAY "read-only: read", "mov 16(%rbx),%eax"
	FAULT "read-only: read and write", PF, (PF_P+PF_W), "addl $0,16(%rbx)"
	FAULT "read-only: locked", PF, (PF_P+PF_W), "lock addl $0,16(%rbx)"
	mov $7, %eax
	FAULT "read-only: cmpxchg that fails", PF, (PF_P+PF_W), \
		"cmpxchg %ecx,16(%rbx)"
	OKAY "read-only: bt", "btl $1,16(%rbx)"
	PAGE0 7
	ENTRY t2, 0, (t1 + 5)
	FAULT "pd read-only", PF, (PF_P+PF_W), "movb $1,16(%rbx)"
	ENTRY t2, 0, (t1 + 7)
	ENTRY t3, 0, (t2 + 5)
	FAULT "pdpt read-only", PF, (PF_P+PF_W), "movb $1,16(%rbx)"
	ENTRY t3, 0, (t2 + 7)
	ENTRY pml4, 1, (t3 + 5)
	FAULT "pml4 read-only", PF, (PF_P+PF_W), "movb $1,16(%rbx)"
	ENTRY pml4, 1, (t3 + 7)
	/* the cached right to write ends when WP begins to count */
	call wp_off
	PAGE0 5
	OKAY "read-only, WP off: write", "movb $1,16(%rbx)"
	call wp_on
	FAULT "read-only, WP on again: write", PF, (PF_P+PF_W), \
		"movb $1,16(%rbx)"

	/* U */
	PAGE0 3
	OKAY "supervisor: read in ring 0", "mov (%rbx),%eax"
	UFAULT "supervisor: read in ring 3", PF, (PF_P+PF_U), "mov (%rbx),%eax"
	UFAULT "supervisor: write in ring 3", PF, (PF_P+PF_U+PF_W), \
		"mov %al,(%rbx)"
	PAGE0 7
	ENTRY t2, 0, (t1 + 3)
	UFAULT "pd supervisor", PF, (PF_P+PF_U), "mov (%rbx),%eax"
	ENTRY t2, 0, (t1 + 7)
	ENTRY t3, 0, (t2 + 3)
	UFAULT "pdpt supervisor", PF, (PF_P+PF_U), "mov (%rbx),%eax"
	ENTRY t3, 0, (t2 + 7)
	ENTRY pml4, 1, (t3 + 3)
	UFAULT "pml4 supervisor", PF, (PF_P+PF_U), "mov (%rbx),%eax"
	ENTRY pml4, 1, (t3 + 7)
	UOKAY "user: read", "mov (%rbx),%eax"
	EQ "user: value", r_ax, 0x11223344

	/* NX: page0 has a RET at 0x100 */
	movb $0xc3, page0 + 0x100
	lea 0x100(%rbx), %rax
	OKAY "execute", "call *%rax"
	PAGE0 7, 0x80000000
	TRY
	call *%rax
91:	CHECK "nx", PF, (PF_P+PF_I)
	cmp %rax, r_ip
	IS "nx: rip", e
	OKAY "nx: read", "mov (%rbx),%ecx"
	PAGE0 7
	ENTRY t2, 0, (t1 + 7), 0x80000000
	TRY
	call *%rax
91:	CHECK "pd nx", PF, (PF_P+PF_I)
	ENTRY t2, 0, (t1 + 7)
	ENTRY pml4, 1, (t3 + 7), 0x80000000
	TRY
	call *%rax
91:	CHECK "pml4 nx", PF, (PF_P+PF_I)
	ENTRY pml4, 1, (t3 + 7)
	/* user code that is supervisor's */
	PAGE0 3
	USER "jmp *%rax"
	CHECK "execute supervisor page in ring 3", PF, (PF_P+PF_U+PF_I)
	PAGE0 7
	/* an instruction across two pages, the second not executable */
	movl $page1 + 7, t1 + 8
	movl $0x80000000, t1 + 12
	call flush
	movw $0x9090, page0 + 0xffd
	movb $0xb8, page0 + 0xfff /* MOV EAX, imm32 */
	movb $0xc3, page1 + 4
	lea 0xffd(%rbx), %rax
	TRY
	call *%rax
91:	CHECK "nx in the middle", PF, (PF_P+PF_I)
	lea 0xfff(%rbx), %rax
	cmp %rax, r_ip
	IS "nx in the middle: rip", e
	lea 0x1000(%rbx), %rax
	cmp %rax, r_cr2
	IS "nx in the middle: cr2", e
	movl $0, t1 + 12
	call flush
	lea 0xffd(%rbx), %rax
	OKAY "code across pages", "call *%rax"
	EQ "code across pages: eax", %rax, 0x55667788
	/* without NXE bit 63 is reserved, and fetches have no bit of their own */
	mov $0xc0000080, %ecx
	mov $0x101, %eax
	xor %edx, %edx
	wrmsr
	PAGE0 7, 0x80000000
	FAULT "bit 63 without NXE", PF, (PF_P+PF_RSVD), "mov (%rbx),%eax"
	movl $0, t1 + 8 * 6
	lea 0x6000(%rbx), %rax
	TRY
	jmp *%rax
91:	CHECK "fetch: not present, without NXE", PF, 0
	mov $0xc0000080, %ecx
	mov $0x901, %eax
	xor %edx, %edx
	wrmsr

	/* reserved bits: beyond the physical width (51 is, on all of ours) */
	PAGE0 7, 0x00080000
	FAULT "pte, bit 51", PF, (PF_P+PF_RSVD), "mov (%rbx),%eax"
	UFAULT "pte, bit 51, user write", PF, (PF_P+PF_RSVD+PF_U+PF_W), \
		"mov %al,(%rbx)"
	PAGE0 6, 0x00080000
	FAULT "pte, bit 51, not present", PF, 0, "mov (%rbx),%eax"
	PAGE0 7
	ENTRY t2, 0, (t1 + 7), 0x00080000
	FAULT "pde, bit 51", PF, (PF_P+PF_RSVD), "mov (%rbx),%eax"
	ENTRY t2, 0, (t1 + 7)
	ENTRY pml4, 1, (t3 + 7 + PTE_PS)
	FAULT "pml4e, PS", PF, (PF_P+PF_RSVD), "mov (%rbx),%eax"
	ENTRY pml4, 1, (t3 + 7)
	ENTRY t2, 1, 0x202087
	FAULT "2M page, bit 13", PF, (PF_P+PF_RSVD), "mov 0x200000(%rbx),%eax"
	/* bits for the system */
	PAGE0 (7 + 0xe00), 0x7ff00000
	OKAY "bits 9-11 and 52-62", "mov (%rbx),%eax"

	/* A and D */
	PAGE0 7
	EQM "a, d: none", t1, 0x60, 0
	ENTRY t2, 0, (t1 + 7)
	ENTRY t3, 0, (t2 + 7)
	ENTRY pml4, 1, (t3 + 7)
	mov (%rbx), %eax
	EQM "read: a in pte", t1, 0x60, PTE_A
	EQM "read: a in pde", t2, 0x60, PTE_A
	EQM "read: a in pdpte", t3, 0x60, PTE_A
	EQM "read: a in pml4e", pml4 + 8, 0x60, PTE_A
	movb $1, 64(%rbx)
	EQM "write after read: d", t1, 0x60, (PTE_A+PTE_D)
	EQM "write: no d in pde", t2, 0x60, PTE_A
	PAGE0 7
	movb $1, 64(%rbx)
	EQM "write: a, d", t1, 0x60, (PTE_A+PTE_D)
	PAGE0 3
	UFAULT "user: no right", PF, (PF_P+PF_U), "mov (%rbx),%eax"
	EQM "no right: no a", t1, 0x60, 0
	PAGE0 5
	FAULT "no right to write", PF, (PF_P+PF_W), "mov %al,(%rbx)"
	EQM "no right: no d", t1, PTE_D, 0

	/* large pages, onto low memory and the image */
	ENTRY t2, 1, 0x87
	movl $0xabcdef, 0x7004
	mov 0x207004(%rbx), %eax
	EQ "2M page: value", %rax, 0xabcdef
	EQM "2M page: a", t2 + 8, 0x60, PTE_A
	mov %eax, 0x207004(%rbx)
	EQM "2M page: d", t2 + 8, 0x60, (PTE_A+PTE_D)
	ENTRY t2, 1, 0x83
	UFAULT "2M page: supervisor", PF, (PF_P+PF_U), "mov 0x207004(%rbx),%eax"
	ENTRY t2, 1, 0x85
	FAULT "2M page: read-only", PF, (PF_P+PF_W), "mov %eax,0x207004(%rbx)"
	ENTRY t2, 1, 0x87, 0x80000000
	lea 0x207004(%rbx), %rax
	TRY
	jmp *%rax
91:	CHECK "2M page: nx", PF, (PF_P+PF_I)
	mov $0x80000001, %eax
	cpuid
	mov $1, %eax
	shl $39, %rax
	mov %rax, %rbx
	bt $26, %edx
	jnc 1f
	ENTRY t3, 1, 0x87
	mov 0x40007004(%rbx), %eax
	EQ "1G page: value", %rax, 0xabcdef
	EQM "1G page: a", t3 + 8, 0x60, PTE_A
	mov %eax, 0x40007004(%rbx)
	EQM "1G page: d", t3 + 8, 0x60, (PTE_A+PTE_D)
	ENTRY t3, 1, 0x2087
	FAULT "1G page, bit 13", PF, (PF_P+PF_RSVD), "mov 0x40007004(%rbx),%eax"
	jmp 2f
1:	ENTRY t3, 1, 0x87
	FAULT "1G page without", PF, (PF_P+PF_RSVD), "mov 0x40007004(%rbx),%eax"
2:

	/* the TLB: global pages outlive a load of CR3, INVLPG drops all */
	mov %cr4, %rax
	or $0x80, %rax
	mov %rax, %cr4
	movl $page0 + 7 + PTE_G, t1
	movl $page1 + 7 + PTE_G, t1 + 8
	movl $0, t1 + 4
	invlpg (%rbx)
	invlpg 0x1000(%rbx)
	movl $0x11223344, page0
	mov (%rbx), %eax
	movl $page1 + 7, t1
	movl $0x55667788, page1
	mov %cr3, %rax
	mov %rax, %cr3
	/* the old one or the new one: a CPU may forget at any time */
	invlpg (%rbx)
	mov (%rbx), %eax
	EQ "invlpg drops a global page", %rax, 0x55667788
	movl $page0 + 7 + PTE_G, t1
	invlpg (%rbx)
	mov (%rbx), %eax
	EQ "invlpg: the new page", %rax, 0x11223344
	movl $page1 + 7 + PTE_G, t1
	mov %cr4, %rax
	xor $0x80, %rax
	mov %rax, %cr4
	mov (%rbx), %eax
	EQ "a change of CR4.PGE drops global pages", %rax, 0x55667788
	/* from not present to present no flush is needed */
	movl $0, t1
	call flush
	FAULT "not present once more", PF, 0, "mov (%rbx),%eax"
	movl $page0 + 7, t1
	mov (%rbx), %eax
	EQ "present without a flush", %rax, 0x11223344
	/* after a fault for lack of a right, the entry is read anew */
	PAGE0 5
	mov (%rbx), %eax
	movl $page0 + 7, t1
	OKAY "a right granted without a flush", "mov %eax,(%rbx)"
	/* two pages, one written over */
	movl $page0 + 7, t1 + 8
	call flush
	movl $0x1234, 0x1000(%rbx)
	mov (%rbx), %eax
	EQ "two addresses of one page", %rax, 0x1234
	/* across a boundary */
	movl $page1 + 7, t1 + 8
	call flush
	mov $0x0102030405060708, %rax
	mov %rax, 0xffb(%rbx)
	EQ "write across pages: first", page0 + 0xff8, 0x0405060708000000
	EQM "write across pages: second", page1, 0xffffff, 0x010203
	mov 0xffb(%rbx), %rcx
	EQ "read across pages", %rcx, 0x0102030405060708
	movl $page1 + 5, t1 + 8
	call flush
	mov $-1, %rax
	FAULT "write across pages, second read-only", PF, (PF_P+PF_W), \
		"mov %rax,0xffb(%rbx)"
	lea 0x1000(%rbx), %rax
	cmp %rax, r_cr2
	IS "write across pages: cr2", e
	EQ "write across pages: nothing written", page0 + 0xff8, \
		0x0405060708000000

	/* control registers */
	FAULT "cr0: PG without PE", GP, 0, \
		"mov %cr0,%rax; and $~1,%rax; 95: mov %rax,%cr0"
	FAULT "cr0: PG off in long mode", GP, 0, \
		"mov $0x11,%eax; 95: mov %rax,%cr0"
	FAULT "cr0: NW without CD", GP, 0, \
		"mov %cr0,%rax; bts $29,%rax; 95: mov %rax,%cr0"
	FAULT "cr0: bit 32", GP, 0, \
		"mov %cr0,%rax; bts $32,%rax; 95: mov %rax,%cr0"
	FAULT "cr4: PAE off in long mode", GP, 0, \
		"xor %eax,%eax; 95: mov %rax,%cr4"
	FAULT "cr4: a reserved bit", GP, 0, \
		"mov $0x80000020,%eax; 95: mov %rax,%cr4"
	FAULT "cr3: bit 63 without PCID", GP, 0, \
		"mov %cr3,%rax; bts $63,%rax; 95: mov %rax,%cr3"
	FAULT "cr8: bit 4", GP, 0, "mov $16,%eax; 95: mov %rax,%cr8"
	FAULT "efer: LME off in long mode", GP, 0, \
		"mov $0xc0000080,%ecx; mov $0x801,%eax; xor %edx,%edx; 95: wrmsr"
	FAULT "mov from cr1", UD, 0, ".byte 0x0f,0x20,0xc8"
	FAULT "mov to cr5", UD, 0, ".byte 0x0f,0x22,0xe8"
	FAULT "mov to cr15", UD, 0, ".byte 0x44,0x0f,0x22,0xf8"
	FAULT "invlpg of a register", UD, 0, ".byte 0x0f,0x01,0xfb"
	DONE

flush:
	push %rax
	mov %cr3, %rax
	mov %rax, %cr3
	pop %rax
	ret
wp_on:
	push %rax
	mov %cr0, %rax
	bts $16, %rax
	mov %rax, %cr0
	pop %rax
	ret
wp_off:
	push %rax
	mov %cr0, %rax
	btr $16, %rax
	mov %rax, %cr0
	pop %rax
	ret

	.section .bss
	.balign 4096
t3:	.skip 4096
t2:	.skip 4096
t1:	.skip 4096
page0:	.skip 4096
page1:	.skip 4096
t4:
