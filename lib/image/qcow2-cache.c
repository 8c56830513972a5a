/* SPDX-License-Identifier: MIT */
/*
 * Pieces of L2 tables and refcount blocks in memory. A changed piece of a count
 * may be written at any time, as counts only go down once nothing refers to the
 * cluster any more; so may one of an L2 table that the file does not know yet.
 * All other L2 pieces wait for qcow2_stage().
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/image/qcow2.h"

int
qcache_new(struct cache *c, const char *name, unsigned n, size_t size)
{
	c->n = n;
	c->size = size;
	c->buckets = n * 2;
	c->slice = calloc(n, sizeof(*c->slice));
	c->hash = calloc(c->buckets, sizeof(struct slice *));
	c->memory = calloc(n, size); /* large: touched as it is used */
	if (!c->slice || !c->hash || !c->memory)
		return fail(-ENOMEM, "%s", name);
	for (unsigned i = 0; i < n; i++)
		c->slice[i].data = c->memory + i * size;
	return 0;
}

void
qcache_free(struct cache *c)
{
	free(c->memory);
	free(c->hash);
	free(c->slice);
}

static struct slice **
bucket(struct cache *c, uint64_t off)
{
	return &c->hash[off / c->size * 0x9e3779b97f4a7c15 % c->buckets];
}

static void
forget(struct cache *c, struct slice *s)
{
	struct slice **at = bucket(c, s->off);

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	if (s->dirty)
		c->dirty--;
	s->off = 0;
	s->dirty = false;
}

/* Whether it may be written just now. */
static bool
may_go(const struct qcow2 *q, const struct cache *c, const struct slice *s)
{
	return !s->dirty || c == &q->ref ||
	       q->l1_new[s->l1 / 8] >> s->l1 % 8 & 1;
}

/* Somebody's place, for another: the second hand. NULL: all have to stay. */
static struct slice *
victim(struct qcow2 *q, struct cache *c)
{
	for (unsigned i = 0; i < 2 * c->n; i++) {
		struct slice *s = &c->slice[c->hand];

		c->hand = (c->hand + 1) % c->n;
		if (!s->off || (!s->recent && may_go(q, c, s)))
			return s;
		s->recent = false;
	}
	return NULL;
}

int
qcache_get(struct qcow2 *q, struct cache *c, uint64_t off, uint32_t l1,
	struct slice **out)
{
	struct slice **at = bucket(c, off), *s;
	int err;

	for (s = *at; s; s = s->next)
		if (s->off == off) {
			s->recent = true;
			*out = s;
			return 0;
		}
	s = victim(q, c);
	if (!s)
		return -EAGAIN;
	if (s->off) {
		err = s->dirty ? qcache_write(q, c, s) : 0;
		if (err)
			return err;
		forget(c, s);
	}
	err = file_read(&q->im->file, off, s->data, c->size);
	if (err)
		return err;
	*s = (struct slice){off, l1, false, true, s->data, *at};
	*at = s;
	*out = s;
	return 0;
}

void
qcache_soil(struct cache *c, struct slice *s)
{
	if (!s->dirty)
		c->dirty++;
	s->dirty = true;
}

int
qcache_write(struct qcow2 *q, struct cache *c, struct slice *s)
{
	int err = file_write(&q->im->file, s->off, s->data, c->size);

	if (!err) {
		s->dirty = false;
		c->dirty--;
	}
	return err;
}

void
qcache_drop(struct cache *c, uint64_t off, uint64_t len)
{
	for (unsigned i = 0; i < c->n; i++) {
		struct slice *s = &c->slice[i];

		if (s->off && s->off >= off && s->off - off < len)
			forget(c, s);
	}
}
