/* SPDX-License-Identifier: MIT */
/*
 * Reading a qcow2 image. Where things lie is looked up with the lock held; the
 * clusters stay what they are, though not where they are, until the read ends.
 */
#include <errno.h>
#include <string.h>

#include "lib/err.h"
#include "lib/image/qcow2.h"

static enum image_where
where_of(uint64_t entry)
{
	if (entry & QCOW2_PACKED)
		return IMAGE_DATA;
	if (entry & QCOW2_ZERO)
		return IMAGE_ZERO;
	return entry & QCOW2_OFFSET ? IMAGE_DATA : IMAGE_ABSENT;
}

/* Entry number n of a run goes on with what first begins. */
static bool
goes_on(const struct qcow2 *q, uint64_t first, uint64_t entry, uint64_t n)
{
	enum image_where where = where_of(first);

	if ((first | entry) & QCOW2_PACKED || where_of(entry) != where)
		return false;
	return where != IMAGE_DATA ||
	       (entry & QCOW2_OFFSET) ==
		       (first & QCOW2_OFFSET) + n * q->cluster;
}

/* With the lock held. */
static int
look(struct qcow2 *q, uint64_t off, uint64_t len, struct image_extent *e,
	uint64_t *entry)
{
	uint64_t i = off >> q->bits, in = off & (q->cluster - 1), n = 1;
	uint64_t table = UINT64_C(1) << q->l2_bits, rest;
	struct slice *s;
	unsigned at;
	int err = l2_look(q, i, &s, &at);

	if (err)
		return err;
	*entry = 0;
	if (!s) {
		n = table - (i & (table - 1));
	} else {
		*entry = l2_entry(s, at);
		err = l2_check(q, *entry);
		if (err)
			return err;
		rest = l2_rest(q, i);
		while (n < rest && (n << q->bits) < in + len &&
			goes_on(q, *entry, l2_entry(s, at + (unsigned)n), n))
			n++;
	}
	e->where = where_of(*entry);
	e->compressed = *entry & QCOW2_PACKED;
	e->has_file_off = e->where == IMAGE_DATA && !e->compressed;
	if (e->has_file_off)
		e->file_off = (*entry & QCOW2_OFFSET) + in;
	e->len = (n << q->bits) - in;
	if (e->len > len)
		e->len = len;
	return 0;
}

int
qcow2_map(struct image *im, uint64_t off, uint64_t len, struct image_extent *e)
{
	struct qcow2 *q = im->own;
	uint64_t entry;
	int err;

	pthread_mutex_lock(&q->lock);
	err = look(q, off, len, e, &entry);
	pthread_mutex_unlock(&q->lock);
	return err;
}

static int
read_extent(struct qcow2 *q, const struct image_extent *e, uint64_t entry,
	struct iov_at *at, size_t n)
{
	switch (e->where) {
	case IMAGE_ABSENT:
		return image_read_absent(q->im, e->off, at, n);
	case IMAGE_ZERO:
		iov_zero(at, n);
		return 0;
	case IMAGE_DATA:
		break;
	}
	if (!e->compressed)
		return file_readv(&q->im->file, e->file_off, at, n);
	return qcow2_unpack(
		q, entry, (size_t)(e->off & (q->cluster - 1)), at, n);
}

int
qcow2_read(struct image *im, uint64_t off, struct iov_at *at, size_t len)
{
	struct qcow2 *q = im->own;
	struct qio io = {0};
	int err = 0;

	pthread_mutex_lock(&q->lock);
	qio_begin(q, &io);
	while (len) {
		struct image_extent e = {.off = off};
		uint64_t entry;

		err = look(q, off, len, &e, &entry);
		if (err)
			break;
		pthread_mutex_unlock(&q->lock);
		err = read_extent(q, &e, entry, at, (size_t)e.len);
		pthread_mutex_lock(&q->lock);
		if (err)
			break;
		off += e.len;
		len -= (size_t)e.len;
	}
	qio_end(q, &io);
	pthread_mutex_unlock(&q->lock);
	return err;
}
