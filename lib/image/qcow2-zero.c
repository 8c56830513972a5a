/* SPDX-License-Identifier: MIT */
/*
 * Discarding, and writing zeros: whole clusters in the tables, the rest as
 * data.
 */
#include <errno.h>

#include "lib/err.h"
#include "lib/image/qcow2.h"

enum { ZEROS = 65536 };

enum how {
	DISCARD, /* as it was, or zeros */
	FORGET, /* what the backing file has, or zeros */
	ZERO, /* zeros; room may be given back */
	KEEP /* zeros; room is kept */
};

/* What the entry becomes; false: that cannot be said in a table. */
static bool
becomes(const struct qcow2 *q, enum how how, uint64_t old, uint64_t *new)
{
	bool below = q->im->backing_name;
	bool absent = !(old & (QCOW2_OFFSET | QCOW2_PACKED | QCOW2_ZERO));

	*new = 0;
	if (how == FORGET)
		return true;
	*new = old;
	if (absent && (!below || how == DISCARD))
		return true;
	if (q->version < 3) {
		if (below)
			return how == DISCARD;
		*new = 0;
		return true;
	}
	if (how == KEEP && old & QCOW2_COPIED && old & QCOW2_OFFSET &&
		!(old & QCOW2_PACKED))
		*new = old | QCOW2_ZERO;
	else
		*new = below ? QCOW2_ZERO : 0;
	return true;
}

/* Cluster i and at most n of them, of one table, claimed. *done: how many;
 * *data: the next one has to be written as data. */
static int
change_slice(struct qcow2 *q, enum how how, uint64_t i, uint64_t n,
	uint64_t *done, bool *data)
{
	uint64_t rest, old, new;
	struct slice *s;
	unsigned at;
	int err = l2_look(q, i, &s, &at);

	*done = 0;
	*data = false;
	if (err)
		return err;
	if (!s && (!q->im->backing_name || how <= FORGET)) {
		*done = n;
		return 0;
	}
	rest = l2_rest(q, i);
	if (n > rest)
		n = rest;
	/* Only what changes is worth one's own copy of a table. */
	for (; s && *done < n; ++*done) {
		old = l2_entry(s, at + (unsigned)*done);
		if (!becomes(q, how, old, &new) || old != new)
			break;
	}
	if (*done == n)
		return 0;
	err = l2_own(q, i, &s, &at);
	for (; !err && *done < n; ++*done) {
		old = l2_entry(s, at + (unsigned)*done);
		err = l2_check(q, old);
		*data = !err && !becomes(q, how, old, &new);
		if (err || *data)
			break;
		if (old == new)
			continue;
		if ((old ^ new) & QCOW2_OFFSET || old & QCOW2_PACKED)
			l2_give_up(q, old);
		l2_set(q, s, at + (unsigned)*done, new);
	}
	return err;
}

static int
write_zeros(struct image *im, uint64_t off, uint64_t len)
{
	static const char zeros[ZEROS];
	int err = 0;

	while (len && !err) {
		size_t n = len < ZEROS ? (size_t)len : ZEROS;

		err = image_write(im, off, zeros, n);
		off += n;
		len -= n;
	}
	return err;
}

/* Part of a cluster: unless it is zeros already. */
static int
zero_part(struct image *im, uint64_t off, uint64_t len)
{
	struct image_extent e;
	int err = len ? image_map(im, off, &e) : 0;

	if (err || !len || (e.where != IMAGE_DATA && e.len >= len))
		return err;
	return write_zeros(im, off, len);
}

static int
change(struct qcow2 *q, enum how how, uint64_t i, uint64_t end)
{
	uint64_t table = UINT64_C(1) << q->l2_bits;
	int err = 0;

	while (i < end && !err) {
		uint64_t rest = table - (i & (table - 1)), n = end - i, done;
		struct qio io;
		bool data;

		if (n > rest)
			n = rest;
		pthread_mutex_lock(&q->lock);
		qio_claim(q, &io, i, i + n);
		err = change_slice(q, how, i, n, &done, &data);
		qio_end(q, &io);
		pthread_mutex_unlock(&q->lock);
		i += done;
		if (data) { /* version 2, over a backing file */
			uint64_t off = i << q->bits, len = q->cluster;

			if (len > q->im->size - off)
				len = q->im->size - off;
			err = write_zeros(q->im, off, len);
			i++;
		}
	}
	return err;
}

/* The clusters that lie in the range as a whole; the disk's last one ends where
 * the disk does. */
static void
whole(const struct qcow2 *q, uint64_t off, uint64_t len, uint64_t *first,
	uint64_t *end)
{
	*first = qcow2_clusters(q, off);
	*end = (off + len) >> q->bits;
	if (off + len == q->im->size)
		*end = qcow2_clusters(q, off + len);
}

static int
give_up(struct image *im, enum how how, uint64_t off, uint64_t len)
{
	struct qcow2 *q = im->own;
	uint64_t first, end;

	whole(q, off, len, &first, &end);
	return first < end ? change(q, how, first, end) : 0;
}

int
qcow2_discard(struct image *im, uint64_t off, uint64_t len)
{
	return give_up(im, DISCARD, off, len);
}

int
qcow2_forget(struct image *im, uint64_t off, uint64_t len)
{
	return give_up(im, FORGET, off, len);
}

int
qcow2_zero(struct image *im, uint64_t off, uint64_t len, bool unmap)
{
	struct qcow2 *q = im->own;
	uint64_t first, end, stop = off + len;
	int err;

	whole(q, off, len, &first, &end);
	if (first >= end) { /* none */
		uint64_t border = qcow2_clusters(q, off) << q->bits;

		if (border >= stop)
			return zero_part(im, off, len);
		err = zero_part(im, off, border - off);
		return err ? err : zero_part(im, border, stop - border);
	}
	err = zero_part(im, off, (first << q->bits) - off);
	if (!err)
		err = change(q, unmap ? ZERO : KEEP, first, end);
	if (!err && end << q->bits < stop)
		err = zero_part(im, end << q->bits, stop - (end << q->bits));
	return err;
}
