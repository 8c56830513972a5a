/* SPDX-License-Identifier: MIT */
/*
 * Making and copying the disks in a machine's directory.
 */
#include "bin/tool-disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/units.h"

/* ---- planning ---- */

bool
tool_disk_is_new(const char *value)
{
	char *size = strndup(value, strcspn(value, ","));
	bool is = size && config_is_size(size);

	free(size);
	return is;
}

/* A name in disks/ that is free. */
static int
choose_file(const struct tool_disks *all, struct config_disk *d)
{
	const char *suffix = d->image.format == IMAGE_RAW
				     ? "img"
				     : image_format_name(d->image.format);
	struct stat st;

	for (unsigned n = 0; n < 10000; n++) {
		char tail[16] = "";

		if (n)
			snprintf(tail, sizeof(tail), "-%u", n);
		free(d->image.path);
		if (asprintf(&d->image.path, "disks/%s%s.%s", d->id, tail,
			    suffix) < 0) {
			d->image.path = NULL;
			return fail(-ENOMEM, "disk");
		}
		if (all->dir < 0 || (fstatat(all->dir, d->image.path, &st,
					     AT_SYMLINK_NOFOLLOW) &&
					    errno == ENOENT))
			return 0;
	}
	return failx(-EEXIST, "disk: no free name in disks/");
}

/* What was said of it, the file's name in place of its size. */
static int
write_spec(const struct config_disk *d, const char *rest, char **out)
{
	bool said = strncmp(rest, ",format=", 8) == 0 ||
		    strstr(rest, ",format=") != NULL;

	if (asprintf(out, "%s%s%s%s", d->image.path, said ? "" : ",format=",
		    said ? "" : image_format_name(d->image.format), rest) < 0)
		return fail(-ENOMEM, "disk");
	return 0;
}

/* Without a format it is qcow2: what the others lack, it has. */
static int
parse(const char *rest, struct config_disk *d)
{
	char *spec;
	int e;

	if (asprintf(&spec, "disks/new.qcow2%s", rest) < 0)
		return fail(-ENOMEM, "disk");
	e = config_disk_parse(spec, false, d);
	free(spec);
	return e;
}

int
tool_disks_plan(struct tool_disks *all, const struct config *c,
	const char *value, char **out)
{
	const char *rest = value + strcspn(value, ",");
	struct tool_disk *t = &all->disk[all->n];
	char size[UNITS_MAX + 32];
	int e;

	if (all->n == CONFIG_DISKS)
		return failx(-ERANGE, "disk: at most %d", CONFIG_DISKS);
	snprintf(size, sizeof(size), "%.*s", (int)(rest - value), value);
	e = units_parse_size(size, &t->size);
	if (!e && !t->size)
		e = failx(-EINVAL, "'%s' is no size of a disk", size);
	if (e)
		return failx(e, "disk: %s", fail_text());
	e = parse(rest, &t->config);
	if (e)
		return e;
	t->made = false;
	e = config_disk_id(c, &t->config);
	if (!e)
		e = choose_file(all, &t->config);
	if (!e)
		e = write_spec(&t->config, rest, out);
	if (e)
		config_disk_free(&t->config);
	else
		all->n++;
	return e;
}

void
tool_disks_free(struct tool_disks *all)
{
	while (all->n)
		config_disk_free(&all->disk[--all->n].config);
}

/* ---- making ---- */

