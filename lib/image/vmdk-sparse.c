/* SPDX-License-Identifier: MIT */
/*
 * VMDK: hosted sparse extents ("Virtual Disk Format 1.1", "Hosted Sparse
 * Extents" and "Stream-Optimized Compressed Sparse Extents"). A directory
 * points to tables, these to grains; sectors all of them, little-endian. In a
 * stream the directory is named by a footer at its end, and grains are zlib
 * streams (RFC 1950) with a header. The second copy of the tables is not read.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/image/vmdk.h"

enum {
	MAGIC = 0x564d444b, /* "KDMV" */
	ZERO_GRAINS = 1 << 2, /* flags */
	COMPRESSED = 1 << 16,
	MARKERS = 1 << 17,
	DEFLATE = 1
};

#define AT_END UINT64_MAX /* of the directory: see the footer */

bool
vmdk_is_sparse(const uint8_t *head)
{
	return le32_at(head) == MAGIC;
}

void
vmdk_sparse_free(struct vmdk_sparse *s)
{
	if (!s)
		return;
	meta_free(&s->meta);
	free(s->packed);
	free(s->plain);
	free(s);
}

/* ---- the header ---- */

/* Sectors to bytes; false: not inside the file. */
static bool
inside(const struct vmdk_sparse *s, uint64_t sector, uint64_t len,
	uint64_t *off)
{
	*off = sector * VMDK_SECTOR;
	return sector <= s->file_size / VMDK_SECTOR && *off <= s->file_size &&
	       s->file_size - *off >= len;
}

static int
check_flags(struct vmdk_sparse *s, const uint8_t *h)
{
	uint32_t version = le32_at(h + 4), flags = le32_at(h + 8);

	if (version < 1 || version > 3)
		return image_broken(
			s->im, "VMDK version %u is unknown", version);
	if (flags & 1 && memcmp(h + 73, "\n \r\n", 4) != 0)
		return image_broken(s->im, "line ends were changed in it: it "
					   "was copied as text");
	s->zeros = flags & ZERO_GRAINS;
	s->compressed = flags & COMPRESSED;
	s->marked = flags & MARKERS;
	if (s->compressed && le16_at(h + 77) != DEFLATE)
		return image_broken(
			s->im, "compression %u is unknown", le16_at(h + 77));
	return 0;
}

static int
check_sizes(struct vmdk_sparse *s, const uint8_t *h)
{
	uint64_t capacity = le64_at(h + 12), grain = le64_at(h + 20), tables;

	if (!capacity || capacity > INT64_MAX / VMDK_SECTOR)
		return image_broken(s->im, "a disk of %llu sectors",
			(unsigned long long)capacity);
	if (!grain || grain > VMDK_GRAIN / VMDK_SECTOR || (grain & (grain - 1)))
		return image_broken(s->im, "grains of %llu sectors",
			(unsigned long long)grain);
	s->size = capacity * VMDK_SECTOR;
	s->grain = (uint32_t)grain * VMDK_SECTOR;
	s->entries = le32_at(h + 44);
	if (!s->entries || s->entries > VMDK_TABLE)
		return image_broken(s->im, "tables of %u grains", s->entries);
	tables = (capacity - 1) / (grain * s->entries) + 1;
	if (tables > VMDK_TABLES)
		return image_broken(s->im,
			"%llu tables are more than we know "
			"to handle",
			(unsigned long long)tables);
	if (!inside(s, le64_at(h + 56), tables * 4, &s->directory))
		return image_broken(
			s->im, "its directory lies outside the file");
	return 0;
}

static int
check_text(struct vmdk_sparse *s, const uint8_t *h)
{
	uint64_t sectors = le64_at(h + 36);

	if (!le64_at(h + 28) || !sectors)
		return 0;
	if (sectors > VMDK_TEXT / VMDK_SECTOR ||
		!inside(s, le64_at(h + 28), sectors * VMDK_SECTOR, &s->text))
		return image_broken(
			s->im, "its descriptor lies outside the file");
	s->text_size = sectors * VMDK_SECTOR;
	return 0;
}

/* The footer, a header again, is the last sector but one. */
static int
read_header(struct vmdk_sparse *s, uint8_t *h)
{
	int err = file_read(s->file, 0, h, VMDK_SECTOR);

	if (err)
		return err;
	if (!vmdk_is_sparse(h))
		return image_broken(
			s->im, "%s is not a sparse VMDK", s->file->name);
	err = check_flags(s, h);
	if (!err)
		err = check_text(s, h);
	if (err || le64_at(h + 56) != AT_END)
		return err;
	if (s->file_size < 4 * VMDK_SECTOR)
		return image_broken(s->im, "its end is missing");
	err = file_read(s->file,
		s->file_size / VMDK_SECTOR * VMDK_SECTOR - 2 * VMDK_SECTOR, h,
		VMDK_SECTOR);
	if (err)
		return err;
	if (!vmdk_is_sparse(h) || le64_at(h + 56) == AT_END)
		return image_broken(s->im, "its end is missing");
	return check_flags(s, h);
}

