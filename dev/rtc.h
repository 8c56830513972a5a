/* SPDX-License-Identifier: MIT */
/*
 * MC146818 real-time clock with 128 bytes of CMOS RAM.
 * One bar of 2 bytes: index (port 0x70; bit 7 is the NMI mask) and data.
 */
#ifndef DEV_RTC_H
#define DEV_RTC_H

#include "dev/dev.h"

/* Time follows clock_real() plus what the guest set. */
struct dev *rtc_new(struct clock *, struct irq out);
/* CMOS byte at reg (0x0e..0x7f), as the board presets it before power-on. */
void rtc_preset(struct dev *rtc, unsigned reg, uint8_t value);

#endif
