/* SPDX-License-Identifier: MIT */
/* A reset by the keyboard controller. */
#define BITS 32
#include "tests/cpu/guest.inc"

GUEST "exit=110"
	mov $0xfe, %al
	out %al, $0x64
1:	hlt
	jmp 1b
