/* SPDX-License-Identifier: MIT */
/*
 * The header of a qcow2 file, read: everything in it is within limits before
 * anything is allocated by it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/image/qcow2.h"
#include "lib/json.h"

enum { /* extensions */
	EXT_END = 0,
	EXT_FEATURES = 0x6803f857,
	EXT_BITMAPS = 0x23852875
};
enum { FEATURE = 48, NAME_MAX_BYTES = 1023 };

int
qcow2_check_table(
	const struct qcow2 *q, const char *what, uint64_t off, uint64_t bytes)
{
	if (off & (q->cluster - 1))
		return image_broken(q->im, "its %s is not at a cluster", what);
	if (off < q->cluster || off > q->file_end || bytes > q->file_end - off)
		return image_broken(
			q->im, "its %s is not inside the file", what);
	return 0;
}

/* The first bit that we do not know, by the name that the image has for it. */
static int
refuse_features(struct image *im, uint64_t bits, const uint8_t *names, size_t n)
{
	unsigned bit = (unsigned)__builtin_ctzll(bits);
	char name[FEATURE - 1];

	snprintf(name, sizeof(name), "incompatible feature %u", bit);
	if (bit == 2)
		strcpy(name, "external data file");
	if (bit == 4)
		strcpy(name, "extended L2 entries");
	for (size_t i = 0; bit != 2 && bit != 4 && i + FEATURE <= n;
		i += FEATURE)
		if (names[i] == 0 && names[i + 1] == bit && names[i + 2]) {
			memcpy(name, names + i + 2, FEATURE - 2);
			name[FEATURE - 2] = '\0';
			break;
		}
	return failx(
		-ENOTSUP, "%s: needs what we do not have: %s", im->name, name);
}

struct extensions {
	const uint8_t *names; /* of features */
	size_t names_size;
};

static int
read_extension(struct qcow2 *q, uint32_t type, const uint8_t *p, size_t n,
	struct extensions *x)
{
	switch (type) {
	case QCOW2_EXT_BACKING_FORMAT:
		free(q->im->backing_format);
		q->im->backing_format = NULL;
		if (n > 255)
			return image_broken(
				q->im, "its backing format is long");
		return image_text(
			q->im, "backing format", p, n, &q->im->backing_format);
	case EXT_FEATURES:
		x->names = p;
		x->names_size = n;
		return 0;
	case EXT_BITMAPS:
		if (n < 24)
			return image_broken(q->im, "its bitmaps are cut off");
		q->bitmaps = be32_at(p);
		q->bitmaps_size = be64_at(p + 8);
		q->bitmaps_off = be64_at(p + 16);
		return 0;
	default:
		return 0;
	}
}

static int
read_extensions(struct qcow2 *q, const uint8_t *head, size_t at, size_t end,
	struct extensions *x)
{
	while (at + 8 <= end) {
		uint32_t type = be32_at(head + at), n = be32_at(head + at + 4);
		int err;

		at += 8;
		if (type == EXT_END)
			break;
		if (n > end - at)
			return image_broken(
				q->im, "its header extensions are cut off");
		err = read_extension(q, type, head + at, n, x);
		if (err)
			return err;
		at += (n + 7U) & ~7U;
	}
	q->header_size = (uint32_t)(at < end ? at : end);
	return 0;
}

static int
read_backing(struct qcow2 *q, const uint8_t *head)
{
	uint64_t off = be64_at(head + QCOW2_AT_BACKING);
	uint32_t n = be32_at(head + QCOW2_AT_BACKING_SIZE);

	if (!off || !n)
		return 0;
	if (n > NAME_MAX_BYTES || off > q->cluster || n > q->cluster - off)
		return image_broken(q->im,
			"the name of its backing file is too long, or not in "
			"the header");
	return image_text(q->im, "backing file's name", head + off, n,
		&q->im->backing_name);
}

