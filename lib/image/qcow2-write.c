/* SPDX-License-Identifier: MIT */
/*
 * Writing a qcow2 image: in place where a cluster is ours alone, else to new
 * clusters, with the rest of the first and last one copied. The new ones are
 * put into the tables once their data has been written.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/image/qcow2.h"

enum { PIECES = 60 }; /* buffers of a request that go out in one call */

/* A part of a request that lies in clusters of one slice. */
struct part {
	uint64_t off;
	size_t len;
	struct iov_at *at;
	uint64_t i, n; /* clusters of the disk that it touches */
	struct run host; /* clusters of the file */
	bool zeros; /* they read as such */
	bool reused; /* the one cluster that was said to be zeros */
};

static bool
in_place(uint64_t entry)
{
	return entry & QCOW2_COPIED && entry & QCOW2_OFFSET &&
	       !(entry & (QCOW2_PACKED | QCOW2_ZERO));
}

/* The cluster has room in the file that may be filled. */
static bool
has_room(uint64_t entry)
{
	return entry & QCOW2_COPIED && entry & QCOW2_OFFSET &&
	       (entry & (QCOW2_PACKED | QCOW2_ZERO)) == QCOW2_ZERO;
}

static void
cut(const struct qcow2 *q, struct part *p, uint64_t n)
{
	uint64_t end = (p->i + n) << q->bits;

	p->n = n;
	if (p->len > end - p->off)
		p->len = (size_t)(end - p->off);
}

/* How much of the part from its beginning on is written in the same way; which
 * is *place. */
static int
look(struct qcow2 *q, struct part *p, bool *place)
{
	struct slice *s;
	uint64_t first = 0, n = 1;
	unsigned at;
	int err = l2_look(q, p->i, &s, &at);

	if (!err && s) {
		first = l2_entry(s, at);
		err = l2_check(q, first);
	}
	if (err)
		return err;
	*place = in_place(first);
	p->reused = has_room(first);
	p->host.first = (first & QCOW2_OFFSET) >> q->bits;
	if (!s)
		n = p->n;
	for (; n < p->n && !p->reused; n++) {
		uint64_t entry = l2_entry(s, at + (unsigned)n);

		if (in_place(entry) != *place || has_room(entry) ||
			(*place && (entry & QCOW2_OFFSET) >> q->bits !=
					   p->host.first + n) ||
			l2_check(q, entry)) /* told when it comes first */
			break;
	}
	p->host.n = n;
	cut(q, p, n);
	return 0;
}

/* What of the disk is there before this is written reads as zeros. */
static int
is_zero(struct qcow2 *q, uint64_t off, bool *yes)
{
	struct slice *s;
	uint64_t entry = 0;
	unsigned at;
	int err = l2_look(q, off >> q->bits, &s, &at);

	if (s)
		entry = l2_entry(s, at);
	*yes = entry & QCOW2_ZERO && !(entry & QCOW2_PACKED);
	if (!entry)
		*yes = !q->im->backing ||
		       off >> q->bits << q->bits >= q->im->backing->size;
	return err;
}

/* len bytes of the disk before or behind the request's, for buf. */
static int
old_bytes(struct qcow2 *q, uint64_t off, size_t len, void *buf)
{
	struct iovec iov = {buf, len};
	struct iov_at at = {&iov, 1, 0};
	size_t n = len;

	if (off >= q->im->size)
		n = 0;
	else if (n > q->im->size - off)
		n = (size_t)(q->im->size - off);
	memset((char *)buf + n, 0, len - n);
	return n ? qcow2_read(q->im, off, &at, n) : 0;
}

/* The request with what surrounds it, in one call if its buffers are few. */
static int
write_around(struct qcow2 *q, struct part *p, void *head, size_t head_len,
	void *tail, size_t tail_len)
{
	struct image_file *f = &q->im->file;
	uint64_t off = p->host.first << q->bits;
	struct iovec iov[PIECES + 2] = {{head, head_len}};
	struct iov_at here = *p->at, all = {iov, 0, 0};
	unsigned n;
	int err;

	if (iov_take(&here, p->len, iov + 1, PIECES, &n) == p->len) {
		iov[n + 1] = (struct iovec){tail, tail_len};
		all.n = n + 2;
		*p->at = here;
		return file_writev(f, off, &all, head_len + p->len + tail_len);
	}
	err = file_write(f, off, head, head_len);
	if (!err)
		err = file_writev(f, off + head_len, p->at, p->len);
	if (!err)
		err = file_write(f, off + head_len + p->len, tail, tail_len);
	return err;
}

