/* SPDX-License-Identifier: MIT */
/*
 * The locks by which QEMU and qemu-img keep out of each other's images, and we
 * of theirs. They are open file description locks, all of them shared: a byte
 * for each thing that the holder does, at 100 + n, and one for each thing that
 * it does not want others to do, at 200 + n. Whoever takes them then looks for
 * somebody who does what he minds, or minds what he does.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/image/open.h"

enum {
	READ = 1 << 0, /* what is read makes sense */
	WRITE = 1 << 1,
	RESIZE = 1 << 3,
	THINGS = 5, /* that have a byte */
	DOES = 100,
	MINDS = 200
};

static int
lock_byte(int fd, short type, int byte)
{
	struct flock l = {.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = byte,
		.l_len = 1};

	return fcntl(fd, F_OFD_SETLK, &l) < 0 ? -errno : 0;
}

/* 1: somebody else has it. */
static int
is_held(int fd, int byte)
{
	struct flock l = {.l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = byte,
		.l_len = 1};

	if (fcntl(fd, F_OFD_GETLK, &l) < 0)
		return -errno;
	return l.l_type != F_UNLCK;
}

void
image_unlock_fd(int fd)
{
	struct flock l = {.l_type = F_UNLCK,
		.l_whence = SEEK_SET,
		.l_start = DOES,
		.l_len = MINDS + THINGS - DOES};

	fcntl(fd, F_OFD_SETLK, &l);
}

int
image_lock(const struct image *im)
{
	unsigned does = im->write ? READ | WRITE | RESIZE : READ;
	unsigned minds = WRITE | RESIZE;
	int fd = im->file.fd, err = 0;

	for (int i = 0; i < THINGS && !err; i++) {
		if (does >> i & 1)
			err = lock_byte(fd, F_RDLCK, DOES + i);
		if (!err && minds >> i & 1)
			err = lock_byte(fd, F_RDLCK, MINDS + i);
	}
	for (int i = 0; i < THINGS && !err; i++) {
		if (does >> i & 1)
			err = is_held(fd, MINDS + i);
		if (!err && minds >> i & 1)
			err = is_held(fd, DOES + i);
	}
	if (!err)
		return 0;
	image_unlock_fd(fd);
	if (err > 0 || err == -EAGAIN || err == -EACCES)
		return failx(-EBUSY, "%s: is in use by another process%s",
			im->name, im->write ? "" : " that writes it");
	return fail(err, "%s: cannot be locked", im->name);
}
