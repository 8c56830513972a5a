/* SPDX-License-Identifier: MIT */
/*
 * A picture as PNG, by libpng. Most screens have few colours: up to 256 of them
 * make a palette, of as few bits as will do. Compression is tuned for speed; on
 * screens, which repeat themselves, that costs little.
 */
// LDLIBS: -lpng -lz
#include <errno.h>
#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "bin/shot/shot.h"
#include "lib/err.h"

enum { COLOURS = 256, SLOTS = 1024 };

struct palette {
	uint32_t colour[COLOURS];
	unsigned n; /* COLOURS + 1: there are more */
	uint32_t key[SLOTS]; /* a hash table: colour + 1, 0 is free */
	uint8_t value[SLOTS];
};

static unsigned
slot(const struct palette *p, uint32_t c)
{
	unsigned k = (c * 0x9e3779b1u >> 22) % SLOTS;

	while (p->key[k] && p->key[k] != c + 1)
		k = (k + 1) % SLOTS;
	return k;
}

static void
count(struct palette *p, const struct frame *f)
{
	size_t n = (size_t)f->width * f->height;
	uint32_t last = ~*f->pixels;

	for (const uint32_t *c = f->pixels; n; n--, c++) {
		unsigned k;

		if (*c == last)
			continue;
		last = *c;
		k = slot(p, last);
		if (p->key[k])
			continue;
		if (p->n++ == COLOURS)
			return;
		p->key[k] = last + 1;
		p->value[k] = (uint8_t)(p->n - 1);
		p->colour[p->n - 1] = last;
	}
}

static int
depth(const struct palette *p)
{
	return p->n <= 2 ? 1 : p->n <= 4 ? 2 : p->n <= 16 ? 4 : 8;
}

/* A row of indices, depth bits each, the first in the upper ones. */
static void
pack(const struct palette *p, const struct frame *f, const uint32_t *from,
	uint8_t *row)
{
	unsigned bits = (unsigned)depth(p), per = 8 / bits, at = 0;
	uint32_t last = ~*from;
	unsigned value = 0, acc = 0;

	for (unsigned x = 0; x < f->width; x++) {
		if (from[x] != last) {
			last = from[x];
			value = p->value[slot(p, last)];
		}
		for (unsigned k = 0; k < f->times; k++) {
			acc = acc << bits | value;
			if (++at % per == 0)
				*row++ = (uint8_t)acc;
		}
	}
	if (at % per)
		*row = (uint8_t)(acc << (per - at % per) * bits);
}

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

static void
on_write(png_structp png, png_bytep p, size_t n)
{
	out_write(png_get_io_ptr(png), p, n);
}

static void
on_flush(png_structp png)
{
	(void)png;
}

static void
on_error(png_structp png, png_const_charp text)
{
	failx(-EIO, "png: %s", text);
	png_longjmp(png, 1);
}

static void
on_warning(png_structp png, png_const_charp text)
{
	(void)png;
	(void)text;
}

struct job { /* what outlives a longjmp */
	png_structp png;
	png_infop info;
	struct palette palette;
	uint8_t *row;
};

static void
begin(struct job *j, const struct frame *f)
{
	bool few = j->palette.n <= COLOURS;
	png_color colours[COLOURS];

	png_set_IHDR(j->png, j->info, f->width * f->times, f->height * f->times,
		few ? depth(&j->palette) : 8,
		few ? PNG_COLOR_TYPE_PALETTE : PNG_COLOR_TYPE_RGB,
		PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
		PNG_FILTER_TYPE_DEFAULT);
	for (unsigned n = 0; few && n < j->palette.n; n++) {
		uint32_t c = j->palette.colour[n];

		colours[n] = (png_color){
			(uint8_t)(c >> 16), (uint8_t)(c >> 8), (uint8_t)c};
	}
	if (few)
		png_set_PLTE(j->png, j->info, colours, (int)j->palette.n);
	png_set_filter(j->png, PNG_FILTER_TYPE_DEFAULT,
		few ? PNG_FILTER_NONE : PNG_FILTER_SUB);
	png_set_compression_level(j->png, 1);
	if (!few)
		png_set_compression_strategy(j->png, Z_RLE);
	png_set_compression_buffer_size(j->png, 64 << 10);
	png_write_info(j->png, j->info);
}

static int
put(struct job *j, struct out *o, const struct frame *f)
{
	if (setjmp(png_jmpbuf(j->png)))
		return -EIO;
	png_set_write_fn(j->png, o, on_write, on_flush);
	begin(j, f);
	for (unsigned y = 0; y < f->height && !o->err; y++) {
		const uint32_t *from = f->pixels + (size_t)y * f->width;

		if (j->palette.n <= COLOURS)
			pack(&j->palette, f, from, j->row);
		else
			spread(f, from, j->row);
		for (unsigned k = 0; k < f->times; k++)
			png_write_row(j->png, j->row);
	}
	if (!o->err)
		png_write_end(j->png, NULL);
	return 0;
}

int
png_put(struct out *o, const struct frame *f)
{
	struct job *j = calloc(1, sizeof(*j));
	int r = -ENOMEM;

	if (!j)
		return fail(r, "png");
	j->row = malloc((size_t)f->width * f->times * 3);
	j->png = png_create_write_struct(
		PNG_LIBPNG_VER_STRING, NULL, on_error, on_warning);
	if (j->png)
		j->info = png_create_info_struct(j->png);
	count(&j->palette, f);
	if (j->row && j->info)
		r = put(j, o, f);
	else
		fail(r, "png");
	png_destroy_write_struct(&j->png, &j->info);
	free(j->row);
	free(j);
	return r;
}
