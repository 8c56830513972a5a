/* SPDX-License-Identifier: MIT */
/*
 * virtio-blk: see virtio-blk.h. A request is a header that is read, data, and a
 * byte of status that is written, spread over buffers of any sizes. Data goes
 * between image and guest memory without a copy in between.
 *
 * There are so many requests as REQS, made at the start; what the driver asks
 * beyond that stays in its queue until one is free.
 */
#include "dev/virtio-blk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ID = 2, CLASS = 0x018000, QUEUE_SIZE = 256, REQS = 128 };
enum { SECTOR = 512, SECTOR_BITS = 9 };

#define F_SEG_MAX (1ull << 2)
#define F_RO (1ull << 5)
#define F_BLK_SIZE (1ull << 6)
#define F_FLUSH (1ull << 9)
#define F_TOPOLOGY (1ull << 10)
#define F_MQ (1ull << 12)
#define F_DISCARD (1ull << 13)
#define F_WRITE_ZEROES (1ull << 14)

enum type { /* of requests */
	T_IN = 0,
	T_OUT = 1,
	T_FLUSH = 4,
	T_GET_ID = 8,
	T_DISCARD = 11,
	T_WRITE_ZEROES = 13
};
enum { S_OK, S_IOERR, S_UNSUPP };

/* Bytes of one request; and what may be under way before one more is begun. A
 * machine that pauses or ends waits for that. */
enum { DATA_MAX = 1 << 30, UNDER_WAY = 64 << 20 };

struct header {
	uint32_t type, reserved;
	uint64_t sector;
};

struct segment { /* of discard and write zeroes */
	uint64_t sector;
	uint32_t sectors, flags;
};
enum { UNMAP = 1 };

struct config { /* 5.2.4, up to what is offered here */
	uint64_t capacity;
	uint32_t size_max, seg_max;
	uint16_t cylinders;
	uint8_t heads, sectors;
	uint32_t blk_size;
	uint8_t physical_exp, alignment;
	uint16_t min_io;
	uint32_t opt_io;
	uint8_t writeback, unused0;
	uint16_t queues;
	uint32_t max_discard, max_discard_seg, discard_alignment;
	uint32_t max_zeroes, max_zeroes_seg;
	uint8_t zeroes_may_unmap, unused1[3];
};
enum { CONFIG_SIZE = 60 };

/* In sectors: what one discard may cover, what is quick to write, and what is
 * worth a discard. */
enum { SHORT_WRITE = 16 << 10, SHORT = 64 << 10, LONG = 1 << 20 }; /* bytes */
enum { MAX_RANGE = 0x3fffff, ALIGNMENT = 8, CLUSTER = 128 };

struct blk;

struct req {
	struct disk_req disk; /* first */
	struct blk *blk;
	struct req *next; /* of the free ones */
	unsigned queue;
	uint64_t status_at; /* gpa of its last byte */
	uint32_t data_in; /* bytes that the device writes before it */
	bool through; /* a write, to be flushed */
	uint64_t cost; /* bytes, while it is with the disk */
	struct virtq_chain chain;
	struct iovec iov[QUEUE_SIZE];
	uint64_t gpa[QUEUE_SIZE];
};

struct blk {
	struct virtio v;
	struct blk_regs {
		struct virtio_regs v;
	} regs;
	struct disk *disk;
	struct config config;
	char serial[VIRTIO_BLK_SERIAL];
	struct req *req, *free; /* those that were in use before */
	unsigned made; /* so many were; the pages of others cost nothing */
	unsigned in_flight;
	uint64_t under_way; /* bytes of these */
	uint32_t waiting; /* queues that had more than there were requests */
};

static const struct field fields[] = {
	VIRTIO_FIELDS(struct blk, regs), FIELD_END};

static struct blk *
blk(struct virtio *v)
{
	return (struct blk *)v;
}

/* ---- the end of a request ---- */

