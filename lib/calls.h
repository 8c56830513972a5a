/* SPDX-License-Identifier: MIT */
/*
 * The calls that change what is on disk. All of lib/home goes through these, so
 * that a test can have any one of them fail, or end the process just before it,
 * and then look at what the next command makes of the leftovers. So does the
 * file under a disk image.
 *
 * Each returns what its system call does, with errno set. Those that wait are
 * repeated after EINTR, and writes go on after a short one.
 */
#ifndef LIB_CALLS_H
#define LIB_CALLS_H

#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

/* What an image's file is asked for. A test may put its own calls here, which
 * keep a log, or go on with a file that lives in memory alone. They do what
 * the system calls do, EINTR and short counts included. */
struct calls_file {
	ssize_t (*preadv)(void *to, int fd, const struct iovec *, int n, off_t);
	ssize_t (*pwritev)(
		void *to, int fd, const struct iovec *, int n, off_t);
	int (*fdatasync)(void *to, int fd);
	int (*ftruncate)(void *to, int fd, off_t);
	int (*fallocate)(void *to, int fd, int mode, off_t, off_t len);
};

struct calls {
	/* Called before each; a -errno makes it fail with that and do nothing.
	 * May end the process. NULL: they are what they are. */
	int (*step)(void *to, const char *call);
	void *to;
	const struct calls_file *file; /* NULL: the kernel's */
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
/* Once; these are repeated by lib/image/file.c, which goes on after short ones.
 * call_preadv() has a step, too: reading fails as well. */
ssize_t call_preadv(const struct calls *c, int fd, const struct iovec *iov,
	int n, off_t off);
ssize_t call_pwritev(const struct calls *c, int fd, const struct iovec *iov,
	int n, off_t off);
int call_fdatasync(const struct calls *c, int fd);
int call_fallocate(
	const struct calls *c, int fd, int mode, off_t off, off_t len);
/* Also of an O_PATH descriptor; needs /proc. */
int call_fchmod(const struct calls *c, int fd, mode_t mode);

#endif
