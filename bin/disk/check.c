/* SPDX-License-Identifier: MIT */
/*
 * vm-disk check: is the image whole? What is wrong goes to stderr, a line each,
 * up to a number that a person reads; the rest is counted.
 */
#include <inttypes.h>
#include <stdio.h>

#include "bin/disk/disk.h"
#include "bin/tool.h"
#include "lib/json.h"

enum { TOLD = 20 };

struct findings {
	bool quiet;
	uint64_t n;
};

static void
tell(void *to, const char *sentence)
{
	struct findings *f = to;

	if (f->n++ < TOLD && !f->quiet)
		tool_say("%s", sentence);
}

static void
print_json(const struct image *image, const struct image_check *c)
{
	struct json j;

	json_open(&j, stdout);
	json_put_object(&j, NULL);
	json_put_int(&j, "schema", 1);
	json_put_string(&j, "file", image_name(image));
	json_put_string(&j, "format", image_format_name(image_type(image)));
	json_put_uint(&j, "errors", c->errors);
	json_put_uint(&j, "leaks", c->leaks);
	json_put_uint(&j, "fixed", c->fixed);
	json_put_uint(&j, "clusters", c->clusters);
	json_put_uint(&j, "allocated", c->allocated);
	json_put_uint(&j, "fragmented", c->fragmented);
	json_put_uint(&j, "compressed", c->compressed);
	json_put_uint(&j, "file-end", c->file_end);
	json_put_end(&j);
	json_close(&j);
}

/* After a repair a second look tells what is left. */
static int
look(struct image *image, bool repair, struct findings *f,
	struct image_check *c)
{
	struct image_check again = {0};
	int err = image_check(image, repair, c, tell, f);

	if (err || !repair || !c->fixed)
		return err;
	f->quiet = true;
	err = image_flush(image);
	if (!err)
		err = image_check(image, false, &again, tell, f);
	again.fixed = c->fixed;
	*c = again;
	return err;
}

int
img_check(const struct img_conf *conf)
{
	struct img_open o = {.path = conf->v[0],
		.format = conf->format,
		.write = conf->repair,
		.check = true};
	enum image_format format;
	struct findings f = {.quiet = conf->quiet};
	struct image_check c = {0};
	struct image *image;

	if (img_format(conf->format, conf->v[0], &format))
		return tool_misused();
	o.alone = format != IMAGE_VMDK; /* whose extents are looked at */
	if (img_open_image(&image, &o))
		return tool_fail();
	if (look(image, conf->repair, &f, &c)) {
		tool_fail();
		image_close(image);
		return TOOL_FAILED;
	}
	if (f.n > TOLD && !conf->quiet)
		tool_say("%s: %" PRIu64 " more findings of that kind",
			image_name(image), f.n - TOLD);
	if (!conf->quiet && (c.errors || c.leaks || c.fixed))
		tool_say("%s: %" PRIu64 " errors, %" PRIu64
			 " leaked clusters, %" PRIu64 " repaired",
			image_name(image), c.errors, c.leaks, c.fixed);
	if (conf->json)
		print_json(image, &c);
	if (image_close(image))
		return tool_fail();
	return c.errors ? IMG_ERRORS : c.leaks ? IMG_LEAKS : 0;
}
