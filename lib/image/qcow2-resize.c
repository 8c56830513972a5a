/* SPDX-License-Identifier: MIT */
/*
 * Another size of the disk, and giving up what is in it.
 */
#include <errno.h>
#include <stdlib.h>

#include "lib/err.h"
#include "lib/image/qcow2.h"

/* All that the table refers to, piece by piece, and then itself. */
static int
give_up_table(struct qcow2 *q, uint32_t n)
{
	uint64_t i = (uint64_t)n << q->l2_bits, table;
	int err = 0;

	for (uint64_t end = i + (UINT64_C(1) << q->l2_bits); i < end && !err;) {
		uint64_t rest = l2_rest(q, i);
		struct slice *s;
		unsigned at;

		err = l2_own(q, i, &s, &at);
		for (uint64_t k = 0; k < rest && !err; k++) {
			uint64_t old = l2_entry(s, at + (unsigned)k);

			if (!old || l2_check(q, old))
				continue;
			l2_give_up(q, old);
			l2_set(q, s, at + (unsigned)k, 0);
		}
		i += rest;
	}
	if (!err)
		err = qcow2_change(q);
	if (err)
		return err;
	table = q->l1[n] & QCOW2_OFFSET;
	q->l1[n] = 0;
	table_soil(q->l1_dirty, &q->l1_any, n);
	q->l1_new[n / 8] &= (uint8_t) ~(1 << n % 8);
	qcache_drop(&q->l2, table, q->cluster);
	qref_free_later(q, table >> q->bits, 1);
	return 0;
}

int
l1_clear(struct qcow2 *q, uint32_t n)
{
	int err = 0;

	for (; n < q->l1_size && !err; n++)
		if (q->l1[n] & QCOW2_OFFSET)
			err = give_up_table(q, n);
	return err;
}

int
qcow2_empty(struct image *im)
{
	struct qcow2 *q = im->own;
	int err;

	pthread_mutex_lock(&q->lock);
	q->floor = 0;
	err = l1_clear(q, 0);
	pthread_mutex_unlock(&q->lock);
	return err ? err : qcow2_flush(im);
}

static int
write_l1(struct qcow2 *q, uint64_t off, const uint64_t *l1, uint64_t n)
{
	uint8_t *p = calloc(1, qcow2_clusters(q, n * 8) << q->bits);
	int err;

	if (!p)
		return fail(-ENOMEM, "%s", q->im->name);
	for (uint64_t i = 0; i < n; i++)
		put_be64(p + i * 8, l1[i]);
	err = file_write(
		&q->im->file, off, p, qcow2_clusters(q, n * 8) << q->bits);
	free(p);
	/* Also for the counts of the new table, and for what it refers to. */
	return err ? err : qcow2_finish(q);
}

static int
turn(struct qcow2 *q, uint64_t off, uint64_t n)
{
	uint8_t b[12];

	put_be32(b, (uint32_t)n);
	put_be64(b + 4, off);
	return file_write(&q->im->file, QCOW2_AT_L1_SIZE, b, sizeof(b));
}

/* With the lock held, all flushed, nothing at work. */
static int
grow_l1(struct qcow2 *q, uint64_t n)
{
	uint64_t *l1 = calloc(n, sizeof(*l1)), first;
	uint8_t *dirty = calloc(1, n / 512 + 1), *new = calloc(1, n / 8 + 8);
	int err = l1 && dirty && new ? 0 : fail(-ENOMEM, "%s", q->im->name);

	for (uint32_t i = 0; !err && i < q->l1_size; i++)
		l1[i] = q->l1[i];
	if (!err)
		err = qref_alloc_run(q, qcow2_clusters(q, n * 8), &first);
	if (!err)
		err = write_l1(q, first << q->bits, l1, n);
	if (!err)
		err = turn(q, first << q->bits, n);
	if (err) {
		free(l1);
		free(dirty);
		free(new);
		return err;
	}
	free(q->l1);
	free(q->l1_dirty);
	free(q->l1_new);
	/* From here on the new one is it. If this fails the old one's room is
	 * lost, as both may be the one that the header has. */
	err = file_sync(&q->im->file);
	if (!err && q->l1_size)
		qref_free_now(q, q->l1_off >> q->bits,
			qcow2_clusters(q, q->l1_size * 8UL));
	q->l1 = l1;
	q->l1_dirty = dirty;
	q->l1_new = new;
	q->l1_size = (uint32_t)n;
	q->l1_off = first << q->bits;
	return err;
}

