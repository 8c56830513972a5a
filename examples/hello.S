/* SPDX-License-Identifier: MIT */
/*
 * A guest of 512 bytes: prints on the first serial port and powers off through
 * ACPI. Assembled to a flat image, loaded at 0x7c00 in real mode:
 *
 *	vm-run --flat -k hello.bin
 */
	.code16
	.globl _start
_start:
	xor %ax, %ax
	mov %ax, %ds
	mov $text - _start + 0x7c00, %si
	cld
next:
	lodsb
	test %al, %al
	jz off
	mov %al, %bl
	mov $0x3fd, %dx		/* line status: wait until it takes a byte */
wait:
	in %dx, %al
	test $0x20, %al
	jz wait
	mov $0x3f8, %dx
	mov %bl, %al
	out %al, %dx
	jmp next
off:
	mov $0x604, %dx		/* PM1_CNT: SLP_TYP of S5, SLP_EN */
	mov $0x2000, %ax
	out %ax, %dx
	hlt
	jmp off

text:	.asciz "Hello from a guest of 512 bytes.\r\n"

	.org _start + 510
	.word 0xaa55
