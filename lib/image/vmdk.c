/* SPDX-License-Identifier: MIT */
/*
 * VMDK: opening and mapping. What the file is, a sparse extent with its
 * descriptor inside or a descriptor alone, its first bytes tell. Files of
 * further extents are asked for like backing files. ESX's own sparse formats,
 * disks that stand on others, and writing are left out.
 */
#include "lib/image/vmdk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/json.h"

static void
release(struct vmdk *v)
{
	for (unsigned k = 0; k < v->extents; k++) {
		vmdk_sparse_free(v->extent[k].sparse);
		image_close(v->extent[k].part);
		free(v->extent[k].name);
	}
	free(v->extent);
	pthread_mutex_destroy(&v->lock);
	free(v);
}

static int
read_text(struct image *im, struct vmdk *v, struct image_file *file,
	uint64_t off, uint64_t n)
{
	char *text = malloc(n + 1);
	int err;

	if (!text)
		return fail(-ENOMEM, "%s", im->name);
	err = file_read(file, off, text, n);
	if (!err)
		err = vmdk_text(im, v, text, n);
	free(text);
	return err;
}

/* ---- one file that has everything ---- */

static int
open_monolithic(struct image *im, struct vmdk *v)
{
	struct vmdk_sparse *s;
	struct vmdk_extent *e;
	int err = vmdk_sparse_open(im, &im->file, &s);

	if (err)
		return err;
	if (s->text_size)
		err = read_text(im, v, &im->file, s->text, s->text_size);
	if (!err && v->extents > 1)
		err = image_broken(
			im, "its descriptor lists %u extents", v->extents);
	if (!err && v->extents &&
		(v->extent[0].kind != VMDK_SPARSE ||
			v->extent[0].size > s->size))
		err = image_broken(im, "its descriptor is of another image");
	if (!err && !v->extents) {
		v->extent = calloc(1, sizeof(*e));
		err = v->extent ? 0 : fail(-ENOMEM, "%s", im->name);
		v->extents = v->extent != NULL;
	}
	if (err) {
		vmdk_sparse_free(s);
		return err;
	}
	e = v->extent;
	e->kind = VMDK_SPARSE;
	e->start = 0;
	e->size = s->size;
	e->sparse = s;
	return 0;
}

/* ---- a descriptor, and the files it lists ---- */

static int
open_part(
	struct image *im, struct vmdk_extent *e, const struct image_options *o)
{
	uint64_t end;
	int err;

	if (e->kind == VMDK_ZERO)
		return 0;
	err = image_open_part(im, e->name, o, &e->part);
	if (err)
		return err;
	if (e->kind == VMDK_SPARSE) {
		err = vmdk_sparse_open(im, &e->part->file, &e->sparse);
		if (!err && e->sparse->size < e->size)
			err = image_broken(im,
				"'%s' is smaller than the "
				"descriptor says",
				e->name);
		return err;
	}
	end = image_size(e->part);
	if (e->file_off > end || end - e->file_off < e->size)
		return image_broken(im,
			"'%s' is shorter than the descriptor "
			"says",
			e->name);
	return 0;
}

static int
open_parts(struct image *im, struct vmdk *v, const struct image_options *o)
{
	uint64_t size;
	int err = file_size(&im->file, &size);

	if (!err && size > VMDK_TEXT)
		err = image_broken(im, "not a VMDK image");
	if (!err)
		err = read_text(im, v, &im->file, 0, size);
	if (!err && !v->extents)
		err = image_broken(im, "its descriptor lists no extent");
	/* Alone: what the descriptor says is all that is wanted. */
	for (unsigned k = 0; k < v->extents && !err && !im->alone; k++)
		err = open_part(im, &v->extent[k], o);
	return err;
}

static int
open_it(struct image *im, struct vmdk *v, const struct image_options *o)
{
	static const char text[] = "# Disk DescriptorFile";
	uint8_t head[VMDK_SECTOR];
	int err = file_read(&im->file, 0, head, sizeof(head));

	if (err)
		return err;
	if (vmdk_is_sparse(head))
		return open_monolithic(im, v);
	if (memcmp(head, "COWD", 4) == 0)
		return failx(-ENOTSUP,
			"%s: a sparse image of ESX, which is not supported",
			im->name);
	if (strncasecmp((const char *)head, text, sizeof(text) - 1) != 0)
		return image_broken(im, "not a VMDK image");
	return open_parts(im, v, o);
}

