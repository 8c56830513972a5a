/* SPDX-License-Identifier: MIT */
/*
 * Drives as a config lists them: which files are opened and which are not,
 * overlays that leave nothing behind, drives that come and go.
 */
#include "vmm/drives.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "lib/err.h"
#include "tests/tap.h"

enum { SIZE = 1 << 20 };

static struct rig {
	char top[64];
	int dir; /* the machine's, in top */
	struct clock *clock;
} g;

static int
make(int dir, const char *name, enum image_format format, const char *backing)
{
	struct image_create c = {.size = SIZE,
		.backing_name = backing,
		.backing_format = backing ? "raw" : NULL};
	int fd =
		openat(dir, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || image_create(fd, name, format, &c, NULL)) {
		printf("Bail out! %s: %s\n", name, fail_text());
		exit(1);
	}
	return fd;
}

/* A config with these lines, opened. What came of it. */
static int
open_all(struct config *c, const char *const *value, struct drives **ds)
{
	struct drives_host h = {.config = c, .dir = g.dir, .clock = g.clock};

	config_init(c);
	for (; *value; value++) {
		bool cdrom = !strncmp(*value, "cdrom=", 6);
		int r = config_set(
			c, cdrom ? "cdrom" : "disk", *value + (cdrom ? 6 : 0));

		if (r)
			return r;
	}
	return drives_open(ds, &h);
}

static void
opens(const char *value, const char *name)
{
	const char *const values[] = {value, NULL};
	struct drives *ds = NULL;
	struct config c;
	int r = open_all(&c, values, &ds);

	if (!ok(r == 0, "%s", name))
		printf("# %s\n", fail_text());
	drives_close(ds);
	config_free(&c);
}

static void
refused(const char *value, int err, const char *text, const char *name)
{
	const char *const values[] = {value, NULL};
	struct drives *ds = NULL;
	struct config c;
	int r = open_all(&c, values, &ds);

	if (!ok(r == err && strstr(fail_text(), text), "%s", name))
		printf("# %d, %s\n", r, fail_text());
	if (!r)
		drives_close(ds);
	config_free(&c);
}

static void
test_names(void)
{
	char value[160];

	close(make(g.dir, "in.raw", IMAGE_RAW, NULL));
	close(openat(g.dir, "../out.raw", O_CREAT | O_RDWR, 0600));
	if (symlinkat("in.raw", g.dir, "link.raw") ||
		mkfifoat(g.dir, "pipe", 0600))
		exit(1);
	opens("in.raw", "a name in the machine's directory");
	refused("../out.raw", -EXDEV, "leads out of", "none above it");
	refused("link.raw", -ELOOP, "leads out of", "no symbolic link");
	refused("none.raw", -ENOENT, "none.raw: cannot open",
		"what is not there");
	refused("pipe,format=raw", -EINVAL, "neither a file nor",
		"a pipe, without waiting for it");
	refused(".,format=raw,read-only=yes", -EINVAL, "neither a file nor",
		"a directory");
	snprintf(value, sizeof(value), "%s/out.raw", g.top);
	opens(value, "an absolute name is what it is");
}

static void
test_chain(void)
{
	close(make(g.dir, "base.raw", IMAGE_RAW, NULL));
	close(make(g.dir, "a.qcow2", IMAGE_QCOW2, "base.raw"));
	close(make(g.dir, "b.qcow2", IMAGE_QCOW2, "../../etc/passwd"));
	close(make(g.dir, "alone.qcow2", IMAGE_QCOW2, NULL));
	opens("a.qcow2,backing=base.raw", "a backing file that is listed");
	opens("b.qcow2,backing=base.raw",
		"whatever the header calls it: it is not looked for");
	refused("a.qcow2", -EINVAL,
		"builds on 'base.raw', which is not listed: "
		"backing=base.raw,backing-format=raw",
		"one that is not, with what to write");
	refused("alone.qcow2,backing=base.raw", -EINVAL,
		"has no backing file: leave out backing=base.raw",
		"one that is listed in vain");
	refused("a.qcow2,backing=alone.qcow2,backing=base.raw", -EINVAL,
		"alone.qcow2 has no backing file", "further down, too");
	refused("a.qcow2,backing=a.qcow2,read-only=yes", -ELOOP, "a.qcow2",
		"a loop");
	refused("base.raw,format=qcow2", -EIO, "not a qcow2 image",
		"a format that is not so");
	refused("a.qcow2,backing=none.raw", -ENOENT, "none.raw",
		"a backing file that is not there");
}

