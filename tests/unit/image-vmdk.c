/* SPDX-License-Identifier: MIT */
/*
 * VMDK images: disks in several files, who is asked for those, grains that are
 * zeros, and one that the end of the disk cuts.
 */
#include <errno.h>
#include <sys/mman.h>

#include "lib/err.h"
#include "lib/image/image-int.h"
#include "tests/tap.h"

enum { SECTOR = 512, GRAIN = 8 * SECTOR };

static int
memory(const void *p, size_t n)
{
	int fd = memfd_create("vmdk", MFD_CLOEXEC);

	if (write(fd, p, n) != (ssize_t)n)
		exit(1);
	return fd;
}

/* ---- a descriptor, and files ---- */

struct asked {
	unsigned n;
	char name[8][32];
};

/* "a" is a file of a's, and so on; there is no "z". */
static int
open_part(void *to, const char *name, const char *format_name, unsigned depth,
	int *fd, enum image_format *format, char **path)
{
	struct asked *a = to;
	uint8_t data[4 * SECTOR];

	ok(depth == 1 && strcmp(format_name, "raw") == 0,
		"'%s' is asked for, as raw", name);
	snprintf(a->name[a->n++ % 8], 32, "%s", name);
	if (name[0] == 'z')
		return failx(-ENOENT, "z: no such file");
	memset(data, name[0], sizeof(data));
	*fd = memory(data, sizeof(data));
	*format = IMAGE_RAW;
	*path = strdup(name);
	return 0;
}

static int
open_text(struct image **im, const char *lines, struct asked *a)
{
	const struct image_backing backing = {open_part, a};
	const struct image_options o = {.backing = a ? &backing : NULL};
	char text[1024];
	int n = snprintf(text, sizeof(text),
		"# Disk DescriptorFile\nversion=1\nparentCID=ffffffff\n"
		"createType=\"custom\"\n%s\n#DDB\nddb.x = \"RW 9 ZERO\"\n",
		lines);
	int fd = memory(text, (size_t)n);
	int err = image_open(im, fd, "test.vmdk", IMAGE_VMDK, &o);

	if (err)
		close(fd);
	return err;
}

static void
test_files(void)
{
	struct asked a = {0};
	struct image *im = NULL;
	uint8_t b[7 * SECTOR];
	const char want[] = "bb\0ccca";
	unsigned bad = 0;
	struct image_extent e;

	ok(open_text(&im,
		   "RW 2 FLAT \"b\" 1\r\nRW 1 ZERO\n"
		   "RDONLY 3 FLAT \"c\"\nRW 1 VMFS \"a\" 3",
		   &a) == 0,
		"a disk in three files opens");
	is_u64(image_size(im), sizeof(b), "... as large as all of them");
	ok(image_read(im, 0, b, sizeof(b)) == 0, "... and can be read");
	for (unsigned k = 0; k < sizeof(b); k++)
		bad += b[k] != want[k / SECTOR];
	ok(!bad, "... each part from its file");
	ok(image_map(im, 2 * SECTOR, &e) == 0 && e.where == IMAGE_ZERO &&
			e.len == SECTOR,
		"... and zeros from none");
	ok(image_map(im, 0, &e) == 0 && e.where == IMAGE_DATA &&
			!e.has_file_off,
		"what is in another file has no offset in this one");
	image_close(im);
}

static void
test_refusals(void)
{
	struct asked a = {0};
	struct image *im;

	ok(open_text(&im, "RW 1 FLAT \"z\" 0", &a) == -ENOENT,
		"a file that cannot be had refuses the disk");
	ok(open_text(&im, "RW 4 FLAT \"a\" 1", &a) == -EIO,
		"... and so does one that is too short");
	ok(open_text(&im, "RW 1 FLAT \"a\" 0", NULL) == -EACCES,
		"... and nobody there to ask");
	a.n = 0;
	ok(open_text(&im, "RW 1 FLAT \"/a\" 0", &a) == -EACCES && !a.n,
		"nobody is asked for a file elsewhere");
	ok(open_text(&im, "RW 1 ZERO\nparentCID=1", &a) == -ENOTSUP,
		"a disk that stands on another is refused");
}

/* ---- a sparse extent ---- */

static struct image *
open_sparse(uint64_t sectors, uint32_t flags, const uint32_t *grains, size_t n,
	size_t size)
{
	static uint8_t file[16 * GRAIN];
	const struct image_options o = {.write = false};
	struct image *im = NULL;
	int fd;

	memset(file, 0, sizeof(file));
	memcpy(file, "KDMV", 4);
	put_le32(file + 4, 2);
	put_le32(file + 8, flags);
	put_le64(file + 12, sectors);
	put_le64(file + 20, GRAIN / SECTOR);
	put_le32(file + 44, 512);
	put_le64(file + 56, 1);
	put_le32(file + SECTOR, 2); /* the table is the third sector */
	for (size_t k = 0; k < n; k++)
		put_le32(file + 2 * SECTOR + 4 * k, grains[k]);
	for (size_t k = 8; k < sizeof(file) / SECTOR; k++)
		memset(file + k * SECTOR, (int)k, SECTOR);
	fd = memory(file, size);
	if (image_open(&im, fd, "test.vmdk", IMAGE_VMDK, &o))
		fprintf(stderr, "# %s\n", fail_text());
	return im;
}

static void
test_sparse(void)
{
	const uint32_t grains[] = {16, 1, 0, 24, 32};
	struct image *im = open_sparse(35, 4, grains, 5, 35 * SECTOR);
	struct image_check c;
	struct image_extent e;
	uint8_t b[35 * SECTOR];

	ok(im && image_size(im) == 35 * SECTOR, "a sparse disk opens");
	ok(image_read(im, 0, b, sizeof(b)) == 0 && b[0] == 16 &&
			b[7 * SECTOR] == 23 && !b[8 * SECTOR] &&
			!b[16 * SECTOR] && b[24 * SECTOR] == 24 &&
			b[34 * SECTOR] == 34,
		"... its last grain cut off by the end of disk and file");
	ok(image_map(im, 8 * SECTOR, &e) == 0 && e.where == IMAGE_ZERO &&
			e.len == GRAIN,
		"a grain may be said to be zeros");
	ok(image_map(im, 16 * SECTOR, &e) == 0 && e.where == IMAGE_ABSENT,
		"... or not be there");
	ok(image_map(im, 24 * SECTOR, &e) == 0 && e.len == 11 * SECTOR &&
			e.file_off == 24 * SECTOR,
		"grains in a row are one extent");
	ok(image_check(im, false, &c, NULL, NULL) == 0 && !c.errors,
		"... and nothing is wrong");
	image_close(im);
	im = open_sparse(35, 4, grains, 5, 34 * SECTOR);
	ok(image_read(im, 34 * SECTOR, b, SECTOR) == -EIO,
		"a file that ends before its last grain is broken");
	image_close(im);
	/* Without the flag 1 is a sector like any other. */
	im = open_sparse(35, 0, grains, 5, 35 * SECTOR);
	ok(image_map(im, 8 * SECTOR, &e) == 0 && e.where == IMAGE_DATA &&
			e.file_off == SECTOR,
		"without the flag, 1 is a place");
	image_close(im);
}

int
main(void)
{
	deadline(60);
	test_files();
	test_refusals();
	test_sparse();
	return done();
}
