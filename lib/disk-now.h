/* SPDX-License-Identifier: MIT */
/*
 * Reading and writing what the host has in its memory anyway: no worker need
 * wait for it, and waking one costs more than the copy.
 *
 * A read is one that does not wait, or none: preadv2(2), RWF_NOWAIT. Of a
 * write most file systems cannot tell that before. It goes to the page cache,
 * and takes some microseconds until the cache is full of what is to be written
 * out. So it is timed: after one that took long, the next thousand are left to
 * the workers.
 */
#ifndef LIB_DISK_NOW_H
#define LIB_DISK_NOW_H

#include "lib/image/image.h"

struct disk_now {
	bool writes; /* may be tried at all */
	unsigned leave; /* so many writes to the workers */
};

void disk_now_init(struct disk_now *);
/* True: all len bytes are read. False: it would have to wait, or this image is
 * none where that can be told; nothing is known of the buffers then. */
bool disk_now_read(const struct image *, uint64_t off, const struct iovec *,
	unsigned n, uint64_t len);
/* True: all is written. False: write it again, however much was. At most one
 * at a time: ask first whether it is to be tried. */
bool disk_now_may_write(struct disk_now *, const struct image *);
bool disk_now_write(struct disk_now *, const struct image *, uint64_t off,
	const struct iovec *, unsigned n, uint64_t len);

#endif
