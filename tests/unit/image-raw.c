/* SPDX-License-Identifier: MIT */
/*
 * Raw images and what the core does for all formats: ranges, locks, the file
 * below that fails.
 */
#include "lib/image/image.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "lib/calls.h"
#include "lib/err.h"
#include "tests/tap.h"

static char path[256];

static int
make_file(uint64_t size)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
		exit(1);
	return fd;
}

static struct image *
open_raw(int fd, const struct image_options *o)
{
	struct image *im = NULL;
	int err = image_open(&im, fd, path, IMAGE_RAW, o);

	if (err)
		printf("# %s\n", fail_text());
	return im;
}

static bool
all(const unsigned char *p, size_t n, int c)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != c)
			return false;
	return true;
}

static void
test_read_write(void)
{
	static unsigned char a[70000], b[70000];
	const struct image_options o = {.write = true};
	struct image *im = open_raw(make_file(1 << 20), &o);
	struct iovec iov[3] = {{a, 1000}, {a + 1000, 0}, {a + 1000, 69000}};

	is_u64(image_size(im), 1 << 20, "the disk is as long as the file");
	memset(a, 'x', sizeof(a));
	ok(image_writev(im, 777, iov, 3) == 0 &&
			image_read(im, 777, b, sizeof(b)) == 0 &&
			memcmp(a, b, sizeof(a)) == 0,
		"what was written is read, at any offset");
	ok(image_read(im, 0, b, 777) == 0 && all(b, 777, 0),
		"what lies before it is untouched");
	ok(image_read(im, (1 << 20) - 10, b, 11) == -EINVAL &&
			image_read(im, UINT64_MAX, b, 2) == -EINVAL &&
			image_write(im, (1 << 20) + 1, b, 0) == -EINVAL,
		"what is not on the disk is refused");
	ok(image_zero(im, 1000, 3000, false) == 0 &&
			image_read(im, 999, b, 3002) == 0 && b[0] == 'x' &&
			all(b + 1, 3000, 0) && b[3001] == 'x',
		"zeros are written where they are asked for");
	ok(image_discard(im, 4096, 65536) == 0 && image_flush(im) == 0,
		"a discard and a flush succeed");
	ok(image_close(im) == 0, "it is closed");
}

static void
test_odd_size(void)
{
	unsigned char b[512];
	const struct image_options o = {.write = true};
	struct image *im = open_raw(make_file(1000), &o);
	struct stat st;

	is_u64(image_size(im), 1024, "a size is rounded up to a sector");
	ok(image_read(im, 512, b, 512) == 0 && all(b, 512, 0),
		"behind the end of the file there are zeros");
	memset(b, 7, sizeof(b));
	ok(image_write(im, 512, b, 512) == 0 && image_close(im) == 0 &&
			stat(path, &st) == 0 && st.st_size == 1024,
		"the last sector can be written whole");
}

static void
test_map(void)
{
	static unsigned char a[65536];
	const struct image_options o = {.write = true};
	struct image *im = open_raw(make_file(4 << 20), &o);
	struct image_extent e;

	memset(a, 1, sizeof(a));
	if (image_write(im, 1 << 20, a, sizeof(a)))
		exit(1);
	ok(image_map(im, 0, &e) == 0 && e.where == IMAGE_ZERO && e.off == 0 &&
			e.len == 1 << 20,
		"a hole in the file is zeros");
	ok(image_map(im, 1 << 20, &e) == 0 && e.where == IMAGE_DATA &&
			e.has_file_off && e.file_off == 1 << 20 &&
			e.len == 65536,
		"what was written is data, there in the file");
	ok(image_map(im, (1 << 20) + 65536, &e) == 0 && e.where == IMAGE_ZERO &&
			e.len == (4 << 20) - (1 << 20) - 65536,
		"the last hole reaches to the end");
	ok(image_zero(im, 1 << 20, 65536, true) == 0 &&
			image_map(im, 0, &e) == 0 && e.where == IMAGE_ZERO &&
			e.len == 4 << 20,
		"zeros that may unmap leave a hole");
	image_close(im);
}

