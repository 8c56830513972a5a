/* SPDX-License-Identifier: MIT */
/*
 * virtio input devices (virtio 1.2, 5.8): a keyboard with every key of
 * lib/keys.h and three lights, and a tablet, a pointer that says where it is,
 * with five buttons and a wheel.
 */
#ifndef DEV_VIRTIO_INPUT_H
#define DEV_VIRTIO_INPUT_H

#include "dev/input.h"
#include "dev/virtio.h"

enum {
	VIRTIO_TABLET_MAX = 0x7fff, /* of X and Y; 0 is the least */
	VIRTIO_INPUT_EVENTS = 8 /* at a time */
};

struct virtio_input_event { /* as Linux's evdev has them: EV_..., KEY_... */
	uint16_t type, code;
	int32_t value;
};

struct dev *virtio_keyboard_new(struct mem *, struct input_tell);
struct dev *virtio_tablet_new(struct mem *, struct input_tell);

/* These lock themselves. A driver is there and listens. */
bool virtio_input_driven(struct dev *);
/* What happened at the same time; a report's end is put behind it. All or none;
 * false: the driver has not taken what there is, or there is none. host is told
 * when it is worth trying again. */
bool virtio_input_send(
	struct dev *, const struct virtio_input_event *, unsigned n);
/* The driver has been given all of it; if not, host is told when it was. */
bool virtio_input_given(struct dev *);
unsigned virtio_input_lights(struct dev *); /* INPUT_... */

#endif
