/* SPDX-License-Identifier: MIT */
/*
 * Character back ends: the host's end of a serial line. A device writes bytes,
 * takes bytes as it has room for them, and is told of breaks and hang-ups.
 *
 * chr_write() may be called from any thread and never blocks: it fills a
 * buffer that the event loop empties. Callbacks come from the event loop with
 * the lock given in struct chr_user held.
 */
#ifndef LIB_CHR_H
#define LIB_CHR_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/loop.h"

struct chr;

enum chr_event { CHR_BREAK, CHR_OPENED, CHR_HANGUP };

struct chr_user { /* the device's half; all members may be NULL */
	size_t (*room)(void *to); /* bytes that input() would take now */
	void (*input)(void *to, const uint8_t *p, size_t n); /* n <= room() */
	void (*writable)(void *to); /* a short chr_write() may go on */
	void (*event)(void *to, enum chr_event);
	void *to;
	pthread_mutex_t *lock;
};

/*
 * Back ends. loop is not owned. Errors are sentences (lib/err.h).
 * spec: "null", "stdio", "file:PATH" (truncated), "file:+PATH" (appended),
 * "pty" , "unix:PATH" (listens, mode 0600; one peer at a time). Output waits
 * for a slow reader, except that a pty which nobody reads loses the oldest.
 */
int chr_open(struct chr **, const char *spec, struct loop *loop);
/* Is that a spec? -EINVAL with a sentence; nothing is opened. */
int chr_check(const char *spec);
/*
 * in or out may be -1; descriptors are not closed by chr_free() and never made
 * non-blocking, since others (the shell) share them. The end of input just
 * stops input; nobody left to read the output is CHR_HANGUP.
 */
int chr_open_fds(struct chr **, int in, int out, struct loop *loop);
/* From the loop's thread, outside callbacks; writes what it can at once. */
void chr_free(struct chr *);

/*
 * Told once, from the loop, in a sentence, when output is being lost (a full
 * disk): the bytes are dropped and the machine goes on.
 */
void chr_on_error(
	struct chr *, void (*fn)(void *to, const char *sentence), void *to);

/* The device's half; replaces the one before. */
void chr_attach(struct chr *, const struct chr_user *user);
/* Returns the number of bytes taken: 0..n. A hung-up peer takes everything. */
size_t chr_write(struct chr *, const void *p, size_t n);
/* The device has room again: offer it what waits. Never calls back at once. */
void chr_poke(struct chr *);
/* Input that the device has not taken yet; in callbacks, input() still counts
 * what it is given. */
size_t chr_waiting(const struct chr *);
/* Drain what the back end still holds, at most timeout_ms. */
void chr_flush(struct chr *, int timeout_ms);
/* Where it can be reached ("/dev/pts/3", a socket path), or NULL. */
const char *chr_where(const struct chr *);
/* A name for it: the spec it was opened from. */
const char *chr_name(const struct chr *);
/* Called on what was read before the device sees it; returns how many of the
 * n bytes (rewritten in place) pass. For the terminal's escape key. */
void chr_filter(
	struct chr *, size_t (*fn)(void *to, uint8_t *p, size_t n), void *to);

/* Called once, in the loop, when no more input will come and the device has
 * taken all; chr_open_fds() only. NULL: not any more. */
void chr_on_end(struct chr *, void (*fn)(void *to), void *to);

/* Called on all that chr_write() took, in the writer's thread. */
void chr_on_output(struct chr *,
	void (*said)(void *to, const uint8_t *p, size_t n), void *to);

/*
 * A back end in memory, for tests: what was written, and what to say. It calls
 * back at once, with the user's lock taken, and keeps no input.
 */
struct chr *chr_new_mem(void);
size_t chr_mem_taken(struct chr *, const uint8_t **p); /* all written so far */
/* Takes at most n bytes more; writable() if a write fell short before. */
void chr_mem_limit(struct chr *, size_t n);
size_t chr_mem_say(struct chr *, const void *p, size_t n); /* taken by device */
void chr_mem_event(struct chr *, enum chr_event);
unsigned chr_mem_pokes(const struct chr *); /* calls of chr_poke() so far */

#endif
