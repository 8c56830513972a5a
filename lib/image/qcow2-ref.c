/* SPDX-License-Identifier: MIT */
/*
 * How often each cluster of the file is referred to, and which are unused.
 */
#include "lib/image/qcow2.h"

#include <errno.h>
#include <string.h>

#include "lib/err.h"

uint64_t
qref_value(const uint8_t *p, uint64_t i, unsigned order)
{
	uint64_t v = 0;

	if (order < 3) {
		unsigned per = 8U >> order, bits = 1U << order;

		return p[i / per] >> (i % per * bits) & ((1U << bits) - 1);
	}
	for (unsigned n = 1U << (order - 3), k = 0; k < n; k++)
		v = v << 8 | p[i * n + k];
	return v;
}

void
qref_store(uint8_t *p, uint64_t i, unsigned order, uint64_t v)
{
	if (order < 3) {
		unsigned per = 8U >> order, bits = 1U << order;
		unsigned shift = (unsigned)(i % per) * bits;
		unsigned mask = ((1U << bits) - 1) << shift;

		p[i / per] = (uint8_t)((p[i / per] & ~mask) | v << shift);
		return;
	}
	for (unsigned n = 1U << (order - 3), k = n; k-- > 0; v >>= 8)
		p[i * n + k] = (uint8_t)v;
}

static uint64_t
qref_max(const struct qcow2 *q)
{
	return q->order == 6 ? UINT64_MAX
			     : (UINT64_C(1) << (1U << q->order)) - 1;
}

static uint64_t
per_slice(const struct qcow2 *q)
{
	return (uint64_t)q->ref.size * 8 >> q->order;
}

/* The slice with the cluster's count, NULL: there is no block for it. */
static int
find(struct qcow2 *q, uint64_t cluster, struct slice **s, uint64_t *at)
{
	uint64_t region = cluster >> q->region_bits;
	uint64_t i = cluster & ((UINT64_C(1) << q->region_bits) - 1), block;
	int err;

	*s = NULL;
	if (region >= q->reftable_size || !q->reftable[region])
		return 0;
	block = q->reftable[region];
	err = qcow2_check_table(q, "refcount block", block, q->cluster);
	if (err)
		return err;
	*at = i % per_slice(q);
	return qcache_get(
		q, &q->ref, block + i / per_slice(q) * q->ref.size, 0, s);
}

int
qref_get(struct qcow2 *q, uint64_t cluster, uint64_t *count)
{
	struct slice *s;
	uint64_t at;
	int err = find(q, cluster, &s, &at);

	if (!err)
		*count = s ? qref_value(s->data, at, q->order) : 0;
	return err;
}

int
qref_add(struct qcow2 *q, uint64_t cluster, int by)
{
	struct slice *s;
	uint64_t at, v;
	int err = find(q, cluster, &s, &at);

	if (err)
		return err;
	v = s ? qref_value(s->data, at, q->order) : 0;
	if (!s || (by < 0 && v < (uint64_t)-by) ||
		(by > 0 && v > qref_max(q) - (uint64_t)by))
		return -ERANGE;
	qref_store(s->data, at, q->order, v + (uint64_t)by);
	qcache_soil(&q->ref, s);
	return 0;
}

void
table_soil(uint8_t *bits, bool *any, uint32_t i)
{
	bits[i / 64 / 8] |= (uint8_t)(1 << i / 64 % 8);
	*any = true;
}

int
qcow2_reach(struct qcow2 *q)
{
	uint64_t want = q->fresh << q->bits, step = q->file_end / 8, end;
	int err;

	if (want <= q->file_end)
		return 0;
	if (step > 16 << 20)
		step = 16 << 20;
	end = (want + step + q->cluster - 1) & ~(q->cluster - 1);
	/* What a limit forbids may still be possible in small. */
	err = file_truncate(&q->im->file, end);
	if (err == -EFBIG && end > want) {
		end = want;
		err = file_truncate(&q->im->file, end);
	}
	if (!err)
		q->file_end = end;
	return err;
}

/* A block for a region that has none: its own first cluster, which nobody uses
 * then. No flush is running. */
static int
new_block(struct qcow2 *q, uint64_t region)
{
	uint64_t cluster = region << q->region_bits, off = cluster << q->bits;
	bool zeros = cluster >= q->fresh;
	int err = 0;

	if (zeros) {
		q->fresh = cluster + 1;
		err = qcow2_reach(q);
	} else {
		err = file_zero(&q->im->file, off, q->cluster, false);
	}
	if (err)
		return err;
	q->reftable[region] = off;
	err = qref_add(q, cluster, 1);
	if (err) {
		q->reftable[region] = 0;
		return err;
	}
	table_soil(q->reftable_dirty, &q->reftable_any, (uint32_t)region);
	return 0;
}

