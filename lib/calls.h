/* SPDX-License-Identifier: MIT */
/*
 * The calls that change what is on disk. All of lib/home goes through these, so
 * that a test can have any one of them fail, or end the process just before it,
 * and then look at what the next command makes of the leftovers.
 *
 * Each returns what its system call does, with errno set. Those that wait are
 * repeated after EINTR, and writes go on after a short one.
 */
#ifndef LIB_CALLS_H
#define LIB_CALLS_H

#include <stddef.h>
#include <sys/types.h>

struct calls {
	/* Called before each; a -errno makes it fail with that and do nothing.
	 * May end the process. NULL: they are what they are. */
	int (*step)(void *to, const char *call);
	void *to;
};

/* c may be NULL. */
int call_openat(const struct calls *c, int dir, const char *path, int flags,
	mode_t mode); /* step only for O_CREAT and O_TRUNC */
int call_mkdirat(const struct calls *c, int dir, const char *path, mode_t mode);
/* All n bytes: 0, or -1. */
int call_write(const struct calls *c, int fd, const void *p, size_t n);
int call_fsync(const struct calls *c, int fd);
int call_renameat2(const struct calls *c, int from_dir, const char *from,
	int to_dir, const char *to, unsigned flags);
int call_unlinkat(const struct calls *c, int dir, const char *path, int flags);
int call_ftruncate(const struct calls *c, int fd, off_t size);
/* Also of an O_PATH descriptor; needs /proc. */
int call_fchmod(const struct calls *c, int fd, mode_t mode);

#endif
