/* SPDX-License-Identifier: MIT */
/* A drive's inside: between disk.c, where requests pass, and disk-change.c. */
#ifndef LIB_DISK_INT_H
#define LIB_DISK_INT_H

#include <stdatomic.h>

#include "lib/disk-now.h"
#include "lib/disk-throttle.h"
#include "lib/disk.h"

struct list {
	struct disk_req *first, **last;
	unsigned n;
};

struct disk {
	char *id;
	struct workers *workers;
	struct clock *clock;
	void (*failed)(
		void *to, struct disk *, enum disk_op, int err, bool kept);
	void (*moved)(void *to);
	void *to; /* of both */
	atomic_bool abandoned;
	struct disk_user user;
	struct image *image;
	uint64_t size;
	bool writable;

	pthread_mutex_t lock;
	pthread_cond_t idle;
	unsigned in_flight; /* with the workers */
	bool stopped; /* the medium changes */
	bool draining;
	bool tray_moved;
	enum disk_on_error on_error;
	struct list held, kept;
	struct disk_now now; /* the user's lock */
	struct throttle throttle;
	struct timer timer; /* the first of those held may pass */
	struct disk_stats stats;
};

/* All of these with the disk's lock held. */
struct disk_req *disk_list_take(struct list *);
/* To the workers. */
void disk_give(struct disk *, struct disk_req *);
/* All that were kept, failed (err), or for another try. */
void disk_give_kept(struct disk *, int err);
/* Those held that may pass. */
void disk_release(struct disk *);
/* Nothing is with the workers, within ms (-1: for ever)? */
bool disk_wait_idle(struct disk *, int ms);

/* What is wrong with a request; 0. The user's lock held. */
int disk_examine(const struct disk *, const struct disk_req *);

#endif
