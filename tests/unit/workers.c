/* SPDX-License-Identifier: MIT */
/* The pool of workers: what is given is run, once, and nobody is forgotten. */
#include "lib/workers.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "lib/err.h"
#include "tests/tap.h"

enum { JOBS = 4000, THREADS = 4, ROUNDS = 20000 };

static struct count {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned ran, here, most;
	pthread_t last;
	bool go;
} c = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void
run_counts(void *to)
{
	(void)to;
	pthread_mutex_lock(&c.lock);
	c.ran++;
	c.last = pthread_self();
	pthread_cond_broadcast(&c.changed);
	pthread_mutex_unlock(&c.lock);
}

/* By whom the last one was. */
static pthread_t
wait_ran(unsigned n)
{
	pthread_t last;

	pthread_mutex_lock(&c.lock);
	while (c.ran < n)
		pthread_cond_wait(&c.changed, &c.lock);
	last = c.last;
	pthread_mutex_unlock(&c.lock);
	return last;
}

static struct workers *
pool(unsigned n)
{
	struct workers *w;

	if (workers_new(&w, n) || workers_start(w, NULL, NULL))
		exit(1);
	c.ran = c.here = c.most = 0;
	c.go = false;
	return w;
}

static void
test_all_run(void)
{
	static struct work work[JOBS];
	struct workers *w = pool(THREADS);

	for (unsigned n = 0; n < JOBS; n++) {
		work[n].run = run_counts;
		workers_give(w, &work[n]);
	}
	workers_free(w);
	is_u64(c.ran, JOBS, "what was given is run before the pool goes");
}

/* One at a time, each given when the one before is done: no wake-up is lost. */
static void
test_one_by_one(void)
{
	struct work work = {.run = run_counts};
	struct workers *w = pool(THREADS);
	unsigned same = 0;
	pthread_t before, last = c.last;

	for (unsigned n = 0; n < ROUNDS; n++) {
		before = last;
		workers_give(w, &work);
		last = wait_ran(n + 1);
		same += n && pthread_equal(before, last);
	}
	ok(true, "one by one, each is run");
	ok(same > ROUNDS / 2, "mostly by the same thread (%u of %u)", same,
		ROUNDS);
	workers_free(w);
}

static void
run_meets(void *to)
{
	(void)to;
	pthread_mutex_lock(&c.lock);
	if (++c.here > c.most)
		c.most = c.here;
	c.ran++;
	pthread_cond_broadcast(&c.changed);
	while (!c.go)
		pthread_cond_wait(&c.changed, &c.lock);
	c.here--;
	pthread_mutex_unlock(&c.lock);
}

static void
test_side_by_side(void)
{
	struct work work[THREADS + 2] = {{.run = run_meets}};
	struct workers *w = pool(THREADS);

	for (unsigned n = 0; n < THREADS + 2; n++) {
		work[n].run = run_meets;
		workers_give(w, &work[n]);
	}
	wait_ran(THREADS);
	pthread_mutex_lock(&c.lock);
	is_u64(c.here, THREADS, "as many at a time as there are threads");
	c.go = true;
	pthread_cond_broadcast(&c.changed);
	pthread_mutex_unlock(&c.lock);
	wait_ran(THREADS + 2);
	workers_free(w);
	is_u64(c.most, THREADS, "and never more");
}

static struct chain {
	struct work work;
	struct workers *pool;
	unsigned left;
} chain;

static void
run_again(void *to)
{
	struct chain *ch = to;

	if (ch->left-- > 1)
		workers_give(ch->pool, &ch->work);
	else
		run_counts(NULL);
}

static void
test_again(void)
{
	chain.pool = pool(2);
	chain.left = 1000;
	chain.work = (struct work){.run = run_again, .to = &chain};
	workers_give(chain.pool, &chain.work);
	wait_ran(1);
	is_u64(chain.left, 0, "a job may give itself again");
	workers_free(chain.pool);
}

static atomic_uint begun;

static int
begins_badly(void *to)
{
	(void)to;
	return atomic_fetch_add(&begun, 1) == 1 ? failx(-EPERM, "not today")
						: 0;
}

static int
begins(void *to)
{
	sigset_t set;

	(void)to;
	atomic_fetch_add(&begun, 1);
	pthread_sigmask(SIG_SETMASK, NULL, &set);
	return sigismember(&set, SIGTERM) && sigismember(&set, SIGXFSZ) &&
			       !sigismember(&set, SIGSYS)
		       ? 0
		       : -EINVAL;
}

static void
test_begins(void)
{
	struct work work = {.run = run_counts};
	struct workers *w;
	sigset_t set;

	c.ran = 0;
	workers_new(&w, 3);
	workers_give(w, &work);
	is_u64(c.ran, 0, "no thread before the start");
	is_u64((uint64_t)-workers_start(w, begins, NULL), 0,
		"every thread begins with the hook, no signal its own");
	is_u64(begun, 3, "each of them, before the start is over");
	wait_ran(1);
	ok(true, "what was given before is run then");
	workers_free(w);
	pthread_sigmask(SIG_SETMASK, NULL, &set);
	ok(!sigismember(&set, SIGTERM), "the starter's signals are as before");

	begun = 0;
	workers_new(&w, 3);
	is_u64((uint64_t)-workers_start(w, begins_badly, NULL), EPERM,
		"what one of them returns is returned");
	is_str(fail_text(), "not today", "with its sentence");
	workers_free(w);

	c.ran = 0;
	workers_new(&w, 1);
	workers_give(w, &work);
	workers_free(w);
	is_u64(c.ran, 1, "a pool that never started runs its jobs at its end");
	workers_free(NULL);
}

int
main(void)
{
	deadline(60);
	test_all_run();
	test_one_by_one();
	test_side_by_side();
	test_again();
	test_begins();
	return done();
}
