/* SPDX-License-Identifier: MIT */
/*
 * Time for devices, injected: the machine gives its devices a clock that runs
 * with the host and stops while it is paused; a test gives them one that moves
 * when told. All times are nanoseconds.
 *
 * Timers may be armed and disarmed from any thread. They fire in the thread
 * that calls clock_expire() (the event loop), with the lock named at
 * timer_init() held, so a device's timer runs like a register access. A timer
 * that was disarmed or re-armed under that lock never fires for the old time.
 * Its memory may go once it is disarmed, in the thread that runs the timers or
 * while that one does not.
 */
#ifndef LIB_CLOCK_H
#define LIB_CLOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define NS_PER_S 1000000000LL
#define CLOCK_NEVER INT64_MAX

struct clock;

struct timer {
	struct clock *clock;
	pthread_mutex_t *lock; /* held while firing; may be NULL */
	void (*fire)(void *to);
	void *to;
	int64_t at; /* CLOCK_NEVER when disarmed */
	struct timer *next, **link; /* the queue, by time; link NULL: not in */
};

/* A clock that follows CLOCK_MONOTONIC, starting at 0. */
struct clock *clock_new(void);
/* A clock that moves only by clock_advance(); real time starts at `real`. */
struct clock *clock_new_manual(int64_t real);
void clock_free(struct clock *);

int64_t clock_now(
	struct clock *); /* since the clock was made, pauses excluded */
int64_t clock_real(struct clock *); /* since 1970-01-01 UTC */

void clock_pause(struct clock *);
void clock_resume(struct clock *);

/* Manual clocks only: move by ns, firing what falls due, in order of time. */
void clock_advance(struct clock *, int64_t ns);

/* The earliest armed time, CLOCK_NEVER if none (or paused before it). It may
 * lie in the past: clock_expire() at once. */
int64_t clock_next(struct clock *);
/* Called, from any thread, when clock_next() got earlier; the clock's own lock
 * is free, the device's may be held: note it and return. */
void clock_on_earlier(struct clock *, void (*earlier)(void *to), void *to);
/* Fire all that is due by now; each timer once, so that one which is always
 * late cannot keep the thread. */
void clock_expire(struct clock *);

void timer_init(struct timer *, struct clock *, pthread_mutex_t *lock,
	void (*fire)(void *to), void *to);
void timer_arm(struct timer *, int64_t at); /* in the past: at once */
void timer_disarm(struct timer *); /* harmless if not armed */

#endif
