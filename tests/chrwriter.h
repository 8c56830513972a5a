/* SPDX-License-Identifier: MIT */
/* A thread that writes to a character back end as a vCPU does, and what reads
 * it at the other end, for tests.
 */
#ifndef TESTS_CHRWRITER_H
#define TESTS_CHRWRITER_H

#include <pthread.h>
#include <unistd.h>

#include "lib/chr.h"

struct writer {
	struct chr *c;
	struct loop *loop; /* stopped at the end */
	size_t total; /* bytes to write */
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool writable;
};

static void
writer_writable(void *to)
{
	struct writer *w = to;

	w->writable = true;
	pthread_cond_signal(&w->cond);
}

static void
writer_init(struct writer *w, struct chr *c, struct loop *l, size_t total)
{
	struct chr_user user = {
		.writable = writer_writable, .to = w, .lock = &w->lock};

	*w = (struct writer){.c = c, .loop = l, .total = total};
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->cond, NULL);
	chr_attach(c, &user);
}

/* A thread's: pieces of all sizes, with the device's lock held; waits when it
 * must. */
static void *
writer_run(void *to)
{
	struct writer *w = to;
	uint8_t buf[997];

	for (size_t at = 0, n; at < w->total; at += n) {
		size_t want = (at * 7 + 1) % sizeof(buf) + 1;

		want = w->total - at < want ? w->total - at : want;
		for (size_t i = 0; i < want; i++)
			buf[i] = (uint8_t)((at + i) % 251);
		pthread_mutex_lock(&w->lock);
		n = chr_write(w->c, buf, want);
		while (n < want && !w->writable)
			pthread_cond_wait(&w->cond, &w->lock);
		w->writable = false;
		pthread_mutex_unlock(&w->lock);
	}
	loop_stop(w->loop);
	return NULL;
}

/* Does fd deliver all of it, in order, and no more before its end? */
static bool
writer_arrived(int fd, size_t total, bool to_end)
{
	uint8_t buf[8192];
	size_t at = 0;
	ssize_t n;

	while ((to_end || at < total) && (n = read(fd, buf, sizeof(buf))) > 0)
		for (ssize_t i = 0; i < n; i++)
			if (buf[i] != at++ % 251)
				return false;
	return at == total;
}

#endif
