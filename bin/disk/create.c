/* SPDX-License-Identifier: MIT */
/*
 * vm-disk create: an empty image, and what -o may say of one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bin/disk/disk.h"
#include "bin/tool.h"
#include "lib/err.h"
#include "lib/units.h"

/* ---- -o ---- */

static int
set_bool(const char *key, const char *value, bool *out)
{
	*out = strcmp(value, "on") == 0 || strcmp(value, "yes") == 0;
	if (*out || strcmp(value, "off") == 0 || strcmp(value, "no") == 0)
		return 0;
	return failx(-EINVAL, "-o %s: '%s' is neither on nor off", key, value);
}

/* One of two words. */
static int
set_word(const char *key, const char *value, const char *no, const char *yes,
	bool *out)
{
	*out = strcmp(value, yes) == 0;
	if (*out || strcmp(value, no) == 0)
		return 0;
	return failx(-EINVAL, "-o %s: '%s' is neither %s nor %s", key, value,
		no, yes);
}

static int
set_compat(const char *key, const char *value, struct image_create *c)
{
	if (strcmp(value, "v3") == 0 || strcmp(value, "v2") == 0)
		return set_word(key, value, "v3", "v2", &c->v2);
	return set_word(key, value, "1.1", "0.10", &c->v2);
}

static int
set_cluster(const char *key, const char *value, struct image_create *c)
{
	uint64_t size;
	int err = units_parse_size(value, &size);

	if (err)
		return err;
	if (size < 512 || size > 2 << 20 || (size & (size - 1)))
		return failx(-EINVAL,
			"-o %s: '%s' is no power of 2 from 512 to 2M", key,
			value);
	c->cluster_bits = (unsigned)__builtin_ctzll(size);
	return 0;
}

static int
set_lazy(const char *key, const char *value, struct image_create *c)
{
	return set_bool(key, value, &c->lazy_refcounts);
}

static int
set_compression(const char *key, const char *value, struct image_create *c)
{
	return set_word(key, value, "zlib", "zstd", &c->zstd);
}

static int
set_preallocation(const char *key, const char *value, struct image_create *c)
{
	return set_word(key, value, "off", "full", &c->fixed);
}

enum { QCOW2 = 1 << IMAGE_QCOW2, FLAT = 1 << IMAGE_RAW | 1 << IMAGE_VDI };

static const struct {
	const char *key;
	unsigned formats;
	int (*set)(const char *key, const char *value, struct image_create *);
} keys[] = {
	{"compat", QCOW2, set_compat},
	{"cluster-size", QCOW2, set_cluster},
	{"cluster_size", QCOW2, set_cluster}, /* as qemu-img has them */
	{"lazy-refcounts", QCOW2, set_lazy},
	{"lazy_refcounts", QCOW2, set_lazy},
	{"compression", QCOW2, set_compression},
	{"compression_type", QCOW2, set_compression},
	{"preallocation", FLAT, set_preallocation},
};

static int
set_option(const char *key, const char *value, enum image_format format,
	struct image_create *c)
{
	for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
		if (strcmp(keys[k].key, key) != 0)
			continue;
		if (!(keys[k].formats & 1u << format))
			return failx(-EINVAL, "-o %s: not for %s", key,
				image_format_name(format));
		return keys[k].set(key, value, c);
	}
	return failx(-EINVAL,
		"-o %s: unknown; there are compat, cluster-size, "
		"lazy-refcounts, compression and preallocation",
		key);
}

/* "key=value,key=value" */
static int
set_options(char *text, enum image_format format, struct image_create *c)
{
	char *save = NULL, *value;
	int err = 0;

	for (char *key = strtok_r(text, ",", &save); key && !err;
		key = strtok_r(NULL, ",", &save)) {
		value = strchr(key, '=');
		if (!value)
			return failx(-EINVAL, "-o %s: no value", key);
		*value++ = '\0';
		err = set_option(key, value, format, c);
	}
	return err;
}

