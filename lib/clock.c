/* SPDX-License-Identifier: MIT */
/*
 * Clocks and timers. Timers wait in an intrusive list sorted by time, so arming
 * allocates nothing and cannot fail; a machine has tens of them. The time is
 * read without a lock: `held` is the time of a clock that stands (a paused or a
 * manual one), and -1 while it follows the host's.
 */
#include "lib/clock.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

struct clock {
	pthread_mutex_t lock; /* the list and who moves the clock */
	atomic_llong held;
	atomic_llong base; /* host time at our zero */
	bool manual, paused;
	int64_t real; /* manual: real time now */
	struct timer *first;
	void (*earlier)(void *to);
	void *earlier_to;
};

static int64_t
host_time(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

static struct clock *
make(int64_t held)
{
	struct clock *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	pthread_mutex_init(&c->lock, NULL);
	atomic_init(&c->held, held);
	atomic_init(&c->base, host_time(CLOCK_MONOTONIC));
	return c;
}

struct clock *
clock_new(void)
{
	return make(-1);
}

struct clock *
clock_new_manual(int64_t real)
{
	struct clock *c = make(0);

	if (c) {
		c->manual = true;
		c->real = real;
	}
	return c;
}

void
clock_free(struct clock *c)
{
	if (!c)
		return;
	pthread_mutex_destroy(&c->lock);
	free(c);
}

int64_t
clock_now(struct clock *c)
{
	int64_t held = atomic_load_explicit(&c->held, memory_order_acquire);

	if (held >= 0)
		return held;
	return host_time(CLOCK_MONOTONIC) -
	       atomic_load_explicit(&c->base, memory_order_relaxed);
}

int64_t
clock_real(struct clock *c)
{
	int64_t real;

	if (!c->manual)
		return host_time(CLOCK_REALTIME);
	pthread_mutex_lock(&c->lock);
	real = c->real;
	pthread_mutex_unlock(&c->lock);
	return real;
}

void
clock_pause(struct clock *c)
{
	pthread_mutex_lock(&c->lock);
	if (!c->paused) {
		c->paused = true;
		atomic_store(&c->held, clock_now(c));
	}
	pthread_mutex_unlock(&c->lock);
}

/* Tell who sleeps until the next timer; never with our lock held. */
static void
tell(struct clock *c)
{
	void (*earlier)(void *to);
	void *to;

	pthread_mutex_lock(&c->lock);
	earlier = c->earlier;
	to = c->earlier_to;
	pthread_mutex_unlock(&c->lock);
	if (earlier)
		earlier(to);
}

void
clock_resume(struct clock *c)
{
	bool was;

	pthread_mutex_lock(&c->lock);
	was = c->paused;
	c->paused = false;
	if (was && !c->manual) {
		atomic_store(&c->base,
			host_time(CLOCK_MONOTONIC) - atomic_load(&c->held));
		atomic_store_explicit(&c->held, -1, memory_order_release);
	}
	pthread_mutex_unlock(&c->lock);
	if (was)
		tell(c);
}

int64_t
clock_next(struct clock *c)
{
	int64_t at = CLOCK_NEVER;

	pthread_mutex_lock(&c->lock);
	if (c->first)
		at = c->first->at;
	if (c->paused && at > clock_now(c))
		at = CLOCK_NEVER;
	pthread_mutex_unlock(&c->lock);
	return at;
}

void
clock_on_earlier(struct clock *c, void (*earlier)(void *to), void *to)
{
	pthread_mutex_lock(&c->lock);
	c->earlier = earlier;
	c->earlier_to = to;
	pthread_mutex_unlock(&c->lock);
}

static void
unlink_timer(struct timer *t)
{
	if (!t->link)
		return;
	*t->link = t->next;
	if (t->next)
		t->next->link = t->link;
	t->link = NULL;
	t->next = NULL;
	t->at = CLOCK_NEVER;
}

static void
link_timer(struct clock *c, struct timer *t, int64_t at)
{
	struct timer **p = &c->first;

	while (*p && (*p)->at <= at)
		p = &(*p)->next;
	t->at = at;
	t->next = *p;
	t->link = p;
	if (t->next)
		t->next->link = &t->next;
	*p = t;
}

/*
 * Fire t, seen first in the queue with its time up at `by`. The lock order is
 * the device's, then ours: by the time that we hold both, the device may have
 * changed its mind.
 */
static void
fire(struct clock *c, struct timer *t, pthread_mutex_t *lock, int64_t by)
{
	bool due;

	if (lock)
		pthread_mutex_lock(lock);
	pthread_mutex_lock(&c->lock);
	due = t->link && t->at <= by;
	if (due)
		unlink_timer(t);
	pthread_mutex_unlock(&c->lock);
	if (due)
		t->fire(t->to);
	if (lock)
		pthread_mutex_unlock(lock);
}

void
clock_expire(struct clock *c)
{
	int64_t now = clock_now(c);
	struct timer *t;
	pthread_mutex_t *lock;
	unsigned turns = 0;

	pthread_mutex_lock(&c->lock);
	for (t = c->first; t && t->at <= now; t = t->next)
		turns++;
	while (turns-- && (t = c->first) && t->at <= now) {
		lock = t->lock;
		pthread_mutex_unlock(&c->lock);
		fire(c, t, lock, now);
		pthread_mutex_lock(&c->lock);
	}
	pthread_mutex_unlock(&c->lock);
}

void
clock_advance(struct clock *c, int64_t ns)
{
	struct timer *t;
	pthread_mutex_t *lock;
	int64_t to, step;

	pthread_mutex_lock(&c->lock);
	to = atomic_load(&c->held) + (c->paused ? 0 : ns);
	if (c->paused)
		c->real += ns;
	while ((t = c->first) && t->at <= to) {
		step = t->at - atomic_load(&c->held);
		if (step > 0) {
			atomic_store(&c->held, t->at);
			c->real += step;
		}
		step = t->at;
		lock = t->lock;
		pthread_mutex_unlock(&c->lock);
		fire(c, t, lock, step);
		pthread_mutex_lock(&c->lock);
	}
	c->real += to - atomic_load(&c->held);
	atomic_store(&c->held, to);
	pthread_mutex_unlock(&c->lock);
}

void
timer_init(struct timer *t, struct clock *c, pthread_mutex_t *lock,
	void (*fn)(void *to), void *to)
{
	*t = (struct timer){
		.clock = c,
		.lock = lock,
		.fire = fn,
		.to = to,
		.at = CLOCK_NEVER,
	};
}

void
timer_arm(struct timer *t, int64_t at)
{
	struct clock *c = t->clock;
	int64_t now = clock_now(c), before;
	bool earlier;

	/* What is late queues behind what is due: nobody can starve others. */
	if (at < now)
		at = now;
	pthread_mutex_lock(&c->lock);
	before = c->first ? c->first->at : CLOCK_NEVER;
	unlink_timer(t);
	if (at != CLOCK_NEVER)
		link_timer(c, t, at);
	earlier = c->first && c->first->at < before;
	pthread_mutex_unlock(&c->lock);
	if (earlier)
		tell(c);
}

void
timer_disarm(struct timer *t)
{
	pthread_mutex_lock(&t->clock->lock);
	unlink_timer(t);
	pthread_mutex_unlock(&t->clock->lock);
}
