/* SPDX-License-Identifier: MIT */
/*
 * Reading and writing without workers: see disk-now.h. Raw images only, whose
 * bytes lie in the file as they are on the disk; where calls are a test's,
 * never.
 */
#include "lib/disk-now.h"

#include <limits.h>
#include <sys/resource.h>
#include <time.h>

#include "lib/clock.h"
#include "lib/image/image-int.h"

enum { LONG = 1000000, LEAVE = 1000 }; /* ns; writes */

/* Beyond a limit of the file's size a signal comes, which workers block. */
void
disk_now_init(struct disk_now *w)
{
	struct rlimit l;

	*w = (struct disk_now){0};
	w->writes =
		getrlimit(RLIMIT_FSIZE, &l) == 0 && l.rlim_cur == RLIM_INFINITY;
}

static bool
can(const struct image *im, unsigned n)
{
	return im->format == IMAGE_RAW && !im->file.calls &&
	       !im->file.may_hang && n && n <= IOV_MAX;
}

bool
disk_now_read(const struct image *im, uint64_t off, const struct iovec *iov,
	unsigned n, uint64_t len)
{
	return can(im, n) && preadv2(im->file.fd, iov, (int)n, (off_t)off,
				     RWF_NOWAIT) == (ssize_t)len;
}

bool
disk_now_may_write(struct disk_now *w, const struct image *im)
{
	if (!w->writes || !can(im, 1))
		return false;
	if (w->leave)
		w->leave--;
	return !w->leave;
}

static int64_t
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

bool
disk_now_write(struct disk_now *w, const struct image *im, uint64_t off,
	const struct iovec *iov, unsigned n, uint64_t len)
{
	int64_t begin = now();
	bool all = can(im, n) && pwritev(im->file.fd, iov, (int)n,
					 (off_t)off) == (ssize_t)len;

	if (!all || now() - begin > LONG)
		w->leave = LEAVE;
	return all;
}
