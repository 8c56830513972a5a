/* SPDX-License-Identifier: MIT */
/*
 * What changes the disk, each call preceded by a step that a test may take
 * over. A step is asked again before a repetition after EINTR.
 */
#include "lib/calls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* 0, or -1 with errno. */
static int
step(const struct calls *c, const char *call)
{
	int err = c && c->step ? c->step(c->to, call) : 0;

	if (!err)
		return 0;
	errno = -err;
	return -1;
}

int
call_openat(const struct calls *c, int dir, const char *path, int flags,
	mode_t mode)
{
	int fd;

	do {
		fd = -1;
		if (!(flags & (O_CREAT | O_TRUNC)) || step(c, "openat") == 0)
			fd = openat(dir, path, flags, mode);
	} while (fd < 0 && errno == EINTR);
	return fd;
}

int
call_mkdirat(const struct calls *c, int dir, const char *path, mode_t mode)
{
	return step(c, "mkdirat") ? -1 : mkdirat(dir, path, mode);
}

int
call_write(const struct calls *c, int fd, const void *p, size_t n)
{
	const uint8_t *at = p;

	while (n) {
		ssize_t got = step(c, "write") ? -1 : write(fd, at, n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		at += got;
		n -= (size_t)got;
	}
	return 0;
}

int
call_fsync(const struct calls *c, int fd)
{
	int err;

	do
		err = step(c, "fsync") ? -1 : fsync(fd);
	while (err && errno == EINTR);
	return err;
}

int
call_renameat2(const struct calls *c, int from_dir, const char *from,
	int to_dir, const char *to, unsigned flags)
{
	if (step(c, "renameat2"))
		return -1;
	return renameat2(from_dir, from, to_dir, to, flags);
}

int
call_unlinkat(const struct calls *c, int dir, const char *path, int flags)
{
	return step(c, "unlinkat") ? -1 : unlinkat(dir, path, flags);
}

int
call_ftruncate(const struct calls *c, int fd, off_t size)
{
	int err;

	do
		if (step(c, "ftruncate"))
			err = -1;
		else if (c && c->file)
			err = c->file->ftruncate(c->to, fd, size);
		else
			err = ftruncate(fd, size);
	while (err && errno == EINTR);
	return err;
}

ssize_t
call_preadv(const struct calls *c, int fd, const struct iovec *iov, int n,
	off_t off)
{
	if (step(c, "preadv"))
		return -1;
	if (c && c->file)
		return c->file->preadv(c->to, fd, iov, n, off);
	return preadv(fd, iov, n, off);
}

ssize_t
call_pwritev(const struct calls *c, int fd, const struct iovec *iov, int n,
	off_t off)
{
	if (step(c, "pwritev"))
		return -1;
	if (c && c->file)
		return c->file->pwritev(c->to, fd, iov, n, off);
	return pwritev(fd, iov, n, off);
}

int
call_fdatasync(const struct calls *c, int fd)
{
	if (step(c, "fdatasync"))
		return -1;
	return c && c->file ? c->file->fdatasync(c->to, fd) : fdatasync(fd);
}

int
call_fallocate(const struct calls *c, int fd, int mode, off_t off, off_t len)
{
	if (step(c, "fallocate"))
		return -1;
	if (c && c->file)
		return c->file->fallocate(c->to, fd, mode, off, len);
	return fallocate(fd, mode, off, len);
}

int
call_fchmod(const struct calls *c, int fd, mode_t mode)
{
	char path[32];

	if (step(c, "fchmod"))
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return chmod(path, mode);
}
