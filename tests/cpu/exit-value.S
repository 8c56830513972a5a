/* SPDX-License-Identifier: MIT */
/* The debug exit's value v ends the machine with v << 1 | 1. */
#define BITS 64
#include "tests/cpu/guest.inc"

GUEST "exit=85"
	mov $42, %eax
	out %eax, $0xf4
1:	hlt
	jmp 1b
