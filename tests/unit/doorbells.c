/* SPDX-License-Identifier: MIT */
/* Doorbells, on an engine that notes what is asked of it. */
#include "vmm/doorbells.h"

#include <errno.h>
#include <unistd.h>

#include "dev/virtio-rng.h"
#include "tests/tap.h"
#include "tests/virtio-rig.h"

static struct {
	int fd; /* at the address */
	uint64_t addr;
	unsigned added, removed;
	bool none;
} hung;

static int
doorbell(struct engine *e, int fd, bool port, uint64_t addr, unsigned size,
	uint64_t val, bool add)
{
	(void)e, (void)val;
	if (hung.none)
		return -ENOTSUP;
	if (port || size)
		exit(1);
	if (add) {
		hung.added++;
		hung.fd = fd;
		hung.addr = addr;
	} else {
		hung.removed++;
		if (fd != hung.fd || addr != hung.addr)
			exit(1);
		hung.fd = -1;
	}
	return 0;
}

static const struct engine_ops ops = {.name = "fake", .doorbell = doorbell};

static struct vrig g;
static struct loop *loop;
static struct clock *clock_;
static struct doorbells *bells;

static void
up(bool none)
{
	memset(&hung, 0, sizeof(hung));
	hung.fd = -1;
	hung.none = none;
	clock_ = clock_new_manual(0);
	vrig_init(&g);
	vrig_add(&g, virtio_rng_new(g.m, clock_, rng_host));
	if (loop_new(&loop, NULL) || doorbells_new(&bells, &ops, NULL, loop))
		exit(1);
	vrig_start(&g, 0, 8);
}

static void
down(void)
{
	doorbells_free(bells);
	loop_free(loop);
	vrig_free(&g);
	clock_free(clock_);
}

/* A request in the ring, and the bell instead of a register. */
static void
ring(void)
{
	uint64_t one = 1;

	ring_desc(&g.ring[0], 0, RIG_BUFS, 8, D_WRITE, 0);
	ring_offer(&g.ring[0], 0);
	if (write(hung.fd, &one, sizeof(one)) != sizeof(one))
		exit(1);
}

static void
test_ring(void)
{
	up(false);
	doorbells_moved(bells, g.v, RIG_BAR, true);
	ok(!hung.added, "a vCPU hangs up nothing");
	loop_once(loop, 0);
	ok(hung.added == 1 && hung.addr == RIG_BAR + VIRTIO_NOTIFY,
		"the loop does");
	ring();
	loop_once(loop, 1000);
	is_u64(ring_done(&g.ring[0]), 1, "who rings is heard");
	ring();
	doorbells_flush(bells);
	is_u64(ring_done(&g.ring[0]), 2, "at once, when all stand");
	doorbells_flush(bells);
	loop_once(loop, 0);
	is_u64(ring_done(&g.ring[0]), 2, "and once");
	down();
	ok(hung.removed == 1, "nothing is left hanging");
}

static void
test_move(void)
{
	up(false);
	doorbells_moved(bells, g.v, RIG_BAR, true);
	loop_once(loop, 0);
	doorbells_moved(bells, g.v, RIG_BAR, false);
	ok(hung.removed == 1, "it is taken down at once");
	loop_once(loop, 0);
	ok(hung.added == 1, "and stays so");
	doorbells_moved(bells, g.v, RIG_BAR + 0x100000, true);
	doorbells_moved(bells, g.v, RIG_BAR + 0x200000, true);
	loop_once(loop, 0);
	ok(hung.added == 2 && hung.addr == RIG_BAR + 0x200000 + VIRTIO_NOTIFY,
		"it hangs where the BAR is last");
	doorbells_moved(bells, g.v, RIG_BAR, true);
	doorbells_remove(bells, g.v);
	loop_once(loop, 0);
	ok(hung.added == 2 && hung.removed == 2,
		"none for a device that went meanwhile");
	down();
}

static void
test_none(void)
{
	up(true);
	doorbells_moved(bells, g.v, RIG_BAR, true);
	loop_once(loop, 0);
	doorbells_flush(bells);
	doorbells_moved(bells, g.v, RIG_BAR, false);
	doorbells_moved(bells, g.v, RIG_BAR, true);
	vrig_give(&g, 0, 0, RIG_BUFS, 8, true);
	is_u64(ring_done(&g.ring[0]), 1,
		"an engine without them leaves it to the bus");
	down();
}

int
main(void)
{
	deadline(30);
	test_ring();
	test_move();
	test_none();
	return done();
}
