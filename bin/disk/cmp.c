/* SPDX-License-Identifier: MIT */
/*
 * vm-disk cmp: do two images hold the same disk? A longer one may go on with
 * zeros.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bin/disk/disk.h"
#include "bin/tool.h"
#include "lib/err.h"

enum { PIECE = 1 << 20 };

struct pair {
	struct image *a, *b;
	char *p, *q;
	uint64_t differ; /* the first byte that does */
};

/* 1: they differ, at t->differ. */
static int
compare(struct pair *t, uint64_t off, size_t n)
{
	int err = img_read(t->a, off, t->p, n);

	if (!err)
		err = img_read(t->b, off, t->q, n);
	if (err)
		return err;
	for (size_t k = 0; memcmp(t->p, t->q, n) != 0 && k < n; k++)
		if (t->p[k] != t->q[k]) {
			t->differ = off + k;
			return 1;
		}
	return 0;
}

static int
compare_all(struct pair *t, struct img_progress *progress)
{
	uint64_t a = image_size(t->a), b = image_size(t->b);
	uint64_t end = a > b ? a : b, off = 0;
	struct image_extent e, f;

	while (off < end) {
		int err = img_extent(t->a, off, end - off, &e);

		if (!err)
			err = img_extent(t->b, off, e.len, &f);
		if (err)
			return err;
		if (e.where == IMAGE_DATA || f.where == IMAGE_DATA) {
			if (f.len > PIECE)
				f.len = PIECE;
			err = compare(t, off, (size_t)f.len);
			if (err)
				return err;
		}
		off += f.len;
		img_progress(progress, off, end);
	}
	return 0;
}

int
img_cmp(const struct img_conf *conf)
{
	const struct img_open a = {.path = conf->v[0], .format = conf->format};
	const struct img_open b = {
		.path = conf->v[1], .format = conf->backing_format};
	struct pair t = {.p = malloc(PIECE), .q = malloc(PIECE)};
	struct img_progress progress;
	int r = -1;

	img_progress_open(&progress, conf);
	if (!t.p || !t.q)
		fail(-ENOMEM, "cmp");
	else if (img_open_image(&t.a, &a) == 0 && img_open_image(&t.b, &b) == 0)
		r = compare_all(&t, &progress);
	img_progress_close(&progress);
	if (r < 0)
		tool_fail();
	else if (r && !conf->quiet)
		printf("%s %s differ: byte %" PRIu64 "\n", conf->v[0],
			conf->v[1], t.differ);
	image_close(t.a);
	image_close(t.b);
	free(t.p);
	free(t.q);
	return r < 0 ? 2 : r;
}
