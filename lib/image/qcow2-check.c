/* SPDX-License-Identifier: MIT */
/*
 * Looking at all metadata of a qcow2 image: which clusters are referred to, how
 * often, and whether that is what the refcounts and the flags say.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/image/qcow2.h"

enum { CLUSTERS_MAX = 1 << 30 };

static void
wrong(struct qcheck *k, const char *what, const char *where, uint64_t off)
{
	k->c->errors++;
	image_say(
		k->tell, "%s %s (%#llx)", what, where, (unsigned long long)off);
}

void
qcheck_mark(struct qcheck *k, const char *what, uint64_t off, uint64_t len)
{
	unsigned bits = k->q->bits;
	uint64_t end;

	if (!len)
		return;
	if (off > k->n << bits || len > (k->n << bits) - off) {
		wrong(k, what, "is outside of the file", off);
		return;
	}
	end = qcow2_clusters(k->q, off + len);
	for (uint64_t c = off >> bits; c < end; c++)
		if (k->want[c] < QCHECK_MAX)
			k->want[c]++;
}

/* ---- what refers to clusters ---- */

static void
count_entry(struct qcheck *k, uint64_t entry, bool active, uint64_t *last)
{
	struct qcow2 *q = k->q;
	uint64_t off = entry & QCOW2_OFFSET, len = q->cluster;

	if (entry & QCOW2_PACKED) {
		l2_packed(q, entry, &off, &len);
		/* The last sector of the file may be cut. */
		if (off < k->n << q->bits && len > (k->n << q->bits) - off)
			len = (k->n << q->bits) - off;
		k->c->compressed += active;
	} else if (off & (q->cluster - 1)) {
		wrong(k, "data", "is not at a cluster", off);
		return;
	} else if (entry & QCOW2_ZERO && q->version < 3) {
		wrong(k, "an entry", "has a flag of version 3", off);
	}
	if (!off)
		return;
	k->c->allocated += active;
	k->c->fragmented += active && *last && *last + q->cluster != off;
	*last = off;
	qcheck_mark(k, "data", off, len);
}

static int
count_l2(struct qcheck *k, uint64_t off, bool active, uint64_t *last)
{
	struct qcow2 *q = k->q;
	int err = file_read(&q->im->file, off, k->table, q->cluster);

	for (uint64_t i = 0; i < q->cluster && !err; i += 8) {
		uint64_t entry = be64_at(k->table + i);

		if (entry)
			count_entry(k, entry, active, last);
	}
	return err;
}

static int
count_l1(struct qcheck *k, const uint64_t *l1, uint32_t n, bool active)
{
	uint64_t last = 0;
	int err = 0;

	for (uint32_t i = 0; i < n && !err; i++) {
		uint64_t off = l1[i] & QCOW2_OFFSET;

		if (!off)
			continue;
		if (off & (k->q->cluster - 1)) {
			wrong(k, "an L2 table", "is not at a cluster", off);
			continue;
		}
		qcheck_mark(k, "an L2 table", off, k->q->cluster);
		err = count_l2(k, off, active, &last);
	}
	return err;
}

static int
count_snapshot(struct qcheck *k, const struct snapshot *s)
{
	uint64_t *l1 = calloc(s->l1_size + 1UL, sizeof(*l1));
	int err = l1 ? 0 : fail(-ENOMEM, "%s", k->q->im->name);

	if (!err)
		err = file_read(
			&k->q->im->file, s->l1_off, l1, s->l1_size * 8UL);
	for (uint32_t i = 0; !err && i < s->l1_size; i++)
		l1[i] = be64_at(&l1[i]);
	if (!err)
		err = count_l1(k, l1, s->l1_size, false);
	free(l1);
	qcheck_mark(k, "a snapshot's L1 table", s->l1_off, s->l1_size * 8UL);
	return err;
}

