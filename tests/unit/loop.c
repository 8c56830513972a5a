/* SPDX-License-Identifier: MIT */
/* The event loop: watches, timers, posted calls, signals; alone and raced. */
#include "lib/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "lib/err.h"
#include "tests/tap.h"

static struct loop *loop;

struct probe { /* a watch that counts, and may do something to another */
	struct watch w;
	int calls;
	uint32_t events;
	struct watch *kill;
	struct watch *add;
};

static void
probe_ready(void *to, uint32_t events)
{
	struct probe *p = to;

	p->calls++;
	p->events |= events;
	if (p->kill)
		loop_del(loop, p->kill);
	if (p->add)
		loop_add(loop, p->add);
	p->add = NULL;
}

static struct probe
probe(int fd, uint32_t events)
{
	return (struct probe){.w = {fd, events, probe_ready, NULL}};
}

static void
say(int fd)
{
	if (write(fd, "x", 1) != 1)
		abort();
}

static void
make_pipe(int p[2])
{
	if (pipe2(p, O_CLOEXEC | O_NONBLOCK) < 0)
		abort();
}

static void
close_pipe(const int p[2])
{
	close(p[0]);
	close(p[1]);
}

static void
test_watch(void)
{
	struct probe r, again;
	int p[2];

	make_pipe(p);
	r = probe(p[0], EPOLLIN);
	again = probe(p[0], EPOLLIN);
	r.w.to = &r;
	ok(loop_add(loop, &r.w) == 0, "a pipe can be watched");
	ok(loop_add(loop, &again.w) == -EEXIST, "but not twice");
	loop_once(loop, 0);
	ok(r.calls == 0, "nothing is reported while nothing happens");
	say(p[1]);
	loop_once(loop, 0);
	ok(r.calls == 1 && r.events == EPOLLIN,
		"a byte is reported as EPOLLIN");
	loop_once(loop, 0);
	ok(r.calls == 2, "and again as long as it is there");
	loop_mod(loop, &r.w, 0);
	close(p[1]);
	loop_once(loop, 0);
	ok(r.calls == 2, "with events 0 not even the hang-up is reported");
	loop_mod(loop, &r.w, EPOLLIN);
	loop_once(loop, 0);
	ok(r.calls == 3 && r.events & EPOLLHUP, "with events back, it is");
	loop_del(loop, &r.w);
	loop_once(loop, 0);
	ok(r.calls == 3, "a deleted watch is not called");
	ok(loop_mod(loop, &r.w, EPOLLIN) == -ENOENT,
		"a deleted watch cannot be modified");
	loop_del(loop, &r.w);
	close(p[0]);
	r.w.fd = -1;
	ok(loop_add(loop, &r.w) == -EBADF, "no descriptor, no watch");
	r.w.fd = 1000;
	ok(loop_add(loop, &r.w) == -EBADF && *fail_text(),
		"a closed one is refused, in words");
}

/* Both are ready; whichever comes first deletes the other. */
static void
test_del_in_callback(void)
{
	struct probe a, b, c;
	int p[2], q[2], fd;

	make_pipe(p);
	make_pipe(q);
	a = probe(p[0], EPOLLIN);
	b = probe(q[0], EPOLLIN);
	a.w.to = &a;
	b.w.to = &b;
	a.kill = &b.w;
	b.kill = &a.w;
	loop_add(loop, &a.w);
	loop_add(loop, &b.w);
	say(p[1]);
	say(q[1]);
	loop_once(loop, 0);
	ok(a.calls + b.calls == 1,
		"a watch deleted by a callback is not called in that round");
	loop_del(loop, &a.w);
	loop_del(loop, &b.w);

	a = probe(p[0], EPOLLIN);
	b = probe(q[0], EPOLLIN);
	a.w.to = &a;
	b.w.to = &b;
	a.kill = &a.w;
	loop_add(loop, &a.w);
	loop_once(loop, 0);
	loop_once(loop, 0);
	ok(a.calls == 1, "a callback may delete its own watch");

	/* The other's number is reused between fetching and dispatching. */
	fd = q[0];
	a.kill = &b.w;
	b.kill = &a.w;
	c = probe(fd, EPOLLOUT << 8);
	c.w.to = &c;
	a.add = &c.w;
	loop_add(loop, &a.w);
	loop_add(loop, &b.w);
	loop_once(loop, 0);
	ok(c.calls == 0, "an event fetched for an old watch misses its heir");
	loop_del(loop, &a.w);
	loop_del(loop, &b.w);
	loop_del(loop, &c.w);
	close_pipe(p);
	close_pipe(q);
}

