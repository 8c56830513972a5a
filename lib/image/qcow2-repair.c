/* SPDX-License-Identifier: MIT */
/*
 * The refcounts made anew from what refers to clusters. Blocks that are not
 * there, or where something else is, get a place behind all that is used; so
 * does the table where it is too small.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/image/qcow2.h"

struct repair {
	struct qcheck *k;
	uint64_t *table, old_size, size; /* entries */
	uint64_t off; /* the table's place */
	bool moved;
};

/* n clusters behind all others. */
static int
append(struct repair *r, uint64_t n, uint64_t *first)
{
	struct qcheck *k = r->k;

	if (k->n + n > k->room) {
		uint64_t room = k->room + k->room / 4 + n;
		uint16_t *want = realloc(k->want, room * sizeof(*want));

		if (!want)
			return fail(-ENOMEM, "%s", k->q->im->name);
		memset(want + k->room, 0, (room - k->room) * sizeof(*want));
		k->want = want;
		k->room = room;
	}
	*first = k->n;
	k->n += n;
	for (uint64_t c = *first; c < k->n; c++)
		k->want[c] = 1;
	return 0;
}

static void
forget(struct qcheck *k, uint64_t off, uint64_t len)
{
	uint64_t end = qcow2_clusters(k->q, off + len);

	for (uint64_t c = off >> k->q->bits; c < end && c < k->n; c++)
		if (k->want[c] && k->want[c] < QCHECK_MAX)
			k->want[c]--;
}

/* It is where it may be, alone. */
static bool
usable(const struct qcheck *k, uint64_t block)
{
	unsigned bits = k->q->bits;

	return block && !(block & (k->q->cluster - 1)) &&
	       block >> bits < k->n && k->want[block >> bits] == 1;
}

static uint64_t
regions(const struct qcheck *k)
{
	return ((k->n - 1) >> k->q->region_bits) + 1;
}

static int
grow_table(struct repair *r)
{
	struct qcheck *k = r->k;
	struct qcow2 *q = k->q;
	uint64_t n = regions(k) + regions(k) / 4 + 1, size, first, *table;
	int err;

	n = qcow2_clusters(q, n * 8);
	size = n << q->bits >> 3;
	if (size * 8 > QCOW2_REFTABLE_MAX)
		return failx(-EFBIG,
			"%s: its refcount table would be too large",
			q->im->name);
	err = append(r, n, &first);
	if (err)
		return err;
	table = realloc(r->table, size * sizeof(*table));
	if (!table)
		return fail(-ENOMEM, "%s", q->im->name);
	memset(table + r->size, 0, (size - r->size) * sizeof(*table));
	forget(k, r->off, r->size * 8);
	r->table = table;
	r->size = size;
	r->off = first << q->bits;
	r->moved = true;
	return 0;
}

/* Every region with something in it has a block. Placing one adds a cluster,
 * so this goes on until nothing is added. */
static int
place(struct repair *r)
{
	struct qcheck *k = r->k;
	uint64_t was, first;
	int err = 0;

	do {
		was = k->n;
		while (!err && regions(k) > r->size)
			err = grow_table(r);
		for (uint64_t i = 0; i < r->size && !err; i++) {
			if (usable(k, r->table[i]) ||
				(!r->table[i] && i >= regions(k)))
				continue;
			if (r->table[i] && !(r->table[i] & (k->q->cluster - 1)))
				forget(k, r->table[i], k->q->cluster);
			r->table[i] = 0;
			if (i >= regions(k))
				continue;
			err = append(r, 1, &first);
			r->table[i] = first << k->q->bits;
		}
	} while (!err && k->n != was);
	return err;
}

static int
write_blocks(struct repair *r)
{
	struct qcheck *k = r->k;
	struct qcow2 *q = k->q;
	int err = 0;

	for (uint64_t i = 0; i < r->size && !err; i++) {
		uint64_t first = i << q->region_bits;
		uint64_t n = UINT64_C(1) << q->region_bits;
		uint64_t max = q->order >= 4 ? QCHECK_MAX
					     : (1U << (1U << q->order)) - 1;

		if (!r->table[i])
			continue;
		memset(k->table, 0, q->cluster);
		for (uint64_t c = first; c < first + n && c < k->n; c++) {
			uint64_t want = k->want[c];

			qref_store(k->table, c - first, q->order,
				want < max ? want : max);
		}
		err = file_write(
			&q->im->file, r->table[i], k->table, q->cluster);
	}
	return err ? err : file_sync(&q->im->file);
}

static int
write_table(struct repair *r)
{
	struct qcow2 *q = r->k->q;
	uint8_t b[12], *p = malloc(r->size * 8);
	int err;

	if (!p)
		return fail(-ENOMEM, "%s", q->im->name);
	for (uint64_t i = 0; i < r->size; i++)
		put_be64(p + i * 8, r->table[i]);
	err = file_write(&q->im->file, r->off, p, r->size * 8);
	free(p);
	if (!err)
		err = file_sync(&q->im->file);
	if (err || !r->moved)
		return err;
	put_be64(b, r->off);
	put_be32(b + 8, (uint32_t)qcow2_clusters(q, r->size * 8));
	err = file_write(&q->im->file, QCOW2_AT_REFTABLE, b, sizeof(b));
	return err ? err : file_sync(&q->im->file);
}

/* Before the blocks: the file is long enough for all of it. */
static int
reach(struct repair *r)
{
	struct qcow2 *q = r->k->q;

	if (q->fresh < r->k->n)
		q->fresh = r->k->n;
	return qcow2_reach(q);
}

int
qcheck_repair(struct qcheck *k)
{
	struct qcow2 *q = k->q;
	struct repair r = {
		.k = k, .size = q->reftable_size, .off = q->reftable_off};
	uint8_t *dirty = NULL;
	int err = 0;

	r.table = malloc((r.size + 1) * sizeof(*r.table));
	if (!r.table)
		return fail(-ENOMEM, "%s", q->im->name);
	memcpy(r.table, q->reftable, r.size * sizeof(*r.table));
	err = place(&r);
	if (!err && !(dirty = calloc(1, r.size / 512 + 1)))
		err = fail(-ENOMEM, "%s", q->im->name);
	if (!err)
		err = reach(&r);
	if (!err)
		err = write_blocks(&r);
	if (!err)
		err = write_table(&r);
	if (err) {
		free(dirty);
		free(r.table);
		return err;
	}
	qcache_drop(&q->ref, 0, UINT64_MAX);
	free(q->reftable);
	free(q->reftable_dirty);
	q->reftable = r.table;
	q->reftable_dirty = dirty;
	q->reftable_any = false;
	q->reftable_size = (uint32_t)r.size;
	q->reftable_off = r.off;
	q->hint = q->floor = 0;
	return 0;
}
