/* SPDX-License-Identifier: MIT */
/*
 * virtio entropy device. Requests wait in the queue while the budget is used
 * up; a request is answered with what is left of it, which the driver takes.
 */
#include "dev/virtio-rng.h"

#include <stdlib.h>
#include <sys/random.h>

enum { ENTRIES = 64, PIECE = 256 };

struct rng {
	struct virtio v;
	rng_source *source;
	struct clock *clock;
	struct timer timer; /* the budget is full again */
	struct rng_regs {
		struct virtio_regs v;
		uint64_t wait; /* ns until then; 0: it is full; when saved */
		uint32_t budget;
		uint32_t spare; /* always 0 */
	} r;
	struct iovec iov[ENTRIES];
	uint64_t gpa[ENTRIES];
};

static const struct field fields[] = {
	VIRTIO_FIELDS(struct rng, r),
	FIELD(struct rng, r, wait),
	FIELD(struct rng, r, budget),
	FIELD(struct rng, r, spare),
	FIELD_END,
};

size_t
rng_host(void *p, size_t n)
{
	ssize_t got = getrandom(p, n, GRND_NONBLOCK);

	return got < 0 ? 0 : (size_t)got;
}

/* Never waits for entropy: bytes written, maybe none. */
static uint32_t
fill(struct rng *g, const struct virtq_chain *c)
{
	uint8_t piece[PIECE];
	uint32_t done = 0;
	uint64_t want;
	size_t n;

	while (done < c->in_len && g->r.budget) {
		want = c->in_len - done;
		if (want > g->r.budget)
			want = g->r.budget;
		if (want > PIECE)
			want = PIECE;
		n = g->source(piece, (size_t)want);
		if (!n)
			break;
		virtq_copy_in(g->v.mem, c, done, piece, n);
		done += (uint32_t)n;
		g->r.budget -= (uint32_t)n;
	}
	return done;
}

static void
kick(struct virtio *v, unsigned n)
{
	struct rng *g = (struct rng *)v;
	struct virtq_chain c = {.iov = g->iov, .gpa = g->gpa, .room = ENTRIES};
	uint32_t done;

	while (g->r.budget && virtio_pop(v, n, &c)) {
		done = fill(g, &c);
		if (!done && c.in_len) { /* the host has none yet */
			virtio_unpop(v, n, c.head);
			g->r.budget = 0;
			break;
		}
		virtio_push(v, n, c.head, done);
	}
	virtio_signal(v, n);
	if (g->r.budget < RNG_BUDGET && g->timer.at == CLOCK_NEVER)
		timer_arm(&g->timer, clock_now(g->clock) + RNG_PERIOD);
}

static void
refill(void *to)
{
	struct rng *g = to;

	g->r.budget = RNG_BUDGET;
	if (virtio_running(&g->v) && g->r.v.queue.enabled[0])
		kick(&g->v, 0);
}

/* The budget is not the driver's to reset. */
static void
saving(struct virtio *v)
{
	struct rng *g = (struct rng *)v;
	int64_t left = g->timer.at - clock_now(g->clock);

	g->r.wait = 0;
	if (g->timer.at != CLOCK_NEVER)
		g->r.wait = left > 0 ? (uint64_t)left : 1;
}

static int
loaded(struct virtio *v)
{
	struct rng *g = (struct rng *)v;

	if (g->r.budget > RNG_BUDGET)
		g->r.budget = RNG_BUDGET;
	if (g->r.wait > RNG_PERIOD)
		g->r.wait = RNG_PERIOD;
	g->r.spare = 0;
	timer_disarm(&g->timer);
	if (g->r.wait)
		timer_arm(&g->timer, clock_now(g->clock) + (int64_t)g->r.wait);
	else
		g->r.budget = RNG_BUDGET;
	return 0;
}

static void
rng_free(struct virtio *v)
{
	timer_disarm(&((struct rng *)v)->timer);
	free(v);
}

static const struct virtio_ops ops = {
	.dev = {.name = "virtio-rng",
		.fields = fields,
		DEV_REGS(struct rng, r),
		VIRTIO_DEV_OPS},
	.id = VIRTIO_ID_ENTROPY,
	.pci_class = 0x00ff00,
	.kick = kick,
	.saving = saving,
	.loaded = loaded,
	.free = rng_free,
};

struct dev *
virtio_rng_new(struct mem *m, struct clock *clock, rng_source *source)
{
	static const uint16_t max[] = {ENTRIES};
	struct rng *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	virtio_init(&g->v, &ops, &g->r.v, m, 0, 1, max);
	g->clock = clock;
	g->source = source;
	g->r.budget = RNG_BUDGET;
	timer_init(&g->timer, clock, &g->v.dev.lock, refill, g);
	return &g->v.dev;
}
