/* SPDX-License-Identifier: MIT */
/*
 * The control socket's commands for drives. Names, arguments and results are
 * those of QEMU 7.2's QMP reference (block-core.json, block.json) as far as
 * they apply: a drive is "device" or "id", limits are totals, and files come as
 * descriptors, "fd:NAME" after getfd, since this process opens none.
 */
// LDLIBS: -ljansson
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/err.h"
#include "vmm/control-int.h"

static struct drives *
drives(const struct request *q)
{
	return machine_drives(q->c->host.machine);
}

/* The drive that "id", "device" or "node-name" names. */
static int
want_drive(struct request *q, struct drive **d)
{
	static const char *const keys[] = {"id", "device", "node-name"};
	const char *id = NULL;
	int r = 0;

	if (machine_end(q->c->host.machine))
		return failx(-ESRCH, "the machine has ended");
	if (q->c->job)
		return failx(-EBUSY, "a dump is being written");
	for (unsigned n = 0; n < 3 && !r && !id; n++)
		r = request_may_string(q, keys[n], &id);
	if (r)
		return r;
	if (!id)
		return failx(-EINVAL, "Parameter 'id' is missing");
	*d = drives_find(drives(q), id);
	return *d ? 0 : failx(-ENOENT, "Device '%.80s' not found", id);
}

/* "fd:NAME": the descriptor, which is then ours. */
static int
take_named(struct request *q, const char *file)
{
	if (strncmp(file, "fd:", 3))
		return failx(-ENOTSUP,
			"a file's name can only be fd:NAME (see getfd)");
	return client_take_fd(q->cl, file + 3);
}

/* ---- what there is ---- */

static void
put_image(struct json *j, const struct config_disk *c, struct image *im)
{
	json_put_object(j, "image");
	json_put_string(j, "filename", c->image.path);
	json_put_string(j, "format", image_format_name(image_type(im)));
	json_put_uint(j, "virtual-size", image_size(im));
	json_put_end(j);
}

static void
put_medium(struct json *j, const struct drive *d)
{
	struct image *im = disk_medium(d->disk);
	const struct config_disk *c = &d->config;
	struct disk_limits l;

	disk_get_limits(d->disk, &l);
	json_put_object(j, "inserted");
	json_put_string(j, "file", c->image.path);
	json_put_string(j, "node-name", disk_id(d->disk));
	json_put_bool(j, "ro", !disk_writable(d->disk));
	json_put_string(j, "drv", image_format_name(image_type(im)));
	if (c->overlay)
		json_put_string(j, "backing_file", c->image.path);
	else if (c->backings)
		json_put_string(j, "backing_file", c->backing[0].path);
	json_put_uint(j, "backing_file_depth", c->backings + c->overlay);
	json_put_bool(j, "encrypted", false);
	json_put_string(j, "detect_zeroes", "off");
	json_put_uint(j, "write_threshold", 0);
	json_put_uint(j, "bps", l.bytes_per_s);
	json_put_uint(j, "bps_rd", 0);
	json_put_uint(j, "bps_wr", 0);
	json_put_uint(j, "iops", l.reqs_per_s);
	json_put_uint(j, "iops_rd", 0);
	json_put_uint(j, "iops_wr", 0);
	put_image(j, c, im);
	json_put_end(j);
}

static const char *
io_status(const struct request *q, const struct drive *d)
{
	const struct machine_io_error *e = machine_io_error(q->c->host.machine);

	if (!e || strcmp(e->id, disk_id(d->disk)))
		return "ok";
	return e->err == -ENOSPC ? "nospace" : "failed";
}

