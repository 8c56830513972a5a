/* SPDX-License-Identifier: MIT */
/*
 * A queue of calls under one lock, which is not held while a call is made.
 */
#include "lib/loop-queue.h"

#include <errno.h>

void
queue_init(struct queue *q)
{
	*q = (struct queue){.tail = &q->head};
	for (unsigned i = 0; i < LOOP_POSTS; i++) {
		q->pool[i].next = q->free;
		q->free = &q->pool[i];
	}
	pthread_mutex_init(&q->lock, NULL);
}

void
queue_destroy(struct queue *q)
{
	pthread_mutex_destroy(&q->lock);
}

static void
append(struct queue *q, struct call *c)
{
	c->queued = true;
	c->next = NULL;
	*q->tail = c;
	q->tail = &c->next;
	q->waiting++;
}

void
queue_put(struct queue *q, struct call *c)
{
	pthread_mutex_lock(&q->lock);
	if (!c->queued)
		append(q, c);
	pthread_mutex_unlock(&q->lock);
}

void
queue_remove(struct queue *q, struct call *c)
{
	pthread_mutex_lock(&q->lock);
	for (struct call **p = &q->head; *p; p = &(*p)->next) {
		if (*p != c)
			continue;
		*p = c->next;
		if (q->tail == &c->next)
			q->tail = p;
		q->waiting--;
		c->queued = false;
		break;
	}
	pthread_mutex_unlock(&q->lock);
}

int
queue_post(struct queue *q, void (*fn)(void *to), void *to)
{
	struct call *c;

	pthread_mutex_lock(&q->lock);
	c = q->free;
	if (c) {
		q->free = c->next;
		c->fn = fn;
		c->to = to;
		append(q, c);
	}
	pthread_mutex_unlock(&q->lock);
	return c ? 0 : -EAGAIN;
}

unsigned
queue_waiting(struct queue *q)
{
	unsigned n;

	pthread_mutex_lock(&q->lock);
	n = q->waiting;
	pthread_mutex_unlock(&q->lock);
	return n;
}

/* Copy the first call out: once the lock is free it may be put in again, and
 * one of the pool may be anybody's. */
static bool
take_first(struct queue *q, struct call *out)
{
	struct call *c;

	pthread_mutex_lock(&q->lock);
	c = q->head;
	if (c) {
		*out = *c;
		q->head = c->next;
		if (!q->head)
			q->tail = &q->head;
		q->waiting--;
		c->queued = false;
		if (c >= q->pool && c < q->pool + LOOP_POSTS) {
			c->next = q->free;
			q->free = c;
		}
	}
	pthread_mutex_unlock(&q->lock);
	return c != NULL;
}

void
queue_run(struct queue *q)
{
	struct call c;

	for (unsigned n = queue_waiting(q); n && take_first(q, &c); n--)
		c.fn(c.to);
}
