/* SPDX-License-Identifier: MIT */
/*
 * qcow2: what is refused and why, sizes and limits, other sizes and backing
 * files, and a refcount table that has to grow, with crashes meanwhile.
 */
#include "lib/image/image.h"

#include <errno.h>

#include "lib/err.h"
#include "lib/json.h"
#include "tests/unit/image-log.h"

static int base_fd = -1;

static int
open_base(void *to, const char *name, const char *format_name, unsigned depth,
	int *fd, enum image_format *format, char **path)
{
	(void)to;
	(void)name;
	(void)format_name;
	(void)depth;
	(void)path;
	*fd = fcntl(base_fd, F_DUPFD_CLOEXEC, 3);
	*format = IMAGE_RAW;
	return 0;
}

static const struct image_backing backing = {open_base, NULL};

static int
make(const struct image_create *c)
{
	int fd = content_file(NULL);

	if (image_create(fd, "test", IMAGE_QCOW2, c, NULL)) {
		printf("# %s\n", fail_text());
		close(fd);
		return -1;
	}
	return fd;
}

/* NULL with the sentence printed; fd stays open. */
static struct image *
open_fd(int fd, bool write)
{
	const struct image_options o = {.write = write, .backing = &backing};
	int again = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	struct image *image = NULL;

	if (image_open(&image, again, "test", IMAGE_QCOW2, &o)) {
		printf("# %s\n", fail_text());
		close(again);
		return NULL;
	}
	return image;
}

static void
say(void *to, const char *sentence)
{
	(void)to;
	printf("# %s\n", sentence);
}

static bool
is_whole(int fd)
{
	struct image *image = open_fd(fd, false);
	struct image_check c;
	bool good = image && image_check(image, false, &c, say, NULL) == 0 &&
		    !c.errors && !c.leaks;

	image_close(image);
	return good;
}

static bool
all(struct image *image, uint64_t off, size_t n, int value)
{
	unsigned char *p = must(malloc(n));
	bool good = image_read(image, off, p, n) == 0;

	for (size_t i = 0; i < n && good; i++)
		good = p[i] == value;
	free(p);
	return good;
}

static int
put(struct image *image, uint64_t off, size_t n, int value)
{
	unsigned char *p = must(malloc(n));
	int err;

	memset(p, value, n);
	err = image_write(image, off, p, n);
	free(p);
	return err;
}

/* ---- what is refused ---- */

struct patch {
	unsigned at, bytes;
	uint64_t value;
	int err; /* for writing; 0: opens */
	const char *says;
};

static const struct patch patches[] = {
	{0, 4, 0x514649fa, -EIO, "not a qcow2"},
	{4, 4, 1, -ENOTSUP, "version 1"}, {4, 4, 4, -ENOTSUP, "version 4"},
	{20, 4, 8, -EIO, "size of its clusters"},
	{20, 4, 22, -EIO, "size of its clusters"},
	{24, 8, UINT64_MAX, -EIO, "disk is too large"},
	{24, 8, UINT64_C(1) << 40, -EIO, "L1 table is too small"},
	{32, 4, 1, -ENOTSUP, "encrypted"}, {32, 4, 2, -ENOTSUP, "encrypted"},
	{36, 4, (32 << 20) / 8 + 1, -EIO, "L1 table is too large"},
	{40, 8, 12345, -EIO, "L1 table is not at a cluster"},
	{40, 8, UINT64_C(1) << 40, -EIO, "L1 table is not inside"},
	{40, 8, 0, -EIO, "L1 table is not inside"},
	{40, 8, 65536, -EIO, "overlap"},
	{48, 8, 77, -EIO, "refcount table is not at a cluster"},
	{56, 4, 0, -EIO, "no refcount table"},
	{56, 4, 129, -EIO, "refcount table is too large"},
	{56, 4, UINT32_MAX, -EIO, "refcount table is too large"},
	{60, 4, 65537, -EIO, "too many snapshots"},
	{60, 4, 1, -EIO, "table of snapshots"},
	{72, 8, 1 << 1, -EIO, "marked as corrupt"},
	{72, 8, 1 << 2, -ENOTSUP, "external data file"},
	{72, 8, 1 << 3, -EIO, "compression"},
	{72, 8, 1 << 4, -ENOTSUP, "extended L2"},
	{72, 8, UINT64_C(1) << 63, -ENOTSUP, "incompatible feature 63"},
	{80, 8, UINT64_MAX & ~UINT64_C(1), 0, ""}, {88, 8, UINT64_MAX, 0, ""},
	{96, 4, 7, -EIO, "counts are too wide"},
	{100, 4, 103, -EIO, "length of its header"},
	{100, 4, 1 << 20, -EIO, "length of its header"},
	{16, 4, 1024, 0, ""}, /* no offset: no backing file */
	{112, 4, 0x6803f857, -EIO, ""}, /* 4 GiB long */
};

