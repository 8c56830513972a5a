/* SPDX-License-Identifier: MIT */
/*
 * VHD, the disk images of Virtual PC and Hyper-V, read-only: "Virtual Hard Disk
 * Image Format Specification", version 1.0 (October 11, 2006). Fixed and
 * dynamic ones; differencing ones are refused. All numbers are big-endian. The
 * disk is as large as "current size" says; the geometry is not looked at.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/image/image-int.h"
#include "lib/image/meta.h"
#include "lib/json.h"

enum {
	SECTOR = 512,
	HEADER = 1024, /* of a dynamic disk */
	FIXED = 2,
	DYNAMIC = 3,
	DIFFERENCING = 4,
	/* Limits of ours. */
	MIN_BLOCK = 4096,
	MAX_BLOCK = 256 << 20,
	MAX_BLOCKS = 1 << 22,
	MAX_ERRORS = 1000 /* then nobody reads on */
};

#define NOWHERE 0xffffffffu /* a block that is all zeros */

struct vhd {
	pthread_mutex_t lock; /* around meta */
	struct meta meta;
	bool fixed, spare; /* spare: the footer is gone, its copy was used */
	char creator[5];
	uint64_t file_size, table;
	uint32_t block, blocks, bitmap; /* bytes, number, bytes */
};

/* One's complement of the sum of all bytes but the checksum's own. */
static bool
sum_is_right(const uint8_t *p, size_t n, size_t at)
{
	uint32_t sum = 0;

	for (size_t k = 0; k < n; k++)
		if (k < at || k >= at + 4)
			sum += p[k];
	return ~sum == be32_at(p + at);
}

static bool
is_footer(const uint8_t *p)
{
	return memcmp(p, "conectix", 8) == 0 && sum_is_right(p, SECTOR, 64);
}

/* The footer ends the file; a dynamic disk has a copy of it at the start. */
static int
read_footer(struct image *im, struct vhd *v, uint8_t *footer)
{
	int err;

	if (v->file_size < SECTOR)
		return image_broken(im, "too short for a VHD image");
	err = file_read(&im->file, v->file_size - SECTOR, footer, SECTOR);
	if (err || is_footer(footer))
		return err;
	err = file_read(&im->file, 0, footer, SECTOR);
	if (err)
		return err;
	if (!is_footer(footer) || be32_at(footer + 60) == FIXED)
		return image_broken(im, "not a VHD image, or its footer is "
					"damaged");
	v->spare = true;
	return 0;
}

static int
read_header(struct image *im, struct vhd *v, uint64_t at)
{
	uint8_t h[HEADER];
	uint64_t blocks;
	int err;

	if (at > v->file_size || v->file_size - at < HEADER)
		return image_broken(im, "its header lies outside the file");
	err = file_read(&im->file, at, h, HEADER);
	if (err)
		return err;
	if (memcmp(h, "cxsparse", 8) != 0 || !sum_is_right(h, HEADER, 36))
		return image_broken(im, "the header of the dynamic disk is "
					"damaged");
	if (be32_at(h + 24) != 0x10000)
		return image_broken(
			im, "header version %#x is unknown", be32_at(h + 24));
	v->table = be64_at(h + 16);
	v->block = be32_at(h + 32);
	if (v->block < MIN_BLOCK || v->block > MAX_BLOCK ||
		(v->block & (v->block - 1)))
		return image_broken(im, "blocks of %u bytes", v->block);
	blocks = im->size / v->block + (im->size % v->block != 0);
	if (blocks > MAX_BLOCKS || blocks > be32_at(h + 28))
		return image_broken(im,
			"its table of %u blocks does not fit "
			"the disk",
			be32_at(h + 28));
	if (v->table > v->file_size || v->file_size - v->table < blocks * 4 ||
		v->table % SECTOR)
		return image_broken(im, "its block table lies outside the "
					"file");
	v->blocks = (uint32_t)blocks;
	/* A bit for each sector, filled up to a whole one. */
	v->bitmap = (v->block / SECTOR / 8 + SECTOR - 1) / SECTOR * SECTOR;
	return 0;
}