int
control_query_block(struct request *q)
{
	struct drive *d;

	for (unsigned n = 0; (d = drives_get(drives(q), n)); n++) {
		unsigned tray = disk_tray(d->disk);
		bool in = disk_present(d->disk);

		json_put_object(&q->out, NULL);
		json_put_string(&q->out, "device", disk_id(d->disk));
		json_put_string(&q->out, "qdev", disk_id(d->disk));
		json_put_string(&q->out, "type", "unknown");
		json_put_bool(&q->out, "removable", d->config.cdrom);
		json_put_bool(&q->out, "locked", tray & DISK_TRAY_LOCKED);
		json_put_string(&q->out, "io-status", io_status(q, d));
		json_put_string(&q->out, "x-bus",
			d->config.bus == CONFIG_IDE ? "ide" : "virtio");
		json_put_bool(&q->out, "x-attached", d->attached);
		if (d->config.cdrom)
			json_put_bool(&q->out, "tray_open",
				!in || (tray & DISK_TRAY_OPEN));
		if (in)
			put_medium(&q->out, d);
		json_put_end(&q->out);
	}
	return 0;
}

int
control_query_blockstats(struct request *q)
{
	struct disk_stats s;
	struct drive *d;

	for (unsigned n = 0; (d = drives_get(drives(q), n)); n++) {
		disk_get_stats(d->disk, &s);
		json_put_object(&q->out, NULL);
		json_put_string(&q->out, "device", disk_id(d->disk));
		json_put_string(&q->out, "node-name", disk_id(d->disk));
		json_put_object(&q->out, "stats");
		json_put_uint(&q->out, "rd_operations", s.reads);
		json_put_uint(&q->out, "rd_bytes", s.read_bytes);
		json_put_uint(&q->out, "wr_operations", s.writes);
		json_put_uint(&q->out, "wr_bytes", s.written_bytes);
		json_put_uint(&q->out, "flush_operations", s.flushes);
		json_put_uint(&q->out, "unmap_operations", s.discards);
		json_put_uint(&q->out, "x-failed", s.failed);
		json_put_uint(&q->out, "x-waiting", s.waiting);
		json_put_end(&q->out);
		json_put_end(&q->out);
	}
	return 0;
}

/* ---- media ---- */

struct change { /* with the CPUs parked */
	struct drive *d;
	struct image *image; /* NULL: none */
	bool force;
	uint64_t size;
	int err;
};

static void
set_medium(struct machine *m, void *to)
{
	struct change *c = to;

	(void)m;
	c->err = disk_set_medium(c->d->disk, c->image, c->force);
}

static void
tell_tray(struct request *q, const struct drive *d, bool open)
{
	char members[128];

	snprintf(members, sizeof(members),
		"\"device\":\"%s\",\"id\":\"%s\",\"tray-open\":%s",
		disk_id(d->disk), disk_id(d->disk), open ? "true" : "false");
	if (q->c->host.tell)
		q->c->host.tell(q->c->host.to, "DEVICE_TRAY_MOVED", members);
}

static int
want_removable(struct request *q, struct drive **d)
{
	int r = want_drive(q, d);

	if (!r && !(*d)->config.cdrom)
		r = failx(-EPERM, "Device '%s' is not removable",
			disk_id((*d)->disk));
	return r;
}

static int
refused(const struct change *c)
{
	if (c->err == -EBUSY)
		return failx(c->err,
			"Device '%s' is locked by the guest, which was asked "
			"for it; force was not specified",
			disk_id(c->d->disk));
	return c->err;
}

int
control_eject(struct request *q)
{
	struct change c = {0};
	int r = want_removable(q, &c.d);

	if (!r)
		r = request_may_bool(q, "force", &c.force);
	if (r || !disk_present(c.d->disk))
		return r;
	machine_frozen(q->c->host.machine, set_medium, &c);
	if (c.err)
		return refused(&c);
	free(c.d->config.image.path);
	c.d->config.image.path = NULL;
	tell_tray(q, c.d, true);
	return 0;
}

/* What drive would have with that file; *now is to be freed. */
static int
open_medium(struct request *q, const struct drive *d, const char *file,
	const char *name, const char *format, struct config_disk *now,
	struct image **out)
{
	int fd, r = config_disk_copy(&d->config, now);

