/* SPDX-License-Identifier: MIT */
/*
 * What the character back ends share: a buffer each way and the loop's half of
 * them. Only lib/chr*.c and lib/console*.c include this.
 *
 * The loop's thread does all reading and writing; chr_write() in other threads
 * only fills `out`. The user's lock is taken before chr->lock, never inside.
 */
#ifndef LIB_CHR_IMPL_H
#define LIB_CHR_IMPL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/chr.h"
#include "lib/loop.h"

struct chr_ops {
	/* Instead of the buffers; for back ends that need no loop. */
	size_t (*take)(struct chr *, const void *p, size_t n);
	void (*poke)(struct chr *);
	void (*attached)(struct chr *); /* the user has changed; may be NULL */
	/* Never wait; the number of bytes, or -errno (-EAGAIN: later). */
	ssize_t (*write)(struct chr *, const uint8_t *p, size_t n);
	ssize_t (*read)(struct chr *, uint8_t *p, size_t n); /* 0: the end */
	void (*in_end)(struct chr *); /* input ended; may be NULL */
	void (*hangup)(struct chr *); /* output has nowhere to go */
	void (*stuck)(struct chr *); /* the device waits for us; may be NULL */
	void (*timer)(struct chr *); /* what chr_set_timer() asked for */
	void (*drain)(struct chr *, int timeout_ms); /* written is not read;
						      * with take: all of it */
	void (*free)(struct chr *);
};

struct chr_buf { /* a ring: `used` bytes from `at` on, wrapping */
	uint8_t *p;
	size_t at, used;
};

struct chr {
	const struct chr_ops *ops;
	void *own; /* the back end's */
	struct loop *loop;
	char *name, *where;
	struct chr_user user;
	size_t (*filter)(void *to, uint8_t *p, size_t n);
	void *filter_to;
	void (*error)(void *to, const char *sentence);
	void *error_to;
	void (*said)(void *to, const uint8_t *p, size_t n);
	void *said_to;
	void (*end)(void *to);
	void *end_to;
	bool error_told;

	struct chr_buf in;
	struct watch input, output, timer; /* fd -1: there is none */
	bool keep_reading; /* a terminal: the escape key works, stuck or not */
	bool in_ended;
	struct call deliver, flush;

	pthread_mutex_t lock; /* of the following */
	struct chr_buf out;
	bool writing; /* the start of `out` is being written, unlocked */
	bool fell_short; /* a chr_write() was not taken whole */
	bool gone; /* nobody there: output is taken and dropped */
	bool stalled; /* nobody reads: the oldest output is dropped */
};

/* A chr that watches nothing yet; NULL without memory. */
struct chr *chr_new(
	const char *spec, const struct chr_ops *ops, struct loop *loop);
/* The buffers and what serves them; for chr_new(). */
int chr_init_flow(struct chr *);
/* Read from in, write to out (different descriptors, or -1). */
int chr_watch(struct chr *, int in, int out);
void chr_unwatch(struct chr *);
/* One timer a chr; set by chr_set_timer(), 0 cancels. */
int chr_add_timer(struct chr *);
void chr_set_timer(struct chr *, unsigned ms);
/* Somebody came or went: drop what waits, tell the device. */
void chr_set_gone(struct chr *, bool gone);
/* Output is lost for the reason in fail_text(): say so, once. */
void chr_tell_error(struct chr *);
/* Nobody reads: if the device waits, let it go on, dropping old output. */
void chr_set_stalled(struct chr *);

int chr_open_file(
	struct chr **, const char *spec, const char *path, struct loop *);
int chr_open_pty(struct chr **, const char *spec, struct loop *);
int chr_open_unix(
	struct chr **, const char *spec, const char *path, struct loop *);

#endif
