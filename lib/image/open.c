/* SPDX-License-Identifier: MIT */
/*
 * Opening an image and those that it builds on, and closing them. Who opens
 * the files is the caller: here a name is never looked up.
 */
#include "lib/image/open.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/utf8.h"

static const struct image_ops *const formats[IMAGE_FORMATS] = {
	[IMAGE_RAW] = &image_raw_ops,
	[IMAGE_QCOW2] = &image_qcow2_ops,
	[IMAGE_VDI] = &image_vdi_ops,
	[IMAGE_VMDK] = &image_vmdk_ops,
	[IMAGE_VHD] = &image_vhd_ops,
};

const struct image_ops *
image_ops(enum image_format format)
{
	return (unsigned)format < IMAGE_FORMATS ? formats[format] : NULL;
}

const char *
image_format_name(enum image_format format)
{
	return (unsigned)format < IMAGE_FORMATS ? formats[format]->name : "?";
}

int
image_format_parse(const char *name, enum image_format *format)
{
	for (unsigned i = 0; i < IMAGE_FORMATS; i++)
		if (strcmp(name, formats[i]->name) == 0) {
			*format = (enum image_format)i;
			return 0;
		}
	return failx(-EINVAL,
		"%s: not a format of images: raw, qcow2, vdi, vmdk, vhd", name);
}

enum image_format
image_format_by_name(const char *path)
{
	const char *dot = strrchr(path, '.');

	for (unsigned i = 0; dot && i < IMAGE_FORMATS; i++)
		if (formats[i]->suffix &&
			strcasecmp(dot, formats[i]->suffix) == 0)
			return (enum image_format)i;
	return IMAGE_RAW;
}

int
image_text(const struct image *im, const char *what, const void *p, size_t n,
	char **out)
{
	const unsigned char *s = p;

	for (size_t i = 0; i < n;) {
		size_t one = utf8_length(s + i, n - i);

		if (!one || s[i] < ' ' || s[i] == 0x7f)
			return image_broken(im, "its %s is not text", what);
		i += one;
	}
	*out = strndup(p, n);
	return *out ? 0 : fail(-ENOMEM, "%s", im->name);
}

static void
release(struct image *im)
{
	free(im->backing_format);
	free(im->backing_name);
	free(im->name);
	free(im);
}

/* Everything but what lies behind it in the chain. The descriptor stays the
 * caller's after an error. */
static int
open_one(struct image **out, int fd, const char *name, enum image_format format,
	const struct image_options *o, struct image *above)
{
	const struct image_ops *ops = image_ops(format);
	struct image *im = calloc(1, sizeof(*im));
	struct stat st;
	int err;

	if (!im || !(im->name = strdup(name))) {
		free(im);
		return fail(-ENOMEM, "%s", name);
	}
	im->ops = ops;
	im->format = format;
	im->write = o->write;
	im->alone = o->alone;
	im->above = above;
	im->depth = above ? above->depth + 1 : 0;
	err = file_init(&im->file, fd, im->name, o->calls);
	im->file.unsafe = o->unsafe;
	if (!err && fstat(fd, &st) == 0) {
		im->dev = st.st_dev;
		im->ino = st.st_ino;
	}
	if (!err && o->write && !ops->writes)
		err = failx(
			-EROFS, "%s: %s images are only read", name, ops->name);
	if (!err && im->file.device && format != IMAGE_RAW)
		err = failx(-EINVAL, "%s: a block device is always raw", name);
	if (!err && o->lock)
		err = image_lock(im);
	if (!err) {
		err = ops->open(im, o);
		if (err && o->lock)
			image_unlock_fd(fd);
	}
	if (err) {
		release(im);
		return err;
	}
	*out = im;
	return 0;
}

/* -ELOOP: a file twice in a chain. */
static int
check_loop(const struct image *im)
{
	for (const struct image *up = im->above; up; up = up->above)
		if (up->dev == im->dev && up->ino == im->ino)
			return failx(-ELOOP, "%s: is its own backing file",
				im->name);
	return 0;
}

/* Asks for what a header names; the new image is closed by the caller. */
static int
open_named(struct image *im, const char *name, const char *format_name,
	bool data, const struct image_options *o, struct image **out)
{
	struct image_options under = *o;
	enum image_format format = IMAGE_RAW;
	char *path = NULL;
	int fd = -1, err;

	if (!o->backing || !o->backing->open)
		return failx(-EACCES, "%s: needs %s, which nobody has named",
			im->name, name);
	if (im->depth + 1 >= IMAGE_CHAIN)
		return failx(-ELOOP, "%s: more than %d images in a chain",
			im->name, IMAGE_CHAIN);
	err = o->backing->open(o->backing->to, name, format_name, im->depth + 1,
		&fd, &format, &path);
	if (err)
		return err;
	if (!data)
		under.write = false;
	if (data && format != IMAGE_RAW)
		err = failx(-EINVAL, "%s: its data file %s must be raw",
			im->name, name);
	if (!err)
		err = open_one(out, fd, path ? path : name, format, &under, im);
	free(path);
	if (err)
		close(fd);
	return err;
}

int
image_open_part(struct image *im, const char *name,
	const struct image_options *o, struct image **part)
{
	struct image *made;
	int err = open_named(im, name, "raw", true, o, &made);

	if (!err && (err = check_loop(made)) != 0)
		image_close(made);
	if (!err)
		*part = made;
	return err;
}

static int
open_chain(struct image *top, const struct image_options *o)
{
	int err = 0;

	for (struct image *im = top; !err && im->backing_name;
		im = im->backing) {
		err = open_named(im, im->backing_name, image_backing_format(im),
			false, o, &im->backing);
		if (!err)
			err = check_loop(im->backing);
		if (err)
			break;
	}
	return err;
}

int
image_open(struct image **out, int fd, const char *name,
	enum image_format format, const struct image_options *o)
{
	struct image *im;
	int err;

	if (!image_ops(format))
		return failx(-EINVAL, "%s: not a format", name);
	err = open_one(&im, fd, name, format, o, NULL);
	if (err)
		return err;
	if (!o->alone && (err = open_chain(im, o)) != 0) {
		im->file.fd = -1; /* stays the caller's */
		if (o->lock)
			image_unlock_fd(fd);
		im->write = false;
		image_close(im);
		return err;
	}
	*out = im;
	return 0;
}

int
image_close(struct image *im)
{
	int first = 0;

	while (im) {
		struct image *next = im->backing;
		int err = image_flush(im), closed = im->ops->close(im);

		if (!first)
			first = err ? err : closed;
		if (im->file.fd >= 0 && close(im->file.fd) < 0 && !first &&
			im->write)
			first = fail(-errno, "%s: cannot close", im->name);
		release(im);
		im = next;
	}
	return first;
}