static uint8_t
status_of(int err)
{
	if (err == -EOPNOTSUPP)
		return S_UNSUPP;
	return err ? S_IOERR : S_OK;
}

static void
put_free(struct req *q)
{
	q->next = q->blk->free;
	q->blk->free = q;
}

static void
answer(struct req *q, int err)
{
	struct blk *b = q->blk;
	uint8_t status = status_of(err);

	if (q->data_in)
		virtq_dirty(b->v.mem, &q->chain, q->data_in);
	mem_write(b->v.mem, q->status_at, &status, 1);
	virtio_push(&b->v, q->queue, q->chain.head, q->data_in + 1);
}

static void kick(struct virtio *, unsigned n);

/* What had to wait for a request to be free. */
static void
kick_waiting(struct blk *b)
{
	bool later = b->waiting && disk_draining(b->disk);

	for (unsigned n = 0; b->waiting && n < b->v.queues; n++)
		if (b->waiting >> n & 1) {
			b->waiting &= ~(1u << n);
			if (!later || !virtio_later(&b->v, n))
				kick(&b->v, n);
		}
}

/* In a worker, the device's lock held. */
static void
done(struct disk_req *d, int err)
{
	struct req *q = (struct req *)d;
	struct blk *b = q->blk;

	if (!err && q->through && !b->v.resetting) {
		q->through = false;
		d->op = DISK_FLUSH;
		disk_submit(b->disk, d);
		return;
	}
	b->in_flight--;
	b->under_way -= q->cost;
	if (b->v.resetting) {
		put_free(q);
		if (!b->in_flight)
			virtio_is_reset(&b->v);
		return;
	}
	answer(q, err);
	put_free(q);
	virtio_signal(&b->v, q->queue);
	kick_waiting(b);
}

/* ---- the beginning ---- */

static void
submit(struct req *q, enum disk_op op)
{
	struct blk *b = q->blk;

	q->disk.op = op;
	q->disk.done = done;
	q->cost = op == DISK_FLUSH ? 0 : q->disk.len;
	b->in_flight++;
	b->under_way += q->cost;
	disk_submit(b->disk, &q->disk);
}

/* The last byte that the device may write is the status. Buffers of no bytes
 * are not in the chain. */
static bool
cut_status(struct req *q)
{
	struct virtq_chain *c = &q->chain;
	unsigned last = c->outs + c->ins - 1;

	if (!c->ins)
		return false;
	q->status_at = c->gpa[last] + c->iov[last].iov_len - 1;
	if (--c->iov[last].iov_len == 0)
		c->ins--;
	c->in_len--;
	return true;
}

/* The header is gone from the front of what is read; returns the first entry of
 * iov that is left. */
static unsigned
cut_header(struct virtq_chain *c)
{
	size_t left = sizeof(struct header);
	unsigned n = 0;

	while (n < c->outs && c->iov[n].iov_len <= left)
		left -= c->iov[n++].iov_len;
	if (left) {
		c->iov[n].iov_base = (char *)c->iov[n].iov_base + left;
		c->iov[n].iov_len -= left;
	}
	c->out_len -= sizeof(struct header);
	return n;
}

/* Sectors to bytes; what cannot be is out of any disk. */
static uint64_t
bytes(uint64_t sectors)
{
	return sectors > UINT64_MAX >> SECTOR_BITS ? UINT64_MAX
						   : sectors << SECTOR_BITS;
}

/* Worth being done at once, by the vCPU that asks. What is larger is better
 * copied beside it, unless that one reads and has nothing else to wait for. */
static bool
is_short(const struct req *q, enum disk_op op)
{
	if (op != DISK_READ)
		return q->disk.len <= SHORT_WRITE && !q->through &&
		       q->blk->v.by_cpu;
	return q->disk.len <= SHORT ||
	       (q->disk.len <= LONG && !q->blk->in_flight);
}