/* Another program's dirty bitmaps: a directory, tables, data. */
static int
count_bitmap(struct qcheck *k, const uint8_t *entry)
{
	struct qcow2 *q = k->q;
	uint64_t off = be64_at(entry), n = be32_at(entry + 8);

	qcheck_mark(k, "a bitmap's table", off, n * 8);
	for (uint64_t i = 0; i < n; i++) {
		uint8_t b[8];
		int err = file_read(&q->im->file, off + i * 8, b, sizeof(b));

		if (err)
			return err;
		if (be64_at(b) & QCOW2_OFFSET)
			qcheck_mark(k, "a bitmap", be64_at(b) & QCOW2_OFFSET,
				q->cluster);
		if (i * 8 > k->n << q->bits)
			break; /* already outside */
	}
	return 0;
}

static int
count_bitmaps(struct qcheck *k)
{
	struct qcow2 *q = k->q;
	uint64_t at = q->bitmaps_off, end = at + q->bitmaps_size;
	int err = 0;

	if (!q->bitmaps || !(q->autoclear & 1))
		return 0;
	qcheck_mark(k, "the directory of bitmaps", at, q->bitmaps_size);
	for (uint32_t i = 0; i < q->bitmaps && at + 24 <= end && !err; i++) {
		uint8_t entry[24];

		err = file_read(&q->im->file, at, entry, sizeof(entry));
		if (!err)
			err = count_bitmap(k, entry);
		at += (24 + be16_at(entry + 18) + be32_at(entry + 20) + 7UL) &
		      ~7UL;
	}
	return err;
}

static int
count_all(struct qcheck *k)
{
	struct qcow2 *q = k->q;
	int err;

	qcheck_mark(k, "the header", 0, q->cluster);
	qcheck_mark(k, "the L1 table", q->l1_off, q->l1_size * 8UL);
	qcheck_mark(k, "the refcount table", q->reftable_off,
		q->reftable_size * 8UL);
	qcheck_mark(k, "the table of snapshots", q->snapshots_off,
		q->snapshots_size);
	for (uint32_t i = 0; i < q->reftable_size; i++)
		if (q->reftable[i] & (q->cluster - 1))
			wrong(k, "a refcount block", "is not at a cluster",
				q->reftable[i]);
		else if (q->reftable[i])
			qcheck_mark(k, "a refcount block", q->reftable[i],
				q->cluster);
	err = count_l1(k, q->l1, q->l1_size, true);
	for (uint32_t i = 0; i < q->snapshots && !err; i++)
		err = count_snapshot(k, &q->snapshot[i]);
	return err ? err : count_bitmaps(k);
}

/* ---- what the counts say ---- */

static void
say_fault(struct qcheck *k)
{
	if (k->fault)
		image_say(k->tell, "clusters %llu to %llu: %s",
			(unsigned long long)k->fault_first,
			(unsigned long long)k->fault_end - 1, k->fault);
	k->fault = NULL;
}

static void
fault(struct qcheck *k, uint64_t cluster, const char *what)
{
	if (k->fault != what || cluster != k->fault_end) {
		say_fault(k);
		k->fault = what;
		k->fault_first = cluster;
	}
	k->fault_end = cluster + 1;
}

static void
compare(struct qcheck *k, uint64_t cluster, uint64_t count)
{
	uint64_t want = cluster < k->n ? k->want[cluster] : 0;

	if (count == want)
		return;
	if (count > want) {
		fault(k, cluster, "leaked");
		k->c->leaks++;
	} else {
		fault(k, cluster, "counted too low");
		k->c->errors++;
	}
}

static int
compare_all(struct qcheck *k)
{
	struct qcow2 *q = k->q;
	uint64_t regions = ((k->n - 1) >> q->region_bits) + 1, count;
	int err = 0;

	if (regions < q->reftable_size)
		regions = q->reftable_size;
	for (uint64_t r = 0; r < regions && !err; r++) {
		uint64_t first = r << q->region_bits;
		uint64_t end = (r + 1) << q->region_bits;
		bool there = r < q->reftable_size && q->reftable[r] &&
			     !(q->reftable[r] & (q->cluster - 1)) &&
			     q->reftable[r] < q->file_end;

		if (!there && end > k->n)
			end = k->n;
		for (uint64_t c = first; c < end && !err; c++) {
			count = 0;
			if (there)
				err = qref_get(q, c, &count);
			if (!err)
				compare(k, c, count);
		}
	}
	say_fault(k);
	return err;
}

