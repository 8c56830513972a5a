/* SPDX-License-Identifier: MIT */
/*
 * A qcow2 image (version 3, clusters of 64 KiB) written from its first byte to
 * its last, so that it can go down a pipe. Its tables come before what they
 * point to, so the disk is looked at twice: once to know which clusters hold
 * something, once to copy them. In the file there are, in this order: header,
 * L1 table, refcount table, refcount blocks, and each L2 table with its
 * clusters behind it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bin/disk/disk.h"
#include "lib/err.h"

enum {
	CLUSTER = 64 << 10,
	TABLE = CLUSTER / 8, /* entries of a table of 8 bytes each */
	COUNTS = CLUSTER / 2, /* clusters that a refcount block counts */
	PIECE = 2 << 20
};

#define COPIED (UINT64_C(1) << 63) /* in an entry: the refcount is 1 */

struct plan {
	struct image *from;
	int fd;
	uint64_t size, tables; /* L2 tables */
	uint8_t **used; /* per L2 table: a bit per cluster; NULL: all zeros */
	uint32_t *count; /* ... and how many of them are set */
	uint64_t l1, blocks, block_table, total; /* clusters */
	char *buf; /* a piece */
	struct img_progress progress;
	uint64_t done;
};

static void
put32(uint8_t *p, uint32_t v)
{
	v = __builtin_bswap32(v);
	memcpy(p, &v, sizeof(v));
}

static void
put64(uint8_t *p, uint64_t v)
{
	v = __builtin_bswap64(v);
	memcpy(p, &v, sizeof(v));
}

/* ---- the first look ---- */

static int
mark(struct plan *p, uint64_t table, uint64_t off, uint64_t len)
{
	int err = img_read(p->from, off, p->buf, (size_t)len);
	uint64_t first = off / CLUSTER - table * TABLE;

	for (uint64_t k = 0; k * CLUSTER < len && !err; k++) {
		size_t n = len - k * CLUSTER < CLUSTER
				   ? (size_t)(len - k * CLUSTER)
				   : CLUSTER;

		if (img_zeros(p->buf + k * CLUSTER, n))
			continue;
		if (!p->used[table])
			p->used[table] = calloc(TABLE / 8, 1);
		if (!p->used[table])
			return fail(-ENOMEM, "convert");
		p->used[table][(first + k) / 8] |=
			(uint8_t)(1u << (first + k) % 8);
		p->count[table]++;
	}
	return err;
}

static int
look_at_table(struct plan *p, uint64_t table)
{
	uint64_t off = table * TABLE * CLUSTER;
	uint64_t end = off + (uint64_t)TABLE * CLUSTER;
	struct image_extent e;
	int err = 0;

	if (end > p->size)
		end = p->size;
	while (off < end && !err) {
		uint64_t n;

		err = img_extent(p->from, off, end - off, &e);
		if (err)
			break;
		n = e.len == end - off ? e.len : e.len / CLUSTER * CLUSTER;
		if (!n || e.where == IMAGE_DATA) {
			n = PIECE < end - off ? PIECE : end - off;
			err = mark(p, table, off, n);
		}
		off += n;
	}
	return err;
}

static int
look(struct plan *p)
{
	uint64_t base = 1, was;
	int err = 0;

	p->used = calloc(p->tables + 1, sizeof(*p->used));
	p->count = calloc(p->tables + 1, sizeof(*p->count));
	p->buf = malloc(PIECE);
	if (!p->used || !p->count || !p->buf)
		return fail(-ENOMEM, "convert");
	for (uint64_t k = 0; k < p->tables && !err; k++) {
		err = look_at_table(p, k);
		base += p->used[k] ? p->count[k] + 1u : 0;
		img_progress(&p->progress, k, p->tables * 2);
	}
	p->l1 = (p->tables + TABLE - 1) / TABLE;
	base += p->l1;
	p->total = base;
	do {
		was = p->total;
		p->blocks = (was + COUNTS - 1) / COUNTS;
		p->block_table = (p->blocks + TABLE - 1) / TABLE;
		p->total = base + p->blocks + p->block_table;
	} while (p->total != was);
	return err;
}

/* ---- the second ---- */

static int
put(struct plan *p, const void *from, size_t n)
{
	p->done += n;
	return img_write_all(p->fd, from, n);
}

static int
put_header(struct plan *p)
{
	uint8_t h[CLUSTER] = {'Q', 'F', 'I', 0xfb};

	put32(h + 4, 3);
	put32(h + 20, 16); /* bits of a cluster */
	put64(h + 24, p->size);
	put32(h + 36, (uint32_t)p->tables);
	put64(h + 40, CLUSTER); /* L1 */
	put64(h + 48, (1 + p->l1) * CLUSTER); /* refcount table */
	put32(h + 56, (uint32_t)p->block_table);
	put32(h + 96, 4); /* counts of 16 bits */
	put32(h + 100, 104); /* length of this; no extensions follow */
	return put(p, h, sizeof(h));
}

