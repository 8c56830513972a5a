/* SPDX-License-Identifier: MIT */
/* The driver's side of a split virtqueue, made by hand. */
#ifndef TESTS_RING_H
#define TESTS_RING_H

#include <stdint.h>
#include <string.h>

#include "dev/mem.h"

enum { D_NEXT = 1, D_WRITE = 2, D_INDIRECT = 4 };

struct ring {
	struct mem *m;
	uint64_t desc, avail, used; /* gpa */
	unsigned size;
	uint16_t offered; /* the available index */
};

struct ring_desc {
	uint64_t gpa;
	uint32_t len;
	uint16_t flags, next;
};

static inline uint16_t
ring_get16(const struct ring *r, uint64_t gpa)
{
	uint16_t v = 0;

	mem_read(r->m, gpa, &v, sizeof(v));
	return v;
}

static inline void
ring_put16(struct ring *r, uint64_t gpa, uint16_t v)
{
	mem_write(r->m, gpa, &v, sizeof(v));
}

/* Where the parts lie, from one page-aligned address on. */
static inline void
ring_at(struct ring *r, struct mem *m, uint64_t gpa, unsigned size)
{
	*r = (struct ring){m, gpa, gpa + 16ull * size,
		(gpa + 16ull * size + 6 + 2ull * size + 4095) & ~4095ull, size,
		0};
	mem_fill(m, gpa, 0, r->used + 6 + 8ull * size - gpa);
}

/* Entry i of a table at gpa. */
static inline void
ring_table(struct ring *r, uint64_t table, unsigned i, uint64_t gpa,
	uint32_t len, uint16_t flags, uint16_t next)
{
	struct ring_desc d = {gpa, len, flags, next};

	mem_write(r->m, table + 16ull * i, &d, sizeof(d));
}

static inline void
ring_desc(struct ring *r, unsigned i, uint64_t gpa, uint32_t len,
	uint16_t flags, uint16_t next)
{
	ring_table(r, r->desc, i, gpa, len, flags, next);
}

static inline void
ring_offer(struct ring *r, uint16_t head)
{
	ring_put16(r, r->avail + 4 + 2ull * (r->offered % r->size), head);
	ring_put16(r, r->avail + 2, ++r->offered);
}

static inline uint16_t
ring_done(const struct ring *r)
{
	return ring_get16(r, r->used + 2);
}

/* Entry i of the used ring. */
static inline uint32_t
ring_used(const struct ring *r, unsigned i, uint32_t *len)
{
	uint32_t e[2] = {0, 0};

	mem_read(r->m, r->used + 4 + 8ull * (i % r->size), e, sizeof(e));
	if (len)
		*len = e[1];
	return e[0];
}

static inline uint16_t
ring_avail_event(const struct ring *r)
{
	return ring_get16(r, r->used + 4 + 8ull * r->size);
}

static inline void
ring_set_used_event(struct ring *r, uint16_t v)
{
	ring_put16(r, r->avail + 4 + 2ull * r->size, v);
}

static inline void
ring_no_interrupt(struct ring *r, bool on)
{
	ring_put16(r, r->avail, on);
}

#endif
