/* SPDX-License-Identifier: MIT */
/*
 * Clusters that are given up: what nothing ever referred to at once, all else
 * by way of quarantine and limbo; see qcow2.h.
 */
#include "lib/image/qcow2.h"

/* One reference less. What fails leaves it counted too high: a leak. */
static void
put(struct qcow2 *q, uint64_t cluster, bool *unused)
{
	uint64_t count;

	*unused = qref_add(q, cluster, -1) == 0 &&
		  qref_get(q, cluster, &count) == 0 && !count;
	if (*unused && cluster < q->hint)
		q->hint = cluster;
	if (*unused && cluster == q->packed_at >> q->bits)
		q->packed_at = 0;
}

void
qref_free_now(struct qcow2 *q, uint64_t first, uint64_t n)
{
	bool unused;

	while (n--)
		put(q, first++, &unused);
}

void
qref_free_later(struct qcow2 *q, uint64_t first, uint64_t n)
{
	struct run *last = &q->quarantine[q->quarantined - !!q->quarantined];

	if (q->quarantined > q->batch && last->first + last->n == first) {
		last->n += n;
		return;
	}
	/* qcow2_change() has seen to it that there is room; without, it leaks.
	 */
	if (q->quarantined < QCOW2_QUARANTINE)
		q->quarantine[q->quarantined++] = (struct run){first, n};
}

/* The clusters from first on, up to end, that only the counts still know. */
static uint64_t
count_last(struct qcow2 *q, uint64_t first, uint64_t end)
{
	uint64_t c = first, count;

	while (c < end && qref_get(q, c, &count) == 0 && count == 1)
		c++;
	return c - first;
}

/* Their room is given back to the host before anybody can have them, and
 * without the lock, as it may take a while. */
static void
punch(struct qcow2 *q, uint64_t first, uint64_t n)
{
	uint64_t packed = q->packed_at >> q->bits;
	bool zeros;

	if (packed >= first && packed - first < n)
		q->packed_at = 0; /* nothing is put in there any more */
	pthread_mutex_unlock(&q->lock);
	file_punch(&q->im->file, first << q->bits, n << q->bits, &zeros);
	pthread_mutex_lock(&q->lock);
}

static void
release_run(struct qcow2 *q, struct run run)
{
	uint64_t c = run.first, end = run.first + run.n, n;
	bool unused;

	while (c < end) {
		n = count_last(q, c, end);
		if (n)
			punch(q, c, n);
		for (n += !n; n; n--)
			put(q, c++, &unused);
	}
}

void
qref_release(struct qcow2 *q)
{
	if (q->releasing)
		return; /* whoever does it will do this as well */
	q->releasing = true;
	while (q->in_limbo && !(q->oldest && q->oldest->seq < q->limbo_seq)) {
		struct run *runs = q->limbo;
		unsigned n = q->in_limbo;

		q->limbo = q->spare;
		q->spare = runs;
		q->in_limbo = 0;
		pthread_mutex_lock(&q->unpack_lock);
		q->unpacked_entry = 0;
		pthread_mutex_unlock(&q->unpack_lock);
		for (unsigned i = 0; i < n; i++)
			release_run(q, runs[i]);
	}
	q->releasing = false;
}

void
qref_free_packed(struct qcow2 *q, uint64_t entry)
{
	uint64_t off, len, first, last;

	l2_packed(q, entry, &off, &len);
	first = off >> q->bits;
	last = (off + len - 1) >> q->bits;
	for (uint64_t c = first; c <= last; c++)
		qref_free_later(q, c, 1);
}
