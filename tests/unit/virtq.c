/* SPDX-License-Identifier: MIT */
/* Virtqueues, with rings made by hand: what is right, and what breaks them. */
#include "dev/virtq.h"

#include <errno.h>

#include "lib/err.h"
#include "tests/ring.h"
#include "tests/tap.h"

#define RAM 0x100000u
#define SIZE 8u
#define RING 0x1000u
#define BUF 0x10000u
#define TABLE 0x8000u

static struct virtq_regs regs;
static struct virtq q;
static struct ring r;
static struct mem *m;
static struct iovec iov[64];
static uint64_t gpa[64];
static struct virtq_chain c;

static void
dirty(void *to, uint64_t at, uint64_t len)
{
	(void)at;
	*(uint64_t *)to += len;
}

/* A queue as after negotiation, with nothing in it. */
static void
up(void)
{
	memset(&regs, 0, sizeof(regs));
	q = (struct virtq){.r = &regs, .n = 3, .mem = m, .max = 64};
	virtq_reset(&q);
	ring_at(&r, m, RING, SIZE);
	regs.size[3] = SIZE;
	regs.desc[3] = r.desc;
	regs.avail[3] = r.avail;
	regs.used[3] = r.used;
	regs.enabled[3] = 1;
	q.indirect = true;
	c = (struct virtq_chain){.iov = iov, .gpa = gpa, .room = 64};
}

static void
test_chain(void)
{
	char text[8] = "";

	up();
	ok(virtq_pop(&q, &c) == 0, "an empty queue has nothing");
	mem_write(m, BUF, "abc", 3);
	mem_write(m, BUF + 100, "def", 3);
	ring_desc(&r, 2, BUF, 3, D_NEXT, 5);
	ring_desc(&r, 5, BUF + 100, 3, D_NEXT, 1);
	ring_desc(&r, 1, BUF + 200, 5, D_WRITE, 0);
	ring_offer(&r, 2);
	ok(virtq_pop(&q, &c) == 1 && c.head == 2, "a chain comes out");
	ok(c.outs == 2 && c.out_len == 6 && c.ins == 1 && c.in_len == 5,
		"readable buffers, then writable ones");
	ok(gpa[2] == BUF + 200 && iov[2].iov_base == mem_span(m, BUF + 200, 5),
		"with their addresses");
	is_u64(virtq_copy_out(&c, 1, text, 4), 4, "bytes across buffers");
	is_str(text, "bcde", "are the right ones");
	is_u64(virtq_copy_out(&c, 4, text, 8), 2, "no more than there are");
	is_u64(virtq_copy_out(&c, 6, text, 8), 0, "none behind the end");
	is_u64(virtq_copy_in(m, &c, 2, "xyzzy", 5), 3, "and in");
	mem_read(m, BUF + 202, text, 3);
	ok(memcmp(text, "xyz", 3) == 0, "are there");
	is_u64(virtq_in_flight(&q), 1, "one is in flight");
	virtq_push(&q, 2, 5);
	is_u64(virtq_in_flight(&q), 0, "none when it is done");
	ok(ring_done(&r) == 1, "the driver sees it");
}

static void
test_used(void)
{
	uint64_t written = 0;
	uint32_t len = 0;
	unsigned i;

	up();
	for (i = 0; i < 3 * SIZE; i++) {
		ring_desc(&r, i % SIZE, BUF, 16, D_WRITE, 0);
		ring_offer(&r, (uint16_t)(i % SIZE));
		if (virtq_pop(&q, &c) != 1)
			break;
		virtq_push(&q, c.head, i);
	}
	ok(i == 3 * SIZE, "the rings go round");
	ok(ring_used(&r, 3 * SIZE - 1, &len) == SIZE - 1 && len == 3 * SIZE - 1,
		"the used entry says head and length");
	ring_offer(&r, 0);
	mem_on_write(m, dirty, &written);
	virtq_pop(&q, &c);
	virtq_copy_in(m, &c, 0, "abcd", 4);
	is_u64(written, 4, "memory hears of bytes that are copied in");
	virtq_dirty(m, &c, 10);
	is_u64(written, 14, "and of those written otherwise");
	virtq_push(&q, 0, 10);
	is_u64(written, 14 + 8 + 2, "and of the used ring");
	mem_on_write(m, NULL, NULL);
}

