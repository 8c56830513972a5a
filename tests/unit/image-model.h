/* SPDX-License-Identifier: MIT */
/*
 * What a disk's sectors may hold: all that was ever written to each, and when.
 * A value fills its sector; 0 is zeros.
 */
#ifndef TESTS_UNIT_IMAGE_MODEL_H
#define TESTS_UNIT_IMAGE_MODEL_H

#include "tests/unit/image-log.h"

enum { SECTOR = 512, SECTORS = 768 };

struct past { /* something that was done to a sector */
	uint64_t value, start, end;
	bool maybe; /* a discard: it may have had no effect */
};

struct sector {
	struct past *past;
	unsigned n, room;
};

struct model {
	struct sector sector[SECTORS];
	struct disk_log *log; /* its lock, its time */
};

static inline uint64_t
random_next(uint64_t *r)
{
	*r ^= *r << 13;
	*r ^= *r >> 7;
	*r ^= *r << 17;
	return *r;
}

static inline unsigned
pick(uint64_t *r, unsigned n)
{
	return (unsigned)((random_next(r) >> 20) % n);
}

static inline void
fill(unsigned char *p, uint64_t value)
{
	for (unsigned i = 0; i < SECTOR; i += 8)
		memcpy(p + i, &value, 8);
}

/* With the log's lock held. */
static inline struct past *
remember(struct sector *s, uint64_t value, uint64_t start, bool maybe)
{
	if (s->n == s->room) {
		s->room = s->room * 2 + 8;
		s->past = must(realloc(s->past, s->room * sizeof(*s->past)));
	}
	s->past[s->n] = (struct past){value, start, UINT64_MAX, maybe};
	return &s->past[s->n++];
}

static inline uint64_t
begin_op(
	struct model *m, unsigned first, unsigned n, uint64_t value, bool maybe)
{
	uint64_t start;

	pthread_mutex_lock(&m->log->lock);
	start = ++m->log->time;
	for (unsigned i = 0; i < n; i++)
		remember(&m->sector[first + i], value ? value + i : 0, start,
			maybe);
	pthread_mutex_unlock(&m->log->lock);
	return start;
}

static inline void
end_op(struct model *m, unsigned first, unsigned n, uint64_t start)
{
	uint64_t end;

	pthread_mutex_lock(&m->log->lock);
	end = ++m->log->time;
	for (unsigned i = 0; i < n; i++)
		for (unsigned k = 0; k < m->sector[first + i].n; k++)
			if (m->sector[first + i].past[k].start == start)
				m->sector[first + i].past[k].end = end;
	pthread_mutex_unlock(&m->log->lock);
}

/* Somebody wrote over it, and that was done by then. */
static inline bool
is_over(const struct sector *s, const struct past *p, uint64_t by)
{
	for (unsigned i = 0; i < s->n; i++)
		if (!s->past[i].maybe && s->past[i].start > p->end &&
			s->past[i].end <= by)
			return true;
	return false;
}

/* Something was at work on it since then. */
static inline bool
is_busy(const struct sector *s, uint64_t since)
{
	for (unsigned i = 0; i < s->n; i++)
		if (s->past[i].end > since)
			return true;
	return false;
}

/* At that time the sector may have this, if what was done until safe is sure.
 * Live, it is read while it is written, and may be a mixture. */
static inline bool
may_be(const struct sector *s, const unsigned char *p, uint64_t time,
	uint64_t safe, bool live)
{
	uint64_t value, other;

	memcpy(&value, p, 8);
	for (unsigned i = 8; i < SECTOR; i += 8) {
		memcpy(&other, p + i, 8);
		if (other != value)
			return live && is_busy(s, safe);
	}
	for (unsigned i = 0; i < s->n; i++)
		if (s->past[i].value == value && s->past[i].start <= time &&
			!is_over(s, &s->past[i], safe))
			return true;
	return false;
}

static inline unsigned
count_wrong(struct model *m, const unsigned char *p, unsigned first, unsigned n,
	uint64_t time, uint64_t safe, bool live)
{
	unsigned bad = 0;

	for (unsigned i = 0; i < n; i++)
		if (!may_be(&m->sector[first + i], p + i * SECTOR, time, safe,
			    live) &&
			!bad++) {
			uint64_t v;

			memcpy(&v, p + i * SECTOR, 8);
			printf("# %s: sector %u has %" PRIu64 "\n",
				live ? "read" : "crash", first + i, v);
		}
	return bad;
}

#endif
