/* SPDX-License-Identifier: MIT */
/*
 * One counter of the 8254 (data sheet 231164), as pure functions of its
 * registers and its age e: the ticks since its count was loaded. Only
 * dev/pit*.c includes this.
 */
#ifndef DEV_PIT_COUNTER_H
#define DEV_PIT_COUNTER_H

#include <stdbool.h>
#include <stdint.h>

enum counter_run {
	STOPPED, /* waits for a count, or for the trigger */
	COUNTING,
	FROZEN, /* by a low gate; age is where it stands */
};
enum { RW_LATCH, RW_LOW, RW_HIGH, RW_BOTH };
enum { CTL_BCD = 0x01, CTL_KEEP = 0x3f };

struct counter { /* sized so as to have no holes */
	int64_t age; /* ticks since it was loaded */
	int64_t left; /* ticks until next takes over */
	uint32_t n, next; /* counts in use and to come: 1..65536; no next: 0 */
	uint32_t latch; /* what it was when it was latched */
	uint16_t ctl; /* the low 6 bits of the control word */
	uint16_t status; /* the same for the status */
	uint8_t low; /* first byte of a count being written */
	uint8_t write_high, read_high; /* the second byte is next */
	uint8_t latched; /* bytes to be read from the latch */
	uint8_t has_status;
	uint8_t gate, run;
	uint8_t null; /* the count written is not in use yet */
};

/* 0..5; 6 and 7 are 2 and 3. */
unsigned counter_mode(const struct counter *);
/* Modes 2 and 3: a new count waits for the end of the period or half. */
bool counter_periodic(const struct counter *);
/* Modes 1 and 5: counting waits for the gate to rise. */
bool counter_triggered(const struct counter *);
/* How much of n a square wave is high. */
uint32_t counter_high(uint32_t n);
/* The 16 bits that a guest reads, and what n it means by such. */
uint32_t counter_count(const struct counter *, int64_t e);
uint32_t counter_decode(const struct counter *, uint32_t v);
bool counter_output(const struct counter *, int64_t e);

#endif
