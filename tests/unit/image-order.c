/* SPDX-License-Identifier: MIT */
/*
 * qcow2, where chance seldom gets: a cluster that is given up while somebody is
 * still at work on it, room that is used again and was not empty, and tables
 * that have to leave the cache before their time has come.
 */
#include "lib/image/image.h"

#include <errno.h>

#include "lib/err.h"
#include "tests/unit/image-log.h"

enum { CLUSTER = 512, DISK = 1 << 20 };

struct gate { /* that the slow thread's next call on the file waits at */
	pthread_mutex_t lock;
	pthread_cond_t moved;
	bool waits, open;
};

static _Thread_local bool slow;

static void
pass(struct gate *g)
{
	if (!slow)
		return;
	slow = false;
	pthread_mutex_lock(&g->lock);
	g->waits = true;
	pthread_cond_broadcast(&g->moved);
	while (!g->open)
		pthread_cond_wait(&g->moved, &g->lock);
	pthread_mutex_unlock(&g->lock);
}

static ssize_t
gate_preadv(void *to, int fd, const struct iovec *iov, int n, off_t off)
{
	pass(to);
	return preadv(fd, iov, n, off);
}

static ssize_t
gate_pwritev(void *to, int fd, const struct iovec *iov, int n, off_t off)
{
	pass(to);
	return pwritev(fd, iov, n, off);
}

static int
gate_fdatasync(void *to, int fd)
{
	(void)to;
	(void)fd;
	return 0;
}

static int
gate_ftruncate(void *to, int fd, off_t size)
{
	(void)to;
	return ftruncate(fd, size);
}

/* There is no making holes here. */
static int
gate_fallocate(void *to, int fd, int mode, off_t off, off_t len)
{
	(void)to;
	(void)fd;
	(void)mode;
	(void)off;
	(void)len;
	errno = EOPNOTSUPP;
	return -1;
}

static const struct calls_file gate_calls = {
	.preadv = gate_preadv,
	.pwritev = gate_pwritev,
	.fdatasync = gate_fdatasync,
	.ftruncate = gate_ftruncate,
	.fallocate = gate_fallocate,
};

struct test {
	struct gate gate;
	struct calls calls;
	struct image *image;
	int fd;
	bool writes; /* the slow thread */
	unsigned char buf[CLUSTER];
};

static bool
begin(struct test *t)
{
	const struct image_create c = {.size = DISK, .cluster_bits = 9};
	const struct image_options o = {
		.write = true, .calls = &t->calls, .cache = 1};

	*t = (struct test){.gate = {.lock = PTHREAD_MUTEX_INITIALIZER,
				   .moved = PTHREAD_COND_INITIALIZER}};
	t->calls = (struct calls){.to = &t->gate, .file = &gate_calls};
	t->fd = content_file(NULL);
	return image_create(t->fd, "order", IMAGE_QCOW2, &c, NULL) == 0 &&
	       image_open(&t->image, fcntl(t->fd, F_DUPFD_CLOEXEC, 3), "order",
		       IMAGE_QCOW2, &o) == 0;
}

/* The file as it is now has no errors. */
static bool
is_clean(const struct test *t)
{
	const struct image_options o = {0};
	struct image_check c;
	struct image *image;
	int fd = fcntl(t->fd, F_DUPFD_CLOEXEC, 3);
	bool good;

	if (image_open(&image, fd, "order", IMAGE_QCOW2, &o))
		return false;
	good = image_check(image, false, &c, NULL, NULL) == 0 && !c.errors;
	image_close(image);
	return good;
}

static bool
end(struct test *t)
{
	bool good = image_close(t->image) == 0 && is_clean(t);

	close(t->fd);
	return good;
}

static bool
put(struct test *t, uint64_t off, size_t n, int value)
{
	unsigned char *p = must(malloc(n));
	bool good;

	memset(p, value, n);
	good = image_write(t->image, off, p, n) == 0;
	free(p);
	return good;
}

static bool
all(struct test *t, uint64_t off, size_t n, int value)
{
	unsigned char *p = must(malloc(n));
	bool good = image_read(t->image, off, p, n) == 0;

	for (size_t i = 0; i < n && good; i++)
		good = p[i] == value;
	free(p);
	return good;
}

static void *
be_slow(void *to)
{
	struct test *t = to;
	int err;

	slow = true;
	if (t->writes)
		err = image_write(t->image, 0, t->buf, CLUSTER);
	else
		err = image_read(t->image, 0, t->buf, CLUSTER);
	return err ? NULL : t;
}