static void
test_zero(void)
{
	up();
	ring_desc(&r, 0, 0, 0, D_NEXT, 1);
	ring_desc(&r, 1, UINT64_MAX, 0, D_WRITE, 0);
	ring_offer(&r, 0);
	ok(virtq_pop(&q, &c) == 1 && !c.outs && !c.ins && !c.in_len,
		"buffers of no bytes are legal, wherever they are");
}

static void
test_indirect(void)
{
	unsigned i;

	up();
	ring_desc(&r, 0, BUF, 1, D_NEXT, 4);
	ring_desc(&r, 4, TABLE, 2 * 16, D_INDIRECT | D_WRITE, 0);
	ring_table(&r, TABLE, 0, BUF + 10, 2, D_NEXT, 1);
	ring_table(&r, TABLE, 1, BUF + 20, 3, D_WRITE, 0);
	ring_offer(&r, 0);
	ok(virtq_pop(&q, &c) == 1 && c.out_len == 3 && c.in_len == 3,
		"an indirect table goes on where a direct part ends");
	up();
	for (i = 0; i < SIZE; i++)
		ring_table(&r, TABLE, i, BUF, 1, i < SIZE - 1 ? D_NEXT : 0,
			(uint16_t)(i + 1));
	ring_desc(&r, 0, TABLE, SIZE * 16, D_INDIRECT, 0);
	ring_offer(&r, 0);
	ok(virtq_pop(&q, &c) == 1 && c.outs == SIZE,
		"as long as the queue is large");
}

/* What was offered breaks the queue, and nothing has moved. */
static void
broken(const char *name)
{
	uint16_t at = regs.last_avail[3], done = ring_done(&r);
	int got;

	fail_clear();
	got = virtq_pop(&q, &c);
	ok(got == -EINVAL && *fail_text() && regs.last_avail[3] == at &&
			ring_done(&r) == done,
		"broken: %s", name);
	if (got == -EINVAL)
		printf("# %s\n", fail_text());
}

static void
break_chain(const char *name, uint64_t at, uint32_t len, uint16_t flags,
	uint16_t next)
{
	up();
	ring_desc(&r, 0, BUF, 8, D_NEXT, 1);
	ring_desc(&r, 1, at, len, flags, next);
	ring_desc(&r, 2, BUF, 8, 0, 0);
	ring_offer(&r, 0);
	broken(name);
}

static void
test_broken_chains(void)
{
	unsigned i;

	break_chain("a chain that loops", BUF, 8, D_NEXT, 0);
	break_chain("a descriptor after itself", BUF, 8, D_NEXT, 1);
	break_chain("a loop of buffers without bytes", BUF, 0, D_NEXT, 0);
	break_chain("a next one out of range", BUF, 8, D_NEXT, SIZE);
	break_chain("a next one far out of range", BUF, 8, D_NEXT, 0xffff);
	break_chain("a buffer outside of RAM", RAM, 1, 0, 0);
	break_chain("a buffer that leaves RAM", RAM - 4, 5, D_WRITE, 0);
	break_chain("a buffer that wraps", UINT64_MAX - 3, 8, 0, 0);
	break_chain("a huge buffer", BUF, UINT32_MAX, 0, 0);
	up();
	ring_desc(&r, 0, BUF, 8, D_WRITE | D_NEXT, 1);
	ring_desc(&r, 1, BUF, 8, 0, 0);
	ring_offer(&r, 0);
	broken("a readable buffer behind a writable one");
	up();
	ring_desc(&r, 0, BUF, 0, D_WRITE | D_NEXT, 1);
	ring_desc(&r, 1, BUF, 8, 0, 0);
	ring_offer(&r, 0);
	ok(virtq_pop(&q, &c) == 1, "a writable buffer of no bytes before it "
				   "says nothing");
	up();
	ring_offer(&r, SIZE);
	broken("a head out of range");
	up();
	ring_put16(&r, r.avail + 2, SIZE + 1);
	broken("more available than the queue holds");
	ring_put16(&r, r.avail + 2, 0xffff);
	broken("an available index that went back");
	up();
	ring_desc(&r, 0, BUF, 1, 0, 0);
	ring_offer(&r, 0);
	ring_offer(&r, 0);
	ok(virtq_pop(&q, &c) == 1, "a head once");
	broken("the same head while it is in flight");
	virtq_push(&q, 0, 0);
	ok(virtq_pop(&q, &c) == 1, "again, when it is done");
	up();
	for (i = 0; i < SIZE; i++)
		ring_desc(&r, i, BUF, 1, D_NEXT, (uint16_t)((i + 1) % SIZE));
	ring_offer(&r, 3);
	broken("all descriptors in a ring");
}