static int
begin_data(struct req *q, enum disk_op op, uint64_t sector)
{
	struct virtq_chain *c = &q->chain;
	unsigned first = cut_header(c);
	struct disk_req *d = &q->disk;

	if (op == DISK_READ) {
		d->iov = c->iov + c->outs;
		d->iovs = c->ins;
		d->len = c->in_len;
	} else {
		d->iov = c->iov + first;
		d->iovs = c->outs - first;
		d->len = c->out_len;
	}
	if (d->len % SECTOR || d->len > DATA_MAX)
		return -EINVAL;
	d->off = bytes(sector);
	d->op = op;
	if (op == DISK_READ)
		q->data_in = (uint32_t)d->len;
	else
		q->through = !virtio_has(&q->blk->v, F_FLUSH);
	if (is_short(q, op) && !disk_try(q->blk->disk, d))
		return 0;
	submit(q, op);
	return 1;
}

static int
begin_id(struct req *q)
{
	const struct blk *b = q->blk;
	uint64_t n = q->chain.in_len;

	if (n > sizeof(b->serial))
		n = sizeof(b->serial);
	virtq_copy_in(b->v.mem, &q->chain, 0, b->serial, n);
	q->data_in = (uint32_t)n;
	return 0;
}

static int
begin_range(struct req *q, enum disk_op op)
{
	struct segment s;
	uint32_t most = op == DISK_ZERO ? q->blk->config.max_zeroes
					: q->blk->config.max_discard;

	if (!virtio_has(
		    &q->blk->v, op == DISK_ZERO ? F_WRITE_ZEROES : F_DISCARD))
		return -EOPNOTSUPP;
	if (q->chain.out_len != sizeof(struct header) + sizeof(s))
		return -EINVAL;
	virtq_copy_out(&q->chain, sizeof(struct header), &s, sizeof(s));
	if (s.flags & ~(op == DISK_ZERO ? UNMAP : 0u))
		return -EOPNOTSUPP;
	if (s.sectors > most)
		return -EINVAL;
	q->disk.off = bytes(s.sector);
	q->disk.len = bytes(s.sectors);
	q->disk.unmap = s.flags & UNMAP;
	q->through = op == DISK_ZERO && !virtio_has(&q->blk->v, F_FLUSH);
	submit(q, op);
	return 1;
}

/* 1: under way; 0 or -errno: there is the answer. */
static int
begin(struct req *q)
{
	struct header h;

	virtq_copy_out(&q->chain, 0, &h, sizeof(h));
	switch (h.type) {
	case T_IN:
		return begin_data(q, DISK_READ, h.sector);
	case T_OUT:
		return begin_data(q, DISK_WRITE, h.sector);
	case T_FLUSH:
		submit(q, DISK_FLUSH);
		return 1;
	case T_GET_ID:
		return begin_id(q);
	case T_DISCARD:
		return begin_range(q, DISK_DISCARD);
	case T_WRITE_ZEROES:
		return begin_range(q, DISK_ZERO);
	}
	return -EOPNOTSUPP;
}

/* NULL: what is under way comes first. */
static struct req *
take_free(struct blk *b)
{
	struct req *q = b->free;

	if (b->under_way > UNDER_WAY)
		return NULL;
	if (q)
		b->free = q->next;
	else if (b->made < REQS)
		q = &b->req[b->made++];
	else
		return NULL;
	q->blk = b;
	q->data_in = 0;
	q->through = false;
	q->chain.iov = q->iov;
	q->chain.gpa = q->gpa;
	q->chain.room = QUEUE_SIZE;
	return q;
}

/* False: none was there. */
static bool
begin_next(struct blk *b, struct req *q, unsigned n, bool *answered)
{
	int err;

	if (!virtio_pop(&b->v, n, &q->chain))
		return false;
	q->queue = n;
	if (q->chain.out_len < sizeof(struct header) || !cut_status(q)) {
		virtio_break(&b->v, "queue %u: a request without %s", n,
			q->chain.in_len ? "a header" : "room for its status");
		return false;
	}
	err = begin(q);
	if (err == 1)
		return true;
	answer(q, err);
	put_free(q);
	*answered = true;
	return true;
}

