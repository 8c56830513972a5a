/* SPDX-License-Identifier: MIT */
/*
 * A qcow2 image in a file that keeps a log, and four queues that write, read,
 * discard, zero and flush it at random, one at a time or all at once.
 */
#ifndef TESTS_UNIT_IMAGE_SCENE_H
#define TESTS_UNIT_IMAGE_SCENE_H

#include <errno.h>

#include "lib/err.h"
#include "lib/image/image.h"
#include "tests/unit/image-model.h"

enum {
	BASE_SECTORS = 500, /* of its backing file, which is shorter */
	QUEUES = 4,
	OPS = 100 /* of a run, all queues together */
};

struct scene {
	unsigned bits;
	bool v2, lazy, zstd, backing, threads, discards;
	struct image *image;
	struct disk_log log;
	struct model model;
	struct past flush[OPS + 8];
	unsigned flushes, ops;
	uint64_t value;
	unsigned bad;
	int base, fd; /* the backing file; the image's, to look at */
	struct content first; /* the file when the log begins */
	/* An internal snapshot, and what it holds. */
	bool snapshot;
	uint64_t snapshot_l1;
	unsigned char held[SECTORS * SECTOR];
};

struct queue {
	struct scene *s;
	uint64_t random;
	unsigned char buf[SECTORS * SECTOR];
};

/* ---- the queues ---- */

static void
do_read(struct queue *q, unsigned first, unsigned n)
{
	struct scene *s = q->s;
	uint64_t safe = log_tick(&s->log);

	if (image_read(s->image, first * SECTOR, q->buf, n * SECTOR))
		s->bad++;
	pthread_mutex_lock(&s->log.lock);
	/* What was written over before it began is gone. */
	s->bad += count_wrong(
		&s->model, q->buf, first, n, ++s->log.time, safe, true);
	pthread_mutex_unlock(&s->log.lock);
}

static void
do_write(struct queue *q, unsigned first, unsigned n, bool packed)
{
	struct scene *s = q->s;
	uint64_t value, start;
	struct iovec iov[3];
	int err;

	if (packed) {
		unsigned per = 1U << (s->bits - 9);

		first = first / per * per;
		n = per;
	}
	pthread_mutex_lock(&s->log.lock);
	value = s->value;
	s->value += n;
	pthread_mutex_unlock(&s->log.lock);
	for (unsigned i = 0; i < n; i++)
		fill(q->buf + i * SECTOR, value + i);
	iov[0] = (struct iovec){q->buf, 100};
	iov[1] = (struct iovec){q->buf + 100, 412};
	iov[2] = (struct iovec){q->buf + 512, (n - 1) * SECTOR};
	start = begin_op(&s->model, first, n, value, false);
	if (packed)
		err = image_write_compressed(
			s->image, first * SECTOR, q->buf, n * SECTOR);
	else
		err = image_writev(s->image, first * SECTOR, iov, 3);
	if (err && !s->log.fail_at)
		s->bad++;
	if (!err)
		end_op(&s->model, first, n, start);
}

static void
do_flush(struct queue *q)
{
	struct scene *s = q->s;
	uint64_t start = log_tick(&s->log);

	if (image_flush(s->image)) {
		s->bad += !s->log.fail_at;
		return;
	}
	pthread_mutex_lock(&s->log.lock);
	s->flush[s->flushes++] =
		(struct past){.start = start, .end = ++s->log.time};
	pthread_mutex_unlock(&s->log.lock);
}

static void
do_clear(struct queue *q, unsigned first, unsigned n, unsigned how)
{
	struct scene *s = q->s;
	uint64_t start = begin_op(&s->model, first, n, 0, how == 0);
	int err;

	if (how == 0)
		err = image_discard(s->image, first * SECTOR, n * SECTOR);
	else
		err = image_zero(
			s->image, first * SECTOR, n * SECTOR, how == 1);
	if (err && !s->log.fail_at)
		s->bad++;
	if (!err)
		end_op(&s->model, first, n, start);
}

static void
do_something(struct queue *q)
{
	unsigned n = pick(&q->random, 4) ? 1 + pick(&q->random, 24)
					 : 1 + pick(&q->random, 200);
	unsigned first = pick(&q->random, SECTORS - n + 1);
	unsigned what = pick(&q->random, 100);

	if (what < 52)
		do_write(q, first, n, false);
	else if (what < 60)
		do_write(q, first, n, true);
	else if (what < 70)
		do_read(q, first, n);
	else if (what < 88)
		do_clear(q, first, n, pick(&q->random, 3));
	else
		do_flush(q);
}

static void *
run_queue(void *to)
{
	struct queue *q = to;

	for (unsigned i = 0; i < OPS / QUEUES; i++)
		do_something(q);
	return NULL;
}

/* ---- the scene ---- */

static int
open_base(void *to, const char *name, const char *format_name, unsigned depth,
	int *fd, enum image_format *format, char **path)
{
	const struct scene *s = to;

	(void)name;
	(void)format_name;
	(void)depth;
	(void)path;
	*fd = fcntl(s->base, F_DUPFD_CLOEXEC, 3);
	*format = IMAGE_RAW;
	return *fd < 0 ? -errno : 0;
}

static int
open_image(struct scene *s, int fd, bool write, const struct calls *calls,
	struct image **image)
{
	const struct image_backing backing = {open_base, s};
	const struct image_options o = {.write = write,
		.backing = &backing,
		.calls = calls,
		.cache = 1}; /* as small as it gets */

	return image_open(image, fd, "crash", IMAGE_QCOW2, &o);
}

