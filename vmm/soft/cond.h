/* SPDX-License-Identifier: MIT */
/*
 * Condition codes over c->cc (SDM vol. 2, appendix B.1.4.7): n is the low four
 * bits of the opcode, of which the lowest negates.
 */
#ifndef VMM_SOFT_COND_H
#define VMM_SOFT_COND_H

#include "vmm/soft/soft.h"

#define CC_CF (FL_CF << 8)
#define CC_PF (FL_PF << 8)
#define CC_ZF (FL_ZF << 8)
#define CC_SF (FL_SF << 8)
#define CC_OF 1

static inline bool
cc_less(uint32_t cc) /* SF != OF */
{
	return (cc >> 15 ^ cc) & 1;
}

static inline bool
cond(const struct cpu *c, unsigned n)
{
	uint32_t cc = c->cc;
	bool yes;

	switch (n >> 1 & 7) {
	case 0:
		yes = cc & CC_OF;
		break;
	case 1:
		yes = cc & CC_CF;
		break;
	case 2:
		yes = cc & CC_ZF;
		break;
	case 3:
		yes = cc & (CC_CF | CC_ZF);
		break;
	case 4:
		yes = cc & CC_SF;
		break;
	case 5:
		yes = cc & CC_PF;
		break;
	case 6:
		yes = cc_less(cc);
		break;
	default:
		yes = (cc & CC_ZF) || cc_less(cc);
		break;
	}
	return yes ^ (n & 1);
}

#endif
