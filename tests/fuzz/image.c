/* SPDX-License-Identifier: MIT */
/*
 * Disk images that somebody else made: opened as the format that the first byte
 * names, looked at, read, checked, and written if they let themselves be.
 */
#include "lib/image/image.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/json.h"

enum { PIECE = 65536, PIECES = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
look(struct image *image)
{
	uint64_t size = image_size(image), off = 0;
	struct image_extent e;
	struct image_check check;
	struct json json;
	FILE *f = fopen("/dev/null", "w");

	for (unsigned i = 0; i < PIECES && off < size; i++, off += e.len)
		if (image_map(image, off, &e) || !e.len)
			break;
	image_check(image, false, &check, NULL, NULL);
	if (!f)
		return;
	json_open(&json, f);
	json_put_object(&json, NULL);
	image_describe(image, &json);
	json_put_end(&json);
	json_close(&json);
	fclose(f);
}

static void
use(struct image *image)
{
	static unsigned char buf[PIECE];
	uint64_t size = image_size(image), off = 0;

	for (unsigned i = 0; i < PIECES && off < size; i++) {
		size_t n = size - off < PIECE ? (size_t)(size - off) : PIECE;

		image_read(image, off, buf, n);
		if (image_writable(image) && i % 4 == 0)
			image_write(image, off + n / 3, buf, n / 2);
		if (image_writable(image) && i % 4 == 1)
			image_zero(image, off + n / 3, n / 2, i % 8 == 1);
		if (image_writable(image) && i % 4 == 2)
			image_discard(image, off, n);
		/* The beginning, then here and there up to the end. */
		off += i < PIECES / 2 ? n : size / PIECES;
	}
	image_flush(image);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	if (!n)
		return 0;
	for (unsigned write = 0; write < 2; write++) {
		const struct image_options o = {
			.write = write, .alone = true, .check = p[0] & 0x80};
		struct image *image;
		int fd = memfd_create("fuzz", MFD_CLOEXEC);

		if (fd < 0 || pwrite(fd, p + 1, n - 1, 0) != (ssize_t)(n - 1))
			exit(1);
		if (image_open(&image, fd, "fuzz",
			    (enum image_format)(p[0] % IMAGE_FORMATS), &o)) {
			close(fd);
			continue;
		}
		look(image);
		use(image);
		image_close(image);
	}
	return 0;
}
