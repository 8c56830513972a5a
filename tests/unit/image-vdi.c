/* SPDX-License-Identifier: MIT */
/*
 * VDI images: against a plain array, with crashes between any two calls (what
 * was not flushed may be there or not, sector by sector), with calls that fail,
 * and from several threads.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "lib/err.h"
#include "lib/image/image-int.h"
#include "lib/image/vdi.h"
#include "tests/tap.h"

enum {
	SECTOR = 512,
	BLOCK = 4096,
	BLOCKS = 48,
	SIZE = BLOCK * BLOCKS - 3 * SECTOR,
	SECTORS = SIZE / SECTOR,
	LOG = 4096,
	ROUNDS = 60,
	CRASHES = 12
};

static uint32_t seed = 1;

static uint32_t
rnd(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)(seed >> 8) * below >> 24);
}

/* ---- a file whose calls are kept ---- */

enum what { WRITE, ZEROS, TRUNCATE, SYNC };

struct op {
	enum what what;
	uint64_t off, len;
	uint8_t *data;
};

struct log {
	struct op op[LOG];
	unsigned n;
	struct calls calls;
	unsigned fail_at; /* the call that fails, counted down; 0: none */
};

static bool
must_fail(struct log *l)
{
	if (!l->fail_at || --l->fail_at)
		return false;
	errno = EIO;
	return true;
}

static struct op *
keep(struct log *l, enum what what, uint64_t off, uint64_t len)
{
	struct op *op = &l->op[l->n < LOG ? l->n++ : LOG - 1];

	free(op->data);
	*op = (struct op){what, off, len, NULL};
	return op;
}

static ssize_t
log_preadv(void *to, int fd, const struct iovec *iov, int n, off_t off)
{
	(void)to;
	return preadv(fd, iov, n, off);
}

static ssize_t
log_pwritev(void *to, int fd, const struct iovec *iov, int n, off_t off)
{
	struct log *l = to;
	uint64_t len = 0, at = 0;
	struct op *op;

	if (must_fail(l))
		return -1;
	for (int k = 0; k < n; k++)
		len += iov[k].iov_len;
	op = keep(l, WRITE, (uint64_t)off, len);
	op->data = malloc(len);
	for (int k = 0; k < n; k++) {
		memcpy(op->data + at, iov[k].iov_base, iov[k].iov_len);
		at += iov[k].iov_len;
	}
	return pwritev(fd, iov, n, off);
}

static int
log_fdatasync(void *to, int fd)
{
	struct log *l = to;

	(void)fd;
	if (must_fail(l))
		return -1;
	keep(l, SYNC, 0, 0);
	return 0;
}

static int
log_ftruncate(void *to, int fd, off_t size)
{
	struct log *l = to;

	if (must_fail(l))
		return -1;
	keep(l, TRUNCATE, (uint64_t)size, 0);
	return ftruncate(fd, size);
}

static int
log_fallocate(void *to, int fd, int mode, off_t off, off_t len)
{
	struct log *l = to;

	if (must_fail(l))
		return -1;
	if (mode & FALLOC_FL_PUNCH_HOLE || mode & FALLOC_FL_ZERO_RANGE)
		keep(l, ZEROS, (uint64_t)off, (uint64_t)len);
	return fallocate(fd, mode, off, len);
}

static const struct calls_file log_file = {
	log_preadv, log_pwritev, log_fdatasync, log_ftruncate, log_fallocate};

static void
forget(struct log *l)
{
	while (l->n)
		free(l->op[--l->n].data);
	memset(l->op, 0, sizeof(l->op));
}

/* ---- images ---- */

static int
memory(void)
{
	return memfd_create("vdi", MFD_CLOEXEC);
}

