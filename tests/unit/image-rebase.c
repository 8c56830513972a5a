/* SPDX-License-Identifier: MIT */
/*
 * Another backing file for a qcow2 image, with crashes between any two writes
 * and any two sectors: the header names the old one or the new one, with its
 * own format, and what else is in the header stays.
 */
#include "lib/err.h"
#include "lib/image/image.h"
#include "tests/unit/image-model.h"

enum { HEADER = 4096, REBASES = 10, CRASHES = 40, NAME = 1024 };

struct names {
	char name[NAME], format[16]; /* "": none */
};

struct kind {
	unsigned bits;
	bool v2;
	unsigned features, unknown; /* bytes of extensions, as others write */
	unsigned longest; /* name */
	const char *what;
};

static const struct kind kinds[] = {
	{9, false, 0, 0, 120, "512-byte clusters"},
	{9, true, 0, 0, 120, "512-byte clusters, version 2"},
	{12, false, 0, 0, 1023, "4 KiB clusters"},
	{12, true, 48, 100, 500, "4 KiB clusters, version 2, extensions"},
	{12, false, 384, 0, 500, "4 KiB clusters and QEMU's feature table"},
	{16, true, 0, 0, 1023, "64 KiB clusters, version 2"},
	{16, false, 384, 0, 1023, "64 KiB clusters and QEMU's feature table"},
	{16, false, 384, 24, 1023, "and a short one more"},
	{16, false, 384, 3000, 1023, "and a long one more"},
};

struct scene {
	const struct kind *kind;
	struct disk_log log;
	uint64_t random;
	unsigned bad, crashes, torn; /* torn: neither was whole */
};

static void
put32(unsigned char *p, uint32_t v)
{
	for (int i = 3; i >= 0; i--, v >>= 8)
		p[i] = (unsigned char)v;
}

static uint32_t
get32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

static size_t
add(unsigned char *p, size_t at, uint32_t type, unsigned n)
{
	put32(p + at, type);
	put32(p + at + 4, n);
	memset(p + at + 8, 0, (n + 7) & ~7U);
	for (unsigned i = 0; i < n; i++) /* a name for bit 63, then whatever */
		p[at + 8 + i] = (unsigned char)(i == 1 ? 63 : i % 48 ? 'x' : 0);
	return at + 8 + ((n + 7) & ~7U);
}

/* Where the extension of that type begins; 0: there is none. */
static size_t
find(const unsigned char *p, size_t size, uint32_t type)
{
	size_t at = get32(p + 4) == 3 ? get32(p + 100) : 72;

	while (at + 8 <= size && get32(p + at)) {
		if (get32(p + at) == type)
			return at;
		at += 8 + ((get32(p + at + 4) + 7) & ~7U);
	}
	return 0;
}

static int
make(const struct kind *k)
{
	const struct image_create c = {
		.size = 1 << 20, .cluster_bits = k->bits, .v2 = k->v2};
	int fd = memfd_create("image", MFD_CLOEXEC);
	unsigned char head[HEADER] = {0};
	size_t at;

	if (fd < 0 || image_create(fd, "test", IMAGE_QCOW2, &c, NULL) ||
		pread(fd, head, sizeof(head), 0) < 512)
		exit(1);
	at = k->v2 ? 72 : 112;
	if (k->features)
		at = add(head, at, 0x6803f857, k->features);
	if (k->unknown)
		at = add(head, at, 0x12345678, k->unknown);
	put32(head + at, 0);
	put32(head + at + 4, 0);
	if (at > 112 && pwrite(fd, head, at + 8, 0) != (ssize_t)at + 8)
		exit(1);
	return fd;
}

/* What is there; false: it does not open, or something else is lost. */
static bool
read_names(const struct kind *k, int fd, struct names *n)
{
	const struct image_options o = {.alone = true};
	unsigned char head[HEADER * 16];
	ssize_t size = pread(fd, head, 1U << k->bits, 0);
	struct image *im;
	size_t at;

	if (size < 512 || image_open(&im, fcntl(fd, F_DUPFD_CLOEXEC, 3), "test",
				  IMAGE_QCOW2, &o))
		return false;
	*n = (struct names){"", ""};
	if (image_backing_name(im)) {
		snprintf(n->name, NAME, "%s", image_backing_name(im));
		snprintf(n->format, 16, "%s", image_backing_format(im));
	}
	image_close(im);
	at = find(head, (size_t)size, 0x12345678);
	if (!at != !k->unknown || (at && get32(head + at + 4) != k->unknown) ||
		(at && head[at + 8 + k->unknown - 1] != 'x'))
		return false;
	at = find(head, (size_t)size, 0x6803f857);
	return !at == !k->features &&
	       (!at || (get32(head + at + 4) == k->features &&
			       head[at + 8 + k->features - 1] == 'x'));
}

