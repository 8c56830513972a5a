/* SPDX-License-Identifier: MIT */
/*
 * A machine's drives: see drives.h. drives-open.c has how images are found and
 * opened.
 */
#include "vmm/drives.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "vmm/drives-int.h"

enum { WORKERS = 4 };

struct drives {
	struct drives_host host;
	struct workers *workers;
	struct drive *drive[CONFIG_DISKS];
	unsigned n;
};

static void
failed(void *to, struct disk *d, enum disk_op op, int err, bool kept)
{
	struct drives *ds = to;

	if (ds->host.failed)
		ds->host.failed(ds->host.to, disk_id(d), op, err, kept);
}

static void
drive_free(struct drive *d)
{
	if (!d)
		return;
	disk_free(d->disk);
	config_disk_free(&d->config);
	free(d);
}

/* The image is taken over on success. */
static int
add(struct drives *ds, const struct config_disk *c, struct image *image,
	struct drive **out)
{
	struct disk_options o = {
		.id = c->id,
		.workers = ds->workers,
		.clock = ds->host.clock,
		.on_error = (enum disk_on_error)ds->host.config->on_io_error,
		.limits = {c->bps, c->iops},
		.failed = failed,
		.to = ds,
	};
	struct drive *d;
	int r;

	if (drives_find(ds, c->id))
		return failx(-EEXIST, "%s: there is such a drive", c->id);
	if (ds->n == CONFIG_DISKS)
		return failx(-ENOSPC, "%s: %d drives are all there can be",
			c->id, CONFIG_DISKS);
	d = calloc(1, sizeof(*d));
	r = d ? config_disk_copy(c, &d->config) : fail(-ENOMEM, "%s", c->id);
	if (!r)
		r = disk_new(&d->disk, &o);
	if (r) {
		drive_free(d);
		return r;
	}
	if (image)
		disk_set_medium(d->disk, image, true);
	ds->drive[ds->n++] = d;
	*out = d;
	return 0;
}

static int
open_one(struct drives *ds, const struct config_disk *c)
{
	struct image *image = NULL;
	struct drive *d;
	int r = c->image.path ? drives_open_image(c, ds->host.dir, &image) : 0;

	if (!r)
		r = add(ds, c, image, &d);
	if (r)
		image_close(image);
	return r;
}

int
drives_open(struct drives **out, const struct drives_host *h)
{
	struct drives *ds = calloc(1, sizeof(*ds));
	int r;

	if (!ds)
		return fail(-ENOMEM, "drives");
	ds->host = *h;
	/* One for what is attached later. */
	r = workers_new(&ds->workers, h->config->disks ? WORKERS : 1);
	for (unsigned n = 0; n < h->config->disks && !r; n++)
		r = open_one(ds, &h->config->disk[n]);
	if (r) {
		drives_close(ds);
		return r;
	}
	*out = ds;
	return 0;
}

void
drives_close(struct drives *ds)
{
	if (!ds)
		return;
	while (ds->n)
		drive_free(ds->drive[--ds->n]);
	workers_free(ds->workers);
	free(ds);
}

int
drives_start(struct drives *ds, int (*begins)(void *to), void *to)
{
	return workers_start(ds->workers, begins, to);
}

struct drive *
drives_get(struct drives *ds, unsigned n)
{
	return n < ds->n ? ds->drive[n] : NULL;
}

struct drive *
drives_find(struct drives *ds, const char *id)
{
	for (unsigned n = 0; n < ds->n; n++)
		if (!strcmp(disk_id(ds->drive[n]->disk), id))
			return ds->drive[n];
	return NULL;
}

int
drives_attach(struct drives *ds, const struct config_disk *c,
	struct image *image, struct drive **out)
{
	int r = add(ds, c, image, out);

	if (r)
		image_close(image);
	else
		(*out)->attached = true;
	return r;
}

void
drives_detach(struct drives *ds, struct drive *d)
{
	unsigned n = 0;

	while (n < ds->n && ds->drive[n] != d)
		n++;
	if (n == ds->n)
		return;
	ds->n--;
	memmove(&ds->drive[n], &ds->drive[n + 1],
		(ds->n - n) * sizeof(ds->drive[0]));
	drive_free(d);
}

void
drives_drain(struct drives *ds)
{
	for (unsigned n = 0; n < ds->n; n++)
		disk_drain(ds->drive[n]->disk);
}

void
drives_reset(struct drives *ds)
{
	for (unsigned n = 0; n < ds->n; n++)
		disk_reset(ds->drive[n]->disk);
}

void
drives_retry(struct drives *ds)
{
	for (unsigned n = 0; n < ds->n; n++)
		disk_retry(ds->drive[n]->disk);
}
