/* SPDX-License-Identifier: MIT */
/* A portable pixmap, ppm(5): raw, 8 bits a colour. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "bin/shot/shot.h"
#include "lib/err.h"

static void
spread(const struct frame *f, const uint32_t *from, uint8_t *row)
{
	for (unsigned x = 0; x < f->width; x++)
		for (unsigned k = 0; k < f->times; k++) {
			*row++ = (uint8_t)(from[x] >> 16);
			*row++ = (uint8_t)(from[x] >> 8);
			*row++ = (uint8_t)from[x];
		}
}

int
ppm_put(struct out *o, const struct frame *f)
{
	const size_t size = (size_t)f->width * f->times * 3;
	uint8_t *row = malloc(size);
	char head[40];
	int n = snprintf(head, sizeof(head), "P6\n%u %u\n255\n",
		f->width * f->times, f->height * f->times);

	if (!row)
		return fail(-ENOMEM, "ppm");
	out_write(o, head, (size_t)n);
	for (unsigned y = 0; y < f->height && !o->err; y++) {
		spread(f, f->pixels + (size_t)y * f->width, row);
		for (unsigned k = 0; k < f->times; k++)
			out_write(o, row, size);
	}
	free(row);
	return 0;
}
