/* SPDX-License-Identifier: MIT */
/*
 * qcow2 images: opening and closing. The rest is in the other files; how they
 * work together is told in qcow2.h.
 */
#include "lib/image/qcow2.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"

enum {
	SORTED_MAX = 1 << 20, /* more tables are compared by checks only */
	/* Of an image that is repaired while it is opened. */
	TABLES_MAX = 1 << 30, /* bytes of L2 tables */
	CLUSTERS_MAX = 1 << 24 /* of the file */
};

static int
read_table(struct qcow2 *q, uint64_t off, uint32_t n, uint64_t **out)
{
	uint64_t *t = calloc(n + 1UL, sizeof(*t));
	int err;

	if (!t)
		return fail(-ENOMEM, "%s", q->im->name);
	err = n ? file_read(&q->im->file, off, t, n * 8UL) : 0;
	if (err) {
		free(t);
		return err;
	}
	for (uint32_t i = 0; i < n; i++)
		t[i] = be64_at(&t[i]);
	*out = t;
	return 0;
}

static int
read_tables(struct qcow2 *q)
{
	int err = read_table(q, q->l1_off, q->l1_size, &q->l1);

	if (!err)
		err = read_table(
			q, q->reftable_off, q->reftable_size, &q->reftable);
	if (err)
		return err;
	q->l1_dirty = calloc(1, q->l1_size / 512 + 1);
	q->l1_new = calloc(1, q->l1_size / 8 + 8);
	q->reftable_dirty = calloc(1, q->reftable_size / 512 + 1);
	if (!q->l1_dirty || !q->l1_new || !q->reftable_dirty)
		return fail(-ENOMEM, "%s", q->im->name);
	return 0;
}

static int
compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Where a table begins that the L1 or the refcount table names. */
static int
check_place(struct qcow2 *q, const char *what, uint64_t off)
{
	int err = qcow2_check_table(q, what, off, q->cluster);

	if (!err && off - q->l1_off < q->l1_size * 8UL)
		err = image_broken(q->im, "its %s is in the L1 table", what);
	if (!err && off - q->reftable_off < q->reftable_size * 8UL)
		err = image_broken(
			q->im, "its %s is in the refcount table", what);
	return err;
}

/* All tables have a place of their own. */
static int
check_places(struct qcow2 *q)
{
	uint64_t *all = NULL;
	size_t n = 0, tables = 0;
	int err = 0;

	for (uint32_t i = 0; i < q->l1_size && !err; i++)
		if (q->l1[i] & QCOW2_OFFSET && ++tables)
			err = check_place(
				q, "L2 table", q->l1[i] & QCOW2_OFFSET);
	for (uint32_t i = 0; i < q->reftable_size && !err; i++)
		if (q->reftable[i] && ++tables)
			err = check_place(q, "refcount block", q->reftable[i]);
	if (err || tables > SORTED_MAX)
		return err;
	all = malloc((tables + 1) * sizeof(*all));
	if (!all)
		return fail(-ENOMEM, "%s", q->im->name);
	for (uint32_t i = 0; i < q->l1_size; i++)
		if (q->l1[i] & QCOW2_OFFSET)
			all[n++] = q->l1[i] & QCOW2_OFFSET;
	for (uint32_t i = 0; i < q->reftable_size; i++)
		if (q->reftable[i])
			all[n++] = q->reftable[i];
	qsort(all, n, sizeof(*all), compare);
	for (size_t i = 1; i < n && !err; i++)
		if (all[i] == all[i - 1])
			err = image_broken(q->im,
				"two of its tables are in the same place");
	free(all);
	return err;
}

static void
release(struct qcow2 *q)
{
	qcow2_free_snapshots(q);
	qcache_free(&q->l2);
	qcache_free(&q->ref);
	free(q->l1);
	free(q->l1_dirty);
	free(q->l1_new);
	free(q->reftable);
	free(q->reftable_dirty);
	free(q->quarantine);
	free(q->limbo);
	free(q->spare);
	free(q->packed);
	free(q->unpacked);
	pthread_cond_destroy(&q->changed);
	pthread_mutex_destroy(&q->unpack_lock);
	pthread_mutex_destroy(&q->lock);
	free(q);
}

static int
make_caches(struct qcow2 *q, size_t bytes)
{
	size_t size = q->cluster < QCOW2_SLICE ? q->cluster : QCOW2_SLICE;
	size_t n = (bytes ? bytes : QCOW2_CACHE) / size;
	int err;

	if (n < 16)
		n = 16;
	err = qcache_new(&q->l2, q->im->name, (unsigned)n, size);
	n = QCOW2_REF_CACHE / size;
	if (!err)
		err = qcache_new(&q->ref, q->im->name, (unsigned)n, size);
	q->quarantine = calloc(QCOW2_QUARANTINE + 1, sizeof(*q->quarantine));
	q->limbo = calloc(2 * QCOW2_QUARANTINE, sizeof(*q->limbo));
	q->spare = calloc(2 * QCOW2_QUARANTINE, sizeof(*q->spare));
	if (!err && (!q->quarantine || !q->limbo || !q->spare))
		err = fail(-ENOMEM, "%s", q->im->name);
	return err;
}

