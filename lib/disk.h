/* SPDX-License-Identifier: MIT */
/*
 * A drive, between a device and an image: requests go to a pool of workers and
 * complete there; a throttle holds them back; what the host refuses (a full
 * disk) is reported to the guest, or kept while the machine pauses. The medium
 * can be changed under it.
 *
 * disk_submit() never blocks and never completes a request before it returns;
 * done() is called in another thread with the user's lock held. Requests of one
 * disk run side by side and have no order; a flush covers what was done()
 * before it was submitted.
 */
#ifndef LIB_DISK_H
#define LIB_DISK_H

#include <pthread.h>

#include "lib/clock.h"
#include "lib/image/image.h"
#include "lib/workers.h"

struct disk;

enum { DISK_PATIENCE = 5000 }; /* ms: how long the host may take to answer */

enum disk_op { DISK_READ, DISK_WRITE, DISK_FLUSH, DISK_DISCARD, DISK_ZERO };

struct disk_req { /* the user's memory; in use until done() */
	enum disk_op op;
	bool unmap; /* DISK_ZERO */
	bool patient; /* while the disk is drained it is kept back: one of many
		       * that its user has to make one by one */
	uint64_t off, len; /* bytes; READ and WRITE: len is iov's */
	const struct iovec *iov; /* guest memory; stays valid until done() */
	unsigned iovs;
	/* 0 or -errno; it may submit this one again. */
	void (*done)(struct disk_req *, int err);
	/* the disk's own */
	struct disk *disk;
	struct work work;
	struct disk_req *next;
	int err;
};

struct disk_user { /* the device's half */
	pthread_mutex_t *lock; /* held around done() and the calls below */
	/* Another medium is in (or none), or the size changed; may be NULL. */
	void (*changed)(void *to);
	/* May the medium go? NULL: always. False: it is locked in; the device
	 * tells its guest that somebody asks. */
	bool (*eject)(void *to, bool force);
	/* DISK_TRAY_... bits; NULL: it has no tray. */
	unsigned (*tray)(void *to);
	void *to;
};

enum { DISK_TRAY_OPEN = 1, DISK_TRAY_LOCKED = 2 };

enum disk_on_error { DISK_REPORT, DISK_PAUSE };

struct disk_limits { /* 0: none */
	uint64_t bytes_per_s, reqs_per_s;
};

struct disk_stats {
	uint64_t reads, writes, flushes, discards, read_bytes, written_bytes;
	uint64_t failed, waiting; /* waiting: for the machine to go on */
};

struct disk_options {
	const char *id; /* "disk0"; copied */
	struct workers *workers;
	struct clock *clock; /* for the throttle */
	enum disk_on_error on_error;
	struct disk_limits limits;
	/* The host refused a request with err; any thread. kept (on_error
	 * PAUSE): it waits for the machine to go on, else the guest hears. */
	void (*failed)(
		void *to, struct disk *, enum disk_op, int err, bool kept);
	/* The guest moved a tray: disk_tray_moved() says which; any thread, the
	 * user's lock held. May be NULL, as failed may. */
	void (*moved)(void *to);
	void *to;
};

int disk_new(struct disk **, const struct disk_options *);
/* Nobody submits any more: what is in flight is waited for, what is held or
 * kept forgotten, the medium closed. NULL is fine. */
void disk_free(struct disk *);
const char *disk_id(const struct disk *);
/* Copied; NULL: nobody. Nothing is in flight. */
void disk_attach(struct disk *, const struct disk_user *);

/* Any thread, the user's lock held. No medium: -ENOMEDIUM from done(). Out of
 * the disk: -EINVAL; a write to what is read-only: -EROFS. These are never
 * kept. */
void disk_submit(struct disk *, struct disk_req *);
/* A short read or write that is the host's memory's alone (disk-now.h), made at
 * once. The user's lock held. 0: done() is not called; -EAGAIN: disk_submit()
 * it. */
int disk_try(struct disk *, const struct disk_req *);
/* Requests of which done() will still be called, or is being called; 0 after
 * disk_reset(). */
unsigned disk_pending(struct disk *);
/* Somebody waits until nothing is in flight: who has more to ask that can wait
 * should, until the machine goes on. */
bool disk_draining(struct disk *);
uint64_t disk_size(const struct disk *); /* 0: no medium */
bool disk_writable(const struct disk *);
bool disk_present(const struct disk *);
/* The guest opened its tray, or closed it. */
void disk_tray_moves(struct disk *);

/* ---- the machine's half: the loop's thread, the user's lock not held ---- */

/* Wait until nothing is in flight, but what waits for the machine to go on
 * and what the throttle holds. vCPUs are parked. */
void disk_drain(struct disk *);
/* The same, but not for longer than that: false, the host does not answer. */
bool disk_drain_for(struct disk *, int ms);
/* Whatever is in flight is given up: done() is not called for it, nor for
 * anything later; but its memory, and the guest's, may still be used, for ever.
 * Then disk_free() leaves what cannot be freed. */
void disk_abandon(struct disk *);
/* Forget what is kept back, by the throttle too: a reset. done() is not called
 * for it. */
void disk_reset(struct disk *);
/* Try again what failed: the machine goes on. */
void disk_retry(struct disk *);
/* Another medium (taken over), or NULL: none. What is in flight is waited for
 * (DISK_PATIENCE ms, then -ETIMEDOUT with a sentence, and nothing is done),
 * what is submitted meanwhile meets the new one; what failed and is kept ends
 * with -EIO. The user hears changed(). -EBUSY with a sentence: eject() said no;
 * nothing is taken over then. */
int disk_set_medium(struct disk *, struct image *, bool force);
int disk_resize(struct disk *, uint64_t size); /* -ETIMEDOUT likewise */
void disk_set_limits(struct disk *, const struct disk_limits *);
void disk_get_limits(struct disk *, struct disk_limits *);
void disk_set_on_error(struct disk *, enum disk_on_error);
void disk_get_stats(struct disk *, struct disk_stats *);
unsigned disk_tray(struct disk *); /* DISK_TRAY_... bits */
/* Since it was last asked, did the guest move it? */
bool disk_tray_moved(struct disk *);
struct image *disk_medium(const struct disk *);

#endif
