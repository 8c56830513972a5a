/* SPDX-License-Identifier: MIT */
/*
 * virtio entropy device (virtio 1.2, 5.4): the host's random bytes, at most so
 * many a second that a guest which asks for ever costs little.
 */
#ifndef DEV_VIRTIO_RNG_H
#define DEV_VIRTIO_RNG_H

#include "dev/virtio.h"
#include "lib/clock.h"

enum { RNG_BUDGET = 65536 }; /* bytes each RNG_PERIOD */
#define RNG_PERIOD (NS_PER_S / 16)

/* Random bytes to p, at most n; how many there were: it never waits. */
typedef size_t rng_source(void *p, size_t n);
rng_source rng_host; /* the host's: getrandom(2) */

struct dev *virtio_rng_new(struct mem *, struct clock *, rng_source *);

#endif
