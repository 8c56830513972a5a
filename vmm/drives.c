/* SPDX-License-Identifier: MIT */
/*
 * A machine's drives: see drives.h. drives-open.c has how images are found and
 * opened.
 */
#include "vmm/drives.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/deadline.h"
#include "lib/err.h"
#include "vmm/drives-int.h"

enum { WORKERS = 4 };

struct drives {
	struct drives_host host;
	struct workers *workers;
	struct drive *drive[CONFIG_DISKS];
	unsigned n;
	struct disk_stats gone; /* of those that were detached */
	struct drive *lost; /* those whose host has not answered since */
	bool abandoned; /* workers may hang for ever */
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

static void
moved(void *to)
{
	struct drives *ds = to;

	if (ds->host.moved)
		ds->host.moved(ds->host.to);
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
		.moved = moved,
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
	for (struct drive *d; (d = ds->lost);) {
		ds->lost = d->next;
		drive_free(d);
	}
	if (ds->abandoned)
		return;
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

static void
add_stats(struct disk_stats *sum, struct disk *d)
{
	struct disk_stats s;

	disk_get_stats(d, &s);
	sum->reads += s.reads;
	sum->writes += s.writes;
	sum->flushes += s.flushes;
	sum->discards += s.discards;
	sum->read_bytes += s.read_bytes;
	sum->written_bytes += s.written_bytes;
	sum->failed += s.failed;
}

void
drives_get_stats(struct drives *ds, struct disk_stats *sum)
{
	*sum = ds->gone;
	for (unsigned n = 0; n < ds->n; n++)
		add_stats(sum, ds->drive[n]->disk);
}

void
drives_detach(struct drives *ds, struct drive *d)
{
	unsigned n = 0;

	while (n < ds->n && ds->drive[n] != d)
		n++;
	if (n == ds->n)
		return;
	add_stats(&ds->gone, d->disk);
	ds->n--;
	memmove(&ds->drive[n], &ds->drive[n + 1],
		(ds->n - n) * sizeof(ds->drive[0]));
	if (disk_drain_for(d->disk, 0)) {
		drive_free(d);
		return;
	}
	d->next = ds->lost;
	ds->lost = d;
}

/* What those did that were detached, or may still do to the guest's memory. */
static const char *
drain_lost(struct drives *ds, int64_t end)
{
	struct drive **at = &ds->lost, *d;

	while ((d = *at)) {
		int64_t left = end - now_ms();

		if (disk_drain_for(d->disk, left > 0 ? (int)left : 0)) {
			*at = d->next;
			drive_free(d);
		} else {
			at = &d->next;
		}
	}
	return ds->lost ? disk_id(ds->lost->disk) : NULL;
}

const char *
drives_drain(struct drives *ds, int ms)
{
	int64_t end = now_ms() + ms;
	const char *hangs = drain_lost(ds, end);

	for (unsigned n = 0; n < ds->n; n++) {
		int64_t left = end - now_ms();

		if (!disk_drain_for(
			    ds->drive[n]->disk, left > 0 ? (int)left : 0))
			hangs = disk_id(ds->drive[n]->disk);
	}
	return hangs;
}

void
drives_abandon(struct drives *ds)
{
	ds->abandoned = true;
	for (unsigned n = 0; n < ds->n; n++)
		disk_abandon(ds->drive[n]->disk);
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
