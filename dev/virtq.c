/* SPDX-License-Identifier: MIT */
/*
 * Split virtqueues: virtio 1.2, 2.7, the device's side. Fields are little
 * endian, as the host is. Packed rings and queue reset are left out.
 *
 * Nothing of the driver's is believed twice: an index, a descriptor, a length
 * is loaded once, checked, and the copy used. Addresses are looked up at each
 * access, since what lies where can change.
 */
#include "dev/virtq.h"

#include <errno.h>
#include <string.h>

#include "lib/err.h"

enum { NEXT = 1, WRITE = 2, INDIRECT = 4 }; /* descriptor flags */
enum { NO_INTERRUPT = 1 }; /* of the available ring */

/* A chain's bytes in all, 2.7.4.1. */
#define CHAIN_BYTES (1ull << 32)

struct desc {
	uint64_t gpa;
	uint32_t len;
	uint16_t flags, next;
};

struct table { /* of descriptors */
	uint64_t gpa;
	uint32_t entries;
};

static uint16_t *
word(const struct virtq *q, uint64_t gpa)
{
	return gpa & 1 ? NULL : mem_span(q->mem, gpa, 2);
}

/* -EFAULT: not in RAM (any more). */
static int
load(const struct virtq *q, uint64_t gpa, uint16_t *v)
{
	const uint16_t *p = word(q, gpa);

	if (!p)
		return failx(-EFAULT, "queue %u is not in memory", q->n);
	*v = __atomic_load_n(p, __ATOMIC_ACQUIRE);
	return 0;
}

static void
store(struct virtq *q, uint64_t gpa, uint16_t v)
{
	uint16_t *p = word(q, gpa);

	if (!p)
		return;
	__atomic_store_n(p, v, __ATOMIC_RELEASE);
	mem_dirty(q->mem, gpa, 2);
}

/* ---- where things lie ---- */

static uint64_t
avail_idx(const struct virtq *q)
{
	return q->r->avail[q->n] + 2;
}

static uint64_t
avail_entry(const struct virtq *q, uint16_t at)
{
	return q->r->avail[q->n] + 4 + 2u * (at & (q->r->size[q->n] - 1u));
}

static uint64_t
used_event(const struct virtq *q)
{
	return q->r->avail[q->n] + 4 + 2u * q->r->size[q->n];
}

static uint64_t
used_entry(const struct virtq *q, uint16_t at)
{
	return q->r->used[q->n] + 4 + 8u * (at & (q->r->size[q->n] - 1u));
}

static uint64_t
avail_event(const struct virtq *q)
{
	return q->r->used[q->n] + 4 + 8u * q->r->size[q->n];
}

/* ---- life ---- */

void
virtq_reset(struct virtq *q)
{
	struct virtq_regs *r = q->r;
	unsigned n = q->n;

	r->desc[n] = r->avail[n] = r->used[n] = 0;
	r->size[n] = q->max;
	r->vector[n] = VIRTQ_NO_VECTOR;
	r->enabled[n] = 0;
	r->last_avail[n] = r->used_at[n] = 0;
	r->signalled[n] = 0;
	q->event_idx = q->indirect = false;
	virtq_forget(q);
}

void
virtq_forget(struct virtq *q)
{
	memset(q->busy, 0, sizeof(q->busy));
}

static int
check_ring(const struct virtq *q, const char *what, uint64_t gpa,
	unsigned align, uint64_t len)
{
	if (gpa % align)
		return failx(-EINVAL,
			"queue %u: its %s at %#llx is not aligned to %u", q->n,
			what, (unsigned long long)gpa, align);
	if (!mem_span(q->mem, gpa, len))
		return failx(-EINVAL,
			"queue %u: its %s at %#llx is not in memory", q->n,
			what, (unsigned long long)gpa);
	return 0;
}

int
virtq_check(const struct virtq *q)
{
	const struct virtq_regs *r = q->r;
	unsigned n = q->n, size = r->size[n];
	int err;

	if (!size || size > q->max || (size & (size - 1)))
		return failx(-EINVAL, "queue %u: %u entries", n, size);
	if ((err = check_ring(
		     q, "descriptor table", r->desc[n], 16, 16ull * size)) ||
		(err = check_ring(
			 q, "available ring", r->avail[n], 2, 6 + 2ull * size)))
		return err;
	return check_ring(q, "used ring", r->used[n], 4, 6 + 8ull * size);
}