static void
test_refused(void)
{
	const struct image_create c = {.size = 1 << 20};

	for (size_t i = 0; i < sizeof(patches) / sizeof(patches[0]); i++) {
		const struct patch *p = &patches[i];
		const struct image_options o = {.write = true};
		int fd = make(&c), err;
		unsigned char b[8], huge[4] = {255, 255, 255, 255};
		struct image *image = NULL;

		for (unsigned k = 0; k < p->bytes; k++)
			b[k] = (unsigned char)(p->value >>
					       8 * (p->bytes - 1 - k));
		if (pwrite(fd, b, p->bytes, p->at) != (ssize_t)p->bytes ||
			(p->at == 112 && pwrite(fd, huge, 4, 116) != 4))
			exit(1);
		fail_clear();
		err = image_open(&image, fd, "test", IMAGE_QCOW2, &o);
		ok(err == p->err && strstr(fail_text(), p->says),
			"header byte %u, %#" PRIx64 ": %s", p->at, p->value,
			err ? fail_text() : "opens");
		if (err)
			close(fd);
		else
			image_close(image);
	}
}

static void
test_feature_name(void)
{
	const struct image_create c = {.size = 1 << 20};
	static const unsigned char name[8 + 48 + 8] =
		"\x68\x03\xf8\x57\0\0\0\x30\0\x2a"
		"teleportation";
	unsigned char bits[8] = {0, 0, 4, 0, 0, 0, 0, 0}; /* bit 42 */
	int fd = make(&c);
	struct image *image;

	if (pwrite(fd, bits, 8, 72) != 8 ||
		pwrite(fd, name, sizeof(name), 112) != sizeof(name))
		exit(1);
	image = open_fd(fd, false);
	ok(!image && strstr(fail_text(), "teleportation"),
		"an unknown feature is called by its name");
	close(fd);
}

static void
test_corrupt(void)
{
	const struct image_create c = {.size = 1 << 20};
	int fd = make(&c);
	struct image *image;

	if (pwrite(fd, "\0\0\0\0\0\0\0\2", 8, 72) != 8)
		exit(1);
	image = open_fd(fd, false);
	ok(image && all(image, 0, 1 << 20, 0),
		"what is marked as corrupt can be read");
	image_close(image);
	close(fd);
}

/* ---- sizes ---- */

