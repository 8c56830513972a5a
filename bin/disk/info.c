/* SPDX-License-Identifier: MIT */
/*
 * vm-disk info: what an image is. The one place that finds out the format by
 * looking inside.
 */
// LDLIBS: -ljansson
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bin/disk/disk.h"
#include "bin/tool.h"
#include "lib/err.h"
#include "lib/json.h"
#include "lib/units.h"

/* One image of the chain. */
static void
describe(struct json *j, struct image *image, bool busy)
{
	struct stat st;

	json_put_object(j, NULL);
	json_put_string(j, "file", image_name(image));
	image_describe(image, j);
	if (image_backing_name(image)) {
		json_put_string(j, "backing-file", image_backing_name(image));
		json_put_string(
			j, "backing-format", image_backing_format(image));
	}
	if (stat(image_name(image), &st) == 0 && S_ISREG(st.st_mode)) {
		json_put_uint(j, "file-size", (uint64_t)st.st_size);
		json_put_uint(j, "disk-use", (uint64_t)st.st_blocks * 512);
	}
	if (busy)
		json_put_bool(j, "in-use", true);
	json_put_end(j);
}

static void
print_json(struct image *image, bool chain, bool busy, FILE *f)
{
	struct json j;

	json_open(&j, f);
	json_put_object(&j, NULL);
	json_put_int(&j, "schema", 1);
	json_put_array(&j, "images");
	for (; image; image = chain ? image_backing(image) : NULL, busy = false)
		describe(&j, image, busy);
	json_put_end(&j);
	json_put_end(&j);
	json_close(&j);
}

/* ---- for people: the same, a member a line ---- */

static bool
is_size(const char *key)
{
	static const char *const keys[] = {"virtual-size", "cluster-size",
		"block-size", "grain-size", "file-size", "disk-use", "vm-size"};

	for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++)
		if (strcmp(key, keys[k]) == 0)
			return true;
	return false;
}

/* It may come from the image, and go to a terminal. */
static void
print_string(const char *s)
{
	for (; *s; s++)
		putchar((unsigned char)*s < ' ' || *s == 0x7f ? '?' : *s);
}

static void
print_value(const char *key, const json_t *v)
{
	char buf[UNITS_MAX];

	if (json_is_string(v))
		print_string(json_string_value(v));
	else if (json_is_boolean(v))
		printf("%s", json_is_true(v) ? "yes" : "no");
	else if (json_is_real(v))
		printf("%.3f", json_real_value(v));
	else if (!json_is_integer(v))
		printf("-");
	else if (is_size(key) && json_integer_value(v) >= 1024)
		printf("%s (%" JSON_INTEGER_FORMAT " bytes)",
			units_print_short(buf, (uint64_t)json_integer_value(v)),
			json_integer_value(v));
	else
		printf("%" JSON_INTEGER_FORMAT, json_integer_value(v));
}

/* "id 1, name before, ..." */
static void
print_object(json_t *o)
{
	const char *lead = "";

	for (void *it = json_object_iter(o); it;
		it = json_object_iter_next(o, it)) {
		const char *key = json_object_iter_key(it);

		printf("%s%s ", lead, key);
		print_value(key, json_object_iter_value(it));
		lead = ", ";
	}
}

static void
print_member(const char *key, json_t *v)
{
	if (json_is_array(v)) {
		if (!json_array_size(v))
			return;
		printf("%s:\n", key);
		for (size_t k = 0; k < json_array_size(v); k++) {
			json_t *e = json_array_get(v, k);

			printf("  ");
			if (json_is_object(e))
				print_object(e);
			else
				print_value(key, e);
			putchar('\n');
		}
		return;
	}
	printf("%s: ", key);
	if (json_is_object(v))
		print_object(v);
	else
		print_value(key, v);
	putchar('\n');
}

static int
print_text(const char *text, size_t n)
{
	json_t *top = json_loadb(text, n, JSON_ALLOW_NUL, NULL), *images;

	if (!top)
		return failx(-EIO, "info: cannot read what it wrote");
	images = json_object_get(top, "images");
	for (size_t k = 0; k < json_array_size(images); k++) {
		json_t *o = json_array_get(images, k);

		if (k)
			putchar('\n');
		for (void *it = json_object_iter(o); it;
			it = json_object_iter_next(o, it))
			print_member(json_object_iter_key(it),
				json_object_iter_value(it));
	}
	json_decref(top);
	return 0;
}

static int
print_people(struct image *image, bool chain, bool busy)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	int err;

	if (!f)
		return fail(-ENOMEM, "info");
	print_json(image, chain, busy, f);
	err = fclose(f) ? fail(-ENOMEM, "info") : print_text(text, n);
	free(text);
	return err;
}

int
img_info(const struct img_conf *conf)
{
	struct img_open o = {.path = conf->v[0],
		.format = conf->format,
		.alone = !conf->chain,
		.probe = true};
	struct image *image;
	int err = img_open_image(&image, &o);
	bool busy = err == -EBUSY;

	if (busy) { /* a machine has it: what can be seen is seen */
		o.unlocked = true;
		err = img_open_image(&image, &o);
	}
	if (err)
		return tool_fail();
	if (conf->json)
		print_json(image, conf->chain, busy, stdout);
	else
		err = print_people(image, conf->chain, busy);
	image_close(image);
	return err ? tool_fail() : 0;
}
