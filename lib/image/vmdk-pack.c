/* SPDX-License-Identifier: MIT */
/*
 * VMDK: grains that are zlib streams (RFC 1950), behind a header of their own
 * in what is made for streaming; and a look at all tables, which unpacks them
 * all.
 */
// LDLIBS: -lz
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "lib/err.h"
#include "lib/image/vmdk.h"

enum { MARKER = 12 }; /* bytes of a grain's header: sector, size */

/* Packed data is hardly longer than the grain. */
static size_t
packed_max(const struct vmdk_sparse *s)
{
	return MARKER + compressBound(s->grain);
}

static int
get_buffers(struct vmdk_sparse *s)
{
	if (!s->packed)
		s->packed = malloc(packed_max(s));
	if (!s->plain)
		s->plain = malloc(s->grain);
	return s->packed && s->plain ? 0 : fail(-ENOMEM, "%s", s->im->name);
}

/* What is at the grain's place: *n packed bytes, from *p on. */
static int
read_packed(struct vmdk_sparse *s, uint64_t grain, uint64_t at,
	const uint8_t **p, size_t *n)
{
	size_t all = packed_max(s), size;
	int err;

	if (s->file_size - at < all)
		all = (size_t)(s->file_size - at);
	err = file_read(s->file, at, s->packed, all);
	*p = s->packed;
	*n = all;
	if (err || !s->marked)
		return err;
	size = all < MARKER ? 0 : le32_at(s->packed + 8);
	if (!size || size > all - MARKER ||
		le64_at(s->packed) != grain * (s->grain / VMDK_SECTOR))
		return image_broken(s->im, "the header of grain %llu is wrong",
			(unsigned long long)grain);
	*p += MARKER;
	*n = size;
	return 0;
}

static int
unpack_grain(struct vmdk_sparse *s, uint64_t grain, uint64_t at)
{
	uint64_t want = s->size - grain * s->grain;
	z_stream z = {0};
	const uint8_t *p;
	size_t n;
	int err = get_buffers(s), r;

	if (!err)
		err = read_packed(s, grain, at, &p, &n);
	if (err)
		return err;
	if (want > s->grain)
		want = s->grain;
	if (inflateInit(&z) != Z_OK)
		return fail(-ENOMEM, "%s", s->im->name);
	s->plain_at = 0;
	z.next_in = (z_const Bytef *)p;
	z.avail_in = (uInt)n;
	z.next_out = s->plain;
	z.avail_out = s->grain;
	r = inflate(&z, Z_FINISH);
	n = s->grain - z.avail_out;
	inflateEnd(&z);
	if (r != Z_STREAM_END || n < want)
		return image_broken(s->im, "grain %llu cannot be unpacked",
			(unsigned long long)grain);
	s->plain_at = at;
	return 0;
}

int
vmdk_sparse_unpack(
	struct vmdk_sparse *s, uint64_t off, struct iov_at *to, size_t len)
{
	while (len) {
		uint64_t grain = off / s->grain, in = off % s->grain, at;
		size_t n = s->grain - in < len ? (size_t)(s->grain - in) : len;
		int err = vmdk_find_grain(s, grain, &at);

		if (!err && at > 1 && at != s->plain_at)
			err = unpack_grain(s, grain, at);
		if (err)
			return err;
		if (at > 1)
			iov_put(to, s->plain + in, n);
		else
			iov_zero(to, n);
		off += n;
		len -= n;
	}
	return 0;
}

/* ---- check ---- */

static int
by_offset(const void *a, const void *b)
{
	uint32_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return x < y ? -1 : x > y;
}

/* A table that the directory has twice would be looked at for ever. */
static int
check_directory(struct vmdk_sparse *s, uint64_t tables, struct image_check *c,
	const struct image_tell *tell)
{
	uint32_t *at = malloc(tables * sizeof(*at));
	int err = at ? 0 : fail(-ENOMEM, "%s", s->im->name);

	if (!err)
		err = meta_read(
			&s->meta, s->directory, at, tables * sizeof(*at));
	if (!err)
		qsort(at, tables, sizeof(*at), by_offset);
	for (uint64_t k = 1; k < tables && !err; k++)
		if (at[k] && at[k] == at[k - 1]) {
			c->errors++;
			image_say(tell,
				"%s: two parts of the disk share a "
				"table",
				s->im->name);
			break;
		}
	free(at);
	return err;
}

static void
check_grain(struct vmdk_sparse *s, uint64_t grain, uint32_t entry,
	uint64_t *next, struct image_check *c, const struct image_tell *tell)
{
	uint64_t at;
	int err = vmdk_use_entry(s, grain, entry, &at);

	if (!err && at > 1 && s->compressed && s->plain_at != at)
		err = unpack_grain(s, grain, at);
	if (err) {
		c->errors++;
		image_say(tell, "%s", fail_text());
		return;
	}
	c->allocated++;
	c->compressed += s->compressed && at > 1;
	if (at <= 1)
		return;
	c->fragmented += !s->compressed && *next && *next != at;
	*next = at + s->grain;
	if (*next > c->file_end)
		c->file_end = *next < s->file_size ? *next : s->file_size;
}

static int
check_table(struct vmdk_sparse *s, uint64_t n, uint64_t *next,
	struct image_check *c, const struct image_tell *tell)
{
	uint64_t grains = (s->size - 1) / s->grain + 1, table;
	uint8_t b[VMDK_TABLE * 4];
	int err = vmdk_find_table(s, n, &table);

	if (!err && !table)
		return 0;
	if (err && table) {
		c->errors++;
		image_say(tell, "%s", fail_text());
		return 0;
	}
	if (!err)
		err = meta_read(&s->meta, table, b, s->entries * 4ul);
	if (err)
		return err;
	for (uint32_t k = 0; k < s->entries; k++)
		if (le32_at(b + k * 4ul) && n * s->entries + k < grains)
			check_grain(s, n * s->entries + k, le32_at(b + k * 4ul),
				next, c, tell);
	return 0;
}

int
vmdk_sparse_check(struct vmdk_sparse *s, struct image_check *c,
	const struct image_tell *tell)
{
	uint64_t grains = (s->size - 1) / s->grain + 1, next = 0;
	uint64_t tables = (grains - 1) / s->entries + 1;
	int err = check_directory(s, tables, c, tell);

	c->clusters += grains;
	for (uint64_t k = 0; k < tables && !err && !c->errors; k++)
		err = check_table(s, k, &next, c, tell);
	return err;
}
