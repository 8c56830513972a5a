/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: the rings of a virtqueue. An input is 4 bytes of choices, then
 * guest memory from 0 on: descriptors, available ring at 0x400, used ring at
 * 0x800, the rest tables and buffers. Whatever the rings say, chains are
 * bounded and lie in memory.
 */
#include <stdlib.h>
#include <string.h>

#include "dev/virtq.h"

enum { RAM = 0x10000, AVAIL = 0x400, USED = 0x800, MAX = 64, POPS = 200 };

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
want(bool good)
{
	if (!good)
		abort();
}

static void
look_at(struct mem *m, const struct virtq *q, const struct virtq_chain *c)
{
	const uint8_t *ram = mem_span(m, 0, RAM);
	uint64_t outs = 0, ins = 0;
	unsigned i;

	want(c->head < q->r->size[0] && c->outs + c->ins <= q->r->size[0]);
	for (i = 0; i < c->outs + c->ins; i++) {
		const uint8_t *at = c->iov[i].iov_base;

		want(at >= ram && c->iov[i].iov_len <= RAM &&
			at + c->iov[i].iov_len <= ram + RAM);
		want(ram + c->gpa[i] == at && c->iov[i].iov_len);
		*(i < c->outs ? &outs : &ins) += c->iov[i].iov_len;
	}
	want(outs == c->out_len && ins == c->in_len);
	want(virtq_in_flight(q) <= q->r->size[0]);
}

static void
run(struct mem *m, const uint8_t *choice)
{
	struct iovec iov[MAX];
	uint64_t gpa[MAX];
	struct virtq_chain c = {.iov = iov, .gpa = gpa, .room = MAX};
	struct virtq_regs r;
	struct virtq q = {.r = &r, .mem = m, .max = MAX};
	uint16_t held[MAX];
	unsigned i, n = 0;
	uint8_t bytes[300];

	memset(&r, 0, sizeof(r));
	virtq_reset(&q);
	r.size[0] = (uint16_t)(1 << choice[0] % 7);
	r.avail[0] = AVAIL;
	r.used[0] = USED;
	r.last_avail[0] = r.used_at[0] = r.signalled[0] = choice[1];
	q.event_idx = choice[2] & 1;
	q.indirect = choice[2] & 2;
	want(!virtq_check(&q));
	for (i = 0; i < POPS && virtq_pop(&q, &c) > 0; i++) {
		look_at(m, &q, &c);
		if (choice[2] & 4 && i % 8 == 7) {
			virtq_unpop(&q, c.head);
			continue;
		}
		virtq_copy_out(&c, choice[3], bytes, sizeof(bytes));
		virtq_copy_in(m, &c, choice[3], bytes, sizeof(bytes));
		virtq_dirty(m, &c, c.in_len);
		held[n++] = c.head;
		while (n && (choice[2] & 8 || n == MAX || i % 3 == 2))
			virtq_push(&q, held[--n], i);
		virtq_interrupt(&q);
	}
	while (n)
		virtq_push(&q, held[--n], 0);
	want(!virtq_in_flight(&q));
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct mem *m;

	if (n < 4 || (!m && mem_new(&m, RAM)))
		return 0;
	mem_fill(m, 0, 0, RAM);
	mem_write(m, 0, p + 4, n - 4 < RAM ? n - 4 : RAM);
	run(m, p);
	return 0;
}