static void
break_indirect(const char *name, uint64_t at, uint32_t len, uint16_t flags)
{
	up();
	ring_desc(&r, 0, at, len, flags, 1);
	ring_desc(&r, 1, BUF, 8, 0, 0);
	ring_table(&r, TABLE, 0, BUF, 8, 0, 0);
	ring_offer(&r, 0);
	broken(name);
}

static void
test_broken_tables(void)
{
	unsigned i;

	break_indirect("an indirect table of no bytes", TABLE, 0, D_INDIRECT);
	break_indirect("an indirect table of 17 bytes", TABLE, 17, D_INDIRECT);
	break_indirect("a table outside of RAM", RAM, 16, D_INDIRECT);
	break_indirect("a table that leaves RAM", RAM - 16, 32, D_INDIRECT);
	break_indirect("a table that wraps", UINT64_MAX - 15, 32, D_INDIRECT);
	break_indirect("a table larger than RAM", 0, 0xfffffff0u, D_INDIRECT);
	break_indirect(
		"indirect, and a next one", TABLE, 16, D_INDIRECT | D_NEXT);
	up();
	ring_desc(&r, 0, TABLE, 16, D_INDIRECT, 0);
	ring_table(&r, TABLE, 0, TABLE, 16, D_INDIRECT, 0);
	ring_offer(&r, 0);
	broken("indirect inside indirect");
	up();
	ring_desc(&r, 0, TABLE, 32, D_INDIRECT, 0);
	ring_table(&r, TABLE, 0, BUF, 1, D_NEXT, 2);
	ring_offer(&r, 0);
	broken("a next one outside of its table");
	up();
	ring_desc(&r, 0, TABLE, 32, D_INDIRECT, 0);
	ring_table(&r, TABLE, 0, BUF, 1, D_NEXT, 1);
	ring_table(&r, TABLE, 1, BUF, 1, D_NEXT, 0);
	ring_offer(&r, 0);
	broken("a table that loops");
	up();
	ring_desc(&r, 0, BUF, 1, D_NEXT, 1);
	ring_desc(&r, 1, TABLE, 16 * SIZE, D_INDIRECT, 0);
	for (i = 0; i < SIZE; i++)
		ring_table(&r, TABLE, i, BUF, 1, i < SIZE - 1 ? D_NEXT : 0,
			(uint16_t)(i + 1));
	ring_offer(&r, 0);
	broken("direct and indirect together too long");
	up();
	q.indirect = false;
	ring_desc(&r, 0, TABLE, 16, D_INDIRECT, 0);
	ring_table(&r, TABLE, 0, BUF, 1, 0, 0);
	ring_offer(&r, 0);
	broken("indirect, not negotiated");
	up();
	c.room = 2;
	for (i = 0; i < 3; i++)
		ring_desc(&r, i, BUF, 1, i < 2 ? D_NEXT : 0, (uint16_t)(i + 1));
	ring_offer(&r, 0);
	broken("more buffers than the device has room for");
}

static void
test_bytes(void)
{
	struct mem *big;
	unsigned i;

	/* 4 GiB in all take 8 buffers of 1 GiB, untouched. */
	if (mem_new(&big, 1ull << 30)) {
		printf("# no memory: %s\n", fail_text());
		return;
	}
	up();
	q.mem = big;
	ring_at(&r, big, RING, SIZE);
	for (i = 0; i < SIZE; i++)
		ring_desc(&r, i, 0, 1u << 30, i < SIZE - 1 ? D_NEXT : 0,
			(uint16_t)(i + 1));
	ring_offer(&r, 0);
	broken("more than 4 GiB in a chain");
	mem_free(big);
}

static void
refused(const char *name)
{
	fail_clear();
	ok(virtq_check(&q) == -EINVAL && *fail_text(), "not enabled: %s", name);
}

