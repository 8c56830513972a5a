/* SPDX-License-Identifier: MIT */
/*
 * The event loop: epoll, a timerfd for each clock's timers, an eventfd for
 * calls posted from other threads, signalfd for signals. One thread runs it.
 */
#ifndef LIB_LOOP_H
#define LIB_LOOP_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "lib/clock.h"

struct loop;

struct watch { /* owned by the caller; zeroed before loop_add() */
	int fd;
	uint32_t events;
	void (*ready)(void *to, uint32_t events);
	void *to;
};

/* clock may be NULL (no timers); it is not owned. */
int loop_new(struct loop **, struct clock *clock);
void loop_free(struct loop *);

/* Fire the timers of another clock too, a machine's beside the host's: at most
 * LOOP_CLOCKS in all, -ENOSPC. Loop's thread, outside of timers' callbacks. */
enum { LOOP_CLOCKS = 8 };
int loop_add_clock(struct loop *, struct clock *);
void loop_del_clock(struct loop *, struct clock *);

/*
 * Watch w->fd for w->events (EPOLLIN...). A descriptor that epoll refuses
 * (a regular file) is reported ready all the time. -EEXIST if watched. With
 * events 0 nothing is reported, not even a hang-up. These three belong to the
 * loop's thread (or to anybody while it does not run).
 */
int loop_add(struct loop *, struct watch *w);
int loop_mod(struct loop *, struct watch *w, uint32_t events);
/* Safe inside any callback; w is not called again. Comes before close(). */
void loop_del(struct loop *, struct watch *w);

/*
 * Block the signals of set in this thread and deliver them as calls; once per
 * loop (-EBUSY). loop_free() puts this thread's mask back.
 */
int loop_signals(struct loop *, const sigset_t *set,
	void (*caught)(void *to, int sig), void *to);

/*
 * Call fn(to) in the loop, soon; from any thread, in the order posted. The
 * queue is bounded: -EAGAIN when LOOP_POSTS are waiting. What is still queued
 * when the loop is freed is never called.
 */
enum { LOOP_POSTS = 256 };
int loop_post(struct loop *, void (*fn)(void *to), void *to);

/*
 * The same with the caller's memory, so that it cannot fail: fn and to are set
 * once, the rest is zeroed. Queueing what is queued already does nothing.
 */
struct call {
	void (*fn)(void *to);
	void *to;
	struct call *next;
	bool queued;
};

void loop_call(struct loop *, struct call *); /* from any thread */
/* From the loop's thread: it is not called for what was asked before. */
void loop_uncall(struct loop *, struct call *);

/* Run until loop_stop(), also one that came before. 0 or -errno. */
int loop_run(struct loop *);
/*
 * One round; waits at most timeout_ms (-1: for ever) for something to happen:
 * ready descriptors, then due timers, then posted calls. For tests.
 */
int loop_once(struct loop *, int timeout_ms);
void loop_stop(struct loop *); /* from any thread, or a callback */

#endif
