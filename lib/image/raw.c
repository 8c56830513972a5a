/* SPDX-License-Identifier: MIT */
/*
 * Raw images: the file is the disk, or a block device is. What is missing from
 * the last sector reads as zeros; it is filled up when something is written
 * there.
 */
#include <errno.h>
#include <fcntl.h>

#include "lib/err.h"
#include "lib/image/image-int.h"

static int
raw_open(struct image *im, const struct image_options *o)
{
	uint64_t size;
	int err = file_size(&im->file, &size);

	(void)o;
	if (err)
		return err;
	if (size > INT64_MAX - 511)
		return failx(-EFBIG, "%s: too large", im->name);
	im->size = (size + 511) / 512 * 512;
	return 0;
}

static int
raw_close(struct image *im)
{
	(void)im;
	return 0;
}

static int
raw_map(struct image *im, uint64_t off, uint64_t len, struct image_extent *e)
{
	bool data;

	e->len = len;
	file_map(&im->file, off, &e->len, &data);
	e->where = data ? IMAGE_DATA : IMAGE_ZERO;
	e->has_file_off = true;
	e->file_off = off;
	return 0;
}

static int
raw_read(struct image *im, uint64_t off, struct iov_at *at, size_t len)
{
	return file_readv(&im->file, off, at, len);
}

static int
raw_write(struct image *im, uint64_t off, struct iov_at *at, size_t len)
{
	return file_writev(&im->file, off, at, len);
}

static int
raw_discard(struct image *im, uint64_t off, uint64_t len)
{
	bool zeros;

	return file_punch(&im->file, off, len, &zeros);
}

static int
raw_zero(struct image *im, uint64_t off, uint64_t len, bool unmap)
{
	return file_zero(&im->file, off, len, !unmap);
}

static int
raw_resize(struct image *im, uint64_t size)
{
	int err;

	if (im->file.device)
		return failx(-ENOTSUP,
			"%s: the size of a device cannot be changed", im->name);
	err = file_truncate(&im->file, size);
	if (!err)
		err = file_sync(&im->file);
	if (!err)
		im->size = size;
	return err;
}

static int
raw_create(struct image_file *file, const struct image_create *c)
{
	int err;

	if (file->device) {
		uint64_t size;

		err = file_size(file, &size);
		if (!err && size < c->size)
			err = failx(-ENOSPC, "%s: has %llu bytes only",
				file->name, (unsigned long long)size);
		return err;
	}
	err = file_truncate(file, c->size);
	if (err || !c->fixed || !c->size)
		return err;
	while (call_fallocate(file->calls, file->fd, 0, 0, (off_t)c->size))
		if (errno == EOPNOTSUPP || errno == ENOSYS)
			return file_zero(file, 0, c->size, true);
		else if (errno != EINTR)
			return fail(-errno, "%s: cannot get %llu bytes",
				file->name, (unsigned long long)c->size);
	return 0;
}

const struct image_ops image_raw_ops = {
	.name = "raw",
	.writes = true,
	.open = raw_open,
	.close = raw_close,
	.map = raw_map,
	.read = raw_read,
	.write = raw_write,
	.discard = raw_discard,
	.zero = raw_zero,
	.resize = raw_resize,
	.create = raw_create,
};
