/* SPDX-License-Identifier: MIT */
/*
 * What disk= and cdrom= say: a file, and words behind it. Nothing is opened
 * here; what format a file has is said, or its name's suffix says it, and its
 * bytes are never asked (TRUST: a guest that writes them would choose).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/units.h"
#include "vmm/config-int.h"

enum { ID_MAX = 20, SERIAL_MAX = 20, QUEUES_MAX = 16, IDE_MAX = 4 };

struct parse {
	struct config_disk d;
	const char *key; /* "disk" */
	bool format; /* was given */
	bool backing_format; /* of the last one */
	unsigned seen; /* options, by their number in the table */
};

static int
set_format(struct parse *p, const char *value, struct config_image *to)
{
	return config_named(p->key, image_format_parse(value, &to->format));
}

static int
opt_format(struct parse *p, const char *value)
{
	p->format = true;
	return set_format(p, value, &p->d.image);
}

static int
opt_backing(struct parse *p, const char *value)
{
	struct config_image *to;

	if (p->d.backings == IMAGE_CHAIN - 1)
		return failx(-ERANGE, "%s: more than %d backing files", p->key,
			IMAGE_CHAIN - 1);
	if (!*value)
		return failx(-EINVAL, "%s: backing: no file named", p->key);
	to = &p->d.backing[p->d.backings];
	p->backing_format = false;
	to->format = image_format_by_name(value);
	to->path = NULL;
	if (config_set_text(&to->path, value))
		return -ENOMEM;
	p->d.backings++;
	return 0;
}

static int
opt_backing_format(struct parse *p, const char *value)
{
	if (!p->d.backings || p->backing_format)
		return failx(-EINVAL,
			"%s: backing-format stands behind its backing=",
			p->key);
	p->backing_format = true;
	return set_format(p, value, &p->d.backing[p->d.backings - 1]);
}

static int
opt_bus(struct parse *p, const char *value)
{
	int k = config_word("virtio|ide", value);

	if (k < 0)
		return failx(-EINVAL, "%s: bus: '%s' is not virtio|ide", p->key,
			value);
	p->d.bus = (enum config_bus)k;
	return 0;
}

static int
opt_id(struct parse *p, const char *value)
{
	static const char head[] = "abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	static const char tail[] = "abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789._-";
	size_t n = strlen(value);

	if (!n || n > ID_MAX || !strchr(head, *value) ||
		strspn(value, tail) != n)
		return failx(-EINVAL,
			"%s: id: '%s' is not a letter and at most %d more of "
			"A-Z a-z 0-9 . _ -",
			p->key, value, ID_MAX - 1);
	return config_set_text(&p->d.id, value);
}

static int
opt_serial(struct parse *p, const char *value)
{
	size_t n = strlen(value);

	for (size_t k = 0; k < n; k++)
		if (value[k] < ' ' || value[k] > '~')
			n = 0;
	if (!n || n > SERIAL_MAX)
		return failx(-EINVAL,
			"%s: serial: '%s' is not 1 to %d characters of ASCII",
			p->key, value, SERIAL_MAX);
	return config_set_text(&p->d.serial, value);
}

static int
say_option(const struct parse *p, const char *option, int err)
{
	return err ? failx(err, "%s: %s: %s", p->key, option, fail_text()) : 0;
}

static int
opt_read_only(struct parse *p, const char *value)
{
	return say_option(p, "read-only", config_bool(value, &p->d.read_only));
}

static int
opt_overlay(struct parse *p, const char *value)
{
	return say_option(p, "overlay", config_bool(value, &p->d.overlay));
}

static int
opt_queues(struct parse *p, const char *value)
{
	uint64_t n;
	int e = say_option(p, "queues", units_parse_number(value, &n));

	if (e)
		return e;
	if (!n || n > QUEUES_MAX)
		return failx(-ERANGE, "%s: queues: %s is not in 1..%d", p->key,
			value, QUEUES_MAX);
	p->d.queues = (unsigned)n;
	return 0;
}

