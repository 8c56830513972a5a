/* SPDX-License-Identifier: MIT */
/*
 * A pool of worker threads. Who is idle waits on a condition of its own, and
 * the one that became idle last is woken first: one request at a time finds the
 * same thread, its stack and the core's caches warm.
 *
 * One is woken at a time: it wakes the next when it finds more than it takes.
 * Many short jobs that come together are done before a second thread is there,
 * and long ones still have all threads soon.
 */
#include "lib/workers.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/err.h"

struct worker {
	struct workers *pool;
	pthread_t id;
	pthread_cond_t wake;
	bool woken;
	struct worker *next; /* idle */
};

struct workers {
	pthread_mutex_t lock;
	pthread_cond_t begun_all;
	struct work *first, **last;
	struct worker *idle;
	bool waking; /* one that is on its way to a job */
	unsigned n, started, begun;
	bool quit;
	int (*begins)(void *to);
	void *begins_to;
	int err; /* what begins() said, and its sentence */
	char why[160];
	struct worker worker[];
};

int
workers_new(struct workers **out, unsigned n)
{
	struct workers *w = calloc(1, sizeof(*w) + n * sizeof(w->worker[0]));

	if (!w)
		return fail(-ENOMEM, "workers");
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->begun_all, NULL);
	w->last = &w->first;
	w->n = n;
	for (unsigned i = 0; i < n; i++) {
		w->worker[i].pool = w;
		pthread_cond_init(&w->worker[i].wake, NULL);
	}
	*out = w;
	return 0;
}

static struct work *
take(struct workers *w)
{
	struct work *j = w->first;

	if (!j)
		return NULL;
	w->first = j->next;
	if (!w->first)
		w->last = &w->first;
	j->next = NULL;
	return j;
}

/* Who is to be woken for what waits; NULL: nobody is needed, or there. */
static struct worker *
call_one(struct workers *w)
{
	struct worker *one = w->idle;

	if (!w->first || !one || w->waking)
		return NULL;
	w->idle = one->next;
	w->waking = one->woken = true;
	return one;
}

static void
sleep_until_woken(struct workers *w, struct worker *self)
{
	self->woken = false;
	self->next = w->idle;
	w->idle = self;
	while (!self->woken)
		pthread_cond_wait(&self->wake, &w->lock);
	w->waking = false;
}

/* Until there is a job, or no more will come. */
static struct work *
next_job(struct workers *w, struct worker *self)
{
	struct worker *one;
	struct work *j;

	while (!(j = take(w)) && !w->quit)
		sleep_until_woken(w, self);
	one = call_one(w);
	if (one)
		pthread_cond_signal(&one->wake);
	return j;
}

static void *
work(void *arg)
{
	struct worker *self = arg;
	struct workers *w = self->pool;
	int err = w->begins ? w->begins(w->begins_to) : 0;
	struct work *j;

	pthread_mutex_lock(&w->lock);
	if (err && !w->err) {
		w->err = err;
		snprintf(w->why, sizeof(w->why), "%s", fail_text());
	}
	w->begun++;
	pthread_cond_signal(&w->begun_all);
	while (!err && (j = next_job(w, self))) {
		pthread_mutex_unlock(&w->lock);
		j->run(j->to);
		pthread_mutex_lock(&w->lock);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* No signal is theirs, but those that a thread brings upon itself: a write
 * beyond a limit (SIGXFSZ) fails, and does not kill. */
static void
only_faults(sigset_t *set)
{
	static const int faults[] = {
		SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS, SIGABRT};

	sigfillset(set);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		sigdelset(set, faults[i]);
}

int
workers_start(struct workers *w, int (*begins)(void *to), void *to)
{
	sigset_t set, old;
	int e = 0;

	w->begins = begins;
	w->begins_to = to;
	only_faults(&set);
	pthread_sigmask(SIG_BLOCK, &set, &old);
	while (w->started < w->n && !e) {
		struct worker *one = &w->worker[w->started];

		e = pthread_create(&one->id, NULL, work, one);
		w->started += !e;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_mutex_lock(&w->lock);
	while (w->begun < w->started)
		pthread_cond_wait(&w->begun_all, &w->lock);
	pthread_mutex_unlock(&w->lock);
	if (e)
		return fail(-e, "workers: thread");
	return w->err ? failx(w->err, "%s", w->why) : 0;
}

void
workers_give(struct workers *w, struct work *j)
{
	struct worker *one;

	pthread_mutex_lock(&w->lock);
	j->next = NULL;
	*w->last = j;
	w->last = &j->next;
	one = call_one(w);
	pthread_mutex_unlock(&w->lock);
	/* Behind the lock, or it would wake only to wait for that. */
	if (one)
		pthread_cond_signal(&one->wake);
}

void
workers_run(struct workers *w)
{
	struct work *j;

	pthread_mutex_lock(&w->lock);
	while ((j = take(w))) {
		pthread_mutex_unlock(&w->lock);
		j->run(j->to);
		pthread_mutex_lock(&w->lock);
	}
	pthread_mutex_unlock(&w->lock);
}

void
workers_free(struct workers *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->quit = true;
	for (struct worker *one = w->idle; one; one = one->next) {
		one->woken = true;
		pthread_cond_signal(&one->wake);
	}
	w->idle = NULL;
	pthread_mutex_unlock(&w->lock);
	for (unsigned i = 0; i < w->started; i++)
		pthread_join(w->worker[i].id, NULL);
	workers_run(w); /* nobody was there for it */
	for (unsigned i = 0; i < w->n; i++)
		pthread_cond_destroy(&w->worker[i].wake);
	pthread_cond_destroy(&w->begun_all);
	pthread_mutex_destroy(&w->lock);
	free(w);
}
