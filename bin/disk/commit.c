/* SPDX-License-Identifier: MIT */
/*
 * vm-disk commit: what an image has beside its backing file goes into that, and
 * then is given up. The image has everything until the backing file is on the
 * disk, so that a crash loses nothing.
 */
#include <errno.h>
#include <stdlib.h>

#include "bin/disk/disk.h"
#include "bin/tool.h"
#include "lib/err.h"

enum { PIECE = 1 << 20 };

static int
copy_data(struct image *top, struct image *base, uint64_t off, uint64_t len,
	char *buf)
{
	int err = 0;

	while (len && !err) {
		size_t n = len < PIECE ? (size_t)len : PIECE;

		err = image_read(top, off, buf, n);
		if (!err)
			err = img_zeros(buf, n)
				      ? image_zero(base, off, n, true)
				      : image_write(base, off, buf, n);
		off += n;
		len -= n;
	}
	return err;
}

static int
copy_all(struct image *top, struct image *base, struct img_progress *progress)
{
	uint64_t size = image_size(top), off = 0;
	char *buf = malloc(PIECE);
	struct image_extent e;
	int err = buf ? 0 : fail(-ENOMEM, "commit");

	while (off < size && !err) {
		err = img_extent(top, off, size - off, &e);
		if (err)
			break;
		if (e.where == IMAGE_ZERO)
			err = image_zero(base, off, e.len, true);
		else if (e.where == IMAGE_DATA)
			err = copy_data(top, base, off, e.len, buf);
		off += e.len;
		img_progress(progress, off, size);
	}
	free(buf);
	return err;
}

static int
commit(struct image *top, struct image *base, const struct img_conf *conf)
{
	struct img_progress progress;
	int err = 0;

	if (image_size(base) < image_size(top))
		err = image_resize(base, image_size(top));
	if (err)
		return err;
	img_progress_open(&progress, conf);
	err = copy_all(top, base, &progress);
	img_progress_close(&progress);
	if (!err)
		err = image_flush(base);
	if (!err)
		err = image_empty(top);
	return err ? err : image_flush(top);
}

int
img_commit(const struct img_conf *conf)
{
	const struct img_open o = {.path = conf->v[0],
		.format = conf->format,
		.write = true,
		.alone = true};
	struct image *top, *base = NULL;
	int err;

	if (img_open_image(&top, &o))
		return tool_fail();
	err = img_base_open(&base, top, conf->v[0], true);
	if (!err && !base)
		err = failx(-EINVAL, "%s: has no backing file", conf->v[0]);
	if (!err)
		err = commit(top, base, conf);
	if (err)
		tool_fail();
	if (image_close(base) && !err)
		err = tool_fail();
	if (image_close(top) && !err)
		err = tool_fail();
	return err ? TOOL_FAILED : 0;
}
