/* SPDX-License-Identifier: MIT */
/*
 * vm-disk map: what lies where, an extent a line.
 */
#include <inttypes.h>
#include <stdio.h>

#include "bin/disk/disk.h"
#include "bin/tool.h"
#include "lib/json.h"

static const char *
where_name(const struct image_extent *e)
{
	if (e->where == IMAGE_ABSENT)
		return "absent";
	if (e->where == IMAGE_ZERO)
		return "zero";
	return e->compressed ? "compressed" : "data";
}

static const char *
file_name(struct image *image, const struct image_extent *e)
{
	for (unsigned k = 0; image && k < e->depth; k++)
		image = image_backing(image);
	return image && e->where != IMAGE_ABSENT ? image_name(image) : "-";
}

static void
print_line(struct image *image, const struct image_extent *e)
{
	char at[32] = "-";

	if (e->has_file_off)
		snprintf(at, sizeof(at), "%" PRIu64, e->file_off);
	printf("%-14" PRIu64 " %-14" PRIu64 " %-10s %-14s %s\n", e->off, e->len,
		where_name(e), at, file_name(image, e));
}

static void
print_json(struct json *j, const struct image_extent *e)
{
	json_put_object(j, NULL);
	json_put_uint(j, "offset", e->off);
	json_put_uint(j, "length", e->len);
	json_put_string(j, "where", where_name(e));
	json_put_uint(j, "depth", e->depth);
	if (e->has_file_off)
		json_put_uint(j, "file-offset", e->file_off);
	json_put_end(j);
}

/* Does b go on where a ends? */
static bool
joins(const struct image_extent *a, const struct image_extent *b)
{
	return a->where == b->where && a->depth == b->depth &&
	       a->compressed == b->compressed && !a->compressed &&
	       a->has_file_off == b->has_file_off &&
	       (!a->has_file_off || a->file_off + a->len == b->file_off);
}

static int
each_extent(struct image *image, struct json *j)
{
	struct image_extent e, last = {0};
	uint64_t size = image_size(image), off = 0;

	while (off < size) {
		int err = img_extent(image, off, size - off, &e);

		if (err)
			return err;
		off += e.len;
		if (last.len && joins(&last, &e)) {
			last.len += e.len;
			continue;
		}
		if (last.len && j)
			print_json(j, &last);
		else if (last.len)
			print_line(image, &last);
		last = e;
	}
	if (last.len && j)
		print_json(j, &last);
	else if (last.len)
		print_line(image, &last);
	return 0;
}

int
img_map(const struct img_conf *conf)
{
	const struct img_open o = {.path = conf->v[0], .format = conf->format};
	struct image *image;
	struct json j;
	int err;

	if (img_open_image(&image, &o))
		return tool_fail();
	if (conf->json) {
		json_open(&j, stdout);
		json_put_object(&j, NULL);
		json_put_int(&j, "schema", 1);
		json_put_array(&j, "extents");
	} else {
		printf("%-14s %-14s %-10s %-14s %s\n", "OFFSET", "LENGTH",
			"WHERE", "FILE-OFFSET", "FILE");
	}
	err = each_extent(image, conf->json ? &j : NULL);
	if (err)
		tool_fail();
	if (conf->json && !err) {
		json_put_end(&j);
		json_put_end(&j);
		json_close(&j);
	}
	image_close(image);
	return err ? TOOL_FAILED : 0;
}
