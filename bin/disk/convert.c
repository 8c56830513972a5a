/* SPDX-License-Identifier: MIT */
/*
 * vm-disk convert: a disk into another format; what comes from where, and goes
 * where. copy.c copies.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bin/disk/copy.h"
#include "bin/tool.h"
#include "lib/err.h"

/* ---- from what ---- */

static bool
is_dash(const char *s)
{
	return strcmp(s, "-") == 0;
}

/* A file on standard input is as good as one with a name. */
static bool
is_pipe(int fd)
{
	struct stat st;

	return fstat(fd, &st) || !(S_ISREG(st.st_mode) || S_ISBLK(st.st_mode));
}

static int
open_from(struct copy *c, const struct img_conf *conf)
{
	const struct img_open o = {.path = conf->v[0], .format = conf->format};

	c->size = UINT64_MAX;
	if (is_dash(conf->v[0]) && is_pipe(0)) {
		if (conf->format && strcmp(conf->format, "raw") != 0)
			return failx(-EINVAL,
				"standard input is a pipe, which only a raw "
				"image can come from");
		return 0;
	}
	if (img_open_image(&c->from, &o))
		return -EIO;
	c->size = image_size(c->from);
	return 0;
}

static int
check_tty(const struct img_conf *conf)
{
	if (!isatty(1) || conf->force)
		return 0;
	return failx(-EINVAL, "standard output is a terminal (--force)");
}

/* ---- to standard output ---- */

/* A file there gets holes, from where it stands. */
static bool
can_seek(void)
{
	int flags = fcntl(1, F_GETFL);

	return !is_pipe(1) && flags >= 0 && !(flags & O_APPEND) &&
	       lseek(1, 0, SEEK_CUR) == lseek(1, 0, SEEK_END);
}

static int
to_stream(struct copy *c, const struct img_conf *conf, enum image_format out)
{
	off_t at;
	int err = check_tty(conf);

	if (err)
		return err;
	if (out == IMAGE_QCOW2 && c->from)
		return img_stream_qcow2(c->from, conf, 1);
	if (out != IMAGE_RAW)
		return failx(-EINVAL,
			"only raw images, and qcow2 from a file, can be "
			"written to standard output");
	c->step = COPY_LEAST;
	c->seekable = can_seek();
	err = img_copy(c, conf);
	if (err || !c->seekable)
		return err;
	at = lseek(1, 0, SEEK_CUR);
	return at < 0 || ftruncate(1, at) ? fail(-errno, "standard output") : 0;
}

/* ---- to a file ---- */

static int
begin_file(struct copy *c, const struct img_conf *conf, struct img_place *place,
	enum image_format out, struct image_create *create)
{
	int err;

	create->size = c->size == UINT64_MAX ? 0 : c->size;
	err = img_make(place, out, create, &c->to);
	if (err)
		return err;
	c->fresh = !place->device;
	c->compress = conf->compress;
	c->unordered = c->compress && c->from;
	/* Blocks of a VDI are large, and become sparse in the file. */
	c->step =
		out == IMAGE_QCOW2 ? (size_t)image_cluster(c->to) : COPY_LEAST;
	if (place->device && c->from && c->size > image_size(c->to))
		return failx(-ENOSPC, "%s: smaller than the disk",
			image_name(c->to));
	return 0;
}

static int
end_file(struct copy *c, struct img_place *place)
{
	int err = 0;

	if (c->size == UINT64_MAX && !place->device &&
		image_size(c->to) != c->end)
		err = image_resize(c->to, c->end);
	return err;
}

static int
to_file(struct copy *c, const struct img_conf *conf, enum image_format out)
{
	struct image_create create = {0};
	struct img_place place;
	int err;

	if (img_create_options(&conf->opts, out, &create))
		return -EINVAL;
	if (img_place_open(&place, conf->v[1], conf->force))
		return -EIO;
	err = begin_file(c, conf, &place, out, &create);
	if (!err)
		err = img_copy(c, conf);
	if (!err)
		err = end_file(c, &place);
	if (c->to) {
		int closed = image_close(c->to);

		err = err ? err : closed;
	}
	if (!err)
		err = img_place_done(&place, conf->sync);
	img_place_drop(&place);
	return err;
}

int
img_convert(const struct img_conf *conf)
{
	struct copy c = {.lock = PTHREAD_MUTEX_INITIALIZER,
		.moved = PTHREAD_COND_INITIALIZER};
	enum image_format out;
	int err;

	if (img_format(conf->out_format, conf->v[1], &out))
		return tool_misused();
	if (out == IMAGE_VMDK || out == IMAGE_VHD) {
		failx(-EINVAL, "%s images are only read",
			image_format_name(out));
		return tool_misused();
	}
	if (conf->compress && out != IMAGE_QCOW2) {
		failx(-EINVAL, "-c: %s images are not compressed",
			image_format_name(out));
		return tool_misused();
	}
	err = open_from(&c, conf);
	if (!err)
		err = is_dash(conf->v[1]) ? to_stream(&c, conf, out)
					  : to_file(&c, conf, out);
	if (err)
		tool_fail();
	image_close(c.from);
	return err ? TOOL_FAILED : 0;
}
