/* SPDX-License-Identifier: MIT */
/* Clocks and timers: lib/clock.h. */
#include "lib/clock.h"

#include <pthread.h>

#include "tests/tap.h"

struct rec { /* what fired, in order */
	struct clock *clock;
	char order[32];
	unsigned n;
	int64_t at;
	struct timer *disarm;
	struct timer *rearm;
	int64_t every;
};

struct named {
	struct rec *rec;
	char name;
	struct timer t;
};

static void
fired(void *to)
{
	struct named *n = to;
	struct rec *r = n->rec;

	if (r->n < sizeof(r->order) - 1)
		r->order[r->n++] = n->name;
	r->at = clock_now(r->clock);
	if (r->disarm)
		timer_disarm(r->disarm);
	if (r->rearm)
		timer_arm(r->rearm, r->at + r->every);
}

static void
init(struct named *n, struct rec *r, char name)
{
	n->rec = r;
	n->name = name;
	timer_init(&n->t, r->clock, NULL, fired, n);
}

static void
count_call(void *to)
{
	++*(unsigned *)to;
}

static void
test_manual(void)
{
	struct rec r = {.clock = clock_new_manual(1000)};
	struct named a, b, c;

	init(&a, &r, 'a');
	init(&b, &r, 'b');
	init(&c, &r, 'c');
	is_u64((uint64_t)clock_now(r.clock), 0, "a manual clock starts at 0");
	is_u64((uint64_t)clock_real(r.clock), 1000, "real time as told");
	ok(clock_next(r.clock) == CLOCK_NEVER, "nothing is armed");
	timer_arm(&c.t, 30);
	timer_arm(&a.t, 10);
	timer_arm(&b.t, 20);
	is_u64((uint64_t)clock_next(r.clock), 10, "next is the earliest");
	clock_advance(r.clock, 9);
	is_str(r.order, "", "nothing fires before its time");
	clock_advance(r.clock, 16);
	is_str(r.order, "ab", "timers fire in order of time");
	is_u64((uint64_t)r.at, 20, "the clock shows their time as they fire");
	is_u64((uint64_t)clock_now(r.clock), 25, "and ends where it was sent");
	is_u64((uint64_t)clock_real(r.clock), 1025, "real time went along");
	timer_arm(&c.t, 50);
	clock_advance(r.clock, 10);
	is_str(r.order, "ab", "a re-armed timer forgets its old time");
	timer_disarm(&c.t);
	timer_disarm(&c.t);
	clock_advance(r.clock, 100);
	is_str(r.order, "ab", "a disarmed timer does not fire");
	timer_arm(&a.t, 1);
	clock_expire(r.clock);
	is_str(r.order, "aba", "armed in the past: fires at once");
	clock_free(r.clock);
}

static void
test_reactions(void)
{
	struct rec r = {.clock = clock_new_manual(0)};
	struct named a, b;
	unsigned told = 0;

	init(&a, &r, 'a');
	init(&b, &r, 'b');
	timer_arm(&a.t, 10);
	timer_arm(&b.t, 10);
	r.disarm = &b.t;
	clock_advance(r.clock, 10);
	is_str(r.order, "a", "a firing timer can disarm one that is due");
	r.disarm = NULL;
	r.rearm = &a.t;
	r.every = 5;
	timer_arm(&a.t, 15);
	clock_advance(r.clock, 16);
	is_str(r.order, "aaaa", "a periodic timer fires each period");
	r.every = -1000;
	timer_arm(&a.t, 0);
	timer_arm(&b.t, 0);
	clock_expire(r.clock);
	is_str(r.order, "aaaaab", "one that is always late starves nobody");
	timer_disarm(&a.t);
	r.rearm = NULL;
	clock_on_earlier(r.clock, count_call, &told);
	timer_arm(&a.t, 1000);
	is_u64(told, 1, "arming the first timer tells");
	timer_arm(&b.t, 2000);
	is_u64(told, 1, "arming a later one does not");
	timer_arm(&b.t, 500);
	is_u64(told, 2, "arming an earlier one tells");
	clock_free(r.clock);
}

static void
test_pause(void)
{
	struct rec r = {.clock = clock_new_manual(0)};
	struct named a;
	struct clock *c = clock_new();
	int64_t t;
	struct timespec ms = {0, 2000000};

	init(&a, &r, 'a');
	timer_arm(&a.t, 10);
	clock_pause(r.clock);
	clock_advance(r.clock, 50);
	is_u64((uint64_t)clock_now(r.clock), 0, "a paused clock stands");
	is_u64((uint64_t)clock_real(r.clock), 50, "real time does not");
	ok(clock_next(r.clock) == CLOCK_NEVER, "nothing will fall due");
	clock_resume(r.clock);
	clock_advance(r.clock, 10);
	is_str(r.order, "a", "the timer fires after the resume");
	clock_free(r.clock);

	t = clock_now(c);
	ok(t >= 0 && t < NS_PER_S, "a host clock starts at 0");
	nanosleep(&ms, NULL);
	ok(clock_now(c) - t >= 2000000, "and runs with the host");
	clock_pause(c);
	t = clock_now(c);
	nanosleep(&ms, NULL);
	is_u64((uint64_t)clock_now(c), (uint64_t)t, "it stands while paused");
	clock_resume(c);
	ok(clock_now(c) - t < 2000000, "the pause is not in its time");
	ok(clock_real(c) > 1600000000 * NS_PER_S, "real time is the host's");
	clock_free(c);
}

/* A timer under a lock, against a thread that re-arms it under that lock. */
struct race {
	pthread_mutex_t lock;
	struct clock *clock;
	struct timer t;
	bool armed; /* under lock: it may fire */
	bool wrong, stop;
	unsigned fired;
};

static void
race_fire(void *to)
{
	struct race *r = to;

	if (!r->armed)
		r->wrong = true;
	r->armed = false;
	r->fired++;
}

static void *
race_thread(void *to)
{
	struct race *r = to;
	int i;

	for (i = 0; i < 20000; i++) {
		pthread_mutex_lock(&r->lock);
		r->armed = i & 1;
		if (r->armed)
			timer_arm(&r->t, 0);
		else
			timer_disarm(&r->t);
		pthread_mutex_unlock(&r->lock);
	}
	pthread_mutex_lock(&r->lock);
	r->stop = true;
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

static void
test_race(void)
{
	struct race r = {.lock = PTHREAD_MUTEX_INITIALIZER};
	pthread_t thread;
	bool stop = false;

	r.clock = clock_new();
	timer_init(&r.t, r.clock, &r.lock, race_fire, &r);
	pthread_create(&thread, NULL, race_thread, &r);
	while (!stop) {
		clock_expire(r.clock);
		pthread_mutex_lock(&r.lock);
		stop = r.stop;
		pthread_mutex_unlock(&r.lock);
	}
	pthread_join(thread, NULL);
	clock_expire(r.clock);
	ok(!r.wrong, "disarmed under its lock, a timer never fires");
	ok(r.fired > 0 && !r.armed, "armed, it does (%u times)", r.fired);
	clock_free(r.clock);
}

int
main(void)
{
	deadline(20);
	test_manual();
	test_reactions();
	test_pause();
	test_race();
	return done();
}
