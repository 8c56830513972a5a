/* SPDX-License-Identifier: MIT */
/*
 * A drive: see disk.h. A request is in one of four places: with the workers
 * (counted, for who waits until there are none), held by the throttle or while
 * the medium changes, kept after a failure, or back with its user.
 *
 * Locks: the user's, then ours. The image is replaced with the user's lock held
 * and nothing in flight, so users read it under theirs and workers under none.
 */
#include "lib/disk.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/disk-int.h"
#include "lib/err.h"

static void
list_clear(struct list *l)
{
	l->first = NULL;
	l->last = &l->first;
	l->n = 0;
}

static void
list_add(struct list *l, struct disk_req *q)
{
	q->next = NULL;
	*l->last = q;
	l->last = &q->next;
	l->n++;
}

struct disk_req *
disk_list_take(struct list *l)
{
	struct disk_req *q = l->first;

	if (!q)
		return NULL;
	l->n--;
	l->first = q->next;
	if (!l->first)
		l->last = &l->first;
	return q;
}

/* ---- in a worker ---- */

static int
perform(struct disk *d, const struct disk_req *q)
{
	if (q->err)
		return q->err;
	switch (q->op) {
	case DISK_READ:
		return image_readv(d->image, q->off, q->iov, q->iovs);
	case DISK_WRITE:
		return image_writev(d->image, q->off, q->iov, q->iovs);
	case DISK_FLUSH:
		return d->writable ? image_flush(d->image) : 0;
	case DISK_DISCARD:
		return image_discard(d->image, q->off, q->len);
	case DISK_ZERO:
		return image_zero(d->image, q->off, q->len, q->unmap);
	}
	return -EINVAL;
}

/* Ours locked. */
static void
count(struct disk *d, const struct disk_req *q, int err)
{
	struct disk_stats *s = &d->stats;

	s->failed += err != 0;
	if (err)
		return;
	switch (q->op) {
	case DISK_READ:
		s->reads++;
		s->read_bytes += q->len;
		break;
	case DISK_WRITE:
	case DISK_ZERO:
		s->writes++;
		s->written_bytes += q->len;
		break;
	case DISK_FLUSH:
		s->flushes++;
		break;
	case DISK_DISCARD:
		s->discards++;
		break;
	}
}

static void
leave(struct disk *d)
{
	if (--d->in_flight == 0)
		pthread_cond_broadcast(&d->idle);
}

static bool
abandoned(struct disk *d)
{
	return atomic_load_explicit(&d->abandoned, memory_order_relaxed);
}

static void
run(void *to)
{
	struct disk_req *q = to;
	struct disk *d = q->disk;
	pthread_mutex_t *user = d->user.lock;
	enum disk_op op = q->op;
	int err = abandoned(d) ? -EIO : perform(d, q);
	bool hosts, keep;

	pthread_mutex_lock(&d->lock);
	if (abandoned(d)) { /* nobody waits for it any more */
		leave(d);
		pthread_mutex_unlock(&d->lock);
		return;
	}
	/* What we refuse ourselves will never do, and is not the host's. */
	hosts = err && !q->err;
	count(d, q, err);
	keep = hosts && d->on_error == DISK_PAUSE;
	if (keep)
		list_add(&d->kept, q);
	pthread_mutex_unlock(&d->lock);
	if (hosts && d->failed)
		d->failed(d->to, d, op, err, keep);
	if (!keep) {
		if (user)
			pthread_mutex_lock(user);
		q->done(q, err);
		if (user)
			pthread_mutex_unlock(user);
	}
	pthread_mutex_lock(&d->lock);
	leave(d);
	pthread_mutex_unlock(&d->lock);
}

/* ---- passing requests on; ours locked ---- */

void
disk_give(struct disk *d, struct disk_req *q)
{
	d->in_flight++;
	workers_give(d->workers, &q->work);
}

static bool
limited(const struct disk *d)
{
	return d->throttle.limits.bytes_per_s || d->throttle.limits.reqs_per_s;
}

/* May it pass now? A flush, and what is refused, cost nothing, but keep their
 * place. */
static bool
may_pass(struct disk *d, const struct disk_req *q)
{
	bool data = q->op == DISK_READ || q->op == DISK_WRITE;
	int64_t now, wait;

	if (!limited(d) || q->op == DISK_FLUSH || q->err)
		return true;
	now = clock_now(d->clock);
	wait = throttle_wait(&d->throttle, now);
	if (wait) {
		timer_arm(&d->timer, now + wait);
		return false;
	}
	throttle_take(&d->throttle, now, data ? q->len : 0);
	return true;
}

void
disk_release(struct disk *d)
{
	while (!d->stopped && d->held.first && may_pass(d, d->held.first))
		disk_give(d, disk_list_take(&d->held));
}

/* The timer, with our lock. */
static void
fire(void *to)
{
	disk_release(to);
}

/* What is wrong with it; the user's lock held. */
int
disk_examine(const struct disk *d, const struct disk_req *q)
{
	if (!d->image)
		return -ENOMEDIUM;
	if (q->op == DISK_FLUSH)
		return 0;
	if (q->off > d->size || q->len > d->size - q->off)
		return -EINVAL;
	if (q->op != DISK_READ && !d->writable)
		return -EROFS;
	return 0;
}

void
disk_submit(struct disk *d, struct disk_req *q)
{
	q->disk = d;
	q->work = (struct work){.run = run, .to = q};
	pthread_mutex_lock(&d->lock);
	/* While it is stopped, that is for the next medium to say. */
	q->err = d->stopped ? 0 : disk_examine(d, q);
	if (d->stopped || d->held.first || (d->draining && q->patient) ||
		!may_pass(d, q))
		list_add(&d->held, q);
	else
		disk_give(d, q);
	pthread_mutex_unlock(&d->lock);
}

