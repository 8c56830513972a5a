/* SPDX-License-Identifier: MIT */
/* virtio's small devices: random numbers, and the balloon. */
#include "dev/virtio-balloon.h"
#include "dev/virtio-rng.h"
#include "lib/clock.h"
#include "tests/tap.h"
#include "tests/virtio-rig.h"

static struct vrig g;

/* ---- random numbers ---- */

static void
test_rng(void)
{
	struct clock *clock = clock_new_manual(0);
	uint8_t a[64], b[64];
	uint32_t len, got = 0, i;

	vrig_init(&g);
	vrig_add(&g, virtio_rng_new(g.m, clock, rng_host));
	vrig_start(&g, 0, 64);
	vrig_give(&g, 0, 0, RIG_BUFS, 64, true);
	vrig_give(&g, 0, 1, RIG_BUFS + 64, 64, true);
	mem_read(g.m, RIG_BUFS, a, 64);
	mem_read(g.m, RIG_BUFS + 64, b, 64);
	ok(ring_done(&g.ring[0]) == 2 && memcmp(a, b, 64),
		"bytes, not the same");
	ring_used(&g.ring[0], 1, &len);
	is_u64(len, 64, "as many as asked for");
	vrig_give(&g, 0, 2, RIG_BUFS, 0, true);
	vrig_give(&g, 0, 3, RIG_BUFS, 64, false);
	is_u64(ring_done(&g.ring[0]), 4, "requests for none are answered");
	for (i = 4; i < 64; i++)
		vrig_give(&g, 0, i, RIG_BUFS, 0x4000, true);
	for (i = 0; i < ring_done(&g.ring[0]); i++) {
		ring_used(&g.ring[0], i, &len);
		got += len;
	}
	is_u64(got, RNG_BUDGET, "no more than the budget");
	clock_advance(clock, RNG_PERIOD - 1);
	is_u64(ring_done(&g.ring[0]), i, "until a period has gone by");
	clock_advance(clock, 1);
	for (got = 0; i < ring_done(&g.ring[0]); i++) {
		ring_used(&g.ring[0], i, &len);
		got += len;
	}
	is_u64(got, RNG_BUDGET, "then those who wait get some");
	vrig_start(&g, 0, 64);
	vrig_give(&g, 0, 0, RIG_BUFS, 64, true);
	is_u64(ring_done(&g.ring[0]), 0, "a reset gives no new budget");
	clock_advance(clock, RNG_PERIOD);
	is_u64(ring_done(&g.ring[0]), 1, "and takes none away");
	vrig_free(&g);
	clock_free(clock);
}

/* ---- the balloon ---- */

static uint64_t released;

static void
on_write(void *to, uint64_t gpa, uint64_t len)
{
	(void)to;
	if (gpa >= RIG_BUFS + 0x1000)
		released += len;
}

static void
inflate(const uint32_t *pfn, unsigned n)
{
	mem_write(g.m, RIG_BUFS, pfn, n * sizeof(*pfn));
	vrig_give(&g, 0, 0, RIG_BUFS, n * (uint32_t)sizeof(*pfn), false);
}

static uint8_t
byte_at(uint64_t gpa)
{
	uint8_t b = 0xff;

	mem_read(g.m, gpa, &b, 1);
	return b;
}

