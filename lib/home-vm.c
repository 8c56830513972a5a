/* SPDX-License-Identifier: MIT */
/*
 * One machine's directory: finding it, and its locks. They are open file
 * description locks (fcntl(2)): classic ones vanish with any close() of the
 * file in the process, and belong to it rather than to who took them.
 *
 * Whoever takes a lock looks afterwards whether the directory still is where it
 * was found: it may have been removed, or made anew, in between.
 */
#include "lib/home.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/deadline.h"
#include "lib/err.h"
#include "lib/home-int.h"

bool
home_is_at(int dir, int parent, const char *name)
{
	struct stat is, at;

	return fstat(dir, &is) == 0 &&
	       fstatat(parent, name, &at, AT_SYMLINK_NOFOLLOW) == 0 &&
	       is.st_dev == at.st_dev && is.st_ino == at.st_ino;
}

/* F_OFD_SETLK or F_OFD_GETLK on one byte; 0 or -errno, -EAGAIN: held. */
static int
lock_byte(int fd, int cmd, int byte, short type, struct flock *fl)
{
	*fl = (struct flock){.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = byte,
		.l_len = 1};
	if (fcntl(fd, cmd, fl) == 0)
		return 0;
	return errno == EACCES ? -EAGAIN : -errno;
}

/* Takes a byte of the directory's lock: a descriptor or -errno. */
static int
take(int dir, int byte)
{
	int fd = openat(dir, "lock", O_RDWR | HOME_SAFE), err;
	struct flock fl;

	if (fd < 0)
		return -errno;
	err = lock_byte(fd, F_OFD_SETLK, byte, F_WRLCK, &fl);
	if (!err)
		return fd;
	close(fd);
	return err;
}

/* Another process may share the description: say so, not just close. */
static void
give_up(int *fd, int byte)
{
	struct flock fl;

	if (*fd < 0)
		return;
	lock_byte(*fd, F_OFD_SETLK, byte, F_UNLCK, &fl);
	close(*fd);
	*fd = -1;
}

int
home_claim(int dir, int parent, const char *name)
{
	int fd = take(dir, HOME_BYTE_RUN);
	struct stat st;

	if (fd < 0)
		return fd;
	/* The lock's own link: who deletes a directory deletes that last, and
	 * we may have opened it before and locked it after. */
	if (home_is_at(dir, parent, name) && fstat(fd, &st) == 0 && st.st_nlink)
		return fd;
	close(fd);
	return -ESTALE;
}

int
home_dir_held(int dir)
{
	int fd = openat(dir, "lock", O_RDONLY | HOME_SAFE), err;
	struct flock fl;

	if (fd < 0)
		return -errno;
	err = lock_byte(fd, F_OFD_GETLK, HOME_BYTE_RUN, F_WRLCK, &fl);
	close(fd);
	return err ? err : fl.l_type != F_UNLCK;
}

int
home_vm_new(struct home *h, const char *name, int dir, struct home_vm **out)
{
	struct home_vm *vm = calloc(1, sizeof(*vm));

	if (!vm)
		return -ENOMEM;
	*vm = (struct home_vm){
		.home = h, .dir = dir, .run_fd = -1, .config_fd = -1};
	vm->name = strdup(name);
	if (asprintf(&vm->path, "%s/%s", h->path, name) < 0)
		vm->path = NULL;
	if (!vm->name || !vm->path) {
		vm->dir = -1; /* still the caller's */
		home_vm_close(vm);
		return -ENOMEM;
	}
	*out = vm;
	return 0;
}

int
home_vm_open(struct home *h, const char *name, struct home_vm **out)
{
	int dir = openat(h->fd, name, HOME_DIR), err;
	struct stat st;

	if (dir < 0)
		return -errno;
	err = fstat(dir, &st) ? -errno : 0;
	if (!err && (st.st_uid != geteuid() || st.st_mode & 022))
		err = -EPERM;
	if (!err)
		err = home_vm_new(h, name, dir, out);
	if (err)
		close(dir);
	return err;
}

static int
no_such(const char *name)
{
	return failx(-ENOENT, "%s: no such machine", name);
}

/* Is that directory a machine's, in a format we know? */
static int
check_format(const struct home_vm *vm)
{
	struct home_status st;
	char *text;
	size_t size;
	int err = home_read(vm->dir, "format", 64, &text, &size);

	if (err) {
		/* What is just going away, or went away but for its shell, is
		 * no machine any more. */
		if (!home_is_at(vm->dir, vm->home->fd, vm->name) ||
			home_dir_held(vm->dir) == -ENOENT ||
			(home_get_status(vm->dir, &st) == 0 &&
				st.keep == HOME_KEEP_NEVER))
			return no_such(vm->name);
		return failx(
			-EINVAL, "%s: not a machine's directory", vm->name);
	}
	if (strcmp(text, "vm-state 1\n") != 0) {
		text[strcspn(text, "\n")] = '\0';
		err = failx(-EINVAL, "%s: of an unknown format: %s", vm->name,
			text);
	}
	free(text);
	return err;
}

