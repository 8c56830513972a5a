/* SPDX-License-Identifier: MIT */
/*
 * The file under an image. Requests larger than one system call takes are cut;
 * what a file system cannot do is asked for once and then done by hand.
 */
#include "lib/image/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/netfs.h"

enum {
	PIECES = 64, /* buffers in a system call */
	ZEROS = 65536
};

static const uint8_t zeros[ZEROS];

int
file_init(struct image_file *f, int fd, const char *name,
	const struct calls *calls)
{
	struct stat st;

	*f = (struct image_file){.fd = fd,
		.name = name,
		.calls = calls,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.synced = PTHREAD_COND_INITIALIZER};
	if (fstat(fd, &st) < 0)
		return fail(-errno, "%s: cannot be looked at", name);
	f->device = S_ISBLK(st.st_mode);
	f->may_hang = netfs_may_hang(fd);
	if (!f->device && !S_ISREG(st.st_mode))
		return failx(
			-EINVAL, "%s: neither a file nor a block device", name);
	return 0;
}

int
file_size(const struct image_file *f, uint64_t *size)
{
	off_t end = lseek(f->fd, 0, SEEK_END);

	if (end < 0)
		return fail(-errno, "%s: cannot tell its size", f->name);
	*size = (uint64_t)end;
	return 0;
}

/* One call's worth, at most len bytes: what it moved, or -errno. */
static ssize_t
move(struct image_file *f, bool writes, uint64_t off, const struct iovec *iov,
	unsigned n)
{
	ssize_t got;

	if (off > INT64_MAX)
		return fail(-EFBIG, "%s: cannot reach byte %llu", f->name,
			(unsigned long long)off);
	do
		got = writes ? call_pwritev(
				       f->calls, f->fd, iov, (int)n, (off_t)off)
			     : call_preadv(f->calls, f->fd, iov, (int)n,
				       (off_t)off);
	while (got < 0 && errno == EINTR);
	if (writes && got == 0) {
		errno = ENOSPC;
		got = -1;
	}
	if (got < 0)
		return fail(-errno, "%s: cannot %s at byte %llu", f->name,
			writes ? "write" : "read", (unsigned long long)off);
	return got;
}

int
file_readv(struct image_file *f, uint64_t off, struct iov_at *at, size_t len)
{
	while (len) {
		struct iovec iov[PIECES];
		struct iov_at here = *at;
		unsigned n;
		size_t want = iov_take(&here, len, iov, PIECES, &n);
		ssize_t got = move(f, false, off, iov, n);

		if (got < 0)
			return (int)got;
		if (got == 0) {
			iov_zero(at, len);
			return 0;
		}
		if ((size_t)got > want)
			got = (ssize_t)want;
		iov_skip(at, (size_t)got);
		off += (size_t)got;
		len -= (size_t)got;
	}
	return 0;
}

int
file_writev(struct image_file *f, uint64_t off, struct iov_at *at, size_t len)
{
	while (len) {
		struct iovec iov[PIECES];
		struct iov_at here = *at;
		unsigned n;
		ssize_t got;

		iov_take(&here, len, iov, PIECES, &n);
		got = move(f, true, off, iov, n);
		if (got < 0)
			return (int)got;
		iov_skip(at, (size_t)got);
		off += (size_t)got;
		len -= (size_t)got;
	}
	return 0;
}

int
file_read(struct image_file *f, uint64_t off, void *p, size_t n)
{
	struct iovec iov = {p, n};
	struct iov_at at = {&iov, 1, 0};

	return file_readv(f, off, &at, n);
}

int
file_write(struct image_file *f, uint64_t off, const void *p, size_t n)
{
	/* Not written to: writev() takes the same type as readv(). */
	union {
		const void *from;
		void *base;
	} u = {p};
	struct iovec iov = {u.base, n};
	struct iov_at at = {&iov, 1, 0};

	return file_writev(f, off, &at, n);
}

/* With the lock held, which is dropped meanwhile. */
static void
sync_once(struct image_file *f)
{
	int err;

	f->syncing = true;
	f->sync_begun++;
	pthread_mutex_unlock(&f->lock);
	do
		err = call_fdatasync(f->calls, f->fd);
	while (err && errno == EINTR);
	if (err)
		err = -errno;
	pthread_mutex_lock(&f->lock);
	f->syncing = false;
	f->sync_err = err;
	/* A test's failure lost nothing. */
	if (err && !f->calls)
		f->lost = true;
	pthread_cond_broadcast(&f->synced);
}