static void
test_file(void)
{
	struct probe f;
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	f = probe(fd, EPOLLIN);
	f.w.to = &f;
	ok(loop_add(loop, &f.w) == 0, "what epoll refuses can be watched");
	loop_once(loop, -1);
	loop_once(loop, -1);
	ok(f.calls == 2 && f.events == EPOLLIN, "it is ready all the time");
	loop_mod(loop, &f.w, 0);
	loop_once(loop, 0);
	ok(f.calls == 2, "unless nobody asks");
	loop_del(loop, &f.w);
	close(fd);
}

/* --- calls --- */

static char order[64];

static void
note_a(void *to)
{
	(void)to;
	strcat(order, "a");
}

static void
note_b(void *to)
{
	(void)to;
	strcat(order, "b");
}

static void
post_again(void *to)
{
	strcat(order, "p");
	loop_post(loop, post_again, to);
}

static void
test_calls(void)
{
	struct call c = {.fn = note_a}, d = {.fn = note_b};
	int n = 0;

	loop_post(loop, note_a, NULL);
	loop_post(loop, note_b, NULL);
	loop_call(loop, &c);
	loop_call(loop, &c);
	loop_call(loop, &d);
	ok(*order == '\0', "a posted call waits for the loop");
	loop_once(loop, -1);
	is_str(order, "abab", "calls run in order, a queued one just once");
	*order = '\0';
	loop_call(loop, &c);
	loop_call(loop, &d);
	loop_uncall(loop, &d);
	loop_call(loop, &c);
	loop_post(loop, note_b, NULL);
	loop_once(loop, 0);
	is_str(order, "ab", "a call taken back is not made");
	*order = '\0';
	loop_post(loop, post_again, NULL);
	loop_once(loop, 0);
	is_str(order, "p", "a call that posts itself does not starve the loop");
	loop_once(loop, 0);
	is_str(order, "pp", "it runs in the next round");
	while (loop_post(loop, note_a, NULL) == 0)
		n++;
	is_u64((unsigned)n, LOOP_POSTS - 1, "the queue is bounded");
	ok(strstr(fail_text(), "too many"), "and says so when full");
}

/* --- timers --- */

struct late {
	struct clock *clock;
	struct loop *loop;
	struct timer t;
	int64_t at, fired;
};

static void
late_fire(void *to)
{
	struct late *l = to;

	l->fired = clock_now(l->clock);
	loop_stop(l->loop);
}

static void *
arm_from_outside(void *to)
{
	struct late *l = to;
	struct timespec ts = {.tv_nsec = 2000000};

	nanosleep(&ts, NULL);
	timer_arm(&l->t, l->at = clock_now(l->clock) + 1000000);
	return NULL;
}

static void
test_timers(void)
{
	struct late l = {0};
	pthread_t t;

	l.clock = clock_new();
	loop_new(&l.loop, l.clock);
	timer_init(&l.t, l.clock, NULL, late_fire, &l);
	timer_arm(&l.t, l.at = clock_now(l.clock) + 3000000);
	loop_run(l.loop);
	ok(l.fired >= l.at, "a timer fires, and not early");
	timer_arm(&l.t, 0);
	l.fired = -1;
	loop_run(l.loop);
	ok(l.fired >= 0, "a timer in the past fires at once");
	l.fired = -1;
	pthread_create(&t, NULL, arm_from_outside, &l);
	loop_run(l.loop);
	pthread_join(t, NULL);
	ok(l.fired >= l.at, "a sleeping loop notices a timer armed elsewhere");
	timer_arm(&l.t, clock_now(l.clock) + 3600 * NS_PER_S);
	loop_once(l.loop, 0);
	l.fired = -1;
	pthread_create(&t, NULL, arm_from_outside, &l);
	loop_run(l.loop);
	pthread_join(t, NULL);
	ok(l.fired >= l.at, "also when it waited for a later one");
	timer_arm(&l.t, clock_now(l.clock) + 1000000);
	timer_disarm(&l.t);
	l.fired = -1;
	loop_once(l.loop, 5);
	ok(l.fired < 0, "a disarmed timer does not fire");
	loop_free(l.loop);
	clock_free(l.clock);
}

