/* SPDX-License-Identifier: MIT */
/*
 * VDI: new images, laid out as VirtualBox does, and another size for old ones.
 * The map cannot move, so an image grows as far as there is room between map
 * and data: 256 GiB for each MiB that the map begins.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "lib/err.h"
#include "lib/image/vdi.h"

/* Entries of blocks that are not there yet, straight into the file. */
static int
write_entries(struct image_file *file, uint64_t map, uint32_t from, uint32_t to,
	bool fixed)
{
	uint8_t b[16 << 10];
	int err = 0;

	while (from < to && !err) {
		uint32_t n = sizeof(b) / 4;

		if (n > to - from)
			n = to - from;
		for (uint32_t k = 0; k < n; k++)
			put_le32(b + 4 * (size_t)k,
				fixed ? from + k : VDI_ABSENT);
		err = file_write(file, map + (uint64_t)from * 4, b, n * 4);
		from += n;
	}
	return err;
}

/* RFC 4122, random; the first fields are little-endian here, which a random
 * number does not mind but for the version's place. */
static void
put_uuid(uint8_t *p)
{
	if (getrandom(p, 16, 0) != 16)
		memset(p, 0x5a, 16);
	p[7] = (uint8_t)((p[7] & 0x0f) | 0x40);
	p[8] = (uint8_t)((p[8] & 0x3f) | 0x80);
}

static void
fill_header(
	uint8_t *h, uint64_t size, uint32_t blocks, uint64_t data, bool fixed)
{
	static const char text[] = "<<< Oracle VM VirtualBox Disk Image >>>\n";

	memcpy(h, text, sizeof(text) - 1);
	put_le32(h + VDI_SIGNATURE, VDI_MAGIC);
	put_le32(h + VDI_VERSION, 0x10001);
	put_le32(h + VDI_HEADER_SIZE, 400);
	put_le32(h + VDI_TYPE, fixed ? VDI_FIXED : VDI_DYNAMIC);
	put_le32(h + VDI_MAP, VDI_ALIGN);
	put_le32(h + VDI_DATA, (uint32_t)data);
	put_le32(h + VDI_SECTOR, 512);
	put_le64(h + VDI_SIZE, size);
	put_le32(h + VDI_BLOCK_SIZE, VDI_BLOCK);
	put_le32(h + VDI_BLOCKS, blocks);
	put_le32(h + VDI_ALLOCATED, fixed ? blocks : 0);
	put_uuid(h + VDI_UUID);
	put_uuid(h + VDI_UUID + 16);
}

/* Room for all blocks, which read as zeros. */
static int
fill_fixed(struct image_file *file, uint64_t data, uint64_t len)
{
	int err = file_truncate(file, data + len);

	if (err || !len)
		return err;
	while (call_fallocate(
		file->calls, file->fd, 0, (off_t)data, (off_t)len))
		if (errno == EOPNOTSUPP || errno == ENOSYS)
			return file_zero(file, data, len, true);
		else if (errno != EINTR)
			return fail(-errno, "%s: cannot get %llu bytes",
				file->name, (unsigned long long)len);
	return 0;
}

int
vdi_create(struct image_file *file, const struct image_create *c)
{
	uint64_t n = c->size / VDI_BLOCK + (c->size % VDI_BLOCK != 0), data;
	uint8_t h[VDI_HEADER] = {0};
	int err;

	if (n > VDI_MAX_BLOCKS)
		return failx(-EFBIG, "%s: a VDI image has at most 64 TiB",
			file->name);
	data = VDI_ALIGN + (n * 4 + VDI_ALIGN - 1) / VDI_ALIGN * VDI_ALIGN;
	if (data == VDI_ALIGN)
		data += VDI_ALIGN; /* room to grow */
	fill_header(h, c->size, (uint32_t)n, data, c->fixed);
	err = write_entries(file, VDI_ALIGN, 0, (uint32_t)n, c->fixed);
	if (!err && c->fixed)
		err = fill_fixed(file, data, n * VDI_BLOCK);
	else if (!err)
		err = file_truncate(file, data);
	/* The header last: without it there is no image. */
	return err ? err : file_write(file, 0, h, sizeof(h));
}

/* ---- another size ---- */

/* The rest of the last block becomes part of the disk. */
static int
clear_tail(struct image *im, uint64_t size)
{
	struct vdi *v = im->own;
	uint64_t in = im->size % v->block, end = im->size - in + v->block;
	uint32_t entry;
	int err;

	if (!in)
		return 0;
	if (end > size)
		end = size;
	err = vdi_entry(im, (uint32_t)(im->size / v->block), &entry);
	if (err || !vdi_is_block(entry))
		return err;
	return file_zero(
		&im->file, vdi_offset(v, entry) + in, end - im->size, false);
}

static int
grow(struct image *im, uint64_t size, uint32_t blocks)
{
	struct vdi *v = im->own;
	int err;

	if (v->data - v->map < (uint64_t)blocks * 4)
		return failx(-ENOTSUP,
			"%s: its map has no room for more than %llu GiB; "
			"convert it instead",
			im->name,
			(unsigned long long)((v->data - v->map) / 4 *
						     v->block >>
					     30));
	err = clear_tail(im, size);
	if (!err && blocks > v->blocks)
		err = write_entries(
			&im->file, v->map, v->blocks, blocks, false);
	return err ? err : file_sync(&im->file);
}

/* What lies behind the new end is given up; what is left moves together. */
static int
shrink(struct image *im, uint32_t blocks)
{
	struct vdi *v = im->own;
	int err = 0;

	for (uint32_t k = blocks; k < v->blocks && !err; k++) {
		uint32_t entry;

		err = vdi_entry(im, k, &entry);
		if (!err && entry != VDI_ABSENT)
			err = vdi_set_entry(im, k, VDI_ABSENT);
	}
	return err ? err : vdi_compact(im);
}

static int
resize(struct image *im, uint64_t size)
{
	struct vdi *v = im->own;
	uint64_t n = size / v->block + (size % v->block != 0);
	uint64_t old_size = im->size;
	uint32_t old = v->blocks;
	int err;

	if (n > VDI_MAX_BLOCKS)
		return failx(-EFBIG, "%s: a VDI image has at most %u blocks",
			im->name, VDI_MAX_BLOCKS);
	err = vdi_commit(im);
	if (!err)
		err = size > im->size ? grow(im, size, (uint32_t)n)
		      : n < v->blocks ? shrink(im, (uint32_t)n)
				      : 0;
	if (err)
		return err;
	if (n > v->blocks)
		v->type = VDI_DYNAMIC; /* the new blocks are not there */
	v->blocks = (uint32_t)n;
	im->size = size;
	meta_free(&v->meta);
	free(v->used);
	v->used = NULL;
	err = vdi_write_header(im);
	if (!err)
		err = file_sync(&im->file);
	if (err) {
		v->blocks = old;
		im->size = old_size;
	}
	return err;
}

int
vdi_resize(struct image *im, uint64_t size)
{
	struct vdi *v = im->own;
	int err;

	pthread_mutex_lock(&v->lock);
	err = resize(im, size);
	pthread_mutex_unlock(&v->lock);
	return err;
}
