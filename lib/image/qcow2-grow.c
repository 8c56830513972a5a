/* SPDX-License-Identifier: MIT */
/*
 * A larger refcount table: it is written behind what the old one can count,
 * with the blocks that count itself; then the header turns to it. Rare, so it
 * waits for the disk with the lock held.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/image/qcow2.h"

struct growth {
	uint64_t first; /* cluster: blocks, then the table */
	uint64_t blocks, table; /* clusters */
	uint32_t size; /* entries */
};

static int
plan(struct qcow2 *q, struct growth *g)
{
	uint64_t per_block = UINT64_C(1) << q->region_bits, old;
	uint64_t size = (uint64_t)q->reftable_size * 2;

	g->first = (uint64_t)q->reftable_size << q->region_bits;
	g->blocks = 1;
	do {
		old = g->blocks;
		if (size < q->reftable_size + old)
			size = q->reftable_size + old;
		g->table = qcow2_clusters(q, size * 8);
		g->blocks = (g->table + old + per_block - 1) / per_block;
	} while (g->blocks > old);
	size = g->table << q->bits >> 3;
	g->blocks = old;
	g->size = (uint32_t)size;
	if (size * 8 > QCOW2_REFTABLE_MAX)
		return failx(-EFBIG,
			"%s: cannot grow: its refcount table is full",
			q->im->name);
	return 0;
}

static int
write_blocks(struct qcow2 *q, const struct growth *g)
{
	uint64_t left = g->blocks + g->table;
	uint8_t *p = malloc(q->cluster);
	int err = p ? 0 : fail(-ENOMEM, "%s", q->im->name);

	for (uint64_t b = 0; !err && b < g->blocks; b++) {
		memset(p, 0, q->cluster);
		for (uint64_t i = 0; i >> q->region_bits == 0 && left; i++) {
			qref_store(p, i, q->order, 1);
			left--;
		}
		err = file_write(
			&q->im->file, (g->first + b) << q->bits, p, q->cluster);
	}
	free(p);
	return err;
}

static int
write_table(struct qcow2 *q, const struct growth *g, const uint64_t *table)
{
	uint8_t *p = malloc(g->size * 8UL);
	int err;

	if (!p)
		return fail(-ENOMEM, "%s", q->im->name);
	for (uint32_t i = 0; i < g->size; i++)
		put_be64(p + i * 8UL, table[i]);
	err = file_write(&q->im->file, (g->first + g->blocks) << q->bits, p,
		g->size * 8UL);
	free(p);
	return err;
}

/* All that the new table refers to is in the file. */
static int
write_counts(struct qcow2 *q)
{
	int err = 0;

	for (unsigned i = 0; i < q->ref.n && !err; i++)
		if (q->ref.slice[i].dirty)
			err = qcache_write(q, &q->ref, &q->ref.slice[i]);
	return err ? err : file_sync(&q->im->file);
}

static int
turn(struct qcow2 *q, const struct growth *g)
{
	uint8_t b[12];

	put_be64(b, (g->first + g->blocks) << q->bits);
	put_be32(b + 8, (uint32_t)g->table);
	return file_write(&q->im->file, QCOW2_AT_REFTABLE, b, sizeof(b));
}

static void
take_over(struct qcow2 *q, const struct growth *g, uint64_t *table,
	uint8_t *dirty)
{
	uint64_t old = q->reftable_off >> q->bits;
	uint64_t n = qcow2_clusters(q, q->reftable_size * 8UL);

	free(q->reftable);
	free(q->reftable_dirty);
	q->reftable = table;
	q->reftable_dirty = dirty;
	q->reftable_any = false;
	q->reftable_size = g->size;
	q->reftable_off = (g->first + g->blocks) << q->bits;
	/* If this fails the old table's room is lost, as both may be the one
	 * that the header has. */
	if (file_sync(&q->im->file) == 0)
		qref_free_now(q, old, n);
}

int
qref_grow(struct qcow2 *q)
{
	struct growth g;
	uint64_t *table, fresh = q->fresh;
	uint8_t *dirty;
	int err = plan(q, &g);

	if (err)
		return err;
	table = calloc(g.size, sizeof(*table));
	dirty = calloc(1, g.size / 512 + 1);
	if (!table || !dirty)
		err = fail(-ENOMEM, "%s", q->im->name);
	if (!err) {
		memcpy(table, q->reftable, q->reftable_size * 8UL);
		for (uint64_t b = 0; b < g.blocks; b++)
			table[q->reftable_size + b] = (g.first + b) << q->bits;
		if (q->fresh < g.first + g.blocks + g.table)
			q->fresh = g.first + g.blocks + g.table;
		err = qcow2_reach(q);
	}
	if (!err)
		err = write_blocks(q, &g);
	if (!err)
		err = write_table(q, &g, table);
	if (!err)
		err = write_counts(q);
	if (!err)
		err = turn(q, &g);
	if (!err) {
		take_over(q, &g, table, dirty);
		return 0;
	}
	if (q->fresh << q->bits > q->file_end)
		q->fresh = fresh;
	free(dirty);
	free(table);
	return err;
}
