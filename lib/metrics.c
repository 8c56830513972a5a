/* SPDX-License-Identifier: MIT */
/*
 * The metrics file: see metrics.h. pread(2) and pwrite(2) of one page, open
 * file description locks, fcntl(2), and a FIFO, fifo(7), of which the writer
 * has both ends, so that it never ends.
 */
#include "lib/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/err.h"

enum { BYTE_LOOKS, BYTE_WRITES };
enum { TRIES = 3, FIFO_MAX = 64 << 10, PAGE = 4096 };
#define OLD 2000000000u /* ns */
enum { /* what a hostile process may have put there is not waited for */
	SAFE = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY
};

_Static_assert(sizeof(struct metrics) == PAGE, "one page");

struct metrics_writer {
	int dir, fd, fifo;
};

struct metrics_reader {
	int fd;
	uint64_t since; /* what was read before is somebody else's, long ago */
};

static uint64_t
boot_time(void)
{
	struct timespec ts = {0};

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static uint64_t
sum(const struct metrics *m)
{
	size_t at = offsetof(struct metrics, time);
	uint64_t h = 0xcbf29ce484222325, word;

	for (; at < sizeof(*m); at += sizeof(word)) {
		memcpy(&word, (const char *)m + at, sizeof(word));
		h = (h ^ word) * 0x100000001b3;
	}
	return h;
}

static struct flock
byte_lock(short type, int byte)
{
	return (struct flock){
		.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = byte,
		.l_len = 1,
	};
}

static int
take(int fd, short type, int byte)
{
	struct flock l = byte_lock(type, byte);

	return fcntl(fd, F_OFD_SETLK, &l) ? -errno : 0;
}

/* Does somebody else hold what is in the way of a lock of that type? */
static bool
held(int fd, short type, int byte)
{
	struct flock l = byte_lock(type, byte);

	return fcntl(fd, F_OFD_GETLK, &l) == 0 && l.l_type != F_UNLCK;
}

/* ---- writing ---- */

static int
make_fifo(int dir)
{
	struct stat st;
	int fd;

	if (mkfifoat(dir, METRICS_WAKE, 0600))
		return -errno;
	fd = openat(dir, METRICS_WAKE, O_RDWR | SAFE);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || !S_ISFIFO(st.st_mode)) {
		close(fd);
		return -EINVAL;
	}
	return fd;
}

static int
make(struct metrics_writer *w)
{
	int r;

	/* Who finds one of two reads on, or has nobody to ask. */
	unlinkat(w->dir, METRICS_WAKE, 0);
	unlinkat(w->dir, METRICS_NAME, 0);
	w->fd = openat(
		w->dir, METRICS_NAME, O_RDWR | O_CREAT | O_EXCL | SAFE, 0600);
	if (w->fd < 0)
		return fail(-errno, METRICS_NAME ": cannot make it");
	r = take(w->fd, F_WRLCK, BYTE_WRITES);
	if (r)
		return fail(r, METRICS_NAME ": cannot lock it");
	w->fifo = make_fifo(w->dir);
	if (w->fifo < 0)
		return fail(w->fifo, METRICS_WAKE ": cannot make it");
	return 0;
}

int
metrics_make(int dir, struct metrics_writer **out)
{
	struct metrics_writer *w = malloc(sizeof(*w));
	int r;

	if (!w)
		return fail(-ENOMEM, METRICS_NAME);
	*w = (struct metrics_writer){dir, -1, -1};
	r = make(w);
	if (r) {
		metrics_end(w);
		return r;
	}
	*out = w;
	return 0;
}

void
metrics_end(struct metrics_writer *w)
{
	if (!w)
		return;
	unlinkat(w->dir, METRICS_WAKE, 0);
	unlinkat(w->dir, METRICS_NAME, 0);
	if (w->fifo >= 0)
		close(w->fifo);
	if (w->fd >= 0)
		close(w->fd);
	free(w);
}

int
metrics_fd(const struct metrics_writer *w)
{
	return w->fifo;
}

bool
metrics_asked(struct metrics_writer *w)
{
	char buf[PAGE];
	bool asked = false;

	/* All that it can hold, but not what others go on writing. */
	for (int n = 0; n < FIFO_MAX / PAGE; n++) {
		if (read(w->fifo, buf, sizeof(buf)) <= 0)
			break;
		asked = true;
	}
	return asked;
}