/* Small blocks, so that there are many; VirtualBox's are 1 MiB. */
static int
make(void)
{
	uint8_t h[BLOCK * 2] = {0};
	int fd = memory();

	put_le32(h + VDI_SIGNATURE, VDI_MAGIC);
	put_le32(h + VDI_VERSION, 0x10001);
	put_le32(h + VDI_HEADER_SIZE, 400);
	put_le32(h + VDI_TYPE, VDI_DYNAMIC);
	put_le32(h + VDI_MAP, BLOCK);
	put_le32(h + VDI_DATA, 2 * BLOCK);
	put_le32(h + VDI_SECTOR, SECTOR);
	put_le64(h + VDI_SIZE, SIZE);
	put_le32(h + VDI_BLOCK_SIZE, BLOCK);
	put_le32(h + VDI_BLOCKS, BLOCKS);
	memset(h + BLOCK, 0xff, BLOCKS * 4);
	if (pwrite(fd, h, sizeof(h), 0) != sizeof(h))
		exit(1);
	return fd;
}

static struct image *
open_it(int fd, struct log *l)
{
	const struct image_options o = {
		.write = true, .calls = l ? &l->calls : NULL};
	struct image *im = NULL;

	if (l)
		l->calls = (struct calls){.to = l, .file = &log_file};
	if (image_open(&im, dup(fd), "test.vdi", IMAGE_VDI, &o))
		fprintf(stderr, "# %s\n", fail_text());
	return im;
}

static void
fill(uint64_t *sector, uint64_t stamp)
{
	for (unsigned k = 0; k < SECTOR / 8; k++)
		sector[k] = stamp;
}

/* The stamp that a sector is full of; UINT64_MAX: of several. */
static uint64_t
stamp_of(const uint64_t *sector)
{
	for (unsigned k = 1; k < SECTOR / 8; k++)
		if (sector[k] != sector[0])
			return UINT64_MAX;
	return sector[0];
}

/* ---- the model ---- */

struct model {
	uint64_t now[SECTORS], flushed[SECTORS];
	/* The first stamp after the last flush: every later one may be there,
	 * where it was written. */
	uint64_t since, stamp;
	bool cleared[SECTORS]; /* since then: zeros, too */
	bool was[SECTORS][64]; /* the stamps since, by their low bits */
};

static void
note(struct model *m, unsigned s, uint64_t stamp)
{
	m->now[s] = stamp;
	if (stamp)
		m->was[s][stamp - m->since] = true;
	else
		m->cleared[s] = true;
}

static void
flushed(struct model *m)
{
	memcpy(m->flushed, m->now, sizeof(m->now));
	memset(m->cleared, 0, sizeof(m->cleared));
	memset(m->was, 0, sizeof(m->was));
	m->since = m->stamp + 1;
}

static bool
allowed(const struct model *m, unsigned s, uint64_t stamp)
{
	if (stamp == m->flushed[s] || (!stamp && m->cleared[s]))
		return true;
	return stamp >= m->since && stamp - m->since < 64 &&
	       m->was[s][stamp - m->since];
}

/* One thing that a guest does; false: it failed. */
static bool
act(struct image *im, struct model *m)
{
	static uint64_t buf[SIZE / 8];
	unsigned s = rnd(SECTORS), n = 1 + rnd(rnd(4) ? 8 : 40), what = rnd(12);
	uint64_t stamp;

	if (n > SECTORS - s)
		n = SECTORS - s;
	if (what == 0 || m->stamp + 2 - m->since >= 64) {
		if (image_flush(im))
			return false;
		flushed(m);
		return true;
	}
	if (what <= 2) {
		bool zero = what == 1;

		if (zero ? image_zero(im, s * SECTOR, n * SECTOR, rnd(2))
			 : image_discard(im, s * SECTOR, n * SECTOR))
			return false;
		/* What is discarded reads as before or as zeros. */
		if (image_read(im, s * SECTOR, buf, n * SECTOR))
			return false;
		for (unsigned k = 0; k < n; k++) {
			uint64_t is = stamp_of(buf + k * SECTOR / 8);

			if (is && (zero || is != m->now[s + k]))
				return false;
			if (!is)
				note(m, s + k, 0);
		}
		return true;
	}
	stamp = ++m->stamp;
	for (unsigned k = 0; k < n; k++) {
		fill(buf + k * SECTOR / 8, stamp);
		note(m, s + k, stamp);
	}
	return image_write(im, s * SECTOR, buf, n * SECTOR) == 0;
}