static int
look(struct image *im, struct vhd *v)
{
	uint8_t f[SECTOR];
	int err = read_footer(im, v, f);

	if (err)
		return err;
	if (be32_at(f + 12) != 0x10000)
		return image_broken(
			im, "VHD version %#x is unknown", be32_at(f + 12));
	im->size = be64_at(f + 48);
	if (im->size % SECTOR || im->size > INT64_MAX)
		return image_broken(im, "a disk of %llu bytes",
			(unsigned long long)im->size);
	for (unsigned k = 0; k < 4; k++) /* text, as a rule */
		v->creator[k] = f[28 + k] >= ' ' && f[28 + k] < 0x7f
					? (char)f[28 + k]
					: '\0';
	switch (be32_at(f + 60)) {
	case FIXED:
		v->fixed = true;
		if (im->size > v->file_size - SECTOR)
			return image_broken(im, "the file is shorter than the "
						"disk");
		return 0;
	case DYNAMIC:
		return read_header(im, v, be64_at(f + 16));
	case DIFFERENCING:
		return failx(-ENOTSUP,
			"%s: a differencing image, which needs its parent",
			im->name);
	}
	return image_broken(im, "disk type %u is unknown", be32_at(f + 60));
}

static int
vhd_open(struct image *im, const struct image_options *o)
{
	struct vhd *v = calloc(1, sizeof(*v));
	int err;

	(void)o;
	if (!v)
		return fail(-ENOMEM, "%s", im->name);
	v->meta.file = &im->file;
	err = file_size(&im->file, &v->file_size);
	if (!err)
		err = look(im, v);
	if (err) {
		free(v);
		return err;
	}
	pthread_mutex_init(&v->lock, NULL);
	im->own = v;
	return 0;
}

static int
vhd_close(struct image *im)
{
	struct vhd *v = im->own;

	meta_free(&v->meta);
	pthread_mutex_destroy(&v->lock);
	free(v);
	return 0;
}

static uint64_t
vhd_cluster(const struct image *im)
{
	const struct vhd *v = im->own;

	return v->fixed ? 65536 : v->block;
}

/* Where a block's bitmap is; *off 0: nowhere, UINT64_MAX: where none can be. */
static int
find_block(struct image *im, uint64_t block, uint64_t *off)
{
	struct vhd *v = im->own;
	uint8_t entry[4];
	int err = meta_read(&v->meta, v->table + block * 4, entry, 4);

	*off = 0;
	if (err || be32_at(entry) == NOWHERE)
		return err;
	*off = (uint64_t)be32_at(entry) * SECTOR;
	if (*off < SECTOR + HEADER || *off > v->file_size ||
		v->file_size - *off < (uint64_t)v->bitmap + v->block) {
		*off = UINT64_MAX;
		return image_broken(im, "block %llu lies outside the file",
			(unsigned long long)block);
	}
	return 0;
}

/* How many sectors from the one at hand, n at most, are (*data) or are not
 * written. */
static int
sector_run(struct vhd *v, uint64_t bitmap, uint32_t at, uint32_t n, bool *data,
	uint32_t *run)
{
	uint8_t byte = 0;

	for (*run = 0; *run < n; ++*run) {
		uint32_t s = at + *run;
		bool set;
		int err;

		if (*run == 0 || s % 8 == 0) {
			err = meta_read(&v->meta, bitmap + s / 8, &byte, 1);
			if (err)
				return err;
		}
		set = byte >> (7 - s % 8) & 1;
		if (*run == 0)
			*data = set;
		else if (set != *data)
			break;
	}
	return 0;
}

static int
map_block(struct image *im, uint64_t off, uint64_t len, struct image_extent *e)
{
	struct vhd *v = im->own;
	uint64_t block = off / v->block, in = off % v->block, at;
	uint32_t run, n;
	bool data = false;
	int err = find_block(im, block, &at);

	if (err)
		return err;
	e->len = v->block - in < len ? v->block - in : len;
	e->where = IMAGE_ABSENT;
	if (!at)
		return 0;
	n = (uint32_t)((in % SECTOR + e->len + SECTOR - 1) / SECTOR);
	err = sector_run(v, at, (uint32_t)(in / SECTOR), n, &data, &run);
	if (err)
		return err;
	if (run < n)
		e->len = (uint64_t)run * SECTOR - in % SECTOR;
	e->where = data ? IMAGE_DATA : IMAGE_ZERO;
	e->has_file_off = data;
	e->file_off = data ? at + v->bitmap + in : 0;
	return 0;
}

