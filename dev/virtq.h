/* SPDX-License-Identifier: MIT */
/*
 * A split virtqueue, virtio 1.2, 2.7, the device's side. Rings and descriptors
 * are copied before they are looked at; a chain is bounded by the queue's size
 * over its direct and indirect parts together, indirect tables go one deep, and
 * buffers lie wholly in RAM. What breaks a rule breaks the device: pop says
 * -EINVAL, and the device stays broken until it is reset.
 *
 * Devices call what virtio.h has of it, which knows of resets, broken devices
 * and bus mastering. All calls with the device's lock held.
 */
#ifndef DEV_VIRTQ_H
#define DEV_VIRTQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "dev/dev.h"
#include "dev/mem.h"

enum {
	VIRTQ_MAX = 1024, /* entries */
	VIRTQ_COUNT = 24, /* queues of a device */
	VIRTQ_NO_VECTOR = 0xffff
};

struct virtq_regs { /* saved: of all queues of a device */
	uint64_t desc[VIRTQ_COUNT], avail[VIRTQ_COUNT], used[VIRTQ_COUNT];
	uint16_t size[VIRTQ_COUNT]; /* a power of two */
	uint16_t vector[VIRTQ_COUNT]; /* MSI-X */
	uint16_t enabled[VIRTQ_COUNT];
	uint16_t last_avail[VIRTQ_COUNT]; /* the next entry to look at */
	uint16_t used_at[VIRTQ_COUNT]; /* the next entry to fill */
	uint16_t signalled[VIRTQ_COUNT]; /* used_at when an interrupt was last
					    thought of */
};

#define VIRTQ_FIELDS(type, regs)                                               \
	FIELDS(type, regs, desc), FIELDS(type, regs, avail),                   \
		FIELDS(type, regs, used), FIELDS(type, regs, size),            \
		FIELDS(type, regs, vector), FIELDS(type, regs, enabled),       \
		FIELDS(type, regs, last_avail), FIELDS(type, regs, used_at),   \
		FIELDS(type, regs, signalled)

struct virtq {
	struct virtq_regs *r;
	unsigned n; /* which of them */
	struct mem *mem;
	uint16_t max; /* what size may be */
	bool event_idx, indirect; /* as negotiated */
	uint64_t busy[VIRTQ_MAX / 64]; /* heads that are in flight */
};

/* A chain: first what the device reads, then what it writes. iov points into
 * guest RAM, which the guest changes at any time: copy, check, use the copy.
 * Buffers of no bytes are left out. */
struct virtq_chain {
	uint16_t head; /* no other chain in flight has the same */
	unsigned outs, ins; /* iov[0..outs) and iov[outs..outs+ins) */
	uint64_t out_len, in_len; /* bytes */
	struct iovec *iov; /* the caller's, room for `room` entries */
	uint64_t *gpa; /* of each; the caller's, likewise */
	unsigned room; /* at least the queue's size */
};

/* As the driver left it, after reset. */
void virtq_reset(struct virtq *);
/* May it be enabled as its registers say? -EINVAL with a sentence. */
int virtq_check(const struct virtq *);
/* Forgets what is in flight; after loading. */
void virtq_forget(struct virtq *);

/* 1: a chain; 0: none there, and the driver will notify of the next one;
 * -EINVAL with a sentence: broken. */
int virtq_pop(struct virtq *, struct virtq_chain *);
/* The last pop did not happen: it will be popped again. */
void virtq_unpop(struct virtq *, uint16_t head);
/* The chain is done, the device wrote so many bytes of it from the front. Once
 * for each that was popped; then ask virtq_interrupt(), once after several. */
void virtq_push(struct virtq *, uint16_t head, uint32_t written);
/* An interrupt is due. */
bool virtq_interrupt(struct virtq *);
/* Popped and not pushed. */
unsigned virtq_in_flight(const struct virtq *);

/* Bytes [at, at+n) of a chain's in part, or out part; how many were copied.
 * copy_in tells mem of what it wrote. */
size_t virtq_copy_out(
	const struct virtq_chain *, uint64_t at, void *to, size_t n);
size_t virtq_copy_in(struct mem *, const struct virtq_chain *, uint64_t at,
	const void *from, size_t n);
/* Memory that was written through iov: the first bytes of the in part. */
void virtq_dirty(struct mem *, const struct virtq_chain *, uint64_t written);

#endif
