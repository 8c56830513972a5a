/* SPDX-License-Identifier: MIT */
/*
 * Opening an image by its path, with all that it stands on: backing files are
 * named relative to the directory of the file that names them, none of them may
 * come twice in a chain, and a chain has an end.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bin/disk/disk.h"
#include "lib/err.h"

struct level {
	dev_t dev;
	ino_t ino;
	char *path;
};

struct chain {
	bool probe;
	struct level level[IMAGE_CHAIN + 1]; /* 0 is the image itself */
};

char *
img_path_beside(const char *from, const char *name)
{
	const char *slash = from ? strrchr(from, '/') : NULL;
	char *path;

	if (name[0] == '/' || !slash)
		return strdup(name);
	if (asprintf(&path, "%.*s/%s", (int)(slash - from), from, name) < 0)
		return NULL;
	return path;
}

int
img_format(const char *name, const char *path, enum image_format *format)
{
	if (name)
		return image_format_parse(name, format);
	*format = image_format_by_name(path);
	return 0;
}

/* A file or a block device; a pipe would keep us waiting. */
static int
open_file(const char *path, bool write, int *fd, struct stat *st)
{
	bool in = strcmp(path, "-") == 0;
	int err;

	*fd = in ? fcntl(0, F_DUPFD_CLOEXEC, 3)
		 : open(path, (write ? O_RDWR : O_RDONLY) | O_CLOEXEC |
				      O_NONBLOCK | O_NOCTTY);
	if (*fd < 0)
		return fail(-errno, "%s: cannot open", path);
	if (fstat(*fd, st))
		err = fail(-errno, "%s", path);
	else if (S_ISREG(st->st_mode) || S_ISBLK(st->st_mode))
		return 0;
	else if (in)
		err = failx(-EINVAL, "standard input is a stream, which only "
				     "convert reads");
	else
		err = failx(
			-EINVAL, "%s: neither a file nor a block device", path);
	close(*fd);
	return err;
}

/* Is that file one of the first n? */
static bool
seen(const struct chain *c, unsigned n, const struct stat *st)
{
	for (unsigned k = 0; k < n; k++)
		if (c->level[k].dev == st->st_dev &&
			c->level[k].ino == st->st_ino)
			return true;
	return false;
}

/* QEMU takes what is before a colon for a protocol: "nbd:...", "json:{...}". */
static bool
has_protocol(const char *name)
{
	return name[strcspn(name, ":/")] == ':';
}

static int
base_format(const struct chain *c, const char *from, const char *name,
	const char *format_name, int fd, enum image_format *format)
{
	if (format_name[0] && image_format_parse(format_name, format) == 0)
		return 0;
	if (format_name[0])
		return failx(-EINVAL,
			"%s: its backing file has the unknown format '%s'",
			from, format_name);
	if (c->probe)
		return image_probe(fd, name, format);
	return failx(-EINVAL,
		"%s: does not say which format its backing file has; "
		"vm-disk rebase -u -b FILE -F FORMAT tells it",
		from);
}

static int
open_base(void *to, const char *name, const char *format_name, unsigned depth,
	int *fd, enum image_format *format, char **path)
{
	struct chain *c = to;
	const char *from;
	struct stat st;
	char *p, *copy;
	int err;

	if (depth < 1 || depth > IMAGE_CHAIN)
		return failx(-ELOOP, "%s: more than %d images in a chain",
			c->level[0].path, IMAGE_CHAIN);
	from = c->level[depth - 1].path;
	if (has_protocol(name))
		return failx(-EINVAL,
			"%s: stands on '%s', which is no plain file", from,
			name);
	p = img_path_beside(from, name);
	copy = p ? strdup(p) : NULL;
	if (!copy) {
		free(p);
		return fail(-ENOMEM, "%s", from);
	}
	err = open_file(p, false, fd, &st);
	if (!err && seen(c, depth, &st))
		err = failx(-ELOOP, "%s: is its own backing file, by way of %s",
			p, from);
	else if (!err)
		err = base_format(c, from, p, format_name, *fd, format);
	else
		*fd = -1;
	if (err) {
		if (*fd >= 0)
			close(*fd);
		free(p);
		free(copy);
		return err;
	}
	free(c->level[depth].path);
	c->level[depth] = (struct level){st.st_dev, st.st_ino, p};
	*path = copy;
	return 0;
}

int
img_open_image(struct image **image, const struct img_open *o)
{
	struct chain c = {.probe = o->probe};
	const struct image_backing backing = {.open = open_base, .to = &c};
	const struct image_options opts = {.write = o->write,
		.lock = !o->unlocked,
		.alone = o->alone,
		.check = o->check,
		.backing = &backing};
	enum image_format format;
	struct stat st;
	int fd, err;

	c.level[0].path = strdup(o->path);
	if (!c.level[0].path)
		return fail(-ENOMEM, "%s", o->path);
	err = open_file(o->path, o->write, &fd, &st);
	if (err)
		goto out;
	c.level[0].dev = st.st_dev;
	c.level[0].ino = st.st_ino;
	if (o->probe && !o->format)
		err = image_probe(fd, o->path, &format);
	else
		err = img_format(o->format, o->path, &format);
	if (!err)
		err = image_open(image, fd, o->path, format, &opts);
	if (err)
		close(fd);
out:
	for (unsigned k = 0; k <= IMAGE_CHAIN; k++)
		free(c.level[k].path);
	return err;
}

int
img_base_open(struct image **base, const struct image *image, const char *from,
	bool write)
{
	const char *name = image_backing_name(image);
	const char *format = image_backing_format(image);
	struct img_open o = {.format = format, .write = write};
	char *path;
	int err;

	*base = NULL;
	if (!name)
		return 0;
	if (has_protocol(name))
		return failx(-EINVAL,
			"%s: stands on '%s', which is no plain file", from,
			name);
	if (!format || !format[0])
		return failx(-EINVAL,
			"%s: does not say which format its backing file has; "
			"vm-disk rebase -u -b FILE -F FORMAT tells it",
			from);
	path = img_path_beside(from, name);
	if (!path)
		return fail(-ENOMEM, "%s", from);
	o.path = path;
	err = img_open_image(base, &o);
	free(path);
	return err;
}