/* Version 3's fields: where the extensions begin is *at. */
static int
read_v3(struct qcow2 *q, const uint8_t *head, size_t *at)
{
	uint32_t length = be32_at(head + 100);

	q->incompatible = be64_at(head + QCOW2_AT_INCOMPATIBLE);
	q->compatible = be64_at(head + 80);
	q->autoclear = be64_at(head + QCOW2_AT_AUTOCLEAR);
	q->order = be32_at(head + 96);
	if (q->order > 6)
		return image_broken(q->im, "its counts are too wide");
	if (length < QCOW2_V3_HEADER || length > q->cluster || length % 8)
		return image_broken(
			q->im, "the length of its header cannot be");
	if (length > QCOW2_V3_HEADER)
		q->compression = head[104];
	if (!(q->incompatible & QCOW2_COMPRESSION) != !q->compression)
		return image_broken(
			q->im, "its kind of compression contradicts itself");
	if (q->compression > QCOW2_ZSTD)
		return failx(-ENOTSUP, "%s: unknown kind of compression %u",
			q->im->name, q->compression);
	*at = length;
	return 0;
}

static int
check_tables(struct qcow2 *q, uint64_t size)
{
	uint64_t l1 = (uint64_t)q->l1_size * 8, rt = q->reftable_size * 8ULL;
	unsigned span = q->bits + q->l2_bits; /* bits of what a table covers */
	int err = 0;

	if (size > INT64_MAX - 511)
		return image_broken(q->im, "its disk is too large");
	if (l1 > QCOW2_L1_MAX)
		return image_broken(q->im, "its L1 table is too large");
	if (size && (size - 1) >> span >= q->l1_size)
		return image_broken(
			q->im, "its L1 table is too small for its disk");
	if (rt > QCOW2_REFTABLE_MAX)
		return image_broken(q->im, "its refcount table is too large");
	if (!rt)
		return image_broken(q->im, "it has no refcount table");
	if (l1)
		err = qcow2_check_table(q, "L1 table", q->l1_off, l1);
	if (!err)
		err = qcow2_check_table(
			q, "refcount table", q->reftable_off, rt);
	if (!err && l1 && q->l1_off < q->reftable_off + rt &&
		q->reftable_off < q->l1_off + l1)
		err = image_broken(q->im, "its tables overlap");
	return err;
}

static int
read_fields(struct qcow2 *q, const uint8_t *head)
{
	struct image *im = q->im;
	struct extensions x = {NULL, 0};
	uint64_t size = be64_at(head + QCOW2_AT_SIZE), room, end = q->cluster;
	uint32_t rt = be32_at(head + QCOW2_AT_REFTABLE + 8);
	size_t at = QCOW2_V2_HEADER;
	int err = 0;

	q->order = 4;
	if (be32_at(head + 32))
		return failx(-ENOTSUP, "%s: is encrypted", im->name);
	if (q->version == 3)
		err = read_v3(q, head, &at);
	if (!err)
		err = read_backing(q, head);
	if (err)
		return err;
	q->backing_off = be64_at(head + QCOW2_AT_BACKING);
	if (im->backing_name && q->backing_off >= at)
		end = q->backing_off;
	err = read_extensions(q, head, at, end, &x);
	if (!err && q->incompatible & ~(uint64_t)QCOW2_KNOWN)
		err = refuse_features(im,
			q->incompatible & ~(uint64_t)QCOW2_KNOWN, x.names,
			x.names_size);
	if (err)
		return err;
	q->l2_bits = q->bits - 3;
	q->region_bits = q->bits + 3 - q->order;
	q->l1_size = be32_at(head + QCOW2_AT_L1_SIZE);
	q->l1_off = be64_at(head + QCOW2_AT_L1_SIZE + 4);
	q->reftable_off = be64_at(head + QCOW2_AT_REFTABLE);
	room = (uint64_t)rt << q->bits;
	q->reftable_size = room > QCOW2_REFTABLE_MAX
				   ? QCOW2_REFTABLE_MAX / 8 + 1
				   : (uint32_t)(room / 8);
	q->snapshots = be32_at(head + 60);
	q->snapshots_off = be64_at(head + 64);
	err = check_tables(q, size);
	im->size = (size + 511) & ~UINT64_C(511);
	return err;
}

