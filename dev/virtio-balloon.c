/* SPDX-License-Identifier: MIT */
/*
 * virtio memory balloon. A list of page numbers is read in bounded pieces, and
 * runs of neighbours are released together. What the guest says of pages that
 * it has not is ignored.
 */
#include "dev/virtio-balloon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { INFLATE, DEFLATE, STATS, QUEUES };
enum { ENTRIES = 128, PIECE = 256, BURST = 2 };
enum { LIST_MAX = 16384 }; /* page numbers in one request */
enum { PAGE = 4096, STAT_SIZE = 10 };

#define F_STATS (1ull << 1)
#define F_DEFLATE_ON_OOM (1ull << 2)

struct balloon {
	struct virtio v;
	struct balloon_regs {
		struct virtio_regs v;
		uint64_t stat[BALLOON_STATS];
		uint32_t target, actual; /* pages */
	} r;
	struct iovec iov[ENTRIES];
	uint64_t gpa[ENTRIES];
};

static const struct field fields[] = {
	VIRTIO_FIELDS(struct balloon, r),
	FIELDS(struct balloon, r, stat),
	FIELD(struct balloon, r, target),
	FIELD(struct balloon, r, actual),
	FIELD_END,
};

struct pages { /* neighbours, to be released */
	uint64_t at, n;
};

static void
release(struct balloon *b, const struct pages *p)
{
	if (p->n && mem_release(b->v.mem, p->at * PAGE, p->n * PAGE))
		dev_odd(&b->v.dev, "pages %#llx+%#llx in the balloon",
			(unsigned long long)p->at, (unsigned long long)p->n);
}

static void
gather(struct balloon *b, struct pages *p, uint32_t pfn)
{
	if (p->n && pfn + 1ull == p->at) {
		p->at--;
		p->n++;
	} else if (p->n && pfn == p->at + p->n) {
		p->n++;
	} else {
		release(b, p);
		*p = (struct pages){pfn, 1};
	}
}

static void
inflate(struct balloon *b, const struct virtq_chain *c)
{
	uint32_t pfn[PIECE];
	struct pages p = {0, 0};
	size_t got, i;
	uint64_t at;

	if (c->out_len > LIST_MAX * sizeof(*pfn))
		dev_odd(&b->v.dev, "a list of %llu bytes for the balloon",
			(unsigned long long)c->out_len);
	for (at = 0; at < LIST_MAX * sizeof(*pfn); at += got) {
		got = virtq_copy_out(c, at, pfn, sizeof(pfn));
		for (i = 0; i < got / sizeof(*pfn); i++)
			gather(b, &p, pfn[i]);
		if (got < sizeof(pfn))
			break;
	}
	release(b, &p);
}

static void
take_stats(struct balloon *b, const struct virtq_chain *c)
{
	uint8_t raw[STAT_SIZE * (BALLOON_STATS + 8)];
	size_t got = virtq_copy_out(c, 0, raw, sizeof(raw)), i;
	uint16_t tag;

	for (i = 0; i + STAT_SIZE <= got; i += STAT_SIZE) {
		memcpy(&tag, raw + i, sizeof(tag));
		if (tag < BALLOON_STATS)
			memcpy(&b->r.stat[tag], raw + i + 2, 8);
	}
}

static void
kick(struct virtio *v, unsigned n)
{
	struct balloon *b = (struct balloon *)v;
	struct virtq_chain c = {.iov = b->iov, .gpa = b->gpa, .room = ENTRIES};

	while (virtio_pop(v, n, &c)) {
		if (n == STATS) { /* it comes back when we want them anew */
			take_stats(b, &c);
			virtio_unpop(v, n, c.head);
			return;
		}
		if (n == INFLATE)
			inflate(b, &c);
		virtio_push(v, n, c.head, 0);
	}
	virtio_signal(v, n);
}

static uint32_t
config_read(struct virtio *v, unsigned at, unsigned size)
{
	const struct balloon *b = (struct balloon *)v;
	uint32_t word = at < 4 ? b->r.target : b->r.actual;

	(void)size;
	return word >> 8 * (at & 3);
}

static void
config_write(struct virtio *v, unsigned at, unsigned size, uint32_t val)
{
	struct balloon *b = (struct balloon *)v;

	if (at == 4 && size == 4)
		b->r.actual = val;
}

static void
forget_stats(struct balloon *b)
{
	memset(b->r.stat, 0xff, sizeof(b->r.stat));
}

/* The target is the host's, and stays. */
static bool
reset(struct virtio *v)
{
	struct balloon *b = (struct balloon *)v;

	b->r.actual = 0;
	forget_stats(b);
	return true;
}

static int
loaded(struct virtio *v)
{
	struct balloon *b = (struct balloon *)v;

	if (b->r.target > mem_size(v->mem) / PAGE)
		b->r.target = (uint32_t)(mem_size(v->mem) / PAGE);
	return 0;
}

static const struct virtio_ops ops = {
	.dev = {.name = "virtio-balloon",
		.fields = fields,
		DEV_REGS(struct balloon, r),
		VIRTIO_DEV_OPS},
	.id = VIRTIO_ID_BALLOON,
	.pci_class = 0x00ff00,
	.config_size = 8,
	.kick = kick,
	.config_read = config_read,
	.config_write = config_write,
	.reset = reset,
	.loaded = loaded,
};

struct dev *
virtio_balloon_new(struct mem *m)
{
	static const uint16_t max[QUEUES] = {ENTRIES, ENTRIES, 16};
	struct balloon *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	virtio_init(&b->v, &ops, &b->r.v, m, F_STATS | F_DEFLATE_ON_OOM, QUEUES,
		max);
	b->v.burst = BURST;
	forget_stats(b);
	return &b->v.dev;
}

void
virtio_balloon_set(struct dev *d, uint64_t bytes)
{
	struct balloon *b = (struct balloon *)d;
	uint64_t most = mem_size(b->v.mem);
	uint32_t target = (uint32_t)((bytes < most ? bytes : most) / PAGE);

	dev_lock(d);
	if (b->r.target != target) {
		b->r.target = target;
		virtio_config_changed(&b->v);
	}
	dev_unlock(d);
}

uint64_t
virtio_balloon_size(struct dev *d)
{
	uint64_t size;

	dev_lock(d);
	size = ((struct balloon *)d)->r.actual * (uint64_t)PAGE;
	dev_unlock(d);
	return size;
}

void
virtio_balloon_stats(struct dev *d, uint64_t stat[BALLOON_STATS])
{
	struct balloon *b = (struct balloon *)d;
	struct virtq_chain c = {.iov = b->iov, .gpa = b->gpa, .room = ENTRIES};

	dev_lock(d);
	memcpy(stat, b->r.stat, sizeof(b->r.stat));
	if (virtio_has(&b->v, F_STATS) && virtio_pop(&b->v, STATS, &c)) {
		virtio_push(&b->v, STATS, c.head, 0);
		virtio_signal(&b->v, STATS);
	}
	dev_unlock(d);
}
