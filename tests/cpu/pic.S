/* SPDX-License-Identifier: MIT */
/*
 * The board's interrupts: PIT, 8259 pair and IOAPIC: timer ticks through both,
 * masks, EOI, priorities, the UART's interrupt.
 */
#define BITS 64
#include "tests/cpu/guest.inc"
#include "tests/cpu/smp.inc"

	.set PICV, 0x30
	.set IOV, 0x50
	.set IOAPIC, 0xfec00000

.macro PUT port, value
	mov $\value, %al
	out %al, $\port
.endm
.macro IOSET index, value
	push %rax
	mov $IOAPIC, %eax
	movl $(\index), (%rax)
	movl $(\value), 0x10(%rax)
	pop %rax
.endm
.macro IOGET index /* to EAX */
	mov $IOAPIC, %eax
	movl $(\index), (%rax)
	mov 0x10(%rax), %eax
.endm
/* PIT channel 0: mode, count */
.macro PIT mode, count
	PUT 0x43, 0x30|((\mode)<<1)
	PUT 0x40, (\count)&0xff
	PUT 0x40, (\count)>>8
.endm

GUEST ""
	INTR PICV, pic_tick
	INTR (PICV + 4), pic_uart
	INTR (PICV + 7), pic_spurious
	INTR IOV, io_tick
	INTR (IOV + 1), io_uart
	INTR (IOV + 2), io_level
	INTR 0xff, spurious
	/* ICW1-4: edge, cascade on 2, 8086 mode; all masked */
	PUT 0x20, 0x11
	PUT 0xa0, 0x11
	PUT 0x21, PICV
	PUT 0xa1, PICV+8
	PUT 0x21, 4
	PUT 0xa1, 2
	PUT 0x21, 1
	PUT 0xa1, 1
	PUT 0x21, 0xff
	PUT 0xa1, 0xff
	in $0x21, %al
	movzbl %al, %eax
	EQ "imr", %rax, 0xff

	/* without a local APIC's say: virtual wire, as after reset */
	PIT 0, 1000 /* one interrupt after a millisecond */
	sti
	DELAY 10000000
	cli
	EQL "pic: masked", ticks, 0
	/* the edge was seen all the same: IRR */
	PUT 0x20, 0x0a
	in $0x20, %al
	and $1, %eax
	EQ "pic: irr", %rax, 1
	PUT 0x21, 0xfe
	sti
	WAITFOR ticks, 1
	cli
	EQL "pic: unmasked: it comes", ticks, 1
	PUT 0x20, 0x0b
	in $0x20, %al
	and $1, %eax
	EQ "pic: isr until EOI", %rax, 1
	PIT 0, 1000
	sti
	DELAY 10000000
	cli
	EQL "pic: no EOI: no other", ticks, 1
	PUT 0x20, 0x20
	sti
	WAITFOR ticks, 2
	cli
	EQL "pic: EOI: the next", ticks, 2
	PUT 0x20, 0x20
	/* periodic, by HLT */
	movl $0, ticks
	movl $1, eoi
	PIT 2, 1193 /* 1 kHz */
	sti
1:	hlt
	cmpl $20, ticks
	jb 1b
	cli
	cmpl $20, ticks
	IS "pic: twenty ticks", ae
	PUT 0x21, 0xff

	/* the local APIC's LINT0, ExtINT, enabled by software */
	LAPIC_ON
	LSET L_LINT0, 0x10700
	PUT 0x21, 0xfe
	movl $0, ticks
	sti
	DELAY 10000000
	cli
	EQL "lint0 masked: none", ticks, 0
	LSET L_LINT0, 0x700
	sti
	WAITFOR ticks, 3, ae
	cli
	cmpl $3, ticks
	IS "lint0: ticks", ae
	PUT 0x21, 0xff
	PUT 0x20, 0x20

	/* UART: the transmitter's interrupt, IRQ 4 */
	mov $0x3f9, %edx
	mov $0, %al
	out %al, %dx
	mov $0x3fc, %edx
	mov $8, %al /* OUT2 */
	out %al, %dx
	PUT 0x21, 0xef
	movl $0, uarts
	call drained
	mov $0x3f9, %edx
	mov $2, %al
	out %al, %dx
	sti
	WAITFOR uarts, 1
	cli
	EQL "pic: uart", uarts, 1
	EQL "pic: uart: iir", iir, 2
	mov $0x3f9, %edx
	mov $0, %al
	out %al, %dx
	PUT 0x21, 0xff

	/* IOAPIC: version, redirection, ticks on pin 2 */
	IOGET 1
	EQM "ioapic: pins", %rax, 0xff0000, 0x170000
	LSET L_LINT0, 0x10700
	IOSET 0x14, 0x10000|IOV
	IOSET 0x15, 0
	IOGET 0x14
	EQM "ioapic: entry", %rax, 0x1ffff, (0x10000|IOV)
	movl $0, ticks
	PIT 2, 1193
	sti
	DELAY 10000000
	cli
	EQL "ioapic: masked", ticks, 0
	IOSET 0x14, IOV
	sti
