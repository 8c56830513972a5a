/* SPDX-License-Identifier: MIT */
/*
 * qcow2 against a plain array, with crashes between any two writes: four queues
 * write, read, discard, zero and flush at random; then the file is made as a
 * crash may have left it, at many times and in many ways. It has to open, with
 * clean metadata and no repair (but for lazy refcounts), and hold what was
 * flushed; of what came later each sector is old or new, nothing else.
 *
 *	image-crash [IMAGES [SEED [DIRECTORY]]]
 *
 * DIRECTORY gets some of the images, to be shown to another program.
 */
#include "tests/unit/image-scene.h"

enum { CRASHES = 100 }; /* of a run */

struct how { /* what of the unflushed is on the disk */
	uint64_t *random;
	unsigned of; /* one in so many sectors is missing; 0: none */
};

static bool
keep_sector(void *to)
{
	struct how *h = to;

	return !h->of || pick(h->random, h->of);
}

/* The content with the steps before the end, those from the last flush on with
 * losses. */
static void
crash(struct scene *s, struct content *c, size_t synced, size_t end,
	uint64_t *r)
{
	unsigned kind = pick(r, 5);
	size_t one =
		synced + (end > synced ? pick(r, (unsigned)(end - synced)) : 0);

	for (size_t i = synced; i < end; i++) {
		struct how h = {r, 0};

		switch (kind) {
		case 0: /* all */
			break;
		case 1: /* all but one */
			if (i == one)
				continue;
			break;
		case 2: /* any */
			if (pick(r, 2))
				continue;
			break;
		case 3: /* only one, and that is torn */
			if (i != one)
				continue;
			h.of = 2;
			break;
		default: /* any sector */
			h.of = 2 + pick(r, 4);
			if (s->log.step[i].kind != STEP_WRITE && pick(r, 2))
				continue;
		}
		content_apply(c, &s->log.step[i], keep_sector, &h);
	}
}

static uint64_t
flushed_by(const struct scene *s, uint64_t time)
{
	uint64_t safe = 0;

	for (unsigned i = 0; i < s->flushes; i++)
		if (s->flush[i].end <= time && s->flush[i].start > safe)
			safe = s->flush[i].start;
	return safe;
}

static void
say(void *to, const char *sentence)
{
	(void)to;
	printf("# %s\n", sentence);
}

/* The snapshot is as it was: seen as if its table were the disk's. */
static bool
look_back(struct scene *s, const struct content *c)
{
	static unsigned char buf[SECTORS * SECTOR];
	unsigned char l1[8];
	struct image *image;
	int fd = content_file(c);
	bool good;

	put(l1, s->snapshot_l1, 8);
	if (pwrite(fd, l1, 8, 40) != 8)
		exit(1);
	if (open_image(s, fd, false, NULL, &image)) {
		close(fd);
		return false;
	}
	good = image_read(image, 0, buf, sizeof(buf)) == 0 &&
	       memcmp(buf, s->held, sizeof(buf)) == 0;
	if (!good)
		printf("# the snapshot has changed\n");
	image_close(image);
	return good;
}

/* True: it is as it should be. */
static bool
look(struct scene *s, const struct content *c, uint64_t time)
{
	static unsigned char buf[SECTORS * SECTOR];
	struct image *image;
	struct image_check check;
	int fd = content_file(c);
	bool good;

	if (open_image(s, fd, s->lazy, NULL, &image)) {
		printf("# open: %s\n", fail_text());
		close(fd);
		return false;
	}
	good = image_check(image, false, &check, NULL, NULL) == 0 &&
	       !check.errors;
	if (!good)
		image_check(image, false, &check, say, NULL);
	if (image_read(image, 0, buf, sizeof(buf))) {
		printf("# read: %s\n", fail_text());
		good = false;
	}
	if (count_wrong(&s->model, buf, 0, SECTORS, time, flushed_by(s, time),
		    false))
		good = false;
	if (image_close(image))
		good = false;
	return good && (!s->snapshot || look_back(s, c));
}

