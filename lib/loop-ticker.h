/* SPDX-License-Identifier: MIT */
/*
 * A clock whose timers an event loop fires, through a timerfd that is set to
 * the clock's next one.
 */
#ifndef LIB_LOOP_TICKER_H
#define LIB_LOOP_TICKER_H

#include "lib/loop.h"

struct ticker;

int ticker_new(struct ticker **, struct loop *, struct clock *);
/* The clock tells nobody any more when a timer comes earlier. */
void ticker_free(struct ticker *);
const struct clock *ticker_clock(const struct ticker *);
/* Before the loop sleeps. True: something is due. */
bool ticker_arm(struct ticker *);
/* Fire what is. */
void ticker_expire(struct ticker *);

#endif
