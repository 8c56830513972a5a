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

struct dev *virtio_rng_new(struct mem *, struct clock *);

#endif
