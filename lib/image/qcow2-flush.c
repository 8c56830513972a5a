/* SPDX-License-Identifier: MIT */
/*
 * The order in which changed metadata gets to the disk; see qcow2.h.
 */
#include <errno.h>
#include <string.h>

#include "lib/err.h"
#include "lib/image/qcow2.h"

/* ---- who is at work ---- */

void
qio_begin(struct qcow2 *q, struct qio *io)
{
	io->seq = q->seq++;
	io->next = NULL;
	io->prev = q->newest;
	if (q->newest)
		q->newest->next = io;
	else
		q->oldest = io;
	q->newest = io;
}

void
qio_end(struct qcow2 *q, struct qio *io)
{
	if (io->prev)
		io->prev->next = io->next;
	else
		q->oldest = io->next;
	if (io->next)
		io->next->prev = io->prev;
	else
		q->newest = io->prev;
	if (io->claims)
		pthread_cond_broadcast(&q->changed);
	qref_release(q);
}

static bool
is_claimed(const struct qcow2 *q, uint64_t first, uint64_t end)
{
	for (const struct qio *io = q->oldest; io; io = io->next)
		if (io->claims && io->first < end && first < io->end)
			return true;
	return false;
}

void
qio_wait(struct qcow2 *q, uint64_t first, uint64_t end)
{
	while (is_claimed(q, first, end))
		pthread_cond_wait(&q->changed, &q->lock);
}

void
qio_claim(struct qcow2 *q, struct qio *io, uint64_t first, uint64_t end)
{
	qio_wait(q, first, end);
	*io = (struct qio){.claims = true, .first = first, .end = end};
	qio_begin(q, io);
}

void
qcow2_settle(struct qcow2 *q)
{
	while (q->flushing)
		pthread_cond_wait(&q->changed, &q->lock);
}

/* ---- the stages ---- */

static bool
is_lazy(const struct qcow2 *q)
{
	return q->version == 3 && q->compatible & QCOW2_LAZY;
}

/* With the lock dropped meanwhile. */
static int
sync_unlocked(struct qcow2 *q)
{
	int err;

	pthread_mutex_unlock(&q->lock);
	err = file_sync(&q->im->file);
	pthread_mutex_lock(&q->lock);
	return err;
}

static int
write_counts(struct qcow2 *q)
{
	int err = 0;

	for (unsigned i = 0; i < q->ref.n && q->ref.dirty && !err; i++)
		if (q->ref.slice[i].dirty)
			err = qcache_write(q, &q->ref, &q->ref.slice[i]);
	return err;
}

/* only_new: of tables that the file does not know. */
static int
write_l2(struct qcow2 *q, bool only_new)
{
	int err = 0;

	for (unsigned i = 0; i < q->l2.n && q->l2.dirty && !err; i++) {
		struct slice *s = &q->l2.slice[i];

		if (s->dirty &&
			(!only_new || q->l1_new[s->l1 / 8] >> s->l1 % 8 & 1))
			err = qcache_write(q, &q->l2, s);
	}
	return err;
}

/* What has changed in a table that is in memory as a whole, sector by sector.
 * Done with it, its bits are cleared; those in new before it is tried, as the
 * file may know it from then on. */
static int
write_table(struct qcow2 *q, uint64_t off, const uint64_t *table, uint32_t n,
	uint8_t *dirty, bool *any, uint8_t *new)
{
	for (uint32_t i = 0; *any && i < n; i += 64) {
		uint32_t some = n - i < 64 ? n - i : 64;
		uint8_t b[512];
		int err;

		if (!(dirty[i / 64 / 8] >> i / 64 % 8 & 1))
			continue;
		if (new)
			memset(new + i / 8, 0, 8);
		for (uint32_t k = 0; k < some; k++)
			put_be64(b + k * 8, table[i + k]);
		err = file_write(&q->im->file, off + i * 8UL, b, some * 8UL);
		if (err)
			return err;
		dirty[i / 64 / 8] &= (uint8_t) ~(1 << i / 64 % 8);
	}
	*any = false;
	return 0;
}

