/* SPDX-License-Identifier: MIT */
/*
 * The bus. Regions live in a sorted table that readers search without a lock:
 * a sequence number, odd while the table changes, tells them to look again. The
 * table grows by doubling, and outgrown ones stay until bus_free(), so that a
 * guest which moves its BARs for ever costs nothing and no reader ever looks at
 * freed memory.
 */
#include "dev/bus.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"

#define FIRST_CAP 64u

struct region {
	_Atomic uint64_t base, len;
	_Atomic(struct dev *) dev;
	atomic_uint bar;
};

struct table {
	struct table *outgrown;
	unsigned cap;
	atomic_uint n;
	struct region r[];
};

struct bus {
	char name[16];
	uint64_t size;
	pthread_mutex_t lock; /* who changes the table */
	atomic_uint seq;
	_Atomic(struct table *) table;
};

struct hit { /* where an access goes; dev NULL: a hole */
	uint64_t base, len;
	struct dev *dev;
	unsigned bar;
};

#define get(x) atomic_load_explicit(&(x), memory_order_relaxed)
#define put(x, v) atomic_store_explicit(&(x), v, memory_order_relaxed)

static struct table *
table_new(unsigned cap)
{
	struct table *t = calloc(1, sizeof(*t) + cap * sizeof(t->r[0]));

	if (t)
		t->cap = cap;
	return t;
}

int
bus_new(struct bus **out, const char *name, uint64_t size)
{
	struct bus *b = calloc(1, sizeof(*b));
	struct table *t = table_new(FIRST_CAP);

	if (!b || !t) {
		free(b);
		free(t);
		return fail(-ENOMEM, "%s bus", name);
	}
	snprintf(b->name, sizeof(b->name), "%s", name);
	b->size = size;
	pthread_mutex_init(&b->lock, NULL);
	atomic_init(&b->table, t);
	*out = b;
	return 0;
}

void
bus_free(struct bus *b)
{
	struct table *t, *next;

	if (!b)
		return;
	for (t = atomic_load(&b->table); t; t = next) {
		next = t->outgrown;
		free(t);
	}
	pthread_mutex_destroy(&b->lock);
	free(b);
}

static void
region_copy(struct region *to, struct region *from)
{
	put(to->base, get(from->base));
	put(to->len, get(from->len));
	put(to->dev, get(from->dev));
	put(to->bar, get(from->bar));
}

static void
region_put(struct region *to, const struct hit *h)
{
	put(to->base, h->base);
	put(to->len, h->len);
	put(to->dev, h->dev);
	put(to->bar, h->bar);
}

static void
region_get(struct region *from, struct hit *h)
{
	h->base = get(from->base);
	h->len = get(from->len);
	h->dev = get(from->dev);
	h->bar = get(from->bar);
}

