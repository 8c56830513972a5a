/* SPDX-License-Identifier: MIT */
/*
 * Images as the config lists them: the image, its backing files in order, and
 * for overlay=yes a throw-away qcow2 over all that, a file without a name. No
 * file is opened but those; what an image's header says of its backing file is
 * only whether there is one. A relative name is beneath the machine's
 * directory, by no symbolic link.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/err.h"
#include "vmm/drives-int.h"

/* Where images come from: names, or descriptors that were given. */
struct source {
	const struct config_disk *config;
	int dir;
	const int *fd; /* NULL: by name */
	unsigned next; /* the one that a header names next: 0 beneath an
			* overlay, else 1 */
};

static const struct config_image *
listed(const struct config_disk *c, unsigned n)
{
	if (n == 0)
		return &c->image;
	return n <= c->backings ? &c->backing[n - 1] : NULL;
}

static int
check_kind(int fd, const char *path)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return fail(-errno, "%s", path);
	if (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode))
		return 0;
	return failx(-EINVAL, "%s: is neither a file nor a block device", path);
}

/* A descriptor, or -errno with a sentence. */
static int
open_path(int dir, const char *path, bool write)
{
	struct open_how how = {
		.flags = (write ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOCTTY |
			 O_NONBLOCK,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
	};
	int fd, r;

	if (path[0] == '/' || dir < 0)
		fd = open(path, (int)how.flags);
	else
		fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));
	if (fd < 0 && (errno == ELOOP || errno == EXDEV))
		return failx(-errno, "%s: leads out of the machine's directory",
			path);
	if (fd < 0)
		return fail(-errno, "%s: cannot open", path);
	r = check_kind(fd, path);
	if (r) {
		close(fd);
		return r;
	}
	return fd;
}

/* Number n of the chain: the config's, or what was given for it. */
static int
open_nth(const struct source *s, unsigned n, bool write)
{
	int fd;

	if (!s->fd)
		return open_path(s->dir, listed(s->config, n)->path, write);
	fd = fcntl(s->fd[n], F_DUPFD_CLOEXEC, 3);
	return fd < 0 ? fail(-errno, "%s", s->config->id) : fd;
}

/* For struct image_backing. Headers are read in the order of the chain; the
 * parts of a VMDK come before its backing file. */
static int
open_backing(void *to, const char *name, const char *format_name,
	unsigned depth, int *fd, enum image_format *format, char **path)
{
	struct source *s = to;
	const struct config_image *image = listed(s->config, s->next);

	(void)depth;
	if (!image)
		return failx(-EINVAL,
			"%s: %s builds on '%s', which is not listed: "
			"backing=%s%s%s",
			s->config->id, listed(s->config, s->next - 1)->path,
			name, name, format_name[0] ? ",backing-format=" : "",
			format_name);
	*path = strdup(image->path);
	if (!*path)
		return fail(-ENOMEM, "%s", image->path);
	*format = image->format;
	*fd = open_nth(s, s->next, false);
	if (*fd < 0) {
		free(*path);
		return *fd;
	}
	s->next++;
	return 0;
}

/* Every backing file that is listed was asked for. */
static int
check_chain(const struct source *s)
{
	if (s->next == s->config->backings + 1)
		return 0;
	return failx(-EINVAL,
		"%s: %s has no backing file: leave out backing=%s",
		s->config->id, listed(s->config, s->next - 1)->path,
		listed(s->config, s->next)->path);
}

static int
open_fd(struct source *s, int fd, const char *name, enum image_format format,
	bool write, struct image **out)
{
	struct image_backing backing = {open_backing, s};
	struct image_options o = {
		.write = write,
		.lock = true,
		/* An overlay has no name: no crash leaves anything of it. */
		.unsafe = write && s->config->overlay,
		.backing = &backing,
	};
	int r = image_open(out, fd, name, format, &o);

	if (r) {
		close(fd);
		return r;
	}
	r = check_chain(s);
	if (r) {
		image_close(*out);
		*out = NULL;
	}
	return r;
}

/* ---- overlays ---- */

/* A file without a name; where the file system has no such thing, one that had
 * one for a moment. Nobody else makes it: we hold the machine. */
static int
make_overlay_file(const struct config_disk *c, int dir)
{
	static const char *const temporary = "/var/tmp";
	int at = dir < 0 ? AT_FDCWD : dir, fd;
	char name[128];

	fd = openat(at, dir < 0 ? temporary : ".",
		O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0 || dir < 0)
		return fd < 0 ? fail(-errno, "%s: overlay in %s", c->id,
					temporary)
			      : fd;
	snprintf(name, sizeof(name), "%s.overlay", c->id);
	unlinkat(at, name, 0);
	fd = openat(at, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail(-errno, "%s: overlay", c->id);
	unlinkat(at, name, 0);
	return fd;
}

/* The disk's size is known once the base is open. */
static int
base_size(struct source *s, uint64_t *size)
{
	const struct config_image *base = &s->config->image;
	struct image *image;
	int fd = open_nth(s, 0, false), r;

	if (fd < 0)
		return fd;
	s->next = 1;
	r = open_fd(s, fd, base->path, base->format, false, &image);
	if (r)
		return r;
	*size = image_size(image);
	image_close(image);
	return 0;
}

static int
open_overlay(struct source *s, struct image **out)
{
	const struct config_disk *c = s->config;
	struct image_create how = {
		.backing_name = c->image.path,
		.backing_format = image_format_name(c->image.format),
	};
	char name[160];
	int fd, r = base_size(s, &how.size);

	if (r)
		return r;
	fd = make_overlay_file(c, s->dir);
	if (fd < 0)
		return fd;
	snprintf(name, sizeof(name), "overlay of %s", c->id);
	r = image_create(fd, name, IMAGE_QCOW2, &how, NULL);
	if (r) {
		close(fd);
		return r;
	}
	s->next = 0;
	return open_fd(s, fd, name, IMAGE_QCOW2, true, out);
}

/* ---- */

static int
open_source(struct source *s, struct image **out)
{
	const struct config_disk *c = s->config;
	bool write = !c->read_only && !c->cdrom;
	int fd;

	if (c->backings >= IMAGE_CHAIN)
		return failx(-EINVAL, "%s: more than %d backing files", c->id,
			IMAGE_CHAIN - 1);
	if (c->overlay)
		return open_overlay(s, out);
	fd = open_nth(s, 0, write);
	if (fd < 0)
		return fd;
	s->next = 1;
	return open_fd(s, fd, c->image.path, c->image.format, write, out);
}

int
drives_open_image(const struct config_disk *c, int dir, struct image **out)
{
	struct source s = {.config = c, .dir = dir};

	return open_source(&s, out);
}

int
drives_open_fds(const struct config_disk *c, const int *fd, unsigned n,
	struct image **out)
{
	struct source s = {.config = c, .dir = -1, .fd = fd};
	int r = 0;

	if (n != c->backings + 1)
		r = failx(-EINVAL, "%s: %u descriptors for %u images", c->id, n,
			c->backings + 1);
	else if (c->overlay)
		r = failx(-ENOTSUP, "%s: an overlay is made at the start only",
			c->id);
	for (unsigned k = 0; k < n && !r; k++)
		r = check_kind(fd[k], listed(c, k)->path);
	if (!r)
		r = open_source(&s, out);
	for (unsigned k = 0; k < n; k++)
		close(fd[k]);
	return r;
}
