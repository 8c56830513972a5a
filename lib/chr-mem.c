/* SPDX-License-Identifier: MIT */
/*
 * A character back end in memory, for tests. It works at once, without a loop,
 * and one thread at a time.
 */
#include "lib/chr.h"

#include <stdlib.h>
#include <string.h>

#include "lib/chr-impl.h"

struct mem {
	uint8_t *p;
	size_t n, limit;
	bool fell_short;
	unsigned pokes;
};

static size_t
mem_take(struct chr *c, const void *p, size_t n)
{
	struct mem *m = c->own;
	size_t taken = n < m->limit ? n : m->limit;
	uint8_t *grown = taken ? realloc(m->p, m->n + taken) : NULL;

	if (grown) {
		m->p = grown;
		memcpy(m->p + m->n, p, taken);
		m->n += taken;
		m->limit -= m->limit == SIZE_MAX ? 0 : taken;
	} else {
		taken = 0;
	}
	if (taken < n)
		m->fell_short = true;
	return taken;
}

static void
mem_poke(struct chr *c)
{
	struct mem *m = c->own;

	m->pokes++;
}

static void
mem_free(struct chr *c)
{
	struct mem *m = c->own;

	if (m)
		free(m->p);
	free(m);
}

static const struct chr_ops mem_ops = {
	.take = mem_take,
	.poke = mem_poke,
	.free = mem_free,
};

struct chr *
chr_new_mem(void)
{
	struct mem *m = calloc(1, sizeof(*m));
	struct chr *c = m ? chr_new("mem", &mem_ops, NULL) : NULL;

	if (!c) {
		free(m);
		return NULL;
	}
	m->limit = SIZE_MAX;
	c->own = m;
	return c;
}

size_t
chr_mem_taken(struct chr *c, const uint8_t **p)
{
	const struct mem *m = c->own;

	*p = m->p;
	return m->n;
}

static void
lock(const struct chr *c)
{
	if (c->user.lock)
		pthread_mutex_lock(c->user.lock);
}

static void
unlock(const struct chr *c)
{
	if (c->user.lock)
		pthread_mutex_unlock(c->user.lock);
}

void
chr_mem_limit(struct chr *c, size_t n)
{
	struct mem *m = c->own;

	m->limit = n;
	if (!n || !m->fell_short)
		return;
	m->fell_short = false;
	lock(c);
	if (c->user.writable)
		c->user.writable(c->user.to);
	unlock(c);
}

size_t
chr_mem_say(struct chr *c, const void *p, size_t n)
{
	const struct chr_user *u = &c->user;

	if (!u->input)
		return n;
	lock(c);
	if (u->room) {
		size_t room = u->room(u->to);

		n = room < n ? room : n;
	}
	if (n)
		u->input(u->to, p, n);
	unlock(c);
	return n;
}

void
chr_mem_event(struct chr *c, enum chr_event event)
{
	lock(c);
	if (c->user.event)
		c->user.event(c->user.to, event);
	unlock(c);
}

unsigned
chr_mem_pokes(const struct chr *c)
{
	const struct mem *m = c->own;

	return m->pokes;
}
