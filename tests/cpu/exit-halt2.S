/* SPDX-License-Identifier: MIT */
/* The same with a second CPU, which has never been started. */
#define BITS 32
#include "tests/cpu/guest.inc"

GUEST "exit=113 cpus=2"
	cli
1:	hlt
	jmp 1b