static int
make(struct tool_disk *t, int dir)
{
	const struct config_disk *d = &t->config;
	const char *path = d->image.path;
	const struct config_image *base = d->backings ? &d->backing[0] : NULL;
	struct image_create c = {
		.size = t->size,
		.backing_name = base ? base->path : NULL,
		.backing_format = base ? image_format_name(base->format) : NULL,
	};
	int fd = openat(dir, path,
		O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int e;

	if (fd < 0)
		return fail(-errno, "%s: cannot make it", path);
	t->made = true;
	e = image_create(fd, path, d->image.format, &c, NULL);
	if (!e && fsync(fd))
		e = fail(-errno, "%s: cannot write", path);
	close(fd);
	return e;
}

static int
open_disks(int dir, int *fd)
{
	if (mkdirat(dir, "disks", 0700) && errno != EEXIST)
		return fail(-errno, "disks: cannot make it");
	*fd = openat(
		dir, "disks", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *fd < 0 ? fail(-errno, "disks: cannot open") : 0;
}

int
tool_disks_make(void *to, int dir)
{
	struct tool_disks *all = to;
	int e, fd;

	if (!all->n)
		return 0;
	e = open_disks(dir, &fd);
	if (e)
		return e;
	for (unsigned n = 0; !e && n < all->n; n++)
		e = make(&all->disk[n], dir);
	if (!e && (fsync(fd) || fsync(dir)))
		e = fail(-errno, "disks: cannot write");
	close(fd);
	if (e)
		tool_disks_drop(all, dir);
	return e;
}

void
tool_disks_drop(struct tool_disks *all, int dir)
{
	for (unsigned n = 0; n < all->n; n++)
		if (all->disk[n].made)
			unlinkat(dir, all->disk[n].config.image.path, 0);
}

/* ---- copying ---- */

static const char nvram[] = "vars.fd"; /* vm-state(5) */

/* Where the kernel cannot: by hand. */
static int
carry(int in, int out, off_t at, off_t end)
{
	static char buf[256 << 10];

	while (at < end) {
		size_t want = end - at < (off_t)sizeof(buf) ? (size_t)(end - at)
							    : sizeof(buf);
		ssize_t n = pread(in, buf, want, at);

		for (ssize_t done = 0, w; n > 0 && done < n; done += w) {
			w = pwrite(
				out, buf + done, (size_t)(n - done), at + done);
			if (w < 0 && errno != EINTR)
				return -errno;
			w = w < 0 ? 0 : w;
		}
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return 0;
		at += n > 0 ? n : 0;
	}
	return 0;
}

static int
copy_range(int in, int out, off_t at, off_t end)
{
	off_t from = at, to = at;

	while (from < end) {
		ssize_t n = copy_file_range(
			in, &from, out, &to, (size_t)(end - from), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return carry(in, out, from, end);
	}
	return 0;
}

static int
copy_data(int in, int out, off_t size)
{
	off_t at = 0, end;
	int e = 0;

	if (ioctl(out, FICLONE, in) == 0)
		return 0;
	if (ftruncate(out, size) < 0)
		return -errno;
	while (!e && at < size) {
		at = lseek(in, at, SEEK_DATA);
		if (at < 0 && errno == ENXIO)
			break; /* a hole to the end */
		end = at < 0 ? size : lseek(in, at, SEEK_HOLE);
		if (at < 0)
			at = 0; /* it knows no holes */
		e = copy_range(in, out, at, end < 0 ? size : end);
		at = end < 0 ? size : end;
	}
	return e;
}

static int
copy_to(int in, off_t size, int to, const char *name)
{
	int out = openat(to, name,
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int e = out < 0 ? -errno : copy_data(in, out, size);

	if (!e && fsync(out))
		e = -errno;
	if (out >= 0)
		close(out);
	return e ? fail(e, "%s: cannot copy", name) : 0;
}

/* What is no regular file is not ours. Opened as an image for its locks: nobody
 * is to write to it. */
static int
copy_file(int from, int to, const char *name)
{
	const struct image_options o = {.lock = true};
	struct image *im;
	struct stat st;
	int e, in = openat(from, name,
		       O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (in < 0)
		return errno == ENOENT || errno == ELOOP || errno == ENXIO
			       ? 0
			       : fail(-errno, "%s: cannot open", name);
	if (fstat(in, &st) || !S_ISREG(st.st_mode)) {
		close(in);
		return 0;
	}
	e = image_open(&im, in, name, IMAGE_RAW, &o);
	if (e) {
		close(in);
		return e;
	}
	e = copy_to(in, st.st_size, to, name);
	image_close(im);
	return e;
}

static int
copy_all(int from, int to)
{
	DIR *d = fdopendir(dup(from));
	struct dirent *ent;
	int e = d ? 0 : fail(-errno, "disks: cannot read");

	while (!e && (ent = readdir(d)) != NULL)
		if (*ent->d_name != '.')
			e = copy_file(from, to, ent->d_name);
	if (d)
		closedir(d);
	if (!e && fsync(to))
		e = fail(-errno, "disks: cannot write");
	return e;
}

bool
tool_disks_any(int dir)
{
	return faccessat(dir, "disks", F_OK, AT_SYMLINK_NOFOLLOW) == 0 ||
	       faccessat(dir, nvram, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int
tool_disks_copy(int from, int to)
{
	int in = openat(
		from, "disks", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int out, e = 0;

	if (in >= 0) {
		e = open_disks(to, &out);
		if (!e) {
			e = copy_all(in, out);
			close(out);
		}
		close(in);
	}
	return e ? e : copy_file(from, to, nvram);
}
