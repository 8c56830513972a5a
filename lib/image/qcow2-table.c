/* SPDX-License-Identifier: MIT */
/*
 * From a cluster of the disk to its entry in an L2 table.
 */
#include <errno.h>
#include <string.h>

#include "lib/err.h"
#include "lib/image/qcow2.h"

uint64_t
l2_entry(const struct slice *s, unsigned at)
{
	return be64_at(s->data + at * 8UL);
}

void
l2_set(struct qcow2 *q, struct slice *s, unsigned at, uint64_t entry)
{
	put_be64(s->data + at * 8UL, entry);
	qcache_soil(&q->l2, s);
}

uint64_t
l2_rest(const struct qcow2 *q, uint64_t i)
{
	uint64_t n = q->l2.size / 8;

	return n - i % n;
}

void
l2_packed(const struct qcow2 *q, uint64_t entry, uint64_t *off, uint64_t *len)
{
	unsigned x = 62 - (q->bits - 8);
	uint64_t sectors = (entry & (QCOW2_PACKED - 1)) >> x;

	*off = entry & ((UINT64_C(1) << x) - 1);
	*len = (sectors + 1) * 512 - (*off & 511);
}

static bool
in_table(const struct qcow2 *q, uint64_t off, uint64_t table, uint32_t size)
{
	return off - table <
	       ((size * 8UL + q->cluster - 1) & ~(q->cluster - 1));
}

int
l2_check(const struct qcow2 *q, uint64_t entry)
{
	uint64_t off = entry & QCOW2_OFFSET, len;

	if (entry & QCOW2_PACKED) {
		l2_packed(q, entry, &off, &len);
		if (off < q->cluster || off >= q->file_end)
			return image_broken(q->im,
				"a compressed cluster is outside of the file");
		return 0;
	}
	if (entry & QCOW2_ZERO && q->version < 3)
		return image_broken(
			q->im, "version 2 has no clusters of zeros");
	if (!off)
		return 0;
	if (off & (q->cluster - 1))
		return image_broken(q->im, "data is not at a cluster");
	if (off < q->cluster || off >= q->file_end)
		return image_broken(q->im, "data is outside of the file");
	if (in_table(q, off, q->l1_off, q->l1_size) ||
		in_table(q, off, q->reftable_off, q->reftable_size))
		return image_broken(q->im, "data is in a table");
	return 0;
}

static int
get(struct qcow2 *q, uint64_t i, uint64_t table, struct slice **s, unsigned *at)
{
	uint64_t in = i & ((UINT64_C(1) << q->l2_bits) - 1);
	uint64_t n = q->l2.size / 8;
	int err;

	*at = (unsigned)(in % n);
	err = qcache_get(q, &q->l2, table + in / n * q->l2.size,
		(uint32_t)(i >> q->l2_bits), s);
	if (err == -EAGAIN)
		err = failx(-EIO, "%s: no room for its tables", q->im->name);
	return err;
}

int
l2_look(struct qcow2 *q, uint64_t i, struct slice **s, unsigned *at)
{
	uint64_t n = i >> q->l2_bits, table;
	int err;

	*s = NULL;
	if (n >= q->l1_size || !(table = q->l1[n] & QCOW2_OFFSET))
		return 0;
	err = qcow2_check_table(q, "L2 table", table, q->cluster);
	return err ? err : get(q, i, table, s, at);
}

/* What the new table has is in the file, which nobody knows yet. */
static int
fill_table(struct qcow2 *q, uint64_t old, uint64_t new, bool zeros)
{
	uint8_t b[QCOW2_SLICE];
	int err = 0;

	if (!old)
		return zeros ? 0
			     : file_zero(&q->im->file, new, q->cluster, false);
	for (uint64_t at = 0; at < q->cluster && !err; at += q->l2.size) {
		err = file_read(&q->im->file, old + at, b, q->l2.size);
		if (!err)
			err = file_write(&q->im->file, new + at, b, q->l2.size);
	}
	return err;
}

/* A table for place n of the L1 table, with the entries of the old one. -EAGAIN
 * as qref_alloc(). */
static int
new_table(struct qcow2 *q, uint32_t n)
{
	uint64_t old = q->l1[n] & QCOW2_OFFSET;
	struct run run;
	bool zeros;
	int err = 0;

	if (old)
		err = qcow2_check_table(q, "L2 table", old, q->cluster);
	if (!err)
		err = qref_alloc(q, 1, &run, &zeros);
	if (err)
		return err;
	err = fill_table(q, old, run.first << q->bits, zeros);
	if (err) {
		qref_free_now(q, run.first, 1);
		return err;
	}
	q->l1[n] = run.first << q->bits | QCOW2_COPIED;
	q->l1_new[n / 8] |= (uint8_t)(1 << n % 8);
	table_soil(q->l1_dirty, &q->l1_any, n);
	if (old) {
		qcache_drop(&q->l2, old, q->cluster);
		qref_free_later(q, old >> q->bits, 1);
	}
	return 0;
}

int
l2_own(struct qcow2 *q, uint64_t i, struct slice **s, unsigned *at)
{
	uint64_t n = i >> q->l2_bits;
	int err;

	if (n >= q->l1_size)
		return image_broken(q->im, "its L1 table is too small");
	for (;;) {
		err = qcow2_change(q);
		/* An entry may have the flag, and nothing else. */
		if (!err && (!(q->l1[n] & QCOW2_COPIED) ||
				    !(q->l1[n] & QCOW2_OFFSET)))
			err = new_table(q, (uint32_t)n);
		if (err != -EAGAIN)
			break;
		qcow2_settle(q);
	}
	return err ? err : l2_look(q, i, s, at);
}

void
l2_give_up(struct qcow2 *q, uint64_t entry)
{
	if (entry & QCOW2_PACKED)
		qref_free_packed(q, entry);
	else if (entry & QCOW2_OFFSET)
		qref_free_later(q, (entry & QCOW2_OFFSET) >> q->bits, 1);
}