int
img_create_options(const struct opt_list *l, enum image_format format,
	struct image_create *c)
{
	int err = 0;

	for (size_t k = 0; k < l->n && !err; k++) {
		char *copy = strdup(l->v[k]);

		err = copy ? set_options(copy, format, c) : fail(-ENOMEM, "-o");
		free(copy);
	}
	if (!err && c->v2 && (c->lazy_refcounts || c->zstd))
		err = failx(-EINVAL, "-o compat=0.10 has neither lazy "
				     "refcounts nor zstd");
	return err;
}

/* ---- making one ---- */

int
img_make(struct img_place *p, enum image_format format,
	const struct image_create *c, struct image **image)
{
	const struct image_options opts = {
		.write = true, .lock = true, .alone = true, .unsafe = true};
	int err = 0, fd;

	*image = NULL;
	if (p->device && format != IMAGE_RAW)
		err = failx(-EINVAL, "%s: a block device takes a raw image",
			p->path);
	else if (!p->device)
		err = image_create(p->fd, p->path, format, c, NULL);
	if (err)
		return err;
	fd = fcntl(p->fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return fail(-errno, "%s", p->path);
	err = image_open(image, fd, p->path, format, &opts);
	if (err)
		close(fd);
	return err;
}

/* The size of the backing file, which thereby is seen to be one. */
static int
base_size(const struct img_conf *conf, const char *path, uint64_t *size)
{
	struct img_open o = {.format = conf->backing_format};
	char *beside = img_path_beside(path, conf->backing);
	struct image *base;
	int err;

	if (!beside)
		return fail(-ENOMEM, "%s", path);
	o.path = beside;
	err = img_open_image(&base, &o);
	free(beside);
	if (err)
		return err;
	*size = image_size(base);
	return image_close(base);
}

static int
usable(const struct img_conf *conf, enum image_format format)
{
	if (format == IMAGE_VMDK || format == IMAGE_VHD)
		return failx(-EINVAL, "%s images are only read",
			image_format_name(format));
	if (conf->backing && format != IMAGE_QCOW2)
		return failx(-EINVAL, "%s images have no backing file",
			image_format_name(format));
	if (conf->backing && !conf->backing_format)
		return failx(-EINVAL, "-b needs -F, the format of %s",
			conf->backing);
	if (!conf->backing && conf->backing_format)
		return failx(-EINVAL, "-F needs -b");
	if (!conf->backing && conf->n < 2)
		return failx(-EINVAL, "create: the size is missing");
	return 0;
}

static int
make(const struct img_conf *conf, enum image_format format,
	const struct image_create *c)
{
	struct img_place place;
	struct image *image;
	int err = img_place_open(&place, conf->v[0], conf->force);

	if (err)
		return tool_fail();
	if (place.device && format == IMAGE_RAW)
		err = failx(-EINVAL, "%s: a block device is raw as it is",
			place.path);
	else
		err = img_make(&place, format, c, &image);
	if (!err)
		err = image_close(image);
	if (!err)
		err = img_place_done(&place, true);
	if (err)
		tool_fail();
	img_place_drop(&place);
	return err ? TOOL_FAILED : 0;
}

int
img_create(const struct img_conf *conf)
{
	struct image_create c = {.backing_name = conf->backing};
	enum image_format format;

	if (img_format(conf->format, conf->v[0], &format) ||
		usable(conf, format) ||
		img_create_options(&conf->opts, format, &c) ||
		(conf->n > 1 && units_parse_size(conf->v[1], &c.size)))
		return tool_misused();
	if (conf->backing) {
		uint64_t size = 0;

		if (base_size(conf, conf->v[0], &size))
			return tool_fail();
		if (conf->n < 2)
			c.size = size;
		c.backing_format = conf->backing_format;
	}
	return make(conf, format, &c);
}