static void
test_resize(void)
{
	const struct image_create c = {
		.size = 1 << 20, .cluster_bits = 9, .backing_name = "base"};
	const unsigned mb = 1 << 20;
	struct image *image;
	int fd = make(&c);
	unsigned char *u = must(malloc(4 * mb));

	memset(u, 'u', 4 * mb);
	base_fd = content_file(NULL);
	if (pwrite(base_fd, u, 4 * mb, 0) != 4 * mb)
		exit(1);
	free(u);
	image = open_fd(fd, true);
	ok(image && all(image, 0, mb, 'u') &&
			put(image, mb - 1000, 1000, 'x') == 0 &&
			image_resize(image, mb + 1024) == 0 &&
			image_resize(image, 100 * mb) == 0,
		"a disk grows");
	ok(image && all(image, 0, mb - 1000, 'u') &&
			all(image, mb - 1000, 1000, 'x') &&
			all(image, mb, 10 * mb, 0) &&
			all(image, 90 * mb, 10 * mb, 0),
		"by zeros, whatever the backing file has there");
	ok(image && put(image, 99 * mb, 5000, 'y') == 0 &&
			image_resize(image, mb / 2 + 512) == 0 &&
			image_size(image) == mb / 2 + 512 &&
			image_resize(image, 2 * mb) == 0 &&
			all(image, 0, mb / 2 + 512, 'u') &&
			all(image, mb / 2 + 512, mb, 0),
		"it shrinks, and what was cut off is gone");
	ok(image_close(image) == 0 && is_whole(fd), "the image is whole");
	image = open_fd(fd, true);
	ok(image && image_resize(image, UINT64_C(1) << 40) == -EFBIG &&
			image_size(image) == 2 * mb,
		"there is a limit, and a sentence about it");
	ok(image && put(image, 0, 70000, 'z') == 0 && image_empty(image) == 0 &&
			all(image, 0, 2 * mb, 'u'),
		"emptied, all comes from the backing file");
	ok(image_close(image) == 0 && is_whole(fd), "and the image is whole");
	close(fd);
	close(base_fd);
}

/* Version 2 cannot say that a cluster is zeros, whatever lies below it. */
static void
test_shrink_v2(void)
{
	const struct image_create c = {.size = 1 << 20,
		.cluster_bits = 9,
		.v2 = true,
		.backing_name = "base"};
	struct image *image;
	int fd = make(&c);

	base_fd = content_file(NULL);
	if (pwrite(base_fd, "base", 4, 20000) != 4)
		exit(1);
	image = open_fd(fd, true);
	ok(image && put(image, 0, 65536, 'x') == 0 &&
			image_resize(image, 8192) == 0 &&
			image_resize(image, 1 << 20) == 0 &&
			all(image, 0, 8192, 'x') && all(image, 8192, 65536, 0),
		"version 2 shrinks and grows: what was cut off is gone");
	ok(image_close(image) == 0 && is_whole(fd), "the image is whole");
	close(fd);
	close(base_fd);
}

/* Of an image that a crash left with lazy refcounts, only a repair knows what
 * is used. */
static void
test_unrepaired(void)
{
	const struct image_create c = {
		.size = 1 << 20, .cluster_bits = 9, .lazy_refcounts = true};
	const struct image_options o = {.write = true, .check = true};
	struct content left = {0};
	struct image *image, *check = NULL;
	int fd = make(&c), copy;

	image = open_fd(fd, true);
	ok(image && put(image, 0, 70000, 'x') == 0 && image_flush(image) == 0,
		"lazy refcounts: something is flushed");
	content_load(&left, fd);
	copy = content_file(&left);
	ok(image_open(&check, fcntl(copy, F_DUPFD_CLOEXEC, 3), "test",
		   IMAGE_QCOW2, &o) == 0 &&
			image_close(check) == 0,
		"a crash; it is opened to be checked, and closed without");
	image_close(image);
	image = open_fd(copy, true);
	ok(image && all(image, 0, 70000, 'x'), "and has what was flushed");
	ok(image_close(image) == 0 && is_whole(copy), "the image is whole");
	free(left.p);
	close(copy);
	close(fd);
}

static void
test_empty_entry(void)
{
	const struct image_create c = {.size = 1 << 20, .cluster_bits = 9};
	unsigned char l1[8];
	int fd = make(&c);
	struct image *image;
	off_t at;

	if (pread(fd, l1, 8, 40) != 8)
		exit(1);
	at = l1[6] << 8 | l1[7];
	if (pwrite(fd, "\x80", 1, at) != 1)
		exit(1);
	image = open_fd(fd, true);
	ok(image && put(image, 100, 1000, 'x') == 0 &&
			all(image, 100, 1000, 'x') && all(image, 0, 100, 0),
		"an L1 entry with a flag alone is as good as none");
	ok(image_close(image) == 0 && is_whole(fd), "the image is whole");
	close(fd);
}

