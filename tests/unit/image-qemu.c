/* SPDX-License-Identifier: MIT */
/*
 * qcow2 images that qemu-img made, with widths and features that we do not
 * make, changed by us and looked at by qemu-img: it finds them whole, and the
 * disk is what the model says. Left out where there is no qemu-img.
 */
#include "lib/image/image.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "lib/err.h"
#include "tests/tap.h"

enum { DISK = 3 << 20, MOST = 200000 };

static char dir[200];
static unsigned char model[DISK], before[DISK], buf[DISK];

/* A shell command in the test's directory; its exit code. */
__attribute__((format(printf, 1, 2))) static int
sh(const char *fmt, ...)
{
	char text[2000];
	int n = snprintf(text, sizeof(text), "cd '%s' && ", dir);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text + n, sizeof(text) - (size_t)n, fmt, ap);
	va_end(ap);
	n = system(text);
	if (n)
		printf("# %d: %s\n", n, text);
	return n;
}

static int
open_file(const char *name, int flags)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return open(path, flags | O_CLOEXEC);
}

static int
open_base(void *to, const char *name, const char *format_name, unsigned depth,
	int *fd, enum image_format *format, char **path)
{
	(void)to;
	(void)depth;
	(void)path;
	*fd = open_file(name, O_RDONLY);
	return *fd < 0 ? -errno : image_format_parse(format_name, format);
}

static struct image *
open_image(bool write)
{
	const struct image_backing backing = {open_base, NULL};
	const struct image_options o = {
		.write = write, .lock = true, .backing = &backing, .cache = 1};
	struct image *image = NULL;
	int fd = open_file("a.qcow2", write ? O_RDWR : O_RDONLY);

	if (image_open(&image, fd, "a.qcow2", IMAGE_QCOW2, &o)) {
		printf("# %s\n", fail_text());
		close(fd);
	}
	return image;
}

/* What qemu-img reads is what p has. */
static bool
qemu_reads(const unsigned char *p)
{
	int fd, n;

	if (sh("qemu-img convert -O raw a.qcow2 out.raw"))
		return false;
	fd = open_file("out.raw", O_RDONLY);
	n = (int)read(fd, buf, DISK);
	close(fd);
	for (int i = 0; i < DISK && n == DISK; i++)
		if (buf[i] != p[i]) {
			printf("# byte %d is %u, not %u\n", i, buf[i], p[i]);
			return false;
		}
	return n == DISK;
}

static bool
change(struct image *image, unsigned seed)
{
	uint64_t cluster = image_cluster(image), r = seed;

	for (unsigned i = 0; i < 60; i++) {
		uint64_t off, n, what;
		int err;

		r = r * 6364136223846793005 + 1442695040888963407;
		n = (r >> 40) % MOST + 1;
		off = (r >> 20) % (DISK - n);
		what = (r >> 33) % 8;
		if (what == 7) {
			err = image_flush(image);
		} else if (what == 6) {
			err = image_zero(image, off, n, i & 1);
			memset(model + off, 0, n);
		} else if (what == 5 && DISK % cluster == 0) {
			off = off / cluster * cluster;
			memset(model + off, (int)(i + 1), cluster);
			err = image_write_compressed(
				image, off, model + off, cluster);
		} else {
			memset(model + off, (int)(i + 1), n);
			err = image_write(image, off, model + off, n);
		}
		if (err) {
			printf("# %s\n", fail_text());
			return false;
		}
	}
	return image_read(image, 0, buf, DISK) == 0 &&
	       memcmp(buf, model, DISK) == 0;
}

static void
fill_model(void)
{
	memset(model, 0, DISK);
	memset(model + 100000, 0x33, 500000);
	memset(model + (1 << 20), 0x44, 1 << 20);
	memset(model + (2 << 20), 0, 65536);
}

static bool
make(const char *options, bool backing)
{
	fill_model();
	return !sh("rm -f *; head -c %d /dev/zero | tr '\\0' U >base.raw",
		       DISK) &&
	       !sh("qemu-img create -q -f qcow2 %s -o %s a.qcow2 %d",
		       backing ? "-b base.raw -F raw" : "", options, DISK) &&
	       !sh("qemu-io -c 'write -P 0x33 100000 500000' "
		   "-c 'write -P 0x44 1M 1M' -c 'discard 2M 64k' a.qcow2 "
		   ">out");
}

