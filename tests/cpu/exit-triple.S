/* SPDX-License-Identifier: MIT */
/* A triple fault: no IDT to deliver anything with. */
#define BITS 64
#include "tests/cpu/guest.inc"

GUEST "exit=112"
	movw $0, idtr
	lidt idtr
	ud2
1:	hlt
	jmp 1b
