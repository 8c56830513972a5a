/* SPDX-License-Identifier: MIT */
/*
 * Making images, changing what they are, and looking at their metadata: what
 * vm-disk and vm-create do, and a machine does not.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/err.h"
#include "lib/image/open.h"
#include "lib/json.h"

static int
check_can(const struct image *im, bool can)
{
	if (!im->write)
		return failx(-EROFS, "%s: is read-only", im->name);
	if (!can)
		return failx(-ENOTSUP, "%s: %s images cannot do that", im->name,
			im->ops->name);
	return 0;
}

static int
round_size(const char *name, uint64_t *size)
{
	if (*size > INT64_MAX - 511)
		return failx(-EFBIG, "%s: a disk that large cannot be", name);
	*size = (*size + 511) / 512 * 512;
	return 0;
}

int
image_create(int fd, const char *name, enum image_format format,
	const struct image_create *create, const struct calls *calls)
{
	const struct image_ops *ops = image_ops(format);
	struct image_create c = *create;
	struct image_file file;
	uint64_t size;
	int err;

	if (!ops || !ops->create)
		return failx(-ENOTSUP, "%s: %s images are only read", name,
			ops ? ops->name : "such");
	err = round_size(name, &c.size);
	if (!err)
		err = file_init(&file, fd, name, calls);
	if (!err)
		err = file_size(&file, &size);
	if (err)
		return err;
	if (c.backing_name && format != IMAGE_QCOW2)
		return failx(-ENOTSUP, "%s: %s images have no backing file",
			name, ops->name);
	if (size && !file.device)
		return failx(-EEXIST, "%s: there is something in it", name);
	return ops->create(&file, &c);
}

int
image_resize(struct image *im, uint64_t size)
{
	int err = check_can(im, im->ops->resize != NULL);

	if (!err)
		err = round_size(im->name, &size);
	if (err || size == im->size)
		return err;
	return im->ops->resize(im, size);
}

int
image_rebase(struct image *im, const char *name, const char *format)
{
	int err = check_can(im, im->ops->rebase != NULL);
	char *new_name = NULL, *new_format = NULL;

	if (err)
		return err;
	if ((name && !(new_name = strdup(name))) ||
		(name && format && !(new_format = strdup(format))))
		err = fail(-ENOMEM, "%s", im->name);
	if (!err)
		err = im->ops->rebase(im, name, name ? format : NULL);
	if (err) {
		free(new_name);
		free(new_format);
		return err;
	}
	free(im->backing_name);
	free(im->backing_format);
	im->backing_name = new_name;
	im->backing_format = new_format;
	return 0;
}

int
image_empty(struct image *im)
{
	int err = check_can(im, im->ops->empty != NULL);

	return err ? err : im->ops->empty(im);
}

int
image_check(struct image *im, bool repair, struct image_check *c,
	void (*say)(void *to, const char *sentence), void *to)
{
	const struct image_tell tell = {say, to};

	*c = (struct image_check){0};
	if (repair && !im->write)
		return failx(-EROFS, "%s: is read-only", im->name);
	if (!im->ops->check) {
		c->clusters = (im->size + 65535) / 65536;
		c->allocated = c->clusters;
		return file_size(&im->file, &c->file_end);
	}
	return im->ops->check(im, repair, c, &tell);
}

void
image_describe(struct image *im, struct json *j)
{
	json_put_string(j, "format", im->ops->name);
	json_put_uint(j, "virtual-size", im->size);
	if (im->ops->describe)
		im->ops->describe(im, j);
}
