/* SPDX-License-Identifier: MIT */
/*
 * VDI: opening, reading, writing. A block that is written for the first time
 * gets a place in the file at once, but its entry in the map stays in memory
 * until flush: then data is put down, then the header's count, then the map.
 * What a crash leaves opens as it is. Discarded ranges keep their place and
 * become holes of the file, so that no table changes. Differencing and undo
 * images, and blocks with extra data, are refused.
 */
#include "lib/image/vdi.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/json.h"

/* ---- opening ---- */

static bool
all_zero(const uint8_t *p, size_t n)
{
	while (n && !*p) {
		p++;
		n--;
	}
	return !n;
}

static int
check_kind(struct image *im, const uint8_t *h)
{
	uint32_t type = le32_at(h + VDI_TYPE);

	if (le32_at(h + VDI_SIGNATURE) != VDI_MAGIC)
		return image_broken(im, "not a VDI image");
	if (le32_at(h + VDI_VERSION) != 0x10001)
		return image_broken(im, "VDI version %u.%u is unknown",
			le32_at(h + VDI_VERSION) >> 16,
			le32_at(h + VDI_VERSION) & 0xffff);
	if (le32_at(h + VDI_HEADER_SIZE) <
		VDI_UUID_PARENT + 16 - VDI_HEADER_SIZE)
		return image_broken(im, "a header of %u bytes",
			le32_at(h + VDI_HEADER_SIZE));
	if (type != VDI_DYNAMIC && type != VDI_FIXED)
		return failx(-ENOTSUP,
			"%s: a differencing image, or of another unknown type "
			"(%u)",
			im->name, type);
	if (!all_zero(h + VDI_UUID_LINK, 32))
		return failx(-ENOTSUP,
			"%s: belongs to another image, without which it "
			"cannot be read",
			im->name);
	if (le32_at(h + VDI_SECTOR) != 512)
		return image_broken(
			im, "sectors of %u bytes", le32_at(h + VDI_SECTOR));
	return 0;
}

static int
check_numbers(struct image *im, struct vdi *v, const uint8_t *h, uint64_t end)
{
	uint64_t blocks;

	v->type = le32_at(h + VDI_TYPE);
	v->block = le32_at(h + VDI_BLOCK_SIZE);
	v->blocks = le32_at(h + VDI_BLOCKS);
	v->map = le32_at(h + VDI_MAP);
	v->data = le32_at(h + VDI_DATA);
	v->allocated = v->allocated_there = le32_at(h + VDI_ALLOCATED);
	im->size = le64_at(h + VDI_SIZE);
	if (v->block < VDI_MIN_BLOCK || v->block > VDI_MAX_BLOCK ||
		(v->block & (v->block - 1)))
		return image_broken(im, "blocks of %u bytes", v->block);
	if (le32_at(h + VDI_BLOCK_EXTRA))
		return failx(
			-ENOTSUP, "%s: its blocks have extra data", im->name);
	if (v->blocks > VDI_MAX_BLOCKS)
		return image_broken(im,
			"%u blocks are more than we know to "
			"handle",
			v->blocks);
	blocks = im->size / v->block + (im->size % v->block != 0);
	if (im->size % 512 || blocks > v->blocks)
		return image_broken(im,
			"%u blocks do not fit a disk of %llu "
			"bytes",
			v->blocks, (unsigned long long)im->size);
	if (v->map < VDI_HEADER || v->map % 512 || v->data % 512 ||
		v->data < v->map + (uint64_t)v->blocks * 4)
		return image_broken(im, "its map and its data overlap");
	if (end < v->map + (uint64_t)v->blocks * 4)
		return image_broken(im, "its map lies outside the file");
	if (v->allocated > v->blocks)
		return image_broken(im,
			"more blocks in use (%u) than there "
			"are",
			v->allocated);
	return 0;
}

/* A block that begins in the file is there; what is cut off it is zeros. */
static uint32_t
blocks_in(const struct vdi *v, uint64_t end)
{
	uint64_t n;

	if (end <= v->data)
		return 0;
	n = (end - v->data + v->block - 1) / v->block;
	return n < v->blocks ? (uint32_t)n : v->blocks;
}