static void
make_base(struct scene *s)
{
	unsigned char b[SECTOR];

	s->base = content_file(NULL);
	for (unsigned i = 0; i < SECTORS; i++) {
		uint64_t value = 0;

		if (s->backing && i < BASE_SECTORS) {
			value = s->value++;
			fill(b, value);
			if (pwrite(s->base, b, SECTOR, i * SECTOR) != SECTOR)
				exit(1);
		}
		remember(&s->model.sector[i], value, 0, false)->end = 0;
	}
}

static void
put(unsigned char *p, uint64_t value, unsigned bytes)
{
	while (bytes--) {
		p[bytes] = (unsigned char)value;
		value >>= 8;
	}
}

static uint64_t
get(const unsigned char *p, unsigned bytes)
{
	uint64_t value = 0;

	while (bytes--)
		value = value << 8 | *p++;
	return value;
}

/* A copy of the L1 table behind all else, and a table that names it. The counts
 * are then for image_check() to put right. */
static int
add_snapshot(struct scene *s, int fd)
{
	struct content c = {0};
	uint64_t cluster = UINT64_C(1) << s->bits, l1, at, n;
	unsigned char *entry;
	int err = 0;

	content_load(&c, fd);
	n = get(c.p + 36, 4) * 8;
	l1 = get(c.p + 40, 8);
	s->snapshot_l1 = (c.size + cluster - 1) / cluster * cluster;
	at = (s->snapshot_l1 + n + cluster - 1) / cluster * cluster;
	content_reach(&c, at + cluster);
	memcpy(c.p + s->snapshot_l1, c.p + l1, n);
	entry = c.p + at;
	put(entry, s->snapshot_l1, 8);
	put(entry + 8, n / 8, 4);
	put(entry + 12, 1, 2); /* its id, then its name */
	put(entry + 14, 1, 2);
	put(entry + 36, 16, 4);
	put(entry + 48, SECTORS * SECTOR, 8);
	entry[56] = '1';
	entry[57] = 's';
	put(c.p + 60, 1, 4);
	put(c.p + 64, at, 8);
	if (pwrite(fd, c.p, c.size, 0) != (ssize_t)c.size)
		err = -errno;
	free(c.p);
	return err;
}

static int
take_snapshot(struct scene *s, int fd, uint64_t *r)
{
	struct queue *q = must(calloc(1, sizeof(*q)));
	struct image_options o = {.write = true, .alone = true, .check = true};
	struct image_check check;
	int err = open_image(
		s, fcntl(fd, F_DUPFD_CLOEXEC, 3), true, NULL, &s->image);

	q->s = s;
	q->random = random_next(r) | 1;
	for (unsigned i = 0; i < 20 && !err; i++)
		do_write(q, pick(r, SECTORS - 64), 1 + pick(r, 64), false);
	do_flush(q);
	free(q);
	if (!err)
		err = image_read(s->image, 0, s->held, sizeof(s->held));
	if (!err)
		err = image_close(s->image);
	if (!err)
		err = add_snapshot(s, fd);
	if (!err)
		err = image_open(&s->image, fcntl(fd, F_DUPFD_CLOEXEC, 3),
			"crash", IMAGE_QCOW2, &o);
	if (!err)
		err = image_check(s->image, true, &check, NULL, NULL);
	return err ? err : image_close(s->image);
}

static void
set_scene(struct scene *s, uint64_t *r, struct calls *calls)
{
	struct image_create c = {.size = SECTORS * SECTOR};
	int fd = content_file(NULL), again;

	s->bits = c.cluster_bits = 9 + pick(r, 4);
	s->v2 = c.v2 = pick(r, 4) == 0;
	s->lazy = c.lazy_refcounts = !s->v2 && pick(r, 4) == 0;
	s->zstd = c.zstd = !s->v2 && pick(r, 2);
	s->backing = pick(r, 2);
	s->value = 1;
	s->snapshot = pick(r, 3) == 0;
	if (s->backing)
		c.backing_name = "base";
	pthread_mutex_init(&s->log.lock, NULL);
	make_base(s);
	s->log.time = 1;
	s->model.log = &s->log;
	*calls = (struct calls){.to = &s->log, .file = &log_calls};
	again = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (image_create(fd, "crash", IMAGE_QCOW2, &c, NULL) ||
		(s->snapshot && take_snapshot(s, fd, r)) ||
		open_image(s, again, true, calls, &s->image)) {
		printf("# %s\n", fail_text());
		exit(1);
	}
	s->fd = fd;
	content_load(&s->first, fd);
	s->log.threads = s->threads;
}

static void
drop_scene(struct scene *s)
{
	for (unsigned i = 0; i < SECTORS; i++)
		free(s->model.sector[i].past);
	log_clear(&s->log);
	free(s->log.step);
	free(s->first.p);
	close(s->base);
	close(s->fd);
}

static void
play(struct scene *s, uint64_t *r)
{
	struct queue *q = must(calloc(QUEUES, sizeof(*q)));
	pthread_t thread[QUEUES];

	for (unsigned i = 0; i < QUEUES; i++) {
		q[i].s = s;
		q[i].random = random_next(r) | 1;
	}
	if (s->threads) {
		for (unsigned i = 0; i < QUEUES; i++)
			if (pthread_create(&thread[i], NULL, run_queue, &q[i]))
				exit(1);
		for (unsigned i = 0; i < QUEUES; i++)
			pthread_join(thread[i], NULL);
	} else {
		for (unsigned i = 0; i < OPS; i++)
			do_something(&q[pick(r, QUEUES)]);
	}
	free(q);
}

#endif