static int
opt_bps(struct parse *p, const char *value)
{
	return say_option(p, "bps", units_parse_size(value, &p->d.bps));
}

static int
opt_iops(struct parse *p, const char *value)
{
	return say_option(p, "iops", units_parse_number(value, &p->d.iops));
}

enum { CDROM = 1, REPEATS = 2 }; /* an option: for cdrom= too */

static const struct option {
	const char *name;
	unsigned flags;
	int (*set)(struct parse *, const char *value);
} options[] = {
	{"format", CDROM, opt_format},
	{"backing", REPEATS, opt_backing},
	{"backing-format", REPEATS, opt_backing_format},
	{"bus", 0, opt_bus},
	{"id", CDROM, opt_id},
	{"serial", 0, opt_serial},
	{"read-only", 0, opt_read_only},
	{"overlay", 0, opt_overlay},
	{"queues", 0, opt_queues},
	{"bps", CDROM, opt_bps},
	{"iops", CDROM, opt_iops},
};
enum { OPTIONS = sizeof(options) / sizeof(*options) };

static int
take_word(struct parse *p, const char *word)
{
	size_t n = strcspn(word, "=");

	for (unsigned k = 0; word[n] && k < OPTIONS; k++) {
		const struct option *o = &options[k];

		if (strlen(o->name) != n || memcmp(o->name, word, n) ||
			(p->d.cdrom && !(o->flags & CDROM)))
			continue;
		if (p->seen & 1u << k && !(o->flags & REPEATS))
			return failx(-EINVAL, "%s: %s is there twice", p->key,
				o->name);
		p->seen |= 1u << k;
		return o->set(p, word + n + 1);
	}
	return failx(-EINVAL,
		"%s: '%s' is no option of it (a comma in a name is ,,)", p->key,
		word);
}

/* A size in place of a name: for those who make disks, not for us. */
bool
config_is_size(const char *path)
{
	uint64_t size;
	bool is = *path >= '0' && *path <= '9' &&
		  units_parse_size(path, &size) == 0;

	fail_clear();
	return is;
}

static int
take_path(struct parse *p, const char *path)
{
	if (p->d.cdrom && strcmp(path, "none") == 0)
		return 0;
	if (!*path)
		return failx(-EINVAL, "%s: no file named", p->key);
	if (config_is_size(path))
		return failx(-EINVAL,
			"%s: %s is a size: only vm-create and vm-set make "
			"disks (a file of that name is ./%s)",
			p->key, path, path);
	return config_set_text(&p->d.image.path, path);
}

/* ---- what goes together ---- */

static bool
only_read(enum image_format f)
{
	return f == IMAGE_VMDK || f == IMAGE_VHD;
}

static int
check_backing(const struct parse *p)
{
	const struct config_image *above = &p->d.image;

	for (unsigned n = 0; n < p->d.backings; n++) {
		if (above->format != IMAGE_QCOW2)
			return failx(-EINVAL,
				"%s: %s: only qcow2 has a backing file, not %s",
				p->key, above->path,
				image_format_name(above->format));
		above = &p->d.backing[n];
	}
	return 0;
}

static int
check_words(const struct parse *p)
{
	const struct config_disk *d = &p->d;

	if (d->overlay && d->read_only)
		return failx(-EINVAL,
			"%s: overlay and read-only exclude each other", p->key);
	if (d->queues > 1 && d->bus == CONFIG_IDE)
		return failx(-EINVAL, "%s: queues: for virtio only", p->key);
	if (!d->image.path && p->format)
		return failx(-EINVAL, "%s: a format, and no medium", p->key);
	if (!d->cdrom && only_read(d->image.format) && !d->read_only &&
		!d->overlay)
		return failx(-EINVAL,
			"%s: %s: %s images can only be read: read-only=yes or "
			"overlay=yes",
			p->key, d->image.path,
			image_format_name(d->image.format));
	return check_backing(p);
}