static void
kick(struct virtio *v, unsigned n)
{
	struct blk *b = blk(v);
	bool answered = false;
	struct req *q;

	while ((q = take_free(b)))
		if (!begin_next(b, q, n, &answered)) {
			put_free(q);
			break;
		}
	if (!q)
		b->waiting |= 1u << n;
	if (answered)
		virtio_signal(v, n);
}

/* ---- what the driver sees ---- */

static uint32_t
config_read(struct virtio *v, unsigned at, unsigned size)
{
	uint32_t val = 0;

	memcpy(&val, (const char *)&blk(v)->config + at, size);
	return val;
}

static bool
reset(struct virtio *v)
{
	struct blk *b = blk(v);

	b->waiting = 0;
	if (b->in_flight && !disk_pending(b->disk)) {
		/* The machine is reset, and the disk has forgotten them. */
		b->free = NULL;
		b->made = b->in_flight = 0;
		b->under_way = 0;
	}
	return !b->in_flight;
}

static void
changed(void *to)
{
	struct blk *b = to;

	b->config.capacity = disk_size(b->disk) >> SECTOR_BITS;
	virtio_config_changed(&b->v);
}

static void
blk_free(struct virtio *v)
{
	struct blk *b = blk(v);

	disk_attach(b->disk, NULL);
	free(b->req);
	free(b);
}

static const struct virtio_ops ops = {
	.dev = {.name = "virtio-blk",
		.fields = fields,
		DEV_REGS(struct blk, regs),
		VIRTIO_DEV_OPS},
	.id = ID,
	.pci_class = CLASS,
	.config_size = CONFIG_SIZE,
	.kick = kick,
	.config_read = config_read,
	.reset = reset,
	.free = blk_free,
};

static void
fill_config(struct blk *b, unsigned queues)
{
	b->config = (struct config){
		.capacity = disk_size(b->disk) >> SECTOR_BITS,
		.seg_max = QUEUE_SIZE - 2,
		.blk_size = SECTOR,
		.physical_exp = 3,
		.min_io = ALIGNMENT,
		.queues = (uint16_t)queues,
		.max_discard = MAX_RANGE,
		.max_discard_seg = 1,
		.discard_alignment = CLUSTER,
		.max_zeroes = MAX_RANGE,
		.max_zeroes_seg = 1,
		.zeroes_may_unmap = 1,
	};
}

struct dev *
virtio_blk_new(struct mem *m, const struct virtio_blk_options *o)
{
	uint64_t features = F_SEG_MAX | F_BLK_SIZE | F_FLUSH | F_TOPOLOGY;
	struct blk *b = calloc(1, sizeof(*b));
	struct disk_user user = {.changed = changed, .to = b};
	uint16_t max[VIRTIO_BLK_QUEUES];
	unsigned queues = o->queues;

	if (!b || !(b->req = calloc(REQS, sizeof(*b->req)))) {
		free(b);
		return NULL;
	}
	if (!queues || queues > VIRTIO_BLK_QUEUES)
		queues = queues ? VIRTIO_BLK_QUEUES : 1;
	for (unsigned n = 0; n < VIRTIO_BLK_QUEUES; n++)
		max[n] = QUEUE_SIZE;
	b->disk = o->disk;
	if (o->serial)
		memcpy(b->serial, o->serial,
			strnlen(o->serial, sizeof(b->serial)));
	fill_config(b, queues);
	features |= queues > 1 ? F_MQ : 0;
	features |= disk_writable(b->disk) ? F_DISCARD | F_WRITE_ZEROES : F_RO;
	virtio_init(&b->v, &ops, &b->regs.v, m, features, queues, max);
	user.lock = &b->v.dev.lock;
	disk_attach(b->disk, &user);
	return &b->v.dev;
}