static int
vmdk_open(struct image *im, const struct image_options *o)
{
	struct vmdk *v = calloc(1, sizeof(*v));
	const struct vmdk_extent *last;
	int err;

	if (!v)
		return fail(-ENOMEM, "%s", im->name);
	pthread_mutex_init(&v->lock, NULL);
	err = open_it(im, v, o);
	if (err) {
		release(v);
		return err;
	}
	last = &v->extent[v->extents - 1];
	im->size = last->start + last->size;
	im->own = v;
	return 0;
}

static int
vmdk_close(struct image *im)
{
	release(im->own);
	return 0;
}

static uint64_t
vmdk_cluster(const struct image *im)
{
	const struct vmdk *v = im->own;

	return v->extent[0].sparse ? v->extent[0].sparse->grain : 65536;
}

/* ---- reading ---- */

static struct vmdk_extent *
find_extent(struct vmdk *v, uint64_t off)
{
	unsigned from = 0, to = v->extents;

	while (to - from > 1) {
		unsigned mid = (from + to) / 2;

		if (v->extent[mid].start <= off)
			from = mid;
		else
			to = mid;
	}
	return &v->extent[from];
}

static int
vmdk_map(struct image *im, uint64_t off, uint64_t len, struct image_extent *e)
{
	struct vmdk *v = im->own;
	struct vmdk_extent *x = find_extent(v, off);
	uint64_t in = off - x->start;
	int err = 0;

	if (x->size - in < len)
		len = x->size - in;
	e->len = len;
	if (x->sparse) {
		pthread_mutex_lock(&v->lock);
		err = vmdk_sparse_map(x->sparse, in, len, e);
		pthread_mutex_unlock(&v->lock);
	} else if (x->part) {
		bool data;

		file_map(&x->part->file, x->file_off + in, &e->len, &data);
		e->where = data ? IMAGE_DATA : IMAGE_ZERO;
	} else {
		e->where = x->kind == VMDK_ZERO ? IMAGE_ZERO : IMAGE_ABSENT;
	}
	if (x->part)
		e->has_file_off = false; /* it is of another file */
	return err;
}

static int
vmdk_unpack(struct image *im, const struct image_extent *e, uint64_t off,
	struct iov_at *at, size_t len)
{
	struct vmdk *v = im->own;
	struct vmdk_extent *x = find_extent(v, off);
	uint64_t in = off - x->start;
	struct image_extent there = {0};
	int err;

	if (!x->sparse)
		return file_readv(&x->part->file, x->file_off + in, at, len);
	pthread_mutex_lock(&v->lock);
	if (e->compressed)
		err = vmdk_sparse_unpack(x->sparse, in, at, len);
	else
		err = vmdk_sparse_map(x->sparse, in, len, &there);
	pthread_mutex_unlock(&v->lock);
	if (err || e->compressed)
		return err;
	return file_readv(&x->part->file, there.file_off, at, len);
}

/* ---- the rest ---- */

static int
vmdk_check(struct image *im, bool repair, struct image_check *c,
	const struct image_tell *tell)
{
	struct vmdk *v = im->own;
	int err = 0;

	(void)repair;
	pthread_mutex_lock(&v->lock);
	for (unsigned k = 0; k < v->extents && !err; k++)
		if (v->extent[k].sparse)
			err = vmdk_sparse_check(v->extent[k].sparse, c, tell);
	pthread_mutex_unlock(&v->lock);
	return err;
}

static void
vmdk_describe(struct image *im, struct json *j)
{
	struct vmdk *v = im->own;
	const struct vmdk_sparse *s = v->extent[0].sparse;

	if (v->type[0])
		json_put_string(j, "type", v->type);
	if (s)
		json_put_uint(j, "grain-size", s->grain);
	if (s)
		json_put_bool(j, "compressed", s->compressed);
	json_put_uint(j, "extents", v->extents);
}

const struct image_ops image_vmdk_ops = {
	.name = "vmdk",
	.suffix = ".vmdk",
	.open = vmdk_open,
	.close = vmdk_close,
	.cluster = vmdk_cluster,
	.map = vmdk_map,
	.unpack = vmdk_unpack,
	.check = vmdk_check,
	.describe = vmdk_describe,
};
