/* SPDX-License-Identifier: MIT */
/*
 * Following console.log as lib/console-log.c writes it. A file whose name has
 * changed is not written any more, so: first see whether the name has changed,
 * then read; no more to read means that the file is done. The files are told
 * apart by inode, which holds while we have them open.
 */
#include "lib/console-follow.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/console.h"
#include "lib/err.h"

enum { TRIES = 10, BLOCK = 4096 };

static bool
same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev;
}

/* Does fd bear that name; or, where it is -1, does nothing? */
static bool
named(int dir, const char *name, int fd)
{
	struct stat a, b;

	if (fstatat(dir, name, &a, AT_SYMLINK_NOFOLLOW) < 0)
		return fd < 0;
	return fd >= 0 && fstat(fd, &b) == 0 && same(&a, &b);
}

/* *fd is -1 where there is no such file. Never waits, for a fifo say. */
static int
open_log(int dir, const char *name, int *fd)
{
	struct stat st;

	*fd = openat(dir, name,
		O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (*fd < 0)
		return errno == ENOENT ? 0
				       : fail(-errno, "%s: cannot open", name);
	if (fstat(*fd, &st) == 0 && S_ISREG(st.st_mode))
		return 0;
	close(*fd);
	*fd = -1;
	return failx(-EINVAL, "%s: not a regular file", name);
}

static void
close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* console.log.1 and console.log, as they were at one moment. */
static int
open_both(int dir, int *fd_1, int *fd)
{
	int err = 0;

	*fd = *fd_1 = -1;
	for (int i = 0; i < TRIES; i++) {
		err = open_log(dir, CONSOLE_LOG_1, fd_1);
		if (!err)
			err = open_log(dir, CONSOLE_LOG, fd);
		if (err)
			break;
		if (named(dir, CONSOLE_LOG_1, *fd_1))
			return 0;
		close_fd(fd);
		close_fd(fd_1);
	}
	close_fd(fd_1);
	return err;
}

/* --- where to begin --- */

struct text { /* the two files as one */
	int fd_1, fd;
	off_t size_1, size; /* of the first, of both */
};

/* Exactly n bytes, or less where a file was truncated. */
static size_t
text_read(const struct text *t, off_t at, char *p, size_t n)
{
	size_t done = 0;

	while (done < n) {
		bool first = at < t->size_1;
		off_t end = first ? t->size_1 : t->size;
		size_t some = n - done;
		ssize_t got;

		if (some > (size_t)(end - at))
			some = (size_t)(end - at);
		got = pread(first ? t->fd_1 : t->fd, p + done, some,
			first ? at : at - t->size_1);
		if (got <= 0)
			break;
		done += (size_t)got;
		at += got;
	}
	return done;
}

/* Where the last `lines` lines begin, not before `from`. */
static off_t
lines_back(const struct text *t, off_t from, int64_t lines)
{
	char buf[BLOCK];
	off_t end = t->size;

	while (end > from) {
		size_t n = end - from < BLOCK ? (size_t)(end - from) : BLOCK;
		off_t at = end - (off_t)n;

		n = text_read(t, at, buf, n);
		while (n--) {
			off_t here = at + (off_t)n;

			if (buf[n] != '\n' || here == t->size - 1)
				continue;
			if (--lines == 0)
				return here + 1;
		}
		end = at;
	}
	return from;
}

/* The beginning of the next line; `at` where there is none. */
static off_t
next_line(const struct text *t, off_t at)
{
	char buf[BLOCK];
	off_t from = at;

	while (at < t->size) {
		size_t n =
			t->size - at < BLOCK ? (size_t)(t->size - at) : BLOCK;
		const char *lf;

		n = text_read(t, at, buf, n);
		lf = memchr(buf, '\n', n);
		if (lf)
			return at + (lf - buf) + 1;
		if (!n)
			break;
		at += (off_t)n;
	}
	return from;
}

static off_t
find_start(const struct text *t, int64_t lines, uint64_t bytes)
{
	off_t from = 0;
	char before;

	if (lines == 0)
		return t->size;
	if (bytes && (uint64_t)t->size > bytes) {
		from = t->size - (off_t)bytes;
		if (text_read(t, from - 1, &before, 1) && before != '\n')
			from = next_line(t, from);
	}
	return lines > 0 ? lines_back(t, from, lines) : from;
}

static off_t
size_of(int fd)
{
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 ? st.st_size : 0;
}

int
console_follow_open(
	struct console_follow *f, int dir, int64_t lines, uint64_t bytes)
{
	struct text t;
	off_t start;
	int err;

	*f = (struct console_follow){.dir = dir, .fd = -1, .next = -1};
	err = open_both(dir, &t.fd_1, &t.fd);
	if (err)
		return err;
	t.size_1 = size_of(t.fd_1);
	t.size = t.size_1 + size_of(t.fd);
	start = find_start(&t, lines, bytes);
	if (t.fd_1 >= 0 && (start < t.size_1 || t.fd < 0)) {
		f->fd = t.fd_1;
		f->next = t.fd;
		f->at = start;
	} else {
		close_fd(&t.fd_1);
		f->fd = t.fd;
		f->at = start - t.size_1;
	}
	return 0;
}

/* --- going on --- */

static bool
is_file(int fd, int other)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && fstat(other, &b) == 0 && same(&a, &b);
}

/* Is there a file after the one that is read? */
static int
look(struct console_follow *f)
{
	int fd_1, fd, err;

	if (f->next >= 0)
		return 0;
	if (f->fd >= 0 && (named(f->dir, CONSOLE_LOG, f->fd) ||
				  named(f->dir, CONSOLE_LOG_OLD, f->fd)))
		return 0;
	err = open_both(f->dir, &fd_1, &fd);
	if (err)
		return err;
	if (fd_1 >= 0 && !(f->fd >= 0 && is_file(fd_1, f->fd))) {
		f->next = fd_1; /* we are more than one file behind */
		close_fd(&fd);
	} else {
		f->next = fd;
		close_fd(&fd_1);
	}
	return 0;
}

ssize_t
console_follow_read(struct console_follow *f, void *p, size_t n)
{
	for (;;) {
		int err = look(f);
		ssize_t got = 0;

		if (err)
			return err;
		if (f->fd >= 0)
			got = pread(f->fd, p, n, f->at);
		if (got < 0)
			return fail(-errno, CONSOLE_LOG ": cannot read");
		f->at += got;
		if (got)
			return got;
		if (f->next >= 0) {
			close_fd(&f->fd);
			f->fd = f->next;
			f->next = -1;
			f->at = 0;
		} else if (f->at > size_of(f->fd)) {
			f->at = 0; /* somebody truncated it */
		} else {
			return 0;
		}
	}
}

uint64_t
console_follow_left(const struct console_follow *f)
{
	off_t left = size_of(f->fd) - f->at;

	return (uint64_t)((left > 0 ? left : 0) + size_of(f->next));
}

void
console_follow_close(struct console_follow *f)
{
	close_fd(&f->fd);
	close_fd(&f->next);
}
