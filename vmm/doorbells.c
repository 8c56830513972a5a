/* SPDX-License-Identifier: MIT */
/*
 * Doorbells of virtio devices. They are hung up by the loop's thread, soon
 * after the guest has mapped them, and taken down by whoever moves them, at
 * once: an eventfd never hears what is meant for another device.
 */
#include "vmm/doorbells.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/err.h"

enum { DEVICES = 24 };

struct bell {
	struct watch watch; /* fd -1: not made yet */
	struct device *device;
	unsigned queue;
	bool hung;
};

struct device {
	struct virtio *v; /* NULL: free */
	uint64_t at; /* of BAR 0; 0: nowhere */
	struct bell bell[VIRTQ_COUNT];
};

struct doorbells {
	const struct engine_ops *ops;
	struct engine *engine;
	struct loop *loop;
	struct call hang;
	pthread_mutex_t lock; /* all below; before it: PCI's, a device's */
	bool useless; /* the engine has none */
	struct device device[DEVICES];
};

static struct device *
find(struct doorbells *d, const struct virtio *v)
{
	for (unsigned i = 0; i < DEVICES; i++)
		if (d->device[i].v == v)
			return &d->device[i];
	return NULL;
}

static int
hook(struct doorbells *d, const struct bell *b, bool add)
{
	return d->ops->doorbell(d->engine, b->watch.fd, false,
		b->device->at + virtio_doorbell(b->queue), 0, 0, add);
}

/* ---- the loop's thread ---- */

static void
rung(void *to, uint32_t events)
{
	struct bell *b = to;
	uint64_t n;

	(void)events;
	if (read(b->watch.fd, &n, sizeof(n)) == sizeof(n))
		virtio_kick(b->device->v, b->queue);
}

static int
make(struct doorbells *d, struct bell *b)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), r;

	if (fd < 0)
		return -errno;
	b->watch = (struct watch){fd, EPOLLIN, rung, b};
	r = loop_add(d->loop, &b->watch);
	if (r) {
		close(fd);
		b->watch.fd = -1;
	}
	return r;
}

static void
unmake(struct doorbells *d, struct bell *b)
{
	if (b->watch.fd < 0)
		return;
	loop_del(d->loop, &b->watch);
	close(b->watch.fd);
	b->watch.fd = -1;
}

/* What has no doorbell goes through the bus. */
static void
hang_up(struct doorbells *d, struct bell *b)
{
	int r = 0;

	if (b->watch.fd < 0)
		r = make(d, b);
	if (!r)
		r = hook(d, b, true);
	b->hung = !r;
	if (r == -ENOTSUP) {
		d->useless = true;
		unmake(d, b);
	}
}

static void
hang_all(void *to)
{
	struct doorbells *d = to;
	struct device *e;

	pthread_mutex_lock(&d->lock);
	for (e = d->device; e < d->device + DEVICES; e++)
		for (unsigned n = 0; e->v && e->at && n < e->v->queues; n++)
			if (!e->bell[n].hung && !d->useless)
				hang_up(d, &e->bell[n]);
	pthread_mutex_unlock(&d->lock);
}

void
doorbells_flush(struct doorbells *d)
{
	struct device *e;

	for (e = d->device; e < d->device + DEVICES; e++)
		for (unsigned n = 0; e->v && n < e->v->queues; n++)
			if (e->bell[n].watch.fd >= 0)
				rung(&e->bell[n], 0);
}

/* ---- any thread ---- */

static void
take_down(struct doorbells *d, struct device *e)
{
	for (unsigned n = 0; e->at && n < e->v->queues; n++) {
		if (e->bell[n].hung)
			hook(d, &e->bell[n], false);
		e->bell[n].hung = false;
	}
	e->at = 0;
}

/* A device's place, taken if it has none. */
static struct device *
place(struct doorbells *d, struct virtio *v)
{
	struct device *e = find(d, v);

	if (!e && (e = find(d, NULL)))
		e->v = v;
	return e;
}

void
doorbells_moved(struct doorbells *d, struct virtio *v, uint64_t at, bool on)
{
	struct device *e;

	pthread_mutex_lock(&d->lock);
	e = on && !d->useless ? place(d, v) : find(d, v);
	if (e) {
		take_down(d, e);
		e->at = on ? at : 0;
	}
	pthread_mutex_unlock(&d->lock);
	if (e && on)
		loop_call(d->loop, &d->hang);
}

/* ---- life ---- */

int
doorbells_new(struct doorbells **out, const struct engine_ops *ops,
	struct engine *engine, struct loop *loop)
{
	struct doorbells *d = calloc(1, sizeof(*d));

	if (!d)
		return fail(-ENOMEM, "doorbells");
	d->ops = ops;
	d->engine = engine;
	d->loop = loop;
	d->hang = (struct call){.fn = hang_all, .to = d};
	pthread_mutex_init(&d->lock, NULL);
	for (unsigned i = 0; i < DEVICES; i++)
		for (unsigned n = 0; n < VIRTQ_COUNT; n++) {
			struct bell *b = &d->device[i].bell[n];

			b->watch.fd = -1;
			b->device = &d->device[i];
			b->queue = n;
		}
	*out = d;
	return 0;
}

void
doorbells_remove(struct doorbells *d, struct virtio *v)
{
	struct device *e;

	pthread_mutex_lock(&d->lock);
	e = find(d, v);
	if (e) {
		take_down(d, e);
		for (unsigned n = 0; n < VIRTQ_COUNT; n++)
			unmake(d, &e->bell[n]);
		e->v = NULL;
	}
	pthread_mutex_unlock(&d->lock);
}

void
doorbells_free(struct doorbells *d)
{
	if (!d)
		return;
	loop_uncall(d->loop, &d->hang);
	for (unsigned i = 0; i < DEVICES; i++)
		if (d->device[i].v)
			doorbells_remove(d, d->device[i].v);
	pthread_mutex_destroy(&d->lock);
	free(d);
}