static int
write_reftable(struct qcow2 *q)
{
	return write_table(q, q->reftable_off, q->reftable, q->reftable_size,
		q->reftable_dirty, &q->reftable_any, NULL);
}

/* Nothing refers to new things yet: counts, and L2 tables without a place in
 * the L1 table. */
static int
stage_counts(struct qcow2 *q)
{
	bool lazy = is_lazy(q);
	int err = lazy ? 0 : write_counts(q);

	if (!err)
		err = write_l2(q, true);
	if (!err)
		err = sync_unlocked(q);
	if (!err && q->reftable_any && !lazy) {
		err = write_reftable(q);
		if (!err)
			err = sync_unlocked(q);
	}
	return err;
}

static int
stage_tables(struct qcow2 *q)
{
	int err = write_l2(q, false);

	if (!err)
		err = write_table(q, q->l1_off, q->l1, q->l1_size, q->l1_dirty,
			&q->l1_any, q->l1_new);
	return err;
}

static void
to_limbo(struct qcow2 *q)
{
	unsigned n = q->batch;

	if (n > 2 * QCOW2_QUARANTINE - q->in_limbo)
		n = 2 * QCOW2_QUARANTINE - q->in_limbo; /* later */
	memcpy(q->limbo + q->in_limbo, q->quarantine, n * sizeof(*q->limbo));
	q->in_limbo += n;
	q->quarantined -= n;
	memmove(q->quarantine, q->quarantine + n,
		q->quarantined * sizeof(*q->quarantine));
	q->limbo_seq = q->seq;
}

int
qcow2_stage(struct qcow2 *q)
{
	int err;

	qcow2_settle(q);
	q->flushing = q->frozen = true;
	err = stage_counts(q);
	if (!err)
		err = stage_tables(q);
	q->batch = q->quarantined;
	q->frozen = false;
	pthread_cond_broadcast(&q->changed);
	if (!err)
		err = sync_unlocked(q);
	if (!err)
		to_limbo(q);
	q->batch = 0;
	q->flushing = false;
	pthread_cond_broadcast(&q->changed);
	qref_release(q);
	return err;
}

static bool
is_dirty(const struct qcow2 *q)
{
	return q->l2.dirty || q->l1_any || q->quarantined;
}

int
qcow2_flush(struct image *im)
{
	struct qcow2 *q = im->own;
	uint64_t mine;
	int err;

	pthread_mutex_lock(&q->lock);
	if (!is_dirty(q)) {
		pthread_mutex_unlock(&q->lock);
		return file_sync(&im->file);
	}
	/* One that begins from now on will do, whoever makes it. */
	mine = q->flush_begun + 1;
	qcow2_settle(q);
	if (q->flush_done < mine) {
		mine = ++q->flush_begun;
		err = qcow2_stage(q);
		if (q->flush_done < mine) {
			q->flush_done = mine;
			q->flush_err = err;
		}
	} else {
		err = q->flush_err;
		if (err)
			fail(err, "%s: cannot flush", im->name);
	}
	pthread_mutex_unlock(&q->lock);
	return err;
}

int
qcow2_change(struct qcow2 *q)
{
	for (bool tried = false;;) {
		int err;

		if (q->frozen) {
			pthread_cond_wait(&q->changed, &q->lock);
			continue;
		}
		if (q->l2.dirty + 8 <= q->l2.n &&
			(tried || q->quarantined + QCOW2_SLACK <=
					  QCOW2_QUARANTINE))
			break;
		err = qcow2_stage(q);
		if (err)
			return err;
		tried = true;
	}
	if (!is_lazy(q) || q->incompatible & QCOW2_DIRTY)
		return 0;
	q->marked = true;
	return qcow2_mark(q, q->incompatible | QCOW2_DIRTY);
}

int
qcow2_finish(struct qcow2 *q)
{
	int err = write_counts(q);

	if (!err && q->reftable_any) {
		err = file_sync(&q->im->file);
		if (!err)
			err = write_reftable(q);
	}
	if (!err)
		err = file_sync(&q->im->file);
	return err;
}