/* The disk's first cluster is given up under it, and others are written. */
static bool
overtake(struct test *t)
{
	pthread_t thread;
	void *well;
	bool good = put(t, 0, CLUSTER, 'a') && image_flush(t->image) == 0 &&
		    all(t, 0, CLUSTER, 'a');

	memset(t->buf, 'b', CLUSTER);
	if (pthread_create(&thread, NULL, be_slow, t))
		exit(1);
	pthread_mutex_lock(&t->gate.lock);
	while (!t->gate.waits)
		pthread_cond_wait(&t->gate.moved, &t->gate.lock);
	pthread_mutex_unlock(&t->gate.lock);
	good = good && image_discard(t->image, 0, CLUSTER) == 0 &&
	       image_flush(t->image) == 0 && put(t, CLUSTER, 20000, 'c') &&
	       image_flush(t->image) == 0;
	pthread_mutex_lock(&t->gate.lock);
	t->gate.open = true;
	pthread_cond_broadcast(&t->gate.moved);
	pthread_mutex_unlock(&t->gate.lock);
	pthread_join(thread, &well);
	return good && well;
}

static void
test_overtaken(void)
{
	struct test *t = must(malloc(sizeof(*t)));

	ok(begin(t) && overtake(t) && t->buf[0] == 'a' &&
			memcmp(t->buf, t->buf + 1, CLUSTER - 1) == 0,
		"who reads a cluster that is given up reads nobody else's");
	ok(end(t), "the image is whole");
	ok(begin(t) && (t->writes = true) && overtake(t) &&
			all(t, CLUSTER, 20000, 'c') &&
			image_flush(t->image) == 0,
		"who writes to one writes over nobody else's");
	ok(end(t), "the image is whole");
	free(t);
}

static void
test_used(void)
{
	struct test *t = must(malloc(sizeof(*t)));
	const struct image_create c = {.size = DISK, .cluster_bits = 12};
	const struct image_options o = {.write = true, .calls = &t->calls};
	bool good = begin(t);

	image_close(t->image);
	t->image = NULL;
	good = good && ftruncate(t->fd, 0) == 0 &&
	       image_create(t->fd, "order", IMAGE_QCOW2, &c, NULL) == 0 &&
	       image_open(&t->image, fcntl(t->fd, F_DUPFD_CLOEXEC, 3), "order",
		       IMAGE_QCOW2, &o) == 0;
	ok(good && put(t, 0, 65536, 'a') && image_flush(t->image) == 0 &&
			image_discard(t->image, 0, 65536) == 0 &&
			image_flush(t->image) == 0 &&
			put(t, 131072 + 512, 512, 'b') &&
			all(t, 131072, 512, 0) &&
			all(t, 131072 + 512, 512, 'b') &&
			all(t, 131072 + 1024, 3072, 0),
		"room that is used again shows nothing of what was there");
	ok(end(t), "the image is whole");
	free(t);
}

static void
test_packed(void)
{
	struct test *t = must(malloc(sizeof(*t)));
	unsigned char a[CLUSTER];
	bool good = begin(t);

	for (int i = 0; i < 4 && good; i++) {
		memset(a, 'a' + i, CLUSTER);
		good = image_write_compressed(t->image, 0, a, CLUSTER) == 0 &&
		       all(t, 0, CLUSTER, 'a' + i) &&
		       image_discard(t->image, 0, CLUSTER) == 0 &&
		       image_flush(t->image) == 0;
	}
	ok(good, "nor does what was unpacked from there");
	ok(end(t), "the image is whole");
	free(t);
}

/* More tables than the cache holds, of which some may not be written. */
static void
test_cache(void)
{
	const unsigned reach = CLUSTER / 8 * CLUSTER; /* of a table */
	struct test *t = must(malloc(sizeof(*t)));
	bool good = begin(t), clean = true;

	for (unsigned i = 0; i < DISK / reach && good; i++)
		good = put(t, i * reach, CLUSTER, 'a');
	good = good && image_flush(t->image) == 0;
	for (unsigned i = 0; i < DISK / reach && good; i++) {
		good = put(t, i * reach + CLUSTER, CLUSTER, 'b');
		for (unsigned k = 0; k < 2 * DISK / reach && good; k++)
			good = all(t, k * reach % DISK, CLUSTER, 'a');
		clean = clean && is_clean(t);
	}
	ok(good && clean, "no table is written before what it refers to");
	for (unsigned i = 0; i < DISK / reach && good; i++)
		good = all(t, i * reach + CLUSTER, CLUSTER, 'b');
	ok(good && end(t), "in the end it is, and the image is whole");
	free(t);
}

int
main(void)
{
	deadline(60);
	test_overtaken();
	test_used();
	test_packed();
	test_cache();
	return done();
}
