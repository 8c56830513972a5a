/* SPDX-License-Identifier: MIT */
/*
 * A picture in memory: taken from the framebuffer file, cut out, scaled.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bin/shot/shot.h"
#include "lib/err.h"

int
frame_take(struct frame *f, struct fb *fb, bool cursor)
{
	struct fb_head h;
	int r;

	*f = (struct frame){.times = 1};
	r = fb_take(fb, cursor, &h, &f->pixels);
	if (r)
		return r;
	f->width = h.width;
	f->height = h.height;
	return 0;
}

void
frame_free(struct frame *f)
{
	free(f->pixels);
	f->pixels = NULL;
}

int
frame_crop(struct frame *f, const struct region *r)
{
	if (!r->w)
		return 0;
	if (r->x >= f->width || r->w > f->width - r->x || r->y >= f->height ||
		r->h > f->height - r->y)
		return failx(-ERANGE,
			"%u,%u,%u,%u is not within the screen, which has "
			"%ux%u",
			r->x, r->y, r->w, r->h, f->width, f->height);
	for (unsigned y = 0; y < r->h; y++)
		memmove(f->pixels + (size_t)y * r->w,
			f->pixels + (size_t)(r->y + y) * f->width + r->x,
			r->w * sizeof(*f->pixels));
	f->width = r->w;
	f->height = r->h;
	return 0;
}

/*
 * Each pixel of the result covers down x down points of a grid that has up x up
 * of them for each pixel that there was: their average.
 */
static uint32_t
average(const struct frame *f, unsigned x, unsigned y, unsigned up,
	unsigned down)
{
	unsigned sum[3] = {0}, n = 0;

	for (unsigned j = y * down; j < (y + 1) * down; j++)
		for (unsigned i = x * down; i < (x + 1) * down; i++) {
			uint32_t c;

			if (i / up >= f->width || j / up >= f->height)
				continue;
			c = f->pixels[(size_t)(j / up) * f->width + i / up];
			sum[0] += c >> 16 & 0xff;
			sum[1] += c >> 8 & 0xff;
			sum[2] += c & 0xff;
			n++;
		}
	return (sum[0] + n / 2) / n << 16 | (sum[1] + n / 2) / n << 8 |
	       (sum[2] + n / 2) / n;
}

int
frame_scale(struct frame *f, unsigned up, unsigned down)
{
	struct frame to = {.times = 1};

	while (up % down && up % 2 == 0 && down % 2 == 0) {
		up /= 2;
		down /= 2;
	}
	if (up % down == 0) {
		f->times = up / down;
		return 0;
	}
	to.width = (f->width * up + down - 1) / down;
	to.height = (f->height * up + down - 1) / down;
	if ((uint64_t)to.width * to.height > FRAME_MAX)
		return failx(-EFBIG, "a picture of %ux%u is too large",
			to.width, to.height);
	to.pixels = malloc((size_t)to.width * to.height * sizeof(*to.pixels));
	if (!to.pixels)
		return fail(-ENOMEM, "picture");
	for (unsigned y = 0; y < to.height; y++)
		for (unsigned x = 0; x < to.width; x++)
			to.pixels[(size_t)y * to.width + x] =
				average(f, x, y, up, down);
	frame_free(f);
	*f = to;
	return 0;
}