1:	hlt
	cmpl $20, ticks
	jb 1b
	cli
	cmpl $20, ticks
	IS "ioapic: twenty ticks", ae
	/* nothing while the handler's class is barred, one after it */
	mov $5, %eax
	mov %rax, %cr8
	mov ticks, %ebx
	sti
	DELAY 10000000
	cli
	mov ticks, %eax
	cmp %eax, %ebx
	IS "ioapic: tpr bars it", e
	xor %eax, %eax
	mov %rax, %cr8
	IOSET 0x14, 0x10000|IOV
	sti
	nop
	nop
	cli
	PIT 0, 10
	/* UART on pin 4 */
	IOSET 0x18, IOV+1
	IOSET 0x19, 0
	movl $0, uarts
	call drained
	mov $0x3f9, %edx
	mov $2, %al
	out %al, %dx
	sti
	WAITFOR uarts, 1
	cli
	EQL "ioapic: uart", uarts, 1
	mov $0x3f9, %edx
	mov $0, %al
	out %al, %dx
	IOSET 0x18, 0x10000

	/* logical, lowest priority */
	LSET L_LDR, 0x01000000
	IOSET 0x15, 0x01000000
	movl $0, ticks
	IOSET 0x14, 0x900|IOV
	PIT 2, 1193
	sti
	WAITFOR ticks, 2, ae
	cli
	cmpl $2, ticks
	IS "ioapic: logical, lowest priority", ae
	IOSET 0x15, 0x02000000
	sti
	nop
	cli
	mov ticks, %ebx
	sti
	DELAY 10000000
	cli
	mov ticks, %eax
	sub %ebx, %eax
	cmp $1, %eax
	IS "ioapic: to nobody", be
	/* NMI */
	INTR NMI, nmi_tick
	IOSET 0x15, 0
	movl $0, ticks
	IOSET 0x14, 0x400
	WAITFOR ticks, 1, ae
	cmpl $1, ticks
	IS "ioapic: nmi", ae
	IOSET 0x14, 0x10000
	/* 8259, auto-EOI and other modes: read back of the counter */
	PIT 2, 0
	PUT 0x43, 0
	in $0x40, %al
	mov %al, %bl
	in $0x40, %al
	mov %al, %bh
	DELAY 1000000
	PUT 0x43, 0
	in $0x40, %al
	mov %al, %cl
	in $0x40, %al
	mov %al, %ch
	cmp %cx, %bx
	IS "pit: the counter counts", ne
	/* channel 2: gate and output by port 0x61 */
	in $0x61, %al
	and $0xfc, %al
	out %al, $0x61
	PUT 0x43, 0xb0 /* mode 0 */
	PUT 0x42, 100
	PUT 0x42, 0
	or $1, %al
	in $0x61, %al
	or $1, %al
	and $0xfd, %al
	out %al, $0x61
	DELAY 3000000
	in $0x61, %al
	test $0x20, %al
	IS "pit: channel 2's output", nz
	DONE

drained:
	mov $0x3fd, %edx
1:	in %dx, %al
	test $0x40, %al
	jz 1b
	ret

pic_tick:
	incl ticks
	cmpl $0, eoi
	je 1f
	push %rax
	PUT 0x20, 0x20
	pop %rax
1:	iretq
pic_uart:
	incl uarts
	push %rax
	push %rdx
	mov $0x3fa, %edx
	in %dx, %al
	and $0xf, %eax
	mov %eax, iir
	PUT 0x20, 0x20
	pop %rdx
	pop %rax
	iretq
pic_spurious:
	iretq
io_tick:
	incl ticks
	LEOI
	iretq
io_uart:
	incl uarts
	push %rax
	push %rdx
	mov $0x3fa, %edx
	in %dx, %al
	LEOI
	pop %rdx
	pop %rax
	iretq
io_level:
	LEOI
	iretq
nmi_tick:
	incl ticks
	iretq
spurious:
	iretq

	.section .bss
ticks:	.long 0
uarts:	.long 0
iir:	.long 0
eoi:	.long 0