	if (r)
		return r;
	while (now->backings) /* those of the one before */
		free(now->backing[--now->backings].path);
	free(now->image.path);
	now->image.path = strdup(name);
	now->image.format = image_format_by_name(name);
	if (!now->image.path)
		return fail(-ENOMEM, "drive");
	if (format)
		r = image_format_parse(format, &now->image.format);
	fd = r ? r : take_named(q, file);
	return fd < 0 ? fd : drives_open_fds(now, &fd, 1, out);
}

/* The file's own name comes as "x-name", the descriptor as "filename". */
int
control_change_medium(struct request *q)
{
	const char *file = NULL, *name = NULL, *format = NULL, *mode = NULL;
	struct config_disk now = {0};
	struct change c = {0};
	int r = want_removable(q, &c.d);

	if (!r)
		r = request_may_string(q, "filename", &file);
	if (!r && !file)
		r = failx(-EINVAL, "Parameter 'filename' is missing");
	if (!r)
		r = request_may_string(q, "x-name", &name);
	if (!r)
		r = request_may_string(q, "format", &format);
	if (!r)
		r = request_may_string(q, "read-only-mode", &mode);
	if (!r && mode && strcmp(mode, "retain") && strcmp(mode, "read-only"))
		r = failx(-EINVAL,
			"read-only-mode '%s': no drive with a "
			"removable medium writes",
			mode);
	if (!r)
		r = request_may_bool(q, "force", &c.force);
	if (r)
		return r;
	r = open_medium(
		q, c.d, file, name ? name : file, format, &now, &c.image);
	if (!r) {
		machine_frozen(q->c->host.machine, set_medium, &c);
		r = c.err ? refused(&c) : 0;
		if (r)
			image_close(c.image);
	}
	if (r) {
		char why[512];

		snprintf(why, sizeof(why), "%s", fail_text());
		config_disk_free(&now);
		return failx(r, "%s", why);
	}
	config_disk_free(&c.d->config);
	c.d->config = now;
	tell_tray(q, c.d, true);
	tell_tray(q, c.d, false);
	return 0;
}

/* ---- size and speed ---- */

static void
set_size(struct machine *m, void *to)
{
	struct change *c = to;

	(void)m;
	c->err = disk_resize(c->d->disk, c->size);
}

int
control_block_resize(struct request *q)
{
	struct change c = {0};
	int r = want_drive(q, &c.d);

	if (!r && !json_object_get(q->args, "size"))
		r = failx(-EINVAL, "Parameter 'size' is missing");
	if (!r)
		r = request_may_number(q, "size", &c.size);
	if (!r && (!c.size || c.size % 512))
		r = failx(-EINVAL, "a size is a multiple of 512, and not 0");
	if (!r && !disk_writable(c.d->disk))
		r = failx(
			-EROFS, "Device '%s' is read-only", disk_id(c.d->disk));
	if (r)
		return r;
	machine_frozen(q->c->host.machine, set_size, &c);
	return c.err;
}

int
control_set_throttle(struct request *q)
{
	static const char *const others[] = {
		"bps_rd", "bps_wr", "iops_rd", "iops_wr"};
	struct disk_limits l;
	struct drive *d;
	uint64_t v = 0;
	int r = want_drive(q, &d);

	if (r)
		return r;
	disk_get_limits(d->disk, &l);
	r = request_may_number(q, "bps", &l.bytes_per_s);
	if (!r)
		r = request_may_number(q, "iops", &l.reqs_per_s);
	for (unsigned n = 0; n < 4 && !r; n++) {
		r = request_may_number(q, others[n], &v);
		if (!r && v)
			r = failx(-ENOTSUP,
				"Parameter '%s' can only be 0: limits are "
				"totals",
				others[n]);
	}
	if (!r)
		disk_set_limits(d->disk, &l);
	return r;
}
