/* SPDX-License-Identifier: MIT */
/* A device at a character back end, for tests: what it got, what it was told.
 */
#ifndef TESTS_CHRDEV_H
#define TESTS_CHRDEV_H

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "lib/chr.h"

struct dev { /* the device's side */
	pthread_mutex_t lock;
	struct chr_user user;
	size_t room, n;
	char got[1 << 17];
	int writable, opened, hungup;
};

static size_t
dev_room(void *to)
{
	return ((struct dev *)to)->room;
}

static void
dev_input(void *to, const uint8_t *p, size_t n)
{
	struct dev *d = to;

	if (n > d->room || pthread_mutex_trylock(&d->lock) == 0)
		abort(); /* too much, or without the lock */
	memcpy(d->got + d->n, p, n);
	d->n += n;
	d->got[d->n] = '\0';
	d->room -= n;
}

static void
dev_writable(void *to)
{
	((struct dev *)to)->writable++;
}

static void
dev_event(void *to, enum chr_event event)
{
	struct dev *d = to;

	d->opened += event == CHR_OPENED;
	d->hungup += event == CHR_HANGUP;
}

static struct dev *
dev_new(struct chr *c)
{
	struct dev *d = calloc(1, sizeof(*d));

	pthread_mutex_init(&d->lock, NULL);
	d->room = 1 << 16;
	d->user = (struct chr_user){
		dev_room, dev_input, dev_writable, dev_event, d, &d->lock};
	chr_attach(c, &d->user);
	return d;
}

#endif
