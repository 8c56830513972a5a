/* SPDX-License-Identifier: MIT */
/* A flash chip as EDK2 drives it, and its file: dev/flash.h. */
#include "dev/flash.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dev/bus.h"
#include "lib/err.h"
#include "tests/tap.h"

#define SIZE (16 * FLASH_BLOCK)
#define BASE 0x100000

struct rig {
	uint8_t mem[SIZE];
	int fd;
	struct bus *bus;
	struct dev *dev;
	unsigned turns;
	bool commands;
};

static void
commands(void *to, bool on)
{
	struct rig *r = to;

	r->turns++;
	r->commands = on;
}

static void
rig_up(struct rig *r)
{
	struct flash_out out = {commands, r};

	memset(r, 0, sizeof(*r));
	for (unsigned n = 0; n < SIZE; n++)
		r->mem[n] = (uint8_t)(n * 7 + 1);
	r->fd = memfd_create("flash", MFD_CLOEXEC);
	if (r->fd < 0 || write(r->fd, r->mem, SIZE) != SIZE ||
		bus_new(&r->bus, "memory", 1 << 30) ||
		!(r->dev = flash_new(r->mem, SIZE, r->fd, out)) ||
		bus_add(r->bus, BASE, SIZE, r->dev, 0)) {
		printf("Bail out! %s\n", fail_text());
		exit(1);
	}
}

static void
rig_down(struct rig *r)
{
	dev_free(r->dev);
	bus_free(r->bus);
	close(r->fd);
}

static uint64_t
rd(struct rig *r, unsigned at, unsigned size)
{
	return bus_read(r->bus, BASE + at, size);
}

static void
wr(struct rig *r, unsigned at, uint64_t v)
{
	bus_write(r->bus, BASE + at, 1, v);
}

static uint8_t
in_file(struct rig *r, unsigned at)
{
	uint8_t b = 0;

	return pread(r->fd, &b, 1, at) == 1 ? b : 0;
}

static void
test_reading(void)
{
	struct rig r;

	rig_up(&r);
	ok(rd(&r, 3, 1) == 22 && rd(&r, 4, 4) == 0x322b241d,
		"it reads as memory");
	wr(&r, 0, 0x70);
	ok(rd(&r, 3, 1) == 0x80 && r.commands && r.turns == 1,
		"after a command as its status, and the board hears of it");
	wr(&r, 0, 0x50);
	ok(rd(&r, 3, 1) == 22 && !r.commands, "clearing that goes back");
	wr(&r, 0, 0x70);
	ok(rd(&r, 0, 1) == 0, "it then is all clear, which EDK2 looks for");
	wr(&r, 0, 0x90);
	ok(rd(&r, 0, 1) == 0x89 && rd(&r, 1, 1) == 0x18, "it has an identity");
	wr(&r, 0x55, 0x98);
	ok(rd(&r, 0x10, 1) == 'Q' && rd(&r, 0x11, 2) == ('R' | 'Y' << 8) &&
			rd(&r, 0x13, 2) == 1 && rd(&r, 0x27, 1) == 16 &&
			rd(&r, 0x2d, 2) == 15 && rd(&r, 0x2f, 2) == 16,
		"and says what it is");
	wr(&r, 0, 0xff);
	ok(rd(&r, 3, 1) == 22 && !r.commands && r.turns == 4,
		"then reads as memory again");
	rig_down(&r);
}

static void
test_writing(void)
{
	struct rig r;

	rig_up(&r);
	wr(&r, 100, 0x10);
	wr(&r, 100, 0x00);
	ok(r.mem[100] == 0 && in_file(&r, 100) == 0 && rd(&r, 0, 1) == 0x80,
		"a byte is programmed, and in the file at once");
	wr(&r, 101, 0x40);
	bus_write(r.bus, BASE + 102, 2, 0x1234);
	ok(r.mem[102] == 0x34 && r.mem[103] == 0x12, "so is a word");
	wr(&r, 5000, 0x20);
	wr(&r, 5000, 0xd0);
	ok(r.mem[4095] == (uint8_t)(4095 * 7 + 1) && r.mem[4096] == 0xff &&
			r.mem[8191] == 0xff && in_file(&r, 8191) == 0xff &&
			r.mem[8192] == (uint8_t)(8192 * 7 + 1),
		"a block is erased");
	wr(&r, 5000, 0x20);
	wr(&r, 8192, 0x12);
	ok(rd(&r, 0, 1) == 0xb0 && r.mem[8192] == (uint8_t)(8192 * 7 + 1),
		"one that is not confirmed is not");
	wr(&r, 0, 0x50);
	wr(&r, 0, 0x60);
	wr(&r, 0, 0xd0);
	ok(rd(&r, 0, 1) == 0x80, "locks are taken note of");
	rig_down(&r);
}

static void
test_buffer(void)
{
	struct rig r;

	rig_up(&r);
	wr(&r, 4096, 0xe8);
	ok(rd(&r, 4096, 1) == 0x80, "the buffer is free");
	wr(&r, 4096, 3);
	bus_write(r.bus, BASE + 4100, 4, 0xddccbbaa);
	ok(r.mem[4100] == (uint8_t)(4100 * 7 + 1), "what fills it waits");
	wr(&r, 4096, 0xd0);
	ok(r.mem[4100] == 0xaa && in_file(&r, 4103) == 0xdd &&
			rd(&r, 0, 1) == 0x80,
		"until it is confirmed");
	wr(&r, 0, 0xe8);
	wr(&r, 0, 64);
	ok(rd(&r, 0, 1) == 0x90, "too much is refused");
	wr(&r, 0, 0x50);
	wr(&r, 0, 0xe8);
	wr(&r, 0, 1);
	wr(&r, 10, 1);
	wr(&r, 20, 2);
	ok((rd(&r, 0, 1) & 0x10) && r.mem[10] == 71,
		"so is what does not follow");
	wr(&r, 0, 0x50);
	wr(&r, 0, 0xe8);
	wr(&r, 0, 63);
	for (unsigned n = 0; n < 64; n++)
		wr(&r, SIZE - 64 + n, n);
	wr(&r, 0, 0xd0);
	ok(r.mem[SIZE - 64] == 0 && r.mem[SIZE - 1] == 63,
		"a full one at the very end");
	rig_down(&r);
}

static void
test_reset(void)
{
	struct rig r;

	rig_up(&r);
	wr(&r, 7, 0x10);
	dev_reset(r.dev);
	ok(!r.commands && rd(&r, 7, 1) == 50, "a reset ends a command");
	wr(&r, 7, 0x33);
	ok(rd(&r, 7, 1) == 50, "and its data is none");
	rig_down(&r);
}

/* Its file is full, or gone bad. */
static void
test_failure(void)
{
	struct rig r;

	rig_up(&r);
	close(r.fd);
	r.fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	wr(&r, 9, 0x10);
	wr(&r, 9, 0x77);
	ok(rd(&r, 0, 1) == 0x90 && r.mem[9] == 0x77,
		"the guest is told of a write that failed");
	rig_down(&r);
}

int
main(void)
{
	deadline(20);
	test_reading();
	test_writing();
	test_buffer();
	test_reset();
	test_failure();
	return done();
}