static int
need_l1(struct qcow2 *q, uint64_t size)
{
	unsigned span = q->bits + q->l2_bits;
	uint64_t n =
		(size >> span) + ((size & ((UINT64_C(1) << span) - 1)) != 0);
	int err = 0;

	if (n * 8 > QCOW2_L1_MAX)
		return failx(-EFBIG,
			"%s: a disk that large needs larger clusters",
			q->im->name);
	if (n <= q->l1_size)
		return 0;
	err = qcow2_flush(q->im);
	if (err)
		return err;
	pthread_mutex_lock(&q->lock);
	qcow2_settle(q);
	err = q->l1_any ? failx(-EBUSY, "%s: is written to", q->im->name)
			: grow_l1(q, n);
	pthread_mutex_unlock(&q->lock);
	return err;
}

static int
put_size(struct qcow2 *q, uint64_t size)
{
	int err = qcow2_put64(q, QCOW2_AT_SIZE, size);

	return err ? err : file_sync(&q->im->file);
}

/* What the disk gets reads as zeros, whatever the backing file has there, and
 * whatever an earlier end left in the last cluster. */
static int
grow(struct image *im, uint64_t size)
{
	struct qcow2 *q = im->own;
	uint64_t old = im->size, end = qcow2_clusters(q, old) << q->bits;
	int err = need_l1(q, size);

	if (err)
		return err;
	if (im->backing && im->backing->size > end)
		end = im->backing->size;
	if ((im->backing_name && !im->backing) || end > size)
		end = size;
	im->size = size;
	if (end > old)
		err = qcow2_zero(im, old, end - old, true);
	if (!err)
		err = qcow2_flush(im);
	if (!err)
		err = put_size(q, size);
	if (err)
		im->size = old;
	return err;
}

static int
shrink(struct image *im, uint64_t size)
{
	struct qcow2 *q = im->own;
	unsigned span = q->bits + q->l2_bits;
	uint64_t tables =
		(size >> span) + ((size & ((UINT64_C(1) << span) - 1)) != 0);
	uint64_t from = qcow2_clusters(q, size) << q->bits;
	uint64_t end = tables << span;
	int err = 0;

	if (q->snapshots)
		return failx(-ENOTSUP,
			"%s: has snapshots, it cannot get smaller", im->name);
	/* In the last table that stays. Nothing may be left there, nor in the
	 * tables, when the size is less: it would show in a disk that grows. */
	if (end > im->size)
		end = im->size;
	if (end > from)
		err = qcow2_forget(im, from, end - from);
	if (!err) {
		pthread_mutex_lock(&q->lock);
		q->floor = 0;
		err = l1_clear(q, (uint32_t)tables);
		pthread_mutex_unlock(&q->lock);
	}
	if (!err)
		err = qcow2_flush(im);
	if (!err)
		err = put_size(q, size);
	if (!err)
		im->size = size;
	return err;
}

int
qcow2_resize(struct image *im, uint64_t size)
{
	const struct qcow2 *q = im->own;

	/* A snapshot of version 2 has no size of its own. */
	if (q->snapshots && q->version < 3)
		return failx(-ENOTSUP,
			"%s: has snapshots, which in version 2 "
			"of the format have its size",
			im->name);
	return size > im->size ? grow(im, size) : shrink(im, size);
}