/* Made by qemu-img, changed by us, with a snapshot in between if asked. */
static void
test_options(const char *options, bool snapshot, bool backing, unsigned seed)
{
	struct image *image;
	bool good = make(options, backing);

	if (backing)
		for (int i = 0; i < DISK; i++)
			if (!model[i])
				model[i] = 'U';
	/* What a discard left is for the image to say. */
	image = good ? open_image(false) : NULL;
	good = image && image_read(image, 0, buf, DISK) == 0;
	memcpy(model + (2 << 20), buf + (2 << 20), 65536);
	good = good && memcmp(buf, model, DISK) == 0;
	image_close(image);
	memcpy(before, model, DISK);
	if (good && snapshot)
		good = !sh("qemu-img snapshot -c one a.qcow2");
	image = good ? open_image(true) : NULL;
	good = image && change(image, seed);
	if (image_close(image))
		good = false;
	good = good && !sh("qemu-img check -q a.qcow2") && qemu_reads(model);
	if (good && snapshot)
		good = !sh("qemu-img snapshot -a one a.qcow2") &&
		       qemu_reads(before);
	ok(good, "%s%s%s: changed by us, whole to qemu-img", options,
		snapshot ? ", a snapshot" : "", backing ? ", over a base" : "");
}

static void
test_dirty(void)
{
	bool good = make("lazy_refcounts=on,cluster_size=4k", false);
	struct image *image;
	struct image_check check;

	/* It ends itself with its counts not written. */
	sh("ulimit -c 0; qemu-io -c 'write -P 9 300k 200k' -c flush "
	   "-c 'sigraise 9' a.qcow2 >out 2>&1; true");
	memset(model + 300 * 1024, 9, 200 * 1024);
	image = open_image(false);
	ok(good && image && image_read(image, 0, buf, DISK) == 0 &&
			memcmp(buf, model, DISK) == 0,
		"an image that QEMU left dirty is read");
	image_close(image);
	image = open_image(true);
	ok(image && image_check(image, false, &check, NULL, NULL) == 0 &&
			!check.errors && !check.leaks && change(image, 5),
		"its counts are made anew when it is opened for writing");
	ok(image_close(image) == 0 && sh("qemu-img check -q a.qcow2") == 0 &&
			qemu_reads(model) &&
			sh("qemu-img info a.qcow2 | grep -q 'lazy'") == 0,
		"and then it is clean");
}

static void
test_bitmap(void)
{
	bool good = make("cluster_size=16k", false) &&
		    !sh("qemu-img bitmap --add a.qcow2 b0");
	struct image *image = open_image(false);
	struct image_check check;

	ok(good && image &&
			image_check(image, false, &check, NULL, NULL) == 0 &&
			!check.errors && !check.leaks,
		"another program's bitmaps are counted");
	image_close(image);
}

int
main(void)
{
	static const char *const options[] = {"compat=0.10",
		"compat=1.1,cluster_size=512", "cluster_size=2M",
		"refcount_bits=1,cluster_size=1k",
		"refcount_bits=2,cluster_size=512", "refcount_bits=4",
		"refcount_bits=8,cluster_size=4k",
		"refcount_bits=32,lazy_refcounts=on",
		"refcount_bits=64,cluster_size=512",
		"compression_type=zstd,cluster_size=8k"};

	deadline(120);
	if (system("qemu-img --version >/dev/null 2>&1"))
		skip_all("needs qemu-img, of the package qemu-utils");
	snprintf(dir, sizeof(dir), "%s/image-qemu.XXXXXX",
		getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	if (!mkdtemp(dir))
		return 1;
	for (unsigned i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		/* One bit counts to one: no snapshots there. */
		test_options(options[i], !strstr(options[i], "bits=1,"), i % 2,
			i + 1);
	test_dirty();
	test_bitmap();
	sh("rm -f *");
	rmdir(dir);
	return done();
}