static bool
same(struct image *im, const struct model *m)
{
	static uint64_t buf[SIZE / 8];

	if (image_read(im, 0, buf, SIZE))
		return false;
	for (unsigned s = 0; s < SECTORS; s++)
		if (stamp_of(buf + s * SECTOR / 8) != m->now[s])
			return false;
	return true;
}

/* ---- crashes ---- */

static void
redo(int fd, const struct op *op, bool torn)
{
	static const uint8_t zeros[BLOCK * BLOCKS];

	switch (op->what) {
	case WRITE:
		for (uint64_t k = 0; k < op->len; k += SECTOR) {
			size_t n = op->len - k < SECTOR ? op->len - k : SECTOR;

			if (!torn || rnd(2))
				(void)!pwrite(fd, op->data + k, n,
					(off_t)(op->off + k));
		}
		return;
	case ZEROS: {
		struct stat st;

		fstat(fd, &st);
		if ((uint64_t)st.st_size > op->off)
			(void)!pwrite(fd, zeros,
				(uint64_t)st.st_size - op->off < op->len
					? (uint64_t)st.st_size - op->off
					: op->len,
				(off_t)op->off);
		return;
	}
	case TRUNCATE:
		(void)!ftruncate(fd, (off_t)op->off);
		return;
	case SYNC:
		return;
	}
}

/* What the disk may have when the power goes after n calls. */
static int
crashed(int base, const struct log *l, unsigned n)
{
	static uint8_t all[(BLOCKS + 4) * BLOCK];
	ssize_t size = pread(base, all, sizeof(all), 0);
	int fd = memory();
	unsigned sure = n;

	(void)!pwrite(fd, all, (size_t)size, 0);
	while (sure && l->op[sure - 1].what != SYNC)
		sure--;
	for (unsigned k = 0; k < sure; k++)
		redo(fd, &l->op[k], false);
	for (unsigned k = sure; k < n; k++)
		if (rnd(3))
			redo(fd, &l->op[k], rnd(2));
	return fd;
}

/* It opens, holds what was flushed, and goes on without harm. */
static bool
survives(int fd, struct model *m)
{
	static uint64_t buf[SIZE / 8];
	struct image_check c;
	struct image *im = open_it(fd, NULL);
	struct model after = {.since = 1};
	bool good = im && image_read(im, 0, buf, SIZE) == 0;

	for (unsigned s = 0; s < SECTORS && good; s++) {
		after.now[s] = stamp_of(buf + s * SECTOR / 8);
		good = allowed(m, s, after.now[s]);
		if (!good)
			printf("# sector %u: %#" PRIx64 ", was %#" PRIx64 "\n",
				s, after.now[s], m->flushed[s]);
	}
	after.stamp = UINT32_MAX;
	flushed(&after);
	for (unsigned k = 0; k < 10 && good; k++)
		good = act(im, &after);
	good = good && image_flush(im) == 0 && same(im, &after) &&
	       image_check(im, false, &c, NULL, NULL) == 0 && !c.errors;
	image_close(im);
	return good;
}

static void
test_crashes(void)
{
	struct log *l = calloc(1, sizeof(*l));
	struct model *m = calloc(1, sizeof(*m));
	unsigned images = 0, bad = 0;

	for (unsigned r = 0; r < ROUNDS && !bad; r++) {
		int fd = make(), base = make();
		struct image *im = open_it(fd, l);
		bool good = true;

		memset(m, 0, sizeof(*m));
		m->since = 1;
		for (unsigned k = 0; k < 40 && good; k++) {
			good = act(im, m);
			/* Between any two calls: after each of the last. */
			for (unsigned c = 0; c < CRASHES / 4 && !bad; c++) {
				int cut = crashed(base, l, l->n);

				bad += !survives(cut, m);
				images++;
				close(cut);
			}
		}
		if (!good || !same(im, m))
			bad++;
		image_close(im);
		forget(l);
		close(fd);
		close(base);
	}
	ok(!bad, "%u crash images open and hold what was flushed", images);
	free(l);
	free(m);
}

