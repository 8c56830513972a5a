/* SPDX-License-Identifier: MIT */
/*
 * A file in memory that keeps a log of what was done to it, and is made anew as
 * a crash may have left it: all that came before the last flush is there, and
 * of what came after that any part, torn where sectors meet.
 */
#ifndef TESTS_UNIT_IMAGE_LOG_H
#define TESTS_UNIT_IMAGE_LOG_H

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>

#include "lib/calls.h"
#include "tests/tap.h"

enum step_kind { STEP_WRITE, STEP_SIZE, STEP_PUNCH, STEP_SYNC };

struct step {
	enum step_kind kind;
	uint64_t time, off, len;
	unsigned char *data;
};

struct disk_log {
	pthread_mutex_t lock;
	struct step *step;
	size_t n, room;
	uint64_t time; /* ticks with every step, and every request */
	bool threads; /* others may come in between */
	/* Faults: the call number fail_at (counted from 1) fails once. */
	unsigned calls, fail_at;
	int fail_err;
	bool fail_on; /* and all that follow */
};

/* A file's content, for making crashes. */
struct content {
	unsigned char *p;
	uint64_t size, room;
};

__attribute__((unused)) static void *
must(void *p)
{
	if (!p)
		exit(1);
	return p;
}

static inline uint64_t
log_tick(struct disk_log *l)
{
	uint64_t t;

	pthread_mutex_lock(&l->lock);
	t = ++l->time;
	pthread_mutex_unlock(&l->lock);
	return t;
}

/* With the lock held. */
static inline struct step *
log_step(struct disk_log *l, enum step_kind kind, uint64_t off, uint64_t len)
{
	struct step *s;

	if (l->n == l->room) {
		l->room = l->room * 2 + 64;
		l->step = must(realloc(l->step, l->room * sizeof(*s)));
	}
	s = &l->step[l->n++];
	*s = (struct step){kind, ++l->time, off, len, NULL};
	return s;
}

/* -1 with errno: this call is to fail. */
static inline int
log_begin(struct disk_log *l)
{
	if (l->threads)
		sched_yield();
	pthread_mutex_lock(&l->lock);
	l->calls++;
	if (!l->fail_at || l->calls < l->fail_at ||
		(l->calls > l->fail_at && !l->fail_on))
		return 0;
	pthread_mutex_unlock(&l->lock);
	errno = l->fail_err;
	return -1;
}

static ssize_t
log_preadv(void *to, int fd, const struct iovec *iov, int n, off_t off)
{
	struct disk_log *l = to;

	for (int i = 0; l->threads && i < 3; i++)
		sched_yield();
	if (l->fail_at) {
		if (log_begin(l))
			return -1;
		pthread_mutex_unlock(&l->lock);
	}
	return preadv(fd, iov, n, off);
}

static ssize_t
log_pwritev(void *to, int fd, const struct iovec *iov, int n, off_t off)
{
	struct disk_log *l = to;
	struct step *s;
	uint64_t len = 0;
	ssize_t got;

	if (log_begin(l))
		return -1;
	for (int i = 0; i < n; i++)
		len += iov[i].iov_len;
	s = log_step(l, STEP_WRITE, (uint64_t)off, len);
	s->data = must(malloc(len + 1));
	len = 0;
	for (int i = 0; i < n; i++) {
		memcpy(s->data + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	got = pwritev(fd, iov, n, off);
	pthread_mutex_unlock(&l->lock);
	return got;
}

static int
log_fdatasync(void *to, int fd)
{
	struct disk_log *l = to;

	(void)fd;
	if (log_begin(l))
		return -1;
	log_step(l, STEP_SYNC, 0, 0);
	pthread_mutex_unlock(&l->lock);
	return 0;
}

static int
log_ftruncate(void *to, int fd, off_t size)
{
	struct disk_log *l = to;
	int err;

	if (log_begin(l))
		return -1;
	log_step(l, STEP_SIZE, (uint64_t)size, 0);
	err = ftruncate(fd, size);
	pthread_mutex_unlock(&l->lock);
	return err;
}

static int
log_fallocate(void *to, int fd, int mode, off_t off, off_t len)
{
	struct disk_log *l = to;
	int err;

	if (mode != (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)) {
		errno = EOPNOTSUPP;
		return -1;
	}
	if (log_begin(l))
		return -1;
	log_step(l, STEP_PUNCH, (uint64_t)off, (uint64_t)len);
	err = fallocate(fd, mode, off, len);
	pthread_mutex_unlock(&l->lock);
	return err;
}

static const struct calls_file log_calls = {
	.preadv = log_preadv,
	.pwritev = log_pwritev,
	.fdatasync = log_fdatasync,
	.ftruncate = log_ftruncate,
	.fallocate = log_fallocate,
};

__attribute__((unused)) static void
log_clear(struct disk_log *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->step[i].data);
	l->n = 0;
}

static inline void
content_reach(struct content *c, uint64_t size)
{
	if (size > c->room) {
		c->room = size + size / 2;
		c->p = must(realloc(c->p, c->room));
	}
	if (size > c->size)
		memset(c->p + c->size, 0, size - c->size);
	if (size > c->size)
		c->size = size;
}

/* keep(to) says for each sector of a write whether it got to the disk. */
static inline void
content_apply(struct content *c, const struct step *s, bool (*keep)(void *to),
	void *to)
{
	switch (s->kind) {
	case STEP_WRITE:
		for (uint64_t at = 0, n; at < s->len; at += n) {
			n = 512 - (s->off + at) % 512;
			if (n > s->len - at)
				n = s->len - at;
			if (keep && !keep(to))
				continue;
			content_reach(c, s->off + at + n);
			memcpy(c->p + s->off + at, s->data + at, n);
		}
		break;
	case STEP_SIZE:
		if (s->off < c->size)
			c->size = s->off;
		else
			content_reach(c, s->off);
		break;
	case STEP_PUNCH:
		for (uint64_t at = s->off; at < s->off + s->len && at < c->size;
			at++)
			c->p[at] = 0;
		break;
	case STEP_SYNC:
		break;
	}
}

/* A new file in memory. */
__attribute__((unused)) static int
content_file(const struct content *c)
{
	int fd = memfd_create("image", MFD_CLOEXEC);

	if (fd < 0 || (c && (ftruncate(fd, (off_t)c->size) < 0 ||
				    pwrite(fd, c->p, c->size, 0) !=
					    (ssize_t)c->size)))
		exit(1);
	return fd;
}

__attribute__((unused)) static void
content_load(struct content *c, int fd)
{
	off_t size = lseek(fd, 0, SEEK_END);

	c->size = 0;
	content_reach(c, (uint64_t)size);
	if (pread(fd, c->p, (size_t)size, 0) != size)
		exit(1);
}

#endif
