/* SPDX-License-Identifier: MIT */
/*
 * Emptying a directory. What is in it was made by guests' disks, users and
 * perhaps a hostile process: links are deleted, never followed; what is mounted
 * there is left alone; directories that we may not write to are made so; and
 * one that is nested deeper than we care to hold descriptors for is moved up
 * to the top and met there again.
 */
#include "lib/home-int.h"

#include <dirent.h>
#include <errno.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { DEPTH_MAX = 32, PASSES = 1 << 16 };

struct tree {
	const struct calls *calls;
	int top;
	dev_t dev;
	const char *const *except; /* at the top */
	bool plain;
};

static int clear(const struct tree *, int dir, unsigned depth);

/* A subdirectory, but no mount point: a descriptor or -errno. */
static int
enter(const struct tree *t, int dir, const char *name)
{
	struct open_how how = {.flags = HOME_DIR,
		.resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS};
	struct stat st;
	int fd = -1;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW))
		return -errno;
	if (st.st_dev != t->dev)
		return -EXDEV;
	if ((st.st_mode & 0700) != 0700 && !t->plain) {
		fd = openat(dir, name, O_PATH | O_DIRECTORY | HOME_SAFE);
		if (fd >= 0) {
			call_fchmod(t->calls, fd, 0700);
			close(fd);
		}
	}
	/* A bind mount may be of the same device. */
	fd = -1;
	errno = ENOSYS;
	if (!t->plain)
		fd = (int)syscall(SYS_openat2, dir, name, &how, sizeof(how));
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		fd = openat(dir, name, HOME_DIR);
	return fd < 0 ? -errno : fd;
}

static int
clear_dir(const struct tree *t, int dir, const char *name, unsigned depth)
{
	char id[HOME_ID_MAX];
	int fd, err;

	if (depth >= DEPTH_MAX) {
		home_id(id);
		if (call_renameat2(
			    t->calls, dir, name, t->top, id, RENAME_NOREPLACE))
			return errno == EEXIST ? 0 : -errno;
		return 0;
	}
	fd = enter(t, dir, name);
	if (fd < 0)
		return fd;
	err = clear(t, fd, depth + 1);
	close(fd);
	if (!err && call_unlinkat(t->calls, dir, name, AT_REMOVEDIR))
		err = errno == ENOTEMPTY ? 0 : -errno; /* the next pass */
	return err;
}

static int
clear_entry(
	const struct tree *t, int dir, const struct dirent *d, unsigned depth)
{
	struct stat st;
	bool is_dir = d->d_type == DT_DIR;
	int err = 0;

	if (d->d_type == DT_UNKNOWN)
		is_dir = fstatat(dir, d->d_name, &st, AT_SYMLINK_NOFOLLOW) ==
				 0 &&
			 S_ISDIR(st.st_mode);
	if (is_dir)
		err = clear_dir(t, dir, d->d_name, depth);
	else if (call_unlinkat(t->calls, dir, d->d_name, 0))
		err = -errno;
	return err == -ENOENT ? 0 : err;
}

static bool
is_spared(const struct tree *t, const char *name, unsigned depth)
{
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return true;
	if (depth > 0 || !t->except)
		return false;
	for (const char *const *e = t->except; *e; e++)
		if (strcmp(name, *e) == 0)
			return true;
	return false;
}

/* Once over all entries: how many were dealt with; *err: of one that was not.
 */
static unsigned
pass(const struct tree *t, int dir, unsigned depth, int *err)
{
	int fd = openat(dir, ".", HOME_DIR), one;
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;
	unsigned n = 0;

	*err = 0;
	if (!list) {
		*err = -errno;
		if (fd >= 0)
			close(fd);
		return 0;
	}
	while ((errno = 0, d = readdir(list))) {
		if (is_spared(t, d->d_name, depth))
			continue;
		one = clear_entry(t, dir, d, depth);
		if (one)
			*err = one;
		else
			n++;
	}
	if (errno)
		*err = -errno;
	closedir(list);
	return n;
}

/* Until a pass finds nothing: others may have added something, and it may be
 * that deleting made the listing skip entries. */
static int
clear(const struct tree *t, int dir, unsigned depth)
{
	int err = 0;

	for (int i = 0; i < PASSES; i++)
		if (pass(t, dir, depth, &err) == 0)
			return err;
	return -EBUSY;
}

int
home_clear(const struct calls *calls, int dir, const char *const *except,
	bool plain)
{
	struct tree t = {
		.calls = calls, .top = dir, .except = except, .plain = plain};
	struct stat st;

	if (fstat(dir, &st))
		return -errno;
	t.dev = st.st_dev;
	if ((st.st_mode & 0700) != 0700 && !plain)
		call_fchmod(calls, dir, 0700);
	return clear(&t, dir, 0);
}

int
home_drop_dir(const struct calls *calls, int dir, const char *name, bool plain)
{
	int fd = openat(dir, name, HOME_DIR), err;

	if (fd < 0)
		return errno == ELOOP ? -ENOTDIR : -errno;
	err = home_clear(calls, fd, NULL, plain);
	close(fd);
	if (!err && call_unlinkat(calls, dir, name, AT_REMOVEDIR))
		err = -errno;
	return err;
}

/* Only a hostile process leaves such things, and nobody is to repair by hand
 * what it left. */
void
home_tidy(const struct calls *calls, int dir)
{
	static const char *const names[] = {"status", "status.new",
		"config.new", "events.jsonl", "events.jsonl.1", "ctl",
		"console", "console.log", "console.log.1", "console.log.old",
		"metrics", "metrics.wake"};
	struct stat st;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (fstatat(dir, names[i], &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			S_ISDIR(st.st_mode))
			home_drop_dir(calls, dir, names[i], false);
}