static void
choose(struct scene *s, struct names *n)
{
	static const char *const formats[] = {"", "raw", "qcow2", "vmdk"};
	unsigned len = pick(&s->random, 4)
			       ? pick(&s->random, s->kind->longest + 1)
			       : 0;

	*n = (struct names){"", ""};
	for (unsigned i = 0; i < len; i++)
		n->name[i] = (char)('a' + pick(&s->random, 26));
	if (len)
		strcpy(n->format, formats[pick(&s->random, 4)]);
}

static bool
same(const struct names *a, const struct names *b)
{
	return !strcmp(a->name, b->name) && !strcmp(a->format, b->format);
}

static bool
half(void *to)
{
	return pick(to, 2);
}

/* As it was before the log, with what a crash at its step `end` may leave. */
static int
crash(struct scene *s, const unsigned char *before, size_t size, size_t end)
{
	struct content c = {0};
	size_t synced = 0;
	int fd = memfd_create("crash", MFD_CLOEXEC);

	for (size_t i = 0; i < end; i++)
		if (s->log.step[i].kind == STEP_SYNC)
			synced = i;
	content_reach(&c, size);
	memcpy(c.p, before, size);
	for (size_t i = 0; i < end; i++)
		content_apply(&c, &s->log.step[i], i < synced ? NULL : half,
			&s->random);
	if (fd < 0 || write(fd, c.p, c.size) != (ssize_t)c.size)
		exit(1);
	free(c.p);
	return fd;
}

static void
crash_often(struct scene *s, const unsigned char *before, size_t size,
	const struct names *old, const struct names *new)
{
	struct names n;

	for (unsigned i = 0; i < CRASHES; i++) {
		int fd = crash(s, before, size,
			pick(&s->random, (unsigned)s->log.n + 1));

		s->crashes++;
		if (!read_names(s->kind, fd, &n)) {
			s->bad++;
			printf("# lost: %s\n", fail_text());
		} else if (!same(&n, old) && !same(&n, new)) {
			s->torn++;
			printf("# '%.20s' %s -> '%.20s' %s: '%.20s' %s\n",
				old->name, old->format, new->name, new->format,
				n.name, n.format);
		}
		close(fd);
	}
}

static void
rebase(struct scene *s, int fd, const struct names *n)
{
	struct calls calls = {.to = &s->log, .file = &log_calls};
	const struct image_options o = {
		.write = true, .alone = true, .calls = &calls};
	struct image *im;

	log_clear(&s->log);
	if (image_open(&im, fcntl(fd, F_DUPFD_CLOEXEC, 3), "test", IMAGE_QCOW2,
		    &o) ||
		image_rebase(im, *n->name ? n->name : NULL,
			*n->format ? n->format : NULL) ||
		image_close(im)) {
		printf("# %s\n", fail_text());
		s->bad++;
	}
}

static void
run(struct scene *s, int fd)
{
	struct names old = {"", ""}, new, n;
	unsigned char *before;
	off_t size;

	for (unsigned i = 0; i < REBASES; i++) {
		size = lseek(fd, 0, SEEK_END);
		before = must(malloc((size_t)size));
		if (pread(fd, before, (size_t)size, 0) != size)
			exit(1);
		choose(s, &new);
		rebase(s, fd, &new);
		if (!read_names(s->kind, fd, &n) || !same(&n, &new)) {
			printf("# '%.20s' %s is '%.20s' %s\n", new.name,
				new.format, n.name, n.format);
			s->bad++;
		}
		crash_often(s, before, (size_t)size, &old, &new);
		free(before);
		old = new;
	}
}

int
main(void)
{
	deadline(120);
	for (unsigned k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		struct scene s = {.kind = &kinds[k],
			.log = {.lock = PTHREAD_MUTEX_INITIALIZER},
			.random = k + 1};

		for (unsigned i = 0; i < 3 && s.bad + s.torn < 5; i++) {
			int fd = make(&kinds[k]);

			run(&s, fd);
			close(fd);
		}
		ok(!s.bad && !s.torn,
			"%u crashes: the old one or the new one: %s", s.crashes,
			kinds[k].what);
		log_clear(&s.log);
		free(s.log.step);
	}
	return done();
}