/* In the middle of a flush, before each of its calls. */
static void
test_crash_in_flush(void)
{
	struct log *l = calloc(1, sizeof(*l));
	struct model *m = calloc(1, sizeof(*m)), *then;
	unsigned images = 0, bad = 0;

	then = calloc(1, sizeof(*then));
	for (unsigned r = 0; r < ROUNDS && !bad; r++) {
		int fd = make(), base = make();
		struct image *im = open_it(fd, l);
		unsigned from;

		memset(m, 0, sizeof(*m));
		m->since = 1;
		for (unsigned k = 0; k < 25; k++)
			bad += !act(im, m);
		*then = *m;
		from = l->n;
		bad += image_flush(im) != 0;
		for (unsigned n = from; n < l->n; n++)
			for (unsigned c = 0; c < 4 && !bad; c++) {
				int cut = crashed(base, l, n);

				bad += !survives(cut, then);
				images++;
				close(cut);
			}
		image_close(im);
		forget(l);
		close(fd);
		close(base);
	}
	ok(!bad, "%u crashes inside a flush, too", images);
	free(l);
	free(m);
	free(then);
}

/* ---- calls that fail ---- */

static void
test_failures(void)
{
	struct log *l = calloc(1, sizeof(*l));
	unsigned bad = 0, failed = 0;

	for (unsigned n = 1; n < 60 && !bad; n++) {
		static uint64_t buf[SECTOR / 8];
		uint64_t want[BLOCKS];
		int fd = make();
		struct image *im = open_it(fd, l);
		struct image_check c;

		l->fail_at = n;
		for (unsigned b = 0; b < BLOCKS - 1; b++) {
			unsigned at = b * 7 % (BLOCKS - 1);

			fill(buf, b + 1);
			want[at] = b + 1;
			/* As a guest would: again, after an error. */
			while (image_write(im, at * BLOCK, buf, SECTOR))
				failed++;
			if (b % 8 == 7)
				while (image_flush(im))
					failed++;
		}
		bad += image_flush(im) != 0;
		image_close(im);
		im = open_it(fd, NULL);
		for (unsigned b = 0; b < BLOCKS - 1; b++) {
			bad += image_read(im, b * BLOCK, buf, SECTOR) != 0;
			bad += stamp_of(buf) != want[b];
		}
		bad += image_check(im, false, &c, NULL, NULL) || c.errors ||
		       c.leaks;
		image_close(im);
		forget(l);
		close(fd);
	}
	ok(!bad, "a call that fails loses nothing once it is tried again");
	ok(failed >= 50, "... and does fail (%u times)", failed);
	free(l);
}

/* ---- check, resize ---- */

static void
test_lost_blocks(void)
{
	static uint64_t buf[SECTOR / 8];
	uint8_t none[4] = {0xff, 0xff, 0xff, 0xff};
	struct image_check c;
	struct stat st;
	int fd = make();
	struct image *im = open_it(fd, NULL);

	for (unsigned b = 0; b < 4; b++) {
		fill(buf, b + 1);
		image_write(im, b * BLOCK, buf, SECTOR);
	}
	image_close(im);
	(void)!pwrite(fd, none, 4, BLOCK + 4); /* the second is forgotten */
	im = open_it(fd, NULL);
	ok(image_check(im, false, &c, NULL, NULL) == 0 && c.leaks == 1 &&
			!c.errors && c.allocated == 3,
		"a block that no entry has is lost room");
	ok(image_check(im, true, &c, NULL, NULL) == 0 && c.fixed == 1,
		"... which repair gives back");
	ok(image_check(im, false, &c, NULL, NULL) == 0 && !c.leaks && !c.errors,
		"... then nothing is wrong");
	fstat(fd, &st);
	is_u64((uint64_t)st.st_size, 2 * BLOCK + 3 * BLOCK,
		"... and the file is shorter");
	image_read(im, 3 * BLOCK, buf, SECTOR);
	is_u64(stamp_of(buf), 4, "... with the block that moved");
	image_close(im);
	close(fd);
}