unsigned
virtq_in_flight(const struct virtq *q)
{
	return (uint16_t)(q->r->last_avail[q->n] - q->r->used_at[q->n]);
}

/* ---- chains ---- */

static int
fetch(const struct virtq *q, const struct table *t, unsigned i, struct desc *d)
{
	const void *p;

	if (i >= t->entries)
		return failx(-EINVAL, "queue %u: descriptor %u of %u", q->n, i,
			t->entries);
	p = mem_span(q->mem, t->gpa + 16ull * i, sizeof(*d));
	if (!p)
		return failx(-EINVAL,
			"queue %u: its descriptors are not in memory", q->n);
	memcpy(d, p, sizeof(*d));
	return 0;
}

/* One more buffer of a chain. */
static int
add(const struct virtq *q, struct virtq_chain *c, const struct desc *d)
{
	unsigned at = c->outs + c->ins;
	bool in = d->flags & WRITE;
	void *p;

	if (!in && c->ins)
		return failx(-EINVAL,
			"queue %u: a readable buffer behind a writable one",
			q->n);
	if (!d->len)
		return 0;
	p = mem_span(q->mem, d->gpa, d->len);
	if (!p)
		return failx(-EINVAL,
			"queue %u: a buffer at %#llx+%#x is not in memory",
			q->n, (unsigned long long)d->gpa, d->len);
	if (at == c->room || c->out_len + c->in_len + d->len > CHAIN_BYTES)
		return failx(-EINVAL, "queue %u: a chain too long", q->n);
	c->iov[at] = (struct iovec){p, d->len};
	c->gpa[at] = d->gpa;
	*(in ? &c->ins : &c->outs) += 1;
	*(in ? &c->in_len : &c->out_len) += d->len;
	return 0;
}

/* The table that an indirect descriptor names. */
static int
indirect(const struct virtq *q, const struct desc *d, bool inside,
	struct table *t)
{
	if (!q->indirect || inside)
		return failx(-EINVAL, "queue %u: an indirect descriptor%s",
			q->n, inside ? " in an indirect table" : "");
	if (d->flags & NEXT)
		return failx(-EINVAL,
			"queue %u: an indirect descriptor with a next one",
			q->n);
	if (!d->len || d->len % 16)
		return failx(-EINVAL, "queue %u: an indirect table of %u bytes",
			q->n, d->len);
	if (!mem_span(q->mem, d->gpa, d->len))
		return failx(-EINVAL,
			"queue %u: an indirect table is not in memory", q->n);
	*t = (struct table){d->gpa, d->len / 16};
	return 0;
}

static int
walk(const struct virtq *q, unsigned i, struct virtq_chain *c)
{
	unsigned size = q->r->size[q->n], left;
	struct table t = {q->r->desc[q->n], size};
	bool inside = false;
	struct desc d;
	int err;

	for (left = size; left; left--) {
		if ((err = fetch(q, &t, i, &d)))
			return err;
		if (d.flags & INDIRECT) {
			if ((err = indirect(q, &d, inside, &t)))
				return err;
			inside = true;
			i = 0;
			left++; /* is no buffer itself; once at most */
			continue;
		}
		if ((err = add(q, c, &d)))
			return err;
		if (!(d.flags & NEXT))
			return 0;
		i = d.next;
	}
	return failx(-EINVAL, "queue %u: a chain longer than %u", q->n, size);
}

/* 1: there are some; 0: none, and the driver was told to notify. */
static int
look(struct virtq *q)
{
	uint16_t idx, at = q->r->last_avail[q->n], ahead;
	int err, again;

	for (again = 0;; again++) {
		if ((err = load(q, avail_idx(q), &idx)))
			return -EINVAL;
		ahead = (uint16_t)(idx - at);
		if (ahead > q->r->size[q->n])
			return failx(-EINVAL,
				"queue %u: %u entries available of %u", q->n,
				ahead, q->r->size[q->n]);
		if (ahead)
			return 1;
		if (!q->event_idx || again)
			return 0;
		store(q, avail_event(q), at);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	}
}

static uint64_t *
busy(struct virtq *q, unsigned head, uint64_t *bit)
{
	*bit = 1ull << (head % 64);
	return &q->busy[head / 64 % (VIRTQ_MAX / 64)];
}

