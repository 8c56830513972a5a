/* SPDX-License-Identifier: MIT */
/*
 * A screen at one moment, as well as that can be had from outside: mode and
 * pixels belong together, unless the mode changes faster than one can look.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/fb.h"

enum { TRIES = 5 };

/* What a writer died over is shown as far as it got. */
static int
look(struct fb *fb, struct fb_head *h)
{
	int r = fb_look(fb, h);

	return r == -EAGAIN ? 0 : r;
}

/* Has the mode, or where it begins, changed since? */
static bool
changed(struct fb *fb, const struct fb_head *h)
{
	struct fb_head now;

	return look(fb, &now) == 0 && now.seq != h->seq;
}

int
fb_take(struct fb *fb, bool cursor, struct fb_head *h, uint32_t **pixels)
{
	for (unsigned n = 0; n < TRIES; n++) {
		int r = look(fb, h);
		uint32_t *p;

		if (r)
			return r;
		if (!cursor)
			fb_hide_cursor(h);
		p = realloc(*pixels, (size_t)h->width * h->height * sizeof(*p));
		if (!p)
			return fail(-ENOMEM, "%s", FB_NAME);
		*pixels = p;
		fb_draw(fb, h, 0, h->height, p, true);
		if (!changed(fb, h))
			break;
	}
	return 0;
}

int
fb_take_text(struct fb *fb, char **text)
{
	int r = 0;

	*text = NULL;
	for (unsigned n = 0; n < TRIES; n++) {
		struct fb_head h;

		free(*text);
		*text = NULL;
		r = look(fb, &h);
		if (!r)
			r = fb_text(fb, &h, text);
		if (r || !changed(fb, &h))
			break;
	}
	if (r != -ENODATA)
		return r;
	*text = strdup("");
	return *text ? 0 : fail(-ENOMEM, "%s", FB_NAME);
}
