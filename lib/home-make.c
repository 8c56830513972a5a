/* SPDX-License-Identifier: MIT */
/*
 * Making and renaming machines. A machine is made under .new/ID and becomes
 * NAME by one rename, so that it appears complete or not at all.
 *
 * Whoever makes one holds its lock from before anything else is in it, until
 * after the rename. Sweepers (home-sweep.c) take the lock of what they find, so
 * they can come in between only at two points, before it is held:
 *
 * - after the mkdir, before there is a lock: the directory is empty, and a
 *   sweeper does no more than an rmdir to one without a lock. Either the rmdir
 *   fails because the lock is there, or making the lock does, with ENOENT;
 * - after the lock was made, before it is locked: the sweeper holds it, or has
 *   deleted it. Locking it fails, or home_claim() sees that it has no name.
 *
 * In both cases what was lost is an empty directory, and another is made. So
 * no leftover need be spared for being young, and no clock is asked.
 */
#include "lib/home.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/home-int.h"
#include "lib/kv.h"

enum { TRIES = 1000 };

/* What is being made. */
struct fresh {
	int parent, dir, lock;
	char id[HOME_ID_MAX];
};

struct recipe {
	const char *config;
	size_t size;
	bool locked; /* and transient */
	int (*fill)(void *to, int dir);
	void *to;
	bool told; /* fill() has said what is wrong */
};

int
home_aside(struct home *h, const char *which)
{
	int fd = openat(h->fd, which, HOME_DIR);

	if (fd < 0 && errno == ENOENT) {
		if (call_mkdirat(h->calls, h->fd, which, 0700) &&
			errno != EEXIST)
			return -errno;
		fd = openat(h->fd, which, HOME_DIR);
	}
	return fd < 0 ? -errno : fd;
}

/* The time: it need not be unique, nor cost a call that a confined process may
 * not make. */
void
home_id(char id[HOME_ID_MAX])
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	snprintf(id, HOME_ID_MAX, "%" PRIx64,
		(uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec);
}

/* Where the file system knows no NOREPLACE, a plain rename does: a machine's
 * directory is never empty, and those that are not empty are not replaced. */
int
home_move(const struct home *h, int from_dir, const char *from, int to_dir,
	const char *to)
{
	int err = 0;

	if (call_renameat2(
		    h->calls, from_dir, from, to_dir, to, RENAME_NOREPLACE))
		err = -errno;
	if (err == -EINVAL) {
		err = 0;
		if (call_renameat2(h->calls, from_dir, from, to_dir, to, 0))
			err = -errno;
	}
	return err == -ENOTEMPTY || err == -ENOTDIR ? -EEXIST : err;
}

/* One try: -EAGAIN if a sweeper, or a namesake, was faster. */
static int
try_fresh(const struct home *h, struct fresh *f)
{
	int fd;

	home_id(f->id);
	if (call_mkdirat(h->calls, f->parent, f->id, 0700))
		return errno == EEXIST ? -EAGAIN : -errno;
	f->dir = openat(f->parent, f->id, HOME_DIR);
	if (f->dir < 0)
		return errno == ENOENT ? -EAGAIN : -errno;
	fd = call_openat(h->calls, f->dir, "lock",
		O_RDWR | O_CREAT | O_EXCL | HOME_SAFE, 0600);
	if (fd < 0)
		return errno == ENOENT ? -EAGAIN : -errno;
	f->lock = home_claim(f->dir, f->parent, f->id);
	close(fd);
	if (f->lock >= 0)
		return 0;
	return f->lock == -ESTALE || f->lock == -ENOENT ? -EAGAIN : f->lock;
}

/* A directory in .new that holds a lock, which is ours. */
static int
make_fresh(struct home *h, struct fresh *f)
{
	int err = -EAGAIN;

	*f = (struct fresh){.parent = -1, .dir = -1, .lock = -1};
	f->parent = home_aside(h, ".new");
	if (f->parent < 0)
		return f->parent;
	for (int i = 0; err == -EAGAIN && i < TRIES; i++) {
		if (f->dir >= 0)
			close(f->dir);
		f->dir = f->lock = -1;
		err = try_fresh(h, f);
	}
	return err;
}

/* Undo it, as far as that goes. */
static void
drop_fresh(const struct home *h, struct fresh *f)
{
	if (f->lock >= 0)
		home_discard(h, f->parent, f->id, f->dir, 0);
	else if (f->dir >= 0)
		/* Whoever has the lock sweeps. */
		call_unlinkat(h->calls, f->parent, f->id, AT_REMOVEDIR);
	if (f->lock >= 0)
		close(f->lock);
	if (f->dir >= 0)
		close(f->dir);
	if (f->parent >= 0)
		close(f->parent);
}

static int
put_file(const struct home *h, int dir, const char *name, const char *text,
	size_t size, bool sync)
{
	int fd = call_openat(h->calls, dir, name,
		O_WRONLY | O_CREAT | O_EXCL | HOME_SAFE, 0600);
	int err;

	if (fd < 0)
		return -errno;
	err = call_write(h->calls, fd, text, size) ? -errno : 0;
	if (!err && sync && call_fsync(h->calls, fd))
		err = -errno;
	close(fd);
	return err;
}

/*
 * A transient machine says so from the start: should its maker die before the
 * first status, it is swept. Nothing of it is synced, so after a power failure
 * its files may be empty, the status too: hence a file whose being there is
 * enough.
 */