static int
vdi_open(struct image *im, const struct image_options *o)
{
	struct vdi *v = calloc(1, sizeof(*v));
	uint8_t h[VDI_HEADER];
	uint64_t end = 0;
	int err;

	(void)o;
	if (!v)
		return fail(-ENOMEM, "%s", im->name);
	v->meta.file = &im->file;
	err = file_size(&im->file, &end);
	if (!err)
		err = file_read(&im->file, 0, h, sizeof(h));
	if (!err)
		err = check_kind(im, h);
	if (!err)
		err = check_numbers(im, v, h, end);
	if (err) {
		free(v);
		return err;
	}
	v->limit = blocks_in(v, end);
	pthread_mutex_init(&v->lock, NULL);
	im->own = v;
	return 0;
}

static int
vdi_close(struct image *im)
{
	struct vdi *v = im->own;

	meta_free(&v->meta);
	pthread_mutex_destroy(&v->lock);
	free(v->used);
	free(v);
	return 0;
}

static uint64_t
vdi_cluster(const struct image *im)
{
	return ((const struct vdi *)im->own)->block;
}

/* ---- the map ---- */

int
vdi_entry(struct image *im, uint32_t block, uint32_t *entry)
{
	struct vdi *v = im->own;
	uint8_t b[4];
	int err = meta_read(&v->meta, v->map + (uint64_t)block * 4, b, 4);

	if (err)
		return err;
	*entry = le32_at(b);
	if (vdi_is_block(*entry) && *entry >= v->limit)
		return image_broken(im,
			"block %u is said to be at %u, outside "
			"the file",
			block, *entry);
	return 0;
}

int
vdi_set_entry(struct image *im, uint32_t block, uint32_t entry)
{
	struct vdi *v = im->own;
	uint64_t off = v->map + (uint64_t)block * 4;
	uint8_t b[4];
	int err;

	put_le32(b, entry);
	err = meta_write(&v->meta, off, b, 4);
	if (err != -EAGAIN)
		return err;
	err = vdi_commit(im); /* the cache is full of changes */
	return err ? err : meta_write(&v->meta, off, b, 4);
}

int
vdi_write_header(struct image *im)
{
	struct vdi *v = im->own;
	uint8_t h[VDI_HEADER];
	int err = file_read(&im->file, 0, h, sizeof(h));

	if (err)
		return err;
	put_le32(h + VDI_TYPE, v->type);
	put_le32(h + VDI_BLOCKS, v->blocks);
	put_le32(h + VDI_ALLOCATED, v->allocated);
	put_le64(h + VDI_SIZE, im->size);
	err = file_write(&im->file, 0, h, sizeof(h));
	if (!err)
		v->allocated_there = v->allocated;
	return err;
}

/*
 * The count goes first: other programs put their next block where it points to,
 * and must not hit one that the map has. So does the size of the file.
 */
int
vdi_commit(struct image *im)
{
	struct vdi *v = im->own;
	uint64_t end = vdi_offset(v, v->allocated), now;
	int err = 0;

	if (!v->meta.dirty && v->allocated == v->allocated_there)
		return file_sync(&im->file);
	err = file_size(&im->file, &now);
	if (!err && now < end)
		err = file_truncate(&im->file, end);
	if (!err && v->allocated != v->allocated_there)
		err = vdi_write_header(im);
	if (!err)
		err = file_sync(&im->file);
	if (!err)
		err = meta_flush(&v->meta);
	return err ? err : file_sync(&im->file);
}

static int
vdi_flush(struct image *im)
{
	struct vdi *v = im->own;
	int err;

	pthread_mutex_lock(&v->lock);
	err = vdi_commit(im);
	pthread_mutex_unlock(&v->lock);
	return err;
}

/* ---- reading ---- */

/* Blocks that follow each other in the file, or are not there, are one extent.
 */