static void
test_resize(void)
{
	static uint64_t buf[SECTOR / 8];
	struct image_check c;
	int fd = make();
	struct image *im = open_it(fd, NULL);

	fill(buf, 7);
	image_write(im, SIZE - SECTOR, buf, SECTOR); /* the last block first */
	image_write(im, 0, buf, SECTOR);
	ok(image_resize(im, SIZE / 2 / SECTOR * SECTOR) == 0, "smaller");
	image_close(im);
	im = open_it(fd, NULL);
	is_u64(image_size(im), SIZE / 2 / SECTOR * SECTOR, "... and stays so");
	ok(image_check(im, false, &c, NULL, NULL) == 0 && !c.errors &&
			!c.leaks && c.allocated == 1,
		"... without what was behind the end");
	ok(image_resize(im, 100 * BLOCK) == 0, "larger again");
	image_close(im);
	im = open_it(fd, NULL);
	ok(image_read(im, SIZE - SECTOR, buf, SECTOR) == 0 && !stamp_of(buf),
		"... with zeros in the new part");
	ok(image_read(im, 0, buf, SECTOR) == 0 && stamp_of(buf) == 7,
		"... and what was there in the old one");
	ok(image_resize(im, (uint64_t)1 << 24) == -ENOTSUP,
		"not larger than its map has room for");
	image_close(im);
	close(fd);
}

static void
test_create(void)
{
	const struct image_create fixed = {.size = 3 << 20, .fixed = true};
	const struct image_create none = {.size = ((uint64_t)64 << 40) + 512};
	struct image_extent e;
	int fd = memory();
	struct image *im;

	ok(image_create(fd, "f.vdi", IMAGE_VDI, &fixed, NULL) == 0,
		"a fixed one is made");
	im = open_it(fd, NULL);
	ok(image_map(im, 0, &e) == 0 && e.where == IMAGE_DATA &&
			e.len == 3 << 20,
		"... with all its blocks");
	image_close(im);
	close(fd);
	fd = memory();
	ok(image_create(fd, "l.vdi", IMAGE_VDI, &none, NULL) == -EFBIG,
		"not one of more than 64 TiB");
	close(fd);
}

/* ---- threads ---- */

struct writer {
	struct image *im;
	unsigned mine;
	bool good;
};

static void *
write_all(void *to)
{
	struct writer *w = to;
	uint64_t buf[SECTOR / 8];

	w->good = true;
	for (unsigned k = 0; k < 400; k++) {
		unsigned s = (k * 37 % (SECTORS / 4)) * 4 + w->mine;

		fill(buf, s + 1);
		w->good = w->good &&
			  image_write(w->im, s * SECTOR, buf, SECTOR) == 0;
		if (k % 100 == 99)
			w->good = w->good && image_flush(w->im) == 0;
	}
	return NULL;
}

static void
test_threads(void)
{
	struct writer w[4];
	pthread_t thread[4];
	static uint64_t buf[SIZE / 8];
	struct image_check c;
	unsigned bad = 0;
	int fd = make();
	struct image *im = open_it(fd, NULL);

	for (unsigned k = 0; k < 4; k++) {
		w[k] = (struct writer){.im = im, .mine = k};
		pthread_create(&thread[k], NULL, write_all, &w[k]);
	}
	for (unsigned k = 0; k < 4; k++) {
		pthread_join(thread[k], NULL);
		bad += !w[k].good;
	}
	image_close(im);
	im = open_it(fd, NULL);
	bad += image_read(im, 0, buf, SIZE) != 0;
	for (unsigned s = 0; s < SECTORS / 4 * 4; s++)
		bad += stamp_of(buf + s * SECTOR / 8) != s + 1;
	bad += image_check(im, false, &c, NULL, NULL) || c.errors || c.leaks;
	ok(!bad, "four threads write into the same blocks");
	image_close(im);
	close(fd);
}

int
main(void)
{
	deadline(120);
	test_crashes();
	test_crash_in_flush();
	test_failures();
	test_lost_blocks();
	test_resize();
	test_create();
	test_threads();
	return done();
}
