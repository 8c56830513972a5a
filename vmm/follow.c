/* SPDX-License-Identifier: MIT */
/*
 * Following console.log. The writer renames a file that is full and then makes
 * a new one, so once another file bears the name, the one that we hold is
 * complete: it is read to its end before the next is opened.
 */
#include "vmm/follow.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/err.h"

enum { CHUNK = 64 << 10 };

static const char log_name[] = "console.log", old_name[] = "console.log.1";

/* A file of ours or nothing: no link, no pipe that would have us wait. */
static int
open_log(int dir, const char *name, struct stat *st)
{
	int fd = openat(dir, name,
		O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	if (fstat(fd, st) < 0 || !S_ISREG(st->st_mode)) {
		close(fd);
		return -1;
	}
	return fd;
}

static void
take(struct follow *f, int fd)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = fd;
	f->at = 0;
}

int
follow_open(struct follow *f, int dir, const regex_t *re, int64_t started)
{
	struct stat st;
	int fd;

	*f = (struct follow){.dir = dir, .re = re, .fd = -1};
	f->line = malloc(FOLLOW_LINE_MAX + 1);
	if (!f->line)
		return fail(-ENOMEM, "console");
	fd = open_log(dir, old_name, &st);
	if (fd >= 0 && st.st_mtime > started)
		take(f, fd);
	else if (fd >= 0)
		close(fd);
	return 0;
}

void
follow_close(struct follow *f)
{
	if (!f->line)
		return;
	take(f, -1);
	free(f->line);
	f->line = NULL;
}

static bool
same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Open the file that follows ours; false: ours is the newest. */
static bool
next(struct follow *f)
{
	struct stat ours, st, older;
	int fd = open_log(f->dir, log_name, &st), old;

	if (fd < 0)
		return false;
	if (f->fd < 0) {
		take(f, fd);
		return true;
	}
	if (fstat(f->fd, &ours) < 0 || same(&ours, &st)) {
		close(fd);
		return false;
	}
	/* Rotated twice since: then the older one comes first. */
	old = open_log(f->dir, old_name, &older);
	if (old >= 0 && !same(&ours, &older)) {
		close(fd);
		take(f, old);
		return true;
	}
	if (old >= 0)
		close(old);
	take(f, fd);
	return true;
}

/* Carriage returns at the end are covered, not taken away: the line may go
 * on. */
static bool
matches(struct follow *f)
{
	size_t n = f->used;
	char last;
	bool yes;

	while (n && f->line[n - 1] == '\r')
		n--;
	last = f->line[n];
	f->line[n] = '\0';
	yes = regexec(f->re, f->line, 0, NULL, 0) == 0;
	f->line[n] = last;
	return yes;
}

/* NUL bytes are left out: regexec() would take them for the end. */
static bool
feed(struct follow *f, const char *p, size_t n)
{
	for (; n; p++, n--) {
		bool end = *p == '\n';

		if (!end && *p)
			f->line[f->used++] = *p;
		if (!end && f->used < FOLLOW_LINE_MAX)
			continue;
		if (matches(f))
			return true;
		f->used = 0;
	}
	return false;
}

/* As much as a round may take. 1: a match, 0: read to its end, -EAGAIN. */
static int
read_one(struct follow *f, size_t *room)
{
	char buf[CHUNK];
	struct stat st;
	ssize_t n;

	if (fstat(f->fd, &st) == 0 && st.st_size < f->at)
		f->at = 0; /* somebody cut it */
	do {
		if (!*room)
			return -EAGAIN;
		n = pread(f->fd, buf, sizeof(buf), f->at);
		if (n <= 0)
			return n < 0 && errno == EINTR ? -EAGAIN : 0;
		f->at += n;
		*room -= *room < (size_t)n ? *room : (size_t)n;
	} while (!feed(f, buf, (size_t)n));
	return 1;
}

static bool
newer(const struct follow *f)
{
	struct stat ours, st;

	if (fstatat(f->dir, log_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	return f->fd < 0 || (fstat(f->fd, &ours) == 0 && !same(&ours, &st));
}

/* Whether there is a newer file is asked before ours is read to its end. */
int
follow_read(struct follow *f, bool on)
{
	size_t room = FOLLOW_ROUND;
	int r;

	for (;;) {
		bool on_now = on && newer(f);

		r = f->fd < 0 ? 0 : read_one(f, &room);
		if (r)
			return r;
		if (!on_now || !next(f))
			break;
	}
	return f->used && matches(f) ? 1 : 0;
}
