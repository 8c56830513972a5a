/* SPDX-License-Identifier: MIT */
/*
 * Doorbells: where an engine can signal an eventfd for a guest's write, a vCPU
 * that notifies a virtqueue goes on at once, and the loop's thread does what
 * there is to do. Where it cannot, or not yet, the write goes to the device as
 * any other.
 */
#ifndef VMM_DOORBELLS_H
#define VMM_DOORBELLS_H

#include "dev/virtio.h"
#include "lib/loop.h"
#include "vmm/engine.h"

struct doorbells;

/* Nothing is owned; engine outlives it. -ENOMEM. */
int doorbells_new(struct doorbells **, const struct engine_ops *,
	struct engine *, struct loop *);
/* NULL is fine. */
void doorbells_free(struct doorbells *);
/* BAR 0 of a virtio device is at `at`, or is no more. Any thread; the PCI bus's
 * lock may be held. */
void doorbells_moved(struct doorbells *, struct virtio *, uint64_t at, bool on);
/* The loop's thread, vCPUs parked: hear what was rung and not heard yet; forget
 * a device that goes. */
void doorbells_flush(struct doorbells *);
void doorbells_remove(struct doorbells *, struct virtio *);

#endif