static int
map_run(struct image *im, uint64_t off, uint64_t len, struct image_extent *e)
{
	struct vdi *v = im->own;
	uint32_t block = (uint32_t)(off / v->block), entry, next;
	uint64_t in = off % v->block;
	int err = vdi_entry(im, block, &entry);

	if (err)
		return err;
	e->where = entry == VDI_ABSENT ? IMAGE_ABSENT
		   : entry == VDI_ZERO ? IMAGE_ZERO
				       : IMAGE_DATA;
	e->has_file_off = vdi_is_block(entry);
	e->file_off = e->has_file_off ? vdi_offset(v, entry) + in : 0;
	e->len = v->block - in;
	for (uint32_t k = 1; e->len < len && k < 1024; k++) {
		if (vdi_entry(im, block + k, &next)) /* the next call tells */
			break;
		if (next != (vdi_is_block(entry) ? entry + k : entry))
			break;
		e->len += v->block;
	}
	if (e->len > len)
		e->len = len;
	return 0;
}

static int
vdi_map(struct image *im, uint64_t off, uint64_t len, struct image_extent *e)
{
	struct vdi *v = im->own;
	int err;

	pthread_mutex_lock(&v->lock);
	err = map_run(im, off, len, e);
	pthread_mutex_unlock(&v->lock);
	return err;
}

/* ---- writing ---- */

/* Where a block is in the file; *there: it is. make: it shall be. */
static int
find(struct image *im, uint32_t block, bool make, bool *there, uint32_t *entry)
{
	struct vdi *v = im->own;
	int err;

	pthread_mutex_lock(&v->lock);
	err = vdi_entry(im, block, entry);
	if (!err && make && !vdi_is_block(*entry))
		err = vdi_allocate(im, block, entry);
	*there = !err && vdi_is_block(*entry);
	pthread_mutex_unlock(&v->lock);
	return err;
}

static int
vdi_write(struct image *im, uint64_t off, struct iov_at *at, size_t len)
{
	struct vdi *v = im->own;

	while (len) {
		uint64_t in = off % v->block;
		size_t here =
			v->block - in < len ? (size_t)(v->block - in) : len;
		uint32_t entry;
		bool there;
		int err = find(im, (uint32_t)(off / v->block),
			!iov_is_zero(at, here), &there, &entry);

		if (err)
			return err;
		if (there)
			err = file_writev(
				&im->file, vdi_offset(v, entry) + in, at, here);
		else
			iov_skip(at, here);
		if (err)
			return err;
		off += here;
		len -= here;
	}
	return 0;
}

enum clear { DISCARD, ZERO_KEEP, ZERO_UNMAP };

static int
clear_there(struct image *im, uint64_t off, uint64_t len, enum clear how)
{
	bool zeros;

	if (how == DISCARD)
		return file_punch(&im->file, off, len, &zeros);
	return file_zero(&im->file, off, len, how == ZERO_KEEP);
}

static int
clear(struct image *im, uint64_t off, uint64_t len, enum clear how)
{
	struct vdi *v = im->own;

	while (len) {
		uint64_t in = off % v->block;
		uint64_t here = v->block - in < len ? v->block - in : len;
		uint32_t entry;
		bool there;
		int err = find(
			im, (uint32_t)(off / v->block), false, &there, &entry);

		if (!err && there)
			err = clear_there(
				im, vdi_offset(v, entry) + in, here, how);
		if (err)
			return err;
		off += here;
		len -= here;
	}
	return 0;
}

static int
vdi_discard(struct image *im, uint64_t off, uint64_t len)
{
	return clear(im, off, len, DISCARD);
}

static int
vdi_zero(struct image *im, uint64_t off, uint64_t len, bool unmap)
{
	return clear(im, off, len, unmap ? ZERO_UNMAP : ZERO_KEEP);
}

static void
vdi_describe(struct image *im, struct json *j)
{
	const struct vdi *v = im->own;

	json_put_string(j, "type", v->type == VDI_FIXED ? "fixed" : "dynamic");
	json_put_uint(j, "block-size", v->block);
	json_put_uint(j, "allocated-blocks", v->allocated);
}

const struct image_ops image_vdi_ops = {
	.name = "vdi",
	.suffix = ".vdi",
	.writes = true,
	.open = vdi_open,
	.close = vdi_close,
	.cluster = vdi_cluster,
	.map = vdi_map,
	.write = vdi_write,
	.flush = vdi_flush,
	.discard = vdi_discard,
	.zero = vdi_zero,
	.resize = vdi_resize,
	.check = vdi_check,
	.describe = vdi_describe,
	.create = vdi_create,
};
