/* SPDX-License-Identifier: MIT */
/* What the real-time clock's files share: its bytes and what they say. */
#ifndef DEV_RTC_INT_H
#define DEV_RTC_INT_H

#include <stdbool.h>
#include <stdint.h>

enum {
	SEC,
	SEC_ALARM,
	MIN,
	MIN_ALARM,
	HOUR,
	HOUR_ALARM,
	WDAY,
	DAY,
	MONTH,
	YEAR,
	REG_A,
	REG_B,
	REG_C,
	REG_D,
	CENTURY = 0x32
};

#define B_SET 0x80
#define B_PIE 0x40
#define B_AIE 0x20
#define B_UIE 0x10
#define B_SQWE 0x08
#define B_BINARY 0x04
#define B_24H 0x02

#define DAY_S 86400

/* All take the 128 bytes, whose register B says the format. */
void rtc_show(uint8_t *cmos, int64_t s); /* seconds since 1970, to the bytes */
int64_t rtc_seconds(const uint8_t *cmos); /* and back */
/* The first second after s when the alarm rings, -1 if it never does. */
int64_t rtc_next_alarm(const uint8_t *cmos, int64_t s);

#endif
