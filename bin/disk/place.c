/* SPDX-License-Identifier: MIT */
/*
 * A file that is there complete or not at all: it has no name until it is done
 * (O_TMPFILE), so that nothing is left whatever ends us. Where the file system
 * cannot do that, it has a hidden name beside the final one, which goes when a
 * signal ends us.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bin/disk/disk.h"
#include "lib/err.h"

static char *volatile doomed; /* what the handler removes */

static void
on_signal(int sig)
{
	if (doomed)
		unlink(doomed);
	raise(sig); /* SA_RESETHAND: as if we had never been here */
}

/* What is ignored (nohup) stays so. */
static void
guard(void)
{
	static const int fatal[] = {
		SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGXFSZ, SIGXCPU};
	struct sigaction sa = {.sa_handler = on_signal,
		.sa_flags = (int)(SA_RESETHAND | SA_NODEFER)};
	struct sigaction old;

	for (size_t k = 0; k < sizeof(fatal) / sizeof(fatal[0]); k++)
		if (sigaction(fatal[k], NULL, &old) == 0 &&
			old.sa_handler == SIG_DFL)
			sigaction(fatal[k], &sa, NULL);
}

/* A name beside path that nobody has: "dir/.base.N". */
static char *
hidden_name(const char *path, unsigned n)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;
	char *name;

	if (asprintf(&name, "%.*s.%.200s.%d.%u", (int)(base - path), path, base,
		    (int)getpid(), n) < 0)
		return NULL;
	return name;
}

static int
open_hidden(struct img_place *p)
{
	for (unsigned n = 0; n < 1000; n++) {
		p->temp = hidden_name(p->path, n);
		if (!p->temp)
			return -ENOMEM;
		guard();
		doomed = p->temp;
		p->fd = open(
			p->temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (p->fd >= 0)
			return 0;
		doomed = NULL;
		free(p->temp);
		p->temp = NULL;
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

static int
open_unnamed(struct img_place *p)
{
	char *copy = strdup(p->path);

	if (!copy)
		return -ENOMEM;
	p->fd = open(dirname(copy), O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
	free(copy);
	if (p->fd >= 0)
		return 0;
	if (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)
		return open_hidden(p);
	return -errno;
}

/* Nobody may be using what is to be replaced. */
static int
check_unused(const char *path)
{
	const struct img_open o = {
		.path = path, .format = "raw", .write = true, .alone = true};
	struct image *image;
	int err = img_open_image(&image, &o);

	return err ? err : image_close(image);
}

static int
look_at_old(struct img_place *p, const struct stat *st)
{
	char *real;

	if (S_ISBLK(st->st_mode)) {
		p->device = true;
		p->fd = open(p->path, O_RDWR | O_CLOEXEC | O_EXCL);
		return p->fd < 0 ? fail(-errno, "%s: cannot open", p->path) : 0;
	}
	if (!S_ISREG(st->st_mode))
		return failx(
			-EINVAL, "%s: exists, and is no plain file", p->path);
	if (!p->force)
		return failx(-EEXIST,
			"%s: exists already (--force replaces it)", p->path);
	if (st->st_size && check_unused(p->path))
		return -EBUSY;
	real = realpath(p->path, NULL);
	if (!real)
		return fail(-errno, "%s", p->path);
	free(p->path);
	p->path = real;
	p->old = true;
	p->mode = st->st_mode & 07777;
	return 0;
}

int
img_place_open(struct img_place *p, const char *path, bool force)
{
	struct stat st;
	int err = 0;

	*p = (struct img_place){.fd = -1, .force = force};
	p->path = strdup(path);
	if (!p->path)
		return fail(-ENOMEM, "%s", path);
	if (stat(path, &st) == 0)
		err = look_at_old(p, &st);
	else if (errno != ENOENT)
		err = fail(-errno, "%s", path);
	if (!err && p->fd < 0) {
		err = open_unnamed(p);
		if (err)
			fail(err, "%s: cannot create", path);
	}
	if (err)
		img_place_drop(p);
	return err;
}

/* A file system that has no O_TMPFILE may not have this flag either. */
static int
rename_hidden(const struct img_place *p)
{
	if (!p->force && renameat2(AT_FDCWD, p->temp, AT_FDCWD, p->path,
				 RENAME_NOREPLACE) == 0)
		return 0;
	if (!p->force && errno != EINVAL)
		return -1;
	return rename(p->temp, p->path);
}

static int
name_it(struct img_place *p)
{
	char self[32];

	if (p->temp)
		return rename_hidden(p);
	snprintf(self, sizeof(self), "/proc/self/fd/%d", p->fd);
	if (linkat(AT_FDCWD, self, AT_FDCWD, p->path, AT_SYMLINK_FOLLOW) == 0)
		return 0;
	if (errno != EEXIST || !p->force)
		return -1;
	for (unsigned n = 0; n < 1000; n++) {
		free(p->temp);
		p->temp = hidden_name(p->path, n);
		if (!p->temp)
			return -1;
		if (linkat(AT_FDCWD, self, AT_FDCWD, p->temp,
			    AT_SYMLINK_FOLLOW) == 0) {
			guard();
			doomed = p->temp;
			return rename(p->temp, p->path);
		}
		if (errno != EEXIST)
			break;
	}
	free(p->temp);
	p->temp = NULL;
	return -1;
}

static int
sync_directory(const char *path)
{
	char *copy = strdup(path);
	int fd, err = 0;

	if (!copy)
		return fail(-ENOMEM, "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd))
		err = fail(-errno, "%s: cannot flush its directory", path);
	if (fd >= 0)
		close(fd);
	free(copy);
	return err;
}

int
img_place_done(struct img_place *p, bool sync)
{
	/* What is replaced is there until the new one is. */
	if ((sync || p->old) && fsync(p->fd))
		return fail(-errno, "%s: cannot flush", p->path);
	if (p->device)
		return 0;
	if (p->old && fchmod(p->fd, p->mode))
		return fail(-errno, "%s", p->path);
	if (name_it(p))
		return fail(-errno, "%s: cannot create", p->path);
	doomed = NULL;
	free(p->temp);
	p->temp = NULL;
	return sync ? sync_directory(p->path) : 0;
}

void
img_place_drop(struct img_place *p)
{
	if (p->temp)
		unlink(p->temp);
	doomed = NULL;
	if (p->fd >= 0)
		close(p->fd);
	free(p->temp);
	free(p->path);
	*p = (struct img_place){.fd = -1};
}
