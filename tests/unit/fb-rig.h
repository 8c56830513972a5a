/* SPDX-License-Identifier: MIT */
/* A framebuffer file in a directory of its own, written and read. */
#ifndef TESTS_UNIT_FB_RIG_H
#define TESTS_UNIT_FB_RIG_H

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "lib/err.h"
#include "lib/fb.h"
#include "tests/tap.h"

enum { RAM = 1 << 20 };

struct rig {
	char path[64];
	int dir;
	struct fb_head *head; /* the writer's */
	uint8_t *ram;
	struct fb *fb; /* the reader's */
	struct fb_head h; /* what fb_look() said last */
	uint32_t *out; /* room for the largest picture */
};

__attribute__((unused)) static void
rig_dir(struct rig *r)
{
	const char *tmp = getenv("TMPDIR");

	memset(r, 0, sizeof(*r));
	snprintf(r->path, sizeof(r->path), "%s/fb.XXXXXX", tmp ? tmp : "/tmp");
	r->dir = mkdtemp(r->path)
			 ? open(r->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
			 : -1;
	r->out = calloc(FB_MAX_WIDTH * FB_MAX_HEIGHT, sizeof(*r->out));
	if (r->dir < 0 || !r->out)
		exit(1);
}

__attribute__((unused)) static void
rig_open(struct rig *r)
{
	void *ram;

	rig_dir(r);
	if (fb_make(r->dir, RAM, &r->head, &ram) || fb_place(r->dir) ||
		fb_open(r->dir, &r->fb)) {
		printf("# %s\n", fail_text());
		exit(1);
	}
	r->ram = ram;
}

__attribute__((unused)) static void
rig_close(struct rig *r)
{
	fb_close(r->fb);
	fb_unmap(r->head, RAM);
	unlinkat(r->dir, FB_NAME, 0);
	close(r->dir);
	rmdir(r->path);
	free(r->out);
}

/* Publish and look. */
__attribute__((unused)) static int
rig_show(struct rig *r, const struct fb_head *next)
{
	fb_publish(r->head, next);
	return fb_look(r->fb, &r->h);
}

__attribute__((unused)) static struct fb_head
rig_mode(enum fb_kind kind, unsigned width, unsigned height, unsigned pitch)
{
	struct fb_head h = {
		.kind = kind,
		.width = width,
		.height = height,
		.pitch = pitch,
		.double_x = 1,
		.double_y = 1,
		.split = UINT32_MAX,
		.cell_w = 8,
		.cell_h = 16,
		.cursor_from = 1,
		.underline = 32,
		.planes = 15,
		.banks = 1,
	};

	/* None of them is another's. */
	for (unsigned n = 0; n < 256; n++)
		h.palette[n] = (n * 0x10101u) ^ (n << 4 & 0xff) << 8;
	return h;
}

/* The same bytes each time, and no period that a picture would have. */
__attribute__((unused)) static void
rig_fill(uint8_t *p, size_t n)
{
	uint32_t x = 12345;

	while (n--) {
		x = x * 1103515245 + 12345;
		*p++ = (uint8_t)(x >> 16);
	}
}

#endif
