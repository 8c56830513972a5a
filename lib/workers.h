/* SPDX-License-Identifier: MIT */
/*
 * A pool of threads that do what may block, made once, before confinement; the
 * threads of a machine's disks. Jobs bring their own memory, are begun in the
 * order given, and run side by side.
 */
#ifndef LIB_WORKERS_H
#define LIB_WORKERS_H

#include <stdbool.h>

struct workers;

struct work { /* zeroed before its first use; belongs to the pool until run */
	void (*run)(
		void *to); /* in a worker; may give the pool the job again */
	void *to;
	struct work *next;
};

/* n threads, which first call begins(to) each: what that returns but 0 is
 * returned by workers_start(). No thread exists before. */
int workers_new(struct workers **, unsigned n);
int workers_start(struct workers *, int (*begins)(void *to), void *to);
/* Jobs that were given are run first. NULL is fine. */
void workers_free(struct workers *);
void workers_give(struct workers *, struct work *); /* from any thread */
/* Run what waits, in this thread: a pool of no threads does nothing else. */
void workers_run(struct workers *);

#endif
