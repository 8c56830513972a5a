/* SPDX-License-Identifier: MIT */
/*
 * Deadlines of our own, by CLOCK_MONOTONIC: setting the clock moves none. (What
 * devices and tests go by is lib/clock.h.)
 */
#ifndef LIB_DEADLINE_H
#define LIB_DEADLINE_H

#include <stdint.h>

/* Milliseconds since some time in the past. */
int64_t now_ms(void);
/* When timeout_ms from now is; negative: never. */
int64_t deadline_ms(int timeout_ms);

#endif
