/* SPDX-License-Identifier: MIT */
/*
 * virtio console (virtio 1.2, 5.3): named ports over character back ends. Port
 * 0 is kept for a console, which a driver without the multiport feature knows
 * alone; other ports are numbered from 1. Bytes that one side has no room for
 * wait on the other: none are lost, nobody blocks.
 */
#ifndef DEV_VIRTIO_CONSOLE_H
#define DEV_VIRTIO_CONSOLE_H

#include "dev/virtio.h"
#include "lib/chr.h"

enum { CONSOLE_PORTS = 9, CONSOLE_NAME = 64 };

struct virtio_console_port {
	const char *name; /* copied; cut to CONSOLE_NAME - 1 bytes */
	struct chr *chr; /* not owned; NULL: nobody there */
	bool console; /* number 0; one at most */
	bool open; /* somebody is there now; later the back end tells */
};

/* n ports, at most CONSOLE_PORTS, with 0 or not at most CONSOLE_PORTS - 1
 * others. */
struct dev *virtio_console_new(
	struct mem *, const struct virtio_console_port *, unsigned n);

/* The terminal behind the console has this size. Takes the lock. */
void virtio_console_resize(struct dev *, unsigned cols, unsigned rows);

#endif
