/* SPDX-License-Identifier: MIT */
/*
 * Disk images, whatever their format: ranges are checked here, and reading goes
 * down the chain of backing files. Opening is in open.c, making in make.c.
 */
#include "lib/image/image.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/err.h"
#include "lib/image/image-int.h"
#include "lib/text.h"

enum { ZEROS = 65536 };

uint64_t
image_size(const struct image *im)
{
	return im->size;
}

bool
image_writable(const struct image *im)
{
	return im->write;
}

enum image_format
image_type(const struct image *im)
{
	return im->format;
}

struct image *
image_backing(const struct image *im)
{
	return im->backing;
}

const char *
image_name(const struct image *im)
{
	return im->name;
}

const char *
image_backing_name(const struct image *im)
{
	return im->backing_name;
}

const char *
image_backing_format(const struct image *im)
{
	return im->backing_format ? im->backing_format : "";
}

uint64_t
image_cluster(const struct image *im)
{
	return im->ops->cluster ? im->ops->cluster(im) : 65536;
}

void
image_say(const struct image_tell *tell, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (!tell || !tell->say)
		return;
	va_start(ap, fmt);
	text_format(text, sizeof(text), fmt, ap);
	va_end(ap);
	tell->say(tell->to, text);
}

int
image_broken(const struct image *im, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return failx(-EIO, "%s: %s", im->name, text);
}

/* ---- ranges ---- */

static int
check_range(const struct image *im, uint64_t off, uint64_t len)
{
	if (off <= im->size && len <= im->size - off)
		return 0;
	return failx(-EINVAL, "%s: bytes %llu to %llu are not all on the disk",
		im->name, (unsigned long long)off,
		(unsigned long long)(off + len));
}

static int
check_write(const struct image *im, uint64_t off, uint64_t len, bool can)
{
	if (!im->write)
		return failx(-EROFS, "%s: is read-only", im->name);
	if (!can)
		return failx(-ENOTSUP, "%s: %s images cannot do that", im->name,
			im->ops->name);
	return check_range(im, off, len);
}

/* ---- reading ---- */

static int read_at(
	struct image *im, uint64_t off, struct iov_at *at, size_t len);

int
image_read_absent(struct image *im, uint64_t off, struct iov_at *at, size_t len)
{
	struct image *from = im->backing;
	size_t n = 0;
	int err;

	if (from && off < from->size) {
		n = from->size - off < len ? (size_t)(from->size - off) : len;
		err = read_at(from, off, at, n);
		if (err)
			return err;
	}
	iov_zero(at, len - n);
	return 0;
}

static int
read_extent(struct image *im, const struct image_extent *e, uint64_t off,
	struct iov_at *at, size_t len)
{
	switch (e->where) {
	case IMAGE_ABSENT:
		return image_read_absent(im, off, at, len);
	case IMAGE_ZERO:
		iov_zero(at, len);
		return 0;
	case IMAGE_DATA:
		break;
	}
	if (e->has_file_off && !e->compressed)
		return file_readv(
			&im->file, e->file_off + (off - e->off), at, len);
	return im->ops->unpack(im, e, off, at, len);
}

static int
read_at(struct image *im, uint64_t off, struct iov_at *at, size_t len)
{
	if (im->ops->read)
		return im->ops->read(im, off, at, len);
	while (len) {
		struct image_extent e = {.off = off};
		int err = im->ops->map(im, off, len, &e);
		size_t n = len;

		if (err)
			return err;
		if (e.len < n)
			n = (size_t)e.len;
		err = read_extent(im, &e, off, at, n);
		if (err)
			return err;
		off += n;
		len -= n;
	}
	return 0;
}

int
image_readv(struct image *im, uint64_t off, const struct iovec *iov, unsigned n)
{
	struct iov_at at = {iov, n, 0};
	size_t len = iov_total(iov, n);
	int err = check_range(im, off, len);

	return err ? err : read_at(im, off, &at, len);
}

int
image_read(struct image *im, uint64_t off, void *p, size_t n)
{
	struct iovec iov = {p, n};

	return image_readv(im, off, &iov, 1);
}

/* What the extent's image alone says; then what its backing file says of what
 * it leaves to that. */
int
image_map(struct image *im, uint64_t off, struct image_extent *e)
{
	uint64_t len;
	int err = check_range(im, off, 1);

	if (err)
		return err;
	len = im->size - off;
	for (unsigned depth = 0;; depth++) {
		*e = (struct image_extent){.off = off, .depth = depth};
		err = im->ops->map(im, off, len, e);
		if (err)
			return err;
		if (e->len > len)
			e->len = len;
		if (e->where != IMAGE_ABSENT || !im->backing)
			return 0;
		im = im->backing;
		if (off >= im->size)
			return 0;
		len = e->len < im->size - off ? e->len : im->size - off;
	}
}

/* ---- writing ---- */

int
image_writev(
	struct image *im, uint64_t off, const struct iovec *iov, unsigned n)
{
	struct iov_at at = {iov, n, 0};
	size_t len = iov_total(iov, n);
	int err = check_write(im, off, len, im->ops->write != NULL);

	return err || !len ? err : im->ops->write(im, off, &at, len);
}

int
image_write(struct image *im, uint64_t off, const void *p, size_t n)
{
	/* Not written to: writing takes the same type as reading. */
	union {
		const void *from;
		void *base;
	} u = {p};
	struct iovec iov = {u.base, n};

	return image_writev(im, off, &iov, 1);
}

int
image_flush(struct image *im)
{
	if (!im->write)
		return 0;
	return im->ops->flush ? im->ops->flush(im) : file_sync(&im->file);
}

int
image_discard(struct image *im, uint64_t off, uint64_t len)
{
	int err = check_write(im, off, len, true);

	if (err || !len || !im->ops->discard)
		return err;
	return im->ops->discard(im, off, len);
}

int
image_zero(struct image *im, uint64_t off, uint64_t len, bool unmap)
{
	static const char zeros[ZEROS];
	int err = check_write(im, off, len, true);

	if (err || !len)
		return err;
	if (im->ops->zero)
		return im->ops->zero(im, off, len, unmap);
	while (len && !err) {
		size_t n = len < ZEROS ? (size_t)len : ZEROS;

		err = image_write(im, off, zeros, n);
		off += n;
		len -= n;
	}
	return err;
}

int
image_write_compressed(
	struct image *im, uint64_t off, const void *p, size_t len)
{
	uint64_t cluster = image_cluster(im);
	int err = check_write(im, off, len, im->ops->write_compressed != NULL);

	if (err)
		return err;
	if (off % cluster || len > cluster ||
		(len < cluster && off + len != im->size))
		return failx(-EINVAL, "%s: not a whole cluster", im->name);
	return im->ops->write_compressed(im, off, p, len);
}
