/* SPDX-License-Identifier: MIT */
/* Halted with interrupts off, for good. */
#define BITS 64
#include "tests/cpu/guest.inc"

GUEST "exit=113"
	cli
1:	hlt
	jmp 1b
