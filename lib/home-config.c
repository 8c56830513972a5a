/* SPDX-License-Identifier: MIT */
/*
 * A machine's config: always the old one or the new one, whole, also after a
 * power failure. Those who change it exclude each other by byte 1 of the lock.
 */
#include "lib/home.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/home-int.h"
#include "lib/kv.h"

int
home_config(const struct home_vm *vm, char **text, size_t *size)
{
	int err = home_read(vm->dir, "config", KV_TEXT_MAX, text, size);

	return err ? fail(err, "%s/config: cannot read it", vm->name) : 0;
}

/* What an earlier one left there may be anything: it is not opened. */
int
home_replace(const struct calls *c, int dir, const char *name,
	const char *aside, const char *text, size_t size, bool sync)
{
	int fd, err = 0;

	if (call_unlinkat(c, dir, aside, 0) && errno != ENOENT) {
		if (errno != EISDIR)
			return -errno;
		err = home_drop_dir(c, dir, aside, true);
		if (err)
			return err;
	}
	fd = call_openat(
		c, dir, aside, O_WRONLY | O_CREAT | O_EXCL | HOME_SAFE, 0600);
	if (fd < 0)
		return -errno;
	if (call_write(c, fd, text, size) || (sync && call_fsync(c, fd)))
		err = -errno;
	close(fd);
	if (!err && call_renameat2(c, dir, aside, dir, name, 0))
		err = -errno;
	if (err)
		call_unlinkat(c, dir, aside, 0);
	else if (sync && call_fsync(c, dir))
		err = -errno;
	return err;
}

int
home_set_config(struct home_vm *vm, const char *text, size_t size)
{
	bool locked = vm->config_fd >= 0;
	int err;

	if (size > KV_TEXT_MAX)
		return failx(
			-EINVAL, "%s: config: longer than 1 MiB", vm->name);
	err = home_lock_config(vm);
	if (err)
		return err;
	err = home_replace(vm->home->calls, vm->dir, "config", "config.new",
		text, size, true);
	if (err)
		fail(err, "%s/config: cannot write it", vm->name);
	if (!locked)
		home_unlock_config(vm);
	return err;
}
