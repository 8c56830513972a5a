/* SPDX-License-Identifier: MIT */
/*
 * The file under an image: a regular file or a block device. Everything that an
 * image does to its file goes through here, and from here through lib/calls.h,
 * so that a test sees, fails or loses any step of it.
 *
 * All return 0 or -errno with a sentence that names the file, and do the whole
 * of it or fail. Thread-safe.
 */
#ifndef LIB_IMAGE_FILE_H
#define LIB_IMAGE_FILE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/calls.h"
#include "lib/image/iov.h"

struct image_file {
	int fd;
	const char *name; /* for sentences */
	const struct calls *calls;
	bool device; /* a block device: its size is what it is */
	bool unsafe; /* file_sync() does nothing */
	bool may_hang; /* another host's, or process's */
	atomic_bool no_punch, no_zero; /* the file system cannot */
	/* The kernel failed to write back: it has dropped what it could not
	 * write, so no later flush may say that all is there. */
	atomic_bool lost;
	/* One fdatasync() at a time: the kernel tells of what it lost once, so
	 * that of two at the same time one would say that all is well. */
	pthread_mutex_t lock;
	pthread_cond_t synced;
	bool syncing;
	uint64_t sync_begun; /* how many */
	int sync_err; /* of the last one */
};

/* Says what fd is: -EINVAL if neither. fd stays the caller's. */
int file_init(
	struct image_file *, int fd, const char *name, const struct calls *);
int file_size(const struct image_file *, uint64_t *size);

/* What lies behind the end of the file reads as zeros. */
int file_read(struct image_file *, uint64_t off, void *p, size_t n);
int file_readv(
	struct image_file *, uint64_t off, struct iov_at *at, size_t len);
int file_write(struct image_file *, uint64_t off, const void *p, size_t n);
int file_writev(
	struct image_file *, uint64_t off, struct iov_at *at, size_t len);
int file_sync(struct image_file *);
int file_truncate(struct image_file *, uint64_t size);

/* Room is given back where that is possible; *zeros: it reads as zeros now. */
int file_punch(struct image_file *, uint64_t off, uint64_t len, bool *zeros);
/* Reads as zeros and (keep) stays allocated. The file does not grow. */
int file_zero(struct image_file *, uint64_t off, uint64_t len, bool keep);
/* *data: whether there may be something but zeros at off, and how far (*len, at
 * most what it was) that goes. Never fails: what cannot be known is data. */
void file_map(struct image_file *, uint64_t off, uint64_t *len, bool *data);

#endif