int
config_disk_parse(const char *spec, bool cdrom, struct config_disk *out)
{
	struct parse p = {.key = cdrom ? "cdrom" : "disk"};
	char **word = config_words(spec);
	int e = word ? 0 : fail(-ENOMEM, "config");

	p.d.cdrom = cdrom;
	p.d.read_only = cdrom;
	p.d.bus = cdrom ? CONFIG_IDE : CONFIG_VIRTIO;
	if (!e)
		e = take_path(&p, word[0]);
	for (unsigned n = 1; !e && word[n]; n++)
		e = take_word(&p, word[n]);
	free(word);
	if (!e && p.d.image.path && !p.format)
		p.d.image.format = image_format_by_name(p.d.image.path);
	if (!e)
		e = check_words(&p);
	if (e)
		config_disk_free(&p.d);
	else
		*out = p.d;
	return e;
}

/* ---- copies ---- */

void
config_disk_free(struct config_disk *d)
{
	free(d->image.path);
	while (d->backings)
		free(d->backing[--d->backings].path);
	free(d->id);
	free(d->serial);
	memset(d, 0, sizeof(*d));
}

static bool
copy(const char *from, char **to)
{
	*to = from ? strdup(from) : NULL;
	return !from || *to;
}

int
config_disk_copy(const struct config_disk *from, struct config_disk *to)
{
	bool good;

	*to = *from;
	good = copy(from->image.path, &to->image.path);
	for (unsigned n = 0; n < from->backings; n++)
		good &= copy(from->backing[n].path, &to->backing[n].path);
	good &= copy(from->id, &to->id);
	good &= copy(from->serial, &to->serial);
	if (good)
		return 0;
	config_disk_free(to);
	return fail(-ENOMEM, "config");
}

/* ---- in a configuration ---- */

static bool
taken(const struct config *c, const char *id)
{
	for (unsigned n = 0; n < c->disks; n++)
		if (strcmp(c->disk[n].id, id) == 0)
			return true;
	return false;
}

int
config_disk_id(const struct config *c, struct config_disk *d)
{
	char id[ID_MAX + 1];
	unsigned n = 0;

	if (d->id && taken(c, d->id))
		return failx(-EINVAL, "%s: id %s is there already",
			d->cdrom ? "cdrom" : "disk", d->id);
	if (d->id)
		return 0;
	do
		snprintf(id, sizeof(id), "%s%u", d->cdrom ? "cdrom" : "disk",
			n++);
	while (taken(c, id));
	return config_set_text(&d->id, id);
}

static int
check_room(const struct config *c, const struct config_disk *d)
{
	const char *key = d->cdrom ? "cdrom" : "disk";
	unsigned ide = d->bus == CONFIG_IDE;

	for (unsigned n = 0; n < c->disks; n++)
		ide += c->disk[n].bus == CONFIG_IDE;
	if (c->disks == CONFIG_DISKS)
		return failx(-ERANGE,
			"%s: at most %d, disks and CD-ROM drives together", key,
			CONFIG_DISKS);
	if (d->bus == CONFIG_IDE && ide > IDE_MAX)
		return failx(-ERANGE,
			"%s: IDE has room for %d, CD-ROM drives included", key,
			IDE_MAX);
	return 0;
}

int
config_set_disk(struct config *c, const char *value, bool cdrom)
{
	struct config_disk d;
	int e = config_disk_parse(value, cdrom, &d);

	if (e)
		return e;
	e = check_room(c, &d);
	if (!e)
		e = config_disk_id(c, &d);
	if (e)
		config_disk_free(&d);
	else
		c->disk[c->disks++] = d;
	return e;
}

void
config_unset_disks(struct config *c, bool cdrom)
{
	unsigned kept = 0;

	for (unsigned n = 0; n < c->disks; n++)
		if (c->disk[n].cdrom == cdrom)
			config_disk_free(&c->disk[n]);
		else
			c->disk[kept++] = c->disk[n];
	while (c->disks > kept)
		memset(&c->disk[--c->disks], 0, sizeof(*c->disk));
}
