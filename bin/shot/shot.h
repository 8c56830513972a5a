/* SPDX-License-Identifier: MIT */
/*
 * vm-shot, inside: vm-shot.c has the options and what is asked for, frame.c
 * takes the picture, png.c and ppm.c write it, out.c is where to.
 */
#ifndef BIN_SHOT_H
#define BIN_SHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/fb.h"

enum {
	SCALE_MAX = 16,
	FRAME_MAX = 64 << 20 /* pixels, of what is not merely enlarged */
};

struct region {
	unsigned x, y, w, h; /* w 0: all of it */
};

/* ---- frame.c ---- */

struct frame {
	unsigned width, height;
	uint32_t *pixels; /* 0x00RRGGBB */
	unsigned times; /* each is to be shown this often, both ways */
};

/* As it is now. Freed also after a failure. */
int frame_take(struct frame *, struct fb *, bool cursor);
int frame_crop(struct frame *, const struct region *);
/* By up/down; averages what falls together. */
int frame_scale(struct frame *, unsigned up, unsigned down);
void frame_free(struct frame *);

/* ---- out.c ---- */

struct out {
	const char *name; /* for people */
	int fd;
	int err; /* of the first write that failed; 0 */
	char *path, *temp; /* NULL: written to where it is */
	char buf[64 << 10];
	size_t used;
};

/* "-": stdout. A regular file appears whole or not at all. */
int out_open(struct out *, const char *path);
void out_write(struct out *, const void *p, size_t n);
/* 0 or -errno with a sentence; failed: nothing is left of it. */
int out_close(struct out *, bool failed);

/* ---- png.c, ppm.c ---- */

int png_put(struct out *, const struct frame *);
int ppm_put(struct out *, const struct frame *);

#endif
