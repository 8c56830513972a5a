/* SPDX-License-Identifier: MIT */
/*
 * What changes about a drive while requests come: its medium, tray, size and
 * limits. See disk.h, and disk.c for the locks.
 */
#include "lib/disk.h"

#include <errno.h>

#include "lib/disk-int.h"
#include "lib/err.h"

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

/* What was submitted is done with this medium, and the rest waits. -ETIMEDOUT:
 * it is not; who goes on then changes nothing. */
static int
stop(struct disk *d)
{
	struct disk_req *q;
	bool idle;

	pthread_mutex_lock(&d->lock);
	d->stopped = true;
	while ((q = disk_list_take(&d->held)))
		disk_give(d, q);
	idle = disk_wait_idle(d, DISK_PATIENCE);
	pthread_mutex_unlock(&d->lock);
	return idle ? 0
		    : failx(-ETIMEDOUT,
			      "%s: the host does not answer what it was asked",
			      d->id);
}

static void
go_on(struct disk *d)
{
	user_lock(d);
	pthread_mutex_lock(&d->lock);
	d->stopped = false;
	for (struct disk_req *q = d->held.first; q; q = q->next)
		q->err = disk_examine(d, q);
	disk_release(d);
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

void
disk_tray_moves(struct disk *d)
{
	pthread_mutex_lock(&d->lock);
	d->tray_moved = true;
	pthread_mutex_unlock(&d->lock);
	if (d->moved)
		d->moved(d->to);
}

bool
disk_tray_moved(struct disk *d)
{
	bool moved;

	pthread_mutex_lock(&d->lock);
	moved = d->tray_moved;
	d->tray_moved = false;
	pthread_mutex_unlock(&d->lock);
	return moved;
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
	int r;

	if (!may_eject(d, force))
		return failx(-EBUSY, "%s: the guest holds its medium", d->id);
	r = stop(d);
	if (r) {
		go_on(d);
		return r;
	}
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
	disk_give_kept(d, -EIO);
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
	r = stop(d);
	if (r) {
		go_on(d);
		return r;
	}
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
	disk_release(d);
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
