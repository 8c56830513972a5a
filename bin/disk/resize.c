/* SPDX-License-Identifier: MIT */
/*
 * vm-disk resize: a larger disk, or a smaller one for those who mean it.
 */
#include <errno.h>
#include <string.h>

#include "bin/disk/disk.h"
#include "bin/tool.h"
#include "lib/err.h"
#include "lib/units.h"

/* "10G", "+5G", "-5G" */
static int
new_size(const char *text, uint64_t now, uint64_t *size)
{
	uint64_t n;
	bool sign = text[0] == '+' || text[0] == '-';
	int err = units_parse_size(text + sign, &n);

	if (err)
		return err;
	if (text[0] == '-' ? n > now : sign && now + n < now)
		return failx(-ERANGE, "'%s' from %llu bytes is no size", text,
			(unsigned long long)now);
	*size = text[0] == '-' ? now - n : sign ? now + n : n;
	return 0;
}

static int
resize(struct image *image, const struct img_conf *conf, const char *text)
{
	uint64_t size = 0;
	int err = new_size(text, image_size(image), &size);

	if (err)
		return err;
	if (size < image_size(image) && !conf->shrink)
		return failx(-EINVAL,
			"%s: smaller than it is (--shrink gives up what is "
			"behind the new end)",
			image_name(image));
	err = image_resize(image, size);
	return err ? err : image_flush(image);
}

int
img_resize(const struct img_conf *conf)
{
	const struct img_open o = {
		.path = conf->v[0], .format = conf->format, .write = true};
	const char *text = conf->minus ? conf->minus : conf->v[1];
	struct image *image;
	uint64_t n;
	int err;

	if (!text || (conf->minus && conf->n > 1)) {
		failx(-EINVAL, "resize: one size is needed");
		return tool_misused();
	}
	if (units_parse_size(text + (text[0] == '+' || text[0] == '-'), &n))
		return tool_misused();
	if (img_open_image(&image, &o))
		return tool_fail();
	err = resize(image, conf, text);
	if (err)
		tool_fail();
	if (image_close(image) && !err)
		return tool_fail();
	return err ? TOOL_FAILED : 0;
}
