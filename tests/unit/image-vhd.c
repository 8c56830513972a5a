/* SPDX-License-Identifier: MIT */
/*
 * VHD images: what qemu-img does not make. Sectors of a block that were never
 * written, and a footer that is gone.
 */
#include <errno.h>
#include <sys/mman.h>

#include "lib/err.h"
#include "lib/image/image-int.h"
#include "tests/tap.h"

enum {
	SECTOR = 512,
	BLOCK = 4096,
	SIZE = 3 * BLOCK,
	TABLE = 1536,
	DATA = 2048, /* a bitmap, then a block */
	END = DATA + SECTOR + BLOCK /* the footer */
};

static void
put_sum(uint8_t *p, size_t n, size_t at)
{
	uint32_t sum = 0;

	put_be32(p + at, 0);
	for (size_t k = 0; k < n; k++)
		sum += p[k];
	put_be32(p + at, ~sum);
}

static void
put_footer(uint8_t *p, uint32_t type)
{
	memcpy(p, "conectix", 8);
	put_be32(p + 12, 0x10000);
	put_be64(p + 16, SECTOR);
	memcpy(p + 28, "te\033t", 4);
	put_be64(p + 48, SIZE);
	put_be32(p + 60, type);
	put_sum(p, SECTOR, 64);
}

/* The second block is there, of its sectors those that bits says. */
static int
make(uint8_t bits, bool footer)
{
	static uint8_t file[END + SECTOR];
	int fd = memfd_create("vhd", MFD_CLOEXEC);

	memset(file, 0, sizeof(file));
	put_footer(file, 3);
	memcpy(file + SECTOR, "cxsparse", 8);
	put_be64(file + SECTOR + 16, TABLE);
	put_be32(file + SECTOR + 24, 0x10000);
	put_be32(file + SECTOR + 28, 3);
	put_be32(file + SECTOR + 32, BLOCK);
	put_sum(file + SECTOR, 1024, 36);
	memset(file + TABLE, 0xff, SECTOR);
	put_be32(file + TABLE + 4, DATA / SECTOR);
	file[DATA] = bits;
	for (unsigned k = 0; k < 8; k++)
		memset(file + DATA + SECTOR + k * SECTOR, (int)k + 1, SECTOR);
	if (footer)
		put_footer(file + END, 3);
	if (write(fd, file, sizeof(file)) != sizeof(file))
		exit(1);
	return fd;
}

static struct image *
open_it(int fd)
{
	const struct image_options o = {.write = false};
	struct image *im = NULL;

	if (image_open(&im, fd, "test.vhd", IMAGE_VHD, &o))
		fprintf(stderr, "# %s\n", fail_text());
	return im;
}

static void
test_bitmap(void)
{
	struct image *im = open_it(make(0xb1, true)); /* 1011 0001 */
	static const uint8_t want[] = {1, 0, 3, 4, 0, 0, 0, 8};
	uint8_t b[SIZE];
	struct image_extent e;
	unsigned bad = 0;

	ok(im != NULL && image_size(im) == SIZE, "a dynamic disk opens");
	ok(image_read(im, 0, b, SIZE) == 0, "... and can be read");
	for (unsigned k = 0; k < SIZE; k++)
		bad += b[k] != (k / BLOCK == 1 ? want[k / SECTOR % 8] : 0);
	ok(!bad, "sectors that were never written are zeros");
	ok(image_map(im, BLOCK + 2 * SECTOR + 7, &e) == 0 &&
			e.where == IMAGE_DATA && e.len == 2 * SECTOR - 7 &&
			e.has_file_off &&
			e.file_off == DATA + SECTOR + 2 * SECTOR + 7,
		"... and the map tells them apart");
	ok(image_map(im, 0, &e) == 0 && e.where == IMAGE_ABSENT &&
			e.len == BLOCK,
		"a block that is not there is absent");
	image_close(im);
}

static void
test_footer(void)
{
	struct image *im = open_it(make(0xff, false));
	struct image_check c;
	uint8_t b[1];

	ok(im && image_read(im, BLOCK + 5 * SECTOR, b, 1) == 0 && b[0] == 6,
		"without its footer the copy at the start serves");
	ok(image_check(im, false, &c, NULL, NULL) == 0 && c.errors == 1,
		"... which check finds");
	image_close(im);
}

static void
test_read_only(void)
{
	const struct image_options o = {.write = true};
	struct image *im;
	int fd = make(0xff, true);

	ok(image_open(&im, fd, "test.vhd", IMAGE_VHD, &o) == -EROFS,
		"one is not opened for writing");
	close(fd);
}

int
main(void)
{
	deadline(60);
	test_bitmap();
	test_footer();
	test_read_only();
	return done();
}