/* Without the lock: the new clusters get what they have to hold. */
static int
write_new(struct qcow2 *q, struct part *p, bool head_zero, bool tail_zero)
{
	size_t head = (size_t)(p->off & (q->cluster - 1));
	uint64_t end = p->off + p->len;
	size_t tail = (size_t)(-end & (q->cluster - 1));
	uint8_t *buf;
	int err = 0;

	/* A cluster that was never used needs no zeros. */
	if (p->zeros && head_zero && tail_zero)
		return file_writev(&q->im->file,
			(p->host.first << q->bits) + head, p->at, p->len);
	if (!head && !tail)
		return file_writev(
			&q->im->file, p->host.first << q->bits, p->at, p->len);
	buf = calloc(1, head + tail);
	if (!buf)
		return fail(-ENOMEM, "%s", q->im->name);
	if (head && !head_zero)
		err = old_bytes(q, p->off - head, head, buf);
	if (!err && tail && !tail_zero)
		err = old_bytes(q, end, tail, buf + head);
	if (!err)
		err = write_around(q, p, buf, head, buf + head, tail);
	free(buf);
	return err;
}

/* The tables refer to the new clusters now; those that could not be are given
 * back. */
static int
link_new(struct qcow2 *q, struct part *p)
{
	struct slice *s;
	unsigned at;
	int err = l2_own(q, p->i, &s, &at);

	if (err) {
		if (!p->reused)
			qref_free_now(q, p->host.first, p->n);
		return err;
	}
	for (uint64_t k = 0; k < p->n; k++, at++) {
		uint64_t old = l2_entry(s, at);

		if (!p->reused)
			l2_give_up(q, old);
		l2_set(q, s, at, (p->host.first + k) << q->bits | QCOW2_COPIED);
	}
	return 0;
}

/* Room for the part, or for its beginning. */
static int
find_room(struct qcow2 *q, struct part *p)
{
	uint64_t want = p->n;
	int err;

	if (p->reused) {
		p->zeros = false;
		return 0;
	}
	while ((err = qref_alloc(q, want, &p->host, &p->zeros)) == -EAGAIN)
		qcow2_settle(q);
	if (!err)
		cut(q, p, p->host.n);
	return err;
}

/* With the lock held, which is dropped while data is written. The clusters are
 * claimed first: their entries stay as they are. */
static int
write_claimed(struct qcow2 *q, struct part *p)
{
	bool head_zero = true, tail_zero = true;
	int err = find_room(q, p);

	if (err)
		return err;
	if (p->off & (q->cluster - 1))
		err = is_zero(q, p->off, &head_zero);
	if (!err && (p->off + p->len) & (q->cluster - 1))
		err = is_zero(q, p->off + p->len - 1, &tail_zero);
	if (!err) {
		pthread_mutex_unlock(&q->lock);
		err = write_new(q, p, head_zero, tail_zero);
		pthread_mutex_lock(&q->lock);
	}
	if (!err)
		return link_new(q, p);
	if (!p->reused)
		qref_free_now(q, p->host.first, p->host.n);
	return err;
}

static int
write_part(struct qcow2 *q, struct part *p)
{
	uint64_t host;
	struct qio io;
	bool place;
	int err;

	/* Nobody has begun to fill these: or it would be done twice. */
	qio_wait(q, p->i, p->i + p->n);
	err = look(q, p, &place);
	if (err)
		return err;
	io = (struct qio){.claims = !place, .first = p->i, .end = p->i + p->n};
	qio_begin(q, &io);
	if (place) {
		host = (p->host.first << q->bits) + (p->off & (q->cluster - 1));
		pthread_mutex_unlock(&q->lock);
		err = file_writev(&q->im->file, host, p->at, p->len);
		pthread_mutex_lock(&q->lock);
	} else {
		err = write_claimed(q, p);
	}
	qio_end(q, &io);
	return err;
}

int
qcow2_write(struct image *im, uint64_t off, struct iov_at *at, size_t len)
{
	struct qcow2 *q = im->own;
	int err = 0;

	pthread_mutex_lock(&q->lock);
	while (len && !err) {
		struct part p = {.off = off, .len = len, .at = at};
		uint64_t rest;

		p.i = off >> q->bits;
		rest = ((off + len - 1) >> q->bits) - p.i + 1;
		p.n = l2_rest(q, p.i);
		cut(q, &p, p.n < rest ? p.n : rest);
		err = write_part(q, &p);
		off += p.len;
		len -= p.len;
	}
	pthread_mutex_unlock(&q->lock);
	return err;
}
