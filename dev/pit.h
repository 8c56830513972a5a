/* SPDX-License-Identifier: MIT */
/*
 * 8254 timer with port 0x61. Bars: 0 counters (4 bytes), 1 port 0x61 (1 byte).
 * Input clock 1.193182 MHz; counter 0 drives out; channel 2's gate and speaker
 * bit are in port 0x61, with its output in bit 5 and refresh toggling in bit 4.
 */
#ifndef DEV_PIT_H
#define DEV_PIT_H

#include "dev/dev.h"

#define PIT_HZ 1193182

struct dev *pit_new(struct clock *, struct irq out);

#endif
