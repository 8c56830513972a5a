/* SPDX-License-Identifier: MIT */
/*
 * The files outside of its directory that a machine may have open: kernel,
 * firmware, images and their backing files, back ends of its ports.
 */
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bin/audit/audit.h"
#include "lib/qmp.h"
#include "vmm/config.h"
#include "vmm/firmware.h"

enum { ANSWER_MS = 5000 };

static bool
same_file(const char *target, const char *path)
{
	char real[PATH_MAX];

	return path && (strcmp(target, path) == 0 ||
			       (realpath(path, real) != NULL &&
				       strcmp(target, real) == 0));
}

/* The directory of the socket that path names. */
static bool
holds_socket(const char *target, const char *path)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX];

	if (!slash)
		return false;
	snprintf(dir, sizeof(dir), "%.*s",
		slash == path ? 1 : (int)(slash - path), path);
	return same_file(target, dir);
}

/* Of a port's back end. */
static bool
is_of_spec(const struct one *o, const char *spec)
{
	if (!spec)
		return false;
	if (!strncmp(spec, "file:", 5))
		return same_file(o->target, spec + 5 + (spec[5] == '+'));
	if (!strncmp(spec, "unix:", 5))
		return !strcmp(o->access, "r") &&
		       holds_socket(o->target, spec + 5);
	return !strcmp(spec, "pty") && (!strncmp(o->target, "/dev/pts/", 9) ||
					       !strcmp(o->target, "/dev/ptmx"));
}

static bool
is_of_ports(const struct config *cfg, const struct one *o)
{
	bool is = is_of_spec(o, cfg->debugcon);

	for (unsigned n = 0; n < cfg->serials && !is; n++)
		is = is_of_spec(o, cfg->serial[n]);
	for (unsigned n = 0; n < cfg->ports && !is; n++)
		is = is_of_spec(o, cfg->port[n].spec);
	return is;
}

static bool
is_loaded(const struct config *cfg, const struct one *o)
{
	const char *path;

	return same_file(o->target, cfg->kernel) ||
	       same_file(o->target, cfg->initrd) ||
	       (firmware_wanted(cfg) && firmware_file(cfg, &path) == 0 &&
		       same_file(o->target, path));
}

static bool
is_of_drive(const struct config_disk *d, const struct one *o, bool reads)
{
	bool only = d->read_only || d->cdrom || d->overlay;

	for (unsigned n = 0; n < d->backings; n++)
		if (reads && same_file(o->target, d->backing[n].path))
			return true;
	return (reads || !only) && same_file(o->target, d->image.path);
}

bool
audit_configured(const struct config *cfg, const struct one *o)
{
	bool reads = strcmp(o->access, "r") == 0;

	if (is_of_ports(cfg, o) || (reads && is_loaded(cfg, o)))
		return true;
	for (unsigned n = 0; n < cfg->disks; n++)
		if (is_of_drive(&cfg->disk[n], o, reads))
			return true;
	return false;
}

bool
audit_medium(struct audit *a, const struct one *o)
{
	const json_t *drive;
	size_t n;

	if (strcmp(o->kind, "file") != 0)
		return false;
	if (!a->drives && a->qmp)
		qmp_call(a->qmp, "query-block", NULL, &a->drives, ANSWER_MS);
	json_array_foreach(a->drives, n, drive)
	{
		const json_t *in = json_object_get(drive, "inserted");
		const char *file =
			json_string_value(json_object_get(in, "file"));

		if (file && same_file(o->target, file))
			return true;
	}
	return false;
}
