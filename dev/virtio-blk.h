/* SPDX-License-Identifier: MIT */
/*
 * virtio-blk: virtio 1.2, 5.2, over a disk of lib/disk.h. Flush, discard, write
 * zeroes, several queues, the serial number, read-only disks, resizing while it
 * runs. Left out: the cache's mode as a setting (a disk whose driver does not
 * flush is written through), secure erase, lifetime, zones.
 */
#ifndef DEV_VIRTIO_BLK_H
#define DEV_VIRTIO_BLK_H

#include "dev/virtio.h"
#include "lib/disk.h"

enum { VIRTIO_BLK_QUEUES = 16, VIRTIO_BLK_SERIAL = 20 };

struct virtio_blk_options {
	struct disk *disk; /* with its medium; not owned */
	const char *serial; /* up to VIRTIO_BLK_SERIAL bytes of it count */
	unsigned queues; /* 1 to VIRTIO_BLK_QUEUES */
};

/* NULL: no memory. The disk's user from now on; dev_free() leaves the disk,
 * which has nothing in flight by then. */
struct dev *virtio_blk_new(struct mem *, const struct virtio_blk_options *);

#endif