/* Opening costs a second at most, whatever a crash is said to have left. */
static void
test_costly(void)
{
	const struct image_create c = {.size = 1 << 20, .cluster_bits = 9};
	int fd = make(&c);
	struct image *image;

	if (pwrite(fd, "\1", 1, 79) != 1 ||
		ftruncate(fd, (INT64_C(1) << 33) + 512) < 0)
		exit(1);
	ok(!open_fd(fd, true) && strstr(fail_text(), "check -r"),
		"too large to be repaired while it is opened");
	image = open_fd(fd, false);
	ok(image && all(image, 0, 1 << 20, 0), "it can be read");
	image_close(image);
	close(fd);
}

static void
test_limits(void)
{
	struct image_create c = {.cluster_bits = 9};
	static const struct {
		unsigned bits;
		uint64_t size;
		int err;
	} sizes[] = {
		{9, UINT64_C(128) << 30, 0},
		{9, (UINT64_C(128) << 30) + 512, -EFBIG},
		{16, UINT64_C(2) << 50, 0},
		{16, (UINT64_C(2) << 50) + 512, -EFBIG},
		{21, UINT64_C(1) << 61, 0},
		{8, 512, -EINVAL},
		{22, 512, -EINVAL},
		{16, UINT64_MAX, -EFBIG},
		{16, 0, 0},
	};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		int fd = content_file(NULL), err;
		struct image *image;
		bool good;

		c.cluster_bits = sizes[i].bits;
		c.size = sizes[i].size;
		err = image_create(fd, "test", IMAGE_QCOW2, &c, NULL);
		good = err == sizes[i].err;
		if (!err && c.size) {
			image = open_fd(fd, true);
			good = image &&
			       put(image, c.size - 512, 512, 'e') == 0 &&
			       image_discard(image, 0, c.size / 2) == 0 &&
			       all(image, c.size - 512, 512, 'e');
			good = image_close(image) == 0 && good && is_whole(fd);
		}
		ok(good, "%u-byte clusters, %" PRIu64 " bytes: %s",
			1U << c.cluster_bits, c.size, err ? "refused" : "fine");
		close(fd);
	}
}

static void
test_rebase(void)
{
	const struct image_create c = {.size = 1 << 20,
		.backing_name = "one",
		.backing_format = "raw",
		.cluster_bits = 9};
	int fd = make(&c);
	struct image *image;
	char *long_name = must(calloc(1, 1100)), text[4096] = "";
	struct json json;
	FILE *f = fmemopen(text, sizeof(text), "w");

	memset(long_name, 'n', 1050);
	base_fd = content_file(NULL);
	image = open_fd(fd, true);
	ok(image && strcmp(image_backing_name(image), "one") == 0 &&
			strcmp(image_backing_format(image), "raw") == 0,
		"the backing file has a name and a format");
	ok(image && image_rebase(image, "another", "qcow2") == 0 &&
			strcmp(image_backing_name(image), "another") == 0 &&
			image_rebase(image, long_name, NULL) == -EINVAL,
		"it gets another");
	image_close(image);
	image = open_fd(fd, true);
	ok(image && strcmp(image_backing_name(image), "another") == 0 &&
			strcmp(image_backing_format(image), "qcow2") == 0,
		"which is in the file");
	json_open(&json, f);
	json_put_object(&json, NULL);
	if (image)
		image_describe(image, &json);
	json_put_end(&json);
	json_close(&json);
	fclose(f);
	ok(strstr(text, "\"format\":\"qcow2\"") &&
			strstr(text, "\"cluster-size\":512"),
		"it describes itself");
	ok(image && image_rebase(image, NULL, NULL) == 0 &&
			!image_backing_name(image) && image_close(image) == 0 &&
			is_whole(fd),
		"or none");
	free(long_name);
	close(base_fd);
	close(fd);
}

