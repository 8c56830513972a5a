/* SPDX-License-Identifier: MIT */
/*
 * Is that what the screen shows? See wait-screen.h. Pictures are compared, so
 * that what does not change costs no more than being read. What blinks is shown
 * all the time, but a guest may draw its cursor itself, as Linux's console does
 * in graphics modes: two pictures that alternate and differ in no more than a
 * cell are no change.
 */
#include "vmm/wait-screen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/fb.h"

enum { CURSOR_W = 16, CURSOR_H = 32 };

struct picture {
	unsigned width, height;
	uint32_t *pixels; /* NULL: none yet */
	size_t room;
};

struct wait_screen {
	const struct wait_picture *want;
	struct fb *fb;
	struct picture now, last, before; /* seen, and two different ones */
	int64_t since; /* last was new then */
	bool again; /* its text is to be read once more */
};

int
wait_screen_open(
	struct wait_screen **out, int dir, const struct wait_picture *want)
{
	struct wait_screen *s = calloc(1, sizeof(*s));
	int r = s ? fb_open(dir, &s->fb) : fail(-ENOMEM, "screen");

	if (r) {
		free(s);
		return r;
	}
	s->want = want;
	*out = s;
	return 0;
}

void
wait_screen_close(struct wait_screen *s)
{
	if (!s)
		return;
	fb_close(s->fb);
	free(s->now.pixels);
	free(s->last.pixels);
	free(s->before.pixels);
	free(s);
}

static int
draw(struct wait_screen *s, struct fb_head *h)
{
	struct picture *p = &s->now;
	size_t n = (size_t)h->width * h->height;

	if (n > p->room) {
		free(p->pixels);
		p->room = 0;
		p->pixels = malloc(n * sizeof(*p->pixels));
		if (!p->pixels)
			return fail(-ENOMEM, "screen");
		p->room = n;
	}
	p->width = h->width;
	p->height = h->height;
	fb_hide_cursor(h);
	fb_draw(s->fb, h, 0, h->height, p->pixels, true);
	return 0;
}

static bool
same(const struct picture *a, const struct picture *b)
{
	return a->pixels && b->pixels && a->width == b->width &&
	       a->height == b->height &&
	       memcmp(a->pixels, b->pixels,
		       (size_t)a->width * a->height * sizeof(*a->pixels)) == 0;
}

/* Of the same size: do they differ within a cell? */
static bool
near(const struct picture *a, const struct picture *b)
{
	unsigned x0 = a->width, x1 = 0, y0 = a->height, y1 = 0;
	const uint32_t *p = a->pixels, *q = b->pixels;

	for (unsigned y = 0; y < a->height; y++, p += a->width, q += a->width) {
		if (memcmp(p, q, a->width * sizeof(*p)) == 0)
			continue;
		y0 = y < y0 ? y : y0;
		y1 = y;
		for (unsigned x = 0; x < a->width; x++) {
			if (p[x] == q[x])
				continue;
			x0 = x < x0 ? x : x0;
			x1 = x > x1 ? x : x1;
		}
		if (x1 - x0 >= CURSOR_W || y1 - y0 >= CURSOR_H)
			return false;
	}
	return true;
}

static void
swap(struct picture *a, struct picture *b)
{
	struct picture t = *a;

	*a = *b;
	*b = t;
}

/* Take the one that was drawn as the last. Is it a new one? */
static bool
take(struct wait_screen *s, int64_t now)
{
	bool blinked = same(&s->now, &s->before) && near(&s->now, &s->last);

	if (same(&s->now, &s->last))
		return false;
	swap(&s->last, &s->before);
	swap(&s->now, &s->last);
	if (!blinked)
		s->since = now;
	return !blinked;
}

/* Of what was drawn: what is there by now may be another one. */
static uint64_t
hash(const struct picture *p)
{
	return fb_hash_more(fb_hash_begin(p->width, p->height), p->pixels,
		(size_t)p->width * p->height);
}

static bool
match(const regex_t *re, char *text)
{
	if (regexec(re, text, 0, NULL, 0) == 0)
		return true;
	for (char *p = text, *end; (end = strchr(p, '\n')); p = end + 1) {
		bool yes;

		*end = '\0';
		yes = regexec(re, p, 0, NULL, 0) == 0;
		*end = '\n';
		if (yes)
			return true;
	}
	return false;
}

static int
match_text(struct wait_screen *s, const struct fb_head *h)
{
	char *text;
	int r = fb_text(s->fb, h, &text);

	if (r)
		return r == -ENODATA ? 0 : r;
	r = match(s->want->text, text);
	free(text);
	return r;
}

/* What is read may be another picture than the one that was drawn: once that is
 * still there, or again, it is read once more. */
static bool
unread(struct wait_screen *s, bool new)
{
	bool yes = new || s->again;

	s->again = new;
	return yes;
}

int
wait_screen_look(struct wait_screen *s, int64_t now, bool runs)
{
	struct fb_head h;
	int r = fb_look(s->fb, &h);
	bool new;

	if (r && r != -EAGAIN)
		return r;
	if (s->want->text && h.kind == FB_TEXT) /* that is cheap */
		return match_text(s, &h);
	r = draw(s, &h);
	if (r)
		return r;
	new = take(s, now);
	if (s->want->text)
		return unread(s, new) ? match_text(s, &h) : 0;
	if (s->want->by_hash)
		return new &&hash(&s->last) == s->want->hash;
	return runs && now - s->since >= s->want->still;
}
