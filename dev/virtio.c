/* SPDX-License-Identifier: MIT */
/*
 * The virtio 1.2 core: status, features, queues' life and what breaks a device
 * (2.1, 2.2, 2.4 to 2.7, 3). Resetting single queues, packed rings, in-order
 * and platform access features are not offered.
 */
#include "dev/virtio.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"

#define CORE (VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT | VIRTIO_F_EVENT_IDX)
#define STATUS                                                                 \
	(VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_DRIVER_OK |               \
		VIRTIO_FEATURES_OK | VIRTIO_BROKEN | VIRTIO_FAILED)

enum { ISR_QUEUE = 1, ISR_CONFIG = 2 };
enum { BURST = 256, LATER = 10000 /* ns */ };

static void
clear(struct virtio *v)
{
	struct virtio_regs *r = v->r;
	unsigned n;

	r->guest_features = 0;
	r->feature_sel = r->guest_feature_sel = 0;
	r->config_vector = VIRTQ_NO_VECTOR;
	r->queue_sel = 0;
	r->status = r->isr = r->generation = r->unused = 0;
	memset(&r->queue, 0, sizeof(r->queue));
	memset(v->run, 0, sizeof(v->run));
	v->late = 0;
	for (n = 0; n < v->queues; n++)
		virtq_reset(&v->q[n]);
}

void
virtio_init(struct virtio *v, const struct virtio_ops *ops,
	struct virtio_regs *r, struct mem *m, uint64_t features,
	unsigned queues, const uint16_t *max)
{
	unsigned n;

	dev_init(&v->dev, &ops->dev);
	v->ops = ops;
	v->r = r;
	v->mem = m;
	v->features = features | CORE;
	v->queues = queues;
	v->burst = BURST;
	for (n = 0; n < queues; n++) {
		v->q[n].r = &r->queue;
		v->q[n].n = n;
		v->q[n].mem = m;
		v->q[n].max = max[n];
	}
	virtio_pci_init(v);
	clear(v);
	virtio_pci_reset(v);
}

void
virtio_free(struct dev *d)
{
	struct virtio *v = (struct virtio *)d;

	if (v->again.clock)
		timer_disarm(&v->again);
	pci_remove(&v->pci);
	if (v->ops->free)
		v->ops->free(v);
	else
		free(v);
}

bool
virtio_is(const struct dev *d)
{
	return d->ops->read == virtio_read;
}

/* ---- status ---- */

bool
virtio_running(const struct virtio *v)
{
	return (v->r->status & (VIRTIO_DRIVER_OK | VIRTIO_BROKEN |
				       VIRTIO_FAILED)) == VIRTIO_DRIVER_OK &&
	       !v->resetting;
}

bool
virtio_has(const struct virtio *v, uint64_t feature)
{
	return (v->r->guest_features & feature) == feature;
}

/* True: at once. */
static bool
forget(struct virtio *v)
{
	v->resetting = v->ops->reset && !v->ops->reset(v);
	return !v->resetting;
}

static void
driver_reset(struct virtio *v)
{
	if (!forget(v))
		return;
	clear(v);
	pci_intx(&v->pci, false);
}

void
virtio_is_reset(struct virtio *v)
{
	if (!v->resetting)
		return;
	v->resetting = false;
	clear(v);
	pci_intx(&v->pci, false);
}

/* What a late completion finds is reset already; the driver waits for it. */
void
virtio_reset(struct dev *d)
{
	struct virtio *v = (struct virtio *)d;

	forget(v);
	clear(v);
	virtio_pci_reset(v);
}

static bool
features_ok(struct virtio *v)
{
	uint64_t f = v->r->guest_features;

	return !(f & ~v->features) && (f & VIRTIO_F_VERSION_1);
}

static void
negotiated(struct virtio *v)
{
	unsigned n;

	for (n = 0; n < v->queues; n++) {
		v->q[n].indirect = virtio_has(v, VIRTIO_F_INDIRECT);
		v->q[n].event_idx = virtio_has(v, VIRTIO_F_EVENT_IDX);
	}
}

void
virtio_kicked(struct virtio *v, unsigned n)
{
	if (n >= v->queues || !v->r->queue.enabled[n])
		dev_odd(&v->dev, "queue %u was notified, it is off", n);
	else if (virtio_running(v))
		v->ops->kick(v, n);
}

static void
driver_ok(struct virtio *v)
{
	unsigned n;

	if (v->ops->ready)
		v->ops->ready(v);
	for (n = 0; n < v->queues; n++)
		if (v->r->queue.enabled[n])
			virtio_kicked(v, n);
}

void
virtio_set_status(struct virtio *v, uint8_t status)
{
	uint8_t was = v->r->status, now;

	if (v->resetting)
		return;
	if (!status) {
		driver_reset(v);
		return;
	}
	now = was | (status & STATUS & ~VIRTIO_BROKEN);
	if ((now & ~was & VIRTIO_FEATURES_OK) && !features_ok(v)) {
		dev_odd(&v->dev, "features %#llx of %#llx",
			(unsigned long long)v->r->guest_features,
			(unsigned long long)v->features);
		now &= (uint8_t)~VIRTIO_FEATURES_OK;
	}
	if ((now & VIRTIO_DRIVER_OK) && !(now & VIRTIO_FEATURES_OK)) {
		dev_odd(&v->dev, "DRIVER_OK before FEATURES_OK");
		now &= (uint8_t)~VIRTIO_DRIVER_OK;
	}
	v->r->status = now;
	if (now & ~was & VIRTIO_FEATURES_OK)
		negotiated(v);
	if ((now & ~was & VIRTIO_DRIVER_OK) && virtio_running(v))
		driver_ok(v);
}

