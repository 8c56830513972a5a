/* SPDX-License-Identifier: MIT */
/*
 * The header of a qcow2 file again, with another backing file. A disk writes
 * sectors of 512 bytes whole or not at all, and no more: so what is new beyond
 * the first sector goes where nothing of the old header is, and is flushed;
 * then the first sector, which has the place of the name, and the format as the
 * first of the extensions, makes all of it valid at once. A crash leaves the
 * old backing file or the new one.
 *
 * Where the other extensions would move over themselves, they go further back,
 * behind one that says nothing. Left out: a cluster of 1 or 2 KiB that has no
 * room for both; it is written as it is.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/image/qcow2.h"

enum { SECTOR = 512, NAME_MAX_BYTES = 1023 };

struct header {
	size_t size; /* of the cluster */
	size_t at, end; /* the old extensions, without and with their end */
	uint8_t *old, *new;
	uint8_t *live; /* 1: the old header needs this byte */
	size_t live_end; /* the last of them, and the first sector */
	size_t used; /* where the new extensions end */
};

static int
read_old(struct header *h, struct image *im)
{
	const struct qcow2 *q = im->own;
	int err;

	h->size = q->cluster;
	h->old = malloc(h->size);
	h->new = malloc(h->size);
	h->live = calloc(1, h->size);
	if (!h->old || !h->new || !h->live)
		return fail(-ENOMEM, "%s", im->name);
	err = file_read(&im->file, 0, h->old, h->size);
	if (err)
		return err;
	h->at = q->version == 3 ? be32_at(h->old + 100) : QCOW2_V2_HEADER;
	h->end = q->header_size;
	return 0;
}

static void
need(struct header *h, size_t at, size_t n)
{
	if (at >= h->size || n > h->size - at)
		return;
	memset(h->live + at, 1, n);
	if (at + n > h->live_end)
		h->live_end = at + n;
}

/* The old extension at *at, which moves behind it; false: there is none. */
static bool
next_old(const struct header *h, size_t *at, uint32_t *type, const uint8_t **p,
	uint32_t *n)
{
	if (*at + 8 > h->end)
		return false;
	*type = be32_at(h->old + *at);
	*n = be32_at(h->old + *at + 4);
	*p = h->old + *at + 8;
	if (!*type || *n > h->end - *at - 8)
		return false;
	*at += 8 + ((*n + 7U) & ~(size_t)7);
	return true;
}

static void
find_live(struct header *h)
{
	size_t at = h->at, was = at;
	const uint8_t *p;
	uint32_t type, n;

	h->live_end = SECTOR;
	need(h, 0, h->at);
	for (; next_old(h, &at, &type, &p, &n); was = at)
		need(h, was, type == QCOW2_EXT_PAD ? 8 : 8 + n);
	need(h, was, 8);
	need(h, be64_at(h->old + QCOW2_AT_BACKING),
		be32_at(h->old + QCOW2_AT_BACKING_SIZE));
	h->live_end = (h->live_end + 7) & ~(size_t)7;
}

/* Appends one, if there is room for it and for the end. */
static bool
add(struct header *h, uint32_t type, const void *p, size_t n)
{
	if (h->used > h->size || 8 + n + 7 + 8 > h->size - h->used)
		return false;
	qcow2_add_extension(h->new, &h->used, type, p, n);
	return true;
}

static bool
add_others(struct header *h)
{
	size_t at = h->at;
	const uint8_t *p;
	uint32_t type, n;

	while (next_old(h, &at, &type, &p, &n))
		if (type != QCOW2_EXT_BACKING_FORMAT && type != QCOW2_EXT_PAD &&
			!add(h, type, p, n))
			return false;
	return true;
}

/* The new header: format, the others (from `others` on, if that is more), the
 * end, the name (from `names` on, likewise). false: there is no room. */
static bool
lay_out(struct header *h, const char *name, const char *format, size_t others,
	size_t names)
{
	size_t n = name ? strlen(name) : 0;

	memcpy(h->new, h->old, h->size);
	h->used = h->at;
	if (name && format &&
		!add(h, QCOW2_EXT_BACKING_FORMAT, format, strlen(format)))
		return false;
	if (others >= h->used + 8) {
		if (others > h->size)
			return false;
		put_be32(h->new + h->used, QCOW2_EXT_PAD);
		put_be32(
			h->new + h->used + 4, (uint32_t)(others - h->used - 8));
		h->used = others;
	}
	if (!add_others(h) || h->size - h->used < 8)
		return false;
	qcow2_add_extension(h->new, &h->used, 0, NULL, 0);
	if (names < h->used)
		names = h->used;
	if (names > h->size || n > h->size - names)
		return false;
	put_be64(h->new + QCOW2_AT_BACKING, n ? names : 0);
	put_be32(h->new + QCOW2_AT_BACKING_SIZE, (uint32_t)n);
	if (n)
		memcpy(h->new + names, name, n);
	return true;
}

/* Can what is beyond the first sector be written while the old header holds? */
static bool
keeps_old(const struct header *h)
{
	for (size_t i = SECTOR; i < h->size; i++)
		if (h->live[i] && h->new[i] != h->old[i])
			return false;
	return true;
}

static int
write_new(struct header *h, struct image_file *file)
{
	size_t end = h->size;
	int err = 0;

	while (end > SECTOR && h->new[end - 1] == h->old[end - 1])
		end--;
	if (end > SECTOR) {
		err = file_write(file, SECTOR, h->new + SECTOR, end - SECTOR);
		if (!err)
			err = file_sync(file);
	}
	if (!err)
		err = file_write(file, 0, h->new, SECTOR);
	return err ? err : file_sync(file);
}

static int
change(struct header *h, struct image *im, const char *name, const char *format)
{
	struct qcow2 *q = im->own;
	size_t back;
	int err;

	find_live(h);
	back = h->live_end;
	for (unsigned i = 0; i < 4; i++)
		if (lay_out(h, name, format, i & 2 ? back : 0,
			    i & 1 ? back : 0) &&
			keeps_old(h))
			goto fits;
	if (!lay_out(h, name, format, 0, 0))
		return failx(-ENOSPC, "%s: no room for the backing file's name",
			im->name);
fits:
	err = write_new(h, &im->file);
	if (err)
		return err;
	q->header_size = (uint32_t)h->used;
	q->backing_off = be64_at(h->new + QCOW2_AT_BACKING);
	return 0;
}

int
qcow2_rebase(struct image *im, const char *name, const char *format)
{
	struct header h = {0};
	int err = 0;

	if (name && (!*name || strlen(name) > NAME_MAX_BYTES))
		return failx(-EINVAL,
			"%s: the backing file's name has 1 to %d bytes",
			im->name, NAME_MAX_BYTES);
	err = qcow2_flush(im);
	if (!err)
		err = read_old(&h, im);
	if (!err)
		err = change(&h, im, name, format);
	free(h.old);
	free(h.new);
	free(h.live);
	return err;
}