int
vmdk_sparse_open(
	struct image *im, struct image_file *file, struct vmdk_sparse **out)
{
	struct vmdk_sparse *s = calloc(1, sizeof(*s));
	uint8_t h[VMDK_SECTOR];
	int err;

	if (!s)
		return fail(-ENOMEM, "%s", im->name);
	s->im = im;
	s->file = s->meta.file = file;
	err = file_size(file, &s->file_size);
	if (!err)
		err = read_header(s, h);
	if (!err)
		err = check_sizes(s, h);
	if (err) {
		vmdk_sparse_free(s);
		return err;
	}
	*out = s;
	return 0;
}

/* ---- finding a grain ---- */

/* *at: where the table is; 0 it is not there. */
int
vmdk_find_table(struct vmdk_sparse *s, uint64_t n, uint64_t *at)
{
	uint8_t b[4];
	int err = meta_read(&s->meta, s->directory + n * 4, b, 4);

	*at = 0;
	if (err || !le32_at(b))
		return err;
	if (!inside(s, le32_at(b), s->entries * 4ul, at)) {
		*at = UINT64_MAX;
		return image_broken(s->im, "table %llu lies outside the file",
			(unsigned long long)n);
	}
	return 0;
}

/* What a table has for a grain. *at: its offset in the file; 0 it is absent, 1
 * it is zeros. */
int
vmdk_use_entry(
	struct vmdk_sparse *s, uint64_t grain, uint32_t entry, uint64_t *at)
{
	uint64_t least = s->compressed ? 1 : s->grain;

	*at = entry;
	if (!entry || (s->zeros && entry == 1))
		return 0;
	/* The last grain of the disk may be cut off. */
	if (!s->compressed && s->size - grain * s->grain < s->grain)
		least = s->size - grain * s->grain;
	if (inside(s, entry, least, at))
		return 0;
	return image_broken(s->im, "grain %llu lies outside the file",
		(unsigned long long)grain);
}

int
vmdk_find_grain(struct vmdk_sparse *s, uint64_t grain, uint64_t *at)
{
	uint64_t table;
	uint8_t b[4];
	int err = vmdk_find_table(s, grain / s->entries, &table);

	*at = 0;
	if (err || !table)
		return err;
	err = meta_read(&s->meta, table + grain % s->entries * 4, b, 4);
	return err ? err : vmdk_use_entry(s, grain, le32_at(b), at);
}

/* What begins at a grain, and how far it goes on in the grain's table. */
struct run {
	uint64_t at; /* as vmdk_find_grain() has it */
	uint64_t grains;
};

/* A whole table is read at once: grain by grain it would, in the cache, be in
 * the directory's way. */
static int
find_run(struct vmdk_sparse *s, uint64_t grain, struct run *r)
{
	uint32_t first = (uint32_t)(grain % s->entries), n = s->entries - first;
	uint8_t b[VMDK_TABLE * 4];
	uint64_t table, next;
	int err = vmdk_find_table(s, grain / s->entries, &table);

	*r = (struct run){0, n};
	if (err || !table)
		return err;
	err = meta_read(&s->meta, table + first * 4ul, b, n * 4ul);
	if (!err)
		err = vmdk_use_entry(s, grain, le32_at(b), &r->at);
	for (r->grains = 1; !err && r->grains < n; r->grains++) {
		if (vmdk_use_entry(s, grain + r->grains,
			    le32_at(b + r->grains * 4), &next))
			break; /* the next call tells */
		if (next != (r->at > 1 ? r->at + r->grains * s->grain : r->at))
			break;
	}
	return err;
}

int
vmdk_sparse_map(struct vmdk_sparse *s, uint64_t off, uint64_t len,
	struct image_extent *e)
{
	uint64_t grain = off / s->grain, in = off % s->grain;
	struct run r, next;
	int err = find_run(s, grain, &r);

	if (err)
		return err;
	e->where = r.at == 0   ? IMAGE_ABSENT
		   : r.at == 1 ? IMAGE_ZERO
			       : IMAGE_DATA;
	e->compressed = r.at > 1 && s->compressed;
	e->has_file_off = r.at > 1 && !s->compressed;
	e->file_off = e->has_file_off ? r.at + in : 0;
	if (e->compressed)
		r.grains = 1; /* the next is another stream */
	/* The same may go on in the tables that follow. */
	for (unsigned k = 0; k < 1024 && r.at <= 1; k++) {
		if (r.grains * s->grain - in >= len ||
			(grain + r.grains) % s->entries != 0 ||
			find_run(s, grain + r.grains, &next) || next.at != r.at)
			break;
		r.grains += next.grains;
	}
	e->len = r.grains * s->grain - in;
	if (e->len > len)
		e->len = len;
	return 0;
}