static int
vhd_map(struct image *im, uint64_t off, uint64_t len, struct image_extent *e)
{
	struct vhd *v = im->own;
	int err;

	if (v->fixed) {
		bool data;

		e->len = len;
		file_map(&im->file, off, &e->len, &data);
		e->where = data ? IMAGE_DATA : IMAGE_ZERO;
		e->has_file_off = true;
		e->file_off = off;
		return 0;
	}
	pthread_mutex_lock(&v->lock);
	err = map_block(im, off, len, e);
	pthread_mutex_unlock(&v->lock);
	return err;
}

/* ---- check ---- */

static int
by_number(const void *a, const void *b)
{
	uint32_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return x < y ? -1 : x > y;
}

/* No two blocks may share a sector. */
static void
check_overlaps(struct image *im, uint32_t *at, uint32_t n,
	struct image_check *c, const struct image_tell *tell)
{
	struct vhd *v = im->own;
	uint32_t sectors = (v->bitmap + v->block) / SECTOR;

	qsort(at, n, sizeof(*at), by_number);
	for (uint32_t k = 1; k < n && c->errors < MAX_ERRORS; k++)
		if (at[k] - at[k - 1] < sectors) {
			c->errors++;
			image_say(tell, "%s: two blocks share sector %u",
				im->name, at[k]);
		}
	if (n)
		c->file_end = ((uint64_t)at[n - 1] + sectors) * SECTOR;
}

static int
check_blocks(struct image *im, uint32_t *at, struct image_check *c,
	const struct image_tell *tell)
{
	struct vhd *v = im->own;
	uint64_t off, next = 0;
	uint32_t n = 0;

	for (uint32_t k = 0; k < v->blocks && c->errors < MAX_ERRORS; k++) {
		int err = find_block(im, k, &off);

		if (err && off) {
			c->errors++;
			image_say(tell, "%s", fail_text());
			continue;
		}
		if (err)
			return err;
		if (!off)
			continue;
		c->fragmented += next && off != next;
		next = off + v->bitmap + v->block;
		at[n++] = (uint32_t)(off / SECTOR);
	}
	c->allocated = n;
	check_overlaps(im, at, n, c, tell);
	return 0;
}

static int
vhd_check(struct image *im, bool repair, struct image_check *c,
	const struct image_tell *tell)
{
	struct vhd *v = im->own;
	uint32_t *at;
	int err;

	(void)repair;
	if (v->spare) {
		c->errors++;
		image_say(
			tell, "%s: the footer at its end is damaged", im->name);
	}
	c->file_end = v->file_size;
	if (v->fixed) {
		c->clusters = c->allocated = im->size / 65536;
		return 0;
	}
	c->clusters = v->blocks;
	at = calloc(v->blocks ? v->blocks : 1, sizeof(*at));
	if (!at)
		return fail(-ENOMEM, "%s", im->name);
	pthread_mutex_lock(&v->lock);
	err = check_blocks(im, at, c, tell);
	pthread_mutex_unlock(&v->lock);
	free(at);
	return err;
}

static void
vhd_describe(struct image *im, struct json *j)
{
	struct vhd *v = im->own;

	json_put_string(j, "type", v->fixed ? "fixed" : "dynamic");
	if (!v->fixed)
		json_put_uint(j, "block-size", v->block);
	json_put_string(j, "creator", v->creator);
}

const struct image_ops image_vhd_ops = {
	.name = "vhd",
	.suffix = ".vhd",
	.open = vhd_open,
	.close = vhd_close,
	.cluster = vhd_cluster,
	.map = vhd_map,
	.check = vhd_check,
	.describe = vhd_describe,
};