bool
metrics_watched(const struct metrics_writer *w)
{
	return held(w->fd, F_WRLCK, BYTE_LOOKS);
}

void
metrics_write(struct metrics_writer *w, struct metrics *m)
{
	memcpy(m->magic, METRICS_MAGIC, sizeof(m->magic));
	m->time = boot_time();
	m->sum = sum(m);
	/* A full disk: the reading is none, as its sum tells. */
	if (pwrite(w->fd, m, sizeof(*m), 0) < 0)
		return;
}

/* ---- reading ---- */

/* With both ends open, too: should the writer go just now, there is no SIGPIPE,
 * whoever calls. Full: then it has been asked. */
static int
ask(int dir)
{
	int fd = openat(dir, METRICS_WAKE, O_RDWR | SAFE), r = -ENOENT;
	struct stat st;

	if (fd < 0)
		return r;
	if (fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode) &&
		(write(fd, "", 1) == 1 || errno == EAGAIN))
		r = 0;
	close(fd);
	return r;
}

static int
open_file(int dir)
{
	int fd = openat(dir, METRICS_NAME, O_RDONLY | SAFE);
	struct stat st;

	if (fd < 0)
		return -ENOENT;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return -ENOENT;
	}
	return fd;
}

static bool
is_written(int fd)
{
	return held(fd, F_RDLCK, BYTE_WRITES);
}

static int
read_page(int fd, struct metrics *m)
{
	for (int n = 0; n < TRIES; n++) {
		ssize_t got = pread(fd, m, sizeof(*m), 0);

		if (got < 0)
			return -errno;
		if (got == 0)
			return -EAGAIN; /* none yet */
		if (memcmp(m->magic, METRICS_MAGIC, sizeof(m->magic)) != 0)
			return -EINVAL;
		if (got == sizeof(*m) && m->sum == sum(m)) {
			if (m->vcpus > METRICS_VCPUS)
				return -EINVAL;
			return 0;
		}
	}
	return -EAGAIN;
}

int
metrics_open(int dir, struct metrics_reader **out)
{
	int fd = open_file(dir), r;
	struct metrics_reader *rd;

	if (fd < 0)
		return fd;
	/* The lock first: a reading that is asked for finds it held. */
	r = is_written(fd) ? take(fd, F_RDLCK, BYTE_LOOKS) : -ENOENT;
	if (!r)
		r = ask(dir);
	rd = r ? NULL : malloc(sizeof(*rd));
	if (!rd) {
		close(fd);
		return r ? r : -ENOMEM;
	}
	rd->fd = fd;
	rd->since = boot_time();
	rd->since -= rd->since < OLD ? rd->since : OLD;
	*out = rd;
	return 0;
}

void
metrics_close(struct metrics_reader *rd)
{
	if (!rd)
		return;
	close(rd->fd);
	free(rd);
}

int
metrics_read(struct metrics_reader *rd, struct metrics *m)
{
	int r = is_written(rd->fd) ? read_page(rd->fd, m) : -ESTALE;

	return !r && m->time < rd->since ? -EAGAIN : r;
}

int
metrics_look(int dir, struct metrics *m)
{
	int fd = open_file(dir), r;

	if (fd < 0)
		return fd;
	r = is_written(fd) ? ask(dir) : -ENOENT;
	if (!r)
		r = read_page(fd, m);
	close(fd);
	return r;
}

/* ---- rates ---- */

static double
a_second(uint64_t a, uint64_t b, double seconds)
{
	return b > a ? (double)(b - a) / seconds : 0;
}

void
metrics_rate(const struct metrics *a, const struct metrics *b,
	struct metrics_rates *r)
{
	double s;

	*r = (struct metrics_rates){0};
	if (b->time <= a->time)
		return;
	s = (double)(b->time - a->time) / 1e9;
	r->cpu = a_second(a->cpu, b->cpu, s) / 1e7;
	r->disk_read = a_second(a->disk_read, b->disk_read, s);
	r->disk_write = a_second(a->disk_written, b->disk_written, s);
	r->net_in = a_second(a->net_received, b->net_received, s);
	r->net_out = a_second(a->net_sent, b->net_sent, s);
}
