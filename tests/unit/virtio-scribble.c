/* SPDX-License-Identifier: MIT */
/*
 * A hostile driver: it writes anything to the registers and rings of virtio
 * devices, from two sides at once, and they go on. A second thread changes the
 * guest's memory while the device looks at it.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "dev/virtio-balloon.h"
#include "dev/virtio-blk.h"
#include "dev/virtio-console.h"
#include "dev/virtio-input.h"
#include "dev/virtio-rng.h"
#include "lib/clock.h"
#include "tests/tap.h"
#include "tests/virtio-poke.h"

/* Until it has both worked and been broken, which is a matter of luck. */
enum { ROUNDS = 30000, MOST = 40 * ROUNDS };
#define RAM 0x10000u

static struct mem *m;
static struct disk *disk; /* that is tested */
static atomic_bool over;

/* Descriptors, rings, indirect tables: all of it, all the time. */
static void *
scribble(void *to)
{
	volatile uint8_t *ram = mem_span(m, 0, RAM);
	uint64_t s = 77, a;

	while (!atomic_load(&over)) {
		a = poke_rnd(&s);
		ram[(a >> 8) % RAM] = (uint8_t)(a >> 40);
	}
	return to;
}

struct count {
	unsigned rounds, broke, worked;
};

static bool
goes_on(const struct count *c)
{
	return c->rounds < ROUNDS ||
	       (c->rounds < MOST && !(c->broke && c->worked));
}

static struct count
drive(struct virtio *v, struct clock *clock, struct chr *chr)
{
	struct virtio_input_event key = {1, 30, 1};
	struct count c = {0};
	uint64_t s = 4711;
	uint16_t was = 0;

	dev_reset(&v->dev);
	for (unsigned i; goes_on(&c); c.rounds++) {
		i = c.rounds;
		virtio_poke(v, poke_rnd(&s));
		if (v->ops->id == VIRTIO_ID_INPUT)
			virtio_input_send(&v->dev, &key, 1);
		if (chr && i % 3 == 0)
			chr_mem_say(chr, "scribble", 8);
		if (chr && i % 64 == 0)
			chr_mem_event(chr, i % 128 ? CHR_OPENED : CHR_HANGUP);
		if (i % 16 == 0)
			clock_advance(clock, NS_PER_S / 8);
		c.broke += v->r->status >> 6 & 1;
		c.worked += v->r->queue.used_at[0] != was;
		was = v->r->queue.used_at[0];
	}
	return c;
}

static void
test(const char *name, struct dev *d, struct clock *clock, struct chr *chr)
{
	struct virtio *v = (struct virtio *)d;
	struct count c = drive(v, clock, chr);

	printf("# of %u rounds, %u broken, %u with work done\n", c.rounds,
		c.broke, c.worked);
	ok(c.broke && c.worked, "%s lives", name);
	if (disk)
		disk_drain(disk);
	dev_reset(d);
	is_u64(v->r->status, 0, "and a reset makes it new");
	dev_free(d);
}

static void
test_disk(struct clock *clock)
{
	struct disk_options o = {.id = "disk0", .clock = clock};
	struct image_options io = {.write = true};
	struct virtio_blk_options b = {.serial = "scribble", .queues = 4};
	struct image *im;
	int fd = memfd_create("disk", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, 1 << 20) ||
		image_open(&im, fd, "disk", IMAGE_RAW, &io) ||
		workers_new(&o.workers, 2) ||
		workers_start(o.workers, NULL, NULL) || disk_new(&b.disk, &o) ||
		disk_set_medium(b.disk, im, true))
		exit(1);
	disk = b.disk;
	test("disk", virtio_blk_new(m, &b), clock, NULL);
	disk_free(b.disk);
	workers_free(o.workers);
}

int
main(void)
{
	struct clock *clock = clock_new_manual(0);
	struct virtio_console_port port[2] = {
		{"one", NULL, true, true}, {"two", NULL, false, true}};
	pthread_t thread;

#ifdef __SANITIZE_THREAD__
	skip_all("the guest races with the device: it is meant to");
#endif
	deadline(60);
	if (mem_new(&m, RAM) || pthread_create(&thread, NULL, scribble, NULL))
		return 1;
	port[0].chr = chr_new_mem();
	port[1].chr = chr_new_mem();
	chr_mem_limit(port[1].chr, 100000);
	test("rng", virtio_rng_new(m, clock, rng_host), clock, NULL);
	test("balloon", virtio_balloon_new(m), clock, NULL);
	test("keyboard", virtio_keyboard_new(m, (struct input_tell){0}), clock,
		NULL);
	test("tablet", virtio_tablet_new(m, (struct input_tell){0}), clock,
		NULL);
	test("console", virtio_console_new(m, port, 2), clock, port[0].chr);
	test_disk(clock);
	atomic_store(&over, true);
	pthread_join(thread, NULL);
	chr_free(port[0].chr);
	chr_free(port[1].chr);
	mem_free(m);
	clock_free(clock);
	return done();
}
