/* SPDX-License-Identifier: MIT */
/*
 * Copying a disk, for convert: from an image or standard input to an image or
 * standard output.
 */
#ifndef BIN_DISK_COPY_H
#define BIN_DISK_COPY_H

#include <pthread.h>

#include "bin/disk/disk.h"

enum {
	COPY_RING = 16, /* pieces in memory, of 2 MiB at most */
	COPY_LEAST = 4096 /* zeros that are worth looking for */
};

struct copy_piece {
	uint64_t off, len;
	bool zero; /* all of it, without having been read */
	enum { READING, READY, WRITING, WRITTEN } state;
	char *buf; /* allocated when first needed */
};

struct copy {
	struct image *from; /* NULL: standard input */
	struct image *to; /* NULL: standard output */
	bool fresh; /* what is not written reads as zeros */
	bool compress, seekable, unordered;
	uint64_t size; /* of the disk; UINT64_MAX: until the stream ends */
	size_t step; /* zeros are looked for in steps of that */
	size_t piece;
	struct img_progress progress;

	pthread_mutex_t lock;
	pthread_cond_t moved; /* a place is free, or it is over */
	struct copy_piece ring[COPY_RING];
	unsigned taken, written; /* pieces; those between are in the ring */
	uint64_t next; /* the offset of the piece to be taken */
	uint64_t end; /* up to where all is written */
	bool writing, streaming; /* somebody writes; reads the stream */
	bool over; /* nothing is left to be taken */
	int err;
	char said[512]; /* the sentence of the first failure */
};

/* All of it, by several threads; 0 or -errno with a sentence. What says from
 * where to where is filled in, from "from" to "step", and the lock. */
int img_copy(struct copy *, const struct img_conf *);

#endif
