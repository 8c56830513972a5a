/* SPDX-License-Identifier: MIT */
/*
 * Removing machines: by one rename to .trash/ID the name is gone, then what it
 * held is deleted. Whoever deletes holds the lock throughout, and deletes that
 * file last; what remains of one that died there is a leftover to sweep.
 */
#include "lib/home.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/home-int.h"

enum { TRIES = 1000 };

/* Who changes the config may not have noticed yet that the machine is gone.
 * Once we have his lock too, nobody adds anything: he would find it moved. */
int
home_discard(const struct home *h, int parent, const char *id, int dir,
	unsigned wait_ms)
{
	static const char *const lock[] = {"lock", NULL};
	int fd = home_take_config(dir, wait_ms), err;

	if (fd < 0 && fd != -ENOENT)
		return fd;
	err = home_clear(h->calls, dir, lock, false);
	if (fd >= 0)
		close(fd);
	if (err)
		return err;
	if (call_unlinkat(h->calls, dir, "lock", 0) && errno != ENOENT)
		return -errno;
	/* A sweeper may be faster now. */
	if (call_unlinkat(h->calls, parent, id, AT_REMOVEDIR) &&
		errno != ENOENT)
		return -errno;
	return 0;
}

int
home_trash(struct home *h, const char *name, int dir, bool sync, bool *moved)
{
	int trash = home_aside(h, ".trash"), err = -EEXIST;
	char id[HOME_ID_MAX];

	*moved = false;
	if (trash < 0)
		return trash;
	for (int i = 0; err == -EEXIST && i < TRIES; i++) {
		home_id(id);
		err = home_move(h, h->fd, name, trash, id);
	}
	*moved = !err;
	/* After a power failure it is there whole, or not at all. */
	if (!err && sync && call_fsync(h->calls, h->fd))
		err = -errno;
	if (!err)
		err = home_discard(h, trash, id, dir, HOME_CONFIG_MS);
	close(trash);
	return err;
}

int
home_remove(struct home_vm *vm)
{
	bool moved;
	int err;

	if (vm->run_fd < 0)
		return failx(-EPERM, "%s: not locked", vm->name);
	home_unlock_config(vm); /* or we would wait for ourselves */
	err = home_trash(vm->home, vm->name, vm->dir, true, &moved);
	if (err && moved)
		return fail(err,
			"%s: removed, but what it held remains in %s/"
			".trash",
			vm->name, vm->home->path);
	return err ? fail(err, "%s: cannot remove it", vm->name) : 0;
}

/* "Not to be kept" is what makes a leftover of a directory. */
static int
mark(const struct home_vm *vm)
{
	struct home_status st;

	if (home_get_status(vm->dir, &st) == 0 && st.keep == HOME_KEEP_NEVER)
		return 0;
	st.keep = HOME_KEEP_NEVER;
	return home_put_status(vm->home->calls, vm->dir, &st);
}

static int
empty_out(const struct home_vm *vm, bool whole)
{
	static const char *const spared[] = {"lock", "status", NULL};
	const struct home *h = vm->home;
	int err = mark(vm);

	if (!err && call_unlinkat(h->calls, vm->dir, "format", 0) &&
		errno != ENOENT)
		err = -errno;
	if (!err)
		err = home_clear(h->calls, vm->dir, spared, true);
	if (err || !whole)
		return err;
	if (call_unlinkat(h->calls, vm->dir, "lock", 0) ||
		call_unlinkat(h->calls, vm->dir, "status", 0) ||
		(call_unlinkat(h->calls, h->fd, vm->name, AT_REMOVEDIR) &&
			errno != ENOENT))
		return -errno;
	return 0;
}

/*
 * A confined process cannot rename its own directory, so it empties it where it
 * is. First comes a status that says that it is not to be kept, so that if the
 * process dies on the way that is what it leaves; then the format goes, and
 * with it the machine. Who may not even remove an empty directory leaves a
 * shell of lock and status, which nobody lists, and which goes with the next
 * sweep, or when that name is made again.
 */
static int
leave_in_place(struct home_vm *vm)
{
	const struct home *h = vm->home;
	int fd, err;
	bool whole;

	/* It is not empty; but is that what is wrong with it? */
	call_unlinkat(h->calls, h->fd, vm->name, AT_REMOVEDIR);
	whole = errno == ENOTEMPTY || errno == EEXIST;
	/* As in home_discard(), but to the end: it is not moved. */
	fd = home_take_config(vm->dir, HOME_CONFIG_MS);
	if (fd < 0 && fd != -ENOENT)
		return fd;
	err = empty_out(vm, whole);
	if (fd >= 0)
		close(fd);
	return err;
}

int
home_leave(struct home_vm *vm, enum home_keep keep, bool failed)
{
	bool moved;
	int err = 0;

	if (vm->run_fd < 0)
		return failx(-EPERM, "%s: not locked", vm->name);
	home_unlock_config(vm);
	if (keep == HOME_KEEP_NEVER || (keep == HOME_KEEP_FAILURE && !failed)) {
		err = home_trash(vm->home, vm->name, vm->dir, false, &moved);
		if (err && !moved)
			err = leave_in_place(vm);
		if (err)
			fail(err, "%s: not all of it was removed", vm->name);
	} else {
		err = home_sync(vm);
	}
	home_unlock(vm);
	return err;
}