static int
mark_transient(const struct home *h, int dir)
{
	struct home_status st = {
		.phase = HOME_STARTING, .exit = -1, .keep = HOME_KEEP_NEVER};
	int err = put_file(h, dir, "transient", "", 0, false);

	if (err)
		return err;
	home_status_self(&st);
	st.since = st.started = time(NULL);
	return home_put_status(h->calls, dir, &st);
}

static int
fill(const struct home *h, int dir, struct recipe *r)
{
	static const char format[] = "vm-state 1\n";
	int err = r->locked ? mark_transient(h, dir) : 0;

	if (!err)
		err = put_file(h, dir, "format", format, sizeof(format) - 1,
			!r->locked);
	if (!err)
		err = put_file(
			h, dir, "config", r->config, r->size, !r->locked);
	if (!err && r->fill) {
		err = r->fill(r->to, dir);
		r->told = err != 0;
	}
	if (!err && !r->locked && call_fsync(h->calls, dir))
		err = -errno;
	return err;
}

/* Is the name free, but for a machine that was not to be kept? */
static int
check_free(struct home *h, const char *name)
{
	struct stat st;

	if (fstatat(h->fd, name, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? 0 : -errno;
	return home_sweep_name(h, name) ? 0 : -EEXIST;
}

/* Give it its name, for good. */
static int
publish(struct home *h, struct fresh *f, const char *name, bool sync)
{
	int err = home_move(h, f->parent, f->id, h->fd, name);

	if (err || !sync || call_fsync(h->calls, h->fd) == 0)
		return err;
	err = -errno;
	/* It did not appear, then; if even that fails, it is complete. */
	if (home_move(h, h->fd, name, f->parent, f->id)) {
		close(f->lock);
		f->lock = -1;
	}
	return err;
}

static int
create(struct home *h, const char *name, struct recipe *r, struct home_vm **out)
{
	struct fresh f;
	struct home_vm *vm = NULL;
	int err = make_fresh(h, &f);

	if (!err)
		err = fill(h, f.dir, r);
	if (!err)
		err = home_vm_new(h, name, f.dir, &vm);
	if (!err)
		err = publish(h, &f, name, !r->locked);
	if (err) {
		if (vm)
			vm->dir = -1; /* is f's */
		home_vm_close(vm);
		drop_fresh(h, &f);
		return err;
	}
	close(f.parent);
	vm->run_fd = f.lock;
	if (!r->locked)
		home_unlock(vm);
	*out = vm;
	return 0;
}

static int
sync_file(const struct home *h, int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | HOME_SAFE), err = 0;

	if (fd < 0)
		return -errno;
	if (call_fsync(h->calls, fd))
		err = -errno;
	close(fd);
	return err;
}

int
home_sync(struct home_vm *vm)
{
	const struct home *h = vm->home;
	struct stat st;
	int err;

	if (fstatat(vm->dir, "transient", &st, AT_SYMLINK_NOFOLLOW))
		return 0;
	err = sync_file(h, vm->dir, "format");
	if (!err)
		err = sync_file(h, vm->dir, "config");
	if (!err &&
		(call_fsync(h->calls, vm->dir) || call_fsync(h->calls, h->fd) ||
			call_unlinkat(h->calls, vm->dir, "transient", 0)))
		err = -errno;
	return err ? fail(err, "%s: cannot keep it", vm->name) : 0;
}

static int
make(struct home *h, const char *name, struct recipe *r, struct home_vm **out)
{
	int err = home_check_name(name);

	if (err)
		return err;
	if (r->size > KV_TEXT_MAX)
		return failx(-EINVAL, "%s: config: longer than 1 MiB", name);
	err = check_free(h, name);
	if (!err)
		err = create(h, name, r, out);
	if (r->told)
		return err;
	if (err == -EEXIST)
		return failx(err, "%s: exists already", name);
	return err ? fail(err, "%s: cannot make it", name) : 0;
}

int
home_create(struct home *h, const char *name, const char *config, size_t size,
	bool locked, struct home_vm **out)
{
	struct recipe r = {.config = config, .size = size, .locked = locked};

	return make(h, name, &r, out);
}

int
home_create_with(struct home *h, const char *name, const char *config,
	size_t size, int (*put)(void *to, int dir), void *to,
	struct home_vm **out)
{
	struct recipe r = {
		.config = config, .size = size, .fill = put, .to = to};

	return make(h, name, &r, out);
}

/* Take the new name; false: out of memory. */
static bool
prepare_name(const struct home_vm *vm, const char *to, char **name, char **path)
{
	*name = strdup(to);
	if (asprintf(path, "%s/%s", vm->home->path, to) < 0)
		*path = NULL;
	if (*name && *path)
		return true;
	free(*name);
	free(*path);
	return false;
}

int
home_rename(struct home_vm *vm, const char *to)
{
	struct home *h = vm->home;
	char *name, *path;
	int err = home_check_name(to);

	if (err)
		return err;
	if (vm->run_fd < 0)
		return failx(-EPERM, "%s: not locked", vm->name);
	if (!prepare_name(vm, to, &name, &path))
		return fail(-ENOMEM, "%s", vm->name);
	err = strcmp(to, vm->name) == 0 ? -EEXIST : check_free(h, to);
	if (!err)
		err = home_move(h, h->fd, vm->name, h->fd, to);
	if (err == -EEXIST)
		err = failx(err, "%s: exists already", to);
	else if (err)
		err = fail(err, "%s: cannot rename it", vm->name);
	if (err) {
		free(name);
		free(path);
		return err;
	}
	free(vm->name);
	free(vm->path);
	vm->name = name;
	vm->path = path;
	if (call_fsync(h->calls, h->fd))
		return fail(
			-errno, "%s: renamed, but perhaps not for good", to);
	return 0;
}