int
qcow2_read_header(struct qcow2 *q, const struct image_options *o)
{
	struct image *im = q->im;
	uint8_t first[QCOW2_V3_HEADER], *head;
	uint64_t size;
	int err = file_size(&im->file, &size);

	if (!err)
		err = file_read(&im->file, 0, first, sizeof(first));
	if (err)
		return err;
	if (be32_at(first) != QCOW2_MAGIC)
		return image_broken(im, "it is not a qcow2 image");
	q->version = be32_at(first + 4);
	if (q->version != 2 && q->version != 3)
		return failx(-ENOTSUP, "%s: qcow2 version %u is not known",
			im->name, q->version);
	q->bits = be32_at(first + 20);
	if (q->bits < 9 || q->bits > 21)
		return image_broken(im, "the size of its clusters cannot be");
	q->cluster = UINT64_C(1) << q->bits;
	if (size > INT64_MAX / 2)
		return image_broken(im, "its file is too large");
	/* The last cluster may be cut: its rest is zeros. */
	q->file_end = qcow2_clusters(q, size) << q->bits;
	head = malloc(q->cluster);
	if (!head)
		return fail(-ENOMEM, "%s", im->name);
	err = file_read(&im->file, 0, head, q->cluster);
	if (!err)
		err = read_fields(q, head);
	free(head);
	if (!err && q->incompatible & QCOW2_CORRUPT && o->write && !o->check)
		err = image_broken(im,
			"it is marked as corrupt: it can be read, and checked");
	return err;
}

int
qcow2_put32(struct qcow2 *q, uint64_t at, uint32_t v)
{
	uint8_t b[4];

	put_be32(b, v);
	return file_write(&q->im->file, at, b, sizeof(b));
}

int
qcow2_put64(struct qcow2 *q, uint64_t at, uint64_t v)
{
	uint8_t b[8];

	put_be64(b, v);
	return file_write(&q->im->file, at, b, sizeof(b));
}

int
qcow2_mark(struct qcow2 *q, uint64_t incompatible)
{
	int err;

	if (incompatible == q->incompatible || q->version < 3)
		return 0;
	err = qcow2_put64(q, QCOW2_AT_INCOMPATIBLE, incompatible);
	if (!err)
		err = file_sync(&q->im->file);
	if (!err)
		q->incompatible = incompatible;
	return err;
}

static void
describe_snapshots(struct qcow2 *q, struct json *j)
{
	json_put_array(j, "snapshots");
	for (uint32_t i = 0; i < q->snapshots; i++) {
		const struct snapshot *s = &q->snapshot[i];

		json_put_object(j, NULL);
		json_put_string(j, "id", s->id);
		json_put_string(j, "name", s->name);
		json_put_uint(j, "date-sec", s->sec);
		json_put_uint(j, "vm-clock-nsec", s->nsec);
		json_put_uint(j, "vm-state-size", s->vm_state);
		json_put_uint(j, "disk-size", s->disk_size);
		json_put_end(j);
	}
	json_put_end(j);
}

void
qcow2_describe(struct image *im, struct json *j)
{
	struct qcow2 *q = im->own;

	json_put_uint(j, "cluster-size", q->cluster);
	json_put_string(j, "compat", q->version == 2 ? "0.10" : "1.1");
	json_put_string(j, "compression-type",
		q->compression == QCOW2_ZSTD ? "zstd" : "zlib");
	json_put_uint(j, "refcount-bits", UINT64_C(1) << q->order);
	json_put_bool(j, "lazy-refcounts", q->compatible & QCOW2_LAZY);
	json_put_bool(j, "dirty", q->incompatible & QCOW2_DIRTY);
	json_put_bool(j, "corrupt", q->incompatible & QCOW2_CORRUPT);
	json_put_uint(j, "bitmaps", q->bitmaps);
	describe_snapshots(q, j);
}
