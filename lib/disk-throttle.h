/* SPDX-License-Identifier: MIT */
/*
 * A disk's throttle: a bucket of bytes and one of requests, each as the time at
 * which it will be full again (the generic cell rate algorithm). A tenth of a
 * second's worth may pass at once; a request that is larger passes when the
 * bucket is full, and what follows waits the longer.
 */
#ifndef LIB_DISK_THROTTLE_H
#define LIB_DISK_THROTTLE_H

#include "lib/disk.h"

struct throttle {
	struct disk_limits limits;
	int64_t bytes_at, reqs_at; /* full again, in ns of the disk's clock */
};

/* Other limits; the buckets are full. */
void throttle_set(struct throttle *, const struct disk_limits *);
/* How long the next request has to wait, in ns; 0: it may pass. */
int64_t throttle_wait(const struct throttle *, int64_t now);
/* One passes, of so many bytes. */
void throttle_take(struct throttle *, int64_t now, uint64_t bytes);

#endif
