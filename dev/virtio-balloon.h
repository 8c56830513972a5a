/* SPDX-License-Identifier: MIT */
/*
 * virtio memory balloon (virtio 1.2, 5.5): pages that the guest gives away go
 * back to the host, and read as zero when it takes them again. Left out: free
 * page hints and reports, page poison.
 */
#ifndef DEV_VIRTIO_BALLOON_H
#define DEV_VIRTIO_BALLOON_H

#include "dev/virtio.h"

struct dev *virtio_balloon_new(struct mem *);

/* These take the lock. How large the guest shall make it, in bytes; and how
 * large it says that it is. */
void virtio_balloon_set(struct dev *, uint64_t bytes);
uint64_t virtio_balloon_size(struct dev *);

enum balloon_stat { /* 5.5.6.3 */
	BALLOON_SWAP_IN,
	BALLOON_SWAP_OUT,
	BALLOON_MAJOR_FAULTS,
	BALLOON_MINOR_FAULTS,
	BALLOON_FREE, /* bytes */
	BALLOON_TOTAL,
	BALLOON_AVAILABLE,
	BALLOON_CACHES,
	BALLOON_STATS
};
/* What the guest said last; UINT64_MAX: nothing. Asks it to say it anew. */
void virtio_balloon_stats(struct dev *, uint64_t stat[BALLOON_STATS]);

#endif
