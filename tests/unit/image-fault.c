/* SPDX-License-Identifier: MIT */
/*
 * qcow2 over a file whose calls fail: each of them once, or from some time on.
 * What fails is reported, what is done is kept, later writes work, and the
 * image is clean at every moment.
 */
#include "lib/image/image.h"

#include <errno.h>

#include "lib/err.h"
#include "tests/unit/image-log.h"

enum { DISK = 256 << 10, PIECE = 6000 };

struct
try {
	struct disk_log log;
	struct calls calls;
	struct image *image;
	int fd;
	/* What each byte may be: what it was, and what was being written. */
	unsigned char old[DISK], new[DISK];
	unsigned failed;
};

static bool
make(struct try *t, bool lazy)
{
	const struct image_create c = {
		.size = DISK, .cluster_bits = 9, .lazy_refcounts = lazy};
	const struct image_options o = {
		.write = true, .calls = &t->calls, .cache = 1};

	t->fd = content_file(NULL);
	pthread_mutex_init(&t->log.lock, NULL);
	t->calls = (struct calls){.to = &t->log, .file = &log_calls};
	if (image_create(t->fd, "fault", IMAGE_QCOW2, &c, NULL) ||
		image_open(&t->image, fcntl(t->fd, F_DUPFD_CLOEXEC, 3), "fault",
			IMAGE_QCOW2, &o)) {
		printf("# %s\n", fail_text());
		return false;
	}
	return true;
}

/* Something like what a guest does; 0 or the first error's. */
static int
work(struct try *t, unsigned seed)
{
	static unsigned char buf[PIECE];
	int first = 0;

	for (unsigned i = 0; i < 40; i++) {
		uint64_t r = (seed * 40 + i + 1) * 0x9e3779b97f4a7c15;
		uint64_t off = (r >> 20) % (DISK - PIECE);
		unsigned char value = (unsigned char)(r >> 50 | 1);
		int err;

		if (i % 8 == 7) {
			err = image_flush(t->image);
			value = 0;
		} else if (i % 8 == 5) {
			value = 0;
			memset(t->new + off, 0, PIECE);
			err = image_zero(t->image, off, PIECE, i & 8);
		} else {
			memset(buf, value, PIECE);
			memset(t->new + off, value, PIECE);
			err = image_write(t->image, off, buf, PIECE);
		}
		if (err && !first)
			first = err;
		t->failed += err != 0;
		/* Where it failed, it may have been done in part. */
		if (err && i % 8 != 7)
			return first;
		if (!err && i % 8 != 7)
			memset(t->old + off, value, PIECE);
	}
	return first;
}

static bool
holds(struct try *t)
{
	static unsigned char buf[DISK];

	if (image_read(t->image, 0, buf, DISK)) {
		printf("# read: %s\n", fail_text());
		return false;
	}
	for (unsigned i = 0; i < DISK; i++)
		if (buf[i] != t->old[i] && buf[i] != t->new[i]) {
			printf("# byte %u is %u\n", i, buf[i]);
			return false;
		}
	return true;
}

static void
say(void *to, const char *sentence)
{
	(void)to;
	printf("# %s\n", sentence);
}

/* As the file is: no errors in it. */
static bool
is_clean(struct try *t)
{
	const struct image_options o = {0};
	struct image_check check;
	struct image *image;
	bool good;
	int fd = fcntl(t->fd, F_DUPFD_CLOEXEC, 3);

	if (image_open(&image, fd, "fault", IMAGE_QCOW2, &o)) {
		printf("# open: %s\n", fail_text());
		close(fd);
		return false;
	}
	good = image_check(image, false, &check, NULL, NULL) == 0 &&
	       !check.errors;
	if (!good)
		image_check(image, false, &check, say, NULL);
	image_close(image);
	return good;
}

/* Call number at fails, with all that follow if so. */
static bool
try(unsigned at, int err, bool on, bool lazy, bool *last)
{
	struct try *t = must(calloc(1, sizeof(*t)));
	bool good = make(t, lazy);

	t->log.fail_at = at;
	t->log.fail_err = err;
	t->log.fail_on = on;
	work(t, 1);
	*last = t->log.calls < at;
	if (good && !lazy)
		good = is_clean(t);
	/* The host is well again. */
	t->log.fail_at = 0;
	if (good)
		good = holds(t);
	if (good && (image_flush(t->image) || work(t, 2))) {
		printf("# afterwards: %s\n", fail_text());
		good = false;
	}
	if (good)
		good = holds(t);
	if (image_close(t->image))
		good = false;
	if (good)
		good = is_clean(t);
	close(t->fd);
	log_clear(&t->log);
	free(t->log.step);
	free(t);
	return good;
}

static void
try_all(int err, bool on, bool lazy, const char *name)
{
	bool last = false, good = true;
	unsigned at, wrong = 0;

	for (at = 1; !last && wrong < 3; at++)
		if (!try(at, err, on, lazy, &last)) {
			printf("# call %u\n", at);
			good = false;
			wrong++;
		}
	ok(good && at > 50, "%s, each of %u calls", name, at - 2);
}

int
main(void)
{
	deadline(120);
	try_all(EIO, false, false, "EIO once");
	try_all(ENOSPC, true, false, "ENOSPC for some time");
	try_all(EIO, true, true, "EIO for some time, lazy refcounts");
	return done();
}
