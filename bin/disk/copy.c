/* SPDX-License-Identifier: MIT */
/*
 * vm-disk convert, the copying. Pieces of a disk go through a ring of buffers:
 * threads read ahead, and whichever finds the oldest piece complete writes it
 * while the others read on. Pieces are written one after the other and in
 * order, so that the same disk makes the same file; but where they are to be
 * compressed, which takes longest, each thread writes what it finds. What is
 * zeros stays unwritten in a new file.
 */
#include "bin/disk/copy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/err.h"

enum {
	READERS = 2, /* threads beside the first */
	COMPRESSORS = 3,
	PIECE = 256 << 10 /* what stays in a CPU's cache; or a cluster */
};

static void
failed(struct copy *c, int err)
{
	if (!c->err) {
		c->err = err;
		snprintf(c->said, sizeof(c->said), "%s", fail_text());
	}
	c->over = true;
	pthread_cond_broadcast(&c->moved);
}

/* ---- reading ---- */

/* As much as there is, up to max; 0 at the end. */
static int
read_stream(char *buf, size_t max, size_t *n)
{
	*n = 0;
	while (*n < max) {
		ssize_t got = read(0, buf + *n, max - *n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fail(-errno, "standard input");
		if (got == 0)
			break;
		*n += (size_t)got;
	}
	return 0;
}

/* The lock is held, but not meanwhile; nobody else reads the stream. */
static int
take_from_stream(struct copy *c, struct copy_piece *p)
{
	size_t n;
	int err;

	c->streaming = true;
	p->state = READING;
	c->taken++;
	pthread_mutex_unlock(&c->lock);
	err = read_stream(p->buf, c->piece, &n);
	pthread_mutex_lock(&c->lock);
	c->streaming = false;
	if (n < c->piece)
		c->over = true;
	memset(p->buf + n, 0, (512 - n % 512) % 512);
	p->off = c->next;
	p->len = (n + 511) / 512 * 512;
	p->zero = false;
	p->state = READY;
	c->next += p->len;
	c->taken -= !p->len;
	pthread_cond_signal(&c->moved);
	return err;
}

/* Where the next piece is; len 0: there is none. The lock is held. */
static int
place_piece(struct copy *c, struct copy_piece *p)
{
	struct image_extent e;
	uint64_t max;
	int err = img_extent(c->from, c->next, c->size - c->next, &e);

	if (err)
		return err;
	p->off = c->next;
	p->zero = e.where != IMAGE_DATA;
	/* Pieces end where clusters do, but those of zeros may be long. */
	max = c->piece - c->next % c->piece;
	if (e.len < c->step)
		p->zero = false;
	if (!p->zero)
		p->len = max;
	else if (e.len < c->size - c->next)
		p->len = e.len / c->step * c->step;
	else
		p->len = e.len;
	if (p->len > c->size - c->next)
		p->len = c->size - c->next;
	c->next += p->len;
	return 0;
}

/* ---- writing ---- */

/* Zeros as far as a file can have them for nothing. */
static int
skip_stream(struct copy *c, uint64_t len)
{
	static const char zeros[65536];
	int err = 0;

	if (c->seekable)
		return lseek(1, (off_t)len, SEEK_CUR) < 0
			       ? fail(-errno, "standard output")
			       : 0;
	while (len && !err) {
		size_t n = len < sizeof(zeros) ? (size_t)len : sizeof(zeros);

		err = img_write_all(1, zeros, n);
		len -= n;
	}
	return err;
}

static int
write_zeros(struct copy *c, uint64_t off, uint64_t len)
{
	if (!c->to)
		return skip_stream(c, len);
	return c->fresh ? 0 : image_zero(c->to, off, len, true);
}

static int
write_data(struct copy *c, uint64_t off, const char *p, size_t len)
{
	int err = 0;

	if (!c->to)
		return img_write_all(1, p, len);
	if (!c->compress)
		return image_write(c->to, off, p, len);
	for (size_t k = 0; k < len && !err; k += c->step)
		err = image_write_compressed(c->to, off + k, p + k,
			c->step < len - k ? c->step : len - k);
	return err;
}

/* Runs of zeros and of data, in steps. */
static int
write_runs(struct copy *c, const struct copy_piece *p)
{
	size_t len = (size_t)p->len, at = 0;
	int err = 0;

	while (at < len && !err) {
		size_t n = 0;
		bool zero = false;

		while (at + n < len) {
			size_t here =
				c->step < len - at - n ? c->step : len - at - n;
			bool z = img_zeros(p->buf + at + n, here);

			if (n && z != zero)
				break;
			zero = z;
			n += here;
		}
		err = zero ? write_zeros(c, p->off + at, n)
			   : write_data(c, p->off + at, p->buf + at, n);
		at += n;
	}
	return err;
}

/* A stream's size shows as it comes: room is made in leaps. */
static int
make_room(struct copy *c, uint64_t end)
{
	uint64_t leap = end < 1 << 30 ? 1 << 30 : end;

	if (!c->to || c->size != UINT64_MAX || end <= image_size(c->to))
		return 0;
	return image_resize(c->to, (end + leap) >> 20 << 20);
}

static int
write_piece(struct copy *c, const struct copy_piece *p)
{
	int err = make_room(c, p->off + p->len);

	if (err)
		return err;
	return p->zero ? write_zeros(c, p->off, p->len) : write_runs(c, p);
}

/* ---- the threads ---- */

/* The lock is held, but not meanwhile. */
static int
take_from_image(struct copy *c, struct copy_piece *p)
{
	int err = place_piece(c, p);

	if (c->next >= c->size)
		c->over = true;
	if (err || !p->len)
		return err;
	p->state = READING;
	c->taken++;
	if (!p->zero) {
		pthread_mutex_unlock(&c->lock);
		err = image_read(c->from, p->off, p->buf, (size_t)p->len);
		pthread_mutex_lock(&c->lock);
	}
	p->state = READY;
	return err;
}

static int
take(struct copy *c)
{
	struct copy_piece *p = &c->ring[c->taken % COPY_RING];

	if (!p->buf)
		p->buf = malloc(c->piece);
	if (!p->buf)
		return fail(-ENOMEM, "convert");
	return c->from ? take_from_image(c, p) : take_from_stream(c, p);
}

static bool
can_take(const struct copy *c)
{
	return !c->over && !c->streaming && c->taken - c->written < COPY_RING;
}

/* The piece that may be written now; NULL: none. */
static struct copy_piece *
find_ready(struct copy *c)
{
	for (unsigned k = c->written; k != c->taken; k++) {
		struct copy_piece *p = &c->ring[k % COPY_RING];

		if (p->state == READY && (c->unordered || !c->writing))
			return p;
		if (!c->unordered)
			break;
	}
	return NULL;
}

/* The lock is held, but not meanwhile. Readers that wait are woken when there
 * is something to do for a while. */
static int
put(struct copy *c, struct copy_piece *p)
{
	int err;

	c->writing = true;
	p->state = WRITING;
	pthread_mutex_unlock(&c->lock);
	err = write_piece(c, p);
	pthread_mutex_lock(&c->lock);
	c->writing = false;
	p->state = WRITTEN;
	while (c->written != c->taken &&
		c->ring[c->written % COPY_RING].state == WRITTEN) {
		p = &c->ring[c->written++ % COPY_RING];
		c->end = p->off + p->len;
	}
	if (c->size != UINT64_MAX)
		img_progress(&c->progress, c->end, c->size);
	if (c->unordered || c->taken - c->written <= COPY_RING / 2)
		pthread_cond_broadcast(&c->moved);
	return err;
}

static void *
work(void *to)
{
	struct copy *c = to;
	int err = 0;

	pthread_mutex_lock(&c->lock);
	while (!c->err && !(c->over && c->written == c->taken)) {
		struct copy_piece *p = find_ready(c);

		if (p)
			err = put(c, p);
		else if (can_take(c))
			err = take(c);
		else
			pthread_cond_wait(&c->moved, &c->lock);
		if (err)
			failed(c, err);
	}
	pthread_cond_broadcast(&c->moved);
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

int
img_copy(struct copy *c, const struct img_conf *conf)
{
	pthread_t thread[READERS > COMPRESSORS ? READERS : COMPRESSORS];
	unsigned n = 0, more = c->unordered ? COMPRESSORS : READERS;

	c->piece = c->step > PIECE ? c->step : PIECE;

	img_progress_open(&c->progress, conf);
	while (n < more && pthread_create(&thread[n], NULL, work, c) == 0)
		n++;
	work(c); /* this one, too */
	while (n--)
		pthread_join(thread[n], NULL);
	for (n = 0; n < COPY_RING; n++)
		free(c->ring[n].buf);
	img_progress_close(&c->progress);
	return c->err ? failx(c->err, "%s", c->said) : 0;
}
