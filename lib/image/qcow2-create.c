/* SPDX-License-Identifier: MIT */
/*
 * A new qcow2 file: header, refcount table, the blocks that count all of this,
 * an empty L1 table.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/image/qcow2.h"

enum {
	HEADER = 112, /* version 3, with the kind of compression */
	NAME_MAX_BYTES = 1023,
	ORDER = 4
};

struct layout { /* clusters */
	uint64_t reftable, blocks, l1, total, l1_size;
};

static int
check_create(const char *name, const struct image_create *c, unsigned bits)
{
	if (bits < 9 || bits > 21)
		return failx(
			-EINVAL, "%s: clusters have 512 bytes to 2 MiB", name);
	if (c->v2 && (c->lazy_refcounts || c->zstd))
		return failx(-EINVAL,
			"%s: lazy refcounts and zstd need version 3", name);
	if (c->backing_name &&
		(!*c->backing_name || strlen(c->backing_name) > NAME_MAX_BYTES))
		return failx(-EINVAL,
			"%s: the backing file's name has 1 to %d bytes", name,
			NAME_MAX_BYTES);
	return 0;
}

static int
lay_out(const char *name, uint64_t size, unsigned bits, struct layout *l)
{
	unsigned span = 2 * bits - 3;
	uint64_t cluster = UINT64_C(1) << bits, old;

	l->l1_size =
		(size >> span) + ((size & ((UINT64_C(1) << span) - 1)) != 0);
	if (l->l1_size * 8 > QCOW2_L1_MAX)
		return failx(-EFBIG,
			"%s: a disk that large needs larger clusters", name);
	l->l1 = (l->l1_size * 8 + cluster - 1) / cluster;
	l->reftable = l->blocks = 1;
	do {
		old = l->reftable + l->blocks;
		l->total = 1 + old + l->l1;
		l->blocks = (l->total * 2 + cluster - 1) / cluster;
		l->reftable = (l->blocks * 8 + cluster - 1) / cluster;
	} while (l->reftable + l->blocks != old);
	return 0;
}

void
qcow2_add_extension(
	uint8_t *head, size_t *at, uint32_t type, const void *p, size_t n)
{
	put_be32(head + *at, type);
	put_be32(head + *at + 4, (uint32_t)n);
	memset(head + *at + 8, 0, (n + 7) & ~(size_t)7);
	if (n)
		memcpy(head + *at + 8, p, n);
	*at += 8 + ((n + 7) & ~(size_t)7);
}

/* Behind the extensions that end at at: the backing file's format, the end, its
 * name. -ENOSPC: there is no room for it. */
static int
put_backing(uint8_t *head, size_t at, size_t room, const char *name,
	const char *format)
{
	size_t n = name ? strlen(name) : 0,
	       f = name && format ? strlen(format) : 0;

	if (at + 8 + f + 8 + 8 + n > room)
		return -ENOSPC;
	if (f)
		qcow2_add_extension(
			head, &at, QCOW2_EXT_BACKING_FORMAT, format, f);
	qcow2_add_extension(head, &at, 0, NULL, 0);
	put_be64(head + QCOW2_AT_BACKING, n ? at : 0);
	put_be32(head + QCOW2_AT_BACKING_SIZE, (uint32_t)n);
	if (n)
		memcpy(head + at, name, n);
	return 0;
}

static int
write_header(struct image_file *file, const struct image_create *c,
	unsigned bits, const struct layout *l)
{
	size_t cluster = (size_t)1 << bits;
	uint8_t *head = calloc(1, cluster);
	int err;

	if (!head)
		return fail(-ENOMEM, "%s", file->name);
	put_be32(head, QCOW2_MAGIC);
	put_be32(head + 4, c->v2 ? 2 : 3);
	put_be32(head + 20, bits);
	put_be64(head + QCOW2_AT_SIZE, c->size);
	put_be32(head + QCOW2_AT_L1_SIZE, (uint32_t)l->l1_size);
	put_be64(head + QCOW2_AT_L1_SIZE + 4,
		(1 + l->reftable + l->blocks) * cluster);
	put_be64(head + QCOW2_AT_REFTABLE, cluster);
	put_be32(head + QCOW2_AT_REFTABLE + 8, (uint32_t)l->reftable);
	if (!c->v2) {
		put_be64(head + QCOW2_AT_INCOMPATIBLE,
			c->zstd ? QCOW2_COMPRESSION : 0);
		put_be64(head + 80, c->lazy_refcounts ? QCOW2_LAZY : 0);
		put_be32(head + 96, ORDER);
		put_be32(head + 100, HEADER);
		head[104] = c->zstd ? QCOW2_ZSTD : QCOW2_ZLIB;
	}
	err = put_backing(head, c->v2 ? QCOW2_V2_HEADER : HEADER, cluster,
		c->backing_name, c->backing_format);
	if (err)
		err = failx(-EINVAL,
			"%s: the backing file's name does not fit in a cluster",
			file->name);
	else
		err = file_write(file, 0, head, cluster);
	free(head);
	return err;
}

/* The refcount table and its blocks, which are one behind the other. */
static int
write_counts(struct image_file *file, unsigned bits, const struct layout *l)
{
	uint64_t cluster = UINT64_C(1) << bits;
	size_t bytes = (size_t)((l->reftable + l->blocks) << bits);
	uint8_t *p = calloc(1, bytes);
	int err;

	if (!p)
		return fail(-ENOMEM, "%s", file->name);
	for (uint64_t i = 0; i < l->blocks; i++)
		put_be64(p + i * 8, (1 + l->reftable + i) * cluster);
	for (uint64_t i = 0; i < l->total; i++)
		p[(l->reftable << bits) + i * 2 + 1] = 1;
	err = file_write(file, cluster, p, bytes);
	free(p);
	return err;
}

int
qcow2_create(struct image_file *file, const struct image_create *c)
{
	unsigned bits = c->cluster_bits ? c->cluster_bits : 16;
	struct layout l = {0};
	int err = check_create(file->name, c, bits);

	if (!err && file->device)
		err = failx(-EINVAL, "%s: a block device is always raw",
			file->name);
	if (!err)
		err = lay_out(file->name, c->size, bits, &l);
	if (!err)
		err = file_truncate(file, l.total << bits);
	if (!err)
		err = write_counts(file, bits, &l);
	if (!err)
		err = write_header(file, c, bits, &l);
	return err ? err : file_sync(file);
}
