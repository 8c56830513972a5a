/* SPDX-License-Identifier: MIT */
/*
 * Reset ports. Bars: 0 port 0xcf9 (1 byte; RST_CNT of PIIX3), 1 port 0x92
 * (1 byte; fast reset in bit 0, fast A20 in bit 1).
 */
#ifndef DEV_RESETCTL_H
#define DEV_RESETCTL_H

#include "dev/dev.h"

struct dev *resetctl_new(struct notify reset, struct irq a20);

#endif