static void
test_read_only(void)
{
	char b[512] = "";
	const struct image_options o = {0};
	struct image *im = open_raw(make_file(4096), &o);

	ok(image_write(im, 0, b, 512) == -EROFS &&
			image_zero(im, 0, 512, false) == -EROFS &&
			image_discard(im, 0, 512) == -EROFS &&
			image_resize(im, 8192) == -EROFS,
		"what is opened read-only is not written");
	ok(image_flush(im) == 0, "but can be flushed");
	image_close(im);
}

static int
again(void)
{
	return open(path, O_RDWR | O_CLOEXEC);
}

static void
test_locks(void)
{
	const struct image_options w = {.write = true, .lock = true},
				   r = {.lock = true}, none = {.write = true};
	struct image *im = open_raw(make_file(4096), &w), *other = NULL;
	int fd = again();

	ok(image_open(&other, fd, path, IMAGE_RAW, &w) == -EBUSY,
		"one writer keeps out another");
	ok(strstr(fail_text(), path) != NULL, "a sentence names the file");
	ok(image_open(&other, fd, path, IMAGE_RAW, &r) == -EBUSY,
		"and readers");
	ok(image_open(&other, fd, path, IMAGE_RAW, &none) == 0,
		"who asks for no lock gets in");
	image_close(other);
	image_close(im);
	im = open_raw(again(), &r);
	fd = again();
	ok(im && image_open(&other, fd, path, IMAGE_RAW, &r) == 0,
		"two readers go together");
	image_close(other);
	fd = again();
	ok(image_open(&other, fd, path, IMAGE_RAW, &w) == -EBUSY,
		"a reader keeps out a writer");
	image_close(im);
	ok(image_open(&other, fd, path, IMAGE_RAW, &w) == 0,
		"until it has gone");
	image_close(other);
}

static int
no_fallocate(void *to, const char *call)
{
	return strcmp(call, "fallocate") == 0 ? *(int *)to : 0;
}

static void
test_fallback(void)
{
	static unsigned char b[300000];
	int err = -EOPNOTSUPP;
	const struct calls calls = {.step = no_fallocate, .to = &err};
	const struct image_options o = {.write = true, .calls = &calls};
	struct image *im = open_raw(make_file(1 << 20), &o);

	memset(b, 1, sizeof(b));
	ok(image_write(im, 0, b, sizeof(b)) == 0 &&
			image_zero(im, 100, 299000, true) == 0 &&
			image_read(im, 0, b, sizeof(b)) == 0 && b[99] == 1 &&
			all(b + 100, 299000, 0) && b[299100] == 1,
		"a file system that cannot make holes gets zeros written");
	ok(image_discard(im, 0, 1 << 20) == 0, "and a discard does nothing");
	image_close(im);
	err = -EIO;
	im = open_raw(again(), &o);
	ok(image_zero(im, 0, 4096, true) == -EIO, "what fails, fails");
	image_close(im);
}

static void
test_names(void)
{
	enum image_format f;

	ok(image_format_parse("qcow2", &f) == 0 && f == IMAGE_QCOW2 &&
			image_format_parse("qcow", &f) == -EINVAL,
		"formats have names");
	ok(image_format_by_name("a.b/disk.VDI") == IMAGE_VDI &&
			image_format_by_name("a.qcow2/x") == IMAGE_RAW &&
			image_format_by_name("x.img") == IMAGE_RAW,
		"a suffix tells the format");
}

int
main(void)
{
	deadline(60);
	snprintf(path, sizeof(path), "%s/image-raw.%d",
		getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", (int)getpid());
	test_read_write();
	test_odd_size();
	test_map();
	test_read_only();
	test_locks();
	test_fallback();
	test_names();
	unlink(path);
	return done();
}