/* Counted as in flight, so that the medium stays. */
int
disk_try(struct disk *d, const struct disk_req *q)
{
	bool reads = q->op == DISK_READ, now;

	pthread_mutex_lock(&d->lock);
	now = !d->stopped && !d->held.first && !limited(d) &&
	      !disk_examine(d, q) &&
	      (reads || disk_now_may_write(&d->now, d->image));
	d->in_flight += now;
	pthread_mutex_unlock(&d->lock);
	if (!now)
		return -EAGAIN;
	if (reads)
		now = disk_now_read(d->image, q->off, q->iov, q->iovs, q->len);
	else
		now = disk_now_write(
			&d->now, d->image, q->off, q->iov, q->iovs, q->len);
	pthread_mutex_lock(&d->lock);
	if (now)
		count(d, q, 0);
	leave(d);
	pthread_mutex_unlock(&d->lock);
	return now ? 0 : -EAGAIN;
}

unsigned
disk_pending(struct disk *d)
{
	unsigned n;

	pthread_mutex_lock(&d->lock);
	n = d->in_flight + d->held.n + d->kept.n;
	pthread_mutex_unlock(&d->lock);
	return n;
}

/* ---- making it ---- */

int
disk_new(struct disk **out, const struct disk_options *o)
{
	struct disk *d = calloc(1, sizeof(*d));
	pthread_condattr_t attr;

	if (!d || !(d->id = strdup(o->id))) {
		free(d);
		return fail(-ENOMEM, "%s", o->id);
	}
	d->workers = o->workers;
	d->clock = o->clock;
	d->failed = o->failed;
	d->moved = o->moved;
	d->to = o->to;
	d->on_error = o->on_error;
	throttle_set(&d->throttle, &o->limits);
	disk_now_init(&d->now);
	pthread_mutex_init(&d->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&d->idle, &attr);
	pthread_condattr_destroy(&attr);
	list_clear(&d->held);
	list_clear(&d->kept);
	timer_init(&d->timer, d->clock, &d->lock, fire, d);
	*out = d;
	return 0;
}

static bool
busy(struct disk *d)
{
	bool yes;

	pthread_mutex_lock(&d->lock);
	yes = d->in_flight;
	pthread_mutex_unlock(&d->lock);
	return yes;
}

void
disk_free(struct disk *d)
{
	if (!d)
		return;
	disk_reset(d);
	if (!abandoned(d))
		disk_drain(d);
	else if (busy(d))
		return;
	disk_reset(d);
	image_close(d->image);
	pthread_cond_destroy(&d->idle);
	pthread_mutex_destroy(&d->lock);
	free(d->id);
	free(d);
}

const char *
disk_id(const struct disk *d)
{
	return d->id;
}

void
disk_attach(struct disk *d, const struct disk_user *user)
{
	d->user = user ? *user : (struct disk_user){0};
}

uint64_t
disk_size(const struct disk *d)
{
	return d->size;
}

bool
disk_writable(const struct disk *d)
{
	return d->writable;
}

bool
disk_present(const struct disk *d)
{
	return d->image != NULL;
}

struct image *
disk_medium(const struct disk *d)
{
	return d->image;
}

/* ---- the machine's half ---- */

/* Ours locked. ms -1: for ever. */
bool
disk_wait_idle(struct disk *d, int ms)
{
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += ms / 1000;
	end.tv_nsec += ms % 1000 * 1000000L;
	if (end.tv_nsec >= NS_PER_S) {
		end.tv_sec++;
		end.tv_nsec -= NS_PER_S;
	}
	while (d->in_flight)
		if (ms < 0)
			pthread_cond_wait(&d->idle, &d->lock);
		else if (pthread_cond_timedwait(&d->idle, &d->lock, &end))
			break;
	return !d->in_flight;
}

bool
disk_drain_for(struct disk *d, int ms)
{
	bool idle;

	pthread_mutex_lock(&d->lock);
	d->draining = true;
	idle = disk_wait_idle(d, ms);
	d->draining = false;
	if (d->held.first) /* with the clock, which may stand */
		timer_arm(&d->timer, clock_now(d->clock));
	pthread_mutex_unlock(&d->lock);
	return idle;
}

void
disk_drain(struct disk *d)
{
	disk_drain_for(d, -1);
}

void
disk_abandon(struct disk *d)
{
	pthread_mutex_lock(&d->lock);
	atomic_store(&d->abandoned, true);
	pthread_mutex_unlock(&d->lock);
}

bool
disk_draining(struct disk *d)
{
	bool yes;

	pthread_mutex_lock(&d->lock);
	yes = d->draining;
	pthread_mutex_unlock(&d->lock);
	return yes;
}

void
disk_reset(struct disk *d)
{
	timer_disarm(&d->timer);
	pthread_mutex_lock(&d->lock);
	list_clear(&d->held);
	list_clear(&d->kept);
	pthread_mutex_unlock(&d->lock);
}

/* Ours locked. The size may be another one by now. */
void
disk_give_kept(struct disk *d, int err)
{
	struct disk_req *q;

	while ((q = disk_list_take(&d->kept))) {
		q->err = err ? err : disk_examine(d, q);
		disk_give(d, q);
	}
}

void
disk_retry(struct disk *d)
{
	pthread_mutex_lock(&d->lock);
	disk_give_kept(d, 0);
	pthread_mutex_unlock(&d->lock);
}