void
virtio_enable(struct virtio *v, unsigned n)
{
	if (virtq_check(&v->q[n]))
		virtio_break(v, "%s", fail_text());
	else
		v->r->queue.enabled[n] = 1;
}

void
virtio_break(struct virtio *v, const char *fmt, ...)
{
	char text[120];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	dev_odd(&v->dev, "%s; the device needs a reset", text);
	if (v->r->status & VIRTIO_BROKEN)
		return;
	v->r->status |= VIRTIO_BROKEN;
	if (v->r->status & VIRTIO_DRIVER_OK)
		virtio_interrupt(v, ISR_CONFIG, v->r->config_vector);
}

void
virtio_config_changed(struct virtio *v)
{
	v->r->generation++;
	if (virtio_running(v))
		virtio_interrupt(v, ISR_CONFIG, v->r->config_vector);
}

/* ---- queues ---- */

static void
again(void *to)
{
	struct virtio *v = to;
	uint32_t late = v->late;

	v->late = 0;
	for (unsigned n = 0; n < v->queues; n++)
		if ((late >> n & 1) && virtio_running(v) &&
			v->r->queue.enabled[n])
			v->ops->kick(v, n);
}

void
virtio_pace(struct virtio *v, struct clock *clock)
{
	timer_init(&v->again, clock, &v->dev.lock, again, v);
}

bool
virtio_later(struct virtio *v, unsigned n)
{
	if (!v->again.clock)
		return false;
	v->run[n] = 0;
	v->late |= 1u << n;
	timer_arm(&v->again, clock_now(v->again.clock) + LATER);
	return true;
}

/* Whoever asks has asked for too many at a time. */
static bool
enough(struct virtio *v, unsigned n)
{
	return v->run[n] >= v->burst && virtio_later(v, n);
}

bool
virtio_pop(struct virtio *v, unsigned n, struct virtq_chain *c)
{
	int r;

	if (n >= v->queues || !v->r->queue.enabled[n] || !virtio_running(v) ||
		!pci_master(&v->pci) || enough(v, n))
		return false;
	r = virtq_pop(&v->q[n], c);
	v->run[n] = r <= 0 || v->run[n] == UINT16_MAX
			    ? 0
			    : (uint16_t)(v->run[n] + 1);
	if (r < 0)
		virtio_break(v, "%s", fail_text());
	return r > 0;
}

void
virtio_unpop(struct virtio *v, unsigned n, uint16_t head)
{
	if (!virtio_running(v))
		return;
	virtq_unpop(&v->q[n], head);
	v->run[n] = 0; /* who puts it back comes to an end */
}

void
virtio_push(struct virtio *v, unsigned n, uint16_t head, uint32_t written)
{
	if (!virtio_running(v))
		return;
	if (pci_master(&v->pci))
		virtq_push(&v->q[n], head, written);
	else
		virtio_break(v, "queue %u: off the bus with a request", n);
}

void
virtio_signal(struct virtio *v, unsigned n)
{
	if (virtio_running(v) && pci_master(&v->pci) &&
		virtq_interrupt(&v->q[n]))
		virtio_interrupt(v, ISR_QUEUE, v->r->queue.vector[n]);
}

void
virtio_kick(struct virtio *v, unsigned n)
{
	dev_lock(&v->dev);
	virtio_kicked(v, n);
	dev_unlock(&v->dev);
}

/* ---- saved state ---- */

void
virtio_saving(struct dev *d)
{
	struct virtio *v = (struct virtio *)d;

	if (v->ops->saving)
		v->ops->saving(v);
}

static bool
vector_good(const struct virtio *v, uint16_t vector)
{
	return vector == VIRTQ_NO_VECTOR || vector < v->pci.vectors;
}

static bool
status_good(struct virtio *v)
{
	uint8_t s = v->r->status;

	return !(s & ~STATUS) &&
	       (!(s & VIRTIO_DRIVER_OK) || (s & VIRTIO_FEATURES_OK)) &&
	       (!(s & VIRTIO_FEATURES_OK) || features_ok(v));
}

static int
queue_good(struct virtio *v, unsigned n)
{
	const struct virtq_regs *r = &v->r->queue;
	unsigned size = r->size[n];

	if (n >= v->queues)
		return r->size[n] || r->enabled[n] || r->vector[n] ? -EINVAL
								   : 0;
	if (r->enabled[n] > 1 || !vector_good(v, r->vector[n]) ||
		size > v->q[n].max || !size || (size & (size - 1)) ||
		virtq_in_flight(&v->q[n]) > size)
		return -EINVAL;
	if (r->enabled[n] && virtq_check(&v->q[n]))
		return -EINVAL;
	/* What was asked for and not done is not part of the state. */
	return virtio_running(v) && virtq_in_flight(&v->q[n]) ? -EINVAL : 0;
}

static int
core_loaded(struct virtio *v)
{
	struct virtio_regs *r = v->r;
	unsigned n;

	if (!status_good(v) || !vector_good(v, r->config_vector) ||
		r->isr & ~(ISR_QUEUE | ISR_CONFIG) || r->unused)
		return failx(-EINVAL, "%s: bad state", v->dev.id);
	for (n = 0; n < VIRTQ_COUNT; n++)
		if (queue_good(v, n))
			return failx(-EINVAL, "%s: bad state of queue %u",
				v->dev.id, n);
	if (r->status & VIRTIO_FEATURES_OK)
		negotiated(v);
	return 0;
}

int
virtio_loaded(struct dev *d)
{
	struct virtio *v = (struct virtio *)d;
	int err;

	if ((err = core_loaded(v)) || (err = pci_loaded(&v->pci)))
		return err;
	for (unsigned n = 0; n < v->queues; n++)
		virtio_later(v, n); /* what was late is not in the state */
	return v->ops->loaded ? v->ops->loaded(v) : 0;
}