/* ---- the flags that say that a cluster is nobody else's ---- */

static bool
wrong_flag(const struct qcheck *k, uint64_t entry)
{
	uint64_t off = entry & QCOW2_OFFSET;

	if (!off || entry & QCOW2_PACKED || off & (k->q->cluster - 1) ||
		off >> k->q->bits >= k->n)
		return false;
	return (k->want[off >> k->q->bits] == 1) != !!(entry & QCOW2_COPIED);
}

static int
check_flag(struct qcheck *k, bool repair, uint64_t at, uint64_t *entry)
{
	int err = 0;

	if (!wrong_flag(k, *entry))
		return 0;
	image_say(k->tell, "the entry at %#llx has the wrong flag",
		(unsigned long long)at);
	if (repair) {
		*entry ^= QCOW2_COPIED;
		err = qcow2_put64(k->q, at, *entry);
		k->c->fixed++;
	} else {
		k->c->errors++;
	}
	return err;
}

static int
check_flags(struct qcheck *k, bool repair)
{
	struct qcow2 *q = k->q;
	int err = 0;

	for (uint32_t n = 0; n < q->l1_size && !err; n++) {
		uint64_t off;

		err = check_flag(k, repair, q->l1_off + n * 8UL, &q->l1[n]);
		off = q->l1[n] & QCOW2_OFFSET;
		if (err || !off || off & (q->cluster - 1) ||
			off >> q->bits >= k->n)
			continue;
		err = file_read(&q->im->file, off, k->table, q->cluster);
		for (uint64_t i = 0; i < q->cluster && !err; i += 8) {
			uint64_t entry = be64_at(k->table + i);

			err = check_flag(k, repair, off + i, &entry);
		}
		if (repair)
			qcache_drop(&q->l2, off, q->cluster);
	}
	return err;
}

/* ---- all of it ---- */

static int
check(struct qcheck *k, bool repair)
{
	struct qcow2 *q = k->q;
	struct image_check *c = k->c;
	uint64_t counted = 0, before;
	int err = count_all(k);

	before = c->errors;
	if (!err)
		err = compare_all(k);
	counted = c->errors - before + c->leaks;
	if (!err && repair && (counted || q->incompatible & QCOW2_DIRTY)) {
		err = qcheck_repair(k);
		if (!err) {
			c->errors = before;
			c->leaks = 0;
			c->fixed += counted;
		}
	}
	if (!err)
		err = check_flags(k, repair);
	if (!err && repair && !c->errors)
		err = qcow2_mark(
			q, q->incompatible &
				   ~(uint64_t)(QCOW2_DIRTY | QCOW2_CORRUPT));
	c->clusters = qcow2_clusters(q, q->im->size);
	for (uint64_t n = k->n; n && !c->file_end; n--)
		if (k->want[n - 1])
			c->file_end = n << q->bits;
	return err;
}

int
qcow2_check(struct image *im, bool repair, struct image_check *c,
	const struct image_tell *tell)
{
	struct qcow2 *q = im->own;
	struct qcheck k = {.q = q, .c = c, .tell = tell};
	int err = im->write ? qcow2_flush(im) : 0;

	if (err)
		return err;
	k.n = k.room = q->file_end >> q->bits;
	if (k.n > CLUSTERS_MAX)
		return failx(-EFBIG, "%s: too large to be checked", im->name);
	k.want = calloc(k.room, sizeof(*k.want));
	k.table = malloc(q->cluster);
	if (!k.want || !k.table)
		err = fail(-ENOMEM, "%s", im->name);
	if (!err) {
		pthread_mutex_lock(&q->lock);
		qcow2_settle(q);
		err = check(&k, repair);
		pthread_mutex_unlock(&q->lock);
	}
	free(k.table);
	free(k.want);
	return err;
}