/* A table of n entries in whole clusters; next() tells each of them. */
static int
put_table(struct plan *p, uint64_t clusters, uint64_t n, void *to,
	uint64_t (*next)(const struct plan *, void *to, uint64_t k))
{
	uint8_t t[CLUSTER];
	int err = 0;

	for (uint64_t c = 0; c < clusters && !err; c++) {
		memset(t, 0, sizeof(t));
		for (uint64_t k = 0; k < TABLE && c * TABLE + k < n; k++)
			put64(t + k * 8, next(p, to, c * TABLE + k));
		err = put(p, t, sizeof(t));
	}
	return err;
}

/* to: the cluster that comes next. */
static uint64_t
l1_entry(const struct plan *p, void *to, uint64_t k)
{
	uint64_t *at = to, off = *at * CLUSTER;

	if (!p->used[k])
		return 0;
	*at += 1 + p->count[k];
	return off | COPIED;
}

static uint64_t
block_entry(const struct plan *p, void *to, uint64_t k)
{
	(void)to;
	return (1 + p->l1 + p->block_table + k) * CLUSTER;
}

static bool
is_used(const struct plan *p, uint64_t table, uint64_t k)
{
	return p->used[table][k / 8] >> k % 8 & 1;
}

struct l2 {
	uint64_t table, at;
};

static uint64_t
l2_entry(const struct plan *p, void *to, uint64_t k)
{
	struct l2 *l2 = to;

	return is_used(p, l2->table, k) ? l2->at++ * CLUSTER | COPIED : 0;
}

/* Each cluster of the file has the refcount 1. */
static int
put_counts(struct plan *p)
{
	uint8_t t[CLUSTER];
	int err = 0;

	for (uint64_t b = 0; b < p->blocks && !err; b++) {
		memset(t, 0, sizeof(t));
		for (uint64_t k = 0; k < COUNTS && b * COUNTS + k < p->total;
			k++)
			t[k * 2 + 1] = 1;
		err = put(p, t, sizeof(t));
	}
	return err;
}

static int
put_clusters(struct plan *p, uint64_t table)
{
	uint64_t k = 0;
	int err = 0;

	while (k < TABLE && !err) {
		size_t n = 0;

		while (k + n < TABLE && n < PIECE / CLUSTER &&
			is_used(p, table, k + n))
			n++;
		if (!n) {
			k++;
			continue;
		}
		err = img_read(p->from, (table * TABLE + k) * CLUSTER, p->buf,
			n * CLUSTER);
		if (!err)
			err = put(p, p->buf, n * CLUSTER);
		img_progress(&p->progress, p->total + p->done / CLUSTER,
			p->total * 2);
		k += n;
	}
	return err;
}

static int
write_it(struct plan *p)
{
	uint64_t first = 1 + p->l1 + p->block_table + p->blocks, next = first;
	struct l2 l2 = {.at = first};
	int err = put_header(p);

	if (!err)
		err = put_table(p, p->l1, p->tables, &next, l1_entry);
	if (!err)
		err = put_table(
			p, p->block_table, p->blocks, NULL, block_entry);
	if (!err)
		err = put_counts(p);
	for (uint64_t k = 0; k < p->tables && !err; k++) {
		if (!p->used[k])
			continue;
		l2.table = k;
		l2.at++; /* itself */
		err = put_table(p, 1, TABLE, &l2, l2_entry);
		if (!err)
			err = put_clusters(p, k);
	}
	return err;
}

int
img_stream_qcow2(struct image *from, const struct img_conf *conf, int fd)
{
	struct plan p = {.from = from, .fd = fd, .size = image_size(from)};
	int err;

	if (conf->compress || conf->opts.n)
		return failx(-EINVAL, "to standard output, qcow2 is neither "
				      "compressed nor has options");
	p.tables = (p.size + (uint64_t)TABLE * CLUSTER - 1) / CLUSTER / TABLE;
	if (p.tables > 4 << 20)
		return failx(
			-EFBIG, "%s: too large for qcow2", image_name(from));
	img_progress_open(&p.progress, conf);
	err = look(&p);
	if (!err)
		err = write_it(&p);
	img_progress_close(&p.progress);
	for (uint64_t k = 0; p.used && k < p.tables; k++)
		free(p.used[k]);
	free(p.used);
	free(p.count);
	free(p.buf);
	return err;
}
