/* SPDX-License-Identifier: MIT */
/*
 * The calls that wait for an event loop: first in, first out, put in by any
 * thread. Calls bring their own memory, or borrow from a pool.
 */
#ifndef LIB_LOOP_QUEUE_H
#define LIB_LOOP_QUEUE_H

#include <pthread.h>

#include "lib/loop.h"

struct queue {
	pthread_mutex_t lock;
	struct call *head, **tail;
	unsigned waiting;
	struct call *free; /* of the pool */
	struct call pool[LOOP_POSTS];
};

void queue_init(struct queue *);
void queue_destroy(struct queue *);

void queue_put(struct queue *, struct call *);
void queue_remove(struct queue *, struct call *);
/* In a call of the pool's; -EAGAIN when all are in use. */
int queue_post(struct queue *, void (*fn)(void *to), void *to);
unsigned queue_waiting(struct queue *);
/* Make the calls that wait now; what they put in waits for the next time. */
void queue_run(struct queue *);

#endif
