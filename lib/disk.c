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
#include <stdlib.h>
#include <string.h>

#include "lib/disk-now.h"
#include "lib/disk-throttle.h"
#include "lib/err.h"

struct list {
	struct disk_req *first, **last;
	unsigned n;
};

struct disk {
	char *id;
	struct workers *workers;
	struct clock *clock;
	void (*failed)(
		void *to, struct disk *, enum disk_op, int err, bool kept);
	void *failed_to;
	struct disk_user user;
	struct image *image;
	uint64_t size;
	bool writable;

	pthread_mutex_t lock;
	pthread_cond_t idle;
	unsigned in_flight; /* with the workers */
	bool stopped; /* the medium changes */
	bool draining;
	enum disk_on_error on_error;
	struct list held, kept;
	struct disk_now now; /* the user's lock */
	struct throttle throttle;
	struct timer timer; /* the first of those held may pass */
	struct disk_stats stats;
};

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

static struct disk_req *
list_take(struct list *l)
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

static void
run(void *to)
{
	struct disk_req *q = to;
	struct disk *d = q->disk;
	pthread_mutex_t *user = d->user.lock;
	enum disk_op op = q->op;
	int err = perform(d, q);
	/* What we refuse ourselves will never do, and is not the host's. */
	bool hosts = err && !q->err, keep;

	pthread_mutex_lock(&d->lock);
	count(d, q, err);
	keep = hosts && d->on_error == DISK_PAUSE;
	if (keep)
		list_add(&d->kept, q);
	pthread_mutex_unlock(&d->lock);
	if (hosts && d->failed)
		d->failed(d->failed_to, d, op, err, keep);
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

static void
give(struct disk *d, struct disk_req *q)
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

static void
release(struct disk *d)
{
	while (!d->stopped && d->held.first && may_pass(d, d->held.first))
		give(d, list_take(&d->held));
}

/* The timer, with our lock. */
static void
fire(void *to)
{
	release(to);
}

/* What is wrong with it; the user's lock held. */
static int
examine(const struct disk *d, const struct disk_req *q)
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
	q->err = d->stopped ? 0 : examine(d, q);
	if (d->stopped || d->held.first || (d->draining && q->patient) ||
		!may_pass(d, q))
		list_add(&d->held, q);
	else
		give(d, q);
	pthread_mutex_unlock(&d->lock);
}

/* Counted as in flight, so that the medium stays. */
int
disk_try(struct disk *d, const struct disk_req *q)
{
	bool reads = q->op == DISK_READ, now;

	pthread_mutex_lock(&d->lock);
	now = !d->stopped && !d->held.first && !limited(d) && !examine(d, q) &&
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

	if (!d || !(d->id = strdup(o->id))) {
		free(d);
		return fail(-ENOMEM, "%s", o->id);
	}
	d->workers = o->workers;
	d->clock = o->clock;
	d->failed = o->failed;
	d->failed_to = o->to;
	d->on_error = o->on_error;
	throttle_set(&d->throttle, &o->limits);
	disk_now_init(&d->now);
	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->idle, NULL);
	list_clear(&d->held);
	list_clear(&d->kept);
	timer_init(&d->timer, d->clock, &d->lock, fire, d);
	*out = d;
	return 0;
}

void
disk_free(struct disk *d)
{
	if (!d)
		return;
	disk_reset(d);
	disk_drain(d);
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

/* Ours locked. */
static void
wait_idle(struct disk *d)
{
	while (d->in_flight)
		pthread_cond_wait(&d->idle, &d->lock);
}

void
disk_drain(struct disk *d)
{
	pthread_mutex_lock(&d->lock);
	d->draining = true;
	wait_idle(d);
	d->draining = false;
	if (d->held.first) /* with the clock, which may stand */
		timer_arm(&d->timer, clock_now(d->clock));
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
static void
give_kept(struct disk *d, int err)
{
	struct disk_req *q;

	while ((q = list_take(&d->kept))) {
		q->err = err ? err : examine(d, q);
		give(d, q);
	}
}

void
disk_retry(struct disk *d)
{
	pthread_mutex_lock(&d->lock);
	give_kept(d, 0);
	pthread_mutex_unlock(&d->lock);
}

static void
user_lock(struct disk *d)
{
	if (d->user.lock)
		pthread_mutex_lock(d->user.lock);
}

static void
user_unlock(struct disk *d)
{
	if (d->user.lock)
		pthread_mutex_unlock(d->user.lock);
}

/* What was submitted is done with this medium, and the rest waits. */
static void
stop(struct disk *d)
{
	struct disk_req *q;

	pthread_mutex_lock(&d->lock);
	d->stopped = true;
	while ((q = list_take(&d->held)))
		give(d, q);
	wait_idle(d);
	pthread_mutex_unlock(&d->lock);
}

static void
go_on(struct disk *d)
{
	user_lock(d);
	pthread_mutex_lock(&d->lock);
	d->stopped = false;
	for (struct disk_req *q = d->held.first; q; q = q->next)
		q->err = examine(d, q);
	release(d);
	pthread_mutex_unlock(&d->lock);
	user_unlock(d);
}

unsigned
disk_tray(struct disk *d)
{
	unsigned bits;

	if (!d->user.tray)
		return 0;
	user_lock(d);
	bits = d->user.tray(d->user.to);
	user_unlock(d);
	return bits;
}

static bool
may_eject(struct disk *d, bool force)
{
	bool yes;

	if (!d->user.eject)
		return true;
	user_lock(d);
	yes = d->user.eject(d->user.to, force);
	user_unlock(d);
	return yes || force;
}

int
disk_set_medium(struct disk *d, struct image *image, bool force)
{
	struct image *old;

	if (!may_eject(d, force))
		return failx(-EBUSY, "%s: the guest holds its medium", d->id);
	stop(d);
	user_lock(d);
	old = d->image;
	d->image = image;
	d->size = image ? image_size(image) : 0;
	d->writable = image && image_writable(image);
	if (d->user.changed)
		d->user.changed(d->user.to);
	user_unlock(d);
	image_close(old);
	pthread_mutex_lock(&d->lock);
	give_kept(d, -EIO);
	pthread_mutex_unlock(&d->lock);
	go_on(d);
	return 0;
}

int
disk_resize(struct disk *d, uint64_t size)
{
	int r;

	if (!d->image)
		return failx(-ENOMEDIUM, "%s: no medium", d->id);
	stop(d);
	r = image_resize(d->image, size);
	user_lock(d);
	d->size = image_size(d->image);
	if (!r && d->user.changed)
		d->user.changed(d->user.to);
	user_unlock(d);
	go_on(d);
	return r;
}

void
disk_set_limits(struct disk *d, const struct disk_limits *l)
{
	pthread_mutex_lock(&d->lock);
	throttle_set(&d->throttle, l);
	release(d);
	pthread_mutex_unlock(&d->lock);
}

void
disk_get_limits(struct disk *d, struct disk_limits *l)
{
	pthread_mutex_lock(&d->lock);
	*l = d->throttle.limits;
	pthread_mutex_unlock(&d->lock);
}

void
disk_set_on_error(struct disk *d, enum disk_on_error what)
{
	pthread_mutex_lock(&d->lock);
	d->on_error = what;
	pthread_mutex_unlock(&d->lock);
}

void
disk_get_stats(struct disk *d, struct disk_stats *s)
{
	pthread_mutex_lock(&d->lock);
	*s = d->stats;
	s->waiting = d->kept.n;
	pthread_mutex_unlock(&d->lock);
}