static void
test_check(void)
{
	up();
	ok(!virtq_check(&q), "a queue in RAM may be enabled");
	regs.size[3] = 0;
	refused("no entries");
	regs.size[3] = 24;
	refused("a size that is no power of two");
	regs.size[3] = 128;
	refused("more entries than offered");
	up();
	regs.desc[3] += 8;
	refused("descriptors that are not aligned");
	up();
	regs.avail[3]++;
	refused("an available ring that is not aligned");
	up();
	regs.used[3] += 2;
	refused("a used ring that is not aligned");
	up();
	regs.desc[3] = RAM - 16 * SIZE + 16;
	refused("descriptors that leave RAM");
	up();
	regs.avail[3] = RAM;
	refused("an available ring outside of RAM");
	up();
	regs.used[3] = 0ull - 4;
	refused("a used ring that wraps");
}

static void
test_unpop(void)
{
	up();
	ring_desc(&r, 6, BUF, 1, 0, 0);
	ring_offer(&r, 6);
	virtq_pop(&q, &c);
	virtq_unpop(&q, 6);
	is_u64(virtq_in_flight(&q), 0, "what is put back is not in flight");
	ok(virtq_pop(&q, &c) == 1 && c.head == 6, "and comes again");
}

static void
one(void)
{
	ring_offer(&r, 0);
	virtq_pop(&q, &c);
	virtq_push(&q, 0, 0);
}

static void
test_interrupts(void)
{
	unsigned i;

	up();
	ring_desc(&r, 0, BUF, 1, 0, 0);
	ok(!virtq_interrupt(&q), "nothing done, no interrupt");
	one();
	ok(virtq_interrupt(&q), "an interrupt for what is done");
	ok(!virtq_interrupt(&q), "only once");
	ring_no_interrupt(&r, true);
	one();
	ok(!virtq_interrupt(&q), "none where the driver wants none");
	up();
	q.event_idx = true;
	ring_desc(&r, 0, BUF, 1, 0, 0);
	ring_set_used_event(&r, 0);
	one();
	ok(virtq_interrupt(&q), "event index: the first one");
	one();
	ok(!virtq_interrupt(&q), "event index: none until it is reached");
	ring_set_used_event(&r, 3);
	one();
	ok(!virtq_interrupt(&q), "event index: one before");
	one();
	ok(virtq_interrupt(&q), "event index: reached");
	ring_set_used_event(&r, 5);
	for (i = 0; i < 5; i++)
		one();
	ok(virtq_interrupt(&q), "event index: passed");
	regs.last_avail[3] = regs.used_at[3] = r.offered = 0xffff;
	regs.signalled[3] = 0xffff;
	ring_put16(&r, r.avail + 2, 0xffff);
	ring_put16(&r, r.avail + 4 + 2 * (0xffff % SIZE), 0);
	ring_set_used_event(&r, 0xffff);
	one();
	ok(ring_done(&r) == 0 && virtq_interrupt(&q),
		"event index: around the end");
}

static void
test_notifications(void)
{
	up();
	q.event_idx = true;
	ring_desc(&r, 0, BUF, 1, 0, 0);
	one();
	one();
	is_u64(ring_avail_event(&r), 0,
		"a busy queue does not ask for notifications");
	ok(virtq_pop(&q, &c) == 0, "an empty one");
	is_u64(ring_avail_event(&r), 2, "asks to be told of the next");
}

static void
test_moved(void)
{
	up();
	ring_desc(&r, 0, BUF, 1, 0, 0);
	ring_offer(&r, 0);
	regs.avail[3] = RAM;
	broken("an available ring that is no longer in RAM");
	up();
	ring_offer(&r, 0);
	regs.desc[3] = RAM;
	broken("descriptors that are no longer in RAM");
	up();
	ring_desc(&r, 0, BUF, 1, 0, 0);
	ring_offer(&r, 0);
	virtq_pop(&q, &c);
	regs.used[3] = RAM;
	virtq_push(&q, 0, 0);
	ok(!virtq_in_flight(&q), "a used ring that is gone is not written");
}

int
main(void)
{
	deadline(30);
	if (mem_new(&m, RAM))
		return 1;
	test_chain();
	test_used();
	test_zero();
	test_indirect();
	test_broken_chains();
	test_broken_tables();
	test_bytes();
	test_check();
	test_unpop();
	test_interrupts();
	test_notifications();
	test_moved();
	mem_free(m);
	return done();
}