/* There is a block for that cluster. */
static int
need_block(struct qcow2 *q, uint64_t cluster)
{
	uint64_t region = cluster >> q->region_bits;

	if (region < q->reftable_size && q->reftable[region])
		return 0;
	if (q->flushing)
		return -EAGAIN;
	if (region < q->reftable_size)
		return new_block(q, region);
	return qref_grow(q);
}

/* The first unused cluster from hint on; it has a block. */
static int
first_free(struct qcow2 *q, uint64_t *cluster)
{
	for (;;) {
		uint64_t at, count, c = q->hint;
		struct slice *s;
		int err = need_block(q, c);

		if (!err)
			err = find(q, c, &s, &at);
		if (err)
			return err;
		if (!s)
			continue; /* the table has grown: now its block */
		for (; at < per_slice(q); at++, c++) {
			count = qref_value(s->data, at, q->order);
			if (!count) {
				q->hint = *cluster = c;
				return 0;
			}
		}
		q->hint = c;
	}
}

int
qref_alloc(struct qcow2 *q, uint64_t want, struct run *out, bool *zeros)
{
	uint64_t c, n, count;
	int err = first_free(q, &c);

	if (err)
		return err;
	*zeros = c >= q->fresh;
	for (n = 0; n < want; n++) {
		/* Alike all, and with the block that the first one has. */
		if (n && ((c + n) >> q->region_bits != c >> q->region_bits ||
				 *zeros != (c + n >= q->fresh)))
			break;
		err = qref_get(q, c + n, &count);
		if (err || count)
			break;
		err = qref_add(q, c + n, 1);
		if (err)
			break;
	}
	if (!n)
		return err;
	if (c + n > q->fresh) {
		uint64_t fresh = q->fresh;

		q->fresh = c + n;
		err = qcow2_reach(q);
		if (err) {
			q->fresh = fresh;
			qref_free_now(q, c, n);
			return err;
		}
	}
	q->hint = c + n;
	*out = (struct run){c, n};
	return 0;
}

int
qref_alloc_run(struct qcow2 *q, uint64_t want, uint64_t *first)
{
	uint64_t c = q->fresh, n = 0, count;
	int err;

	while (n < want) {
		err = need_block(q, c + n);
		if (!err)
			err = need_block(q, c + n); /* of a grown table */
		if (!err)
			err = qref_get(q, c + n, &count);
		if (err)
			return err;
		n++;
		if (count) {
			c += n;
			n = 0;
		}
	}
	for (n = 0; n < want; n++) {
		err = qref_add(q, c + n, 1);
		if (err) {
			qref_free_now(q, c, n);
			return err;
		}
	}
	if (c + n > q->fresh)
		q->fresh = c + n;
	*first = c;
	return qcow2_reach(q);
}

/* Where the last one ended, if the bytes up to len behind that are free: in its
 * cluster, and in the next one. */
static int
append_packed(struct qcow2 *q, uint64_t len, uint64_t *off)
{
	uint64_t c = q->packed_at >> q->bits, count;
	uint64_t in = q->packed_at & (q->cluster - 1);
	int err;

	if (!in)
		return -ERANGE;
	if (in + len > q->cluster) {
		/* One more, which has to be unused, and have a block. */
		err = qref_get(q, c + 1, &count);
		if (err || count)
			return err ? err : -ERANGE;
		err = qref_add(q, c + 1, 1);
		if (err)
			return err;
		if (c + 2 > q->fresh)
			q->fresh = c + 2;
	}
	err = qref_add(q, c, 1);
	if (!err)
		err = qcow2_reach(q);
	if (err && in + len > q->cluster)
		qref_free_now(q, c + 1, 1);
	if (!err)
		*off = q->packed_at;
	return err;
}

int
qref_alloc_packed(struct qcow2 *q, uint64_t len, uint64_t *off)
{
	struct run run;
	bool zeros;
	int err = append_packed(q, len, off);

	if (err == -ERANGE) {
		err = qref_alloc(q, 1, &run, &zeros);
		if (err)
			return err;
		*off = run.first << q->bits;
	}
	if (!err)
		q->packed_at = *off + len;
	return err;
}

void
qref_free_packed_now(struct qcow2 *q, uint64_t off, uint64_t len)
{
	uint64_t first = off >> q->bits, last = (off + len - 1) >> q->bits;

	qref_free_now(q, first, last - first + 1);
}
