/* SPDX-License-Identifier: MIT */
/*
 * What a file seems to be. For vm-disk info alone: whoever can write to a raw
 * disk can make it look like anything.
 */
#include <errno.h>
#include <string.h>

#include "lib/image/image-int.h"

enum { HEAD = 512, VDI_MAGIC = 0x40 };

static const struct magic {
	enum image_format format;
	unsigned off, len;
	const char *bytes;
} magics[] = {
	{IMAGE_QCOW2, 0, 4, "QFI\xfb"},
	{IMAGE_VDI, VDI_MAGIC, 4, "\x7f\x10\xda\xbe"},
	{IMAGE_VMDK, 0, 4, "KDMV"},
	{IMAGE_VMDK, 0, 21, "# Disk DescriptorFile"},
	{IMAGE_VHD, 0, 8, "conectix"},
};

/* A fixed VHD has its header at the end. */
static int
is_footer(struct image_file *f, bool *yes)
{
	char magic[8];
	uint64_t size;
	int err = file_size(f, &size);

	*yes = false;
	if (err || size < HEAD)
		return err;
	err = file_read(f, size - HEAD, magic, sizeof(magic));
	*yes = !err && memcmp(magic, "conectix", sizeof(magic)) == 0;
	return err;
}

int
image_probe(int fd, const char *name, enum image_format *format)
{
	struct image_file f;
	char head[HEAD];
	bool footer;
	int err = file_init(&f, fd, name, NULL);

	if (!err)
		err = file_read(&f, 0, head, sizeof(head));
	if (!err)
		err = is_footer(&f, &footer);
	if (err)
		return err;
	*format = footer ? IMAGE_VHD : IMAGE_RAW;
	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++) {
		const struct magic *m = &magics[i];

		if (memcmp(head + m->off, m->bytes, m->len) == 0)
			*format = m->format;
	}
	return 0;
}