/* --- signals --- */

static int caught_sig, caught_count;

static void
caught(void *to, int sig)
{
	(void)to;
	caught_sig = sig;
	caught_count++;
}

static void
test_signals(void)
{
	struct loop *l;
	sigset_t set, now;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGTERM);
	loop_new(&l, NULL);
	ok(loop_signals(l, &set, caught, NULL) == 0, "signals can be watched");
	ok(loop_signals(l, &set, caught, NULL) == -EBUSY, "once per loop");
	kill(getpid(), SIGTERM);
	loop_once(l, -1);
	ok(caught_count == 1 && caught_sig == SIGTERM, "a signal is a call");
	kill(getpid(), SIGTERM);
	kill(getpid(), SIGUSR1);
	loop_once(l, -1);
	ok(caught_count == 3, "two signals are two calls");
	loop_free(l);
	pthread_sigmask(SIG_BLOCK, NULL, &now);
	ok(!sigismember(&now, SIGTERM), "the mask is put back");
}

/* --- threads --- */

enum { THREADS = 4, ROUNDS = 5000 };

static int counted; /* by the loop's thread only */
static atomic_int to_go = THREADS;

static void
count(void *to)
{
	(void)to;
	counted++;
}

static void
one_less(void *to)
{
	(void)to;
	if (atomic_fetch_sub(&to_go, 1) == 1)
		loop_stop(loop);
}

static void *
poster(void *to)
{
	struct call c = {.fn = count};

	(void)to;
	for (int i = 0; i < ROUNDS; i++)
		while (loop_post(loop, count, NULL) < 0)
			sched_yield();
	loop_call(loop, &c);
	while (loop_post(loop, one_less, NULL) < 0)
		sched_yield();
	loop_uncall(loop, &(struct call){0});
	while (atomic_load(&to_go)) /* c lives here */
		sched_yield();
	return NULL;
}

static void *
ping_pong(void *to)
{
	atomic_int *turn = to;

	for (int i = 0; i < ROUNDS; i++) {
		while (atomic_load(turn))
			sched_yield();
		atomic_store(turn, 1);
		loop_post(loop, count, NULL);
	}
	while (atomic_load(turn))
		sched_yield();
	loop_stop(loop);
	return NULL;
}

static void
test_threads(void)
{
	pthread_t t[THREADS];
	atomic_int turn = 0;
	int before = 0;

	for (int i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, poster, NULL);
	loop_run(loop);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	is_u64((unsigned)counted, THREADS * (ROUNDS + 1),
		"no call from another thread is lost");

	counted = 0;
	pthread_create(&t[0], NULL, ping_pong, &turn);
	while (counted < ROUNDS) { /* each wake-up must come, or this hangs */
		loop_once(loop, -1);
		if (counted > before) {
			before = counted;
			atomic_store(&turn, 0);
		}
	}
	loop_run(loop);
	pthread_join(t[0], NULL);
	ok(1, "a sleeping loop never misses a wake-up");
}

int
main(void)
{
	deadline(30);
	if (loop_new(&loop, NULL) < 0)
		return 1;
	test_watch();
	test_del_in_callback();
	test_file();
	loop_stop(loop);
	ok(loop_run(loop) == 0, "a stop before the run ends it at once");
	test_threads();
	test_calls();
	loop_free(loop);
	test_timers();
	test_signals();
	return done();
}