int
file_sync(struct image_file *f)
{
	bool mine = false;
	uint64_t want;
	int err;

	if (f->unsafe)
		return 0;
	pthread_mutex_lock(&f->lock);
	/* One that begins from now on will do, whoever makes it. */
	want = f->sync_begun + 1;
	while (f->syncing)
		pthread_cond_wait(&f->synced, &f->lock);
	if (!f->lost && f->sync_begun < want) {
		mine = true;
		sync_once(f);
	}
	err = f->sync_err;
	pthread_mutex_unlock(&f->lock);
	if (f->lost && !mine)
		return failx(-EIO,
			"%s: an earlier flush failed, what it had to write is "
			"lost",
			f->name);
	return err ? fail(err, "%s: cannot flush", f->name) : 0;
}

int
file_truncate(struct image_file *f, uint64_t size)
{
	if (size > INT64_MAX || call_ftruncate(f->calls, f->fd, (off_t)size))
		return fail(size > INT64_MAX ? -EFBIG : -errno,
			"%s: cannot make it %llu bytes long", f->name,
			(unsigned long long)size);
	return 0;
}

static bool
unable(int err)
{
	return err == EOPNOTSUPP || err == ENOSYS || err == EINVAL ||
	       err == ENODEV || err == EPERM || err == ENOTTY;
}

/* -errno without a sentence. */
static int
allocate(struct image_file *f, int mode, uint64_t off, uint64_t len)
{
	int err;

	do
		err = call_fallocate(
			f->calls, f->fd, mode, (off_t)off, (off_t)len);
	while (err && errno == EINTR);
	return err ? -errno : 0;
}

int
file_punch(struct image_file *f, uint64_t off, uint64_t len, bool *is_zero)
{
	int err;

	*is_zero = false;
	if (!len || f->no_punch)
		return 0;
	err = allocate(f, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off, len);
	*is_zero = !err;
	if (!err)
		return 0;
	if (!unable(-err))
		return fail(err, "%s: cannot give back room", f->name);
	f->no_punch = true;
	return 0;
}

static int
write_zeros(struct image_file *f, uint64_t off, uint64_t len)
{
	while (len) {
		union {
			const void *from;
			void *base;
		} u = {zeros};
		struct iovec iov[PIECES];
		struct iov_at at = {iov, 0, 0};
		size_t all = 0;
		int err;

		while (at.n < PIECES && all < len) {
			size_t n =
				len - all < ZEROS ? (size_t)(len - all) : ZEROS;

			iov[at.n++] = (struct iovec){u.base, n};
			all += n;
		}
		err = file_writev(f, off, &at, all);
		if (err)
			return err;
		off += all;
		len -= all;
	}
	return 0;
}

int
file_zero(struct image_file *f, uint64_t off, uint64_t len, bool keep)
{
	bool is_zero;
	int err;

	if (!len)
		return 0;
	if (!keep) {
		err = file_punch(f, off, len, &is_zero);
		if (err || is_zero)
			return err;
	}
	if (!f->no_zero) {
		err = allocate(f, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
			off, len);
		if (!err)
			return 0;
		if (!unable(-err))
			return fail(err, "%s: cannot write zeros", f->name);
		f->no_zero = true;
	}
	return write_zeros(f, off, len);
}

void
file_map(struct image_file *f, uint64_t off, uint64_t *len, bool *data)
{
	off_t at, end;

	*data = true;
	if (f->device || off > INT64_MAX)
		return;
	at = lseek(f->fd, (off_t)off, SEEK_DATA);
	if (at < 0) {
		if (errno == ENXIO) /* nothing up to the end of the file */
			*data = false;
		return;
	}
	if ((uint64_t)at > off) {
		*data = false;
		end = at;
	} else {
		end = lseek(f->fd, (off_t)off, SEEK_HOLE);
		if (end < 0)
			return;
	}
	if ((uint64_t)end > off && (uint64_t)end - off < *len)
		*len = (uint64_t)end - off;
}