static void
test_loop(void)
{
	const struct image_create c = {.size = 1 << 20, .backing_name = "me"};
	int fd = make(&c);

	base_fd = fd; /* read as raw, but the same file */
	ok(!open_fd(fd, false) && strstr(fail_text(), "own backing file"),
		"an image that is its own backing file is refused");
	close(fd);
}

/* ---- a refcount table that grows ---- */

/* Each crash of the steps around it: clean, with what was there before. */
static unsigned
crash_each(struct disk_log *l, struct content *safe)
{
	struct content c = {0};
	size_t synced = 0, turn = 0, first, last;
	unsigned wrong = 0;

	/* When the header turns to the new table. */
	while (turn < l->n &&
		!(l->step[turn].kind == STEP_WRITE && l->step[turn].off == 48))
		turn++;
	first = turn < 8 ? 0 : turn - 8;
	last = turn + 12;
	ok(turn < l->n, "the refcount table grows");
	for (size_t end = synced; end <= l->n && end <= last; end++) {
		for (unsigned less = 0; less < 2; less++) {
			struct image_check check = {0};
			struct image *image;
			int fd;

			if (end < first)
				break;
			c.size = 0;
			content_reach(&c, safe->size);
			memcpy(c.p, safe->p, safe->size);
			/* All of it, or all but the one before the last. */
			for (size_t i = synced; i < end; i++)
				if (!less || i + 2 != end)
					content_apply(
						&c, &l->step[i], NULL, NULL);
			fd = content_file(&c);
			image = open_fd(fd, false);
			if (!image ||
				image_check(image, false, &check, NULL, NULL) ||
				check.errors || !all(image, 0, 4096, 1)) {
				printf("# step %zu: %" PRIu64 " errors\n", end,
					check.errors);
				wrong++;
			}
			image_close(image);
			close(fd);
		}
		if (end < l->n && l->step[end].kind == STEP_SYNC)
			for (; synced <= end; synced++)
				content_apply(
					safe, &l->step[synced], NULL, NULL);
	}
	free(c.p);
	return wrong;
}

static void
test_growth(void)
{
	const struct image_create c = {.size = 24 << 20, .cluster_bits = 9};
	struct disk_log log = {.lock = PTHREAD_MUTEX_INITIALIZER};
	const struct calls calls = {.to = &log, .file = &log_calls};
	const struct image_options o = {.write = true, .calls = &calls};
	struct content safe = {0};
	struct image *image;
	int fd = make(&c), again = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	bool good = true;

	if (image_open(&image, again, "test", IMAGE_QCOW2, &o))
		exit(1);
	/* A table of one cluster counts 64 blocks of 256 clusters: 8 MiB. */
	for (unsigned i = 0; i < 7; i++)
		good = good && put(image, i << 20, 1 << 20, (int)i + 1) == 0;
	good = good && image_flush(image) == 0;
	content_load(&safe, fd);
	log_clear(&log);
	for (unsigned i = 7; i < 24; i++) {
		good = good && put(image, i << 20, 1 << 20, (int)i + 1) == 0;
		if (i == 7 || i == 9)
			good = good && image_flush(image) == 0;
		if (i == 9)
			break;
	}
	ok(good && crash_each(&log, &safe) == 0,
		"and a crash at any step of that leaves a clean image");
	log_clear(&log);
	for (unsigned i = 10; i < 24; i++)
		good = good && put(image, i << 20, 1 << 20, (int)i + 1) == 0;
	for (unsigned i = 0; i < 24; i++)
		good = good && all(image, i << 20, 1 << 20, (int)i + 1);
	ok(image_close(image) == 0 && good && is_whole(fd),
		"and again; all is there, and nothing leaked");
	log_clear(&log);
	free(log.step);
	free(safe.p);
	close(fd);
}

int
main(void)
{
	deadline(60);
	test_refused();
	test_feature_name();
	test_corrupt();
	test_limits();
	test_resize();
	test_shrink_v2();
	test_unrepaired();
	test_empty_entry();
	test_costly();
	test_rebase();
	test_loop();
	test_growth();
	return done();
}
