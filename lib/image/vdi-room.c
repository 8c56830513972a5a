/* SPDX-License-Identifier: MIT */
/*
 * VDI: which blocks of the file are in use. The map tells; it is read once,
 * when the first new block is needed. What a crash left without an entry is
 * found and used again.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/image/vdi.h"

static bool
is_used(const struct vdi *v, uint32_t n)
{
	return v->used[n / 8] >> n % 8 & 1;
}

static void
set_used(struct vdi *v, uint32_t n, bool used)
{
	uint8_t bit = (uint8_t)(1u << n % 8);

	if (used)
		v->used[n / 8] |= bit;
	else
		v->used[n / 8] &= (uint8_t)~bit;
	if (!used && n < v->first)
		v->first = n;
}

static int
note(struct image *im, uint32_t block, uint32_t *end)
{
	struct vdi *v = im->own;
	uint32_t entry;
	int err = vdi_entry(im, block, &entry);

	if (err || !vdi_is_block(entry))
		return err;
	if (is_used(v, entry))
		return image_broken(im,
			"block %u of the file is in use twice; "
			"it is not written",
			entry);
	set_used(v, entry, true);
	if (entry >= *end)
		*end = entry + 1;
	return 0;
}

/* Read the whole map. */
static int
find_used(struct image *im)
{
	struct vdi *v = im->own;
	uint32_t end = 0;
	int err = 0;

	v->used = calloc(v->blocks / 8 + 1, 1);
	if (!v->used)
		return fail(-ENOMEM, "%s", im->name);
	v->first = 0;
	for (uint32_t k = 0; k < v->blocks && !err; k++)
		err = note(im, k, &end);
	if (!err && end > v->allocated)
		v->allocated = end; /* it was wrong */
	if (err) {
		free(v->used);
		v->used = NULL;
	}
	return err;
}

/* The first block of the file that is free. */
static int
find_free(struct image *im, uint32_t *n)
{
	struct vdi *v = im->own;
	uint32_t k = v->first;

	while (k < v->blocks && is_used(v, k))
		k += k % 8 == 0 && v->used[k / 8] == 0xff ? 8 : 1;
	if (k >= v->blocks)
		return image_broken(im, "its map has more blocks than the "
					"disk");
	v->first = *n = k;
	return 0;
}

int
vdi_allocate(struct image *im, uint32_t block, uint32_t *entry)
{
	struct vdi *v = im->own;
	uint32_t n = 0;
	uint64_t off;
	int err = v->used ? 0 : find_used(im);

	if (!err)
		err = find_free(im, &n);
	if (err)
		return err;
	off = vdi_offset(v, n);
	if (n < v->limit) /* what a crash or a discard left is no zeros */
		err = file_zero(&im->file, off, v->block, false);
	if (!err)
		err = vdi_set_entry(im, block, n);
	if (err)
		return err;
	set_used(v, n, true);
	if (n >= v->limit)
		v->limit = n + 1;
	if (n >= v->allocated)
		v->allocated = n + 1;
	*entry = n;
	return 0;
}

static int
copy_block(struct image *im, uint32_t from, uint32_t to)
{
	struct vdi *v = im->own;
	enum { PIECE = 64 << 10 };
	uint8_t *p = malloc(PIECE);
	int err = p ? 0 : fail(-ENOMEM, "%s", im->name);

	for (uint64_t k = 0; k < v->block && !err; k += PIECE) {
		size_t n =
			v->block - k < PIECE ? (size_t)(v->block - k) : PIECE;

		err = file_read(&im->file, vdi_offset(v, from) + k, p, n);
		if (!err)
			err = file_write(
				&im->file, vdi_offset(v, to) + k, p, n);
	}
	free(p);
	return err;
}

/* The blocks from end on go to free places before it; theirs stay as they are
 * until the map is written. */
static int
move_down(struct image *im, uint32_t end)
{
	struct vdi *v = im->own;

	for (uint32_t k = 0; k < v->blocks; k++) {
		uint32_t entry, to;
		int err = vdi_entry(im, k, &entry);

		if (err)
			return err;
		if (!vdi_is_block(entry) || entry < end)
			continue;
		err = vdi_allocate(im, k, &to);
		if (!err)
			err = copy_block(im, entry, to);
		if (err) {
			vdi_set_entry(im, k, entry);
			return err;
		}
	}
	return 0;
}

int
vdi_compact(struct image *im)
{
	struct vdi *v = im->own;
	uint32_t used = 0;
	int err = vdi_commit(im);

	free(v->used);
	v->used = NULL;
	if (!err)
		err = find_used(im);
	if (err)
		return err;
	for (uint32_t k = 0; k < v->blocks; k++)
		used += is_used(v, k);
	err = move_down(im, used);
	if (!err)
		err = vdi_commit(im);
	if (err)
		return err;
	v->allocated = used;
	v->limit = used;
	free(v->used);
	v->used = NULL;
	err = vdi_write_header(im);
	if (!err)
		err = file_truncate(&im->file, vdi_offset(v, used));
	return err ? err : file_sync(&im->file);
}