/* Opening an image that a crash left looks at all of it: as far as that can be
 * done at once, and in little memory. */
static int
check_cost(const struct qcow2 *q)
{
	uint64_t tables = 0, blocks = 0;

	for (uint32_t i = 0; i < q->reftable_size; i++)
		blocks += q->reftable[i] != 0;
	for (uint32_t i = 0; i < q->l1_size; i++)
		tables += (q->l1[i] & QCOW2_OFFSET) != 0;
	for (uint32_t i = 0; i < q->snapshots; i++)
		tables += q->snapshot[i].l1_size;
	if (tables << q->bits <= TABLES_MAX &&
		blocks << q->region_bits <= 2 * CLUSTERS_MAX &&
		q->file_end >> q->bits <= CLUSTERS_MAX)
		return 0;
	return failx(-EFBIG,
		"%s: was not closed, and is too large to be put right here: "
		"needs vm-disk check -r",
		q->im->name);
}

/* A writer does not know what other programs keep in the image beside, so their
 * marks that it is up to date go; and counts that a crash left are made anew.
 */
static int
prepare_write(struct qcow2 *q, const struct image_options *o)
{
	struct image_check c = {0};
	int err = 0;

	if (q->autoclear) {
		err = qcow2_put64(q, QCOW2_AT_AUTOCLEAR, 0);
		if (!err)
			err = file_sync(&q->im->file);
		q->autoclear = 0;
	}
	if (err || !(q->incompatible & QCOW2_DIRTY) || o->check)
		return err;
	err = check_cost(q);
	return err ? err : qcow2_check(q->im, true, &c, NULL);
}

static int
qcow2_open(struct image *im, const struct image_options *o)
{
	struct qcow2 *q = calloc(1, sizeof(*q));
	int err;

	if (!q)
		return fail(-ENOMEM, "%s", im->name);
	q->im = im;
	pthread_mutex_init(&q->lock, NULL);
	pthread_mutex_init(&q->unpack_lock, NULL);
	pthread_cond_init(&q->changed, NULL);
	err = qcow2_read_header(q, o);
	if (!err)
		err = qcow2_read_snapshots(q);
	if (!err)
		err = read_tables(q);
	if (!err && !o->check)
		err = check_places(q);
	if (!err)
		err = make_caches(q, o->cache);
	if (!err) {
		q->fresh = q->floor = qcow2_clusters(q, q->file_end);
		im->own = q;
		if (im->write)
			err = prepare_write(q, o);
	}
	if (err) {
		im->own = NULL;
		release(q);
	}
	return err;
}

/* The file ends where what is used ends. */
static int
trim(struct qcow2 *q)
{
	uint64_t end = q->fresh, count, size;
	int err = 0;

	while (end > 1 && end > q->floor) {
		uint64_t region = (end - 1) >> q->region_bits;

		if (region >= q->reftable_size)
			end = (uint64_t)q->reftable_size << q->region_bits;
		else if (!q->reftable[region])
			end = region << q->region_bits;
		else if ((err = qref_get(q, end - 1, &count)) != 0 || count)
			break;
		else
			end--;
	}
	if (end < q->floor)
		end = q->floor;
	if (!err)
		err = file_size(&q->im->file, &size);
	if (!err && size > end << q->bits)
		err = file_truncate(&q->im->file, end << q->bits);
	return err;
}

static int
qcow2_close(struct image *im)
{
	struct qcow2 *q = im->own;
	int err = 0;

	if (im->write) {
		pthread_mutex_lock(&q->lock);
		qref_release(q);
		pthread_mutex_unlock(&q->lock);
		err = qcow2_finish(q);
		if (!err && q->marked)
			err = qcow2_mark(
				q, q->incompatible & ~(uint64_t)QCOW2_DIRTY);
		if (!err)
			err = trim(q);
	}
	release(q);
	return err;
}

static uint64_t
qcow2_cluster(const struct image *im)
{
	return ((const struct qcow2 *)im->own)->cluster;
}

const struct image_ops image_qcow2_ops = {
	.name = "qcow2",
	.suffix = ".qcow2",
	.writes = true,
	.open = qcow2_open,
	.close = qcow2_close,
	.cluster = qcow2_cluster,
	.map = qcow2_map,
	.read = qcow2_read,
	.write = qcow2_write,
	.flush = qcow2_flush,
	.discard = qcow2_discard,
	.zero = qcow2_zero,
	.write_compressed = qcow2_write_compressed,
	.resize = qcow2_resize,
	.rebase = qcow2_rebase,
	.empty = qcow2_empty,
	.check = qcow2_check,
	.describe = qcow2_describe,
	.create = qcow2_create,
};
