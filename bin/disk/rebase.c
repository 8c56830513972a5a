/* SPDX-License-Identifier: MIT */
/*
 * vm-disk rebase: an image shall stand on another backing file, or on none, and
 * hold the same disk. Where the old one and the new one differ, the old one's
 * bytes are copied into the image first. With -u only the name changes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bin/disk/disk.h"
#include "bin/tool.h"
#include "lib/err.h"

enum { PIECE = 2 << 20 }; /* the largest cluster */

struct rebase {
	struct image *top, *old, *new;
	char *p, *q;
};

/*
 * Clusters that the image has not: the old backing file's where the new one's
 * differ. Whole ones, for the image itself cannot fill them up: it is open
 * without a backing file.
 */
static int
copy_piece(struct rebase *r, uint64_t off, size_t n)
{
	size_t step = (size_t)image_cluster(r->top);
	int err = img_read(r->old, off, r->p, n);

	if (!err)
		err = img_read(r->new, off, r->q, n);
	for (size_t k = 0; k < n && !err; k += step) {
		size_t here = step < n - k ? step : n - k;

		if (memcmp(r->p + k, r->q + k, here) != 0)
			err = image_write(r->top, off + k, r->p + k, here);
	}
	return err;
}

/* off and len are whole clusters, but at the end of the disk. */
static int
copy_absent(struct rebase *r, uint64_t off, uint64_t len)
{
	uint64_t step = image_cluster(r->top);
	int err = 0;

	while (len && !err) {
		struct image_extent e, f;
		uint64_t n;

		err = img_extent(r->old, off, len, &e);
		if (!err)
			err = img_extent(r->new, off, e.len, &f);
		if (err)
			return err;
		n = f.len == len ? len : f.len / step * step;
		if (!n || e.where == IMAGE_DATA || f.where == IMAGE_DATA) {
			n = len < PIECE ? len : PIECE;
			err = copy_piece(r, off, (size_t)n);
		}
		off += n;
		len -= n;
	}
	return err;
}

static int
copy_all(struct rebase *r, const struct img_conf *conf)
{
	uint64_t size = image_size(r->top), off = 0;
	struct img_progress progress;
	struct image_extent e;
	int err = 0;

	r->p = malloc(PIECE);
	r->q = malloc(PIECE);
	if (!r->p || !r->q)
		return fail(-ENOMEM, "rebase");
	img_progress_open(&progress, conf);
	while (off < size && !err) {
		err = img_extent(r->top, off, size - off, &e);
		if (!err && e.where == IMAGE_ABSENT)
			err = copy_absent(r, off, e.len);
		off += e.len;
		img_progress(&progress, off, size);
	}
	img_progress_close(&progress);
	return err;
}

/* The new backing file must be one, of that format, and not the image. */
static int
open_new(struct rebase *r, const struct img_conf *conf)
{
	struct img_open o = {.format = conf->backing_format};
	char *path;
	int err;

	if (!conf->backing)
		return 0;
	path = img_path_beside(conf->v[0], conf->backing);
	if (!path)
		return fail(-ENOMEM, "rebase");
	o.path = path;
	err = img_open_image(&r->new, &o);
	free(path);
	return err;
}

static int
rebase(struct rebase *r, const struct img_conf *conf)
{
	int err = 0;

	if (!conf->unsafe) {
		err = open_new(r, conf);
		if (!err)
			err = img_base_open(&r->old, r->top, conf->v[0], false);
		if (!err)
			err = copy_all(r, conf);
		if (!err)
			err = image_flush(r->top);
	}
	if (!err)
		err = image_rebase(r->top, conf->backing, conf->backing_format);
	return err ? err : image_flush(r->top);
}

int
img_rebase(const struct img_conf *conf)
{
	const struct img_open o = {.path = conf->v[0],
		.format = conf->format,
		.write = true,
		.alone = true};
	struct rebase r = {0};
	int err;

	if (!conf->backing != !conf->backing_format) {
		failx(-EINVAL, "rebase: -b and -F go together");
		return tool_misused();
	}
	if (img_open_image(&r.top, &o))
		return tool_fail();
	err = rebase(&r, conf);
	if (err)
		tool_fail();
	image_close(r.old);
	image_close(r.new);
	free(r.p);
	free(r.q);
	if (image_close(r.top) && !err)
		return tool_fail();
	return err ? TOOL_FAILED : 0;
}
