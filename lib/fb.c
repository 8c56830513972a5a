/* SPDX-License-Identifier: MIT */
/*
 * Reading the framebuffer file: a copy of the head that is of one moment and in
 * range, and bytes of video RAM. Both by pread(), so nothing that happens to
 * the file meanwhile is worse than zeros. What they show is fb-draw.c's matter.
 */
#include "lib/fb.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/fb-int.h"

enum {
	TRIES = 100, /* a millisecond each */
	AT_SEQ = offsetof(struct fb_head, seq)
};

_Static_assert(sizeof(struct fb_head) <= FB_HEAD, "the head is one page");

/* All of the file that there is; the rest is zeroed. */
static void
read_at(const struct fb *fb, void *to, size_t n, uint64_t at)
{
	uint8_t *p = to;

	if (fb->memory && at < fb->size) {
		size_t len = n < fb->size - at ? n : (size_t)(fb->size - at);

		memcpy(p, fb->memory + at, len);
		p += len;
		n -= len;
	}
	while (!fb->memory && n) {
		ssize_t got = pread(fb->fd, p, n, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		p += got;
		n -= (size_t)got;
		at += (size_t)got;
	}
	memset(p, 0, n);
}

static int
make(struct fb **out, int fd)
{
	struct fb *fb = calloc(1, sizeof(*fb));

	if (fb)
		fb->work = calloc(1, sizeof(*fb->work));
	if (!fb || !fb->work) {
		free(fb);
		return fail(-ENOMEM, "%s", FB_NAME);
	}
	fb->fd = fd;
	*out = fb;
	return 0;
}

int
fb_open(int dir, struct fb **out)
{
	struct stat st;
	int r, fd = openat(dir, FB_NAME,
		       O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY |
			       O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT
			       ? -ENOENT
			       : fail(-errno, "%s: cannot open", FB_NAME);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
		st.st_size < FB_HEAD) {
		close(fd);
		return failx(-EINVAL, "%s: not a framebuffer file", FB_NAME);
	}
	r = make(out, fd);
	if (r)
		close(fd);
	return r;
}

int
fb_attach(const struct fb_head *head, size_t ram_bytes, struct fb **out)
{
	int r = make(out, -1);

	if (r)
		return r;
	(*out)->memory = (const uint8_t *)head;
	(*out)->size = FB_HEAD + ram_bytes;
	return 0;
}

void
fb_close(struct fb *fb)
{
	if (!fb)
		return;
	if (fb->fd >= 0)
		close(fb->fd);
	free(fb->work);
	free(fb);
}

static bool
in_range(const struct fb_head *h)
{
	const uint32_t wrap = h->wrap;

	if (memcmp(h->magic, FB_MAGIC, sizeof(h->magic)) ||
		h->ram > FB_MAX_RAM || h->kind >= FB_KINDS)
		return false;
	if (!h->width || h->width > FB_MAX_WIDTH || !h->height ||
		h->height > FB_MAX_HEIGHT)
		return false;
	if (wrap & (wrap - 1) || wrap > h->ram)
		return false;
	if (h->kind == FB_OFF)
		return true;
	if (h->double_x < 1 || h->double_x > 2 || h->double_y < 1 ||
		h->double_y > 32 || h->pan_x > 8 || h->pan_y > 31)
		return false;
	if (h->kind == FB_TEXT)
		return (h->cell_w == 8 || h->cell_w == 9) && h->cell_h >= 1 &&
		       h->cell_h <= 32;
	return h->banks <= 2 || h->banks == 4;
}

static int
check(struct fb_head *h)
{
	if (h->kind == FB_OFF && !h->width && !h->height) {
		h->width = 720;
		h->height = 400;
	}
	if (!in_range(h))
		return failx(-EINVAL, "%s: the head is out of range", FB_NAME);
	if (!h->banks)
		h->banks = 1;
	for (unsigned n = 0; n < 256; n++)
		h->palette[n] &= 0xffffff;
	return 0;
}

static uint32_t
seq_now(const struct fb *fb)
{
	uint32_t seq;

	read_at(fb, &seq, sizeof(seq), AT_SEQ);
	return seq;
}

/* x86 loads in order, and so does the kernel that copies for us; between the
 * three calls nothing is moved anyway. */
static bool
copy(const struct fb *fb, struct fb_head *h, uint32_t *seq)
{
	*seq = seq_now(fb);
	read_at(fb, h, sizeof(*h), 0);
	return !(*seq & 1) && h->seq == *seq && seq_now(fb) == *seq;
}

int
fb_look(struct fb *fb, struct fb_head *h)
{
	const struct timespec ms = {.tv_nsec = 1000000};
	uint32_t seq;

	for (unsigned n = 0; n < TRIES; n++) {
		if (copy(fb, h, &seq)) {
			fb->stuck = 0;
			return check(h);
		}
		if (seq & 1 && seq == fb->stuck)
			break;
		nanosleep(&ms, NULL);
	}
	fb->stuck = seq & 1 ? seq : 0;
	return check(h) ? -EINVAL : -EAGAIN;
}

/* n bytes at off, modulo wrap (0: not), of what begins at base. Read at most
 * twice: what is there again and again is copied, be wrap as small as it may.
 */
static void
span(const struct fb *fb, const struct fb_head *h, uint64_t base, uint64_t wrap,
	uint64_t off, uint8_t *p, size_t n)
{
	uint64_t end = base < h->ram ? h->ram - base : 0;
	size_t again = wrap && wrap < n && wrap <= end ? n - (size_t)wrap : 0;

	if (wrap && wrap < end)
		end = wrap;
	for (n -= again; n;) {
		size_t len = n;

		if (wrap)
			off &= wrap - 1;
		if (off >= end)
			break;
		if (len > end - off)
			len = (size_t)(end - off);
		read_at(fb, p, len, FB_HEAD + base + off);
		p += len;
		n -= len;
		off += len;
	}
	memset(p, 0, n);
	for (; again; again--, p++)
		*p = p[-(ptrdiff_t)wrap];
}

void
fb_bytes(const struct fb *fb, const struct fb_head *h, uint64_t off, void *to,
	size_t n)
{
	uint8_t *p = to, *packed = p + n / 2;

	if (!h->packed || h->kind != FB_TEXT) {
		span(fb, h, 0, h->wrap, off, p, n);
		return;
	}
	/* Whole cells, read to the end of what is wanted and spread from there;
	 * the last two bytes of each are not looked at. */
	span(fb, h, h->packed, h->wrap / 2, off / 2, packed, n / 2);
	for (; n >= FB_UNIT; n -= FB_UNIT, p += FB_UNIT, packed += 2)
		memmove(p, packed, 2);
}