static void
keep_file(const struct content *c, const char *dir, unsigned n)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/crash-%u.qcow2", dir, n);
	f = must(fopen(path, "w"));
	if (fwrite(c->p, 1, c->size, f) != c->size || fclose(f))
		exit(1);
}

/* That many crashes of one run; how many of them were wrong. */
static unsigned
crash_often(struct scene *s, unsigned n, uint64_t *r, const char *dir)
{
	struct content safe = {0}, c = {0};
	size_t synced = 0, end = s->log.n;
	unsigned bad = 0, done = 0;

	content_reach(&safe, s->first.size);
	memcpy(safe.p, s->first.p, s->first.size);
	for (size_t i = 0; i <= end; i++) {
		uint64_t time = i < end ? s->log.step[i].time - 1 : s->log.time;
		/* As many as there are, evenly. */
		unsigned until = (unsigned)((i + 1) * n / (end + 1));

		for (; done < until; done++) {
			c.size = 0;
			content_reach(&c, safe.size);
			memcpy(c.p, safe.p, safe.size);
			crash(s, &c, synced, i, r);
			if (dir && pick(r, 50) == 0 && !s->lazy)
				keep_file(&c, dir, done);
			if (!look(s, &c, time) && bad++ < 3)
				printf("# at step %zu of %zu\n", i, end);
		}
		if (i < end && s->log.step[i].kind == STEP_SYNC) {
			for (; synced <= i; synced++)
				content_apply(&safe, &s->log.step[synced], NULL,
					NULL);
		}
	}
	free(safe.p);
	free(c.p);
	return bad;
}

/* Closed in good order, it has not even leaks. */
static bool
is_whole(struct scene *s)
{
	struct image *image;
	struct image_check check = {.errors = 1};

	if (open_image(
		    s, fcntl(s->fd, F_DUPFD_CLOEXEC, 3), false, NULL, &image))
		return false;
	image_check(image, false, &check, say, NULL);
	image_close(image);
	return !check.errors && !check.leaks;
}

static unsigned
run_scene(uint64_t seed, unsigned crashes, bool threads, const char *dir)
{
	struct scene *s = must(calloc(1, sizeof(*s)));
	struct image_check check;
	uint64_t r = (seed + 1) * 0x9e3779b97f4a7c15;
	struct calls calls;
	unsigned bad;

	s->threads = threads;
	set_scene(s, &r, &calls);
	play(s, &r);
	if (image_flush(s->image) ||
		image_check(s->image, false, &check, NULL, NULL) ||
		check.errors || image_close(s->image) || !is_whole(s))
		s->bad++;
	bad = s->bad + crash_often(s, crashes, &r, dir);
	if (bad)
		printf("# seed %" PRIu64 ": %u-byte clusters%s%s%s%s%s%s\n",
			seed, 1U << s->bits, s->v2 ? ", v2" : "",
			s->lazy ? ", lazy" : "", s->zstd ? ", zstd" : "",
			s->backing ? ", backing" : "",
			s->snapshot ? ", snapshot" : "",
			s->threads ? ", threads" : "");
	drop_scene(s);
	free(s);
	return bad;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { IMAGES = 400 }; /* it is slow then, and the others have been seen */
#else
enum { IMAGES = 5000 };
#endif

int
main(int argc, char **argv)
{
	unsigned images = argc > 1 ? (unsigned)atoi(argv[1]) : IMAGES;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	unsigned runs = (images + CRASHES - 1) / CRASHES, bad[2] = {0, 0};

	deadline(argc > 1 ? 3600 : 300);
	for (unsigned i = 0; i < runs && bad[0] + bad[1] < 5; i++)
		bad[i % 2] += run_scene(
			seed + i, CRASHES, i % 2, argc > 3 ? argv[3] : NULL);
	ok(!bad[0], "%u crashes in one thread: clean, and all that was flushed",
		runs * CRASHES / 2);
	ok(!bad[1], "%u with four threads", runs * CRASHES / 2);
	return done();
}