static void
test_inflate(void)
{
	uint64_t base = RIG_BUFS + 0x10000;
	uint32_t page = (uint32_t)(base / 4096), i;
	uint32_t up[] = {page, page + 1, page + 3};
	uint32_t down[] = {page + 7, page + 6, page + 5};
	uint32_t bad[] = {RIG_RAM / 4096, UINT32_MAX, 0xc0000, page + 9};

	vrig_init(&g);
	vrig_add(&g, virtio_balloon_new(g.m));
	vrig_start(&g, 0, 16);
	mem_fill(g.m, base, 0xee, 10 * 4096);
	mem_on_write(g.m, on_write, NULL);
	released = 0;
	inflate(up, 3);
	inflate(down, 3);
	for (i = 0; i < 8; i++)
		if ((byte_at(base + 4096 * i) == 0xee) != (i == 2 || i == 4))
			break;
	ok(i == 8, "the pages listed read as zero, others stay");
	is_u64(released, 6 * 4096, "who caches code hears of them");
	is_u64(ring_done(&g.ring[0]), 2, "the lists come back");
	inflate(bad, 4);
	ok(byte_at(base + 9 * 4096) == 0 && byte_at(base + 8 * 4096) == 0xee,
		"pages that are not there do not matter");
	ok(!(vrig_status(&g) & VIRTIO_BROKEN) && g.v->dev.odd == 3,
		"but are counted");
	vrig_give(&g, 0, 0, RIG_BUFS, 3, false);
	vrig_give(&g, 0, 0, RIG_BUFS, 0, false);
	vrig_give(&g, 1, 0, RIG_BUFS, 40, false);
	ok(ring_done(&g.ring[0]) == 5 && ring_done(&g.ring[1]) == 1,
		"short lists, and what it takes back, are just taken");
	mem_on_write(g.m, NULL, NULL);
	vrig_free(&g);
}

static void
test_target(void)
{
	vrig_init(&g);
	vrig_add(&g, virtio_balloon_new(g.m));
	vrig_start(&g, 0, 16);
	virtio_balloon_set(&g.v->dev, 0x100000);
	is_u64(vrig_read(&g, VIRTIO_CONFIG, 4), 0x100, "the target, in pages");
	is_u64(vrig_read(&g, VIRTIO_ISR, 1), 2, "the driver is told");
	virtio_balloon_set(&g.v->dev, 0x100000);
	is_u64(vrig_read(&g, VIRTIO_ISR, 1), 0, "once");
	vrig_write(&g, VIRTIO_CONFIG + 4, 4, 0x80);
	vrig_write(&g, VIRTIO_CONFIG, 4, 0);
	ok(virtio_balloon_size(&g.v->dev) == 0x80000 &&
			vrig_read(&g, VIRTIO_CONFIG, 4) == 0x100,
		"the driver says how far it is, no more");
	virtio_balloon_set(&g.v->dev, UINT64_MAX);
	is_u64(vrig_read(&g, VIRTIO_CONFIG, 4), RIG_RAM / 4096,
		"all of memory is the most");
	vrig_write(&g, C_STATUS, 1, 0);
	ok(vrig_read(&g, VIRTIO_CONFIG + 4, 4) == 0 &&
			vrig_read(&g, VIRTIO_CONFIG, 4) == RIG_RAM / 4096,
		"a reset lets the air out, the target stays");
	vrig_free(&g);
}

static void
test_stats(void)
{
	uint64_t stat[BALLOON_STATS], v = 0x123456;
	uint8_t list[32] = {0};

	vrig_init(&g);
	vrig_add(&g, virtio_balloon_new(g.m));
	vrig_start(&g, 2, 16);
	virtio_balloon_stats(&g.v->dev, stat);
	is_u64(stat[BALLOON_FREE], UINT64_MAX, "nothing is known at first");
	list[0] = BALLOON_FREE;
	memcpy(list + 2, &v, 8);
	list[10] = 0xff; /* a tag of the future */
	list[20] = BALLOON_TOTAL;
	mem_write(g.m, RIG_BUFS, list, sizeof(list));
	vrig_give(&g, 2, 0, RIG_BUFS, 32, false);
	is_u64(ring_done(&g.ring[2]), 0, "the list is kept");
	virtio_balloon_stats(&g.v->dev, stat);
	ok(stat[BALLOON_FREE] == v && stat[BALLOON_TOTAL] == 0,
		"what it says is known");
	is_u64(ring_done(&g.ring[2]), 1, "asking again gives it back");
	vrig_free(&g);
}

int
main(void)
{
	deadline(30);
	test_rng();
	test_inflate();
	test_target();
	test_stats();
	return done();
}
