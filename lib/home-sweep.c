/* SPDX-License-Identifier: MIT */
/*
 * Leftovers: directories in .new and .trash whose process died, and machines
 * that were not to be kept and ended without removing themselves. Anybody may
 * sweep at any time; see home-make.c for why nobody is hurt by it. Nothing is
 * deleted but under its lock, and seen to be a leftover under it.
 */
#include "lib/home.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/home-int.h"

/* Of .new or .trash. Where there is no lock, there is nothing else: it is made
 * first and deleted last. An rmdir cannot delete more than that. */
static void
sweep_one(const struct home *h, int parent, const char *id)
{
	int dir = openat(parent, id, HOME_DIR), lock;

	if (dir < 0)
		return;
	lock = home_claim(dir, parent, id);
	if (lock == -ENOENT)
		call_unlinkat(h->calls, parent, id, AT_REMOVEDIR);
	if (lock >= 0) {
		home_discard(h, parent, id, dir, 0);
		close(lock);
	}
	close(dir);
}

static DIR *
open_list(int parent, const char *name)
{
	int fd = openat(parent, name, HOME_DIR);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);

	if (!list && fd >= 0)
		close(fd);
	return list;
}

static void
sweep_aside(const struct home *h, const char *which)
{
	DIR *list = open_list(h->fd, which);
	struct dirent *d;

	if (!list)
		return;
	while ((d = readdir(list)))
		if (d->d_name[0] != '.')
			sweep_one(h, dirfd(list), d->d_name);
	closedir(list);
}

/* Such a machine is locked from before it has its name until it ends. */
static bool
is_transient(int dir)
{
	struct home_status status;
	struct stat st;

	if (home_get_status(dir, &status) == 0)
		return status.keep == HOME_KEEP_NEVER;
	return fstatat(dir, "transient", &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool
sweep_machine(struct home *h, const char *name, int dir)
{
	int lock = home_claim(dir, h->fd, name);
	bool moved = false;

	if (lock < 0)
		return false;
	if (is_transient(dir)) /* still */
		home_trash(h, name, dir, false, &moved);
	close(lock);
	return moved;
}

/* What a confined process leaves if it dies at its very end: a status, or not
 * even that. Without a lock it is no machine, and whoever holds the lock that
 * was there is about to do the same. */
static bool
sweep_shell(const struct home *h, const char *name, int dir)
{
	if (is_transient(dir))
		call_unlinkat(h->calls, dir, "status", 0);
	return call_unlinkat(h->calls, h->fd, name, AT_REMOVEDIR) == 0 ||
	       errno == ENOENT;
}

/* A look first: who is not to be swept is not locked either. */
bool
home_sweep_name(struct home *h, const char *name)
{
	int dir = openat(h->fd, name, HOME_DIR), held;
	bool swept = false;

	if (dir < 0)
		return false;
	held = home_dir_held(dir);
	if (held == 0 && is_transient(dir))
		swept = sweep_machine(h, name, dir);
	else if (held == -ENOENT)
		swept = sweep_shell(h, name, dir);
	close(dir);
	return swept;
}

void
home_sweep(struct home *h)
{
	DIR *list = open_list(h->fd, ".");
	struct dirent *d;

	while (list && (d = readdir(list)))
		if (home_is_name(d->d_name))
			home_sweep_name(h, d->d_name);
	if (list)
		closedir(list);
	/* These last: what was put to .trash just now may be there still. */
	sweep_aside(h, ".new");
	sweep_aside(h, ".trash");
}
