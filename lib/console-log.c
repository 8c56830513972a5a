/* SPDX-License-Identifier: MIT */
/*
 * The console's log: written at its end, rotated at its cap, read by position.
 * Only names inside the machine's directory are touched. What people do to the
 * files meanwhile (truncate, remove) costs them those bytes and no more.
 */
#include "lib/console-int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/err.h"

static int
begin(struct console_log *l)
{
	int flags = O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC;

	l->fd = openat(l->dir, CONSOLE_LOG, flags, 0600);
	if (l->fd < 0 && errno == EEXIST &&
		unlinkat(l->dir, CONSOLE_LOG, 0) == 0)
		l->fd = openat(l->dir, CONSOLE_LOG, flags, 0600);
	if (l->fd < 0)
		return fail(-errno, CONSOLE_LOG ": cannot create");
	l->start = l->end;
	return 0;
}

int
console_log_open(struct console_log *l, int dir, uint64_t cap)
{
	*l = (struct console_log){
		.dir = dir, .fd = -1, .fd_1 = -1, .cap = cap ? cap : 1};
	if (unlinkat(dir, CONSOLE_LOG_1, 0) < 0 && errno != ENOENT)
		return fail(-errno, CONSOLE_LOG_1 ": cannot remove");
	if (renameat(dir, CONSOLE_LOG, dir, CONSOLE_LOG_OLD) < 0 &&
		errno != ENOENT)
		return fail(-errno, CONSOLE_LOG ": cannot rename");
	return begin(l);
}

void
console_log_close(struct console_log *l)
{
	if (l->fd >= 0)
		close(l->fd);
	if (l->fd_1 >= 0)
		close(l->fd_1);
	l->fd = l->fd_1 = -1;
}

static int
rotate(struct console_log *l)
{
	if (renameat(l->dir, CONSOLE_LOG, l->dir, CONSOLE_LOG_1) < 0 &&
		errno != ENOENT)
		return fail(-errno, CONSOLE_LOG ": cannot rename");
	if (l->fd_1 >= 0)
		close(l->fd_1);
	l->fd_1 = l->fd;
	l->start_1 = l->start;
	l->fd = -1;
	return begin(l);
}

static int
make_room(struct console_log *l, size_t n)
{
	if (l->fd < 0) /* it could not be made the last time */
		return begin(l);
	if (l->end > l->start && l->end - l->start + n > l->cap)
		return rotate(l);
	return 0;
}

int
console_log_write(struct console_log *l, const uint8_t *p, size_t n)
{
	while (n) {
		size_t some = n < l->cap ? n : (size_t)l->cap;
		int err = make_room(l, some);
		ssize_t done;

		if (err)
			return err;
		done = write(l->fd, p, some);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return fail(done ? -errno : -EIO,
				CONSOLE_LOG ": cannot write");
		l->end += (size_t)done;
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

ssize_t
console_log_read(const struct console_log *l, uint64_t *at, void *p, size_t n)
{
	bool first = *at >= l->start || l->fd_1 < 0;
	uint64_t start = first ? l->start : l->start_1;
	uint64_t end = first ? l->end : l->start;

	if (*at < start)
		*at = start;
	if (n > end - *at)
		n = (size_t)(end - *at);
	return n ? pread(first ? l->fd : l->fd_1, p, n, (off_t)(*at - start))
		 : 0;
}
