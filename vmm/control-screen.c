/* SPDX-License-Identifier: MIT */
/*
 * The control server's screendump: the screen as a portable pixmap into a
 * descriptor that getfd gave a name. Only a file that takes all of it at once:
 * the largest picture has 12 MB, and the loop stands for that.
 */
// LDLIBS: -ljansson
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/calls.h"
#include "lib/err.h"
#include "lib/fb.h"
#include "vmm/control-int.h"

enum { BAND = 16 /* lines written at a time */ };

struct dump { /* a band of it */
	uint32_t pixels[BAND * FB_MAX_WIDTH];
	uint8_t bytes[BAND * FB_MAX_WIDTH * 3];
};

static int
put(int fd, const void *p, size_t n)
{
	return call_write(NULL, fd, p, n) ? fail(-errno, "screendump") : 0;
}

static int
put_band(struct dump *d, int fd, const struct fb *fb, const struct fb_head *h,
	unsigned y)
{
	unsigned lines = h->height - y < BAND ? h->height - y : BAND;
	size_t n = (size_t)lines * h->width;
	uint8_t *p = d->bytes;

	fb_draw(fb, h, y, lines, d->pixels, true);
	for (size_t k = 0; k < n; k++) {
		*p++ = (uint8_t)(d->pixels[k] >> 16);
		*p++ = (uint8_t)(d->pixels[k] >> 8);
		*p++ = (uint8_t)d->pixels[k];
	}
	return put(fd, d->bytes, n * 3);
}

static int
put_picture(int fd, struct fb *fb)
{
	struct fb_head h;
	struct dump *d;
	char head[40];
	int r = fb_look(fb, &h), n;

	if (r && r != -EAGAIN)
		return r;
	d = malloc(sizeof(*d));
	if (!d)
		return fail(-ENOMEM, "screendump");
	n = snprintf(head, sizeof(head), "P6\n%u %u\n255\n", h.width, h.height);
	r = put(fd, head, (size_t)n);
	for (unsigned y = 0; y < h.height && !r; y += BAND)
		r = put_band(d, fd, fb, &h, y);
	free(d);
	return r;
}

/* There is one screen, and one way to write it. */
static int
check(struct request *q, const char **name)
{
	const char *format = "ppm", *to;
	uint64_t head = 0;
	int r = request_string(q, "filename", &to);

	if (!r)
		r = request_may_string(q, "format", &format);
	if (!r)
		r = request_may_number(q, "head", &head);
	if (r)
		return r;
	if (json_object_get(q->args, "device") || head)
		return failx(-ENODEV, "there is one screen, without a name");
	if (strcmp(format, "ppm"))
		return failx(-ENOTSUP,
			"Parameter 'format' can only be ppm (vm-shot writes "
			"png)");
	if (strncmp(to, "fd:", 3))
		return failx(-ENOTSUP,
			"Parameter 'filename' can only be fd:NAME (see getfd)");
	*name = to + 3;
	return 0;
}

int
control_screendump(struct request *q)
{
	size_t ram = 0;
	const struct fb_head *head = machine_screen(q->c->host.machine, &ram);
	const char *name = "";
	struct fb *fb = NULL;
	struct stat st;
	int r = check(q, &name), fd;

	if (!r && !head)
		r = failx(-ENODEV, "there is no graphics card");
	if (r)
		return r;
	fd = client_take_fd(q->cl, name);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		r = failx(-EINVAL, "screendump: not a regular file");
	if (!r)
		r = fb_attach(head, ram, &fb);
	if (!r)
		r = put_picture(fd, fb);
	fb_close(fb);
	close(fd);
	return r;
}