/* Number of regions that begin at or below addr. */
static unsigned
upto(struct table *t, uint64_t addr)
{
	unsigned lo = 0, hi = get(t->n), mid;

	while (lo < hi) {
		mid = (lo + hi) / 2;
		if (get(t->r[mid].base) <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The region of addr, or the hole from addr to the next one. */
static void
look(struct bus *b, uint64_t addr, struct hit *h)
{
	struct table *t = atomic_load_explicit(&b->table, memory_order_acquire);
	unsigned i = upto(t, addr);

	if (i) {
		region_get(&t->r[i - 1], h);
		if (addr - h->base < h->len)
			return;
	}
	h->base = addr;
	h->len = i < get(t->n) ? get(t->r[i].base) - addr : UINT64_MAX - addr;
	h->dev = NULL;
	h->bar = 0;
}

static void
find(struct bus *b, uint64_t addr, struct hit *h)
{
	unsigned seq;

	do {
		seq = atomic_load_explicit(&b->seq, memory_order_acquire);
		look(b, addr, h);
		atomic_thread_fence(memory_order_acquire);
	} while ((seq & 1) || seq != get(b->seq));
}

/* Changes to the table lie between these two. */
static void
change_begin(struct bus *b)
{
	put(b->seq, get(b->seq) + 1);
	atomic_thread_fence(memory_order_release);
}

static void
change_end(struct bus *b)
{
	atomic_store_explicit(&b->seq, get(b->seq) + 1, memory_order_release);
}

static struct table *
grow(struct bus *b, struct table *t)
{
	struct table *new = table_new(t->cap * 2);
	unsigned i, n = get(t->n);

	if (!new)
		return NULL;
	for (i = 0; i < n; i++)
		region_copy(&new->r[i], &t->r[i]);
	put(new->n, n);
	new->outgrown = t;
	atomic_store_explicit(&b->table, new, memory_order_release);
	return new;
}

static int
check_range(struct bus *b, const struct hit *h)
{
	if (h->len && h->base < b->size && h->len <= b->size - h->base)
		return 0;
	return failx(-ERANGE,
		"%s bus: %s at %#" PRIx64 "+%#" PRIx64 ": beyond the bus",
		b->name, h->dev->id, h->base, h->len);
}

static int
overlaps(struct bus *b, const struct hit *h, struct region *r)
{
	uint64_t base = get(r->base), len = get(r->len);

	if (h->base >= base ? h->base - base >= len : base - h->base >= h->len)
		return 0;
	return failx(-EEXIST,
		"%s bus: %s at %#" PRIx64 "+%#" PRIx64
		" overlaps %s at %#" PRIx64 "+%#" PRIx64,
		b->name, h->dev->id, h->base, h->len, get(r->dev)->id, base,
		len);
}

static int
insert(struct bus *b, const struct hit *h)
{
	struct table *t = atomic_load(&b->table);
	unsigned at = upto(t, h->base), n = get(t->n), i;
	int err = 0;

	if (at)
		err = overlaps(b, h, &t->r[at - 1]);
	if (!err && at < n)
		err = overlaps(b, h, &t->r[at]);
	if (err)
		return err;
	if (n == t->cap && !(t = grow(b, t)))
		return fail(-ENOMEM, "%s bus: %s", b->name, h->dev->id);
	change_begin(b);
	for (i = n; i > at; i--)
		region_copy(&t->r[i], &t->r[i - 1]);
	region_put(&t->r[at], h);
	put(t->n, n + 1);
	change_end(b);
	return 0;
}

int
bus_add(struct bus *b, uint64_t base, uint64_t len, struct dev *d, unsigned bar)
{
	struct hit h = {base, len, d, bar};
	int err = check_range(b, &h);

	if (err)
		return err;
	pthread_mutex_lock(&b->lock);
	err = insert(b, &h);
	pthread_mutex_unlock(&b->lock);
	return err;
}

void
bus_remove(struct bus *b, struct dev *d, unsigned bar)
{
	struct table *t;
	unsigned i, n, kept = 0;

	pthread_mutex_lock(&b->lock);
	t = atomic_load(&b->table);
	n = get(t->n);
	change_begin(b);
	for (i = 0; i < n; i++)
		if (get(t->r[i].dev) != d || get(t->r[i].bar) != bar)
			region_copy(&t->r[kept++], &t->r[i]);
	put(t->n, kept);
	change_end(b);
	pthread_mutex_unlock(&b->lock);
}

static uint64_t
ones(unsigned size)
{
	return size >= 8 ? UINT64_MAX : (1ull << size * 8) - 1;
}

/* How much of an access of size at addr goes to h in one piece. */
static unsigned
piece(const struct hit *h, uint64_t addr, unsigned size)
{
	uint64_t off = addr - h->base;
	unsigned n = 8, max;

	if (!h->dev)
		return h->len - off < size ? (unsigned)(h->len - off) : size;
	max = h->dev->ops->widest ? h->dev->ops->widest : 8;
	while (n > size || n > max || (off & (n - 1)) || h->len - off < n)
		n /= 2;
	return n;
}

static uint64_t
read_locked(const struct hit *h, uint64_t addr, unsigned size)
{
	if (!h->dev->ops->read)
		return ones(size);
	return ones(size) &
	       h->dev->ops->read(h->dev, h->bar, addr - h->base, size);
}

static void
write_locked(const struct hit *h, uint64_t addr, unsigned size, uint64_t val)
{
	if (h->dev->ops->write)
		h->dev->ops->write(
			h->dev, h->bar, addr - h->base, size, val & ones(size));
}

/* Beyond the bus there is nothing: the bytes of the access that are on it. */
static unsigned
clip(struct bus *b, uint64_t addr, unsigned size)
{
	if (addr >= b->size)
		return 0;
	return b->size - addr < size ? (unsigned)(b->size - addr) : size;
}

uint64_t
bus_read(struct bus *b, uint64_t addr, unsigned size)
{
	uint64_t val = ones(size), got;
	unsigned done = 0, n, end = clip(b, addr, size);
	struct hit h;

	for (; done < end; done += n) {
		find(b, addr + done, &h);
		n = piece(&h, addr + done, end - done);
		if (!h.dev)
			continue;
		dev_lock(h.dev);
		got = read_locked(&h, addr + done, n);
		dev_unlock(h.dev);
		val &= ~(ones(n) << done * 8);
		val |= got << done * 8;
	}
	return val;
}

void
bus_write(struct bus *b, uint64_t addr, unsigned size, uint64_t val)
{
	unsigned done = 0, n, end = clip(b, addr, size);
	struct hit h;

	for (; done < end; done += n) {
		find(b, addr + done, &h);
		n = piece(&h, addr + done, end - done);
		if (!h.dev)
			continue;
		dev_lock(h.dev);
		write_locked(&h, addr + done, n, val >> done * 8);
		dev_unlock(h.dev);
	}
}

/* Strings look up and lock once where each item is one access. */
static bool
find_whole(struct bus *b, uint64_t addr, unsigned size, struct hit *h)
{
	if (clip(b, addr, size) < size)
		return false;
	find(b, addr, h);
	return h->dev && piece(h, addr, size) == size;
}

void
bus_read_string(
	struct bus *b, uint64_t addr, unsigned size, void *p, size_t count)
{
	uint8_t *to = p;
	struct hit h;
	uint64_t val;
	bool whole = find_whole(b, addr, size, &h);

	if (whole)
		dev_lock(h.dev);
	for (; count; count--, to += size) {
		val = whole ? read_locked(&h, addr, size)
			    : bus_read(b, addr, size);
		memcpy(to, &val, size);
	}
	if (whole)
		dev_unlock(h.dev);
}

void
bus_write_string(struct bus *b, uint64_t addr, unsigned size, const void *p,
	size_t count)
{
	const uint8_t *from = p;
	struct hit h;
	uint64_t val;
	bool whole = find_whole(b, addr, size, &h);

	if (whole)
		dev_lock(h.dev);
	for (; count; count--, from += size) {
		val = 0;
		memcpy(&val, from, size);
		if (whole)
			write_locked(&h, addr, size, val);
		else
			bus_write(b, addr, size, val);
	}
	if (whole)
		dev_unlock(h.dev);
}