int
home_find(struct home *h, const char *name, struct home_vm **out)
{
	struct home_vm *vm;
	int err = home_check_name(name);

	if (err)
		return err;
	err = home_vm_open(h, name, &vm);
	if (err == -ENOENT)
		return no_such(name);
	if (err == -ENOTDIR || err == -ELOOP)
		return failx(-EINVAL, "%s: not a machine's directory", name);
	if (err == -EPERM)
		return failx(err,
			"%s: another user's, or others may write to it", name);
	if (err)
		return fail(err, "%s", name);
	err = check_format(vm);
	if (err) {
		home_vm_close(vm);
		return err;
	}
	*out = vm;
	return 0;
}

/* The locks go with the descriptors, unless a child has them too. */
void
home_vm_close(struct home_vm *vm)
{
	if (!vm)
		return;
	if (vm->run_fd >= 0)
		close(vm->run_fd);
	if (vm->config_fd >= 0)
		close(vm->config_fd);
	if (vm->dir >= 0)
		close(vm->dir);
	free(vm->name);
	free(vm->path);
	free(vm);
}

const char *
home_vm_name(const struct home_vm *vm)
{
	return vm->name;
}

const char *
home_vm_path(const struct home_vm *vm)
{
	return vm->path;
}

int
home_vm_root(const struct home_vm *vm)
{
	return vm->home->fd;
}

int
home_vm_fd(const struct home_vm *vm)
{
	return vm->dir;
}

/* Who has it, as far as can be told: the lock does not name its owner. */
static int
busy(const struct home_vm *vm)
{
	struct home_look look;
	int fd = -1;

	if (home_vm_look(vm, &look) == 0 && look.held &&
		look.state == look.status.phase)
		fd = home_pidfd(vm, &look.status);
	if (fd < 0)
		return failx(-EBUSY, "%s: in use by another process", vm->name);
	close(fd);
	return failx(-EBUSY, "%s: already running, process %d", vm->name,
		(int)look.status.pid);
}

/* Does the last line of events.jsonl lack its end? Its writer was killed, or
 * the disk was full. */
static bool
events_torn(int dir)
{
	int fd = openat(dir, "events.jsonl", O_RDONLY | HOME_SAFE);
	struct stat st;
	char c = '\n';

	if (fd < 0)
		return false;
	if (fstat(fd, &st) == 0 && st.st_size > 0 &&
		pread(fd, &c, 1, st.st_size - 1) != 1)
		c = '\n';
	close(fd);
	return c != '\n';
}

int
home_lock(struct home_vm *vm)
{
	int fd;

	if (vm->run_fd >= 0)
		return 0;
	fd = home_claim(vm->dir, vm->home->fd, vm->name);
	if (fd == -EAGAIN)
		return busy(vm);
	if (fd == -ESTALE ||
		(fd == -ENOENT && !home_is_at(vm->dir, vm->home->fd, vm->name)))
		return no_such(vm->name);
	if (fd < 0)
		return fail(fd, "%s/lock: cannot lock it", vm->name);
	vm->run_fd = fd;
	home_tidy(vm->home->calls, vm->dir);
	vm->torn = events_torn(vm->dir);
	return 0;
}

void
home_unlock(struct home_vm *vm)
{
	give_up(&vm->run_fd, HOME_BYTE_RUN);
}

bool
home_is_locked(const struct home_vm *vm)
{
	return vm->run_fd >= 0;
}

int
home_held(const struct home_vm *vm)
{
	int held = home_dir_held(vm->dir);

	return held < 0 ? fail(held, "%s/lock", vm->name) : held;
}

/* There is no wait with a time limit, and nobody holds it for long. */
int
home_take_config(int dir, unsigned wait_ms)
{
	const struct timespec moment = {.tv_nsec = 5000000};
	int64_t end = now_ms() + wait_ms;
	int fd;

	while ((fd = take(dir, HOME_BYTE_CONFIG)) == -EAGAIN && now_ms() < end)
		nanosleep(&moment, NULL);
	return fd;
}

int
home_lock_config(struct home_vm *vm)
{
	int fd;

	if (vm->config_fd >= 0)
		return 0;
	fd = home_take_config(vm->dir, HOME_CONFIG_MS);
	if (fd == -EAGAIN)
		return failx(-EBUSY,
			"%s: another process is changing its "
			"configuration",
			vm->name);
	if (fd < 0 && fd != -ENOENT)
		return fail(fd, "%s/lock: cannot lock it", vm->name);
	if (fd < 0 || !home_is_at(vm->dir, vm->home->fd, vm->name)) {
		if (fd >= 0)
			close(fd);
		return no_such(vm->name);
	}
	vm->config_fd = fd;
	return 0;
}

void
home_unlock_config(struct home_vm *vm)
{
	give_up(&vm->config_fd, HOME_BYTE_CONFIG);
}
