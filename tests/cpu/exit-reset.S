/* SPDX-License-Identifier: MIT */
/* A reset by port 0xcf9. */
#define BITS 64
#include "tests/cpu/guest.inc"

GUEST "exit=110"
	mov $0xcf9, %edx
	mov $2, %al
	out %al, %dx
	mov $6, %al
	out %al, %dx
1:	hlt
	jmp 1b