static unsigned
entries(void)
{
	int fd = openat(g.dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	unsigned n = 0;

	while (d && readdir(d))
		n++;
	closedir(d);
	return n;
}

static void
test_overlay(void)
{
	static const char *const values[] = {
		"a.qcow2,backing=base.raw,overlay=yes", NULL};
	struct drives *one, *two;
	struct config c, e;
	uint8_t b[512], a[512];
	unsigned before = entries();
	struct disk *d, *f;

	memset(a, 0x42, sizeof(a));
	ok(open_all(&c, values, &one) == 0 && open_all(&e, values, &two) == 0,
		"two overlays over one image");
	d = drives_get(one, 0)->disk;
	f = drives_get(two, 0)->disk;
	ok(disk_writable(d) && disk_size(d) == SIZE, "written, as large");
	ok(image_write(disk_medium(d), 4096, a, 512) == 0 &&
			image_read(disk_medium(d), 4096, b, 512) == 0 &&
			!memcmp(a, b, 512),
		"what is written is read");
	ok(image_read(disk_medium(f), 4096, b, 512) == 0 && b[0] == 0,
		"but not in the other one");
	is_u64(entries(), before, "no file is there meanwhile");
	refused("a.qcow2,backing=base.raw", -EBUSY, "in use",
		"what they build on is not written");
	drives_close(one);
	drives_close(two);
	config_free(&c);
	config_free(&e);
	is_u64(entries(), before, "nor afterwards");
	opens("a.qcow2,backing=base.raw", "and then it may be");
}

static void
test_many(void)
{
	static const char *const values[] = {"in.raw,serial=x", "cdrom=none",
		"base.raw,read-only=yes,id=other", NULL};
	struct config_disk add = {.id = (char *)"late", .bus = CONFIG_VIRTIO};
	struct drive *d, *e;
	struct drives *ds;
	struct image *im;
	struct config c;
	int fd;

	if (!ok(open_all(&c, values, &ds) == 0, "several drives")) {
		printf("# %s\n", fail_text());
		return;
	}
	ok(drives_get(ds, 0) == drives_find(ds, "disk0") &&
			drives_find(ds, "other") && !drives_get(ds, 3) &&
			!drives_find(ds, "nobody"),
		"are found by number and by id");
	ok(!disk_writable(drives_find(ds, "other")->disk), "one is read-only");
	ok(!disk_present(drives_find(ds, "cdrom0")->disk), "one has no medium");
	is_u64((uint64_t)-drives_start(ds, NULL, NULL), 0, "their threads");
	add.image.path = (char *)"late.raw";
	fd = make(g.dir, "late.raw", IMAGE_RAW, NULL);
	ok(drives_open_fds(&add, &fd, 1, &im) == 0, "an image by descriptor");
	ok(drives_attach(ds, &add, im, &d) == 0 && d->attached &&
			drives_find(ds, "late") == d,
		"becomes a drive more");
	is_u64((uint64_t)-drives_attach(ds, &add, NULL, &e), EEXIST, "once");
	drives_detach(ds, d);
	ok(!drives_find(ds, "late") && drives_find(ds, "other"),
		"and is gone again");
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	is_u64((uint64_t)-drives_open_fds(&add, &fd, 1, &im), EINVAL,
		"no device by descriptor");
	fd = make(g.dir, "late.raw", IMAGE_RAW, NULL);
	add.backings = 1;
	is_u64((uint64_t)-drives_open_fds(&add, &fd, 1, &im), EINVAL,
		"a descriptor for each image, not less");
	drives_close(ds);
	config_free(&c);
	drives_close(NULL);
}

int
main(void)
{
	const char *tmp = getenv("TMPDIR");

	deadline(60);
	snprintf(g.top, sizeof(g.top), "%s/drives.XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(g.top) || chdir(g.top) || mkdir("vm", 0700))
		exit(1);
	g.dir = open("vm", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	g.clock = clock_new();
	test_names();
	test_chain();
	test_overlay();
	test_many();
	clock_free(g.clock);
	if (system("cd / && rm -rf \"$OLDPWD\""))
		ok(false, "cleaned up");
	return done();
}