int
virtq_pop(struct virtq *q, struct virtq_chain *c)
{
	uint64_t bit, *in_flight;
	int r = look(q);

	if (r <= 0)
		return r;
	if (load(q, avail_entry(q, q->r->last_avail[q->n]), &c->head))
		return -EINVAL;
	if (c->head >= q->r->size[q->n])
		return failx(-EINVAL, "queue %u: head %u of %u", q->n, c->head,
			q->r->size[q->n]);
	in_flight = busy(q, c->head, &bit);
	if (*in_flight & bit)
		return failx(
			-EINVAL, "queue %u: head %u is in use", q->n, c->head);
	c->outs = c->ins = 0;
	c->out_len = c->in_len = 0;
	r = walk(q, c->head, c);
	if (r)
		return r;
	*in_flight |= bit;
	q->r->last_avail[q->n]++;
	return 1;
}

void
virtq_unpop(struct virtq *q, uint16_t head)
{
	uint64_t bit, *in_flight = busy(q, head, &bit);

	*in_flight &= ~bit;
	q->r->last_avail[q->n]--;
}

void
virtq_push(struct virtq *q, uint16_t head, uint32_t written)
{
	uint64_t bit, *in_flight = busy(q, head, &bit);
	uint64_t gpa = used_entry(q, q->r->used_at[q->n]);
	uint32_t entry[2] = {head, written};
	void *p = mem_span(q->mem, gpa, sizeof(entry));

	*in_flight &= ~bit;
	q->r->used_at[q->n]++;
	if (!p)
		return;
	memcpy(p, entry, sizeof(entry));
	mem_dirty(q->mem, gpa, sizeof(entry));
	store(q, q->r->used[q->n] + 2, q->r->used_at[q->n]);
}

bool
virtq_interrupt(struct virtq *q)
{
	struct virtq_regs *r = q->r;
	unsigned n = q->n;
	uint16_t now = r->used_at[n], before = r->signalled[n];
	uint16_t v;

	if (now == before)
		return false;
	r->signalled[n] = now;
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* used, then what they want */
	if (q->event_idx) {
		if (load(q, used_event(q), &v))
			return false;
		return (uint16_t)(now - v - 1) < (uint16_t)(now - before);
	}
	return !load(q, r->avail[n], &v) && !(v & NO_INTERRUPT);
}

/* ---- bytes ---- */

/* Where byte `at` of iov[0..n) lies: the entry, and what is left of at. */
static unsigned
seek(const struct iovec *iov, unsigned n, uint64_t *at)
{
	unsigned i;

	for (i = 0; i < n && *at >= iov[i].iov_len; i++)
		*at -= iov[i].iov_len;
	return i;
}

static size_t
least(size_t a, uint64_t b)
{
	return a < b ? a : (size_t)b;
}

size_t
virtq_copy_out(const struct virtq_chain *c, uint64_t at, void *to, size_t n)
{
	unsigned i = seek(c->iov, c->outs, &at);
	size_t done, part;

	for (done = 0; i < c->outs && done < n; i++, done += part, at = 0) {
		part = least(n - done, c->iov[i].iov_len - at);
		memcpy((char *)to + done, (char *)c->iov[i].iov_base + at,
			part);
	}
	return done;
}

size_t
virtq_copy_in(struct mem *m, const struct virtq_chain *c, uint64_t at,
	const void *from, size_t n)
{
	const struct iovec *iov = c->iov + c->outs;
	unsigned i = seek(iov, c->ins, &at);
	size_t done, part;

	for (done = 0; i < c->ins && done < n; i++, done += part, at = 0) {
		part = least(n - done, iov[i].iov_len - at);
		memcpy((char *)iov[i].iov_base + at, (const char *)from + done,
			part);
		mem_dirty(m, c->gpa[c->outs + i] + at, part);
	}
	return done;
}

void
virtq_dirty(struct mem *m, const struct virtq_chain *c, uint64_t written)
{
	unsigned i;
	size_t part;

	for (i = c->outs; i < c->outs + c->ins && written; i++) {
		part = least(c->iov[i].iov_len, written);
		mem_dirty(m, c->gpa[i], part);
		written -= part;
	}
}
