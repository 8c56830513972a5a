/* SPDX-License-Identifier: MIT */
/*
 * A framebuffer file that somebody else made: looked at, drawn, hashed and
 * read, from the file and from memory, which must show the same.
 */
#include "lib/fb.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BAND = 8, SEQ = 8 /* byte of the head */ };

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

struct other { /* the same picture, in memory */
	struct fb *fb;
	uint32_t a[BAND * FB_MAX_WIDTH], b[BAND * FB_MAX_WIDTH];
};

static void
draw(struct fb *fb, struct other *o, const struct fb_head *h, unsigned y)
{
	for (int phase = 0; phase < 2; phase++) {
		memset(o->a, 0, sizeof(o->a));
		memset(o->b, 0, sizeof(o->b));
		fb_draw(fb, h, y, BAND, o->a, phase);
		fb_draw(o->fb, h, y, BAND, o->b, phase);
		if (memcmp(o->a, o->b, sizeof(o->a)))
			abort();
	}
}

static void
use(struct fb *fb, struct other *o, const struct fb_head *h)
{
	unsigned rows, columns = fb_columns(h, &rows);
	char *text;

	draw(fb, o, h, 0);
	draw(fb, o, h, h->height / 2);
	draw(fb, o, h, h->height - 1);
	draw(fb, o, h, h->split);
	if ((size_t)h->width * h->height <= 100000)
		fb_hash(fb, h);
	if ((size_t)columns * rows <= 10000 && fb_text(fb, h, &text) == 0)
		free(text);
}

/* A copy that lies at the end of what may be read. */
static void
look(int dir, const uint8_t *p, size_t n)
{
	void *copy = aligned_alloc(4, (n + 3) / 4 * 4);
	struct other *o = calloc(1, sizeof(*o));
	struct fb *fb = NULL;
	struct fb_head h, same;

	if (!copy || !o || fb_open(dir, &fb))
		goto out;
	memcpy(copy, p, n);
	if (n % 4)
		memset((uint8_t *)copy + n, 0, 4 - n % 4);
	if (fb_attach(copy, n - FB_HEAD, &o->fb))
		goto out;
	if (fb_look(fb, &h) == 0) {
		if (fb_look(o->fb, &same) || memcmp(&h, &same, sizeof(h)))
			abort();
		use(fb, o, &h);
	}
out:
	fb_close(o ? o->fb : NULL);
	fb_close(fb);
	free(o);
	free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	const char *tmp = getenv("TMPDIR");
	char path[256];
	int dir, fd;

	if (n > SEQ && p[SEQ] & 1) /* it would be waited for */
		return 0;
	snprintf(path, sizeof(path), "%s/fb.XXXXXX", tmp ? tmp : "/tmp");
	dir = mkdtemp(path) ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
			    : -1;
	if (dir < 0)
		exit(1);
	fd = openat(dir, FB_NAME, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, p, n) != (ssize_t)n)
		exit(1);
	close(fd);
	look(dir, p, n);
	unlinkat(dir, FB_NAME, 0);
	close(dir);
	rmdir(path);
	return 0;
}
