/* SPDX-License-Identifier: MIT */
/*
 * What several verbs of vm-disk need: extents, zeros, and how far it has come.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bin/disk/disk.h"
#include "lib/err.h"

bool
img_zeros(const void *p, size_t n)
{
	const unsigned char *b = p;

	/* Each byte equals the one before it, and the first is 0. */
	return !n || (b[0] == 0 && memcmp(b, b + 1, n - 1) == 0);
}

int
img_extent(
	struct image *image, uint64_t off, uint64_t max, struct image_extent *e)
{
	uint64_t size = image ? image_size(image) : 0;
	int err;

	if (off >= size) {
		*e = (struct image_extent){
			.off = off, .len = max, .where = IMAGE_ABSENT};
		return 0;
	}
	err = image_map(image, off, e);
	if (err)
		return err;
	if (e->off != off || !e->len || e->len > size - off)
		return failx(
			-EIO, "%s: its map makes no sense", image_name(image));
	if (e->len > max)
		e->len = max;
	return 0;
}

int
img_read(struct image *image, uint64_t off, void *p, size_t n)
{
	uint64_t size = image ? image_size(image) : 0;
	size_t here = off >= size      ? 0
		      : size - off < n ? (size_t)(size - off)
				       : n;

	memset((char *)p + here, 0, n - here);
	return here ? image_read(image, off, p, here) : 0;
}

/* Waits where the descriptor does not block. */
int
img_write_all(int fd, const void *p, size_t n)
{
	const char *at = p;

	while (n) {
		ssize_t got = write(fd, at, n);
		struct pollfd pfd = {.fd = fd, .events = POLLOUT};

		if (got < 0 && errno == EAGAIN)
			(void)poll(&pfd, 1, -1);
		else if (got < 0 && errno != EINTR)
			return fail(-errno, "standard output");
		if (got > 0) {
			at += got;
			n -= (size_t)got;
		}
	}
	return 0;
}

/* ---- progress ---- */

void
img_progress_open(struct img_progress *p, const struct img_conf *conf)
{
	*p = (struct img_progress){.last = -1};
	p->shown = !conf->quiet && (conf->progress || isatty(2));
}

void
img_progress(struct img_progress *p, uint64_t done, uint64_t all)
{
	int now = all ? (int)((double)done * 1000 / (double)all) : 1000;

	if (!p->shown || now == p->last)
		return;
	p->last = now;
	fprintf(stderr, "\r%3d.%d %%", now / 10, now % 10);
}

void
img_progress_close(struct img_progress *p)
{
	if (p->shown && p->last >= 0)
		fputs("\r        \r", stderr);
	p->shown = false;
}
